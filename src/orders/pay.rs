//! Paying an order: one group of transfers, or nothing at all.

use super::charging;
use super::desk::Desk;
use super::events;
use super::fulfil;
use super::model::{Agent, Amounts, By, Order, Share, Source};
use super::offers::{self, Offer, OfferKind};
use super::plan::{self, Insufficient};
use super::refusal::{NotDone, Refusal};
use super::state::Event;
use super::store;
use crate::accounts::cards::{self, Card};
use crate::charges::store as charges;
use crate::coupons::choice::{self, Candidate, Cover};
use crate::coupons::model::CouponKind;
use crate::coupons::returns::{self, Homes};
use crate::coupons::store::coupons::{self, Coupon, Which};
use crate::coupons::usage::{self, Payment};
use crate::customers::budgets;
use crate::customers::payer::Payer;
use crate::customers::store::State as Customer;
use crate::ledger::{self, AccountKind, Posting, Purse, TransferKind};
use crate::outbox;
use crate::pricing::quote;
use crate::subscriptions::model::SubscriptionState;
use crate::subscriptions::store as subscriptions;
use crate::values::id::{CouponId, DomainId};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

/// How an order is paid.
#[derive(Clone, Debug)]
pub enum Way {
    /// As the customer chose, or its master account whose turn it is.
    Chosen(Chosen),
    /// By itself: with the best discount, and of the cash coupons the one with the largest balance.
    Automatic,
    /// By this partner, whom the customer has asked: with the best discount, from what the partner could allocate.
    ByPartner(DomainId),
}

impl Way {
    /// What happens to the order.
    fn event(&self, order: &Order) -> Event {
        match (self, order.asked.map(|asked| asked.agent)) {
            (Self::ByPartner(_), _) => Event::PartnerPaid,
            (Self::Chosen(_), Some(Agent::Master(_))) => Event::MasterPaid,
            (Self::Chosen(_) | Self::Automatic, _) => Event::Paid,
        }
    }

    /// The partner that pays, if one does.
    fn partner(&self) -> Option<DomainId> {
        match self {
            Self::Chosen(_) | Self::Automatic => None,
            Self::ByPartner(partner) => Some(*partner),
        }
    }
}

/// What a customer chose to pay with, besides its money.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// Coupons, and what each is said to be, if it is said.
    pub coupons: Vec<(CouponId, Option<CouponKind>)>,
    /// Stored-value cards.
    pub cards: Vec<Uuid>,
    /// A discount, and where it is said to come from.
    pub discount: Option<(String, OfferKind)>,
}

/// Pays an order that is locked, as its customer is: in the transaction of who calls. What is not done has written nothing.
pub async fn pay(
    connection: &mut PgConnection,
    desk: &Desk,
    (order, customer): (&Order, &Customer),
    way: &Way,
    by: By,
) -> Result<Order, NotDone> {
    let mut paid = order.clone();
    let event = way.event(order);
    let from = paid.undergo(event).ok_or(Refusal::NotPayable)?;
    if order.payable_until.is_some_and(|until| until <= by.now) {
        return Err(Refusal::TooLate.into());
    }
    let payer = Payer::of(connection, order.tenant, (order.customer, customer)).await?;
    if customer.is_frozen() || payer.is_frozen() {
        return Err(Refusal::Frozen.into());
    }
    let mut bill = Bill::new(order);
    let offer = choose_offer(connection, desk, order, way, by).await?;
    if let Some(offer) = offer.as_ref().filter(|offer| offer.kind != OfferKind::Adjusted) {
        plan::lower(&mut bill.lines, offer.kind.reduction(), &offer.left);
    }
    let used = choose_coupons(connection, (order, &payer, &bill), offer.as_ref(), way, by).await?;
    bill.shares = plan::pay_by_coupons(&mut bill.lines, &used.iter().map(as_planned).collect::<Vec<_>>());
    let (transfers, homes) = post(connection, (order, &payer), (&mut bill, &used, way), by).await?;
    usage::record(connection, &payment(order, by), &used, (&transfers, &homes), by.now).await?;

    paid = Order {
        paid_at: Some(by.now),
        paid_as: customer.kind,
        paid_under: payer.resale_of(),
        paying_agent: way.partner().or(payer.master()),
        payer: payer.master(),
        ..paid
    };
    for (line, amounts) in paid.lines.iter_mut().zip(bill.lines) {
        line.amounts = amounts;
    }
    let provision_at = fulfil::waits_for_a_service(&paid).then(|| desk.provided_at(by.now)).flatten();
    store::set_paid(connection, &paid, &bill.shares, provision_at, by.now).await?;
    charges::record(connection, order.tenant, &charging::paid(&paid, &bill.shares, by.now)).await?;
    store::note(connection, &paid, (event, Some(from)), by).await?;
    budgets::consume(connection, (order.tenant, payer.id), paid.amounts().after_discount, by.now).await?;
    outbox::append(connection, order.tenant, &events::paid(&paid), by.now).await?;
    if fulfil::waits_for_a_service(&paid) {
        let states = (SubscriptionState::PendingPayment, SubscriptionState::Changing);
        subscriptions::change_states(connection, order.tenant, &paid.resources(), states).await?;
        Ok(paid)
    } else {
        fulfil::renew(connection, (paid, customer), desk.site, by).await
    }
}

/// What is still to be paid of each line, and who has paid what so far.
struct Bill {
    lines: Vec<Amounts>,
    shares: Vec<Share>,
}

impl Bill {
    fn new(order: &Order) -> Self {
        Self { lines: order.lines.iter().map(|line| line.amounts.clone()).collect(), shares: Vec::new() }
    }

    fn due(&self) -> Decimal {
        self.lines.iter().map(|line| line.after_discount).sum()
    }
}

/// The discount that is taken off. An adjusted price is always used, and no other can be beside it.
async fn choose_offer(
    connection: &mut PgConnection,
    desk: &Desk,
    order: &Order,
    way: &Way,
    by: By,
) -> Result<Option<Offer>, NotDone> {
    let account = (order.tenant, order.customer);
    let terms = quote::terms_of(connection, account, desk.currency(), by.now).await?;
    let offers = offers::offers(&desk.catalogue, &terms, order, by.now);
    let offers = offers.map_err(|fault| NotDone::Unreadable(format!("{fault:?}")))?;
    let chosen = match way {
        Way::Chosen(Chosen { discount: None, .. }) => return Ok(None),
        Way::Chosen(Chosen { discount: Some((id, kind)), .. }) => {
            let found = offers.into_iter().find(|offer| offer.kind == *kind && offer.id.eq_ignore_ascii_case(id));
            Some(found.ok_or(Refusal::NoSuchDiscount)?)
        }
        Way::Automatic | Way::ByPartner(_) => offers::cheapest(offers),
    };
    Ok(chosen)
}

/// The coupons that pay, locked, and what each pays.
async fn choose_coupons(
    connection: &mut PgConnection,
    (order, payer, bill): (&Order, &Payer, &Bill),
    offer: Option<&Offer>,
    way: &Way,
    by: By,
) -> Result<Vec<(Coupon, Cover)>, NotDone> {
    let named: Vec<CouponId> = match way {
        Way::Chosen(chosen) => chosen.coupons.iter().map(|(id, _)| *id).collect(),
        Way::Automatic | Way::ByPartner(_) => Vec::new(),
    };
    let which = match way {
        // Coupons are who pays', and no partner's to spend.
        Way::ByPartner(_) => return Ok(Vec::new()),
        Way::Chosen(_) if named.is_empty() => return Ok(Vec::new()),
        Way::Chosen(_) => Which::Ids(&named),
        Way::Automatic => Which::UsableOf(payer.id),
    };
    let held = coupons::lock(connection, order.tenant, which).await?;
    if held.is_empty() && named.is_empty() {
        return Ok(Vec::new());
    }
    let bought_in = store::services_bought(connection, order).await?;
    let purchase = offers::purchase(order, &bill.lines, offer, &bought_in, by.now);
    let candidates = held.iter().map(Candidate::of).collect::<Result<Vec<_>, _>>().map_err(NotDone::Unreadable)?;
    let covers = match way {
        Way::Chosen(chosen) => {
            check_named(payer, &chosen.coupons, &held)?;
            // In the order named, and twice if named twice, so that it is seen.
            let named: Vec<Candidate> =
                named.iter().filter_map(|id| candidates.iter().find(|one| one.id == *id).cloned()).collect();
            choice::check(&purchase, &named).map_err(Refusal::Coupon)?
        }
        Way::Automatic | Way::ByPartner(_) => choice::largest_cash_coupon(&purchase, &candidates).into_iter().collect(),
    };
    let found = |cover: Cover| Some((held.iter().find(|coupon| coupon.id == cover.coupon)?.clone(), cover));
    Ok(covers.into_iter().filter_map(found).collect())
}

/// Each coupon that is named must be the own one of who pays, and what it is said to be.
fn check_named(payer: &Payer, named: &[(CouponId, Option<CouponKind>)], held: &[Coupon]) -> Result<(), Refusal> {
    for (id, kind) in named {
        let coupon = held.iter().find(|coupon| coupon.id == *id && coupon.holder == payer.id);
        match coupon {
            None => return Err(Refusal::Parameter("coupon_infos", "the customer has no such coupon")),
            // A product coupon is one that pays as cash coupons do, for certain products.
            Some(coupon) if kind.is_some_and(|kind| charging::source_of(coupon.kind) != charging::source_of(kind)) => {
                return Err(Refusal::Parameter("coupon_infos", "a coupon is of another type"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn as_planned((coupon, cover): &(Coupon, Cover)) -> plan::Coupon {
    plan::Coupon { id: coupon.id.0, source: charging::source_of(coupon.kind), lines: cover.lines.clone() }
}

fn payment(order: &Order, by: By) -> Payment<'_> {
    let product = &order.lines[0].product;
    let is_one = order.lines.iter().all(|line| line.product.resource_type == product.resource_type);
    let paid_for = (product.service_type.clone(), product.resource_type.clone());
    Payment {
        tenant: order.tenant,
        reference: &order.id,
        customer: order.customer,
        is_usage: false,
        paid_for: if is_one { paid_for } else { Default::default() },
        user: by.user,
    }
}

/// Makes all transfers of a payment at once. The accounts are locked before it is looked what they hold.
async fn post(
    connection: &mut PgConnection,
    (order, payer): (&Order, &Payer),
    (bill, used, way): (&mut Bill, &[(Coupon, Cover)], &Way),
    by: By,
) -> Result<(Vec<ledger::books::Transfer>, Homes), NotDone> {
    let cards = match way {
        Way::Chosen(chosen) => chosen_cards(connection, (order, payer), &chosen.cards, by).await?,
        Way::Automatic | Way::ByPartner(_) => Vec::new(),
    };
    let coupons: Vec<Coupon> = used.iter().map(|(coupon, _)| coupon.clone()).collect();
    let homes = returns::homes(connection, order.tenant, &coupons).await?;
    let mut postings = usage::postings(&payment(order, by), used, &homes);
    let mut purses = ledger::purses(&postings);
    let money = if bill.due() > Decimal::ZERO {
        money(connection, (order, payer), (way, &cards), by).await?
    } else {
        Vec::new()
    };
    if !money.is_empty() {
        purses.push(Purse::vendor(order.tenant, order.currency));
        purses.extend(money.iter().map(|(_, purse)| *purse));
    }
    let books = ledger::lock(connection, order.tenant, &purses, by.now).await?;
    let shares = plan::pay_by_purses(&mut bill.lines, &charging::available(&books, &money));
    let shares = shares.map_err(|Insufficient| Refusal::Insufficient)?;
    for (source, id, amount) in plan::totals(&shares) {
        let purse = money.iter().find(|(of, purse)| (*of, purse.owner()) == (source, id));
        let from = purse.expect("only these were planned with").1;
        postings.push(Posting {
            kind: TransferKind::Subscribe,
            from,
            to: Purse::vendor(order.tenant, order.currency),
            amount,
            customer: Some(order.customer),
            reference: order.id.clone(),
            memo: String::new(),
            user: by.user,
        });
    }
    bill.shares.extend(shares);
    let transfers = ledger::post_locked(connection, order.tenant, books, &postings, by.now).await?;
    Ok((transfers, homes))
}

/// The cards that are named, those first that expire first.
async fn chosen_cards(
    connection: &mut PgConnection,
    (order, payer): (&Order, &Payer),
    named: &[Uuid],
    by: By,
) -> Result<Vec<Card>, NotDone> {
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let cards = cards::usable(connection, (order.tenant, payer.id), named, order.currency, by.now).await?;
    if cards.len() < named.len() {
        return Err(Refusal::Parameter("coupon_infos", "the customer has no such card that can be used").into());
    }
    Ok(cards)
}

/// The purses that can pay, in the order in which they do.
async fn money(
    connection: &mut PgConnection,
    (order, payer): (&Order, &Payer),
    (way, cards): (&Way, &[Card]),
    by: By,
) -> sqlx::Result<Vec<(Source, Purse)>> {
    let (tenant, currency) = (order.tenant, order.currency);
    let owner = way.partner().unwrap_or(payer.id);
    let own = match way {
        // What a partner paid in for designated purposes is a part of its balance, but not of what it can allocate.
        Way::ByPartner(_) => vec![(Source::Partner, AccountKind::Cash)],
        Way::Chosen(_) | Way::Automatic => charging::money_of(payer.kind()).to_vec(),
    };
    let own = charging::purses(connection, (tenant, owner), (&own, currency), by.now).await?;
    let card = |card: &Card| (Source::Card, Purse::new(tenant, card.id, AccountKind::StoredValueCard, currency));
    Ok(cards.iter().map(card).chain(own).collect())
}
