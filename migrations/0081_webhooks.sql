-- Where events are sent, and what became of each. Due times are the system's, whatever a tenant's clock shows.

create table webhooks (
    tenant_id     uuid        not null,
    webhook_id    uuid        not null,
    domain_id     uuid        not null,     -- whose it is
    url           text        not null,
    kinds         text[]      not null,     -- empty: all
    sealed_secret bytea       not null,     -- what deliveries are signed with
    enabled       boolean     not null,
    created_at    timestamptz not null,
    constraint webhooks_pk primary key (tenant_id, webhook_id)
);
create index webhooks_of_account on webhooks (tenant_id, domain_id, webhook_id);
select place_by_tenant('webhooks');

-- Who can be told at present. An address for bindings is an endpoint with the account's own id, in the vendor's form.
create view endpoints as
select tenant_id, webhook_id as endpoint_id, domain_id, 'standard' as form, url, kinds, sealed_secret
from webhooks where enabled
union all
select tenant_id, domain_id, domain_id, 'binding', callback_url, array['customer.bound', 'customer.unbound'], null
from partner_profiles where callback_url is not null;

create table deliveries (
    tenant_id        uuid        not null,
    event_id         uuid        not null,
    endpoint_id      uuid        not null,
    event_created_at timestamptz not null,
    position         bigint      not null,
    subject_id       uuid        not null,
    state            text        not null,
    due_at           timestamptz not null,  -- while it is being delivered: when it is tried again if nobody reports
    give_up_at       timestamptz not null,  -- a try that fails after this is the last
    attempts         integer     not null,
    ended_at         timestamptz,
    constraint deliveries_pk primary key (tenant_id, event_id, endpoint_id),
    constraint deliveries_state_known check (state in ('open', 'delivered', 'failed'))
) with (fillfactor = 90);
create index deliveries_due on deliveries (tenant_id, endpoint_id, due_at) where state = 'open';
create index deliveries_before on deliveries (tenant_id, endpoint_id, subject_id, position) where state = 'open';
create index deliveries_latest on deliveries (tenant_id, endpoint_id, position desc);
select place_by_tenant('deliveries');

create table delivery_attempts (
    tenant_id    uuid        not null,
    event_id     uuid        not null,
    endpoint_id  uuid        not null,
    attempted_at timestamptz not null,
    attempt_id   uuid        not null,
    status       smallint,                  -- the HTTP status; null: no answer
    error        text        not null,      -- empty for a success
    duration_ms  integer     not null,
    constraint delivery_attempts_pk primary key (tenant_id, event_id, endpoint_id, attempted_at, attempt_id)
);
select place_by_tenant('delivery_attempts');
