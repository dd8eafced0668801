//! `GET /v2/partners/coupon-quotas/records`

use super::model::{QuotaIdText, until};
use super::store::books::{self, Book, Operation, Record, RecordFilter};
use crate::api::caller::{CallerKind, Distributor};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::filter::{Filter, Ignored, Refused, Taken};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::customers::store as customers;
use crate::identity::store as identity;
use crate::values::amount::Amount;
use crate::values::id::{DomainId, QuotaId, UserId};
use crate::values::site::Site;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Which records.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListCouponQuotasRecordsQuery {
    /// Only those of this reseller.
    #[param(inline, value_type = AccountIdText)]
    #[serde(default)]
    indirect_partner_id: Filter<AccountIdText>,
    /// Only those of this quota, a reseller's.
    #[param(inline, value_type = QuotaIdText)]
    #[serde(default)]
    quota_id: Filter<QuotaIdText>,
    /// Only those after this instant.
    #[param(inline, value_type = Instant)]
    #[serde(default)]
    operation_time_begin: Filter<Instant, Refused>,
    /// Only those before this instant.
    #[param(inline, value_type = Instant)]
    #[serde(default)]
    operation_time_end: Filter<Instant, Refused>,
    /// Only those of quotas split from this one, the distributor's. Given without a value it matches none.
    #[param(inline, value_type = QuotaIdText)]
    #[serde(default)]
    parent_quota_id: Filter<QuotaIdText, Taken, Taken>,
    /// Only those of this type: 10 given, 11 taken back. Another value is no filter.
    #[param(inline, value_type = QuotaOperationType)]
    #[serde(default)]
    operation_type: Filter<QuotaOperationType, Ignored, Ignored, Ignored>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100>,
}

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize, ToSchema)]
pub enum QuotaOperationType {
    /// Given.
    #[serde(rename = "10")]
    Issue,
    /// Taken back.
    #[serde(rename = "11")]
    Reclaim,
}

/// Records.
#[derive(Serialize, ToSchema)]
pub struct ListCouponQuotasRecordsResponse {
    /// How many there are in all.
    #[schema(example = 2)]
    total_count: i64,
    /// This part of them, the latest first.
    records: Vec<QuotaRecord>,
}

/// A quota that was given to a reseller, or taken back.
#[derive(Serialize, ToSchema)]
pub struct QuotaRecord {
    /// Its id.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    id: String,
    /// The user who did it.
    #[schema(example = "demo-distributor")]
    operator: String,
    /// 10 given, 11 taken back.
    operation_type: QuotaOperationType,
    /// The reseller's quota.
    quota_id: Option<QuotaId>,
    /// The distributor's quota.
    parent_quota_id: Option<QuotaId>,
    /// How much, in the unit of its currency.
    amount: Amount,
    /// When.
    operation_time: Instant,
    /// 0: it succeeded. What failed changed nothing and leaves no record.
    #[schema(example = "0")]
    result: &'static str,
    /// The reseller's account name.
    #[schema(example = "demo-reseller")]
    indirect_partner_account_name: String,
    /// The reseller.
    indirect_partner_id: DomainId,
    /// The reseller's name; its account's, since no other is known.
    #[schema(example = "demo-reseller")]
    indirect_partner_name: String,
    /// A remark.
    #[schema(example = "")]
    remark: String,
}

/// Lists what a distributor did with the coupon quotas of its resellers.
///
/// The latest first.
#[utoipa::path(
    get, path = "/v2/partners/coupon-quotas/records",
    params(ListCouponQuotasRecordsQuery),
    responses((status = 200, description = "The records.", body = ListCouponQuotasRecordsResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&[CallerKind::Distributor]).on(Site::Cn).needs("BPC_ITEM_SUBCUSTSERV_030102")
    ))),
)]
pub async fn list_coupon_quotas_records(
    State(app): State<App>,
    distributor: Distributor,
    Query(query): Query<ListCouponQuotasRecordsQuery>,
) -> Result<Json<ListCouponQuotasRecordsResponse>, ApiError> {
    let tenant = distributor.tenant;
    let mut connection = app.database.tenant(tenant).await?;
    let part = (query.offset.get(), query.limit.get());
    let book = (tenant, distributor.domain, Book::Split);
    let (records, total_count) = books::page(&mut connection, book, &filter(&query), part).await?;
    let resellers: Vec<DomainId> = records.iter().map(|record| record.customer).collect();
    let accounts = customers::names(&mut connection, tenant, &resellers).await?.into_iter().collect();
    let users: Vec<UserId> = records.iter().filter_map(|record| record.user).collect();
    let users = identity::user_names(&mut connection, tenant, &users).await?.into_iter().collect();
    let records = records.into_iter().map(|record| show(record, &accounts, &users)).collect();
    Ok(Json(ListCouponQuotasRecordsResponse { total_count, records }))
}

fn filter(query: &ListCouponQuotasRecordsQuery) -> RecordFilter {
    // What cannot be an id is nobody's.
    let quota = |text: &QuotaIdText| text.id().unwrap_or(QuotaId(Uuid::nil()));
    let account = |text: &AccountIdText| text.id().unwrap_or(DomainId(Uuid::nil()));
    let operation = |wanted: &QuotaOperationType| match wanted {
        QuotaOperationType::Issue => vec![Operation::Issue],
        QuotaOperationType::Reclaim => vec![Operation::Reclaim],
    };
    RecordFilter {
        from: query.operation_time_begin.wanted().map(super::model::after),
        until: query.operation_time_end.wanted().map(until),
        operations: query.operation_type.wanted().map(operation),
        quota: query.quota_id.wanted().map(quota),
        parent: query.parent_quota_id.wanted().map(quota),
        customer: query.indirect_partner_id.wanted().map(account),
        ..RecordFilter::default()
    }
}

fn show(record: Record, accounts: &HashMap<DomainId, String>, users: &HashMap<UserId, String>) -> QuotaRecord {
    let reseller = accounts.get(&record.customer).cloned().unwrap_or_default();
    let operator = record.user.and_then(|user| users.get(&user)).cloned().unwrap_or_default();
    let is_issue = record.operation == Operation::Issue;
    QuotaRecord {
        id: record.id.simple().to_string(),
        operator,
        operation_type: if is_issue { QuotaOperationType::Issue } else { QuotaOperationType::Reclaim },
        quota_id: record.quota,
        parent_quota_id: record.parent,
        amount: record.amount.into(),
        operation_time: Instant(record.happened_at),
        result: "0",
        indirect_partner_account_name: reseller.clone(),
        indirect_partner_id: record.customer,
        indirect_partner_name: reseller,
        remark: record.memo,
    }
}
