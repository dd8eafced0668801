//! Proving bills: that every record of usage is charged once or named as kept aside, that all sums are those of the charges, and
//! that every cent of them is in the ledger.

use crate::ledger::verify;
use crate::values::id::TenantId;
use sqlx::PgConnection;

/// What was proved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// How many charges.
    pub charges: i64,
    /// How many records of usage.
    pub usages: i64,
    /// How many of them are kept aside.
    pub aside: i64,
    /// What is wrong, one line each.
    pub wrong: Vec<String>,
}

/// How many lines a check names.
const NAMED: i64 = 100;

/// Checks the bills of all tenants, one after another. The connection reads one state of the database: it is in a transaction
/// that does.
pub async fn all(connection: &mut PgConnection) -> sqlx::Result<Report> {
    let mut report = Report { charges: 0, usages: 0, aside: 0, wrong: Vec::new() };
    for tenant in verify::tenants(connection).await? {
        let counted = sqlx::query!(
            r#"select (select count(*) from charges where tenant_id = $1) as "charges!",
                      (select count(*) from usages where tenant_id = $1) as "usages!",
                      (select count(*) from usages where tenant_id = $1 and aside is not null) as "aside!""#,
            tenant.0
        );
        let counted = counted.fetch_one(&mut *connection).await?;
        report.charges += counted.charges;
        report.usages += counted.usages;
        report.aside += counted.aside;
        report.wrong.extend(usages(connection, tenant).await?);
        report.wrong.extend(orders(connection, tenant).await?);
        report.wrong.extend(sums(connection, tenant).await?);
        report.wrong.extend(totals(connection, tenant).await?);
        report.wrong.extend(debts(connection, tenant).await?);
        report.wrong.extend(arrears(connection, tenant).await?);
        report.wrong.extend(invoiceable(connection, tenant).await?);
        report.wrong.extend(ledger(connection, tenant).await?);
    }
    Ok(report)
}

/// A charge of use is of its records, all of them and no others. Of points that are charged by a 95th percentile it is not the sum.
async fn usages(connection: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select case when c.charge_id is null
                       then 'usage ' || u.records || ': is settled by the charge ' || u.charge_id || ', which is not there'
                       else 'charge ' || c.charge_id || ': is of ' || trim_scale(c.usage_amount)
                            || ', its records say ' || trim_scale(coalesce(u.quantity, 0)) end as "line!"
           from (select charge_id, usage_amount from charges
                 where tenant_id = $2 and bill_type = 5 and lower(usage_type_code) not like '%95peak%') c
           full join (select charge_id, sum(quantity) as quantity, string_agg(record_id, ', ') as records
                      from usages where tenant_id = $2 and charge_id is not null and lower(usage_type_code) not like '%95peak%'
                      group by 1) u on u.charge_id = c.charge_id
           where c.usage_amount is distinct from u.quantity limit $1"#,
        NAMED,
        tenant.0
    )
    .fetch_all(connection)
    .await
}

/// A line of an order is charged once.
async fn orders(connection: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select 'order ' || order_id || ', line ' || order_line || ': is charged ' || count(*) || ' times' as "line!"
           from charges where tenant_id = $2 and order_id is not null
           group by order_id, order_line having count(*) > 1 limit $1"#,
        NAMED,
        tenant.0
    )
    .fetch_all(connection)
    .await
}

/// The sums are those of the charges.
async fn sums(connection: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select 'sums of ' || domain_id || ' in ' || to_char(cycle, 'YYYY-MM') || ', ' || service_type_code || ' '
                  || resource_type_code || ', bill type ' || bill_type || ': are not those of its charges' as "line!"
           from (select domain_id, cycle, service_type_code, resource_type_code, region_code, charging_mode,
                        bill_type, enterprise_project_id, currency, partner_id, association_type, charges, official_amount,
                        discount_amount, erase_amount, consume_amount, cash_amount, credit_amount, coupon_amount, flexi_amount,
                        card_amount, bonus_amount, debt_amount, writeoff_amount
                 from charge_sums where tenant_id = $2) s
           full join (select domain_id, cycle, service_type_code, resource_type_code, region_code, charging_mode,
                             bill_type, enterprise_project_id, currency,
                             coalesce(partner_id, '00000000-0000-0000-0000-000000000000') as partner_id,
                             coalesce(association_type, 0) as association_type, count(*) as charges,
                             sum(official_amount) as official_amount, sum(discount_amount) as discount_amount,
                             sum(erase_amount) as erase_amount, sum(consume_amount) as consume_amount,
                             sum(cash_amount) as cash_amount, sum(credit_amount) as credit_amount,
                             sum(coupon_amount) as coupon_amount, sum(flexi_amount) as flexi_amount,
                             sum(card_amount) as card_amount, sum(bonus_amount) as bonus_amount,
                             sum(debt_amount) as debt_amount, sum(writeoff_amount) as writeoff_amount
                      from charges where tenant_id = $2 group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11) c
             using (domain_id, cycle, service_type_code, resource_type_code, region_code, charging_mode, bill_type,
                    enterprise_project_id, currency, partner_id, association_type)
           where (s.charges, s.official_amount, s.discount_amount, s.erase_amount, s.consume_amount, s.cash_amount,
                  s.credit_amount, s.coupon_amount, s.flexi_amount, s.card_amount, s.bonus_amount, s.debt_amount,
                  s.writeoff_amount)
             is distinct from
                 (c.charges, c.official_amount, c.discount_amount, c.erase_amount, c.consume_amount, c.cash_amount,
                  c.credit_amount, c.coupon_amount, c.flexi_amount, c.card_amount, c.bonus_amount, c.debt_amount,
                  c.writeoff_amount)
           limit $1"#,
        NAMED,
        tenant.0
    )
    .fetch_all(connection)
    .await
}

/// The totals by the day and by the cycle are those of the charges.
async fn totals(connection: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select 'totals of ' || domain_id || ' in ' || to_char(cycle, 'YYYY-MM') || ' by the '
                  || case statistic when 1 then 'cycle' else 'day' end || ', ' || source
                  || ': are not those of its charges' as "line!"
           from (select domain_id, cycle, statistic, source, usage_type_code, bill_type, currency,
                        sum(official_amount) as official, sum(erase_amount) as erase, sum(consume_amount) as consume,
                        sum(cash_amount) as cash, sum(debt_amount) as debt, sum(usage_amount) as usage
                 from charge_totals where tenant_id = $2 group by 1, 2, 3, 4, 5, 6, 7) t
           full join (select domain_id, cycle, s.statistic,
                             coalesce(order_id || '-' || order_line, resource_id) as source, usage_type_code, bill_type, currency,
                             sum(official_amount) as official, sum(erase_amount) as erase, sum(consume_amount) as consume,
                             sum(cash_amount) as cash, sum(debt_amount) as debt, sum(usage_amount) as usage
                      from charges cross join (values (1::smallint), (2::smallint)) s (statistic)
                      where tenant_id = $2 group by 1, 2, 3, 4, 5, 6, 7) c
             using (domain_id, cycle, statistic, source, usage_type_code, bill_type, currency)
           where (t.official, t.erase, t.consume, t.cash, t.debt, t.usage)
             is distinct from (c.official, c.erase, c.consume, c.cash, c.debt, c.usage)
           limit $1"#,
        NAMED,
        tenant.0
    )
    .fetch_all(connection)
    .await
}

/// What customers owe is what the charges say that they pay.
async fn debts(connection: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select 'debt of ' || domain_id || ': is ' || trim_scale(coalesce(d.owed, 0)) || ' ' || currency
                  || ', its charges say ' || trim_scale(coalesce(c.owed, 0)) as "line!"
           from (select domain_id, currency, owed from debtors where tenant_id = $2 and owed > 0) d
           full join (select coalesce(payer_id, domain_id) as domain_id, currency, sum(debt_amount) as owed from charges
                      where tenant_id = $2 and debt_amount > 0 group by 1, 2) c using (domain_id, currency)
           where d.owed is distinct from c.owed limit $1"#,
        NAMED,
        tenant.0
    )
    .fetch_all(connection)
    .await
}

/// In arrears are those customers for whose use something is owed.
async fn arrears(connection: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select 'arrears of ' || domain_id || case when a.since is null then ': are not known, and something is owed'
                                                     else ': go on, and nothing is owed' end as "line!"
           from (select domain_id, since from arrears where tenant_id = $2) a
           full join (select distinct domain_id, 1 as owes from charges where tenant_id = $2 and debt_amount > 0) c
             using (domain_id)
           where a.since is null or c.owes is null limit $1"#,
        NAMED,
        tenant.0
    )
    .fetch_all(connection)
    .await
}

/// What may be invoiced is what charges say was paid otherwise than by cash coupons and bonus.
async fn invoiceable(connection: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select 'invoiceable of ' || domain_id || ' in ' || to_char(cycle, 'YYYY-MM') || ': is not what its charges say' as "line!"
           from (select payer_id, domain_id, cycle, order_id, currency, amount, owed from invoiceable where tenant_id = $2) i
           full join (select case when association_type = 2 then coalesce(partner_id, domain_id)
                                  else coalesce(payer_id, domain_id) end as payer_id,
                             domain_id, cycle, coalesce(order_id, '') as order_id, currency,
                             sum(cash_amount + credit_amount + flexi_amount + card_amount) as amount, sum(debt_amount) as owed
                      from charges where tenant_id = $2 group by 1, 2, 3, 4, 5) c
               using (payer_id, domain_id, cycle, order_id, currency)
           where (i.amount, i.owed) is distinct from (c.amount, c.owed) limit $1"#,
        NAMED,
        tenant.0
    )
    .fetch_all(connection)
    .await
}

/// What a customer's charges say was paid is what the ledger moved for orders and use, less what it gave back.
async fn ledger(connection: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select 'payments of ' || domain_id || ': the ledger moved ' || trim_scale(coalesce(l.moved, 0)) || ' ' || currency
                  || ', its charges say ' || trim_scale(coalesce(c.paid, 0)) as "line!"
           from (select domain_id, currency, sum(consume_amount - debt_amount - writeoff_amount) as paid
                 from charges where tenant_id = $2 group by 1, 2) c
           full join (select t.customer_id as domain_id, t.currency,
                             sum(case when t.kind in ('refund', 'coupon_refund') then -t.amount else t.amount end) as moved
                      from transfers t
                      join (select distinct trade_id from charges where tenant_id = $2) c on c.trade_id = t.reference
                      where t.tenant_id = $2 and t.kind in ('subscribe', 'usage', 'coupon_subscribe', 'coupon_usage', 'refund', 'coupon_refund')
                      group by 1, 2) l using (domain_id, currency)
           where coalesce(l.moved, 0) <> coalesce(c.paid, 0) limit $1"#,
        NAMED,
        tenant.0
    )
    .fetch_all(connection)
    .await
}
