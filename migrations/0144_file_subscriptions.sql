-- File subscriptions: which exports an account wants to be made by themselves, where they go, and what became of each.

create table file_subscriptions (
    tenant_id       uuid        not null,
    subscription_id uuid        not null,
    domain_id       uuid        not null, -- whose
    kind            text        not null, -- of what, as of exports
    format          text        not null,
    language        text        not null, -- of names
    has_bom         boolean     not null,
    rhythm          text        not null,
    bucket          jsonb,                -- where it goes, without the secret; null: into the server's folder
    sealed_secret   bytea,                -- the secret key for the bucket
    enabled         boolean     not null,
    user_name       text        not null, -- who subscribed
    created_at      timestamptz not null,
    due_at          timestamptz not null, -- when the next file falls due, by the tenant's time
    constraint file_subscriptions_pk primary key (tenant_id, subscription_id),
    constraint file_subscriptions_rhythm_known check (rhythm in ('daily', 'weekly')),
    constraint file_subscriptions_secret_of_bucket check ((bucket is null) = (sealed_secret is null))
);
create index file_subscriptions_of_account on file_subscriptions (tenant_id, domain_id, subscription_id);
create index file_subscriptions_due on file_subscriptions (tenant_id, due_at) where enabled;
select place_by_tenant('file_subscriptions');

-- One for each span of days: so a file is made and delivered once, however many replicas find it due.
create table file_deliveries (
    tenant_id       uuid        not null,
    subscription_id uuid        not null,
    first_day       date        not null, -- of UTC+8
    last_day        date        not null,
    due_at          timestamptz not null,
    export_id       uuid,                 -- the file; null: it could not be begun yet
    state           text        not null,
    attempts        integer     not null, -- to bring it there
    error           text,                 -- of the last attempt, or why there is no file
    sha256          text,
    upload          jsonb,                -- how far a long file is
    updated_at      timestamptz not null,
    holder          uuid,                 -- the replica that works on it
    held_until      timestamptz not null, -- by the system's time: until then it is that one's, or rests
    give_up_at      timestamptz,          -- by the system's time; null: nobody has taken it yet
    constraint file_deliveries_pk primary key (tenant_id, subscription_id, first_day),
    constraint file_deliveries_state_known check (state in ('waiting', 'uploading', 'delivered', 'failed'))
);
create index file_deliveries_to_do on file_deliveries (held_until, tenant_id) where state in ('waiting', 'uploading');
create index file_deliveries_to_forget on file_deliveries (tenant_id, due_at) where state in ('delivered', 'failed');
select place_by_tenant('file_deliveries');
do $$ begin
    alter table file_deliveries add constraint file_deliveries_subscription_fk
        foreign key (tenant_id, subscription_id) references file_subscriptions (tenant_id, subscription_id) on delete cascade;
end $$;
