//! Giving back what was paid: an order of its own, one group of transfers, done at once.

use super::charging;
use super::desk::Desk;
use super::events;
use super::model::{
    Amounts, By, Line, LineOutcome, Order, OrderType, Product, ReductionKind, Share, Source, SourceType,
};
use super::record::{self, New};
use super::refusal::NotDone;
use super::state::Event;
use super::store::{self, RefundRow, lines};
use crate::charges::model as charged;
use crate::charges::store as charges;
use crate::coupons::refunds::{self, Returning};
use crate::customers::store::{self as customers, State as Customer};
use crate::ledger::{self, AccountKind, Posting, Purse, TransferKind};
use crate::outbox;
use crate::pricing::model::{Period, PeriodType};
use crate::subscriptions::refund::{self, Paid, Payer, Refund};
use crate::values::id::{CouponId, DomainId, TenantId};
use crate::values::money::Currency;
use crate::values::time::Day;
use rust_decimal::{Decimal, RoundingStrategy};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A line of an order that had been paid, and what of it comes back.
#[derive(Clone, Debug)]
pub struct Item {
    /// The resource.
    pub resource_id: String,
    /// Its name.
    pub resource_name: String,
    /// What the line had sold.
    pub product: Product,
    /// How the line was paid.
    pub base: Base,
    /// What is kept, and what comes back.
    pub refund: Refund,
}

/// How a line was paid.
#[derive(Clone, Debug)]
pub struct Base {
    /// Its order.
    pub order_id: String,
    /// Its number there, from 1.
    pub line: i16,
    /// The master account that paid; nobody: the customer did, or its partner.
    pub payer: Option<DomainId>,
    /// Whether who paid was a resale customer then, and whose.
    pub resale_of: Option<DomainId>,
    /// What purses paid of the line.
    pub shares: Vec<Share>,
}

impl Base {
    /// How a line of an order was paid, of which these are all shares.
    pub fn of(order: &Order, shares: &[Share], line: usize) -> Self {
        let shares = shares.iter().filter(|share| share.line == line).copied().collect();
        Self {
            order_id: order.id.clone(),
            line: lines::number(line),
            payer: order.payer,
            resale_of: order.paid_under,
            shares,
        }
    }

    /// What the line had paid, by pockets. A discount coupon is none: it never comes back.
    pub fn paid(&self) -> Paid {
        let by = |sources: &[Source]| -> Decimal {
            self.shares.iter().filter(|share| sources.contains(&share.source)).map(|share| share.amount).sum()
        };
        Paid {
            cash_coupon: by(&[Source::CashCoupon]),
            flexi: by(&[Source::FlexiCoupon]),
            card: by(&[Source::Card]),
            credit: by(&[Source::Credit]),
            cash: by(&[Source::Cash, Source::Allocated, Source::Partner]),
        }
    }
}

/// What is given back, to whom, and why.
#[derive(Clone, Debug)]
pub struct GivingBack {
    /// The customer.
    pub account: (TenantId, DomainId),
    /// An unsubscription, or a turn to pay-per-use.
    pub kind: OrderType,
    /// Who causes it.
    pub source: SourceType,
    /// Who ordered.
    pub user_name: String,
    /// The currency.
    pub currency: Currency,
    /// What is given back.
    pub items: Vec<Item>,
}

/// What comes back to a purse.
type Part = (Source, Uuid, Decimal);

/// Gives back, to a customer that is locked, and records it as an order: in the transaction of who calls.
pub async fn give_back(
    connection: &mut PgConnection,
    desk: &Desk,
    (mut giving, customer): (GivingBack, &Customer),
    by: By,
) -> Result<Order, NotDone> {
    let returns: Vec<Vec<Part>> = giving.items.iter().map(returned).collect();
    let to_coupons: Vec<(CouponId, Decimal)> = merged(returns.iter().flatten().filter(|part| is_coupon(part.0)))
        .into_iter()
        .map(|((_, id), amount)| (CouponId(id), amount))
        .collect();
    let back = refunds::lock(connection, giving.account, &to_coupons, by.user, by.now).await?;
    for (item, parts) in giving.items.iter_mut().zip(&returns) {
        lose(item, parts, &back);
    }
    let lines = giving.items.iter().map(line).collect();
    let new = New {
        account: giving.account,
        kind: giving.kind,
        source: giving.source,
        user_name: giving.user_name.clone(),
        enterprise_project: None,
        currency: giving.currency,
        is_auto_pay: false,
        payer: giving.items.iter().find_map(|item| item.base.payer),
        begins: Event::PlacedAndDone,
        lines,
    };
    let order = record::write(connection, desk, new, customer, by).await?;
    let mut postings = back.postings(&order.id);
    let now_of = resale_of_now(connection, &giving, customer).await?;
    postings.extend(to_purses(&giving, &order, (&now_of, &returns), by));
    // The ledger is not asked where nothing comes back.
    let transfers = if postings.is_empty() {
        Vec::new()
    } else {
        ledger::post(connection, order.tenant, &postings, by.now).await?
    };
    back.record(connection, &transfers).await?;
    let came_back: Vec<_> = giving.items.iter().map(|item| (as_paid(&item.refund.returned), item.base.payer)).collect();
    charges::record(connection, order.tenant, &charging::given_back((&order, customer.kind), &came_back, by.now))
        .await?;
    let ended: Vec<(&str, i16)> =
        giving.items.iter().map(|item| (item.base.order_id.as_str(), item.base.line)).collect();
    charges::end_spreads(connection, giving.account, &ended, Day::of(by.now)).await?;
    store::insert_refunds(connection, (order.tenant, &order.id), &rows(&giving.items)).await?;
    outbox::append(connection, order.tenant, &events::completed(&order), by.now).await?;
    Ok(order)
}

fn is_coupon(source: Source) -> bool {
    matches!(source, Source::CashCoupon | Source::FlexiCoupon)
}

/// What comes back to each purse of a line: of each pocket in proportion to what its purses had paid, the last one the rest.
fn returned(item: &Item) -> Vec<Part> {
    let back = &item.refund.returned;
    let pockets: [(&[Source], Decimal); 5] = [
        (&[Source::CashCoupon], back.cash_coupon),
        (&[Source::FlexiCoupon], back.flexi),
        (&[Source::Card], back.card),
        (&[Source::Credit], back.credit),
        (&[Source::Cash, Source::Allocated, Source::Partner], back.cash),
    ];
    let mut returned = Vec::new();
    for (sources, amount) in pockets {
        let shares: Vec<&Share> = item.base.shares.iter().filter(|share| sources.contains(&share.source)).collect();
        let total: Decimal = shares.iter().map(|share| share.amount).sum();
        let (mut paid, mut given) = (Decimal::ZERO, Decimal::ZERO);
        for share in shares {
            paid += share.amount;
            let so_far = (amount * paid / total).round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
            let own = so_far - given;
            given = so_far;
            if own > Decimal::ZERO {
                returned.push((share.source, share.source_id, own));
            }
        }
    }
    returned
}

/// What coupons that are over had paid is lost: it does not come back.
fn lose(item: &mut Item, parts: &[Part], back: &Returning) {
    let returned = &mut item.refund.returned;
    for (source, _, amount) in parts.iter().filter(|part| !back.reaches(CouponId(part.1))) {
        match source {
            Source::CashCoupon => returned.cash_coupon -= amount,
            Source::FlexiCoupon => returned.flexi -= amount,
            _ => {}
        }
    }
}

/// What came back, by the pockets that bills show.
fn as_paid(returned: &Paid) -> charged::Paid {
    charged::Paid {
        cash: returned.cash,
        credit: returned.credit,
        coupon: returned.cash_coupon,
        flexi: returned.flexi,
        card: returned.card,
        ..charged::Paid::default()
    }
}

/// The sums by purse.
fn merged<'a>(parts: impl Iterator<Item = &'a Part>) -> BTreeMap<(Source, Uuid), Decimal> {
    let mut sums = BTreeMap::new();
    for (source, id, amount) in parts {
        *sums.entry((*source, *id)).or_insert(Decimal::ZERO) += amount;
    }
    sums
}

/// Whose resale customer who paid each item is now.
async fn resale_of_now(
    connection: &mut PgConnection,
    giving: &GivingBack,
    customer: &Customer,
) -> sqlx::Result<Vec<Option<DomainId>>> {
    let mut now_of = Vec::with_capacity(giving.items.len());
    for item in &giving.items {
        now_of.push(match (item.base.payer, item.base.resale_of) {
            (None, _) => customer.resale_of(),
            // It makes no difference.
            (Some(_), None) => None,
            (Some(master), Some(_)) => customers::resale_of(connection, giving.account.0, master).await?,
        });
    }
    Ok(now_of)
}

/// What goes to purses other than coupons. What a resale customer paid itself goes to who was its partner, once they are no
/// longer associated so: `now_of` says whose each payer is now.
fn to_purses(
    giving: &GivingBack,
    order: &Order,
    (now_of, returns): (&[Option<DomainId>], &[Vec<Part>]),
    by: By,
) -> Vec<Posting> {
    let (tenant, owner) = giving.account;
    let mut sums: BTreeMap<(Source, Uuid), Decimal> = BTreeMap::new();
    for ((item, parts), now_of) in giving.items.iter().zip(returns).zip(now_of) {
        let resale_of = item.base.resale_of;
        let is_still_so = *now_of == resale_of;
        for (source, id, amount) in parts.iter().filter(|part| !is_coupon(part.0)) {
            let is_own = matches!(source, Source::Cash | Source::Allocated);
            let goes_to = refund::destination(Payer::Customer, resale_of.is_some(), is_still_so);
            let to = match (is_own && goes_to == Payer::Partner, resale_of) {
                (true, Some(partner)) => (Source::Partner, partner.0),
                _ => (*source, *id),
            };
            *sums.entry(to).or_insert(Decimal::ZERO) += amount;
        }
    }
    let purse = |source, id| match source {
        Source::Card => Purse::new(tenant, id, AccountKind::StoredValueCard, giving.currency),
        Source::Credit => Purse::new(tenant, id, AccountKind::Credit, giving.currency),
        Source::Allocated => Purse::new(tenant, id, AccountKind::Allocated, giving.currency),
        _ => Purse::new(tenant, id, AccountKind::Cash, giving.currency),
    };
    let posting = |((source, id), amount)| Posting {
        kind: TransferKind::Refund,
        from: Purse::vendor(tenant, giving.currency),
        to: purse(source, id),
        amount,
        customer: Some(owner),
        reference: order.id.clone(),
        memo: String::new(),
        user: by.user,
    };
    sums.into_iter().map(posting).collect()
}

/// A line of the order that gives back: below zero what comes back as cash and credit; what comes back to coupons and cards is
/// shown as what they are.
fn line(item: &Item) -> Line {
    let back = &item.refund.returned;
    let money = -(back.cash + back.credit);
    let mut amounts = Amounts { official: money, after_discount: money, card: back.card, ..Amounts::default() };
    amounts.note(ReductionKind::CashCoupon, back.cash_coupon);
    amounts.note(ReductionKind::FlexiCoupon, back.flexi);
    amounts.commission = Some(item.refund.fee);
    amounts.consumed = Some(item.refund.consumed);
    Line {
        product: item.product.clone(),
        // An unsubscription is for no period.
        period: Period { kind: PeriodType::Month, num: 0 },
        amounts,
        main: None,
        resource_id: Some(item.resource_id.clone()),
        resource_name: item.resource_name.clone(),
        outcome: LineOutcome::Done,
        effective_at: None,
        expires_at: None,
    }
}

fn rows(items: &[Item]) -> Vec<RefundRow> {
    let row = |item: &Item, amount| RefundRow {
        resource_id: item.resource_id.clone(),
        resource_type: item.product.resource_type.clone(),
        service_type: item.product.service_type.clone(),
        region: item.product.region.clone(),
        amount,
        base_order: item.base.order_id.clone(),
    };
    items.iter().flat_map(|item| item.refund.rows().into_iter().map(move |amount| row(item, amount))).collect()
}
