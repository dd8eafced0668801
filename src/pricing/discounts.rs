//! Which discounts apply to an item, which of them is taken, and what is left to pay: pure functions.
//!
//! Commercial, contract and partner discounts exclude each other. A promotion that stacks comes on top of whichever is
//! taken, another promotion counts only where none of the three applies. A discount is taken off the rounded official
//! amount and the result is rounded by the same rule, so a customer can check it: amount = official amount - discounts.

use super::model::{ChargingMode, Currency, ProductCodes};
use super::rating::{Rounding, Step, Trace};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::HashMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// Where a discount comes from. In the order in which equal savings are preferred: the vendor names commercial before
/// partner discounts; contracts stand between them by our choice.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Debug,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
    clap::ValueEnum,
    sqlx::Type,
)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum DiscountKind {
    /// From the customer's framework agreement with the vendor
    Commercial,
    /// From a contract within a distributor's business
    Contract,
    /// Granted by the customer's partner
    Partner,
    /// A promotion of the vendor
    Promotion,
}

impl DiscountKind {
    /// The vendor's number. 605 to 607 are documented for prices; 700 is "promotion" in the list of another operation.
    pub fn number(self) -> i32 {
        match self {
            Self::Commercial => 605,
            Self::Contract => 606,
            Self::Partner => 607,
            Self::Promotion => 700,
        }
    }
}

/// To which items a discount applies; what is absent or empty does not narrow it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scope {
    /// Of this service.
    pub service_type: Option<String>,
    /// Of this resource type.
    pub resource_type: Option<String>,
    /// Of this specification.
    pub resource_spec: Option<String>,
    /// In this region.
    pub region: Option<String>,
    /// Charged in one of these ways.
    pub charging_modes: Vec<ChargingMode>,
}

/// A discount that is in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Discount {
    /// Its id.
    pub id: Uuid,
    /// Where it comes from.
    pub kind: DiscountKind,
    /// Its name.
    pub name: String,
    /// What is left to pay: 0.8 is a fifth off.
    pub ratio: Decimal,
    /// Whether this promotion comes on top of others.
    pub stacks: bool,
    /// To what it applies.
    pub scope: Scope,
}

/// What a customer's prices depend on besides the book.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CustomerTerms {
    /// The currency.
    pub currency: Currency,
    /// The discounts that are in force.
    pub discounts: Vec<Discount>,
}

/// The vendor's policy for a service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IncentivePolicy {
    /// From when.
    pub effective_at: OffsetDateTime,
    /// The vendor's number: 0 not specific, 1 specific, 2 no performance and no rebate, 13 performance and no rebate.
    pub incentive_policy: i16,
    /// Whether discounts that partners grant apply.
    pub allow_discount: bool,
}

/// The policies of all services, each service's in time.
#[derive(Debug, Default)]
pub struct Incentives(pub HashMap<String, Vec<IncentivePolicy>>);

impl Incentives {
    /// The policy of a service that is in force at an instant.
    pub fn at(&self, service_type: &str, now: OffsetDateTime) -> Option<IncentivePolicy> {
        let all = self.0.get(service_type)?;
        all[..all.partition_point(|policy| policy.effective_at <= now)].last().copied()
    }

    /// Without a policy nothing forbids a partner's discount.
    fn allow_discount(&self, service_type: &str, now: OffsetDateTime) -> bool {
        self.at(service_type, now).is_none_or(|policy| policy.allow_discount)
    }
}

/// An item, as discounts see it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    codes: ProductCodes<'a>,
    mode: Option<ChargingMode>,
    partners_may_discount: bool,
}

impl<'a> Subject<'a> {
    /// An item of these codes, charged this way.
    pub fn new(
        codes: ProductCodes<'a>,
        mode: Option<ChargingMode>,
        incentives: &Incentives,
        now: OffsetDateTime,
    ) -> Self {
        Self { codes, mode, partners_may_discount: incentives.allow_discount(codes.service_type, now) }
    }
}

impl Discount {
    fn applies_to(&self, subject: &Subject<'_>) -> bool {
        let Scope { service_type, resource_type, resource_spec, region, charging_modes } = &self.scope;
        let codes = &subject.codes;
        let within = |wanted: &Option<String>, given: &str| wanted.as_deref().is_none_or(|wanted| wanted == given);
        within(service_type, codes.service_type)
            && within(resource_type, codes.resource_type)
            && within(resource_spec, codes.spec)
            && within(region, codes.region)
            && (charging_modes.is_empty() || subject.mode.is_some_and(|mode| charging_modes.contains(&mode)))
            && (self.kind != DiscountKind::Partner || subject.partners_may_discount)
    }

    /// What is left of an amount.
    fn apply(&self, before: Decimal, rounding: Rounding, trace: &mut Trace) -> Decimal {
        // At most 15 digits before the point and ten after it, times a ratio below one.
        let after = rounding.apply(before * self.ratio);
        trace.note(|| Step::Discount {
            discount_id: self.id.simple().to_string(),
            discount_type: self.kind.number(),
            name: self.name.clone(),
            ratio: self.ratio,
            before: before.normalize(),
            after: after.normalize(),
        });
        after
    }
}

/// A discount taken off an item.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a> {
    /// Which.
    pub discount: &'a Discount,
    /// How much it saves.
    pub saving: Decimal,
}

/// The discounts that usage gets, in the order in which they are taken: the commercial one if there is one, as the vendor
/// documents, else the largest; of one kind the largest.
pub fn for_usage<'a>(
    discounts: &'a [Discount],
    subject: &Subject<'_>,
    official: Decimal,
    rounding: Rounding,
    trace: &mut Trace,
) -> Vec<Taken<'a>> {
    let mut taken = Vec::new();
    let applicable = || discounts.iter().filter(|discount| discount.applies_to(subject));
    let rank =
        |discount: &&Discount| (discount.kind != DiscountKind::Commercial, discount.ratio, discount.kind, discount.id);
    let main = applicable().filter(|discount| discount.kind != DiscountKind::Promotion).min_by_key(rank);
    let alone = || applicable().filter(|discount| !discount.stacks).min_by_key(rank);
    let main = main.or_else(alone);
    let mut left = official;
    for discount in main.into_iter().chain(applicable().filter(|discount| discount.stacks)) {
        let after = discount.apply(left, rounding, trace);
        taken.push(Taken { discount, saving: left - after });
        left = after;
    }
    taken
}

/// One of the discounts that a purchase can be paid with.
#[derive(Clone, Debug)]
pub struct Offered<'a> {
    /// Which.
    pub discount: &'a Discount,
    /// What is left to pay of each item, in their order. Stacking promotions are taken off too.
    pub amounts: Vec<Decimal>,
    /// Their sum.
    pub amount: Decimal,
    /// Whether it saves most among commercial, contract and partner discounts.
    pub best: bool,
}

/// The discounts that a purchase can be paid with, the best first; of the others the larger saving first. Equal savings
/// stand in the order of the kinds, then of the ids.
pub fn offered<'a>(discounts: &'a [Discount], items: &[(Subject<'_>, Decimal)], trace: &mut Trace) -> Vec<Offered<'a>> {
    let applies = |discount: &&Discount| items.iter().any(|(subject, _)| discount.applies_to(subject));
    let excluding = discounts.iter().any(|discount| !discount.stacks && applies(&discount));
    let mut offered: Vec<Offered<'a>> = discounts
        .iter()
        // Stacking promotions are options by themselves only where there is nothing to stack on.
        .filter(|discount| (!discount.stacks || !excluding) && applies(discount))
        .map(|discount| {
            let amounts: Vec<Decimal> = items.iter().map(|item| with(discount, discounts, item, trace)).collect();
            Offered { discount, amount: amounts.iter().sum(), amounts, best: false }
        })
        .collect();
    let promotion = |offered: &Offered<'_>| offered.discount.kind == DiscountKind::Promotion;
    offered.sort_by_key(|one| (promotion(one), one.amount, one.discount.kind, one.discount.id));
    if let Some(first) = offered.first_mut().filter(|first| !promotion(first)) {
        first.best = true;
    }
    offered
}

fn with(
    chosen: &Discount,
    discounts: &[Discount],
    (subject, official): &(Subject<'_>, Decimal),
    trace: &mut Trace,
) -> Decimal {
    let stacking = discounts.iter().filter(|other| other.stacks && other.id != chosen.id);
    let taken = std::iter::once(chosen).chain(stacking).filter(|discount| discount.applies_to(subject));
    taken.fold(*official, |left, discount| discount.apply(left, Rounding::Purchase, trace))
}

/// Sorts discounts so that the same ones give the same answer however they were read.
pub fn in_order(mut discounts: Vec<Discount>) -> Vec<Discount> {
    discounts.sort_by_key(|discount| (discount.kind, Reverse(discount.stacks), discount.id));
    discounts
}
