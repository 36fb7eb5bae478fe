//! Environment variables over the file's keys.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::error::ConfigError;
use super::load::{PREFIX, resolve, type_of};

/// Variables come in no order: of two that speak of one key, in other letters or one of a key inside the other's, now the one
/// would count and now the other.
pub(super) fn insist_on_one_word_for_each_key(
    environment: &HashMap<String, String>,
) -> Result<(), ConfigError> {
    let prefix = format!("{PREFIX}__").to_lowercase();
    let mut names: Vec<(String, &String)> = environment
        .keys()
        .map(|name| (name.to_lowercase().replace('.', "__"), name))
        .filter(|(key, _)| key.starts_with(&prefix))
        .collect();
    names.sort_unstable();
    let mut outer: Vec<&(String, &String)> = Vec::new();
    for one in &names {
        let (key, name) = one;
        let speaks_of =
            |of: &str| key.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with("__"));
        outer.retain(|(of, _)| key.starts_with(of.as_str()));
        if let Some((_, other)) = outer.iter().find(|(of, _)| speaks_of(of)) {
            let message = format!(
                "and {name} both set one key, or one of them a key inside the other's; unset one of them"
            );
            return Err(ConfigError::new(other.as_str(), message));
        }
        outer.push(one);
    }
    Ok(())
}

/// Lays environment variables over the file. They are text without a type, and lower-case: the schema and the file's own
/// keys give both back.
pub(super) fn overlay(tree: &mut Value, overrides: Value, node: &Value, root: &Value) {
    let node = resolve(node, root);
    match overrides {
        Value::Object(overrides) => {
            if !tree.is_object() {
                *tree = Value::Object(Map::new());
            }
            let Some(map) = tree.as_object_mut() else { return };
            for (name, value) in overrides {
                let named = |known: &String| known.to_lowercase().replace('.', "_") == name.replace('.', "_");
                let properties = node.get("properties").and_then(Value::as_object);
                let known = properties.and_then(|all| all.keys().find(|key| named(key)).cloned());
                // Of two that differ in case alone, always the same.
                let known = known.or_else(|| map.keys().filter(|key| named(key)).min().cloned());
                let name = known.unwrap_or(name);
                let below =
                    properties.and_then(|all| all.get(&name)).or_else(|| node.get("additionalProperties"));
                overlay(map.entry(name).or_insert(Value::Null), value, below.unwrap_or(&Value::Null), root);
            }
        }
        Value::String(text) => *tree = typed(text, node),
        other => *tree = other,
    }
}

fn typed(text: String, node: &Value) -> Value {
    let parsed = match type_of(node) {
        "integer" => text.trim().parse::<i64>().ok().map(Value::from),
        "number" => text.trim().parse::<f64>().ok().map(Value::from),
        "boolean" => text.trim().to_lowercase().parse::<bool>().ok().map(Value::from),
        "object" => serde_json::from_str(&text).ok(),
        "array" if text.trim_start().starts_with('[') => serde_json::from_str(&text).ok(),
        "array" => Some(text.split(',').map(|item| Value::from(item.trim())).collect()),
        _ => None,
    };
    parsed.unwrap_or(Value::String(text))
}
