//! How fast Workiva may be asked: as the configuration allows, and slower where Workiva answers that it is too fast.
//!
//! Nobody documents its limit, so the rate is found by what it accepts. Between two times at which a server that refills a bucket, or
//! counts by the minute, says 429, it has accepted just what it allows: that over the time between is the rate, whatever room for a burst
//! it has. From there the rate creeps up, slowly at first, until the next 429 says where the limit is now.

use std::cmp::Ordering;
use std::time::Duration;

/// So many answers in a row that ask to wait say that the rate is far too high; a single one, that it is about right.
const PRESSED: u32 = 2;
/// The same say single ones, if hardly more than so many are accepted between two. What has nothing to do with the rate is rarer.
const FEW: f64 = 12.0;
/// What a rate that was found gains a second.
const CREEP: f64 = 0.003;
/// After so long without being asked to wait, it has doubled, and from there it grows by the third power of time.
const DOUBLED_AFTER: f64 = 120.0;
/// A rate that is higher than what was measured by no more than this is about right.
const ABOUT_RIGHT: f64 = 1.25;
/// One that is so many times as high is not, also where refusals come one by one. What has nothing to do with the rate brings it down until the
/// server is waited for less than half of the time, and no further.
const FAR: f64 = 2.0;
/// What is set of a rate that was measured: to be a little too fast costs an answer now and then, to be too slow all the time.
const ABOVE: f64 = 1.05;
/// What is left of it after a single answer that asks to wait, where nothing says that more was accepted.
const EASED: f64 = 0.998;
/// Within less time, what was accepted is a burst and no rate.
const MEASURABLE: Duration = Duration::from_secs(1);
/// So long nobody had anything to ask: what was accepted until now is less than what is allowed.
const IDLE: Duration = Duration::from_millis(500);
/// Nothing is slower than this, in requests a second: below it the waits that the server asks for are slow enough.
const SLOWEST: f64 = 5.0;

/// The pace of one connection; times are what has passed since the process began.
#[derive(Debug, Default)]
pub struct Pace {
    /// The most, in requests a second; `None`: any number.
    most: Option<f64>,
    found: Option<Found>,
    /// When the next request would go out if they were spread evenly.
    next: Duration,
    count: Option<Count>,
    /// How things stood at the last answer that asked to wait and was the first to do so.
    asked: Option<Asked>,
    refused_in_a_row: u32,
    /// How many are sent between two times at which it asks to wait, of late.
    between: f64,
}

/// A rate that the server accepted.
#[derive(Clone, Copy, Debug)]
struct Found {
    per_second: f64,
    at: Duration,
}

/// What was sent since then.
#[derive(Clone, Copy, Debug)]
struct Count {
    since: Duration,
    /// It began when the server asked to wait. Any other time it had some room for a burst.
    is_behind_refusal: bool,
    sent: u32,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    rate: Option<f64>,
    /// What was accepted a second, where that says what is allowed.
    measured: Option<f64>,
}

impl Asked {
    fn is_far_too_fast(self) -> bool {
        self.measured.is_some_and(|measured| self.rate.is_none_or(|rate| rate >= FAR * measured))
    }
}

impl Pace {
    /// For at most `requests_per_second`; 0: any number.
    pub fn new(requests_per_second: u32) -> Self {
        let most = (requests_per_second > 0).then(|| f64::from(requests_per_second));
        Self { most, between: 10.0 * FEW, ..Self::default() }
    }

    /// How many requests a second may be sent now; `None`: any number.
    pub fn rate(&self, now: Duration) -> Option<f64> {
        let found = self.found.map(|found| {
            let quiet = now.saturating_sub(found.at).as_secs_f64();
            found.per_second * (1.0 + CREEP * quiet + (quiet / DOUBLED_AFTER).powi(3))
        });
        match (found, self.most) {
            (Some(found), Some(most)) => Some(found.min(most)),
            (found, most) => found.or(most),
        }
    }

    /// How long a request has to wait; `None`: it goes out now, and counts.
    pub fn take(&mut self, now: Duration) -> Option<Duration> {
        if now.saturating_sub(self.next) > IDLE {
            self.count = None;
        }
        let next = self.next.max(now);
        let Some(rate) = self.rate(now) else {
            self.sends(now, next);
            return None;
        };
        let apart = Duration::from_secs_f64(1.0 / rate);
        // No more than a tenth of a second's worth at once, or a burst would look like an attack.
        let ahead = apart.mul_f64((rate / 10.0).ceil().max(1.0) - 1.0);
        match (next - now).saturating_sub(ahead) {
            Duration::ZERO => {
                self.sends(now, next + apart);
                None
            }
            wait => Some(wait),
        }
    }

    fn sends(&mut self, now: Duration, next: Duration) {
        self.next = next;
        let new = Count { since: now, is_behind_refusal: false, sent: 0 };
        self.count.get_or_insert(new).sent += 1;
    }

    /// An answer came that does not ask to wait.
    pub fn accepted(&mut self) {
        self.refused_in_a_row = 0;
    }

    /// An answer came that asks to wait until then. `is_first`: none before it asked for a time that is not over.
    pub fn refused(&mut self, now: Duration, until: Duration, is_first: bool) {
        self.refused_in_a_row += 1;
        if is_first {
            self.asked = Some(self.asked(now));
            let sent = self.count.map_or(0, |count| count.sent);
            self.between += (f64::from(sent) - self.between) / 4.0;
            self.count = Some(Count { since: now, is_behind_refusal: true, sent: 0 });
        }
        let is_far = self.asked.is_some_and(Asked::is_far_too_fast);
        let is_pressed = match self.refused_in_a_row.cmp(&PRESSED) {
            Ordering::Less => is_first && (is_far || self.between < FEW),
            Ordering::Equal => true,
            Ordering::Greater => is_first,
        };
        let per_second = match self.asked {
            Some(asked) if is_pressed => self.slower(asked),
            Some(asked) if is_first => self.found.map(|found| eased(found, asked)),
            _ => None,
        };
        if let Some(per_second) = per_second {
            self.found = Some(Found { per_second: per_second.max(SLOWEST), at: now });
        }
        self.next = self.next.max(until);
    }

    /// By what was sent, but for this one: a refusal comes more quickly than the answers to what was sent before.
    fn asked(&self, now: Duration) -> Asked {
        let measured =
            self.count.filter(|count| count.is_behind_refusal && count.sent > 1).and_then(|count| {
                let passed = now.saturating_sub(count.since);
                (passed >= MEASURABLE).then(|| f64::from(count.sent - 1) / passed.as_secs_f64())
            });
        Asked { rate: self.rate(now), measured }
    }

    /// Where it was far too fast: what was measured, else what was found before a pause; else nothing is known until the next refusal, which
    /// measures, and comes the sooner the faster it is.
    fn slower(&self, asked: Asked) -> Option<f64> {
        match (self.found, asked.measured, asked.rate) {
            // With many in flight several are refused before the first answer comes.
            (Some(found), Some(measured), Some(rate)) if rate < ABOUT_RIGHT * measured => {
                Some(eased(found, asked))
            }
            (_, Some(measured), _) => Some(measured * ABOVE),
            (found, None, _) => found.map(|found| found.per_second),
        }
    }
}

/// Where it was about right: between what was accepted and what was tried, but hardly less than before.
fn eased(found: Found, asked: Asked) -> f64 {
    let between = asked
        .measured
        .zip(asked.rate)
        .map(|(measured, tried)| measured.midpoint(tried.min(ABOUT_RIGHT * measured)));
    (found.per_second * EASED).max(between.unwrap_or(0.0))
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
