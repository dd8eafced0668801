//! What counts in months of what a partner's customers paid for periods, one behind the other by their keys, for who reads all of it.

use super::amortisation::counted;
use crate::charges::model::{BillType, BillingMode};
use crate::values::id::{DomainId, TenantId};
use crate::values::money::Currency;
use crate::values::time::Month;
use rust_decimal::Decimal;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use time::Date;

/// What of a line of an order counts in a month.
#[derive(Clone, PartialEq, Debug, FromRow)]
pub struct Spread {
    /// The customer.
    pub domain_id: DomainId,
    /// The line, as totals name it.
    pub source: String,
    /// The first day on which it counts.
    pub first_day: Date,
    /// The day by which all of it has counted.
    pub ends_on: Date,
    /// The partner then.
    pub partner_id: DomainId,
    /// What it is for.
    pub bill_type: BillType,
    /// How that is paid for.
    pub charging_mode: BillingMode,
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
    /// The product.
    pub product_id: String,
    /// The currency.
    pub currency: Currency,
    /// What counts in the month.
    pub current: Decimal,
}

/// What counts in a month.
#[derive(Clone, Copy, Debug)]
pub struct SpreadWalk {
    /// The tenant.
    pub tenant: TenantId,
    /// The partner, whose customers they were when they paid.
    pub partner: DomainId,
    /// Only this customer.
    pub customer: Option<DomainId>,
    /// The month.
    pub month: Month,
}

impl SpreadWalk {
    /// So many behind a line of a customer. A line is one charge, so that both tell them apart.
    pub async fn behind(
        &self,
        connection: &mut PgConnection,
        key: Option<(DomainId, String)>,
        limit: usize,
    ) -> sqlx::Result<Vec<Spread>> {
        self.select(key, limit).build_query_as().fetch_all(connection).await
    }

    /// How many there are.
    pub async fn count(&self, connection: &mut PgConnection) -> sqlx::Result<i64> {
        let mut query = QueryBuilder::new("select count(*)");
        self.push_rows(&mut query);
        query.build_query_scalar().fetch_one(connection).await
    }

    /// The statement that reads them.
    pub fn select(&self, key: Option<(DomainId, String)>, limit: usize) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new(
            "select a.domain_id, a.source, a.first_day, a.ends_on, c.partner_id, c.bill_type, c.charging_mode,
                    c.service_type_code, c.resource_type_code, c.region_code, c.resource_id, c.resource_name, c.resource_spec,
                    c.resource_size, c.product_id, c.currency, ",
        );
        let counted = |day| counted("c.consume_amount", "a", day);
        query.push(format_args!("{} - {} as current", counted("m.last_day"), counted("m.first_day - 1")));
        self.push_rows(&mut query);
        if let Some((customer, source)) = key {
            query.push(" and (a.domain_id, a.source) > (").push_bind(customer.0).push(", ").push_bind(source).push(")");
        }
        query.push(" order by a.domain_id, a.source limit ").push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
        query
    }

    fn push_rows(&self, query: &mut QueryBuilder<Postgres>) {
        query.push(" from (select ");
        query.push_bind(self.month.first_day()).push("::date as first_day, ").push_bind(self.month.last_day());
        query.push(
            "::date as last_day) m
             cross join amortisations a
             join charge_totals c on c.tenant_id = a.tenant_id and c.domain_id = a.domain_id and c.cycle = a.cycle
                 and c.statistic = 1 and c.day = a.cycle and c.source = a.source and c.order_id is not null
             where a.tenant_id = ",
        );
        query.push_bind(self.tenant.0).push(" and c.tenant_id = ").push_bind(self.tenant.0);
        query.push(" and c.partner_id = ").push_bind(self.partner.0);
        query.push(" and a.ends_on >= m.first_day and least(a.first_day, a.ends_on) <= m.last_day");
        if let Some(customer) = self.customer {
            query.push(" and a.domain_id = ").push_bind(customer.0);
        }
    }
}
