//! What a run tells: the fixed JSON object of `sync` and `plan`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::action::{ActionKind, Change};
use super::guard::HoldReason;

/// Numbers of actions by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(default)]
pub struct Counts {
    /// Users to be made.
    pub create: u64,
    /// Users to be changed.
    pub update: u64,
    /// Suspended users to be activated.
    pub reactivate: u64,
    /// Users to be suspended.
    pub suspend: u64,
    /// Users to be removed.
    pub delete: u64,
    /// Memberships of groups to be given.
    #[serde(default)]
    pub grant: u64,
    /// Memberships of groups to be taken back.
    #[serde(default)]
    pub revoke: u64,
}

impl Counts {
    /// Adds `number` actions of a kind.
    pub fn add(&mut self, kind: ActionKind, number: u64) {
        let field = match kind {
            ActionKind::Create => &mut self.create,
            ActionKind::Update => &mut self.update,
            ActionKind::Reactivate => &mut self.reactivate,
            ActionKind::Suspend => &mut self.suspend,
            ActionKind::Delete => &mut self.delete,
            ActionKind::Grant => &mut self.grant,
            ActionKind::Revoke => &mut self.revoke,
        };
        *field += number;
    }

    /// What has been added since it was `before`.
    pub fn since(&self, before: &Self) -> Self {
        let mut added = Self::default();
        for kind in ActionKind::ALL {
            added.add(kind, self.of(kind).saturating_sub(before.of(kind)));
        }
        added
    }

    /// How many of one kind.
    pub fn of(&self, kind: ActionKind) -> u64 {
        match kind {
            ActionKind::Create => self.create,
            ActionKind::Update => self.update,
            ActionKind::Reactivate => self.reactivate,
            ActionKind::Suspend => self.suspend,
            ActionKind::Delete => self.delete,
            ActionKind::Grant => self.grant,
            ActionKind::Revoke => self.revoke,
        }
    }

    /// How many take an account's access away.
    pub fn deprovisions(&self) -> u64 {
        self.suspend + self.delete
    }

    /// How many give access: accounts that are new, and those that are active again.
    pub fn accesses(&self) -> u64 {
        self.create + self.reactivate
    }

    /// About how many requests they take where nothing fails: one to look for or to read back, and one to change.
    pub fn requests_about(&self) -> u64 {
        2 * self.total()
    }

    /// In one line, such as `3 create, 1 suspend`; `None`: there are none.
    pub fn in_words(&self) -> Option<String> {
        let kinds = ActionKind::ALL.into_iter().filter(|kind| self.of(*kind) > 0);
        let parts: Vec<String> = kinds.map(|kind| format!("{} {}", self.of(kind), kind.name())).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// How many in all.
    pub fn total(&self) -> u64 {
        ActionKind::ALL.into_iter().map(|kind| self.of(kind)).sum()
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Something was done.
    Applied,
    /// Nothing was to be done.
    Unchanged,
    /// The guard stopped the plan, or a part of it.
    Held,
    /// The HR source failed or could not prove itself complete.
    Incomplete,
    /// Something else went wrong.
    Failed,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [Self::Applied, Self::Unchanged, Self::Held, Self::Incomplete, Self::Failed];

    /// The name in JSON and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Held => "held",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
        }
    }
}

/// How much the source delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceCounts {
    /// Rows read.
    pub records: u64,
    /// Rows that could not be used.
    pub rejected: u64,
}

/// The object that `sync --json` and `plan --json` print. All keys are always there.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// The run.
    pub run_id: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The plan that was stored, if one was.
    pub plan_id: Option<String>,
    /// What the source delivered.
    pub source: SourceCounts,
    /// What the plan holds.
    pub planned: Counts,
    /// What was confirmed during this run.
    pub applied: Counts,
    /// Actions that wait for an operator.
    pub parked: u64,
    /// SCIM requests sent during this run.
    pub requests: u64,
    /// How long the run took, in milliseconds.
    pub elapsed_ms: u64,
    /// Why the guard holds, if it does.
    pub hold_reasons: Vec<HoldReason>,
    /// `plan` only: every action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actions: Option<Vec<ReportedAction>>,
}

/// One action as `plan --json` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct ReportedAction {
    /// Whose account.
    pub employee_id: String,
    /// Create, update and so on.
    pub kind: ActionKind,
    /// What changes.
    pub changes: Vec<Change>,
    /// Why.
    pub because: String,
}
