-- Members in custody: their master account pays what they order and use.

-- Who keeps a customer's finances; null: it does itself. `in_custody` says the same to replicas of the version before, and nothing
-- reads it any more.
do $$ begin
    alter table customers add column custodian_id uuid;
end $$;
do $$ begin
    update customers c set custodian_id = m.master_id from enterprise_members m
    where c.tenant_id = m.tenant_id and c.domain_id = m.domain_id and c.in_custody;
end $$;
do $$ begin
    alter table customers add constraint customers_custodian_fk
        foreign key (tenant_id, custodian_id) references domains (tenant_id, domain_id);
end $$;

-- The master account that has to pay an order or has paid it, or to which it gives back; null: none. And whose resale customer
-- the account was that paid: to whom its money goes back once it is no longer so.
do $$ begin
    alter table orders
        add column payer_id      uuid,
        add column paid_under_id uuid;
end $$;
do $$ begin
    update orders set paid_under_id = partner_id where paid_as = 2;
end $$;
do $$ begin
    create index orders_of_payer on orders (tenant_id, payer_id, created_at desc, order_id desc) where payer_id is not null;
end $$;
-- Asked to pay is a partner, or the master account: one of them.
do $$ begin
    alter table orders drop constraint orders_asked_while_unpaid;
end $$;
do $$ begin
    alter table orders add constraint orders_asked_while_unpaid check (
        case when asked_at is null then asked_partner_id is null
             else status = 6 and (asked_partner_id is null) <> (payer_id is null) end
    );
end $$;

-- Who pays a charge; null: the customer. Of totals, who paid last of what they add up.
do $$ begin
    alter table charges add column payer_id uuid;
end $$;
do $$ begin
    alter table charge_totals add column payer_id uuid;
end $$;
do $$ begin
    drop index charges_owed;
end $$;
do $$ begin
    create index charges_owed_by_payer on charges (tenant_id, coalesce(payer_id, domain_id), charged_at, charge_id)
        where debt_amount > 0;
end $$;
