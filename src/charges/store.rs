//! The only door into the tables of charges.

use super::model::{Charge, Spread};
use crate::values::id::{ChargeId, DomainId, TenantId};
use crate::values::money::Currency;
use crate::values::time::{Day, Month};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use sqlx::types::Json;
use std::collections::HashMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// Writes charges of customers that are locked, and adds them to the sums.
#[expect(clippy::too_many_lines, reason = "it is one statement")]
pub async fn record(connection: &mut PgConnection, tenant: TenantId, charges: &[Charge]) -> sqlx::Result<()> {
    if charges.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"with written as (
             insert into charges
             select c.* from tenants t, jsonb_populate_recordset(null::charges, $2) c
             where t.tenant_id = $1 and c.tenant_id = t.tenant_id
             returning *
           ), opened as (
             insert into billing_cycles (tenant_id, cycle)
             select distinct w.tenant_id, w.cycle from written w
             where w.tenant_id = $1 and not exists(select 1 from billing_cycles b where b.tenant_id = $1 and b.cycle = w.cycle)
             on conflict do nothing
           ), owed as (
             insert into debtors (tenant_id, domain_id, currency, owed)
             select w.tenant_id, coalesce(w.payer_id, w.domain_id) as debtor_id, w.currency, sum(w.debt_amount)
             from written w where w.tenant_id = $1 and w.debt_amount > 0 group by 1, 2, 3
             on conflict (tenant_id, domain_id, currency) do update set owed = debtors.owed + excluded.owed
           ), to_invoice as (
             insert into invoiceable (tenant_id, payer_id, domain_id, cycle, order_id, currency, amount, invoiced, owed)
             select w.tenant_id,
                    case when w.association_type = 2 then coalesce(w.partner_id, w.domain_id)
                         else coalesce(w.payer_id, w.domain_id) end as payer_id,
                    w.domain_id, w.cycle, coalesce(w.order_id, ''), w.currency,
                    sum(w.cash_amount + w.credit_amount + w.flexi_amount + w.card_amount), 0, sum(w.debt_amount)
             from written w where w.tenant_id = $1 group by 1, 2, 3, 4, 5, 6
             on conflict (tenant_id, payer_id, currency, domain_id, cycle, order_id)
             do update set amount = invoiceable.amount + excluded.amount, owed = invoiceable.owed + excluded.owed
           ), summed as (
             insert into charge_sums (tenant_id, domain_id, cycle, service_type_code, resource_type_code, region_code,
                 charging_mode, bill_type, enterprise_project_id, currency, partner_id, association_type, charges, zero_charges,
                 official_amount, discount_amount, erase_amount, consume_amount, cash_amount, credit_amount, coupon_amount,
                 flexi_amount, card_amount, bonus_amount, debt_amount, writeoff_amount)
             select w.tenant_id, domain_id, cycle, service_type_code, resource_type_code, region_code, charging_mode, bill_type,
                    enterprise_project_id, currency, coalesce(partner_id, '00000000-0000-0000-0000-000000000000'),
                    coalesce(association_type, 0), count(*), count(*) filter (where consume_amount = 0),
                    sum(official_amount), sum(discount_amount), sum(erase_amount), sum(consume_amount), sum(cash_amount),
                    sum(credit_amount), sum(coupon_amount), sum(flexi_amount), sum(card_amount), sum(bonus_amount),
                    sum(debt_amount), sum(writeoff_amount)
             from written w where w.tenant_id = $1 group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
             on conflict (tenant_id, domain_id, cycle, service_type_code, resource_type_code, region_code, charging_mode,
                          bill_type, enterprise_project_id, currency, partner_id, association_type)
             do update set
                 charges = charge_sums.charges + excluded.charges,
                 zero_charges = charge_sums.zero_charges + excluded.zero_charges,
                 official_amount = charge_sums.official_amount + excluded.official_amount,
                 discount_amount = charge_sums.discount_amount + excluded.discount_amount,
                 erase_amount = charge_sums.erase_amount + excluded.erase_amount,
                 consume_amount = charge_sums.consume_amount + excluded.consume_amount,
                 cash_amount = charge_sums.cash_amount + excluded.cash_amount,
                 credit_amount = charge_sums.credit_amount + excluded.credit_amount,
                 coupon_amount = charge_sums.coupon_amount + excluded.coupon_amount,
                 flexi_amount = charge_sums.flexi_amount + excluded.flexi_amount,
                 card_amount = charge_sums.card_amount + excluded.card_amount,
                 bonus_amount = charge_sums.bonus_amount + excluded.bonus_amount,
                 debt_amount = charge_sums.debt_amount + excluded.debt_amount,
                 writeoff_amount = charge_sums.writeoff_amount + excluded.writeoff_amount
           )
           insert into charge_totals (tenant_id, domain_id, cycle, statistic, day, source, usage_type_code, bill_type,
               product_id, enterprise_project_id, currency, partner_id, charging_mode, trade_id, order_id, service_type_code,
               resource_type_code, region_code, resource_id, resource_name, parent_id, resource_spec, resource_size,
               size_measure_id, usage_amount, usage_measure_id, package_amount, period_type, period_num, charged_at,
               used_from, used_until, official_amount, discount_amount, erase_amount, consume_amount, cash_amount, credit_amount, coupon_amount,
               flexi_amount, card_amount, bonus_amount, debt_amount, writeoff_amount, payer_id)
           select c.tenant_id, c.domain_id, c.cycle, s.statistic,
                  case s.statistic when 1 then c.cycle else billed_on(c.consumed_at, c.cycle) end as day,
                  coalesce(c.order_id || '-' || c.order_line, c.resource_id) as source, c.usage_type_code, c.bill_type,
                  c.product_id, c.enterprise_project_id, c.currency,
                  coalesce(c.partner_id, '00000000-0000-0000-0000-000000000000'), min(c.charging_mode),
                  coalesce(min(c.order_id), ''), min(c.order_id), min(c.service_type_code), min(c.resource_type_code),
                  min(c.region_code), min(c.resource_id), max(c.resource_name), max(c.parent_id), min(c.resource_spec),
                  max(c.resource_size), max(c.size_measure_id), sum(c.usage_amount), max(c.usage_measure_id),
                  sum(c.package_amount), max(c.period_type), max(c.period_num), max(c.charged_at),
                  min(c.consumed_at) filter (where c.order_id is null), max(c.used_until) filter (where c.order_id is null),
                  sum(c.official_amount),
                  sum(c.discount_amount), sum(c.erase_amount), sum(c.consume_amount), sum(c.cash_amount),
                  sum(c.credit_amount), sum(c.coupon_amount), sum(c.flexi_amount), sum(c.card_amount), sum(c.bonus_amount),
                  sum(c.debt_amount), sum(c.writeoff_amount), (array_agg(c.payer_id order by c.charged_at desc))[1]
           from written c cross join (values (1::smallint), (2::smallint)) s (statistic)
           where c.tenant_id = $1
           group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
           on conflict (tenant_id, domain_id, cycle, statistic, day, source, usage_type_code, bill_type, product_id,
                        enterprise_project_id, currency, partner_id)
           do update set
               resource_name = excluded.resource_name,
               payer_id = excluded.payer_id,
               charged_at = greatest(charge_totals.charged_at, excluded.charged_at),
               used_from = least(charge_totals.used_from, excluded.used_from),
               used_until = greatest(charge_totals.used_until, excluded.used_until),
               usage_amount = charge_totals.usage_amount + excluded.usage_amount,
               package_amount = charge_totals.package_amount + excluded.package_amount,
               official_amount = charge_totals.official_amount + excluded.official_amount,
               discount_amount = charge_totals.discount_amount + excluded.discount_amount,
               erase_amount = charge_totals.erase_amount + excluded.erase_amount,
               consume_amount = charge_totals.consume_amount + excluded.consume_amount,
               cash_amount = charge_totals.cash_amount + excluded.cash_amount,
               credit_amount = charge_totals.credit_amount + excluded.credit_amount,
               coupon_amount = charge_totals.coupon_amount + excluded.coupon_amount,
               flexi_amount = charge_totals.flexi_amount + excluded.flexi_amount,
               card_amount = charge_totals.card_amount + excluded.card_amount,
               bonus_amount = charge_totals.bonus_amount + excluded.bonus_amount,
               debt_amount = charge_totals.debt_amount + excluded.debt_amount,
               writeoff_amount = charge_totals.writeoff_amount + excluded.writeoff_amount"#,
        tenant.0,
        Json(charges) as Json<&[Charge]>
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What a service has provided for a line of an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Provided {
    /// The line, from 1.
    pub line: i16,
    /// The resource.
    pub resource_id: String,
    /// Its name.
    pub name: String,
    /// Of a secondary resource: its primary.
    pub parent: Option<String>,
}

/// Names the resources in the charges of an order that was paid then, once a service has provided them.
pub async fn name_resources(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    (order, paid_at): (&str, OffsetDateTime),
    provided: &[Provided],
) -> sqlx::Result<()> {
    let sources: Vec<String> = provided.iter().map(|one| source(order, one.line)).collect();
    sqlx::query!(
        "with u as (
           select * from unnest($6::smallint[], $7::text[], $8::text[], $9::text[], $10::text[])
                as u (line, source, resource_id, name, parent)
         ), named as (
           update charges c set resource_id = u.resource_id, resource_name = u.name, parent_id = u.parent
           from u
           where c.tenant_id = $1 and c.domain_id = $2 and c.cycle = $3 and c.consumed_at = $4 and c.order_id = $5
             and c.order_line = u.line
         )
         update charge_totals c set resource_id = u.resource_id, resource_name = u.name, parent_id = u.parent
         from u
         where c.tenant_id = $1 and c.domain_id = $2 and c.cycle = $3 and c.statistic in (1, 2) and c.day in ($3, $11)
           and c.source = u.source",
        tenant.0,
        customer.0,
        Month::of(paid_at).first_day(),
        paid_at,
        order,
        &provided.iter().map(|one| one.line).collect::<Vec<_>>(),
        &sources,
        &provided.iter().map(|one| one.resource_id.clone()).collect::<Vec<_>>(),
        &provided.iter().map(|one| one.name.clone()).collect::<Vec<_>>(),
        &provided.iter().map(|one| one.parent.clone()).collect::<Vec<_>>() as &[Option<String>],
        Day::of(paid_at).0
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes over which days lines of an order count that was paid then.
pub async fn spread(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    (order, paid_at): (&str, OffsetDateTime),
    spreads: &[Spread],
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into amortisations (tenant_id, domain_id, source, cycle, first_day, last_day, ends_on)
         select t.tenant_id, $2, u.source, $3, u.first_day, u.last_day, u.last_day
         from tenants t, unnest($4::text[], $5::date[], $6::date[]) as u (source, first_day, last_day)
         where t.tenant_id = $1",
        tenant.0,
        customer.0,
        Month::of(paid_at).first_day(),
        &spreads.iter().map(|one| source(order, one.line)).collect::<Vec<_>>(),
        &spreads.iter().map(|one| one.first.0).collect::<Vec<_>>(),
        &spreads.iter().map(|one| one.last.0).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends lines of orders on the day on which they are given back: what of them has not counted by then counts on it. Those that
/// no service has provided counted when they were paid.
pub async fn end_spreads(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    lines: &[(&str, i16)],
    day: Day,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update amortisations set ends_on = least(ends_on, $4)
         where tenant_id = $1 and domain_id = $2 and source = any($3)",
        tenant.0,
        customer.0,
        &lines.iter().map(|(order, line)| source(order, *line)).collect::<Vec<_>>(),
        day.0
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A line of an order as totals name it.
fn source(order: &str, line: i16) -> String {
    format!("{order}-{line}")
}

/// What was paid later of a charge that was owed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settling {
    /// The customer.
    pub customer: DomainId,
    /// The charge's month.
    pub cycle: time::Date,
    /// When it was used.
    pub consumed_at: OffsetDateTime,
    /// The charge.
    pub charge: ChargeId,
    /// Paid by cash.
    pub cash: Decimal,
    /// Paid by credit.
    pub credit: Decimal,
}

/// Writes that a debtor paid what was owed: in the charges, and in the sums over them. It is locked, as are the customers.
pub async fn settle_debts(
    connection: &mut PgConnection,
    (tenant, debtor): (TenantId, DomainId),
    settled: &[Settling],
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"with u as (
             select * from unnest($3::date[], $4::timestamptz[], $5::uuid[], $6::numeric[], $7::numeric[], $8::uuid[])
                  as u (cycle, consumed_at, charge_id, cash, credit, domain_id)
             where u.cash + u.credit > 0
           ), paid as (
             update charges c
             set cash_amount = c.cash_amount + u.cash, credit_amount = c.credit_amount + u.credit,
                 debt_amount = c.debt_amount - u.cash - u.credit
             from u
             where c.tenant_id = $1 and c.domain_id = u.domain_id and c.cycle = u.cycle and c.consumed_at = u.consumed_at
               and c.charge_id = u.charge_id
             returning c.*, u.cash as paid_cash, u.credit as paid_credit
           ), owed as (
             update debtors d set owed = d.owed - p.paid
             from (select currency, sum(paid_cash + paid_credit) as paid from paid group by currency) p
             where d.tenant_id = $1 and d.domain_id = $2 and d.currency = p.currency
           ), to_invoice as (
             update invoiceable i set amount = i.amount + p.paid, owed = i.owed - p.paid
             from (select case when association_type = 2 then coalesce(partner_id, domain_id)
                               else coalesce(payer_id, domain_id) end as payer_id,
                          currency, cycle, coalesce(order_id, '') as order_id, domain_id,
                          sum(paid_cash + paid_credit) as paid
                   from paid group by 1, 2, 3, 4, 5) p
             where i.tenant_id = $1 and i.domain_id = p.domain_id and i.payer_id = p.payer_id and i.currency = p.currency
               and i.cycle = p.cycle and i.order_id = p.order_id
           ), summed as (
             update charge_sums s
             set cash_amount = s.cash_amount + p.cash, credit_amount = s.credit_amount + p.credit,
                 debt_amount = s.debt_amount - p.cash - p.credit
             from (select cycle, service_type_code, resource_type_code, region_code, charging_mode, bill_type,
                          enterprise_project_id, currency,
                          coalesce(partner_id, '00000000-0000-0000-0000-000000000000') as partner_id,
                          coalesce(association_type, 0) as association_type, domain_id, sum(paid_cash) as cash,
                          sum(paid_credit) as credit
                   from paid group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11) p
             where s.tenant_id = $1 and s.domain_id = p.domain_id and s.cycle = p.cycle
               and s.service_type_code = p.service_type_code and s.resource_type_code = p.resource_type_code
               and s.region_code = p.region_code and s.charging_mode = p.charging_mode and s.bill_type = p.bill_type
               and s.enterprise_project_id = p.enterprise_project_id and s.currency = p.currency
               and s.partner_id = p.partner_id and s.association_type = p.association_type
           )
           update charge_totals t
           set cash_amount = t.cash_amount + p.cash, credit_amount = t.credit_amount + p.credit,
               debt_amount = t.debt_amount - p.cash - p.credit
           from (select c.cycle, s.statistic,
                        case s.statistic when 1 then c.cycle else billed_on(c.consumed_at, c.cycle) end as day,
                        coalesce(c.order_id || '-' || c.order_line, c.resource_id) as source, c.usage_type_code, c.bill_type,
                        c.product_id, c.enterprise_project_id, c.currency,
                        coalesce(c.partner_id, '00000000-0000-0000-0000-000000000000') as partner_id,
                        c.domain_id, sum(c.paid_cash) as cash, sum(c.paid_credit) as credit
                 from paid c cross join (values (1::smallint), (2::smallint)) s (statistic)
                 group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11) p
           where t.tenant_id = $1 and t.domain_id = p.domain_id and t.cycle = p.cycle and t.statistic = p.statistic
             and t.day = p.day and t.source = p.source and t.usage_type_code = p.usage_type_code
             and t.bill_type = p.bill_type and t.product_id = p.product_id
             and t.enterprise_project_id = p.enterprise_project_id and t.currency = p.currency
             and t.partner_id = p.partner_id"#,
        tenant.0,
        debtor.0,
        &settled.iter().map(|one| one.cycle).collect::<Vec<_>>(),
        &settled.iter().map(|one| one.consumed_at).collect::<Vec<_>>(),
        &settled.iter().map(|one| one.charge.0).collect::<Vec<_>>(),
        &settled.iter().map(|one| one.cash).collect::<Vec<_>>(),
        &settled.iter().map(|one| one.credit).collect::<Vec<_>>(),
        &settled.iter().map(|one| one.customer.0).collect::<Vec<_>>()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What customers owe for use that nobody has paid, in one currency; those that owe nothing are left out.
pub async fn owed(
    connection: &mut PgConnection,
    tenant: TenantId,
    (customers, currency): (&[DomainId], Currency),
) -> sqlx::Result<HashMap<DomainId, Decimal>> {
    let customers: Vec<Uuid> = customers.iter().map(|customer| customer.0).collect();
    let rows = sqlx::query!(
        r#"select domain_id as "customer: DomainId", owed from debtors
           where tenant_id = $1 and domain_id = any($2) and currency = $3 and owed > 0"#,
        tenant.0,
        &customers,
        currency as Currency
    );
    Ok(rows.fetch_all(connection).await?.into_iter().map(|row| (row.customer, row.owed)).collect())
}
