//! Plans that are kept, to be applied exactly as they are or not at all.

use super::feed::FeedError;
use super::outcome::{CycleFailure, CycleResult, Planned, Started, tell};
use super::register::Turn;
use super::{Engine, EngineError, spans};
use crate::core::lifecycle::Moment;
use crate::core::report::Outcome;
use crate::core::scim::ScimPort;
use crate::source::HrSource;
use crate::store::{Application, PlanCommit, RunRecord};

/// How applying a saved plan ended.
#[derive(Debug)]
pub enum AppliedPlan {
    /// As a run that planned this: released, held, or failed over connection or source.
    Ran(Box<CycleResult>),
    /// There is no saved plan of this key.
    NotSaved {
        /// Its state, if there is one.
        state: Option<String>,
    },
    /// It is not what would be planned now, or not what was shown; nothing has changed.
    Stale(String),
}

impl AppliedPlan {
    /// The run, if it came to one.
    fn ran(&self) -> Option<&CycleResult> {
        match self {
            Self::Ran(result) => Some(result),
            Self::NotSaved { .. } | Self::Stale(_) => None,
        }
    }
}

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// Plans, once there is a connection. Writes nothing.
    ///
    /// # Errors
    /// Where the database fails. A connection or source that does not allow a plan is in the `Err` of the inner result.
    pub async fn plan_connected(
        &self,
        moment: Option<Moment>,
    ) -> Result<Result<Planned, CycleFailure>, EngineError> {
        if let Err(connection) = self.connect().await? {
            return Ok(Err(CycleFailure::Connection(connection)));
        }
        match self.plan(moment, Turn::default()).await {
            Ok(planned) => Ok(Ok(planned)),
            Err(FeedError::Source(error)) => Ok(Err(self.unread(error).await?)),
            Err(FeedError::Store(error)) => Err(error.into()),
        }
    }

    /// Keeps a plan that has something to do. The answer is its key.
    ///
    /// # Errors
    /// Where the database fails; then nothing is stored.
    pub async fn save(&self, planned: &Planned) -> Result<Option<String>, EngineError> {
        if planned.plan.actions.is_empty() {
            return Ok(None);
        }
        let now = self.clock.now();
        let plan_id = self.random.name(now);
        let commit = PlanCommit { plan_id: &plan_id, ..self.commit_of(planned) };
        self.store.save_plan(&commit, now).await?;
        Ok(Some(plan_id))
    }

    /// Applies a saved plan, if it is exactly what would be planned now. The source is read again, and the guard asked again:
    /// what it holds becomes the held plan.
    ///
    /// # Errors
    /// Where the database fails; then nothing is stored, and nothing is sent.
    pub async fn apply(&self, plan_id: &str, by: &str) -> Result<AppliedPlan, EngineError> {
        self.traced("apply", self.apply_now(plan_id, by), AppliedPlan::ran).await
    }

    async fn apply_now(&self, plan_id: &str, by: &str) -> Result<AppliedPlan, EngineError> {
        self.expire_held().await?;
        let started_at = self.clock.now();
        let run_id = self.random.name(started_at);
        spans::begins(&run_id);
        let run = Started { run_id: &run_id, at: started_at, cause: "apply" };
        let seen = self.store.seen().await?;
        let planned = match self.plan_connected(None).await? {
            Ok(planned) => planned,
            Err(failure) => {
                let result = self.failed(run, failure).await?;
                tell(&result);
                return Ok(AppliedPlan::Ran(Box::new(result)));
            }
        };
        let outcome = if planned.verdict.holds() { Outcome::Held } else { Outcome::Applied };
        let message = planned.message();
        let run = run.ended(outcome, self.clock.now());
        let run = RunRecord { source: Some(&planned.source), message: message.as_deref(), seen, ..run };
        let commit = PlanCommit { plan_id, ..self.commit_of(&planned) };
        let committed = match self.store.apply_saved(&run, &commit, by).await? {
            Application::Released(committed) | Application::Held(committed) => committed,
            Application::NotSaved { state } => return Ok(AppliedPlan::NotSaved { state }),
            Application::Stale(why) => return Ok(AppliedPlan::Stale(why)),
        };
        let result = CycleResult::of(&run);
        let mut result = CycleResult { committed, planned: Some(planned), ..result };
        self.told_stored(&mut result).await?;
        self.telemetry.run(outcome.name());
        tell(&result);
        self.bell.notify_one();
        Ok(AppliedPlan::Ran(Box::new(result)))
    }
}
