//! The engine: cycles that plan, and a pool that pushes, over one store.

pub mod adopt;
pub mod alert_metrics;
mod astray;
pub mod clock;
pub mod connection;
pub mod cycle;
pub mod directory;
pub mod doubt;
pub mod drift;
mod drift_groups;
pub mod explain;
pub mod feed;
pub mod figures;
mod fresh;
pub mod gate;
mod groups;
pub mod health;
pub mod inbound;
pub mod lease;
pub mod look;
mod lookalikes;
mod lost;
mod managers;
pub mod member;
pub mod members;
mod merging;
mod next_step;
mod outage;
pub mod outcome;
pub mod pool;
pub mod probe;
pub mod push;
mod readers;
pub mod reading;
pub mod register;
mod round;
pub mod saved;
pub mod schedule;
pub mod session;
pub mod spans;
mod stored;
mod stored_metrics;
pub mod storing;
pub mod telemetry;
mod tenant;
mod ticks;
mod tray;
pub mod trigger;
pub mod unkept;
mod user_names;
mod vigil;
mod work;

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use self::clock::{Clock, Randomness};
use self::directory::Directory;
use self::feed::Feed;
use self::gate::Gate;
use self::managers::Newcomers;
use self::members::Members;
use self::pool::Pool;
use self::register::Turn;
use self::session::{Line, Manner};
use self::storing::Storing;
use self::telemetry::Telemetry;
use self::tenant::Tenant;
use self::trigger::Triggers;
use self::unkept::Unkept;
use crate::config::{Loaded, Rules, Settings, told_apart};
use crate::core::audit::By;
use crate::core::audit::configuration;
use crate::core::breaker::Pause;
use crate::core::plan::content_hash;
use crate::core::scim::{Capabilities, ScimPort};
use crate::source::HrSource;
use crate::store::{Approval, Owner, Store, StoreError};

/// What can go wrong beside source and connection, which have words of their own.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database belongs to another Workiva.
    #[error(
        "the database {database} holds the accounts of the Workiva at {theirs}, but workiva.base_url is {ours}: nothing is \
         planned or sent. Set workiva.base_url back; or give the other Workiva a store.url of its own, and run `adopt` there"
    )]
    AnotherWorkiva {
        /// The database's file.
        database: String,
        /// The address that it belongs to.
        theirs: String,
        /// The address that is configured.
        ours: String,
    },
    /// The source could not be read when a plan was to be approved.
    #[error(transparent)]
    Feed(#[from] feed::FeedError),
}

/// Everything that a cycle works with, under one configuration.
pub struct Engine<S, P> {
    /// The configuration.
    pub settings: Settings,
    /// What it was compiled into.
    pub rules: Rules,
    /// Where records come from.
    pub feed: Feed<S>,
    /// The connection to Workiva.
    pub port: Arc<P>,
    /// The state table and outbox.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The random source.
    pub random: Arc<Randomness>,
    /// What is counted.
    pub telemetry: Arc<Telemetry>,
    /// Runs that were asked for from outside.
    pub triggers: Arc<Triggers>,
    /// Whether runs can be stored.
    pub storing: Arc<Storing>,
    /// Rung when something new is queued.
    pub bell: Arc<Notify>,
    /// How many cycles have ended, well or not.
    pub cycles: watch::Sender<u64>,
    /// Whether anything may be stored; not so for `plan`.
    pub may_write: bool,
    /// What Workiva was seen not to keep.
    pub unkept: Arc<Unkept>,
    connection_key: String,
    /// How many users Workiva had when it was first connected to; 0: that was not now.
    users_at_first: AtomicU64,
    /// Why no connection was found working under this configuration, as this process saw it last.
    unconnected: Mutex<Option<Pause>>,
    /// The line of the pool that runs, if one does: whoever reads beside it shares its gate.
    pool_line: Mutex<Weak<Line<P>>>,
}

/// What an engine is put together from, beside its configuration.
pub struct Parts<S, P> {
    /// Where records come from.
    pub feed: Feed<S>,
    /// The connection to Workiva.
    pub port: P,
    /// The state table and outbox.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The random source.
    pub random: Arc<Randomness>,
    /// What is counted.
    pub telemetry: Arc<Telemetry>,
    /// Runs that were asked for from outside.
    pub triggers: Arc<Triggers>,
    /// Whether runs can be stored.
    pub storing: Arc<Storing>,
    /// Whether anything may be stored.
    pub may_write: bool,
}

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// Puts an engine together.
    pub fn new(loaded: Loaded, parts: Parts<S, P>) -> Self {
        let needs_groups = !loaded.rules.rulebook.access.references().is_empty();
        let connection_key =
            connection::settings_key(&loaded.rules.base_url, &loaded.settings.workiva, needs_groups);
        Self {
            settings: loaded.settings,
            rules: loaded.rules,
            feed: parts.feed,
            port: Arc::new(parts.port),
            store: parts.store,
            clock: parts.clock,
            random: parts.random,
            telemetry: parts.telemetry,
            triggers: parts.triggers,
            storing: parts.storing,
            bell: Arc::new(Notify::new()),
            cycles: watch::Sender::new(0),
            may_write: parts.may_write,
            unkept: Arc::default(),
            connection_key,
            users_at_first: AtomicU64::default(),
            unconnected: Mutex::default(),
            pool_line: Mutex::default(),
        }
    }

    /// The configuration key by key, as the audit shows it.
    pub fn configuration(&self) -> configuration::Values {
        configuration::values(&self.settings, env!("CARGO_PKG_VERSION"))
    }

    /// Records in the audit what this configuration changes against the one before.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn record_configuration(&self) -> Result<(), StoreError> {
        self.store.record_configuration(&self.configuration(), self.clock.now()).await
    }

    /// The keys whose secrets are other ones than in the configuration before. They are compared in memory, and nothing is kept of them.
    pub fn changed_secrets(&self, former: &Self) -> Vec<String> {
        let (before, now) = told_apart(|| (former.configuration(), self.configuration()));
        let (shown_before, shown_now) = (former.configuration(), self.configuration());
        let seems_same = |key: &String| shown_before.get(key) == shown_now.get(key);
        let is_other = |(key, value): &(String, String)| before.get(key) != Some(value) && seems_same(key);
        now.into_iter().filter(is_other).map(|(key, _)| key).collect()
    }

    /// Records in the audit that the secrets of these keys are other ones; nothing, if none is.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn record_secrets(&self, keys: &[String]) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        self.store.record_secrets(&self.configuration(), keys, self.clock.now()).await
    }

    /// A pool that pushes what is queued, knowing what Workiva can do.
    pub fn pool(&self, owner: &Arc<Owner>, capabilities: Capabilities) -> Pool<P> {
        let line = Arc::new(self.line(capabilities));
        *self.pool_line.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&line);
        let (bell, triggers) = (Arc::clone(&self.bell), Arc::clone(&self.triggers));
        Pool { line, owner: Arc::clone(owner), bell, triggers }
    }

    /// A line for reading beside the pool: through its gate, so that both together keep to the rate and to what the server
    /// asks for. Without a pool it has a gate of its own.
    fn reading_line(&self, capabilities: Capabilities) -> Arc<Line<P>> {
        self.pushing_line().unwrap_or_else(|| Arc::new(self.line(capabilities)))
    }

    /// The line of the pool that runs, if one does.
    fn pushing_line(&self) -> Option<Arc<Line<P>>> {
        self.pool_line.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    /// A line to Workiva with a gate of its own.
    fn line(&self, capabilities: Capabilities) -> Line<P> {
        let workiva = &self.settings.workiva;
        let manner = Manner {
            update: workiva.update,
            match_existing: workiva.match_existing.clone(),
            chooses_names: self.rules.rulebook.names.has_fallback(),
            manager: self.rules.rulebook.users.manager().map(str::to_owned),
            page_size: capabilities.max_results.map_or(workiva.page_size, |most| most.min(workiva.page_size)),
            lease: Duration::from_secs(workiva.lease_seconds),
            timeout: Duration::from_secs(workiva.timeout_seconds),
            retry: self.settings.retry.clone(),
            batch: self.settings.groups.batch as usize,
            removal: self.settings.groups.removal,
            probes: workiva.probe_seconds > 0,
        };
        Line {
            port: Arc::clone(&self.port),
            gate: Gate::new(
                workiva.requests_per_second,
                workiva.max_in_flight,
                self.settings.retry.clone(),
                Arc::clone(&self.clock),
            ),
            manner,
            capabilities,
            patch_refused: AtomicBool::new(false),
            directory: Directory::default(),
            members: Members::default(),
            tenant: Tenant::default(),
            unkept: Arc::clone(&self.unkept),
            newcomers: Newcomers::default(),
            store: self.store.clone(),
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
            telemetry: Arc::clone(&self.telemetry),
        }
    }

    /// Releases a held plan, after reading the source again: it has to be what the plan was made from.
    ///
    /// # Errors
    /// Where the source is not complete or the database fails.
    pub async fn approve<'a>(&self, plan_id: &str, by: impl Into<By<'a>>) -> Result<Approval, EngineError> {
        self.approve_if(plan_id, by, || true).await
    }

    /// The same, if `may` says so once the source has been read; else nothing is released, and the plan is told as one that is not held.
    ///
    /// # Errors
    /// As for [`Engine::approve`].
    pub async fn approve_if<'a>(
        &self,
        plan_id: &str,
        by: impl Into<By<'a>>,
        may: impl FnOnce() -> bool,
    ) -> Result<Approval, EngineError> {
        let now_read = self.plan(None, Turn::default()).await?;
        if !may() {
            return Ok(Approval::NotHeld { state: None });
        }
        let input = now_read.plan.input.to_hex();
        // A plan is held whole, or its deprovisions are.
        let actions = &now_read.plan.actions;
        let deprovisions = actions.iter().filter(|action| action.kind.takes_away());
        let now_planned = [content_hash(&input, actions), content_hash(&input, deprovisions)];
        let approval = self.store.approve(plan_id, by.into(), &input, &now_planned, self.clock.now()).await?;
        self.bell.notify_one();
        Ok(approval)
    }
}
