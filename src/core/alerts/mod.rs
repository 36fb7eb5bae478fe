//! What somebody has to be told of, and when: once, again while it lasts, and when it is over.
//!
//! ```text
//! facts ── conditions ──> what is the matter now ── turn ──> alerts as they stand, and messages
//!                                                    ^ the alerts as they stood
//! ```

mod conditions;
mod digest;
mod facts;
mod message;
mod turn;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use conditions::{broken_audit, conditions, unstored};
pub use digest::Digest;
pub use facts::{
    AuditVerdict, Facts, HeldFacts, KeptFacts, LateFacts, ParkedFacts, TroubledRun, Unconnected,
};
pub use message::{Event, Message};
pub use turn::{Told, Turn, turn};

/// The most employee ids that a condition names.
pub const NAMED_EMPLOYEES: u32 = 5;

/// What an alert may be about. The names are in configuration, messages, metrics and the database, so they stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A plan waits for somebody's decision.
    HeldPlan,
    /// An HR source fails or cannot prove itself complete.
    SourceIncomplete,
    /// So many runs in a row came to nothing.
    RunsFailing,
    /// Workiva refuses the credentials.
    CredentialsRefused,
    /// Actions wait for an operator.
    ActionsParked,
    /// Workiva cannot be had.
    WorkivaDown,
    /// Somebody who is to lose access has it still, for longer than agreed.
    DeprovisionLate,
    /// Somebody keeps access, since an operator discarded what was to end it.
    AccessKept,
    /// The audit is not whole.
    AuditBroken,
    /// No run can be stored.
    DatabaseFailing,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::HeldPlan,
        Self::SourceIncomplete,
        Self::RunsFailing,
        Self::CredentialsRefused,
        Self::ActionsParked,
        Self::WorkivaDown,
        Self::DeprovisionLate,
        Self::AccessKept,
        Self::AuditBroken,
        Self::DatabaseFailing,
    ];

    /// The name in messages, metrics and the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::HeldPlan => "held_plan",
            Self::SourceIncomplete => "source_incomplete",
            Self::RunsFailing => "runs_failing",
            Self::CredentialsRefused => "credentials_refused",
            Self::ActionsParked => "actions_parked",
            Self::WorkivaDown => "workiva_down",
            Self::DeprovisionLate => "deprovision_late",
            Self::AccessKept => "access_kept",
            Self::AuditBroken => "audit_broken",
            Self::DatabaseFailing => "database_failing",
        }
    }

    /// The same in words, for the head of a message.
    pub fn title(self) -> &'static str {
        match self {
            Self::HeldPlan => "a plan is held",
            Self::SourceIncomplete => "an HR source cannot be used",
            Self::RunsFailing => "runs come to nothing",
            Self::CredentialsRefused => "Workiva refuses the credentials",
            Self::ActionsParked => "actions are parked",
            Self::WorkivaDown => "Workiva cannot be had",
            Self::DeprovisionLate => "deprovisions are late",
            Self::AccessKept => "access is kept by what was discarded",
            Self::AuditBroken => "the audit is broken",
            Self::DatabaseFailing => "the database fails",
        }
    }
}

/// How long what has to last, or how often it has to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// After which an alert that lasts is told again; `None`: never.
    pub remind: Option<TimeDelta>,
    /// For how long a condition has to be gone before that is believed.
    pub settle: TimeDelta,
    /// For how long a source may fail.
    pub source: TimeDelta,
    /// How many runs in a row may not come to nothing.
    pub failing_runs: u64,
    /// For how long Workiva may be down.
    pub workiva_down: TimeDelta,
    /// For how long a deprovision may take.
    pub late: TimeDelta,
}

/// Something that is the matter now. It holds no personal data but employee ids, and quotes nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// What it is about.
    pub kind: Kind,
    /// Which of several sources.
    pub source: Option<String>,
    /// Since when.
    pub since: DateTime<Utc>,
    /// What happened, in words.
    pub what: String,
    /// What to do about it.
    pub to_do: String,
    /// The command to begin with.
    pub command: String,
    /// The run that it is about.
    pub run_id: Option<String>,
    /// The plan that it is about.
    pub plan_id: Option<String>,
    /// How many it concerns, of a held plan those who would lose access; 1 where nothing is counted.
    pub count: u64,
    /// Some of whom it concerns, at most [`NAMED_EMPLOYEES`].
    pub employee_ids: Vec<String>,
}

impl Condition {
    /// What tells it from any other: of two with one key, the newer is the same one as it is now.
    pub fn key(&self) -> String {
        match &self.source {
            None => self.kind.name().to_owned(),
            Some(source) => format!("{}:{source}", self.kind.name()),
        }
    }
}

/// A condition that somebody was told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// As it was seen last.
    pub condition: Condition,
    /// When it was told first.
    pub raised_at: DateTime<Utc>,
    /// When it was told last.
    pub told_at: DateTime<Utc>,
    /// How many it concerned then.
    pub told_count: u64,
    /// Since when it has not been seen, while that is not believed yet.
    pub quiet_since: Option<DateTime<Utc>>,
    /// When it was told that it is over.
    pub ended_at: Option<DateTime<Utc>>,
    /// How often in a row it was raised shortly after it had ended, from 1.
    pub times: u32,
}

impl Alert {
    /// Whether it has not been told to be over.
    pub fn is_raised(&self) -> bool {
        self.ended_at.is_none()
    }
}
