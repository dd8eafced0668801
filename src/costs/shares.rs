//! What counts in a month, row by row.

use super::amortisation::{counted, payers};
use crate::api::page::Part;
use crate::bills::search::Wanted;
use crate::charges::model::{BillType, BillingMode};
use crate::values::id::{DomainId, TenantId};
use crate::values::money::Currency;
use crate::values::time::Month;
use rust_decimal::Decimal;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

/// What of a line of an order, or of a resource's use, counts in a month.
#[derive(Clone, PartialEq, Debug, FromRow)]
pub struct Share {
    /// The customer.
    pub domain_id: DomainId,
    /// The first day of the cycle that it was charged in.
    pub cycle: Date,
    /// What it is for.
    pub bill_type: BillType,
    /// How that is paid for.
    pub charging_mode: BillingMode,
    /// The order.
    pub order_id: Option<String>,
    /// The service type.
    pub service_type_code: String,
    /// The resource type.
    pub resource_type_code: String,
    /// The region.
    pub region_code: String,
    /// The resource.
    pub resource_id: String,
    /// Its name.
    pub resource_name: String,
    /// Its specification.
    pub resource_spec: String,
    /// Its size.
    pub resource_size: Option<i32>,
    /// The enterprise project; empty for none.
    pub enterprise_project_id: String,
    /// What was measured; empty for an order.
    pub usage_type_code: String,
    /// How much.
    pub usage_amount: Option<Decimal>,
    /// In which unit.
    pub usage_measure_id: Option<i32>,
    /// What packages covered of it.
    pub package_amount: Option<Decimal>,
    /// From when on it was used.
    pub used_from: Option<OffsetDateTime>,
    /// Until when.
    pub used_until: Option<OffsetDateTime>,
    /// For periods of this length.
    pub period_type: Option<i16>,
    /// What is to be paid in all.
    pub consume_amount: Decimal,
    /// What of it counts before the month.
    pub past: Decimal,
    /// What counts in it.
    pub current: Decimal,
    /// What counts after it.
    pub future: Decimal,
    /// Of the month's: by cash.
    pub cash_amount: Decimal,
    /// By credit.
    pub credit_amount: Decimal,
    /// By cash coupons.
    pub coupon_amount: Decimal,
    /// By flexi-purchase coupons.
    pub flexi_amount: Decimal,
    /// By stored-value cards.
    pub card_amount: Decimal,
    /// By bonus.
    pub bonus_amount: Decimal,
}

/// What counts in a month, of some customers.
#[derive(Clone, Debug)]
pub struct Shares {
    /// The tenant.
    pub tenant: TenantId,
    /// The customers.
    pub customers: Vec<DomainId>,
    /// The month.
    pub month: Month,
    /// In which currency.
    pub currency: Currency,
    /// Which of it.
    pub wanted: Wanted,
}

impl Shares {
    /// A page, what was charged last first, and how many there are in all.
    pub async fn page(
        &self,
        connection: &mut PgConnection,
        (offset, limit): (usize, usize),
    ) -> sqlx::Result<(Vec<Share>, i64)> {
        let total: i64 = self.count().build_query_scalar().fetch_one(&mut *connection).await?;
        let Some(part) = Part::of(total, offset, limit) else { return Ok((Vec::new(), total)) };
        let mut rows: Vec<Share> = self.select(part).build_query_as().fetch_all(connection).await?;
        if part.is_from_the_end {
            rows.reverse();
        }
        Ok((rows, total))
    }

    /// The statement that counts them.
    pub fn count(&self) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("select count(*) from (");
        self.push_rows(&mut query);
        query.push(") c");
        query
    }

    /// The statement that reads a part of them.
    pub fn select(&self, part: Part) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new(
            "select c.domain_id, c.cycle, c.bill_type, c.charging_mode, c.order_id, c.service_type_code, c.resource_type_code,
                    c.region_code, c.resource_id, c.resource_name, c.resource_spec, c.resource_size, c.enterprise_project_id,
                    c.usage_type_code, c.usage_amount, c.usage_measure_id, c.package_amount, c.used_from, c.used_until,
                    c.period_type, c.consume_amount, s.past, s.upto - s.past as current, c.consume_amount - s.upto as future",
        );
        query.push(payers("s.past", "s.upto")).push(" from (");
        self.push_rows(&mut query);
        query.push(") c cross join lateral (select ");
        query.push(counted("c.consume_amount", "c", "m.first_day - 1")).push(" as past, ");
        query.push(counted("c.consume_amount", "c", "m.last_day")).push(" as upto from (select ");
        query.push_bind(self.month.first_day()).push("::date as first_day, ");
        query.push_bind(self.month.last_day()).push("::date as last_day) m) s order by ");
        let direction = if part.is_from_the_end { "asc" } else { "desc" };
        let order = [
            "cycle",
            "source",
            "usage_type_code",
            "bill_type",
            "product_id",
            "enterprise_project_id",
            "partner_id",
            "domain_id",
        ];
        query.push(order.map(|column| format!("c.{column} {direction}")).join(", "));
        query.push(" offset ").push_bind(part.skipped).push(" limit ").push_bind(part.read);
        query
    }

    /// Lines of orders that are for a time that has days in the month, and what else was charged in it.
    fn push_rows(&self, query: &mut QueryBuilder<Postgres>) {
        let ids: Vec<Uuid> = self.customers.iter().map(|customer| customer.0).collect();
        let (first, last) = (self.month.first_day(), self.month.last_day());
        query.push(
            "select c.*, a.first_day, a.last_day, a.ends_on
             from amortisations a
             join charge_totals c on c.tenant_id = a.tenant_id and c.domain_id = a.domain_id and c.cycle = a.cycle
                 and c.statistic = 1 and c.day = a.cycle and c.source = a.source and c.order_id is not null
             where a.tenant_id = ",
        );
        query.push_bind(self.tenant.0).push(" and a.domain_id = any(").push_bind(ids.clone()).push(")");
        query
            .push(" and a.ends_on >= ")
            .push_bind(first)
            .push(" and least(a.first_day, a.ends_on) <= ")
            .push_bind(last);
        query.push(" and c.currency = ").push_bind(self.currency);
        self.wanted.push(query);
        query.push(
            " union all
             select c.*, c.cycle as first_day, c.cycle as last_day, c.cycle as ends_on
             from charge_totals c where c.tenant_id = ",
        );
        query.push_bind(self.tenant.0).push(" and c.domain_id = any(").push_bind(ids);
        query.push(") and c.statistic = 1 and c.cycle = ").push_bind(first).push(" and c.currency = ");
        query.push_bind(self.currency);
        self.wanted.push(query);
        push_not_spread(query, self.tenant);
    }
}

/// Leaves out what counts over a period.
pub fn push_not_spread(query: &mut QueryBuilder<Postgres>, tenant: TenantId) {
    query.push(" and not (c.order_id is not null and exists(select 1 from amortisations a where a.tenant_id = ");
    query.push_bind(tenant.0).push(" and a.domain_id = c.domain_id and a.source = c.source))");
}
