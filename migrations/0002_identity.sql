-- Who calls: accounts (the vendor's word on the wire is "domain"), their users, projects and access keys, and tokens.
--
-- What must be unique across tenants (an account's name, an access key, a token) has a table keyed by that value,
-- without foreign keys to tenant tables: it answers "which tenant?", and the tenant's own tables answer the rest.

create table domains (
    tenant_id  uuid        not null,
    domain_id  uuid        not null,
    parent_id  uuid,                    -- the account it hangs below; null at the top of the tree
    name       text        not null,
    kind       text        not null,
    created_at timestamptz not null,
    constraint domains_pk primary key (tenant_id, domain_id),
    constraint domains_kind_known check (kind in ('partner', 'distributor', 'reseller', 'customer', 'master'))
);
select place_by_tenant('domains');

create table users (
    tenant_id        uuid        not null,
    user_id          uuid        not null,
    domain_id        uuid        not null,
    name             text        not null,
    password_hash    text,                 -- Argon2id in PHC form; null: the user cannot log in with a password
    administrator    boolean     not null, -- the account's own user, to whom every permission is open
    permission_items text[]      not null,
    enabled          boolean     not null,
    created_at       timestamptz not null,
    constraint users_pk primary key (tenant_id, user_id),
    constraint users_name_key unique (tenant_id, domain_id, name)
);
select place_by_tenant('users');

create table projects (
    tenant_id  uuid not null,
    project_id uuid not null,
    domain_id  uuid not null,
    name       text not null,           -- a region code
    constraint projects_pk primary key (tenant_id, project_id),
    constraint projects_name_key unique (tenant_id, domain_id, name)
);
select place_by_tenant('projects');

do $$ begin
    alter table domains add constraint domains_tenant_fk foreign key (tenant_id) references tenants (tenant_id);
end $$;
do $$ begin
    alter table domains add constraint domains_parent_fk
        foreign key (tenant_id, parent_id) references domains (tenant_id, domain_id);
end $$;
do $$ begin
    alter table users add constraint users_domain_fk
        foreign key (tenant_id, domain_id) references domains (tenant_id, domain_id);
end $$;
do $$ begin
    alter table projects add constraint projects_domain_fk
        foreign key (tenant_id, domain_id) references domains (tenant_id, domain_id);
end $$;

create table login_names (
    name      text not null,            -- an account's name, unique over all tenants
    tenant_id uuid not null,
    domain_id uuid not null,
    constraint login_names_pk primary key (name)
);
select place_by_key('login_names', 'name');

create table access_keys (
    access_key          text        not null,
    tenant_id           uuid        not null,
    domain_id           uuid        not null,
    user_id             uuid        not null,
    sealed_secret       bytea       not null, -- master key id, nonce, AES-256-GCM ciphertext; the access key is bound to it
    enabled             boolean     not null,
    require_signed_host boolean     not null, -- stricter than the deployment's settings, never laxer
    require_bound_body  boolean     not null,
    created_at          timestamptz not null,
    constraint access_keys_pk primary key (access_key)
);
select place_by_key('access_keys', 'access_key');

create table tokens (
    token_hash bytea       not null,    -- SHA-256; the token itself is kept nowhere
    tenant_id  uuid        not null,
    domain_id  uuid        not null,
    user_id    uuid        not null,
    project_id uuid,                    -- the scope; null: the whole account
    issued_at  timestamptz not null,
    expires_at timestamptz not null,
    constraint tokens_pk primary key (token_hash)
);
create index tokens_expiry on tokens (expires_at);
select place_by_key('tokens', 'token_hash');
