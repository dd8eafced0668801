-- Snapshots of a tenant's rows, for the sandbox. Its owner installs them; a production database has none of this.
--
-- They change history and pass by foreign keys, which only a superuser may: the functions run as who installs them.

create schema if not exists sandbox;
grant usage on schema sandbox to bss_gateway;

create table if not exists sandbox.snapshots (
    tenant_id  uuid        not null,
    name       text        not null,
    taken_at   timestamptz not null,
    constraint snapshots_pk primary key (tenant_id, name)
);
create table if not exists sandbox.snapshot_rows (
    tenant_id  uuid  not null,
    name       text  not null,
    table_name text  not null,
    content    jsonb not null
);
create index if not exists snapshot_rows_by_table on sandbox.snapshot_rows (tenant_id, name, table_name);
grant select on all tables in schema sandbox to bss_gateway;

-- The tables that hold a tenant's state. Its trail is no state: it goes on. So do the positions of events, of which who asks
-- for those behind one would miss what came again below it, and files, which say what was when they were written.
create or replace function sandbox.tables() returns setof regclass language sql stable as $$
    select c.oid::regclass from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
      and c.relname not in ('audit_events', 'event_positions', 'exports', 'export_pieces', 'file_deliveries')
    order by c.relname
$$;

-- Who brings a tenant back, or deletes it, keeps all who write to it out until the end of the transaction: waits for those
-- that have written, and has the others fail at their first write instead of waiting with locks in hand that are needed here.
-- They fail as one does that the database gave up for the sake of another, and are begun again.
create or replace function sandbox.keep_out(tenant uuid) returns void language sql as $$
    select pg_advisory_xact_lock(hashtextextended(tenant::text, 0))
$$;

create or replace function sandbox.enter() returns trigger language plpgsql as $$
declare
    tenant uuid := case when tg_op = 'DELETE' then old.tenant_id else new.tenant_id end;
begin
    if not pg_try_advisory_xact_lock_shared(hashtextextended(tenant::text, 0)) then
        raise exception 'the tenant % is being brought back or deleted', tenant using errcode = 'serialization_failure';
    end if;
    if tg_op = 'DELETE' then return old; end if;
    return new;
end $$;

do $$
declare
    tbl regclass;
begin
    for tbl in select t from sandbox.tables() t
               where not exists (select 1 from pg_trigger g where g.tgrelid = t and g.tgname = 'sandbox_enter') loop
        execute format('create trigger sandbox_enter before insert or update or delete on %s
                        for each row execute function sandbox.enter()', tbl);
    end loop;
end $$;

-- When the last thing after an instant happened to a tenant; null if nothing did. Not the trail: it goes by the system's time.
create or replace function sandbox.latest_after(tenant uuid, instant timestamptz) returns timestamptz
language plpgsql stable set search_path = public, pg_temp as $$
declare
    tbl regclass;
    moment name;
    latest timestamptz;
    seen timestamptz;
begin
    for tbl, moment in
        select t, a.attname from sandbox.tables() t join pg_attribute a on a.attrelid = t and not a.attisdropped
        where a.attname = 'happened_at' or (t = 'outbox'::regclass and a.attname = 'created_at')
    loop
        execute format('select max(%1$I) from %2$s where tenant_id = $1 and %1$I > $2', moment, tbl)
            into seen using tenant, instant;
        latest := greatest(latest, seen);
    end loop;
    return latest;
end $$;

create or replace function sandbox.delete_snapshot(tenant uuid, snapshot text) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
begin
    delete from sandbox.snapshots s where s.tenant_id = tenant and s.name = snapshot;
    if not found then return false; end if;
    delete from sandbox.snapshot_rows r where r.tenant_id = tenant and r.name = snapshot;
    return true;
end $$;

-- What is read table by table belongs together only if all of it is read as it was at one moment.
create or replace function sandbox.require_one_moment() returns void language plpgsql as $$
begin
    if current_setting('transaction_isolation') <> 'repeatable read' then
        raise exception 'the transaction does not see one moment';
    end if;
end $$;

create or replace function sandbox.save_snapshot(tenant uuid, snapshot text, taken timestamptz) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    tbl regclass;
    saved bigint := 0;
    more bigint;
begin
    perform sandbox.require_one_moment();
    -- Who saves or brings back the same one meanwhile holds this row until it is done.
    insert into sandbox.snapshots values (tenant, snapshot, taken)
    on conflict on constraint snapshots_pk do update set taken_at = excluded.taken_at;
    delete from sandbox.snapshot_rows r where r.tenant_id = tenant and r.name = snapshot;
    for tbl in select sandbox.tables() loop
        execute format('insert into sandbox.snapshot_rows select $1, $2, $3, to_jsonb(t) from %s t where t.tenant_id = $1', tbl)
            using tenant, snapshot, tbl::text;
        get diagnostics more = row_count;
        saved := saved + more;
    end loop;
    return saved;
end $$;

-- Null if there is no such snapshot.
create or replace function sandbox.restore_snapshot(tenant uuid, snapshot text) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    tbl regclass;
    restored bigint := 0;
    more bigint;
begin
    -- All rows that are read below are of one save.
    perform 1 from sandbox.snapshots s where s.tenant_id = tenant and s.name = snapshot for share;
    if not found then return null; end if;
    perform sandbox.keep_out(tenant);
    perform set_config('session_replication_role', 'replica', true);
    for tbl in select sandbox.tables() loop
        execute format('delete from %s t where t.tenant_id = $1', tbl) using tenant;
        execute format('insert into %1$s select r.* from sandbox.snapshot_rows s, jsonb_populate_record(null::%1$s, s.content) r
                        where s.tenant_id = $1 and s.name = $2 and s.table_name = $3', tbl)
            using tenant, snapshot, tbl::text;
        get diagnostics more = row_count;
        restored := restored + more;
    end loop;
    perform set_config('session_replication_role', 'origin', true);
    return restored;
end $$;

-- Tenants that are copies, so that nothing else is ever deleted.
create table if not exists sandbox.forks (
    tenant_id uuid        not null,
    source_id uuid        not null,
    made_at   timestamptz not null,
    constraint forks_pk primary key (tenant_id)
);
grant select on sandbox.forks to bss_gateway;

-- The id in a copy of what has this id in the original: of the same time, so that ids sort as they did.
create or replace function sandbox.fork_id(id uuid, mask text) returns uuid language sql immutable parallel safe as $$
    select case when id = '00000000-0000-0000-0000-000000000000' then id
        else (left(id::text, 20) || right(md5(id::text || mask), 15))::uuid
    end
$$;

-- How a column is copied. Ids of the ledger's accounts follow from their owners, so who calls has worked them out.
create or replace function sandbox.fork_column(tbl text, col text, kind text) returns text language sql stable as $$
    select case
        when (tbl, col) in (('accounts', 'account_id'), ('transfers', 'from_account'), ('transfers', 'to_account'))
            then format('(select f.new_id from fork_accounts f where f.old_id = t.%I)', col)
        when (tbl, col) in (('domains', 'name'), ('login_names', 'name'), ('xaccounts', 'xaccount_id'), ('customers', 'xaccount_id'))
            then format('t.%I || ''.'' || $3', col)
        when col in ('totp_sealed_secret', 'totp_last_step') then 'null'
        when kind = 'uuid' then format('sandbox.fork_id(t.%I, $2)', col)
        when kind = 'uuid[]' then format('(select array_agg(sandbox.fork_id(u, $2) order by n) from unnest(t.%I) with ordinality x (u, n))', col)
        else format('t.%I', col)
    end
$$;

-- Copies a tenant's rows. Credentials are not copied, nor what is on its way out, nor what is keyed by a value that is
-- unique over all tenants. `old_accounts` and `new_accounts` are the ledger's accounts, pairwise.
create or replace function sandbox.fork(source uuid, mask text, suffix text, made timestamptz, old_accounts uuid[], new_accounts uuid[])
returns bigint language plpgsql security definer set search_path = public, pg_temp as $$
declare
    tbl regclass;
    columns text;
    expressions text;
    copied bigint := 0;
    more bigint;
begin
    perform sandbox.require_one_moment();
    create temporary table fork_accounts (old_id uuid primary key, new_id uuid) on commit drop;
    insert into fork_accounts select * from unnest(old_accounts, new_accounts);
    insert into sandbox.forks values (sandbox.fork_id(source, mask), source, made);
    perform set_config('session_replication_role', 'replica', true);
    for tbl in select t from sandbox.tables() t where t::text not in
        ('access_keys', 'tokens', 'temporary_keys', 'idempotency_keys', 'real_name_tickets', 'platforms',
         'notifications', 'notification_attempts', 'outbox', 'webhooks', 'deliveries', 'delivery_attempts', 'file_subscriptions',
         'ledger_proofs') loop
        select string_agg(format('%I', a.attname), ', ' order by a.attnum),
               string_agg(sandbox.fork_column(tbl::text, a.attname, format_type(a.atttypid, null)), ', ' order by a.attnum)
        into columns, expressions
        from pg_attribute a where a.attrelid = tbl and a.attnum > 0 and not a.attisdropped;
        execute format('insert into %1$s (%2$s) select %3$s from %1$s t where t.tenant_id = $1', tbl, columns, expressions)
            using source, mask, suffix;
        get diagnostics more = row_count;
        copied := copied + more;
    end loop;
    perform set_config('session_replication_role', 'origin', true);
    drop table fork_accounts;
    return copied;
end $$;

create or replace function sandbox.delete_fork(fork uuid) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    tbl regclass;
begin
    delete from sandbox.forks f where f.tenant_id = fork;
    if not found then return false; end if;
    perform sandbox.keep_out(fork);
    perform set_config('session_replication_role', 'replica', true);
    for tbl in select sandbox.tables() loop
        execute format('delete from %s t where t.tenant_id = $1', tbl) using fork;
    end loop;
    delete from event_positions p where p.tenant_id = fork;
    delete from export_pieces p where p.tenant_id = fork;
    delete from exports e where e.tenant_id = fork;
    delete from file_deliveries d where d.tenant_id = fork;
    delete from sandbox.snapshot_rows r where r.tenant_id = fork;
    delete from sandbox.snapshots s where s.tenant_id = fork;
    perform set_config('session_replication_role', 'origin', true);
    return true;
end $$;
