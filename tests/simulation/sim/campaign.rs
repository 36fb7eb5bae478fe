//! Many seeds on all cores; a list that fails is made as short as it can be.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

#[cfg(target_os = "linux")]
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tracing::subscriber::NoSubscriber;

use super::operation::{Op, Setup, list};
use super::world::World;

/// How many shorter lists are tried before the shortest so far is shown.
const TRIES: u32 = 200;

/// What a simulation came to.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What happened that never must.
    pub faults: Vec<String>,
    /// All that happened, in one number.
    pub trace: u64,
    /// All that happened, in lines.
    pub log: Vec<String>,
}

/// Lets a list happen, and quiet return behind it.
pub fn run(setup: Setup, ops: &[Op]) -> Verdict {
    let mut world = World::new(setup);
    let hub = world.hub.clone();
    let lived = catch_unwind(AssertUnwindSafe(|| {
        for op in ops.iter().chain([&Op::Quiet]) {
            world.happen(*op);
            if !world.hub.faults().is_empty() {
                break;
            }
        }
    }));
    if lived.is_err() {
        hub.fault("a panic".into());
    }
    Verdict { faults: hub.faults(), trace: hub.trace(), log: hub.log() }
}

/// The list of a seed.
pub fn run_seed(seed: u64) -> Verdict {
    run(Setup::of(seed), &list(seed))
}

/// Runs a seed and prints all that happens.
pub fn replay(seed: u64) {
    let verdict = run_seed(seed);
    verdict.log.iter().for_each(|line| println!("{line}"));
    assert!(verdict.faults.is_empty(), "{}", told(seed, &verdict));
}

/// Runs so many seeds from `first` on, on all cores.
///
/// # Panics
/// With the first seed that fails, and how to replay it.
pub fn campaign(first: u64, seeds: u64) {
    if let Some((seed, verdict)) = first_failure(first, seeds) {
        panic!("{}", told(seed, &verdict));
    }
}

/// The first seed that fails among so many from `first` on, for planted faults, and what was found.
pub fn until_found(first: u64, seeds: u64) -> Option<(u64, String)> {
    first_failure(first, seeds).map(|(seed, verdict)| (seed, verdict.faults.join("; ")))
}

fn first_failure(first: u64, seeds: u64) -> Option<(u64, Verdict)> {
    let next = AtomicU64::new(first);
    let over = AtomicBool::new(false);
    let failed: Mutex<Option<(u64, Verdict)>> = Mutex::new(None);
    // A world waits for the thread of its database and that for the world, all the time: on one core each wakes the other for much
    // less than across two.
    thread::scope(|scope| {
        for core in cores() {
            let (next, over, failed) = (&next, &over, &failed);
            scope.spawn(move || {
                stay_on(core);
                while !over.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        return;
                    }
                    let verdict = run_seed(seed);
                    if verdict.faults.is_empty() {
                        continue;
                    }
                    over.store(true, Ordering::Relaxed);
                    let mut failed = failed.lock().unwrap();
                    // Threads end out of order; the lowest seed of those that failed is the one that is told.
                    if failed.as_ref().is_none_or(|(other, _)| seed < *other) {
                        *failed = Some((seed, verdict));
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap()
}

/// The cores that this process may use.
#[cfg(target_os = "linux")]
fn cores() -> Vec<usize> {
    let all = sched_getaffinity(None).expect("a process knows its cores");
    (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core)).collect()
}

/// As many as there are.
#[cfg(not(target_os = "linux"))]
fn cores() -> Vec<usize> {
    (0..thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)).collect()
}

/// Keeps this thread, and those that it starts, on a core.
#[cfg(target_os = "linux")]
fn stay_on(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    // Slower without, and nothing else.
    _ = sched_setaffinity(None, &set);
}

/// Nothing where the system cannot do it.
#[cfg(not(target_os = "linux"))]
fn stay_on(_core: usize) {}

fn told(seed: u64, verdict: &Verdict) -> String {
    let setup = Setup::of(seed);
    // What is tried to find it would drown the replay.
    let (ops, faults) = tracing::subscriber::with_default(NoSubscriber::default(), || {
        shortest(setup, list(seed), &verdict.faults)
    });
    let lines: Vec<String> = ops.iter().map(|op| format!("    Op::{op:?},")).collect();
    format!(
        "seed {seed}: {}\nreplay: SIMULATION_SEED={seed} cargo test --test simulation -- --nocapture the_seed\n\
         a shorter list that fails, too ({}):\n{setup:?}\n{}",
        verdict.faults.join("; "),
        faults.join("; "),
        lines.join("\n")
    )
}

/// A fault without names and numbers.
fn kind(fault: &str) -> Vec<&str> {
    fault.split(' ').filter(|word| word.chars().all(char::is_alphabetic)).collect()
}

/// Takes operations out as long as it still fails in the same way.
fn shortest(setup: Setup, mut ops: Vec<Op>, faults: &[String]) -> (Vec<Op>, Vec<String>) {
    let mut faults = faults.to_vec();
    let mut tries = 0;
    let mut size = ops.len().div_ceil(2);
    loop {
        let mut from = 0;
        let before = ops.len();
        while from < ops.len() && tries < TRIES {
            let mut shorter = ops.clone();
            shorter.drain(from..(from + size).min(ops.len()));
            tries += 1;
            let verdict = run(setup, &shorter);
            if verdict.faults.first().is_some_and(|fault| kind(fault) == kind(&faults[0])) {
                (ops, faults) = (shorter, verdict.faults);
            } else {
                from += size;
            }
        }
        if tries >= TRIES || (size == 1 && ops.len() == before) {
            return (ops, faults);
        }
        size = size.div_ceil(2).max(1);
    }
}
