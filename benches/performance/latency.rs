//! From an accepted delta to the first request that Workiva gets of it: with so many people known and nothing else to do, and for leavers
//! while a first load of as many is under way.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use workiva_sync::compose::{RealEngine, engine};
use workiva_sync::core::delivery::{DeliveryKind, Format, PushRequest};
use workiva_sync::engine::trigger::Asker;
use workiva_sync::engine::{push, schedule};
use workiva_sync::sandbox::{Faults, RunningSandbox, SandboxOptions, start};
use workiva_sync::store::{Owner, Store};

use crate::common::{configuration_of, now, runtime, surroundings};
use crate::table::{self, thousands};

const ROUNDS: usize = 100;
const SOURCE: &str = "kind = \"push\"\n[source.push]\ntoken = \"a-token-that-nobody-asks-for\"\n";
const IN_FLIGHT: usize = 64;
/// What the server takes for each request.
const LATENCY_MS: u64 = 50;

pub fn measure(people: Option<usize>) {
    let people = people.unwrap_or(100_000);
    table::head();
    runtime().block_on(measure_with(people));
}

/// The daemon's parts: what runs when something was delivered, and what pushes.
async fn measure_with(people: usize) {
    let folder = tempfile::tempdir().unwrap();
    let faults = Faults { latency_ms: LATENCY_MS, ..Faults::default() };
    let sandbox = start(SandboxOptions { faults, ..SandboxOptions::default() }).await.unwrap();
    let loaded = configuration_of(folder.path(), &sandbox.base_url(), IN_FLIGHT, SOURCE);
    let store = Store::open(&loaded.rules.database).await.unwrap();
    let engine = Arc::new(engine(loaded, store, &surroundings(), true).await.unwrap());
    let owner = Arc::new(Owner::register(engine.store.path(), "bench").unwrap());
    let (stop, stopped) = watch::channel(false);
    let scheduling = tokio::spawn(schedule::run(Arc::clone(&engine), stopped.clone(), false));
    let pushing = tokio::spawn(push::run(Arc::clone(&engine), owner, |_| {}, stopped, true));
    let everybody: Vec<Value> = (0..people).map(|number| person(number, "Given", "Active")).collect();
    deliver(&engine, DeliveryKind::Snapshot, "everybody", Value::from(everybody)).await;
    // The first ones have to be there before they can leave.
    while requests(&sandbox, "POST") < 2 * ROUNDS as u64 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut leavers = Vec::new();
    for round in 0..ROUNDS {
        leavers.push(round_of(&engine, &sandbox, "leaver", person(round, "Given", "Terminated")).await);
    }
    assert!(engine.store.queue().await.unwrap().unfinished() > 0, "the load ended before the last leaver");
    row(
        &format!(
            "from an accepted leaver to the first request of it, during a first load of {}",
            thousands(people)
        ),
        leavers,
    );
    while engine.store.queue().await.unwrap().unfinished() > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut changes = Vec::new();
    for round in ROUNDS..2 * ROUNDS {
        changes.push(round_of(&engine, &sandbox, "change", person(round, "Changed", "Active")).await);
        while engine.store.queue().await.unwrap().unfinished() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    row(
        &format!(
            "from an accepted change to the first request of it, nothing else to do, {} people known",
            thousands(people)
        ),
        changes,
    );
    stop.send_replace(true);
    let _ = tokio::join!(scheduling, pushing);
}

/// Delivers it, and waits for the first request that changes a user.
async fn round_of(engine: &RealEngine, sandbox: &RunningSandbox, what: &str, person: Value) -> Duration {
    let before = changes(sandbox);
    let key = format!("{what} {}", person["Employee ID"]);
    let begun = now();
    deliver(engine, DeliveryKind::Delta, &key, Value::from(vec![person])).await;
    while changes(sandbox) == before {
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    begun.elapsed()
}

fn row(what: &str, mut taken: Vec<Duration>) {
    taken.sort_unstable();
    let of_hundred = |part: usize| taken[(taken.len() * part / 100).min(taken.len() - 1)].as_millis();
    let figure = format!("median {} ms, 99th of 100 {} ms", of_hundred(50), of_hundred(98));
    table::figure(what, figure, "at most 100 and 250 ms");
}

async fn deliver(engine: &RealEngine, kind: DeliveryKind, key: &str, records: Value) {
    let request = PushRequest::Deliver { kind, format: Format::Json, key: key.into(), records: None };
    let taken = engine.receive("source", request, records.to_string().into_bytes()).await.unwrap();
    assert!(taken.is_new);
    engine.triggers.ask(Asker::Push, Some("source"));
}

fn requests(sandbox: &RunningSandbox, method: &str) -> u64 {
    sandbox.statistics().by_method.get(method).copied().unwrap_or_default()
}

fn changes(sandbox: &RunningSandbox) -> u64 {
    requests(sandbox, "PATCH") + requests(sandbox, "PUT")
}

fn person(number: usize, given: &str, status: &str) -> Value {
    json!({
        "Employee ID": format!("E{number:07}"), "First Name": format!("{given}{number}"),
        "Last Name": format!("Family{number}"), "Preferred Name": null,
        "Work Email": format!("given{number}.family{number}@example.com"), "Status": status,
        "Worker Type": "Employee", "Hire Date": "2020-01-01", "Termination Date": null, "Department": "Finance",
        "Job Title": "Analyst", "Manager ID": null, "Location": "Building 1", "Cost Center": "CC-1",
    })
}
