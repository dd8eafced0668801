-- Pages of accounts' histories, newest first, as many as are asked for together: what a statement costs to begin is more than
-- what a page costs. It takes the place of entries_page, which stays for older replicas while they are replaced.
--
-- Of each page that is not of the version that is known there is a row for the page, with the version it is of and how many
-- entries its span has in all, and then a row for each of its entries. Of the others there is none.
--
-- They are functions because their plans stay, and the plans may stay because there is nothing to choose: entries are looked
-- up by their numbers, whatever the size of the tables. No page looks into each month that there is: an account says when its
-- newest entry was made, and the rows are taken from that month, then from the one that has the next of them.

-- The last entry of a history before an instant: its number, 0 where there is none, and when it was made.
create function entries_last(tenant uuid, account uuid, adjusts_only boolean, instant timestamptz,
                             out number bigint, out made_at timestamptz)
language plpgsql stable
as $$
begin
    if adjusts_only then
        select e.number, e.happened_at into number, made_at
        from ((select t.from_adjust as number, t.happened_at from transfers t
               where t.tenant_id = tenant and t.from_account = account and t.from_adjust is not null and t.happened_at < instant
               order by t.from_adjust desc limit 1)
              union all
              (select t.to_adjust, t.happened_at from transfers t
               where t.tenant_id = tenant and t.to_account = account and t.to_adjust is not null and t.happened_at < instant
               order by t.to_adjust desc limit 1)) e
        order by e.number desc limit 1;
    else
        select e.number, e.happened_at into number, made_at
        from ((select t.from_entry as number, t.happened_at from transfers t
               where t.tenant_id = tenant and t.from_account = account and t.happened_at < instant
               order by t.from_entry desc limit 1)
              union all
              (select t.to_entry, t.happened_at from transfers t
               where t.tenant_id = tenant and t.to_account = account and t.happened_at < instant
               order by t.to_entry desc limit 1)) e
        order by e.number desc limit 1;
    end if;
    number := coalesce(number, 0);
end $$;

create function entries_pages(tenant uuid, adjusts_only boolean, account_ids uuid[], known_entries bigint[],
                              known_instants timestamptz[], span_begins timestamptz[], span_ends timestamptz[],
                              skipped bigint[], wanted bigint[])
returns table (page integer, entries bigint, last_at timestamptz, total bigint, transfer_id uuid, happened_at timestamptz,
               kind text, currency text, amount numeric, balance_after numeric, customer_id uuid, reference text, memo text)
language plpgsql stable
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    account uuid;
    held    bigint;         -- how many entries of the history the account has
    begun   timestamptz;    -- the span's first instant
    before  bigint;         -- the number of the last entry before it
    last    bigint;         -- of the last one in it
    made_at timestamptz;    -- when that one was made
    highest bigint[];       -- of those that a page still lacks
    lowest  bigint[];       -- the one that is older than all of the page
    newest  timestamptz[];  -- when `highest` was made, or later; null: the page lacks nothing
    open    integer := 0;   -- how many pages lack something
    stop    timestamptz;    -- the newest instant of all of them
    month   timestamptz;    -- its month
    chosen  integer[];      -- the pages that may have entries in it
    lacking bigint;
    taken   bigint;
begin
    for place in 1 .. cardinality(account_ids) loop
        -- Many pages of one account are asked for together, rather than each of another.
        if account_ids[place] is distinct from account then
            account := account_ids[place];
            select a.entries, a.last_at, case when adjusts_only then a.adjusts else a.entries end into entries, last_at, held
            from accounts a where a.tenant_id = tenant and a.account_id = account;
            begun := null;
        end if;
        continue when entries = known_entries[place] and last_at = known_instants[place];
        page := place;
        -- Nor each of another span: what came before is counted once.
        if begun is distinct from span_begins[page] then
            begun := span_begins[page];
            before := 0;
            if begun > timestamptz '1970-01-01 00:00Z' then
                before := (entries_last(tenant, account, adjusts_only, begun)).number;
            end if;
        end if;
        last := coalesce(held, 0);
        made_at := last_at;
        if made_at >= span_ends[page] then
            select e.number, e.made_at into last, made_at
            from entries_last(tenant, account, adjusts_only, span_ends[page]) e;
        end if;
        last := greatest(before, last);
        total := last - before;
        return next;
        highest[page] := last - skipped[page];
        lowest[page] := greatest(highest[page] - wanted[page], before);
        if highest[page] > lowest[page] then
            newest[page] := made_at;
            stop := greatest(stop, made_at);
            open := open + 1;
        end if;
    end loop;
    while open > 0 loop
        month := date_trunc('month', stop, 'UTC');
        select array_agg(p.page), sum(highest[p.page] - lowest[p.page]) into chosen, lacking
        from generate_subscripts(newest, 1) as p (page) where newest[p.page] >= month;
        if adjusts_only then
            return query
                select p.page, null::bigint, null::timestamptz, null::bigint, e.*
                from unnest(chosen) as p (page),
                     lateral (select e.transfer_id, e.happened_at, e.kind, e.currency, e.amount, e.balance_after, e.customer_id,
                                     e.reference, e.memo
                              from entries e
                              where e.tenant_id = tenant and e.account_id = account_ids[p.page]
                                    and e.adjust > lowest[p.page] and e.adjust <= highest[p.page]
                                    and e.happened_at >= month and e.happened_at <= stop
                              order by e.adjust desc limit highest[p.page] - lowest[p.page]) as e;
        else
            return query
                select p.page, null::bigint, null::timestamptz, null::bigint, e.*
                from unnest(chosen) as p (page),
                     lateral (select e.transfer_id, e.happened_at, e.kind, e.currency, e.amount, e.balance_after, e.customer_id,
                                     e.reference, e.memo
                              from entries e
                              where e.tenant_id = tenant and e.account_id = account_ids[p.page]
                                    and e.entry > lowest[p.page] and e.entry <= highest[p.page]
                                    and e.happened_at >= month and e.happened_at <= stop
                              order by e.entry desc limit highest[p.page] - lowest[p.page]) as e;
        end if;
        get diagnostics taken = row_count;
        foreach page in array chosen loop
            newest[page] := null;
            open := open - 1;
            -- Where all pages got all that they lacked, as nearly always, none has to go on.
            if taken < lacking then
                select e.number, e.made_at into last, made_at from entries_last(tenant, account_ids[page], adjusts_only, month) e;
                highest[page] := least(highest[page], last);
                if highest[page] > lowest[page] then
                    newest[page] := made_at;
                    open := open + 1;
                end if;
            end if;
        end loop;
        if open > 0 then
            stop := (select max(instant) from unnest(newest) as instant);
        end if;
    end loop;
end $$;
