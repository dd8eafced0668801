//! The maintenance switch: while it is on, the partner API refuses everything, or all that writes. Health, metrics and the
//! operators' API go on, and so does what the clock demands.
//!
//! It stands in the database; each replica keeps it in memory and follows it ([`crate::background::invalidation`]), so that no request asks
//! for it. At its planned end it is off by itself, on every replica at that instant.

use crate::api::error::ApiError;
use crate::values::text::texts;
use crate::values::time::write_instant;
use arc_swap::ArcSwapOption;
use axum::http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgExecutor};
use std::sync::Arc;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// Announces that the switch was turned.
pub const CHANNEL: &str = "bss_maintenance";

/// When clients are asked to come back where no end is planned, in seconds. Our choice: the vendor names none.
const RETRY_AFTER_SECONDS: i64 = 60;

texts! {
    /// What callers are told.
    MaintenanceMessage, 0..=200, "Balances are being migrated";
}

/// What is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, sqlx::Type, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
#[schema(as = MaintenanceScope)]
pub enum Scope {
    /// Every operation of the partner API, and tokens.
    #[default]
    All,
    /// Operations that change something. Tokens are still given.
    Writes,
}

/// Maintenance, as it was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// What is refused.
    pub scope: Scope,
    /// What callers are told.
    pub message: String,
    /// Since when.
    pub begun_at: OffsetDateTime,
    /// Its planned end; none: when it is turned off.
    pub ends_at: Option<OffsetDateTime>,
}

impl Maintenance {
    /// Whether it has not come to its planned end.
    pub fn is_on(&self, now: OffsetDateTime) -> bool {
        self.ends_at.is_none_or(|end| now < end)
    }

    /// What a request is told that is refused now.
    fn refusal(&self, is_write: bool, now: OffsetDateTime) -> Option<ApiError> {
        (self.is_on(now) && (is_write || self.scope == Scope::All)).then(|| {
            let seconds = self.ends_at.map_or(RETRY_AFTER_SECONDS, |end| (end - now).whole_seconds() + 1);
            let until = self.ends_at.map(|end| format!(" until {}", write_instant(end))).unwrap_or_default();
            let message = if self.message.is_empty() { String::new() } else { format!(": {}", self.message) };
            // The vendor's pages name no code for maintenance. `APIGW.0201` "Backend unavailable." with 502 is what its
            // gateway says of a service that is away (table of gateway errors, API signing guide); that the status is 503,
            // which clients know to go with `Retry-After`, is our choice.
            let message = format!("Backend unavailable. Under maintenance{until}{message}.");
            ApiError::gateway(StatusCode::SERVICE_UNAVAILABLE, "APIGW.0201", message)
                .with_header(header::RETRY_AFTER, seconds)
        })
    }
}

/// The switch as this replica knows it.
#[derive(Debug, Default)]
pub struct Switch(ArcSwapOption<Maintenance>);

impl Switch {
    /// Refuses a request during maintenance.
    pub fn check(&self, is_write: bool, now: impl FnOnce() -> OffsetDateTime) -> Result<(), ApiError> {
        let refusal = self.0.load().as_ref().and_then(|maintenance| maintenance.refusal(is_write, now()));
        refusal.map_or(Ok(()), Err)
    }

    /// Reads again how it stands.
    pub async fn reload(&self, executor: impl PgExecutor<'_>) -> sqlx::Result<()> {
        let found = find(executor).await?;
        if self.0.load().as_deref() != found.as_ref() {
            tracing::info!(maintenance = ?found, "the maintenance switch was turned");
            self.0.store(found.map(Arc::new));
        }
        Ok(())
    }
}

/// What the database says, which may have come to its end.
pub async fn find(executor: impl PgExecutor<'_>) -> sqlx::Result<Option<Maintenance>> {
    sqlx::query_as!(
        Maintenance,
        r#"select scope as "scope: Scope", message, begun_at, ends_at from maintenance where only_row"#
    )
    .fetch_optional(executor)
    .await
}

/// Why the switch was not turned.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It would be off at once.
    #[error("maintenance must end later than now")]
    Past,
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Turns it on, or changes it, and tells all replicas with the commit.
pub async fn turn_on(connection: &mut PgConnection, maintenance: &Maintenance) -> Result<(), Refusal> {
    if !maintenance.is_on(maintenance.begun_at) {
        return Err(Refusal::Past);
    }
    sqlx::query!(
        "insert into maintenance (only_row, scope, message, begun_at, ends_at) values (true, $1, $2, $3, $4)
         on conflict (only_row) do update set scope = excluded.scope, message = excluded.message,
             begun_at = excluded.begun_at, ends_at = excluded.ends_at",
        maintenance.scope as Scope,
        maintenance.message,
        maintenance.begun_at,
        maintenance.ends_at
    )
    .execute(&mut *connection)
    .await?;
    Ok(announce(connection).await?)
}

/// Turns it off, and tells all replicas with the commit.
pub async fn turn_off(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("delete from maintenance where only_row").execute(&mut *connection).await?;
    announce(connection).await
}

async fn announce(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("select pg_notify($1, '')", CHANNEL).execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-03-01 10:00 UTC);

    fn told(maintenance: &Maintenance, is_write: bool, now: OffsetDateTime) -> Option<(String, String)> {
        let error = maintenance.refusal(is_write, now)?;
        let [(name, seconds)] = error.headers.as_slice() else { panic!("{:?}", error.headers) };
        assert_eq!((error.status.as_u16(), error.code, name.as_str()), (503, "APIGW.0201", "retry-after"));
        Some((error.message.into_owned(), seconds.to_str().expect("digits").to_owned()))
    }

    #[test]
    fn callers_are_told_until_when_and_it_ends_by_itself() {
        let text = "Balances are being migrated".to_owned();
        let end = NOW + Duration::seconds(90);
        let planned = Maintenance { scope: Scope::All, message: text, begun_at: NOW, ends_at: Some(end) };
        let message = "Backend unavailable. Under maintenance until 2026-03-01T10:01:30Z: Balances are being migrated.";
        assert_eq!(told(&planned, false, NOW), Some((message.to_owned(), "91".to_owned())));
        let last = told(&planned, false, end - Duration::MILLISECOND).expect("it is still on");
        assert_eq!(last.1, "1");
        assert_eq!(told(&planned, false, end), None);
        let open = Maintenance { message: String::new(), ends_at: None, ..planned };
        let message = "Backend unavailable. Under maintenance.".to_owned();
        assert_eq!(told(&open, true, end), Some((message, "60".to_owned())));
    }

    #[test]
    fn reads_go_on_where_only_writes_are_refused() {
        let writes = Maintenance { scope: Scope::Writes, message: String::new(), begun_at: NOW, ends_at: None };
        assert_eq!(told(&writes, false, NOW), None);
        assert!(told(&writes, true, NOW).is_some());
    }
}
