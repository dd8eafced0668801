//! Importing a catalogue sheet: checked as a whole, then written as a whole or not at all.
//!
//! A row adds to the catalogue, or replaces the row of the same key; rows that the sheet does not name stay, since prices,
//! resources and bills refer to them. What is not to be sold any more loses its charge modes. `migrate --catalogue` brings
//! the rows that are part of the binary back to what it says.

use super::memory::announce;
use super::sheet;
use super::sheet::{Entry, Key, Kind};
use crate::products::store::{self as products, Products};
use crate::reference::store::{self as reference, ConversionRow, Reference};
use crate::sheet::{Difference, ImportError, Placed, Problem};
use serde_json::Value;
use sqlx::{Connection, PgConnection};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Imports a sheet. With `dry_run` everything is checked and nothing is kept.
pub async fn import(
    connection: &mut PgConnection,
    text: &str,
    dry_run: bool,
) -> Result<Difference<Entry>, ImportError> {
    let rows = sheet::read(text).map_err(ImportError::Problems)?;
    let mut transaction = connection.begin().await?;
    // First, so that two imports at once follow each other.
    announce(&mut transaction).await?;
    let (products, reference) = (Products::load(&mut transaction).await?, Reference::load(&mut transaction).await?);
    let current = sheet::entries(&products, &reference);
    let regions = products.regions.iter().map(|region| region.code.as_str()).collect();
    let problems = check(&rows, &current, &regions);
    if !problems.is_empty() {
        return Err(ImportError::Problems(problems));
    }
    let difference = Difference::of(rows, current, Entry::key);
    if !dry_run {
        put(&mut transaction, &difference.new_rows()).await?;
        transaction.commit().await?;
    }
    Ok(difference)
}

/// What can be imported, as it stands.
pub async fn export(connection: &mut PgConnection, kind: Option<Kind>) -> sqlx::Result<Vec<Entry>> {
    let (products, reference) = (Products::load(connection).await?, Reference::load(connection).await?);
    let mut entries = sheet::entries(&products, &reference);
    entries.retain(|entry| kind.is_none_or(|kind| entry.kind() == kind));
    Ok(entries)
}

async fn put(connection: &mut PgConnection, entries: &[Entry]) -> sqlx::Result<()> {
    for kind in Kind::ALL {
        let row = |entry: &Entry| -> Value {
            let cells = entry.cells().into_iter();
            Value::Object(cells.map(|(column, text)| (column.to_owned(), Value::String(text))).collect())
        };
        let rows: Value = entries.iter().filter(|entry| entry.kind() == kind).map(row).collect();
        match kind {
            Kind::ServiceType => products::put_services(connection, &rows).await?,
            Kind::ResourceType => products::put_resources(connection, &rows).await?,
            Kind::UsageType => products::put_usages(connection, &rows).await?,
            Kind::ResourceSpec => products::put_specifications(connection, &rows).await?,
            Kind::MeasureUnit => reference::put_units(connection, &rows).await?,
            Kind::Conversion => reference::put_conversions(connection, &rows).await?,
        }
    }
    Ok(())
}

/// What the rows break that only shows beside each other and beside the rows that are there.
fn check(rows: &Placed<Entry>, current: &[Entry], regions: &HashSet<&str>) -> Vec<Problem> {
    let known = Known::of(current.iter().chain(rows.iter().map(|(_, row)| row)));
    let mut seen: HashMap<Key, u64> = HashMap::new();
    let mut problems = Vec::new();
    for (place, row) in rows {
        let again = seen.insert(row.key(), *place).map(|first| (key_column(row), format!("repeats row {first}")));
        let problem = again.or_else(|| known.problem(row, regions));
        problems.extend(problem.map(|(column, rule)| Problem { row: *place, column, rule }));
    }
    problems
}

fn key_column(row: &Entry) -> &'static str {
    match row.kind() {
        Kind::ServiceType => "service_type_code",
        Kind::ResourceType => "resource_type_code",
        Kind::UsageType => "usage_type_code",
        Kind::ResourceSpec => "resource_spec",
        Kind::MeasureUnit | Kind::Conversion => "measure_id",
    }
}

/// The catalogue as it will be.
#[derive(Default)]
struct Known<'a> {
    services: HashSet<&'a str>,
    resources: HashSet<&'a str>,
    /// What each unit measures.
    units: HashMap<i32, i32>,
    /// By the larger unit and the smaller.
    conversions: BTreeMap<(i32, i32), &'a ConversionRow>,
    /// The units that each unit converts to or from.
    neighbours: HashMap<i32, Vec<i32>>,
}

impl<'a> Known<'a> {
    /// Of two rows of one key the later counts.
    fn of(entries: impl Iterator<Item = &'a Entry>) -> Self {
        let mut known = Self::default();
        for entry in entries {
            match entry {
                Entry::ServiceType(service) => drop(known.services.insert(&service.code)),
                Entry::ResourceType(resource) => drop(known.resources.insert(&resource.code)),
                Entry::MeasureUnit(unit) => drop(known.units.insert(unit.measure_id, unit.measure_type)),
                Entry::Conversion(row) => {
                    let (larger, smaller) = (row.measure_id, row.ref_measure_id);
                    if known.conversions.insert((larger, smaller), row).is_none() {
                        known.neighbours.entry(larger).or_default().push(smaller);
                        known.neighbours.entry(smaller).or_default().push(larger);
                    }
                }
                Entry::UsageType(_) | Entry::ResourceSpec(..) => {}
            }
        }
        known
    }

    /// What a row breaks: the column, and the rule.
    fn problem(&self, row: &Entry, regions: &HashSet<&str>) -> Option<(&'static str, String)> {
        let resource = |code: &str| {
            let is_known = self.resources.contains(code);
            (!is_known).then(|| ("resource_type_code", format!("there is no resource type {code}")))
        };
        match row {
            Entry::ServiceType(_) => None,
            Entry::ResourceType(row) => {
                let code = row.service_type_code.as_str();
                let is_known = self.services.contains(code);
                (!is_known).then(|| ("service_type_code", format!("there is no service type {code}")))
            }
            Entry::UsageType(row) => resource(&row.resource_type_code),
            Entry::ResourceSpec(code, spec) => resource(code).or_else(|| {
                let unknown = spec.region_codes.iter().find(|region| !regions.contains(region.as_str()))?;
                Some(("regions", format!("there is no region {unknown}")))
            }),
            Entry::MeasureUnit(unit) => {
                let converted = self.conversions_of(unit.measure_id);
                let other = converted.into_iter().find(|row| row.measure_type != unit.measure_type)?;
                let ConversionRow { measure_id, ref_measure_id, measure_type, .. } = other;
                Some(("measure_type", format!("{measure_id} converts to {ref_measure_id} as type {measure_type}")))
            }
            Entry::Conversion(row) => self.conversion_problem(row),
        }
    }

    fn conversions_of(&self, unit: i32) -> Vec<&'a ConversionRow> {
        let neighbours = self.neighbours.get(&unit).into_iter().flatten();
        let either = |other: &i32| [self.conversions.get(&(unit, *other)), self.conversions.get(&(*other, unit))];
        neighbours.flat_map(either).flatten().copied().collect()
    }

    fn conversion_problem(&self, row: &ConversionRow) -> Option<(&'static str, String)> {
        let ConversionRow { measure_id: larger, ref_measure_id: smaller, measure_type, .. } = *row;
        for (column, unit) in [("measure_id", larger), ("ref_measure_id", smaller)] {
            match self.units.get(&unit) {
                None => return Some((column, format!("there is no unit {unit}"))),
                Some(of) if *of != measure_type => {
                    return Some(("measure_type", format!("the unit {unit} is of type {of}")));
                }
                Some(_) => {}
            }
        }
        if larger == smaller || self.conversions.contains_key(&(smaller, larger)) {
            return Some(("ref_measure_id", format!("{larger} and {smaller} convert in one direction only")));
        }
        let ratio = |from: i32, to: i32| self.conversions.get(&(from, to)).map(|row| row.conversion_ratio);
        // A way from `from` over `by` to `to`, of which this row is a part.
        let disagrees = |from: i32, by: i32, to: i32| {
            let (Some(first), Some(second), Some(direct)) = (ratio(from, by), ratio(by, to), ratio(from, to)) else {
                return false;
            };
            first.checked_mul(second) != Some(direct)
        };
        let neighbours = self.neighbours.get(&larger).into_iter().flatten();
        let other = neighbours.copied().find(|other| {
            disagrees(larger, smaller, *other)
                || disagrees(*other, larger, smaller)
                || disagrees(larger, *other, smaller)
        })?;
        Some((
            "conversion_ratio",
            format!("does not agree with the conversions of {larger} and {smaller} with {other}"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::memory as catalogue;
    use crate::sheet::Format;
    use crate::testing::TestApp;
    use sqlx::PgPool;

    /// A sheet of these rows, `column=cell` each, divided by `;`.
    fn sheet_of(rows: &[&str]) -> String {
        let object = |row: &&str| -> Value {
            let cell = |cell: &str| {
                let (name, text) = cell.split_once('=').expect("a cell is column=text");
                (name.to_owned(), Value::String(text.to_owned()))
            };
            Value::Object(row.split(';').map(cell).collect())
        };
        rows.iter().map(object).collect::<Value>().to_string()
    }

    const SERVICE: &str = "kind=service_type;service_type_code=s;name_zh=服务;name_en=Service";
    const RESOURCE: &str =
        "kind=resource_type;resource_type_code=r;service_type_code=s;name_zh=资源;name_en=Resource;desc_en=One";
    const SPEC: &str = "kind=resource_spec;resource_type_code=r;resource_spec=small;name_zh=小;name_en=Small;\
        charge_modes=1|3;regions=cn-north-4";
    const UNIT: &str = "kind=measure_unit;measure_type=3;name_zh=位;name_en=Unit;abbreviation=u";

    /// What is wrong with these rows, beside a unit 1 that is 10 units 2, all of type 3.
    fn problem(rows: &[&str]) -> String {
        let units = [format!("{UNIT};measure_id=1"), format!("{UNIT};measure_id=2")];
        let ratio = "kind=conversion;measure_id=1;ref_measure_id=2;conversion_ratio=10;measure_type=3";
        let current = sheet::read(&sheet_of(&[&units[0], &units[1], ratio])).expect("they are right");
        let current: Vec<Entry> = current.into_iter().map(|(_, row)| row).collect();
        let problems = match sheet::read(&sheet_of(rows)) {
            Ok(rows) => check(&rows, &current, &HashSet::from(["cn-north-4"])),
            Err(problems) => problems,
        };
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_row_may_refer_to_any_row_of_its_sheet_or_of_the_catalogue() {
        assert_eq!(problem(&[SPEC, RESOURCE, SERVICE]), "");
        let unit = format!("{UNIT};measure_id=3");
        let conversion = |from: i32, to: i32, ratio: i32| {
            format!("kind=conversion;measure_id={from};ref_measure_id={to};conversion_ratio={ratio};measure_type=3")
        };
        assert_eq!(problem(&[&conversion(2, 3, 5), &conversion(1, 3, 50), &unit]), "");
    }

    #[test]
    fn every_problem_is_told_with_its_place() {
        let unit = format!("{UNIT};measure_id=3");
        let conversion = |text: &str| format!("kind=conversion;conversion_ratio=5;measure_type=3;{text}");
        for (rows, told) in [
            (vec![RESOURCE], "row 1, service_type_code: there is no service type s"),
            (vec![SERVICE, SPEC], "row 2, resource_type_code: there is no resource type r"),
            (vec![SERVICE, SERVICE], "row 2, service_type_code: repeats row 1"),
            (vec![&SPEC.replace("cn-north-4", "moon"), RESOURCE, SERVICE], "row 1, regions: there is no region moon"),
            (vec![&SPEC.replace("1|3", "2")], "row 1, charge_modes: must be 1, 3 or both"),
            (vec![&SPEC.replace("1|3", "3|3")], "row 1, charge_modes: names 3 twice"),
            (vec![&SERVICE.replace("服务", "")], "row 1, name_zh: must have 1 to 256 characters"),
            (vec![&format!("{SERVICE};regions=x")], "row 1, regions: must be empty where the kind is service_type"),
            (vec!["name_zh=x"], "row 1, kind: must not be empty"),
            (vec![UNIT], "row 1, measure_id: must be a whole number from 0"),
            (vec![&conversion("measure_id=1;ref_measure_id=9")], "row 1, ref_measure_id: there is no unit 9"),
            (
                vec![&conversion("measure_id=2;ref_measure_id=1")],
                "row 1, ref_measure_id: 2 and 1 convert in one direction only",
            ),
            (
                vec![&conversion("measure_id=2;ref_measure_id=3"), &conversion("measure_id=1;ref_measure_id=3"), &unit],
                "row 1, conversion_ratio: does not agree with the conversions of 2 and 3 with 1; \
                 row 2, conversion_ratio: does not agree with the conversions of 1 and 3 with 2",
            ),
            (
                vec![&UNIT.replace("measure_type=3", "measure_type=7;measure_id=1")],
                "row 1, measure_type: 1 converts to 2 as type 3",
            ),
        ] {
            assert_eq!(problem(&rows), told);
        }
        assert!(problem(&["kind=planet"]).starts_with("row 1, kind: must be "));
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn what_is_exported_imports_as_what_is_there(pool: PgPool) {
        TestApp::new(pool.clone()).await;
        let mut connection = pool.acquire().await.expect("a connection");
        let entries = export(&mut connection, None).await.expect("they are read");
        assert!(Kind::ALL.iter().all(|kind| entries.iter().any(|entry| entry.kind() == *kind)));
        for format in [Format::Csv, Format::Json] {
            let again = import(&mut connection, &sheet::write(&entries, format), false).await.expect("it is right");
            assert_eq!((again.added.len(), again.changed.len(), again.unchanged), (0, 0, entries.len()));
        }
        let specs = export(&mut connection, Some(Kind::ResourceSpec)).await.expect("they are read");
        assert!(!specs.is_empty() && specs.iter().all(|entry| entry.kind() == Kind::ResourceSpec));
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn one_wrong_row_of_ten_thousand_changes_nothing_and_is_named(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let mut connection = pool.acquire().await.expect("a connection");
        let before = export(&mut connection, None).await.expect("they are read");
        let specs: Vec<String> = (0..9_998).map(|number| SPEC.replace("=small", &format!("=small.{number}"))).collect();
        let mut rows: Vec<&str> = [SERVICE, RESOURCE].into_iter().chain(specs.iter().map(String::as_str)).collect();
        let wrong = SPEC.replace("cn-north-4", "cn-north-44");
        rows[7_776] = &wrong;
        let refused = import(&mut connection, &sheet_of(&rows), false).await.expect_err("a row is wrong");
        assert_eq!(refused.to_string(), "row 7777, regions: there is no region cn-north-44");
        assert!(export(&mut connection, None).await.expect("they are read") == before);
        assert_eq!(
            catalogue::version(&mut connection).await.expect("it is read"),
            app.app.catalogue.load().version,
            "no replica reads anything again"
        );

        rows[7_776] = SPEC;
        let tried = import(&mut connection, &sheet_of(&rows), true).await.expect("it is right");
        assert_eq!((tried.added.len(), tried.changed.len(), tried.unchanged), (10_000, 0, 0));
        assert!(export(&mut connection, None).await.expect("they are read") == before, "a trial changes nothing");
        import(&mut connection, &sheet_of(&rows), false).await.expect("it is right");
        assert_eq!(export(&mut connection, None).await.expect("they are read").len(), before.len() + 10_000);
    }
}
