//! The sandbox's real-name authentications.

use super::model::VerifiedType;
use super::review;
use super::store::{self, NewApplication};
use crate::config::RealNameSettings;
use crate::customers::model::{CustomerType, VerifiedStatus};
use crate::customers::store as customers;
use crate::personal::Vault;
use crate::values::id::{DomainId, TenantId, new_uuid};
use anyhow::ensure;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

/// How the review of an application ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It passes.
    Passes,
    /// It is refused.
    Refused,
    /// It is still to come.
    Open,
}

/// A person's application by passport, and its review a day later.
pub async fn apply(
    connection: &mut PgConnection,
    (tenant, partner, customer): (TenantId, DomainId, DomainId),
    (name, number): (&str, &str),
    end: End,
    (vault, settings): (&Vault, &RealNameSettings),
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let new = NewApplication {
        id: new_uuid(now),
        tenant,
        customer,
        partner,
        customer_type: CustomerType::Person,
        is_change: false,
        document_type: VerifiedType::Passport as i16,
        sealed_name: vault.seal(name, customer),
        sealed_number: vault.seal(number, customer),
        number_hash: vault.hash("document", number),
        sealed_details: vault.seal("{}", customer),
        attachments: vec![format!("sample/{number}.jpg")],
    };
    ensure!(store::insert(connection, &new, now).await?, "a sample customer applies once");
    customers::set_verified_status(connection, tenant, customer, VerifiedStatus::Pending).await?;
    let (of, then) = ((tenant, customer), now.saturating_add(Duration::DAY));
    match end {
        End::Passes => review::pass(connection, vault, of, settings, then).await?,
        End::Refused => review::refuse(connection, of, "The picture cannot be read", then).await?,
        End::Open => {}
    }
    Ok(())
}
