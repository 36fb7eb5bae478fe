//! `rules`: one's rules, tested on examples.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use common::{HEADER, Output, Row, World, command, people, run};
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
    told.assert_says(0, &["employee 1000 is left as they are, since their action was discarded; `workiva-sync explain` says how to take it up again\n"]);
}

fn coverage(world: &World, arguments: &[&str]) -> Value {
    report(&world.run(&[&["rules", "coverage", "--json"], arguments].concat()), 0)
}

/// A role that overlaps with finance, one that grants and matches nobody for a typing mistake, and more values than occur.
fn with_roles(world: &mut World) {
    let roles: toml::Table = toml::from_str(
        "roles = [
           { name = 'finance', when = \"department in ['Finance', 'Legal']\", grants = ['workspace:Q1'] },
           { name = 'chiefs', when = \"job_title == 'CFO'\", grants = ['Board', 'workspace:Q1'] },
           { name = 'it', when = \"department | lower == 'informaton'\", grants = ['Admins'] },
         ]",
    )
    .unwrap();
    world.config["access"].as_table_mut().unwrap().extend(roles);
    world.set("access.grants", vec!["role:viewer"]);
}

fn staff() -> Vec<Row> {
    let of = |id: &str, department: &str, title: &str| {
        Row::new(id, "P", &format!("N{id}")).but(|row| {
            row.department = department.into();
            row.title = title.into();
        })
    };
    vec![
        of("1", "Finance", "CFO"),
        of("2", "Finance", "Clerk"),
        of("3", "Sales", "CFO"),
        of("4", "Sales", "Clerk"),
        of("5", "Information", "Clerk"),
        of("6", "Finance", "Clerk").left(),
        of("7", "Finance", "Clerk").but(|row| row.email = "nowhere".into()),
        // Two who map to one user name, and one who comes twice with a difference.
        of("8", "Finance", "Clerk"),
        of("9", "Finance", "Clerk").but(|row| row.email = "p.n8@example.com".into()),
        of("10", "Finance", "Clerk"),
        of("10", "Sales", "Clerk"),
    ]
}

#[test]
fn coverage_tells_whom_each_role_matches_whom_none_does_and_what_nobody_has() {
    let mut world = World::new();
    with_roles(&mut world);
    world.hr(&staff());
    let told = coverage(&world, &[]);
    assert_eq!(
        (&told["ok"], &told["usable"], &told["rejected"]),
        (&json!(true), &json!(6), &json!(4)),
        "{told}"
    );
    let reach = &told["coverage"];
    assert_eq!((&reach["access"], &reach["no_access"]), (&json!(3), &json!(3)));
    assert_eq!(
        reach["roles"],
        json!([
            {"role": "finance", "people": 2, "by_it_alone": 1, "grants": ["workspace:Q1"]},
            {"role": "chiefs", "people": 2, "by_it_alone": 1, "grants": ["Board", "workspace:Q1"]},
            {"role": "it", "people": 0, "by_it_alone": 0, "grants": ["Admins"]},
        ])
    );
    assert_eq!(reach["in_no_role"], json!({"people": 2, "employee_ids": ["4", "5"]}));
    let grant = |group: &str, people: u64| json!({"group": group, "people": people});
    assert_eq!(
        reach["grants"],
        json!([grant("Admins", 0), grant("Board", 2), grant("role:viewer", 3), grant("workspace:Q1", 3)])
    );
    let never = |key: &str, column: &str, value: &str| json!({"key": key, "column": column, "value": value});
    assert_eq!(
        reach["never_seen"],
        json!([
            never("access.roles[0].when", "department", "Legal"),
            never("access.roles[2].when", "department", "informaton"),
            never("lifecycle.leave", "status", "On Leave"),
        ])
    );
    assert_eq!(
        reach["decided_by"],
        json!([
            {"rests_on": "access.roles", "access": false, "people": 2},
            {"rests_on": "access.roles", "access": true, "people": 3},
            {"rests_on": "status", "access": false, "people": 1},
        ])
    );
    world.run(&["rules", "coverage", "--limit", "1"]).assert_says(
        0,
        &[
            "access: 3 people; no access: 3\n",
            "employed and in no role: 2: employee 4 and 1 more (--limit)\n",
            "warning: role 'it' matches nobody\n",
            "warning: access.roles[2].when names 'informaton', which nobody has in department\n",
        ],
    );
    assert!(!world.database().exists(), "nothing is written");
}

#[test]
fn coverage_counts_what_a_plan_does_with_one_source_and_with_several() {
    let mut world = World::new();
    world.hr(&staff());
    let of = |world: &World| {
        let told = coverage(world, &[]);
        let plan: Value = serde_json::from_str(&world.run(&["plan", "--json"]).stdout).unwrap();
        assert_eq!(told["coverage"]["access"], plan["planned"]["create"], "{told} {plan}");
        assert_eq!(told["rejected"], plan["source"]["rejected"]);
        told["coverage"]["access"].clone()
    };
    assert_eq!(of(&world), 2);
    world.several(&[("one", &[]), ("two", &[])]);
    world.hr_of("one", &staff()[..6]);
    world.hr_of("two", &people(3));
    assert_eq!(of(&world), 5);
}

#[test]
fn where_everybody_has_access_a_role_that_grants_nothing_is_told_of_and_who_keeps_access_counts() {
    let mut world = World::new();
    world.set("source.columns.termination_date", "Last Day");
    let rows = [
        Row::new("1", "Ana", "Ruiz"),
        Row::new("2", "Bo", "Lind").but(|row| row.department = "Sales".into()),
    ];
    let text = |day: &str| common::hr_text(&rows).replace('\n', &format!(",{day}\n"));
    world.hr_text(&text("2030-01-31").replacen("2030-01-31", "Last Day", 1));
    world.set("access.keep_on_role_loss", true);
    let on = |world: &World, day: &str| coverage(world, &["--as-of", day])["coverage"]["access"].clone();
    assert_eq!((on(&world, "2030-01-31"), on(&world, "2030-02-01")), (json!(1), json!(0)));
    world.set("access.provision", "all");
    assert_eq!(on(&world, "2030-01-31"), 2);
    let told = coverage(&world, &[]);
    assert_eq!(
        told["warnings"][0],
        "role 'finance' decides nothing: access.provision is \"all\", and the role grants nothing"
    );
}

#[test]
fn coverage_of_a_source_that_fails_counts_nobody() {
    let world = World::new();
    world.hr_text(&format!("{HEADER}1,\"Ana"));
    let told = report(&world.run(&["rules", "coverage", "--json"]), 5);
    assert_eq!((&told["ok"], &told["coverage"], &told["usable"]), (&json!(false), &Value::Null, &json!(0)));
    let told = world.run(&["rules", "coverage"]);
    assert!(told.exit == 5 && told.stdout.is_empty() && told.stderr.contains("employees.csv"), "{told:?}");
}
