//! `drift`: who was changed in Workiva behind our back, and the way back through the guard.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::collections::BTreeMap;

use common::{Front, Row, Way, World, is_active, kinds, people, until};
use serde_json::{Value, json};
use workiva_sync::sandbox::{Behaviour, SandboxOptions};

/// `drift --json` with more arguments, which has to end with this exit code.
fn drift(world: &World, arguments: &[&str], exit: i32) -> Value {
    let output = world.run(&[&["drift", "--json"], arguments].concat());
    assert_eq!(output.exit, exit, "{output:?}");
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {output:?}"))
}

/// The kinds by employee.
fn found(report: &Value) -> BTreeMap<String, String> {
    let people = report["people"].as_array().unwrap().iter();
    let kinds = |one: &Value| {
        one["kinds"]
            .as_array()
            .unwrap()
            .iter()
            .map(|kind| kind.as_str().unwrap())
            .collect::<Vec<_>>()
            .join(" ")
    };
    people.map(|one| (one["employee_id"].as_str().unwrap().to_owned(), kinds(one))).collect()
}

fn id(world: &World, row: &Row) -> String {
    world.user(&row.email).unwrap()["id"].as_str().unwrap().to_owned()
}

fn edit(world: &World, row: &Row, key: &str, value: Value) {
    world.sandbox.edit_user(&id(world, row), |user| user[key] = value).unwrap();
}

/// A world whose people are all in Workiva; the last one has left.
fn settled(world: &World, number: usize) -> Vec<Row> {
    let mut rows = people(number);
    world.sync_rows(&rows, 0);
    let last = rows.last_mut().unwrap();
    *last = last.left();
    world.sync_rows(&rows, 0);
    rows
}

/// Each kind of change by hand, of people 0 to 4; the last one is activated, and two strangers are there.
fn meddle(world: &World, rows: &[Row]) {
    edit(world, &rows[0], "active", json!(false));
    edit(world, &rows[1], "title", json!("Emperor"));
    edit(world, &rows[2], "userName", json!("somebody.new@example.com"));
    edit(world, rows.last().unwrap(), "active", json!(true));
    world.sandbox.delete_user(&id(world, &rows[3])).unwrap();
    world.sandbox.seed_user(json!({"userName": "guest@other.example"})).unwrap();
    // Letter case alone, and an attribute that is not ours, are no drift.
    edit(world, &rows[4], "emails", json!([{"type": "work", "value": rows[4].email.to_uppercase()}]));
    edit(world, &rows[4], "nickName", json!("Nick"));
}

fn wide_open(world: &mut World) {
    world.set("drift.max_repair_percent", 100.0);
}

#[test]
fn each_change_by_hand_is_found_and_nothing_is_changed_by_looking() {
    let world = World::new();
    let rows = settled(&world, 6);
    drift(&world, &[], 0);
    meddle(&world, &rows);
    let (before, writes) = (world.sandbox.users(), world.writes());
    let report = drift(&world, &[], 4);
    let expected = [
        ("1000", "suspended"),
        ("1001", "changed"),
        ("1002", "renamed"),
        ("1003", "deleted"),
        ("1005", "activated"),
    ];
    assert_eq!(found(&report), expected.map(|(id, kind)| (id.to_owned(), kind.to_owned())).into());
    let change = json!({"attribute": "title", "from": "Analyst", "to": "Emperor"});
    assert_eq!(report["people"][1]["changes"], json!([change]));
    assert_eq!(report["unknown_users"][0]["user_name"], "guest@other.example");
    assert_eq!((world.writes(), world.sandbox.users()), (writes, before));
    world.sync().assert_unchanged();
    let said = world.run(&["drift"]).stdout;
    assert!(said.contains("Emperor") && said.contains("drift --repair"), "{said}");
    let status = world.status();
    assert_eq!(
        (&status["drift"]["outcome"], &status["drift"]["counts"]["deleted"]),
        (&json!("found"), &json!(1))
    );
}

#[test]
fn each_change_by_hand_is_led_back_and_strangers_are_left_alone() {
    let mut world = World::new();
    wide_open(&mut world);
    let rows = settled(&world, 6);
    meddle(&world, &rows);
    let report = drift(&world, &["--repair"], 0);
    assert_eq!(report["recorded"], 5, "{report}");
    let applied = &report["repair"]["applied"];
    let counts = ["create", "update", "reactivate", "suspend"].map(|kind| applied[kind].as_u64().unwrap());
    assert_eq!(counts, [1, 2, 1, 1], "{report}");
    let guest = world.user("guest@other.example").unwrap();
    world.sandbox.delete_user(guest["id"].as_str().unwrap()).unwrap();
    world.assert_agrees(&rows);
    assert_eq!(drift(&world, &[], 0)["outcome"], "none");
    world.sync().assert_unchanged();
    assert_eq!(
        world.number("SELECT count(*) FROM audit WHERE kind = 'drift' AND employee_id IS NOT NULL"),
        5
    );
    let named =
        "SELECT count(*) FROM audit WHERE kind = 'drift' AND (body LIKE '%@%' OR body LIKE '%Emperor%')";
    assert_eq!(world.number(named), 0, "the audit names nobody");
    assert_eq!(world.run(&["audit", "verify"]).exit, 0);
}

#[test]
fn the_way_back_from_a_mass_suspension_by_hand_goes_through_the_guard_and_an_approval_finishes_it() {
    let mut world = World::new();
    wide_open(&mut world);
    world.set("guard.max_create_percent", 50.0);
    let rows = people(10);
    world.sync_rows(&rows, 0);
    for row in &rows[..6] {
        edit(&world, row, "active", json!(false));
    }
    let report = drift(&world, &["--repair"], 3);
    assert_eq!(report["repair"]["hold_reasons"][0]["code"], "create_percent", "{report}");
    let plan = report["repair"]["plan_id"].as_str().unwrap();
    assert_eq!(world.run(&["approve", plan]).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("reactivate", 6)]));
    world.assert_agrees(&rows);
    assert_eq!(drift(&world, &[], 0)["outcome"], "none");
}

#[test]
fn the_guard_holds_a_repair_that_takes_access_from_too_many() {
    let mut world = World::new();
    wide_open(&mut world);
    let mut rows = people(6);
    world.sync_rows(&rows, 0);
    for row in &mut rows[3..] {
        *row = row.left();
    }
    world.sync_rows(&rows, 0);
    for row in &rows[3..] {
        edit(&world, row, "active", json!(true));
    }
    world.guard_tightly();
    let writes = world.writes();
    let report = drift(&world, &["--repair"], 3);
    assert_eq!(report["repair"]["hold_reasons"][0]["code"], "deprovision_count", "{report}");
    assert_eq!(world.writes(), writes);
    // The hold stands until somebody decides, whatever runs.
    let held = world.sync();
    assert_eq!((held.exit, world.writes()), (3, writes));
    assert_eq!(world.run(&["approve", held.plan_id()]).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("suspend", 3)]));
    world.assert_agrees(&rows);
}

#[test]
fn when_more_were_changed_than_the_limit_allows_nothing_is_repaired() {
    let world = World::new();
    let rows = settled(&world, 6);
    for row in &rows[..3] {
        edit(&world, row, "active", json!(false));
    }
    let writes = world.writes();
    let report = drift(&world, &["--repair"], 3);
    assert_eq!((&report["outcome"], &report["recorded"]), (&json!("refused"), &json!(0)), "{report}");
    assert!(report["message"].as_str().unwrap().contains("drift.max_repair_percent"), "{report}");
    world.sync().assert_unchanged();
    assert_eq!(world.writes(), writes);
    let mut raised = world.command(&["drift", "--json", "--repair"]);
    raised.env("WORKIVA_SYNC__DRIFT__MAX_REPAIR_PERCENT", "100");
    assert!(raised.output().unwrap().status.success());
    world.assert_agrees(&rows);
}

#[test]
fn servers_that_drop_attributes_cap_pages_or_write_active_as_text_show_no_drift() {
    let servers: [fn(&mut Behaviour); 5] = [
        |server| server.page_cap = 2,
        |server| server.keeps_external_id = false,
        |server| server.echoes_active = false,
        |server| server.active_as_text = true,
        |server| server.awkward_ids = true,
    ];
    for (number, server) in servers.into_iter().enumerate() {
        let world = World::behaving(server);
        let rows = people(7);
        world.sync_rows(&rows, 0);
        let report = drift(&world, &[], 0);
        let not_shown = report["not_shown"].as_object().unwrap();
        match number {
            1 => assert_eq!(not_shown["externalId"], 7),
            2 => {
                assert_eq!(not_shown["active"], 7);
                let message = report["message"].as_str().unwrap();
                assert!(message.contains("suspended or activated by hand cannot be seen"), "{report}");
            }
            _ => assert!(not_shown.is_empty(), "{report}"),
        }
        edit(&world, &rows[0], "title", json!("Emperor"));
        assert_eq!(found(&drift(&world, &[], 4)), [("1000".into(), "changed".into())].into(), "{number}");
    }
}

#[test]
fn a_listing_that_cannot_be_trusted_is_an_error_and_nobody_counts_as_deleted() {
    let mut world = World::new();
    let rows = settled(&world, 6);
    world.sandbox.set_behaviour(Behaviour { paging: false, page_cap: 2, ..Behaviour::default() });
    let refused = world.run(&["drift", "--repair"]);
    assert!(refused.exit == 6 && refused.stderr.contains("ignores startIndex"), "{refused:?}");
    world.sandbox.set_behaviour(Behaviour::default());
    for row in &rows {
        world.sandbox.delete_user(&id(&world, row)).unwrap();
    }
    let refused = world.run(&["drift", "--repair"]);
    assert!(refused.exit == 6 && refused.stderr.contains("shows no user at all"), "{refused:?}");
    world.sandbox.seed_user(json!({"userName": "guest@other.example"})).unwrap();
    world.set("guard.max_deprovision_count", 4);
    let report = drift(&world, &["--repair"], 4);
    assert_eq!(
        (report["missing"].as_array().unwrap().len(), &report["recorded"]),
        (5, &json!(0)),
        "{report}"
    );
    assert_eq!(world.number("SELECT count(*) FROM account"), 6);
    assert_eq!(world.status()["drift"]["counts"]["missing"], 5);
    world.sandbox.set_down(true);
    assert_eq!(world.run(&["drift"]).exit, 6);
    assert_eq!(world.status()["drift"]["outcome"], "failed");
}

#[test]
fn whoever_has_an_action_in_the_queue_is_left_out_by_name_and_that_is_not_called_nobody() {
    let mut world = World::new();
    wide_open(&mut world);
    let mut rows = settled(&world, 4);
    world.sandbox.own_elsewhere(&id(&world, &rows[0])).unwrap();
    rows[0] = rows[0].left();
    world.sync_rows(&rows, 4);
    assert_eq!(world.run(&["actions", "retry", "--all"]).exit, 0);
    edit(&world, &rows[0], "title", json!("Emperor"));
    let report = drift(&world, &["--repair"], 4);
    assert_eq!((&report["left_out"], found(&report).len()), (&json!(["1000"]), 0), "{report}");
    let said = world.run(&["drift"]);
    assert!(said.stdout.contains("left out") && said.stdout.contains("employee 1000"), "{said:?}");
    assert!(!said.stdout.contains("\nnobody was changed"), "{said:?}");
}

#[test]
fn an_older_copy_with_parked_actions_leaves_no_leaver_active_and_no_employee_suspended() {
    let mut world = World::new();
    wide_open(&mut world);
    let front = Front::before(&mut world);
    let mut rows = settled(&world, 5);
    let back = rows[4].but(|row| row.status = "Active".into());
    // Parked: a suspend of 1000, and a reactivation of 1004.
    rows[0] = rows[0].left();
    let parked = [&rows[..4], std::slice::from_ref(&back)].concat();
    let ids = [id(&world, &rows[0]), id(&world, &rows[4])];
    world.hr(&parked);
    front.go(Way::Denying(ids[0].clone().leak()));
    world.sync();
    front.go(Way::Denying(ids[1].clone().leak()));
    world.sync();
    front.go(Way::Through);
    assert!(!world.parked().is_empty(), "{:?}", world.status());
    // Since the copy was made both were done, and HR has changed its mind about both.
    world.sandbox.edit_user(&ids[0], |user| user["active"] = json!(false)).unwrap();
    world.sandbox.edit_user(&ids[1], |user| user["active"] = json!(true)).unwrap();
    let now = settled_rows(&rows);
    world.hr(&now);
    drift(&world, &["--repair"], 0);
    world.assert_agrees(&now);
    assert_eq!(drift(&world, &[], 0)["outcome"], "none");
}

/// 1000 is employed again, 1004 has left again.
fn settled_rows(rows: &[Row]) -> Vec<Row> {
    let mut now = rows.to_vec();
    now[0].status = "Active".into();
    now[4] = now[4].left();
    now
}

#[test]
fn whom_the_source_names_no_more_is_led_back_to_what_hr_said_last() {
    let mut world = World::new();
    wide_open(&mut world);
    world.set("source.absence", "keep");
    let rows = settled(&world, 5);
    // HR purges the leaver, and somebody employed.
    world.sync_rows(&rows[1..4], 0);
    edit(&world, &rows[4], "active", json!(true));
    edit(&world, &rows[0], "active", json!(false));
    let report = drift(&world, &["--repair"], 0);
    assert_eq!(report["recorded"], 2, "{report}");
    world.assert_agrees(&rows);
    world.sync().assert_unchanged();
    assert_eq!(drift(&world, &[], 0)["outcome"], "none");
    // An account that is deleted by hand is made again.
    world.sandbox.delete_user(&id(&world, &rows[0])).unwrap();
    drift(&world, &["--repair"], 0);
    world.assert_agrees(&rows);
    assert_eq!(world.number("SELECT count(*) FROM drift_before"), 0);
}

#[test]
fn whose_record_cannot_be_used_is_led_back_to_what_hr_said_last() {
    let mut world = World::new();
    wide_open(&mut world);
    let rows = settled(&world, 5);
    let mut broken = rows.clone();
    for at in [0, 1, 4] {
        broken[at].status = "Whatever".into();
    }
    world.sync_rows(&broken, 4);
    edit(&world, &rows[4], "active", json!(true));
    edit(&world, &rows[0], "active", json!(false));
    edit(&world, &rows[1], "title", json!("Emperor"));
    let report = drift(&world, &["--repair"], 4);
    let applied = &report["repair"]["applied"];
    assert_eq!(
        (&applied["suspend"], &applied["reactivate"], &applied["update"]),
        (&json!(1), &json!(0), &json!(1))
    );
    // But whoever suspended the first may have known that they have left.
    world.assert_agrees(&rows[1..]);
    assert_eq!(drift(&world, &[], 0)["outcome"], "none");
    // The next record that can be used decides.
    world.sync_rows(&rows, 0);
    world.assert_agrees(&rows);
    let mut back = rows.clone();
    back[4].status = "Active".into();
    world.sync_rows(&back, 0);
    world.assert_agrees(&back);
}

/// The newest word that HR said of them is that they have left, or that they have no role any more: its plan was held, and no record since
/// can be used.
#[test]
fn nobody_whom_a_held_plan_shows_without_access_is_given_it_back_by_a_repair() {
    type Change = fn(&Row) -> Row;
    let changes: [Change; 2] = [Row::left, |row| row.but(|row| row.department = "Kitchen".into())];
    for (change, is_absent) in changes.into_iter().flat_map(|change| [(change, false), (change, true)]) {
        let mut world = World::new();
        wide_open(&mut world);
        world.set("source.absence", "keep");
        let rows = settled(&world, 8);
        world.guard_tightly();
        let shown: Vec<Row> =
            rows.iter().enumerate().map(|(at, row)| if at < 4 { change(row) } else { row.clone() }).collect();
        world.sync_rows(&shown, 3);
        let silent = |row: &Row| (!is_absent).then(|| row.but(|row| row.status = "Whatever".into()));
        let later: Vec<Row> = shown[..2].iter().filter_map(silent).chain(shown[2..].to_vec()).collect();
        world.sync_rows(&later, 3);
        edit(&world, &rows[0], "active", json!(false));
        world.sandbox.delete_user(&id(&world, &rows[1])).unwrap();
        let report = drift(&world, &["--repair"], 3);
        let planned = &report["repair"]["planned"];
        assert_eq!((&planned["reactivate"], &planned["create"]), (&json!(0), &json!(0)), "{report}");
        assert!(!is_active(&world.user(&rows[0].email).unwrap()));
        assert!(world.user(&rows[1].email).is_none());
    }
}

/// HR has taken somebody back in a plan that is held, and no record since can be used. Whoever rejects the plan says that they get none.
#[test]
fn nobody_whom_a_held_plan_shows_with_access_is_led_back_to_none_by_a_repair() {
    let mut world = World::new();
    wide_open(&mut world);
    let rows = settled(&world, 5);
    world.guard_tightly();
    let leave = |at: usize, row: &Row| if at < 2 { row.left() } else { row.clone() };
    let mut shown: Vec<Row> = rows.iter().enumerate().map(|(at, row)| leave(at, row)).collect();
    shown[4].status = "Active".into();
    world.sync_rows(&shown, 3);
    let mut silent = shown.clone();
    silent[4].status = "Whatever".into();
    let held = world.sync_rows(&silent, 3);
    edit(&world, &rows[4], "active", json!(true));
    let planned = &drift(&world, &["--repair"], 3)["repair"]["planned"];
    assert_eq!(planned["suspend"], 2, "of those who leave alone");
    assert!(is_active(&world.user(&rows[4].email).unwrap()));
    let newer = world.sync_rows(&silent, 3);
    assert_eq!(world.run(&["reject", newer.plan_id(), "--by", "kim"]).exit, 0, "{held:?}");
}

#[test]
fn who_has_access_again_behind_a_held_plan_is_given_it_back_by_a_repair() {
    let mut world = World::new();
    wide_open(&mut world);
    world.set("source.absence", "keep");
    let rows = settled(&world, 8);
    world.guard_tightly();
    let moved = |row: &Row| row.but(|row| row.department = "Kitchen".into());
    let shown: Vec<Row> = rows[..3].iter().map(moved).chain(rows[3..].to_vec()).collect();
    world.sync_rows(&shown, 3);
    // The first by a newer record, the next two by whoever rejects the plan.
    let newer: Vec<Row> = [rows[0].clone()].into_iter().chain(shown[1..].to_vec()).collect();
    let held = world.sync_rows(&newer, 3);
    assert_eq!(world.run(&["reject", held.plan_id(), "--by", "kim"]).exit, 0);
    world.sync_rows(&newer[3..], 0);
    rows[..3].iter().for_each(|row| edit(&world, row, "active", json!(false)));
    drift(&world, &["--repair"], 0);
    world.assert_agrees(&rows);
}

#[test]
fn a_way_back_to_hrs_last_word_goes_through_the_guard_and_is_not_forgotten_when_it_is_held() {
    for is_absent in [false, true] {
        let mut world = World::new();
        wide_open(&mut world);
        world.set("source.absence", "keep");
        let mut rows = people(8);
        world.sync_rows(&rows, 0);
        for row in &mut rows[4..] {
            *row = row.left();
        }
        world.sync_rows(&rows, 0);
        let mut now = rows.clone();
        for row in &mut now[4..] {
            row.status = "Whatever".into();
        }
        now.truncate(if is_absent { 4 } else { 8 });
        world.sync_rows(&now, if is_absent { 0 } else { 4 });
        for row in &rows[4..] {
            edit(&world, row, "active", json!(true));
        }
        world.guard_tightly();
        let report = drift(&world, &["--repair"], 3);
        assert_eq!(report["repair"]["hold_reasons"][0]["code"], "deprovision_count", "{report}");
        let held = world.sync();
        assert_eq!(world.run(&["reject", held.plan_id()]).exit, 0);
        let again = world.sync();
        assert_eq!(again.exit, 3, "{again:?}");
        assert_eq!(world.run(&["approve", again.plan_id()]).exit, 0);
        world.sync();
        world.assert_agrees(&rows);
    }
}

#[test]
fn a_user_name_that_is_kept_goes_back_where_somebody_changed_it_by_hand() {
    let mut world = World::new();
    world.set("lifecycle.on_rename", "keep");
    let rows = settled(&world, 20);
    edit(&world, &rows[0], "userName", json!("boss@example.com"));
    drift(&world, &["--repair"], 0);
    world.assert_agrees(&rows);
    assert_eq!(drift(&world, &[], 0)["outcome"], "none");
}

#[test]
fn who_was_deleted_for_leaving_and_is_back_with_the_tenant_is_named_and_loses_access_again() {
    let mut world = World::new();
    world.set("workiva.deprovision", "delete");
    let mut rows = people(20);
    world.sync_rows(&rows, 0);
    let before = world.user(&rows[0].email).unwrap();
    rows[0] = rows[0].left();
    world.sync_rows(&rows, 0);
    world.sandbox.seed_user(before).unwrap();
    let report = drift(&world, &[], 4);
    assert_eq!(found(&report), [("1000".into(), "returned".into())].into(), "{report}");
    drift(&world, &["--repair"], 0);
    assert!(world.user(&rows[0].email).is_none());
    assert_eq!(drift(&world, &[], 0)["outcome"], "none");
}

#[test]
fn a_stranger_whose_key_is_that_of_somebody_who_has_left_is_told_and_neither_suspended_nor_deleted() {
    for deprovision in ["delete", "suspend"] {
        let mut world = World::new();
        world.set("workiva.deprovision", "delete");
        let mut rows = people(20);
        world.sync_rows(&rows, 0);
        rows[0] = rows[0].left();
        world.sync_rows(&rows, 0);
        world.set("workiva.deprovision", deprovision);
        let name = json!({"givenName": "Stran", "familyName": "Ger"});
        let mut stranger =
            json!({"userName": "stranger@other.example", "externalId": rows[0].id, "name": name});
        stranger["active"] = json!(true);
        let stranger = world.sandbox.seed_user(stranger).unwrap();
        let writes = world.writes();
        let report = drift(&world, &["--repair"], 4);
        assert_eq!((&report["recorded"], &report["in_doubt"][0]["employee_id"]), (&json!(0), &json!("1000")));
        assert_eq!(report["unknown_users"][0]["user_name"], "stranger@other.example", "{report}");
        world.run(&["drift"]).assert_says(4, &["neither the user name nor the address", &stranger]);
        assert_eq!(world.writes(), writes);
        // With the address of the account that there was, it is theirs.
        let mail = json!([{"type": "work", "value": rows[0].email.to_uppercase()}]);
        world.sandbox.edit_user(&stranger, |user| user["emails"] = mail).unwrap();
        let repaired = world.run(&["drift", "--repair"]);
        assert_eq!(repaired.exit, 0, "{deprovision}: {repaired:?} {:?}", world.parked());
        let left = world.sandbox.user(&stranger);
        assert!(left.is_none_or(|user| !is_active(&user)), "{deprovision}");
    }
}

#[test]
fn a_second_active_user_with_somebodys_key_is_told_and_left_alone() {
    let world = World::new();
    let rows = settled(&world, 20);
    let twin = json!({"userName": "second@example.com", "externalId": rows[19].id, "active": true});
    world.sandbox.seed_user(twin).unwrap();
    let report = drift(&world, &["--repair"], 4);
    let twins = &report["twins"][0];
    assert_eq!(
        (&twins["employee_id"], &twins["user"]["user_name"]),
        (&json!("1019"), &json!("second@example.com"))
    );
    assert_eq!(report["recorded"], 0, "{report}");
    let said = world.run(&["drift"]).stdout;
    assert!(said.contains("externalId of employee 1019") && !said.contains("\nnobody was changed"), "{said}");
}

#[test]
fn who_was_seen_is_led_back_however_many_are_missing_and_these_are_asked_for_on_demand() {
    let mut world = World::new();
    wide_open(&mut world);
    world.set("guard.max_deprovision_count", 3);
    let rows = settled(&world, 12);
    for row in &rows[..5] {
        world.sandbox.delete_user(&id(&world, row)).unwrap();
    }
    edit(&world, &rows[11], "active", json!(true));
    let report = drift(&world, &["--repair"], 4);
    assert_eq!(
        (&report["recorded"], report["missing"].as_array().unwrap().len()),
        (&json!(1), 5),
        "{report}"
    );
    assert!(!is_active(&world.user(&rows[11].email).unwrap()), "the leaver is out again");
    let said = world.run(&["drift"]);
    assert!(said.exit == 4 && said.stdout.contains("drift.max_missing"), "{said:?}");
    assert!(!said.stdout.contains("nobody was changed"), "{said:?}");
    let mut raised = world.command(&["drift", "--repair"]);
    raised.env("WORKIVA_SYNC__DRIFT__MAX_MISSING", "5");
    assert!(raised.output().unwrap().status.success());
    world.assert_agrees(&rows);
}

#[test]
fn who_is_suspended_by_hand_after_leaving_needs_nothing_more() {
    let mut world = World::new();
    wide_open(&mut world);
    let rows = people(3);
    world.sync_rows(&rows, 0);
    edit(&world, &rows[0], "active", json!(false));
    let rows = [&[rows[0].left()], &rows[1..]].concat();
    world.hr(&rows);
    let report = drift(&world, &["--repair"], 0);
    assert_eq!(report["repair"]["outcome"], "unchanged", "{report}");
    world.assert_agrees(&rows);
}

#[test]
fn a_value_that_is_back_after_a_repair_is_not_repaired_every_night() {
    let mut world = World::new();
    wide_open(&mut world);
    let rows = people(3);
    world.sync_rows(&rows, 0);
    let spell = |world: &World| edit(world, &rows[0], "title", json!("ANALYST"));
    spell(&world);
    assert_eq!(drift(&world, &["--repair"], 0)["repair"]["applied"]["update"], 1);
    // A server with a spelling of its own.
    spell(&world);
    let writes = world.writes();
    let report = drift(&world, &["--repair"], 0);
    assert_eq!((&report["outcome"], &report["altered"]["title"]), (&json!("none"), &json!(1)), "{report}");
    assert_eq!(world.writes(), writes);
    // Once a repair is seen to have worked, the same edit is somebody's again.
    edit(&world, &rows[0], "title", json!(rows[0].title));
    drift(&world, &["--repair"], 0);
    spell(&world);
    assert_eq!(found(&drift(&world, &[], 4)), [("1000".into(), "changed".into())].into());
    let explained = world.run(&["explain", "1000"]).stdout;
    assert!(explained.contains("changed behind our back") && explained.contains("ANALYST"), "{explained}");
}

#[test]
fn a_server_that_asks_to_wait_is_listed_all_the_same() {
    let behaviour = Behaviour { page_cap: 1, ..Behaviour::default() };
    let world =
        World::with(SandboxOptions { behaviour, requests_per_second: Some(20), ..SandboxOptions::default() });
    let rows = people(30);
    for row in &rows {
        world.sandbox.seed_user(json!({"userName": row.email, "externalId": row.id})).unwrap();
    }
    world.hr(&rows);
    assert_eq!(world.run(&["adopt"]).exit, 0);
    assert_eq!(drift(&world, &[], 0)["accounts"], 30);
    assert!(world.statistics().throttled > 0, "{:?}", world.statistics());
}

#[test]
fn the_daemon_compares_on_its_schedule_repairs_where_it_may_and_tells() {
    let mut world = World::new();
    wide_open(&mut world);
    world.set("drift.cron", "* * * * * *");
    let rows = settled(&world, 5);
    meddle(&world, &rows);
    let mut daemon = world.daemon();
    until("the daemon has compared", || world.status()["drift"]["outcome"] == "found");
    for sample in ["drift_accounts{kind=\"deleted\"}", "drift_accounts{kind=\"unknown\"}"] {
        assert_eq!(daemon.metric(sample), Some(1.0), "{sample}");
    }
    assert!(!world.agrees(&rows), "looking changes nothing");
    assert_eq!(daemon.stop(), 0);

    let guest = world.user("guest@other.example").unwrap();
    world.sandbox.delete_user(guest["id"].as_str().unwrap()).unwrap();
    world.set("drift.repair", true);
    let mut daemon = world.daemon();
    until("everybody is led back", || world.agrees(&rows));
    until("and nobody is found any more", || world.status()["drift"]["outcome"] == "none");
    assert_eq!(daemon.stop(), 0);
    let log = daemon.log();
    assert!(log.contains("changed behind our back") && !log.contains("Emperor"), "{log}");
}

#[test]
fn a_comparison_that_fails_ends_no_daemon_and_the_next_one_works() {
    let mut world = World::new();
    world.set("drift.cron", "* * * * * *");
    let rows = settled(&world, 3);
    world.sandbox.set_behaviour(Behaviour { paging: false, page_cap: 1, ..Behaviour::default() });
    let mut daemon = world.daemon();
    until("a comparison has failed", || world.status()["drift"]["outcome"] == "failed");
    world.sandbox.set_behaviour(Behaviour::default());
    edit(&world, &rows[0], "active", json!(false));
    until("the next one works", || world.status()["drift"]["outcome"] == "found");
    assert_eq!(daemon.get("/livez").status, 200);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_cron_expression_of_drift_that_is_none_is_refused_by_name() {
    let mut world = World::new();
    world.set("drift.cron", "at night");
    let refused = world.run(&["check"]);
    assert!(refused.exit == 2 && refused.stderr.contains("drift.cron"), "{refused:?}");
}

/// Somebody deletes a user by hand and makes it anew: the same person, another id.
fn make_anew(world: &World, row: &Row, change: impl FnOnce(&mut Value)) {
    let mut user = world.user(&row.email).unwrap();
    world.sandbox.delete_user(&id(world, row)).unwrap();
    user.as_object_mut().unwrap().retain(|key, _| !matches!(key.as_str(), "id" | "meta"));
    change(&mut user);
    world.sandbox.seed_user(user).unwrap();
}

#[test]
fn a_leaver_whose_user_was_made_anew_by_hand_loses_that_one_too() {
    for deprovision in ["suspend", "delete"] {
        let mut world = World::new();
        world.set("workiva.deprovision", deprovision);
        let mut rows = settled(&world, 4);
        make_anew(&world, &rows[0], |_| {});
        make_anew(&world, &rows[1], |user| user["externalId"] = Value::Null);
        rows[0] = rows[0].left();
        rows[1] = rows[1].left();
        world.sync_rows(&rows, 0);
        world.assert_agrees(&rows);
    }
}

#[test]
fn a_leaver_whose_user_name_an_unproven_active_user_has_is_parked_rather_than_called_done() {
    let world = World::new();
    let mut rows = settled(&world, 3);
    make_anew(&world, &rows[0], |user| {
        user["externalId"] = Value::Null;
        user["name"]["familyName"] = "Somebodyelse".into();
    });
    rows[0] = rows[0].left();
    let synced = world.sync_rows(&rows, 4);
    assert_eq!(synced.json["parked"], 1, "{synced:?}");
    assert!(world.parked()["1000"].contains("has their user name"), "{:?}", world.parked());
}

#[test]
fn a_user_whom_the_list_leaves_out_and_for_whom_404_is_answered_once_is_not_gone() {
    let mut world = World::new();
    let front = Front::before(&mut world);
    wide_open(&mut world);
    let mut rows = people(5);
    world.sync_rows(&rows, 0);
    front.go(Way::Hiding(id(&world, &rows[0]).leak()));
    let report = drift(&world, &["--repair"], 0);
    assert_eq!(front.asked(), 1, "404 was answered");
    assert!(found(&report).is_empty(), "{report}");
    assert_eq!(world.status()["active_accounts"], 5);
    front.go(Way::Through);
    rows[0] = rows[0].left();
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("suspend", 1)]));
    world.assert_agrees(&rows);
}

#[test]
fn a_repair_takes_over_a_user_who_was_made_anew_under_another_id() {
    let world = World::new();
    let mut rows = settled(&world, 4);
    make_anew(&world, &rows[0], |_| {});
    drift(&world, &["--repair"], 0);
    assert_eq!(world.sandbox.users().len(), 4, "nobody was made a second time");
    rows[0] = rows[0].left();
    world.sync_rows(&rows, 0);
    world.assert_agrees(&rows);
}

#[test]
fn a_user_name_that_is_changed_by_hand_twice_is_found_twice() {
    let world = World::new();
    let rows = settled(&world, 20);
    for _ in 0..3 {
        edit(&world, &rows[0], "userName", "evil@example.com".into());
        drift(&world, &["--repair"], 0);
        world.assert_agrees(&rows);
    }
}

#[test]
fn who_was_suspended_by_hand_stays_so_while_their_row_cannot_be_used() {
    let world = World::new();
    let mut rows = people(5);
    world.sync_rows(&rows, 0);
    let good = rows.clone();
    rows[4] = rows[4].but(|row| row.status = "Fired".into());
    world.sync_rows(&rows, 4);
    edit(&world, &rows[4], "active", json!(false));
    let output = world.run(&["drift", "--repair"]);
    assert_eq!(output.exit, 4, "{output:?}");
    world.assert_agrees(&good[..4]);
    let synced = world.sync();
    assert!(
        synced.stderr.contains("stays so while their record cannot be used (employee 1004)"),
        "{synced:?}"
    );
    world.sync_rows(&good, 0);
    world.assert_agrees(&good);
}

#[test]
fn who_was_suspended_by_hand_stays_so_until_a_source_that_failed_has_been_read_again() {
    let mut world = World::new();
    world.several(&[("staff", &[]), ("agency", &[])]);
    let all = people(8);
    let (staff, agency) = all.split_at(5);
    world.hr_of("staff", staff);
    world.hr_of("agency", agency);
    assert_eq!(world.sync().applied(), kinds([("create", 8)]));
    // The agency says that somebody has left, and nobody can read it: so somebody suspends them by hand.
    std::fs::remove_file(world.path("agency.csv")).unwrap();
    edit(&world, &agency[2], "active", json!(false));
    edit(&world, &staff[0], "title", json!("Emperor"));
    let output = world.run(&["drift", "--repair"]);
    assert_eq!(output.exit, 5, "{output:?}");
    world.assert_agrees(&all[..7]);
    let synced = world.sync();
    assert!(
        synced.stderr.contains("stays so until each source that names them has been read again"),
        "{synced:?}"
    );
    let left = [&agency[..2], &[agency[2].left()]].concat();
    world.hr_of("agency", &left);
    world.sync();
    world.assert_agrees(&all[..7]);
    world.hr_of("agency", agency);
    world.sync();
    world.assert_agrees(&all);
}
