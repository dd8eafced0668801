-- As in 0070, but each row takes its elements out of the arrays itself. `unnest` over forty-five arrays costs a batch as many
-- function scans to begin, and most batches are small; a look into an array of a few dozen elements is cheaper.
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
set plan_cache_mode = force_generic_plan set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
as $$
declare
    changed bigint;
begin
    -- The accounts come in the order of their ids, in which all lock them.
    update accounts a
    set balance = new_balances[i], entries = new_entries[i], adjusts = new_adjusts[i], last_at = new_instants[i]
    from generate_series(1, cardinality(account_ids)) i
    where a.tenant_id = account_tenants[i] and a.account_id = account_ids[i] and a.balance = known_balances[i]
          and a.entries = known_entries[i] and a.adjusts = known_adjusts[i] and a.last_at = known_instants[i] and not a.closed;
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

    insert into idempotency_keys (tenant_id, domain_id, operation, key, request_hash, status, answer, request_id, created_at)
    select write_tenants[i], domain_ids[i], operations[i], keys[i], request_hashes[i], 200, answers[i], request_ids[i],
           written_at
    from generate_series(1, cardinality(event_ids)) i
    where keys[i] is not null;
end $$;
