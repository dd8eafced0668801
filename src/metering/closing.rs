//! Closing a month: what was cut off its charges is made up for, and then nothing is added to it any more.

use super::events::BillClosed;
use super::settle::{Due, pay};
use super::settlement::{closes_at, made_up};
use super::store::{self, Erased};
use crate::charges::model::{BillType, BillingMode, Charge, OfOrder, Paid, Subject, UnitPrice, Used};
use crate::customers::model::AssociationType;
use crate::customers::store as customers;
use crate::orders::desk::{Desk, DeskWhenNeeded};
use crate::outbox::{self, Event};
use crate::pricing::quote;
use crate::values::id::{ChargeId, DomainId, TenantId, new_uuid};
use crate::values::money::Currency;
use crate::values::time::Month;
use sqlx::{Connection, PgConnection};
use std::collections::BTreeSet;
use time::{Duration, OffsetDateTime};

/// Tenants in which a month may be to be closed.
pub async fn tenants(
    connection: &mut PgConnection,
    now: OffsetDateTime,
    moved: &[(TenantId, OffsetDateTime)],
) -> sqlx::Result<BTreeSet<TenantId>> {
    let latest = moved.iter().map(|(_, shown)| *shown).fold(now, Ord::max);
    store::tenants_to_close(connection, Month::of(latest)).await
}

/// When a month is to be closed next.
pub async fn next_due(connection: &mut PgConnection, tenant: TenantId) -> sqlx::Result<Option<OffsetDateTime>> {
    Ok(store::open_cycle(connection, tenant).await?.map(closes_at))
}

/// Closes the month that is to be closed at an instant: customer by customer, so that it can be broken off and begun again. How
/// many customers it was made up for, and one for the month.
pub async fn run(
    connection: &mut PgConnection,
    desk: &DeskWhenNeeded,
    tenant: TenantId,
    at: OffsetDateTime,
) -> anyhow::Result<usize> {
    let Some(cycle) = store::open_cycle(connection, tenant).await?.filter(|cycle| closes_at(*cycle) <= at) else {
        return Ok(0);
    };
    let desk = desk.get(connection).await?;
    let customers = store::customers_to_make_up(connection, (tenant, cycle)).await?;
    let mut done = 0;
    for customer in customers {
        let mut transaction = connection.begin().await?;
        make_up(&mut transaction, desk, (tenant, customer), (cycle, at)).await?;
        transaction.commit().await?;
        done += 1;
    }
    Ok(done + usize::from(close(connection, tenant, (cycle, at)).await?))
}

/// Closes a month for which everything is made up, and tells each partner whose customers have bills in it. `false`: it is closed
/// already.
async fn close(
    connection: &mut PgConnection,
    tenant: TenantId,
    (cycle, at): (Month, OffsetDateTime),
) -> sqlx::Result<bool> {
    let mut transaction = connection.begin().await?;
    let is_closed = store::close(&mut transaction, (tenant, cycle), at).await?;
    if is_closed {
        let partners = store::billed(&mut transaction, (tenant, cycle)).await?.into_iter();
        let event =
            |(partner_id, customers)| Event::new(partner_id, &BillClosed { partner_id, bill_cycle: cycle, customers });
        outbox::append(&mut transaction, tenant, &partners.map(event).collect::<Vec<_>>(), at).await?;
    }
    transaction.commit().await?;
    Ok(is_closed)
}

/// Charges what was cut off a customer's use in a month, as far as it is whole cents: by service and resource type, region,
/// enterprise project and partner, as sums are kept.
async fn make_up(
    connection: &mut PgConnection,
    desk: &Desk,
    account: (TenantId, DomainId),
    (cycle, at): (Month, OffsetDateTime),
) -> anyhow::Result<()> {
    let Some(customer) = customers::lock(connection, account.0, account.1).await? else { return Ok(()) };
    let currency = quote::currency(connection, account, desk.site).await?;
    let erased = store::erased(connection, account, (cycle, currency)).await?;
    let due = |erased: &Erased| {
        let charge = charge(account, erased, (cycle, currency), at)?;
        Some(Due { charge, discounts: Vec::new(), records: Vec::new() })
    };
    let dues: Vec<Due> = erased.iter().filter_map(due).collect();
    pay(connection, (account, &customer, currency), dues, at).await
}

fn charge(
    (tenant, customer): (TenantId, DomainId),
    erased: &Erased,
    (cycle, currency): (Month, Currency),
    at: OffsetDateTime,
) -> Option<Charge> {
    let amounts = made_up(erased.erased)?;
    // It counts as the last second of the month.
    let consumed_at = cycle.next().start() - Duration::SECOND;
    let id = ChargeId(new_uuid(at));
    let association = match erased.association {
        1 => Some(AssociationType::Referral),
        2 => Some(AssociationType::Resale),
        _ => None,
    };
    Some(Charge {
        tenant,
        customer,
        cycle,
        consumed_at,
        used_until: consumed_at,
        id,
        payer: None,
        partner: association.map(|_| erased.partner),
        association,
        currency,
        bill_type: BillType::MakeUp,
        charging_mode: BillingMode::OnDemand,
        charged_at: at,
        trade_id: id.0.simple().to_string(),
        order: OfOrder::NONE,
        subject: Subject {
            service_type: erased.service_type.clone(),
            resource_type: erased.resource_type.clone(),
            region: erased.region.clone(),
            resource_id: String::new(),
            resource_name: String::new(),
            parent_id: None,
            resource_spec: String::new(),
            resource_size: None,
            size_measure_id: None,
            product_id: String::new(),
            enterprise_project: erased.enterprise_project.clone(),
        },
        used: Used::default(),
        price: UnitPrice::default(),
        official: amounts.official,
        discount: amounts.discount,
        erase: amounts.erase,
        consume: amounts.consume,
        paid: Paid { debt: amounts.consume, ..Paid::default() },
        promotion_types: String::new(),
        steps: None,
    })
}
