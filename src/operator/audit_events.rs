//! `GET /admin/v1/audit-events`

use super::cursor::Cursor;
use super::named::refused;
use super::policy::OperatorPolicy;
use crate::api::audit::OPERATORS;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::page::Limit;
use crate::app::App;
use crate::identity::administration::find_account;
use crate::identity::model::token_time;
use crate::operators::store as operators;
use crate::values::id::{DomainId, TenantId, UserId};
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use std::collections::HashMap;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Which events.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListAuditEventsQuery {
    /// Name of the account that called. Left out: what operators did.
    #[param(example = "demo-partner", max_length = 64)]
    account: Option<String>,
    /// The operation's id.
    #[param(example = "UpdateCustomerAccountAmount", max_length = 64)]
    operation: Option<String>,
    /// What it was done to, by id.
    #[param(max_length = 128)]
    subject: Option<String>,
    /// Only events at or after this instant of the system's time.
    #[param(inline)]
    from: Option<Instant>,
    /// Only events before this instant.
    #[param(inline)]
    until: Option<Instant>,
    /// How many events to answer.
    #[serde(default)]
    #[param(inline)]
    limit: Limit<1000, 100>,
    /// Where to go on.
    #[param(inline)]
    cursor: Option<Cursor>,
}

impl ListAuditEventsQuery {
    fn search(&self) -> Search<'_> {
        let Self { operation, subject, from, until, .. } = self;
        let text = Option::as_deref;
        let (from, until) = (from.map(|from| from.0), until.map(|until| until.0));
        Search { operation: text(operation), subject: text(subject), from, until }
    }
}

/// Which events; what is `None` does not filter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Search<'a> {
    /// The operation's id.
    pub operation: Option<&'a str>,
    /// What it was done to, by id.
    pub subject: Option<&'a str>,
    /// Not before this instant.
    pub from: Option<OffsetDateTime>,
    /// Only events before this instant.
    pub until: Option<OffsetDateTime>,
}

/// An event's place: the newest come first.
pub type Key = (OffsetDateTime, Uuid);

/// Events.
#[derive(Serialize, ToSchema)]
pub struct AuditEvents {
    /// The newest first.
    events: Vec<AuditEvent>,
    /// Where the list goes on; left out at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Who changed what.
#[derive(Serialize, ToSchema)]
pub struct AuditEvent {
    /// When, by the system's time.
    #[schema(example = "2026-01-31T16:00:00.123456Z")]
    happened_at: String,
    /// The operation's id.
    #[schema(example = "UpdateCustomerAccountAmount")]
    operation: String,
    /// The account that called; of an operator, the one that stands for all of them.
    domain_id: DomainId,
    /// The user that called.
    user_id: UserId,
    /// The user's name, or the operator's; null for one who is gone, and for the command line.
    #[schema(example = "finance-clerk")]
    user_name: Option<String>,
    /// The access key it called with; `token` for a token, `operator` for an operator.
    #[schema(example = "token")]
    credential: String,
    /// The address it called from.
    #[schema(example = "192.0.2.7")]
    source: String,
    /// The request's id.
    request_id: String,
    /// What it was done to, by id; empty where nothing was.
    subject: String,
    /// The name of the account it was done to; null where it is no account.
    #[schema(example = "demo-customer")]
    subject_name: Option<String>,
    /// The answer's status.
    #[schema(example = 200)]
    status: u16,
    /// Its error code; empty for a success.
    #[schema(example = "")]
    error_code: String,
    #[serde(skip)]
    key: Key,
}

/// List what was changed
///
/// Every write, refused ones too: who, from where, what, with which outcome. The newest come first.
#[utoipa::path(
    get,
    path = "/admin/v1/audit-events",
    params(ListAuditEventsQuery),
    responses((status = 200, body = AuditEvents, description = "Events.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn list_audit_events(
    State(app): State<App>,
    Query(query): Query<ListAuditEventsQuery>,
) -> Result<Json<AuditEvents>, ApiError> {
    let of = match &query.account {
        Some(name) => find_account(&mut *app.database.control().await?, name).await.map_err(refused)?,
        None => EVERY_OPERATOR,
    };
    let limit = query.limit.get();
    let behind = query.cursor.as_ref().map(Cursor::moment).transpose()?;
    let mut connection = app.database.tenant(of.0).await?;
    let mut events = events(&mut connection, of, &query.search(), (behind, limit + 1)).await?;
    let next_cursor = Cursor::cut_at_moment(&mut events, limit, |event| event.key);
    Ok(Json(AuditEvents { events, next_cursor }))
}

/// Stands for all operators where an account is asked for.
pub const EVERY_OPERATOR: (TenantId, DomainId) = (OPERATORS, DomainId(OPERATORS.0));

/// What an account changed, the newest first, from behind one on.
pub async fn events(
    connection: &mut PgConnection,
    (tenant, domain): (TenantId, DomainId),
    search: &Search<'_>,
    (behind, limit): (Option<Key>, usize),
) -> sqlx::Result<Vec<AuditEvent>> {
    let rows = sqlx::query!(
        r#"select happened_at, event_id, operation, domain_id as "domain_id: DomainId", user_id as "user_id: UserId",
                  credential, source, request_id, subject, status, error_code
           from audit_events
           where tenant_id = $1 and domain_id = $2 and ($3::text is null or operation = $3) and ($4::text is null or subject = $4)
             and happened_at >= coalesce($5::timestamptz, '-infinity') and happened_at < coalesce($6::timestamptz, 'infinity')
             and ($7::timestamptz is null or (happened_at, event_id) < ($7, $8))
           order by happened_at desc, event_id desc limit $9"#,
        tenant.0,
        domain.0,
        search.operation,
        search.subject,
        search.from,
        search.until,
        behind.map(|(at, _)| at),
        behind.map(|(_, id)| id),
        i64::try_from(limit).unwrap_or(i64::MAX)
    );
    let rows = rows.fetch_all(&mut *connection).await?;
    let users: Vec<Uuid> = rows.iter().map(|row| row.user_id.0).collect();
    let subjects: Vec<Uuid> = rows.iter().filter_map(|row| Uuid::try_parse(&row.subject).ok()).collect();
    let names = names(connection, tenant, &users, &subjects).await?;
    let rows = rows.into_iter().map(|row| AuditEvent {
        happened_at: token_time(row.happened_at),
        operation: row.operation,
        domain_id: row.domain_id,
        user_name: names.get(&row.user_id.0).cloned(),
        user_id: row.user_id,
        credential: row.credential,
        source: row.source,
        request_id: row.request_id,
        subject_name: Uuid::try_parse(&row.subject).ok().and_then(|subject| names.get(&subject).cloned()),
        subject: row.subject,
        status: row.status.cast_unsigned(),
        error_code: row.error_code,
        key: (row.happened_at, row.event_id),
    });
    Ok(rows.collect())
}

/// What users and accounts of these ids are called. What operators did is in no tenant: they have names of their own, and change
/// accounts of all tenants.
async fn names(
    connection: &mut PgConnection,
    tenant: TenantId,
    users: &[Uuid],
    subjects: &[Uuid],
) -> sqlx::Result<HashMap<Uuid, String>> {
    if tenant == OPERATORS {
        let operators = operators::all(&mut *connection).await?.into_iter();
        let accounts = sqlx::query!("select domain_id, name from domains where domain_id = any($1)", subjects);
        let accounts = accounts.fetch_all(connection).await?.into_iter().map(|row| (row.domain_id, row.name));
        return Ok(operators.map(|operator| (operator.id, operator.name)).chain(accounts).collect());
    }
    let users =
        sqlx::query!("select user_id, name from users where tenant_id = $1 and user_id = any($2)", tenant.0, users);
    let users = users.fetch_all(&mut *connection).await?.into_iter().map(|row| (row.user_id, row.name));
    let accounts = sqlx::query!(
        "select domain_id, name from domains where tenant_id = $1 and domain_id = any($2)",
        tenant.0,
        subjects
    );
    let accounts = accounts.fetch_all(connection).await?.into_iter().map(|row| (row.domain_id, row.name));
    Ok(users.chain(accounts).collect())
}
