//! From a delta that was accepted to the first request that Workiva gets of it, with so many people known.
//!
//! `cargo bench --bench push_latency [-- PEOPLE…]`
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and ends by a panic"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{configuration_of, median, now, surroundings};
use serde_json::{Value, json};
use tokio::sync::watch;
use workiva_sync::compose::{RealEngine, engine};
use workiva_sync::core::delivery::{DeliveryKind, Format, PushRequest};
use workiva_sync::engine::trigger::Asker;
use workiva_sync::engine::{push, schedule};
use workiva_sync::sandbox::{RunningSandbox, SandboxOptions, start};
use workiva_sync::store::{Owner, Store};

const ROUNDS: usize = 21;
const SOURCE: &str = "kind = \"push\"\n[source.push]\ntoken = \"a-token-that-nobody-asks-for\"\n";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![1_000, 10_000, 100_000];
    }
    println!("from an accepted delta of one person to the first request at Workiva, {ROUNDS} rounds:");
    for people in sizes {
        runtime.block_on(measure(people));
    }
}

async fn measure(people: usize) {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = start(SandboxOptions::default()).await.unwrap();
    let loaded = configuration_of(folder.path(), &sandbox.base_url(), 64, SOURCE);
    let store = Store::open(&loaded.rules.database).await.unwrap();
    let engine = Arc::new(engine(loaded, store, &surroundings(), true).await.unwrap());
    let owner = Arc::new(Owner::register(engine.store.path(), "bench").unwrap());
    let (stop, stopped) = watch::channel(false);
    let scheduling = tokio::spawn(schedule::run(Arc::clone(&engine), stopped.clone(), false));
    let pushing = tokio::spawn(push::run(Arc::clone(&engine), owner, |_| {}, stopped, true));
    let everybody: Vec<Value> = (0..people).map(|number| person(number, "Given")).collect();
    deliver(&engine, DeliveryKind::Snapshot, "everybody", Value::from(everybody)).await;
    while requests(&sandbox, "POST") < people as u64 || engine.store.queue().await.unwrap().unfinished() > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut taken = Vec::new();
    for round in 0..ROUNDS {
        let before = changes(&sandbox);
        let delta = Value::from(vec![person(round, &format!("Round{round}"))]);
        let begun = now();
        deliver(&engine, DeliveryKind::Delta, &format!("delta {round}"), delta).await;
        while changes(&sandbox) == before {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        taken.push(begun.elapsed());
        while engine.store.queue().await.unwrap().unfinished() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let most = taken.iter().max().unwrap().as_millis();
    println!("{people:>9} people: median {} ms, most {most} ms", median(taken).as_millis());
    stop.send_replace(true);
    let _ = tokio::join!(scheduling, pushing);
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

fn person(number: usize, given: &str) -> Value {
    json!({
        "Employee ID": format!("E{number:07}"), "First Name": format!("{given}{number}"),
        "Last Name": format!("Family{number}"), "Preferred Name": null,
        "Work Email": format!("given{number}.family{number}@example.com"), "Status": "Active",
        "Worker Type": "Employee", "Hire Date": "2020-01-01", "Termination Date": null, "Department": "Finance",
        "Job Title": "Analyst", "Manager ID": null, "Location": "Building 1", "Cost Center": "CC-1",
    })
}
