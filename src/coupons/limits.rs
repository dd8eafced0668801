//! What a coupon may be used for. A quota's limits are those of every coupon issued from it.
//!
//! Limits are data, as the vendor's interfaces show them: a key and its values. [`Limits::rules`] reads them once into what
//! the choice of coupons works with.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use utoipa::ToSchema;

/// What is limited. The names are the vendor's, except those marked as ours, which its public pages do not name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LimitKey {
    /// Types of cloud services. The name is ours.
    CloudServiceType,
    /// Products.
    ProductId,
    /// Products it may not be used for. The name is ours.
    ExcludedProductId,
    /// Kinds of orders: `new`, `renew`, `change`.
    SubscribeType,
    /// `1`: only for the first order in a service.
    FirstOrderInService,
    /// Periods: 0 any yearly/monthly one, 1 years, 2 months, 3 days, 4 hours, 5 pay-per-use, 6 any.
    CycleType,
    /// `1`: it is used once, whatever is left; `0`: as long as something is left.
    UsageTimes,
    /// From which amount of the order on. The name is ours.
    MinOrderAmount,
    /// The largest share that it pays, above 0 and at most 1.
    MaxDeductionRatio,
    /// The deepest discount beside which it may be used: 0.9 is 10 % off.
    MinConsumeDiscount,
    /// `0`: not beside a discount that the partner granted.
    SimultaneousUseWithEmpowerDiscount,
    /// `0`: not beside a commercial discount.
    SimultaneousUseWithContractDiscount,
    /// `0`: not beside a promotional discount.
    SimultaneousUseWithPromotionDiscount,
}

impl LimitKey {
    /// The key as it is written.
    pub fn name(self) -> String {
        let name = serde_json::to_value(self).expect("a name is a text");
        name.as_str().expect("a name is a text").to_owned()
    }
}

/// Limits: for each key its values, at least one.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Limits(BTreeMap<LimitKey, Vec<String>>);

/// What kind of order it is.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ToSchema, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum SubscribeType {
    /// A purchase
    New,
    /// A renewal
    Renew,
    /// A change of what is there
    Change,
}

impl SubscribeType {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::New, Self::Renew, Self::Change];
}

/// For how long is paid.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Period {
    /// Years.
    Years,
    /// Months.
    Months,
    /// Days.
    Days,
    /// Hours.
    Hours,
    /// For what was consumed.
    PayPerUse,
}

impl Period {
    /// The periods that a value of `cycleType` means.
    fn of_cycle_type(value: &str) -> Option<&'static [Self]> {
        Some(match value {
            "0" => &[Self::Years, Self::Months, Self::Days, Self::Hours],
            "1" => &[Self::Years],
            "2" => &[Self::Months],
            "3" => &[Self::Days],
            "4" => &[Self::Hours],
            "5" => &[Self::PayPerUse],
            "6" => &[Self::Years, Self::Months, Self::Days, Self::Hours, Self::PayPerUse],
            _ => return None,
        })
    }
}

/// Limits as the choice of coupons reads them; `None` is no limit.
#[expect(clippy::struct_excessive_bools, reason = "each is a limit of its own: any of them goes with any other")]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rules {
    /// Types of cloud services.
    pub services: Option<BTreeSet<String>>,
    /// Products.
    pub products: Option<BTreeSet<String>>,
    /// Products it may not be used for.
    pub excluded_products: BTreeSet<String>,
    /// Kinds of orders.
    pub subscribe_types: Option<BTreeSet<SubscribeType>>,
    /// Only for the first order in a service.
    pub first_order_in_service: bool,
    /// Periods.
    pub periods: Option<BTreeSet<Period>>,
    /// Whether it is used once, whatever is left.
    pub is_used_once: bool,
    /// From which amount of the order on.
    pub min_order_amount: Option<Decimal>,
    /// The largest share that it pays.
    pub max_deduction_ratio: Option<Decimal>,
    /// The deepest discount beside which it may be used.
    pub min_consume_discount: Option<Decimal>,
    /// Whether it may be used beside a discount that the partner granted.
    pub beside_partner_discount: bool,
    /// Whether it may be used beside a commercial discount.
    pub beside_contract_discount: bool,
    /// Whether it may be used beside a promotional discount.
    pub beside_promotion_discount: bool,
}

impl Limits {
    /// Reads `key=value,value`, as the command line writes a limit.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let (key, values) = text.split_once('=').ok_or("a limit is written key=value,value")?;
        let key: LimitKey = serde_json::from_value(key.into()).map_err(|error| error.to_string())?;
        let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
        self.set(key, values);
        self.rules().map(drop)
    }

    /// Sets the values of a key.
    pub fn set(&mut self, key: LimitKey, values: Vec<String>) {
        self.0.insert(key, values);
    }

    /// The values of a key; none is no limit.
    pub fn values(&self, key: LimitKey) -> &[String] {
        self.0.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Every key with its values.
    pub fn iter(&self) -> impl Iterator<Item = (LimitKey, &[String])> {
        self.0.iter().map(|(key, values)| (*key, values.as_slice()))
    }

    /// What they mean; an error names the key.
    pub fn rules(&self) -> Result<Rules, String> {
        Ok(Rules {
            services: self.set_of(LimitKey::CloudServiceType, |value| Some(value.to_owned()))?,
            products: self.set_of(LimitKey::ProductId, |value| Some(value.to_owned()))?,
            excluded_products: self
                .set_of(LimitKey::ExcludedProductId, |value| Some(value.to_owned()))?
                .unwrap_or_default(),
            subscribe_types: self.set_of(LimitKey::SubscribeType, subscribe_type)?,
            first_order_in_service: self.flag(LimitKey::FirstOrderInService)?.unwrap_or(false),
            periods: self.periods()?,
            is_used_once: self.flag(LimitKey::UsageTimes)?.unwrap_or(false),
            min_order_amount: self.number(LimitKey::MinOrderAmount, None)?,
            max_deduction_ratio: self.number(LimitKey::MaxDeductionRatio, Some(Decimal::ONE))?,
            min_consume_discount: self.number(LimitKey::MinConsumeDiscount, Some(Decimal::ONE))?,
            beside_partner_discount: self.flag(LimitKey::SimultaneousUseWithEmpowerDiscount)?.unwrap_or(true),
            beside_contract_discount: self.flag(LimitKey::SimultaneousUseWithContractDiscount)?.unwrap_or(true),
            beside_promotion_discount: self.flag(LimitKey::SimultaneousUseWithPromotionDiscount)?.unwrap_or(true),
        })
    }

    fn set_of<T: Ord>(&self, key: LimitKey, read: fn(&str) -> Option<T>) -> Result<Option<BTreeSet<T>>, String> {
        let Some(values) = self.0.get(&key) else { return Ok(None) };
        let read = |value: &String| read(value).filter(|_| !value.is_empty()).ok_or_else(|| wrong(key, value));
        values.iter().map(read).collect::<Result<_, _>>().map(Some)
    }

    fn periods(&self) -> Result<Option<BTreeSet<Period>>, String> {
        let sets = self.set_of(LimitKey::CycleType, Period::of_cycle_type)?;
        Ok(sets.map(|sets| sets.into_iter().flatten().copied().collect()))
    }

    fn single(&self, key: LimitKey) -> Result<Option<&str>, String> {
        match self.values(key) {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            [_, second, ..] => Err(wrong(key, second)),
        }
    }

    fn flag(&self, key: LimitKey) -> Result<Option<bool>, String> {
        match self.single(key)? {
            None => Ok(None),
            Some("0") => Ok(Some(false)),
            Some("1") => Ok(Some(true)),
            Some(other) => Err(wrong(key, other)),
        }
    }

    fn number(&self, key: LimitKey, max: Option<Decimal>) -> Result<Option<Decimal>, String> {
        let Some(text) = self.single(key)? else { return Ok(None) };
        let number = Decimal::from_str(text).ok();
        let is_sane = |number: &Decimal| *number > Decimal::ZERO && max.is_none_or(|max| *number <= max);
        number.filter(is_sane).map(Some).ok_or_else(|| wrong(key, text))
    }
}

fn subscribe_type(value: &str) -> Option<SubscribeType> {
    serde_json::from_value(value.into()).ok()
}

fn wrong(key: LimitKey, value: &str) -> String {
    format!("{}: {value:?} is not a value of it", key.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(texts: &[&str]) -> Result<Limits, String> {
        let mut limits = Limits::default();
        texts.iter().try_for_each(|text| limits.add(text)).map(|()| limits)
    }

    #[test]
    fn limits_are_kept_as_they_are_shown_and_read_into_rules() {
        let limits =
            limits(&["subscribeType=new,renew", "maxDeductionRatio=0.5", "cycleType=1,5"]).expect("they are sane");
        let stored = serde_json::to_string(&limits).expect("written");
        assert_eq!(stored, r#"{"subscribeType":["new","renew"],"cycleType":["1","5"],"maxDeductionRatio":["0.5"]}"#);
        assert_eq!(serde_json::from_str::<Limits>(&stored).expect("read"), limits);
        let rules = limits.rules().expect("they are sane");
        assert_eq!(rules.subscribe_types, Some(BTreeSet::from([SubscribeType::New, SubscribeType::Renew])));
        assert_eq!(rules.periods, Some(BTreeSet::from([Period::Years, Period::PayPerUse])));
        assert_eq!(rules.max_deduction_ratio, Some(Decimal::new(5, 1)));
        assert!(rules.beside_contract_discount && !rules.is_used_once && rules.services.is_none());
    }

    #[test]
    fn a_wrong_limit_names_its_key() {
        for wrong in [
            "maxDeductionRatio=0",
            "maxDeductionRatio=1.1",
            "subscribeType=rent",
            "usageTimes=7",
            "cycleType=9",
            "minOrderAmount=1,2",
            "productId=",
        ] {
            let message = limits(&[wrong]).expect_err(wrong);
            assert!(message.starts_with(wrong.split('=').next().expect("a key")), "{message}");
        }
        assert!(limits(&["colour=red"]).is_err() && limits(&["productId"]).is_err());
    }
}
