//! The worker pool: claims what is due, carries it out, and stores the ends; a place is never empty because the database
//! is busy.
//!
//! Storing and claiming are one transaction, a *turn*. While it runs, workers go on with what was claimed ahead, and what
//! they end meanwhile is stored by the next turn: the busier the pool, the more share a transaction.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinError, JoinHandle};

use super::lease::{Lease, Standing};
use super::round::{Round, TurnDone};
use super::session::Line;
use super::trigger::Triggers;
use crate::core::breaker::Pause;
use crate::core::scim::ScimPort;
use crate::store::{Claim, Ending, Finished, Owner, StoreError};

/// With so many creates waiting, it may be cheaper to list all users once than to ask for each.
const MANY_CREATES: u64 = 20;
/// How often what others hold beyond its time is looked for.
const RECLAIM_EVERY: Duration = Duration::from_secs(10);
/// The longest time without a look into the queue: another process may have put something in.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Failing probes, or trials that were refused or asked to wait, after which a pool that is to empty the queue gives up.
const PROBES_UNTIL_GIVING_UP: u32 = 5;
/// Turns that may fail in a row before the pool gives up; what was to be stored is kept meanwhile.
const TURNS_UNTIL_GIVING_UP: u32 = 5;
/// The wait after a failed turn, times the failures so far.
const TURN_AGAIN: Duration = Duration::from_secs(1);

/// How long a pool works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until it is told to stop.
    Stopped,
    /// Until every action has ended or been parked, or Workiva turns out not to be had.
    Empty,
}

/// How a pool ended.
#[derive(Debug)]
pub enum PoolEnd {
    /// The queue is empty.
    Empty,
    /// Nothing is left but so many that take access away, were queued long ago, and wait until HR has been read since.
    WaitsForHr(u64),
    /// It was told to stop; nothing is in flight.
    Stopped,
    /// Workiva cannot be had; the queue waits.
    GaveUp(Pause),
}

/// The pool.
pub struct Pool<P> {
    /// What its workers share.
    pub line: Arc<Line<P>>,
    /// Who holds the leases.
    pub owner: Arc<Owner>,
    /// Rung when there is something new in the queue.
    pub bell: Arc<Notify>,
    /// Where a run is asked for of those whom one that is confirmed by now leaves to be looked at again.
    pub triggers: Arc<Triggers>,
}

impl<P: ScimPort> Pool<P> {
    /// Works until told to stop by `stop`, or as `until` says. What is in flight is always brought to its end.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn run(&self, until: Until, mut stop: watch::Receiver<bool>) -> Result<PoolEnd, StoreError> {
        self.begin(until).await?;
        let begun_from = self.fresh_from().await?;
        let mut round = Round::begin();
        loop {
            round.fresh_from = self.believes_from(begun_from);
            if *stop.borrow() && !round.stopping {
                round.stopping = true;
                self.line.gate.close();
            }
            round.dismiss();
            let pause = self.line.gate.pause();
            self.note_recovery(&mut round.outage_noted).await;
            if round.stopping || pause.is_some() {
                round.tray.give_back();
            }
            if round.is_idle() {
                if round.stopping {
                    return Ok(PoolEnd::Stopped);
                }
                if let Some(pause) = pause {
                    if until == Until::Empty
                        && ((pause.credentials && pause.streak > 0)
                            || pause.failed_probes.max(pause.failed_trials) >= PROBES_UNTIL_GIVING_UP)
                    {
                        return Ok(PoolEnd::GaveUp(pause));
                    }
                    round.outage_noted = true;
                    self.wait_out(&pause, &mut stop).await;
                    continue;
                }
                if round.dry {
                    if until == Until::Empty
                        && let Some(end) = self.ended(round.fresh_from).await?
                    {
                        return Ok(end);
                    }
                    if std::mem::take(&mut round.confirmed) {
                        self.follow_up().await?;
                    }
                    round.news |= self.idle(round.fresh_from, &mut stop).await?;
                    round.dry = false;
                    continue;
                }
                if std::mem::take(&mut round.news) {
                    self.look_ahead().await?;
                }
            }
            self.start_workers(&mut round);
            self.begin_turn(&mut round).await?;
            self.wait(&mut round, &mut stop).await?;
        }
    }

    async fn begin(&self, until: Until) -> Result<(), StoreError> {
        let store = &self.line.store;
        let freed = store.start_over(self.owner.id()).await? + store.reclaim(self.owner.id()).await?;
        if freed > 0 {
            tracing::info!(
                actions = freed,
                "took up again what a process that is gone, or a pool before this one, had begun"
            );
        }
        self.line.directory.forget();
        self.resume_outage(until).await
    }

    /// Before many creates: lists all users, if that takes fewer requests than to ask for each.
    async fn look_ahead(&self) -> Result<(), StoreError> {
        if self.line.directory.prepared(self.line.clock.elapsed()).is_some() {
            return Ok(());
        }
        let creates = self.line.store.queued_creates().await?;
        if creates >= MANY_CREATES {
            self.line.directory.prepare(&self.line, creates).await;
        }
        Ok(())
    }

    fn start_workers(&self, round: &mut Round) {
        if !self.line.gate.is_open() {
            return;
        }
        let limit = self.line.gate.in_flight_limit() as usize;
        while let Some(worker) = round.tray.hire(limit) {
            round.workers.spawn(worker.work(Arc::clone(&self.line)));
        }
    }

    /// Begins a turn, if none is under way and there is something to store or room to claim for.
    async fn begin_turn(&self, round: &mut Round) -> Result<(), StoreError> {
        if round.turn.is_some() {
            return Ok(());
        }
        let line = &self.line;
        let passed = line.clock.elapsed();
        let is_open = line.gate.is_open();
        if is_open && round.reclaimed_at.is_none_or(|at| passed >= at + RECLAIM_EVERY) {
            self.reclaim(&mut round.standing).await?;
            round.reclaimed_at = Some(passed);
        }
        let filling = round.tray.filling();
        let room = (line.gate.in_flight_limit() as usize * (1 + round.ahead))
            .saturating_sub(filling.workers + filling.ready);
        let wanted = if is_open && !round.dry { room } else { 0 };
        // A turn is a transaction: while workers have enough to go on with, a claim alone waits for company.
        let claim_pays = wanted > 0 && (filling.workers == 0 || filling.ready == 0);
        if filling.finished > 0 || claim_pays {
            let finished = Arc::new(round.tray.take_finished());
            round.turn = Some(self.spawn_turn(finished, wanted, round.fresh_from, Duration::ZERO));
        }
        Ok(())
    }

    /// Takes up what a process has left, or holds for longer than it may.
    async fn reclaim(&self, standing: &mut Standing) -> Result<(), StoreError> {
        let line = &self.line;
        line.store.reclaim(self.owner.id()).await?;
        let over = standing.look(&*line.clock, line.manner.lease, &line.store.leases().await?);
        if !over.is_empty() {
            line.store.reclaim_over(&over).await?;
        }
        Ok(())
    }

    fn spawn_turn(
        &self,
        finished: Arc<Vec<Finished>>,
        wanted: usize,
        fresh_from: DateTime<Utc>,
        after: Duration,
    ) -> JoinHandle<TurnDone> {
        let (line, owner) = (Arc::clone(&self.line), Arc::clone(&self.owner));
        tokio::spawn(async move {
            if !after.is_zero() {
                line.clock.sleep(after).await;
            }
            let now = line.clock.now();
            let lease = Lease::begin(&*line.clock, line.manner.lease);
            let batch = line.manner.batch;
            let (horizon, lease_until) = (line.horizon(), lease.until);
            let claim =
                Claim { owner: owner.id(), limit: wanted, now, horizon, lease_until, batch, fresh_from };
            let result = line.store.turn(&finished, &claim).await;
            TurnDone { finished, lease, wanted, result }
        })
    }

    /// Waits for something to happen, and takes it in.
    async fn wait(&self, round: &mut Round, stop: &mut watch::Receiver<bool>) -> Result<(), StoreError> {
        let turn = &mut round.turn;
        let turn_done = async {
            match turn {
                Some(turn) => turn.await,
                None => std::future::pending().await,
            }
        };
        // In this order, not in a random one: equal inputs give equal runs. The rare ones come first, so that the frequent
        // ones cannot keep them waiting.
        tokio::select! {
            biased;
            _ = stop.changed(), if !round.stopping => {}
            () = self.bell.notified() => (round.dry, round.news) = (false, true),
            done = turn_done => {
                round.turn = None;
                round.tray.listen();
                self.end_turn(round, done)?;
            }
            () = round.tray.something_done() => {}
            () = self.line.clock.sleep(LOOK_EVERY) => round.dry = false,
        }
        Ok(())
    }

    fn end_turn(&self, round: &mut Round, done: Result<TurnDone, JoinError>) -> Result<(), StoreError> {
        let done = match done {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(%error, "storing broke down; the actions are taken up again after their leases");
                return Ok(());
            }
        };
        match done.result {
            Ok(turn) => {
                round.failed_turns = 0;
                for one in done.finished.iter().filter(|one| turn.ours.contains(&one.action_id)) {
                    self.tell(one);
                }
                let leaves_more = |one: &Finished| {
                    matches!(one.ending, Ending::Done { .. } | Ending::Member { is_suspended: true, .. })
                };
                self.line.newcomers.forget(done.finished.iter());
                round.confirmed |= done.finished.iter().any(leaves_more);
                // What came back into the queue may be due already.
                let came_back = turn.let_go || done.finished.iter().any(Finished::is_to_go_on);
                round.dry = !came_back && (round.dry || turn.claimed.len() < done.wanted);
                let limit = self.line.gate.in_flight_limit() as usize;
                round.look_how_far(turn.claimed.len(), done.wanted, limit);
                round.tray.add(turn.claimed, done.lease);
                Ok(())
            }
            Err(error) => {
                round.failed_turns += 1;
                if round.failed_turns >= TURNS_UNTIL_GIVING_UP {
                    return Err(error);
                }
                tracing::error!(%error, actions = done.finished.len(), "what has ended could not be stored; trying again");
                round.turn = Some(self.spawn_turn(
                    done.finished,
                    0,
                    round.fresh_from,
                    TURN_AGAIN * round.failed_turns,
                ));
                Ok(())
            }
        }
    }

    fn tell(&self, one: &Finished) {
        let kind = one.kind.name();
        let (run_id, employee_id, action_id) = (&one.run_id, &one.employee_id, one.action_id);
        match &one.ending {
            Ending::Done { .. } | Ending::Member { .. } => {
                self.line.telemetry.action(kind, "done");
                tracing::info!(run_id, employee_id, action_id, kind, "confirmed");
            }
            Ending::Again { counts, not_before, .. } => {
                self.line.telemetry.action(kind, "retried");
                // The reason may quote a person's data, so it is for the database alone.
                tracing::debug!(run_id, employee_id, action_id, kind, counts, %not_before, "will be tried again");
            }
            Ending::Withdrawn { .. } => {
                self.line.telemetry.action(kind, "superseded");
                tracing::info!(
                    run_id,
                    employee_id,
                    action_id,
                    kind,
                    "withdrawn; it had no effect that is left"
                );
            }
            Ending::Untouched => {}
            Ending::Parked { .. } => {
                self.line.telemetry.action(kind, "parked");
                tracing::warn!(run_id, employee_id, action_id, kind, "parked; `actions list` says why");
            }
        }
    }

    /// Has a run look at those whose manager has come to a user behind them, and at whom Workiva has suspended with the last workspace.
    async fn follow_up(&self) -> Result<(), StoreError> {
        let store = &self.line.store;
        let owes_manager = self.line.manner.manager.is_some() && !store.owed_managers().await?.is_empty();
        if owes_manager || !store.suspended_along().await?.is_empty() {
            self.triggers.ask_again(self.line.clock.elapsed());
        }
        Ok(())
    }

    /// Waits until there may be something to claim. True: the bell was rung.
    async fn idle(
        &self,
        fresh_from: DateTime<Utc>,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<bool, StoreError> {
        let now = self.line.clock.now();
        let due = self.line.store.next_due(self.line.horizon(), fresh_from).await?;
        let wait = due.and_then(|due| (due - now).to_std().ok()).unwrap_or(LOOK_EVERY).min(LOOK_EVERY);
        tokio::select! {
            biased;
            () = self.bell.notified() => Ok(true),
            _ = stop.changed() => Ok(false),
            // Never a busy loop, should the clocks of queue and process disagree by a hair.
            () = self.line.clock.sleep(wait.max(Duration::from_millis(5))) => Ok(false),
        }
    }
}
