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

/// One test for all: a fault is planted for the whole process.
#[test]
fn the_simulation_finds_each_planted_fault() {
    let mut missed = Vec::new();
    for fault in Fault::ALL {
        plant(Some(fault));
        match sim::until_found(SEEDS) {
            Some((seed, found)) => {
                println!("{fault:?}: found after {} seeds: {found}", seed + 1);
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
