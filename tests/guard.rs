//! The guard: what is too much is held, and nothing of it is sent until somebody says so.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use chrono::TimeDelta;
use common::{Calendar, Front, HEADER, Output, Row, Synced, Way, World, hr_text, is_active, kinds, people};
use secrecy::SecretString;
use serde_json::{Value, json};
use workiva_sync::core::report::Counts;
use workiva_sync::engine::clock::{Clock, SystemClock};
use workiva_sync::sandbox::{FaultKind, Faults};

/// Ten people, and a guard that holds when two of them leave at once.
fn guarded() -> (World, Vec<Row>) {
    let mut world = World::new();
    world.guard_tightly();
    let rows = people(10);
    world.sync_rows(&rows, 0);
    (world, rows)
}

/// The first `number` have left.
fn leaving(rows: &[Row], number: usize) -> Vec<Row> {
    rows.iter().enumerate().map(|(n, row)| if n < number { row.left() } else { row.clone() }).collect()
}

fn answers_are_lost(world: &World) {
    let kinds = [FaultKind::AnswerLost].into();
    world.sandbox.set_faults(Faults { rate: 1.0, kinds, ..Faults::default() });
}

fn approve(world: &World, plan: &str) -> Output {
    world.run(&["approve", plan, "--by", "a test"])
}

#[test]
fn a_held_plan_sends_nothing_and_says_why() {
    let (world, rows) = guarded();
    let before = world.statistics();
    let mut after = leaving(&rows, 3);
    after.push(Row::new("2000", "New", "Hire"));
    let held = world.sync_rows(&after, 3);
    assert_eq!((held.outcome(), held.hold_codes()), ("held", vec!["deprovision_count"]));
    assert_eq!(held.planned(), kinds([("create", 1), ("suspend", 3)]));
    assert_eq!(held.applied(), kinds([]));
    assert_eq!(world.statistics(), before, "not one request");
    world.assert_agrees(&rows);
    assert_eq!(world.status()["held"]["plan_id"], held.plan_id());
}

#[test]
fn approve_releases_the_plan_and_the_next_sync_sends_it() {
    let (world, rows) = guarded();
    let after = leaving(&rows, 3);
    let held = world.sync_rows(&after, 3);
    let approved = approve(&world, held.plan_id());
    assert_eq!(approved.exit, 0, "{approved:?}");
    world.assert_agrees(&rows);
    let sent = world.sync();
    assert_eq!((sent.exit, sent.outcome()), (0, "applied"), "{sent:?}");
    assert_eq!(sent.applied(), kinds([("suspend", 3)]));
    world.assert_agrees(&after);
    world.sync_rows(&after, 0).assert_unchanged();
}

#[test]
fn approve_is_refused_as_stale_once_the_file_has_changed() {
    let (world, rows) = guarded();
    let held = world.sync_rows(&leaving(&rows, 3), 3);
    world.hr(&leaving(&rows, 4));
    let before = world.statistics();
    let refused = approve(&world, held.plan_id());
    assert_eq!(refused.exit, 3, "{refused:?}");
    assert!(refused.stdout.contains("stale"), "{refused:?}");
    assert_eq!(world.statistics(), before);
    world.assert_agrees(&rows);
}

#[test]
fn approve_is_refused_as_stale_once_the_configuration_has_changed() {
    let (mut world, rows) = guarded();
    let held = world.sync_rows(&leaving(&rows, 3), 3);
    world.set("access.keep_on_role_loss", true);
    assert_eq!(approve(&world, held.plan_id()).exit, 3);
    world.assert_agrees(&rows);
}

#[test]
fn approve_is_refused_as_stale_once_the_state_of_somebody_in_the_plan_has_moved() {
    let (world, mut rows) = guarded();
    // A change is carried out, and its answer is lost; meanwhile the person leaves, with two others.
    answers_are_lost(&world);
    rows[0].title = "CFO".into();
    world.sync_rows(&rows, 6);
    let after = leaving(&rows, 3);
    let held = world.sync_rows(&after, 6);
    assert_eq!(held.outcome(), "held");
    // It is learnt that it was, so that the plan no longer stands on what is.
    world.sandbox.set_faults(Faults::default());
    let same = world.sync_rows(&after, 3);
    assert_eq!((same.plan_id(), same.applied()), (held.plan_id(), kinds([("update", 1)])));
    let before = world.statistics();
    let refused = approve(&world, held.plan_id());
    assert_eq!(refused.exit, 3, "{refused:?}");
    assert!(refused.stdout.contains("stale"), "{refused:?}");
    assert_eq!(world.statistics(), before);
    world.assert_agrees(&rows);

    let anew = world.sync_rows(&after, 3);
    assert_ne!(anew.plan_id(), held.plan_id());
    assert_eq!(approve(&world, anew.plan_id()).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("suspend", 3)]));
    world.assert_agrees(&after);
}

#[test]
fn approve_is_refused_as_stale_once_a_held_action_was_edited_in_the_database() {
    let edits = [
        "UPDATE action SET employee_id = '1005' WHERE state = 'held' AND employee_id = '1000'",
        "UPDATE action SET kind = 'delete' WHERE state = 'held' AND employee_id = '1000'",
        "UPDATE intent SET changes = '[]' WHERE action_id = (SELECT action_id FROM action WHERE state = 'held' AND employee_id = '1000')",
        "UPDATE intent SET because = 'so there' WHERE action_id = (SELECT action_id FROM action WHERE state = 'held' AND employee_id = '1000')",
        "UPDATE intent SET target = replace(target, 'person.', 'nobody.') WHERE action_id = (SELECT action_id FROM action WHERE state = 'held' AND employee_id = '1000')",
        "UPDATE intent SET target = 'no JSON' WHERE action_id = (SELECT action_id FROM action WHERE state = 'held' AND employee_id = '1000')",
        "UPDATE action SET fingerprint = '' WHERE state = 'held' AND employee_id = '1000'",
        "UPDATE action SET next_change = '2999-01-01T00:00:00Z' WHERE state = 'held' AND employee_id = '1000'",
        "DELETE FROM intent WHERE action_id = (SELECT action_id FROM action WHERE state = 'held' AND employee_id = '1000')",
    ];
    let (world, rows) = guarded();
    let after = leaving(&rows, 3);
    for edit in edits {
        let held = world.sync_rows(&after, 3);
        world.meddle(edit);
        let before = world.statistics();
        let refused = approve(&world, held.plan_id());
        assert_eq!(refused.exit, 3, "{edit}: {refused:?}");
        assert!(refused.stdout.contains("not the one that was shown"), "{refused:?}");
        // The next run makes a new plan of it, as the refusal says.
        let anew = world.sync_rows(&after, 3);
        assert_ne!(anew.plan_id(), held.plan_id(), "{edit}");
        assert_eq!(world.statistics(), before, "{edit}: nothing is sent");
    }
    world.assert_agrees(&rows);
    assert_eq!(approve(&world, world.sync_rows(&after, 3).plan_id()).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("suspend", 3)]));
    world.assert_agrees(&after);
}

#[test]
fn a_change_in_the_queue_of_somebody_who_leaves_is_withdrawn_and_the_held_plan_can_be_approved_at_once() {
    let (world, mut rows) = guarded();
    // A change waits in the queue, since nobody gets in; meanwhile the person leaves, with two others.
    world.sandbox.set_password(&SecretString::from("another"));
    rows[0].title = "CFO".into();
    world.sync_rows(&rows, 6);
    let after = leaving(&rows, 3);
    let held = world.sync_rows(&after, 3);
    world.sandbox.set_password(&SecretString::from("sandbox-password"));
    let same = world.sync_rows(&after, 3);
    assert_eq!((same.plan_id(), same.applied()), (held.plan_id(), kinds([])));
    assert_eq!(approve(&world, held.plan_id()).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("suspend", 3)]));
    world.assert_agrees(&after);
}

#[test]
fn an_approved_action_reads_first_if_what_it_supersedes_may_have_taken_effect_since() {
    let (world, mut rows) = guarded();
    // A change is sent, and its answer is lost; meanwhile the person leaves, with two others.
    answers_are_lost(&world);
    rows[0].title = "CFO".into();
    world.sync_rows(&rows, 6);
    let after = leaving(&rows, 3);
    let held = world.sync_rows(&after, 6);
    // Nothing but lost answers is an outage: it waits, and is not parked.
    let same = world.sync_rows(&after, 6);
    assert_eq!((same.plan_id(), &same.json["parked"]), (held.plan_id(), &0.into()));
    world.sandbox.set_faults(Faults::default());
    assert_eq!(approve(&world, held.plan_id()).exit, 0);
    let uncertain = "SELECT uncertain FROM action WHERE state = 'queued' AND employee_id = '1000'";
    assert_eq!(world.number(uncertain), 1);
    assert_eq!(world.sync().applied(), kinds([("suspend", 3)]));
    world.assert_agrees(&after);
}

#[test]
fn a_plan_that_a_newer_run_has_superseded_cannot_be_approved_even_if_the_old_file_is_back() {
    let (world, rows) = guarded();
    let after = leaving(&rows, 3);
    let held = world.sync_rows(&after, 3);
    world.sync_rows(&leaving(&rows, 1), 0);
    world.sync_rows(&rows, 0);
    world.hr(&after);
    assert_eq!(approve(&world, held.plan_id()).exit, 1);
    world.assert_agrees(&rows);
}

#[test]
fn approve_is_refused_while_the_source_is_not_complete() {
    let (world, rows) = guarded();
    let held = world.sync_rows(&leaving(&rows, 3), 3);
    world.hr_text(HEADER);
    assert_eq!(approve(&world, held.plan_id()).exit, 5);
    world.assert_agrees(&rows);
}

#[test]
fn a_plan_that_is_not_held_can_be_neither_approved_nor_rejected() {
    let (world, rows) = guarded();
    for command in ["approve", "reject"] {
        let output = world.run(&[command, "no-such-plan"]);
        assert_eq!(output.exit, 1, "{output:?}");
    }
    let held = world.sync_rows(&leaving(&rows, 3), 3);
    assert_eq!(approve(&world, held.plan_id()).exit, 0);
    assert_eq!(approve(&world, held.plan_id()).exit, 1, "approved twice");
}

#[test]
fn reject_drops_the_plan_and_the_next_run_holds_anew() {
    let (world, rows) = guarded();
    let after = leaving(&rows, 3);
    let held = world.sync_rows(&after, 3);
    assert_eq!(world.run(&["reject", held.plan_id()]).exit, 0);
    assert!(world.status()["held"].is_null());
    assert_eq!(approve(&world, held.plan_id()).exit, 1);
    let again = world.sync_rows(&after, 3);
    assert_ne!(again.plan_id(), held.plan_id());
    world.assert_agrees(&rows);
}

#[test]
fn holding_deprovisions_alone_lets_everybody_else_through() {
    let (mut world, rows) = guarded();
    world.set("guard.on_trip", "hold_deprovisions");
    let mut after = leaving(&rows, 3);
    after[9].title = "CFO".into();
    after.push(Row::new("2000", "New", "Hire"));
    let held = world.sync_rows(&after, 3);
    assert_eq!(held.applied(), kinds([("create", 1), ("update", 1)]));
    let mut expected = after.clone();
    for row in &mut expected[..3] {
        row.status = "Active".into();
    }
    world.assert_agrees(&expected);
    let again = world.sync_rows(&after, 3);
    assert_eq!(again.requests(), 0, "{again:?}");
    assert_eq!(approve(&world, again.plan_id()).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("suspend", 3)]));
    world.assert_agrees(&after);
}

#[test]
fn repeated_runs_over_the_same_file_keep_the_same_held_plan() {
    let (world, rows) = guarded();
    let after = leaving(&rows, 3);
    let first = world.sync_rows(&after, 3);
    let second = world.sync_rows(&after, 3);
    assert_eq!(first.plan_id(), second.plan_id());
    assert_ne!(first.json["run_id"], second.json["run_id"]);
    assert_eq!(approve(&world, first.plan_id()).exit, 0);
}

#[test]
fn a_healed_file_supersedes_the_held_plan() {
    let (world, rows) = guarded();
    let held = world.sync_rows(&leaving(&rows, 3), 3);
    world.sync_rows(&rows, 0).assert_unchanged();
    assert!(world.status()["held"].is_null());
    assert_eq!(approve(&world, held.plan_id()).exit, 1);
    world.assert_agrees(&rows);
}

#[test]
fn each_limit_holds_by_its_own_code() {
    let mut world = World::new();
    for (key, limit) in
        [("max_create_percent", 50.0), ("max_shrink_percent", 10.0), ("max_reject_percent", 5.0)]
    {
        world.set(&format!("guard.{key}"), limit);
    }
    world.set("guard.max_rename_percent", 5.0);
    world.set("guard.max_deprovision_percent", 5.0);
    let rows = people(10);
    world.sync_rows(&rows, 0);
    let code_of = |rows: &[Row]| {
        let held = world.sync_rows(rows, 3);
        held.hold_codes().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(code_of(&people(20)), ["create_percent"]);
    assert_eq!(code_of(&rows[..6]), ["deprovision_percent", "shrink_percent"]);
    let shifted: Vec<Row> =
        rows.iter().map(|row| row.but(|row| row.email = format!("x{}", row.email))).collect();
    assert_eq!(code_of(&shifted), ["rename_percent"]);
    let spoiled: Vec<Row> = rows.iter().map(|row| row.but(|row| row.email = String::new())).collect();
    assert_eq!(code_of(&spoiled), ["reject_percent"]);
    world.assert_agrees(&rows);
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn rows_that_cannot_be_used_and_were_let_stand_hold_no_further_run_until_they_are_more() {
    let mut world = World::new();
    world.set("guard.max_reject_percent", 5.0);
    let mut rows = people(20);
    world.sync_rows(&rows, 0);
    let spoil = |rows: &mut [Row]| rows.iter_mut().for_each(|row| row.email = String::new());
    spoil(&mut rows[..4]);
    assert_eq!(world.sync_rows(&rows, 3).hold_codes(), ["reject_percent"]);
    let plan = world.status()["held"]["plan_id"].as_str().unwrap().to_owned();
    world.run(&["approve", &plan]).assert_says(0, &[]);
    // The same file, and a newer one in which as many are wrong.
    for _ in 0..2 {
        assert_eq!(world.sync().exit, 4);
    }
    rows[19] = rows[19].left();
    assert_eq!(world.sync_rows(&rows, 4).applied(), kinds([("suspend", 1)]));
    spoil(&mut rows[4..6]);
    assert_eq!(world.sync_rows(&rows, 3).hold_codes(), ["reject_percent"]);
    assert_eq!(world.sandbox.users().iter().filter(|user| is_active(user)).count(), 19);
}

/// They were one rejection of many rows, and whoever was missing besides lost access by such a file.
#[test]
fn a_file_whose_rows_all_have_one_employee_id_is_held_and_takes_nobodys_access() {
    let mut world = World::new();
    world.set("guard.max_reject_percent", 5.0);
    world.set("guard.max_shrink_percent", 20.0);
    let rows = people(20);
    world.sync_rows(&rows, 0);
    let spoiled =
        |rows: &[Row]| rows.iter().map(|row| row.but(|row| row.id = "0".into())).collect::<Vec<_>>();
    let synced = world.sync_rows(&spoiled(&rows[1..]), 3);
    assert_eq!((synced.hold_codes(), synced.applied()), (vec!["reject_percent"], kinds([])));
    world.assert_agrees(&rows);
    // Once somebody has let it stand, it is not held again for as many.
    world.run(&["approve", synced.plan_id()]).assert_says(0, &[]);
    assert_eq!(world.sync().hold_codes(), Vec::<&str>::new());
}

#[test]
fn an_employee_id_that_two_rows_have_always_shared_excuses_no_file_in_which_all_have_it() {
    let mut world = World::new();
    world.set("guard.max_reject_percent", 5.0);
    let rows = people(60);
    let spoiled =
        |rows: &[Row]| rows.iter().map(|row| row.but(|row| row.id = "0".into())).collect::<Vec<_>>();
    let two = spoiled(&[Row::new("1", "Ada", "One"), Row::new("2", "Bea", "Two")]);
    world.sync_rows(&[rows.as_slice(), &two].concat(), 4);
    let synced = world.sync_rows(&spoiled(&rows[1..]), 3);
    assert_eq!((synced.hold_codes(), synced.applied()), (vec!["reject_percent"], kinds([])));
    world.assert_agrees(&rows);
}

#[test]
fn a_source_that_cannot_prove_itself_complete_changes_nobody() {
    let world = World::new();
    let rows = people(10);
    world.sync_rows(&rows, 0);
    let whole = hr_text(&rows);
    let without_status = whole.replace("Status", "State");
    let broken = [
        ("empty", String::new(), "empty"),
        ("only a header", HEADER.to_owned(), "min_records"),
        ("inside quotes", whole.replace("Number5", "\"Number5"), "quoted"),
        ("a short last row", whole.trim_end().rsplit_once(',').unwrap().0.to_owned(), "fields"),
        ("a missing column", without_status, "Status"),
    ];
    let before = world.statistics();
    for (what, text, word) in broken {
        world.hr_text(&text);
        let synced = world.sync();
        assert_eq!((synced.exit, synced.outcome()), (5, "incomplete"), "{what}: {synced:?}");
        let told = world.run(&["sync"]);
        assert!(told.stdout.contains(word), "{what}: {told:?}");
        assert_eq!(world.run(&["plan", "--json"]).exit, 5, "{what}");
    }
    std::fs::remove_file(world.path("employees.csv")).unwrap();
    assert_eq!(world.sync().exit, 5);
    assert_eq!(world.statistics(), before);
    world.assert_agrees(&rows);
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn plan_makes_no_database_where_there_is_none() {
    let world = World::new();
    world.hr(&people(10));
    let planned = Synced::of(world.run(&["plan", "--json"]));
    assert_eq!((planned.exit, planned.planned()), (0, kinds([("create", 10)])));
    assert_eq!(world.writes(), 0);
    let left: Vec<_> =
        std::fs::read_dir(world.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "the HR file and the configuration, not {left:?}");
}

#[test]
fn plan_leaves_the_database_as_it_is_and_writes_nothing_to_workiva() {
    let (world, rows) = guarded();
    let mut after = leaving(&rows, 1);
    after.push(Row::new("2000", "New", "Hire"));
    world.hr(&after);
    let before = (std::fs::read(world.database()).unwrap(), world.writes());
    let planned = Synced::of(world.run(&["plan", "--json"]));
    assert_eq!((planned.exit, planned.outcome()), (0, "applied"));
    assert_eq!(planned.planned(), kinds([("create", 1), ("suspend", 1)]));
    assert!(world.run(&["plan"]).stdout.contains("2000"));
    world.hr(&leaving(&rows, 5));
    assert_eq!(world.run(&["plan", "--json"]).exit, 3, "a plan that would be held says so");
    assert!(before.0 == std::fs::read(world.database()).unwrap(), "the database has changed");
    assert_eq!(before.1, world.writes());
    world.assert_agrees(&rows);
}

#[test]
fn a_suspend_that_waits_is_not_sent_once_hr_takes_it_back_even_though_the_new_plan_is_held() {
    let (world, rows) = guarded();
    world.sandbox.set_password(&SecretString::from("another"));
    world.sync_rows(&leaving(&rows, 1), 6);
    world.sandbox.set_password(&SecretString::from("sandbox-password"));
    // HR takes it back in a file that the guard holds for three others.
    let mut after = leaving(&rows, 4);
    after[0] = rows[0].clone();
    let held = world.sync_rows(&after, 3);
    assert_eq!(held.applied(), kinds([]));
    world.assert_agrees(&rows);
}

fn in_department(rows: &[Row], numbers: std::ops::Range<usize>, department: &str) -> Vec<Row> {
    let mut rows = rows.to_vec();
    rows[numbers].iter_mut().for_each(|row| row.department = department.into());
    rows
}

/// Forty people, four of them in Legal, and a percentage that holds within each department too.
fn guarded_by_department() -> (World, Vec<Row>) {
    let mut world = World::new();
    world.set("guard.max_deprovision_percent", 20.0);
    world.set("guard.max_deprovision_percent_per", "department");
    let rows = in_department(&people(40), 0..4, "Legal");
    world.sync_rows(&rows, 0);
    (world, rows)
}

#[test]
fn the_percentage_of_deprovisions_holds_within_each_department_too_and_names_it() {
    let (world, rows) = guarded_by_department();
    assert_eq!(
        world.sync_rows(&leaving(&rows, 2), 0).applied(),
        kinds([("suspend", 2)]),
        "two are too few to say"
    );
    world.sync_rows(&rows, 0);
    let held = world.sync_rows(&leaving(&rows, 3), 3);
    assert_eq!(held.hold_codes(), ["deprovision_percent_per"]);
    let message = held.json["hold_reasons"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("3 deprovisions of 4 active accounts with department 'Legal' are 75.0 %"),
        "{message}"
    );
    // The same number across the company is no more than it was.
    let spread = [rows[..4].to_vec(), leaving(&rows[4..], 3)].concat();
    assert_eq!(world.sync_rows(&spread, 0).applied(), kinds([("suspend", 3)]));
}

#[test]
fn who_vanishes_or_whose_department_hr_blanks_counts_in_the_department_they_were_in() {
    let (world, rows) = guarded_by_department();
    assert_eq!(world.sync_rows(&rows[3..], 3).hold_codes(), ["deprovision_percent_per"]);
    let blanked = leaving(&in_department(&rows, 0..3, ""), 3);
    let held = world.sync_rows(&blanked, 3);
    let message = held.json["hold_reasons"][0]["message"].as_str().unwrap();
    assert!(message.contains("department 'Legal'"), "{message}");
    world.assert_agrees(&rows);
}

#[test]
fn one_file_without_departments_makes_nobody_forget_who_is_in_which() {
    let (mut world, rows) = guarded_by_department();
    world.set("access.provision", "all");
    world.sync_rows(&rows, 0);
    let blank = in_department(&rows, 0..40, "");
    world.sync_rows(&blank, 0);
    for (file, how) in [(&blank, "still blank"), (&rows, "back")] {
        let held = world.sync_rows(&file[4..], 3);
        assert_eq!(held.hold_codes(), ["deprovision_percent_per"], "{how}");
    }
}

#[test]
fn an_export_that_was_written_twice_into_one_file_is_no_yardstick_for_the_next() {
    let (world, rows) = guarded();
    let text = hr_text(&rows);
    let twice = text.clone() + text.split_once('\n').unwrap().1;
    world.hr_text(&twice);
    world.sync().assert_unchanged();
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn whoever_hr_showed_as_gone_in_a_held_plan_stays_gone_where_their_rows_are_purged_and_absence_means_nothing()
{
    let (mut world, rows) = guarded();
    world.set("source.absence", "keep");
    world.sync_rows(&rows, 0);
    world.sync_rows(&leaving(&rows, 3), 3);
    let held = world.sync_rows(&rows[3..], 3);
    let codes = vec!["deprovision_count", "shown_when_held"];
    assert_eq!((held.hold_codes(), held.planned()), (codes, kinds([("suspend", 3)])));
    assert_eq!(approve(&world, held.plan_id()).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("suspend", 3)]));
    world.sync_rows(&rows[3..], 0).assert_unchanged();
}

/// Found by the simulation (seeds 30007 and 30402): the right file says nothing of one of them, who has another id by then.
#[test]
fn whoever_nothing_but_a_wrong_file_showed_as_gone_loses_nothing_until_somebody_has_looked() {
    let (mut world, rows) = guarded();
    world.set("source.absence", "keep");
    world.sync_rows(&rows, 0);
    world.sync_rows(&leaving(&rows, rows.len()), 3);
    for _ in 0..2 {
        let held = world.sync_rows(&rows[1..], 3);
        let planned = kinds([("suspend", 1)]);
        assert_eq!((held.hold_codes(), held.planned()), (vec!["shown_when_held"], planned));
        let message = held.json["hold_reasons"][0]["message"].as_str().unwrap();
        assert!(message.contains(&rows[0].id), "{message}");
        world.assert_agrees(&rows);
    }
    let held = world.sync();
    assert_eq!(world.run(&["reject", held.plan_id()]).exit, 0);
    world.sync_rows(&rows[1..], 0).assert_unchanged();
    world.assert_agrees(&rows);
}

#[test]
fn whoever_a_wrong_file_showed_as_gone_is_not_when_the_right_one_or_an_operator_says_so() {
    let (mut world, rows) = guarded();
    world.set("source.absence", "keep");
    world.sync_rows(&rows, 0);
    // The right file comes, and later one that does not name them any more.
    world.sync_rows(&leaving(&rows, 3), 3);
    world.sync_rows(&rows, 0).assert_unchanged();
    world.sync_rows(&rows[3..], 0).assert_unchanged();
    // Somebody looks, and says no.
    let held = world.sync_rows(&leaving(&rows, 3), 3);
    assert_eq!(world.run(&["reject", held.plan_id()]).exit, 0);
    world.sync_rows(&rows[3..], 0).assert_unchanged();
    world.assert_agrees(&rows);
}

#[test]
fn another_key_of_the_groups_is_in_force_at_once_for_everybody() {
    let (mut world, rows) = guarded_by_department();
    world.set("guard.max_deprovision_percent_per", "job_title");
    let mut chiefs = rows.clone();
    chiefs[10..14].iter_mut().for_each(|row| row.title = "Chief".into());
    world.sync_rows(&chiefs, 0);
    world.sync_rows(&chiefs, 0).assert_unchanged();
    assert_eq!(world.sync_rows(&leaving(&chiefs, 3), 0).applied(), kinds([("suspend", 3)]), "all of Legal");
    let mut without = chiefs.clone();
    without[10..13].iter_mut().for_each(|row| row.status = "Terminated".into());
    world.sync_rows(&chiefs, 0);
    world.set("guard.max_deprovision_percent_per", "department");
    assert_eq!(world.sync_rows(&without, 0).applied(), kinds([("suspend", 3)]), "three of 36 in Finance");
    world.sync_rows(&chiefs, 0);
    world.set("guard.max_deprovision_percent_per", "job_title");
    let held = world.sync_rows(&without, 3);
    let message = held.json["hold_reasons"][0]["message"].as_str().unwrap();
    assert!(message.contains("3 deprovisions of 4 active accounts with job_title 'Chief'"), "{message}");
}

#[test]
fn people_without_a_value_are_a_group_of_their_own() {
    let mut world = World::new();
    world.set("access.provision", "all");
    world.set("guard.max_deprovision_percent", 20.0);
    world.set("guard.max_deprovision_percent_per", "department");
    let rows = in_department(&people(40), 0..4, "");
    world.sync_rows(&rows, 0);
    let held = world.sync_rows(&leaving(&rows, 4), 3);
    let message = held.json["hold_reasons"][0]["message"].as_str().unwrap();
    assert!(message.contains("4 deprovisions of 4 active accounts without a department"), "{message}");
}

#[test]
fn a_number_of_creates_is_too_many_on_the_first_load_as_well() {
    let mut world = World::new();
    world.set("guard.max_create_count", 5);
    let rows = people(6);
    let held = world.sync_rows(&rows, 3);
    assert_eq!(held.hold_codes(), ["create_count"]);
    assert_eq!(approve(&world, held.plan_id()).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("create", 6)]));
    assert_eq!(world.sync_rows(&people(11), 0).applied(), kinds([("create", 5)]));
}

#[test]
fn creates_that_an_earlier_run_queued_count_with_those_of_the_next() {
    let mut world = World::new();
    let front = Front::before(&mut world);
    world.set("guard.max_create_count", 25);
    let rows = people(45);
    world.sync_rows(&rows[..20], 0);
    front.go(Way::Unavailable);
    world.set("guard.max_create_count", 20);
    world.set("guard.max_create_percent", 100.0);
    world.sync_rows(&rows[..28], 6);
    let held = world.sync_rows(&rows, 6);
    assert_eq!(held.hold_codes(), ["create_count", "create_percent"], "17 more are below either limit");
    let message = held.json["hold_reasons"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("25 new or reactivated accounts"), "{message}");
}

/// Most of twenty people have left; the limits are as a new user has them.
fn mostly_left(mut world: World, number: usize) -> (World, Vec<Row>) {
    let rows = people(20);
    world.sync_rows(&rows, 0);
    world.sync_rows(&leaving(&rows, number), 0);
    world.set("guard.max_create_percent", 50.0);
    (world, rows)
}

#[test]
fn a_file_in_which_those_who_have_left_are_employed_again_gives_nobody_access_before_somebody_has_looked() {
    let (world, rows) = mostly_left(World::new(), 10);
    let held = world.sync_rows(&rows, 3);
    assert_eq!(held.hold_codes(), ["create_percent"]);
    let message = held.json["hold_reasons"][0]["message"].as_str().unwrap();
    assert!(
        message.starts_with("10 new or reactivated accounts of 10 active accounts are 100.0 %"),
        "{message}"
    );
    world.assert_agrees(&leaving(&rows, 10));
    assert_eq!(approve(&world, held.plan_id()).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("reactivate", 10)]));
    world.assert_agrees(&rows);
}

#[test]
fn where_nobody_is_active_any_more_those_who_come_back_are_all_and_a_limit_of_all_lets_them() {
    let mut world = World::new();
    let rows = people(5);
    world.sync_rows(&rows, 0);
    world.sync_rows(&leaving(&rows, 5), 0);
    world.set("guard.max_create_percent", 99.0);
    assert_eq!(world.sync_rows(&rows, 3).hold_codes(), ["create_percent"]);
    world.set("guard.max_create_percent", 100.0);
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("reactivate", 5)]));
}

#[test]
fn those_who_come_back_count_with_those_who_are_new_and_with_what_an_earlier_run_queued() {
    let mut world = World::new();
    let front = Front::before(&mut world);
    let (mut world, rows) = mostly_left(world, 8);
    let mut back = leaving(&rows, 5);
    back.extend((0..4).map(|n| Row::new(&format!("200{n}"), "New", &format!("Hire{n}"))));
    assert_eq!(world.sync_rows(&back, 3).hold_codes(), ["create_percent"], "3 and 4 of 12");
    world.set("guard.max_create_count", 6);
    front.go(Way::Unavailable);
    world.sync_rows(&leaving(&rows, 4), 6);
    let held = world.sync_rows(&leaving(&rows, 1), 6);
    assert_eq!(held.hold_codes(), ["create_count", "create_percent"], "4 that wait and 3");
    let message = held.json["hold_reasons"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("7 new or reactivated accounts; guard.max_create_count is 6"), "{message}");
}

#[test]
fn user_names_that_change_with_a_reactivation_count_as_renames() {
    let mut world = World::new();
    world.set("guard.max_rename_percent", 20.0);
    let rows = people(10);
    world.sync_rows(&rows, 0);
    world.sync_rows(&leaving(&rows, 4), 0);
    let mut back = rows.clone();
    back[..4].iter_mut().for_each(|row| row.email = format!("x{}", row.email));
    assert_eq!(world.sync_rows(&back, 3).hold_codes(), ["rename_percent"]);
}

#[test]
fn a_configuration_that_changes_many_people_is_held_and_says_so() {
    let mut world = World::new();
    world.set("guard.on_trip", "hold_deprovisions");
    world.set("guard.max_config_change_percent", 10.0);
    let rows = in_department(&people(20), 0..1, "Sales");
    world.sync_rows(&rows, 0);
    world.set("attributes.title", "Our {{ job_title }}");
    world.set("access.provision", "all");
    let held = world.sync();
    assert_eq!((held.exit, held.hold_codes()), (3, vec!["config_change_percent"]), "{held:?}");
    let message = held.json["hold_reasons"][0]["message"].as_str().unwrap();
    assert!(message.contains("your configuration change would update 19 people, create 1;"), "{message}");
    assert_eq!(held.applied(), kinds([]), "others are not spared");
    assert_eq!(world.sync().plan_id(), held.plan_id(), "it stays held, however often it runs");
    assert_eq!(approve(&world, held.plan_id()).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("create", 1), ("update", 19)]));
    world.sync().assert_unchanged();
    // The approved configuration is the yardstick: HR may change as many people.
    let promoted: Vec<Row> = rows.iter().map(|row| row.but(|row| row.title = "CFO".into())).collect();
    assert_eq!(world.sync_rows(&promoted, 0).applied(), kinds([("update", 20)]));
}

#[test]
fn a_configuration_that_changes_few_people_or_nobody_is_not_held() {
    let mut world = World::new();
    world.set("guard.max_config_change_percent", 10.0);
    let rows = in_department(&people(44), 0..4, "Sales");
    world.sync_rows(&rows, 0);
    // As a new version of the program: other rules by their digest, and the same answers.
    world.set("tables.unused.a", "b");
    world.sync().assert_unchanged();
    world.set("access.provision", "all");
    assert_eq!(world.sync().applied(), kinds([("create", 4)]), "a tenth");
}

#[test]
fn a_held_plan_expires_and_the_next_run_holds_a_fresh_one_under_a_new_name() {
    let (world, rows) = guarded();
    let after = leaving(&rows, 3);
    let held = world.sync_rows(&after, 3);
    let expiry = world.status()["held"]["expires_at"].as_str().unwrap().to_owned();
    assert!(world.run(&["status"]).stdout.contains("expires at"), "{expiry}");
    world.meddle("UPDATE plan SET expires_at = created_at WHERE state = 'held'");
    let refused = approve(&world, held.plan_id());
    assert_eq!(refused.exit, 3, "{refused:?}");
    assert!(refused.stdout.contains("expired"), "{refused:?}");
    assert_eq!(approve(&world, held.plan_id()).exit, 3, "and again");
    assert!(world.status()["held"].is_null());
    world.assert_agrees(&rows);
    let fresh = world.sync_rows(&after, 3);
    assert_ne!(fresh.plan_id(), held.plan_id());
    world.meddle("UPDATE plan SET expires_at = created_at WHERE state = 'held'");
    let third = world.sync_rows(&after, 3);
    assert_ne!(third.plan_id(), fresh.plan_id(), "a run lets it expire too");
    assert_eq!(world.run(&["audit", "verify"]).exit, 0);
    assert_eq!(approve(&world, third.plan_id()).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("suspend", 3)]));
}

#[test]
fn a_held_plan_that_has_expired_is_told_of_by_nothing_though_no_run_has_marked_it_yet() {
    let (mut world, rows) = guarded();
    let held = world.sync_rows(&leaving(&rows, 3), 3);
    world.meddle("UPDATE plan SET expires_at = created_at WHERE state = 'held'");
    let status = world.status();
    assert_eq!((&status["held"], &status["queue"]["held"]), (&Value::Null, &json!(0)));
    assert!(!world.run(&["status"]).stdout.contains(held.plan_id()));
    let told = world.run(&["explain", "1000", "--json"]).stdout;
    let told: Value = serde_json::from_str(&told).unwrap();
    let action = &told["actions"][0];
    assert_eq!((&action["state"], &action["plan"]["state"]), (&json!("dropped"), &json!("expired")));
    world.set("schedule.run_on_start", false);
    let daemon = world.daemon();
    let (_, ready) = daemon.readiness();
    assert_eq!((&ready["held_plan"], &ready["hold_reasons"]), (&Value::Null, &json!([])));
    for sample in ["plan_held", "queue_actions{state=\"held\"}"] {
        assert_eq!(daemon.metric(sample), Some(0.0), "{sample}");
    }
    assert_eq!(world.number("SELECT count(*) FROM plan WHERE state = 'held'"), 1, "nothing has marked it");
}

#[test]
fn approve_is_refused_as_stale_once_a_date_has_come_on_which_more_would_be_done() {
    let day = |back| (SystemClock.now() - TimeDelta::days(back)).date_naive().to_string();
    let rows = people(4);
    let (early, late) = (day(3), day(2));
    let mut calendar = Calendar::new(&[
        (rows[0].clone(), "2020-01-01", &early),
        (rows[1].clone(), "2020-01-01", &early),
        (rows[2].clone(), "2020-01-01", &late),
        (rows[3].clone(), "2020-01-01", ""),
    ]);
    calendar.world.guard_tightly();
    assert_eq!(calendar.sync_on(&early).0, Counts { create: 4, ..Counts::default() });
    calendar.sync_on(&late);
    let world = calendar.world;
    let held = world.status()["held"].clone();
    assert_eq!(held["counts"]["suspend"], 2, "the last day of the third is that of the run: {held}");
    let before = world.statistics();
    let refused = approve(&world, held["plan_id"].as_str().unwrap());
    assert_eq!(refused.exit, 3, "{refused:?}");
    assert!(refused.stdout.contains("a date has come"), "{refused:?}");
    assert_eq!(world.statistics(), before);
    let anew = world.sync();
    assert_eq!((anew.exit, anew.planned()), (3, kinds([("suspend", 3)])));
    assert_eq!(approve(&world, anew.plan_id()).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("suspend", 3)]));
    world.assert_agrees(&rows[3..]);
}

#[test]
fn with_hold_deprovisions_everything_else_goes_on_while_deprovisions_are_held() {
    let (mut world, rows) = guarded();
    world.set("guard.on_trip", "hold_deprovisions");
    let mut after = leaving(&rows, 3);
    after[5].title = "CFO".into();
    after.push(Row::new("2000", "New", "Hire"));
    let held = world.sync_rows(&after, 3);
    assert_eq!(held.applied(), kinds([("create", 1), ("update", 1)]));
    assert_eq!(approve(&world, held.plan_id()).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("suspend", 3)]));
    world.assert_agrees(&after);
}

#[test]
fn actions_that_an_earlier_plan_queued_go_on_while_a_newer_plan_is_held() {
    let (world, rows) = guarded();
    world.sandbox.set_password(&SecretString::from("another"));
    let mut after = rows.clone();
    after[9].title = "CFO".into();
    world.sync_rows(&after, 6);
    world.sandbox.set_password(&SecretString::from("sandbox-password"));
    let held = world.sync_rows(&leaving(&after, 3), 3);
    assert_eq!((held.outcome(), held.applied()), ("held", kinds([("update", 1)])));
}

#[test]
fn a_column_that_is_empty_for_everybody_all_at_once_holds_the_plan_and_can_be_approved() {
    let world = World::new();
    // Twelve in departments without access, and two with.
    let mut rows: Vec<Row> =
        people(14).iter().map(|row| row.but(|row| row.department = "Sales".into())).collect();
    rows[..2].iter_mut().for_each(|row| row.department = "Finance".into());
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("create", 2)]));
    let emptied: Vec<Row> = rows.iter().map(|row| row.but(|row| row.department = String::new())).collect();
    for _ in 0..2 {
        let held = world.sync_rows(&emptied, 3);
        assert_eq!((held.hold_codes(), held.applied()), (vec!["column_emptied"], kinds([])), "{held:?}");
        assert!(held.json["hold_reasons"][0]["message"].to_string().contains("'department'"), "{held:?}");
    }
    world.assert_agrees(&rows);
    // One who still has a value says that the column is there.
    let mut some = emptied.clone();
    some[0].department = "Finance".into();
    let synced = world.sync_rows(&some, 0);
    assert_eq!(synced.applied(), kinds([("suspend", 1)]), "{synced:?}");
    world.sync_rows(&rows, 0);
    let held = world.sync_rows(&emptied, 3);
    assert_eq!(approve(&world, held.plan_id()).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("suspend", 2)]));
    world.sync().assert_unchanged();
}
