//! Importing a price sheet: checked as a whole, then written as a whole or not at all.
//!
//! A row adds to the book, or replaces the row of the same key and instant; rows that the sheet does not name stay. Prices
//! of the past can be corrected this way, so quotes of the past are not proof of what was quoted: bills are.

use super::book::{PriceKey, PriceRow};
use super::sheet;
use super::store;
use crate::catalogue::memory as catalogue;
use crate::products::store::{Products, region_codes};
use crate::reference::store::Reference;
use crate::sheet::{Difference, ImportError, Placed, Problem};
use sqlx::{Connection, PgConnection};
use std::collections::{HashMap, HashSet};
use time::OffsetDateTime;

/// Imports a sheet. With `dry_run` everything is checked and nothing is kept.
pub async fn import(
    connection: &mut PgConnection,
    text: &str,
    dry_run: bool,
) -> Result<Difference<PriceRow>, ImportError> {
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
    let difference = Difference::of(rows, current, |row| (row.key.clone(), row.terms.effective_at));
    if !dry_run {
        store::put_prices(&mut transaction, &difference.new_rows()).await?;
        transaction.commit().await?;
    }
    Ok(difference)
}

/// What the rows break that only shows beside the catalogue, beside each other and beside the rows that are there.
fn check(rows: &Placed<PriceRow>, products: &Products, reference: &Reference, current: &[PriceRow]) -> Vec<Problem> {
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
    for row in current {
        periods.add(row);
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestApp;
    use serde_json::{Value, json};
    use sqlx::PgPool;
    use time::Duration;
    use time::macros::datetime;

    const HOUR: &str = "hws.resource.type.vm,s6.large.2.linux,cn-north-4";

    fn sheet_of(lines: &str) -> String {
        format!("{}\n{lines}\n", sheet::HEADER)
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn one_wrong_row_of_ten_thousand_changes_nothing_and_is_named(pool: PgPool) {
        let app = TestApp::with_prices(pool.clone()).await;
        let mut connection = pool.acquire().await.expect("a connection");
        let before = store::prices(&mut connection).await.expect("they are read");
        let mut lines: Vec<String> = (0..10_000)
            .map(|second| {
                let instant = datetime!(2030-01-01 00:00 UTC) + Duration::seconds(second);
                let instant = crate::values::time::write_instant(instant);
                format!("{HOUR},CNY,{instant},duration,4,,,,,linear,,,1,,,,,")
            })
            .collect();
        lines[6_999] = format!("{HOUR},CNY,2031-01-01T00:00:00Z,duration,4,,,,,linear,,,1.00000000001,,,,,");
        let refused = import(&mut connection, &sheet_of(&lines.join("\n")), false).await.expect_err("a row is wrong");
        // The header is the first line.
        let told = "row 7001, on_demand: must be numbers from 0 with at most 10 digits behind the point";
        assert_eq!(refused.to_string(), told);
        assert!(store::prices(&mut connection).await.expect("they are read").len() == before.len());

        lines.remove(6_999);
        let tried = import(&mut connection, &sheet_of(&lines.join("\n")), true).await.expect("it is right");
        assert_eq!((tried.added.len(), tried.changed.len(), tried.unchanged), (9_999, 0, 0));
        let version = catalogue::version(&mut connection).await.expect("it is read");
        assert_eq!(version, app.app.catalogue.load().version, "a trial changes nothing");
        let done = import(&mut connection, &sheet_of(&lines.join("\n")), false).await.expect("it is right");
        assert_eq!(done.added.len(), 9_999);
        assert_eq!(store::prices(&mut connection).await.expect("they are read").len(), before.len() + 9_999);
        let again = import(&mut connection, &sheet_of(&lines.join("\n")), false).await.expect("it is right");
        assert_eq!((again.added.len(), again.changed.len(), again.unchanged), (0, 0, 9_999));
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn every_problem_is_told_with_its_place(pool: PgPool) {
        TestApp::new(pool.clone()).await;
        let mut connection = pool.acquire().await.expect("a connection");
        for (row, problem) in [
            ("none,s,cn-north-4,CNY,2030-01-01T00:00:00Z,duration,4,,,,,linear,,,1,,,,,", "resource_type: there is no"),
            (
                "hws.resource.type.vm,s,cn-north-4,CNY,2030-01-01T00:00:00Z,duration,4,,,,,linear,,,1,,,,,",
                "resource_spec:",
            ),
            (
                "hws.resource.type.vm,s6.large.2.linux,moon,CNY,2030-01-01T00:00:00Z,duration,4,,,,,linear,,,1,,,,,",
                "regions:",
            ),
            ("{HOUR},EUR,2030-01-01T00:00:00Z,duration,4,,,,,linear,,,1,,,,,", "currency: must be CNY or USD"),
            ("{HOUR},CNY,2030-01-01,duration,4,,,,,linear,,,1,,,,,", "effective_at: must look like"),
            ("{HOUR},CNY,0000-01-01T00:00:00Z,duration,4,,,,,linear,,,1,,,,,", "effective_at: must look like"),
            ("{HOUR},CNY,2030-01-01T00:00:00Z,,4,,,,,linear,,,1,,,,,", "usage_factor: must be given"),
            ("{HOUR},CNY,2030-01-01T00:00:00Z,a\0,4,,,,,linear,,,1,,,,,", "usage_factor: must not contain control"),
            ("{HOUR},CNY,2030-01-01T00:00:00Z,duration,,,,,,linear,,,1,,,,,", "measure_id: must be given"),
            ("{HOUR},CNY,2030-01-01T00:00:00Z,duration,four,,,,,linear,,,1,,,,,", "measure_id: must be a whole number"),
            ("{HOUR},CNY,2030-01-01T00:00:00Z,duration,999,,,,,linear,,,1,,,,,", "measure_id: there is no unit 999"),
            ("{HOUR},CNY,2030-01-01T00:00:00Z,duration,4,17,,,,linear,,,1,,,,,", "size_measure_id: needs"),
            ("{HOUR},CNY,2030-01-01T00:00:00Z,duration,4,,,,,curved,,,1,,,,,", "shape: must be "),
            ("{HOUR},CNY,2030-01-01T00:00:00Z,duration,4,,,,,,,,1,,,,,", "shape: must not be empty"),
            ("{HOUR},CNY,2030-01-01T00:00:00Z,duration,4,,,,,linear,,,,,,,,", "shape: must be withdrawn where"),
            ("{HOUR},CNY,2030-01-01T00:00:00Z,,,,,,,linear,,,,,,,,", "shape: must be withdrawn where"),
            ("{HOUR},CNY,2030-01-01T00:00:00Z,duration,4,,,,,tiered,,,1,,,,,", "tiers: must be given with tier_by"),
            ("{HOUR},CNY,2030-01-01T00:00:00Z,duration,4,,,,,tiered,usage,5|0,1|2,,,,,", "tiers: must begin with 0"),
            ("{HOUR},CNY,2030-01-01T00:00:00Z,duration,4,,,,,tiered,usage,0|5,1,,,,,", "on_demand: must have 2 prices"),
            ("{HOUR},CNY,2030-01-01T00:00:00Z,duration,4,,,,,tiered,size,0|5,1|2,,,,,", "tier_by: must not be size"),
            ("{HOUR},CNY,2030-01-01T00:00:00Z,duration,4,,,,,linear,,,-1,,,,,", "on_demand: must be numbers from 0"),
        ] {
            let text = sheet_of(&row.replace("{HOUR}", HOUR));
            let refused = import(&mut connection, &text, false).await.expect_err(row);
            assert!(refused.to_string().starts_with(&format!("row 2, {problem}")), "{row}: {refused}");
        }
        let twice = format!("{HOUR},CNY,2030-01-01T00:00:00Z,duration,4,,,,,linear,,,1,,,,,");
        let refused =
            import(&mut connection, &sheet_of(&format!("{twice}\n{twice}")), false).await.expect_err("it repeats");
        assert_eq!(refused.to_string(), "row 3, effective_at: repeats row 2 for cn-north-4");
        let flow = format!("{HOUR},CNY,2030-01-01T00:00:00Z,flow,10,,,,,linear,,,1,,7,,,");
        let hours = twice.replace("linear,,,1,,,,,", "linear,,,1,,7,,,");
        let refused =
            import(&mut connection, &sheet_of(&format!("{hours}\n{flow}")), false).await.expect_err("two prices");
        let told = "row 3, usage_factor: the period prices stand in the rows of the usage factor 'duration'";
        assert_eq!(refused.to_string(), told);
        let unknown = import(&mut connection, "price\n5\n", false).await.expect_err("no such column");
        assert_eq!(unknown.to_string(), "row 1, row: there is no column price");
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn what_is_exported_imports_as_what_is_there_and_json_says_the_same(pool: PgPool) {
        TestApp::with_prices(pool.clone()).await;
        let mut connection = pool.acquire().await.expect("a connection");
        let rows = store::prices(&mut connection).await.expect("they are read");
        let exported = sheet::write_csv(&rows);
        let again = import(&mut connection, &exported, false).await.expect("it is right");
        assert_eq!((again.added.len(), again.changed.len(), again.unchanged), (0, 0, rows.len()));

        let mut reader = csv::Reader::from_reader(exported.as_bytes());
        let objects: Vec<HashMap<String, String>> =
            reader.deserialize().take(500).map(|row| row.expect("a row")).collect();
        let json = serde_json::to_string(&objects).expect("texts serialise");
        let again = import(&mut connection, &json, false).await.expect("it is right");
        assert_eq!((again.added.len(), again.changed.len()), (0, 0));
        let number = import(&mut connection, r#"[{"measure_id": 4}]"#, false).await.expect_err("a number");
        assert_eq!(number.to_string(), "row 1, row: measure_id must be a text, not 4");
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_price_of_the_future_is_quoted_from_its_instant_on(pool: PgPool) {
        let app = TestApp::with_prices(pool.clone()).await;
        let mut connection = pool.acquire().await.expect("a connection");
        let change = app.app.clock.now().replace_nanosecond(0).expect("it is one") + Duration::days(30);
        let from = crate::values::time::write_instant(change);
        let text = sheet_of(&format!("{HOUR},CNY,{from},duration,4,,,,,linear,,,0.64,,,,,"));
        let done = import(&mut connection, &text, false).await.expect("it is right");
        assert_eq!(done.added.len(), 1);
        app.reload_catalogue().await;
        let info = json!({"id": "1", "cloud_service_type": "hws.service.type.ec2", "resource_type": "hws.resource.type.vm",
            "resource_spec": "s6.large.2.linux", "region": "cn-north-4", "usage_factor": "Duration", "usage_value": 1,
            "usage_measure_id": 4, "subscription_num": 1});
        let request = json!({"project_id": "any", "product_infos": [info]});
        let quote = async || -> Value {
            let target = "/v2/bills/ratings/on-demand-resources";
            app.client("demo-customer").post(target, &request).await.ok()["amount"].clone()
        };
        assert_eq!(quote().await, json!(0.32));
        app.app.clock.set(change - Duration::minutes(1));
        assert_eq!(quote().await, json!(0.32));
        app.app.clock.set(change + Duration::SECOND);
        assert_eq!(quote().await, json!(0.64));
    }
}
