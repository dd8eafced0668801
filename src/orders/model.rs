//! What orders are made of: kinds, statuses, amounts, lines.

use crate::customers::model::AssociationType;
use crate::pricing::model::{Period, Size, description};
use crate::values::coded::coded;
use crate::values::id::{DomainId, TenantId, UserId};
use crate::values::money::Currency;
use crate::values::text::texts;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

texts! {
    /// An order's id as a request names it, in any case.
    OrderNumber, 1..=64, "CS2603281445NO7AB";
    /// A service type as a list is filtered by it, in any case.
    ServiceTypeFilter, 0..=128, "hws.service.type.ec2";
}

impl OrderNumber {
    /// As orders are stored: ids are told in capitals, and found in any case.
    pub fn id(&self) -> String {
        self.as_str().to_ascii_uppercase()
    }
}

coded! {
    /// What an order is for: 1 a purchase, 2 a renewal, 3 a change, 4 an unsubscription, 10 from yearly/monthly to pay-per-use,
    /// 11 the reverse, 13 a trial, 14 from trial to commercial use, 15 a fee adjustment.
    OrderType {
        /// A purchase.
        New = 1,
        /// A renewal.
        Renew = 2,
        /// A change of what is there.
        Change = 3,
        /// Something is given back.
        Unsubscribe = 4,
        /// From yearly/monthly to pay-per-use.
        ToOnDemand = 10,
        /// From pay-per-use to yearly/monthly.
        ToPeriod = 11,
        /// A trial.
        Trial = 13,
        /// From trial to commercial use.
        ToCommercial = 14,
        /// A fee adjustment.
        FeeAdjustment = 15,
    }

    /// How an order stands: 1 under review, 2 to be refunded, 3 processing, 4 cancelled, 5 completed, 6 to be paid, 9 to be
    /// confirmed.
    OrderStatus {
        /// The vendor looks at it.
        Reviewing = 1,
        /// Money is to be given back.
        Refunding = 2,
        /// Paid; what was ordered is being provided.
        Processing = 3,
        /// Cancelled.
        Cancelled = 4,
        /// Everything is provided.
        Completed = 5,
        /// It waits to be paid.
        PendingPayment = 6,
        /// It waits for the customer to confirm what staff ordered for it.
        Confirming = 9,
    }

    /// Where an order comes from: 1 the customer, 2 an agent, 3 a contract, 4 a distributor, 5 a resource that was deleted on a
    /// page, 6 entered later, 7 a compensation, 8 the system.
    SourceType {
        /// The customer.
        Customer = 1,
        /// An agent who ordered for it.
        Agent = 2,
        /// A contract.
        Contract = 3,
        /// A distributor.
        Distributor = 4,
        /// A resource was deleted on a page.
        Deletion = 5,
        /// Entered later.
        Backfilled = 6,
        /// A compensation.
        Compensation = 7,
        /// The system itself.
        System = 8,
    }

    /// What took something off a price: 200 the product's promotion, 300 discount, 301 cash and 302 flexi-purchase coupon, 605
    /// commercial, 606 contract and 607 partner's discount, 609 an adjusted price, 610 free of charge, 700 a promotion.
    ReductionKind {
        /// The product is on promotion.
        Product = 200,
        /// A discount coupon.
        DiscountCoupon = 300,
        /// A cash coupon.
        CashCoupon = 301,
        /// A flexi-purchase coupon.
        FlexiCoupon = 302,
        /// By the customer's framework agreement.
        Commercial = 605,
        /// By a contract within a distributor's business.
        Contract = 606,
        /// Granted by the partner.
        Partner = 607,
        /// Staff adjusted the price.
        Adjusted = 609,
        /// Free of charge.
        Free = 610,
        /// A promotion.
        Promotion = 700,
    }
}

/// What took something off a price, and how much. Kept as `[type, amount]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reduction(pub ReductionKind, pub Decimal);

/// The amounts of a line, or of an order: sums over its lines.
///
/// `official = after_discount + Σ reductions + card`; among the reductions are the coupons, as the vendor shows them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Amounts {
    /// At list prices.
    pub official: Decimal,
    /// Paid by cash and credit.
    pub after_discount: Decimal,
    /// What was taken off, one entry a kind, in the order of the kinds.
    pub reductions: Vec<Reduction>,
    /// Paid by stored-value cards.
    pub card: Decimal,
    /// Of an unsubscription: the fee.
    pub commission: Option<Decimal>,
    /// Of an unsubscription: what was used.
    pub consumed: Option<Decimal>,
}

impl Amounts {
    /// What costs this much and is not paid yet.
    pub fn unpaid(official: Decimal) -> Self {
        Self { official, after_discount: official, ..Self::default() }
    }

    /// What a kind took off.
    pub fn by(&self, kind: ReductionKind) -> Decimal {
        self.reductions.iter().filter(|reduction| reduction.0 == kind).map(|reduction| reduction.1).sum()
    }

    /// Takes something off what is still to be paid.
    pub fn reduce(&mut self, kind: ReductionKind, amount: Decimal) {
        self.after_discount -= amount;
        self.note(kind, amount);
    }

    /// Notes what a kind took off.
    pub fn note(&mut self, kind: ReductionKind, amount: Decimal) {
        if amount.is_zero() {
            return;
        }
        match self.reductions.binary_search_by_key(&kind, |reduction| reduction.0) {
            Ok(place) => self.reductions[place].1 += amount,
            Err(place) => self.reductions.insert(place, Reduction(kind, amount)),
        }
    }

    /// The sums over lines.
    pub fn sum<'a>(lines: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        for line in lines {
            sum.official += line.official;
            sum.after_discount += line.after_discount;
            sum.card += line.card;
            for Reduction(kind, amount) in &line.reductions {
                sum.note(*kind, *amount);
            }
            for (total, part) in [(&mut sum.commission, line.commission), (&mut sum.consumed, line.consumed)] {
                *total = part.map_or(*total, |part| Some(total.unwrap_or_default() + part));
            }
        }
        sum
    }
}

/// What pays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Source {
    /// A discount coupon: it lowers the price.
    DiscountCoupon,
    /// A cash coupon.
    CashCoupon,
    /// A flexi-purchase coupon.
    FlexiCoupon,
    /// A stored-value card.
    Card,
    /// Its bonus; of use only.
    Bonus,
    /// What a customer paid in itself.
    Cash,
    /// What its partner allocated to it.
    Allocated,
    /// Its credit.
    Credit,
    /// Its partner, on its behalf.
    Partner,
}

/// How much a purse paid of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// The line, from 0.
    pub line: usize,
    /// What paid.
    pub source: Source,
    /// The coupon, the card, or the account.
    pub source_id: Uuid,
    /// How much.
    pub amount: Decimal,
}

/// What the service said of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum LineOutcome {
    /// Nothing yet.
    #[default]
    Waiting,
    /// It is provided.
    Done,
    /// It could not be.
    Failed,
}

/// What a line sells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Product {
    /// The service type.
    pub service_type: String,
    /// The resource type.
    pub resource_type: String,
    /// The specification.
    pub resource_spec: String,
    /// The region.
    pub region: String,
    /// The project in it.
    pub project_id: Uuid,
    /// The size, of linear products.
    pub size: Option<Size>,
    /// The product of the price book.
    pub product_id: String,
}

impl Product {
    /// What it is in words.
    pub fn description(&self) -> String {
        description(&self.resource_spec, self.size.map(|size| size.size))
    }
}

/// A line of another order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LineOf {
    /// The order.
    pub order: String,
    /// Its number there, from 1.
    pub line: i16,
}

/// A line of an order: one resource, or what is done to one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// What it sells.
    pub product: Product,
    /// For how long.
    pub period: Period,
    /// What it costs.
    pub amounts: Amounts,
    /// Of a secondary resource: the place of its primary's line, from 0.
    pub main: Option<usize>,
    /// Of what gives back: the line that had paid.
    pub base: Option<LineOf>,
    /// What was provisioned, renewed or given back.
    pub resource_id: Option<String>,
    /// The resource's name.
    pub resource_name: String,
    /// What the service said.
    pub outcome: LineOutcome,
    /// From when on it is paid for.
    pub effective_at: Option<OffsetDateTime>,
    /// Until when.
    pub expires_at: Option<OffsetDateTime>,
}

/// An order with its lines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// Its id.
    pub id: String,
    /// The tenant.
    pub tenant: TenantId,
    /// The customer.
    pub customer: DomainId,
    /// Whose customer it was when it ordered.
    pub partner: Option<DomainId>,
    /// What it is for.
    pub kind: OrderType,
    /// How it stands.
    pub status: OrderStatus,
    /// Where it comes from.
    pub source: SourceType,
    /// The currency.
    pub currency: Currency,
    /// Who ordered.
    pub user_name: String,
    /// The enterprise project.
    pub enterprise_project: Option<String>,
    /// Whether it is paid without being asked for.
    pub is_auto_pay: bool,
    /// When it was placed.
    pub created_at: OffsetDateTime,
    /// Until when it can be paid.
    pub payable_until: Option<OffsetDateTime>,
    /// When it was paid.
    pub paid_at: Option<OffsetDateTime>,
    /// How the customer was associated when it paid.
    pub paid_as: Option<AssociationType>,
    /// Whose resale customer the account was that paid; nobody's if it was none.
    pub paid_under: Option<DomainId>,
    /// Who paid, if it was not the customer.
    pub paying_agent: Option<DomainId>,
    /// The master account that has to pay it or has paid it, or to which it gives back.
    pub payer: Option<DomainId>,
    /// Who has to pay it instead of the customer, for as long as it is their turn.
    pub asked: Option<Asked>,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// Who pays instead of a customer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Agent {
    /// The partner that it has asked to.
    Partner(DomainId),
    /// The master account that keeps its finances.
    Master(DomainId),
}

impl Agent {
    /// The account.
    pub fn id(self) -> DomainId {
        match self {
            Self::Partner(id) | Self::Master(id) => id,
        }
    }

    /// The account, if it is a partner's.
    pub fn partner(self) -> Option<DomainId> {
        match self {
            Self::Partner(id) => Some(id),
            Self::Master(_) => None,
        }
    }
}

/// Who has to pay instead of a customer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    /// Who.
    pub agent: Agent,
    /// Since when.
    pub at: OffsetDateTime,
}

impl Order {
    /// The sums over the lines.
    pub fn amounts(&self) -> Amounts {
        Amounts::sum(self.lines.iter().map(|line| &line.amounts))
    }

    /// Whether it gives back instead of being paid.
    pub fn gives_back(&self) -> bool {
        self.lines.iter().any(|line| line.base.is_some())
    }

    /// The resources it is about.
    pub fn resources(&self) -> Vec<String> {
        self.lines.iter().filter_map(|line| line.resource_id.clone()).collect()
    }
}

/// Who does something to an order, and when.
#[derive(Clone, Copy, Debug)]
pub struct By {
    /// The user; nobody where it falls due by itself.
    pub user: Option<UserId>,
    /// The tenant's time.
    pub now: OffsetDateTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cents(cents: i64) -> Decimal {
        Decimal::new(cents, 2)
    }

    #[test]
    fn an_orders_amounts_are_the_sums_over_its_lines() {
        let mut one = Amounts::unpaid(cents(10_000));
        one.reduce(ReductionKind::CashCoupon, cents(2_000));
        one.reduce(ReductionKind::Commercial, cents(1_000));
        let mut other = Amounts::unpaid(cents(300));
        other.reduce(ReductionKind::CashCoupon, cents(300));
        let sum = Amounts::sum([&one, &other]);
        assert_eq!((sum.official, sum.after_discount), (cents(10_300), cents(7_000)));
        assert_eq!((sum.by(ReductionKind::CashCoupon), sum.commission), (cents(2_300), None));
        let reductions: Decimal = sum.reductions.iter().map(|reduction| reduction.1).sum();
        assert_eq!(sum.official, sum.after_discount + reductions + sum.card);
        let kinds: Vec<_> = sum.reductions.iter().map(|reduction| reduction.0).collect();
        assert_eq!(kinds, [ReductionKind::CashCoupon, ReductionKind::Commercial]);
    }

    #[test]
    fn what_was_taken_off_is_kept_as_pairs() {
        let kept = serde_json::to_string(&[Reduction(ReductionKind::CashCoupon, cents(300))]).expect("it is written");
        assert_eq!(kept, r#"[[301,"3.00"]]"#);
        let read: Vec<Reduction> = serde_json::from_str(&kept).expect("it is read");
        assert_eq!(read, [Reduction(ReductionKind::CashCoupon, cents(300))]);
    }
}
