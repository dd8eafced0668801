-- The price book, and which services count for incentives. Catalogue tables: each replica keeps all of them in memory and
-- loads them again when `catalogue_version` has changed.

-- What a specification costs in a region, in one way of measuring its use, from an instant on until the next row's.
-- An empty list of prices: not sold that way.
create table prices (
    resource_type_code text        not null,
    resource_spec      text        not null,
    region_code        text        not null,
    currency           text        not null,
    usage_factor       text        not null, -- in lower case; empty: sold by period only
    effective_at       timestamptz not null,
    measure_id         integer,              -- what `on_demand` is the price of one of
    size_measure_id    integer,              -- linear products: all prices are for a size of one of these
    size_min           integer,
    size_max           integer,
    size_step          integer,
    shape              text        not null,
    tier_by            text        not null, -- what the tiers are of; empty: there is one tier
    tiers              numeric[]   not null, -- where each tier begins: 0, then rising
    on_demand          numeric[]   not null, -- as many prices as tiers
    day                numeric[]   not null, -- for one period; by period only sizes make tiers
    month              numeric[]   not null,
    one_year           numeric[]   not null, -- for the whole period
    two_years          numeric[]   not null,
    three_years        numeric[]   not null,
    constraint prices_pk primary key
        (resource_type_code, resource_spec, region_code, currency, usage_factor, effective_at),
    constraint prices_currency_known check (currency in ('CNY', 'USD')),
    constraint prices_shape_known check (shape in ('fixed', 'linear', 'tiered', 'stepped', 'withdrawn')),
    constraint prices_tier_by_known check (tier_by in ('', 'usage', 'size'))
);
select place_everywhere('prices');

-- The vendor's incentive and discount policy of a service, from an instant on until the next row's.
create table incentive_policies (
    service_type_code text        not null,
    effective_at      timestamptz not null,
    incentive_policy  smallint    not null,
    allow_discount    boolean     not null, -- whether discounts that partners grant apply to it
    constraint incentive_policies_pk primary key (service_type_code, effective_at),
    constraint incentive_policies_known check (incentive_policy in (0, 1, 2, 13))
);
select place_everywhere('incentive_policies');

do $$ begin
    alter table prices add constraint prices_spec_fk foreign key (resource_type_code, resource_spec)
        references resource_specs (resource_type_code, resource_spec);
end $$;
do $$ begin
    alter table prices add constraint prices_region_fk foreign key (region_code) references regions (region_code);
end $$;
do $$ begin
    alter table prices add constraint prices_measure_fk foreign key (measure_id) references measure_units (measure_id);
end $$;
do $$ begin
    alter table prices add constraint prices_size_measure_fk foreign key (size_measure_id)
        references measure_units (measure_id);
end $$;
do $$ begin
    alter table incentive_policies add constraint incentive_policies_service_fk foreign key (service_type_code)
        references service_types (service_type_code);
end $$;
