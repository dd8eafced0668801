//! How an account divides its resources: by enterprise projects, which it opens itself, or in one of two older ways, which the
//! vendor's staff open for it. One excludes the others.

use super::model::Feature;
use super::refusal::{Check, Refusal};
use super::store;
use crate::api::error::ApiError;
use crate::customers::model::{CustomerType, VerifiedStatus};
use crate::customers::store as customers;
use crate::values::id::{DomainId, TenantId};
use sqlx::PgConnection;
use time::OffsetDateTime;

/// What forbids a customer to open enterprise projects, in the vendor's order.
fn unmet(opened: &[Feature], (customer_type, verified): (CustomerType, VerifiedStatus)) -> Vec<Check> {
    let is_company = customer_type == CustomerType::Company && verified == VerifiedStatus::Verified;
    let checks = [
        (Check::NoProjectGroups, opened.contains(&Feature::ProjectGroups)),
        (Check::NoMultiProject, opened.contains(&Feature::MultiProject)),
        (Check::VerifiedCompany, !is_company),
    ];
    checks.into_iter().filter_map(|(check, is_unmet)| is_unmet.then_some(check)).collect()
}

/// Opens enterprise projects for a customer; nothing if they are open.
pub async fn open_projects(
    connection: &mut PgConnection,
    (tenant, customer): (TenantId, DomainId),
    now: OffsetDateTime,
) -> Result<(), ApiError> {
    let state = customers::lock(connection, tenant, customer).await?;
    let state = state.ok_or_else(|| ApiError::internal("a customer's account without a customer"))?;
    let opened = store::opened(connection, (tenant, customer)).await?;
    if opened.contains(&Feature::EnterpriseProjects) {
        return Ok(());
    }
    let unmet = unmet(&opened, (state.customer_type, state.verified));
    if !unmet.is_empty() {
        return Err(Refusal::Unmet(unmet).into());
    }
    Ok(store::open(connection, (tenant, customer), Feature::EnterpriseProjects, now).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_verified_company_that_divides_nothing_otherwise_may_open_projects() {
        let company = (CustomerType::Company, VerifiedStatus::Verified);
        assert_eq!(unmet(&[], company), []);
        for other in [
            (CustomerType::Person, VerifiedStatus::Verified),
            (CustomerType::Company, VerifiedStatus::Pending),
            (CustomerType::None, VerifiedStatus::None),
        ] {
            assert_eq!(unmet(&[], other), [Check::VerifiedCompany], "{other:?}");
        }
        let all = [Check::NoProjectGroups, Check::NoMultiProject, Check::VerifiedCompany];
        let opened = [Feature::MultiProject, Feature::ProjectGroups];
        assert_eq!(unmet(&opened, (CustomerType::None, VerifiedStatus::None)), all);
    }
}
