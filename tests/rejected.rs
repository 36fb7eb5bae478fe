//! Records that cannot be used: each is told with file, row and reason, and nobody else is held up by it.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use common::{Row, World, kinds, people};
use serde_json::{Value, json};

/// Eight rows that cannot be used between two that can.
const SPOILED: &str = "\
Employee ID,First Name,Last Name,Work Email,Status,Department,Job Title,Hire Date
1001,Ana,Ruiz,ana.ruiz@example.com,Active,Finance,Analyst,2020-01-02
,Nameless,Row,nameless@example.com,Active,Finance,Analyst,2020-01-02
1003,Differing,Row,one@example.com,Active,Finance,Analyst,2020-01-02
1003,Differing,Row,two@example.com,Active,Finance,Analyst,2020-01-02
1004,Undated,Row,undated@example.com,Active,Finance,Analyst,02/30/2020
1005,Unknown,Status,status@example.com,Hibernating,Finance,Analyst,2020-01-02
1006,Missing,Email,,Active,Finance,Analyst,2020-01-02
1007,Impossible,Email,nobody-at-home,Active,Finance,Analyst,2020-01-02
1008,Short,Row,short@example.com
1009,Ben,Okafor,ben.okafor@example.com,Active,Finance,Analyst,2020-01-02
";

#[test]
fn a_leaver_does_not_keep_access_since_a_date_or_another_field_of_the_row_cannot_be_read() {
    let mut world = World::new();
    world.set("source.columns.hire_date", "Hire Date");
    world.set("source.columns.termination_date", "Termination Date");
    let rows = people(6);
    let write = |changed: &[(usize, &str)]| {
        let text = common::hr_text(&rows);
        let mut lines: Vec<String> = text.lines().map(|line| format!("{line},2020-01-02,")).collect();
        lines[0] = common::HEADER.trim_end().to_owned() + ",Hire Date,Termination Date";
        for (at, dates) in changed {
            let (status, dates) = dates.split_once('|').unwrap();
            let line = lines[at + 1].replace("Active", status);
            let fields: Vec<&str> = line.split(',').take(7).collect();
            lines[at + 1] = format!("{},{dates}", fields.join(","));
        }
        // 0xE9 stands for a letter in Windows-1252, and is no UTF-8.
        let bytes = (lines.join("\n") + "\n").into_bytes();
        let bytes = bytes.into_iter().map(|byte| if byte == b'^' { 0xe9 } else { byte }).collect::<Vec<u8>>();
        std::fs::write(world.path("employees.csv"), bytes).unwrap();
    };
    write(&[]);
    assert_eq!(world.sync().applied(), kinds([("create", 6)]));
    write(&[
        (0, "Terminated|02.01.2020,31.12.2021"),
        (1, "Terminated|2020-01-02,^"),
        (2, "Active|2020-01-02,31.12.2021"),
        (3, "Active|2020-01-02,^"),
        (4, "On Leave|soon,2021-12-31"),
        (5, "Term^|2020-01-02,2021-12-31"),
    ]);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (4, kinds([("suspend", 2)])), "{synced:?}");
    assert_eq!(synced.json["source"]["rejected"], 4, "nobody else is given up for it: {synced:?}");
    world.assert_agrees(&rows[2..]);
    let message = world.status()["runs"][0]["message"].to_string();
    for words in [
        "1 person has left by their status, and fields of theirs",
        "1 person has left by their status, and dates of theirs",
    ] {
        assert!(message.contains(words), "{message}");
    }
    assert!(!message.contains("31.12.2021"), "{message}");
}

#[test]
fn whose_last_day_is_over_under_a_status_that_nobody_knows_is_told_as_keeping_the_access() {
    let mut world = World::new();
    world.set("source.columns.termination_date", "Last Day");
    let rows = people(4);
    let write = |ends: &[&str]| {
        let text = common::hr_text(&rows);
        let mut lines =
            text.lines().zip(std::iter::once(&"Active,Last Day").chain(ends)).map(|(line, end)| {
                let (status, date) = end.split_once(',').unwrap();
                format!("{},{date}", line.replace("Active", status))
            });
        world.hr_text(&(lines.by_ref().collect::<Vec<_>>().join("\n") + "\n"));
    };
    write(&["Active,", "Active,", "Active,", "Terminated,"]);
    assert_eq!(world.sync().applied(), kinds([("create", 3)]));
    // The design has it that a status in no list rejects the record. Nobody had an account to keep by the last row.
    write(&["Retired,2021-12-31", "Retired,2099-12-31", "Retired,", "Retired,2021-12-31"]);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (4, kinds([])), "{synced:?}");
    const OVER: &str = "; the last day 2021-12-31 is over, and they keep the access until then";
    let rejected = world.status()["rejected"].take();
    let reasons: Vec<&str> =
        rejected.as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap()).collect();
    assert!(reasons.len() == 4 && reasons.iter().all(|one| one.contains("'Retired' is in none of")));
    let named: Vec<bool> = reasons.iter().map(|one| one.ends_with(OVER)).collect();
    assert_eq!(named, [true, false, false, false], "{reasons:?}");
    for command in [["plan", ""], ["explain", "1000"]] {
        let told =
            world.run(command.iter().copied().filter(|word| !word.is_empty()).collect::<Vec<_>>().as_slice());
        assert!(told.stdout.contains(OVER), "{told:?}");
    }
    // Once the word is known, the last day counts.
    world.set("lifecycle.active", vec!["Active", "Retired"]);
    assert_eq!(world.sync().applied(), kinds([("suspend", 1)]));
}

#[test]
fn who_comes_under_a_new_employee_id_keeps_the_access_and_it_is_told_whose_user_name_it_is() {
    let world = World::new();
    let mut rows = people(5);
    world.sync_rows(&rows, 0);
    rows[0].id = "N1000".into();
    // In every run, until somebody has mended it.
    for _ in 0..2 {
        let synced = world.sync_rows(&rows, 4);
        assert_eq!((synced.planned(), synced.requests()), (kinds([]), 0), "{synced:?}");
        world.assert_agrees(&rows);
    }
    let rejected = world.status()["rejected"].take();
    let reason = rejected[0]["reason"].as_str().unwrap();
    assert!(reason.contains("the user name of employee 1000, whom the source no longer names"), "{reason}");
    // They are two people after all.
    rows[0].email = "somebody.else@example.com".into();
    let synced = world.sync_rows(&rows, 0);
    assert_eq!(synced.applied(), kinds([("create", 1), ("suspend", 1)]));
    world.assert_agrees(&rows);
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn each_record_that_cannot_be_used_is_told_with_file_row_and_reason_and_everybody_else_goes_on() {
    let mut world = World::new();
    world.set("source.columns.hire_date", "Hire Date");
    world.hr_text(SPOILED);
    let output = world.run(&["sync"]);
    assert_eq!(output.exit, 4, "{output:?}");
    assert!(world.user("ana.ruiz@example.com").is_some() && world.user("ben.okafor@example.com").is_some());
    assert_eq!(world.sandbox.users().len(), 2);

    let file = world.path("employees.csv").display().to_string();
    assert!(output.stdout.contains(&format!("{file}: 10 rows, 7 rejected")), "{output:?}");
    let rejected = world.status()["rejected"].take();
    let expected = [
        (Value::Null, 2, "no employee id"),
        (json!("1003"), 3, "rows 3, 4"),
        (json!("1004"), 5, "hire_date '02/30/2020'"),
        (json!("1005"), 6, "status 'Hibernating'"),
        (json!("1006"), 7, "is empty"),
        (json!("1007"), 8, "no e-mail address"),
        (json!("1008"), 9, "4 fields"),
    ];
    let status = world.run(&["status"]).stdout;
    assert_eq!(rejected.as_array().unwrap().len(), expected.len(), "{rejected:#}");
    for (one, (employee_id, row, reason)) in rejected.as_array().unwrap().iter().zip(expected) {
        assert_eq!((&one["employee_id"], &one["row"]), (&employee_id, &json!(row)), "{one}");
        let said = one["reason"].as_str().unwrap();
        assert!(said.contains(reason), "{one}");
        assert_eq!(one.as_object().unwrap().len(), 3, "{one}");
        let line = match employee_id.as_str() {
            Some(id) => format!("rejected: employee {id} (row {row}) {said}"),
            None => format!("rejected: a row (row {row}) {said}"),
        };
        assert!(output.stdout.contains(&line), "{line} in {}", output.stdout);
        let cells = format!("│ {} ┆ {row} ", employee_id.as_str().unwrap_or("–"));
        let squeezed = status.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed.contains(&cells), "{cells} in {status}");
    }
}

#[test]
fn status_shows_the_rejected_records_of_the_newest_run_that_read_its_source_and_at_most_twenty() {
    let world = World::new();
    let rows = people(30);
    let unknown = |row: &Row| row.but(|row| row.status = "Hibernating".into());
    let spoiled: Vec<Row> =
        rows.iter().enumerate().map(|(n, row)| if n < 25 { unknown(row) } else { row.clone() }).collect();
    world.sync_rows(&spoiled, 4);
    let status = world.status();
    let shown: Vec<&str> = status["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["employee_id"].as_str().unwrap())
        .collect();
    assert_eq!((shown.len(), shown[0], shown[19]), (20, "1000", "1019"));
    assert_eq!(status["runs"][0]["rejected"], 25);
    assert!(world.run(&["status"]).stdout.contains("at most 20"));

    // A run that could not read its source says nothing about records.
    world.hr_text("Employee ID\n1\n");
    assert_eq!(world.sync().outcome(), "incomplete");
    assert_eq!(world.status()["rejected"].as_array().unwrap().len(), 20);

    let one = [&[unknown(&rows[0])], &rows[1..]].concat();
    assert_eq!(world.sync_rows(&one, 4).applied(), kinds([("create", 24)]));
    assert_eq!(world.status()["rejected"].as_array().unwrap().len(), 1);
    world.sync_rows(&rows, 0);
    assert_eq!(world.status()["rejected"], json!([]));
    world.sync_rows(&rows, 0).assert_unchanged();
    assert_eq!(world.status()["rejected"], json!([]));
    assert!(!world.run(&["status"]).stdout.contains("Hibernating"));
}

#[test]
fn every_row_that_has_one_employee_id_is_named_also_the_one_that_is_as_it_was() {
    let world = World::new();
    let rows = people(2);
    world.sync_rows(&rows, 0);
    let second = rows[0].but(|row| row.title = "Other".into());
    world.sync_rows(&[rows[0].clone(), rows[1].clone(), second], 4);
    let status = world.status();
    let reason = status["rejected"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("(rows 1, 3)"), "{status}");
    let explained = world.run(&["explain", "1000"]);
    assert!(explained.stdout.contains("(rows 1, 3)"), "{explained:?}");
}

#[test]
fn nobody_is_suspended_whose_employee_id_was_lost_in_a_row_that_cannot_be_used() {
    let world = World::new();
    let rows = people(20);
    world.sync_rows(&rows, 0);
    let lost = |change: &dyn Fn(&mut Vec<Row>)| {
        let mut changed = rows.clone();
        change(&mut changed);
        changed
    };
    let as_another = |who: usize, other: usize| lost(&move |rows| rows[who].id = rows[other].id.clone());
    let cases = [
        ("typed as a colleague's", as_another(6, 7)),
        ("typed as that of the row above", as_another(7, 6)),
        (
            "not found by a spreadsheet",
            lost(&|rows| rows[2..8].iter_mut().for_each(|row| row.id = "#N/A".into())),
        ),
        (
            "without a zero, and a status that is none",
            lost(&|rows| (rows[6].id, rows[6].status) = ("6".into(), "Hibernating".into())),
        ),
        (
            "with a letter nobody sees, and no address",
            lost(&|rows| (rows[6].id, rows[6].email) = ("\u{200b}1006".into(), String::new())),
        ),
    ];
    for (what, mut changed) in cases {
        let synced = world.sync_rows(&changed, 4);
        assert_eq!((synced.planned(), synced.requests()), (kinds([]), 0), "{what}: {synced:?}");
        world.assert_agrees(&rows);
        // Whoever is missing, and in no such row, has left.
        let gone = changed.pop().unwrap();
        let synced = world.sync_rows(&changed, 4);
        assert_eq!(synced.applied(), kinds([("suspend", 1)]), "{what}: {synced:?}");
        assert!(!common::is_active(&world.user(&gone.email).unwrap()), "{what}");
        assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("reactivate", 1)]), "{what}");
    }
    // Of a row that says nothing of anybody, nobody can tell whose it is; nor whose rows are in one that is too long.
    let nameless = lost(&|rows| {
        rows[6] =
            Row { given: String::new(), family: String::new(), email: String::new(), ..rows[6].clone() };
        rows[6].id = "6".into();
        rows.pop();
    });
    let text = common::hr_text(&rows[..19]);
    let glued = text.replacen("\n1006", ",1006", 1);
    let cut = text.replacen("\n1006", "\n10\n06", 1);
    for text in [common::hr_text(&nameless), glued, cut] {
        world.hr_text(&text);
        let synced = world.sync();
        assert_eq!((synced.exit, synced.requests()), (4, 0), "{text}: {synced:?}");
        assert!(synced.stderr.contains("could be theirs"), "{synced:?}");
        world.assert_agrees(&rows);
    }
}

#[test]
fn whoever_comes_with_the_address_of_one_who_is_missing_gets_no_second_account() {
    let mut world = World::new();
    world.set("attributes.userName", "e{{ employee_id }}");
    let mut rows = people(5);
    world.sync_rows(&rows, 0);
    rows[1].id = "1".into();
    let synced = world.sync_rows(&rows, 4);
    assert_eq!((synced.planned(), synced.requests()), (kinds([]), 0), "{synced:?}");
    let reason = world.status()["rejected"][0]["reason"].to_string();
    assert!(
        reason.contains("has the work e-mail address of employee 1001, whom the source no longer names"),
        "{reason}"
    );
    assert_eq!(world.sandbox.users().len(), 5);
}

#[test]
fn with_several_sources_nobody_is_gone_either_whose_employee_id_was_lost() {
    let mut world = World::new();
    world.several(&[("staff", &[]), ("guests", &[])]);
    let all = people(12);
    let (staff, guests) = all.split_at(8);
    world.hr_of("staff", staff);
    world.hr_of("guests", guests);
    assert_eq!(world.sync().applied(), kinds([("create", 12)]));
    for (who, id) in [(3, staff[4].id.as_str()), (3, "3")] {
        let mut changed = staff.to_vec();
        changed[who].id = id.into();
        if id == "3" {
            changed[who].status = "Hibernating".into();
        }
        world.hr_of("staff", &changed);
        let synced = world.sync();
        assert_eq!((synced.exit, synced.requests()), (4, 0), "{synced:?}");
    }
}

#[test]
fn who_is_missing_while_a_colleague_takes_the_address_over_loses_the_access_all_the_same() {
    let world = World::new();
    let mut rows = people(5);
    world.sync_rows(&rows, 0);
    // The first has got the address of the second, who has left.
    let left = rows.remove(1);
    let own = std::mem::replace(&mut rows[0].email, left.email.clone());
    let synced = world.sync_rows(&rows, 4);
    assert_eq!(synced.applied(), kinds([("suspend", 1)]), "{synced:?}");
    assert!(
        common::is_active(&world.user(&own).unwrap())
            && !common::is_active(&world.user(&left.email).unwrap())
    );
    // By the name it could as well be the second one's row, with the id of the first.
    world.sync_rows(&people(5), 0);
    rows[0] = Row { id: rows[0].id.clone(), ..left.clone() };
    let synced = world.sync_rows(&rows, 4);
    assert_eq!((synced.planned(), synced.requests()), (kinds([]), 0), "{synced:?}");
}

#[test]
fn a_row_that_could_never_be_used_beside_everybody_leaves_nobody_the_access_who_leaves() {
    let world = World::new();
    let rows = people(12);
    let odd = |rows: &[Row], more: &str| {
        let text = common::hr_text(rows).replacen("Analyst", "Analyst, or so", 1);
        world.hr_text(&format!(
            "{text}# Sales department\n9001,,POOL ACCOUNT,,Active,Finance,Analyst\n{more}"
        ));
        world.sync()
    };
    // The first is known before the row grows too long.
    world.sync_rows(&rows, 0);
    assert_eq!(odd(&rows, &format!("{}\n", "9002,Last,Row,last@example.com,Active,Sales,Analyst")).exit, 4);
    let last = "9002,Last,Row,last@example.com,Active,Sales,Analyst\n";
    let synced = odd(&rows[..11], last);
    assert_eq!((synced.exit, synced.applied()), (4, kinds([("suspend", 1)])), "{synced:?}");
    // Another odd row may be that of the next one who is missing.
    let synced = odd(&rows[..10], &format!("9003,,,,Active,Finance,Analyst\n{last}"));
    assert_eq!((synced.exit, synced.applied()), (4, kinds([])), "{synced:?}");
    assert!(synced.stderr.contains("could be theirs"), "{synced:?}");
    let synced = odd(&rows[..10], &format!("9003,,,,Active,Finance,Analyst\n{last}"));
    assert_eq!(synced.applied(), kinds([]), "it did not become known by that");
    let synced = odd(&rows[..10], last);
    assert_eq!(synced.applied(), kinds([("suspend", 1)]), "{synced:?}");
}
