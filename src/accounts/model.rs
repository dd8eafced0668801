//! What several operations share: purses, the vendor's names of transfers, transfers as writes.

use crate::api::error::ApiError;
use crate::api::write::{Answer, Begun, Write};
use crate::app::App;
use crate::customers::refusal::Unrelated;
use crate::ledger::books::{Refusal, Transfer};
use crate::ledger::entries::Span;
use crate::ledger::writer::{Command, Failure};
use crate::ledger::{self, AccountKind, PostError, Posting, Purse, TransferKind};
use crate::values::amount::Amount;
use crate::values::id::{DomainId, TenantId, TransferId};
use crate::values::money::Currency;
use crate::values::time::Day;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// The currency of partners' funds: these operations exist on the Chinese site only.
pub const CURRENCY: Currency = Currency::Cny;
/// Currency of amounts: the yuan.
pub const YUAN: i32 = crate::values::money::MAIN_UNIT;

/// What a partner or reseller may allocate.
pub fn cash(tenant: TenantId, owner: DomainId) -> Purse {
    Purse::of(tenant, owner, AccountKind::Cash, CURRENCY)
}

/// Cash or credit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
pub enum BalanceType {
    /// Cash.
    #[serde(rename = "BALANCE_TYPE_DEBIT")]
    Debit,
    /// Credit.
    #[serde(rename = "BALANCE_TYPE_CREDIT")]
    Credit,
}

/// Declares trade types: the vendor's names, and what they mean in the ledger. Names without a meaning are the
/// ones of an older business model or of what this server has no function for; they match nothing.
macro_rules! trade_types {
    ($($wire:tt $name:ident: [$($kind:ident),*];)+) => {
        /// Why funds moved.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
        pub enum TradeType {
            $(#[doc = concat!("`", $wire, "`.")] #[serde(rename = $wire)] $name,)+
        }

        impl TradeType {
            /// The ledger's kinds.
            pub fn kinds(self) -> Vec<TransferKind> {
                match self {
                    $(Self::$name => vec![$(TransferKind::$kind),*],)+
                }
            }
        }
    };
}

trade_types! {
    "RECHARGE" Recharge: [Recharge];
    "DEDEUCT" Deduct: [Subscribe, Usage];
    "REFUND" Refund: [Refund];
    "RFROZEN" RefundFrozen: [];
    "TRANS" Trans: [];
    "ADJUST" Adjust: [Adjust, AdjustCredit];
    "BEADJUST" Allocate: [Allocate, EnterpriseTransfer];
    "BERETRIEVE" Reclaim: [Reclaim, EnterpriseReclaim];
    "BEUNBIND" Unbind: [Unbind];
    "EXPIRED" Expired: [];
    "BONUSCONVERT" BonusConvert: [];
    "TRADE_MODE_TRANSFER" TradeModeTransfer: [];
    "DEPOSIT" Deposit: [];
}

/// The vendor's detailed name of a kind of transfer, misspelt as the vendor does.
pub fn detail_type(kind: TransferKind) -> &'static str {
    match kind {
        TransferKind::Recharge => "SOURCE_OPERAIION_RECHARGE",
        TransferKind::Adjust => "SOURCE_OPERAIION_ADJUST",
        TransferKind::AdjustCredit => "SOURCE_OPERAIION_ADJUST_CREDIT",
        // The vendor's pages for customers read these two as "allocated" and "reclaimed" within an enterprise as well.
        TransferKind::Allocate | TransferKind::EnterpriseTransfer => "SOURCE_OPERATION_BEADJUST",
        TransferKind::Reclaim | TransferKind::EnterpriseReclaim => "SOURCE_OPERATION_BERETRIEVE",
        TransferKind::Unbind => "SOURCE_OPERATION_BEUNBIND",
        TransferKind::Subscribe | TransferKind::CouponSubscribe => "SOURCE_OPERAIION_DEDEUCT",
        TransferKind::Usage | TransferKind::CouponUsage => "SOURCE_OPERAIION_USAGE",
        TransferKind::Refund => "SOURCE_OPERAIION_REFUND",
        TransferKind::QuotaGrant | TransferKind::QuotaSplit => "SOURCE_OPERATION_COUPON_QUOTA_TRANSFER",
        TransferKind::QuotaWithdraw | TransferKind::QuotaReclaim => "SOURCE_OPERATION_COUPON_QUOTA_RECLAIM",
        TransferKind::CouponIssue => "SOURCE_OPERAIION_PRIZE",
        TransferKind::CouponRefund => "SOURCE_OPERAIION_UNSUBSCRIBE",
        TransferKind::CouponReclaim => "SOURCE_OPERATION_COUPONCANCEL",
        TransferKind::CouponExpire => "SOURCE_OPERAIION_EXPIRECLEAR",
        TransferKind::CouponTransfer => "SOURCE_OPERATION_TRANSFER",
        TransferKind::CouponRetrieve => "SOURCE_OPERATION_RETRIEVE",
    }
}

/// The number of a change record: its transfer, and 1 for income or 2 for expense, as in `type`.
pub fn record_id(transfer: TransferId, amount: rust_decimal::Decimal) -> String {
    format!("{}{}", transfer.0.simple(), revenue_or_expense(amount))
}

/// 1 for income, 2 for expense.
pub fn revenue_or_expense(amount: rust_decimal::Decimal) -> &'static str {
    if amount.is_sign_positive() { "1" } else { "2" }
}

/// The days of a list of records, both included: by default the last year, and never more than one.
pub fn days(begin: Option<Day>, end: Option<Day>, now: OffsetDateTime) -> Result<Span, ApiError> {
    let end = end.unwrap_or(Day::of(now));
    let begin = match begin {
        Some(begin) => begin,
        None => Day(a_year_before(end.0)),
    };
    if begin > end {
        return Err(ApiError::parameter("trade_time_begin", "must not be later than trade_time_end"));
    }
    if begin.0 < a_year_before(end.0) {
        return Err(ApiError::parameter("trade_time_begin", "must be at most one year before trade_time_end"));
    }
    Ok(Span { begin: begin.start(), end: end.end() })
}

fn a_year_before(day: time::Date) -> time::Date {
    // The 29th of February has none; the 28th is its neighbour inside the year.
    day.replace_year(day.year() - 1).or_else(|_| day.replace_day(28)?.replace_year(day.year() - 1)).unwrap_or(day)
}

/// A transfer that a request asks for.
pub struct Move {
    /// Why.
    pub kind: TransferKind,
    /// From where.
    pub from: Purse,
    /// To where.
    pub to: Purse,
    /// How much.
    pub amount: Amount,
    /// The customer or reseller it concerns.
    pub customer: DomainId,
}

/// Makes a transfer as one write, in a batch with others. `insufficient` is what is said when the balance is too low.
pub async fn transfer(
    app: &App,
    write: Write,
    wanted: Move,
    answer: fn(&[Transfer]) -> String,
    insufficient: fn() -> ApiError,
) -> Result<Answer, ApiError> {
    let posting = Posting {
        kind: wanted.kind,
        from: wanted.from,
        to: wanted.to,
        amount: wanted.amount.decimal(),
        customer: Some(wanted.customer),
        reference: String::new(),
        memo: String::new(),
        user: Some(write.caller.user),
    };
    let refused = |refusal| match refusal {
        Refusal::Insufficient => insufficient(),
        Refusal::Closed => Unrelated::NotACustomer.into(),
        Refusal::TooLarge => ApiError::parameter("amount", "would make the balance too large"),
    };
    if write.dry_run {
        // Boxed, so that the usual way is not as large as the rare one.
        return Box::pin(try_transfer(app, write, posting, answer, refused)).await;
    }
    let subject = wanted.customer.to_string();
    let outcome = app.ledger.submit(Command { write, postings: vec![posting], subject, answer }).await;
    outcome.map_err(|failure| match failure {
        Failure::Refused(refusal) => refused(refusal),
        Failure::Error(error) => error,
    })
}

/// Does it and takes it back.
async fn try_transfer(
    app: &App,
    write: Write,
    posting: Posting,
    answer: fn(&[Transfer]) -> String,
    refused: impl Fn(Refusal) -> ApiError,
) -> Result<Answer, ApiError> {
    let tenant = write.caller.tenant;
    match write.begin().await? {
        Begun::Done(answer) => Ok(answer),
        Begun::New(mut transaction) => {
            let made = ledger::post(transaction.connection(), tenant, &[posting], app.now(tenant)).await;
            let made = made.map_err(|error| match error {
                PostError::Refused(refusal) => refused(refusal),
                PostError::Database(error) => error.into(),
            })?;
            transaction.finish_with("", answer(&made)).await
        }
    }
}

/// What an account has is too little: the vendor's code, and its words.
pub const INSUFFICIENT_BALANCE: (&str, &str) = ("CBC.99005003", "Insufficient balance.");

/// 400, for that reason.
pub fn insufficient_balance() -> ApiError {
    ApiError::bss(StatusCode::BAD_REQUEST, INSUFFICIENT_BALANCE.0, INSUFFICIENT_BALANCE.1)
}

/// A transfer's number, for the answer.
pub fn number(made: &[Transfer]) -> String {
    ledger::number(made[0].posting.kind, made[0].id)
}

/// An answer's body.
pub fn body(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("an answer of texts serialises")
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{date, datetime};

    #[test]
    fn records_reach_back_a_year_and_no_further() {
        let now = datetime!(2026-03-28 20:00 UTC);
        let span = days(None, None, now).expect("the default is allowed");
        assert_eq!(span.begin, datetime!(2025-03-29 00:00 +8));
        assert_eq!(span.end, datetime!(2026-03-30 00:00 +8));
        let day = |day| Some(Day(day));
        assert!(days(day(date!(2025 - 03 - 29)), day(date!(2026 - 03 - 29)), now).is_ok());
        assert!(days(day(date!(2025 - 03 - 28)), day(date!(2026 - 03 - 29)), now).is_err());
        assert!(days(day(date!(2026 - 03 - 29)), day(date!(2026 - 03 - 28)), now).is_err());
        assert!(days(day(date!(2027 - 02 - 28)), day(date!(2028 - 02 - 29)), now).is_ok());
        assert!(days(None, day(date!(2028 - 02 - 29)), now).is_ok());
    }
}
