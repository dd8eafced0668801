//! `POST /v2/bills/ratings/on-demand-resources`

use super::discounts::Taken;
use super::model::{
    Currency, Fault, ItemId, ItemRegion, ItemResourceType, ItemServiceType, ItemSpec, ItemUsageFactor, MONEY,
    ProductCodes, ProjectCode, ZoneFilter, check_items, check_size,
};
use super::quote::{self, Quoting, RatedUsage};
use super::rating::{Rounding, Step, Trace, UsageItem};
use crate::api::caller::{AnyCaller, CallerKind};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::app::App;
use crate::values::decimal::WireDecimal;
use crate::values::number::{self, Number};
use axum::extract::State;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which usage.
#[derive(Deserialize, ToSchema)]
pub struct RateOnDemandReq {
    /// One of the customer's projects. Prices do not depend on it.
    #[serde(rename = "project_id")]
    _project_id: ProjectCode,
    /// `0` six digits behind the point, `1` ten; the rest is cut off.
    #[schema(inline, nullable, default = 0)]
    inquiry_precision: Option<Number<0, 1>>,
    /// What is used, up to 100 items.
    #[schema(min_items = 1, max_items = 100)]
    product_infos: Vec<DemandProductInfo>,
}

/// Usage of a product.
#[derive(Deserialize, ToSchema)]
pub struct DemandProductInfo {
    /// Names the item in the answer; unique in the request.
    id: ItemId,
    /// The cloud service type.
    cloud_service_type: ItemServiceType,
    /// The resource type.
    resource_type: ItemResourceType,
    /// The specification.
    resource_spec: ItemSpec,
    /// The region.
    region: ItemRegion,
    /// An availability zone. Prices do not depend on it.
    #[serde(rename = "available_zone")]
    #[schema(inline, nullable)]
    _available_zone: Option<ZoneFilter>,
    /// How large the resource is: of linear products, for instance disks and bandwidths, where it must be given.
    #[schema(nullable, example = 40)]
    #[serde(default, deserialize_with = "number::any_or_none")]
    resource_size: Option<i32>,
    /// The unit of the size: `14` pieces, `15` Mbps, `17` GB.
    #[schema(nullable, example = 17)]
    #[serde(default, deserialize_with = "number::any_or_none")]
    size_measure_id: Option<i32>,
    /// What is measured: `ListUsageTypes` lists it.
    usage_factor: ItemUsageFactor,
    /// How much.
    usage_value: WireDecimal,
    /// In which unit: any that converts into the price's.
    #[schema(example = 4)]
    #[serde(deserialize_with = "number::any")]
    usage_measure_id: i32,
    /// Of how many such resources, each used so much.
    #[schema(value_type = i32, minimum = 1, maximum = 10_000, example = 1)]
    subscription_num: Number<1, 10_000>,
}

/// What usage costs.
#[derive(Serialize, ToSchema)]
pub struct ListOnDemandResourceRatingsResponse {
    /// To be paid: the official amount less the discounts.
    pub(super) amount: WireDecimal,
    /// The discounts.
    pub(super) discount_amount: WireDecimal,
    /// At official prices.
    pub(super) official_website_amount: WireDecimal,
    /// The unit of all amounts: `1` yuan or dollars.
    #[schema(example = 1)]
    measure_id: i32,
    /// The customer's currency.
    currency: Currency,
    /// Each item, in the order of the request.
    pub(super) product_rating_results: Vec<DemandProductRatingResult>,
}

/// What an item costs.
#[derive(Serialize, ToSchema)]
pub struct DemandProductRatingResult {
    /// The item's id.
    #[schema(example = "1")]
    id: String,
    /// The product.
    #[schema(example = "9b0f6c1d2e3a4b5c6d7e8f9001122334")]
    product_id: String,
    /// To be paid.
    pub(super) amount: WireDecimal,
    /// The discounts.
    pub(super) discount_amount: WireDecimal,
    /// At official prices.
    pub(super) official_website_amount: WireDecimal,
    /// `1`
    #[schema(example = 1)]
    measure_id: i32,
    /// The discounts one by one, in the order in which they are taken.
    pub(super) discount_rating_results: Vec<DemandDiscountRatingResult>,
}

/// A discount of an item.
#[derive(Serialize, ToSchema)]
pub struct DemandDiscountRatingResult {
    /// The discount.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    discount_id: String,
    /// `605` commercial, `606` contract, `607` granted by the partner, `700` promotion.
    #[schema(example = 605)]
    discount_type: i32,
    /// What it saves.
    pub(super) amount: WireDecimal,
    /// `1`
    #[schema(example = 1)]
    measure_id: i32,
    /// Its name.
    #[schema(example = "Framework agreement 2026")]
    discount_name: String,
}

/// Quotes the price of pay-per-use products.
///
/// A customer's own discounts are taken off: the commercial one before others, promotions that stack on top. A partner asks
/// with a token of its customer. One item without a price refuses the request, and the message names the item.
#[utoipa::path(
    post, path = "/v2/bills/ratings/on-demand-resources",
    responses((status = 200, description = "The price.", body = ListOnDemandResourceRatingsResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::CUSTOMERS).customer_action("billing:contract:viewDiscount").per_second(20)))),
)]
pub async fn list_on_demand_resource_ratings(
    State(app): State<App>,
    caller: AnyCaller,
    Json(request): Json<RateOnDemandReq>,
) -> Result<Json<ListOnDemandResourceRatingsResponse>, ApiError> {
    check_items(request.product_infos.iter().map(|info| info.id.as_str()))?;
    let now = app.now(caller.tenant);
    let customer = quote::customer_terms((&app.database, app.settings.api.site), &caller, now).await?;
    let catalogue = app.catalogue.load();
    let quoting = Quoting { pricing: &catalogue.pricing, customer: &customer, now };
    decide(&request, &quoting).map(Json)
}

/// Rates all items.
pub(super) fn decide(
    request: &RateOnDemandReq,
    quoting: &Quoting<'_>,
) -> Result<ListOnDemandResourceRatingsResponse, ApiError> {
    let rated: Vec<RatedUsage<'_>> = request.rate(quoting, &mut Trace::default())?;
    let total = |part: fn(&RatedUsage<'_>) -> Decimal| quote::sum(rated.iter().map(part));
    let official = total(|rated| rated.official).map_err(Fault::of_all)?;
    let amount = total(|rated| rated.amount).map_err(Fault::of_all)?;
    let results = request.product_infos.iter().zip(&rated);
    Ok(ListOnDemandResourceRatingsResponse {
        amount: WireDecimal(amount),
        discount_amount: WireDecimal(official - amount),
        official_website_amount: WireDecimal(official),
        measure_id: MONEY,
        currency: quoting.customer.currency,
        product_rating_results: results.map(|(info, rated)| result(info, rated)).collect(),
    })
}

impl RateOnDemandReq {
    /// Each item's price, in the order of the request.
    pub fn rate<'a>(&self, quoting: &Quoting<'a>, trace: &mut Trace) -> Result<Vec<RatedUsage<'a>>, ApiError> {
        let rounding = match self.inquiry_precision.map(Number::get) {
            Some(1) => Rounding::PreciseQuote,
            _ => Rounding::Quote,
        };
        let rate = |info: &DemandProductInfo| {
            trace.note(|| Step::Item { id: info.id.as_str().to_owned() });
            let item = info.item().map_err(|fault| fault.of(info.id.as_str()))?;
            quoting.usage(&item, rounding, trace).map_err(|fault| fault.of(info.id.as_str()))
        };
        self.product_infos.iter().map(rate).collect()
    }
}

impl DemandProductInfo {
    fn item(&self) -> Result<UsageItem<'_>, Fault> {
        if self.usage_value.0.is_sign_negative() && !self.usage_value.0.is_zero() {
            return Err(Fault::Parameter("usage_value", "must not be negative".to_owned()));
        }
        Ok(UsageItem {
            codes: ProductCodes {
                service_type: self.cloud_service_type.as_str(),
                resource_type: self.resource_type.as_str(),
                spec: self.resource_spec.as_str(),
                region: self.region.as_str(),
            },
            size: check_size(self.resource_size, self.size_measure_id)?,
            factor: self.usage_factor.as_str(),
            value: self.usage_value.0,
            measure_id: self.usage_measure_id,
            count: self.subscription_num.get(),
        })
    }
}

fn result(info: &DemandProductInfo, rated: &RatedUsage<'_>) -> DemandProductRatingResult {
    DemandProductRatingResult {
        id: info.id.as_str().to_owned(),
        product_id: rated.product_id.to_owned(),
        amount: WireDecimal(rated.amount),
        discount_amount: WireDecimal(rated.official - rated.amount),
        official_website_amount: WireDecimal(rated.official),
        measure_id: MONEY,
        discount_rating_results: rated.taken.iter().map(discount).collect(),
    }
}

fn discount(Taken { discount, saving }: &Taken<'_>) -> DemandDiscountRatingResult {
    DemandDiscountRatingResult {
        discount_id: discount.id.simple().to_string(),
        discount_type: discount.kind.number(),
        amount: WireDecimal(*saving),
        measure_id: MONEY,
        discount_name: discount.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use serde_json::{Value, json};
    use sqlx::PgPool;

    const TARGET: &str = "/v2/bills/ratings/on-demand-resources";

    /// An hour of a server, changed.
    fn server(id: &str, change: Value) -> Value {
        let mut info = json!({"id": id, "cloud_service_type": "hws.service.type.ec2",
            "resource_type": "hws.resource.type.vm", "resource_spec": "s6.large.2.linux", "region": "cn-north-4",
            "usage_factor": "Duration", "usage_value": 1, "usage_measure_id": 4, "subscription_num": 1});
        let (Value::Object(fields), Value::Object(change)) = (&mut info, change) else { panic!("both are objects") };
        fields.extend(change);
        info
    }

    fn body(infos: &Value) -> Value {
        json!({"project_id": "any", "product_infos": infos})
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn items_are_rated_in_their_order_and_summed(pool: PgPool) {
        let app = TestApp::with_prices(pool).await;
        let disk = json!({"cloud_service_type": "hws.service.type.ebs", "resource_type": "hws.resource.type.volume",
            "resource_spec": "SSD", "resource_size": 40, "size_measure_id": 17, "usage_factor": "duration"});
        let request = body(&json!([server("b", json!({"subscription_num": 2})), server("a", disk)]));
        let quote = app.client("demo-customer").post(TARGET, &request).await.ok();
        // s6.large.2: 2 vCPUs at 0.09 and 4 GB at 0.035; a gigabyte of SSD 0.0014 an hour.
        assert_eq!(quote["official_website_amount"], json!(0.696));
        assert_eq!((&quote["measure_id"], &quote["currency"]), (&json!(1), &json!("CNY")));
        let results = quote["product_rating_results"].as_array().expect("a list");
        let rows: Vec<_> = results.iter().map(|row| (&row["id"], &row["official_website_amount"])).collect();
        assert_eq!(rows, [(&json!("b"), &json!(0.64)), (&json!("a"), &json!(0.056))]);
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn every_refusal_has_its_code_and_names_the_item(pool: PgPool) {
        let app = TestApp::with_prices(pool).await;
        let client = app.client("demo-customer");
        let disk = |size: Value| {
            let mut disk = json!({"cloud_service_type": "hws.service.type.ebs",
                "resource_type": "hws.resource.type.volume", "resource_spec": "SSD"});
            disk.as_object_mut().expect("it is one").extend(size.as_object().expect("it is one").clone());
            disk
        };
        for (change, code, words) in [
            (json!({"resource_spec": "s6.large.2.bsd"}), "CBC.99006006", "not found. (id x)"),
            (json!({"cloud_service_type": "hws.service.type.ebs"}), "CBC.99006006", "not found. (id x)"),
            (json!({"resource_type": "none"}), "CBC.99006006", "not found. (id x)"),
            (json!({"region": "nowhere-1"}), "CBC.99006006", "not found. (id x)"),
            (json!({"usage_factor": "upflow"}), "CBC.99006074", "factor does not exist. (id x)"),
            (json!({"usage_measure_id": 10}), "CBC.99006050", "Incorrect usage unit. (id x)"),
            (json!({"usage_measure_id": 999}), "CBC.99006050", "Incorrect usage unit. (id x)"),
            (json!({"usage_value": 1e13}), "CBC.99006055", "exceeds the maximum amount. (id x)"),
            (json!({"usage_value": "79228162514264337593543950335", "usage_measure_id": 0}), "CBC.99006055", "(id x)"),
            (json!({"usage_value": -1}), "CBC.0100", "product_infos.usage_value: must not be negative (id x)."),
            (json!({"subscription_num": 0}), "CBC.0100", "product_infos[0].subscription_num: must be an integer"),
            (json!({"usage_value": "much"}), "CBC.0100", "product_infos[0].usage_value: must be a decimal number"),
            (json!({"id": ""}), "CBC.0100", "product_infos[0].id: must have 1 to 64 characters"),
            (disk(json!({})), "CBC.0100", "product_infos.resource_size: must be given with size_measure_id"),
            (disk(json!({"resource_size": 40})), "CBC.0100", "product_infos.size_measure_id: must be given"),
            (disk(json!({"size_measure_id": 17})), "CBC.0100", "product_infos.resource_size: must be given"),
            (
                disk(json!({"resource_size": 9, "size_measure_id": 17})),
                "CBC.0100",
                "from 10 to 32768 in steps of 1 (id x)",
            ),
            (
                disk(json!({"resource_size": 40, "size_measure_id": 15})),
                "CBC.0100",
                "must be 17 for this product (id x)",
            ),
            (disk(json!({"resource_size": 40, "size_measure_id": 16})), "CBC.0100", "must be 14, 15 or 17 (id x)"),
        ] {
            let answer = client.post(TARGET, &body(&json!([server("x", change.clone())]))).await;
            let (status, got, message) = answer.refusal();
            assert_eq!((status, got), (400, code), "{change}: {message}");
            assert!(message.contains(words), "{change}: {message}");
        }
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn there_are_one_to_a_hundred_items_and_no_id_repeats(pool: PgPool) {
        let app = TestApp::with_prices(pool).await;
        let client = app.client("demo-customer");
        let items = |count: usize| -> Value { (0..count).map(|id| server(&id.to_string(), json!({}))).collect() };
        for count in [0, 101] {
            let answer = client.post(TARGET, &body(&items(count))).await;
            assert_eq!(
                answer.refusal(),
                (400, "CBC.0100", "Parameter error. product_infos: must have 1 to 100 items.")
            );
        }
        let hundred = client.post(TARGET, &body(&items(100))).await.ok();
        assert_eq!(hundred["amount"], json!(32));
        let twice = client.post(TARGET, &body(&json!([server("1", json!({})), server("1", json!({}))]))).await;
        assert_eq!(twice.refusal().2, "Parameter error. product_infos.id: must not be given twice (id 1).");
        // Each of them is quoted, but not their sum.
        let much = |id: &str| server(id, json!({"usage_value": 3e12}));
        let together = client.post(TARGET, &body(&json!([much("1"), much("2")]))).await;
        assert_eq!(together.refusal(), (400, "CBC.99006055", "The rating result exceeds the maximum amount."));
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn ten_digits_are_answered_where_they_are_asked_for(pool: PgPool) {
        let app = TestApp::with_prices(pool).await;
        let get = json!({"cloud_service_type": "hws.service.type.obs", "resource_type": "hws.resource.type.obs",
            "resource_spec": "obs.standard", "usage_factor": "get", "usage_value": 7, "usage_measure_id": 14});
        let mut request = body(&json!([server("1", get)]));
        for (precision, amount) in [(Value::Null, json!(0)), (json!(0), json!(0)), (json!(1), json!(7e-7))] {
            request["inquiry_precision"] = precision;
            let quote = app.client("demo-customer").post(TARGET, &request).await.ok();
            assert_eq!(quote["amount"], amount);
        }
        request["inquiry_precision"] = json!(2);
        let refused = app.client("demo-customer").post(TARGET, &request).await;
        assert!(refused.refusal().2.contains("inquiry_precision: must be an integer from 0 to 1"));
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn only_customers_ask(pool: PgPool) {
        let app = TestApp::with_prices(pool).await;
        let request = body(&json!([server("1", json!({}))]));
        assert_eq!(
            app.client("demo-partner").post(TARGET, &request).await.refusal(),
            (403, "CBC.0151", "Access denied.")
        );
    }
}
