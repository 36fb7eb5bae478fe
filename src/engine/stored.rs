//! What came of a run goes into the database.

use chrono::TimeDelta;

use super::outcome::{CycleFailure, CycleResult, Planned, Started};
use super::{Engine, EngineError};
use crate::core::guard::Verdict;
use crate::core::plan::Plan;
use crate::core::report::Outcome;
use crate::core::scim::ScimPort;
use crate::source::{HrSource, SourceDigest, SourceError};
use crate::store::{PlanCommit, RunRecord, Seen, StoreError};

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// Stores a run over the bytes of the one before.
    pub(super) async fn store_quiet(
        &self,
        run: Started<'_>,
        source: SourceDigest,
        rows: u64,
        seen: Seen,
    ) -> Result<CycleResult, StoreError> {
        let warnings = source.passed_over.into_iter().collect();
        let plan = Plan { rows, warnings, ..Plan::default() };
        let planned = Planned {
            plan,
            verdict: Verdict::default(),
            source: source.file,
            register: None,
            failed_sources: 0,
        };
        let message = planned.message();
        let run = run.ended(Outcome::Unchanged, self.clock.now());
        let run = RunRecord { source: Some(&planned.source), message: message.as_deref(), seen, ..run };
        self.store.record_quiet_run(&run, rows).await?;
        let result = CycleResult::of(&run);
        Ok(CycleResult { planned: Some(planned), ..result })
    }

    /// Stores a run with its plan. `yields`: where another run has queued something that this one has not looked at, nothing is stored,
    /// and there is no answer.
    pub(super) async fn store_plan(
        &self,
        run: Started<'_>,
        planned: Planned,
        seen: Seen,
        yields: bool,
    ) -> Result<Option<CycleResult>, EngineError> {
        let outcome = match (planned.verdict.holds(), planned.plan.actions.is_empty()) {
            (true, _) => Outcome::Held,
            (false, true) => Outcome::Unchanged,
            (false, false) => Outcome::Applied,
        };
        let message = planned.message();
        let run = run.ended(outcome, self.clock.now());
        let run = RunRecord { source: Some(&planned.source), message: message.as_deref(), seen, ..run };
        let plan_id = self.random.name(run.started_at);
        let commit = PlanCommit { plan_id: &plan_id, yields, ..self.commit_of(&planned) };
        let committed = match self.store.commit_plan(&run, &commit).await {
            Err(StoreError::QueuedBeside) => return Ok(None),
            committed => committed?,
        };
        let result = CycleResult::of(&run);
        Ok(Some(CycleResult { committed, planned: Some(planned), ..result }))
    }

    /// Tells the sources that what they delivered is stored. What cannot be cleared away stands with the run: it is stored already, and
    /// nothing of it is taken back.
    pub(super) async fn told_stored(&self, result: &mut CycleResult) -> Result<(), StoreError> {
        let Some(planned) = &mut result.planned else { return Ok(()) };
        let cleared = self.feed.stored(planned.register.as_ref(), &planned.source).await;
        result.further = cleared.further;
        for failure in cleared.failures {
            self.telemetry.not_cleared();
            self.store.add_to_run(&result.run_id, &failure).await?;
            planned.plan.warnings.push(failure);
        }
        Ok(())
    }

    /// A plan as it goes into the database, but for its key. Should it be held, its time begins now.
    pub(super) fn commit_of<'a>(&self, planned: &'a Planned) -> PlanCommit<'a> {
        let hours = TimeDelta::hours(self.settings.guard.hold_expires_hours.into());
        PlanCommit {
            plan_id: "",
            yields: false,
            plan: &planned.plan,
            hold_reasons: &planned.verdict.reasons,
            only_deprovisions: planned.verdict.only_deprovisions,
            register: planned.register.as_ref().map(|read| &read.write),
            expires_at: self.clock.now() + hours,
        }
    }

    /// That the source cannot be read, with whom it keeps in access.
    pub(super) async fn unread(&self, error: SourceError) -> Result<CycleFailure, StoreError> {
        let overdue = self.store.overdue_ends(self.clock.now()).await?;
        Ok(CycleFailure::Source { error, overdue })
    }

    /// Stores a run that came to no plan.
    pub(super) async fn failed(
        &self,
        run: Started<'_>,
        failure: CycleFailure,
    ) -> Result<CycleResult, EngineError> {
        let message = failure.message();
        let run = run.ended(failure.outcome(), self.clock.now());
        let run = RunRecord { message: Some(&message), ..run };
        self.store.record_run(&run).await?;
        Ok(CycleResult { failure: Some(failure), ..CycleResult::of(&run) })
    }
}
