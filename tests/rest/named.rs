//! Whose record it is: an id in a list is an employee id only where both stand at one path.

use std::sync::{Arc, Mutex};

use serde_json::json;

use super::common::kinds;
use super::looking::world;
use super::server::{Reply, Server};
use super::{configured, person, read, read_since, refused, rest};

/// BambooHR under these lines of `[source.rest]` and `[source.columns]`.
fn bamboo(url: &str, lines: &str) -> String {
    format!(
        "kind = \"bamboohr\"\n[source.account]\ncompany = \"acme\"\napi_key = \"k\"\n[source.rest]\nurl = \"{url}\"\nmax_attempts = 1\n\
         {lines}"
    )
}

#[test]
fn nobody_is_gone_by_an_id_that_may_be_somebody_elses_employee_id() {
    let number = "[source.columns]\nemployee_id = \"employeeNumber\"";
    let url = "https://acme.bamboohr.com";
    let told = configured(&bamboo(url, number)).map(|_| ()).unwrap_err();
    for words in ["source.rest.delta.gone: ", "source.columns.employee_id", "gone_values = []"] {
        assert!(told.contains(words), "'{words}' is not in {told}");
    }
    configured(&bamboo(url, "[source.columns]\nemployee_id = \"$['id']\"")).unwrap();
    configured(&bamboo(url, &format!("[source.rest.delta.detail]\nid = \"employeeNumber\"\n{number}")))
        .unwrap();

    // What the message and the docs say to write.
    let one = |id: &str, number: &str| json!({"id": id, "employeeNumber": number, "firstName": "Ana", "workEmail": "a@x.test", "status": "Active"});
    let server = Server::plain(move |request, _| match request.path.as_str() {
        "/api/v1/reports/custom" => Reply::json(json!({"employees": [one("17", "900"), one("900", "17")]})),
        "/api/v1/employees/changed" => {
            Reply::json(json!({"employees": {"17": {"id": "17", "action": "Deleted"}}}))
        }
        _ => Reply::status(404),
    });
    let lines = bamboo(&server.url, &format!("[source.rest.delta]\ngone_values = []\n{number}"));
    let cursor = read(&lines).unwrap().end.cursor.unwrap();
    let changed = read_since(&lines, Some(&cursor)).unwrap();
    assert_eq!((changed.records.len(), changed.gone.len()), (0, 0));
    let rejected = &changed.rejections[0];
    assert_eq!((rejected.employee_id.as_deref(), rejected.kind.name()), (None, "not_found"));
    assert!(rejected.reason.contains("listed as '17'"), "{}", rejected.reason);
}

#[test]
fn who_is_not_found_by_another_id_makes_absence_mean_nothing() {
    let missing = Arc::new(Mutex::new(Vec::new()));
    let now = Arc::clone(&missing);
    let server = Server::plain(move |request, _| {
        let Some(id) = request.path.strip_prefix("/people/u") else {
            return Reply::json(json!({"list": [{"uuid": "u1"}, {"uuid": "u2"}, {"uuid": "u3"}]}));
        };
        if now.lock().unwrap().contains(&id.to_owned()) {
            return Reply::status(404);
        }
        let mut one = person(id);
        one["dept"] = json!("Finance");
        Reply::json(one)
    });
    let world = world(&server, "[rest.detail]\npath = \"/{id}\"\nid = \"uuid\"");
    let first = world.sync();
    assert_eq!(first.applied(), kinds([("create", 3)]), "{first:?}");
    missing.lock().unwrap().push("3".to_owned());
    let hidden = world.sync();
    assert_eq!(hidden.applied(), kinds([]), "{hidden:?}");
    assert!(world.sandbox.users().iter().all(|user| user["active"] == true));
    missing.lock().unwrap().clear();
    world.sync().assert_unchanged();
}

#[test]
fn who_is_not_found_by_the_employee_id_is_rejected_by_name() {
    for (listed, wanted) in [("id", Some("1")), ("$['id']", Some("1")), ("nr", None)] {
        let server = Server::plain(|request, _| match request.path.as_str() {
            "/people" => Reply::json(json!({"list": [{"id": "1", "nr": "1"}, {"id": "2", "nr": "2"}]})),
            "/people/2" => Reply::json(person(2)),
            _ => Reply::status(404),
        });
        let detail = format!("[source.rest.detail]\npath = \"/people/{{id}}\"\nid = \"{listed}\"");
        let read = read(&rest(&format!("url = \"{}\"\npath = \"/people\"\n{detail}", server.url))).unwrap();
        assert_eq!(read.rejections[0].employee_id.as_deref(), wanted, "{listed}");
    }
}

#[test]
fn one_record_does_not_stand_for_two_who_were_asked_for() {
    let ids = "[source.rest.detail]\npath = \"/people/{id}\"\nid = \"id\"";
    let others = "[source.rest.detail]\npath = \"/people/{id}\"\nid = \"nr\"";
    for (detail, wanted) in [
        (ids, "asked for '2', it answers with the record of '1'"),
        (others, "by '1' and by '2' it answers with the record of '1'"),
    ] {
        // A cache in front of it that does not look at the whole address.
        let server = Server::plain(|request, _| match request.path.as_str() {
            "/people" => Reply::json(json!({"list": [{"id": "1", "nr": "1"}, {"id": "2", "nr": "2"}]})),
            _ => Reply::json(person(1)),
        });
        let told = refused(&rest(&format!("url = \"{}\"\npath = \"/people\"\n{detail}", server.url)));
        assert!(told.contains(wanted) && told.contains("nothing of it is used"), "{told}");
    }
    // The same id, listed twice, is one person twice.
    let server = Server::plain(|request, _| match request.path.as_str() {
        "/people" => Reply::json(json!({"list": [{"nr": "1", "at": 1}, {"nr": "1", "at": 2}]})),
        _ => Reply::json(person(7)),
    });
    let twice = read(&rest(&format!("url = \"{}\"\npath = \"/people\"\n{others}", server.url))).unwrap();
    assert_eq!(twice.ids(), ["7", "7"]);
}

#[test]
fn an_id_that_an_address_would_lose_is_rejected_and_blocks_nobody() {
    for (listed, wanted) in [("id", Some("..")), ("nr", None)] {
        let server = Server::plain(|request, _| match request.path.as_str() {
            "/people" => Reply::json(json!({"list": [{"id": "..", "nr": "."}, {"id": "1", "nr": "1"}]})),
            "/people/1" => Reply::json(person(1)),
            other => panic!("{other}"),
        });
        let detail = format!("[source.rest.detail]\npath = \"/people/{{id}}\"\nid = \"{listed}\"");
        let read = read(&rest(&format!("url = \"{}\"\npath = \"/people\"\n{detail}", server.url))).unwrap();
        assert_eq!(read.ids(), ["1"]);
        assert_eq!(read.rejections[0].employee_id.as_deref(), wanted);
        assert!(read.rejections[0].reason.contains("cannot be asked for"), "{:?}", read.rejections);
    }
}
