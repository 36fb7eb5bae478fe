//! One cycle: connection, source, plan, guard, and one transaction for what came of it.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::connection::{self, ConnectionReport};
use super::feed::{self, FeedError};
use super::{Engine, EngineError};
use crate::config::HeaderChange;
use crate::core::guard::{Verdict, check};
use crate::core::plan::Plan;
use crate::core::planner::{Material, assemble, judge};
use crate::core::record::Fingerprint;
use crate::core::report::Outcome;
use crate::core::scim::{Capabilities, ScimPort, address};
use crate::core::source_file::SourceFile;
use crate::source::{HrSource, SourceDigest, SourceError};
use crate::store::{Committed, PlanCommit, RunRecord, Seen, StoreError};

/// A plan with the guard's word on it.
#[derive(Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// The guard's word.
    pub verdict: Verdict,
    /// What was read.
    pub source: SourceFile,
}

impl Planned {
    /// What the operator should know, as it is kept with the run.
    pub fn message(&self) -> Option<String> {
        let warnings = &self.plan.warnings;
        (!warnings.is_empty()).then(|| warnings.join("; "))
    }
}

enum Reading {
    Quiet(CycleResult),
    /// A plan, and what had been stored before anything was looked at.
    Planned(Planned, Seen),
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
}

/// Why a cycle came to no plan.
#[derive(Debug)]
pub enum CycleFailure {
    /// The connection does not work.
    Connection(ConnectionReport),
    /// The source failed or was not complete.
    Source(SourceError),
}

impl CycleFailure {
    /// How a run ends by it.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Connection(_) => Outcome::Failed,
            Self::Source(_) => Outcome::Incomplete,
        }
    }

    /// In words without anything of the source's content: for logs.
    fn logged(&self) -> String {
        match self {
            Self::Connection(_) => self.message(),
            Self::Source(error) => error.without_values(),
        }
    }

    /// In words.
    pub fn message(&self) -> String {
        match self {
            Self::Connection(report) => report.failure(),
            Self::Source(error) => error.to_string(),
        }
    }
}

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// What Workiva can do: as remembered from a check that went well, or by a check now.
    ///
    /// # Errors
    /// Where the database fails. A connection that does not work is in the `Err` of the inner result.
    pub async fn connect(&self) -> Result<Result<Capabilities, ConnectionReport>, EngineError> {
        self.insist_on_address().await?;
        if let Some(known) = self.store.checked_connection(&self.connection_key).await? {
            return Ok(Ok(known));
        }
        let report = connection::check(self).await;
        if !report.works {
            return Ok(Err(report));
        }
        if self.may_write {
            self.remember_connection(&report.capabilities).await?;
        }
        Ok(Ok(report.capabilities))
    }

    /// A database is of one Workiva: elsewhere its ids mean nothing, and users who are not found would count as gone.
    ///
    /// # Errors
    /// Where it is of another one, or the database fails.
    pub async fn insist_on_address(&self) -> Result<(), EngineError> {
        let ours = address::canonical(&self.rules.base_url);
        match self.store.workiva_address().await? {
            // An earlier version may have stored it as it was written.
            Some((theirs, _)) if address::is_same(&theirs, &ours) => Ok(()),
            Some((theirs, true)) => Err(EngineError::AnotherWorkiva {
                database: self.store.path().display().to_string(),
                theirs,
                ours,
            }),
            _ if self.may_write => Ok(self.store.belongs_to(&ours).await?),
            _ => Ok(()),
        }
    }

    /// Remembers that these settings have been found working.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn remember_connection(&self, capabilities: &Capabilities) -> Result<(), EngineError> {
        Ok(self.store.connection_works(&self.connection_key, capabilities, self.clock.now()).await?)
    }

    /// Plans: reads source and state, decides about everybody, asks the guard. Writes nothing. `today` stands for the day on
    /// which dates are judged; `None`: it is the clock's.
    ///
    /// # Errors
    /// Where the source is not complete, or the database fails.
    pub async fn plan(&self, today: Option<NaiveDate>) -> Result<Planned, FeedError> {
        let rulebook = &self.rules.rulebook;
        let today = today.unwrap_or_else(|| rulebook.access.lifecycle.today(self.clock.now()));
        let anew = feed::was_set_back(&self.store, &self.rules.rulebook, today).await?;
        let due = if anew { self.store.everybody().await? } else { self.store.due(today).await? };
        let absent = Fingerprint::absent(rulebook.seed);
        let (mut findings, end) = feed::read(&self.source, &self.store, &due, absent).await?;
        let records = std::mem::take(&mut findings.changed);
        let ids: Vec<&str> = records
            .iter()
            .map(|record| record.employee_id())
            .chain(findings.absent.iter().map(String::as_str))
            .collect();
        let states = if ids.is_empty() { HashMap::new() } else { self.store.states(&ids).await? };
        let (judged, rejected) = judge(records, &states, rulebook, today);
        let mut names: Vec<String> = judged.iter().filter_map(|person| person.user_name()).collect();
        names.sort_unstable();
        names.dedup();
        let holders = if names.is_empty() { HashMap::new() } else { self.store.holders(&names).await? };
        let (states, holders) = (&states, &holders);
        let material = Material { judged, rejected, findings, header: end.header, states, holders };
        let mut plan = Plan { anew, ..assemble(material, rulebook) };
        plan.warnings.extend(end.passed_over);
        let guard = &self.settings.guard;
        let mut scale = self.store.scale().await?;
        if let Some(column) = &guard.max_deprovision_percent_per
            && plan.counts().deprovisions() > 0
        {
            self.store.scale_by_group(column, &mut scale).await?;
        }
        if self.settings.source.header_change == HeaderChange::Allow {
            scale.accepted_header = None;
        }
        let verdict = check(&plan, &scale, guard);
        Ok(Planned { plan, verdict, source: end.file })
    }

    /// Runs the planning half of a cycle and stores what came of it in one transaction.
    ///
    /// # Errors
    /// Where the database fails: then nothing is stored, and nothing is sent.
    pub async fn cycle(&self, cause: &str) -> Result<CycleResult, EngineError> {
        let result = self.run_cycle(cause).await;
        self.cycles.send_modify(|ended| *ended += 1);
        result
    }

    async fn run_cycle(&self, cause: &str) -> Result<CycleResult, EngineError> {
        self.expire_held().await?;
        let started_at = self.clock.now();
        // What a dead process had begun is not in flight: left as it is, it would be carried out as it was planned then, and
        // no plan of today could take its place. Our own lock is held, so nothing of ours is taken for a dead one's.
        self.store.reclaim("").await?;
        let run_id = self.random.name(started_at);
        let result = match self.connect().await? {
            Err(report) => self.failed(run_id, started_at, cause, CycleFailure::Connection(report)).await?,
            Ok(_) => match self.quiet_or_plan(&run_id, started_at, cause).await {
                Ok(Reading::Quiet(result)) => result,
                Ok(Reading::Planned(planned, seen)) => {
                    self.store_plan(run_id, started_at, cause, planned, seen).await?
                }
                Err(FeedError::Source(error)) => {
                    self.failed(run_id, started_at, cause, CycleFailure::Source(error)).await?
                }
                Err(FeedError::Store(error)) => return Err(error.into()),
            },
        };
        self.telemetry.run(result.outcome.name());
        tell(&result);
        // A pool that waits for a connection comes back at this; without one there is nothing to come back for.
        if !matches!(result.failure, Some(CycleFailure::Connection(_))) {
            self.bell.notify_one();
        }
        Ok(result)
    }

    /// A run over the same bytes as the one before, which left nothing to be looked at again, is quiet without reading
    /// them as records. Any other is planned.
    async fn quiet_or_plan(
        &self,
        run_id: &str,
        started_at: DateTime<Utc>,
        cause: &str,
    ) -> Result<Reading, FeedError> {
        let seen = self.store.seen().await?;
        if let Some(mut known) = self.source.digest().await? {
            let today = self.rules.rulebook.access.lifecycle.today(started_at);
            let digest = known.file.digest.as_deref().unwrap_or_default();
            if !feed::was_set_back(&self.store, &self.rules.rulebook, today).await?
                && let Some(rows) = self.store.quiet_rows(digest, today).await?
            {
                // Any other file is judged once it has been read: what is wrong with its rows says more.
                let accepted = self.store.accepted_file().await?;
                known.file = SourceError::unless_after(known.file, accepted.as_ref())?;
                return Ok(Reading::Quiet(
                    self.store_quiet(run_id, started_at, cause, known, rows, seen).await?,
                ));
            }
        }
        Ok(Reading::Planned(self.plan(None).await?, seen))
    }

    async fn store_quiet(
        &self,
        run_id: &str,
        started_at: DateTime<Utc>,
        cause: &str,
        source: SourceDigest,
        rows: u64,
        seen: Seen,
    ) -> Result<CycleResult, StoreError> {
        let warnings = source.passed_over.into_iter().collect();
        let plan = Plan { rows, warnings, ..Plan::default() };
        let planned = Planned { plan, verdict: Verdict::default(), source: source.file };
        let message = planned.message();
        let run = RunRecord {
            run_id,
            started_at,
            ended_at: self.clock.now(),
            cause,
            outcome: Outcome::Unchanged,
            source: Some(&planned.source),
            message: message.as_deref(),
            seen,
        };
        self.store.record_quiet_run(&run, rows).await?;
        Ok(CycleResult {
            run_id: run_id.to_owned(),
            started_at,
            outcome: Outcome::Unchanged,
            committed: Committed::default(),
            planned: Some(planned),
            failure: None,
        })
    }

    async fn store_plan(
        &self,
        run_id: String,
        started_at: DateTime<Utc>,
        cause: &str,
        planned: Planned,
        seen: Seen,
    ) -> Result<CycleResult, EngineError> {
        let outcome = match (planned.verdict.holds(), planned.plan.actions.is_empty()) {
            (true, _) => Outcome::Held,
            (false, true) => Outcome::Unchanged,
            (false, false) => Outcome::Applied,
        };
        let message = planned.message();
        let run = RunRecord {
            run_id: &run_id,
            started_at,
            ended_at: self.clock.now(),
            cause,
            outcome,
            source: Some(&planned.source),
            message: message.as_deref(),
            seen,
        };
        let plan_id = self.random.name(started_at);
        let commit = PlanCommit { plan_id: &plan_id, ..self.commit_of(&planned) };
        let committed = self.store.commit_plan(&run, &commit).await?;
        Ok(CycleResult { run_id, started_at, outcome, committed, planned: Some(planned), failure: None })
    }

    /// A plan as it goes into the database, but for its key. Should it be held, its time begins now.
    pub(super) fn commit_of<'a>(&self, planned: &'a Planned) -> PlanCommit<'a> {
        let hours = TimeDelta::hours(self.settings.guard.hold_expires_hours.into());
        PlanCommit {
            plan_id: "",
            plan: &planned.plan,
            hold_reasons: &planned.verdict.reasons,
            only_deprovisions: planned.verdict.only_deprovisions,
            expires_at: self.clock.now() + hours,
        }
    }

    pub(super) async fn failed(
        &self,
        run_id: String,
        started_at: DateTime<Utc>,
        cause: &str,
        failure: CycleFailure,
    ) -> Result<CycleResult, EngineError> {
        let outcome = failure.outcome();
        let message = failure.message();
        let run = RunRecord {
            run_id: &run_id,
            started_at,
            ended_at: self.clock.now(),
            cause,
            outcome,
            source: None,
            message: Some(&message),
            seen: Seen::default(),
        };
        self.store.record_run(&run).await?;
        Ok(CycleResult {
            run_id,
            started_at,
            outcome,
            committed: Committed::default(),
            planned: None,
            failure: Some(failure),
        })
    }
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
