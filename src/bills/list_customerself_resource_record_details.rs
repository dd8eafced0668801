//! `POST /v2/bills/customer-bills/res-records/query`

use super::accounts::{self, Accounts};
use super::model::{
    CodeFilter, MemberFilter, Method, ProjectFilter, ResourceFilter, StatisticType, project, region_name, shown_period,
    shown_project,
};
use super::search::{Row, Search, Wanted, Whose};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::filter::{Filter, Ignored, Taken};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::charges::model::{BillType, BillingMode};
use crate::orders::view::{resource_name, service_name};
use crate::pricing::model::description;
use crate::pricing::quote;
use crate::products::store::Products;
use crate::values::amount::Amount;
use crate::values::decimal::WireDecimal;
use crate::values::id::{ChargeId, DomainId};
use crate::values::language::Language;
use crate::values::money::{Currency, MAIN_UNIT};
use crate::values::time::{Day, Instant, Month};
use crate::values::truth;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Which details.
#[derive(Deserialize, ToSchema)]
pub struct QueryResRecordsDetailReq {
    /// The month of UTC+8; not before 2019.
    cycle: Month,
    /// Only those of this service type. All if absent, null or empty; so with each of these.
    #[schema(inline, value_type = Option<CodeFilter>)]
    #[serde(default)]
    cloud_service_type: Filter<CodeFilter>,
    /// Only those of this resource type.
    #[schema(inline, value_type = Option<CodeFilter>)]
    #[serde(default)]
    resource_type: Filter<CodeFilter>,
    /// Only those in this region.
    #[schema(inline, value_type = Option<CodeFilter>)]
    #[serde(default)]
    region: Filter<CodeFilter>,
    /// Only those of this resource.
    #[schema(inline, value_type = Option<ResourceFilter>)]
    #[serde(default)]
    res_instance_id: Filter<ResourceFilter>,
    /// Only what is paid for so: 1 yearly/monthly, 3 pay-per-use, 10 reserved instance, 11 savings plan.
    #[schema(value_type = Option<BillingMode>)]
    #[serde(default)]
    charge_mode: Filter<BillingMode>,
    /// Only those for this.
    #[schema(value_type = Option<BillType>)]
    #[serde(default)]
    bill_type: Filter<BillType>,
    /// Only those in this enterprise project: `0` the default one, the text `null` none.
    #[schema(inline, value_type = Option<ProjectFilter>)]
    #[serde(default, deserialize_with = "project_filter")]
    enterprise_project_id: Filter<ProjectFilter, Ignored, Taken>,
    /// Whether those of nothing are answered as well; they are unless it is false.
    #[serde(default, deserialize_with = "truth::value_or_none")]
    include_zero_record: Option<bool>,
    /// How many to skip.
    #[schema(inline, value_type = Option<Offset>)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[schema(inline, value_type = Option<Limit<1000>>)]
    #[serde(default)]
    limit: Limit<1000>,
    /// Whose: `oneself`, `sub_customer`, or, unless said otherwise, `all`.
    #[schema(inline, value_type = Option<Method>)]
    #[serde(default)]
    method: Filter<Method>,
    /// The member of the enterprise, where `method` is `sub_customer`.
    #[schema(inline, value_type = Option<MemberFilter>)]
    #[serde(default)]
    sub_customer_id: Filter<MemberFilter>,
    /// How they are added up: 1, unless said otherwise, by the cycle, 2 by the day, 3 not at all.
    #[schema(value_type = Option<StatisticType>)]
    #[serde(default)]
    statistic_type: Filter<StatisticType>,
    /// `DAILY`: those of the days from `bill_cycle_begin` to `bill_cycle_end`; else those of the month.
    #[schema(inline, value_type = Option<QueryType>)]
    #[serde(default)]
    query_type: Filter<QueryType>,
    /// The first day, where `query_type` is `DAILY`.
    #[schema(inline, value_type = Option<Day>)]
    #[serde(default)]
    bill_cycle_begin: Filter<Day>,
    /// The last day.
    #[schema(inline, value_type = Option<Day>)]
    #[serde(default)]
    bill_cycle_end: Filter<Day>,
    /// Only what this account pays: the customer itself, or the master account that keeps a member's finances.
    #[schema(inline, value_type = Option<MemberFilter>)]
    #[serde(default)]
    payer_account_id: Filter<MemberFilter>,
}

/// In a body null is no filter, and only the text `null` means those without an enterprise project.
fn project_filter<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Filter<ProjectFilter, Ignored, Taken>, D::Error> {
    let given = Option::<Filter<ProjectFilter, Ignored, Taken>>::deserialize(deserializer)?;
    Ok(given.unwrap_or_default())
}

/// Of which time details are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
pub enum QueryType {
    /// The month.
    #[serde(rename = "BILLCYCLE")]
    Cycle,
    /// Some days.
    #[serde(rename = "DAILY")]
    Daily,
}

/// Resource details.
#[derive(Serialize, ToSchema)]
pub struct ListCustomerselfResourceRecordDetailsResponse {
    /// This part of them, what was used last first.
    monthly_records: Vec<MonthlyBillRes>,
    /// How many there are in all.
    #[schema(example = 25)]
    total_count: i64,
    /// The currency.
    currency: Currency,
}

/// What a resource cost.
///
/// `consume_amount` is the sum of what paid it.
#[derive(Serialize, ToSchema)]
pub struct MonthlyBillRes {
    /// The month of UTC+8.
    #[schema(value_type = Month)]
    cycle: Month,
    /// The day of UTC+8, where they are added up by the day.
    #[schema(nullable)]
    bill_date: Option<Day>,
    /// What it is for.
    bill_type: BillType,
    /// The customer.
    customer_id: DomainId,
    /// The region.
    #[schema(example = "cn-north-4")]
    region: String,
    /// The region's name.
    #[schema(example = "CN North-Beijing4")]
    region_name: String,
    /// The service type.
    #[schema(example = "hws.service.type.ec2")]
    cloud_service_type: String,
    /// The resource type.
    #[serde(rename = "resource_Type_code")]
    #[schema(example = "hws.resource.type.vm")]
    resource_type_code: String,
    /// The name of the service type.
    #[schema(example = "Elastic Cloud Server")]
    cloud_service_type_name: String,
    /// The name of the resource type.
    #[schema(example = "Cloud server")]
    resource_type_name: String,
    /// The resource; empty until a service has provided it.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    res_instance_id: String,
    /// Its name.
    #[schema(example = "web")]
    resource_name: String,
    /// Its tags: resources have none here.
    #[schema(example = "")]
    resource_tag: &'static str,
    /// The specification.
    #[schema(example = "s6.large.2.linux")]
    sku_code: String,
    /// The enterprise project: `0` the default one, `null` none.
    #[schema(example = "0")]
    enterprise_project_id: String,
    /// Its name.
    #[schema(example = "default")]
    enterprise_project_name: String,
    /// 1 yearly/monthly, 3 pay-per-use, 10 reserved instance, 11 savings plan.
    charge_mode: BillingMode,
    /// What is to be paid, in cents.
    consume_amount: Amount,
    /// By cash.
    cash_amount: Amount,
    /// By credit.
    credit_amount: Amount,
    /// By cash coupons.
    coupon_amount: Amount,
    /// By flexi-purchase coupons.
    flexipurchase_coupon_amount: Amount,
    /// By stored-value cards.
    stored_card_amount: Amount,
    /// By bonus.
    bonus_amount: Amount,
    /// By nobody yet.
    debt_amount: Amount,
    /// Written off.
    adjustment_amount: Amount,
    /// At list prices.
    official_amount: Amount,
    /// Less by discounts.
    discount_amount: Amount,
    /// The unit of the amounts: 1, the currency's main unit.
    #[schema(example = 1)]
    measure_id: i32,
    /// 19 a year, 20 a month, 24 a day, 25 an hour, 5 once.
    #[schema(nullable)]
    period_type: Option<i32>,
    /// The resource at the top: its primary, or itself.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    root_resource_id: String,
    /// Its primary; none of a primary.
    #[schema(nullable)]
    parent_resource_id: Option<String>,
    /// The order, or the settlement; of settlements that are added up empty.
    #[schema(example = "CS2603281445NO7AB")]
    trade_id: String,
    /// The charge's id; none where they are added up.
    #[schema(nullable)]
    id: Option<ChargeId>,
    /// What it is in words.
    #[schema(example = "s6.large.2.linux")]
    product_spec_desc: String,
    /// Of a part of a machine that is sold as a whole: there is none.
    #[schema(nullable)]
    sub_service_type_code: Option<String>,
    /// Likewise its name.
    #[schema(nullable)]
    sub_service_type_name: Option<String>,
    /// Likewise its resource type.
    #[schema(nullable)]
    sub_resource_type_code: Option<String>,
    /// Likewise the name of that.
    #[schema(nullable)]
    sub_resource_type_name: Option<String>,
    /// Likewise its id.
    #[schema(nullable)]
    sub_resource_id: Option<String>,
    /// Likewise its name.
    #[schema(nullable)]
    sub_resource_name: Option<String>,
    /// An order before: there is none.
    #[schema(nullable)]
    pre_order_id: Option<String>,
    /// Availability zones: orders name none.
    az_code_infos: Vec<AzCodeInfo>,
    /// Who pays: the customer, or the master account that keeps its finances. Where charges are added up, who paid last.
    payer_account_id: DomainId,
    /// From when on it was used; of single use only.
    #[schema(nullable)]
    effective_time: Option<Instant>,
    /// Until when.
    #[schema(nullable)]
    expire_time: Option<Instant>,
    /// From when on it was used; of an order: when it was paid. None where they are added up.
    #[schema(nullable)]
    consume_time: Option<Instant>,
    /// The vendor's operating entity; this server knows of none.
    #[schema(example = "")]
    be_id: &'static str,
    /// Relations to other resources.
    extend_params: ResRelation,
    /// The customer's account name.
    #[schema(example = "demo-customer")]
    account_name: String,
    /// For how many periods.
    #[schema(nullable, value_type = Option<WireDecimal>)]
    period_num: Option<WireDecimal>,
    /// Whether it is a spot instance: `N`, or `--` of what is bought for a time. None where they are added up.
    #[schema(nullable, example = "N")]
    is_spot: Option<&'static str>,
    /// The kinds of the discounts, with commas between them. None where they are added up.
    #[schema(nullable, example = "605")]
    promotion_type: Option<String>,
    /// How a savings plan or a reserved instance is paid: there are none.
    #[schema(nullable)]
    payment_type: Option<String>,
}

/// An availability zone.
#[derive(Serialize, ToSchema)]
pub struct AzCodeInfo {
    /// Its code.
    #[schema(example = "cn-north-4a")]
    az_code: String,
}

/// How a resource hangs together with others.
#[derive(Serialize, ToSchema)]
pub struct ResRelation {
    /// The resource itself.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    self_resource_id: String,
    /// The others.
    relation_infos: Vec<RelationInfo>,
}

/// Another resource.
#[derive(Serialize, ToSchema)]
pub struct RelationInfo {
    /// Which.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    relative_resource_id: String,
    /// What it is to it: `PARENT`, its primary.
    #[schema(example = "PARENT")]
    relative_type: &'static str,
}

/// Lists what resources cost.
///
/// In a month, added up by the cycle unless said otherwise; or in some days of it. All amounts are those of the resource records.
#[utoipa::path(
    post, path = "/v2/bills/customer-bills/res-records/query",
    params(Language),
    request_body = QueryResRecordsDetailReq,
    responses((status = 200, description = "The details.", body = ListCustomerselfResourceRecordDetailsResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::CUSTOMERS)
            .customer_action("billing:bill:view")
            .customer_action("billing:billDetail:view")
            .per_second(30)
    ))),
)]
pub async fn list_customerself_resource_record_details(
    State(app): State<App>,
    customer: Customer,
    language: Language,
    Json(request): Json<QueryResRecordsDetailReq>,
) -> Result<Json<ListCustomerselfResourceRecordDetailsResponse>, ApiError> {
    let statistic = request.statistic_type.wanted().copied().unwrap_or(StatisticType::Cycle);
    let (cycles, wanted) = asked(&request, statistic)?;
    let mut connection = app.database.tenant(customer.tenant).await?;
    let currency = quote::currency(&mut connection, (customer.tenant, customer.domain), app.settings.api.site).await?;
    let whose = (request.method.wanted(), request.sub_customer_id.wanted());
    let accounts = Accounts::seen(&mut connection, &customer, whose).await?;
    let whose = Whose::Customers(accounts.ids());
    let search = Search { tenant: customer.tenant, whose, cycles, currency, statistic, wanted };
    let (rows, total_count) = search.page(&mut connection, (request.offset.get(), request.limit.get())).await?;
    let catalogue = app.catalogue.load();
    let show = |row: Row| {
        let account_name = accounts.name(row.domain_id);
        show(row, (account_name, statistic), (&catalogue.products, language))
    };
    let monthly_records = rows.into_iter().map(show).collect();
    Ok(Json(ListCustomerselfResourceRecordDetailsResponse { monthly_records, total_count, currency }))
}

/// Details go back to here.
const FIRST_YEAR: i32 = 2019;

fn asked(request: &QueryResRecordsDetailReq, statistic: StatisticType) -> Result<((Month, Month), Wanted), ApiError> {
    if request.cycle.first_day().year() < FIRST_YEAR {
        return Err(ApiError::parameter("cycle", format_args!("must not be before {FIRST_YEAR}-01")));
    }
    let (mut cycles, mut days) = ((request.cycle, request.cycle), None);
    if request.query_type.wanted() == Some(&QueryType::Daily) {
        if statistic == StatisticType::Cycle {
            return Err(ApiError::parameter("query_type", "must not be DAILY where statistic_type is 1"));
        }
        let given = |name, filter: &Filter<Day>| {
            let missing = || ApiError::parameter(name, "must be given where query_type is DAILY");
            filter.wanted().copied().ok_or_else(missing)
        };
        let begin = given("bill_cycle_begin", &request.bill_cycle_begin)?;
        let end = given("bill_cycle_end", &request.bill_cycle_end)?;
        if end < begin {
            return Err(ApiError::parameter("bill_cycle_end", "must not be before bill_cycle_begin"));
        }
        cycles = (Month::of_day(begin), Month::of_day(end));
        days = Some(begin..=end);
    }
    let code = |filter: &Filter<CodeFilter>| filter.wanted().map(|code| code.as_str().to_owned());
    let wanted = Wanted {
        service_type: code(&request.cloud_service_type),
        resource_type: code(&request.resource_type),
        region: code(&request.region),
        charging_mode: request.charge_mode.wanted().copied(),
        bill_type: request.bill_type.wanted().copied(),
        enterprise_project: request.enterprise_project_id.wanted().map(project),
        without_zero: request.include_zero_record == Some(false),
        resource_id: request.res_instance_id.wanted().map(|id| id.as_str().to_owned()),
        // What is no id names nobody.
        payer: request.payer_account_id.wanted().map(|payer| accounts::id(payer).unwrap_or(DomainId(Uuid::nil()))),
        days,
        ..Wanted::default()
    };
    Ok((cycles, wanted))
}

fn show(
    row: Row,
    (account_name, statistic): (&str, StatisticType),
    (products, language): (&Products, Language),
) -> MonthlyBillRes {
    let (project_id, project_name) = shown_project(&row.enterprise_project_id);
    let amounts = &row.amounts;
    let is_single = statistic == StatisticType::Single;
    let is_use = row.order_id.is_none();
    let parent = |id: &String| RelationInfo { relative_resource_id: id.clone(), relative_type: "PARENT" };
    MonthlyBillRes {
        cycle: Month::of_day(Day(row.cycle)),
        bill_date: (statistic == StatisticType::Day).then_some(Day(row.day)),
        bill_type: row.bill_type,
        customer_id: row.domain_id,
        region_name: region_name(products, &row.region_code, language),
        cloud_service_type_name: service_name(products, &row.service_type_code, language),
        resource_type_name: resource_name(products, &row.resource_type_code, language),
        region: row.region_code,
        cloud_service_type: row.service_type_code,
        resource_type_code: row.resource_type_code,
        extend_params: ResRelation {
            self_resource_id: row.resource_id.clone(),
            relation_infos: row.parent_id.iter().map(parent).collect(),
        },
        root_resource_id: row.parent_id.clone().unwrap_or_else(|| row.resource_id.clone()),
        res_instance_id: row.resource_id,
        resource_name: row.resource_name,
        resource_tag: "",
        product_spec_desc: description(&row.resource_spec, row.resource_size),
        sku_code: row.resource_spec,
        enterprise_project_id: project_id,
        enterprise_project_name: project_name,
        charge_mode: row.charging_mode,
        consume_amount: amounts.consume_amount.into(),
        cash_amount: amounts.cash_amount.into(),
        credit_amount: amounts.credit_amount.into(),
        coupon_amount: amounts.coupon_amount.into(),
        flexipurchase_coupon_amount: amounts.flexi_amount.into(),
        stored_card_amount: amounts.card_amount.into(),
        bonus_amount: amounts.bonus_amount.into(),
        debt_amount: amounts.debt_amount.into(),
        adjustment_amount: amounts.writeoff_amount.into(),
        official_amount: amounts.official_amount.into(),
        discount_amount: amounts.discount_amount.into(),
        measure_id: MAIN_UNIT,
        period_type: shown_period(row.period_type, row.charging_mode, row.bill_type),
        parent_resource_id: row.parent_id,
        trade_id: row.trade_id,
        id: row.charge_id,
        sub_service_type_code: None,
        sub_service_type_name: None,
        sub_resource_type_code: None,
        sub_resource_type_name: None,
        sub_resource_id: None,
        sub_resource_name: None,
        pre_order_id: None,
        az_code_infos: Vec::new(),
        payer_account_id: row.payer_id,
        effective_time: row.consumed_at.filter(|_| is_use).map(Instant),
        expire_time: row.used_until.filter(|_| is_use).map(Instant),
        consume_time: row.consumed_at.map(Instant),
        be_id: "",
        account_name: account_name.to_owned(),
        period_num: row.period_num.map(|num| WireDecimal(num.into())),
        is_spot: is_single.then_some(if is_use { "N" } else { "--" }),
        promotion_type: row.promotion_types,
        payment_type: None,
    }
}
