-- Credit in lots, and what moves between an enterprise's master account and its members.

-- A lot of a customer's credit: what of it comes from one giver and ends at one instant. What is left of it is its account in
-- the ledger.
create table credit_lots (
    tenant_id   uuid           not null,
    lot_id      uuid           not null,
    customer_id uuid           not null,
    currency    text           not null,
    given_by    uuid,                    -- the master account whose credit it was; null: the vendor granted it
    granted     numeric(28, 8) not null, -- what it would hold if it had never paid
    expires_at  timestamptz,             -- null: never
    constraint credit_lots_pk primary key (tenant_id, lot_id),
    constraint credit_lots_of_customer unique nulls not distinct (tenant_id, customer_id, currency, given_by, expires_at),
    constraint credit_lots_granted_kept check (granted >= 0)
);
select place_by_tenant('credit_lots');

-- Each transfer of money or of a coupon between a master account and a member, by the number that its caller gave it.
create table enterprise_transactions (
    tenant_id   uuid        not null,
    master_id   uuid        not null,
    trans_id    text        not null,
    member_id   uuid        not null,
    happened_at timestamptz not null,
    constraint enterprise_transactions_pk primary key (tenant_id, master_id, trans_id)
);
select place_by_tenant('enterprise_transactions');
revoke update, delete, truncate on enterprise_transactions from bss_gateway;

-- Locked while one of them is made: a master account makes one at a time.
create table enterprise_tasks (
    tenant_id uuid not null,
    master_id uuid not null,
    constraint enterprise_tasks_pk primary key (tenant_id, master_id)
);
select place_by_tenant('enterprise_tasks');

-- What a master account has given a member of its cash and not taken back: more of the member's cash is not the master's.
create table enterprise_allocations (
    tenant_id uuid           not null,
    master_id uuid           not null,
    member_id uuid           not null,
    amount    numeric(28, 8) not null,
    constraint enterprise_allocations_pk primary key (tenant_id, master_id, member_id),
    constraint enterprise_allocations_kept check (amount >= 0)
);
select place_by_tenant('enterprise_allocations');

-- A part of another coupon of the enterprise: which one it was taken from.
do $$ begin
    alter table coupons add column main_id uuid;
end $$;
