//! `/admin/v1/accounts/{account}/funds`

use super::named::{OfAccount, account_and_time, refused};
use super::policy::OperatorPolicy;
use crate::accounts::administration::{self as funds, Credit, Payment};
use crate::accounts::credit::{self, Lot};
use crate::accounts::model::{CURRENCY, number};
use crate::api::error::ApiError;
use crate::api::extract::{Json, Path};
use crate::api::write::{Answer, Outcome, Write};
use crate::app::App;
use crate::identity::administration::find_account;
use crate::ledger::AccountKind;
use crate::ledger::books::Transfer;
use crate::ledger::store;
use crate::operators::store::Role;
use crate::values::amount::{Amount, PositiveAmount};
use crate::values::id::{DomainId, TenantId};
use crate::values::money::Currency;
use crate::values::text::texts;
use crate::values::time::{Instant, optional_instant};
use crate::values::truth;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;

texts! {
    /// A remark for the records.
    FundsMemo, 0..=200, "Top-up by bank transfer 4711";
}

/// What an account holds.
#[derive(Serialize, ToSchema)]
pub struct FundsView {
    /// The account.
    domain_id: DomainId,
    /// The tenant's time.
    time: Instant,
    /// One for each kind of balance that was ever used.
    balances: Vec<FundsBalance>,
    /// A customer's credit that has not ended, what ends first first.
    credits: Vec<CreditView>,
    /// The number, in the records, of the transfer that was made; left out where none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "RC01978D6A2B3C7D4E8F90A1B2C3D4E5F6")]
    transfer_id: Option<String>,
}

impl FundsView {
    fn after(self, made: &Transfer) -> Self {
        Self { transfer_id: Some(number(std::slice::from_ref(made))), ..self }
    }
}

/// Credit that ends at one instant.
#[derive(Serialize, ToSchema)]
pub struct CreditView {
    /// The currency.
    currency: Currency,
    /// What is left of it.
    amount: Amount,
    /// What it would be if nothing had been paid with it.
    granted: Amount,
    /// When it ends; left out if never.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Instant>,
}

impl From<Lot> for CreditView {
    fn from(lot: Lot) -> Self {
        let (amount, granted) = (lot.balance.into(), lot.granted.into());
        Self { currency: CURRENCY, amount, granted, expires_at: lot.expires_at.map(Instant) }
    }
}

/// A balance.
#[derive(Serialize, ToSchema)]
pub struct FundsBalance {
    /// What kind: `cash`, `designated`, `allocated`, `bonus`.
    #[schema(example = "cash")]
    kind: String,
    /// The currency.
    currency: Currency,
    /// How much.
    amount: Amount,
    /// How far below zero it may go; 0 without credit.
    credit_line: Amount,
}

/// Show what an account holds
///
/// Its balances at this moment, in the units of their currencies.
#[utoipa::path(
    get,
    path = "/admin/v1/accounts/{account}/funds",
    params(OfAccount),
    responses((status = 200, body = FundsView, description = "The balances.")),
    extensions(("x-policy" = json!(OperatorPolicy::reads())))
)]
pub async fn show_funds(
    State(app): State<App>,
    Path(OfAccount { account }): Path<OfAccount>,
) -> Result<Json<FundsView>, ApiError> {
    let mut connection = app.database.control().await?;
    let (tenant, owner) = find_account(&mut connection, &account).await.map_err(refused)?;
    Ok(Json(view(&mut connection, (tenant, owner), Instant(app.now(tenant))).await?))
}

async fn view(
    connection: &mut PgConnection,
    (tenant, owner): (TenantId, DomainId),
    time: Instant,
) -> sqlx::Result<FundsView> {
    let balances = store::balances(connection, tenant, &[owner]).await?;
    let shown = |balance: store::Balance| {
        let kind = match balance.kind {
            AccountKind::Cash => "cash",
            AccountKind::Designated => "designated",
            AccountKind::Allocated => "allocated",
            AccountKind::Bonus => "bonus",
            // Not the account's own, but a card's, a lot's or the vendor's.
            _ => return None,
        };
        let credit_line = Amount::from(-balance.floor.unwrap_or_default());
        Some(FundsBalance {
            kind: kind.to_owned(),
            currency: balance.currency,
            amount: balance.balance.into(),
            credit_line,
        })
    };
    let credits = credit::lots(connection, (tenant, owner), CURRENCY, time.0).await?;
    Ok(FundsView {
        domain_id: owner,
        time,
        balances: balances.into_iter().filter_map(shown).collect(),
        credits: credits.into_iter().map(CreditView::from).collect(),
        transfer_id: None,
    })
}

/// What is paid in or out.
#[derive(Deserialize, ToSchema)]
pub struct PaymentBody {
    /// How much, in yuan: above 0, at most 2 decimals. A number or a text.
    amount: PositiveAmount,
    /// Whether it is for designated purposes and cannot be allocated.
    #[serde(default, deserialize_with = "truth::value")]
    designated: bool,
    /// A remark for the records.
    memo: Option<FundsMemo>,
}

impl From<PaymentBody> for Payment {
    fn from(body: PaymentBody) -> Self {
        let memo = body.memo.map(|memo| memo.as_str().to_owned()).unwrap_or_default();
        Self { amount: body.amount, designated: body.designated, memo }
    }
}

/// Pay in
///
/// Raises the balance of a partner, a distributor or a referral customer: a recharge in its records.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/funds/top-ups",
    params(OfAccount),
    request_body = PaymentBody,
    responses((status = 200, body = FundsView, description = "The balances afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn top_up_funds(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<PaymentBody>,
) -> Result<Answer, ApiError> {
    let payment = Payment::from(body);
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let made = funds::top_up(connection, of, &payment, now).await.map_err(refused)?;
            Outcome::of(&of.1, &view(connection, of, Instant(now)).await?.after(&made))
        })
        .await
}

/// Pay out
///
/// Lowers the balance, as far as it and its credit reach: an adjustment in its records.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/funds/withdrawals",
    params(OfAccount),
    request_body = PaymentBody,
    responses((status = 200, body = FundsView, description = "The balances afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn withdraw_funds(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<PaymentBody>,
) -> Result<Answer, ApiError> {
    let payment = Payment::from(body);
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let made = funds::withdraw(connection, of, &payment, now).await.map_err(refused)?;
            Outcome::of(&of.1, &view(connection, of, Instant(now)).await?.after(&made))
        })
        .await
}

/// How far a balance may go below zero.
#[derive(Deserialize, ToSchema)]
pub struct CreditLineBody {
    /// In yuan; left out, the credit ends.
    line: Option<PositiveAmount>,
}

/// Set a credit line
///
/// Lets a partner's balance go so far below zero, and no further than it has gone already.
#[utoipa::path(
    put,
    path = "/admin/v1/accounts/{account}/funds/credit-line",
    params(OfAccount),
    request_body = CreditLineBody,
    responses((status = 200, body = FundsView, description = "The balances afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn set_credit_line(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<CreditLineBody>,
) -> Result<Answer, ApiError> {
    let line = body.line.map_or(Amount::ZERO, PositiveAmount::get);
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            funds::set_credit_line(connection, of, line, now).await.map_err(refused)?;
            Outcome::of(&of.1, &view(connection, of, Instant(now)).await?)
        })
        .await
}

/// What credit is granted.
#[derive(Deserialize, ToSchema)]
pub struct CreditBody {
    /// How much, in yuan: above 0, at most 2 decimals. A number or a text.
    amount: PositiveAmount,
    /// When it ends, in UTC to the second; absent, null or empty: never. What ends at the same instant is one credit.
    #[schema(value_type = Option<Instant>, nullable)]
    #[serde(default, deserialize_with = "optional_instant")]
    expires_at: Option<Instant>,
    /// A remark for the records.
    memo: Option<FundsMemo>,
}

/// Grant credit
///
/// Gives a customer credit: an adjustment in the records of its credit. It pays when there is no cash, what ends first first;
/// what is left of it when it ends is lost.
#[utoipa::path(
    post,
    path = "/admin/v1/accounts/{account}/funds/credits",
    params(OfAccount),
    request_body = CreditBody,
    responses((status = 200, body = FundsView, description = "The balances afterwards.")),
    extensions(("x-policy" = json!(OperatorPolicy::writes(Role::Operate))))
)]
pub async fn grant_credit(
    State(app): State<App>,
    write: Write,
    Path(OfAccount { account }): Path<OfAccount>,
    Json(body): Json<CreditBody>,
) -> Result<Answer, ApiError> {
    let memo = body.memo.map(|memo| memo.as_str().to_owned()).unwrap_or_default();
    let granted = Credit { amount: body.amount, expires_at: body.expires_at.map(|instant| instant.0), memo };
    write
        .once(async |connection| {
            let (of, now) = account_and_time(connection, &app, &account).await?;
            let made = funds::grant_credit(connection, of, &granted, now).await.map_err(refused)?;
            Outcome::of(&of.1, &view(connection, of, Instant(now)).await?.after(&made))
        })
        .await
}
