//! What a delta says and nobody can use stands in the register until a newer word comes: it would not come again.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use common::{Row, World, hr_text, kinds, people};

fn with_deltas(rows: &[Row]) -> World {
    let mut world = World::new();
    world.set("source.delta.path", world.path("delta*.csv").display().to_string());
    world.set("source.delta.action_column", "Action");
    world.set("source.delta.delete_values", vec!["D"]);
    world.sync_rows(rows, 0);
    world.assert_agrees(rows);
    world
}

/// Writes a delta of these lines.
fn delta(world: &World, name: &str, lines: &[String]) {
    let text = common::HEADER.replacen('\n', ",Action\n", 1) + &lines.join("\n") + "\n";
    std::fs::write(world.path("delta.partial"), text).unwrap();
    std::fs::rename(world.path("delta.partial"), world.path(name)).unwrap();
}

fn line(row: &Row, action: &str) -> String {
    format!("{},{action}", hr_text(std::slice::from_ref(row)).lines().nth(1).unwrap())
}

#[test]
fn a_leaver_whose_row_in_a_delta_cannot_be_used_is_told_of_by_every_run_until_a_newer_word_comes() {
    let rows = people(4);
    let world = with_deltas(&rows);
    let writes = world.writes();
    delta(&world, "delta-1.csv", &[line(&rows[0].left(), "U") + ",too many", line(&rows[1], "U")]);
    for _ in 0..3 {
        let synced = world.sync();
        assert_eq!((synced.exit, synced.applied()), (4, kinds([])), "{synced:?}");
    }
    let told = world.run(&["explain", "1000"]);
    assert!(told.stdout.contains("delta-1.csv"), "{told:?}");
    // News of others does not take it back.
    delta(&world, "delta-2.csv", &[line(&rows[2], "U")]);
    assert_eq!(world.sync().exit, 4);
    assert_eq!(world.writes(), writes);
    world.assert_agrees(&rows);
    // A word that can be used does, whether it says something else than the last good one or the same.
    delta(&world, "delta-3.csv", &[line(&rows[0], "U")]);
    world.sync().assert_unchanged();
    delta(&world, "delta-4.csv", &[line(&rows[0], "D") + ",too many"]);
    assert_eq!(world.sync().exit, 4);
    delta(&world, "delta-5.csv", &[line(&rows[0], "D")]);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, kinds([("suspend", 1)])), "{synced:?}");
    world.assert_agrees(&rows[1..]);
    world.sync().assert_unchanged();
    world.run(&["explain", "1000"]).assert_says(0, &["HR has said that they are gone (by a delta)"]);
}

/// Whoever stands in a row behind a lost line end would not be heard of before everybody is read again.
#[test]
fn a_delta_in_which_a_line_end_is_lost_counts_for_nobody_until_it_is_mended() {
    let rows = people(4);
    let world = with_deltas(&rows);
    let leaver = line(&rows[1].left(), "U");
    let joined = line(&rows[0], "U") + &leaver;
    delta(&world, "delta-1.csv", &[joined, line(&rows[2].left(), "U")]);
    for _ in 0..2 {
        world.run(&["sync"]).assert_says(5, &["delta-1.csv", "row 1 has 15 fields where the header has 8"]);
        world.assert_agrees(&rows);
    }
    delta(&world, "delta-1.csv", &[line(&rows[0], "U"), leaver, line(&rows[2].left(), "U")]);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, kinds([("suspend", 2)])), "{synced:?}");
}

#[test]
fn the_first_delta_ends_as_the_full_file_does_or_may_be_cut_off_in_its_last_value() {
    let rows = people(4);
    let world = with_deltas(&rows);
    let text = |end: &str| common::HEADER.replacen('\n', ",Action\n", 1) + &line(&rows[0].left(), "U") + end;
    std::fs::write(world.path("delta-1.csv"), text("")).unwrap();
    world.run(&["sync"]).assert_says(5, &["delta-1.csv", "no line end stands behind its last row"]);
    world.assert_agrees(&rows);
    std::fs::write(world.path("delta-1.csv"), text("\n")).unwrap();
    assert_eq!(world.sync().applied(), kinds([("suspend", 1)]));
}

#[test]
fn a_word_in_a_delta_that_nobody_knows_is_not_taken_for_still_there_and_takes_nobodys_access() {
    let rows = people(4);
    let mut world = with_deltas(&rows);
    let promoted = rows[0].but(|row| row.title = "CFO".into());
    delta(&world, "delta-1.csv", &[line(&promoted, "remove"), line(&rows[1], "u")]);
    for _ in 0..2 {
        let synced = world.sync();
        assert_eq!((synced.exit, synced.applied()), (4, kinds([])), "{synced:?}");
        world.assert_agrees(&rows);
    }
    let told = world.run(&["explain", "1000"]);
    for words in
        ["says 'remove' of what happened", "source.delta.delete_values nor upsert_values", "delta-1.csv"]
    {
        assert!(told.stdout.contains(words), "{told:?}");
    }
    // Once somebody has said what it means, everything is read anew.
    world.set("source.delta.delete_values", vec!["D", "Remove"]);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, kinds([("suspend", 1)])), "{synced:?}");
    // Where the words for those who are there are written, an empty one is none of them.
    world.set("source.delta.upsert_values", vec!["U"]);
    delta(&world, "delta-2.csv", &[line(&rows[2], "")]);
    assert_eq!(world.sync().exit, 4);
}

#[test]
fn a_row_of_nobody_in_a_delta_is_told_of_until_everybody_is_read() {
    let rows = people(4);
    let world = with_deltas(&rows);
    delta(&world, "delta-1.csv", &[line(&rows[0].left(), "U").replacen("1000", "", 1)]);
    assert_eq!(world.sync().exit, 4);
    delta(&world, "delta-2.csv", &[line(&rows[1], "U")]);
    assert_eq!(world.sync().exit, 4);
    world.assert_agrees(&rows);
    let synced = world.sync_rows(&rows[1..], 0);
    assert_eq!(synced.applied(), kinds([("suspend", 1)]), "{synced:?}");
    world.sync().assert_unchanged();
}

#[test]
fn what_one_of_several_sources_cannot_say_is_told_of_in_runs_that_do_not_read_it() {
    let mut world = World::new();
    let rows = people(6);
    world.several(&[("staff", &[]), ("agency", &[("cron", "0 0 0 1 1 *".into())])]);
    world.hr_of("staff", &rows[..4]);
    world.hr_of("agency", &rows[4..]);
    assert_eq!(world.sync().exit, 0);
    std::fs::write(world.path("agency.csv"), hr_text(&rows[4..]).replacen("Analyst", "Analyst,x", 1))
        .unwrap();
    assert_eq!(world.sync().exit, 4);
    // It fails now, and what it said last stands, good or not.
    std::fs::remove_file(world.path("agency.csv")).unwrap();
    let synced = world.sync();
    assert_eq!((synced.exit, &synced.json["source"]["rejected"]), (5, &1.into()), "{synced:?}");
    world.hr_of("agency", &rows[4..]);
    world.sync().assert_unchanged();
}
