//! The real daemon: how long it takes to be ready with 1,000,000 people in its state, and what it takes while nothing happens with 100,000.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::common::{median, now, runtime, write_configuration, write_hr_file};
use crate::process::{Process, page};
use crate::quiet::load_state;
use crate::table::{self, thousands};

const PEOPLE: [usize; 2] = [1_000_000, 100_000];
const STARTS: usize = 5;
const IDLE: Duration = Duration::from_secs(60);
/// What the system counts processor time in.
const TICKS_PER_SECOND: f64 = 100.0;
/// A run an hour: nothing happens between.
const SELDOM: [(&str, &str); 1] = [("SCHEDULE__CRON", "0 17 * * * *")];

pub fn measure(people: Option<usize>) {
    table::head();
    let [many, fewer] = people.map_or(PEOPLE, |people| [people, people]);
    let (sandbox, base_url) = Process::sandbox(&[]);
    let folder = tempfile::tempdir().unwrap();
    let file = prepare(folder.path(), &base_url, many);
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let begun = now();
        let (daemon, _) = ready_daemon(&file);
        starts.push(begun.elapsed());
        daemon.stop();
    }
    let what =
        format!("from the start of the process until it is ready, {} people in the state", thousands(many));
    table::figure(&what, format!("{:.0?}", median(starts)), "at most 150 ms");

    let folder = tempfile::tempdir().unwrap();
    let file = prepare(folder.path(), &base_url, fewer);
    let (daemon, address) = ready_daemon(&file);
    // What its first run has left to do, and the look through the audit that each start brings.
    while page(&address, "/metrics").contains("\nworkiva_sync_audit_checked_timestamp_seconds 0.0\n") {
        std::thread::sleep(Duration::from_millis(100));
    }
    std::thread::sleep(Duration::from_secs(5));
    let before = daemon.processor_ticks();
    std::thread::sleep(IDLE);
    let ticks = daemon.processor_ticks() - before;
    let what = format!("idle with {} people: memory", thousands(fewer));
    table::figure(&what, format!("{:.1} MiB", daemon.kibibytes() as f64 / 1024.0), "below 40 MiB");
    let share = 100.0 * ticks as f64 / TICKS_PER_SECOND / IDLE.as_secs_f64();
    table::figure(
        &format!("idle: processor time of one core, over {} s", IDLE.as_secs()),
        format!("{share:.2} %"),
        "at most 0.1 %",
    );
    daemon.stop();
    sandbox.stop();
}

/// Everybody is in the state, and the file says the same.
fn prepare(folder: &Path, base_url: &str, people: usize) -> PathBuf {
    write_hr_file(&folder.join("employees.csv"), people);
    runtime().block_on(load_state(folder, base_url));
    write_configuration(folder, base_url, 8, "")
}

fn ready_daemon(file: &Path) -> (Process, String) {
    let (daemon, address) = Process::daemon(file, &SELDOM);
    while !page(&address, "/readyz").starts_with("HTTP/1.1 200") {
        std::thread::sleep(Duration::from_millis(1));
    }
    (daemon, address)
}
