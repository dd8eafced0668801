-- Freezing, and the budgets of the international site's resale customers.

-- What was frozen and unfrozen, why and by whom.
create table freeze_events (
    tenant_id   uuid        not null,
    happened_at timestamptz not null,
    event_id    uuid        not null,
    customer_id uuid        not null,
    frozen      smallint    not null,           -- what of it is frozen from now on
    reason      text        not null,
    user_id     uuid,                           -- null: the system, because a budget is exhausted
    constraint freeze_events_pk primary key (tenant_id, happened_at, event_id)
) partition by range (happened_at);
create index freeze_events_of_customer on freeze_events (tenant_id, customer_id, happened_at desc, event_id desc);
select place_by_tenant('freeze_events');
revoke update, delete, truncate on freeze_events from bss_gateway;

-- What a customer may consume: in each month of UTC+8, or once. Consumption is counted here as it is rated.
create table budgets (
    tenant_id   uuid           not null,
    customer_id uuid           not null,
    amount      numeric(28, 8) not null,
    budget_type text           not null,
    freezes     boolean        not null,        -- the customer is frozen when it is exhausted
    used        numeric(28, 8) not null,
    used_month  date           not null,        -- of a monthly budget: whose month `used` is
    constraint budgets_pk primary key (tenant_id, customer_id),
    constraint budgets_amount_positive check (amount > 0),
    constraint budgets_type_known check (budget_type in ('MONTHLY', 'PACKAGE'))
);
select place_by_tenant('budgets');
do $$ begin
    alter table budgets add constraint budgets_customer_fk
        foreign key (tenant_id, customer_id) references customers (tenant_id, domain_id);
end $$;

-- How budgets were set, and ended with the association.
create table budget_records (
    tenant_id      uuid           not null,
    happened_at    timestamptz    not null,
    record_id      uuid           not null,
    customer_id    uuid           not null,
    partner_id     uuid           not null,
    operation_type text           not null,
    amount         numeric(28, 8) not null,
    budget_type    text           not null,
    operator       text           not null,     -- a user's name, or system
    constraint budget_records_pk primary key (tenant_id, happened_at, record_id),
    constraint budget_records_operation_known check (operation_type in ('SETTING', 'DELETE'))
) partition by range (happened_at);
create index budget_records_of_customer on budget_records (tenant_id, customer_id, happened_at desc, record_id desc);
select place_by_tenant('budget_records');
revoke update, delete, truncate on budget_records from bss_gateway;
