-- Whether a customer has paid for something of a service before: what coupons for first orders ask at each payment.
do $$ begin
    create index orders_paid_in on orders (tenant_id, domain_id, service_type_code) where paid_at is not null;
end $$;
