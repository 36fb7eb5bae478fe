//! A source that is read anew, under other settings or into the register for the first time: what it does not say then takes
//! nothing from anybody.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use common::{Row, World, hr_text, kinds, people};

/// The source delivers deltas as well, so there is a register.
fn with_deltas(world: &mut World) {
    world.set("source.delta.path", world.path("delta*.csv").display().to_string());
    world.set("source.delta.action_column", "Action");
    world.set("source.delta.delete_values", vec!["D"]);
}

/// A column more: the same rows read otherwise.
fn with_another_column(world: &mut World) {
    world.set("source.columns.job_family", "Job Title");
}

/// Writes a delta of rows, each with its action.
fn delta(world: &World, name: &str, rows: &[(&Row, &str)]) {
    let mut text = common::HEADER.replacen('\n', ",Action\n", 1);
    for (row, action) in rows {
        let whole = hr_text(std::slice::from_ref(*row));
        text += &whole.lines().nth(1).map(|line| format!("{line},{action}\n")).unwrap();
    }
    std::fs::write(world.path("delta.partial"), text).unwrap();
    std::fs::rename(world.path("delta.partial"), world.path(name)).unwrap();
}

#[test]
fn under_other_settings_the_runs_of_absence_are_counted_on_and_whoever_cannot_be_read_keeps_what_they_have() {
    let mut world = World::new();
    world.set("source.absence_runs", 3);
    with_deltas(&mut world);
    let rows = people(6);
    world.sync_rows(&rows, 0);
    world.sync_rows(&rows[..5], 0);
    // The first has a field too few, the second is missing for the first time, the last for the second time.
    with_another_column(&mut world);
    let text = hr_text(&[&rows[..1], &rows[2..5]].concat()).replacen(",Analyst", "", 1);
    world.hr_text(&text);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (4, kinds([])), "{synced:?}");
    world.assert_agrees(&rows);
    world.hr_text(&text);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (4, kinds([("suspend", 1)])), "{synced:?}");
    world.assert_agrees(&rows[..5]);
    let synced = world.sync_rows(&[&rows[..1], &rows[2..5]].concat(), 0);
    assert_eq!(synced.applied(), kinds([("suspend", 1)]), "{synced:?}");
    world.assert_agrees(&[&rows[..1], &rows[2..5]].concat());
}

#[test]
fn under_other_settings_nobody_is_gone_while_a_row_has_lost_its_id() {
    let mut world = World::new();
    with_deltas(&mut world);
    let rows = people(4);
    world.sync_rows(&rows, 0);
    with_another_column(&mut world);
    world.hr_text(&hr_text(&rows).replacen("1000,", ",", 1));
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (4, kinds([])), "{synced:?}");
    world.assert_agrees(&rows);
    world.sync_rows(&rows[1..], 0);
    world.assert_agrees(&rows[1..]);
}

#[test]
fn with_the_first_register_whoever_is_rejected_or_missing_once_keeps_what_they_have() {
    let mut world = World::new();
    world.set("source.absence_runs", 3);
    let rows = people(6);
    world.sync_rows(&rows, 0);
    with_deltas(&mut world);
    let text = hr_text(&rows[..5]).replacen(",Analyst", "", 1);
    for _ in 0..2 {
        world.hr_text(&text);
        let synced = world.sync();
        assert_eq!((synced.exit, synced.applied()), (4, kinds([])), "{synced:?}");
        // What changed says nothing of absence, and neither counts nor ends the count.
        delta(&world, "delta-1.csv", &[(&rows[1], "U")]);
        let synced = world.sync();
        assert_eq!(synced.applied(), kinds([]), "{synced:?}");
    }
    world.hr_text(&text);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (4, kinds([("suspend", 1)])), "{synced:?}");
    world.assert_agrees(&rows[..5]);
}

#[test]
fn with_the_first_register_nobody_is_gone_while_a_row_has_no_id() {
    let mut world = World::new();
    let rows = people(4);
    world.sync_rows(&rows, 0);
    with_deltas(&mut world);
    world.hr_text(&hr_text(&rows).replacen("1000,", ",", 1));
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (4, kinds([])), "{synced:?}");
    assert!(world.status()["runs"][0]["message"].to_string().contains("no readable employee id, or"));
    assert!(synced.stderr.contains("(row 1)"), "{synced:?}");
    world.assert_agrees(&rows);
}

#[test]
fn a_source_is_measured_by_what_was_accepted_of_it_under_other_settings_as_well() {
    let mut world = World::new();
    world.several(&[("staff", &[]), ("contractors", &[])]);
    let (staff, contractors) = (people(8), people(12).split_off(8));
    world.hr_of("staff", &staff);
    world.hr_of("contractors", &contractors);
    assert_eq!(world.sync().exit, 0);
    world.set("guard.max_shrink_percent", 40.0);
    world.set("guard.min_people", 1);
    world.several(&[("staff", &[]), ("contractors", &[("date_formats", vec!["%d/%m/%Y"].into())])]);
    std::fs::write(
        world.path("contractors.csv"),
        hr_text(&contractors[..1])
            .replace(",Job Title", ",Job Title,Cost Center")
            .replace("Analyst", "Analyst,7"),
    )
    .unwrap();
    let held = world.sync();
    assert_eq!(held.exit, 3, "{held:?}");
    for code in ["shrink_percent", "header_changed"] {
        assert!(held.hold_codes().contains(&code), "{held:?}");
    }
    world.assert_agrees(&[staff, contractors].concat());
}

#[test]
fn whoever_is_kept_though_absent_stays_so_in_the_register_until_a_delta_says_that_they_are_gone() {
    let mut world = World::new();
    world.set("source.absence", "keep");
    let rows = people(5);
    world.sync_rows(&rows, 0);
    world.sync_rows(&rows[1..], 0).assert_unchanged();
    // There is a register from now on, and it has never heard of the first.
    with_deltas(&mut world);
    world.sync_rows(&rows[1..], 0).assert_unchanged();
    // The second is known by an old record alone.
    world.sync_rows(&rows[2..], 0).assert_unchanged();
    with_another_column(&mut world);
    world.sync_rows(&rows[2..], 0).assert_unchanged();
    world.sync().assert_unchanged();
    world.assert_agrees(&rows);
    delta(&world, "delta-1.csv", &[(&rows[0], "D"), (&rows[1], "d")]);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, kinds([("suspend", 2)])), "{synced:?}");
    world.assert_agrees(&rows[2..]);
    world.sync().assert_unchanged();
}

#[test]
fn whom_a_delta_says_gone_behind_a_full_file_is_gone_also_where_absence_means_nothing() {
    let mut world = World::new();
    world.set("source.absence", "keep");
    world.guard_tightly();
    with_deltas(&mut world);
    let rows = people(4);
    world.sync_rows(&rows, 0);
    world.hr(&rows);
    delta(&world, "delta-1.csv", &[(&rows[0], "D"), (&rows[1], "D")]);
    let held = world.sync();
    assert_eq!((held.exit, held.planned()), (3, kinds([("suspend", 2)])), "{held:?}");
    // The register knows it still once it is approved.
    let held = world.sync();
    assert_eq!(world.run(&["approve", held.plan_id(), "--by", "somebody"]).exit, 0);
    world.sync();
    world.assert_agrees(&rows[2..]);
}

#[test]
fn an_old_full_file_is_not_believed_without_each_delta_that_was_read_behind_it() {
    let mut world = World::new();
    with_deltas(&mut world);
    let (rows, hired) = (people(4), Row::new("2000", "New", "Hire"));
    world.sync_rows(&rows, 0);
    delta(&world, "delta-1.csv", &[(&rows[0], "D"), (&hired, "U")]);
    assert_eq!(world.sync().applied(), kinds([("create", 1), ("suspend", 1)]));
    let now = [&rows[1..], std::slice::from_ref(&hired)].concat();
    // With its deltas it is whole.
    with_another_column(&mut world);
    world.sync().assert_unchanged();
    // A retention job takes away the oldest; those behind it are there.
    delta(&world, "delta-2.csv", &[(&rows[1], "U")]);
    world.sync().assert_unchanged();
    std::fs::remove_file(world.path("delta-1.csv")).unwrap();
    world.set("source.columns.grade", "Job Title");
    delta(&world, "delta-3.csv", &[(&rows[1], "U")]);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.outcome()), (5, "incomplete"), "{synced:?}");
    for words in ["older than deltas", "delta-1.csv", "put a newer full file there"] {
        assert!(synced.stderr.contains(words), "{synced:?}");
    }
    world.run(&["check"]).assert_says(5, &["put a newer full file there"]);
    world.assert_agrees(&now);
    world.sync_rows(&now, 0).assert_unchanged();
}

#[test]
fn with_the_first_register_the_columns_are_those_that_were_accepted_before() {
    let mut world = World::new();
    let rows = people(4);
    world.sync_rows(&rows, 0);
    with_deltas(&mut world);
    let text =
        hr_text(&rows).replacen("Job Title", "Job Title,Cost Center", 1).replace("Analyst", "Analyst,7");
    world.hr_text(&text);
    for _ in 0..2 {
        let held = world.sync();
        assert_eq!((held.exit, held.hold_codes()), (3, vec!["header_changed"]), "{held:?}");
    }
    let plan = world.status()["held"]["plan_id"].as_str().unwrap().to_owned();
    assert_eq!(world.run(&["approve", &plan, "--by", "somebody"]).exit, 0);
    world.hr_text(&text);
    world.sync().assert_unchanged();
}
