-- Who wrote under an Idempotency-Key: another user of the account may see the answer only if the write was open to it as well.
do $$ begin
    alter table idempotency_keys add column user_id uuid;   -- null: not known, as of all that is older than this column
end $$;
