//! What docs/operations.md tells operators to do after a disaster ends with Workiva equal to HR.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use common::{Row, World, is_active, people};

/// `drift --repair` with leave to lead back as many as there are.
fn lead_back(world: &World) {
    let mut command = world.command(&["drift", "--repair"]);
    command.env("WORKIVA_SYNC__DRIFT__MAX_REPAIR_PERCENT", "100");
    let output = common::run(&mut command);
    assert_eq!(output.exit, 0, "{output:?}");
}

fn copy(world: &World, from: &str, to: &str) {
    std::fs::copy(world.path(from), world.path(to)).unwrap();
}

/// What happens after the backup: somebody of every kind of change, so that the older state is wrong about each.
fn weeks_later(rows: &[Row]) -> Vec<Row> {
    let mut later = rows.to_vec();
    later[0].title = "CFO".into();
    later[1] = later[1].left();
    later[2].family = "Married".into();
    later[2].email = "person.married@example.com".into();
    later[3] = later[3].left();
    later[4].title = "Controller".into();
    later.push(Row::new("2000", "Hired", "Later"));
    later.push(Row::new("2001", "Hired", "Andleft"));
    later
}

#[test]
fn an_older_database_that_was_restored_converges_by_adopt_and_drift_repair() {
    let world = World::new();
    let rows = people(8);
    world.sync_rows(&rows, 0);
    copy(&world, "state.db", "backup.db");
    let later = weeks_later(&rows);
    world.sync_rows(&later, 0);
    world.assert_agrees(&later);

    // Meanwhile HR has put some back to what the backup knows, and somebody whom it does not know has left.
    let mut now = later.clone();
    now[3] = rows[3].clone();
    now[4] = rows[4].clone();
    now[9] = now[9].left();
    copy(&world, "backup.db", "state.db");
    world.hr(&now);
    let creates = world.statistics().creates;
    assert_eq!(world.run(&["adopt"]).exit, 0);
    lead_back(&world);
    world.sync();
    world.assert_agrees(&now);
    assert!(
        !is_active(&world.user(&now[9].email).unwrap()),
        "who was hired and left since the backup is out"
    );
    assert_eq!((world.sandbox.users().len(), world.statistics().creates), (10, creates), "no second account");
    world.sync().assert_unchanged();
    assert_eq!(world.run(&["drift"]).exit, 0, "nothing is left to lead back");
    assert_eq!(world.run(&["audit", "verify"]).exit, 0, "the older chain goes on");
}

#[test]
fn a_tenant_that_was_set_back_converges_by_drift_repair() {
    let world = World::new();
    let rows = people(8);
    world.sync_rows(&rows, 0);
    let before = world.sandbox.users();
    let later = weeks_later(&rows);
    world.sync_rows(&later, 0);
    // Workiva as it was: who was there has their old values, who came since is gone.
    for user in world.sandbox.users() {
        let id = user["id"].as_str().unwrap().to_owned();
        match before.iter().find(|old| old["id"] == user["id"]) {
            Some(old) => world.sandbox.edit_user(&id, |user| *user = old.clone()).unwrap(),
            None => world.sandbox.delete_user(&id).unwrap(),
        }
    }
    assert!(!world.agrees(&later));
    world.sync().assert_unchanged();
    assert_eq!(world.run(&["drift"]).exit, 4, "a run alone does not see it");
    lead_back(&world);
    world.assert_agrees(&later);
    world.sync().assert_unchanged();
}
