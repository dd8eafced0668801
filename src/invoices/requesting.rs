//! Asking for an invoice.

use super::events;
use super::model::{Address, Details, Invoice, InvoiceEmail, InvoiceKind, Medium};
use super::refusal::{NotDone, Refusal};
use super::state::{self, Event};
use super::store;
use crate::charges::invoiceable::{self, Item, Payer, Selection};
use crate::personal::Vault;
use crate::values::id::{InvoiceId, InvoiceTitleId};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// The smallest invoice.
const LEAST: Decimal = Decimal::from_parts(1, 0, 0, false, 2);

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asks, in which currency.
    pub payer: Payer,
    /// Of what.
    pub selection: Selection,
    /// Made out to whom.
    pub title: InvoiceTitleId,
    /// What it is.
    pub kind: InvoiceKind,
    /// On what.
    pub medium: Medium,
    /// Where paper goes.
    pub address: Option<Address>,
    /// Where files go.
    pub email: Option<InvoiceEmail>,
    /// Who asks.
    pub user_name: String,
}

impl Request {
    /// Where it goes must be said.
    pub fn check(&self) -> Result<(), Refusal> {
        match self.medium {
            Medium::Paper if self.address.is_none() => {
                Err(Refusal::Parameter("address_info", "must be given where medium is paper"))
            }
            Medium::Digital if self.email.is_none() => {
                Err(Refusal::Parameter("email", "must be given where medium is digital"))
            }
            _ => Ok(()),
        }
    }

    /// The field that says of what.
    fn field(&self) -> &'static str {
        match self.selection {
            Selection::Month(..) => "bill_cycle",
            Selection::Orders(_) => "order_ids",
        }
    }
}

/// What an invoice of these comes to, in which what was given back is below zero.
fn total(items: &[Item], field: &'static str) -> Result<Decimal, Refusal> {
    if !items.iter().any(|item| item.amount > Decimal::ZERO) {
        return Err(Refusal::Nothing(field));
    }
    let total: Decimal = items.iter().map(|item| item.amount).sum();
    if total < LEAST { Err(Refusal::GivenBack(field)) } else { Ok(total) }
}

/// Asks for an invoice, in the transaction of who calls: it holds from now on what it is of.
pub async fn request(
    connection: &mut PgConnection,
    vault: &Vault,
    request: &Request,
    now: OffsetDateTime,
) -> Result<(Invoice, Vec<Item>), NotDone> {
    request.check()?;
    let (payer, field) = (request.payer, request.field());
    let title = store::title(connection, vault, payer, request.title).await?.ok_or(Refusal::NoSuchTitle)?;
    title.admits(request.kind)?;
    let (cycle, customer) = match &request.selection {
        Selection::Month(month, customer) => (Some(*month), *customer),
        Selection::Orders(_) => (None, None),
    };
    if let Some(month) = cycle
        && !invoiceable::is_closed(connection, payer.tenant, month).await?
    {
        return Err(Refusal::NotClosed.into());
    }
    let items = invoiceable::take(connection, payer, &request.selection).await?;
    if invoiceable::is_owed(connection, payer, &request.selection).await? {
        return Err(Refusal::InDebt(field).into());
    }
    let amount = total(&items, field)?;
    let title_kind = title.title_type;
    let details = Details { title, address: request.address.clone(), email: request.email.clone() };
    let invoice = Invoice {
        id: InvoiceId::new(now),
        payer,
        customer,
        cycle,
        amount,
        kind: request.kind,
        medium: request.medium,
        title_kind,
        details: store::seal(vault, payer.account, &details)?,
        status: state::next(None, Event::Requested).expect("the table begins with it"),
        user_name: request.user_name.clone(),
        requested_at: now,
        updated_at: now,
        number: None,
        parcel: None,
        reason: None,
        taxes: Vec::new(),
    };
    store::insert(connection, &invoice, &items).await?;
    events::tell(connection, &invoice).await?;
    Ok((invoice, items))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::id::DomainId;
    use time::macros::date;
    use uuid::Uuid;

    fn of(cents: &[i64]) -> Result<Decimal, Refusal> {
        let item = |(place, cents): (usize, &i64)| Item {
            customer: DomainId(Uuid::nil()),
            cycle: date!(2026 - 03 - 01),
            order_id: place.to_string(),
            amount: Decimal::new(*cents, 2),
        };
        total(&cents.iter().enumerate().map(item).collect::<Vec<_>>(), "bill_cycle")
    }

    #[test]
    fn refunds_lower_the_next_invoice_and_never_below_nothing() {
        assert_eq!(of(&[23_000]), Ok(Decimal::new(23_000, 2)));
        // Invoiced 230, then 100 given back: of the next order of 230 there is 130.
        assert_eq!(of(&[23_000, -10_000]), Ok(Decimal::new(13_000, 2)));
        assert_eq!(of(&[10_000, -10_000]), Err(Refusal::GivenBack("bill_cycle")));
        assert_eq!(of(&[-10_000]), Err(Refusal::Nothing("bill_cycle")));
        assert_eq!(of(&[]), Err(Refusal::Nothing("bill_cycle")));
    }
}
