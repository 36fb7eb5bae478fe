//! Somebody is told: once, again while it lasts, and when it is over; whatever else is down.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::sync::Arc;

use common::{Daemon, Front, MailServer, MailTls, Manner, Receiver, Row, Way, World, people, until};
use hmac::{Hmac, KeyInit, Mac};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::process::Signal;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::Sha256;

const SECRET: &str = "a long random text";

/// A world in which whatever is the matter is told at once, by a webhook.
fn world() -> (World, Receiver) {
    let mut world = World::new();
    let receiver = Receiver::start();
    world.set("alerts.webhook.url", receiver.url("/hook"));
    world.set("alerts.webhook.secret", SECRET);
    for minutes in ["settle_minutes", "source_minutes", "workiva_down_minutes", "late_minutes"] {
        world.set(&format!("alerts.{minutes}"), 0);
    }
    (world, receiver)
}

/// With a plan that is held: more people have gone than may.
fn holding() -> (World, Receiver) {
    let (mut world, receiver) = world();
    world.guard_tightly();
    world.sync_rows(&people(10), 0);
    world.hr(&people(5));
    (world, receiver)
}

fn held_plan(world: &World) -> String {
    let mut plan = None;
    until("a plan is held", || {
        plan = world.status()["held"]["plan_id"].as_str().map(str::to_owned);
        plan.is_some()
    });
    plan.unwrap()
}

#[test]
fn a_held_plan_is_told_once_by_every_channel_also_over_a_restart_and_so_is_its_approval() {
    let (mut world, receiver) = holding();
    let (slack, mail) = (Receiver::start(), MailServer::start(MailTls::None));
    world.set("alerts.name", "production");
    world.set("alerts.slack.url", slack.url("/services/T0/B0/x"));
    world.set("alerts.smtp.host", "127.0.0.1");
    world.set("alerts.smtp.port", i64::from(mail.port));
    world.set("alerts.smtp.tls", "none");
    world.set("alerts.smtp.from", "Sync <sync@example.com>");
    world.set("alerts.smtp.to", vec!["ops@example.com".to_owned(), "more@example.com".to_owned()]);
    let mut daemon = world.daemon();
    let raised = receiver.wait_for("raised held_plan").json();
    let plan = held_plan(&world);
    assert_eq!((&raised["plan_id"], &raised["name"]), (&plan.as_str().into(), &"production".into()));
    assert!(raised["what"].as_str().unwrap().contains("5 suspend"), "{raised}");
    assert!(raised["what"].as_str().unwrap().contains("deprovision_count"), "{raised}");
    let command = format!("workiva-sync approve {plan}");
    assert!(raised["to_do"].as_str().unwrap().contains(&command), "{raised}");
    let id = raised["id"].as_str().unwrap();
    let written = mail.wait_for("a plan is held");
    for words in ["From: Sync <sync@example.com>", "To: ops@example.com, more@example.com", id, &plan] {
        assert!(written.contains(words), "{words} in {written}");
    }
    until("Slack has it", || {
        slack.taken().iter().any(|one| one.json()["text"].as_str().unwrap().contains(&plan))
    });

    let listed = world.run(&["alerts", "list"]);
    listed.assert_says(0, &["held_plan", &plan]);
    let json: serde_json::Value =
        serde_json::from_str(&world.run(&["alerts", "list", "--json"]).stdout).unwrap();
    assert_eq!(json["channels"], serde_json::json!(["webhook", "slack", "smtp"]));
    assert_eq!(
        (&json["raised"][0]["kind"], &json["undelivered"]),
        (&"held_plan".into(), &serde_json::json!([]))
    );

    // A restart as the system does it, and one as a crash does it.
    assert_eq!(daemon.stop(), 0);
    let mut daemon = world.daemon();
    daemon.wait_for_log("run planned");
    daemon.signal(Signal::KILL);
    daemon.wait();
    let mut daemon = world.daemon();
    daemon.wait_for_log("run planned");
    world.run(&["approve", &plan, "--by", "ops"]).assert_says(0, &[]);
    let over = receiver.wait_for("recovered held_plan").json();
    assert_eq!(over["plan_id"], plan.as_str());
    mail.wait_for("over: a plan is held");
    assert_eq!(receiver.told(), ["raised held_plan", "recovered held_plan"]);
    until("Slack has it as well", || slack.taken().len() == 2);
    assert_eq!(mail.mails().len(), 2);
    let metrics = daemon.get("/metrics").body;
    assert!(
        metrics.contains("workiva_sync_alert_messages_total{channel=\"webhook\",outcome=\"sent\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("workiva_sync_alert_raised{alert=\"held_plan\"} 0"), "{metrics}");
    assert_eq!(daemon.stop(), 0);
    world.run(&["alerts", "list"]).assert_says(0, &["nothing is raised"]);
}

#[test]
fn the_webhook_is_signed_over_time_and_body_in_a_way_that_our_own_webhook_believes() {
    let (mut world, receiver) = world();
    world.hr(&people(1));
    world.set("trigger.secret", SECRET);
    world.set("trigger.timestamp_header", "X-Timestamp");
    world.set("trigger.signed", "{timestamp}.{body}");
    world.run(&["alerts", "test"]).assert_says(0, &["ok   webhook"]);
    let one = receiver.wait_for("test");
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{}.{}", one.header("X-Timestamp").unwrap(), one.body).as_bytes());
    let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(one.header("X-Signature-256").unwrap(), format!("sha256={digits}"));
    assert_eq!(one.header("X-Message-Id").unwrap(), one.json()["id"].as_str().unwrap());

    let daemon = world.daemon();
    for (secret, exit) in [(SECRET, 0), ("another long random text", 1)] {
        let mut test = world.command(&["alerts", "test"]);
        test.env("WORKIVA_SYNC__ALERTS__WEBHOOK__URL", format!("http://{}/v1/hr/trigger", daemon.address()));
        test.env("WORKIVA_SYNC__ALERTS__WEBHOOK__SECRET", secret);
        assert_eq!(common::run(&mut test).exit, exit, "{secret}");
    }
}

#[test]
fn a_dead_channel_keeps_no_other_waiting_and_gets_everything_in_order_once_it_is_back() {
    let (mut world, receiver) = holding();
    let slack = Receiver::start();
    world.set("alerts.slack.url", slack.url("/x"));
    world.set("alerts.timeout_seconds", 1);
    receiver.go(Manner::Silent);
    let mut daemon = world.daemon();
    let plan = held_plan(&world);
    until("Slack has it", || slack.taken().len() == 1);
    world.run(&["reject", &plan]).assert_says(0, &[]);
    until("Slack knows that it is over", || slack.taken().iter().any(|one| one.body.contains("over:")));
    receiver.go(Manner::Answer(503));
    until("it was tried in vain", || receiver.asked().len() > 1);
    until("it is told", || world.run(&["alerts", "list"]).stdout.contains("answered 503"));
    assert_eq!(receiver.told(), [""; 0]);
    receiver.go(Manner::Answer(204));
    receiver.wait_for("recovered held_plan");
    let told = receiver.told();
    assert_eq!(told[..2], ["raised held_plan", "recovered held_plan"]);
    let ids: std::collections::BTreeSet<_> = receiver
        .asked()
        .iter()
        .filter(|one| one.about() == "raised held_plan")
        .map(|one| one.header("X-Message-Id"))
        .collect();
    assert_eq!(ids.len(), 1, "however often it is sent, it is one message");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_message_that_is_refused_for_what_it_says_is_given_up_and_those_behind_it_are_sent() {
    let (mut world, receiver) = holding();
    receiver.go(Manner::Answer(400));
    let mut daemon = world.daemon();
    let given_up = r#"alert_messages_total{channel="webhook",outcome="dropped"}"#;
    until("it is given up", || daemon.metric(given_up) == Some(1.0));
    receiver.go(Manner::Answer(200));
    let plan = held_plan(&world);
    world.run(&["reject", &plan]).assert_says(0, &[]);
    receiver.wait_for("recovered held_plan");
    let first = |one: &&common::Received| one.about() == "raised held_plan";
    assert_eq!(receiver.asked().iter().filter(first).count(), 1, "to send it again would come to the same");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_message_that_was_on_its_way_when_the_daemon_was_killed_comes_again_as_the_same() {
    let (mut world, receiver) = holding();
    world.set("alerts.timeout_seconds", 2);
    receiver.go(Manner::Silent);
    let mut daemon = world.daemon();
    until("it is on its way", || !receiver.asked().is_empty());
    daemon.signal(Signal::KILL);
    daemon.wait();
    receiver.go(Manner::Answer(200));
    let _daemon = world.daemon();
    let again = receiver.wait_for("raised held_plan");
    assert_eq!(again.header("X-Message-Id"), receiver.asked()[0].header("X-Message-Id"));
    assert_eq!(receiver.told(), ["raised held_plan"]);
}

#[test]
fn somebody_is_told_while_hr_and_workiva_are_down_and_when_they_are_back() {
    let (mut world, receiver) = world();
    let front = Front::before(&mut world);
    let rows = people(4);
    world.sync_rows(&rows, 0);
    world.set("schedule.cron", "* * * * * *");
    front.go(Way::Broken);
    let left: Vec<Row> =
        rows.iter().map(|row| if row.id == "1001" { row.left() } else { row.clone() }).collect();
    world.hr(&left);
    let mut daemon = world.daemon();
    let late = receiver.wait_for("raised deprovision_late").json();
    assert_eq!((&late["employee_ids"], &late["count"]), (&serde_json::json!(["1001"]), &1.into()));
    receiver.wait_for("raised workiva_down");
    std::fs::remove_file(world.path("employees.csv")).unwrap();
    receiver.wait_for("raised source_incomplete");
    let failing = receiver.wait_for("raised runs_failing").json();
    assert!(failing["run_id"].is_string(), "{failing}");
    front.go(Way::Refusing);
    let refused = receiver.wait_for("raised credentials_refused").json();
    assert_eq!(refused["command"], "workiva-sync check");
    front.go(Way::Through);
    world.hr(&left);
    for kind in
        ["deprovision_late", "workiva_down", "source_incomplete", "runs_failing", "credentials_refused"]
    {
        let over = receiver.wait_for(&format!("recovered {kind}")).json();
        assert!(over["to_do"].is_null(), "{over}");
    }
    for one in receiver.taken() {
        for personal in ["Person", "Number", "example.com"] {
            assert!(!one.body.contains(personal), "{personal} in {}", one.body);
        }
    }
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn credentials_that_are_refused_before_any_connection_was_found_are_told_at_once() {
    let (mut world, receiver) = world();
    world.set("alerts.failing_runs", 1000);
    world.set("workiva.password", "a wrong one");
    world.hr(&people(1));
    let mut daemon = world.daemon();
    let refused = receiver.wait_for("raised credentials_refused").json();
    assert!(refused["to_do"].as_str().unwrap().contains("workiva.username"), "{refused}");
    assert_eq!(refused["command"], "workiva-sync check");
    let (status, told) = daemon.readiness();
    assert_eq!(
        (status, &told["breaker"], &told["outage"]["credentials"]),
        (503, &"open".into(), &true.into())
    );
    assert!(told["reason"].as_str().unwrap().contains("the credentials are refused"), "{told}");
    assert_eq!((daemon.metric("pool_paused"), daemon.metric("ready")), (Some(1.0), Some(0.0)));
    assert!(daemon.metric("outage_since_timestamp_seconds") > Some(0.0));

    world.set("workiva.password", "sandbox-password");
    daemon.signal(Signal::HUP);
    receiver.wait_for("recovered credentials_refused");
    until("it is ready", || daemon.readiness().0 == 200);
    assert_eq!(daemon.metric("pool_paused"), Some(0.0));

    // Another user is another connection, which was never found working.
    world.set("workiva.username", "somebody-else");
    daemon.signal(Signal::HUP);
    let raised = || receiver.told().iter().filter(|about| *about == "raised credentials_refused").count();
    until("it is told as well", || raised() == 2);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_held_plan_in_whose_place_is_a_far_worse_one_is_told_at_once() {
    let (mut world, receiver) = world();
    world.guard_tightly();
    world.sync_rows(&people(12), 0);
    world.sync_rows(&people(9), 3);
    let mut daemon = world.daemon();
    let raised = receiver.wait_for("raised held_plan").json();
    assert_eq!(raised["count"], 3, "{raised}");
    // Not twice as many: the same matter.
    world.sync_rows(&people(7), 3);
    let worse = world.sync_rows(&people(2), 3);
    let told = receiver.wait_for("worse held_plan").json();
    assert_eq!((&told["count"], &told["plan_id"]), (&10.into(), &worse.plan_id().into()), "{told}");
    assert_eq!(receiver.told(), ["raised held_plan", "worse held_plan"]);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn parked_actions_are_told_and_that_somebody_has_decided_about_them() {
    let (mut world, receiver) = world();
    let rows = people(2);
    let taken = serde_json::json!({"userName": rows[0].email, "externalId": "9"});
    world.sandbox.seed_user(taken).unwrap();
    world.hr(&rows);
    let _daemon = world.daemon();
    let parked = receiver.wait_for("raised actions_parked").json();
    assert_eq!((&parked["employee_ids"], &parked["count"]), (&serde_json::json!([rows[0].id]), &1.into()));
    world.run(&["actions", "discard", "--all"]).assert_says(0, &[]);
    receiver.wait_for("recovered actions_parked");
}

#[test]
fn that_a_leaver_keeps_access_by_a_discarded_suspend_is_told_until_they_have_lost_it() {
    let (mut world, receiver) = world();
    let mut rows = people(3);
    world.sync_rows(&rows, 0);
    let id = world.user(&rows[1].email).unwrap()["id"].as_str().unwrap().to_owned();
    world.sandbox.own_elsewhere(&id).unwrap();
    rows[1] = rows[1].left();
    world.hr(&rows);
    let mut daemon = world.daemon();
    receiver.wait_for("raised actions_parked");
    world.run(&["actions", "discard", "--all"]).assert_says(0, &[]);
    let kept = receiver.wait_for("raised access_kept").json();
    assert_eq!((&kept["employee_ids"], &kept["count"]), (&serde_json::json!([rows[1].id]), &1.into()));
    assert_eq!(daemon.metric("alert_raised{alert=\"access_kept\"}"), Some(1.0));
    rows[1] = people(3)[1].clone();
    world.hr(&rows);
    world.sync();
    receiver.wait_for("recovered access_kept");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_broken_audit_is_told_what_lasts_is_told_again_and_a_day_is_counted() {
    let (mut world, receiver) = holding();
    world.set("alerts.digest.at", "07:30");
    let mut daemon = world.daemon();
    receiver.wait_for("raised held_plan");
    until("the audit was looked through", || {
        world.number(
            "SELECT count(*) FROM alert_memo WHERE audit_checked_at IS NOT NULL AND digest_at IS NOT NULL",
        ) == 1
    });
    assert_eq!(daemon.stop(), 0);
    world.meddle("UPDATE run SET rejected = 7 WHERE rowid = 1");
    world.meddle("UPDATE alert SET told_at = told_at - 86400000, raised_at = raised_at - 86400000");
    world.meddle("UPDATE alert_memo SET digest_at = digest_at - 2 * 86400000");
    let mut daemon = world.daemon();
    let again = receiver.wait_for("reminded held_plan").json();
    assert!(again["title"].as_str().unwrap().starts_with("still:"), "{again}");
    // It was looked through a moment ago, by the daemon before: each one looks when it starts.
    let broken = receiver.wait_for("raised audit_broken").json();
    assert!(broken["what"].as_str().unwrap().contains("is not what record"), "{broken}");
    let digest = receiver.wait_for("digest").json();
    assert_eq!(
        (&digest["digest"]["applied"]["create"], &digest["digest"]["runs"]["held"]),
        (&10.into(), &1.into())
    );
    assert_eq!(digest["digest"]["active_accounts"], 10);
    assert_eq!(daemon.stop(), 0);
    let told = receiver.told();
    let digests = told.iter().filter(|about| *about == "digest").count();
    assert_eq!((digests, told.len()), (1, 4), "each once: {told:?}");
}

#[test]
fn where_nobody_is_told_of_a_broken_audit_the_metrics_tell() {
    let mut world = World::new();
    world.sync_rows(&people(2), 0);
    let mut daemon = world.daemon();
    until("the audit was looked through", || {
        daemon.metric("audit_checked_timestamp_seconds").is_some_and(|at| at > 0.0)
    });
    assert_eq!(daemon.metric("audit_broken"), Some(0.0));
    assert_eq!(daemon.stop(), 0);
    world.meddle("UPDATE run SET rejected = 7 WHERE rowid = 1");
    let mut daemon = world.daemon();
    until("it is found broken", || daemon.metric("audit_broken") == Some(1.0));
    assert!(world.run(&["status"]).stdout.contains("the audit is NOT whole"));
    assert!(world.status()["audit_fault"].as_str().unwrap().contains("is not what record"));
    daemon.wait_for_log("the audit is not whole");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_was_held_for_hours_is_late_only_once_it_was_approved_long_ago() {
    let (mut world, receiver) = world();
    let front = Front::before(&mut world);
    world.guard_tightly();
    world.set("alerts.late_minutes", 60);
    world.sync_rows(&people(10), 0);
    world.hr(&people(5));
    let mut daemon = world.daemon();
    receiver.wait_for("raised held_plan");
    let plan = held_plan(&world);
    for table in ["plan", "action"] {
        world.execute(&format!("UPDATE {table} SET created_at = created_at - 7200000 WHERE state = 'held'"));
    }
    front.go(Way::Broken);
    assert_eq!(world.run(&["approve", &plan]).exit, 0);
    receiver.wait_for("raised workiva_down");
    assert_eq!(daemon.metric("queue_actions{state=\"queued\"}"), Some(5.0));
    assert_eq!(daemon.metric("alert_raised{alert=\"deprovision_late\"}"), Some(0.0));
    assert!(daemon.metric("queue_oldest_age_seconds") < Some(3600.0));
    world.meddle("UPDATE plan SET decided_at = decided_at - 3600000 WHERE state = 'approved'");
    receiver.wait_for("raised deprovision_late");
    front.go(Way::Through);
    receiver.wait_for("recovered deprovision_late");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn alerts_test_says_of_each_channel_what_came_of_it() {
    let (mut world, receiver) = world();
    let (slack, elsewhere) = (Receiver::start(), Receiver::start());
    world.set("alerts.slack.url", slack.url("/x"));
    world.run(&["alerts", "test"]).assert_says(0, &["ok   webhook", "ok   slack"]);
    slack.go(Manner::Redirect(elsewhere.url("/x")));
    world.run(&["alerts", "test"]).assert_says(1, &["ok   webhook", "FAIL slack: answered 307: a redirect"]);
    assert_eq!(elsewhere.asked().len(), 0, "nobody is told who was not configured");
    receiver.go(Manner::Answer(403));
    let json = world.run(&["alerts", "test", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&json[0]["channel"], &json[0]["ok"]), (&"webhook".into(), &false.into()));
    world.config.remove("alerts");
    world.write_config();
    world.run(&["alerts", "test"]).assert_says(2, &["no channel is configured"]);
    world.run(&["alerts", "list"]).assert_says(0, &["nobody looks"]);
}

/// A world whose only channel is this mail server.
fn mailing(mail: &MailServer, tls: &str) -> World {
    let mut world = World::new();
    world.set("alerts.timeout_seconds", 5);
    world.set("alerts.smtp.host", "localhost");
    world.set("alerts.smtp.port", i64::from(mail.port));
    world.set("alerts.smtp.tls", tls);
    world.set("alerts.smtp.username", "mailer");
    world.set("alerts.smtp.password", "hunter2-by-mail");
    world.set("alerts.smtp.from", "sync@example.com");
    world.set("alerts.smtp.to", vec!["ops@example.com".to_owned()]);
    world
}

/// A certificate for localhost, and who has it.
fn encrypted() -> (String, Arc<rustls::ServerConfig>) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
    (cert.pem(), Arc::new(config))
}

#[test]
fn mail_goes_by_tls_from_the_first_byte() {
    let (certificate, config) = encrypted();
    let mail = MailServer::start(MailTls::First(config));
    let mut world = mailing(&mail, "tls");
    std::fs::write(world.path("ca.pem"), certificate).unwrap();
    world.run(&["alerts", "test"]).assert_says(1, &["FAIL smtp", "certificate"]);
    world.set("alerts.ca_file", world.path("ca.pem").to_str().unwrap().to_owned());
    world.run(&["alerts", "test"]).assert_says(0, &["ok   smtp"]);
    mail.wait_for("a test");
    assert_eq!(mail.logins().len(), 1);

    let plain = MailServer::start(MailTls::None);
    let world = mailing(&plain, "tls");
    assert_eq!(world.run(&["alerts", "test"]).exit, 1);
    assert_eq!((plain.logins().len(), plain.mails().len()), (0, 0), "no password in the clear");
}

#[test]
fn mail_goes_by_starttls_or_not_at_all() {
    let (certificate, config) = encrypted();
    let mail = MailServer::start(MailTls::Starttls(config));
    let mut world = mailing(&mail, "starttls");
    std::fs::write(world.path("ca.pem"), certificate).unwrap();
    world.run(&["alerts", "test"]).assert_says(1, &["FAIL smtp", "certificate"]);
    world.set("alerts.ca_file", world.path("ca.pem").to_str().unwrap().to_owned());
    world.run(&["alerts", "test"]).assert_says(0, &["ok   smtp"]);
    let written = mail.wait_for("a test");
    assert!(written.contains("Auto-Submitted: auto-generated"), "{written}");
    assert_eq!(mail.logins().len(), 1);

    let plain = MailServer::start(MailTls::None);
    let mut world = mailing(&plain, "starttls");
    world.run(&["alerts", "test"]).assert_says(1, &["FAIL smtp", "STARTTLS"]);
    assert_eq!((plain.logins().len(), plain.mails().len()), (0, 0), "no password in the clear");
    world.set("alerts.smtp.host", "smtp.example.com");
    world.set("alerts.smtp.tls", "none");
    let refused = world.run(&["alerts", "test"]);
    assert_eq!(refused.exit, 2, "{refused:?}");
    assert!(
        refused.stderr.contains("alerts.smtp.tls") && refused.stderr.contains("loopback only"),
        "{refused:?}"
    );
}

#[test]
fn what_is_wrong_with_the_configuration_of_a_channel_is_told_without_its_secrets() {
    let (mut world, _receiver) = world();
    world.set("alerts.slack.url", "http://hooks.example.com/services/s3cret");
    world.set("alerts.webhook.secret", "sh0rt-s3cret");
    world.set("alerts.digest.at", "half past seven");
    world.set("alerts.smtp.host", "smtp.example.com");
    world.set("alerts.smtp.from", "nobody");
    world.set("alerts.smtp.to", vec!["ops@example.com".to_owned()]);
    world.set("alerts.smtp.password", "hunter2");
    let told = world.run(&["config", "print"]);
    assert_eq!(told.exit, 2);
    for key in [
        "alerts.slack.url",
        "alerts.webhook.secret",
        "alerts.digest.at",
        "alerts.smtp.from",
        "alerts.smtp.password",
    ] {
        assert!(told.stderr.contains(key), "{key} in {}", told.stderr);
    }
    for secret in ["s3cret", "hunter2"] {
        assert!(!told.stderr.contains(secret), "{secret} in {}", told.stderr);
    }
    world.set("alerts.webhook.url_file", world.path("none").to_str().unwrap().to_owned());
    let told = world.run(&["config", "print"]);
    assert!(
        told.stderr.contains("alerts.webhook.url_file") && told.stderr.contains("stands beside"),
        "{told:?}"
    );
}

#[test]
fn another_configuration_takes_its_channels_at_once() {
    let (mut world, receiver) = holding();
    let mut daemon = Daemon::start(&world);
    receiver.wait_for("raised held_plan");
    receiver.go(Manner::Answer(500));
    let plan = held_plan(&world);
    world.run(&["reject", &plan]).assert_says(0, &[]);
    until("it is tried in vain", || receiver.asked().iter().any(|one| one.about() == "recovered held_plan"));
    let other = Receiver::start();
    world.set("alerts.webhook.url", other.url("/other"));
    daemon.signal(Signal::HUP);
    other.wait_for("recovered held_plan");
    assert_eq!(daemon.stop(), 0);
}
