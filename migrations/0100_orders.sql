-- Orders: what customers buy, renew and give back, by whom it was paid, and every step on the way.

create table orders (
    tenant_id             uuid           not null,
    order_id              text           not null, -- CS, the minute in UTC+8, five letters or digits
    domain_id             uuid           not null, -- the customer
    partner_id            uuid,                    -- whose customer it was then; null: nobody's
    order_type            smallint       not null,
    status                smallint       not null,
    source_type           smallint       not null,
    service_type_code     text           not null, -- of the first line
    currency              text           not null,
    official_amount       numeric(28, 8) not null, -- all amounts are the sums over the lines
    amount_after_discount numeric(28, 8) not null, -- what is paid by cash and credit
    coupon_amount         numeric(28, 8) not null, -- by cash coupons
    flexi_amount          numeric(28, 8) not null, -- by flexi-purchase coupons
    card_amount           numeric(28, 8) not null, -- by stored-value cards
    commission_amount     numeric(28, 8),          -- of what is given back: the fee
    consumed_amount       numeric(28, 8),          -- of what is given back: what was used
    discounts             jsonb          not null, -- [[type, amount], …], coupons among them
    user_name             text           not null, -- who ordered
    enterprise_project_id text,
    is_auto_pay           boolean        not null,
    created_at            timestamptz    not null,
    payable_until         timestamptz,             -- of an unpaid one
    paid_at               timestamptz,
    paid_as               smallint,                -- how the customer was associated when it paid: 1 referral, 2 resale; null: not at all
    paying_agent_id       uuid,                    -- who paid, if it was another account
    provision_at          timestamptz,             -- when the sandbox's own provisioner is done; null: a service reports
    updated_at            timestamptz    not null,
    constraint orders_pk primary key (tenant_id, order_id),
    constraint orders_status_known check (status in (1, 2, 3, 4, 5, 6, 9)),
    constraint orders_type_known check (order_type in (1, 2, 3, 4, 10, 11, 13, 14, 15)),
    constraint orders_identity_holds check (
        order_type in (4, 10)
        or official_amount >= amount_after_discount + coupon_amount + flexi_amount + card_amount
    )
);
create index orders_of_customer on orders (tenant_id, domain_id, created_at desc, order_id desc);
create index orders_of_partner on orders (tenant_id, partner_id, created_at desc, order_id desc) where partner_id is not null;
create index orders_unpaid on orders (tenant_id, payable_until) where status = 6;
create index orders_processing on orders (tenant_id, provision_at) where status = 3 and provision_at is not null;
select place_by_tenant('orders');
do $$ begin
    alter table orders add constraint orders_domain_fk
        foreign key (tenant_id, domain_id) references domains (tenant_id, domain_id);
end $$;

create table order_lines (
    tenant_id             uuid           not null,
    order_id              text           not null,
    line                  smallint       not null, -- from 1
    service_type_code     text           not null,
    resource_type_code    text           not null,
    resource_spec         text           not null,
    region_code           text           not null,
    project_id            uuid           not null,
    resource_size         integer,                 -- of linear products
    size_measure_id       integer,
    product_id            text           not null,
    period_type           smallint       not null,
    period_num            integer,                 -- null on an unsubscription
    official_amount       numeric(28, 8) not null,
    amount_after_discount numeric(28, 8) not null,
    coupon_amount         numeric(28, 8) not null,
    flexi_amount          numeric(28, 8) not null,
    card_amount           numeric(28, 8) not null,
    commission_amount     numeric(28, 8),
    consumed_amount       numeric(28, 8),
    discounts             jsonb          not null,
    main_line             smallint,                -- of a secondary resource: the line of its primary
    resource_id           text,                    -- what was provisioned, renewed or given back
    resource_name         text           not null,
    outcome               text           not null, -- waiting, done, failed: what the service said
    effective_at          timestamptz,
    expires_at            timestamptz,
    constraint order_lines_pk primary key (tenant_id, order_id, line),
    constraint order_lines_outcome_known check (outcome in ('waiting', 'done', 'failed')),
    constraint order_lines_size_has_measure check ((resource_size is null) = (size_measure_id is null))
);
create index order_lines_of_resource on order_lines (tenant_id, resource_id) where resource_id is not null;
select place_by_tenant('order_lines');
do $$ begin
    alter table order_lines add constraint order_lines_order_fk
        foreign key (tenant_id, order_id) references orders (tenant_id, order_id);
end $$;

-- Which purse paid how much of a line: what a refund goes by.
create table order_payments (
    tenant_id uuid           not null,
    order_id  text           not null,
    line      smallint       not null,
    source    text           not null,
    source_id uuid           not null, -- the coupon, the card, or the account
    amount    numeric(28, 8) not null,
    constraint order_payments_pk primary key (tenant_id, order_id, line, source, source_id),
    constraint order_payments_source_known
        check (source in ('discount_coupon', 'cash_coupon', 'flexi_coupon', 'card', 'cash', 'allocated', 'credit', 'partner')),
    constraint order_payments_amount_positive check (amount > 0)
);
select place_by_tenant('order_payments');
do $$ begin
    alter table order_payments add constraint order_payments_line_fk
        foreign key (tenant_id, order_id, line) references order_lines (tenant_id, order_id, line);
end $$;

-- What happened to an order: immutable.
create table order_events (
    tenant_id   uuid        not null,
    order_id    text        not null,
    number      smallint    not null, -- from 1
    event       text        not null,
    from_status smallint,             -- null: it was not there
    to_status   smallint    not null,
    happened_at timestamptz not null,
    user_id     uuid,                 -- null: it fell due by itself
    constraint order_events_pk primary key (tenant_id, order_id, number)
);
select place_by_tenant('order_events');
revoke update, delete, truncate on order_events from bss_gateway;
do $$ begin
    alter table order_events add constraint order_events_order_fk
        foreign key (tenant_id, order_id) references orders (tenant_id, order_id);
end $$;

-- What an unsubscription gave back and kept, order by order that had paid for it.
create table order_refunds (
    tenant_id          uuid           not null,
    order_id           text           not null, -- the unsubscription
    number             smallint       not null, -- from 1
    resource_id        text           not null,
    resource_type_code text           not null,
    service_type_code  text           not null,
    region_code        text           not null,
    amount             numeric(28, 8) not null, -- below zero: given back; above: used, or a fee
    base_order_id      text           not null,
    constraint order_refunds_pk primary key (tenant_id, order_id, number)
);
select place_by_tenant('order_refunds');
do $$ begin
    alter table order_refunds add constraint order_refunds_order_fk
        foreign key (tenant_id, order_id) references orders (tenant_id, order_id);
end $$;

-- How many orders an account has, as a customer or as a partner: counted with each order, so that no list has to.
create table order_counters (
    tenant_id uuid   not null,
    owner_id  uuid   not null,
    orders    bigint not null,
    constraint order_counters_pk primary key (tenant_id, owner_id)
) with (fillfactor = 70);
select place_by_tenant('order_counters');
