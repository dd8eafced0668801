-- Tenants, and where tables live when the database is spread over several machines.
--
-- The three functions do nothing on plain PostgreSQL. On a Citus cluster they distribute a table by its tenant, by a
-- unique value of its own, or copy it to every node. Call one of them for each table, after its indexes and before its
-- foreign keys.

create function place_by_tenant(tbl regclass) returns void language plpgsql as $$
begin
    if not exists (select 1 from pg_extension where extname = 'citus') then return; end if;
    if exists (select 1 from pg_dist_partition where logicalrelid = tbl and partmethod = 'h') then return; end if;
    perform create_distributed_table(tbl, 'tenant_id',
        colocate_with => case when tbl = 'tenants'::regclass then 'none' else 'tenants' end);
end $$;

create function place_by_key(tbl regclass, key_column text) returns void language plpgsql as $$
begin
    if not exists (select 1 from pg_extension where extname = 'citus') then return; end if;
    if exists (select 1 from pg_dist_partition where logicalrelid = tbl and partmethod = 'h') then return; end if;
    perform create_distributed_table(tbl, key_column, colocate_with => 'none');
end $$;

create function place_everywhere(tbl regclass) returns void language plpgsql as $$
begin
    if not exists (select 1 from pg_extension where extname = 'citus') then return; end if;
    if exists (select 1 from pg_dist_partition where logicalrelid = tbl and partmethod = 'n') then return; end if;
    perform create_reference_table(tbl);
end $$;

-- A tenant is the account at the top of a tree: a partner with all below it, or a customer that has no partner.
create table tenants (
    tenant_id  uuid        not null,
    created_at timestamptz not null,
    constraint tenants_pk primary key (tenant_id)
);
select place_by_tenant('tenants');
