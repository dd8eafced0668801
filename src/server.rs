//! What is served where, inside which layers, and the way to stop.

use crate::api::edge::{self, Edge};
use crate::api::error::ApiError;
use crate::api::operation::{Operations, Rules};
use crate::api::origins::Origins;
use crate::app::App;
use crate::config::ServerSettings;
use crate::events::metadata;
use crate::listener::Limits;
use crate::operator::replay::Api;
use crate::real_name::show_real_name_auth_qr_code;
use crate::supervisor::in_words;
use crate::{background, database, explorer, listener, operator, telemetry};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use axum::{Extension, Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use socket2::Socket;
use std::any::Any;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

/// The API's routes inside their layers.
pub fn router(app: &App, operations: fn() -> Operations<App>) -> anyhow::Result<Router> {
    let settings = app.settings.clone();
    let configured = move || operations().configured(settings.api.site, &settings.quotas);
    let settings = &app.settings;
    let operations = configured()?;
    let policies = operations.shared_policies();
    let (operation_routes, names) = operations.router(app);
    let mut routes = operation_routes
        .layer(Extension(policies))
        .route("/openapi.json", document_route(configured))
        .merge(health_routes())
        .merge(metadata::router(&settings.notifications))
        .merge(show_real_name_auth_qr_code::router(settings.real_name.review));
    if settings.explorer.enabled {
        routes = routes.merge(explorer::router());
    }
    let timeout = Duration::from_secs(settings.server.request_timeout_seconds);
    let trusted_proxies = settings.server.trusted_proxies.clone();
    let origins = Origins::new(&settings.server.allowed_origins);
    let edge = Edge { names, trusted_proxies, origins, timeout, requests: app.requests.clone() };
    Ok(inside_layers(app, routes, edge))
}

/// The operators' routes inside the same layers. `api` is what calls of the request log are replayed to.
pub fn operator_router(app: &App, api: Router) -> anyhow::Result<Router> {
    let (operation_routes, names) = operator::operations().router(app);
    let routes = operation_routes
        .route("/admin/openapi.json", document_route(|| Ok(operator::operations())))
        .merge(explorer::operators_router())
        .merge(health_routes())
        .layer(Extension(Api(api)));
    let timeout = Duration::from_secs(app.settings.server.request_timeout_seconds);
    // Nobody stands before this listener whose word on the address would have to be believed.
    let edge = Edge { names, trusted_proxies: Vec::new(), origins: Origins::default(), timeout, requests: None };
    Ok(inside_layers(app, routes, edge))
}

/// The document of these operations. It is written when somebody asks for it first: most processes are never asked.
fn document_route<P: Rules>(
    operations: impl Fn() -> anyhow::Result<Operations<App, P>> + Send + Sync + 'static,
) -> MethodRouter<App> {
    let write = move || anyhow::Ok(Bytes::from(serde_json::to_vec(operations()?.document())?));
    let written = Arc::new(LazyLock::new(write));
    get(async move || match &**written {
        Ok(document) => Ok(([(header::CONTENT_TYPE, "application/json")], document.clone())),
        Err(error) => Err(ApiError::internal(format!("the document cannot be written: {error:#}"))),
    })
}

fn inside_layers(app: &App, routes: Router<App>, edge: Edge) -> Router {
    let layers = ServiceBuilder::new()
        .layer(axum::middleware::from_fn_with_state(Arc::new(edge), edge::pass))
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(axum::extract::DefaultBodyLimit::max(app.settings.server.max_body_bytes));
    routes
        .fallback(async || ApiError::no_such_api())
        .method_not_allowed_fallback(async || ApiError::no_such_api())
        .layer(layers)
        .with_state(app.clone())
}

/// A panic is one opaque 500; its text is logged with the request.
#[expect(clippy::needless_pass_by_value, reason = "the signature that the layer asks for")]
fn answer_panic(panic: Box<dyn Any + Send>) -> Response {
    ApiError::internal(in_words(panic.as_ref())).into_response()
}

fn health_routes() -> Router<App> {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready))
}

/// Ready to serve: not stopping, database there and migrated, changes heard, no task down.
async fn ready(State(app): State<App>) -> Response {
    let database = tokio::time::timeout(Duration::from_secs(2), async {
        let mut connection = app.database.control().await?;
        database::is_current(&mut connection).await
    });
    let database = match database.await {
        Ok(Ok(true)) => "ok",
        Ok(Ok(false)) => "migrations are missing",
        Ok(Err(_)) => "unreachable",
        Err(_) => "slow",
    };
    let changes = if app.listening.load(Ordering::Relaxed) { "ok" } else { "not heard" };
    let process = if app.stopping.load(Ordering::Relaxed) { "stopping" } else { "ok" };
    let down = app.health.down();
    let tasks = if down.is_empty() { "ok".to_owned() } else { format!("down: {}", down.join(", ")) };
    let is_ready = [database, changes, process, &tasks].iter().all(|state| *state == "ok");
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({
        "database": database, "changes": changes, "process": process, "tasks": tasks, "due_lag_seconds": app.health.lags(),
    }))).into_response()
}

/// The text for the collector.
fn render_metrics(app: &App, handle: &PrometheusHandle) -> String {
    let (open, idle) = app.database.connections();
    let idle = u32::try_from(idle).unwrap_or(open).min(open);
    metrics::gauge!("bss_pool_connections", "state" => "idle").set(idle);
    metrics::gauge!("bss_pool_connections", "state" => "busy").set(open - idle);
    let listening = app.listening.load(Ordering::Relaxed);
    metrics::gauge!("bss_listening").set(if listening { 1.0 } else { 0.0 });
    metrics::counter!("bss_log_lines_dropped_total").absolute(telemetry::dropped_lines());
    handle.run_upkeep();
    handle.render()
}

/// Bound sockets, so that the caller knows the addresses before the first request.
pub struct Listeners {
    api: TcpListener,
    operator: TcpListener,
}

/// Both addresses, taken before there is anything to serve: one that somebody else has is found at once.
pub struct Bound {
    api: Socket,
    operator: Socket,
}

impl Bound {
    /// Takes them, and writes into the settings which port the system has chosen for the API.
    pub fn new(settings: &mut ServerSettings) -> anyhow::Result<Self> {
        let bound = Self { api: listener::bind(settings.listen)?, operator: listener::bind(settings.operator_listen)? };
        settings.listen = bound.api.local_addr()?.as_socket().unwrap_or(settings.listen);
        Ok(bound)
    }

    /// Lets clients connect.
    pub fn listen(self) -> anyhow::Result<Listeners> {
        Ok(Listeners { api: listener::listen(self.api)?, operator: listener::listen(self.operator)? })
    }
}

impl Listeners {
    /// Where the API is.
    pub fn api_address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.api.local_addr()?)
    }

    /// Where the operators' listener is.
    pub fn operator_address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.operator.local_addr()?)
    }

    /// Serves until `stop` is done, then lets running requests finish.
    pub async fn serve(
        self,
        app: App,
        metrics: PrometheusHandle,
        stop: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        let api = router(&app, crate::operations)?;
        let for_metrics = app.clone();
        let render = async move || render_metrics(&for_metrics, &metrics);
        let operators = operator_router(&app, api.clone())?.route("/metrics", get(render));
        let tasks = background::tasks::all(&app).into_iter();
        let tasks: Vec<_> = tasks.map(|task| tokio::spawn(task.supervise(app.health.clone()))).collect();
        let limits = Limits::new(&app.settings.server);
        let mut for_operators = limits.clone();
        for_operators.proxies.clear();
        let operator = tokio::spawn(async move {
            listener::serve(self.operator, operators, &for_operators, std::future::pending()).await;
        });
        let stop = async {
            stop.await;
            app.stopping.store(true, Ordering::Relaxed);
            tracing::info!("stopping: not ready any more");
            tokio::time::sleep(Duration::from_secs(app.settings.server.not_ready_seconds)).await;
        };
        listener::serve(self.api, api, &limits, stop).await;
        operator.abort();
        // Their connections are back only when they have ended.
        for task in tasks {
            task.abort();
            task.await.ok();
        }
        if let Err(error) = app.key_uses.write(&app.database).await {
            tracing::warn!(%error, "the last uses of access keys are lost");
        }
        app.messenger.drain().await;
        app.database.close().await;
        Ok(())
    }
}
