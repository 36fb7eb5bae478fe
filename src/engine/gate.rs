//! What every request of the pool passes: the rate, the server's wish to be left alone, and the pause when nobody gets in.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use governor::clock::Clock as PacingClock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::watch;

use super::clock::Clock;
use crate::core::retry::{RetrySettings, backoff};

/// Failures of the connection in a row before the pool pauses: one alone may be a hiccup.
const UNREACHABLE_IN_A_ROW: u32 = 3;
/// Successes after which one more request may be in flight again.
const SUCCESSES_TO_GROW: u32 = 20;
/// The first wait after refused credentials, in doublings of `retry.base_seconds`: a secret is not mended in seconds.
const CREDENTIALS_STREAK: u32 = 5;

/// Why the pool pauses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Whether it is the credentials rather than the connection.
    pub credentials: bool,
    /// In words, with the mend.
    pub message: String,
    /// When the next try is due.
    pub until: DateTime<Utc>,
    /// How many tries in a row have failed.
    pub streak: u32,
}

#[derive(Debug)]
struct State {
    throttled_until: Option<DateTime<Utc>>,
    pause: Option<Pause>,
    unreachable: u32,
    in_flight_limit: u32,
    successes: u32,
}

/// The rate goes by the engine's clock as well.
#[derive(Clone)]
struct Pace(Arc<dyn Clock>);

impl PacingClock for Pace {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, Pace, NoOpMiddleware<Duration>>;

/// The gate of one connection.
pub struct Gate {
    limiter: Option<Limiter>,
    pace: Pace,
    max_in_flight: u32,
    retry: RetrySettings,
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
        let pace = Pace(clock);
        let limiter = NonZeroU32::new(requests_per_second).map(|rate| {
            // No more than a tenth of a second's worth at once, or a burst would look like an attack.
            let burst = NonZeroU32::new(requests_per_second.div_ceil(10)).unwrap_or(NonZeroU32::MIN);
            RateLimiter::direct_with_clock(Quota::per_second(rate).allow_burst(burst), pace.clone())
        });
        let state = State {
            throttled_until: None,
            pause: None,
            unreachable: 0,
            in_flight_limit: max_in_flight.max(1),
            successes: 0,
        };
        Self {
            limiter,
            pace,
            max_in_flight: max_in_flight.max(1),
            retry,
            state: Mutex::new(state),
            closing: watch::Sender::new(false),
        }
    }

    /// How long a request has still to wait for the server's `Retry-After`.
    pub fn throttled_for(&self, now: DateTime<Utc>) -> Option<Duration> {
        self.state()
            .throttled_until
            .and_then(|until| (until - now).to_std().ok())
            .filter(|wait| !wait.is_zero())
    }

    /// The pool ends: nobody has to wait any more.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Whether an action may be begun: the pool neither ends nor pauses.
    pub fn is_open(&self) -> bool {
        !*self.closing.borrow() && self.state().pause.is_none()
    }

    /// Waits until the pool ends.
    pub async fn closed(&self) {
        // The sender lives as long as the gate.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    /// How long a request has still to wait for the rate; `None`: it may be sent, and counts as sent.
    pub fn paced_for(&self) -> Option<Duration> {
        let refused = self.limiter.as_ref()?.check().err()?;
        Some(refused.wait_time_from(self.pace.now()))
    }

    /// How many actions may be in flight now.
    pub fn in_flight_limit(&self) -> u32 {
        self.state().in_flight_limit
    }

    /// Why nothing is sent now, if so.
    pub fn pause(&self) -> Option<Pause> {
        self.state().pause.clone()
    }

    /// The server answered something other than a wish to be left alone.
    pub fn succeeded(&self) {
        let mut state = self.state();
        state.unreachable = 0;
        state.successes += 1;
        if state.successes >= SUCCESSES_TO_GROW && state.in_flight_limit < self.max_in_flight {
            state.in_flight_limit += 1;
            state.successes = 0;
        }
    }

    /// The server asks everybody to wait; half as many are in flight from now on, until things go well again.
    pub fn throttle(&self, now: DateTime<Utc>, wait: Duration) {
        let mut state = self.state();
        let until = now + wait;
        // Answers to one burst are one wish: the limit is halved once, not once an answer.
        if state.throttled_until.is_none_or(|known| known <= now) {
            state.in_flight_limit = (state.in_flight_limit / 2).max(1);
            state.successes = 0;
        }
        state.throttled_until = state.throttled_until.max(Some(until));
    }

    /// The credentials were refused: everybody pauses.
    pub fn credentials_refused(&self, now: DateTime<Utc>, random: f64, message: &str) {
        self.lengthen_pause(now, random, true, message);
    }

    /// No connection could be made: after a few in a row everybody pauses.
    pub fn unreachable(&self, now: DateTime<Utc>, random: f64, message: &str) {
        let in_a_row = {
            let mut state = self.state();
            state.unreachable += 1;
            state.unreachable
        };
        if in_a_row >= UNREACHABLE_IN_A_ROW {
            self.lengthen_pause(now, random, false, message);
        }
    }

    /// The connection works again.
    pub fn resume(&self) {
        let mut state = self.state();
        state.pause = None;
        state.unreachable = 0;
    }

    fn lengthen_pause(&self, now: DateTime<Utc>, random: f64, credentials: bool, message: &str) {
        let mut state = self.state();
        let before = state.pause.as_ref();
        if before.is_some_and(|pause| pause.until > now) {
            // Others that were in flight when it began say nothing new.
            return;
        }
        let streak = before.map_or(0, |pause| pause.streak) + 1;
        let doublings = if credentials { streak + CREDENTIALS_STREAK } else { streak };
        // Half of the wait is certain, or a lucky draw would ask at once again.
        let wait = backoff(doublings, &self.retry, 0.5 + random / 2.0);
        state.pause = Some(Pause { credentials, message: message.to_owned(), until: now + wait, streak });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::SystemClock;
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn gate() -> Gate {
        Gate::new(0, 8, RetrySettings::default(), Arc::new(SystemClock))
    }

    #[test]
    fn a_wish_to_be_left_alone_holds_for_everybody_and_halves_what_is_in_flight_once() {
        let gate = gate();
        gate.throttle(at(0), Duration::from_secs(10));
        gate.throttle(at(1), Duration::from_secs(3));
        assert_eq!(gate.throttled_for(at(4)), Some(Duration::from_secs(6)));
        assert_eq!((gate.throttled_for(at(10)), gate.in_flight_limit()), (None, 4));
        for _ in 0..SUCCESSES_TO_GROW {
            gate.succeeded();
        }
        assert_eq!(gate.in_flight_limit(), 5);
    }

    #[test]
    fn one_failed_connection_is_a_hiccup_and_three_are_a_pause_that_grows() {
        let gate = gate();
        gate.unreachable(at(0), 0.0, "down");
        gate.unreachable(at(0), 0.0, "down");
        assert_eq!(gate.pause(), None);
        gate.unreachable(at(0), 0.0, "down");
        let first = gate.pause().unwrap();
        gate.unreachable(at(0), 0.0, "down");
        assert_eq!(gate.pause().unwrap(), first, "those in flight say nothing new");
        gate.unreachable(first.until, 0.0, "down");
        let second = gate.pause().unwrap();
        assert!(second.until - first.until > first.until - at(0));
        gate.resume();
        assert_eq!(gate.pause(), None);
    }

    #[test]
    fn refused_credentials_pause_at_once_and_longer() {
        let gate = gate();
        gate.credentials_refused(at(0), 0.0, "401");
        let pause = gate.pause().unwrap();
        assert!(pause.credentials && pause.until >= at(15));
    }
}
