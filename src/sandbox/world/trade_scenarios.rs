//! The scenarios with orders and use. Their clocks stand still, or what they hold would be another thing within a day.

use super::calendar::beginning;
use super::deeds::{Deed, Means, Step, Story, buyer};
use super::enterprise::master;
use super::model::World;
use super::situations::{
    AWAITING_PARTNER, CUSTODY, EXPIRING_RESOURCE, IN_DEBT, IN_GRACE, IN_RETENTION, MONTH_CLOSED, UNPAID_ORDER,
};
use super::trade::OF_SERVERS;
use crate::accounts::sandbox as funds;
use crate::clock::{self, Setting};
use crate::enterprises::sandbox::{self as enterprise, Enterprise};
use crate::metering::settlement::closes_at;
use crate::orders::sandbox::Basket;
use crate::orders::state::Event;
use crate::resources::sandbox::Metered;
use crate::values::time::Month;
use anyhow::Context;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

/// A server with its disk for ten days, of which so many are over.
const TEN_DAYS: Basket = Basket::for_days(10);

/// Brings their accounts into these situations.
pub(super) async fn make(
    world: &World,
    connection: &mut PgConnection,
    means: Means<'_>,
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let began = beginning(world.scale.months(), now);
    for (partner, customer, yuan, deeds) in [
        (
            UNPAID_ORDER,
            "unpaid-order-customer",
            1000,
            vec![(now, "web", Deed::Order(Basket::SERVER_AND_DISK, Event::Placed))],
        ),
        (EXPIRING_RESOURCE, "expiring-resource-customer", 1000, vec![(days(now, 9), "web", Deed::Buy(TEN_DAYS))]),
        (IN_GRACE, "in-grace-customer", 1000, vec![(days(now, 11), "web", Deed::Buy(TEN_DAYS))]),
        (IN_RETENTION, "in-retention-customer", 1000, vec![(days(now, 12), "web", Deed::Buy(TEN_DAYS))]),
        (
            AWAITING_PARTNER,
            "awaiting-partner-customer",
            0,
            vec![(now - Duration::HOUR, "web", Deed::Ask(Basket::SERVER))],
        ),
        (
            IN_DEBT,
            "in-debt-customer",
            1,
            vec![(days(now, 3), "web", Deed::Open(Metered::Server)), (days(now, 1), "web", Deed::Use(OF_SERVERS, 8))],
        ),
    ] {
        play(world, connection, means, (partner, customer), (yuan, deeds), (began, now)).await?;
    }
    let closed = last_closed(began, now).context("the history has a month that is closed")?;
    let of_month = closed.start() + Duration::days(10);
    let deeds = vec![
        (of_month, "web", Deed::Buy(Basket::SERVER)),
        (of_month, "worker", Deed::Open(Metered::Server)),
        (of_month + Duration::days(2), "worker", Deed::Use(OF_SERVERS, 8)),
        (of_month + Duration::days(9), "worker", Deed::Use(OF_SERVERS, 8)),
    ];
    let who = (MONTH_CLOSED, "month-closed-customer");
    play(world, connection, means, who, (500, deeds), (began, closes_at(closed))).await?;
    funds::top_up(connection, world.account(AWAITING_PARTNER).ids(), "1000", now).await?;
    custody(world, connection, means, now).await
}

fn days(now: OffsetDateTime, ago: i64) -> OffsetDateTime {
    now - Duration::days(ago)
}

/// The month that was closed last.
fn last_closed(began: OffsetDateTime, now: OffsetDateTime) -> Option<Month> {
    let months = std::iter::successors(Some(Month::of(began)), |month| Some(month.next()));
    months.take_while(|month| closes_at(*month) <= now).last()
}

/// Lets a partner allocate so much to its customer when it all began, and the customer do things until the clock stops.
async fn play(
    world: &World,
    connection: &mut PgConnection,
    means: Means<'_>,
    (partner, customer): (&str, &str),
    (yuan, deeds): (u32, Vec<(OffsetDateTime, &str, Deed)>),
    (began, until): (OffsetDateTime, OffsetDateTime),
) -> anyhow::Result<()> {
    let (partner, customer) = (world.account(partner), world.account(customer));
    let step =
        |(at, name, deed): (OffsetDateTime, &str, Deed)| Step { at, who: buyer(customer), name: name.to_owned(), deed };
    let mut steps: Vec<Step> = deeds.into_iter().map(step).collect();
    if yuan > 0 {
        let deed = Deed::Allocate(customer.domain, yuan);
        steps.push(Step { at: began, who: buyer(partner), name: String::new(), deed });
    }
    Story::new(partner.tenant, steps).pass(connection, means, until).await?;
    Ok(clock::set(connection, partner.tenant, Setting { frozen_at: Some(until), ..Setting::default() }).await?)
}

/// A master with money, and a member in its custody with an order.
async fn custody(
    world: &World,
    connection: &mut PgConnection,
    means: Means<'_>,
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let (account, member) = (world.account(CUSTODY), world.account("custody-member"));
    let made = Enterprise {
        master: master(world, CUSTODY),
        company: "Custody Ltd",
        phone: "13900000002",
        independent: None,
        in_custody: member.domain,
    };
    enterprise::make(connection, means.0, made, now).await?;
    funds::top_up(connection, account.ids(), "1000", now).await?;
    let deed = Deed::Order(Basket::SERVER, Event::Placed);
    let step = Step { at: now, who: buyer(member), name: "web".to_owned(), deed };
    Story::new(account.tenant, vec![step]).pass(connection, means, now).await?;
    Ok(clock::set(connection, account.tenant, Setting { frozen_at: Some(now), ..Setting::default() }).await?)
}
