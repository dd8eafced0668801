//! Sample prices and policies, for the sandbox and for tests: plausible, none of them the vendor's. A production system
//! starts with an empty book.

use super::administration::{NewDiscount, Span, add_agreement, add_discount};
use super::discounts::{DiscountKind, Scope};
use super::import::import;
use super::model::Currency;
use super::sheet::HEADER;
use super::store;
use crate::products::store::Products;
use crate::seed;
use crate::sheet::ImportError;
use crate::values::decimal::{parse_decimal, plain};
use crate::values::id::{DomainId, TenantId};
use anyhow::anyhow;
use rust_decimal::Decimal;
use rust_decimal::RoundingStrategy::MidpointAwayFromZero;
use sqlx::PgConnection;
use std::collections::HashMap;
use time::{Duration, OffsetDateTime};

const PRICES: &str = include_str!("prices.csv");
const INCENTIVES: &str = include_str!("incentives.csv");

/// The columns of a sheet from the usage factor to the tiers, which are the sample's own.
const MEASURES: [&str; 9] =
    ["usage_factor", "measure_id", "size_measure_id", "size_min", "size_max", "size_step", "shape", "tier_by", "tiers"];
/// Since when the prices hold.
const EFFECTIVE_AT: &str = "2020-01-01T00:00:00Z";
/// What prices are multiplied by in mainland regions, and elsewhere.
const MARKUPS: [(bool, Decimal); 2] = [(true, Decimal::ONE), (false, Decimal::from_parts(125, 0, 0, false, 2))];
/// How many months' prices a day costs, a month, and one, two and three years.
const TERMS: [Decimal; 5] = [
    Decimal::from_parts(4, 0, 0, false, 2),
    Decimal::ONE,
    Decimal::TEN,
    Decimal::from_parts(17, 0, 0, false, 0),
    Decimal::from_parts(21, 0, 0, false, 0),
];
/// What costs less than this keeps ten digits, as far as the vendor's own prices go.
const TINY: Decimal = Decimal::from_parts(1, 0, 0, false, 2);

/// Fills the book with prices of all that the catalogue lists, which must be there: in each region, and in each currency.
pub async fn load(connection: &mut PgConnection) -> Result<(), ImportError> {
    store::put_incentives(connection, &seed::json(INCENTIVES)).await?;
    let products = Products::load(connection).await?;
    import(connection, &sheet(&products), false).await?;
    Ok(())
}

/// The sheet of all regions and currencies, out of prices in yuan for the mainland.
fn sheet(products: &Products) -> String {
    let mut sheet = format!("{HEADER}\n");
    for row in seed::rows(PRICES) {
        let specifications = products.specifications_of(&row["resource_type"]);
        let place = specifications.binary_search_by(|known| known.code.as_str().cmp(row["resource_spec"].as_str()));
        let Ok(place) = place else { continue };
        for (is_mainland, markup) in MARKUPS {
            let sold = specifications[place].region_codes.iter();
            let regions: Vec<&str> =
                sold.map(String::as_str).filter(|region| region.starts_with("cn-") == is_mainland).collect();
            if regions.is_empty() {
                continue;
            }
            for currency in Currency::ALL {
                let named = format!("{},{},{}", row["resource_type"], row["resource_spec"], regions.join("|"));
                let measured = MEASURES.map(|column| row[column].as_str()).join(",");
                let prices = prices(&row, markup / in_yuan(currency)).join(",");
                let row = [&named, currency.code(), EFFECTIVE_AT, &measured, &prices].join(",");
                sheet.extend([row.as_str(), "\n"]);
            }
        }
    }
    sheet
}

/// What one of a currency is worth.
fn in_yuan(currency: Currency) -> Decimal {
    match currency {
        Currency::Cny => Decimal::ONE,
        Currency::Usd => Decimal::from_parts(72, 0, 0, false, 1),
    }
}

/// The cells of a row's prices: by use, and for each term.
fn prices(row: &HashMap<String, String>, factor: Decimal) -> Vec<String> {
    let base = |column: &str| -> Vec<Decimal> {
        let cells = row[column].split('|').filter(|cell| !cell.is_empty());
        cells.map(|cell| parse_decimal(cell).expect("the tests read every sample")).collect()
    };
    let cell = |prices: &[Decimal], times: Decimal, digits: u32| {
        let price = |price: &Decimal| (price * factor * times).round_dp_with_strategy(digits, MidpointAwayFromZero);
        prices.iter().map(|base| plain(price(base))).collect::<Vec<_>>().join("|")
    };
    let (on_demand, month) = (base("on_demand"), base("month"));
    let digits = if on_demand.iter().max().is_some_and(|price| *price < TINY) { 10 } else { 6 };
    // A size is multiplied with the price for one of it, which therefore may have more digits than money has.
    let digits_of_terms = if row["size_measure_id"].is_empty() { 2 } else { 4 };
    let by_use = cell(&on_demand, Decimal::ONE, digits);
    [by_use].into_iter().chain(TERMS.map(|times| cell(&month, times, digits_of_terms))).collect()
}

/// Gives a customer what the discount operations can be tried with: an agreement with a discount on databases.
pub async fn furnish(
    connection: &mut PgConnection,
    customer: (TenantId, DomainId),
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let text = |rule: String| anyhow!(rule);
    let span = Span { from: now - Duration::DAY, until: now + Duration::days(3650) };
    let code = "SANDBOX".to_owned().try_into().map_err(text)?;
    add_agreement(connection, customer, &code, span, now).await?;
    let databases = NewDiscount {
        kind: DiscountKind::Commercial,
        name: "Sandbox databases".to_owned().try_into().map_err(text)?,
        agreement: Some("SANDBOX".to_owned()),
        ratio: Decimal::new(85, 2),
        stacks: false,
        for_customers: false,
        scope: Scope { service_type: Some("hws.service.type.rds".to_owned()), ..Scope::default() },
        span: None,
    };
    add_discount(connection, customer, databases, now).await?;
    Ok(())
}
