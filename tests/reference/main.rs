//! docs/reference is made by the program itself, from what a user has of it: `--help`, `config schema`, `/metrics`,
//! `/v1/openapi.json`. `UPDATE_REFERENCE=1 cargo test --test reference` writes it anew.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

#[path = "../common/mod.rs"]
mod common;

mod api;
mod commands;
mod configuration;
mod exit_codes;
mod metrics;

use std::path::Path;

/// Compares a page with the one that is there, or writes it.
fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference").join(name);
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = there.lines().zip(text.lines()).find(|(there, made)| there != made);
    assert!(
        there == text,
        "{} is not what the program says, first at {differs:#?}; write it by UPDATE_REFERENCE=1 cargo test --test reference",
        path.display()
    );
}

/// What stands below the title of each page.
fn title(title: &str, of: &str) -> String {
    format!(
        "# {title}\n\nThis page is made from {of}, by `cargo test --test reference`: a change here is lost.\n\n"
    )
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}
