-- Charges: what was taken for what, row by row. All bills are sums of these rows.

create table charges (
    tenant_id             uuid           not null,
    domain_id             uuid           not null, -- the customer
    cycle                 date           not null, -- the first day of the month of UTC+8 that it is billed in
    consumed_at           timestamptz    not null, -- from when on it was used; of an order: when it was paid
    charge_id             uuid           not null,
    partner_id            uuid,                    -- whose customer it was then; null: nobody's
    association_type      smallint,                -- 1 referral, 2 resale
    currency              text           not null,
    bill_type             smallint       not null,
    charging_mode         smallint       not null, -- 1 yearly/monthly, 3 pay-per-use
    charged_at            timestamptz    not null,
    trade_id              text           not null, -- the order, or the settlement
    order_id              text,
    order_type            smallint,
    order_line            smallint,
    service_type_code     text           not null,
    resource_type_code    text           not null,
    region_code           text           not null,
    resource_id           text           not null, -- empty until a service has provided it
    resource_name         text           not null,
    parent_id             text,                    -- of a secondary resource: its primary
    resource_spec         text           not null,
    resource_size         integer,                 -- of linear products
    size_measure_id       integer,
    product_id            text           not null,
    enterprise_project_id text           not null, -- empty: in none
    used_until            timestamptz    not null,
    usage_type_code       text           not null, -- empty: an order
    usage_amount          numeric(28, 8),          -- all that was used, packages included
    usage_measure_id      integer,
    package_amount        numeric(28, 8),          -- what packages covered of it
    period_type           smallint,
    period_num            integer,
    unit_price            numeric(28, 10),         -- where there is one price for any quantity
    price_divisor         numeric(28, 10),         -- how many units of usage that price is for
    official_amount       numeric(28, 8) not null,
    discount_amount       numeric(28, 8) not null,
    erase_amount          numeric(28, 8) not null, -- below a cent: not taken
    consume_amount        numeric(28, 8) not null,
    cash_amount           numeric(28, 8) not null, -- this and what follows: who paid it
    credit_amount         numeric(28, 8) not null,
    coupon_amount         numeric(28, 8) not null,
    flexi_amount          numeric(28, 8) not null,
    card_amount           numeric(28, 8) not null,
    bonus_amount          numeric(28, 8) not null,
    debt_amount           numeric(28, 8) not null, -- nobody yet
    writeoff_amount       numeric(28, 8) not null,
    promotion_types       text           not null, -- of the discounts, with commas between them
    steps                 jsonb,                   -- how usage became an amount
    constraint charges_pk primary key (tenant_id, domain_id, cycle, consumed_at, charge_id),
    constraint charges_cycle_is_a_month check (extract(day from cycle) = 1),
    constraint charges_identity_holds check (official_amount = discount_amount + erase_amount + consume_amount),
    constraint charges_is_paid_or_owed check (
        consume_amount = cash_amount + credit_amount + coupon_amount + flexi_amount + card_amount + bonus_amount + debt_amount
            + writeoff_amount
    ),
    constraint charges_order_or_usage check ((order_id is null) = (order_line is null))
) partition by range (cycle);
create index charges_of_partner on charges (tenant_id, partner_id, cycle, domain_id, consumed_at, charge_id)
    where partner_id is not null;
create index charges_owed on charges (tenant_id, domain_id, charged_at, charge_id) where debt_amount > 0;
create index charges_of_id on charges (tenant_id, charge_id);
select place_by_tenant('charges');
revoke update, delete, truncate on charges from bss_gateway;
-- A charge never changes. Who paid it does, once a debt is paid; and a service says later what it provided for an order.
grant update (cash_amount, credit_amount, debt_amount, writeoff_amount, resource_id, resource_name, parent_id) on charges
    to bss_gateway;

-- Sums of charges by what bills are grouped by, kept with the charges.
create table charge_sums (
    tenant_id             uuid           not null,
    domain_id             uuid           not null,
    cycle                 date           not null,
    service_type_code     text           not null,
    resource_type_code    text           not null,
    region_code           text           not null,
    charging_mode         smallint       not null,
    bill_type             smallint       not null,
    enterprise_project_id text           not null,
    currency              text           not null,
    partner_id            uuid           not null, -- all zeros: nobody's customer
    association_type      smallint       not null, -- 0: nobody's customer
    charges               bigint         not null, -- how many
    zero_charges          bigint         not null, -- how many of nothing
    official_amount       numeric(28, 8) not null,
    discount_amount       numeric(28, 8) not null,
    erase_amount          numeric(28, 8) not null,
    consume_amount        numeric(28, 8) not null,
    cash_amount           numeric(28, 8) not null,
    credit_amount         numeric(28, 8) not null,
    coupon_amount         numeric(28, 8) not null,
    flexi_amount          numeric(28, 8) not null,
    card_amount           numeric(28, 8) not null,
    bonus_amount          numeric(28, 8) not null,
    debt_amount           numeric(28, 8) not null,
    writeoff_amount       numeric(28, 8) not null,
    constraint charge_sums_pk primary key (tenant_id, domain_id, cycle, service_type_code, resource_type_code, region_code,
        charging_mode, bill_type, enterprise_project_id, currency, partner_id, association_type)
) with (fillfactor = 70);
create index charge_sums_of_partner on charge_sums (tenant_id, partner_id, cycle, domain_id);
select place_by_tenant('charge_sums');

-- Charges of one resource and usage type, or of one line of an order, added up by the day and by the cycle.
create table charge_totals (
    tenant_id             uuid           not null,
    domain_id             uuid           not null,
    cycle                 date           not null,
    statistic             smallint       not null, -- 1 by the cycle, 2 by the day
    day                   date           not null, -- of UTC+8; by the cycle its first one
    source                text           not null, -- the resource; of an order its line
    usage_type_code       text           not null,
    bill_type             smallint       not null,
    product_id            text           not null,
    enterprise_project_id text           not null,
    currency              text           not null,
    partner_id            uuid           not null,
    charging_mode         smallint       not null,
    trade_id              text           not null, -- of an order; empty where settlements are added up
    order_id              text,
    service_type_code     text           not null,
    resource_type_code    text           not null,
    region_code           text           not null,
    resource_id           text           not null,
    resource_name         text           not null,
    parent_id             text,
    resource_spec         text           not null,
    resource_size         integer,
    size_measure_id       integer,
    usage_amount          numeric(28, 8),
    usage_measure_id      integer,
    package_amount        numeric(28, 8),
    period_type           smallint,
    period_num            integer,
    charged_at            timestamptz    not null, -- the last time
    official_amount       numeric(28, 8) not null,
    discount_amount       numeric(28, 8) not null,
    erase_amount          numeric(28, 8) not null,
    consume_amount        numeric(28, 8) not null,
    cash_amount           numeric(28, 8) not null,
    credit_amount         numeric(28, 8) not null,
    coupon_amount         numeric(28, 8) not null,
    flexi_amount          numeric(28, 8) not null,
    card_amount           numeric(28, 8) not null,
    bonus_amount          numeric(28, 8) not null,
    debt_amount           numeric(28, 8) not null,
    writeoff_amount       numeric(28, 8) not null,
    constraint charge_totals_pk primary key (tenant_id, domain_id, cycle, statistic, day, source, usage_type_code, bill_type,
        product_id, enterprise_project_id, currency, partner_id)
) with (fillfactor = 70);
select place_by_tenant('charge_totals');

-- Months in which something was charged. One that is closed has been made up for: what was cut off is charged as far as it is
-- whole cents.
create table billing_cycles (
    tenant_id uuid        not null,
    cycle     date        not null,
    closed_at timestamptz,             -- null: not yet
    constraint billing_cycles_pk primary key (tenant_id, cycle)
);
create index billing_cycles_open on billing_cycles (tenant_id, cycle) where closed_at is null;
select place_by_tenant('billing_cycles');

-- What customers owe in all: kept with the charges that nobody has paid.
create table debtors (
    tenant_id uuid           not null,
    domain_id uuid           not null,
    currency  text           not null,
    owed      numeric(28, 8) not null,
    constraint debtors_pk primary key (tenant_id, domain_id, currency),
    constraint debtors_owe_or_not check (owed >= 0)
);
create index debtors_owing on debtors (tenant_id, domain_id) where owed > 0;
select place_by_tenant('debtors');
