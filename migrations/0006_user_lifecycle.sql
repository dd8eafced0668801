-- When a password changes or a user is disabled, what was given to it before ends.

alter table users add column tokens_valid_from timestamptz;         -- null: all of its tokens are valid
alter table temporary_keys add column issued_at timestamptz not null;

-- A user's keys: at most two are enabled at once.
create index access_keys_user on access_keys (tenant_id, user_id);
