//! What follows a failed request: one pure function of the failure, the attempt and a random number.

use std::time::Duration;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scim::{Failure, FailureKind, RetryAfter};

/// `[retry]`: how often and how patiently an action is tried.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetrySettings {
    /// Attempts before an action is parked.
    #[serde(default = "eight")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_attempts: u32,
    /// The first wait is up to this long, in seconds; each further one up to twice the one before.
    #[serde(default = "one")]
    #[schemars(range(min = 0.01, max = 3600.0))]
    pub base_seconds: f64,
    /// No wait is longer than this, in seconds; a server's `Retry-After` is believed up to this.
    #[serde(default = "three_hundred")]
    #[schemars(range(min = 1, max = 86_400))]
    pub cap_seconds: u64,
}

fn eight() -> u32 {
    8
}

fn one() -> f64 {
    1.0
}

fn three_hundred() -> u64 {
    300
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self { max_attempts: eight(), base_seconds: one(), cap_seconds: three_hundred() }
    }
}

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try this action again after the wait; the attempt counts.
    Again {
        /// How long.
        wait: Duration,
    },
    /// The server asks everybody to wait; no attempt is counted.
    Throttle {
        /// How long.
        wait: Duration,
    },
    /// Nobody can get through (credentials, connection): the pool pauses, no attempt is counted.
    PausePool,
    /// An operator has to look.
    Park,
}

/// Decides. `attempt` counts from 1 and includes the one that failed; `random` is in 0..1 (full jitter).
pub fn next(
    failure: &Failure,
    attempt: u32,
    settings: &RetrySettings,
    now: DateTime<Utc>,
    random: f64,
) -> Next {
    match failure.kind {
        FailureKind::Unauthorized
        | FailureKind::Forbidden
        | FailureKind::Unreachable
        | FailureKind::Redirected => Next::PausePool,
        FailureKind::Throttled => {
            let asked = failure.retry_after.as_ref().map(|after| asked_wait(after, now));
            // A wish for no wait at all, or for a time that has passed, is no leave to go on at the same rate.
            let least = Duration::from_secs_f64(settings.base_seconds);
            let wait = asked.unwrap_or_else(|| backoff(attempt, settings, random)).max(least);
            Next::Throttle { wait: wait.min(cap(settings)) }
        }
        // A 404 for one user is looked into where it is met; what comes here is about the list of users, which may come back.
        FailureKind::NoAnswer | FailureKind::ServerError | FailureKind::Malformed | FailureKind::NotFound => {
            if attempt >= settings.max_attempts {
                return Next::Park;
            }
            let asked = failure.retry_after.as_ref().map_or(Duration::ZERO, |after| asked_wait(after, now));
            Next::Again { wait: backoff(attempt, settings, random).max(asked).min(cap(settings)) }
        }
        FailureKind::Conflict | FailureKind::Invalid | FailureKind::NotSupported => Next::Park,
    }
}

/// The longest that an action is ever told to wait: for Workiva to be asked again after an outage, and then for its turn.
pub fn longest_wait(settings: &RetrySettings) -> Duration {
    2 * cap(settings)
}

/// Full jitter: anything between nothing and the base doubled with each attempt, up to the cap.
pub fn backoff(attempt: u32, settings: &RetrySettings, random: f64) -> Duration {
    let doublings = i32::try_from(attempt.saturating_sub(1).min(30)).unwrap_or(30);
    let ceiling = (settings.base_seconds * 2_f64.powi(doublings)).min(settings.cap_seconds as f64);
    Duration::from_secs_f64(ceiling * random.clamp(0.0, 1.0))
}

fn asked_wait(after: &RetryAfter, now: DateTime<Utc>) -> Duration {
    match after {
        RetryAfter::Seconds(seconds) => Duration::from_secs(*seconds),
        RetryAfter::At(at) => (*at - now).to_std().unwrap_or(Duration::ZERO),
    }
}

fn cap(settings: &RetrySettings) -> Duration {
    Duration::from_secs(settings.cap_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: FailureKind, retry_after: Option<RetryAfter>) -> Failure {
        Failure { kind, status: None, scim_type: None, message: String::new(), retry_after }
    }

    fn decide(kind: FailureKind, attempt: u32, retry_after: Option<RetryAfter>) -> Next {
        let now = "2026-11-24T12:00:00Z".parse().unwrap();
        next(&failure(kind, retry_after), attempt, &RetrySettings::default(), now, 0.5)
    }

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_wait_doubles_with_each_attempt_up_to_the_cap_and_is_spread_over_all_of_it() {
        let waits = [1, 2, 3, 30].map(|attempt| backoff(attempt, &RetrySettings::default(), 0.5));
        assert_eq!(waits, [seconds(0.5), seconds(1.0), seconds(2.0), seconds(150.0)]);
        assert_eq!(backoff(5, &RetrySettings::default(), 0.0), Duration::ZERO);
    }

    #[test]
    fn only_failures_that_may_pass_are_tried_again_and_only_so_often() {
        assert_eq!(decide(FailureKind::ServerError, 1, None), Next::Again { wait: seconds(0.5) });
        assert_eq!(decide(FailureKind::NoAnswer, 7, None), Next::Again { wait: seconds(32.0) });
        assert_eq!(decide(FailureKind::NoAnswer, 8, None), Next::Park);
        assert_eq!(decide(FailureKind::NotFound, 1, None), Next::Again { wait: seconds(0.5) });
        for permanent in [FailureKind::Invalid, FailureKind::Conflict, FailureKind::NotSupported] {
            assert_eq!(decide(permanent, 1, None), Next::Park);
        }
    }

    #[test]
    fn refused_credentials_and_an_unreachable_server_pause_everybody_whatever_the_attempt() {
        for kind in [
            FailureKind::Unauthorized,
            FailureKind::Forbidden,
            FailureKind::Unreachable,
            FailureKind::Redirected,
        ] {
            assert_eq!(decide(kind, 99, None), Next::PausePool);
        }
    }

    #[test]
    fn retry_after_is_honoured_in_seconds_and_as_a_date_but_not_beyond_the_cap() {
        let at = RetryAfter::At("2026-11-24T12:00:20Z".parse().unwrap());
        assert_eq!(
            decide(FailureKind::Throttled, 1, Some(RetryAfter::Seconds(7))),
            Next::Throttle { wait: seconds(7.0) }
        );
        assert_eq!(decide(FailureKind::Throttled, 99, Some(at)), Next::Throttle { wait: seconds(20.0) });
        let forever = Some(RetryAfter::Seconds(1938));
        assert_eq!(decide(FailureKind::Throttled, 1, forever), Next::Throttle { wait: seconds(300.0) });
        let past = RetryAfter::At("2026-11-24T11:00:00Z".parse().unwrap());
        assert_eq!(decide(FailureKind::Throttled, 1, Some(past)), Next::Throttle { wait: seconds(1.0) });
    }
}
