//! Verification codes: six digits, hashed at rest, valid for minutes and for three wrong tries.

use super::model::{NotDone, Refusal};
use crate::personal::Vault;
use crate::secrets;
use crate::values::id::DomainId;
use crate::values::receiver::Receiver;
use crate::values::time::Instant;
use serde::Serialize;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use utoipa::ToSchema;

/// Most codes that are sent to a receiver within an hour.
const PER_HOUR: usize = 15;
/// Most within a day.
const PER_DAY: usize = 60;
/// Wrong tries after which a code is void.
const TRIES_MAX: i16 = 3;

/// What a code is for. One that was sent for something else is of no use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i16)]
pub enum Scene {
    /// Registration.
    Registration = 29,
    /// Real-name authentication with a bank card.
    BankCard = 18,
    /// Registration of an enterprise's member. The number is ours: the vendor's operation has none.
    Membership = 101,
}

/// A code to be sent.
pub struct NewCode<'a> {
    /// To whom.
    pub receiver: &'a Receiver,
    /// For what.
    pub scene: Scene,
    /// For which customer, where the scene is about one.
    pub customer: Option<DomainId>,
    /// How long it is valid.
    pub valid_for: Duration,
    /// Whether it stays readable.
    pub readable: bool,
}

/// Six random digits.
pub fn generate() -> String {
    format!("{:06}", u64::from_le_bytes(secrets::random()) % 1_000_000)
}

/// The sends of the last day with one more, or nothing if that is one too many.
fn admit(mut sent_at: Vec<OffsetDateTime>, now: OffsetDateTime) -> Option<Vec<OffsetDateTime>> {
    sent_at.retain(|sent| *sent > now - Duration::DAY);
    let last_hour = sent_at.iter().filter(|sent| **sent > now - Duration::HOUR).count();
    if last_hour >= PER_HOUR || sent_at.len() >= PER_DAY {
        return None;
    }
    sent_at.push(now);
    Some(sent_at)
}

/// Keeps a new code in place of an older one, unless too many were sent. The receiver is locked until the transaction ends.
pub async fn keep(
    connection: &mut PgConnection,
    vault: &Vault,
    new: &NewCode<'_>,
    code: &str,
    now: OffsetDateTime,
) -> Result<(), NotDone> {
    let receiver = receiver_hash(vault, new.receiver);
    sqlx::query!(
        "insert into verification_sends (receiver_hash, sent_at) values ($1, '{}') on conflict do nothing",
        receiver
    )
    .execute(&mut *connection)
    .await?;
    let sent =
        sqlx::query_scalar!("select sent_at from verification_sends where receiver_hash = $1 for update", receiver);
    let sent = admit(sent.fetch_one(&mut *connection).await?, now).ok_or(Refusal::TooManyCodes)?;
    sqlx::query!("update verification_sends set sent_at = $2 where receiver_hash = $1", receiver, &sent)
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        "insert into verification_codes (receiver_hash, scene, code_hash, expires_at, failures, customer_id, readable)
         values ($1, $2, $3, $4, 0, $5, $6)
         on conflict (receiver_hash, scene) do update
         set code_hash = excluded.code_hash, expires_at = excluded.expires_at, failures = 0,
             customer_id = excluded.customer_id, readable = excluded.readable",
        receiver,
        new.scene as i16,
        code_hash(vault, new.receiver, new.scene, code),
        now.saturating_add(new.valid_for),
        new.customer.map(|customer| customer.0),
        new.readable.then_some(code)
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A code as it was given.
pub struct GivenCode<'a> {
    /// By whom.
    pub receiver: &'a Receiver,
    /// For what.
    pub scene: Scene,
    /// For which customer.
    pub customer: Option<DomainId>,
    /// The digits.
    pub code: &'a str,
}

/// Whether it is the right one. A wrong one counts at once, so this stands in no transaction that may be taken back.
pub async fn check(
    connection: &mut PgConnection,
    vault: &Vault,
    given: &GivenCode<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<Result<(), Refusal>> {
    let receiver = receiver_hash(vault, given.receiver);
    let is_right = sqlx::query_scalar!(
        r#"update verification_codes
           set failures = case when code_hash = $3 and customer_id is not distinct from $4 then failures else failures + 1 end
           where receiver_hash = $1 and scene = $2 and failures < $5 and expires_at > $6
           returning code_hash = $3 and customer_id is not distinct from $4 as "is_right!""#,
        receiver,
        given.scene as i16,
        code_hash(vault, given.receiver, given.scene, given.code),
        given.customer.map(|customer| customer.0),
        TRIES_MAX,
        now
    );
    match is_right.fetch_optional(&mut *connection).await? {
        Some(true) => return Ok(Ok(())),
        Some(false) => return Ok(Err(Refusal::CodeWrong)),
        None => {}
    }
    let failures = sqlx::query_scalar!(
        "select failures from verification_codes where receiver_hash = $1 and scene = $2",
        receiver,
        given.scene as i16
    );
    Ok(Err(match failures.fetch_optional(connection).await? {
        None => Refusal::CodeWrong,
        Some(failures) if failures >= TRIES_MAX => Refusal::CodeTried,
        Some(_) => Refusal::CodeExpired,
    }))
}

/// Uses a code up; whether it was still there.
pub async fn consume(connection: &mut PgConnection, vault: &Vault, given: &GivenCode<'_>) -> sqlx::Result<bool> {
    let deleted = sqlx::query!(
        "delete from verification_codes where receiver_hash = $1 and scene = $2 and code_hash = $3",
        receiver_hash(vault, given.receiver),
        given.scene as i16,
        code_hash(vault, given.receiver, given.scene, given.code)
    );
    Ok(deleted.execute(connection).await?.rows_affected() == 1)
}

/// A code that can be read.
#[derive(Serialize, ToSchema)]
#[schema(as = VerificationCode)]
pub struct Readable {
    /// What it is for: 29 registration, 18 real-name authentication with a bank card, 101 registration as an enterprise's
    /// member.
    #[schema(example = 29)]
    scene: i16,
    /// The digits.
    #[schema(example = "123456")]
    pub code: String,
    /// Until when it is valid, by the tenant's time.
    expires_at: Instant,
}

/// The readable codes of a receiver: in the sandbox all, elsewhere none.
pub async fn readable(
    connection: &mut PgConnection,
    vault: &Vault,
    receiver: &Receiver,
) -> sqlx::Result<Vec<Readable>> {
    sqlx::query_as!(
        Readable,
        r#"select scene, readable as "code!", expires_at as "expires_at: Instant" from verification_codes
           where receiver_hash = $1 and readable is not null order by scene"#,
        receiver_hash(vault, receiver)
    )
    .fetch_all(connection)
    .await
}

/// The hash by which a phone or an address is found.
pub fn receiver_hash(vault: &Vault, receiver: &Receiver) -> Vec<u8> {
    vault.hash(receiver.sort(), receiver.as_str())
}

/// Six digits are soon tried: the hash has a key, and is another one for each receiver.
fn code_hash(vault: &Vault, receiver: &Receiver, scene: Scene, code: &str) -> Vec<u8> {
    vault.hash(&format!("code {} for {}", scene as i16, receiver.as_str()), code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn fifteen_an_hour_and_sixty_a_day_are_sent() {
        let start = datetime!(2026-01-01 00:00 UTC);
        let mut sent = Vec::new();
        for minute in 0..15 {
            sent = admit(sent, start + Duration::minutes(minute)).expect("it is one of fifteen");
        }
        assert_eq!(admit(sent.clone(), start + Duration::minutes(59)), None);
        for hour in 1..4 {
            for _ in 0..15 {
                sent = admit(sent, start + Duration::hours(hour) + Duration::minutes(15)).expect("an hour later");
            }
        }
        assert_eq!(sent.len(), 60);
        assert_eq!(admit(sent.clone(), start + Duration::hours(23)), None);
        assert!(admit(sent, start + Duration::hours(25)).is_some_and(|kept| kept.len() < 60));
    }

    #[test]
    fn a_code_has_six_digits() {
        for _ in 0..100 {
            let code = generate();
            assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
        }
    }
}
