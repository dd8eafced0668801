-- Who customers and partners are, and in which order a partner lists its customers.
--
-- Phone numbers, e-mail addresses, real names and numbers of documents are sealed like secret keys. What must be found again
-- has a keyed hash; the key of these hashes is one for the system, so that a new master key does not change them.

create table lookup_keys (
    only_row   boolean not null,
    sealed_key bytea   not null,
    constraint lookup_keys_pk primary key (only_row),
    constraint lookup_keys_single check (only_row)
);
select place_everywhere('lookup_keys');

-- What a partner, a distributor or a reseller is beside its account. No row: nothing is known and nothing is forbidden.
create table partner_profiles (
    tenant_id            uuid    not null,
    domain_id            uuid    not null,
    standing             text    not null,      -- what it may do with its customers
    is_test              boolean not null,      -- a test account: it creates no customers
    checks_documents     boolean not null,      -- may send documents of its customers for real-name authentication
    name                 text    not null,      -- a company's, so not personal; empty: unknown
    account_manager_id   text    not null,
    account_manager_name text    not null,
    sealed_phone         bytea,
    sealed_email         bytea,
    callback_url         text,                  -- told when a customer is bound or unbound; null: nobody
    consumption_quota    numeric(28, 8),        -- international: what its customers may consume together; null: none granted
    constraint partner_profiles_pk primary key (tenant_id, domain_id),
    constraint partner_profiles_standing_known check (standing in ('normal', 'restricted', 'exited'))
);
select place_by_tenant('partner_profiles');
do $$ begin
    alter table partner_profiles add constraint partner_profiles_domain_fk
        foreign key (tenant_id, domain_id) references domains (tenant_id, domain_id);
end $$;

-- The sales platforms of partners: `xaccount_type` says from which one a customer comes.
create table platforms (
    xaccount_type text not null,
    tenant_id     uuid not null,
    domain_id     uuid not null,
    constraint platforms_pk primary key (xaccount_type)
);
select place_by_key('platforms', 'xaccount_type');

-- The users of those platforms that have an account here.
create table xaccounts (
    xaccount_id   text not null,
    xaccount_type text not null,
    tenant_id     uuid not null,
    domain_id     uuid not null,
    constraint xaccounts_pk primary key (xaccount_id, xaccount_type)
);
select place_by_key('xaccounts', 'xaccount_id');

-- Phones and e-mail addresses, by their hash: how many accounts have registered with each.
create table receivers (
    receiver_hash bytea   not null,
    accounts      integer not null,
    reserved      boolean not null,             -- kept for the vendor's own customers
    constraint receivers_pk primary key (receiver_hash),
    constraint receivers_accounts_natural check (accounts >= 0)
);
select place_by_key('receivers', 'receiver_hash');

alter table customers
    add column number             bigint,       -- ascending among the partner's customers; null: associated with none
    add column pending_partner_id uuid,         -- with whom the association is still to be made
    add column pending_type       smallint,
    add column pending_since      timestamptz,
    add column international      boolean  not null default false,
    add column xaccount_type      text,
    add column xaccount_id        text,
    add column sealed_phone       bytea,
    add column country_code       text,         -- of the phone, for instance 0086
    add column sealed_email       bytea,
    add column domain_area        text,         -- the country, two letters
    add column label              text     not null default '',
    add column level              text     not null default 'V0',
    add column account_manager    text,
    add column takes_marketing    boolean  not null default true,
    add column customer_type      smallint not null default -1,
    add column verified_status    smallint not null default -1,
    add column sealed_name        bytea,        -- the verified name
    add column name_grams         bigint[] not null default '{}', -- keyed hashes of the name's letters and pairs of letters
    add column frozen             smallint not null default 0;
do $$ begin
    alter table customers add constraint customers_pending_whole
        check ((pending_partner_id is null) = (pending_type is null)
               and (pending_partner_id is null) = (pending_since is null));
end $$;
do $$ begin
    alter table customers add constraint customers_type_known check (customer_type in (-1, 0, 1));
end $$;
do $$ begin
    alter table customers add constraint customers_verified_known check (verified_status in (-1, 0, 1, 2));
end $$;
do $$ begin
    alter table customers add constraint customers_frozen_known check (frozen in (0, 1, 2));
end $$;
create index customers_pending on customers (tenant_id, pending_since) where pending_partner_id is not null;
create index customers_by_number on customers (tenant_id, partner_id, number desc) where partner_id is not null;
create index customers_name_grams on customers using gin (name_grams);

-- How many customers a partner has, and the number of the last one. Its row is the lock under which numbers are given.
create table customer_counters (
    tenant_id   uuid        not null,
    partner_id  uuid        not null,
    last_number bigint      not null,
    customers   bigint      not null,
    last_at     timestamptz not null,           -- of the last association: numbers and times ascend together
    constraint customer_counters_pk primary key (tenant_id, partner_id)
);
select place_by_tenant('customer_counters');

-- How many customers have their number in each thousand. An offset is found by adding these up, so the last page of a
-- million costs about what the first does, also where customers have left.
create table customer_blocks (
    tenant_id  uuid    not null,
    partner_id uuid    not null,
    block      bigint  not null,                -- number / 1000
    members    integer not null,
    constraint customer_blocks_pk primary key (tenant_id, partner_id, block),
    constraint customer_blocks_members_natural check (members between 0 and 1000)
);
select place_by_tenant('customer_blocks');

update customers c set number = n.number
from (select tenant_id, domain_id,
             row_number() over (partition by tenant_id, partner_id order by associated_at, domain_id) as number
      from customers where partner_id is not null) n
where c.tenant_id = n.tenant_id and c.domain_id = n.domain_id;
insert into customer_counters (tenant_id, partner_id, last_number, customers, last_at)
select tenant_id, partner_id, max(number), count(*), max(associated_at)
from customers where partner_id is not null group by tenant_id, partner_id;
insert into customer_blocks (tenant_id, partner_id, block, members)
select tenant_id, partner_id, number / 1000, count(*)
from customers where partner_id is not null group by tenant_id, partner_id, number / 1000;

-- The life of an association, step by step.
create table association_events (
    tenant_id        uuid        not null,
    happened_at      timestamptz not null,
    event_id         uuid        not null,
    domain_id        uuid        not null,      -- the customer
    partner_id       uuid,                      -- with whom; null where there was nobody
    step             text        not null,      -- invited, registered, associated, switched, unbound, left, joined
    association_type smallint,
    constraint association_events_pk primary key (tenant_id, happened_at, event_id)
) partition by range (happened_at);
create index association_events_of_customer on association_events (tenant_id, domain_id, happened_at desc, event_id desc);
select place_by_tenant('association_events');
revoke update, delete, truncate on association_events from bss_gateway;
