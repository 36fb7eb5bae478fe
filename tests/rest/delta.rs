use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use workiva_sync::compose;
use workiva_sync::source::{Extent, HrSource};

use super::common::{World, kinds};
use super::server::{Reply, Server};
use super::{configured, person, read, read_since, rest, world};

const DATE: &str = "Tue, 24 Nov 2026 09:00:00 GMT";

fn lines(server: &Server, delta: &str) -> String {
    rest(&format!("url = \"{}\"\npath = \"/people\"\n[source.rest.delta]\n{delta}", server.url))
}

#[test]
fn a_read_of_everybody_gives_a_cursor_from_which_the_next_one_goes_on() {
    let server = Server::plain(|request, _| {
        let list = match request.parameter("since") {
            "" => json!([person(1), person(2)]),
            since if ("2026-11-24 08:5".."2026-11-24 09:00").contains(&since) => {
                json!([person(2), {"id": 1, "status": "Active", "deleted": true}])
            }
            other => panic!("{other}"),
        };
        Reply::json(json!({"list": list})).with("Date", DATE)
    });
    let delta = "query = { since = \"{since}\" }\nsince_format = \"%Y-%m-%d %H:%M\"\noverlap_seconds = 60\ngone = \"deleted\"\n\
                 gone_values = [\"TRUE\"]";
    let lines = lines(&server, delta);
    let full = read(&lines).unwrap();
    assert_eq!((full.ids(), full.end.extent), (vec!["1", "2"], Extent::Snapshot));
    let cursor = full.end.cursor.unwrap();
    let (_, since) = cursor.split_at(cursor.find("2026").unwrap());
    // A minute before it was asked, which is a little before it was answered.
    assert!(("2026-11-24T08:50:00Z".."2026-11-24T08:59:00Z").contains(&since), "{cursor}");
    let changed = read_since(&lines, Some(&cursor)).unwrap();
    assert_eq!(
        (changed.ids(), &changed.gone[..], changed.end.extent),
        (vec!["2"], &["1".to_owned()][..], Extent::Delta)
    );
    let next = changed.end.cursor.unwrap();
    assert!(next.contains(":2026-11-24T08:5"), "from the moment at which the read began: {next}");

    // A cursor of another address, or of nobody, is none.
    for other in ["", "rest:0000000000000000:2026-11-24T08:59:00Z", "nonsense"] {
        assert_eq!(read_since(&lines, Some(other)).unwrap().end.extent, Extent::Snapshot, "{other}");
    }
}

#[test]
fn ids_that_changed_are_asked_for_one_by_one_unless_they_are_too_many() {
    let server = Server::plain(|request, _| {
        let reply = match request.path.as_str() {
            "/people" => Reply::json(json!({"list": [person(1), person(2), person(3)]})),
            "/changed" if request.parameter("since").starts_with("2026-11-24T08:5") => {
                Reply::json(json!({"latest": "x", "employees": {
                "1": {"id": "1", "action": "Updated"}, "2": {"id": "2", "action": "Deleted"}, "3": {"id": "3", "action": "Inserted"}}}))
            }
            "/people/1" => Reply::json(person(1)),
            "/people/3" => Reply::status(404),
            other => panic!("{other}"),
        };
        reply.with("Date", DATE)
    });
    let delta = |most: u32| {
        let delta = format!(
            "path = \"/changed\"\nrecords = \"$.employees[*]\"\nquery = {{ since = \"{{since}}\" }}\ngone = \"action\"\n\
             gone_values = [\"Deleted\"]\nmax_details = {most}\n[source.rest.delta.detail]\npath = \"/people/{{id}}\""
        );
        lines(&server, &delta)
    };
    let cursor = read(&delta(9)).unwrap().end.cursor.unwrap();
    let changed = read_since(&delta(9), Some(&cursor)).unwrap();
    assert_eq!(
        (changed.ids(), &changed.gone[..], changed.end.extent),
        (vec!["1"], &["2".to_owned()][..], Extent::Delta)
    );
    assert_eq!(
        (changed.rejections[0].employee_id.as_deref(), changed.rejections[0].kind.name()),
        (Some("3"), "not_found")
    );
    let everybody = read_since(&delta(1), Some(&cursor)).unwrap();
    assert_eq!(
        (everybody.ids(), everybody.gone.len(), everybody.end.extent),
        (vec!["1", "2", "3"], 0, Extent::Snapshot)
    );
}

#[test]
fn a_word_that_nobody_knows_is_not_taken_for_still_there() {
    let server = Server::plain(|request, _| {
        let said = |id: u32, said: Value| {
            let mut person = person(id);
            person["deleted"] = said;
            person
        };
        let list = match request.parameter("since") {
            "" => json!([person(1), said(2, json!(false)), said(3, json!("soon"))]),
            _ => json!([
                said(1, json!(0)),
                said(2, json!("Y")),
                said(3, json!(["true", "false"])),
                said(4, json!(true))
            ]),
        };
        Reply::json(json!({"list": list})).with("Date", DATE)
    });
    let delta = "query = { since = \"{since}\" }\ngone = \"deleted\"\ngone_values = [\"true\"]\n";
    let lines = |more: &str| lines(&server, &format!("{delta}{more}"));
    let rejected = |read: &super::Read| -> Vec<_> {
        read.rejections.iter().map(|one| (one.employee_id.clone().unwrap(), one.kind.name())).collect()
    };
    let full = read(&lines("")).unwrap();
    assert_eq!((full.ids(), rejected(&full)), (vec!["1", "2"], vec![("3".into(), "unknown_action")]));
    assert!(full.rejections[0].reason.contains("source.rest.delta.gone_values nor there_values"));
    let changed = read_since(&lines(""), full.end.cursor.as_deref()).unwrap();
    assert_eq!((changed.ids(), &changed.gone[..]), (vec!["1"], &["4".to_owned()][..]));
    assert_eq!(rejected(&changed), [("2".into(), "unknown_action"), ("3".into(), "unknown_action")]);
    let own = read(&lines("there_values = [\"\", \"false\", \"Soon\"]\n")).unwrap();
    assert_eq!(own.ids(), ["1", "2", "3"]);
}

#[test]
fn a_place_that_says_who_is_gone_is_read_by_the_usual_words_and_left_unread_only_where_that_is_written() {
    let server = Server::plain(|request, _| {
        let said = |id: usize, said: &Value| {
            let mut person = person(id);
            person["deleted"] = said.clone();
            person
        };
        let words = ["Deleted", "removed", "D", "true", "1", "", "updated", "false", "0", "soon"];
        let told: Vec<Value> =
            words.iter().map(|word| json!(word)).chain([json!(true), json!(null)]).collect();
        let list: Vec<Value> = match request.parameter("since") {
            "" => vec![person(99)],
            _ => told.iter().enumerate().map(|(id, word)| said(id, word)).collect(),
        };
        Reply::json(json!({"list": list})).with("Date", DATE)
    });
    let lines = |more: &str| {
        lines(&server, &format!("query = {{ since = \"{{since}}\" }}\ngone = \"deleted\"\n{more}"))
    };
    let changed = |more: &str| {
        let cursor = read(&lines(more)).unwrap().end.cursor;
        read_since(&lines(more), cursor.as_deref()).unwrap()
    };
    let usual = changed("");
    assert_eq!(usual.gone, ["0", "1", "2", "3", "4", "10"]);
    assert_eq!(usual.ids(), ["5", "6", "7", "8", "11"]);
    assert_eq!(usual.rejections.len(), 1, "{:?}", usual.rejections);
    let unread = changed("gone_values = []\n");
    assert_eq!((unread.gone.len(), unread.ids().len()), (0, 12));
    // A word that means both by what is usual and by what is written would take people for gone.
    let told = configured(&lines("there_values = [\"1\"]\n")).map(|_| ()).unwrap_err();
    assert!(told.contains("source.rest.delta.there_values: has '1', which is in"), "{told}");
    // By the id of a list of changes somebody else would be gone.
    let detail = "[source.rest.delta.detail]\npath = \"/people/{id}\"\nid = \"nr\"\n";
    let told = configured(&lines(detail)).map(|_| ()).unwrap_err();
    assert!(told.contains("source.rest.delta.gone: would take people for gone"), "{told}");
}

#[test]
fn bamboohr_tells_who_changed_and_who_is_gone() {
    let one = |id: &str| json!({"id": id, "firstName": "Ana", "lastName": "Ruiz", "workEmail": "ana@x.test", "status": "Active"});
    let server = Server::plain(move |request, _| match request.path.as_str() {
        "/api/v1/reports/custom" => Reply::json(json!({"employees": [one("17")]})).with("Date", DATE),
        "/api/v1/employees/changed" => {
            assert_eq!(request.method, "GET");
            assert!(request.parameter("since").starts_with("2026-11-24T08:5"));
            Reply::json(json!({"latest": "2026-11-24T09:00:00+00:00", "employees": {
                "17": {"id": "17", "action": "Updated", "lastChanged": "2026-11-24T08:59:00+00:00"},
                "18": {"id": "18", "action": "Deleted", "lastChanged": "2026-11-24T08:59:00+00:00"}}}))
        }
        "/api/v1/employees/17" => Reply::json(one("17")),
        other => panic!("{other}"),
    });
    let lines = format!(
        "kind = \"bamboohr\"\n[source.account]\ncompany = \"acme\"\napi_key = \"k\"\n[source.rest]\nurl = \"{}\"\nmax_attempts = 1",
        server.url
    );
    let cursor = read(&lines).unwrap().end.cursor.unwrap();
    let changed = read_since(&lines, Some(&cursor)).unwrap();
    assert_eq!(
        (changed.ids(), &changed.gone[..], changed.end.extent),
        (vec!["17"], &["18".to_owned()][..], Extent::Delta)
    );
}

/// What Merge answers: everybody, and those who changed.
type Merge = Arc<Mutex<(Vec<Value>, Vec<Value>)>>;

/// A world whose source is Merge, with three people, who have been read.
fn merge() -> (Merge, Server, World) {
    let state: Merge =
        Arc::new(Mutex::new(((1..=3).map(|number| employee(number, false)).collect(), Vec::new())));
    let answering = Arc::clone(&state);
    let server = Server::plain(move |request, _| {
        let state = answering.lock().unwrap();
        let results = if request.parameter("modified_after").is_empty() { &state.0 } else { &state.1 };
        Reply::json(json!({"next": null, "results": results})).with("Date", DATE)
    });
    let mut world = World::new();
    let mut source = toml::toml! {
        kind = "merge"
        absence = "deprovision"
        account = { api_key = "k", account_token = "t" }
    };
    source.insert("rest".into(), toml::Table::from_iter([("url".into(), server.url.clone().into())]).into());
    world.config["source"] = source.into();
    world.config.remove("lifecycle");
    world.write_config();
    assert_eq!(world.sync().applied(), kinds([("create", 3)]));
    (state, server, world)
}

fn employee(number: u32, is_deleted: bool) -> Value {
    json!({"id": format!("m-{number}-{is_deleted}"), "employee_number": number.to_string(), "first_name": format!("P{number}"),
        "last_name": "X", "work_email": format!("p{number}@x.test"), "employment_status": "ACTIVE", "start_date": "2020-02-03",
        "remote_was_deleted": is_deleted, "groups": [{"type": "DEPARTMENT", "name": "Finance"}],
        "employments": [{"job_title": "Analyst"}]})
}

#[test]
fn of_whom_a_delta_says_both_that_they_are_gone_and_that_they_are_there_nothing_changes_until_one_word_counts()
 {
    for is_gone_first in [true, false] {
        let (state, _server, world) = merge();
        let mut both = vec![employee(2, true), employee(2, false)];
        if !is_gone_first {
            both.reverse();
        }
        state.lock().unwrap().1 = both;
        let synced = world.sync();
        assert_eq!((synced.exit, synced.applied()), (4, kinds([])), "{synced:?}");
        state.lock().unwrap().1 = Vec::new();
        let synced = world.sync();
        assert_eq!((synced.exit, synced.applied()), (4, kinds([])), "it is told of until then: {synced:?}");
        state.lock().unwrap().1 = vec![employee(2, true)];
        let synced = world.sync();
        assert_eq!((synced.exit, synced.applied()), (0, kinds([("suspend", 1)])), "{synced:?}");
    }
}

#[test]
fn who_is_gone_by_a_read_of_everybody_is_not_there_whatever_their_status_is() {
    let (state, _server, world) = merge();
    state.lock().unwrap().1 = vec![employee(2, true)];
    assert_eq!(world.sync().applied(), kinds([("suspend", 1)]));
    // The list of everybody names them still.
    *state.lock().unwrap() = ((1..=3).map(|number| employee(number, number > 1)).collect(), Vec::new());
    let read_everybody =
        || world.meddle("UPDATE source_state SET full_read_at = full_read_at - 2 * 86400000");
    read_everybody();
    let synced = world.sync();
    assert_eq!(
        (synced.exit, synced.applied()),
        (0, kinds([("suspend", 1)])),
        "the third is absent as well: {synced:?}"
    );
    // Somebody else's number does not hide who is there.
    state.lock().unwrap().0.push(employee(2, false));
    read_everybody();
    assert_eq!(world.sync().applied(), kinds([("reactivate", 1)]));
}

#[test]
fn who_is_gone_is_gone_also_where_nothing_else_of_the_record_can_be_used() {
    let (state, _server, world) = merge();
    let mut gone = employee(2, true);
    gone["work_email"] = json!(["p2@x.test", "other@x.test"]);
    state.lock().unwrap().1 = vec![gone];
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, kinds([("suspend", 1)])), "{synced:?}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a server has a clock of its own")]
fn the_next_delta_goes_on_from_before_the_request_however_late_the_answer_is_dated() {
    for ahead_seconds in [0, 6, 86_400] {
        let server = Server::plain(move |_, _| {
            let late = SystemTime::now() + Duration::from_secs(ahead_seconds);
            Reply::json(json!({"list": [person(1)]})).with("Date", &httpdate::fmt_http_date(late))
        });
        let lines = lines(&server, "query = { since = \"{since}\" }\noverlap_seconds = 10");
        let before = Utc::now();
        let end = read(&lines).unwrap().end;
        let cursor = end.cursor.unwrap();
        let since = DateTime::parse_from_rfc3339(cursor.splitn(3, ':').last().unwrap()).unwrap();
        let asked = since.to_utc() + TimeDelta::seconds(10);
        let after = Utc::now();
        assert!(asked <= after && asked > before - TimeDelta::minutes(5), "{ahead_seconds}: {cursor}");
        let told = end.passed_over.unwrap_or_default();
        assert_eq!(told.contains("overlap_seconds (10)"), ahead_seconds == 86_400, "{ahead_seconds}: {told}");
    }
}

/// What is answered to a read of everybody, and of those who changed.
type Answers = Arc<Mutex<[Vec<Value>; 2]>>;

/// A world of five people in Finance, who have accounts for it, read once; what is answered to each read from now on, by whether it is
/// of everybody; and how often each was asked for.
fn finance() -> (Answers, Arc<Mutex<[u32; 2]>>, World) {
    finance_of(5)
}

fn finance_of(people: u32) -> (Answers, Arc<Mutex<[u32; 2]>>, World) {
    let of_finance = |id: u32| with(person(id), "department", json!("Finance"));
    let answers = Arc::new(Mutex::new([(1..=people).map(of_finance).collect(), Vec::new()]));
    let asked = Arc::new(Mutex::new([0, 0]));
    let (now, counted) = (Arc::clone(&answers), Arc::clone(&asked));
    let server = Server::plain(move |request, _| {
        let which = usize::from(!request.parameter("since").is_empty());
        counted.lock().unwrap()[which] += 1;
        match &now.lock().unwrap()[which] {
            list if list.is_empty() && which == 0 => Reply::status(403),
            list => Reply::json(json!({"list": list})),
        }
    });
    let lines = lines(&server, "query = { since = \"{since}\" }");
    let mut world = world(&lines);
    world.set("source.columns.department", "department");
    world.set("access.provision", "roles");
    let role = toml::toml! { name = "finance"
    when = "department == 'Finance'" };
    world.set("access.roles", vec![role]);
    assert_eq!(world.sync().applied(), kinds([("create", people.into())]));
    (answers, asked, world)
}

fn with(mut one: Value, key: &str, value: Value) -> Value {
    one[key] = value;
    one
}

#[test]
fn a_column_that_vanishes_from_deltas_is_not_taken_for_emptied_and_everybody_is_read_instead() {
    let (answers, asked, world) = finance();
    // The server writes the department otherwise now in what it calls changes.
    answers.lock().unwrap()[1] = vec![with(person(1), "dept", json!("Finance")), person(2)];
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, kinds([])), "{synced:?}");
    let told = world.status().to_string();
    assert!(told.contains("no record has what source.columns has for department"), "{told}");
    assert!(told.contains("employee 1 had"), "{told}");
    assert_eq!(*asked.lock().unwrap(), [2, 1]);
    // Where everybody cannot be read, nothing is known, and of somebody who has left no more is needed.
    answers.lock().unwrap()[0].clear();
    let failed = world.sync();
    assert_eq!((failed.exit, failed.applied()), (5, kinds([])), "{failed:?}");
    answers.lock().unwrap()[1] = vec![with(person(1), "status", json!("Terminated"))];
    assert_eq!(world.sync().applied(), kinds([("suspend", 1)]));
    // One that stands there and is empty is.
    answers.lock().unwrap()[1] = vec![with(person(2), "department", json!(null))];
    assert_eq!(world.sync().applied(), kinds([("suspend", 1)]));
}

#[test]
fn a_column_that_one_record_of_a_delta_leaves_out_is_not_taken_for_emptied_and_everybody_is_read_instead() {
    let (answers, asked, mut world) = finance();
    let of_finance = |id: u32| with(person(id), "department", json!("Finance"));
    // Another one in the same delta has it.
    let delta = vec![person(1), of_finance(2)];
    answers.lock().unwrap()[1].clone_from(&delta);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, kinds([])), "{synced:?}");
    let told = world.status().to_string();
    assert!(
        told.contains("one record leaves out what source.columns has for department, which employee 1 had"),
        "{told}"
    );
    assert_eq!(*asked.lock().unwrap(), [2, 1]);
    // Of whoever never had it nothing is lost.
    answers.lock().unwrap()[0] = (1..=5)
        .map(|id| if id == 1 { with(person(1), "department", json!("")) } else { of_finance(id) })
        .collect();
    answers.lock().unwrap()[1].clear();
    world.execute("UPDATE source_state SET full_read_at = full_read_at - 2 * 86400000");
    assert_eq!(world.sync().applied(), kinds([("suspend", 1)]));
    answers.lock().unwrap()[1].clone_from(&delta);
    let before = asked.lock().unwrap()[0];
    assert_eq!(world.sync().applied(), kinds([]));
    assert_eq!(asked.lock().unwrap()[0], before, "everybody was not read for it");
    // Where a system leaves out what is empty, that is what it means.
    world.set("source.rest.paging.sparse_columns", toml::Value::from(vec!["department"]));
    assert_eq!(world.sync().applied(), kinds([]));
    answers.lock().unwrap()[1] = vec![person(3), of_finance(2)];
    answers.lock().unwrap()[0].clear();
    assert_eq!(world.sync().applied(), kinds([("suspend", 1)]));
}

#[test]
fn a_column_that_vanishes_from_a_read_of_everybody_takes_nobodys_access() {
    let (answers, _, world) = finance_of(12);
    let all = answers.lock().unwrap()[0].clone();
    let without = |one: &Value| with(one.clone(), "department", Value::Null);
    let mut missing = all.clone();
    missing.iter_mut().for_each(|one| drop(one.as_object_mut().unwrap().remove("department")));
    let read_in_full = || world.execute("UPDATE source_state SET full_read_at = full_read_at - 2 * 86400000");
    read_in_full();
    answers.lock().unwrap()[0] = missing;
    answers.lock().unwrap()[1].clear();
    let held = world.sync();
    assert_eq!(
        (held.exit, held.hold_codes(), held.applied()),
        (3, vec!["column_emptied"], kinds([])),
        "{held:?}"
    );
    // One of whom it is said that there is none has none.
    answers.lock().unwrap()[0] =
        all.iter().enumerate().map(|(n, one)| if n == 2 { without(one) } else { one.clone() }).collect();
    read_in_full();
    assert_eq!(world.sync().applied(), kinds([("suspend", 1)]));
}

#[test]
fn what_changed_is_taken_also_where_the_read_of_everybody_that_is_due_fails_and_stays_due() {
    let (answers, asked, world) = finance();
    let everybody = std::mem::take(&mut answers.lock().unwrap()[0]);
    answers.lock().unwrap()[1] = vec![with(everybody[2].clone(), "status", json!("Terminated"))];
    world.meddle("UPDATE source_state SET full_read_at = full_read_at - 2 * 86400000");
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, kinds([("suspend", 1)])), "{synced:?}");
    let told = world.status().to_string();
    assert!(told.contains("the read of everybody is due, and failed"), "{told}");
    let status = world.run(&["status"]);
    assert!(status.stdout.contains("something newer that could not be read yet"), "{status:?}");
    answers.lock().unwrap()[1].clear();
    assert_eq!(world.sync().applied(), kinds([]));
    assert_eq!(*asked.lock().unwrap(), [3, 2], "it is asked for again in each run");
    answers.lock().unwrap()[0] = everybody;
    assert_eq!(world.sync().applied(), kinds([("reactivate", 1)]), "the list of everybody is newer");
    let status = world.run(&["status"]);
    assert!(!status.stdout.contains("something newer"), "{status:?}");
}

#[test]
fn a_delta_of_nobody_but_those_who_are_gone_needs_no_more_of_them_than_the_employee_id() {
    let told = Arc::new(Mutex::new(json!([])));
    let now = Arc::clone(&told);
    let server = Server::plain(move |request, _| {
        let list = match request.parameter("since") {
            "" => json!([person(1), person(2), person(3)]),
            _ => now.lock().unwrap().clone(),
        };
        Reply::json(json!({"list": list})).with("Date", DATE)
    });
    let delta = "query = { since = \"{since}\" }\ngone = \"gone\"\ngone_values = [\"true\"]";
    let lines = lines(&server, delta);
    let world = world(&lines);
    assert_eq!(world.sync().applied(), kinds([("create", 3)]));
    *told.lock().unwrap() = json!([{"id": "3", "gone": true}]);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, kinds([("suspend", 1)])), "{synced:?}");
    // Of those who are there the status has to be there, and of whoever is gone the id.
    let cursor = read(&lines).unwrap().end.cursor;
    for (list, column) in [
        (json!([{"id": "3", "gone": true}, {"id": "2", "gone": false}]), "status"),
        (json!([{"number": "3", "gone": true, "status": "Active"}]), "employee_id"),
    ] {
        *told.lock().unwrap() = list;
        let told = read_since(&lines, cursor.as_deref()).unwrap_err().to_string();
        assert!(told.contains(&format!("has what source.columns.{column} leads to")), "{told}");
    }
}

#[test]
fn a_sync_whose_delta_is_refused_reads_everybody_and_one_that_meets_a_system_that_is_down_says_so() {
    let state = Arc::new(Mutex::new((400, vec![person(1), person(2), person(3)])));
    let known = Arc::clone(&state);
    let server = Server::plain(move |request, _| {
        let (status, list) = &*known.lock().unwrap();
        match request.parameter("since") {
            "" => Reply::json(json!({"list": list})).with("Date", DATE),
            _ => Reply::status(*status),
        }
    });
    let lines = lines(&server, "query = { since = \"{since}\" }")
        .replace("[source.rest]", "[source.rest]\nmax_attempts = 1");
    let world = world(&lines);
    assert_eq!(world.sync().applied(), kinds([("create", 3)]));
    let asked =
        |from: usize| server.asked()[from..].iter().map(|one| one.contains("since=")).collect::<Vec<_>>();
    let before = server.asked().len();
    state.lock().unwrap().1.truncate(2);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, kinds([("suspend", 1)])), "{synced:?}");
    assert_eq!(asked(before), [true, false]);
    assert!(synced.stderr.contains("what changed could not be read, so everybody was"), "{}", synced.stderr);
    // It may answer again in a moment, and refuses nothing.
    let before = server.asked().len();
    *state.lock().unwrap() = (503, vec![person(1)]);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (5, kinds([])), "{synced:?}");
    assert_eq!(asked(before), [true]);
}

#[test]
fn a_system_whose_deltas_fail_does_not_leave_everybody_unread_until_the_night() {
    let refuse = Arc::new(Mutex::new(400));
    let refusing = Arc::clone(&refuse);
    let server = Server::plain(move |request, _| match request.parameter("since") {
        "" => Reply::json(json!({"list": [person(1)]})).with("Date", DATE),
        _ => match *refusing.lock().unwrap() {
            200 => Reply::json(json!({"list": []})).with("Date", DATE),
            status => Reply::status(status),
        },
    });
    let lines = lines(&server, "query = { since = \"{since}\" }")
        .replace("[source.rest]", "[source.rest]\nmax_attempts = 1");
    let source = compose::source(&configured(&lines).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cursor = read(&lines).unwrap().end.cursor;
    let tick = || {
        let (sender, _batches) = mpsc::channel(16);
        runtime.block_on(source.read(cursor.clone(), sender))
    };
    for status in [400, 500] {
        *refuse.lock().unwrap() = status;
        for _ in 0..3 {
            assert!(tick().unwrap_err().to_string().contains(&format!("status {status}")));
        }
        let end = tick().unwrap();
        let told = end.passed_over.unwrap();
        assert!(
            end.extent == Extent::Snapshot && told.contains("3 deltas in a row could not be read"),
            "{told}"
        );
    }
    // Neither one that is down nor one that is busy refuses; and one delta that came ends the count.
    for status in [400, 400, 503, 503, 503, 503, 200, 400, 400, 200] {
        *refuse.lock().unwrap() = status;
        let end = tick();
        assert_eq!(end.as_ref().is_ok(), status == 200, "{status}: {end:?}");
        assert!(end.is_err() || end.unwrap().extent == Extent::Delta, "{status}");
    }
}
