//! The five algorithms that the vendor's SDKs can sign with, and what each makes of a secret key.
//!
//! | name | hash | who holds what |
//! | --- | --- | --- |
//! | `SDK-HMAC-SHA256` | SHA-256 | both sides the secret key; with `Credential`, as the vendor's older SDKs write it, a key derived from it for one day, region and service |
//! | `SDK-HMAC-SM3` | SM3 | both sides the secret key |
//! | `V11-HMAC-SHA256` | SHA-256 | both sides a key derived from it for one day, region and service |
//! | `SDK-ECDSA-P256-SHA256` | SHA-256 | the client a private key derived from it, the server the public one |
//! | `SDK-SM2-SM3` | SM3 | likewise, on the curve SM2 |

use super::model::Refusal;
use hkdf::Hkdf;
use hmac::digest::consts::U32;
use hmac::{Hmac, KeyInit, Mac};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sm2::elliptic_curve::sec1::ToSec1Point;
use sm3::Sm3;
use std::fmt;
use std::sync::OnceLock;

/// Longest signature: the DER form of two numbers of 256 bits.
const DER_MAX: usize = 72;
/// How the scope of the older SDKs ends.
const SCOPE_END: &str = "/sdk_request";
/// The identifier that every signer of `SDK-SM2-SM3` uses, and its length in bits.
const SM2_IDENTIFIER: (&[u8; 16], u16) = (b"1234567812345678", 128);
/// The curve SM2 as it enters the hash of an identity: a, b, and the base point's x and y.
const SM2_CURVE: &str = "fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc\
                         28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93\
                         32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7\
                         bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0";

/// How a request is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Algorithm {
    /// `SDK-HMAC-SHA256`, the default of every SDK.
    HmacSha256,
    /// `SDK-HMAC-SM3`
    HmacSm3,
    /// `SDK-ECDSA-P256-SHA256`
    EcdsaP256,
    /// `SDK-SM2-SM3`
    Sm2,
    /// `V11-HMAC-SHA256`
    V11,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::HmacSha256, Self::HmacSm3, Self::EcdsaP256, Self::Sm2, Self::V11];

    /// Its name, the first word of the header `Authorization`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha256 => "SDK-HMAC-SHA256",
            Self::HmacSm3 => "SDK-HMAC-SM3",
            Self::EcdsaP256 => "SDK-ECDSA-P256-SHA256",
            Self::Sm2 => "SDK-SM2-SM3",
            Self::V11 => "V11-HMAC-SHA256",
        }
    }

    /// The one of this name, in whatever case it is written.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    const fn is_sm3(self) -> bool {
        matches!(self, Self::HmacSm3 | Self::Sm2)
    }

    /// The header in which a client states its body's hash, and the hash's name.
    pub(super) const fn content_header(self) -> (&'static str, &'static str) {
        if self.is_sm3() { ("X-Sdk-Content-Sm3", "SM3") } else { ("X-Sdk-Content-Sha256", "SHA-256") }
    }

    /// The hash of nothing.
    pub(super) const fn empty_hash(self) -> &'static str {
        if self.is_sm3() {
            "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"
        } else {
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        }
    }

    /// The hash in hex digits.
    pub(super) fn hash(self, bytes: &[u8]) -> String {
        if self.is_sm3() { hex::encode(Sm3::digest(bytes)) } else { hex::encode(Sha256::digest(bytes)) }
    }
}

impl TryFrom<String> for Algorithm {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::from_name(&name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            format!("`{name}` is no signature algorithm; there are {known}")
        })
    }
}

impl From<Algorithm> for &'static str {
    fn from(algorithm: Algorithm) -> Self {
        algorithm.name()
    }
}

/// A signature as it was sent; whether it is right is [`Key::verifies`]'s question.
#[derive(Debug)]
pub(super) enum Proof<'a> {
    HmacSha256([u8; 32]),
    /// `SDK-HMAC-SHA256` as the vendor's older SDKs write it.
    Scoped {
        /// `<YYYYMMDD>/<region>/<service>/sdk_request`, what the key was derived for; region and service may be empty.
        scope: &'a str,
        mac: [u8; 32],
    },
    HmacSm3([u8; 32]),
    EcdsaP256(p256::ecdsa::Signature),
    Sm2(sm2::dsa::Signature),
    V11 {
        /// `<YYYYMMDD>/<region>/<service>`, what the key was derived for.
        scope: &'a str,
        mac: [u8; 32],
    },
}

impl<'a> Proof<'a> {
    /// Reads the parameter `Signature`, and what follows the access key where that is in `Credential`.
    pub(super) fn parse(algorithm: Algorithm, scope: Option<&'a str>, digits: &str) -> Result<Self, Refusal> {
        Ok(match algorithm {
            Algorithm::HmacSha256 => match scope {
                None => Self::HmacSha256(parse_mac(digits)?),
                Some(scope) if scope.split('/').count() == 4 && scope.ends_with(SCOPE_END) => {
                    Self::Scoped { scope, mac: parse_mac(digits)? }
                }
                Some(_) => {
                    let form = "Credential must be <access key>/<YYYYMMDD>/<region>/<service>/sdk_request";
                    return Err(Refusal::Malformed(form));
                }
            },
            Algorithm::HmacSm3 => Self::HmacSm3(parse_mac(digits)?),
            Algorithm::EcdsaP256 => Self::EcdsaP256(parse_der(digits, p256::ecdsa::Signature::from_der)?),
            Algorithm::Sm2 => Self::Sm2(parse_der(digits, sm2::dsa::Signature::from_der)?),
            Algorithm::V11 => {
                let scope = scope.unwrap_or_default();
                let mut parts = scope.split('/');
                let is_complete = parts.clone().count() == 3 && parts.all(|part| !part.is_empty());
                if !is_complete {
                    return Err(Refusal::Malformed("Credential must be <access key>/<YYYYMMDD>/<region>/<service>"));
                }
                Self::V11 { scope, mac: parse_mac(digits)? }
            }
        })
    }

    /// The day for which the key was derived, where the algorithm derives one.
    pub(super) fn day(&self) -> Option<&'a str> {
        match self {
            Self::V11 { scope, .. } | Self::Scoped { scope, .. } => scope.split('/').next(),
            _ => None,
        }
    }

    /// The line that the algorithm adds to the string to sign.
    pub(super) fn scope(&self) -> Option<&'a str> {
        match self {
            Self::V11 { scope, .. } | Self::Scoped { scope, .. } => Some(scope),
            _ => None,
        }
    }
}

fn parse_mac(digits: &str) -> Result<[u8; 32], Refusal> {
    let mut mac = [0; 32];
    hex::decode_to_slice(digits, &mut mac).map_err(|_| Refusal::Malformed("Signature must be 64 hex digits"))?;
    Ok(mac)
}

/// Both numbers must be at least 1 and smaller than the order of the curve.
fn parse_der<S, E>(digits: &str, from_der: impl Fn(&[u8]) -> Result<S, E>) -> Result<S, Refusal> {
    let malformed = Refusal::Malformed("Signature must be the hex digits of two numbers in DER");
    let mut buffer = [0; DER_MAX];
    let Some(der) = buffer.get_mut(..digits.len() / 2) else { return Err(malformed) };
    if hex::decode_to_slice(digits, der).is_err() {
        return Err(malformed);
    }
    from_der(der).map_err(|_| malformed)
}

/// What is needed to verify the signatures of one access key, with any algorithm.
///
/// The keyed hashes are made at once, since that is cheaper than looking the key up, and the secret is not kept. The public
/// keys cost a multiplication on a curve and are made when they are first needed. Nothing of it is ever printed.
pub struct Key {
    access_key: Box<str>,
    sha256: Hmac<Sha256>,
    /// Keyed with "SDK" and the secret: where the older SDKs begin to derive.
    prefixed: Hmac<Sha256>,
    sm3: Hmac<Sm3>,
    derivation: Hkdf<Sha256>,
    // `None` inside if no private key can be derived, which is to be expected of no key in 2^8000.
    p256: OnceLock<Option<Box<p256::ecdsa::VerifyingKey>>>,
    sm2: OnceLock<Option<Box<Sm2Key>>>,
}

impl Key {
    /// The key of an access key and its secret.
    pub fn new(access_key: &str, secret: &[u8]) -> Self {
        let any_length = "HMAC takes a key of any length";
        Self {
            access_key: access_key.into(),
            sha256: Hmac::new_from_slice(secret).expect(any_length),
            prefixed: Hmac::new_from_slice(&[b"SDK", secret].concat()).expect(any_length),
            sm3: Hmac::new_from_slice(secret).expect(any_length),
            derivation: Hkdf::new(Some(access_key.as_bytes()), secret),
            p256: OnceLock::new(),
            sm2: OnceLock::new(),
        }
    }

    /// Whether `proof` is this key's signature of the text that the parts make up.
    pub(super) fn verifies(&self, proof: &Proof<'_>, parts: &[&str]) -> bool {
        match proof {
            Proof::HmacSha256(mac) => is_mac(self.sha256.clone(), parts, mac),
            Proof::Scoped { scope, mac } => is_mac(self.scoped(scope), parts, mac),
            Proof::HmacSm3(mac) => is_mac(self.sm3.clone(), parts, mac),
            Proof::V11 { scope, mac } => is_mac(self.derived(scope), parts, mac),
            Proof::EcdsaP256(signature) => self.p256().is_some_and(|key| {
                let digest = hash(Sha256::new(), parts);
                key.verify_prehash(&digest, signature).is_ok()
            }),
            Proof::Sm2(signature) => self.sm2().is_some_and(|key| key.verifies(parts, signature)),
        }
    }

    /// The signature of the text that the parts make up, by `SDK-HMAC-SHA256`.
    pub(super) fn sign(&self, parts: &[&str]) -> String {
        let mut keyed = self.sha256.clone();
        for part in parts {
            keyed.update(part.as_bytes());
        }
        hex::encode(keyed.finalize().into_bytes())
    }

    /// The key of `V11-HMAC-SHA256` for one day, region and service: the digits, not the bytes that they stand for.
    fn derived(&self, scope: &str) -> Hmac<Sha256> {
        let (mut bytes, mut digits) = ([0; 32], [0; 64]);
        self.derivation.expand(scope.as_bytes(), &mut bytes).expect("32 bytes are not too many");
        hex::encode_to_slice(bytes, &mut digits).expect("32 bytes are 64 digits");
        Hmac::new_from_slice(&digits).expect("HMAC takes a key of any length")
    }

    /// The key of the older SDKs for one day, region and service: each part of the scope keys the next one's hash.
    fn scoped(&self, scope: &str) -> Hmac<Sha256> {
        scope.split('/').fold(self.prefixed.clone(), |mut keyed, part| {
            keyed.update(part.as_bytes());
            Hmac::new_from_slice(&keyed.finalize().into_bytes()).expect("HMAC takes a key of any length")
        })
    }

    fn p256(&self) -> Option<&p256::ecdsa::VerifyingKey> {
        let derive = || {
            let mut candidates = private_keys(&self.sha256, Algorithm::EcdsaP256, &self.access_key);
            let private_key = candidates.find_map(|candidate| p256::SecretKey::from_slice(&candidate).ok())?;
            Some(Box::new(private_key.public_key().into()))
        };
        self.p256.get_or_init(derive).as_deref()
    }

    fn sm2(&self) -> Option<&Sm2Key> {
        let derive = || {
            let mut candidates = private_keys(&self.sm3, Algorithm::Sm2, &self.access_key);
            let private_key = candidates.find_map(|candidate| sm2::SecretKey::from_slice(&candidate).ok())?;
            Sm2Key::new(private_key.public_key()).map(Box::new)
        };
        self.sm2.get_or_init(derive).as_deref()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(<hidden>)")
    }
}

fn is_mac<M: Mac>(mut keyed: M, parts: &[&str], mac: &[u8; 32]) -> bool {
    for part in parts {
        keyed.update(part.as_bytes());
    }
    // Compares in constant time.
    keyed.verify_slice(mac).is_ok()
}

fn hash<H: Digest<OutputSize = U32>>(mut hasher: H, parts: &[&str]) -> [u8; 32] {
    for part in parts {
        hasher.update(part.as_bytes());
    }
    hasher.finalize().into()
}

/// The numbers that the secret gives one after the other; the private key is the first that the curve allows, which is
/// nearly always the first one. A curve allows what is at least 1 and smaller than its order.
fn private_keys<M: Mac<OutputSize = U32> + Clone>(
    keyed: &M,
    algorithm: Algorithm,
    access_key: &str,
) -> impl Iterator<Item = [u8; 32]> {
    (0..u8::MAX).filter_map(move |counter| {
        let mut mac = keyed.clone();
        for part in [&[0, 0, 0, 1], algorithm.name().as_bytes(), &[0], access_key.as_bytes(), &[counter], &[0, 0, 1, 0]]
        {
            mac.update(part);
        }
        increment(mac.finalize().into_bytes().into())
    })
}

/// One more; `None` if that does not fit.
fn increment(mut number: [u8; 32]) -> Option<[u8; 32]> {
    for digit in number.iter_mut().rev() {
        *digit = digit.wrapping_add(1);
        if *digit != 0 {
            return Some(number);
        }
    }
    None
}

/// A public key on the curve SM2.
struct Sm2Key {
    key: sm2::dsa::VerifyingKey,
    /// What hashes begin with: the hash of the signer's identity. The standard takes both coordinates of the public key with
    /// 32 bytes, the vendor's signer without leading zeros, and so has another hash for one key in 128. Either is accepted.
    identities: [Sm3; 2],
}

impl Sm2Key {
    fn new(public_key: sm2::PublicKey) -> Option<Self> {
        let point = public_key.to_sec1_point(false);
        let identity = |strip: fn(&[u8]) -> &[u8]| {
            let (identifier, bits) = SM2_IDENTIFIER;
            let mut hasher = Sm3::new_with_prefix(bits.to_be_bytes());
            hasher.update(identifier);
            hasher.update(hex::decode(SM2_CURVE).ok()?);
            hasher.update(strip(point.x()?));
            hasher.update(strip(point.y()?));
            Some(Sm3::new_with_prefix(hasher.finalize()))
        };
        let identities = [identity(|number| number)?, identity(without_leading_zeros)?];
        let identifier = std::str::from_utf8(SM2_IDENTIFIER.0).ok()?;
        Some(Self { key: sm2::dsa::VerifyingKey::new(identifier, public_key).ok()?, identities })
    }

    fn verifies(&self, parts: &[&str], signature: &sm2::dsa::Signature) -> bool {
        let [standard, stripped] = self.identities.clone().map(|identity| hash(identity, parts));
        self.key.verify_prehash(&standard, signature).is_ok()
            || (stripped != standard && self.key.verify_prehash(&stripped, signature).is_ok())
    }
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|digit| **digit == 0).count();
    &number[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use sm2::dsa::signature::Signer;

    const ACCESS_KEY: &str = "VECTORSACCESSKEY0058";
    const SECRET: &[u8] = b"vectors-secret-key-that-opens-nothing-0001";

    #[test]
    fn nothing_of_a_key_is_printed() {
        let key = Key::new(ACCESS_KEY, SECRET);
        assert!(key.p256().is_some() && key.sm2().is_some());
        assert_eq!(format!("{key:?}"), "Key(<hidden>)");
    }

    #[test]
    fn the_hash_of_nothing_is_the_hash_of_nothing() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.empty_hash(), algorithm.hash(b""), "{}", algorithm.name());
            assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
        }
    }

    #[test]
    fn a_number_is_incremented_over_all_its_bytes() {
        let mut number = [0xff; 32];
        assert_eq!(increment(number), None);
        number[0] = 1;
        let mut expected = [0; 32];
        expected[0] = 2;
        assert_eq!(increment(number), Some(expected));
    }

    /// This key's x begins with a zero byte. What the vendor's signer makes of that is among the vectors of the tests.
    #[test]
    fn a_signature_by_the_letter_of_the_standard_is_accepted_too() {
        let key = Key::new(ACCESS_KEY, SECRET);
        let number = private_keys(&key.sm3, Algorithm::Sm2, ACCESS_KEY).next().expect("there are candidates");
        let private_key = sm2::SecretKey::from_slice(&number).expect("the first candidate is nearly always good");
        let point = private_key.public_key().to_sec1_point(false);
        assert_eq!(point.x().expect("it is no compressed point")[0], 0);
        let signer = sm2::dsa::SigningKey::new("1234567812345678", &private_key).expect("a private key");
        let proof = Proof::Sm2(signer.sign(b"a text to sign"));
        assert!(key.verifies(&proof, &["a text", " to sign"]));
        assert!(!key.verifies(&proof, &["another text"]));
    }
}
