-- Users log in by their ids alone, too, as the identity service lets them.

do $$ begin
    create index users_by_id on users (user_id);
end $$;
