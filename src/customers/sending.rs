//! How a verification code is sent, whoever asks for it: for how long it is valid, in which language it is told, and that one that
//! cannot be sent is not counted.

use super::codes::{self, NewCode, Scene};
use super::model::{NotDone, Refusal};
use crate::api::error::ApiError;
use crate::api::write::{Answer, Begun, Write};
use crate::messages::{self, Letter, Messenger};
use crate::personal::Vault;
use crate::values::id::DomainId;
use crate::values::receiver::Receiver;
use serde::Deserialize;
use time::{Duration, OffsetDateTime};
use utoipa::ToSchema;

/// The language of a message.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
pub enum MessageLanguage {
    /// Chinese.
    #[default]
    #[serde(rename = "zh-cn")]
    Chinese,
    /// English.
    #[serde(rename = "en-us")]
    English,
}

/// The vendor's rule: more than an hour is five minutes.
pub fn valid_for(minutes: Option<u32>) -> Duration {
    match minutes {
        None => Duration::minutes(10),
        Some(minutes @ ..=60) => Duration::minutes(i64::from(minutes)),
        Some(61..) => Duration::minutes(5),
    }
}

/// A code to be made and sent.
pub struct ToSend {
    /// To whom.
    pub receiver: Receiver,
    /// For what.
    pub scene: Scene,
    /// For which customer, where the scene is about one.
    pub customer: Option<DomainId>,
    /// How long it is valid.
    pub valid_for: Duration,
}

/// Makes a code and sends it; `message` words it, as a subject and a text. A rule that forbids it is the inner error, since the
/// vendor's operations name it by different codes.
pub async fn send(
    (messenger, vault): (&Messenger, &Vault),
    write: Write,
    new: ToSend,
    message: impl FnOnce(&str) -> (&'static str, String),
    now: OffsetDateTime,
) -> Result<Result<Answer, Refusal>, ApiError> {
    let ToSend { receiver, scene, customer, valid_for } = new;
    let is_tried = write.dry_run;
    let mut transaction = match write.begin().await? {
        Begun::Done(answer) => return Ok(Ok(answer)),
        Begun::New(transaction) => transaction,
    };
    // Before anything is written: a code that cannot be sent is not counted.
    let place = messenger.place(&receiver).map_err(unsendable)?;
    let code = codes::generate();
    let readable = messenger.keeps_readable();
    let new = NewCode { receiver: &receiver, scene, customer, valid_for, readable };
    match codes::keep(transaction.connection(), vault, &new, &code, now).await {
        Ok(()) => {}
        Err(NotDone::Refused(refusal)) => return Ok(Err(refusal)),
        Err(NotDone::Database(error)) => return Err(error.into()),
    }
    let answer = transaction.finish_empty("").await?;
    if !is_tried {
        let (subject, text) = message(&code);
        // After the commit, when nothing is held that others wait for: whose server it is may take its time.
        place.send(Letter { receiver, subject, text });
    }
    Ok(Ok(answer))
}

/// What a client is told of it: to come back where the way is only full.
fn unsendable(refusal: messages::Refusal) -> ApiError {
    match refusal {
        messages::Refusal::Full => ApiError::unavailable(),
        messages::Refusal::NoWay(_) => ApiError::internal(refusal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_valid_for_ten_minutes_or_as_long_as_asked_up_to_an_hour() {
        let minutes = |given| valid_for(given).whole_minutes();
        assert_eq!([None, Some(1), Some(60), Some(61)].map(minutes), [10, 1, 60, 5]);
    }
}
