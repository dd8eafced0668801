-- Coupon quotas and coupons: what each is. What is left of one is its account in the ledger.

-- What decides who may be given a coupon.
alter table customers
    add column in_custody        boolean not null default false, -- its enterprise's master account keeps its finances
    add column first_association boolean not null default true;  -- it was never associated with another partner before

-- The products that coupons can be limited to. Partners get the ids from the vendor by word of mouth.
create table coupon_products (
    product_id      text   not null,
    subscribe_types text[] not null,        -- how it can be ordered: new, renew, change
    constraint coupon_products_pk primary key (product_id)
);
select place_everywhere('coupon_products');

-- A partner, distributor or reseller as an issuer of coupons. Without a row: as the defaults say.
create table coupon_partners (
    tenant_id    uuid     not null,
    partner_id   uuid     not null,
    converted_at timestamptz,               -- from when on it uses coupons itself and issues none; null: it issues
    notice_days  smallint not null default 7, -- so long before a coupon expires it is told
    listed       bigint   not null default 0, -- how many of its coupons are marked as listed
    constraint coupon_partners_pk primary key (tenant_id, partner_id)
);
select place_by_tenant('coupon_partners');

create table coupon_quotas (
    tenant_id              uuid           not null,
    quota_id               uuid           not null,
    owner_id               uuid           not null, -- who issues coupons from it: a partner, distributor or reseller
    issuer_id              uuid,                    -- the distributor it was split by; null: granted by the vendor
    parent_id              uuid,                    -- the quota it was split from
    kind                   smallint       not null, -- 0 cash coupons, 1 flexi-purchase coupons
    value                  numeric(28, 8) not null,
    currency               text           not null,
    status                 smallint       not null, -- as set; a normal one that has expired is shown as invalid
    effective_at           timestamptz    not null,
    expires_at             timestamptz    not null,
    limits                 jsonb          not null, -- of the coupons: limit key to values
    face_min               numeric(28, 8),          -- of one coupon; null: any
    face_max               numeric(28, 8),
    customer_coupons_max   integer,                 -- to one customer, however many calls; null: any number
    customer_face_max      numeric(28, 8),          -- likewise the sum of the face values
    only_customers         uuid[],                  -- null: any
    only_first_association boolean        not null,
    used_told              boolean        not null, -- the owner was told that most of it is used
    created_at             timestamptz    not null,
    updated_at             timestamptz    not null,
    constraint coupon_quotas_pk primary key (tenant_id, quota_id),
    constraint coupon_quotas_kind_known check (kind in (0, 1)),
    constraint coupon_quotas_status_known check (status in (0, 3, 4, 5, 6)),
    constraint coupon_quotas_value_positive check (value > 0),
    constraint coupon_quotas_validity_ordered check (effective_at < expires_at),
    constraint coupon_quotas_split_whole check ((issuer_id is null) = (parent_id is null))
);
create index coupon_quotas_of_owner on coupon_quotas (tenant_id, owner_id, kind, created_at desc, quota_id desc);
create index coupon_quotas_of_issuer on coupon_quotas (tenant_id, issuer_id, created_at desc, quota_id desc)
    where issuer_id is not null;
select place_by_tenant('coupon_quotas');
do $$ begin
    alter table coupon_quotas add constraint coupon_quotas_owner_fk
        foreign key (tenant_id, owner_id) references domains (tenant_id, domain_id);
end $$;
do $$ begin
    alter table coupon_quotas add constraint coupon_quotas_parent_fk
        foreign key (tenant_id, parent_id) references coupon_quotas (tenant_id, quota_id);
end $$;

create table coupons (
    tenant_id    uuid           not null,
    coupon_id    uuid           not null,
    holder_id    uuid           not null,   -- the customer, or the partner itself
    partner_id   uuid,                      -- who issued it; null: the vendor
    quota_id     uuid,                      -- out of which; null with the vendor
    kind         smallint       not null,   -- 1 cash, 2 discount, 3 product, 4 flexi-purchase
    face_value   numeric(28, 8) not null,   -- of a discount coupon the share that is still to be paid, 0.85 for instance
    currency     text           not null,
    state        smallint       not null,   -- 2 usable, 3 used up, 4 expired, 5 reclaimed
    effective_at timestamptz    not null,
    expires_at   timestamptz    not null,
    limits       jsonb          not null,   -- limit key to values
    coupon_group smallint       not null,   -- 0 for cloud services, 1 of KooGallery, 2 dedicated, 3 for hardware
    name         text           not null,
    memo         text           not null,
    frozen       boolean        not null,
    order_id     text           not null,   -- the order or bill that used it last; empty: none did
    last_used_at timestamptz,
    created_at   timestamptz    not null,
    listed       boolean        not null,   -- false once it has been expired for so long that no list shows it
    expiry_told  boolean        not null,   -- the partner was told that it will expire soon
    constraint coupons_pk primary key (tenant_id, coupon_id),
    constraint coupons_kind_known check (kind in (1, 2, 3, 4)),
    constraint coupons_state_known check (state in (2, 3, 4, 5)),
    constraint coupons_face_positive check (face_value > 0),
    constraint coupons_validity_ordered check (effective_at < expires_at),
    constraint coupons_issuer_whole check ((partner_id is null) = (quota_id is null))
);
-- A partner's list, newest first, and one index for each thing it is filtered by. With what else a count looks at, so that
-- it reads the index alone.
create index coupons_of_partner on coupons (tenant_id, partner_id, created_at desc, coupon_id desc)
    include (expires_at) where listed;
create index coupons_of_partner_by_state on coupons (tenant_id, partner_id, state, created_at desc, coupon_id desc)
    include (effective_at, expires_at) where listed;
create index coupons_of_partner_by_kind on coupons (tenant_id, partner_id, kind, created_at desc, coupon_id desc)
    include (expires_at) where listed;
create index coupons_of_partner_by_start on coupons (tenant_id, partner_id, effective_at) include (expires_at) where listed;
create index coupons_of_partner_by_expiry on coupons (tenant_id, partner_id, expires_at) where listed;
create index coupons_of_holder on coupons (tenant_id, holder_id, created_at desc, coupon_id desc)
    include (expires_at) where listed;
create index coupons_of_order on coupons (tenant_id, order_id) where order_id <> '';
create index coupons_of_quota on coupons (tenant_id, quota_id, holder_id) where quota_id is not null;
-- What falls due: expiry, the notice before it, and leaving the lists after it.
create index coupons_expiring on coupons (expires_at, tenant_id) where state = 2;
create index coupons_expiring_of_tenant on coupons (tenant_id, expires_at, coupon_id) where state = 2;
create index coupons_expiring_untold on coupons (tenant_id, expires_at)
    where state = 2 and not expiry_told and partner_id is not null;
create index coupons_leaving on coupons (tenant_id, expires_at, coupon_id) where listed and state <> 2;
select place_by_tenant('coupons');
do $$ begin
    alter table coupons add constraint coupons_holder_fk
        foreign key (tenant_id, holder_id) references domains (tenant_id, domain_id);
end $$;
do $$ begin
    alter table coupons add constraint coupons_quota_fk
        foreign key (tenant_id, quota_id) references coupon_quotas (tenant_id, quota_id);
end $$;

-- What was done with coupons and quotas, in the books of those who may ask: a partner's coupons, a distributor's quotas, a
-- customer's coupons. A book numbers its records without gaps, as an account of the ledger does its entries.
create table coupon_books (
    tenant_id uuid        not null,
    owner_id  uuid        not null,
    book      text        not null,
    records   bigint      not null,         -- how many there are
    last_at   timestamptz not null,         -- of the last one: a book never runs backwards
    constraint coupon_books_pk primary key (tenant_id, owner_id, book),
    constraint coupon_books_book_known check (book in ('issued', 'split', 'held'))
) with (fillfactor = 70);
select place_by_tenant('coupon_books');

create table coupon_records (
    tenant_id       uuid           not null,
    happened_at     timestamptz    not null,
    record_id       uuid           not null,
    owner_id        uuid           not null,
    book            text           not null,
    number          bigint         not null,
    operation       text           not null,
    quota_id        uuid,                   -- null: of a coupon that the vendor issued
    quota_kind      smallint,
    parent_quota_id uuid,                   -- in the book of quotas
    coupon_id       uuid,                   -- in the books of coupons
    customer_id     uuid           not null, -- the customer; in the book of quotas the reseller
    amount          numeric(28, 8) not null,
    balance_after   numeric(28, 8) not null, -- what is left of the coupon or the quota
    reference       text           not null, -- the order or bill; empty where there is none
    service_type    text           not null, -- what it paid for; empty where it paid for nothing
    resource_type   text           not null,
    memo            text           not null,
    user_id         uuid,                   -- who caused it; null: the system
    constraint coupon_records_pk primary key (tenant_id, happened_at, record_id)
) partition by range (happened_at);
create index coupon_records_of_book on coupon_records (tenant_id, owner_id, book, number desc)
    include (happened_at, quota_kind);
create index coupon_records_by_customer on coupon_records (tenant_id, owner_id, book, customer_id, number desc)
    include (happened_at);
create index coupon_records_by_quota on coupon_records (tenant_id, owner_id, book, quota_id, number desc)
    include (happened_at);
create index coupon_records_by_parent on coupon_records (tenant_id, owner_id, book, parent_quota_id, number desc)
    where parent_quota_id is not null;
create index coupon_records_by_coupon on coupon_records (tenant_id, owner_id, book, coupon_id, number desc)
    where coupon_id is not null;
create index coupon_records_by_operation on coupon_records (tenant_id, owner_id, book, operation, number desc)
    include (happened_at);
create index coupon_records_by_reference on coupon_records (tenant_id, owner_id, book, reference, number desc)
    where reference <> '';
select place_by_tenant('coupon_records');
revoke update, delete, truncate on coupon_records from bss_gateway;
