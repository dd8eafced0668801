-- Use that was reported when its month was closed is billed in a later one, in which it has no day: it stands on the first, as among the
-- costs. So the days of a month add up to the month.

-- The day on which a charge stands in the month that it is billed in.
create function billed_on(consumed_at timestamptz, cycle date) returns date language sql immutable parallel safe as $$
    select greatest((consumed_at at time zone 'UTC-8')::date, cycle)
$$;

-- Totals of months with such use, made anew.
do $$ begin
    delete from charge_totals t
    where statistic = 2
      and exists(select 1 from charges c
                 where c.tenant_id = t.tenant_id and c.domain_id = t.domain_id and c.cycle = t.cycle
                   and (c.consumed_at at time zone 'UTC-8')::date < c.cycle);
end $$;
do $$ begin
    insert into charge_totals (tenant_id, domain_id, cycle, statistic, day, source, usage_type_code, bill_type,
        product_id, enterprise_project_id, currency, partner_id, charging_mode, trade_id, order_id, service_type_code,
        resource_type_code, region_code, resource_id, resource_name, parent_id, resource_spec, resource_size,
        size_measure_id, usage_amount, usage_measure_id, package_amount, period_type, period_num, charged_at,
        used_from, used_until, official_amount, discount_amount, erase_amount, consume_amount, cash_amount, credit_amount,
        coupon_amount, flexi_amount, card_amount, bonus_amount, debt_amount, writeoff_amount, payer_id)
    select c.tenant_id, c.domain_id, c.cycle, 2, billed_on(c.consumed_at, c.cycle),
           coalesce(c.order_id || '-' || c.order_line, c.resource_id), c.usage_type_code, c.bill_type, c.product_id,
           c.enterprise_project_id, c.currency, coalesce(c.partner_id, '00000000-0000-0000-0000-000000000000'),
           min(c.charging_mode), coalesce(min(c.order_id), ''), min(c.order_id), min(c.service_type_code),
           min(c.resource_type_code), min(c.region_code), min(c.resource_id), max(c.resource_name), max(c.parent_id),
           min(c.resource_spec), max(c.resource_size), max(c.size_measure_id), sum(c.usage_amount),
           max(c.usage_measure_id), sum(c.package_amount), max(c.period_type), max(c.period_num), max(c.charged_at),
           min(c.consumed_at) filter (where c.order_id is null), max(c.used_until) filter (where c.order_id is null),
           sum(c.official_amount), sum(c.discount_amount), sum(c.erase_amount), sum(c.consume_amount), sum(c.cash_amount),
           sum(c.credit_amount), sum(c.coupon_amount), sum(c.flexi_amount), sum(c.card_amount), sum(c.bonus_amount),
           sum(c.debt_amount), sum(c.writeoff_amount), (array_agg(c.payer_id order by c.charged_at desc))[1]
    from charges c
    where exists(select 1 from charges o
                 where o.tenant_id = c.tenant_id and o.domain_id = c.domain_id and o.cycle = c.cycle
                   and (o.consumed_at at time zone 'UTC-8')::date < o.cycle)
    group by 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12;
end $$;
