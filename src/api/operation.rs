//! The registrar: an operation is declared once, beside its handler, and everything else follows from that declaration.
//!
//! A handler's `#[utoipa::path]` carries its [`Policy`] as the extension `x-policy`. [`Operations::add`] reads the policy
//! back out of the built document and hangs the gate on the route with that same value, so that what is published and what
//! is enforced cannot differ. It also derives the operation's id, sets its tag, and stamps the refusals that all share.
//! A declaration that is incomplete or clashes with another panics here, at start-up, and so in every test.
//!
//! The operators' API is declared the same way, with rules of its own: [`Rules`] is what the two have in common.

use super::error::{BssError, GatewayError, IdentityError, IdentityErrorBody};
use super::policy::{POLICY, Policies, Policy};
use super::{document, edge};
use crate::config::QuotaSettings;
use crate::values::site::Site;
use axum::Router;
use axum::routing::MethodRouter;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::collections::HashSet;
use std::sync::Arc;
use utoipa::openapi::path::{Operation, Paths};
use utoipa::openapi::{HttpMethod, OpenApi, RefOr, Schema};
use utoipa_axum::router::UtoipaMethodRouter;

/// What a declaration says of who may call, and how that is published.
pub trait Rules: Serialize + DeserializeOwned {
    /// Publishes it: what every operation takes and answers beside its own.
    fn stamp(&self, operation: &mut Operation);
}

/// How rules are enforced by an application whose state is `S`.
pub trait Enforced<S>: Rules {
    /// Hangs the gate on the operation's route.
    fn guard(self, state: &S, id: &'static str, method: &'static str, handler: MethodRouter<S>) -> MethodRouter<S>;
}

impl Rules for Policy {
    fn stamp(&self, operation: &mut Operation) {
        document::stamp_refusals(operation, self);
        if self.writes {
            document::stamp_write_headers(operation);
        }
    }
}

/// All operations: their routes and their document.
pub struct Operations<S, P = Policy> {
    routes: Vec<Route<S, P>>,
    document: OpenApi,
    ids: HashSet<String>,
}

struct Route<S, P> {
    id: &'static str,
    path: String,
    policy: P,
    method: HttpMethod,
    handler: MethodRouter<S>,
}

impl<S: Clone + Send + Sync + 'static> Default for Operations<S> {
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

impl<S: Clone + Send + Sync + 'static, P: Rules> Operations<S, P> {
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
    pub fn add(&mut self, tag: &str, (schemas, paths, handler): UtoipaMethodRouter<S>) {
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
        document::state_optional_body(&mut operation);
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
    pub fn router(self, state: &S) -> (Router<S>, edge::Names)
    where
        P: Enforced<S>,
    {
        let mut by_path: BTreeMap<String, MethodRouter<S>> = BTreeMap::new();
        let mut names = edge::Names::default();
        for route in self.routes {
            let method = document::method_name(&route.method);
            for path in spellings(&route.path) {
                names.add(&path, method, route.id);
            }
            let gated = route.policy.guard(state, route.id, method, route.handler);
            let known = by_path.remove(&route.path);
            by_path.insert(route.path, known.unwrap_or_default().merge(gated));
        }
        let with_path = |router: Router<S>, (path, methods): (String, MethodRouter<S>)| {
            spellings(&path).into_iter().fold(router, |router, path| router.route(&path, methods.clone()))
        };
        (by_path.into_iter().fold(Router::new(), with_path), names)
    }
}

/// A path without a slash at its end and with one: signatures take both for the same.
fn spellings(path: &str) -> [String; 2] {
    [path.to_owned(), format!("{path}/")]
}

impl<S: Clone + Send + Sync + 'static> Operations<S> {
    /// The policies, for handlers.
    pub fn shared_policies(&self) -> Policies {
        Policies(Arc::new(self.policies().map(|(id, policy)| (id, policy.clone())).collect()))
    }

    /// As this deployment serves them: without the other site's operations, and with the quotas that are overridden.
    /// The document says the same.
    pub fn configured(mut self, site: Site, quotas: &QuotaSettings) -> anyhow::Result<Self> {
        if let Some(unknown) = quotas.overrides.keys().find(|id| *id != "*" && !self.ids.contains(*id)) {
            anyhow::bail!("quotas.override: there is no operation {unknown}");
        }
        for mut route in std::mem::take(&mut self.routes) {
            let Some(policy) = route.policy.configured(route.id, site, quotas) else {
                document::remove(&mut self.document, &route.path, &route.method);
                continue;
            };
            let operation = document::operation_mut(&mut self.document, &route.path, &route.method);
            operation.extensions.get_or_insert_default().insert(POLICY.to_owned(), serde_json::to_value(&policy)?);
            route.policy = policy;
            self.routes.push(route);
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
