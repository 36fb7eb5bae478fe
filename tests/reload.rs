//! A configuration that is read again: what changed is told, and no wish to read it is lost.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use common::{World, people, until};
use rustix::process::Signal;
use secrecy::SecretString;
use serde_json::Value;
use workiva_sync::sandbox::{Faults, SandboxOptions};

/// The bodies of the audit's records of configurations, oldest first.
fn recorded(world: &World) -> Vec<Value> {
    let exported = world.run(&["audit", "export"]);
    assert_eq!(exported.exit, 0, "{exported:?}");
    let records = exported.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let body = |record: Value| match &record["body"] {
        Value::String(text) => serde_json::from_str(text).unwrap(),
        body => body.clone(),
    };
    records.filter(|record| record["kind"] == "configuration").map(body).collect()
}

#[test]
fn a_wish_to_read_the_configuration_that_comes_while_tasks_end_is_heeded_once_they_have() {
    let mut world = World::new();
    world.set("schedule.cron", "* * * * * *");
    world.set("workiva.timeout_seconds", 3);
    let rows = people(1);
    world.hr(&rows);
    let mut daemon = world.daemon();
    until("all are made", || world.agrees(&rows));
    // What is in flight is brought to its end, which takes until its time is up.
    world.sandbox.set_faults(Faults { latency_ms: 3_600_000, ..Faults::default() });
    let before = world.statistics().requests;
    world.hr(&[rows[0].but(|row| row.title = "CFO".into())]);
    until("a request hangs", || world.statistics().requests > before);
    world.set("guard.max_deprovision_count", 11);
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("the configuration was read again");
    world.set("guard.max_deprovision_count", 12);
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("it is read once they have");
    let seen = |to: &str| {
        let is_it = |entry: &Value| entry["key"] == "guard.max_deprovision_count" && entry["to"] == to;
        daemon.entries().iter().any(is_it)
    };
    until("the second change is in force", || seen("12"));
    assert!(seen("11"));
    world.sandbox.set_faults(Faults::default());
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_changed_is_told_with_what_it_was_and_what_it_is_and_of_a_secret_that_it_changed() {
    const SECRETS: [&str; 2] = ["hunter2-the-first", "hunter2-the-second"];
    let options = SandboxOptions { password: SecretString::from(SECRETS[0]), ..SandboxOptions::default() };
    let mut world = World::with(options);
    world.unset("workiva", "password");
    std::fs::write(world.path("password"), SECRETS[0]).unwrap();
    world.set("workiva.password_file", world.path("password").display().to_string());
    world.hr(&people(1));
    let mut daemon = world.daemon();
    until("it is ready", || daemon.readiness().0 == 200);
    let before = recorded(&world).len();

    std::fs::write(world.path("password"), SECRETS[1]).unwrap();
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("the secret is another one");
    world.set("guard.max_deprovision_count", 7);
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("the configuration has changed");
    until("both are recorded", || recorded(&world).len() == before + 2);
    let told = recorded(&world).split_off(before);
    assert_eq!(told[0]["secrets"], serde_json::json!(["workiva.password"]), "{told:?}");
    assert_eq!(told[0]["changed"], serde_json::json!({}), "{told:?}");
    let key = "guard.max_deprovision_count";
    assert_eq!(
        (&told[1]["before"][key], &told[1]["changed"][key]),
        (&"1000".into(), &"7".into()),
        "{told:?}"
    );
    assert!(told[1].get("secrets").is_none(), "{told:?}");
    assert!(!daemon.log().contains("nothing in it has changed"), "{}", daemon.log());

    daemon.signal(Signal::HUP);
    daemon.wait_for_log("nothing in it has changed");
    assert_eq!(recorded(&world).len(), before + 2);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(world.run(&["audit", "verify"]).exit, 0);
    let mut kept: Vec<u8> = daemon.log().into_bytes();
    for file in ["state.db", "state.db-wal"] {
        kept.extend(std::fs::read(world.path(file)).unwrap_or_default());
    }
    for secret in SECRETS {
        assert!(!kept.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} is kept");
    }
}
