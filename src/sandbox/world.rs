//! The accounts of the sandbox, the same for the same seed.

use crate::accounts::administration::{self as funds, Payment};
use crate::api::caller::CallerKind;
use crate::api::signature::Rules;
use crate::coupons::sandbox as coupons;
use crate::customers::store as customers;
use crate::customers::{Association, AssociationType, partners};
use crate::database;
use crate::identity::model::LoginName;
use crate::identity::password;
use crate::identity::store::{self, NewAccessKey, NewDomain, NewUser, Project};
use crate::operator::operators;
use crate::operator::policy::Role;
use crate::products::store::region_codes;
use crate::secrets::Sealer;
use crate::values::amount::PositiveAmount;
use crate::values::id::{AgencyId, DomainId, ProjectId, TenantId, UserId};
use anyhow::ensure;
use sha2::{Digest, Sha256};
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

/// Every account: name, kind, and the account it hangs below.
const ACCOUNTS: [(&str, CallerKind, Option<&str>); 7] = [
    ("demo-partner", CallerKind::Partner, None),
    ("demo-customer", CallerKind::Customer, Some("demo-partner")),
    (REFERRAL, CallerKind::Customer, Some("demo-partner")),
    ("other-partner", CallerKind::Partner, None),
    ("demo-distributor", CallerKind::Distributor, None),
    ("demo-reseller", CallerKind::Reseller, Some("demo-distributor")),
    ("reseller-customer", CallerKind::Customer, Some("demo-reseller")),
];

/// The customer that pays the vendor itself; the others are resale customers.
const REFERRAL: &str = "referral-customer";

/// What each partner and distributor has paid in, in yuan.
const FUNDS: &str = "100000.00";

/// The operator.
const OPERATOR: &str = "sandbox";

/// The agency under which demo-partner may act for demo-customer.
pub const AGENCY: &str = "demo-agency";

/// The accounts of one seed.
#[derive(Debug, Clone)]
pub struct World {
    seed: u64,
    /// In the order they are made: what others hang below comes first.
    pub accounts: Vec<Account>,
}

/// An account with its one user and that user's key.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name, and its user's.
    pub name: &'static str,
    /// Its kind.
    pub kind: CallerKind,
    /// The top of its tree.
    pub tenant: TenantId,
    /// Its id.
    pub domain: DomainId,
    /// Its user's id.
    pub user: UserId,
    /// The user's access key.
    pub access_key: String,
    /// The user's secret key.
    pub secret_key: String,
    /// The user's password.
    pub password: String,
    parent: Option<DomainId>,
}

impl World {
    /// The world of this seed, in memory.
    pub fn new(seed: u64) -> Self {
        let mut accounts: Vec<Account> = Vec::with_capacity(ACCOUNTS.len());
        for (name, kind, parent) in ACCOUNTS {
            let above = parent.and_then(|parent| accounts.iter().find(|account| account.name == parent));
            let domain = DomainId(derived_id(seed, name, "domain"));
            accounts.push(Account {
                name,
                kind,
                tenant: above.map_or(TenantId(domain.0), |above| above.tenant),
                domain,
                user: UserId(derived_id(seed, name, "user")),
                access_key: derived_text(seed, name, "access key", 20).to_uppercase(),
                secret_key: derived_text(seed, name, "secret key", 40),
                password: format!("Sandbox-{}", derived_text(seed, name, "password", 8)),
                parent: above.map(|above| above.domain),
            });
        }
        Self { seed, accounts }
    }

    /// The account of this name.
    pub fn account(&self, name: &str) -> &Account {
        self.accounts.iter().find(|account| account.name == name).expect("the world has this account")
    }

    /// The account whose key the Explorer fills in.
    pub fn demo(&self) -> &Account {
        self.account("demo-partner")
    }

    /// The token of the operator `sandbox`, who may do everything.
    pub fn operator_token(&self) -> String {
        derived_text(self.seed, OPERATOR, "token", 43)
    }

    /// The agency that demo-customer has granted demo-partner.
    pub fn agency(&self) -> AgencyId {
        AgencyId(derived_id(self.seed, "demo-customer", AGENCY))
    }

    /// Writes it to the database, all or nothing.
    pub async fn store(
        &self,
        connection: &mut PgConnection,
        sealer: &Sealer,
        now: OffsetDateTime,
    ) -> anyhow::Result<()> {
        let mut transaction = connection.begin().await?;
        let regions = region_codes();
        database::open_months_ahead(&mut transaction, now).await?;
        for account in &self.accounts {
            self.store_account(&mut transaction, account, &regions, sealer, now).await?;
        }
        for account in self.accounts.iter().filter(|account| CallerKind::PARTNERS.contains(&account.kind)) {
            let amount = PositiveAmount::try_from(FUNDS).expect("the constant is an amount");
            let payment = Payment { amount, designated: false, memo: String::new() };
            funds::top_up(&mut transaction, (account.tenant, account.domain), &payment, now).await?;
        }
        self.store_coupons(&mut transaction, now).await?;
        let customer = self.account("demo-customer");
        let agency = (self.agency(), AGENCY);
        store::insert_agency(&mut transaction, (customer.tenant, customer.domain), agency, self.demo().domain, now)
            .await?;
        let operator = LoginName::try_from(OPERATOR.to_owned()).map_err(anyhow::Error::msg)?;
        let token = self.operator_token();
        operators::create_with(&mut transaction, &operator, Role::Admin, (&token, None), now).await?;
        sqlx::query!("insert into sandbox_world (only_row, seed) values (true, $1)", self.seed.cast_signed())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn store_coupons(&self, connection: &mut PgConnection, now: OffsetDateTime) -> anyhow::Result<()> {
        let [partner, customer, distributor, reseller, resellers_customer] =
            ["demo-partner", "demo-customer", "demo-distributor", "demo-reseller", "reseller-customer"].map(|name| {
                let account = self.account(name);
                (account.tenant, account.domain)
            });
        coupons::make(connection, (partner, customer), (distributor, reseller, resellers_customer), now).await
    }

    async fn store_account(
        &self,
        connection: &mut PgConnection,
        account: &Account,
        regions: &[String],
        sealer: &Sealer,
        now: OffsetDateTime,
    ) -> anyhow::Result<()> {
        let Account { name, kind, tenant, domain, user, parent, .. } = account;
        let new = NewDomain { tenant: *tenant, id: *domain, parent: *parent, name, kind: *kind };
        ensure!(store::insert_domain(connection, &new, now).await?, "there is already an account {name}");
        if CallerKind::CUSTOMERS.contains(kind) {
            let kind = if *name == REFERRAL { AssociationType::Referral } else { AssociationType::Resale };
            let association = parent.map(|partner| Association { partner, kind, since: now });
            customers::insert(connection, *tenant, *domain, association).await?;
        }
        let project =
            |region: &String| Project { id: ProjectId(derived_id(self.seed, name, region)), name: region.clone() };
        let projects: Vec<Project> = regions.iter().map(project).collect();
        store::insert_projects(connection, (*tenant, *domain), &projects).await?;
        if CallerKind::PARTNERS.contains(kind) {
            let platform = platform(name);
            ensure!(partners::assign_platform(connection, &platform, *tenant, *domain).await?, "{platform} is taken");
        }
        let salt = *derived(self.seed, name, "salt").first_chunk().expect("a SHA-256 has 32 bytes");
        let password_hash = password::hash(&account.password, salt);
        let new = NewUser {
            id: *user,
            account: (*tenant, *domain),
            name,
            password_hash: Some(password_hash),
            administrator: true,
            permission_items: &[],
        };
        store::insert_user(connection, new, now).await?;
        let new = NewAccessKey {
            access_key: &account.access_key,
            sealed_secret: sealer.seal(account.secret_key.as_bytes(), &account.access_key),
            owner: (*tenant, *domain, *user),
            rules: Rules::default(),
        };
        store::insert_access_key(connection, new, now).await?;
        Ok(())
    }
}

/// The sales platform of a partner, which its customers come from: `DEMO_PARTNER`.
pub fn platform(partner: &str) -> String {
    partner.replace('-', "_").to_uppercase()
}

fn derived(seed: u64, account: &str, what: &str) -> [u8; 32] {
    Sha256::digest(format!("bss-gateway sandbox {seed} {account} {what}")).into()
}

fn derived_id(seed: u64, account: &str, what: &str) -> Uuid {
    let bytes = *derived(seed, account, what).first_chunk().expect("a SHA-256 has 32 bytes");
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// Letters and digits without those that look alike.
fn derived_text(seed: u64, account: &str, what: &str, length: u8) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let letters = (0..length).map(|position| {
        let [byte, ..] = derived(seed, account, &format!("{what} {position}"));
        char::from(ALPHABET[usize::from(byte % 32)])
    });
    letters.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_keys_and_another_seed_others() {
        let keys = |seed| World::new(seed).accounts.into_iter().map(|account| account.secret_key).collect::<Vec<_>>();
        assert_eq!(keys(1), keys(1));
        assert_ne!(keys(1), keys(2));
    }

    #[test]
    fn who_hangs_below_another_shares_its_tenant() {
        let world = World::new(1);
        assert_eq!(world.account("demo-customer").tenant, world.account("demo-partner").tenant);
        assert_ne!(world.account("other-partner").tenant, world.account("demo-partner").tenant);
    }
}
