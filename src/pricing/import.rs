//! Importing a price sheet: checked as a whole, then written as a whole or not at all.
//!
//! A row adds to the book, or replaces the row of the same key and instant; rows that the sheet does not name stay. Prices
//! of the past can be corrected this way, so quotes of the past are not proof of what was quoted: bills are.

use super::book::{PriceKey, PriceRow};
use super::sheet::{self, Placed, Problem};
use super::store;
use crate::catalogue;
use crate::products::store::{Products, region_codes};
use crate::reference::store::Reference;
use sqlx::{Connection, PgConnection};
use std::collections::{HashMap, HashSet};
use time::OffsetDateTime;

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The sheet is wrong in these places.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Problems(Vec<Problem>),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// What an import changes, or would change.
#[derive(Debug, Default)]
pub struct Difference {
    /// Rows that were not there.
    pub added: Vec<PriceRow>,
    /// Rows that were there with other terms: before and after.
    pub changed: Vec<(PriceRow, PriceRow)>,
    /// How many rows are as they were.
    pub unchanged: usize,
}

/// Imports a sheet. With `dry_run` everything is checked and nothing is kept.
pub async fn import(connection: &mut PgConnection, text: &str, dry_run: bool) -> Result<Difference, ImportError> {
    let rows = sheet::read(text).map_err(ImportError::Problems)?;
    let mut transaction = connection.begin().await?;
    // First, so that two imports at once follow each other.
    catalogue::announce(&mut transaction).await?;
    let products = Products::load(&mut transaction).await?;
    let reference = Reference::load(&mut transaction).await?;
    let current = store::prices(&mut transaction).await?;
    let problems = check(&rows, &products, &reference, &current);
    if !problems.is_empty() {
        return Err(ImportError::Problems(problems));
    }
    let difference = difference(rows, current);
    if !dry_run {
        let new = difference.changed.iter().map(|(_, after)| after).chain(&difference.added).cloned();
        store::put_prices(&mut transaction, &new.collect::<Vec<_>>()).await?;
        transaction.commit().await?;
    }
    Ok(difference)
}

/// What the rows break that only shows beside the catalogue, beside each other and beside the rows that are there.
fn check(rows: &Placed, products: &Products, reference: &Reference, current: &[PriceRow]) -> Vec<Problem> {
    let regions: HashSet<String> = region_codes().into_iter().collect();
    let units: HashSet<i32> = reference.units.iter().map(|unit| unit.measure_id).collect();
    let specifications: HashMap<&str, HashSet<&str>> = products
        .resources
        .iter()
        .map(|resource| resource.code.as_str())
        .map(|code| (code, products.specifications_of(code).iter().map(|spec| spec.code.as_str()).collect()))
        .collect();
    let known = |row: &PriceRow| {
        let PriceKey { resource_type, resource_spec, region, .. } = &row.key;
        let unknown_unit = |id: Option<i32>| id.filter(|id| !units.contains(id));
        let (usage, size) = (row.terms.measure_id, row.terms.size.map(|size| size.measure_id));
        match specifications.get(resource_type.as_str()) {
            None => Some(("resource_type", format!("there is no resource type {resource_type}"))),
            Some(specs) if !specs.contains(resource_spec.as_str()) => {
                Some(("resource_spec", format!("{resource_type} has no specification {resource_spec}")))
            }
            Some(_) if !regions.contains(region) => Some(("regions", format!("there is no region {region}"))),
            Some(_) => unknown_unit(usage)
                .map(|id| ("measure_id", format!("there is no unit {id}")))
                .or_else(|| unknown_unit(size).map(|id| ("size_measure_id", format!("there is no unit {id}")))),
        }
    };
    let mut problems = Vec::new();
    let mut seen: HashMap<(&PriceKey, OffsetDateTime), u64> = HashMap::new();
    let mut periods = Periods::default();
    current.iter().for_each(|row| drop(periods.add(row)));
    for (place, row) in rows {
        let again = seen.insert((&row.key, row.terms.effective_at), *place);
        let problem = known(row)
            .or_else(|| again.map(|first| ("effective_at", format!("repeats row {first} for {}", row.key.region))))
            .or_else(|| periods.add(row).map(|other| ("usage_factor", other)));
        problems.extend(problem.map(|(column, rule)| Problem { row: *place, column, rule }));
    }
    problems
}

/// The one usage factor whose rows hold a product's period prices, so that a period has one price.
#[derive(Default)]
struct Periods<'a>(HashMap<(&'a str, &'a str, &'a str, &'static str), &'a str>);

impl<'a> Periods<'a> {
    /// What the row breaks.
    fn add(&mut self, row: &'a PriceRow) -> Option<String> {
        let by_period = [&row.terms.day, &row.terms.month].into_iter().chain(&row.terms.years);
        if by_period.into_iter().all(Vec::is_empty) {
            return None;
        }
        let PriceKey { resource_type, resource_spec, region, currency, usage_factor } = &row.key;
        let holder = self.0.entry((resource_type, resource_spec, region, currency.code())).or_insert(usage_factor);
        (*holder != usage_factor).then(|| format!("the period prices stand in the rows of the usage factor '{holder}'"))
    }
}

fn difference(rows: Placed, current: Vec<PriceRow>) -> Difference {
    let mut known: HashMap<(PriceKey, OffsetDateTime), PriceRow> =
        current.into_iter().map(|row| ((row.key.clone(), row.terms.effective_at), row)).collect();
    let mut difference = Difference::default();
    for (_, row) in rows {
        match known.remove(&(row.key.clone(), row.terms.effective_at)) {
            None => difference.added.push(row),
            Some(before) if before.terms == row.terms => difference.unchanged += 1,
            Some(before) => difference.changed.push((before, row)),
        }
    }
    difference
}
