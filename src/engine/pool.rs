//! The worker pool: claims what free places allow, carries it out, and stores the ends together.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::gate::Pause;
use super::session::Line;
use super::work::carry_out;
use crate::core::scim::{ScimPort, ScimRequest};
use crate::store::{Ending, Finished, Owner, StoreError};

/// With so many creates waiting, it may be cheaper to list all users once than to ask for each.
const MANY_CREATES: u64 = 20;
/// How often what others hold beyond its time is looked for.
const RECLAIM_EVERY: TimeDelta = TimeDelta::seconds(10);
/// The longest time without a look into the queue: another process may have put something in.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Failing probes after which a pool that is to empty the queue gives up.
const PROBES_UNTIL_GIVING_UP: u32 = 5;

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
}

struct Round {
    workers: JoinSet<Finished>,
    reclaimed_at: Option<DateTime<Utc>>,
    stopping: bool,
}

impl<P: ScimPort> Pool<P> {
    /// Works until told to stop by `stop`, or as `until` says. What is in flight is always brought to its end.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn run(&self, until: Until, mut stop: watch::Receiver<bool>) -> Result<PoolEnd, StoreError> {
        self.prepare().await?;
        let mut round = Round { workers: JoinSet::new(), reclaimed_at: None, stopping: false };
        loop {
            round.stopping |= *stop.borrow();
            if round.stopping && round.workers.is_empty() {
                return Ok(PoolEnd::Stopped);
            }
            if !round.stopping
                && round.workers.is_empty()
                && let Some(pause) = self.line.gate.pause()
            {
                if until == Until::Empty && (pause.credentials || pause.streak >= PROBES_UNTIL_GIVING_UP) {
                    return Ok(PoolEnd::GaveUp(pause));
                }
                self.wait_out(&pause, &mut stop).await;
                continue;
            }
            let claimed = if round.stopping { 0 } else { self.claim(&mut round).await? };
            if round.workers.is_empty() && claimed == 0 && !round.stopping {
                if until == Until::Empty && self.line.store.queue().await?.unfinished() == 0 {
                    return Ok(PoolEnd::Empty);
                }
                self.idle(&mut stop).await?;
                continue;
            }
            self.collect(&mut round, &mut stop).await?;
        }
    }

    async fn prepare(&self) -> Result<(), StoreError> {
        let now = self.line.clock.now();
        let freed = self.line.store.reclaim(self.owner.id(), now).await?;
        if freed > 0 {
            tracing::info!(actions = freed, "took up again what a process that is gone had begun");
        }
        self.line.directory.forget();
        let creates = self.line.store.queued_creates().await?;
        if creates >= MANY_CREATES {
            self.line.directory.prepare(&self.line, creates).await;
        }
        Ok(())
    }

    /// Claims what fits, and starts a worker for each.
    async fn claim(&self, round: &mut Round) -> Result<usize, StoreError> {
        let line = &self.line;
        let now = line.clock.now();
        if round.reclaimed_at.is_none_or(|at| now - at >= RECLAIM_EVERY) {
            line.store.reclaim(self.owner.id(), now).await?;
            round.reclaimed_at = Some(now);
        }
        if line.gate.pause().is_some() {
            return Ok(0);
        }
        let limit = line.gate.in_flight_limit() as usize;
        let free = limit.saturating_sub(round.workers.len());
        // A claim is a transaction: while enough is in flight, a few free places wait for company.
        if free == 0 || (free < limit.div_ceil(4) && !round.workers.is_empty() && limit >= 8) {
            return Ok(0);
        }
        let lease_until = now + line.manner.lease;
        let claimed = line.store.claim(self.owner.id(), free, now, lease_until).await?;
        let number = claimed.len();
        for action in claimed {
            let line = Arc::clone(line);
            round.workers.spawn(async move { carry_out(&line, &action, lease_until).await });
        }
        Ok(number)
    }

    /// Waits for a worker, takes along whoever else is through, and stores their ends in one transaction.
    async fn collect(&self, round: &mut Round, stop: &mut watch::Receiver<bool>) -> Result<(), StoreError> {
        let first = tokio::select! {
            joined = round.workers.join_next() => joined,
            _ = stop.changed(), if !round.stopping => return Ok(()),
            () = tokio::time::sleep(LOOK_EVERY) => return Ok(()),
        };
        let mut finished = Vec::new();
        let mut next = first;
        while let Some(joined) = next {
            match joined {
                Ok(done) => finished.push(done),
                // The lease runs out, and the action is taken up again with a read first.
                Err(error) => {
                    tracing::error!(%error, "a worker broke down; its action is tried again after its lease")
                }
            }
            next = round.workers.try_join_next();
        }
        let ours = self.line.store.finish(&finished, self.line.clock.now()).await?;
        for one in finished.iter().filter(|one| ours.contains(&one.action_id)) {
            self.tell(one);
        }
        Ok(())
    }

    fn tell(&self, one: &Finished) {
        let kind = one.kind.name();
        let (employee_id, action_id) = (&one.employee_id, one.action_id);
        match &one.ending {
            Ending::Done { .. } => {
                self.line.telemetry.action(kind, "done");
                tracing::info!(employee_id, action_id, kind, "confirmed");
            }
            Ending::Again { counts, not_before, .. } => {
                self.line.telemetry.action(kind, "retried");
                // The reason may quote a person's data, so it is for the database alone.
                tracing::debug!(employee_id, action_id, kind, counts, %not_before, "will be tried again");
            }
            Ending::Parked { .. } => {
                self.line.telemetry.action(kind, "parked");
                tracing::warn!(employee_id, action_id, kind, "parked; `actions list` says why");
            }
        }
    }

    /// Nothing can be sent: waits, then asks once whether it can again.
    async fn wait_out(&self, pause: &Pause, stop: &mut watch::Receiver<bool>) {
        self.line.telemetry.paused(true);
        let line = &self.line;
        let wait = (pause.until - line.clock.now()).to_std().unwrap_or(Duration::ZERO);
        tracing::warn!(
            wait_seconds = wait.as_secs_f64(),
            streak = pause.streak,
            "nothing is sent: {}",
            pause.message
        );
        tokio::select! {
            _ = stop.changed() => return,
            () = tokio::time::sleep(wait) => {}
        }
        let probe = line.exchange(&ScimRequest::ListUsers { start_index: 1, count: 1 }).await;
        match probe.result {
            Ok(_) => {
                line.gate.resume();
                line.telemetry.paused(false);
                tracing::info!("Workiva can be had again; the queue goes on");
            }
            // An answer like 500 shows a connection and no refusal: the actions' own retries take it from here.
            Err(failure) if !pause.credentials && failure.status.is_some() => line.gate.resume(),
            Err(_) if pause.credentials => {
                line.gate.credentials_refused(line.clock.now(), line.random.unit(), &pause.message);
            }
            Err(_) => line.gate.unreachable(line.clock.now(), line.random.unit(), &pause.message),
        }
    }

    async fn idle(&self, stop: &mut watch::Receiver<bool>) -> Result<(), StoreError> {
        let now = self.line.clock.now();
        let due = self.line.store.next_due().await?;
        let wait = due.and_then(|due| (due - now).to_std().ok()).unwrap_or(LOOK_EVERY).min(LOOK_EVERY);
        tokio::select! {
            () = self.bell.notified() => {}
            _ = stop.changed() => {}
            // Never a busy loop, should the clocks of queue and process disagree by a hair.
            () = tokio::time::sleep(wait.max(Duration::from_millis(5))) => {}
        }
        Ok(())
    }
}
