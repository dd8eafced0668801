-- Resources that customers have bought for a time.

create table subscriptions (
    tenant_id          uuid        not null,
    resource_id        text        not null,
    domain_id          uuid        not null,
    project_id         uuid        not null,
    resource_type_code text        not null,
    resource_spec      text        not null,
    region_code        text        not null,
    resource_size      integer,              -- of linear products
    size_measure_id    integer,
    currency           text        not null, -- in which it was bought and is renewed
    is_main            boolean     not null, -- a secondary resource, a server's disk, follows its parent
    parent_id          text,                 -- of a secondary its primary; of a primary the one it is associated with
    period_type        smallint    not null,
    period_num         integer     not null,
    state              text        not null,
    expires_at         timestamptz not null,
    created_at         timestamptz not null,
    constraint subscriptions_pk primary key (tenant_id, resource_id),
    constraint subscriptions_currency_known check (currency in ('CNY', 'USD')),
    constraint subscriptions_secondary_has_parent check (is_main or parent_id is not null),
    constraint subscriptions_size_has_measure check ((resource_size is null) = (size_measure_id is null)),
    constraint subscriptions_period_known check (period_type in (0, 2, 3) and period_num > 0),
    constraint subscriptions_state_known check (state in ('in-use', 'pending-payment', 'changing', 'deleted'))
);
create index subscriptions_parent on subscriptions (tenant_id, parent_id);
create index subscriptions_domain on subscriptions (tenant_id, domain_id);
select place_by_tenant('subscriptions');

do $$ begin
    alter table subscriptions add constraint subscriptions_domain_fk
        foreign key (tenant_id, domain_id) references domains (tenant_id, domain_id);
end $$;
do $$ begin
    alter table subscriptions add constraint subscriptions_parent_fk
        foreign key (tenant_id, parent_id) references subscriptions (tenant_id, resource_id);
end $$;
