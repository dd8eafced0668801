//! `POST /v2/accounts/partner-accounts/indirect-partner-adjust`

use super::model::{self, Move, cash, insufficient_balance};
use crate::api::caller::{CallerKind, Distributor};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Write};
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::ledger::TransferKind;
use crate::ledger::books::Transfer;
use crate::values::amount::PositiveAmount;
use crate::values::site::Site;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to allocate, and to whom.
#[derive(Deserialize, ToSchema)]
pub struct AdjustToIndirectPartnerReq {
    /// The reseller.
    indirect_partner_id: AccountIdText,
    /// How much, in yuan: above 0, at most 2 decimals. A number or a text.
    amount: PositiveAmount,
}

/// The transfer that was made.
#[derive(Serialize, ToSchema)]
pub struct UpdateIndirectPartnerAccountResponse {
    /// Its number.
    #[schema(example = "AD01978D6A2B3C7D4E8F90A1B2C3D4E5F6")]
    transfer_id: String,
}

/// Allocates funds to a reseller.
///
/// Taken from the distributor's balance as far as it is not designated; 400 `CBC.99005003` if that is too low.
#[utoipa::path(
    post, path = "/v2/accounts/partner-accounts/indirect-partner-adjust",
    responses((status = 200, description = "The transfer.", body = UpdateIndirectPartnerAccountResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&[CallerKind::Distributor]).on(Site::Cn).needs("BPC_ITEM_SALES_020104").writes()
    ))),
)]
pub async fn update_indirect_partner_account(
    State(app): State<App>,
    distributor: Distributor,
    write: Write,
    Json(request): Json<AdjustToIndirectPartnerReq>,
) -> Result<Answer, ApiError> {
    let (reseller, _) = app.customers.reseller(&distributor, &request.indirect_partner_id).await?;
    let wanted = Move {
        kind: TransferKind::Allocate,
        from: cash(distributor.tenant, distributor.domain),
        to: cash(distributor.tenant, reseller),
        amount: request.amount.get(),
        customer: reseller,
    };
    model::transfer(&app, write, wanted, answer, insufficient_balance).await
}

fn answer(made: &[Transfer]) -> String {
    model::body(&UpdateIndirectPartnerAccountResponse { transfer_id: model::number(made) })
}
