//! `GET /v2/promotions/benefits/account-change-records`

use super::model::CouponIdText;
use super::store::books::{self, Book, Operation, Record, RecordFilter};
use crate::accounts::model::{CURRENCY, days};
use crate::api::caller::{CallerKind, Customer};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Query};
use crate::api::filter::{Filter, Ignored, Refused};
use crate::api::page::{Limit, Offset};
use crate::api::policy::Policy;
use crate::app::App;
use crate::catalogue::memory::Catalogue;
use crate::ledger::entries::Span;
use crate::values::amount::{Amount, AmountText};
use crate::values::id::CouponId;
use crate::values::language::Language;
use crate::values::money::Currency;
use crate::values::site::Site;
use crate::values::text::texts;
use crate::values::time::{Day, Instant};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

texts! {
    /// An order's, a bill's or a record's number.
    CouponTradeId, 0..=128, "CS2603281445NO7";
}

/// Which records.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListCustomerCouponChangeRecordsQuery {
    /// `BALANCE_TYPE_COUPON`, what is left of coupons.
    #[param(inline)]
    #[expect(dead_code, reason = "it has one value, which is required")]
    balance_type: CouponBalanceType,
    /// Only income or only expense; neither empty nor null.
    #[param(inline, value_type = CouponRevenueExpenseType)]
    #[serde(default)]
    revenue_expense_type: Filter<CouponRevenueExpenseType, Refused, Refused>,
    /// Only those of this type; neither empty nor null.
    #[param(inline, value_type = CouponTradeType)]
    #[serde(default)]
    trade_type: Filter<CouponTradeType, Refused, Refused>,
    /// Only those of this order, or the one of this number.
    #[param(inline, value_type = CouponTradeId)]
    #[serde(default)]
    trade_id: Filter<CouponTradeId>,
    /// The first day, in UTC+8; by default a year ago. It must not be empty.
    #[param(inline, value_type = Day)]
    #[serde(default)]
    trade_time_begin: Filter<Day, Refused, Ignored>,
    /// The last day, in UTC+8; by default today. It must not be empty.
    #[param(inline, value_type = Day)]
    #[serde(default)]
    trade_time_end: Filter<Day, Refused, Ignored>,
    /// Only those of this coupon.
    #[param(inline, value_type = CouponIdText)]
    #[serde(default)]
    coupon_id: Filter<CouponIdText>,
    /// How many to skip.
    #[param(inline)]
    #[serde(default)]
    offset: Offset,
    /// How many to answer at most.
    #[param(inline)]
    #[serde(default)]
    limit: Limit<100>,
}

/// Which balance.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
pub enum CouponBalanceType {
    /// What is left of coupons.
    #[serde(rename = "BALANCE_TYPE_COUPON")]
    Coupon,
}

/// Income or expense.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum CouponRevenueExpenseType {
    /// Income.
    Revenue,
    /// Expense.
    Expense,
}

/// Why a balance changed: activated, paid, given back, frozen, expired, transferred within an enterprise, reclaimed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum CouponTradeType {
    /// Activated, that is, issued.
    Adjust,
    /// It paid. Misspelt as the vendor does.
    Dedeuct,
    /// What it had paid came back.
    Refund,
    /// Frozen; nothing here freezes a part of a coupon.
    Rfrozen,
    /// Expired.
    Expired,
    /// Transferred within an enterprise, or taken back there.
    CouponAdjust,
    /// Reclaimed, by hand or because an association ended.
    CouponCancel,
}

/// What was recorded, as the customer sees it: the vendor's detailed name, misspelt as the vendor does, income or expense,
/// and the type by which it is found.
const TABLE: [(Operation, &str, CouponRevenueExpenseType, CouponTradeType); 16] = {
    use CouponRevenueExpenseType::{Expense, Revenue};
    use CouponTradeType::{Adjust, CouponAdjust, CouponCancel, Dedeuct, Expired, Refund};
    const CANCEL: &str = "SOURCE_OPERATION_COUPONCANCEL";
    const TRANSFER: &str = "SOURCE_OPERATION_TRANSFER";
    const RETRIEVE: &str = "SOURCE_OPERATION_RETRIEVE";
    [
        (Operation::Issue, "SOURCE_OPERAIION_PRIZE", Revenue, Adjust),
        (Operation::Subscribe, "SOURCE_OPERAIION_DEDEUCT", Expense, Dedeuct),
        (Operation::Usage, "SOURCE_OPERAIION_USAGE", Expense, Dedeuct),
        (Operation::Refund, "SOURCE_OPERAIION_UNSUBSCRIBE", Revenue, Refund),
        (Operation::Expire, "SOURCE_OPERAIION_EXPIRECLEAR", Expense, Expired),
        (Operation::Reclaim, CANCEL, Expense, CouponCancel),
        (Operation::Unbind, CANCEL, Expense, CouponCancel),
        (Operation::Unsubscribe, CANCEL, Expense, CouponCancel),
        (Operation::RefundTopUp, CANCEL, Expense, CouponCancel),
        (Operation::Associate, CANCEL, Expense, CouponCancel),
        (Operation::SwitchMode, CANCEL, Expense, CouponCancel),
        (Operation::MoveReseller, CANCEL, Expense, CouponCancel),
        (Operation::TransferOut, TRANSFER, Expense, CouponAdjust),
        (Operation::TransferIn, TRANSFER, Revenue, CouponAdjust),
        (Operation::RetrieveOut, RETRIEVE, Expense, CouponAdjust),
        (Operation::RetrieveIn, RETRIEVE, Revenue, CouponAdjust),
    ]
};

/// What changed.
#[derive(Serialize, ToSchema)]
pub struct ListCustomerCouponChangeRecordsResponse {
    /// How many there are in all.
    #[schema(example = 3)]
    total_count: i64,
    /// The currency.
    currency: Currency,
    /// This part of them, the latest first.
    records: Vec<CustomerCouponChangeRecord>,
}

/// A change of what is left of a coupon.
#[derive(Serialize, ToSchema)]
pub struct CustomerCouponChangeRecord {
    /// The coupon.
    coupon_id: Option<CouponId>,
    /// Why, in the vendor's detailed words.
    #[schema(example = "SOURCE_OPERAIION_PRIZE")]
    trade_detail_type: &'static str,
    /// When.
    trade_time: Instant,
    /// The order or bill, or the number of this record.
    #[schema(example = "CS2603281445NO7")]
    trade_id: String,
    /// By how much, in yuan.
    change_amount: AmountText,
    /// What was left then, in yuan.
    balance_after_change: AmountText,
    /// `REVENUE` or `EXPENSE`.
    revenue_expense_type: CouponRevenueExpenseType,
    /// The bill cycle, `yyyy-MM` in UTC+8.
    #[schema(example = "2026-03")]
    bill_cycle: String,
    /// The customer's account.
    #[schema(example = "demo-customer")]
    account_name: String,
    /// The cloud service's name; of consumption only.
    #[schema(example = "")]
    cloud_service_type_name: String,
    /// The resource type's name; of consumption only.
    #[schema(example = "")]
    resource_type_name: String,
}

/// Lists what changed the balances of a customer's coupons.
///
/// The latest first. (The vendor means it for customers who are not resale ones, and does not say what those get; they get
/// theirs.)
#[utoipa::path(
    get, path = "/v2/promotions/benefits/account-change-records",
    params(ListCustomerCouponChangeRecordsQuery),
    responses((status = 200, description = "The records.", body = ListCustomerCouponChangeRecordsResponse)),
    extensions(("x-policy" = json!(Policy::callers(&CallerKind::CUSTOMERS).on(Site::Cn)))),
)]
pub async fn list_customer_coupon_change_records(
    State(app): State<App>,
    customer: Customer,
    Query(query): Query<ListCustomerCouponChangeRecordsQuery>,
) -> Result<Json<ListCustomerCouponChangeRecordsResponse>, ApiError> {
    let (begin, end) = (query.trade_time_begin.wanted().copied(), query.trade_time_end.wanted().copied());
    let span = days(begin, end, app.now(customer.tenant))?;
    let mut connection = app.database.tenant(customer.tenant).await?;
    let book = (customer.tenant, customer.domain, Book::Held);
    let part = (query.offset.get(), query.limit.get());
    let (records, total_count) = books::page(&mut connection, book, &filter(&query, span), part).await?;
    let catalogue = app.catalogue.load();
    let records = records.into_iter().map(|record| show(record, &customer.domain_name, &catalogue)).collect();
    Ok(Json(ListCustomerCouponChangeRecordsResponse { total_count, currency: CURRENCY, records }))
}

fn filter(query: &ListCustomerCouponChangeRecordsQuery, span: Span) -> RecordFilter {
    let (direction, kind) = (query.revenue_expense_type.wanted(), query.trade_type.wanted());
    let is_wanted = |row: &&(Operation, &str, CouponRevenueExpenseType, CouponTradeType)| {
        direction.is_none_or(|direction| *direction == row.2) && kind.is_none_or(|kind| *kind == row.3)
    };
    let operations = (direction.is_some() || kind.is_some())
        .then(|| TABLE.iter().filter(is_wanted).map(|(operation, ..)| *operation).collect());
    // What reads as an id is a record's own number; orders' and bills' are written otherwise.
    let trade = query.trade_id.wanted().map(CouponTradeId::as_str);
    let record = trade.and_then(|trade| Uuid::try_parse(trade).ok());
    RecordFilter {
        from: Some(span.begin),
        until: Some(span.end),
        operations,
        coupons: query.coupon_id.wanted().map(|text| text.id().into_iter().collect()),
        reference: trade.filter(|_| record.is_none()).map(str::to_owned),
        record,
        ..RecordFilter::default()
    }
}

fn show(record: Record, account: &str, catalogue: &Catalogue) -> CustomerCouponChangeRecord {
    let row = TABLE.iter().find(|(operation, ..)| *operation == record.operation);
    let (_, trade_detail_type, revenue_expense_type, _) = *row.expect("the table names every operation");
    let id = record.id.simple().to_string();
    let day = Day::of(record.happened_at).0;
    let language = Language::default();
    let services = &catalogue.products.services;
    let service = services.iter().find(|service| service.code == record.service_type);
    let resource = catalogue.products.find_resource(&record.resource_type);
    CustomerCouponChangeRecord {
        coupon_id: record.coupon,
        trade_detail_type,
        trade_time: Instant(record.happened_at),
        trade_id: if record.reference.is_empty() { id } else { record.reference },
        change_amount: AmountText(Amount::from(record.amount)),
        balance_after_change: AmountText(Amount::from(record.balance_after)),
        revenue_expense_type,
        bill_cycle: format!("{:04}-{:02}", day.year(), u8::from(day.month())),
        account_name: account.to_owned(),
        cloud_service_type_name: service.map(|service| language.of(&service.names).to_owned()).unwrap_or_default(),
        resource_type_name: resource.map(|resource| language.of(&resource.names).to_owned()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::extract::parse_query;

    #[test]
    fn types_and_directions_narrow_each_other() {
        let span = Span { begin: time::OffsetDateTime::UNIX_EPOCH, end: crate::values::time::FAR_FUTURE };
        let operations = |query: &str| {
            let query = parse_query(&format!("balance_type=BALANCE_TYPE_COUPON&{query}")).expect("it is read");
            filter(&query, span).operations
        };
        assert_eq!(operations(""), None);
        assert_eq!(operations("trade_type=DEDEUCT"), Some(vec![Operation::Subscribe, Operation::Usage]));
        let moved = [Operation::TransferIn, Operation::RetrieveIn];
        let income = [Operation::Issue, Operation::Refund].into_iter().chain(moved).collect();
        assert_eq!(operations("revenue_expense_type=REVENUE"), Some(income));
        assert_eq!(operations("revenue_expense_type=REVENUE&trade_type=EXPIRED"), Some(vec![]));
        assert_eq!(operations("trade_type=COUPONADJUST&revenue_expense_type=REVENUE"), Some(moved.to_vec()));
    }

    #[test]
    fn a_closed_set_is_neither_empty_nor_null() {
        for query in ["trade_type=", "revenue_expense_type=null", "trade_type=OTHER", "trade_time_begin="] {
            let query = format!("balance_type=BALANCE_TYPE_COUPON&{query}");
            assert!(parse_query::<ListCustomerCouponChangeRecordsQuery>(&query).is_err(), "{query}");
        }
    }
}
