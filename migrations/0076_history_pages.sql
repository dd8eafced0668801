-- Pages of accounts' histories as entries_pages reads them, but only with what their lists show: a value costs to be sent and to
-- be understood, ten times a page. The lists of adjustments show memos, those of everything balances and references, and the
-- currency is the account's. It takes the place of entries_pages, which stays for older replicas while they are replaced.
--
-- Of each page that is not of the version that is known there is a row for the page, with the version it is of and how many
-- entries its span has in all, and then a row for each of its entries. Of the others there is none.
create function history_pages(tenant uuid, adjusts_only boolean, account_ids uuid[], known_entries bigint[],
                              known_instants timestamptz[], span_begins timestamptz[], span_ends timestamptz[],
                              skipped bigint[], wanted bigint[])
returns table (page integer, entries bigint, last_at timestamptz, total bigint, transfer_id uuid, happened_at timestamptz,
               kind text, amount numeric, customer_id uuid, balance_after numeric, reference text, memo text)
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
                     lateral (select e.transfer_id, e.happened_at, e.kind, e.amount, e.customer_id,
                                     null::numeric, null::text, e.memo
                              from entries e
                              where e.tenant_id = tenant and e.account_id = account_ids[p.page]
                                    and e.adjust > lowest[p.page] and e.adjust <= highest[p.page]
                                    and e.happened_at >= month and e.happened_at <= stop
                              order by e.adjust desc limit highest[p.page] - lowest[p.page]) as e;
        else
            return query
                select p.page, null::bigint, null::timestamptz, null::bigint, e.*
                from unnest(chosen) as p (page),
                     lateral (select e.transfer_id, e.happened_at, e.kind, e.amount, e.customer_id,
                                     e.balance_after, e.reference, null::text
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
