//! An action that may have been carried out unseen, and that HR has taken back since: while the plan in its place is held, what it
//! did is learnt by reading, and it is never sent.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::process::Stdio;

use common::{Row, Synced, World, hr_text, is_active, kinds, people, until};
use workiva_sync::sandbox::{FaultKind, Faults, Outage};

/// The file with a column that was not there before, so that whatever is planned over it is held.
fn hr_with_new_column(world: &World, rows: &[Row]) {
    let text: String = hr_text(rows)
        .lines()
        .enumerate()
        .map(|(n, line)| format!("{line},{}\n", if n == 0 { "Badge" } else { "7" }))
        .collect();
    world.hr_text(&text);
}

/// Each request is carried out, and its answer is lost.
fn answers_are_lost(world: &World, rate: f64) {
    world.sandbox.set_faults(Faults { rate, kinds: [FaultKind::AnswerLost].into(), ..Faults::default() });
}

/// `sync`, which ends with a plan that is held for its new column.
fn held(world: &World) -> Synced {
    let synced = world.sync();
    assert_eq!((synced.exit, synced.hold_codes()), (3, vec!["header_changed"]), "{synced:?}");
    synced
}

fn active(world: &World, row: &Row) -> bool {
    is_active(&world.user(&row.email).unwrap())
}

/// Ten people with accounts, of whom the first is suspended in an outage: the request may have been carried out.
fn suspended_in_an_outage(way: impl FnOnce(&World)) -> (World, Vec<Row>) {
    let world = World::new();
    let mut rows = people(10);
    world.sync_rows(&rows, 0);
    way(&world);
    rows[0] = rows[0].left();
    world.sync_rows(&rows, 6);
    assert_eq!(world.number("SELECT count(*) FROM action WHERE state = 'queued' AND uncertain = 1"), 1);
    rows[0].status = "Active".into();
    (world, rows)
}

/// Kills `sync` once it has these actions in its hands, before it has sent any write.
fn kill_with_actions_in_hand(world: &World, number: i64) {
    world.sandbox.set_faults(Faults { latency_ms: 3_000, ..Faults::default() });
    let writes = world.writes();
    let mut child = world.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("it has them in its hands", || {
        world.number("SELECT count(*) FROM lease") == number && world.statistics().requests > 0
    });
    child.kill().unwrap();
    child.wait().unwrap();
    world.sandbox.set_faults(Faults::default());
    assert_eq!(world.writes(), writes);
}

#[test]
fn a_suspend_that_hr_has_taken_back_is_never_sent_while_the_plan_in_its_place_is_held() {
    let (world, rows) = suspended_in_an_outage(|world| world.sandbox.set_outage(Outage::Dropped));
    hr_with_new_column(&world, &rows);
    // Still down: nothing can be learnt.
    assert_eq!(world.sync().outcome(), "held");
    assert_eq!(world.status()["queue"]["withdrawn"], 1);
    world.sandbox.set_outage(Outage::None);
    let writes = world.writes();
    let back = held(&world);
    assert_eq!((back.applied(), world.writes()), (kinds([]), writes), "{back:?}");
    assert!(active(&world, &rows[0]));
    let queue = &world.status()["queue"];
    assert_eq!((&queue["queued"], &queue["withdrawn"]), (&0.into(), &0.into()), "it has ended");
    // Nothing of it is left: the plan of the next run holds nobody, and can be approved.
    let next = held(&world);
    assert_eq!(next.planned(), kinds([]));
    assert_eq!(world.run(&["approve", next.plan_id()]).exit, 0);
    let settled = world.sync();
    assert_eq!((settled.exit, settled.applied(), world.writes()), (0, kinds([]), writes), "{settled:?}");
    world.assert_agrees(&rows);
}

#[test]
fn a_suspend_that_hr_has_taken_back_and_that_was_carried_out_is_learnt_and_led_back() {
    let (world, rows) = suspended_in_an_outage(|world| answers_are_lost(world, 1.0));
    assert!(!active(&world, &rows[0]), "it was carried out");
    hr_with_new_column(&world, &rows);
    answers_are_lost(&world, 0.0);
    let writes = world.writes();
    let first = held(&world);
    assert_eq!(world.writes(), writes);
    let stale = world.run(&["approve", first.plan_id()]);
    assert_eq!(stale.exit, 3, "{stale:?}");
    assert!(stale.stdout.contains("state of 1 person has moved"), "{stale:?}");
    let explained = world.run(&["explain", "1000"]).stdout;
    assert!(explained.contains("suspended"), "{explained}");
    let second = held(&world);
    assert_eq!(second.planned(), kinds([("reactivate", 1)]), "state knows what was done");
    assert_eq!(world.run(&["approve", second.plan_id()]).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("reactivate", 1)]));
    world.assert_agrees(&rows);
}

#[test]
fn a_create_for_who_has_left_since_is_never_sent_while_the_plan_in_its_place_is_held() {
    let world = World::new();
    let mut rows = people(10);
    world.sync_rows(&rows, 0);
    rows.extend((0..4).map(|n| Row::new(&(2000 + n).to_string(), "New", &format!("Hire{n}"))));
    world.hr(&rows);
    kill_with_actions_in_hand(&world, 4);
    for row in &mut rows[10..] {
        *row = row.left();
    }
    hr_with_new_column(&world, &rows);
    let writes = world.writes();
    let back = held(&world);
    assert_eq!((back.applied(), world.writes()), (kinds([]), writes), "{back:?}");
    assert_eq!(world.sandbox.users().len(), 10, "nobody who has left has a user");
    assert_eq!(world.status()["queue"]["queued"], 0);
    let next = held(&world);
    assert_eq!(next.planned(), kinds([]), "nobody is left to be suspended");
    world.assert_agrees(&rows);
}

#[test]
fn a_create_that_was_carried_out_is_linked_as_it_is_found_and_the_suspend_waits_for_approval() {
    let world = World::new();
    let mut rows = people(10);
    world.sync_rows(&rows, 0);
    rows.push(Row::new("2000", "New", "Hire"));
    world.hr(&rows);
    kill_with_actions_in_hand(&world, 1);
    // As if its request had been on its way.
    world
        .sandbox
        .seed_user(serde_json::json!({
            "userName": rows[10].email, "externalId": "2000", "active": true,
            "name": {"givenName": "New", "familyName": "Hire"},
            "emails": [{"value": rows[10].email, "type": "work", "primary": true}],
        }))
        .unwrap();
    rows[10] = rows[10].left();
    hr_with_new_column(&world, &rows);
    let writes = world.writes();
    held(&world);
    let next = held(&world);
    assert_eq!((next.planned(), world.writes()), (kinds([("suspend", 1)]), writes));
    assert!(active(&world, &rows[10]));
    assert_eq!(world.run(&["approve", next.plan_id()]).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("suspend", 1)]));
    world.assert_agrees(&rows);
}

#[test]
fn an_update_that_was_carried_out_is_learnt_attribute_by_attribute() {
    let world = World::new();
    let mut rows = people(10);
    world.sync_rows(&rows, 0);
    answers_are_lost(&world, 1.0);
    rows[0].title = "CFO".into();
    rows[1].title = "CEO".into();
    world.sync_rows(&rows, 6);
    answers_are_lost(&world, 0.0);
    // One of the two was not carried out after all, or somebody has put it back.
    let user = world.user(&rows[1].email).unwrap();
    world.sandbox.edit_user(user["id"].as_str().unwrap(), |user| user["title"] = "Analyst".into()).unwrap();
    rows[0].title = "Analyst".into();
    rows[1].title = "Analyst".into();
    hr_with_new_column(&world, &rows);
    let writes = world.writes();
    held(&world);
    let next = held(&world);
    assert_eq!((next.planned(), world.writes()), (kinds([("update", 1)]), writes));
    assert_eq!(world.run(&["approve", next.plan_id()]).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("update", 1)]));
    world.assert_agrees(&rows);
}

#[test]
fn a_parked_suspend_that_hr_has_taken_back_is_looked_at_by_itself_and_never_sent() {
    let (world, rows) = suspended_in_an_outage(|world| world.sandbox.set_outage(Outage::Dropped));
    world.execute("UPDATE action SET state = 'parked', error = 'for the test' WHERE state = 'queued'");
    hr_with_new_column(&world, &rows);
    assert_eq!(world.sync().outcome(), "held");
    world.sandbox.set_outage(Outage::None);
    assert_eq!(world.status()["queue"]["withdrawn"], 1);
    let writes = world.writes();
    let back = held(&world);
    assert_eq!((back.applied(), world.writes()), (kinds([]), writes), "{back:?}");
    assert!(active(&world, &rows[0]));
    assert!(world.parked().is_empty());
}

#[test]
fn the_audit_tells_of_a_withdrawal_and_finds_that_it_was_taken_back_by_hand() {
    let (world, rows) = suspended_in_an_outage(|world| world.sandbox.set_outage(Outage::Dropped));
    hr_with_new_column(&world, &rows);
    assert_eq!(world.sync().outcome(), "held");
    assert_eq!(world.audit_report().fault, None);
    let told = "SELECT count(*) FROM audit WHERE kind = 'withdrawal' AND employee_id = '1000' AND body LIKE '%queued%'";
    assert_eq!(world.number(told), 1);
    assert_eq!(world.sync().outcome(), "held");
    assert_eq!(world.number(told), 1, "once, however many runs there are");
    world.meddle("UPDATE action SET withdrawn = 0 WHERE withdrawn = 1");
    assert_eq!(world.run(&["audit", "verify"]).exit, 1);
}

#[test]
fn what_hr_wants_again_is_planned_anew_and_reads_first() {
    let (world, mut rows) = suspended_in_an_outage(|world| world.sandbox.set_outage(Outage::Dropped));
    hr_with_new_column(&world, &rows);
    let held = world.sync();
    assert_eq!(held.outcome(), "held");
    assert_eq!(world.run(&["reject", held.plan_id()]).exit, 0);
    // The old report again, in which they have left.
    rows[0] = rows[0].left();
    world.sandbox.set_outage(Outage::None);
    let again = world.sync_rows(&rows, 0);
    assert_eq!((again.planned(), again.applied()), (kinds([("suspend", 1)]), kinds([("suspend", 1)])));
    world.assert_agrees(&rows);
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn a_plan_that_is_not_held_takes_the_place_of_a_withdrawn_action_and_reads_first() {
    let (mut world, rows) = suspended_in_an_outage(|world| answers_are_lost(world, 1.0));
    hr_with_new_column(&world, &rows);
    // Still down, so that nothing is learnt of it.
    assert_eq!(world.sync().outcome(), "held");
    assert_eq!(world.status()["queue"]["withdrawn"], 1);
    answers_are_lost(&world, 0.0);
    world.set("source.header_change", "allow");
    let led_back = world.sync();
    assert_eq!((led_back.exit, led_back.applied()), (0, kinds([("update", 1)])), "{led_back:?}");
    world.assert_agrees(&rows);
}

#[test]
fn with_deprovisions_alone_held_a_create_of_a_leaver_is_withdrawn_as_well() {
    let mut world = World::new();
    world.guard_tightly();
    world.set("guard.on_trip", "hold_deprovisions");
    let mut rows = people(10);
    world.sync_rows(&rows, 0);
    rows.extend((0..4).map(|n| Row::new(&(2000 + n).to_string(), "New", &format!("Hire{n}"))));
    world.hr(&rows);
    kill_with_actions_in_hand(&world, 4);
    for row in &mut rows[10..] {
        *row = row.left();
    }
    let writes = world.writes();
    let held = world.sync_rows(&rows, 3);
    assert_eq!((held.hold_codes(), world.writes()), (vec!["deprovision_count"], writes));
    world.sync_rows(&rows, 0).assert_unchanged();
    world.assert_agrees(&rows);
}
