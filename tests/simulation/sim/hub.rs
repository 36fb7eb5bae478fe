//! Where every task of every simulated process waits: for an answer, for a write, for the source, for time. Nothing goes on
//! by itself; the driver lets go of one thing at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::oneshot;
use workiva_sync::core::scim::{Exchange, ScimRequest};
use workiva_sync::engine::clock::{Clock, Sleep};

/// A simulated process; each start has a number of its own.
pub type Who = u32;

/// What somebody waits for.
pub enum Wish {
    /// An answer of Workiva's.
    Request(ScimRequest, oneshot::Sender<Exchange>),
    /// To begin a write; the answer is the number of pages that the disk has room for.
    Write(oneshot::Sender<u32>),
    /// A step of the source.
    Source(&'static str, oneshot::Sender<()>),
}

impl Wish {
    fn words(&self) -> String {
        match self {
            Self::Request(request, _) => {
                let body = request.body().map(ToString::to_string).unwrap_or_default();
                format!("{} {} {body}", request.method(), request.path_and_query())
            }
            Self::Write(_) => "write".to_owned(),
            Self::Source(name, _) => (*name).to_owned(),
        }
    }
}

/// Somebody who waits.
pub struct Waiting {
    /// The order of coming.
    pub number: u64,
    /// Who it is.
    pub who: Who,
    /// Since when, on the clock that is never set back.
    pub since: Duration,
    /// For what.
    pub wish: Wish,
}

/// Somebody who sleeps.
struct Sleeper {
    who: Who,
    duration: Duration,
    sender: oneshot::Sender<()>,
}

struct State {
    began: DateTime<Utc>,
    elapsed: Duration,
    set_back: TimeDelta,
    number: u64,
    /// Whoever has a number up to this is in order.
    arranged: u64,
    waiting: BTreeMap<u64, Waiting>,
    sleepers: BTreeMap<(Duration, u64), Sleeper>,
    reading: BTreeSet<Who>,
    activity: u64,
    trace: DefaultHasher,
    log: Vec<String>,
    faults: Vec<String>,
}

/// Shared by all tasks of one simulation.
#[derive(Clone)]
pub struct Hub(Arc<Mutex<State>>);

impl Hub {
    /// With a clock that begins here.
    pub fn new(began: DateTime<Utc>) -> Self {
        let state = State {
            began,
            elapsed: Duration::ZERO,
            set_back: TimeDelta::zero(),
            number: 0,
            arranged: 0,
            waiting: BTreeMap::new(),
            sleepers: BTreeMap::new(),
            reading: BTreeSet::new(),
            activity: 0,
            trace: DefaultHasher::new(),
            log: Vec::new(),
            faults: Vec::new(),
        };
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The time on the wall.
    pub fn now(&self) -> DateTime<Utc> {
        let state = self.state();
        state.began + TimeDelta::from_std(state.elapsed).unwrap() - state.set_back
    }

    /// What has passed.
    pub fn elapsed(&self) -> Duration {
        self.state().elapsed
    }

    /// Time passes; nobody wakes by that alone.
    pub fn pass(&self, duration: Duration) {
        self.state().elapsed += duration;
    }

    /// Somebody sets the clock on the wall back.
    pub fn set_back(&self, by: Duration) {
        self.state().set_back += TimeDelta::from_std(by).unwrap();
    }

    /// Notes what happened: for the trace, and for whoever reads the replay.
    pub fn note(&self, text: String) {
        let mut state = self.state();
        let line = format!("{:>9.3} {text}", state.elapsed.as_secs_f64());
        line.hash(&mut state.trace);
        // Among what the engine says of it, in a replay.
        tracing::debug!(target: "simulation", "{line}");
        state.log.push(line);
    }

    /// Notes that something happened that never must.
    pub fn fault(&self, text: String) {
        self.note(format!("FAULT {text}"));
        self.state().faults.push(text);
    }

    /// What happened that never must.
    pub fn faults(&self) -> Vec<String> {
        self.state().faults.clone()
    }

    /// What happened, in one number.
    pub fn trace(&self) -> u64 {
        self.state().trace.finish()
    }

    /// What happened, in lines.
    pub fn log(&self) -> Vec<String> {
        self.state().log.clone()
    }

    /// Grows with everything that anybody does here.
    pub fn activity(&self) -> u64 {
        self.state().activity
    }

    /// Whether a read of a process's source is on its way on a thread of its own.
    pub fn is_reading(&self, who: Who) -> bool {
        self.state().reading.contains(&who)
    }

    /// A read on another thread begins or ends.
    pub fn reads(&self, who: Who, begins: bool) {
        let mut state = self.state();
        state.activity += 1;
        let known = if begins { state.reading.insert(who) } else { state.reading.remove(&who) };
        assert!(known, "a process reads one thing at a time");
    }

    /// Asks, and waits for the driver. Whoever is dead by then waits for ever.
    pub async fn ask<T>(&self, who: Who, wish: impl FnOnce(oneshot::Sender<T>) -> Wish) -> T {
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = self.state();
            state.activity += 1;
            state.number += 1;
            let waiting = Waiting { number: state.number, who, since: state.elapsed, wish: wish(sender) };
            if matches!(waiting.wish, Wish::Request(..)) {
                tracing::debug!(target: "simulation", "{who} asks {}", waiting.wish.words());
            }
            state.waiting.insert(waiting.number, waiting);
        }
        match receiver.await {
            Ok(answer) => answer,
            Err(_) => std::future::pending().await,
        }
    }

    /// Looks at everybody who waits, in the order of coming. Whoever has given up is forgotten.
    pub fn look<T>(&self, look: impl FnMut(&Waiting) -> T) -> Vec<T> {
        let mut state = self.state();
        state.waiting.retain(|_, waiting| !match &waiting.wish {
            Wish::Request(_, sender) => sender.is_closed(),
            Wish::Write(sender) => sender.is_closed(),
            Wish::Source(_, sender) => sender.is_closed(),
        });
        state.waiting.values().map(look).collect()
    }

    /// Puts those who have come since the last time in an order that does not depend on which thread was quicker.
    pub fn arrange(&self) {
        let mut state = self.state();
        let arranged = state.arranged;
        let mut new = state.waiting.split_off(&(arranged + 1)).into_values().collect::<Vec<_>>();
        new.sort_by_cached_key(|waiting| (waiting.who, waiting.wish.words(), waiting.number));
        let (slept, asleep) = std::mem::take(&mut state.sleepers)
            .into_iter()
            .partition::<Vec<_>, _>(|(key, _)| key.1 > arranged);
        state.sleepers = asleep.into_iter().collect();
        let mut slept = slept;
        slept.sort_by_key(|((at, number), sleeper)| (*at, sleeper.who, *number));
        for mut waiting in new {
            state.arranged += 1;
            waiting.number = state.arranged;
            state.waiting.insert(waiting.number, waiting);
        }
        for ((at, _), sleeper) in slept {
            state.arranged += 1;
            let number = state.arranged;
            state.sleepers.insert((at, number), sleeper);
        }
        state.number = state.arranged;
    }

    /// Takes one who waits out, to be answered.
    pub fn take(&self, number: u64) -> Waiting {
        self.state().waiting.remove(&number).expect("it was seen waiting")
    }

    /// The sleepers whose time has come, soonest first.
    pub fn due(&self) -> Vec<(Duration, u64)> {
        let mut state = self.state();
        state.sleepers.retain(|_, sleeper| !sleeper.sender.is_closed());
        let elapsed = state.elapsed;
        state.sleepers.keys().take_while(|(at, _)| *at <= elapsed).copied().collect()
    }

    /// When the next sleeper wakes.
    pub fn next_wake(&self) -> Option<Duration> {
        let mut state = self.state();
        state.sleepers.retain(|_, sleeper| !sleeper.sender.is_closed());
        state.sleepers.keys().next().map(|(at, _)| *at)
    }

    /// Whether somebody sleeps for less than a second: in the middle of some work, rather than between two looks.
    pub fn somebody_naps(&self) -> bool {
        let state = self.state();
        state.sleepers.values().any(|one| one.duration < Duration::from_secs(1) && !one.sender.is_closed())
    }

    /// Wakes one.
    pub fn wake(&self, key: (Duration, u64)) {
        let sleeper = self.state().sleepers.remove(&key);
        if let Some(sleeper) = sleeper {
            // Somebody who has given up since is no harm.
            let _ = sleeper.sender.send(());
        }
    }

    /// A process is no more: whatever it waits for never comes.
    pub fn bury(&self, who: Who) -> Vec<Waiting> {
        let mut state = self.state();
        state.sleepers.retain(|_, sleeper| sleeper.who != who);
        let (gone, left) = std::mem::take(&mut state.waiting).into_values().partition(|one| one.who == who);
        state.waiting = Vec::into_iter(left).map(|one: Waiting| (one.number, one)).collect();
        gone
    }

    fn sleep(&self, who: Who, duration: Duration) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state();
        state.activity += 1;
        state.number += 1;
        let key = (state.elapsed + duration, state.number);
        state.sleepers.insert(key, Sleeper { who, duration, sender });
        receiver
    }
}

/// The clock of one process.
pub struct SimClock {
    /// Where it waits.
    pub hub: Hub,
    /// Whose it is.
    pub who: Who,
}

impl Clock for SimClock {
    fn now(&self) -> DateTime<Utc> {
        self.hub.now()
    }

    fn elapsed(&self) -> Duration {
        self.hub.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let woken = self.hub.sleep(self.who, duration);
        Box::pin(async move {
            if woken.await.is_err() {
                std::future::pending().await
            }
        })
    }
}
