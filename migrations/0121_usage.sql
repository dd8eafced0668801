-- What services report as used.

create table usages (
    tenant_id       uuid           not null,
    used_from       timestamptz    not null,
    record_id       text           not null, -- the service's own; with the beginning it makes a repeat harmless
    used_until      timestamptz    not null,
    domain_id       uuid,                    -- the customer; null: nobody's resource yet
    resource_id     text           not null,
    usage_type_code text           not null,
    quantity        numeric(28, 8) not null,
    measure_id      integer        not null,
    scenario        text,                    -- what packages can be limited to
    reported_at     timestamptz    not null,
    aside           text,                    -- why it is kept aside: unknown, overlap, unpriced
    settle_at       timestamptz,             -- null: it is kept aside
    charge_id       uuid,                    -- null: it waits
    constraint usages_pk primary key (tenant_id, used_from, record_id),
    constraint usages_span_ordered check (used_from <= used_until),
    constraint usages_quantity_known check (quantity >= 0),
    constraint usages_aside_known check (aside in ('unknown', 'overlap', 'unpriced')),
    constraint usages_wait_or_not check ((aside is null) = (settle_at is not null))
) partition by range (used_from);
create index usages_waiting on usages (tenant_id, settle_at, domain_id) where charge_id is null and settle_at is not null;
create index usages_of_resource on usages (tenant_id, resource_id, usage_type_code, used_from);
create index usages_aside on usages (tenant_id, aside, used_from) where aside is not null;
select place_by_tenant('usages');
revoke update, delete, truncate on usages from bss_gateway;
-- What was reported never changes; what becomes of it does.
grant update (domain_id, aside, settle_at, charge_id) on usages to bss_gateway;
