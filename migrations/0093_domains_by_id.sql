-- Operators change accounts of all tenants, and their trail names them by their ids alone.
do $$ begin
    create index domains_by_id on domains (domain_id);
end $$;
