//! What came of a cycle's planning half.

use chrono::{DateTime, Utc};

use super::connection::ConnectionReport;
use super::register::RegisterRead;
use crate::core::guard::Verdict;
use crate::core::plan::Plan;
use crate::core::report::Outcome;
use crate::core::source_file::SourceFile;
use crate::core::warnings::{number, some_of};
use crate::source::SourceError;
use crate::store::{Committed, RunRecord, Seen};

/// A plan with the guard's word on it.
#[derive(Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// The guard's word.
    pub verdict: Verdict,
    /// What was read.
    pub source: SourceFile,
    /// What was read into the register, to be stored with the plan.
    pub register: Option<RegisterRead>,
    /// How many of several sources failed. What they told before stands.
    pub failed_sources: usize,
}

impl Planned {
    /// What the operator should know, as it is kept with the run.
    pub fn message(&self) -> Option<String> {
        let warnings = &self.plan.warnings;
        (!warnings.is_empty()).then(|| warnings.join("; "))
    }
}

/// A run that has begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Started<'a> {
    /// Its key.
    pub run_id: &'a str,
    /// When it began.
    pub at: DateTime<Utc>,
    /// What started it.
    pub cause: &'a str,
}

impl<'a> Started<'a> {
    /// What is remembered of it, ended now: so far nothing of a source.
    pub fn ended(self, outcome: Outcome, now: DateTime<Utc>) -> RunRecord<'a> {
        let Self { run_id, at: started_at, cause } = self;
        RunRecord {
            run_id,
            started_at,
            ended_at: now,
            cause,
            outcome,
            source: None,
            message: None,
            seen: Seen::default(),
        }
    }
}

/// How the planning half of a cycle ended.
#[derive(Debug)]
pub struct CycleResult {
    /// The run's key.
    pub run_id: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// How it ended, as far as planning goes: what is queued has still to be pushed.
    pub outcome: Outcome,
    /// What was stored.
    pub committed: Committed,
    /// The plan, where it came to one.
    pub planned: Option<Planned>,
    /// What went wrong, where it did not.
    pub failure: Option<CycleFailure>,
    /// The sources in whose queues more may wait.
    pub further: Vec<String>,
}

impl CycleResult {
    /// One that stored no more than this.
    pub(super) fn of(run: &RunRecord<'_>) -> Self {
        Self {
            run_id: run.run_id.to_owned(),
            started_at: run.started_at,
            outcome: run.outcome,
            committed: Committed::default(),
            planned: None,
            failure: None,
            further: Vec::new(),
        }
    }
}

/// Why a cycle came to no plan.
#[derive(Debug)]
pub enum CycleFailure {
    /// The connection does not work.
    Connection(ConnectionReport),
    /// The source failed or was not complete.
    Source {
        /// How.
        error: SourceError,
        /// Who has access meanwhile though their announced last day is over.
        overdue: Vec<String>,
    },
}

impl CycleFailure {
    /// How a run ends by it.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Connection(_) => Outcome::Failed,
            Self::Source { .. } => Outcome::Incomplete,
        }
    }

    /// In words without anything of the source's content: for logs.
    fn logged(&self) -> String {
        match self {
            Self::Connection(_) => self.message(),
            Self::Source { error, overdue } => error.without_values() + &until_read(overdue),
        }
    }

    /// In words.
    pub fn message(&self) -> String {
        match self {
            Self::Connection(report) => report.failure(),
            Self::Source { error, overdue } => error.to_string() + &until_read(overdue),
        }
    }
}

fn until_read(overdue: &[String]) -> String {
    if overdue.is_empty() {
        return String::new();
    }
    format!(
        "; {} access though their announced last day is over, and {} it until the source can be read (employee {})",
        number(overdue.len(), "person has", "people have"),
        if overdue.len() == 1 { "keeps" } else { "keep" },
        some_of(overdue)
    )
}

/// Says once what came of a run. Names and addresses are not in it.
pub(super) fn tell(result: &CycleResult) {
    let run_id = &result.run_id;
    if let Some(failure) = &result.failure {
        tracing::error!(run_id, outcome = result.outcome.name(), "{}", failure.logged());
        return;
    }
    let Some(planned) = &result.planned else { return };
    let counts = planned.plan.counts();
    tracing::info!(
        run_id,
        outcome = result.outcome.name(),
        records = planned.plan.rows,
        rejected = planned.plan.rejections(),
        create = counts.create,
        update = counts.update,
        reactivate = counts.reactivate,
        suspend = counts.suspend,
        delete = counts.delete,
        grant = counts.grant,
        revoke = counts.revoke,
        queued = result.committed.queued,
        "run planned"
    );
    for rejection in planned.plan.rejected.iter().take(20) {
        let employee_id = rejection.employee_id.as_deref().unwrap_or("(none)");
        let (row, kind) = (rejection.row, rejection.kind.name());
        tracing::warn!(run_id, employee_id, row, kind, "record rejected; `sync` and `plan` say why in words");
        // The words may quote a value, and a column that is mapped wrongly could hold anything.
        tracing::debug!(run_id, employee_id, row, kind, "record rejected: {}", rejection.reason);
    }
    for warning in &planned.plan.warnings {
        tracing::warn!(run_id, "{warning}");
    }
    for reason in &planned.verdict.reasons {
        let plan_id = result.committed.plan_id.as_deref().unwrap_or_default();
        tracing::warn!(run_id, plan_id, code = reason.code, "held: {}", reason.message);
    }
}
