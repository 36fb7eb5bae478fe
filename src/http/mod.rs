//! The daemon's own HTTP: `/livez`, `/readyz`, `/metrics`, and what HR systems send.

mod fault;
mod gate;
mod inbound;
mod places;
mod serving;
mod signature;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Extension;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use url::{Host, Url};
use utoipa::ToSchema;

use crate::core::breaker::{Pause, Phase};
use crate::core::guard::HoldReason;
use crate::core::health::SourceHealth;

pub use self::gate::{Client, TooMany};
pub use self::inbound::{Door, Inbound};
pub use self::serving::{Bounds, serve};

/// What `/readyz` tells.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Readiness {
    /// Whether the daemon can do its work.
    pub ready: bool,
    /// Why not, if not.
    pub reason: Option<String>,
    /// Why no run can be stored, if none can.
    pub database: Option<String>,
    /// Why Workiva cannot be had, if it cannot.
    pub workiva: Option<String>,
    /// The plan that waits for approval, if one does.
    pub held_plan: Option<String>,
    /// Since when it waits.
    pub held_since: Option<DateTime<Utc>>,
    /// Until when it can be approved.
    pub held_expires_at: Option<DateTime<Utc>>,
    /// Why it is held.
    pub hold_reasons: Vec<HoldReason>,
    /// Actions that wait for an operator.
    pub parked: u64,
    /// Actions that wait for a worker, or are in one's hands.
    pub queued: u64,
    /// How long the oldest of them has waited, in seconds.
    pub oldest_queued_seconds: Option<i64>,
    /// Whether Workiva can be had: `closed`, `half_open` (one action at a time is tried) or `open` (only probes are sent).
    pub breaker: Phase,
    /// The outage of Workiva that has not been found over yet.
    pub outage: Option<Pause>,
    /// How it is with each of several sources.
    pub sources: Vec<Told>,
    /// Keys of cron expressions that name no further day: nothing runs by them any more.
    pub ended_schedules: Vec<String>,
    /// How the newest run ended.
    pub last_outcome: Option<String>,
}

/// A source, and what is the matter with it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Told {
    #[serde(flatten)]
    health: SourceHealth,
    trouble: Option<String>,
}

impl From<SourceHealth> for Told {
    fn from(health: SourceHealth) -> Self {
        Self { trouble: health.trouble(), health }
    }
}

/// What the server asks of the daemon.
pub trait Vitals: Send + Sync + 'static {
    /// Whether the daemon's tasks run.
    fn is_alive(&self) -> bool;
    /// Whether it can do its work.
    fn readiness(&self) -> impl Future<Output = Readiness> + Send;
    /// The metrics, as Prometheus reads them.
    fn metrics(&self) -> impl Future<Output = String> + Send;
    /// What callers have to show, if anything.
    fn token(&self) -> Option<SecretString>;
}

/// What can go wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("http.listen {address} cannot be had: {source}; choose another address or port")]
pub struct HttpError {
    address: SocketAddr,
    source: std::io::Error,
}

/// Binds the address.
///
/// # Errors
/// Where it is taken or not ours.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, HttpError> {
    TcpListener::bind(address).await.map_err(|source| HttpError { address, source })
}

/// What is served. Where there is a token, everything but `/livez` asks for it; what HR systems send has tokens of its own.
pub fn routes<V: Vitals + Inbound>(vitals: V) -> Router {
    let vitals = Arc::new(vitals);
    let guarded = Router::new()
        .route("/readyz", get(readyz::<V>))
        .route("/metrics", get(metrics::<V>))
        .layer(middleware::from_fn_with_state(Arc::clone(&vitals), require_token::<V>));
    Router::new()
        .route("/livez", get(livez::<V>))
        .merge(guarded)
        .with_state(Arc::clone(&vitals))
        .merge(inbound::routes(vitals))
}

async fn livez<V: Vitals>(State(vitals): State<Arc<V>>) -> Response {
    if vitals.is_alive() {
        return (StatusCode::OK, "ok\n").into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "a part of the daemon has ended\n").into_response()
}

async fn readyz<V: Vitals>(State(vitals): State<Arc<V>>) -> Response {
    let readiness = vitals.readiness().await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

async fn metrics<V: Vitals>(State(vitals): State<Arc<V>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], vitals.metrics().await).into_response()
}

async fn require_token<V: Vitals + Inbound>(
    State(vitals): State<Arc<V>>,
    Extension(client): Extension<Client>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let Some(token) = vitals.token() else {
        if headers.get(header::HOST).is_some_and(|host| !is_loopback(host)) {
            let told = "without http.token this is told only to who asks for an IP address or localhost\n";
            return (StatusCode::MISDIRECTED_REQUEST, told).into_response();
        }
        return next.run(request).await;
    };
    let refused = [(header::WWW_AUTHENTICATE, "Bearer")];
    let refused = (StatusCode::UNAUTHORIZED, refused, "send http.token as a bearer token\n");
    let Some(shown) = bearer(headers) else { return refused.into_response() };
    match client.judge(shown, vitals.now(), || shows(headers, &token).then_some(())) {
        Ok(Some(())) => next.run(request).await,
        Ok(None) => refused.into_response(),
        Err(too_many) => {
            let after = [(header::RETRY_AFTER, too_many.seconds.to_string())];
            (StatusCode::TOO_MANY_REQUESTS, after, format!("{too_many}\n")).into_response()
        }
    }
}

/// Whether a request was made for this machine by a name that nobody else can make mean it. A page on the web can have its own name lead here,
/// and would read what is answered.
fn is_loopback(host: &HeaderValue) -> bool {
    let name = host.to_str().ok().and_then(|host| Url::parse(&format!("http://{host}/")).ok());
    match name.as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    }
}

/// The bearer token of a request.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start_matches(' '))
}

/// Digests are compared, so that the time it takes says nothing about the token.
fn shows(headers: &HeaderMap, token: &SecretString) -> bool {
    Sha256::digest(bearer(headers).unwrap_or_default()) == Sha256::digest(token.expose_secret())
}
