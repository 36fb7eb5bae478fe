//! How a list ends: what is believed to be its end, and what is not.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use workiva_sync::compose;
use workiva_sync::source::{HrSource, SourceEnd};

use super::server::{Reply, Request, Server};
use super::{configured, people, read, read_since, refused, rest};

fn ids(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|id| id.to_string()).collect()
}

/// A server of `all` people that sends no more than 5 at a time, whatever it is asked for; beside them it says what `told` makes of
/// the number on the page.
fn capped(all: usize, told: fn(usize) -> Value) -> Server {
    Server::plain(move |request, _| {
        let skip: usize = request.parameter("skip").parse().unwrap();
        let list = people(skip.min(all)..(skip + 5).min(all));
        let mut body = told(list.len());
        body["list"] = json!(list);
        Reply::json(body)
    })
}

fn by_offset(server: &Server, total: &str, paging: &str) -> String {
    rest(&format!(
        "url = \"{}\"\n{total}\n[source.rest.paging]\nkind = \"offset\"\nparameter = \"skip\"\nsize_parameter = \"limit\"\n\
         page_size = 10\n{paging}",
        server.url
    ))
}

fn by_cursor(server: &Server, lines: &str, paging: &str) -> String {
    rest(&format!(
        "url = \"{}\"\n{lines}\n[source.rest.paging]\nkind = \"cursor\"\nparameter = \"c\"\nnext = \"$.next\"\n{paging}",
        server.url
    ))
}

#[test]
fn a_total_of_the_page_is_not_believed_where_the_server_sends_smaller_pages_than_it_was_asked_for() {
    let server = capped(40, |came| json!({"total": came}));
    let told = refused(&by_offset(&server, "total = \"$.total\"", ""));
    assert!(told.contains("it tells of 5 records, and there are more behind them"), "{told}");
    // One that is true costs a request where its last page is as long as any, and none where it is shorter.
    for (all, asked) in [(40, 9), (38, 8)] {
        let server = capped(all, if all == 40 { |_| json!({"total": 40}) } else { |_| json!({"total": 38}) });
        assert_eq!(read(&by_offset(&server, "total = \"$.total\"", "")).unwrap().ids(), ids(0..all));
        assert_eq!(server.requests().len(), asked);
    }
}

#[test]
fn a_short_page_is_not_the_last_one_where_the_server_sends_smaller_pages_than_it_was_asked_for() {
    let server = capped(12, |_| json!({}));
    let lines = by_offset(&server, "", "ends_with = [\"short_page\"]");
    assert_eq!(read(&lines).unwrap().ids(), ids(0..12));
    assert_eq!(server.requests().len(), 4);
    // Where it ends, nothing need be there.
    for status in [204, 404, 416] {
        let server = Server::plain(move |request, _| match request.parameter("skip") {
            "0" => Reply::json(json!({"list": people(0..3)})),
            _ => Reply::status(status),
        });
        let lines = by_offset(&server, "", "ends_with = [\"short_page\", \"not_found\"]");
        assert_eq!(read(&lines).unwrap().ids(), ids(0..3), "{status}");
        assert_eq!(server.requests().len(), 2, "{status}");
        if status != 204 {
            let told = refused(&by_offset(&server, "", "ends_with = [\"short_page\"]"));
            assert!(told.contains(&format!("behind 3 records it answers with status {status}")), "{told}");
        }
    }
    // A walk without an end has none here either.
    let server = Server::plain(|_, before| Reply::json(json!({"list": people(before..before + 1)})));
    let lines = by_offset(&server, "", "ends_with = [\"short_page\"]\nmax_pages = 3");
    assert!(refused(&lines).contains("more than 3 pages"));
}

#[test]
fn a_request_that_is_refused_behind_a_total_is_not_the_end_unless_that_is_said() {
    // It counts no further than 20, and lets nobody read further; there are more.
    let answer = |status: u16| {
        move |request: &Request, _: usize| {
            let skip: usize = request.parameter("skip").parse().unwrap();
            if skip >= 20 {
                return Reply::status(status);
            }
            Reply::json(json!({"list": people(skip..skip + 10), "total": 20}))
        }
    };
    for status in [400, 422] {
        let server = Server::plain(answer(status));
        let told = refused(&by_offset(&server, "total = \"$.total\"", ""));
        assert!(told.contains(&format!("behind 20 records it answers with status {status}")), "{told}");
        assert!(told.contains("add \"bad_request\" to source.rest.paging.ends_with"), "{told}");
        let is_end = "ends_with = [\"empty_page\", \"bad_request\"]";
        for total in ["total = \"$.total\"", ""] {
            assert_eq!(read(&by_offset(&server, total, is_end)).unwrap().ids(), ids(0..20), "{total}");
        }
    }
    let server = Server::plain(|_, _| Reply::status(400));
    let told = refused(&by_offset(&server, "", "ends_with = [\"bad_request\"]"));
    assert!(told.contains("status 400"), "a first page is never the end: {told}");
}

/// Two pages of which the second has no `next` at all, or null.
fn two_pages(last: fn() -> Value) -> Server {
    Server::plain(move |request, _| {
        let mut body = match request.parameter("c") {
            "" => json!({"next": "x"}),
            _ => last(),
        };
        let at = if request.parameter("c").is_empty() { 0 } else { 2 };
        body["list"] = json!(people(at..at + 2));
        Reply::json(body)
    })
}

#[test]
fn a_page_without_the_key_that_leads_on_is_not_the_last_one_where_every_page_has_it() {
    let server = two_pages(|| json!({}));
    assert_eq!(read(&by_cursor(&server, "", "")).unwrap().ids(), ids(0..4), "many leave it out at the end");
    let told = refused(&by_cursor(&server, "", "next_required = true"));
    assert!(told.contains("its page 2 has nothing at $.next, not even null"), "{told}");
    for last in [|| json!({"next": null}), || json!({"next": ""}), || json!({"next": false})] {
        let server = two_pages(last);
        assert_eq!(read(&by_cursor(&server, "", "next_required = true")).unwrap().ids(), ids(0..4));
    }
    let told = configured(&rest("url = \"https://hr.example\"\n[source.rest.paging]\nnext_required = true"));
    assert!(told.map(|_| ()).unwrap_err().contains("source.rest.paging.next_required: goes with"));
}

#[test]
fn merge_and_rippling_are_not_believed_where_a_page_has_no_next_also_in_a_delta() {
    for (kind, account, key) in [
        ("merge", "api_key = \"k\"\naccount_token = \"t\"", "next"),
        ("rippling", "token = \"t\"", "next_link"),
    ] {
        let server = Server::plain(move |request, before| {
            let is_delta = request.query.values().any(|value| value.contains("202"));
            let one = json!({"id": before.to_string(), "employee_number": before.to_string(), "status": "ACTIVE",
                "employment_status": "ACTIVE"});
            match before {
                0 => Reply::json(json!({"results": [one], key: "/workers?cursor=x"})),
                1 => Reply::json(json!({"results": [one]})),
                2 => Reply::json(json!({"results": [one], key: null})),
                _ if is_delta => Reply::json(json!({"results": [one]})),
                _ => panic!("{}", request.target),
            }
        });
        let lines = format!(
            "kind = \"{kind}\"\n[source.account]\n{account}\n[source.rest]\nurl = \"{}\"\nrequests_per_minute = 0",
            server.url
        );
        let told = refused(&lines);
        assert!(told.contains(&format!("its page 2 has nothing at $.{key}")), "{told}");
        let cursor = read(&lines).unwrap().end.cursor.unwrap();
        let told = read_since(&lines, Some(&cursor)).unwrap_err().to_string();
        assert!(told.contains(&format!("its page 1 has nothing at $.{key}")), "{told}");
    }
}

#[test]
fn a_truth_value_ends_a_list_and_what_is_none_does_not() {
    // The cursor goes on for ever, and a number of pages is all that it says.
    let server = Server::plain(|request, _| {
        let at: usize = request.parameter("c").parse().unwrap_or(0);
        Reply::json(json!({"list": people(at..at + 2), "next": (at + 2).to_string(), "has_more": at < 4}))
    });
    assert_eq!(read(&by_cursor(&server, "", "more = \"$.has_more\"")).unwrap().ids(), ids(0..6));
    let server = Server::plain(|_, _| Reply::json(json!({"list": people(0..2), "next": null, "more": true})));
    let told = refused(&by_cursor(&server, "", "more = \"$.more\""));
    assert!(told.contains("says that there is another one, and nothing at $.next"), "{told}");
    let told = refused(&by_cursor(&server, "", "more = \"$.next\""));
    assert!(told.contains("neither true nor false stands at $.next"), "{told}");
}

#[test]
fn records_beside_an_error_are_not_believed_where_one_is_looked_for() {
    let lines = |server: &Server| rest(&format!("url = \"{}\"\nrefuse_if = \"$.errors\"", server.url));
    for (errors, is_failure) in [
        (json!([{"message": "of Ana Ruiz"}]), true),
        (json!("timeout"), true),
        (json!({"code": 7}), true),
        (json!(true), true),
        (json!(3), true),
        (json!([]), false),
        (json!({}), false),
        (json!(""), false),
        (json!(null), false),
        (json!(false), false),
        (json!(0), false),
    ] {
        let errors = &errors;
        let body = json!({"list": people(0..2), "errors": errors}).to_string();
        let server = Server::plain(move |_, _| Reply::json(&body));
        if is_failure {
            let told = refused(&lines(&server));
            assert!(told.contains("tells of a failure at $.errors") && !told.contains("Ana"), "{told}");
        } else {
            assert_eq!(read(&lines(&server)).unwrap().ids(), ids(0..2), "{errors}");
        }
    }
    let server = Server::plain(|_, _| Reply::json(json!({"list": people(0..2)})));
    assert_eq!(read(&lines(&server)).unwrap().ids(), ids(0..2));
}

#[test]
fn a_link_header_in_single_quotes_does_not_end_the_list_and_none_at_all_is_told_of() {
    let server = Server::plain(|_, before| {
        let reply = Reply::json(json!({"list": people(before..before + 1)}));
        if before == 0 { reply.with("Link", "</p2>; rel='next'") } else { reply }
    });
    let lines = |server: &Server, size: u32| {
        let url = &server.url;
        rest(&format!("url = \"{url}\"\n[source.rest.paging]\nkind = \"link_header\"\npage_size = {size}"))
    };
    assert_eq!(read(&lines(&server, 1)).unwrap().ids(), ids(0..2));
    let server = Server::plain(|_, _| {
        Reply::json(json!({"list": people(0..2)})).with("Link", "</p2>; rel*=UTF-8''next")
    });
    assert!(refused(&lines(&server, 100)).contains("its Link header cannot be read"));
    let server = Server::plain(|_, _| Reply::json(json!({"list": people(0..4)})));
    let told = read(&lines(&server, 4)).unwrap().end.passed_over.unwrap();
    assert!(told.contains("4 records came without any Link header"), "{told}");
    assert_eq!(read(&lines(&server, 5)).unwrap().end.passed_over, None, "it is not full");
}

#[test]
fn a_link_header_that_is_lost_in_the_middle_is_told_of_or_makes_the_list_incomplete_where_every_page_has_one()
{
    let linked = |pages: &'static [(usize, &'static str)]| {
        Server::plain(move |_, before| {
            let (came, link) = pages[before % pages.len()];
            let first: usize = pages[..before % pages.len()].iter().map(|(came, _)| came).sum();
            let reply = Reply::json(json!({"list": people(first..first + came)}));
            if link.is_empty() { reply } else { reply.with("Link", link) }
        })
    };
    let lines = |server: &Server, more: &str| {
        rest(&format!("url = \"{}\"\n[source.rest.paging]\nkind = \"link_header\"\n{more}", server.url))
    };
    const NEXT: &str = "</p>; rel=\"next\", </z>; rel=\"last\"";
    const NEXT_2: &str = "</p2>; rel=\"next\"";
    const FIRST: &str = "</>; rel=\"first\"";
    type Case = (&'static [(usize, &'static str)], bool);
    let cases: [Case; 4] = [
        (&[(3, NEXT), (3, NEXT_2), (3, "")], true),
        (&[(3, NEXT), (3, NEXT_2), (3, FIRST)], false),
        (&[(3, NEXT), (3, NEXT_2), (2, "")], false),
        (&[(3, "")], false),
    ];
    for (pages, is_told) in cases {
        let told = read(&lines(&linked(pages), "")).unwrap().end.passed_over;
        assert_eq!(told.is_some(), is_told, "{pages:?}: {told:?}");
        assert!(told.is_none_or(|told| told.contains("as many records as any page (3)")));
        let every = read(&lines(&linked(pages), "next_required = true"));
        match pages.last() {
            Some((_, "")) => {
                let told = every.unwrap_err().to_string();
                assert!(told.contains(&format!("its page {} has no Link header", pages.len())), "{told}");
            }
            _ => assert_eq!(every.unwrap().end.passed_over, None),
        }
    }
}

#[test]
fn a_second_read_and_a_message_that_is_taken_off_wait_as_long_as_the_first_would_have() {
    let server = Server::plain(|_, _| Reply::json(json!({"list": people(0..2)})));
    let lines = rest(&format!(
        "url = \"{}\"\nrequests_per_minute = 1\n[source.rest.delta]\n[source.rest.delta.acknowledge]\nheader = \"id\"\npath = \"/{{id}}\"",
        server.url
    ));
    let source = compose::source(&configured(&lines).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (sender, _batches) = mpsc::channel(16);
        source.read(None, sender.clone()).await.unwrap();
        // A minute has to pass first. Were there no limit, a moment would do on loopback.
        let a_while = Duration::from_millis(500);
        let again = tokio::time::timeout(a_while, source.read(None, sender)).await;
        let end = SourceEnd { message: Some("m".to_owned()), ..SourceEnd::default() };
        let taken_off = tokio::time::timeout(a_while, source.stored(&end)).await;
        assert!(again.is_err() && taken_off.is_err());
    });
    assert_eq!(server.requests().len(), 1);
}
