-- What accounts are to be told. A row is written in the transaction of the change it is about; delivery comes after.

create table outbox (
    tenant_id  uuid        not null,
    event_id   uuid        not null,    -- of version 7: the order of the ids is the order of the events
    domain_id  uuid        not null,    -- the account that is told
    kind       text        not null,    -- for instance coupon_quota.used
    payload    jsonb       not null,
    created_at timestamptz not null,    -- in the tenant's time
    constraint outbox_pk primary key (tenant_id, event_id)
);
select place_by_tenant('outbox');
