//! Whether the simulation would notice: faults planted on purpose, each at its real place, and each found.
#![cfg(feature = "planted-faults")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends by a panic, and prints what it took"
)]

#[path = "simulation/sim/mod.rs"]
mod sim;

use workiva_sync::core::planted::{Fault, plant};

/// Within so many seeds each has to be found.
const SEEDS: u64 = 400;

/// Where the search begins: a little before the seed at which the fault was found last, so that what takes hundreds of seeds from
/// the first one on need not run every time. `PLANTED_FROM=0` begins there, and tells how many it takes; `PLANTED_ONLY=IgnoredGuard` plants that one.
fn first(fault: Fault) -> u64 {
    if let Ok(from) = std::env::var("PLANTED_FROM") {
        return from.parse().expect("PLANTED_FROM has to be a number");
    }
    match fault {
        Fault::DroppedCompleteness => 290,
        Fault::BelievedNotFound => 140,
        Fault::ForgottenUncertainty => 175,
        Fault::UnseenSuspension => 70,
        _ => 0,
    }
}

/// One test for all: a fault is planted for the whole process.
#[test]
fn the_simulation_finds_each_planted_fault() {
    let mut missed = Vec::new();
    let only = std::env::var("PLANTED_ONLY").ok();
    let is_wanted = |fault: &Fault| only.as_ref().is_none_or(|only| *only == format!("{fault:?}"));
    for fault in Fault::ALL.into_iter().filter(is_wanted) {
        plant(Some(fault));
        let first = first(fault);
        match sim::until_found(first, SEEDS) {
            Some((seed, found)) => {
                println!("{fault:?}: found after {} seeds from {first} on: {found}", seed + 1 - first);
                // Or else it is something else that was found.
                plant(None);
                let faults = sim::run_seed(seed).faults;
                assert!(faults.is_empty(), "{fault:?}: seed {seed} fails without it, too: {faults:?}");
            }
            None => missed.push(fault),
        }
    }
    plant(None);
    assert!(missed.is_empty(), "not found within {SEEDS} seeds: {missed:?}");
}
