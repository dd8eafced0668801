//! The registrar: an operation is declared once, beside its handler, and everything else follows from that declaration.
//!
//! A handler's `#[utoipa::path]` carries its [`Policy`] as the extension `x-policy`. [`Operations::add`] reads the policy
//! back out of the built document and hangs the gate on the route with that same value, so that what is published and what
//! is enforced cannot differ. It also derives the operation's id, sets its tag, and stamps the refusals that all share.
//! A declaration that is incomplete or clashes with another panics here, at start-up, and so in every test.
//!
//! The operators' API is declared the same way, with rules of its own: [`Rules`] is what the two have in common.

use super::caller::{Caller, CallerKind};
use super::error::{BssError, GatewayError, IdentityError, IdentityErrorBody};
use super::gate::{self, Gate};
use super::quota::Rate;
use super::{document, edge};
use crate::app::App;
use crate::config::QuotaSettings;
use crate::values::site::Site;
use axum::Router;
use axum::routing::MethodRouter;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::HashSet;
use std::sync::Arc;
use utoipa::openapi::path::{Operation, Paths};
use utoipa::openapi::{HttpMethod, OpenApi, RefOr, Schema};
use utoipa_axum::router::UtoipaMethodRouter;

/// The extension that carries a [`Policy`].
pub const POLICY: &str = "x-policy";

/// What a customer may allow its users has two spellings, that of identity policies and that of older policies and roles.
/// The vendor's pages name both for discounts and orders; that the others are pairs is inferred from their equal names.
const SPELLINGS: [[&str; 2]; 6] = [
    ["billing:balance:view", "bss:balance:view"],
    ["billing:bill:view", "bss:bill:view"],
    ["billing:contract:viewDiscount", "bss:discount:view"],
    ["billing:coupon:view", "bss:coupon:view"],
    ["billing:order:pay", "bss:order:pay"],
    ["billing:order:view", "bss:order:view"],
];

/// Who may call an operation, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Whether the caller must be known; if not, only the source address is counted.
    pub authentication: Authentication,
    /// The kinds of account that may call.
    pub callers: Vec<CallerKind>,
    /// A partner's user that is not the account's administrator needs one of these.
    pub permission_items: Vec<String>,
    /// A customer's user that is not the account's administrator needs one of these.
    pub customer_actions: Vec<String>,
    /// The vendor's site it exists on.
    pub site: Site,
    /// For each source address, and for each account.
    pub quota: Rate,
    /// The service that answers, which decides the shape of its errors.
    pub service: Service,
    /// Whether it changes something: then it takes an `Idempotency-Key` and is audited.
    pub writes: bool,
}

/// Whether a caller must be known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Authentication {
    /// A signature or a token.
    Required,
    /// Neither: this is where tokens come from.
    None,
}

/// The service behind the gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// Partners' and customers' business.
    Bss,
    /// Accounts, users, tokens.
    Identity,
}

impl Policy {
    /// Open to every kind of account, ten times a second unless said otherwise: the vendor's default.
    pub fn any_caller() -> Self {
        Self {
            authentication: Authentication::Required,
            callers: CallerKind::ALL.to_vec(),
            permission_items: Vec::new(),
            customer_actions: Vec::new(),
            site: Site::Both,
            quota: Rate::per_second(10),
            service: Service::Bss,
            writes: false,
        }
    }

    /// Open to everyone, without credentials.
    pub fn open() -> Self {
        Self { authentication: Authentication::None, callers: Vec::new(), ..Self::any_caller() }
    }

    /// Open to these kinds of account only.
    pub fn callers(kinds: &[CallerKind]) -> Self {
        Self { callers: kinds.to_vec(), ..Self::any_caller() }
    }

    /// Exists on one site only.
    #[must_use]
    pub fn on(self, site: Site) -> Self {
        Self { site, ..self }
    }

    /// A partner's operator needs this permission item, or another one named the same way.
    #[must_use]
    pub fn needs(mut self, item: &str) -> Self {
        self.permission_items.push(item.to_owned());
        self
    }

    /// Changes something.
    #[must_use]
    pub fn writes(self) -> Self {
        Self { writes: true, ..self }
    }

    /// A customer's operator needs this action, in either spelling, or another one named the same way.
    #[must_use]
    pub fn customer_action(mut self, action: &str) -> Self {
        let spellings = SPELLINGS.iter().find(|spellings| spellings.contains(&action));
        let spellings = spellings.map_or_else(|| vec![action], |spellings| spellings.to_vec());
        self.customer_actions.extend(spellings.into_iter().map(str::to_owned));
        self
    }

    /// Whether this caller may call. Nothing asked of its side means nothing refused.
    pub fn admits(&self, caller: &Caller) -> bool {
        let needed = if caller.kind.is_customer() { &self.customer_actions } else { &self.permission_items };
        self.callers.contains(&caller.kind) && caller.may_use_any_of(needed)
    }

    /// So many calls a second.
    #[must_use]
    pub fn per_second(self, limit: u32) -> Self {
        Self { quota: Rate::per_second(limit), ..self }
    }

    /// Answered by the identity service.
    #[must_use]
    pub fn identity(self) -> Self {
        Self { service: Service::Identity, ..self }
    }
}

/// What a declaration says of who may call, and how that is published and enforced.
pub trait Rules: Serialize + DeserializeOwned {
    /// Publishes it: what every operation takes and answers beside its own.
    fn stamp(&self, operation: &mut Operation);

    /// Enforces it on the operation's route.
    fn guard(self, app: &App, id: &'static str, method: &'static str, handler: MethodRouter<App>) -> MethodRouter<App>;
}

impl Rules for Policy {
    fn stamp(&self, operation: &mut Operation) {
        document::stamp_refusals(operation, self);
        if self.writes {
            document::stamp_write_headers(operation);
        }
    }

    fn guard(self, app: &App, id: &'static str, method: &'static str, handler: MethodRouter<App>) -> MethodRouter<App> {
        let gate = Arc::new(Gate::new(app.clone(), id, method, self));
        handler.route_layer(axum::middleware::from_fn_with_state(gate, gate::pass))
    }
}

/// All operations: their routes and their document.
pub struct Operations<P = Policy> {
    routes: Vec<Route<P>>,
    document: OpenApi,
    ids: HashSet<String>,
}

struct Route<P> {
    id: &'static str,
    path: String,
    policy: P,
    method: HttpMethod,
    handler: MethodRouter<App>,
}

impl Default for Operations {
    fn default() -> Self {
        let mut schemas = Vec::new();
        document::collect_schema::<GatewayError<'_>>(&mut schemas);
        document::collect_schema::<BssError<'_>>(&mut schemas);
        document::collect_schema::<IdentityError<'_>>(&mut schemas);
        document::collect_schema::<IdentityErrorBody<'_>>(&mut schemas);
        Self::new(document::head(), schemas)
    }
}

/// Adds a domain's operations under its tag: `operations!(into, "products": list_usage_types::list_usage_types, …)`.
macro_rules! operations {
    ($operations:ident, $tag:literal: $($handler:path),+ $(,)?) => {
        $($operations.add($tag, utoipa_axum::routes!($handler));)+
    };
}
pub(crate) use operations;

impl<P: Rules> Operations<P> {
    /// None yet. `schemas` are those of the refusals that all share.
    pub fn new(document: OpenApi, schemas: Vec<(String, RefOr<Schema>)>) -> Self {
        let mut operations = Self { routes: Vec::new(), document, ids: HashSet::new() };
        operations.add_schemas("the shared errors", schemas);
        operations
    }

    /// Adds one operation, as `routes!(handler)` describes it.
    ///
    /// # Panics
    /// When the declaration is incomplete or clashes with another one.
    pub fn add(&mut self, tag: &str, (schemas, paths, handler): UtoipaMethodRouter<App>) {
        let (path, item) = paths.paths.into_iter().next().expect("routes! describes one path");
        let mut methods = document::operations_of(item);
        let (method, mut operation) = methods.pop().expect("routes! describes one method");
        assert!(methods.is_empty(), "{path}: one method a declaration");

        let id = pascal_case(operation.operation_id.as_deref().expect("utoipa names an operation after its function"));
        assert!(self.ids.insert(id.clone()), "{id} is declared twice");
        assert!(
            operation.summary.is_some() && operation.description.is_some(),
            "{id} has no doc comment of two paragraphs"
        );
        let policy: P = read_policy(&id, &operation);

        operation.operation_id = Some(id.clone());
        operation.tags = Some(vec![tag.to_owned()]);
        policy.stamp(&mut operation);
        self.add_schemas(&id, schemas);
        document::insert(&mut self.document, &path, method.clone(), operation);
        // One small string an operation, for the life of the process: metrics and spans want it as a label.
        self.routes.push(Route { id: id.leak(), path, policy, method, handler });
    }

    /// Adds what the server sends, and the schemas that it takes.
    pub fn add_webhooks(&mut self, (webhooks, schemas): (Paths, Vec<(String, RefOr<Schema>)>)) {
        self.add_schemas("the webhooks", schemas);
        self.document.webhooks = Some(webhooks);
    }

    /// Two types of one name would silently overwrite each other's schema.
    fn add_schemas(&mut self, id: &str, schemas: Vec<(String, RefOr<Schema>)>) {
        let known = &mut self.document.components.get_or_insert_default().schemas;
        for (name, schema) in schemas {
            if let Some(other) = known.get(&name) {
                assert!(same_schema(other, &schema), "{id}: another schema is already called {name}");
            }
            known.insert(name, schema);
        }
    }

    /// Each operation with its policy.
    pub fn policies(&self) -> impl Iterator<Item = (&'static str, &P)> {
        self.routes.iter().map(|route| (route.id, &route.policy))
    }

    /// The OpenAPI document.
    pub fn document(&self) -> &OpenApi {
        &self.document
    }

    /// One line an operation: tag, method, path, id.
    pub fn table(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        for (path, item) in &self.document.paths.paths {
            for (method, operation) in document::operations_of(item.clone()) {
                let tag = operation.tags.iter().flatten().next().expect("add sets the tag").clone();
                let id = operation.operation_id.expect("add sets the id");
                lines.push(format!("{tag:<12} {:<7} {path:<44} {id}\n", document::method_name(&method)));
            }
        }
        lines.sort();
        lines.concat()
    }

    /// The routes with their gates, and the names the edge knows them by.
    pub fn router(self, app: &App) -> (Router<App>, edge::Names) {
        let mut by_path: BTreeMap<String, MethodRouter<App>> = BTreeMap::new();
        let mut names = edge::Names::default();
        for route in self.routes {
            let method = document::method_name(&route.method);
            names.add(&route.path, method, route.id);
            let gated = route.policy.guard(app, route.id, method, route.handler);
            let known = by_path.remove(&route.path);
            by_path.insert(route.path, known.unwrap_or_default().merge(gated));
        }
        let router = by_path.into_iter().fold(Router::new(), |router, (path, methods)| router.route(&path, methods));
        (router, names)
    }
}

impl Operations {
    /// As this deployment serves them: without the other site's operations, and with the quotas that are overridden.
    /// The document says the same.
    pub fn configured(mut self, site: Site, quotas: &QuotaSettings) -> anyhow::Result<Self> {
        if let Some(unknown) = quotas.overrides.keys().find(|id| *id != "*" && !self.ids.contains(*id)) {
            anyhow::bail!("quotas.override: there is no operation {unknown}");
        }
        let (kept, dropped): (Vec<_>, Vec<_>) =
            self.routes.into_iter().partition(|route| site.serves(route.policy.site));
        for route in dropped {
            document::remove(&mut self.document, &route.path, &route.method);
        }
        self.routes = kept;
        for route in &mut self.routes {
            route.policy.quota = quotas.of(route.id, route.policy.quota);
            let policy = serde_json::to_value(&route.policy)?;
            let operation = document::operation_mut(&mut self.document, &route.path, &route.method);
            operation.extensions.get_or_insert_default().insert(POLICY.to_owned(), policy);
        }
        Ok(self)
    }
}

fn read_policy<P: Rules>(id: &str, operation: &Operation) -> P {
    let value = operation.extensions.as_ref().and_then(|extensions| extensions.get(POLICY));
    let value = value.unwrap_or_else(|| panic!("{id} declares no {POLICY}"));
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{id}: its {POLICY} is malformed: {error}"))
}

/// `list_usage_types` is `ListUsageTypes` on the wire and in the vendor's documentation.
fn pascal_case(name: &str) -> String {
    name.split('_')
        .flat_map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters.collect::<Vec<_>>())
        })
        .collect()
}

fn same_schema(one: &RefOr<Schema>, other: &RefOr<Schema>) -> bool {
    let text = |schema| serde_json::to_value(schema).expect("a schema serialises");
    text(one) == text(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_comes_in_both_spellings_and_an_unpaired_one_alone() {
        let actions = |action: &str| Policy::any_caller().customer_action(action).customer_actions;
        assert_eq!(actions("billing:order:view"), ["billing:order:view", "bss:order:view"]);
        assert_eq!(actions("bss:order:view"), ["billing:order:view", "bss:order:view"]);
        assert_eq!(actions("bss:order:update"), ["bss:order:update"]);
    }
}
