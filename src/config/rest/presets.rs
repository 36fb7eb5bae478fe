//! What is known of single HR systems: one file each, laid under what the configuration says.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

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

/// The lists of status words, and what stands for a word of each where presets do not agree.
const WORDS: [(&str, &str); 3] = [("active", "Active"), ("leave", "On Leave"), ("terminated", "Terminated")];

/// Lays the preset that a source's `kind` names under that source and `lifecycle`: what is written there wins, key by key. A
/// column that is written as an empty text is taken out. Status words in which presets differ become those of their sources alone.
///
/// # Errors
/// Where presets take a status for different things, and of another source nobody has written what it takes it for.
pub fn expand(tree: &mut Value) -> Vec<ConfigError> {
    let Some(tree) = tree.as_object_mut() else { return Vec::new() };
    let has_own_cron = tree.get("schedule").is_some_and(|schedule| schedule.get("cron").is_some());
    let mut laid = Vec::new();
    if let Some(source) = tree.get_mut("source") {
        laid.extend(expand_one(source, has_own_cron));
    }
    let mut errors = Vec::new();
    if let Some(Value::Array(mut sources)) = tree.remove("sources") {
        let mut presets: Vec<Option<Map<String, Value>>> =
            sources.iter_mut().map(|source| expand_one(source, false)).collect();
        errors = part_words(tree, &mut sources, &mut presets);
        tree.insert("sources".to_owned(), Value::Array(sources));
        laid.extend(presets.into_iter().flatten());
    }
    for (section, defaults) in laid.into_iter().flatten() {
        underlay(tree.entry(section).or_insert_with(|| Value::Object(Map::new())), defaults);
    }
    errors
}

/// What the source's preset says beside the source. `has_own_cron`: it is written when the source is read.
fn expand_one(source: &mut Value, has_own_cron: bool) -> Option<Map<String, Value>> {
    let kind = source.get("kind").and_then(Value::as_str).unwrap_or_default();
    let mut preset = preset(kind)?;
    preset.remove("account");
    let mut defaults = preset.remove("source").unwrap_or_default();
    if let Some(defaults) = defaults.as_object_mut().filter(|_| has_own_cron) {
        defaults.remove("cron");
    }
    underlay(source, defaults);
    if let Some(columns) = source.get_mut("columns").and_then(Value::as_object_mut) {
        columns.retain(|_, path| path != "");
    }
    Some(preset)
}

/// Where presets do not agree on a list of status words, and `[lifecycle]` does not say it for all, each source gets its own: one's would
/// hold for the other's people, and take a leaver for somebody on leave.
fn part_words(
    tree: &mut Map<String, Value>,
    sources: &mut [Value],
    presets: &mut [Option<Map<String, Value>>],
) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    let is_written = |list: &str| tree.get("lifecycle").is_some_and(|written| written.get(list).is_some());
    let unwritten: Vec<(&str, &str)> = WORDS.into_iter().filter(|(list, _)| !is_written(list)).collect();
    for (list, common) in unwritten {
        let words = |source: &Value, preset: &Option<Map<String, Value>>| -> Option<BTreeSet<String>> {
            let own = source.get("lifecycle").and_then(|own| own.get(list));
            let words = own.or_else(|| preset.as_ref()?.get("lifecycle")?.get(list));
            // A preset that does not name a list has no word for it.
            let is_known = own.is_some() || preset.is_some();
            let words = words.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            is_known.then(|| words.map(str::to_lowercase).collect())
        };
        let of_each: Vec<Option<BTreeSet<String>>> =
            sources.iter().zip(presets.iter()).map(|(source, preset)| words(source, preset)).collect();
        let different: BTreeSet<&BTreeSet<String>> = of_each.iter().flatten().collect();
        if different.len() < 2 {
            continue;
        }
        for at in (0..sources.len()).filter(|at| of_each[*at].is_none()) {
            let message = format!(
                "is required: the other sources do not agree on it, so that nothing says what this one means; write it, or \
                 lifecycle.{list} for all"
            );
            errors.push(ConfigError::new(format!("sources[{at}].lifecycle.{list}"), message));
        }
        for (source, preset) in sources.iter_mut().zip(presets.iter_mut()) {
            let Some(preset) = preset else { continue };
            let own = preset.get_mut("lifecycle").and_then(|own| own.as_object_mut()?.remove(list));
            underlay(source, json!({"lifecycle": {list: own.unwrap_or_else(|| json!([]))}}));
        }
        underlay(tree.entry("lifecycle").or_insert_with(|| json!({})), json!({list: [common]}));
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
        let expanded = |sources: Value, lifecycle: Value| {
            let mut tree = json!({"sources": sources, "lifecycle": lifecycle});
            let errors: Vec<String> = expand(&mut tree).into_iter().map(|error| error.key).collect();
            let own: Vec<Value> = tree["sources"]
                .as_array()
                .unwrap()
                .iter()
                .map(|source| source["lifecycle"].clone())
                .collect();
            (tree["lifecycle"].clone(), own, errors)
        };
        let none: Vec<String> = Vec::new();
        let kinds = |all: &[&str]| all.iter().map(|kind| json!({"kind": kind})).collect::<Value>();
        // One word for both.
        let common = json!({"active": ["Active"], "leave": ["On Leave"], "terminated": ["Terminated"]});
        let adp = json!({"leave": ["Inactive", "Leave"], "terminated": ["Terminated"]});
        let bamboohr = json!({"leave": [], "terminated": ["Inactive"]});
        let both = vec![adp.clone(), bamboohr.clone()];
        assert_eq!(expanded(kinds(&["adp", "bamboohr"]), json!({})), (common.clone(), both, none.clone()));
        // Nobody has said what a file means.
        let (_, own, errors) = expanded(kinds(&["adp", "csv", "bamboohr"]), json!({}));
        assert_eq!(errors, ["sources[1].lifecycle.leave", "sources[1].lifecycle.terminated"]);
        assert_eq!(own, [adp.clone(), Value::Null, bamboohr]);
        // One list for all, and one that is written for a source.
        let written = json!({"leave": [], "terminated": ["Inactive", "Terminated"]});
        let (lifecycle, own, errors) = expanded(kinds(&["adp", "bamboohr"]), written);
        assert_eq!(
            (&lifecycle["terminated"], own, errors),
            (&json!(["Inactive", "Terminated"]), vec![Value::Null; 2], none.clone())
        );
        let sources = json!([{"kind": "bamboohr"}, {"kind": "csv", "lifecycle": {"terminated": ["Gone"]}}]);
        let (lifecycle, own, errors) = expanded(sources, json!({}));
        let expected = vec![json!({"terminated": ["Inactive"]}), json!({"terminated": ["Gone"]})];
        assert_eq!((&lifecycle["terminated"], own, errors), (&json!(["Terminated"]), expected, none.clone()));
        // Where they agree, nothing has to be told apart.
        for all in [["bamboohr", "hibob"], ["bamboohr", "csv"]] {
            let (lifecycle, own, errors) = expanded(kinds(&all), json!({}));
            assert_eq!(
                (&lifecycle["terminated"], own, errors),
                (&json!(["Inactive"]), vec![Value::Null; 2], none.clone())
            );
        }
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
