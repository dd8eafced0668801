//! `POST /v2/products/resource-specs-price/query`

use super::book::{DAYS_MAX, MONTHS_MAX, Product, SizeRule, Terms};
use super::model::{Currency, PeriodType, ProductCodes};
use crate::api::caller::AnyCaller;
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::page::Limit;
use crate::api::policy::Policy;
use crate::app::App;
use crate::catalogue::memory::Catalogue;
use crate::products::model::{RegionCode, ResourceTypeCode, ServiceTypeCode};
use crate::products::store::{ResourceType, Specification};
use crate::values::decimal::plain;
use crate::values::language::{Language, Names};
use crate::values::site::Site;
use crate::values::truth;
use crate::values::words;
use axum::extract::State;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// Which specifications.
#[derive(Deserialize, ToSchema)]
pub struct ResourceSpecsPriceQueryReq {
    /// Only those of this service; all if absent or null.
    #[schema(inline, nullable)]
    cloud_service_type: Option<ServiceTypeCode>,
    /// Only those of this resource type; all if absent or null.
    #[schema(inline, nullable)]
    resource_type: Option<ResourceTypeCode>,
    /// Where they are sold.
    region_code: RegionCode,
    /// At most one condition; none if absent, null or empty.
    #[schema(nullable, max_items = 1)]
    filters: Option<Vec<ResourceSpecsPriceFilter>>,
    /// Whether to answer attributes.
    #[schema(nullable, default = false)]
    #[serde(default, deserialize_with = "truth::value_or_none")]
    need_attributes: Option<bool>,
    /// Whether to answer prices.
    #[schema(nullable, default = false)]
    #[serde(default, deserialize_with = "truth::value_or_none")]
    need_price: Option<bool>,
    /// `next_marker` of the page before; absent or null for the first page.
    #[schema(nullable, max_length = 400)]
    marker: Option<String>,
    /// How many to answer at most.
    #[serde(default)]
    #[schema(inline, nullable)]
    limit: Limit<50, 50>,
}

/// A condition.
#[derive(Deserialize, ToSchema)]
pub struct ResourceSpecsPriceFilter {
    /// What must match.
    key: ResourceSpecsPriceFilterKey,
    /// What it must be: a specification's code, or `PERIOD`, `ON_DEMAND`, `ONE_TIME` or `ON_DEMAND_PKG`.
    #[schema(example = "s6.large.2.linux")]
    value: String,
}

/// What a condition can be about.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
pub enum ResourceSpecsPriceFilterKey {
    /// The specification's code.
    #[serde(rename = "RESOURCE_SPEC")]
    ResourceSpec,
    /// How it is paid for.
    #[serde(rename = "CHARGING_MODE")]
    ChargingMode,
}

/// How a specification is paid for.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PriceMode {
    /// Yearly or monthly.
    Period,
    /// By use.
    OnDemand,
    /// Once. Nothing in the catalogue is.
    OneTime,
    /// As a package of usage. Nothing in the catalogue is.
    OnDemandPkg,
}

/// Specifications with prices.
#[derive(Serialize, ToSchema)]
pub struct ListResourceSpecsPriceResponse {
    /// How to go on.
    page_info: ResourceSpecsPricePageInfo,
    /// As asked.
    #[schema(example = "ap-southeast-1")]
    region_code: String,
    /// This part of them.
    resource_spec_infos: Vec<ResourceSpecInfo>,
}

/// How to go on.
#[derive(Serialize, ToSchema)]
pub struct ResourceSpecsPricePageInfo {
    /// The `marker` of the next page; null on the last one.
    #[schema(example = "hws.resource.type.vm/s6.large.2.linux")]
    next_marker: Option<String>,
}

/// A specification.
#[derive(Serialize, ToSchema)]
pub struct ResourceSpecInfo {
    /// The service.
    #[schema(example = "hws.service.type.ec2")]
    cloud_service_type: String,
    /// Its name.
    #[schema(example = "Elastic Cloud Server")]
    cloud_service_type_name: String,
    /// The resource type.
    #[schema(example = "hws.resource.type.vm")]
    resource_type: String,
    /// Its name.
    #[schema(example = "Cloud host")]
    resource_type_name: String,
    /// The specification.
    #[schema(example = "s6.large.2.linux")]
    resource_spec: String,
    /// Its name.
    #[schema(example = "General computing s6.large.2 | 2 vCPUs | 4 GB | linux")]
    resource_spec_name: String,
    /// The sizes of a linear product, if attributes are asked for; the catalogue has no others.
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<Vec<Attribute>>,
    /// Official prices in US dollars, if they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    price_lists: Option<Vec<PriceItem>>,
}

/// An attribute.
#[derive(Serialize, ToSchema)]
pub struct Attribute {
    /// Its code.
    #[schema(example = "resource_size")]
    code: &'static str,
    /// Its name.
    #[schema(example = "Size")]
    name: String,
    /// Its value; absent for a range.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// Its unit.
    #[schema(example = "GB")]
    unit: String,
    /// The range from which a value can be chosen.
    linear_range: LinearRange,
}

/// A range.
#[derive(Serialize, ToSchema)]
pub struct LinearRange {
    /// The smallest.
    #[schema(example = 10)]
    min: i32,
    /// The largest.
    #[schema(example = 32768)]
    max: i32,
    /// From one to the next.
    #[schema(example = 1)]
    step: i32,
}

/// A price.
#[derive(Serialize, ToSchema)]
pub struct PriceItem {
    /// The product.
    #[schema(example = "9b0f6c1d2e3a4b5c6d7e8f9001122334")]
    offering_id: String,
    /// `USD`
    currency: Currency,
    /// Of a linear product for a size of one; of a price in tiers that of the first; of a time, that of the first of
    /// `period_nums`.
    #[schema(example = "0.06")]
    official_price: String,
    /// How it is paid for.
    charging_mode: PriceMode,
    /// `0` days, `2` months, `3` years; absent by use.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 2)]
    period_type: Option<i32>,
    /// For how many periods it is sold; absent by use.
    #[serde(skip_serializing_if = "Option::is_none")]
    period_nums: Option<Vec<u32>>,
    /// What is measured; absent by period.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "duration")]
    billing_usage_factor: Option<String>,
}

/// Lists the specifications that are sold in a region, with their sizes and official prices.
///
/// Pages follow each other by `marker`, in the order of resource types and specifications. Prices are in US dollars.
#[utoipa::path(
    post, path = "/v2/products/resource-specs-price/query",
    params(Language),
    responses((status = 200, description = "Specifications.", body = ListResourceSpecsPriceResponse)),
    extensions(("x-policy" = json!(Policy::any_caller().on(Site::Intl)))),
)]
pub async fn list_resource_specs_price(
    State(app): State<App>,
    caller: AnyCaller,
    language: Language,
    Json(request): Json<ResourceSpecsPriceQueryReq>,
) -> Result<Json<ListResourceSpecsPriceResponse>, ApiError> {
    let filter = request.filter()?;
    let now = app.now(caller.tenant);
    let catalogue = app.catalogue.load();
    let listing = Listing { request: &request, filter, catalogue: &catalogue, language, now };
    Ok(Json(listing.answer()))
}

/// A condition that was understood.
#[derive(Clone, Copy)]
enum Filter<'a> {
    None,
    Spec(&'a str),
    Mode(PriceMode),
}

impl ResourceSpecsPriceQueryReq {
    fn filter(&self) -> Result<Filter<'_>, ApiError> {
        match self.filters.as_deref().unwrap_or_default() {
            [] => Ok(Filter::None),
            [ResourceSpecsPriceFilter { key: ResourceSpecsPriceFilterKey::ResourceSpec, value }] => {
                Ok(Filter::Spec(value))
            }
            [ResourceSpecsPriceFilter { key: ResourceSpecsPriceFilterKey::ChargingMode, value }] => {
                let mode = serde_json::from_value(value.as_str().into()).map(Filter::Mode);
                mode.map_err(|error| ApiError::parameter("filters[0].value", words::rule(&error.to_string())))
            }
            _ => Err(ApiError::parameter("filters", "must have at most one condition")),
        }
    }
}

struct Listing<'a> {
    request: &'a ResourceSpecsPriceQueryReq,
    filter: Filter<'a>,
    catalogue: &'a Catalogue,
    language: Language,
    now: OffsetDateTime,
}

impl<'a> Listing<'a> {
    fn answer(&self) -> ListResourceSpecsPriceResponse {
        let limit = self.request.limit.get();
        // One more than asked tells whether there is a next page.
        let mut found: Vec<_> = self.matching().take(limit + 1).collect();
        let more = found.len() > limit;
        found.truncate(limit);
        let marker = |(resource, specification): &(&ResourceType, &Specification)| {
            format!("{}/{}", resource.code, specification.code)
        };
        ListResourceSpecsPriceResponse {
            page_info: ResourceSpecsPricePageInfo { next_marker: found.last().filter(|_| more).map(marker) },
            region_code: self.request.region_code.as_str().to_owned(),
            resource_spec_infos: found.iter().map(|(resource, spec)| self.info(resource, spec)).collect(),
        }
    }

    fn matching(&self) -> impl Iterator<Item = (&'a ResourceType, &'a Specification)> {
        let (request, filter, products) = (self.request, self.filter, &self.catalogue.products);
        let marker = request.marker.as_deref().unwrap_or_default();
        let (after_resource, after_spec) = marker.split_once('/').unwrap_or((marker, ""));
        let wanted = |wanted: Option<&str>, code: &str| wanted.is_none_or(|wanted| wanted == code);
        let resources = products.resources.iter().filter(move |resource| {
            resource.code.as_str() >= after_resource
                && wanted(request.cloud_service_type.as_ref().map(ServiceTypeCode::as_str), &resource.service_type_code)
                && wanted(request.resource_type.as_ref().map(ResourceTypeCode::as_str), &resource.code)
        });
        let specifications = resources.flat_map(|resource| {
            products.specifications_of(&resource.code).iter().map(move |specification| (resource, specification))
        });
        specifications.filter(move |(resource, specification)| {
            (resource.code.as_str() > after_resource || specification.code.as_str() > after_spec)
                && specification.region_codes.iter().any(|region| region == request.region_code.as_str())
                && match filter {
                    Filter::None => true,
                    Filter::Spec(code) => specification.code == code,
                    Filter::Mode(PriceMode::Period) => specification.charge_modes.contains(&1),
                    Filter::Mode(PriceMode::OnDemand) => specification.charge_modes.contains(&3),
                    Filter::Mode(PriceMode::OneTime | PriceMode::OnDemandPkg) => false,
                }
        })
    }

    fn info(&self, resource: &ResourceType, specification: &Specification) -> ResourceSpecInfo {
        let codes = ProductCodes {
            service_type: &resource.service_type_code,
            resource_type: &resource.code,
            spec: &specification.code,
            region: self.request.region_code.as_str(),
        };
        let product = self.catalogue.pricing.book.product(&codes);
        let service = self.catalogue.products.service(&resource.service_type_code);
        let name = |names: &Names| self.language.of(names).to_owned();
        ResourceSpecInfo {
            cloud_service_type: service.code.clone(),
            cloud_service_type_name: name(&service.names),
            resource_type: resource.code.clone(),
            resource_type_name: name(&resource.names),
            resource_spec: specification.code.clone(),
            resource_spec_name: name(&specification.names),
            attributes: self.request.need_attributes.unwrap_or_default().then(|| self.attributes(product)),
            price_lists: self.request.need_price.unwrap_or_default().then(|| self.prices(product)),
        }
    }

    fn attributes(&self, product: Option<&Product>) -> Vec<Attribute> {
        let mut terms = product.into_iter().flat_map(|product| product.current(Currency::Usd, self.now));
        let size = terms.find_map(|(_, terms)| terms.size);
        let attribute = |SizeRule { measure_id, min, max, step }| {
            let unit = self.catalogue.reference.units.iter().find(|unit| unit.measure_id == measure_id);
            Attribute {
                code: "resource_size",
                name: self.language.of(&Names { zh: "大小".to_owned(), en: "Size".to_owned() }).to_owned(),
                value: None,
                unit: unit.map(|unit| unit.abbreviation.clone()).unwrap_or_default(),
                linear_range: LinearRange { min, max, step },
            }
        };
        size.map(attribute).into_iter().collect()
    }

    fn prices(&self, product: Option<&Product>) -> Vec<PriceItem> {
        let Some(product) = product else { return Vec::new() };
        let current = product.current(Currency::Usd, self.now);
        let items = current.flat_map(|(factor, terms)| price_items(product, factor, terms));
        items.filter(|item| !matches!(self.filter, Filter::Mode(mode) if mode != item.charging_mode)).collect()
    }
}

fn price_items(product: &Product, factor: &str, terms: &Terms) -> Vec<PriceItem> {
    let usage = terms.on_demand.first().map(|price| PriceItem {
        offering_id: product.on_demand_id.clone(),
        currency: Currency::Usd,
        official_price: plain(*price),
        charging_mode: PriceMode::OnDemand,
        period_type: None,
        period_nums: None,
        billing_usage_factor: Some(factor.to_owned()),
    });
    let period = |(prices, kind, nums): (&Vec<Decimal>, PeriodType, Vec<u32>)| {
        prices.first().map(|price| PriceItem {
            offering_id: product.period_id.clone(),
            currency: Currency::Usd,
            official_price: plain(*price),
            charging_mode: PriceMode::Period,
            period_type: Some(kind.number()),
            period_nums: Some(nums),
            billing_usage_factor: None,
        })
    };
    let months = (1..=MONTHS_MAX).collect();
    let mut periods =
        vec![(&terms.day, PeriodType::Day, (1..=DAYS_MAX).collect()), (&terms.month, PeriodType::Month, months)];
    periods.extend((1..).zip(&terms.years).map(|(years, prices)| (prices, PeriodType::Year, vec![years])));
    usage.into_iter().chain(periods.into_iter().filter_map(period)).collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use serde_json::{Value, json};
    use sqlx::PgPool;

    const TARGET: &str = "/v2/products/resource-specs-price/query";

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn pages_follow_the_marker_through_all_services_without_repeats(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let client = app.client("demo-reseller");
        let mut request = json!({"region_code": "ap-southeast-1"});
        let mut found: Vec<(String, String)> = Vec::new();
        loop {
            let page = client.post(TARGET, &request).await.ok();
            let text = |row: &Value, name: &str| row[name].as_str().expect("a text").to_owned();
            let rows = page["resource_spec_infos"].as_array().expect("a list");
            found.extend(rows.iter().map(|row| (text(row, "resource_type"), text(row, "resource_spec"))));
            assert_eq!((rows[0].get("price_lists"), rows[0].get("attributes")), (None, None));
            match &page["page_info"]["next_marker"] {
                Value::Null => break,
                marker => request["marker"] = marker.clone(),
            }
        }
        assert_eq!(found.len(), 1111);
        assert!(found.is_sorted_by(|one, next| one < next));
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn prices_and_sizes_come_if_asked_for(pool: PgPool) {
        let app = TestApp::with_prices(pool).await;
        let filter = json!([{"key": "RESOURCE_SPEC", "value": "SSD"}]);
        let request = json!({"region_code": "ap-southeast-1", "cloud_service_type": "hws.service.type.ebs",
            "resource_type": "hws.resource.type.volume", "filters": filter, "need_price": true, "need_attributes": true});
        let headers = [("x-language", "en_us")];
        let answer =
            app.client("demo-partner").call(axum::http::Method::POST, TARGET, &headers, &request.to_string()).await;
        let answer = answer.ok();
        assert_eq!(answer["region_code"], "ap-southeast-1");
        let info = &answer["resource_spec_infos"][0];
        let size = json!([{"code": "resource_size", "name": "Size", "unit": "GB",
            "linear_range": {"min": 10, "max": 32768, "step": 1}}]);
        assert_eq!(info["attributes"], size);
        let prices = info["price_lists"].as_array().expect("a list");
        // 0.0014 yuan a quarter dearer in Hong Kong, 7.2 to the dollar.
        assert_eq!(prices[0]["official_price"], "0.0002430556");
        assert_eq!((&prices[0]["charging_mode"], &prices[0]["currency"]), (&json!("ON_DEMAND"), &json!("USD")));
        assert_eq!(prices[0]["billing_usage_factor"], "duration");
        let periods: Vec<_> =
            prices[1..].iter().map(|price| (&price["period_type"], &price["period_nums"][0])).collect();
        let (one, two, three) = (json!(1), json!(2), json!(3));
        assert_eq!(periods, [(&json!(0), &one), (&two, &one), (&three, &one), (&three, &two), (&three, &three)]);
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_way_of_paying_narrows_specifications_and_prices(pool: PgPool) {
        let app = TestApp::with_prices(pool).await;
        let client = app.client("demo-customer");
        let ask = |mode: &str| {
            json!({"region_code": "cn-north-4", "cloud_service_type": "hws.service.type.vpc", "need_price": true,
                "filters": [{"key": "CHARGING_MODE", "value": mode}]})
        };
        for (mode, count) in [("PERIOD", 6), ("ON_DEMAND", 14), ("ONE_TIME", 0), ("ON_DEMAND_PKG", 0)] {
            let answer = client.post(TARGET, &ask(mode)).await.ok();
            let infos = answer["resource_spec_infos"].as_array().expect("a list");
            assert_eq!(infos.len(), count, "{mode}");
            let prices = infos.iter().flat_map(|info| info["price_lists"].as_array().expect("a list"));
            assert!(prices.into_iter().all(|price| price["charging_mode"] == mode), "{mode}");
        }
        let other = client.post(TARGET, &ask("RENT")).await;
        assert!(other.refusal().2.starts_with("Parameter error. filters[0].value: must be "), "{}", other.body);
        let filter = json!({"key": "RESOURCE_SPEC", "value": "x"});
        let two = client.post(TARGET, &json!({"region_code": "cn-north-4", "filters": [filter, filter]})).await;
        assert_eq!(two.refusal().2, "Parameter error. filters: must have at most one condition.");
        assert!(client.post(TARGET, &json!({})).await.refusal().2.contains("region_code: is required"));
    }
}
