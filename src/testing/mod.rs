//! The harness of the tests: a seeded application on a database of the test's own, and clients that sign by themselves.

mod samples;
pub mod signer;

use crate::api::edge::Peer;
use crate::api::operation::Operations;
use crate::app::App;
use crate::background::invalidation;
use crate::catalogue::memory as catalogue;
use crate::clock::Clock;
use crate::config::{RateText, Secret, Settings};
use crate::database::Database;
use crate::identity::model::LoginName;
use crate::operators::administration as operators;
use crate::operators::store::Role;
use crate::sandbox::world::{Scale, World};
use crate::server;
use crate::values::id::DomainId;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};
use std::task::Poll;
use tower::ServiceExt;

/// The address that test clients call from unless they say otherwise.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// The world of most tests. They share it, so that each password is hashed once.
static BARE: LazyLock<World> = LazyLock::new(|| World::new(1, Scale::Bare));

/// An application with the sandbox's world.
pub struct TestApp {
    /// Its state.
    pub app: App,
    /// Its accounts.
    pub world: Cow<'static, World>,
    router: Router,
    operators: Router,
}

impl TestApp {
    /// With all operations, and quotas so high that no test meets them by chance.
    pub async fn new(pool: PgPool) -> Self {
        Self::with(pool, crate::operations, |settings| {
            let high: RateText = "1000000/1".to_owned().try_into().expect("it is a rate");
            settings.quotas.overrides.insert("*".to_owned(), high);
        })
        .await
    }

    /// The same, with the sample prices.
    pub async fn with_prices(pool: PgPool) -> Self {
        let app = Self::new(pool.clone()).await;
        let mut connection = pool.acquire().await.expect("the test has a database");
        app.app.catalogue.store(samples::load(&mut connection).await.expect("the samples fit the catalogue"));
        app
    }

    /// Keeps what is in memory in step with the database, as a replica does, until the task is aborted.
    pub fn follow(&self) -> tokio::task::JoinHandle<()> {
        let (hearing, looking) = (self.app.clone(), self.app.clone());
        tokio::spawn(async move {
            tokio::join!(invalidation::hear(hearing), invalidation::look(looking));
        })
    }

    /// What a replica does when the catalogue's version has changed.
    pub async fn reload_catalogue(&self) {
        let mut connection = self.app.database.control().await.expect("the test has a database");
        let catalogue = catalogue::Catalogue::load(&mut connection).await.expect("the catalogue is read");
        self.app.catalogue.store(Arc::new(catalogue));
    }

    /// With these operations and settings.
    pub async fn with(
        pool: PgPool,
        operations: fn() -> Operations<App>,
        configure: impl FnOnce(&mut Settings),
    ) -> Self {
        Self::with_world(pool, Cow::Borrowed(&*BARE), operations, configure).await
    }

    /// The same with another world.
    pub async fn with_world(
        pool: PgPool,
        world: Cow<'static, World>,
        operations: fn() -> Operations<App>,
        configure: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = Settings::defaults();
        settings.secrets.master_key = Secret::from("5a".repeat(32));
        // As in the sandbox: there is nobody to send codes to.
        settings.messages.readable_codes = true;
        // Several, which is harder on the ledger than the one there is by default.
        settings.ledger.writers = 2;
        configure(&mut settings);
        let clock = Clock::default();
        let mut connection = pool.acquire().await.expect("the test has a database");
        let has_catalogue: bool = sqlx::query_scalar("select exists(select 1 from provinces)")
            .fetch_one(&mut *connection)
            .await
            .expect("the test's database is migrated");
        if !has_catalogue {
            catalogue::load_seed(&mut connection).await.expect("the seed fits the schema");
        }
        if !world.is_bare() {
            samples::load(&mut connection).await.expect("the samples fit the catalogue");
        }
        let now = clock.now();
        world.store(&mut connection, &settings, (now, now)).await.expect("the world fits the schema");
        drop(connection);
        let app = App::start(settings, Database::from_pool(pool), clock).await.expect("the application starts");
        Self::of(app, world, operations)
    }

    /// Another replica on the same database.
    pub async fn replica(&self, pool: PgPool) -> Self {
        let settings = self.app.settings.clone();
        let app = App::start(settings, Database::from_pool(pool), self.app.clock.clone()).await.expect("it starts");
        Self::of(app, self.world.clone(), crate::operations)
    }

    fn of(app: App, world: Cow<'static, World>, operations: fn() -> Operations<App>) -> Self {
        let router = server::router(&app, operations).expect("the settings are valid");
        let operators = server::operator_router(&app, router.clone()).expect("the document serialises");
        Self { app, world, router, operators }
    }

    /// A client that signs with the account's key.
    pub fn client(&self, account: &str) -> Client<'_> {
        let account = self.world.account(account);
        self.client_with_key(&account.access_key, &account.secret_key)
    }

    /// A client that signs with this key.
    pub fn client_with_key(&self, access_key: &str, secret_key: &str) -> Client<'_> {
        let credentials = Credentials::Key(access_key.to_owned(), secret_key.to_owned());
        Client { app: self, source: HERE, credentials }
    }

    /// A client without credentials.
    pub fn anonymous(&self) -> Client<'_> {
        Client { app: self, source: HERE, credentials: Credentials::None }
    }

    /// A client on the operators' listener, as a new operator of this role.
    pub async fn operator(&self, role: Role) -> Client<'_> {
        let mut connection = self.app.database.control().await.expect("the test has a database");
        let name = LoginName::try_from(format!("{role:?}-{}", uuid::Uuid::new_v4())).expect("it is a name");
        let token = operators::create(&mut connection, &name, role, None, self.app.clock.now()).await;
        self.operator_with(&token.expect("the name is new"))
    }

    /// A client on the operators' listener, with this token.
    pub fn operator_with(&self, token: &str) -> Client<'_> {
        Client { app: self, source: HERE, credentials: Credentials::Operator(token.to_owned()) }
    }

    /// A token for an account's user.
    pub async fn log_in(&self, account: &str) -> String {
        let account = self.world.account(account);
        let answer = self.anonymous().post("/v3/auth/tokens", &login(account.name, &account.password)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer.header("x-subject-token").expect("the token").to_owned()
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: Request<Body>, source: IpAddr) -> Answer {
        Self::send_to(&self.router, request, source).await
    }

    async fn send_to(router: &Router, mut request: Request<Body>, source: IpAddr) -> Answer {
        request.extensions_mut().insert(Peer(source));
        let response = router.clone().oneshot(request).await.expect("the router always answers");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("bodies of the router are whole").to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, body, text }
    }
}

/// The `auth` that asks to act for an account under its agency of this name.
pub fn assume(account: &str, agency: &str) -> Value {
    json!({"auth": {"identity": {"methods": ["assume_role"], "assume_role": {
        "domain_name": account, "agency_name": agency}}}})
}

/// The body that asks for a token of the user that has its account's name.
pub fn login(account: &str, password: &str) -> Value {
    json!({"auth": {"identity": {"methods": ["password"], "password": {"user": {
        "name": account, "password": password, "domain": {"name": account}}}}}})
}

/// All of these at once, in the order given.
pub async fn all<T>(calls: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut calls: Vec<_> = calls.into_iter().map(|call| (Box::pin(call), None)).collect();
    std::future::poll_fn(|context| {
        for (call, answer) in calls.iter_mut().filter(|(_, answer)| answer.is_none()) {
            if let Poll::Ready(ready) = call.as_mut().poll(context) {
                *answer = Some(ready);
            }
        }
        if calls.iter().all(|(_, answer)| answer.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    calls.into_iter().filter_map(|(_, answer)| answer).collect()
}

enum Credentials {
    None,
    Key(String, String),
    Token(String),
    Operator(String),
}

/// A caller.
pub struct Client<'a> {
    app: &'a TestApp,
    source: IpAddr,
    credentials: Credentials,
}

impl Client<'_> {
    /// The same, calling from another address.
    #[must_use]
    pub fn from_address(mut self, source: &str) -> Self {
        self.source = source.parse().expect("the test names an address");
        self
    }

    /// The same, with this token instead of a signature.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.credentials = Credentials::Token(token.to_owned());
        self
    }

    /// The same, signing with another secret key.
    #[must_use]
    pub fn with_secret_key(mut self, secret_key: &str) -> Self {
        if let Credentials::Key(_, secret) = &mut self.credentials {
            secret_key.clone_into(secret);
        }
        self
    }

    /// GET.
    pub async fn get(&self, target: &str) -> Answer {
        self.call(Method::GET, target, &[], "").await
    }

    /// GET of what is no JSON.
    pub async fn text(&self, target: &str) -> String {
        let answer = self.call(Method::GET, target, &[], "").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.text
    }

    /// POST with a JSON body.
    pub async fn post(&self, target: &str, body: &Value) -> Answer {
        self.call(Method::POST, target, &[], &body.to_string()).await
    }

    /// Any call. The headers given are signed too.
    pub async fn call(&self, method: Method, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(target).header("host", "bss.test");
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::from(body.to_owned())).expect("the test builds a valid request");
        match &self.credentials {
            Credentials::None => {}
            Credentials::Key(access_key, secret_key) => {
                signer::sign(&mut request, body, access_key, secret_key, self.app.app.clock.now());
            }
            Credentials::Token(token) => {
                request.headers_mut().insert("x-auth-token", token.parse().expect("a token is a header value"));
            }
            Credentials::Operator(token) => {
                let bearer = format!("Bearer {token}").parse().expect("a token is a header value");
                request.headers_mut().insert("authorization", bearer);
                return TestApp::send_to(&self.app.operators, request, self.source).await;
            }
        }
        self.app.send(request, self.source).await
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The JSON body, or null.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// The body of a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.body);
        self.body
    }

    /// Status, code and message of a refusal by the gateway or by the service.
    #[track_caller]
    pub fn refusal(&self) -> (u16, &str, &str) {
        let text = |name: &str| self.body[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.body));
        (self.status.as_u16(), text("error_code"), text("error_msg"))
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("our headers are ASCII"))
    }
}

/// Gives a partner so many customers, by SQL and not by requests: for what is about many.
pub async fn many_customers(pool: &PgPool, partner: DomainId, count: i32) {
    let statements = [
        "insert into domains (tenant_id, domain_id, parent_id, name, kind, created_at)
         select d.tenant_id, gen_random_uuid(), $1, 'many-' || i, 'customer', now()
         from domains d, generate_series(1, $2) i where d.domain_id = $1",
        "insert into customers (tenant_id, domain_id, partner_id, association_type, associated_at, number)
         select tenant_id, domain_id, $1, 2, now(), $2 + substr(name, 6)::bigint
         from domains where parent_id = $1 and name like 'many-%'",
    ];
    for statement in statements {
        sqlx::query(statement).bind(partner.0).bind(count).execute(pool).await.expect("they are written");
    }
    recount_customers(pool).await;
}

/// Brings the counters to what the customers say.
pub async fn recount_customers(pool: &PgPool) {
    let statements = [
        "delete from customer_counters",
        "delete from customer_blocks",
        "insert into customer_counters (tenant_id, partner_id, last_number, customers, last_at)
         select tenant_id, partner_id, max(number), count(*), max(associated_at)
         from customers where partner_id is not null group by tenant_id, partner_id",
        "insert into customer_blocks (tenant_id, partner_id, block, members)
         select tenant_id, partner_id, number / 1000, count(*)
         from customers where partner_id is not null group by tenant_id, partner_id, number / 1000",
    ];
    for statement in statements {
        sqlx::query(statement).execute(pool).await.expect("they are counted");
    }
}
