//! What is known of single HR systems: one file each, laid under what the configuration says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::super::error::ConfigError;

/// Every preset: the kind, and its file.
const PRESETS: [(&str, &str); 10] = [
    ("adp", include_str!("presets/adp.toml")),
    ("bamboohr", include_str!("presets/bamboohr.toml")),
    ("hibob", include_str!("presets/hibob.toml")),
    ("merge", include_str!("presets/merge.toml")),
    ("paylocity", include_str!("presets/paylocity.toml")),
    ("personio", include_str!("presets/personio.toml")),
    ("rippling", include_str!("presets/rippling.toml")),
    ("successfactors", include_str!("presets/successfactors.toml")),
    ("ukgpro", include_str!("presets/ukgpro.toml")),
    ("workday", include_str!("presets/workday.toml")),
];

/// The lists of status words.
const WORDS: [&str; 3] = ["active", "leave", "terminated"];

/// Lays the preset that a source's `kind` names under that source and `lifecycle`: what is written there wins, key by key. A
/// column that is written as an empty text is taken out.
///
/// # Errors
/// Where two presets take a status for different things, and nothing is written of it.
pub fn expand(tree: &mut Value) -> Vec<ConfigError> {
    let Some(tree) = tree.as_object_mut() else { return Vec::new() };
    let has_own_cron = tree.get("schedule").is_some_and(|schedule| schedule.get("cron").is_some());
    let mut others = Vec::new();
    if let Some(source) = tree.get_mut("source") {
        others.extend(expand_one(source, has_own_cron));
    }
    for source in tree.get_mut("sources").and_then(Value::as_array_mut).into_iter().flatten() {
        others.extend(expand_one(source, false));
    }
    let errors = contradictions(tree, &others);
    for (section, defaults) in others.into_iter().flat_map(|(_, others)| others) {
        underlay(tree.entry(section).or_insert_with(|| Value::Object(Map::new())), defaults);
    }
    errors
}

/// The kind, and what its preset says beside the source. `has_own_cron`: it is written when the source is read.
fn expand_one(source: &mut Value, has_own_cron: bool) -> Option<(String, Map<String, Value>)> {
    let kind = source.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut preset = preset(&kind)?;
    preset.remove("account");
    let mut defaults = preset.remove("source").unwrap_or_default();
    if let Some(defaults) = defaults.as_object_mut().filter(|_| has_own_cron) {
        defaults.remove("cron");
    }
    underlay(source, defaults);
    if let Some(columns) = source.get_mut("columns").and_then(Value::as_object_mut) {
        columns.retain(|_, path| path != "");
    }
    Some((kind, preset))
}

/// Status words that presets do not agree on: one's would hold for the other's people, and take a leaver for somebody on leave.
fn contradictions(tree: &Map<String, Value>, others: &[(String, Map<String, Value>)]) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    let written = tree.get("lifecycle");
    for list in WORDS.into_iter().filter(|list| written.is_none_or(|written| written.get(list).is_none())) {
        let words = |preset: &Map<String, Value>| -> BTreeSet<String> {
            let words = preset.get("lifecycle").and_then(|lifecycle| lifecycle.get(list)?.as_array());
            words.into_iter().flatten().filter_map(Value::as_str).map(str::to_lowercase).collect()
        };
        let by_kind: BTreeMap<&str, BTreeSet<String>> =
            others.iter().map(|(kind, preset)| (kind.as_str(), words(preset))).collect();
        let different: BTreeSet<&BTreeSet<String>> = by_kind.values().collect();
        if different.len() > 1 {
            let kinds: Vec<&str> = by_kind.into_keys().collect();
            let message = format!(
                "the presets {} do not agree on it, and one list holds for all sources; write it, if no word means two things, or \
                 run a daemon for each",
                kinds.join(", ")
            );
            errors.push(ConfigError::new(format!("lifecycle.{list}"), message));
        }
    }
    errors
}

/// What a customer needs for this kind, and where it is found.
pub(super) fn hints(kind: &str) -> Vec<(String, String)> {
    let account = preset(kind).and_then(|mut preset| preset.remove("account"));
    let Some(Value::Object(account)) = account else { return Vec::new() };
    account.into_iter().filter_map(|(key, hint)| Some((key, hint.as_str()?.to_owned()))).collect()
}

fn preset(kind: &str) -> Option<Map<String, Value>> {
    let (_, text) = PRESETS.iter().find(|(known, _)| *known == kind)?;
    Some(toml::from_str(text).expect("a test reads every preset"))
}

fn underlay(tree: &mut Value, defaults: Value) {
    let (Value::Object(tree), Value::Object(defaults)) = (tree, defaults) else { return };
    for (key, default) in defaults {
        match tree.get_mut(&key) {
            Some(written) => underlay(written, default),
            None => drop(tree.insert(key, default)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_preset_is_laid_under_what_is_written() {
        for (kind, _) in PRESETS {
            let mut tree = json!({"source": {"kind": kind, "columns": {"status": "own", "location": ""}}});
            expand(&mut tree);
            let source = &tree["source"];
            assert_eq!(source["columns"]["status"], "own", "{kind}");
            assert!(
                source["columns"]["employee_id"].is_string() && source["columns"].get("location").is_none()
            );
            assert!(source["rest"]["url"].is_string() && tree["lifecycle"]["active"].is_array(), "{kind}");
            assert!(source.get("account").is_none() && !hints(kind).is_empty());
        }
        let mut tree = json!({"source": {"kind": "csv"}});
        expand(&mut tree);
        assert_eq!(tree, json!({"source": {"kind": "csv"}}));
    }

    #[test]
    fn no_status_of_one_preset_is_read_by_the_words_of_another() {
        let told = |kinds: [&str; 2], lifecycle: Value| -> Vec<String> {
            let sources: Vec<Value> = kinds.iter().map(|kind| json!({"kind": kind})).collect();
            let mut tree = json!({"sources": sources, "lifecycle": lifecycle});
            expand(&mut tree).into_iter().map(|error| error.key).collect()
        };
        for kinds in [["adp", "bamboohr"], ["bamboohr", "adp"]] {
            assert_eq!(told(kinds, json!({})), ["lifecycle.leave", "lifecycle.terminated"]);
            let written = json!({"leave": [], "terminated": ["Inactive", "Terminated"]});
            assert_eq!(told(kinds, written), Vec::<String>::new());
        }
        assert_eq!(told(["bamboohr", "hibob"], json!({})), Vec::<String>::new());
        assert_eq!(told(["bamboohr", "csv"], json!({})), Vec::<String>::new());
    }

    #[test]
    fn a_read_that_ukg_does_not_allow_is_not_asked_for_unless_it_is_written_so() {
        let cron = |mut tree: Value| {
            expand(&mut tree);
            let source = tree.get("source").unwrap_or_else(|| &tree["sources"][0]);
            (source.get("cron").cloned(), source["full_cron"].clone())
        };
        // The read of everybody is one of those eight, and not a ninth.
        let (usual, full) = (json!("0 0 */3 * * *"), json!("0 0 3 * * *"));
        assert_eq!(cron(json!({"source": {"kind": "ukgpro"}})), (Some(usual.clone()), full.clone()));
        let written = json!({"cron": "0 0 6 * * *"});
        assert_eq!(
            cron(json!({"source": {"kind": "ukgpro"}, "schedule": written})),
            (None, full.clone()),
            "that of the schedule is this source's alone"
        );
        assert_eq!(
            cron(json!({"sources": [{"kind": "ukgpro"}], "schedule": written})),
            (Some(usual), full.clone())
        );
        let own = json!({"sources": [{"kind": "ukgpro", "cron": "0 0 5 * * *"}]});
        assert_eq!(cron(own), (Some(json!("0 0 5 * * *")), full));
    }
}
