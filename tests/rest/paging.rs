use serde_json::json;
use workiva_sync::source::Extent;

use super::server::{Reply, Server};
use super::{people, person, read, read_since, refused, rest};

fn ids(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|id| id.to_string()).collect()
}

#[test]
fn one_answer_holds_everybody() {
    let server = Server::plain(|_, _| Reply::json(json!({"list": people(0..1500)})));
    let read =
        read(&rest(&format!("url = \"{}/people\"\nquery = {{ active = \"all\" }}", server.url))).unwrap();
    assert_eq!(read.ids(), ids(0..1500));
    assert_eq!(read.records[1499].row, 1500);
    assert_eq!(server.asked(), ["GET /people?active=all"]);
    assert_eq!((read.end.passed_over, read.end.cursor), (None, None));
}

#[test]
fn a_last_page_whose_headers_tell_of_more_is_not_the_end_of_the_list() {
    // Two pages; the second is short, or has no cursor, and with that the list ends.
    let asked = |paging: &str, header: Option<(&'static str, &'static str)>, lines: &str| {
        let server = Server::plain(move |_, before| {
            let mut body = json!({"list": people(before * 3..5.min(before * 3 + 3))});
            if before == 0 {
                body["next"] = json!("two");
            }
            let reply = Reply::json(body);
            match header {
                Some((name, value)) => reply.with(name, value),
                None => reply,
            }
        });
        let paging = format!("[source.rest.paging]\n{paging}");
        let result = read(&rest(&format!("url = \"{}\"\n{lines}\n{paging}", server.url)));
        result.map(|read| read.ids().len()).map_err(|error| error.to_string())
    };
    let short = "kind = \"page\"\nparameter = \"page\"\nsize_parameter = \"size\"\npage_size = 3\nends_with = [\"short_page\"]";
    let cursor = "kind = \"cursor\"\nparameter = \"after\"\nnext = \"$.next\"";
    for paging in [short, cursor] {
        assert_eq!(asked(paging, None, ""), Ok(5));
        for (name, value, wanted) in [
            ("Link", "</p3>; rel=\"next\"", "its page 2 is taken for the last, and its Link header leads"),
            ("X-Total-Count", "90", "tells of 90 records in its header x-total-count, while 5 came"),
            ("Content-Range", "items 3-4/6", "tells of 6 records in its header content-range"),
        ] {
            let told = asked(paging, Some((name, value)), "").unwrap_err();
            assert!(told.contains(wanted) && told.contains("source.rest."), "{told}");
        }
        assert_eq!(asked(paging, Some(("X-Total-Count", "5")), ""), Ok(5));
        assert_eq!(asked(paging, Some(("X-Total-Count", "90")), "total_header = \"\""), Ok(5));
    }
    assert_eq!(asked(short, Some(("Content-Range", "bytes 0-800/801")), ""), Ok(5));
    // A page that was asked for and is empty ends it, wherever the one before led; how many there are it may tell all the same.
    let empty = "kind = \"page\"\nparameter = \"page\"";
    assert_eq!(asked(empty, Some(("Link", "</p9>; rel=\"next\"")), ""), Ok(5));
    let told = asked(empty, Some(("X-Total-Count", "90")), "").unwrap_err();
    assert!(told.contains("its page 3 is taken for the last, and tells of 90 records"), "{told}");
    // Of changes many tell how many people there are.
    let server = Server::plain(|request, _| {
        let reply = Reply::json(json!({"list": people(0..2)}));
        if request.parameter("since").is_empty() { reply } else { reply.with("X-Total-Count", "90") }
    });
    let lines =
        rest(&format!("url = \"{}\"\n[source.rest.delta]\nquery = {{ since = \"{{since}}\" }}", server.url));
    let cursor = read(&lines).unwrap().end.cursor.unwrap();
    assert_eq!(read_since(&lines, Some(&cursor)).unwrap().end.extent, Extent::Delta);
}

#[test]
fn one_answer_that_says_itself_that_there_is_more_is_not_the_whole_list() {
    let asked = |header: Option<(&'static str, &'static str)>, beside: serde_json::Value, lines: &str| {
        let server = Server::plain(move |_, _| {
            let mut body = beside.clone();
            body["list"] = json!(people(0..3));
            let reply = Reply::json(body);
            match header {
                Some((name, value)) => reply.with(name, value),
                None => reply,
            }
        });
        read(&rest(&format!("url = \"{}\"\n{lines}", server.url))).map_err(|error| error.to_string())
    };
    for (name, value, wanted) in [
        ("Link", "</p2>; rel=\"next\"", "its Link header leads to a next page"),
        ("Content-Range", "items 0-2/4", "tells of 4 records in its header content-range, while 3 came"),
        ("X-Total-Count", "4", "tells of 4 records in its header x-total-count, while 3 came"),
        ("x-wp-total", "90", "tells of 90 records"),
    ] {
        let told = asked(Some((name, value)), json!({}), "").map(|_| ()).unwrap_err();
        assert!(told.contains(wanted) && told.contains("source.rest."), "{told}");
    }
    // It may count something else.
    let read = asked(Some(("X-Total-Count", "4")), json!({}), "total_header = \"\"").unwrap();
    assert_eq!((read.ids(), read.end.passed_over.as_ref()), (vec!["0", "1", "2"], None));
    for (name, value) in [
        ("Link", "</p0>; rel=\"prev\""),
        ("Content-Range", "items 0-2/3"),
        ("Content-Range", "items 0-2/*"),
        ("X-Total-Count", "3"),
        ("X-Total-Count", "all"),
    ] {
        assert_eq!(
            asked(Some((name, value)), json!({}), "").unwrap().end.passed_over,
            None,
            "{name}: {value}"
        );
    }
    for (beside, place) in [
        (json!({"next": "/p2"}), Some("$.next")),
        (json!({"next_link": "x"}), Some("$.next_link")),
        (json!({"@odata.nextLink": "https://h/x"}), Some("$['@odata.nextLink']")),
        (json!({"has_more": true}), Some("$.has_more")),
        (json!({"next": null, "has_more": false, "next_link": "", "nextLink": {"of": 1}}), None),
        (json!({"meta": {"next": "x"}}), None),
    ] {
        let told = asked(None, beside, "").unwrap().end.passed_over;
        match place {
            Some(place) => assert!(told.unwrap().contains(&format!("what stands at {place} looks as if"))),
            None => assert_eq!(told, None),
        }
    }
    // A list that is the whole answer has nothing beside it, and members of an object are records.
    let server = Server::plain(|_, _| Reply::json(json!({"next": person("next"), "1": person(1)})));
    let lines = rest(&format!("url = \"{}\"", server.url)).replace("$.list[*]", "$[*]");
    assert_eq!(super::read(&lines).unwrap().end.passed_over, None);
}

#[test]
fn pages_are_counted_until_one_is_empty_short_or_without_content() {
    for (end, asked) in [("empty_page", 4), ("short_page", 3), ("no_content", 4)] {
        let server = Server::plain(move |request, _| {
            let page: usize = request.parameter("page").parse().unwrap();
            match page {
                4 if end == "no_content" => Reply::status(204),
                4 => Reply::json(json!({"list": []})),
                3 => Reply::json(json!({"list": people(20..25)})),
                page => Reply::json(json!({"list": people((page - 1) * 10..page * 10)})),
            }
        });
        let paging = format!(
            "url = \"{}\"\n[source.rest.paging]\nkind = \"page\"\nparameter = \"page\"\nsize_parameter = \"per_page\"\n\
             page_size = 10\nends_with = [\"{end}\"]",
            server.url
        );
        assert_eq!(read(&rest(&paging)).unwrap().ids(), ids(0..25), "{end}");
        assert_eq!(server.asked().len(), asked, "{end}");
        assert_eq!(server.asked()[0], "GET /?page=1&per_page=10");
    }
}

#[test]
fn an_offset_goes_on_by_what_came_and_not_by_what_was_asked_for() {
    let server = Server::plain(|request, _| {
        let skip: usize = request.parameter("$skip").parse().unwrap();
        // Ten were asked for; this server sends seven at most.
        Reply::json(json!({"list": people(skip..(skip + 7).min(20)), "total": 20}))
    });
    let paging = format!(
        "url = \"{}\"\ntotal = \"$.total\"\n[source.rest.paging]\nkind = \"offset\"\nparameter = \"$skip\"\n\
         size_parameter = \"$top\"\npage_size = 10",
        server.url
    );
    assert_eq!(read(&rest(&paging)).unwrap().ids(), ids(0..20));
    assert_eq!(server.asked(), ["GET /?$skip=0&$top=10", "GET /?$skip=7&$top=10", "GET /?$skip=14&$top=10"]);
}

#[test]
fn a_cursor_or_a_link_in_the_body_or_in_a_header_leads_on() {
    let server = Server::plain(|request, _| match request.parameter("cursor") {
        "" => Reply::json(json!({"next": "c/1", "list": people(0..2)})),
        "c/1" => Reply::json(json!({"next": null, "list": people(2..4)})),
        other => panic!("{other}"),
    });
    let cursor = "[source.rest.paging]\nkind = \"cursor\"\nparameter = \"cursor\"\nnext = \"$.next\"";
    let url = format!("url = \"{}/v1\"\nquery = {{ all = \"yes\" }}\n", server.url);
    assert_eq!(read(&rest(&(url + cursor))).unwrap().ids(), ids(0..4));
    assert_eq!(server.asked(), ["GET /v1?all=yes", "GET /v1?all=yes&cursor=c/1"]);

    let server = Server::plain(|request, before| match before {
        0 => Reply::json(
            json!({"list": people(0..2), "d": {"__next": format!("http://{}/v1?$skiptoken=x", request.header("host"))}}),
        ),
        1 => Reply::json(json!({"list": people(2..4), "d": {"__next": "?$skiptoken=y"}})),
        _ => Reply::json(json!({"list": people(4..5)})),
    });
    let link = "[source.rest.paging]\nkind = \"next_link\"\nnext = \"$.d.__next\"";
    assert_eq!(read(&rest(&format!("url = \"{}/v1\"\n{link}", server.url))).unwrap().ids(), ids(0..5));
    assert_eq!(server.asked(), ["GET /v1", "GET /v1?$skiptoken=x", "GET /v1?$skiptoken=y"]);

    let server = Server::plain(|_, before| {
        let reply = Reply::json(json!({"list": people(before..before + 1)}));
        if before < 2 {
            reply.with("Link", &format!("</a>; rel=\"prev\", </p{before}>; rel=\"next\""))
        } else {
            reply
        }
    });
    let header = "[source.rest.paging]\nkind = \"link_header\"";
    assert_eq!(read(&rest(&format!("url = \"{}\"\n{header}", server.url))).unwrap().ids(), ids(0..3));
    assert_eq!(server.asked(), ["GET /", "GET /p0", "GET /p1"]);
}

#[test]
fn a_key_in_the_query_that_the_next_link_holds_already_is_sent_once() {
    let server = Server::plain(|request, before| {
        let host = request.header("host");
        match before {
            0 => Reply::json(
                json!({"list": people(0..2), "next": format!("http://{host}/?key=hunter2&page=2")}),
            ),
            1 => Reply::json(json!({"list": people(2..4), "next": "?page=3"})),
            _ => Reply::json(json!({"list": people(4..5), "next": null})),
        }
    });
    let lines = format!(
        "url = \"{}\"\n[source.rest.paging]\nkind = \"next_link\"\nnext = \"$.next\"\n[source.rest.auth]\nkind = \"api_key\"\n\
         api_key = \"hunter2\"\napi_key_in = \"query\"\napi_key_name = \"key\"",
        server.url
    );
    assert_eq!(read(&rest(&lines)).unwrap().ids(), ids(0..5));
    for request in server.requests() {
        assert_eq!(request.target.matches("hunter2").count(), 1, "{}", request.target);
    }
}

#[test]
fn a_link_or_redirect_to_another_server_is_not_followed() {
    let other = Server::plain(|_, _| Reply::json(json!({"list": []})));
    let elsewhere = other.url.clone();
    let server = Server::plain(move |_, _| {
        Reply::json(json!({"list": people(0..2), "next": format!("{elsewhere}/x?key=1")}))
    });
    let link = "[source.rest.paging]\nkind = \"next_link\"\nnext = \"$.next\"";
    let told = refused(&rest(&format!("url = \"{}\"\n{link}", server.url)));
    assert!(told.contains("another server"), "{told}");

    let elsewhere = other.url.clone();
    let server = Server::plain(move |_, _| {
        Reply::status(302).with("Location", &format!("{elsewhere}/login?secret=x"))
    });
    let told = refused(&rest(&format!("url = \"{}\"", server.url)));
    assert!(told.contains("redirect (status 302)") && !told.contains("secret"), "{told}");
    assert!(other.requests().is_empty(), "nobody asked there");

    // To itself, with credentials of its own: they would go out beside ours.
    for userinfo in ["admin:hunter2@", "admin@", ":hunter2@"] {
        let server = Server::plain(move |request, _| {
            let host = request.header("host");
            match request.path.as_str() {
                "/new" => Reply::json(json!({"list": people(0..1)})),
                "/linked" => {
                    Reply::json(json!({"list": people(0..1), "next": format!("http://{userinfo}{host}/new")}))
                }
                _ => Reply::status(307).with("Location", &format!("http://{userinfo}{host}/new")),
            }
        });
        let told = refused(&rest(&format!("url = \"{}/old\"", server.url)));
        assert!(told.contains("redirect (status 307)") && !told.contains("hunter2"), "{told}");
        let told = refused(&rest(&format!("url = \"{}/linked\"\n{link}", server.url)));
        assert!(told.contains("where credentials do not go") && !told.contains("hunter2"), "{told}");
        assert!(server.requests().iter().all(|request| request.path != "/new"), "{userinfo}");
    }

    let server = Server::plain(|request, _| match request.path.as_str() {
        "/new" => Reply::json(json!({"list": people(0..1)})),
        _ => Reply::status(308).with("Location", "/new"),
    });
    assert_eq!(
        read(&rest(&format!("url = \"{}/old\"", server.url))).unwrap().ids(),
        ["0"],
        "within the server"
    );
}

#[test]
fn a_list_that_moves_or_does_not_end_is_not_believed() {
    let paged = |server: &Server| {
        let url = &server.url;
        rest(&format!(
            "url = \"{url}\"\ntotal = \"$.total\"\n[source.rest.paging]\nkind = \"offset\"\nparameter = \"skip\"\npage_size = 2\nmax_pages = 9"
        ))
    };
    type Answer = fn(usize) -> serde_json::Value;
    let cases: [(Answer, &str); 6] = [
        (
            |page| json!({"list": people(page * 2..page * 2 + 2), "total": 6 - page}),
            "told of 6 records and then of 5",
        ),
        (
            |page| json!({"list": people(page * 2..page * 2 + if page < 2 { 2 } else { 0 }), "total": 5}),
            "tells of 5 records, and 4 came",
        ),
        (|_| json!({"list": people(0..2)}), "is one that it sent already"),
        (|page| json!({"list": people(page..page + 2)}), "'1' on its page 2 was on an earlier one already"),
        (|page| json!({"list": people(page * 2..page * 2 + 2)}), "more than 9 pages"),
        (|_| json!({"list": people(0..2), "total": "many"}), "no whole number"),
    ];
    for (answer, wanted) in cases {
        let server = Server::plain(move |_, before| Reply::json(answer(before)));
        let told = refused(&paged(&server));
        assert!(told.contains(wanted) && told.contains("nothing of it is used"), "{told}");
    }
    let server = Server::plain(|_, _| Reply::json(json!({"list": people(0..1), "next": "same"})));
    let told = refused(&rest(&format!(
        "url = \"{}\"\n[source.rest.paging]\nkind = \"cursor\"\nparameter = \"c\"\nnext = \"$.next\"",
        server.url
    )));
    assert!(told.contains("sent already") || told.contains("read already"), "{told}");
}

#[test]
fn ids_are_listed_and_each_record_is_asked_for_by_itself() {
    let server = Server::plain(|request, _| match request.path.as_str() {
        "/people" => Reply::json(json!({"list": [{"nr": 7}, {"nr": "a b/c"}, {"nr": 9}, {}]})),
        "/people/9" => Reply::status(404),
        path => Reply::json(json!({"one": person(path.rsplit('/').next().unwrap())})),
    });
    let read = read(&rest(&format!(
        "url = \"{}\"\npath = \"/people\"\n[source.rest.detail]\npath = \"/people/{{id}}\"\nid = \"nr\"\nrecord = \"$.one\"\n\
         query = {{ fields = \"all\" }}",
        server.url
    )))
    .unwrap();
    assert_eq!(read.ids(), ["7", "a%20b%2Fc"]);
    assert_eq!(
        server.asked()[1..],
        ["GET /people/7?fields=all", "GET /people/a%20b%2Fc?fields=all", "GET /people/9?fields=all"]
    );
    let why: Vec<_> =
        read.rejections.iter().map(|one| (one.employee_id.as_deref(), one.kind.name())).collect();
    assert_eq!(why, [(None, "no_employee_id"), (None, "not_found")]);
}

/// Pages of three, of seven people; what is told beside them is made by `told` from the number of people on the page.
fn sevens(told: fn(usize) -> serde_json::Value) -> Server {
    Server::plain(move |request, _| {
        let skip: usize = request.parameter("skip").parse().unwrap();
        let list = people(skip.min(7)..(skip + 3).min(7));
        let mut body = told(list.len());
        body["list"] = json!(list);
        Reply::json(body)
    })
}

fn by_offset(server: &Server, rest_lines: &str, paging: &str) -> String {
    let url = &server.url;
    rest(&format!(
        "url = \"{url}\"\n{rest_lines}\n[source.rest.paging]\nkind = \"offset\"\nparameter = \"skip\"\n{paging}"
    ))
}

#[test]
fn a_total_that_is_configured_has_to_be_told() {
    let server = sevens(|_| json!({"meta": {"count": 7}}));
    for (key, value) in [("total", "$.meta.total"), ("total_header", "x-total")] {
        let told = refused(&by_offset(&server, &format!("{key} = \"{value}\""), "page_size = 3"));
        let wanted = format!("no page of it tells a total at {value}; correct source.rest.{key}");
        assert!(told.contains(&wanted) && told.contains("nothing of it is used"), "{told}");
    }
    assert_eq!(
        read(&by_offset(&server, "total = \"$.meta.count\"", "page_size = 3")).unwrap().ids(),
        ids(0..7)
    );
}

#[test]
fn a_total_that_counts_the_page_is_none() {
    let server = sevens(|came| json!({"total": came}));
    // Also where nothing is known of how large a page is to be.
    for size in ["page_size = 3\nsize_parameter = \"n\"", "page_size = 3", ""] {
        let told = refused(&by_offset(&server, "total = \"$.total\"", size));
        assert!(told.contains("it tells of 3 records, and there are more behind them"), "{size}: {told}");
    }
    // Many stop to count somewhere.
    let server = sevens(|_| json!({"total": 6}));
    let told = refused(&by_offset(&server, "total = \"$.total\"", "page_size = 3"));
    assert!(told.contains("it tells of 6 records, and there are more behind them"), "{told}");
}

#[test]
fn behind_a_true_total_there_may_be_an_empty_page_no_content_the_last_page_again_or_none_where_that_is_said()
{
    let whole = || Reply::json(json!({"list": people(3..6), "total": 6}));
    type Answer = fn() -> Reply;
    let answers: [Answer; 5] = [
        || Reply::json(json!({"list": [], "total": 6})),
        || Reply::status(204),
        || Reply::status(404),
        || Reply::status(416),
        || Reply::json(json!({"list": people(3..6), "total": 6})),
    ];
    for (case, answer) in answers.into_iter().enumerate() {
        let server = Server::plain(move |request, _| match request.parameter("skip") {
            "0" => Reply::json(json!({"list": people(0..3), "total": 6})),
            "3" => whole(),
            "6" => answer(),
            other => panic!("{other}"),
        });
        let mut paging = "page_size = 3".to_owned();
        if matches!(case, 2 | 3) {
            // Whoever lost the list in the middle answers so as well.
            let told = refused(&by_offset(&server, "total = \"$.total\"", &paging));
            assert!(told.contains("behind 6 records it answers with status 4"), "{told}");
            assert!(told.contains("add \"not_found\" to source.rest.paging.ends_with"), "{told}");
            paging += "\nends_with = [\"empty_page\", \"not_found\"]";
        }
        let before = server.requests().len();
        let read = read(&by_offset(&server, "total = \"$.total\"", &paging)).unwrap();
        assert_eq!(read.ids(), ids(0..6), "{case}");
        assert_eq!(server.requests().len() - before, 3, "{case}");
    }
    // It is the end of a list that tells no total too; and a total that is told has to be reached.
    let server = Server::plain(|request, _| match request.parameter("skip") {
        "0" => Reply::json(json!({"list": people(0..3), "total": 6})),
        _ => Reply::status(410),
    });
    let not_found = "page_size = 3\nends_with = [\"not_found\"]";
    assert_eq!(read(&by_offset(&server, "", not_found)).unwrap().ids(), ids(0..3));
    let told = refused(&by_offset(&server, "total = \"$.total\"", not_found));
    assert!(told.contains("it tells of 6 records, and 3 came"), "{told}");
    assert!(refused(&by_offset(&server, "", "page_size = 3")).contains("status 410"));
    let server = Server::plain(|request, _| match request.parameter("skip") {
        "0" => Reply::json(json!({"list": people(0..3), "total": 3})),
        _ => Reply::status(403),
    });
    assert!(refused(&by_offset(&server, "total = \"$.total\"", "page_size = 3")).contains("status 403"));
}

#[test]
fn a_next_link_that_stands_nowhere_is_told_of() {
    let cursor = |server: &Server, total: &str| {
        rest(&format!(
            "url = \"{}\"\n{total}\n[source.rest.paging]\nkind = \"cursor\"\nparameter = \"c\"\nnext = \"$.next\"",
            server.url
        ))
    };
    let server =
        Server::plain(|_, _| Reply::json(json!({"list": people(0..2), "nextPage": "x", "total": 2})));
    let told = read(&cursor(&server, "")).unwrap().end.passed_over.unwrap();
    assert!(told.contains("$.next,") && told.contains("source.rest.paging.next"), "{told}");
    assert_eq!(read(&cursor(&server, "total = \"$.total\"")).unwrap().end.passed_over, None, "all came");
    let server = Server::plain(|_, _| Reply::json(json!({"list": people(0..2), "next": null})));
    assert_eq!(read(&cursor(&server, "")).unwrap().end.passed_over, None);
    // One that is not there on the last page alone.
    let server = Server::plain(|request, _| match request.parameter("c") {
        "" => Reply::json(json!({"list": people(0..2), "next": "x"})),
        _ => Reply::json(json!({"list": people(2..4)})),
    });
    assert_eq!(read(&cursor(&server, "")).unwrap().end.passed_over, None);
}

/// Records that differ in each answer by a field that no column reads, as the signed address of a photo does.
fn signed(list: Vec<serde_json::Value>, answer: usize) -> Vec<serde_json::Value> {
    let sign = |mut one: serde_json::Value| {
        one["photo"] = json!(format!("https://cdn.test/x?signature={answer}"));
        one
    };
    list.into_iter().map(sign).collect()
}

#[test]
fn a_list_that_moves_is_noticed_by_whom_it_names_whatever_else_is_new_in_each_answer() {
    // The second was on the first page already, and whoever was to be in its place never came.
    for total in ["", "total = \"$.total\""] {
        let server = Server::plain(|request, before| {
            let list = match request.parameter("skip") {
                "0" => people(0..2),
                "2" => [people(1..2), people(3..4)].concat(),
                "4" => people(4..5),
                _ => Vec::new(),
            };
            Reply::json(json!({"list": signed(list, before), "total": 5}))
        });
        let told = refused(&by_offset(&server, total, "page_size = 2"));
        assert!(told.contains("'1' on its page 2 was on an earlier one already"), "{told}");
    }
    let server = Server::plain(|_, before| Reply::json(json!({"list": signed(people(0..2), before)})));
    let told = refused(&by_offset(&server, "", "page_size = 2"));
    assert!(told.contains("page 2 is one that it sent already"), "{told}");
    // The last page again is no news either.
    let server = Server::plain(|request, before| {
        let skip: usize = request.parameter("skip").parse().unwrap();
        Reply::json(json!({"list": signed(people(skip.min(2)..skip.min(2) + 2), before), "total": 4}))
    });
    let read = read(&by_offset(&server, "total = \"$.total\"", "page_size = 2")).unwrap();
    assert_eq!(read.ids(), ids(0..4));
}

#[test]
fn a_link_header_that_cannot_be_read_does_not_end_the_list() {
    for link in ["/p2; rel=\"next\"", "</p2; rel=\"next\"", "</p2?name=é>; rel=\"next\"", "</p2>; rel=\"next"]
    {
        let server = Server::plain(move |_, _| Reply::json(json!({"list": people(0..2)})).with("Link", link));
        let header = "[source.rest.paging]\nkind = \"link_header\"";
        let told = refused(&rest(&format!("url = \"{}\"\n{header}", server.url)));
        assert!(told.contains("its Link header cannot be read"), "{link}: {told}");
    }
}

#[test]
fn an_object_in_the_place_of_a_further_page_does_not_end_the_list() {
    let server = Server::plain(|_, before| match before {
        0 => Reply::json(json!({"list": people(0..2)})),
        _ => Reply::json(json!({"list": {}})),
    });
    let told = refused(&by_offset(&server, "", "page_size = 2"));
    assert!(told.contains("on its page 2 an object stands where a list stood before"), "{told}");
    // Some write a table of people, and an empty list where nobody is left.
    let server = Server::plain(|_, before| match before {
        0 => Reply::json(json!({"list": {"7": person(7), "8": person(8)}})),
        _ => Reply::json(json!({"list": []})),
    });
    assert_eq!(read(&by_offset(&server, "", "page_size = 2")).unwrap().ids(), ["7", "8"]);
}
