//! `sync` against a stand-in Workiva: what HR says becomes what Workiva has.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::process::Stdio;

use common::{Front, HEADER, Row, Synced, Way, World, hr_text, is_active, kinds, people, until};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use workiva_sync::sandbox::{FaultKind, Faults};

fn ana() -> Row {
    Row::new("1001", "Ana", "Ruiz")
}

fn ben() -> Row {
    Row::new("1002", "Ben", "Okafor")
}

fn cem() -> Row {
    Row::new("1003", "Cem", "Demir")
}

/// A user whom somebody made in Workiva by hand.
fn by_hand(row: &Row, external_id: Option<&str>) -> Value {
    let mut user = json!({
        "userName": row.email,
        "name": {"givenName": "Somebody", "familyName": row.family},
        "emails": [{"value": row.email, "type": "work", "primary": true}],
    });
    if let Some(external_id) = external_id {
        user["externalId"] = external_id.into();
    }
    user
}

#[test]
fn a_hire_an_update_a_rename_a_leaver_and_a_rehire_reach_workiva_and_nothing_else_is_sent() {
    let world = World::new();
    let mut rows = vec![ana(), ben(), cem()];
    let synced = world.sync_rows(&rows, 0);
    assert_eq!(synced.outcome(), "applied");
    assert_eq!(synced.applied(), kinds([("create", 3)]));
    world.assert_agrees(&rows);
    world.sync_rows(&rows, 0).assert_unchanged();

    rows[0].title = "CFO".into();
    rows[1].family = "Okafor-Levi".into();
    rows[1].email = "ben.okafor-levi@example.com".into();
    let id_before = world.user("ben.okafor@example.com").unwrap()["id"].clone();
    let synced = world.sync_rows(&rows, 0);
    assert_eq!(synced.applied(), kinds([("update", 2)]));
    assert_eq!(world.user("ben.okafor-levi@example.com").unwrap()["id"], id_before, "renamed, not made anew");
    world.assert_agrees(&rows);

    let id_of_cem = world.user("cem.demir@example.com").unwrap()["id"].clone();
    rows[2] = cem().left();
    let synced = world.sync_rows(&rows, 0);
    assert_eq!(synced.applied(), kinds([("suspend", 1)]));
    assert_eq!(world.user("cem.demir@example.com").unwrap()["active"], false);
    world.sync_rows(&rows, 0).assert_unchanged();

    rows[2] = cem().but(|row| row.title = "Controller".into());
    let synced = world.sync_rows(&rows, 0);
    assert_eq!(synced.applied(), kinds([("reactivate", 1)]));
    assert_eq!(world.user("cem.demir@example.com").unwrap()["id"], id_of_cem, "the same account");
    world.assert_agrees(&rows);
    assert_eq!(world.sandbox.users().len(), 3);
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn a_person_whom_a_full_file_no_longer_names_is_suspended_unless_absence_means_nothing() {
    let mut world = World::new();
    world.sync_rows(&[ana(), ben()], 0);
    world.set("source.absence", "keep");
    world.sync_rows(&[ana()], 0);
    world.assert_agrees(&[ana(), ben()]);
    world.set("source.absence", "deprovision");
    assert_eq!(world.sync_rows(&[ana()], 0).applied(), kinds([("suspend", 1)]));
    world.assert_agrees(&[ana()]);
}

#[test]
fn losing_every_role_suspends_unless_keep_on_role_loss_is_set() {
    let moved = ana().but(|row| row.department = "Sales".into());
    let world = World::new();
    world.sync_rows(&[ana(), ben()], 0);
    assert_eq!(world.sync_rows(&[moved.clone(), ben()], 0).applied(), kinds([("suspend", 1)]));
    world.assert_agrees(&[moved.clone(), ben()]);

    let mut world = World::new();
    world.set("access.keep_on_role_loss", true);
    world.sync_rows(&[ana(), ben()], 0);
    assert_eq!(world.sync_rows(&[moved.clone(), ben()], 0).applied(), kinds([]));
    world.assert_agrees(&[ana(), ben()]);
    let left = moved.left();
    assert_eq!(world.sync_rows(&[left, ben()], 0).applied(), kinds([("suspend", 1)]));
}

#[test]
fn leave_keeps_the_account_or_suspends_it_until_the_return_as_configured() {
    let on_leave = ana().but(|row| row.status = "On Leave".into());
    let mut world = World::new();
    world.sync_rows(&[ana(), ben()], 0);
    world.sync_rows(&[on_leave.clone(), ben()], 0).assert_unchanged();
    world.set("lifecycle.on_leave", "suspend");
    assert_eq!(world.sync_rows(&[on_leave, ben()], 0).applied(), kinds([("suspend", 1)]));
    assert_eq!(world.sync_rows(&[ana(), ben()], 0).applied(), kinds([("reactivate", 1)]));
}

#[test]
fn an_existing_user_is_taken_over_by_external_id_or_user_name_without_a_second_account() {
    let world = World::new();
    let by_key = by_hand(&ana().but(|row| row.email = "old.name@example.com".into()), Some("1001"));
    world.sandbox.seed_user(by_key).unwrap();
    world.sandbox.seed_user(by_hand(&ben(), None)).unwrap();
    world.sync_rows(&[ana(), ben()], 0);
    world.assert_agrees(&[ana(), ben()]);
    assert_eq!(world.sandbox.users().len(), 2);
    assert_eq!(world.statistics().creates, 0);
    assert_eq!(world.user("ben.okafor@example.com").unwrap()["externalId"], "1002");
    world.sync_rows(&[ana(), ben()], 0).assert_unchanged();
}

#[test]
fn a_suspended_user_who_is_there_already_is_activated_for_a_hire() {
    let world = World::new();
    let mut user = by_hand(&ana(), Some("1001"));
    user["active"] = false.into();
    world.sandbox.seed_user(user).unwrap();
    world.sync_rows(&[ana()], 0);
    world.assert_agrees(&[ana()]);
    assert_eq!(world.statistics().creates, 0);
}

#[test]
fn an_existing_user_with_another_external_id_is_parked_and_left_alone() {
    let world = World::new();
    world.sandbox.seed_user(by_hand(&ana(), Some("9999"))).unwrap();
    let before = world.sandbox.users();
    let synced = world.sync_rows(&[ana(), ben()], 4);
    assert_eq!((synced.applied(), &synced.json["parked"]), (kinds([("create", 1)]), &json!(1)));
    assert!(world.parked()["1001"].contains("another externalId"), "{:?}", world.parked());
    assert_eq!(world.user(&ana().email), before.into_iter().next());
    let again = world.sync_rows(&[ana(), ben()], 4);
    assert_eq!(again.requests(), 0, "{again:?}");

    let id = world.user(&ana().email).unwrap()["id"].as_str().unwrap().to_owned();
    world.sandbox.edit_user(&id, |user| user["externalId"] = "1001".into()).unwrap();
    assert_eq!(world.run(&["actions", "retry", "--all"]).exit, 0);
    world.sync_rows(&[ana(), ben()], 0);
    world.assert_agrees(&[ana(), ben()]);
}

#[test]
fn a_user_who_is_made_suspended_is_activated_before_they_count_as_having_access() {
    let mut world = World::new();
    let front = Front::before(&mut world);
    front.go(Way::MakingSuspended);
    let rows = people(3);
    world.sync_rows(&rows, 0);
    world.assert_agrees(&rows);
    assert_eq!(world.status()["active_accounts"], 3);
}

#[test]
fn a_user_owned_elsewhere_who_stays_active_is_parked_rather_than_counted_as_suspended() {
    for refuses in [false, true] {
        let world = World::behaving(|behaviour| behaviour.owned_elsewhere_refuses = refuses);
        world.sync_rows(&[ana(), ben()], 0);
        let id = world.user(&ana().email).unwrap()["id"].as_str().unwrap().to_owned();
        world.sandbox.own_elsewhere(&id).unwrap();
        let synced = world.sync_rows(&[ana().left(), ben()], 4);
        assert_eq!((synced.applied(), &synced.json["parked"]), (kinds([]), &json!(1)), "{synced:?}");
        assert!(world.parked()["1001"].contains("owned elsewhere"), "{:?}", world.parked());
        assert_eq!(world.sync().requests(), 0, "a parked action is not sent again by itself");
    }
}

#[test]
fn a_person_first_seen_as_terminated_is_never_created() {
    let world = World::new();
    let synced = world.sync_rows(&[ana(), ben().left()], 0);
    assert_eq!(synced.applied(), kinds([("create", 1)]));
    assert_eq!(world.sandbox.users().len(), 1);
}

#[test]
fn a_leaver_whose_email_was_blanked_is_suspended_all_the_same() {
    let world = World::new();
    world.sync_rows(&[ana(), ben()], 0);
    let blanked = ana().left().but(|row| row.email = String::new());
    assert_eq!(world.sync_rows(&[blanked, ben()], 0).applied(), kinds([("suspend", 1)]));
    assert_eq!(world.user(&ana().email).unwrap()["active"], false);
}

#[test]
fn of_two_people_with_one_user_name_the_holder_keeps_it_and_without_a_holder_both_are_rejected() {
    let world = World::new();
    let other = cem().but(|row| row.email = ana().email.to_uppercase());
    let synced = world.sync_rows(&[ana(), other.clone(), ben()], 4);
    assert_eq!(synced.json["source"]["rejected"], 2);
    assert_eq!(synced.applied(), kinds([("create", 1)]));
    world.sync_rows(&[ana(), ben()], 0);
    let synced = world.sync_rows(&[ana(), other, ben()], 4);
    assert_eq!((&synced.json["source"]["rejected"], synced.applied()), (&json!(1), kinds([])));
    world.assert_agrees(&[ana(), ben()]);
}

#[test]
fn while_a_row_has_no_employee_id_nobody_is_suspended_for_being_absent() {
    let world = World::new();
    world.sync_rows(&[ana(), ben(), cem()], 0);
    let nameless = ben().but(|row| row.id = String::new());
    let synced = world.sync_rows(&[ana(), nameless], 4);
    assert_eq!((synced.planned(), synced.applied()), (kinds([]), kinds([])));
    world.assert_agrees(&[ana(), ben(), cem()]);
    // Somebody who is said to have left still loses access.
    let nameless = ben().but(|row| row.id = String::new());
    assert_eq!(world.sync_rows(&[ana().left(), nameless], 4).applied(), kinds([("suspend", 1)]));
    world.assert_agrees(&[ben(), cem()]);
}

#[test]
fn people_whose_rows_are_rejected_keep_what_they_have() {
    let world = World::new();
    let rows = people(6);
    world.sync_rows(&rows, 0);
    let mut spoiled = rows.clone();
    spoiled[0].status = "Gone fishing".into();
    spoiled[1].email = "not an address".into();
    spoiled[2].email = String::new();
    spoiled[3].given = String::new();
    let text = hr_text(&spoiled) + &hr_text(&[rows[4].left()])[HEADER.len()..];
    world.hr_text(&text);
    let synced = world.sync();
    assert_eq!((synced.exit, &synced.json["source"]["rejected"]), (4, &json!(5)), "{synced:?}");
    assert_eq!(synced.requests(), 0);
    world.assert_agrees(&rows);
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn a_change_of_letter_case_alone_and_equal_rows_twice_change_nothing() {
    let world = World::new();
    world.sync_rows(&[ana(), ben()], 0);
    let shouted = ana().but(|row| row.email = "Ana.Ruiz@Example.com".into());
    world.sync_rows(&[shouted.clone(), ben(), shouted], 0).assert_unchanged();
}

#[test]
fn where_deleting_is_configured_a_leaver_is_deleted_and_a_rehire_gets_a_new_account() {
    let mut world = World::new();
    world.set("workiva.deprovision", "delete");
    world.sync_rows(&[ana(), ben()], 0);
    assert_eq!(world.sync_rows(&[ana().left(), ben()], 0).applied(), kinds([("delete", 1)]));
    assert_eq!(world.sandbox.users().len(), 1);
    world.sync_rows(&[ana().left(), ben()], 0).assert_unchanged();
    assert_eq!(world.sync_rows(&[ana(), ben()], 0).applied(), kinds([("create", 1)]));
    world.assert_agrees(&[ana(), ben()]);
}

#[test]
fn the_json_object_has_every_key_with_its_type_however_the_run_ends() {
    let mut world = World::new();
    let mut all = Vec::new();
    world.hr(&[ana()]);
    all.push(Synced::of(world.run(&["plan", "--json"])));
    all.push(world.sync());
    all.push(world.sync());
    all.push(Synced::of(world.run(&["plan", "--json"])));
    world.hr_text("Employee ID\n1\n");
    all.push(world.sync());
    all.push(Synced::of(world.run(&["plan", "--json"])));
    nobody_there(&mut world);
    all.push(world.sync());
    all.push(Synced::of(world.run(&["plan", "--json"])));
    for synced in &all {
        assert_has_fixed_keys(&synced.json);
    }
    let ends: Vec<(&str, i32)> = all.iter().map(|synced| (synced.outcome(), synced.exit)).collect();
    let (incomplete, failed) = (("incomplete", 5), ("failed", 6));
    assert_eq!(
        ends,
        [
            ("applied", 0),
            ("applied", 0),
            ("unchanged", 0),
            ("unchanged", 0),
            incomplete,
            incomplete,
            failed,
            failed
        ]
    );
    let plans = [&all[0], &all[3], &all[5], &all[7]];
    assert_eq!(plans.map(|plan| plan.json["actions"].as_array().map(Vec::len)), [1, 0, 0, 0].map(Some));
    // Whoever reads the text is told why; stdout is the object's alone.
    assert!(all[5].stderr.contains("source.columns"), "{:?}", all[5]);
    assert!(all[7].stderr.contains("workiva.base_url"), "{:?}", all[7]);
    let actions = all[0].json["actions"].as_array().unwrap();
    assert_eq!((&actions[0]["employee_id"], &actions[0]["kind"]), (&json!("1001"), &json!("create")));
    assert!(actions[0]["because"].is_string());
    let changes = actions[0]["changes"].as_array().unwrap();
    let user_name = changes.iter().find(|change| change["attribute"] == "userName").unwrap();
    assert_eq!(
        (&user_name["from"], &user_name["to"]),
        (&Value::Null, &json!("ana.ruiz@example.com")),
        "{user_name}"
    );
}

/// An address at which nobody listens, with a database of its own as another address needs one.
fn nobody_there(world: &mut World) {
    world.set("workiva.base_url", "http://127.0.0.1:9/scim/v2");
    let database = format!("sqlite://{}", world.path("elsewhere.db").display());
    world.set("store.url", database);
}

fn assert_has_fixed_keys(json: &Value) {
    assert!(json["run_id"].is_string(), "{json}");
    assert!(json.get("plan_id").is_some_and(|id| id.is_string() || id.is_null()), "{json}");
    assert!(
        ["applied", "unchanged", "held", "incomplete", "failed"].contains(&json["outcome"].as_str().unwrap())
    );
    for path in ["/source/records", "/source/rejected", "/parked", "/requests", "/elapsed_ms"] {
        assert!(json.pointer(path).is_some_and(Value::is_u64), "{path} of {json}");
    }
    for part in ["planned", "applied"] {
        for kind in ["create", "update", "reactivate", "suspend", "delete"] {
            assert!(json[part][kind].is_u64(), "{part}.{kind} of {json}");
        }
    }
    assert!(json["hold_reasons"].is_array(), "{json}");
}

#[test]
fn each_end_has_its_exit_code() {
    let mut world = World::new();
    let rows = people(6);
    assert_eq!(world.sync_rows(&rows, 0).exit, 0);

    world.guard_tightly();
    let leavers: Vec<Row> =
        rows.iter().enumerate().map(|(n, row)| if n < 3 { row.left() } else { row.clone() }).collect();
    assert_eq!(world.sync_rows(&leavers, 3).outcome(), "held");

    let mut spoiled = rows.clone();
    spoiled[0].email = String::new();
    world.sync_rows(&spoiled, 4);

    std::fs::remove_file(world.path("employees.csv")).unwrap();
    let synced = world.sync();
    assert_eq!((synced.exit, synced.outcome()), (5, "incomplete"));

    nobody_there(&mut world);
    let synced = world.sync_rows(&rows, 6);
    assert_eq!(synced.outcome(), "failed");

    world.set("workiva.colour", "blue");
    let output = world.run(&["sync", "--json"]);
    assert_eq!(output.exit, 2);
    assert!(output.stderr.contains("workiva.colour"), "{output:?}");
    assert_eq!(world.run(&["no-such-command"]).exit, 2);
}

#[test]
fn refused_credentials_end_with_6_and_burn_no_attempts() {
    let mut world = World::new();
    world.sync_rows(&[ana()], 0);
    world.set("workiva.password", "a-wrong-one");
    let synced = world.sync_rows(&[ana(), ben()], 6);
    assert_eq!((synced.outcome(), &synced.json["parked"]), ("failed", &json!(0)));
    assert!(synced.stderr.contains("Workiva could not be had, the queue waits: "), "{synced:?}");
    assert!(synced.stderr.contains("401"), "{synced:?}");
    world.set("workiva.password", "sandbox-password");
    let synced = world.sync_rows(&[ana(), ben()], 0);
    assert_eq!(synced.applied(), kinds([("create", 1)]), "{synced:?}");
    world.assert_agrees(&[ana(), ben()]);
}

#[test]
fn a_hiccup_of_the_first_request_of_all_does_not_end_the_run() {
    for kind in [FaultKind::Unavailable, FaultKind::ServerError, FaultKind::AnswerLost, FaultKind::Reset] {
        let world = World::new();
        world.hr(&[ana()]);
        // The seed draws a fault first and none in the requests after it.
        let seed =
            (0..).find(|seed| faults_at(*seed, 6) == [true, false, false, false, false, false]).unwrap();
        world.sandbox.set_faults(Faults { rate: 0.5, seed, kinds: [kind].into(), ..Faults::default() });
        let synced = world.sync();
        assert_eq!(synced.exit, 0, "{kind:?}: {synced:?}");
        assert!(world.statistics().faults_by_kind.contains_key(&kind));
        world.assert_agrees(&[ana()]);
    }
}

/// Which of the first requests meet the only kind of fault at a rate of one half: drawn as the stand-in draws.
fn faults_at(seed: u64, requests: usize) -> Vec<bool> {
    let mut random = StdRng::seed_from_u64(seed);
    let draw = |_| {
        let fault = random.random_bool(0.5);
        if fault {
            let _ = (random.random_range(0..1_usize), random.random_bool(1.0 / 3.0));
        }
        fault
    };
    (0..requests).map(draw).collect()
}

/// Hires, changes, renames, suspends and activates again; after each the users are HR's, and a second run sends nothing.
fn life(world: &World) {
    let mut rows = people(30);
    converge(world, &rows);
    rows[0].title = "CFO".into();
    rows[1].email = "somebody.else@example.com".into();
    converge(world, &rows);
    rows[2] = rows[2].left();
    converge(world, &rows);
    assert!(!is_active(&world.user("person.number2@example.com").unwrap()));
    rows[2].status = "Active".into();
    converge(world, &rows);
    assert_eq!(world.sandbox.users().len(), 30);
    assert_eq!(world.statistics().largest_concurrent_writes_to_one_user, 1);
}

fn converge(world: &World, rows: &[Row]) {
    world.sync_rows(rows, 0);
    world.assert_agrees(rows);
    world.sync_rows(rows, 0).assert_unchanged();
}

#[test]
fn a_server_without_patch_is_changed_by_put() {
    let world = World::behaving(|behaviour| behaviour.patch = false);
    life(&world);
    assert!(world.statistics().by_method["PUT"] >= 4);
}

#[test]
fn a_server_without_patch_and_without_discovery_is_changed_by_put_once_it_refuses_patch() {
    let world = World::behaving(|behaviour| (behaviour.patch, behaviour.discovery) = (false, false));
    life(&world);
}

#[test]
fn a_server_without_put_is_changed_by_patch() {
    life(&World::behaving(|behaviour| behaviour.put = false));
}

#[test]
fn a_server_without_filters_gets_no_second_accounts() {
    let world = World::behaving(|behaviour| behaviour.filter = false);
    world.sandbox.seed_user(by_hand(&people(4)[3], None)).unwrap();
    life(&world);
    assert_eq!(world.statistics().creates, 29);
}

#[test]
fn a_server_whose_external_id_filter_finds_nothing_gets_no_second_accounts() {
    let world = World::behaving(|behaviour| behaviour.externalid_filter = false);
    world.sandbox.seed_user(by_hand(&people(4)[3], Some("1003"))).unwrap();
    life(&world);
    assert_eq!(world.statistics().creates, 29);
}

#[test]
fn a_server_with_short_pages_is_read_to_the_last_page() {
    let world = World::behaving(|behaviour| (behaviour.page_cap, behaviour.filter) = (20, false));
    for row in people(50) {
        world.sandbox.seed_user(by_hand(&row, None)).unwrap();
    }
    let rows = people(50);
    world.sync_rows(&rows, 0);
    world.assert_agrees(&rows);
    assert_eq!(world.statistics().creates, 0);
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn a_server_that_always_shows_the_first_page_is_asked_for_each_person_instead() {
    let world = World::behaving(|behaviour| (behaviour.paging, behaviour.page_cap) = (false, 20));
    life(&world);
}

#[test]
fn where_it_cannot_be_known_who_has_an_account_nobody_is_created_and_all_are_parked_with_the_reason() {
    let world = World::behaving(|behaviour| {
        (behaviour.paging, behaviour.filter, behaviour.page_cap) = (false, false, 20);
    });
    for row in people(30) {
        world.sandbox.seed_user(by_hand(&row, None)).unwrap();
    }
    world.sync_rows(&[ana()], 4);
    assert!(world.parked()["1001"].contains("cannot be listed"), "{:?}", world.parked());
    assert_eq!(world.statistics().creates, 0);
    assert_eq!(world.sync().requests(), 0);
}

#[test]
fn a_server_that_drops_external_ids_gets_no_update_in_every_run() {
    let world = World::behaving(|behaviour| behaviour.keeps_external_id = false);
    world.sandbox.seed_user(by_hand(&people(4)[3], None)).unwrap();
    life(&world);
    assert_eq!(world.statistics().creates, 29);
}

#[test]
fn a_suspend_that_a_server_never_shows_is_parked_and_everything_else_converges() {
    let world = World::behaving(|behaviour| behaviour.echoes_active = false);
    let mut rows = vec![ana(), ben(), cem()];
    converge(&world, &rows);
    rows[0].title = "CFO".into();
    rows[1].email = "somebody.else@example.com".into();
    converge(&world, &rows);
    rows[2] = cem().left();
    let synced = world.sync_rows(&rows, 4);
    assert_eq!(synced.applied(), kinds([]));
    assert!(world.parked()["1003"].contains("does not show whether the user is active"));
    assert_eq!(world.sync_rows(&rows, 4).requests(), 0);
}

#[test]
fn a_server_that_writes_active_as_text_is_understood() {
    life(&World::behaving(|behaviour| behaviour.active_as_text = true));
}

#[test]
fn a_server_that_minds_case_in_its_filter_gets_no_second_account() {
    for scim_type in [true, false] {
        let world = World::behaving(|behaviour| {
            (behaviour.username_filter_minds_case, behaviour.externalid_filter) = (true, false);
            (behaviour.conflict_scim_type, behaviour.conflict_status_integer) = (scim_type, !scim_type);
        });
        let mut user = by_hand(&ana().but(|row| row.email = "Ana.Ruiz@Example.com".into()), Some("1001"));
        (user["name"]["givenName"], user["title"]) = ("Ana".into(), "Analyst".into());
        world.sandbox.seed_user(user).unwrap();
        converge(&world, &[ana()]);
        assert_eq!(world.statistics().creates, 0);
        assert!(world.statistics().by_method["POST"] > 0, "the server did say that the user exists");
    }
    life(&World::behaving(|behaviour| behaviour.username_filter_minds_case = true));
}

#[test]
fn a_user_name_in_capitals_from_earlier_times_that_no_change_is_accepted_for_is_parked_with_workivas_words() {
    let world = World::new();
    let shouted = ana().but(|row| row.email = "Ana.Ruiz@Example.com".into());
    world.sandbox.seed_user(by_hand(&shouted, None)).unwrap();
    world.sync_rows(&[ana(), ben()], 4);
    assert!(world.parked()["1001"].contains("capital letters"), "{:?}", world.parked());
    assert_eq!(world.statistics().creates, 1);
    assert_eq!(world.sync().requests(), 0);
}

#[test]
fn a_server_that_answers_patch_without_a_body_is_understood() {
    life(&World::behaving(|behaviour| behaviour.patch_answers_no_content = true));
}

#[test]
fn a_server_without_discovery_is_understood() {
    life(&World::behaving(|behaviour| behaviour.discovery = false));
}

#[test]
fn ids_that_need_encoding_are_understood() {
    life(&World::behaving(|behaviour| behaviour.awkward_ids = true));
}

#[test]
fn a_user_who_was_deleted_by_hand_is_made_again_when_hr_changes_them() {
    let world = World::new();
    world.sync_rows(&[ana(), ben()], 0);
    let id = world.user(&ana().email).unwrap()["id"].as_str().unwrap().to_owned();
    world.sandbox.delete_user(&id).unwrap();
    let changed = ana().but(|row| row.title = "CFO".into());
    world.sync_rows(&[changed.clone(), ben()], 0);
    world.assert_agrees(&[changed, ben()]);
}

#[test]
fn a_404_is_not_believed_where_the_list_of_users_cannot_be_had_either() {
    for way in [Way::Lost, Way::LostButForAnObject] {
        for deprovision in ["suspend", "delete"] {
            let mut world = World::new();
            let front = Front::before(&mut world);
            world.set("workiva.deprovision", deprovision);
            world.set("retry.max_attempts", 2);
            let rows = vec![ana(), ben(), cem()];
            world.sync_rows(&rows, 0);

            front.go(way);
            let changed = vec![ana().left(), ben().but(|row| row.title = "CFO".into()), cem()];
            let synced = world.sync_rows(&changed, 6);
            assert_eq!(synced.planned(), kinds([(deprovision, 1), ("update", 1)]));
            assert_eq!((synced.applied(), &synced.json["parked"]), (kinds([]), &json!(0)), "{way:?}");
            assert_eq!(world.number("SELECT count(*) FROM account WHERE active = 1"), 3, "{way:?}");
            assert_eq!(world.number("SELECT max(version) FROM person"), 1, "{way:?}");
            world.assert_agrees(&rows);

            front.go(Way::Through);
            world.sync_rows(&changed, 0);
            world.assert_agrees(&changed);
            assert_eq!(world.statistics().creates, 3, "nobody got a second account");
        }
    }
}

#[test]
fn what_hr_takes_back_before_it_was_sent_is_never_sent_and_nobody_keeps_the_wrong_end() {
    let world = World::new();
    let start = [ana(), ben(), cem()];
    world.sync_rows(&start, 0);
    // Ben leaves and Cem changes while nobody gets in; then HR says what it said before.
    world.sandbox.set_password(&secrecy::SecretString::from("another"));
    let other = [ana(), ben().left(), cem().but(|row| row.title = "CFO".into())];
    world.sync_rows(&other, 6);
    world.sandbox.set_password(&secrecy::SecretString::from("sandbox-password"));
    let synced = world.sync_rows(&start, 0);
    assert_eq!(*synced.applied().get("suspend").unwrap_or(&0), 0, "{synced:?}");
    world.assert_agrees(&start);
    assert_eq!(world.sync_rows(&start, 0).requests(), 0);
    // The other way round: somebody who left stays out.
    world.sync_rows(&other, 0);
    world.sandbox.set_password(&secrecy::SecretString::from("another"));
    world.sync_rows(&start, 6);
    world.sandbox.set_password(&secrecy::SecretString::from("sandbox-password"));
    world.sync_rows(&other, 0);
    world.assert_agrees(&other);
    world.sync_rows(&other, 0);
    world.assert_agrees(&other);
}

#[test]
fn a_database_of_one_workiva_is_not_used_for_another() {
    let (mut world, other) = (World::new(), World::new());
    world.sync_rows(&[ana(), ben()], 0);
    let ours = world.sandbox.base_url();
    world.set("workiva.base_url", other.sandbox.base_url());
    world.hr(&[ana(), ben().left(), cem()]);
    for command in ["sync", "plan", "check"] {
        let refused = world.run(&[command]);
        assert_eq!(refused.exit, 2, "{command}: {refused:?}");
        assert!(refused.stderr.contains("store.url") && refused.stderr.contains(&ours), "{refused:?}");
    }
    assert_eq!(other.statistics().requests, 0);
    world.set("workiva.base_url", ours);
    world.sync_rows(&[ana(), ben().left(), cem()], 0);
    world.assert_agrees(&[ana(), cem()]);
}

#[test]
fn one_workiva_is_the_same_however_its_address_is_written() {
    let mut world = World::new();
    world.sync_rows(&[ana()], 0);
    let ours = world.sandbox.base_url();
    let elsewhere = ours.replace("127.0.0.1", "LocalHost") + "/";
    world.set("workiva.base_url", elsewhere.clone());
    world.sync_rows(&[ana(), ben()], 0);
    world.execute(&format!("UPDATE workiva SET base_url = '{elsewhere}'"));
    world.set("workiva.base_url", ours);
    assert_eq!(world.sync_rows(&[ana(), ben().left()], 0).applied(), kinds([("suspend", 1)]));
    world.assert_agrees(&[ana()]);
}

#[test]
fn what_a_killed_process_had_begun_is_planned_anew_by_the_next_sync_and_not_carried_out_as_it_was() {
    let mut world = World::new();
    world.set("workiva.lease_seconds", 3600);
    let rows = people(30);
    world.hr(&rows);
    world.sandbox.set_faults(Faults { latency_ms: 300, ..Faults::default() });
    let mut child = world.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("something is in work", || {
        world.database().exists() && world.statistics().by_method.contains_key("POST")
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(world.number("SELECT count(*) FROM lease") > 0);
    world.sandbox.set_faults(Faults::default());
    let changed: Vec<Row> = rows.iter().map(|row| row.but(|row| row.title = "CFO".into())).collect();
    world.sync_rows(&changed, 0);
    world.assert_agrees(&changed);
}
