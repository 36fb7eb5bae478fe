//! PATCH (RFC 7644 section 3.5.2) on a user that is a JSON object.

use serde_json::{Map, Value};

use super::{
    attributes::{PATCH_OP, get_ignoring_case, key_ignoring_case, local_name, names_schema, spelling},
    filter::{Cursor, ValueFilter},
    refusal::Refusal,
};

type Object = Map<String, Value>;

/// Applies a PATCH body. After an error the user is half changed: give a copy.
///
/// # Errors
/// [`Refusal::Invalid`] for a body, an operation or a path that is not understood.
pub(super) fn apply(user: &mut Object, body: &Object) -> Result<(), Refusal> {
    for operation in operations(body)? {
        apply_one(user, operation)?;
    }
    Ok(())
}

/// What a PATCH body is to do, in order; at least one thing.
pub(super) fn operations(body: &Object) -> Result<&[Value], Refusal> {
    if !names_schema(body, PATCH_OP) {
        return Err(Refusal::syntax(format!("schemas must hold {PATCH_OP}")));
    }
    let operations = get_ignoring_case(body, "Operations").and_then(Value::as_array);
    let operations = operations.filter(|list| !list.is_empty());
    operations
        .map(Vec::as_slice)
        .ok_or_else(|| Refusal::syntax("Operations must be a list that is not empty"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Add,
    Replace,
}

fn apply_one(user: &mut Object, operation: &Value) -> Result<(), Refusal> {
    let operation = operation.as_object().ok_or_else(|| Refusal::syntax("an operation is an object"))?;
    let op = get_ignoring_case(operation, "op").and_then(Value::as_str).unwrap_or_default();
    let path = match get_ignoring_case(operation, "path") {
        None | Some(Value::Null) => None,
        Some(Value::String(path)) => Some(Path::parse(path)?),
        Some(_) => return Err(Refusal::Invalid("invalidPath", "path must be a string".to_owned())),
    };
    let value = get_ignoring_case(operation, "value");
    let op = match op.to_ascii_lowercase().as_str() {
        "add" => Op::Add,
        "replace" => Op::Replace,
        "remove" => {
            let no_path = || Refusal::Invalid("noTarget", "remove needs a path".to_owned());
            return remove(user, &path.ok_or_else(no_path)?);
        }
        _ => return Err(Refusal::syntax("op must be add, replace or remove")),
    };
    let value = value.ok_or_else(|| Refusal::value("add and replace need a value"))?;
    match path {
        Some(path) => write(user, op, &path, value),
        None => write_all(user, op, value),
    }
}

/// Where an operation acts: `attribute`, `attribute.sub`, `attribute[filter]` or `attribute[filter].sub`, each
/// perhaps within an extension.
#[derive(Debug, PartialEq)]
struct Path {
    /// The URN of the extension, if the path begins with one; an empty attribute then means all of it.
    extension: Option<String>,
    attribute: String,
    filter: Option<ValueFilter>,
    sub: Option<String>,
}

impl Path {
    fn parse(text: &str) -> Result<Path, Refusal> {
        let mut cursor = Cursor::new(text);
        let word = local_name(cursor.word());
        let (extension, name) = split_urn(word);
        let filter = match cursor.next_is('[') {
            true => Some(cursor.value_filter().map_err(|why| Refusal::Invalid("invalidFilter", why))?),
            false => None,
        };
        let (attribute, sub) = match &filter {
            None => match name.split_once('.') {
                Some((attribute, sub)) => (attribute, Some(sub)),
                None => (name, None),
            },
            Some(_) => (name, cursor.word().strip_prefix('.')),
        };
        let named = !attribute.is_empty() || (extension.is_some() && filter.is_none() && sub.is_none());
        let plain = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "$-_".contains(c))
        };
        let well_formed = (attribute.is_empty() || plain(attribute)) && sub.is_none_or(plain);
        if !named || !well_formed || !cursor.at_end() {
            return Err(Refusal::Invalid("invalidPath", "the path is not understood".to_owned()));
        }
        let attribute = if extension.is_some() { attribute } else { spelling(attribute) };
        let path = Path { extension, attribute: attribute.to_owned(), filter, sub: sub.map(str::to_owned) };
        path.refuse_read_only()?;
        Ok(path)
    }

    fn refuse_read_only(&self) -> Result<(), Refusal> {
        if self.extension.is_none()
            && matches!(self.attribute.as_str(), "id" | "meta" | "schemas" | "password")
        {
            return Err(Refusal::Invalid("mutability", format!("{} cannot be set", self.attribute)));
        }
        Ok(())
    }
}

/// The URN of an extension and what follows it: the URN ends with `:User` (RFC 7644 section 3.10), so that the
/// dot of `2.0` is not taken for the one before a sub-attribute.
fn split_urn(word: &str) -> (Option<String>, &str) {
    if !word.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:")) {
        return (None, word);
    }
    match word.to_ascii_lowercase().rfind(":user") {
        Some(at) if at + 5 == word.len() => (Some(word.to_owned()), ""),
        Some(at) if word[at + 5..].starts_with(':') => (Some(word[..at + 5].to_owned()), &word[at + 6..]),
        _ => (None, word),
    }
}

/// add and replace without a path: every member of the value is a path of its own.
fn write_all(user: &mut Object, op: Op, value: &Value) -> Result<(), Refusal> {
    let Some(members) = value.as_object() else {
        return Err(Refusal::value("without a path the value must be an object"));
    };
    for (name, value) in members {
        // Clients repeat these in a value that stands for the user; RFC 7644 asks to ignore them there.
        if ["schemas", "id", "meta"].iter().any(|own| own.eq_ignore_ascii_case(name)) {
            continue;
        }
        write(user, op, &Path::parse(name)?, value)?;
    }
    Ok(())
}

fn write(user: &mut Object, op: Op, path: &Path, value: &Value) -> Result<(), Refusal> {
    if value.is_null() {
        return remove(user, path);
    }
    let Some(urn) = &path.extension else { return write_within(user, op, path, value) };
    let key = key_ignoring_case(user, urn).unwrap_or_else(|| urn.clone());
    if path.attribute.is_empty() {
        merge(user, &key, value);
        return Ok(());
    }
    let extension = user.entry(key).or_insert_with(|| Value::Object(Object::new()));
    let extension =
        extension.as_object_mut().ok_or_else(|| Refusal::value("the extension is not an object"))?;
    write_within(extension, op, path, value)
}

fn write_within(holder: &mut Object, op: Op, path: &Path, value: &Value) -> Result<(), Refusal> {
    let key = key_ignoring_case(holder, &path.attribute).unwrap_or_else(|| path.attribute.clone());
    if let Some(filter) = &path.filter {
        return write_elements(holder, op, &key, filter, path.sub.as_deref(), value);
    }
    let Some(sub) = &path.sub else {
        match (op, holder.get_mut(&key)) {
            (Op::Add, Some(Value::Array(elements))) => add_elements(elements, value),
            _ => merge(holder, &key, value),
        }
        return Ok(());
    };
    match holder.entry(key).or_insert_with(|| Value::Object(Object::new())) {
        Value::Object(complex) => set(complex, sub, value),
        _ => return Err(Refusal::Invalid("invalidPath", "the attribute has no sub-attributes".to_owned())),
    }
    Ok(())
}

/// An object is merged into one that is there (section 3.5.2.3: the given sub-attributes are replaced); anything
/// else takes the place of what was there.
fn merge(holder: &mut Object, key: &str, value: &Value) {
    match (holder.get_mut(key), value) {
        (Some(Value::Object(current)), Value::Object(value)) => {
            for (sub, value) in value {
                set(current, sub, value);
            }
        }
        _ => {
            holder.insert(key.to_owned(), value.clone());
        }
    }
}

fn set(object: &mut Object, name: &str, value: &Value) {
    let key = key_ignoring_case(object, name).unwrap_or_else(|| name.to_owned());
    match value {
        Value::Null => object.shift_remove(&key),
        value => object.insert(key, value.clone()),
    };
}

fn add_elements(elements: &mut Vec<Value>, value: &Value) {
    let added = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    for value in added.iter().filter(|value| !value.is_null()) {
        if elements.contains(value) {
            continue;
        }
        if value.get("primary") == Some(&Value::Bool(true)) {
            give_up_primary(elements);
        }
        elements.push(value.clone());
    }
}

/// Only one element is the primary one (RFC 7643 section 2.4).
fn give_up_primary(elements: &mut [Value]) {
    for element in elements.iter_mut().filter_map(Value::as_object_mut) {
        if element.contains_key("primary") {
            element.insert("primary".to_owned(), Value::Bool(false));
        }
    }
}

fn write_elements(
    holder: &mut Object,
    op: Op,
    key: &str,
    filter: &ValueFilter,
    sub: Option<&str>,
    value: &Value,
) -> Result<(), Refusal> {
    let elements = holder.entry(key).or_insert_with(|| Value::Array(Vec::new()));
    let elements = elements.as_array_mut().ok_or_else(no_target)?;
    if !elements.iter().any(|element| filter.matches(element)) {
        if op == Op::Replace {
            return Err(no_target());
        }
        // What the filter says is what the new element is: `emails[type eq "work"]` adds a work e-mail.
        elements.push(Value::Object(filter.0.iter().cloned().collect()));
    }
    if sub == Some("primary") && value == &Value::Bool(true) {
        give_up_primary(elements);
    }
    for element in elements.iter_mut().filter(|element| filter.matches(element)) {
        let Some(element) = element.as_object_mut() else { continue };
        match (sub, value) {
            (Some(sub), value) => set(element, sub, value),
            (None, Value::Object(members)) => {
                members.iter().for_each(|(name, value)| set(element, name, value))
            }
            (None, _) => return Err(Refusal::value("an element is an object")),
        }
    }
    Ok(())
}

fn remove(user: &mut Object, path: &Path) -> Result<(), Refusal> {
    if path.extension.is_none() && path.attribute == "active" {
        return Err(Refusal::value("active cannot be removed"));
    }
    let Some(urn) = &path.extension else {
        return remove_within(user, path);
    };
    let Some(key) = key_ignoring_case(user, urn) else { return Ok(()) };
    if path.attribute.is_empty() {
        user.shift_remove(&key);
        return Ok(());
    }
    match user.get_mut(&key).and_then(Value::as_object_mut) {
        Some(extension) => remove_within(extension, path),
        None => Ok(()),
    }
}

fn remove_within(holder: &mut Object, path: &Path) -> Result<(), Refusal> {
    let Some(key) = key_ignoring_case(holder, &path.attribute) else { return Ok(()) };
    if path.filter.is_none() && path.sub.is_none() {
        holder.shift_remove(&key);
        return Ok(());
    }
    match (holder.get_mut(&key), &path.filter, &path.sub) {
        (Some(Value::Array(elements)), Some(filter), None) => {
            elements.retain(|element| !filter.matches(element))
        }
        (Some(Value::Array(elements)), Some(filter), Some(sub)) => {
            for element in elements.iter_mut().filter(|element| filter.matches(element)) {
                element.as_object_mut().into_iter().for_each(|element| set(element, sub, &Value::Null));
            }
        }
        (Some(Value::Object(complex)), None, Some(sub)) => set(complex, sub, &Value::Null),
        _ => return Err(Refusal::Invalid("invalidPath", "the attribute has no such parts".to_owned())),
    }
    Ok(())
}

fn no_target() -> Refusal {
    Refusal::Invalid("noTarget", "no element fits the path's filter".to_owned())
}

#[cfg(test)]
#[path = "patch_tests.rs"]
mod tests;
