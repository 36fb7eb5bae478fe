//! Where a running pool stands.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::task::{JoinHandle, JoinSet};

use super::lease::{Lease, Standing};
use super::tray::{Filling, Tray};
use crate::store::{Finished, StoreError, Turn};

/// What is claimed beyond the free places, in multiples of what may be in flight: enough for workers to go on during a turn. Where they run out of it
/// all the same, since Workiva answers more quickly than the disk, it is more the next time.
const AHEAD: usize = 4;
/// The most that is claimed ahead, in actions: all of it has to be begun before its lease ends, also where Workiva becomes slow.
const MOST_AHEAD: usize = 1_024;

/// A turn that was begun, with everything that is needed to begin it again.
pub(super) struct TurnDone {
    pub finished: Arc<Vec<Finished>>,
    pub lease: Lease,
    pub wanted: usize,
    pub result: Result<Turn, StoreError>,
}

/// Where a running pool stands.
#[derive(Default)]
pub(super) struct Round {
    pub tray: Arc<Tray>,
    pub workers: JoinSet<()>,
    pub turn: Option<JoinHandle<TurnDone>>,
    pub failed_turns: u32,
    /// What is claimed ahead now, in multiples of what may be in flight.
    pub ahead: usize,
    /// The last claim found less than it wanted, and nothing has happened since.
    pub dry: bool,
    /// Something new may be in the queue, of which nothing was claimed yet.
    pub news: bool,
    pub standing: Standing,
    /// Something was confirmed since the queue was empty last.
    pub confirmed: bool,
    /// By what has passed.
    pub reclaimed_at: Option<Duration>,
    /// The database knows of an outage.
    pub outage_noted: bool,
    pub stopping: bool,
    /// By what was read before, nobody's access is taken away any more.
    pub fresh_from: DateTime<Utc>,
}

impl Round {
    /// One of a pool that has just begun. One that died in an outage may have left its note.
    pub fn begin() -> Self {
        Self { news: true, outage_noted: true, ahead: AHEAD, ..Self::default() }
    }

    pub fn is_idle(&self) -> bool {
        let nothing = Filling { workers: 0, ready: 0, finished: 0 };
        self.turn.is_none() && self.tray.filling() == nothing
    }

    /// A turn has claimed so many of the wanted ones, with so many in flight: how far ahead the next one is to claim.
    pub fn look_how_far(&mut self, claimed: usize, wanted: usize, limit: usize) {
        let ready = self.tray.filling().ready;
        if ready == 0 && wanted > 0 && claimed == wanted {
            self.ahead = (self.ahead * 2).min((MOST_AHEAD / limit).max(AHEAD));
        } else if ready > limit * self.ahead / 2 {
            self.ahead = (self.ahead / 2).max(AHEAD);
        }
    }

    /// Forgets workers that have ended.
    pub fn dismiss(&mut self) {
        while let Some(ended) = self.workers.try_join_next() {
            if let Err(error) = ended {
                // The lease runs out, and the action is taken up again with a read first.
                tracing::error!(%error, "a worker broke down; its action is tried again after its lease");
            }
        }
    }
}
