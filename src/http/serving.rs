//! Serving HTTP in bounds: nobody who reaches the address can hold the daemon, or take more of it than is set aside.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};

use super::gate::{Client, Gate};
use super::places::{Answered, Place, Places};

/// What an orchestrator asks, and takes the daemon for dead where nobody answers.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/metrics"];
/// After so many seconds whoever is refused for want of room may ask again.
const ROOM_AFTER_SECONDS: &str = "5";

/// What clients may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// So many connections are served at a time. Whoever comes then takes the place of the one that has waited for longest without a
    /// request under way; where each has one, newcomers wait in the system's backlog.
    pub connections: u32,
    /// So many requests are under way at a time; further ones are refused at once. Fewer than `connections`: the rest is for probes, which
    /// are not counted, so that whoever holds everything does not have a daemon restarted that is well.
    pub requests: u32,
    /// Within this time a request's head has to be there, and on a connection that is kept open the next one.
    pub head: Duration,
    /// Within this time a request is answered; its body has to arrive by then as well.
    pub request: Duration,
    /// A connection that is this old gets no further request; what is under way may take `request` from then on. So a client
    /// that does not read its answer holds nothing for ever either.
    pub connection: Duration,
    /// A handler reads at most so many bytes of a body. A route that needs more says so with a `DefaultBodyLimit` of its own.
    pub body_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 256,
            requests: 240,
            head: Duration::from_secs(10),
            request: Duration::from_secs(30),
            connection: Duration::from_secs(60),
            body_bytes: 64 * 1024,
        }
    }
}

/// Serves these routes until `stop` says so; what is under way then is answered.
pub async fn serve(
    mut listener: TcpListener,
    routes: Router,
    bounds: Bounds,
    mut stop: watch::Receiver<bool>,
) {
    let routes = routes
        .layer(DefaultBodyLimit::max(bounds.body_bytes))
        .layer(middleware::from_fn_with_state(bounds, answer_in_time));
    let gate = Arc::default();
    let places = Places::new(bounds.connections, bounds.requests);
    loop {
        let next = async {
            let (stream, peer) = Listener::accept(&mut listener).await;
            (stream, peer, places.enter().await)
        };
        let (stream, peer, (place, lost)) = tokio::select! {
            // A sender that is gone stops the server as well.
            _ = stop.wait_for(|stopped| *stopped) => break,
            next = next => next,
        };
        let line = Line { stream, peer, place, lost, gate: Arc::clone(&gate) };
        tokio::spawn(converse(line, routes.clone(), bounds, stop.clone()));
    }
    drop(listener);
    places.empty().await;
}

/// What a client asks by.
struct Line {
    stream: TcpStream,
    peer: SocketAddr,
    place: Arc<Place>,
    lost: oneshot::Receiver<()>,
    gate: Arc<Gate>,
}

/// Answers one client, until it goes, is too slow, has been here for long enough, or its place is needed.
async fn converse(line: Line, routes: Router, bounds: Bounds, mut stop: watch::Receiver<bool>) {
    let Line { stream, peer, place, mut lost, gate } = line;
    let routes = TowerToHyperService::new(routes);
    let service = service_fn(move |request: Request<Incoming>| {
        let client = Client::new(&gate, peer, request.headers());
        admit(request, client, routes.clone(), Arc::clone(&place))
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(bounds.head)
            .serve_connection(TokioIo::new(stream), service)
    );
    // What goes wrong on a line is its client's affair.
    tokio::select! {
        _ = &mut connection => return,
        _ = &mut lost => return,
        _ = stop.wait_for(|stopped| *stopped) => {}
        () = sleep(bounds.connection) => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ = timeout(bounds.request, connection) => {}
        _ = lost => {}
    }
}

/// Lets a request in, if there is room, with word of who sends it.
async fn admit(
    mut request: Request<Incoming>,
    client: Client,
    routes: TowerToHyperService<Router>,
    place: Arc<Place>,
) -> Result<Response, Infallible> {
    let path = request.uri().path();
    let Some(turn) = place.begin(!PROBES.contains(&path)) else {
        let message = "so many requests are under way; ask again later";
        let mut refusal = refusal(path, "busy", message);
        refusal.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(ROOM_AFTER_SECONDS));
        return Ok(refusal);
    };
    request.extensions_mut().insert(client);
    let answer = routes.call(request).await?;
    Ok(answer.map(|body| Body::new(Answered { body, _turn: turn })))
}

/// Whoever asks for JSON is refused in JSON, in the form of every other refusal there.
fn refusal(path: &str, code: &str, message: &str) -> Response {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    match path.starts_with("/v1/") {
        true => (status, Json(json!({"error": {"code": code, "message": message}}))).into_response(),
        false => (status, format!("{message}\n")).into_response(),
    }
}

async fn answer_in_time(State(bounds): State<Bounds>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let message = "there was no answer in time; what was asked for may be under way all the same";
    let answer = timeout(bounds.request, next.run(request)).await;
    answer.unwrap_or_else(|_| refusal(&path, "timeout", message))
}
