//! What operators see of the daemon and decide, by HTTP: pages for a browser, and the same as JSON under `/v1`.

mod access;
mod api;
mod overview;
mod pages;
mod session;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
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

/// What the console asks of the daemon.
pub trait Daemon: Send + Sync + 'static {
    /// The engine of the configuration that is in force.
    fn engine(&self) -> Arc<RealEngine>;
    /// What `/readyz` tells.
    fn readiness(&self) -> BoxFuture<'_, Readiness>;
    /// How far a push is; none: nothing is pushed.
    fn progress(&self) -> Option<Progress>;
}

/// How many requests may read the source at a time; others wait.
const READERS: usize = 2;
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
        let _room = self.readers.acquire().await;
        let told = self.engine().explain(&canonical(employee_id), TOLD, Some(PATIENCE)).await?;
        Ok((told.input.failure.is_some() || told.is_known()).then_some(told))
    }
}

/// The pages and the API. Where `[[http.users]]` names nobody, each answers that.
pub fn routes(daemon: Arc<dyn Daemon>) -> Router {
    let readers = Arc::new(Semaphore::new(READERS));
    let desk = Desk { daemon, sessions: Arc::default(), readers };
    Router::new().merge(api::routes(&desk)).merge(pages::routes(&desk))
}
