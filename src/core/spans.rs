//! What a run did and how long each part took, as values: spans in the sense of OpenTelemetry, for an edge to send.
//!
//! A span holds ids, kinds, counts and times. There is no place in it for an attribute's value, for words of HR or Workiva, or for
//! anything of a person but the employee id.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::action::ActionKind;
use super::report::{Counts, Outcome};

/// Which span of which trace.
///
/// Both ids are digests of what the span is about, so that whoever carries out an action, in whatever process and however much
/// later, finds its place below the run that planned it. Nothing has to be stored or passed on for that. All zeros would be no id;
/// that comes once in 2^64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The trace: one a run, and one for what belongs to no run.
    pub trace: [u8; 16],
    /// The span in it.
    pub span: [u8; 8],
}

impl Place {
    /// That of a run.
    pub fn of_run(run_id: &str) -> Self {
        Self::of("run", run_id)
    }

    /// That of something of this kind which has a trace of its own, by the key that it has among its kind.
    pub fn of(kind: &str, key: &str) -> Self {
        let digest = Sha256::new().chain_update("workiva-sync ").chain_update(kind).chain_update("\0");
        let digest = digest.chain_update(key).finalize();
        Self { trace: first(&digest), span: first(&digest[16..]) }
    }

    /// One below this one: of this kind, and by this key among those of its kind.
    pub fn below(self, kind: &str, key: &str) -> Self {
        let parent = Sha256::new().chain_update(self.trace).chain_update(self.span);
        let digest = parent.chain_update(kind).chain_update("\0").chain_update(key).finalize();
        Self { trace: self.trace, span: first(&digest) }
    }
}

fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    std::array::from_fn(|at| bytes[at])
}

/// One piece of work that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Its own place.
    pub place: Place,
    /// The span that it is a part of.
    pub parent: Option<[u8; 8]>,
    /// A span elsewhere that belongs to it. Of an action that shared its requests with others: the one below which they are. Of a
    /// commit: the snapshot.
    pub linked: Option<Place>,
    /// What was done.
    pub work: Work,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// How long it took.
    pub took: Duration,
    /// The kind of failure, if it failed.
    pub failure: Option<&'static str>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// A run, until its plan was stored.
    Run {
        /// The run's key.
        run_id: String,
        /// Why it was made: `schedule`, `sync` and so on.
        cause: String,
        /// What it came to, and `None` where the database failed.
        outcome: Option<Outcome>,
        /// Records read.
        records: u64,
        /// Records that could not be used.
        rejected: u64,
        /// Actions that were queued.
        queued: u64,
    },
    /// The read of one source.
    Fetch {
        /// What the configuration calls the source.
        source: String,
        /// Records read; `None`: it failed.
        records: Option<u64>,
        /// Bytes read, where the source knows.
        bytes: Option<u64>,
    },
    /// Deciding what is to be done.
    Plan {
        /// Actions by kind.
        counts: Counts,
        /// The codes by which the guard holds it; none: it does not.
        held: Vec<String>,
    },
    /// A worker's work on one action, from its claim to its end.
    Action {
        /// The run that planned it.
        run_id: String,
        /// The action's key.
        action_id: i64,
        /// Whose account.
        employee_id: String,
        /// What was to be done.
        kind: ActionKind,
        /// Which attempt this was, from 1.
        attempt: u32,
        /// How the work ended: `done`, `retried`, `parked`, `superseded`, `untouched`.
        outcome: &'static str,
    },
    /// A comparison of live Workiva with what was confirmed last.
    Drift {
        /// Its key.
        drift_id: String,
        /// Why it was made: `schedule`, `drift` and so on.
        cause: String,
        /// What it came to.
        outcome: &'static str,
        /// Users in Workiva, accounts that were compared, people who were changed, and those of them whose state was set to what was
        /// seen; `None`: it failed.
        counts: Option<[u64; 4]>,
    },
    /// Linking users who are there to people.
    Adopt {
        /// Records read, users in Workiva, who was linked, and who is in doubt; `None`: it failed.
        counts: Option<[u64; 4]>,
    },
    /// A message of an alert, sent once by one channel.
    Alert {
        /// The message's key.
        message_id: String,
        /// Raised, reminded and so on.
        event: &'static str,
        /// The kind of alert; `None`: a digest.
        alert: Option<&'static str>,
        /// The plan that it is about.
        plan_id: Option<String>,
        /// The run that it is about.
        run_id: Option<String>,
        /// By which channel.
        channel: &'static str,
        /// Which attempt of this channel this was, from 1.
        attempt: u32,
        /// `sent`, `failed` or `dropped`.
        outcome: &'static str,
    },
    /// One request of an HR system that pushes.
    Delivery {
        /// What the configuration calls the source.
        source: String,
        /// What it was: `delta`, `snapshot`, or of one in parts `begin`, `part` or `commit`.
        step: &'static str,
        /// Its key, where it was taken.
        delivery: Option<String>,
        /// The run that its sender was told.
        run_id: Option<String>,
        /// Records in it, and those that cannot be used.
        records: [u64; 2],
        /// Bytes of it.
        bytes: u64,
        /// `accepted`, `again`, `begun`, `taken` or `refused`.
        outcome: &'static str,
    },
    /// One SCIM request.
    Request {
        /// The HTTP method.
        method: &'static str,
        /// The path, with names in the place of whatever differs from request to request.
        route: &'static str,
        /// The status; `None`: no answer came.
        status: Option<u16>,
        /// How long the server asked to wait, in seconds.
        retry_after_seconds: Option<u64>,
    },
}

/// Somebody who takes spans. It never waits, and whatever becomes of the span is no matter of whoever works.
pub trait SpanSink: Send + Sync {
    /// Takes one.
    fn take(&self, span: Span);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_knows_the_run_knows_its_trace_and_everything_in_it_has_another_place() {
        let run = Place::of_run("20261126T221504-9f3c21aa");
        assert_eq!(run, Place::of_run("20261126T221504-9f3c21aa"));
        let other = Place::of_run("20261126T221504-9f3c21ab");
        assert_ne!(run.trace, other.trace);
        let below = [run.below("action", "1"), run.below("action", "2"), run.below("fetch", "1")];
        for (at, one) in below.iter().enumerate() {
            assert_eq!(one.trace, run.trace);
            assert!(one.span != run.span && below[at + 1..].iter().all(|later| later.span != one.span));
        }
        assert_ne!(other.below("action", "1").span, below[0].span);
    }

    #[test]
    fn the_trace_of_a_run_is_what_others_compute() {
        // printf 'workiva-sync run\0007' | sha256sum: the first 16 bytes, and the 8 behind them
        let run = Place::of_run("7");
        let hex = crate::core::plan::hex;
        assert_eq!(hex(&run.trace), "de743550444b2d98680dd61300a4acad");
        assert_eq!(hex(&run.span), "da4f715a1787c5a0");
    }
}
