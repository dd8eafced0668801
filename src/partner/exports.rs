//! What the operations on exports share.

use crate::api::audit::{self, Call, Event};
use crate::api::caller::{Caller, CallerKind};
use crate::api::error::ApiError;
use crate::api::policy::Policy;
use crate::api::recorder::File;
use crate::database::Database;
use crate::exports::file;
use crate::exports::model::{Export, ExportFormat, ExportKind, ExportStatus};
use crate::exports::refusal::Refusal;
use crate::exports::store;
use crate::values::id::{DomainId, ExportId, TenantId};
use crate::values::time::{Day, Instant, Month};
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

/// What a partner's user needs who is not its account's own. It is ours, as is the next: in the vendor's console exports are a part of
/// the lists, and always masked.
const ITEM: &str = "GATEWAY_EXPORTS";
/// What such a user needs beside that where names, phones and e-mail addresses are in the clear.
pub const UNMASKED: &str = "GATEWAY_EXPORTS_UNMASKED";

/// Who exports.
pub fn policy() -> Policy {
    Policy::callers(&CallerKind::SELLERS).needs(ITEM)
}

/// Refuses personal data in the clear to who may not see it.
pub fn check_sight(caller: &Caller, is_masked: bool) -> Result<(), ApiError> {
    if is_masked || caller.may_use_any_of(&[UNMASKED.to_owned()]) { Ok(()) } else { Err(ApiError::forbidden()) }
}

/// Leaves in the audit, beside the operation itself, that personal data in the clear was asked for or fetched. `now` is the
/// system's time.
pub async fn record_unmasked(
    connection: &mut PgConnection,
    (caller, call): (&Caller, &Call),
    export: ExportId,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let (call, subject) = (Call { operation: "ExportUnmasked", ..call.clone() }, export.to_string());
    let event = Event { caller, call: &call, subject: &subject, status: 200, error_code: "" };
    audit::append(connection, caller.tenant, &[event], now).await
}

/// Which export.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfExport {
    /// The export.
    #[param(inline)]
    pub export_id: ExportId,
}

/// An account's export.
pub async fn find(
    connection: &mut PgConnection,
    account: (TenantId, DomainId),
    id: ExportId,
) -> Result<Export, ApiError> {
    Ok(store::find(connection, account, id).await?.ok_or(Refusal::NoSuchExport)?)
}

/// Its file, as an answer. `now` is the tenant's time.
pub fn answer(database: &Database, export: &Export, now: OffsetDateTime) -> Result<Response, ApiError> {
    match export.status(now) {
        ExportStatus::Done => {}
        ExportStatus::Expired => return Err(Refusal::Expired.into()),
        ExportStatus::Waiting | ExportStatus::Running | ExportStatus::Failed => return Err(Refusal::NotWritten.into()),
    }
    let mut response = Response::new(Body::from_stream(file::stream(database.clone(), export)));
    response.extensions_mut().insert(File);
    let disposition = format!("attachment; filename=\"{}\"", export.file_name());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(export.request.format.content_type()));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(export.bytes));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::try_from(disposition).map_err(ApiError::internal)?);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// An export.
#[derive(Serialize, ToSchema)]
pub struct ExportView {
    /// Its id.
    export_id: ExportId,
    /// Of what it is.
    kind: ExportKind,
    /// How it is written.
    format: ExportFormat,
    /// How it stands.
    status: ExportStatus,
    /// Whether names, phones and e-mail addresses are masked.
    masked: bool,
    /// Of one customer only: of which.
    #[schema(nullable)]
    customer_id: Option<DomainId>,
    /// Of months: the first one.
    #[schema(value_type = Month, nullable)]
    bill_cycle_begin: Option<Month>,
    /// The last one.
    #[schema(value_type = Month, nullable)]
    bill_cycle_end: Option<Month>,
    /// Of days: the first one.
    #[schema(value_type = Day, nullable)]
    time_begin: Option<Day>,
    /// The last one.
    #[schema(value_type = Day, nullable)]
    time_end: Option<Day>,
    /// Who asked for it.
    #[schema(example = "demo-partner")]
    user_name: String,
    /// When it was asked for.
    request_time: Instant,
    /// When something last happened to it.
    update_time: Instant,
    /// How many rows are written.
    #[schema(example = 1500)]
    rows_done: i64,
    /// How many there are, as they were counted when it was begun; null until then.
    #[schema(nullable, example = 1500)]
    rows_in_all: Option<i64>,
    /// How long the file is, in bytes.
    #[schema(example = 480_000)]
    bytes: i64,
    /// What the file is called.
    #[schema(example = "bills_20260328_01978d6a2b3c7d4e8f90a1b2c3d4e5f6.csv")]
    file_name: String,
    /// Why it failed.
    #[schema(nullable, example = "it has more rows than a file can have")]
    cause: Option<String>,
    /// When the file goes; null until it is written.
    #[schema(value_type = Instant, nullable)]
    expire_time: Option<Instant>,
}

impl ExportView {
    /// As it is at this moment of the tenant's time.
    pub fn of(export: Export, now: OffsetDateTime) -> Self {
        let (status, file_name) = (export.status(now), export.file_name());
        let request = export.request;
        let is_of_months = request.kind.is_of_months();
        let months =
            request.days.filter(|_| is_of_months).map(|(first, last)| (Month::of_day(first), Month::of_day(last)));
        let days = request.days.filter(|_| !is_of_months);
        Self {
            export_id: export.id,
            kind: request.kind,
            format: request.format,
            status,
            masked: request.is_masked,
            customer_id: request.customer,
            bill_cycle_begin: months.map(|months| months.0),
            bill_cycle_end: months.map(|months| months.1),
            time_begin: days.map(|days| days.0),
            time_end: days.map(|days| days.1),
            user_name: request.user_name,
            request_time: Instant(export.requested_at),
            update_time: Instant(export.updated_at),
            rows_done: export.rows_done,
            rows_in_all: export.rows_in_all,
            bytes: export.bytes,
            file_name,
            cause: export.cause,
            expire_time: export.expires_at.map(Instant),
        }
    }
}
