-- Invoices: what of what was paid may be invoiced, who asked for it, and what became of it.

-- What may be invoiced to whom, kept with the charges: of each order, and of all use of a month, what cash, credit, flexi-purchase
-- coupons and cards paid. Below zero: what an order gave back.
create table invoiceable (
    tenant_id uuid           not null,
    payer_id  uuid           not null, -- the partner of a resale customer, else the customer
    domain_id uuid           not null, -- the customer
    cycle     date           not null,
    order_id  text           not null, -- empty: use
    currency  text           not null,
    amount    numeric(28, 8) not null,
    invoiced  numeric(28, 8) not null, -- what of it invoices hold
    owed      numeric(28, 8) not null, -- what nobody has paid yet
    constraint invoiceable_pk primary key (tenant_id, payer_id, currency, domain_id, cycle, order_id),
    constraint invoiceable_never_twice check (invoiced between least(amount, 0) and greatest(amount, 0))
);
create index invoiceable_open on invoiceable (tenant_id, payer_id, currency, cycle, domain_id) where amount <> invoiced;
create index invoiceable_open_of_order on invoiceable (tenant_id, payer_id, order_id) where amount <> invoiced;
create index invoiceable_given_back on invoiceable (tenant_id, payer_id, currency) where amount < invoiced;
create index invoiceable_owed on invoiceable (tenant_id, payer_id, currency, cycle, domain_id) where owed > 0;
select place_by_tenant('invoiceable');
revoke update, delete, truncate on invoiceable from bss_gateway;
grant update (amount, invoiced, owed) on invoiceable to bss_gateway;
do $$ begin
    insert into invoiceable (tenant_id, payer_id, domain_id, cycle, order_id, currency, amount, invoiced, owed)
    select tenant_id, case when association_type = 2 then coalesce(partner_id, domain_id) else domain_id end, domain_id, cycle,
           coalesce(order_id, ''), currency, sum(cash_amount + credit_amount + flexi_amount + card_amount), 0, sum(debt_amount)
    from charges group by 1, 2, 3, 4, 5, 6;
end $$;

-- To whom invoices are made out.
create table invoice_titles (
    tenant_id      uuid        not null,
    domain_id      uuid        not null, -- whose it is
    title_id       uuid        not null,
    kind           smallint    not null, -- 0 a person, 1 a company
    sealed_details bytea       not null, -- the name, and of a company what is printed beside it
    created_at     timestamptz not null,
    constraint invoice_titles_pk primary key (tenant_id, domain_id, title_id)
);
select place_by_tenant('invoice_titles');

create table invoices (
    tenant_id      uuid           not null,
    invoice_id     uuid           not null,
    domain_id      uuid           not null, -- who asked for it
    customer_id    uuid,                    -- of a month of one customer: which
    cycle          date,                    -- the month; null: orders
    method         smallint       not null, -- 0 by month, 2 by order
    currency       text           not null,
    amount         numeric(28, 8) not null,
    kind           smallint       not null, -- 0 special VAT, 1 ordinary VAT
    medium         text           not null, -- paper, digital
    title_kind     smallint       not null,
    sealed_details bytea          not null, -- to whom it is made out, and where it goes
    status         text           not null,
    user_name      text           not null, -- who asked
    requested_at   timestamptz    not null,
    updated_at     timestamptz    not null,
    invoice_no     text,
    parcel_no      text,
    reason         text,                    -- why it was refused or returned
    taxes          jsonb          not null,
    constraint invoices_pk primary key (tenant_id, invoice_id),
    constraint invoices_amount_positive check (amount >= 0.01),
    constraint invoices_month_or_orders check ((cycle is not null) = (method = 0) and (customer_id is null or method = 0)),
    constraint invoices_medium_known check (medium in ('paper', 'digital')),
    constraint invoices_status_known check (status in ('in_review', 'withdrawn', 'refused', 'issued', 'sent', 'returned')),
    constraint invoices_number_when_issued check ((invoice_no is not null) = (status in ('issued', 'sent', 'returned')))
);
create index invoices_of_account on invoices (tenant_id, domain_id, requested_at desc, invoice_id desc);
create unique index invoices_by_number on invoices (tenant_id, invoice_no) where invoice_no is not null;
select place_by_tenant('invoices');
revoke update, delete, truncate on invoices from bss_gateway;
grant update (status, updated_at, invoice_no, parcel_no, reason, taxes, sealed_details) on invoices to bss_gateway;

-- What an invoice is of, below zero what refunds take from it. What is withdrawn, refused or returned may be invoiced again by
-- another; these rows stay.
create table invoice_items (
    tenant_id  uuid           not null,
    invoice_id uuid           not null,
    domain_id  uuid           not null, -- the customer
    cycle      date           not null,
    order_id   text           not null,
    amount     numeric(28, 8) not null,
    constraint invoice_items_pk primary key (tenant_id, invoice_id, domain_id, cycle, order_id)
);
select place_by_tenant('invoice_items');
revoke update, delete, truncate on invoice_items from bss_gateway;
do $$ begin
    alter table invoice_items add constraint invoice_items_invoice_fk
        foreign key (tenant_id, invoice_id) references invoices (tenant_id, invoice_id);
end $$;
