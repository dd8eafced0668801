//! What must hold of orders, resources and money, whatever happens to them.

use std::sync::LazyLock;

/// Finds which laws are broken, and by what.
pub static BROKEN: LazyLock<String> = LazyLock::new(|| {
    let each = LAWS.iter().map(|(law, finds)| format!("select '{law}' as law, to_jsonb(x)::text from ({finds}) x"));
    format!("{PARTED} {}", each.collect::<Vec<_>>().join(" union all "))
});

/// Orders that cost and orders that give back. A change that is not made gives nothing back.
const PARTED: &str = "with lowering as (
        select o.tenant_id, o.order_id from orders o where o.order_type = 3
          and exists(select 1 from order_lines l
                     where l.tenant_id = o.tenant_id and l.order_id = o.order_id and l.base_order_id is not null)),
    costing as (
        select o.* from orders o where o.order_type not in (4, 10)
          and (o.tenant_id, o.order_id) not in (select tenant_id, order_id from lowering)),
    giving as (
        select o.* from orders o where o.order_type in (4, 10)
           or o.status = 5 and (o.tenant_id, o.order_id) in (select tenant_id, order_id from lowering))";

/// Each law with a statement that finds what breaks it.
const LAWS: [(&str, &str); 15] = [
    (
        "of a line what is left, what was taken off and what cards paid are the list price",
        "select l.order_id, l.line from order_lines l join costing o using (tenant_id, order_id)
         where (l.official_amount <> l.amount_after_discount + l.card_amount
                    + (select coalesce(sum((d ->> 1)::numeric), 0) from jsonb_array_elements(l.discounts) d)
                or l.amount_after_discount < 0)",
    ),
    (
        "the amounts of an order are the sums over its lines",
        "select o.order_id from orders o join order_lines l using (tenant_id, order_id) group by o.tenant_id, o.order_id
         having o.official_amount <> sum(l.official_amount) or o.amount_after_discount <> sum(l.amount_after_discount)
             or o.coupon_amount <> sum(l.coupon_amount) or o.flexi_amount <> sum(l.flexi_amount)
             or o.card_amount <> sum(l.card_amount) or coalesce(o.commission_amount, 0) <> coalesce(sum(l.commission_amount), 0)
             or coalesce(o.consumed_amount, 0) <> coalesce(sum(l.consumed_amount), 0)",
    ),
    (
        "what is left of an order, what was taken off and what cards paid are the list price",
        "select o.order_id from costing o
         where o.official_amount <> o.amount_after_discount + o.card_amount
                   + (select coalesce(sum((d ->> 1)::numeric), 0) from jsonb_array_elements(o.discounts) d)",
    ),
    (
        "coupons stand among what was taken off",
        "select l.order_id, l.line from order_lines l
         where (l.coupon_amount, l.flexi_amount)
             <> (select coalesce(sum((d ->> 1)::numeric) filter (where (d ->> 0)::int = 301), 0),
                        coalesce(sum((d ->> 1)::numeric) filter (where (d ->> 0)::int = 302), 0)
                 from jsonb_array_elements(l.discounts) d)",
    ),
    (
        "who paid a line paid what it shows, and nobody paid what is not paid",
        "select l.order_id, l.line from order_lines l join costing o using (tenant_id, order_id)
         left join order_payments p on p.tenant_id = l.tenant_id and p.order_id = l.order_id and p.line = l.line
         group by l.tenant_id, l.order_id, l.line, o.tenant_id, o.order_id, o.paid_at
         having (coalesce(sum(p.amount) filter (where p.source in ('cash', 'allocated', 'credit', 'partner')), 0),
                 coalesce(sum(p.amount) filter (where p.source = 'card'), 0),
                 coalesce(sum(p.amount) filter (where p.source = 'cash_coupon'), 0),
                 coalesce(sum(p.amount) filter (where p.source = 'flexi_coupon'), 0))
             <> (case when o.paid_at is null then 0 else l.amount_after_discount end, l.card_amount, l.coupon_amount,
                 l.flexi_amount)",
    ),
    (
        "the ledger moved what a payment says, once",
        "select o.order_id from costing o
         where (select coalesce(sum(amount), 0) from order_payments p
                where p.tenant_id = o.tenant_id and p.order_id = o.order_id and p.source <> 'discount_coupon')
            <> (select coalesce(sum(amount), 0) from transfers t where t.tenant_id = o.tenant_id and t.reference = o.order_id
                and t.kind in ('subscribe', 'coupon_subscribe'))",
    ),
    (
        "the ledger moved what comes back, once",
        "select o.order_id from giving o
         where o.coupon_amount + o.flexi_amount + o.card_amount - o.amount_after_discount
            <> (select coalesce(sum(amount), 0) from transfers t where t.tenant_id = o.tenant_id and t.reference = o.order_id
                and t.kind in ('refund', 'coupon_refund'))",
    ),
    (
        "what comes back, what was used and the fee are what was left of a payment",
        "select l.order_id, l.line from order_lines l join orders o using (tenant_id, order_id)
         left join (select tenant_id, order_id, line, sum(amount - settled) as amount from order_payments
                    where source not in ('discount_coupon', 'cash_coupon') group by 1, 2, 3) p
             on p.tenant_id = l.tenant_id and p.order_id = l.base_order_id and p.line = l.base_line
         where o.order_type in (4, 10) and l.base_order_id is not null
           and coalesce(p.amount, 0) <> l.flexi_amount + l.card_amount - l.amount_after_discount
                                        + l.commission_amount + l.consumed_amount",
    ),
    (
        "what changes have settled of a payment is what they gave back and what was used by then",
        "select b.order_id, b.line from order_lines b
         join order_payments p on p.tenant_id = b.tenant_id and p.order_id = b.order_id and p.line = b.line
         left join lateral (
             select sum(l.flexi_amount + l.card_amount - l.amount_after_discount) as back
             from order_lines l join lowering o using (tenant_id, order_id)
             where l.tenant_id = b.tenant_id and l.base_order_id = b.order_id and l.base_line = b.line and l.outcome = 'done') c
             on true
         group by b.tenant_id, b.order_id, b.line, c.back
         having sum(p.settled) < coalesce(c.back, 0) or sum(p.settled) > 0 and c.back is null
             or sum(p.settled) filter (where p.source in ('cash_coupon', 'discount_coupon')) > 0",
    ),
    (
        "the rows of what comes back are what comes back",
        "select o.order_id from giving o left join order_refunds r using (tenant_id, order_id)
         group by o.tenant_id, o.order_id, o.amount_after_discount, o.coupon_amount, o.flexi_amount, o.card_amount
         having coalesce(sum(r.amount), 0) <> o.amount_after_discount - o.coupon_amount - o.flexi_amount - o.card_amount",
    ),
    (
        "no payment comes back twice: changes give back parts of it, what ends it the rest",
        "select l.base_order_id, l.base_line from order_lines l join orders o using (tenant_id, order_id)
         where o.order_type in (4, 10) and l.base_order_id is not null
         group by l.tenant_id, l.base_order_id, l.base_line having count(*) > 1
         union all
         select l.base_order_id, l.base_line from order_lines l join lowering o using (tenant_id, order_id)
         where l.outcome = 'failed' and (l.official_amount, l.flexi_amount, l.card_amount) <> (0, 0, 0)",
    ),
    (
        "a coupon pays no more than its face, gets no more back than it paid, and holds neither more nor less than nothing",
        "select c.coupon_id from coupons c join accounts a on a.tenant_id = c.tenant_id and a.owner_id = c.coupon_id
         cross join lateral (
             select coalesce(sum(t.amount) filter (where t.kind = 'coupon_subscribe'), 0) as out,
                    coalesce(sum(t.amount) filter (where t.kind = 'coupon_refund'), 0) as back
             from transfers t where t.tenant_id = c.tenant_id and a.account_id in (t.from_account, t.to_account)) m
         where c.kind in (1, 4) and (m.out - m.back not between 0 and c.face_value or a.balance not between 0 and c.face_value)",
    ),
    (
        "a resource waits to be paid while an order for it does, and each line that is done has what it bought",
        "select s.resource_id from subscriptions s where s.order_id <> '' and (s.state = 'pending-payment') <> exists (
             select 1 from orders o join order_lines l using (tenant_id, order_id)
             where o.tenant_id = s.tenant_id and l.resource_id = s.resource_id and o.order_type in (2, 3)
               and o.status in (1, 6, 9))
         union all
         select s.resource_id from subscriptions s where s.order_id <> '' and s.state <> 'deleted'
           and (s.state = 'changing') <> exists (
             select 1 from orders o join order_lines l using (tenant_id, order_id)
             where o.tenant_id = s.tenant_id and l.resource_id = s.resource_id and o.order_type = 3 and o.status = 3)
         union all
         select l.order_id from order_lines l join orders o using (tenant_id, order_id)
         where l.outcome = 'done' and o.order_type in (1, 2, 3) and l.base_order_id is null and not exists (
             select 1 from subscription_periods p
             where p.tenant_id = l.tenant_id and p.order_id = l.order_id and p.line = l.line
               and p.resource_id = l.resource_id)",
    ),
    (
        "what was paid for counts over its days, and what was given back no longer than that",
        "select p.resource_id, p.order_id from subscription_periods p
         left join amortisations a on a.tenant_id = p.tenant_id and a.source = p.order_id || '-' || p.line
         left join (select l.tenant_id, l.base_order_id, l.base_line, min((o.created_at at time zone 'UTC-8')::date) as day
                    from order_lines l join orders o using (tenant_id, order_id) where o.order_type in (4, 10) group by 1, 2, 3) r
             on r.tenant_id = p.tenant_id and r.base_order_id = p.order_id and r.base_line = p.line
         where a.source is null or a.ends_on is distinct from case when p.returned then least(a.last_day, r.day) else a.last_day end",
    ),
    (
        "what a change gave back lowers the costs for as long as what it gave back of counts",
        "select l.order_id, l.line from order_lines l join lowering o using (tenant_id, order_id)
         left join amortisations a on a.tenant_id = l.tenant_id and a.source = l.order_id || '-' || l.line
         left join amortisations b on b.tenant_id = l.tenant_id and b.source = l.base_order_id || '-' || l.base_line
         where l.outcome = 'done' and (a.source is null or a.ends_on <> least(b.ends_on, a.last_day))",
    ),
];
