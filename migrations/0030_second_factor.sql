-- A second factor: passcodes by time (RFC 6238) beside the password.

alter table users
    add column totp_sealed_secret bytea,   -- sealed for "totp <user id>"; null: the password alone lets in
    add column totp_last_step     bigint;  -- the newest step of 30 seconds whose passcode was used; null: none yet
