//! Personal data at rest: phone numbers, e-mail addresses, real names and numbers of documents are sealed for the account
//! they belong to, and found again by keyed hashes.
//!
//! The key of the hashes is made once for the system and kept sealed in the database: a new master key seals it anew, and
//! no hash changes.

use crate::secrets::{self, Sealer};
use crate::values::id::{DomainId, TenantId};
use anyhow::Context;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sqlx::PgConnection;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The name under which the key of the hashes is sealed.
const OWNER: &str = "lookup key";

/// Seals, opens and hashes personal data.
#[derive(Clone)]
pub struct Vault {
    sealer: Sealer,
    lookup_key: Arc<[u8; 32]>,
}

impl Vault {
    /// With the system's key, which is made if there is none yet.
    pub async fn load(connection: &mut PgConnection, sealer: &Sealer) -> anyhow::Result<Self> {
        let fresh = sealer.seal(&secrets::random::<32>(), OWNER);
        sqlx::query!("insert into lookup_keys (only_row, sealed_key) values (true, $1) on conflict do nothing", fresh)
            .execute(&mut *connection)
            .await?;
        let kept =
            sqlx::query_scalar!("select sealed_key from lookup_keys where only_row").fetch_one(connection).await?;
        let key = sealer.open(&kept, OWNER).and_then(|key| key.try_into().ok());
        let lookup_key = Arc::new(key.context("the lookup key was sealed under a master key that is not configured")?);
        Ok(Self { sealer: sealer.clone(), lookup_key })
    }

    /// Seals a text of an account.
    pub fn seal(&self, text: &str, account: DomainId) -> Vec<u8> {
        self.sealer.seal(text.as_bytes(), &owner(account))
    }

    /// Opens it; nothing if it is another account's or damaged.
    pub fn open(&self, sealed: &[u8], account: DomainId) -> Option<String> {
        String::from_utf8(self.sealer.open(sealed, &owner(account))?).ok()
    }

    /// The hash by which a value is found. `what` keeps values of different sorts apart.
    pub fn hash(&self, what: &str, value: &(impl AsRef<[u8]> + ?Sized)) -> Vec<u8> {
        self.mac(what, value.as_ref()).finalize().into_bytes().to_vec()
    }

    /// Whether this is a value's hash. How long that takes tells nothing of the right one.
    pub fn is_hash_of(&self, what: &str, value: &[u8], hash: &[u8]) -> bool {
        self.mac(what, value).verify_slice(hash).is_ok()
    }

    fn mac(&self, what: &str, value: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.lookup_key).expect("any length is a key");
        mac.update(what.as_bytes());
        mac.update(&[0]);
        mac.update(value);
        mac
    }

    /// Hashes of a name's letters and pairs of letters: a name holds a text only if it has all of the text's. They are the
    /// tenant's own, so that nothing can be compared across tenants.
    pub fn name_grams(&self, tenant: TenantId, name: &str) -> Vec<i64> {
        let letters: Vec<char> = name.to_lowercase().chars().collect();
        let grams: BTreeSet<String> =
            letters.windows(1).chain(letters.windows(2)).map(|gram| gram.iter().collect()).collect();
        let hash = |gram: &String| {
            let hash = self.hash(&format!("name of {tenant}"), gram);
            i64::from_be_bytes(*hash.first_chunk().expect("an HMAC has 32 bytes"))
        };
        grams.iter().map(hash).collect()
    }
}

fn owner(account: DomainId) -> String {
    format!("personal data of {account}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Secret, SecretSettings};
    use crate::values::text::masked;
    use sqlx::PgPool;
    use time::macros::datetime;

    fn sealer(keys: &[&str]) -> Sealer {
        let mut keys = keys.iter().map(|digit| Secret::from(digit.repeat(64)));
        let master_key = keys.next().expect("there is a newest key");
        Sealer::from_settings(&SecretSettings { master_key, retired_master_keys: keys.collect() }).expect("valid keys")
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn hashes_outlive_the_master_key_and_names_are_found_by_their_parts(pool: PgPool) {
        let mut connection = pool.acquire().await.expect("a connection");
        let vault = Vault::load(&mut connection, &sealer(&["a"])).await.expect("it is made");
        let later = Vault::load(&mut connection, &sealer(&["b", "a"])).await.expect("it is read");
        assert_eq!(vault.hash("phone", "13800000001"), later.hash("phone", "13800000001"));
        assert_ne!(vault.hash("phone", "13800000001"), vault.hash("email", "13800000001"));
        assert!(Vault::load(&mut connection, &sealer(&["c"])).await.is_err());
        let hash = vault.hash("phone", "13800000001");
        assert!(later.is_hash_of("phone", b"13800000001", &hash));
        assert!(!later.is_hash_of("phone", b"13800000002", &hash) && !later.is_hash_of("phone", b"13800000001", b""));

        let account = DomainId::new(datetime!(2026-01-01 00:00 UTC));
        let other = DomainId::new(datetime!(2026-01-01 00:00 UTC));
        let sealed = vault.seal("张三丰", account);
        assert_eq!(later.open(&sealed, account).as_deref(), Some("张三丰"));
        assert_eq!(vault.open(&sealed, other), None);

        let tenant = TenantId(account.0);
        let name = vault.name_grams(tenant, "Zhang San");
        assert!(vault.name_grams(tenant, "ang s").iter().all(|gram| name.contains(gram)));
        assert!(!vault.name_grams(tenant, "gas").iter().all(|gram| name.contains(gram)));
        assert!(!vault.name_grams(TenantId(other.0), "ang").iter().any(|gram| name.contains(gram)));
    }

    #[test]
    fn a_masked_value_shows_its_ends_only() {
        assert_eq!(masked("13812345678"), "13***78");
        assert_eq!(masked("张三"), "***");
    }
}
