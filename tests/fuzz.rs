//! The fuzz targets of `fuzz/` on their seeds and on mutations of them, so that they neither rot nor wait for a nightly
//! toolchain to find what is plain to see. `fuzz/run` looks further.
#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test tells what it found and ends by a panic"
)]

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Mutations of one target in an ordinary run.
const MUTATIONS: u32 = 1_000;

#[test]
fn whatever_a_csv_file_holds_its_rows_add_up_and_a_cut_one_is_not_believed() {
    try_out("csv", targets::csv::check);
}

#[test]
fn whatever_a_configuration_holds_it_is_refused_in_the_same_words_and_without_its_secrets() {
    try_out("configuration", targets::configuration::check);
}

#[test]
fn whatever_a_template_says_it_ends_and_quotes_nobody() {
    try_out("mapping", targets::mapping::check);
}

#[test]
fn whatever_a_record_holds_nothing_changes_before_the_day_that_is_told() {
    try_out("people", targets::people::check);
}

#[test]
fn whatever_a_server_answers_it_is_understood_or_refused_and_a_merge_writes_what_was_wanted() {
    try_out("answers", targets::answers::check);
}

#[test]
fn whatever_a_table_of_decisions_holds_nothing_in_it_is_passed_over() {
    try_out("decisions", targets::decisions::check);
}

#[test]
fn however_a_server_pages_a_walk_ends_and_meets_nobody_twice() {
    try_out("walk", targets::walk::check);
}

#[test]
fn whatever_a_system_answers_it_is_followed_to_its_end_or_refused() {
    try_out("json", targets::json::check);
}

fn try_out(target: &str, check: fn(&[u8])) {
    let seeds = seeds(target);
    let check = |bytes: &[u8]| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(bytes))) {
            eprintln!("{target} fails on {:?}", String::from_utf8_lossy(bytes));
            std::panic::resume_unwind(panic);
        }
    };
    seeds.iter().for_each(|seed| check(seed));
    let mut random = StdRng::seed_from_u64(1);
    for _ in 0..MUTATIONS {
        check(&mutation(&seeds, &mut random));
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut files: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 3, "{target} has seeds");
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// A seed with a few of its bytes changed, taken out, repeated, or replaced by a piece of another seed.
fn mutation(seeds: &[Vec<u8>], random: &mut StdRng) -> Vec<u8> {
    let mut bytes = seeds[random.random_range(0..seeds.len())].clone();
    for _ in 0..random.random_range(1..6) {
        let at = random.random_range(0..=bytes.len());
        let end = (at + random.random_range(0..9)).min(bytes.len());
        match random.random_range(0..5) {
            0 => bytes.insert(at, random.random()),
            1 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let other = &seeds[random.random_range(0..seeds.len())];
                let from = random.random_range(0..=other.len());
                let to = (from + random.random_range(0..33)).min(other.len());
                bytes.splice(at..end, other[from..to].iter().copied());
            }
        }
    }
    bytes
}
