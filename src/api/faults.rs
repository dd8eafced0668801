//! Faults on demand, so that a client's handling of them can be tested: by the header `X-Sandbox-Fault`, or by a rule for
//! who cannot add a header. Outside the sandbox the header is refused and rules cannot be made.

use crate::api::error::ApiError;
use crate::api::quota::{self, Dimension};
use crate::values::id::FaultId;
use crate::values::rate::Rate;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use utoipa::ToSchema;

/// The header that asks for a fault.
pub const FAULT: HeaderName = HeaderName::from_static("x-sandbox-fault");
/// Longest latency.
pub const LATENCY_MS_MAX: u32 = 60_000;
/// Most rules at once.
pub const RULES_MAX: usize = 100;

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FaultKind {
    /// The answer comes late.
    Latency,
    /// 429 in place of the answer.
    TooManyRequests,
    /// 500 in place of the answer.
    InternalError,
    /// The connection is closed before anything is done.
    DropConnection,
    /// All is done, and the connection is closed before the answer.
    LoseAnswer,
}

/// A fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// How late.
    pub latency: Duration,
}

impl FromStr for Fault {
    type Err = &'static str;

    /// `LATENCY=250`, `TOO_MANY_REQUESTS`, `INTERNAL_ERROR`, `DROP_CONNECTION`, `LOSE_ANSWER`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "must be LATENCY=milliseconds up to 60000, TOO_MANY_REQUESTS, INTERNAL_ERROR, DROP_CONNECTION or LOSE_ANSWER";
        let (name, milliseconds) = text.split_once('=').map_or((text, None), |(name, number)| (name, Some(number)));
        let kind: FaultKind = serde_json::from_value(name.into()).map_err(|_| RULE)?;
        let latency = match (kind, milliseconds.map(str::parse::<u32>)) {
            (FaultKind::Latency, Some(Ok(milliseconds @ ..=LATENCY_MS_MAX))) => milliseconds,
            (FaultKind::Latency, _) | (_, Some(_)) => return Err(RULE),
            (_, None) => 0,
        };
        Ok(Self { kind, latency: Duration::from_millis(latency.into()) })
    }
}

/// On a response: close the connection instead of sending it.
#[derive(Clone, Copy, Debug)]
pub struct Dropped;

impl Fault {
    /// Lets it happen to a request of an operation that may be called this often; `run` makes its answer. What is answered in
    /// place of that is what would be answered without a fault, so that a client's handling of it is tested.
    pub async fn strike(self, rate: Rate, run: impl Future<Output = Response>) -> Response {
        match self.kind {
            FaultKind::Latency => {
                tokio::time::sleep(self.latency).await;
                run.await
            }
            FaultKind::TooManyRequests => {
                quota::refusal(rate, Dimension::Source, Duration::from_secs(1)).into_response()
            }
            FaultKind::InternalError => ApiError::internal("a sandbox fault").into_response(),
            FaultKind::DropConnection => dropped(),
            FaultKind::LoseAnswer => {
                run.await;
                dropped()
            }
        }
    }
}

fn dropped() -> Response {
    let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
    response.extensions_mut().insert(Dropped);
    response
}

/// A fault for requests that cannot ask for it themselves.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its id.
    pub id: FaultId,
    /// Of this operation only.
    pub operation: Option<String>,
    /// By this access key only.
    pub access_key: Option<String>,
    /// What goes wrong.
    pub fault: Fault,
    /// For how many requests more.
    pub remaining: u32,
    /// How many it has met.
    pub met: u32,
}

/// The rules of this process.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Mutex<Vec<Rule>>,
}

impl Faults {
    /// No holder can leave it half-changed, so one that panicked does no harm.
    fn lock(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All, the oldest first.
    pub fn rules(&self) -> Vec<Rule> {
        self.lock().clone()
    }

    /// Adds one, unless there are too many.
    pub fn add(&self, rule: Rule) -> bool {
        let mut rules = self.lock();
        let has_room = rules.len() < RULES_MAX;
        if has_room {
            rules.push(rule);
        }
        has_room
    }

    /// Removes one; whether it was there.
    pub fn remove(&self, id: FaultId) -> bool {
        let mut rules = self.lock();
        let before = rules.len();
        rules.retain(|rule| rule.id != id);
        rules.len() < before
    }

    /// What is to happen to a request: what it asks for, else what the first rule says that fits and is not used up.
    pub fn meet(&self, headers: &HeaderMap, operation: &str, access_key: &str) -> Result<Option<Fault>, ApiError> {
        if let Some(asked) = headers.get(FAULT) {
            let fault = asked.to_str().unwrap_or_default().parse();
            return fault.map(Some).map_err(|rule| ApiError::parameter("X-Sandbox-Fault", rule));
        }
        let fits = |rule: &&mut Rule| {
            rule.remaining > 0
                && rule.operation.as_ref().is_none_or(|only| only == operation)
                && rule.access_key.as_ref().is_none_or(|only| only == access_key)
        };
        let mut rules = self.lock();
        Ok(rules.iter_mut().find(fits).map(|rule| {
            rule.remaining -= 1;
            rule.met += 1;
            rule.fault
        }))
    }
}

/// Outside the sandbox nobody may ask for a fault.
pub fn refuse(headers: &HeaderMap) -> Result<(), ApiError> {
    match headers.get(FAULT) {
        Some(_) => Err(ApiError::parameter("X-Sandbox-Fault", "this server is not a sandbox")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_whole_or_refused() {
        let fault = |text: &str| text.parse::<Fault>();
        assert_eq!(fault("LATENCY=250").map(|fault| fault.latency), Ok(Duration::from_millis(250)));
        assert_eq!(fault("LOSE_ANSWER").map(|fault| fault.kind), Ok(FaultKind::LoseAnswer));
        for wrong in ["", "LATENCY", "LATENCY=", "LATENCY=60001", "LOSE_ANSWER=1", "lose_answer", "NOTHING"] {
            assert!(fault(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rule_meets_as_many_requests_as_it_says_and_only_those_it_names() {
        let faults = Faults::default();
        let fault = "DROP_CONNECTION".parse().expect("a fault");
        let (operation, access_key) = (Some("ListCities".to_owned()), Some("AK1".to_owned()));
        let rule = Rule { id: FaultId(uuid::Uuid::nil()), operation, access_key, fault, remaining: 2, met: 0 };
        assert!(faults.add(rule));
        let meet = |operation, key| faults.meet(&HeaderMap::new(), operation, key).expect("no header").is_some();
        assert!(!meet("ListCounties", "AK1") && !meet("ListCities", "AK2"));
        assert!(meet("ListCities", "AK1") && meet("ListCities", "AK1") && !meet("ListCities", "AK1"));
        assert_eq!((faults.rules()[0].met, faults.rules()[0].remaining), (2, 0));
        assert!(faults.remove(FaultId(uuid::Uuid::nil())) && !faults.remove(FaultId(uuid::Uuid::nil())));
    }
}
