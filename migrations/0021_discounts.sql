-- Why one customer pays less than another, and in which currency.

-- A framework agreement of an account with the vendor; its discounts are the commercial ones.
create table agreements (
    tenant_id    uuid        not null,
    agreement_id uuid        not null,
    domain_id    uuid        not null,
    code         text        not null,
    effective_at timestamptz not null,
    expires_at   timestamptz not null,
    created_at   timestamptz not null,
    constraint agreements_pk primary key (tenant_id, agreement_id),
    constraint agreements_code_key unique (tenant_id, domain_id, code),
    constraint agreements_time_forward check (effective_at < expires_at)
);
select place_by_tenant('agreements');

create table discounts (
    tenant_id          uuid        not null,
    discount_id        uuid        not null,
    domain_id          uuid        not null,
    for_customers      boolean     not null, -- of all customers right below the account, in place of the account itself
    kind               text        not null,
    name               text        not null,
    agreement_id       uuid,                 -- of the commercial ones
    ratio              numeric     not null, -- what is left to pay: 0.8 is a fifth off
    stacks             boolean     not null, -- a promotion that comes on top of other discounts
    service_type_code  text,                 -- to what it applies; null: to all
    resource_type_code text,
    resource_spec      text,
    region_code        text,
    charging_modes     text[]      not null, -- empty: all
    effective_at       timestamptz not null,
    expires_at         timestamptz not null,
    created_at         timestamptz not null,
    constraint discounts_pk primary key (tenant_id, discount_id),
    constraint discounts_kind_known check (kind in ('commercial', 'contract', 'partner', 'promotion')),
    constraint discounts_agreement_of_commercial check ((kind = 'commercial') = (agreement_id is not null)),
    constraint discounts_ratio_range check (ratio >= 0 and ratio < 1),
    constraint discounts_stacking_promotion check (kind = 'promotion' or not stacks),
    constraint discounts_time_forward check (effective_at < expires_at)
);
create index discounts_domain on discounts (tenant_id, domain_id);
select place_by_tenant('discounts');

-- In which currency an account is quoted and billed; without a row in the deployment's.
create table account_currencies (
    tenant_id uuid not null,
    domain_id uuid not null,
    currency  text not null,
    constraint account_currencies_pk primary key (tenant_id, domain_id),
    constraint account_currencies_known check (currency in ('CNY', 'USD'))
);
select place_by_tenant('account_currencies');

do $$ begin
    alter table agreements add constraint agreements_domain_fk
        foreign key (tenant_id, domain_id) references domains (tenant_id, domain_id);
end $$;
do $$ begin
    alter table discounts add constraint discounts_domain_fk
        foreign key (tenant_id, domain_id) references domains (tenant_id, domain_id);
end $$;
do $$ begin
    alter table discounts add constraint discounts_agreement_fk
        foreign key (tenant_id, agreement_id) references agreements (tenant_id, agreement_id);
end $$;
do $$ begin
    alter table account_currencies add constraint account_currencies_domain_fk
        foreign key (tenant_id, domain_id) references domains (tenant_id, domain_id);
end $$;
