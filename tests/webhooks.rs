//! Events on their way: polled, posted, tried again, kept as failed, sent once more; and where they are never posted.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::post;
use bss_gateway::background::{cleanups, deliveries};
use bss_gateway::config::{RateText, Secret};
use bss_gateway::customers::events::CustomerBound;
use bss_gateway::operators::store::Role;
use bss_gateway::outbox::{self, Event};
use bss_gateway::testing::TestApp;
use bss_gateway::values::id::DomainId;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use uuid::Uuid;

const WEBHOOKS: &str = "/partner/v1/webhooks";
/// How much demo-partner's tenant was told when the world was made: of its two customers.
const WORLD: usize = 2;

/// An application that calls this machine, at these networks of it.
async fn app_that_calls(pool: PgPool, networks: &[&str]) -> TestApp {
    TestApp::with(pool, bss_gateway::operations, |settings| {
        let high: RateText = "1000000/1".to_owned().try_into().expect("it is a rate");
        settings.quotas.overrides.insert("*".to_owned(), high);
        settings.webhooks.schemes = vec!["http".to_owned()];
        let networks = networks.iter().map(|network| network.parse().expect("it is a network"));
        settings.webhooks.allowed_networks = networks.collect();
        settings.notifications.timeout_seconds = 1;
        let key = include_str!("../src/sandbox/notification_key.pem");
        settings.notifications.signing_key = Secret::from(key.to_owned());
    })
    .await
}

/// How a receiver answers its next request.
#[derive(Clone, Copy)]
enum Reply {
    Status(u16),
    Hang,
}

/// A server of a partner.
struct Receiver {
    url: String,
    script: Arc<Mutex<Script>>,
}

#[derive(Default)]
struct Script {
    /// How it answers; at its end with 204.
    replies: Vec<Reply>,
    redirect_to: Option<String>,
    asked: Vec<(HeaderMap, String)>,
    taken: Vec<Value>,
}

impl Receiver {
    async fn at(address: &str, replies: &[Reply]) -> Self {
        let script = Arc::new(Mutex::new(Script { replies: replies.to_vec(), ..Script::default() }));
        let listener = TcpListener::bind(address).await.expect("a port");
        let url = format!("http://{}/events", listener.local_addr().expect("an address"));
        let router = Router::new().route("/events", post(receive)).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, script }
    }

    async fn new(replies: &[Reply]) -> Self {
        Self::at("127.0.0.1:0", replies).await
    }

    fn taken(&self) -> Vec<Value> {
        self.script.lock().expect("nobody panics").taken.clone()
    }

    fn asked(&self) -> usize {
        self.script.lock().expect("nobody panics").asked.len()
    }

    /// The positions that it has taken, of those about one subject, in the order in which they came.
    fn positions_about(&self, subject: DomainId) -> Vec<i64> {
        let taken = self.taken();
        let about = taken.iter().filter(|event| event["data"]["customer_id"] == json!(subject));
        about.map(|event| event["position"].as_i64().expect("a number")).collect()
    }
}

async fn receive(State(script): State<Arc<Mutex<Script>>>, headers: HeaderMap, body: String) -> impl IntoResponse {
    let (reply, redirect) = {
        let mut script = script.lock().expect("nobody panics");
        script.asked.push((headers, body.clone()));
        let reply = if script.replies.is_empty() { Reply::Status(204) } else { script.replies.remove(0) };
        if matches!(reply, Reply::Status(200..300)) {
            script.taken.push(serde_json::from_str(&body).unwrap_or(Value::String(body)));
        }
        (reply, script.redirect_to.clone().unwrap_or_default())
    };
    match reply {
        Reply::Status(status) => (StatusCode::from_u16(status).expect("a status"), [(header::LOCATION, redirect)]),
        Reply::Hang => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            (StatusCode::OK, [(header::LOCATION, redirect)])
        }
    }
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    // A machine may be busy with a build besides.
    for _ in 0..1_200 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited in vain until {what}");
}

fn start(app: &TestApp) -> JoinHandle<()> {
    tokio::spawn(deliveries::run(app.app.clone()))
}

/// Tells demo-partner of a customer.
async fn tell(app: &TestApp, connection: &mut PgConnection, customer_id: DomainId, name: &str) {
    tell_at(app, connection, (customer_id, name), app.app.clock.now()).await;
}

async fn tell_at(
    app: &TestApp,
    connection: &mut PgConnection,
    (customer_id, name): (DomainId, &str),
    now: OffsetDateTime,
) {
    let partner = app.world.demo();
    let (domain_name, xaccount_id) = (name.to_owned(), String::new());
    let bound = CustomerBound { customer_id, domain_name, xaccount_id, partner_id: partner.domain };
    let event = Event::new(partner.domain, &bound);
    outbox::append(connection, partner.tenant, &[event], now).await.expect("it is written");
}

fn subject(number: u128) -> DomainId {
    DomainId(Uuid::from_u128(number))
}

async fn register(app: &TestApp, url: &str, kinds: &[&str]) -> Value {
    app.client("demo-partner").post(WEBHOOKS, &json!({"url": url, "kinds": kinds})).await.ok()
}

async fn deliveries(app: &TestApp, webhook: &Value) -> Vec<Value> {
    let target = format!("{WEBHOOKS}/{}/deliveries", webhook["id"].as_str().expect("an id"));
    let listed = app.client("demo-partner").get(&target).await.ok();
    listed["deliveries"].as_array().expect("a list").clone()
}

/// The events behind those with which the world began.
async fn events(app: &TestApp) -> Vec<Value> {
    let listed = app.client("demo-partner").get(&format!("/partner/v1/events?after={WORLD}&limit=1000")).await.ok();
    listed["events"].as_array().expect("a list").clone()
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn a_receiver_that_was_away_for_an_hour_gets_every_event_in_order(pool: PgPool) {
    let app = app_that_calls(pool.clone(), &["127.0.0.0/8"]).await;
    // It answers 500, takes too long, is away for an hour, and is well again.
    let replies = [Reply::Status(500), Reply::Hang, Reply::Status(503), Reply::Status(301), Reply::Status(429)];
    let receiver = Receiver::new(&replies).await;
    let webhook = register(&app, &receiver.url, &["customer.bound"]).await;
    let mut connection = pool.acquire().await.expect("a connection");
    for number in 0..30 {
        tell(&app, &mut connection, subject(number % 3), &format!("customer-{number}")).await;
    }
    let engine = start(&app);
    until("it has refused all it will", async || receiver.asked() >= replies.len()).await;
    app.app.clock.set(app.app.clock.now() + time::Duration::hours(1));
    until("it has them all", async || receiver.taken().len() >= 30).await;
    let is_delivered = |delivery: &Value| delivery["state"] == "delivered";
    until("that is noted", async || deliveries(&app, &webhook).await.iter().all(is_delivered)).await;
    engine.abort();

    for number in 0..3 {
        let positions = receiver.positions_about(subject(number));
        assert!(positions.len() == 10 && positions.is_sorted(), "{positions:?}");
    }
    let polled = events(&app).await;
    let mut taken = receiver.taken();
    taken.sort_by_key(|event| event["position"].as_i64());
    assert_eq!(taken, polled, "who polls sees what was sent");
    let asked = receiver.script.lock().expect("nobody panics").asked.clone();
    for (headers, body) in &asked {
        let event: Value = serde_json::from_str(body).expect("it is JSON");
        assert_eq!(headers["webhook-id"].to_str().ok(), event["id"].as_str(), "the id is the event's, each time");
    }
    let delivered = deliveries(&app, &webhook).await;
    let errors = delivered.iter().flat_map(|delivery| delivery["attempts"].as_array().expect("a list"));
    let statuses: Vec<&Value> = errors.map(|attempt| &attempt["status"]).collect();
    for status in [json!(500), json!(503), json!(301), json!(429), Value::Null] {
        assert_eq!(statuses.iter().filter(|other| ***other == status).count(), 1, "{status}: {statuses:?}");
    }
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn who_polls_misses_no_event_that_is_committed_late(pool: PgPool) {
    let app = app_that_calls(pool.clone(), &[]).await;
    let mut early = pool.begin().await.expect("it begins");
    tell(&app, &mut early, subject(1), "written first").await;
    tell(&app, &mut pool.acquire().await.expect("a connection"), subject(2), "committed first").await;
    let client = app.client("demo-partner");
    let first = client.get(&format!("/partner/v1/events?after={WORLD}")).await.ok();
    assert_eq!(first["events"][0]["data"]["domain_name"], "committed first");
    early.commit().await.expect("it commits");
    let after = format!("/partner/v1/events?after={}", first["next_after"]);
    let second = client.get(&after).await.ok();
    assert_eq!(second["events"].as_array().map(Vec::len), Some(1));
    assert_eq!(second["events"][0]["data"]["domain_name"], "written first");
    let end = client.get(&format!("/partner/v1/events?after={}", second["next_after"])).await.ok();
    assert_eq!((&end["events"], &end["next_after"]), (&json!([]), &second["next_after"]));
    let other = client.get("/partner/v1/events?kind=coupon.expiring").await.ok();
    assert_eq!(other["events"], json!([]));
    let others = app.client("demo-reseller").get("/partner/v1/events").await.ok();
    let (others, own) = (others["events"].as_array().expect("a list"), app.world.account("demo-reseller").domain);
    assert!(!others.is_empty() && others.iter().all(|event| event["account_id"] == json!(own)), "{others:?}");
    assert_eq!(app.client("demo-customer").get("/partner/v1/events").await.refusal().0, 403);
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn replicas_that_deliver_side_by_side_send_each_event_once(pool: PgPool) {
    let app = app_that_calls(pool.clone(), &["127.0.0.0/8"]).await;
    let replica = app.replica(pool.clone()).await;
    let receiver = Receiver::new(&[]).await;
    register(&app, &receiver.url, &[]).await;
    let engines = [start(&app), start(&replica)];
    let mut connection = pool.acquire().await.expect("a connection");
    for number in 0..100 {
        tell(&app, &mut connection, subject(number % 10), "customer").await;
        app.app.notified.notify_one();
        replica.app.notified.notify_one();
    }
    until("all have come", async || receiver.taken().len() >= 100).await;
    for number in 0..10 {
        let positions = receiver.positions_about(subject(number));
        assert!(positions.len() == 10 && positions.is_sorted(), "{positions:?}");
    }
    assert_eq!(receiver.asked(), 100);
    for engine in engines {
        engine.abort();
    }
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn a_slow_receiver_holds_up_no_other(pool: PgPool) {
    let app = app_that_calls(pool.clone(), &["127.0.0.0/8"]).await;
    let (slow, quick) = (Receiver::new(&[Reply::Hang; 1000]).await, Receiver::new(&[]).await);
    register(&app, &slow.url, &[]).await;
    register(&app, &quick.url, &[]).await;
    let mut connection = pool.acquire().await.expect("a connection");
    for number in 0..100 {
        tell(&app, &mut connection, subject(number), "customer").await;
    }
    let engine = start(&app);
    until("the slow one was asked", async || slow.asked() > 0).await;
    until("the quick one has them all", async || quick.taken().len() == 100).await;
    assert!(slow.asked() <= 40, "so many hang at once, and no more: {}", slow.asked());
    engine.abort();
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn what_is_not_taken_in_three_days_has_failed_and_can_be_sent_once_more(pool: PgPool) {
    let app = app_that_calls(pool.clone(), &["127.0.0.0/8"]).await;
    let client = app.client("demo-partner");
    let receiver = Receiver::new(&[Reply::Status(500), Reply::Status(500)]).await;
    let webhook = register(&app, &receiver.url, &[]).await;
    let mut connection = pool.acquire().await.expect("a connection");
    tell(&app, &mut connection, subject(1), "first").await;
    let engine = start(&app);
    let state = async || deliveries(&app, &webhook).await[0]["state"].clone();
    until("it was tried", async || receiver.asked() == 1).await;
    assert_eq!(state().await, "open");
    app.app.clock.set(app.app.clock.now() + time::Duration::days(3));
    until("it has failed", async || state().await == "failed").await;
    // It stands in nobody's way.
    tell(&app, &mut connection, subject(1), "second").await;
    until("the next one is taken", async || receiver.taken().len() == 1).await;

    let polled = events(&app).await;
    let replay = format!("{WEBHOOKS}/{}/replay", webhook["id"].as_str().expect("an id"));
    let once = client.post(&replay, &json!({"event_id": polled[0]["id"]})).await.ok();
    assert_eq!(once, json!({"events": 1}));
    until("it is sent once more", async || receiver.taken().len() == 2).await;
    assert_eq!(receiver.taken(), [polled[1].clone(), polled[0].clone()]);
    let span = json!({"from": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"});
    assert_eq!(client.post(&replay, &span).await.ok(), json!({"events": WORLD + 2}));
    until("all are sent once more", async || receiver.taken().len() == WORLD + 4).await;
    let positions: Vec<Option<i64>> = polled.iter().map(|event| event["position"].as_i64()).collect();
    let sent = receiver.positions_about(subject(1));
    assert_eq!(sent[2..].iter().copied().map(Some).collect::<Vec<_>>(), positions);
    for (body, field) in [
        (json!({}), "event_id"),
        (json!({"event_id": subject(7)}), "event_id"),
        (json!({"event_id": polled[0]["id"], "from": "2020-01-01T00:00:00Z"}), "event_id"),
        (json!({"from": "2020-01-01T00:00:00Z"}), "until"),
        (json!({"from": "2020-01-01T00:00:00Z", "until": "2020-01-01T00:00:00Z"}), "until"),
    ] {
        let refused = client.post(&replay, &body).await;
        assert!(refused.refusal().2.starts_with(&format!("Parameter error. {field}: ")), "{body}: {}", refused.body);
    }
    engine.abort();
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn no_address_inside_is_called_by_number_by_name_or_by_redirect(pool: PgPool) {
    let app = app_that_calls(pool.clone(), &["127.0.0.2/32"]).await;
    let client = app.client("demo-partner");
    let inside = Receiver::new(&[]).await;
    let refused = client.post(WEBHOOKS, &json!({"url": inside.url})).await;
    let message = "Parameter error. url: its address is in a network that is not called.";
    assert_eq!(refused.refusal(), (400, "CBC.0100", message));
    // A name is judged when it is called, and so is a redirect.
    let by_name = register(&app, &inside.url.replace("127.0.0.1", "localhost"), &[]).await;
    let outside = Receiver::at("127.0.0.2:0", &[Reply::Status(307)]).await;
    outside.script.lock().expect("nobody panics").redirect_to = Some(inside.url.clone());
    let by_redirect = register(&app, &outside.url, &[]).await;
    tell(&app, &mut pool.acquire().await.expect("a connection"), subject(1), "customer").await;
    let engine = start(&app);
    let attempt = async |webhook: &Value| deliveries(&app, webhook).await[0]["attempts"][0].clone();
    until("both were tried", async || {
        attempt(&by_name).await["error"] != Value::Null && attempt(&by_redirect).await["error"] != Value::Null
    })
    .await;
    let (named, redirected) = (attempt(&by_name).await, attempt(&by_redirect).await);
    let error = named["error"].as_str().expect("a text");
    assert!(named["status"].is_null() && error.contains("a network that is not called"), "{error}");
    assert_eq!((&redirected["status"], &redirected["error"]), (&json!(307), &json!("it was not taken")));
    assert_eq!(inside.asked(), 0);
    engine.abort();
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn a_webhook_is_changed_and_its_secret_is_shown_once(pool: PgPool) {
    let app = app_that_calls(pool.clone(), &["127.0.0.0/8"]).await;
    let client = app.client("demo-partner");
    let receiver = Receiver::new(&[]).await;
    let body = json!({"url": receiver.url, "kinds": ["customer.bound"]}).to_string();
    let create = async || client.call(Method::POST, WEBHOOKS, &[("idempotency-key", "one")], &body).await.ok();
    let (webhook, again) = (create().await, create().await);
    assert!(webhook["secret"].as_str().is_some_and(|secret| secret.starts_with("whsec_")), "{webhook}");
    assert_eq!((&again["secret"], &again["id"]), (&Value::Null, &webhook["id"]));
    let kept: i64 = sqlx::query_scalar("select count(*) from idempotency_keys where answer like '%whsec_%'")
        .fetch_one(&pool)
        .await
        .expect("a count");
    assert_eq!(kept, 0);
    let listed = client.get(WEBHOOKS).await.ok();
    assert_eq!(listed["webhooks"].as_array().map(Vec::len), Some(1));
    assert!(listed["webhooks"][0].get("secret").is_none(), "{listed}");

    let own = format!("{WEBHOOKS}/{}", webhook["id"].as_str().expect("an id"));
    let change = async |body: Value| client.call(Method::PATCH, &own, &[], &body.to_string()).await;
    let disabled = change(json!({"state": "disabled"})).await.ok();
    assert_eq!(
        (&disabled["state"], &disabled["url"], &disabled["kinds"]),
        (&json!("disabled"), &webhook["url"], &webhook["kinds"])
    );
    let mut connection = pool.acquire().await.expect("a connection");
    tell(&app, &mut connection, subject(1), "while it is disabled").await;
    assert_eq!(events(&app).await.len(), 1);
    change(json!({"state": "enabled", "kinds": []})).await.ok();
    tell(&app, &mut connection, subject(1), "while it is enabled").await;
    let engine = start(&app);
    until("it is told", async || !receiver.taken().is_empty()).await;
    assert_eq!(receiver.taken()[0]["data"]["domain_name"], "while it is enabled");
    engine.abort();

    for (body, field) in [
        (json!({"kinds": ["customer.bound", "customer.eaten"]}), "kinds[1]"),
        (json!({"url": "https://127.0.0.1"}), "url"),
        (json!({"state": "asleep"}), "state"),
    ] {
        let refused = change(body.clone()).await;
        assert!(refused.refusal().2.starts_with(&format!("Parameter error. {field}: ")), "{body}: {}", refused.body);
    }
    let foreign = app.client("other-partner").call(Method::DELETE, &own, &[], "").await;
    assert!(foreign.refusal().2.starts_with("Parameter error. webhook: there is no webhook "), "{}", foreign.body);
    assert_eq!(client.call(Method::DELETE, &own, &[], "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(client.get(WEBHOOKS).await.ok()["webhooks"], json!([]));
    let left: i64 = sqlx::query_scalar("select count(*) from deliveries").fetch_one(&pool).await.expect("a count");
    assert_eq!(left, 0);
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn an_account_has_so_many_webhooks_and_no_more(pool: PgPool) {
    let app =
        TestApp::with(pool, bss_gateway::operations, |settings| settings.webhooks.endpoints_per_account = 1).await;
    let client = app.client("demo-partner");
    let body = json!({"url": "https://partner.example.com/events"});
    client.post(WEBHOOKS, &body).await.ok();
    let refused = client.post(WEBHOOKS, &body).await;
    assert!(refused.refusal().2.contains("url: the account has 1 webhooks already"), "{}", refused.body);
    app.client("other-partner").post(WEBHOOKS, &body).await.ok();
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn operators_do_to_webhooks_what_partners_do(pool: PgPool) {
    let app = app_that_calls(pool.clone(), &["127.0.0.0/8"]).await;
    let operator = app.operator(Role::Operate).await;
    let receiver = Receiver::new(&[]).await;
    let webhooks = "/admin/v1/accounts/demo-reseller/webhooks";
    let created = operator.post(webhooks, &json!({"url": "http://127.0.0.1:9/nobody"})).await.ok();
    assert_eq!(app.client("demo-reseller").get(WEBHOOKS).await.ok()["webhooks"][0]["id"], created["id"]);
    let own = format!("{webhooks}/{}", created["id"].as_str().expect("an id"));
    operator.call(Method::PATCH, &own, &[], &json!({"url": receiver.url}).to_string()).await.ok();
    // The distributor is told what its reseller is told.
    let above = Receiver::new(&[]).await;
    app.client("demo-distributor").post(WEBHOOKS, &json!({"url": above.url})).await.ok();
    let customer = "/admin/v1/accounts/reseller-customer/association";
    operator.call(Method::DELETE, customer, &[], "").await.ok();
    let engine = start(&app);
    until("both are told", async || receiver.taken().len() == 1 && above.taken().len() == 1).await;
    assert_eq!(receiver.taken(), above.taken());
    assert_eq!(receiver.taken()[0]["type"], "customer.unbound");
    let id = receiver.taken()[0]["id"].clone();
    assert_eq!(operator.post(&format!("{own}/replay"), &json!({"event_id": id})).await.ok(), json!({"events": 1}));
    until("it is told once more", async || receiver.taken().len() == 2).await;
    let latest = async || operator.get(&format!("{own}/deliveries")).await.ok()["deliveries"][0].clone();
    until("both are noted", async || latest().await["attempts"].as_array().map(Vec::len) == Some(2)).await;
    assert_eq!(latest().await["event_id"], id);
    assert_eq!(operator.call(Method::DELETE, &own, &[], "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(operator.get(webhooks).await.ok()["webhooks"], json!([]));
    engine.abort();
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn what_an_older_replica_writes_is_told_too(pool: PgPool) {
    let app = app_that_calls(pool.clone(), &["127.0.0.0/8"]).await;
    let partner = app.world.demo();
    let receiver = Receiver::new(&[]).await;
    let (profile, body) =
        ("/admin/v1/accounts/demo-partner/profile", json!({"callback_url": receiver.url}).to_string());
    app.operator(Role::Operate).await.call(Method::PUT, profile, &[], &body).await.ok();
    let customer = app.world.account("demo-customer").domain;
    let before =
        "insert into notifications (tenant_id, notification_id, partner_id, customer_id, url, body, created_at,
                                             due_at, attempts, delivered_at)
                  values ($1, gen_random_uuid(), $2, $3, 'http://127.0.0.1:9', $4, $5, $6, 0, null)";
    let told = |name: &str, action: i32| {
        json!({"domainName": name, "domainId": customer, "xUserId": "", "bindAction": action}).to_string()
    };
    let now = app.app.clock.now();
    // The third is just being delivered by who wrote it.
    for (body, due) in [
        (told("first", 1), OffsetDateTime::UNIX_EPOCH),
        (told("second", 0), OffsetDateTime::UNIX_EPOCH),
        (told("third", 1), now + time::Duration::hours(1)),
    ] {
        let insert = sqlx::query(before).bind(partner.tenant.0).bind(partner.domain.0).bind(customer.0);
        insert.bind(body).bind(now).bind(due).execute(&pool).await.expect("it is written");
    }
    let written = "insert into outbox (tenant_id, event_id, domain_id, kind, payload, created_at)
                   values ($1, gen_random_uuid(), $2, 'coupon.expiring', '{\"balance\": \"1\"}', $3)";
    let insert = sqlx::query(written).bind(partner.tenant.0).bind(partner.domain.0).bind(now);
    insert.execute(&pool).await.expect("the columns of before suffice");
    let engine = start(&app);
    until("the first two are told", async || receiver.taken().len() == 2).await;
    app.app.clock.set(now + time::Duration::hours(2));
    until("so is the third, which nobody has delivered", async || receiver.taken().len() == 3).await;
    engine.abort();
    let operator = app.operator(Role::Read).await;
    let listed = operator.get("/admin/v1/accounts/demo-partner/notifications").await.ok();
    let mut bodies: Vec<&str> = listed["notifications"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| row["body"].as_str().expect("a text"))
        .collect();
    bodies.sort_unstable();
    let mut expected = [told("first", 1), told("second", 0), told("third", 1)];
    expected.sort_unstable();
    assert_eq!(bodies, expected);
    let polled = events(&app).await;
    assert!(polled.iter().any(|event| event["type"] == "coupon.expiring"), "{polled:?}");
}

#[sqlx::test(migrator = "bss_gateway::database::MIGRATOR")]
async fn events_are_kept_for_thirty_days_of_the_tenants_time(pool: PgPool) {
    let app = app_that_calls(pool.clone(), &["127.0.0.0/8"]).await;
    let mut connection = pool.acquire().await.expect("a connection");
    let now = app.app.clock.now();
    let (old, young) = (now - time::Duration::days(31), now - time::Duration::days(29));
    bss_gateway::database::open_months(&mut connection, old.date(), now.date()).await.expect("they are opened");
    // More than are deleted in one transaction.
    for number in 0..1001 {
        tell_at(&app, &mut connection, (subject(number), "old"), old).await;
    }
    tell_at(&app, &mut connection, (subject(1), "young"), young).await;
    assert_eq!(events(&app).await.len(), 1000);
    cleanups::clean_up(&app.app).await.expect("they are deleted");
    let left = events(&app).await;
    assert_eq!(left.iter().map(|event| event["data"]["domain_name"].clone()).collect::<Vec<_>>(), ["young"]);
}

#[test]
fn the_document_says_what_each_kind_of_event_says() {
    let operations = bss_gateway::operations();
    let document = serde_json::to_value(operations.document()).expect("it serialises");
    let kinds = bss_gateway::events::catalogue::KINDS;
    assert_eq!(document["webhooks"].as_object().map(serde_json::Map::len), Some(kinds.len()));
    for kind in kinds {
        let content = &document["webhooks"][kind.name]["post"]["requestBody"]["content"]["application/json"];
        let example = &content["example"];
        assert_eq!(example["type"], kind.name);
        let schema = &content["schema"]["allOf"];
        assert_eq!(schema[1]["properties"]["type"]["enum"], json!([kind.name]));
        for (reference, part) in [(&schema[0], example), (&schema[1]["properties"]["data"], &example["data"])] {
            let name = reference["$ref"].as_str().and_then(|path| path.rsplit('/').next()).expect("it refers");
            let mut declared: Vec<&String> =
                document["components"]["schemas"][name]["properties"].as_object().expect("a map").keys().collect();
            let mut shown: Vec<&String> = part.as_object().expect("a map").keys().collect();
            declared.sort();
            shown.sort();
            assert_eq!(declared, shown, "{}: {name}", kind.name);
        }
    }
}
