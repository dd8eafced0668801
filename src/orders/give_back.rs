//! Giving back what was paid, or a part of it: one group of transfers. An unsubscription is an order of its own, done at once.

use super::charging;
use super::desk::Desk;
use super::events;
use super::model::{
    Amounts, By, Line, LineOf, LineOutcome, Order, OrderType, Product, ReductionKind, Share, Source, SourceType,
};
use super::record::{self, New};
use super::refusal::NotDone;
use super::state::Event;
use super::store::refunds::{self as rows, RefundRow};
use super::store::{self, lines, payments};
use crate::charges::model as charged;
use crate::charges::store as charges;
use crate::coupons::refunds::{self, Returning};
use crate::customers::store::{self as customers, State as Customer};
use crate::ledger::{self, AccountKind, Posting, Purse, TransferKind};
use crate::outbox;
use crate::pricing::model::{Period, PeriodType};
use crate::subscriptions::refund::{self, Paid, Payer, Refund, in_proportion};
use crate::values::id::{CouponId, DomainId, TenantId};
use crate::values::money::Currency;
use crate::values::time::Day;
use rust_decimal::Decimal;
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
    /// Which line.
    pub line: LineOf,
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
            line: LineOf { order: order.id.clone(), line: lines::number(line) },
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
    let back = reckon(connection, giving.account, &mut giving.items, by).await?;
    let new = New {
        account: giving.account,
        kind: giving.kind,
        source: giving.source,
        user_name: giving.user_name,
        enterprise_project: None,
        currency: giving.currency,
        is_auto_pay: false,
        payer: payer(&giving.items),
        begins: Event::PlacedAndDone,
        lines: giving.items.iter().map(line).collect(),
    };
    let order = record::write(connection, desk, new, customer, by).await?;
    hand_out(connection, (&order, customer), (&giving.items, back), by).await?;
    let mut ended: Vec<LineOf> = giving.items.into_iter().map(|item| item.base.line).collect();
    ended.extend(lines::given_back_of(connection, order.tenant, &ended).await?);
    let ended: Vec<(&str, i16)> = ended.iter().map(|line| (line.order.as_str(), line.line)).collect();
    charges::end_spreads(connection, giving.account, &ended, Day::of(by.now)).await?;
    outbox::append(connection, order.tenant, &events::completed(&order), by.now).await?;
    Ok(order)
}

/// Gives back what a change does: an item for each line of its order, which is locked, as its customer is. What was used of the
/// payments by then is settled with it, so that the rest of them pays for what is left.
pub async fn give_back_parts(
    connection: &mut PgConnection,
    (order, customer): (&mut Order, &Customer),
    mut items: Vec<Item>,
    by: By,
) -> Result<(), NotDone> {
    let back = reckon(connection, (order.tenant, order.customer), &mut items, by).await?;
    for ((item, parts), line) in items.iter_mut().zip(&back.parts).zip(&mut order.lines) {
        payments::settle(connection, order.tenant, &item.base.line, &settled(item, parts)).await?;
        // It is no part of what is shown of a change.
        item.refund.consumed = Decimal::ZERO;
        line.amounts = amounts(&item.refund);
    }
    store::set_given_back(connection, order).await?;
    hand_out(connection, (order, customer), (&items, back), by).await
}

/// The master account to which what comes back goes, if one had paid.
fn payer(items: &[Item]) -> Option<DomainId> {
    items.iter().find_map(|item| item.base.payer)
}

/// What comes back to which purses, item by item, and the coupons among them, locked.
struct Back {
    parts: Vec<Vec<Part>>,
    coupons: Returning,
}

/// What comes back where. What coupons that are over had paid is lost, and taken off what the items give back.
async fn reckon(
    connection: &mut PgConnection,
    account: (TenantId, DomainId),
    items: &mut [Item],
    by: By,
) -> sqlx::Result<Back> {
    let parts: Vec<Vec<Part>> = items.iter().map(returned).collect();
    let to_coupons: Vec<(CouponId, Decimal)> = merged(parts.iter().flatten().filter(|part| is_coupon(part.0)))
        .into_iter()
        .map(|((_, id), amount)| (CouponId(id), amount))
        .collect();
    let coupons = refunds::lock(connection, account, &to_coupons, by.user, by.now).await?;
    for (item, parts) in items.iter_mut().zip(&parts) {
        lose(item, parts, &coupons);
    }
    Ok(Back { parts, coupons })
}

/// Makes the transfers of an order that gives back, and records them where bills and refunds are read.
async fn hand_out(
    connection: &mut PgConnection,
    (order, customer): (&Order, &Customer),
    (items, back): (&[Item], Back),
    by: By,
) -> Result<(), NotDone> {
    let mut postings = back.coupons.postings(&order.id);
    let now_of = resale_of_now(connection, (order.tenant, items), customer).await?;
    postings.extend(to_purses((order, items), (&now_of, &back.parts), by));
    // The ledger is not asked where nothing comes back.
    let transfers = if postings.is_empty() {
        Vec::new()
    } else {
        ledger::post(connection, order.tenant, &postings, by.now).await?
    };
    back.coupons.record(connection, &transfers).await?;
    let came_back: Vec<_> = items.iter().map(|item| (as_paid(&item.refund.returned), item.base.payer)).collect();
    charges::record(connection, order.tenant, &charging::given_back((order, customer.kind), &came_back, by.now))
        .await?;
    let rows: Vec<RefundRow> = items.iter().flat_map(rows_of).collect();
    Ok(rows::insert(connection, (order.tenant, &order.id), &rows).await?)
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
        let paid: Vec<Decimal> = shares.iter().map(|share| share.amount).collect();
        let own = shares.into_iter().zip(in_proportion(amount, &paid)).filter(|(_, own)| *own > Decimal::ZERO);
        returned.extend(own.map(|(share, own)| (share.source, share.source_id, own)));
    }
    returned
}

/// What a change settles of what each purse had paid: what comes back to it, and of the rest its part of what was used. Cash
/// coupons are no payment.
fn settled(item: &Item, back: &[Part]) -> Vec<Part> {
    let charged = |share: &&Share| !matches!(share.source, Source::CashCoupon | Source::DiscountCoupon);
    let shares: Vec<&Share> = item.base.shares.iter().filter(charged).collect();
    let back = |share: &&Share| -> Decimal {
        let to_it = back.iter().filter(|part| (part.0, part.1) == (share.source, share.source_id));
        to_it.map(|part| part.2).sum()
    };
    let back: Vec<Decimal> = shares.iter().map(back).collect();
    let rest: Vec<Decimal> = shares.iter().zip(&back).map(|(share, back)| share.amount - back).collect();
    let used = in_proportion(item.refund.consumed, &rest);
    let settled = shares.iter().zip(back.iter().zip(used));
    settled.map(|(share, (back, used))| (share.source, share.source_id, back + used)).collect()
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
    (tenant, items): (TenantId, &[Item]),
    customer: &Customer,
) -> sqlx::Result<Vec<Option<DomainId>>> {
    let mut now_of = Vec::with_capacity(items.len());
    for item in items {
        now_of.push(match (item.base.payer, item.base.resale_of) {
            (None, _) => customer.resale_of(),
            // It makes no difference.
            (Some(_), None) => None,
            (Some(master), Some(_)) => customers::resale_of(connection, tenant, master).await?,
        });
    }
    Ok(now_of)
}

/// What goes to purses other than coupons. What a resale customer paid itself goes to who was its partner, once they are no
/// longer associated so: `now_of` says whose each payer is now.
fn to_purses(
    (order, items): (&Order, &[Item]),
    (now_of, returns): (&[Option<DomainId>], &[Vec<Part>]),
    by: By,
) -> Vec<Posting> {
    let (tenant, currency) = (order.tenant, order.currency);
    let mut sums: BTreeMap<(Source, Uuid), Decimal> = BTreeMap::new();
    for ((item, parts), now_of) in items.iter().zip(returns).zip(now_of) {
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
        Source::Card => Purse::new(tenant, id, AccountKind::StoredValueCard, currency),
        Source::Credit => Purse::new(tenant, id, AccountKind::Credit, currency),
        Source::Allocated => Purse::new(tenant, id, AccountKind::Allocated, currency),
        _ => Purse::new(tenant, id, AccountKind::Cash, currency),
    };
    let posting = |((source, id), amount)| Posting {
        kind: TransferKind::Refund,
        from: Purse::vendor(tenant, currency),
        to: purse(source, id),
        amount,
        customer: Some(order.customer),
        reference: order.id.clone(),
        memo: String::new(),
        user: by.user,
    };
    sums.into_iter().map(posting).collect()
}

/// The amounts of a line that gives back: below zero what comes back as cash and credit; what comes back to coupons and cards is
/// shown as what they are.
pub fn amounts(refund: &Refund) -> Amounts {
    let back = &refund.returned;
    let money = -(back.cash + back.credit);
    let mut amounts = Amounts { official: money, after_discount: money, card: back.card, ..Amounts::default() };
    amounts.note(ReductionKind::CashCoupon, back.cash_coupon);
    amounts.note(ReductionKind::FlexiCoupon, back.flexi);
    amounts
}

/// A line of the order that gives back.
fn line(item: &Item) -> Line {
    Line {
        product: item.product.clone(),
        // An unsubscription is for no period.
        period: Period { kind: PeriodType::Month, num: 0 },
        amounts: Amounts {
            commission: Some(item.refund.fee),
            consumed: Some(item.refund.consumed),
            ..amounts(&item.refund)
        },
        main: None,
        base: Some(item.base.line.clone()),
        resource_id: Some(item.resource_id.clone()),
        resource_name: item.resource_name.clone(),
        outcome: LineOutcome::Done,
        effective_at: None,
        expires_at: None,
    }
}

fn rows_of(item: &Item) -> impl Iterator<Item = RefundRow> {
    item.refund.rows().into_iter().map(|amount| RefundRow {
        resource_id: item.resource_id.clone(),
        resource_type: item.product.resource_type.clone(),
        service_type: item.product.service_type.clone(),
        region: item.product.region.clone(),
        amount,
        base_order: item.base.line.order.clone(),
    })
}
