//! The counts of a day, for those who would rather read one line each morning than trust that silence is good news.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::message::moment;
use crate::core::report::Counts;

/// What was done since the digest before, and how it stands. It names nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// From when on it counts.
    #[serde(serialize_with = "moment")]
    pub since: DateTime<Utc>,
    /// Runs by outcome.
    pub runs: BTreeMap<String, u64>,
    /// Confirmed actions by kind.
    pub applied: Counts,
    /// Accounts confirmed active.
    pub active_accounts: u64,
    /// Actions that still have to end by themselves.
    pub queued: u64,
    /// Actions that wait for an operator.
    pub parked: u64,
    /// The plan that waits for a decision.
    pub held_plan: Option<String>,
    /// Alerts that are raised.
    pub raised: Vec<String>,
}

impl Digest {
    /// In lines.
    pub fn text(&self) -> String {
        let runs: Vec<String> =
            self.runs.iter().map(|(outcome, number)| format!("{number} {outcome}")).collect();
        let Counts { create, update, reactivate, suspend, delete, grant, revoke } = self.applied;
        let lines = [
            format!("Since {}:", self.since.format("%Y-%m-%d %H:%M:%S UTC")),
            format!("runs: {}", or_none(&runs.join(", "))),
            format!(
                "confirmed: {create} created, {update} updated, {reactivate} reactivated, {suspend} suspended, {delete} deleted, \
                 {grant} memberships given, {revoke} taken back"
            ),
            format!(
                "now: {} active accounts, {} actions queued, {} parked",
                self.active_accounts, self.queued, self.parked
            ),
            format!("held plan: {}", or_none(self.held_plan.as_deref().unwrap_or_default())),
            format!("alerts: {}", or_none(&self.raised.join(", "))),
        ];
        lines.join("\n")
    }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}
