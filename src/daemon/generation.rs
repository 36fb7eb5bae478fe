//! What runs under one configuration: the schedule and the pool.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::signals::{Signal, Signals};
use super::vitals::DaemonVitals;
use crate::compose::RealEngine;
use crate::engine::pool::Until;
use crate::store::Owner;

/// The longest sleep: a wall clock that was set, or a machine that slept, is noticed within this.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// How long a pool waits before it asks again whether there is a connection.
const CONNECT_AGAIN: Duration = Duration::from_secs(30);
/// How long a pool waits after the database failed.
const STORE_AGAIN: Duration = Duration::from_secs(5);
/// How often progress is logged while there is something in the queue.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// The tasks of one configuration.
pub struct Generation {
    stop: watch::Sender<bool>,
    schedule: JoinHandle<()>,
    pool: JoinHandle<()>,
    progress: JoinHandle<()>,
}

impl Generation {
    /// Starts them. `first`: the daemon has just started.
    pub fn start(engine: Arc<RealEngine>, owner: &Arc<Owner>, vitals: DaemonVitals, first: bool) -> Self {
        let (stop, stopped) = watch::channel(false);
        let schedule = tokio::spawn(run_schedule(Arc::clone(&engine), stopped.clone(), first));
        let pool =
            tokio::spawn(run_pool(Arc::clone(&engine), Arc::clone(owner), vitals.clone(), stopped.clone()));
        let progress = tokio::spawn(tell_progress(engine, stopped));
        vitals.watch([schedule.abort_handle(), pool.abort_handle()]);
        Self { stop, schedule, pool, progress }
    }

    /// Asks them to end.
    pub fn stop(&self) {
        // Nobody listening means that they have ended.
        let _ = self.stop.send(true);
    }

    /// Waits until they have ended, and ends them where that takes too long. What was in flight then is taken up again
    /// after its lease, with a read first. `stopping`: the daemon was asked to stop; if it is only now, that drains as
    /// well. The answer is whether it was by the end.
    pub async fn drain(self, bound: Duration, signals: &mut Signals, mut stopping: bool) -> bool {
        let Self { schedule, pool, progress, .. } = self;
        let handles = [schedule.abort_handle(), pool.abort_handle(), progress.abort_handle()];
        let all = async {
            // A task that broke down has ended as well; its error was told where it happened.
            let _ = tokio::join!(schedule, pool, progress);
        };
        tokio::pin!(all);
        let timeout = tokio::time::sleep(bound);
        tokio::pin!(timeout);
        loop {
            tokio::select! {
                () = &mut all => return stopping,
                () = &mut timeout => {
                    tracing::warn!(seconds = bound.as_secs(), "what is in flight did not end in time; ending it");
                    break;
                }
                signal = signals.next() => match signal {
                    Signal::Stop if stopping => {
                        tracing::warn!("asked to stop a second time; stopping at once");
                        break;
                    }
                    Signal::Stop => {
                        tracing::info!("asked to stop; what is in flight is brought to its end");
                        stopping = true;
                    }
                    Signal::Reload => {
                        tracing::warn!("asked to read the configuration while the tasks end; ask again once they have");
                    }
                }
            }
        }
        for handle in handles {
            handle.abort();
        }
        all.await;
        stopping
    }
}

/// Plans whenever a tick is due. A tick that was missed, because the daemon was down or a run took longer, is made up
/// once; runs never overlap; a run that fails is told, and the next one tries again.
async fn run_schedule(engine: Arc<RealEngine>, mut stop: watch::Receiver<bool>, first: bool) {
    let now = engine.clock.now();
    let last = match engine.store.last_run_at().await {
        Ok(last) => last,
        Err(error) => {
            tracing::error!(%error, "the last run is not known");
            None
        }
    };
    let missed = last.and_then(|last| engine.rules.schedule.next_after(last)).is_some_and(|due| due <= now);
    let mut cause = match (first && engine.settings.schedule.run_on_start, missed) {
        (true, _) => Some("start"),
        (false, true) => Some("missed"),
        (false, false) => None,
    };
    let mut reference = now;
    loop {
        if let Some(cause) = cause {
            // Planning changes nothing until its one transaction, so it can be left at any point.
            tokio::select! {
                _ = stop.changed() => return,
                () = cycle(&engine, cause) => {}
            }
        }
        let Some(due) = engine.rules.schedule.next_after(reference) else {
            tracing::warn!("schedule.cron names no further day; nothing runs by itself any more");
            let _ = stop.changed().await;
            return;
        };
        if !sleep_until(&engine, due, &mut stop).await {
            return;
        }
        let now = engine.clock.now();
        // Ticks between the one that was due and now were missed: this run stands for all of them.
        let was_late = engine.rules.schedule.next_after(due).is_some_and(|next| next <= now);
        cause = Some(if was_late { "missed" } else { "schedule" });
        reference = now.max(due);
    }
}

async fn cycle(engine: &RealEngine, cause: &str) {
    if let Err(error) = engine.cycle(cause).await {
        tracing::error!(%error, "the run failed; nothing of it was stored or sent");
    }
}

/// False: asked to stop meanwhile.
async fn sleep_until(engine: &RealEngine, due: DateTime<Utc>, stop: &mut watch::Receiver<bool>) -> bool {
    loop {
        let Ok(wait) = (due - engine.clock.now()).to_std() else { return true };
        if wait.is_zero() {
            return true;
        }
        tokio::select! {
            _ = stop.changed() => return false,
            () = tokio::time::sleep(wait.min(LONGEST_SLEEP)) => {}
        }
    }
}

/// Pushes what is queued, once there is a connection that was found working.
async fn run_pool(
    engine: Arc<RealEngine>,
    owner: Arc<Owner>,
    vitals: DaemonVitals,
    mut stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        let wait = match engine.connect().await {
            Ok(Ok(capabilities)) => {
                vitals.connected(true);
                let pool = engine.pool(&owner, capabilities);
                vitals.gate(&pool.line);
                match pool.run(Until::Stopped, stop.clone()).await {
                    Ok(_) => return,
                    Err(error) => {
                        tracing::error!(%error, "the pool stopped over the database; it tries again")
                    }
                }
                STORE_AGAIN
            }
            // The run that comes to the same end tells it.
            Ok(Err(_)) => CONNECT_AGAIN,
            Err(error) => {
                tracing::error!(%error, "the pool waits for the database");
                STORE_AGAIN
            }
        };
        tokio::select! {
            _ = stop.changed() => return,
            // A run that found a connection has queued what should not wait any longer.
            () = engine.bell.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Says how far a long push is.
async fn tell_progress(engine: Arc<RealEngine>, mut stop: watch::Receiver<bool>) {
    let mut before: Option<u64> = None;
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            () = tokio::time::sleep(TELL_EVERY) => {}
        }
        let Ok(queue) = engine.store.queue().await else { continue };
        let left = queue.unfinished();
        if left > 0 {
            let done = before.map_or(0, |before| before.saturating_sub(left));
            let per_second = done as f64 / TELL_EVERY.as_secs_f64();
            let seconds_left = if done > 0 { (left as f64 / per_second).round() as u64 } else { 0 };
            tracing::info!(left, per_second, seconds_left, parked = queue.parked, "pushing");
        }
        before = Some(left);
    }
}
