//! How an amount comes about, in the vendor's form: numbers in braces, each with its name in brackets.

use super::search::Row;
use crate::values::decimal::plain;
use crate::values::language::Language;
use crate::values::money::Currency;
use rust_decimal::Decimal;

/// A row whose price is one for any quantity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Priced {
    /// How much was used and not covered by packages, or how many periods.
    quantity: Decimal,
    /// For how many of these the price is.
    divisor: Decimal,
    /// Of linear products: the size.
    size: Option<Decimal>,
    price: Decimal,
    discount: Decimal,
    /// Of use only: of an order nothing is cut off.
    erased: Option<Decimal>,
    coupons: Decimal,
}

impl Priced {
    /// Of a row; nothing if its price is not one for any quantity, or if it is of several charges.
    pub fn of(row: &Row) -> Option<Self> {
        let is_use = row.order_id.is_none();
        let used = row.usage_amount.map(|used| used - row.package_amount.unwrap_or_default());
        Some(Self {
            quantity: if is_use { used } else { row.period_num.map(Decimal::from) }?,
            divisor: row.price_divisor?,
            size: row.resource_size.map(Decimal::from),
            price: row.unit_price?,
            discount: row.amounts.discount_amount,
            erased: is_use.then_some(row.amounts.erase_amount),
            coupons: row.amounts.coupon_amount,
        })
    }
}

/// What the price is for: an hour or a month, of one unit of size where there is a size.
pub fn unit(priced: &Priced, size_unit: Option<&str>, (currency, language): (Currency, Language)) -> String {
    let money = match (language, currency) {
        (Language::ZhCn, Currency::Cny) => "元",
        (_, currency) => currency.code(),
    };
    let per = match (language, priced.erased.is_some()) {
        (Language::ZhCn, true) => "小时",
        (Language::ZhCn, false) => "月",
        (Language::EnUs, true) => "hour",
        (Language::EnUs, false) => "month",
    };
    match size_unit.filter(|_| priced.size.is_some()) {
        Some(size_unit) => format!("{money}/{size_unit}/{per}"),
        None => format!("{money}/{per}"),
    }
}

/// What is paid other than by coupons, as it was calculated. The names are the vendor's terms.
pub fn formula(priced: &Priced, language: Language) -> String {
    let is_use = priced.erased.is_some();
    let parts = [
        (' ', Some(priced.quantity), if is_use { ("使用量", "usage") } else { ("周期数", "periods") }),
        (
            '/',
            Some(priced.divisor),
            if is_use { ("单位转换", "unit conversion") } else { ("周期转换", "period conversion") },
        ),
        ('*', priced.size, ("规格", "size")),
        ('*', Some(priced.price), ("单价", "unit price")),
        ('-', Some(priced.discount), ("优惠金额", "discount")),
        ('-', priced.erased, ("抹零金额", "erased")),
        ('-', Some(priced.coupons), ("代金券抵扣", "coupons")),
    ];
    let part = |(sign, number, (zh, en)): (char, Option<Decimal>, (&str, &str))| {
        let name = if language == Language::ZhCn { zh } else { en };
        number.map(|number| format!("{sign}{{{}}}【{name}】", plain(number)))
    };
    parts.into_iter().filter_map(part).collect::<String>().trim_start().to_owned()
}
