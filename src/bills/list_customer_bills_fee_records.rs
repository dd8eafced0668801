//! `GET /v2/bills/customer-bills/fee-records`

use super::accounts::Accounts;
use super::model::{
    CodeFilter, MemberFilter, Method, PaymentStatus, ProjectFilter, ProviderType, StatisticType, TradeFilter, days,
    project, region_name, shown_project,
};
use super::search::{Row, Search, Wanted, Whose};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::filter::{Filter, Ignored, Taken};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::charges::model::{BillType, BillingMode};
use crate::orders::view::{resource_name, service_name};
use crate::pricing::quote;
use crate::products::store::Products;
use crate::values::amount::Amount;
use crate::values::id::{ChargeId, DomainId};
use crate::values::language::Language;
use crate::values::money::Currency;
use crate::values::site::Site;
use crate::values::time::{Day, Instant, Month};
use crate::values::truth;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which records.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListCustomerBillsFeeRecordsQuery {
    /// The month of UTC+8.
    #[param(inline)]
    bill_cycle: Month,
    /// Only products of 1 the vendor, 2 the marketplace. There are none of the latter.
    #[param(inline, value_type = ProviderType)]
    #[serde(default)]
    provider_type: Filter<ProviderType>,
    /// Only those of this service type.
    #[param(inline, value_type = CodeFilter)]
    #[serde(default)]
    service_type_code: Filter<CodeFilter>,
    /// Only those of this resource type.
    #[param(inline, value_type = CodeFilter)]
    #[serde(default)]
    resource_type_code: Filter<CodeFilter>,
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
    /// Only those of this order or settlement.
    #[param(inline, value_type = TradeFilter)]
    #[serde(default)]
    trade_id: Filter<TradeFilter>,
    /// Only those in this enterprise project: `0` the default one, `null` none.
    #[param(inline, value_type = ProjectFilter)]
    #[serde(default)]
    enterprise_project_id: Filter<ProjectFilter, Ignored, Taken>,
    /// Whether records of nothing are answered as well; they are unless it is false.
    #[serde(default, deserialize_with = "truth::value_or_none")]
    include_zero_record: Option<bool>,
    /// Only those that are 1 paid, 2 not all paid, 3 not settled.
    #[param(inline, value_type = PaymentStatus)]
    #[serde(default)]
    status: Filter<PaymentStatus>,
    /// Whose: `oneself`, `sub_customer`, or, unless said otherwise, `all`.
    #[param(inline, value_type = Method)]
    #[serde(default)]
    method: Filter<Method>,
    /// The member of the enterprise, where `method` is `sub_customer`.
    #[param(inline, value_type = MemberFilter)]
    #[serde(default)]
    sub_customer_id: Filter<MemberFilter>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<1000>,
    /// The first day, together with the last one, in the month.
    #[param(inline, value_type = Day)]
    #[serde(default)]
    bill_date_begin: Filter<Day>,
    /// The last day.
    #[param(inline, value_type = Day)]
    #[serde(default)]
    bill_date_end: Filter<Day>,
}

/// Fee records.
#[derive(Serialize, ToSchema)]
pub struct ListCustomerBillsFeeRecordsResponse {
    /// How many there are in all.
    #[schema(example = 25)]
    total_count: i64,
    /// This part of them, what was used last first.
    records: Vec<MonthlyBillRecord>,
    /// The currency.
    currency: Currency,
}

/// A fee record: what was taken at once.
///
/// `official_amount = official_discount_amount + erase_amount + consume_amount`, and `consume_amount` is the sum of what paid it.
#[derive(Serialize, ToSchema)]
pub struct MonthlyBillRecord {
    /// The month of UTC+8.
    #[schema(value_type = Month)]
    bill_cycle: Month,
    /// The customer.
    customer_id: DomainId,
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
    /// The region.
    #[schema(example = "cn-north-4")]
    region_code: String,
    /// The enterprise project: `0` the default one, `null` none.
    #[schema(example = "0")]
    enterprise_project_id: String,
    /// Its name.
    #[schema(example = "default")]
    enterprise_project_name: String,
    /// 1 yearly/monthly, 3 pay-per-use, 10 reserved instance, 11 savings plan.
    charging_mode: BillingMode,
    /// From when on it was used; of an order: when it was paid.
    consume_time: Option<Instant>,
    /// When it was taken.
    trade_time: Instant,
    /// Whose product it is: 1 the vendor's.
    #[schema(example = 1)]
    provider_type: i32,
    /// The order, or the settlement.
    #[schema(example = "CS2603281445NO7AB")]
    trade_id: String,
    /// The record's id.
    id: Option<ChargeId>,
    /// What it is for.
    bill_type: BillType,
    /// 1 paid, 2 not all paid.
    status: PaymentStatus,
    /// At list prices.
    official_amount: Amount,
    /// Less by discounts.
    official_discount_amount: Amount,
    /// Cut off below a cent.
    erase_amount: Amount,
    /// What is to be paid.
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
    stored_value_card_amount: Amount,
    /// By bonus.
    bonus_amount: Amount,
    /// By nobody yet.
    debt_amount: Amount,
    /// Written off.
    writeoff_amount: Amount,
    /// The region's name.
    #[schema(example = "CN North-Beijing4")]
    region_name: String,
    /// The customer's account name.
    #[schema(example = "demo-customer")]
    account_name: String,
}

/// Lists fee records of a month.
///
/// One for each line of an order that was paid or gave something back, and for each settlement of use. What was used counts in
/// the month of UTC+8 in which it was used.
#[utoipa::path(
    get, path = "/v2/bills/customer-bills/fee-records",
    params(ListCustomerBillsFeeRecordsQuery, Language),
    responses((status = 200, description = "The records.", body = ListCustomerBillsFeeRecordsResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::CUSTOMERS)
            .on(Site::Cn)
            .customer_action("billing:bill:view")
            .customer_action("billing:billDetail:view")
    ))),
)]
pub async fn list_customer_bills_fee_records(
    State(app): State<App>,
    customer: Customer,
    language: Language,
    Query(query): Query<ListCustomerBillsFeeRecordsQuery>,
) -> Result<Json<ListCustomerBillsFeeRecordsResponse>, ApiError> {
    let wanted = wanted(&query)?;
    let mut connection = app.database.tenant(customer.tenant).await?;
    let currency = quote::currency(&mut connection, (customer.tenant, customer.domain), app.settings.api.site).await?;
    let whose = (query.method.wanted(), query.sub_customer_id.wanted());
    let accounts = Accounts::seen(&mut connection, &customer, whose).await?;
    if query.provider_type.wanted() == Some(&ProviderType::Marketplace) {
        return Ok(Json(ListCustomerBillsFeeRecordsResponse { total_count: 0, records: Vec::new(), currency }));
    }
    let search = Search {
        tenant: customer.tenant,
        whose: Whose::Customers(accounts.ids()),
        cycles: (query.bill_cycle, query.bill_cycle),
        currency,
        statistic: StatisticType::Single,
        wanted,
    };
    let (rows, total_count) = search.page(&mut connection, (query.offset.get(), query.limit.get())).await?;
    let catalogue = app.catalogue.load();
    let show = |row: Row| {
        let account_name = accounts.name(row.domain_id);
        show(row, account_name, (&catalogue.products, language))
    };
    let records = rows.into_iter().map(show).collect();
    Ok(Json(ListCustomerBillsFeeRecordsResponse { total_count, records, currency }))
}

fn wanted(query: &ListCustomerBillsFeeRecordsQuery) -> Result<Wanted, ApiError> {
    let begin = ("bill_date_begin", query.bill_date_begin.wanted().copied());
    let end = ("bill_date_end", query.bill_date_end.wanted().copied());
    let code = |filter: &Filter<CodeFilter>| filter.wanted().map(|code| code.as_str().to_owned());
    Ok(Wanted {
        service_type: code(&query.service_type_code),
        resource_type: code(&query.resource_type_code),
        region: code(&query.region_code),
        charging_mode: query.charging_mode.wanted().copied(),
        bill_type: query.bill_type.wanted().copied(),
        enterprise_project: query.enterprise_project_id.wanted().map(project),
        without_zero: query.include_zero_record == Some(false),
        status: query.status.wanted().copied(),
        trade: query.trade_id.wanted().map(|id| id.as_str().to_owned()),
        days: days(query.bill_cycle, begin, end)?,
        ..Wanted::default()
    })
}

fn show(row: Row, account_name: &str, (products, language): (&Products, Language)) -> MonthlyBillRecord {
    let (project_id, project_name) = shown_project(&row.enterprise_project_id);
    let amounts = &row.amounts;
    MonthlyBillRecord {
        bill_cycle: Month::of_day(Day(row.cycle)),
        customer_id: row.domain_id,
        service_type_name: service_name(products, &row.service_type_code, language),
        resource_type_name: resource_name(products, &row.resource_type_code, language),
        region_name: region_name(products, &row.region_code, language),
        service_type_code: row.service_type_code,
        resource_type_code: row.resource_type_code,
        region_code: row.region_code,
        enterprise_project_id: project_id,
        enterprise_project_name: project_name,
        charging_mode: row.charging_mode,
        consume_time: row.consumed_at.map(Instant),
        trade_time: Instant(row.charged_at),
        provider_type: ProviderType::Vendor.code().into(),
        trade_id: row.trade_id,
        id: row.charge_id,
        bill_type: row.bill_type,
        status: if amounts.debt_amount.is_zero() { PaymentStatus::Paid } else { PaymentStatus::Owed },
        official_amount: amounts.official_amount.into(),
        official_discount_amount: amounts.discount_amount.into(),
        erase_amount: amounts.erase_amount.into(),
        consume_amount: amounts.consume_amount.into(),
        cash_amount: amounts.cash_amount.into(),
        credit_amount: amounts.credit_amount.into(),
        coupon_amount: amounts.coupon_amount.into(),
        flexipurchase_coupon_amount: amounts.flexi_amount.into(),
        stored_value_card_amount: amounts.card_amount.into(),
        bonus_amount: amounts.bonus_amount.into(),
        debt_amount: amounts.debt_amount.into(),
        writeoff_amount: amounts.writeoff_amount.into(),
        account_name: account_name.to_owned(),
    }
}
