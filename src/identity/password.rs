//! Passwords: Argon2id, off the threads that serve requests.

use crate::secrets;
use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use tokio::sync::Semaphore;

/// Argon2id takes some 19 MiB and tens of milliseconds each: more at once would only take memory.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// A hash of a password nobody has. Verified for users that do not exist, so that the answer takes as long.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The vendor's rule: two of the four kinds of characters, and neither the account's name nor that backwards. The length is
/// our own choice.
pub fn check(password: &str, account: &str) -> Result<(), &'static str> {
    if !(8..=128).contains(&password.chars().count()) {
        return Err("must have 8 to 128 characters");
    }
    let kinds: [fn(char) -> bool; 4] =
        [char::is_lowercase, char::is_uppercase, |letter| letter.is_ascii_digit(), |letter| !letter.is_alphanumeric()];
    if kinds.iter().filter(|kind| password.chars().any(kind)).count() < 2 {
        return Err("must mix two of lower case, upper case, digits and other characters");
    }
    if password == account || password.chars().rev().eq(account.chars()) {
        return Err("must not be the account's name, forwards or backwards");
    }
    Ok(())
}

/// Hashes with the given salt; a random one everywhere but in the sandbox's repeatable world.
pub fn hash(password: &str, salt: [u8; 16]) -> String {
    let salt = SaltString::encode_b64(&salt).expect("16 bytes are a valid salt");
    Argon2::default().hash_password(password.as_bytes(), &salt).expect("the default parameters are valid").to_string()
}

/// Hashes with a random salt, off the threads that serve requests.
pub async fn hash_aside(password: String) -> Option<String> {
    let _permit = AT_ONCE.acquire().await.expect("the semaphore is never closed");
    tokio::task::spawn_blocking(move || hash(&password, secrets::random())).await.ok()
}

/// Whether the password is the one that was hashed.
pub async fn verify(password: String, hash: Option<String>) -> bool {
    let _permit = AT_ONCE.acquire().await.expect("the semaphore is never closed");
    let exists = hash.is_some();
    let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
    let verified = tokio::task::spawn_blocking(move || {
        PasswordHash::new(&hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    });
    verified.await.unwrap_or(false) && exists
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_is_verified() {
        let stored = hash("Correct-1", [7; 16]);
        assert!(stored.starts_with("$argon2id$"));
        assert!(verify("Correct-1".to_owned(), Some(stored.clone())).await);
        assert!(!verify("Wrong-1".to_owned(), Some(stored)).await);
        assert!(!verify("Correct-1".to_owned(), None).await);
        assert!(!verify("Correct-1".to_owned(), Some("damaged".to_owned())).await);
    }

    #[test]
    fn a_password_mixes_two_kinds_and_is_not_the_name() {
        for good in ["Password", "password1", "PASS-WORD", "password wort"] {
            assert!(check(good, "demo-partner").is_ok(), "{good}");
        }
        for bad in ["short-1", "password", "12345678", "demo-partner", "rentrap-omed", &"a1".repeat(65)] {
            assert!(check(bad, "demo-partner").is_err(), "{bad}");
        }
    }

    #[test]
    fn the_hash_for_nobody_is_well_formed() {
        assert!(PasswordHash::new(NOBODY).is_ok());
    }
}
