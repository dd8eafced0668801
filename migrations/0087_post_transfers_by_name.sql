-- Functions whose plans are kept, and post_transfers as a cluster can read it, with the user of a write under a key.

-- Keeps the plans of a function as 0073 and 0076 did, though the gateway's sessions plan anew each time. On a Citus cluster plans
-- are never kept: it cannot make a distributed plan of an INSERT ... SELECT or of a lateral join whose tenant is not known yet.
-- Call it again once a database has become a cluster.
create function keep_plans(fn regproc) returns void language plpgsql as $$
begin
    execute format('alter function %s %s', fn,
        case when exists (select 1 from pg_extension where extname = 'citus') then 'reset plan_cache_mode'
             else 'set plan_cache_mode = force_generic_plan' end);
end $$;

-- As in 0073, but the UPDATE takes its values from a sub-select that names them, since Citus 13.2 crashes on a SET whose whole
-- expression is an element of an array; and of a write under a key it notes the user, as 0086 wants it.
create or replace function post_transfers(
    account_tenants uuid[], account_ids uuid[], known_balances numeric[], known_entries bigint[], known_adjusts bigint[],
    known_instants timestamptz[], new_balances numeric[], new_entries bigint[], new_adjusts bigint[],
    new_instants timestamptz[],
    transfer_tenants uuid[], instants timestamptz[], transfer_ids uuid[], group_ids uuid[], kinds text[], currencies text[],
    amounts numeric[], from_accounts uuid[], from_afters numeric[], from_entries bigint[], from_adjusts bigint[],
    to_accounts uuid[], to_afters numeric[], to_entries bigint[], to_adjusts bigint[], customer_ids uuid[],
    transfer_references text[], memos text[], transfer_users uuid[],
    write_tenants uuid[], event_ids uuid[], operations text[], domain_ids uuid[], write_users uuid[], credentials text[],
    sources text[], request_ids text[], subjects text[], keys text[], request_hashes bytea[], answers text[],
    written_at timestamptz
) returns void
language plpgsql
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
as $$
declare
    changed bigint;
begin
    -- The accounts come in the order of their ids, in which all lock them.
    update accounts a
    set balance = u.new_balance, entries = u.new_entries, adjusts = u.new_adjusts, last_at = u.new_instant
    from (select account_tenants[i] as tenant_id, account_ids[i] as account_id, known_balances[i] as known_balance,
                 known_entries[i] as known_entries, known_adjusts[i] as known_adjusts, known_instants[i] as known_instant,
                 new_balances[i] as new_balance, new_entries[i] as new_entries, new_adjusts[i] as new_adjusts,
                 new_instants[i] as new_instant
          from generate_series(1, cardinality(account_ids)) i) u
    where a.tenant_id = u.tenant_id and a.account_id = u.account_id and a.balance = u.known_balance
          and a.entries = u.known_entries and a.adjusts = u.known_adjusts and a.last_at = u.known_instant and not a.closed;
    get diagnostics changed = row_count;
    if changed <> cardinality(account_ids) then
        raise exception 'an account is not as it was known' using errcode = 'serialization_failure';
    end if;

    insert into transfers (tenant_id, happened_at, transfer_id, group_id, kind, currency, amount, from_account, from_after,
                           from_entry, from_adjust, to_account, to_after, to_entry, to_adjust, customer_id, reference, memo,
                           user_id)
    select transfer_tenants[i], instants[i], transfer_ids[i], group_ids[i], kinds[i], currencies[i], amounts[i],
           from_accounts[i], from_afters[i], from_entries[i], from_adjusts[i], to_accounts[i], to_afters[i], to_entries[i],
           to_adjusts[i], customer_ids[i], transfer_references[i], memos[i], transfer_users[i]
    from generate_series(1, cardinality(transfer_ids)) i;

    insert into audit_events (tenant_id, happened_at, event_id, operation, domain_id, user_id, credential, source, request_id,
                              subject, status, error_code)
    select write_tenants[i], written_at, event_ids[i], operations[i], domain_ids[i], write_users[i], credentials[i], sources[i],
           request_ids[i], subjects[i], 200, ''
    from generate_series(1, cardinality(event_ids)) i;

    insert into idempotency_keys (tenant_id, domain_id, operation, key, request_hash, status, answer, request_id, created_at,
                                  user_id)
    select write_tenants[i], domain_ids[i], operations[i], keys[i], request_hashes[i], 200, answers[i], request_ids[i],
           written_at, write_users[i]
    from generate_series(1, cardinality(event_ids)) i
    where keys[i] is not null;
end $$;
select keep_plans('post_transfers');
select keep_plans('history_pages');
