//! `GET /v3/accounts/partner-accounts/adjust-records`

use super::model::{self, CURRENCY, YUAN, cash};
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::filter::{Filter as Wanted, Ignored, Refused};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::Related;
use crate::customers::model::{AccountIdText, AssociationType};
use crate::ledger::entries::{Adjustment, Filter, History, Span, Trade};
use crate::ledger::{self, Purse, TransferKind};
use crate::values::amount::{Amount, AmountText};
use crate::values::id::{DomainId, TenantId};
use crate::values::money::Currency;
use crate::values::site::Site;
use crate::values::text::texts;
use crate::values::time::Instant;
use axum::extract::State;
use foldhash::HashMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use time::{Duration, OffsetDateTime};
use utoipa::{IntoParams, ToSchema};

texts! {
    /// A transfer's number, or nothing.
    TransId, 0..=128, "AD01978D6A2B3C7D4E8F90A1B2C3D4E5F6";
}

/// Which records.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListPartnerAdjustRecordsQuery {
    /// Only those of this customer or, of a distributor, of this reseller.
    #[param(inline)]
    customer_id: Option<AccountIdText>,
    /// Only those of this type.
    #[param(inline, value_type = OperationType)]
    #[serde(default)]
    operation_type: Wanted<OperationType, Ignored, Refused>,
    /// Only those of this instant and later.
    #[param(inline)]
    #[serde(default, deserialize_with = "crate::values::time::optional_instant")]
    operation_time_begin: Option<Instant>,
    /// Only those of this instant and earlier.
    #[param(inline)]
    #[serde(default, deserialize_with = "crate::values::time::optional_instant")]
    operation_time_end: Option<Instant>,
    /// Only the one of this number.
    #[param(inline)]
    trans_id: Option<TransId>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100>,
    /// For a distributor: the reseller whose customers' records to answer. Ignored for other callers.
    #[param(inline)]
    indirect_partner_id: Option<AccountIdText>,
}

/// What kind of adjustment.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
pub enum OperationType {
    /// Allocated.
    #[serde(rename = "SOURCE_OPERATION_BEADJUST")]
    Allocate,
    /// Taken back.
    #[serde(rename = "SOURCE_OPERATION_BERETRIEVE")]
    Reclaim,
    /// Taken back because the association ended or changed.
    #[serde(rename = "SOURCE_OPERATION_BEUNBIND")]
    Unbind,
}

impl OperationType {
    fn kind(self) -> TransferKind {
        match self {
            Self::Allocate => TransferKind::Allocate,
            Self::Reclaim => TransferKind::Reclaim,
            Self::Unbind => TransferKind::Unbind,
        }
    }
}

/// Adjustments.
#[derive(Serialize, ToSchema)]
pub struct ListPartnerAdjustRecordsResponse {
    /// This part of them, the latest first.
    records: Vec<AdjustRecordV3>,
    /// How many there are in all.
    #[schema(example = 25)]
    total_count: i64,
}

/// Funds that moved between a partner and who is below it.
#[derive(Serialize, ToSchema)]
pub struct AdjustRecordV3 {
    /// The customer or reseller.
    customer_id: Option<DomainId>,
    /// Its account's name.
    #[schema(example = "demo-customer")]
    customer_name: String,
    /// `SOURCE_OPERATION_BEADJUST` allocated, `SOURCE_OPERATION_BERETRIEVE` taken back, `SOURCE_OPERATION_BEUNBIND` taken back
    /// because the association ended or changed.
    #[schema(example = "SOURCE_OPERATION_BEADJUST")]
    operation_type: &'static str,
    /// How much, in yuan.
    amount: AmountText,
    /// The currency.
    currency: Currency,
    /// What the funds are for; they are for everything.
    #[schema(example = "")]
    apply_scene: &'static str,
    /// When.
    operation_time: Instant,
    /// The unit of the amount: 1, the yuan.
    #[schema(example = 1)]
    measure_id: i32,
    /// The transfer's number.
    #[schema(example = "AD01978D6A2B3C7D4E8F90A1B2C3D4E5F6")]
    trans_id: String,
    /// A remark.
    #[schema(example = "")]
    memo: String,
}

/// Lists allocations and reclaims.
///
/// The latest first. A customer of another partner, or one that is no resale customer, gives an empty list.
#[utoipa::path(
    get, path = "/v3/accounts/partner-accounts/adjust-records",
    params(ListPartnerAdjustRecordsQuery),
    responses((status = 200, description = "The records.", body = ListPartnerAdjustRecordsResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS).on(Site::Cn).needs("BPC_ITEM_FINANCE_040100")
    ))),
)]
pub async fn list_partner_adjust_records(
    State(app): State<App>,
    partner: Partner,
    Query(query): Query<ListPartnerAdjustRecordsQuery>,
) -> Result<Json<ListPartnerAdjustRecordsResponse>, ApiError> {
    let tenant = partner.tenant;
    let owner = app.customers.acting_partner(&partner, query.indirect_partner_id.as_ref()).await?;
    let funds = cash(tenant, owner);
    let below = match AccountIdText::given(query.customer_id.as_ref()) {
        None => None,
        Some(named) => match below(&app, (tenant, owner), named).await? {
            Some(purse) => Some(purse),
            None => return Ok(Json(ListPartnerAdjustRecordsResponse { records: Vec::new(), total_count: 0 })),
        },
    };
    let (span, filter) = (span(&query), filter(&query));
    let part = (query.offset.get(), query.limit.get());
    let history = |purse: &Purse| History { tenant, account: purse.id() };
    let listed = match below {
        None => app.histories.adjustments(history(&funds), span, &filter, part).await?,
        Some(below) => app.histories.adjustments_with(history(&below), funds.id(), span, filter, part).await?,
    };
    let ids = listed.entries.iter().filter_map(|adjustment| adjustment.entry.customer);
    let names = app.customers.names(tenant, ids).await?;
    let records = listed.entries.iter().map(|adjustment| show(adjustment, &names)).collect();
    Ok(Json(ListPartnerAdjustRecordsResponse { records, total_count: listed.total }))
}

/// The purse of who is named, if it is a resale customer or a reseller of this partner.
async fn below(
    app: &App,
    (tenant, partner): (TenantId, DomainId),
    named: &AccountIdText,
) -> Result<Option<Purse>, ApiError> {
    let Some(id) = named.id() else { return Ok(None) };
    Ok(match app.customers.related(tenant, id).await?.as_deref() {
        Some(Related::Customer(customer)) => {
            let association = customer.association;
            let is_ours = association.partner == partner && association.kind == AssociationType::Resale;
            is_ours.then(|| Purse::allocated(tenant, id))
        }
        Some(Related::Reseller { parent, .. }) if *parent == partner => Some(cash(tenant, id)),
        _ => None,
    })
}

fn filter(query: &ListPartnerAdjustRecordsQuery) -> Filter {
    let kind = query.operation_type.wanted().map(|wanted| wanted.kind());
    let number = query.trans_id.as_ref().map(TransId::as_str).filter(|number| !number.is_empty());
    let trade = number.map(|number| Trade { reference: number.to_owned(), transfer: ledger::parse_number(number) });
    Filter { kinds: kind.map(|kind| vec![kind]), trade, ..Filter::default() }
}

fn span(query: &ListPartnerAdjustRecordsQuery) -> Span {
    let begin = query.operation_time_begin.map_or(OffsetDateTime::UNIX_EPOCH, |begin| begin.0);
    // The wire has whole seconds: the end means all of its second.
    let end = query.operation_time_end.map(|end| end.0.saturating_add(Duration::SECOND));
    Span { begin, end: end.unwrap_or(crate::values::time::FAR_FUTURE) }
}

fn show(adjustment: &Adjustment, names: &HashMap<DomainId, Arc<str>>) -> AdjustRecordV3 {
    let entry = &adjustment.entry;
    let name = entry.customer.and_then(|customer| names.get(&customer));
    AdjustRecordV3 {
        customer_id: entry.customer,
        customer_name: name.map(ToString::to_string).unwrap_or_default(),
        operation_type: model::detail_type(entry.kind),
        amount: AmountText(Amount::from(entry.amount.abs())),
        currency: CURRENCY,
        apply_scene: "",
        operation_time: Instant(entry.happened_at),
        measure_id: YUAN,
        trans_id: ledger::number(entry.kind, entry.transfer),
        memo: adjustment.memo.clone(),
    }
}
