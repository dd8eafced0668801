//! How a review ends: by the operator, or by the rule of the sandbox.

use super::model::Refusal;
use super::store;
use crate::config::RealNameSettings;
use crate::customers::kin::{self, Succession};
use crate::customers::model::{CustomerType, Sort, VerifiedStatus};
use crate::customers::store::{self as customers, Verified};
use crate::personal::Vault;
use crate::values::id::{DomainId, TenantId};
use crate::values::text::texts;
use crate::values::time::{Day, Instant};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use time::{Date, OffsetDateTime};
use utoipa::ToSchema;

texts! {
    /// Why an application is refused: the partner reads it.
    Opinion, 1..=256, "The picture cannot be read.";
}

/// What the automatic review makes of an application.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It passes.
    Pass,
    /// It is refused in the review.
    Refuse,
    /// It goes to the operator.
    AskOperator,
    /// It is refused at once.
    RefuseAtOnce(Refusal),
}

/// The rule of the automatic review: the last four characters of the document's number, or of the bank card's, say what
/// happens, as with the test cards of payment services. Every other number passes.
pub fn verdict(number: &str) -> Verdict {
    let refuse = Verdict::RefuseAtOnce;
    match number.len().checked_sub(4).and_then(|start| number.get(start..)) {
        Some("0001") => Verdict::AskOperator,
        Some("0002") => Verdict::Refuse,
        Some("7193") => refuse(Refusal::NumberBanned),
        Some("7202") => refuse(Refusal::Failed),
        Some("7219") => refuse(Refusal::Face),
        Some("7255") => refuse(Refusal::CardHolder),
        Some("7258") => refuse(Refusal::CardStatus),
        Some("7260") => refuse(Refusal::CardNetwork),
        Some("7261") => refuse(Refusal::CardUnsupported),
        Some("7262") => refuse(Refusal::BankFailure),
        Some("0026") => refuse(Refusal::CannotReview),
        Some("0032") => refuse(Refusal::Abnormal),
        _ => Verdict::Pass,
    }
}

/// Why a review was not ended.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// There is nothing to review.
    #[error("the customer has no application under review")]
    NothingPending,
    /// The document belongs to too many customers.
    #[error("as many customers as may were verified with this document")]
    NumberExhausted,
    /// The name cannot be opened.
    #[error("the application was sealed under a master key that is not configured")]
    Sealed,
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

async fn pending(
    connection: &mut PgConnection,
    tenant: TenantId,
    customer: DomainId,
) -> Result<store::Pending, ReviewError> {
    customers::lock(connection, tenant, customer).await?.ok_or(ReviewError::NothingPending)?;
    store::pending(connection, tenant, customer).await?.ok_or(ReviewError::NothingPending)
}

/// What a reviewer looks at.
#[derive(Serialize, ToSchema)]
#[schema(as = RealNameApplication)]
pub struct ApplicationView {
    /// The account's id of who applied.
    partner_id: DomainId,
    /// When, by the tenant's time.
    applied_at: Instant,
    /// What the customer is to be.
    #[serde(rename = "as")]
    #[schema(value_type = Sort)]
    sort: Option<Sort>,
    /// Whether it is a verified person that becomes a company.
    is_change: bool,
    /// Which document, by the partner API's number; 0 for a bank card.
    #[schema(example = 0)]
    document_type: i16,
    /// The name.
    #[schema(example = "Demo Ltd")]
    name: String,
    /// The document's number.
    #[schema(example = "E12345678")]
    number: String,
    /// What else was sent: an address, a legal person, a bank card.
    #[schema(value_type = Object)]
    details: Value,
    /// The files, below `download/` of the partner's bucket.
    #[schema(example = json!(["1.jpg"]))]
    attachments: Vec<String>,
}

/// A customer's application under review, opened: whoever decides must see what about.
pub async fn application(
    connection: &mut PgConnection,
    vault: &Vault,
    (tenant, customer): (TenantId, DomainId),
) -> Result<ApplicationView, ReviewError> {
    let submitted = store::submitted(connection, tenant, customer).await?.ok_or(ReviewError::NothingPending)?;
    let open = |sealed: &[u8]| vault.open(sealed, customer).ok_or(ReviewError::Sealed);
    Ok(ApplicationView {
        partner_id: submitted.partner,
        applied_at: Instant(submitted.applied_at),
        sort: Sort::of(submitted.customer_type),
        is_change: submitted.is_change,
        document_type: submitted.document_type,
        name: open(&submitted.sealed_name)?,
        number: open(&submitted.sealed_number)?,
        details: serde_json::from_str(&open(&submitted.sealed_details)?).unwrap_or_default(),
        attachments: submitted.attachments,
    })
}

/// Bans a document's number, so that nobody is verified with it, or gives it free.
pub async fn set_ban(connection: &mut PgConnection, vault: &Vault, number: &str, banned: bool) -> sqlx::Result<()> {
    store::ban_certificate(connection, &vault.hash("document", &number.to_uppercase()), banned).await
}

/// Passes a customer's application.
pub async fn pass(
    connection: &mut PgConnection,
    vault: &Vault,
    (tenant, customer): (TenantId, DomainId),
    settings: &RealNameSettings,
    now: OffsetDateTime,
) -> Result<(), ReviewError> {
    let pending = pending(connection, tenant, customer).await?;
    let name = vault.open(&pending.sealed_name, customer).ok_or(ReviewError::Sealed)?;
    if !store::claim_certificate(connection, &pending.number_hash, settings.customers_per_document).await? {
        return Err(ReviewError::NumberExhausted);
    }
    let verified = Verified {
        customer_type: pending.customer_type,
        sealed_name: &pending.sealed_name,
        name_grams: &vault.name_grams(tenant, &name),
        new_tag: new_customer_months(Day::of(now).0),
    };
    customers::verify(connection, tenant, customer, &verified).await?;
    Ok(store::close(connection, tenant, pending.id, (VerifiedStatus::Verified, ""), now).await?)
}

/// Verifies a customer as another of its legal entity is: it sends no documents of its own. Nothing if that one is not verified.
pub async fn inherit(
    connection: &mut PgConnection,
    vault: &Vault,
    of: Succession,
    now: OffsetDateTime,
) -> Result<(), ReviewError> {
    let Succession { tenant, from, to } = of;
    let Some((customer_type, sealed)) = kin::verified_as(connection, tenant, from).await? else { return Ok(()) };
    let name = vault.open(&sealed, from).ok_or(ReviewError::Sealed)?;
    verify(connection, vault, (tenant, to), (customer_type, &name), now).await
}

/// Verifies a customer by this name, without an application.
pub async fn verify(
    connection: &mut PgConnection,
    vault: &Vault,
    (tenant, customer): (TenantId, DomainId),
    (customer_type, name): (CustomerType, &str),
    now: OffsetDateTime,
) -> Result<(), ReviewError> {
    let verified = Verified {
        customer_type,
        sealed_name: &vault.seal(name, customer),
        name_grams: &vault.name_grams(tenant, name),
        new_tag: new_customer_months(Day::of(now).0),
    };
    Ok(customers::verify(connection, tenant, customer, &verified).await?)
}

/// Refuses it. A person that wanted to become a company stays a verified person.
pub async fn refuse(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    opinion: &str,
    now: OffsetDateTime,
) -> Result<(), ReviewError> {
    let pending = pending(connection, tenant, customer).await?;
    if !pending.is_change {
        customers::set_verified_status(connection, tenant, customer, VerifiedStatus::Refused).await?;
    }
    Ok(store::close(connection, tenant, pending.id, (VerifiedStatus::Refused, opinion), now).await?)
}

/// For how long a verified customer can become a new one. The vendor names months without saying how many; we chose a year.
fn new_customer_months(today: Date) -> (Date, Date) {
    let first = today.replace_day(1).expect("each month has a first day");
    let last = first.replace_year(first.year() + 1).unwrap_or(first);
    // Up to and with the month before that day's.
    (first, last.previous_day().and_then(|day| day.replace_day(1).ok()).unwrap_or(last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    #[test]
    fn the_last_four_characters_decide() {
        assert_eq!(verdict("E12345678"), Verdict::Pass);
        assert_eq!(verdict("E00000001"), Verdict::AskOperator);
        assert_eq!(verdict("x0002"), Verdict::Refuse);
        assert_eq!(verdict("62227255"), Verdict::RefuseAtOnce(Refusal::CardHolder));
        assert_eq!(verdict(""), Verdict::Pass);
        assert_eq!(verdict("证件号码"), Verdict::Pass);
    }

    #[test]
    fn a_customer_is_new_for_twelve_months() {
        assert_eq!(new_customer_months(date!(2026 - 03 - 28)), (date!(2026 - 03 - 01), date!(2027 - 02 - 01)));
        assert_eq!(new_customer_months(date!(2026 - 01 - 01)), (date!(2026 - 01 - 01), date!(2026 - 12 - 01)));
    }
}
