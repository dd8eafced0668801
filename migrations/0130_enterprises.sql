-- Enterprises: a master account's organisation, and the member accounts below it.

-- The last number that was given to a unit or a relation of a tenant. Its row is the lock under which numbers are given.
create table party_counters (
    tenant_id   uuid   not null,
    last_number bigint not null,
    constraint party_counters_pk primary key (tenant_id)
);
select place_by_tenant('party_counters');

-- The units of an organisation, a tree for each master.
create table organisation_units (
    tenant_id   uuid        not null,
    party_id    bigint      not null, -- its id, a number that people see
    master_id   uuid        not null, -- whose organisation it is part of
    parent_id   bigint,               -- the unit it hangs below; null: the root
    relation_id bigint,               -- of its place below that unit; null: the root
    level       smallint    not null, -- the root's is 1
    name        text        not null, -- the root's may be empty
    created_at  timestamptz not null,
    constraint organisation_units_pk primary key (tenant_id, party_id),
    constraint organisation_units_root_or_below
        check ((parent_id is null) = (level = 1) and (parent_id is null) = (relation_id is null)),
    constraint organisation_units_levels check (level between 1 and 10),
    constraint organisation_units_named check (name <> '' or parent_id is null)
);
create unique index organisation_units_root on organisation_units (tenant_id, master_id) where parent_id is null;
create index organisation_units_of_master on organisation_units (tenant_id, master_id, party_id);
select place_by_tenant('organisation_units');
do $$ begin
    alter table organisation_units add constraint organisation_units_master_fk
        foreign key (tenant_id, master_id) references domains (tenant_id, domain_id);
end $$;
do $$ begin
    alter table organisation_units add constraint organisation_units_parent_fk
        foreign key (tenant_id, parent_id) references organisation_units (tenant_id, party_id);
end $$;

-- The member accounts. Each belongs to one master; whether that keeps its finances stands in `customers.in_custody`.
create table enterprise_members (
    tenant_id        uuid        not null,
    domain_id        uuid        not null, -- the member's account
    master_id        uuid        not null,
    party_id         bigint      not null, -- the unit it belongs to
    status           smallint    not null,
    association_type smallint    not null, -- 1: of one legal entity with the master
    display_name     text        not null,
    permissions      text[]      not null, -- what the master may do with it
    joined_at        timestamptz not null,
    constraint enterprise_members_pk primary key (tenant_id, domain_id),
    constraint enterprise_members_status_known check (status in (1, 2, 3, 4, 101, 102)),
    constraint enterprise_members_association_known check (association_type = 1),
    constraint enterprise_members_not_of_itself check (domain_id <> master_id)
);
create index enterprise_members_of_master on enterprise_members (tenant_id, master_id, joined_at desc, domain_id desc);
select place_by_tenant('enterprise_members');
do $$ begin
    alter table enterprise_members add constraint enterprise_members_domain_fk
        foreign key (tenant_id, domain_id) references domains (tenant_id, domain_id);
end $$;
do $$ begin
    alter table enterprise_members add constraint enterprise_members_master_fk
        foreign key (tenant_id, master_id) references domains (tenant_id, domain_id);
end $$;
do $$ begin
    alter table enterprise_members add constraint enterprise_members_unit_fk
        foreign key (tenant_id, party_id) references organisation_units (tenant_id, party_id);
end $$;

-- Ways of dividing an account's resources that it has opened. None is ever closed.
create table opened_features (
    tenant_id uuid        not null,
    domain_id uuid        not null,
    feature   text        not null,
    opened_at timestamptz not null,
    constraint opened_features_pk primary key (tenant_id, domain_id, feature),
    constraint opened_features_known check (feature in ('enterprise_projects', 'project_groups', 'multi_project'))
);
select place_by_tenant('opened_features');
do $$ begin
    alter table opened_features add constraint opened_features_domain_fk
        foreign key (tenant_id, domain_id) references domains (tenant_id, domain_id);
end $$;

-- Every master has a root.
insert into organisation_units (tenant_id, party_id, master_id, level, name, created_at)
select tenant_id, row_number() over (partition by tenant_id order by created_at, domain_id), domain_id, 1, '', created_at
from domains where kind = 'master';
insert into party_counters (tenant_id, last_number)
select tenant_id, max(party_id) from organisation_units group by tenant_id;
