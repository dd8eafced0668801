//! `POST /v2/enterprises/multi-accounts/sm-verification-code`

use super::refusal::Refusal;
use crate::api::caller::{CallerKind, Master};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::policy::Policy;
use crate::api::write::{Answer, Write};
use crate::app::App;
use crate::customers::codes::Scene;
use crate::customers::model::ShortText;
use crate::customers::sending::{self, MessageLanguage, ToSend, valid_for};
use crate::values::list::List;
use crate::values::number::Number;
use crate::values::receiver::{Phone, Receiver};
use crate::values::site::Site;
use crate::values::text::texts;
use axum::extract::State;
use serde::Deserialize;
use time::Duration;
use utoipa::ToSchema;

texts! {
    /// What stands in a message in place of a variable.
    TemplateValue, 1..=255, "sub-001";
}

/// Whom to send a code, and what the message says.
#[derive(Deserialize, ToSchema)]
pub struct SendSmVerificationCodeReq {
    /// The phone, 11 digits.
    #[schema(value_type = String, example = "13800000001")]
    mobile_phone: ShortText,
    /// How many minutes the code is valid: 10 unless given, and 5 if more than 60 are.
    #[schema(example = 10)]
    timeout: Option<Number<1, 100>>,
    /// The language of the message; Chinese unless given.
    language: Option<MessageLanguage>,
    /// What the message names. Of two with one key the first counts.
    #[schema(value_type = Vec<TemplateArgs>, max_items = 6)]
    sm_template_args: List<TemplateArgs, 6>,
}

/// A variable of the message.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct TemplateArgs {
    /// Which.
    key: TemplateKey,
    /// What stands in its place.
    value: TemplateValue,
}

/// A variable of messages.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
pub enum TemplateKey {
    /// The name of the member that is to be created.
    #[serde(rename = "sub_customer_name")]
    SubCustomerName,
}

/// Sends the code that a member's own phone needs when the member is created.
///
/// The code is of use to the enterprise that asked for it alone. A new one replaces the one before. At most 15 an hour and 60 a
/// day are sent to a phone: 400 `CBC.99000082`.
#[utoipa::path(
    post, path = "/v2/enterprises/multi-accounts/sm-verification-code",
    responses((status = 204, description = "The code is sent.")),
    extensions(("x-policy" = json!(Policy::callers(&[CallerKind::Master]).on(Site::Cn).writes()))),
)]
pub async fn send_sms_verification_code(
    State(app): State<App>,
    caller: Master,
    write: Write,
    Json(request): Json<SendSmVerificationCodeReq>,
) -> Result<Answer, ApiError> {
    let phone = Phone::parse(request.mobile_phone.as_str())
        .ok_or_else(|| ApiError::parameter("mobile_phone", "must be a mobile phone of 11 digits"))?;
    let valid_for = valid_for(request.timeout.map(Number::get));
    let name = request.sm_template_args.as_slice().first();
    let name = name.ok_or_else(|| ApiError::parameter("sm_template_args", "must name the sub_customer_name"))?;
    let TemplateArgs { key: TemplateKey::SubCustomerName, value: name } = name;
    let new =
        ToSend { receiver: Receiver::Phone(phone), scene: Scene::Membership, customer: Some(caller.domain), valid_for };
    let words = |code: &str| message(request.language.unwrap_or_default(), (name.as_str(), code), valid_for);
    let now = app.now(caller.tenant);
    let sent = sending::send((&app.messenger, &app.vault), write, new, words, now).await?;
    sent.map_err(|refusal| Refusal::from(refusal).into())
}

fn message(language: MessageLanguage, (name, code): (&str, &str), valid_for: Duration) -> (&'static str, String) {
    let minutes = valid_for.whole_minutes();
    match language {
        MessageLanguage::Chinese => {
            ("验证码", format!("您正在创建企业子账号 {name},验证码是 {code},{minutes} 分钟内有效。"))
        }
        MessageLanguage::English => {
            let text = format!(
                "The verification code for the member account {name} is {code}. It is valid for {minutes} minutes."
            );
            ("Verification code", text)
        }
    }
}
