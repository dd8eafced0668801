//! `bss-gateway admin funds …`

use super::administration::{self as funds, Account, Credit, NewCard, Payment};
use super::credit;
use super::model::{CURRENCY, number};
use crate::arguments::instant;
use crate::clock::{self, Clock};
use crate::identity::administration::find_account;
use crate::ledger::books::Transfer;
use crate::ledger::{AccountKind, store};
use crate::values::amount::{Amount, PositiveAmount};
use crate::values::id::new_uuid;
use crate::values::time::Instant;
use clap::Subcommand;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

/// `admin funds …`
#[derive(Debug, Subcommand)]
pub enum FundsCommand {
    /// Pay in to the balance of a partner, a reseller or a referral customer
    TopUp {
        /// The account
        account: String,
        /// How much, in yuan
        #[arg(value_parser = amount)]
        amount: PositiveAmount,
        /// For designated purposes only: it cannot be allocated
        #[arg(long)]
        designated: bool,
        /// A remark for the records
        #[arg(long, default_value = "")]
        memo: String,
    },
    /// Pay out of a balance
    Withdraw {
        /// The account
        account: String,
        /// How much, in yuan
        #[arg(value_parser = amount)]
        amount: PositiveAmount,
        /// Out of what is for designated purposes
        #[arg(long)]
        designated: bool,
        /// A remark for the records
        #[arg(long, default_value = "")]
        memo: String,
    },
    /// Let a partner's balance go so far below zero
    Credit {
        /// The account
        account: String,
        /// How far, in yuan; 0 ends the credit
        line: String,
    },
    /// Grant a customer credit
    GrantCredit {
        /// The customer's account
        account: String,
        /// How much, in yuan
        #[arg(value_parser = amount)]
        amount: PositiveAmount,
        /// When it ends, like 2026-01-31T16:00:00Z; without this it never does
        #[arg(long, value_parser = instant)]
        expires_at: Option<OffsetDateTime>,
        /// A remark for the records
        #[arg(long, default_value = "")]
        memo: String,
    },
    /// Issue a stored-value card to a customer
    IssueCard {
        /// The customer's account
        account: String,
        /// What it is worth, in yuan
        #[arg(value_parser = amount)]
        face_value: PositiveAmount,
        /// Its name
        #[arg(long, default_value = funds::CARD_NAME)]
        name: String,
        /// How many days it can be used
        #[arg(long, default_value_t = funds::CARD_DAYS, value_parser = clap::value_parser!(i64).range(1..=3650))]
        days: i64,
    },
    /// List the stored-value cards of a customer, with what is left on each
    ListCards {
        /// The customer's account
        account: String,
    },
    /// Show the balances of an account
    Show {
        /// The account
        account: String,
    },
}

fn amount(text: &str) -> Result<PositiveAmount, String> {
    PositiveAmount::try_from(text)
}

/// Does it.
pub async fn run(connection: &mut PgConnection, command: FundsCommand) -> anyhow::Result<Value> {
    let name = command.account().to_owned();
    let account = find_account(connection, &name).await?;
    let now = clock::business_time(connection, account.0, &Clock::default()).await?;
    match command {
        FundsCommand::TopUp { amount, designated, memo, .. } => {
            let made = funds::top_up(connection, account, &Payment { amount, designated, memo }, now).await?;
            return answer(connection, &name, account, (&made, now)).await;
        }
        FundsCommand::Withdraw { amount, designated, memo, .. } => {
            let made = funds::withdraw(connection, account, &Payment { amount, designated, memo }, now).await?;
            return answer(connection, &name, account, (&made, now)).await;
        }
        FundsCommand::Credit { line, .. } => {
            let line = if line == "0" { Amount::ZERO } else { amount(&line).map_err(anyhow::Error::msg)?.get() };
            funds::set_credit_line(connection, account, line, now).await?;
        }
        FundsCommand::GrantCredit { amount, expires_at, memo, .. } => {
            let granted = Credit { amount, expires_at, memo };
            let made = funds::grant_credit(connection, account, &granted, now).await?;
            return answer(connection, &name, account, (&made, now)).await;
        }
        FundsCommand::IssueCard { face_value, name, days, .. } => {
            let expires_at = now.saturating_add(Duration::days(days));
            let card = NewCard { id: new_uuid(now), name, face_value, expires_at };
            funds::issue_card(connection, account, &card, now).await?;
        }
        FundsCommand::ListCards { .. } => {
            let cards = funds::cards(connection, account, (None, usize::MAX)).await?;
            return Ok(serde_json::to_value(cards)?);
        }
        FundsCommand::Show { .. } => {}
    }
    balances(connection, &name, account, now).await
}

impl FundsCommand {
    fn account(&self) -> &str {
        match self {
            Self::TopUp { account, .. }
            | Self::Withdraw { account, .. }
            | Self::Credit { account, .. }
            | Self::GrantCredit { account, .. }
            | Self::IssueCard { account, .. }
            | Self::ListCards { account }
            | Self::Show { account } => account,
        }
    }
}

/// The balances after a transfer, and its number in the records.
async fn answer(
    connection: &mut PgConnection,
    name: &str,
    account: Account,
    (made, now): (&Transfer, OffsetDateTime),
) -> anyhow::Result<Value> {
    let mut shown = balances(connection, name, account, now).await?;
    shown["transfer_id"] = json!(number(std::slice::from_ref(made)));
    Ok(shown)
}

async fn balances(
    connection: &mut PgConnection,
    name: &str,
    (tenant, owner): Account,
    now: OffsetDateTime,
) -> anyhow::Result<Value> {
    let mut shown = json!({ "account": name, "time": Instant(now), "currency": CURRENCY });
    // What was never used is shown too: it is nothing.
    for kind in ["cash", "designated", "allocated", "bonus"] {
        shown[kind] = json!(Amount::ZERO.to_string());
    }
    for balance in store::balances(connection, tenant, &[owner]).await? {
        let kind = match balance.kind {
            AccountKind::Cash => "cash",
            AccountKind::Designated => "designated",
            AccountKind::Allocated => "allocated",
            AccountKind::Bonus => "bonus",
            AccountKind::Credit
            | AccountKind::StoredValueCard
            | AccountKind::CouponQuota
            | AccountKind::Coupon
            | AccountKind::Vendor => continue,
        };
        shown[kind] = json!(Amount::from(balance.balance).to_string());
        if let Some(floor) = balance.floor.filter(|floor| !floor.is_zero()) {
            shown["credit_line"] = json!(Amount::from(-floor).to_string());
        }
    }
    let credits = credit::lots(connection, (tenant, owner), CURRENCY, now).await?;
    let credit: Decimal = credits.iter().map(|lot| lot.balance).sum();
    shown["credit"] = json!(Amount::from(credit).to_string());
    Ok(shown)
}
