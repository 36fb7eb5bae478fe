//! A run in which nothing has changed, against only parsing the same file with the `csv` crate in the same process; and runs in which
//! one person in a thousand has, until their plan is durable.
//!
//! `cargo bench --bench quiet_run [-- PEOPLE]`; 100,000 people by default.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and ends by a panic"
)]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use common::{configuration, median, now, peak_mib, surroundings, write_hr_file};
use workiva_sync::compose::{RealEngine, engine};
use workiva_sync::core::report::Outcome;
use workiva_sync::core::scim::Capabilities;
use workiva_sync::core::state::Account;
use workiva_sync::store::{Claim, Claimed, Ending, Finished, Owner, Store};

const ROUNDS: usize = 9;
const CHANGES: usize = 3;
/// Nobody listens there: a quiet run asks nobody.
const NOWHERE: &str = "http://127.0.0.1:9/scim/v2";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // A child measures, so that loading the state does not count as the quiet run's memory.
    if let Some(folder) = std::env::var_os("QUIET_RUN_FOLDER") {
        runtime.block_on(measure(&PathBuf::from(folder)));
        return;
    }
    let people = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(100_000);
    let folder = tempfile::tempdir().unwrap();
    write_hr_file(&folder.path().join("employees.csv"), people);
    runtime.block_on(load_state(folder.path()));
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .env("QUIET_RUN_FOLDER", folder.path())
        .status()
        .unwrap();
    assert!(child.success());
}

async fn make(folder: &Path) -> RealEngine {
    let loaded = configuration(folder, NOWHERE, 8);
    let store = Store::open(&loaded.rules.database).await.unwrap();
    let engine = engine(loaded, store, &surroundings(), true).await.unwrap();
    engine.remember_connection(&Capabilities::default()).await.unwrap();
    engine
}

/// Everybody is confirmed by hand, through the outbox as always but without HTTP.
async fn load_state(folder: &Path) {
    let engine = make(folder).await;
    let owner = Arc::new(Owner::register(engine.store.path(), "bench").unwrap());
    let result = engine.cycle("bench").await.unwrap();
    assert_eq!(result.outcome, Outcome::Applied);
    let mut finished = Vec::new();
    loop {
        let now = engine.clock.now();
        let lease_until = now + Duration::from_secs(60);
        let horizon = now + Duration::from_secs(3600);
        let (limit, batch, fresh_from) = (2_000, 50, now);
        let claim = Claim { owner: owner.id(), limit, now, horizon, lease_until, batch, fresh_from };
        let turn = engine.store.turn(&finished, &claim).await.unwrap();
        if turn.claimed.is_empty() {
            break;
        }
        finished = turn.claimed.iter().map(confirmed).collect();
    }
    engine.store.close().await;
}

fn confirmed(action: &Claimed) -> Finished {
    let account = Account {
        scim_id: format!("id-of-{}", action.employee_id),
        active: true,
        attributes: action.target.attributes().clone(),
    };
    Finished::new(action, Vec::new(), Ending::Done { account: Some(account) })
}

async fn measure(folder: &Path) {
    let engine = make(folder).await;
    let file = folder.join("employees.csv");
    let (mut parsing, mut same, mut moved) = (Vec::new(), Vec::new(), Vec::new());
    let mut rows = 0;
    for _ in 0..ROUNDS {
        let begun = now();
        rows = parse_only(&file);
        parsing.push(begun.elapsed());
        move_last_row_up(&file);
        moved.push(quiet_run(&engine).await);
        same.push(quiet_run(&engine).await);
    }
    let (parsing, same, moved) = (median(parsing), median(same), median(moved));
    let ratio = |one: Duration| one.as_secs_f64() / parsing.as_secs_f64();
    println!("only parsing the file of {rows} people: {parsing:.1?}");
    println!("quiet run, the same bytes as before: {same:.1?}, ratio {:.2} (wanted: at most 3)", ratio(same));
    println!("quiet run, rows in another order: {moved:.1?}, ratio {:.2}", ratio(moved));
    println!("peak memory of these {:.1} MiB (wanted: below 80 with 100,000 people)", peak_mib());
    let mut changed = Vec::new();
    for round in 0..CHANGES {
        rename_some(&file, round);
        let begun = now();
        let result = engine.cycle("bench").await.unwrap();
        changed.push(begun.elapsed());
        assert!(result.committed.queued >= rows / 1_000, "{result:?}");
    }
    let changed = median(changed);
    println!(
        "one in a thousand has changed, until the plan is durable: {changed:.1?}, ratio {:.2}, {:.2} of a quiet run in another order",
        ratio(changed),
        changed.as_secs_f64() / moved.as_secs_f64()
    );
    println!("peak memory of all {:.1} MiB", peak_mib());
}

async fn quiet_run(engine: &RealEngine) -> Duration {
    let begun = now();
    let result = engine.cycle("bench").await.unwrap();
    let elapsed = begun.elapsed();
    assert_eq!(result.outcome, Outcome::Unchanged);
    assert_eq!(engine.telemetry.requests_sent(), 0);
    elapsed
}

/// Another file with the same people. It is done by a child, whose memory is its own.
fn move_last_row_up(file: &Path) {
    let script = "{ head -n 1 \"$0\"; tail -n 1 \"$0\"; tail -n +2 \"$0\" | head -n -1; } > \"$0.new\" && mv \"$0.new\" \"$0\"";
    let moved = std::process::Command::new("sh").arg("-c").arg(script).arg(file).status().unwrap();
    assert!(moved.success());
}

/// Of a thousand people another one each time has another last name.
fn rename_some(file: &Path, round: usize) {
    let script = "awk -v round=\"$1\" 'NR % 1000 == round + 2 { sub(/Family/, \"Renamed\") } { print }' \"$0\" > \"$0.new\" && mv \"$0.new\" \"$0\"";
    let renamed =
        std::process::Command::new("sh").arg("-c").arg(script).arg(file).arg(round.to_string()).status();
    assert!(renamed.unwrap().success());
}

fn parse_only(file: &Path) -> u64 {
    let mut reader = csv::Reader::from_path(file).unwrap();
    let mut record = csv::ByteRecord::new();
    let mut rows = 0;
    while reader.read_byte_record(&mut record).unwrap() {
        rows += 1;
    }
    rows
}
