//! Saved plans: what `plan --save` keeps, `apply` carries out exactly or refuses; and the plan of another day.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::process::Stdio;

use common::{HEADER, Output, Row, Synced, World, hr_text, kinds, people, until};
use workiva_sync::sandbox::Faults;

/// Ten people with accounts; then one is hired, one changes and one leaves.
fn with_changes() -> (World, Vec<Row>, Vec<Row>) {
    let world = World::new();
    let rows = people(10);
    world.sync_rows(&rows, 0);
    let mut after = rows.clone();
    after[0].status = "Terminated".into();
    after[1].title = "CFO".into();
    after.push(Row::new("2000", "New", "Hire"));
    world.hr(&after);
    (world, rows, after)
}

fn save(world: &World) -> Synced {
    Synced::of(world.run(&["plan", "--save", "--json"]))
}

fn apply(world: &World, plan: &str) -> Output {
    world.run(&["apply", plan, "--by", "a test"])
}

/// `apply` refuses the plan with this exit code and word, sends nothing and stores nothing.
fn assert_refused(world: &World, plan: &str, exit: i32, word: &str) {
    let (writes, runs) = (world.writes(), world.number("SELECT count(*) FROM run"));
    let refused = apply(world, plan);
    assert_eq!(refused.exit, exit, "{refused:?}");
    assert!(refused.stdout.contains(word), "'{word}' is not in {refused:?}");
    assert_eq!((world.writes(), world.number("SELECT count(*) FROM run")), (writes, runs));
    let json = Synced::of(world.run(&["apply", plan, "--json"]));
    assert_eq!((json.exit, json.outcome(), json.planned()), (exit, "failed", kinds([])));
}

#[test]
fn a_saved_plan_is_applied_exactly_and_once() {
    let (world, rows, after) = with_changes();
    let tables = "SELECT (SELECT count(*) FROM run) * 1000000 + (SELECT sum(version) FROM person) * 1000 \
                  + (SELECT count(*) FROM account)";
    let before = (world.writes(), world.number(tables));
    let saved = save(&world);
    let planned = kinds([("create", 1), ("suspend", 1), ("update", 1)]);
    assert_eq!((saved.exit, saved.outcome(), saved.planned()), (0, "applied", planned.clone()));
    assert_eq!((world.writes(), world.number(tables)), before, "the plan alone is written");
    world.assert_agrees(&rows);
    let status = world.status();
    assert_eq!(status["saved"][0]["plan_id"], saved.plan_id());
    assert_eq!((&status["queue"]["held"], &status["held"]), (&0.into(), &serde_json::Value::Null));

    let applied = Synced::of(world.run(&["apply", saved.plan_id(), "--json"]));
    assert_eq!((applied.exit, applied.outcome(), applied.applied()), (0, "applied", planned), "{applied:?}");
    assert_eq!(applied.plan_id(), saved.plan_id());
    world.assert_agrees(&after);
    world.sync().assert_unchanged();
    assert_refused(&world, saved.plan_id(), 1, "it is applied");
    assert_refused(&world, "20200101T000000-00000000", 1, "no saved plan is called");
    assert_eq!(world.run(&["audit", "verify"]).exit, 0);
}

#[test]
fn apply_is_refused_as_stale_once_the_file_or_the_configuration_has_changed() {
    let (mut world, rows, after) = with_changes();
    let saved = save(&world);
    let mut other = after.clone();
    other[5].title = "Clerk".into();
    world.hr(&other);
    assert_refused(&world, saved.plan_id(), 3, "content of the HR source has changed");
    world.hr(&after);
    world.set("access.keep_on_role_loss", true);
    assert_refused(&world, saved.plan_id(), 3, "configuration that decides about people has changed");
    world.set("access.keep_on_role_loss", false);
    world.hr_text(HEADER);
    assert_eq!(apply(&world, saved.plan_id()).exit, 5, "a source that is not complete is no stale plan");
    world.assert_agrees(&rows);
    world.hr(&after);
    assert_eq!(apply(&world, saved.plan_id()).exit, 0, "all is as it was");
    world.assert_agrees(&after);
}

#[test]
fn apply_is_refused_as_stale_once_the_state_has_moved() {
    let (world, rows, mut after) = with_changes();
    let saved = save(&world);
    // Somebody in the plan is changed and changed back meanwhile.
    let mut between = rows.clone();
    between[1].title = "Clerk".into();
    world.sync_rows(&between, 0);
    world.sync_rows(&rows, 0);
    world.hr(&after);
    assert_refused(&world, saved.plan_id(), 3, "the state of 1 person has moved");
    // A run does what the plan holds.
    let second = save(&world);
    world.sync_rows(&after, 0);
    assert_refused(&world, second.plan_id(), 3, "has moved");
    // Nobody of the plan has moved, but it is no longer all that there is to do.
    after[2].title = "CFO".into();
    world.hr(&after);
    let third = save(&world);
    world.meddle(
        "UPDATE account SET attributes = replace(attributes, 'Analyst', 'Else') WHERE employee_id = '1003'",
    );
    world.meddle("UPDATE person SET fingerprint = '' WHERE employee_id = '1003'");
    assert_refused(&world, third.plan_id(), 3, "what is to be done has changed");
}

#[test]
fn apply_is_refused_once_the_saved_plan_was_edited_in_the_database_or_is_too_old() {
    let edits = [
        "UPDATE action SET employee_id = '1005' WHERE state = 'held' AND employee_id = '1000'",
        "UPDATE action SET kind = 'delete' WHERE state = 'held' AND employee_id = '1000'",
        "UPDATE intent SET target = replace(target, 'CFO', 'CEO') WHERE action_id = \
         (SELECT action_id FROM action WHERE state = 'held' AND employee_id = '1001')",
        "DELETE FROM intent WHERE action_id = (SELECT action_id FROM action WHERE state = 'held' AND employee_id = '1000')",
    ];
    for edit in edits {
        let (world, rows, _) = with_changes();
        let saved = save(&world);
        world.meddle(edit);
        assert_refused(&world, saved.plan_id(), 3, "not the one that was shown");
        world.assert_agrees(&rows);
    }
    let (world, rows, _) = with_changes();
    let saved = save(&world);
    world.meddle("UPDATE plan SET created_at = created_at - 8 * 86400000 WHERE state = 'saved'");
    assert_refused(&world, saved.plan_id(), 3, "more than 7 days ago");
    world.assert_agrees(&rows);
}

#[test]
fn a_saved_plan_that_trips_the_guard_becomes_the_held_plan_and_waits_for_approval() {
    let (mut world, rows, mut after) = with_changes();
    world.set("guard.on_trip", "hold_deprovisions");
    after[3].status = "Terminated".into();
    world.hr(&after);
    let saved = save(&world);
    assert_eq!(saved.exit, 0);
    world.guard_tightly();
    let held = Synced::of(world.run(&["apply", saved.plan_id(), "--json"]));
    assert_eq!((held.exit, held.outcome(), held.hold_codes()), (3, "held", vec!["deprovision_count"]));
    assert_eq!(
        (held.plan_id(), held.applied()),
        (saved.plan_id(), kinds([])),
        "exactly that plan, or nothing"
    );
    world.assert_agrees(&rows);
    assert_eq!(world.status()["held"]["plan_id"], saved.plan_id());
    assert_refused(&world, saved.plan_id(), 1, "it is held");
    assert_eq!(world.run(&["audit", "verify"]).exit, 0);
    assert_eq!(world.run(&["approve", saved.plan_id()]).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("create", 1), ("suspend", 2), ("update", 1)]));
    assert_eq!(world.run(&["audit", "verify"]).exit, 0);
    world.assert_agrees(&after);
    let told = save(&world);
    assert_eq!(
        (told.exit, told.outcome(), &told.json["plan_id"]),
        (0, "unchanged", &serde_json::Value::Null)
    );
}

#[test]
fn a_plan_that_would_be_held_can_be_saved_and_is_not_let_through_by_it() {
    let (mut world, rows, _) = with_changes();
    world.set("guard.max_deprovision_count", 0);
    let saved = save(&world);
    assert_eq!((saved.exit, saved.outcome()), (3, "held"));
    let refused = apply(&world, saved.plan_id());
    assert_eq!(refused.exit, 3);
    assert!(refused.stdout.contains("workiva-sync approve"), "{refused:?}");
    world.assert_agrees(&rows);
}

#[test]
fn apply_that_is_killed_in_between_is_finished_by_the_next_run() {
    let world = World::new();
    let rows = people(60);
    world.hr(&rows);
    let saved = save(&world);
    world.sandbox.set_faults(Faults { latency_ms: 20, ..Faults::default() });
    let mut child = world.command(&["apply", saved.plan_id()]).stdout(Stdio::null()).spawn().unwrap();
    until("some are there", || world.writes() >= 5);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(world.writes() < 60, "it was over before it was killed");
    world.sandbox.set_faults(Faults::default());
    assert_eq!(world.sync().exit, 0);
    world.assert_agrees(&rows);
    assert_refused(&world, saved.plan_id(), 1, "it is applied");
    world.sync().assert_unchanged();
}

#[test]
fn saved_plans_are_bounded_in_number_and_the_oldest_go_first() {
    let (world, _, _) = with_changes();
    let first = save(&world);
    for _ in 0..10 {
        save(&world);
    }
    assert_eq!(world.status()["saved"].as_array().unwrap().len(), 10);
    assert_refused(&world, first.plan_id(), 1, "it is superseded");
    assert_eq!(world.number("SELECT count(*) FROM action WHERE state = 'held'"), 30);
}

#[test]
fn a_plan_as_of_a_day_shows_its_hires_and_leavers_and_changes_nothing() {
    let mut world = World::new();
    world.set("source.columns.hire_date", "First Day");
    world.set("source.columns.termination_date", "Last Day");
    let rows = people(4);
    let days = [",,", ",,2098-12-31", ",2099-03-01,", ",2099-03-01,2099-04-30"];
    let text = hr_text(&rows);
    let mut lines = text.lines();
    let mut dated = format!("{},First Day,Last Day\n", lines.next().unwrap());
    dated.extend(lines.zip(days).map(|(line, days)| format!("{line}{days}\n")));
    world.hr_text(&dated);
    assert_eq!(world.sync().applied(), kinds([("create", 2)]));
    let before = (std::fs::read(world.database()).unwrap(), world.writes());
    let on = |day: &str| Synced::of(world.run(&["plan", "--json", "--as-of", day])).planned();
    assert_eq!(on("2098-12-31"), kinds([]));
    assert_eq!(on("2099-01-01"), kinds([("suspend", 1)]));
    assert_eq!(on("2099-03-01"), kinds([("create", 2), ("suspend", 1)]));
    assert_eq!(on("2099-05-01"), kinds([("create", 1), ("suspend", 1)]));
    let told = world.run(&["plan", "--as-of", "2099-05-01"]);
    assert!(told.stdout.contains("as of 2099-05-01"), "{told:?}");
    assert!(before.0 == std::fs::read(world.database()).unwrap(), "the database has changed");
    assert_eq!(before.1, world.writes());
    for (arguments, words) in [
        (&["plan", "--as-of", "01/05/2099"][..], "write year, month and day"),
        (&["plan", "--as-of", "2099-02-30"][..], "write year, month and day"),
        (&["plan", "--as-of", "2099-01-01", "--save"][..], "cannot be used with"),
        (&["plan", "--as-of", "2001-01-01"][..], "is over"),
    ] {
        let refused = world.run(arguments);
        assert_eq!(refused.exit, 2, "{refused:?}");
        assert!(refused.stderr.contains(words), "{refused:?}");
    }
}
