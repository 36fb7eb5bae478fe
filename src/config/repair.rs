//! A configuration with faults of form, mended as far as needed to look for its other faults: all are told at once.

use serde_json::{Value, json};

use super::error::ConfigError;
use super::settings::Settings;

/// Further faults of a tree that is not of the schema's form.
///
/// `faulty` are the faults known so far. Nothing is told that only follows from one of them. `faults_of` finds those of settings.
pub(super) fn further_faults(
    tree: &Value,
    faulty: &[ConfigError],
    faults_of: impl FnOnce(&Settings) -> Vec<ConfigError>,
) -> Vec<ConfigError> {
    let mut mended = tree.clone();
    // From the last to the first, so that the places of a list's items stay what they were.
    for error in faulty.iter().rev() {
        remove(&mut mended, &error.key);
    }
    let mut stand_in = stand_in();
    if let Some(several) = mended.get_mut("sources").and_then(Value::as_array_mut) {
        let one = stand_in.as_object_mut().and_then(|map| map.remove("source")).unwrap_or_default();
        several.iter_mut().for_each(|source| fill(source, &one));
    }
    fill(&mut mended, &stand_in);
    for role in mended.pointer_mut("/access/roles").and_then(Value::as_array_mut).into_iter().flatten() {
        fill(role, &json!({"name": "role", "when": "true"}));
    }
    let address = "somebody@example.invalid";
    let required = [
        ("/alerts/smtp", json!({"host": "localhost", "from": address, "to": [address]})),
        ("/alerts/digest", json!({"at": "00:00"})),
    ];
    for (place, stand_in) in &required {
        mended.pointer_mut(place).into_iter().for_each(|there| fill(there, stand_in));
    }
    let Ok(settings) = serde_json::from_value::<Settings>(mended) else { return Vec::new() };
    faults_of(&settings)
        .into_iter()
        .filter(|error| !faulty.iter().any(|known| follows(error, known)))
        .collect()
}

/// Whether a fault may be there only because of another one.
fn follows(error: &ConfigError, known: &ConfigError) -> bool {
    let (key, known) = (plain(&error.key), plain(&known.key));
    let (key, known) = (key.as_str(), known.trim_end_matches("_file"));
    let concerns = |part: &str, whole: &str| {
        part.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let is_about_fields = ["attributes", "access"].iter().any(|section| key.starts_with(section));
    let decides_about_fields =
        (known.starts_with("source") && known.contains(".columns")) || ["source", "sources"].contains(&known);
    concerns(key, known)
        || concerns(known, key)
        || (is_about_fields && (decides_about_fields || known.starts_with("tables")))
        // Which secret is needed, and how much longer a lease has to be.
        || (known == "workiva.auth" && key.starts_with("workiva."))
        || (known == "workiva.timeout_seconds" && key == "workiva.lease_seconds")
}

/// Templates and roles are named otherwise by their compilers than by the schema: `access.roles[0]`, `attributes."title"`.
fn plain(key: &str) -> String {
    key.replace('[', ".").replace([']', '"'], "")
}

fn remove(tree: &mut Value, key: &str) {
    let mut node = tree;
    let mut rest = key;
    loop {
        // A key of a map may hold dots of its own.
        if let Some(map) = node.as_object_mut()
            && map.shift_remove(rest).is_some()
        {
            return;
        }
        let Some((first, below)) = rest.split_once('.') else {
            if let (Some(list), Ok(at)) = (node.as_array_mut(), rest.parse::<usize>())
                && at < list.len()
            {
                list.remove(at);
            }
            return;
        };
        let next = match node {
            Value::Object(map) => map.get_mut(first),
            Value::Array(list) => first.parse::<usize>().ok().and_then(|at| list.get_mut(at)),
            _ => None,
        };
        let Some(next) = next else { return };
        (node, rest) = (next, below);
    }
}

/// Puts in what is required and not there.
fn fill(tree: &mut Value, stand_in: &Value) {
    let (Some(map), Some(known)) = (tree.as_object_mut(), stand_in.as_object()) else { return };
    for (name, value) in known {
        match map.get_mut(name) {
            Some(there) => fill(there, value),
            None => drop(map.insert(name.clone(), value.clone())),
        }
    }
}

fn stand_in() -> Value {
    json!({
        "source": {
            "kind": "csv",
            "path": "employees.csv",
            "absence": "keep",
            "columns": {"employee_id": "employee_id", "status": "status"},
        },
        "lifecycle": {"active": ["active"], "terminated": ["terminated"]},
        "access": {"provision": "all"},
        "attributes": {},
        "workiva": {"base_url": "https://example.invalid"},
        "guard": {"max_deprovision_count": 0, "max_deprovision_percent": 0.0},
    })
}
