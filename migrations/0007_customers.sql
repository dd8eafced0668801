-- Which time a tenant lives in, and who is whose customer.

-- Business time runs with the system's unless the sandbox moves it: shifted by an offset, or standing still.
alter table tenants
    add column clock_offset_us bigint      not null default 0,
    add column clock_frozen_at timestamptz;     -- null: the clock runs
create index tenants_moved_clock on tenants (tenant_id) where clock_offset_us <> 0 or clock_frozen_at is not null;

-- A customer's association with a partner. The account itself is in `domains`.
create table customers (
    tenant_id        uuid        not null,
    domain_id        uuid        not null,
    partner_id       uuid,                  -- the partner or reseller it is associated with; null: with none
    association_type smallint,              -- 1 referral, 2 resale; null: not associated
    associated_at    timestamptz,
    constraint customers_pk primary key (tenant_id, domain_id),
    constraint customers_association_whole
        check ((partner_id is null) = (association_type is null) and (partner_id is null) = (associated_at is null)),
    constraint customers_association_known check (association_type in (1, 2))
);
create index customers_of_partner on customers (tenant_id, partner_id, associated_at desc, domain_id desc);
select place_by_tenant('customers');
do $$ begin
    alter table customers add constraint customers_domain_fk
        foreign key (tenant_id, domain_id) references domains (tenant_id, domain_id);
end $$;
do $$ begin
    alter table customers add constraint customers_partner_fk
        foreign key (tenant_id, partner_id) references domains (tenant_id, domain_id);
end $$;

insert into customers (tenant_id, domain_id, partner_id, association_type, associated_at)
select tenant_id, domain_id, parent_id, case when parent_id is not null then 2 end,
       case when parent_id is not null then created_at end
from domains where kind in ('customer', 'master');
