//! `POST /v2/bills/subcustomer-bills/res-fee-records/sub-customers/query`

use super::sums;
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::values::id::DomainId;
use crate::values::language::Language;
use crate::values::site::Site;
use crate::values::time::Month;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Of which month.
#[derive(Deserialize, ToSchema)]
pub struct ListConsumeSubCustomersReq {
    /// The month of UTC+8.
    bill_cycle: Month,
    /// How many to skip.
    #[schema(inline, value_type = Option<Offset>)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[schema(inline, value_type = Option<Limit<1000>>)]
    #[serde(default)]
    limit: Limit<1000>,
}

/// Customers that consumed.
#[derive(Serialize, ToSchema)]
pub struct ListConsumeSubCustomersResponse {
    /// This part of them, by their ids.
    sub_customers: Vec<SubCustomerInfoV3>,
    /// How many there are in all.
    #[schema(example = 12)]
    total_count: i64,
}

/// A customer.
#[derive(Serialize, ToSchema)]
pub struct SubCustomerInfoV3 {
    /// Its id.
    customer_id: DomainId,
}

/// Lists the customers that consumed something in a month.
///
/// While they were the partner's. Any record makes it so, one of nothing and one below zero too.
#[utoipa::path(
    post, path = "/v2/bills/subcustomer-bills/res-fee-records/sub-customers/query",
    params(Language),
    request_body = ListConsumeSubCustomersReq,
    responses((status = 200, description = "The customers.", body = ListConsumeSubCustomersResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::PARTNERS).on(Site::Cn).needs("BPC_ITEM_FINANCE_020101")))),
)]
pub async fn list_consume_sub_customers(
    State(app): State<App>,
    partner: Partner,
    Json(request): Json<ListConsumeSubCustomersReq>,
) -> Result<Json<ListConsumeSubCustomersResponse>, ApiError> {
    let mut connection = app.database.tenant(partner.tenant).await?;
    let page = (request.offset.get(), request.limit.get());
    let (ids, total_count) =
        sums::customers(&mut connection, (partner.tenant, partner.domain), request.bill_cycle, page).await?;
    let sub_customers = ids.into_iter().map(|customer_id| SubCustomerInfoV3 { customer_id }).collect();
    Ok(Json(ListConsumeSubCustomersResponse { sub_customers, total_count }))
}
