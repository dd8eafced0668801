//! `GET /v2/accounts/partner-accounts/account-change-records`

use super::model::{self, BalanceType, CURRENCY, TradeType, cash};
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::filter::{Filter as Wanted, Ignored, Refused};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::ledger::entries::{Change, Filter, History};
use crate::ledger::{self, TransferKind};
use crate::values::amount::{Amount, AmountText};
use crate::values::id::DomainId;
use crate::values::money::Currency;
use crate::values::site::Site;
use crate::values::time::{Day, Instant};
use axum::extract::State;
use foldhash::HashMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Which records.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListPartnerAccountChangeRecordsQuery {
    /// Which balance.
    #[param(inline)]
    balance_type: BalanceType,
    /// Only those of this type.
    #[param(inline, value_type = TradeType)]
    #[serde(default)]
    trade_type: Wanted<TradeType, Ignored, Refused>,
    /// The first day, in UTC+8; by default one year before the last. At most one year.
    #[param(inline)]
    #[serde(default, deserialize_with = "crate::values::time::optional_day")]
    trade_time_begin: Option<Day>,
    /// The last day, in UTC+8; by default today.
    #[param(inline)]
    #[serde(default, deserialize_with = "crate::values::time::optional_day")]
    trade_time_end: Option<Day>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100>,
    /// For a distributor: the reseller whose records to answer. Ignored for other callers.
    #[param(inline)]
    indirect_partner_id: Option<AccountIdText>,
}

/// Changes of a balance.
#[derive(Serialize, ToSchema)]
pub struct ListPartnerAccountChangeRecordsResponse {
    /// How many there are in all.
    #[schema(example = 25)]
    total_count: i64,
    /// The currency.
    currency: Currency,
    /// This part of them, the latest first.
    records: Vec<AccountChangeRecord>,
}

/// A change of a balance.
#[derive(Serialize, ToSchema)]
pub struct AccountChangeRecord {
    /// The record's number.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f62")]
    account_change_id: String,
    /// Why, in the vendor's detailed words.
    #[schema(example = "SOURCE_OPERATION_BEADJUST")]
    trade_detail_type: &'static str,
    /// When.
    trade_time: Instant,
    /// The transfer's or order's number.
    #[schema(example = "AD01978D6A2B3C7D4E8F90A1B2C3D4E5F6")]
    trade_id: String,
    /// By how much, in yuan.
    change_amount: AmountText,
    /// What the balance was then, in yuan; below zero where credit is used.
    balance_after_change: AmountText,
    /// 1 income, 2 expense.
    #[serde(rename = "type")]
    #[schema(example = "2")]
    kind: &'static str,
    /// The customer or reseller; for allocations and reclaims.
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<DomainId>,
    /// Its account's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "demo-customer")]
    account_name: Option<String>,
}

/// Lists what changed a partner's balance.
///
/// The latest first. A partner's credit is part of its balance and has no changes of its own.
#[utoipa::path(
    get, path = "/v2/accounts/partner-accounts/account-change-records",
    params(ListPartnerAccountChangeRecordsQuery),
    responses((status = 200, description = "The records.", body = ListPartnerAccountChangeRecordsResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS).on(Site::Cn).needs("BPC_ITEM_FINANCE_030100")
    ))),
)]
pub async fn list_partner_account_change_records(
    State(app): State<App>,
    partner: Partner,
    Query(query): Query<ListPartnerAccountChangeRecordsQuery>,
) -> Result<Json<ListPartnerAccountChangeRecordsResponse>, ApiError> {
    let tenant = partner.tenant;
    let span = model::days(query.trade_time_begin, query.trade_time_end, app.now(tenant))?;
    let owner = app.customers.acting_partner(&partner, query.indirect_partner_id.as_ref()).await?;
    if query.balance_type == BalanceType::Credit {
        let (total_count, records) = (0, Vec::new());
        return Ok(Json(ListPartnerAccountChangeRecordsResponse { total_count, currency: CURRENCY, records }));
    }
    let history = History { tenant, account: cash(tenant, owner).id() };
    let filter = Filter { kinds: query.trade_type.wanted().map(|wanted| wanted.kinds()), ..Filter::default() };
    let part = (query.offset.get(), query.limit.get());
    let listed = app.histories.changes(history, span, &filter, part).await?;
    let ids = listed.entries.iter().filter_map(|change| change.entry.customer);
    let names = app.customers.names(tenant, ids).await?;
    let records = listed.entries.iter().map(|change| show(change, &names)).collect();
    Ok(Json(ListPartnerAccountChangeRecordsResponse { total_count: listed.total, currency: CURRENCY, records }))
}

fn show(change: &Change, names: &HashMap<DomainId, Arc<str>>) -> AccountChangeRecord {
    let entry = &change.entry;
    let is_adjust = TransferKind::ADJUSTMENTS.contains(&entry.kind);
    let customer_id = entry.customer.filter(|_| is_adjust);
    let trade_id =
        if change.reference.is_empty() { ledger::number(entry.kind, entry.transfer) } else { change.reference.clone() };
    AccountChangeRecord {
        account_change_id: model::record_id(entry.transfer, entry.amount),
        trade_detail_type: model::detail_type(entry.kind),
        trade_time: Instant(entry.happened_at),
        trade_id,
        change_amount: AmountText(Amount::from(entry.amount.abs())),
        balance_after_change: AmountText(Amount::from(change.balance_after)),
        kind: model::revenue_or_expense(entry.amount),
        customer_id,
        account_name: customer_id.and_then(|customer| names.get(&customer)).map(ToString::to_string),
    }
}
