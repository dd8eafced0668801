//! `GET /v2/costs/cost-analysed-bills/monthly-breakdown`

use super::amortisation::MONTHS;
use super::shares::{Share, Shares};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::filter::{Filter, Ignored, Taken};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::bills::accounts::Accounts;
use crate::bills::model::{
    CodeFilter, MemberFilter, Method, ProjectFilter, ResourceFilter, ResourceNameFilter, project, region_name,
    shown_period, shown_project,
};
use crate::bills::search::Wanted;
use crate::charges::model::{BillType, BillingMode};
use crate::orders::view::{resource_name, service_name};
use crate::pricing::model::description;
use crate::pricing::quote;
use crate::products::store::Products;
use crate::values::amount::Amount;
use crate::values::decimal::WireDecimal;
use crate::values::id::DomainId;
use crate::values::language::Language;
use crate::values::money::Currency;
use crate::values::site::Site;
use crate::values::time::{Day, Instant, Month};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which costs.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListCustomerBillsMonthlyBreakDownQuery {
    /// The month of UTC+8: this one or one of the 17 before it.
    #[param(inline)]
    shared_month: Month,
    /// Only those of this service type. Given without a value it matches none; so with the resource type.
    #[param(inline, value_type = CodeFilter)]
    #[serde(default)]
    service_type_code: Filter<CodeFilter, Taken>,
    /// Only those of this resource type.
    #[param(inline, value_type = CodeFilter)]
    #[serde(default)]
    resource_type_code: Filter<CodeFilter, Taken>,
    /// Only those in this region.
    #[param(inline, value_type = CodeFilter)]
    #[serde(default)]
    region_code: Filter<CodeFilter>,
    /// Only what is paid for so: 1 yearly/monthly, 3 pay-per-use, 10 reserved instance, 11 savings plan.
    #[param(inline, value_type = BillingMode)]
    #[serde(default)]
    charging_mode: Filter<BillingMode>,
    /// Only those for this.
    #[param(inline, value_type = BillType)]
    #[serde(default)]
    bill_type: Filter<BillType>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<1000>,
    /// Only those of this resource.
    #[param(inline, value_type = ResourceFilter)]
    #[serde(default)]
    resource_id: Filter<ResourceFilter>,
    /// Only those of resources of this name.
    #[param(inline, value_type = ResourceNameFilter)]
    #[serde(default)]
    resource_name: Filter<ResourceNameFilter>,
    /// Only those in this enterprise project: `0` the default one, `null` none.
    #[param(inline, value_type = ProjectFilter)]
    #[serde(default)]
    enterprise_project_id: Filter<ProjectFilter, Ignored, Taken>,
    /// Whose: `oneself`, `sub_customer`, or, unless said otherwise, `all`.
    #[param(inline, value_type = Method)]
    #[serde(default)]
    method: Filter<Method>,
    /// The member of the enterprise, where `method` is `sub_customer`.
    #[param(inline, value_type = MemberFilter)]
    #[serde(default)]
    sub_customer_id: Filter<MemberFilter>,
}

/// What counts in a month.
#[derive(Serialize, ToSchema)]
pub struct ListCustomerBillsMonthlyBreakDownResponse {
    /// The currency.
    currency: Currency,
    /// How many records there are in all.
    #[schema(example = 25)]
    total_count: i64,
    /// This part of them, what was charged in the latest month first.
    details: Vec<NvlCostAnalysedBillDetail>,
}

/// What of a line of an order, or of a resource's use, counts in the month.
///
/// `consume_amount` is the sum of the amounts before, in and after the month; and the month's is the sum of what paid it and of what
/// nobody has paid yet.
#[derive(Serialize, ToSchema)]
pub struct NvlCostAnalysedBillDetail {
    /// The month of UTC+8 that was asked for.
    #[schema(value_type = Month)]
    shared_month: Month,
    /// The month that it was charged in.
    #[schema(value_type = Month)]
    bill_cycle: Month,
    /// What it is for.
    bill_type: BillType,
    /// The customer.
    customer_id: DomainId,
    /// The region.
    #[schema(example = "cn-north-4")]
    region_code: String,
    /// The region's name.
    #[schema(example = "CN North-Beijing4")]
    region_name: String,
    /// The service type.
    #[schema(example = "hws.service.type.ec2")]
    service_type_code: String,
    /// The resource type.
    #[schema(example = "hws.resource.type.vm")]
    resource_type_code: String,
    /// The name of the service type.
    #[schema(example = "Elastic Cloud Server")]
    service_type_name: String,
    /// The name of the resource type.
    #[schema(example = "Cloud server")]
    resource_type_name: String,
    /// From when on it was used; null for an order.
    #[schema(nullable)]
    effective_time: Option<Instant>,
    /// Until when.
    #[schema(nullable)]
    expire_time: Option<Instant>,
    /// The resource; empty until a service has provided it.
    #[schema(example = "01978d6a-2b3c-7d4e-8f90-a1b2c3d4e5f6")]
    resource_id: String,
    /// Its name.
    #[schema(example = "web")]
    resource_name: String,
    /// Its tags: none.
    #[schema(example = "")]
    resource_tag: &'static str,
    /// Its specification in words.
    #[schema(example = "s6.large.2.linux")]
    product_spec_desc: String,
    /// The enterprise project: `0` the default one, `null` none.
    #[schema(example = "0")]
    enterprise_project_id: String,
    /// Its name.
    #[schema(example = "default")]
    enterprise_project_name: String,
    /// 1 yearly/monthly, 3 pay-per-use, 10 reserved instance, 11 savings plan.
    charging_mode: BillingMode,
    /// The order; null for use.
    #[schema(nullable, example = "CS2603281445NO7AB")]
    order_id: Option<String>,
    /// For periods of which length: 19 a year, 20 a month, 24 a day, 25 an hour, 5 once.
    #[schema(nullable, example = 20)]
    period_type: Option<i32>,
    /// What was measured; null for an order.
    #[schema(nullable, example = "Duration")]
    usage_type: Option<String>,
    /// How much, what packages covered included.
    #[schema(nullable)]
    usage: Option<WireDecimal>,
    /// In which unit.
    #[schema(nullable, example = 4)]
    usage_measure_id: Option<i32>,
    /// What packages covered.
    #[schema(nullable)]
    free_resource_usage: Option<WireDecimal>,
    /// In which unit.
    #[schema(nullable, example = 4)]
    free_resource_measure_id: Option<i32>,
    /// What reserved instances covered: there are none.
    #[schema(nullable)]
    ri_usage: Option<WireDecimal>,
    /// In which unit.
    #[schema(nullable)]
    ri_usage_measure_id: Option<i32>,
    /// What is to be paid in all; below zero what was given back.
    consume_amount: Amount,
    /// What of it counts before the month; 0 for use.
    past_months_amortized_amount: Amount,
    /// What counts in it.
    current_month_amortized_amount: Amount,
    /// What counts after it; 0 for use.
    future_months_amortized_amount: Amount,
    /// Of the month's amount: by cash.
    amortized_cash_amount: Amount,
    /// By credit.
    amortized_credit_amount: Amount,
    /// By cash coupons.
    amortized_coupon_amount: Amount,
    /// By flexi-purchase coupons.
    amortized_flexipurchase_coupon_amount: Amount,
    /// By stored-value cards.
    amortized_stored_value_card_amount: Amount,
    /// By bonus.
    amortized_bonus_amount: Amount,
    /// The service type of a part of a machine that is sold as a whole; there are none.
    #[schema(nullable)]
    sub_service_type_code: Option<String>,
    /// Its name.
    #[schema(nullable)]
    sub_service_type_name: Option<String>,
    /// Its resource type.
    #[schema(nullable)]
    sub_resource_type_code: Option<String>,
    /// The name of that.
    #[schema(nullable)]
    sub_resource_type_name: Option<String>,
    /// The part.
    #[schema(nullable)]
    sub_resource_id: Option<String>,
    /// Its name.
    #[schema(nullable)]
    sub_resource_name: Option<String>,
    /// Tags by which costs are told apart: resources have none.
    effective_tag_pairs: Vec<TagPair>,
    /// Units that costs belong to: there are none.
    cost_unit_pairs: Vec<CostUnitPair>,
}

/// A tag.
#[derive(Serialize, ToSchema)]
pub struct TagPair {
    /// Its key.
    #[schema(example = "stage")]
    tag_key: String,
    /// Its value.
    #[schema(example = "test")]
    tag_value: String,
}

/// A cost unit.
#[derive(Serialize, ToSchema)]
pub struct CostUnitPair {
    /// Its name.
    #[schema(example = "sales")]
    cost_unit_name: String,
    /// The value of the rule by which something belongs to it.
    #[schema(example = "north")]
    cost_unit_rule_value: String,
}

/// Lists what counts in a month.
///
/// Use counts in the month that it is billed in. What was paid for a period counts day by day of UTC+8, the first and the last day
/// included, and each record says what counts before, in and after the month. What is unsubscribed from counts up to that day: the
/// rest of it, and what was given back, count in that month.
#[utoipa::path(
    get, path = "/v2/costs/cost-analysed-bills/monthly-breakdown",
    params(ListCustomerBillsMonthlyBreakDownQuery, Language),
    responses((status = 200, description = "The costs.", body = ListCustomerBillsMonthlyBreakDownResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::CUSTOMERS).on(Site::Cn).customer_action("costCenter:costDetail:listCostDetails")
    ))),
)]
pub async fn list_customer_bills_monthly_break_down(
    State(app): State<App>,
    customer: Customer,
    language: Language,
    Query(query): Query<ListCustomerBillsMonthlyBreakDownQuery>,
) -> Result<Json<ListCustomerBillsMonthlyBreakDownResponse>, ApiError> {
    let this = Month::of(app.now(customer.tenant));
    let month = query.shared_month;
    if month > this || month < this.before(MONTHS - 1) {
        return Err(ApiError::parameter(
            "shared_month",
            format_args!("must be this month or one of the {} before it", MONTHS - 1),
        ));
    }
    let mut connection = app.database.tenant(customer.tenant).await?;
    let currency = quote::currency(&mut connection, (customer.tenant, customer.domain), app.settings.api.site).await?;
    let whose = (query.method.wanted(), query.sub_customer_id.wanted());
    let customers = Accounts::seen(&mut connection, &customer, whose).await?.ids();
    let shares = Shares { tenant: customer.tenant, customers, month, currency, wanted: wanted(&query) };
    let (rows, total_count) = shares.page(&mut connection, (query.offset.get(), query.limit.get())).await?;
    let catalogue = app.catalogue.load();
    let details = rows.into_iter().map(|share| show(share, month, (&catalogue.products, language))).collect();
    Ok(Json(ListCustomerBillsMonthlyBreakDownResponse { currency, total_count, details }))
}

fn wanted(query: &ListCustomerBillsMonthlyBreakDownQuery) -> Wanted {
    Wanted {
        service_type: query.service_type_code.wanted().map(|code| code.as_str().to_owned()),
        resource_type: query.resource_type_code.wanted().map(|code| code.as_str().to_owned()),
        region: query.region_code.wanted().map(|code| code.as_str().to_owned()),
        charging_mode: query.charging_mode.wanted().copied(),
        bill_type: query.bill_type.wanted().copied(),
        enterprise_project: query.enterprise_project_id.wanted().map(project),
        resource_id: query.resource_id.wanted().map(|id| id.as_str().to_owned()),
        resource_name: query.resource_name.wanted().map(|name| name.as_str().to_owned()),
        ..Wanted::default()
    }
}

fn show(share: Share, month: Month, (products, language): (&Products, Language)) -> NvlCostAnalysedBillDetail {
    let (project_id, project_name) = shown_project(&share.enterprise_project_id);
    let is_use = share.order_id.is_none();
    NvlCostAnalysedBillDetail {
        shared_month: month,
        bill_cycle: Month::of_day(Day(share.cycle)),
        bill_type: share.bill_type,
        customer_id: share.domain_id,
        region_name: region_name(products, &share.region_code, language),
        service_type_name: service_name(products, &share.service_type_code, language),
        resource_type_name: resource_name(products, &share.resource_type_code, language),
        region_code: share.region_code,
        service_type_code: share.service_type_code,
        resource_type_code: share.resource_type_code,
        effective_time: share.used_from.map(Instant),
        expire_time: share.used_until.map(Instant),
        resource_id: share.resource_id,
        resource_name: share.resource_name,
        resource_tag: "",
        product_spec_desc: description(&share.resource_spec, share.resource_size),
        enterprise_project_id: project_id,
        enterprise_project_name: project_name,
        charging_mode: share.charging_mode,
        order_id: share.order_id,
        period_type: shown_period(share.period_type, share.charging_mode, share.bill_type),
        usage_type: Some(share.usage_type_code).filter(|_| is_use),
        usage: share.usage_amount.map(WireDecimal),
        usage_measure_id: share.usage_measure_id,
        free_resource_usage: share.package_amount.map(WireDecimal),
        free_resource_measure_id: share.package_amount.and(share.usage_measure_id),
        ri_usage: None,
        ri_usage_measure_id: None,
        consume_amount: share.consume_amount.into(),
        past_months_amortized_amount: share.past.into(),
        current_month_amortized_amount: share.current.into(),
        future_months_amortized_amount: share.future.into(),
        amortized_cash_amount: share.cash_amount.into(),
        amortized_credit_amount: share.credit_amount.into(),
        amortized_coupon_amount: share.coupon_amount.into(),
        amortized_flexipurchase_coupon_amount: share.flexi_amount.into(),
        amortized_stored_value_card_amount: share.card_amount.into(),
        amortized_bonus_amount: share.bonus_amount.into(),
        sub_service_type_code: None,
        sub_service_type_name: None,
        sub_resource_type_code: None,
        sub_resource_type_name: None,
        sub_resource_id: None,
        sub_resource_name: None,
        effective_tag_pairs: Vec::new(),
        cost_unit_pairs: Vec::new(),
    }
}
