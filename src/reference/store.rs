//! The only door into the reference tables: read as a whole, written from the seed files.

use super::model::Division;
use crate::seed;
use crate::values::language::Names;
use serde_json::Value;
use sqlx::PgConnection;
use std::collections::HashMap;

/// All of it, each list in the order of its codes.
#[derive(Debug, Default)]
pub struct Reference {
    /// Provinces.
    pub provinces: Vec<Division>,
    /// Cities by province code.
    pub cities: HashMap<String, Vec<Division>>,
    /// Counties by city code.
    pub counties: HashMap<String, Vec<Division>>,
    /// Units.
    pub units: Vec<Unit>,
    /// Conversions.
    pub conversions: Vec<ConversionRow>,
}

/// A unit of measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its id.
    pub measure_id: i32,
    /// What it measures.
    pub measure_type: i32,
    /// Its name.
    pub names: Names,
    /// Its short form.
    pub abbreviation: String,
}

/// How many of one unit make another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversionRow {
    /// The larger unit.
    pub measure_id: i32,
    /// The smaller unit.
    pub ref_measure_id: i32,
    /// How many of the smaller make one of the larger.
    pub conversion_ratio: i64,
    /// What both measure.
    pub measure_type: i32,
}

impl Reference {
    /// Reads the tables.
    pub async fn load(connection: &mut PgConnection) -> sqlx::Result<Self> {
        let provinces = sqlx::query_as!(Division, "select code, name from provinces order by code");
        let provinces = provinces.fetch_all(&mut *connection).await?;
        let mut cities: HashMap<String, Vec<Division>> = HashMap::new();
        for row in sqlx::query!("select code, province_code, name from cities order by code")
            .fetch_all(&mut *connection)
            .await?
        {
            cities.entry(row.province_code).or_default().push(Division { code: row.code, name: row.name });
        }
        let mut counties: HashMap<String, Vec<Division>> = HashMap::new();
        for row in
            sqlx::query!("select code, city_code, name from counties order by code").fetch_all(&mut *connection).await?
        {
            counties.entry(row.city_code).or_default().push(Division { code: row.code, name: row.name });
        }
        let units = sqlx::query!(
            "select measure_id, measure_type, name_zh, name_en, abbreviation from measure_units order by measure_id"
        )
        .map(|row| Unit {
            measure_id: row.measure_id,
            measure_type: row.measure_type,
            names: Names { zh: row.name_zh, en: row.name_en },
            abbreviation: row.abbreviation,
        })
        .fetch_all(&mut *connection)
        .await?;
        let conversions = sqlx::query_as!(
            ConversionRow,
            "select measure_id, ref_measure_id, conversion_ratio, measure_type from conversions
             order by measure_id, ref_measure_id"
        )
        .fetch_all(connection)
        .await?;
        Ok(Self { provinces, cities, counties, units, conversions })
    }
}

const PROVINCES: &str = include_str!("seed/provinces.csv");
const CITIES: &str = include_str!("seed/cities.csv");
const COUNTIES: &str = include_str!("seed/counties.csv");
const UNITS: &str = include_str!("seed/measure_units.csv");
const CONVERSIONS: &str = include_str!("seed/conversions.csv");

/// Brings the tables to the state of the seed files.
pub async fn load_seed(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into provinces (code, name)
         select code, name from jsonb_to_recordset($1) as row (code text, name text)
         on conflict (code) do update set name = excluded.name",
        seed::json(PROVINCES)
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "insert into cities (code, province_code, name)
         select code, province_code, name from jsonb_to_recordset($1) as row (code text, province_code text, name text)
         on conflict (code) do update set province_code = excluded.province_code, name = excluded.name",
        seed::json(CITIES)
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "insert into counties (code, city_code, name)
         select code, city_code, name from jsonb_to_recordset($1) as row (code text, city_code text, name text)
         on conflict (code) do update set city_code = excluded.city_code, name = excluded.name",
        seed::json(COUNTIES)
    )
    .execute(&mut *connection)
    .await?;
    put_units(connection, &seed::json(UNITS)).await?;
    put_conversions(connection, &seed::json(CONVERSIONS)).await?;
    Ok(())
}

/// Adds units, or replaces them; cells are texts, as in the seed file.
pub async fn put_units(connection: &mut PgConnection, rows: &Value) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into measure_units (measure_id, measure_type, name_zh, name_en, abbreviation)
         select measure_id, measure_type, name_zh, name_en, abbreviation from jsonb_to_recordset($1)
         as row (measure_id int, measure_type int, name_zh text, name_en text, abbreviation text)
         on conflict (measure_id) do update set measure_type = excluded.measure_type, name_zh = excluded.name_zh,
             name_en = excluded.name_en, abbreviation = excluded.abbreviation",
        rows
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Likewise conversions.
pub async fn put_conversions(connection: &mut PgConnection, rows: &Value) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into conversions (measure_id, ref_measure_id, conversion_ratio, measure_type)
         select measure_id, ref_measure_id, conversion_ratio, measure_type from jsonb_to_recordset($1)
         as row (measure_id int, ref_measure_id int, conversion_ratio bigint, measure_type int)
         on conflict (measure_id, ref_measure_id) do update set conversion_ratio = excluded.conversion_ratio,
             measure_type = excluded.measure_type",
        rows
    )
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_division_hangs_below_one_that_exists() {
        let provinces: HashSet<String> = seed::column(PROVINCES, "code").into_iter().collect();
        assert_eq!(provinces.len(), 34);
        assert!(seed::column(CITIES, "province_code").iter().all(|province| provinces.contains(province)));
        let cities: HashSet<String> = seed::column(CITIES, "code").into_iter().collect();
        assert!(seed::column(COUNTIES, "city_code").iter().all(|city| cities.contains(city)));
        let counties = seed::column(COUNTIES, "code");
        assert!(cities.len() > 330 && counties.len() > 2_800, "{} cities, {} counties", cities.len(), counties.len());
        assert_eq!(counties.iter().collect::<HashSet<_>>().len(), counties.len());
    }

    #[test]
    fn conversions_agree_with_each_other_and_join_units_of_one_type() {
        let types: HashMap<String, String> =
            seed::rows(UNITS).map(|unit| (unit["measure_id"].clone(), unit["measure_type"].clone())).collect();
        let conversions: Vec<_> = seed::rows(CONVERSIONS).collect();
        let ratio =
            |row: &HashMap<String, String>| row["conversion_ratio"].parse::<i64>().expect("a ratio is a number");
        let ratios: HashMap<(&str, &str), i64> = conversions
            .iter()
            .map(|row| ((row["measure_id"].as_str(), row["ref_measure_id"].as_str()), ratio(row)))
            .collect();
        assert_eq!(ratios[&("10", "11")], 1024, "the one ratio the vendor states");
        for row in &conversions {
            assert_eq!(types[&row["measure_id"]], row["measure_type"]);
            assert_eq!(types[&row["ref_measure_id"]], row["measure_type"]);
            for next in conversions.iter().filter(|next| next["measure_id"] == row["ref_measure_id"]) {
                let direct = ratios.get(&(row["measure_id"].as_str(), next["ref_measure_id"].as_str()));
                assert_eq!(direct, Some(&(ratio(row) * ratio(next))), "{row:?} then {next:?}");
            }
        }
    }
}
