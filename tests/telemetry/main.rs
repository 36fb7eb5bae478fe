//! Spans, as a collector gets them from the real binary.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod beside;
mod collector;
#[path = "../common/mod.rs"]
mod common;
mod encrypted;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustix::process::Signal;
use workiva_sync::core::spans::Place;

use collector::{Collector, SILENT, Seen};
use common::{Daemon, Front, Synced, Way, World, kinds, people, run};

/// A world whose spans go to a collector.
fn world() -> (World, Collector) {
    let (mut world, collector) = (World::new(), Collector::start());
    world.set("telemetry.otlp_endpoint", collector.url());
    (world, collector)
}

fn children<'a>(spans: &'a [Seen], of: &Seen) -> Vec<&'a Seen> {
    spans.iter().filter(|span| span.parent == of.id).collect()
}

fn the<'a>(spans: &[&'a Seen], name: &str) -> &'a Seen {
    let found: Vec<&&Seen> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "{name} among {spans:#?}");
    found[0]
}

#[test]
fn the_spans_of_a_run_are_one_tree_from_the_run_over_its_actions_to_their_requests() {
    let (world, collector) = world();
    let synced = world.sync_rows(&people(2), 0);
    let spans = collector.spans();
    let run_id = synced.json["run_id"].as_str().unwrap();
    let place = Place::of_run(run_id);
    assert!(
        spans.iter().all(|span| span.trace == place.trace && span.service == "workiva-sync"),
        "{spans:#?}"
    );
    let ids: BTreeSet<&Vec<u8>> = spans.iter().map(|span| &span.id).collect();
    assert_eq!(ids.len(), spans.len(), "each has an id of its own");

    let roots: Vec<&Seen> = spans.iter().filter(|span| span.parent.is_empty()).collect();
    let run = the(&roots, "run");
    assert_eq!((roots.len(), &run.id[..]), (1, &place.span[..]));
    assert_eq!((run.ours("run_id"), run.ours("cause"), run.ours("outcome")), (run_id, "sync", "applied"));
    assert_eq!((run.ours("records"), run.ours("rejected"), run.ours("queued")), ("2", "0", "2"));

    let below = children(&spans, run);
    let fetch = the(&below, "fetch");
    let bytes = std::fs::metadata(world.path("employees.csv")).unwrap().len().to_string();
    assert_eq!((fetch.ours("source"), fetch.ours("records")), ("source", "2"));
    assert_eq!(fetch.ours("bytes"), bytes);
    let plan = the(&below, "plan");
    assert_eq!((plan.ours("planned.create"), plan.ours("planned.suspend")), ("2", "0"));
    assert!(plan.started >= fetch.started && fetch.started >= run.started);

    let actions: Vec<&&Seen> = below.iter().filter(|span| span.name == "action create").collect();
    let who: BTreeSet<&str> = actions.iter().map(|action| action.ours("employee_id")).collect();
    assert_eq!(who, BTreeSet::from(["1000", "1001"]));
    for action in actions {
        assert_eq!((action.ours("outcome"), action.ours("attempt")), ("done", "1"));
        let requests = children(&spans, action);
        let create = the(&requests, "POST /Users");
        assert_eq!(create.get("http.request.method"), "POST");
        assert_eq!(create.get("url.template"), "/Users");
        assert_eq!(create.get("http.response.status_code"), "201");
        assert!(
            create.started >= action.started
                && create.ended >= create.started
                && action.ended >= action.started
        );
        let looks: Vec<&&Seen> =
            requests.iter().filter(|span| span.name == "GET /Users?filter={filter}").collect();
        assert_eq!(looks.len(), 2, "by externalId and by userName");
        assert!(looks.iter().all(|look| look.get("http.response.status_code") == "200"));
    }
    let requests = spans.iter().filter(|span| !span.get("http.request.method").is_empty()).count();
    assert_eq!(requests as u64, synced.requests(), "each request has a span: {spans:#?}");
    assert!(spans.iter().all(|span| !span.failed));
}

#[test]
fn an_action_that_another_process_carries_out_later_is_in_the_trace_of_the_run_that_planned_it() {
    let (mut world, collector) = world();
    world.sync_rows(&people(3), 0);
    world.guard_tightly();
    let left: Vec<_> = people(3).iter().map(common::Row::left).collect();
    let held = world.sync_rows(&left, 3);
    let plan_of_held = collector.called("plan").pop().unwrap();
    assert_eq!(plan_of_held.ours("hold_codes"), "deprovision_count");
    assert_eq!(world.run(&["approve", held.plan_id()]).exit, 0);
    assert_eq!(world.sync().exit, 0);

    let run = Place::of_run(held.json["run_id"].as_str().unwrap());
    let suspends = collector.called("action suspend");
    assert_eq!(suspends.len(), 3);
    for action in &suspends {
        assert_eq!((&action.trace[..], &action.parent[..]), (&run.trace[..], &run.span[..]));
        assert!(!children(&collector.spans(), action).is_empty());
    }
}

#[test]
fn nobody_and_no_secret_is_in_what_is_sent_also_where_workiva_quotes_them() {
    let (mut world, collector) = world();
    world.set("telemetry.token", "a-token-for-the-collector");
    let front = Front::before(&mut world);
    front.go(Way::Denying("number1"));
    let rows = people(2);
    let synced = world.sync_rows(&rows, 4);
    assert_eq!(synced.json["parked"], 1);
    front.go(Way::Refusing);
    world.sync_rows(&[rows[0].but(|row| row.title = "Controller".into()), rows[1].clone()], 6);

    let spans = collector.spans();
    let parked: Vec<&Seen> = spans.iter().filter(|span| span.ours("outcome") == "parked").collect();
    assert_eq!(parked.len(), 1);
    assert_eq!((parked[0].get("error.type"), parked[0].failed), ("refused as invalid", true));
    assert!(spans.iter().any(|span| span.get("http.response.status_code") == "401" && span.failed));
    let password = world.config["workiva"]["password"].as_str().unwrap().to_owned();
    let basic = BASE64.encode(format!("scim-user:{password}"));
    let mut never = vec![password, basic, "a-token-for-the-collector".to_owned(), "scim-user".to_owned()];
    for row in &rows {
        never.extend([row.given.clone(), row.family.clone(), row.email.clone()]);
    }
    never.extend(["Analyst", "Controller", "Finance", "example.com"].map(str::to_owned));
    for export in collector.exports() {
        let text = String::from_utf8_lossy(&export.body).to_lowercase();
        for word in &never {
            assert!(!text.contains(&word.to_lowercase()), "{word} is in {text}");
        }
    }
}

#[test]
fn the_token_is_sent_as_a_bearer_or_in_the_header_that_is_named_and_to_the_path_of_traces() {
    let (mut world, collector) = world();
    std::fs::write(world.path("token"), "a-secret-token\n").unwrap();
    world.set("telemetry.token_file", world.path("token").display().to_string());
    world.set("telemetry.service_name", "sync of production");
    world.sync_rows(&people(1), 0);
    world.set("telemetry.token_header", "x-api-key");
    world.set("telemetry.otlp_endpoint", format!("{}/otlp/", collector.url()));
    world.sync_rows(&people(1), 0);

    let heads: Vec<String> = collector.exports().iter().map(|export| export.head.to_lowercase()).collect();
    assert_eq!(heads.len(), 2, "{heads:#?}");
    assert!(heads[0].starts_with("post /v1/traces http/1.1\r\n"), "{}", heads[0]);
    assert!(heads[0].contains("\r\nauthorization: bearer a-secret-token\r\n"), "{}", heads[0]);
    assert!(heads[0].contains("\r\ncontent-type: application/x-protobuf\r\n"), "{}", heads[0]);
    assert!(heads[1].starts_with("post /otlp/v1/traces http/1.1\r\n"), "{}", heads[1]);
    assert!(heads[1].contains("\r\nx-api-key: a-secret-token\r\n"), "{}", heads[1]);
    assert!(!heads[1].contains("authorization"), "{}", heads[1]);
    assert!(collector.spans().iter().all(|span| span.service == "sync of production"));
    let shown = world.run(&["config", "print"]).stdout;
    assert!(shown.contains("x-api-key") && !shown.contains("a-secret-token"), "{shown}");
}

/// Runs `sync --json` with the variables of OpenTelemetry's own.
fn sync_with_variables(world: &World, to: &Collector) -> Synced {
    let mut command = world.command(&["sync", "--json"]);
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", to.url()),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", to.url()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer other".to_owned()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc".to_owned()),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip".to_owned()),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other".to_owned()),
    ] {
        command.env(name, value);
    }
    Synced::of(run(&mut command))
}

#[test]
fn without_the_section_nobody_is_connected_to_and_with_it_nobody_else_whatever_the_environment_says() {
    let (mut world, other) = (World::new(), Collector::start());
    world.hr(&people(1));
    assert_eq!(sync_with_variables(&world, &other).applied(), kinds([("create", 1)]));
    let collector = Collector::start();
    world.set("telemetry.otlp_endpoint", collector.url());
    world.hr(&people(2));
    assert_eq!(sync_with_variables(&world, &other).applied(), kinds([("create", 1)]));
    assert_eq!(other.connections(), 0);
    assert_eq!(collector.called("run")[0].service, "workiva-sync");
    assert!(!collector.exports()[0].head.to_lowercase().contains("authorization"));

    let before = collector.connections();
    world.set("telemetry.sample_ratio", 0.0);
    world.sync_rows(&people(3), 0);
    assert_eq!(collector.connections(), before, "no run is among those of which spans are sent");
}

#[test]
fn whatever_becomes_of_the_spans_a_sync_ends_as_it_would_without_them_and_says_so_once() {
    let (mut world, collector) = world();
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    for (number, answer, why) in [
        (1, None, "nobody listens"),
        (2, Some(500), "answered 500"),
        (3, Some(401), "telemetry.token is not the right one"),
        (4, Some(302), "never followed"),
        (5, Some(SILENT), "did not answer in time"),
        (6, Some(SILENT), "could not be sent in time"),
    ] {
        // The last one is longer than anybody waits at the end.
        world.set("telemetry.timeout_seconds", if number < 6 { 1 } else { 60 });
        match answer {
            None => world.set("telemetry.otlp_endpoint", gone.as_str()),
            Some(status) => {
                world.set("telemetry.otlp_endpoint", collector.url());
                collector.answers(status);
            }
        }
        world.hr(&people(number));
        let mut command = world.command(&["sync", "--json"]);
        command.env("WORKIVA_SYNC_LOG", "info");
        let synced = Synced::of(run(&mut command));
        assert_eq!((synced.exit, synced.outcome()), (0, "applied"), "{synced:?}");
        assert_eq!(synced.applied(), kinds([("create", 1)]));
        let told: Vec<&str> =
            synced.stderr.lines().filter(|line| line.contains("spans are dropped")).collect();
        // A machine that is too busy may have come to no answer by the end.
        let is_told = |one: &str| one.contains(why) || one.contains("could not be sent in time");
        assert!(matches!(&told[..], [one] if is_told(one)), "{why}: {}", synced.stderr);
    }
    world.assert_agrees(&people(6));
    assert!(collector.spans().is_empty());
}

#[test]
fn check_tells_whether_the_collector_takes_spans_and_is_none_the_worse_for_it() {
    let (world, collector) = world();
    world.hr(&people(1));
    let told = |world: &World| {
        let checked = world.run(&["check", "--json"]);
        assert_eq!(checked.exit, 0, "{checked:?}");
        let report: serde_json::Value = serde_json::from_str(&checked.stdout).unwrap();
        report["configuration"]["message"].as_str().unwrap().to_owned()
    };
    assert!(!told(&world).contains("spans"));
    collector.answers(401);
    let refused = told(&world);
    assert!(refused.contains("spans would not arrive, and nothing else is affected"), "{refused}");
    assert!(refused.contains("telemetry.token is not the right one"), "{refused}");
    let sent: Vec<usize> = collector.exports().iter().map(|export| export.body.len()).collect();
    assert_eq!(sent, [0, 0], "nothing is told of anybody");
}

#[test]
fn an_address_that_would_send_spans_in_the_clear_is_refused_and_so_is_what_no_collector_could_use() {
    let mut world = World::new();
    world.hr(&people(1));
    let refused = |world: &World, words: &[&str]| {
        let output = world.run(&["sync"]);
        assert_eq!(output.exit, 2, "{output:?}");
        assert!(words.iter().all(|word| output.stderr.contains(word)), "{words:?}: {}", output.stderr);
        assert!(!output.stderr.contains("hunter2"), "{}", output.stderr);
    };
    for (address, word) in [
        ("http://collector.example.com:4318", "https://"),
        ("https://user:hunter2@collector.example.com", "token_file"),
        ("https://collector.example.com/?key=hunter2", "query"),
        ("collector", "is no URL"),
    ] {
        world.set("telemetry.otlp_endpoint", address);
        refused(&world, &["telemetry.otlp_endpoint", word]);
    }
    world.set("telemetry.otlp_endpoint", "https://collector.example.com:4318");
    world.set("telemetry.token", "hunter2\nhunter2");
    refused(&world, &["telemetry.token"]);
    world.unset("telemetry", "token");
    world.set("telemetry.token_header", "x-api-key");
    refused(&world, &["telemetry.token_header", "token_file"]);
    world.unset("telemetry", "token_header");
    world.set("telemetry.ca_file", "no/such/file.pem");
    refused(&world, &["telemetry.ca_file", "cannot be read"]);
    world.unset("telemetry", "ca_file");
    world.set("telemetry.endpoint", "https://collector.example.com:4318");
    refused(&world, &["telemetry.endpoint", "otlp_endpoint"]);
}

#[test]
fn a_failing_source_and_several_sources_make_a_span_each() {
    let (mut world, collector) = world();
    world.several(&[("office", &[]), ("plant", &[])]);
    world.hr_of("office", &people(2));
    world.hr_of("plant", &people(5)[2..]);
    let synced = world.sync();
    assert_eq!(synced.exit, 0, "{synced:?}");
    let read: BTreeMap<String, String> = collector
        .called("fetch")
        .iter()
        .map(|one| (one.ours("source").into(), one.ours("records").into()))
        .collect();
    assert_eq!(read, BTreeMap::from([("office", "2"), ("plant", "3")].map(|(a, b)| (a.into(), b.into()))));

    std::fs::remove_file(world.path("plant.csv")).unwrap();
    assert_eq!(world.sync().exit, 5);
    let failed: Vec<Seen> = collector.called("fetch").into_iter().filter(|one| one.failed).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!((failed[0].ours("source"), failed[0].get("error.type")), ("plant", "missing"));
    let runs = collector.called("run");
    assert_eq!(failed[0].parent, runs[1].id);
}

#[test]
fn a_daemon_sends_its_last_spans_when_it_is_asked_to_stop() {
    let (mut world, collector) = world();
    let rows = people(3);
    world.hr(&rows);
    let mut daemon = world.daemon();
    common::until("Workiva is as HR says", || world.agrees(&rows));
    assert_eq!(daemon.stop(), 0);
    let spans = collector.spans();
    let run = the(&spans.iter().filter(|span| span.parent.is_empty()).collect::<Vec<_>>(), "run");
    assert_eq!(run.ours("outcome"), "applied");
    let actions = children(&spans, run).into_iter().filter(|span| span.name == "action create").count();
    assert_eq!(actions, 3);
}

#[test]
fn a_daemon_counts_dropped_spans_and_says_once_when_it_begins_and_when_it_is_over() {
    let (mut world, collector) = world();
    world.set("schedule.cron", "* * * * * *");
    collector.answers(500);
    world.hr(&people(1));
    let mut daemon = world.daemon();
    let dropped = |daemon: &Daemon| daemon.metric("trace_spans_dropped_total").unwrap();
    common::until("several exports were in vain", || collector.exports().len() >= 3);
    common::until("spans are counted as dropped", || dropped(&daemon) > 0.0);
    collector.answers(200);
    daemon.wait_for_log("takes spans again");
    collector.wait_for("run");
    let messages: Vec<String> =
        daemon.entries().iter().filter_map(|entry| entry["message"].as_str().map(str::to_owned)).collect();
    assert_eq!(messages.iter().filter(|one| one.contains("spans are dropped")).count(), 1, "{messages:#?}");
    world.assert_agrees(&people(1));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn another_collector_takes_over_by_sighup_and_one_that_cannot_be_leaves_the_configuration_as_it_was() {
    let mut world = World::new();
    world.set("schedule.cron", "* * * * * *");
    world.hr(&people(1));
    let mut daemon = world.daemon();
    let first = Collector::start();
    world.set("telemetry.otlp_endpoint", first.url());
    daemon.signal(Signal::HUP);
    first.wait_for("run");
    let second = Collector::start();
    world.set("telemetry.otlp_endpoint", "http://collector.example.com");
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("the configuration stays as it was");
    world.set("telemetry.otlp_endpoint", second.url());
    daemon.signal(Signal::HUP);
    let later = second.wait_for("run");
    assert!(first.spans().iter().all(|span| span.trace != later.trace));
    world.unset("telemetry", "otlp_endpoint");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn those_who_are_put_into_a_group_by_one_request_have_a_span_each_and_are_linked_with_the_one_that_has_it() {
    let (mut world, collector) = world();
    world.sandbox.seed_group("workspace:Q1", "Finance").unwrap();
    world.sync_rows(&people(3), 0);
    let role = [("name", "finance".into()), ("when", "department == 'Finance'".into())];
    let grants: (&str, toml::Value) = ("grants", vec![toml::Value::from("workspace:Q1")].into());
    let role =
        role.into_iter().chain([grants]).map(|(key, value): (&str, toml::Value)| (key.to_owned(), value));
    world.set("access.roles", vec![toml::Value::from(toml::Table::from_iter(role))]);
    let synced = world.sync();
    assert_eq!(synced.applied(), kinds([("grant", 3)]), "{synced:?}");

    let (spans, grants) = (collector.spans(), collector.called("action grant"));
    let patches: Vec<&Seen> = spans.iter().filter(|span| span.name == "PATCH /Groups/{id}").collect();
    assert_eq!((grants.len(), patches.len()), (3, 1), "{spans:#?}");
    for grant in &grants {
        let has_it = grant.id == patches[0].parent;
        assert_eq!(grant.links, if has_it { vec![] } else { vec![patches[0].parent.clone()] });
    }
}
