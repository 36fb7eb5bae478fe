//! The first load of 10,000 people into the stand-in, against a bare reqwest loop that posts the same users to it.
//!
//! `cargo bench --bench first_load [-- PEOPLE]`
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and ends by a panic"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{configuration, now, surroundings, write_hr_file};
use serde_json::{Value, json};
use tokio::sync::watch;
use workiva_sync::compose::engine;
use workiva_sync::engine::pool::Until;
use workiva_sync::sandbox::{Faults, RunningSandbox, SandboxOptions, start};
use workiva_sync::store::{Owner, Store};

const IN_FLIGHT: usize = 64;
const ROUNDS: usize = 5;
/// At none, server, client and database share the cores, and every microsecond of ours counts; a real one takes its time.
const LATENCIES_MS: [u64; 2] = [0, 10];

fn main() {
    let people: usize = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(10_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!("first load of {people} people at {IN_FLIGHT} in flight, against a bare reqwest loop:");
    for latency_ms in LATENCIES_MS {
        let (mut floor, mut load) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            floor.push(runtime.block_on(bare_loop(people, latency_ms)));
            load.push(runtime.block_on(first_load(people, latency_ms)));
        }
        floor.sort_by(f64::total_cmp);
        load.sort_by(f64::total_cmp);
        let (floor, load) = (floor[ROUNDS / 2], load[ROUNDS / 2]);
        println!(
            "a server that answers after {latency_ms} ms: {load:.0} requests/s against {floor:.0}, ratio {:.2} (wanted: at least 0.70)",
            load / floor
        );
    }
}

async fn sandbox(latency_ms: u64) -> RunningSandbox {
    let faults = Faults { latency_ms, ..Faults::default() };
    start(SandboxOptions { faults, ..SandboxOptions::default() }).await.unwrap()
}

/// Posts users as fast as reqwest does.
async fn bare_loop(people: usize, latency_ms: u64) -> f64 {
    let sandbox = sandbox(latency_ms).await;
    // Building a client asks for a provider even where only plain http is spoken.
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = reqwest::Client::builder().pool_max_idle_per_host(IN_FLIGHT).no_proxy().build().unwrap();
    let url = format!("{}/Users", sandbox.base_url());
    let next = Arc::new(AtomicUsize::new(0));
    let begun = now();
    let workers = (0..IN_FLIGHT).map(|_| {
        let (client, url, next) = (client.clone(), url.clone(), Arc::clone(&next));
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= people {
                    return;
                }
                let request = client.post(&url).basic_auth("scim-user", Some("sandbox-password"));
                let request =
                    request.header("content-type", "application/scim+json").body(body(number).to_string());
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), 201);
                let user: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
                assert!(user["id"].is_string());
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    let rate = people as f64 / begun.elapsed().as_secs_f64();
    sandbox.stop().await;
    rate
}

fn body(number: usize) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": format!("given{number}.family{number}@example.com"),
        "name": {"givenName": format!("Given{number}"), "familyName": format!("Family{number}")},
        "emails": [{"type": "work", "primary": true, "value": format!("given{number}.family{number}@example.com")}],
        "externalId": format!("E{number:07}"),
        "active": true
    })
}

/// The pushing half of a cycle: from the stored plan to the last confirmed account.
async fn first_load(people: usize, latency_ms: u64) -> f64 {
    let sandbox = sandbox(latency_ms).await;
    let folder = tempfile::tempdir().unwrap();
    write_hr_file(&folder.path().join("employees.csv"), people);
    let loaded = configuration(folder.path(), &sandbox.base_url(), IN_FLIGHT);
    let store = Store::open(&loaded.rules.database).await.unwrap();
    let engine = engine(loaded, store, &surroundings(), true).await.unwrap();
    let owner = Arc::new(Owner::register(engine.store.path(), "bench").unwrap());
    let result = engine.cycle("bench").await.unwrap();
    assert_eq!(result.committed.queued, people as u64);
    let capabilities = engine.connect().await.unwrap().unwrap();
    let (_keep, stop) = watch::channel(false);
    let before = engine.telemetry.requests_sent();
    let begun = now();
    let pool = engine.pool(&owner, capabilities);
    // A task, as in the daemon.
    tokio::spawn(async move { pool.run(Until::Empty, stop).await }).await.unwrap().unwrap();
    let elapsed = begun.elapsed();
    let requests = engine.telemetry.requests_sent() - before;
    assert_eq!(sandbox.users().len(), people);
    engine.store.close().await;
    sandbox.stop().await;
    requests as f64 / elapsed.as_secs_f64()
}
