//! What is done beside the runs: each has a span as well, in the trace of the run that it belongs to, or in one of its own.

use serde_json::{Value, json};
use workiva_sync::core::spans::Place;

use crate::collector::Seen;
use crate::common::{Answer, Daemon, Front, Manner, Receiver, Way, World, people, until};
use crate::{children, the, world};

const TOKEN: &str = "the-token-of-the-hr-system";

/// The only span of this name.
fn only(spans: &[Seen], name: &str) -> Seen {
    the(&spans.iter().collect::<Vec<_>>(), name).clone()
}

fn is_at(span: &Seen, place: Place) -> bool {
    (&span.trace[..], &span.id[..]) == (&place.trace[..], &place.span[..])
}

#[test]
fn a_comparison_is_a_trace_of_its_own_with_its_requests_and_the_way_back_is_one_of_the_run() {
    let (world, collector) = world();
    let rows = people(3);
    world.sync_rows(&rows, 0);
    let before = collector.spans().len();
    let id = world.user(&rows[0].email).unwrap()["id"].as_str().unwrap().to_owned();
    world.sandbox.edit_user(&id, |user| user["active"] = false.into()).unwrap();
    let report: Value = serde_json::from_str(&world.run(&["drift", "--json", "--repair"]).stdout).unwrap();
    let spans = collector.spans().split_off(before);
    let drift = only(&spans, "drift");
    let drift_id = report["drift_id"].as_str().unwrap();
    assert!(is_at(&drift, Place::of("drift", drift_id)) && drift.parent.is_empty(), "{drift:?}");
    assert_eq!((drift.ours("drift_id"), drift.ours("outcome"), drift.failed), (drift_id, "recorded", false));
    let counts = ["users", "accounts", "changed", "recorded"].map(|key| drift.ours(key));
    assert_eq!(counts, ["3", "3", "1", "1"]);
    let requests = children(&spans, &drift);
    assert!(requests.iter().any(|request| request.name.starts_with("GET /Users?")), "{spans:#?}");
    assert!(requests.iter().all(|request| request.trace == drift.trace));
    let run = only(&spans, "run");
    assert_eq!(run.ours("cause"), "drift");
    assert_ne!(run.trace, drift.trace);
    assert_eq!(only(&spans, "action reactivate").parent, run.id);
    let sent = spans.iter().filter(|span| !span.get("http.request.method").is_empty()).count();
    assert_eq!(report["requests"], sent, "each request has a span: {spans:#?}");
}

#[test]
fn a_comparison_that_comes_to_nothing_says_by_which_kind_of_failure() {
    let (mut world, collector) = world();
    let front = Front::before(&mut world);
    world.sync_rows(&people(1), 0);
    front.go(Way::Refusing);
    assert_eq!(world.run(&["drift"]).exit, 6);
    let drift = collector.called("drift").remove(0);
    assert_eq!((drift.failed, drift.get("error.type"), drift.ours("outcome")), (true, "listing", "failed"));
    let spans = collector.spans();
    let refused = children(&spans, &drift).into_iter().find(|request| request.failed);
    assert_eq!(refused.unwrap().get("http.response.status_code"), "401");
    assert_eq!(drift.ours("users"), "", "nobody was counted");
}

#[test]
fn adopt_is_a_trace_with_the_read_of_the_source_and_its_requests() {
    let (world, collector) = world();
    let rows = people(3);
    world.hr(&rows);
    for row in &rows[..2] {
        let user = json!({"userName": row.email, "externalId": row.id, "active": true,
            "name": {"givenName": row.given, "familyName": row.family}, "emails": [{"value": row.email}]});
        world.sandbox.seed_user(user).unwrap();
    }
    let output = world.run(&["adopt", "--json"]);
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let spans = collector.spans();
    let adopt = only(&spans, "adopt");
    assert!(adopt.parent.is_empty() && !adopt.failed, "{adopt:?}");
    let counts = ["records", "users", "linked", "doubtful"].map(|key| adopt.ours(key));
    assert_eq!(counts, ["3", "2", "2", "0"], "{output:?}");
    let below = children(&spans, &adopt);
    assert_eq!(the(&below, "fetch").ours("records"), "3");
    let requests = below.iter().filter(|span| !span.get("http.request.method").is_empty()).count();
    assert_eq!(report["requests"], requests);
    assert_eq!(spans.len(), below.len() + 1, "{spans:#?}");
}

#[test]
fn each_attempt_to_send_a_message_of_an_alert_is_a_span_that_names_the_plan() {
    let (mut world, collector) = world();
    let receiver = Receiver::start();
    receiver.go(Manner::Answer(500));
    world.set("alerts.webhook.url", receiver.url("/hook"));
    world.set("alerts.webhook.secret", "a long random text");
    world.set("alerts.settle_minutes", 0);
    world.set("retry.base_seconds", 0.01);
    world.guard_tightly();
    world.sync_rows(&people(5), 0);
    world.hr(&people(2));
    let mut daemon = world.daemon();
    until("it was tried again", || collector.called("alert raised").len() >= 2);
    receiver.go(Manner::Answer(200));
    receiver.wait_for("raised held_plan");
    assert_eq!(daemon.stop(), 0);
    let alerts = collector.called("alert raised");
    let id = alerts[0].ours("message_id").to_owned();
    let trace = Place::of("alert", &id).trace;
    for (at, alert) in alerts.iter().enumerate() {
        assert_eq!((&alert.trace[..], alert.ours("message_id")), (&trace[..], &id[..]));
        assert_eq!((alert.ours("alert"), alert.ours("channel")), ("held_plan", "webhook"));
        assert_eq!(alert.ours("attempt"), (at + 1).to_string());
        assert_eq!(alert.ours("plan_id"), world.text("SELECT plan_id FROM plan WHERE state = 'held'"));
        let is_last = at + 1 == alerts.len();
        assert_eq!(alert.ours("outcome"), if is_last { "sent" } else { "failed" });
        assert_eq!(alert.failed, !is_last);
    }
    let secret = receiver.url("/hook");
    let sent = collector.exports().into_iter().flat_map(|export| export.body).collect::<Vec<u8>>();
    assert!(!String::from_utf8_lossy(&sent).contains(&secret), "an address of a channel is a secret");
}

fn push(daemon: &Daemon, query: &str, key: &str, body: &[u8]) -> Answer {
    let bearer = format!("Bearer {TOKEN}");
    let kind = "application/json";
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", kind), ("Idempotency-Key", key)];
    daemon.post(&format!("/v1/hr/records{query}"), &headers, body)
}

fn record(row: &crate::common::Row) -> Value {
    json!({"Employee ID": row.id, "First Name": row.given, "Last Name": row.family, "Work Email": row.email,
        "Status": row.status, "Department": row.department, "Job Title": row.title})
}

fn records(rows: &[crate::common::Row]) -> Vec<u8> {
    Value::from(rows.iter().map(record).collect::<Vec<_>>()).to_string().into_bytes()
}

/// With a source that pushes.
fn pushing(world: &mut World) {
    world.unset("source", "path");
    world.set("source.kind", "push");
    world.set("source.push.token", TOKEN);
    world.set("schedule.run_on_start", false);
    world.set("http.listen", "127.0.0.1:0");
}

#[test]
fn what_is_pushed_is_in_the_trace_of_the_run_that_reads_it_and_parts_in_that_of_their_snapshot() {
    let (mut world, collector) = world();
    pushing(&mut world);
    let rows = people(4);
    let mut daemon = world.daemon();
    let begun = push(&daemon, "?snapshot=begin", "", b"").expect(201);
    let snapshot = begun["delivery"].as_str().unwrap().to_owned();
    push(&daemon, &format!("?snapshot={snapshot}&part=1"), "", &records(&rows)).expect(200);
    push(&daemon, &format!("?snapshot={snapshot}&part=2"), "", b"{").expect(422);
    let commit = format!("?snapshot={snapshot}&commit=true");
    let accepted = push(&daemon, &commit, "", br#"{"parts": 1, "records": 4}"#).expect(202);
    until("Workiva is as HR says", || world.agrees(&rows));
    push(&daemon, "?snapshot=whole", "k1", b"[]").expect(422);
    let delta =
        push(&daemon, "", "k2", &records(&[rows[0].but(|row| row.title = "Lead".into())])).expect(202);
    until("it is read", || world.user(&rows[0].email).is_some_and(|user| user["title"] == "Lead"));
    assert_eq!(daemon.stop(), 0);

    let spans = collector.spans();
    let of_snapshot = only(&spans, "delivery begin");
    assert_eq!((of_snapshot.ours("outcome"), of_snapshot.ours("delivery")), ("begun", &snapshot[..]));
    let parts = children(&spans, &of_snapshot);
    let told: Vec<_> = parts.iter().map(|part| (part.ours("outcome"), part.get("error.type"))).collect();
    assert_eq!(told, [("taken", ""), ("refused", "unusable")], "{parts:#?}");
    assert_eq!(parts[0].ours("records"), "4");
    assert_eq!(parts[0].ours("bytes"), records(&rows).len().to_string());
    for (name, answer, links) in
        [("delivery commit", &accepted, vec![of_snapshot.id.clone()]), ("delivery delta", &delta, vec![])]
    {
        let run = Place::of_run(answer["run_id"].as_str().unwrap());
        let delivery = only(&spans, name);
        assert_eq!((&delivery.trace[..], &delivery.parent[..]), (&run.trace[..], &run.span[..]));
        assert_eq!((delivery.ours("outcome"), &delivery.links), ("accepted", &links));
        let of_run: Vec<&Seen> = spans.iter().filter(|span| span.name == "run" && is_at(span, run)).collect();
        assert_eq!(of_run.len(), 1, "{spans:#?}");
    }
    let refused = only(&spans, "delivery snapshot");
    assert_eq!((refused.ours("outcome"), refused.get("error.type")), ("refused", "unusable"));
    assert!(
        refused.parent.is_empty() && spans.iter().filter(|span| span.trace == refused.trace).count() == 1
    );
}

#[test]
fn a_message_that_is_about_a_run_is_in_the_trace_of_that() {
    let (mut world, collector) = world();
    let receiver = Receiver::start();
    world.set("alerts.webhook.url", receiver.url("/hook"));
    world.set("alerts.webhook.secret", "a long random text");
    for minutes in ["settle_minutes", "source_minutes"] {
        world.set(&format!("alerts.{minutes}"), 0);
    }
    let mut daemon = world.daemon();
    let raised = receiver.wait_for("raised source_incomplete").json();
    assert_eq!(daemon.stop(), 0);
    let run = collector.called("run").remove(0);
    let alert = collector.called("alert raised").remove(0);
    assert_eq!(raised["run_id"], run.ours("run_id"));
    assert_eq!(alert.ours("run_id"), run.ours("run_id"));
    assert_eq!((&alert.trace, &alert.parent), (&run.trace, &run.id));
}
