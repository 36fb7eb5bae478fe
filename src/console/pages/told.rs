//! What a record of the audit tells, for a page: keys and values instead of JSON.

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use serde_json::Value;

use crate::store::AuditRow;

/// One thing that a record tells.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Its name; of what is inside of something else, behind that one's name and a dot.
    key: String,
    /// What it is, in words.
    value: String,
    /// The same as a time, where it is one.
    at: Option<String>,
}

/// A record with what it tells.
#[derive(Debug, Serialize)]
pub struct Record {
    #[serde(flatten)]
    row: AuditRow,
    told: Vec<Told>,
}

impl From<AuditRow> for Record {
    fn from(row: AuditRow) -> Self {
        let mut told = Vec::new();
        tell("", &row.body, &mut told);
        Self { row, told }
    }
}

impl Record {
    /// Its number.
    pub fn seq(&self) -> i64 {
        self.row.seq
    }
}

fn tell(key: &str, value: &Value, told: &mut Vec<Told>) {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match value {
        Value::Object(parts) if !parts.is_empty() => {
            parts.iter().for_each(|(name, part)| tell(&below(name), part, told));
        }
        Value::Array(parts) if parts.iter().any(|part| part.is_object() || part.is_array()) => {
            parts.iter().enumerate().for_each(|(at, part)| tell(&below(&(at + 1).to_string()), part, told));
        }
        _ => told.push(Told { key: key.to_owned(), value: words(value), at: time(key, value) }),
    }
}

fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(is_so) => (if *is_so { "yes" } else { "no" }).to_owned(),
        Value::Array(parts) if !parts.is_empty() => parts.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Null | Value::Array(_) | Value::Object(_) => "–".to_owned(),
        Value::Number(number) => number.to_string(),
    }
}

/// Times are kept in milliseconds since 1970, under keys that end so.
fn time(key: &str, value: &Value) -> Option<String> {
    let at = value.as_i64().filter(|_| key.ends_with("_at"))?;
    Some(DateTime::from_timestamp_millis(at)?.to_rfc3339_opts(SecondsFormat::Millis, true))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_inside_of_something_is_told_by_a_name_of_its_own_and_times_as_times() {
        let mut told = Vec::new();
        let body = json!({"started_at": 0, "rows": null, "keys": ["a", "b"], "sent": [{"sent_at": 1_000, "ok": true}], "none": []});
        tell("", &body, &mut told);
        let told: Vec<(&str, &str, bool)> =
            told.iter().map(|one| (one.key.as_str(), one.value.as_str(), one.at.is_some())).collect();
        assert_eq!(
            told,
            [
                ("started_at", "0", true),
                ("rows", "–", false),
                ("keys", "a, b", false),
                ("sent.1.sent_at", "1000", true),
                ("sent.1.ok", "yes", false),
                ("none", "–", false)
            ]
        );
    }
}
