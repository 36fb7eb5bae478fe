use super::*;

fn directory(behaviour: Behaviour) -> Directory {
    Directory::new("http://127.0.0.1:1/scim/v2".to_owned(), 7, behaviour)
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn person(name: &str) -> Value {
    json!({
        "schemas": [USER], "userName": name, "externalId": format!("E-{name}"),
        "name": {"givenName": "Given", "familyName": "Family"},
        "emails": [{"value": "x@example.com", "type": "work", "primary": true}],
    })
}

fn create(directory: &mut Directory, name: &str) -> String {
    let user = directory.create(object(person(name)), now()).unwrap();
    user["id"].as_str().unwrap().to_owned()
}

fn patch(active: Value) -> Map<String, Value> {
    object(json!({
        "schemas": [attributes::PATCH_OP],
        "Operations": [{"op": "replace", "path": "active", "value": active}],
    }))
}

fn found(directory: &Directory, filter: &str) -> usize {
    directory.list(Some(&Filter::parse(filter).unwrap()), 1, None).total
}

#[test]
fn a_new_user_is_active_and_has_an_id_and_meta() {
    let mut directory = directory(Behaviour::default());
    let user = directory.create(object(person("ada")), now()).unwrap();
    assert_eq!(user["active"], json!(true));
    let id = user["id"].as_str().unwrap();
    assert_eq!(user["meta"]["location"], json!(format!("http://127.0.0.1:1/scim/v2/Users/{id}")));
    assert_eq!(user["meta"]["created"], json!("2023-11-14T22:13:20.000Z"));
}

#[test]
fn ids_are_the_same_for_the_same_seed_and_never_used_twice() {
    let (mut one, mut two) = (directory(Behaviour::default()), directory(Behaviour::default()));
    let id = create(&mut one, "ada");
    assert_eq!(id, create(&mut two, "ada"));
    one.delete(&id).unwrap();
    assert_ne!(id, create(&mut one, "ada"));
}

#[test]
fn what_workiva_requires_is_required() {
    let mut directory = directory(Behaviour::default());
    let without = |attribute: &str| {
        let mut body = object(person("ada"));
        body.shift_remove(attribute);
        body
    };
    let with = |attribute: &str, value: Value| {
        let mut body = object(person("ada"));
        body.insert(attribute.to_owned(), value);
        body
    };
    for body in [
        without("schemas"),
        without("userName"),
        without("name"),
        without("emails"),
        with("userName", json!("Ada")),
        with("userName", json!("ada l")),
        with("name", json!({"givenName": "Ada", "familyName": " "})),
        with("emails", json!([])),
        with("emails", json!([{"value": "nowhere"}])),
        with("emails", json!([{"value": "a@b", "primary": "true"}])),
        with("active", json!("true")),
        with("externalId", json!(7)),
    ] {
        assert!(matches!(directory.create(body.clone(), now()), Err(Refusal::Invalid(..))), "{body:?}");
    }
    assert!(directory.snapshot().is_empty());
}

#[test]
fn a_user_name_is_unique_regardless_of_case() {
    let mut directory = directory(Behaviour::default());
    directory.seed(object(json!({"userName": "ADA"})), false, now()).unwrap();
    let bob = create(&mut directory, "bob");
    assert_eq!(directory.create(object(person("ada")), now()).unwrap_err(), Refusal::Taken);
    assert_eq!(directory.replace(&bob, object(person("ada")), now()).err(), Some(Refusal::Taken));
    assert_eq!(directory.get(&bob).unwrap()["userName"], json!("bob"));
}

#[test]
fn unknown_attributes_are_stored_and_what_the_server_sets_is_not_taken() {
    let mut directory = directory(Behaviour::default());
    let mut body = object(person("ada"));
    body.insert("favouriteColour".into(), json!("green"));
    body.insert("id".into(), json!("mine"));
    body.insert("password".into(), json!("secret"));
    let user = directory.create(body, now()).unwrap();
    assert_eq!(user["favouriteColour"], json!("green"));
    assert_ne!(user["id"], json!("mine"));
    assert!(!user.contains_key("password"));
}

#[test]
fn a_replaced_user_loses_what_is_not_given_and_is_found_by_the_new_name_only() {
    let mut directory = directory(Behaviour::default());
    let id = create(&mut directory, "ada");
    directory.patch(&id, &patch(json!(false)), now()).unwrap();
    let mut body = object(person("ada2"));
    body.shift_remove("externalId");
    let written = directory.replace(&id, body, now()).unwrap();
    assert!(written.changed);
    assert_eq!(written.user["active"], json!(true), "an absent `active` means true");
    assert!(!written.user.contains_key("externalId"));
    assert_eq!(found(&directory, r#"userName eq "ada2""#), 1);
    assert_eq!(found(&directory, r#"userName eq "ada""#), 0);
    assert_eq!(found(&directory, r#"externalId eq "E-ada""#), 0);
}

#[test]
fn a_write_that_changes_nothing_says_so_and_keeps_the_time_of_the_last_change() {
    let mut directory = directory(Behaviour::default());
    let id = create(&mut directory, "ada");
    let later = now() + chrono::TimeDelta::hours(1);
    let written = directory.patch(&id, &patch(json!(true)), later).unwrap();
    assert!(!written.changed);
    assert_eq!(written.user["meta"]["lastModified"], written.user["meta"]["created"]);
    assert!(!directory.replace(&id, object(person("ada")), later).unwrap().changed);
    let written = directory.patch(&id, &patch(json!(false)), later).unwrap();
    assert!(written.changed);
    assert_eq!(written.user["meta"]["lastModified"], json!("2023-11-14T23:13:20.000Z"));
}

#[test]
fn a_refused_patch_changes_nothing() {
    let mut directory = directory(Behaviour::default());
    let id = create(&mut directory, "ada");
    let before = directory.get(&id).unwrap().clone();
    let body = object(json!({"schemas": [attributes::PATCH_OP], "Operations": [
        {"op": "replace", "path": "title", "value": "Countess"},
        {"op": "replace", "path": "active", "value": "false"},
    ]}));
    assert!(directory.patch(&id, &body, now()).is_err());
    assert_eq!(directory.get(&id).unwrap(), &before);
}

#[test]
fn a_user_owned_elsewhere_stays_active_in_silence_or_with_a_refusal() {
    let mut directory = directory(Behaviour::default());
    let id = create(&mut directory, "ada");
    directory.own_elsewhere(&id).unwrap();
    let written = directory.patch(&id, &patch(json!(false)), now()).unwrap();
    assert_eq!((written.changed, &written.user["active"]), (false, &json!(true)));
    directory.behaviour.owned_elsewhere_refuses = true;
    assert_eq!(directory.patch(&id, &patch(json!(false)), now()).err(), Some(Refusal::OwnedElsewhere));
    assert_eq!(directory.delete(&id), Err(Refusal::OwnedElsewhere));
}

#[test]
fn a_deleted_user_is_gone_from_every_index() {
    let mut directory = directory(Behaviour::default());
    let (ada, bob) = (create(&mut directory, "ada"), create(&mut directory, "bob"));
    directory.delete(&ada).unwrap();
    assert_eq!(directory.delete(&ada), Err(Refusal::NotFound));
    for filter in [
        r#"userName eq "ada""#.to_owned(),
        r#"externalId eq "E-ada""#.to_owned(),
        format!(r#"id eq "{ada}""#),
    ] {
        assert_eq!(found(&directory, &filter), 0, "{filter}");
    }
    let page = directory.list(None, 1, None);
    assert_eq!((page.total, page.users.len()), (1, 1));
    assert_eq!(page.users[0]["id"], json!(bob));
}

#[test]
fn paging_to_the_end_gives_everybody_once_in_the_order_of_creation() {
    let mut directory = directory(Behaviour { page_cap: 3, ..Behaviour::default() });
    let ids: Vec<String> = (0..8).map(|n| create(&mut directory, &format!("user{n}"))).collect();
    directory.delete(&ids[4]).unwrap();
    for filter in [None, Some(Filter::parse("active eq true").unwrap())] {
        let mut seen = Vec::new();
        loop {
            let page = directory.list(filter.as_ref(), seen.len() + 1, Some(50));
            assert_eq!(page.total, 7);
            assert!(page.users.len() <= 3);
            if page.users.is_empty() {
                break;
            }
            seen.extend(page.users.iter().map(|user| user["id"].as_str().unwrap().to_owned()));
        }
        let expected: Vec<String> = ids.iter().filter(|id| **id != ids[4]).cloned().collect();
        assert_eq!(seen, expected);
    }
    assert!(directory.list(None, 1, Some(0)).users.is_empty());
}

#[test]
fn a_server_without_paging_answers_the_first_page_every_time() {
    let mut directory = directory(Behaviour { page_cap: 1, paging: false, ..Behaviour::default() });
    let first = create(&mut directory, "ada");
    create(&mut directory, "bob");
    let page = directory.list(None, 2, None);
    assert_eq!((page.start_index, &page.users[0]["id"]), (1, &json!(first)));
}

#[test]
fn a_server_can_forget_external_ids_or_not_find_them() {
    let mut forgetful = directory(Behaviour { keeps_external_id: false, ..Behaviour::default() });
    let id = create(&mut forgetful, "ada");
    assert!(!forgetful.get(&id).unwrap().contains_key("externalId"));
    let mut blind = directory(Behaviour { externalid_filter: false, ..Behaviour::default() });
    create(&mut blind, "ada");
    assert_eq!(found(&blind, r#"externalId eq "E-ada""#), 0);
}

#[test]
fn an_edit_by_hand_keeps_the_id_and_moves_the_indexes() {
    let mut directory = directory(Behaviour::default());
    let id = create(&mut directory, "ada");
    create(&mut directory, "bob");
    let edit = |user: &mut Value| {
        user["userName"] = json!("lovelace");
        user["id"] = json!("other");
    };
    directory.edit(&id, edit, now()).unwrap();
    assert_eq!(directory.get(&id).unwrap()["id"], json!(id));
    assert_eq!(found(&directory, r#"userName eq "lovelace""#), 1);
    let taken = directory.edit(&id, |user| user["userName"] = json!("BOB"), now());
    assert_eq!(taken, Err(Refusal::Taken));
}
