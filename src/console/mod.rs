//! What operators see of the daemon and decide, by HTTP: pages for a browser, and the same as JSON under `/v1`.

mod access;
mod alerts;
mod api;
mod overview;
mod pages;
mod session;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::Response;
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde::Serialize;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use crate::compose::RealEngine;
use crate::core::value::canonical;
use crate::engine::EngineError;
use crate::engine::explain::Explanation;
use crate::http::Readiness;

use self::session::Sessions;

/// How far a push is that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Progress {
    /// Actions that wait for a worker, or are in one's hands.
    pub left: u64,
    /// Actions that ended in a second, over the last half minute.
    pub per_second: f64,
    /// How long it goes on at that rate, in seconds; none where nothing has ended.
    pub seconds_left: Option<u64>,
    /// When this was measured.
    pub measured_at: DateTime<Utc>,
}

impl Progress {
    /// Of so many that are left, where so many ended over these seconds.
    pub fn measured(left: u64, ended: u64, seconds: f64, measured_at: DateTime<Utc>) -> Self {
        let per_second = ended as f64 / seconds;
        // Rounded up: as long as something is left, it takes time.
        let seconds_left = (ended > 0).then(|| (left as f64 / per_second).ceil() as u64);
        Self { left, per_second, seconds_left, measured_at }
    }
}

/// What the console asks of the daemon.
pub trait Daemon: Send + Sync + 'static {
    /// The engine of the configuration that is in force.
    fn engine(&self) -> Arc<RealEngine>;
    /// What `/readyz` tells.
    fn readiness(&self) -> BoxFuture<'_, Readiness>;
    /// How far a push is; none: nothing is pushed.
    fn progress(&self) -> Option<Progress>;
}

/// How many requests may read the source for a person at a time; others wait, and then do without.
const READERS: usize = 2;
/// How many requests look into the database at a time: of its connections some are left to the daemon, and to whoever asks for its
/// health.
const VISITORS: usize = 2;
/// How many actions and audit records are told of a person.
const TOLD: u32 = 50;
/// How long somebody waits for the source to be read; well below what an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Shared by all requests.
#[derive(Clone)]
struct Desk {
    daemon: Arc<dyn Daemon>,
    sessions: Arc<Sessions>,
    readers: Arc<Semaphore>,
    /// One approval at a time reads the source.
    approving: Arc<Semaphore>,
    visitors: Arc<Semaphore>,
}

impl Desk {
    fn engine(&self) -> Arc<RealEngine> {
        self.daemon.engine()
    }

    fn now(&self) -> DateTime<Utc> {
        self.engine().clock.now()
    }

    /// Explains one person; `None`: nobody knows them.
    async fn explain(&self, employee_id: &str) -> Result<Option<Explanation>, EngineError> {
        let engine = self.engine();
        let room = tokio::select! {
            room = self.readers.acquire() => room.ok(),
            () = engine.clock.sleep(PATIENCE / 2) => None,
        };
        let patience = if room.is_some() { PATIENCE } else { Duration::ZERO };
        let told = engine.explain(&canonical(employee_id), TOLD, Some(patience)).await?;
        Ok((told.input.failure.is_some() || told.is_known()).then_some(told))
    }
}

/// Whoever reads the source holds nobody else up: that is bounded by itself.
async fn take_turns(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let reads_the_source = request.method() == Method::POST
        || ["/people/", "/v1/people/"].iter().any(|all| path.starts_with(all))
        || ["/person", "/v1/person"].contains(&path);
    let _turn = match reads_the_source {
        true => None,
        false => desk.visitors.acquire().await.ok(),
    };
    next.run(request).await
}

/// The pages and the API. Where `[[http.users]]` names nobody, each answers that.
pub fn routes(daemon: Arc<dyn Daemon>) -> Router {
    let room = |number| Arc::new(Semaphore::new(number));
    let desk = Desk {
        daemon,
        sessions: Arc::default(),
        readers: room(READERS),
        approving: room(1),
        visitors: room(VISITORS),
    };
    Router::new()
        .merge(api::routes(&desk))
        .merge(pages::routes(&desk))
        .layer(middleware::from_fn_with_state(desk, take_turns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_told_where_something_ended_and_is_null_where_nothing_did() {
        let told = |left, ended| {
            let progress = Progress::measured(left, ended, 30.0, DateTime::UNIX_EPOCH);
            serde_json::to_value(progress).unwrap()["seconds_left"].clone()
        };
        assert_eq!(told(100, 0), serde_json::Value::Null, "unknown is not none at all");
        assert_eq!(told(100, 300), 10);
        assert_eq!(told(1, 3_000), 1, "what is not done yet takes time");
    }
}
