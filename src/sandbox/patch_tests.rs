use serde_json::json;

use super::*;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn ada() -> Object {
    let value = json!({
        "id": "a1", "userName": "ada", "active": true, "title": "Countess",
        "name": {"givenName": "Ada", "familyName": "Byron"},
        "emails": [
            {"value": "ada@home.example", "type": "home"},
            {"value": "ada@example.com", "type": "work", "primary": true},
        ],
    });
    value.as_object().unwrap().clone()
}

fn patched(operations: Value) -> Result<Value, Refusal> {
    let body = json!({"schemas": [PATCH_OP], "Operations": operations});
    let mut user = ada();
    apply(&mut user, body.as_object().unwrap())?;
    Ok(Value::Object(user))
}

fn scim_type(operations: Value) -> &'static str {
    match patched(operations) {
        Err(Refusal::Invalid(scim_type, _)) => scim_type,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[test]
fn the_name_of_an_operation_is_read_regardless_of_case() {
    let user = patched(json!([{"OP": "Replace", "PATH": "USERNAME", "Value": "lovelace"}])).unwrap();
    assert_eq!(user["userName"], json!("lovelace"));
}

#[test]
fn a_sub_attribute_is_set_without_touching_its_neighbours() {
    let user = patched(json!([{"op": "replace", "path": "name.familyName", "value": "Lovelace"}])).unwrap();
    assert_eq!(user["name"], json!({"givenName": "Ada", "familyName": "Lovelace"}));
}

#[test]
fn a_value_path_meets_only_the_element_that_is_meant() {
    let path = r#"emails[type eq "work"].value"#;
    let user = patched(json!([{"op": "replace", "path": path, "value": "new@example.com"}])).unwrap();
    assert_eq!(user["emails"][0]["value"], json!("ada@home.example"));
    assert_eq!(user["emails"][1]["value"], json!("new@example.com"));
}

#[test]
fn replacing_an_element_that_is_not_there_has_no_target_and_adding_makes_it() {
    let path = r#"emails[type eq "other"].value"#;
    assert_eq!(scim_type(json!([{"op": "replace", "path": path, "value": "o@example.com"}])), "noTarget");
    let user = patched(json!([{"op": "add", "path": path, "value": "o@example.com"}])).unwrap();
    assert_eq!(user["emails"][2], json!({"type": "other", "value": "o@example.com"}));
}

#[test]
fn a_path_of_the_enterprise_extension_makes_the_extension() {
    let path = format!("{ENTERPRISE}:department");
    let user = patched(json!([{"op": "add", "path": path, "value": "Finance"}])).unwrap();
    assert_eq!(user[ENTERPRISE], json!({"department": "Finance"}));
    let path = format!("{ENTERPRISE}:manager.value");
    let user = patched(json!([{"op": "add", "path": path, "value": "m1"}])).unwrap();
    assert_eq!(user[ENTERPRISE], json!({"manager": {"value": "m1"}}));
}

#[test]
fn without_a_path_every_member_is_a_path_of_its_own() {
    let user = patched(json!([{"op": "replace", "value": {
        "active": false, "name": {"familyName": "Lovelace"}, "title": null, "id": "ignored",
        ENTERPRISE: {"department": "Legal"}, "name.givenName": "Augusta",
    }}]))
    .unwrap();
    assert_eq!(user["active"], json!(false));
    assert_eq!(user["name"], json!({"givenName": "Augusta", "familyName": "Lovelace"}));
    assert_eq!(user[ENTERPRISE], json!({"department": "Legal"}));
    assert_eq!(user["id"], json!("a1"));
    assert!(user.get("title").is_none());
}

#[test]
fn an_added_primary_element_takes_the_place_of_the_old_primary_one() {
    let added = json!([{"value": "n@example.com", "primary": true}]);
    let user = patched(json!([{"op": "add", "path": "emails", "value": added}])).unwrap();
    assert_eq!(user["emails"].as_array().unwrap().len(), 3);
    assert_eq!(user["emails"][1]["primary"], json!(false));
    let same = json!({"value": "ada@home.example", "type": "home"});
    let user = patched(json!([{"op": "add", "path": "emails", "value": same}])).unwrap();
    assert_eq!(user["emails"].as_array().unwrap().len(), 2, "what is there is not added again");
}

#[test]
fn remove_takes_away_what_its_path_names() {
    assert!(patched(json!([{"op": "remove", "path": "title"}])).unwrap().get("title").is_none());
    let user = patched(json!([{"op": "remove", "path": r#"emails[type eq "home"]"#}])).unwrap();
    assert_eq!(user["emails"].as_array().unwrap().len(), 1);
    assert_eq!(user["emails"][0]["type"], json!("work"));
    let same = patched(json!([{"op": "remove", "path": "nickName"}])).unwrap();
    assert_eq!(same, Value::Object(ada()));
}

#[test]
fn what_is_not_understood_is_refused_with_its_scim_type() {
    assert_eq!(scim_type(json!([])), "invalidSyntax");
    assert_eq!(scim_type(json!([{"op": "move", "path": "title", "value": "x"}])), "invalidSyntax");
    assert_eq!(scim_type(json!([{"op": "remove"}])), "noTarget");
    assert_eq!(scim_type(json!([{"op": "remove", "path": "active"}])), "invalidValue");
    assert_eq!(scim_type(json!([{"op": "replace", "path": "title"}])), "invalidValue");
    assert_eq!(scim_type(json!([{"op": "replace", "value": "x"}])), "invalidValue");
    assert_eq!(scim_type(json!([{"op": "replace", "path": "id", "value": "x"}])), "mutability");
    assert_eq!(scim_type(json!([{"op": "replace", "path": "title x", "value": "x"}])), "invalidPath");
    assert_eq!(scim_type(json!([{"op": "replace", "path": "", "value": "x"}])), "invalidPath");
    assert_eq!(
        scim_type(json!([{"op": "replace", "path": "emails[type eq", "value": "x"}])),
        "invalidFilter"
    );
}

#[test]
fn a_body_without_its_schema_is_refused() {
    let body = json!({"Operations": [{"op": "replace", "path": "title", "value": "x"}]});
    assert!(apply(&mut ada(), body.as_object().unwrap()).is_err());
}
