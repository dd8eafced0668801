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
use crate::api::operation::Policy;
use crate::app::App;
use crate::products::model::ChargeMode;
use crate::products::store::Products;
use crate::values::decimal::WireDecimal;
use crate::values::number::Number;
use axum::extract::State;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which products, for how long.
#[derive(Deserialize, ToSchema)]
pub struct RateOnPeriodReq {
    /// One of the customer's projects. Prices do not depend on it.
    #[serde(rename = "project_id")]
    #[schema(inline)]
    _project_id: ProjectCode,
    /// What is bought, up to 100 items.
    #[schema(min_items = 1, max_items = 100)]
    product_infos: Vec<PeriodProductInfo>,
}

/// A product for some time.
#[derive(Deserialize, ToSchema)]
pub struct PeriodProductInfo {
    /// Names the item in the answer; unique in the request.
    #[schema(inline)]
    id: ItemId,
    /// The cloud service type.
    #[schema(inline)]
    cloud_service_type: ItemServiceType,
    /// The resource type.
    #[schema(inline)]
    resource_type: ItemResourceType,
    /// The specification.
    #[schema(inline)]
    resource_spec: ItemSpec,
    /// The region.
    #[schema(inline)]
    region: ItemRegion,
    /// An availability zone. Prices do not depend on it.
    #[serde(rename = "available_zone")]
    #[schema(inline, nullable)]
    _available_zone: Option<ZoneFilter>,
    /// How large the resource is: of linear products, for instance disks and bandwidths, where it must be given.
    #[schema(nullable, example = 40)]
    resource_size: Option<i32>,
    /// The unit of the size: `14` pieces, `15` Mbps, `17` GB.
    #[schema(nullable, example = 17)]
    size_measure_id: Option<i32>,
    /// `0` days, `2` months, `3` years, `4` hours.
    #[schema(example = 2)]
    period_type: i32,
    /// How many periods.
    #[schema(inline)]
    period_num: Number<1, 2_147_483_647>,
    /// How many resources.
    #[schema(inline)]
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
    #[schema(inline, example = "CNY")]
    currency: Currency,
}

/// At official prices. Nothing is sold in instalments, so their fields are absent.
#[derive(Serialize, ToSchema)]
pub struct OfficialWebsiteRatingResult {
    /// All items.
    #[schema(inline)]
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
    #[schema(inline)]
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
    #[schema(inline)]
    amount: WireDecimal,
    /// At official prices.
    #[schema(inline)]
    official_website_amount: WireDecimal,
    /// What is saved.
    #[schema(inline)]
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
    #[schema(inline)]
    amount: WireDecimal,
    /// At the official price.
    #[schema(inline)]
    official_website_amount: WireDecimal,
    /// What is saved.
    #[schema(inline)]
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
    extensions(("x-policy" = json!(Policy::callers(&[CallerKind::Customer, CallerKind::Master]).per_second(30)))),
)]
pub async fn list_rate_on_period_detail(
    State(app): State<App>,
    caller: AnyCaller,
    Json(request): Json<RateOnPeriodReq>,
) -> Result<Json<ListRateOnPeriodDetailResponse>, ApiError> {
    check_items(request.product_infos.iter().map(|info| info.id.as_str()))?;
    let now = app.clock.now();
    let customer = quote::customer_terms(&app, &caller, now).await?;
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
