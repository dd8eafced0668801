-- Acting for another account, and keys for a while.

-- An agency: an account lets the users of another one act for it. It belongs to the account that grants it; the trusted
-- account may be another tenant's, so nothing refers to it.
create table agencies (
    tenant_id         uuid        not null,
    agency_id         uuid        not null,
    domain_id         uuid        not null,
    name              text        not null,
    trusted_domain_id uuid        not null,
    created_at        timestamptz not null,
    constraint agencies_pk primary key (tenant_id, agency_id),
    constraint agencies_name_key unique (tenant_id, domain_id, name)
);
select place_by_tenant('agencies');
do $$ begin
    alter table agencies add constraint agencies_domain_fk
        foreign key (tenant_id, domain_id) references domains (tenant_id, domain_id);
end $$;

-- Under an agency `tenant_id` and `domain_id` of a token are the granting account's, the user is the trusted one's.
alter table tokens
    add column method         text not null default 'password',
    add column user_tenant_id uuid,     -- where the user is; null: the token's own tenant
    add column agency_id      uuid;     -- null: the user acts for its own account

create table temporary_keys (
    access_key          text        not null,
    tenant_id           uuid        not null,
    domain_id           uuid        not null,
    user_id             uuid        not null,
    user_tenant_id      uuid,           -- as in tokens
    agency_id           uuid,
    sealed_secret       bytea       not null,
    security_token_hash bytea       not null, -- SHA-256; signatures of this key count only with the token beside them
    expires_at          timestamptz not null,
    constraint temporary_keys_pk primary key (access_key)
);
create index temporary_keys_expiry on temporary_keys (expires_at);
select place_by_key('temporary_keys', 'access_key');

-- An agency may be asked for by the granting account's id.
create index login_names_domain on login_names (domain_id);
