-- Changes of what was bought for a time: what a larger one costs is a line of its own, what a smaller one gives back was a part of
-- earlier payments.

-- Of a line that gives back: the line that had paid; null: of another, or written before this.
do $$ begin
    alter table order_lines
        add column base_order_id text,
        add column base_line     smallint;
end $$;
do $$ begin
    alter table order_lines add constraint order_lines_base_whole check ((base_order_id is null) = (base_line is null));
end $$;
do $$ begin
    create index order_lines_of_base on order_lines (tenant_id, base_order_id, base_line) where base_order_id is not null;
end $$;

-- What of a payment was used or given back by the time of the last change that gave some back: the rest pays for what is left.
do $$ begin
    alter table order_payments add column settled numeric(28, 8) not null default 0;
end $$;
do $$ begin
    alter table order_payments add constraint order_payments_settled_kept check (settled between 0 and amount);
end $$;

-- When that change was; null: there was none, and all of the payment pays from the beginning on.
do $$ begin
    alter table subscription_periods add column settled_at timestamptz;
end $$;

-- What comes back to cards and coupons stands beside an official amount of none, of changes as well.
do $$ begin
    alter table orders drop constraint orders_identity_holds;
end $$;
do $$ begin
    alter table orders add constraint orders_identity_holds check (
        order_type in (4, 10)
        or order_type = 3 and official_amount <= 0
        or official_amount >= amount_after_discount + coupon_amount + flexi_amount + card_amount
    );
end $$;
