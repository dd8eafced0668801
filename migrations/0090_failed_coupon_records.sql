-- A partner's book says as well which coupons were refused: the vendor's code of the refusal, null where it came about.
do $$ begin
    alter table coupon_records add column error_code text;
end $$;
do $$ begin
    create index coupon_records_refused on coupon_records (tenant_id, owner_id, book, number desc) include (happened_at)
        where error_code is not null;
end $$;
