//! Several sources in one daemon: together they make one company, and one that fails makes nobody look gone.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use common::{Calendar, Row, World, is_active, kinds, people};
use serde_json::Value;
use workiva_sync::core::report::Counts;

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

/// The staff's system calls a leave what the contractors' calls the end.
#[test]
fn one_word_means_to_each_source_what_it_means_there() {
    let words = |text: &str| toml::from_str::<toml::Value>(text).unwrap();
    let mut world = World::new();
    let own = [
        ("lifecycle", words("leave = [\"Inactive\", \"Sabbatical\"]")),
        ("lifecycle", words("active = [\"A\"]\nleave = []\nterminated = [\"Inactive\"]")),
    ];
    world.several(&[("staff", &own[..1]), ("contractors", &own[1..])]);
    let says = |rows: Vec<Row>, status: &str| -> Vec<Row> {
        rows.iter().map(|row| row.but(|row| row.status = status.into())).collect()
    };
    let theirs = |rows: &[Row]| {
        world.hr_of("contractors", rows);
        world.sync()
    };
    world.hr_of("staff", &staff());
    let active = says(contractors(), "A");
    assert_eq!(theirs(&active).applied(), kinds([("create", 12)]));
    let mut away = staff();
    (away[0].status, away[1].status) = ("inactive".into(), "Sabbatical".into());
    world.hr_of("staff", &away);
    let mut left = active.clone();
    left[0].status = "Inactive".into();
    // What is a word of the other source alone is none here.
    (left[1].status, left[2].status) = ("Active".into(), "Terminated".into());
    let synced = theirs(&left);
    assert_eq!((synced.exit, synced.applied()), (4, kinds([("suspend", 1)])), "{synced:?}");
    let rejected = world.run(&["explain", "c2"]).stdout;
    assert!(rejected.contains("'Terminated (not here)'"), "{rejected}");
    // It is read so by whoever looks as well, and of a leaver nothing but that word has to be of use.
    left[3] = Row { email: String::new(), ..left[3].but(|row| row.status = "Inactive".into()) };
    assert_eq!(theirs(&left).applied(), kinds([("suspend", 1)]));
    let check: Value = serde_json::from_str(&world.run(&["check", "--json"]).stdout).unwrap();
    assert!(check.to_string().contains("(not here)"), "{check}");
    theirs(&active);
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
            ["source 'staff' no longer names 1 person (employee 1000)", "they may be in 'contractors'"]
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
fn whoever_was_in_doubt_is_gone_once_the_other_source_has_shown_itself_whole_whatever_is_read_then() {
    let mut world = World::new();
    let delta: toml::Table = toml::from_str(&format!(
        "path = '{}'\naction_column = 'Action'\ndelete_values = ['D']",
        world.path("changes-*.csv").display()
    ))
    .unwrap();
    let keys = [("delta", delta.into()), ("full_cron", "0 0 3 1 1 *".into())];
    world.several(&[("staff", &keys), ("contractors", &[])]);
    world.hr_of("staff", &staff());
    world.hr_of("contractors", &contractors());
    assert_eq!(world.sync().applied(), kinds([("create", 12)]));
    // The full file of one source comes while the other one cannot be read, and is not read again.
    std::fs::remove_file(world.path("contractors.csv")).unwrap();
    world.hr_of("staff", &staff()[1..]);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (5, kinds([])), "{synced:?}");
    world.hr_of("contractors", &contractors());
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, kinds([("suspend", 1)])), "{synced:?}");
    world.assert_agrees(&[&staff()[1..], &contractors()].concat());
    world.sync().assert_unchanged();
}

#[test]
fn who_goes_to_a_source_whose_newest_file_is_not_done_yet_keeps_everything_until_it_is() {
    let mut world = World::new();
    let pattern = world.path("contractors*.csv").display().to_string();
    let keys = [("done_marker", "{file}.done".into()), ("path", pattern.into())];
    world.several(&[("staff", &[]), ("contractors", &keys)]);
    world.hr_of("staff", &staff());
    world.hr_of("contractors", &contractors());
    let done = |name: &str| std::fs::write(world.path(&format!("{name}.csv.done")), "").unwrap();
    done("contractors");
    assert_eq!(world.sync().applied(), kinds([("create", 12)]));
    let (stay, moved) = (&staff()[1..], &staff()[..1]);
    world.hr_of("staff", stay);
    world.hr_of("contractors2", &[&contractors(), moved].concat());
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, kinds([])), "{synced:?}");
    let message = world.status()["runs"][0]["message"].to_string();
    assert!(message.contains("is passed over") && message.contains("they may be in"), "{message}");
    done("contractors2");
    world.sync().assert_unchanged();
    world.assert_agrees(&both());
}

#[test]
fn a_status_that_the_leading_source_leaves_empty_rejects_whatever_another_one_says() {
    let mut world = World::new();
    world.several(&[("staff", &[("priority", 1.into())]), ("agency", &[("priority", 2.into())])]);
    world.hr_of("staff", &staff());
    let ended = staff()[2].left();
    world.hr_of("agency", &[&contractors()[..], &[ended]].concat());
    assert_eq!(world.sync().exit, 0);
    let mut rows = staff();
    rows[2] = rows[2].but(|row| row.status = String::new());
    world.hr_of("staff", &rows);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (4, kinds([])), "{synced:?}");
    assert_eq!(synced.json["source"]["rejected"], 1, "{synced:?}");
    world.assert_agrees(&both());
}

#[test]
fn a_record_that_its_source_no_longer_delivers_does_not_outrank_the_one_that_still_comes() {
    let mut world = World::new();
    let keep = [("absence", "keep".into()), ("priority", 1.into())];
    world.several(&[("staff", &keep), ("agency", &[("priority", 2.into())])]);
    world.hr_of("staff", &staff());
    world.hr_of("agency", &contractors());
    assert_eq!(world.sync().exit, 0);
    world.hr_of("staff", &staff()[1..]);
    world.hr_of("agency", &[&contractors(), &staff()[..1]].concat());
    assert_eq!(world.sync().applied(), kinds([]));
    world.hr_of("agency", &[&contractors()[..], &[staff()[0].left()]].concat());
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, kinds([("suspend", 1)])), "{synced:?}");
    world.assert_agrees(&[&staff()[1..], &contractors()].concat());
    world.sync().assert_unchanged();
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
fn an_id_that_begins_with_another_sources_prefix_makes_no_one_person_of_two() {
    let mut world = World::new();
    world
        .several(&[("staff", &[]), ("agency", &[("id_prefix", "agency-".into()), ("priority", 200.into())])]);
    let theirs = Row::new("agency-5", "Ana", "Ruiz");
    let (five, six) = (Row::new("5", "Bo", "Lind"), Row::new("6", "Cy", "Moss"));
    world.hr_of("staff", &[Row::new("1", "Di", "Noor"), theirs.clone()]);
    world.hr_of("agency", &[five.clone(), six.clone()]);
    let told = world.run(&["check"]);
    assert!(
        told.stdout.contains("agency-5") && told.stdout.contains("id_prefix of another source"),
        "{told:?}"
    );
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (4, kinds([("create", 2)])), "{synced:?}");
    assert!(world.user(&theirs.email).is_none() && world.user(&five.email).is_none());
    world.sync().assert_unchanged();
    // Once there is no doubt whose id it is, they have an account.
    world.hr_of("staff", &[Row::new("1", "Di", "Noor")]);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, kinds([("create", 1)])), "{synced:?}");
    assert_eq!(world.user(&five.email).unwrap()["externalId"], "agency-5");
}

#[test]
fn a_prefix_that_begins_as_another_one_does_is_a_configuration_error_and_equal_ones_are_not() {
    let mut world = World::new();
    let mut told = |one: &str, two: &str| {
        world.several(&[("one", &[("id_prefix", one.into())]), ("two", &[("id_prefix", two.into())])]);
        world.run(&["config", "print"])
    };
    for (one, two, key) in
        [("a", "ab", "sources[0].id_prefix = a"), ("uk-x", "uk-", "sources[1].id_prefix = uk-")]
    {
        let told = told(one, two);
        assert!(told.exit != 0 && told.stderr.contains(key), "{told:?}");
        assert!(told.stderr.contains("let neither begin with the other"), "{told:?}");
    }
    for (one, two) in [("a-", "ab-"), ("s-", "s-"), ("", "a-"), ("", "")] {
        let told = told(one, two);
        assert_eq!(told.exit, 0, "{one} {two}: {told:?}");
    }
}

#[test]
fn a_bad_row_of_a_source_that_does_not_decide_keeps_no_leaver() {
    let mut world = World::new();
    world.several(&[("staff", &[]), ("agency", &[("priority", 200.into())])]);
    let all = people(6);
    let twice = |row: &Row| [row.clone(), row.but(|row| row.title = "Another".into())];
    world.hr_of("staff", &all[..5]);
    world.hr_of("agency", &[&all[..2], &all[5..]].concat());
    assert_eq!(world.sync().applied(), kinds([("create", 6)]));
    // Two rows that differ keep whoever is employed, and nobody who has left by the word that counts.
    let bad = [&twice(&all[0])[..], &twice(&all[1]), &all[5..]].concat();
    world.hr_of("agency", &bad);
    world.hr_of("staff", &[&[all[0].left()], &all[1..5]].concat());
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (4, kinds([("suspend", 1)])), "{synced:?}");
    world.sync().assert_unchanged();
    // A word of the source that decides keeps them, whatever the other one says.
    world.hr_of("staff", &[&[all[0].left()], &twice(&all[1])[..], &all[2..5]].concat());
    world.hr_of("agency", &[all[1].left(), all[5].clone()]);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (4, kinds([])), "{synced:?}");
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
fn a_source_that_was_left_out_of_the_configuration_by_mistake_comes_back_as_it_was_known() {
    let mut world = two_sources();
    world.guard_tightly();
    world.several(&[("staff", &[])]);
    assert_eq!(world.sync().exit, 3);
    world.several(&[("staff", &[]), ("contractors", &[])]);
    // It cannot even be read yet.
    std::fs::remove_file(world.path("contractors.csv")).unwrap();
    let mut rows = staff();
    rows[0] = rows[0].but(|row| row.title = "Auditor".into());
    world.hr_of("staff", &rows);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (5, kinds([("update", 1)])), "{synced:?}");
    world.assert_agrees(&[rows, contractors()].concat());
}

#[test]
fn plan_and_adopt_tell_of_a_source_that_fails_and_end_as_sync_does() {
    let world = two_sources();
    std::fs::remove_file(world.path("contractors.csv")).unwrap();
    let mut rows = staff();
    rows[0] = rows[0].but(|row| row.title = "Auditor".into());
    world.hr_of("staff", &rows);
    for (command, words) in [("plan", "would be applied"), ("adopt", "linked now")] {
        let told = world.run(&[command]);
        assert_eq!(told.exit, 5, "{told:?}");
        assert!(told.stdout.contains(words), "{told:?}");
        assert!(
            format!("{}{}", told.stdout, told.stderr).contains("source 'contractors': no HR file"),
            "{told:?}"
        );
        let told = world.run(&[command, "--json"]);
        assert_eq!(told.exit, 5, "{told:?}");
        assert!(told.stderr.contains("source 'contractors': no HR file"), "{told:?}");
    }
    world.run(&["status"]).assert_says(0, &["12 active accounts"]);
    assert_eq!(world.sync().exit, 5);
    world.run(&["status"]).assert_says(0, &["source 'contractors' fails since", "no HR file"]);
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
fn whoever_left_one_source_and_whose_address_passes_on_in_another_loses_access_behind_the_last_day() {
    let mut world = World::new();
    world.set("source.columns.termination_date", "Last Day");
    world.set("guard.max_shrink_percent", 100.0);
    world.set("guard.max_reject_percent", 100.0);
    world.several(&[("staff", &[]), ("agency", &[])]);
    let calendar = Calendar::of(world);
    let write = |name: &str, rows: &[Row], last_day_of_the_first: &str| {
        let text = common::hr_text(rows);
        let mut lines: Vec<String> = text.lines().map(|line| format!("{line},")).collect();
        lines[0] += "Last Day";
        lines[1] += last_day_of_the_first;
        std::fs::write(calendar.world.path(&format!("{name}.csv")), lines.join("\n") + "\n").unwrap();
    };
    let (staff, mut agency) = (staff(), contractors());
    write("staff", &staff, "2026-11-30");
    write("agency", &agency, "");
    assert_eq!(calendar.sync_on("2026-11-27").0.create, 12);
    // They may be one person.
    agency.push(Row { id: "c9".into(), family: "Other".into(), ..staff[0].clone() });
    write("agency", &agency, "");
    write("staff", &staff[1..], "");
    let has_access = || is_active(&calendar.world.user(&staff[0].email).unwrap());
    assert_eq!(calendar.sync_on("2026-11-30").0, Counts::default());
    assert!(has_access());
    assert_eq!(calendar.sync_on("2026-12-01").0, Counts { suspend: 1, ..Counts::default() });
    assert!(!has_access());
    assert_eq!(calendar.sync_on("2026-12-02").0, Counts::default());
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

/// 29 people of the staff and a guest of another source, all with accounts, under these settings.
fn staff_and_a_guest(settings: &[(&str, i64)]) -> (World, Vec<Row>) {
    let mut world = World::new();
    settings.iter().for_each(|(key, value)| world.set(key, *value));
    world.several(&[("staff", &[]), ("guests", &[])]);
    let mut staff = people(30);
    let guests = staff.split_off(29);
    world.hr_of("staff", &staff);
    world.hr_of("guests", &guests);
    assert_eq!(world.sync().applied(), kinds([("create", 30)]));
    (world, staff)
}

#[test]
fn a_source_that_is_taken_out_of_the_configuration_takes_nobodys_access_until_somebody_lets_it_stand() {
    let (mut world, staff) = staff_and_a_guest(&[]);
    // Since it failed, say.
    world.several(&[("staff", &[])]);
    world.hr_of("staff", &staff);
    for _ in 0..2 {
        let held = world.sync();
        assert_eq!(
            (held.exit, held.hold_codes(), held.applied()),
            (3, vec!["source_removed"], kinds([])),
            "{held:?}"
        );
        assert!(held.json["hold_reasons"][0]["message"].to_string().contains("source 'guests'"), "{held:?}");
    }
    world.several(&[("staff", &[]), ("guests", &[])]);
    world.sync().assert_unchanged();
    world.several(&[("staff", &[])]);
    let held = world.sync();
    assert_eq!(world.run(&["approve", held.plan_id(), "--by", "a test"]).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("suspend", 1)]));
    world.sync().assert_unchanged();
}

#[test]
fn a_source_that_is_taken_out_is_remembered_while_its_people_keep_what_they_have_for_some_runs() {
    let (mut world, staff) = staff_and_a_guest(&[("source.absence_runs", 2)]);
    world.several(&[("staff", &[])]);
    world.hr_of("staff", &staff);
    world.sync();
    for _ in 0..3 {
        world.hr_of("staff", &staff);
        let synced = world.sync();
        assert_eq!((synced.applied(), synced.exit), (kinds([]), 3), "{synced:?}");
        assert_eq!(synced.hold_codes(), ["source_removed"]);
    }
    // Whom it has not named may leave meanwhile.
    assert_eq!(world.run(&["approve", world.sync().plan_id(), "--by", "a test"]).exit, 0);
    let left = [&[staff[0].left()], &staff[1..]].concat();
    world.hr_of("staff", &left);
    assert_eq!(world.sync().applied(), kinds([("suspend", 2)]));
    world.sync().assert_unchanged();
}

#[test]
fn while_a_row_says_nothing_of_whose_it_is_nobody_is_gone_from_one_of_several_sources() {
    let world = two_sources();
    let rows = contractors();
    // Of the last one the employee id was mistyped, and the rest of the row is lost.
    let lost = format!("{}c9,,,,Active,Finance,\n", common::hr_text(&rows[..3]));
    std::fs::write(world.path("contractors.csv"), &lost).unwrap();
    for _ in 0..2 {
        let synced = world.sync();
        assert_eq!((synced.exit, synced.applied()), (4, kinds([])), "{synced:?}");
        assert!(synced.stderr.contains("(employee id c9)"), "{synced:?}");
    }
    world.assert_agrees(&both());
    world.hr_of("contractors", &rows[..3]);
    assert_eq!(world.sync().applied(), kinds([("suspend", 1)]));
}
