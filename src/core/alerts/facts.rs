//! What is known when it is asked whether anything is the matter.

use chrono::{DateTime, Utc};

use crate::core::breaker::Pause;
use crate::core::guard::HoldReason;
use crate::core::health::SourceHealth;
use crate::core::report::Counts;

/// Everything that conditions are told by. It is read from the database, so that it can be had while HR and Workiva are down; but for an outage
/// before there was any connection, which the process that found none knows.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The plan that waits for a decision.
    pub held: Option<HeldFacts>,
    /// When somebody decided about a plan last.
    pub decided_at: Option<DateTime<Utc>>,
    /// The newest runs in a row that failed or met an incomplete source, newest first.
    pub troubled: Vec<TroubledRun>,
    /// How it is with each of several sources; of one the runs tell.
    pub sources: Vec<SourceHealth>,
    /// No connection was found working yet, and the newest run failed by that.
    pub unconnected: Option<Unconnected>,
    /// The outage that the queue waits out.
    pub outage: Option<Pause>,
    /// Actions that still have to end by themselves.
    pub unfinished: u64,
    /// What waits for an operator.
    pub parked: ParkedFacts,
    /// Deprovisions that have been open for longer than `Limits::late`.
    pub late: LateFacts,
    /// Ends of access that an operator discarded.
    pub kept: KeptFacts,
    /// What looking through the audit came to last.
    pub audit: Option<AuditVerdict>,
}

/// A held plan.
#[derive(Clone, Debug)]
pub struct HeldFacts {
    /// Its key.
    pub plan_id: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Until when it can be approved.
    pub expires_at: Option<DateTime<Utc>>,
    /// What is held of it.
    pub counts: Counts,
    /// Why; only the codes are told.
    pub reasons: Vec<HoldReason>,
}

/// A run that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TroubledRun {
    /// Its key.
    pub run_id: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// Whether it was the source; else it was the connection to Workiva.
    pub is_incomplete: bool,
}

/// There is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unconnected {
    /// When the first of the runs began that found none.
    pub since: DateTime<Utc>,
    /// The newest of them.
    pub run_id: String,
}

/// Parked actions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParkedFacts {
    /// How many.
    pub count: u64,
    /// How many of them would take an account's access away.
    pub deprovisions: u64,
    /// When the oldest was planned.
    pub oldest_at: Option<DateTime<Utc>>,
    /// Some of those whom they concern, deprovisions first.
    pub employee_ids: Vec<String>,
}

/// Deprovisions that are late.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LateFacts {
    /// How many.
    pub count: u64,
    /// Since when the oldest could be done: it was planned then, or approved.
    pub oldest_at: Option<DateTime<Utc>>,
    /// Some of those whom they concern, the oldest first.
    pub employee_ids: Vec<String>,
}

/// People who keep access since an operator discarded what was to end it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptFacts {
    /// How many.
    pub count: u64,
    /// When the first of them was discarded.
    pub oldest_at: Option<DateTime<Utc>>,
    /// Some of them, the first one first.
    pub employee_ids: Vec<String>,
}

/// What looking through the audit came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditVerdict {
    /// When.
    pub checked_at: DateTime<Utc>,
    /// What is wrong, in words that quote nobody; `None`: nothing is.
    pub fault: Option<String>,
}
