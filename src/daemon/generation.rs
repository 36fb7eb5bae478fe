//! What runs under one configuration: the schedules and the pool.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::alerts;
use super::signals::{Signal, Signals};
use super::vitals::DaemonVitals;
use crate::compose::RealEngine;
use crate::console::Progress;
use crate::engine::{probe, push, schedule};
use crate::notify::Channel;
use crate::store::Owner;

/// How often progress is logged while there is something in the queue.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// What was asked for by the time that the tasks had ended.
#[derive(Clone, Copy, Debug)]
pub struct Drained {
    /// To stop.
    pub stopping: bool,
    /// To read the configuration once more: it may have changed since the one that comes into force was read.
    pub reloading: bool,
}

/// The tasks of one configuration.
pub struct Generation {
    stop: watch::Sender<bool>,
    schedule: JoinHandle<()>,
    drift: JoinHandle<()>,
    pool: JoinHandle<()>,
    probe: JoinHandle<()>,
    progress: JoinHandle<()>,
    alerts: JoinHandle<()>,
}

impl Generation {
    /// Starts them. `first`: the daemon has just started.
    pub fn start(
        engine: Arc<RealEngine>,
        channels: Arc<Vec<Channel>>,
        owner: &Arc<Owner>,
        vitals: DaemonVitals,
        first: bool,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let schedule = tokio::spawn(schedule::run(Arc::clone(&engine), stopped.clone(), first));
        let drift = tokio::spawn(schedule::run_drift(Arc::clone(&engine), stopped.clone()));
        let connected = {
            let vitals = vitals.clone();
            move |line: &_| vitals.connected(line)
        };
        let pool = tokio::spawn(push::run(
            Arc::clone(&engine),
            Arc::clone(owner),
            connected,
            stopped.clone(),
            first,
        ));
        let probe = tokio::spawn(probe::run(Arc::clone(&engine), stopped.clone()));
        let alerts =
            tokio::spawn(alerts::run(Arc::clone(&engine), channels, vitals.clone(), stopped.clone()));
        let progress = tokio::spawn(tell_progress(engine, vitals.clone(), stopped));
        vitals.watch([schedule.abort_handle(), drift.abort_handle(), pool.abort_handle()]);
        Self { stop, schedule, drift, pool, probe, progress, alerts }
    }

    /// Asks them to end.
    pub fn stop(&self) {
        // Nobody listening means that they have ended.
        let _ = self.stop.send(true);
    }

    /// Waits until they have ended, and ends them where that takes too long. What was in flight then is taken up again
    /// after its lease, with a read first. `stopping`: the daemon was asked to stop; if it is only now, that drains as
    /// well. The answer is what was asked for by the end.
    pub async fn drain(self, bound: Duration, signals: &mut Signals, stopping: bool) -> Drained {
        let mut asked = Drained { stopping, reloading: false };
        let Self { schedule, drift, pool, probe, progress, alerts, .. } = self;
        let handles = [&schedule, &drift, &pool, &probe, &progress, &alerts].map(JoinHandle::abort_handle);
        let all = async {
            // A task that broke down has ended as well; its error was told where it happened.
            let _ = tokio::join!(schedule, drift, pool, probe, progress, alerts);
        };
        tokio::pin!(all);
        let timeout = tokio::time::sleep(bound);
        tokio::pin!(timeout);
        loop {
            tokio::select! {
                () = &mut all => return asked,
                () = &mut timeout => {
                    tracing::warn!(seconds = bound.as_secs(), "what is in flight did not end in time; ending it");
                    break;
                }
                signal = signals.next() => match signal {
                    Signal::Stop if asked.stopping => {
                        tracing::warn!("asked to stop a second time; stopping at once");
                        break;
                    }
                    Signal::Stop => {
                        tracing::info!("asked to stop; what is in flight is brought to its end");
                        asked.stopping = true;
                    }
                    Signal::Reload => {
                        tracing::info!("asked to read the configuration while the tasks end; it is read once they have");
                        asked.reloading = true;
                    }
                }
            }
        }
        for handle in handles {
            handle.abort();
        }
        all.await;
        asked
    }
}

/// Says how far a long push is, and reminds of a held plan.
async fn tell_progress(engine: Arc<RealEngine>, vitals: DaemonVitals, mut stop: watch::Receiver<bool>) {
    let mut before: Option<u64> = None;
    let mut reminded_at = None;
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            () = engine.clock.sleep(TELL_EVERY) => {}
        }
        if let Err(error) = engine.watch_held(&mut reminded_at).await {
            tracing::error!(%error, "whether a plan is held is not known");
        }
        let Ok(queue) = engine.store.queue().await else { continue };
        let left = queue.unfinished();
        if left > 0 {
            let done = before.map_or(0, |before| before.saturating_sub(left));
            let progress = Progress::measured(left, done, TELL_EVERY.as_secs_f64(), engine.clock.now());
            vitals.progresses(Some(progress));
            let Progress { per_second, seconds_left, .. } = progress;
            tracing::info!(left, per_second, seconds_left, parked = queue.parked, "pushing");
        } else {
            vitals.progresses(None);
        }
        before = Some(left);
    }
}
