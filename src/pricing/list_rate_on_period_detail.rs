//! `POST /v2/bills/ratings/period-resources/subscribe-rate`

use super::book::NotSold;
use super::discounts::Offered;
use super::model::{
    Currency, Fault, ItemId, ItemRegion, ItemResourceType, ItemServiceType, ItemSpec, MONEY, Period, PeriodType,
    ProductCodes, ProjectCode, ZoneFilter, check_items, check_size,
};
use super::quote::{self, Purchase, Quoting};
use super::rating::{Official, PeriodFault, PeriodItem, Step, Trace};
use crate::api::caller::{AnyCaller, CallerKind};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::app::App;
use crate::products::model::ChargeMode;
use crate::products::store::Products;
use crate::values::decimal::WireDecimal;
use crate::values::number::{self, Number};
use axum::extract::State;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which products, for how long.
#[derive(Deserialize, ToSchema)]
pub struct RateOnPeriodReq {
    /// One of the customer's projects. Prices do not depend on it.
    #[serde(rename = "project_id")]
    _project_id: ProjectCode,
    /// What is bought, up to 100 items.
    #[schema(min_items = 1, max_items = 100)]
    product_infos: Vec<PeriodProductInfo>,
}

/// A product for some time.
#[derive(Deserialize, ToSchema)]
pub struct PeriodProductInfo {
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
    /// `0` days, `2` months, `3` years, `4` hours.
    #[schema(example = 2)]
    #[serde(deserialize_with = "number::any")]
    period_type: i32,
    /// How many periods.
    #[schema(value_type = i32, minimum = 1, maximum = 2_147_483_647, example = 1)]
    period_num: Number<1, 2_147_483_647>,
    /// How many resources.
    #[schema(value_type = i32, minimum = 1, maximum = 10_000, example = 1)]
    subscription_num: Number<1, 10_000>,
    /// Payment in instalments; absent, null and empty are `NA`.
    #[schema(nullable)]
    fee_installment_mode: Option<InstallmentMode>,
}

/// How a purchase is paid.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
pub enum InstallmentMode {
    /// Half at once.
    #[serde(rename = "HALF_PAY")]
    HalfPay,
    /// Nothing at once.
    #[serde(rename = "ZERO_PAY")]
    ZeroPay,
    /// All at once.
    #[serde(rename = "NA", alias = "")]
    Na,
}

/// What a purchase costs.
#[derive(Serialize, ToSchema)]
pub struct ListRateOnPeriodDetailResponse {
    /// At official prices.
    official_website_rating_result: OfficialWebsiteRatingResult,
    /// With each discount that the customer can choose, the best first.
    optional_discount_rating_results: Vec<OptionalDiscountRatingResult>,
    /// The customer's currency.
    currency: Currency,
}

/// At official prices. Nothing is sold in instalments, so their fields are absent.
#[derive(Serialize, ToSchema)]
pub struct OfficialWebsiteRatingResult {
    /// All items.
    official_website_amount: WireDecimal,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    installment_official_website_amount: Option<String>,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    installment_period_type: Option<i32>,
    /// The unit of all amounts: `1` yuan or dollars.
    #[schema(example = 1)]
    measure_id: i32,
    /// Each item, in the order of the request.
    product_rating_results: Vec<PeriodProductOfficialRatingResult>,
}

/// An item at its official price.
#[derive(Serialize, ToSchema)]
pub struct PeriodProductOfficialRatingResult {
    /// The item's id.
    #[schema(example = "1")]
    id: String,
    /// The product.
    #[schema(example = "9b0f6c1d2e3a4b5c6d7e8f9001122334")]
    product_id: String,
    /// At the official price.
    official_website_amount: WireDecimal,
    /// `1`
    #[schema(example = 1)]
    measure_id: i32,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    installment_official_website_amount: Option<String>,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    installment_period_type: Option<i32>,
}

/// A purchase with one of the customer's discounts.
#[derive(Serialize, ToSchema)]
pub struct OptionalDiscountRatingResult {
    /// The discount.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    discount_id: String,
    /// To be paid: the official amount less the discount.
    amount: WireDecimal,
    /// At official prices.
    official_website_amount: WireDecimal,
    /// What is saved.
    discount_amount: WireDecimal,
    /// `1`
    #[schema(example = 1)]
    measure_id: i32,
    /// `605` commercial, `606` contract, `607` granted by the partner, `700` promotion.
    #[schema(example = 605)]
    discount_type: i32,
    /// Its name.
    #[schema(example = "Framework agreement 2026")]
    discount_name: String,
    /// `1` for the one that saves most, promotions left aside; else `0`.
    #[schema(example = 1)]
    best_offer: i32,
    /// Each item, in the order of the request.
    product_rating_results: Vec<PeriodProductRatingResult>,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    installment_official_website_amount: Option<String>,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    installment_official_discount_amount: Option<String>,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    installment_amount: Option<String>,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    installment_period_type: Option<i32>,
}

/// An item with a discount.
#[derive(Serialize, ToSchema)]
pub struct PeriodProductRatingResult {
    /// The item's id.
    #[schema(example = "1")]
    id: String,
    /// The product.
    #[schema(example = "9b0f6c1d2e3a4b5c6d7e8f9001122334")]
    product_id: String,
    /// To be paid.
    amount: WireDecimal,
    /// At the official price.
    official_website_amount: WireDecimal,
    /// What is saved.
    discount_amount: WireDecimal,
    /// `1`
    #[schema(example = 1)]
    measure_id: i32,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    installment_official_website_amount: Option<String>,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    installment_official_discount_amount: Option<String>,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    installment_amount: Option<String>,
    /// Absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    installment_period_type: Option<i32>,
}

/// Quotes the price of yearly and monthly products.
///
/// The answer has the official price, and the price with each discount that the customer can choose. A partner asks with a
/// token of its customer. One item without a price refuses the request, and the message names the item.
#[utoipa::path(
    post, path = "/v2/bills/ratings/period-resources/subscribe-rate",
    responses((status = 200, description = "The price.", body = ListRateOnPeriodDetailResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::CUSTOMERS).customer_action("billing:contract:viewDiscount").per_second(30)))),
)]
pub async fn list_rate_on_period_detail(
    State(app): State<App>,
    caller: AnyCaller,
    Json(request): Json<RateOnPeriodReq>,
) -> Result<Json<ListRateOnPeriodDetailResponse>, ApiError> {
    check_items(request.product_infos.iter().map(|info| info.id.as_str()))?;
    let now = app.now(caller.tenant);
    let customer = quote::customer_terms((&app.database, app.settings.api.site), &caller, now).await?;
    let catalogue = app.catalogue.load();
    let quoting = Quoting { pricing: &catalogue.pricing, customer: &customer, now };
    let purchase = request.rate(&quoting, &catalogue.products, &mut Trace::default())?;
    Ok(Json(answer(&request, &purchase, customer.currency)))
}

impl RateOnPeriodReq {
    /// The price of all items.
    pub fn rate<'a>(
        &self,
        quoting: &Quoting<'a>,
        products: &Products,
        trace: &mut Trace,
    ) -> Result<Purchase<'a>, ApiError> {
        let rate = |info: &'_ PeriodProductInfo| {
            trace.note(|| Step::Item { id: info.id.as_str().to_owned() });
            let item = info.item().map_err(|fault| fault.of(info.id.as_str()))?;
            let official = quoting.official(&item, trace);
            official.map_err(|fault| fault_of(fault, &item, products).of(info.id.as_str()))
        };
        let officials = self.product_infos.iter().map(rate).collect::<Result<Vec<Official<'a>>, ApiError>>()?;
        let items: Vec<PeriodItem<'_>> = self.product_infos.iter().filter_map(|info| info.item().ok()).collect();
        quoting.purchase(&items, officials, trace).map_err(Fault::of_all)
    }
}

impl PeriodProductInfo {
    fn item(&self) -> Result<PeriodItem<'_>, Fault> {
        // Only one product line of the vendor's can be paid in instalments, and nothing of it is in the catalogue.
        if self.fee_installment_mode.is_some_and(|mode| mode != InstallmentMode::Na) {
            return Err(Fault::Parameter("fee_installment_mode", "must be NA for this product".to_owned()));
        }
        let kind = PeriodType::from_number(self.period_type);
        let kind = kind.ok_or_else(|| Fault::Parameter("period_type", "must be 0, 2, 3 or 4".to_owned()))?;
        Ok(PeriodItem {
            codes: ProductCodes {
                service_type: self.cloud_service_type.as_str(),
                resource_type: self.resource_type.as_str(),
                spec: self.resource_spec.as_str(),
                region: self.region.as_str(),
            },
            size: check_size(self.resource_size, self.size_measure_id)?,
            period: Period { kind, num: self.period_num.get() },
            count: self.subscription_num.get(),
        })
    }
}

/// What the vendor calls a missing price: a product that the catalogue sells by period but the book does not is another
/// fault than one that nobody knows, or that is sold for other times only. The vendor's documents do not tell them apart.
pub fn fault_of(fault: PeriodFault, item: &PeriodItem<'_>, products: &Products) -> Fault {
    match fault {
        PeriodFault::Fault(fault) => fault,
        PeriodFault::NotSold(NotSold::ForThisPeriod | NotSold::AnyMore) => Fault::ProductNotFound,
        PeriodFault::Unknown | PeriodFault::NotSold(NotSold::ByPeriod) => {
            let catalogued = products.sells(item.codes.all(), ChargeMode::YearlyMonthly);
            if catalogued { Fault::ProductInformation } else { Fault::ProductNotFound }
        }
    }
}

fn answer(request: &RateOnPeriodReq, purchase: &Purchase<'_>, currency: Currency) -> ListRateOnPeriodDetailResponse {
    let official = |(info, official): (&PeriodProductInfo, &Official<'_>)| PeriodProductOfficialRatingResult {
        id: info.id.as_str().to_owned(),
        product_id: official.product_id.to_owned(),
        official_website_amount: WireDecimal(official.amount),
        measure_id: MONEY,
        installment_official_website_amount: None,
        installment_period_type: None,
    };
    let results = request.product_infos.iter().zip(&purchase.items);
    ListRateOnPeriodDetailResponse {
        official_website_rating_result: OfficialWebsiteRatingResult {
            official_website_amount: WireDecimal(purchase.official),
            installment_official_website_amount: None,
            installment_period_type: None,
            measure_id: MONEY,
            product_rating_results: results.map(official).collect(),
        },
        optional_discount_rating_results: purchase
            .offered
            .iter()
            .map(|offered| option(request, purchase, offered))
            .collect(),
        currency,
    }
}

fn option(request: &RateOnPeriodReq, purchase: &Purchase<'_>, offered: &Offered<'_>) -> OptionalDiscountRatingResult {
    let items = request.product_infos.iter().zip(&purchase.items).zip(&offered.amounts);
    let product =
        |((info, official), amount): ((&PeriodProductInfo, &Official<'_>), &Decimal)| PeriodProductRatingResult {
            id: info.id.as_str().to_owned(),
            product_id: official.product_id.to_owned(),
            amount: WireDecimal(*amount),
            official_website_amount: WireDecimal(official.amount),
            discount_amount: WireDecimal(official.amount - amount),
            measure_id: MONEY,
            installment_official_website_amount: None,
            installment_official_discount_amount: None,
            installment_amount: None,
            installment_period_type: None,
        };
    OptionalDiscountRatingResult {
        discount_id: offered.discount.id.simple().to_string(),
        amount: WireDecimal(offered.amount),
        official_website_amount: WireDecimal(purchase.official),
        discount_amount: WireDecimal(purchase.official - offered.amount),
        measure_id: MONEY,
        discount_type: offered.discount.kind.number(),
        discount_name: offered.discount.name.clone(),
        best_offer: offered.best.into(),
        product_rating_results: items.map(product).collect(),
        installment_official_website_amount: None,
        installment_official_discount_amount: None,
        installment_amount: None,
        installment_period_type: None,
    }
}

#[cfg(test)]
mod tests {
    use crate::pricing::administration::{NewDiscount, Span, add_agreement, add_discount};
    use crate::pricing::discounts::{DiscountKind, Scope};
    use crate::pricing::model::Currency;
    use crate::pricing::store::set_currency;
    use crate::testing::TestApp;
    use serde_json::{Value, json};
    use sqlx::PgPool;
    use time::Duration;

    const TARGET: &str = "/v2/bills/ratings/period-resources/subscribe-rate";

    /// A month of a server, changed.
    fn server(id: &str, change: Value) -> Value {
        let mut info = json!({"id": id, "cloud_service_type": "hws.service.type.ec2",
            "resource_type": "hws.resource.type.vm", "resource_spec": "s6.large.2.linux", "region": "cn-north-4",
            "period_type": 2, "period_num": 1, "subscription_num": 1});
        let (Value::Object(fields), Value::Object(change)) = (&mut info, change) else { panic!("both are objects") };
        fields.extend(change);
        info
    }

    fn body(infos: &Value) -> Value {
        json!({"project_id": "any", "product_infos": infos})
    }

    fn discount(kind: DiscountKind, name: &str, ratio: &str) -> NewDiscount {
        NewDiscount {
            kind,
            name: name.to_owned().try_into().expect("it is a name"),
            agreement: (kind == DiscountKind::Commercial).then(|| "FA".to_owned()),
            ratio: ratio.parse().expect("it is a number"),
            stacks: false,
            for_customers: false,
            scope: Scope::default(),
            span: None,
        }
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn the_official_price_comes_with_every_discount_and_the_best_is_marked(pool: PgPool) {
        let app = TestApp::with_prices(pool.clone()).await;
        let (now, mut connection) = (app.app.clock.now(), pool.acquire().await.expect("a connection"));
        let span = Span { from: now - Duration::DAY, until: now + Duration::DAY };
        let code = "FA".to_owned().try_into().expect("it is a code");
        let [customer, partner] = ["demo-customer", "demo-partner"].map(|name| app.world.account(name).ids());
        add_agreement(&mut connection, customer, &code, span, now).await.expect("it is made");
        let mut servers = discount(DiscountKind::Commercial, "servers", "0.8");
        servers.scope.resource_type = Some("hws.resource.type.vm".to_owned());
        add_discount(&mut connection, customer, servers, now).await.expect("it is made");
        let mut granted = discount(DiscountKind::Partner, "granted", "0.9");
        (granted.for_customers, granted.span) = (true, Some(span));
        add_discount(&mut connection, partner, granted, now).await.expect("it is made");
        let disk = json!({"cloud_service_type": "hws.service.type.ebs", "resource_type": "hws.resource.type.volume",
            "resource_spec": "SSD", "resource_size": 40, "size_measure_id": 17});
        let request = body(&json!([server("1", json!({})), server("2", disk)]));

        let quote = app.client("demo-customer").post(TARGET, &request).await.ok();
        // 0.32 and 40 x 0.0014 an hour, of which a month costs 480.
        let official = &quote["official_website_rating_result"];
        assert_eq!(official["official_website_amount"], json!(180.48));
        assert_eq!(official["product_rating_results"][1]["official_website_amount"], json!(26.88));
        let options = quote["optional_discount_rating_results"].as_array().expect("a list");
        let rows: Vec<_> = options
            .iter()
            .map(|row| [&row["discount_name"], &row["discount_type"], &row["best_offer"], &row["amount"]])
            .collect();
        let best = [&json!("servers"), &json!(605), &json!(1), &json!(149.76)];
        let other = [&json!("granted"), &json!(607), &json!(0), &json!(162.43)];
        assert_eq!(rows, [best, other]);
        assert_eq!(options[0]["discount_amount"], json!(30.72));
        assert_eq!(options[0]["product_rating_results"][1]["discount_amount"], json!(0));

        // Another customer of another partner has neither; the next day nobody has.
        app.app.clock.set(now + Duration::days(2));
        let quote = app.client("demo-customer").post(TARGET, &request).await.ok();
        assert_eq!(quote["optional_discount_rating_results"], json!([]));
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn every_refusal_has_its_code_and_names_the_item(pool: PgPool) {
        let app = TestApp::with_prices(pool.clone()).await;
        let unpriced = "delete from prices where region_code = 'cn-south-1'";
        sqlx::raw_sql(unpriced).execute(&pool).await.expect("they are deleted");
        app.reload_catalogue().await;
        let client = app.client("demo-customer");
        for (change, code, words) in [
            (json!({"resource_spec": "s6.large.2.bsd"}), "CBC.99006006", "not found. (id x)"),
            (json!({"region": "nowhere-1"}), "CBC.99006006", "not found. (id x)"),
            (json!({"period_num": 12}), "CBC.99006006", "not found. (id x)"),
            (json!({"period_type": 4}), "CBC.99006006", "not found. (id x)"),
            (json!({"period_type": 3, "period_num": 4}), "CBC.99006006", "not found. (id x)"),
            // In the catalogue, without a price.
            (json!({"region": "cn-south-1"}), "CBC.99006024", "query product information. (id x)"),
            (json!({"period_type": 1}), "CBC.0100", "product_infos.period_type: must be 0, 2, 3 or 4 (id x)."),
            (json!({"period_num": 0}), "CBC.0100", "product_infos[0].period_num: must be an integer"),
            (json!({"fee_installment_mode": "HALF_PAY"}), "CBC.0100", "fee_installment_mode: must be NA"),
            (json!({"fee_installment_mode": "LATER"}), "CBC.0100", "product_infos[0].fee_installment_mode"),
            (json!({"id": "x".repeat(65)}), "CBC.0100", "product_infos[0].id: must have 1 to 64 characters"),
        ] {
            let answer = client.post(TARGET, &body(&json!([server("x", change.clone())]))).await;
            let (status, got, message) = answer.refusal();
            assert_eq!((status, got), (400, code), "{change}: {message}");
            assert!(message.contains(words), "{change}: {message}");
        }
        let installments =
            ["NA", ""].map(|mode| server(mode, json!({"id": format!("i{mode}"), "fee_installment_mode": mode})));
        assert!(client.post(TARGET, &body(&json!(installments))).await.status.is_success());
        assert_eq!(app.client("demo-partner").post(TARGET, &body(&json!([]))).await.refusal().1, "CBC.0151");
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn more_than_a_trillion_is_not_quoted(pool: PgPool) {
        let app = TestApp::with_prices(pool.clone()).await;
        sqlx::query("update prices set three_years = '{999999999999.99}' where resource_spec = 's6.large.2.linux'")
            .execute(&pool)
            .await
            .expect("it is written");
        app.reload_catalogue().await;
        let dear = |count: u32| server("x", json!({"period_type": 3, "period_num": 3, "subscription_num": count}));
        let quote = app.client("demo-customer").post(TARGET, &body(&json!([dear(1)]))).await;
        assert!(quote.status.is_success(), "{}", quote.body);
        let refused = app.client("demo-customer").post(TARGET, &body(&json!([dear(2)]))).await;
        assert_eq!(refused.refusal(), (400, "CBC.99006055", "The rating result exceeds the maximum amount. (id x)"));
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn what_cannot_be_read_is_told_apart(pool: PgPool) {
        let app = TestApp::with_prices(pool.clone()).await;
        let (client, request) = (app.client("demo-customer"), body(&json!([server("1", json!({}))])));
        assert!(client.post(TARGET, &request).await.status.is_success());
        let execute = async |statement: &'static str| {
            sqlx::raw_sql(statement).execute(&pool).await.expect("the statement is right");
        };

        execute("alter table discounts rename to away").await;
        let refused = client.post(TARGET, &request).await;
        assert_eq!(refused.refusal(), (400, "CBC.99006016", "Failed to query coupon information."));
        execute("alter table away rename to discounts").await;

        // Between the check of its signature and its price a customer may be gone.
        execute("set session_replication_role = replica; delete from domains where name = 'demo-customer'").await;
        let refused = client.post(TARGET, &request).await;
        assert_eq!(refused.refusal(), (400, "CBC.99006017", "Failed to query customer information."));

        app.app.database.close().await;
        assert_eq!(
            client.post(TARGET, &request).await.refusal(),
            (503, "APIGW.0201", "Backend unavailable. Repeat the request.")
        );
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn an_account_is_quoted_in_its_own_currency(pool: PgPool) {
        let app = TestApp::with_prices(pool.clone()).await;
        let request = body(&json!([server("1", json!({}))]));
        let mut connection = pool.acquire().await.expect("a connection");
        let customer = app.world.account("demo-customer").ids();
        for (currency, code, amount) in [(Currency::Usd, "USD", json!(21.33)), (Currency::Cny, "CNY", json!(153.6))] {
            set_currency(&mut connection, customer, currency).await.expect("it is set");
            let quote = app.client("demo-customer").post(TARGET, &request).await.ok();
            assert_eq!(quote["currency"], code);
            assert_eq!(quote["official_website_rating_result"]["official_website_amount"], amount);
        }
    }
}
