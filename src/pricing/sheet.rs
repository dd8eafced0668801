//! Price sheets: the [sheets](crate::sheet) that prices are imported from and exported to.
//!
//! One row is one product in one way of measuring it, in the regions that share its prices. Several values of one cell are
//! joined by `|`. A row takes effect at `effective_at` and replaces the whole row before it.
//!
//! | column | what it says |
//! | --- | --- |
//! | `resource_type`, `resource_spec`, `regions`, `currency` | of what, where, `CNY` or `USD` |
//! | `effective_at` | from when, `2026-01-31T16:00:00Z` |
//! | `usage_factor`, `measure_id` | what `on_demand` is a price of, and in which unit; empty without one |
//! | `size_measure_id`, `size_min`, `size_max`, `size_step` | linear products: prices are for a size of one of this unit |
//! | `shape` | `fixed`, `linear`, `tiered`, `stepped`; `withdrawn`: not sold any more |
//! | `tier_by`, `tiers` | `usage` or `size`, and where the tiers begin: `0|5`; empty for a single tier |
//! | `on_demand` | prices by use, one for each tier |
//! | `day`, `month` | for one period, one for each tier of the size |
//! | `1_year`, `2_years`, `3_years` | for the whole period |

use super::book::{Axis, PriceKey, PriceRow, Shape, SizeRule, Terms};
use super::model::Currency;
use crate::sheet::{self, Format, Placed, Problem, Row};
use crate::values::decimal::{parse_decimal, plain};
use crate::values::time::{parse_instant, write_instant};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The first line of a CSV sheet.
pub const HEADER: &str = "resource_type,resource_spec,regions,currency,effective_at,usage_factor,measure_id,\
    size_measure_id,size_min,size_max,size_step,shape,tier_by,tiers,on_demand,day,month,1_year,2_years,3_years";

/// Prices have at most this many digits behind the point, as the vendor's.
const PRICE_DIGITS: u32 = 10;

/// Reads a sheet. All problems are told, not only the first.
pub fn read(text: &str) -> Result<Placed<PriceRow>, Vec<Problem>> {
    sheet::read(text, HEADER, |row| Reader(row).rows())
}

/// Reads a sheet that is known to be right.
pub fn read_csv(text: &str) -> Result<Vec<PriceRow>, Vec<Problem>> {
    Ok(read(text)?.into_iter().map(|(_, row)| row).collect())
}

/// Reads one row.
struct Reader<'a>(&'a Row);

impl Reader<'_> {
    fn rows(&self) -> Result<Vec<PriceRow>, Problem> {
        let terms = Arc::new(self.terms()?);
        let factor = self.0.bounded("usage_factor", 0..=64)?.to_ascii_lowercase();
        if factor.is_empty() != terms.on_demand.is_empty() && terms.shape != Shape::Withdrawn {
            return Err(self
                .0
                .problem("usage_factor", "must be given where there is an on_demand price, and only there"));
        }
        if terms.measure_id.is_none() && !terms.on_demand.is_empty() {
            return Err(self.0.problem("measure_id", "must be given where there is an on_demand price"));
        }
        let regions: Vec<&str> = self.0.text("regions").split('|').collect();
        if regions.iter().enumerate().any(|(index, region)| regions[..index].contains(region)) {
            return Err(self.0.problem("regions", "names a region twice"));
        }
        let currency = Currency::ALL.into_iter().find(|currency| currency.code() == self.0.text("currency"));
        let currency = currency.ok_or_else(|| self.0.problem("currency", "must be CNY or USD"))?;
        let row = |region: &str| PriceRow {
            key: PriceKey {
                resource_type: self.0.text("resource_type").to_owned(),
                resource_spec: self.0.text("resource_spec").to_owned(),
                region: region.to_owned(),
                currency,
                usage_factor: factor.clone(),
            },
            terms: terms.clone(),
        };
        Ok(regions.into_iter().map(row).collect())
    }

    fn terms(&self) -> Result<Terms, Problem> {
        let shape = self.0.word("shape")?.ok_or_else(|| self.0.problem("shape", "must not be empty"))?;
        let effective_at = parse_instant(self.0.text("effective_at"));
        let tier_by = self.0.word("tier_by")?;
        let tiers = self.tiers(shape, tier_by)?;
        let of_size = if tier_by == Some(Axis::Size) { tiers.len() } else { 1 };
        let terms = Terms {
            effective_at: effective_at
                .ok_or_else(|| self.0.problem("effective_at", "must look like 2026-01-31T16:00:00Z"))?,
            measure_id: self.0.number("measure_id")?,
            size: self.size()?,
            shape,
            tier_by,
            on_demand: self.prices("on_demand", tiers.len())?,
            day: self.prices("day", of_size)?,
            month: self.prices("month", of_size)?,
            years: [
                self.prices("1_year", of_size)?,
                self.prices("2_years", of_size)?,
                self.prices("3_years", of_size)?,
            ],
            tiers,
        };
        if tier_by == Some(Axis::Size) && terms.size.is_none() {
            return Err(self.0.problem("tier_by", "must not be size where the product has no sizes"));
        }
        let priced = [&terms.on_demand, &terms.day, &terms.month].into_iter().chain(&terms.years);
        if priced.into_iter().all(Vec::is_empty) != (shape == Shape::Withdrawn) {
            return Err(self.0.problem("shape", "must be withdrawn where there is no price, and only there"));
        }
        Ok(terms)
    }

    fn tiers(&self, shape: Shape, tier_by: Option<Axis>) -> Result<Vec<Decimal>, Problem> {
        let tiers = self.decimals("tiers")?;
        let several = matches!(shape, Shape::Tiered | Shape::Stepped);
        if several != tier_by.is_some() || several == tiers.is_empty() {
            return Err(self
                .0
                .problem("tiers", "must be given with tier_by where the shape is tiered or stepped, and only there"));
        }
        if !several {
            return Ok(vec![Decimal::ZERO]);
        }
        if !tiers[0].is_zero() || !tiers.is_sorted_by(|one, next| one < next) {
            return Err(self.0.problem("tiers", "must begin with 0 and rise"));
        }
        Ok(tiers)
    }

    fn size(&self) -> Result<Option<SizeRule>, Problem> {
        let part = |name| self.0.number(name);
        match (part("size_measure_id")?, part("size_min")?, part("size_max")?, part("size_step")?) {
            (None, None, None, None) => Ok(None),
            (Some(measure_id), Some(min), Some(max), Some(step)) if 1 <= min && min <= max && step >= 1 => {
                Ok(Some(SizeRule { measure_id, min, max, step }))
            }
            _ => Err(self
                .0
                .problem("size_measure_id", "needs size_min from 1, size_max from size_min and size_step from 1")),
        }
    }

    fn prices(&self, column: &'static str, tiers: usize) -> Result<Vec<Decimal>, Problem> {
        let prices = self.decimals(column)?;
        if !prices.is_empty() && prices.len() != tiers {
            return Err(self.0.problem(column, format!("must have {tiers} prices, one for each tier, or none")));
        }
        Ok(prices)
    }

    fn decimals(&self, column: &'static str) -> Result<Vec<Decimal>, Problem> {
        let text = self.0.text(column);
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let number = |text: &str| {
            let number = parse_decimal(text).map(|number| number.normalize());
            number.filter(|number| !number.is_sign_negative() && number.scale() <= PRICE_DIGITS)
        };
        let numbers: Option<Vec<Decimal>> = text.split('|').map(number).collect();
        numbers.ok_or_else(|| self.0.problem(column, "must be numbers from 0 with at most 10 digits behind the point"))
    }
}

/// Writes a CSV sheet.
pub fn write_csv(rows: &[PriceRow]) -> String {
    write(rows, Format::Csv)
}

/// Writes a sheet: rows that differ only in their region become one.
pub fn write(rows: &[PriceRow], format: Format) -> String {
    let mut lines: BTreeMap<Vec<String>, Vec<&str>> = BTreeMap::new();
    for row in rows {
        lines.entry(cells(row)).or_default().push(&row.key.region);
    }
    let lines = lines.into_iter().map(|(mut cells, mut regions)| {
        regions.sort_unstable();
        cells.insert(2, regions.join("|"));
        cells
    });
    sheet::write(format, HEADER, lines)
}

/// The cells of a row in the order of the columns, without its region.
fn cells(PriceRow { key, terms }: &PriceRow) -> Vec<String> {
    let join = |numbers: &[Decimal]| numbers.iter().copied().map(plain).collect::<Vec<_>>().join("|");
    let number = |number: Option<i32>| number.map(|number| number.to_string()).unwrap_or_default();
    let size = |part: fn(&SizeRule) -> i32| number(terms.size.as_ref().map(part));
    let mut cells = vec![
        key.resource_type.clone(),
        key.resource_spec.clone(),
        key.currency.code().to_owned(),
        write_instant(terms.effective_at),
        key.usage_factor.clone(),
        number(terms.measure_id),
        size(|size| size.measure_id),
        size(|size| size.min),
        size(|size| size.max),
        size(|size| size.step),
        shape_word(terms.shape).to_owned(),
        terms.tier_by.map(axis_word).unwrap_or_default().to_owned(),
        if terms.tier_by.is_some() { join(&terms.tiers) } else { String::new() },
    ];
    let prices = [&terms.on_demand, &terms.day, &terms.month].into_iter().chain(&terms.years);
    cells.extend(prices.map(|prices| join(prices)));
    cells
}

/// The sheet's word for a shape.
pub fn shape_word(shape: Shape) -> &'static str {
    match shape {
        Shape::Fixed => "fixed",
        Shape::Linear => "linear",
        Shape::Tiered => "tiered",
        Shape::Stepped => "stepped",
        Shape::Withdrawn => "withdrawn",
    }
}

/// The sheet's word for an axis.
pub fn axis_word(axis: Axis) -> &'static str {
    match axis {
        Axis::Usage => "usage",
        Axis::Size => "size",
    }
}
