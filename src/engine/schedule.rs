//! The schedules: a run whenever a tick is due, and a comparison of live Workiva with state.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use super::Engine;
use crate::core::schedule::Schedule;
use crate::core::scim::ScimPort;
use crate::source::HrSource;
use crate::store::StoreError;

/// The longest sleep: a wall clock that was set, or a machine that slept, is noticed within this.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// A wall clock that is so far behind the newest tick was set back: ticks are counted from where it is now.
const SET_BACK: TimeDelta = TimeDelta::seconds(60);

/// Why a sleep ended.
enum Wake {
    Due,
    Stopped,
    SetBack,
}

/// Plans whenever a tick is due; a run that fails is told, and the next one tries again. `first`: the daemon has just started.
pub async fn run<S: HrSource, P: ScimPort>(
    engine: Arc<Engine<S, P>>,
    stop: watch::Receiver<bool>,
    first: bool,
) {
    let at_once = first && engine.settings.schedule.run_on_start;
    let last = known(engine.store.last_run_at().await, "the last run is not known");
    let ticks = Ticks { key: "schedule.cron", schedule: &engine.rules.schedule, last, at_once };
    each_tick(&engine, ticks, stop, |cause| cycle(&engine, cause)).await;
}

/// Compares live Workiva with state whenever a tick of `[drift]` is due, and has the way back planned where that is configured.
pub async fn run_drift<S: HrSource, P: ScimPort>(engine: Arc<Engine<S, P>>, mut stop: watch::Receiver<bool>) {
    let Some(schedule) = &engine.rules.drift_schedule else {
        let _ = stop.changed().await;
        return;
    };
    let last = known(engine.store.last_drift_at().await, "the last comparison is not known");
    let ticks = Ticks { key: "drift.cron", schedule, last, at_once: false };
    each_tick(&engine, ticks, stop, |cause| drift(&engine, cause)).await;
}

fn known(last: Result<Option<DateTime<Utc>>, StoreError>, message: &str) -> Option<DateTime<Utc>> {
    last.unwrap_or_else(|error| {
        tracing::error!(%error, "{message}");
        None
    })
}

/// When something is due.
struct Ticks<'a> {
    /// The key of the expression.
    key: &'static str,
    schedule: &'a Schedule,
    /// When it was done last.
    last: Option<DateTime<Utc>>,
    /// Whether it is due now, whatever the schedule says.
    at_once: bool,
}

/// Works whenever a tick is due. A tick that was missed, because the daemon was down or the work took longer, is made up
/// once; the work never overlaps with itself.
async fn each_tick<S: HrSource, P: ScimPort, F: Future<Output = ()>>(
    engine: &Engine<S, P>,
    ticks: Ticks<'_>,
    mut stop: watch::Receiver<bool>,
    work: impl Fn(&'static str) -> F,
) {
    let now = engine.clock.now();
    let missed = ticks.last.and_then(|last| ticks.schedule.next_after(last)).is_some_and(|due| due <= now);
    let mut cause = match (ticks.at_once, missed) {
        (true, _) => Some("start"),
        (false, true) => Some("missed"),
        (false, false) => None,
    };
    let mut reference = now;
    loop {
        if let Some(cause) = cause {
            // Nothing is changed until one transaction at the end, so the work can be left at any point.
            tokio::select! {
                biased;
                _ = stop.changed() => return,
                () = work(cause) => {}
            }
        }
        let Some(due) = ticks.schedule.next_after(reference) else {
            tracing::warn!(
                key = ticks.key,
                "the expression names no further day; nothing runs by it any more"
            );
            let _ = stop.changed().await;
            return;
        };
        let woken = sleep_until(engine, reference, due, &mut stop).await;
        let now = engine.clock.now();
        match woken {
            Wake::Due => {}
            Wake::Stopped => return,
            Wake::SetBack => {
                tracing::warn!(%due, "the clock was set back; the next run is due by what it shows now");
                (cause, reference) = (None, now);
                continue;
            }
        }
        // Ticks between the one that was due and now were missed: this run stands for all of them.
        let was_late = ticks.schedule.next_after(due).is_some_and(|next| next <= now);
        cause = Some(if was_late { "missed" } else { "schedule" });
        reference = now.max(due);
    }
}

async fn cycle<S: HrSource, P: ScimPort>(engine: &Engine<S, P>, cause: &str) {
    if let Err(error) = engine.cycle(cause).await {
        tracing::error!(%error, "the run failed; nothing of it was stored or sent");
    }
}

async fn drift<S: HrSource, P: ScimPort>(engine: &Engine<S, P>, cause: &str) {
    match engine.drift(cause, engine.settings.drift.repair).await {
        Ok(run) if run.recorded > 0 => cycle(engine, "drift").await,
        Ok(_) => {}
        Err(error) => tracing::error!(%error, "Workiva was not compared with state"),
    }
}

/// Sleeps until a tick is due that comes after `reference`.
async fn sleep_until<S: HrSource, P: ScimPort>(
    engine: &Engine<S, P>,
    reference: DateTime<Utc>,
    due: DateTime<Utc>,
    stop: &mut watch::Receiver<bool>,
) -> Wake {
    loop {
        let now = engine.clock.now();
        let wait = (due - now).to_std().unwrap_or(Duration::ZERO);
        if wait.is_zero() {
            return Wake::Due;
        }
        if now + SET_BACK < reference {
            return Wake::SetBack;
        }
        tokio::select! {
            biased;
            _ = stop.changed() => return Wake::Stopped,
            () = engine.clock.sleep(wait.min(LONGEST_SLEEP)) => {}
        }
    }
}
