//! What changed in the configuration, for the audit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::core::plan::hex;

/// Keys with their values as the audit shows them.
pub type Values = BTreeMap<String, String>;

/// What differs from the configuration before, and what the whole comes to: the body of a `configuration` record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationChange {
    /// SHA-256 over all keys and values as the audit shows them.
    pub digest: String,
    /// New and changed keys, with their values now.
    pub changed: Values,
    /// Keys that are not there any more.
    pub removed: Vec<String>,
    /// Of the changed and removed keys that were there before, the values that they had. Earlier versions did not tell.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub before: Values,
    /// Keys whose secrets are other ones, as far as a running daemon saw that. Nothing is kept of the secrets themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

/// All keys of the effective configuration in dotted form, with the program's `version`. Secrets come redacted. What may
/// name a person is shown as its SHA-256: the SCIM user's name, lookup tables, and whatever holds an `@`.
pub fn values(settings: &impl Serialize, version: &str) -> Values {
    let mut values = Values::from([("version".to_owned(), version.to_owned())]);
    let tree = serde_json::to_value(settings).expect("settings have a JSON form, as `config print` shows");
    flatten("", &tree, &mut values);
    values
}

/// What differs; `None`: nothing.
pub fn change(before: &Values, now: &Values) -> Option<ConfigurationChange> {
    if before == now {
        return None;
    }
    let owned = |(key, value): (&String, &String)| (key.clone(), value.clone());
    let changed = now.iter().filter(|(key, value)| before.get(*key) != Some(value));
    let former = before.iter().filter(|(key, value)| now.get(*key) != Some(value));
    Some(ConfigurationChange {
        digest: digest(now),
        changed: changed.map(owned).collect(),
        removed: before.keys().filter(|key| !now.contains_key(*key)).cloned().collect(),
        before: former.map(owned).collect(),
        secrets: Vec::new(),
    })
}

/// That the secrets of these keys are other ones, in a configuration that comes to `now`.
pub fn other_secrets(now: &Values, keys: &[String]) -> ConfigurationChange {
    ConfigurationChange { digest: digest(now), secrets: keys.to_vec(), ..ConfigurationChange::default() }
}

/// The configuration that a row of changes comes to.
pub fn replay(changes: impl IntoIterator<Item = ConfigurationChange>) -> Values {
    let mut values = Values::new();
    for change in changes {
        values.retain(|key, _| !change.removed.contains(key));
        values.extend(change.changed);
    }
    values
}

fn digest(values: &Values) -> String {
    let json = serde_json::to_vec(values).expect("texts have a JSON form");
    hex(&Sha256::digest(json))
}

fn flatten(key: &str, value: &Value, into: &mut Values) {
    match value {
        Value::Null => {}
        Value::Object(members) if !is_table(key) => {
            for (name, member) in members {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                flatten(&key, member, into);
            }
        }
        Value::String(text) => {
            into.insert(key.to_owned(), shown(key, text));
        }
        other => {
            into.insert(key.to_owned(), shown(key, &other.to_string()));
        }
    }
}

/// A lookup table is one value.
fn is_table(key: &str) -> bool {
    key.starts_with("tables.")
}

fn shown(key: &str, text: &str) -> String {
    if key == "workiva.username" || is_table(key) || text.contains('@') {
        return format!("sha256:{}", hex(&Sha256::digest(text)));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(change: impl FnOnce(&mut Value)) -> Values {
        let mut settings = json!({
            "workiva": { "username": "scim-user", "password": "[redacted]", "ca_file": null },
            "guard": { "max_deprovision_count": 25 },
            "access": { "roles": [{ "name": "finance", "when": "work_email == 'ana@example.com'" }] },
            "tables": { "manager": { "7": "Ana Ruiz" } },
        });
        change(&mut settings);
        values(&settings, "1.0.0")
    }

    #[test]
    fn nobody_is_named_and_no_secret_is_shown_yet_a_change_of_such_a_key_shows() {
        let before = settings(|_| {});
        assert_eq!(before["guard.max_deprovision_count"], "25");
        assert_eq!(before["workiva.password"], "[redacted]");
        for key in ["workiva.username", "access.roles", "tables.manager"] {
            assert!(before[key].starts_with("sha256:"), "{key}: {}", before[key]);
        }
        let now = settings(|all| all["tables"]["manager"]["7"] = "Jo Smith".into());
        let change = change(&before, &now).unwrap();
        assert_eq!(change.changed.keys().collect::<Vec<_>>(), ["tables.manager"]);
        assert_eq!(change.before["tables.manager"], before["tables.manager"], "what it was");
    }

    #[test]
    fn changes_replayed_come_to_the_configuration_in_force() {
        let first = settings(|_| {});
        let second = settings(|all| {
            all["guard"] = json!({});
            all["workiva"]["ca_file"] = "ca.pem".into();
        });
        let from_nothing = change(&Values::new(), &first).unwrap();
        let later = change(&first, &second).unwrap();
        assert_eq!(later.removed, ["guard.max_deprovision_count"]);
        assert_eq!(later.before, Values::from([("guard.max_deprovision_count".into(), "25".into())]));
        assert_eq!(replay([from_nothing, later]), second);
        assert_eq!(change(&second, &second), None);
        let secrets = other_secrets(&second, &["workiva.password".into()]);
        assert_eq!(replay([change(&Values::new(), &second).unwrap(), secrets]), second);
    }
}
