//! What the engine counts while it works, in the form that Prometheus reads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::core::audit::Head;
use crate::core::breaker::Phase;
use crate::core::health::SourceHealth;
use crate::core::scim::Exchange;
use crate::store::{PlanSummary, Queue};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    status: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ActionLabels {
    kind: String,
    outcome: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HeadLabels {
    seq: i64,
    hash: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    source: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    code: String,
}

/// Counters, gauges and the registry that renders them.
pub struct Telemetry {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    latency: Histogram,
    runs: Family<OutcomeLabels, Counter>,
    not_cleared: Counter,
    source_success: Family<SourceLabels, Gauge<f64, AtomicU64>>,
    source_failing: Family<SourceLabels, Gauge>,
    source_reading: Family<SourceLabels, Gauge<f64, AtomicU64>>,
    actions: Family<ActionLabels, Counter>,
    queue: Family<StateLabels, Gauge>,
    drift: Family<KindLabels, Gauge>,
    held: Gauge,
    held_age: Gauge<f64, AtomicU64>,
    hold_reasons: Family<CodeLabels, Gauge>,
    paused: Gauge,
    breaker: Family<StateLabels, Gauge>,
    outage_since: Gauge<f64, AtomicU64>,
    last_success: Gauge<f64, AtomicU64>,
    oldest_queued: Gauge<f64, AtomicU64>,
    sent: AtomicU64,
    active_accounts: Gauge<i64, AtomicI64>,
    audit_records: Gauge,
    audit_head: Family<HeadLabels, Gauge>,
    // Two scrapes at a time would mix up their figures.
    rendering: Mutex<()>,
}

impl Default for Telemetry {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("workiva_sync");
        let requests = Family::default();
        registry.register(
            "scim_requests",
            "SCIM requests by method and status (none: no answer)",
            requests.clone(),
        );
        // From 1 ms to about 65 s: Workiva holds some requests for 30 s.
        let latency = Histogram::new(exponential_buckets(0.001, 2.0, 17));
        let help = "How long SCIM requests took";
        registry.register_with_unit("scim_request_duration", help, Unit::Seconds, latency.clone());
        let runs = Family::default();
        registry.register("runs", "Runs by outcome", runs.clone());
        let not_cleared = Counter::default();
        let help = "Reads after which a file could not be archived, or a message not be taken off its queue";
        registry.register("source_not_cleared", help, not_cleared.clone());
        let source_success = Family::default();
        let help =
            "When the newest read began that counts, as Unix time, of each of several sources; 0: never";
        registry.register_with_unit(
            "source_last_success_timestamp",
            help,
            Unit::Seconds,
            source_success.clone(),
        );
        let source_failing = Family::default();
        registry.register(
            "source_failing",
            "1 while the newest read of a source has failed",
            source_failing.clone(),
        );
        let source_reading = Family::default();
        let help = "How long the read of a source that is under way has taken; 0: none is";
        registry.register_with_unit("source_reading", help, Unit::Seconds, source_reading.clone());
        let actions = Family::default();
        registry.register(
            "actions",
            "Actions by kind and outcome (done, retried, parked, superseded: withdrawn and without effect)",
            actions.clone(),
        );
        let queue = Family::default();
        registry.register("queue_actions", "Actions by state (queued, waiting, leased, parked, held; withdrawn: those among the queued and parked of which only what they did is learnt)", queue.clone());
        let drift = Family::default();
        registry.register("drift_accounts", "What the last comparison with Workiva found", drift.clone());
        let held = Gauge::default();
        registry.register("plan_held", "1 while a plan waits for approval", held.clone());
        let held_age = Gauge::default();
        let help = "How long the held plan has waited; 0: none is held";
        registry.register_with_unit("plan_held_age", help, Unit::Seconds, held_age.clone());
        let hold_reasons = Family::default();
        let help = "1 for each code by which a plan is held now";
        registry.register("plan_hold_reasons", help, hold_reasons.clone());
        let paused = Gauge::default();
        registry.register(
            "pool_paused",
            "1 while only probes are sent, for refused credentials or while Workiva is down",
            paused.clone(),
        );
        let breaker = Family::default();
        let help = "1 for the state of the circuit breaker (closed, half_open, open)";
        registry.register("breaker_state", help, breaker.clone());
        let outage_since = Gauge::default();
        let help = "When the outage of Workiva began, as Unix time; 0: there is none";
        registry.register_with_unit("outage_since_timestamp", help, Unit::Seconds, outage_since.clone());
        let last_success = Gauge::default();
        let help = "When the last run ended that was applied or had nothing to do, as Unix time";
        registry.register_with_unit("last_success_timestamp", help, Unit::Seconds, last_success.clone());
        let oldest_queued = Gauge::default();
        let help = "How long the oldest queued action has waited";
        registry.register_with_unit("queue_oldest_age", help, Unit::Seconds, oldest_queued.clone());
        let active_accounts = Gauge::default();
        registry.register("accounts_active", "Accounts confirmed active", active_accounts.clone());
        let audit_records = Gauge::default();
        registry.register("audit_records", "Records in the audit", audit_records.clone());
        let audit_head = Family::default();
        let help =
            "Number and hash of the newest record of the audit, an anchor for `audit verify`; always 1";
        registry.register("audit_head_info", help, audit_head.clone());
        Self {
            registry,
            requests,
            latency,
            runs,
            not_cleared,
            source_success,
            source_failing,
            source_reading,
            actions,
            queue,
            drift,
            held,
            held_age,
            hold_reasons,
            paused,
            breaker,
            outage_since,
            last_success,
            oldest_queued,
            sent: AtomicU64::new(0),
            active_accounts,
            audit_records,
            audit_head,
            rendering: Mutex::default(),
        }
    }
}

impl Telemetry {
    /// Counts a request that was sent.
    pub fn request(&self, method: &str, exchange: &Exchange) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        let status = exchange.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        self.requests.get_or_create(&RequestLabels { method: method.to_owned(), status }).inc();
        self.latency.observe(exchange.elapsed_ms as f64 / 1000.0);
    }

    /// SCIM requests sent by this process.
    pub fn requests_sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Counts a run.
    pub fn run(&self, outcome: &str) {
        self.runs.get_or_create(&OutcomeLabels { outcome: outcome.to_owned() }).inc();
    }

    /// Counts a read whose files or messages could not be cleared away.
    pub fn not_cleared(&self) {
        self.not_cleared.inc();
    }

    /// Counts an action that a worker is through with.
    pub fn action(&self, kind: &str, outcome: &str) {
        self.actions
            .get_or_create(&ActionLabels { kind: kind.to_owned(), outcome: outcome.to_owned() })
            .inc();
    }

    /// The text that Prometheus scrapes, with these figures of the store's.
    pub fn render(&self, figures: &Figures) -> String {
        let _one_at_a_time = self.rendering.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = &figures.queue;
        let states = [
            ("queued", queue.queued),
            ("waiting", queue.waiting),
            ("leased", queue.leased),
            ("parked", queue.parked),
            ("held", queue.held),
            ("withdrawn", queue.withdrawn),
        ];
        for (state, number) in states {
            self.queue.get_or_create(&StateLabels { state: state.to_owned() }).set(number.cast_signed());
        }
        for (kind, number) in figures.drift.iter().flatten() {
            self.drift.get_or_create(&KindLabels { kind: kind.clone() }).set(number.cast_signed());
        }
        for phase in Phase::ALL {
            let labels = StateLabels { state: phase.name().to_owned() };
            self.breaker.get_or_create(&labels).set(i64::from(phase == figures.breaker));
        }
        self.paused.set(i64::from(figures.breaker == Phase::Open));
        self.outage_since.set(figures.outage_since_seconds);
        self.held.set(i64::from(figures.held.is_some()));
        self.held_age.set(figures.held.as_ref().map_or(0.0, |held| held.age_seconds));
        self.hold_reasons.clear();
        for code in figures.held.iter().flat_map(|held| &held.codes) {
            self.hold_reasons.get_or_create(&CodeLabels { code: code.clone() }).set(1);
        }
        self.render_sources(figures);
        self.last_success.set(figures.last_success_seconds);
        self.oldest_queued.set(figures.oldest_queued_seconds);
        self.active_accounts.set(figures.active_accounts.cast_signed());
        if let Some(Head { seq, hash }) = &figures.audit {
            self.audit_records.set(*seq);
            self.audit_head.clear();
            self.audit_head.get_or_create(&HeadLabels { seq: *seq, hash: hash.clone() }).set(1);
        }
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

impl Telemetry {
    /// Those that are configured, and no others.
    fn render_sources(&self, figures: &Figures) {
        let (success, failing, reading) = (&self.source_success, &self.source_failing, &self.source_reading);
        success.clear();
        failing.clear();
        reading.clear();
        for one in &figures.sources {
            let labels = SourceLabels { source: one.source.clone() };
            success.get_or_create(&labels).set(one.read_at.map_or(0.0, |at| at.timestamp() as f64));
            failing.get_or_create(&labels).set(i64::from(one.failing_since.is_some()));
            let since = one.reading_since.map_or(0, |since| (figures.now - since).num_milliseconds().max(0));
            reading.get_or_create(&labels).set(since as f64 / 1000.0);
        }
    }
}

/// What the metrics tell of a held plan.
#[derive(Clone, Debug, Default)]
pub struct HeldFigures {
    /// How long it has waited.
    pub age_seconds: f64,
    /// The codes of its reasons.
    pub codes: Vec<String>,
}

impl HeldFigures {
    /// Of this plan.
    pub fn of(held: &PlanSummary, now: DateTime<Utc>) -> Self {
        let age_seconds = (now - held.created_at).num_milliseconds().max(0) as f64 / 1000.0;
        Self { age_seconds, codes: held.hold_reasons.iter().map(|reason| reason.code.clone()).collect() }
    }
}

/// What the store contributes to the metrics.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Actions by state.
    pub queue: Queue,
    /// The held plan, if there is one.
    pub held: Option<HeldFigures>,
    /// Unix time of the last success; 0 where there was none.
    pub last_success_seconds: f64,
    /// Age of the oldest queued action; 0 where there is none.
    pub oldest_queued_seconds: f64,
    /// Accounts confirmed active.
    pub active_accounts: u64,
    /// What the last comparison of live Workiva with state found, by kind.
    pub drift: Option<BTreeMap<String, u64>>,
    /// Where the breaker stands.
    pub breaker: Phase,
    /// Unix time of the beginning of the outage; 0 where there is none.
    pub outage_since_seconds: f64,
    /// The newest record of the audit; `None`: it could not be read.
    pub audit: Option<Head>,
    /// How it is with each of several sources.
    pub sources: Vec<SourceHealth>,
    /// When that is.
    pub now: DateTime<Utc>,
}
