//! What a partner is beside its account: its standing, its sales platform, who looks after it.

use super::model::Refusal;
use crate::values::id::{DomainId, TenantId};
use rust_decimal::Decimal;
use sqlx::PgConnection;

/// What a partner may do with its customers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, sqlx::Type, clap::ValueEnum)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Standing {
    /// Everything
    #[default]
    Normal,
    /// Create no associations
    Restricted,
    /// Nothing: it has left
    Exited,
}

/// A partner, a distributor or a reseller.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// What it may do.
    pub standing: Standing,
    /// Whether it is for tests.
    pub is_test: bool,
    /// Whether it may send documents of its customers.
    pub checks_documents: bool,
    /// Its company's name.
    pub name: String,
    /// The account of who looks after it.
    pub account_manager_id: String,
    /// Their name.
    pub account_manager_name: String,
    /// Its phone, sealed.
    pub sealed_phone: Option<Vec<u8>>,
    /// Its e-mail address, sealed.
    pub sealed_email: Option<Vec<u8>>,
    /// Who is told of bindings.
    pub callback_url: Option<String>,
    /// What its customers may consume together.
    pub consumption_quota: Option<Decimal>,
}

/// The profile of a partner; nothing known is the default.
pub async fn profile(connection: &mut PgConnection, tenant: TenantId, partner: DomainId) -> sqlx::Result<Profile> {
    let profile = sqlx::query_as!(
        Profile,
        r#"select standing as "standing: Standing", is_test, checks_documents, name, account_manager_id,
                  account_manager_name, sealed_phone, sealed_email, callback_url, consumption_quota
           from partner_profiles where tenant_id = $1 and domain_id = $2"#,
        tenant.0,
        partner.0
    );
    let unknown = || Profile { checks_documents: true, ..Profile::default() };
    Ok(profile.fetch_optional(connection).await?.unwrap_or_else(unknown))
}

/// Sets it.
pub async fn set_profile(
    connection: &mut PgConnection,
    tenant: TenantId,
    partner: DomainId,
    profile: &Profile,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into partner_profiles (tenant_id, domain_id, standing, is_test, checks_documents, name, account_manager_id,
                                       account_manager_name, sealed_phone, sealed_email, callback_url, consumption_quota)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         on conflict (tenant_id, domain_id) do update
         set standing = excluded.standing, is_test = excluded.is_test, checks_documents = excluded.checks_documents,
             name = excluded.name, account_manager_id = excluded.account_manager_id,
             account_manager_name = excluded.account_manager_name, sealed_phone = excluded.sealed_phone,
             sealed_email = excluded.sealed_email, callback_url = excluded.callback_url,
             consumption_quota = excluded.consumption_quota",
        tenant.0,
        partner.0,
        profile.standing as _,
        profile.is_test,
        profile.checks_documents,
        profile.name,
        profile.account_manager_id,
        profile.account_manager_name,
        profile.sealed_phone,
        profile.sealed_email,
        profile.callback_url,
        profile.consumption_quota
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whose platform this is.
pub async fn platform(
    connection: &mut PgConnection,
    xaccount_type: &str,
) -> sqlx::Result<Option<(TenantId, DomainId)>> {
    let row = sqlx::query!(
        r#"select tenant_id as "tenant: TenantId", domain_id as "domain: DomainId" from platforms
           where xaccount_type = $1"#,
        xaccount_type
    );
    Ok(row.fetch_optional(connection).await?.map(|row| (row.tenant, row.domain)))
}

/// Assigns a platform to a partner; whether it was free.
pub async fn assign_platform(
    connection: &mut PgConnection,
    xaccount_type: &str,
    tenant: TenantId,
    partner: DomainId,
) -> sqlx::Result<bool> {
    let inserted = sqlx::query!(
        "insert into platforms (xaccount_type, tenant_id, domain_id) values ($1, $2, $3) on conflict do nothing",
        xaccount_type,
        tenant.0,
        partner.0
    );
    Ok(inserted.execute(connection).await?.rows_affected() == 1)
}

/// Whether a partner may register customers; `above` is the reseller's distributor.
pub fn may_register(partner: &Profile, above: Option<&Profile>) -> Result<(), Refusal> {
    if partner.is_test || above.is_some_and(|above| above.is_test) {
        return Err(Refusal::TestPartner);
    }
    match above.map(|above| above.standing) {
        Some(Standing::Exited) => return Err(Refusal::DistributorExited),
        Some(Standing::Restricted) => return Err(Refusal::DistributorRestricted),
        Some(Standing::Normal) | None => {}
    }
    // Of a partner that has left itself the vendor names no code of its own.
    if partner.standing == Standing::Normal { Ok(()) } else { Err(Refusal::Restricted) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_restricted_registers_nobody() {
        let in_standing = |standing| Profile { standing, ..Profile::default() };
        let normal = Profile::default();
        assert_eq!(may_register(&normal, None), Ok(()));
        assert_eq!(may_register(&normal, Some(&normal)), Ok(()));
        assert_eq!(may_register(&in_standing(Standing::Restricted), None), Err(Refusal::Restricted));
        assert_eq!(may_register(&in_standing(Standing::Exited), None), Err(Refusal::Restricted));
        let above = |standing| may_register(&normal, Some(&in_standing(standing)));
        assert_eq!(above(Standing::Restricted), Err(Refusal::DistributorRestricted));
        assert_eq!(above(Standing::Exited), Err(Refusal::DistributorExited));
        assert_eq!(may_register(&Profile { is_test: true, ..Profile::default() }, None), Err(Refusal::TestPartner));
    }
}
