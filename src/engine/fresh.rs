//! What was decided long ago waits until HR has been read since: a backup may have been put in place that knows nothing
//! of what HR has said, or a process comes up after days.

use chrono::{DateTime, TimeDelta, Utc};

use super::Engine;
use super::pool::{Pool, PoolEnd};
use super::trigger::Asker;
use crate::core::lead_back::{leave_suspended, returning};
use crate::core::plan::Plan;
use crate::core::planner::States;
use crate::core::scim::ScimPort;
use crate::source::HrSource;
use crate::store::{Silent, StoreError};

/// What is no older than this when a pool begins is believed: a process that starts again goes on where it was.
const FRESH: TimeDelta = TimeDelta::hours(1);

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// Before which moment what was queued is looked at anew by a run that begins now: that of this process's pool; where there is none yet, well
    /// before one that begins behind the run would not believe it.
    pub(super) fn looks_behind(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.triggers.believed_from().map_or(now - FRESH / 2, |from| believed_at(from, now))
    }

    /// Says of whom a run may not say more than its sources do: what waits for them is looked at again by one whose sources have spoken
    /// since, and who was suspended by hand stays so until then.
    pub(super) async fn heed_silence(
        &self,
        plan: &mut Plan,
        states: &States,
        silent: &Silent,
        changed: impl Fn(&str) -> bool,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let returning = returning(plan, states).into_iter().filter(|who| !changed(who)).collect::<Vec<_>>();
        leave_suspended(plan, &self.store.not_told_of(&returning, silent, None).await?);
        let since = self.triggers.believed_from().map_or(now - FRESH, |from| believed_at(from, now));
        let untold = self.store.not_told_of(&plan.reaffirmed, silent, Some(since)).await?;
        plan.reaffirmed.retain(|who| changed(who) || !untold.contains(who));
        Ok(())
    }
}

impl<P: ScimPort> Pool<P> {
    /// From when on what was queued counts, for a pool that begins now. What is older is told, and a run is asked for.
    ///
    /// # Errors
    /// Where the database fails.
    pub(super) async fn fresh_from(&self) -> Result<DateTime<Utc>, StoreError> {
        let fresh_from = self.line.clock.now() - FRESH;
        let stale = self.line.store.stale(fresh_from).await?;
        if stale > 0 {
            tracing::warn!(
                actions = stale,
                "what was queued over an hour ago waits until a run has read of each person since"
            );
            self.triggers.ask(Asker::Pool, None);
        }
        self.triggers.believe_from(fresh_from);
        Ok(fresh_from)
    }

    /// From when on what was queued counts by now, for a pool that began with `from`.
    pub(super) fn believes_from(&self, from: DateTime<Utc>) -> DateTime<Utc> {
        believed_at(from, self.line.clock.now())
    }

    /// How a pool that is to empty the queue ends, where nothing is left in it, or nothing but what waits for HR to be read.
    ///
    /// # Errors
    /// Where the database fails.
    pub(super) async fn ended(&self, fresh_from: DateTime<Utc>) -> Result<Option<PoolEnd>, StoreError> {
        let store = &self.line.store;
        let unfinished = store.queue().await?.unfinished();
        if unfinished == 0 {
            return Ok(Some(PoolEnd::Empty));
        }
        let stale = store.stale(fresh_from).await?;
        Ok((unfinished == stale).then_some(PoolEnd::WaitsForHr(stale)))
    }
}

/// From when on what was queued counts at a moment. Where the clock was set back, what is queued since is older than the pool's beginning, and would
/// wait until the clock has come round.
fn believed_at(from: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    from.min(now - FRESH)
}
