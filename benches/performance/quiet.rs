//! A run in which nothing has changed, against only parsing the same file with the `csv` crate in the same process; and runs in which
//! one person in a thousand has, until their plan is durable.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use workiva_sync::compose::{RealEngine, engine};
use workiva_sync::core::report::Outcome;
use workiva_sync::core::scim::Capabilities;
use workiva_sync::core::state::Account;
use workiva_sync::store::{Claim, Claimed, Ending, Finished, Owner, Store};

use crate::common::{configuration, median, now, peak_mib, runtime, surroundings, write_hr_file};
use crate::table;

const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];
const ROUNDS: usize = 7;
const CHANGES: usize = 3;
/// Nobody listens there: a quiet run asks nobody.
const NOWHERE: &str = "http://127.0.0.1:9/scim/v2";
/// Set in the child that measures.
const FOLDER: &str = "QUIET_RUN_FOLDER";

/// Whether this process only measures, so that loading the state does not count as the quiet run's memory.
pub fn is_child() -> bool {
    std::env::var_os(FOLDER).is_some()
}

/// What the child does.
pub fn child() {
    runtime().block_on(measure_in(&PathBuf::from(std::env::var_os(FOLDER).unwrap())));
}

pub fn measure(people: Option<usize>) {
    table::head();
    let mut before: Option<(usize, f64)> = None;
    for people in people.map_or(SIZES.to_vec(), |people| vec![people]) {
        let folder = tempfile::tempdir().unwrap();
        write_hr_file(&folder.path().join("employees.csv"), people);
        runtime().block_on(load_state(folder.path(), NOWHERE));
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        assert!(child.env(FOLDER, folder.path()).status().unwrap().success());
        let seconds: f64 = std::fs::read_to_string(folder.path().join("seconds")).unwrap().parse().unwrap();
        let each = seconds / people as f64;
        if let Some((fewer, then)) = before {
            let what = format!(
                "quiet run, a person of {} against one of {}",
                table::thousands(people),
                table::thousands(fewer)
            );
            let nanoseconds = |seconds: f64| format!("{:.0} ns", seconds * 1e9);
            table::ratio(&what, nanoseconds(each), nanoseconds(then), each / then, "at most 1.0");
        }
        before = Some((people, each));
    }
}

async fn make(folder: &Path, base_url: &str) -> RealEngine {
    let loaded = configuration(folder, base_url, 8);
    let store = Store::open(&loaded.rules.database).await.unwrap();
    let engine = engine(loaded, store, &surroundings(), true).await.unwrap();
    engine.remember_connection(&Capabilities::default()).await.unwrap();
    engine
}

/// Everybody is confirmed by hand, through the outbox as always but without HTTP.
pub async fn load_state(folder: &Path, base_url: &str) {
    let engine = make(folder, base_url).await;
    let owner = Arc::new(Owner::register(engine.store.path(), "bench").unwrap());
    let result = engine.cycle("bench").await.unwrap();
    assert_eq!(result.outcome, Outcome::Applied);
    let mut finished = Vec::new();
    loop {
        let now = engine.clock.now();
        let lease_until = now + Duration::from_secs(60);
        let horizon = now + Duration::from_secs(3600);
        let (limit, batch, fresh_from) = (2_000, 50, DateTime::UNIX_EPOCH);
        let claim = Claim { owner: owner.id(), limit, now, horizon, lease_until, batch, fresh_from };
        let turn = engine.store.turn(&finished, &claim).await.unwrap();
        if turn.claimed.is_empty() {
            break;
        }
        finished = turn.claimed.iter().map(confirmed).collect();
    }
    assert_eq!(engine.store.queue().await.unwrap().unfinished(), 0);
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

async fn measure_in(folder: &Path) {
    let engine = make(folder, NOWHERE).await;
    let file = folder.join("employees.csv");
    let (mut parsing, mut same, mut moved) = (Vec::new(), Vec::new(), Vec::new());
    let (mut rows, mut written) = (0, 0);
    for _ in 0..ROUNDS {
        let begun = now();
        rows = parse_only(&file);
        parsing.push(begun.elapsed());
        move_last_row_up(&file);
        let before = bytes_written();
        moved.push(quiet_run(&engine).await);
        written = bytes_written() - before;
        same.push(quiet_run(&engine).await);
    }
    let (parsing, same, moved) = (median(parsing), median(same), median(moved));
    let people = table::thousands(usize::try_from(rows).unwrap());
    let floor = format!("only parsing the file: {parsing:.1?}");
    let of_parsing = |what: &str, one: Duration, wanted: &str| {
        let ratio = one.as_secs_f64() / parsing.as_secs_f64();
        table::ratio(what, format!("{one:.1?}"), &floor, ratio, wanted);
    };
    of_parsing(&format!("quiet run, {people} people, the same bytes as before"), same, "at most 2");
    of_parsing("the same, rows in another order, so that each is looked at", moved, "at most 2");
    table::figure(
        "what that writes",
        format!("{:.0} KiB", written as f64 / 1024.0),
        "nothing of whom nothing changed",
    );
    table::figure("peak memory of these", format!("{:.1} MiB", peak_mib()), "at most 200 MiB with 1,000,000");
    let mut changed = Vec::new();
    for round in 0..CHANGES {
        rename_some(&file, round);
        let begun = now();
        let result = engine.cycle("bench").await.unwrap();
        changed.push(begun.elapsed());
        assert!(result.committed.queued >= rows / 1_000, "{result:?}");
    }
    let changed = median(changed);
    let ratio = changed.as_secs_f64() / moved.as_secs_f64();
    let floor = format!("a quiet run in another order: {moved:.1?}");
    table::ratio(
        "one in a thousand has changed, until the plan is durable",
        format!("{changed:.1?}"),
        floor,
        ratio,
        "at most 1.15",
    );
    table::figure("peak memory of all", format!("{:.1} MiB", peak_mib()), "");
    std::fs::write(folder.join("seconds"), moved.as_secs_f64().to_string()).unwrap();
}

/// What this process has handed to the system to write.
fn bytes_written() -> u64 {
    let counts = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = counts.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap_or("0");
    line.parse().unwrap()
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
