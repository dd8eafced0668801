//! `POST /v2/partners/sub-customers/users/check-identity`

use super::codes::receiver_hash;
use super::model::{ShortText, is_domain_name};
use super::store;
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::app::App;
use crate::identity::store::domain_by_name;
use crate::values::receiver::{Email, Phone, Receiver};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to check.
#[derive(Deserialize, ToSchema)]
pub struct CheckSubcustomerUserReq {
    /// What the value is.
    search_type: SearchType,
    /// The name, the phone with its country as in `0086-13800000001`, or the address.
    search_value: ShortText,
}

/// What can be checked.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SearchType {
    /// The name of an account.
    Name,
    /// An e-mail address.
    Email,
    /// A mobile phone.
    Mobile,
}

/// Whether it can be registered with.
#[derive(Serialize, ToSchema)]
pub struct CheckUserIdentityResponse {
    /// Never given: a refusal has a body of its own.
    #[schema(example = "CBC.0000")]
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    /// Never given, like `error_code`.
    #[schema(example = "Success.")]
    #[serde(skip_serializing_if = "Option::is_none")]
    error_msg: Option<&'static str>,
    /// `available` or `used_by_user`.
    check_result: CheckResult,
    /// Of a phone: how many accounts more can register with it.
    #[schema(example = 5)]
    #[serde(skip_serializing_if = "Option::is_none")]
    mobile_remain_available_num: Option<i32>,
}

/// Whether a value is free.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// It can be registered with.
    Available,
    /// It cannot.
    UsedByUser,
}

enum Wanted<'a> {
    Name(&'a str),
    Receiver(Receiver),
}

/// Checks whether a name, a phone or an e-mail address can still be registered with.
///
/// Of a phone only the limit of accounts is looked at. What is available now may be taken a moment later.
#[utoipa::path(
    post, path = "/v2/partners/sub-customers/users/check-identity",
    responses((status = 200, description = "Whether it is free.", body = CheckUserIdentityResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS).needs("BPC_ITEM_SUBCUSTSERV_010118").per_second(5)
    ))),
)]
pub async fn check_user_identity(
    State(app): State<App>,
    _: Partner,
    Json(request): Json<CheckSubcustomerUserReq>,
) -> Result<Json<CheckUserIdentityResponse>, ApiError> {
    let mut connection = app.database.control().await?;
    let (is_free, remaining) = match read(request.search_type, request.search_value.as_str())? {
        Wanted::Name(name) => (domain_by_name(&mut connection, name).await?.is_none(), None),
        Wanted::Receiver(receiver) => {
            let most = app.settings.customers.accounts_with(&receiver);
            let usage = store::receiver_usage(&mut connection, &receiver_hash(&app.vault, &receiver)).await?;
            let left = if usage.reserved { 0 } else { (most - usage.accounts).max(0) };
            (left > 0, matches!(receiver, Receiver::Phone(_)).then_some(left))
        }
    };
    Ok(Json(CheckUserIdentityResponse {
        error_code: None,
        error_msg: None,
        check_result: if is_free { CheckResult::Available } else { CheckResult::UsedByUser },
        mobile_remain_available_num: remaining,
    }))
}

fn read(kind: SearchType, value: &str) -> Result<Wanted<'_>, ApiError> {
    let wanted = match kind {
        // Stricter than for creation: no leading underscore.
        SearchType::Name => (is_domain_name(value) && !value.starts_with('_')).then_some(Wanted::Name(value)),
        SearchType::Email => Email::parse(value).map(|email| Wanted::Receiver(Receiver::Email(email))),
        SearchType::Mobile => {
            let digits = value.strip_prefix(Phone::COUNTRY_CODE).and_then(|rest| rest.strip_prefix('-'));
            digits.and_then(Phone::parse).map(|phone| Wanted::Receiver(Receiver::Phone(phone)))
        }
    };
    wanted.ok_or_else(|| {
        let rule = match kind {
            SearchType::Name => "must be an account's name of 5 to 32 letters, digits, _ and -, not beginning with _",
            SearchType::Email => "must be an e-mail address",
            SearchType::Mobile => "must be a mobile phone of the form 0086-1XXXXXXXXXX",
        };
        ApiError::parameter("search_value", rule)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestApp;
    use serde_json::json;
    use sqlx::PgPool;

    const TARGET: &str = "/v2/partners/sub-customers/users/check-identity";

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn what_is_taken_cannot_be_registered_with(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let partner = app.client("demo-partner");
        let ask = async |kind: &str, value: &str| {
            partner.post(TARGET, &json!({"search_type": kind, "search_value": value})).await
        };
        assert_eq!(ask("name", "demo-customer").await.ok(), json!({"check_result": "used_by_user"}));
        assert_eq!(ask("name", "somebody-new").await.ok(), json!({"check_result": "available"}));
        let phone = Receiver::parse("13800000001").expect("a phone");
        let hash = receiver_hash(&app.app.vault, &phone);
        let mut connection = pool.acquire().await.expect("a connection");
        assert!(store::claim_receiver(&mut connection, &hash, 5).await.expect("it is written"));
        assert_eq!(
            ask("mobile", "0086-13800000001").await.ok(),
            json!({"check_result": "available", "mobile_remain_available_num": 4})
        );
        store::reserve_receiver(&mut connection, &hash, true).await.expect("it is written");
        assert_eq!(
            ask("mobile", "0086-13800000001").await.ok(),
            json!({"check_result": "used_by_user", "mobile_remain_available_num": 0})
        );
        assert_eq!(ask("email", "a@example.com").await.ok(), json!({"check_result": "available"}));
        for (kind, value) in [
            ("name", "_abcde"),
            ("name", "12345"),
            ("mobile", "13800000001"),
            ("mobile", "0049-13800000001"),
            ("email", "nobody"),
            ("name", ""),
        ] {
            let answer = ask(kind, value).await;
            let (status, code, message) = answer.refusal();
            assert_eq!((status, code), (400, "CBC.0100"), "{kind} {value}");
            assert!(message.contains("search_value"), "{message}");
        }
        assert!(ask("fax", "1").await.refusal().2.contains("search_type"));
    }
}
