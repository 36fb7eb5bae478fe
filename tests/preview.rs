//! `source preview`: the beginning of each source, as the engine sees it.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use common::{HEADER, Output, Row, World, people};
use serde_json::{Value, json};

/// `source preview --json` with these arguments, which has to end with this exit code; the sources.
fn previewed(world: &World, arguments: &[&str], exit: i32) -> Vec<Value> {
    let all: Vec<&str> =
        ["source", "preview", "--json"].into_iter().chain(arguments.iter().copied()).collect();
    let output = world.run(&all);
    assert_eq!(output.exit, exit, "{output:?}");
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    report["sources"].as_array().unwrap().clone()
}

fn preview(world: &World, arguments: &[&str]) -> Output {
    world.run(&["source", "preview"].into_iter().chain(arguments.iter().copied()).collect::<Vec<_>>())
}

#[test]
fn a_preview_shows_records_as_the_engine_sees_them_and_rejected_rows_with_their_reasons() {
    let world = World::new();
    let text = format!(
        "\u{feff}{HEADER}0042,\u{a0}Mu\u{308}ller \t,Ruiz,ana@example.com,Active,Finance,\n,No,Id,a@example.com,Active,Legal,x\n\
         7,Bo,Lind,nowhere,Active,Legal,\u{1b}[2J\n"
    );
    world.hr_text(&text);
    let told = preview(&world, &[]);
    let file = world.path("employees.csv").display().to_string();
    told.assert_says(
        0,
        &[
            &format!("source 'source': {file}\n"),
            "0042",
            "Müller",
            "rejected: row 2: has no employee id",
            "rejected: row 3, employee 7: emails.work is no e-mail address",
            "2 records, 2 rejections shown; the source was read to its end and is complete: 3 rows\n",
            "\\u{1b}[2J",
        ],
    );
    let source = &previewed(&world, &[], 0)[0];
    assert_eq!(source["records"][0]["fields"]["given_name"], "Müller", "{source}");
    assert_eq!(source["records"][0]["fields"]["job_title"], Value::Null);
    assert_eq!(source["records"][1]["fields"]["job_title"], "\u{1b}[2J", "JSON is as it is");
    assert_eq!(source["rejected"][0]["kind"], "no_employee_id");
}

#[test]
fn a_preview_needs_no_workiva_and_no_database_and_writes_nothing_anywhere() {
    let mut world = World::new();
    world.set("source.archive", "old");
    world.set("workiva.base_url", "http://127.0.0.1:1/scim");
    std::fs::create_dir(world.path("old")).unwrap();
    world.hr(&people(3));
    let before = world.files();
    let told = world.command(&["source", "preview"]).env("WORKIVA_SYNC_LOG", "trace").output().unwrap();
    assert_eq!(told.status.code(), Some(0), "{told:?}");
    assert_eq!(world.files(), before);
    assert!(!world.database().exists() && std::fs::read_dir(world.path("old")).unwrap().next().is_none());
    let log = String::from_utf8_lossy(&told.stderr).to_lowercase();
    assert!(!log.contains("number1") && !log.contains("example.com"), "people are on stdout alone: {log}");
    // Not even what cannot be opened is in its way.
    std::fs::write(world.database(), "no database").unwrap();
    assert_eq!(preview(&world, &[]).exit, 0);
    std::fs::remove_file(world.database()).unwrap();
}

#[test]
fn a_preview_reads_little_more_than_it_shows_and_says_how_far_it_came() {
    let world = World::new();
    let file = std::fs::File::create(world.path("employees.csv")).unwrap();
    let mut writer = std::io::BufWriter::new(file);
    use std::io::Write as _;
    writer.write_all(HEADER.as_bytes()).unwrap();
    for n in 0..100_000 {
        writeln!(writer, "{n},Ana,Number{n},a{n}@example.com,Active,Finance,Analyst").unwrap();
    }
    // Behind that a stray quote, which a whole read would find.
    write!(writer, "x,\"").unwrap();
    drop(writer);
    let source = &previewed(&world, &["--limit", "2"], 0)[0];
    assert_eq!((source["records"].as_array().unwrap().len(), &source["ended"]), (2, &json!("stopped")));
    assert!(source["rows_read"].as_u64().unwrap() <= 1_024, "{source}");
    assert_eq!(source["reached"], world.path("employees.csv").display().to_string());
    let told = preview(&world, &["--limit", "3"]);
    told.assert_says(0,
        &[
            "3 records, 0 rejections shown; the read was stopped behind 512 rows, so whether the rest is whole is not known",
        ],
    );
    assert_eq!(world.run(&["check"]).exit, 5);
}

#[test]
fn a_preview_of_a_file_in_which_every_row_is_rejected_stops_as_well() {
    let world = World::new();
    world.hr_text(&format!("{HEADER}{}", "1,2\n".repeat(150_000)));
    let source = &previewed(&world, &[], 0)[0];
    assert_eq!((source["rejected"].as_array().unwrap().len(), &source["ended"]), (20, &json!("stopped")));
    assert_eq!(source["records"], json!([]));
}

#[test]
fn a_preview_of_a_source_that_fails_shows_what_came_and_why_it_does_not_count() {
    let mut world = World::new();
    world.set("source.trailer", "TRAILER");
    world.hr(&people(2));
    preview(&world, &[]).assert_says(
        5,
        &[
            "2 records, 0 rejections shown of 2 rows that came before it failed; none of them counts",
            "its last row is not the trailer",
        ],
    );
    std::fs::remove_file(world.path("employees.csv")).unwrap();
    preview(&world, &[]).assert_says(5, &["nothing was reached", "no HR file matches"]);
    world.hr_text(HEADER);
    world.unset("source", "trailer");
    preview(&world, &[]).assert_says(5, &["no record that can be shown", "source.min_records"]);
    world.set("source.min_records", 0);
    preview(&world, &[]).assert_says(0, &["no record that can be shown", "is complete: 0 rows"]);
}

#[test]
fn of_several_sources_a_preview_shows_each_or_the_one_that_is_named_and_ids_have_their_prefix() {
    let mut world = World::new();
    world.several(&[("us", &[]), ("uk", &[("id_prefix", "uk-".into())]), ("late", &[])]);
    world.hr_of("us", &people(1));
    // What it lacks another source may have, so nobody is rejected for it.
    world.hr_of("uk", &[Row::new("7", "Ana", "Ruiz").but(|row| row.email = String::new())]);
    let sources = previewed(&world, &[], 5);
    let names: Vec<&str> = sources.iter().map(|source| source["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["us", "uk", "late"]);
    assert!(sources[2]["failure"].as_str().unwrap().contains("no HR file matches"));
    let uk = &previewed(&world, &["--source", "uk"], 0)[0];
    assert_eq!(uk["records"][0]["fields"]["employee_id"], "uk-7");
    assert_eq!(uk["rejected"], json!([]));
    let unknown = preview(&world, &["--source", "fr"]);
    assert_eq!((unknown.exit, unknown.stdout.as_str()), (2, ""), "{unknown:?}");
    assert!(unknown.stderr.contains("no source is called fr; there is: us, uk, late"), "{unknown:?}");
    assert_eq!(preview(&world, &["--limit", "0"]).exit, 2);
}

#[test]
fn a_masked_preview_shows_shapes_and_no_reason_that_could_quote_a_value() {
    let world = World::new();
    world.hr(&[Row::new("0042", "Zyxwina", "Qwertyson").but(|row| row.status = "Sabbatical".into())]);
    let told = preview(&world, &["--masked"]);
    told.assert_says(0, &["9999", "Xxxxxxx", "rejected: row 1, employee 9999: unknown_status"]);
    let json = world.run(&["source", "preview", "--masked", "--json"]);
    for personal in ["0042", "Zyxwina", "Qwertyson", "zyxwina", "Sabbatical", "Finance"] {
        assert!(
            !told.stdout.contains(personal) && !json.stdout.contains(personal),
            "{personal}: {told:?} {json:?}"
        );
    }
    // A file without a header: its first line is somebody.
    world.hr_text("0042,Zyxwina,Qwertyson,z@example.com,Active,Finance,x\n");
    let told = preview(&world, &["--masked"]);
    assert_eq!(told.exit, 5);
    assert!(!told.stdout.contains("Zyxwina"), "{told:?}");
}

#[test]
fn records_with_many_columns_are_shown_one_by_one_and_long_values_are_cut() {
    let mut world = World::new();
    let text = common::hr_text(
        &people(2).iter().map(|row| row.but(|row| row.title = "long ".repeat(10_000))).collect::<Vec<_>>(),
    );
    let text = text.replace('\n', ",1,2,3\n").replacen("Job Title,1,2,3", "Job Title,A,B,C", 1);
    world.hr_text(&text);
    for column in ["a", "b", "c"] {
        world.set(&format!("source.columns.{column}"), column.to_uppercase());
    }
    let told = preview(&world, &[]);
    told.assert_says(0, &["row 1\n  employee_id: 1000\n  a: 1\n", "…"]);
    assert!(told.stdout.len() < 3_000, "{told:?}");
    let source = &previewed(&world, &["--limit", "1"], 0)[0];
    assert_eq!(source["records"][0]["fields"]["job_title"].as_str().unwrap().len(), 49_999);
}

#[test]
fn a_preview_of_full_file_and_deltas_shows_the_last_word_and_names_who_is_gone() {
    let mut world = World::new();
    world.set("source.delta.path", world.path("delta*.csv").display().to_string());
    world.set("source.delta.action_column", "Action");
    world.set("source.delta.delete_values", vec!["D"]);
    let rows = people(3);
    world.sync_rows(&rows, 0);
    let delta = common::hr_text(&[rows[0].clone(), rows[1].but(|row| row.title = "Auditor".into())]);
    let delta = delta
        .replace("Job Title", "Job Title,Action")
        .replace("Analyst", "Analyst,D")
        .replace("Auditor", "Auditor,U");
    std::fs::write(world.path("delta-1.csv"), delta).unwrap();
    let status = world.status();
    let source = &previewed(&world, &[], 0)[0];
    let titles = source["records"].as_array().unwrap().iter().map(|record| &record["fields"]["job_title"]);
    assert!(titles.eq(["Auditor", "Analyst"]), "{source}");
    assert_eq!(source["gone"], json!(["1000"]));
    assert_eq!(world.status(), status);
}
