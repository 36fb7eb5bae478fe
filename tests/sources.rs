//! Several sources in one daemon: together they make one company, and one that fails makes nobody look gone.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use common::{Row, World, kinds, people};

fn staff() -> Vec<Row> {
    people(8)
}

fn contractors() -> Vec<Row> {
    (0..4).map(|n| Row::new(&format!("c{n}"), "Contractor", &format!("Number{n}"))).collect()
}

fn both() -> Vec<Row> {
    [staff(), contractors()].concat()
}

/// Two sources, read once.
fn two_sources() -> World {
    let mut world = World::new();
    world.several(&[("staff", &[]), ("contractors", &[])]);
    world.hr_of("staff", &staff());
    world.hr_of("contractors", &contractors());
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, kinds([("create", 12)])), "{synced:?}");
    world.assert_agrees(&both());
    world
}

#[test]
fn several_sources_make_one_company_and_unchanged_ones_send_nothing() {
    let world = two_sources();
    world.sync().assert_unchanged();
    let mut rows = contractors();
    rows[1] = rows[1].but(|row| row.title = "Auditor".into());
    rows.remove(3);
    world.hr_of("contractors", &rows);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, kinds([("suspend", 1), ("update", 1)])), "{synced:?}");
    world.assert_agrees(&[staff(), rows].concat());
    world.sync().assert_unchanged();
}

#[test]
fn a_source_that_fails_leaves_its_people_as_they_are_and_the_others_go_on() {
    let world = two_sources();
    std::fs::remove_file(world.path("contractors.csv")).unwrap();
    let mut rows = staff();
    rows[0] = rows[0].left();
    world.hr_of("staff", &rows);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (5, kinds([("suspend", 1)])), "{synced:?}");
    assert!(world.status()["runs"][0]["message"].as_str().unwrap().contains("source 'contractors'"));
    world.assert_agrees(&[rows.clone(), contractors()].concat());
    // In whatever way it fails.
    std::fs::write(world.path("contractors.csv"), "Employee ID,First Name\n").unwrap();
    assert_eq!(world.sync().exit, 5);
    world.hr_of("contractors", &contractors());
    world.sync().assert_unchanged();
}

#[test]
fn whoever_moves_between_two_sources_keeps_access_while_the_new_one_does_not_show_them_whole() {
    let world = two_sources();
    let (stay, moved) = (&staff()[1..], staff()[0].clone());
    let there = [contractors(), vec![moved.clone()]].concat();
    world.hr_of("staff", stay);
    let kept = |text: Option<String>, exit: i32| {
        match text {
            Some(text) => std::fs::write(world.path("contractors.csv"), text).unwrap(),
            None => std::fs::remove_file(world.path("contractors.csv")).unwrap(),
        }
        let synced = world.sync();
        assert_eq!((synced.exit, synced.applied()), (exit, kinds([])), "{synced:?}");
        let message = world.status()["runs"][0]["message"].to_string();
        for words in
            ["source 'staff' no longer names 1 people (employee 1000)", "'contractors' failed or has"]
        {
            assert!(message.contains(words), "{words} is not in {message}");
        }
        world.assert_agrees(&both());
    };
    kept(None, 5);
    kept(Some(common::hr_text(&there).replacen("1000,Person,Number0", "1000,too many,Person,Number0", 1)), 4);
    kept(Some(common::hr_text(&there).replacen("1000,", ",", 1)), 4);
    world.hr_of("contractors", &there);
    world.sync().assert_unchanged();
    // Now they are known to be in neither.
    world.hr_of("contractors", &contractors());
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, kinds([("suspend", 1)])), "{synced:?}");
    world.assert_agrees(&[stay, &contractors()].concat());
}

#[test]
fn where_all_of_them_fail_nothing_is_planned() {
    let world = two_sources();
    for name in ["staff.csv", "contractors.csv"] {
        std::fs::remove_file(world.path(name)).unwrap();
    }
    let synced = world.sync();
    assert_eq!((synced.exit, synced.outcome()), (5, "incomplete"), "{synced:?}");
    world.assert_agrees(&both());
}

#[test]
fn until_each_source_has_been_read_once_nobody_looks_gone() {
    let mut world = World::new();
    world.sync_rows(&both(), 0);
    let writes = world.writes();
    // What was one file becomes two, and the second is late.
    world.several(&[("staff", &[]), ("contractors", &[])]);
    world.hr_of("staff", &staff());
    let synced = world.sync();
    assert_eq!((synced.exit, synced.outcome()), (5, "incomplete"), "{synced:?}");
    assert!(synced.json["plan_id"].is_null());
    world.hr_of("contractors", &contractors());
    world.sync().assert_unchanged();
    assert_eq!(world.writes(), writes);
    world.assert_agrees(&both());
}

#[test]
fn a_source_that_shrinks_is_held_by_its_own_measure_until_it_is_approved() {
    let mut world = two_sources();
    world.set("guard.max_shrink_percent", 40.0);
    world.set("guard.min_people", 1);
    // A quarter of all, but three quarters of this source.
    world.hr_of("contractors", &contractors()[..1]);
    for _ in 0..2 {
        let held = world.sync();
        assert_eq!((held.exit, held.hold_codes()), (3, vec!["shrink_percent"]), "{held:?}");
        assert!(held.json["hold_reasons"].to_string().contains("contractors"), "{held:?}");
    }
    world.assert_agrees(&both());
    // Another source's news does not let it through.
    world.hr_of("staff", &staff()[..7]);
    let held = world.sync();
    assert_eq!(held.hold_codes(), ["shrink_percent"], "{held:?}");
    let approved = world.run(&["approve", held.plan_id(), "--by", "somebody"]);
    assert_eq!(approved.exit, 0, "{approved:?}");
    let synced = world.sync();
    assert_eq!((synced.exit, synced.outcome()), (0, "applied"), "{synced:?}");
    world.assert_agrees(&[&staff()[..7], &contractors()[..1]].concat());
    world.sync().assert_unchanged();
}

#[test]
fn where_two_know_a_person_the_priority_decides_and_an_attribute_may_have_its_own() {
    let mut world = World::new();
    world.several(&[("directory", &[("priority", 2.into())]), ("payroll", &[("priority", 1.into())])]);
    let payroll = Row::new("1000", "Ana", "Ruiz").but(|row| row.title = "By payroll".into());
    let directory = payroll.but(|row| {
        row.title = "By directory".into();
        row.email = "ana.directory@example.com".into();
    });
    world.hr_of("payroll", std::slice::from_ref(&payroll));
    world.hr_of("directory", std::slice::from_ref(&directory));
    world.sync();
    world.assert_agrees(std::slice::from_ref(&payroll));
    world.set("precedence.work_email", vec!["directory"]);
    world.sync();
    world.assert_agrees(&[payroll.but(|row| row.email.clone_from(&directory.email))]);
    // Whom payroll no longer knows, the directory still does.
    world.hr_of("payroll", &[Row::new("2000", "Some", "Body")]);
    let synced = world.sync();
    assert_eq!(synced.exit, 0, "{synced:?}");
    world.assert_agrees(&[directory, Row::new("2000", "Some", "Body")]);
}

#[test]
fn a_prefix_keeps_equal_ids_of_two_sources_apart() {
    let mut world = World::new();
    world.several(&[("us", &[]), ("uk", &[("id_prefix", "uk-".into())])]);
    let (one, two) = (Row::new("7", "Ana", "Ruiz"), Row::new("7", "Bo", "Lind"));
    world.hr_of("us", std::slice::from_ref(&one));
    world.hr_of("uk", std::slice::from_ref(&two));
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, kinds([("create", 2)])), "{synced:?}");
    world.assert_agrees(&[one, two.clone()]);
    assert_eq!(world.user(&two.email).unwrap()["externalId"], "uk-7");
    let told = world.run(&["explain", "uk-7", "--json"]);
    assert!(told.stdout.contains("Lind"), "{told:?}");
    world.sync().assert_unchanged();
}

#[test]
fn each_source_says_what_absence_means_in_it() {
    let mut world = World::new();
    world
        .several(&[("staff", &[("absence_runs", 2.into())]), ("contractors", &[("absence", "keep".into())])]);
    world.hr_of("staff", &staff());
    world.hr_of("contractors", &contractors());
    world.sync();
    world.hr_of("staff", &staff()[..7]);
    world.hr_of("contractors", &contractors()[..1]);
    world.sync().assert_unchanged();
    world.assert_agrees(&both());
    let synced = world.sync();
    assert_eq!(synced.applied(), kinds([("suspend", 1)]), "{synced:?}");
    world.assert_agrees(&[&staff()[..7], &contractors()].concat());
}

#[test]
fn dates_of_two_sources_may_be_written_in_two_ways() {
    let mut world = World::new();
    let with_dates = |rows: &[Row], leaves: &str| {
        common::hr_text(rows)
            .replacen("Job Title", "Job Title,Last Day", 1)
            .replace("Analyst", &format!("Analyst,{leaves}"))
    };
    world.set("source.columns.termination_date", "Last Day");
    world.several(&[
        ("us", &[("date_formats", vec!["%m/%d/%Y"].into())]),
        ("uk", &[("date_formats", vec!["%d/%m/%Y"].into())]),
    ]);
    std::fs::write(world.path("us.csv"), with_dates(&staff(), "12/11/2000")).unwrap();
    std::fs::write(world.path("uk.csv"), with_dates(&contractors(), "13/11/2900")).unwrap();
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, kinds([("create", 4)])), "{synced:?}");
    world.assert_agrees(&contractors());
}

#[test]
fn a_source_that_is_no_longer_configured_takes_its_people_with_it_under_the_guard() {
    let mut world = two_sources();
    world.guard_tightly();
    world.several(&[("staff", &[])]);
    let held = world.sync();
    assert_eq!((held.exit, held.planned()), (3, kinds([("suspend", 4)])), "{held:?}");
    world.assert_agrees(&both());
}

#[test]
fn a_plan_writes_nothing_and_check_names_each_source() {
    let world = two_sources();
    world.hr_of("staff", &staff()[..6]);
    let before = std::fs::read(world.database()).unwrap();
    let plan = common::Synced::of(world.run(&["plan", "--json"]));
    assert_eq!(plan.planned(), kinds([("suspend", 2)]), "{plan:?}");
    assert_eq!(std::fs::read(world.database()).unwrap(), before);
    let checked = world.run(&["check"]);
    assert_eq!(checked.exit, 0, "{checked:?}");
    assert!(checked.stdout.contains("staff, contractors"), "{checked:?}");
    let synced = world.sync();
    assert_eq!(synced.applied(), kinds([("suspend", 2)]), "{synced:?}");
}

#[test]
fn faults_of_several_sources_are_told_by_the_one_that_they_are_of() {
    let mut world = World::new();
    world.several(&[("staff", &[]), ("staff", &[("cron", "never".into()), ("delimiter", "ab".into())])]);
    world.set("precedence.work_email", vec!["nobody"]);
    let told = world.run(&["check"]);
    assert_eq!(told.exit, 2, "{told:?}");
    for word in ["sources[1].name", "sources[1].cron", "sources[1].delimiter", "precedence.work_email"] {
        assert!(told.stderr.contains(word), "{word} is not in {told:?}");
    }
}

#[test]
fn why_somebody_is_away_or_has_left_is_not_taken_from_another_source_than_the_status() {
    let mut world = World::new();
    world.set("source.columns.leave_type", "Leave Type");
    world.set("source.columns.termination_reason", "Reason");
    world.set("source.columns.termination_date", "Last Day");
    world.set("lifecycle.leave", vec!["On Leave"]);
    world.set("lifecycle.leave_types.Medical", "suspend");
    world.set("lifecycle.deprovision_days_after_termination", 3_650);
    world.set("lifecycle.immediate", vec!["For cause"]);
    world.several(&[("staff", &[]), ("agency", &[("priority", 200.into())])]);
    let text = |rows: &[Row], leave: &str, reason: &str, day: &str| {
        common::hr_text(rows)
            .replacen("Job Title", "Job Title,Leave Type,Reason,Last Day", 1)
            .replace("Analyst", &format!("Analyst,{leave},{reason},{day}"))
    };
    let rows = staff();
    std::fs::write(world.path("staff.csv"), text(&rows, "", "", "")).unwrap();
    std::fs::write(world.path("agency.csv"), text(&rows[..2], "Medical", "For cause", "")).unwrap();
    world.sync();
    world.assert_agrees(&rows);
    // Of the one HR says a leave, of the other a last day that has long to be followed. The agency knows of another leave and end.
    let mut told = rows.clone();
    told[0] = told[0].but(|row| row.status = "On Leave".into());
    let staff = text(&told, "", "", "");
    let second = |line: &str| match line.starts_with(&rows[1].id) {
        true => line.replace(",Active,", ",Terminated,").replace("Analyst,,,", "Analyst,,,2026-01-31"),
        false => line.to_owned(),
    };
    let staff: Vec<String> = staff.lines().map(second).collect();
    std::fs::write(world.path("staff.csv"), staff.join("\n") + "\n").unwrap();
    let synced = world.sync();
    assert_eq!((synced.exit, synced.planned()), (0, kinds([])), "{synced:?}");
    world.assert_agrees(&rows);
}
