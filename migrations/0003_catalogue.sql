-- The catalogue: dictionaries that every caller reads and no request writes.
-- Each replica keeps all of it in memory and loads it again when `catalogue_version` has changed.

create table catalogue_version (
    only_row boolean not null,
    version  bigint  not null,
    constraint catalogue_version_pk primary key (only_row),
    constraint catalogue_version_single check (only_row)
);
insert into catalogue_version (only_row, version) values (true, 0);
select place_everywhere('catalogue_version');

create table provinces (
    code text not null,
    name text not null,
    constraint provinces_pk primary key (code)
);
select place_everywhere('provinces');

create table cities (
    code          text not null,
    province_code text not null,
    name          text not null,
    constraint cities_pk primary key (code)
);
select place_everywhere('cities');

create table counties (
    code      text not null,
    city_code text not null,
    name      text not null,
    constraint counties_pk primary key (code)
);
select place_everywhere('counties');

create table measure_units (
    measure_id   integer not null,
    measure_type integer not null,      -- 1 money, 2 time, 3 traffic, ...: only units of one type convert
    name_zh      text    not null,
    name_en      text    not null,
    abbreviation text    not null,
    constraint measure_units_pk primary key (measure_id)
);
select place_everywhere('measure_units');

create table conversions (
    measure_id       integer not null,
    ref_measure_id   integer not null,
    conversion_ratio bigint  not null,  -- 1 measure_id = conversion_ratio ref_measure_id
    measure_type     integer not null,
    constraint conversions_pk primary key (measure_id, ref_measure_id),
    constraint conversions_ratio_positive check (conversion_ratio > 0)
);
select place_everywhere('conversions');

create table service_types (
    service_type_code text not null,
    name_zh           text not null,
    name_en           text not null,
    abbreviation      text not null,
    constraint service_types_pk primary key (service_type_code)
);
select place_everywhere('service_types');

create table resource_types (
    resource_type_code text not null,
    service_type_code  text not null,
    name_zh            text not null,
    name_en            text not null,
    desc_zh            text not null,
    desc_en            text not null,
    constraint resource_types_pk primary key (resource_type_code)
);
select place_everywhere('resource_types');

create table usage_types (
    usage_type_code    text not null,
    resource_type_code text not null,
    name_zh            text not null,
    name_en            text not null,
    constraint usage_types_pk primary key (usage_type_code, resource_type_code)
);
select place_everywhere('usage_types');

create table regions (
    region_code text not null,
    name_zh     text not null,
    name_en     text not null,
    constraint regions_pk primary key (region_code)
);
select place_everywhere('regions');

create table resource_specs (
    resource_type_code text       not null,
    resource_spec      text       not null,
    name_zh            text       not null,
    name_en            text       not null,
    charge_modes       smallint[] not null, -- 1 yearly/monthly, 3 pay-per-use
    region_codes       text[]     not null,
    constraint resource_specs_pk primary key (resource_type_code, resource_spec)
);
select place_everywhere('resource_specs');

do $$ begin
    alter table cities add constraint cities_province_fk foreign key (province_code) references provinces (code);
end $$;
do $$ begin
    alter table counties add constraint counties_city_fk foreign key (city_code) references cities (code);
end $$;
do $$ begin
    alter table conversions add constraint conversions_unit_fk
        foreign key (measure_id) references measure_units (measure_id);
end $$;
do $$ begin
    alter table conversions add constraint conversions_ref_unit_fk
        foreign key (ref_measure_id) references measure_units (measure_id);
end $$;
do $$ begin
    alter table resource_types add constraint resource_types_service_fk
        foreign key (service_type_code) references service_types (service_type_code);
end $$;
do $$ begin
    alter table usage_types add constraint usage_types_resource_fk
        foreign key (resource_type_code) references resource_types (resource_type_code);
end $$;
do $$ begin
    alter table resource_specs add constraint resource_specs_resource_fk
        foreign key (resource_type_code) references resource_types (resource_type_code);
end $$;
