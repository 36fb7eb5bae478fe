//! Reading, writing and removing the value at a path in a user's JSON.

use serde_json::{Map, Value, json};

use super::{AttributePath, Place};
use crate::core::scim::json::{flag, member, spelling, take, text};

impl AttributePath {
    /// The value in a user's JSON, as text. An entry without a type counts where none has the right one, and
    /// a bare text counts for `{"value": …}`, since servers drop and flatten what they do not keep.
    pub fn read(&self, user: &Value) -> Option<String> {
        let user = user.as_object()?;
        match &self.place {
            Place::Plain { name, sub } => below(member(user, name)?, sub.as_deref()),
            Place::Extension { schema, name, sub } => {
                below(member(member(user, schema)?.as_object()?, name)?, sub.as_deref())
            }
            Place::Typed { name, kind, sub } => match member(user, name)? {
                Value::Array(entries) => below(&entries[chosen(entries, kind)?], Some(sub)),
                entry => chosen(std::slice::from_ref(entry), kind).and_then(|_| below(entry, Some(sub))),
            },
        }
    }

    /// Writes the value into a user's JSON, beside whatever else is there.
    pub(in crate::core::scim) fn write(&self, user: &mut Map<String, Value>, value: &str) {
        match &self.place {
            Place::Plain { name, sub } => set(user, name, sub.as_deref(), value),
            Place::Extension { schema, name, sub } => {
                set(object_at(user, schema), name, sub.as_deref(), value);
            }
            Place::Typed { name, kind, sub } => {
                let entries = list_at(user, name);
                match chosen(entries, kind) {
                    Some(at) => match &mut entries[at] {
                        Value::Object(entry) => set(entry, sub, None, value),
                        bare => *bare = json!({"type": kind, sub: value}),
                    },
                    None => {
                        let entry = new_entry(name, kind, sub, value, entries);
                        entries.push(entry);
                    }
                }
            }
        }
    }

    /// Takes the value out of a user's JSON, and with it what would be left empty.
    pub(in crate::core::scim) fn remove(&self, user: &mut Map<String, Value>) {
        match &self.place {
            Place::Plain { name, sub } => unset(user, name, sub.as_deref()),
            Place::Extension { schema, name, sub } => {
                let key = spelling(user, schema);
                if let Some(Value::Object(extension)) = user.get_mut(&key) {
                    unset(extension, name, sub.as_deref());
                    if extension.is_empty() {
                        user.shift_remove(&key);
                    }
                }
            }
            Place::Typed { name, kind, sub } => {
                let entries = list_at(user, name);
                if let Some(at) = chosen(entries, kind) {
                    match &mut entries[at] {
                        Value::Object(entry) if sub != "value" => unset(entry, sub, None),
                        _ => drop(entries.remove(at)),
                    }
                }
                if entries.is_empty() {
                    take(user, name);
                }
            }
        }
    }
}

/// Which entry `kind` means: the one of that type, else one that says no type, and of either the primary one.
fn chosen(entries: &[Value], kind: &str) -> Option<usize> {
    let of = |wanted: &dyn Fn(Option<&str>) -> bool| {
        let fitting = || {
            entries.iter().enumerate().filter(|(_, entry)| match entry {
                Value::Object(entry) => wanted(member(entry, "type").and_then(Value::as_str)),
                Value::String(_) => wanted(None),
                _ => false,
            })
        };
        fitting().find(|(_, entry)| is_primary(entry)).or_else(|| fitting().next()).map(|(at, _)| at)
    };
    of(&|found| found.is_some_and(|found| found.eq_ignore_ascii_case(kind)))
        .or_else(|| of(&|found| found.is_none()))
}

fn is_primary(entry: &Value) -> bool {
    entry.as_object().and_then(|entry| member(entry, "primary")).and_then(flag) == Some(true)
}

/// The text of a value, or of its member `sub`; a bare text stands for its own `value`.
fn below(value: &Value, sub: Option<&str>) -> Option<String> {
    match (value, sub) {
        (Value::Object(object), Some(sub)) => text(member(object, sub)?),
        (_, None | Some("value")) => text(value),
        _ => None,
    }
}

fn set(object: &mut Map<String, Value>, name: &str, sub: Option<&str>, value: &str) {
    match sub {
        Some(sub) => set(object_at(object, name), sub, None, value),
        None => {
            let key = spelling(object, name);
            object.insert(key, Value::from(value));
        }
    }
}

fn unset(object: &mut Map<String, Value>, name: &str, sub: Option<&str>) {
    let key = spelling(object, name);
    match (sub, object.get_mut(&key)) {
        (Some(sub), Some(Value::Object(inner))) => {
            take(inner, sub);
            if inner.is_empty() {
                object.shift_remove(&key);
            }
        }
        _ => drop(take(object, name)),
    }
}

/// The object under `name`, put there if something else or nothing was.
fn object_at<'a>(object: &'a mut Map<String, Value>, name: &str) -> &'a mut Map<String, Value> {
    let slot = object.entry(spelling(object, name)).or_insert(Value::Null);
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    slot.as_object_mut().expect("it was made an object just above")
}

/// The list under `name`; a single entry that a server did not wrap becomes a list of one.
fn list_at<'a>(object: &'a mut Map<String, Value>, name: &str) -> &'a mut Vec<Value> {
    let slot = object.entry(spelling(object, name)).or_insert(Value::Null);
    if !slot.is_array() {
        *slot = match slot.take() {
            Value::Null => Value::Array(Vec::new()),
            single => Value::Array(vec![single]),
        };
    }
    slot.as_array_mut().expect("it was made a list just above")
}

/// A new entry. The work e-mail address is the primary one, unless another entry already says that of itself.
fn new_entry(name: &str, kind: &str, sub: &str, value: &str, others: &[Value]) -> Value {
    if name == "emails" && kind.eq_ignore_ascii_case("work") && !others.iter().any(is_primary) {
        return json!({"type": kind, "primary": true, sub: value});
    }
    json!({"type": kind, sub: value})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::scim::ENTERPRISE_SCHEMA;

    fn path(text: &str) -> AttributePath {
        AttributePath::parse(text).unwrap()
    }

    fn written(mut user: Value, at: &str, value: Option<&str>) -> Value {
        let object = user.as_object_mut().unwrap();
        match value {
            Some(value) => path(at).write(object, value),
            None => path(at).remove(object),
        }
        user
    }

    #[test]
    fn values_are_read_in_any_letter_case_of_their_names() {
        let user = json!({"USERNAME": "jane", "Name": {"givenname": "Jane"}, "externalid": 7});
        assert_eq!(path("userName").read(&user).as_deref(), Some("jane"));
        assert_eq!(path("name.givenName").read(&user).as_deref(), Some("Jane"));
        assert_eq!(path("externalId").read(&user).as_deref(), Some("7"));
    }

    #[test]
    fn the_entry_of_the_right_type_is_read_before_one_without_type() {
        let both = json!({"emails": [{"value": "u"}, {"type": "home", "value": "h"}, {"type": "Work", "value": "w"}]});
        assert_eq!(path("emails.work").read(&both).as_deref(), Some("w"));
        let untyped = json!({"emails": [{"value": "a"}, {"value": "p", "primary": "true"}]});
        assert_eq!(path("emails.work").read(&untyped).as_deref(), Some("p"));
        let bare = json!({"emails": ["a"]});
        assert_eq!(path("emails.work").read(&bare).as_deref(), Some("a"));
        let single = json!({"emails": {"type": "work", "value": "s"}});
        assert_eq!(path("emails.work").read(&single).as_deref(), Some("s"));
        let other = json!({"emails": [{"type": "home", "value": "h"}]});
        assert_eq!(path("emails.work").read(&other), None);
    }

    #[test]
    fn a_manager_is_read_as_an_object_and_as_a_bare_text() {
        let manager = path(&format!("{ENTERPRISE_SCHEMA}:manager.value"));
        assert_eq!(
            manager.read(&json!({ENTERPRISE_SCHEMA: {"manager": {"value": "1"}}})).as_deref(),
            Some("1")
        );
        assert_eq!(manager.read(&json!({ENTERPRISE_SCHEMA: {"manager": "1"}})).as_deref(), Some("1"));
    }

    #[test]
    fn an_empty_or_null_value_counts_as_absent() {
        assert_eq!(path("title").read(&json!({"title": ""})), None);
        assert_eq!(path("title").read(&json!({"title": null})), None);
    }

    #[test]
    fn writing_keeps_what_is_beside_the_value() {
        let user = json!({"emails": [{"type": "home", "value": "h"}, {"type": "work", "value": "w", "display": "W"}]});
        assert_eq!(
            written(user, "emails.work", Some("n")),
            json!({"emails": [{"type": "home", "value": "h"}, {"type": "work", "value": "n", "display": "W"}]})
        );
        let user = json!({"name": {"familyName": "Doe", "GivenName": "J"}});
        assert_eq!(
            written(user, "name.givenName", Some("Jane")),
            json!({"name": {"familyName": "Doe", "GivenName": "Jane"}})
        );
    }

    #[test]
    fn a_new_work_address_is_primary_unless_another_one_is() {
        assert_eq!(
            written(json!({"emails": null}), "emails.work", Some("w")),
            json!({"emails": [{"type": "work", "primary": true, "value": "w"}]})
        );
        let taken = json!({"emails": [{"type": "home", "primary": true, "value": "h"}]});
        assert_eq!(
            written(taken, "emails.work", Some("w"))["emails"][1],
            json!({"type": "work", "value": "w"})
        );
    }

    #[test]
    fn removing_leaves_nothing_empty_behind() {
        let user =
            json!({"phoneNumbers": [{"type": "mobile", "value": "1"}], "name": {"middleName": "Q"}, "x": 1});
        let user = written(user, "phoneNumbers.mobile", None);
        assert_eq!(written(user, "name.middleName", None), json!({"x": 1}));
        let extension = json!({ENTERPRISE_SCHEMA: {"manager": {"value": "1"}}});
        assert_eq!(written(extension, &format!("{ENTERPRISE_SCHEMA}:manager.value"), None), json!({}));
        assert_eq!(written(json!({"x": 1}), "emails.work", None), json!({"x": 1}));
    }

    #[test]
    fn removing_a_part_of_an_address_keeps_the_rest_of_it() {
        let user = json!({"addresses": [{"type": "work", "locality": "L", "country": "US"}]});
        assert_eq!(
            written(user, "addresses.work.locality", None),
            json!({"addresses": [{"type": "work", "country": "US"}]})
        );
    }
}
