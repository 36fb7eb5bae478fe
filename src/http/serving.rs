//! Serving HTTP in bounds: nobody who reaches the address can hold the daemon, or take more of it than is set aside.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

/// What clients may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// So many connections are served at a time; further ones wait in the system's backlog.
    pub connections: u32,
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
    let free = Arc::new(Semaphore::new(bounds.connections as usize));
    loop {
        // First room, then a connection: whoever finds none is not even accepted.
        let next = async {
            let room = Arc::clone(&free).acquire_owned().await;
            (Listener::accept(&mut listener).await.0, room)
        };
        let (stream, room) = tokio::select! {
            // A sender that is gone stops the server as well.
            _ = stop.wait_for(|stopped| *stopped) => break,
            next = next => next,
        };
        let (routes, stop) = (routes.clone(), stop.clone());
        tokio::spawn(async move {
            converse(stream, routes, bounds, stop).await;
            drop(room);
        });
    }
    drop(listener);
    // All the room there is: then nobody is left. It is never closed, so nothing else can come of it.
    let _ = free.acquire_many(bounds.connections).await;
}

/// Answers one client, until it goes, is too slow, or has been here for long enough.
async fn converse(stream: TcpStream, routes: Router, bounds: Bounds, mut stop: watch::Receiver<bool>) {
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(bounds.head)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes))
    );
    // What goes wrong on a line is its client's affair.
    tokio::select! {
        _ = &mut connection => return,
        _ = stop.wait_for(|stopped| *stopped) => {}
        () = sleep(bounds.connection) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(bounds.request, connection).await;
}

async fn answer_in_time(State(bounds): State<Bounds>, request: Request, next: Next) -> Response {
    // Whoever asks for JSON is refused in JSON, in the form of every other refusal there.
    let is_api = request.uri().path().starts_with("/v1/");
    match timeout(bounds.request, next.run(request)).await {
        Ok(response) => response,
        Err(_) if is_api => {
            let message = "there was no answer in time; what was asked for may be under way all the same";
            let refusal = json!({"error": {"code": "timeout", "message": message}});
            (StatusCode::SERVICE_UNAVAILABLE, Json(refusal)).into_response()
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "there was no answer in time\n").into_response(),
    }
}
