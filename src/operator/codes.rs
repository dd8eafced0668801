//! `/admin/v1/verification-codes` and `/admin/v1/reserved-receivers`

use super::named::refused;
use super::policy::OperatorPolicy;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::customers::codes::{self, Readable};
use crate::customers::store;
use crate::operators::store::Role;
use crate::values::receiver::Receiver;
use crate::values::truth;
use anyhow::anyhow;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Whose codes.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListVerificationCodesQuery {
    /// A mobile phone or an e-mail address.
    #[param(value_type = String, example = "13800000001", max_length = 64)]
    receiver: Receiver,
}

/// Verification codes.
#[derive(Serialize, ToSchema)]
pub struct VerificationCodeList {
    /// One for each thing that a code can be for.
    codes: Vec<Readable>,
}

/// List the verification codes of a phone or an e-mail address
///
/// In the sandbox only, where they are sent to nobody. A code that was used is gone.
#[utoipa::path(
    get,
    path = "/admin/v1/verification-codes",
    params(ListVerificationCodesQuery),
    responses((status = 200, body = VerificationCodeList, description = "The codes.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_verification_codes(
    State(app): State<App>,
    Query(query): Query<ListVerificationCodesQuery>,
) -> Result<Json<VerificationCodeList>, ApiError> {
    if !app.settings.messages.readable_codes {
        return Err(refused(anyhow!("verification codes are readable in a sandbox only")));
    }
    let codes = codes::readable(&mut *app.database.control().await?, &app.vault, &query.receiver).await?;
    Ok(Json(VerificationCodeList { codes }))
}

/// A phone or an e-mail address, and whether it is kept.
#[derive(Deserialize, ToSchema)]
pub struct ReserveReceiverBody {
    /// A mobile phone or an e-mail address. It is kept as a keyed hash only.
    #[schema(value_type = String, example = "someone@example.com", max_length = 64)]
    receiver: Receiver,
    /// Whether it is kept for the vendor's own customers.
    #[serde(deserialize_with = "truth::required")]
    reserved: bool,
}

/// Reserve or release a phone or an e-mail address
///
/// Partners can register nobody with one that is reserved for the vendor's own customers.
#[utoipa::path(
    put,
    path = "/admin/v1/reserved-receivers",
    request_body = ReserveReceiverBody,
    responses((status = 204, description = "It is so.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn reserve_receiver(
    State(app): State<App>,
    write: Write,
    Json(body): Json<ReserveReceiverBody>,
) -> Result<Answer, ApiError> {
    write
        .once(async |connection| {
            let receiver = codes::receiver_hash(&app.vault, &body.receiver);
            store::reserve_receiver(connection, &receiver, body.reserved).await?;
            // The receiver is personal, so the trace does not have it.
            Ok(Outcome::empty(if body.reserved { "reserved" } else { "given free" }))
        })
        .await
}
