-- Verification codes, by the keyed hash of the phone or e-mail address they are sent to.

create table verification_codes (
    receiver_hash bytea       not null,
    scene         smallint    not null,
    code_hash     bytea       not null,
    expires_at    timestamptz not null,
    failures      smallint    not null,         -- wrong tries
    customer_id   uuid,                         -- for whom, where the scene is about one
    readable      text,                         -- the code itself, in the sandbox only
    constraint verification_codes_pk primary key (receiver_hash, scene)
);
create index verification_codes_expiry on verification_codes (expires_at);
select place_by_key('verification_codes', 'receiver_hash');

-- When codes were sent to a receiver, within the last day.
create table verification_sends (
    receiver_hash bytea         not null,
    sent_at       timestamptz[] not null,
    constraint verification_sends_pk primary key (receiver_hash)
);
select place_by_key('verification_sends', 'receiver_hash');
