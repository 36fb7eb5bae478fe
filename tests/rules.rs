//! `rules`: one's rules, tested on examples.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use common::{Output, Row, World, command, people, run};
use serde_json::{Value, json};

/// The configuration and the table that are handed out.
const EXAMPLE: &str = "config/workiva-sync.example.toml";
const TABLE: &str = "config/rules.example.csv";

/// `rules test` over this table, by the world's configuration.
fn tested(world: &World, table: &str, arguments: &[&str]) -> Output {
    std::fs::write(world.path("rules.csv"), table).unwrap();
    let file = world.path("rules.csv").display().to_string();
    world.run(&[&["rules", "test", file.as_str()], arguments].concat())
}

fn report(output: &Output, exit: i32) -> Value {
    assert_eq!(output.exit, exit, "{output:?}");
    serde_json::from_str(&output.stdout).unwrap()
}

#[test]
fn the_examples_that_are_handed_out_are_as_expected() {
    let told =
        run(command(&["--config", EXAMPLE, "rules", "test", TABLE]).current_dir(env!("CARGO_MANIFEST_DIR")));
    told.assert_says(0, &["config/rules.example.csv: 14 examples, all as expected\n"]);
}

#[test]
fn an_example_that_comes_otherwise_ends_with_1_and_tells_person_expectation_and_rule() {
    let world = World::new();
    let table = "employee_id,First Name,family_name,Work Email,Status,Department,test.name,test.as_of,expect.access,expect.userName\n\
                 1,Ana,Ruiz,Ana@example.com,Active,Finance,,,active,ana@example.com\n\
                 2,Bo,Lind,bo@example.com,Active,Sales,sales,2026-12-01,active,\n";
    tested(&world, table, &[]).assert_says(
        1,
        &[
            "line 3, employee 2 (sales), on 2026-12-01:\n",
            "  expect.access: active was expected, none came\n",
            "  none: employed, in no role (by access.roles)\n",
            "rules.csv: 2 examples, 1 not as expected\n",
        ],
    );
    let report = report(&tested(&world, table, &["--json", "--as-of", "2026-11-30"]), 1);
    assert_eq!(
        (&report["ok"], &report["examples"], &report["failed"]),
        (&json!(false), &json!(2), &json!(1))
    );
    let [first, second] = report["results"].as_array().unwrap().as_slice() else { panic!("{report}") };
    assert_eq!((&first["ok"], &first["as_of"]), (&json!(true), &json!("2026-11-30")));
    assert_eq!(first["user"]["name.familyName"], "Ruiz");
    assert_eq!(second["as_of"], "2026-12-01");
    assert_eq!(
        second["failures"],
        json!([{"column": "expect.access", "expected": "active", "came": "none"}])
    );
    assert_eq!((&second["rests_on"], &second["user"]), (&json!("access.roles"), &Value::Null));
}

#[test]
fn a_table_that_cannot_be_meant_ends_with_2_and_names_line_column_and_mend() {
    let world = World::new();
    let told = tested(&world, "employee_id,Depratment,expect.access\n1,Finance,active\n", &[]);
    assert_eq!((told.exit, told.stdout.as_str()), (2, ""), "{told:?}");
    let words = "line 1: the column 'Depratment' is neither one of source.columns nor a header of the source";
    assert!(told.stderr.contains(words) && told.stderr.contains("department"), "{told:?}");
    let told = world.run(&["rules", "test", "nowhere.csv"]);
    assert!(told.exit == 2 && told.stderr.contains("nowhere.csv cannot be read"), "{told:?}");
}

#[test]
fn rules_are_tested_without_secrets_address_source_or_database_and_nothing_is_written() {
    let mut world = World::new();
    world.set("workiva.password_file", "/nowhere/password");
    world.unset("workiva", "password");
    world.unset("workiva", "base_url");
    std::fs::write(world.database(), "no database").unwrap();
    let table = "employee_id,given_name,family_name,work_email,status,department,expect.access\n\
                 1,Ana,Ruiz,ana@example.com,Active,Finance,active\n";
    std::fs::write(world.path("rules.csv"), table).unwrap();
    let before = world.files();
    tested(&world, table, &[]).assert_says(0, &["1 examples, all as expected"]);
    assert_eq!(world.files(), before);
    assert_eq!(world.run(&["check"]).exit, 2, "anything else needs them");
    // What decides is checked all the same.
    world.set("lifecycle.timezone", "Nowhere");
    let told = tested(&world, table, &[]);
    assert_eq!(told.exit, 2);
    assert!(told.stderr.contains("lifecycle.timezone") && !told.stderr.contains("password"), "{told:?}");
    world.set("lifecycle.actve", "x");
    let told = tested(&world, table, &[]);
    assert!(told.stderr.contains("lifecycle.actve") && !told.stderr.contains("workiva."), "{told:?}");
    std::fs::remove_file(world.database()).unwrap();
}

#[test]
fn what_examples_say_is_what_a_plan_does() {
    let mut world = World::new();
    world.set("access.keep_on_role_loss", true);
    world.set("source.columns.termination_date", "Last Day");
    let header = "Employee ID,First Name,Last Name,Work Email,Status,Department,Job Title,Last Day";
    let rows = [
        ("1,Ana,Ruiz,Ana@example.com,Active,Finance,CFO,", "active"),
        ("2,Bo,Lind,bo@example.com,Active,Sales,,", "none"),
        ("3,Cem,Kaya,cem@example.com,Terminated,Legal,,", "none"),
        ("4,Di,Park,di@example.com,Active,Legal,,2020-01-31", "none"),
        ("5,Eva,Novak,,Active,Legal,,", "rejected"),
        ("6,Finn,Ode,finn@example.com,Away,Legal,,", "rejected"),
        ("7,Gil,Roy,gil@example.com,On Leave,Legal,,2999-01-31", "active"),
    ];
    let lines = |end: bool| {
        let row =
            |(row, access): &(&str, &str)| if end { format!("{row},{access}\n") } else { format!("{row}\n") };
        rows.iter().map(row).collect::<String>()
    };
    tested(&world, &format!("{header},expect.access\n{}", lines(true)), &[])
        .assert_says(0, &["7 examples, all"]);
    world.hr_text(&format!("{header}\n{}", lines(false)));
    let plan: Value = serde_json::from_str(&world.run(&["plan", "--json"]).stdout).unwrap();
    let planned = plan["actions"].as_array().unwrap().iter();
    let planned: Vec<(&Value, &Value)> =
        planned.map(|action| (&action["employee_id"], &action["kind"])).collect();
    assert_eq!(planned, [(&json!("1"), &json!("create")), (&json!("7"), &json!("create"))]);
    assert_eq!(plan["source"]["rejected"], 2);
}

/// Four people whom a sync has settled; then one takes another user name, one has left, one is as they were and one is absent; a new
/// one wants the name that is given up, one has no address, and one is new.
fn company(world: &World) {
    let before = people(4);
    world.sync_rows(&before, 0);
    world.hr(&[
        before[0].but(|row| row.email = "new@example.com".into()),
        before[1].left(),
        before[2].clone(),
        Row::new("2000", "Who", "Waits").but(|row| row.email = before[0].email.clone()),
        Row::new("2001", "No", "Address").but(|row| row.email = String::new()),
        Row::new("2002", "Is", "New"),
    ]);
}

#[test]
fn a_plan_for_single_people_is_that_of_all_with_what_concerns_them() {
    let mut world = World::new();
    world.set("source.absence_runs", 3);
    company(&world);
    let whole = report(&world.run(&["plan", "--json"]), 4);
    let cut = report(&world.run(&["plan", "--json", "--employee", "1001", "--employee", "1002"]), 0);
    let of_1001 =
        whole["actions"].as_array().unwrap().iter().filter(|action| action["employee_id"] == "1001");
    assert_eq!(cut["actions"].as_array().unwrap().iter().collect::<Vec<_>>(), of_1001.collect::<Vec<_>>());
    assert_eq!((&cut["planned"]["suspend"], &cut["planned"]["create"]), (&json!(1), &json!(0)));
    assert_eq!(cut["source"], whole["source"]);
    assert_eq!(
        cut.as_object().unwrap().keys().collect::<Vec<_>>(),
        whole.as_object().unwrap().keys().collect::<Vec<_>>(),
        "the same shape"
    );
    assert_eq!(report(&world.run(&["plan", "--json", "--employee", "1002"]), 0)["outcome"], "unchanged");
    let all = ["1000", "1002", "1003", "2000", "2001"].map(|id| format!("--employee={id}"));
    let arguments: Vec<&str> = ["plan"].into_iter().chain(all.iter().map(String::as_str)).collect();
    world.run(&arguments).assert_says(
        4,
        &[
            "userName: person.number0@example.com →",
            "rejected: employee 2001 (row 5) userName is empty",
            "employee 1002 is as they should be: nothing to do\n",
            "employee 1003 is absent from the source, and keeps what they have for now\n",
            "employee 2000 waits for the user name that employee 1000 is about to give up\n",
            "employee 2001 is rejected, and keeps what they have\n",
            "this is what concerns 5 people; the whole plan: 1 suspend, 1 update, 1 create.",
        ],
    );
}

#[test]
fn the_guard_judges_the_whole_plan_whomever_it_is_shown_for() {
    let mut world = World::new();
    world.guard_tightly();
    company(&world);
    let cut = report(&world.run(&["plan", "--json", "--employee", "2002"]), 3);
    assert_eq!(cut["outcome"], "held");
    assert_eq!(cut["hold_reasons"][0]["code"], "deprovision_count");
    assert_eq!(cut["actions"].as_array().unwrap().len(), 1);
}

#[test]
fn an_id_that_nobody_has_is_told_and_a_cut_is_not_saved() {
    let world = World::new();
    company(&world);
    let told = world.run(&["plan", "--json", "--employee", "01000", "--employee", "2002"]);
    assert_eq!(report(&told, 1)["planned"]["create"], 1, "the other one is shown all the same");
    assert!(told.stderr.contains("has the employee id 01000; ids are compared exactly"), "{told:?}");
    let refused = world.run(&["plan", "--save", "--employee", "2002"]);
    assert!(refused.exit == 2 && refused.stderr.contains("cannot be used with"), "{refused:?}");
}

#[test]
fn who_has_a_parked_action_is_told_so() {
    let world = World::new();
    let row = Row::new("1000", "Ana", "Ruiz");
    world.sandbox.seed_user(json!({
        "userName": row.email, "externalId": "other", "active": true,
        "name": {"givenName": "Ana", "familyName": "Ruiz"}, "emails": [{"type": "work", "value": row.email}],
    })).unwrap();
    world.sync_rows(&[row], 4);
    let told = world.run(&["plan", "--employee", "1000"]);
    told.assert_says(0, &["employee 1000 has a parked action; `workiva-sync actions list` says why\n"]);
    world.run(&["actions", "discard", "--all"]);
    let told = world.run(&["plan", "--employee", "1000"]);
    told.assert_says(0, &["employee 1000 is left as they are, since their action was discarded\n"]);
}
