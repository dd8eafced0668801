//! Who changed what, from where, and with which outcome. Appended, never altered: the database's role cannot.
//!
//! The row of a change is written in the change's own transaction. A refused write leaves a row as well.

use crate::api::caller::Caller;
use crate::api::edge::{RequestId, Source};
use crate::api::error::ApiError;
use crate::database::{Database, Trouble};
use crate::values::id::{DomainId, TenantId, new_uuid};
use axum::extract::Request;
use sqlx::PgConnection;
use std::net::IpAddr;
use time::OffsetDateTime;
use uuid::Uuid;

/// The operators' own tenant: their keys and their trace, and no account.
pub const OPERATORS: TenantId = TenantId(Uuid::nil());

/// A request that may leave a row.
#[derive(Clone, Debug)]
pub struct Call {
    /// The operation.
    pub operation: &'static str,
    /// The request's id.
    pub request_id: String,
    /// Where it came from.
    pub source: IpAddr,
}

impl Call {
    /// A request that has passed the edge.
    pub fn new(operation: &'static str, request: &Request) -> Self {
        let given = request.extensions();
        let source = given.get::<Source>().expect("the edge puts the source beside each request").0;
        let request_id = given.get::<RequestId>().expect("the edge gives each request an id").0.clone();
        Self { operation, request_id, source }
    }
}

/// A row.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// Who.
    pub caller: &'a Caller,
    /// How.
    pub call: &'a Call,
    /// To what, by id; empty where there is none.
    pub subject: &'a str,
    /// The answer's HTTP status.
    pub status: u16,
    /// Its error code; empty for a success.
    pub error_code: &'a str,
}

/// The account a caller's rows stand under. All operators are one account: what they did is one list.
pub fn account(caller: &Caller) -> DomainId {
    if caller.tenant == OPERATORS { DomainId(OPERATORS.0) } else { caller.domain }
}

/// Appends rows of callers of this tenant; `now` is the system's time.
pub async fn append(
    connection: &mut PgConnection,
    tenant: TenantId,
    events: &[Event<'_>],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let column = |of: fn(&Event<'_>) -> Uuid| events.iter().map(of).collect::<Vec<_>>();
    let text = |of: fn(&Event<'_>) -> String| events.iter().map(of).collect::<Vec<_>>();
    sqlx::query!(
        "insert into audit_events (tenant_id, happened_at, event_id, operation, domain_id, user_id, credential, source,
                                   request_id, subject, status, error_code)
         select t.tenant_id, $2, e.event_id, e.operation, e.domain_id, e.user_id, e.credential, e.source, e.request_id,
                e.subject, e.status, e.error_code
         from tenants t,
              unnest($3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::text[], $10::text[],
                     $11::smallint[], $12::text[])
              as e (event_id, operation, domain_id, user_id, credential, source, request_id, subject, status, error_code)
         where t.tenant_id = $1",
        tenant.0,
        now,
        &events.iter().map(|_| new_uuid(now)).collect::<Vec<_>>(),
        &text(|event| event.call.operation.to_owned()),
        &column(|event| account(event.caller).0),
        &column(|event| event.caller.user.0),
        &text(|event| event.caller.credential.clone()),
        &text(|event| event.call.source.to_string()),
        &text(|event| event.call.request_id.clone()),
        &text(|event| event.subject.to_owned()),
        &events.iter().map(|event| event.status.cast_signed()).collect::<Vec<_>>(),
        &text(|event| event.error_code.to_owned()),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Leaves a row of what was done at the command line, among the operators' own.
pub async fn append_command(connection: &mut PgConnection, command: &str, now: OffsetDateTime) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into audit_events (tenant_id, happened_at, event_id, operation, domain_id, user_id, credential, source,
                                   request_id, subject, status, error_code)
         values ($1, $2, $3, $4, $1, $1, 'command line', '127.0.0.1', $5, '', 200, '')",
        OPERATORS.0,
        now,
        new_uuid(now),
        command,
        new_uuid(now).simple().to_string()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Leaves a row of a write that was refused; that it cannot be recorded is no reason to answer otherwise.
pub async fn record_refusal(
    database: &Database,
    (caller, call): (&Caller, &Call),
    error: &ApiError,
    now: OffsetDateTime,
) {
    if matches!(error.trouble, Some(Trouble::Away(_))) {
        // It could not be written either, and nothing was done.
        return;
    }
    let event = Event { caller, call, subject: "", status: error.status.as_u16(), error_code: error.code };
    let append = async {
        let mut connection = database.tenant(caller.tenant).await?;
        append(&mut connection, caller.tenant, &[event], now).await
    };
    if let Err(error) = append.await {
        tracing::warn!(%error, "a refused write could not be recorded");
    }
}
