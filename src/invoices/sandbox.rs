//! Invoices in the sandbox's world.

use super::model::{Invoice, InvoiceKind, Medium, Tax, TaxAmount, TaxClass, Title};
use super::requesting::{self, Request};
use super::steps::{self, Step};
use super::store;
use crate::charges::invoiceable::{Payer, Selection};
use crate::personal::Vault;
use crate::values::id::InvoiceTitleId;
use anyhow::Context;
use rust_decimal::Decimal;
use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// The rate of the tax that each of them contains, in per cent.
const RATE: u32 = 6;

/// Asks for an invoice, as a file, made out to the account's own company.
pub async fn request(
    connection: &mut PgConnection,
    vault: &Vault,
    (payer, name): (Payer, &str),
    selection: Selection,
    now: OffsetDateTime,
) -> anyhow::Result<Invoice> {
    let request = Request {
        payer,
        selection,
        title: title(connection, vault, (payer, name), now).await?,
        kind: InvoiceKind::Ordinary,
        medium: Medium::Digital,
        address: None,
        email: Some(format!("invoices@{name}.example.com").try_into().map_err(anyhow::Error::msg)?),
        user_name: name.to_owned(),
    };
    Ok(requesting::request(connection, vault, &request, now).await?.0)
}

/// Staff issue it, under a number that follows from the instant.
pub async fn issue(connection: &mut PgConnection, invoice: &Invoice, now: OffsetDateTime) -> anyhow::Result<()> {
    let account = (invoice.payer.tenant, invoice.payer.account);
    let number = format!("2631200000{:010}", now.unix_timestamp());
    let tax = Tax {
        tax_class: TaxClass::Vat,
        tax_rate: format!("{RATE}%").try_into().map_err(anyhow::Error::msg)?,
        tax_amount: TaxAmount((invoice.amount * Decimal::from(RATE) / Decimal::from(100 + RATE)).round_dp(2)),
    };
    let step = Step::Issue { number, taxes: vec![tax] };
    steps::take(connection, account, invoice.id, &step, now).await?;
    Ok(())
}

/// The account's title: it is kept the first time.
async fn title(
    connection: &mut PgConnection,
    vault: &Vault,
    (payer, name): (Payer, &str),
    now: OffsetDateTime,
) -> anyhow::Result<InvoiceTitleId> {
    let account = (payer.tenant, payer.account);
    if let Some((known, _)) = store::titles(connection, vault, account).await?.first() {
        return Ok(*known);
    }
    let title = json!({"title_type": 1, "invoice_title": format!("{name} Ltd"), "tax_number": "91520900MA6J6CBN9Q"});
    let title: Title = serde_json::from_value(title).context("the sample title is well-formed")?;
    title.check()?;
    let id = InvoiceTitleId::new(now);
    store::insert_title(connection, vault, (account, id), &title, now).await?;
    Ok(id)
}
