//! `GET /v2/promotions/benefits/partner-coupons/records/query`

use super::model::{CouponIdText, QuotaIdText, QuotaKind, after, until};
use super::store::books::{self, Book, Operation, Record, RecordFilter};
use crate::api::caller::{CallerKind, Partner};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Lists, QueryWithLists};
use crate::api::filter::{Filter, Ignored, Refused, Taken};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::customers::model::AccountIdText;
use crate::values::amount::Amount;
use crate::values::id::{CouponId, DomainId, QuotaId};
use crate::values::list::List;
use crate::values::site::Site;
use crate::values::time::Instant;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Which records.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListPartnerCouponsRecordQuery {
    /// Only those of these types. Given without a value it matches none.
    #[param(inline, value_type = Vec<CouponOperationType>, max_items = 9)]
    #[serde(default)]
    operation_types: Filter<List<CouponOperationType, 9>, Taken>,
    /// Only those of this quota. Given without a value it matches none.
    #[param(inline, value_type = QuotaIdText)]
    #[serde(default)]
    quota_id: Filter<QuotaIdText, Taken, Taken>,
    /// Only those of quotas of this type: 0 for cash coupons, 1 for flexi-purchase coupons; it must not be empty.
    #[param(inline, value_type = QuotaKind)]
    #[serde(default)]
    quota_type: Filter<QuotaKind, Refused>,
    /// Only those of these coupons. Given without a value it matches none.
    #[param(inline, value_type = Vec<CouponIdText>, max_items = 100)]
    #[serde(default)]
    coupon_ids: Filter<List<CouponIdText, 100>, Taken, Taken>,
    /// Only those of this customer. Given without a value it matches none.
    #[param(inline, value_type = AccountIdText)]
    #[serde(default)]
    customer_id: Filter<AccountIdText, Taken, Taken>,
    /// Only those after this instant; neither empty nor null.
    #[param(inline, value_type = Instant)]
    #[serde(default)]
    operation_time_begin: Filter<Instant, Refused, Refused>,
    /// Only those before this instant; neither empty nor null.
    #[param(inline, value_type = Instant)]
    #[serde(default)]
    operation_time_end: Filter<Instant, Refused, Refused>,
    /// Only those with this result: 0 succeeded, -1 failed. Another value is no filter.
    #[param(inline, value_type = OperationResult)]
    #[serde(default)]
    result: Filter<OperationResult, Ignored, Ignored, Ignored>,
    /// How many to skip; it must not be empty.
    #[param(inline, value_type = Offset)]
    #[serde(default)]
    offset: Filter<Offset, Refused>,
    /// How many to answer at most; it must not be empty.
    #[param(inline, value_type = Limit<100>)]
    #[serde(default)]
    limit: Filter<Limit<100>, Refused>,
    /// For a distributor: the reseller whose records to answer. Ignored for other callers.
    #[param(inline)]
    indirect_partner_id: Option<AccountIdText>,
}

impl Lists for ListPartnerCouponsRecordQuery {
    const NAMES: &'static [&'static str] = &["operation_types", "coupon_ids"];
}

/// What was done: 1 issued, 2 reclaimed by hand, 3 because the association ended, 4 because it expired, 5 because of an
/// unsubscription, 6 because a top-up was refunded, 7 because an association began, 8 because its kind changed, 9 moved with
/// the customer to another reseller.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize, ToSchema)]
pub enum CouponOperationType {
    /// Issued.
    #[serde(rename = "1")]
    Issue,
    /// Reclaimed by hand.
    #[serde(rename = "2")]
    Reclaim,
    /// Taken back because the association ended.
    #[serde(rename = "3")]
    Unbind,
    /// Expired.
    #[serde(rename = "4")]
    Expire,
    /// Taken back because of an unsubscription.
    #[serde(rename = "5")]
    Unsubscribe,
    /// Taken back because a top-up was refunded.
    #[serde(rename = "6")]
    RefundTopUp,
    /// Taken back because an association began.
    #[serde(rename = "7")]
    Associate,
    /// Taken back because the kind of association changed.
    #[serde(rename = "8")]
    SwitchMode,
    /// Moved with the customer to another reseller.
    #[serde(rename = "9")]
    MoveReseller,
}

impl CouponOperationType {
    /// Each with what is recorded.
    const TABLE: [(Self, Operation); 9] = [
        (Self::Issue, Operation::Issue),
        (Self::Reclaim, Operation::Reclaim),
        (Self::Unbind, Operation::Unbind),
        (Self::Expire, Operation::Expire),
        (Self::Unsubscribe, Operation::Unsubscribe),
        (Self::RefundTopUp, Operation::RefundTopUp),
        (Self::Associate, Operation::Associate),
        (Self::SwitchMode, Operation::SwitchMode),
        (Self::MoveReseller, Operation::MoveReseller),
    ];

    fn operation(self) -> Option<Operation> {
        Self::TABLE.iter().find(|(kind, _)| *kind == self).map(|(_, operation)| *operation)
    }

    fn of(operation: Operation) -> Option<Self> {
        Self::TABLE.iter().find(|(_, recorded)| *recorded == operation).map(|(kind, _)| *kind)
    }
}

/// Whether it succeeded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize, ToSchema)]
pub enum OperationResult {
    /// It did.
    #[serde(rename = "0")]
    Success,
    /// It did not.
    #[serde(rename = "-1")]
    Failure,
}

/// Records.
#[derive(Serialize, ToSchema)]
pub struct ListPartnerCouponsRecordResponse {
    /// How many there are in all.
    #[schema(example = 3)]
    total_count: i64,
    /// This part of them, the latest first.
    records: Vec<CouponRecordV2>,
}

/// A coupon that was issued, or whose value came back; or that neither came about.
#[derive(Serialize, ToSchema)]
pub struct CouponRecordV2 {
    /// Its id.
    #[schema(example = "01978d6a2b3c7d4e8f90a1b2c3d4e5f6")]
    id: String,
    /// What was done.
    operation_type: Option<CouponOperationType>,
    /// The quota.
    quota_id: Option<QuotaId>,
    /// 0 for cash coupons, 1 for flexi-purchase coupons.
    quota_type: Option<QuotaKind>,
    /// The coupon; null where none was issued.
    coupon_id: Option<CouponId>,
    /// The customer.
    customer_id: DomainId,
    /// The coupon's face value, or how much of it came back; in the unit of its currency. Of what was refused, the face value.
    operation_amount: Amount,
    /// When.
    operation_time: Instant,
    /// 0: it succeeded; -1: it was refused, and changed nothing.
    result: OperationResult,
    /// A remark.
    #[schema(example = "For the first project")]
    remark: String,
}

/// Lists what happened to the coupons that a partner issued.
///
/// Issued, reclaimed, expired, with what of it was refused; the latest first. What customers pay with them is theirs to list.
#[utoipa::path(
    get, path = "/v2/promotions/benefits/partner-coupons/records/query",
    params(ListPartnerCouponsRecordQuery),
    responses((status = 200, description = "The records.", body = ListPartnerCouponsRecordResponse)),
    extensions(("x-policy" = json!(
        Policy::callers(&CallerKind::PARTNERS).on(Site::Cn).needs("BPC_ITEM_SUBCUSTSERV_030102")
    ))),
)]
pub async fn list_partner_coupons_record(
    State(app): State<App>,
    partner: Partner,
    QueryWithLists(query): QueryWithLists<ListPartnerCouponsRecordQuery>,
) -> Result<Json<ListPartnerCouponsRecordResponse>, ApiError> {
    let issuer = app.customers.acting_partner(&partner, query.indirect_partner_id.as_ref()).await?;
    let mut connection = app.database.tenant(partner.tenant).await?;
    let offset = query.offset.wanted().copied().unwrap_or_default().get();
    let limit = query.limit.wanted().copied().unwrap_or_default().get();
    let book = (partner.tenant, issuer, Book::Issued);
    let (records, total_count) = books::page(&mut connection, book, &filter(&query), (offset, limit)).await?;
    let records = records.into_iter().map(show).collect();
    Ok(Json(ListPartnerCouponsRecordResponse { total_count, records }))
}

fn filter(query: &ListPartnerCouponsRecordQuery) -> RecordFilter {
    // What cannot be an id is no coupon's and nobody's.
    let coupons = |texts: &List<CouponIdText, 100>| texts.as_slice().iter().filter_map(CouponIdText::id).collect();
    let operations =
        |kinds: &List<CouponOperationType, 9>| kinds.as_slice().iter().filter_map(|kind| kind.operation()).collect();
    RecordFilter {
        from: query.operation_time_begin.wanted().map(after),
        until: query.operation_time_end.wanted().map(until),
        operations: query.operation_types.wanted().map(operations),
        quota: query.quota_id.wanted().map(|text| text.id().unwrap_or(QuotaId(Uuid::nil()))),
        quota_kind: query.quota_type.wanted().copied(),
        coupons: query.coupon_ids.wanted().map(coupons),
        customer: query.customer_id.wanted().map(|text| text.id().unwrap_or(DomainId(Uuid::nil()))),
        is_refused: query.result.wanted().map(|result| *result == OperationResult::Failure),
        ..RecordFilter::default()
    }
}

fn show(record: Record) -> CouponRecordV2 {
    CouponRecordV2 {
        id: record.id.simple().to_string(),
        operation_type: CouponOperationType::of(record.operation),
        quota_id: record.quota,
        quota_type: record.quota_kind,
        coupon_id: record.coupon,
        customer_id: record.customer,
        operation_amount: record.amount.into(),
        operation_time: Instant(record.happened_at),
        result: if record.refused.is_some() { OperationResult::Failure } else { OperationResult::Success },
        remark: record.memo,
    }
}
