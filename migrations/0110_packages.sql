-- Resource packages: quantities of usage that a customer has bought or was given, and what was taken out of them.

create table packages (
    tenant_id             uuid        not null,
    package_id            uuid        not null,
    owner_id              uuid        not null, -- the customer
    order_id              text,                 -- null: it was given without an order
    order_instance_id     text,                 -- what the order calls it; null: its own id is shown
    product_id            text        not null,
    product_name          text        not null,
    service_type_code     text        not null,
    region_code           text        not null,
    enterprise_project_id text,
    is_bound              boolean     not null, -- it serves that enterprise project alone
    scenario              text,                 -- what it is limited to; null: it serves any
    is_promotional        boolean     not null, -- it was given, not bought
    bundle_type           smallint    not null, -- 1 a package by itself, 2 one of several
    reset_cycle           smallint,             -- 1 hour, 2 day, 3 week, 4 month, 5 year; null: its quantities do not come back
    reset_by              smallint,             -- 1 by the calendar of UTC+8, 2 counted from when it took effect
    effective_at          timestamptz not null,
    expires_at            timestamptz not null,
    used_up_until         timestamptz,          -- nothing is left of any item until then
    unsubscribed_at       timestamptz,
    created_at            timestamptz not null,
    constraint packages_pk primary key (tenant_id, package_id),
    constraint packages_order_instance_key unique (tenant_id, order_instance_id),
    constraint packages_instance_has_order check (order_instance_id is null or order_id is not null),
    constraint packages_bound_to_one check (not is_bound or enterprise_project_id is not null),
    constraint packages_bundle_known check (bundle_type in (1, 2)),
    constraint packages_reset_known check (reset_cycle between 1 and 5 and reset_by in (1, 2)
                                           or reset_cycle is null and reset_by is null),
    constraint packages_life_ordered check (effective_at < expires_at)
);
create index packages_of_owner on packages (tenant_id, owner_id, expires_at desc, package_id desc);
select place_by_tenant('packages');

-- What is in a package, an item for each usage type.
create table package_items (
    tenant_id          uuid           not null,
    item_id            uuid           not null,
    package_id         uuid           not null,
    resource_type_code text           not null,
    usage_type_code    text           not null,
    measure_id         integer        not null,
    original_amount    numeric(28, 8) not null, -- in each cycle
    remaining_amount   numeric(28, 8) not null, -- in the cycle that it was taken from last
    cycle_began_at     timestamptz    not null, -- that cycle
    constraint package_items_pk primary key (tenant_id, item_id),
    constraint package_items_usage_key unique (tenant_id, package_id, resource_type_code, usage_type_code),
    constraint package_items_amounts check (original_amount > 0 and remaining_amount between 0 and original_amount)
);
select place_by_tenant('package_items');

-- What was taken out of packages for what usage.
create table package_usages (
    tenant_id          uuid           not null,
    happened_at        timestamptz    not null,
    record_id          uuid           not null,
    owner_id           uuid           not null,
    item_id            uuid           not null,
    product_id         text           not null, -- the package's
    product_name       text           not null,
    resource_id        text           not null, -- what was used
    resource_tag       text           not null,
    resource_type_code text           not null,
    usage_type_code    text           not null,
    measure_id         integer        not null,
    available_amount   numeric(28, 8) not null, -- before
    used_amount        numeric(28, 8) not null,
    used_from          timestamptz    not null,
    used_until         timestamptz    not null,
    constraint package_usages_pk primary key (tenant_id, owner_id, happened_at, record_id),
    constraint package_usages_amounts check (used_amount > 0 and used_amount <= available_amount),
    constraint package_usages_span_ordered check (used_from <= used_until)
) partition by range (happened_at);
select place_by_tenant('package_usages');
revoke update, delete, truncate on package_usages from bss_gateway;

do $$ begin
    alter table packages add constraint packages_owner_fk
        foreign key (tenant_id, owner_id) references domains (tenant_id, domain_id);
end $$;
do $$ begin
    alter table package_items add constraint package_items_package_fk
        foreign key (tenant_id, package_id) references packages (tenant_id, package_id);
end $$;
