//! Which coupons pay for a purchase, in which order, and how much each of them: pure, for whoever takes payments.
//!
//! [`fit`] says for which lines of a purchase a coupon is good. [`check`] judges coupons that a customer names, [`choose`]
//! finds the best itself. Either way a coupon that lowers the price comes first; then those that expire first pay as much as
//! they can, as long as that costs the others nothing: no other order of the same coupons would pay more.

pub mod flow;
#[cfg(test)]
mod tests;

use super::limits::{Period, Rules, SubscribeType};
use super::model::{CouponKind, CouponStatus, Validity};
use super::store::coupons::Coupon;
use crate::values::id::CouponId;
use crate::values::money::Currency;
use flow::Flow;
use rust_decimal::{Decimal, RoundingStrategy};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use time::OffsetDateTime;

/// A part of a purchase.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The product.
    pub product: String,
    /// The cloud service type.
    pub service: String,
    /// What is to be paid for it, after discounts.
    pub amount: Decimal,
}

/// Whose discount it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DiscountKind {
    /// Granted by the partner.
    Partner,
    /// A commercial one, by contract.
    Contract,
    /// A promotion.
    Promotion,
}

/// A discount that the amounts already contain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Discount {
    /// Whose it is.
    pub kind: DiscountKind,
    /// The share still to be paid on the line where it is the mildest: 0.9 is 10 % off.
    pub ratio: Decimal,
}

/// What is bought.
#[derive(Clone, PartialEq, Debug)]
pub struct Purchase {
    /// Its parts.
    pub lines: Vec<Line>,
    /// In which currency.
    pub currency: Currency,
    /// What kind of order it is; none where use is paid.
    pub subscribe_type: Option<SubscribeType>,
    /// For how long is paid.
    pub period: Period,
    /// The services in which it is the customer's first order.
    pub first_in: BTreeSet<String>,
    /// The discounts used.
    pub discounts: Vec<Discount>,
    /// When.
    pub now: OffsetDateTime,
}

/// A coupon that may pay.
#[derive(Clone, PartialEq, Debug)]
pub struct Candidate {
    /// Its id.
    pub id: CouponId,
    /// What it is.
    pub kind: CouponKind,
    /// Which group it belongs to.
    pub group: i16,
    /// What is left of it; of a discount coupon the share that is still to be paid.
    pub value: Decimal,
    /// In which currency.
    pub currency: Currency,
    /// When it can be used.
    pub validity: Validity,
    /// Whether something is left of it and it is not frozen.
    pub is_usable: bool,
    /// For what it can be used.
    pub rules: Rules,
}

impl Candidate {
    /// A coupon as it is stored; an error names a limit that cannot be read.
    pub fn of(coupon: &Coupon) -> Result<Self, String> {
        let is_left = !coupon.kind.holds_money() || coupon.balance > Decimal::ZERO;
        Ok(Self {
            id: coupon.id,
            kind: coupon.kind,
            group: coupon.group,
            value: if coupon.kind.holds_money() { coupon.balance } else { coupon.face_value },
            currency: coupon.currency,
            validity: coupon.validity,
            is_usable: coupon.state == CouponStatus::Usable && !coupon.frozen && is_left,
            rules: coupon.limits.rules()?,
        })
    }
}

/// Why a coupon cannot be used for a purchase.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// It is used up, expired, reclaimed or frozen.
    Used,
    /// Its time has not come or is over.
    NotValid,
    /// It is in another currency.
    Currency,
    /// It is not for this kind of order.
    SubscribeType,
    /// It is not for this period.
    Period,
    /// The order is too small.
    TooSmall,
    /// It is for none of the lines.
    NoLine,
    /// It excludes a discount that is used.
    BesideDiscount,
    /// A discount that is used is deeper than it allows.
    DiscountTooDeep,
}

/// The lines that a coupon can pay for.
pub fn fit(purchase: &Purchase, coupon: &Candidate) -> Result<Vec<usize>, Unfit> {
    let rules = &coupon.rules;
    if !coupon.is_usable {
        return Err(Unfit::Used);
    }
    if !coupon.validity.contains(purchase.now) {
        return Err(Unfit::NotValid);
    }
    if coupon.currency != purchase.currency {
        return Err(Unfit::Currency);
    }
    let is_of_kind =
        |kinds: &BTreeSet<SubscribeType>| purchase.subscribe_type.is_some_and(|kind| kinds.contains(&kind));
    if rules.subscribe_types.as_ref().is_some_and(|kinds| !is_of_kind(kinds)) {
        return Err(Unfit::SubscribeType);
    }
    if rules.periods.as_ref().is_some_and(|periods| !periods.contains(&purchase.period)) {
        return Err(Unfit::Period);
    }
    fit_discounts(purchase, rules)?;
    let total: Decimal = purchase.lines.iter().map(|line| line.amount).sum();
    if rules.min_order_amount.is_some_and(|min| total < min) {
        return Err(Unfit::TooSmall);
    }
    let is_good = |line: &Line| {
        line.amount > Decimal::ZERO
            && rules.services.as_ref().is_none_or(|services| services.contains(&line.service))
            && rules.products.as_ref().is_none_or(|products| products.contains(&line.product))
            && !rules.excluded_products.contains(&line.product)
            && (!rules.first_order_in_service || purchase.first_in.contains(&line.service))
    };
    let lines: Vec<usize> = (0..purchase.lines.len()).filter(|line| is_good(&purchase.lines[*line])).collect();
    if lines.is_empty() { Err(Unfit::NoLine) } else { Ok(lines) }
}

fn fit_discounts(purchase: &Purchase, rules: &Rules) -> Result<(), Unfit> {
    for discount in &purchase.discounts {
        let is_allowed = match discount.kind {
            DiscountKind::Partner => rules.beside_partner_discount,
            DiscountKind::Contract => rules.beside_contract_discount,
            DiscountKind::Promotion => rules.beside_promotion_discount,
        };
        if !is_allowed {
            return Err(Unfit::BesideDiscount);
        }
        if rules.min_consume_discount.is_some_and(|min| discount.ratio < min) {
            return Err(Unfit::DiscountTooDeep);
        }
    }
    Ok(())
}

/// Of KooGallery.
const KOOGALLERY: i16 = 1;
/// Dedicated ones.
const DEDICATED: i16 = 2;

/// How many coupons one order takes.
pub const ORDER_MAX: usize = 3;

/// Why coupons cannot be used together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clash {
    /// More than one order takes.
    TooMany,
    /// The same one twice.
    Twice,
    /// Two that lower the price.
    TwoDiscounts,
    /// Two cash coupons: an order takes one.
    TwoCash,
    /// Cash coupons beside discount coupons.
    CashBesideDiscount,
    /// KooGallery's beside dedicated ones.
    KooGalleryBesideDedicated,
}

/// What cannot be used together: each row names two sorts of coupons. The rows on two cash coupons, on cash beside discount and
/// on KooGallery beside dedicated are the vendor's; that two discounts are too many is inferred from them being used one at a
/// time.
const CLASHES: [(Clash, Sort, Sort); 4] = [
    (Clash::TwoCash, pays_cash, pays_cash),
    (Clash::TwoDiscounts, |one| one.kind == CouponKind::Discount, |other| other.kind == CouponKind::Discount),
    (Clash::CashBesideDiscount, |one| one.kind == CouponKind::Cash, |other| other.kind == CouponKind::Discount),
    (Clash::KooGalleryBesideDedicated, |one| one.group == KOOGALLERY, |other| other.group == DEDICATED),
];

/// Whether it pays as a cash coupon does; a product coupon is one for certain products.
fn pays_cash(coupon: &Candidate) -> bool {
    matches!(coupon.kind, CouponKind::Cash | CouponKind::Product)
}

/// How many coupons of a kind an order takes.
pub fn most_of(kind: CouponKind) -> usize {
    if kind == CouponKind::Flexi { ORDER_MAX } else { 1 }
}

/// Whether a coupon is of a sort.
type Sort = fn(&Candidate) -> bool;

/// Why these two cannot be used together.
fn clash(one: &Candidate, other: &Candidate) -> Option<Clash> {
    let clashing = CLASHES.iter().find(|(_, left, right)| (left(one) && right(other)) || (left(other) && right(one)));
    clashing.map(|(clash, ..)| *clash)
}

/// What a coupon pays.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cover {
    /// The coupon.
    pub coupon: CouponId,
    /// How much in all; of a discount coupon what it takes off the price.
    pub amount: Decimal,
    /// Of which lines how much.
    pub lines: Vec<(usize, Decimal)>,
}

/// Why coupons that a customer names cannot pay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// One of them cannot be used for this.
    Unfit(CouponId, Unfit),
    /// They cannot be used together.
    Clash(Clash),
}

impl Refusal {
    /// The vendor's code for it, where it documents one for paying orders.
    pub fn code(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Unfit(_, Unfit::Used) => ("CBC.99003112", "The coupon or stored-value card has been used."),
            Self::Unfit(_, Unfit::BesideDiscount) => {
                ("CBC.99003116", "The selected coupon cannot be used together with the discount.")
            }
            Self::Unfit(_, Unfit::DiscountTooDeep) => {
                ("CBC.99003117", "The selected discount is lower than the minimum discount ratio set on the coupon.")
            }
            Self::Clash(Clash::CashBesideDiscount) => {
                ("CBC.99003147", "Cash coupons and discount coupons cannot be used together.")
            }
            Self::Clash(Clash::KooGalleryBesideDedicated) => {
                ("CBC.99003156", "KooGallery coupons and dedicated coupons cannot be used together.")
            }
            _ => return None,
        })
    }
}

/// What these coupons pay together, all of which a customer names; those that have nothing left to pay are left out.
pub fn check(purchase: &Purchase, named: &[Candidate]) -> Result<Vec<Cover>, Refusal> {
    if named.len() > ORDER_MAX {
        return Err(Refusal::Clash(Clash::TooMany));
    }
    let mut fitting = Vec::with_capacity(named.len());
    for (place, coupon) in named.iter().enumerate() {
        let lines = fit(purchase, coupon).map_err(|unfit| Refusal::Unfit(coupon.id, unfit))?;
        for other in &named[..place] {
            let twice = (other.id == coupon.id).then_some(Clash::Twice);
            if let Some(clash) = twice.or_else(|| clash(other, coupon)) {
                return Err(Refusal::Clash(clash));
            }
        }
        fitting.push(Fitting { coupon, lines });
    }
    fitting.sort_by_key(Fitting::preference);
    let mut flow = Flow::new(purchase.lines.iter().map(|line| line.amount).collect());
    let added: Vec<&Fitting<'_>> = fitting.iter().inspect(|fitting| fitting.add_to(&mut flow)).collect();
    Ok(covers(&added, &flow))
}

/// What automatic payments take: of the cash coupons that can pay, the one with the largest balance, even if that is too little.
pub fn largest_cash_coupon(purchase: &Purchase, coupons: &[Candidate]) -> Option<Cover> {
    let cash = coupons.iter().filter(|coupon| coupon.kind == CouponKind::Cash && fit(purchase, coupon).is_ok());
    let largest = cash.max_by_key(|coupon| (coupon.value, Reverse((coupon.validity.until, coupon.id))))?;
    check(purchase, std::slice::from_ref(largest)).ok()?.pop()
}

/// The coupons that together pay the most: at most [`ORDER_MAX`], none that clash. Of sets that pay the same it is the one
/// that lowers the price, then the one whose coupons expire first, without any that pays nothing.
pub fn choose(purchase: &Purchase, coupons: &[Candidate]) -> Vec<Cover> {
    let mut fitting: Vec<Fitting<'_>> =
        coupons.iter().filter_map(|coupon| Some(Fitting { coupon, lines: fit(purchase, coupon).ok()? })).collect();
    fitting.sort_by_key(Fitting::preference);
    let empty = Flow::new(purchase.lines.iter().map(|line| line.amount).collect());
    let mut search = Search { fitting: &fitting, reach: reaches(&fitting, &empty), best: (Vec::new(), empty.clone()) };
    search.descend(0, &mut Vec::new(), &empty);
    let (places, flow) = search.best;
    covers(&places.into_iter().map(|place| &fitting[place]).collect::<Vec<_>>(), &flow)
}

/// A coupon with the lines it can pay for.
struct Fitting<'a> {
    coupon: &'a Candidate,
    lines: Vec<usize>,
}

impl Fitting<'_> {
    /// Which comes first: what lowers the price, then cash before flexi-purchase coupons, then what expires first, then what
    /// is good for less.
    fn preference(&self) -> (u8, OffsetDateTime, usize, CouponId) {
        let rank = match self.coupon.kind {
            CouponKind::Discount => 0,
            CouponKind::Cash | CouponKind::Product => 1,
            CouponKind::Flexi => 2,
        };
        (rank, self.coupon.validity.until, self.lines.len(), self.coupon.id)
    }

    /// Lets it pay, beside those that already do.
    fn add_to(&self, flow: &mut Flow) {
        if self.coupon.kind == CouponKind::Discount {
            let off = Decimal::ONE - self.coupon.value;
            flow.lower(&self.lines, |amount| cents(amount * off));
        } else {
            let good_for: Decimal = self.lines.iter().map(|line| flow.price(*line)).sum();
            let cap = self.coupon.rules.max_deduction_ratio.map_or(good_for, |ratio| cents(good_for * ratio));
            flow.add(self.lines.clone(), self.coupon.value.min(cap));
        }
    }
}

/// A coupon pays whole cents, in its owner's disfavour.
fn cents(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::ToZero)
}

fn covers(added: &[&Fitting<'_>], flow: &Flow) -> Vec<Cover> {
    let cover = |(place, fitting): (usize, &&Fitting<'_>)| {
        let lines = flow.paid(place);
        let amount = lines.iter().map(|(_, amount)| *amount).sum();
        Cover { coupon: fitting.coupon.id, amount, lines }
    };
    added.iter().enumerate().map(cover).filter(|cover| cover.amount > Decimal::ZERO).collect()
}

/// Of each coupon, and of those after it, how much they could pay alone, the largest first: an upper bound for any set.
fn reaches(fitting: &[Fitting<'_>], empty: &Flow) -> Vec<Vec<Decimal>> {
    let mut largest: Vec<Decimal> = Vec::new();
    let mut reaches: Vec<Vec<Decimal>> = vec![Vec::new()];
    for coupon in fitting.iter().rev() {
        let mut alone = empty.clone();
        coupon.add_to(&mut alone);
        largest.push(alone.total());
        largest.sort_unstable_by(|one, other| other.cmp(one));
        largest.truncate(ORDER_MAX);
        reaches.push(largest.clone());
    }
    reaches.reverse();
    reaches
}

/// A search through the sets of coupons in the order of preference.
struct Search<'a> {
    fitting: &'a [Fitting<'a>],
    reach: Vec<Vec<Decimal>>,
    best: (Vec<usize>, Flow),
}

impl Search<'_> {
    /// Tries the sets that continue this one. Only what pays more replaces what was found, so the first of equals stays.
    fn descend(&mut self, from: usize, chosen: &mut Vec<usize>, flow: &Flow) {
        if flow.total() > self.best.1.total() {
            self.best = (chosen.clone(), flow.clone());
        }
        for next in from..self.fitting.len() {
            let more: Decimal = self.reach[next].iter().take(ORDER_MAX - chosen.len()).sum();
            if flow.total() + more <= self.best.1.total() || self.best.1.is_all_paid() {
                return;
            }
            let coupon = self.fitting[next].coupon;
            if chosen.iter().any(|place| clash(self.fitting[*place].coupon, coupon).is_some()) {
                continue;
            }
            let mut with = flow.clone();
            self.fitting[next].add_to(&mut with);
            chosen.push(next);
            self.descend(next + 1, chosen, &with);
            chosen.pop();
        }
    }
}
