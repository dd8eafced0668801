//! The algorithms a client can choose instead of the default, on requests of the vendor's signers.

use super::{SIGNED_AT, SKEW, Vector, Vectors};
use bss_gateway::signature::{self, Algorithm, Refusal, Rules};
use time::Duration;

fn vectors() -> Vec<Vector> {
    let vectors: Vectors =
        serde_json::from_str(include_str!("../vectors/algorithms.json")).expect("the file is well-formed");
    vectors.vectors
}

/// One request of each algorithm, with a query and a body.
pub fn one_of_each() -> Vec<Vector> {
    let chosen: Vec<Vector> = vectors().into_iter().filter(|vector| vector.name.ends_with(": everything")).collect();
    assert_eq!(chosen.len(), 4);
    chosen
}

fn one_of(algorithm: Algorithm) -> Vector {
    one_of_each().into_iter().find(|vector| vector.algorithm() == algorithm).expect("it has a request")
}

impl Vector {
    fn algorithm(&self) -> Algorithm {
        let name = self.name.split(':').next().expect("a split has a first part");
        Algorithm::from_name(name).unwrap_or_else(|| panic!("{name} is no algorithm"))
    }

    fn authorization(&self) -> String {
        self.clone().header_mut("Authorization").clone()
    }

    fn with_authorization(&self, value: String) -> Self {
        let mut changed = self.clone();
        *changed.header_mut("Authorization") = value;
        changed
    }

    /// The signature's bytes, changed.
    fn with_signature(&self, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let value = self.authorization();
        let (head, digits) = value.split_once("Signature=").expect("there is a signature");
        let mut bytes = hex::decode(digits).expect("hex digits");
        change(&mut bytes);
        self.with_authorization(format!("{head}Signature={}", hex::encode(bytes)))
    }
}

#[test]
fn whatever_the_vendors_signers_sign_is_accepted() {
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != Algorithm::HmacSha256) {
        let signed: Vec<Vector> = vectors().into_iter().filter(|vector| vector.algorithm() == algorithm).collect();
        assert!(signed.len() >= 10, "{algorithm:?}");
        for vector in signed {
            assert!(signature::is_signed(&vector.headers()), "{}", vector.name);
            assert_eq!(vector.verify(), Ok(()), "{}", vector.name);
        }
    }
}

#[test]
fn a_wrong_secret_is_refused_for_every_request_and_the_canonical_request_is_shown() {
    for mut vector in vectors() {
        vector.secret_key.push('x');
        let refusal = vector.verify().expect_err("it is refused");
        assert_eq!(refusal.cause(), "mismatch", "{}", vector.name);
        let shown = format!("canonical request: {}|/", vector.method);
        assert!(refusal.to_string().contains(&shown), "{refusal}");
    }
}

#[test]
fn a_changed_bit_of_the_signature_is_refused() {
    for vector in one_of_each() {
        let mut length = 0;
        let _ = vector.with_signature(|bytes| length = bytes.len());
        for index in 0..length {
            let changed = vector.with_signature(|bytes| bytes[index] ^= 1 << (index % 8));
            assert!(changed.verify().is_err(), "{}, byte {index}", vector.name);
        }
    }
}

#[test]
fn a_changed_body_is_refused_unless_the_client_chose_not_to_bind_it() {
    for mut vector in vectors() {
        let is_bound = vector.body.is_empty() || !vector.headers.iter().any(|(_, value)| value == "UNSIGNED-PAYLOAD");
        let byte = vector.body.pop().map_or(' ', |last| if last == '!' { '?' } else { '!' });
        vector.body.push(byte);
        assert_eq!(vector.verify().is_ok(), !is_bound, "{}", vector.name);
    }
}

#[test]
fn a_changed_method_path_or_query_is_refused() {
    for vector in one_of_each() {
        let other_method = Vector { method: "PATCH".to_owned(), ..vector.clone() };
        let (path, query) = vector.target.split_once('?').expect("it has a query");
        let other_path = Vector { target: format!("{path}x?{query}"), ..vector.clone() };
        let other_query = Vector { target: format!("{path}?{query}1"), ..vector.clone() };
        for changed in [other_method, other_path, other_query] {
            assert_eq!(changed.cause(), "mismatch", "{}", vector.name);
        }
    }
}

#[test]
fn every_signed_header_is_bound() {
    for vector in one_of_each() {
        let authorization = vector.authorization();
        let listed = authorization.split("SignedHeaders=").nth(1).and_then(|rest| rest.split(',').next());
        for name in listed.expect("a list").split(';') {
            let mut changed = vector.clone();
            changed.header_mut(name).push('1');
            assert!(changed.verify().is_err(), "{}: {name}", vector.name);
        }
    }
}

#[test]
fn an_algorithm_cannot_be_passed_off_as_another() {
    for vector in one_of_each() {
        let name = vector.algorithm().name();
        for other in Algorithm::ALL.into_iter().filter(|other| *other != vector.algorithm()) {
            let renamed = vector.authorization().replace(name, other.name());
            let fitted = match (vector.algorithm(), other) {
                (_, Algorithm::V11) => {
                    renamed.replace("Access=", "Credential=").replacen(',', "/20260101/globe/bss,", 1)
                }
                (Algorithm::V11, _) => renamed.replace("Credential=", "Access=").replace("/20260101/globe/bss", ""),
                _ => renamed.clone(),
            };
            for value in [renamed, fitted] {
                assert!(vector.with_authorization(value.clone()).verify().is_err(), "{value}");
            }
        }
    }
}

#[test]
fn an_algorithm_that_the_deployment_does_not_accept_is_refused_by_name() {
    for vector in one_of_each() {
        let algorithm = vector.algorithm();
        let others: Vec<Algorithm> = Algorithm::ALL.into_iter().filter(|other| *other != algorithm).collect();
        let headers = vector.headers();
        let refusal = signature::parse(&headers, &others).expect_err("it is refused");
        assert_eq!(refusal, Refusal::Algorithm(algorithm.name()));
        assert_eq!(refusal.cause(), "algorithm");
        assert!(signature::parse(&headers, &[algorithm]).is_ok());
    }
}

#[test]
fn the_body_hash_is_stated_in_the_algorithms_own_header() {
    for mut vector in one_of_each() {
        let (own, foreign) = match vector.algorithm() {
            Algorithm::HmacSm3 | Algorithm::Sm2 => ("X-Sdk-Content-Sm3", "X-Sdk-Content-Sha256"),
            _ => ("X-Sdk-Content-Sha256", "X-Sdk-Content-Sm3"),
        };
        vector.headers.push((foreign.to_owned(), "UNSIGNED-PAYLOAD".to_owned()));
        assert_eq!(vector.verify(), Ok(()), "{}: the other header means nothing", vector.name);
        vector.headers.push((own.to_owned(), "ab".repeat(32)));
        let refusal = vector.verify().expect_err("it is refused");
        assert_eq!(refusal.cause(), "body_hash", "{}", vector.name);
        assert!(refusal.to_string().contains(own), "{refusal}");
    }
}

#[test]
fn the_rules_hold_for_every_algorithm() {
    let bound = Rules { require_bound_body: true, ..Rules::default() };
    for vector in vectors().into_iter().filter(|vector| vector.name.ends_with(": unsigned payload")) {
        assert_eq!(vector.verify(), Ok(()), "{}", vector.name);
        assert_eq!(vector.verify_with(bound, SIGNED_AT), Err(Refusal::BodyUnbound), "{}", vector.name);
    }
    for vector in one_of_each() {
        let late = vector.verify_with(Rules::default(), SIGNED_AT + SKEW + Duration::SECOND);
        assert_eq!(late.expect_err("it is refused").cause(), "clock", "{}", vector.name);
    }
}

#[test]
fn a_derived_key_holds_for_one_day_region_and_service() {
    let vector = one_of(Algorithm::V11);
    let authorization = vector.authorization();
    for (scope, cause) in [
        ("20260101/cn-north-1/bss", "mismatch"),
        ("20260101/globe/iam", "mismatch"),
        ("20260102/globe/bss", "credential_date"),
        ("20260101T000000Z/globe/bss", "credential_date"),
        ("today/globe/bss", "credential_date"),
        ("20260101/globe", "malformed"),
        ("20260101/globe/bss/more", "malformed"),
        ("20260101//bss", "malformed"),
        ("", "malformed"),
    ] {
        let changed = vector.with_authorization(authorization.replace("20260101/globe/bss", scope));
        assert_eq!(changed.cause(), cause, "{scope}");
    }
    let no_scope = vector.with_authorization(authorization.replace("/20260101/globe/bss", ""));
    assert_eq!(no_scope.cause(), "malformed");
    let no_key = vector.with_authorization(authorization.replace("Credential=VECTORSACCESSKEY0001", "Credential="));
    assert_eq!(no_key.cause(), "malformed");

    // The day before midnight is the key's day, though it is the next day by the server's clock.
    let just_after = vector.verify_with(Rules::default(), SIGNED_AT + Duration::minutes(10));
    assert_eq!(just_after, Ok(()));
    let mut other_day = vector.clone();
    "20251231T235959Z".clone_into(other_day.header_mut("X-Sdk-Date"));
    assert_eq!(other_day.cause(), "credential_date");
}

/// Only the standard's form of two numbers, each at least 1 and smaller than the order of the curve.
#[test]
fn a_malformed_signature_is_refused_without_a_panic() {
    let orders = [
        (Algorithm::EcdsaP256, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
        (Algorithm::Sm2, "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123"),
    ];
    for (algorithm, order) in orders {
        let vector = one_of(algorithm);
        let authorization = vector.authorization();
        let (head, digits) = authorization.split_once("Signature=").expect("there is a signature");
        let mut malformed: Vec<String> = [
            "",
            "0",
            "3",
            "30",
            "3000",
            "300602010102",
            "30060201010201",
            "3006020100020101",
            "3006020101020100",
            "30060201ff020101",
            "3008020200010202000101",
            "308106020101020101",
            "3080020101020101",
            "30840000000602010102",
            "3084ffffffff",
            "3106020101020101",
            "3006040101020101",
            "30060201010201010",
            "300602010102010100",
            "3006020101020101zz",
            "3003020101",
            "3009020101020101020101",
            "300602010102010ü",
        ]
        .map(str::to_owned)
        .to_vec();
        malformed.push(format!("3026022100{order}020101"));
        malformed.push(format!("3026020101022100{order}"));
        malformed.push(format!("3046022100{0}022100{0}", "ff".repeat(32)));
        malformed.push(format!("304802220{0}022200{0}", "01".repeat(33)));
        malformed.push("30".repeat(5000));
        malformed.push(format!("{digits}00"));
        malformed.push(digits[..digits.len() - 2].to_owned());
        malformed.push(digits[..digits.len() - 1].to_owned());
        for digits in malformed {
            let changed = vector.with_authorization(format!("{head}Signature={digits}"));
            assert_eq!(changed.cause(), "malformed", "{algorithm:?}: {digits}");
        }
        let smallest = vector.with_authorization(format!("{head}Signature=3006020101020101"));
        assert_eq!(smallest.cause(), "mismatch");
        // r + s is the order: the sum that the curve SM2 must not be asked to multiply by.
        let last = u8::from_str_radix(&order[62..], 16).expect("two digits") - 1;
        let opposite = vector.with_authorization(format!("{head}Signature=3026020101022100{}{last:02x}", &order[..62]));
        assert_eq!(opposite.cause(), "mismatch");
    }
}

#[test]
fn no_bytes_in_place_of_a_signature_cause_a_panic() {
    // A fixed sequence of numbers that looks random: xorshift.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for vector in [one_of(Algorithm::EcdsaP256), one_of(Algorithm::Sm2)] {
        for _ in 0..2000 {
            let changed = vector.with_signature(|bytes| {
                for _ in 0..=next() % 3 {
                    let index = usize::try_from(next()).expect("64 bits") % bytes.len();
                    // Mostly the bytes that say how long something is.
                    let index = if next().is_multiple_of(2) { index % 6 } else { index };
                    bytes[index] = next().to_le_bytes()[0];
                }
                bytes.truncate(usize::try_from(next()).expect("64 bits") % 80);
            });
            let _ = changed.verify();
        }
    }
}
