-- History: who may write it, where its months are, and the first two tables of it.
--
-- The gateway's database user is a member of the role bss_gateway, another one than the migrator, which owns the tables.
-- The role may read and write; of a table that is partitioned by month, which is what makes it history, it may only read
-- and append.

do $$ begin
    if not exists (select 1 from pg_roles where rolname = 'bss_gateway') then create role bss_gateway nologin; end if;
exception when duplicate_object or unique_violation then
    null;   -- another database of this cluster is migrated at this moment
end $$;
grant usage on schema public to bss_gateway;
grant select, insert, update, delete on all tables in schema public to bss_gateway;
alter default privileges in schema public grant select, insert, update, delete on tables to bss_gateway;

-- Makes the monthly partitions from the first day to the last, of each table that has such. The owner's, so that the
-- gateway can call it without owning anything.
create function open_months(first_day date, last_day date) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    month date := date_trunc('month', first_day);
    parent text;
    child text;
begin
    -- Two replicas may find the same month missing.
    perform pg_advisory_xact_lock(hashtext('open_months'));
    while month <= last_day loop
        for parent in select c.relname from pg_partitioned_table p join pg_class c on c.oid = p.partrelid
                      where c.relnamespace = 'public'::regnamespace order by c.relname loop
            child := parent || to_char(month, '_YYYY_MM');
            if to_regclass(quote_ident(child)) is null then
                execute format('create table %I partition of %I for values from (%L) to (%L)', child, parent,
                               month || ' 00:00+00', (month + interval '1 month')::date || ' 00:00+00');
                execute format('revoke update, delete, truncate on %I from bss_gateway', child);
            end if;
        end loop;
        month := month + interval '1 month';
    end loop;
end $$;

-- The first answer to a write that carried an Idempotency-Key. A repeat gets it again.
create table idempotency_keys (
    tenant_id    uuid        not null,
    domain_id    uuid        not null,      -- the account that called
    operation    text        not null,
    key          text        not null,
    request_hash bytea       not null,      -- SHA-256 of target and body: another request under the same key is refused
    status       smallint    not null,
    answer       text        not null,      -- the body
    request_id   text        not null,      -- of the first request
    created_at   timestamptz not null,
    constraint idempotency_keys_pk primary key (tenant_id, domain_id, operation, key)
) with (fillfactor = 90);
-- Not by tenant first: without statistics a planner would rather search a tenant's keys through it than by the key.
create index idempotency_keys_age on idempotency_keys (created_at);
select place_by_tenant('idempotency_keys');

-- What was changed, by whom, from where. Written with the change; a refused write leaves a row of its own.
create table audit_events (
    tenant_id   uuid        not null,
    happened_at timestamptz not null,       -- the system's time, whatever the tenant's clock shows
    event_id    uuid        not null,
    operation   text        not null,
    domain_id   uuid        not null,       -- the account that called
    user_id     uuid        not null,
    credential  text        not null,       -- the access key; 'token' for a token
    source      text        not null,       -- the address
    request_id  text        not null,
    subject     text        not null,       -- what it was done to, by id; empty where there is none
    status      smallint    not null,       -- the HTTP status of the answer
    error_code  text        not null,       -- empty for a success
    constraint audit_events_pk primary key (tenant_id, happened_at, event_id)
) partition by range (happened_at);
create index audit_events_of_account on audit_events (tenant_id, domain_id, happened_at desc, event_id desc);
create index audit_events_of_operation on audit_events (tenant_id, operation, happened_at desc, event_id desc);
select place_by_tenant('audit_events');
revoke update, delete, truncate on audit_events from bss_gateway;
