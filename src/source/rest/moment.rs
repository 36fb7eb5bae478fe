//! From which moment on an answer may lack what changed.

use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Utc};
use reqwest::header::{DATE, HeaderMap};

/// The moment before a request is sent.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) at: SystemTime,
    since: Instant,
}

/// From when on an answer may lack what changed: the system may have taken what it holds as soon as it was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Began {
    pub(super) at: DateTime<Utc>,
    /// How far the system's clock is ahead of this machine's.
    pub(super) ahead: Duration,
}

impl Asked {
    /// Now.
    #[expect(
        clippy::disallowed_methods,
        reason = "from where the next delta goes on; nobody's access is decided by it"
    )]
    pub(super) fn now() -> Self {
        Self { at: SystemTime::now(), since: Instant::now() }
    }

    /// What an answer with these headers that has just come means.
    pub(super) fn answered(self, headers: &HeaderMap) -> Began {
        began(date(headers), self.at, self.since.elapsed())
    }
}

/// `Date` says when an answer went out, which may be long after what it holds was taken, so the time that it `took` comes off. Changes are
/// stamped by the system's clock, so a clock of ours that is ahead must not count; nor must a `Date` that lies in the future: what is asked for
/// from the earlier of the two comes again at worst.
fn began(date: Option<SystemTime>, asked: SystemTime, took: Duration) -> Began {
    let theirs = date.and_then(|date| date.checked_sub(took)).unwrap_or(asked);
    let ahead = theirs.duration_since(asked).unwrap_or_default();
    Began { at: theirs.min(asked).into(), ahead }
}

/// When an answer was made: by its `Date`, or else by this machine's clock.
pub(super) fn time_of(headers: &HeaderMap) -> DateTime<Utc> {
    date(headers).unwrap_or_else(|| Asked::now().at).into()
}

fn date(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_while_an_answer_was_made_comes_with_the_next_delta_whatever_the_clocks_show() {
        let at = |second: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        let began = |date: Option<u64>, asked: u64, took: u64| {
            let began = began(date.map(at), at(asked), Duration::from_secs(took));
            (began.at.timestamp(), began.ahead.as_secs())
        };
        assert_eq!(began(Some(1_006), 1_000, 6), (1_000, 0), "its data was taken before it was sent");
        assert_eq!(began(None, 1_000, 6), (1_000, 0));
        assert_eq!(
            began(Some(906), 1_000, 6),
            (900, 0),
            "changes are stamped by a clock that is behind ours"
        );
        assert_eq!(began(Some(87_406), 1_000, 6), (1_000, 86_400), "one answer is dated tomorrow");
    }
}
