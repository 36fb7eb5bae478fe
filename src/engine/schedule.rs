//! The schedule: a run whenever a tick is due.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::Engine;
use crate::core::scim::ScimPort;
use crate::source::HrSource;

/// The longest sleep: a wall clock that was set, or a machine that slept, is noticed within this.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// Plans whenever a tick is due. A tick that was missed, because the daemon was down or a run took longer, is made up
/// once; runs never overlap; a run that fails is told, and the next one tries again. `first`: the daemon has just started.
pub async fn run<S: HrSource, P: ScimPort>(
    engine: Arc<Engine<S, P>>,
    mut stop: watch::Receiver<bool>,
    first: bool,
) {
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
                biased;
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

async fn cycle<S: HrSource, P: ScimPort>(engine: &Engine<S, P>, cause: &str) {
    if let Err(error) = engine.cycle(cause).await {
        tracing::error!(%error, "the run failed; nothing of it was stored or sent");
    }
}

/// False: asked to stop meanwhile.
async fn sleep_until<S: HrSource, P: ScimPort>(
    engine: &Engine<S, P>,
    due: DateTime<Utc>,
    stop: &mut watch::Receiver<bool>,
) -> bool {
    loop {
        let Ok(wait) = (due - engine.clock.now()).to_std() else { return true };
        if wait.is_zero() {
            return true;
        }
        tokio::select! {
            biased;
            _ = stop.changed() => return false,
            () = engine.clock.sleep(wait.min(LONGEST_SLEEP)) => {}
        }
    }
}
