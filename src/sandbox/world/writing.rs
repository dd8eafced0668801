//! Writing a world to the database, all or nothing.

use super::accounts::{Account, EMPLOYER, Operator, PasswordHash, User, derived_id};
use super::model::{AGENCY, Scale, World, platform};
use super::{calendar, enterprise, history, people, scenarios, situations, trade_scenarios};
use crate::accounts::sandbox as funds;
use crate::api::caller::CallerKind;
use crate::background::due;
use crate::catalogue::memory::Catalogue;
use crate::clock;
use crate::config::Settings;
use crate::coupons::{jobs, sandbox as coupons};
use crate::customers::membership;
use crate::customers::model::Association;
use crate::customers::partners;
use crate::database;
use crate::enterprises::store::{self as enterprises, Master};
use crate::events::places;
use crate::identity::model::LoginName;
use crate::identity::store::{self, NewAccessKey, NewDomain, NewUser, Project};
use crate::operators::administration as operators;
use crate::orders::desk::DeskWhenNeeded;
use crate::personal::Vault;
use crate::products::store::region_codes;
use crate::secrets::Sealer;
use crate::signature::Rules;
use crate::values::id::{DomainId, ProjectId, TenantId, UserId};
use anyhow::ensure;
use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use time::OffsetDateTime;

/// What each partner and distributor has paid in, in yuan; those of the scenarios have what these say.
const FUNDS: &str = "100000.00";

impl World {
    /// Writes it to the database as it is at an instant, and does what falls due from then until another, all or nothing; the
    /// products and prices, if they had to be read for it.
    pub async fn store(
        &self,
        connection: &mut PgConnection,
        settings: &Settings,
        (now, until): (OffsetDateTime, OffsetDateTime),
    ) -> anyhow::Result<Option<Arc<Catalogue>>> {
        let sealer = &Sealer::from_settings(&settings.secrets)?;
        let began = if self.is_bare() { now } else { calendar::beginning(self.scale.months(), now) };
        database::open_months(connection, began.date(), now.date()).await?;
        database::open_months_ahead(connection, now).await?;
        self.hash_passwords();
        let desk = DeskWhenNeeded::new(settings);
        // It is read in a transaction of its own, which cannot be a part of another.
        let catalogue = if self.is_bare() { None } else { Some(Arc::clone(&desk.get(connection).await?.catalogue)) };
        let mut transaction = connection.begin().await?;
        let writer = Writer { seed: self.seed, sealer, regions: region_codes() };
        for account in &self.accounts {
            let is_new = situations::of_account(account.name).is_some_and(|scenario| !scenario.takes_orders);
            writer.account(&mut transaction, account, if is_new { now } else { began }).await?;
        }
        let employer = self.account(EMPLOYER);
        for user in &self.users {
            writer.user(&mut transaction, employer.ids(), user, began).await?;
        }
        let vault = Vault::load(&mut transaction, sealer).await?;
        enterprise::found(self, &mut transaction, &vault, began).await?;
        if !self.is_bare() {
            history::make(self, &mut transaction, ((&vault, &settings.real_name), &desk), now).await?;
            enterprise::make(self, &mut transaction, (&vault, &desk), now).await?;
            people::make(self, &mut transaction, (&vault, &settings.real_name), now).await?;
        }
        self.store_present(&mut transaction, now).await?;
        scenarios::make(self, &mut transaction, now).await?;
        if !self.is_bare() {
            trade_scenarios::make(self, &mut transaction, (&vault, &desk), now).await?;
        }
        // Else the server would do it, at no certain moment.
        for account in self.accounts.iter().filter(|account| account.parent.is_none()) {
            let shown = clock::setting(&mut transaction, account.tenant).await?.show(until);
            due::run(&mut transaction, &desk, account.tenant, shown).await?;
            jobs::unlist(&mut transaction, account.tenant, now).await?;
            places::place(&mut transaction, account.tenant, now).await?;
        }
        sqlx::query!(
            "insert into sandbox_world (only_row, seed, scale) values (true, $1, $2)",
            self.seed.cast_signed(),
            self.scale as Scale
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(catalogue)
    }

    /// Works out the hashes of all passwords, on all processors: it takes long, as it should.
    fn hash_passwords(&self) {
        let of_accounts = self.accounts.iter().map(|account| (&account.hash, &account.password));
        let all: Vec<_> = of_accounts.chain(self.users.iter().map(|user| (&user.hash, &user.password))).collect();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for part in all.chunks(all.len().div_ceil(threads)) {
                scope.spawn(|| part.iter().for_each(|(hash, password)| drop(hash.of(password))));
            }
        });
    }

    /// What is so now at every scale.
    async fn store_present(&self, connection: &mut PgConnection, now: OffsetDateTime) -> anyhow::Result<()> {
        let sellers = self.accounts.iter().filter(|account| CallerKind::PARTNERS.contains(&account.kind));
        for account in sellers.filter(|account| situations::of_account(account.name).is_none()) {
            funds::top_up(connection, account.ids(), FUNDS, now).await?;
        }
        let [partner, customer, distributor, reseller, resellers_customer] =
            ["demo-partner", "demo-customer", "demo-distributor", "demo-reseller", "reseller-customer"]
                .map(|name| self.account(name).ids());
        coupons::make(connection, (partner, customer), (distributor, reseller, resellers_customer), now).await?;
        store::insert_agency(connection, customer, (self.agency(), AGENCY), partner.1, now).await?;
        for Operator { name, role, token } in &self.operators {
            let name = LoginName::try_from((*name).to_owned()).map_err(anyhow::Error::msg)?;
            operators::create_with(connection, &name, *role, (token, None), now).await?;
        }
        Ok(())
    }
}

/// Writes accounts with what lets them in.
struct Writer<'a> {
    seed: u64,
    sealer: &'a Sealer,
    regions: Vec<String>,
}

impl Writer<'_> {
    async fn account(
        &self,
        connection: &mut PgConnection,
        account: &Account,
        now: OffsetDateTime,
    ) -> anyhow::Result<()> {
        let Account { name, kind, tenant, domain, parent, .. } = account;
        let new = NewDomain { tenant: *tenant, id: *domain, parent: *parent, name, kind: *kind };
        ensure!(store::insert_domain(connection, &new, now).await?, "there is already an account {name}");
        if kind.is_customer() {
            let association = account.association.map(|(partner, kind)| Association { partner, kind, since: now });
            membership::insert(connection, *tenant, *domain, association).await?;
        }
        if *kind == CallerKind::Master {
            enterprises::insert_root(connection, Master { tenant: *tenant, id: *domain }, now).await?;
        }
        let project =
            |region: &String| Project { id: ProjectId(derived_id(self.seed, name, region)), name: region.clone() };
        let projects: Vec<Project> = self.regions.iter().map(project).collect();
        store::insert_projects(connection, (*tenant, *domain), &projects).await?;
        if CallerKind::PARTNERS.contains(kind) {
            let platform = platform(name);
            ensure!(partners::assign_platform(connection, &platform, *tenant, *domain).await?, "{platform} is taken");
        }
        let entry = Entry {
            id: account.user,
            name,
            permission_items: None,
            password: (&account.password, &account.hash),
            key: (&account.access_key, &account.secret_key),
        };
        self.let_in(connection, (*tenant, *domain), &entry, now).await
    }

    async fn user(
        &self,
        connection: &mut PgConnection,
        account: (TenantId, DomainId),
        user: &User,
        now: OffsetDateTime,
    ) -> anyhow::Result<()> {
        let items: Vec<String> = user.permission_items.iter().map(|item| (*item).to_owned()).collect();
        let entry = Entry {
            id: user.id,
            name: user.name,
            permission_items: Some(&items),
            password: (&user.password, &user.hash),
            key: (&user.access_key, &user.secret_key),
        };
        self.let_in(connection, account, &entry, now).await
    }

    async fn let_in(
        &self,
        connection: &mut PgConnection,
        account: (TenantId, DomainId),
        entry: &Entry<'_>,
        now: OffsetDateTime,
    ) -> anyhow::Result<()> {
        let (password, hash) = entry.password;
        let new = NewUser {
            id: entry.id,
            account,
            name: entry.name,
            password_hash: Some(hash.of(password)),
            administrator: entry.permission_items.is_none(),
            permission_items: entry.permission_items.unwrap_or_default(),
        };
        store::insert_user(connection, new, now).await?;
        let (access_key, secret_key) = entry.key;
        let new = NewAccessKey {
            access_key,
            sealed_secret: self.sealer.seal(secret_key.as_bytes(), access_key),
            owner: (account.0, account.1, entry.id),
            rules: Rules::default(),
        };
        Ok(store::insert_access_key(connection, new, now).await?)
    }
}

/// A user that logs in and signs.
struct Entry<'a> {
    id: UserId,
    name: &'a str,
    /// `None` is everything.
    permission_items: Option<&'a [String]>,
    password: (&'a str, &'a PasswordHash),
    key: (&'a str, &'a str),
}
