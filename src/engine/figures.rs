//! What the metrics tell beside what was counted: how it is at the moment they are asked for.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::alert_metrics::AlertFigures;
use crate::core::audit::Head;
use crate::core::breaker::Phase;
use crate::core::health::SourceHealth;
use crate::store::{PlanSummary, Queue};

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

/// What the database says of the work.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Actions by state.
    pub queue: Queue,
    /// The held plan, if there is one.
    pub held: Option<HeldFigures>,
    /// Unix time of the last success; 0 where there was none.
    pub last_success_seconds: f64,
    /// Age of the oldest queued action; 0 where there is none.
    pub oldest_queued_seconds: f64,
    /// People who keep access since an operator discarded the action that was to end it.
    pub discarded_ends: u64,
    /// Accounts confirmed active.
    pub active_accounts: u64,
}

/// What the daemon contributes to the metrics.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// What `/readyz` would say.
    pub is_ready: bool,
    /// What is stored; `None`: it could not be read, and what was told last stands. A parked action must not seem to be gone.
    pub stored: Option<Stored>,
    /// What the last comparison of live Workiva with state found, by kind.
    pub drift: Option<BTreeMap<String, u64>>,
    /// Where the breaker stands.
    pub breaker: Phase,
    /// Unix time of the beginning of the outage; 0 where there is none.
    pub outage_since_seconds: f64,
    /// Requests a second that may be sent now; `None`: any number.
    pub rate_limit: Option<f64>,
    /// The newest record of the audit; `None`: it could not be read.
    pub audit: Option<Head>,
    /// How it is with each of several sources.
    pub sources: Vec<SourceHealth>,
    /// What is raised, and what waits to be sent.
    pub alerts: AlertFigures,
    /// When that is.
    pub now: DateTime<Utc>,
}
