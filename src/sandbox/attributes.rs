//! Names of SCIM attributes, which compare regardless of case (RFC 7643 section 2.1), and what a user must hold.

use serde_json::{Map, Value};

use super::refusal::Refusal;

/// The schema of a user.
pub(super) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The schema of a PATCH body.
pub(super) const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// The spelling under which known attributes are stored; unknown ones keep the spelling of their client.
const SPELLINGS: [&str; 16] = [
    "schemas",
    "id",
    "meta",
    "externalId",
    "userName",
    "name",
    "displayName",
    "nickName",
    "title",
    "locale",
    "timezone",
    "preferredLanguage",
    "userType",
    "active",
    "emails",
    "password",
];

/// The stored spelling of a top-level attribute.
pub(super) fn spelling(name: &str) -> &str {
    SPELLINGS.iter().find(|known| known.eq_ignore_ascii_case(name)).copied().unwrap_or(name)
}

/// The name without the URN of the core schema, if it has it.
pub(super) fn local_name(name: &str) -> &str {
    match name.get(..USER.len()) {
        Some(urn) if urn.eq_ignore_ascii_case(USER) => name[USER.len()..].strip_prefix(':').unwrap_or(name),
        _ => name,
    }
}

/// The key of an object as it is spelt there.
pub(super) fn key_ignoring_case(object: &Map<String, Value>, name: &str) -> Option<String> {
    if object.contains_key(name) {
        return Some(name.to_owned());
    }
    object.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned()
}

/// The value of an attribute, however its name is spelt.
pub(super) fn get_ignoring_case<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object
        .get(name)
        .or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// Whether `schemas` of a body names a schema.
pub(super) fn names_schema(body: &Map<String, Value>, schema: &str) -> bool {
    let schemas = get_ignoring_case(body, "schemas").and_then(Value::as_array);
    schemas.is_some_and(|schemas| {
        schemas.iter().any(|item| item.as_str().is_some_and(|item| item.eq_ignore_ascii_case(schema)))
    })
}

/// What a client may set of a body: known names in their stored spelling, without what the server alone sets,
/// without nulls (RFC 7643 section 2.5: null is unassigned), and without a password, which is never kept.
pub(super) fn writable(body: Map<String, Value>) -> Map<String, Value> {
    body.into_iter()
        .map(|(name, value)| (spelling(&name).to_owned(), value))
        .filter(|(name, value)| !value.is_null() && !matches!(name.as_str(), "id" | "meta" | "password"))
        .collect()
}

/// Refuses a user that Workiva would not take (D: lower-case names without spaces; first name, last name and an
/// e-mail are required).
///
/// # Errors
/// [`Refusal::Invalid`] with the first attribute that is wrong.
pub(super) fn check_user(user: &Map<String, Value>) -> Result<(), Refusal> {
    let name = user.get("userName").and_then(Value::as_str).unwrap_or_default();
    if name.is_empty() {
        return Err(Refusal::value("userName is required"));
    }
    if name.chars().any(|c| c.is_whitespace() || c.is_uppercase()) {
        return Err(Refusal::value("userName must not hold spaces or capital letters"));
    }
    for part in ["givenName", "familyName"] {
        let value = user.get("name").and_then(|name| name.get(part)).and_then(Value::as_str);
        if value.is_none_or(|value| value.trim().is_empty()) {
            return Err(Refusal::value(format!("name.{part} is required")));
        }
    }
    check_emails(user.get("emails"))?;
    if user.get("active").is_some_and(|active| !active.is_boolean()) {
        return Err(Refusal::value("active must be true or false, not a string or a number"));
    }
    if user.get("externalId").is_some_and(|id| !id.is_string()) {
        return Err(Refusal::value("externalId must be a string"));
    }
    let elements = user.values().filter_map(Value::as_array).flatten();
    if elements.filter_map(|element| element.get("primary")).any(|primary| !primary.is_boolean()) {
        return Err(Refusal::value("primary must be true or false, not a string or a number"));
    }
    Ok(())
}

fn check_emails(emails: Option<&Value>) -> Result<(), Refusal> {
    let emails = emails.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if emails.is_empty() {
        return Err(Refusal::value("an e-mail is required"));
    }
    let plausible =
        |email: &Value| email.get("value").and_then(Value::as_str).is_some_and(|v| v.contains('@'));
    if !emails.iter().all(plausible) {
        return Err(Refusal::value("every e-mail needs a value with an @"));
    }
    Ok(())
}
