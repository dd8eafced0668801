-- Costs: over which days counts what was paid for a period.

-- Lines of orders whose period is known: of a purchase once a service has provided it, of a renewal when it is paid. A charge
-- without a row here counts on its day.
create table amortisations (
    tenant_id uuid not null,
    domain_id uuid not null, -- the customer
    source    text not null, -- the line, as the totals of charges name it
    cycle     date not null, -- the month that it was charged in
    first_day date not null, -- of UTC+8
    last_day  date not null, -- counted as well
    ends_on   date not null, -- the day on which all of it has been counted: the last one, or that of a refund
    constraint amortisations_pk primary key (tenant_id, domain_id, source),
    constraint amortisations_days_ordered check (first_day <= last_day and ends_on <= last_day)
);
create index amortisations_ending on amortisations (tenant_id, domain_id, ends_on);
select place_by_tenant('amortisations');
revoke update, delete, truncate on amortisations from bss_gateway;
-- What was paid for never changes. When it ends does.
grant update (ends_on) on amortisations to bss_gateway;

-- The rule of amortisation, here and nowhere else, as sums over many charges are made where the charges are.
--
-- How much of an amount has counted at the end of a day: each day the amount by the days, cut to 8 decimals; the last day, or that
-- of a refund, takes the rest. Division of whole numbers, as the other kind rounds.
create function amortised(amount numeric, first_day date, last_day date, ends_on date, day date) returns numeric
language sql immutable parallel safe as $$
    select case
        when day >= ends_on then amount
        when day < first_day then 0
        else div(amount * 100000000, last_day - first_day + 1) * 0.00000001 * (day - first_day + 1)
    end
$$;

-- What of an amount that counts between two moments is a part's, such as what cash had paid of the whole: of what has counted at
-- each moment its proportion, cut to 8 decimals. So what a part counts over all days is the part.
create function amortised_part(part numeric, whole numeric, before numeric, after numeric) returns numeric
language sql immutable parallel safe as $$
    select case
        when whole = 0 then 0
        else (div(after * part * 100000000, whole) - div(before * part * 100000000, whole)) * 0.00000001
    end
$$;

-- From when and until when the totals of use are for; empty for orders.
do $$ begin
    alter table charge_totals add column used_from timestamptz;
end $$;
do $$ begin
    alter table charge_totals add column used_until timestamptz;
end $$;

-- What was charged before there were costs. Totals by the day had been made by '+08', which PostgreSQL reads as eight hours behind
-- UTC, so they are made anew.
do $$ begin
    delete from charge_totals where statistic = 2;
end $$;
do $$ begin
    insert into charge_totals (tenant_id, domain_id, cycle, statistic, day, source, usage_type_code, bill_type,
        product_id, enterprise_project_id, currency, partner_id, charging_mode, trade_id, order_id, service_type_code,
        resource_type_code, region_code, resource_id, resource_name, parent_id, resource_spec, resource_size,
        size_measure_id, usage_amount, usage_measure_id, package_amount, period_type, period_num, charged_at,
        used_from, used_until, official_amount, discount_amount, erase_amount, consume_amount, cash_amount, credit_amount,
        coupon_amount, flexi_amount, card_amount, bonus_amount, debt_amount, writeoff_amount)
    select c.tenant_id, c.domain_id, c.cycle, 2, (c.consumed_at at time zone 'UTC-8')::date,
           coalesce(c.order_id || '-' || c.order_line, c.resource_id), c.usage_type_code, c.bill_type, c.product_id,
           c.enterprise_project_id, c.currency, coalesce(c.partner_id, '00000000-0000-0000-0000-000000000000'),
           min(c.charging_mode), coalesce(min(c.order_id), ''), min(c.order_id), min(c.service_type_code),
           min(c.resource_type_code), min(c.region_code), min(c.resource_id), max(c.resource_name), max(c.parent_id),
           min(c.resource_spec), max(c.resource_size), max(c.size_measure_id), sum(c.usage_amount),
           max(c.usage_measure_id), sum(c.package_amount), max(c.period_type), max(c.period_num), max(c.charged_at),
           min(c.consumed_at) filter (where c.order_id is null), max(c.used_until) filter (where c.order_id is null),
           sum(c.official_amount), sum(c.discount_amount), sum(c.erase_amount), sum(c.consume_amount), sum(c.cash_amount),
           sum(c.credit_amount), sum(c.coupon_amount), sum(c.flexi_amount), sum(c.card_amount), sum(c.bonus_amount),
           sum(c.debt_amount), sum(c.writeoff_amount)
    from charges c
    group by 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12;
end $$;
do $$ begin
    update charge_totals t set used_from = u.used_from, used_until = u.used_until
    from (select tenant_id, domain_id, cycle, resource_id, usage_type_code, min(consumed_at) as used_from,
                 max(used_until) as used_until
          from charges where order_id is null group by 1, 2, 3, 4, 5) u
    where t.tenant_id = u.tenant_id and t.domain_id = u.domain_id and t.cycle = u.cycle and t.statistic = 1
      and t.source = u.resource_id and t.usage_type_code = u.usage_type_code and t.order_id is null;
end $$;
do $$ begin
    insert into amortisations (tenant_id, domain_id, source, cycle, first_day, last_day, ends_on)
    select p.tenant_id, c.domain_id, p.order_id || '-' || p.line, c.cycle, p.first_day, p.last_day,
           least(p.last_day, r.returned_on)
    from (select tenant_id, resource_id, order_id, line, returned,
                 ((starts_at + interval '1 second') at time zone 'UTC-8')::date as first_day,
                 greatest((ends_at at time zone 'UTC-8')::date, ((starts_at + interval '1 second') at time zone 'UTC-8')::date)
                     as last_day
          from subscription_periods) p
    join charges c on c.tenant_id = p.tenant_id and c.order_id = p.order_id and c.order_line = p.line
    left join (select r.tenant_id, r.resource_id, r.base_order_id,
                      min((o.created_at at time zone 'UTC-8')::date) as returned_on
               from order_refunds r
               join orders o on o.tenant_id = r.tenant_id and o.order_id = r.order_id
               group by 1, 2, 3) r
        on r.tenant_id = p.tenant_id and r.resource_id = p.resource_id and r.base_order_id = p.order_id and p.returned
    on conflict do nothing;
end $$;
