//! The only door into the product tables: read as a whole, written from the seed files.

use super::model::ChargeMode;
use crate::seed;
use crate::values::language::Names;
use serde_json::Value;
use sqlx::PgConnection;
use std::collections::HashMap;

/// All of it, each list in the order of its codes.
#[derive(Debug, Default)]
pub struct Products {
    /// Cloud service types.
    pub services: Vec<ServiceType>,
    /// Resource types.
    pub resources: Vec<ResourceType>,
    /// Usage types.
    pub usages: Vec<UsageTypeRow>,
    /// Regions.
    pub regions: Vec<Region>,
    resources_by_service: HashMap<String, Vec<ResourceType>>,
    usages_by_resource: HashMap<String, Vec<UsageTypeRow>>,
    specifications_by_resource: HashMap<String, Vec<Specification>>,
}

/// A cloud service type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceType {
    /// Its code.
    pub code: String,
    /// Its name.
    pub names: Names,
    /// Its short name.
    pub abbreviation: String,
}

/// A resource type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceType {
    /// Its code.
    pub code: String,
    /// The cloud service type it belongs to.
    pub service_type_code: String,
    /// Its name.
    pub names: Names,
    /// What it is.
    pub descriptions: Names,
}

/// A region.
#[derive(Clone, Debug)]
pub struct Region {
    /// Its code.
    pub code: String,
    /// Its name.
    pub names: Names,
}

/// What of a resource type is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageTypeRow {
    /// Its code.
    pub code: String,
    /// The resource type.
    pub resource_type_code: String,
    /// Its name.
    pub names: Names,
}

/// A specification of a resource type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Specification {
    /// Its code.
    pub code: String,
    /// Its name.
    pub names: Names,
    /// How it can be paid for: see [`super::model::ChargeMode::number`].
    pub charge_modes: Vec<i16>,
    /// Where it is sold.
    pub region_codes: Vec<String>,
}

impl Products {
    /// Reads the tables.
    pub async fn load(connection: &mut PgConnection) -> sqlx::Result<Self> {
        let mut products = Self {
            services: load_services(connection).await?,
            resources: load_resources(connection).await?,
            usages: load_usages(connection).await?,
            regions: load_regions(connection).await?,
            specifications_by_resource: load_specifications(connection).await?,
            ..Self::default()
        };
        for resource in &products.resources {
            let of_service = products.resources_by_service.entry(resource.service_type_code.clone()).or_default();
            of_service.push(resource.clone());
        }
        for usage in &products.usages {
            let of_resource = products.usages_by_resource.entry(usage.resource_type_code.clone()).or_default();
            of_resource.push(usage.clone());
        }
        Ok(products)
    }

    /// The service type that a row refers to.
    pub fn service(&self, code: &str) -> &ServiceType {
        self.find_service(code).expect("resource_types_service_fk")
    }

    /// The service type of this code.
    pub fn find_service(&self, code: &str) -> Option<&ServiceType> {
        let found = self.services.binary_search_by(|service| service.code.as_str().cmp(code));
        found.ok().map(|index| &self.services[index])
    }

    /// The names of a service type; nothing if there is none of this code.
    pub fn service_names(&self, code: &str) -> Option<&Names> {
        let found = self.services.binary_search_by(|service| service.code.as_str().cmp(code));
        found.ok().map(|index| &self.services[index].names)
    }

    /// The names of a resource type; nothing if there is none of this code.
    pub fn resource_names(&self, code: &str) -> Option<&Names> {
        self.find_resource(code).map(|resource| &resource.names)
    }

    /// The resource type that a row refers to.
    pub fn resource(&self, code: &str) -> &ResourceType {
        self.find_resource(code).expect("usage_types_resource_fk, resource_specs_resource_fk")
    }

    /// The resource type of this code.
    pub fn find_resource(&self, code: &str) -> Option<&ResourceType> {
        let found = self.resources.binary_search_by(|resource| resource.code.as_str().cmp(code));
        found.ok().map(|index| &self.resources[index])
    }

    /// The resource types of a service.
    pub fn resources_of(&self, service_type: &str) -> &[ResourceType] {
        self.resources_by_service.get(service_type).map_or(&[], Vec::as_slice)
    }

    /// The usage types of a resource type.
    pub fn usages_of(&self, resource_type: &str) -> &[UsageTypeRow] {
        self.usages_by_resource.get(resource_type).map_or(&[], Vec::as_slice)
    }

    /// The usage type of this code, in whatever case, of a resource type.
    pub fn find_usage(&self, resource_type: &str, code: &str) -> Option<&UsageTypeRow> {
        self.usages_of(resource_type).iter().find(|usage| usage.code.eq_ignore_ascii_case(code))
    }

    /// Whether a specification of a resource type is sold in a region, paid for in this way.
    pub fn sells(&self, [service_type, resource_type, spec, region]: [&str; 4], mode: ChargeMode) -> bool {
        let of_service = |resource: &&ResourceType| resource.service_type_code == service_type;
        let resource = self.find_resource(resource_type).filter(of_service);
        let found = resource.and_then(|resource| {
            let all = self.specifications_of(&resource.code);
            let index = all.binary_search_by(|specification| specification.code.as_str().cmp(spec)).ok()?;
            Some(&all[index])
        });
        found.is_some_and(|specification| {
            specification.charge_modes.contains(&mode.number())
                && specification.region_codes.iter().any(|code| code == region)
        })
    }

    /// The specifications of a resource type.
    pub fn specifications_of(&self, resource_type: &str) -> &[Specification] {
        self.specifications_by_resource.get(resource_type).map_or(&[], Vec::as_slice)
    }
}

// The orders are by byte (`collate "C"`), as Rust compares, because the lists are searched by halving.

async fn load_services(connection: &mut PgConnection) -> sqlx::Result<Vec<ServiceType>> {
    sqlx::query!(
        r#"select service_type_code, name_zh, name_en, abbreviation from service_types
           order by service_type_code collate "C""#
    )
    .map(|row| ServiceType {
        code: row.service_type_code,
        names: Names { zh: row.name_zh, en: row.name_en },
        abbreviation: row.abbreviation,
    })
    .fetch_all(connection)
    .await
}

async fn load_resources(connection: &mut PgConnection) -> sqlx::Result<Vec<ResourceType>> {
    sqlx::query!(
        r#"select resource_type_code, service_type_code, name_zh, name_en, desc_zh, desc_en from resource_types
           order by resource_type_code collate "C""#
    )
    .map(|row| ResourceType {
        code: row.resource_type_code,
        service_type_code: row.service_type_code,
        names: Names { zh: row.name_zh, en: row.name_en },
        descriptions: Names { zh: row.desc_zh, en: row.desc_en },
    })
    .fetch_all(connection)
    .await
}

async fn load_usages(connection: &mut PgConnection) -> sqlx::Result<Vec<UsageTypeRow>> {
    sqlx::query!(
        r#"select usage_type_code, resource_type_code, name_zh, name_en from usage_types
           order by usage_type_code collate "C", resource_type_code collate "C""#
    )
    .map(|row| UsageTypeRow {
        code: row.usage_type_code,
        resource_type_code: row.resource_type_code,
        names: Names { zh: row.name_zh, en: row.name_en },
    })
    .fetch_all(connection)
    .await
}

async fn load_regions(connection: &mut PgConnection) -> sqlx::Result<Vec<Region>> {
    sqlx::query!(r#"select region_code, name_zh, name_en from regions order by region_code collate "C""#)
        .map(|row| Region { code: row.region_code, names: Names { zh: row.name_zh, en: row.name_en } })
        .fetch_all(connection)
        .await
}

async fn load_specifications(connection: &mut PgConnection) -> sqlx::Result<HashMap<String, Vec<Specification>>> {
    let rows = sqlx::query!(
        r#"select resource_type_code, resource_spec, name_zh, name_en, charge_modes, region_codes from resource_specs
           order by resource_spec collate "C""#
    )
    .fetch_all(connection)
    .await?;
    let mut by_resource: HashMap<String, Vec<Specification>> = HashMap::new();
    for row in rows {
        by_resource.entry(row.resource_type_code).or_default().push(Specification {
            code: row.resource_spec,
            names: Names { zh: row.name_zh, en: row.name_en },
            charge_modes: row.charge_modes,
            region_codes: row.region_codes,
        });
    }
    Ok(by_resource)
}

const SERVICES: &str = include_str!("seed/service_types.csv");
const RESOURCES: &str = include_str!("seed/resource_types.csv");
const USAGES: &str = include_str!("seed/usage_types.csv");
const REGIONS: &str = include_str!("seed/regions.csv");
const SPECIFICATIONS: &str = include_str!("seed/resource_specs.csv");

/// All regions, in the order of their codes: each account has a project for each.
pub fn region_codes() -> Vec<String> {
    seed::column(REGIONS, "region_code")
}

/// Brings the tables to the state of the seed files.
pub async fn load_seed(connection: &mut PgConnection) -> sqlx::Result<()> {
    put_services(connection, &seed::json(SERVICES)).await?;
    put_resources(connection, &seed::json(RESOURCES)).await?;
    put_usages(connection, &seed::json(USAGES)).await?;
    sqlx::query!(
        "insert into regions (region_code, name_zh, name_en)
         select region_code, name_zh, name_en from jsonb_to_recordset($1)
         as row (region_code text, name_zh text, name_en text)
         on conflict (region_code) do update set name_zh = excluded.name_zh, name_en = excluded.name_en",
        seed::json(REGIONS)
    )
    .execute(&mut *connection)
    .await?;
    put_specifications(connection, &seed::json(SPECIFICATIONS)).await?;
    Ok(())
}

/// Adds service types, or replaces them; cells are texts, as in the seed file.
pub async fn put_services(connection: &mut PgConnection, rows: &Value) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into service_types (service_type_code, name_zh, name_en, abbreviation)
         select service_type_code, name_zh, name_en, abbreviation from jsonb_to_recordset($1)
         as row (service_type_code text, name_zh text, name_en text, abbreviation text)
         on conflict (service_type_code) do update
         set name_zh = excluded.name_zh, name_en = excluded.name_en, abbreviation = excluded.abbreviation",
        rows
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Likewise resource types.
pub async fn put_resources(connection: &mut PgConnection, rows: &Value) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into resource_types (resource_type_code, service_type_code, name_zh, name_en, desc_zh, desc_en)
         select resource_type_code, service_type_code, name_zh, name_en, desc_zh, desc_en from jsonb_to_recordset($1)
         as row (resource_type_code text, service_type_code text, name_zh text, name_en text, desc_zh text, desc_en text)
         on conflict (resource_type_code) do update set service_type_code = excluded.service_type_code,
             name_zh = excluded.name_zh, name_en = excluded.name_en, desc_zh = excluded.desc_zh,
             desc_en = excluded.desc_en",
        rows
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Likewise usage types.
pub async fn put_usages(connection: &mut PgConnection, rows: &Value) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into usage_types (usage_type_code, resource_type_code, name_zh, name_en)
         select usage_type_code, resource_type_code, name_zh, name_en from jsonb_to_recordset($1)
         as row (usage_type_code text, resource_type_code text, name_zh text, name_en text)
         on conflict (usage_type_code, resource_type_code) do update
         set name_zh = excluded.name_zh, name_en = excluded.name_en",
        rows
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Likewise specifications; several charge modes or regions are joined by `|`.
pub async fn put_specifications(connection: &mut PgConnection, rows: &Value) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into resource_specs (resource_type_code, resource_spec, name_zh, name_en, charge_modes, region_codes)
         select resource_type_code, resource_spec, name_zh, name_en, string_to_array(charge_modes, '|')::smallint[],
                string_to_array(regions, '|')
         from jsonb_to_recordset($1) as row (resource_type_code text, resource_spec text, name_zh text, name_en text,
                                             charge_modes text, regions text)
         on conflict (resource_type_code, resource_spec) do update set name_zh = excluded.name_zh,
             name_en = excluded.name_en, charge_modes = excluded.charge_modes, region_codes = excluded.region_codes",
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
    fn the_seed_is_large_enough_and_refers_only_to_itself() {
        let services: HashSet<String> = seed::column(SERVICES, "service_type_code").into_iter().collect();
        let resources: HashMap<String, String> = seed::rows(RESOURCES)
            .map(|row| (row["resource_type_code"].clone(), row["service_type_code"].clone()))
            .collect();
        let regions: HashSet<String> = region_codes().into_iter().collect();
        assert!(
            services.len() > 40 && resources.len() > 80,
            "{} services, {} resources",
            services.len(),
            resources.len()
        );
        assert!(resources.values().all(|service| services.contains(service)));

        let usages: HashSet<String> = seed::column(USAGES, "usage_type_code").into_iter().collect();
        assert!(usages.len() > 40, "{} usage types", usages.len());
        assert!(seed::column(USAGES, "resource_type_code").iter().all(|resource| resources.contains_key(resource)));

        assert!(seed::rows(SPECIFICATIONS).count() > 200);
        for row in seed::rows(SPECIFICATIONS) {
            let service = resources.get(&row["resource_type_code"]);
            assert_eq!(service, Some(&row["service_type_code"]), "{}", row["resource_spec"]);
            assert!(row["charge_modes"].split('|').all(|mode| ["1", "3"].contains(&mode)), "{}", row["resource_spec"]);
            assert!(row["regions"].split('|').all(|region| regions.contains(region)), "{}", row["resource_spec"]);
        }
    }
}
