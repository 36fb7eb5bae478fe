//! What was decided long ago waits until HR has been read since: a backup may have been put in place that knows nothing
//! of what HR has said, or a process comes up after days.

use chrono::{DateTime, TimeDelta, Utc};

use super::pool::{Pool, PoolEnd};
use super::trigger::Asker;
use crate::core::scim::ScimPort;
use crate::store::StoreError;

/// What is no older than this when a pool begins is believed: a process that starts again goes on where it was.
const FRESH: TimeDelta = TimeDelta::hours(1);
/// A run looks at people for whom something older than this waits: well before a pool would not believe it.
pub(super) const LOOK_AFTER: TimeDelta = TimeDelta::minutes(30);

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
        Ok(fresh_from)
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
