//! What changed a partner's balance, in the fields of `ListPartnerAccountChangeRecords`.

use crate::accounts::model::{CURRENCY, cash, detail_type, record_id, revenue_or_expense};
use crate::exports::source::{Of, Source, With, table};
use crate::exports::table::{Cell, Column};
use crate::ledger::entries::{self, History, Numbered, Span};
use crate::ledger::{self, TransferKind};
use crate::values::time::Day;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// Changes of the balance.
pub struct Funds;

table! {
    numbered: Numbered, _with;
    "account_change_id": Text = record_id(numbered.change.entry.transfer, numbered.change.entry.amount);
    "trade_detail_type": Text = detail_type(numbered.change.entry.kind);
    "trade_time": Time = numbered.change.entry.happened_at;
    "trade_id": Text = trade(&numbered);
    "change_amount": Number = numbered.change.entry.amount.abs();
    "balance_after_change": Number = numbered.change.balance_after;
    "type": Text = revenue_or_expense(numbered.change.entry.amount);
    "currency": Text = CURRENCY.code();
    "customer_id": Text = numbered.change.entry.customer
        .filter(|_| TransferKind::ADJUSTMENTS.contains(&numbered.change.entry.kind));
}

fn trade(Numbered { change, .. }: &Numbered) -> String {
    match change.reference.as_str() {
        "" => ledger::number(change.entry.kind, change.entry.transfer),
        reference => reference.to_owned(),
    }
}

impl Source for Funds {
    const COLUMNS: &'static [Column] = COLUMNS;
    type Row = Numbered;
    type Key = i64;

    async fn count(connection: &mut PgConnection, of: &Of) -> sqlx::Result<i64> {
        entries::count(connection, history(of), span(of)).await
    }

    async fn behind(
        connection: &mut PgConnection,
        of: &Of,
        key: Option<i64>,
        limit: usize,
    ) -> sqlx::Result<Vec<Numbered>> {
        entries::behind(connection, history(of), span(of), (key, limit)).await
    }

    fn key(numbered: &Numbered) -> i64 {
        numbered.number
    }

    fn cells(numbered: Numbered, with: &With<'_>) -> Vec<Cell> {
        cells(numbered, with)
    }
}

fn history(of: &Of) -> History {
    History { tenant: of.tenant, account: cash(of.tenant, of.owner).id() }
}

/// Without days all that happened until it was asked for.
fn span(of: &Of) -> Span {
    let whole = || (OffsetDateTime::UNIX_EPOCH, Day::of(of.asked_at).end());
    let (begin, end) = of.days.map_or_else(whole, |(first, last)| (first.start(), last.end()));
    Span { begin, end }
}
