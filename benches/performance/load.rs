//! The first load of 100,000 people into the stand-in, a process of its own, against a bare reqwest loop that posts the same users to it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use workiva_sync::compose::engine;
use workiva_sync::engine::pool::Until;
use workiva_sync::store::{Owner, Store};

use crate::common::{configuration, memory_mib, now, runtime, surroundings, write_hr_file};
use crate::process::Process;
use crate::table::{self, thousands};

/// Requests at a time, and how long the server takes for each. At none, server, client and database share the cores, and every
/// microsecond of ours counts; a real one takes its time.
const SETTINGS: [(usize, u64); 4] = [(8, 0), (64, 0), (8, 50), (64, 50)];
/// Of a server that takes its time as many people as it takes about so long for.
const PATIENCE: Duration = Duration::from_secs(60);
/// The middle one counts.
const ROUNDS: usize = 3;

pub fn measure(people: Option<usize>) {
    let everybody = people.unwrap_or(100_000);
    table::head();
    for (in_flight, latency_ms) in SETTINGS {
        let (people, rounds) = match latency_ms {
            0 => (everybody, ROUNDS),
            _ => (everybody.min(in_flight * PATIENCE.as_millis() as usize / latency_ms as usize), 1),
        };
        let (mut floors, mut loads) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            floors.push(runtime().block_on(bare_loop(people, in_flight, latency_ms)));
            loads.push(runtime().block_on(first_load(people, in_flight, latency_ms)));
        }
        floors.sort_by(f64::total_cmp);
        loads.sort_by(|one, other| one.rate.total_cmp(&other.rate));
        let (floor, load) = (floors[rounds / 2], &loads[rounds / 2]);
        let what = format!(
            "first load of {} people, {in_flight} in flight, answered after {latency_ms} ms",
            thousands(people)
        );
        let rate = |rate: f64| format!("{} requests/s", thousands(rate as usize));
        table::ratio(
            &what,
            rate(load.rate),
            format!("a bare loop: {}", rate(floor)),
            load.rate / floor,
            "at least 0.90",
        );
        if (in_flight, latency_ms) == (64, 0) {
            table::figure("its plan, until it is durable", format!("{:.1?}", load.planned), "at most 5 s");
            let [first, last] = load.memory;
            let memory = format!("{first:.0} MiB in the first half of the push, {last:.0} MiB in the second");
            table::figure("memory at most", memory, "flat");
            let each = load.database as f64 / people as f64;
            table::figure("the database behind it, a person", format!("{each:.0} bytes"), "below 1,024");
        }
    }
}

fn sandbox(latency_ms: u64) -> (Process, String) {
    Process::sandbox(&["--latency-ms", &latency_ms.to_string()])
}

/// Posts users as fast as reqwest does.
async fn bare_loop(people: usize, in_flight: usize, latency_ms: u64) -> f64 {
    let (sandbox, base_url) = sandbox(latency_ms);
    // Building a client asks for a provider even where only plain http is spoken.
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = reqwest::Client::builder().pool_max_idle_per_host(in_flight).no_proxy().build().unwrap();
    let url = format!("{base_url}/Users");
    let next = Arc::new(AtomicUsize::new(0));
    let begun = now();
    let workers = (0..in_flight).map(|_| {
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
    sandbox.stop();
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

struct Load {
    /// Requests a second of the pushing half of a cycle: from the stored plan to the last confirmed account.
    rate: f64,
    /// Reading, planning and storing the plan.
    planned: Duration,
    /// The most in each half of the push, in MiB.
    memory: [f64; 2],
    /// Bytes, once all is over and the log is written back.
    database: u64,
}

async fn first_load(people: usize, in_flight: usize, latency_ms: u64) -> Load {
    let (sandbox, base_url) = sandbox(latency_ms);
    let folder = tempfile::tempdir().unwrap();
    write_hr_file(&folder.path().join("employees.csv"), people);
    let loaded = configuration(folder.path(), &base_url, in_flight);
    let store = Store::open(&loaded.rules.database).await.unwrap();
    let engine = engine(loaded, store, &surroundings(), true).await.unwrap();
    let owner = Arc::new(Owner::register(engine.store.path(), "bench").unwrap());
    let begun = now();
    let result = engine.cycle("bench").await.unwrap();
    let planned = begun.elapsed();
    assert_eq!(result.committed.queued, people as u64);
    let capabilities = engine.connect().await.unwrap().unwrap();
    let (_keep, stop) = watch::channel(false);
    let before = engine.telemetry.requests_sent();
    let begun = now();
    let pool = engine.pool(&owner, capabilities);
    // A task, as in the daemon.
    let mut pushing = tokio::spawn(async move { pool.run(Until::Empty, stop).await });
    let mut memory = [0.0_f64; 2];
    loop {
        let sent = engine.telemetry.requests_sent() - before;
        let half = &mut memory[usize::from(sent > people as u64 / 2)];
        *half = half.max(memory_mib());
        tokio::select! {
            ended = &mut pushing => break drop(ended.unwrap().unwrap()),
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
        }
    }
    let elapsed = begun.elapsed();
    let requests = engine.telemetry.requests_sent() - before;
    assert_eq!(engine.store.queue().await.unwrap().unfinished(), 0);
    engine.store.close().await;
    sandbox.stop();
    let database = size(&folder.path().join("state.db"));
    Load { rate: requests as f64 / elapsed.as_secs_f64(), planned, memory, database }
}

fn size(path: &Path) -> u64 {
    path.metadata().unwrap().len()
}
