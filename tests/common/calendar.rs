//! The engine on one day after the other, without waiting for them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use tokio::sync::watch;
use workiva_sync::compose::{Surroundings, engine, load_config};
use workiva_sync::core::report::Counts;
use workiva_sync::engine::clock::{Clock, Sleep, SystemClock};
use workiva_sync::engine::pool::Until;
use workiva_sync::engine::telemetry::Telemetry;
use workiva_sync::store::{Owner, Store};

use super::{HEADER, Row, World, hr_text};

/// A clock that stands at noon of a day.
#[derive(Debug)]
struct Noon(Mutex<NaiveDate>);

impl Clock for Noon {
    fn now(&self) -> DateTime<Utc> {
        self.0.lock().unwrap().and_time(NaiveTime::from_hms_opt(12, 0, 0).unwrap()).and_utc()
    }

    fn elapsed(&self) -> Duration {
        SystemClock.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        SystemClock.sleep(duration)
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
        let mut text = HEADER.replace('\n', ",First Day,Last Day\n");
        for (row, first, last) in dated {
            let line = hr_text(std::slice::from_ref(row));
            text += &line[HEADER.len()..].replace('\n', &format!(",{first},{last}\n"));
        }
        world.hr_text(&text);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self { world, runtime: runtime.unwrap() }
    }

    /// One cycle, pushed to its end; what was applied, and how many requests that took.
    pub fn sync_on(&self, day: &str) -> (Counts, u64) {
        self.runtime.block_on(async {
            let surroundings = Surroundings {
                clock: Arc::new(Noon(Mutex::new(day.parse().unwrap()))),
                telemetry: Arc::new(Telemetry::default()),
                ..Surroundings::real()
            };
            let loaded = load_config(&self.world.path("config.toml")).unwrap();
            let store = Store::open(&self.world.database()).await.unwrap();
            let engine = engine(loaded, store, &surroundings, true).await.unwrap();
            let owner = Owner::register(engine.store.path(), &engine.random.name(engine.clock.now()));
            let result = engine.cycle("test").await.unwrap();
            assert!(result.failure.is_none(), "{result:?}");
            let capabilities = engine.connect().await.unwrap().unwrap();
            let (_keep, stop) = watch::channel(false);
            engine.pool(&Arc::new(owner.unwrap()), capabilities).run(Until::Empty, stop).await.unwrap();
            let applied = engine.store.done_since(result.started_at).await.unwrap();
            engine.store.close().await;
            // The clock stands still, so a second run of one day counts what the first one did as well.
            let queued = result.committed.queued > 0;
            (if queued { applied } else { Counts::default() }, engine.telemetry.requests_sent())
        })
    }
}
