-- The ledger: accounts and the transfers between them.
--
-- A transfer names the account it takes from, the one it gives to, an amount above zero and both balances after it, so it
-- cannot be unbalanced. An account numbers its entries without gaps: entry n is found by index however many there are, and
-- the difference of two numbers is a count. One module of the gateway writes these tables.

create table accounts (
    tenant_id  uuid           not null,
    account_id uuid           not null,     -- derived from tenant, owner, kind and currency
    owner_id   uuid           not null,     -- an account of the API, a coupon quota, a coupon; the tenant for its own books
    kind       text           not null,
    currency   text           not null,
    balance    numeric(28, 8) not null,
    floor      numeric(28, 8),              -- the balance never goes below; null: it may go anywhere
    entries    bigint         not null,     -- how many transfers touched it
    adjusts    bigint         not null,     -- how many of them moved funds between it, a partner's, and who is below
    last_at    timestamptz    not null,     -- of the last transfer: an account's history never runs backwards
    closed     boolean        not null,     -- takes part in no transfer any more
    constraint accounts_pk primary key (tenant_id, account_id),
    constraint accounts_owner_key unique (tenant_id, owner_id, kind, currency),
    constraint accounts_floor_kept check (balance >= floor)
) with (fillfactor = 70);
select place_by_tenant('accounts');
do $$ begin
    alter table accounts add constraint accounts_tenant_fk foreign key (tenant_id) references tenants (tenant_id);
end $$;

create table transfers (
    tenant_id    uuid           not null,
    happened_at  timestamptz    not null,
    transfer_id  uuid           not null,
    group_id     uuid,                      -- several purses in one event: the first transfer's id; null: a lone transfer
    kind         text           not null,
    currency     text           not null,
    amount       numeric(28, 8) not null,
    from_account uuid           not null,
    from_after   numeric(28, 8) not null,
    from_entry   bigint         not null,
    from_adjust  bigint,
    to_account   uuid           not null,
    to_after     numeric(28, 8) not null,
    to_entry     bigint         not null,
    to_adjust    bigint,
    customer_id  uuid,                      -- the customer, or the reseller, that it concerns
    reference    text           not null,   -- an order, a bill; empty where there is none
    memo         text           not null,
    user_id      uuid,                      -- who caused it; null: the system
    constraint transfers_pk primary key (tenant_id, happened_at, transfer_id),
    constraint transfers_amount_positive check (amount > 0),
    constraint transfers_two_accounts check (from_account <> to_account)
) partition by range (happened_at);
create index transfers_from_entry on transfers (tenant_id, from_account, from_entry desc) include (happened_at);
create index transfers_to_entry on transfers (tenant_id, to_account, to_entry desc) include (happened_at);
create index transfers_from_adjust on transfers (tenant_id, from_account, from_adjust desc) include (happened_at)
    where from_adjust is not null;
create index transfers_to_adjust on transfers (tenant_id, to_account, to_adjust desc) include (happened_at)
    where to_adjust is not null;
select place_by_tenant('transfers');
revoke update, delete, truncate on transfers from bss_gateway;

-- The two sides of each transfer, as the account sees it.
create view entries as
select tenant_id, happened_at, transfer_id, group_id, kind, currency, -amount as amount, from_account as account_id,
       to_account as other_account, from_after as balance_after, from_entry as entry, from_adjust as adjust, customer_id,
       reference, memo, user_id
from transfers
union all
select tenant_id, happened_at, transfer_id, group_id, kind, currency, amount, to_account, from_account, to_after, to_entry,
       to_adjust, customer_id, reference, memo, user_id
from transfers;
grant select on entries to bss_gateway;
