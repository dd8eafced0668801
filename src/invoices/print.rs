//! An invoice as a page to print: one file that needs nothing else, in which all that was entered is escaped.

use super::model::{
    BankAccount, BankName, Details, Invoice, InvoiceEmail, InvoiceKind, Medium, RegisteredAddress, RegisteredPhone,
    Tax, TaxNumber,
};
use super::refusal::{NotDone, Refusal};
use super::state::Status;
use super::store;
use crate::charges::invoiceable::Item;
use crate::personal::Vault;
use crate::values::amount::Amount;
use crate::values::id::{DomainId, InvoiceId, TenantId};
use crate::values::time::{Day, Instant, Month};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::fmt::Write;

/// How the page looks.
const STYLE: &str = include_str!("print.css");
/// Nothing is loaded, and nothing runs: the page is text.
pub const SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/// The page of an account's invoice.
pub async fn page(
    connection: &mut PgConnection,
    vault: &Vault,
    (tenant, account): (TenantId, DomainId),
    id: InvoiceId,
) -> Result<String, NotDone> {
    let invoice = store::find(connection, (tenant, account), id).await?.ok_or(Refusal::NoSuchInvoice)?;
    let items = store::items(connection, tenant, id).await?;
    let details = invoice.open(vault)?;
    Ok(written(&invoice, &details, &items))
}

/// A text as it stands in a page.
fn escaped(text: &str) -> String {
    let mut page = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            letter => page.push(letter),
        }
    }
    page
}

fn heading(invoice: &Invoice) -> &'static str {
    match (invoice.status, invoice.kind) {
        (Status::InReview, _) => "Request for an invoice",
        (Status::Withdrawn, _) => "Request for an invoice, withdrawn",
        (Status::Refused, _) => "Request for an invoice, refused",
        (Status::Returned, _) => "Invoice, returned and void",
        (Status::Issued | Status::Sent, InvoiceKind::Special) => "Special VAT invoice",
        (Status::Issued | Status::Sent, InvoiceKind::Ordinary) => "VAT invoice",
    }
}

fn written(invoice: &Invoice, details: &Details, items: &[Item]) -> String {
    let heading = heading(invoice);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{heading} {id}</title>\n<style>\n{STYLE}</style></head>\n<body>\n\
         <h1>{heading}</h1>\n",
        id = invoice.id
    );
    let text = |value: Option<&str>| value.map(str::to_owned);
    let (title, address) = (&details.title, details.address.as_ref());
    let facts = [
        ("Number", invoice.number.clone()),
        ("Request", Some(invoice.id.to_string())),
        ("Title", text(Some(title.invoice_title.as_str()))),
        ("Tax number", text(title.tax_number.as_ref().map(TaxNumber::as_str))),
        ("Registered address", text(title.reg_address.as_ref().map(RegisteredAddress::as_str))),
        ("Registered phone", text(title.reg_phone.as_ref().map(RegisteredPhone::as_str))),
        ("Bank", text(title.bank.as_ref().map(BankName::as_str))),
        ("Bank account", text(title.bank_account.as_ref().map(BankAccount::as_str))),
        ("Month", invoice.cycle.map(|month| month.to_string())),
        ("Asked for by", text(Some(&invoice.user_name))),
        ("Asked for", Some(Instant(invoice.requested_at).to_string())),
        ("Last changed", Some(Instant(invoice.updated_at).to_string())),
        ("Medium", text(Some(if invoice.medium == Medium::Paper { "Paper" } else { "File" }))),
        ("Sent to", text(details.email.as_ref().map(InvoiceEmail::as_str))),
        (
            "Sent to",
            address.map(|to| format!("{}, {} {}", to.recipients.as_str(), to.address.as_str(), to.zip_code.as_str())),
        ),
        ("Parcel", invoice.parcel.clone()),
        ("Reason", invoice.reason.clone()),
    ];
    page.push_str("<table>\n");
    for (name, value) in facts {
        if let Some(value) = value {
            add(&mut page, format_args!("<tr><th>{name}</th><td>{}</td></tr>\n", escaped(&value)));
        }
    }
    page.push_str(
        "</table>\n<table>\n<tr><th>Customer</th><th>Month</th><th>Order</th><th class=\"amount\">Amount</th></tr>\n",
    );
    for item in items {
        let order = if item.order_id.is_empty() { "Use" } else { &item.order_id };
        let month = Month::of_day(Day(item.cycle));
        add(
            &mut page,
            format_args!(
                "<tr><td>{}</td><td>{month}</td><td>{}</td><td class=\"amount\">{}</td></tr>\n",
                item.customer,
                escaped(order),
                Amount::from(item.amount)
            ),
        );
    }
    let line = |page: &mut String, class: &str, name: &str, amount: Decimal| {
        add(
            page,
            format_args!(
                "<tr class=\"{class}\"><td colspan=\"3\">{}</td><td class=\"amount\">{} {}</td></tr>\n",
                escaped(name),
                Amount::from(amount),
                invoice.currency()
            ),
        );
    };
    line(&mut page, "total", "Total", invoice.amount);
    for Tax { tax_class, tax_rate, tax_amount } in &invoice.taxes {
        let name = format!("{tax_class:?}").to_uppercase();
        line(&mut page, "tax", &format!("of which {name} at {}", tax_rate.as_str()), tax_amount.0);
    }
    page.push_str("</table>\n</body>\n</html>\n");
    page
}

fn add(page: &mut String, part: std::fmt::Arguments<'_>) {
    page.write_fmt(part).expect("a text takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_entered_is_text() {
        assert_eq!(escaped("<b a='1' c=\"2\">&</b>"), "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;&lt;/b&gt;");
        assert_eq!(escaped("北京"), "北京");
    }
}
