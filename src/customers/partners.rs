//! What a partner is beside its account: its standing, its sales platform, who looks after it.

use super::model::{Refusal, ShortText};
use crate::arguments::given;
use crate::personal::Vault;
use crate::values::decimal::{WireDecimal, parse_decimal};
use crate::values::id::{DomainId, TenantId};
use crate::values::receiver::{Email, Phone};
use crate::values::text::{self, texts};
use crate::values::truth;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;

texts! {
    /// A company's name, or nothing.
    CompanyName, 0..=128, "Demo Partner Ltd";
}

/// What a partner may do with its customers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, sqlx::Type, clap::ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
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

/// The address that is told of bindings, or nobody.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct CallbackUrl(Option<String>);

impl TryFrom<String> for CallbackUrl {
    type Error = String;

    fn try_from(url: String) -> Result<Self, String> {
        if url.is_empty() {
            return Ok(Self(None));
        }
        text::check(&url, 1..=2048)?;
        let is_address =
            url.parse::<reqwest::Url>().is_ok_and(|url| url.has_host() && ["http", "https"].contains(&url.scheme()));
        if is_address { Ok(Self(Some(url))) } else { Err("must be an http or https address, or empty".to_owned()) }
    }
}

/// What a partner's customers may consume together, in dollars.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "WireDecimal")]
pub struct ConsumptionQuota(Decimal);

/// Far above any real one, and what the column holds.
const QUOTA_MAX: Decimal = Decimal::from_parts(3_567_587_327, 232, 0, false, 0);

impl TryFrom<WireDecimal> for ConsumptionQuota {
    type Error = String;

    fn try_from(WireDecimal(quota): WireDecimal) -> Result<Self, String> {
        let quota = quota.normalize();
        if quota < Decimal::ZERO || quota > QUOTA_MAX || quota.scale() > 2 {
            return Err(format!("must be from 0 to {QUOTA_MAX}, with at most 2 decimals"));
        }
        Ok(Self(quota))
    }
}

impl TryFrom<String> for ConsumptionQuota {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse_decimal(&text).map(WireDecimal).ok_or_else(|| "must be a number".to_owned())?.try_into()
    }
}

/// What to change of a partner; what is left out stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema, clap::Args)]
pub struct ProfileChange {
    /// What it may do with its customers.
    #[arg(long)]
    pub standing: Option<Standing>,
    /// Whether it is for tests: such a partner registers nobody.
    #[arg(long)]
    #[serde(default, deserialize_with = "truth::value_or_none")]
    pub test: Option<bool>,
    /// Whether it may send documents of its customers.
    #[arg(long)]
    #[serde(default, deserialize_with = "truth::value_or_none")]
    pub documents: Option<bool>,
    /// Its company's name.
    #[arg(long, value_parser = given::<CompanyName>)]
    pub name: Option<CompanyName>,
    /// Its mobile phone.
    #[arg(long, value_parser = given::<Phone>)]
    #[schema(value_type = Option<String>, example = "13800000001", max_length = 11)]
    pub phone: Option<Phone>,
    /// Its e-mail address.
    #[arg(long, value_parser = given::<Email>)]
    #[schema(value_type = Option<String>, example = "partner@example.com", max_length = 64)]
    pub email: Option<Email>,
    /// The account of who looks after it.
    #[arg(long, value_parser = given::<ShortText>)]
    pub manager: Option<ShortText>,
    /// Their name.
    #[arg(long, value_parser = given::<ShortText>)]
    pub manager_name: Option<ShortText>,
    /// The address that is told of bindings; empty: nobody.
    #[arg(long, value_parser = given::<CallbackUrl>)]
    #[schema(value_type = Option<String>, example = "https://partner.example.com/bind", max_length = 2048)]
    pub callback_url: Option<CallbackUrl>,
    /// What its customers may consume together, in dollars: the international site.
    #[arg(long, value_parser = given::<ConsumptionQuota>)]
    #[schema(value_type = Option<f64>, example = 10000, minimum = 0)]
    pub consumption_quota: Option<ConsumptionQuota>,
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

/// Changes it. What is not given stays, also when another change is made at the same time.
pub async fn change_profile(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    change: ProfileChange,
    vault: &Vault,
) -> sqlx::Result<Profile> {
    lock(connection, tenant, partner).await?;
    let before = profile(connection, tenant, partner).await?;
    let seal = |text: &str| vault.seal(text, partner);
    let text = |new: Option<ShortText>, old: String| new.map_or(old, |new| new.as_str().to_owned());
    let changed = Profile {
        standing: change.standing.unwrap_or(before.standing),
        is_test: change.test.unwrap_or(before.is_test),
        checks_documents: change.documents.unwrap_or(before.checks_documents),
        name: change.name.map_or(before.name, |name| name.as_str().to_owned()),
        account_manager_id: text(change.manager, before.account_manager_id),
        account_manager_name: text(change.manager_name, before.account_manager_name),
        sealed_phone: change.phone.map(|phone| seal(phone.as_str())).or(before.sealed_phone),
        sealed_email: change.email.map(|email| seal(email.as_str())).or(before.sealed_email),
        callback_url: change.callback_url.map_or(before.callback_url, |url| url.0),
        consumption_quota: change.consumption_quota.map(|quota| quota.0).or(before.consumption_quota),
    };
    set_profile(connection, tenant, partner, &changed).await?;
    Ok(changed)
}

/// Holds others up who change the partner, until the transaction ends. It may have no profile yet, but it has an account.
async fn lock(connection: &mut PgConnection, tenant: TenantId, partner: DomainId) -> sqlx::Result<()> {
    let account = sqlx::query_scalar!(
        "select name from domains where tenant_id = $1 and domain_id = $2 for no key update",
        tenant.0,
        partner.0
    );
    account.fetch_one(connection).await.map(drop)
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

/// The platforms of a partner, by name. They are found by their names elsewhere, so this reads them all: for operators.
pub async fn platforms(
    connection: &mut PgConnection,
    tenant: TenantId,
    partner: DomainId,
) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        "select xaccount_type from platforms where tenant_id = $1 and domain_id = $2 order by xaccount_type",
        tenant.0,
        partner.0
    )
    .fetch_all(connection)
    .await
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
    fn an_address_is_one_of_the_web_and_a_quota_fits_its_column() {
        let address = |text: &str| CallbackUrl::try_from(text.to_owned()).map(|url| url.0);
        assert_eq!(address(""), Ok(None));
        assert_eq!(address("https://p.test/bind?key=1"), Ok(Some("https://p.test/bind?key=1".to_owned())));
        for wrong in ["p.test", "/bind", "ftp://p.test", "file:///etc/passwd", "https://", "http://a\nb"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
        let quota = |text: &str| ConsumptionQuota::try_from(text.to_owned()).map(|quota| quota.0).ok();
        assert_eq!(quota("0"), Some(Decimal::ZERO));
        assert_eq!(quota("999999999999.00"), Some(QUOTA_MAX));
        for wrong in ["-0.01", "1000000000000", "0.001", "", "much"] {
            assert_eq!(quota(wrong), None, "{wrong}");
        }
    }

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
