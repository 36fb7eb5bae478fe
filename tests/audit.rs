//! The audit by the real binary on a real file: it holds what was done, and whatever is done to it shows.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::process::Stdio;

use common::{Output, Row, World, people};
use serde_json::Value;

/// The triggers that keep the audit append-only; whoever can write the file can drop them.
const TRIGGERS: [&str; 3] = ["audit_no_update", "audit_no_delete", "audit_only_behind"];

/// A world with a history: hires, a leaver, a parked action that was tried again, a changed configuration, a rejected and an
/// approved plan.
fn history() -> World {
    let mut world = World::new();
    let all = people(6);
    world.sync_rows(&all, 0);
    world.set("guard.max_deprovision_count", 1);
    let left: Vec<Row> =
        all.iter().enumerate().map(|(n, row)| if n < 3 { row.left() } else { row.clone() }).collect();
    let held = world.sync_rows(&left, 3);
    let reject = world.run(&["reject", held.plan_id(), "--by", "auditor"]);
    assert_eq!(reject.exit, 0, "{reject:?}");
    let again = world.sync_rows(&left, 3);
    let approve = world.run(&["approve", again.plan_id(), "--by", "auditor"]);
    assert_eq!(approve.exit, 0, "{approve:?}");
    world.sync_rows(&left, 0);
    world
}

fn verify(world: &World, more: &[&str]) -> (i32, Value) {
    let mut arguments = vec!["audit", "verify", "--json"];
    arguments.extend(more);
    let output = world.run(&arguments);
    (output.exit, serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}")))
}

fn assert_whole(world: &World) -> Value {
    let (exit, report) = verify(world, &[]);
    assert_eq!((exit, &report["ok"]), (0, &true.into()), "{report}");
    report
}

fn anchor(report: &Value) -> String {
    format!("{}:{}", report["head"]["seq"], report["head"]["hash"].as_str().unwrap())
}

/// What is found after statements by somebody who knows about the triggers. Afterwards all is as it was.
fn found_at(world: &World, statements: &[&str]) -> Value {
    let before = std::fs::read(world.database()).unwrap();
    for trigger in TRIGGERS {
        world.execute(&format!("DROP TRIGGER IF EXISTS {trigger}"));
    }
    for statement in statements {
        world.execute(statement);
    }
    let (exit, report) = verify(world, &[]);
    assert_eq!((exit, &report["ok"]), (1, &false.into()), "{statements:?}: {report}");
    std::fs::write(world.database(), before).unwrap();
    report["fault"].clone()
}

fn records(output: &Output) -> Vec<Value> {
    assert_eq!(output.exit, 0, "{output:?}");
    output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_kind<'a>(records: &'a [Value], kind: &str) -> Vec<&'a Value> {
    records.iter().filter(|record| record["kind"] == kind).collect()
}

#[test]
fn the_audit_tells_what_was_done_when_why_and_by_whom() {
    let world = history();
    let all = records(&world.run(&["audit", "export"]));
    let configurations = of_kind(&all, "configuration");
    assert_eq!(configurations.len(), 2, "{configurations:#?}");
    assert_eq!(configurations[0]["body"]["changed"]["workiva.password"], "[redacted]");
    let changed = configurations[1]["body"]["changed"].as_object().unwrap();
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert_eq!(changed["guard.max_deprovision_count"], "1");
    assert_eq!(of_kind(&all, "connection").len(), 1);
    let runs: Vec<&str> =
        of_kind(&all, "run").iter().map(|run| run["body"]["outcome"].as_str().unwrap()).collect();
    assert_eq!(runs, ["applied", "held", "held", "unchanged"]);
    let decided: Vec<(&Value, &Value)> =
        of_kind(&all, "plan_decided").iter().map(|one| (&one["body"]["state"], &one["body"]["by"])).collect();
    assert_eq!(decided, [(&"rejected".into(), &"auditor".into()), (&"approved".into(), &"auditor".into())]);
    let decisions = of_kind(&all, "decision");
    assert_eq!(decisions.len(), 6 + 3 + 3);
    let last = decisions.last().unwrap();
    assert_eq!(last["employee_id"], "1002");
    assert_eq!(last["body"]["kind"], "suspend");
    assert_eq!(last["body"]["because"], "left, says the status");
    assert_eq!(last["body"]["attributes"], serde_json::json!(["active"]));
    let outcomes = of_kind(&all, "outcome");
    assert_eq!(outcomes.len(), 6 + 3);
    assert!(outcomes.iter().all(|one| one["body"]["ended"] == "done"));
    let requests = outcomes[8]["body"]["requests"].as_array().unwrap();
    let sent: Vec<(&str, &Value)> =
        requests.iter().map(|one| (&one["request"].as_str().unwrap()[..4], &one["status"])).collect();
    assert_eq!(sent, [("PATC", &200.into()), ("GET ", &200.into())]);
    assert_whole(&world);
}

#[test]
fn the_audit_holds_no_names_and_no_addresses() {
    let world = history();
    let text = world.run(&["audit", "export"]).stdout;
    assert!(text.contains("\"1001\""), "{text}");
    for personal in ["Person", "Number", "example.com", "scim-user", "Analyst"] {
        assert!(!text.to_lowercase().contains(&personal.to_lowercase()), "{personal} in {text}");
    }
}

#[test]
fn an_operators_orders_are_recorded_with_their_name() {
    let world = World::new();
    let all = people(2);
    world.sync_rows(&all, 0);
    let id = world.user(&all[0].email).unwrap()["id"].as_str().unwrap().to_owned();
    world.sandbox.own_elsewhere(&id).unwrap();
    world.sync_rows(&[all[0].left(), all[1].clone()], 4);
    assert_eq!(world.run(&["actions", "retry", "--all", "--by", "ops"]).exit, 0);
    world.sync();
    assert_eq!(world.run(&["actions", "discard", "--all", "--by", "boss"]).exit, 0);
    let all = records(&world.run(&["audit", "export"]));
    for (kind, by) in [("retry", "ops"), ("discard", "boss")] {
        let orders = of_kind(&all, kind);
        assert_eq!(orders.len(), 1, "{kind}");
        assert_eq!((&orders[0]["employee_id"], &orders[0]["body"]["by"]), (&"1000".into(), &by.into()));
    }
    let parked = of_kind(&all, "outcome").into_iter().filter(|one| one["body"]["ended"] == "parked");
    assert_eq!(parked.count(), 2);
    assert_whole(&world);
}

#[test]
fn the_database_refuses_to_change_or_remove_a_record() {
    let world = history();
    for statement in [
        "UPDATE audit SET at = at + 1 WHERE seq = 3",
        "DELETE FROM audit WHERE seq = 3",
        "INSERT OR REPLACE INTO audit SELECT seq, at, kind, employee_id, '{}', hash FROM audit WHERE seq = 3",
    ] {
        let refused = world.try_execute(statement).unwrap_err();
        assert!(refused.contains("append-only"), "{statement}: {refused}");
    }
    assert_whole(&world);
}

#[test]
fn any_edit_of_any_column_of_any_record_is_found_there() {
    let world = history();
    let count = assert_whole(&world)["records"].as_i64().unwrap();
    assert!(count > 25, "{count}");
    for trigger in TRIGGERS {
        world.execute(&format!("DROP TRIGGER {trigger}"));
    }
    world.execute("CREATE TABLE kept AS SELECT * FROM audit");
    let edits = [
        "at = at + 1",
        "kind = kind || 'x'",
        "employee_id = coalesce(employee_id, '') || '1'",
        "employee_id = CASE WHEN employee_id IS NULL THEN '' END",
        "body = body || ' '",
        "hash = lower(hex(randomblob(32)))",
    ];
    let statements: Vec<(i64, String, String)> = (1..=count)
        .flat_map(|seq| {
            edits.map(|edit| {
                let undo = format!(
                    "UPDATE audit SET (at, kind, employee_id, body, hash) = (SELECT at, kind, employee_id, body, hash FROM kept \
                     WHERE kept.seq = {seq}) WHERE seq = {seq}"
                );
                (seq, format!("UPDATE audit SET {edit} WHERE seq = {seq}"), undo)
            })
        })
        .collect();
    let pairs: Vec<_> = statements.iter().map(|(_, edit, undo)| (edit.clone(), undo.clone())).collect();
    for ((seq, edit, _), fault) in statements.iter().zip(world.audit_faults(&pairs)) {
        assert_eq!(fault.unwrap().seq(), Some(*seq), "{edit}");
    }
    assert_whole(&world);
}

#[test]
fn a_removed_record_shows_wherever_it_stood() {
    let world = history();
    for (statement, seq) in [
        ("DELETE FROM audit WHERE seq = 1", Some(1)),
        ("DELETE FROM audit WHERE seq = 7", Some(7)),
        ("DELETE FROM audit WHERE seq BETWEEN 7 AND 9", Some(7)),
        ("DELETE FROM audit WHERE seq = (SELECT seq FROM audit_head)", None),
        ("DELETE FROM audit", None),
        ("DELETE FROM audit_head", None),
    ] {
        let fault = found_at(&world, &[statement]);
        assert_eq!(fault["seq"].as_i64(), seq, "{statement}: {fault}");
    }
}

#[test]
fn records_that_changed_places_and_one_that_was_put_in_are_found() {
    let world = history();
    let swap = [
        "UPDATE audit SET seq = -1 WHERE seq = 7",
        "UPDATE audit SET seq = 7 WHERE seq = 8",
        "UPDATE audit SET seq = 8 WHERE seq = -1",
    ];
    assert_eq!(found_at(&world, &swap)["seq"], 7);
    let put_in = [
        "UPDATE audit SET seq = -seq WHERE seq >= 9",
        "UPDATE audit SET seq = 1 - seq WHERE seq < 0",
        "INSERT INTO audit SELECT 9, at, kind, employee_id, body, hash FROM audit WHERE seq = 8",
    ];
    assert_eq!(found_at(&world, &put_in)["seq"], 9);
    let behind = "INSERT INTO audit SELECT seq + 1, at, kind, employee_id, body, hash FROM audit WHERE seq = (SELECT seq FROM audit_head)";
    assert!(found_at(&world, &[behind])["seq"].is_i64());
    let in_front = "INSERT INTO audit SELECT 0, at, kind, employee_id, body, hash FROM audit WHERE seq = 1";
    assert_eq!(found_at(&world, &[in_front])["seq"], 0);
}

#[test]
fn a_cut_end_whose_head_was_altered_as_well_is_found_by_an_anchor() {
    let world = history();
    let known = anchor(&assert_whole(&world));
    let cut = [
        "DELETE FROM audit WHERE seq > (SELECT max(seq) - 1 FROM audit)",
        "UPDATE audit_head SET (seq, hash) = (SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1)",
    ];
    let (exit, before) = verify(&world, &["--anchor", &known]);
    assert_eq!(exit, 0, "{before}");
    for trigger in TRIGGERS {
        world.execute(&format!("DROP TRIGGER {trigger}"));
    }
    for statement in cut {
        world.execute(statement);
    }
    let (exit, report) = verify(&world, &["--anchor", &known]);
    assert_eq!(exit, 1, "{report}");
    assert!(report["fault"]["message"].as_str().unwrap().contains("cut off"), "{report}");
}

#[test]
fn a_plan_that_was_altered_beside_the_audit_is_found() {
    let world = history();
    for (statement, word) in [
        ("UPDATE intent SET because = 'left' WHERE action_id = 8", "action 8"),
        ("UPDATE intent SET target = replace(target, 'number1', 'number9') WHERE action_id = 2", "action 2"),
        ("UPDATE action SET kind = 'delete' WHERE action_id = 8", "action 8"),
        (
            "UPDATE plan SET decided_by = 'nobody' WHERE decided_by = 'auditor' AND state = 'approved'",
            "plan ",
        ),
        ("UPDATE plan SET state = 'released' WHERE state = 'rejected'", "plan "),
        ("UPDATE attempt SET status = 299 WHERE action_id = 3 AND number = 1", "requests for action 3"),
        ("DELETE FROM attempt WHERE action_id = 3 AND number = 1", "requests for action 3"),
        ("DELETE FROM run WHERE rowid = (SELECT max(rowid) FROM run)", "run "),
        ("UPDATE run SET outcome = 'unchanged' WHERE outcome = 'held' AND rowid = 2", "run "),
        ("UPDATE run SET cause = 'schedule' WHERE rowid = 1", "run "),
        ("UPDATE run SET source_rows = source_rows + 1 WHERE rowid = 1", "run "),
        (
            "UPDATE plan SET (state, decided_by) = ('approved', 'auditor') WHERE rowid = (SELECT min(rowid) FROM plan \
             WHERE state = 'released')",
            "plan ",
        ),
        ("UPDATE plan SET decided_by = 'auditor' WHERE state = 'released'", "plan "),
        ("UPDATE action SET state = 'discarded' WHERE action_id = 3", "action 3 is not in the state"),
        ("UPDATE action SET state = 'superseded' WHERE action_id = 3", "action 3 is not in the state"),
        (
            "UPDATE action SET state = 'done' WHERE action_id = (SELECT min(action_id) FROM action WHERE state = 'dropped')",
            "is not in the state",
        ),
        (
            "INSERT INTO action (plan_id, employee_id, kind, rank, state, base_version, fingerprint, uncertain, not_before, \
             created_at) SELECT plan_id, employee_id, kind, rank, 'done', base_version, fingerprint, 0, 0, 0 FROM action \
             WHERE action_id = 8",
            "actions",
        ),
    ] {
        let fault = found_at(&world, &[statement]);
        assert!(fault["message"].as_str().unwrap().contains(word), "{statement}: {fault}");
    }
}

#[test]
fn a_database_without_an_audit_gets_one_and_what_was_there_before_needs_no_record() {
    let world = World::new();
    world.sync_rows(&people(3), 0);
    // As it was before the audit: the tables of the first version alone, with its runs, actions and requests.
    world.go_back_to_first_schema();
    for command in [&["status"][..], &["plan"], &["explain", "1000"], &["audit", "verify"]] {
        let refused = world.run(command);
        assert_eq!(refused.exit, 1, "{command:?} {refused:?}");
        assert!(refused.stderr.contains("run `workiva-sync check` once"), "{refused:?}");
    }
    assert_eq!(world.run(&["check"]).exit, 0);
    assert_whole(&world);
    world.sync_rows(&people(4), 0);
    assert_whole(&world);
}

#[test]
fn an_export_can_be_verified_without_the_database() {
    let world = history();
    let whole = world.run(&["audit", "export"]).stdout;
    let head = anchor(&assert_whole(&world));
    let file = world.path("export.jsonl");
    let path = file.to_str().unwrap().to_owned();
    let check = |text: &str, more: &[&str]| {
        std::fs::write(&file, text).unwrap();
        let mut arguments = vec!["--file", path.as_str()];
        arguments.extend(more);
        let (exit, report) = verify(&world, &arguments);
        (exit, report["fault"]["message"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(check(&whole, &[]).0, 0);
    assert_eq!(check(&whole, &["--anchor", &head]).0, 0);
    let lines: Vec<&str> = whole.lines().collect();
    let part = lines[5..].join("\n");
    assert!(check(&part, &[]).1.contains("begins with record 6"));
    assert_eq!(check(&part, &["--anchor", &head]), (0, String::new()));
    let gap: Vec<&str> = lines.iter().enumerate().filter(|(n, _)| *n != 7).map(|(_, line)| *line).collect();
    assert!(check(&gap.join("\n"), &[]).1.contains("records 8 to 8 are missing"));
    assert!(check(&whole.replace("auditor", "somebody"), &[]).1.contains("does not follow"));
    assert!(check(&whole.replacen("\"previous\":\"0", "\"previous\":\"1", 1), &[]).0 == 1);
    assert!(check(&lines[..9].join("\n"), &["--anchor", &head]).1.contains("cut off"));
    assert!(check("{}\n", &[]).1.contains("line 1 is no record"));
}

#[test]
fn an_export_goes_by_days_and_times_and_a_wrong_one_is_a_usage_error() {
    let world = history();
    let count = |arguments: &[&str]| {
        let mut all = vec!["audit", "export"];
        all.extend(arguments);
        records(&world.run(&all)).len()
    };
    let whole = count(&[]);
    assert_eq!(count(&["--from", "2020-01-01", "--to", "2120-01-01"]), whole);
    assert_eq!(count(&["--to", "2020-01-01"]), 0);
    assert_eq!(count(&["--from", "2120-01-01T00:00:00Z"]), 0);
    let all = records(&world.run(&["audit", "export"]));
    let at = all[8]["at"].as_str().unwrap();
    let later = count(&["--from", at]);
    let earlier = count(&["--to", at]);
    assert!(later < whole && earlier < whole && later + earlier == whole, "{later} + {earlier}, {whole}");
    assert_eq!(world.run(&["audit", "export", "--from", "yesterday"]).exit, 2);
    assert_eq!(world.run(&["audit", "verify", "--anchor", "7"]).exit, 2);
}

#[test]
fn two_processes_that_write_at_the_same_time_keep_one_chain() {
    let world = World::new();
    world.hr(&people(300));
    let mut both: Vec<_> =
        (0..2).map(|_| world.command(&["sync"]).stdout(Stdio::null()).spawn().unwrap()).collect();
    for process in &mut both {
        assert!(process.wait().unwrap().success());
    }
    let report = assert_whole(&world);
    assert!(report["records"].as_i64().unwrap() > 600, "{report}");
    let all = records(&world.run(&["audit", "export"]));
    assert_eq!(of_kind(&all, "run").len(), 2);
    assert_eq!(of_kind(&all, "configuration").len(), 1, "the same configuration is recorded once");
}

#[test]
fn the_daemon_says_the_newest_record_in_its_log_and_in_its_metrics() {
    let mut world = World::new();
    world.sync_rows(&people(2), 0);
    let before = anchor(&assert_whole(&world));
    let mut daemon = world.daemon();
    daemon.wait_for_log("the newest record of the audit");
    let said = daemon.entries().into_iter().find_map(|entry| Some(entry.get("anchor")?.as_str()?.to_owned()));
    assert_eq!(said, Some(before));
    let metrics = daemon.get("/metrics").body;
    daemon.stop();
    assert!(metrics.contains("\nworkiva_sync_audit_records "), "{metrics}");
    let told = metrics.lines().find(|line| line.starts_with("workiva_sync_audit_anchor_info{")).unwrap();
    let (seq, hash) = told.split_once("seq=\"").unwrap().1.split_once("\",hash=\"").unwrap();
    let anchor = format!("{seq}:{}", hash.split('"').next().unwrap());
    let (exit, report) = verify(&world, &["--anchor", &anchor]);
    assert_eq!(exit, 0, "{report}");
}

#[test]
fn who_decides_is_the_account_of_the_process_and_not_what_its_environment_says() {
    let mut world = World::new();
    world.guard_tightly();
    let rows = people(3);
    world.sync_rows(&rows, 0);
    let left: Vec<Row> = rows.iter().map(Row::left).collect();
    let held = world.sync_rows(&left, 3);
    let mut reject = world.command(&["reject", held.plan_id()]);
    reject.env("USER", "somebody else").env("LOGNAME", "somebody else");
    assert_eq!(common::run(&mut reject).exit, 0);
    let decided = world.text("SELECT body FROM audit WHERE kind = 'plan_decided'");
    let decided: Value = serde_json::from_str(&decided).unwrap();
    let account = std::process::Command::new("id").arg("-un").output().unwrap();
    assert!(account.status.success(), "a test runs as an account with a name: {account:?}");
    assert_eq!(decided["by"], String::from_utf8(account.stdout).unwrap().trim());
}
