//! The configurations that are handed out: they are usable as they stand, and leave no key out.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;
use workiva_sync::config::{Loaded, parse, schema};

const EXAMPLE: &str = include_str!("../config/workiva-sync.example.toml");
const CONTAINER: &str = include_str!("../config/container.toml");

#[test]
fn the_example_is_a_usable_configuration_once_its_password_file_exists() {
    let loaded = example(EXAMPLE);
    assert_eq!(loaded.settings.access.roles.len(), 2);
    assert_eq!(loaded.settings.workiva.username.as_deref(), Some("scim-user"));
}

#[test]
fn every_key_of_the_schema_stands_in_the_example_and_no_other() {
    let schema = schema();
    let mut keys = BTreeSet::new();
    collect(schema, schema, "", &mut keys);
    assert_eq!(written_keys(EXAMPLE, &keys), keys);
}

#[test]
fn what_the_example_leaves_commented_out_can_be_written() {
    let (before, rest) = EXAMPLE.split_once("[workiva]").unwrap();
    let rest = rest
        .replace("auth = \"basic\" ", "auth = \"bearer\"")
        .replace("# token = \"…\"", "token = \"abc\"")
        .replace("# ca_file = ", "ca_file = ");
    let settings = example(&format!("{before}[workiva]{rest}")).settings;
    assert!(settings.workiva.token.is_some() && settings.http.token.is_some());
    assert!(settings.workiva.ca_file.is_some());
}

#[test]
fn the_image_starts_with_its_own_configuration_and_can_reach_nobody_with_it() {
    let loaded = parse("container.toml", CONTAINER, HashMap::new()).unwrap();
    assert!(loaded.rules.base_url.host_str().unwrap().ends_with(".invalid"));
    assert!(loaded.rules.listen.ip().is_loopback());
    assert!(loaded.rules.database.starts_with("/data"), "the only place that can be written to");
}

/// Parses `text` as the example is meant to be used, with a password file that exists.
fn example(text: &str) -> Loaded {
    let password = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(password.path(), "correct horse\n").unwrap();
    let name = "WORKIVA_SYNC__WORKIVA__PASSWORD_FILE".to_owned();
    let environment = HashMap::from([(name, password.path().display().to_string())]);
    parse("workiva-sync.example.toml", text, environment).unwrap_or_else(|errors| panic!("{errors}"))
}

/// All keys below a node of the schema, dotted. A map with free names counts as one key; so does the list of several sources, each
/// of which has the keys of the one.
fn collect(node: &Value, root: &Value, path: &str, keys: &mut BTreeSet<String>) {
    if path == "sources" {
        keys.insert(path.to_owned());
        return;
    }
    let target = node.get("$ref").and_then(Value::as_str);
    if let Some(target) = target.and_then(|target| root.pointer(target.trim_start_matches('#'))) {
        return collect(target, root, path, keys);
    }
    if let Some(properties) = node.get("properties").and_then(Value::as_object) {
        for (name, child) in properties {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            collect(child, root, &path, keys);
        }
    } else if let Some(items) = node.get("items").filter(|items| items.get("$ref").is_some()) {
        collect(items, root, path, keys);
    } else {
        keys.insert(path.to_owned());
    }
}

/// The keys that a text of TOML writes, commented out or not; `known` tells which of its sections are maps.
fn written_keys(text: &str, known: &BTreeSet<String>) -> BTreeSet<String> {
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    for line in text.lines() {
        if let Some(header) = line.strip_prefix("# [").or(line.strip_prefix('[')) {
            section = header.trim_start_matches('[').split(']').next().unwrap().to_owned();
        }
        let map = known.iter().find(|key| section == **key || section.starts_with(&format!("{key}.")));
        let key = line.strip_prefix("# ").unwrap_or(line).split_once(" = ").map(|(key, _)| key);
        match (map, key) {
            (Some(map), _) => drop(keys.insert(map.clone())),
            (None, Some(key)) if key.chars().all(|c| c.is_ascii_lowercase() || c == '_') => {
                keys.insert(format!("{section}.{key}"));
            }
            _ => {}
        }
    }
    keys
}
