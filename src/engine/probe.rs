//! Asking where nobody else asks: while the queue is empty no action would find out that Workiva is gone or a secret has expired.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::Engine;
use super::session::{Interrupt, Line};
use crate::core::breaker::Phase;
use crate::core::retry::backoff;
use crate::core::scim::ScimPort;
use crate::source::HrSource;
use crate::store::StoreError;

/// How often it is looked whether it is time.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What fails is asked so often in a row, which is as many failures as the breaker needs to call it an outage.
const TRIES: u32 = 5;

/// Asks once under this configuration, and again whenever this process has sent no request for `workiva.probe_seconds`, until told to stop.
/// What comes of it goes to the gate, as what an action comes to does: an outage that is found so is told and waited out as any other.
pub async fn run<S: HrSource, P: ScimPort>(engine: Arc<Engine<S, P>>, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        biased;
        _ = stop.wait_for(|stopped| *stopped) => {}
        () = ask_now_and_then(&engine) => {}
    }
}

async fn ask_now_and_then<S: HrSource, P: ScimPort>(engine: &Engine<S, P>) {
    let pace = Duration::from_secs(engine.settings.workiva.probe_seconds);
    if pace.is_zero() {
        return std::future::pending().await;
    }
    let mut quiet = Quiet { sent: engine.telemetry.requests_sent(), since: None };
    // Whether it was asked behind the probe that found an outage over.
    let mut is_confirmed = false;
    loop {
        engine.clock.sleep(LOOK_EVERY).await;
        let is_quiet = quiet.lasts(pace, engine.telemetry.requests_sent(), engine.clock.elapsed());
        // Before there is a connection the pool asks for one.
        let Some(line) = engine.pushing_line() else { continue };
        let phase = line.gate.breaker().0;
        let is_due = match phase {
            Phase::Closed => is_quiet,
            // Once: where writes alone fail, no listing shows that it is over. What waits may wait for longer than for its turn.
            Phase::HalfOpen if is_confirmed => false,
            Phase::HalfOpen => is_quiet || has_nothing_to_send(&line).await.unwrap_or_default(),
            // The outage has probes of its own.
            Phase::Open => false,
        };
        is_confirmed = phase == Phase::HalfOpen && (is_confirmed || is_due);
        if is_due {
            // What is told to stop meanwhile has nothing more to find out.
            let _ = ask(&line).await;
        }
    }
}

async fn ask<P: ScimPort>(line: &Line<P>) -> Result<(), Interrupt> {
    for attempt in 1..=TRIES {
        if line.looks_well().await? || line.gate.pause().is_some() {
            break;
        }
        line.clock.sleep(backoff(attempt, &line.manner.retry, line.random.unit())).await;
    }
    Ok(())
}

async fn has_nothing_to_send<P>(line: &Line<P>) -> Result<bool, StoreError> {
    Ok(line.store.queue().await?.unfinished() == 0)
}

/// Since when nothing was sent, by what passes.
struct Quiet {
    sent: u64,
    /// `None`: under this configuration nothing was sent yet, and whether its secret is right is not known.
    since: Option<Duration>,
}

impl Quiet {
    fn lasts(&mut self, pace: Duration, sent: u64, passed: Duration) -> bool {
        if sent != self.sent {
            *self = Self { sent, since: Some(passed) };
        }
        self.since.is_none_or(|since| passed.saturating_sub(since) >= pace)
    }
}
