//! The run that reads next to nothing: over the same bytes, as long as nothing was left to be looked at again.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use common::{Calendar, Row, World, kinds, people};
use secrecy::SecretString;
use serde_json::json;
use workiva_sync::core::report::Counts;

/// Whether another `sync` looks at the source's rows: then the last of three people is settled anew.
fn looks_again(world: &World) -> bool {
    world.meddle("UPDATE person SET fingerprint = 'unsettled' WHERE employee_id = '1002'");
    let synced = world.sync();
    assert_eq!(synced.requests(), 0, "{synced:?}");
    let looked =
        world.number("SELECT fingerprint <> 'unsettled' FROM person WHERE employee_id = '1002'") == 1;
    if !looked {
        // As it was: none of the tests below is about somebody who is not settled.
        world.meddle(
            "UPDATE person SET fingerprint = (SELECT fingerprint FROM action WHERE employee_id = '1002' \
             ORDER BY action_id DESC LIMIT 1) WHERE employee_id = '1002'",
        );
    }
    looked
}

/// Three people, the first of whom has a user in Workiva who cannot be taken over for certain: that is parked.
fn with_one_parked() -> (World, Vec<Row>) {
    let world = World::new();
    let rows = people(3);
    let somebody = json!({"userName": rows[0].email, "externalId": "9999"});
    world.sandbox.seed_user(somebody).unwrap();
    let synced = world.sync_rows(&rows, 4);
    assert_eq!((synced.applied(), &synced.json["parked"]), (kinds([("create", 2)]), &json!(1)));
    (world, rows)
}

#[test]
fn a_second_run_over_the_same_bytes_sends_nothing_and_looks_at_no_row() {
    let world = World::new();
    let rows = people(3);
    world.sync_rows(&rows, 0);
    world.sync_rows(&rows, 0).assert_unchanged();
    assert!(!looks_again(&world));
    let text = std::fs::read_to_string(world.path("employees.csv")).unwrap();
    std::fs::write(world.path("employees-newer.csv"), &text).unwrap();
    assert!(!looks_again(&world), "the same bytes under another name");
    std::fs::write(world.path("employees-newest.csv"), text + "\n").unwrap();
    assert!(looks_again(&world), "one byte more");
    assert!(!looks_again(&world), "and once only");
}

#[test]
fn a_changed_configuration_has_the_same_bytes_looked_at_again() {
    let mut world = World::new();
    let rows = people(3);
    world.sync_rows(&rows, 0);
    world.set("retry.base_seconds", 0.02);
    assert!(!looks_again(&world), "it decides about nobody");
    world.set("access.keep_on_role_loss", true);
    assert!(looks_again(&world), "it could have decided otherwise");
    world.set("attributes.title", "Our {{ job_title }}");
    assert_eq!(world.sync().applied(), kinds([("update", 3)]));
}

#[test]
fn a_rejected_record_is_looked_at_and_told_again_in_every_run() {
    let world = World::new();
    let mut rows = people(3);
    rows[0].email = String::new();
    for _ in 0..3 {
        let synced = world.sync_rows(&rows, 4);
        assert_eq!(synced.json["source"], json!({"records": 3, "rejected": 1}));
    }
    assert!(looks_again(&world));
}

#[test]
fn a_parked_action_has_the_same_bytes_looked_at_again_and_is_not_sent_by_itself() {
    let (world, rows) = with_one_parked();
    assert!(looks_again(&world));
    assert!(looks_again(&world));
    let id = world.user(&rows[0].email).unwrap()["id"].as_str().unwrap().to_owned();
    world.sandbox.edit_user(&id, |user| user["externalId"] = "1000".into()).unwrap();
    assert_eq!(world.run(&["actions", "retry", "--all"]).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("create", 1)]));
    world.assert_agrees(&rows);
    world.sync().assert_unchanged();
    assert!(!looks_again(&world), "nothing is left");
}

#[test]
fn a_discarded_action_has_the_same_bytes_looked_at_again_and_stays_discarded_until_hr_wants_another_end() {
    let (world, mut rows) = with_one_parked();
    assert_eq!(world.run(&["actions", "discard", "--all"]).exit, 0);
    assert!(looks_again(&world));
    assert!(looks_again(&world));
    rows[0].email = "nobody.has.this@example.com".into();
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("create", 1)]));
    world.sync().assert_unchanged();
    assert!(!looks_again(&world), "nothing is left");
}

#[test]
fn a_date_that_becomes_due_has_the_same_bytes_looked_at_again_on_that_day() {
    let rows = people(3);
    let calendar = Calendar::new(&[
        (rows[0].clone(), "2020-01-01", "2030-06-10"),
        (rows[1].clone(), "2030-06-05", ""),
        (rows[2].clone(), "2020-01-01", ""),
    ]);
    let nothing = (Counts::default(), 0);
    let one_create = Counts { create: 1, ..Counts::default() };
    let one_suspend = Counts { suspend: 1, ..Counts::default() };
    assert_eq!(calendar.sync_on("2030-06-01").0, Counts { create: 2, ..Counts::default() });
    assert_eq!(calendar.sync_on("2030-06-01"), nothing);
    assert_eq!(calendar.sync_on("2030-06-04"), nothing);
    assert_eq!(calendar.sync_on("2030-06-05").0, one_create, "the first day of work");
    assert_eq!(calendar.sync_on("2030-06-10"), nothing, "the last day of work");
    assert_eq!(calendar.sync_on("2030-06-11").0, one_suspend);
    assert_eq!(calendar.sync_on("2030-06-11"), nothing);
    calendar.world.assert_agrees(&[rows[1].clone(), rows[2].clone()]);
}

#[test]
fn a_queued_action_that_a_date_makes_needless_is_withdrawn_over_the_same_bytes_and_never_sent() {
    let row = people(1).remove(0);
    let calendar = Calendar::new(&[(row.clone(), "2020-01-01", "2030-06-10")]);
    let world = &calendar.world;
    assert_eq!(world.run(&["check"]).exit, 0);
    world.sandbox.set_password(&SecretString::from("another"));
    calendar.sync_on("2030-06-01");
    assert_eq!(world.number("SELECT count(*) FROM action WHERE state = 'queued'"), 1);
    world.sandbox.set_password(&SecretString::from("sandbox-password"));
    calendar.sync_on("2030-06-11");
    assert_eq!(world.number("SELECT count(*) FROM action WHERE state = 'superseded'"), 1);
    assert_eq!(world.sandbox.users(), [json!(null); 0]);
}

#[test]
fn a_parked_or_discarded_action_that_a_date_makes_needless_is_withdrawn_over_the_same_bytes() {
    for discarded in [false, true] {
        let rows = people(2);
        let calendar = Calendar::new(&[
            (rows[0].clone(), "2020-01-01", "2030-06-10"),
            (rows[1].clone(), "2020-01-01", ""),
        ]);
        let world = &calendar.world;
        world.sandbox.seed_user(json!({"userName": rows[0].email, "externalId": "9999"})).unwrap();
        assert_eq!(calendar.sync_on("2030-06-01").0, Counts { create: 1, ..Counts::default() });
        assert_eq!(world.parked().len(), 1);
        if discarded {
            assert_eq!(world.run(&["actions", "discard", "--all"]).exit, 0);
        }
        calendar.sync_on("2030-06-11");
        let waiting = "SELECT count(*) FROM action WHERE state IN ('queued', 'parked', 'discarded')";
        assert_eq!(world.number(waiting), 0, "discarded: {discarded}");
    }
}
