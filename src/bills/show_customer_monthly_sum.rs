//! `GET /v2/bills/customer-bills/monthly-sum`

use super::accounts::Accounts;
use super::model::{CodeFilter, MemberFilter, Method, ProjectFilter, in_cents};
use super::search::Amounts;
use super::sums::{Group, Sums};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::filter::{Filter, Refused, Taken};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::charges::model::{BillingMode, SumType};
use crate::orders::view::{resource_name, service_name};
use crate::pricing::quote;
use crate::products::store::Products;
use crate::values::amount::Amount;
use crate::values::id::DomainId;
use crate::values::language::Language;
use crate::values::money::{Currency, MAIN_UNIT};
use crate::values::site::Site;
use crate::values::time::Month;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which sums.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ShowCustomerMonthlySumQuery {
    /// The month of UTC+8.
    #[param(inline)]
    bill_cycle: Month,
    /// Only those of this service type.
    #[param(inline, value_type = CodeFilter)]
    #[serde(default)]
    service_type_code: Filter<CodeFilter>,
    /// Only those in this enterprise project: `0` the default one, `-1` none; not empty.
    #[param(inline, value_type = ProjectFilter)]
    #[serde(default)]
    enterprise_project_id: Filter<ProjectFilter, Refused, Taken>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<1000>,
    /// Whose: `oneself`, `sub_customer`, or, unless said otherwise, `all`.
    #[param(inline, value_type = Method)]
    #[serde(default)]
    method: Filter<Method>,
    /// The member of the enterprise, where `method` is `sub_customer`.
    #[param(inline, value_type = MemberFilter)]
    #[serde(default)]
    sub_customer_id: Filter<MemberFilter>,
}

/// A month's sums. The amounts here are those of all that was asked for, not of this part.
#[derive(Serialize, ToSchema)]
pub struct ShowCustomerMonthlySumResponse {
    /// How many sums there are.
    #[schema(example = 4)]
    total_count: usize,
    /// This part of them.
    bill_sums: Vec<BillSumRecordInfoV2>,
    /// What is to be paid, less by what was given back.
    consume_amount: Amount,
    /// By nobody yet.
    debt_amount: Amount,
    /// By cash coupons.
    coupon_amount: Amount,
    /// By flexi-purchase coupons.
    flexipurchase_coupon_amount: Amount,
    /// By stored-value cards.
    stored_value_card_amount: Amount,
    /// By cash.
    cash_amount: Amount,
    /// By credit.
    credit_amount: Amount,
    /// Written off.
    writeoff_amount: Amount,
    /// The unit of the amounts: 1, the currency's main unit.
    #[schema(example = 1)]
    measure_id: i32,
    /// The currency.
    currency: Currency,
}

/// The sum of a service type, a resource type and a way of paying: of consumption, refunds or adjustments.
///
/// `consume_amount = official_amount - official_discount_amount - truncated_amount`.
#[derive(Serialize, ToSchema)]
pub struct BillSumRecordInfoV2 {
    /// The month of UTC+8.
    bill_cycle: Month,
    /// The resource type.
    #[schema(example = "hws.resource.type.vm")]
    resource_type_code: String,
    /// The service type.
    #[schema(example = "hws.service.type.ec2")]
    service_type_code: String,
    /// The name of the service type.
    #[schema(example = "Elastic Cloud Server")]
    service_type_name: String,
    /// The name of the resource type.
    #[schema(example = "Cloud server")]
    resource_type_name: String,
    /// 1 yearly/monthly, 3 pay-per-use, 10 reserved instance, 11 savings plan.
    charging_mode: BillingMode,
    /// At list prices.
    official_amount: Amount,
    /// Less by discounts.
    official_discount_amount: Amount,
    /// Cut off below a cent.
    truncated_amount: Amount,
    /// What is to be paid; below zero what was given back.
    consume_amount: Amount,
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
    /// By cash.
    cash_amount: Amount,
    /// By credit.
    credit_amount: Amount,
    /// The unit of the amounts: 1, the currency's main unit.
    #[schema(example = 1)]
    measure_id: i32,
    /// 1 consumption, 2 refunds, 3 adjustments.
    bill_type: SumType,
    /// The customer.
    customer_id: DomainId,
    /// The customer's account name.
    #[schema(example = "demo-customer")]
    account_name: String,
}

/// Shows the sums of a month.
///
/// By service type, resource type and way of paying; consumption, refunds and adjustments apart.
#[utoipa::path(
    get, path = "/v2/bills/customer-bills/monthly-sum",
    params(ShowCustomerMonthlySumQuery),
    responses((status = 200, description = "The sums.", body = ShowCustomerMonthlySumResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::CUSTOMERS)
            .customer_action("billing:bill:view")
            .customer_action("billing:billDetail:view")
    ))),
)]
pub async fn show_customer_monthly_sum(
    State(app): State<App>,
    customer: Customer,
    language: Language,
    Query(query): Query<ShowCustomerMonthlySumQuery>,
) -> Result<Json<ShowCustomerMonthlySumResponse>, ApiError> {
    let mut connection = app.database.tenant(customer.tenant).await?;
    let currency = quote::currency(&mut connection, (customer.tenant, customer.domain), app.settings.api.site).await?;
    let whose = (query.method.wanted(), query.sub_customer_id.wanted());
    let accounts = Accounts::seen(&mut connection, &customer, whose).await?;
    let project = query.enterprise_project_id.wanted().map(|id| match id.as_str() {
        "-1" | "null" => String::new(),
        id => id.to_owned(),
    });
    let sums = Sums {
        tenant: customer.tenant,
        customers: Some(accounts.ids()),
        resold_by: None,
        cycle: query.bill_cycle,
        currency,
        service_type: query.service_type_code.wanted().map(|code| code.as_str().to_owned()),
        enterprise_project: project,
        charging_mode: None,
    };
    let sums = sums.find(&mut connection).await?;
    let mut all = Amounts::default();
    for sum in sums.values() {
        all.add(sum);
    }
    // On the international site rows keep their decimals, and a month's totals are rounded.
    let is_exact = app.settings.api.site != Site::Intl;
    let total = |amount| Amount::from(if is_exact { amount } else { in_cents(amount) });
    let catalogue = app.catalogue.load();
    let show = |(group, amounts): (&Group, &Amounts)| {
        let account_name = accounts.name(group.customer);
        show((query.bill_cycle, account_name), (group, amounts), (&catalogue.products, language))
    };
    let bill_sums = sums.iter().skip(query.offset.get()).take(query.limit.get()).map(show).collect();
    Ok(Json(ShowCustomerMonthlySumResponse {
        total_count: sums.len(),
        bill_sums,
        consume_amount: total(all.consume_amount),
        debt_amount: total(all.debt_amount),
        coupon_amount: total(all.coupon_amount),
        flexipurchase_coupon_amount: total(all.flexi_amount),
        stored_value_card_amount: total(all.card_amount),
        cash_amount: total(all.cash_amount),
        credit_amount: total(all.credit_amount),
        writeoff_amount: total(all.writeoff_amount),
        measure_id: MAIN_UNIT,
        currency,
    }))
}

fn show(
    (cycle, account_name): (Month, &str),
    (group, amounts): (&Group, &Amounts),
    (products, language): (&Products, Language),
) -> BillSumRecordInfoV2 {
    BillSumRecordInfoV2 {
        bill_cycle: cycle,
        service_type_name: service_name(products, &group.service_type, language),
        resource_type_name: resource_name(products, &group.resource_type, language),
        resource_type_code: group.resource_type.clone(),
        service_type_code: group.service_type.clone(),
        charging_mode: group.charging_mode,
        official_amount: amounts.official_amount.into(),
        official_discount_amount: amounts.discount_amount.into(),
        truncated_amount: amounts.erase_amount.into(),
        consume_amount: amounts.consume_amount.into(),
        coupon_amount: amounts.coupon_amount.into(),
        flexipurchase_coupon_amount: amounts.flexi_amount.into(),
        stored_value_card_amount: amounts.card_amount.into(),
        debt_amount: amounts.debt_amount.into(),
        writeoff_amount: amounts.writeoff_amount.into(),
        cash_amount: amounts.cash_amount.into(),
        credit_amount: amounts.credit_amount.into(),
        measure_id: MAIN_UNIT,
        bill_type: group.sum_type,
        customer_id: group.customer,
        account_name: account_name.to_owned(),
    }
}
