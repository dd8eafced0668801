//! `POST /v2/partners/sub-customers/unfreeze`

use super::freezing::{self, Change, CustomerErrorDetail, FreezeType, Reason};
use super::model::AccountIdText;
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Begun, Write};
use crate::app::App;
use crate::values::site::Site;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whom to unfreeze.
#[derive(Deserialize, ToSchema)]
pub struct UnfreezeSubCustomersReq {
    /// The customers, 1 to 10.
    #[schema(min_items = 1, max_items = 10)]
    customer_ids: Vec<AccountIdText>,
    /// Why.
    reason: Reason,
    /// For a distributor: the reseller whose customers they are. Ignored for other callers.
    indirect_partner_id: Option<AccountIdText>,
    /// What was frozen of them; the account unless given.
    unfreeze_type: Option<FreezeType>,
}

/// Which customers were left as they are.
#[derive(Serialize, ToSchema)]
pub struct UnfreezeSubCustomersResponse {
    /// Each customer that could not be unfrozen, and why. Absent if there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    error_details: Vec<CustomerErrorDetail>,
}

/// Unfreezes resale customers.
///
/// An account that is not a resale customer of the partner is left as it is and reported. If that is
/// so for all, the request is refused.
#[utoipa::path(
    post, path = "/v2/partners/sub-customers/unfreeze",
    responses((status = 200, description = "Who was left.", body = UnfreezeSubCustomersResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS)
            .on(Site::Intl)
            .needs("BPC_ITEM_SUBCUSTSERV_010501")
            .needs("BPC_ITEM_SUBCUSTSERV_010115")
            .writes()
    ))),
)]
pub async fn unfreeze_sub_customers(
    State(app): State<App>,
    partner: Partner,
    write: Write,
    Json(request): Json<UnfreezeSubCustomersReq>,
) -> Result<Answer, ApiError> {
    freezing::check_count(&request.customer_ids)?;
    let owner = app.customers.acting_partner(&partner, request.indirect_partner_id.as_ref()).await?;
    let now = app.now(partner.tenant);
    match write.begin().await? {
        Begun::Done(answer) => Ok(answer),
        Begun::New(mut transaction) => {
            let change = Change::Unfreeze(request.unfreeze_type.unwrap_or_default());
            let what = (change, &request.reason);
            let error_details = freezing::change(&mut transaction, owner, &request.customer_ids, what, now).await?;
            transaction.finish("", &UnfreezeSubCustomersResponse { error_details }).await
        }
    }
}
