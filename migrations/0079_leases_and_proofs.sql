-- What one replica at a time does, and how far the ledger has been proved.

-- Who does it, until when nobody else begins. On the coordinator only, where everybody asks.
create table leases (
    name   text        not null,
    holder uuid        not null,    -- a run of a replica
    until  timestamptz not null,    -- the system's time
    constraint leases_pk primary key (name)
);

-- The entry of each account up to which its history has been proved, and what it held then. History does not change, so the
-- next proof begins behind it.
create table ledger_proofs (
    tenant_id  uuid           not null,
    account_id uuid           not null,
    entry      bigint         not null,
    balance    numeric(28, 8) not null,
    last_at    timestamptz    not null,     -- of that entry
    constraint ledger_proofs_pk primary key (tenant_id, account_id)
) with (fillfactor = 70);
select place_by_tenant('ledger_proofs');
do $$ begin
    alter table ledger_proofs add constraint ledger_proofs_tenant_fk foreign key (tenant_id) references tenants (tenant_id);
end $$;
