//! `GET /v2/customers/real-name-auth-qrcode`

use super::review::{self, ReviewError};
use super::store;
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::app::App;
use crate::config::Review;
use crate::identity::model::new_token;
use crate::values::site::Site;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use qrcode::QrCode;
use qrcode::render::svg;
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::Connection;
use time::Duration;
use utoipa::ToSchema;

/// How long a code can be scanned.
const VALID_FOR: Duration = Duration::minutes(10);

/// The QR code.
#[derive(Serialize, ToSchema)]
pub struct ShowRealNameAuthQrCodeResponse {
    /// A `data:` address that holds the picture, SVG. The code leads to `real_name.face_url` with a ticket that is valid
    /// for ten minutes and one scan.
    #[schema(example = "data:image/svg+xml;base64,PHN2Zz48L3N2Zz4=")]
    qr_code_url: String,
}

/// Gives a QR code by which the caller's face is compared.
///
/// Each call gives another code; it is valid for ten minutes and for one scan.
#[utoipa::path(
    get, path = "/v2/customers/real-name-auth-qrcode",
    responses((status = 200, description = "The QR code.", body = ShowRealNameAuthQrCodeResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::CUSTOMERS).on(Site::Cn)))),
)]
pub async fn show_real_name_auth_qr_code(
    State(app): State<App>,
    customer: Customer,
) -> Result<Json<ShowRealNameAuthQrCodeResponse>, ApiError> {
    let token = new_token();
    let link = format!("{}/{token}", app.settings.real_name.face_url.trim_end_matches('/'));
    let code = QrCode::new(&link).map_err(|_| ApiError::internal("real_name.face_url is too long for a QR code"))?;
    let picture = code.render::<svg::Color<'_>>().min_dimensions(200, 200).build();
    let expires_at = app.now(customer.tenant).saturating_add(VALID_FOR);
    let mut connection = app.database.control().await?;
    store::insert_ticket(&mut connection, &ticket_hash(&token), (customer.tenant, customer.domain), expires_at).await?;
    let qr_code_url = format!("data:image/svg+xml;base64,{}", BASE64_STANDARD.encode(picture));
    Ok(Json(ShowRealNameAuthQrCodeResponse { qr_code_url }))
}

fn ticket_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}

/// In place of a service that compares faces: a scan passes the person's application that is under review. Only where the
/// review is automatic.
pub fn router(review: Review) -> Router<App> {
    match review {
        Review::Manual => Router::new(),
        Review::Automatic => Router::new().route("/real-name/{token}", get(scan)),
    }
}

async fn scan(State(app): State<App>, Path(token): Path<String>) -> Result<(StatusCode, &'static str), ApiError> {
    let mut connection = app.database.control().await?;
    let mut transaction = connection.begin().await?;
    let ticket = store::take_ticket(&mut transaction, &ticket_hash(&token)).await?;
    let Some((tenant, customer, expires_at)) = ticket else {
        return Ok((StatusCode::NOT_FOUND, "This code is not valid or has been scanned.\n"));
    };
    let now = app.now(tenant);
    if expires_at <= now {
        transaction.commit().await?;
        return Ok((StatusCode::GONE, "This code has expired.\n"));
    }
    let passed = review::pass(&mut transaction, &app.vault, (tenant, customer), &app.settings.real_name, now).await;
    let answer = match passed {
        Ok(()) => (StatusCode::OK, "The face matches.\n"),
        Err(ReviewError::NothingPending) => (StatusCode::OK, "There is nothing to compare the face with.\n"),
        Err(ReviewError::NumberExhausted) => (StatusCode::CONFLICT, "The document belongs to too many customers.\n"),
        Err(error) => return Err(ApiError::internal(error)),
    };
    transaction.commit().await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use crate::config::Review;
    use crate::testing::TestApp;
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn the_picture_is_a_real_one_and_each_call_gives_another_code(pool: PgPool) {
        let app = TestApp::with(pool.clone(), crate::operations, |settings| {
            settings.real_name.review = Review::Automatic;
        })
        .await;
        let customer = app.client("demo-customer");
        let mut pictures = Vec::new();
        for _ in 0..2 {
            let answer = customer.get("/v2/customers/real-name-auth-qrcode").await.ok();
            let url = answer["qr_code_url"].as_str().expect("a text").to_owned();
            let picture = url.strip_prefix("data:image/svg+xml;base64,").expect("it holds the picture");
            let picture =
                String::from_utf8(BASE64_STANDARD.decode(picture).expect("it is base64")).expect("it is a text");
            assert!(picture.contains("<svg") && picture.contains("<path"), "{picture}");
            pictures.push(picture);
        }
        assert_ne!(pictures[0], pictures[1]);
        let wrong = app.anonymous().get("/real-name/nonsense").await;
        assert_eq!(wrong.status.as_u16(), 404);
    }
}
