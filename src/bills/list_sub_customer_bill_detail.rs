//! `GET /v2/bills/subcustomer-bills/res-fee-records`

use super::model::{
    Association, CodeFilter, MemberFilter, ResourceFilter, ResourceNameFilter, StatisticType, TradeFilter, days,
    region_name, shown_period, shown_project,
};
use super::search::{Row, Search, Wanted, Whose};
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::filter::{Filter, Refused, Taken};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::charges::model::{BillType, BillingMode};
use crate::customers::model::AccountIdText;
use crate::orders::model::OrderType;
use crate::orders::view::{resource_name, service_name};
use crate::pricing::model::description;
use crate::pricing::quote;
use crate::products::store::Products;
use crate::values::amount::Amount;
use crate::values::decimal::WireDecimal;
use crate::values::id::{ChargeId, DomainId};
use crate::values::language::Language;
use crate::values::money::Currency;
use crate::values::site::Site;
use crate::values::time::{Day, Instant, Month};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Which records.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListSubCustomerBillDetailQuery {
    /// The month of UTC+8.
    #[param(inline)]
    bill_cycle: Month,
    /// The customer. Those that it had while it was somebody else's customer are not among the records.
    #[param(inline)]
    customer_id: AccountIdText,
    /// Only those of this service type; null matches none.
    #[param(inline, value_type = CodeFilter)]
    #[serde(default)]
    service_type_code: Filter<CodeFilter, Taken, Taken>,
    /// Only those in this region; null matches none.
    #[param(inline, value_type = CodeFilter)]
    #[serde(default)]
    region_code: Filter<CodeFilter, Taken, Taken>,
    /// Only what is paid for so: 1 yearly/monthly, 3 pay-per-use, 10 reserved instance, 11 savings plan; not empty.
    #[param(inline, value_type = BillingMode)]
    #[serde(default)]
    charging_mode: Filter<BillingMode, Refused>,
    /// Only those for this; not empty.
    #[param(inline, value_type = BillType)]
    #[serde(default)]
    bill_detail_type: Filter<BillType, Refused>,
    /// Only those of this resource; not empty.
    #[param(inline, value_type = ResourceFilter)]
    #[serde(default)]
    resource_id: Filter<ResourceFilter, Refused, Taken>,
    /// Only those of resources of this name; not empty.
    #[param(inline, value_type = ResourceNameFilter)]
    #[serde(default)]
    resource_name: Filter<ResourceNameFilter, Refused, Taken>,
    /// Only those of this order or settlement; not empty.
    #[param(inline, value_type = TradeFilter)]
    #[serde(default)]
    trade_id: Filter<TradeFilter, Refused, Taken>,
    /// Only those of customers of this account manager; not empty. Customers have none, so given it matches none.
    #[param(inline, value_type = MemberFilter)]
    #[serde(default)]
    account_manager_id: Filter<MemberFilter, Refused, Taken>,
    /// Only those that it had as 1 a referral, 2 a resale customer; neither empty nor null.
    #[param(value_type = String, example = "2", max_length = 64)]
    #[serde(default)]
    association_type: Filter<Association, Refused, Refused>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<1000>,
    /// For a distributor: the reseller whose customer it was. Ignored for other callers.
    #[param(inline)]
    indirect_partner_id: Option<AccountIdText>,
    /// The first day, together with the last one, in the month; not empty.
    #[param(inline, value_type = Day)]
    #[serde(default)]
    bill_date_begin: Filter<Day, Refused>,
    /// The last day; not empty.
    #[param(inline, value_type = Day)]
    #[serde(default)]
    bill_date_end: Filter<Day, Refused>,
}

/// Records of a customer.
#[derive(Serialize, ToSchema)]
pub struct ListSubCustomerBillDetailResponse {
    /// How many there are in all.
    #[schema(example = 25)]
    total_count: i64,
    /// The currency.
    currency: Currency,
    /// This part of them, what was used last first.
    fee_records: Vec<SubCustomerMonthlyBillDetail>,
}

/// What a resource of a customer cost, by use or for an order's line.
///
/// `payment_amount` is the sum of what paid it.
#[derive(Serialize, ToSchema)]
pub struct SubCustomerMonthlyBillDetail {
    /// The month of UTC+8.
    bill_cycle: Month,
    /// The customer.
    customer_id: DomainId,
    /// As what it had it: 1 a referral, 2 a resale customer.
    #[schema(nullable, example = "2")]
    association_type: Option<String>,
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
    /// 1 yearly/monthly, 3 pay-per-use, 10 reserved instance, 11 savings plan.
    charging_mode: BillingMode,
    /// When it was taken.
    trade_time: Instant,
    /// The order, or the settlement.
    #[schema(example = "CS2603281445NO7AB")]
    trade_id: String,
    /// The record's id.
    id: Option<ChargeId>,
    /// What it is for.
    bill_detail_type: BillType,
    /// The resource; empty until a service has provided it.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    resource_id: String,
    /// Its name.
    #[schema(example = "web")]
    resource_name: String,
    /// What it is in words.
    #[schema(example = "s6.large.2.linux")]
    product_spec_desc: String,
    /// The region.
    #[schema(example = "cn-north-4")]
    region_code: String,
    /// The product.
    #[schema(example = "00301-110060-0--0")]
    product_id: String,
    /// What the product is called.
    #[schema(example = "s6.large.2.linux")]
    product_name: String,
    /// Its tags: resources have none here.
    #[schema(example = "")]
    resource_tag: &'static str,
    /// From when on it was used; of an order: when it was paid.
    #[schema(nullable)]
    consume_time: Option<Instant>,
    /// What was measured; of use only.
    #[schema(nullable, example = "Duration")]
    usage_type: Option<String>,
    /// How much, what packages covered included; of use only.
    #[schema(nullable, value_type = Option<WireDecimal>)]
    usage_amount: Option<WireDecimal>,
    /// In which unit.
    #[schema(nullable)]
    usage_measure_id: Option<i32>,
    /// What packages covered of it.
    #[schema(nullable, value_type = Option<WireDecimal>)]
    free_resource_usage: Option<WireDecimal>,
    /// In which unit.
    #[schema(nullable)]
    free_resource_measure_id: Option<i32>,
    /// What reserved instances covered: there are none.
    #[schema(nullable, value_type = Option<WireDecimal>)]
    ri_usage: Option<WireDecimal>,
    /// In which unit.
    #[schema(nullable)]
    ri_usage_measure_id: Option<i32>,
    /// At list prices.
    official_amount: Amount,
    /// Less by discounts.
    official_discount_amount: Amount,
    /// What is to be paid.
    payment_amount: Amount,
    /// By cash.
    cash_amount: Amount,
    /// By credit.
    credit_amount: Amount,
    /// By cash coupons.
    coupon_amount: Amount,
    /// By flexi-purchase coupons.
    flexipurchase_coupon_amount: Amount,
    /// By stored-value cards.
    stored_value_card_amount: Amount,
    /// By nobody yet.
    debt_amount: Amount,
    /// Written off.
    writeoff_amount: Amount,
    /// 19 a year, 20 a month, 24 a day, 25 an hour, 5 once.
    #[schema(nullable)]
    period_type: Option<i32>,
    /// The customer's account manager: customers have none.
    #[schema(nullable)]
    account_manager_id: Option<String>,
    /// Whose customer it was then.
    #[schema(nullable)]
    partner_id: Option<DomainId>,
    /// The region's name.
    #[schema(example = "CN North-Beijing4")]
    region_name: String,
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
    /// For how many periods.
    #[schema(nullable, value_type = Option<WireDecimal>)]
    period_num: Option<WireDecimal>,
    /// The enterprise project: `0` the default one, `null` none.
    #[schema(example = "0")]
    enterprise_project_id: String,
    /// What the order is for; of use none.
    #[schema(nullable)]
    order_type: Option<OrderType>,
    /// How a savings plan or a reserved instance is paid: there are none.
    #[schema(nullable)]
    payment_type: Option<String>,
}

/// Lists what a customer consumed in a month.
///
/// As far as it was the partner's customer when it did, whatever it is now.
#[utoipa::path(
    get, path = "/v2/bills/subcustomer-bills/res-fee-records",
    params(ListSubCustomerBillDetailQuery, Language),
    responses((status = 200, description = "The records.", body = ListSubCustomerBillDetailResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS)
            .on(Site::Cn)
            .needs("BPC_ITEM_FINANCE_020100")
            .needs("BPC_ITEM_FINANCE_020101")
    ))),
)]
pub async fn list_sub_customer_bill_detail(
    State(app): State<App>,
    partner: Partner,
    language: Language,
    Query(query): Query<ListSubCustomerBillDetailQuery>,
) -> Result<Json<ListSubCustomerBillDetailResponse>, ApiError> {
    let wanted = wanted(&query)?;
    let acting = app.customers.acting_partner(&partner, query.indirect_partner_id.as_ref()).await?;
    // What cannot be an id is nobody's.
    let customer = query.customer_id.id().unwrap_or(DomainId(Uuid::nil()));
    let mut connection = app.database.tenant(partner.tenant).await?;
    let currency = quote::currency(&mut connection, (partner.tenant, customer), app.settings.api.site).await?;
    if query.account_manager_id.wanted().is_some() {
        return Ok(Json(ListSubCustomerBillDetailResponse { total_count: 0, currency, fee_records: Vec::new() }));
    }
    let search = Search {
        tenant: partner.tenant,
        whose: Whose::OfPartner { partner: acting, customer },
        cycles: (query.bill_cycle, query.bill_cycle),
        currency,
        statistic: StatisticType::Single,
        wanted,
    };
    let (rows, total_count) = search.page(&mut connection, (query.offset.get(), query.limit.get())).await?;
    let catalogue = app.catalogue.load();
    let fee_records = rows.into_iter().map(|row| show(row, (&catalogue.products, language))).collect();
    Ok(Json(ListSubCustomerBillDetailResponse { total_count, currency, fee_records }))
}

fn wanted(query: &ListSubCustomerBillDetailQuery) -> Result<Wanted, ApiError> {
    let begin = ("bill_date_begin", query.bill_date_begin.wanted().copied());
    let end = ("bill_date_end", query.bill_date_end.wanted().copied());
    let code = |filter: &Filter<CodeFilter, Taken, Taken>| filter.wanted().map(|code| code.as_str().to_owned());
    Ok(Wanted {
        service_type: code(&query.service_type_code),
        region: code(&query.region_code),
        charging_mode: query.charging_mode.wanted().copied(),
        bill_type: query.bill_detail_type.wanted().copied(),
        trade: query.trade_id.wanted().map(|id| id.as_str().to_owned()),
        resource_id: query.resource_id.wanted().map(|id| id.as_str().to_owned()),
        resource_name: query.resource_name.wanted().map(|name| name.as_str().to_owned()),
        association_type: query.association_type.wanted().map(|kind| kind.code()),
        days: days(query.bill_cycle, begin, end)?,
        ..Wanted::default()
    })
}

fn show(row: Row, (products, language): (&Products, Language)) -> SubCustomerMonthlyBillDetail {
    let amounts = &row.amounts;
    let is_use = row.order_id.is_none();
    SubCustomerMonthlyBillDetail {
        bill_cycle: Month::of_day(Day(row.cycle)),
        customer_id: row.domain_id,
        association_type: row.association_type.map(|code| code.to_string()),
        service_type_name: service_name(products, &row.service_type_code, language),
        resource_type_name: resource_name(products, &row.resource_type_code, language),
        region_name: region_name(products, &row.region_code, language),
        service_type_code: row.service_type_code,
        resource_type_code: row.resource_type_code,
        charging_mode: row.charging_mode,
        trade_time: Instant(row.charged_at),
        trade_id: row.trade_id,
        id: row.charge_id,
        bill_detail_type: row.bill_type,
        resource_id: row.resource_id,
        resource_name: row.resource_name,
        product_spec_desc: description(&row.resource_spec, row.resource_size),
        region_code: row.region_code,
        product_id: row.product_id,
        product_name: row.resource_spec,
        resource_tag: "",
        consume_time: row.consumed_at.map(Instant),
        usage_type: Some(row.usage_type_code).filter(|_| is_use),
        usage_amount: row.usage_amount.map(WireDecimal),
        usage_measure_id: row.usage_measure_id,
        free_resource_usage: row.package_amount.map(WireDecimal),
        free_resource_measure_id: row.package_amount.and(row.usage_measure_id),
        ri_usage: None,
        ri_usage_measure_id: None,
        official_amount: amounts.official_amount.into(),
        official_discount_amount: amounts.discount_amount.into(),
        payment_amount: amounts.consume_amount.into(),
        cash_amount: amounts.cash_amount.into(),
        credit_amount: amounts.credit_amount.into(),
        coupon_amount: amounts.coupon_amount.into(),
        flexipurchase_coupon_amount: amounts.flexi_amount.into(),
        stored_value_card_amount: amounts.card_amount.into(),
        debt_amount: amounts.debt_amount.into(),
        writeoff_amount: amounts.writeoff_amount.into(),
        period_type: shown_period(row.period_type, row.charging_mode, row.bill_type),
        account_manager_id: None,
        partner_id: row.partner_id,
        sub_service_type_code: None,
        sub_service_type_name: None,
        sub_resource_type_code: None,
        sub_resource_type_name: None,
        sub_resource_id: None,
        sub_resource_name: None,
        period_num: row.period_num.map(|num| WireDecimal(num.into())),
        enterprise_project_id: shown_project(&row.enterprise_project_id).0,
        order_type: row.order_type.and_then(|code| OrderType::try_from(i64::from(code)).ok()),
        payment_type: None,
    }
}
