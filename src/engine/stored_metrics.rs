//! The gauges of what the database says of the work.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::figures::Stored;
use super::telemetry::StateLabels;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    code: String,
}

/// All of them.
#[derive(Default)]
pub(super) struct StoredMetrics {
    queue: Family<StateLabels, Gauge>,
    withdrawn: Gauge,
    oldest_queued: Gauge<f64, AtomicU64>,
    discarded_ends: Gauge,
    held: Gauge,
    held_age: Gauge<f64, AtomicU64>,
    hold_reasons: Family<CodeLabels, Gauge>,
    last_success: Gauge<f64, AtomicU64>,
    active_accounts: Gauge,
}

impl StoredMetrics {
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let help = "Actions by state now (queued; waiting: memberships, for something that has to be confirmed first; leased: in work; parked; held)";
        registry.register("queue_actions", help, metrics.queue.clone());
        let help = "Those among the queued and parked actions of which only what they did is learnt";
        registry.register("withdrawn_actions", help, metrics.withdrawn.clone());
        let help = "How long the oldest queued action has waited; 0: none is queued";
        registry.register_with_unit("queue_oldest_age", help, Unit::Seconds, metrics.oldest_queued.clone());
        let help = "People who keep access since an operator discarded the action that was to end it";
        registry.register("discarded_ends", help, metrics.discarded_ends.clone());
        registry.register("plan_held", "1 while a plan waits for approval", metrics.held.clone());
        let help = "How long the held plan has waited; 0: none is held";
        registry.register_with_unit("plan_held_age", help, Unit::Seconds, metrics.held_age.clone());
        let help = "1 for each code by which a plan is held now";
        registry.register("plan_hold_reasons", help, metrics.hold_reasons.clone());
        let help = "When the last run was planned that was neither held nor failed, as Unix time; 0: never";
        let last_success = metrics.last_success.clone();
        registry.register_with_unit("last_success_timestamp", help, Unit::Seconds, last_success);
        registry.register("accounts_active", "Accounts confirmed active", metrics.active_accounts.clone());
        metrics
    }

    pub(super) fn set(&self, stored: &Stored) {
        let queue = &stored.queue;
        let states = [
            ("queued", queue.queued),
            ("waiting", queue.waiting),
            ("leased", queue.leased),
            ("parked", queue.parked),
            ("held", queue.held),
        ];
        for (state, number) in states {
            self.queue.get_or_create(&StateLabels { state: state.to_owned() }).set(number.cast_signed());
        }
        self.withdrawn.set(queue.withdrawn.cast_signed());
        self.oldest_queued.set(stored.oldest_queued_seconds);
        self.discarded_ends.set(stored.discarded_ends.cast_signed());
        self.held.set(i64::from(stored.held.is_some()));
        self.held_age.set(stored.held.as_ref().map_or(0.0, |held| held.age_seconds));
        self.hold_reasons.clear();
        for code in stored.held.iter().flat_map(|held| &held.codes) {
            self.hold_reasons.get_or_create(&CodeLabels { code: code.clone() }).set(1);
        }
        self.last_success.set(stored.last_success_seconds);
        self.active_accounts.set(stored.active_accounts.cast_signed());
    }
}
