//! The whole engine under seeded lists of operations: see `sim`.
//!
//! `SIMULATION_SEEDS=10000 cargo test --test simulation` runs so many seeds, `SIMULATION_SEED=7 cargo test --test simulation --
//! --nocapture the_seed` replays one; `SIMULATION_WATCH=E007` beside it tells of one person's actions.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends by a panic, and prints a replay")]

mod found;
mod sim;

use sim::{campaign, replay, run_seed};

/// Seeds that a plain `cargo test` runs.
const SEEDS: u64 = 100;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} has to be a number")))
}

#[test]
fn whatever_happens_workiva_ends_where_hr_says_and_nobody_loses_access_before_hr_says_so() {
    if number("SIMULATION_SEED").is_none() {
        campaign(number("SIMULATION_FROM").unwrap_or(0), number("SIMULATION_SEEDS").unwrap_or(SEEDS));
    }
}

#[test]
fn the_seed_of_the_environment_is_replayed() {
    if let Some(seed) = number("SIMULATION_SEED") {
        // What the engine says of it goes to stderr.
        let level = tracing_subscriber::EnvFilter::from_default_env();
        let _ = tracing_subscriber::fmt()
            .with_env_filter(level)
            .with_writer(std::io::stderr)
            .without_time()
            .try_init();
        replay(seed);
    }
}

#[test]
fn a_seed_replays_to_the_letter() {
    for seed in 0..5 {
        let (one, two) = (run_seed(seed), run_seed(seed));
        assert_eq!(one.log, two.log, "seed {seed}");
        assert_eq!(one.trace, two.trace);
    }
}
