//! What is known of single HR systems: one file each, laid under what the configuration says.

use serde_json::{Map, Value};

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

/// Lays the preset that a source's `kind` names under that source and `lifecycle`: what is written there wins, key by key. A
/// column that is written as an empty text is taken out.
pub fn expand(tree: &mut Value) {
    let Some(tree) = tree.as_object_mut() else { return };
    let mut others = Map::new();
    if let Some(source) = tree.get_mut("source") {
        expand_one(source, &mut others);
    }
    for source in tree.get_mut("sources").and_then(Value::as_array_mut).into_iter().flatten() {
        expand_one(source, &mut others);
    }
    for (section, defaults) in others {
        underlay(tree.entry(section).or_insert_with(|| Value::Object(Map::new())), defaults);
    }
}

/// What the preset says beside the source goes into `others`, unless an earlier source's did.
fn expand_one(source: &mut Value, others: &mut Map<String, Value>) {
    let kind = source.get("kind").and_then(Value::as_str).unwrap_or_default();
    let Some(mut preset) = preset(kind) else { return };
    preset.remove("account");
    underlay(source, preset.remove("source").unwrap_or_default());
    for (section, defaults) in preset {
        others.entry(section).or_insert(defaults);
    }
    if let Some(columns) = source.get_mut("columns").and_then(Value::as_object_mut) {
        columns.retain(|_, path| path != "");
    }
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
}
