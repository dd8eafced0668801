//! Lists of orders, the latest first unless asked otherwise.
//!
//! A statement has those conditions only that are asked for, so each finds its index. A page near the end is read from the
//! end. How many orders a customer or a partner has in all is kept; with a filter they are counted.

use crate::api::page::Part;
use crate::customers::model::AssociationType;
use crate::orders::model::{OrderStatus, OrderType, Reduction, SourceType};
use crate::values::id::{DomainId, TenantId};
use crate::values::money::Currency;
use rust_decimal::Decimal;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

/// An order as lists show it.
#[derive(Clone, Debug, FromRow)]
pub struct OrderRow {
    /// Its id.
    pub order_id: String,
    /// The customer.
    pub domain_id: DomainId,
    /// What it is for.
    pub order_type: OrderType,
    /// How it stands.
    pub status: OrderStatus,
    /// Where it comes from.
    pub source_type: SourceType,
    /// The service type of its first line.
    pub service_type_code: String,
    /// The currency.
    pub currency: Currency,
    /// At list prices.
    pub official_amount: Decimal,
    /// Paid by cash and credit.
    pub amount_after_discount: Decimal,
    /// Paid by stored-value cards.
    pub card_amount: Decimal,
    /// The fee of an unsubscription.
    pub commission_amount: Option<Decimal>,
    /// What was used, of an unsubscription.
    pub consumed_amount: Option<Decimal>,
    /// What was taken off.
    pub discounts: Json<Vec<Reduction>>,
    /// Who ordered.
    pub user_name: String,
    /// The enterprise project.
    pub enterprise_project_id: Option<String>,
    /// When it was placed.
    pub created_at: OffsetDateTime,
    /// Until when it can be paid.
    pub payable_until: Option<OffsetDateTime>,
    /// When it was paid.
    pub paid_at: Option<OffsetDateTime>,
    /// Who paid, if it was another account.
    pub paying_agent_id: Option<DomainId>,
    /// Since when the partner is asked to pay, if it is.
    pub asked_at: Option<OffsetDateTime>,
    /// When it was changed last.
    pub updated_at: OffsetDateTime,
}

/// The orders of a customer that this partner is asked to pay, in the order in which they are locked.
pub async fn asked_of(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    partner: DomainId,
) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        "select order_id from orders where tenant_id = $1 and asked_partner_id = $2 and domain_id = $3 order by order_id",
        tenant.0,
        partner.0,
        customer.0
    )
    .fetch_all(connection)
    .await
}

/// The orders of a customer that wait to be paid, in the order in which they are locked.
pub async fn waiting(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        "select order_id from orders where tenant_id = $1 and domain_id = $2 and status = 6 order by order_id",
        tenant.0,
        customer.0
    )
    .fetch_all(connection)
    .await
}

/// What a master account pays for members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidFor {
    /// The master account.
    pub master: DomainId,
    /// The members whose bills it may see.
    pub members: Vec<DomainId>,
}

/// Whose orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A customer's own.
    Customer(DomainId),
    /// Those of a partner's customers.
    Partner(DomainId),
    /// Those that a partner is asked to pay.
    Asked(DomainId),
    /// Those of members that their master account has to pay or has paid.
    Members(PaidFor),
    /// Those, and the master account's own.
    All(PaidFor),
}

/// From when to when, both included, as far as they are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first instant.
    pub from: Option<OffsetDateTime>,
    /// The last one.
    pub to: Option<OffsetDateTime>,
}

/// Which of them; what is `None` does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// This one.
    pub order: Option<String>,
    /// Of this customer of the partner's.
    pub customer: Option<DomainId>,
    /// When they were placed.
    pub created: Span,
    /// When they were paid.
    pub paid: Span,
    /// In which service, in lower case.
    pub service_type: Option<String>,
    /// How they stand.
    pub status: Option<OrderStatus>,
    /// What they are for.
    pub kind: Option<OrderType>,
    /// How the customer was associated when it paid.
    pub paid_as: Option<AssociationType>,
}

/// A list.
#[derive(Clone, Debug)]
pub struct Search {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose orders.
    pub whose: Whose,
    /// Which of them.
    pub filter: OrderFilter,
    /// Whether the earliest stands first.
    pub ascending: bool,
}

impl Search {
    /// A page, and how many there are in all.
    pub async fn page(
        &self,
        connection: &mut PgConnection,
        (offset, limit): (usize, usize),
    ) -> sqlx::Result<(Vec<OrderRow>, i64)> {
        let total = self.total(connection).await?;
        let Some(part) = Part::of(total, offset, limit) else { return Ok((Vec::new(), total)) };
        let mut rows: Vec<OrderRow> = self.select(part, None).build_query_as().fetch_all(connection).await?;
        if part.is_from_the_end {
            rows.reverse();
        }
        Ok((rows, total))
    }

    /// So many behind the one that was placed then and has this id, for a list that nobody counts.
    pub async fn behind(
        &self,
        connection: &mut PgConnection,
        behind: Option<(OffsetDateTime, String)>,
        limit: usize,
    ) -> sqlx::Result<Vec<OrderRow>> {
        let part = Part { is_from_the_end: false, skipped: 0, read: i64::try_from(limit).unwrap_or(i64::MAX) };
        self.select(part, behind).build_query_as().fetch_all(connection).await
    }

    async fn total(&self, connection: &mut PgConnection) -> sqlx::Result<i64> {
        let owner = match &self.whose {
            Whose::Customer(owner) | Whose::Partner(owner) if self.filter == OrderFilter::default() => owner,
            // Few wait at a time, so they are counted.
            _ => return self.count().build_query_scalar().fetch_one(connection).await,
        };
        let kept = sqlx::query_scalar!(
            "select orders from order_counters where tenant_id = $1 and owner_id = $2",
            self.tenant.0,
            owner.0
        );
        Ok(kept.fetch_optional(connection).await?.unwrap_or_default())
    }

    /// The statement that counts.
    pub fn count(&self) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("select count(*) from ");
        self.push_conditions(&mut query);
        query
    }

    fn select(&self, part: Part, behind: Option<(OffsetDateTime, String)>) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new(
            "select order_id, domain_id, order_type, status, source_type, service_type_code, currency, official_amount,
                    amount_after_discount, card_amount, commission_amount, consumed_amount, discounts, user_name,
                    enterprise_project_id, created_at, payable_until, paid_at, paying_agent_id, asked_at,
                    updated_at
             from ",
        );
        self.push_conditions(&mut query);
        if let Some((at, order)) = behind {
            query.push(" and (o.created_at, o.order_id) < (").push_bind(at).push(", ").push_bind(order).push(")");
        }
        let direction = if part.is_from_the_end == self.ascending { "desc" } else { "asc" };
        query.push(format_args!(" order by o.created_at {direction}, o.order_id {direction} offset "));
        query.push_bind(part.skipped).push(" limit ").push_bind(part.read);
        query
    }

    /// Out of which table, and under which conditions.
    fn push_conditions(&self, query: &mut QueryBuilder<Postgres>) {
        if let Whose::All(of) = &self.whose {
            // Each part has its index, so both are read in the order of the list.
            query.push("(select own.* from orders own where own.tenant_id = ").push_bind(self.tenant.0);
            query.push(" and own.domain_id = ").push_bind(of.master.0);
            query.push(" union all select paid.* from orders paid where paid.tenant_id = ").push_bind(self.tenant.0);
            query.push(" and paid.payer_id = ").push_bind(of.master.0);
            query.push(" and paid.domain_id = any(").push_bind(ids(&of.members)).push(")) o");
        } else {
            query.push("orders o");
        }
        query.push(" where o.tenant_id = ").push_bind(self.tenant.0);
        match &self.whose {
            Whose::Customer(customer) => query.push(" and o.domain_id = ").push_bind(customer.0),
            Whose::Partner(partner) => query.push(" and o.partner_id = ").push_bind(partner.0),
            Whose::Asked(partner) => query.push(" and o.asked_partner_id = ").push_bind(partner.0),
            Whose::Members(of) => query
                .push(" and o.payer_id = ")
                .push_bind(of.master.0)
                .push(" and o.domain_id = any(")
                .push_bind(ids(&of.members))
                .push(")"),
            Whose::All(_) => query,
        };
        let filter = &self.filter;
        if let Some(order) = &filter.order {
            query.push(" and o.order_id = ").push_bind(order.clone());
        }
        if let Some(customer) = filter.customer {
            query.push(" and o.domain_id = ").push_bind(customer.0);
        }
        if let Some(service) = &filter.service_type {
            query.push(" and o.service_type_code = ").push_bind(service.clone());
        }
        if let Some(status) = filter.status {
            query.push(" and o.status = ").push_bind(status.code());
        }
        if let Some(kind) = filter.kind {
            query.push(" and o.order_type = ").push_bind(kind.code());
        }
        if let Some(kind) = filter.paid_as {
            query.push(" and o.paid_as = ").push_bind(kind as i16);
        }
        for (column, span) in [("o.created_at", filter.created), ("o.paid_at", filter.paid)] {
            if let Some(from) = span.from {
                query.push(format_args!(" and {column} >= ")).push_bind(from);
            }
            // The wire has whole seconds, so all of the last one is meant.
            if let Some(to) = span.to {
                query.push(format_args!(" and {column} < ")).push_bind(to.saturating_add(time::Duration::SECOND));
            }
        }
    }
}

fn ids(accounts: &[DomainId]) -> Vec<Uuid> {
    accounts.iter().map(|account| account.0).collect()
}
