//! `GET /partner/v1/idempotency-keys/{key}`

use crate::api::caller::AnyCaller;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::policy::Policy;
use crate::api::write;
use crate::app::App;
use crate::values::text::texts;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

texts! {
    /// An `Idempotency-Key`.
    Key, 1..=128, "order-4711";
    /// An operation's id.
    OperationId, 1..=64, "UpdateCustomerAccountAmount";
}

/// Which key.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ShowIdempotencyKeyPath {
    /// The key.
    #[param(inline)]
    key: Key,
}

/// Of which operation.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ShowIdempotencyKeyQuery {
    /// The operation that was called with the key.
    #[param(inline)]
    operation: OperationId,
}

/// What became of a key.
#[derive(Serialize, ToSchema)]
pub struct ShowIdempotencyKeyResponse {
    /// `done`: the write has happened, once. `unknown`: it has not; a request with the key may still be under way.
    state: KeyState,
    /// The answer's HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 200)]
    status: Option<i16>,
    /// The answer's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    answer: Option<Box<RawValue>>,
    /// The id of the request that did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    request_id: Option<String>,
    /// When it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Instant>,
}

/// Whether a write has happened.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// It has, once.
    Done,
    /// It has not.
    Unknown,
}

/// Shows what became of an `Idempotency-Key`.
///
/// For who lost an answer and does not want to send the write again. Keys are the calling account's own.
#[utoipa::path(
    get, path = "/partner/v1/idempotency-keys/{key}",
    params(ShowIdempotencyKeyPath, ShowIdempotencyKeyQuery),
    responses((status = 200, description = "What became of it.", body = ShowIdempotencyKeyResponse)),
    extensions(("x-policy" = json!(Policy::any_caller()))),
)]
pub async fn show_idempotency_key(
    State(app): State<App>,
    caller: AnyCaller,
    Path(path): Path<ShowIdempotencyKeyPath>,
    Query(query): Query<ShowIdempotencyKeyQuery>,
) -> Result<Json<ShowIdempotencyKeyResponse>, ApiError> {
    let mut connection = app.database.tenant(caller.tenant).await?;
    let stored = write::find(&mut connection, &caller, query.operation.as_str(), path.key.as_str()).await?;
    Ok(Json(match stored {
        None => ShowIdempotencyKeyResponse {
            state: KeyState::Unknown,
            status: None,
            answer: None,
            request_id: None,
            time: None,
        },
        Some(stored) => ShowIdempotencyKeyResponse {
            state: KeyState::Done,
            status: Some(stored.status),
            answer: RawValue::from_string(stored.answer).ok(),
            request_id: Some(stored.request_id),
            time: Some(Instant(stored.created_at)),
        },
    }))
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use axum::http::Method;
    use serde_json::json;
    use sqlx::PgPool;

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_key_is_unknown_until_its_write_is_done_and_only_the_accounts_own_are_shown(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let partner = app.client("demo-partner");
        let target = "/partner/v1/idempotency-keys/order-1?operation=UpdateCustomerAccountAmount";
        assert_eq!(partner.get(target).await.ok(), json!({"state": "unknown"}));
        let body = json!({"customer_id": app.world.account("demo-customer").domain, "amount": 1}).to_string();
        let path = "/v2/accounts/partner-accounts/adjust-amount";
        let made = partner.call(Method::POST, path, &[("idempotency-key", "order-1")], &body).await.ok();
        let shown = partner.get(target).await.ok();
        assert_eq!((&shown["state"], &shown["status"], &shown["answer"]), (&json!("done"), &json!(200), &made));
        assert_eq!(app.client("other-partner").get(target).await.ok(), json!({"state": "unknown"}));
        assert_eq!(partner.get("/partner/v1/idempotency-keys/order-1").await.refusal().0, 400);
    }
}
