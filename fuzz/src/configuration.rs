//! A configuration of whatever text, with whatever environment.
//!
//! The file, then a line `# environment`, then one `KEY=value` a line. Wherever the text says `S3cr3t-canary`, that is a secret.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use toml::Value;
use workiva_sync::config::parse;

/// The one secret of all seeds.
const SECRET: &str = "S3cr3t-canary";
const DIVIDER: &str = "\n# environment\n";
/// Only these may hold a secret.
const SECRET_PLACES: [[&str; 2]; 3] = [["workiva", "password"], ["workiva", "token"], ["http", "token"]];

pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (file, variables) = text.split_once(DIVIDER).unwrap_or((text, ""));
    // Files are not what is looked for here, and not every path that can be made up is harmless to read.
    if text.to_lowercase().contains("_file") {
        return;
    }
    let mut environment: HashMap<String, String> = variables
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let stands_elsewhere = environment
        .iter()
        .any(|(name, value)| (name.contains(SECRET) || value.contains(SECRET)) && !is_secret_variable(name));
    environment.insert("WORKIVA_SYNC__HTTP__TOKEN".to_owned(), SECRET.to_owned());
    let shown = match parse("fuzz.toml", file, environment.clone()) {
        Err(errors) => {
            assert!(!errors.errors.is_empty(), "a refusal says why");
            for error in &errors.errors {
                assert!(
                    !error.key.is_empty() && !error.message.is_empty(),
                    "each error has a key and a mend"
                );
            }
            let again = parse("fuzz.toml", file, environment).expect_err("the same is refused again");
            assert_eq!(errors, again);
            format!("{errors} {errors:?}")
        }
        Ok(loaded) => {
            let now: DateTime<Utc> = DateTime::from_timestamp(1_800_000_000, 0).expect("a time that exists");
            assert!(loaded.rules.schedule.next_after(now).is_none_or(|tick| tick > now));
            let printed = toml::to_string(&loaded.settings).expect("what was read can be printed");
            format!("{loaded:?} {printed}")
        }
    };
    if !stands_elsewhere && only_where_secrets_belong(file) {
        assert!(!shown.contains(SECRET), "a secret is shown: {shown}");
    }
}

fn is_secret_variable(name: &str) -> bool {
    let name = name.to_uppercase();
    SECRET_PLACES
        .iter()
        .any(|[section, key]| name == format!("WORKIVA_SYNC__{section}__{key}").to_uppercase())
}

/// Whether the secret stands in no place of the file where everybody may read it.
fn only_where_secrets_belong(file: &str) -> bool {
    match file.parse::<toml::Table>() {
        Ok(table) => !holds(&Value::Table(table), &mut Vec::new()),
        // In a text that is no TOML nobody knows what is a secret, so nothing of it may be shown.
        Err(_) => true,
    }
}

fn holds(value: &Value, path: &mut Vec<String>) -> bool {
    match value {
        Value::Table(table) => table.iter().any(|(key, value)| {
            path.push(key.clone());
            let found = key.contains(SECRET) || holds(value, path);
            path.pop();
            found
        }),
        Value::Array(items) => items.iter().any(|item| holds(item, path)),
        other => other.to_string().contains(SECRET) && !SECRET_PLACES.iter().any(|place| *path == *place),
    }
}
