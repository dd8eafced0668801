-- A partner's list shows the coupons that it issued for two years after they expired, and no longer for one: those that left
-- it in between are back. Customers' lists show twelve months as before.
with back as (
    update coupons set listed = true
    where not listed and state <> 2 and partner_id is not null and expires_at > current_timestamp - interval '2 years'
    returning tenant_id, partner_id
), more as (
    select tenant_id, partner_id, count(*) as listed from back group by tenant_id, partner_id
)
update coupon_partners p set listed = p.listed + m.listed from more m
where p.tenant_id = m.tenant_id and p.partner_id = m.partner_id;
