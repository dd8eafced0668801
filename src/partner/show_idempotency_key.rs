//! `GET /partner/v1/idempotency-keys/{key}`

use crate::api::caller::AnyCaller;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path, Query};
use crate::api::policy::{Policies, Policy};
use crate::api::write;
use crate::app::App;
use crate::values::text::texts;
use crate::values::time::Instant;
use axum::Extension;
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
/// For a caller that lost an answer and does not want to send the write again. Keys belong to the calling account.
/// An answer is shown to the user who got it, to the account's administrator and to whoever holds the operation's permission;
/// others are refused, whether there is one or not.
#[utoipa::path(
    get, path = "/partner/v1/idempotency-keys/{key}",
    params(ShowIdempotencyKeyPath, ShowIdempotencyKeyQuery),
    responses((status = 200, description = "What became of it.", body = ShowIdempotencyKeyResponse)),
    extensions(("x-policy" = json!(Policy::any_caller()))),
)]
pub async fn show_idempotency_key(
    State(app): State<App>,
    Extension(policies): Extension<Policies>,
    caller: AnyCaller,
    Path(path): Path<ShowIdempotencyKeyPath>,
    Query(query): Query<ShowIdempotencyKeyQuery>,
) -> Result<Json<ShowIdempotencyKeyResponse>, ApiError> {
    let mut connection = app.database.tenant(caller.tenant).await?;
    let stored = write::find(&mut connection, &caller, query.operation.as_str(), path.key.as_str()).await?;
    let made_it = stored.as_ref().is_some_and(|stored| stored.user_id == Some(caller.user.0));
    let may_have_made_it = policies.of(query.operation.as_str()).is_some_and(|policy| policy.is_granted_to(&caller));
    if !made_it && !may_have_made_it && !caller.administrator {
        return Err(ApiError::forbidden());
    }
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
    use crate::identity::administration;
    use crate::identity::model::LoginName;
    use crate::testing::TestApp;
    use axum::http::Method;
    use serde_json::json;
    use sqlx::PgPool;

    /// What `UpdateCustomerAccountAmount` asks of a partner's user.
    const ADJUSTS: &str = "BPC_ITEM_SUBCUSTSERV_010103";

    /// Another user of demo-partner, with these permissions: its access key and secret.
    async fn clerk(pool: &PgPool, app: &TestApp, name: &str, items: &[&str]) -> (String, String) {
        let (mut connection, now) = (pool.acquire().await.expect("a connection"), app.app.clock.now());
        let items: Vec<String> = items.iter().map(|item| (*item).to_owned()).collect();
        let login = LoginName::try_from(name.to_owned()).expect("it is a name");
        administration::create_user(&mut connection, "demo-partner", &login, &items, now).await.expect("it is made");
        let key = administration::create_key(&mut connection, "demo-partner", name, &app.app.sealer, now).await;
        key.map(|key| (key.access_key, key.secret_key)).expect("it is made")
    }

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

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn what_a_user_got_is_shown_to_who_might_have_asked_for_it(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let (secretary, cashier) =
            (clerk(&pool, &app, "secretary", &[]).await, clerk(&pool, &app, "cashier", &[ADJUSTS]).await);
        let (secretary, cashier) =
            (app.client_with_key(&secretary.0, &secretary.1), app.client_with_key(&cashier.0, &cashier.1));
        let body = json!({"customer_id": app.world.account("demo-customer").domain, "amount": 1}).to_string();
        let write = |key: &'static str| [("idempotency-key", key)];
        let adjust = "/v2/accounts/partner-accounts/adjust-amount";
        let partner = app.client("demo-partner");
        partner.call(Method::POST, adjust, &write("one"), &body).await.ok();
        cashier.call(Method::POST, adjust, &write("two"), &body).await.ok();
        let target = |key| format!("/partner/v1/idempotency-keys/{key}?operation=UpdateCustomerAccountAmount");
        for key in ["one", "two"] {
            assert_eq!(partner.get(&target(key)).await.ok()["state"], "done");
            assert_eq!(cashier.get(&target(key)).await.ok()["state"], "done", "who holds the permission");
            assert_eq!(secretary.get(&target(key)).await.refusal().0, 403);
        }
        // Not even whether there is one.
        assert_eq!(secretary.get(&target("three")).await.refusal().0, 403);
        assert_eq!(cashier.get(&target("three")).await.ok(), json!({"state": "unknown"}));
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn what_needs_no_permission_is_shown_to_who_did_it_and_to_the_administrator(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let (one, other) = (clerk(&pool, &app, "one", &[]).await, clerk(&pool, &app, "other", &[]).await);
        let (one, other) = (app.client_with_key(&one.0, &one.1), app.client_with_key(&other.0, &other.1));
        sqlx::query(
            "insert into idempotency_keys (tenant_id, domain_id, operation, key, request_hash, status, answer, request_id,
                                           created_at, user_id)
             select tenant_id, domain_id, 'CreatePartnerCoupons', 'k', '', 200, '{}', '', now(), user_id
             from users where name = 'one'",
        )
        .execute(&pool)
        .await
        .expect("it is stored");
        let target = "/partner/v1/idempotency-keys/k?operation=CreatePartnerCoupons";
        assert_eq!(one.get(target).await.ok()["state"], "done");
        assert_eq!(app.client("demo-partner").get(target).await.ok()["state"], "done");
        assert_eq!(other.get(target).await.refusal().0, 403);
        let unheard_of = "/partner/v1/idempotency-keys/k?operation=NoSuchOperation";
        assert_eq!(other.get(unheard_of).await.refusal().0, 403);
    }

    /// A clerk adjusts an account and loses the permission: the clerk is still shown the answer, a colleague is not.
    async fn an_adjustment_is_shown_to_who_made_it(pool: PgPool, mixes_tenants: bool) {
        let mix = |settings: &mut crate::config::Settings| settings.ledger.mix_tenants = mixes_tenants;
        let app = TestApp::with(pool.clone(), crate::operations, mix).await;
        let (cashier, secretary) =
            (clerk(&pool, &app, "cashier", &[ADJUSTS]).await, clerk(&pool, &app, "secretary", &[]).await);
        let (cashier, secretary) =
            (app.client_with_key(&cashier.0, &cashier.1), app.client_with_key(&secretary.0, &secretary.1));
        let body = json!({"customer_id": app.world.account("demo-customer").domain, "amount": 1}).to_string();
        let adjust = "/v2/accounts/partner-accounts/adjust-amount";
        let first = cashier.call(Method::POST, adjust, &[("idempotency-key", "k")], &body).await.ok();
        let mut connection = pool.acquire().await.expect("a connection");
        let withdrawn = administration::set_permission_items(&mut connection, "demo-partner", "cashier", &[]).await;
        withdrawn.expect("it is withdrawn");
        app.app.directory.forget_all();
        assert_eq!(cashier.call(Method::POST, adjust, &[], &body).await.refusal().0, 403);
        let target = "/partner/v1/idempotency-keys/k?operation=UpdateCustomerAccountAmount";
        assert_eq!(cashier.get(target).await.ok()["answer"], first);
        assert_eq!(secretary.get(target).await.refusal().0, 403);
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn an_adjustment_made_without_locks_is_shown_to_who_made_it(pool: PgPool) {
        an_adjustment_is_shown_to_who_made_it(pool, true).await;
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn an_adjustment_made_under_locks_is_shown_to_who_made_it(pool: PgPool) {
        an_adjustment_is_shown_to_who_made_it(pool, false).await;
    }
}
