-- The outbox becomes what everything told goes through: events in an order that can be polled. A replica that is older than
-- this writes to it as before, without a subject; its rows are placed and delivered like all others.

do $$ begin
    alter table outbox rename to outbox_before;
end $$;

-- In the order in which they were written; of two about one subject the first was committed before the second was written.
create sequence outbox_numbers;
grant usage on sequence outbox_numbers to bss_gateway;

create table outbox (
    tenant_id  uuid        not null,
    created_at timestamptz not null,    -- in the tenant's time
    event_id   uuid        not null,
    number     bigint      not null default nextval('outbox_numbers'),
    position   bigint,                  -- given after the commit, so that none is ever seen behind a higher one
    domain_id  uuid        not null,    -- the account that is told
    kind       text        not null,    -- for instance coupon_quota.used
    subject_id uuid,                    -- what it is about: events about one thing are told in order
    payload    jsonb       not null,
    constraint outbox_key primary key (tenant_id, created_at, event_id)
) partition by range (created_at);
do $$ begin
    create index outbox_unplaced on outbox (tenant_id, number) where position is null;
    create index outbox_place on outbox (tenant_id, position);
end $$;
select place_by_tenant('outbox');

-- The months that history has, where a sandbox's clocks were moved more than those at hand.
do $$
declare
    first_month date;
    last_month date;
begin
    select min(to_date(right(c.relname, 7), 'YYYY_MM')), max(to_date(right(c.relname, 7), 'YYYY_MM'))
    into first_month, last_month
    from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'transfers'::regclass and c.relkind = 'r';
    perform open_months(coalesce(first_month, current_date), greatest(last_month, current_date + 62));
end $$;

insert into outbox (tenant_id, created_at, event_id, domain_id, kind, payload)
select tenant_id, created_at, event_id, domain_id, kind, payload from outbox_before order by event_id;
do $$ begin
    drop table outbox_before;
end $$;

-- The last position that was given in a tenant. Who gives positions holds its row.
create table event_positions (
    tenant_id     uuid   not null,
    last_position bigint not null,
    constraint event_positions_pk primary key (tenant_id)
) with (fillfactor = 90);
select place_by_tenant('event_positions');
