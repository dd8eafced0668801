//! What customers of the sandbox's world do with their resources.

use super::auto_renewal_resources::{AutoRenewalResourcesReq, switch_on};
use super::change::{self, How, Return};
use super::changing::{self, Change};
use super::family::Held;
use super::on_demand::{self, OnDemandResource, OnDemandStatus};
use super::renewing::{self, Renewal};
use super::set_resources_renew_config::configure;
use crate::identity;
use crate::orders::desk::Desk;
use crate::orders::model::SourceType;
use crate::orders::sandbox::{Buyer, REGION};
use crate::orders::state::Event;
use crate::pricing::model::{Period, PeriodType};
use crate::subscriptions::store::RenewConfig;
use anyhow::{Context, ensure};
use sqlx::PgConnection;
use time::OffsetDateTime;

/// Renews a resource for a month: paid at once, or the order waits.
pub async fn renew(
    connection: &mut PgConnection,
    desk: &Desk,
    (buyer, resource, is_auto_pay): (&Buyer, &str, bool),
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let renewal = Renewal {
        account: buyer.account,
        ids: vec![resource.to_owned()],
        period: Period { kind: PeriodType::Month, num: 1 },
        is_auto_pay,
        source: SourceType::Customer,
        user_name: buyer.name.clone(),
    };
    let held = Held::lock(connection, renewal.account, &renewal.ids, desk.site).await?;
    let renewed = renewing::renew(connection, desk, (&renewal, &held), buyer.by(now)).await?;
    if let Some((_, refusal)) = renewed.failed.into_iter().next() {
        return Err(refusal.into());
    }
    ensure!(renewed.orders.iter().all(|placed| placed.unpaid.is_none()), "there is not enough money");
    Ok(())
}

/// Lets a resource be renewed by itself.
pub async fn let_be_renewed(
    connection: &mut PgConnection,
    desk: &Desk,
    (buyer, resource): (&Buyer, &str),
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let without_end = AutoRenewalResourcesReq::default();
    Ok(switch_on(connection, (buyer.account, desk.site), resource, &without_end, now).await?)
}

/// Lets what is renewed from now on end on this day of the month.
pub async fn unify(
    connection: &mut PgConnection,
    desk: &Desk,
    (buyer, day): (&Buyer, i16),
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let config = RenewConfig { expire_day: Some(day), ..RenewConfig::default() };
    Ok(configure(connection, (buyer.account, desk.site), config, now).await?)
}

/// Makes a resource one of another specification: it is paid at once, if it costs more, and its service makes the change.
pub async fn change(
    connection: &mut PgConnection,
    desk: &Desk,
    (buyer, resource, spec): (&Buyer, &str, &str),
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let change = Change {
        resource: resource.to_owned(),
        spec: Some(spec.to_owned()),
        size: None,
        user_name: buyer.name.clone(),
        source: SourceType::Customer,
        is_auto_pay: true,
        begins: Event::Placed,
    };
    let held = Held::lock(connection, buyer.account, std::slice::from_ref(&change.resource), desk.site).await?;
    let placed = changing::change(connection, desk, (buyer.account, &change, &held), buyer.by(now)).await?;
    ensure!(placed.unpaid.is_none(), "there is not enough money");
    buyer.provide(connection, desk, (&placed.order.id, resource), now).await
}

/// Gives a resource back, or turns it to pay-per-use.
pub async fn give_back(
    connection: &mut PgConnection,
    desk: &Desk,
    (buyer, resource, how): (&Buyer, &str, How),
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let wish = Return { account: buyer.account, ids: vec![resource.to_owned()], how, user_name: buyer.name.clone() };
    let held = Held::lock(connection, wish.account, &wish.ids, desk.site).await?;
    change::give_back(connection, desk, (&wish, &held), buyer.by(now)).await?;
    Ok(())
}

/// What is opened to be paid by use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Metered {
    /// A server.
    Server,
    /// A bucket of objects.
    Bucket,
    /// A domain of a content delivery network.
    Delivery,
}

impl Metered {
    /// Its type and its specification.
    fn product(self) -> (&'static str, &'static str) {
        match self {
            Self::Server => ("hws.resource.type.vm", "s6.large.2.linux"),
            Self::Bucket => ("hws.resource.type.obs", "obs.standard"),
            Self::Delivery => ("hws.resource.type.cdn", "sample.cdn"),
        }
    }
}

/// Opens a resource that is paid by use, under an id that is its name.
pub async fn open(
    connection: &mut PgConnection,
    desk: &Desk,
    (buyer, id, metered): (&Buyer, &str, Metered),
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let (tenant, customer) = buyer.account;
    let (resource_type, spec) = metered.product();
    let kind = desk.catalogue.products.find_resource(resource_type).context("the catalogue has it")?;
    let projects = identity::store::projects(connection, tenant, customer).await?;
    let project = projects.into_iter().find(|project| project.name == REGION);
    let project = project.context("each account has every project")?;
    let resource = OnDemandResource {
        resource_id: id.to_owned(),
        project_id: project.id.0,
        region_code: project.name,
        zone_code: String::new(),
        service_type_code: kind.service_type_code.clone(),
        resource_type_code: kind.code.clone(),
        resource_spec: spec.to_owned(),
        resource_name: id.to_owned(),
        resource_size: None,
        size_measure_id: None,
        status: OnDemandStatus::Running,
        effective_at: now,
        expires_at: None,
    };
    ensure!(on_demand::open(connection, buyer.account, &[resource]).await? == 1, "{id} is open already");
    Ok(())
}

/// Closes it.
pub async fn close(
    connection: &mut PgConnection,
    (buyer, id): (&Buyer, &str),
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    ensure!(on_demand::close(connection, buyer.account, id, now).await?, "{id} is not open");
    Ok(())
}
