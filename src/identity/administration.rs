//! What the vendor's staff do to accounts: create them, their users and keys, grant and withdraw agencies.
//!
//! Each function is one change, made whole or not at all, and announced to every replica with its commit.

use super::model::{AgencyName, LoginName};
use super::password;
use super::store::{self, KeySummary, NewAccessKey, NewDomain, NewUser, Project};
use crate::api::caller::CallerKind;
use crate::products::store::region_codes;
use crate::secrets::{self, Sealer};
use crate::signature::Rules;
use crate::values::id::{AgencyId, DomainId, ProjectId, TenantId, UserId};
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;

/// How many keys of a user may be enabled at once: the old and the new one while a key is rotated.
const ENABLED_KEYS_MAX: usize = 2;
/// Letters and digits without those that look alike.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The name of an account or of a user is taken.
    #[error("the name {0} is taken")]
    NameTaken(String),
    /// There is no such account.
    #[error("there is no account {0}")]
    NoSuchAccount(String),
    /// There is no such user.
    #[error("the account {0} has no user {1}")]
    NoSuchUser(String, String),
    /// There is no such key.
    #[error("there is no access key {0}")]
    NoSuchKey(String),
    /// There is no such agency.
    #[error("the account {0} has granted no agency {1}")]
    NoSuchAgency(String, String),
    /// An account of this kind cannot hang there.
    #[error("a {child:?} cannot be {}", .parent.map_or("at the top of a tree".to_owned(), |parent| format!("below a {parent:?}")))]
    WrongParent {
        /// The kind to be created.
        child: CallerKind,
        /// The kind it was to hang below.
        parent: Option<CallerKind>,
    },
    /// Rotation needs two keys, never more.
    #[error("the user already has {ENABLED_KEYS_MAX} enabled access keys: disable or delete one first")]
    TooManyKeys,
    /// The password breaks the rule.
    #[error("the password {0}")]
    WeakPassword(&'static str),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl Refusal {
    /// Whether what was named does not exist.
    pub fn is_of_nothing(&self) -> bool {
        use Refusal::{NoSuchAccount, NoSuchAgency, NoSuchKey, NoSuchUser};
        matches!(self, NoSuchAccount(_) | NoSuchUser(..) | NoSuchKey(_) | NoSuchAgency(..))
    }
}

/// Which kinds may hang below which.
pub fn check_parent(child: CallerKind, parent: Option<CallerKind>) -> Result<(), Refusal> {
    use CallerKind::{Customer, Distributor, Master, Operator, Partner, Reseller};
    let fits = match child {
        Partner | Distributor => parent.is_none(),
        Reseller => parent == Some(Distributor),
        Operator => false,
        Customer | Master => parent.is_none_or(|parent| [Partner, Distributor, Reseller].contains(&parent)),
    };
    if fits { Ok(()) } else { Err(Refusal::WrongParent { child, parent }) }
}

/// An account as others name it.
#[derive(Clone, Copy, Debug)]
struct Account {
    tenant: TenantId,
    domain: DomainId,
}

async fn account(connection: &mut PgConnection, name: &str) -> Result<Account, Refusal> {
    let found = store::domain_by_name(connection, name).await?;
    let (tenant, domain) = found.ok_or_else(|| Refusal::NoSuchAccount(name.to_owned()))?;
    Ok(Account { tenant, domain })
}

/// The account of this name.
pub async fn find_account(connection: &mut PgConnection, name: &str) -> Result<(TenantId, DomainId), Refusal> {
    let Account { tenant, domain } = account(connection, name).await?;
    Ok((tenant, domain))
}

pub(super) async fn user(
    connection: &mut PgConnection,
    of: &str,
    name: &str,
) -> Result<(TenantId, DomainId, UserId), Refusal> {
    let Account { tenant, domain } = account(connection, of).await?;
    let found = store::user_by_name(connection, tenant, domain, name).await?;
    let (user, _) = found.ok_or_else(|| Refusal::NoSuchUser(of.to_owned(), name.to_owned()))?;
    Ok((tenant, domain, user))
}

/// Adds an account with a project for each region and a user of the account's own name. `false`: the name is taken.
pub async fn open_account(
    connection: &mut PgConnection,
    new: &NewDomain<'_>,
    password_hash: Option<String>,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    if !store::insert_domain(connection, new, now).await? {
        return Ok(false);
    }
    let account = (new.tenant, new.id);
    let project = |name| Project { id: ProjectId::new(now), name };
    store::insert_projects(connection, account, &region_codes().into_iter().map(project).collect::<Vec<_>>()).await?;
    let administrator = NewUser {
        id: UserId::new(now),
        account,
        name: new.name,
        password_hash,
        administrator: true,
        permission_items: &[],
    };
    store::insert_user(connection, administrator, now).await?;
    Ok(true)
}

/// Creates an operator.
pub async fn create_user(
    connection: &mut PgConnection,
    of: &str,
    name: &LoginName,
    permission_items: &[String],
    now: OffsetDateTime,
) -> Result<UserId, Refusal> {
    let mut transaction = connection.begin().await?;
    let Account { tenant, domain } = account(&mut transaction, of).await?;
    let id = UserId::new(now);
    let new = NewUser {
        id,
        account: (tenant, domain),
        name: name.as_str(),
        password_hash: None,
        administrator: false,
        permission_items,
    };
    match store::insert_user(&mut transaction, new, now).await {
        Ok(()) => transaction.commit().await?,
        Err(error) if crate::database::violates(&error, "users_name_key") => {
            return Err(Refusal::NameTaken(name.as_str().to_owned()));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(id)
}

/// Enables or disables a user; disabled, its tokens and temporary keys end for good.
pub async fn set_user_enabled(
    connection: &mut PgConnection,
    of: &str,
    name: &str,
    enabled: bool,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let mut transaction = connection.begin().await?;
    let (tenant, _, user) = user(&mut transaction, of, name).await?;
    store::set_user_enabled(&mut transaction, (tenant, user), enabled, now).await?;
    Ok(transaction.commit().await?)
}

/// Gives a user these permission items and no others.
pub async fn set_permission_items(
    connection: &mut PgConnection,
    of: &str,
    name: &str,
    items: &[String],
) -> Result<(), Refusal> {
    let mut transaction = connection.begin().await?;
    let (tenant, _, user) = user(&mut transaction, of, name).await?;
    store::set_permission_items(&mut transaction, (tenant, user), items).await?;
    Ok(transaction.commit().await?)
}

/// Sets a user's password; its tokens and temporary keys end.
pub async fn set_password(
    connection: &mut PgConnection,
    of: &str,
    name: &str,
    new: &str,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    password::check(new, of).map_err(Refusal::WeakPassword)?;
    let hash = password::hash(new, secrets::random());
    let mut transaction = connection.begin().await?;
    let (tenant, _, user) = user(&mut transaction, of, name).await?;
    store::set_password(&mut transaction, (tenant, user), &hash, now).await?;
    Ok(transaction.commit().await?)
}

/// An access key with its secret, which is shown this once.
#[derive(Debug)]
pub struct NewKey {
    /// The access key.
    pub access_key: String,
    /// The secret key.
    pub secret_key: String,
}

/// Creates an access key for a user.
pub async fn create_key(
    connection: &mut PgConnection,
    of: &str,
    name: &str,
    sealer: &Sealer,
    now: OffsetDateTime,
) -> Result<NewKey, Refusal> {
    let mut transaction = connection.begin().await?;
    let owner = user(&mut transaction, of, name).await?;
    make_room_for_key(&mut transaction, owner.0, owner.2).await?;
    let secret_key = random_text::<40>();
    // Temporary keys begin with a prefix of their own.
    let access_key = format!("A{}", random_text::<19>());
    let sealed_secret = sealer.seal(secret_key.as_bytes(), &access_key);
    let new = NewAccessKey { access_key: &access_key, sealed_secret, owner, rules: Rules::default() };
    store::insert_access_key(&mut transaction, new, now).await?;
    transaction.commit().await?;
    Ok(NewKey { access_key, secret_key })
}

async fn make_room_for_key(connection: &mut PgConnection, tenant: TenantId, user: UserId) -> Result<(), Refusal> {
    store::lock_user(connection, tenant, user).await?;
    let keys = store::access_keys_of(connection, tenant, user).await?;
    let enabled = keys.iter().filter(|key| key.enabled).count();
    if enabled < ENABLED_KEYS_MAX { Ok(()) } else { Err(Refusal::TooManyKeys) }
}

/// Enables or disables an access key.
pub async fn set_key_enabled(connection: &mut PgConnection, access_key: &str, enabled: bool) -> Result<(), Refusal> {
    let mut transaction = connection.begin().await?;
    let no_such_key = || Refusal::NoSuchKey(access_key.to_owned());
    if enabled {
        let key = store::access_key(&mut transaction, access_key).await?.ok_or_else(no_such_key)?;
        make_room_for_key(&mut transaction, key.tenant_id, key.user_id).await?;
    }
    if !store::set_access_key_enabled(&mut transaction, access_key, enabled).await? {
        return Err(no_such_key());
    }
    Ok(transaction.commit().await?)
}

/// Lets an access key in again that signed wrongly too often, on every replica.
pub async fn unlock_key(connection: &mut PgConnection, access_key: &str) -> Result<(), Refusal> {
    let known = store::access_key(connection, access_key).await?;
    known.ok_or_else(|| Refusal::NoSuchKey(access_key.to_owned()))?;
    Ok(store::announce_unlocked(connection, access_key).await?)
}

/// Deletes an access key.
pub async fn delete_key(connection: &mut PgConnection, access_key: &str) -> Result<(), Refusal> {
    let mut transaction = connection.begin().await?;
    if !store::delete_access_key(&mut transaction, access_key).await? {
        return Err(Refusal::NoSuchKey(access_key.to_owned()));
    }
    Ok(transaction.commit().await?)
}

/// A user's access keys, oldest first.
pub async fn list_keys(connection: &mut PgConnection, of: &str, name: &str) -> Result<Vec<KeySummary>, Refusal> {
    let (tenant, _, user) = user(connection, of, name).await?;
    Ok(store::access_keys_of(connection, tenant, user).await?)
}

/// Lets the users of one account act for another.
pub async fn grant_agency(
    connection: &mut PgConnection,
    granting: &str,
    name: &AgencyName,
    trusted: &str,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let mut transaction = connection.begin().await?;
    let Account { tenant, domain } = account(&mut transaction, granting).await?;
    let trusted = account(&mut transaction, trusted).await?.domain;
    let agency = (AgencyId::new(now), name.as_str());
    match store::insert_agency(&mut transaction, (tenant, domain), agency, trusted, now).await {
        Ok(()) => Ok(transaction.commit().await?),
        Err(error) if crate::database::violates(&error, "agencies_name_key") => {
            Err(Refusal::NameTaken(name.as_str().to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Ends an agency, and with it every token and temporary key given for it.
pub async fn withdraw_agency(connection: &mut PgConnection, granting: &str, name: &str) -> Result<(), Refusal> {
    let mut transaction = connection.begin().await?;
    let Account { tenant, domain } = account(&mut transaction, granting).await?;
    let agency = store::agency_by_name(&mut transaction, (tenant, domain), name).await?;
    let agency = agency.ok_or_else(|| Refusal::NoSuchAgency(granting.to_owned(), name.to_owned()))?;
    store::delete_agency(&mut transaction, tenant, agency).await?;
    Ok(transaction.commit().await?)
}

fn random_text<const LENGTH: usize>() -> String {
    secrets::random::<LENGTH>().iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customers::administration::create_account;
    use crate::testing::{TestApp, login};
    use sqlx::PgPool;

    #[test]
    fn accounts_hang_where_the_vendors_hang() {
        use CallerKind::{Customer, Distributor, Master, Partner, Reseller};
        let fits = [
            (Partner, None),
            (Distributor, None),
            (Reseller, Some(Distributor)),
            (Customer, None),
            (Customer, Some(Partner)),
            (Customer, Some(Distributor)),
            (Customer, Some(Reseller)),
            (Master, None),
            (Master, Some(Partner)),
            (Master, Some(Distributor)),
            (Master, Some(Reseller)),
        ];
        for child in CallerKind::ALL {
            for parent in CallerKind::ALL.map(Some).into_iter().chain([None]) {
                assert_eq!(
                    check_parent(child, parent).is_ok(),
                    fits.contains(&(child, parent)),
                    "{child:?} {parent:?}"
                );
            }
        }
    }

    fn name(text: &str) -> LoginName {
        text.to_owned().try_into().expect("the test names it well")
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_new_account_calls_with_its_first_key(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let (now, mut connection) = (app.app.clock.now(), pool.acquire().await.expect("a connection"));
        create_account(&mut connection, &name("fresh"), CallerKind::Customer, Some("demo-partner"), now)
            .await
            .expect("made");
        let key = create_key(&mut connection, "fresh", "fresh", &app.app.sealer, now).await.expect("made");
        let whoami = app.client_with_key(&key.access_key, &key.secret_key).get("/v5/caller-identity").await.ok();
        assert!(whoami["principal_urn"].as_str().is_some_and(|urn| urn.ends_with(":user:fresh")));

        let again = create_account(&mut connection, &name("fresh"), CallerKind::Partner, None, now).await;
        assert!(matches!(again, Err(Refusal::NameTaken(_))));
        let wrong = create_account(&mut connection, &name("lone"), CallerKind::Reseller, None, now).await;
        assert!(matches!(wrong, Err(Refusal::WrongParent { .. })));
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn two_keys_overlap_while_one_is_rotated_and_never_three_even_in_a_race(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let now = app.app.clock.now();
        let attempts = (0..8).map(|_| {
            let (pool, sealer) = (pool.clone(), app.app.sealer.clone());
            tokio::spawn(async move {
                let mut connection = pool.acquire().await.expect("a connection");
                create_key(&mut connection, "demo-partner", "demo-partner", &sealer, now).await.is_ok()
            })
        });
        let mut made = 0;
        for attempt in attempts.collect::<Vec<_>>() {
            made += u32::from(attempt.await.expect("it does not panic"));
        }
        assert_eq!(made, 1, "the sandbox made the first one");
        let mut connection = pool.acquire().await.expect("a connection");
        let keys = list_keys(&mut connection, "demo-partner", "demo-partner").await.expect("there is one");
        assert_eq!(keys.len(), 2);
        set_key_enabled(&mut connection, &keys[0].access_key, false).await.expect("it is there");
        let sealer = &app.app.sealer;
        create_key(&mut connection, "demo-partner", "demo-partner", sealer, now).await.expect("there is room again");
        assert!(matches!(set_key_enabled(&mut connection, &keys[0].access_key, true).await, Err(Refusal::TooManyKeys)));
        delete_key(&mut connection, &keys[0].access_key).await.expect("it is there");
        assert!(matches!(delete_key(&mut connection, &keys[0].access_key).await, Err(Refusal::NoSuchKey(_))));
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_new_password_and_a_disabled_user_end_what_was_given_before(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let mut connection = pool.acquire().await.expect("a connection");
        let target = "/v5/caller-identity";
        let token = app.log_in("demo-partner").await;
        let holder = app.anonymous().with_token(&token);
        assert!(holder.get(target).await.status.is_success());

        let weak =
            set_password(&mut connection, "demo-partner", "demo-partner", "rentrap-omed", app.app.clock.now()).await;
        assert!(matches!(weak, Err(Refusal::WeakPassword(_))));
        set_password(&mut connection, "demo-partner", "demo-partner", "Another-1", app.app.clock.now())
            .await
            .expect("set");
        app.app.directory.forget_all();
        assert_eq!(holder.get(target).await.status.as_u16(), 401);
        let answer = app.anonymous().post("/v3/auth/tokens", &login("demo-partner", "Another-1")).await;
        let token = answer.header("x-subject-token").expect("the new password").to_owned();
        let holder = app.anonymous().with_token(&token);
        assert!(holder.get(target).await.status.is_success());

        let now = app.app.clock.now();
        set_user_enabled(&mut connection, "demo-partner", "demo-partner", false, now).await.expect("it is there");
        app.app.directory.forget_all();
        assert_eq!(holder.get(target).await.status.as_u16(), 401);
        assert_eq!(app.client("demo-partner").get(target).await.status.as_u16(), 401);
        set_user_enabled(&mut connection, "demo-partner", "demo-partner", true, now).await.expect("it is there");
        app.app.directory.forget_all();
        assert_eq!(holder.get(target).await.status.as_u16(), 401, "a token that ended does not come back");
        assert!(app.client("demo-partner").get(target).await.status.is_success());
    }
}
