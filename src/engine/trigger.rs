//! Runs that are asked for from outside: by what was pushed, or by a webhook. However many ask, one run answers all of them.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use super::clock::Clock;

/// The wait before people are looked at again who were left out; it doubles.
const FIRST_AGAIN: Duration = Duration::from_millis(500);
/// How often in a row it does: up to a minute.
const MOST_AGAINS: u32 = 8;

/// Who asks for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// Something was pushed.
    Push,
    /// A webhook.
    Webhook,
    /// A run that took a message off a queue, behind which more may wait.
    Queue,
    /// A comparison with Workiva that has recorded what it found.
    Drift,
    /// A pool that found what was decided long ago.
    Pool,
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The sources that are to be read, by name.
    pub sources: BTreeSet<String>,
    /// Whether all are.
    pub all: bool,
    /// Whether something was pushed.
    pub pushed: bool,
    /// Whether a webhook asked.
    pub called: bool,
    /// Whether what was found changed in Workiva is to be led back.
    pub drifted: bool,
    /// Whether people are to be looked at again who were left out.
    pub again: bool,
}

impl Asked {
    /// Whether the run is for what is there already, so that it waits for no source.
    pub fn waits_for_none(&self) -> bool {
        self.pushed || self.drifted || self.again
    }

    /// The cause of the run.
    pub fn cause(&self) -> &'static str {
        match (self.pushed, self.called) {
            (true, _) => "push",
            (false, true) => "webhook",
            (false, false) if !self.sources.is_empty() => "queue",
            (false, false) if self.drifted => "drift",
            (false, false) if self.all => "stale",
            (false, false) => "again",
        }
    }
}

/// What is asked for and has not begun.
#[derive(Debug, Default)]
pub struct Triggers {
    waiting: Mutex<Waiting>,
    news: Notify,
    /// What was queued before this is not believed by the pool without a run that looks at it.
    believed_from: Mutex<Option<DateTime<Utc>>>,
}

#[derive(Debug, Default)]
struct Waiting {
    pushed: BTreeSet<String>,
    queued: BTreeSet<String>,
    called: BTreeSet<String>,
    called_all: bool,
    drifted: bool,
    is_stale: bool,
    /// When the newest run began that a webhook asked for, by [`Clock::elapsed`].
    last_called_run: Option<Duration>,
    /// When people are to be looked at again who were left out.
    again_at: Option<Duration>,
    /// How many runs in a row have left somebody out.
    agains: u32,
}

impl Waiting {
    fn is_called(&self) -> bool {
        self.called_all || !self.called.is_empty()
    }
}

impl Triggers {
    /// Asks for a run that reads this source; `None`: all. The answer is whether one waited already that will do.
    pub fn ask(&self, asker: Asker, source: Option<&str>) -> bool {
        let mut waiting = self.waiting();
        let known = match (asker, source) {
            (Asker::Push, name) => !waiting.pushed.insert(name.unwrap_or_default().to_owned()),
            (Asker::Queue, name) => !waiting.queued.insert(name.unwrap_or_default().to_owned()),
            (Asker::Webhook, Some(name)) => waiting.called_all || !waiting.called.insert(name.to_owned()),
            (Asker::Drift, _) => std::mem::replace(&mut waiting.drifted, true),
            (Asker::Pool, _) => std::mem::replace(&mut waiting.is_stale, true),
            (Asker::Webhook, None) => std::mem::replace(&mut waiting.called_all, true),
        };
        drop(waiting);
        self.news.notify_one();
        known
    }

    /// Asks for a run of what is known, because the one that ended had to leave people out whose actions were in work. Each
    /// further one in a row waits longer.
    pub fn ask_again(&self, now: Duration) {
        let mut waiting = self.waiting();
        waiting.agains = (waiting.agains + 1).min(MOST_AGAINS);
        waiting.again_at = Some(now + FIRST_AGAIN * 2_u32.pow(waiting.agains - 1));
        drop(waiting);
        self.news.notify_one();
    }

    /// Takes back what was taken up and given up before it came to anything.
    pub fn give_back(&self, asked: Asked) {
        let mut waiting = self.waiting();
        waiting.drifted |= asked.drifted;
        waiting.called_all |= asked.all && asked.called;
        waiting.is_stale |= asked.all && !asked.called;
        if asked.again {
            waiting.again_at = Some(Duration::ZERO);
        }
        if asked.called {
            // It has had its turn for nothing.
            waiting.last_called_run = None;
        }
        let sources = match (asked.called, asked.pushed) {
            (true, _) => &mut waiting.called,
            (false, true) => &mut waiting.pushed,
            (false, false) => &mut waiting.queued,
        };
        sources.extend(asked.sources);
        drop(waiting);
        self.news.notify_one();
    }

    /// A pool begins, which does not believe what was queued before this until a run has looked at it.
    pub fn believe_from(&self, at: DateTime<Utc>) {
        *self.believed_from.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// What the newest pool of this process does not believe: what is older than this.
    pub fn believed_from(&self) -> Option<DateTime<Utc>> {
        *self.believed_from.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody is left out any more.
    pub fn all_looked_at(&self) {
        let mut waiting = self.waiting();
        (waiting.agains, waiting.again_at) = (0, None);
    }

    /// Waits until a run is due. Those that webhooks ask for begin `pause` apart.
    pub async fn due(&self, clock: &dyn Clock, pause: Duration) -> Asked {
        loop {
            let wait = {
                let mut waiting = self.waiting();
                let now = clock.elapsed();
                let since = waiting.last_called_run.map(|last| now.saturating_sub(last));
                let left = since.map(|since| pause.saturating_sub(since)).unwrap_or_default();
                let may_call = waiting.is_called() && left.is_zero();
                if may_call {
                    waiting.last_called_run = Some(now);
                }
                let again = waiting.again_at.map(|at| at.saturating_sub(now));
                let is_again = again.is_some_and(|left| left.is_zero());
                let is_pushed = !waiting.pushed.is_empty() || !waiting.queued.is_empty();
                let is_news = is_pushed || waiting.drifted || waiting.is_stale;
                if may_call || is_news || is_again {
                    waiting.again_at = waiting.again_at.filter(|_| !is_again);
                    return Asked { again: is_again, ..take(&mut waiting, may_call) };
                }
                waiting.is_called().then_some(left).into_iter().chain(again).min()
            };
            match wait {
                None => self.news.notified().await,
                Some(left) => tokio::select! {
                    () = self.news.notified() => {}
                    () = clock.sleep(left) => {}
                },
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take(waiting: &mut Waiting, called: bool) -> Asked {
    let pushed = !waiting.pushed.is_empty();
    let drifted = std::mem::take(&mut waiting.drifted);
    let sources = std::mem::take(&mut waiting.pushed);
    let mut asked = Asked { sources, pushed, called, drifted, ..Asked::default() };
    asked.sources.append(&mut waiting.queued);
    asked.all = std::mem::take(&mut waiting.is_stale);
    if called {
        asked.sources.append(&mut waiting.called);
        asked.all |= std::mem::take(&mut waiting.called_all);
    }
    asked
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::clock::SystemClock;

    #[tokio::test]
    async fn whoever_asks_while_a_run_waits_is_answered_by_that_one() {
        let triggers = Triggers::default();
        assert!(!triggers.ask(Asker::Webhook, Some("a")));
        assert!(triggers.ask(Asker::Webhook, Some("a")));
        assert!(!triggers.ask(Asker::Push, Some("b")));
        assert!(!triggers.ask(Asker::Webhook, None));
        assert!(triggers.ask(Asker::Webhook, Some("c")), "all are to be read");
        let asked = triggers.due(&SystemClock, Duration::ZERO).await;
        assert_eq!((asked.all, asked.cause()), (true, "push"));
        assert_eq!(asked.sources.into_iter().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[tokio::test]
    async fn a_queue_in_which_more_waits_is_read_again_at_once() {
        let triggers = Triggers::default();
        triggers.ask(Asker::Queue, Some("a"));
        let asked = triggers.due(&SystemClock, Duration::ZERO).await;
        assert_eq!((asked.cause(), asked.sources.len(), asked.all), ("queue", 1, false));
    }

    #[tokio::test]
    async fn whoever_was_left_out_is_looked_at_again_after_a_while() {
        let triggers = Triggers::default();
        triggers.ask_again(SystemClock.elapsed());
        let asked = triggers.due(&SystemClock, Duration::ZERO).await;
        assert_eq!((asked.cause(), &asked), ("again", &Asked { again: true, ..Asked::default() }));
        triggers.ask_again(SystemClock.elapsed() + Duration::from_secs(3600));
        triggers.ask(Asker::Push, Some("a"));
        assert_eq!(
            triggers.due(&SystemClock, Duration::ZERO).await.cause(),
            "push",
            "which looks at them as well"
        );
    }

    #[tokio::test]
    async fn webhooks_wait_for_the_pause_and_what_is_pushed_does_not() {
        let triggers = Arc::new(Triggers::default());
        let hour = Duration::from_secs(3600);
        triggers.ask(Asker::Webhook, None);
        assert!(triggers.due(&SystemClock, hour).await.all);
        triggers.ask(Asker::Webhook, Some("a"));
        triggers.ask(Asker::Push, Some("b"));
        let asked = triggers.due(&SystemClock, hour).await;
        assert_eq!(asked, Asked { sources: ["b".to_owned()].into(), pushed: true, ..Asked::default() });
        let asked = triggers.due(&SystemClock, Duration::ZERO).await;
        assert_eq!(asked, Asked { sources: ["a".to_owned()].into(), called: true, ..Asked::default() });
    }
}
