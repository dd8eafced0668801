//! How an application is made: the same for a person, a company, and a person that becomes a company.

use super::model::{AttachmentUrl, Refusal};
use super::review::{self, ReviewError, Verdict, verdict};
use super::store::{self, NewApplication};
use crate::api::caller::Caller;
use crate::api::error::ApiError;
use crate::api::write::{Answer, Begun, Write};
use crate::app::App;
use crate::config::{RealNameSettings, Review};
use crate::customers::codes::{self, GivenCode};
use crate::customers::model::Customer;
use crate::customers::model::{CustomerType, VerifiedStatus};
use crate::customers::refusal::Unrelated;
use crate::customers::{self, partners};
use crate::values::id::new_uuid;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use time::OffsetDateTime;

/// An application, by the rules.
pub struct Application {
    /// Who it is for.
    pub customer: Arc<Customer>,
    /// What the customer is to be.
    pub customer_type: CustomerType,
    /// Whether it is a person already.
    pub is_change: bool,
    /// Which document; 0 for a bank card.
    pub document_type: i16,
    /// The name.
    pub name: String,
    /// The document's number.
    pub number: String,
    /// The number that the automatic review looks at.
    pub judged_number: String,
    /// The rest.
    pub details: Value,
    /// The files.
    pub attachments: Vec<AttachmentUrl>,
}

/// Whether a customer in this state may apply.
pub fn may_apply(
    (customer_type, verified): (CustomerType, VerifiedStatus),
    is_change: bool,
    refusals: i64,
    settings: &RealNameSettings,
) -> Result<(), Refusal> {
    let is_verified = verified == VerifiedStatus::Verified;
    if is_change {
        if !is_verified || customer_type != CustomerType::Person {
            return Err(Refusal::Unmet);
        }
    } else if is_verified || verified == VerifiedStatus::Pending {
        return Err(Refusal::NotNow);
    }
    if refusals >= settings.attempts_max { Err(Refusal::TooManyAttempts) } else { Ok(()) }
}

/// Whether the partner may send documents, and whether the platform is its own.
pub async fn may_send(app: &App, caller: &Caller, xaccount_type: &str) -> Result<(), ApiError> {
    let mut connection = app.database.tenant(caller.tenant).await?;
    if !partners::profile(&mut connection, caller.tenant, caller.domain).await?.checks_documents {
        return Err(Refusal::NotEnabled.into());
    }
    if partners::platform(&mut connection, xaccount_type).await? != Some((caller.tenant, caller.domain)) {
        return Err(ApiError::parameter("xaccount_type", "must be the platform that is assigned to the partner"));
    }
    Ok(())
}

/// Makes the application, and reviews it at once where the settings say so. `code` is used up with it; `answer` is told
/// whether a person has to look at it: 1, or 0 if the result is there.
pub async fn apply<T: Serialize>(
    app: &App,
    write: Write,
    application: Application,
    code: Option<GivenCode<'_>>,
    answer: fn(i16) -> T,
) -> Result<Answer, ApiError> {
    let caller = &write.caller.clone();
    let (tenant, customer, now) = (caller.tenant, application.customer.id, app.now(caller.tenant));
    let settings = &app.settings.real_name;
    refuse_large_files(settings, caller, &application.attachments).await?;
    let mut transaction = match write.begin().await? {
        Begun::Done(answer) => return Ok(answer),
        Begun::New(transaction) => transaction,
    };
    let connection = transaction.connection();
    let state = customers::store::lock(connection, tenant, customer).await?;
    let partner = application.customer.association.partner;
    let state = state.filter(|state| state.partner == Some(partner)).ok_or(Unrelated::NotACustomer)?;
    let refusals = store::refusals(connection, tenant, customer).await?;
    may_apply((state.customer_type, state.verified), application.is_change, refusals, settings)?;
    let new = seal(app, caller, &application, now);
    let certificate = store::certificate(connection, &new.number_hash).await?;
    if certificate.banned {
        return Err(Refusal::NumberBanned.into());
    }
    if certificate.customers >= settings.customers_per_document {
        return Err(Refusal::NumberExhausted.into());
    }
    if let Some(code) = code
        && !codes::consume(connection, &app.vault, &code).await?
    {
        return Err(customers::model::Refusal::CodeWrong.into());
    }
    let verdict = match settings.review {
        Review::Manual => Verdict::AskOperator,
        Review::Automatic => verdict(&application.judged_number),
    };
    if let Verdict::RefuseAtOnce(refusal) = verdict {
        return Err(refusal.into());
    }
    if !store::insert(connection, &new, now).await? {
        return Err(Refusal::NotNow.into());
    }
    if !application.is_change {
        customers::store::set_verified_status(connection, tenant, customer, VerifiedStatus::Pending).await?;
    }
    match verdict {
        Verdict::Pass => review::pass(connection, &app.vault, (tenant, customer), settings, now).await,
        Verdict::Refuse => review::refuse(connection, (tenant, customer), "Refused by the automatic review", now).await,
        Verdict::AskOperator | Verdict::RefuseAtOnce(_) => Ok(()),
    }
    .map_err(|error| match error {
        ReviewError::NumberExhausted => Refusal::NumberExhausted.into(),
        error => ApiError::internal(error),
    })?;
    let is_review = i16::from(verdict == Verdict::AskOperator);
    transaction.finish(&customer.to_string(), &answer(is_review)).await
}

fn seal(app: &App, caller: &Caller, application: &Application, now: OffsetDateTime) -> NewApplication {
    let customer = application.customer.id;
    NewApplication {
        id: new_uuid(now),
        tenant: caller.tenant,
        customer,
        partner: application.customer.association.partner,
        customer_type: application.customer_type,
        is_change: application.is_change,
        document_type: application.document_type,
        sealed_name: app.vault.seal(&application.name, customer),
        sealed_number: app.vault.seal(&application.number, customer),
        number_hash: app.vault.hash("document", &application.number.to_uppercase()),
        sealed_details: app.vault.seal(&application.details.to_string(), customer),
        attachments: application.attachments.iter().map(|url| url.as_str().to_owned()).collect(),
    }
}

/// Largest file.
const FILE_MAX: u64 = 10 * 1024 * 1024;

/// Where the partners' buckets can be seen, their files must be there and not too large.
async fn refuse_large_files(
    settings: &RealNameSettings,
    caller: &Caller,
    attachments: &[AttachmentUrl],
) -> Result<(), ApiError> {
    if settings.buckets.is_empty() {
        return Ok(());
    }
    let folder = std::path::Path::new(&settings.buckets).join(caller.domain.to_string()).join("download");
    for url in attachments {
        let file = tokio::fs::metadata(folder.join(url.as_str())).await;
        let file = file.map_err(|_| ApiError::parameter("verified_file_url", "names a file that is not there"))?;
        if file.len() > FILE_MAX {
            return Err(Refusal::AttachmentSize.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[test]
    fn only_a_person_becomes_a_company_and_nobody_applies_twice() {
        let settings = Settings::defaults().real_name;
        let may = |customer_type, verified, is_change, refusals| {
            may_apply((customer_type, verified), is_change, refusals, &settings)
        };
        assert_eq!(may(CustomerType::None, VerifiedStatus::None, false, 0), Ok(()));
        assert_eq!(may(CustomerType::None, VerifiedStatus::Refused, false, 1), Ok(()));
        assert_eq!(
            may(CustomerType::None, VerifiedStatus::Refused, false, settings.attempts_max),
            Err(Refusal::TooManyAttempts)
        );
        assert_eq!(may(CustomerType::None, VerifiedStatus::Pending, false, 0), Err(Refusal::NotNow));
        assert_eq!(may(CustomerType::Person, VerifiedStatus::Verified, false, 0), Err(Refusal::NotNow));
        assert_eq!(may(CustomerType::Person, VerifiedStatus::Verified, true, 0), Ok(()));
        assert_eq!(may(CustomerType::Company, VerifiedStatus::Verified, true, 0), Err(Refusal::Unmet));
        assert_eq!(may(CustomerType::None, VerifiedStatus::None, true, 0), Err(Refusal::Unmet));
    }
}
