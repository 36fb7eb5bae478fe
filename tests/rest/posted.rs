//! Pages that are asked for in the body of a POST.

use serde_json::{Value, json};

use super::server::{Reply, Request, Server};
use super::{configured, people, read, refused, rest};

fn ids(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|id| id.to_string()).collect()
}

fn sent(request: &Request) -> Value {
    serde_json::from_str(&request.body).unwrap()
}

fn bodies(server: &Server) -> Vec<Value> {
    server.requests().iter().map(sent).collect()
}

/// A source that asks this server by POST, with this body and these lines of its paging.
fn posted(server: &Server, body: &str, paging: &str) -> String {
    let head = format!("url = \"{}/search\"\nmethod = \"POST\"\nbody = '{body}'\n", server.url);
    rest(&format!("{head}[source.rest.paging]\nparameter_in = \"body\"\n{paging}"))
}

#[test]
fn a_page_number_and_its_size_go_into_the_body_and_the_rest_of_it_stays() {
    let server = Server::plain(|request, before| {
        let page = sent(request)["paging"]["number"].as_u64().unwrap() as usize;
        match before {
            // What is asked for again is asked for by the same body.
            1 => Reply::status(503),
            _ => Reply::json(json!({"list": people((page - 1) * 10..(page * 10).min(25))})),
        }
    });
    let paging = "kind = \"page\"\nparameter = \"$.paging.number\"\nsize_parameter = \"$.paging.size\"\n\
                  page_size = 10\nends_with = [\"short_page\"]";
    assert_eq!(read(&posted(&server, "{\"active\":true}", paging)).unwrap().ids(), ids(0..25));
    let body = |page: u64| json!({"active": true, "paging": {"size": 10, "number": page}});
    assert_eq!(bodies(&server), [body(1), body(2), body(2), body(3)]);
    assert!(server.asked().iter().all(|asked| asked == "POST /search"), "{:?}", server.asked());
    assert!(server.requests().iter().all(|request| request.header("content-type") == "application/json"));
}

#[test]
fn an_offset_in_the_body_is_a_text_where_a_text_stood_there() {
    let server = Server::plain(|request, _| {
        let skip: usize = sent(request)["skip"].as_str().unwrap().parse().unwrap();
        Reply::json(json!({"list": people(skip..(skip + 7).min(20)), "total": 20}))
    });
    let paging = "kind = \"offset\"\nparameter = \"skip\"\npage_size = 10";
    let lines = posted(&server, "{\"skip\":\"\",\"top\":10}", paging)
        .replace("[source.rest.paging]", "total = \"$.total\"\n[source.rest.paging]");
    assert_eq!(read(&lines).unwrap().ids(), ids(0..20));
    let body = |skip: &str| json!({"skip": skip, "top": 10});
    assert_eq!(bodies(&server), [body("0"), body("7"), body("14")]);
}

#[test]
fn a_cursor_goes_into_the_body_as_it_came() {
    for (first, second) in [(json!("c/1"), json!("c/2")), (json!(17), json!(23))] {
        let (one, two) = (first.clone(), second.clone());
        let server = Server::plain(move |request, _| {
            let body = sent(request);
            let (people, next) = match &body["variables"]["after"] {
                Value::Null => (people(0..2), one.clone()),
                after if *after == one => (people(2..4), two.clone()),
                after if *after == two => (people(4..5), Value::Null),
                other => panic!("{other}"),
            };
            Reply::json(json!({"data": {"list": people, "end": next, "more": !next.is_null()}}))
        });
        let paging = "kind = \"cursor\"\nparameter = \"$.variables.after\"\nsize_parameter = \"$.variables.first\"\n\
                      page_size = 2\nnext = \"$.data.end\"\nmore = \"$.data.more\"";
        let query = "{ people { id first last mail status } }";
        let body = json!({"query": query, "variables": {"after": null}});
        let lines = posted(&server, &body.to_string(), paging).replace("$.list[*]", "$.data.list[*]");
        assert_eq!(read(&lines).unwrap().ids(), ids(0..5));
        let body = |after: &Value| json!({"query": query, "variables": {"after": after, "first": 2}});
        assert_eq!(bodies(&server), [body(&Value::Null), body(&first), body(&second)]);
        assert!(server.asked().iter().all(|asked| asked == "POST /search"), "nothing goes into the query");
    }
}

#[test]
fn a_system_that_does_not_heed_the_page_in_the_body_is_not_believed() {
    let server = Server::plain(|_, _| Reply::json(json!({"list": people(0..10)})));
    let paging = "kind = \"page\"\nparameter = \"page\"\nsize_parameter = \"size\"\npage_size = 10";
    let told = refused(&posted(&server, "{}", paging));
    assert!(told.contains("its page 2 is one that it sent already"), "{told}");
}

#[test]
fn a_page_that_cannot_be_written_into_the_body_is_a_fault_of_the_settings() {
    for (lines, key, told) in [
        (
            "body = '{}'\n[source.rest.paging]\nparameter = \"p\"",
            "source.rest.paging.parameter_in",
            "method = \"POST\"",
        ),
        (
            "method = \"POST\"\nbody = '[1]'\n[source.rest.paging]\nparameter = \"p\"",
            "source.rest.body",
            "JSON object",
        ),
        (
            "method = \"POST\"\nbody = 'x'\n[source.rest.paging]\nparameter = \"p\"",
            "source.rest.body",
            "JSON object",
        ),
        (
            "method = \"POST\"\nbody = '{\"p\":{\"q\":1}}'\n[source.rest.paging]\nparameter = \"p\"",
            "source.rest.paging.parameter",
            "cannot give way",
        ),
        (
            "method = \"POST\"\n[source.rest.paging]\nsize_parameter = \"p\"\nparameter = \"$.p.q\"",
            "source.rest.paging.parameter",
            "cannot give way",
        ),
        (
            "method = \"POST\"\n[source.rest.paging]\nparameter = \"$.list[*]\"",
            "source.rest.paging.parameter",
            "by names alone",
        ),
    ] {
        let lines = rest(&format!(
            "url = \"https://hr.example.com\"\n{lines}\nparameter_in = \"body\"\nkind = \"page\"\n"
        ));
        let errors = configured(&lines).map(|_| ()).unwrap_err();
        assert!(errors.contains(key) && errors.contains(told), "{errors}");
    }
}
