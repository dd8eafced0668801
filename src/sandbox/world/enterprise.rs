//! The enterprises: demo-master's, and that of a scenario. Unless the world is bare, demo-master gives its members money and coupons
//! each month and takes some of it back, and it buys and uses things itself, as one of its members does.

use super::calendar::{Month, beginning, months};
use super::deeds::{Deed, Means, Step, Story, buyer};
use super::model::World;
use super::trade::{self, OF_BUCKETS, OF_DELIVERY, OF_SERVERS, own};
use crate::accounts::administration::{self as accounts, Credit};
use crate::accounts::sandbox as funds;
use crate::coupons::sandbox as coupons;
use crate::enterprises::funds::{Direction, What};
use crate::enterprises::sandbox::{self as enterprise, Enterprise, Giver};
use crate::enterprises::store::Master;
use crate::metering::sandbox::Measure;
use crate::orders::sandbox::{Basket, Buyer};
use crate::orders::state::Event;
use crate::personal::Vault;
use crate::resources::change::How;
use crate::resources::sandbox::Metered;
use crate::values::amount::PositiveAmount;
use crate::values::id::DomainId;
use crate::values::time::Month as Cycle;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

const MASTER: &str = "demo-master";
const INDEPENDENT: &str = "demo-member-1";
const IN_CUSTODY: &str = "demo-member-2";
/// The master's credit, in yuan, and for how many days it has it.
const CREDIT: &str = "1000.00";
const CREDIT_DAYS: i64 = 730;

/// What the master uses each month: a name, what it is, what of it, for how many hours.
const USED: [(&str, Metered, &[Measure], i64); 3] = [
    ("office-server", Metered::Server, OF_SERVERS, 3),
    ("office-bucket", Metered::Bucket, OF_BUCKETS, 1),
    ("office-delivery", Metered::Delivery, OF_DELIVERY, 1),
];
/// What the master did last: how long before the world's day.
const OF_LATE: [(Duration, &str, Deed); 4] = [
    (Duration::days(3), "", Deed::Reward(80)),
    (Duration::days(2), "regretted", Deed::Buy(Basket::SERVER)),
    (Duration::hours(30), "regretted", Deed::GiveBack(How::Unsubscribe)),
    (Duration::hours(1), "cart", Deed::Order(Basket::DATABASE, Event::Placed)),
];

/// Makes demo-master's organisation, which each world has.
pub(super) async fn found(
    world: &World,
    connection: &mut PgConnection,
    vault: &Vault,
    began: OffsetDateTime,
) -> anyhow::Result<()> {
    let made = Enterprise {
        master: master(world, MASTER),
        company: "Demo Enterprise Ltd",
        phone: "13900000001",
        independent: Some(world.account(INDEPENDENT).domain),
        in_custody: world.account(IN_CUSTODY).domain,
    };
    enterprise::make(connection, vault, made, began).await
}

pub(super) fn master(world: &World, name: &str) -> Master {
    let (tenant, id) = world.account(name).ids();
    Master { tenant, id }
}

/// Makes its history.
pub(super) async fn make(
    world: &World,
    connection: &mut PgConnection,
    means: Means<'_>,
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let account = world.account(MASTER);
    let giver = (master(world, MASTER), account.user);
    let members = [INDEPENDENT, IN_CUSTODY].map(|name| world.account(name).domain);
    let ends_at = beginning(world.scale.months(), now) + Duration::days(CREDIT_DAYS);
    trade::endow(connection, account, beginning(world.scale.months(), now)).await?;
    let mut story = story(world, now);
    for (place, first) in months(world.scale.months(), now).into_iter().enumerate() {
        let month = Month { first, now };
        if !month.has_passed(5) {
            continue;
        }
        let at = month.at(5, 1);
        story.pass(connection, means, at).await?;
        funds::top_up(connection, account.ids(), "1500", at).await?;
        if place == 0 {
            let amount = PositiveAmount::try_from(CREDIT).map_err(anyhow::Error::msg)?;
            let credit = Credit { amount, expires_at: Some(ends_at), memo: String::new() };
            accounts::grant_credit(connection, account.ids(), &credit, at).await?;
        }
        give(connection, (giver, members), ends_at, at + Duration::HOUR).await?;
        if month.has_passed(24) {
            let at = month.at(24, 2);
            story.pass(connection, means, at).await?;
            for (what, yuan) in [(What::Cash, 40), (What::Credit(Some(ends_at)), 5)] {
                enterprise::move_funds(connection, (giver, members[0]), (Direction::Reclaim, what, yuan), at).await?;
            }
        }
    }
    story.pass(connection, means, now).await
}

/// Gives both members money and a part of a coupon. The independent one is given credit as well, and a part of a coupon that is taken
/// back: from a member in custody nothing can be.
async fn give(
    connection: &mut PgConnection,
    (giver, members): (Giver, [DomainId; 2]),
    credit_ends_at: OffsetDateTime,
    at: OffsetDateTime,
) -> anyhow::Result<()> {
    let (master, independent) = (giver.0, (giver, members[0]));
    for (member, cash) in members.into_iter().zip([300, 60]) {
        enterprise::move_funds(connection, (giver, member), (Direction::Transfer, What::Cash, cash), at).await?;
    }
    let credit = What::Credit(Some(credit_ends_at));
    enterprise::move_funds(connection, independent, (Direction::Transfer, credit, 20), at).await?;
    let coupon = coupons::reward(connection, (master.tenant, master.id), 100, at).await?;
    enterprise::give_coupon(connection, independent, (coupon, 30), at).await?;
    enterprise::give_coupon(connection, (giver, members[1]), (coupon, 10), at).await?;
    let part = enterprise::give_coupon(connection, independent, (coupon, 20), at).await?;
    enterprise::take_coupon_back(connection, independent, (coupon, part), at + Duration::HOUR).await
}

/// What the master and its independent member buy and use.
fn story(world: &World, now: OffsetDateTime) -> Story {
    let [master, member] = [MASTER, INDEPENDENT].map(|name| buyer(world.account(name)));
    let mut steps = Vec::new();
    let mut add = |at: OffsetDateTime, who: &Buyer, name: String, deed: Deed| {
        if at <= now {
            steps.push(Step { at, who: who.clone(), name, deed });
        }
    };
    for (place, first) in months(world.scale.months(), now).into_iter().enumerate() {
        let month = Month { first, now };
        for (name, metered, measures, hours) in USED {
            if place == 0 {
                add(month.at(8, 1), &master, name.to_owned(), Deed::Open(metered));
            }
            add(month.at(14, 5), &master, name.to_owned(), Deed::Use(measures, hours));
        }
        add(month.at(8, 1), &master, own("office", &month), Deed::Buy(Basket::SERVER));
        add(month.at(8, 1), &member, own("branch", &month), Deed::Buy(Basket::SERVER));
    }
    for (ago, name, deed) in OF_LATE {
        add(now - ago, &master, name.to_owned(), deed);
    }
    let (id, closed) = (master.account.1, Cycle::of(now).before(2));
    // Before something is given back, which would lower it.
    add(now - Duration::days(4), &master, String::new(), Deed::Invoice(id, closed, true));
    Story::new(world.account(MASTER).tenant, steps)
}
