//! Secret keys at rest: AES-256-GCM under a master key, bound to the access key they belong to.
//!
//! A sealed value begins with four bytes that name the master key, so that a new one can be introduced while values under
//! the old one are still read.

use crate::config::SecretSettings;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use std::sync::Arc;

const KEY_ID: usize = 4;
const NONCE: usize = 12;

/// Seals with the newest master key, opens with any known one.
#[derive(Clone)]
pub struct Sealer(Arc<Vec<MasterKey>>);

struct MasterKey {
    id: [u8; KEY_ID],
    cipher: Aes256Gcm,
}

impl Sealer {
    /// From `secrets.master_key` and the retired ones.
    pub fn from_settings(settings: &SecretSettings) -> anyhow::Result<Self> {
        if settings.master_key.is_empty() {
            bail!(
                "secrets.master_key is not set: give 32 random bytes as 64 hexadecimal digits, for instance from `openssl rand -hex 32`"
            );
        }
        let retired = settings.retired_master_keys.iter().map(|key| (key, "secrets.retired_master_keys"));
        let keys = std::iter::once((&settings.master_key, "secrets.master_key")).chain(retired);
        let keys = keys.map(|(key, name)| MasterKey::parse(key.reveal()).context(name));
        Ok(Self(Arc::new(keys.collect::<anyhow::Result<_>>()?)))
    }

    /// Seals `secret` for `owner`.
    pub fn seal(&self, secret: &[u8], owner: &str) -> Vec<u8> {
        let key = &self.0[0];
        let nonce = random::<NONCE>();
        let payload = Payload { msg: secret, aad: owner.as_bytes() };
        let ciphertext = key.cipher.encrypt(&Nonce::from(nonce), payload).expect("secrets are short");
        [&key.id[..], &nonce, &ciphertext].concat()
    }

    /// Opens what was sealed for `owner`; `None` if it was sealed for another or under an unknown master key.
    pub fn open(&self, sealed: &[u8], owner: &str) -> Option<Vec<u8>> {
        let (id, rest) = sealed.split_first_chunk::<KEY_ID>()?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>()?;
        let key = self.0.iter().find(|key| key.id == *id)?;
        key.cipher.decrypt(&Nonce::from(*nonce), Payload { msg: ciphertext, aad: owner.as_bytes() }).ok()
    }
}

impl MasterKey {
    fn parse(digits: &str) -> anyhow::Result<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits.trim(), &mut bytes).ok().context("must be 64 hexadecimal digits")?;
        let digest = Sha256::digest(bytes);
        let id = *digest.first_chunk().expect("a SHA-256 has 32 bytes");
        Ok(Self { id, cipher: Aes256Gcm::new(&bytes.into()) })
    }
}

/// Random bytes of the operating system.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn sealer(keys: &[&str]) -> Sealer {
        let mut keys = keys.iter().map(|digit| Secret::from(digit.repeat(64)));
        let master_key = keys.next().expect("there is a newest key");
        Sealer::from_settings(&SecretSettings { master_key, retired_master_keys: keys.collect() }).expect("valid keys")
    }

    #[test]
    fn a_sealed_secret_opens_for_its_owner_only() {
        let sealer = sealer(&["a"]);
        let value = sealer.seal(b"secret", "AK1");
        assert_eq!(sealer.open(&value, "AK1").as_deref(), Some(&b"secret"[..]));
        assert_eq!(sealer.open(&value, "AK2"), None);
        assert!(!value.windows(6).any(|window| window == b"secret"));
    }

    #[test]
    fn a_retired_master_key_still_opens_and_an_unknown_one_does_not() {
        let sealed = sealer(&["a"]).seal(b"secret", "AK1");
        assert!(sealer(&["b", "a"]).open(&sealed, "AK1").is_some());
        assert!(sealer(&["b"]).open(&sealed, "AK1").is_none());
    }

    #[test]
    fn anything_damaged_is_refused() {
        let sealer = sealer(&["a"]);
        let value = sealer.seal(b"secret", "AK1");
        for position in 0..value.len() {
            let mut damaged = value.clone();
            damaged[position] ^= 1;
            assert_eq!(sealer.open(&damaged, "AK1"), None);
        }
        assert_eq!(sealer.open(&value[..10], "AK1"), None);
    }
}
