//! The source proves itself complete: what it announced is what arrived, and its columns are those of the run before.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::fs::File;
use std::time::{Duration, SystemTime};

use common::{HEADER, Row, World, hr_text, kinds, people};

/// Writes a file beside the HR file, so many seconds younger than it.
fn beside(world: &World, name: &str, text: &str, younger_by: i64) {
    let written = time_of(world, "employees.csv");
    std::fs::write(world.path(name), text).unwrap();
    let distance = Duration::from_secs(younger_by.unsigned_abs());
    let at = if younger_by < 0 { written - distance } else { written + distance };
    set_time(world, name, at);
}

fn time_of(world: &World, name: &str) -> SystemTime {
    std::fs::metadata(world.path(name)).unwrap().modified().unwrap()
}

fn set_time(world: &World, name: &str, at: SystemTime) {
    File::options().write(true).open(world.path(name)).unwrap().set_modified(at).unwrap();
}

/// `sync` refuses the source, changes nobody, and says why in these words.
fn assert_incomplete(world: &World, words: &[&str]) {
    let writes = world.writes();
    let told = world.run(&["sync"]);
    assert_eq!(told.exit, 5, "{told:?}");
    for word in words {
        assert!(told.stdout.contains(word), "'{word}' is not in {told:?}");
    }
    assert_eq!(world.writes(), writes);
}

/// The HR file of another day, so many seconds younger than `employees.csv`.
fn another_day(world: &World, name: &str, rows: &[Row], younger_by: i64) {
    beside(world, name, &hr_text(rows), younger_by);
}

/// The HR file with another column, in which nobody has anything.
fn with_column(rows: &[Row], name: &str) -> String {
    hr_text(rows).replace('\n', ",\n").replacen(",\n", &format!(",{name}\n"), 1)
}

#[test]
fn a_file_without_its_marker_or_with_an_older_one_is_not_there_yet() {
    let mut world = World::new();
    world.set("source.done_marker", "{file}.done");
    // The marker matches the pattern as well, and is no data.
    let pattern = world.path("employees*").display().to_string();
    world.set("source.path", pattern);
    let rows = people(3);
    world.hr(&rows);
    assert_incomplete(&world, &["employees.csv.done is not there", "source.done_marker"]);
    beside(&world, "employees.csv.done", "", -60);
    assert_incomplete(&world, &["employees.csv.done is older"]);
    beside(&world, "employees.csv.done", "", 0);
    assert_eq!(world.sync().applied(), kinds([("create", 3)]));
    world.sync().assert_unchanged();
    std::fs::remove_file(world.path("employees.csv.done")).unwrap();
    assert_incomplete(&world, &["is not there"]);
}

#[test]
fn the_newest_file_that_is_done_is_read_while_a_newer_one_is_still_written() {
    let mut world = World::new();
    world.set("source.done_marker", "{stem}.ok");
    let rows = people(3);
    world.hr(&rows);
    beside(&world, "employees.ok", "", 0);
    beside(&world, "employees-2.csv", HEADER, 60);
    assert_eq!(world.sync().applied(), kinds([("create", 3)]));
    world.sync().assert_unchanged();
    beside(&world, "employees-2.ok", "", 61);
    assert_incomplete(&world, &["min_records"]);
}

#[test]
fn a_control_file_counts_the_records_and_belongs_to_the_proof_on_the_quiet_way_too() {
    let mut world = World::new();
    world.set("source.control_file", "{file}.count");
    let rows = people(3);
    world.hr(&rows);
    assert_incomplete(&world, &["employees.csv.count is not there"]);
    beside(&world, "employees.csv.count", "many\n", 0);
    assert_incomplete(&world, &["one whole number"]);
    beside(&world, "employees.csv.count", "4\n", 0);
    assert_incomplete(&world, &["announces 4 records and 3 arrived"]);
    beside(&world, "employees.csv.count", " 3\r\n", 0);
    assert_eq!(world.sync().applied(), kinds([("create", 3)]));
    world.sync().assert_unchanged();
    // The same bytes of the data file, which the run before left nothing in: the count alone is another.
    beside(&world, "employees.csv.count", "5", 0);
    assert_incomplete(&world, &["announces 5 records and 3 arrived"]);
    std::fs::remove_file(world.path("employees.csv.count")).unwrap();
    assert_incomplete(&world, &["is not there"]);
    world.unset("source", "control_file");
    world.sync().assert_unchanged();
}

#[test]
fn a_trailer_counts_the_records_and_is_none_itself() {
    let mut world = World::new();
    world.set("source.trailer", "TRAILER");
    let rows = people(3);
    let whole = hr_text(&rows);
    world.hr_text(&whole);
    assert_incomplete(&world, &["not the trailer 'TRAILER'"]);
    world.hr_text(&format!("{whole}TRAILER,20261124,4\n"));
    assert_incomplete(&world, &["announces 4 records and 3 arrived"]);
    world.hr_text(&format!("{whole}TRAILER,none\n"));
    assert_incomplete(&world, &["no number"]);
    world.hr_text(&format!("{whole}TRAILER,3\n1009,One,More,m@example.com,Active,Finance,Analyst\n"));
    assert_incomplete(&world, &["behind its trailer"]);
    world.hr_text(&format!("{whole}TRAILER,20261124,0003\n\n"));
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, kinds([("create", 3)])), "{synced:?}");
    assert_eq!(synced.json["source"]["records"], 3);
    world.sync().assert_unchanged();
}

#[test]
fn a_changed_header_is_held_until_it_is_approved_and_is_the_yardstick_then() {
    let mut world = World::new();
    world.set("guard.on_trip", "hold_deprovisions");
    let rows = people(3);
    world.sync_rows(&rows, 0);
    let mut after = rows.clone();
    after[0].title = "CFO".into();
    world.hr_text(&with_column(&after, "Cost Center"));
    let held = world.sync();
    assert_eq!((held.exit, held.hold_codes()), (3, vec!["header_changed"]), "{held:?}");
    assert!(held.json["hold_reasons"][0]["message"].as_str().unwrap().contains("'Cost Center' came"));
    assert_eq!(held.applied(), kinds([]));
    assert_eq!(world.sync().plan_id(), held.plan_id(), "the same again is not quiet, and the same plan");
    // Another header is another plan, although nobody's values differ.
    world.hr_text(&with_column(&after, "Kostenstelle"));
    let other = world.sync();
    assert_ne!(other.plan_id(), held.plan_id());
    assert_eq!(world.run(&["approve", held.plan_id()]).exit, 1);
    assert_eq!(world.run(&["approve", other.plan_id()]).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("update", 1)]));
    world.sync().assert_unchanged();
    world.hr(&after);
    assert_eq!(world.sync().hold_codes(), ["header_changed"]);
    world.set("source.header_change", "allow");
    assert_eq!(world.sync().exit, 0);
    world.assert_agrees(&after);
}

#[test]
fn the_order_of_columns_does_not_matter() {
    let world = World::new();
    let rows = people(3);
    world.sync_rows(&rows, 0);
    let turned: String = hr_text(&rows)
        .lines()
        .map(|line| line.split(',').rev().collect::<Vec<_>>().join(",") + "\n")
        .collect();
    world.hr_text(&turned);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.outcome(), synced.requests()), (0, "unchanged", 0), "{synced:?}");
}

#[test]
fn a_shrunken_source_is_held_although_nothing_else_is_planned() {
    let mut world = World::new();
    world.set("source.absence", "keep");
    world.set("guard.max_shrink_percent", 10.0);
    let rows = people(10);
    world.sync_rows(&rows, 0);
    let held = world.sync_rows(&rows[..6], 3);
    assert_eq!((held.hold_codes(), held.planned()), (vec!["shrink_percent"], kinds([])));
    assert_eq!(world.run(&["approve", held.plan_id()]).exit, 0);
    world.sync_rows(&rows[..6], 0).assert_unchanged();
}

#[test]
fn absence_means_leaving_only_after_so_many_complete_runs_in_a_row() {
    let mut world = World::new();
    world.set("source.absence_runs", 3);
    let rows = people(4);
    world.sync_rows(&rows, 0);
    let without = &rows[1..];
    let waiting = world.sync_rows(without, 0);
    assert_eq!((waiting.outcome(), waiting.requests()), ("unchanged", 0));
    assert!(
        world.status()["runs"][0]["message"]
            .as_str()
            .unwrap()
            .contains("1 person is absent, for 1 of 3 runs")
    );
    // A source that is not complete counts for nothing.
    world.hr_text(HEADER);
    assert_eq!(world.sync().exit, 5);
    world.hr(without);
    let plan = world.run(&["plan"]);
    assert!(plan.stdout.contains("for 2 of 3 runs"), "{plan:?}");
    assert_eq!(world.sync_rows(without, 0).requests(), 0);
    // Back again, so the count begins anew.
    world.sync_rows(&rows, 0).assert_unchanged();
    for _ in 0..2 {
        assert_eq!(world.sync_rows(without, 0).requests(), 0, "the same bytes count again");
    }
    world.assert_agrees(&rows);
    assert_eq!(world.sync_rows(without, 0).applied(), kinds([("suspend", 1)]));
    world.assert_agrees(without);
    world.sync_rows(without, 0).assert_unchanged();
}

#[test]
fn a_held_run_counts_for_absence_and_its_plan_is_guarded_all_the_same() {
    let mut world = World::new();
    world.set("source.absence_runs", 2);
    world.set("guard.max_shrink_percent", 10.0);
    let rows = people(10);
    world.sync_rows(&rows, 0);
    let first = world.sync_rows(&rows[4..], 3);
    assert_eq!((first.hold_codes(), first.planned()), (vec!["shrink_percent"], kinds([])));
    let second = world.sync_rows(&rows[4..], 3);
    assert_eq!((second.hold_codes(), second.planned()), (vec!["shrink_percent"], kinds([("suspend", 4)])));
    assert_eq!(world.run(&["approve", second.plan_id()]).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("suspend", 4)]));
    world.assert_agrees(&rows[4..]);
}

#[test]
fn an_older_file_does_not_take_the_place_of_a_newer_one_that_was_read() {
    let world = World::new();
    let rows = people(4);
    world.hr(&rows);
    another_day(&world, "employees-1.csv", &rows[..3], -60);
    assert_eq!(world.sync().applied(), kinds([("create", 4)]));
    std::fs::rename(world.path("employees.csv"), world.path("taken-away")).unwrap();
    let words = ["employees-1.csv is not complete", "older than what was read already", "touch this file"];
    assert_incomplete(&world, &words);
    for command in [&["plan"][..], &["check"], &["adopt"]] {
        let told = world.run(command);
        assert_eq!(told.exit, 5, "{command:?}: {told:?}");
        assert!(format!("{told:?}").contains("older than what was read already"), "{command:?}: {told:?}");
    }
    world.assert_agrees(&rows);
    // The same file again is nothing new, also under an older time of change.
    std::fs::remove_file(world.path("employees-1.csv")).unwrap();
    std::fs::rename(world.path("taken-away"), world.path("employees.csv")).unwrap();
    let read = time_of(&world, "employees.csv");
    let long_ago = read - Duration::from_secs(600);
    set_time(&world, "employees.csv", long_ago);
    world.sync().assert_unchanged();
    // That does not make room for a file from between.
    std::fs::remove_file(world.path("employees.csv")).unwrap();
    std::fs::write(world.path("employees-1.csv"), hr_text(&rows[..3])).unwrap();
    set_time(&world, "employees-1.csv", long_ago + Duration::from_secs(60));
    assert_incomplete(&world, &words);
    // Whoever touches it means it.
    set_time(&world, "employees-1.csv", read + Duration::from_secs(1));
    assert_eq!(world.sync().applied(), kinds([("suspend", 1)]));
}

#[test]
fn a_file_whose_marker_has_become_too_old_is_not_replaced_by_an_older_one() {
    let mut world = World::new();
    world.set("source.done_marker", "{file}.done");
    let rows = people(4);
    world.hr(&rows);
    beside(&world, "employees.csv.done", "", 0);
    another_day(&world, "employees-1.csv", &rows[..3], -60);
    beside(&world, "employees-1.csv.done", "", 0);
    assert_eq!(world.sync().applied(), kinds([("create", 4)]));
    beside(&world, "employees.csv.done", "", -30);
    assert_incomplete(&world, &["employees-1.csv is not complete", "older than what was read already"]);
}

#[test]
fn a_file_from_the_future_does_not_keep_out_those_that_follow() {
    let world = World::new();
    let rows = people(3);
    world.hr(&rows);
    let written = time_of(&world, "employees.csv");
    set_time(&world, "employees.csv", written + Duration::from_secs(3_600));
    assert_eq!(world.sync().applied(), kinds([("create", 3)]));
    assert_eq!(world.sync_rows(&people(4), 0).applied(), kinds([("create", 1)]));
}

#[test]
fn a_file_that_cannot_be_looked_at_is_told_by_name() {
    let world = World::new();
    world.sync_rows(&people(3), 0);
    std::os::unix::fs::symlink(world.path("gone"), world.path("employees-2.csv")).unwrap();
    assert_incomplete(&world, &["employees-2.csv cannot be read"]);
}

#[test]
fn names_of_what_is_not_done_yet_and_what_is_no_file_are_passed_over() {
    let mut world = World::new();
    let folder = |world: &World, pattern: &str| world.path(pattern).display().to_string();
    // A folder and a pipe that match are no files, and that is said where nothing else matches.
    std::fs::create_dir(world.path("employees-old.csv")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(world.path("employees-pipe.csv")).status().unwrap();
    assert!(pipe.success());
    assert_incomplete(&world, &["no HR file matches", "(2 that are no files are passed over)"]);
    world.hr(&people(3));
    for name in ["~", ".writing", ".UPLOAD", ".swp", ".lck"] {
        another_day(&world, &format!("employees-2.csv{name}"), &people(9), 60);
    }
    // Editors, and transfers that rename, begin such names with a dot.
    for name in [".employees-3.csv", ".in.employees.csv"] {
        another_day(&world, name, &people(9), 60);
    }
    for (pattern, applied) in [("*.csv", kinds([("create", 3)])), ("*employees*", kinds([]))] {
        let path = folder(&world, pattern);
        world.set("source.path", path);
        let synced = world.sync();
        assert_eq!((synced.exit, synced.applied()), (0, applied), "{pattern}: {synced:?}");
    }
    // A pattern that begins so means them, and in a folder whose name begins so nothing is different.
    let path = folder(&world, ".emp*.csv");
    world.set("source.path", path);
    let synced = world.sync();
    assert_eq!(synced.applied(), kinds([("create", 6)]), "{synced:?}");
    std::fs::create_dir(world.path(".in")).unwrap();
    another_day(&world, ".in/employees.csv", &people(10), 120);
    let path = folder(&world, ".in/*.csv");
    world.set("source.path", path);
    assert_eq!(world.sync().applied(), kinds([("create", 1)]));
}

#[test]
fn a_last_value_without_a_line_end_may_be_cut_off_where_there_was_one_before() {
    let mut world = World::new();
    let rows = people(3);
    let whole = hr_text(&rows);
    world.sync_rows(&rows, 0);
    world.hr_text(&whole[..whole.len() - 2]);
    assert_incomplete(&world, &["no line end stands behind its last row", "source.trailer"]);
    // The number of rows says nothing of the last value.
    world.set("source.control_file", "{file}.count");
    beside(&world, "employees.csv.count", "3", 0);
    assert_incomplete(&world, &["no line end"]);
    world.unset("source", "control_file");
    world.set("source.trailer", "TRAILER");
    world.hr_text(&format!("{whole}TRAILER,3"));
    assert_eq!(world.sync().exit, 0);
    // An export that never ends with a line end is as it always was.
    let other = World::new();
    other.hr_text(whole.trim_end());
    assert_eq!(other.sync().applied(), kinds([("create", 3)]));
    let mut after = rows;
    after[0].title = "CFO".into();
    other.hr_text(hr_text(&after).trim_end());
    assert_eq!(other.sync().applied(), kinds([("update", 1)]));
}

#[test]
fn a_marker_that_never_comes_is_told_by_every_run() {
    let mut world = World::new();
    world.set("source.done_marker", "{file}.done");
    let rows = people(3);
    world.hr(&rows);
    beside(&world, "employees.csv.done", "", 0);
    assert_eq!(world.sync().applied(), kinds([("create", 3)]));
    world.sync().assert_unchanged();
    another_day(&world, "employees-2.csv", &people(4), 60);
    let says = |told: &str, whence: &str| {
        assert!(told.contains("employees-2.csv is passed over"), "{whence}: {told}");
        assert!(told.contains("employees-2.csv.done is not there"), "{whence}: {told}");
    };
    // This run is quiet: the file that is read is the one of before.
    let quiet = world.run(&["sync"]);
    assert_eq!(quiet.exit, 0);
    says(&quiet.stdout, "sync");
    says(world.status()["runs"][0]["message"].as_str().unwrap(), "status");
    says(&world.run(&["plan"]).stdout, "plan");
    says(&world.run(&["check"]).stdout, "check");
    beside(&world, "employees-2.csv.done", "", 61);
    assert_eq!(world.sync().applied(), kinds([("create", 1)]));
    assert!(world.status()["runs"][0]["message"].is_null());
}
