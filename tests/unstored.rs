//! The database fails, is gone, or is another process's, while a daemon works: somebody is told, and nobody works beside.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use common::{Daemon, Receiver, World, people, until};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

/// A world with a run each second, and a channel by which everything is told at once.
fn world() -> (World, Receiver) {
    let mut world = World::new();
    let receiver = Receiver::start();
    world.set("schedule.cron", "* * * * * *");
    world.set("alerts.webhook.url", receiver.url("/hook"));
    world.set("alerts.webhook.secret", "a long random text");
    world.set("alerts.settle_minutes", 0);
    (world, receiver)
}

/// A daemon that has made everybody.
fn settled(world: &mut World) -> Daemon {
    let rows = people(3);
    world.hr(&rows);
    let daemon = world.daemon();
    until("all are made", || world.agrees(&rows));
    until("it is ready", || daemon.readiness().0 == 200);
    daemon
}

/// The daemon says everywhere that no run can be stored, for a reason with these words.
fn assert_tells(daemon: &Daemon, receiver: &Receiver, words: &str) {
    let raised = receiver.wait_for("raised database_failing").json();
    assert!(raised["what"].as_str().unwrap().contains(words), "{raised}");
    let (status, told) = daemon.readiness();
    assert_eq!(status, 503, "{told}");
    assert!(told["reason"].as_str().unwrap().contains(words), "{told}");
    assert_eq!((&told["database"], &told["workiva"]), (&told["reason"], &serde_json::Value::Null));
    assert_eq!(daemon.metric("ready"), Some(0.0));
    assert!(daemon.metric("runs_total{outcome=\"failed\"}") > Some(0.0));
    assert_eq!(daemon.metric("alert_raised{alert=\"database_failing\"}"), Some(1.0));
}

fn assert_recovers(daemon: &Daemon, receiver: &Receiver) {
    until("it is ready again", || daemon.readiness().0 == 200);
    let over = receiver.wait_for("recovered database_failing").json();
    assert!(over["to_do"].is_null(), "{over}");
    assert_eq!(daemon.metric("ready"), Some(1.0));
    assert_eq!(daemon.metric("alert_raised{alert=\"database_failing\"}"), Some(0.0));
    assert_eq!(receiver.told(), ["raised database_failing", "recovered database_failing"], "each once");
}

#[test]
fn that_the_database_was_moved_away_is_told_everywhere_until_it_is_back_and_no_command_takes_it_for_empty() {
    let (mut world, receiver) = world();
    let mut daemon = settled(&mut world);
    std::fs::rename(world.database(), world.path("elsewhere.db")).unwrap();
    until("/readyz tells, also before a run", || daemon.readiness().0 == 503);
    assert_tells(&daemon, &receiver, "moved away or replaced");
    for command in [
        &["status"][..],
        &["status", "--json"],
        &["audit", "verify"],
        &["audit", "export"],
        &["actions", "list"],
    ] {
        let output = world.run(command);
        assert_eq!((output.exit, output.stdout.as_str()), (1, ""), "{command:?}: {output:?}");
        let path = world.database().display().to_string();
        for words in ["there is no database at", &path, "volume is not mounted"] {
            assert!(output.stderr.contains(words), "{words}: {output:?}");
        }
    }
    std::fs::rename(world.path("elsewhere.db"), world.database()).unwrap();
    assert_recovers(&daemon, &receiver);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn that_another_program_has_locked_the_database_is_told_everywhere_until_it_lets_go() {
    let (mut world, receiver) = world();
    let mut daemon = settled(&mut world);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut other = SqliteConnectOptions::new().filename(world.database()).connect().await.unwrap();
        sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
        assert_tells(&daemon, &receiver, "another program has it locked");
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
        other.close().await.unwrap();
    });
    assert_recovers(&daemon, &receiver);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_channel_that_is_down_is_told_of_the_database_once_it_is_back() {
    let (mut world, receiver) = world();
    let daemon = settled(&mut world);
    receiver.go(common::Manner::Answer(503));
    std::fs::rename(world.database(), world.path("elsewhere.db")).unwrap();
    let tried = || receiver.asked().iter().filter(|one| one.about() == "raised database_failing").count();
    until("it is tried again", || tried() > 1);
    receiver.go(common::Manner::Answer(200));
    assert_tells(&daemon, &receiver, "moved away or replaced");
    let ids: std::collections::BTreeSet<_> =
        receiver.asked().iter().map(|one| one.header("X-Message-Id")).collect();
    assert_eq!(ids.len(), 1, "however often it is sent, it is one message");
    std::fs::rename(world.path("elsewhere.db"), world.database()).unwrap();
    assert_recovers(&daemon, &receiver);
}

#[test]
fn a_daemon_by_a_link_to_the_file_is_a_second_one_on_the_same_database() {
    let mut world = World::new();
    world.hr(&people(2));
    let _daemon = world.daemon();
    std::fs::create_dir(world.path("links")).unwrap();
    std::os::unix::fs::symlink(world.database(), world.path("links/other.db")).unwrap();
    let by_link = format!("sqlite://{}", world.path("links/other.db").display());
    let mut second = world.command(&["run"]);
    second.env("WORKIVA_SYNC__STORE__URL", &by_link);
    let refused = common::run(&mut second);
    assert_eq!(refused.exit, 1, "{refused:?}");
    assert!(refused.stderr.contains("has a daemon already"), "{refused:?}");
    let beside = std::fs::read_dir(world.path("links")).unwrap().count();
    assert_eq!(beside, 1, "what belongs to the database lies beside its file");
}

#[test]
fn a_newer_version_changes_no_schema_under_a_daemon_that_works_by_the_older_one() {
    let mut world = World::new();
    world.hr(&people(2));
    let mut daemon = world.daemon();
    until("it is ready", || daemon.readiness().0 == 200);
    // As if this version knew one more step of the schema than the one that made the database.
    let newest = world.number("SELECT max(version) FROM _sqlx_migrations");
    // Numbers of migrations may have gaps.
    let before = world.number("SELECT version FROM _sqlx_migrations ORDER BY version DESC LIMIT 1 OFFSET 1");
    world.execute(&format!("UPDATE _sqlx_migrations SET version = -version WHERE version = {newest}"));
    for command in ["sync", "check", "run"] {
        let refused = world.run(&[command]);
        assert_eq!(refused.exit, 1, "{command}: {refused:?}");
        let words = if command == "run" { "has a daemon already" } else { "Stop that one first" };
        assert!(refused.stderr.contains(words), "{command}: {refused:?}");
        assert_eq!(world.number("SELECT max(version) FROM _sqlx_migrations"), before, "{command}");
    }
    world.execute(&format!("UPDATE _sqlx_migrations SET version = -version WHERE version = -{newest}"));
    assert_eq!(world.run(&["check"]).exit, 0);
    assert_eq!(daemon.stop(), 0);
}
