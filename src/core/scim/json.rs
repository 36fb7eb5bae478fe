//! Reading JSON the way SCIM servers really write it: names in any letter case, booleans and numbers as text.

use serde_json::{Map, Value};

/// The member `name` of an object, in any letter case (RFC 7643, section 2.1); the exact spelling goes first.
pub(super) fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object
        .get(name)
        .or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// How the object spells `name`, or `name` itself where the object has no such member.
pub(super) fn spelling(object: &Map<String, Value>, name: &str) -> String {
    if object.contains_key(name) {
        return name.to_owned();
    }
    object.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned().unwrap_or_else(|| name.to_owned())
}

/// Takes `name` out of the object in whatever letter case, as often as it is there.
pub(super) fn take(object: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let mut taken = None;
    object.retain(|key, value| {
        let hit = key.eq_ignore_ascii_case(name);
        if hit {
            taken = Some(value.take());
        }
        !hit
    });
    taken
}

/// A scalar as text; nothing for null, an empty text, a list or an object.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A boolean, also where a server writes it as text (`"True"`).
pub(super) fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A count, also where a server writes it as text.
pub(super) fn count(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Whether the object names `schema` among its `schemas`.
pub(super) fn has_schema(object: &Map<String, Value>, schema: &str) -> bool {
    member(object, "schemas")
        .and_then(Value::as_array)
        .is_some_and(|all| all.iter().filter_map(Value::as_str).any(|one| one.eq_ignore_ascii_case(schema)))
}
