//! A user who fits by key or user name, and of whom nothing else is the person's, is put to a person: keys, names and addresses are given to
//! somebody else some day.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use common::{Front, Row, Way, World, is_active, kinds, people};
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

#[test]
fn an_employee_id_that_passes_to_somebody_else_does_not_give_them_the_account_that_is_in_use() {
    let world = World::new();
    let mut rows = people(6);
    world.sync_rows(&rows, 0);
    let before = world.sandbox.users();
    // One id is used again before anybody said that its owner has left, and two rows have changed theirs.
    rows[3] = Row::new("1003", "Newton", "Stranger");
    let (one, two) =
        (rows[4].but(|row| row.given = "Ann".into()), rows[5].but(|row| row.given = "Bob".into()));
    let named = [&rows[..3], &[people(6)[3].clone(), one.clone(), two.clone()]].concat();
    world.sync_rows(&named, 0);
    let settled = world.sandbox.users();
    assert_ne!(before, settled);
    (rows[4], rows[5]) = (two.but(|row| row.id = "1004".into()), one.but(|row| row.id = "1005".into()));
    world.sync_rows(&rows, 4);
    let parked = world.parked();
    // The last waits for a user name that is not given up.
    assert_eq!(parked.keys().collect::<Vec<_>>(), ["1003", "1004"]);
    assert!(parked.values().all(|why| why.contains("two rows have changed theirs")), "{parked:?}");
    assert_eq!(world.sandbox.users(), settled, "nobody got anybody else's");
    world.sync_rows(&named, 0);
    assert_eq!((world.sandbox.users(), world.parked().len()), (settled, 0));
}

#[test]
fn a_new_hire_does_not_bring_back_the_suspended_user_of_somebody_whose_address_they_got() {
    let world = World::new();
    let rows = people(3);
    world.sync_rows(&rows[..2], 0);
    let id = stranger(&world, &rows[2].email, &rows[2].email, None, false);
    world.sync_rows(&rows, 4);
    let reason = world.parked()["1002"].clone();
    assert!(reason.contains(&id) && reason.contains("is suspended"), "{reason}");
    assert!(!is_active(&user(&world, &id)));
}

/// A world without our key, in which the making of Jane Doe took effect and its answer was lost.
fn jane_was_made_unseen() -> (World, Front, Vec<Row>) {
    let mut world = World::behaving(|how| how.keeps_external_id = false);
    world.set("retry.base_seconds", 0.01);
    let front = Front::before(&mut world);
    let mut rows = people(3);
    world.sync_rows(&rows, 0);
    rows.push(Row::new("2000", "Jane", "Doe"));
    front.go(Way::LosingCreate);
    world.sync_rows(&rows, 6);
    assert_eq!(world.sandbox.users().len(), 4);
    (world, front, rows)
}

#[test]
fn a_user_who_was_made_unseen_is_found_by_what_was_sent_though_hr_has_another_name_by_now() {
    let (world, front, mut rows) = jane_was_made_unseen();
    rows[3] = Row::new("2000", "Jane", "Smith");
    // A run in the outage takes the place of what was sent.
    world.sync_rows(&rows, 6);
    front.go(Way::Through);
    world.sync_rows(&rows, 0);
    world.assert_agrees(&rows);
    assert_eq!(world.sandbox.users().len(), 4);
    world.sync().assert_unchanged();
}

#[test]
fn a_user_who_was_made_unseen_is_suspended_though_hr_had_given_another_name_before_they_left() {
    let (world, front, mut rows) = jane_was_made_unseen();
    rows[3] = Row::new("2000", "Joan", "Smith");
    world.sync_rows(&rows, 6);
    rows[3] = rows[3].left();
    world.sync_rows(&rows, 6);
    front.go(Way::Through);
    world.sync_rows(&rows, 0);
    assert_eq!(world.sandbox.users().iter().filter(|user| is_active(user)).count(), 3);
    assert_eq!(world.sandbox.users().len(), 4);
}
