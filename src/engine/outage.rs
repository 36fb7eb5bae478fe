//! Waiting out an outage: the queue waits, one probe at a time asks whether Workiva is back, and somebody is told.

use std::time::Duration;

use tokio::sync::watch;

use super::pool::{Pool, Until};
use crate::core::breaker::{Pause, Phase};
use crate::core::retry::longest_wait;
use crate::core::scim::ScimPort;
use crate::store::StoreError;

/// How often an outage is told of while the next probe is far.
const TELL_EVERY: Duration = Duration::from_secs(300);

impl<P: ScimPort> Pool<P> {
    /// A process before this one may have left in an outage: then Workiva is asked before anything is tried.
    pub(super) async fn resume_outage(&self, until: Until) -> Result<(), StoreError> {
        let line = &self.line;
        let asks_anyway = until == Until::Stopped && line.manner.probes;
        // Where nothing waits there is nothing to spare, and nothing that would show the outage to be over, unless Workiva is asked all the same.
        if let Some(known) = line.store.outage().await?
            && (asks_anyway || line.store.queue().await?.unfinished() > 0)
        {
            line.gate.resume(known, line.clock.now());
        }
        Ok(())
    }

    /// Waits until a probe is due, and sends it. What it finds is in the gate.
    pub(super) async fn wait_out(&self, pause: &Pause, stop: &mut watch::Receiver<bool>) {
        let line = &self.line;
        if let Err(error) = line.store.note_outage(pause).await {
            tracing::error!(%error, "the outage of Workiva could not be stored; `status` does not tell of it");
        }
        // By what passes, not by the clock on the wall, which may be set back.
        let wait = (pause.until - line.clock.now()).to_std().unwrap_or(Duration::ZERO);
        // The clock may have been set back since.
        let end = line.clock.elapsed() + wait.min(longest_wait(&line.manner.retry));
        loop {
            let wait = end.saturating_sub(line.clock.elapsed());
            self.tell_outage(pause, wait).await;
            tokio::select! {
                biased;
                _ = stop.changed() => return,
                () = line.clock.sleep(wait.min(TELL_EVERY)) => {}
            }
            if wait <= TELL_EVERY {
                break;
            }
        }
        // Told to stop meanwhile: the loop that called finds that out as well.
        let _ = line.probe().await;
        if line.gate.breaker().0 == Phase::HalfOpen {
            tracing::info!("Workiva can be had again; the queue goes on, one action at first");
        }
    }

    /// Once an outage is over, the database forgets it.
    pub(super) async fn note_recovery(&self, noted: &mut bool) {
        if !*noted || self.line.gate.breaker().0 != Phase::Closed {
            return;
        }
        match self.line.store.forget_outage().await {
            Ok(()) => *noted = false,
            Err(error) => tracing::error!(%error, "`status` still tells of an outage that is over"),
        }
    }

    async fn tell_outage(&self, pause: &Pause, wait: Duration) {
        let now = self.line.clock.now();
        let queue = self.line.store.queue().await.unwrap_or_default();
        let oldest = queue.oldest_queued_at.map_or(0, |at| (now - at).num_seconds().max(0));
        tracing::warn!(
            wait_seconds = wait.as_secs_f64(),
            streak = pause.streak,
            since = %pause.since,
            waiting = queue.unfinished(),
            oldest_seconds = oldest,
            "nothing is sent: {}",
            pause.message
        );
    }
}
