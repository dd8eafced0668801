//! `GET /partner/v1/invoices/amounts`

use super::invoices::{InvoiceItem, payer, policy};
use crate::api::caller::AnyCaller;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::filter::{Filter, Refused};
use crate::api::page::{Limit, Offset};
use crate::app::App;
use crate::charges::invoiceable;
use crate::customers::model::AccountIdText;
use crate::invoices::model::balance;
use crate::values::amount::Amount;
use crate::values::id::DomainId;
use crate::values::money::Currency;
use crate::values::time::Month;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Which amounts.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListInvoiceableAmountsQuery {
    /// Only those of this month of UTC+8; not empty.
    #[param(inline, value_type = Month)]
    #[serde(default)]
    bill_cycle: Filter<Month, Refused, Refused>,
    /// Only those of this customer; not empty.
    #[param(inline, value_type = AccountIdText)]
    #[serde(default)]
    customer_id: Filter<AccountIdText, Refused, Refused>,
    /// In this currency; the account's own unless said otherwise.
    #[param(inline, value_type = Currency)]
    #[serde(default)]
    currency: Filter<Currency, Refused, Refused>,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<1000>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
}

/// What can still be invoiced.
#[derive(Serialize, ToSchema)]
pub struct ListInvoiceableAmountsResponse {
    /// How many orders and months of use there are.
    #[schema(example = 25)]
    total_count: i64,
    /// This part of them, the latest month first; below zero what was given back.
    items: Vec<InvoiceItem>,
    /// What can still be invoiced in all, whatever is asked for here: less what was given back since the last invoice.
    invoiceable_amount: Amount,
    /// How much more was given back than can still be invoiced: it lowers the invoices to come. One of both is 0.
    owed_amount: Amount,
    /// The currency.
    currency: Currency,
}

/// Lists what can still be invoiced.
///
/// By order, and by customer and month for use: what cash, credit, flexi-purchase coupons and cards paid and no invoice holds.
/// What nobody has paid yet is none of it.
#[utoipa::path(
    get, path = "/partner/v1/invoices/amounts",
    params(ListInvoiceableAmountsQuery),
    responses((status = 200, description = "The amounts.", body = ListInvoiceableAmountsResponse)),
    extensions(("x-policy" = json!(policy()))),
)]
pub async fn list_invoiceable_amounts(
    State(app): State<App>,
    caller: AnyCaller,
    Query(query): Query<ListInvoiceableAmountsQuery>,
) -> Result<Json<ListInvoiceableAmountsResponse>, ApiError> {
    let mut connection = app.database.tenant(caller.tenant).await?;
    let payer = payer(&mut connection, app.settings.api.site, &caller, query.currency.wanted().copied()).await?;
    // What cannot be an id is nobody's.
    let customer = query.customer_id.wanted().map(|text| text.id().unwrap_or(DomainId(Uuid::nil())));
    let filter = (query.bill_cycle.wanted().copied(), customer);
    let part = (query.offset.get(), query.limit.get());
    let (items, total_count, open) = invoiceable::open(&mut connection, payer, filter, part).await?;
    let (invoiceable, owed) = balance(open);
    Ok(Json(ListInvoiceableAmountsResponse {
        total_count,
        items: items.into_iter().map(InvoiceItem::from).collect(),
        invoiceable_amount: invoiceable.into(),
        owed_amount: owed.into(),
        currency: payer.currency,
    }))
}
