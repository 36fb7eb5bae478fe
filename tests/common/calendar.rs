//! The engine on one day after the other, without waiting for them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use workiva_sync::compose::{RealEngine, Surroundings, engine, load_config};
use workiva_sync::core::report::Counts;
use workiva_sync::engine::clock::{Clock, Sleep, SystemClock};
use workiva_sync::engine::outcome::Planned;
use workiva_sync::engine::pool::Until;
use workiva_sync::engine::schedule;
use workiva_sync::engine::telemetry::Telemetry;
use workiva_sync::store::{Owner, Store};

use super::{HEADER, Row, World, hr_text};

/// A clock that stands still, or goes on by as much as somebody sleeps.
#[derive(Debug)]
struct Told {
    now: Mutex<DateTime<Utc>>,
    goes_on: bool,
}

impl Clock for Told {
    fn now(&self) -> DateTime<Utc> {
        *self.now.lock().unwrap()
    }

    fn elapsed(&self) -> Duration {
        SystemClock.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        if !self.goes_on {
            return SystemClock.sleep(duration);
        }
        *self.now.lock().unwrap() += duration;
        Box::pin(tokio::task::yield_now())
    }
}

/// A world whose HR file says first and last days, and the engine in it on one day after the other.
pub struct Calendar {
    /// The world.
    pub world: World,
    runtime: tokio::runtime::Runtime,
}

impl Calendar {
    /// These people, with their first and last days.
    pub fn new(dated: &[(Row, &str, &str)]) -> Self {
        let mut world = World::new();
        world.set("source.columns.hire_date", "First Day");
        world.set("source.columns.termination_date", "Last Day");
        let calendar = Self::of(world);
        calendar.hr(dated);
        calendar
    }

    /// Over a world that is there.
    pub fn of(world: World) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self { world, runtime: runtime.unwrap() }
    }

    /// Another HR file.
    pub fn hr(&self, dated: &[(Row, &str, &str)]) {
        let mut text = HEADER.replace('\n', ",First Day,Last Day\n");
        for (row, first, last) in dated {
            let line = hr_text(std::slice::from_ref(row));
            text += &line[HEADER.len()..].replace('\n', &format!(",{first},{last}\n"));
        }
        self.world.hr_text(&text);
    }

    /// One cycle at noon of a day, pushed to its end; what was applied, and how many requests that took.
    pub fn sync_on(&self, day: &str) -> (Counts, u64) {
        self.sync_at(&format!("{day}T12:00:00Z"))
    }

    async fn engine(&self, now: &str, goes_on: bool) -> RealEngine {
        let surroundings = Surroundings {
            clock: Arc::new(Told { now: Mutex::new(now.parse().unwrap()), goes_on }),
            telemetry: Arc::new(Telemetry::default()),
            ..Surroundings::real()
        };
        let loaded = load_config(&self.world.path("config.toml")).unwrap();
        let store = Store::open(&self.world.database()).await.unwrap();
        engine(loaded, store, &surroundings, true).await.unwrap()
    }

    /// The daemon's schedule from this moment on, in which time goes on by itself, until so many more runs have ended. The
    /// answer is when each began, and why.
    pub fn runs_from(&self, now: &str, runs: usize) -> Vec<(String, String)> {
        self.runtime.block_on(async {
            let engine = Arc::new(self.engine(now, true).await);
            let from = engine.store.status(100, engine.clock.now()).await.unwrap().runs.len();
            let (stop, stopped) = watch::channel(false);
            let mut ended = engine.cycles.subscribe();
            let schedule = tokio::spawn(schedule::run(Arc::clone(&engine), stopped, true));
            ended.wait_for(|ended| *ended >= runs as u64).await.unwrap();
            stop.send(true).unwrap();
            schedule.await.unwrap();
            let all = engine.store.status(100, engine.clock.now()).await.unwrap().runs;
            engine.store.close().await;
            let told = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M").to_string();
            let new = all.iter().rev().skip(from).take(runs);
            new.map(|run| (told(run.started_at), run.cause.clone())).collect()
        })
    }

    /// What a cycle at this moment would do.
    pub fn plan_at(&self, now: &str) -> Planned {
        self.runtime.block_on(async {
            let engine = self.engine(now, false).await;
            let planned = engine.plan_connected(None).await.unwrap().unwrap();
            engine.store.close().await;
            planned
        })
    }

    /// One cycle at this moment, pushed to its end; what was applied, and how many requests that took.
    pub fn sync_at(&self, now: &str) -> (Counts, u64) {
        self.runtime.block_on(async {
            let engine = self.engine(now, false).await;
            let owner = Owner::register(engine.store.path(), &engine.random.name(engine.clock.now()));
            let result = engine.cycle("test").await.unwrap();
            let before = engine.store.done().await.unwrap();
            assert!(result.failure.is_none(), "{result:?}");
            let capabilities = engine.connect().await.unwrap().unwrap();
            let (_keep, stop) = watch::channel(false);
            engine.pool(&Arc::new(owner.unwrap()), capabilities).run(Until::Empty, stop).await.unwrap();
            let applied = engine.store.done().await.unwrap().since(&before);
            engine.store.close().await;
            (applied, engine.telemetry.requests_sent())
        })
    }
}
