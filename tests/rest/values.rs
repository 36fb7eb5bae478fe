use serde_json::json;

use super::common::kinds;
use super::server::{Reply, Server};
use super::{configured, person, read, refused, rest};

#[test]
fn a_record_that_cannot_be_read_is_rejected_by_name_and_blocks_nobody() {
    let with = |id: serde_json::Value, key: &str, value: serde_json::Value| {
        let mut person = person(0);
        person["id"] = id;
        person[key] = value;
        person
    };
    let list = json!([
        person(1),
        with(json!(2), "first", json!({"value": "Ana"})),
        with(json!(null), "first", json!("Nobody")),
        with(json!("x".repeat(200)), "first", json!("Long")),
        with(json!(5), "mail", json!(["a@x.test", "b@x.test"])),
        with(json!(6.5), "first", json!("Half")),
        with(json!({"value": 7}), "first", json!("Nested")),
        "no object",
        with(json!("\u{a0}0008 "), "last", json!("Mu\u{308}ller")),
        with(json!(9), "status", json!(true)),
    ]);
    let server = Server::plain(move |_, _| Reply::json(json!({"list": list})));
    let read = read(&rest(&format!("url = \"{}\"", server.url))).unwrap();
    assert_eq!(read.ids(), ["1", "0008", "9"]);
    assert_eq!((read.fields(1)["family_name"], read.fields(2)["status"]), ("Müller", "true"));
    let why: Vec<_> =
        read.rejections.iter().map(|one| (one.employee_id.as_deref(), one.row, one.kind.name())).collect();
    assert_eq!(
        why,
        [
            (Some("2"), Some(2), "unfit_field"),
            (None, Some(3), "no_employee_id"),
            (None, Some(4), "unusable_employee_id"),
            (Some("5"), Some(5), "unfit_field"),
            (None, Some(6), "unfit_field"),
            (None, Some(7), "unfit_field"),
            (None, Some(8), "no_employee_id"),
        ]
    );
    assert!(read.rejections[0].reason.contains("given_name is an object"), "{:?}", read.rejections[0]);
}

#[test]
fn a_leaver_does_not_keep_access_since_another_field_of_the_record_cannot_be_read() {
    let unfit = |id: serde_json::Value, status: serde_json::Value| {
        let mut person = person(0);
        (person["id"], person["status"], person["mail"]) = (id, status, json!(["a@x.test", "b@x.test"]));
        person
    };
    let list = json!([
        unfit(json!("1"), json!("terminated ")),
        // Nobody else is given up for it: not with another status, nor where the status or the id is what cannot be read.
        unfit(json!("2"), json!("Active")),
        unfit(json!("3"), json!("Terminating")),
        unfit(json!("4"), json!(["Terminated", "Active"])),
        unfit(json!(["5", "6"]), json!("Terminated")),
        unfit(json!("7"), json!(null)),
    ]);
    let server = Server::plain(move |_, _| Reply::json(json!({"list": list})));
    let left = read(&rest(&format!("url = \"{}\"", server.url))).unwrap();
    assert_eq!(left.ids(), ["1"]);
    assert_eq!((left.fields(0).get("work_email"), left.fields(0)["family_name"]), (None, "Nr0"));
    let rejected: Vec<_> = left.rejections.iter().map(|one| one.employee_id.as_deref()).collect();
    assert_eq!(rejected, [Some("2"), Some("3"), Some("4"), None, Some("7")]);
    let twice = r#"{"list": [{"id": "1", "mail": {"x": 1}, "status": "Active", "status": "Terminated"},
        {"id": "2", "id": "3", "mail": {"x": 1}, "status": "Terminated"}, {"id": "9", "status": "Active"}]}"#;
    let server = Server::plain(move |_, _| Reply::json(twice));
    let twice = read(&rest(&format!("url = \"{}\"", server.url))).unwrap();
    assert_eq!((twice.ids(), twice.rejections.len()), (vec!["9"], 2));
}

#[test]
fn a_value_that_is_too_long_is_not_kept_and_its_record_is_rejected_by_name() {
    let with = |id: &str, status: &str, mail: String| {
        let mut person = person(0);
        (person["id"], person["status"], person["mail"]) = (json!(id), json!(status), json!(mail));
        person["photo"] = json!("x".repeat(100_000));
        person
    };
    let (long, most) = ("x".repeat(64 * 1024 + 1), "x".repeat(64 * 1024));
    let list =
        json!([with("1", "Active", long.clone()), with("2", "Active", most), with("3", "Terminated", long),]);
    let server = Server::plain(move |_, _| Reply::json(json!({"list": list})));
    let read = read(&rest(&format!("url = \"{}\"", server.url))).unwrap();
    assert_eq!(read.ids(), ["2", "3"]);
    assert_eq!(read.fields(1).get("work_email"), None, "a leaver needs no more than the status");
    let [rejection] = &read.rejections[..] else { panic!("{:?}", read.rejections) };
    assert_eq!((rejection.employee_id.as_deref(), rejection.kind.name()), (Some("1"), "unfit_field"));
    assert!(rejection.reason.starts_with("work_email has 65537 bytes"), "{}", rejection.reason);
}

#[test]
fn a_record_in_which_a_key_says_two_things_is_rejected_by_name_and_blocks_nobody() {
    let body = r#"{"list": [{"id": "1", "status": "Active", "first": "a", "first": "a"},
        {"id": "2", "status": "Left", "mail": {"x": 1}, "status": "Active"}, {"id": "3", "id": "4", "status": "Active"}]}"#;
    let server = Server::plain(move |_, _| Reply::json(body));
    let read = read(&rest(&format!("url = \"{}\"", server.url))).unwrap();
    assert_eq!(read.ids(), ["1"]);
    let why: Vec<_> = read.rejections.iter().map(|one| (one.employee_id.as_deref(), one.row)).collect();
    assert_eq!(why, [(Some("2"), Some(2)), (None, Some(3))]);
    assert!(read.rejections[0].reason.contains("has the key 'status' twice"), "{:?}", read.rejections[0]);
}

#[test]
fn a_record_with_what_no_parser_takes_is_rejected_by_name_and_blocks_nobody() {
    let deep = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
    let record = |id: &str, odd: &str| {
        format!(
            "{{\"id\": {id}, \"first\": \"A\", \"last\": \"B\", \"mail\": \"a@x.test\", \"status\": \"Active\"{odd}}}"
        )
    };
    let records = [
        record("1", ""),
        record("2", ", \"pay\": {\"salary\": 1e400}"),
        record("1e400", ""),
        record("4", &format!(", \"notes\": {deep}")),
        record("5", ", \"first\": \"\\udc00 A\""),
        "-1e999".to_owned(),
        record("7", ""),
    ];
    let body = format!("{{\"list\": [{}], \"total\": 7}}", records.join(","));
    let whole = body.clone();
    let server = Server::plain(move |_, _| Reply::json(&whole));
    let lines =
        |server: &Server| rest(&format!("url = \"{}\"\ntotal = \"$.total\"\nmax_attempts = 1", server.url));
    let read = read(&lines(&server)).unwrap();
    assert_eq!(read.ids(), ["1", "7"]);
    let why: Vec<_> = read.rejections.iter().map(|one| (one.employee_id.as_deref(), one.row)).collect();
    assert_eq!(
        why,
        [(Some("2"), Some(2)), (None, Some(3)), (Some("4"), Some(4)), (Some("5"), Some(5)), (None, Some(6))]
    );
    for (at, told) in [
        (0, "has something at 'salary' that cannot be read (number out of range)"),
        (1, "has something at 'id' that cannot be read"),
        (2, "has something at 'notes' that cannot be read (recursion limit exceeded)"),
        (3, "has the key 'first' twice"),
        (4, "cannot be read (number out of range); correct it"),
    ] {
        assert!(read.rejections[at].reason.starts_with(told), "{}", read.rejections[at].reason);
    }
    // What is no JSON at all, or stands beside the records, is not passed over.
    for (odd, told) in [
        (body.replace("-1e999", "-e999"), "it is no JSON (line 1"),
        (body.replace("-1e999", "{\"id\": 6,}"), "it is no JSON"),
        (body.replace(": 7}", ": 7e400}"), "it is no JSON"),
        (body[..body.len() - 30].to_owned(), "its JSON ends early"),
    ] {
        let server = Server::plain(move |_, _| Reply::json(&odd));
        let why = refused(&lines(&server));
        assert!(why.contains(told), "{why}");
    }
}

#[test]
fn whoever_has_an_odd_record_keeps_the_access_that_they_have_and_others_lose_theirs() {
    let people = |records: &[(usize, &str)]| {
        let record = |(id, odd): &(usize, &str)| person(id).to_string().replacen('{', &format!("{{{odd}"), 1);
        format!("{{\"list\": [{}]}}", records.iter().map(record).collect::<Vec<_>>().join(","))
    };
    let all: Vec<(usize, &str)> = (1..=6).map(|id| (id, "")).collect();
    // Nobody names the sixth any more, and the second has a number that nothing holds.
    let later = [(1, ""), (2, "\"pay\": 1e400,"), (3, ""), (4, ""), (5, "")];
    let (first, second) = (people(&all), people(&later));
    let server = Server::plain(move |_, before| Reply::json(if before == 0 { &first } else { &second }));
    let world = super::world(&rest(&format!("url = \"{}\"", server.url)));
    assert_eq!(world.sync().applied(), kinds([("create", 6)]));
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (4, kinds([("suspend", 1)])), "{synced:?}");
}

#[test]
fn dates_become_days_and_empty_values_are_none() {
    let list = json!([
        {"id": 1, "status": "Active", "jobs": [{"main": true, "title": "A"}, {"main": false, "title": "B"}], "from": "/Date(1796083200000)/", "to": "0000-00-00"},
        {"id": 2, "status": "Active", "jobs": [], "from": "2026-12-01T00:00:00+01:00", "to": "9999-12-31T00:00:00"},
        {"id": 3, "status": "Active", "jobs": [{"main": true, "title": "C"}, {"main": true, "title": "D"}], "from": 1796083200, "to": null},
    ]);
    let server = Server::plain(move |_, _| Reply::json(json!({"list": list})));
    let lines = |more: &str| {
        format!(
            "kind = \"rest\"\n[source.rest]\nurl = \"{}\"\nrecords = \"$.list[*]\"\nempty_values = [\"0000-00-00\", \"9999-12-31\"]\n\
             date_columns = [\"hire_date\", \"termination_date\"]\n{more}\n[source.columns]\nemployee_id = \"id\"\nstatus = \"status\"\n\
             given_name = \"x\"\nfamily_name = \"x\"\nwork_email = \"x\"\nhire_date = \"from\"\ntermination_date = \"$.to\"\n\
             job_title = \"$.jobs[?@.main == true].title\"\n[lifecycle]\nactive = [\"Active\"]\nterminated = [\"Terminated\"]",
            server.url
        )
    };
    let as_written = read(&lines("")).unwrap();
    assert_eq!(as_written.ids(), ["1", "2"]);
    let first = as_written.fields(0);
    assert_eq!(
        (first["hire_date"], first["job_title"], first.get("termination_date")),
        ("2026-12-01", "A", None)
    );
    assert_eq!(
        (as_written.fields(1)["hire_date"], as_written.fields(1).get("termination_date")),
        ("2026-12-01", None)
    );
    let reason = &as_written.rejections[0].reason;
    assert!(reason.contains("job_title has several values that differ") && !reason.contains('C'), "{reason}");
    let warning = as_written.end.passed_over.unwrap();
    assert!(
        warning.contains("no record has what source.columns has for family_name, given_name, work_email"),
        "{warning}"
    );
    let in_new_york = read(&lines("date_timezone = \"America/New_York\"")).unwrap();
    assert_eq!(
        (in_new_york.fields(0)["hire_date"], in_new_york.fields(1)["hire_date"]),
        ("2026-11-30", "2026-11-30")
    );
}

#[test]
fn a_status_that_stands_in_no_record_is_a_wrong_path_and_no_list_of_leavers() {
    let server = Server::plain(|_, _| Reply::json(json!({"list": [{"id": 1, "state": "Active"}]})));
    let told = refused(&rest(&format!("url = \"{}\"", server.url)));
    assert!(told.contains("source.columns.status") && told.contains("nothing of it is used"), "{told}");
}

#[test]
fn a_configuration_that_cannot_work_is_refused_with_the_key_and_the_mend() {
    for (lines, wanted) in [
        ("", "source.rest.url: is required"),
        ("url = \"http://hr.example\"", "source.rest.url: has to begin with https://"),
        ("url = \"https://ana:hunter2@hr.example\"", "source.rest.url: holds a user name"),
        ("url = \"https://hr.example?key=hunter2\"", "source.rest.url: ends with a query"),
        ("url = \"https://hr.example/{company}\"", "source.account.company: is required for kind = \"rest\""),
        ("url = \"https://hr.example/{token}\"", "source.rest.url: would show the secret {token}"),
        ("url = \"https://hr.example/{nobody}\"", "source.rest.url: names {nobody}"),
        ("url = \"https://hr.example\"\nbody = \"{}\"", "source.rest.body: is sent with POST alone"),
        (
            "url = \"https://hr.example\"\ntotal = \"$.list[0].total\"",
            "source.rest.total: cannot be followed",
        ),
        (
            "url = \"https://hr.example\"\ntotal = \"$.list[*].total\"",
            "source.rest.total: has to lead to one value",
        ),
        ("url = \"https://hr.example\"\ndate_columns = [\"hired\"]", "source.rest.date_columns: names hired"),
        ("url = \"https://hr.example\"\ndate_timezone = \"Mars\"", "source.rest.date_timezone: is no IANA"),
        (
            "url = \"https://hr.example\"\n[source.rest.paging]\nkind = \"page\"",
            "source.rest.paging.parameter: is required",
        ),
        (
            "url = \"https://hr.example\"\n[source.rest.paging]\nkind = \"cursor\"\nparameter = \"c\"",
            "source.rest.paging.next: is required",
        ),
        (
            "url = \"https://hr.example\"\n[source.rest.auth]\nkind = \"basic\"",
            "source.rest.auth.username: is required",
        ),
        (
            "url = \"https://hr.example\"\n[source.rest.auth]\nkind = \"bearer\"",
            "source.rest.auth.token: is required",
        ),
        (
            "url = \"https://hr.example\"\n[source.rest.auth]\nkind = \"oauth2\"\nclient_id = \"c\"\nclient_secret = \"s\"\ntoken_url = \"http://x.example/t\"",
            "source.rest.auth.token_url: has to begin with https://",
        ),
        (
            "url = \"https://hr.example\"\n[source.rest.headers]\n\"a b\" = \"hunter2\"",
            "source.rest.headers.a b: is no header",
        ),
        (
            "url = \"https://hr.example\"\nclient_certificate_file = \"a.pem\"",
            "source.rest.client_certificate_file: has to stand beside",
        ),
        (
            "url = \"https://hr.example\"\n[source.rest.detail]\npath = \"/one\"",
            "source.rest.detail.path: has to hold {id}",
        ),
        (
            "url = \"https://hr.example\"\n[source.rest.delta]\npath = \"/changed\"",
            "source.rest.delta.query: has to hold {since}",
        ),
    ] {
        let told = configured(&rest(lines)).map(|_| ()).unwrap_err();
        assert!(told.contains(wanted) && !told.contains("hunter2"), "{lines}: {told}");
    }
    let path = rest("url = \"https://hr.example\"").replace("$.list[*]", "$..list[*]");
    let told = configured(&path).map(|_| ()).unwrap_err();
    assert!(told.contains("source.rest.records: cannot be followed while the answer streams in"), "{told}");
    let column = rest("url = \"https://hr.example\"").replace("\"mail\"", "\"$.mail[\"");
    let told = configured(&column).map(|_| ()).unwrap_err();
    assert!(told.contains("source.columns.work_email = $.mail[: is no JSONPath"), "{told}");
}
