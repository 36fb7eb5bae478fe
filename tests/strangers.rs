//! A user who fits by key or user name, and of whom nothing else is the person's, is put to a person: keys, names and addresses are given to
//! somebody else some day.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use common::{Row, World, is_active, kinds, people};
use serde_json::{Value, json};

/// A user of somebody else.
fn stranger(world: &World, user_name: &str, mail: &str, external_id: Option<&str>, active: bool) -> String {
    let user = json!({
        "userName": user_name, "externalId": external_id, "active": active, "title": "Boss",
        "name": {"givenName": "Other", "familyName": "Person"},
        "emails": [{"type": "work", "value": mail, "primary": true}],
    });
    world.sandbox.seed_user(user).unwrap()
}

fn user(world: &World, id: &str) -> Value {
    world.sandbox.user(id).unwrap()
}

#[test]
fn a_new_hire_does_not_take_over_a_user_who_has_other_names_and_another_address() {
    let world = World::new();
    let rows = people(5);
    world.sync_rows(&rows[..2], 0);
    let by_key = stranger(&world, "boss@other.example", "boss@other.example", Some("1002"), true);
    let by_name = stranger(&world, &rows[3].email, "boss@third.example", None, true);
    let suspended = stranger(&world, &rows[4].email, "boss@fourth.example", None, false);
    let ids = [&by_key, &by_name, &suspended];
    let before = ids.map(|id| user(&world, id));
    world.sync_rows(&rows, 4);
    let parked = world.parked();
    for (id, row) in ids.into_iter().zip(&rows[2..]) {
        let reason = &parked[&row.id];
        assert!(reason.contains(id) && reason.contains("adopt"), "{reason}");
    }
    assert_eq!(ids.map(|id| user(&world, id)), before, "nothing of them was changed");
}

#[test]
fn a_parked_take_over_is_decided_by_adopt_and_the_next_run_carries_the_decision_out() {
    let world = World::new();
    let rows = people(3);
    world.sync_rows(&rows[..2], 0);
    let id = stranger(&world, "boss@other.example", "boss@other.example", Some("1002"), false);
    world.sync_rows(&rows, 4);
    assert_eq!(world.run(&["actions", "discard", "--all"]).exit, 0);
    let list = world.run(&["adopt", "--csv", "-"]);
    assert_eq!(list.exit, 4, "{list:?}");
    assert!(list.stdout.contains(&id) && list.stdout.lines().count() == 2, "{list:?}");
    let mut lines = list.stdout.lines();
    let decided = format!("{}\n{}link\n", lines.next().unwrap(), lines.next().unwrap());
    std::fs::write(world.path("decided.csv"), decided).unwrap();
    let decided = world.path("decided.csv").display().to_string();
    world.run(&["adopt", "--decisions", &decided]).assert_says(0, &[]);
    world.sync_rows(&rows, 0);
    world.assert_agrees(&rows);
    assert_eq!(user(&world, &id)["userName"], rows[2].email);
    world.sync().assert_unchanged();
}

#[test]
fn whom_adopt_finds_by_the_key_alone_is_doubtful_and_no_account_is_made_for_them() {
    let world = World::new();
    let rows = people(2);
    let id = stranger(&world, "boss@other.example", "boss@other.example", Some("1000"), true);
    world.hr(&rows);
    let adopted = world.run(&["adopt", "--json"]);
    let report: Value = serde_json::from_str(&adopted.stdout).unwrap();
    assert_eq!((adopted.exit, &report["linked"]), (4, &json!(0)), "{report}");
    assert_eq!(report["doubtful"][0]["reason"], "another_person");
    assert_eq!(world.sync_rows(&rows, 4).applied(), kinds([("create", 1)]));
    assert_eq!(user(&world, &id)["title"], "Boss");
}

#[test]
fn a_name_that_changed_by_marriage_or_a_user_without_names_is_no_stranger() {
    let world = World::new();
    let rows = people(4);
    world.sync_rows(&rows[..2], 0);
    let married = stranger(&world, "p.maiden@example.com", "p.maiden@example.com", Some("1002"), true);
    let name = json!({"givenName": rows[2].given, "familyName": "Maiden"});
    world.sandbox.edit_user(&married, |user| user["name"] = name).unwrap();
    world.sandbox.seed_user(json!({"userName": "nameless@example.com", "externalId": "1003"})).unwrap();
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("create", 2)]));
    world.assert_agrees(&rows);
    assert_eq!(world.sandbox.users().len(), 4);
}

#[test]
fn who_comes_with_the_employee_id_of_somebody_who_left_does_not_get_their_account_unasked() {
    let world = World::new();
    let mut rows = people(5);
    world.sync_rows(&rows, 0);
    let id = world.user(&rows[4].email).unwrap()["id"].as_str().unwrap().to_owned();
    rows[4] = rows[4].left();
    world.sync_rows(&rows, 0);
    rows[4] = Row::new("1004", "Newton", "Stranger");
    world.sync_rows(&rows, 4);
    let reason = world.parked()["1004"].clone();
    assert!(reason.contains(&id) && reason.contains("given to somebody else"), "{reason}");
    assert!(!is_active(&user(&world, &id)));
    // It is the same person after all: somebody says so by the address.
    let mail = json!([{"type": "work", "value": rows[4].email, "primary": true}]);
    world.sandbox.edit_user(&id, |user| user["emails"] = mail).unwrap();
    assert_eq!(world.run(&["actions", "retry", "--all"]).exit, 0);
    world.sync_rows(&rows, 0);
    world.assert_agrees(&rows);
    world.sync().assert_unchanged();
}

#[test]
fn who_comes_back_with_another_family_name_and_address_gets_the_account_back() {
    let world = World::new();
    let mut rows = people(5);
    world.sync_rows(&rows, 0);
    let back =
        rows[4].but(|row| (row.family, row.email) = ("Married".into(), "person.married@example.com".into()));
    rows[4] = rows[4].left();
    world.sync_rows(&rows, 0);
    rows[4] = back;
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("reactivate", 1)]));
    world.assert_agrees(&rows);
}
