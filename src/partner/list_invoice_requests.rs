//! `GET /partner/v1/invoices`

use super::invoices::{NamedInvoice, policy};
use crate::api::caller::AnyCaller;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::filter::{Filter, Refused};
use crate::api::page::{Limit, Offset};
use crate::app::App;
use crate::invoices::state::Status;
use crate::invoices::store::{self, Wanted};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which invoices.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListInvoiceRequestsQuery {
    /// Only those that stand so; not empty.
    #[param(inline, value_type = Status)]
    #[serde(default)]
    status: Filter<Status, Refused, Refused>,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
}

/// Invoices.
#[derive(Serialize, ToSchema)]
pub struct ListInvoiceRequestsResponse {
    /// How many there are in all.
    #[schema(example = 25)]
    total_count: i64,
    /// This part of them, what was asked for last first.
    invoices: Vec<NamedInvoice>,
}

/// Lists the invoices that the account has asked for.
///
/// On both sites, whatever became of them. `ListInvoices` answers the same in the vendor's form, on the international site.
#[utoipa::path(
    get, path = "/partner/v1/invoices",
    params(ListInvoiceRequestsQuery),
    responses((status = 200, description = "The invoices.", body = ListInvoiceRequestsResponse)),
    extensions(("x-policy" = json!(policy()))),
)]
pub async fn list_invoice_requests(
    State(app): State<App>,
    caller: AnyCaller,
    Query(query): Query<ListInvoiceRequestsQuery>,
) -> Result<Json<ListInvoiceRequestsResponse>, ApiError> {
    let wanted = Wanted { status: query.status.wanted().copied(), ..Wanted::default() };
    let part = (query.offset.get(), query.limit.get());
    let mut connection = app.database.tenant(caller.tenant).await?;
    let (invoices, total_count) = store::page(&mut connection, (caller.tenant, caller.domain), wanted, part).await?;
    let invoices = invoices.into_iter().map(|invoice| NamedInvoice::of(invoice, &app.vault));
    Ok(Json(ListInvoiceRequestsResponse { total_count, invoices: invoices.collect::<Result<_, _>>()? }))
}
