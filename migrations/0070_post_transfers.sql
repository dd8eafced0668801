-- A batch of transfers with all that belongs to it, in one round trip that commits by itself: the accounts, the transfers,
-- the audit's rows and the keys of the writes. Each array has an element for each account, transfer or write.
--
-- It takes no locks ahead: an account is changed only if it is still as the writer knew it, else nothing is, and the writer
-- tries again under locks. So are closed accounts and used keys left to it; a floor that has risen is refused by its check.
--
-- One plan serves all calls, though the gateway's sessions plan anew each time: looking accounts up by their index is right
-- whether there are few or many of them, so nothing else is left to the planner.
create function post_transfers(
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
    set balance = u.new_balance, entries = u.new_entries, adjusts = u.new_adjusts, last_at = u.new_instant
    from unnest(account_tenants, account_ids, known_balances, known_entries, known_adjusts, known_instants, new_balances,
                new_entries, new_adjusts, new_instants)
         as u (tenant_id, account_id, known_balance, known_entries, known_adjusts, known_instant, new_balance, new_entries,
               new_adjusts, new_instant)
    where a.tenant_id = u.tenant_id and a.account_id = u.account_id and a.balance = u.known_balance
          and a.entries = u.known_entries and a.adjusts = u.known_adjusts and a.last_at = u.known_instant and not a.closed;
    get diagnostics changed = row_count;
    if changed <> cardinality(account_ids) then
        raise exception 'an account is not as it was known' using errcode = 'serialization_failure';
    end if;

    insert into transfers (tenant_id, happened_at, transfer_id, group_id, kind, currency, amount, from_account, from_after,
                           from_entry, from_adjust, to_account, to_after, to_entry, to_adjust, customer_id, reference, memo,
                           user_id)
    select * from unnest(transfer_tenants, instants, transfer_ids, group_ids, kinds, currencies, amounts, from_accounts,
                         from_afters, from_entries, from_adjusts, to_accounts, to_afters, to_entries, to_adjusts,
                         customer_ids, transfer_references, memos, transfer_users);

    insert into audit_events (tenant_id, happened_at, event_id, operation, domain_id, user_id, credential, source, request_id,
                              subject, status, error_code)
    select u.tenant_id, written_at, u.event_id, u.operation, u.domain_id, u.user_id, u.credential, u.source, u.request_id,
           u.subject, 200, ''
    from unnest(write_tenants, event_ids, operations, domain_ids, write_users, credentials, sources, request_ids, subjects)
         as u (tenant_id, event_id, operation, domain_id, user_id, credential, source, request_id, subject);

    insert into idempotency_keys (tenant_id, domain_id, operation, key, request_hash, status, answer, request_id, created_at)
    select u.tenant_id, u.domain_id, u.operation, u.key, u.request_hash, 200, u.answer, u.request_id, written_at
    from unnest(write_tenants, domain_ids, operations, keys, request_hashes, answers, request_ids)
         as u (tenant_id, domain_id, operation, key, request_hash, answer, request_id)
    where u.key is not null;
end $$;
