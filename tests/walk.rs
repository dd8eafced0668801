//! A walk through what is sold, as a client's script takes it: service type, resource type, usage type, specification, price.

use bss_gateway::testing::{Client, TestApp};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::collections::{BTreeMap, BTreeSet};

const SPECS: &str = "/v2/products/resource-specs-query";
const PRICES: &str = "/v2/products/resource-specs-price/query";

/// What stands at a place of each row of a list, of all its pages.
async fn all(client: &Client<'_>, target: &str, list: &str, column: &str) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let divider = if target.contains('?') { '&' } else { '?' };
        let page = client.get(&format!("{target}{divider}limit=100&offset={}", found.len())).await.ok();
        let rows = page[list].as_array().expect("a list");
        found.extend(rows.iter().map(|row| row.pointer(column).and_then(Value::as_str).expect("a text").to_owned()));
        if rows.is_empty()
            || page["total_count"]
                .as_u64()
                .is_none_or(|total| usize::try_from(total).is_ok_and(|total| total <= found.len()))
        {
            return found;
        }
    }
}

/// All rows behind a marker.
async fn behind_markers(client: &Client<'_>, target: &str, mut request: Value, list: &str) -> Vec<Value> {
    let mut found = Vec::new();
    loop {
        let page = client.post(target, &request).await.ok();
        found.extend(page[list].as_array().expect("a list").iter().cloned());
        match &page["page_info"]["next_marker"] {
            Value::Null => return found,
            marker => request["marker"] = marker.clone(),
        }
    }
}

/// How each specification of a region is sold: its prices' charging modes, and what of it is measured.
async fn prices(client: &Client<'_>, region: &str) -> BTreeMap<(String, String), BTreeSet<(String, String)>> {
    let request = json!({"region_code": region, "need_price": true});
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let listed = behind_markers(client, PRICES, request, "resource_spec_infos").await;
    let row = |row: &Value| {
        let items = row["price_lists"].as_array().expect("a list").iter();
        let modes = items.map(|item| (text(item, "charging_mode"), text(item, "billing_usage_factor")));
        ((text(row, "resource_type"), text(row, "resource_spec")), modes.collect())
    };
    listed.iter().map(row).collect()
}

#[sqlx::test]
async fn a_walk_from_services_to_prices_ends_in_no_empty_list(pool: PgPool) {
    let app = TestApp::with_prices(pool).await;
    let client = app.client("demo-partner");
    let mut dead_ends = Vec::new();
    // Each resource type with its service and what of it is measured.
    let mut resources: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    for service in all(&client, "/v2/products/service-types", "service_types", "/service_type_code").await {
        let target = format!("/v2/products/service-resources?service_type_code={service}");
        let of_service = all(&client, &target, "infos", "/basic_info/resource_type_code").await;
        if of_service.is_empty() {
            dead_ends.push(format!("{service} has no resource types"));
        }
        for resource in of_service {
            let target = format!("/v2/products/usage-types?resource_type_code={resource}");
            let usages = all(&client, &target, "usage_types", "/code").await;
            resources.insert(resource, (service.clone(), usages.iter().map(|code| code.to_lowercase()).collect()));
        }
    }
    let mut sold: BTreeSet<String> = BTreeSet::new();
    for region in all(&client, "/v3/regions", "regions", "/id").await {
        let prices = prices(&client, &region).await;
        if prices.is_empty() {
            dead_ends.push(format!("nothing is sold in {region}"));
        }
        // Most resource types are sold in some regions only, which is no dead end.
        let types: BTreeSet<&String> = prices.keys().map(|(resource, _)| resource).collect();
        for resource in types {
            let (service, usages) = &resources[resource];
            for (mode, charging_mode) in [("1", "PERIOD"), ("3", "ON_DEMAND")] {
                let request = json!({"cloud_service_type": service, "resource_type": resource, "region_code": region,
                                     "charge_mode": mode});
                for spec in behind_markers(&client, SPECS, request, "cloud_service_basics").await {
                    let spec = spec["resource_spec"].as_str().expect("a text").to_owned();
                    let items = prices.get(&(resource.clone(), spec.clone())).into_iter().flatten();
                    let mut items = items.filter(|(mode, _)| mode == charging_mode);
                    // A factor that no list of usage types names cannot be found by who walks.
                    if !items.any(|(_, factor)| factor.is_empty() || usages.contains(factor)) {
                        dead_ends.push(format!("{resource} {spec} has no price by {charging_mode} in {region}"));
                    }
                    sold.insert(resource.clone());
                }
            }
        }
    }
    let unsold = resources.keys().filter(|resource| !sold.contains(*resource));
    dead_ends.extend(unsold.map(|resource| format!("{resource} is sold nowhere")));
    assert!(
        dead_ends.is_empty(),
        "{} dead ends, for instance {:#?}",
        dead_ends.len(),
        &dead_ends[..dead_ends.len().min(20)]
    );
}
