//! The dashboard and `/v1`, through the real binary.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use common::{Answer, Daemon, Receiver, Row, World, people, until};
use workiva_sync::store::{ACTIONS_LOOKED_THROUGH, LOOKED_THROUGH};

const OPERATOR: &str = "operator-token-of-enough-letters";
const VIEWER: &str = "viewer-token-of-enough-letters-ok";

/// A world whose daemon may be looked at by two people.
fn world() -> World {
    let mut world = World::new();
    let user = |name: &str, role: &str, token: &str| {
        let pairs = [("name", name), ("role", role), ("token", token)];
        toml::Value::from(
            pairs
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
        )
    };
    world.set("http.users", vec![user("Ann", "operator", OPERATOR), user("Ben", "viewer", VIEWER)]);
    world
}

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn post(daemon: &Daemon, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
    let headers = [("Cookie", cookie), ("Content-Type", "application/x-www-form-urlencoded")];
    daemon.post(path, &headers, form(fields).as_bytes())
}

/// Logs in; the answer is the cookie.
fn log_in(daemon: &Daemon, token: &str) -> String {
    let answer = post(daemon, "/login", "", &[("token", token), ("next", "/people")]);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/people")), "{answer:?}");
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

fn csrf(page: &Answer) -> String {
    hidden(page, "csrf")
}

/// A field of the page's form that nobody sees.
fn hidden(page: &Answer, name: &str) -> String {
    let after = page.body.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
    after.split('"').next().unwrap().to_owned()
}

fn page(daemon: &Daemon, path: &str, cookie: &str) -> Answer {
    let answer = daemon.get_in(path, cookie);
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer
}

/// Posts a form, and goes where the answer leads: a page of this path, with what came of it.
fn after_deciding(daemon: &Daemon, form: &str, cookie: &str, fields: &[(&str, &str)]) -> String {
    let answer = post(daemon, form, cookie, fields);
    assert_eq!(answer.status, 303, "{answer:?}");
    let place = answer.header("location").unwrap();
    assert!(place.starts_with(form.trim_end_matches("/decide")), "{place}");
    page(daemon, place, cookie).body
}

fn api(daemon: &Daemon, path: &str) -> Value {
    daemon.get_as(path, VIEWER).expect(200)
}

fn decide(daemon: &Daemon, path: &str, token: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    daemon.post(path, &headers, body.to_string().as_bytes())
}

/// What is answered to decisions of no such form: words, a field that nobody knows, and more than anybody has to say.
fn misshapen(daemon: &Daemon, path: &str) -> Vec<Answer> {
    let bearer = format!("Bearer {OPERATOR}");
    let words =
        daemon.post(path, &[("Authorization", bearer.as_str()), ("Content-Type", "text/plain")], b"because");
    let unknown = decide(daemon, path, OPERATOR, &json!({"motive": "because"}));
    let long = decide(daemon, path, OPERATOR, &json!({"reason": "because ".repeat(400_000)}));
    let answers = vec![words, unknown, long];
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [415, 422, 413], "{path}");
    answers
}

/// With a plan that is held: two of ten have left, and one may.
fn held(world: &mut World) -> (Vec<Row>, Daemon) {
    let rows = people(10);
    world.sync_rows(&rows, 0);
    world.guard_tightly();
    let rows: Vec<Row> =
        rows.iter().enumerate().map(|(at, row)| if at < 2 { row.left() } else { row.clone() }).collect();
    world.hr(&rows);
    let daemon = Daemon::start(world);
    until("a plan is held", || !daemon.readiness().1["held_plan"].is_null());
    (rows, daemon)
}

#[test]
fn where_nobody_is_named_neither_pages_nor_api_are_served() {
    let world = World::new();
    world.hr(&people(1));
    let daemon = Daemon::start(&world);
    for path in ["/", "/people/1000", "/v1/overview", "/v1/people"] {
        let answer = daemon.get(path);
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert!(answer.body.contains("[[http.users]]"), "{answer:?}");
    }
    assert_eq!(daemon.get("/login").header("location"), Some("/"));
}

#[test]
fn that_workiva_refuses_the_credentials_is_shown_as_workivas_matter_and_not_as_hrs() {
    let mut world = world();
    world.set("workiva.password", "a wrong one");
    world.hr(&people(1));
    let daemon = Daemon::start(&world);
    until("a run was stored", || world.status()["runs"][0]["outcome"] == "failed");
    let cookie = log_in(&daemon, VIEWER);
    let shown = page(&daemon, "/", &cookie).body;
    let of = |end: &str| {
        let after = shown.split(&format!("<dt>{end}</dt>")).nth(1).unwrap();
        after.split("</div>").next().unwrap().to_owned()
    };
    assert!(
        of("Workiva").contains("cannot be had") && of("Workiva").contains("credentials are refused"),
        "{shown}"
    );
    assert!(of("HR").contains("was not read") && !of("HR").contains("refused"), "{shown}");
    assert!(!shown.contains("<dt>Database</dt>"), "{shown}");
}

#[test]
fn a_configuration_whose_users_could_not_be_told_apart_or_be_guessed_is_refused() {
    let mut world = world();
    let user = |name: &str, token: &str| {
        toml::Value::from(
            BTreeMap::from([("name", name), ("role", "viewer"), ("token", token)])
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect::<BTreeMap<_, _>>(),
        )
    };
    let cases = [
        (vec![user("Ann", "short")], "http.users.0.token"),
        (vec![user("", OPERATOR)], "http.users.0.name"),
        (vec![user("Ann", OPERATOR), user("Ann", VIEWER)], "http.users.1.name"),
        (vec![user("Ann", OPERATOR), user("Ben", OPERATOR)], "http.users.1.token"),
    ];
    for (users, key) in cases {
        world.set("http.users", users);
        let check = world.run(&["check"]);
        assert_eq!(check.exit, 2, "{check:?}");
        let said = format!("{}{}", check.stdout, check.stderr);
        assert!(said.contains(key) && !said.contains(OPERATOR), "{said}");
    }
}

#[test]
fn whoever_shows_no_token_sees_nothing_and_comes_back_to_the_page_behind_the_login() {
    let world = world();
    world.hr(&people(1));
    let daemon = Daemon::start(&world);
    let answer = daemon.get("/people/10?query=a%20b");
    let next = "/login?next=%2Fpeople%2F10%3Fquery%3Da%2520b";
    assert_eq!((answer.status, answer.header("location")), (303, Some(next)), "{answer:?}");
    assert_eq!(daemon.get_in("/", "workiva_sync=0123").status, 303, "a cookie that nobody was given");
    for wrong in ["", "operator-token-of-enough-letter", "Bearer x"] {
        let answer = post(&daemon, "/login", "", &[("token", wrong), ("next", "/")]);
        assert_eq!(answer.status, 401, "{answer:?}");
        assert_eq!(answer.header("set-cookie"), None);
        assert_eq!(daemon.get_as("/v1/overview", wrong).status, 401);
    }
    let elsewhere = post(&daemon, "/login", "", &[("token", VIEWER), ("next", "//evil.example/")]);
    assert_eq!(elsewhere.header("location"), Some("/"), "no other site is gone to");
    let cookie = log_in(&daemon, VIEWER);
    let overview = page(&daemon, "/", &cookie);
    let policy = overview.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(overview.header("cache-control"), Some("no-store"));
    assert!(
        !overview.body.contains("http://") && !overview.body.contains("https://"),
        "nobody else is asked"
    );
    // Without its form's word nobody is logged out.
    assert_eq!(post(&daemon, "/logout", &cookie, &[]).status, 403);
    let left = post(&daemon, "/logout", &cookie, &[("csrf", &csrf(&overview))]);
    assert_eq!((left.status, left.header("location")), (303, Some("/login")));
    assert_eq!(daemon.get_in("/", &cookie).status, 303);
    let log = daemon.log();
    assert!(log.contains("logged in") && !log.contains(VIEWER) && !log.contains(OPERATOR));
    assert!(!log.contains(cookie.split('=').nth(1).unwrap()));
}

#[test]
fn whoever_guesses_tokens_is_asked_to_wait_and_whoever_has_shown_a_right_one_is_not() {
    let world = world();
    world.hr(&people(1));
    let daemon = Daemon::start(&world);
    let cookie = log_in(&daemon, VIEWER);
    let guess = |token: &str| post(&daemon, "/login", "", &[("token", token), ("next", "/")]);
    let guessed = (0..5).all(|_| {
        guess("a-guess-of-twenty-four-letters").status == 401
            && daemon.get_as("/v1/overview", "another-guess-of-as-many").status == 401
    });
    assert!(guessed, "a few times anybody may be wrong");
    let mut refused = guess(OPERATOR);
    assert_eq!(refused.status, 429, "it is not even looked at: {refused:?}");
    assert_eq!(refused.header("set-cookie"), None);
    assert!(refused.body.contains("try again in") && refused.header("retry-after").is_some(), "{refused:?}");
    refused = daemon.get_as("/v1/overview", OPERATOR);
    assert_eq!(refused.expect(429)["error"]["code"], "too_many_attempts");
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=6).contains(&seconds), "{seconds}");
    // Not so whoever is in, or has been; nor whoever comes from elsewhere by the same proxy; nor a probe.
    page(&daemon, "/people", &cookie);
    api(&daemon, "/v1/overview");
    log_in(&daemon, VIEWER);
    let elsewhere = format!("X-Forwarded-For: 203.0.113.9\r\nAuthorization: Bearer {OPERATOR}\r\n");
    assert_eq!(daemon.ask(&format!("GET /v1/overview HTTP/1.1\r\n{elsewhere}"), b"").status, 200);
    assert_eq!(daemon.get("/livez").status, 200);
    // But where so many guesses come that the right one could be among them, it is answered as they are; who is in stays.
    until("guesses come by the hundred", || {
        let guesses =
            (0..100).map(|n| daemon.get_as("/v1/overview", &format!("guess-{n}-of-as-many-letters")));
        assert!(guesses.into_iter().all(|answer| matches!(answer.status, 401 | 429)));
        daemon.get_as("/v1/overview", VIEWER).status == 429
    });
    page(&daemon, "/people", &cookie);
    until("there is room again", || daemon.get_as("/v1/overview", VIEWER).status == 200);
    let log = daemon.log();
    assert!(log.contains("a token was refused") && !log.contains("guess"), "{log}");
}

#[test]
fn every_page_is_there_and_what_people_are_called_is_never_markup() {
    let world = world();
    let mut rows = people(3);
    rows[1].given = "<script>alert(1)</script>".into();
    rows[2].title = "<img src=x>".into();
    world.sync_rows(&rows, 0);
    let daemon = Daemon::start(&world);
    let cookie = log_in(&daemon, VIEWER);
    let run_id = api(&daemon, "/v1/runs")["items"][0]["run_id"].as_str().unwrap().to_owned();
    let plan_id = world.text("SELECT plan_id FROM plan");
    let paths = [
        "/".to_owned(),
        "/people".into(),
        "/people?query=100".into(),
        "/people?query=%3Cscript%3E".into(),
        "/people/1001".into(),
        "/people/1002".into(),
        "/parked".into(),
        "/runs".into(),
        format!("/runs/{run_id}"),
        format!("/plans/{plan_id}"),
        "/audit".into(),
        "/audit?employee_id=1001".into(),
        "/configuration".into(),
    ];
    for path in &paths {
        let answer = page(&daemon, path, &cookie);
        assert!(
            !answer.body.contains("<script>alert") && !answer.body.contains("<img"),
            "{path}: {}",
            answer.body
        );
        assert!(answer.body.contains("aria-current=\"page\"") || path.starts_with("/plans"), "{path}");
    }
    let person = page(&daemon, "/people/1001", &cookie).body;
    assert!(person.contains("&lt;script&gt;"), "{person}");
    let configuration = page(&daemon, "/configuration", &cookie).body;
    assert!(configuration.contains("[redacted]") && !configuration.contains(OPERATOR));
    for missing in ["/people/nobody", "/plans/none", "/runs/none"] {
        assert_eq!(daemon.get_in(missing, &cookie).status, 404, "{missing}");
    }
    for asset in ["/assets/style.css", "/assets/script.js"] {
        assert_eq!(daemon.get(asset).status, 200);
    }
    for icon in ["/favicon.ico", "/assets/favicon.svg"] {
        let answer = daemon.get(icon);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some("image/svg+xml")),
            "{answer:?}"
        );
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    }
}

#[test]
fn an_operator_approves_a_held_plan_on_its_page_and_the_audit_knows_who_and_why() {
    let mut world = world();
    let (rows, daemon) = held(&mut world);
    let plan_id = daemon.readiness().1["held_plan"].as_str().unwrap().to_owned();
    let path = format!("/plans/{plan_id}");
    let decide = format!("{path}/decide");
    let viewer = log_in(&daemon, VIEWER);
    let looked = page(&daemon, &path, &viewer);
    assert!(looked.body.contains("max_deprovision_count") && !looked.body.contains("value=\"approve\""));
    let tried = post(&daemon, &decide, &viewer, &[("csrf", &csrf(&looked)), ("decision", "approve")]);
    assert_eq!(tried.status, 403, "a viewer may not");
    let operator = log_in(&daemon, OPERATOR);
    let looked = page(&daemon, &path, &operator);
    assert!(looked.body.contains("/people/1000") && looked.body.contains("/people/1001"));
    let searched = page(&daemon, &format!("{path}?query=1001&kind=suspend"), &operator).body;
    assert!(searched.contains("/people/1001") && !searched.contains("/people/1000"));
    // Whom it suspends has a name, by which they are found as well.
    assert!(
        searched.contains("Person Number1") && searched.contains("person.number1@example.com"),
        "{searched}"
    );
    let named = page(&daemon, &format!("{path}?query=Person.Number0"), &operator).body;
    assert!(named.contains("/people/1000") && !named.contains("/people/1001"), "{named}");
    let actions = api(&daemon, &format!("/v1{path}/actions"));
    let first = &actions["items"][0];
    assert_eq!(
        (&first["user_name"], &first["given_name"], &first["family_name"]),
        (&json!("person.number0@example.com"), &json!("Person"), &json!("Number0"))
    );
    let word = csrf(&looked);
    let forged = post(
        &daemon,
        &decide,
        &operator,
        &[("csrf", &csrf(&page(&daemon, "/", &viewer))), ("decision", "approve")],
    );
    assert_eq!(forged.status, 403, "the word of another login");
    let foreign = [
        ("Sec-Fetch-Site", "cross-site"),
        ("Origin", "https://elsewhere.example"),
        ("Origin", "null"),
        ("Origin", "http://127.0.0.1:1"),
    ];
    for header in foreign {
        let headers = [("Cookie", operator.as_str()), header];
        let forged =
            daemon.post(&decide, &headers, form(&[("csrf", &word), ("decision", "approve")]).as_bytes());
        assert_eq!(forged.status, 403, "another site: {header:?}");
    }
    assert_eq!(daemon.readiness().1["held_plan"], plan_id.as_str());
    let fields = [("csrf", word.as_str()), ("decision", "approve"), ("reason", "asked <HR>, it is so")];
    let done = post(&daemon, &decide, &operator, &fields);
    let place = done.header("location").unwrap();
    assert!(done.status == 303 && place.starts_with(&path), "{done:?}");
    until("the two are suspended", || world.agrees(&rows));
    let elsewhere = page(&daemon, &path, &operator).body;
    assert!(!elsewhere.contains("Approved: 2"), "another tab of the same login says nothing: {elsewhere}");
    let behind = page(&daemon, place, &operator).body;
    assert!(behind.contains("Approved: 2 actions are released") && behind.contains("approved"), "{behind}");
    assert!(!page(&daemon, place, &operator).body.contains("Approved: 2"), "it is said once");
    let decided = world.text("SELECT body FROM audit WHERE kind = 'plan_decided'");
    let decided: Value = serde_json::from_str(&decided).unwrap();
    assert_eq!(
        decided,
        json!({"plan": plan_id, "state": "approved", "by": "Ann", "reason": "asked <HR>, it is so"})
    );
    // Who decided, and why, is read where it was decided, and of whom.
    let plan = api(&daemon, &format!("/v1{path}"));
    assert_eq!(
        (&plan["decided_by"], &plan["decided_reason"]),
        (&json!("Ann"), &json!("asked <HR>, it is so"))
    );
    let person = api(&daemon, "/v1/people/1000");
    assert_eq!(person["actions"][0]["plan"]["decided_reason"], "asked <HR>, it is so");
    for shown in [&path, "/people/1000"] {
        let shown = page(&daemon, shown, &operator).body;
        assert!(shown.contains("asked &lt;HR&gt;, it is so"), "{shown}");
    }
    assert!(after_deciding(&daemon, &decide, &operator, &fields).contains("is not held: it is approved"));
    assert_eq!(world.audit_report().fault, None);
}

#[test]
fn nobody_decides_about_a_plan_without_saying_why_and_what_was_typed_is_kept() {
    let mut world = world();
    let (rows, daemon) = held(&mut world);
    let plan_id = daemon.readiness().1["held_plan"].as_str().unwrap().to_owned();
    let path = format!("/plans/{plan_id}");
    let operator = log_in(&daemon, OPERATOR);
    let looked = page(&daemon, &format!("{path}?query=1001"), &operator);
    assert!(looked.body.contains("id=\"reason\"") && looked.body.contains(" required "), "{looked:?}");
    let word = csrf(&looked);
    for (decision, reason, said) in [
        ("approve", "", "say why"),
        ("reject", " \t ", "say why"),
        ("approve", "two\nlines & <more>", "one line of at most 500 characters"),
    ] {
        let fields = [("csrf", word.as_str()), ("decision", decision), ("reason", reason), ("query", "1001")];
        let kept = post(&daemon, &format!("{path}/decide"), &operator, &fields);
        assert_eq!(kept.status, 422, "{kept:?}");
        assert!(kept.body.contains("said failed") && kept.body.contains(said), "{kept:?}");
        let typed = reason.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        assert!(kept.body.contains(&format!(" required value=\"{typed}\"")), "{kept:?}");
        assert!(kept.body.contains("/people/1001") && !kept.body.contains("/people/1000"), "the same page");
    }
    for (decision, body) in
        [("approve", json!({})), ("approve", json!({"reason": null})), ("reject", json!({"reason": "  "}))]
    {
        let refused = decide(&daemon, &format!("/v1{path}/{decision}"), OPERATOR, &body).expect(400);
        assert_eq!(refused["error"]["code"], "reason_missing", "{decision} {body}");
        assert!(refused["error"]["message"].as_str().unwrap().contains("say why"), "{refused}");
    }
    assert_eq!(daemon.readiness().1["held_plan"], plan_id.as_str(), "nothing was decided");
    let document = daemon.get("/v1/openapi.json").expect(200);
    assert_eq!(document["components"]["schemas"]["Why"]["required"], json!(["reason"]));
    // From a page of a search they come back to that page.
    let fields =
        [("csrf", word.as_str()), ("decision", "approve"), ("reason", "so it is"), ("query", "1001")];
    let behind = after_deciding(&daemon, &format!("{path}/decide"), &operator, &fields);
    assert!(
        behind.contains("Approved: 2 actions are released") && !behind.contains("/people/1000"),
        "{behind}"
    );
    until("they are suspended", || world.agrees(&rows));
}

#[test]
fn what_is_raised_is_shown_on_the_overview_and_told_under_v1() {
    let mut world = world();
    let receiver = Receiver::start();
    world.set("alerts.webhook.url", receiver.url("/hook"));
    world.set("alerts.webhook.secret", "a long random text");
    let (_, daemon) = held(&mut world);
    receiver.wait_for("raised held_plan");
    let cookie = log_in(&daemon, VIEWER);
    let raised = || api(&daemon, "/v1/alerts");
    until("it is raised", || raised()["raised"] != json!([]));
    let alerts = raised();
    let one = &alerts["raised"][0];
    assert_eq!(alerts["channels"], json!(["webhook"]));
    assert_eq!(one["alert"], "held_plan");
    assert_eq!(one["plan_id"], daemon.readiness().1["held_plan"]);
    assert_eq!(api(&daemon, "/v1/overview")["alerts"], alerts);
    let shown = page(&daemon, "/", &cookie).body;
    assert!(shown.contains("<code>held_plan</code>") && shown.contains("2 suspend"), "{shown}");
    let plan_id = one["plan_id"].as_str().unwrap();
    let rejected =
        decide(&daemon, &format!("/v1/plans/{plan_id}/reject"), OPERATOR, &json!({"reason": "no"}));
    rejected.expect(200);
    until("it is over", || raised()["raised"] == json!([]));
    assert!(page(&daemon, "/", &cookie).body.contains("Nothing is raised. Told by webhook."));
    assert_eq!(daemon.get_as("/v1/alerts", "nobody's").status, 401);
}

#[test]
fn where_nobody_is_told_the_overview_says_so() {
    let world = world();
    world.sync_rows(&people(1), 0);
    let daemon = Daemon::start(&world);
    until("the audit was looked through", || !api(&daemon, "/v1/overview")["audit"]["checked_at"].is_null());
    assert_eq!(api(&daemon, "/v1/alerts"), json!({"channels": [], "raised": []}));
    let cookie = log_in(&daemon, VIEWER);
    let shown = page(&daemon, "/", &cookie).body;
    assert!(shown.contains("no channel is configured") && shown.contains("the audit is whole"), "{shown}");
    assert!(shown.contains("is whole</span> as looked through <time"), "{shown}");
    assert!(page(&daemon, "/audit", &cookie).body.contains(", and is whole."));
    assert!(shown.contains("the highest bar: "), "the chart has a scale: {shown}");
    // And of one there is one.
    assert!(shown.contains("<strong>1</strong> active account</a>"), "{shown}");
}

#[test]
fn a_broken_audit_is_shown_to_whoever_looks_also_where_nobody_is_told() {
    let world = world();
    world.sync_rows(&people(1), 0);
    world.meddle("UPDATE run SET rejected = 7 WHERE rowid = 1");
    let daemon = Daemon::start(&world);
    until("it is found", || !api(&daemon, "/v1/overview")["audit"]["fault"].is_null());
    let overview = api(&daemon, "/v1/overview");
    assert!(overview["audit"]["fault"].as_str().unwrap().contains("is not what record"), "{overview}");
    assert!(overview["audit"]["checked_at"].is_string(), "{overview}");
    let alerts = api(&daemon, "/v1/alerts");
    assert_eq!((&alerts["channels"], &alerts["raised"][0]["alert"]), (&json!([]), &json!("audit_broken")));
    assert_eq!(overview["alerts"], alerts);
    let cookie = log_in(&daemon, VIEWER);
    let shown = page(&daemon, "/", &cookie).body;
    assert!(shown.contains("<h2 id=\"broken\">The audit is broken</h2>"), "{shown}");
    assert!(shown.contains("is not what record") && !shown.contains("Nothing is raised"), "{shown}");
    let shown = page(&daemon, "/audit", &cookie).body;
    assert!(shown.contains("The audit is broken") && shown.contains("is not what record"), "{shown}");
    assert!(!shown.contains("is whole") && !shown.contains("proves"), "{shown}");
}

#[test]
fn the_audit_is_looked_through_by_kind_and_by_plan_and_tells_times_as_times() {
    let mut world = world();
    let (_, daemon) = held(&mut world);
    let plan_id = daemon.readiness().1["held_plan"].as_str().unwrap().to_owned();
    let of = |query: &str| {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let one = api(&daemon, &format!("/v1/audit?limit=3&{query}{after}"));
            all.extend(one["items"].as_array().unwrap().clone());
            let Some(next) = one["next"].as_str() else { return all };
            after = format!("&after={next}");
        }
    };
    let number = |kind: &str| {
        let sql = format!("SELECT count(*) FROM audit WHERE kind = '{kind}'");
        world.number(Box::leak(sql.into_boxed_str()))
    };
    for kind in ["run", "plan", "decision", "outcome", "discard"] {
        let found = of(&format!("kind={kind}"));
        assert!(found.iter().all(|one| one["kind"] == kind), "{kind}: {found:?}");
        assert_eq!(i64::try_from(found.len()).unwrap(), number(kind), "{kind}");
    }
    let found = of(&format!("plan={plan_id}"));
    assert!(found.iter().all(|one| one["body"]["plan"] == plan_id.as_str()), "{found:?}");
    let seqs: Vec<i64> = found.iter().map(|one| one["seq"].as_i64().unwrap()).collect();
    assert!(seqs.is_sorted_by(|one, next| one > next), "each once, newest first: {seqs:?}");
    let kinds = |kind: &str| found.iter().filter(|one| one["kind"] == kind).count();
    assert_eq!((kinds("plan"), kinds("decision")), (1, 2), "{found:?}");
    assert!(kinds("run") >= 1, "{found:?}");
    assert_eq!(of(&format!("plan={plan_id}&kind=decision")).len(), 2);
    assert_eq!(of(&format!("plan={plan_id}&kind=decision&employee_id=1001")).len(), 1);
    assert_eq!(of("employee_id=1001&kind=plan").len(), 0);
    assert_eq!(daemon.get_as("/v1/audit?kind=bogus", VIEWER).status, 400);
    let cookie = log_in(&daemon, VIEWER);
    let shown = page(&daemon, "/audit?kind=run", &cookie).body;
    assert!(shown.contains("<dt>started_at</dt><dd><time ") && !shown.contains("{&quot;"), "{shown}");
    assert!(shown.contains("<option value=\"run\" selected>"), "{shown}");
    let shown = page(&daemon, &format!("/audit?plan={plan_id}"), &cookie).body;
    assert!(shown.contains("/people/1001") && !shown.contains("<td>outcome</td>"), "{shown}");
    for wrong in [
        "/audit?after=abc",
        "/audit?kind=bogus",
        "/people?state=bogus",
        "/runs?after=none",
        "/parked?after=x",
    ] {
        let refused = daemon.get_in(wrong, &cookie);
        assert!(refused.status == 400 && refused.body.contains("<h1>400</h1>"), "{wrong}: {refused:?}");
    }
}

#[test]
fn a_look_for_a_kind_of_record_stops_where_it_has_gone_through_many_and_goes_on_from_there() {
    let mut world = world();
    world.set("alerts.audit_hours", 0);
    world.set("schedule.run_on_start", false);
    world.sync_rows(&people(1), 0);
    world.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120000) \
         INSERT INTO audit (seq, at, kind, employee_id, body, hash) \
           SELECT i + (SELECT seq FROM audit_head), 0, 'outcome', 'x' || i, '{}', '' FROM n; \
         UPDATE audit_head SET seq = (SELECT max(seq) FROM audit)",
    );
    let daemon = Daemon::start(&world);
    let (mut pages, mut after) = (0, String::new());
    let found = loop {
        pages += 1;
        let one = api(&daemon, &format!("/v1/audit?kind=decision{after}"));
        let Some(next) = one["next"].as_str() else { break one["items"].as_array().unwrap().len() };
        assert_eq!(one["items"], json!([]));
        after = format!("&after={next}");
    };
    assert_eq!((found, pages), (1, 3));
    let run = api(&daemon, "/v1/audit?kind=run");
    assert_eq!((run["items"].as_array().unwrap().len(), &run["next"]), (1, &Value::Null), "along an index");
    let shown = page(&daemon, "/audit?kind=decision", &log_in(&daemon, VIEWER)).body;
    assert!(shown.contains("None so far") && shown.contains("Look on"), "{shown}");
}

#[test]
fn a_page_of_parked_actions_is_come_back_to_and_one_action_is_one() {
    let mut world = world();
    world.set("guard.max_deprovision_percent", 100.0);
    let mut rows = people(3);
    world.sync_rows(&rows, 0);
    for row in &rows[..2] {
        let user = world.user(&row.email).unwrap();
        world.sandbox.own_elsewhere(user["id"].as_str().unwrap()).unwrap();
    }
    rows[..2].iter_mut().for_each(|row| *row = row.left());
    world.sync_rows(&rows, 4);
    let daemon = Daemon::start(&world);
    let operator = log_in(&daemon, OPERATOR);
    let parked = api(&daemon, "/v1/actions/parked");
    let id = |at: usize| parked["items"][at]["action_id"].as_i64().unwrap().to_string();
    let second_page = page(&daemon, &format!("/parked?after={}", id(0)), &operator);
    assert!(second_page.body.contains("2 actions wait"), "{second_page:?}");
    let fields = [
        ("csrf", &*csrf(&second_page)),
        ("decision", "discard"),
        ("which", "some"),
        ("id", &*id(1)),
        ("reason", "it may stay"),
        ("after", &*hidden(&second_page, "after")),
    ];
    let done = post(&daemon, "/parked/decide", &operator, &fields);
    let place = done.header("location").unwrap();
    assert!(place.starts_with(&format!("/parked?after={}&", id(0))), "{place}");
    let keeping = api(&daemon, "/v1/people?state=keeps_access");
    assert_eq!(keeping["items"][0]["employee_id"], parked["items"][1]["employee_id"]);
    assert_eq!(keeping["items"].as_array().unwrap().len(), 1);
    let some = |query: &str| api(&daemon, &format!("/v1/people?state=keeps_access&query={query}"));
    assert_eq!((&some("number")["items"], &some("nobody")["items"]), (&keeping["items"], &json!([])));
    let overview = page(&daemon, "/", &operator).body;
    assert!(
        overview.contains("href=\"/people?state=keeps_access\"><strong>1</strong> keeps access"),
        "{overview}"
    );
    let elsewhere = page(&daemon, "/parked", &operator).body;
    assert!(elsewhere.contains("1 action waits") && !elsewhere.contains("1 discarded"), "{elsewhere}");
    assert!(page(&daemon, place, &operator).body.contains("1 discarded"));
}

#[test]
fn ids_that_a_path_cannot_hold_have_a_page_all_the_same() {
    let world = world();
    let ids = ["..", ".", "a/b", "50%", "#7?"];
    let row = |(at, id): (usize, &&str)| Row::new(id, "Odd", &format!("Id{at}"));
    let rows: Vec<Row> = ids.iter().enumerate().map(row).collect();
    world.sync_rows(&rows, 0);
    let daemon = Daemon::start(&world);
    let cookie = log_in(&daemon, VIEWER);
    let list = page(&daemon, "/people", &cookie).body.replace("&#x2f;", "/");
    for id in ids {
        let query = form(&[("employee_id", id)]);
        let told = api(&daemon, &format!("/v1/person?{query}"));
        assert_eq!(told["employee_id"], id);
        let shown = page(&daemon, &format!("/person?{query}"), &cookie).body.replace("&#x2f;", "/");
        assert!(shown.contains(&format!("<h1>Employee {id}</h1>")), "{shown}");
    }
    for place in
        ["/person?employee_id=..", "/person?employee_id=.", "/person?employee_id=a%2Fb", "/people/50%25"]
    {
        assert!(list.contains(&format!("href=\"{place}\"")), "{place}: {list}");
    }
    assert_eq!(daemon.get_as("/v1/person?employee_id=nobody", VIEWER).status, 404);
    assert_eq!(daemon.get_as("/v1/person", VIEWER).status, 400);
}

#[test]
fn parked_actions_are_retried_and_discarded_in_bulk() {
    let mut world = world();
    world.set("guard.max_deprovision_percent", 100.0);
    let mut rows = people(4);
    world.sync_rows(&rows, 0);
    for row in &rows[..3] {
        let user = world.user(&row.email).unwrap();
        world.sandbox.own_elsewhere(user["id"].as_str().unwrap()).unwrap();
    }
    rows[..3].iter_mut().for_each(|row| *row = row.left());
    world.sync_rows(&rows, 4);
    let daemon = Daemon::start(&world);
    let parked = api(&daemon, "/v1/actions/parked");
    let ids: Vec<i64> =
        parked["items"].as_array().unwrap().iter().map(|one| one["action_id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), 3);
    let operator = log_in(&daemon, OPERATOR);
    let word = csrf(&page(&daemon, "/parked", &operator));
    let ask = |fields: &[(&str, &str)]| {
        let all: Vec<(&str, &str)> = [("csrf", word.as_str())].iter().chain(fields).copied().collect();
        after_deciding(&daemon, "/parked/decide", &operator, &all)
    };
    let nothing = ask(&[("decision", "retry"), ("which", "some")]);
    assert!(nothing.contains("tick the actions that you mean"));
    let why = ("reason", "they may stay");
    let changed = ask(&[("decision", "discard"), ("which", "all"), ("seen", "of another day"), why]);
    assert!(changed.contains("has changed since the page was loaded"));
    let told = ask(&[("decision", "discard"), ("which", "some"), ("id", "999999"), why]);
    assert!(told.contains("none of them is parked any more") && told.contains("said failed"));
    // A discard needs a reason, and what was ticked and typed is still there.
    let second = ids[1].to_string();
    let long = "x".repeat(501);
    for reason in ["", "  ", &long] {
        let fields = [
            ("csrf", word.as_str()),
            ("decision", "discard"),
            ("which", "some"),
            ("id", second.as_str()),
            ("reason", reason),
        ];
        let kept = post(&daemon, "/parked/decide", &operator, &fields);
        assert_eq!(kept.status, 422, "{kept:?}");
        assert!(kept.body.contains("said failed") && kept.body.contains("reason"), "{kept:?}");
        assert!(kept.body.contains(&format!("value=\"{second}\" checked")), "{kept:?}");
        assert_eq!(kept.body.matches(" checked aria-label").count(), 1, "{kept:?}");
        assert!(kept.body.contains(&format!(" required value=\"{reason}\"")), "{kept:?}");
    }
    for wrong in [json!({"all": true}), json!({"ids": ids, "reason": " "})] {
        let refused = decide(&daemon, "/v1/actions/discard", OPERATOR, &wrong);
        assert_eq!(refused.expect(400)["error"]["code"], "reason_missing", "{wrong}");
    }
    assert_eq!(api(&daemon, "/v1/actions/parked")["items"].as_array().unwrap().len(), 3, "nothing was done");
    let first = ids[0].to_string();
    let fields = [
        ("csrf", word.as_str()),
        ("decision", "discard"),
        ("which", "some"),
        ("id", &first),
        ("reason", "left as it is"),
    ];
    let before = page(&daemon, "/parked", &operator);
    assert!(after_deciding(&daemon, "/parked/decide", &operator, &fields).contains("1 discarded"));
    let behind = page(&daemon, "/parked", &operator);
    // What the page before showed is not what is parked now, so it does not stand for all of it.
    for (shown, said) in
        [(&before, "has changed since the page was loaded"), (&behind, "2 back in the queue")]
    {
        let seen = hidden(shown, "seen");
        let all = [("csrf", word.as_str()), ("decision", "retry"), ("which", "all"), ("seen", &seen)];
        assert!(after_deciding(&daemon, "/parked/decide", &operator, &all).contains(said), "{said}");
    }
    until("they are parked again", || {
        api(&daemon, "/v1/actions/parked")["items"].as_array().unwrap().len() == 2
    });
    let refused = decide(&daemon, "/v1/actions/retry", VIEWER, &json!({"all": true}));
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (403, &json!("not_an_operator")));
    for wrong in [json!({}), json!({"all": true, "ids": [1]}), json!({"ids": [1], "reason": "two\nlines"})] {
        assert_eq!(decide(&daemon, "/v1/actions/retry", OPERATOR, &wrong).status, 400, "{wrong}");
    }
    let retried =
        decide(&daemon, "/v1/actions/retry", OPERATOR, &json!({"all": true, "reason": "rights are back"}));
    assert_eq!(retried.expect(200), json!({"actions": 2, "passed_over": []}));
    let whose = parked["items"][0]["employee_id"].as_str().unwrap();
    let told = api(&daemon, &format!("/v1/people/{whose}"))["actions"][0]["orders"].clone();
    assert_eq!(
        (told[0]["order"].as_str(), told[0]["by"].as_str(), told[0]["reason"].as_str()),
        (Some("discard"), Some("Ann"), Some("left as it is")),
        "{told}"
    );
    let shown = page(&daemon, &format!("/people/{whose}"), &operator).body;
    assert!(shown.contains("Discarded by Ann") && shown.contains("left as it is"), "{shown}");
    until("they are parked again", || {
        api(&daemon, "/v1/actions/parked")["items"].as_array().unwrap().len() == 2
    });
    for order in ["retry", "discard"] {
        let none = json!({"ids": [999_999], "reason": "so it is"});
        let refused = decide(&daemon, &format!("/v1/actions/{order}"), OPERATOR, &none).expect(404);
        assert_eq!(refused["error"]["code"], "not_parked", "{order}");
    }
    let some = json!({"ids": [999_999, ids[1]], "reason": "so it is"});
    let done = decide(&daemon, "/v1/actions/discard", OPERATOR, &some).expect(200);
    assert_eq!(done, json!({"actions": 1, "passed_over": [999_999]}));
    assert_eq!(
        world.number("SELECT count(*) FROM audit WHERE kind = 'retry' AND body LIKE '%rights are back%'"),
        2
    );
}

#[test]
fn lists_are_paged_by_key_until_their_end_and_people_are_found_by_what_is_known_of_them() {
    let world = world();
    let mut rows = people(120);
    rows[7].given = "Åsa".into();
    world.sync_rows(&rows, 0);
    let daemon = Daemon::start(&world);
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        let list = api(&daemon, &format!("/v1/people?limit=50{after}"));
        let items = list["items"].as_array().unwrap();
        found.extend(items.iter().map(|one| one["employee_id"].as_str().unwrap().to_owned()));
        let Some(next) = list["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(found, rows.iter().map(|row| row.id.clone()).collect::<Vec<_>>());
    let count =
        |query: &str| api(&daemon, &format!("/v1/people?query={query}"))["items"].as_array().unwrap().len();
    assert_eq!((count("1007"), count("100"), count("PERSON.NUMBER11"), count("nobody")), (1, 10, 11, 0));
    assert_eq!((count("analyst"), count("%C3%85sa")), (50, 1), "in what was sent of them");
    assert_eq!(
        (count("%C3%A5SA"), count("%C3%A5sa%20EXAMPLE"), count("%C3%A5sa%20other")),
        (1, 1, 0),
        "by words"
    );
    assert_eq!(count("familyName"), 0, "what an attribute is called says nothing of anybody");
    assert_eq!(daemon.get_as("/v1/people?limit=501", VIEWER).status, 400);
    assert_eq!(daemon.get_as("/v1/audit?after=x", VIEWER).status, 400);
    assert_eq!(daemon.get_as("/v1/people?sort=name", VIEWER).status, 400);
    assert_eq!(daemon.get_as("/v1/runs?after=nonsense", VIEWER).expect(400)["error"]["code"], "unusable");
    let oldest = world.text("SELECT run_id FROM run ORDER BY rowid LIMIT 1");
    assert_eq!(api(&daemon, &format!("/v1/runs?after={oldest}"))["items"], json!([]), "behind the oldest");
    let of =
        |id: &str| api(&daemon, &format!("/v1/audit?employee_id={id}"))["items"].as_array().unwrap().len();
    assert!(of("1001") > 0 && of("%201001") == of("1001"), "an id is read as sources read it");
    let cookie = log_in(&daemon, VIEWER);
    let first = page(&daemon, "/people", &cookie).body;
    assert!(first.contains("people?query=&amp;state=&amp;after=1049"), "{first}");
    let audit = api(&daemon, "/v1/audit?limit=3");
    let numbers: Vec<i64> =
        audit["items"].as_array().unwrap().iter().map(|one| one["seq"].as_i64().unwrap()).collect();
    let next = audit["next"].as_str().unwrap();
    let behind = api(&daemon, &format!("/v1/audit?limit=1&after={next}"));
    assert_eq!(behind["items"][0]["seq"], numbers[2] - 1);
}

/// Page by page, one person each.
fn found(daemon: &Daemon, query: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        let list = api(daemon, &format!("/v1/people?limit=1&query={query}{after}"));
        found.extend(
            list["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["employee_id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = list["next"].as_str() else { return found };
        after = format!("&after={next}");
    }
}

/// A world of so many people, and a held plan with an action for each of them.
fn crowd(number: u32) -> World {
    let mut world = world();
    world.set("schedule.run_on_start", false);
    assert_eq!(world.run(&["check"]).exit, 5, "there is no file yet, and the database is made");
    let sql = "CREATE TEMP TABLE them AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < NUMBER) \
                 SELECT i, printf('%07d', i) AS id FROM n; \
               INSERT INTO person (employee_id, fingerprint, version) SELECT id, '', 1 FROM them; \
               INSERT INTO account (employee_id, scim_id, active, attributes, user_name, confirmed_at, had_access) \
                 SELECT id, id, 1, json_object('userName', 'p' || i, 'name.givenName', iif(i = NUMBER, 'Zoe', 'Ann'), 'name.familyName', 'Smith', \
                   'title', iif(i = NUMBER, 'Chief Beekeeper', 'Analyst')), 'p' || i, 0, 1 FROM them; \
               INSERT INTO plan (plan_id, state, created_at, expires_at, input, content_hash, counts, hold_reasons) \
                 VALUES ('held', 'held', 0, 9000000000000, '', '', '{}', '[]'); \
               INSERT INTO action (action_id, plan_id, employee_id, kind, rank, state, user_name, base_version, fingerprint, uncertain, not_before, \
                   created_at) \
                 SELECT i, 'held', id, 'update', 3, 'held', iif(i = NUMBER, 'renamed', NULL), 1, '', 0, 0, 0 FROM them; \
               INSERT INTO intent (action_id, changes, because, target) SELECT i, '[]', '', '{}' FROM them";
    world.execute(&sql.replace("NUMBER", &number.to_string()));
    world
}

/// What a search finds in the end, and how many pages it took until there was no next one.
fn search(daemon: &Daemon, path: &str, query: &str) -> (Vec<String>, usize) {
    let (mut found, mut pages, mut after) = (Vec::new(), 0, String::new());
    loop {
        pages += 1;
        let list = api(daemon, &format!("{path}?{}{after}", form(&[("query", query)])));
        let rows = list["items"].as_array().unwrap();
        found.extend(rows.iter().map(|row| row["employee_id"].as_str().unwrap().to_owned()));
        let Some(next) = list["next"].as_str() else { return (found, pages) };
        after = format!("&{}", form(&[("after", next)]));
    }
}

#[test]
fn a_search_stops_where_it_has_gone_through_many_says_so_and_goes_on_from_there_to_the_end() {
    let number = LOOKED_THROUGH + 10;
    let world = crowd(number);
    let daemon = Daemon::start(&world);
    let last = vec![format!("{number:07}")];
    assert_eq!(search(&daemon, "/v1/people", "beekeeper"), (last.clone(), 2), "by a word of a title");
    assert_eq!(search(&daemon, "/v1/people", "no such words"), (Vec::new(), 2));
    let (found, pages) = search(&daemon, "/v1/people", "zoe smith");
    assert_eq!(found, last, "by names of which one is everybody's");
    assert!(pages > 1, "{pages}");
    assert_eq!(
        search(&daemon, "/v1/people", "zoe"),
        (last.clone(), 1),
        "along an index there is nothing to stop at"
    );
    let plan = "/v1/plans/held/actions";
    let pages_of_plan = number.div_ceil(ACTIONS_LOOKED_THROUGH) as usize;
    assert_eq!(search(&daemon, plan, "renamed"), (last.clone(), pages_of_plan), "by the new user name");
    assert_eq!(search(&daemon, plan, &format!("p{number}")), (last.clone(), pages_of_plan));
    assert_eq!(search(&daemon, plan, &last[0]), (last.clone(), 1), "an id is looked up");
    assert_eq!(search(&daemon, plan, &last[0][..5]).0.len(), 11, "and so is its beginning");

    let cookie = log_in(&daemon, VIEWER);
    let stopped = page(&daemon, "/people?query=beekeeper", &cookie).body;
    assert!(stopped.contains("Nobody so far") && stopped.contains("Up to 75,000 people"), "{stopped}");
    let link = stopped.split("<a rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let rest = page(&daemon, &link.replace("&amp;", "&").replace("&#x2f;", "/"), &cookie).body;
    assert!(rest.contains(&last[0]) && !rest.contains("Look on"), "{rest}");
    let stopped = page(&daemon, "/plans/held?query=renamed", &cookie).body;
    assert!(stopped.contains("Nobody so far") && stopped.contains("40,000 actions"), "{stopped}");
}

#[test]
fn people_are_found_by_id_user_name_last_and_first_name_in_this_order_and_each_once() {
    let world = world();
    let rows = [
        Row::new("6", "Rosa", "Anders"),
        Row::new("5", "Anna", "Zett").but(|row| row.email = "zett@example.com".into()),
        Row::new("4", "Bo", "Ander").but(|row| row.email = "b@example.com".into()),
        Row::new("3", "Max", "\u{d6}zil").but(|row| row.email = "max@example.com".into()),
        Row::new("2", "Eva", "M\u{dc}LLER").but(|row| row.email = "eva@example.com".into()),
        Row::new("1", "An", "Other").but(|row| row.email = "an.other@example.com".into()),
        // By its id, its user name and both names.
        Row::new("anna", "Anna", "Annason").but(|row| row.email = "anna@example.com".into()),
    ];
    world.sync_rows(&rows, 0);
    let daemon = Daemon::start(&world);
    assert_eq!(found(&daemon, "an"), ["anna", "1", "4", "6", "5"]);
    assert_eq!(found(&daemon, "AN"), ["anna", "1", "4", "6", "5"], "an id in any case");
    assert_eq!(found(&daemon, "ander"), ["4", "6"]);
    assert_eq!(found(&daemon, "rosa%20anders"), ["6"]);
    assert_eq!(found(&daemon, "anders%20rosa"), ["6"]);
    assert_eq!(found(&daemon, "rosa%20zett"), Vec::<String>::new());
    for ozil in ["%C3%96zil", "%C3%B6ZIL", "%C3%B6"] {
        assert_eq!(found(&daemon, ozil), ["3"], "{ozil}");
    }
    assert_eq!(found(&daemon, "m%C3%BCll"), ["2"]);
    assert_eq!(found(&daemon, "example.com%20anders"), ["6"], "in what was sent of them");
    assert_eq!(found(&daemon, "xample.com").len(), 7, "page by page as well");
}

#[test]
fn people_are_shown_and_found_by_what_they_are_called_by_mail_and_by_an_id_in_any_case() {
    let mut world = world();
    world.set(
        "attributes.displayName",
        "{{ given_name if job_title == 'Analyst' else job_title }} {{ family_name }}",
    );
    world.set("attributes.userName", "{{ employee_id | lower }}@login.example.com");
    let rows = [
        Row::new("AB-17", "Robert", "Smith").but(|row| row.email = "r.smith@Example.com".into()),
        Row::new("ab-18", "Eva", "Stone").but(|row| row.email = "zett@example.com".into()),
        Row::new("Ab-19", "Max", "Stone").but(|row| row.title = "Bobby".into()),
    ];
    world.sync_rows(&rows, 0);
    let daemon = Daemon::start(&world);
    for all in ["ab-1", "AB-1", "aB-1"] {
        let mut ids = found(&daemon, all);
        ids.sort();
        assert_eq!(ids, ["AB-17", "Ab-19", "ab-18"], "{all}");
    }
    assert_eq!(found(&daemon, "ab-17"), ["AB-17"]);
    assert_eq!(found(&daemon, "AB-18"), ["ab-18"]);
    assert_eq!(found(&daemon, "R.SMITH@"), ["AB-17"], "by mail, which is not the user name");
    assert_eq!(found(&daemon, "bobby%20sto"), ["Ab-19"], "by display name");
    assert_eq!(found(&daemon, "BOBBY"), ["Ab-19"]);
    let list = api(&daemon, "/v1/people?query=ab-17");
    let row = &list["items"][0];
    assert_eq!(
        (&row["name"], &row["user_name"], &row["email"]),
        (&json!("Robert Smith"), &json!("ab-17@login.example.com"), &json!("r.smith@Example.com"))
    );
    let cookie = log_in(&daemon, VIEWER);
    let shown = page(&daemon, "/people?query=smith", &cookie).body;
    assert!(shown.contains("<td>Robert Smith</td>") && shown.contains("r.smith@Example.com"), "{shown}");
    assert!(!shown.contains("Stone"), "{shown}");
}

/// With a plan that is held: of these people two more have left, and somebody comes who is called as nobody else is.
fn hiring(world: &mut World, mut rows: Vec<Row>) -> Daemon {
    world.guard_tightly();
    let leavers = rows.iter_mut().rev().take(2);
    leavers.for_each(|row| *row = row.left());
    rows.push(Row::new("NEW-1", "Zo\u{eb}", "Newcomer").but(|row| row.email = "zoe@example.com".into()));
    world.hr(&rows);
    let daemon = Daemon::start(world);
    until("a plan is held", || !daemon.readiness().1["held_plan"].is_null());
    daemon
}

#[test]
fn who_is_only_in_a_held_plan_is_found_in_it_and_among_people_by_what_they_are_to_be_called() {
    let mut world = world();
    let mut rows = people(10);
    world.sync_rows(&rows, 0);
    rows.push(Row::new("new-2", "Ann", "Other"));
    rows.rotate_right(1);
    let daemon = hiring(&mut world, rows);
    let plan = format!("/plans/{}", daemon.readiness().1["held_plan"].as_str().unwrap());
    let in_plan = |query: &str| search(&daemon, &format!("/v1{plan}/actions"), query).0;
    for query in ["newcomer", "NEWC", "ZO\u{cb}", "newcomer zo\u{eb}", "zoe@", "new-1", "NEW-1"] {
        assert_eq!(in_plan(query), ["NEW-1"], "{query}");
    }
    assert_eq!(in_plan("number8"), ["1008"], "a leaver, by the last name");
    assert_eq!(in_plan("person NUMBER9"), ["1009"]);
    assert_eq!(in_plan("newcomer ann"), Vec::<String>::new(), "each word has to be there");
    assert_eq!(in_plan("title"), Vec::<String>::new(), "what an attribute is called says nothing of anybody");
    let named = api(&daemon, &format!("/v1{plan}/actions?query=newcomer"))["items"][0].clone();
    assert_eq!((&named["name"], &named["kind"]), (&json!("Zo\u{eb} Newcomer"), &json!("create")));

    assert_eq!(found(&daemon, "newcomer"), ["NEW-1"]);
    assert_eq!(found(&daemon, "ZO%C3%8B%20new"), ["NEW-1"]);
    assert_eq!(found(&daemon, "newcomer%20ann"), Vec::<String>::new());
    let cookie = log_in(&daemon, VIEWER);
    for path in [format!("{plan}?query=newcomer"), "/people?query=newcomer".into()] {
        let shown = page(&daemon, &path, &cookie).body;
        assert!(shown.contains("Zo\u{eb} Newcomer") && !shown.contains("Other"), "{path}: {shown}");
    }
}

#[test]
fn people_are_listed_by_where_they_stand_as_the_overview_counts_them() {
    let mut world = world();
    world.set("guard.max_deprovision_percent", 100.0);
    let mut rows = people(8);
    world.sync_rows(&rows, 0);
    rows[..3].iter_mut().for_each(|row| *row = row.left());
    world.sync_rows(&rows, 0);
    let daemon = hiring(&mut world, rows);
    let cookie = log_in(&daemon, VIEWER);
    let overview = page(&daemon, "/", &cookie).body;
    let counted = api(&daemon, "/v1/overview")["people"].clone();
    let standing = |state: &str, query: &str| {
        let (mut ids, mut after) = (Vec::new(), String::new());
        loop {
            let list = api(&daemon, &format!("/v1/people?limit=2&state={state}&query={query}{after}"));
            let rows = list["items"].as_array().unwrap();
            ids.extend(rows.iter().map(|row| row["employee_id"].as_str().unwrap().to_owned()));
            let Some(next) = list["next"].as_str() else { return ids };
            after = format!("&{}", form(&[("after", next)]));
        }
    };
    for (state, key, ids) in [
        ("active", "active", vec!["1003", "1004", "1005", "1006", "1007"]),
        ("suspended", "suspended", vec!["1000", "1001", "1002"]),
        ("without_account", "without", vec!["NEW-1"]),
    ] {
        assert_eq!(standing(state, ""), ids, "{state}");
        assert_eq!(counted[key], ids.len(), "{state}");
        assert!(overview.contains(&format!("href=\"/people?state={state}\"")), "{overview}");
        let shown = page(&daemon, &format!("/people?state={state}"), &cookie).body;
        assert_eq!(shown.matches("<td><a href=\"/people/").count(), ids.len(), "{state}: {shown}");
        assert!(shown.contains(&format!("<option value=\"{state}\" selected>")), "{state}: {shown}");
    }
    world.execute("INSERT INTO adoption (employee_id, decision, decided_at) VALUES ('NEW-1', 'open', 0), ('1003', 'new', 0)");
    assert_eq!(
        (standing("in_doubt", ""), standing("in_doubt", "newcomer")),
        (vec!["NEW-1".to_owned()], vec!["NEW-1".to_owned()])
    );
    assert_eq!(standing("in_doubt", "person"), Vec::<String>::new());
    let overview = page(&daemon, "/", &cookie).body;
    assert!(
        overview.contains("<a href=\"/people?state=in_doubt\"><strong>1</strong> in doubt</a>"),
        "{overview}"
    );
    assert_eq!(standing("suspended", "person"), ["1000", "1001", "1002"], "by user name");
    assert_eq!(standing("active", "100"), ["1003", "1004", "1005", "1006", "1007"], "by id");
    assert_eq!(standing("suspended", "1005"), Vec::<String>::new());
    assert_eq!(standing("suspended", "number1"), ["1001"], "by name");
    assert_eq!(standing("active", "analyst").len(), 5, "by a title");
    assert_eq!(standing("without_account", "newcomer"), ["NEW-1"]);
    assert_eq!(standing("active", "newcomer"), Vec::<String>::new());
    assert_eq!(daemon.get_as("/v1/people?state=gone", VIEWER).expect(400)["error"]["code"], "unusable");
}

#[test]
fn what_is_counted_on_the_pages_is_what_there_is() {
    let mut world = world();
    world.set("guard.on_trip", "hold_deprovisions");
    let mut rows = people(12);
    rows[11].department = "Kitchen".into();
    world.sync_rows(&rows, 0);
    rows[0] = rows[0].left();
    world.sync_rows(&rows, 0);
    world.guard_tightly();
    for row in &mut rows[1..4] {
        *row = row.left();
    }
    rows[5].title = "Chief".into();
    rows.push(Row::new("2000", "New", "Hire"));
    world.hr(&rows);
    let daemon = Daemon::start(&world);
    until("what takes nobody's access is done", || {
        world.text("SELECT CAST(count(*) AS TEXT) FROM account WHERE active = 1") == "11"
    });
    let counted = |sql: &'static str| world.number(sql);
    let people = api(&daemon, "/v1/overview")["people"].clone();
    let active = counted("SELECT count(*) FROM account WHERE active = 1");
    let accounts = counted("SELECT count(*) FROM account");
    let without = counted("SELECT count(*) FROM person") - accounts;
    assert_eq!(
        people,
        json!({"active": active, "suspended": accounts - active, "without": without}),
        "{people}"
    );
    assert_eq!((active, accounts - active), (11, 1));
    let plan_id = daemon.readiness().1["held_plan"].as_str().unwrap().to_owned();
    let groups = api(&daemon, &format!("/v1/plans/{plan_id}"))["groups"].clone();
    let kinds: Vec<(&str, u64)> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (group["kind"].as_str().unwrap(), group["number"].as_u64().unwrap()))
        .collect();
    assert_eq!(kinds, [("suspend", 3), ("create", 1), ("update", 1)], "held and released ones: {groups}");
    let differing = "SELECT count(*) FROM (SELECT a.plan_id, a.kind, i.because, count(*) AS number FROM action a \
                     JOIN intent i USING (action_id) GROUP BY 1, 2, 3 EXCEPT SELECT plan_id, kind, because, number FROM plan_group)";
    assert_eq!(counted(differing), 0);
}

#[test]
fn whatever_is_refused_under_v1_is_refused_as_json_and_elsewhere_by_a_page() {
    let world = world();
    world.sync_rows(&people(1), 0);
    let daemon = Daemon::start(&world);
    let plan_id = world.text("SELECT plan_id FROM plan");
    let bearer = format!("Authorization: Bearer {OPERATOR}\r\n");
    let ask = |method: &str, path: &str, header: &str| {
        daemon.ask(&format!("{method} {path} HTTP/1.1\r\nContent-Length: 0\r\n{header}"), b"")
    };
    let refusals = [
        ("GET", "/v1/nope".to_owned(), "", 404),
        ("GET", "/v1".into(), "", 404),
        ("GET", "/v1/".into(), bearer.as_str(), 404),
        ("POST", "/v1/plans/x/nope".into(), bearer.as_str(), 404),
        ("DELETE", "/v1/runs".into(), bearer.as_str(), 405),
        ("GET", "/v1/actions/retry".into(), bearer.as_str(), 405),
        ("GET", "/v1/people/%ff".into(), bearer.as_str(), 400),
        ("GET", "/v1/plans/NOPE/actions".into(), bearer.as_str(), 404),
        ("GET", format!("/v1/plans/{plan_id}/actions?kind=bogus"), bearer.as_str(), 400),
    ];
    for (method, path, header, status) in &refusals {
        let refused = ask(method, path, header);
        let error = refused.expect(*status)["error"].clone();
        assert!(!error["message"].as_str().unwrap().is_empty(), "{method} {path}: {refused:?}");
        assert_eq!(refused.header("allow").is_some(), *status == 405, "{method} {path}: {refused:?}");
    }
    // No word of how the program is made.
    for (path, body) in [
        ("/v1/actions/retry", json!("words")),
        ("/v1/actions/retry", json!({"ids": "words"})),
        ("/v1/plans/x/approve", json!([1])),
    ] {
        let refused = decide(&daemon, path, OPERATOR, &body).expect(422);
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("the body has another form: "), "{message}");
        assert!(!message.contains("struct") && !message.contains("target type"), "{message}");
    }
    let refused = daemon.get_as("/v1/people?limit=abc", VIEWER).expect(400);
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("a parameter cannot be read: limit"), "{message}");
    let away = ask("GET", "/runs", "");
    assert_eq!((away.status, away.header("cache-control")), (303, Some("no-store")), "{away:?}");
    assert!(away.header("content-security-policy").is_some(), "{away:?}");
    let cookie = format!("Cookie: {}\r\n", log_in(&daemon, OPERATOR));
    for (method, path, status) in [("GET", "/nope", 404), ("POST", "/runs", 405), ("GET", "/people/%ff", 400)]
    {
        let refused = ask(method, path, &cookie);
        assert_eq!(refused.status, status, "{method} {path}: {refused:?}");
        assert!(
            refused.body.contains("<h1>") && refused.header("content-security-policy").is_some(),
            "{refused:?}"
        );
    }
    let large = post(&daemon, "/login", "", &[("token", &"x".repeat(100_000))]);
    assert!(large.status == 413 && large.body.contains("<h1>413</h1>"), "{large:?}");
    assert!(large.header("content-security-policy").is_some(), "{large:?}");
    assert_eq!(
        (ask("HEAD", "/", "").status, ask("GET", "/", "").status),
        (303, 303),
        "both lead to the login"
    );
    let refused = post(&daemon, "/login", "", &[("token", "nobody's")]);
    assert!(refused.body.contains("<title>Refused – log in"), "{refused:?}");
}

/// Each answer of the running daemon has the form that its own document tells.
#[test]
fn the_openapi_document_tells_what_the_daemon_answers() {
    let mut world = world();
    let (_, daemon) = held(&mut world);
    let document = daemon.get("/v1/openapi.json").expect(200);
    let plan_id = daemon.readiness().1["held_plan"].as_str().unwrap().to_owned();
    let run_id = api(&daemon, "/v1/runs")["items"][0]["run_id"].as_str().unwrap().to_owned();
    let codes = &document["components"]["schemas"]["Code"]["enum"];
    assert!(codes.as_array().unwrap().contains(&json!("not_parked")), "{codes}");
    let parameters = document["paths"]["/v1/people"]["get"]["parameters"].to_string();
    assert!(parameters.contains("[\"active\",\"suspended\",\"without_account\""), "{parameters}");
    let mut asked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let real =
            path.replace("{plan_id}", &plan_id).replace("{run_id}", &run_id).replace("{employee_id}", "1000");
        let real = if path == "/v1/person" { format!("{real}?employee_id=1000") } else { real };
        for (method, operation) in operations.as_object().unwrap() {
            assert!(operation["responses"]["405"].is_object(), "{method} {path}");
            let answers = match method.as_str() {
                "get" => vec![
                    daemon.get_as(&real, VIEWER),
                    daemon.get(&real),
                    daemon.get_as(&format!("{}?limit=0", real.split('?').next().unwrap()), VIEWER),
                ],
                _ if path.contains("/plans/") => {
                    let missing = path.replace("{plan_id}", "none");
                    vec![
                        decide(&daemon, &real, VIEWER, &json!({})),
                        decide(&daemon, &missing, OPERATOR, &json!({})),
                        decide(&daemon, &real, OPERATOR, &json!({"reason": "because"})),
                        decide(&daemon, &real, OPERATOR, &json!({})),
                    ]
                }
                _ => vec![
                    decide(&daemon, &real, OPERATOR, &json!({"all": true, "reason": "because"})),
                    decide(&daemon, &real, OPERATOR, &json!({"ids": [999_999], "reason": "because"})),
                    decide(&daemon, &real, OPERATOR, &json!({})),
                ],
            };
            let misshapen = if method == "post" { misshapen(&daemon, &real) } else { Vec::new() };
            for answer in answers
                .iter()
                .chain(&misshapen)
                .filter(|answer| answer.header("content-type").is_some_and(|kind| kind.contains("json")))
            {
                let told = &operation["responses"][answer.status.to_string()];
                assert!(
                    told.is_object(),
                    "{method} {path} answers {} which the document does not tell",
                    answer.status
                );
                let mut schema = told["content"]["application/json"]["schema"].clone();
                assert!(schema.is_object(), "{method} {path} {}", answer.status);
                schema["components"] = document["components"].clone();
                let validator = jsonschema::validator_for(&schema).unwrap();
                let faults: Vec<String> = validator
                    .iter_errors(&answer.json())
                    .map(|error| format!("{error} at {}", error.instance_path()))
                    .collect();
                assert!(faults.is_empty(), "{method} {path}: {faults:?} in {}", answer.body);
                asked += 1;
            }
        }
    }
    assert!(asked > 30, "{asked}");
}
