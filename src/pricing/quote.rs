//! What one customer pays: the book's amounts and the customer's discounts, put together.

use super::discounts::{self, CustomerTerms, Offered, Subject, Taken};
use super::memory::Pricing;
use super::model::{AMOUNT_MAX, ChargingMode, Currency, Fault, Unavailable};
use super::rating::{self, Official, PeriodFault, PeriodItem, Rounding, Trace, UsageItem};
use super::store;
use crate::api::caller::Caller;
use crate::api::error::ApiError;
use crate::database::Database;
use crate::identity::store as identity;
use crate::values::id::{DomainId, TenantId};
use crate::values::site::Site;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// Answers what things cost one customer at one instant.
#[derive(Clone, Copy, Debug)]
pub struct Quoting<'a> {
    /// The price book and the policies.
    pub pricing: &'a Pricing,
    /// The customer's currency and discounts.
    pub customer: &'a CustomerTerms,
    /// The instant.
    pub now: OffsetDateTime,
}

/// What usage costs.
#[derive(Clone, Debug)]
pub struct RatedUsage<'a> {
    /// The product.
    pub product_id: &'a str,
    /// Before discounts.
    pub official: Decimal,
    /// After them.
    pub amount: Decimal,
    /// The discounts that were taken.
    pub taken: Vec<Taken<'a>>,
}

/// What a purchase costs.
#[derive(Clone, Debug)]
pub struct Purchase<'a> {
    /// Each item before discounts.
    pub items: Vec<Official<'a>>,
    /// Their sum.
    pub official: Decimal,
    /// The discounts to choose from, the best first.
    pub offered: Vec<Offered<'a>>,
}

impl<'a> Quoting<'a> {
    /// What usage costs.
    pub fn usage(&self, item: &UsageItem<'_>, rounding: Rounding, trace: &mut Trace) -> Result<RatedUsage<'a>, Fault> {
        let CustomerTerms { currency, discounts } = self.customer;
        let Official { product_id, amount: official } =
            rating::rate_usage(&self.pricing.book, *currency, self.now, item, rounding, trace)?;
        if discounts.is_empty() {
            return Ok(RatedUsage { product_id, official, amount: official, taken: Vec::new() });
        }
        let subject = Subject::new(item.codes, Some(ChargingMode::OnDemand), &self.pricing.incentives, self.now);
        let taken = discounts::for_usage(discounts, &subject, official, rounding, trace);
        let amount = official - taken.iter().map(|taken| taken.saving).sum::<Decimal>();
        Ok(RatedUsage { product_id, official, amount, taken })
    }

    /// What metered usage costs where so much was used before in the month, and its price where it is one for any quantity.
    pub fn metered(
        &self,
        (item, before): (&UsageItem<'_>, Decimal),
        trace: &mut Trace,
    ) -> Result<(RatedUsage<'a>, Option<(Decimal, Decimal)>), Fault> {
        let CustomerTerms { currency, discounts } = self.customer;
        let metered = rating::rate_usage_after(&self.pricing.book, *currency, self.now, (item, before), trace)?;
        let Official { product_id, amount: official } = metered.official;
        let subject = Subject::new(item.codes, Some(ChargingMode::OnDemand), &self.pricing.incentives, self.now);
        let taken = discounts::for_usage(discounts, &subject, official, Rounding::Metered, trace);
        let amount = official - taken.iter().map(|taken| taken.saving).sum::<Decimal>();
        Ok((RatedUsage { product_id, official, amount, taken }, metered.unit_price))
    }

    /// What one item of a purchase costs before discounts.
    pub fn official(&self, item: &PeriodItem<'_>, trace: &mut Trace) -> Result<Official<'a>, PeriodFault> {
        rating::rate_period(&self.pricing.book, self.customer.currency, self.now, item, trace)
    }

    /// The sum of a purchase's items, and the discounts to choose from.
    pub fn purchase(
        &self,
        items: &[PeriodItem<'_>],
        officials: Vec<Official<'a>>,
        trace: &mut Trace,
    ) -> Result<Purchase<'a>, Fault> {
        let subject = |item| subject_of(self, item);
        let subjects: Vec<_> =
            items.iter().zip(&officials).map(|(item, official)| (subject(item), official.amount)).collect();
        let official = sum(officials.iter().map(|official| official.amount))?;
        let offered = discounts::offered(&self.customer.discounts, &subjects, trace);
        Ok(Purchase { items: officials, official, offered })
    }
}

fn subject_of<'a>(quoting: &Quoting<'_>, item: &PeriodItem<'a>) -> Subject<'a> {
    Subject::new(item.codes, ChargingMode::of(item.period), &quoting.pricing.incentives, quoting.now)
}

/// The sum of amounts, unless it is more than is quoted.
pub fn sum(amounts: impl Iterator<Item = Decimal>) -> Result<Decimal, Fault> {
    // At most a hundred amounts of a trillion each: far from what a decimal can hold.
    let sum: Decimal = amounts.sum();
    if sum <= AMOUNT_MAX { Ok(sum) } else { Err(Fault::TooLarge) }
}

/// The currency of accounts that have none of their own.
pub fn default_currency(site: Site) -> Currency {
    match site {
        Site::Intl => Currency::Usd,
        Site::Cn | Site::Both => Currency::Cny,
    }
}

/// The currency in which an account pays.
pub async fn currency(
    connection: &mut PgConnection,
    account: (TenantId, DomainId),
    site: Site,
) -> sqlx::Result<Currency> {
    Ok(store::currency(connection, account).await?.unwrap_or(default_currency(site)))
}

/// The terms of the customer that calls.
pub async fn customer_terms(
    (database, site): (&Database, Site),
    caller: &Caller,
    now: OffsetDateTime,
) -> Result<CustomerTerms, ApiError> {
    let mut connection = database.tenant(caller.tenant).await?;
    let default = default_currency(site);
    Ok(terms_of(&mut connection, (caller.tenant, caller.domain), default, now).await?)
}

/// The terms of an account.
pub async fn terms_of(
    connection: &mut PgConnection,
    account: (TenantId, DomainId),
    default: Currency,
    now: OffsetDateTime,
) -> Result<CustomerTerms, Unavailable> {
    let parent = identity::domain_parent(connection, account.0, account.1).await;
    let parent = parent.map_err(|error| Unavailable::Customer(Some(error)))?.ok_or(Unavailable::Customer(None))?;
    store::customer_terms(connection, account, parent, default, now).await.map_err(Unavailable::Discounts)
}
