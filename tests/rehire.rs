//! People who come under a new employee id: they take over the account of the old one where it is certain that it is theirs, and nobody
//! gets a second one.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::process::Stdio;

use common::{Calendar, Row, Synced, World, is_active, kinds, people, until};
use serde_json::{Value, json};
use workiva_sync::core::report::Counts;
use workiva_sync::sandbox::{FaultKind, Faults, Outage};

/// With the rule that a user name and both names are one person.
fn world() -> World {
    let mut world = World::new();
    moving(&mut world);
    world
}

/// User names are made of the employee id, so that nothing but `same_person` tells who is one person.
fn named_by_id() -> World {
    let mut world = World::new();
    world.set("lifecycle.on_new_id", "move");
    world.set("lifecycle.same_person", vec!["emails.work", "name.givenName", "name.familyName"]);
    world.set("attributes.userName", "{{ employee_id }}@example.com");
    world
}

fn moving(world: &mut World) {
    world.set("lifecycle.on_new_id", "move");
    world.set("lifecycle.same_person", vec!["userName", "name.givenName", "name.familyName"]);
}

/// The same person under another employee id.
fn as_id(row: &Row, id: &str) -> Row {
    row.but(|row| row.id = id.into())
}

fn user(world: &World, row: &Row) -> Value {
    world.user(&row.email).unwrap()
}

/// Asserts that the user of this address is this employee's, is as before but for that, and that there are so many users.
fn assert_moved(world: &World, row: &Row, before: &Value, users: usize) {
    let now = user(world, row);
    assert_eq!((&now["id"], &now["externalId"]), (&before["id"], &json!(row.id)), "{now}");
    assert!(is_active(&now), "{now}");
    assert_eq!(world.sandbox.users().len(), users);
    assert_eq!(world.number("SELECT count(*) FROM account"), users as i64);
}

/// The reason for which this employee was rejected in the newest run.
fn reason(world: &World, id: &str) -> String {
    let rejected = world.status()["rejected"].take();
    let of = |one: &&Value| one["employee_id"] == id;
    rejected.as_array().unwrap().iter().find(of).unwrap()["reason"].as_str().unwrap().to_owned()
}

/// Asserts that the run did nothing about this employee but say so, in these words.
fn assert_doubt(world: &World, rows: &[Row], id: &str, words: &[&str]) -> Synced {
    let writes = world.writes();
    let synced = world.sync_rows(rows, 4);
    let said = reason(world, id);
    assert!(words.iter().all(|word| said.contains(word)), "{said}");
    assert_eq!(world.writes(), writes, "{synced:?}");
    synced
}

/// Runs until nothing is left to do.
fn settle(world: &World, rows: &[Row]) {
    world.hr(rows);
    assert!((0..10).any(|_| world.sync().outcome() == "unchanged"), "it comes to rest");
}

/// Kills `sync` once it has an action in its hands.
fn kill_in_the_act(world: &World) {
    world.sandbox.set_faults(Faults { latency_ms: 3_000, ..Faults::default() });
    let mut child = world.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("it has it in its hands", || world.number("SELECT count(*) FROM lease") == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    world.sandbox.set_faults(Faults::default());
}

#[test]
fn a_contractor_who_becomes_an_employee_in_one_file_keeps_the_account_without_an_interruption() {
    let world = world();
    let before = people(10);
    world.sync_rows(&before, 0);
    let user_before = user(&world, &before[0]);
    let mut rows = before.clone();
    rows[0] = before[0].left();
    rows.push(as_id(&before[0], "E1"));
    world.hr(&rows);
    let plan = Synced::of(world.run(&["plan", "--json"]));
    let action = &plan.json["actions"][0];
    assert_eq!((plan.planned(), &action["employee_id"]), (kinds([("update", 1)]), &json!("E1")));
    let changes = json!([
        {"attribute": "employee_id", "from": "1000", "to": "E1"},
        {"attribute": "externalId", "from": "1000", "to": "E1"},
    ]);
    assert_eq!(action["changes"], changes);
    let because = action["because"].as_str().unwrap();
    assert!(because.ends_with("; takes over the account of employee 1000"), "{because}");
    assert_eq!(world.sync().applied(), kinds([("update", 1)]));
    assert_moved(&world, &rows[10], &user_before, 10);
    // Nothing is left under the old id, and nothing follows.
    for _ in 0..2 {
        world.sync_rows(&rows, 0).assert_unchanged();
    }
    world.sync_rows(&rows[1..], 0).assert_unchanged();
    assert_moved(&world, &rows[10], &user_before, 10);
    world.run(&["audit", "verify"]).assert_says(0, &[]);
}

#[test]
fn both_ids_tell_what_happened() {
    let world = world();
    let before = people(5);
    world.sync_rows(&before, 0);
    let rows = [&[before[0].left(), as_id(&before[0], "E1")], &before[1..]].concat();
    world.sync_rows(&rows, 0);
    let explain =
        |id: &str| -> Value { serde_json::from_str(&world.run(&["explain", id, "--json"]).stdout).unwrap() };
    let (old, new) = (explain("1000"), explain("E1"));
    assert_eq!((&old["account"], &new["account"]["attributes"]["externalId"]), (&Value::Null, &json!("E1")));
    for told in [&old, &new] {
        let change = &told["actions"][0]["changes"][0];
        assert_eq!((&change["from"], &change["to"]), (&json!("1000"), &json!("E1")), "{told}");
    }
    assert_eq!(old["audit"][0]["kind"], "moved");
    let audit = world.run(&["audit", "export"]).stdout;
    let moved = audit.lines().find(|line| line.contains("\"moved\"")).unwrap();
    assert!(moved.contains("\"1000\"") && moved.contains("E1"), "{moved}");
}

#[test]
fn who_comes_back_under_a_new_id_years_later_gets_the_old_account_back() {
    let world = world();
    let before = people(10);
    world.sync_rows(&before, 0);
    let user_before = user(&world, &before[0]);
    // Terminated, and in the file for good: in later runs the row is not looked at any more.
    let left = [&[before[0].left()], &before[1..]].concat();
    world.sync_rows(&left, 0);
    world.sync_rows(&left, 0).assert_unchanged();
    let back = as_id(&before[0], "R1").but(|row| row.title = "Director".into());
    let rows = [left, vec![back.clone()]].concat();
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("reactivate", 1)]));
    assert_moved(&world, &back, &user_before, 10);
    world.assert_agrees(&rows);
    world.sync_rows(&rows, 0).assert_unchanged();
    // The same where they had vanished from the file.
    let gone = [&before[2..], std::slice::from_ref(&back)].concat();
    assert_eq!(world.sync_rows(&gone, 0).applied(), kinds([("suspend", 1)]));
    let second = as_id(&before[1], "R2");
    let rows = [gone, vec![second]].concat();
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("reactivate", 1)]));
    world.assert_agrees(&rows);
    assert_eq!(world.sandbox.users().len(), 10);
}

#[test]
fn who_has_nothing_but_the_names_of_one_who_has_left_gets_an_account_and_is_named() {
    let world = world();
    let before = people(6);
    world.sync_rows(&before, 0);
    let left = [&[before[0].left()], &before[1..]].concat();
    world.sync_rows(&left, 0);
    let as_new = |row: &Row, id: &str| as_id(row, id).but(|row| row.email = format!("{id}@example.com"));
    // One has left before, one is missing from this file on, one works here, and one has the given name alone.
    let back = as_new(&before[0], "R0").but(|row| row.given = row.given.to_uppercase());
    let other = as_new(&before[0], "R3").but(|row| row.family = "Elsewhere".into());
    let rows = [
        vec![back, as_new(&before[1], "R1"), as_new(&before[2], "R2"), other, before[0].left()],
        before[2..].to_vec(),
    ]
    .concat();
    world.hr(&rows);
    let plan = world.run(&["plan"]).stdout;
    assert!(plan.contains("2 people get an account of their own"), "{plan}");
    assert!(plan.contains("(employee R0 like 1000, R1 like 1001)"), "{plan}");
    let planned = Synced::of(world.run(&["plan", "--json"]));
    let because = |id: &str| {
        let actions = planned.json["actions"].as_array().unwrap();
        let of = |one: &&Value| one["employee_id"] == id;
        actions.iter().find(of).unwrap()["because"].as_str().unwrap().to_owned()
    };
    const TOLD: &str = "has the given and family name of employee";
    assert!(["R0", "R1"].iter().all(|id| because(id).contains(TOLD)), "{planned:?}");
    assert!(["R2", "R3", "1001"].iter().all(|id| !because(id).contains(TOLD)), "{planned:?}");
    let explained = world.run(&["explain", "R0"]).stdout;
    assert!(explained.contains("(employee R0 like 1000)"), "{explained}");
    assert_eq!(world.sync().applied(), kinds([("create", 4), ("suspend", 1)]));
    assert!(world.run(&["status"]).stdout.contains("R0 like 1000"));
    let explained = world.run(&["explain", "R0"]).stdout;
    assert!(explained.contains("name of employee 1000, who has left"), "kept with the action: {explained}");
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn by_default_nobody_takes_over_an_account() {
    let world = World::new();
    let before = people(5);
    world.sync_rows(&before, 0);
    let rows = [&[as_id(&before[0], "E1")], &before[1..]].concat();
    assert_doubt(&world, &rows, "E1", &["the user name of employee 1000"]);
    assert_eq!(user(&world, &before[0])["externalId"], "1000");
}

#[test]
fn an_account_moves_with_its_new_values_and_memberships() {
    let mut world = world();
    for (id, name) in [("workspace:Q1", "Finance"), ("workspace:Q2", "Legal")] {
        world.sandbox.seed_group(id, name).unwrap();
    }
    let role = |name: &str, when: &str, grant: &str| -> toml::Value {
        let text = format!("name = '{name}'\nwhen = \"{when}\"\ngrants = ['{grant}']");
        text.parse::<toml::Table>().unwrap().into()
    };
    let roles = vec![
        role("finance", "department == 'Finance'", "workspace:Q1"),
        role("legal", "department == 'Legal'", "workspace:Q2"),
    ];
    world.set("access.roles", roles);
    world.set("guard.max_revoke_percent", 100.0);
    world.set("lifecycle.same_person", vec!["name.familyName", "name.givenName"]);
    let before = people(5);
    world.sync_rows(&before, 0);
    let id = user(&world, &before[0])["id"].as_str().unwrap().to_owned();
    let legal = as_id(&before[0], "E1").but(|row| {
        (row.department, row.email) = ("Legal".into(), "new.name@example.com".into());
    });
    let rows = [&[before[0].left(), legal.clone()], &before[1..]].concat();
    let synced = world.sync_rows(&rows, 0);
    assert_eq!(synced.applied(), kinds([("update", 1), ("grant", 1), ("revoke", 1)]));
    assert_eq!(user(&world, &legal)["id"], *id);
    assert!(world.sandbox.members("workspace:Q2").contains(&id));
    assert!(!world.sandbox.members("workspace:Q1").contains(&id));
    assert_eq!(world.sandbox.users().len(), 5);
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn an_account_that_moves_keeps_what_accounts_keep_but_for_the_key() {
    let mut world = world();
    world.set("lifecycle.on_rename", "keep");
    world.set("lifecycle.same_person", vec!["name.familyName", "name.givenName"]);
    let before = people(5);
    world.sync_rows(&before, 0);
    let user_before = user(&world, &before[0]);
    let new = as_id(&before[0], "E1").but(|row| row.email = "new.name@example.com".into());
    let rows = [&[before[0].left(), new], &before[1..]].concat();
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("update", 1)]));
    let now = user(&world, &before[0]);
    assert_eq!((&now["id"], &now["externalId"]), (&user_before["id"], &json!("E1")));
    assert_eq!(now["emails"][0]["value"], "new.name@example.com");
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn a_contractor_of_one_source_who_is_an_employee_of_another_keeps_the_account() {
    let mut world = world();
    world.several(&[("contractors", &[("id_prefix", "C-".into())]), ("employees", &[])]);
    let all = people(6);
    world.hr_of("contractors", &all[..3]);
    world.hr_of("employees", &all[3..]);
    assert_eq!(world.sync().applied(), kinds([("create", 6)]));
    let user_before = user(&world, &all[0]);
    assert_eq!(user_before["externalId"], "C-1000");
    let hired = as_id(&all[0], "E1");
    world.hr_of("contractors", &all[1..3]);
    world.hr_of("employees", &[&all[3..], std::slice::from_ref(&hired)].concat());
    assert_eq!(world.sync().applied(), kinds([("update", 1)]));
    assert_moved(&world, &hired, &user_before, 6);
    world.sync().assert_unchanged();
}

#[test]
fn a_held_move_sends_nothing_and_an_approval_of_it_is_bound_to_both_ids() {
    let mut world = world();
    world.set("guard.max_move_percent", 1.0);
    world.set("guard.min_people", 1);
    let before = people(10);
    world.sync_rows(&before, 0);
    let user_before = user(&world, &before[0]);
    let rows = [&[before[0].left(), as_id(&before[0], "E1")], &before[1..]].concat();
    let writes = world.writes();
    let held = world.sync_rows(&rows, 3);
    assert_eq!((held.hold_codes(), world.writes()), (vec!["move_percent"], writes));
    // The same plan stays the same, and the old id keeps the access while nobody has decided.
    assert_eq!(world.sync_rows(&rows, 3).plan_id(), held.plan_id());
    assert!(is_active(&user(&world, &before[0])));
    // What is confirmed of the old id is another than it was.
    world.meddle("UPDATE person SET version = version + 1 WHERE employee_id = '1000'");
    let stale = world.run(&["approve", held.plan_id(), "--by", "a test"]);
    assert_ne!(stale.exit, 0, "{stale:?}");
    let fresh = world.sync_rows(&rows, 3);
    assert_ne!(fresh.plan_id(), held.plan_id());
    world.run(&["approve", fresh.plan_id(), "--by", "a test"]).assert_says(0, &[]);
    world.sync();
    assert_moved(&world, &rows[1], &user_before, 10);
    world.sync_rows(&rows, 0).assert_unchanged();
    world.run(&["audit", "verify"]).assert_says(0, &[]);
}

#[test]
fn a_deleted_user_is_made_anew_and_one_that_is_not_deleted_yet_is_kept() {
    let mut world = world();
    world.set("workiva.deprovision", "delete");
    let before = people(5);
    world.sync_rows(&before, 0);
    let kept = user(&world, &before[0]);
    let left = [&[before[0].left()], &before[1..4], &[before[4].left()]].concat();
    let one = [&left[1..4], &[before[4].left()]].concat();
    world.sync_rows(&[std::slice::from_ref(&before[0]), &one].concat(), 0);
    assert!(world.user(&before[4].email).is_none(), "deleted");
    let rows = [&left[..], &[as_id(&before[0], "E1"), as_id(&before[4], "E2")]].concat();
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("update", 1), ("create", 1)]));
    assert_moved(&world, &rows[5], &kept, 5);
    world.assert_agrees(&rows);
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn a_move_that_somebody_discards_leaves_the_old_id_a_leaver() {
    let world = world();
    let before = people(5);
    world.sync_rows(&before, 0);
    let id = user(&world, &before[0])["id"].as_str().unwrap().to_owned();
    world.sandbox.edit_user(&id, |user| user["externalId"] = "somebody-elses".into()).unwrap();
    let rows = [&[before[0].left(), as_id(&before[0], "E1")], &before[1..]].concat();
    world.sync_rows(&rows, 4);
    world.run(&["actions", "discard", "--all"]).assert_says(0, &[]);
    let synced = world.sync_rows(&rows, 4);
    assert_eq!(synced.applied(), kinds([("suspend", 1)]));
    assert!(reason(&world, "E1").contains("employee 1000 holds"));
    assert_eq!(world.sandbox.users().len(), 5);
}

#[test]
fn a_conversion_does_not_wait_for_the_days_that_are_left_to_the_old_id() {
    let before = people(4);
    let dated = |last: &'static str, more: &[Row]| -> Vec<(Row, &'static str, &'static str)> {
        let old = [(before[0].clone(), "2020-01-06", last)];
        let more = more.iter().chain(&before[1..]).map(|row| (row.clone(), "2020-01-06", ""));
        old.into_iter().chain(more).collect()
    };
    let mut calendar = Calendar::new(&dated("2026-11-30", &[]));
    moving(&mut calendar.world);
    calendar.world.set("lifecycle.deprovision_days_after_termination", 14);
    assert_eq!(calendar.sync_on("2026-11-25").0.create, 4);
    let user_before = user(&calendar.world, &before[0]);
    let new = as_id(&before[0], "E1");
    calendar.hr(&dated("2026-11-30", std::slice::from_ref(&new)));
    // Both are employed: nothing moves, and nobody gets a second account.
    assert_eq!(calendar.sync_on("2026-11-26").0, Counts::default());
    assert_eq!(calendar.sync_on("2026-11-30").0, Counts::default());
    assert_eq!(calendar.sync_on("2026-12-01").0, Counts { update: 1, ..Counts::default() });
    assert_moved(&calendar.world, &new, &user_before, 4);
    for day in ["2026-12-02", "2026-12-15"] {
        assert_eq!(calendar.sync_on(day), (Counts::default(), 0), "{day}");
    }
    calendar.world.assert_agrees(&[std::slice::from_ref(&new), &before[1..]].concat());
    assert!(calendar.world.status()["rejected"].as_array().unwrap().is_empty());
}

#[test]
fn whoever_was_dropped_within_the_grace_has_left_all_the_same() {
    let before = people(4);
    let row = |row: Row, last: &'static str| (row, "2020-01-06", last);
    let rest: Vec<_> = before[1..].iter().map(|other| row(other.clone(), "")).collect();
    let with = |first: &[(Row, &'static str, &'static str)]| [first, &rest].concat();
    let world = || {
        let mut calendar = Calendar::new(&with(&[row(before[0].clone(), "")]));
        moving(&mut calendar.world);
        calendar.world.set("lifecycle.deprovision_days_after_termination", 14);
        calendar.world.set("guard.max_shrink_percent", 100.0);
        assert_eq!(calendar.sync_on("2026-12-01").0.create, 4);
        calendar.hr(&with(&[row(before[0].left(), "2026-12-02")]));
        assert_eq!(calendar.sync_on("2026-12-03").0, Counts::default());
        calendar.hr(&rest);
        assert_eq!(calendar.sync_on("2026-12-05").0, Counts::default());
        calendar
    };
    // Under another id they take the account over at once.
    let calendar = world();
    let (user_before, new) = (user(&calendar.world, &before[0]), as_id(&before[0], "E1"));
    calendar.hr(&with(&[row(new.clone(), "")]));
    assert_eq!(calendar.sync_on("2026-12-07").0, Counts { update: 1, ..Counts::default() });
    assert_moved(&calendar.world, &new, &user_before, 4);
    // Under the same one, a day on which they come back is that of a new employment.
    let calendar = world();
    calendar.hr(&with(&[(before[0].clone(), "2027-02-01", "")]));
    assert_eq!(calendar.sync_on("2026-12-10").0, Counts { suspend: 1, ..Counts::default() });
}

#[test]
fn while_the_old_one_is_employed_or_not_missing_for_long_enough_nobody_gets_a_second_account() {
    let mut world = world();
    let before = people(5);
    world.sync_rows(&before, 0);
    let user_before = user(&world, &before[0]);
    let both = [std::slice::from_ref(&before[0]), &[as_id(&before[0], "E1")], &before[1..]].concat();
    for _ in 0..2 {
        assert_doubt(&world, &both, "E1", &["may be employee 1000", "end the employment of 1000 in HR"]);
    }
    // A leave is no end, and neither is the loss of every role.
    for (status, department) in [("On Leave", "Finance"), ("Active", "Sales")] {
        let changed = both[0].but(|row| (row.status, row.department) = (status.into(), department.into()));
        let rows = [&[changed], &both[1..]].concat();
        world.hr(&rows);
        let plan = Synced::of(world.run(&["plan", "--json"]));
        assert_eq!(plan.exit, 4, "{plan:?}");
        assert_eq!(plan.planned().get("create"), None);
    }
    world.set("source.absence_runs", 3);
    let rows = &both[1..];
    for _ in 0..2 {
        assert_doubt(&world, rows, "E1", &["absence_runs"]);
    }
    assert_eq!(world.sync_rows(rows, 0).applied(), kinds([("update", 1)]));
    assert_moved(&world, &both[1], &user_before, 5);
}

#[test]
fn two_new_ids_of_one_person_make_no_account_each_whose_user_names_are_made_of_the_id() {
    let world = named_by_id();
    let rows = people(2);
    let twin = as_id(&rows[0], "77");
    let all = [rows.clone(), vec![twin.clone()]].concat();
    for _ in 0..2 {
        world.sync_rows(&all, 4);
        assert_eq!(world.sandbox.users().len(), 1, "of the one who is not meant");
        assert!(reason(&world, "77").contains(&format!("employee {}", rows[0].id)));
        assert!(reason(&world, &rows[0].id).contains("employee 77"));
    }
    // One of them ends: the other one is the person. A third id comes beside the account.
    let ended = [rows.clone(), vec![as_id(&rows[0].left(), "77")]].concat();
    world.sync_rows(&ended, 0);
    world.sync_rows(&[ended, vec![as_id(&rows[0], "78")]].concat(), 4);
    assert_eq!(world.sandbox.users().len(), 2);
}

#[test]
fn a_second_id_gets_no_account_while_the_one_of_the_first_is_parked() {
    let world = named_by_id();
    let rows = people(1);
    let taken = json!({"userName": format!("{}@example.com", rows[0].id), "externalId": "somebody else"});
    let id = world.sandbox.seed_user(taken).unwrap();
    world.sync_rows(&rows, 4);
    world.sync_rows(&[rows.clone(), vec![as_id(&rows[0], "77")]].concat(), 4);
    assert!(reason(&world, "77").contains(&format!("employee {}", rows[0].id)));
    world.sandbox.delete_user(&id).unwrap();
    world.run(&["actions", "retry", "--all"]);
    world.sync();
    let users = world.sandbox.users();
    assert_eq!(users.len(), 1, "{users:?}");
    assert_eq!(users[0]["externalId"], json!(rows[0].id));
}

#[test]
fn a_namesake_with_the_address_of_one_who_left_is_not_taken_for_them() {
    let world = world();
    let before = people(5);
    world.sync_rows(&before, 0);
    let other = as_id(&before[0], "E1").but(|row| row.given = "Other".into());
    let rows = [&[before[0].left(), other], &before[1..]].concat();
    world.sync_rows(&rows, 4);
    let said = reason(&world, "E1");
    assert!(said.contains("another name.givenName"), "{said}");
    let now = user(&world, &before[0]);
    assert_eq!((is_active(&now), &now["externalId"]), (false, &json!("1000")));
    assert_eq!(world.sandbox.users().len(), 5);
}

#[test]
fn a_file_in_which_everybody_has_another_id_is_held_and_moves_nobody() {
    let mut world = world();
    world.set("guard.max_move_percent", 10.0);
    let before = people(20);
    world.sync_rows(&before, 0);
    let shifted: Vec<Row> = before.iter().map(|row| as_id(row, &format!("9{}", row.id))).collect();
    let held = world.sync_rows(&shifted, 3);
    assert_eq!(held.hold_codes(), ["move_percent"]);
    let message = held.json["hold_reasons"][0]["message"].as_str().unwrap();
    assert!(
        message.starts_with("20 accounts that would pass to another employee id of 20 active accounts"),
        "{message}"
    );
    assert_eq!(user(&world, &before[0])["externalId"], "1000");
    // The right file is as before.
    world.sync_rows(&before, 0).assert_unchanged();
    // It was meant so.
    let held = world.sync_rows(&shifted, 3);
    world.run(&["approve", held.plan_id(), "--by", "a test"]).assert_says(0, &[]);
    assert_eq!(world.sync().applied().get("create"), None);
    world.assert_agrees(&shifted);
    assert_eq!(user(&world, &before[0])["externalId"], "91000");
    world.sync_rows(&shifted, 0).assert_unchanged();
    assert_eq!(world.sandbox.users().len(), 20);
}

#[test]
fn a_suspend_that_waits_is_withdrawn_and_one_that_may_have_been_sent_ends_first() {
    let mut world = world();
    let before = people(10);
    world.sync_rows(&before, 0);
    let user_before = user(&world, &before[0]);
    // Held: it has never been sent.
    world.set("guard.max_deprovision_count", 0);
    let left = [&[before[0].left()], &before[1..]].concat();
    world.sync_rows(&left, 3);
    let rows = [left.clone(), vec![as_id(&before[0], "E1")]].concat();
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("update", 1)]));
    assert_moved(&world, &rows[10], &user_before, 10);
    world.set("guard.max_deprovision_count", 10);
    // In an outage: it may have been carried out.
    let left = [&rows[..1], &[before[1].left()], &rows[2..]].concat();
    world.sandbox.set_outage(Outage::Dropped);
    world.sync_rows(&left, 6);
    world.sandbox.set_outage(Outage::None);
    let rows = [left, vec![as_id(&before[1], "E2")]].concat();
    let user_before = user(&world, &before[1]);
    assert_eq!(world.sync_rows(&rows, 4).planned(), kinds([]));
    let said = reason(&world, "E2");
    assert!(said.contains("on which an action is under way"), "{said}");
    settle(&world, &rows);
    assert_moved(&world, &rows[11], &user_before, 10);
    world.assert_agrees(&rows);
}

#[test]
fn a_kill_in_between_and_lost_answers_make_no_second_account() {
    let world = world();
    let before = people(10);
    world.sync_rows(&before, 0);
    let user_before = user(&world, &before[0]);
    let rows = [&[before[0].left(), as_id(&before[0], "E1")], &before[1..]].concat();
    world.hr(&rows);
    kill_in_the_act(&world);
    assert_eq!(world.number("SELECT count(*) FROM account WHERE employee_id = 'E1'"), 0);
    // The request is carried out, its answer is lost.
    world.sandbox.set_faults(Faults {
        rate: 0.5,
        kinds: [FaultKind::AnswerLost].into(),
        ..Faults::default()
    });
    world.sync();
    world.sandbox.set_faults(Faults::default());
    settle(&world, &rows);
    assert_moved(&world, &rows[1], &user_before, 10);
    world.run(&["audit", "verify"]).assert_says(0, &[]);
}

#[test]
fn a_move_that_hr_takes_back_is_not_sent_and_one_that_was_done_is_learnt() {
    let world = world();
    let before = people(10);
    world.sync_rows(&before, 0);
    let rows = [&[before[0].left(), as_id(&before[0], "E1")], &before[1..]].concat();
    world.hr(&rows);
    kill_in_the_act(&world);
    // The old one is back, and the new one gone.
    let writes = world.writes();
    settle(&world, &before);
    assert_eq!(world.writes(), writes);
    assert_eq!(user(&world, &before[0])["externalId"], "1000");
    // Carried out, unknown to us: then it is the new one's, until a run gives it back.
    world.hr(&rows);
    world.sandbox.set_faults(Faults {
        rate: 1.0,
        kinds: [FaultKind::AnswerLost].into(),
        ..Faults::default()
    });
    world.sync();
    world.sandbox.set_faults(Faults::default());
    settle(&world, &before);
    world.assert_agrees(&before);
    assert_eq!(user(&world, &before[0])["externalId"], "1000");
    assert_eq!(world.sandbox.users().len(), 10);
    world.run(&["audit", "verify"]).assert_says(0, &[]);
}

#[test]
fn the_old_id_that_comes_back_is_somebody_new_by_the_same_rules() {
    let world = world();
    let before = people(5);
    world.sync_rows(&before, 0);
    let user_before = user(&world, &before[0]);
    let converted = [&[before[0].left(), as_id(&before[0], "E1")], &before[1..]].concat();
    world.sync_rows(&converted, 0);
    let both = [std::slice::from_ref(&before[0]), &converted[1..]].concat();
    assert_doubt(&world, &both, "1000", &["may be employee E1"]);
    let back = [&[before[0].clone(), converted[1].left()], &before[1..]].concat();
    assert_eq!(world.sync_rows(&back, 0).applied(), kinds([("update", 1)]));
    assert_moved(&world, &before[0], &user_before, 5);
    world.sync_rows(&back, 0).assert_unchanged();
}

#[test]
fn a_user_whom_somebody_changed_or_made_by_hand_is_looked_at_by_a_person_first() {
    let world = world();
    let before = people(5);
    world.sync_rows(&before, 0);
    let meddle = |row: &Row, value: &str| {
        let id = user(&world, row)["id"].as_str().unwrap().to_owned();
        world.sandbox.edit_user(&id, |user| user["externalId"] = value.into()).unwrap();
    };
    meddle(&before[0], "somebody-elses");
    let rows = [&[before[0].left(), as_id(&before[0], "E1")], &before[1..]].concat();
    let writes = world.writes();
    world.sync_rows(&rows, 4);
    let why = world.parked();
    assert!(why["E1"].contains("which has another externalId than either of them"), "{why:?}");
    assert_eq!(world.writes(), writes);
    assert!(is_active(&user(&world, &before[0])));
    // Corrected in Workiva, then retried.
    meddle(&before[0], "1000");
    world.run(&["actions", "retry", "--all"]).assert_says(0, &[]);
    world.sync();
    assert_eq!(user(&world, &before[0])["externalId"], "E1");
    world.sync_rows(&rows, 0).assert_unchanged();
    assert_eq!(world.sandbox.users().len(), 5);
}

#[test]
fn what_makes_one_person_has_to_be_said_and_mapped() {
    let mut world = World::new();
    world.set("lifecycle.on_new_id", "move");
    let output = world.run(&["check"]);
    assert_eq!(output.exit, 2);
    assert!(output.stderr.contains("lifecycle.same_person: is required with on_new_id"), "{output:?}");
    world.set("lifecycle.same_person", vec!["userName", "nickName"]);
    let output = world.run(&["check"]);
    assert!(output.stderr.contains("lifecycle.same_person") && output.stderr.contains("is not mapped"));
}

#[test]
fn adopt_does_not_stand_between_somebody_and_the_account_that_passes_to_them() {
    let world = world();
    let before = people(10);
    world.sync_rows(&before, 0);
    let user_before = user(&world, &before[0]);
    let mut rows = before.clone();
    rows[0] = before[0].left();
    rows.push(as_id(&before[0], "E1"));
    world.hr(&rows);
    world.run(&["adopt"]).assert_says(0, &[]);
    assert_eq!(world.number("SELECT count(*) FROM adoption"), 0, "a run settles it");
    assert_eq!(world.sync().applied(), kinds([("update", 1)]));
    assert_moved(&world, &rows[10], &user_before, 10);
    world.sync().assert_unchanged();
}

#[test]
fn a_doubt_of_an_earlier_adopt_does_not_keep_an_account_from_passing_on_and_goes_with_it() {
    let world = world();
    let before = people(10);
    world.sync_rows(&before, 0);
    let user_before = user(&world, &before[0]);
    let mut rows = before.clone();
    rows[0] = before[0].left();
    rows.push(as_id(&before[0], "E1"));
    // As it was left by a version that took such a move for a doubt.
    world.meddle("INSERT INTO person (employee_id, version) VALUES ('E1', 1)");
    world.meddle("INSERT INTO adoption (employee_id, decision, decided_at) VALUES ('E1', 'open', 0)");
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("update", 1)]));
    assert_moved(&world, &rows[10], &user_before, 10);
    assert_eq!(world.status()["undecided"], 0);
}

#[test]
fn after_a_backup_was_restored_whose_account_had_passed_on_gets_it_back_by_the_recipe() {
    for is_absent in [false, true] {
        let world = world();
        let before = people(20);
        world.sync_rows(&before, 0);
        let user_before = user(&world, &before[0]);
        std::fs::copy(world.path("state.db"), world.path("backup.db")).unwrap();
        let mut rows = before.clone();
        rows[0] = before[0].left();
        rows.push(as_id(&before[0], "E1"));
        if is_absent {
            rows.remove(0);
        }
        world.sync_rows(&rows, 0);
        std::fs::copy(world.path("backup.db"), world.path("state.db")).unwrap();
        world.run(&["adopt"]).assert_says(0, &[]);
        world.run(&["drift", "--repair"]).assert_says(0, &[]);
        settle(&world, &rows);
        assert_moved(&world, rows.last().unwrap(), &user_before, 20);
        world.run(&["drift"]).assert_says(0, &[]);
    }
}

#[test]
fn with_a_lost_database_an_account_passes_on_all_the_same() {
    let world = world();
    let before = people(10);
    world.sync_rows(&before, 0);
    let user_before = user(&world, &before[0]);
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(world.path(name));
    }
    let mut rows = before.clone();
    rows[0] = before[0].left();
    rows.push(as_id(&before[0], "E1"));
    world.hr(&rows);
    world.run(&["check"]).assert_says(0, &[]);
    world.run(&["adopt"]).assert_says(0, &[]);
    world.sync_rows(&rows, 0);
    assert_moved(&world, &rows[10], &user_before, 10);
}

#[test]
fn a_former_user_name_is_the_accounts_own_under_whatever_employee_id_it_is_by_now() {
    let mut world = world();
    world.set("source.columns.person_number", "Job Title");
    world.set("attributes.nickName", "{{ person_number }}");
    world.set("lifecycle.same_person", vec!["nickName"]);
    world.set("user_names.reuse_after_days", 365);
    let mut rows = people(3);
    rows.iter_mut().for_each(|row| row.title = format!("P-{}", row.id));
    let number = rows[0].but(|row| row.title = "P-5".into());
    let (doe, roe) = (
        number.but(|row| row.email = "doe@example.com".into()),
        number.but(|row| row.email = "roe@example.com".into()),
    );
    rows[0] = doe.clone();
    world.sync_rows(&rows, 0);
    rows[0] = roe.clone();
    world.sync_rows(&rows, 0);
    rows[0] = as_id(&roe, "E1");
    rows.push(roe.left());
    settle(&world, &rows);
    rows[0] = as_id(&doe, "E1");
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("update", 1)]));
    assert_eq!(user(&world, &doe)["externalId"], "E1");
}
