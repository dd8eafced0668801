//! The second factor: passcodes by time (RFC 6238), as authenticator apps show them.
//!
//! Six digits for each 30 seconds, from a secret that the app and this server share. The secret is sealed at rest, and a
//! passcode counts once: the database keeps the newest step used, and no older one is accepted after it.

use super::administration::{self, Refusal};
use super::store;
use crate::secrets::{self, Sealer};
use crate::values::id::{TenantId, UserId};
use anyhow::Context;
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;
use totp_rs::{Builder, Totp};

/// How many steps a user's clock may be off, either way: what RFC 6238 advises.
const SKEW: u16 = 1;
/// Under this name authenticator apps list the secret.
const ISSUER: &str = "bss-gateway";

/// A user's new second factor.
#[derive(Debug)]
pub struct Enrolment {
    /// The user's id, which a request for a token names beside the passcode.
    pub user: UserId,
    /// For an authenticator app; it holds the secret and is shown this once.
    pub uri: String,
}

/// Demands passcodes of a user from now on, by a new secret; the tokens and temporary keys it was given before end.
pub async fn enable(
    connection: &mut PgConnection,
    of: &str,
    name: &str,
    sealer: &Sealer,
    now: OffsetDateTime,
) -> Result<Enrolment, Refusal> {
    let secret = secrets::random::<20>();
    let mut transaction = connection.begin().await?;
    let (tenant, _, user) = administration::user(&mut transaction, of, name).await?;
    let kept = sealer.seal(&secret, &owner(user));
    set_sealed_secret(&mut transaction, (tenant, user), &kept, now).await?;
    transaction.commit().await?;
    Ok(Enrolment { user, uri: uri(&secret, of, name) })
}

/// Lets a user in by its password alone again.
pub async fn disable(connection: &mut PgConnection, of: &str, name: &str) -> Result<(), Refusal> {
    let mut transaction = connection.begin().await?;
    let (tenant, _, user) = administration::user(&mut transaction, of, name).await?;
    delete_sealed_secret(&mut transaction, (tenant, user)).await?;
    Ok(transaction.commit().await?)
}

/// Whether the user has no second factor and gives no passcode, or gives the right one for the first time.
///
/// To be asked only when the password was right: it uses the passcode up.
pub async fn admits(
    connection: &mut PgConnection,
    (tenant, user): (TenantId, UserId),
    passcode: Option<&str>,
    sealer: &Sealer,
    now: OffsetDateTime,
) -> anyhow::Result<bool> {
    let kept = sealed_secret(connection, (tenant, user)).await?;
    let (kept, passcode) = match (kept, passcode) {
        (None, None) => return Ok(true),
        (Some(kept), Some(passcode)) => (kept, passcode),
        // A passcode that nothing can be compared with proves nothing.
        (None, Some(_)) | (Some(_), None) => return Ok(false),
    };
    let secret = sealer.open(&kept, &owner(user));
    let secret = secret.context("a second factor cannot be opened with these master keys")?;
    match step_of(&secret, passcode, now) {
        Some(step) => Ok(use_passcode(connection, (tenant, user), &kept, step).await?),
        None => Ok(false),
    }
}

/// The sealed secret of a user's second factor, if it has one.
async fn sealed_secret(
    connection: &mut PgConnection,
    (tenant, user): (TenantId, UserId),
) -> sqlx::Result<Option<Vec<u8>>> {
    let secret = sqlx::query_scalar!(
        "select totp_sealed_secret from users where tenant_id = $1 and user_id = $2",
        tenant.0,
        user.0
    );
    Ok(secret.fetch_optional(connection).await?.flatten())
}

/// Gives a user a second factor; what it was given without it is void. Announced.
async fn set_sealed_secret(
    connection: &mut PgConnection,
    (tenant, user): (TenantId, UserId),
    sealed_secret: &[u8],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update users set totp_sealed_secret = $3, totp_last_step = null, tokens_valid_from = $4
         where tenant_id = $1 and user_id = $2",
        tenant.0,
        user.0,
        sealed_secret,
        now
    )
    .execute(&mut *connection)
    .await?;
    store::announce(connection, "user").await
}

/// Takes a user's second factor away.
async fn delete_sealed_secret(connection: &mut PgConnection, (tenant, user): (TenantId, UserId)) -> sqlx::Result<()> {
    sqlx::query!(
        "update users set totp_sealed_secret = null, totp_last_step = null where tenant_id = $1 and user_id = $2",
        tenant.0,
        user.0
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Uses up the passcode of a step, and with it those of all earlier steps. `false`: it was used before, by this secret or
/// by a request at the same time.
async fn use_passcode(
    connection: &mut PgConnection,
    (tenant, user): (TenantId, UserId),
    sealed_secret: &[u8],
    step: i64,
) -> sqlx::Result<bool> {
    let updated = sqlx::query!(
        "update users set totp_last_step = $4
         where tenant_id = $1 and user_id = $2 and totp_sealed_secret = $3 and coalesce(totp_last_step, -1) < $4",
        tenant.0,
        user.0,
        sealed_secret,
        step
    )
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() > 0)
}

/// The step that the passcode belongs to, if that is now or nearly so.
fn step_of(secret: &[u8], passcode: &str, now: OffsetDateTime) -> Option<i64> {
    let seconds = u64::try_from(now.unix_timestamp()).ok()?;
    totp(secret, "").check(passcode, seconds).and_then(|step| i64::try_from(step).ok())
}

/// What an authenticator app reads, mostly from a QR code.
fn uri(secret: &[u8], account: &str, user: &str) -> String {
    // A colon separates the issuer from the rest and may stand nowhere else.
    let label = format!("{account}/{user}").replace(':', ".");
    totp(secret, &label).to_url().expect("the label is not empty and has no colon")
}

fn totp(secret: &[u8], label: &str) -> Totp {
    let builder = Builder::new().with_secret(secret).with_skew(SKEW).with_issuer(Some(ISSUER)).with_account_name(label);
    builder.build().expect("20 random bytes are long enough")
}

/// Whose secret it is, for the sealer.
fn owner(user: UserId) -> String {
    format!("totp {user}")
}

/// The passcode of an instant, for tests that play the authenticator app.
#[cfg(any(test, feature = "testing"))]
pub fn passcode(uri: &str, now: OffsetDateTime) -> String {
    let seconds = u64::try_from(now.unix_timestamp()).expect("tests run after 1970");
    Totp::from_url(uri).expect("it is our own").generate(seconds).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Answer, TestApp, login};
    use axum::http::StatusCode;
    use serde_json::{Value, json};
    use sqlx::PgPool;
    use time::Duration;

    const TARGET: &str = "/v3/auth/tokens";

    /// The table in appendix B of RFC 6238, by its last six digits.
    #[test]
    fn passcodes_are_those_of_the_standard() {
        for (seconds, passcode) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (1_234_567_890, "005924")]
        {
            let now = OffsetDateTime::from_unix_timestamp(seconds).expect("an instant");
            assert_eq!(step_of(b"12345678901234567890", passcode, now), Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_clock_may_be_one_step_off_and_no_more() {
        let secret = [7; 20];
        let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).expect("an instant");
        let shown = passcode(&uri(&secret, "account", "user"), now);
        for (seconds, known) in [(-31, false), (-30, true), (0, true), (59, true), (60, false)] {
            assert_eq!(step_of(&secret, &shown, now + Duration::seconds(seconds)).is_some(), known, "{seconds}");
        }
        for malformed in ["", "12345", "1234567", "+12345", "१२३४५६"] {
            assert_eq!(step_of(&secret, malformed, now), None, "{malformed}");
        }
    }

    #[test]
    fn an_app_is_told_the_issuer_and_whose_secret_it_is() {
        let uri = uri(&[0; 20], "a:b", "clerk");
        assert_eq!(
            uri,
            "otpauth://totp/bss-gateway:a.b%2Fclerk?secret=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&issuer=bss-gateway"
        );
    }

    /// demo-partner's own user with a second factor.
    async fn enrol(app: &TestApp, pool: &PgPool) -> Enrolment {
        let mut connection = pool.acquire().await.expect("a connection");
        let now = app.app.clock.now();
        enable(&mut connection, "demo-partner", "demo-partner", &app.app.sealer, now).await.expect("it is enabled")
    }

    fn with_passcode(app: &TestApp, user: &str, passcode: &str) -> Value {
        let mut request = login("demo-partner", &app.world.demo().password);
        request["auth"]["identity"]["methods"] = json!(["password", "totp"]);
        request["auth"]["identity"]["totp"] = json!({"user": {"id": user, "passcode": passcode}});
        request
    }

    async fn give(app: &TestApp, enrolment: &Enrolment, passcode: &str) -> Answer {
        app.anonymous().post(TARGET, &with_passcode(app, &enrolment.user.to_string(), passcode)).await
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn with_a_second_factor_the_password_alone_is_refused_like_a_wrong_one(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let before = app.log_in("demo-partner").await;
        let enrolment = enrol(&app, &pool).await;
        app.app.directory.forget_all();
        let earlier = app.anonymous().with_token(&before).get("/v5/caller-identity").await;
        assert_eq!(earlier.status, StatusCode::UNAUTHORIZED, "a token given without it ends");

        let password = &app.world.demo().password;
        let alone = app.anonymous().post(TARGET, &login("demo-partner", password)).await;
        let wrong = app.anonymous().post(TARGET, &login("demo-partner", "Wrong-123")).await;
        assert_eq!((alone.status, &alone.body), (wrong.status, &wrong.body));
        assert_eq!(alone.body["error"]["message"], "The username or password is wrong.");

        let answer = give(&app, &enrolment, &passcode(&enrolment.uri, app.app.clock.now())).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        let token = answer.header("x-subject-token").expect("the token").to_owned();
        assert_eq!(answer.body["token"]["methods"], json!(["password", "totp"]));
        assert_eq!(answer.body["token"]["mfa_authn_at"], answer.body["token"]["issued_at"]);
        app.app.directory.forget_all();
        let headers = [("x-subject-token", token.as_str())];
        let shown = app.anonymous().with_token(&token).call(axum::http::Method::GET, TARGET, &headers, "").await;
        assert_eq!(shown.body, answer.body);

        let mut connection = pool.acquire().await.expect("a connection");
        disable(&mut connection, "demo-partner", "demo-partner").await.expect("it is disabled");
        app.app.clock.set(app.app.clock.now() + Duration::minutes(2));
        let useless = give(&app, &enrolment, &passcode(&enrolment.uri, app.app.clock.now())).await;
        assert_eq!(useless.status, StatusCode::UNAUTHORIZED, "nothing is left to compare a passcode with");
        assert!(app.log_in("demo-partner").await.len() > 30);
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_passcode_counts_once_and_no_older_one_after_it(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let enrolment = enrol(&app, &pool).await;
        let now = app.app.clock.now();
        let [before, current, next] =
            [-30, 0, 30].map(|seconds| passcode(&enrolment.uri, now + Duration::seconds(seconds)));
        assert_eq!(give(&app, &enrolment, &current).await.status, StatusCode::CREATED);
        assert_eq!(give(&app, &enrolment, &current).await.status, StatusCode::UNAUTHORIZED, "a replay");
        assert_eq!(give(&app, &enrolment, &before).await.status, StatusCode::UNAUTHORIZED, "an older one");
        assert_eq!(give(&app, &enrolment, &next).await.status, StatusCode::CREATED);
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn of_requests_at_the_same_time_one_gets_a_token_for_a_passcode(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let enrolment = enrol(&app, &pool).await;
        let now = app.app.clock.now();
        let shown = passcode(&enrolment.uri, now);
        let attempts = (0..8).map(|_| {
            let (pool, sealer, shown, user) = (pool.clone(), app.app.sealer.clone(), shown.clone(), enrolment.user);
            let tenant = app.world.demo().tenant;
            tokio::spawn(async move {
                let mut connection = pool.acquire().await.expect("a connection");
                admits(&mut connection, (tenant, user), Some(&shown), &sealer, now).await.expect("no failure")
            })
        });
        let mut admitted = 0;
        for attempt in attempts.collect::<Vec<_>>() {
            admitted += u32::from(attempt.await.expect("it does not panic"));
        }
        assert_eq!(admitted, 1);
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn wrong_passcodes_lock_like_wrong_passwords(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let enrolment = enrol(&app, &pool).await;
        let right = passcode(&enrolment.uri, app.app.clock.now());
        let wrong = if right == "000000" { "000001" } else { "000000" };
        for _ in 0..6 {
            assert_eq!(give(&app, &enrolment, wrong).await.status, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(give(&app, &enrolment, &right).await.status, StatusCode::UNAUTHORIZED, "locked");
        let elsewhere = app.anonymous().from_address("192.0.2.77");
        let request = with_passcode(&app, &enrolment.user.to_string(), &right);
        assert_eq!(elsewhere.post(TARGET, &request).await.status, StatusCode::CREATED, "and not used up");
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn the_passcode_is_the_named_users_and_the_methods_go_together(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let enrolment = enrol(&app, &pool).await;
        let right = passcode(&enrolment.uri, app.app.clock.now());
        let client = app.anonymous();
        let other = app.world.account("other-partner").user.to_string();
        for (user, status) in [(other.as_str(), StatusCode::UNAUTHORIZED), ("nobody", StatusCode::BAD_REQUEST)] {
            let refused = client.post(TARGET, &with_passcode(&app, user, &right)).await;
            assert_eq!(refused.status, status, "{user}: {}", refused.body);
        }
        for methods in [json!(["totp"]), json!(["password", "token"]), json!([])] {
            let mut request = with_passcode(&app, &enrolment.user.to_string(), &right);
            request["auth"]["identity"]["methods"] = methods;
            assert_eq!(client.post(TARGET, &request).await.status, StatusCode::BAD_REQUEST);
        }
        let mut request = with_passcode(&app, &enrolment.user.to_string(), &right);
        request["auth"]["identity"]["methods"] = json!(["totp", "password"]);
        assert_eq!(client.post(TARGET, &request).await.status, StatusCode::CREATED);
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn the_secret_is_sealed_for_its_user(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let enrolment = enrol(&app, &pool).await;
        let mut connection = pool.acquire().await.expect("a connection");
        let tenant = app.world.demo().tenant;
        let sealed = sealed_secret(&mut connection, (tenant, enrolment.user)).await.expect("a row");
        let sealed = sealed.expect("it has one");
        let secret = app.app.sealer.open(&sealed, &owner(enrolment.user)).expect("its own");
        assert_eq!(uri(&secret, "demo-partner", "demo-partner"), enrolment.uri);
        assert!(!sealed.windows(secret.len()).any(|window| window == secret));
        assert_eq!(app.app.sealer.open(&sealed, &owner(app.world.account("other-partner").user)), None);
    }
}
