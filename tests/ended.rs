//! Cron expressions whose days have all passed: refused where something is to run by them, and told of where the last one comes.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use chrono::TimeDelta;
use common::{World, people, until};
use rustix::process::Signal;
use serde_json::json;
use workiva_sync::engine::clock::{Clock, SystemClock};

const PASSED: &str = "0 0 0 1 1 * 2020";
const REFUSED: &str = "names no day that is still to come";

#[test]
fn an_expression_whose_days_have_passed_is_refused_by_its_key_where_something_is_to_run_by_it() {
    for key in ["schedule.cron", "drift.cron", "source.cron", "sources[1].cron"] {
        let mut world = World::new();
        world.hr(&people(3));
        if key == "sources[1].cron" {
            world.several(&[("staff", &[]), ("agency", &[("cron", PASSED.into())])]);
        } else {
            world.set(key, PASSED);
        }
        for command in ["check", "run"] {
            let output = world.run(&[command]);
            assert_eq!(output.exit, 2, "{key}: {output:?}");
            let told = format!("{key} = {PASSED}: {REFUSED}");
            assert!(output.stderr.contains(&told), "{told} in {output:?}");
        }
        // Another scheduler may call it, and whoever looks is told.
        if !key.starts_with("sources") {
            world.sync_rows(&people(3), 0);
            let status = world.run(&["status"]);
            status.assert_says(0, &[&format!("{key} {REFUSED}")]);
        }
    }
    let mut world = World::new();
    world.set("schedule.cron", "0 0 0 1 1 * 2020,2099");
    world.hr(&people(3));
    assert_eq!(world.run(&["check"]).exit, 0, "another year is still to come");
}

#[test]
fn a_daemon_keeps_its_schedule_where_the_one_that_is_read_again_has_passed() {
    let mut world = World::new();
    world.hr(&people(1));
    let mut daemon = world.daemon();
    assert_eq!(daemon.readiness().1["ended_schedules"], json!([]));
    world.set("schedule.cron", PASSED);
    daemon.signal(Signal::HUP);
    until("it is refused", || daemon.log().contains(REFUSED));
    assert!(daemon.log().contains("schedule.cron"), "{}", daemon.log());
    assert_eq!(daemon.readiness().1["ended_schedules"], json!([]));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_daemon_whose_last_tick_has_come_says_so_in_its_log_once_and_in_its_readiness() {
    let mut world = World::new();
    let rows = people(2);
    world.hr(&rows);
    // Far enough away for a daemon that starts slowly.
    let last = SystemClock.now() + TimeDelta::seconds(15);
    world.set("schedule.cron", last.format("%-S %-M %-H %-d %-m * %Y").to_string());
    world.set("schedule.timezone", "UTC");
    let mut daemon = world.daemon();
    until("its last tick has come", || daemon.readiness().1["ended_schedules"] == json!(["schedule.cron"]));
    let told = daemon.wait_for_log("names no further day");
    let by_tick = || world.status()["runs"].as_array().unwrap().iter().any(|run| run["cause"] == "schedule");
    until("the last tick has had its run", by_tick);
    assert_eq!(daemon.log().matches(told.as_str()).count(), 1);
    assert_eq!(daemon.stop(), 0);
}
