-- Who runs the vendor's side, over the operators' API. Their writes are audited and kept under their keys as those of any
-- caller, in a tenant that is theirs alone.

create table operators (
    operator_id uuid        not null,
    name        text        not null,
    role        text        not null,
    token_hash  bytea       not null,       -- SHA-256; the token itself is kept nowhere
    created_at  timestamptz not null,
    expires_at  timestamptz,                -- null: never
    constraint operators_pk primary key (operator_id),
    constraint operators_name_key unique (name),
    constraint operators_token_key unique (token_hash),
    constraint operators_role_known check (role in ('read', 'operate', 'admin'))
);
select place_everywhere('operators');

insert into tenants (tenant_id, created_at) values ('00000000-0000-0000-0000-000000000000', '2026-01-01 00:00+00');
