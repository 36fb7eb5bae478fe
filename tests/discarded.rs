//! What an operator has discarded is left as it is, and nobody forgets it: who keeps access that HR takes is told of until it is settled.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use common::{Front, Row, Way, World, is_active, kinds, people};
use serde_json::{Value, json};

const ID: &str = "1000";
const KEEPS: &str = "1 person who is to have no access keeps it, since an operator discarded the action (employee 1000: action ";

/// Five people of whom the first one has left, whose suspend was refused, parked and discarded. And what HR says.
fn discarded() -> (World, Front, Vec<Row>) {
    let mut world = World::new();
    let front = Front::before(&mut world);
    let mut rows = people(5);
    world.sync_rows(&rows, 0);
    rows[0] = rows[0].left();
    give_up(&world, &front, &rows);
    (world, front, rows)
}

/// A run that Workiva refuses whatever concerns the first one, and an operator who discards it.
fn give_up(world: &World, front: &Front, rows: &[Row]) {
    front.go(Way::Denying(Box::leak(user_id(world, &rows[0]).into_boxed_str())));
    world.sync_rows(rows, 4);
    assert_eq!(world.parked().keys().collect::<Vec<_>>(), [ID]);
    front.go(Way::Through);
    assert_eq!(world.run(&["actions", "discard", "--all"]).exit, 0);
}

fn user_id(world: &World, row: &Row) -> String {
    world.user(&row.email).unwrap()["id"].as_str().unwrap().to_owned()
}

fn next(world: &World) -> Value {
    let output = world.run(&["explain", ID, "--json"]);
    serde_json::from_str::<Value>(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))["next"].clone()
}

/// The number of the discarded action.
fn action(world: &World) -> String {
    world.number("SELECT action_id FROM action WHERE state = 'discarded'").to_string()
}

#[test]
fn a_leaver_whose_suspend_was_discarded_is_told_of_by_every_run_until_it_is_taken_up_again() {
    let (world, _front, rows) = discarded();
    for _ in 0..2 {
        let synced = world.sync_rows(&rows, 4);
        synced.assert_unchanged();
        assert!(synced.stderr.contains(KEEPS), "{synced:?}");
        assert!(world.status()["runs"][0]["message"].as_str().unwrap().contains(KEEPS));
    }
    assert_eq!(world.run(&["plan"]).exit, 4);
    assert_eq!(world.run(&["plan", "--employee", ID]).exit, 4);
    assert_eq!(world.run(&["plan", "--employee", "1001"]).exit, 0, "of another one");
    assert_eq!(world.status()["discarded_ends"], 1);
    let status = world.run(&["status"]).stdout;
    assert!(status.contains("1 person who is to have no access keeps it"), "{status}");

    let action = action(&world);
    let told = next(&world);
    assert_eq!((&told["step"], &told["kind"]), (&json!("discarded"), &json!("suspend")));
    let retry = format!("`workiva-sync actions retry {action}` takes it up again");
    assert!(told["because"].as_str().unwrap().contains(&retry), "{told}");
    let words = world.run(&["explain", ID]).stdout;
    assert!(words.contains("an operator discarded action") && words.contains(&retry), "{words}");

    let output = world.run(&["actions", "retry", &action]);
    assert_eq!(output.exit, 0, "{output:?}");
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("suspend", 1)]));
    world.assert_agrees(&rows);
    assert_eq!(
        (world.status()["discarded_ends"].clone(), next(&world)["step"].clone()),
        (json!(0), json!("nothing"))
    );
    assert_eq!(world.run(&["audit", "verify"]).exit, 0);
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn where_a_leaver_was_suspended_by_hand_a_retry_or_a_repair_of_drift_ends_the_warning() {
    for settles in ["retry", "drift"] {
        let (world, _front, rows) = discarded();
        world.sandbox.edit_user(&user_id(&world, &rows[0]), |user| user["active"] = json!(false)).unwrap();
        world.sync_rows(&rows, 4);
        if settles == "retry" {
            assert_eq!(world.run(&["actions", "retry", &action(&world)]).exit, 0);
        } else {
            let output = world.run(&["drift", "--repair"]);
            assert_eq!(output.exit, 0, "{output:?}");
        }
        world.sync_rows(&rows, 0);
        assert!(!is_active(&world.user(&rows[0].email).unwrap()));
        assert_eq!(world.status()["discarded_ends"], 0, "{settles}");
    }
}

#[test]
fn a_change_that_was_discarded_is_told_by_explain_and_asks_nobody_for_anything() {
    let mut world = World::new();
    let front = Front::before(&mut world);
    let mut rows = people(5);
    world.sync_rows(&rows, 0);
    rows[0].title = "CFO".into();
    give_up(&world, &front, &rows);
    world.sync_rows(&rows, 0).assert_unchanged();
    assert_eq!(world.status()["discarded_ends"], 0);
    let told = next(&world);
    assert_eq!((&told["step"], &told["kind"]), (&json!("discarded"), &json!("update")));
    let old = action(&world);
    // HR says something new, which takes its place: it is not to be had any more.
    rows[0].title = "CEO".into();
    world.sync_rows(&rows, 0);
    let refused = world.run(&["actions", "retry", &old]);
    assert_eq!(refused.exit, 1, "{refused:?}");
    world.sync_rows(&rows, 0).assert_unchanged();
    world.assert_agrees(&rows);
}

#[test]
fn all_that_is_parked_is_tried_again_without_what_was_discarded() {
    let (world, front, mut rows) = discarded();
    let first = user_id(&world, &rows[1]);
    rows[1] = rows[1].left();
    front.go(Way::Denying(Box::leak(first.into_boxed_str())));
    world.sync_rows(&rows, 4);
    front.go(Way::Through);
    assert_eq!(world.run(&["actions", "retry", "--all"]).exit, 0);
    assert_eq!(world.sync_rows(&rows, 4).applied(), kinds([("suspend", 1)]));
    assert!(is_active(&world.user(&rows[0].email).unwrap()));
    assert!(!is_active(&world.user(&rows[1].email).unwrap()));
}
