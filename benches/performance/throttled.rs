//! A server that allows 25 requests a second and answers 429 above: how much of that is used once the rate has been found.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use workiva_sync::compose::engine;
use workiva_sync::engine::pool::Until;
use workiva_sync::store::{Owner, Store};

use crate::common::{configuration, now, runtime, surroundings, write_hr_file};
use crate::process::{Process, page};
use crate::table;

const ALLOWED: u64 = 25;
/// Until the rate has to be found.
const FIND: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_secs(120);
/// Requests at a time, and the milliseconds that the server takes for each.
const SETTINGS: [(usize, u64); 3] = [(8, 20), (64, 20), (64, 0)];

pub fn measure(seconds: Option<usize>) {
    let look = seconds.map_or(LOOK, |seconds| Duration::from_secs(seconds as u64));
    table::head();
    for (in_flight, latency_ms) in SETTINGS {
        let (accepted, throttled) = runtime().block_on(push(in_flight, latency_ms, look));
        let allowed = ALLOWED as f64 * look.as_secs_f64();
        let what = format!(
            "{ALLOWED} requests/s allowed, {in_flight} in flight, answered after {latency_ms} ms: {} s behind the first {} s",
            look.as_secs(),
            FIND.as_secs()
        );
        let figure = format!("{:.1} requests/s", accepted as f64 / look.as_secs_f64());
        table::ratio(
            &what,
            figure,
            format!("{ALLOWED} requests/s"),
            accepted as f64 / allowed,
            "at least 0.97",
        );
        let share = 100.0 * throttled as f64 / (accepted + throttled) as f64;
        table::figure(
            "of those requests answered 429",
            format!("{throttled}, {share:.2} %"),
            "fewer than 2 %",
        );
    }
}

/// How many requests were accepted, and how many throttled, once the rate is found.
async fn push(in_flight: usize, latency_ms: u64, look: Duration) -> (u64, u64) {
    let (sandbox, base_url) = Process::sandbox(&[
        "--requests-per-second",
        &ALLOWED.to_string(),
        "--latency-ms",
        &latency_ms.to_string(),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let people = 2 * ALLOWED as usize * (FIND + look).as_secs() as usize;
    write_hr_file(&folder.path().join("employees.csv"), people);
    let loaded = configuration(folder.path(), &base_url, in_flight);
    let store = Store::open(&loaded.rules.database).await.unwrap();
    let engine = engine(loaded, store, &surroundings(), true).await.unwrap();
    let owner = Arc::new(Owner::register(engine.store.path(), "bench").unwrap());
    engine.cycle("bench").await.unwrap();
    let capabilities = engine.connect().await.unwrap().unwrap();
    let (stopping, stop) = watch::channel(false);
    let pool = engine.pool(&owner, capabilities);
    let pushing = tokio::spawn(async move { pool.run(Until::Empty, stop).await });
    tokio::time::sleep(FIND).await;
    let (before, begun) = (counts(&base_url), now());
    tokio::time::sleep(look).await;
    let after = counts(&base_url);
    let took = begun.elapsed().as_secs_f64() / look.as_secs_f64();
    stopping.send_replace(true);
    pushing.await.unwrap().unwrap();
    engine.store.close().await;
    sandbox.stop();
    (((after.0 - before.0) as f64 / took) as u64, after.1 - before.1)
}

/// Requests that the stand-in accepted, and that it throttled.
fn counts(base_url: &str) -> (u64, u64) {
    let (host, _) = base_url.trim_start_matches("http://").split_once('/').unwrap();
    let text = page(host, "/_sandbox/statistics");
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    let statistics: Value = serde_json::from_str(body).unwrap();
    let throttled = statistics["throttled"].as_u64().unwrap();
    (statistics["requests"].as_u64().unwrap() - throttled, throttled)
}
