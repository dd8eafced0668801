//! What customers of the sandbox's world order, and what becomes of it.

use super::administration::{self, Ordering, Wanted};
use super::agent_payment;
use super::cancel;
use super::desk::Desk;
use super::fulfil;
use super::model::{By, Order, SourceType};
use super::outcome::Provided;
use super::place::Placed;
use super::refusal::{NotDone, Refusal};
use super::state::Event;
use crate::pricing::model::{Period, PeriodType, Size};
use crate::values::id::{DomainId, TenantId, UserId};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

/// Where everything is.
pub const REGION: &str = "cn-north-4";
/// How long a service takes to provide something: it is faster than the sandbox's own provisioner, which names nothing.
const TO_PROVIDE: Duration = Duration::seconds(3);
/// How long people take from one step to the next.
const TO_DECIDE: Duration = Duration::minutes(10);

/// What is bought together, for how long: the first is a primary, which the others follow.
#[derive(Clone, Copy, Debug)]
pub struct Basket {
    goods: &'static [Goods],
    period: Period,
}

/// Something that is sold for a time.
#[derive(Clone, Copy, Debug)]
struct Goods {
    resource_type: &'static str,
    resource_spec: &'static str,
    size: Option<Size>,
}

const SERVER: Goods = Goods { resource_type: "hws.resource.type.vm", resource_spec: "s6.large.2.linux", size: None };
const DISK: Goods = Goods {
    resource_type: "hws.resource.type.volume",
    resource_spec: "SSD",
    size: Some(Size { size: 40, measure_id: 17 }),
};
const DATABASE: Goods =
    Goods { resource_type: "hws.resource.type.rds.vm", resource_spec: "rds.mssql.spec.se.s6.large.2", size: None };

impl Basket {
    /// A server for a month.
    pub const SERVER: Self = Self::new(&[SERVER], PeriodType::Month, 1);
    /// A server with a disk for a month.
    pub const SERVER_AND_DISK: Self = Self::new(&[SERVER, DISK], PeriodType::Month, 1);
    /// A server for a year.
    pub const SERVER_FOR_A_YEAR: Self = Self::new(&[SERVER], PeriodType::Year, 1);
    /// A database for a month.
    pub const DATABASE: Self = Self::new(&[DATABASE], PeriodType::Month, 1);

    const fn new(goods: &'static [Goods], kind: PeriodType, num: u32) -> Self {
        Self { goods, period: Period { kind, num } }
    }

    /// A server with a disk for so many days.
    pub const fn for_days(num: u32) -> Self {
        Self::new(&[SERVER, DISK], PeriodType::Day, num)
    }

    fn wanted(self, name: &str) -> Vec<Wanted> {
        let wanted = |(place, goods): (usize, &Goods)| Wanted {
            resource_type: goods.resource_type.to_owned(),
            resource_spec: goods.resource_spec.to_owned(),
            region: REGION.to_owned(),
            size: goods.size,
            period: self.period,
            count: 1,
            name: resource(name, place),
            main: (place > 0).then_some(0),
            adjusted: None,
        };
        self.goods.iter().enumerate().map(wanted).collect()
    }
}

/// What the resource of a line is called, which is its id as well.
fn resource(name: &str, place: usize) -> String {
    if place == 0 { name.to_owned() } else { format!("{name}-disk") }
}

/// A customer, with its user where it has one.
#[derive(Clone, Debug)]
pub struct Buyer {
    /// Its account.
    pub account: (TenantId, DomainId),
    /// Who acts for it.
    pub user: Option<UserId>,
    /// What it is called.
    pub name: String,
}

impl Buyer {
    /// It, at an instant.
    pub fn by(&self, now: OffsetDateTime) -> By {
        By { user: self.user, now }
    }

    /// Orders something under a name, and pays at once if it is to.
    async fn place(
        &self,
        connection: &mut PgConnection,
        desk: &Desk,
        (name, basket, is_auto_pay): (&str, Basket, bool),
        begins: Event,
        now: OffsetDateTime,
    ) -> Result<Placed, NotDone> {
        let ordering = Ordering {
            wanted: basket.wanted(name),
            enterprise_project: None,
            user_name: self.name.clone(),
            source: if begins == Event::PlacedByStaff { SourceType::Agent } else { SourceType::Customer },
            is_auto_pay,
            begins,
        };
        administration::order(connection, desk, (self.account, &ordering), self.by(now)).await
    }

    /// Orders something that waits: to be paid, reviewed or confirmed.
    pub async fn order(
        &self,
        connection: &mut PgConnection,
        desk: &Desk,
        (name, basket): (&str, Basket),
        begins: Event,
        now: OffsetDateTime,
    ) -> anyhow::Result<Order> {
        Ok(self.place(connection, desk, (name, basket, false), begins, now).await?.order)
    }

    /// Orders something and cancels it.
    pub async fn cancel(
        &self,
        connection: &mut PgConnection,
        desk: &Desk,
        (name, basket): (&str, Basket),
        now: OffsetDateTime,
    ) -> anyhow::Result<()> {
        let order = self.order(connection, desk, (name, basket), Event::Placed, now).await?;
        let (order, _) = cancel::lock(connection, self.account, &order.id).await?;
        cancel::end(connection, order, Event::Cancelled, self.by(now + TO_DECIDE)).await?;
        Ok(())
    }

    /// Orders something and pays at once. It is not provided yet.
    pub async fn pay(
        &self,
        connection: &mut PgConnection,
        desk: &Desk,
        (name, basket): (&str, Basket),
        now: OffsetDateTime,
    ) -> anyhow::Result<Order> {
        match self.place(connection, desk, (name, basket, true), Event::Placed, now).await? {
            Placed { order, unpaid: None } => Ok(order),
            Placed { unpaid: Some(why), .. } => Err(why.into()),
        }
    }

    /// Buys something: it is ordered, paid and provided.
    pub async fn buy(
        &self,
        connection: &mut PgConnection,
        desk: &Desk,
        (name, basket): (&str, Basket),
        now: OffsetDateTime,
    ) -> anyhow::Result<Order> {
        let order = self.pay(connection, desk, (name, basket), now).await?;
        self.provide(connection, desk, (&order.id, name), now).await?;
        Ok(order)
    }

    /// Buys if it has the money; otherwise the order waits. One that is frozen orders nothing.
    pub async fn try_to_buy(
        &self,
        connection: &mut PgConnection,
        desk: &Desk,
        (name, basket): (&str, Basket),
        now: OffsetDateTime,
    ) -> anyhow::Result<()> {
        match self.place(connection, desk, (name, basket, true), Event::Placed, now).await {
            Ok(Placed { order, unpaid: None }) => self.provide(connection, desk, (&order.id, name), now).await,
            Ok(Placed { unpaid: Some(_), .. }) | Err(NotDone::Refused(Refusal::Frozen)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Buys something that no service can provide: what was paid comes back.
    pub async fn buy_in_vain(
        &self,
        connection: &mut PgConnection,
        desk: &Desk,
        (name, basket): (&str, Basket),
        now: OffsetDateTime,
    ) -> anyhow::Result<()> {
        let order = self.pay(connection, desk, (name, basket), now).await?;
        self.report(connection, desk, &order.id, |_| Provided::Failed, now).await
    }

    /// Asks its partner to pay something.
    pub async fn ask(
        &self,
        connection: &mut PgConnection,
        desk: &Desk,
        (name, basket): (&str, Basket),
        now: OffsetDateTime,
    ) -> anyhow::Result<Order> {
        let order = self.order(connection, desk, (name, basket), Event::Placed, now).await?;
        let (order, customer) = cancel::lock(connection, self.account, &order.id).await?;
        Ok(agent_payment::ask(connection, (order, &customer), self.by(now + TO_DECIDE)).await?)
    }

    /// Asks its partner to pay something, which it does.
    pub async fn let_partner_pay(
        &self,
        connection: &mut PgConnection,
        desk: &Desk,
        (name, basket): (&str, Basket),
        now: OffsetDateTime,
    ) -> anyhow::Result<()> {
        let order = self.ask(connection, desk, (name, basket), now).await?;
        let then = now + 2 * TO_DECIDE;
        let (order, customer) = cancel::lock(connection, self.account, &order.id).await?;
        agent_payment::pay(connection, desk, (&order, &customer), By { user: None, now: then }).await?;
        self.provide(connection, desk, (&order.id, name), then).await
    }

    /// A service provides all of an order, under ids that say what it is.
    pub async fn provide(
        &self,
        connection: &mut PgConnection,
        desk: &Desk,
        (order, name): (&str, &str),
        paid_at: OffsetDateTime,
    ) -> anyhow::Result<()> {
        let done = |place| Provided::Done { resource_id: Some(resource(name, place)), name: None };
        self.report(connection, desk, order, done, paid_at).await
    }

    async fn report(
        &self,
        connection: &mut PgConnection,
        desk: &Desk,
        order: &str,
        outcome: impl Fn(usize) -> Provided,
        paid_at: OffsetDateTime,
    ) -> anyhow::Result<()> {
        let (order, customer) = cancel::lock(connection, self.account, order).await?;
        let said: Vec<Option<Provided>> = (0..order.lines.len()).map(|place| Some(outcome(place))).collect();
        let by = By { user: None, now: paid_at + TO_PROVIDE };
        fulfil::report(connection, desk, (order, &customer), &said, by).await?;
        Ok(())
    }
}
