//! What all writes share: each happens once, leaves a trace, and can be tried without being done.
//!
//! A write whose request carries `Idempotency-Key` is bound to that key: the first answer is stored in the transaction of
//! its effect, and a repeat of the same request gets it again, marked. While the first still runs a repeat waits for it, in
//! the end with 409. Another user of the account gets it as well, who has been let in to ask for the same. A refused write leaves nothing, so its key can be used again. With `X-Dry-Run: true` everything is
//! done and then taken back; the answer says what would have happened.

use super::caller::Caller;
use super::error::ApiError;
use crate::api::audit::{self, Call, Event};
use crate::clock::Clock;
use crate::database::{self, Database};
use crate::personal::Vault;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::{PgConnection, PgTransaction};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use time::OffsetDateTime;
use uuid::Uuid;

/// The header with the key.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Marks an answer that is given again.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Asks to try, and marks the answer to a try.
pub const DRY_RUN: HeaderName = HeaderName::from_static("x-dry-run");
/// Longest key.
pub const KEY_MAX: usize = 128;
/// Deeper JSON stands for itself; no operation has any.
const DEPTH_MAX: usize = 64;
/// How long a repeat waits for the first to end.
const WAIT_FOR_THE_FIRST: &str = "5s";

/// A key, and what it was used for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The key.
    pub key: String,
    /// Keyed hash of the request's target and body: a body may hold a password, which a plain hash would let one guess.
    pub request_hash: Vec<u8>,
}

impl Key {
    /// The key that the headers name, if they name one.
    pub fn of(headers: &HeaderMap, target: &str, body: &[u8], vault: &Vault) -> Result<Option<Self>, ApiError> {
        let Some(value) = once(headers, &IDEMPOTENCY_KEY, "Idempotency-Key")? else { return Ok(None) };
        let is_sane =
            |key: &&str| (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        let key = value.to_str().ok().filter(is_sane).ok_or_else(|| {
            ApiError::parameter("Idempotency-Key", format_args!("must have 1 to {KEY_MAX} visible ASCII characters"))
        })?;
        Ok(Some(Self { key: key.to_owned(), request_hash: vault.hash(target, &canonical(body)) }))
    }
}

/// A header that must not be given twice: which of two counts nobody could know.
fn once<'h>(headers: &'h HeaderMap, name: &HeaderName, shown: &str) -> Result<Option<&'h HeaderValue>, ApiError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(ApiError::parameter(shown, "is given more than once")),
    }
}

/// The body in one spelling, since a client that asks again may write its JSON in another: fields in another order, `1.00` for
/// `1`. What is no JSON stands for itself.
fn canonical(body: &[u8]) -> Cow<'_, [u8]> {
    fn write(value: &RawValue, text: &mut String, depth: usize) -> Option<()> {
        let (raw, depth) = (value.get(), depth.checked_sub(1)?);
        match raw.as_bytes().first()? {
            b'{' => {
                let fields: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(raw).ok()?;
                text.push('{');
                for (name, value) in fields {
                    text.push_str(&serde_json::to_string(&name).ok()?);
                    write(value, text, depth)?;
                }
                text.push('}');
            }
            b'[' => {
                let values: Vec<&RawValue> = serde_json::from_str(raw).ok()?;
                text.push('[');
                for value in values {
                    write(value, text, depth)?;
                    text.push(',');
                }
                text.push(']');
            }
            b'"' => text.push_str(&serde_json::to_string(&serde_json::from_str::<Cow<'_, str>>(raw).ok()?).ok()?),
            b'-' | b'0'..=b'9' => {
                let number = Decimal::from_str_exact(raw).or_else(|_| Decimal::from_scientific(raw));
                text.push_str(&number.map_or_else(|_| raw.to_owned(), |number| number.normalize().to_string()));
            }
            _ => text.push_str(raw),
        }
        Some(())
    }

    let mut text = String::with_capacity(body.len());
    let written = serde_json::from_slice::<&RawValue>(body).ok().and_then(|value| write(value, &mut text, DEPTH_MAX));
    written.map_or(Cow::Borrowed(body), |()| Cow::Owned(text.into_bytes()))
}

/// A write, as the gate lets it in. A handler's argument.
#[derive(Clone, Debug)]
pub struct Write {
    /// Who writes.
    pub caller: Arc<Caller>,
    /// The request.
    pub call: Arc<Call>,
    /// Its key.
    pub key: Option<Key>,
    /// Whether it is only tried.
    pub dry_run: bool,
    /// Where its effect is written.
    database: Database,
    /// With which statement its transaction begins.
    begin: &'static str,
    /// The system's time: when it happened, for the audit.
    clock: Clock,
}

impl Write {
    /// What the gate puts beside a request that writes.
    pub fn new(
        (caller, call): (Arc<Caller>, Arc<Call>),
        (parts, body): (&Parts, &[u8]),
        vault: &Vault,
        (database, clock): (&Database, &Clock),
    ) -> Result<Self, ApiError> {
        let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
        let dry_run = match once(&parts.headers, &DRY_RUN, "X-Dry-Run")?.map(HeaderValue::as_bytes) {
            None | Some(b"false") => false,
            Some(b"true") => true,
            Some(_) => return Err(ApiError::parameter("X-Dry-Run", "must be true or false")),
        };
        let key = Key::of(&parts.headers, target, body, vault)?;
        let (database, clock) = (database.clone(), clock.clone());
        Ok(Self { caller, call, key, dry_run, database, begin: database::BEGIN, clock })
    }

    /// The same, in a transaction that sees everything as it is at one moment.
    #[must_use]
    pub fn at_one_moment(self) -> Self {
        Self { begin: database::BEGIN_AT_ONE_MOMENT, ..self }
    }

    /// Whether this request was answered before: then [`begin`](Self::begin) gives the answer again, and what is checked
    /// before it, and would be found used up, must not be.
    pub async fn is_repeat(&self) -> Result<bool, ApiError> {
        let Some(key) = &self.key else { return Ok(false) };
        let mut connection = self.database.tenant(self.caller.tenant).await?;
        Ok(find(&mut connection, &self.caller, self.call.operation, &key.key).await?.is_some())
    }

    /// Begins the transaction that holds the effect, or finds that the write has already happened.
    pub async fn begin(self) -> Result<Begun, ApiError> {
        let mut transaction = self.database.begin_with(self.caller.tenant, self.begin).await?;
        if let Some(key) = &self.key {
            let now = self.clock.now();
            if !claim(&mut transaction, &self, key, now).await? {
                let stored = find(&mut transaction, &self.caller, self.call.operation, &key.key).await?;
                // The first may have been refused between the two statements.
                let stored = stored.ok_or_else(still_running)?;
                return stored.repeat(key).map(Begun::Done);
            }
        }
        Ok(Begun::New(WriteTransaction { write: self, transaction }))
    }
}

impl Write {
    /// The whole of a plain write: `act` on its transaction, which says what came of it.
    pub async fn once(
        self,
        act: impl AsyncFnOnce(&mut PgConnection) -> Result<Outcome, ApiError>,
    ) -> Result<Answer, ApiError> {
        match self.begin().await? {
            Begun::Done(answer) => Ok(answer),
            Begun::New(mut transaction) => {
                let Outcome { subject, status, shown, kept } = match act(transaction.connection()).await {
                    Ok(outcome) => outcome,
                    // At once, not whenever the connection is used again: who is refused may call again at once, and must not
                    // find what it had locked itself.
                    Err(error) => return Err(transaction.abandon(error).await),
                };
                let answer = transaction.end(&subject, status, kept).await?;
                Ok(Answer { body: shown.unwrap_or(answer.body), ..answer })
            }
        }
    }
}

/// What came of a write.
#[derive(Debug)]
pub struct Outcome {
    subject: String,
    status: StatusCode,
    /// The answer where it is not `kept`.
    shown: Option<String>,
    /// The answer that a repeat gets, all of it that is stored.
    kept: String,
}

impl Outcome {
    /// 200 with this body. `subject` is what was changed, by id, for the audit.
    pub fn of(subject: &(impl ToString + ?Sized), body: &impl Serialize) -> Result<Self, ApiError> {
        let kept = serde_json::to_string(body).map_err(ApiError::internal)?;
        Ok(Self { subject: subject.to_string(), status: StatusCode::OK, shown: None, kept })
    }

    /// The same with 202: what was asked for is done later.
    #[must_use]
    pub fn accepted(self) -> Self {
        Self { status: StatusCode::ACCEPTED, ..self }
    }

    /// Like [`of`](Self::of), with a body that is shown this once; a repeat gets `kept`.
    pub fn shown_once(
        subject: &(impl ToString + ?Sized),
        body: &impl Serialize,
        kept: &impl Serialize,
    ) -> Result<Self, ApiError> {
        let shown = serde_json::to_string(body).map_err(ApiError::internal)?;
        Ok(Self { shown: Some(shown), ..Self::of(subject, kept)? })
    }

    /// A refusal that leaves something behind: it is written what has been done, and a repeat is refused again.
    pub fn refused(subject: &(impl ToString + ?Sized), error: &ApiError) -> Self {
        let kept = String::from_utf8_lossy(&error.body("")).into_owned();
        Self { subject: subject.to_string(), status: error.status, shown: None, kept }
    }

    /// 204 without a body.
    pub fn empty(subject: &(impl ToString + ?Sized)) -> Self {
        Self { subject: subject.to_string(), status: StatusCode::NO_CONTENT, shown: None, kept: String::new() }
    }
}

impl<S: Sync> FromRequestParts<S> for Write {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let write = parts.extensions.remove::<Self>();
        write.ok_or_else(|| ApiError::internal("a handler writes whose policy does not say so"))
    }
}

/// A write that begins.
pub enum Begun {
    /// Nothing has happened yet.
    New(WriteTransaction),
    /// It has happened before; this was the answer.
    Done(Answer),
}

/// The transaction of a write. Dropped, it leaves nothing.
pub struct WriteTransaction {
    write: Write,
    transaction: PgTransaction<'static>,
}

impl WriteTransaction {
    /// The connection inside the transaction.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// The write.
    pub fn write(&self) -> &Write {
        &self.write
    }

    /// Records the answer and ends the transaction. `subject` is what was changed, for the audit.
    pub async fn finish<T: Serialize>(self, subject: &str, body: &T) -> Result<Answer, ApiError> {
        let body = serde_json::to_string(body).map_err(ApiError::internal)?;
        self.end(subject, StatusCode::OK, body).await
    }

    /// Like [`finish`](Self::finish), with a body that is written already.
    pub async fn finish_with(self, subject: &str, body: String) -> Result<Answer, ApiError> {
        self.end(subject, StatusCode::OK, body).await
    }

    /// Like [`finish`](Self::finish), with 204 and no body.
    pub async fn finish_empty(self, subject: &str) -> Result<Answer, ApiError> {
        self.end(subject, StatusCode::NO_CONTENT, String::new()).await
    }

    /// Takes back all that was done, since it is refused, and leaves what `record` writes of that; a trial leaves nothing. That
    /// it cannot be recorded is no reason to answer otherwise.
    pub async fn refuse(
        self,
        refusal: ApiError,
        record: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<()>,
    ) -> ApiError {
        let Self { write, transaction } = self;
        let recorded = async {
            transaction.rollback().await?;
            if write.dry_run {
                return Ok(());
            }
            let mut transaction = write.database.begin(write.caller.tenant).await?;
            record(&mut transaction).await?;
            transaction.commit().await
        };
        if let Err(error) = recorded.await {
            tracing::warn!(%error, "a refusal could not be recorded");
        }
        refusal
    }

    /// Takes back all that was done, and lets go of what was locked. That this fails is no reason to answer otherwise: then the
    /// database does it when the connection ends.
    async fn abandon(self, refusal: ApiError) -> ApiError {
        if let Err(error) = self.transaction.rollback().await {
            tracing::warn!(%error, "what was refused could not be taken back at once");
        }
        refusal
    }

    async fn end(mut self, subject: &str, status: StatusCode, body: String) -> Result<Answer, ApiError> {
        if self.write.dry_run {
            self.transaction.rollback().await?;
            return Ok(Answer { status, body, mark: Some(DRY_RUN) });
        }
        let event = Event {
            caller: &self.write.caller,
            call: &self.write.call,
            subject,
            status: status.as_u16(),
            error_code: "",
        };
        let now = self.write.clock.now();
        audit::append(&mut self.transaction, self.write.caller.tenant, &[event], now).await?;
        if let Some(key) = &self.write.key {
            settle(&mut self.transaction, &self.write, key, status, &body).await?;
        }
        self.transaction.commit().await?;
        Ok(Answer { status, body, mark: None })
    }
}

/// What a write answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The JSON body, or nothing.
    pub body: String,
    /// The header that says that nothing happened now.
    pub mark: Option<HeaderName>,
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if self.status != StatusCode::NO_CONTENT {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(mark) = self.mark {
            headers.insert(mark, HeaderValue::from_static("true"));
        }
        response
    }
}

/// The first answer under a key.
#[derive(Debug, PartialEq, Eq)]
pub struct Stored {
    /// What the key was used for.
    pub request_hash: Vec<u8>,
    /// The answer's status; 0 while the first still runs.
    pub status: i16,
    /// Its body.
    pub answer: String,
    /// The first request's id.
    pub request_id: String,
    /// When.
    pub created_at: OffsetDateTime,
    /// Who made it, where that is known.
    pub user_id: Option<Uuid>,
}

impl Stored {
    /// The answer once more, if the request is the same.
    pub fn repeat(self, key: &Key) -> Result<Answer, ApiError> {
        if self.request_hash != key.request_hash {
            let rule = "has been used for another request";
            let mut error = ApiError::parameter("Idempotency-Key", rule);
            error.status = StatusCode::UNPROCESSABLE_ENTITY;
            return Err(error);
        }
        let status = u16::try_from(self.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
        let status = status.ok_or_else(still_running)?;
        Ok(Answer { status, body: self.answer, mark: Some(REPLAYED) })
    }
}

fn still_running() -> ApiError {
    let mut error = ApiError::parameter("Idempotency-Key", "the first request with it is still running");
    error.status = StatusCode::CONFLICT;
    error
}

/// What became of a key.
pub async fn find(
    connection: &mut PgConnection,
    caller: &Caller,
    operation: &str,
    key: &str,
) -> sqlx::Result<Option<Stored>> {
    sqlx::query_as!(
        Stored,
        "select request_hash, status, answer, request_id, created_at, user_id from idempotency_keys
         where tenant_id = $1 and domain_id = $2 and operation = $3 and key = $4",
        caller.tenant.0,
        caller.domain.0,
        operation,
        key
    )
    .fetch_optional(connection)
    .await
}

/// Forgets some of the answers given before `instant`; how many.
pub async fn forget_before(connection: &mut PgConnection, instant: OffsetDateTime, most: i64) -> sqlx::Result<u64> {
    let forgotten = sqlx::query!(
        "delete from idempotency_keys k
         using (select tenant_id, domain_id, operation, key from idempotency_keys where created_at < $1 limit $2) gone
         where k.tenant_id = gone.tenant_id and k.domain_id = gone.domain_id and k.operation = gone.operation
           and k.key = gone.key",
        instant,
        most
    );
    Ok(forgotten.execute(connection).await?.rows_affected())
}

/// Takes the key, or says that it is taken. Waits while another transaction is about to take it.
async fn claim(connection: &mut PgConnection, write: &Write, key: &Key, now: OffsetDateTime) -> Result<bool, ApiError> {
    let wait = async |connection: &mut PgConnection, limit: &str| {
        sqlx::query!("select set_config('lock_timeout', $1, true) as limit", limit).fetch_one(connection).await
    };
    wait(connection, WAIT_FOR_THE_FIRST).await?;
    let claimed = sqlx::query!(
        "insert into idempotency_keys
             (tenant_id, domain_id, operation, key, request_hash, status, answer, request_id, created_at, user_id)
         values ($1, $2, $3, $4, $5, 0, '', $6, $7, $8) on conflict do nothing",
        write.caller.tenant.0,
        write.caller.domain.0,
        write.call.operation,
        key.key,
        &key.request_hash,
        write.call.request_id,
        now,
        write.caller.user.0
    );
    let claimed = claimed.execute(&mut *connection).await;
    let claimed =
        claimed.map_err(|error| if database::found_locked(&error) { still_running() } else { error.into() })?;
    wait(connection, "0").await?;
    Ok(claimed.rows_affected() == 1)
}

async fn settle(
    connection: &mut PgConnection,
    write: &Write,
    key: &Key,
    status: StatusCode,
    answer: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update idempotency_keys set status = $5, answer = $6
         where tenant_id = $1 and domain_id = $2 and operation = $3 and key = $4",
        write.caller.tenant.0,
        write.caller.domain.0,
        write.call.operation,
        key.key,
        status.as_u16().cast_signed(),
        answer
    )
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestApp;
    use sha2::{Digest, Sha256};
    use sqlx::PgPool;

    #[test]
    fn a_request_is_the_same_however_its_json_is_spelled() {
        let spelled = |body: &str| String::from_utf8(canonical(body.as_bytes()).into_owned()).expect("UTF-8");
        let one = spelled(r#"{"amount": 1.00, "list": [{"b": "\u4eac", "a": null}], "to": "x"}"#);
        assert_eq!(one, spelled(r#"{"to":"x","list":[{"a":null,"b":"京"}],"amount":1e0}"#));
        for other in [r#"{"to":"x","list":[{"a":null,"b":"京"}],"amount":1.01}"#, r#"{"amount":"1"}"#] {
            assert_ne!(one, spelled(other));
        }
        assert_ne!(spelled(r#"{"a":1}"#), spelled(r#"{"a":"1"}"#));
        assert_ne!(spelled("[1,2]"), spelled("[2,1]"));
        assert_ne!(spelled("99999999999999.98"), spelled("99999999999999.99"));
        for itself in ["no json", "{", &"[".repeat(100_000), &format!("{}1{}", "[".repeat(100), "]".repeat(100))] {
            assert_eq!(spelled(itself), *itself);
        }
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn what_a_key_was_used_for_cannot_be_guessed_from_what_is_kept(pool: PgPool) {
        let app = TestApp::new(pool).await;
        let headers = HeaderMap::from_iter([(IDEMPOTENCY_KEY, HeaderValue::from_static("k"))]);
        let hash = |target: &str, body: &[u8]| {
            let key = Key::of(&headers, target, body, &app.app.vault).expect("the key is sane").expect("there is one");
            key.request_hash
        };
        let body = br#"{"password":"Correct-horse-7"}"#;
        assert_eq!(hash("/a", body), hash("/a", body));
        assert_ne!(hash("/a", body), hash("/b", body));
        assert_ne!(hash("/a", body), hash("/a", b"{}"));
        let plain = Sha256::new_with_prefix(b"/a\0").chain_update(body).finalize();
        assert_ne!(hash("/a", body), plain.as_slice());
    }
}
