//! What is counted of alerts and of the messages about them, and what looking through the audit came to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::core::alerts::{AuditVerdict, Kind};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MessageLabels {
    channel: String,
    outcome: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChannelLabels {
    channel: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AlertLabels {
    alert: String,
}

/// How an attempt can end.
const OUTCOMES: [&str; 3] = ["sent", "failed", "dropped"];

/// What the store contributes.
#[derive(Clone, Debug, Default)]
pub struct AlertFigures {
    /// The kinds of the alerts that are raised; `None`: nobody looks, since there is no channel.
    pub raised: Option<BTreeSet<Kind>>,
    /// The channels that are configured.
    pub channels: Vec<&'static str>,
    /// How many messages wait, by channel.
    pub waiting: BTreeMap<String, u64>,
    /// What looking through the audit came to last; `None`: nobody has looked.
    pub audit: Option<AuditVerdict>,
}

/// Counters and gauges of alerts.
#[derive(Default)]
pub(super) struct AlertMetrics {
    messages: Family<MessageLabels, Counter>,
    raised: Family<AlertLabels, Gauge>,
    waiting: Family<ChannelLabels, Gauge>,
    audit_broken: Gauge,
    audit_checked: Gauge<f64, AtomicU64>,
}

impl AlertMetrics {
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let help = "Attempts to send a message of an alert, by channel and outcome (sent, failed: it is tried again, dropped)";
        registry.register("alert_messages", help, metrics.messages.clone());
        registry.register(
            "alert_raised",
            "1 for each kind of alert that is raised now; nothing where there is no channel",
            metrics.raised.clone(),
        );
        let help = "Messages of alerts that a channel does not have yet";
        registry.register("alert_messages_waiting", help, metrics.waiting.clone());
        let help = "1 where the audit was not whole when it was looked through last";
        registry.register("audit_broken", help, metrics.audit_broken.clone());
        let help = "When the whole audit was looked through last, as Unix time; 0: never";
        let checked = metrics.audit_checked.clone();
        registry.register_with_unit("audit_checked_timestamp", help, Unit::Seconds, checked);
        metrics
    }

    pub(super) fn message(&self, channel: &str, outcome: &str) {
        let labels = MessageLabels { channel: channel.to_owned(), outcome: outcome.to_owned() };
        self.messages.get_or_create(&labels).inc();
    }

    pub(super) fn set(&self, figures: &AlertFigures) {
        let audit = figures.audit.as_ref();
        self.audit_broken.set(i64::from(audit.is_some_and(|verdict| verdict.fault.is_some())));
        self.audit_checked.set(audit.map_or(0.0, |verdict| verdict.checked_at.timestamp() as f64));
        self.raised.clear();
        for kind in figures.raised.iter().flat_map(|_| Kind::ALL) {
            let is_raised = figures.raised.as_ref().is_some_and(|raised| raised.contains(&kind));
            let labels = AlertLabels { alert: kind.name().to_owned() };
            self.raised.get_or_create(&labels).set(i64::from(is_raised));
        }
        self.waiting.clear();
        for channel in &figures.channels {
            let number = figures.waiting.get(*channel).copied().unwrap_or_default();
            let labels = ChannelLabels { channel: (*channel).to_owned() };
            self.waiting.get_or_create(&labels).set(number.cast_signed());
            // What is known beforehand is counted from 0, or its first time is no increase.
            for outcome in OUTCOMES {
                let labels = MessageLabels { channel: (*channel).to_owned(), outcome: outcome.to_owned() };
                let _ = self.messages.get_or_create(&labels);
            }
        }
    }
}
