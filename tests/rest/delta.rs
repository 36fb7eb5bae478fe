use serde_json::json;
use workiva_sync::source::Extent;

use super::server::{Reply, Server};
use super::{person, read, read_since, rest};

const DATE: &str = "Tue, 24 Nov 2026 09:00:00 GMT";

fn lines(server: &Server, delta: &str) -> String {
    rest(&format!("url = \"{}\"\npath = \"/people\"\n[source.rest.delta]\n{delta}", server.url))
}

#[test]
fn a_read_of_everybody_gives_a_cursor_from_which_the_next_one_goes_on() {
    let server = Server::plain(|request, _| {
        let list = match request.parameter("since") {
            "" => json!([person(1), person(2)]),
            "2026-11-24 08:59" => json!([person(2), {"id": 1, "status": "Active", "deleted": true}]),
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
    assert!(cursor.ends_with(":2026-11-24T08:59:00Z"), "{cursor}");
    let changed = read_since(&lines, Some(&cursor)).unwrap();
    assert_eq!(
        (changed.ids(), &changed.gone[..], changed.end.extent),
        (vec!["2"], &["1".to_owned()][..], Extent::Delta)
    );
    assert_eq!(
        changed.end.cursor.as_deref(),
        Some(cursor.as_str()),
        "from the moment at which the read began"
    );

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
            "/changed" if request.parameter("since") == "2026-11-24T08:55:00Z" => {
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
fn bamboohr_tells_who_changed_and_who_is_gone() {
    let one = |id: &str| json!({"id": id, "firstName": "Ana", "lastName": "Ruiz", "workEmail": "ana@x.test", "status": "Active"});
    let server = Server::plain(move |request, _| match request.path.as_str() {
        "/api/v1/reports/custom" => Reply::json(json!({"employees": [one("17")]})).with("Date", DATE),
        "/api/v1/employees/changed" => {
            assert_eq!(
                (request.method.as_str(), request.parameter("since")),
                ("GET", "2026-11-24T08:55:00Z")
            );
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
