//! All charges of a partner's customers, one behind the other by their keys, for who reads all of them.

use super::search::{ALIKE, Row, SINGLE};
use crate::values::id::{ChargeId, DomainId, TenantId};
use crate::values::money::Currency;
use crate::values::time::Month;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use time::{Date, OffsetDateTime};

/// A charge, in its currency.
#[derive(Clone, PartialEq, Debug, FromRow)]
pub struct Charged {
    /// The charge.
    #[sqlx(flatten)]
    pub row: Row,
    /// The currency.
    pub currency: Currency,
    /// Whether it counts as a cost over a period, day by day.
    pub is_spread: bool,
}

/// What charges of a partner's customers are told apart by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChargeKey {
    /// The cycle.
    pub cycle: Date,
    /// The customer.
    pub customer: DomainId,
    /// From when on it was used.
    pub consumed_at: OffsetDateTime,
    /// The charge.
    pub charge: ChargeId,
}

/// Charges of a partner's customers, as far as they were its customers then.
#[derive(Clone, Debug)]
pub struct Walk {
    /// The tenant.
    pub tenant: TenantId,
    /// The partner.
    pub partner: DomainId,
    /// Only this customer's.
    pub customer: Option<DomainId>,
    /// In which cycles, the first and the last.
    pub cycles: (Month, Month),
}

impl Walk {
    /// How many there are, by the sums that are kept with them.
    pub async fn count(&self, connection: &mut PgConnection) -> sqlx::Result<i64> {
        let mut query = QueryBuilder::new("select coalesce(sum(c.charges), 0)::bigint from charge_sums c");
        self.push_conditions(&mut query, None);
        query.build_query_scalar().fetch_one(connection).await
    }

    /// So many behind one of them, in the order of their keys.
    pub async fn behind(
        &self,
        connection: &mut PgConnection,
        key: Option<ChargeKey>,
        limit: usize,
    ) -> sqlx::Result<Vec<Charged>> {
        self.select(key, limit).build_query_as().fetch_all(connection).await
    }

    /// The statement that reads them.
    pub fn select(&self, key: Option<ChargeKey>, limit: usize) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new(SINGLE);
        query.push(ALIKE).push(
            ", c.currency, exists(select 1 from amortisations a where a.domain_id = c.domain_id
                                 and a.source = c.order_id || '-' || c.order_line and a.tenant_id = ",
        );
        query.push_bind(self.tenant.0).push(") as is_spread from charges c");
        // Said of the cycle alone as well, so that no month is opened that lies behind.
        self.push_conditions(&mut query, key.map(|key| key.cycle));
        if let Some(key) = key {
            query.push(" and (c.cycle, c.domain_id, c.consumed_at, c.charge_id) > (").push_bind(key.cycle);
            query.push(", ").push_bind(key.customer.0).push(", ").push_bind(key.consumed_at);
            query.push(", ").push_bind(key.charge.0).push(")");
        }
        query.push(" order by c.cycle, c.domain_id, c.consumed_at, c.charge_id limit ");
        query.push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
        query
    }

    fn push_conditions(&self, query: &mut QueryBuilder<Postgres>, from: Option<Date>) {
        let (first, last) = (self.cycles.0.first_day(), self.cycles.1.first_day());
        query.push(" where c.tenant_id = ").push_bind(self.tenant.0);
        query.push(" and c.partner_id = ").push_bind(self.partner.0);
        query.push(" and c.cycle between ").push_bind(from.unwrap_or(first)).push(" and ").push_bind(last);
        if let Some(customer) = self.customer {
            query.push(" and c.domain_id = ").push_bind(customer.0);
        }
    }
}
