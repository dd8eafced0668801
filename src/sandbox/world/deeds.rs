//! What customers do one after the other, by the domains' own functions, while what falls due happens in between at its instant.

use super::accounts::Account;
use crate::accounts::sandbox::{self as funds, Hand};
use crate::background::due;
use crate::charges::invoiceable::{Payer, Selection};
use crate::coupons::sandbox as coupons;
use crate::invoices::sandbox as invoices;
use crate::ledger;
use crate::metering::sandbox::{self as metering, Measure};
use crate::orders::desk::{Desk, DeskWhenNeeded};
use crate::orders::sandbox::{Basket, Buyer};
use crate::orders::state::Event;
use crate::personal::Vault;
use crate::resources::change::How;
use crate::resources::sandbox::{self as resources, Metered};
use crate::values::id::{DomainId, TenantId};
use crate::values::money::Currency;
use crate::values::time::Month;
use anyhow::Context;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::collections::VecDeque;
use time::{Duration, OffsetDateTime};

/// What somebody does. What it is done to has a name, which is the id of the resource as well.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    /// A partner pays in so many yuan, and allocates them to a customer.
    Allocate(DomainId, u32),
    /// The vendor gives a cash coupon of so many yuan.
    Reward(u32),
    /// Buys.
    Buy(Basket),
    /// Buys if there is money; otherwise the order waits, and expires. Who is frozen orders nothing.
    TryToBuy(Basket),
    /// Buys what cannot be provided: it comes back.
    BuyInVain(Basket),
    /// Pays for what is not provided yet.
    Pay(Basket),
    /// Orders, and does nothing more. An order that waits to be paid expires after a day.
    Order(Basket, Event),
    /// Orders and cancels.
    Cancel(Basket),
    /// Asks the partner to pay.
    Ask(Basket),
    /// Asks the partner to pay, which does.
    LetPartnerPay(Basket),
    /// Renews, and pays at once or not.
    Renew(bool),
    /// Lets it be renewed by itself.
    LetBeRenewed,
    /// Lets what is renewed from now on end on this day of the month.
    Unify(i16),
    /// Makes it one of this specification.
    Change(&'static str),
    /// Gives it back, or turns it to pay-per-use.
    GiveBack(How),
    /// Opens what is paid by use.
    Open(Metered),
    /// Uses it, for so many hours.
    Use(&'static [Measure], i64),
    /// Closes it.
    Close,
    /// Asks for an invoice of what a customer used and bought in a month; whether it is issued.
    Invoice(DomainId, Month, bool),
}

/// A deed of somebody at an instant.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) at: OffsetDateTime,
    pub(super) who: Buyer,
    pub(super) name: String,
    pub(super) deed: Deed,
}

/// The account as one that buys.
pub(super) fn buyer(account: &Account) -> Buyer {
    Buyer { account: account.ids(), user: Some(account.user), name: account.name.to_owned() }
}

/// What seals personal data, and what orders are handled by.
pub(super) type Means<'a> = (&'a Vault, &'a DeskWhenNeeded);

/// The steps of a tenant's customers that are still to be taken, in order of time.
#[derive(Debug)]
pub(super) struct Story {
    tenant: TenantId,
    steps: VecDeque<Step>,
    /// How far time has gone.
    shown: Option<OffsetDateTime>,
}

impl Story {
    pub(super) fn new(tenant: TenantId, mut steps: Vec<Step>) -> Self {
        steps.sort_by_key(|step| step.at);
        Self { tenant, steps: steps.into(), shown: None }
    }

    /// Adds a step.
    pub(super) fn add(&mut self, step: Step) {
        let place = self.steps.partition_point(|known| known.at <= step.at);
        self.steps.insert(place, step);
    }

    /// Lets time go on until an instant: steps are taken, and what falls due happens, each at its own instant.
    pub(super) async fn pass(
        &mut self,
        connection: &mut PgConnection,
        (vault, desk): Means<'_>,
        until: OffsetDateTime,
    ) -> anyhow::Result<()> {
        while self.steps.front().is_some_and(|step| step.at <= until)
            && let Some(step) = self.steps.pop_front()
        {
            self.wait(connection, desk, step.at).await?;
            let (desk, about) = (desk.get(connection).await?, || format!("{step:?}"));
            step.take(connection, (vault, desk)).await.with_context(about)?;
        }
        self.wait(connection, desk, until).await
    }

    /// Lets happen what falls due. At one instant it is looked for once, however much is done then.
    async fn wait(
        &mut self,
        connection: &mut PgConnection,
        desk: &DeskWhenNeeded,
        until: OffsetDateTime,
    ) -> anyhow::Result<()> {
        if self.shown.is_none_or(|shown| shown < until) {
            due::run(connection, desk, self.tenant, until).await?;
            self.shown = Some(until);
        }
        Ok(())
    }
}

impl Step {
    async fn take(&self, connection: &mut PgConnection, (vault, desk): (&Vault, &Desk)) -> anyhow::Result<()> {
        let Self { at, who, name, deed } = self;
        let (at, name) = (*at, name.as_str());
        match *deed {
            Deed::Allocate(customer, yuan) => {
                let (tenant, partner) = who.account;
                funds::top_up(connection, who.account, &yuan.to_string(), at).await?;
                let hand = Hand { tenant, partner, user: who.user };
                let allocation = (hand.allocate(customer, Decimal::from(yuan)), at);
                ledger::post_each(connection, tenant, &[allocation]).await?;
                Ok(())
            }
            Deed::Reward(yuan) => coupons::reward(connection, who.account, yuan, at).await.map(drop),
            Deed::Buy(basket) => who.buy(connection, desk, (name, basket), at).await.map(drop),
            Deed::TryToBuy(basket) => who.try_to_buy(connection, desk, (name, basket), at).await,
            Deed::BuyInVain(basket) => who.buy_in_vain(connection, desk, (name, basket), at).await,
            Deed::Pay(basket) => who.pay(connection, desk, (name, basket), at).await.map(drop),
            Deed::Order(basket, begins) => who.order(connection, desk, (name, basket), begins, at).await.map(drop),
            Deed::Cancel(basket) => who.cancel(connection, desk, (name, basket), at).await,
            Deed::Ask(basket) => who.ask(connection, desk, (name, basket), at).await.map(drop),
            Deed::LetPartnerPay(basket) => who.let_partner_pay(connection, desk, (name, basket), at).await,
            Deed::Renew(pays) => resources::renew(connection, desk, (who, name, pays), at).await,
            Deed::LetBeRenewed => resources::let_be_renewed(connection, desk, (who, name), at).await,
            Deed::Unify(day) => resources::unify(connection, desk, (who, day), at).await,
            Deed::Change(spec) => resources::change(connection, desk, (who, name, spec), at).await,
            Deed::GiveBack(how) => resources::give_back(connection, desk, (who, name, how), at).await,
            Deed::Open(metered) => resources::open(connection, desk, (who, name, metered), at).await,
            Deed::Use(measures, hours) => {
                metering::report(connection, desk, who.account.0, (name, measures, hours), at).await
            }
            Deed::Close => resources::close(connection, (who, name), at).await,
            Deed::Invoice(customer, month, is_issued) => {
                let (tenant, account) = who.account;
                let payer = Payer { tenant, account, currency: Currency::Cny };
                let selection = Selection::Month(month, Some(customer));
                let asked = invoices::request(connection, vault, (payer, &who.name), selection, at).await?;
                if is_issued {
                    invoices::issue(connection, &asked, at + Duration::HOUR).await?;
                }
                Ok(())
            }
        }
    }
}
