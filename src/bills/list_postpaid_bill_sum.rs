//! `GET /v2/bills/partner-bills/postpaid-bill-summary`

use super::model::in_cents;
use super::sums::Sums;
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::policy::Policy;
use crate::app::App;
use crate::charges::model::SumType;
use crate::pricing::quote::default_currency;
use crate::values::amount::Amount;
use crate::values::money::Currency;
use crate::values::site::Site;
use crate::values::time::Month;
use axum::extract::State;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Of which month.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListPostpaidBillSumQuery {
    /// The month of UTC+8.
    #[param(inline)]
    bill_cycle: Month,
}

/// What a partner owes for a month.
#[derive(Serialize, ToSchema)]
pub struct ListPostpaidBillSumResponse {
    /// The month.
    bill_cycle: Month,
    /// What is owed: consumption, refunds and adjustments together.
    initial_amount_due: Amount,
    /// What its resale customers consumed.
    consume_amount: Amount,
    /// What was given back, below zero.
    refunds: Amount,
    /// What was adjusted.
    adjustments: Amount,
    /// The tax, which is no part of what is owed; this server knows of none.
    tax_amount: Amount,
    /// The currency.
    currency: Currency,
}

/// Shows what a partner owes for a month.
///
/// For what its resale customers consumed while they were its customers. A month's total is rounded to cents, a half up.
#[utoipa::path(
    get, path = "/v2/bills/partner-bills/postpaid-bill-summary",
    params(ListPostpaidBillSumQuery),
    responses((status = 200, description = "The bill.", body = ListPostpaidBillSumResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::PARTNERS).on(Site::Intl)))),
)]
pub async fn list_postpaid_bill_sum(
    State(app): State<App>,
    partner: Partner,
    Query(query): Query<ListPostpaidBillSumQuery>,
) -> Result<Json<ListPostpaidBillSumResponse>, ApiError> {
    let currency = default_currency(app.settings.api.site);
    let sums = Sums {
        tenant: partner.tenant,
        customers: None,
        resold_by: Some(partner.domain),
        cycle: query.bill_cycle,
        currency,
        service_type: None,
        enterprise_project: None,
        charging_mode: None,
    };
    let mut connection = app.database.tenant(partner.tenant).await?;
    let sums = sums.find(&mut connection).await?;
    let sum = |wanted: SumType| -> Decimal {
        let of_it = sums.iter().filter(|(group, _)| group.sum_type == wanted);
        in_cents(of_it.map(|(_, amounts)| amounts.consume_amount).sum())
    };
    let [consumed, refunds, adjustments] = [SumType::Consumption, SumType::Refund, SumType::Adjustment].map(sum);
    Ok(Json(ListPostpaidBillSumResponse {
        bill_cycle: query.bill_cycle,
        initial_amount_due: (consumed + refunds + adjustments).into(),
        consume_amount: consumed.into(),
        refunds: refunds.into(),
        adjustments: adjustments.into(),
        tax_amount: Amount::ZERO,
        currency,
    }))
}
