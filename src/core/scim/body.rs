//! The bodies that write a user: new, by PATCH, and by PUT.

use serde_json::{Map, Value, json};

use super::attribute::AttributePath;
use super::json::{flag, has_schema, member, spelling, take};
use super::user::Attributes;
use super::{PATCH_SCHEMA, USER_SCHEMA};

/// The body that creates a user: the attributes, the schemas that they need, and `active: true`.
///
/// Paths that [`AttributePath::parse`] refuses are left out here and below; configuration is checked before.
pub fn create_body(attributes: &Attributes) -> Value {
    let mut user = Map::new();
    user.insert("schemas".to_owned(), json!([USER_SCHEMA]));
    for (path, value) in attributes.iter().filter(|(_, value)| !value.is_empty()) {
        if let Ok(path) = AttributePath::parse(path) {
            path.write(&mut user, value);
            name_schema(&mut user, path.extension());
        }
    }
    user.insert("active".to_owned(), Value::Bool(true));
    Value::Object(user)
}

/// The body of a PATCH: one `replace` or `remove` a path, the last word on each path, and `active` if given.
/// Without any change its `Operations` are empty, and it must not be sent; see
/// [`ScimRequest::fault`](super::request::ScimRequest::fault).
pub fn patch_body(changes: &[(String, Option<String>)], active: Option<bool>) -> Value {
    let mut operations: Vec<Value> = last_words(changes)
        .filter_map(|(path, value)| {
            let path = AttributePath::parse(path).ok()?;
            Some(match value {
                Some(value) => json!({"op": "replace", "path": path.patch_path(), "value": value}),
                None => json!({"op": "remove", "path": path.removal_path()}),
            })
        })
        .collect();
    if let Some(active) = active {
        operations.push(json!({"op": "replace", "path": "active", "value": active}));
    }
    json!({"schemas": [PATCH_SCHEMA], "Operations": operations})
}

/// The body of a PUT, made from the user as the server just gave it: everything it has stays, unknown
/// attributes too, save `meta`; the changes are written into it. `active` is the given one, else what the
/// user has, else true, and always a real boolean: a PUT without it would suspend or activate by accident.
pub fn merge_body(live: &Value, changes: &[(String, Option<String>)], active: Option<bool>) -> Value {
    let mut user = live.as_object().cloned().unwrap_or_default();
    take(&mut user, "meta");
    name_schema(&mut user, Some(USER_SCHEMA));
    for (path, value) in last_words(changes) {
        let Ok(path) = AttributePath::parse(path) else { continue };
        match value {
            Some(value) => {
                path.write(&mut user, value);
                name_schema(&mut user, path.extension());
            }
            None => path.remove(&mut user),
        }
    }
    let active = active.or_else(|| flag(member(&user, "active")?)).unwrap_or(true);
    take(&mut user, "active");
    user.insert("active".to_owned(), Value::Bool(active));
    Value::Object(user)
}

/// The changes with only the last one on each path; an empty value is a removal.
fn last_words(changes: &[(String, Option<String>)]) -> impl Iterator<Item = (&str, Option<&str>)> {
    changes.iter().enumerate().filter_map(move |(at, (path, value))| {
        let overruled = changes[at + 1..].iter().any(|(later, _)| later == path);
        (!overruled).then(|| (path.as_str(), value.as_deref().filter(|value| !value.is_empty())))
    })
}

/// Adds a schema to the user's `schemas`, where it is not among them yet.
fn name_schema(user: &mut Map<String, Value>, schema: Option<&str>) {
    let Some(schema) = schema.filter(|schema| !has_schema(user, schema)) else { return };
    let slot = user.entry(spelling(user, "schemas")).or_insert(Value::Null);
    match slot {
        Value::Array(schemas) => schemas.push(Value::from(schema)),
        _ => *slot = json!([schema]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::scim::ENTERPRISE_SCHEMA;

    fn change(path: &str, value: Option<&str>) -> (String, Option<String>) {
        (path.to_owned(), value.map(str::to_owned))
    }

    #[test]
    fn a_new_user_has_schemas_a_primary_work_address_and_is_active() {
        let attributes: Attributes = [
            ("userName", "jane"),
            ("name.givenName", "Jane"),
            ("name.familyName", "Doe"),
            ("emails.work", "jane@acme.example"),
            ("title", ""),
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "Finance"),
        ]
        .into_iter()
        .map(|(path, value)| (path.to_owned(), value.to_owned()))
        .collect();
        assert_eq!(
            create_body(&attributes),
            json!({
                "schemas": [USER_SCHEMA, ENTERPRISE_SCHEMA],
                "userName": "jane",
                "name": {"givenName": "Jane", "familyName": "Doe"},
                "emails": [{"type": "work", "primary": true, "value": "jane@acme.example"}],
                ENTERPRISE_SCHEMA: {"department": "Finance"},
                "active": true,
            })
        );
    }

    #[test]
    fn a_patch_has_one_lower_case_operation_a_path_and_a_real_boolean() {
        let changes = [
            change("name.givenName", Some("J")),
            change("emails.work", Some("j@acme.example")),
            change("phoneNumbers.mobile", None),
            change("title", Some("")),
            change("name.givenName", Some("Jane")),
        ];
        assert_eq!(
            patch_body(&changes, Some(false)),
            json!({"schemas": [PATCH_SCHEMA], "Operations": [
                {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "j@acme.example"},
                {"op": "remove", "path": "phoneNumbers[type eq \"mobile\"]"},
                {"op": "remove", "path": "title"},
                {"op": "replace", "path": "name.givenName", "value": "Jane"},
                {"op": "replace", "path": "active", "value": false},
            ]})
        );
        assert_eq!(patch_body(&[], None)["Operations"], json!([]));
    }

    #[test]
    fn a_merged_user_keeps_what_nobody_asked_to_change() {
        let live = json!({
            "schemas": [USER_SCHEMA, "urn:acme:1.0:User"], "id": "7", "meta": {"version": "1"}, "userName": "j",
            "urn:acme:1.0:User": {"badge": 4}, "nickName": "JJ", "active": false,
            "emails": [{"type": "home", "value": "h"}],
        });
        let department = format!("{ENTERPRISE_SCHEMA}:department");
        let changes =
            [change("userName", Some("jane")), change("nickName", None), change(&department, Some("F"))];
        assert_eq!(
            merge_body(&live, &changes, None),
            json!({
                "schemas": [USER_SCHEMA, "urn:acme:1.0:User", ENTERPRISE_SCHEMA], "id": "7", "userName": "jane",
                "urn:acme:1.0:User": {"badge": 4}, ENTERPRISE_SCHEMA: {"department": "F"},
                "emails": [{"type": "home", "value": "h"}], "active": false,
            })
        );
    }

    #[test]
    fn a_merge_never_loses_active() {
        for (live, given, expected) in [
            (json!({"active": true}), None, true),
            (json!({"active": "False"}), None, false),
            (json!({"Active": "true"}), None, true),
            (json!({"active": null}), None, true),
            (json!({}), None, true),
            (json!({}), Some(false), false),
            (json!({"active": true}), Some(false), false),
            (json!({"active": false}), Some(true), true),
        ] {
            let merged = merge_body(&live, &[], given);
            assert_eq!(merged, json!({"schemas": [USER_SCHEMA], "active": expected}), "{live}");
        }
    }
}
