//! Answers that are not what they seem: about another user, or a success that nothing has come of. None of them is believed.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use common::{Front, Row, Way, World, is_active, kinds, people};
use serde_json::json;

/// Six people with accounts, the last of them suspended, and a gateway.
fn world() -> (World, Front, Vec<Row>) {
    let mut world = World::new();
    world.set("retry.max_attempts", 3);
    world.set("retry.base_seconds", 0.01);
    world.set("retry.cap_seconds", 1);
    let front = Front::before(&mut world);
    let mut rows = people(6);
    world.sync_rows(&rows, 0);
    rows[5] = rows[5].left();
    world.sync_rows(&rows, 0);
    (world, front, rows)
}

fn id(world: &World, row: &Row) -> &'static str {
    world.user(&row.email).unwrap()["id"].as_str().unwrap().to_owned().leak()
}

/// Behind the gateway all ends as HR says.
fn ends_well(world: &World, front: &Front, rows: &[Row]) {
    front.go(Way::Through);
    assert_eq!(world.run(&["actions", "retry", "--all"]).exit, 0);
    world.sync_rows(rows, 0);
    world.assert_agrees(rows);
    world.sync().assert_unchanged();
}

#[test]
fn a_read_that_shows_another_suspended_user_is_not_taken_for_the_suspension_of_the_one_who_was_asked_for() {
    let (world, front, mut rows) = world();
    front.go(Way::Showing(id(&world, &rows[5])));
    rows[0] = rows[0].left();
    world.hr(&rows);
    let synced = world.sync();
    assert_eq!((synced.applied(), synced.exit), (kinds([]), 4), "{synced:?}");
    ends_well(&world, &front, &rows);
}

#[test]
fn nothing_of_another_user_is_written_back_where_whole_users_are_read_and_put() {
    let (mut world, front, mut rows) = world();
    world.set("workiva.update", "put");
    front.go(Way::Showing(id(&world, &rows[2])));
    rows[0].title = "CFO".into();
    world.hr(&rows);
    let before = world.sandbox.users();
    let synced = world.sync();
    assert_eq!((synced.applied(), synced.exit), (kinds([]), 4), "{synced:?}");
    assert_eq!(world.sandbox.users(), before);
    ends_well(&world, &front, &rows);
}

#[test]
fn a_create_that_is_answered_with_another_user_is_looked_for_and_never_linked_to_that_one() {
    let (world, front, mut rows) = world();
    let admin = json!({"userName": "admin@example.com", "externalId": "ADMIN"});
    let admin = world.sandbox.seed_user(admin).unwrap();
    front.go(Way::MixingUpCreates(admin.clone().leak()));
    let new = Row::new("2000", "New", "Hire");
    rows.push(new.clone());
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("create", 1)]));
    front.go(Way::Through);
    rows[6] = new.left();
    world.sync_rows(&rows, 0);
    assert!(!is_active(&world.user(&new.email).unwrap()));
    assert!(is_active(&world.sandbox.user(&admin).unwrap()));
}

#[test]
fn a_success_without_a_user_that_changes_nothing_is_not_believed_of_an_update_a_suspend_or_a_return() {
    const BODIES: [&str; 3] =
        ["{\"error\": \"maintenance\"}", "{}", "{\"success\": false, \"errors\": [\"x\"]}"];
    for body in BODIES {
        let (world, front, mut rows) = world();
        front.go(Way::Claiming(body));
        rows[0].title = "CFO".into();
        rows[1] = rows[1].left();
        rows[5].status = "Active".into();
        world.hr(&rows);
        let synced = world.sync();
        assert_eq!(synced.applied(), kinds([]), "{body}: {synced:?}");
        assert_ne!(synced.exit, 0, "{body}");
        ends_well(&world, &front, &rows);
    }
}

#[test]
fn while_every_change_is_answered_with_success_and_none_is_made_it_is_an_outage_and_nothing_is_parked() {
    let (mut world, front, mut rows) = world();
    world.set("retry.max_attempts", 8);
    front.go(Way::Claiming("{\"message\": \"queued\"}"));
    rows.iter_mut().take(5).for_each(|row| row.title = "CFO".into());
    world.hr(&rows);
    let mut daemon = world.daemon();
    common::until("Workiva is found not to work", || {
        daemon.readiness().1["outage"]["streak"].as_u64() >= Some(3)
    });
    assert!(world.parked().is_empty(), "{:?}", world.parked());
    front.go(Way::Through);
    common::until("Workiva is what HR says", || world.agrees(&rows));
    assert_eq!(daemon.stop(), 0);
}
