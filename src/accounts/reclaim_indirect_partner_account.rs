//! `POST /v2/accounts/partner-accounts/indirect-partner-reclaim`

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

/// What to take back, and from whom.
#[derive(Deserialize, ToSchema)]
pub struct ReclaimIndirectPartnerAccountReq {
    /// The reseller.
    indirect_partner_id: AccountIdText,
    /// How much, in yuan: above 0, at most 2 decimals. A number or a text.
    amount: PositiveAmount,
}

/// The transfer that was made.
#[derive(Serialize, ToSchema)]
pub struct ReclaimIndirectPartnerAccountResponse {
    /// Its number.
    #[schema(example = "RE01978D6A2B3C7D4E8F90A1B2C3D4E5F6")]
    trans_id: String,
}

/// Takes funds back from a reseller.
///
/// At most what the reseller's balance holds; 400 `CBC.99005003` if that is less.
#[utoipa::path(
    post, path = "/v2/accounts/partner-accounts/indirect-partner-reclaim",
    responses((status = 200, description = "The transfer.", body = ReclaimIndirectPartnerAccountResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&[CallerKind::Distributor]).on(Site::Cn).needs("BPC_ITEM_SALES_020105").writes()
    ))),
)]
pub async fn reclaim_indirect_partner_account(
    State(app): State<App>,
    distributor: Distributor,
    write: Write,
    Json(request): Json<ReclaimIndirectPartnerAccountReq>,
) -> Result<Answer, ApiError> {
    let (reseller, _) = app.customers.reseller(&distributor, &request.indirect_partner_id).await?;
    let wanted = Move {
        kind: TransferKind::Reclaim,
        from: cash(distributor.tenant, reseller),
        to: cash(distributor.tenant, distributor.domain),
        amount: request.amount.get(),
        customer: reseller,
    };
    model::transfer(&app, write, wanted, answer, insufficient_balance).await
}

fn answer(made: &[Transfer]) -> String {
    model::body(&ReclaimIndirectPartnerAccountResponse { trans_id: model::number(made) })
}
