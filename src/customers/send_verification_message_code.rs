//! `POST /v2/bases/verificationcode/send`

use super::codes::Scene;
use super::model::AccountIdText;
use super::model::ShortText;
use super::sending::{self, MessageLanguage, ToSend, valid_for};
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Write};
use crate::app::App;
use crate::values::coded::coded;
use crate::values::id::DomainId;
use crate::values::number;
use crate::values::receiver::{Email, Phone, Receiver};
use crate::values::site::Site;
use axum::extract::State;
use serde::Deserialize;
use time::Duration;
use utoipa::ToSchema;

coded! {
    /// How a code is sent.
    ReceiverType {
        /// As a text to a phone: the Chinese site.
        Phone = 1,
        /// By mail: the international site.
        Email = 2,
    }
    /// What a code is sent for.
    CodeScene {
        /// Registration.
        Registration = 29,
        /// Real-name authentication with a bank card.
        BankCard = 18,
    }
}

/// Which code to send, and to whom.
#[derive(Deserialize, ToSchema)]
pub struct SendVerificationCodeV2Req {
    /// 1 by text to a phone, 2 by mail.
    receiver_type: ReceiverType,
    /// How many minutes the code is valid: 10 unless given, and 5 if more than 60 are.
    #[schema(minimum = 1, example = 10)]
    #[serde(default, deserialize_with = "number::any_or_none")]
    timeout: Option<u32>,
    /// The phone, 11 digits. Ignored with `receiver_type` 2.
    #[schema(required = true, value_type = String, example = "13800000001")]
    mobile_phone: Option<ShortText>,
    /// The e-mail address. Needed with `receiver_type` 2, otherwise ignored.
    email: Option<ShortText>,
    /// The language of the message.
    lang: Option<MessageLanguage>,
    /// What the code is for: 29, unless given, registration; 18 real-name authentication with a bank card.
    scene: Option<CodeScene>,
    /// The customer; needed with scene 18, otherwise ignored.
    customer_id: Option<AccountIdText>,
}

/// Sends a verification code.
///
/// A new code replaces the one before. At most 15 an hour and 60 a day are sent to a phone or an address: 400
/// `CBC.99004015`.
#[utoipa::path(
    post, path = "/v2/bases/verificationcode/send",
    responses((status = 204, description = "The code is sent.")),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS).needs("BPC_ITEM_SUBCUSTSERV_010118").writes()
    ))),
)]
pub async fn send_verification_message_code(
    State(app): State<App>,
    partner: Partner,
    write: Write,
    Json(request): Json<SendVerificationCodeV2Req>,
) -> Result<Answer, ApiError> {
    let receiver = receiver(&request, app.settings.api.site)?;
    if request.timeout == Some(0) {
        return Err(ApiError::parameter("timeout", "must be at least 1"));
    }
    let valid_for = valid_for(request.timeout);
    let (scene, customer) = match request.scene.unwrap_or(CodeScene::Registration) {
        CodeScene::Registration => (Scene::Registration, None),
        CodeScene::BankCard => (Scene::BankCard, Some(customer(&app, &partner, request.customer_id.as_ref()).await?)),
    };
    let now = app.now(partner.tenant);
    let new = ToSend { receiver, scene, customer, valid_for };
    let words = |code: &str| message(request.lang.unwrap_or_default(), code, valid_for);
    Ok(sending::send((&app.messenger, &app.vault), write, new, words, now).await??)
}

/// A phone on the Chinese site, an address on the international one.
fn receiver(request: &SendVerificationCodeV2Req, site: Site) -> Result<Receiver, ApiError> {
    let text = |text: &Option<ShortText>| text.as_ref().map(|text| text.as_str().to_owned()).unwrap_or_default();
    match request.receiver_type {
        ReceiverType::Phone if site.serves(Site::Cn) => Phone::parse(&text(&request.mobile_phone))
            .map(Receiver::Phone)
            .ok_or_else(|| ApiError::parameter("mobile_phone", "must be a mobile phone of 11 digits")),
        ReceiverType::Email if site.serves(Site::Intl) => Email::parse(&text(&request.email))
            .map(Receiver::Email)
            .ok_or_else(|| ApiError::parameter("email", "must be an e-mail address")),
        ReceiverType::Phone => Err(ApiError::parameter("receiver_type", "must be 2 on the international site")),
        ReceiverType::Email => Err(ApiError::parameter("receiver_type", "must be 1 on the Chinese site")),
    }
}

async fn customer(app: &App, partner: &Partner, named: Option<&AccountIdText>) -> Result<DomainId, ApiError> {
    let named = AccountIdText::given(named);
    let named = named.ok_or_else(|| ApiError::parameter("customer_id", "is required with scene 18"))?;
    Ok(app.customers.in_tree(partner, named).await?.id)
}

fn message(language: MessageLanguage, code: &str, valid_for: Duration) -> (&'static str, String) {
    let minutes = valid_for.whole_minutes();
    match language {
        MessageLanguage::Chinese => ("验证码", format!("您的验证码是 {code},{minutes} 分钟内有效。")),
        MessageLanguage::English => {
            ("Verification code", format!("Your verification code is {code}. It is valid for {minutes} minutes."))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::TestApp;
    use serde_json::json;
    use sqlx::PgPool;

    const TARGET: &str = "/v2/bases/verificationcode/send";

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn the_sixteenth_code_within_an_hour_is_refused(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let partner = app.client("demo-partner");
        let request = json!({"receiver_type": 1, "mobile_phone": "13800000001"});
        for _ in 0..15 {
            assert_eq!(partner.post(TARGET, &request).await.status.as_u16(), 204);
        }
        let answer = partner.post(TARGET, &request).await;
        assert_eq!((answer.refusal().0, answer.refusal().1), (400, "CBC.99004015"));
        let stored: Vec<Vec<u8>> =
            sqlx::query_scalar("select code_hash from verification_codes").fetch_all(&pool).await.expect("it is read");
        assert_eq!(stored.len(), 1, "each code replaces the one before");
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn the_field_that_is_wrong_is_named_and_nothing_can_be_sent_without_a_way(pool: PgPool) {
        let app = TestApp::with(pool, crate::operations, |settings| {
            settings.messages.readable_codes = false;
            let high = "1000000/1".to_owned().try_into().expect("it is a rate");
            settings.quotas.overrides.insert("*".to_owned(), high);
        })
        .await;
        let partner = app.client("demo-partner");
        for (request, field) in [
            (json!({"receiver_type": 1, "mobile_phone": "123"}), "mobile_phone"),
            (json!({"receiver_type": 2, "mobile_phone": "13800000001"}), "email"),
            (json!({"receiver_type": 3}), "receiver_type"),
            (json!({"receiver_type": 1, "mobile_phone": "13800000001", "timeout": 0}), "timeout"),
            (json!({"receiver_type": 1, "mobile_phone": "13800000001", "lang": "fr"}), "lang"),
            (json!({"receiver_type": 1, "mobile_phone": "13800000001", "scene": 30}), "scene"),
            (json!({"receiver_type": 1, "mobile_phone": "13800000001", "scene": 18}), "customer_id"),
        ] {
            let answer = partner.post(TARGET, &request).await;
            let (status, code, message) = answer.refusal();
            assert_eq!((status, code), (400, "CBC.0100"), "{request}");
            assert!(message.contains(field), "{request}: {message}");
        }
        let answer = partner.post(TARGET, &json!({"receiver_type": 1, "mobile_phone": "13800000001"})).await;
        assert_eq!((answer.refusal().0, answer.refusal().1), (500, "CBC.0999"));
    }
}
