//! Sums of charges, as they are kept with them: no charge is read for these.

use super::search::Amounts;
use crate::charges::model::{BillingMode, SumType};
use crate::values::id::{DomainId, TenantId};
use crate::values::money::Currency;
use crate::values::time::Month;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What sums are asked for; what is `None` does not filter.
#[derive(Clone, Debug)]
pub struct Sums {
    /// The tenant.
    pub tenant: TenantId,
    /// Of these customers.
    pub customers: Option<Vec<DomainId>>,
    /// Of resale customers of this partner.
    pub resold_by: Option<DomainId>,
    /// In which cycle.
    pub cycle: Month,
    /// In which currency.
    pub currency: Currency,
    /// Of this service type.
    pub service_type: Option<String>,
    /// In this enterprise project; empty: in none.
    pub enterprise_project: Option<String>,
    /// Paid for so.
    pub charging_mode: Option<BillingMode>,
}

/// What charges are added up by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Group {
    /// The customer.
    pub customer: DomainId,
    /// The service type.
    pub service_type: String,
    /// The resource type.
    pub resource_type: String,
    /// How they are paid for.
    pub charging_mode: BillingMode,
    /// What they count as.
    pub sum_type: SumType,
}

#[derive(FromRow)]
struct Row {
    domain_id: DomainId,
    service_type_code: String,
    resource_type_code: String,
    charging_mode: BillingMode,
    bill_type: crate::charges::model::BillType,
    #[sqlx(flatten)]
    amounts: Amounts,
}

impl Sums {
    /// The sums, by their groups.
    pub async fn find(&self, connection: &mut PgConnection) -> sqlx::Result<BTreeMap<Group, Amounts>> {
        let rows: Vec<Row> = self.select().build_query_as().fetch_all(connection).await?;
        let mut sums: BTreeMap<Group, Amounts> = BTreeMap::new();
        for row in rows {
            let group = Group {
                customer: row.domain_id,
                service_type: row.service_type_code,
                resource_type: row.resource_type_code,
                charging_mode: row.charging_mode,
                sum_type: row.bill_type.sum_type(),
            };
            sums.entry(group).or_default().add(&row.amounts);
        }
        Ok(sums)
    }

    /// The statement that reads them.
    pub fn select(&self) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new(
            "select domain_id, service_type_code, resource_type_code, charging_mode, bill_type,
                    sum(official_amount) as official_amount, sum(discount_amount) as discount_amount,
                    sum(erase_amount) as erase_amount, sum(consume_amount) as consume_amount,
                    sum(cash_amount) as cash_amount, sum(credit_amount) as credit_amount,
                    sum(coupon_amount) as coupon_amount, sum(flexi_amount) as flexi_amount, sum(card_amount) as card_amount,
                    sum(bonus_amount) as bonus_amount, sum(debt_amount) as debt_amount,
                    sum(writeoff_amount) as writeoff_amount
             from charge_sums c where c.tenant_id = ",
        );
        query.push_bind(self.tenant.0);
        query.push(" and cycle = ").push_bind(self.cycle.first_day());
        query.push(" and currency = ").push_bind(self.currency);
        if let Some(customers) = &self.customers {
            let ids: Vec<Uuid> = customers.iter().map(|customer| customer.0).collect();
            query.push(" and domain_id = any(").push_bind(ids).push(")");
        }
        if let Some(partner) = self.resold_by {
            query.push(" and partner_id = ").push_bind(partner.0).push(" and association_type = 2");
        }
        if let Some(service) = &self.service_type {
            query.push(" and service_type_code = ").push_bind(service.clone());
        }
        if let Some(project) = &self.enterprise_project {
            query.push(" and enterprise_project_id = ").push_bind(project.clone());
        }
        if let Some(mode) = self.charging_mode {
            query.push(" and charging_mode = ").push_bind(mode.code());
        }
        query.push(" group by 1, 2, 3, 4, 5");
        query
    }
}

impl Amounts {
    /// Adds others to these.
    pub fn add(&mut self, other: &Self) {
        self.official_amount += other.official_amount;
        self.discount_amount += other.discount_amount;
        self.erase_amount += other.erase_amount;
        self.consume_amount += other.consume_amount;
        self.cash_amount += other.cash_amount;
        self.credit_amount += other.credit_amount;
        self.coupon_amount += other.coupon_amount;
        self.flexi_amount += other.flexi_amount;
        self.card_amount += other.card_amount;
        self.bonus_amount += other.bonus_amount;
        self.debt_amount += other.debt_amount;
        self.writeoff_amount += other.writeoff_amount;
    }
}

/// The customers of a partner that have charges in a cycle, a page of them, and how many there are.
pub async fn customers(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    cycle: Month,
    (offset, limit): (usize, usize),
) -> sqlx::Result<(Vec<DomainId>, i64)> {
    let rows = sqlx::query!(
        r#"with all_of_them as (
             select distinct domain_id from charge_sums where tenant_id = $1 and partner_id = $2 and cycle = $3
           )
           select (select count(*) from all_of_them) as "total!",
                  array(select domain_id from all_of_them order by domain_id offset $4 limit $5) as "ids!: Vec<DomainId>""#,
        tenant.0,
        partner.0,
        cycle.first_day(),
        i64::try_from(offset).unwrap_or(i64::MAX),
        i64::try_from(limit).unwrap_or(i64::MAX)
    )
    .fetch_one(connection)
    .await?;
    Ok((rows.ids, rows.total))
}
