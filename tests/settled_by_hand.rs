//! What was parked may have been settled by hand, as its words and the operations page advise. Once HR turns, Workiva is read before
//! anything is believed: nobody keeps what they should lose, or stays without what they should have.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use common::{Front, Row, Way, World, is_active, kinds, people};
use serde_json::json;

const ID: &str = "1000";

/// Five people with accounts, and a gateway that can deny the first one.
fn world() -> (World, Front, Vec<Row>, String) {
    let mut world = World::new();
    let front = Front::before(&mut world);
    let rows = people(5);
    world.sync_rows(&rows, 0);
    let id = user_id(&world, &rows[0]);
    (world, front, rows, id)
}

fn user_id(world: &World, row: &Row) -> String {
    world.user(&row.email).unwrap()["id"].as_str().unwrap().to_owned()
}

fn set_active(world: &World, id: &str, active: bool) {
    world.sandbox.edit_user(id, |user| user["active"] = json!(active)).unwrap();
}

fn first(rows: &[Row], row: Row) -> Vec<Row> {
    let mut rows = rows.to_vec();
    rows[0] = row;
    rows
}

/// A run that ends with the first one's action parked.
fn parks(world: &World, front: &Front, rows: &[Row], what: String) {
    front.go(Way::Denying(Box::leak(what.into_boxed_str())));
    world.sync_rows(rows, 4);
    assert_eq!(world.parked().keys().collect::<Vec<_>>(), [ID]);
    front.go(Way::Through);
}

fn discard(world: &World) {
    assert_eq!(world.run(&["actions", "discard", "--all"]).exit, 0);
}

#[test]
fn whoever_was_suspended_by_hand_in_the_place_of_a_parked_suspend_gets_access_back_with_hr() {
    for discards in [false, true] {
        let (world, front, rows, id) = world();
        parks(&world, &front, &first(&rows, rows[0].left()), id.clone());
        set_active(&world, &id, false);
        if discards {
            discard(&world);
        }
        world.sync_rows(&rows, 0);
        world.assert_agrees(&rows);
        world.sync_rows(&rows, 0).assert_unchanged();
    }
}

#[test]
fn whoever_was_activated_by_hand_in_the_place_of_a_parked_reactivate_loses_access_with_hr() {
    let (world, front, rows, id) = world();
    let left = first(&rows, rows[0].left());
    world.sync_rows(&left, 0);
    parks(&world, &front, &rows, id.clone());
    set_active(&world, &id, true);
    assert_eq!(world.sync_rows(&left, 0).applied(), kinds([("suspend", 1)]));
    assert!(!is_active(&world.user(&rows[0].email).unwrap()));
    world.sync_rows(&left, 0).assert_unchanged();
}

#[test]
fn whoever_was_made_by_hand_in_the_place_of_a_parked_create_loses_access_with_hr() {
    for discards in [false, true] {
        let mut world = World::new();
        let front = Front::before(&mut world);
        let rows = people(5);
        parks(&world, &front, &rows, rows[0].email.clone());
        let email = &rows[0].email;
        let user = json!({"userName": email, "externalId": ID, "name": {"givenName": "By", "familyName": "Hand"},
            "emails": [{"value": email, "type": "work", "primary": true}]});
        world.sandbox.seed_user(user).unwrap();
        if discards {
            discard(&world);
        }
        let left = first(&rows, rows[0].left());
        assert_eq!(world.sync_rows(&left, 0).applied(), kinds([("suspend", 1)]));
        assert!(!is_active(&world.user(email).unwrap()));
        world.sync_rows(&left, 0).assert_unchanged();
    }
}

#[test]
fn what_was_settled_by_hand_is_learnt_also_while_the_plan_in_its_place_is_held_and_then_rejected() {
    let (world, front, rows, id) = world();
    parks(&world, &front, &first(&rows, rows[0].left()), id.clone());
    set_active(&world, &id, false);
    let with_column: String = common::hr_text(&rows)
        .lines()
        .enumerate()
        .map(|(n, line)| format!("{line},{}\n", if n == 0 { "Badge" } else { "7" }))
        .collect();
    world.hr_text(&with_column);
    let held = world.sync();
    assert_eq!(held.outcome(), "held");
    assert_eq!(world.run(&["reject", held.plan_id()]).exit, 0);
    assert!(!is_active(&world.user(&rows[0].email).unwrap()), "nothing of a held plan is sent");
    world.sync_rows(&rows, 0);
    world.assert_agrees(&rows);
}

#[test]
fn a_parked_create_of_somebody_who_was_never_made_ends_with_hr_and_leaves_nothing() {
    let mut world = World::new();
    let front = Front::before(&mut world);
    let rows = people(5);
    parks(&world, &front, &rows, rows[0].email.clone());
    let left = first(&rows, rows[0].left());
    world.sync_rows(&left, 0);
    assert!(world.user(&rows[0].email).is_none() && world.parked().is_empty());
    world.sync_rows(&left, 0).assert_unchanged();
}

#[test]
fn that_there_was_nothing_to_suspend_any_more_is_told_apart_from_a_suspension() {
    let world = World::new();
    let mut rows = people(4);
    world.sync_rows(&rows, 0);
    let id = world.user(&rows[0].email).unwrap()["id"].as_str().unwrap().to_owned();
    world.sandbox.delete_user(&id).unwrap();
    (rows[0], rows[1]) = (rows[0].left(), rows[1].left());
    let synced = world.sync_rows(&rows, 0);
    assert!(
        synced.stderr.contains("1 person who was to lose the access had no user in Workiva any more"),
        "{synced:?}"
    );
    assert!(synced.stderr.contains("(employee 1000)"), "{synced:?}");
    world.assert_agrees(&rows);
}
