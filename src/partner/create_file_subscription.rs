//! `POST /partner/v1/file-subscriptions`

use super::exports::policy;
use crate::api::caller::{CallerKind, Seller};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::exports::model::ExportKind;
use crate::files::administration::{self, Rules};
use crate::files::model::{CreateFileSubscriptionReq, FileSubscriptionView};
use crate::files::refusal::Refusal;
use crate::values::language::Language;
use axum::extract::State;

/// Subscribes to files that are made and delivered by themselves.
///
/// A day's file is made at 04:00 of the next day of UTC+8, a week's, from Monday to Sunday, as the Wednesday after it begins, and
/// is delivered by the end of that day if the bucket takes it. Orders, coupons and funds are those of the days; customers,
/// resellers and resources are all there are then; bills and focus are of the whole months in which the days lie, and of a month
/// until it has been closed. Names, phones and e-mail addresses are masked. Beside the file lie its SHA-256 and, last of all, a
/// manifest. What the bucket does not take is tried again for three days; events `export.delivered` and `export.delivery_failed`
/// say what became of it.
#[utoipa::path(
    post, path = "/partner/v1/file-subscriptions",
    params(Language),
    responses((status = 200, description = "The subscription.", body = FileSubscriptionView)),
    extensions(("x-policy" = json!(policy().writes()))),
)]
pub async fn create_file_subscription(
    State(app): State<App>,
    seller: Seller,
    language: Language,
    write: Write,
    Json(request): Json<CreateFileSubscriptionReq>,
) -> Result<Answer, ApiError> {
    if request.kind == ExportKind::Resellers && seller.kind != CallerKind::Distributor {
        return Err(Refusal::field("kind", "must not be resellers: only a distributor has some").into());
    }
    let (now, account) = (app.now(seller.tenant), (seller.tenant, seller.domain));
    let rules = Rules::new(&app.buckets, &app.sealer, &app.settings.files);
    write
        .once(async |connection| {
            let by = (account, seller.user_name.as_str(), language);
            let created = administration::create(connection, by, &request, rules, now).await?;
            let id = created.id;
            Outcome::of(&id, &FileSubscriptionView::from(created))
        })
        .await
}
