//! What partners are told: that an account was bound to one of theirs, or is no longer.
//!
//! A notification is written in the transaction of the change that it is about, so none is lost and none is sent for what
//! did not happen. A background task posts it to the partner's address until that answers with success, at longer and longer
//! intervals; each attempt leaves a row. A partner may get one twice, when it has taken it and we could not note that. What is
//! about one customer comes in order.

use crate::config::NotificationSettings;
use crate::values::id::{DomainId, TenantId, new_uuid};
use crate::values::time::Instant;
use anyhow::Context;
use axum::Router;
use axum::http::header;
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Serialize;
use serde_json::json;
use sqlx::PgConnection;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// The vendor's name of the signature's algorithm.
const ALGORITHM: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
/// Most notifications of a tenant that are posted at once.
const POSTS_MAX: i64 = 16;
/// Longest interval between two attempts.
const INTERVAL_MAX: time::Duration = time::Duration::hours(1);

/// What happened to a customer. The vendor's number of the second is a guess: only the first was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BindAction {
    /// It was bound.
    Bound = 1,
    /// It was unbound.
    Unbound = 0,
}

/// Writes a notification for who is to be told: the partner itself or, of a reseller, its distributor. Nobody may be.
pub async fn write(
    connection: &mut PgConnection,
    (tenant, partner, customer): (TenantId, DomainId, DomainId),
    action: BindAction,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    // The tenant's id is that of the account at its top.
    let about = sqlx::query!(
        r#"select d.name, c.xaccount_id,
                  (select p.callback_url from partner_profiles p
                   where p.tenant_id = $1 and p.domain_id in ($2, $1) and p.callback_url is not null
                   order by p.domain_id = $2 desc limit 1) as url
           from domains d join customers c on c.tenant_id = d.tenant_id and c.domain_id = d.domain_id
           where d.tenant_id = $1 and c.tenant_id = $1 and d.domain_id = $3"#,
        tenant.0,
        partner.0,
        customer.0
    );
    let about = about.fetch_one(&mut *connection).await?;
    let Some(url) = about.url else { return Ok(()) };
    // Due at once: deliveries go by the system's time, whatever the tenant's clock shows.
    let body = json!({
        "domainName": about.name,
        "domainId": customer,
        "xUserId": about.xaccount_id.unwrap_or_default(),
        "bindAction": action as i32,
    });
    sqlx::query!(
        "insert into notifications (tenant_id, notification_id, partner_id, customer_id, url, body, created_at, due_at,
                                    attempts, delivered_at)
         values ($1, $2, $3, $4, $5, $6, $7, 'epoch', 0, null)",
        tenant.0,
        new_uuid(now),
        partner.0,
        customer.0,
        url,
        body.to_string(),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Signs and posts.
#[derive(Clone)]
pub struct Notifier {
    /// Without it nothing is posted; notifications wait.
    pub key: Option<Arc<RsaKeyPair>>,
    client: reqwest::Client,
    /// How long an answer may take.
    pub patience: Duration,
}

impl Notifier {
    /// By the settings. Without a key nothing is posted; notifications wait.
    pub fn new(settings: &NotificationSettings) -> anyhow::Result<Self> {
        let key = match settings.signing_key.reveal() {
            "" => None,
            pem => Some(Arc::new(parse_key(pem).context("notifications.signing_key")?)),
        };
        let patience = Duration::from_secs(settings.timeout_seconds);
        let client = reqwest::Client::builder().timeout(patience).redirect(reqwest::redirect::Policy::none());
        Ok(Self { key, client: client.build()?, patience })
    }

    /// The form that tells a partner: the JSON in base64, and the signature of that text.
    fn form(key: &RsaKeyPair, body: &str) -> anyhow::Result<String> {
        let request = BASE64_STANDARD.encode(body);
        let mut signature = vec![0; key.public().modulus_len()];
        let signed = key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), request.as_bytes(), &mut signature);
        signed.ok().context("the notification could not be signed")?;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("bindRequest", &request).append_pair("SigAlg", ALGORITHM);
        Ok(form.append_pair("Signature", &BASE64_STANDARD.encode(signature)).finish())
    }

    /// Posts one.
    pub async fn post(&self, key: &RsaKeyPair, due: &Due) -> Outcome {
        let started = std::time::Instant::now();
        let answer = async {
            let form = Self::form(key, &due.body)?;
            let request = self.client.post(&due.url).header("content-type", "application/x-www-form-urlencoded");
            // The address may hold a key, so it is not part of the error.
            anyhow::Ok(request.body(form).send().await.map_err(reqwest::Error::without_url)?.status())
        };
        let (status, error) = match answer.await {
            Ok(status) if status.is_success() => (Some(status.as_u16()), String::new()),
            Ok(status) => (Some(status.as_u16()), "it was not taken".to_owned()),
            Err(error) => (None, format!("{error:#}")),
        };
        let duration_ms = i32::try_from(started.elapsed().as_millis()).unwrap_or(i32::MAX);
        Outcome { status, error, duration_ms }
    }
}

/// What a PEM text holds, in base64. What stands before or behind it is for people.
fn pem_body(pem: &str) -> String {
    let inside = pem.lines().map(str::trim).skip_while(|line| !line.starts_with("-----BEGIN ")).skip(1);
    inside.take_while(|line| !line.starts_with("-----END ")).collect()
}

/// A PKCS #8 key in PEM.
fn parse_key(pem: &str) -> anyhow::Result<RsaKeyPair> {
    let der = BASE64_STANDARD.decode(pem_body(pem)).context("must be PEM")?;
    RsaKeyPair::from_pkcs8(&der).map_err(|error| anyhow::anyhow!("must be an RSA key, PKCS #8: {error}"))
}

/// A notification that is to be posted now.
pub struct Due {
    id: Uuid,
    url: String,
    body: String,
    attempts: i32,
}

/// What came of it.
pub struct Outcome {
    status: Option<u16>,
    /// Empty for a success.
    error: String,
    duration_ms: i32,
}

/// How long after a failed attempt the next one comes: a second, then twice as long each time, up to an hour.
fn interval(attempts: i32) -> time::Duration {
    let doublings = u32::try_from(attempts - 1).unwrap_or_default().min(12);
    time::Duration::seconds(1 << doublings).min(INTERVAL_MAX)
}

/// Takes what is due, and of each customer only the first that the partner has not taken: told out of order, it would think
/// of the customer what was. Whoever has taken it may die: it is due again when any answer would be too late.
pub async fn take(
    connection: &mut PgConnection,
    tenant: TenantId,
    now: OffsetDateTime,
    patience: Duration,
) -> sqlx::Result<Vec<Due>> {
    sqlx::query_as!(
        Due,
        "with picked as (
             select notification_id from notifications n
             where tenant_id = $1 and delivered_at is null and due_at <= $2
               and not exists (select 1 from notifications e
                               where e.tenant_id = $1 and e.customer_id = n.customer_id and e.number < n.number
                                 and e.delivered_at is null)
             order by due_at, number limit $3 for update skip locked)
         update notifications n set due_at = $4, attempts = n.attempts + 1
         from picked where n.tenant_id = $1 and n.notification_id = picked.notification_id
         returning n.notification_id as id, n.url, n.body, n.attempts",
        tenant.0,
        now,
        POSTS_MAX,
        now.saturating_add(time::Duration::try_from(patience * 2).unwrap_or(INTERVAL_MAX))
    )
    .fetch_all(connection)
    .await
}

/// Notes what came of an attempt.
pub async fn report(
    connection: &mut PgConnection,
    tenant: TenantId,
    due: &Due,
    outcome: &Outcome,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let is_delivered = outcome.error.is_empty();
    sqlx::query!(
        "insert into notification_attempts (tenant_id, attempted_at, attempt_id, notification_id, status, error, duration_ms)
         values ($1, $2, $3, $4, $5, $6, $7)",
        tenant.0,
        now,
        new_uuid(now),
        due.id,
        outcome.status.map(u16::cast_signed),
        outcome.error,
        outcome.duration_ms
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "update notifications set delivered_at = case when $3 then $4::timestamptz end, due_at = $5
         where tenant_id = $1 and notification_id = $2 and delivered_at is null",
        tenant.0,
        due.id,
        is_delivered,
        now,
        now.saturating_add(interval(due.attempts))
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// `/sp-metadata.xml`: where partners find the certificate, as with the vendor.
pub fn router<S: Clone + Send + Sync + 'static>(settings: &NotificationSettings) -> Router<S> {
    let certificate = pem_body(&settings.certificate);
    let metadata = format!(
        "<md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"bss-gateway\">\
         <md:SPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">\
         <md:KeyDescriptor use=\"signing\"><ds:KeyInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:X509Data>\
         <ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>\
         </md:SPSSODescriptor></md:EntityDescriptor>\n"
    );
    match certificate.as_str() {
        "" => Router::new(),
        _ => Router::new()
            .route("/sp-metadata.xml", get(async move || ([(header::CONTENT_TYPE, "application/xml")], metadata))),
    }
}

/// A notification with its attempts, for operators.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = NotificationView)]
pub struct Trace {
    /// Its id.
    #[schema(value_type = String, example = "01978d6a-2b3c-7d4e-8f90-a1b2c3d4e5f6")]
    pub id: Uuid,
    /// The JSON that it carries, signed.
    #[schema(example = "{\"bindAction\":1,\"domainId\":\"01978d6a2b3c7d4e8f90a1b2c3d4e5f6\"}")]
    pub body: String,
    /// When it was written, by the tenant's time.
    pub created_at: Instant,
    /// When it was taken; left out while it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Instant>,
    /// Each attempt, oldest first: the answer's status, or what went wrong.
    #[schema(example = json!(["503", "200"]))]
    pub attempts: Vec<String>,
}

/// The notifications about a partner's customers, latest first, from behind one on; of who is at a tenant's top all of the
/// tenant's.
pub async fn traces(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    (behind, limit): (Option<(OffsetDateTime, Uuid)>, usize),
) -> sqlx::Result<Vec<Trace>> {
    sqlx::query_as!(
        Trace,
        r#"select n.notification_id as id, n.body, n.created_at as "created_at: Instant",
                  n.delivered_at as "delivered_at: Instant",
                  array(select coalesce(a.status::text, a.error) from notification_attempts a
                        where a.tenant_id = $1 and a.notification_id = n.notification_id
                        order by a.attempted_at) as "attempts!"
           from notifications n
           where n.tenant_id = $1 and ($2 = $1 or n.partner_id = $2)
             and ($3::timestamptz is null or (n.created_at, n.notification_id) < ($3, $4))
           order by n.created_at desc, n.notification_id desc limit $5"#,
        tenant.0,
        partner.0,
        behind.map(|(at, _)| at),
        behind.map(|(_, id)| id),
        i64::try_from(limit).unwrap_or(i64::MAX)
    )
    .fetch_all(connection)
    .await
}

/// Why a notification is not sent again.
#[derive(Debug, thiserror::Error)]
pub enum SendAgainError {
    /// There is none.
    #[error("there is no notification {0} about the account's customers")]
    NoSuchNotification(Uuid),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Makes a notification due at once, whether it was taken or not, to the address that is set now.
pub async fn send_again(
    connection: &mut PgConnection,
    (tenant, partner): (TenantId, DomainId),
    id: Uuid,
) -> Result<(), SendAgainError> {
    let due = sqlx::query!(
        "update notifications n
         set delivered_at = null, due_at = 'epoch',
             url = coalesce((select p.callback_url from partner_profiles p
                             where p.tenant_id = $1 and p.domain_id in (n.partner_id, $1) and p.callback_url is not null
                             order by p.domain_id = n.partner_id desc limit 1), n.url)
         where n.tenant_id = $1 and n.notification_id = $3 and ($2 = $1 or n.partner_id = $2)",
        tenant.0,
        partner.0,
        id
    );
    match due.execute(connection).await?.rows_affected() {
        0 => Err(SendAgainError::NoSuchNotification(id)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestApp;
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use sqlx::PgPool;
    use std::collections::HashMap;

    #[test]
    fn attempts_grow_apart_up_to_an_hour() {
        let seconds = [1, 2, 3, 12, 13, 100].map(|attempts| interval(attempts).whole_seconds());
        assert_eq!(seconds, [1, 2, 4, 2048, 3600, 3600]);
    }

    #[test]
    fn the_form_is_signed_over_the_text_it_carries() {
        let settings = NotificationSettings {
            signing_key: crate::config::Secret::from(include_str!("sandbox/notification_key.pem").to_owned()),
            certificate: String::new(),
            timeout_seconds: 1,
        };
        let notifier = Notifier::new(&settings).expect("the key is valid");
        let key = notifier.key.clone().expect("there is one");
        let form = Notifier::form(&key, r#"{"bindAction":1}"#).expect("it is signed");
        let fields: HashMap<String, String> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        assert_eq!(BASE64_STANDARD.decode(&fields["bindRequest"]).expect("it is base64"), br#"{"bindAction":1}"#);
        let signature = BASE64_STANDARD.decode(&fields["Signature"]).expect("it is base64");
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public().as_ref());
        assert!(public.verify(fields["bindRequest"].as_bytes(), &signature).is_ok());
        assert!(public.verify(b"another", &signature).is_err());
    }

    #[sqlx::test(migrator = "crate::database::MIGRATOR")]
    async fn a_tenant_whose_clock_is_ahead_is_told_at_once_and_in_order(pool: PgPool) {
        let app = TestApp::new(pool.clone()).await;
        let (partner, customer) = (app.world.account("demo-partner"), app.world.account("demo-customer"));
        let to = "insert into partner_profiles (tenant_id, domain_id, standing, is_test, checks_documents, name,
                                                account_manager_id, account_manager_name, callback_url)
                  values ($1, $1, 'normal', false, false, '', '', '', 'http://partner.test')
                  on conflict (tenant_id, domain_id) do update set callback_url = excluded.callback_url";
        sqlx::query(to).bind(partner.tenant.0).execute(&pool).await.expect("it is set");
        let mut connection = pool.acquire().await.expect("a connection");
        let (now, ids) = (app.app.clock.now(), (partner.tenant, partner.domain, customer.domain));
        write(&mut connection, ids, BindAction::Bound, now + time::Duration::days(40)).await.expect("it is written");
        write(&mut connection, ids, BindAction::Unbound, now).await.expect("it is written");
        let mut taken = Vec::new();
        for _ in 0..3 {
            let due = take(&mut connection, partner.tenant, now, Duration::from_secs(1)).await.expect("it is taken");
            for due in due {
                let outcome = Outcome { status: Some(200), error: String::new(), duration_ms: 1 };
                report(&mut connection, partner.tenant, &due, &outcome, now).await.expect("it is noted");
                taken.push(due.body.contains("\"bindAction\":1"));
            }
        }
        assert_eq!(taken, [true, false], "one after the other");
    }
}
