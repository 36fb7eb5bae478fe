//! The run that reads next to nothing: over the same bytes, as long as nothing was left to be looked at again.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use common::{Row, World, kinds, people};
use secrecy::SecretString;
use serde_json::json;
use tokio::sync::watch;
use workiva_sync::compose::{Surroundings, engine, load_config};
use workiva_sync::core::report::Counts;
use workiva_sync::engine::clock::{Clock, Sleep, SystemClock};
use workiva_sync::engine::pool::Until;
use workiva_sync::engine::telemetry::Telemetry;
use workiva_sync::store::{Owner, Store};

/// Whether another `sync` looks at the source's rows: then the last of three people is settled anew.
fn looks_again(world: &World) -> bool {
    world.meddle("UPDATE person SET fingerprint = 'unsettled' WHERE employee_id = '1002'");
    let synced = world.sync();
    assert_eq!(synced.requests(), 0, "{synced:?}");
    let looked =
        world.number("SELECT fingerprint <> 'unsettled' FROM person WHERE employee_id = '1002'") == 1;
    if !looked {
        // As it was: none of the tests below is about somebody who is not settled.
        world.meddle(
            "UPDATE person SET fingerprint = (SELECT fingerprint FROM action WHERE employee_id = '1002' \
             ORDER BY action_id DESC LIMIT 1) WHERE employee_id = '1002'",
        );
    }
    looked
}

/// Three people, the first of whom has a user in Workiva who cannot be taken over for certain: that is parked.
fn with_one_parked() -> (World, Vec<Row>) {
    let world = World::new();
    let rows = people(3);
    let somebody = json!({"userName": rows[0].email, "externalId": "9999"});
    world.sandbox.seed_user(somebody).unwrap();
    let synced = world.sync_rows(&rows, 4);
    assert_eq!((synced.applied(), &synced.json["parked"]), (kinds([("create", 2)]), &json!(1)));
    (world, rows)
}

#[test]
fn a_second_run_over_the_same_bytes_sends_nothing_and_looks_at_no_row() {
    let world = World::new();
    let rows = people(3);
    world.sync_rows(&rows, 0);
    world.sync_rows(&rows, 0).assert_unchanged();
    assert!(!looks_again(&world));
    let text = std::fs::read_to_string(world.path("employees.csv")).unwrap();
    std::fs::write(world.path("employees-newer.csv"), &text).unwrap();
    assert!(!looks_again(&world), "the same bytes under another name");
    std::fs::write(world.path("employees-newest.csv"), text + "\n").unwrap();
    assert!(looks_again(&world), "one byte more");
    assert!(!looks_again(&world), "and once only");
}

#[test]
fn a_changed_configuration_has_the_same_bytes_looked_at_again() {
    let mut world = World::new();
    let rows = people(3);
    world.sync_rows(&rows, 0);
    world.set("retry.base_seconds", 0.02);
    assert!(!looks_again(&world), "it decides about nobody");
    world.set("access.keep_on_role_loss", true);
    assert!(looks_again(&world), "it could have decided otherwise");
    world.set("attributes.title", "Our {{ job_title }}");
    assert_eq!(world.sync().applied(), kinds([("update", 3)]));
}

#[test]
fn a_rejected_record_is_looked_at_and_told_again_in_every_run() {
    let world = World::new();
    let mut rows = people(3);
    rows[0].email = String::new();
    for _ in 0..3 {
        let synced = world.sync_rows(&rows, 4);
        assert_eq!(synced.json["source"], json!({"records": 3, "rejected": 1}));
    }
    assert!(looks_again(&world));
}

#[test]
fn a_parked_action_has_the_same_bytes_looked_at_again_and_is_not_sent_by_itself() {
    let (world, rows) = with_one_parked();
    assert!(looks_again(&world));
    assert!(looks_again(&world));
    let id = world.user(&rows[0].email).unwrap()["id"].as_str().unwrap().to_owned();
    world.sandbox.edit_user(&id, |user| user["externalId"] = "1000".into()).unwrap();
    assert_eq!(world.run(&["actions", "retry", "--all"]).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("create", 1)]));
    world.assert_agrees(&rows);
    world.sync().assert_unchanged();
    assert!(!looks_again(&world), "nothing is left");
}

#[test]
fn a_discarded_action_has_the_same_bytes_looked_at_again_and_stays_discarded_until_hr_wants_another_end() {
    let (world, mut rows) = with_one_parked();
    assert_eq!(world.run(&["actions", "discard", "--all"]).exit, 0);
    assert!(looks_again(&world));
    assert!(looks_again(&world));
    rows[0].email = "nobody.has.this@example.com".into();
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("create", 1)]));
    world.sync().assert_unchanged();
    assert!(!looks_again(&world), "nothing is left");
}

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
struct Calendar {
    world: World,
    runtime: tokio::runtime::Runtime,
}

impl Calendar {
    fn new(dated: &[(Row, &str, &str)]) -> Self {
        let mut world = World::new();
        world.set("source.columns.hire_date", "First Day");
        world.set("source.columns.termination_date", "Last Day");
        let mut text = common::HEADER.replace('\n', ",First Day,Last Day\n");
        for (row, first, last) in dated {
            let line = common::hr_text(std::slice::from_ref(row));
            text += &line[common::HEADER.len()..].replace('\n', &format!(",{first},{last}\n"));
        }
        world.hr_text(&text);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self { world, runtime: runtime.unwrap() }
    }

    /// One cycle, pushed to its end; what was applied, and how many requests that took.
    fn sync_on(&self, day: &str) -> (Counts, u64) {
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

#[test]
fn a_date_that_becomes_due_has_the_same_bytes_looked_at_again_on_that_day() {
    let rows = people(3);
    let calendar = Calendar::new(&[
        (rows[0].clone(), "2020-01-01", "2030-06-10"),
        (rows[1].clone(), "2030-06-05", ""),
        (rows[2].clone(), "2020-01-01", ""),
    ]);
    let nothing = (Counts::default(), 0);
    let one_create = Counts { create: 1, ..Counts::default() };
    let one_suspend = Counts { suspend: 1, ..Counts::default() };
    assert_eq!(calendar.sync_on("2030-06-01").0, Counts { create: 2, ..Counts::default() });
    assert_eq!(calendar.sync_on("2030-06-01"), nothing);
    assert_eq!(calendar.sync_on("2030-06-04"), nothing);
    assert_eq!(calendar.sync_on("2030-06-05").0, one_create, "the first day of work");
    assert_eq!(calendar.sync_on("2030-06-10"), nothing, "the last day of work");
    assert_eq!(calendar.sync_on("2030-06-11").0, one_suspend);
    assert_eq!(calendar.sync_on("2030-06-11"), nothing);
    calendar.world.assert_agrees(&[rows[1].clone(), rows[2].clone()]);
}

#[test]
fn a_queued_action_that_a_date_makes_needless_is_withdrawn_over_the_same_bytes_and_never_sent() {
    let row = people(1).remove(0);
    let calendar = Calendar::new(&[(row.clone(), "2020-01-01", "2030-06-10")]);
    let world = &calendar.world;
    assert_eq!(world.run(&["check"]).exit, 0);
    world.sandbox.set_password(&SecretString::from("another"));
    calendar.sync_on("2030-06-01");
    assert_eq!(world.number("SELECT count(*) FROM action WHERE state = 'queued'"), 1);
    world.sandbox.set_password(&SecretString::from("sandbox-password"));
    calendar.sync_on("2030-06-11");
    assert_eq!(world.number("SELECT count(*) FROM action WHERE state = 'superseded'"), 1);
    assert_eq!(world.sandbox.users(), [json!(null); 0]);
}

#[test]
fn a_parked_or_discarded_action_that_a_date_makes_needless_is_withdrawn_over_the_same_bytes() {
    for discarded in [false, true] {
        let rows = people(2);
        let calendar = Calendar::new(&[
            (rows[0].clone(), "2020-01-01", "2030-06-10"),
            (rows[1].clone(), "2020-01-01", ""),
        ]);
        let world = &calendar.world;
        world.sandbox.seed_user(json!({"userName": rows[0].email, "externalId": "9999"})).unwrap();
        assert_eq!(calendar.sync_on("2030-06-01").0, Counts { create: 1, ..Counts::default() });
        assert_eq!(world.parked().len(), 1);
        if discarded {
            assert_eq!(world.run(&["actions", "discard", "--all"]).exit, 0);
        }
        calendar.sync_on("2030-06-11");
        let waiting = "SELECT count(*) FROM action WHERE state IN ('queued', 'parked', 'discarded')";
        assert_eq!(world.number(waiting), 0, "discarded: {discarded}");
    }
}
