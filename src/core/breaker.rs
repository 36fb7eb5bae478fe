//! The circuit breaker: when Workiva is down, in whatever way, calls stop after a few failures, and it is asked with growing
//! waits whether it is back.
//!
//! ```text
//! closed ── failures in a row ──> open ── a probe is answered ──> half-open ── what failed before goes well ──> closed
//!   ^                              ^ a probe fails: a longer wait     │
//!   │                              └──── the one trial fails ─────────┤
//!   └──── the one trial fails, as only a handful of users ever did ───┘
//! ```
//!
//! A handful of users whose requests alone fail is no outage: successes of others come between, or the probe shows that
//! Workiva works.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::blame::{Blame, HANDFUL, Refused, Unsettled};
use super::retry::{RetrySettings, backoff};
use super::verdict::{Cause, Trouble};

/// Failures in a row that make an outage: of reads with no success between, or of writes with no written one.
const FAILURES_IN_A_ROW: u32 = 5;
/// The same where no connection could be made at all: that is nobody's own.
const UNREACHABLE_IN_A_ROW: u32 = 3;
/// So many answers in a row that want to be left alone, and no other, are an outage as well. Below that they are a busy server's.
const THROTTLED_IN_A_ROW: u32 = 30;
/// The first wait after refused credentials, in doublings of `retry.base_seconds`: a secret is not mended in seconds.
const CREDENTIALS_DOUBLINGS: u32 = 5;

/// Where the breaker stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Requests go out.
    #[default]
    Closed,
    /// One action at a time is tried.
    HalfOpen,
    /// Only probes go out.
    Open,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 3] = [Self::Closed, Self::HalfOpen, Self::Open];

    /// The name in metrics, `/readyz` and the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

/// An outage, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pause {
    /// Whether it is the credentials rather than Workiva.
    pub credentials: bool,
    /// The last failure in words, with the mend where there is one.
    pub message: String,
    /// When it began.
    pub since: DateTime<Utc>,
    /// When the next probe is due.
    #[serde(rename = "next_probe_at")]
    pub until: DateTime<Utc>,
    /// How often in a row this process found Workiva down, by a probe or by the trial behind one that was answered.
    pub streak: u32,
    /// How many probes in a row have failed.
    #[serde(skip)]
    pub failed_probes: u32,
    /// How many trials in a row, each behind a probe that was answered, were refused or asked to wait.
    #[serde(skip)]
    pub failed_trials: u32,
}

/// Failures since the last success that says something about them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Suspicion {
    reads: u32,
    writes: u32,
    unreachable: u32,
    throttled: u32,
    /// Whether a read was among those.
    throttled_reads: bool,
    suspects: Suspects,
    /// They failed alone while Workiva was seen to work, so what fails of them is their own.
    own: Vec<i64>,
}

/// Whose requests have failed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Suspects {
    /// Those of these actions alone.
    Few(Vec<i64>),
    /// Those of more than a handful, or of no action, such as a listing.
    Many,
}

impl Default for Suspects {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Suspects {
    fn add(&mut self, who: Option<i64>) {
        let Self::Few(known) = self else { return };
        match who {
            Some(who) if known.contains(&who) => {}
            Some(who) if known.len() < HANDFUL => known.push(who),
            _ => *self = Self::Many,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Closed(Suspicion),
    Open(Outage),
    HalfOpen(Outage),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Outage {
    pause: Pause,
    suspects: Suspects,
    /// Reads went well all the time: only a write can show that it is over.
    of_writes: bool,
    /// In which way nobody gets through.
    cause: Cause,
}

/// The breaker of one connection.
#[derive(Debug)]
pub struct Breaker {
    retry: RetrySettings,
    state: State,
    unsettled: Unsettled,
    refused: Refused,
}

impl Breaker {
    /// A closed one; its waits are those of `[retry]`.
    pub fn new(retry: RetrySettings) -> Self {
        Self {
            retry,
            state: State::Closed(Suspicion::default()),
            unsettled: Unsettled::default(),
            refused: Refused::default(),
        }
    }

    /// Where it stands.
    pub fn phase(&self) -> Phase {
        match &self.state {
            State::Closed(_) => Phase::Closed,
            State::HalfOpen(_) => Phase::HalfOpen,
            State::Open(_) => Phase::Open,
        }
    }

    /// Why nothing but probes is sent now, if so.
    pub fn pause(&self) -> Option<&Pause> {
        self.outage().filter(|_| self.phase() == Phase::Open)
    }

    /// The outage that has not been found over yet.
    pub fn outage(&self) -> Option<&Pause> {
        match &self.state {
            State::Open(outage) | State::HalfOpen(outage) => Some(&outage.pause),
            State::Closed(_) => None,
        }
    }

    /// Takes up the outage that a process before this one knew of: it is asked at once whether that is over.
    pub fn resume(&mut self, known: Pause, now: DateTime<Utc>) {
        if self.phase() == Phase::Closed {
            // Waits begin anew. Who failed is forgotten, so a trial that fails is no reason to let everything through.
            let cause = Cause::of_told(&known.message);
            let pause = Pause { until: now, streak: 0, failed_probes: 0, failed_trials: 0, ..known };
            let of_writes = cause == Cause::Refused;
            self.state = State::Open(Outage { pause, suspects: Suspects::Many, of_writes, cause });
        }
    }

    /// An attempt of the action ended in a failure, for which `blame` was given. Whether an attempt counts.
    pub fn counts(&mut self, action: i64, blame: Blame) -> bool {
        match blame {
            Blame::Action => true,
            Blame::Unclear => self.phase() == Phase::Closed && self.unsettled.add(action),
            Blame::Workiva => false,
        }
    }

    /// The action has ended.
    pub fn forget(&mut self, action: i64) {
        self.unsettled.forget(action);
        self.refused.forget(action);
    }

    /// A request went well, or was refused for a reason.
    pub fn succeeded(&mut self, is_read: bool) {
        if !is_read {
            self.refused.others_are_not();
        }
        match &mut self.state {
            // A read that goes well shows nothing of writes.
            State::Closed(suspicion) if is_read && suspicion.is_of_writes() => {
                (suspicion.reads, suspicion.unreachable) = (0, 0);
                if std::mem::take(&mut suspicion.throttled_reads) {
                    suspicion.throttled = 0;
                }
            }
            State::Closed(suspicion) => {
                *suspicion = Suspicion::default();
                self.unsettled.works();
            }
            State::HalfOpen(outage) | State::Open(outage) if outage.of_writes && is_read => {}
            State::HalfOpen(_) => self.state = State::Closed(Suspicion::default()),
            // An answer that was under way when it opened. That to refused credentials says nothing about the next one.
            State::Open(outage) if !outage.pause.credentials => self.state = State::HalfOpen(outage.clone()),
            State::Open(_) => {}
        }
    }

    /// A request of the action `who` (`None`: of no action) failed. `random` is in 0..1.
    pub fn failed(
        &mut self,
        who: Option<i64>,
        is_read: bool,
        trouble: Trouble,
        now: DateTime<Utc>,
        random: f64,
    ) -> Blame {
        if trouble.cause == Cause::Refused {
            return self.refuse(who, trouble, now, random);
        }
        match &mut self.state {
            State::Closed(suspicion) => {
                suspicion.add(who, is_read, trouble.cause);
                if !suspicion.is_enough(trouble.cause) {
                    return suspicion.blame(who, trouble.cause);
                }
                let of_writes = match trouble.cause {
                    Cause::Failing => suspicion.reads == 0,
                    cause => cause == Cause::Throttled && !suspicion.throttled_reads,
                };
                let suspects = suspicion.suspects.clone();
                let pause = self.pause_for(&trouble, None, now, random);
                self.unsettled.is_down();
                self.state = State::Open(Outage { pause, suspects, of_writes, cause: trouble.cause });
                Blame::Workiva
            }
            // It has answered; the gate waits as long as it wishes.
            State::HalfOpen(outage)
                if trouble.cause == Cause::Throttled && outage.cause != Cause::Throttled =>
            {
                Blame::Action
            }
            State::HalfOpen(_) if matches!(trouble.cause, Cause::Throttled | Cause::Stranger) => {
                self.try_later(trouble, now, random)
            }
            State::HalfOpen(outage) => {
                let mut outage = outage.clone();
                outage.suspects.add(who);
                let is_their_own = trouble.cause == Cause::Failing;
                if let (true, Suspects::Few(own)) = (is_their_own, &outage.suspects) {
                    self.state = State::Closed(Suspicion { own: own.clone(), ..Suspicion::default() });
                    return Blame::Action;
                }
                outage.pause = self.pause_for(&trouble, Some(&outage.pause), now, random);
                self.state = State::Open(outage);
                // The probe was answered: were it never counted, users who alone fail would be tried for ever.
                if is_their_own { Blame::Action } else { Blame::Workiva }
            }
            // Others that were under way when it opened say nothing new, unless it is the credentials.
            State::Open(outage) => {
                outage.suspects.add(who);
                if trouble.cause == Cause::Credentials && !outage.pause.credentials {
                    let mut outage = outage.clone();
                    outage.pause = self.pause_for(&trouble, Some(&outage.pause), now, random);
                    self.state = State::Open(outage);
                }
                Blame::Workiva
            }
        }
    }

    /// A probe of an open breaker came back.
    pub fn probed(&mut self, trouble: Option<Trouble>, now: DateTime<Utc>, random: f64) {
        let State::Open(outage) = &self.state else { return };
        let mut outage = outage.clone();
        match trouble {
            None => self.state = State::HalfOpen(outage),
            Some(trouble) => {
                // Whatever failed before: now reads do.
                outage.of_writes = false;
                outage.cause = trouble.cause;
                outage.suspects = Suspects::Many;
                let failed_probes = outage.pause.failed_probes + 1;
                outage.pause = self.pause_for(&trouble, Some(&outage.pause), now, random);
                outage.pause.failed_probes = failed_probes;
                self.state = State::Open(outage);
            }
        }
    }

    fn pause_for(&self, trouble: &Trouble, before: Option<&Pause>, now: DateTime<Utc>, random: f64) -> Pause {
        let credentials = trouble.cause == Cause::Credentials;
        let streak = before.map_or(0, |pause| pause.streak) + 1;
        let doublings = if credentials { streak + CREDENTIALS_DOUBLINGS } else { streak };
        // Half of the wait is certain, or a lucky draw would ask at once again.
        let wait = backoff(doublings, &self.retry, 0.5 + random / 2.0);
        let since = before.map_or(now, |pause| pause.since);
        let failed_trials = before.map_or(0, |pause| pause.failed_trials);
        let message = trouble.message.clone();
        Pause { credentials, message, since, until: now + wait, streak, failed_probes: 0, failed_trials }
    }

    /// The change of a user was refused (403).
    fn refuse(&mut self, who: Option<i64>, trouble: Trouble, now: DateTime<Utc>, random: f64) -> Blame {
        if self.refused.is_own(who) {
            return Blame::Action;
        }
        let is_everybodys = self.refused.add(who);
        match &self.state {
            State::HalfOpen(outage) if outage.cause == Cause::Refused => self.try_later(trouble, now, random),
            State::Open(_) => Blame::Workiva,
            _ if is_everybodys => {
                let pause = self.pause_for(&trouble, None, now, random);
                self.unsettled.is_down();
                let suspects = Suspects::Many;
                self.state = State::Open(Outage { pause, suspects, of_writes: true, cause: Cause::Refused });
                Blame::Workiva
            }
            // It has an opinion, so it works again.
            State::HalfOpen(_) => {
                self.state = State::Closed(Suspicion::default());
                Blame::Unclear
            }
            State::Closed(_) => Blame::Unclear,
        }
    }

    /// The trial behind an answered probe met the same again.
    fn try_later(&mut self, trouble: Trouble, now: DateTime<Utc>, random: f64) -> Blame {
        if let State::HalfOpen(outage) = &self.state {
            let mut outage = outage.clone();
            outage.pause = self.pause_for(&trouble, Some(&outage.pause), now, random);
            outage.pause.failed_trials += 1;
            self.state = State::Open(outage);
        }
        Blame::Workiva
    }
}

impl Suspicion {
    fn add(&mut self, who: Option<i64>, is_read: bool, cause: Cause) {
        if cause == Cause::Throttled {
            self.throttled += 1;
            self.throttled_reads |= is_read;
            return;
        }
        self.suspects.add(who);
        *(if is_read { &mut self.reads } else { &mut self.writes }) += 1;
        self.unreachable = if cause == Cause::Unreachable { self.unreachable + 1 } else { 0 };
    }

    fn is_of_writes(&self) -> bool {
        self.writes > 0 || (self.throttled > 0 && !self.throttled_reads)
    }

    fn blame(&self, who: Option<i64>, cause: Cause) -> Blame {
        match who {
            // How long it waits is the server's to say, and no attempt counts for it.
            _ if cause == Cause::Throttled => Blame::Action,
            _ if cause != Cause::Failing => Blame::Workiva,
            Some(who) if self.own.contains(&who) => Blame::Action,
            _ => Blame::Unclear,
        }
    }

    fn is_enough(&self, cause: Cause) -> bool {
        matches!(cause, Cause::Credentials | Cause::Stranger)
            || self.unreachable >= UNREACHABLE_IN_A_ROW
            || self.throttled >= THROTTLED_IN_A_ROW
            || self.reads.max(self.writes) >= FAILURES_IN_A_ROW
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
