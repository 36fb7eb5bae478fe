//! User names that change: in an order that survives that no two users can have the same, or not at all.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{Front, Row, Way, World, kinds, people};

fn named(row: &Row, name: &str) -> Row {
    row.but(|row| row.email = format!("{name}@example.com"))
}

/// Runs until nothing is left to do; the number of runs that did something.
fn runs_until_quiet(world: &World, rows: &[Row]) -> usize {
    (0..40).find(|_| world.sync_rows(rows, 0).outcome() == "unchanged").expect("it comes to rest")
}

#[test]
fn a_chain_of_renames_is_carried_out_from_its_end() {
    let world = World::new();
    let first: Vec<Row> =
        people(4).iter().zip(["a", "b", "c", "d"]).map(|(row, name)| named(row, name)).collect();
    world.sync_rows(&first, 0);
    // Each takes the name of the next one, and the last one a new one.
    let moved: Vec<Row> =
        people(4).iter().zip(["b", "c", "d", "e"]).map(|(row, name)| named(row, name)).collect();
    let run = world.sync_rows(&moved, 0);
    assert_eq!(run.applied(), kinds([("update", 1)]), "who takes a free name goes first");
    assert_eq!(runs_until_quiet(&world, &moved), 3);
    world.assert_agrees(&moved);
    assert_eq!(world.sandbox.users().len(), 4);
}

#[test]
fn a_file_in_which_everybody_has_the_next_ones_address_is_held_whole_and_asked_about_once() {
    let mut world = World::new();
    world.set("guard.max_rename_percent", 20.0);
    let names: Vec<String> = (0..20).map(|number| format!("person{number}")).collect();
    let of = |turn: usize| -> Vec<Row> {
        let named_by = |(at, row): (usize, &Row)| named(row, &names[(at + turn) % names.len()]);
        people(20).iter().enumerate().map(named_by).collect()
    };
    world.sync_rows(&of(0), 0);
    // In a circle only one takes another name at first: that is no reason to let the file stand.
    let held = world.sync_rows(&of(1), 3);
    assert_eq!(held.hold_codes(), ["rename_percent"]);
    let message = held.json["hold_reasons"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("20 changed user names or work e-mails of 20 active accounts"), "{message}");
    world.assert_agrees(&of(0));
    world.run(&["approve", held.plan_id(), "--by", "a test"]).assert_says(0, &[]);
    assert_eq!(runs_until_quiet(&world, &of(1)), 21, "one a run, and one of them twice");
    world.assert_agrees(&of(1));
    // The next file is asked about anew.
    world.sync_rows(&of(2), 3);
}

#[test]
fn names_that_were_changed_by_hand_are_held_though_the_file_was_let_stand() {
    let mut world = World::new();
    world.set("guard.max_rename_percent", 20.0);
    world.set("drift.max_repair_percent", 100.0);
    let rows = people(20);
    world.sync_rows(&rows, 0);
    world.sync_rows(&rows, 0).assert_unchanged();
    for row in &rows[..10] {
        let id = world.user(&row.email).unwrap()["id"].as_str().unwrap().to_owned();
        let other = format!("x.{}", row.email);
        world.sandbox.edit_user(&id, |user| user["userName"] = other.into()).unwrap();
    }
    let drifted = world.run(&["drift", "--repair"]);
    assert_eq!(drifted.exit, 3, "{drifted:?}");
    let held = world.sync_rows(&rows, 3);
    assert_eq!(held.hold_codes(), ["rename_percent"]);
    world.run(&["approve", held.plan_id(), "--by", "a test"]).assert_says(0, &[]);
    world.sync_rows(&rows, 0);
    world.assert_agrees(&rows);
    // Once done, they count like anybody if it happens again.
    for row in &rows[..10] {
        let id = world.user(&row.email).unwrap()["id"].as_str().unwrap().to_owned();
        let other = format!("y.{}", row.email);
        world.sandbox.edit_user(&id, |user| user["userName"] = other.into()).unwrap();
    }
    world.run(&["drift", "--repair"]);
    assert_eq!(world.sync_rows(&rows, 3).hold_codes(), ["rename_percent"]);
}

#[test]
fn swapped_addresses_take_a_name_between_and_end_where_hr_says() {
    let world = World::new();
    let before = [named(&people(3)[0], "ana"), named(&people(3)[1], "ben"), people(3)[2].clone()];
    world.sync_rows(&before, 0);
    let swapped = [named(&people(3)[0], "ben"), named(&people(3)[1], "ana"), people(3)[2].clone()];
    let check = {
        world.hr(&swapped);
        world.run(&["check"])
    };
    assert_eq!(check.exit, 0, "{check:?}");
    assert_eq!(world.sync_rows(&swapped, 0).applied(), kinds([("update", 1)]));
    assert!(world.user("ben.swap@example.com").is_some(), "the one with the lower employee id steps aside");
    runs_until_quiet(&world, &swapped);
    world.assert_agrees(&swapped);
}

#[test]
fn the_daemon_goes_through_a_circle_of_three_without_waiting_for_its_schedule() {
    let mut world = World::new();
    world.set("schedule.cron", "0 0 4 1 1 *");
    world.set("guard.max_rename_percent", 100.0);
    let of = |names: [&str; 3]| -> Vec<Row> {
        people(3).iter().zip(names).map(|(row, name)| named(row, name)).collect()
    };
    world.sync_rows(&of(["a", "b", "c"]), 0);
    let turned = of(["b", "c", "a"]);
    world.hr(&turned);
    let mut daemon = world.daemon();
    common::until("Workiva is as HR says", || world.agrees(&turned));
    assert_eq!(daemon.stop(), 0);
    world.sync_rows(&turned, 0).assert_unchanged();
}

#[test]
fn whoever_maps_to_the_name_of_one_who_keeps_it_is_rejected_as_before() {
    let world = World::new();
    let before = [named(&people(2)[0], "ana"), named(&people(2)[1], "ben")];
    world.sync_rows(&before, 0);
    let clash = [named(&people(2)[0], "ben"), before[1].clone()];
    let run = world.sync_rows(&clash, 4);
    assert_eq!(run.applied(), kinds([]));
    world.run(&["check"]).assert_says(0, &["1 rejected"]);
}

#[test]
fn an_account_keeps_the_user_name_that_it_was_made_with_where_that_is_configured() {
    let mut world = World::new();
    world.set("lifecycle.on_rename", "keep");
    let before = [named(&people(2)[0], "ana"), named(&people(2)[1], "ben")];
    world.sync_rows(&before, 0);
    let married = [named(&people(2)[0], "ana.married"), named(&people(2)[1], "ana")];
    let run = world.sync_rows(&married, 0);
    assert_eq!(run.applied(), kinds([("update", 2)]), "their addresses change");
    let users: Vec<_> = ["ana", "ben"].map(|name| world.user(&format!("{name}@example.com")).unwrap()).into();
    assert_eq!(users[0]["emails"][0]["value"], "ana.married@example.com");
    assert_eq!(users[1]["emails"][0]["value"], "ana@example.com");
    world.sync_rows(&married, 0).assert_unchanged();
}

#[test]
fn swaps_circles_and_chains_get_through_while_former_names_are_nobody_elses() {
    let mut world = World::new();
    world.set("user_names.reuse_after_days", 365);
    let of = |names: &[&str]| -> Vec<Row> {
        people(names.len()).iter().zip(names).map(|(row, name)| named(row, name)).collect()
    };
    world.sync_rows(&of(&["a", "b", "c", "d", "e", "f", "g"]), 0);
    // A swap, a circle of three, and a chain.
    let turned = of(&["b", "a", "d", "e", "c", "g", "h"]);
    runs_until_quiet(&world, &turned);
    world.assert_agrees(&turned);
    // Who comes new, and who changes later, gets no former name; who had it does.
    let mut rows = turned.clone();
    rows.push(named(&people(8)[7], "f"));
    assert_eq!(world.sync_rows(&rows, 4).applied(), kinds([]));
    let status = world.run(&["status"]).stdout;
    assert!(status.contains("employee 1005 gave up less than 365 days ago"), "{status}");
    let mut later = turned.clone();
    later[0] = named(&later[0], "f");
    assert_eq!(world.sync_rows(&later, 4).applied(), kinds([]));
    let mut back = turned;
    back[5] = named(&back[5], "f");
    assert_eq!(world.sync_rows(&back, 0).applied(), kinds([("update", 1)]));
    world.assert_agrees(&back);
}

#[test]
fn a_swap_takes_no_name_between_that_workiva_holds_for_somebody_else() {
    let world = World::new();
    let before = [named(&people(3)[0], "ana"), named(&people(3)[1], "ben"), people(3)[2].clone()];
    world.sync_rows(&before, 0);
    for name in ["ben.swap@example.com", "ben.swap2@example.com"] {
        let user = serde_json::json!({"userName": name, "name": {"givenName": "B", "familyName": "S"},
            "emails": [{"value": "guest@example.com", "type": "work", "primary": true}]});
        world.sandbox.seed_user(user).unwrap();
    }
    let swapped = [named(&people(3)[0], "ben"), named(&people(3)[1], "ana"), people(3)[2].clone()];
    world.sync_rows(&swapped, 0);
    assert!(world.user("ben.swap3@example.com").is_some());
    runs_until_quiet(&world, &swapped);
    for row in &swapped {
        assert_eq!(world.user(&row.email).unwrap()["externalId"], *row.id);
    }
    assert!(world.parked().is_empty());
}

#[test]
fn a_name_between_that_only_the_request_shows_as_taken_gives_way_to_another() {
    let mut world = World::new();
    let front = Front::before(&mut world);
    let before = [named(&people(3)[0], "ana"), named(&people(3)[1], "ben"), people(3)[2].clone()];
    world.sync_rows(&before, 0);
    let user = serde_json::json!({"userName": "ben.swap@example.com", "name": {"givenName": "B", "familyName": "S"},
        "emails": [{"value": "guest@example.com", "type": "work", "primary": true}]});
    let hidden = world.sandbox.seed_user(user).unwrap();
    front.go(Way::Hiding(Box::leak(hidden.into_boxed_str())));
    let swapped = [named(&people(3)[0], "ben"), named(&people(3)[1], "ana"), people(3)[2].clone()];
    world.sync_rows(&swapped, 4);
    assert!(world.parked()["1000"].contains("The next run takes another user name"));
    world.sync_rows(&swapped, 0);
    assert!(world.user("ben.swap2@example.com").is_some() && world.parked().is_empty());
    runs_until_quiet(&world, &swapped);
}

#[test]
fn whoever_waits_for_a_name_comes_back_from_leave_and_has_the_rest_meanwhile() {
    let mut world = World::new();
    world.set("lifecycle.leave", vec!["On Leave"]);
    world.set("lifecycle.on_leave", "suspend");
    world.set("guard.max_deprovision_percent", 100.0);
    let front = Front::before(&mut world);
    let [one, two] = [named(&people(2)[0], "ana"), named(&people(2)[1], "ben")];
    world.sync_rows(&[one.clone(), two.clone()], 0);
    let away = one.but(|row| row.status = "On Leave".into());
    assert_eq!(world.sync_rows(&[away, two.clone()], 0).applied(), kinds([("suspend", 1)]));
    // Who holds the name gives it up, but Workiva refuses the other one.
    front.go(Way::Denying("zoe@example.com"));
    let back = [named(&one, "ben").but(|row| row.title = "Chief".into()), named(&two, "zoe")];
    let run = world.sync_rows(&back, 4);
    assert_eq!(run.applied(), kinds([("reactivate", 1)]), "{run:?}");
    let user = world.user("ana@example.com").unwrap();
    assert_eq!((&user["active"], &user["title"]), (&true.into(), &"Chief".into()));
    assert_eq!(user["emails"][0]["value"], "ana@example.com", "the address goes with the name");
    // They go on waiting, and nothing is done twice.
    let again = world.sync_rows(&back, 4);
    assert_eq!(again.applied(), kinds([]));
    let explained = world.run(&["explain", &one.id]).stdout;
    assert!(explained.contains("waits for a user name"), "{explained}");
    assert!(!explained.contains("holds; give one of them another"), "{explained}");
    front.go(Way::Through);
    world.run(&["actions", "retry", "--all"]).assert_says(0, &[]);
    runs_until_quiet(&world, &back);
    world.assert_agrees(&back);
}

#[test]
fn a_name_that_its_former_holder_has_had_back_is_no_former_name_in_a_swap() {
    let mut world = World::new();
    world.set("user_names.reuse_after_days", 365);
    let of = |one: &str, two: &str| [named(&people(2)[0], one), named(&people(2)[1], two)];
    for one in ["a", "a2", "a"] {
        world.sync_rows(&of(one, "b"), 0);
    }
    let swapped = of("b", "a");
    runs_until_quiet(&world, &swapped);
    world.assert_agrees(&swapped);
}

/// Two people in the middle of a swap: the first one has `ben.swap`, the second one still has `ben` (after one step) or has `ana` (two).
fn in_a_swap(world: &World, steps: usize) -> [Row; 2] {
    let [one, two] = [0, 1].map(|at| people(2)[at].clone());
    world.sync_rows(&[named(&one, "ana"), named(&two, "ben")], 0);
    let swapped = [named(&one, "ben"), named(&two, "ana")];
    for _ in 0..steps {
        world.sync_rows(&swapped, 0);
    }
    assert!(world.user("ben.swap@example.com").is_some());
    swapped
}

#[test]
fn whoever_is_left_on_a_name_between_by_a_database_of_before_gets_the_one_that_hr_gives_them() {
    let mut world = World::new();
    world.set("user_names.reuse_after_days", 365);
    let swapped = in_a_swap(&world, 2);
    // An older version did not keep for whom a name was given up.
    world.execute("UPDATE given_up_name SET heir = NULL; DELETE FROM awaited_name");
    // A former name is still nobody else's.
    let new = named(&people(3)[2], "ben");
    world.hr(&[&swapped[..], &[new]].concat());
    let plan = world.run(&["plan"]);
    assert!(plan.stdout.contains("employee 1001 gave up less than 365 days ago"), "{plan:?}");
    world.hr(&swapped);
    assert_eq!(world.sync().applied(), kinds([("update", 1)]));
    world.assert_agrees(&swapped);
    world.sync().assert_unchanged();
}

#[test]
fn whoever_is_left_on_a_name_between_gets_theirs_also_where_user_names_are_kept_by_now() {
    let mut world = World::new();
    let swapped = in_a_swap(&world, 2);
    world.set("lifecycle.on_rename", "keep");
    assert_eq!(world.sync().applied(), kinds([("update", 1)]));
    world.assert_agrees(&swapped);
    world.sync().assert_unchanged();
}

#[test]
fn whoever_is_left_on_a_name_between_while_another_keeps_theirs_is_named_and_has_the_rest() {
    let mut world = World::new();
    let mut swapped = in_a_swap(&world, 1);
    world.set("lifecycle.on_rename", "keep");
    swapped[0].title = "Chief".into();
    world.hr(&swapped);
    let plan = world.run(&["plan"]).stdout;
    assert!(plan.contains("left on the user name") && plan.contains("employee 1000 for 1001"), "{plan}");
    assert_eq!(world.sync().applied(), kinds([("update", 2)]));
    let user = world.user("ben.swap@example.com").unwrap();
    assert_eq!((&user["title"], &user["emails"][0]["value"]), (&"Chief".into(), &"ben@example.com".into()));
    assert_eq!(world.sync().applied(), kinds([]));
    assert!(world.run(&["status"]).stdout.contains("employee 1000 for 1001"));
    // What has begun is brought to its end once names follow the mapping again.
    world.set("lifecycle.on_rename", "update");
    world.sync();
    runs_until_quiet(&world, &swapped);
    world.assert_agrees(&swapped);
}

#[test]
fn a_file_whose_addresses_have_shifted_gives_nobody_anothers_also_where_the_user_name_does_not_follow() {
    for (key, value) in
        [("lifecycle.on_rename", "keep"), ("attributes.userName", "e{{ employee_id }}@example.com")]
    {
        let mut world = World::new();
        world.set(key, value);
        let rows = people(40);
        world.sync_rows(&rows, 0);
        world.set("guard.max_rename_percent", 5.0);
        let before = world.sandbox.users();
        let next = |n: usize| rows[(n + 1) % rows.len()].email.clone();
        let shifted: Vec<Row> =
            rows.iter().enumerate().map(|(n, row)| row.but(|row| row.email = next(n))).collect();
        let held = world.sync_rows(&shifted, 3);
        assert_eq!(held.hold_codes(), ["rename_percent"], "{key}: {held:?}");
        let message = held.json["hold_reasons"][0]["message"].as_str().unwrap();
        assert!(
            message.starts_with("40 changed user names or work e-mails of 40 active accounts"),
            "{message}"
        );
        assert_eq!(world.sandbox.users(), before, "{key}");
        // Two of forty are what marriages and corrections come to.
        let two: Vec<Row> = (0..40)
            .map(|n| {
                if n < 2 { rows[n].but(|row| row.email = format!("x{}", row.email)) } else { rows[n].clone() }
            })
            .collect();
        assert_eq!(world.sync_rows(&two, 0).planned(), kinds([("update", 2)]), "{key}");
    }
}
