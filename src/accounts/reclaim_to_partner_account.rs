//! `POST /v2/accounts/partner-accounts/reclaim`

use super::model::{self, Move, cash};
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Write};
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::ledger::books::Transfer;
use crate::ledger::{Purse, TransferKind};
use crate::values::amount::PositiveAmount;
use crate::values::site::Site;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to take back, and from whom.
#[derive(Deserialize, ToSchema)]
pub struct ReclaimToPartnerAccountBalancesReq {
    /// The customer's account.
    customer_id: AccountIdText,
    /// How much, in yuan: above 0, at most 2 decimals. A number or a text.
    amount: PositiveAmount,
    /// For a distributor: the reseller whose customer it is, and who gets it back. Ignored for other callers.
    indirect_partner_id: Option<AccountIdText>,
}

/// The transfer that was made.
#[derive(Serialize, ToSchema)]
pub struct ReclaimToPartnerAccountResponse {
    /// Its number.
    #[schema(example = "RE01978D6A2B3C7D4E8F90A1B2C3D4E5F6")]
    trans_id: String,
}

/// Takes funds back from a resale customer.
///
/// At most what is left of the funds that were allocated to it; 400 `CBC.5003` if that is less.
#[utoipa::path(
    post, path = "/v2/accounts/partner-accounts/reclaim",
    responses((status = 200, description = "The transfer.", body = ReclaimToPartnerAccountResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS).on(Site::Cn).needs("BPC_ITEM_SUBCUSTSERV_010104").writes()
    ))),
)]
pub async fn reclaim_to_partner_account(
    State(app): State<App>,
    partner: Partner,
    write: Write,
    Json(request): Json<ReclaimToPartnerAccountBalancesReq>,
) -> Result<Answer, ApiError> {
    let receiver = app.customers.acting_partner(&partner, request.indirect_partner_id.as_ref()).await?;
    let customer = app.customers.of_partner(partner.tenant, receiver, &request.customer_id).await?;
    customer.require_resale()?;
    let wanted = Move {
        kind: TransferKind::Reclaim,
        from: Purse::allocated(partner.tenant, customer.id),
        to: cash(partner.tenant, receiver),
        amount: request.amount.get(),
        customer: customer.id,
    };
    model::transfer(&app, write, wanted, answer, insufficient_at_customer).await
}

fn answer(made: &[Transfer]) -> String {
    model::body(&ReclaimToPartnerAccountResponse { trans_id: model::number(made) })
}

/// The vendor's code here is another one than for allocations.
fn insufficient_at_customer() -> ApiError {
    ApiError::bss(StatusCode::BAD_REQUEST, "CBC.5003", "Insufficient balance.")
}
