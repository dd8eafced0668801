-- Orders that their customers ask a partner to pay: who is asked, for as long as it is that partner's turn.
do $$ begin
    alter table orders
        add column asked_partner_id uuid,
        add column asked_at         timestamptz;
    alter table orders add constraint orders_asked_while_unpaid
        check ((asked_partner_id is null) = (asked_at is null) and (asked_partner_id is null or status = 6));
    create index orders_asked on orders (tenant_id, asked_partner_id, created_at desc, order_id desc)
        where asked_partner_id is not null;
end $$;
