//! `/admin/v1/accounts/{account}/usage`

use super::named::{OfAccount, account_and_time, refused};
use super::packages::{Scenario, UsageTypeCode, UsedResourceId};
use super::policy::OperatorPolicy;
use super::sheets;
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::operation::{Operations, operations};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::bills::explain_bill_record::{BillRecordExplained, explain};
use crate::database::open_months;
use crate::metering::intake::{self, BATCH_MAX, UsageReport};
use crate::metering::model::NewUsage;
use crate::metering::sheet;
use crate::operators::store::Role;
use crate::pricing::quote::default_currency;
use crate::sheet::ImportError;
use crate::values::decimal::WireDecimal;
use crate::values::id::ChargeId;
use crate::values::list::List;
use crate::values::number::Number;
use crate::values::text::texts;
use crate::values::time::Instant;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// The operations of metering.
pub fn register(operations: &mut Operations<App, OperatorPolicy>) {
    operations!(operations, "usage": report_usage_records, import_usage_sheet, explain_charge);
}

texts! {
    /// A service's own id for a record of usage.
    UsageRecordId, 1..=128, "cdr-000001";
}

/// Records of usage.
#[derive(Deserialize, ToSchema)]
pub struct ReportUsageRecordsBody {
    /// At most 10,000.
    #[schema(inline, value_type = Vec<UsageRecordBody>, min_items = 1, max_items = 10_000)]
    records: List<UsageRecordBody, 10_000>,
}

/// A record of usage.
#[derive(Deserialize, ToSchema)]
pub struct UsageRecordBody {
    /// The service's own id for it. One of the same id and beginning is a repeat, and changes nothing.
    record_id: UsageRecordId,
    /// The resource. Where nobody has one of this id, the record is kept aside until somebody has.
    resource_id: UsedResourceId,
    /// What of it was measured.
    usage_type: UsageTypeCode,
    /// How much; not below 0, at most 8 decimals.
    quantity: WireDecimal,
    /// In which unit.
    #[schema(value_type = i32, minimum = 0, maximum = 100_000, example = 6)]
    measure_id: Number<0, 100_000>,
    /// What it was used for, where packages can be limited to that.
    scenario: Option<Scenario>,
    /// From when on; within the last three years.
    from: Instant,
    /// Until when: at most 31 days later and not later than now; the same for what happens at once.
    until: Instant,
}

impl From<&UsageRecordBody> for NewUsage {
    fn from(body: &UsageRecordBody) -> Self {
        Self {
            record_id: body.record_id.as_str().to_owned(),
            resource_id: body.resource_id.as_str().to_owned(),
            usage_type: body.usage_type.as_str().to_owned(),
            quantity: body.quantity.0,
            measure_id: body.measure_id.get().cast_signed(),
            scenario: body.scenario.as_ref().map(|scenario| scenario.as_str().to_owned()),
            from: body.from.0,
            until: body.until.0,
        }
    }
}

/// Report what resources used
///
/// Of any customers in the tenant of the account. Twenty minutes after its hour has ended (what is counted: its day; 95th
/// percentiles: their month) it is taken from packages, and the rest is charged. A record that is wrong keeps none of the others
/// out: it is named in the answer.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/usage",
    params(OfAccount),
    request_body = ReportUsageRecordsBody,
    responses((status = 200, body = UsageReport, description = "What became of them.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn report_usage_records(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<ReportUsageRecordsBody>,
) -> Result<Answer, ApiError> {
    let records: Vec<NewUsage> = body.records.as_slice().iter().map(NewUsage::from).collect();
    if records.is_empty() {
        return Err(ApiError::parameter("records", "must have at least 1 entry"));
    }
    take(&app, write, &account, records).await
}

/// Report what resources used, as a sheet
///
/// The same as CSV, with a line of column names: `record_id,resource_id,usage_type,quantity,measure_id,scenario,from,until`; at most
/// 10,000 records. Of a sheet with a cell that cannot be read nothing is taken, and the answer names line and column; a record that
/// is wrong otherwise keeps none of the others out.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/usage/sheet",
    params(OfAccount),
    request_body(
        content((String = "text/csv"), (Vec<BTreeMap<String, String>> = "application/json")),
        description = "The sheet."
    ),
    responses((status = 200, body = UsageReport, description = "What became of the records.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn import_usage_sheet(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    body: Bytes,
) -> Result<Answer, ApiError> {
    let records =
        sheet::read(sheets::given(&body)?).map_err(|problems| sheets::not_imported(ImportError::Problems(problems)))?;
    if !(1..=BATCH_MAX).contains(&records.len()) {
        return Err(ApiError::parameter("body", "must have 1 to 10000 records"));
    }
    take(&app, write, &account, records).await
}

async fn take(app: &App, write: Write, account: &str, records: Vec<NewUsage>) -> Result<Answer, ApiError> {
    {
        // What was used long ago may lie in a month that nothing has been written to; what is too old is refused below.
        let mut connection = app.database.control().await?;
        let now = app.clock.now();
        let first = records.iter().map(|record| record.from).min().unwrap_or(now);
        open_months(&mut connection, first.max(now - intake::OLDEST).date(), now.date()).await?;
    }
    let default = default_currency(app.settings.api.site);
    write
        .once(async |connection| {
            let ((tenant, _), now) = account_and_time(connection, app, account).await?;
            let catalogue = app.catalogue.load();
            let report = intake::take(connection, (tenant, &catalogue), records, (default, now)).await;
            Outcome::of(&account, &report.map_err(refused)?)
        })
        .await
}

/// The record in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OfCharge {
    /// The account's name: that of the customer, or of another account of its tenant.
    #[param(example = "demo-customer")]
    account: String,
    /// The id of a fee record or a resource record.
    #[param(inline)]
    record: ChargeId,
}

/// Explain a bill record
///
/// From what services reported, over packages, price steps, discounts and what was cut off, to who paid it.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/bills/{record}/explain",
    params(OfCharge),
    responses((status = 200, body = BillRecordExplained, description = "How it came about.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn explain_charge(
    State(app): State<App>,
    Path(OfCharge { account, record }): Path<OfCharge>,
) -> Result<Json<BillRecordExplained>, ApiError> {
    let mut connection = app.database.control().await?;
    let ((tenant, _), _) = account_and_time(&mut connection, &app, &account).await?;
    let found = explain(&mut connection, (tenant, record), |_| true).await?;
    let missing = || {
        ApiError::bss(StatusCode::NOT_FOUND, "CBC.0100", "Parameter error. record: there is no such record.".to_owned())
    };
    found.map(Json).ok_or_else(missing)
}
