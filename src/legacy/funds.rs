//! What the old forms of moving money within an enterprise have in common.

use super::form::{DoneV1, PageNumber, check_own, skipped};
use crate::accounts::model::{BalanceType, CURRENCY, YUAN};
use crate::api::caller::Master;
use crate::api::error::ApiError;
use crate::api::write::{Answer, Outcome, Write};
use crate::customers::model::AccountIdText;
use crate::enterprises::funds::{self, Direction, Movable, What};
use crate::enterprises::refusal::NotDone;
use crate::enterprises::task::Task;
use crate::values::amount::{Amount, PositiveAmount};
use crate::values::money::Currency;
use crate::values::number::Number;
use crate::values::text::texts;
use crate::values::time::Instant;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

texts! {
    /// The number of a transfer, the caller's own, by which it happens once.
    TransIdV1, 0..=64, "33";
}

/// How a transfer is counted: 1, by its amount.
pub type DeductMode = Number<1, 1>;

/// What an old form asks to move.
pub struct MoveV1<'a> {
    /// Its own number.
    pub trans_id: Option<&'a TransIdV1>,
    /// Which balance.
    pub balance_type: Option<BalanceType>,
    /// The member.
    pub member: &'a AccountIdText,
    /// How much.
    pub amount: PositiveAmount,
    /// When credit ends.
    pub expires_at: Option<Instant>,
}

/// Moves it.
pub async fn move_funds(
    now: OffsetDateTime,
    (caller, own): (&Master, &AccountIdText),
    write: Write,
    direction: Direction,
    wanted: MoveV1<'_>,
) -> Result<Answer, ApiError> {
    check_own(caller, own)?;
    let task = Task::of(caller, wanted.member, wanted.trans_id.map(TransIdV1::as_str), now)?;
    let what = What::of(wanted.balance_type, wanted.expires_at);
    let amount = wanted.amount.get().decimal();
    write
        .once(async |connection| {
            let moved = funds::move_funds(connection, &task, (direction, what, amount), now).await;
            moved.map_err(NotDone::in_old_form)?;
            Outcome::of(&task.member, &DoneV1::default())
        })
        .await
}

/// What can be moved, in the old form.
#[derive(Serialize, ToSchema)]
pub struct AmountsV1<T> {
    #[serde(flatten)]
    done: DoneV1,
    /// How many there are in all: 1 of cash.
    #[serde(rename = "totalCount")]
    #[schema(example = 1)]
    total_count: usize,
    /// Of cash one, of credit one for each instant at which some ends, the earliest first.
    #[serde(rename = "amountInfo")]
    amount_info: Vec<T>,
}

impl<T: From<AmountV1>> AmountsV1<T> {
    /// A page of so many, the first unless said otherwise.
    pub fn new(movable: &[Movable], (page, size): (Option<PageNumber>, usize)) -> Self {
        let part = funds::page(movable, (page.map_or(0, |page| skipped(page, size)), size));
        let amount_info = part.map(|movable| T::from(AmountV1::from(movable))).collect();
        Self { done: DoneV1::default(), total_count: movable.len(), amount_info }
    }
}

/// What of a balance can be moved, in the old form.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AmountV1 {
    /// How much; each form gives it a name of its own.
    #[serde(skip)]
    pub available: Amount,
    /// The unit of the amounts: 1, the yuan.
    #[schema(example = 1)]
    measure_id: i32,
    /// The currency.
    currency: Currency,
    /// What is left of the credit; of credit only.
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Amount>,
    /// The credit limit: what would be left if nothing had been paid with it; of credit only.
    #[serde(skip_serializing_if = "Option::is_none")]
    credit_amount: Option<Amount>,
    /// When the credit ends; left out if it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    expire_time: Option<Instant>,
}

impl From<&Movable> for AmountV1 {
    fn from(movable: &Movable) -> Self {
        let lot = movable.lot.as_ref();
        Self {
            available: movable.amount.into(),
            measure_id: YUAN,
            currency: CURRENCY,
            amount: lot.map(|lot| lot.balance.into()),
            credit_amount: lot.map(|lot| lot.granted.into()),
            expire_time: lot.and_then(|lot| lot.expires_at).map(Instant),
        }
    }
}
