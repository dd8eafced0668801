//! `GET /v2/bills/partner-bills/subcustomer-bills/monthly-sum`

use super::model::{CodeFilter, ModeDigits, MonthlyBillType};
use super::search::Amounts;
use super::sums::{Group, Sums};
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::filter::Filter;
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::charges::model::{BillingMode, SumType};
use crate::customers::model::AccountIdText;
use crate::orders::view::{resource_name, service_name};
use crate::pricing::quote::default_currency;
use crate::products::store::Products;
use crate::values::amount::Amount;
use crate::values::id::DomainId;
use crate::values::language::Language;
use crate::values::money::{Currency, MAIN_UNIT};
use crate::values::site::Site;
use crate::values::time::Month;
use axum::extract::State;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Which bills.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListSubcustomerMonthlyBillsQuery {
    /// Only those of this customer.
    #[param(inline, value_type = AccountIdText)]
    #[serde(default)]
    customer_id: Filter<AccountIdText>,
    /// The month of UTC+8.
    #[param(inline)]
    cycle: Month,
    /// Only those of this service type.
    #[param(inline, value_type = CodeFilter)]
    #[serde(default)]
    cloud_service_type: Filter<CodeFilter>,
    /// What is paid for so: 1 yearly/monthly, 3 pay-per-use, 11 savings plan.
    #[param(inline, value_type = ModeDigits)]
    charge_mode: BillingMode,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<1000>,
    /// Only 0 consumption, 1 what was unsubscribed, 2 what the vendor has written off.
    #[param(value_type = String, example = "0", max_length = 64)]
    #[serde(default)]
    bill_type: Filter<MonthlyBillType>,
    /// For a distributor: the reseller whose customers' bills to answer. Ignored for other callers.
    #[param(inline)]
    indirect_partner_id: Option<AccountIdText>,
}

/// Monthly bills of customers.
#[derive(Serialize, ToSchema)]
pub struct ListSubcustomerMonthlyBillsResponse {
    /// This part of them.
    bill_sums: Vec<BillSumInfoV2>,
    /// How many there are in all.
    #[schema(example = 12)]
    count: usize,
    /// The currency.
    currency: Currency,
}

/// What a customer owes its partner for a service type and a resource type: consumption, or, below zero, what was given back or
/// written off.
#[derive(Serialize, ToSchema)]
pub struct BillSumInfoV2 {
    /// The customer.
    customer_id: DomainId,
    /// The service type.
    #[schema(example = "hws.service.type.ec2")]
    cloud_service_type: String,
    /// The name of the service type.
    #[schema(example = "Elastic Cloud Server")]
    cloud_service_type_name: String,
    /// 0 consumption, 1 what was unsubscribed, 2 what the vendor has written off.
    #[schema(example = "0")]
    bill_type: String,
    /// 1 yearly/monthly, 3 pay-per-use, 11 savings plan.
    #[schema(example = "1")]
    charge_mode: String,
    /// The amount, before tax.
    amount: Amount,
    /// What of it nobody has paid yet; of consumption only.
    #[schema(nullable)]
    debt_amount: Option<Amount>,
    /// What of it is written off; of consumption only.
    #[schema(nullable)]
    adjustment_amount: Option<Amount>,
    /// What discounts took off; of consumption only.
    #[schema(nullable)]
    discount_amount: Option<Amount>,
    /// The unit of the amounts: 1, the currency's main unit.
    #[schema(example = 1)]
    measure_id: i32,
    /// What paid how much of it.
    account_details: Vec<BalanceTypeDeductSumV2>,
    /// The resource type.
    #[schema(example = "hws.resource.type.vm")]
    resource_type_code: String,
    /// The name of the resource type.
    #[schema(example = "Cloud server")]
    resource_type_name: String,
}

/// What one sort of money paid.
#[derive(Serialize, ToSchema)]
pub struct BalanceTypeDeductSumV2 {
    /// `BALANCE_TYPE_DEBIT` cash, `BALANCE_TYPE_CREDIT`, `BALANCE_TYPE_BONUS`, `BALANCE_TYPE_COUPON` cash coupons,
    /// `BALANCE_TYPE_RCASH_COUPON` flexi-purchase coupons, `BALANCE_TYPE_STORED_VALUE_CARD`.
    #[schema(example = "BALANCE_TYPE_DEBIT")]
    balance_type: &'static str,
    /// How much; below zero what came back.
    amount: Amount,
    /// As above.
    #[schema(example = "0")]
    bill_type: String,
}

/// Lists the monthly bills of resale customers.
///
/// By customer, service type, resource type and way of paying, for the time in which they were the partner's resale customers.
#[utoipa::path(
    get, path = "/v2/bills/partner-bills/subcustomer-bills/monthly-sum",
    params(ListSubcustomerMonthlyBillsQuery),
    responses((status = 200, description = "The bills.", body = ListSubcustomerMonthlyBillsResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS).on(Site::Cn).needs("BPC_ITEM_FINANCE_090100").per_second(30)
    ))),
)]
pub async fn list_subcustomer_monthly_bills(
    State(app): State<App>,
    partner: Partner,
    language: Language,
    Query(query): Query<ListSubcustomerMonthlyBillsQuery>,
) -> Result<Json<ListSubcustomerMonthlyBillsResponse>, ApiError> {
    let acting = app.customers.acting_partner(&partner, query.indirect_partner_id.as_ref()).await?;
    let currency = default_currency(app.settings.api.site);
    let sums = Sums {
        tenant: partner.tenant,
        // What cannot be an id is nobody's.
        customers: query.customer_id.wanted().map(|text| text.id().into_iter().collect()),
        resold_by: Some(acting),
        cycle: query.cycle,
        currency,
        service_type: query.cloud_service_type.wanted().map(|code| code.as_str().to_owned()),
        enterprise_project: None,
        charging_mode: Some(query.charge_mode),
    };
    let mut connection = app.database.tenant(partner.tenant).await?;
    let bills = bills(&sums.find(&mut connection).await?);
    let wanted = |key: &&Key| query.bill_type.wanted().is_none_or(|kind| *kind == key.kind);
    let keys: Vec<&Key> = bills.keys().filter(wanted).collect();
    let catalogue = app.catalogue.load();
    let page = keys.iter().skip(query.offset.get()).take(query.limit.get());
    let show = |key: &&Key| show(key, &bills[*key], (&catalogue.products, language));
    let bill_sums = page.map(show).collect();
    Ok(Json(ListSubcustomerMonthlyBillsResponse { bill_sums, count: keys.len(), currency }))
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    customer: DomainId,
    service_type: String,
    resource_type: String,
    mode: BillingMode,
    kind: MonthlyBillType,
}

/// Adjustments count as consumption; what is written off is a bill of its own besides.
fn bills(sums: &BTreeMap<Group, Amounts>) -> BTreeMap<Key, Amounts> {
    let mut bills: BTreeMap<Key, Amounts> = BTreeMap::new();
    for (group, amounts) in sums {
        let key = |kind| Key {
            customer: group.customer,
            service_type: group.service_type.clone(),
            resource_type: group.resource_type.clone(),
            mode: group.charging_mode,
            kind,
        };
        let kind = match group.sum_type {
            SumType::Refund => MonthlyBillType::Unsubscribed,
            SumType::Consumption | SumType::Adjustment => MonthlyBillType::Consumption,
        };
        bills.entry(key(kind)).or_default().add(amounts);
        if !amounts.writeoff_amount.is_zero() {
            let written_off = Amounts { consume_amount: -amounts.writeoff_amount, ..Amounts::default() };
            bills.entry(key(MonthlyBillType::WrittenOff)).or_default().add(&written_off);
        }
    }
    bills
}

fn show(key: &Key, amounts: &Amounts, (products, language): (&Products, Language)) -> BillSumInfoV2 {
    let of_consumption = |amount: Decimal| (key.kind == MonthlyBillType::Consumption).then_some(Amount::from(amount));
    let bill_type = key.kind.code().to_string();
    let details = [
        ("BALANCE_TYPE_DEBIT", amounts.cash_amount),
        ("BALANCE_TYPE_CREDIT", amounts.credit_amount),
        ("BALANCE_TYPE_BONUS", amounts.bonus_amount),
        ("BALANCE_TYPE_COUPON", amounts.coupon_amount),
        ("BALANCE_TYPE_RCASH_COUPON", amounts.flexi_amount),
        ("BALANCE_TYPE_STORED_VALUE_CARD", amounts.card_amount),
    ];
    let detail = |(balance_type, amount): (&'static str, Decimal)| BalanceTypeDeductSumV2 {
        balance_type,
        amount: amount.into(),
        bill_type: bill_type.clone(),
    };
    BillSumInfoV2 {
        customer_id: key.customer,
        cloud_service_type: key.service_type.clone(),
        cloud_service_type_name: service_name(products, &key.service_type, language),
        charge_mode: key.mode.code().to_string(),
        amount: amounts.consume_amount.into(),
        debt_amount: of_consumption(amounts.debt_amount),
        adjustment_amount: of_consumption(amounts.writeoff_amount),
        discount_amount: of_consumption(amounts.discount_amount),
        measure_id: MAIN_UNIT,
        account_details: details.into_iter().filter(|detail| !detail.1.is_zero()).map(detail).collect(),
        resource_type_code: key.resource_type.clone(),
        resource_type_name: resource_name(products, &key.resource_type, language),
        bill_type,
    }
}
