//! Secrets: readable by the one who needs them, redacted everywhere else.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is shown instead of a secret.
pub const REDACTED: &str = "[redacted]";

/// A configured password or token. `Debug`, `Serialize` and the schema never show it.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a value.
    pub fn new(value: String) -> Self {
        Self(SecretString::from(value))
    }

    /// The value, for the one place that sends it.
    pub fn as_secret(&self) -> &SecretString {
        &self.0
    }

    /// Whether nothing was configured but an empty text.
    pub fn is_empty(&self) -> bool {
        self.0.expose_secret().is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match SEEN.with_borrow_mut(|seen| seen.as_mut().map(|seen| self.place_in(seen))) {
            None => serializer.serialize_str(REDACTED),
            Some(place) => serializer.serialize_str(&format!("{REDACTED} {place}")),
        }
    }
}

impl Secret {
    /// By its place among those that were seen; a new one comes behind them.
    fn place_in(&self, seen: &mut Vec<SecretString>) -> usize {
        let is_same = |one: &SecretString| one.expose_secret() == self.0.expose_secret();
        seen.iter().position(is_same).unwrap_or_else(|| {
            seen.push(self.0.clone());
            seen.len() - 1
        })
    }
}

thread_local! {
    /// The secrets that were serialized while [`told_apart`] works.
    static SEEN: RefCell<Option<Vec<SecretString>>> = const { RefCell::new(None) };
}

/// While `work` lasts, secrets that are serialized show which of them are the same, by a number in place of each: enough to compare two
/// configurations in memory. The number means nothing anywhere else.
pub fn told_apart<T>(work: impl FnOnce() -> T) -> T {
    /// Whatever happens, none of them is kept.
    struct Forget;
    impl Drop for Forget {
        fn drop(&mut self) {
            SEEN.with_borrow_mut(Option::take);
        }
    }
    let _forget = Forget;
    SEEN.set(Some(Vec::new()));
    work()
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "writeOnly": true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_apart_by_numbers_that_hold_nothing_of_them_and_only_while_somebody_compares() {
        let shown = |secrets: &[&str]| {
            let secrets: Vec<Secret> = secrets.iter().map(|one| Secret::new((*one).to_owned())).collect();
            serde_json::to_string(&secrets).unwrap()
        };
        let (before, now) =
            told_apart(|| (shown(&["hunter1", "hunter2"]), shown(&["hunter1", "hunter3", "hunter2"])));
        assert_eq!(before, r#"["[redacted] 0","[redacted] 1"]"#);
        assert_eq!(now, r#"["[redacted] 0","[redacted] 2","[redacted] 1"]"#);
        assert_eq!(shown(&["hunter1"]), r#"["[redacted]"]"#);
        let broken = std::panic::catch_unwind(|| told_apart(|| panic!("it breaks down")));
        assert!(broken.is_err());
        assert_eq!(shown(&["hunter1"]), r#"["[redacted]"]"#, "whatever happened");
    }
}
