//! From the text of a path to the place that it means, with a word for every way to get it wrong.

use super::Place;
use crate::core::scim::{ENTERPRISE_SCHEMA, USER_SCHEMA};

/// The single-valued attributes of a core user that can be mapped (RFC 7643, section 4.1.1).
const SIMPLE: &[&str] = &[
    "userName",
    "externalId",
    "displayName",
    "nickName",
    "profileUrl",
    "title",
    "userType",
    "preferredLanguage",
    "locale",
    "timezone",
];
const NAME_PARTS: &[&str] =
    &["formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix"];
/// Attributes with several entries, each with a `type` and a `value` (RFC 7643, section 4.1.2).
const TYPED: &[&str] = &["emails", "phoneNumbers", "ims", "photos"];
const ADDRESS_PARTS: &[&str] = &["formatted", "streetAddress", "locality", "region", "postalCode", "country"];
const ENTERPRISE: &[&str] = &["employeeNumber", "costCenter", "organization", "division", "department"];
/// Attributes that a mapping must not touch, each with the reason.
const GOVERNED: &[(&str, &str)] = &[
    ("id", "the server gives it"),
    ("meta", "the server keeps it"),
    ("schemas", "it follows from the other attributes"),
    ("active", "the lifecycle decides it: see [lifecycle] and [access]"),
    ("groups", "memberships are changed through Groups, not on a user"),
    ("password", "this daemon never sets passwords"),
    ("roles", "they are given in Workiva, not by this mapping"),
];

pub(super) fn place(path: &str) -> Result<Place, String> {
    if path.trim() != path || path.is_empty() {
        return Err(format!("`{path}` is empty or has blanks around it; write a path such as `userName`"));
    }
    if path.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:")) {
        return extension(path);
    }
    let parts: Vec<&str> = path.split('.').collect();
    if let Some((name, why)) = GOVERNED.iter().find(|(name, _)| name.eq_ignore_ascii_case(parts[0])) {
        return Err(format!("`{path}` cannot be mapped: {why}; remove `{name}` from [attributes]"));
    }
    match parts.as_slice() {
        [name] if SIMPLE.contains(name) => Ok(Place::Plain { name: (*name).to_owned(), sub: None }),
        ["name", sub] if NAME_PARTS.contains(sub) => {
            Ok(Place::Plain { name: "name".to_owned(), sub: Some((*sub).to_owned()) })
        }
        [name, kind] if TYPED.contains(name) => typed(path, name, kind, "value"),
        ["addresses", kind, sub] if ADDRESS_PARTS.contains(sub) => typed(path, "addresses", kind, sub),
        _ => Err(not_known(path, &parts)),
    }
}

fn typed(path: &str, name: &str, kind: &str, sub: &str) -> Result<Place, String> {
    if !is_name(kind) {
        return Err(format!("`{path}` has no usable type; write one in letters, such as `{name}.work`"));
    }
    if name != "addresses" && matches!(kind, "value" | "type" | "primary" | "display") {
        return Err(format!(
            "`{path}` does not say which of the {name}; write a type, such as `{name}.work`"
        ));
    }
    Ok(Place::Typed { name: name.to_owned(), kind: kind.to_owned(), sub: sub.to_owned() })
}

/// The schema of an extension has dots and colons of its own, so the attribute is what follows the last colon.
fn extension(path: &str) -> Result<Place, String> {
    let (schema, attribute) = path.rsplit_once(':').unwrap_or((path, ""));
    if schema.eq_ignore_ascii_case(USER_SCHEMA) {
        return Err(format!("`{path}` is an attribute of the core user; write `{attribute}` alone"));
    }
    let (name, sub) = match attribute.split_once('.') {
        Some((name, sub)) => (name, Some(sub)),
        None => (attribute, None),
    };
    let schema_alone = path.eq_ignore_ascii_case(ENTERPRISE_SCHEMA) || path.eq_ignore_ascii_case(USER_SCHEMA);
    if schema_alone || schema.split(':').count() < 3 || !is_name(name) || sub.is_some_and(|sub| !is_name(sub))
    {
        return Err(format!(
            "`{path}` is no attribute of an extension; write the schema's URN, a colon and the attribute, \
             such as `{ENTERPRISE_SCHEMA}:department`"
        ));
    }
    let place =
        Place::Extension { schema: schema.to_owned(), name: name.to_owned(), sub: sub.map(str::to_owned) };
    if !schema.eq_ignore_ascii_case(ENTERPRISE_SCHEMA) {
        return Ok(place);
    }
    match (name, sub) {
        ("manager", Some("value")) => Ok(place),
        ("manager", _) => Err(format!(
            "`{path}` cannot be written; write `{ENTERPRISE_SCHEMA}:manager.value`, which takes the manager's id"
        )),
        (name, None) if ENTERPRISE.contains(&name) => Ok(place),
        _ => Err(format!(
            "`{path}` is not in the enterprise extension; it has {} and manager.value",
            ENTERPRISE.join(", ")
        )),
    }
}

/// Names as RFC 7643, section 2.1 has them. The rule also keeps quotes and brackets out of PATCH paths.
fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '_' | '-' | '$'))
}

fn not_known(path: &str, parts: &[&str]) -> String {
    let name = parts[0];
    if let Some(exact) = SIMPLE.iter().find(|known| known.eq_ignore_ascii_case(path)) {
        return format!("`{path}` is spelled `{exact}`; write it so");
    }
    if name.eq_ignore_ascii_case("name") {
        return format!("`{path}` is no part of a name; write `name.` and one of {}", NAME_PARTS.join(", "));
    }
    if let Some(exact) = TYPED.iter().find(|known| known.eq_ignore_ascii_case(name)) {
        return format!("`{path}` does not say which of the {exact}; write a type, such as `{exact}.work`");
    }
    if name.eq_ignore_ascii_case("addresses") {
        return format!(
            "`{path}` is no part of an address; write `addresses.work.` and one of {}",
            ADDRESS_PARTS.join(", ")
        );
    }
    format!(
        "`{path}` is no attribute of a SCIM user that can be mapped; use one of {}, name.…, emails.…, \
         phoneNumbers.…, addresses.…, or an extension's full path such as `{ENTERPRISE_SCHEMA}:department`",
        SIMPLE.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::super::AttributePath;

    #[test]
    fn every_documented_form_is_understood() {
        for (path, patch_path) in [
            ("userName", "userName"),
            ("title", "title"),
            ("name.givenName", "name.givenName"),
            ("emails.work", r#"emails[type eq "work"].value"#),
            ("phoneNumbers.mobile", r#"phoneNumbers[type eq "mobile"].value"#),
            ("addresses.work.locality", r#"addresses[type eq "work"].locality"#),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            ),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
            ),
            ("urn:example:acme:2.0:User:badge", "urn:example:acme:2.0:User:badge"),
        ] {
            let parsed = AttributePath::parse(path).unwrap();
            assert_eq!(parsed.patch_path(), patch_path);
            assert_eq!(parsed.to_string(), path);
        }
    }

    #[test]
    fn what_the_daemon_or_the_server_governs_is_refused() {
        for path in
            ["id", "meta", "meta.version", "schemas", "active", "Active", "groups", "password", "roles"]
        {
            assert!(AttributePath::parse(path).unwrap_err().contains("cannot be mapped"), "{path}");
        }
    }

    #[test]
    fn a_wrong_path_is_answered_with_the_mend() {
        for (path, mend) in [
            ("username", "`userName`"),
            ("emails", "`emails.work`"),
            ("emails.value", "`emails.work`"),
            ("emails.", "`emails.work`"),
            (r#"emails.work"]"#, "`emails.work`"),
            ("name", "givenName"),
            ("name.first", "givenName"),
            ("addresses.work", "locality"),
            ("department", "enterprise:2.0:User:department"),
            ("urn:ietf:params:scim:schemas:core:2.0:User:userName", "`userName`"),
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "manager.value"),
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:dept", "department"),
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "department"),
            ("urn:x", "department"),
            (" userName", "`userName`"),
            ("", "`userName`"),
        ] {
            let said = AttributePath::parse(path).unwrap_err();
            assert!(said.contains(mend), "{path}: {said}");
        }
    }

    #[test]
    fn only_user_names_and_mail_addresses_compare_regardless_of_case() {
        for (path, ignores) in
            [("userName", true), ("emails.work", true), ("externalId", false), ("name.givenName", false)]
        {
            let path = AttributePath::parse(path).unwrap();
            assert_eq!(path.ignores_case(), ignores);
            assert_eq!(path.same("É.a", "é.A"), ignores);
        }
    }
}
