//! `POST /v2/accounts/partner-accounts/adjust-amount`

use super::model::{self, Move, cash, insufficient_balance};
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
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to allocate, and to whom.
#[derive(Deserialize, ToSchema)]
pub struct AdjustAccountReq {
    /// The customer's account.
    customer_id: AccountIdText,
    /// How much, in yuan: above 0, at most 2 decimals. A number or a text.
    amount: PositiveAmount,
    /// For a distributor: the reseller whose customer it is, and whose balance pays. Ignored for other callers.
    indirect_partner_id: Option<AccountIdText>,
}

/// The transfer that was made.
#[derive(Serialize, ToSchema)]
pub struct UpdateCustomerAccountAmountResponse {
    /// Its number.
    #[schema(example = "AD01978D6A2B3C7D4E8F90A1B2C3D4E5F6")]
    transfer_id: String,
}

/// Allocates funds to a resale customer.
///
/// Taken from the partner's balance, or from the reseller's it names, as far as it is not designated; 400 `CBC.99005003` if
/// that is too low.
#[utoipa::path(
    post, path = "/v2/accounts/partner-accounts/adjust-amount",
    responses((status = 200, description = "The transfer.", body = UpdateCustomerAccountAmountResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS).on(Site::Cn).needs("BPC_ITEM_SUBCUSTSERV_010103").writes()
    ))),
)]
pub async fn update_customer_account_amount(
    State(app): State<App>,
    partner: Partner,
    write: Write,
    Json(request): Json<AdjustAccountReq>,
) -> Result<Answer, ApiError> {
    let payer = app.customers.acting_partner(&partner, request.indirect_partner_id.as_ref()).await?;
    let customer = app.customers.of_partner(partner.tenant, payer, &request.customer_id).await?;
    customer.require_resale()?;
    let wanted = Move {
        kind: TransferKind::Allocate,
        from: cash(partner.tenant, payer),
        to: Purse::allocated(partner.tenant, customer.id),
        amount: request.amount.get(),
        customer: customer.id,
    };
    model::transfer(&app, write, wanted, answer, insufficient_balance).await
}

fn answer(made: &[Transfer]) -> String {
    model::body(&UpdateCustomerAccountAmountResponse { transfer_id: model::number(made) })
}
