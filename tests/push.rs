//! An HR system that pushes its records, and webhooks that say there is something new.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::io::Write;

use common::{Answer, Daemon, Front, Row, Way, World, hr_text, people, until};
use hmac::{Hmac, KeyInit, Mac};
use rustix::process::Signal;
use serde_json::{Value, json};
use sha2::Sha256;
use workiva_sync::engine::clock::{Clock, SystemClock};

const TOKEN: &str = "the-token-of-the-hr-system";
const JSON: &str = "application/json";

/// A world whose HR system pushes.
fn pushing() -> World {
    let mut world = World::new();
    for key in ["path", "delimiter"] {
        if world.config["source"].get(key).is_some() {
            world.unset("source", key);
        }
    }
    world.set("source.kind", "push");
    world.set("source.push.token", TOKEN);
    world.set("source.push.action_column", "Action");
    world.set("schedule.cron", "0 0 0 1 1 *");
    world.set("schedule.run_on_start", false);
    world.set("http.listen", "127.0.0.1:0");
    world
}

/// The rows as JSON objects, by the header of the HR file.
fn objects(rows: &[Row]) -> Vec<Value> {
    let text = hr_text(rows);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let records = reader.records().map(|record| record.unwrap());
    records
        .map(|record| header.iter().cloned().zip(record.iter().map(Value::from)).collect::<Value>())
        .collect()
}

fn json(rows: &[Row]) -> Vec<u8> {
    Value::from(objects(rows)).to_string().into_bytes()
}

fn lines(rows: &[Row]) -> Vec<u8> {
    objects(rows).iter().map(|one| format!("{one}\n")).collect::<String>().into_bytes()
}

/// One row with an action.
fn acted(row: &Row, action: &str) -> Value {
    let mut object = objects(std::slice::from_ref(row)).remove(0);
    object["Action"] = action.into();
    object
}

fn push_as(daemon: &Daemon, query: &str, content_type: &str, key: &str, body: &[u8]) -> Answer {
    let bearer = format!("Bearer {TOKEN}");
    let headers =
        [("Authorization", bearer.as_str()), ("Content-Type", content_type), ("Idempotency-Key", key)];
    daemon.post(&format!("/v1/hr/records{query}"), &headers, body)
}

fn push(daemon: &Daemon, query: &str, key: &str, body: &[u8]) -> Answer {
    push_as(daemon, query, JSON, key, body)
}

/// Waits until the run has ended that a sender was told of; its outcome.
fn outcome(daemon: &Daemon, accepted: &Value) -> String {
    let run_id = accepted["run_id"].as_str().unwrap();
    let mut outcome = String::new();
    until("the run has ended", || {
        let answer = daemon.get_as(&format!("/v1/hr/runs/{run_id}"), TOKEN).expect(200);
        outcome = answer["outcome"].as_str().unwrap().to_owned();
        outcome != "waiting"
    });
    outcome
}

fn until_agrees(world: &World, rows: &[Row]) {
    until("Workiva is what HR says", || world.agrees(rows));
}

#[test]
fn a_snapshot_in_parts_of_each_format_is_read_as_one_and_at_once() {
    let mut world = pushing();
    let daemon = world.daemon();
    let rows = people(9);
    let begun = push(&daemon, "?snapshot=begin", "", b"").expect(201);
    let snapshot = begun["delivery"].as_str().unwrap();
    let part = |number: u32, content_type: &str, body: &[u8]| {
        push_as(&daemon, &format!("?snapshot={snapshot}&part={number}"), content_type, "", body)
    };
    // In any order, and twice.
    assert_eq!(part(2, "application/x-ndjson", &lines(&rows[3..6])).expect(200)["records"], 3);
    assert_eq!(part(1, JSON, &json(&rows[..3])).expect(200)["records"], 3);
    assert_eq!(part(3, "text/csv", hr_text(&rows[6..]).as_bytes()).expect(200)["records"], 3);
    assert_eq!(part(3, "text/csv", hr_text(&rows[6..]).as_bytes()).expect(200)["records"], 3);
    assert_eq!(world.writes(), 0, "nothing of it counts before it is whole");
    let commit = format!("?snapshot={snapshot}&commit=true");
    let accepted = push(&daemon, &commit, "", br#"{"parts": 3, "records": 9}"#).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "applied");
    until_agrees(&world, &rows);
    // The answer may have been lost.
    let again = push(&daemon, &commit, "", br#"{"parts": 3, "records": 9}"#).expect(202);
    assert_eq!(again["run_id"], accepted["run_id"]);
    // Whoever is not in a later one is gone, and all others stay as they are.
    let accepted = push(&daemon, "?snapshot=whole", "k1", &json(&rows[1..])).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "applied");
    until_agrees(&world, &rows[1..]);
    let accepted = push(&daemon, "?snapshot=whole&records=8", "k2", &json(&rows[1..])).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "unchanged");
    // Two parts without anybody are alike, and nobody is missing for it.
    let begun = push(&daemon, "?snapshot=begin", "", b"").expect(201);
    let snapshot = begun["delivery"].as_str().unwrap();
    for (number, body) in [(1, &json(&rows[1..])[..]), (2, b"[]"), (3, b"[]")] {
        push(&daemon, &format!("?snapshot={snapshot}&part={number}"), "", body).expect(200);
    }
    let commit = format!("?snapshot={snapshot}&commit=true");
    let accepted = push(&daemon, &commit, "", br#"{"parts": 3, "records": 8}"#).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "unchanged");
}

/// A daemon that has read a snapshot of these people.
fn with_people(world: &mut World, rows: &[Row]) -> Daemon {
    let daemon = world.daemon();
    let accepted = push(&daemon, "?snapshot=whole", "the first", &json(rows)).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "applied");
    until_agrees(world, rows);
    daemon
}

#[test]
fn a_delta_changes_those_whom_it_names_and_one_that_is_sent_again_changes_nothing() {
    let mut world = pushing();
    let rows = people(5);
    let daemon = with_people(&mut world, &rows);
    let cfo = rows[0].but(|row| row.title = "CFO".into());
    let hire = Row::new("2000", "New", "Hire");
    let delta = json!({ "records": [acted(&cfo, "change"), acted(&rows[1], "Delete"), acted(&hire, "")] });
    let body = delta.to_string().into_bytes();
    let accepted = push(&daemon, "", "delta 1", &body).expect(202);
    assert_eq!((&accepted["records"], &accepted["rejected"]), (&json!(3), &json!(0)));
    assert_eq!(outcome(&daemon, &accepted), "applied");
    let now = [cfo, rows[2].clone(), rows[3].clone(), rows[4].clone(), hire];
    until_agrees(&world, &now);
    let writes = world.writes();
    assert_eq!(push(&daemon, "", "delta 1", &body).expect(202), accepted);
    let error = push(&daemon, "", "delta 1", b"[]").expect(409);
    assert!(error["error"]["message"].as_str().unwrap().contains("Idempotency-Key"), "{error}");
    // Nothing changes by an empty one either, and each is a run of its own.
    let empty = push(&daemon, "", "delta 2", b"[]").expect(202);
    assert_eq!(outcome(&daemon, &empty), "unchanged");
    assert_eq!(world.writes(), writes);
}

#[test]
fn a_record_that_says_two_things_of_one_key_is_rejected_and_gives_nobody_access() {
    let mut world = pushing();
    let rows = people(4);
    let daemon = with_people(&mut world, &rows);
    let writes = world.writes();
    let twice = |row: &Row| {
        let text = acted(row, "").to_string();
        text.replacen("\"Status\":\"Active\"", "\"Status\":\"Terminated\",\"Status\":\"Active\"", 1)
    };
    let hired = Row::new("2000", "New", "Hire");
    let body = format!("[{},{}]", twice(&hired), acted(&rows[0].but(|row| row.title = "Auditor".into()), ""));
    let accepted = push(&daemon, "", "json", body.as_bytes()).expect(202);
    assert_eq!((&accepted["records"], &accepted["rejected"]), (&json!(2), &json!(1)));
    let told = &accepted["rejections"][0];
    assert_eq!((&told["row"], &told["employee_id"]), (&json!(1), &json!("2000")));
    assert!(told["reason"].as_str().unwrap().contains("has the key 'Status' twice"), "{told}");
    outcome(&daemon, &accepted);
    // Whose it is cannot be said where that is what stands twice.
    let line = twice(&rows[1]).replacen('{', "{\"Employee ID\":\"7\",", 1) + "\n";
    let accepted = push_as(&daemon, "", "application/x-ndjson", "lines", line.as_bytes()).expect(202);
    assert_eq!(accepted["rejections"][0]["employee_id"], Value::Null);
    outcome(&daemon, &accepted);
    let rows =
        [rows[0].but(|row| row.title = "Auditor".into()), rows[1].clone(), rows[2].clone(), rows[3].clone()];
    until_agrees(&world, &rows);
    assert_eq!(world.writes(), writes + 1);
}

#[test]
fn a_pushed_record_with_what_no_parser_takes_is_rejected_by_name_and_keeps_nobody_else_out() {
    let mut world = pushing();
    let rows = people(4);
    let daemon = with_people(&mut world, &rows);
    let writes = world.writes();
    let odd = |row: &Row| acted(row, "").to_string().replacen('{', "{\"Pay\":1e400,", 1);
    let changed = |row: &Row| acted(&row.but(|row| row.title = "Auditor".into()), "").to_string();
    let body = format!("[{},{}]", odd(&rows[0].but(|row| row.title = "Lost".into())), changed(&rows[1]));
    let lines = format!("{}\n{}\n", odd(&rows[2].but(|row| row.title = "Lost".into())), changed(&rows[3]));
    for (format, body, id) in [(JSON, body, &rows[0].id), ("application/x-ndjson", lines, &rows[2].id)] {
        let accepted = push_as(&daemon, "", format, format, body.as_bytes()).expect(202);
        assert_eq!((&accepted["records"], &accepted["rejected"]), (&json!(2), &json!(1)));
        let told = &accepted["rejections"][0];
        assert_eq!((&told["row"], &told["employee_id"]), (&json!(1), &json!(id)));
        let reason = told["reason"].as_str().unwrap();
        assert!(
            reason.contains("has something at 'Pay' that cannot be read (number out of range)"),
            "{reason}"
        );
        outcome(&daemon, &accepted);
    }
    let auditor = |row: &Row| row.but(|row| row.title = "Auditor".into());
    until_agrees(&world, &[rows[0].clone(), auditor(&rows[1]), rows[2].clone(), auditor(&rows[3])]);
    assert_eq!(world.writes(), writes + 2);
}

#[test]
fn a_record_of_a_delta_that_lacks_a_key_is_rejected_and_takes_nobodys_access() {
    let mut world = pushing();
    let rows = people(4);
    let daemon = with_people(&mut world, &rows);
    let writes = world.writes();
    let without = |row: &Row, action: &str| {
        let mut object = acted(row, action);
        object.as_object_mut().unwrap().remove("Department");
        object
    };
    let delta =
        json!([without(&rows[0], "change"), without(&rows[1], "delete"), without(&rows[2].left(), "change")]);
    let accepted = push(&daemon, "", "delta", delta.to_string().as_bytes()).expect(202);
    assert_eq!((&accepted["records"], &accepted["rejected"]), (&json!(3), &json!(1)));
    let told = &accepted["rejections"][0];
    assert_eq!(told["employee_id"], rows[0].id);
    assert!(
        told["reason"].as_str().unwrap().contains("lacks 'Department' (source.columns.department)"),
        "{told}"
    );
    // Of whoever has left nothing else is needed.
    outcome(&daemon, &accepted);
    until_agrees(&world, &[rows[0].clone(), rows[3].clone()]);
    assert_eq!(world.writes(), writes + 2);
    let mut none = acted(&rows[0], "change");
    none["Department"] = Value::Null;
    let accepted = push(&daemon, "", "said", json!([none]).to_string().as_bytes()).expect(202);
    outcome(&daemon, &accepted);
    until_agrees(&world, &rows[3..]);
}

#[test]
fn a_record_of_a_delta_that_lacks_what_a_path_leads_to_is_rejected_and_takes_nobodys_access() {
    let mut world = pushing();
    for (column, path) in [
        ("status", "$.Job.Status"),
        ("department", "$.Job['Department']"),
        ("job_title", "$.Fields[?@.name == 'title'].value"),
    ] {
        world.set(&format!("source.columns.{column}"), path);
    }
    let nested = |row: &Row| {
        let mut object = acted(row, "");
        let mut take = |key: &str| object.as_object_mut().unwrap().remove(key).unwrap();
        let (status, department, title) = (take("Status"), take("Department"), take("Job Title"));
        object["Job"] = json!({"Status": status, "Department": department});
        object["Fields"] = json!([{"name": "title", "value": title}]);
        object
    };
    let without = |row: &Row, path: &str, key: &str| {
        let mut object = nested(row);
        object.pointer_mut(path).unwrap().as_object_mut().unwrap().remove(key).unwrap();
        object
    };
    let all =
        |rows: &[Row]| Value::from(rows.iter().map(nested).collect::<Vec<_>>()).to_string().into_bytes();
    let rows = people(7);
    let daemon = world.daemon();
    let accepted = push(&daemon, "?snapshot=whole", "the first", &all(&rows)).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "applied");
    until_agrees(&world, &rows);
    let writes = world.writes();
    let mut of_another_name = nested(&rows[3]);
    of_another_name["Fields"] = json!([{"name": "phone", "value": "1"}]);
    let mut gone = without(&rows[5], "", "Job");
    gone["Action"] = "delete".into();
    let delta = json!([
        without(&rows[0], "", "Job"),
        without(&rows[1], "/Job", "Department"),
        without(&rows[2], "", "Fields"),
        of_another_name,
        without(&rows[4].left(), "/Job", "Department"),
        gone,
    ]);
    let accepted = push(&daemon, "", "parts of records", delta.to_string().as_bytes()).expect(202);
    assert_eq!((&accepted["records"], &accepted["rejected"]), (&json!(6), &json!(4)), "{accepted}");
    let title = "lacks '$.Fields[?@.name == 'title'].value' (source.columns.job_title)";
    let words = [
        "lacks '$.Job['Department']' (source.columns.department), '$.Job.Status' (source.columns.status)",
        "lacks '$.Job['Department']' (source.columns.department), and what",
        title,
        title,
    ];
    for (at, words) in words.into_iter().enumerate() {
        let told = &accepted["rejections"][at];
        let reason = told["reason"].as_str().unwrap();
        assert_eq!(told["employee_id"], rows[at].id);
        assert!(reason.contains(words), "'{words}' is not in '{reason}'");
        let names_key = reason.contains("add \"job_title\" to source.push.sparse_columns");
        assert_eq!(names_key, words == title, "{reason}");
    }
    outcome(&daemon, &accepted);
    // Of whoever has left, or is gone, nothing else is needed.
    let left = [&rows[..4], &rows[6..]].concat();
    until_agrees(&world, &left);
    assert_eq!(world.writes(), writes + 2);
    // What is said to be empty is.
    let mut none = nested(&rows[0]);
    none["Job"]["Department"] = Value::Null;
    let mut untitled = nested(&rows[1]);
    untitled["Fields"] = json!([]);
    let accepted = push(&daemon, "", "said", json!([none, untitled]).to_string().as_bytes()).expect(202);
    assert_eq!(accepted["rejected"], 0, "{accepted}");
    outcome(&daemon, &accepted);
    let untitled = rows[1].but(|row| row.title = String::new());
    until_agrees(&world, &[&[untitled], &left[2..]].concat());
    drop(daemon);
    // Where the sender leaves out what is empty behind a filter, that can be said, and of that column alone.
    let sparse = toml::Value::from(vec!["job_title", "department"]);
    world.set("source.push.sparse_columns", sparse);
    let daemon = world.daemon();
    let delta = json!([without(&rows[2], "", "Fields"), without(&rows[3], "/Job", "Department")]);
    let accepted = push(&daemon, "", "sparse", delta.to_string().as_bytes()).expect(202);
    assert_eq!(accepted["rejected"], 1, "{accepted}");
    assert_eq!(accepted["rejections"][0]["employee_id"], rows[3].id);
}

#[test]
fn what_was_answered_for_survives_a_kill_and_is_read_by_the_next_start() {
    let mut world = pushing();
    let rows = people(6);
    let mut daemon = with_people(&mut world, &rows);
    for (round, row) in rows.iter().enumerate() {
        let title = format!("Title {round}");
        let row = row.but(|row| row.title = title.clone());
        let body = Value::from(vec![acted(&row, "")]).to_string().into_bytes();
        let accepted = push(&daemon, "", &title, &body).expect(202);
        daemon.signal(Signal::KILL);
        daemon.wait();
        daemon = world.daemon();
        until("it was done", || world.user(&row.email).is_some_and(|user| user["title"] == title.as_str()));
        assert_ne!(outcome(&daemon, &accepted), "waiting");
        assert_eq!(push(&daemon, "", &title, &body).expect(202)["run_id"], accepted["run_id"]);
    }
    assert_eq!(world.statistics().by_method.get("POST"), Some(&6), "nobody was made twice");
}

#[test]
fn a_delta_of_thousands_changes_those_alone_whom_it_names_as_well() {
    let mut world = pushing();
    let rows = people(5);
    let daemon = with_people(&mut world, &rows);
    // None of them has access, so none is created.
    let strangers = (0..6_000).map(|n| Row::new(&format!("S{n}"), "Person", &format!("Stranger{n}")));
    let mut delta: Vec<Row> = strangers.map(|row| row.but(|row| row.department = "Sales".into())).collect();
    delta.push(rows[0].clone());
    delta.push(rows[1].but(|row| row.title = "CFO".into()));
    let writes = world.writes();
    let accepted = push(&daemon, "", "delta 1", &json(&delta)).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "applied");
    until_agrees(&world, &[&rows[..1], &delta[6_001..], &rows[2..]].concat());
    assert_eq!(world.writes(), writes + 1);
}

#[test]
fn a_delta_that_comes_while_a_snapshot_is_sent_counts_behind_it() {
    let mut world = pushing();
    let rows = people(4);
    let daemon = with_people(&mut world, &rows);
    let begun = push(&daemon, "?snapshot=begin", "", b"").expect(201);
    let snapshot = begun["delivery"].as_str().unwrap().to_owned();
    // Made before the delta, so the snapshot says what was.
    let part = push(&daemon, &format!("?snapshot={snapshot}&part=1"), "", &json(&rows));
    part.expect(200);
    let cfo = rows[0].but(|row| row.title = "CFO".into());
    let delta = Value::from(vec![acted(&cfo, ""), acted(&rows[3], "delete")]).to_string();
    let accepted = push(&daemon, "", "meanwhile", delta.as_bytes()).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "applied");
    let now = [cfo, rows[1].clone(), rows[2].clone()];
    until_agrees(&world, &now);
    let commit =
        push(&daemon, &format!("?snapshot={snapshot}&commit=true"), "", br#"{"parts":1,"records":4}"#);
    assert_eq!(outcome(&daemon, &commit.expect(202)), "unchanged");
    world.assert_agrees(&now);
}

/// What is kept of deliveries.
const KEPT: &str = "SELECT CAST(count(*) AS TEXT) FROM delivery_part";

#[test]
fn what_was_read_and_is_kept_for_an_open_snapshot_does_not_count_as_waiting() {
    let mut world = pushing();
    let rows = people(4);
    let daemon = with_people(&mut world, &rows);
    let begun = push(&daemon, "?snapshot=begin", "", b"").expect(201);
    let snapshot = begun["delivery"].as_str().unwrap().to_owned();
    push(&daemon, &format!("?snapshot={snapshot}&part=1"), "", &json(&rows)).expect(200);
    let cfo = rows[0].but(|row| row.title = "CFO".into());
    let accepted = push(&daemon, "", "meanwhile", &json(std::slice::from_ref(&cfo))).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "applied");
    // As if it had been as large as all that may wait.
    world.meddle("UPDATE delivery_part SET bytes = 67108864 WHERE delivery_id = (SELECT max(delivery_id) FROM delivery)");
    let gone = json!([acted(&rows[3], "delete")]).to_string();
    let accepted = push(&daemon, "", "a leaver", gone.as_bytes()).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "applied");
    // It counts behind the snapshot all the same.
    let commit = format!("?snapshot={snapshot}&commit=true");
    let accepted = push(&daemon, &commit, "", br#"{"parts": 1, "records": 4}"#).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "unchanged");
    world.assert_agrees(&[cfo, rows[1].clone(), rows[2].clone()]);
    until("nothing is kept any more", || world.text(KEPT) == "0");
}

#[test]
fn a_snapshot_that_nobody_commits_stops_nothing_that_comes_later() {
    let mut world = pushing();
    let rows = people(4);
    let daemon = with_people(&mut world, &rows);
    let begin = || push(&daemon, "?snapshot=begin", "", b"").expect(201);
    let full = "UPDATE delivery_part SET bytes = 1073741824 \
                WHERE delivery_id = (SELECT delivery_id FROM delivery WHERE accepted IS NULL)";
    let part = |begun: &Value| {
        let query = format!("?snapshot={}&part=1", begun["delivery"].as_str().unwrap());
        push(&daemon, &query, "", &json(&rows)).expect(200);
        world.meddle(full);
    };
    // One that is open is given up by one that comes whole.
    part(&begin());
    let accepted = push(&daemon, "?snapshot=whole", "whole", &json(&rows)).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "unchanged");
    // One of the day before is given up by whatever is read next, with what is kept for it.
    let begun = begin();
    part(&begun);
    let title = |title: &str| rows[0].but(|row| row.title = title.into());
    let accepted = push(&daemon, "", "while it is open", &json(&[title("CFO")])).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "applied");
    assert_eq!(world.text(KEPT), "2", "the part, and what counts behind it");
    world.meddle("UPDATE delivery SET begun_at = begun_at - 86400001 WHERE accepted IS NULL");
    let accepted = push(&daemon, "", "a day later", &json(&[title("CEO")])).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "applied");
    until("nothing is kept any more", || world.text(KEPT) == "0");
    let commit = format!("?snapshot={}&commit=true", begun["delivery"].as_str().unwrap());
    push(&daemon, &commit, "", br#"{"parts": 1, "records": 4}"#).expect(404);
    until_agrees(&world, &[&[title("CEO")], &rows[1..]].concat());
}

#[test]
fn a_snapshot_behind_which_too_much_would_be_kept_is_given_up_and_changes_still_come() {
    let mut world = pushing();
    let rows = people(4);
    let daemon = with_people(&mut world, &rows);
    let begun = push(&daemon, "?snapshot=begin", "", b"").expect(201);
    let of = |what: &str| format!("?snapshot={}&{what}", begun["delivery"].as_str().unwrap());
    push(&daemon, &of("part=1"), "", &json(&rows)).expect(200);
    let cfo = rows[0].but(|row| row.title = "CFO".into());
    let accepted = push(&daemon, "", "meanwhile", &json(std::slice::from_ref(&cfo))).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "applied");
    world.meddle("UPDATE delivery_part SET bytes = 1073741824 WHERE delivery_id = (SELECT max(delivery_id) FROM delivery)");
    let gone = json!([acted(&rows[3], "delete")]).to_string();
    let accepted = push(&daemon, "", "a leaver", gone.as_bytes()).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "applied");
    until("nothing is kept any more", || world.text(KEPT) == "0");
    push(&daemon, &of("commit=true"), "", br#"{"parts": 1, "records": 4}"#).expect(404);
    world.assert_agrees(&[cfo, rows[1].clone(), rows[2].clone()]);
}

#[test]
fn a_whole_snapshot_gives_up_the_older_one_that_is_open() {
    let mut world = pushing();
    let rows = people(4);
    let daemon = with_people(&mut world, &rows[..3]);
    let begun = push(&daemon, "?snapshot=begin", "", b"").expect(201);
    let old = begun["delivery"].as_str().unwrap();
    push(&daemon, &format!("?snapshot={old}&part=1"), "", &json(&rows[..3])).expect(200);
    let accepted = push(&daemon, "?snapshot=whole", "newer", &json(&rows)).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "applied");
    let commit = push(&daemon, &format!("?snapshot={old}&commit=true"), "", br#"{"parts":1,"records":3}"#);
    commit.expect(404);
    until_agrees(&world, &rows);
}

#[test]
fn a_snapshot_of_the_day_before_is_not_committed_and_takes_nobodys_access() {
    let mut world = pushing();
    let rows = people(4);
    let daemon = with_people(&mut world, &rows);
    let begun = push(&daemon, "?snapshot=begin", "", b"").expect(201);
    let id = begun["delivery"].as_str().unwrap();
    let of = |what: &str| format!("?snapshot={id}&{what}");
    push(&daemon, &of("part=1"), "", &json(&rows[..3])).expect(200);
    world.meddle("UPDATE delivery SET begun_at = begun_at - 86400001 WHERE accepted IS NULL");
    push(&daemon, &of("part=2"), "", &json(&rows[3..])).expect(404);
    push(&daemon, &of("commit=true"), "", br#"{"parts": 1, "records": 3}"#).expect(404);
    // What was committed in time is answered for later too.
    let begun = push(&daemon, "?snapshot=begin", "", b"").expect(201);
    let of = |what: &str| format!("?snapshot={}&{what}", begun["delivery"].as_str().unwrap());
    push(&daemon, &of("part=1"), "", &json(&rows)).expect(200);
    let commit = br#"{"parts": 1, "records": 4}"#;
    let told = push(&daemon, &of("commit=true"), "", commit).expect(202);
    world.meddle("UPDATE delivery SET begun_at = begun_at - 86400001 WHERE accepted = 2");
    assert_eq!(push(&daemon, &of("commit=true"), "", commit).expect(202), told);
    until_agrees(&world, &rows);
}

#[test]
fn a_snapshot_that_lacks_people_is_held_and_can_be_approved_or_replaced() {
    let mut world = pushing();
    world.guard_tightly();
    let rows = people(12);
    let daemon = with_people(&mut world, &rows);
    let accepted = push(&daemon, "?snapshot=whole", "half", &json(&rows[..6])).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "held");
    world.assert_agrees(&rows);
    let plan = world.status()["held"]["plan_id"].as_str().unwrap().to_owned();
    let approved = world.run(&["approve", &plan]);
    assert_eq!(approved.exit, 0, "{approved:?}");
    until_agrees(&world, &rows[..6]);
    let accepted = push(&daemon, "?snapshot=whole", "whole", &json(&rows)).expect(202);
    assert_ne!(outcome(&daemon, &accepted), "incomplete");
}

#[test]
fn what_cannot_be_used_is_refused_with_a_reason_and_changes_nobody() {
    let mut world = pushing();
    let rows = people(4);
    let daemon = with_people(&mut world, &rows);
    let writes = world.writes();
    let whole = "?snapshot=whole";
    let refused = |status: u16, words: &str, answer: Answer| {
        let told = answer.expect(status)["error"]["message"].as_str().unwrap().to_owned();
        assert!(told.contains(words), "'{words}' is not in '{told}'");
    };
    refused(400, "Idempotency-Key", push(&daemon, whole, "", &json(&rows)));
    refused(415, "text/html", push_as(&daemon, whole, "text/html", "k", b"<html>"));
    refused(
        415,
        "JSON is UTF-8",
        push_as(&daemon, whole, "application/json; charset=iso-8859-1", "k", b"[]"),
    );
    let latin = push_as(&daemon, whole, "text/csv; Charset=\"ISO-8859-1\"", "k", hr_text(&rows).as_bytes());
    refused(415, "(source.encoding)", latin);
    refused(
        422,
        "a key on the way to its records, or to what stands beside them, stands twice in it",
        push(&daemon, whole, "k", br#"{"records": [], "records": []}"#),
    );
    refused(422, "its JSON ends early", push(&daemon, whole, "k", &json(&rows)[..200]));
    refused(422, "line 2 is no JSON", push_as(&daemon, whole, "application/x-ndjson", "k", b"{}\n{\"a\"\n"));
    refused(422, "no records are in it", push(&daemon, whole, "k", br#"{"people": []}"#));
    refused(422, "record 1 is no object", push(&daemon, whole, "k", b"[1]"));
    refused(422, "min_records", push(&daemon, whole, "k", b"[]"));
    refused(
        422,
        "(source.columns.department)",
        push(&daemon, whole, "k", br#"[{"Employee ID": "1", "Status": "Active"}]"#),
    );
    refused(
        422,
        "look for a stray quote",
        push_as(&daemon, whole, "text/csv", "k", &hr_text(&rows).replace("Person", "\"Person").into_bytes()),
    );
    // The last row may have been cut off, by whatever number of bytes; so may a line, and a body is told by its number of records.
    for (format, body) in [("text/csv", hr_text(&rows).into_bytes()), ("application/x-ndjson", lines(&rows))]
    {
        let cut = body.trim_ascii_end();
        refused(422, "no line end stands behind its last", push_as(&daemon, whole, format, "k", cut));
        for query in ["?snapshot=whole&records=5", "?snapshot=whole&records=3"] {
            let told = format!("{} records are told of, and 4 have come", &query[query.len() - 1..]);
            refused(422, &told, push_as(&daemon, query, format, "k", &body));
            refused(422, &told, push(&daemon, query, "k", &json(&rows)));
        }
    }
    let begin_with = "?snapshot=begin&records=4";
    refused(400, "records goes with snapshot=whole", push(&daemon, begin_with, "", b""));
    refused(400, "records goes with snapshot=whole", push(&daemon, "?records=4", "k", &json(&rows)));
    refused(422, "no column", push_as(&daemon, whole, "text/csv", "k", b"Employee ID,Status\n1,Active\n"));
    let unsaid = push_as(&daemon, "", "text/csv", "k", hr_text(&rows).as_bytes());
    refused(422, "'Action' (source.push.action_column)", unsaid);
    // Whoever is gone is not in a snapshot; what says so is a delta, or no snapshot of those who are there.
    let gone = json!([acted(&rows[0], "Delete"), acted(&rows[1], "")]).to_string().into_bytes();
    refused(422, "record 1 says 'Delete' in 'Action'", push(&daemon, whole, "k", &gone));
    let text = hr_text(&rows).replacen("Title", "Title,Action", 1).replace("Analyst", "Analyst,deleted");
    refused(422, "record 1 says 'deleted'", push_as(&daemon, whole, "text/csv", "k", text.as_bytes()));
    refused(400, "ask for one of", push(&daemon, "?commit=true", "k", b"{}"));
    refused(400, "a number from 1", push(&daemon, "?snapshot=x&part=0", "k", b"[]"));
    refused(400, "query cannot be read", push(&daemon, "?snaphot=whole", "k", b"[]"));
    refused(404, "no such snapshot is open", push(&daemon, "?snapshot=x&part=1", "k", b"[]"));
    refused(413, "larger than 32 MiB", push(&daemon, whole, "k", &vec![b' '; 33 * 1024 * 1024]));
    let gzip = [("Authorization", "Bearer the-token-of-the-hr-system"), ("Content-Encoding", "gzip")];
    refused(415, "Content-Encoding", daemon.post("/v1/hr/records", &gzip, b"x"));

    let begun = push(&daemon, "?snapshot=begin", "", b"").expect(201);
    let snapshot = begun["delivery"].as_str().unwrap();
    let part = |number: u32, rows: &[Row]| {
        push(&daemon, &format!("?snapshot={snapshot}&part={number}"), "", &json(rows))
    };
    let commit =
        |body: &str| push(&daemon, &format!("?snapshot={snapshot}&commit=true"), "", body.as_bytes());
    part(1, &rows[..2]).expect(200);
    refused(409, "other bytes", part(1, &rows[..1]));
    // What was to be in it is missing, though a commit may count as many.
    refused(409, "the same bytes have come as part 1", part(2, &rows[..2]));
    let cut = hr_text(&rows[2..]);
    let query = format!("?snapshot={snapshot}&part=2");
    refused(422, "no line end", push_as(&daemon, &query, "text/csv", "", cut.trim_end().as_bytes()));
    let delta = cut.trim_end().replace('\n', ",U\n").replacen(",U\n", ",Action\n", 1) + ",U";
    refused(422, "no line end", push_as(&daemon, "", "text/csv", "cut", delta.as_bytes()));
    let joined = (delta + "\n").replacen(",U\n", ",U", 1);
    refused(422, "has 15 fields", push_as(&daemon, "", "text/csv", "joined", joined.as_bytes()));
    refused(409, "2 parts are committed, and 1 have come", commit(r#"{"parts": 2, "records": 4}"#));
    refused(409, "4 records are committed, and 2 have come", commit(r#"{"parts": 1, "records": 4}"#));
    refused(400, "a commit says", commit("{}"));
    push(&daemon, "?snapshot=begin", "", b"").expect(201);
    refused(404, "a newer one was begun", commit(r#"{"parts": 1, "records": 2}"#));

    // A body that is cut off never was.
    let mut stream = daemon.connect();
    let head = format!(
        "POST /v1/hr/records?snapshot=whole HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: text/csv\r\n\
         Idempotency-Key: cut\r\nContent-Length: 100000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(hr_text(&rows[..1]).as_bytes()).unwrap();
    drop(stream);

    // Somebody who cannot be used keeps what they have, and is named.
    let bad = json!([{ "Employee ID": { "a": 1 } }, acted(&rows[0], "")]).to_string();
    let accepted = push(&daemon, "", "bad", bad.as_bytes()).expect(202);
    assert_eq!((&accepted["records"], &accepted["rejected"]), (&json!(2), &json!(1)));
    assert_eq!(accepted["rejections"][0]["row"], 1);
    outcome(&daemon, &accepted);
    assert_eq!(world.writes(), writes);
    world.assert_agrees(&rows);
}

/// Sends a snapshot in these parts and commits it; the answer to the commit.
fn in_parts(daemon: &Daemon, parts: &[Vec<Value>]) -> Answer {
    let begun = push(daemon, "?snapshot=begin", "", b"").expect(201);
    let snapshot = begun["delivery"].as_str().unwrap();
    for (number, records) in (1..).zip(parts) {
        let body = Value::from(records.clone()).to_string();
        push(daemon, &format!("?snapshot={snapshot}&part={number}"), "", body.as_bytes()).expect(200);
    }
    let records: usize = parts.iter().map(Vec::len).sum();
    let told = json!({"parts": parts.len(), "records": records}).to_string();
    push(daemon, &format!("?snapshot={snapshot}&commit=true"), "", told.as_bytes())
}

#[test]
fn a_part_that_lacks_a_column_which_the_others_have_takes_nothing_from_anybody() {
    let rows = people(60);
    let without = |rows: &[Row], key: &str| {
        let mut objects = objects(rows);
        objects.iter_mut().for_each(|one| drop(one.as_object_mut().unwrap().remove(key)));
        objects
    };
    let mut world = pushing();
    let daemon = with_people(&mut world, &rows);
    let writes = world.writes();
    let parts = [objects(&rows[..30]), without(&rows[30..], "Department")];
    let refused = in_parts(&daemon, &parts).expect(422);
    let told = refused["error"]["message"].as_str().unwrap();
    assert!(
        told.contains("from part 2 on, 30 records in a row have nothing at all at 'Department'"),
        "{told}"
    );
    assert_eq!(world.writes(), writes);
    world.assert_agrees(&rows);
    // A few at the end may have none.
    let parts = [objects(&rows[..45]), without(&rows[45..], "Job Title")];
    in_parts(&daemon, &parts).expect(202);
    drop(daemon);
    // Where the sender leaves out what is empty, that can be said.
    world.set("source.push.sparse_columns", toml::Value::from(vec!["department"]));
    let daemon = world.daemon();
    let parts = [objects(&rows[..30]), without(&rows[30..], "Department")];
    in_parts(&daemon, &parts).expect(202);
}

#[test]
fn parts_that_repeat_people_are_no_whole_though_as_many_records_came_as_are_told() {
    let rows = people(40);
    let mut world = pushing();
    let daemon = with_people(&mut world, &rows);
    let writes = world.writes();
    // The second part is the first one in another order, and the third has somebody of the first in another form.
    let mut again = objects(&rows[..20]);
    again.reverse();
    let mut third = objects(&rows[20..39]);
    third.push(acted(&rows[3].but(|row| row.title = "Auditor".into()), ""));
    for (parts, told) in [
        (
            [objects(&rows[..20]), again.clone()],
            "20 people of part 2 are in an earlier part as well, employee ",
        ),
        (
            [objects(&rows[..20]), third.clone()],
            &*format!(
                "1 people of part 2 are in an earlier part as well, employee '{}' in part 1",
                rows[3].id
            ),
        ),
    ] {
        let refused = in_parts(&daemon, &parts).expect(409);
        let why = refused["error"]["message"].as_str().unwrap();
        assert!(why.contains(told) && why.contains("source.push.several_records"), "{why}");
    }
    assert_eq!(world.writes(), writes);
    world.assert_agrees(&rows);
    // A body tells how many people are in it.
    let mut twice = objects(&rows);
    twice.push(twice[0].clone());
    let body = Value::from(twice).to_string();
    let accepted = push(&daemon, "?snapshot=whole", "twice", body.as_bytes()).expect(202);
    assert_eq!((&accepted["records"], &accepted["people"]), (&json!(41), &json!(40)));
    outcome(&daemon, &accepted);
    drop(daemon);
    // Where somebody may have several records, a part that holds nobody of its own is still no other part.
    world.set("source.push.several_records", true);
    let daemon = world.daemon();
    in_parts(&daemon, &[objects(&rows[..20]), again]).expect(409);
    let mut second = objects(&rows[20..]);
    second.push(objects(&rows[3..4]).remove(0));
    let accepted = in_parts(&daemon, &[objects(&rows[..20]), second]).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "unchanged");
    world.assert_agrees(&rows);
}

#[test]
fn nobody_without_the_sources_own_token_pushes_or_learns_anything() {
    let mut world = pushing();
    let other = "a-token-of-the-other-system";
    let name = |name: &str| [("name", toml::Value::from(name))];
    let push_settings = |token: &str| {
        let mut table = toml::Table::new();
        table.insert("token".into(), token.into());
        toml::Value::from(table)
    };
    let (one, two) = (push_settings(TOKEN), push_settings(other));
    let (staff, guests) = (name("staff"), name("guests"));
    let staff = [staff[0].clone(), ("push", one)];
    let guests = [guests[0].clone(), ("push", two)];
    world.several(&[("staff", &staff), ("guests", &guests)]);
    for at in 0..2 {
        world.config["sources"][at].as_table_mut().unwrap().remove("path");
    }
    world.write_config();
    let daemon = world.daemon();
    // A scheme is the same in any case (RFC 9110, 11.1), and its token is not.
    let as_scheme = |scheme: &str, token: &str| {
        let shown = format!("{scheme} {token}");
        let headers =
            [("Authorization", shown.as_str()), ("Content-Type", JSON), ("Idempotency-Key", "scheme")];
        daemon.post("/v1/hr/records?snapshot=begin", &headers, b"")
    };
    for (scheme, token, status) in
        [("bearer", TOKEN, 201), ("BEARER ", TOKEN, 201), ("Basic", TOKEN, 401), ("bearer", "x", 401)]
    {
        as_scheme(scheme, token).expect(status);
    }
    let with = |token: &str, query: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", JSON), ("Idempotency-Key", "k")];
        daemon.post(&format!("/v1/hr/records?snapshot=begin{query}"), &headers, b"")
    };
    let strangers = [
        with("", ""),
        with("wrong", ""),
        with("wrong", "&source=staff"),
        with(other, "&source=staff"),
        with(TOKEN, "&source=nobody"),
    ];
    let words: Vec<Value> = strangers.iter().map(|answer| answer.expect(401)).collect();
    assert!(words.iter().all(|one| *one == words[0]), "{words:?}");
    with(TOKEN, "").expect(201);
    let mut refused = with("a guess", "");
    until("whoever guesses is asked to wait", || {
        refused = with("a guess", "");
        refused.status == 429
    });
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    assert_eq!(refused.json()["error"]["code"], "too_many_attempts");
    with(TOKEN, "").expect(201);
    with(TOKEN, "&source=staff").expect(201);
    with(other, "&source=guests").expect(201);
    assert_eq!(daemon.get("/v1/hr/runs/x").status, 401);
    assert_eq!(daemon.get_as("/v1/hr/runs/x", TOKEN).status, 404);
    assert_eq!(daemon.post("/v1/hr/trigger", &[], b"").status, 404, "none is configured");
    assert!(!daemon.log().contains(TOKEN) && !daemon.log().contains(other));
}

#[test]
fn slow_senders_of_one_source_do_not_keep_another_waiting() {
    let mut world = pushing();
    let other = "a-token-of-the-other-system";
    let push_settings = |token: &str| toml::Table::from_iter([("token".to_owned(), token.into())]).into();
    let of = |name: &str, token: &str| [("name", toml::Value::from(name)), ("push", push_settings(token))];
    world.several(&[("staff", &of("staff", TOKEN)), ("guests", &of("guests", other))]);
    for at in 0..2 {
        world.config["sources"][at].as_table_mut().unwrap().remove("path");
    }
    world.write_config();
    let daemon = world.daemon();
    let head = format!(
        "POST /v1/hr/records?snapshot=begin HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 9\r\n\r\n"
    );
    let slow: Vec<_> = (0..6)
        .map(|_| {
            let mut stream = daemon.connect();
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    let bearer = format!("Bearer {other}");
    let headers = [("Authorization", bearer.as_str())];
    daemon.post("/v1/hr/records?snapshot=begin", &headers, b"").expect(201);
    for mut stream in slow {
        stream.set_nonblocking(true).unwrap();
        let answer = std::io::Read::read(&mut stream, &mut [0; 16]);
        assert!(answer.is_err(), "none of them was answered, or gave up, before: {answer:?}");
    }
}

/// A world with a file that is read when a webhook says so.
fn called() -> World {
    let mut world = World::new();
    world.set("schedule.cron", "0 0 0 1 1 *");
    world.set("http.listen", "127.0.0.1:0");
    world.set("trigger.pause_seconds", 0);
    world.hr(&people(3));
    world
}

#[test]
fn a_webhook_with_the_token_starts_a_run_at_once_and_without_it_none() {
    let mut world = called();
    world.set("trigger.token", "the-token-of-the-webhook");
    let daemon = world.daemon();
    until_agrees(&world, &people(3));
    let rows = people(4);
    world.hr(&rows);
    let right = [("Authorization", "Bearer the-token-of-the-webhook")];
    assert_eq!(daemon.post("/v1/hr/trigger", &[("Authorization", "Bearer wrong")], b"").status, 401);
    daemon.post("/v1/hr/trigger?source=nobody", &right, b"").expect(404);
    for unclear in ["source=source&source=other", "src=source", "source=%ff", "source"] {
        let answer = daemon.post(&format!("/v1/hr/trigger?{unclear}"), &right, b"");
        assert!(matches!(answer.status, 400 | 404), "{unclear} starts nothing: {answer:?}");
    }
    assert_eq!(daemon.post("/v1/hr/trigger?src=source", &[], b"").status, 401, "a stranger is told nothing");
    daemon.post("/v1/hr/trigger", &right, b"").expect(202);
    until_agrees(&world, &rows);
    daemon.wait_for_log("run planned");
    let runs = world.status()["runs"].as_array().unwrap().len();
    assert_eq!(runs, 2, "one at the start and one by the webhook");
    assert_eq!(world.status()["runs"][0]["cause"], "webhook");
}

#[test]
fn a_storm_of_webhooks_is_one_run_at_once_and_one_behind_the_pause() {
    let mut world = called();
    world.set("trigger.token", "the-token-of-the-webhook");
    world.set("trigger.pause_seconds", 3600);
    let daemon = world.daemon();
    until_agrees(&world, &people(3));
    let right = [("Authorization", "Bearer the-token-of-the-webhook")];
    let first = daemon.post("/v1/hr/trigger", &right, b"").expect(202);
    assert_eq!(first["coalesced"], false);
    until("the run has ended", || world.status()["runs"].as_array().unwrap().len() == 2);
    let coalesced: Vec<bool> = (0..30)
        .map(|_| daemon.post("/v1/hr/trigger", &right, b"").expect(202)["coalesced"].as_bool().unwrap())
        .collect();
    assert_eq!(coalesced.iter().filter(|one| !**one).count(), 1);
    assert_eq!(world.status()["runs"].as_array().unwrap().len(), 2);
}

#[test]
fn a_webhook_that_is_signed_and_not_too_old_starts_a_run_and_any_other_does_not() {
    let mut world = called();
    let key = "the-key-of-the-webhook";
    world.set("trigger.secret", key);
    world.set("trigger.signature_header", "X-Bob-Signature");
    world.set("trigger.signed", "{timestamp}.{body}");
    world.set("trigger.timestamp_header", "X-Bob-Time");
    let daemon = world.daemon();
    until_agrees(&world, &people(3));
    let now = Clock::now(&SystemClock).timestamp();
    let sign = |key: &str, at: i64, body: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(format!("{at}.{body}").as_bytes());
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let call = |at: i64, signature: &str, body: &str| {
        let at = at.to_string();
        let headers = [("X-Bob-Time", at.as_str()), ("X-Bob-Signature", signature)];
        daemon.post("/v1/hr/trigger", &headers, body.as_bytes()).status
    };
    let body = r#"{"event": "employee.updated"}"#;
    let signature = sign(key, now, body);
    assert_eq!(call(now, &sign("another key than that", now, body), body), 401);
    assert_eq!(call(now, &signature, "{}"), 401, "another body");
    assert_eq!(call(now + 1, &signature, body), 401, "another time");
    assert_eq!(call(now - 3600, &sign(key, now - 3600, body), body), 401, "too old");
    assert_eq!(call(now, "", body), 401);
    assert_eq!(call(now, "zz", body), 401);
    assert_eq!(
        daemon.post("/v1/hr/trigger", &[("X-Bob-Signature", &signature)], body.as_bytes()).status,
        401
    );
    let rows = people(4);
    world.hr(&rows);
    assert_eq!(call(now, &format!("sha256={signature}"), body), 202);
    until_agrees(&world, &rows);
}

/// Reads the answer to a request of which the head alone was sent.
fn answer(mut stream: std::net::TcpStream) -> String {
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
    answer
}

#[test]
fn of_a_webhook_that_can_carry_no_signature_the_body_is_not_waited_for() {
    let mut world = called();
    world.set("trigger.token", "the-token-of-the-webhook");
    let called_with = |daemon: &Daemon, headers: &str| {
        let mut stream = daemon.connect();
        let head = "POST /v1/hr/trigger HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1000000";
        write!(stream, "{head}\r\n{headers}\r\n").unwrap();
        answer(stream)
    };
    let daemon = world.daemon();
    // Without a secret there is nothing to be signed by.
    let told = called_with(&daemon, "X-Signature-256: sha256=00\r\n");
    assert!(told.starts_with("HTTP/1.1 401 "), "{told}");
    drop(daemon);
    world.set("trigger.secret", "the-key-of-the-webhook");
    world.set("trigger.signed", "{timestamp}.{body}");
    world.set("trigger.timestamp_header", "X-Time");
    let daemon = world.daemon();
    let now = Clock::now(&SystemClock).timestamp();
    for headers in [
        String::new(),
        format!("X-Time: {now}\r\n"),
        format!("X-Time: {now}\r\nX-Signature-256: zz\r\n"),
        "X-Signature-256: 00\r\n".to_owned(),
        format!("X-Time: {}\r\nX-Signature-256: 00\r\n", now - 3600),
    ] {
        let told = called_with(&daemon, &headers);
        assert!(told.starts_with("HTTP/1.1 401 "), "{headers}: {told}");
    }
}

#[test]
fn bodies_of_strangers_who_claim_a_signature_are_held_in_small_number_and_then_given_back() {
    let mut world = called();
    world.set("trigger.secret", "the-key-of-the-webhook");
    let daemon = world.daemon();
    until_agrees(&world, &people(3));
    let call = || daemon.post("/v1/hr/trigger", &[("X-Signature-256", "sha256=00")], b"");
    assert_eq!(call().status, 401);
    let head = "POST /v1/hr/trigger HTTP/1.1\r\nHost: x\r\nX-Signature-256: sha256=00\r\nContent-Length: 1000000\r\n\r\n";
    let mut slow = Vec::new();
    let mut told = call();
    while told.status != 503 {
        assert!(slow.len() < 64, "so many bodies are held: {told:?}");
        let mut stream = daemon.connect();
        stream.write_all(head.as_bytes()).unwrap();
        slow.push(stream);
        told = call();
    }
    assert!(told.header("Retry-After").is_some(), "{told:?}");
    assert_eq!(told.json()["error"]["code"], "later");
    drop(slow);
    until("there is room again", || call().status == 401);
}

#[test]
fn a_leaver_who_was_pushed_in_a_record_that_cannot_be_used_is_told_of_until_a_newer_one_comes() {
    let mut world = pushing();
    let rows = people(4);
    let daemon = with_people(&mut world, &rows);
    let mut unfit = acted(&rows[0].left(), "");
    unfit["Status"] = json!({"name": "Terminated"});
    let rejected = || {
        let told = world.run(&["explain", "1000", "--json"]);
        let told: Value = serde_json::from_str(&told.stdout).unwrap();
        told["input"]["rejected"].as_array().unwrap().len()
    };
    for (key, record) in [("unfit", unfit), ("of another", acted(&rows[1], ""))] {
        let accepted = push(&daemon, "", key, json!([record]).to_string().as_bytes()).expect(202);
        assert_eq!(outcome(&daemon, &accepted), "unchanged");
        assert_eq!(rejected(), 1, "{key}");
    }
    assert_eq!(world.status()["runs"][0]["rejected"], 1, "{}", world.status());
    world.assert_agrees(&rows);
    let gone = json!([acted(&rows[0], "deleted")]).to_string();
    push(&daemon, "", "gone", gone.as_bytes()).expect(202);
    until_agrees(&world, &rows[1..]);
    assert_eq!(rejected(), 0);
}

#[test]
fn a_leaver_does_not_keep_access_since_another_field_of_the_pushed_record_cannot_be_read() {
    let mut world = pushing();
    let rows = people(5);
    let daemon = with_people(&mut world, &rows);
    let unfit = |row: &Row, action: &str| {
        let mut record = acted(row, action);
        record["Job Title"] = json!({"name": "Analyst"});
        record
    };
    let delta = json!([unfit(&rows[0].left(), ""), unfit(&rows[1], "deleted"), unfit(&rows[2], "update")]);
    let accepted = push(&daemon, "", "unfit", delta.to_string().as_bytes()).expect(202);
    assert_eq!((&accepted["rejected"], &accepted["rejections"][0]["row"]), (&json!(1), &json!(3)));
    until_agrees(&world, &rows[2..]);
    assert!(world.status()["runs"][0]["message"].to_string().contains("1 person has left by their status"));
}

#[test]
fn a_pushed_record_with_an_action_that_nobody_knows_changes_nobody_and_its_sender_is_told() {
    let mut world = pushing();
    let rows = people(4);
    let daemon = with_people(&mut world, &rows);
    let promoted = rows[0].but(|row| row.title = "CFO".into());
    for (key, body, format) in [
        ("json", json!([acted(&promoted, "terminate")]).to_string(), JSON),
        (
            "csv",
            common::HEADER.replacen('\n', ",Action\n", 1)
                + "1000,A,B,a@x.test,Active,Finance,CFO,terminate\n",
            "text/csv",
        ),
    ] {
        let accepted = push_as(&daemon, "", format, key, body.as_bytes()).expect(202);
        assert_eq!(accepted["rejected"], 1, "{accepted}");
        let reason = accepted["rejections"][0]["reason"].as_str().unwrap();
        assert!(
            reason.contains("says 'terminate'") && reason.contains("source.push.delete_values"),
            "{reason}"
        );
        assert_eq!(outcome(&daemon, &accepted), "unchanged");
    }
    assert_eq!(world.status()["runs"][0]["rejected"], 1, "{}", world.status());
    world.assert_agrees(&rows);
    // By default `remove` says that somebody is gone.
    let gone = json!([acted(&rows[0], "Remove")]).to_string();
    push(&daemon, "", "gone", gone.as_bytes()).expect(202);
    until_agrees(&world, &rows[1..]);
}

#[test]
fn a_row_of_nobody_that_is_pushed_again_and_again_counts_once_and_holds_nothing_up() {
    let mut world = pushing();
    world.set("guard.max_reject_percent", 10.0);
    let rows = people(20);
    let daemon = with_people(&mut world, &rows);
    let nobody = objects(&[rows[0].but(|row| row.id = String::new())]);
    for n in 0..4 {
        let accepted =
            push(&daemon, "", &format!("nobody {n}"), Value::from(nobody.clone()).to_string().as_bytes());
        assert_eq!(outcome(&daemon, &accepted.expect(202)), "unchanged");
        assert_eq!(world.status()["runs"][0]["rejected"], 1);
    }
    let leaver = Value::from(vec![acted(&rows[4], "delete")]).to_string();
    let accepted = push(&daemon, "", "leaver", leaver.as_bytes()).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "applied");
    until_agrees(&world, &[&rows[..4], &rows[5..]].concat());
}

#[test]
fn check_counts_what_was_pushed_and_read_before() {
    let mut world = pushing();
    let told = world.run(&["check", "--json"]);
    assert_eq!(told.exit, 5, "{told:?}");
    assert!(told.stdout.contains("no whole snapshot has come yet"), "{told:?}");
    let rows = people(4);
    let daemon = with_people(&mut world, &rows);
    let source = |arguments: &[&str]| -> Value {
        let output = world.run(arguments);
        assert_eq!(output.exit, 0, "{output:?}");
        serde_json::from_str::<Value>(&output.stdout).unwrap()["sources"][0].clone()
    };
    let checked = source(&["check", "--json"]);
    assert_eq!((&checked["usable"], &checked["rejected"]), (&json!(4), &json!(0)), "{checked}");
    assert_eq!(checked["sample"]["fields"]["employee_id"], "9999");
    assert_eq!(checked["unmapped"], json!([]), "each is read, the action by a delta");
    let waits = source(&["source", "preview", "--json"]);
    assert_eq!(
        (&waits["records"], &waits["ended"]),
        (&json!([]), &json!("complete")),
        "nothing waits any more"
    );
    // It is taken in beside a look, as ever.
    let mut gone = acted(&rows[0], "delete");
    gone["Nickname"] = "Ana".into();
    let accepted = push(&daemon, "", "d1", &Value::from(vec![gone]).to_string().into_bytes());
    assert_eq!(outcome(&daemon, &accepted.expect(202)), "applied");
    let checked = source(&["check", "--json"]);
    assert_eq!((&checked["usable"], &checked["unmapped"]), (&json!(3), &json!(["Nickname"])), "{checked}");
    let mut table = hr_text(&rows[1..]).trim_end().replace('\n', ",\n");
    table.push_str(",\n");
    let table = table.replacen(",\n", ",Shoe Size\n", 1);
    let accepted = push_as(&daemon, "?snapshot=whole", "text/csv", "s2", table.as_bytes());
    accepted.expect(202);
    assert_eq!(source(&["check", "--json"])["unmapped"], json!(["Shoe Size"]), "of the newest delivery");
}

#[test]
fn a_preview_shows_what_was_pushed_and_no_run_has_read() {
    let mut world = pushing();
    world.sandbox.set_password(&"another".into());
    let daemon = world.daemon();
    let accepted = push(&daemon, "?snapshot=whole", "k", &json(&people(4))).expect(202);
    assert_ne!(outcome(&daemon, &accepted), "applied");
    for (limit, shown, ended) in [("20", 4, "complete"), ("2", 2, "complete")] {
        let output = world.run(&["source", "preview", "--json", "--limit", limit]);
        let source = serde_json::from_str::<Value>(&output.stdout).unwrap()["sources"][0].clone();
        assert_eq!(source["records"].as_array().unwrap().len(), shown, "{source}");
        assert_eq!(
            (&source["ended"], &source["reached"]),
            (&json!(ended), &json!("that pushes to 'source'"))
        );
    }
}

#[test]
fn faults_of_the_settings_are_told_by_their_keys() {
    let mut world = pushing();
    world.set("source.push.token", "short");
    world.set("source.push.delete_values", toml::Value::Array(Vec::new()));
    world.set("source.full_cron", "0 0 3 * * *");
    world.set("source.columns.department", "$.[");
    world.set("trigger.secret", "short");
    world.set("trigger.signed", "{timestamp}");
    world.set("trigger.signature_header", "X Signature");
    let told = world.run(&["check"]);
    assert_eq!(told.exit, 2, "{told:?}");
    let said = format!("{}{}", told.stdout, told.stderr);
    for key in [
        "source.push.token: is shorter",
        "source.push.delete_values",
        "source.full_cron",
        "source.columns.department = $.[",
        "trigger.secret: is shorter",
        "trigger.signed = {timestamp}",
        "trigger.timestamp_header: goes with",
        "trigger.signature_header = X Signature",
    ] {
        assert!(said.contains(key), "'{key}' is not in {said}");
    }
    assert!(!said.contains("short\n"), "{said}");
}

/// Puts a backup into the place of the database; so it knows nothing of what was pushed since.
fn restore(world: &World, backup: &std::path::Path) {
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", world.database().display()));
    }
    std::fs::copy(backup, world.database()).unwrap();
}

#[test]
fn in_a_backup_that_was_restored_nobody_is_given_access_back_before_hr_has_pushed_word_of_them() {
    let mut world = pushing();
    let rows = people(6);
    let mut daemon = with_people(&mut world, &rows);
    let backup = world.path("backup.db");
    world.run(&["backup", backup.to_str().unwrap()]).assert_says(0, &[]);
    assert_eq!(daemon.stop(), 0);
    let id = world.user(&rows[5].email).unwrap()["id"].as_str().unwrap().to_owned();
    world.sandbox.edit_user(&id, |user| user["active"] = json!(false)).unwrap();
    restore(&world, &backup);
    let output = world.run(&["drift", "--repair"]);
    assert!(output.stdout.contains("has pushed a snapshot"), "{output:?}");
    let told = world.run(&["explain", "1005", "--json"]);
    assert!(
        told.stdout.contains("\"step\":\"nothing\"") || told.stdout.contains("\"step\": \"nothing\""),
        "{told:?}"
    );
    world.assert_agrees(&rows[..5]);
    // A word of somebody else says nothing of this one; one of their own does, and so does a snapshot.
    let daemon = world.daemon();
    let chief = |at: usize| rows[at].but(|row| row.title = "CFO".into());
    let mut now = [&[chief(0)], &rows[1..]].concat();
    let accepted = push(&daemon, "", "a delta", &json(&[chief(0)])).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "applied");
    until_agrees(&world, &now[..5]);
    now[5] = chief(5);
    let accepted = push(&daemon, "", "another delta", &json(&[chief(5)])).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "applied");
    until_agrees(&world, &now);
}

#[test]
fn what_waited_in_a_backup_that_was_restored_is_sent_by_nothing_older_than_a_new_snapshot() {
    let mut world = pushing();
    world.set("retry.cap_seconds", 1);
    let front = Front::before(&mut world);
    let rows = people(6);
    let mut daemon = with_people(&mut world, &rows);
    front.go(Way::ThrottlingWrites);
    let accepted = push(&daemon, "", "left", &json(&[rows[5].left()])).expect(202);
    assert_eq!(outcome(&daemon, &accepted), "applied");
    let backup = world.path("backup.db");
    world.run(&["backup", backup.to_str().unwrap()]).assert_says(0, &[]);
    // HR takes it back at once.
    let accepted = push(&daemon, "", "back", &json(&rows[5..])).expect(202);
    outcome(&daemon, &accepted);
    assert_eq!(daemon.stop(), 0);
    restore(&world, &backup);
    for hours in [
        "UPDATE action SET created_at = created_at - 7200000",
        "UPDATE plan SET created_at = created_at - 7200000",
    ] {
        world.execute(hours);
    }
    front.go(Way::Through);
    let synced = world.sync();
    assert!(synced.stderr.contains("1 actions were queued over an hour ago"), "{synced:?}");
    world.assert_agrees(&rows);
    let daemon = world.daemon();
    let accepted = push(&daemon, "?snapshot=whole", "all", &json(&rows)).expect(202);
    outcome(&daemon, &accepted);
    until("nothing waits", || world.status()["queue"]["queued"] == 0);
    world.assert_agrees(&rows);
}
