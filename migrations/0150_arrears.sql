-- Arrears: customers for whose use somebody owes. Their resources that are paid by use go into grace, then into retention, and are
-- closed then.
create table arrears (
    tenant_id uuid        not null,
    domain_id uuid        not null,
    since     timestamptz not null, -- when something could not be paid first
    status    smallint    not null, -- how the resources stand: 2 they run, 5 in grace, 4 frozen, 3 closed
    due_at    timestamptz,          -- when that changes next; null: they are closed
    constraint arrears_pk primary key (tenant_id, domain_id),
    constraint arrears_status_known check (status between 2 and 5),
    constraint arrears_due_until_closed check ((due_at is null) = (status = 3))
);
create index arrears_due on arrears (tenant_id, due_at) where due_at is not null;
select place_by_tenant('arrears');
do $$ begin
    alter table arrears add constraint arrears_domain_fk
        foreign key (tenant_id, domain_id) references domains (tenant_id, domain_id);
end $$;

-- Whether anything is owed for a customer, whoever owes it.
do $$ begin
    create index charges_owed_for on charges (tenant_id, domain_id) where debt_amount > 0;
end $$;

-- Those that owe something when this comes: their time begins now.
insert into arrears (tenant_id, domain_id, since, status, due_at)
select distinct tenant_id, domain_id, now(), 2, now() from charges where debt_amount > 0;
