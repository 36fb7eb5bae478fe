//! What the daemon knows of itself, for HTTP.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use tokio::task::AbortHandle;

use crate::compose::RealEngine;
use crate::config::{SourceSettings, TriggerSettings, ended_schedules};
use crate::console::{self, Progress};
use crate::core::alerts::Kind;
use crate::core::breaker::{Pause, Phase};
use crate::core::delivery::{PushRequest, Receipt, Refusal};
use crate::engine::figures::{Figures, HeldFigures, Stored};
use crate::engine::session::Line;
use crate::engine::trigger::Asker;
use crate::http::{Door, Inbound, Readiness, Told, Vitals};
use crate::scim::ScimClient;
use crate::store::StoreError;

/// Shared by the tasks and the server.
#[derive(Clone)]
pub struct DaemonVitals(Arc<Mutex<Inner>>);

struct Inner {
    engine: Arc<RealEngine>,
    tasks: Vec<AbortHandle>,
    line: Option<Arc<Line<ScimClient>>>,
    progress: Option<Progress>,
    has_audit_verdict: bool,
}

impl DaemonVitals {
    /// Of a daemon that has not started its tasks.
    pub fn new(engine: &Arc<RealEngine>) -> Self {
        let engine = Arc::clone(engine);
        let inner = Inner { engine, tasks: Vec::new(), line: None, progress: None, has_audit_verdict: false };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// Another configuration is in force.
    pub fn replace(&self, engine: &Arc<RealEngine>) {
        let mut inner = self.inner();
        inner.engine = Arc::clone(engine);
        inner.line = None;
    }

    /// The tasks without which the daemon does not live.
    pub fn watch(&self, tasks: impl Into<Vec<AbortHandle>>) {
        self.inner().tasks = tasks.into();
    }

    /// There is a connection that was found working; the gate of its line knows of pauses.
    pub fn connected(&self, line: &Arc<Line<ScimClient>>) {
        self.inner().line = Some(Arc::clone(line));
    }

    /// How far the push is that is under way, if one is.
    pub fn progresses(&self, progress: Option<Progress>) {
        self.inner().progress = progress;
    }

    /// Whether this daemon has looked through the whole audit, under whichever configuration.
    pub fn has_audit_verdict(&self) -> bool {
        self.inner().has_audit_verdict
    }

    /// It has.
    pub fn audit_looked_through(&self) {
        self.inner().has_audit_verdict = true;
    }

    /// Where the breaker stands, and the outage that is known. Before there is a connection, only questions whether there is one are sent.
    fn breaker(&self) -> (Phase, Option<Pause>) {
        let inner = self.inner();
        match &inner.line {
            Some(line) => line.gate.breaker(),
            None => inner.engine.unconnected().map(|pause| (Phase::Open, Some(pause))).unwrap_or_default(),
        }
    }

    /// Why Workiva cannot be had.
    fn workiva_trouble(&self) -> Option<String> {
        let inner = self.inner();
        let not_yet = "the connection to Workiva was not yet found working; `workiva-sync check` says why";
        match &inner.line {
            Some(line) => line.gate.pause().map(|pause| pause.message),
            None => Some(inner.engine.unconnected().map_or(not_yet.to_owned(), |pause| pause.message)),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn engine(&self) -> Arc<RealEngine> {
        Arc::clone(&self.inner().engine)
    }
}

impl Inbound for DaemonVitals {
    fn now(&self) -> DateTime<Utc> {
        self.engine().clock.now()
    }

    fn doors(&self) -> Vec<Door> {
        let engine = self.engine();
        let door = |(_, source): (String, &SourceSettings)| {
            let token = source.push.as_ref()?.token.as_ref()?.as_secret().clone();
            Some(Door { source: source.called().to_owned(), token, encoding: source.encoding })
        };
        engine.settings.all_sources().filter_map(door).collect()
    }

    async fn receive(&self, source: &str, request: PushRequest, body: Vec<u8>) -> Result<Receipt, Refusal> {
        let engine = self.engine();
        let taken = engine.receive(source, request, body).await?;
        if taken.is_new {
            engine.triggers.ask(Asker::Push, Some(source));
        }
        Ok(taken.receipt)
    }

    async fn told_run(&self, source: &str, run_id: &str) -> Result<Option<String>, Refusal> {
        let told = self.engine().store.told_run(source, run_id).await;
        told.map_err(|error| Refusal::Failed(error.to_string()))
    }

    fn trigger_settings(&self) -> TriggerSettings {
        self.engine().settings.trigger.clone()
    }

    fn trigger(&self, source: Option<&str>) -> Option<bool> {
        let engine = self.engine();
        let is_known = |name: &str| engine.settings.all_sources().any(|(_, source)| source.called() == name);
        if !source.is_none_or(is_known) {
            return None;
        }
        Some(engine.triggers.ask(Asker::Webhook, source))
    }
}

impl console::Daemon for DaemonVitals {
    fn engine(&self) -> Arc<RealEngine> {
        self.engine()
    }

    fn readiness(&self) -> BoxFuture<'_, Readiness> {
        Vitals::readiness(self).boxed()
    }

    fn progress(&self) -> Option<Progress> {
        self.inner().progress
    }
}

impl Vitals for DaemonVitals {
    fn is_alive(&self) -> bool {
        self.inner().tasks.iter().all(|task| !task.is_finished())
    }

    async fn readiness(&self) -> Readiness {
        let engine = self.engine();
        let now = engine.clock.now();
        // Not the whole status: whoever asks for health does so every few seconds, however much is parked.
        let stored =
            async { Ok((engine.store.standing(now).await?, engine.store.runs_before(None, 1).await?)) };
        let ((held, queue), runs) = match stored.await {
            Ok(stored) => stored,
            Err::<_, StoreError>(error) => {
                let reason = Some(error.to_string());
                return Readiness { database: reason.clone(), reason, ..Readiness::default() };
            }
        };
        let sources = engine.source_health().await.unwrap_or_default();
        let (breaker, outage) = self.breaker();
        let (database, workiva) = (database_trouble(&engine), self.workiva_trouble());
        let reason = database.clone().or_else(|| workiva.clone());
        Readiness {
            ready: reason.is_none(),
            reason,
            database,
            workiva,
            held_plan: held.as_ref().map(|held| held.plan_id.clone()),
            held_since: held.as_ref().map(|held| held.created_at),
            held_expires_at: held.as_ref().and_then(|held| held.expires_at),
            hold_reasons: held.map_or_else(Vec::new, |held| held.hold_reasons),
            parked: queue.parked,
            queued: queue.unfinished(),
            oldest_queued_seconds: queue.oldest_queued_at.map(|at| (now - at).num_seconds().max(0)),
            breaker,
            outage,
            sources: sources.into_iter().map(Told::from).collect(),
            ended_schedules: ended_schedules(&engine.settings, &engine.rules, now),
            last_outcome: runs.into_iter().next().map(|run| run.outcome),
        }
    }

    fn token(&self) -> Option<SecretString> {
        self.inner().engine.settings.http.token.as_ref().map(|token| token.as_secret().clone())
    }

    async fn metrics(&self) -> String {
        let engine = self.engine();
        let now = engine.clock.now();
        let mut figures = Figures { now, ..Figures::default() };
        figures.sources = engine.source_health().await.unwrap_or_default();
        figures.stored = stored(&engine, now).await.ok();
        figures.drift = engine.store.drift_counts().await.ok().flatten();
        figures.audit = engine.store.audit_head().await.ok();
        let alerts = engine.store.alert_state().await.ok();
        let settings = &engine.settings.alerts;
        let audit = alerts.as_ref().and_then(|state| state.audit.as_ref());
        figures.alerts.audit = settings.verdict(audit).cloned();
        if let Some(state) = alerts.filter(|_| settings.is_on()) {
            let raised = state.alerts.iter().filter(|alert| alert.is_raised());
            // What is the matter with the database is not in it.
            let unstored = engine.storing.trouble().map(|_| Kind::DatabaseFailing);
            let raised = raised.map(|alert| alert.condition.kind).chain(unstored);
            figures.alerts.raised = Some(raised.collect());
            figures.alerts.channels = settings.channels();
            figures.alerts.waiting = engine.store.waiting_messages().await.unwrap_or_default();
        }
        let can_store = figures.stored.is_some() && database_trouble(&engine).is_none();
        figures.is_ready = can_store && self.workiva_trouble().is_none();
        let (breaker, outage) = self.breaker();
        figures.breaker = breaker;
        figures.rate_limit = self.inner().line.as_ref().and_then(|line| line.gate.rate());
        figures.outage_since_seconds = outage.map_or(0.0, |outage| outage.since.timestamp() as f64);
        engine.telemetry.render(&figures)
    }
}

/// Why no run can be stored, in words that say what mends it.
fn database_trouble(engine: &RealEngine) -> Option<String> {
    // That the file is gone needs no run to be known.
    let is_gone = engine.store.insist_on_file().err().map(|error| error.to_string());
    is_gone.or_else(|| {
        let known = engine.storing.trouble()?;
        let since = known.since.format("%Y-%m-%d %H:%M:%S UTC");
        Some(format!("no run can be stored since {since}: {}", known.reason))
    })
}

async fn stored(engine: &RealEngine, now: DateTime<Utc>) -> Result<Stored, StoreError> {
    let (held, queue) = engine.store.standing(now).await?;
    let oldest = queue.oldest_queued_at.map(|at| (now - at).num_milliseconds().max(0));
    let last_success = engine.store.last_success_at().await?;
    Ok(Stored {
        queue,
        held: held.map(|held| HeldFigures::of(&held, now)),
        last_success_seconds: last_success.map_or(0.0, |at| at.timestamp() as f64),
        oldest_queued_seconds: oldest.unwrap_or(0) as f64 / 1000.0,
        discarded_ends: engine.store.discarded_ends().await?,
        active_accounts: engine.store.scale().await?.active_accounts,
    })
}
