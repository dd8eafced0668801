//! Connections: how they are accepted, how long they may take for what, and how they end.
//!
//! HTTP/1.1 and, with prior knowledge, HTTP/2. Header names are written in title case on HTTP/1.1, because some clients look
//! for them as the vendor writes them.

mod body;
mod connection;
mod place;

use crate::api::edge::{Peer, REQUEST_ID};
use crate::api::faults::Dropped;
use crate::config::ServerSettings;
use anyhow::Context;
use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use body::Incoming;
use connection::{Patience, Shared, Watched, unserved};
use hyper::Request;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use ipnet::IpNet;
use place::{Addresses, Place};
use socket2::{Domain, Protocol, Socket, Type};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tower::Service;

/// Connections that the system accepts before we do.
const BACKLOG: i32 = 1024;
/// Connections beyond the greatest number, on which only the health checks are answered.
const RESERVE: usize = 64;
/// A connection of the reserve is for one quick question.
const RESERVE_PATIENCE: Patience =
    Patience { head: Duration::from_secs(2), idle: Duration::from_secs(2), write: Duration::from_secs(2) };
/// How long a stop waits for the rest of a request that was half sent.
const HALF_SENT: Duration = Duration::from_secs(5);
/// What is answered on a connection of the reserve.
const HEALTH: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
/// Streams of an HTTP/2 connection at once.
const STREAMS_MAX: u32 = 128;

/// Takes an address; `[::]` for IPv4 too, whatever the system's default is. Who connects is refused until [`listen`].
pub fn bind(address: SocketAddr) -> anyhow::Result<Socket> {
    let bind = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(!address.ip().is_unspecified())?;
        }
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        std::io::Result::Ok(socket)
    };
    bind().with_context(|| format!("listening on {address}"))
}

/// Lets clients connect.
pub fn listen(socket: Socket) -> anyhow::Result<TcpListener> {
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(TcpListener::from_std(socket.into())?)
}

/// How connections are treated.
#[derive(Clone, Debug)]
pub struct Limits {
    /// At once.
    pub connections: usize,
    /// At once from one address, of IPv6 one network.
    pub connections_per_address: usize,
    /// Whose connections are many people's.
    pub proxies: Vec<IpNet>,
    /// How long running requests may take to finish at the end.
    pub drain: Duration,
    patience: Patience,
}

impl Limits {
    /// By the settings.
    pub fn new(settings: &ServerSettings) -> Self {
        let patience = Patience {
            head: Duration::from_secs(settings.header_timeout_seconds),
            idle: Duration::from_secs(settings.idle_timeout_seconds),
            write: Duration::from_secs(settings.write_timeout_seconds),
        };
        Self {
            connections: settings.max_connections,
            connections_per_address: settings.max_connections_per_address,
            proxies: settings.trusted_proxies.clone(),
            drain: Duration::from_secs(settings.drain_seconds),
            patience,
        }
    }
}

/// Serves until `stop` is done, then lets running requests finish.
pub async fn serve(listener: TcpListener, router: Router, limits: &Limits, stop: impl Future<Output = ()>) {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(None).title_case_headers(true);
    http.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS_MAX);
    let (places, reserve) = (Arc::new(Semaphore::new(limits.connections)), Arc::new(Semaphore::new(RESERVE)));
    let (connections, addresses) = (GracefulShutdown::new(), Arc::new(Addresses::default()));
    let (cut, is_cut) = watch::channel(false);
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, for instance: it passes when connections close.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let Some(place) =
            Place::find(&places, &reserve, (&addresses, limits.connections_per_address), &limits.proxies, peer.ip())
        else {
            continue;
        };
        stream.set_nodelay(true).ok();
        let patience = if place.is_reserve { RESERVE_PATIENCE } else { limits.patience };
        let (shared, is_reserve) = (Arc::new(Shared::default()), place.is_reserve);
        let watched = Watched::new(stream, shared.clone(), patience, place);
        let service = service_fn({
            let (router, shared) = (router.clone(), shared.clone());
            move |request| answer(router.clone(), request, peer, shared.clone(), is_reserve)
        });
        let connection = http.serve_connection(TokioIo::new(watched), service).into_owned();
        let connection = connections.watch(connection);
        let mut is_cut = is_cut.clone();
        tokio::spawn(async move {
            let cut = async { is_cut.wait_for(|is_cut| *is_cut).await.map(|_| ()) };
            let mut connection = std::pin::pin!(connection);
            // A client that went away or was too slow is no event of ours.
            tokio::select! {
                _ = &mut connection => {}
                Ok(()) = cut => if !shared.waits_for_the_client() {
                    connection.await.ok();
                },
            }
        });
    }
    drop(listener);
    let cut_half_sent = async {
        tokio::time::sleep(HALF_SENT).await;
        cut.send(true).ok();
        std::future::pending::<()>().await;
    };
    let shut_down = async {
        tokio::select! {
            () = connections.shutdown() => {}
            () = cut_half_sent => {}
        }
    };
    if tokio::time::timeout(limits.drain, shut_down).await.is_err() {
        tracing::warn!(drain_seconds = limits.drain.as_secs(), "requests were still running and are cut off");
    }
}

/// An error closes the connection.
async fn answer(
    mut router: Router,
    request: Request<hyper::body::Incoming>,
    peer: SocketAddr,
    shared: Arc<Shared>,
    is_reserve: bool,
) -> Result<Response, &'static str> {
    let running = shared.begin();
    let is_http1 = request.version() < axum::http::Version::HTTP_2;
    let awaits_word = request.headers().contains_key(header::EXPECT);
    let (head, body) = request.into_parts();
    let (body, incoming) = Incoming::split(body, shared.clone());
    let mut request = Request::from_parts(head, body);
    request.extensions_mut().insert(Peer(peer.ip()));
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let mut response = if hosts > 1 || (hosts == 0 && request.version() == axum::http::Version::HTTP_11) {
        refuse(StatusCode::BAD_REQUEST, "host", "the header Host must be given once")
    } else if is_reserve && !HEALTH.contains(&request.uri().path()) {
        refuse(StatusCode::SERVICE_UNAVAILABLE, "full", "there are too many connections")
    } else {
        let Ok(response) = router.call(request).await;
        response
    };
    drop(running);
    if response.extensions().get::<Dropped>().is_some() {
        return Err("a sandbox fault");
    }
    if is_http1 {
        // What is left of the body would be read as the next request. A client that waits to be told to send it is not told.
        let is_read = if awaits_word { incoming.is_over() } else { incoming.read_rest().await };
        if !is_read {
            shared.linger();
        }
        if !is_read || is_reserve {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
    response.headers_mut().insert(header::SERVER, HeaderValue::from_static("bss-gateway"));
    Ok(response)
}

/// The refusal of what does not reach the router.
fn refuse(status: StatusCode, cause: &'static str, why: &str) -> Response {
    let (mut error, request_id) = unserved(status, cause, why);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        error = error.with_header(header::RETRY_AFTER, 1);
    }
    let mut response = error.render(&request_id);
    response.headers_mut().insert(REQUEST_ID, HeaderValue::try_from(request_id).expect("our own ids are plain ASCII"));
    response
}
