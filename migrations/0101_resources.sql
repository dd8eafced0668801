-- What becomes of the resources that were bought for a time, and resources that are paid by use.

do $$ begin
    alter table subscriptions add column instance_id text not null default '';
end $$;
do $$ begin
    alter table subscriptions add column order_id text not null default '';
end $$;
do $$ begin
    alter table subscriptions add column resource_name text not null default '';
end $$;
do $$ begin
    alter table subscriptions add column service_type_code text not null default '';
end $$;
do $$ begin
    alter table subscriptions add column product_id text not null default '';
end $$;
do $$ begin
    alter table subscriptions add column enterprise_project_id text;
end $$;
do $$ begin
    alter table subscriptions add column status smallint not null default 2;
end $$;
do $$ begin
    alter table subscriptions add column effective_at timestamptz;
end $$;
do $$ begin
    alter table subscriptions add column anchor_day smallint;
end $$;
do $$ begin
    alter table subscriptions add column expire_policy smallint not null default 0;
end $$;
-- Automatic renewal: for months (2) or years (3), null: as bought last; so often, 0: without end; so often done.
do $$ begin
    alter table subscriptions add column renew_period smallint;
end $$;
do $$ begin
    alter table subscriptions add column renew_times smallint not null default 0;
end $$;
do $$ begin
    alter table subscriptions add column renewed_times smallint not null default 0;
end $$;
do $$ begin
    alter table subscriptions add column renew_attempt_at timestamptz; -- when automatic renewal is tried next
end $$;
do $$ begin
    alter table subscriptions add column next_due_at timestamptz; -- of a primary: when something happens to it by itself
end $$;
do $$ begin
    alter table subscriptions add column updated_at timestamptz;
end $$;
-- What was recorded before there were orders.
update subscriptions
set instance_id = resource_id, effective_at = created_at, updated_at = created_at, next_due_at = case when is_main and state <> 'deleted' then expires_at end,
    anchor_day = extract(day from created_at at time zone 'UTC-8'), status = case when state = 'deleted' then 3 else 2 end
where effective_at is null;
do $$ begin
    alter table subscriptions alter column effective_at set not null;
end $$;
do $$ begin
    alter table subscriptions alter column anchor_day set not null;
end $$;
do $$ begin
    alter table subscriptions alter column updated_at set not null;
end $$;
do $$ begin
    alter table subscriptions add constraint subscriptions_status_known check (status in (2, 3, 4, 5));
end $$;
do $$ begin
    alter table subscriptions add constraint subscriptions_policy_known check (expire_policy between 0 and 5);
end $$;
-- The list: primaries first, then the order in which they were bought.
do $$ begin
    create index subscriptions_listed on subscriptions (tenant_id, domain_id, is_main desc, created_at, resource_id);
end $$;
do $$ begin
    create index subscriptions_of_order on subscriptions (tenant_id, order_id, resource_id);
end $$;
do $$ begin
    create index subscriptions_due on subscriptions (tenant_id, next_due_at) where next_due_at is not null;
end $$;

-- What was paid for: each purchase and renewal of a resource from when to when.
create table subscription_periods (
    tenant_id   uuid        not null,
    resource_id text        not null,
    starts_at   timestamptz not null,
    ends_at     timestamptz not null,
    order_id    text        not null,
    line        smallint    not null,
    returned    boolean     not null, -- given back by an unsubscription
    constraint subscription_periods_pk primary key (tenant_id, resource_id, starts_at, order_id),
    constraint subscription_periods_ordered check (starts_at < ends_at)
);
select place_by_tenant('subscription_periods');
do $$ begin
    alter table subscription_periods add constraint subscription_periods_resource_fk
        foreign key (tenant_id, resource_id) references subscriptions (tenant_id, resource_id);
end $$;

-- How an account's resources are renewed: on which day they end together, and how many days before the end it is tried.
create table renew_configs (
    tenant_id      uuid     not null,
    domain_id      uuid     not null,
    expire_day     smallint,          -- 1 to 28, -1 the last of the month; null: each on its own
    deduction_days smallint,          -- 2 to 7 days before the end; null: 7
    constraint renew_configs_pk primary key (tenant_id, domain_id),
    constraint renew_configs_expire_day_known check (expire_day between 1 and 28 or expire_day = -1),
    constraint renew_configs_deduction_days_known check (deduction_days between 2 and 7)
);
select place_by_tenant('renew_configs');

-- How many resources an account gave back unconditionally in a calendar year of UTC+8.
create table free_returns (
    tenant_id uuid     not null,
    domain_id uuid     not null,
    year      smallint not null,
    returned  integer  not null,
    constraint free_returns_pk primary key (tenant_id, domain_id, year)
);
select place_by_tenant('free_returns');

-- Resources that are paid by use.
create table on_demand_resources (
    tenant_id          uuid        not null,
    resource_id        text        not null,
    domain_id          uuid        not null,
    project_id         uuid        not null,
    region_code        text        not null,
    zone_code          text        not null,
    service_type_code  text        not null,
    resource_type_code text        not null,
    resource_spec      text        not null,
    resource_name      text        not null,
    resource_size      integer,
    size_measure_id    integer,
    status             smallint    not null,
    effective_at       timestamptz not null,
    expires_at         timestamptz,          -- when it was closed; null: it runs
    constraint on_demand_resources_pk primary key (tenant_id, resource_id),
    constraint on_demand_resources_status_known check (status between 1 and 6)
);
create index on_demand_resources_listed on on_demand_resources (tenant_id, domain_id, effective_at desc, resource_id desc);
select place_by_tenant('on_demand_resources');
do $$ begin
    alter table on_demand_resources add constraint on_demand_resources_domain_fk
        foreign key (tenant_id, domain_id) references domains (tenant_id, domain_id);
end $$;
