-- Months are made apart and attached. To make a partition where it belongs locks the whole table against everybody who reads
-- or writes, and who locks several tables so ends in deadlocks with those who write to several. To attach one lets them go on.

-- Makes a table's partition for a month, unless it is there. Who calls it has no other table in the same transaction.
create function open_month(parent text, month date) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    first date := date_trunc('month', month);
    child text := parent || to_char(first, '_YYYY_MM');
begin
    if not exists (select 1 from pg_partitioned_table p where p.partrelid = to_regclass(quote_ident(parent))) then
        raise exception '% is no table with months', parent;
    end if;
    -- Two replicas may find the same month missing. What this session remembers of names may be older than the lock.
    perform pg_advisory_xact_lock(hashtext('open_month ' || child));
    if exists (select 1 from pg_class c where c.relname = child and c.relnamespace = 'public'::regnamespace) then return; end if;
    execute format('create table %I (like %I including all)', child, parent);
    execute format('revoke update, delete, truncate on %I from bss_gateway', child);
    execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, child,
                   first || ' 00:00+00', (first + interval '1 month')::date || ' 00:00+00');
end $$;

-- The months from the first day to the last that a table has not.
create function missing_months(first_day date, last_day date) returns table (parent text, month date)
language sql stable set search_path = public, pg_temp as $$
    select c.relname::text, m::date
    from pg_partitioned_table p join pg_class c on c.oid = p.partrelid,
         generate_series(date_trunc('month', first_day::timestamp), last_day::timestamp, interval '1 month') m
    where c.relnamespace = 'public'::regnamespace
      and to_regclass(quote_ident(c.relname || to_char(m, '_YYYY_MM'))) is null
    order by m, c.relname
$$;

-- All of them at once: for migrations, and for replicas that are older than this.
create or replace function open_months(first_day date, last_day date) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
begin
    perform open_month(m.parent, m.month) from missing_months(first_day, last_day) m;
end $$;
