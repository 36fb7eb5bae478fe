//! docs/ is a book: it hangs together, and what it tells to write and to type is what the program takes.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod commands;
mod pages;
mod recipes;
mod walk;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};

use workiva_sync::config::parse;

use pages::{Page, all, files_below, read, root};

#[test]
fn every_page_is_in_the_summary_once_and_nothing_else_is() {
    let summary = read(Path::new("docs/SUMMARY.md"));
    let listed: Vec<PathBuf> = summary.links.iter().map(|link| Path::new("docs").join(link)).collect();
    let once: BTreeSet<&PathBuf> = listed.iter().collect();
    assert_eq!(once.len(), listed.len(), "a page stands there twice");
    let there = files_below("docs", &["md"]);
    let there: BTreeSet<&PathBuf> = there.iter().filter(|path| !path.ends_with("SUMMARY.md")).collect();
    assert_eq!(once, there);
}

#[test]
fn every_link_leads_to_a_file_and_every_anchor_to_a_heading() {
    let pages: BTreeMap<PathBuf, Page> = all().into_iter().map(|page| (page.path.clone(), page)).collect();
    let mut faults = Vec::new();
    let mut followed = 0;
    for page in pages.values() {
        for link in page.links.iter().filter(|link| !link.contains("://")) {
            followed += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.path.clone() } else { beside(&page.path, file) };
            let has_anchor = || pages.get(&target).is_some_and(|page| page.anchors.contains(anchor));
            if !root().join(&target).exists() || (!anchor.is_empty() && !has_anchor()) {
                faults.push(format!("{}: {link}", page.path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(followed > 200, "links were found");
}

/// Code and configuration name pages as well: in messages, in comments, in what is handed out.
#[test]
fn every_page_that_code_or_configuration_names_is_there() {
    let folders =
        [("src", "rs"), ("tests", "rs"), ("config", "toml"), ("deploy", "yaml"), ("deploy", "service")];
    let mut named = 0;
    for file in folders.iter().flat_map(|(folder, ending)| files_below(folder, &[ending])) {
        let text = std::fs::read_to_string(root().join(&file)).unwrap();
        for (at, _) in text.match_indices("docs/") {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "/-_.#".contains(c);
            let words: String = text[at..].chars().take_while(|c| allowed(*c)).collect();
            let Some((page, anchor)) = words.split_once(".md") else { continue };
            let page = PathBuf::from(format!("{page}.md"));
            assert!(root().join(&page).exists(), "{}: {words}", file.display());
            named += 1;
            if let Some(anchor) = anchor.strip_prefix('#') {
                assert!(read(&page).anchors.contains(anchor), "{}: {words}", file.display());
            }
        }
    }
    assert!(named > 20, "some were found");
}

/// The one with the dots and slashes worked out.
fn beside(page: &Path, link: &str) -> PathBuf {
    let mut path = page.parent().unwrap().to_path_buf();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => assert!(path.pop(), "{link} leads out of the repository"),
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path
}

/// What a page says is shown by a test is shown by one of that name.
#[test]
fn every_test_that_is_named_is_there() {
    let sources = ["src", "tests"].iter().flat_map(|folder| files_below(folder, &["rs"]));
    let code: String = sources.map(|path| std::fs::read_to_string(root().join(path)).unwrap()).collect();
    let mut named = 0;
    for page in all() {
        for word in &page.codes {
            let name = word.strip_suffix('…').unwrap_or(word);
            let is_name = name.len() > 20
                && name.matches('_').count() >= 4
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            if is_name && !name.starts_with("workiva_sync_") {
                let end = if name.len() == word.len() { "(" } else { "" };
                let found =
                    code.contains(&format!("fn {name}{end}")) || code.contains(&format!("pub {name}:"));
                assert!(found, "{}: `{word}` is no test", page.path.display());
                named += 1;
            }
            let file = word.split(':').next().unwrap_or(word);
            if file.starts_with("tests/") && !file.contains(' ') {
                assert!(root().join(file).exists(), "{}: `{word}` is no file", page.path.display());
            }
        }
    }
    assert!(named > 100, "names were found: {named}");
}

/// Every block of TOML is one, and each that is a whole configuration is taken, but for files of secrets and tables that are not here.
#[test]
fn every_configuration_is_one_that_the_program_takes() {
    let mut whole = 0;
    for page in all() {
        for block in page.blocks.iter().filter(|block| block.language() == "toml") {
            let place = format!("{}:{}", page.path.display(), block.line);
            let table: toml::Table = block.text.parse().unwrap_or_else(|error| panic!("{place}: {error}"));
            let has = |key: &str| table.contains_key(key);
            if has("workiva") && has("attributes") && (has("source") || has("sources")) {
                whole += 1;
                let errors =
                    parse(&place, &block.text, HashMap::new()).err().map_or(Vec::new(), |all| all.errors);
                let others: Vec<_> =
                    errors.iter().filter(|error| !error.message.contains("cannot be read")).collect();
                assert!(others.is_empty(), "{place}: {others:#?}");
            }
        }
    }
    assert!(whole >= 2, "some were found");
}
