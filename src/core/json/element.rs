//! A record as it stands in a document, with the keys that say two things in it, and those at which something stands that cannot be read.

use std::cell::RefCell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use super::surrogate::mended;

/// How many objects within each other are looked into for what can be read of them.
const DEEPEST: usize = 16;

/// A record, or another piece that is taken out of a document whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Element {
    /// What stands there; of a key that stands twice the last value.
    pub value: Value,
    /// The keys that stand in one object twice with values that differ: nobody can say which counts.
    pub twice: Vec<String>,
    /// What is JSON and cannot be read: a number beyond those that are held, or nesting without end. It is left out of the value.
    pub unread: Vec<Unread>,
}

/// A value that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The key at which it stands; empty: it is the record itself.
    pub key: String,
    /// Why, in words.
    pub why: String,
}

impl Element {
    /// Reads one document.
    ///
    /// # Errors
    /// Where it is no JSON.
    pub fn parse(document: &[u8]) -> serde_json::Result<Self> {
        let document = mended(document);
        serde_json::from_slice::<&RawValue>(&document).map(Self::of)
    }

    /// Whether all of it was read, and says one thing.
    pub fn is_sound(&self) -> bool {
        self.twice.is_empty() && self.unread.is_empty()
    }

    /// What is known to be JSON.
    pub(super) fn of(raw: &RawValue) -> Self {
        let mut element = Self::default();
        element.value = element.piece(raw.get(), "", 0).unwrap_or_default();
        element
    }

    /// A piece of it, or what can be read of that; `None`: nothing can, which is noted.
    fn piece(&mut self, raw: &str, key: &str, depth: usize) -> Option<Value> {
        let error = match Self::read(&mut serde_json::Deserializer::from_str(raw)) {
            Ok(piece) => {
                self.twice.extend(piece.twice);
                return Some(piece.value);
            }
            Err(error) => error,
        };
        // Which of a list's elements somebody looks for is not known, so a list is read as a whole or not at all.
        let members = match depth {
            0..DEEPEST => serde_json::from_str::<Members<'_>>(raw).ok(),
            _ => None,
        };
        let Some(Members(members)) = members else {
            let why = error.to_string();
            let why = why.split(" at line ").next().unwrap_or_default().to_owned();
            self.unread.push(Unread { key: key.to_owned(), why });
            return None;
        };
        let mut object = Map::new();
        for (key, raw) in members {
            let Some(value) = self.piece(raw.get(), &key, depth + 1) else { continue };
            self.twice.extend(put(&mut object, key, value));
        }
        Some(Value::Object(object))
    }

    /// Takes one out of a document.
    pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let twice = RefCell::new(Vec::new());
        let value = Piece { twice: &twice }.deserialize(deserializer)?;
        Ok(Self { value, twice: twice.into_inner(), unread: Vec::new() })
    }
}

/// Puts a value under a key. The answer is the key, where another value stood there.
fn put(members: &mut Map<String, Value>, key: String, value: Value) -> Option<String> {
    match members.entry(key) {
        Entry::Vacant(vacant) => {
            vacant.insert(value);
            None
        }
        Entry::Occupied(mut known) => {
            let differs = *known.get() != value;
            known.insert(value);
            differs.then(|| known.key().clone())
        }
    }
}

/// The members of an object as they are written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

/// A piece of an element.
#[derive(Clone, Copy)]
struct Piece<'a> {
    twice: &'a RefCell<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Piece<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Piece<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(self)?;
            if let Some(twice) = put(&mut members, key, value) {
                self.twice.borrow_mut().push(twice);
            }
        }
        Ok(Value::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element_seed(self)? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_bool<F>(self, value: bool) -> Result<Value, F> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<F>(self, value: i64) -> Result<Value, F> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<F>(self, value: u64) -> Result<Value, F> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<F>(self, value: f64) -> Result<Value, F> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<F>(self, value: &str) -> Result<Value, F> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<F>(self, value: String) -> Result<Value, F> {
        Ok(Value::String(value))
    }

    fn visit_unit<F>(self) -> Result<Value, F> {
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_element_is_what_stands_there_and_tells_which_keys_say_two_things() {
        let text = br#"{"a": [1, -2, 0.5, true, null, "x\u00e9"], "b": {"c": "1", "c": "1"}, "d": {}}"#;
        let element = Element::parse(text).unwrap();
        assert_eq!(element.value, serde_json::from_slice::<Value>(text).unwrap());
        assert_eq!(element.twice, Vec::<String>::new());
        let element =
            Element::parse(br#"{"status": "Left", "jobs": [{"t": 1, "t": 2}], "status": "Active"}"#).unwrap();
        assert_eq!(element.value["status"], "Active");
        assert_eq!(element.twice, ["t", "status"]);
        assert!(Element::parse(b"{} {}").is_err() && Element::parse(b"{\"a\":").is_err());
    }

    #[test]
    fn what_cannot_be_read_is_left_out_and_named_and_the_rest_stays() {
        let unread = |text: &str| {
            let element = Element::parse(text.as_bytes()).unwrap();
            let keys: Vec<String> = element.unread.iter().map(|one| one.key.clone()).collect();
            (element.value, keys.join(" "), element.twice.join(" "))
        };
        let deep = format!("{{\"id\": 1, \"x\": {}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
        let within = format!("{}1{}", "{\"k\":".repeat(200), "}".repeat(200));
        for (text, value, keys, twice) in [
            (r#"{"id": 1, "pay": 1e400, "id": 2}"#, json!({"id": 2}), "pay", "id"),
            (r#"{"a": {"b": -1e999, "c": {"t": 1, "t": 2}}}"#, json!({"a": {"c": {"t": 2}}}), "b", "t"),
            (r#"{"a": [1, 1e400], "b": "1e400"}"#, json!({"b": "1e400"}), "a", ""),
            ("1e400", json!(null), "", ""),
            (&deep, json!({"id": 1}), "x", ""),
        ] {
            assert_eq!(unread(text), (value, keys.to_owned(), twice.to_owned()), "{text}");
        }
        assert_eq!(unread(&within).1, "k");
        let element = Element::parse(br#"{"pay": 1e400}"#).unwrap();
        assert_eq!((element.unread[0].why.as_str(), element.is_sound()), ("number out of range", false));
        for text in [r#"{"id": 1e}"#, r#"{"id": 01}"#, "{\"id\": \"\n\"}", r#"{"id": 1e400"#] {
            assert!(Element::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
