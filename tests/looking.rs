//! Looking at the sources: what `check` tells of each.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use common::{HEADER, Row, World, people};
use serde_json::{Value, json};

/// `check --json`, which has to end with this exit code.
fn checked(world: &World, exit: i32) -> Value {
    let output = world.run(&["check", "--json"]);
    assert_eq!(output.exit, exit, "{output:?}");
    serde_json::from_str(&output.stdout).unwrap()
}

/// A file with two columns more than are mapped, and a byte order mark.
fn with_more_columns(rows: &[Row]) -> String {
    let text = common::hr_text(rows).replace('\n', ",x,y\n");
    format!("\u{feff}{}", text.replacen("Job Title,x,y", "Job Title,Nickname,Cost Center", 1))
}

#[test]
fn check_names_the_file_the_columns_that_nothing_reads_and_one_masked_record() {
    let world = World::new();
    let rows =
        [Row::new("0042", "Ángela", "O'Neil").but(|row| row.email = "Angela.ONeil@example.com".into())];
    world.hr_text(&with_more_columns(&rows));
    let told = world.run(&["check"]);
    let file = world.path("employees.csv").display().to_string();
    told.assert_says(0,
        &[
            &format!("ok   HR source: {file}: complete, 1 usable rows, 0 rejected\n"),
            "not read by any column: Cost Center, Nickname\n",
            "sample, masked: row 1: employee_id = 9999, department = Xxxxxxx, family_name = X'Xxxx, given_name = Xxxxxx, \
         job_title = Xxxxxxx, status = Xxxxxx, work_email = Xxxxxx.XXxxx@xxxxxxx.xxx\n",
        ],
    );
    let all = format!("{}{}", told.stdout, told.stderr);
    for personal in ["0042", "ngela", "Neil", "Finance"] {
        assert!(!all.contains(personal), "{personal}: {told:?}");
    }
    let source = &checked(&world, 0)["sources"][0];
    assert_eq!(source["reached"], file);
    assert_eq!((&source["rows"], &source["usable"], &source["rejected"]), (&json!(1), &json!(1), &json!(0)));
    assert_eq!(source["unmapped"], json!(["Cost Center", "Nickname"]));
    assert_eq!(source["sample"]["fields"]["work_email"], "Xxxxxx.XXxxx@xxxxxxx.xxx");
}

#[test]
fn check_names_configured_columns_that_the_file_does_not_have_beside_those_it_has() {
    let mut world = World::new();
    world.hr_text(&with_more_columns(&people(2)));
    world.set("source.columns.hire_date", "Hire Date");
    let told = world.run(&["check"]);
    told.assert_says(
        5,
        &[
            "its header has no column 'Hire Date' (source.columns.hire_date)",
            "not read by any column: Cost Center, Nickname\n",
            "configured, and not in the source: hire_date\n",
        ],
    );
    let source = &checked(&world, 5)["sources"][0];
    assert_eq!((&source["ok"], &source["absent"]), (&json!(false), &json!(["hire_date"])));
}

#[test]
fn check_says_what_a_run_would_reject_in_the_same_words_and_takes_another_record_for_the_sample() {
    let world = World::new();
    let good = Row::new("7", "Ana", "Ruiz");
    let rows = [
        good.but(|row| row.id = String::new()),
        Row::new("1", "Some", "Body").but(|row| row.status = "Sabbatical".into()),
        Row::new("2", "No", "Mail").but(|row| row.email = "nowhere".into()),
        Row::new("3", "Two", "Rows"),
        Row::new("3", "Two", "Others"),
        Row::new("4", "Same", "Name"),
        Row::new("5", "Same", "Name"),
        good.clone(),
        good,
    ];
    world.hr(&rows);
    let source = &checked(&world, 0)["sources"][0];
    // The same row twice is one.
    assert_eq!((&source["usable"], &source["rejected"], &source["rows"]), (&json!(1), &json!(6), &json!(8)));
    assert_eq!(
        (&source["sample"]["row"], &source["sample"]["fields"]["given_name"]),
        (&json!(8), &json!("Xxx"))
    );
    let told: Vec<(u64, String)> = source["first_rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["row"].as_u64().unwrap(), one["reason"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(world.sync().exit, 4);
    let status = world.status();
    let mut by_run: Vec<(u64, String)> = status["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["row"].as_u64().unwrap(), one["reason"].as_str().unwrap().to_owned()))
        .collect();
    by_run.sort();
    assert_eq!(told, by_run);
    world
        .run(&["check"])
        .assert_says(0, &["rejected: row 2, employee 1: ", "rejected: row 1: has no employee id"]);
}

#[test]
fn check_counts_a_user_name_that_is_held_already_against_the_other_alone() {
    let world = World::new();
    let holder = Row::new("4", "Same", "Name");
    world.sync_rows(std::slice::from_ref(&holder), 0);
    world.hr(&[holder.but(|row| row.id = "5".into()), holder]);
    let source = &checked(&world, 0)["sources"][0];
    assert_eq!((&source["usable"], &source["rejected"]), (&json!(1), &json!(1)));
    assert!(source["first_rejected"][0]["reason"].as_str().unwrap().contains("employee 4 holds"), "{source}");
}

#[test]
fn of_many_rejected_rows_check_tells_the_first_few_and_the_number_and_that_there_is_no_sample() {
    let world = World::new();
    let mut rows: Vec<Row> =
        people(2_000).iter().map(|row| row.but(|row| row.status = "Gone fishing".into())).collect();
    world.hr(&rows);
    let told = world.run(&["check"]);
    let first = "FAIL HR source: ";
    told.assert_says(
        4,
        &[
            first,
            "0 usable rows, 2000 rejected; not one record can be used",
            "sample: none",
            "rejected: and 1990 more\n",
        ],
    );
    let report = checked(&world, 4);
    let ok = [&report["source"]["ok"], &report["sources"][0]["ok"], &report["configuration"]["ok"]];
    assert_eq!(ok, [&json!(false), &json!(false), &json!(true)]);
    // One is enough.
    rows[7].status = "Active".into();
    world.hr(&rows);
    world.run(&["check"]).assert_says(0, &["ok   HR source: ", "1 usable rows, 1999 rejected"]);
    world.hr_text(HEADER);
    world.run(&["check"]).assert_says(5, &["FAIL HR source: ", "source.min_records"]);
}

#[test]
fn a_long_value_and_two_hundred_columns_leave_check_readable() {
    let mut world = World::new();
    let number = 200;
    let heads: String = (0..number).map(|n| format!(",Extra {n}")).collect();
    let values = format!(",{}", "secret ".repeat(5_000)).repeat(number);
    let text = common::hr_text(&people(1));
    let (header, row) = text.trim_end().split_once('\n').unwrap();
    world.hr_text(&format!("{header}{heads}\n{row}{values}\n"));
    world.run(&["check"]).assert_says(0, &["and 170 more (--json has all)"]);
    for n in 0..number {
        world.set(&format!("source.columns.extra_{n}"), format!("Extra {n}"));
    }
    let told = world.run(&["check"]);
    told.assert_says(0, &["and 177 more (--json has all)"]);
    assert!(told.stdout.len() < 6_000 && !told.stdout.contains("secret"), "{told:?}");
    let source = &checked(&world, 0)["sources"][0];
    assert_eq!(source["sample"]["fields"].as_object().unwrap().len(), 207);
}

#[test]
fn one_of_several_sources_that_fails_does_not_keep_check_from_telling_of_the_others() {
    let mut world = World::new();
    world.several(&[("staff", &[]), ("uk", &[("id_prefix", "uk-".into())]), ("late", &[])]);
    world.hr_of("staff", &people(3));
    world.hr_of(
        "uk",
        &[Row::new("7", "Ana", "Ruiz").but(|row| row.id = String::new()), Row::new("8", "Bo", "Lind")],
    );
    let told = world.run(&["check"]);
    told.assert_says(
        5,
        &[
            &format!(
                "ok   HR source 'staff': {}: complete, 3 usable rows",
                world.path("staff.csv").display()
            ),
            &format!(
                "ok   HR source 'uk': {}: complete, 1 usable rows, 1 rejected",
                world.path("uk.csv").display()
            ),
            "sample, masked: row 2: employee_id = xx-9",
            "FAIL HR source 'late': no HR file matches",
            "FAIL HR source: late cannot be used, so what staff, uk, late say together is not judged",
        ],
    );
    world.hr_of("late", &[Row::new("1000", "Same", "Person")]);
    let told = world.run(&["check"]);
    // Of two sources that know a person one record is made.
    told.assert_says(0, &["ok   HR source: staff, uk, late: complete, 4 usable rows, 1 rejected"]);
    assert_eq!(checked(&world, 0)["sources"].as_array().unwrap().len(), 3);
    // One of which nothing can be used is named, whatever the others hold.
    world.hr_of("uk", &[Row::new("7", "Ana", "Ruiz").but(|row| row.id = String::new())]);
    world.run(&["check"]).assert_says(
        4,
        &[
            "FAIL HR source 'uk': ",
            "0 usable rows, 1 rejected; not one record can be used",
            "FAIL HR source: staff, uk, late: complete, 3 usable rows, 1 rejected",
            "; of uk not one record can be used",
        ],
    );
}

#[test]
fn what_only_all_sources_together_lack_is_told_of_them_together() {
    let mut world = World::new();
    world.several(&[("staff", &[]), ("mail", &[])]);
    let row = Row::new("7", "Ana", "Ruiz");
    world.hr_of(
        "staff",
        &[
            row.but(|row| row.email = String::new()),
            Row::new("8", "Bo", "Lind").but(|row| row.email = String::new()),
        ],
    );
    world.hr_of("mail", &[row]);
    let report = checked(&world, 0);
    let rejected: Vec<u64> =
        report["sources"].as_array().unwrap().iter().map(|one| one["rejected"].as_u64().unwrap()).collect();
    assert_eq!(rejected, [0, 0]);
    let message = report["source"]["message"].as_str().unwrap();
    assert!(
        message.contains("1 usable rows, 1 rejected; the first rejected: userName is empty"),
        "{message}"
    );
}

#[test]
fn check_reads_a_source_of_deltas_whole_and_moves_no_file_and_no_cursor() {
    let mut world = World::new();
    world.set("source.archive", "old");
    world.set("source.delta.path", world.path("delta*.csv").display().to_string());
    world.set("source.delta.action_column", "Action");
    world.set("source.delta.delete_values", vec!["D"]);
    std::fs::create_dir(world.path("old")).unwrap();
    let rows = people(3);
    assert_eq!(world.sync_rows(&rows, 0).exit, 0);
    let delta = common::hr_text(&[rows[0].clone(), rows[1].but(|row| row.title = "Auditor".into())]);
    let delta = delta
        .replace("Job Title", "Job Title,Action")
        .replace("Analyst", "Analyst,D")
        .replace("Auditor", "Auditor,U");
    std::fs::write(world.path("delta-1.csv"), delta).unwrap();
    let before = (world.files(), world.status());
    let told = world.run(&["check"]);
    told.assert_says(0, &["complete, 2 usable rows, 0 rejected"]);
    assert_eq!((world.files(), world.status()), before);
    assert_eq!(world.sync().applied(), common::kinds([("suspend", 1), ("update", 1)]));
}

#[test]
fn a_file_that_nothing_shows_to_be_written_to_its_end_is_told_of() {
    let mut world = World::new();
    world.hr(&people(3));
    let said = |world: &World| checked(world, 0)["configuration"]["message"].as_str().unwrap().to_owned();
    assert!(said(&world).contains("stable_seconds"), "{}", said(&world));
    world.set("source.stable_seconds", 1);
    assert!(!said(&world).contains("stable_seconds"), "{}", said(&world));
    world.unset("source", "stable_seconds");
    world.set("source.trailer", "TRAILER");
    let said = world.run(&["check", "--json"]).stdout;
    assert!(!said.contains("stable_seconds"), "{said}");
}

#[test]
fn check_names_a_file_that_the_patterns_of_two_sources_mean() {
    let mut world = World::new();
    let rows = people(4);
    world.several(&[("staff", &[]), ("agency", &[])]);
    world.hr_of("staff", &rows[..2]);
    world.hr_of("agency", &rows[2..]);
    let told = world.run(&["check"]);
    assert!(!told.stdout.contains("is meant by the patterns"), "{told:?}");
    world.several(&[("staff", &[]), ("staff-agency", &[])]);
    world.hr_of("staff-agency", &rows[2..]);
    let file = world.path("staff-agency.csv").display().to_string();
    let told = world.run(&["check"]);
    let words =
        format!("; {file} is meant by the patterns of 'staff' and 'staff-agency': narrow one of them");
    assert!(told.stdout.contains(&words), "{told:?}");
}
