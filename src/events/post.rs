//! One attempt to deliver an event: signed in the endpoint's form, posted, and what came of it.
//!
//! The standard form is that of the Standard Webhooks convention. The other is the vendor's own, for bindings alone: a form
//! whose one field is the JSON in base64, signed with RSA.

use super::model::EventView;
use crate::api::address::Guard;
use crate::config::{NotificationSettings, WebhookSettings};
use crate::customers::events::CustomerBound;
use crate::values::id::{EventId, WebhookId};
use anyhow::Context;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Body, RequestBuilder};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::json;
use sha2::Sha256;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;

/// The vendor's name of the signature's algorithm.
const ALGORITHM: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
/// What the secret of an endpoint begins with where it is shown.
pub const SECRET_PREFIX: &str = "whsec_";

/// How an endpoint is told.
#[derive(Clone)]
pub enum Form {
    /// By JSON, signed with the endpoint's secret.
    Standard(Vec<u8>),
    /// By the vendor's form, signed with the server's key.
    Binding,
}

/// What came of an attempt.
#[derive(Debug)]
pub struct Outcome {
    /// The answer's status, if there was one.
    pub status: Option<u16>,
    /// What went wrong; empty for a success.
    pub error: String,
    /// How long it took.
    pub duration: Duration,
}

/// Signs and posts.
#[derive(Clone)]
pub struct Notifier {
    key: Option<Arc<RsaKeyPair>>,
    client: reqwest::Client,
    /// Judges addresses.
    pub guard: Guard,
    /// How long an attempt may take.
    pub patience: Duration,
}

impl Notifier {
    /// By the settings. Without a key nobody is told in the vendor's form; what would be told so waits.
    pub fn new(settings: &NotificationSettings, webhooks: &WebhookSettings) -> anyhow::Result<Self> {
        let key = match settings.signing_key.reveal() {
            "" => None,
            pem => Some(Arc::new(parse_key(pem).context("notifications.signing_key")?)),
        };
        let patience = Duration::from_secs(settings.timeout_seconds);
        let guard = Guard::new(webhooks);
        Ok(Self { key, client: guard.client(patience)?, guard, patience })
    }

    /// Whether the vendor's form can be signed.
    pub fn tells_bindings(&self) -> bool {
        self.key.is_some()
    }

    /// Tells an event. The answer's body is not read.
    pub async fn post(&self, url: &str, form: &Form, event: &EventView, now: OffsetDateTime) -> Outcome {
        let started = std::time::Instant::now();
        let answer = async {
            let request = self.request(url, form, event, now)?;
            // The address may hold a key, so it is not part of the error.
            anyhow::Ok(request.send().await.map_err(reqwest::Error::without_url)?.status())
        };
        let (status, error) = match answer.await {
            Ok(status) if status.is_success() => (Some(status.as_u16()), String::new()),
            Ok(status) => (Some(status.as_u16()), "it was not taken".to_owned()),
            Err(error) => (None, format!("{error:#}")),
        };
        Outcome { status, error, duration: started.elapsed() }
    }

    fn request(
        &self,
        url: &str,
        form: &Form,
        event: &EventView,
        now: OffsetDateTime,
    ) -> anyhow::Result<RequestBuilder> {
        Ok(match form {
            Form::Standard(secret) => {
                let body = serde_json::to_string(event)?;
                let timestamp = now.unix_timestamp();
                self.client
                    .post(self.guard.endpoint(url)?)
                    .header("content-type", "application/json")
                    .header("webhook-id", event.id.to_string())
                    .header("webhook-timestamp", timestamp)
                    .header("webhook-signature", signature(secret, event.id, timestamp, &body))
                    .body(Body::from(body))
            }
            Form::Binding => {
                let key = self.key.as_ref().context("notifications.signing_key is not set")?;
                let body = binding(event).context("the vendor has no form for it")?;
                self.client
                    .post(self.guard.literal(url)?)
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(Body::from(binding_form(key, &body)?))
            }
        })
    }
}

/// The value of `webhook-signature`.
fn signature(secret: &[u8], id: EventId, timestamp: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a secret of any length is a key");
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

/// A secret as it is shown.
pub fn shown_secret(secret: &[u8]) -> String {
    format!("{SECRET_PREFIX}{}", BASE64_STANDARD.encode(secret))
}

/// Whom a secret is sealed for.
pub fn secret_owner(webhook: WebhookId) -> String {
    format!("webhook {webhook}")
}

/// What the vendor says of a binding. Its number of an unbinding is a guess: only that of a binding was seen.
pub fn binding(event: &EventView) -> Option<String> {
    let action = match event.kind.as_str() {
        "customer.bound" => 1,
        "customer.unbound" => 0,
        _ => return None,
    };
    let about: CustomerBound = serde_json::from_value(event.data.clone()).ok()?;
    let body = json!({
        "domainName": about.domain_name,
        "domainId": about.customer_id,
        "xUserId": about.xaccount_id,
        "bindAction": action,
    });
    Some(body.to_string())
}

/// The form that tells of a binding: the JSON in base64, and the signature of that text.
fn binding_form(key: &RsaKeyPair, body: &str) -> anyhow::Result<String> {
    let request = BASE64_STANDARD.encode(body);
    let mut signature = vec![0; key.public().modulus_len()];
    let signed = key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), request.as_bytes(), &mut signature);
    signed.ok().context("the notification could not be signed")?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("bindRequest", &request).append_pair("SigAlg", ALGORITHM);
    Ok(form.append_pair("Signature", &BASE64_STANDARD.encode(signature)).finish())
}

/// What a PEM text holds, in base64. What stands before or behind it is for people.
pub fn pem_body(pem: &str) -> String {
    let inside = pem.lines().map(str::trim).skip_while(|line| !line.starts_with("-----BEGIN ")).skip(1);
    inside.take_while(|line| !line.starts_with("-----END ")).collect()
}

/// A PKCS #8 key in PEM.
fn parse_key(pem: &str) -> anyhow::Result<RsaKeyPair> {
    let der = BASE64_STANDARD.decode(pem_body(pem)).context("must be PEM")?;
    RsaKeyPair::from_pkcs8(&der).map_err(|error| anyhow::anyhow!("must be an RSA key, PKCS #8: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use std::collections::HashMap;
    use uuid::Uuid;

    #[test]
    fn the_form_is_signed_over_the_text_it_carries() {
        let key = parse_key(include_str!("../sandbox/notification_key.pem")).expect("the key is valid");
        let form = binding_form(&key, r#"{"bindAction":1}"#).expect("it is signed");
        let fields: HashMap<String, String> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        assert_eq!(BASE64_STANDARD.decode(&fields["bindRequest"]).expect("it is base64"), br#"{"bindAction":1}"#);
        let signature = BASE64_STANDARD.decode(&fields["Signature"]).expect("it is base64");
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public().as_ref());
        assert!(public.verify(fields["bindRequest"].as_bytes(), &signature).is_ok());
        assert!(public.verify(b"another", &signature).is_err());
    }

    #[test]
    fn the_signature_is_over_id_timestamp_and_body() {
        // Computed apart, with `openssl dgst -sha256 -hmac`.
        let signed = signature(b"0123456789abcdef", EventId(Uuid::from_u128(1)), 1_767_225_600, r#"{"a":1}"#);
        assert_eq!(signed, "v1,597aTko5xb6Dfdr6eFElTOoQDLxANGOYntskZQ6G614=");
    }
}
