//! `POST /partner/v1/exports`

use super::exports::{ExportView, check_sight, find, policy, record_unmasked};
use crate::api::caller::{CallerKind, Seller};
use crate::api::error::ApiError;
use crate::api::extract::Json;
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::exports::model::{ExportFormat, ExportKind, Request, SLOTS};
use crate::exports::refusal::Refusal;
use crate::exports::store;
use crate::values::id::{DomainId, ExportId, TenantId};
use crate::values::language::Language;
use crate::values::time::{Day, Month};
use crate::values::truth;
use axum::extract::State;
use serde::Deserialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// How many months of bills a file can have: as many as partners' bills reach back.
const MONTHS_MAX: u8 = 18;

/// What to export.
#[derive(Deserialize, ToSchema)]
pub struct RequestExportReq {
    /// Of what.
    kind: ExportKind,
    /// How it is written; CSV unless said otherwise.
    #[schema(nullable)]
    format: Option<ExportFormat>,
    /// Of bills and focus: the first month of UTC+8, which must be given.
    #[schema(value_type = Option<Month>, nullable)]
    bill_cycle_begin: Option<Month>,
    /// The last month; the first one unless said otherwise, and at most 17 after it.
    #[schema(value_type = Option<Month>, nullable)]
    bill_cycle_end: Option<Month>,
    /// Of customers, orders, coupons and funds: only what was associated, placed, issued or moved on this day of UTC+8 or later.
    /// Together with the last day.
    #[schema(value_type = Option<Day>, nullable)]
    time_begin: Option<Day>,
    /// The last day.
    #[schema(value_type = Option<Day>, nullable)]
    time_end: Option<Day>,
    /// Only what this customer has; not of resellers and funds.
    #[schema(value_type = Option<AccountIdText>, nullable)]
    customer_id: Option<AccountIdText>,
    /// For a distributor: the reseller whose rows to export. Ignored for other callers.
    #[schema(value_type = Option<AccountIdText>, nullable)]
    indirect_partner_id: Option<AccountIdText>,
    /// Whether names, phones and e-mail addresses show their ends only; they do unless it is false, for which a user needs the
    /// permission `GATEWAY_EXPORTS_UNMASKED`.
    #[serde(default, deserialize_with = "truth::value_or_none")]
    #[schema(value_type = Option<bool>, nullable)]
    masked: Option<bool>,
    /// Whether a CSV file begins with a byte order mark, by which spreadsheets know that it is in UTF-8; it does not unless it is
    /// true.
    #[serde(default, deserialize_with = "truth::value_or_none")]
    #[schema(value_type = Option<bool>, nullable)]
    byte_order_mark: Option<bool>,
}

impl RequestExportReq {
    /// Whether personal data is to be masked.
    pub fn is_masked(&self) -> bool {
        self.masked != Some(false)
    }

    /// As it is kept, if it makes sense.
    pub fn request(
        &self,
        (account, owner): ((TenantId, DomainId), DomainId),
        language: Language,
        user_name: &str,
    ) -> Result<Request, Refusal> {
        let kind = self.kind;
        let customer = AccountIdText::given(self.customer_id.as_ref());
        if customer.is_some() && !kind.is_of_customers() {
            return Err(Refusal::Parameter("customer_id", "must not be given for this kind"));
        }
        Ok(Request {
            account,
            owner,
            kind,
            format: self.format.unwrap_or_default(),
            language,
            has_bom: self.byte_order_mark == Some(true),
            is_masked: self.is_masked(),
            // What cannot be an id is nobody's.
            customer: customer.map(|text| text.id().unwrap_or(DomainId(Uuid::nil()))),
            days: if kind.is_of_months() { Some(self.months()?) } else { self.days()? },
            user_name: user_name.to_owned(),
        })
    }

    /// The days of the months.
    fn months(&self) -> Result<(Day, Day), Refusal> {
        let Some(first) = self.bill_cycle_begin else {
            return Err(Refusal::Parameter("bill_cycle_begin", "must be given for bills and focus"));
        };
        if self.time_begin.is_some() || self.time_end.is_some() {
            return Err(Refusal::Parameter("time_begin", "must not be given for bills and focus"));
        }
        let last = self.bill_cycle_end.unwrap_or(first);
        if last < first || last.before(MONTHS_MAX - 1) > first {
            return Err(Refusal::Parameter("bill_cycle_end", "must be the first month or one of the 17 after it"));
        }
        Ok((Day(first.first_day()), Day(last.last_day())))
    }

    fn days(&self) -> Result<Option<(Day, Day)>, Refusal> {
        if self.bill_cycle_begin.is_some() || self.bill_cycle_end.is_some() {
            return Err(Refusal::Parameter("bill_cycle_begin", "must be given for bills and focus only"));
        }
        match (self.time_begin, self.time_end) {
            (None, None) => Ok(None),
            _ if !self.kind.has_days() => Err(Refusal::Parameter("time_begin", "must not be given for this kind")),
            (Some(first), Some(last)) if first <= last => Ok(Some((first, last))),
            _ => Err(Refusal::Parameter("time_end", "must be given with time_begin, and not be before it")),
        }
    }
}

/// Keeps what is asked for under an id; the export as it stands. `now` is the tenant's time, `system` the system's.
pub async fn keep(
    connection: &mut PgConnection,
    (id, request): (ExportId, &Request),
    (now, system): (OffsetDateTime, OffsetDateTime),
) -> Result<Outcome, ApiError> {
    store::insert(connection, (id, request), SLOTS, (now, system)).await??;
    let export = find(connection, request.account, id).await?;
    Ok(Outcome::of(&id, &ExportView::of(export, now))?.accepted())
}

/// Asks for a file of customers, resellers, orders, resources, bills, coupons or funds.
///
/// It is written meanwhile: `ShowExport` says how far it is, an event `export.completed` that it is done, and `DownloadExport` has
/// it for seven days. Rows are in the order of their lists, each once; columns have the names of the lists' fields, amounts are exact,
/// and times are RFC 3339 in UTC. Bills are one row for each line of an order and each settlement of use, as far as customers were
/// the account's own then. An account has at most 3 exports under way; a file has at most 10 million rows and 4 GiB.
#[utoipa::path(
    post, path = "/partner/v1/exports",
    params(Language),
    responses((status = 202, description = "The export.", body = ExportView)),
    extensions(("x-policy" = json!(policy().writes()))),
)]
pub async fn request_export(
    State(app): State<App>,
    seller: Seller,
    language: Language,
    write: Write,
    Json(body): Json<RequestExportReq>,
) -> Result<Answer, ApiError> {
    check_sight(&seller, body.is_masked())?;
    if body.kind == ExportKind::Resellers && seller.kind != CallerKind::Distributor {
        return Err(Refusal::Parameter("kind", "must not be resellers: only a distributor has some").into());
    }
    let owner = app.customers.acting_partner(&seller, body.indirect_partner_id.as_ref()).await?;
    let account = ((seller.tenant, seller.domain), owner);
    let request = body.request(account, language, &seller.user_name)?;
    let (now, system, call) = (app.now(seller.tenant), app.clock.now(), write.call.clone());
    let answer = write
        .once(async |connection| {
            let id = ExportId::new(now);
            if !request.is_masked {
                record_unmasked(connection, (&seller, &call), id, system).await?;
            }
            keep(connection, (id, &request), (now, system)).await
        })
        .await?;
    app.exported.notify_one();
    Ok(answer)
}
