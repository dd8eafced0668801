//! What operators and services do with packages: grant one, report usage, end one.

use super::model::{Deduction, NewPackage, Refusal, Usage};
use super::store;
use crate::api::caller::CallerKind;
use crate::catalogue::memory::Catalogue;
use crate::customers::store::kind;
use crate::values::id::{DomainId, PackageId, TenantId};
use sqlx::PgConnection;
use std::collections::BTreeSet;
use time::OffsetDateTime;

/// Gives a customer a package.
pub async fn grant(
    connection: &mut PgConnection,
    (tenant, catalogue): (TenantId, &Catalogue),
    new: &NewPackage,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    must_be_customer(connection, (tenant, new.owner)).await?;
    check(new, catalogue, now)?;
    Ok(store::open(connection, tenant, new, now).await?)
}

/// Takes usage out of a customer's packages.
pub async fn report(
    connection: &mut PgConnection,
    of: (TenantId, DomainId),
    (usage, catalogue): (&Usage, &Catalogue),
    now: OffsetDateTime,
) -> Result<Deduction, Refusal> {
    must_be_customer(connection, of).await?;
    must_be_measured(catalogue, "", (&usage.resource_type, &usage.usage_type), usage.measure_id)?;
    Ok(store::deduct(connection, of, usage, now).await?)
}

/// Ends a customer's package.
pub async fn end(
    connection: &mut PgConnection,
    of: (TenantId, DomainId),
    package: PackageId,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    if store::unsubscribe(connection, of, package, now).await? { Ok(()) } else { Err(Refusal::NoSuchPackage(package)) }
}

async fn must_be_customer(connection: &mut PgConnection, (tenant, id): (TenantId, DomainId)) -> Result<(), Refusal> {
    let kind = kind(connection, tenant, id).await?;
    if CallerKind::CUSTOMERS.contains(&kind) { Ok(()) } else { Err(Refusal::NotACustomer) }
}

/// Whether it can be one: not over before it begins, of what the catalogue knows, an item for each usage type.
fn check(new: &NewPackage, catalogue: &Catalogue, now: OffsetDateTime) -> Result<(), Refusal> {
    if new.life.until <= new.life.from.max(now) {
        return Err(Refusal::EndsTooEarly);
    }
    if catalogue.products.find_service(&new.service_type).is_none() {
        return Err(Refusal::Unknown("service_type_code".to_owned()));
    }
    if !catalogue.products.regions.iter().any(|region| region.code == new.scope.region) {
        return Err(Refusal::Unknown("region_code".to_owned()));
    }
    let mut kinds = BTreeSet::new();
    for (place, item) in new.items.iter().enumerate() {
        let kind = (item.resource_type.as_str(), item.usage_type.as_str());
        must_be_measured(catalogue, &format!("items[{place}]."), kind, item.measure_id)?;
        if !kinds.insert((kind.0, kind.1.to_lowercase())) {
            return Err(Refusal::TwiceInIt(format!("{} of {}", kind.1, kind.0)));
        }
    }
    Ok(())
}

fn must_be_measured(
    catalogue: &Catalogue,
    place: &str,
    (resource_type, usage_type): (&str, &str),
    measure_id: i32,
) -> Result<(), Refusal> {
    let unknown = |field: &str| Err(Refusal::Unknown(format!("{place}{field}")));
    if catalogue.products.find_resource(resource_type).is_none() {
        return unknown("resource_type_code");
    }
    if catalogue.products.find_usage(resource_type, usage_type).is_none() {
        return unknown("usage_type_code");
    }
    if !catalogue.reference.units.iter().any(|unit| unit.measure_id == measure_id) {
        return unknown("measure_id");
    }
    Ok(())
}
