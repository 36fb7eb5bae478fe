//! A place in a JSON document that is sent, into which a value is put for each request.

use serde_json::{Map, Value};

use super::path::{Step, StreamPath};

/// A place in a JSON object, by names alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    names: Vec<String>,
}

impl Slot {
    /// Reads a path of names such as `$.variables.after`; what does not begin with `$` is a key.
    ///
    /// # Errors
    /// Why nothing can be put there, in words that go on from the key's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err(
                "is empty; write the key in the body, or a JSONPath of names that begins with $".to_owned()
            );
        }
        if !text.starts_with('$') {
            return Ok(Self { names: vec![text.to_owned()] });
        }
        let path = StreamPath::parse(text);
        let names = path.ok().and_then(|path| path.steps().iter().map(name).collect::<Option<Vec<_>>>());
        match names.filter(|names| !names.is_empty()) {
            Some(names) => Ok(Self { names }),
            None => Err("has to lead to one place by names alone, such as \"$.variables.after\"".to_owned()),
        }
    }

    /// Whether something can be put there, and nothing but what stands there now gives way to it.
    pub fn fits(&self, document: &Value) -> bool {
        let mut at = document;
        for name in &self.names {
            match at {
                Value::Object(members) => at = members.get(name).unwrap_or(&Value::Null),
                Value::Null => return true,
                _ => return false,
            }
        }
        !matches!(at, Value::Object(_) | Value::Array(_))
    }

    /// Puts a value there; as a text where a text stood. Objects on the way to it are made.
    pub fn put(&self, document: &mut Value, value: Value) {
        let mut at = document;
        for name in &self.names {
            if !at.is_object() {
                *at = Value::Object(Map::new());
            }
            let Value::Object(members) = at else { return };
            at = members.entry(name.clone()).or_insert(Value::Null);
        }
        *at = match value {
            Value::Number(number) if at.is_string() => Value::String(number.to_string()),
            value => value,
        };
    }
}

fn name(step: &Step) -> Option<String> {
    match step {
        Step::Key(name) => Some(name.clone()),
        Step::Each => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_put_where_a_path_leads_in_the_form_of_what_stood_there() {
        let mut body = json!({"query": "q", "page": {"size": "50"}, "after": null});
        for (path, value) in [
            ("$.page.size", json!(100)),
            ("$['page'].number", json!(2)),
            ("after", json!("c")),
            ("$.a.b", json!(1)),
        ] {
            let slot = Slot::parse(path).unwrap();
            assert!(slot.fits(&body), "{path}");
            slot.put(&mut body, value);
        }
        let page = json!({"size": "100", "number": 2});
        assert_eq!(body, json!({"query": "q", "page": page, "after": "c", "a": {"b": 1}}));
        for path in ["$.query.page", "$.page", "$.after.x"] {
            assert!(!Slot::parse(path).unwrap().fits(&body), "{path}");
        }
        for path in ["", "$", "$.list[*]", "$.list[0]", "$..page"] {
            assert!(Slot::parse(path).is_err(), "{path}");
        }
    }
}
