//! What a charge is.

use crate::customers::model::AssociationType;
use crate::values::coded::coded;
use crate::values::id::{ChargeId, DomainId, TenantId};
use crate::values::money::Currency;
use crate::values::time::{Day, Month};
use rust_decimal::Decimal;
use serde::Serialize;
use time::{Duration, OffsetDateTime};

coded! {
    /// What a charge is for: 1 a purchase, 2 a renewal, 3 a change, 4 an unsubscription, 5 use, 8 an automatic renewal, 9 a
    /// compensation, 14 a support plan, 16 a deduction, 18 monthly and 103 yearly payment, 20 a refund of a change, 23 use that a
    /// savings plan pays, 24 a refund of a turn to pay-per-use, 25 what was cut off before.
    BillType {
        /// A purchase.
        Purchase = 1,
        /// A renewal.
        Renewal = 2,
        /// A change of what was bought.
        Change = 3,
        /// An unsubscription gives back.
        Unsubscription = 4,
        /// Use.
        Use = 5,
        /// A renewal that nobody asked for at that moment.
        AutomaticRenewal = 8,
        /// The vendor gives something.
        Compensation = 9,
        /// A support plan, at the end of a month.
        SupportPlan = 14,
        /// The vendor takes something.
        Deduction = 16,
        /// A monthly payment.
        Monthly = 18,
        /// A change gives back.
        ChangeRefund = 20,
        /// Use that a savings plan pays.
        SavingsPlan = 23,
        /// A turn to pay-per-use gives back.
        ToOnDemandRefund = 24,
        /// What was cut off charges of a cycle, as far as it is whole cents.
        MakeUp = 25,
        /// A yearly payment.
        Yearly = 103,
    }

    /// What a charge counts as in sums: 1 consumption, 2 a refund, 3 an adjustment.
    SumType {
        /// Consumption.
        Consumption = 1,
        /// A refund.
        Refund = 2,
        /// An adjustment.
        Adjustment = 3,
    }

    /// How something is paid for: 1 yearly/monthly, 3 pay-per-use, 10 reserved instance, 11 savings plan.
    BillingMode {
        /// For a time, before.
        Period = 1,
        /// By use, afterwards.
        OnDemand = 3,
        /// By the hour, for an instance that is reserved.
        Reserved = 10,
        /// By a savings plan.
        SavingsPlan = 11,
    }
}

impl BillType {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Purchase,
        Self::Renewal,
        Self::Change,
        Self::Unsubscription,
        Self::Use,
        Self::AutomaticRenewal,
        Self::Compensation,
        Self::SupportPlan,
        Self::Deduction,
        Self::Monthly,
        Self::ChangeRefund,
        Self::SavingsPlan,
        Self::ToOnDemandRefund,
        Self::MakeUp,
        Self::Yearly,
    ];

    /// What it counts as in sums. The vendor's documents name the three groups, not their members.
    pub fn sum_type(self) -> SumType {
        match self {
            Self::Unsubscription | Self::ChangeRefund | Self::ToOnDemandRefund => SumType::Refund,
            Self::Compensation | Self::Deduction => SumType::Adjustment,
            _ => SumType::Consumption,
        }
    }
}

impl SumType {
    /// The bill types that count as it.
    pub fn bill_types(self) -> Vec<i16> {
        BillType::ALL.into_iter().filter(|kind| kind.sum_type() == self).map(BillType::code).collect()
    }
}

/// Who paid how much of a charge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Paid {
    /// Cash, also what a partner has allocated.
    #[serde(rename = "cash_amount")]
    pub cash: Decimal,
    /// Credit.
    #[serde(rename = "credit_amount")]
    pub credit: Decimal,
    /// Cash coupons.
    #[serde(rename = "coupon_amount")]
    pub coupon: Decimal,
    /// Flexi-purchase coupons.
    #[serde(rename = "flexi_amount")]
    pub flexi: Decimal,
    /// Stored-value cards.
    #[serde(rename = "card_amount")]
    pub card: Decimal,
    /// Bonus.
    #[serde(rename = "bonus_amount")]
    pub bonus: Decimal,
    /// Nobody yet.
    #[serde(rename = "debt_amount")]
    pub debt: Decimal,
    /// The vendor, who has written it off.
    #[serde(rename = "writeoff_amount")]
    pub writeoff: Decimal,
}

impl Paid {
    /// All of it together.
    pub fn sum(&self) -> Decimal {
        let Self { cash, credit, coupon, flexi, card, bonus, debt, writeoff } = self;
        cash + credit + coupon + flexi + card + bonus + debt + writeoff
    }

    /// The other direction.
    #[must_use]
    pub fn negated(&self) -> Self {
        Self {
            cash: -self.cash,
            credit: -self.credit,
            coupon: -self.coupon,
            flexi: -self.flexi,
            card: -self.card,
            bonus: -self.bonus,
            debt: -self.debt,
            writeoff: -self.writeoff,
        }
    }
}

/// What was charged for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Subject {
    /// The service type.
    #[serde(rename = "service_type_code")]
    pub service_type: String,
    /// The resource type.
    #[serde(rename = "resource_type_code")]
    pub resource_type: String,
    /// The region.
    #[serde(rename = "region_code")]
    pub region: String,
    /// The resource; empty until a service has provided it.
    pub resource_id: String,
    /// Its name.
    pub resource_name: String,
    /// Of a secondary resource: its primary.
    pub parent_id: Option<String>,
    /// Its specification.
    pub resource_spec: String,
    /// Its size, of linear products.
    pub resource_size: Option<i32>,
    /// The unit of the size.
    pub size_measure_id: Option<i32>,
    /// The product of the price book.
    pub product_id: String,
    /// The enterprise project; empty if it is in none.
    #[serde(rename = "enterprise_project_id")]
    pub enterprise_project: String,
}

/// Of which order's line a charge is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct OfOrder {
    /// The order.
    pub order_id: Option<String>,
    /// What it is for, by the vendor's number.
    pub order_type: Option<i16>,
    /// The line, from 1.
    pub order_line: Option<i16>,
    /// For periods of this length, by the vendor's number.
    pub period_type: Option<i16>,
    /// For how many.
    pub period_num: Option<i32>,
}

impl OfOrder {
    /// Of none.
    pub const NONE: Self =
        Self { order_id: None, order_type: None, order_line: None, period_type: None, period_num: None };
}

/// What was used.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Used {
    /// What was measured; empty for an order.
    #[serde(rename = "usage_type_code")]
    pub usage_type: String,
    /// How much, what packages covered included.
    #[serde(rename = "usage_amount")]
    pub quantity: Option<Decimal>,
    /// In which unit.
    #[serde(rename = "usage_measure_id")]
    pub measure_id: Option<i32>,
    /// What packages covered.
    #[serde(rename = "package_amount")]
    pub from_packages: Option<Decimal>,
}

/// A price that holds for any quantity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct UnitPrice {
    /// The price.
    pub unit_price: Option<Decimal>,
    /// For how many units of usage, or periods.
    pub price_divisor: Option<Decimal>,
}

/// A charge. Its fields are sent to the database by their names there.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Charge {
    /// The tenant.
    #[serde(rename = "tenant_id", serialize_with = "column::tenant")]
    pub tenant: TenantId,
    /// The customer.
    #[serde(rename = "domain_id", serialize_with = "column::domain")]
    pub customer: DomainId,
    /// In which month it is billed.
    #[serde(serialize_with = "column::first_day")]
    pub cycle: Month,
    /// From when on it was used; of an order: when it was paid.
    #[serde(serialize_with = "column::instant")]
    pub consumed_at: OffsetDateTime,
    /// Until when; of an order the same.
    #[serde(serialize_with = "column::instant")]
    pub used_until: OffsetDateTime,
    /// Its id.
    #[serde(rename = "charge_id", serialize_with = "column::charge")]
    pub id: ChargeId,
    /// The master account that pays, if one keeps the customer's finances.
    #[serde(rename = "payer_id", serialize_with = "column::account")]
    pub payer: Option<DomainId>,
    /// Whose customer it was then.
    #[serde(rename = "partner_id", serialize_with = "column::account")]
    pub partner: Option<DomainId>,
    /// How.
    #[serde(rename = "association_type", serialize_with = "column::association")]
    pub association: Option<AssociationType>,
    /// The currency.
    pub currency: Currency,
    /// What it is for.
    pub bill_type: BillType,
    /// How that is paid for.
    pub charging_mode: BillingMode,
    /// When it was taken.
    #[serde(serialize_with = "column::instant")]
    pub charged_at: OffsetDateTime,
    /// The order, or the settlement.
    pub trade_id: String,
    /// Of which order.
    #[serde(flatten)]
    pub order: OfOrder,
    /// For what.
    #[serde(flatten)]
    pub subject: Subject,
    /// For how much use.
    #[serde(flatten)]
    pub used: Used,
    /// At which price.
    #[serde(flatten)]
    pub price: UnitPrice,
    /// At list prices.
    #[serde(rename = "official_amount")]
    pub official: Decimal,
    /// Less by discounts.
    #[serde(rename = "discount_amount")]
    pub discount: Decimal,
    /// Cut off.
    #[serde(rename = "erase_amount")]
    pub erase: Decimal,
    /// What is to be paid.
    #[serde(rename = "consume_amount")]
    pub consume: Decimal,
    /// Who paid it.
    #[serde(flatten)]
    pub paid: Paid,
    /// The kinds of the discounts, with commas between them.
    pub promotion_types: String,
    /// How usage became an amount.
    pub steps: Option<serde_json::Value>,
}

/// The days over which a line of an order counts as a cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spread {
    /// The line, from 1.
    pub line: i16,
    /// The first day.
    pub first: Day,
    /// The last one, counted as well.
    pub last: Day,
}

impl Spread {
    /// Of a period. It ends with the last second of a day, in which a renewal begins: that one's first day is the next.
    pub fn of(line: i16, starts_at: OffsetDateTime, ends_at: OffsetDateTime) -> Self {
        let first = Day::of(starts_at.saturating_add(Duration::SECOND));
        Self { line, first, last: first.max(Day::of(ends_at)) }
    }
}

/// Fields as the database reads them out of a row in JSON.
mod column {
    use super::{AssociationType, ChargeId, DomainId, Month, TenantId};
    use serde::{Serialize, Serializer, ser::Error};
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    pub fn tenant<S: Serializer>(id: &TenantId, serializer: S) -> Result<S::Ok, S::Error> {
        id.0.serialize(serializer)
    }

    pub fn charge<S: Serializer>(id: &ChargeId, serializer: S) -> Result<S::Ok, S::Error> {
        id.0.serialize(serializer)
    }

    pub fn domain<S: Serializer>(id: &DomainId, serializer: S) -> Result<S::Ok, S::Error> {
        id.0.serialize(serializer)
    }

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub fn account<S: Serializer>(id: &Option<DomainId>, serializer: S) -> Result<S::Ok, S::Error> {
        id.map(|id| id.0).serialize(serializer)
    }

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference to the field")]
    pub fn association<S: Serializer>(kind: &Option<AssociationType>, serializer: S) -> Result<S::Ok, S::Error> {
        kind.map(|kind| kind as i16).serialize(serializer)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference to the field")]
    pub fn first_day<S: Serializer>(month: &Month, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{month}-01"))
    }

    pub fn instant<S: Serializer>(instant: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&instant.format(&Rfc3339).map_err(S::Error::custom)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{date, datetime};

    #[test]
    fn a_renewal_counts_from_the_day_after_the_period_before() {
        let days = |starts_at, ends_at| {
            let spread = Spread::of(1, starts_at, ends_at);
            (spread.first.0, spread.last.0)
        };
        let end = datetime!(2024-06-01 23:59:59 +8);
        assert_eq!(days(datetime!(2024-03-01 10:00 +8), end), (date!(2024 - 03 - 01), date!(2024 - 06 - 01)));
        let renewed = days(end, datetime!(2024-07-01 23:59:59 +8));
        assert_eq!(renewed, (date!(2024 - 06 - 02), date!(2024 - 07 - 01)));
        // Bought in the last second of a day, by the hour: one day all the same.
        assert_eq!(days(end, end + Duration::SECOND), (date!(2024 - 06 - 02), date!(2024 - 06 - 02)));
    }
}
