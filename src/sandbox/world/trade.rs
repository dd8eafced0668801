//! What customers of demo-partner have bought and used: the same each month, and of late something of everything that there is.

use super::accounts::{Account, BUYER, DEBTOR, METERED};
use super::calendar::{Month, months};
use super::deeds::{Deed, Step, Story, buyer};
use super::model::World;
use crate::accounts::administration::{self as funds, CARD_DAYS, CARD_NAME, NewCard};
use crate::metering::sandbox::Measure;
use crate::orders::sandbox::Basket;
use crate::orders::state::Event;
use crate::packages::sandbox as packages;
use crate::pricing::samples;
use crate::resources::change::How;
use crate::resources::sandbox::Metered;
use crate::values::amount::PositiveAmount;
use crate::values::id::new_uuid;
use crate::values::time::Month as Cycle;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

/// What of servers and of buckets is measured.
pub(super) const OF_SERVERS: &[Measure] = &[Measure::Seconds];
pub(super) const OF_BUCKETS: &[Measure] = &[Measure::Traffic, Measure::Reads];
pub(super) const OF_DELIVERY: &[Measure] = &[Measure::Bandwidth];

/// What is bought each month: on which day at which hour, by whom, and what is done to it. Each month's things are its own.
const BOUGHT: [(i64, i64, &str, Deed); 6] = [
    (7, 2, "shop", Deed::Buy(Basket::SERVER_AND_DISK)),
    (10, 3, "mistake", Deed::Cancel(Basket::SERVER)),
    (10, 3, "forgotten", Deed::Order(Basket::SERVER, Event::Placed)),
    (10, 3, "trial", Deed::Buy(Basket::DATABASE)),
    (20, 6, "trial", Deed::GiveBack(How::Unsubscribe)),
    (28, 1, "gift", Deed::LetPartnerPay(Basket::SERVER)),
];
/// What is used each month: on which day at which hour, by whom, what, and how.
const USED: [(i64, i64, &str, &str, Deed); 5] = [
    (10, 3, METERED, "metered-server", Deed::Use(OF_SERVERS, 3)),
    (10, 3, METERED, "metered-bucket", Deed::Use(OF_BUCKETS, 2)),
    (20, 6, METERED, "metered-server", Deed::Use(OF_SERVERS, 3)),
    (20, 6, METERED, "metered-delivery", Deed::Use(OF_DELIVERY, 1)),
    (20, 6, DEBTOR, "indebted-server", Deed::Use(OF_SERVERS, 6)),
];
/// What is done once, in the first month.
const AT_FIRST: [(i64, i64, &str, &str, Deed); 7] = [
    (7, 2, BUYER, "base", Deed::Buy(Basket::SERVER_FOR_A_YEAR)),
    (7, 2, METERED, "metered-server", Deed::Open(Metered::Server)),
    (7, 2, METERED, "metered-bucket", Deed::Open(Metered::Bucket)),
    (7, 2, METERED, "metered-delivery", Deed::Open(Metered::Delivery)),
    (7, 2, METERED, "metered-trial", Deed::Open(Metered::Server)),
    (20, 6, METERED, "metered-trial", Deed::Close),
    (7, 2, DEBTOR, "indebted-server", Deed::Open(Metered::Server)),
];
/// What was done last: how long before the world's day.
const OF_LATE: [(Duration, &str, &str, Deed); 24] = [
    // Its retention has begun, its grace has, and it ends tomorrow.
    (Duration::days(12), BUYER, "frozen", Deed::Buy(Basket::for_days(10))),
    (Duration::days(11), BUYER, "expired", Deed::Buy(Basket::for_days(10))),
    (Duration::days(9), BUYER, "ending", Deed::Buy(Basket::for_days(10))),
    (Duration::days(9), BUYER, "", Deed::Unify(15)),
    (Duration::days(9), BUYER, "unified", Deed::Buy(Basket::SERVER_AND_DISK)),
    (Duration::days(9), BUYER, "waiting", Deed::Buy(Basket::SERVER)),
    (Duration::days(9), BUYER, "turned", Deed::Buy(Basket::SERVER)),
    (Duration::days(4), BUYER, "unified", Deed::Change("s6.medium.2.linux")),
    (Duration::days(2), BUYER, "unified", Deed::Renew(true)),
    (Duration::days(2), BUYER, "turned", Deed::GiveBack(How::ToOnDemand)),
    (Duration::days(2), BUYER, "unlucky", Deed::BuyInVain(Basket::SERVER)),
    (Duration::days(2), BUYER, "regretted", Deed::Buy(Basket::SERVER)),
    (Duration::hours(20), BUYER, "regretted", Deed::GiveBack(How::Unsubscribe)),
    (Duration::hours(20), BUYER, "", Deed::Reward(30)),
    (Duration::hours(20), BUYER, "", Deed::Reward(25)),
    (Duration::hours(20), BUYER, "large", Deed::Order(Basket::DATABASE, Event::PlacedForReview)),
    (Duration::hours(20), BUYER, "offered", Deed::Order(Basket::SERVER, Event::PlacedByStaff)),
    (Duration::hours(3), METERED, "metered-server", Deed::Use(OF_SERVERS, 1)),
    (Duration::hours(2), METERED, "metered-server", Deed::Use(OF_SERVERS, 1)),
    (Duration::hours(2), METERED, "metered-bucket", Deed::Use(OF_BUCKETS, 1)),
    (Duration::minutes(30), BUYER, "waiting", Deed::Renew(false)),
    (Duration::minutes(30), BUYER, "cart", Deed::Order(Basket::DATABASE, Event::Placed)),
    (Duration::minutes(30), BUYER, "wish", Deed::Ask(Basket::SERVER)),
    // The sandbox provides it as soon as it runs.
    (Duration::seconds(1), BUYER, "arriving", Deed::Pay(Basket::SERVER)),
];

/// What each is allocated in the first month, and in each other one, in yuan.
const ALLOCATED: [(&str, u32, u32); 3] = [(BUYER, 4000, 1500), (METERED, 100, 100), (DEBTOR, 1, 0)];
/// What is on the card from which use is paid first.
const CARD: &str = "1.00";

/// Gives a customer what its story takes, when it begins: an agreement with a discount, packages, a card.
pub(super) async fn endow(
    connection: &mut PgConnection,
    customer: &Account,
    began: OffsetDateTime,
) -> anyhow::Result<()> {
    samples::furnish(connection, customer.ids(), began).await?;
    packages::open(connection, customer.ids(), began).await?;
    let card = NewCard {
        id: new_uuid(began),
        name: CARD_NAME.to_owned(),
        face_value: PositiveAmount::try_from(CARD).map_err(anyhow::Error::msg)?,
        expires_at: began + Duration::days(CARD_DAYS),
    };
    Ok(funds::issue_card(connection, customer.ids(), &card, began).await?)
}

/// Their story.
pub(super) fn story(world: &World, now: OffsetDateTime) -> Story {
    let mut steps = Vec::new();
    let mut add = |at: OffsetDateTime, who: &str, name: &str, deed: Deed| {
        if at <= now {
            steps.push(Step { at, who: buyer(world.account(who)), name: name.to_owned(), deed });
        }
    };
    let id = |name: &str| world.account(name).domain;
    let seller = world.demo().name;
    for (place, first) in months(world.scale.months(), now).into_iter().enumerate() {
        let month = Month { first, now };
        for (who, at_first, later) in ALLOCATED {
            let yuan = if place == 0 { at_first } else { later };
            if yuan > 0 {
                add(month.at(4, 0), seller, "", Deed::Allocate(id(who), yuan));
            }
        }
        if place == 0 {
            for (day, hour, who, name, deed) in AT_FIRST {
                add(month.at(day, hour), who, name, deed);
            }
        } else {
            // The month before was closed on the third. The latest one is still in review.
            let (asked_at, before) = (month.at(6, 1), Cycle::of(month.at(6, 0)).before(1));
            let is_issued = asked_at + Duration::days(31) <= now;
            add(asked_at, seller, "", Deed::Invoice(id(BUYER), before, is_issued));
        }
        for (day, hour, name, deed) in BOUGHT {
            add(month.at(day, hour), BUYER, &own(name, &month), deed);
        }
        for (day, hour, who, name, deed) in USED {
            add(month.at(day, hour), who, name, deed);
        }
        if place == 0 {
            add(month.at(10, 3), BUYER, &own("shop", &month), Deed::LetBeRenewed);
        }
    }
    for (ago, who, name, deed) in OF_LATE {
        add(now - ago, who, name, deed);
    }
    Story::new(world.demo().tenant, steps)
}

/// What a month's own thing is called.
pub(super) fn own(name: &str, month: &Month) -> String {
    let (year, number) = (month.first.year() % 100, u8::from(month.first.month()));
    format!("{name}-{year:02}{number:02}")
}
