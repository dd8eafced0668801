//! What the vendor's staff do to partners, at the command line and over the operators' API.

use super::administration::Refusal;
use super::partners::{self, Standing};
use super::store;
use crate::api::caller::CallerKind;
use crate::identity::administration::find_account;
use crate::personal::Vault;
use crate::values::amount::Amount;
use crate::values::id::{DomainId, TenantId};
use crate::values::text::masked;
use crate::values::time::Instant;
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// The partner, distributor or reseller of this name.
pub async fn find_partner(
    connection: &mut PgConnection,
    account: &str,
) -> Result<(TenantId, DomainId, CallerKind), Refusal> {
    let (tenant, domain) = find_account(connection, account).await?;
    let kind = store::kind(connection, tenant, domain).await?;
    if CallerKind::PARTNERS.contains(&kind) || kind == CallerKind::Reseller {
        Ok((tenant, domain, kind))
    } else {
        Err(Refusal::NotAPartner(account.to_owned()))
    }
}

/// A partner, a distributor or a reseller beside its account.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PartnerView {
    /// Its account's name.
    #[schema(example = "demo-partner")]
    pub account: String,
    /// Its id.
    pub domain_id: DomainId,
    /// What it may do with its customers.
    pub standing: Standing,
    /// Whether it is for tests.
    pub test: bool,
    /// Whether it may send documents of its customers.
    pub documents: bool,
    /// Its company's name; empty where it is not known.
    #[schema(example = "Demo Partner Ltd")]
    pub name: String,
    /// Its mobile phone, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "13***01")]
    pub phone: Option<String>,
    /// Its e-mail address, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "pa***om")]
    pub email: Option<String>,
    /// The account of who looks after it; empty where that is nobody.
    #[schema(example = "manager-1")]
    pub manager: String,
    /// Their name.
    #[schema(example = "Manager One")]
    pub manager_name: String,
    /// The address that is told of bindings; left out when nobody is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://partner.example.com/bind")]
    pub callback_url: Option<String>,
    /// What its customers may consume together, in dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumption_quota: Option<Amount>,
    /// Its sales platforms, what requests call `xaccount_type`.
    #[schema(example = json!(["DEMO_PARTNER"]))]
    pub platforms: Vec<String>,
}

/// A partner, by name.
pub async fn partner(connection: &mut PgConnection, account: &str, vault: &Vault) -> Result<PartnerView, Refusal> {
    let (tenant, domain, _) = find_partner(connection, account).await?;
    let profile = partners::profile(connection, tenant, domain).await?;
    let platforms = partners::platforms(connection, tenant, domain).await?;
    let shown = |sealed: &Option<Vec<u8>>| {
        let opened = sealed.as_ref().and_then(|sealed| vault.open(sealed, domain));
        opened.map(|text| masked(&text))
    };
    Ok(PartnerView {
        account: account.to_owned(),
        domain_id: domain,
        standing: profile.standing,
        test: profile.is_test,
        documents: profile.checks_documents,
        phone: shown(&profile.sealed_phone),
        email: shown(&profile.sealed_email),
        name: profile.name,
        manager: profile.account_manager_id,
        manager_name: profile.account_manager_name,
        callback_url: profile.callback_url,
        consumption_quota: profile.consumption_quota.map(Amount::from),
        platforms,
    })
}

/// Assigns a sales platform to a partner.
pub async fn assign_platform(
    connection: &mut PgConnection,
    account: &str,
    platform: &str,
) -> Result<DomainId, Refusal> {
    let (tenant, domain, _) = find_partner(connection, account).await?;
    if partners::assign_platform(connection, platform, tenant, domain).await? {
        Ok(domain)
    } else {
        Err(Refusal::PlatformTaken(platform.to_owned()))
    }
}

/// A distributor's reseller.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ResellerView {
    /// Its account's name.
    #[schema(example = "demo-reseller")]
    pub account: String,
    /// Its id.
    pub domain_id: DomainId,
    /// What it may do with its customers.
    pub standing: Standing,
    /// Its company's name; empty where it is not known.
    #[schema(example = "Reseller Ltd")]
    pub name: String,
    /// How many customers it has.
    #[schema(example = 12)]
    pub customers: i64,
    /// Since when it belongs to the distributor.
    pub admitted_at: Instant,
}

/// A distributor's resellers, latest first, from behind one on.
pub async fn resellers(
    connection: &mut PgConnection,
    account: &str,
    (behind, limit): (Option<(OffsetDateTime, Uuid)>, usize),
) -> Result<Vec<ResellerView>, Refusal> {
    let (tenant, distributor, kind) = find_partner(connection, account).await?;
    if kind != CallerKind::Distributor {
        return Err(Refusal::NotADistributor(account.to_owned()));
    }
    let rows = sqlx::query!(
        r#"select d.domain_id as "id: DomainId", d.name, d.created_at, p.standing as "standing?: Standing",
                  p.name as "company?",
                  (select c.customers from customer_counters c
                   where c.tenant_id = $1 and c.partner_id = d.domain_id) as customers
           from domains d
           left join partner_profiles p on p.tenant_id = d.tenant_id and p.domain_id = d.domain_id and p.tenant_id = $1
           where d.tenant_id = $1 and d.parent_id = $2 and d.kind = 'reseller'
             and ($3::timestamptz is null or (d.created_at, d.domain_id) < ($3, $4))
           order by d.created_at desc, d.domain_id desc limit $5"#,
        tenant.0,
        distributor.0,
        behind.map(|(at, _)| at),
        behind.map(|(_, id)| id),
        i64::try_from(limit).unwrap_or(i64::MAX)
    );
    let rows = rows.fetch_all(connection).await?.into_iter().map(|row| ResellerView {
        account: row.name,
        domain_id: row.id,
        standing: row.standing.unwrap_or_default(),
        name: row.company.unwrap_or_default(),
        customers: row.customers.unwrap_or_default(),
        admitted_at: Instant(row.created_at),
    });
    Ok(rows.collect())
}
