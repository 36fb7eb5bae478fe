//! Lists that move while they are read, and servers that do not do as they are asked: not everybody came then.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::common::{Daemon, kinds, until};
use super::server::{Reply, Server};
use super::{people, person, read, read_since, refused, rest, world};

fn ids(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|id| id.to_string()).collect()
}

fn paged(server: &Server, lines: &str, paging: &str) -> String {
    rest(&format!("url = \"{}\"\n{lines}\n[source.rest.paging]\npage_size = 5\n{paging}", server.url))
}

/// Somebody's record with another title than before.
fn changed(id: usize) -> Value {
    let mut one = person(id);
    one["last"] = json!("Changed");
    one
}

/// Twelve people in the order of their last change. Behind the first page the third one changes, and goes to the end.
fn by_last_change() -> Server {
    Server::plain(|request, before| {
        let page = ["page", "skip", "c"].iter().find_map(|name| request.query.get(*name));
        let at = match (page, request.query.contains_key("skip")) {
            (Some(skip), true) => skip.parse().unwrap(),
            (Some(page), false) => (page.parse::<usize>().unwrap() - 1) * 5,
            (None, _) => 0,
        };
        let mut all = people(0..12);
        if before > 0 {
            all.remove(2);
            all.push(changed(2));
        }
        let next = (at + 5 < 12).then(|| (at / 5 + 2).to_string());
        Reply::json(json!({"list": all[at.min(12)..(at + 5).min(12)], "total": 12, "next": next}))
    })
}

#[test]
fn somebody_who_stands_on_two_pages_shows_that_the_list_moved_also_where_they_changed_with_it() {
    for (total, paging) in [
        ("", "kind = \"page\"\nparameter = \"page\""),
        ("", "kind = \"page\"\nparameter = \"page\"\nends_with = [\"short_page\"]"),
        ("total = \"$.total\"", "kind = \"offset\"\nparameter = \"skip\""),
        ("total = \"$.total\"", "kind = \"cursor\"\nparameter = \"c\"\nnext = \"$.next\""),
    ] {
        let told = refused(&paged(&by_last_change(), total, paging));
        assert!(told.contains("'2' on its page 3 was on an earlier one already"), "{paging}: {told}");
        assert!(told.contains("source.rest.query") && told.contains("paging.several_records"), "{told}");
    }
    // Also where they come back as somebody who is gone, or with a record that cannot be used.
    let gone = json!({"id": "1", "status": "Active", "deleted": true});
    let unfit = json!({"id": "1", "status": "Active", "last": ["a", "b"]});
    for again in [gone, unfit] {
        let server = Server::plain(move |request, _| match request.parameter("page") {
            "1" => Reply::json(json!({"list": people(0..5)})),
            "2" => Reply::json(json!({"list": [person(6), again]})),
            _ => Reply::json(json!({"list": []})),
        });
        let delta = "\n[source.rest.delta]\nquery = { since = \"{since}\" }\ngone = \"deleted\"\ngone_values = [\"true\"]";
        let paging = format!("kind = \"page\"\nparameter = \"page\"{delta}");
        let told = refused(&paged(&server, "", &paging));
        assert!(told.contains("on its page 2 was on an earlier one already"), "{told}");
    }
}

#[test]
fn a_system_with_several_records_of_one_person_may_have_them_on_two_pages_where_that_is_said() {
    let job = |id: usize, job: usize| {
        let mut one = person(id);
        one["job"] = json!(job);
        one
    };
    let server = |again: usize| {
        Server::plain(move |request, _| {
            Reply::json(json!({"list": match request.parameter("skip") {
                "0" => vec![job(0, 1), job(0, 2), job(1, 1)],
                "3" => vec![job(1, again), job(2, 1)],
                _ => Vec::new(),
            }}))
        })
    };
    let by_offset = "kind = \"offset\"\nparameter = \"skip\"";
    let several = format!("{by_offset}\nseveral_records = true");
    assert_eq!(read(&paged(&server(2), "", &several)).unwrap().ids(), ["0", "0", "1", "1", "2"]);
    let told = refused(&paged(&server(2), "", by_offset));
    assert!(told.contains("'1' on its page 2") && told.contains("several_records = true"), "{told}");
    let told = refused(&paged(&server(1), "", &several));
    assert!(told.contains("'1' on its page 2") && !told.contains("several_records"), "{told}");
}

#[test]
fn a_server_that_does_not_know_the_paging_parameter_is_not_complete_after_its_first_page() {
    // It has 120, sends 50 at most, and knows nothing of what we call a page.
    let server = || Server::plain(|_, _| Reply::json(json!({"list": people(0..50), "count": 50})));
    for kind in ["kind = \"page\"\nparameter = \"page\"", "kind = \"offset\"\nparameter = \"skip\""] {
        for (total, ends) in [
            ("", "ends_with = [\"short_page\"]"),
            ("", "ends_with = [\"short_page\", \"empty_page\"]"),
            ("total = \"$.count\"", ""),
        ] {
            let server = server();
            let paging = format!("size_parameter = \"n\"\n{kind}\n{ends}");
            let lines = paged(&server, total, &paging).replace("page_size = 5\n", "page_size = 100\n");
            let told = refused(&lines);
            assert!(told.contains("correct source.rest.paging.parameter"), "{paging}: {told}");
            assert!(told.contains("asked for its page 2") && told.contains("kind = \"none\""), "{told}");
            assert_eq!(server.requests().len(), 2);
        }
    }
    // One that begins anew behind its last page has not shown that this is the last one.
    let server = Server::plain(|request, _| match request.parameter("page") {
        "2" => Reply::json(json!({"list": people(3..6)})),
        _ => Reply::json(json!({"list": people(0..3)})),
    });
    let told = refused(&paged(
        &server,
        "",
        "kind = \"page\"\nparameter = \"page\"\nsize_parameter = \"n\"\nends_with = [\"short_page\"]",
    ));
    assert!(told.contains("asked for its page 3"), "{told}");
    let server = Server::plain(|request, _| match request.parameter("page") {
        "1" => Reply::json(json!({"list": people(0..3)})),
        _ => Reply::json(json!({"list": people(3..6)})),
    });
    let ends = "kind = \"page\"\nparameter = \"page\"\nsize_parameter = \"n\"\nends_with = [\"short_page\"]";
    assert_eq!(read(&paged(&server, "", ends)).unwrap().ids(), ids(0..6), "the last page again is an end");
}

#[test]
fn a_delta_that_moves_takes_nobody_in_and_everybody_is_read_instead() {
    let delta = Arc::new(Mutex::new(vec![Vec::new()]));
    let pages = Arc::clone(&delta);
    let server = Server::plain(move |request, _| {
        let at: usize = request.parameter("page").parse().unwrap();
        if request.parameter("since").is_empty() {
            return Reply::json(json!({"list": if at == 1 { people(0..12) } else { Vec::new() }}));
        }
        Reply::json(json!({"list": pages.lock().unwrap().get(at - 1).cloned().unwrap_or_default()}))
    });
    let lines = paged(
        &server,
        "",
        "kind = \"page\"\nparameter = \"page\"\n[source.rest.delta]\nquery = { since = \"{since}\" }",
    );
    let cursor = read(&lines).unwrap().end.cursor;
    *delta.lock().unwrap() = vec![people(0..5), vec![person(6), changed(2)]];
    let told = read_since(&lines, cursor.as_deref()).unwrap_err().to_string();
    assert!(told.contains("'2' on its page 2 was on an earlier one already"), "{told}");

    let world = world(&lines);
    delta.lock().unwrap().clear();
    assert_eq!(world.sync().applied(), kinds([("create", 12)]));
    *delta.lock().unwrap() = vec![people(0..5), vec![person(6), changed(2)]];
    let whole = world.sync();
    assert_eq!((whole.exit, whole.outcome()), (0, "unchanged"), "{whole:?}");
    assert!(whole.stderr.contains("what changed could not be read, so everybody was"), "{whole:?}");
    let mut left = person(5);
    left["status"] = json!("Terminated");
    *delta.lock().unwrap() = vec![people(0..5), vec![left, changed(2)]];
    delta.lock().unwrap()[0].remove(2);
    assert_eq!(world.sync().applied(), kinds([("suspend", 1), ("update", 1)]));
}

#[test]
fn a_daemons_delta_that_moves_is_asked_for_again_from_where_it_was_until_everybody_is_read() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let moves = Arc::new(Mutex::new(false));
    let (heard, now) = (Arc::clone(&asked), Arc::clone(&moves));
    let server = Server::plain(move |request, _| {
        let (page, since) = (request.parameter("page"), request.parameter("since"));
        if page == "1" {
            heard.lock().unwrap().push(since.to_owned());
        }
        let list = match (page, since.is_empty(), *now.lock().unwrap()) {
            ("1", true, _) => people(0..12),
            ("1", false, true) => people(0..5),
            ("2", false, true) => vec![person(6), changed(2)],
            _ => Vec::new(),
        };
        Reply::json(json!({"list": list}))
    });
    let delta = "kind = \"page\"\nparameter = \"page\"\n[source.rest.delta]\nquery = { since = \"{since}\" }";
    let mut world = world(&paged(&server, "", delta));
    assert_eq!(world.sync().applied(), kinds([("create", 12)]));
    *moves.lock().unwrap() = true;
    asked.lock().unwrap().clear();
    world.set("schedule.cron", "* * * * * *");
    world.set("http.listen", "127.0.0.1:0");
    let daemon = Daemon::start(&world);
    until("everybody is read in their place", || asked.lock().unwrap().iter().any(String::is_empty));
    drop(daemon);
    let asked = asked.lock().unwrap();
    let deltas: Vec<&String> = asked.iter().take_while(|since| !since.is_empty()).collect();
    assert_eq!(deltas.len(), 3, "{asked:?}");
    assert!(deltas.iter().all(|since| *since == deltas[0]), "{asked:?}");
    assert_eq!(world.sandbox.statistics().creates, 12);
}

#[test]
fn whom_a_list_that_moves_has_on_no_page_keeps_the_access() {
    let moves = Arc::new(Mutex::new(false));
    let now = Arc::clone(&moves);
    let server = Server::plain(move |request, _| {
        let at: usize = request.parameter("page").parse().unwrap();
        let mut all = people(0..12);
        if *now.lock().unwrap() && at > 1 {
            all.remove(2);
            all.push(changed(2));
        }
        Reply::json(json!({"list": all[(at * 5 - 5).min(12)..(at * 5).min(12)]}))
    });
    let world = world(&paged(&server, "", "kind = \"page\"\nparameter = \"page\""));
    assert_eq!(world.sync().applied(), kinds([("create", 12)]));
    *moves.lock().unwrap() = true;
    let failed = world.sync();
    assert_eq!((failed.exit, failed.outcome(), failed.applied()), (5, "incomplete", kinds([])), "{failed:?}");
    assert!(failed.stderr.contains("the list moved while it was read"), "{failed:?}");
    *moves.lock().unwrap() = false;
    world.sync().assert_unchanged();
}
