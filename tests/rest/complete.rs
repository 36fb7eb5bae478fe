use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;

use super::server::{Reply, Server};
use super::{people, person, read, refused, rest};

fn plain(server: &Server) -> String {
    rest(&format!("url = \"{}/list\"\nmax_attempts = 3", server.url))
}

#[test]
fn an_answer_cut_short_counts_as_nothing_and_is_asked_for_again_while_nothing_was_handed_on() {
    let whole = json!({"list": people(0..20)}).to_string();
    let text = whole.clone();
    let server =
        Server::plain(
            move |_, before| {
                if before < 2 { Reply::json(&text).cut_short(40) } else { Reply::json(&text) }
            },
        );
    assert_eq!(read(&plain(&server)).unwrap().records.len(), 20);
    assert_eq!(server.requests().len(), 3);

    let text = whole.clone();
    let server = Server::plain(move |_, _| Reply::json(&text).cut_short(40));
    let told = refused(&plain(&server));
    assert!(told.contains("broke off") && told.contains("nothing of it is used"), "{told}");
    assert_eq!(server.requests().len(), 3);

    // Its length is right, and yet it is not all.
    let text = whole[..whole.len() - 2].to_owned();
    let server = Server::plain(move |_, _| Reply::json(&text));
    assert!(refused(&plain(&server)).contains("its JSON ends early"));

    // So much came that the engine has some already: it cannot come twice.
    let text = json!({"list": people(0..5000)}).to_string();
    let server = Server::plain(move |_, _| Reply::json(&text).cut_short(40));
    assert!(refused(&plain(&server)).contains("broke off"));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_is_not_the_list_is_not_believed() {
    let html = "<!DOCTYPE html><html><title>Sign in</title></html>";
    for (reply, wanted) in [
        (Reply::of(200, "text/html; charset=utf-8", html.into()), "HTML page"),
        (Reply::of(200, "application/json", format!("\n {html}").into_bytes()), "HTML or XML page"),
        (Reply::of(200, "text/csv", b"a,b".to_vec()), "it is text/csv instead of JSON"),
        (Reply::status(204), "no content (status 204)"),
        (Reply::json(r#"{"error":"not today"}"#), "nothing stands at $.list[*]"),
        (Reply::json(r#"{"list":null}"#), "nothing stands at $.list[*]"),
        (Reply::json("not json"), "it is no JSON (line 1"),
        (Reply::json(r#"{"list":[]} trailing"#), "it is no JSON"),
        (Reply::json(r#"{"list":[]}"#), "source.min_records is 1"),
        (Reply::status(403), "status 403; the account may not read this"),
        (Reply::status(404), "status 404; nothing is there"),
    ] {
        let reply = std::sync::Mutex::new(Some(reply));
        let server =
            Server::plain(move |_, _| reply.lock().unwrap().take().unwrap_or_else(|| Reply::status(400)));
        let told = refused(&plain(&server));
        assert!(told.contains(wanted) && !told.contains("Sign in") && !told.contains("today"), "{told}");
        assert_eq!(server.requests().len(), 1, "asking again would not help: {told}");
    }
    let server = Server::plain(|_, _| {
        Reply::of(200, "application/vnd.hr+json", br#"{"list":[{"id":1,"status":"x"}]}"#.to_vec())
    });
    assert_eq!(read(&plain(&server)).unwrap().ids(), ["1"]);
    let server =
        Server::plain(|_, _| Reply::of(200, "text/plain", br#"{"list":[{"id":1,"status":"x"}]}"#.to_vec()));
    let lines = format!("url = \"{}\"\ncontent_type = \"text/plain\"", server.url);
    assert_eq!(read(&rest(&lines)).unwrap().ids(), ["1"]);
}

#[test]
fn a_byte_order_mark_in_front_of_json_is_passed_over() {
    let list = json!({"list": people(0..3)}).to_string();
    let server =
        Server::plain(move |_, _| Reply::of(200, "application/json", format!("\u{feff}{list}").into_bytes()));
    assert_eq!(read(&plain(&server)).unwrap().ids(), ["0", "1", "2"]);
    for (body, wanted) in [
        ("\u{feff}<html>", "HTML or XML page"),
        ("\u{feff}", "ends early"),
        ("\u{feff}\u{feff}[]", "no JSON"),
    ] {
        let server = Server::plain(move |_, _| Reply::of(200, "application/json", body.into()));
        assert!(refused(&plain(&server)).contains(wanted), "{body:?}");
    }
}

#[test]
fn a_busy_server_is_asked_again_when_it_says_so() {
    for (status, after) in [
        (429, "0"),
        (503, "0"),
        (429, "Thu, 01 Jan 2026 00:00:00 GMT"),
        (503, "0.0"),
        (500, ""),
        (502, ""),
        (509, ""),
        (520, ""),
        (529, ""),
    ] {
        let server = Server::plain(move |_, before| match before {
            0 | 1 if after.is_empty() => Reply::status(status),
            0 | 1 => {
                Reply::status(status).with("Retry-After", after).with("Date", "Thu, 01 Jan 2026 00:00:00 GMT")
            }
            _ => Reply::json(json!({"list": people(0..1)})),
        });
        assert_eq!(read(&plain(&server)).unwrap().ids(), ["0"], "{status} {after}");
        assert_eq!(server.requests().len(), 3);
    }
    let server = Server::plain(|_, _| Reply::status(429).with("Retry-After", "0"));
    let told = refused(&plain(&server));
    assert!(told.contains("status 429") && told.contains("attempt 3 of 3"), "{told}");
    for (after, seconds) in [
        ("86400", "86400"),
        ("Fri, 02 Jan 2026 00:00:00 GMT", "86400"),
        ("86399.2", "86400"),
        ("99999999999999999999999", "18446744073709551615"),
    ] {
        let server = Server::plain(move |_, _| {
            Reply::status(503).with("Retry-After", after).with("Date", "Thu, 01 Jan 2026 00:00:00 GMT")
        });
        let told = refused(&plain(&server));
        assert!(told.contains(&format!("asks to wait {seconds} s")), "{told}");
        assert_eq!(server.requests().len(), 1);
    }
    // A lock does not open by itself.
    for status in [423, 501, 505] {
        let server = Server::plain(move |_, _| Reply::status(status));
        assert!(refused(&plain(&server)).contains(&format!("status {status}")));
        assert_eq!(server.requests().len(), 1, "{status}");
    }
}

#[test]
fn an_answer_in_gzip_is_read_and_one_cut_short_is_not() {
    let text = json!({"list": people(0..300)}).to_string();
    let packed = gzip(text.as_bytes());
    assert!(packed.len() < text.len() / 2);
    let body = packed.clone();
    let server = Server::plain(move |request, _| {
        assert!(request.header("accept-encoding").contains("gzip"));
        Reply::of(200, "application/json", body.clone()).with("Content-Encoding", "gzip")
    });
    assert_eq!(read(&plain(&server)).unwrap().records.len(), 300);
    let server = Server::plain(move |_, _| {
        Reply::of(200, "application/json", packed[..packed.len() - 30].to_vec())
            .with("Content-Encoding", "gzip")
    });
    let told = refused(&plain(&server));
    assert!(told.contains("broke off"), "{told}");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut child = Command::new("gzip").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut into = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writing = std::thread::spawn(move || into.write_all(&bytes).unwrap());
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    output.stdout
}

#[test]
fn nobody_at_the_other_end_is_told_without_the_query() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let lines = format!(
        "url = \"http://127.0.0.1:{port}/a\"\nmax_attempts = 2\nquery = {{ q = \"hidden\" }}\n[source.rest.auth]\nkind = \"api_key\"\n\
         api_key = \"hunter2\"\napi_key_in = \"query\"\napi_key_name = \"key\""
    );
    let told = refused(&rest(&lines));
    assert!(told.contains("no connection") && told.contains(&format!("127.0.0.1:{port}/a")), "{told}");
    assert!(!told.contains("hunter2") && !told.contains("hidden"), "{told}");
}

/// Pages of ten people, of whom `of` makes each record.
fn pages_of(of: fn(usize) -> serde_json::Value) -> impl Fn(&str) -> Result<super::Read, String> {
    move |lines: &str| {
        let server = Server::plain(move |request, _| {
            let page: usize = request.parameter("page").parse().unwrap();
            Reply::json(json!({"list": ((page - 1) * 10..(page * 10).min(65)).map(of).collect::<Vec<_>>()}))
        });
        let paging = "kind = \"page\"\nparameter = \"page\"\npage_size = 10\nends_with = [\"empty_page\"]";
        let lines = rest(&format!("url = \"{}\"\n[source.rest.paging]\n{paging}\n{lines}", server.url))
            .replace(
                "[source.columns]",
                "[source.columns]\ndepartment = \"dept\"\ntermination_date = \"end\"",
            );
        read(&lines).map_err(|error| error.to_string())
    }
}

#[test]
fn pages_that_lack_a_column_which_all_others_have_are_not_believed() {
    fn one(id: usize, dept: bool) -> serde_json::Value {
        let mut person = person(id);
        if dept {
            person["dept"] = json!("Finance");
        }
        // Hardly anybody has one, and nobody on most pages.
        if id % 30 == 7 {
            person["end"] = json!("2027-01-31");
        }
        person
    }
    for (answer, from) in [
        (pages_of(|id| one(id, id < 40)), "from its page 5 on, 25 records in a row"),
        (pages_of(|id| one(id, id >= 30)), "from its page 1 on, 30 records in a row"),
        (pages_of(|id| one(id, !(20..40).contains(&id))), "from its page 3 on, 20 records in a row"),
    ] {
        let told = answer("").unwrap_err();
        assert!(told.contains(from) && told.contains("nothing at all for department"), "{told}");
        let read = answer("sparse_columns = [\"department\"]").unwrap();
        assert_eq!(read.records.len(), 65);
    }
}

#[test]
fn a_last_page_of_a_few_a_sparse_column_and_one_that_is_null_are_believed() {
    fn one(id: usize, dept: serde_json::Value) -> serde_json::Value {
        let mut person = person(id);
        person["dept"] = dept;
        person
    }
    for answer in [
        // Fifteen at the end have no department.
        pages_of(|id| if id < 50 { one(id, json!("Finance")) } else { person(id) }),
        // The first have none, of whom one has on each page.
        pages_of(|id| if id > 40 || id % 10 == 3 { one(id, json!("Finance")) } else { person(id) }),
        // The system says itself that there is none.
        pages_of(|id| one(id, if id < 30 { json!("Finance") } else { json!(null) })),
        // Many have none.
        pages_of(|id| if id < 40 && id % 3 > 0 { one(id, json!("Finance")) } else { person(id) }),
    ] {
        assert_eq!(answer("").unwrap().records.len(), 65);
    }
}
