//! `POST /v2/promotions/business/discount-info`

use super::model::{ChargingMode, ProductCodes};
use super::store::{self, StoredDiscount};
use crate::api::caller::{AnyCaller, CallerKind};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::catalogue::memory::Catalogue;
use crate::products::model::ServiceTypeCode;
use crate::products::store::Region;
use crate::values::decimal::WireDecimal;
use crate::values::language::{Language, Names};
use crate::values::site::Site;
use crate::values::text::texts;
use crate::values::time::write_instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

texts! {
    /// The code of one of the vendor's sites.
    SiteCode, 1..=64, "HWC_CN";
    /// How something is charged: a word of `charging_mode`, read without regard to case.
    ChargingModeFilter, 1..=64, "MONTHLY";
}

/// The site on which this operation exists. The codes of sites are public in other SDKs of the vendor's.
const SITE: &str = "HWC_CN";

/// In which ways things are sold: an agreement for all of them is listed once for each.
const MODES: [ChargingMode; 6] = [
    ChargingMode::OnDemand,
    ChargingMode::Daily,
    ChargingMode::Monthly,
    ChargingMode::OneYear,
    ChargingMode::TwoYears,
    ChargingMode::ThreeYears,
];

/// Which items of the agreement.
#[derive(Deserialize, ToSchema)]
pub struct BusinessDiscountQueryReq {
    /// Those of single specifications, or those of whole categories.
    quoting_item_type: QuotingItemType,
    /// Only those of these services, without regard to case; all if absent, null or empty.
    #[schema(nullable, max_items = 100, value_type = Option<Vec<String>>)]
    cloud_service_types: Option<Vec<ServiceTypeCode>>,
    /// Only those charged in these ways, without regard to case; all if absent, null or empty.
    #[schema(nullable, max_items = 20, value_type = Option<Vec<String>>)]
    charging_modes: Option<Vec<ChargingModeFilter>>,
    /// Only those of this site, without regard to case; all if absent or null.
    #[schema(inline, nullable)]
    site_code: Option<SiteCode>,
    /// How many to skip.
    #[serde(default)]
    #[schema(inline, nullable)]
    offset: Offset,
    /// How many to answer at most.
    #[serde(default)]
    #[schema(inline, nullable)]
    limit: Limit<1000, 20>,
}

/// What an item is about.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
pub enum QuotingItemType {
    /// A specification.
    #[serde(rename = "PRODUCT_ITEM")]
    Product,
    /// A service or a resource type.
    #[serde(rename = "CATEGORY_ITEM")]
    Category,
}

/// A framework agreement. Its discounts are ratios; ladders and fixed prices are not offered, so their fields are absent or
/// empty.
#[derive(Serialize, ToSchema)]
pub struct ListBusinessDiscountInfoResponse {
    /// How many items there are in all.
    #[schema(example = 1)]
    total_count: usize,
    /// The agreement; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    commerce_id: Option<String>,
    /// Its code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "FA-2026-001")]
    commerce_code: Option<String>,
    /// From when it is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-01-01T00:00:00Z")]
    effective_time: Option<String>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2027-01-01T00:00:00Z")]
    expire_time: Option<String>,
    /// Items of specifications, if these were asked for.
    product_quoting_items: Vec<ProductQuotingItem>,
    /// Items of categories, if these were asked for.
    category_quoting_items: Vec<CategoryQuotingItem>,
    /// Empty.
    category_quoting_item_steps: Vec<CategoryQuotingItemStep>,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    accumulation_cycle_type: Option<String>,
    /// The sites on which the items hold.
    sites: Vec<SiteInfo>,
}

/// A discount on a specification, charged in one way.
#[derive(Serialize, ToSchema)]
pub struct ProductQuotingItem {
    /// Its id.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6-MONTHLY")]
    item_id: String,
    /// The product; absent where the discount holds in several regions, which have a product each.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "9b0f6c1d2e3a4b5c6d7e8f9001122334")]
    product_id: Option<String>,
    /// The specification.
    #[schema(example = "General computing s6.large.2 | 2 vCPUs | 4 GB | linux")]
    product_spec_name: String,
    /// The service.
    #[schema(example = "hws.service.type.ec2")]
    cloud_service_type: String,
    /// Its name.
    #[schema(example = "Elastic Cloud Server")]
    cloud_service_type_name: String,
    /// The site.
    #[schema(example = "HWC_CN")]
    site_code: &'static str,
    /// The regions in which it holds.
    related_regions: Vec<RegionInfo>,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    charge_event_code: Option<String>,
    /// How it is charged.
    #[schema(example = "MONTHLY")]
    charging_mode: String,
    /// `0`: an ordinary discount.
    #[schema(example = 0)]
    preferential_category: i32,
    /// `0`: a ratio.
    #[schema(example = 0)]
    preferential_type: i32,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    sales_price: Option<WireDecimal>,
    /// What is left to pay: `0.8` is a fifth off.
    discount_ratio: WireDecimal,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pricing_basis: Option<String>,
    /// From when.
    #[schema(example = "2026-01-01T00:00:00Z")]
    effective_time: String,
    /// Until when.
    #[schema(example = "2027-01-01T00:00:00Z")]
    expire_time: String,
    /// Empty.
    product_quoting_item_steps: Vec<ProductQuotingItemStep>,
}

/// A step of an item. There are none.
#[derive(Serialize, ToSchema)]
pub struct ProductQuotingItemStep {
    /// Its id.
    step_id: String,
    /// Its number.
    step_no: String,
    /// Where it begins.
    step_start: WireDecimal,
    /// In which unit.
    start_measure_id: i32,
    /// Where it ends.
    step_end: WireDecimal,
    /// In which unit.
    end_measure_id: i32,
    /// `0` a ratio, `1` a price.
    preferential_type: i32,
    /// The price.
    #[schema(inline)]
    sales_price: Option<WireDecimal>,
    /// The ratio.
    #[schema(inline)]
    discount_ratio: Option<WireDecimal>,
    /// What the price is for.
    pricing_basis: String,
}

/// A discount on a service or a resource type, charged in one way.
#[derive(Serialize, ToSchema)]
pub struct CategoryQuotingItem {
    /// Its id.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6-MONTHLY")]
    item_id: String,
    /// The service; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "hws.service.type.ec2")]
    cloud_service_type: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Elastic Cloud Server")]
    cloud_service_type_name: Option<String>,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    commercial_resource_type: Option<String>,
    /// The resource type; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "hws.resource.type.vm")]
    resource_type_code: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Cloud host")]
    resource_type_name: Option<String>,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    sku_family_code: Option<String>,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    sku_family_name: Option<String>,
    /// The site.
    #[schema(example = "HWC_CN")]
    site_code: &'static str,
    /// The region; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "cn-north-4")]
    region_code: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "CN North-Beijing4")]
    region_name: Option<String>,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    az_code: Option<String>,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    az_name: Option<String>,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    step_no: Option<String>,
    /// How it is charged.
    #[schema(example = "MONTHLY")]
    charging_mode: String,
    /// What is left to pay: `0.8` is a fifth off.
    discount_ratio: WireDecimal,
    /// From when.
    #[schema(example = "2026-01-01T00:00:00Z")]
    effective_time: String,
    /// Until when.
    #[schema(example = "2027-01-01T00:00:00Z")]
    expire_time: String,
}

/// A step of the categories. There are none.
#[derive(Serialize, ToSchema)]
pub struct CategoryQuotingItemStep {
    /// Its id.
    step_id: String,
    /// Its number.
    step_no: String,
    /// Where it begins.
    step_start: WireDecimal,
    /// In which unit.
    start_measure_id: i32,
    /// Where it ends.
    step_end: WireDecimal,
    /// In which unit.
    end_measure_id: i32,
    /// From when.
    effective_time: String,
    /// Until when.
    expire_time: String,
    /// The site.
    site_code: String,
}

/// A site of the vendor's.
#[derive(Serialize, ToSchema)]
pub struct SiteInfo {
    /// Its code.
    #[schema(example = "HWC_CN")]
    site_code: &'static str,
    /// Its name.
    #[schema(example = "Chinese mainland")]
    site_name: String,
    /// Its regions.
    regions: Vec<RegionInfo>,
}

/// A region.
#[derive(Clone, Serialize, ToSchema)]
pub struct RegionInfo {
    /// Its code.
    #[schema(example = "cn-north-4")]
    region_code: String,
    /// Its name.
    #[schema(example = "CN North-Beijing4")]
    region_name: String,
}

/// Lists the discounts of the caller's framework agreement.
///
/// It is the agreement that is in force, of several the latest. A discount for several ways of charging is an item for each
/// of them.
#[utoipa::path(
    post, path = "/v2/promotions/business/discount-info",
    params(Language),
    responses((status = 200, description = "The agreement.", body = ListBusinessDiscountInfoResponse)),
    extensions(("x-policy" = json!(Policy::callers(
        &[CallerKind::Partner, CallerKind::Distributor, CallerKind::Customer, CallerKind::Master]
    ).on(Site::Cn)))),
)]
pub async fn list_business_discount_info(
    State(app): State<App>,
    language: Language,
    caller: AnyCaller,
    Json(request): Json<BusinessDiscountQueryReq>,
) -> Result<Json<ListBusinessDiscountInfoResponse>, ApiError> {
    let modes = request.modes()?;
    let now = app.now(caller.tenant);
    let account = (caller.tenant, caller.domain);
    let mut connection = app.database.tenant(caller.tenant).await?;
    let agreement = store::agreement(&mut connection, account, now).await?;
    let discounts = match &agreement {
        Some(agreement) => store::discounts(&mut connection, account, Some(agreement.id)).await?,
        None => Vec::new(),
    };
    drop(connection);
    let catalogue = app.catalogue.load();
    let items = Items { request: &request, modes, catalogue: &catalogue, language, now };
    let mut answer = items.answer(&discounts);
    if let Some(agreement) = agreement {
        answer.commerce_id = Some(agreement.id.simple().to_string());
        answer.commerce_code = Some(agreement.code);
        answer.effective_time = Some(write_instant(agreement.effective_at));
        answer.expire_time = Some(write_instant(agreement.expires_at));
    }
    Ok(Json(answer))
}

impl BusinessDiscountQueryReq {
    /// The ways of charging that are asked for; none asked for is all.
    fn modes(&self) -> Result<Vec<ChargingMode>, ApiError> {
        let lengths = [
            ("cloud_service_types", self.cloud_service_types.as_ref().map_or(0, Vec::len), 100),
            ("charging_modes", self.charging_modes.as_ref().map_or(0, Vec::len), 20),
        ];
        if let Some((field, _, max)) = lengths.into_iter().find(|(_, length, max)| length > max) {
            return Err(ApiError::parameter(field, format_args!("must have at most {max} entries")));
        }
        let unknown = || ApiError::parameter("charging_modes", "must be ways of charging such as ONDEMAND or MONTHLY");
        let words = self.charging_modes.iter().flatten();
        words.map(|word| ChargingMode::parse(word.as_str()).ok_or_else(unknown)).collect()
    }
}

/// Makes items of discounts.
struct Items<'a> {
    request: &'a BusinessDiscountQueryReq,
    modes: Vec<ChargingMode>,
    catalogue: &'a Catalogue,
    language: Language,
    now: OffsetDateTime,
}

impl Items<'_> {
    fn answer(&self, discounts: &[StoredDiscount]) -> ListBusinessDiscountInfoResponse {
        let of_site = self.request.site_code.as_ref().is_none_or(|code| code.as_str().eq_ignore_ascii_case(SITE));
        let wanted = discounts.iter().filter(|stored| of_site && self.is_wanted(stored));
        let items: Vec<(&StoredDiscount, ChargingMode)> =
            wanted.flat_map(|stored| self.modes_of(stored).into_iter().map(move |mode| (stored, mode))).collect();
        let page = || items.iter().skip(self.request.offset.get()).take(self.request.limit.get());
        let is_product = self.request.quoting_item_type == QuotingItemType::Product;
        let site = SiteInfo {
            site_code: SITE,
            site_name: self.name(&Names { zh: "中国站".to_owned(), en: "Chinese mainland".to_owned() }),
            regions: self.catalogue.products.regions.iter().map(|region| self.region(region)).collect(),
        };
        ListBusinessDiscountInfoResponse {
            total_count: items.len(),
            commerce_id: None,
            commerce_code: None,
            effective_time: None,
            expire_time: None,
            product_quoting_items: page().filter(|_| is_product).map(|item| self.product(item)).collect(),
            category_quoting_items: page().filter(|_| !is_product).map(|item| self.category(item)).collect(),
            category_quoting_item_steps: Vec::new(),
            accumulation_cycle_type: None,
            sites: Some(site).filter(|_| of_site).into_iter().collect(),
        }
    }

    fn is_wanted(&self, stored: &StoredDiscount) -> bool {
        let scope = &stored.discount.scope;
        let services = self.request.cloud_service_types.as_deref().unwrap_or_default();
        let given = scope.service_type.as_deref();
        let is_product = scope.resource_spec.is_some();
        stored.effective_at <= self.now
            && self.now < stored.expires_at
            && is_product == (self.request.quoting_item_type == QuotingItemType::Product)
            && (services.is_empty()
                || given.is_some_and(|given| services.iter().any(|code| code.as_str().eq_ignore_ascii_case(given))))
    }

    fn modes_of(&self, stored: &StoredDiscount) -> Vec<ChargingMode> {
        let of_discount = &stored.discount.scope.charging_modes;
        let all = if of_discount.is_empty() { &MODES[..] } else { of_discount };
        all.iter().copied().filter(|mode| self.modes.is_empty() || self.modes.contains(mode)).collect()
    }

    fn product(&self, (stored, mode): &(&StoredDiscount, ChargingMode)) -> ProductQuotingItem {
        let scope = &stored.discount.scope;
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        let products = &self.catalogue.products;
        let specification = products
            .specifications_of(&text(&scope.resource_type))
            .iter()
            .find(|specification| Some(&specification.code) == scope.resource_spec.as_ref());
        let sold_in = specification.map_or(&[][..], |specification| &specification.region_codes);
        let related = products.regions.iter().filter(|region| match &scope.region {
            Some(code) => *code == region.code,
            None => sold_in.contains(&region.code),
        });
        ProductQuotingItem {
            item_id: item_id(stored, *mode),
            product_id: self.product_id(stored, *mode),
            product_spec_name: specification.map(|found| self.name(&found.names)).unwrap_or_default(),
            cloud_service_type: text(&scope.service_type),
            cloud_service_type_name: self.service_name(scope.service_type.as_ref()).unwrap_or_default(),
            site_code: SITE,
            related_regions: related.map(|region| self.region(region)).collect(),
            charge_event_code: None,
            charging_mode: mode.word(),
            preferential_category: 0,
            preferential_type: 0,
            sales_price: None,
            discount_ratio: WireDecimal(stored.discount.ratio),
            pricing_basis: None,
            effective_time: write_instant(stored.effective_at),
            expire_time: write_instant(stored.expires_at),
            product_quoting_item_steps: Vec::new(),
        }
    }

    fn product_id(&self, stored: &StoredDiscount, mode: ChargingMode) -> Option<String> {
        let scope = &stored.discount.scope;
        let codes = ProductCodes {
            service_type: scope.service_type.as_deref()?,
            resource_type: scope.resource_type.as_deref()?,
            spec: scope.resource_spec.as_deref()?,
            region: scope.region.as_deref()?,
        };
        let product = self.catalogue.pricing.book.product(&codes)?;
        Some(if mode == ChargingMode::OnDemand { &product.on_demand_id } else { &product.period_id }.clone())
    }

    fn category(&self, (stored, mode): &(&StoredDiscount, ChargingMode)) -> CategoryQuotingItem {
        let scope = &stored.discount.scope;
        let products = &self.catalogue.products;
        let resource = scope.resource_type.as_deref().and_then(|code| products.find_resource(code));
        let region = products.regions.iter().find(|region| Some(&region.code) == scope.region.as_ref());
        CategoryQuotingItem {
            item_id: item_id(stored, *mode),
            cloud_service_type: scope.service_type.clone(),
            cloud_service_type_name: self.service_name(scope.service_type.as_ref()),
            commercial_resource_type: None,
            resource_type_code: scope.resource_type.clone(),
            resource_type_name: resource.map(|resource| self.name(&resource.names)),
            sku_family_code: None,
            sku_family_name: None,
            site_code: SITE,
            region_code: scope.region.clone(),
            region_name: region.map(|region| self.name(&region.names)),
            az_code: None,
            az_name: None,
            step_no: None,
            charging_mode: mode.word(),
            discount_ratio: WireDecimal(stored.discount.ratio),
            effective_time: write_instant(stored.effective_at),
            expire_time: write_instant(stored.expires_at),
        }
    }

    fn service_name(&self, code: Option<&String>) -> Option<String> {
        let services = &self.catalogue.products.services;
        let found = services.iter().find(|service| Some(&service.code) == code);
        found.map(|service| self.name(&service.names))
    }

    fn region(&self, region: &Region) -> RegionInfo {
        RegionInfo { region_code: region.code.clone(), region_name: self.name(&region.names) }
    }

    fn name(&self, names: &Names) -> String {
        self.language.of(names).to_owned()
    }
}

fn item_id(stored: &StoredDiscount, mode: ChargingMode) -> String {
    format!("{}-{}", stored.discount.id.simple(), mode.word())
}

#[cfg(test)]
mod tests {
    use crate::pricing::administration::{NewDiscount, Span, add_agreement, add_discount};
    use crate::pricing::discounts::{DiscountKind, Scope};
    use crate::pricing::model::ChargingMode;
    use crate::testing::TestApp;
    use serde_json::json;
    use sqlx::PgPool;
    use time::Duration;

    const TARGET: &str = "/v2/promotions/business/discount-info";

    /// An application in which demo-customer has an agreement with a discount on a specification and one on a service.
    async fn with_agreement(pool: &PgPool) -> TestApp {
        let app = TestApp::with_prices(pool.clone()).await;
        let (now, mut connection) = (app.app.clock.now(), pool.acquire().await.expect("a connection"));
        let span = Span { from: now - Duration::DAY, until: now + Duration::DAY };
        let code = "FA-1".to_owned().try_into().expect("it is a code");
        let customer = app.world.account("demo-customer").ids();
        add_agreement(&mut connection, customer, &code, span, now).await.expect("it is made");
        let server = Scope {
            resource_type: Some("hws.resource.type.vm".to_owned()),
            resource_spec: Some("s6.large.2.linux".to_owned()),
            region: Some("cn-north-4".to_owned()),
            charging_modes: vec![ChargingMode::Monthly, ChargingMode::OnDemand],
            ..Scope::default()
        };
        let databases = Scope { service_type: Some("hws.service.type.rds".to_owned()), ..Scope::default() };
        for (name, ratio, scope) in [("server", "0.8", server), ("databases", "0.75", databases)] {
            let new = NewDiscount {
                kind: DiscountKind::Commercial,
                name: name.to_owned().try_into().expect("it is a name"),
                agreement: Some("FA-1".to_owned()),
                ratio: ratio.parse().expect("it is a number"),
                stacks: false,
                for_customers: false,
                scope,
                span: None,
            };
            add_discount(&mut connection, customer, new, now).await.expect("it is made");
        }
        app
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn specifications_and_categories_are_listed_apart_with_an_item_for_each_way_of_charging(pool: PgPool) {
        let app = with_agreement(&pool).await;
        let client = app.client("demo-customer");
        let products = client.post(TARGET, &json!({"quoting_item_type": "PRODUCT_ITEM"})).await.ok();
        assert_eq!((&products["total_count"], &products["commerce_code"]), (&json!(2), &json!("FA-1")));
        let item = &products["product_quoting_items"][0];
        assert_eq!((&item["charging_mode"], &item["discount_ratio"]), (&json!("MONTHLY"), &json!(0.8)));
        assert_eq!((&item["site_code"], &item["preferential_type"]), (&json!("HWC_CN"), &json!(0)));
        assert_eq!(item["related_regions"], json!([{"region_code": "cn-north-4", "region_name": "华北-北京四"}]));
        assert_ne!(item["product_id"], products["product_quoting_items"][1]["product_id"]);
        assert_eq!(products["category_quoting_items"], json!([]));

        let categories = client.post(TARGET, &json!({"quoting_item_type": "CATEGORY_ITEM"})).await.ok();
        assert_eq!(categories["total_count"], 6, "a discount for all ways of charging");
        assert_eq!(categories["category_quoting_items"][0]["cloud_service_type_name"], "云数据库 RDS");
        let filtered = json!({"quoting_item_type": "CATEGORY_ITEM", "cloud_service_types": ["HWS.service.type.RDS"],
            "charging_modes": ["1_yearly", "monthly"], "site_code": "hwc_cn", "offset": 1, "limit": 1});
        let filtered = client.post(TARGET, &filtered).await.ok();
        assert_eq!(filtered["total_count"], 2);
        assert_eq!(filtered["category_quoting_items"].as_array().map(Vec::len), Some(1));
        for none in [json!({"cloud_service_types": ["hws.service.type.ec2"]}), json!({"site_code": "HWC_HK"})] {
            let mut request = json!({"quoting_item_type": "CATEGORY_ITEM"});
            request.as_object_mut().expect("it is one").extend(none.as_object().expect("it is one").clone());
            assert_eq!(client.post(TARGET, &request).await.ok()["total_count"], 0);
        }
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn an_agreement_is_its_accounts_own_and_ends(pool: PgPool) {
        let app = with_agreement(&pool).await;
        let request = json!({"quoting_item_type": "PRODUCT_ITEM"});
        let other = app.client("demo-partner").post(TARGET, &request).await.ok();
        assert_eq!((other.get("commerce_id"), &other["total_count"]), (None, &json!(0)));
        app.app.clock.set(app.app.clock.now() + Duration::days(2));
        let later = app.client("demo-customer").post(TARGET, &request).await.ok();
        assert_eq!((later.get("commerce_id"), &later["total_count"]), (None, &json!(0)));
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn wrong_fields_are_named(pool: PgPool) {
        let app = TestApp::new(pool).await;
        for (request, field) in [
            (json!({}), "quoting_item_type: is required"),
            (json!({"quoting_item_type": "ITEM"}), "quoting_item_type: must be PRODUCT_ITEM or CATEGORY_ITEM"),
            (
                json!({"quoting_item_type": "PRODUCT_ITEM", "charging_modes": ["WEEKLY"]}),
                "charging_modes: must be ways",
            ),
            (
                json!({"quoting_item_type": "PRODUCT_ITEM", "charging_modes": vec!["DAILY"; 21]}),
                "charging_modes: must have",
            ),
            (
                json!({"quoting_item_type": "PRODUCT_ITEM", "cloud_service_types": vec!["s"; 101]}),
                "cloud_service_types:",
            ),
            (json!({"quoting_item_type": "PRODUCT_ITEM", "site_code": ""}), "site_code: must have 1 to 64"),
            (json!({"quoting_item_type": "PRODUCT_ITEM", "limit": 1001}), "limit: must be an integer from 1 to 1000"),
        ] {
            let answer = app.client("demo-customer").post(TARGET, &request).await;
            assert_eq!((answer.refusal().0, answer.refusal().1), (400, "CBC.0100"), "{}", answer.body);
            assert!(answer.refusal().2.contains(field), "{}", answer.body);
        }
    }
}
