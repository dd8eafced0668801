-- A page of an account's history, newest first, and how many entries the span has in all. A page without an entry is one row
-- with nothing but the total.
--
-- It takes two milliseconds to plan and a tenth of one to do, and the gateway's sessions plan each statement anew: so it is a
-- function, whose plans stay. They may, as there is nothing to choose: entries are looked up by their numbers, whatever the
-- size of the tables, and the months that a span leaves out are left out when it is called.
create function entries_page(tenant uuid, account uuid, adjusts_only boolean, span_begin timestamptz, span_end timestamptz,
                             skipped bigint, wanted bigint)
returns table (total bigint, transfer_id uuid, happened_at timestamptz, kind text, currency text, amount numeric,
               balance_after numeric, customer_id uuid, reference text, memo text)
language plpgsql stable
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
declare
    before bigint;      -- the number of the last one before the span
    last   bigint;      -- of the last one in it
begin
    if adjusts_only then
        before := greatest(0,
            (select from_adjust from transfers t where t.tenant_id = tenant and t.from_account = account
                    and t.from_adjust is not null and t.happened_at < span_begin order by t.from_adjust desc limit 1),
            (select to_adjust from transfers t where t.tenant_id = tenant and t.to_account = account
                    and t.to_adjust is not null and t.happened_at < span_begin order by t.to_adjust desc limit 1));
        last := greatest(before,
            (select from_adjust from transfers t where t.tenant_id = tenant and t.from_account = account
                    and t.from_adjust is not null and t.happened_at < span_end order by t.from_adjust desc limit 1),
            (select to_adjust from transfers t where t.tenant_id = tenant and t.to_account = account
                    and t.to_adjust is not null and t.happened_at < span_end order by t.to_adjust desc limit 1));
        return query
            select last - before, e.transfer_id, e.happened_at, e.kind, e.currency, e.amount, e.balance_after, e.customer_id,
                   e.reference, e.memo
            from entries e
            where e.tenant_id = tenant and e.account_id = account and e.adjust > greatest(last - skipped - wanted, before)
                  and e.adjust <= last - skipped and e.happened_at >= span_begin and e.happened_at < span_end
            order by e.adjust desc;
    else
        before := greatest(0,
            (select from_entry from transfers t where t.tenant_id = tenant and t.from_account = account
                    and t.happened_at < span_begin order by t.from_entry desc limit 1),
            (select to_entry from transfers t where t.tenant_id = tenant and t.to_account = account
                    and t.happened_at < span_begin order by t.to_entry desc limit 1));
        last := greatest(before,
            (select from_entry from transfers t where t.tenant_id = tenant and t.from_account = account
                    and t.happened_at < span_end order by t.from_entry desc limit 1),
            (select to_entry from transfers t where t.tenant_id = tenant and t.to_account = account
                    and t.happened_at < span_end order by t.to_entry desc limit 1));
        return query
            select last - before, e.transfer_id, e.happened_at, e.kind, e.currency, e.amount, e.balance_after, e.customer_id,
                   e.reference, e.memo
            from entries e
            where e.tenant_id = tenant and e.account_id = account and e.entry > greatest(last - skipped - wanted, before)
                  and e.entry <= last - skipped and e.happened_at >= span_begin and e.happened_at < span_end
            order by e.entry desc;
    end if;
    if not found then
        total := last - before;
        return next;
    end if;
end $$;
