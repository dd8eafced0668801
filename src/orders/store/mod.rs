//! The only door into the orders' tables. [`search`] lists them.

pub mod due;
pub mod lines;
pub mod payments;
pub mod refunds;
pub mod search;

use super::model::{Agent, Asked, By, Order, OrderStatus, OrderType, Reduction, ReductionKind, Share, SourceType};
use super::state::Event;
use crate::customers::model::AssociationType;
use crate::values::id::{DomainId, TenantId};
use crate::values::money::Currency;
use sqlx::PgConnection;
use sqlx::types::Json;
use std::collections::BTreeSet;
use time::OffsetDateTime;
use uuid::Uuid;

/// An order's [`Head`], and how it is locked.
macro_rules! head {
    ($locked:tt, $($bound:expr),+) => {
        sqlx::query_as!(
            Head,
            r#"select domain_id as "customer: DomainId", partner_id as "partner: DomainId", order_type as "kind: OrderType",
                      status as "status: OrderStatus", source_type as "source: SourceType", currency as "currency: Currency",
                      user_name, enterprise_project_id, is_auto_pay, created_at, payable_until, paid_at,
                      paid_as as "paid_as: AssociationType", paying_agent_id as "paying_agent: DomainId",
                      asked_partner_id as "asked_partner: DomainId", asked_at, payer_id as "payer: DomainId",
                      paid_under_id as "paid_under: DomainId"
               from orders where tenant_id = $1 and order_id = $2"# + $locked,
            $($bound),+
        )
    };
}

/// Writes a new order with its lines. `false`: its id is taken, and nothing was written.
pub async fn insert(connection: &mut PgConnection, order: &Order) -> sqlx::Result<bool> {
    let amounts = order.amounts();
    let written = sqlx::query!(
        "insert into orders (tenant_id, order_id, domain_id, partner_id, order_type, status, source_type, service_type_code,
             currency, official_amount, amount_after_discount, coupon_amount, flexi_amount, card_amount, commission_amount,
             consumed_amount, discounts, user_name, enterprise_project_id, is_auto_pay, created_at, payable_until, paid_at,
             updated_at, payer_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
             $21, $24)
         on conflict do nothing",
        order.tenant.0,
        order.id,
        order.customer.0,
        order.partner.map(|partner| partner.0),
        order.kind.code(),
        order.status.code(),
        order.source.code(),
        order.lines.first().map_or("", |line| line.product.service_type.as_str()),
        order.currency as Currency,
        amounts.official,
        amounts.after_discount,
        amounts.by(ReductionKind::CashCoupon),
        amounts.by(ReductionKind::FlexiCoupon),
        amounts.card,
        amounts.commission,
        amounts.consumed,
        Json(&amounts.reductions) as Json<&Vec<Reduction>>,
        order.user_name,
        order.enterprise_project,
        order.is_auto_pay,
        order.created_at,
        order.payable_until,
        order.paid_at,
        order.payer.map(|payer| payer.0)
    )
    .execute(&mut *connection)
    .await?;
    if written.rows_affected() == 0 {
        return Ok(false);
    }
    lines::insert(connection, order).await?;
    Ok(true)
}

/// Counts one order more for its customer and its partner: last in the
/// [order of locks](crate::ledger#the-order-of-locks).
pub async fn count(connection: &mut PgConnection, order: &Order) -> sqlx::Result<()> {
    let mut owners: Vec<Uuid> =
        [Some(order.customer.0), order.partner.map(|partner| partner.0)].into_iter().flatten().collect();
    owners.sort_unstable();
    sqlx::query!(
        "insert into order_counters (tenant_id, owner_id, orders)
         select t.tenant_id, u.owner_id, 1 from tenants t, unnest($2::uuid[]) as u (owner_id)
         where t.tenant_id = $1 order by u.owner_id
         on conflict (tenant_id, owner_id) do update set orders = order_counters.orders + 1",
        order.tenant.0,
        &owners
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes what happened to an order.
pub async fn note(
    connection: &mut PgConnection,
    order: &Order,
    (event, from): (Event, Option<OrderStatus>),
    by: By,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into order_events (tenant_id, order_id, number, event, from_status, to_status, happened_at, user_id)
         select t.tenant_id, $2,
                (select count(*) + 1 from order_events e where e.tenant_id = $1 and e.order_id = $2),
                $3, $4, $5, $6, $7
         from tenants t where t.tenant_id = $1",
        order.tenant.0,
        order.id,
        event as Event,
        from.map(OrderStatus::code),
        order.status.code(),
        by.now,
        by.user.map(|user| user.0)
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes the status that an order has now, until when it can be paid, and who is asked to.
pub async fn set_status(connection: &mut PgConnection, order: &Order, now: OffsetDateTime) -> sqlx::Result<()> {
    sqlx::query!(
        "update orders set status = $3, updated_at = $4, payable_until = $5, asked_partner_id = $6, asked_at = $7,
                payer_id = $8
         where tenant_id = $1 and order_id = $2",
        order.tenant.0,
        order.id,
        order.status.code(),
        now,
        order.payable_until,
        order.asked.and_then(|asked| asked.agent.partner()).map(|partner| partner.0),
        order.asked.map(|asked| asked.at),
        order.payer.map(|payer| payer.0)
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The order about a resource that is not paid yet: it waits for that, for a review, or for its customer to confirm it.
pub async fn waiting_for(
    connection: &mut PgConnection,
    tenant: TenantId,
    resource: &str,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        "select o.order_id from order_lines l
         join orders o on o.tenant_id = l.tenant_id and o.order_id = l.order_id
         where l.tenant_id = $1 and o.tenant_id = $1 and l.resource_id = $2 and o.status in (1, 6, 9) limit 1",
        tenant.0,
        resource
    )
    .fetch_optional(connection)
    .await
}

/// Writes what was paid for an order, by what, and the status it has now. `provision_at` is when the sandbox's own provisioner is
/// done.
pub async fn set_paid(
    connection: &mut PgConnection,
    order: &Order,
    shares: &[Share],
    provision_at: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let amounts = order.amounts();
    sqlx::query!(
        "update orders
         set status = $3, official_amount = $4, amount_after_discount = $5, coupon_amount = $6, flexi_amount = $7,
             card_amount = $8, discounts = $9, paid_at = $10, paid_as = $11, provision_at = $12,
             updated_at = $10, paying_agent_id = $13, asked_partner_id = null, asked_at = null, payer_id = $14,
             paid_under_id = $15
         where tenant_id = $1 and order_id = $2",
        order.tenant.0,
        order.id,
        order.status.code(),
        amounts.official,
        amounts.after_discount,
        amounts.by(ReductionKind::CashCoupon),
        amounts.by(ReductionKind::FlexiCoupon),
        amounts.card,
        Json(&amounts.reductions) as Json<&Vec<Reduction>>,
        now,
        order.paid_as.map(|kind| kind as i16),
        provision_at,
        order.paying_agent.map(|agent| agent.0),
        order.payer.map(|payer| payer.0),
        order.paid_under.map(|partner| partner.0)
    )
    .execute(&mut *connection)
    .await?;
    lines::set_amounts(connection, order).await?;
    payments::insert(connection, (order.tenant, &order.id), shares).await
}

/// Writes what an order that is done gives back in the end.
pub async fn set_given_back(connection: &mut PgConnection, order: &Order) -> sqlx::Result<()> {
    let amounts = order.amounts();
    sqlx::query!(
        "update orders
         set official_amount = $3, amount_after_discount = $4, coupon_amount = $5, flexi_amount = $6, card_amount = $7,
             discounts = $8
         where tenant_id = $1 and order_id = $2",
        order.tenant.0,
        order.id,
        amounts.official,
        amounts.after_discount,
        amounts.by(ReductionKind::CashCoupon),
        amounts.by(ReductionKind::FlexiCoupon),
        amounts.card,
        Json(&amounts.reductions) as Json<&Vec<Reduction>>
    )
    .execute(&mut *connection)
    .await?;
    lines::set_amounts(connection, order).await
}

/// An order with its lines.
pub async fn find(connection: &mut PgConnection, tenant: TenantId, id: &str) -> sqlx::Result<Option<Order>> {
    let head = head!("", tenant.0, id).fetch_optional(&mut *connection).await?;
    with_lines(connection, (tenant, id), head).await
}

/// An order with its lines, locked until the transaction ends. Its customer comes before it in the
/// [order of locks](crate::ledger#the-order-of-locks).
pub async fn lock(connection: &mut PgConnection, tenant: TenantId, id: &str) -> sqlx::Result<Option<Order>> {
    let head = head!(" for update", tenant.0, id).fetch_optional(&mut *connection).await?;
    with_lines(connection, (tenant, id), head).await
}

/// Whose an order is.
pub async fn customer_of(connection: &mut PgConnection, tenant: TenantId, id: &str) -> sqlx::Result<Option<DomainId>> {
    sqlx::query_scalar!(
        r#"select domain_id as "id: DomainId" from orders where tenant_id = $1 and order_id = $2"#,
        tenant.0,
        id
    )
    .fetch_optional(connection)
    .await
}

/// An order's own row.
struct Head {
    customer: DomainId,
    partner: Option<DomainId>,
    kind: OrderType,
    status: OrderStatus,
    source: SourceType,
    currency: Currency,
    user_name: String,
    enterprise_project_id: Option<String>,
    is_auto_pay: bool,
    created_at: OffsetDateTime,
    payable_until: Option<OffsetDateTime>,
    paid_at: Option<OffsetDateTime>,
    paid_as: Option<AssociationType>,
    paying_agent: Option<DomainId>,
    asked_partner: Option<DomainId>,
    asked_at: Option<OffsetDateTime>,
    payer: Option<DomainId>,
    paid_under: Option<DomainId>,
}

impl Head {
    /// Who has to pay: the partner, or else the master account.
    fn asked(&self) -> Option<Asked> {
        let agent = self.asked_partner.map(Agent::Partner).or(self.payer.map(Agent::Master))?;
        Some(Asked { agent, at: self.asked_at? })
    }
}

async fn with_lines(
    connection: &mut PgConnection,
    (tenant, id): (TenantId, &str),
    head: Option<Head>,
) -> sqlx::Result<Option<Order>> {
    let Some(head) = head else { return Ok(None) };
    let asked = head.asked();
    Ok(Some(Order {
        id: id.to_owned(),
        tenant,
        customer: head.customer,
        partner: head.partner,
        kind: head.kind,
        status: head.status,
        source: head.source,
        currency: head.currency,
        user_name: head.user_name,
        enterprise_project: head.enterprise_project_id,
        is_auto_pay: head.is_auto_pay,
        created_at: head.created_at,
        payable_until: head.payable_until,
        paid_at: head.paid_at,
        paid_as: head.paid_as,
        paid_under: head.paid_under,
        paying_agent: head.paying_agent,
        asked,
        payer: head.payer,
        lines: lines::of(connection, tenant, id).await?,
    }))
}

/// In which of an order's service types its customer has paid for an order before.
pub async fn services_bought(connection: &mut PgConnection, order: &Order) -> sqlx::Result<Vec<String>> {
    let services: BTreeSet<String> = order.lines.iter().map(|line| line.product.service_type.clone()).collect();
    sqlx::query_scalar!(
        r#"select u.service as "service!" from unnest($3::text[]) as u (service)
           where exists(select 1 from orders o
                        where o.tenant_id = $1 and o.domain_id = $2 and o.service_type_code = u.service
                          and o.paid_at is not null)"#,
        order.tenant.0,
        order.customer.0,
        &services.into_iter().collect::<Vec<_>>()
    )
    .fetch_all(connection)
    .await
}
