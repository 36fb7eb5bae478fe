//! `explain` by the real binary: from what HR says to what was sent, for one person.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use common::{World, hr_text, people};
use serde_json::{Value, json};

fn explain(world: &World, employee_id: &str) -> (i32, Value) {
    let output = world.run(&["explain", employee_id, "--json"]);
    (output.exit, serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}")))
}

fn known(world: &World, employee_id: &str) -> Value {
    let (exit, told) = explain(world, employee_id);
    assert_eq!(exit, 0, "{told}");
    told
}

#[test]
fn somebody_who_is_as_they_should_be_is_told_with_fields_rule_user_and_account() {
    let world = World::new();
    world.sync_rows(&people(3), 0);
    let sent = world.statistics();
    let told = known(&world, "1001");
    assert_eq!(told["input"]["row"], 2);
    assert_eq!(told["input"]["fields"]["work_email"], "person.number1@example.com");
    let decision = &told["decision"];
    assert_eq!(
        (&decision["access"], &decision["rests_on"], &decision["roles"], &decision["status"]),
        (&json!(true), &json!("access.roles"), &json!(["finance"]), &json!("active"))
    );
    assert_eq!(told["user"], told["account"]["attributes"]);
    assert_eq!((&told["differs"], &told["next"]["step"]), (&json!([]), &json!("nothing")));
    let action = &told["actions"][0];
    assert_eq!(
        (&action["kind"], &action["state"], &action["plan"]["state"]),
        (&json!("create"), &json!("done"), &json!("released"))
    );
    assert_eq!(action["requests"][0]["status"], 201);
    let kinds: Vec<&Value> = told["audit"].as_array().unwrap().iter().map(|line| &line["kind"]).collect();
    assert_eq!(kinds, ["outcome", "decision"]);
    assert_eq!(world.statistics().by_method, sent.by_method, "Workiva was not asked");
}

#[test]
fn explain_writes_nothing() {
    let world = World::new();
    world.hr(&people(3));
    assert_eq!(explain(&world, "1001").0, 0, "somebody who is new in the source");
    assert!(!world.database().exists());
    world.sync_rows(&people(3), 0);
    let before = std::fs::read(world.database()).unwrap();
    known(&world, "1001");
    assert!(std::fs::read(world.database()).unwrap() == before);
}

#[test]
fn a_leaver_is_told_with_the_date_that_decided_and_a_future_one_with_the_day_on_which_it_will() {
    let mut world = World::new();
    world.set("source.columns.termination_date", "Job Title");
    let mut rows = people(2);
    (rows[0].title, rows[1].title) = ("2020-02-01".into(), "2120-02-01".into());
    world.hr(&rows);
    let left = known(&world, "1000");
    assert_eq!(left["decision"]["rests_on"], "termination_date");
    assert_eq!(left["decision"]["reason"], "left, last day was 2020-02-01");
    let staying = known(&world, "1001");
    assert_eq!(
        (&staying["decision"]["access"], &staying["decision"]["next_change"]),
        (&json!(true), &json!("2120-02-02T00:00:00Z"))
    );
    assert_eq!(
        staying["next"],
        json!({"step": "act", "kind": "create", "because": "employed, in role finance"})
    );
}

#[test]
fn who_held_and_approved_an_action_is_told() {
    let mut world = World::new();
    let rows = people(4);
    world.sync_rows(&rows, 0);
    world.guard_tightly();
    let left: Vec<_> = rows.iter().map(common::Row::left).collect();
    let held = world.sync_rows(&left, 3);
    let told = known(&world, "1002");
    assert_eq!(told["differs"], json!([{"attribute": "active", "from": "true", "to": "false"}]));
    assert_eq!(
        (&told["actions"][0]["state"], &told["actions"][0]["plan"]["state"]),
        (&json!("held"), &json!("held"))
    );
    assert_eq!(told["actions"][0]["plan"]["hold_reasons"][0]["code"], "deprovision_count");
    assert_eq!(world.run(&["approve", held.plan_id(), "--by", "auditor"]).exit, 0);
    assert_eq!(known(&world, "1002")["next"]["step"], "under_way");
    world.sync();
    let told = known(&world, "1002");
    let plan = &told["actions"][0]["plan"];
    assert_eq!(
        (&plan["plan_id"], &plan["state"], &plan["decided_by"]),
        (&json!(held.plan_id()), &json!("approved"), &json!("auditor"))
    );
    assert!(plan["decided_at"].is_string());
    let text = world.run(&["explain", "1002"]).stdout;
    for words in [
        "left, says the status (by status)",
        "suspended",
        "approved by auditor",
        "PATCH /Users/",
        "audit records",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
}

#[test]
fn an_absent_person_and_one_who_lost_every_role_are_told_by_their_rule() {
    let world = World::new();
    let mut rows = people(3);
    world.sync_rows(&rows, 0);
    rows[0].department = "Sales".into();
    world.hr(&rows[..2]);
    let absent = known(&world, "1002");
    assert_eq!(absent["input"]["row"], Value::Null);
    assert_eq!(absent["decision"]["rests_on"], "source.absence");
    assert_eq!(absent["next"]["kind"], "suspend");
    let moved = known(&world, "1000");
    assert_eq!(
        (&moved["decision"]["reason"], &moved["next"]["kind"]),
        (&json!("employed, in no role"), &json!("suspend"))
    );
}

#[test]
fn an_absent_person_who_keeps_what_they_have_is_told_so() {
    let mut world = World::new();
    let rows = people(3);
    world.sync_rows(&rows, 0);
    world.hr(&rows[..2]);
    world.set("source.absence", "keep");
    let told = known(&world, "1002");
    assert_eq!(
        (&told["decision"]["access"], &told["differs"], &told["next"]["step"]),
        (&json!(true), &json!([]), &json!("nothing"))
    );
}

#[test]
fn an_absent_person_who_may_be_in_a_row_that_cannot_be_used_is_told_by_what_they_are_spared() {
    for is_one_of_several in [false, true] {
        let mut world = World::new();
        if is_one_of_several {
            world.several(&[("hr", &[])]);
        }
        let says = |text: &str| {
            let file = if is_one_of_several { "hr.csv" } else { "employees.csv" };
            std::fs::write(world.path(file), text).unwrap();
            // Of several sources is told what they said when they were read.
            world.sync();
            known(&world, "1004")
        };
        let rows = people(5);
        assert_eq!(says(&hr_text(&rows))["next"]["step"], "nothing");
        // One whose id was mistyped and whose status as well; and one of whom nothing is left.
        let odd = rows[4].but(|row| (row.id, row.status) = ("1O04".into(), "Actve".into()));
        let told = says(&hr_text(&[&rows[..4], &[odd]].concat()));
        assert_eq!(
            (&told["next"]["step"], &told["decision"]["access"]),
            (&json!("nothing"), &json!(true)),
            "{told}"
        );
        assert!(told["input"]["warnings"][0].as_str().unwrap().contains("employee id 1O04"), "{told}");
        let told = says(&format!("{}1O04,,,,Active,Finance,\n", hr_text(&rows[..4])));
        assert_eq!(told["next"]["step"], "nothing", "{told}");
        assert!(told["input"]["warnings"][0].as_str().unwrap().contains("(employee id 1O04)"), "{told}");
        let told = says(&hr_text(&rows[..4]));
        assert_eq!(
            (&told["decision"]["access"], &told["actions"][0]["kind"]),
            (&json!(false), &json!("suspend"))
        );
    }
}

#[test]
fn a_rejected_record_is_told_with_its_reason_and_a_parked_action_with_its_own() {
    let world = World::new();
    let rows = people(2);
    world.sync_rows(&rows, 0);
    let unknown = rows[0].but(|row| row.status = "Actve".into());
    let id = world.user(&rows[1].email).unwrap()["id"].as_str().unwrap().to_owned();
    world.sandbox.own_elsewhere(&id).unwrap();
    world.sync_rows(&[unknown, rows[1].left()], 4);
    let rejected = known(&world, "1000");
    assert!(rejected["input"]["rejected"][0].as_str().unwrap().contains("'Actve'"), "{rejected}");
    assert_eq!((&rejected["decision"], rejected["rejections"].as_array().unwrap().len()), (&Value::Null, 1));
    let parked = known(&world, "1001");
    assert_eq!(parked["actions"][0]["state"], "parked");
    assert!(parked["actions"][0]["error"].as_str().unwrap().contains("owned elsewhere"), "{parked}");
}

#[test]
fn a_source_that_fails_is_told_and_what_is_stored_is_shown() {
    let world = World::new();
    let rows = people(2);
    world.sync_rows(&rows, 0);
    world.hr_text(common::HEADER);
    let (exit, told) = explain(&world, "1001");
    assert_eq!(exit, 5);
    assert!(told["input"]["failure"].as_str().unwrap().contains("not complete"), "{told}");
    assert_eq!((&told["decision"], &told["account"]["active"]), (&Value::Null, &json!(true)));
    assert_eq!(told["actions_total"], 1);
}

#[test]
fn an_unknown_id_ends_with_1_and_a_clear_word() {
    let world = World::new();
    world.sync_rows(&people(2), 0);
    let output = world.run(&["explain", "01001"]);
    assert_eq!(output.exit, 1);
    assert!(output.stdout.contains("nobody with this employee id"), "{output:?}");
    assert_eq!(explain(&world, "01001").0, 1);
}

#[test]
fn the_newest_ten_actions_are_told_and_all_only_when_asked_for() {
    let world = World::new();
    let mut rows = people(1);
    for number in 0..12 {
        rows[0].title = format!("Analyst {number}");
        world.sync_rows(&rows, 0);
    }
    let told = known(&world, "1000");
    assert_eq!((told["actions"].as_array().unwrap().len(), &told["actions_total"]), (10, &json!(12)));
    assert_eq!(told["actions"][0]["changes"][0]["to"], "Analyst 11");
    let all = world.run(&["explain", "1000", "--all", "--json"]);
    let all: Value = serde_json::from_str(&all.stdout).unwrap();
    assert_eq!((all["actions"].as_array().unwrap().len(), all["audit"].as_array().unwrap().len()), (12, 24));
}
