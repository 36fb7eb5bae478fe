//! A record as it stands in a document, with the keys that say two things in it.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::surrogate::mended;

/// A record, or another piece that is taken out of a document whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Element {
    /// What stands there; of a key that stands twice the last value.
    pub value: Value,
    /// The keys that stand in one object twice with values that differ: nobody can say which counts.
    pub twice: Vec<String>,
}

impl Element {
    /// Reads one document.
    ///
    /// # Errors
    /// Where it is no JSON.
    pub fn parse(document: &[u8]) -> serde_json::Result<Self> {
        let document = mended(document);
        let mut deserializer = serde_json::Deserializer::from_slice(&document);
        let element = Self::read(&mut deserializer)?;
        deserializer.end()?;
        Ok(element)
    }

    /// Takes one out of a document.
    pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let twice = RefCell::new(Vec::new());
        let value = Piece { twice: &twice }.deserialize(deserializer)?;
        Ok(Self { value, twice: twice.into_inner() })
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
            match members.entry(key) {
                Entry::Vacant(vacant) => drop(vacant.insert(value)),
                Entry::Occupied(mut known) if *known.get() != value => {
                    self.twice.borrow_mut().push(known.key().clone());
                    known.insert(value);
                }
                Entry::Occupied(_) => {}
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
}
