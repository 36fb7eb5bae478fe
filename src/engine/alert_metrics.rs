//! What is counted of alerts and of the messages about them.

use std::collections::{BTreeMap, BTreeSet};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::core::alerts::Kind;

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
}

/// Counters and gauges of alerts.
pub(super) struct AlertMetrics {
    messages: Family<MessageLabels, Counter>,
    raised: Family<AlertLabels, Gauge>,
    waiting: Family<ChannelLabels, Gauge>,
}

impl AlertMetrics {
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let metrics =
            Self { messages: Family::default(), raised: Family::default(), waiting: Family::default() };
        let help = "Attempts to send a message of an alert, by channel and outcome (sent, failed: it is tried again, dropped)";
        registry.register("alert_messages", help, metrics.messages.clone());
        registry.register(
            "alert_raised",
            "1 for each kind of alert that is raised now; nothing where there is no channel",
            metrics.raised.clone(),
        );
        let help = "Messages of alerts that a channel does not have yet";
        registry.register("alert_messages_waiting", help, metrics.waiting.clone());
        metrics
    }

    pub(super) fn message(&self, channel: &str, outcome: &str) {
        let labels = MessageLabels { channel: channel.to_owned(), outcome: outcome.to_owned() };
        self.messages.get_or_create(&labels).inc();
    }

    pub(super) fn set(&self, figures: &AlertFigures) {
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
