-- What partners are told: written with the change it is about, delivered afterwards until the partner has taken it.

create table notifications (
    tenant_id       uuid        not null,
    notification_id uuid        not null,
    partner_id      uuid        not null,
    customer_id     uuid        not null,
    url             text        not null,
    body            text        not null,       -- what is signed
    created_at      timestamptz not null,       -- the system's time, like the others
    due_at          timestamptz not null,       -- while it is being delivered: when it is tried again if nobody reports
    attempts        integer     not null,
    delivered_at    timestamptz,
    constraint notifications_pk primary key (tenant_id, notification_id)
) with (fillfactor = 90);
create index notifications_due on notifications (tenant_id, due_at) where delivered_at is null;
create index notifications_latest on notifications (tenant_id, created_at desc, notification_id desc);
select place_by_tenant('notifications');

-- The trace: each attempt to deliver one.
create table notification_attempts (
    tenant_id       uuid        not null,
    attempted_at    timestamptz not null,
    attempt_id      uuid        not null,
    notification_id uuid        not null,
    status          smallint,                   -- the HTTP status; null: no answer
    error           text        not null,       -- empty for a success
    duration_ms     integer     not null,
    constraint notification_attempts_pk primary key (tenant_id, attempted_at, attempt_id)
) partition by range (attempted_at);
create index notification_attempts_of_one
    on notification_attempts (tenant_id, notification_id, attempted_at desc, attempt_id desc);
select place_by_tenant('notification_attempts');
revoke update, delete, truncate on notification_attempts from bss_gateway;
