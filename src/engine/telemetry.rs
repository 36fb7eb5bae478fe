//! What the engine counts while it works, in the form that Prometheus reads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::alert_metrics::AlertMetrics;
use super::figures::Figures;
use super::spans::Spans;
use super::stored_metrics::StoredMetrics;
use crate::core::action::ActionKind;
use crate::core::audit::Head;
use crate::core::breaker::Phase;
use crate::core::report::Outcome;
use crate::core::scim::Exchange;

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
pub(super) struct StateLabels {
    pub(super) state: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnchorLabels {
    seq: i64,
    hash: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    source: String,
}

/// Counters, gauges and the registry that renders them; and where spans go.
pub struct Telemetry {
    /// Where spans go.
    pub spans: Spans,
    spans_dropped: Counter,
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    latency: Histogram,
    runs: Family<OutcomeLabels, Counter>,
    not_cleared: Counter,
    source_success: Family<SourceLabels, Gauge<f64, AtomicU64>>,
    source_failing: Family<SourceLabels, Gauge>,
    source_reading: Family<SourceLabels, Gauge<f64, AtomicU64>>,
    actions: Family<ActionLabels, Counter>,
    stored: StoredMetrics,
    drift: Family<KindLabels, Gauge>,
    ready: Gauge,
    paused: Gauge,
    breaker: Family<StateLabels, Gauge>,
    outage_since: Gauge<f64, AtomicU64>,
    rate_limit: Gauge<f64, AtomicU64>,
    sent: AtomicU64,
    audit_records: Gauge,
    audit_anchor: Family<AnchorLabels, Gauge>,
    alerts: AlertMetrics,
    // When the anchor was taken. Held while rendering: two scrapes at a time would mix up their figures.
    anchored_at: Mutex<Option<DateTime<Utc>>>,
}

/// How an action can end, as its metric tells it.
const ACTION_OUTCOMES: [&str; 4] = ["done", "retried", "parked", "superseded"];

/// How long an anchor is shown before a newer one. Each makes a time series of its own, so they must not come with every record.
const ANCHOR_EVERY: TimeDelta = TimeDelta::hours(1);

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
        let runs = Family::<OutcomeLabels, Counter>::default();
        registry.register("runs", "Runs by outcome", runs.clone());
        // What begins with its first event has no rate for it. So everything that is known beforehand begins with 0.
        for outcome in Outcome::ALL {
            drop(runs.get_or_create(&OutcomeLabels { outcome: outcome.name().to_owned() }));
        }
        let not_cleared = Counter::default();
        let help = "Reads after which a file could not be archived, or a message not be taken off its queue; `status` says which";
        registry.register("source_not_cleared", help, not_cleared.clone());
        let source_success = Family::default();
        let help = "When the newest read began that counts, as Unix time, of each of several sources, or of one with deltas or id_prefix; 0: never";
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
        let actions = Family::<ActionLabels, Counter>::default();
        for (kind, outcome) in
            ActionKind::ALL.iter().flat_map(|kind| ACTION_OUTCOMES.map(|outcome| (kind, outcome)))
        {
            let labels = ActionLabels { kind: kind.name().to_owned(), outcome: outcome.to_owned() };
            drop(actions.get_or_create(&labels));
        }
        registry.register(
            "actions",
            "Work on actions by kind and how it ended (done, retried, parked, superseded: withdrawn and without effect)",
            actions.clone(),
        );
        let stored = StoredMetrics::registered(&mut registry);
        let drift = Family::default();
        registry.register(
            "drift_accounts",
            "People by what the last comparison with Workiva found of them; nothing before the first one",
            drift.clone(),
        );
        let ready = Gauge::default();
        let help = "1 while the connection was found working, Workiva can be had, and runs can be stored";
        registry.register("ready", help, ready.clone());
        let paused = Gauge::default();
        registry.register(
            "pool_paused",
            "1 while only probes are sent, for refused credentials or while Workiva is down",
            paused.clone(),
        );
        let breaker = Family::default();
        let help = "1 for the state that the circuit breaker is in (closed; half_open: one action at a time is tried; open)";
        registry.register("breaker_state", help, breaker.clone());
        let outage_since = Gauge::default();
        let help = "When the outage of Workiva began, as Unix time; 0: there is none";
        registry.register_with_unit("outage_since_timestamp", help, Unit::Seconds, outage_since.clone());
        let rate_limit = Gauge::default();
        let help = "Requests a second that may be sent now, by workiva.requests_per_second and by what Workiva was found to accept; 0: any number";
        registry.register("scim_request_rate_limit", help, rate_limit.clone());
        let audit_records = Gauge::default();
        registry.register("audit_records", "Records in the audit", audit_records.clone());
        let audit_anchor = Family::default();
        let help = "Number and hash of a record of the audit that was the newest within the last hour, an anchor for `audit verify`; always 1";
        registry.register("audit_anchor_info", help, audit_anchor.clone());
        let build = Family::<BuildLabels, Gauge>::default();
        registry.register("build_info", "The version that runs; always 1", build.clone());
        build.get_or_create(&BuildLabels { version: env!("CARGO_PKG_VERSION") }).set(1);
        let alerts = AlertMetrics::registered(&mut registry);
        let spans_dropped = Counter::default();
        registry.register("trace_spans_dropped", "Spans that no collector took", spans_dropped.clone());
        Self {
            spans: Spans::default(),
            spans_dropped,
            registry,
            requests,
            latency,
            runs,
            not_cleared,
            source_success,
            source_failing,
            source_reading,
            actions,
            stored,
            drift,
            ready,
            paused,
            breaker,
            outage_since,
            rate_limit,
            sent: AtomicU64::new(0),
            audit_records,
            audit_anchor,
            alerts,
            anchored_at: Mutex::default(),
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

    /// Counts spans that no collector took, for whoever sends them.
    pub fn spans_dropped(&self) -> Counter {
        self.spans_dropped.clone()
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

    /// Counts an attempt to send a message of an alert.
    pub fn alert_message(&self, channel: &str, outcome: &str) {
        self.alerts.message(channel, outcome);
    }

    /// The text that Prometheus scrapes, with these figures of the store's.
    pub fn render(&self, figures: &Figures) -> String {
        let mut anchored_at = self.anchored_at.lock().unwrap_or_else(PoisonError::into_inner);
        self.ready.set(i64::from(figures.is_ready));
        if let Some(stored) = &figures.stored {
            self.stored.set(stored);
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
        self.rate_limit.set(figures.rate_limit.unwrap_or(0.0));
        self.render_sources(figures);
        self.alerts.set(&figures.alerts);
        if let Some(Head { seq, hash }) = &figures.audit {
            self.audit_records.set(*seq);
            if anchored_at.is_none_or(|at| (figures.now - at).abs() >= ANCHOR_EVERY) {
                *anchored_at = Some(figures.now);
                self.audit_anchor.clear();
                self.audit_anchor.get_or_create(&AnchorLabels { seq: *seq, hash: hash.clone() }).set(1);
            }
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

#[cfg(test)]
mod tests {
    use super::super::figures::Stored;
    use super::*;
    use crate::store::Queue;

    fn figures(seq: i64, minutes: i64) -> Figures {
        let now = DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes);
        Figures { audit: Some(Head { seq, hash: format!("hash{seq}") }), now, ..Figures::default() }
    }

    #[test]
    fn an_anchor_stands_for_an_hour_however_many_records_there_are_meanwhile() {
        let telemetry = Telemetry::default();
        for (seq, minutes, shown) in [(1, 0, 1), (2, 1, 1), (3, 59, 1), (4, 60, 4), (5, 0, 5)] {
            let text = telemetry.render(&figures(seq, minutes));
            assert!(text.contains(&format!("audit_records {seq}\n")), "{text}");
            let anchors: Vec<&str> = text.lines().filter(|line| line.contains("anchor_info{")).collect();
            let expected =
                format!("workiva_sync_audit_anchor_info{{seq=\"{shown}\",hash=\"hash{shown}\"}} 1");
            assert_eq!(anchors, [expected], "at minute {minutes}");
        }
    }

    #[test]
    fn while_the_database_cannot_be_read_nothing_seems_to_be_gone() {
        let telemetry = Telemetry::default();
        let mut figures = figures(1, 0);
        let parked = "workiva_sync_queue_actions{state=\"parked\"} 3\n";
        figures.stored = Some(Stored { queue: Queue { parked: 3, ..Queue::default() }, ..Stored::default() });
        assert!(telemetry.render(&figures).contains(parked));
        figures.stored = None;
        assert!(telemetry.render(&figures).contains(parked));
    }
}
