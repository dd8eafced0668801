//! `GET /v2/bills/customer-bills/res-fee-records`

use super::accounts::Accounts;
use super::model::{
    CodeFilter, MemberFilter, Method, ProjectFilter, ResourceFilter, StatisticType, TradeFilter, days, project,
    region_name, shown_period, shown_project,
};
use super::search::{Row, Search, Wanted, Whose};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::filter::{Filter, Ignored, Refused, Taken};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::bills::formula::{self, Priced};
use crate::catalogue::memory::Catalogue;
use crate::charges::model::{BillType, BillingMode};
use crate::orders::view::{resource_name, service_name};
use crate::pricing::model::description;
use crate::pricing::quote;
use crate::values::amount::Amount;
use crate::values::decimal::WireDecimal;
use crate::values::id::{ChargeId, DomainId};
use crate::values::language::Language;
use crate::values::money::{Currency, MAIN_UNIT};
use crate::values::time::{Day, Instant, Month};
use crate::values::truth;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which records.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListCustomerselfResourceRecordsQuery {
    /// The month of UTC+8.
    #[param(inline)]
    cycle: Month,
    /// Only those of this service type. Given without a value it matches none; so with the filters that follow.
    #[param(inline, value_type = CodeFilter)]
    #[serde(default)]
    cloud_service_type: Filter<CodeFilter, Taken, Taken>,
    /// Only those in this region.
    #[param(inline, value_type = CodeFilter)]
    #[serde(default)]
    region: Filter<CodeFilter, Taken, Taken>,
    /// Only what is paid for so: 1 yearly/monthly, 3 pay-per-use, 10 reserved instance, 11 savings plan; neither empty nor null.
    #[param(value_type = String, example = "3", max_length = 64)]
    #[serde(default)]
    charge_mode: Filter<BillingMode, Refused, Refused>,
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
    resource_id: Filter<ResourceFilter, Taken, Taken>,
    /// Only those in this enterprise project: `0` the default one, `null` none.
    #[param(inline, value_type = ProjectFilter)]
    #[serde(default)]
    enterprise_project_id: Filter<ProjectFilter, Taken, Taken>,
    /// Whether records of nothing are answered as well; they are unless it is false.
    #[serde(default, deserialize_with = "truth::value_or_none")]
    include_zero_record: Option<bool>,
    /// Whose: `oneself`, `sub_customer`, or, unless said otherwise, `all`.
    #[param(inline, value_type = Method)]
    #[serde(default)]
    method: Filter<Method>,
    /// The member of the enterprise, where `method` is `sub_customer`.
    #[param(inline, value_type = MemberFilter)]
    #[serde(default)]
    sub_customer_id: Filter<MemberFilter>,
    /// Only those of this order or settlement.
    #[param(inline, value_type = TradeFilter)]
    #[serde(default)]
    trade_id: Filter<TradeFilter, Taken, Taken>,
    /// The first day, together with the last one, in the month. Of no effect where records are added up by the cycle.
    #[param(inline, value_type = Day)]
    #[serde(default)]
    bill_date_begin: Filter<Day, Ignored, Ignored>,
    /// The last day.
    #[param(inline, value_type = Day)]
    #[serde(default)]
    bill_date_end: Filter<Day, Ignored, Ignored>,
    /// How they are added up: 1 by the cycle, 2 by the day, 3, unless said otherwise, not at all.
    #[param(inline, value_type = StatisticType)]
    #[serde(default)]
    statistic_type: Filter<StatisticType>,
}

/// Resource records.
#[derive(Serialize, ToSchema)]
pub struct ListCustomerselfResourceRecordsResponse {
    /// This part of them, what was used last first.
    fee_records: Vec<ResFeeRecordV2>,
    /// How many there are in all.
    #[schema(example = 25)]
    total_count: i64,
    /// The currency.
    currency: Currency,
}

/// A resource record: what a resource cost, by use or for an order's line.
///
/// `official_amount` is the sum of `discount_amount`, what was cut off below a cent, and `amount`; and `amount` is the sum of
/// what paid it.
#[derive(Serialize, ToSchema)]
pub struct ResFeeRecordV2 {
    /// The day of UTC+8; of a record that is added up by the cycle the cycle's first one.
    bill_date: Day,
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
    #[schema(example = "hws.resource.type.vm")]
    resource_type: String,
    /// The name of the service type.
    #[schema(example = "Elastic Cloud Server")]
    cloud_service_type_name: String,
    /// The name of the resource type.
    #[schema(example = "Cloud server")]
    resource_type_name: String,
    /// From when on it was used; of use only.
    #[schema(nullable)]
    effective_time: Option<Instant>,
    /// Until when.
    #[schema(nullable)]
    expire_time: Option<Instant>,
    /// The resource; empty until a service has provided it.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    resource_id: String,
    /// Its name.
    #[schema(example = "web")]
    resource_name: String,
    /// Its tags: resources have none here.
    #[schema(example = "")]
    resource_tag: &'static str,
    /// The product.
    #[schema(example = "00301-110060-0--0")]
    product_id: String,
    /// What the product is called.
    #[schema(example = "s6.large.2.linux")]
    product_name: String,
    /// What it is in words.
    #[schema(example = "s6.large.2.linux")]
    product_spec_desc: String,
    /// The specification.
    #[schema(example = "s6.large.2.linux")]
    sku_code: String,
    /// The size, of linear products.
    #[schema(nullable, value_type = Option<WireDecimal>)]
    spec_size: Option<WireDecimal>,
    /// The unit of the size.
    #[schema(nullable)]
    spec_size_measure_id: Option<i32>,
    /// The order, or the settlement; of settlements that are added up empty.
    #[schema(example = "CS2603281445NO7AB")]
    trade_id: String,
    /// The record's id; none where records are added up.
    #[schema(nullable)]
    id: Option<ChargeId>,
    /// When it was taken, the last time.
    trade_time: Instant,
    /// The enterprise project: `0` the default one, `null` none.
    #[schema(example = "0")]
    enterprise_project_id: String,
    /// Its name.
    #[schema(example = "default")]
    enterprise_project_name: String,
    /// 1 yearly/monthly, 3 pay-per-use, 10 reserved instance, 11 savings plan.
    #[schema(example = "3")]
    charge_mode: String,
    /// The order; of use none.
    #[schema(nullable)]
    order_id: Option<String>,
    /// 19 a year, 20 a month, 24 a day, 25 an hour, 5 once.
    #[schema(nullable, example = "20")]
    period_type: Option<String>,
    /// What was measured; of use only.
    #[schema(nullable, example = "Duration")]
    usage_type: Option<String>,
    /// How much, what packages covered included; of use only.
    #[schema(nullable, value_type = Option<WireDecimal>)]
    usage: Option<WireDecimal>,
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
    /// The price, where it is one for any quantity.
    #[schema(nullable, value_type = Option<WireDecimal>)]
    unit_price: Option<WireDecimal>,
    /// What that price is for.
    #[schema(nullable, example = "CNY/hour")]
    unit: Option<String>,
    /// At list prices.
    official_amount: Amount,
    /// Less by discounts.
    discount_amount: Amount,
    /// What is to be paid, in cents.
    amount: Amount,
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
    /// The unit of the amounts: 1, the currency's main unit.
    #[schema(example = 1)]
    measure_id: i32,
    /// How `amount` less coupons comes about, where the price is one for any quantity.
    #[schema(
        nullable,
        example = "{3600}[usage]/{3600}[unit conversion]*{0.0465}[unit price]-{0}[discount]-{0.0065}[erased]-{0}[coupons]"
    )]
    formula: Option<String>,
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
    /// From when on it was used; of an order: when it was paid. None where records are added up.
    #[schema(nullable)]
    consume_time: Option<Instant>,
    /// The order behind a combined transaction: there is none.
    #[schema(nullable)]
    relative_order_id: Option<String>,
    /// The customer's account name.
    #[schema(example = "demo-customer")]
    account_name: String,
    /// For how many periods.
    #[schema(nullable, value_type = Option<WireDecimal>)]
    period_num: Option<WireDecimal>,
}

/// Lists resource records of a month.
///
/// One for each line of an order that was paid or gave something back, and for each resource, usage type and period of use;
/// or these added up by the day or by the cycle.
#[utoipa::path(
    get, path = "/v2/bills/customer-bills/res-fee-records",
    params(ListCustomerselfResourceRecordsQuery, Language),
    responses((status = 200, description = "The records.", body = ListCustomerselfResourceRecordsResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::CUSTOMERS)
            .customer_action("billing:bill:view")
            .customer_action("billing:billDetail:view")
            .per_second(30)
    ))),
)]
pub async fn list_customerself_resource_records(
    State(app): State<App>,
    customer: Customer,
    language: Language,
    Query(query): Query<ListCustomerselfResourceRecordsQuery>,
) -> Result<Json<ListCustomerselfResourceRecordsResponse>, ApiError> {
    let statistic = query.statistic_type.wanted().copied().unwrap_or(StatisticType::Single);
    let wanted = wanted(&query, statistic)?;
    let mut connection = app.database.tenant(customer.tenant).await?;
    let currency = quote::currency(&mut connection, (customer.tenant, customer.domain), app.settings.api.site).await?;
    let whose = (query.method.wanted(), query.sub_customer_id.wanted());
    let accounts = Accounts::seen(&mut connection, &customer, whose).await?;
    let search = Search {
        tenant: customer.tenant,
        whose: Whose::Customers(accounts.ids()),
        cycles: (query.cycle, query.cycle),
        currency,
        statistic,
        wanted,
    };
    let (rows, total_count) = search.page(&mut connection, (query.offset.get(), query.limit.get())).await?;
    let catalogue = app.catalogue.load();
    let show = |row: Row| {
        let account_name = accounts.name(row.domain_id);
        show(row, (account_name, currency), (&catalogue, language))
    };
    let fee_records = rows.into_iter().map(show).collect();
    Ok(Json(ListCustomerselfResourceRecordsResponse { fee_records, total_count, currency }))
}

fn wanted(query: &ListCustomerselfResourceRecordsQuery, statistic: StatisticType) -> Result<Wanted, ApiError> {
    let begin = ("bill_date_begin", query.bill_date_begin.wanted().copied());
    let end = ("bill_date_end", query.bill_date_end.wanted().copied());
    let days = days(query.cycle, begin, end)?.filter(|_| statistic != StatisticType::Cycle);
    let code = |filter: &Filter<CodeFilter, Taken, Taken>| filter.wanted().map(|code| code.as_str().to_owned());
    Ok(Wanted {
        service_type: code(&query.cloud_service_type),
        region: code(&query.region),
        charging_mode: query.charge_mode.wanted().copied(),
        bill_type: query.bill_type.wanted().copied(),
        enterprise_project: query.enterprise_project_id.wanted().map(project),
        without_zero: query.include_zero_record == Some(false),
        trade: query.trade_id.wanted().map(|id| id.as_str().to_owned()),
        resource_id: query.resource_id.wanted().map(|id| id.as_str().to_owned()),
        days,
        ..Wanted::default()
    })
}

fn show(
    row: Row,
    (account_name, currency): (&str, Currency),
    (catalogue, language): (&Catalogue, Language),
) -> ResFeeRecordV2 {
    let products = &catalogue.products;
    let (project_id, project_name) = shown_project(&row.enterprise_project_id);
    let priced = Priced::of(&row);
    let size_unit = catalogue.reference.units.iter().find(|unit| Some(unit.measure_id) == row.size_measure_id);
    let size_unit = size_unit.map(|unit| unit.abbreviation.as_str());
    let amounts = &row.amounts;
    let is_use = row.order_id.is_none();
    let period = shown_period(row.period_type, row.charging_mode, row.bill_type);
    ResFeeRecordV2 {
        bill_date: Day(row.day),
        bill_type: row.bill_type,
        customer_id: row.domain_id,
        region_name: region_name(products, &row.region_code, language),
        cloud_service_type_name: service_name(products, &row.service_type_code, language),
        resource_type_name: resource_name(products, &row.resource_type_code, language),
        effective_time: row.consumed_at.filter(|_| is_use).map(Instant),
        expire_time: row.used_until.filter(|_| is_use).map(Instant),
        resource_id: row.resource_id,
        resource_name: row.resource_name,
        resource_tag: "",
        product_id: row.product_id,
        product_name: row.resource_spec.clone(),
        product_spec_desc: description(&row.resource_spec, row.resource_size),
        sku_code: row.resource_spec,
        spec_size: row.resource_size.map(|size| WireDecimal(size.into())),
        spec_size_measure_id: row.size_measure_id,
        trade_id: row.trade_id,
        id: row.charge_id,
        trade_time: Instant(row.charged_at),
        enterprise_project_id: project_id,
        enterprise_project_name: project_name,
        charge_mode: row.charging_mode.code().to_string(),
        order_id: row.order_id,
        period_type: period.map(|number| number.to_string()),
        usage_type: Some(row.usage_type_code).filter(|_| is_use),
        usage: row.usage_amount.map(WireDecimal),
        usage_measure_id: row.usage_measure_id,
        free_resource_usage: row.package_amount.map(WireDecimal),
        free_resource_measure_id: row.package_amount.and(row.usage_measure_id),
        ri_usage: None,
        ri_usage_measure_id: None,
        unit_price: row.unit_price.map(WireDecimal),
        unit: priced.as_ref().map(|priced| formula::unit(priced, size_unit, (currency, language))),
        official_amount: amounts.official_amount.into(),
        discount_amount: amounts.discount_amount.into(),
        amount: amounts.consume_amount.into(),
        cash_amount: amounts.cash_amount.into(),
        credit_amount: amounts.credit_amount.into(),
        coupon_amount: amounts.coupon_amount.into(),
        flexipurchase_coupon_amount: amounts.flexi_amount.into(),
        stored_card_amount: amounts.card_amount.into(),
        bonus_amount: amounts.bonus_amount.into(),
        debt_amount: amounts.debt_amount.into(),
        adjustment_amount: amounts.writeoff_amount.into(),
        measure_id: MAIN_UNIT,
        formula: priced.map(|priced| formula::formula(&priced, language)),
        sub_service_type_code: None,
        sub_service_type_name: None,
        sub_resource_type_code: None,
        sub_resource_type_name: None,
        sub_resource_id: None,
        sub_resource_name: None,
        consume_time: row.consumed_at.map(Instant),
        relative_order_id: None,
        account_name: account_name.to_owned(),
        period_num: row.period_num.map(|num| WireDecimal(num.into())),
        region: row.region_code,
        cloud_service_type: row.service_type_code,
        resource_type: row.resource_type_code,
    }
}
