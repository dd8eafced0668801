//! What the vendor's staff and partners do to a customer's prices: agreements, discounts, incentive policies.
//!
//! Each function is one change, made whole or not at all; the next quote knows it.

use super::discounts::{Discount, DiscountKind, IncentivePolicy, Scope};
use super::model::{AgreementCode, DiscountName};
use super::store::{self, Agreement, StoredDiscount};
use crate::catalogue::memory as catalogue;
use crate::products::store::Products;
use crate::values::id::{DomainId, TenantId, new_uuid};
use crate::values::time::write_instant;
use rust_decimal::Decimal;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no such agreement.
    #[error("the account has no agreement {0}")]
    NoSuchAgreement(String),
    /// There is no such discount in force.
    #[error("the account has no discount {0} in force")]
    NoSuchDiscount(Uuid),
    /// The code of an agreement is taken.
    #[error("the account already has an agreement {0}")]
    AgreementTaken(String),
    /// The discount breaks a rule.
    #[error("{0}")]
    Rule(&'static str),
    /// What the discount applies to is not in the catalogue.
    #[error("there is no {0} {1}")]
    Unknown(&'static str, String),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// A span of time: from the first instant on, until before the second.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// From when.
    pub from: OffsetDateTime,
    /// Until when.
    pub until: OffsetDateTime,
}

/// A discount to be granted.
#[derive(Clone, Debug)]
pub struct NewDiscount {
    /// Where it comes from.
    pub kind: DiscountKind,
    /// Its name.
    pub name: DiscountName,
    /// Of a commercial one the agreement.
    pub agreement: Option<String>,
    /// What is left to pay.
    pub ratio: Decimal,
    /// Whether this promotion comes on top of others.
    pub stacks: bool,
    /// Of all customers right below the account, in place of the account itself.
    pub for_customers: bool,
    /// To what it applies.
    pub scope: Scope,
    /// When it holds; a commercial one by default as long as its agreement, which it cannot outlast.
    pub span: Option<Span>,
}

/// Records a framework agreement of an account.
pub async fn add_agreement(
    connection: &mut PgConnection,
    of: (TenantId, DomainId),
    code: &AgreementCode,
    Span { from, until }: Span,
    now: OffsetDateTime,
) -> Result<Uuid, Refusal> {
    if from >= until {
        return Err(Refusal::Rule("it must end after it begins"));
    }
    let id = new_uuid(now);
    let new = Agreement { id, code: code.as_str().to_owned(), effective_at: from, expires_at: until };
    match store::insert_agreement(connection, of, &new, now).await {
        Ok(()) => Ok(id),
        Err(error) if crate::database::violates(&error, "agreements_code_key") => {
            Err(Refusal::AgreementTaken(code.as_str().to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Grants a discount.
pub async fn add_discount(
    connection: &mut PgConnection,
    of: (TenantId, DomainId),
    new: NewDiscount,
    now: OffsetDateTime,
) -> Result<Uuid, Refusal> {
    let mut transaction = connection.begin().await?;
    let agreement = match &new.agreement {
        Some(code) => {
            let found = store::agreement_by_code(&mut transaction, of, code).await?;
            Some(found.ok_or_else(|| Refusal::NoSuchAgreement(code.clone()))?)
        }
        None => None,
    };
    let span = check(&new, agreement.as_ref())?;
    let scope = complete(new.scope, &Products::load(&mut transaction).await?)?;
    let id = new_uuid(now);
    let NewDiscount { kind, name, ratio, stacks, for_customers, .. } = new;
    let stored = StoredDiscount {
        discount: Discount { id, kind, name: name.as_str().to_owned(), ratio, stacks, scope },
        for_customers,
        effective_at: span.from,
        expires_at: span.until,
    };
    let agreement = agreement.map(|agreement| agreement.id);
    store::insert_discount(&mut transaction, of, &stored, agreement, now).await?;
    transaction.commit().await?;
    Ok(id)
}

/// The rules of a discount; gives the span for which it holds.
fn check(new: &NewDiscount, agreement: Option<&Agreement>) -> Result<Span, Refusal> {
    let commercial = new.kind == DiscountKind::Commercial;
    if commercial != agreement.is_some() {
        return Err(Refusal::Rule("a commercial discount belongs to an agreement, and no other does"));
    }
    if commercial && new.for_customers {
        return Err(Refusal::Rule("an agreement's discounts are the account's own"));
    }
    if new.stacks && new.kind != DiscountKind::Promotion {
        return Err(Refusal::Rule("only promotions stack"));
    }
    if new.ratio.is_sign_negative() || new.ratio >= Decimal::ONE || new.ratio.scale() > 4 {
        return Err(Refusal::Rule("the ratio must be from 0 to below 1, with at most four digits behind the point"));
    }
    let whole = agreement.map(|agreement| Span { from: agreement.effective_at, until: agreement.expires_at });
    let span = new.span.or(whole).ok_or(Refusal::Rule("it must be said from when until when it holds"))?;
    if span.from >= span.until {
        return Err(Refusal::Rule("it must end after it begins"));
    }
    if whole.is_some_and(|whole| span.from < whole.from || span.until > whole.until) {
        return Err(Refusal::Rule("it must lie within its agreement"));
    }
    Ok(span)
}

/// Fills in what the codes imply, and refuses codes that the catalogue does not know.
fn complete(mut scope: Scope, products: &Products) -> Result<Scope, Refusal> {
    if let Some(code) = &scope.resource_type {
        let resource = products.find_resource(code).ok_or_else(|| Refusal::Unknown("resource type", code.clone()))?;
        if scope.service_type.get_or_insert_with(|| resource.service_type_code.clone()) != &resource.service_type_code {
            return Err(Refusal::Rule("the resource type belongs to another service"));
        }
        if let Some(spec) = &scope.resource_spec
            && !products.specifications_of(code).iter().any(|known| known.code == *spec)
        {
            return Err(Refusal::Unknown("specification", spec.clone()));
        }
    } else if scope.resource_spec.is_some() {
        return Err(Refusal::Rule("a specification needs its resource type"));
    }
    if let Some(code) =
        scope.service_type.as_ref().filter(|code| !products.services.iter().any(|known| known.code == **code))
    {
        return Err(Refusal::Unknown("service", code.clone()));
    }
    if let Some(code) = scope.region.as_ref().filter(|code| !products.regions.iter().any(|known| known.code == **code))
    {
        return Err(Refusal::Unknown("region", code.clone()));
    }
    Ok(scope)
}

/// Ends a discount that is in force.
pub async fn end_discount(
    connection: &mut PgConnection,
    of: (TenantId, DomainId),
    id: Uuid,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let ended = store::end_discount(connection, of, id, now).await?;
    if ended { Ok(()) } else { Err(Refusal::NoSuchDiscount(id)) }
}

/// Sets a service's incentive policy from an instant on; every replica follows.
pub async fn set_incentive(
    connection: &mut PgConnection,
    service_type: &str,
    policy: IncentivePolicy,
) -> Result<(), Refusal> {
    let mut transaction = connection.begin().await?;
    catalogue::announce(&mut transaction).await?;
    let row = json!([{
        "service_type_code": service_type,
        "effective_at": write_instant(policy.effective_at),
        "incentive_policy": policy.incentive_policy.to_string(),
        "allow_discount": if policy.allow_discount { "YES" } else { "NO" },
    }]);
    match store::put_incentives(&mut transaction, &row).await {
        Ok(()) => Ok(transaction.commit().await?),
        Err(error) if crate::database::violates(&error, "incentive_policies_service_fk") => {
            Err(Refusal::Unknown("service", service_type.to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}
