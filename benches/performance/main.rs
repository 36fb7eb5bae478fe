//! What the daemon costs and how fast it is, as one table with a floor of the same run beside each figure that has one.
//!
//! `cargo bench` measures all sections of the table; `cargo bench -- SECTION… [NUMBER]` only these, with another number of people (or
//! megabytes, or minutes). docs/performance.md has the figures.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and ends by a panic"
)]

mod common;
mod console;
mod large_body;
mod large_csv;
mod latency;
mod load;
mod process;
mod quiet;
mod soak;
mod standing;
mod table;
mod throttled;

use std::process::Command;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A section: its name, whether it belongs to the table, and what it measures with this number.
type Section = (&'static str, bool, fn(Option<usize>));

const SECTIONS: [Section; 9] = [
    ("quiet", true, quiet::measure),
    ("load", true, load::measure),
    ("throttled", true, throttled::measure),
    ("latency", true, latency::measure),
    ("standing", true, standing::measure),
    ("console", true, console::measure),
    ("large_body", false, large_body::measure),
    ("large_csv", false, large_csv::measure),
    ("soak", false, soak::measure),
];

fn main() {
    if quiet::is_child() {
        return quiet::child();
    }
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = arguments.iter().find_map(|argument| argument.parse().ok());
    let names: Vec<&String> =
        arguments.iter().filter(|argument| argument.parse::<usize>().is_err()).collect();
    for name in &names {
        assert!(
            SECTIONS.iter().any(|(known, ..)| known == name),
            "no section '{name}'; there are {:?}",
            SECTIONS.map(|(known, ..)| known)
        );
    }
    let is_wanted = |(name, of_table, _): &&Section| {
        if names.is_empty() { *of_table } else { names.iter().any(|wanted| wanted == name) }
    };
    let wanted: Vec<&Section> = SECTIONS.iter().filter(is_wanted).collect();
    if let [(_, _, only)] = wanted[..] {
        return only(number);
    }
    // Each in a process of its own, whose memory is its own.
    for (name, ..) in wanted {
        println!("\n## {name}\n");
        let status = Command::new(std::env::current_exe().unwrap())
            .arg(name)
            .args(number.map(|number: usize| number.to_string()))
            .status()
            .unwrap();
        assert!(status.success(), "{name}: {status}");
    }
}
