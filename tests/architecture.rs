//! Which room of `src/` may know of which, and what has its place in one room only.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

use std::path::{Path, PathBuf};

/// The longest that a file may be, in lines.
const MOST_LINES: usize = 400;
/// The rooms that deal with the world outside, and what each may import.
const EDGES: [&str; 7] = ["source", "scim", "store", "http", "sandbox", "notify", "otlp"];

struct File {
    /// Below `src/`.
    path: PathBuf,
    text: String,
}

impl File {
    fn room(&self) -> &str {
        let first = self.path.components().next().unwrap().as_os_str().to_str().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// The rooms that the file names by `crate::`, outside of its comments.
    fn rooms_used(&self) -> Vec<String> {
        let code: Vec<&str> = self.code().map(|(_, line)| line).collect();
        let code = code.join("\n");
        let mut rooms = Vec::new();
        for (_, after) in code.match_indices("crate::").map(|(at, word)| (at, &code[at + word.len()..])) {
            // `use crate::{a::b, c}` names several; rustfmt and the house style keep one a line.
            assert!(!after.starts_with('{'), "{}: one room an import", self.path.display());
            rooms.push(after.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned());
        }
        rooms
    }

    /// Numbered lines without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let numbered = self.text.lines().enumerate().map(|(at, line)| (at + 1, line));
        numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn files() -> Vec<File> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![src.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                files.push(File { path: path.strip_prefix(&src).unwrap().to_path_buf(), text });
            }
        }
    }
    assert!(files.len() > 50, "the sources were found");
    files
}

/// Each file of a room may use these rooms only.
fn assert_uses_only(room: &str, allowed: &[&str]) {
    let mut strangers = Vec::new();
    for file in files().iter().filter(|file| file.room() == room) {
        for used in file.rooms_used().iter().filter(|used| !allowed.contains(&used.as_str())) {
            strangers.push(format!("{} uses {used}", file.path.display()));
        }
    }
    assert!(strangers.is_empty(), "{room} may use {allowed:?} only: {strangers:#?}");
}

/// Asserts that no line of code in these files holds one of the words.
fn assert_no_word(words: &[&str], excused: impl Fn(&File) -> bool, why: &str) {
    let mut found = Vec::new();
    for file in files().iter().filter(|file| !excused(file)) {
        for (number, line) in file.code().filter(|(_, line)| words.iter().any(|word| line.contains(word))) {
            found.push(format!("{}:{number}: {}", file.path.display(), line.trim()));
        }
    }
    assert!(found.is_empty(), "{why}: {found:#?}");
}

#[test]
fn the_core_knows_no_other_room() {
    assert_uses_only("core", &["core"]);
}

#[test]
fn the_configuration_knows_the_core_alone() {
    assert_uses_only("config", &["config", "core"]);
}

#[test]
fn edges_know_the_core_and_the_configuration_and_not_each_other() {
    for edge in EDGES {
        // Of the edges, these speak TLS, and trust the same.
        let further = if matches!(edge, "source" | "scim" | "notify" | "otlp") { &["tls"][..] } else { &[] };
        assert_uses_only(edge, &[&[edge, "core", "config"], further].concat());
    }
    assert_uses_only("tls", &["tls", "config"]);
}

#[test]
fn nothing_below_the_composition_root_knows_the_command_line_or_the_daemon() {
    assert_uses_only("engine", &["engine", "core", "config", "source", "store"]);
    assert_uses_only("compose", &["engine", "core", "config", "source", "store", "scim", "otlp"]);
    assert_uses_only("console", &["console", "compose", "engine", "core", "config", "store", "http"]);
}

#[test]
fn sql_is_in_the_store_alone() {
    let in_store = |file: &File| file.room() == "store";
    assert_no_word(
        &["sqlx", "SELECT ", "INSERT INTO", "DELETE FROM"],
        in_store,
        "SQL belongs into src/store",
    );
}

#[test]
fn every_write_begins_at_one_place() {
    let excused = |file: &File| file.path.ends_with("store/mod.rs") || file.path.ends_with("opening.rs");
    assert_no_word(&["self.writer", "begin_with"], excused, "writes begin by `Store::begin`");
}

#[test]
fn the_core_reads_no_clock_no_file_and_no_randomness_and_waits_for_nothing() {
    let words = [
        "Utc::now",
        "Local::now",
        "SystemTime::now",
        "Instant::now",
        "rand::",
        "tokio::",
        "std::fs",
        "std::net",
        "std::env",
        "tracing::",
        "reqwest",
    ];
    let elsewhere = |file: &File| file.room() != "core" || is_test(file);
    assert_no_word(&words, elsewhere, "the core is pure");
}

#[test]
fn opentelemetry_is_in_its_own_room_alone() {
    let in_otlp = |file: &File| file.room() == "otlp";
    assert_no_word(&["opentelemetry"], in_otlp, "spans are plain values elsewhere");
}

#[test]
fn the_engine_lets_time_pass_by_its_clock_alone() {
    let excused = |file: &File| file.room() != "engine" || file.path.ends_with("clock.rs");
    assert_no_word(&["tokio::time", "until_ready"], excused, "sleep by the engine's `Clock`");
}

fn is_test(file: &File) -> bool {
    let name = file.path.file_stem().unwrap().to_str().unwrap();
    name.ends_with("tests") || name.ends_with("_test") || name.starts_with("test_")
}

#[test]
fn no_file_is_longer_than_a_person_reads() {
    let long = files().into_iter().map(|file| (file.path, file.text.lines().count()));
    let long: Vec<_> = long.filter(|(_, lines)| *lines > MOST_LINES).collect();
    assert!(long.is_empty(), "above {MOST_LINES} lines: {long:?}");
}
