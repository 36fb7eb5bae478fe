//! The daemon as a process, for an hour or as long as you say, over an HR file that changes all the time: what it does, and whether its
//! memory stays what it was.
//!
//! `cargo bench -- soak [MINUTES]`; one minute by default.

use std::path::Path;
use std::time::Duration;

use crate::common::{now, write_configuration, write_hr_rows};
use crate::process::{Process, page, sum, until};

const PEOPLE: usize = 10_000;
/// Whose title is another one with each file.
const CHANGED: usize = 400;
/// Who has left with each file; those of the file before are back.
const LEAVERS: usize = 40;
/// Between two files, and between two looks at the daemon.
const TICK: Duration = Duration::from_secs(2);
/// In so many equal parts of the time is told what happened.
const PARTS: u32 = 12;
/// Requests at a time.
const IN_FLIGHT: usize = 16;
/// What is not as in the other benches: a run each second, a title, quick tries, many leavers.
const OTHERWISE: [(&str, &str); 6] = [
    ("SCHEDULE__CRON", "* * * * * *"),
    ("ATTRIBUTES__TITLE", "{{ job_title }}"),
    ("RETRY__BASE_SECONDS", "0.05"),
    ("RETRY__CAP_SECONDS", "1"),
    ("GUARD__MAX_DEPROVISION_COUNT", "1000"),
    ("GUARD__MAX_DEPROVISION_PERCENT", "50.0"),
];

pub fn measure(minutes: Option<usize>) {
    let minutes = minutes.unwrap_or(1);
    let folder = tempfile::tempdir().unwrap();
    write_file(folder.path(), 0);
    let (sandbox, base_url) = Process::sandbox(&["--fault-rate", "0.01"]);
    let file = write_configuration(folder.path(), &base_url, IN_FLIGHT, "");
    let (daemon, address) = Process::daemon(&file, &OTHERWISE);
    println!(
        "{minutes} minutes; {PEOPLE} people, of whom {CHANGED} change, {LEAVERS} leave and {LEAVERS} are back every {} s; one \
         request in a hundred fails",
        TICK.as_secs()
    );
    let whole = Duration::from_secs(60) * u32::try_from(minutes).unwrap();
    // The first load is not what is looked at.
    until(|| active(&address) as usize == PEOPLE);
    println!("     part   requests     runs   memory median   most   database");
    let (mut round, mut before) = (0, Figures::of(&address));
    for part in 1..=PARTS {
        let mut memory = Vec::new();
        let begun = now();
        while begun.elapsed() < whole / PARTS {
            round += 1;
            write_file(folder.path(), round);
            std::thread::sleep(TICK);
            memory.push(daemon.kibibytes());
        }
        memory.sort_unstable();
        let figures = Figures::of(&address);
        println!(
            "{part:>4} of {PARTS} {:>10} {:>8} {:>11.1} MiB {:>6.1} {:>6.0} MiB",
            figures.requests - before.requests,
            figures.runs - before.runs,
            memory[memory.len() / 2] as f64 / 1024.0,
            memory[memory.len() - 1] as f64 / 1024.0,
            database_mebibytes(folder.path()),
        );
        before = figures;
    }
    // In the last file nobody has left.
    write_file(folder.path(), 0);
    until(|| active(&address) as usize == PEOPLE && Figures::of(&address).waiting == 0);
    println!(
        "in the end {PEOPLE} people of {PEOPLE} have access, and nothing waits; {} parked",
        Figures::of(&address).parked
    );
    daemon.stop();
    sandbox.stop();
}

/// Each file is written beside its place and put there.
fn write_file(folder: &Path, round: usize) {
    let leaves = |number: usize| round > 0 && (number + PEOPLE - round * LEAVERS % PEOPLE) % PEOPLE < LEAVERS;
    let aside = folder.join("employees.new");
    write_hr_rows(&aside, PEOPLE, |number| {
        // Who is changed by this file keeps it until it is their turn again.
        let turn = (round * CHANGED + PEOPLE - number) / PEOPLE;
        (if leaves(number) { "Terminated" } else { "Active" }, format!("Analyst {turn}"))
    });
    std::fs::rename(aside, folder.join("employees.csv")).unwrap();
}

/// What the daemon has done so far, by its metrics.
struct Figures {
    requests: u64,
    runs: u64,
    waiting: u64,
    parked: u64,
}

impl Figures {
    fn of(address: &str) -> Self {
        let text = page(address, "/metrics");
        Self {
            requests: sum(&text, "workiva_sync_scim_requests_total{"),
            runs: sum(&text, "workiva_sync_runs_total{"),
            waiting: sum(&text, "workiva_sync_queue_actions{state=\"queued\"")
                + sum(&text, "workiva_sync_queue_actions{state=\"leased\""),
            parked: sum(&text, "workiva_sync_queue_actions{state=\"parked\""),
        }
    }
}

fn active(address: &str) -> u64 {
    sum(&page(address, "/metrics"), "workiva_sync_accounts_active ")
}

fn database_mebibytes(folder: &Path) -> f64 {
    let files = ["state.db", "state.db-wal"].map(|name| folder.join(name));
    files.iter().filter_map(|file| Some(file.metadata().ok()?.len())).sum::<u64>() as f64 / 1_048_576.0
}
