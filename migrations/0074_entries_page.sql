-- A page of an account's history, newest first, and how many entries the span has in all. A page without an entry is one row
-- with nothing but the total.
--
-- It takes two milliseconds to plan and a tenth of one to do, and the gateway's sessions plan each statement anew: so it is a
-- function, whose plans stay. They may, as there is nothing to choose: entries are looked up by their numbers, whatever the
-- size of the tables.
--
-- No page looks into each month that there is: an account says how many entries it has and when the newest was, and the rows
-- are taken month by month from there, until the page is full. Months are kept for years, and each costs an index scan on
-- either side.
create or replace function entries_page(tenant uuid, account uuid, adjusts_only boolean, span_begin timestamptz,
                                        span_end timestamptz, skipped bigint, wanted bigint)
returns table (total bigint, transfer_id uuid, happened_at timestamptz, kind text, currency text, amount numeric,
               balance_after numeric, customer_id uuid, reference text, memo text)
language plpgsql stable
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
declare
    held    bigint;         -- how many entries the account has
    newest  timestamptz;    -- when the newest of them was made
    before  bigint;         -- the number of the last one before the span
    last    bigint;         -- of the last one in it
    highest bigint;         -- of those that the page still lacks
    lowest  bigint;         -- the one that is older than all of the page
    month   timestamptz;
    stop    timestamptz;
    taken   bigint;
begin
    select case when adjusts_only then a.adjusts else a.entries end, a.last_at into held, newest
    from accounts a where a.tenant_id = tenant and a.account_id = account;
    if adjusts_only then
        before := greatest(0,
            (select from_adjust from transfers t where t.tenant_id = tenant and t.from_account = account
                    and t.from_adjust is not null and t.happened_at < span_begin order by t.from_adjust desc limit 1),
            (select to_adjust from transfers t where t.tenant_id = tenant and t.to_account = account
                    and t.to_adjust is not null and t.happened_at < span_begin order by t.to_adjust desc limit 1));
        if newest < span_end then
            last := greatest(before, held);
        else
            last := greatest(before,
                (select from_adjust from transfers t where t.tenant_id = tenant and t.from_account = account
                        and t.from_adjust is not null and t.happened_at < span_end order by t.from_adjust desc limit 1),
                (select to_adjust from transfers t where t.tenant_id = tenant and t.to_account = account
                        and t.to_adjust is not null and t.happened_at < span_end order by t.to_adjust desc limit 1));
        end if;
    else
        before := greatest(0,
            (select from_entry from transfers t where t.tenant_id = tenant and t.from_account = account
                    and t.happened_at < span_begin order by t.from_entry desc limit 1),
            (select to_entry from transfers t where t.tenant_id = tenant and t.to_account = account
                    and t.happened_at < span_begin order by t.to_entry desc limit 1));
        if newest < span_end then
            last := greatest(before, held);
        else
            last := greatest(before,
                (select from_entry from transfers t where t.tenant_id = tenant and t.from_account = account
                        and t.happened_at < span_end order by t.from_entry desc limit 1),
                (select to_entry from transfers t where t.tenant_id = tenant and t.to_account = account
                        and t.happened_at < span_end order by t.to_entry desc limit 1));
        end if;
    end if;
    highest := last - skipped;
    lowest := greatest(highest - wanted, before);
    if highest <= lowest or held is null then
        total := last - before;
        return next;
        return;
    end if;
    stop := least(span_end, newest + interval '1 microsecond');
    while highest > lowest and stop > greatest(span_begin, timestamptz '1970-01-01 00:00Z') loop
        month := date_trunc('month', stop - interval '1 microsecond', 'UTC');
        if adjusts_only then
            return query
                select last - before, e.transfer_id, e.happened_at, e.kind, e.currency, e.amount, e.balance_after,
                       e.customer_id, e.reference, e.memo
                from entries e
                where e.tenant_id = tenant and e.account_id = account and e.adjust > lowest and e.adjust <= highest
                      and e.happened_at >= greatest(month, span_begin) and e.happened_at < stop
                order by e.adjust desc;
        else
            return query
                select last - before, e.transfer_id, e.happened_at, e.kind, e.currency, e.amount, e.balance_after,
                       e.customer_id, e.reference, e.memo
                from entries e
                where e.tenant_id = tenant and e.account_id = account and e.entry > lowest and e.entry <= highest
                      and e.happened_at >= greatest(month, span_begin) and e.happened_at < stop
                order by e.entry desc;
        end if;
        get diagnostics taken = row_count;
        highest := highest - taken;
        stop := month;
    end loop;
end $$;
