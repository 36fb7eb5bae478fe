//! How many wrong tokens somebody may show: each fills a bucket that leaks as time passes, and a full one is asked to wait. It takes the
//! same memory however many show however much.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};

/// Buckets of clients, and of machines. Two that meet in one share it.
const BUCKETS: usize = 2048;
/// Who has shown which right token is kept in mind so many times; who did so longest ago goes first.
const KNOWN: usize = 512;
/// Of one client.
const EACH: Limit = Limit { at_once: 10, every: TimeDelta::seconds(6) };
/// Of all for whom one machine asks: a proxy, or whoever makes up addresses.
const THROUGH: Limit = Limit { at_once: 100, every: TimeDelta::seconds(1) };
/// Of all together.
const ALL: Limit = Limit { at_once: 300, every: TimeDelta::milliseconds(200) };

/// Of one client beyond that, before whoever has shown a right token from there waits as well: each of these may be a guess at that one.
const BEYOND: Limit = Limit { at_once: 600, every: TimeDelta::milliseconds(100) };

/// So many at once, and one more whenever so much time has passed.
struct Limit {
    at_once: i32,
    every: TimeDelta,
}

/// Who shows a token, by digests that nobody else can work out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shower {
    /// The client.
    pub client: u64,
    /// The machine that the request came from.
    pub through: u64,
}

/// Too many wrong tokens were shown: this one was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "too many tokens were shown that are nobody's; this one was not looked at, show it again in {seconds} s"
)]
pub struct TooMany {
    /// After so many seconds the next one is.
    pub seconds: i64,
}

/// The wrong tokens of late.
pub struct Attempts {
    clients: Vec<Bucket>,
    machines: Vec<Bucket>,
    all: Bucket,
    /// Of clients: what was shown while they were to wait.
    beyond: Vec<Bucket>,
    known: VecDeque<(u64, [u8; 32])>,
}

#[derive(Clone, Copy, Default)]
struct Bucket {
    empty_at: DateTime<Utc>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            clients: vec![Bucket::default(); BUCKETS],
            machines: vec![Bucket::default(); BUCKETS],
            all: Bucket::default(),
            beyond: vec![Bucket::default(); BUCKETS],
            known: VecDeque::with_capacity(KNOWN),
        }
    }
}

impl Attempts {
    /// What `find` makes of a token with this digest. A right one takes nothing back of what wrong ones have filled. Whoever has shown the
    /// same one before, and it was right, is not kept waiting by a few wrong ones from there; only by so many that the right one could be
    /// found among them.
    ///
    /// # Errors
    /// Too many wrong ones were shown, by this client or by all; `find` was not asked.
    pub fn judge<T>(
        &mut self,
        shower: Shower,
        token: [u8; 32],
        now: DateTime<Utc>,
        find: impl FnOnce() -> Option<T>,
    ) -> Result<Option<T>, TooMany> {
        let known = self.known.iter().position(|known| *known == (shower.client, token));
        let waits = self.buckets_of(shower).map(|(bucket, limit)| bucket.wait(limit, now));
        let wait = waits.into_iter().max().unwrap_or_default();
        if wait > TimeDelta::zero() {
            let beyond = &mut self.beyond[place(shower.client)];
            let wait_beyond = beyond.wait(&BEYOND, now);
            let is_full = wait_beyond > TimeDelta::zero();
            if known.is_none() && !is_full {
                beyond.fill(&BEYOND, now);
            }
            if known.is_none() || is_full {
                // To a right one nothing else is said than to a wrong one: it would be told apart by that.
                return Err(TooMany { seconds: (wait.max(wait_beyond).num_milliseconds() + 999) / 1000 });
            }
        }
        known.map(|at| self.known.remove(at));
        let found = find();
        if found.is_some() {
            if self.known.len() == KNOWN {
                self.known.pop_front();
            }
            self.known.push_back((shower.client, token));
        } else {
            self.buckets_of(shower).into_iter().for_each(|(bucket, limit)| bucket.fill(limit, now));
        }
        Ok(found)
    }

    fn buckets_of(&mut self, shower: Shower) -> [(&mut Bucket, &'static Limit); 3] {
        [
            (&mut self.clients[place(shower.client)], &EACH),
            (&mut self.machines[place(shower.through)], &THROUGH),
            (&mut self.all, &ALL),
        ]
    }
}

fn place(key: u64) -> usize {
    (key % BUCKETS as u64) as usize
}

impl Bucket {
    /// How long until one more is let through. A clock that was set back makes nobody wait for longer than a full bucket does.
    fn wait(&mut self, limit: &Limit, now: DateTime<Utc>) -> TimeDelta {
        let leaks = (self.empty_at - now).clamp(TimeDelta::zero(), limit.every * limit.at_once);
        self.empty_at = now + leaks;
        leaks - limit.every * (limit.at_once - 1)
    }

    fn fill(&mut self, limit: &Limit, now: DateTime<Utc>) {
        self.empty_at = self.empty_at.max(now) + limit.every;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: [u8; 32] = [1; 32];
    const ANN: Shower = Shower { client: 10, through: 20 };

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn show(
        attempts: &mut Attempts,
        shower: Shower,
        token: [u8; 32],
        now: DateTime<Utc>,
    ) -> Result<bool, TooMany> {
        let found = attempts.judge(shower, token, now, || (token == RIGHT).then_some(()));
        found.map(|found| found.is_some())
    }

    /// Of so many wrong tokens, how many were looked at.
    fn guess(attempts: &mut Attempts, number: u32, shower: impl Fn(u32) -> Shower) -> usize {
        (0..number).filter(|n| show(attempts, shower(*n), [0; 32], at(0)).is_ok()).count()
    }

    #[test]
    fn of_many_wrong_tokens_a_client_shows_ten_are_looked_at_and_one_more_every_six_seconds() {
        let mut attempts = Attempts::default();
        assert_eq!(guess(&mut attempts, 50, |_| ANN), 10);
        assert_eq!(
            show(&mut attempts, ANN, RIGHT, at(0)),
            Err(TooMany { seconds: 6 }),
            "not even a right one"
        );
        assert_eq!(show(&mut attempts, ANN, [0; 32], at(5)), Err(TooMany { seconds: 1 }));
        assert_eq!(show(&mut attempts, ANN, [0; 32], at(6)), Ok(false));
        assert_eq!(show(&mut attempts, ANN, [0; 32], at(6)), Err(TooMany { seconds: 6 }));
        assert_eq!(show(&mut attempts, ANN, RIGHT, at(12)), Ok(true), "to wait is enough");
        let other = Shower { client: 11, through: 21 };
        assert_eq!(show(&mut attempts, other, RIGHT, at(0)), Ok(true), "others are not kept out");
    }

    #[test]
    fn whoever_has_shown_a_right_token_is_let_in_whatever_else_comes_from_there() {
        let mut attempts = Attempts::default();
        assert_eq!(show(&mut attempts, ANN, RIGHT, at(0)), Ok(true));
        assert_eq!(guess(&mut attempts, 50, |_| ANN), 10);
        assert_eq!(show(&mut attempts, ANN, RIGHT, at(0)), Ok(true));
        let found: Result<Option<()>, TooMany> = attempts.judge(ANN, RIGHT, at(0), || None);
        assert_eq!(found, Ok(None), "it is nobody's any more");
        assert!(show(&mut attempts, ANN, RIGHT, at(0)).is_err(), "and is kept in mind no longer");
    }

    #[test]
    fn a_right_token_takes_nothing_back_of_what_wrong_ones_from_there_have_filled() {
        let mut attempts = Attempts::default();
        for _ in 0..10 {
            assert_eq!(show(&mut attempts, ANN, RIGHT, at(0)), Ok(true));
            let _ = show(&mut attempts, ANN, [0; 32], at(0));
        }
        assert_eq!(guess(&mut attempts, 50, |_| ANN), 0, "ten were looked at between the right ones");
        assert_eq!(show(&mut attempts, ANN, RIGHT, at(0)), Ok(true));
    }

    #[test]
    fn whoever_guesses_where_somebody_has_shown_a_right_token_finds_it_no_faster_than_ten_a_second() {
        let mut attempts = Attempts::default();
        assert_eq!(show(&mut attempts, ANN, RIGHT, at(0)), Ok(true));
        guess(&mut attempts, 10 + 599, |_| ANN);
        assert_eq!(show(&mut attempts, ANN, RIGHT, at(0)), Ok(true), "as many may be a broken script");
        guess(&mut attempts, 10_000, |_| ANN);
        let refused = show(&mut attempts, ANN, [0; 32], at(0));
        assert_eq!(refused, Err(TooMany { seconds: 6 }));
        assert_eq!(show(&mut attempts, ANN, RIGHT, at(0)), refused, "a guess that is right learns nothing");
        // In a second there is room for ten: of the guesses that fill it, a right one was among those that count.
        let tried = (0..1000).filter(|_| {
            let counted = show(&mut attempts, ANN, RIGHT, at(1)) == Ok(true);
            let _ = show(&mut attempts, ANN, [0; 32], at(1));
            counted
        });
        assert_eq!(tried.count(), 10);
        assert_eq!(show(&mut attempts, ANN, RIGHT, at(2)), Ok(true), "and whoever waits is let in again");
    }

    #[test]
    fn many_clients_of_one_machine_and_many_machines_are_limited_together() {
        let mut attempts = Attempts::default();
        let made_up = |n: u32| Shower { client: u64::from(n), through: 20 };
        assert_eq!(guess(&mut attempts, 1000, made_up), 100);
        let mut attempts = Attempts::default();
        let everywhere = |n: u32| Shower { client: u64::from(n), through: u64::from(n) };
        assert_eq!(guess(&mut attempts, 1000, everywhere), 300);
    }

    #[test]
    fn a_clock_that_is_set_back_by_a_year_keeps_nobody_out_for_longer() {
        let mut attempts = Attempts::default();
        guess(&mut attempts, 50, |_| ANN);
        let year = -365 * 86_400;
        assert_eq!(show(&mut attempts, ANN, RIGHT, at(year)), Err(TooMany { seconds: 6 }));
        assert_eq!(show(&mut attempts, ANN, RIGHT, at(year + 6)), Ok(true));
    }
}
