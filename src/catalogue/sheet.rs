//! Catalogue sheets: the [sheets](crate::sheet) that the catalogue is imported from and exported to.
//!
//! One sheet holds rows of several kinds, so that a new service comes with its resource types and their specifications or
//! not at all. `kind` says what a row is of; cells of columns that are not of that kind stay empty. Several values of one
//! cell are joined by `|`.
//!
//! | kind | columns, those that identify it first |
//! | --- | --- |
//! | `service_type` | `service_type_code`; `name_zh`, `name_en`, `abbreviation` |
//! | `resource_type` | `resource_type_code`; `service_type_code`, `name_zh`, `name_en`, `desc_zh`, `desc_en` |
//! | `usage_type` | `usage_type_code`, `resource_type_code`; `name_zh`, `name_en` |
//! | `resource_spec` | `resource_type_code`, `resource_spec`; `name_zh`, `name_en`, `charge_modes`, `regions` |
//! | `measure_unit` | `measure_id`; `measure_type`, `name_zh`, `name_en`, `abbreviation` |
//! | `conversion` | `measure_id`, `ref_measure_id`; `conversion_ratio`, `measure_type` |
//!
//! `charge_modes` are `1` (yearly/monthly) and `3` (pay-per-use). Without charge modes or regions a specification is not sold.

use crate::products::store::{Products, ResourceType, ServiceType, Specification, UsageTypeRow};
use crate::reference::store::{ConversionRow, Reference, Unit};
use crate::sheet::{self, Format, Placed, Problem, Row};
use crate::values::language::Names;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use utoipa::ToSchema;

/// The first line of a CSV sheet.
pub const HEADER: &str = "kind,service_type_code,resource_type_code,usage_type_code,resource_spec,measure_id,ref_measure_id,\
    name_zh,name_en,abbreviation,desc_zh,desc_en,charge_modes,regions,conversion_ratio,measure_type";

/// Lengths in characters, as the vendor's documents give them for codes; those of names and descriptions are ours.
const CODE: RangeInclusive<usize> = 1..=64;
const SPEC_CODE: RangeInclusive<usize> = 1..=256;
const NAME: RangeInclusive<usize> = 1..=256;
const ABBREVIATION: RangeInclusive<usize> = 0..=64;
const DESCRIPTION: RangeInclusive<usize> = 0..=1024;

/// What a row is of. In the order in which rows refer to each other.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
#[schema(as = CatalogueKind)]
pub enum Kind {
    /// A cloud service type.
    ServiceType,
    /// A resource type.
    ResourceType,
    /// What of a resource type is measured.
    UsageType,
    /// A specification of a resource type.
    ResourceSpec,
    /// A unit of measurement.
    MeasureUnit,
    /// How many of one unit make another.
    Conversion,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::ServiceType,
        Self::ResourceType,
        Self::UsageType,
        Self::ResourceSpec,
        Self::MeasureUnit,
        Self::Conversion,
    ];

    /// The sheet's word.
    fn word(self) -> &'static str {
        match self {
            Self::ServiceType => "service_type",
            Self::ResourceType => "resource_type",
            Self::UsageType => "usage_type",
            Self::ResourceSpec => "resource_spec",
            Self::MeasureUnit => "measure_unit",
            Self::Conversion => "conversion",
        }
    }

    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::ServiceType => &["service_type_code", "name_zh", "name_en", "abbreviation"],
            Self::ResourceType => {
                &["resource_type_code", "service_type_code", "name_zh", "name_en", "desc_zh", "desc_en"]
            }
            Self::UsageType => &["usage_type_code", "resource_type_code", "name_zh", "name_en"],
            Self::ResourceSpec => {
                &["resource_type_code", "resource_spec", "name_zh", "name_en", "charge_modes", "regions"]
            }
            Self::MeasureUnit => &["measure_id", "measure_type", "name_zh", "name_en", "abbreviation"],
            Self::Conversion => &["measure_id", "ref_measure_id", "conversion_ratio", "measure_type"],
        }
    }
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A cloud service type.
    ServiceType(ServiceType),
    /// A resource type.
    ResourceType(ResourceType),
    /// What of a resource type is measured.
    UsageType(UsageTypeRow),
    /// A specification of the resource type of this code.
    ResourceSpec(String, Specification),
    /// A unit of measurement.
    MeasureUnit(Unit),
    /// How many of one unit make another.
    Conversion(ConversionRow),
}

/// What identifies a row: one code or id, or two.
pub type Key = (Kind, String, String);

impl Entry {
    /// What it is of.
    pub fn kind(&self) -> Kind {
        match self {
            Self::ServiceType(_) => Kind::ServiceType,
            Self::ResourceType(_) => Kind::ResourceType,
            Self::UsageType(_) => Kind::UsageType,
            Self::ResourceSpec(..) => Kind::ResourceSpec,
            Self::MeasureUnit(_) => Kind::MeasureUnit,
            Self::Conversion(_) => Kind::Conversion,
        }
    }

    /// What identifies it.
    pub fn key(&self) -> Key {
        let (one, other) = match self {
            Self::ServiceType(service) => (service.code.clone(), String::new()),
            Self::ResourceType(resource) => (resource.code.clone(), String::new()),
            Self::UsageType(usage) => (usage.code.clone(), usage.resource_type_code.clone()),
            Self::ResourceSpec(resource_type, spec) => (resource_type.clone(), spec.code.clone()),
            Self::MeasureUnit(unit) => (unit.measure_id.to_string(), String::new()),
            Self::Conversion(row) => (row.measure_id.to_string(), row.ref_measure_id.to_string()),
        };
        (self.kind(), one, other)
    }

    /// Its cells, each with its column, in the order of the kind's columns.
    pub fn cells(&self) -> Vec<(&'static str, String)> {
        let cells = match self {
            Self::ServiceType(ServiceType { code, names, abbreviation }) => {
                vec![code.clone(), names.zh.clone(), names.en.clone(), abbreviation.clone()]
            }
            Self::ResourceType(ResourceType { code, service_type_code, names, descriptions }) => vec![
                code.clone(),
                service_type_code.clone(),
                names.zh.clone(),
                names.en.clone(),
                descriptions.zh.clone(),
                descriptions.en.clone(),
            ],
            Self::UsageType(UsageTypeRow { code, resource_type_code, names }) => {
                vec![code.clone(), resource_type_code.clone(), names.zh.clone(), names.en.clone()]
            }
            Self::ResourceSpec(resource_type, Specification { code, names, charge_modes, region_codes }) => vec![
                resource_type.clone(),
                code.clone(),
                names.zh.clone(),
                names.en.clone(),
                charge_modes.iter().map(i16::to_string).collect::<Vec<_>>().join("|"),
                region_codes.join("|"),
            ],
            Self::MeasureUnit(Unit { measure_id, measure_type, names, abbreviation }) => vec![
                measure_id.to_string(),
                measure_type.to_string(),
                names.zh.clone(),
                names.en.clone(),
                abbreviation.clone(),
            ],
            Self::Conversion(ConversionRow { measure_id, ref_measure_id, conversion_ratio, measure_type }) => vec![
                measure_id.to_string(),
                ref_measure_id.to_string(),
                conversion_ratio.to_string(),
                measure_type.to_string(),
            ],
        };
        self.kind().columns().iter().copied().zip(cells).collect()
    }
}

/// All that can be imported, kind by kind, each in the order of its codes.
pub fn entries(products: &Products, reference: &Reference) -> Vec<Entry> {
    let specs = products.resources.iter().flat_map(|resource| {
        let of = products.specifications_of(&resource.code).iter();
        of.map(|spec| Entry::ResourceSpec(resource.code.clone(), spec.clone()))
    });
    let services = products.services.iter().cloned().map(Entry::ServiceType);
    services
        .chain(products.resources.iter().cloned().map(Entry::ResourceType))
        .chain(products.usages.iter().cloned().map(Entry::UsageType))
        .chain(specs)
        .chain(reference.units.iter().cloned().map(Entry::MeasureUnit))
        .chain(reference.conversions.iter().cloned().map(Entry::Conversion))
        .collect()
}

/// Reads a sheet. All problems are told, not only the first.
pub fn read(text: &str) -> Result<Placed<Entry>, Vec<Problem>> {
    sheet::read(text, HEADER, |row| Ok(vec![entry(row)?]))
}

fn entry(row: &Row) -> Result<Entry, Problem> {
    let kind: Kind = row.word("kind")?.ok_or_else(|| row.problem("kind", "must not be empty"))?;
    for column in HEADER.split(',').skip(1) {
        if !kind.columns().contains(&column) && !row.text(column).is_empty() {
            return Err(row.problem(column, format!("must be empty where the kind is {}", kind.word())));
        }
    }
    let names = || Ok(Names { zh: row.bounded("name_zh", NAME)?, en: row.bounded("name_en", NAME)? });
    Ok(match kind {
        Kind::ServiceType => Entry::ServiceType(ServiceType {
            code: row.bounded("service_type_code", CODE)?,
            names: names()?,
            abbreviation: row.bounded("abbreviation", ABBREVIATION)?,
        }),
        Kind::ResourceType => Entry::ResourceType(ResourceType {
            code: row.bounded("resource_type_code", CODE)?,
            service_type_code: row.bounded("service_type_code", CODE)?,
            names: names()?,
            descriptions: Names { zh: row.bounded("desc_zh", DESCRIPTION)?, en: row.bounded("desc_en", DESCRIPTION)? },
        }),
        Kind::UsageType => Entry::UsageType(UsageTypeRow {
            code: row.bounded("usage_type_code", CODE)?,
            resource_type_code: row.bounded("resource_type_code", CODE)?,
            names: names()?,
        }),
        Kind::ResourceSpec => {
            let specification = Specification {
                code: row.bounded("resource_spec", SPEC_CODE)?,
                names: names()?,
                charge_modes: charge_modes(row)?,
                region_codes: several(row, "regions")?.into_iter().map(str::to_owned).collect(),
            };
            Entry::ResourceSpec(row.bounded("resource_type_code", CODE)?, specification)
        }
        Kind::MeasureUnit => Entry::MeasureUnit(Unit {
            measure_id: number(row, "measure_id", 0)?,
            measure_type: number(row, "measure_type", 1)?,
            names: names()?,
            abbreviation: row.bounded("abbreviation", ABBREVIATION)?,
        }),
        Kind::Conversion => Entry::Conversion(ConversionRow {
            measure_id: number(row, "measure_id", 0)?,
            ref_measure_id: number(row, "ref_measure_id", 0)?,
            conversion_ratio: number(row, "conversion_ratio", 1)?,
            measure_type: number(row, "measure_type", 1)?,
        }),
    })
}

fn number<T>(row: &Row, column: &'static str, least: T) -> Result<T, Problem>
where
    T: Copy + std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let number = row.number(column)?.filter(|number| *number >= least);
    number.ok_or_else(|| row.problem(column, format!("must be a whole number from {least}")))
}

fn charge_modes(row: &Row) -> Result<Vec<i16>, Problem> {
    let mode = |word: &str| match word {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err(row.problem("charge_modes", "must be 1, 3 or both")),
    };
    several(row, "charge_modes")?.into_iter().map(mode).collect()
}

/// The values of a cell, none twice.
fn several<'a>(row: &'a Row, column: &'static str) -> Result<Vec<&'a str>, Problem> {
    let values: Vec<&str> = row.text(column).split('|').filter(|value| !value.is_empty()).collect();
    match values.iter().enumerate().find(|(index, value)| values[..*index].contains(value)) {
        Some((_, value)) => Err(row.problem(column, format!("names {value} twice"))),
        None => Ok(values),
    }
}

/// Writes a sheet.
pub fn write(entries: &[Entry], format: Format) -> String {
    let line = |entry: &Entry| {
        let cells = entry.cells();
        let cell = |column: &str| match cells.iter().find(|(of, _)| *of == column) {
            Some((_, cell)) => cell.clone(),
            None if column == "kind" => entry.kind().word().to_owned(),
            None => String::new(),
        };
        HEADER.split(',').map(cell).collect()
    };
    sheet::write(format, HEADER, entries.iter().map(line))
}
