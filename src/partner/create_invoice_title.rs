//! `POST /partner/v1/invoice-titles`

use super::invoices::policy;
use crate::api::caller::AnyCaller;
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::invoices::model::Title;
use crate::invoices::refusal::Refusal;
use crate::invoices::store;
use crate::values::id::InvoiceTitleId;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// How many an account can have.
const MOST: i64 = 100;

/// A title that was kept.
#[derive(Serialize, ToSchema)]
pub struct CreateInvoiceTitleResponse {
    /// Its id.
    title_id: InvoiceTitleId,
}

/// Keeps a title, to whom invoices can be made out.
///
/// A person is a name. A company has its taxpayer number, and for special VAT invoices its registered address and phone, its bank
/// and its account there. An account has at most 100.
#[utoipa::path(
    post, path = "/partner/v1/invoice-titles",
    responses((status = 200, description = "The title.", body = CreateInvoiceTitleResponse)),
    extensions(("x-policy" = json!(policy().writes()))),
)]
pub async fn create_invoice_title(
    State(app): State<App>,
    caller: AnyCaller,
    write: Write,
    Json(title): Json<Title>,
) -> Result<Answer, ApiError> {
    title.check()?;
    let (account, now) = ((caller.tenant, caller.domain), app.now(caller.tenant));
    write
        .once(async |connection| {
            if store::count_titles(connection, account).await? >= MOST {
                return Err(Refusal::Parameter("invoice_title", "cannot be kept: the account has 100 titles").into());
            }
            let title_id = InvoiceTitleId::new(now);
            store::insert_title(connection, &app.vault, (account, title_id), &title, now).await?;
            Outcome::of(&title_id, &CreateInvoiceTitleResponse { title_id })
        })
        .await
}
