//! The only door into the tables of charges.

use super::model::Charge;
use crate::values::id::{DomainId, TenantId};
use crate::values::time::{Day, Month};
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

/// Writes charges of customers that are locked, and adds them to the sums.
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
           ), summed as (
             insert into charge_sums (tenant_id, domain_id, cycle, service_type_code, resource_type_code, region_code,
                 charging_mode, bill_type, enterprise_project_id, currency, partner_id, association_type, charges, zero_charges,
                 official_amount, discount_amount, erase_amount, consume_amount, cash_amount, credit_amount, coupon_amount,
                 flexi_amount, card_amount, bonus_amount, debt_amount, writeoff_amount)
             select tenant_id, domain_id, cycle, service_type_code, resource_type_code, region_code, charging_mode, bill_type,
                    enterprise_project_id, currency, coalesce(partner_id, '00000000-0000-0000-0000-000000000000'),
                    coalesce(association_type, 0), count(*), count(*) filter (where consume_amount = 0),
                    sum(official_amount), sum(discount_amount), sum(erase_amount), sum(consume_amount), sum(cash_amount),
                    sum(credit_amount), sum(coupon_amount), sum(flexi_amount), sum(card_amount), sum(bonus_amount),
                    sum(debt_amount), sum(writeoff_amount)
             from written group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
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
               official_amount, discount_amount, erase_amount, consume_amount, cash_amount, credit_amount, coupon_amount,
               flexi_amount, card_amount, bonus_amount, debt_amount, writeoff_amount)
           select c.tenant_id, c.domain_id, c.cycle, s.statistic,
                  case s.statistic when 1 then c.cycle else (c.consumed_at at time zone '+08')::date end as day,
                  coalesce(c.order_id || '-' || c.order_line, c.resource_id) as source, c.usage_type_code, c.bill_type,
                  c.product_id, c.enterprise_project_id, c.currency,
                  coalesce(c.partner_id, '00000000-0000-0000-0000-000000000000'), min(c.charging_mode),
                  coalesce(min(c.order_id), ''), min(c.order_id), min(c.service_type_code), min(c.resource_type_code),
                  min(c.region_code), min(c.resource_id), max(c.resource_name), max(c.parent_id), min(c.resource_spec),
                  max(c.resource_size), max(c.size_measure_id), sum(c.usage_amount), max(c.usage_measure_id),
                  sum(c.package_amount), max(c.period_type), max(c.period_num), max(c.charged_at), sum(c.official_amount),
                  sum(c.discount_amount), sum(c.erase_amount), sum(c.consume_amount), sum(c.cash_amount),
                  sum(c.credit_amount), sum(c.coupon_amount), sum(c.flexi_amount), sum(c.card_amount), sum(c.bonus_amount),
                  sum(c.debt_amount), sum(c.writeoff_amount)
           from written c cross join (values (1::smallint), (2::smallint)) s (statistic)
           group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
           on conflict (tenant_id, domain_id, cycle, statistic, day, source, usage_type_code, bill_type, product_id,
                        enterprise_project_id, currency, partner_id)
           do update set
               resource_name = excluded.resource_name,
               charged_at = greatest(charge_totals.charged_at, excluded.charged_at),
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
    let sources: Vec<String> = provided.iter().map(|one| format!("{order}-{}", one.line)).collect();
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
