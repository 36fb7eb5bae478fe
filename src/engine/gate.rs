//! What every request of the pool passes: the rate, the server's wish to be left alone, and the breaker.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::clock::Clock;
use crate::core::blame::Blame;
use crate::core::breaker::{Breaker, Pause, Phase};
use crate::core::pace::Pace;
use crate::core::retry::RetrySettings;
use crate::core::verdict::{Cause, Trouble};

/// Successes after which one more request may be in flight again.
const SUCCESSES_TO_GROW: u32 = 20;

#[derive(Debug)]
struct State {
    /// By what has passed, not by the clock on the wall, which may be set back.
    throttled_until: Option<Duration>,
    pace: Pace,
    breaker: Breaker,
    in_flight_limit: u32,
    successes: u32,
}

/// The gate of one connection.
pub struct Gate {
    clock: Arc<dyn Clock>,
    max_in_flight: u32,
    state: Mutex<State>,
    closing: watch::Sender<bool>,
}

impl Gate {
    /// A gate for `requests_per_second` (0: any number) and at most `max_in_flight` at a time.
    pub fn new(
        requests_per_second: u32,
        max_in_flight: u32,
        retry: RetrySettings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let state = State {
            throttled_until: None,
            pace: Pace::new(requests_per_second),
            breaker: Breaker::new(retry),
            in_flight_limit: max_in_flight.max(1),
            successes: 0,
        };
        Self {
            clock,
            max_in_flight: max_in_flight.max(1),
            state: Mutex::new(state),
            closing: watch::Sender::new(false),
        }
    }

    /// How long a request has still to wait for the server's `Retry-After`.
    pub fn throttled_for(&self) -> Option<Duration> {
        let until = self.state().throttled_until?;
        until.checked_sub(self.clock.elapsed()).filter(|wait| !wait.is_zero())
    }

    /// The pool ends: nobody has to wait any more.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Whether an action may be begun: the pool does not end, and the breaker lets actions through.
    pub fn is_open(&self) -> bool {
        !*self.closing.borrow() && self.state().breaker.phase() != Phase::Open
    }

    /// Waits until the pool ends.
    pub async fn closed(&self) {
        // The sender lives as long as the gate.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    /// How long a request has still to wait for the rate; `None`: it may be sent, and counts as sent.
    pub fn paced_for(&self) -> Option<Duration> {
        self.state().pace.take(self.clock.elapsed())
    }

    /// How many requests a second may be sent now, by the configuration and by what Workiva accepts; `None`: any number.
    pub fn rate(&self) -> Option<f64> {
        self.state().pace.rate(self.clock.elapsed())
    }

    /// How many actions may be in flight now.
    pub fn in_flight_limit(&self) -> u32 {
        let state = self.state();
        // One trial, until Workiva was seen to work.
        if state.breaker.phase() == Phase::Closed { state.in_flight_limit } else { 1 }
    }

    /// Why nothing but probes is sent now, if so.
    pub fn pause(&self) -> Option<Pause> {
        self.state().breaker.pause().cloned()
    }

    /// Where the breaker stands, and the outage that has not been found over yet.
    pub fn breaker(&self) -> (Phase, Option<Pause>) {
        let state = self.state();
        (state.breaker.phase(), state.breaker.outage().cloned())
    }

    /// Takes up the outage that a process before this one knew of.
    pub fn resume(&self, known: Pause, now: DateTime<Utc>) {
        let mut state = self.state();
        state.breaker.resume(known, now);
        (state.in_flight_limit, state.successes) = (1, 0);
    }

    /// An attempt of the action ended in a failure, for which `blame` was given. Whether an attempt counts.
    pub fn counts(&self, action: i64, blame: Blame) -> bool {
        self.state().breaker.counts(action, blame)
    }

    /// The action has ended.
    pub fn forget(&self, action: i64) {
        self.state().breaker.forget(action);
    }

    /// A request went well, or was refused for a reason.
    pub fn succeeded(&self, is_read: bool) {
        let mut state = self.state();
        state.breaker.succeeded(is_read);
        state.pace.accepted();
        state.successes += 1;
        if state.successes >= SUCCESSES_TO_GROW && state.in_flight_limit < self.max_in_flight {
            state.in_flight_limit += 1;
            state.successes = 0;
        }
    }

    /// A request of the action `who` (`None`: of no action) failed in a way that may be everybody's. Whose failure it is.
    pub fn failed(
        &self,
        who: Option<i64>,
        is_read: bool,
        trouble: Trouble,
        now: DateTime<Utc>,
        random: f64,
    ) -> Blame {
        let mut state = self.state();
        let blame = state.breaker.failed(who, is_read, trouble, now, random);
        if state.breaker.phase() == Phase::Open {
            // Coming back begins with one at a time and grows from there.
            (state.in_flight_limit, state.successes) = (1, 0);
        }
        blame
    }

    /// The probe of an open breaker came back: with nothing wrong, or with this.
    pub fn probed(&self, trouble: Option<Trouble>, now: DateTime<Utc>, random: f64) {
        self.state().breaker.probed(trouble, now, random);
    }

    /// The credentials do not suffice for anything: everybody pauses.
    pub fn credentials_refused(&self, now: DateTime<Utc>, random: f64, message: &str) {
        let trouble = Trouble { cause: Cause::Credentials, message: message.to_owned() };
        self.failed(None, true, trouble, now, random);
    }

    /// The server asks everybody to wait; half as many are in flight from now on, until things go well again, and slower.
    pub fn throttle(&self, wait: Duration) {
        let now = self.clock.elapsed();
        let mut state = self.state();
        let until = now + wait;
        // Answers to one burst are one wish: the limit is halved once, not once an answer.
        let is_first = state.throttled_until.is_none_or(|known| known <= now);
        state.pace.refused(now, until, is_first);
        if is_first {
            state.in_flight_limit = (state.in_flight_limit / 2).max(1);
            state.successes = 0;
        }
        state.throttled_until = state.throttled_until.max(Some(until));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::{Sleep, SystemClock};
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn gate() -> Gate {
        Gate::new(0, 8, RetrySettings::default(), Arc::new(SystemClock))
    }

    #[test]
    fn a_wish_to_be_left_alone_holds_for_everybody_and_halves_what_is_in_flight_once() {
        let clock = Arc::new(Held(Mutex::new(Duration::ZERO)));
        let gate = Gate::new(0, 8, RetrySettings::default(), Arc::clone(&clock) as Arc<dyn Clock>);
        let pass_to = |second| *clock.0.lock().unwrap() = Duration::from_secs(second);
        gate.throttle(Duration::from_secs(10));
        pass_to(1);
        gate.throttle(Duration::from_secs(3));
        pass_to(4);
        assert_eq!(gate.throttled_for(), Some(Duration::from_secs(6)));
        pass_to(10);
        assert_eq!((gate.throttled_for(), gate.in_flight_limit()), (None, 4));
        for _ in 0..SUCCESSES_TO_GROW {
            gate.succeeded(true);
        }
        assert_eq!(gate.in_flight_limit(), 5);
    }

    /// What opens the breaker at once.
    fn refuse(gate: &Gate) {
        gate.credentials_refused(at(0), 0.0, "401");
        assert!(!gate.is_open());
    }

    #[test]
    fn after_an_outage_one_action_is_tried_and_then_more_and_more_are_in_flight() {
        let gate = gate();
        refuse(&gate);
        gate.probed(None, at(60), 0.0);
        assert!(gate.is_open());
        let limits: Vec<u32> = (0..5 * SUCCESSES_TO_GROW)
            .map(|_| {
                gate.succeeded(false);
                gate.in_flight_limit()
            })
            .collect();
        assert_eq!((limits[0], limits.iter().max()), (1, Some(&6)), "{limits:?}");
        assert!(limits.is_sorted());
    }

    #[test]
    fn an_outage_saves_up_no_requests_to_be_sent_at_once_behind_it() {
        let clock = Arc::new(Held(Mutex::new(Duration::ZERO)));
        let gate = Gate::new(50, 8, RetrySettings::default(), Arc::clone(&clock) as Arc<dyn Clock>);
        let at_once = || (0..1_000).take_while(|_| gate.paced_for().is_none()).count();
        let before = at_once();
        refuse(&gate);
        *clock.0.lock().unwrap() = Duration::from_secs(6 * 3600);
        gate.probed(None, at(6 * 3600), 0.0);
        assert_eq!((before, at_once()), (5, 5));
    }

    /// A clock that stands still.
    struct Held(Mutex<Duration>);

    impl Clock for Held {
        fn now(&self) -> DateTime<Utc> {
            at(0)
        }

        fn elapsed(&self) -> Duration {
            *self.0.lock().unwrap()
        }

        fn sleep(&self, _: Duration) -> Sleep {
            Box::pin(std::future::pending())
        }
    }
}
