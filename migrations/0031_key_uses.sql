-- When an access key was last used, so that a forgotten one can be told from one that is needed.

alter table access_keys add column last_used_at timestamptz;        -- null: never; written about once a minute
