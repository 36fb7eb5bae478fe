//! `adopt`: the users whom Workiva has already are linked to employees, or put to a person; Workiva is only read.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use common::{Output, Row, World, is_active, kinds, people, until};
use serde_json::{Value, json};
use workiva_sync::sandbox::{Behaviour, Faults};

/// `adopt --json` with more arguments, which has to end with this exit code.
fn adopt(world: &World, arguments: &[&str], exit: i32) -> Value {
    let output = run(world, arguments, exit);
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {output:?}"))
}

fn run(world: &World, arguments: &[&str], exit: i32) -> Output {
    let output = world.run(&[&["adopt", "--json"], arguments].concat());
    assert_eq!(output.exit, exit, "{output:?}");
    output
}

/// Seeds a user as somebody made it by hand, and gives its id.
fn seed(world: &World, user_name: &str, rest: Value) -> String {
    let mut user = json!({
        "userName": user_name,
        "name": {"givenName": "By", "familyName": "Hand"},
        "emails": [{"type": "work", "value": user_name, "primary": true}],
        "title": "Analyst",
        "active": true,
    });
    for (key, value) in rest.as_object().unwrap() {
        user[key] = value.clone();
    }
    world.sandbox.seed_user(user).unwrap()
}

/// The list of doubtful people as it was written, with a decision for some pairs of employee and candidate.
fn decide(world: &World, decisions: &[(&str, &str, &str)]) -> String {
    let list = world.path("list.csv");
    let _ = std::fs::remove_file(&list);
    run(world, &["--csv", list.to_str().unwrap()], 4);
    assert_eq!(std::fs::metadata(&list).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&list).unwrap();
    let mut lines = text.lines().map(str::to_owned).collect::<Vec<_>>();
    for (employee, candidate, decision) in decisions {
        let begin = format!("{employee},{candidate},");
        let line = lines.iter_mut().find(|line| line.starts_with(&begin));
        line.unwrap_or_else(|| panic!("no row {begin} in {text}")).push_str(decision);
    }
    let decided = world.path("decided.csv");
    std::fs::write(&decided, lines.join("\n")).unwrap();
    decided.to_str().unwrap().to_owned()
}

#[test]
fn users_who_were_there_before_are_linked_by_reading_alone_and_only_differences_are_sent_then() {
    let world = World::new();
    let rows = people(4);
    seed(&world, "Person.Number0@example.com", json!({}));
    let name = json!({"givenName": rows[1].given, "familyName": "Maiden"});
    seed(&world, "somebody.else@example.com", json!({"externalId": "1001", "name": name}));
    seed(&world, "guest@other.example", json!({"emails": []}));
    world.hr(&rows);
    let report = adopt(&world, &[], 0);
    assert_eq!((&report["linked"], &report["to_create"]), (&json!(2), &json!(2)), "{report}");
    assert_eq!(report["unknown_users"][0]["user_name"], "guest@other.example");
    assert_eq!(world.writes(), 0);
    let synced = world.sync();
    assert_eq!(synced.planned(), kinds([("create", 2), ("update", 2)]), "{synced:?}");
    assert_eq!(world.sandbox.users().len(), 5, "no second account for anybody");
    assert!(world.user("guest@other.example").is_some());
    world.sync().assert_unchanged();
}

#[test]
fn a_run_over_a_database_that_was_lost_says_who_may_keep_access_and_drift_shows_them() {
    let world = World::new();
    let mut rows = people(6);
    assert!(!world.sync_rows(&rows, 0).stderr.contains("knows no account"), "there was nobody");
    lose_database(&world);
    rows[0] = rows[0].left();
    let told = world.sync_rows(&rows, 0).stderr;
    assert!(told.contains("knows no account, and Workiva has 6 users") && told.contains("adopt"), "{told}");
    assert!(is_active(&world.user(&rows[0].email).unwrap()), "nobody can tell");
    let shown = world.run(&["drift", "--json"]);
    assert!(shown.stdout.contains(&rows[0].id) && shown.stdout.contains("returned"), "{shown:?}");
    assert!(!world.sync_rows(&rows, 0).stderr.contains("knows no account"));
}

#[test]
fn a_second_account_with_the_name_or_address_of_an_employee_who_is_linked_is_told() {
    let world = World::new();
    let rows = people(3);
    let name = json!({"givenName": rows[0].given, "familyName": "Maiden"});
    seed(&world, "old.name@example.com", json!({"externalId": rows[0].id, "name": name}));
    seed(&world, &rows[0].email, json!({}));
    seed(&world, "guest@other.example", json!({"emails": []}));
    world.hr(&rows);
    let report = adopt(&world, &[], 4);
    assert_eq!((&report["linked"], &report["doubtful"]), (&json!(1), &json!([])), "{report}");
    let second = report["second_accounts"].as_array().unwrap();
    let told = (second.len(), &second[0]["employee_id"], &second[0]["user"]["user_name"]);
    assert_eq!(told, (1, &json!(rows[0].id), &json!(rows[0].email)), "{report}");
    world.run(&["adopt"]).assert_says(4, &["linked to another user", &rows[0].email]);
}

#[test]
fn a_user_who_fits_by_name_alone_and_is_called_otherwise_is_told_before_a_run_renames_them() {
    let world = World::new();
    let rows = people(3);
    let called = |given: &str, family: &str| json!({"name": {"givenName": given, "familyName": family}});
    seed(&world, &rows[0].email, called("Other", "Person"));
    seed(&world, &rows[1].email, called(&rows[1].given, "Maiden"));
    seed(
        &world,
        &rows[2].email,
        json!({"externalId": rows[2].id, "name": {"givenName": "Other", "familyName": "Person"}}),
    );
    world.hr(&rows);
    let report = adopt(&world, &[], 0);
    assert_eq!(report["linked"], 3);
    let renaming = report["renaming"].as_array().unwrap();
    assert_eq!((renaming.len(), &renaming[0]["employee_id"]), (1, &json!(rows[0].id)), "{report}");
}

#[test]
fn a_lost_database_is_rebuilt_and_the_next_run_sends_nothing() {
    let servers: [fn(&mut Behaviour); 6] = [
        |_| {},
        |server| server.keeps_external_id = false,
        |server| server.page_cap = 3,
        |server| server.username_filter_minds_case = true,
        |server| server.active_as_text = true,
        |server| server.awkward_ids = true,
    ];
    for (number, server) in servers.into_iter().enumerate() {
        let world = World::behaving(server);
        let mut rows = people(7);
        rows[0].email = "Ana.Capital@Example.com".into();
        world.sync_rows(&rows, 0);
        rows[6] = rows[6].left();
        world.sync_rows(&rows, 0);
        lose_database(&world);
        let before = world.writes();
        let report = adopt(&world, &[], 0);
        assert_eq!((&report["linked"], &report["to_create"]), (&json!(7), &json!(0)), "{number}: {report}");
        let named = "SELECT count(*) FROM audit WHERE kind = 'adoption' AND body LIKE '%@%'";
        assert_eq!(world.number(named), 0, "the audit names nobody");
        world.sync().assert_unchanged();
        assert_eq!((world.writes(), world.sandbox.users().len()), (before, 7), "{number}");
        world.assert_agrees(&rows);
        rows[1].title = "CFO".into();
        let synced = world.sync_rows(&rows, 0);
        assert_eq!(synced.applied(), kinds([("update", 1)]), "{number}");
    }
}

fn lose_database(world: &World) {
    for entry in std::fs::read_dir(world.path("")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("state.db") {
            std::fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn who_has_left_and_still_has_access_is_linked_and_loses_it_through_the_guard() {
    let mut world = World::new();
    let rows: Vec<Row> = people(3).iter().map(Row::left).collect();
    for row in &rows {
        seed(&world, &row.email, json!({"name": {"givenName": row.given, "familyName": row.family}}));
    }
    world.hr(&rows);
    let report = adopt(&world, &[], 0);
    assert_eq!((&report["linked"], &report["losing_access"]), (&json!(3), &json!(3)), "{report}");
    world.guard_tightly();
    let held = world.sync();
    assert_eq!((held.exit, held.hold_codes()[0]), (3, "deprovision_count"));
    assert_eq!(world.writes(), 0);
    assert_eq!(world.run(&["approve", held.plan_id()]).exit, 0);
    assert_eq!(world.sync().applied(), kinds([("suspend", 3)]));
}

#[test]
fn nobody_in_doubt_gets_an_account_before_somebody_has_decided() {
    let world = World::new();
    let rows = people(5);
    let mail = |row: &Row| json!({"emails": [{"type": "work", "value": row.email}]});
    let ids: Vec<String> =
        (0..4).map(|at| seed(&world, &format!("old-name-{at}"), mail(&rows[at]))).collect();
    world.hr(&rows);
    let report = adopt(&world, &[], 4);
    assert_eq!((&report["linked"], &report["to_create"]), (&json!(0), &json!(1)), "{report}");
    let doubtful = report["doubtful"].as_array().unwrap();
    assert!(doubtful.len() == 4 && doubtful.iter().all(|one| one["reason"] == "same_email"), "{report}");
    let synced = world.sync();
    assert_eq!(synced.applied(), kinds([("create", 1)]), "{synced:?}");
    assert_eq!(synced.exit, 4);
    let plan = world.run(&["plan"]);
    assert!(plan.exit == 4 && plan.stdout.contains("4 people get no account yet"), "{plan:?}");
    assert!(world.run(&["explain", "1000"]).stdout.contains("before somebody decides"));

    let decisions = [("1000", &*ids[0], "link"), ("1001", &*ids[1], "new"), ("1002", &*ids[2], "skip")];
    let decided = decide(&world, &decisions);
    let report = adopt(&world, &["--decisions", &decided], 4);
    assert_eq!(report["linked"], 1, "{report}");
    assert_eq!(report["doubtful"][0]["employee_id"], "1003", "{report}");
    assert_eq!(report["skipped"][0]["employee_id"], "1002", "{report}");
    let synced = world.sync();
    assert_eq!(synced.applied(), kinds([("create", 1), ("update", 1)]), "{synced:?}");
    assert_eq!(world.sandbox.user(&ids[0]).unwrap()["userName"], rows[0].email);
    assert!(world.user(&rows[1].email).is_some() && world.user("old-name-1").is_some());
    assert!(world.user(&rows[2].email).is_none() && world.user(&rows[3].email).is_none());
    // The same decisions a second time change nothing.
    let again = adopt(&world, &["--decisions", &decided], 4);
    assert_eq!((&again["linked"], again["doubtful"].as_array().unwrap().len()), (&json!(0), 1), "{again}");
    let decided = decide(&world, &[("1003", &*ids[3], "new")]);
    adopt(&world, &["--decisions", &decided], 0);
    assert_eq!(world.sync().applied(), kinds([("create", 1)]));
    // Who is skipped is decided about: nothing waits, and nothing is sent.
    let quiet = world.sync();
    quiet.assert_unchanged();
    assert_eq!((quiet.exit, world.user(&rows[2].email)), (0, None));
}

#[test]
fn who_has_left_and_is_in_doubt_is_told_of_by_every_run_until_somebody_decides() {
    let world = World::new();
    let rows: Vec<Row> = people(3).iter().map(Row::left).collect();
    let mail = |row: &Row| json!({"emails": [{"type": "work", "value": row.email}]});
    let ids: Vec<String> =
        (0..3).map(|at| seed(&world, &format!("old-name-{at}"), mail(&rows[at]))).collect();
    world.hr(&rows);
    assert_eq!(adopt(&world, &[], 4)["doubtful"].as_array().unwrap().len(), 3);
    let undecided = || -> Value {
        let status = world.run(&["status", "--json"]);
        serde_json::from_str::<Value>(&status.stdout).unwrap()["undecided"].clone()
    };
    let warning =
        "3 people who are to have no access may have a Workiva user that adopt could not link for certain";
    // The second run over the same file is no quieter than the first.
    for _ in 0..2 {
        let told = world.run(&["sync"]);
        assert!(told.exit == 4 && told.stdout.contains(warning), "{told:?}");
    }
    assert_eq!(world.number("SELECT count(*) FROM run WHERE quiet_digest IS NOT NULL"), 0);
    assert_eq!((undecided(), world.writes()), (json!(3), 0));
    assert!(world.run(&["status"]).stdout.contains("3 people are in doubt"));
    let plan = world.run(&["plan"]);
    assert!(plan.exit == 4 && plan.stdout.contains("employee 1000, 1001, 1002"), "{plan:?}");
    assert!(world.run(&["explain", "1000"]).stdout.contains("until `adopt` is told whose user it is"));

    let decisions = [("1000", &*ids[0], "link"), ("1001", &*ids[1], "new"), ("1002", &*ids[2], "skip")];
    let decided = decide(&world, &decisions);
    adopt(&world, &["--decisions", &decided], 0);
    let synced = world.sync();
    assert_eq!((synced.applied(), synced.exit), (kinds([("suspend", 1)]), 0), "{synced:?}");
    assert_eq!(
        (undecided(), world.sandbox.user(&ids[0]).unwrap()["active"].clone()),
        (json!(0), json!(false))
    );
    assert!(!world.run(&["status"]).stdout.contains("in doubt"));
    world.sync().assert_unchanged();
}

#[test]
fn a_user_with_another_key_is_linked_only_where_somebody_says_so() {
    let world = World::new();
    let rows = people(1);
    let id = seed(&world, &rows[0].email, json!({"externalId": "E-77"}));
    world.hr(&rows);
    assert_eq!(adopt(&world, &[], 4)["doubtful"][0]["reason"], "other_external_id");
    let decided = decide(&world, &[("1000", &id, "link")]);
    assert_eq!(adopt(&world, &["--decisions", &decided], 0)["linked"], 1);
    assert_eq!(world.sync().applied(), kinds([("update", 1)]));
    assert_eq!(world.sandbox.user(&id).unwrap()["externalId"], "1000");
}

#[test]
fn decisions_with_faults_are_refused_as_a_whole_and_each_fault_is_named() {
    let world = World::new();
    let rows = people(2);
    let ids: Vec<String> = rows
        .iter()
        .map(|row| seed(&world, &format!("x-{}", row.id), json!({"emails": [{"value": row.email}]})))
        .collect();
    world.hr(&rows);
    let decided = decide(&world, &[("1000", &ids[0], "link"), ("1001", &ids[1], "yes")]);
    let refused = run(&world, &["--decisions", &decided], 2);
    assert!(refused.stderr.contains("row 3: 'yes' is no decision"), "{refused:?}");
    let text = std::fs::read_to_string(&decided).unwrap();
    let text = text.replace(&format!("1001,{}", ids[1]), &format!("77,{}", ids[0])).replace("yes", "link");
    std::fs::write(&decided, text).unwrap();
    let refused = run(&world, &["--decisions", &decided], 2);
    assert!(refused.stderr.contains("row 3: the Workiva user"), "{refused:?}");
    std::fs::write(&decided, "employee;decision\n").unwrap();
    assert!(run(&world, &["--decisions", &decided], 2).stderr.contains("row 1: the header"));
    assert_eq!(world.number("SELECT count(*) FROM account"), 0);
}

#[test]
fn the_list_does_not_overwrite_a_file_that_somebody_may_be_deciding_in() {
    let world = World::new();
    world.hr(&people(1));
    let list = world.path("list.csv");
    std::fs::write(&list, "mine").unwrap();
    let refused = run(&world, &["--csv", list.to_str().unwrap()], 1);
    assert!(refused.stderr.contains("does not exist yet"), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&list).unwrap(), "mine");
}

#[test]
fn adopt_a_second_time_finds_everybody_linked_and_leaves_open_actions_alone() {
    let world = World::new();
    let rows = people(3);
    world.sync_rows(&rows[..2], 0);
    seed(&world, &rows[2].email, json!({"externalId": "E-77"}));
    world.sync_rows(&rows, 4);
    let report = adopt(&world, &[], 0);
    let seen = [&report["linked"], &report["already_linked"], &report["under_way"]];
    assert_eq!(seen, [&json!(0), &json!(2), &json!(1)], "{report}");
    // Given up, the parked action is no longer in the way of a decision.
    assert_eq!(world.run(&["actions", "discard", "--all"]).exit, 0);
    let id = world.user(&rows[2].email).unwrap()["id"].as_str().unwrap().to_owned();
    let decided = decide(&world, &[("1002", &id, "link")]);
    adopt(&world, &["--decisions", &decided], 0);
    assert_eq!(world.sync().applied(), kinds([("update", 1)]));
    world.sync().assert_unchanged();
}

#[test]
fn one_user_who_fits_two_employees_is_linked_to_neither() {
    let world = World::behaving(|server| server.keeps_external_id = false);
    let mut rows = people(2);
    rows[1].email = rows[0].email.clone();
    seed(&world, &rows[0].email, json!({}));
    world.hr(&rows);
    let report = adopt(&world, &[], 4);
    let reasons: Vec<_> =
        report["doubtful"].as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap()).collect();
    assert_eq!((reasons, &report["linked"]), (vec!["several_employees"; 2], &json!(0)));
}

#[test]
fn killed_in_the_middle_nothing_is_linked_and_the_next_adopt_links_everybody() {
    let world = World::behaving(|server| server.page_cap = 1);
    let rows = people(30);
    for row in &rows {
        seed(&world, &row.email, json!({}));
    }
    world.hr(&rows);
    world.sandbox.set_faults(Faults { latency_ms: 20, ..Faults::default() });
    let mut child = world.command(&["adopt"]).stdout(Stdio::null()).spawn().unwrap();
    until("some pages were read", || world.statistics().by_method.get("GET").is_some_and(|gets| *gets > 8));
    child.kill().unwrap();
    child.wait().unwrap();
    world.sandbox.set_faults(Faults::default());
    assert_eq!(world.number("SELECT count(*) FROM account"), 0);
    assert_eq!(adopt(&world, &[], 0)["linked"], 30);
    assert_eq!(world.number("SELECT count(*) FROM audit WHERE kind = 'adoption'"), 30);
}

#[test]
fn source_workiva_and_a_listing_that_cannot_be_trusted_have_their_exit_codes() {
    let world = World::behaving(|server| server.page_cap = 2);
    let rows = people(5);
    for row in &rows {
        seed(&world, &row.email, json!({}));
    }
    world.hr_text("Employee ID,Status\n1,Active\n");
    assert!(run(&world, &[], 5).stderr.contains("header"));
    world.hr(&rows);
    world.sandbox.set_behaviour(Behaviour { paging: false, page_cap: 2, ..Behaviour::default() });
    assert!(run(&world, &[], 6).stderr.contains("ignores startIndex"));
    world.sandbox.set_down(true);
    run(&world, &[], 6);
    assert_eq!(world.number("SELECT count(*) FROM account"), 0);
}

#[test]
fn rejected_records_are_told_and_linked_to_nobody() {
    let world = World::new();
    let rows = [people(1)[0].but(|row| row.status = "Actve".into())];
    seed(&world, &rows[0].email, json!({}));
    world.hr(&rows);
    let report = adopt(&world, &[], 4);
    assert_eq!((&report["source"]["rejected"], &report["linked"]), (&json!(1), &json!(0)), "{report}");
    let said = world.run(&["adopt"]).stdout;
    assert!(said.contains("rejected: employee 1000 (row 1)") && said.contains("users of nobody"), "{said}");
}

#[test]
fn a_leaver_gets_no_active_user_by_the_user_name_alone_while_its_owner_may_be_among_the_rejected() {
    let world = World::new();
    let bo = Row::new("2", "Bo", "Neu").but(|row| row.email = "pool@example.com".into());
    let ana = Row::new("1", "Ana", "Old").but(|row| row.email = "pool@example.com".into()).left();
    let name = json!({"givenName": "Bo", "familyName": "Neu"});
    let user = seed(&world, "pool@example.com", json!({"name": name}));
    // Bo's record cannot be used; and where it is missing, another name is on the user than the leaver's.
    for rows in [vec![ana.clone(), bo.but(|row| row.status = "Actve".into())], vec![ana.clone()]] {
        world.hr(&rows);
        let report = adopt(&world, &[], 4);
        assert_eq!(
            (&report["linked"], &report["doubtful"][0]["reason"]),
            (&json!(0), &json!("leaver_by_user_name"))
        );
        world.sync();
        assert_ne!(world.sandbox.user(&user).unwrap()["active"], json!(false), "nobody lost access");
    }
    world.hr(&[ana, bo]);
    adopt(&world, &[], 4);
}

#[test]
fn who_is_in_doubt_and_leaves_the_file_is_told_of_and_listed_until_somebody_decides() {
    let world = World::new();
    let rows = people(4);
    let seeded = |at: usize| {
        seed(
            &world,
            &format!("old-name-{at}"),
            json!({"emails": [{"type": "work", "value": rows[at].email}]}),
        )
    };
    let ids = [seeded(0), seeded(1)];
    world.hr(&rows);
    assert_eq!(adopt(&world, &[], 4)["doubtful"].as_array().unwrap().len(), 2);
    world.sync_rows(&rows, 4);
    let left = &rows[2..];
    for _ in 0..2 {
        let told = world.sync_rows(left, 4);
        assert_eq!(told.json["planned"]["create"], 0, "{told:?}");
    }
    let message = world.status()["runs"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("2 people who are to have no access may have a Workiva user"), "{message}");
    let listed = adopt(&world, &[], 4);
    assert_eq!(listed["doubtful"][0]["reason"], "no_longer_named", "{listed}");
    assert_eq!(world.status()["undecided"], 2);
    // One is theirs, and loses access; of the other somebody sees to it by hand, and nothing is left to decide.
    let decided = decide(&world, &[("1000", &ids[0], "link")]);
    world.sandbox.edit_user(&ids[1], |user| user["active"] = json!(false)).unwrap();
    assert_eq!(adopt(&world, &["--decisions", &decided], 0)["linked"], 1);
    assert_eq!(world.status()["undecided"], 0);
    assert_eq!(world.sync_rows(left, 0).applied(), kinds([("suspend", 1)]));
    assert_eq!(world.sandbox.user(&ids[0]).unwrap()["active"], json!(false));
    world.sync().assert_unchanged();
}

#[test]
fn a_leaver_whose_address_hr_has_blanked_is_put_to_a_person_by_the_name() {
    let mut world = World::new();
    world.unset("attributes", "externalId");
    let mut rows = people(3);
    let name = json!({"name": {"givenName": rows[0].given, "familyName": rows[0].family}});
    let id = seed(&world, "some.name@example.com", name);
    rows[0] = rows[0].left().but(|row| row.email = String::new());
    world.hr(&rows);
    let adopted = adopt(&world, &[], 4);
    assert_eq!(
        (&adopted["doubtful"][0]["employee_id"], &adopted["doubtful"][0]["reason"]),
        (&json!("1000"), &json!("same_name"))
    );
    let decided = decide(&world, &[("1000", &id, "link")]);
    adopt(&world, &["--decisions", &decided], 0);
    assert_eq!(world.sync().applied(), kinds([("create", 2), ("suspend", 1)]));
    assert_eq!(world.sandbox.user(&id).unwrap()["active"], json!(false));
}

#[test]
fn the_list_and_the_decisions_go_through_a_pipe_where_no_file_can_be_copied_out_or_in() {
    let world = World::new();
    let rows = people(2);
    let mail = json!({"emails": [{"type": "work", "value": rows[0].email}]});
    let id = seed(&world, "old-name", mail);
    world.hr(&rows);
    let list = world.run(&["adopt", "--csv", "-"]);
    assert_eq!(list.exit, 4, "{list:?}");
    assert!(list.stdout.starts_with("employee_id,") && list.stdout.lines().count() == 2, "{list:?}");
    assert!(list.stderr.contains("the doubtful ones are on standard output"), "{list:?}");
    let both = world.run(&["adopt", "--csv", "-", "--json"]);
    assert_eq!((both.exit, both.stdout.as_str()), (2, ""), "{both:?}");
    let mut lines = list.stdout.lines();
    let decided = format!("{}\n{}link\n", lines.next().unwrap(), lines.next().unwrap());
    std::fs::write(world.path("decided.csv"), decided).unwrap();
    let mut command = world.command(&["adopt", "--json", "--decisions", "-"]);
    command.stdin(std::fs::File::open(world.path("decided.csv")).unwrap());
    let linked = common::run(&mut command);
    assert_eq!(linked.exit, 0, "{linked:?}");
    let report: Value = serde_json::from_str(&linked.stdout).unwrap();
    assert_eq!(report["linked"], 1, "{report}");
    world.sync_rows(&rows, 0);
    assert_eq!(world.sandbox.user(&id).unwrap()["userName"], rows[0].email);
}
