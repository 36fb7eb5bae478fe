//! While Workiva is down, in whatever way, the queue waits: few requests are sent, no attempt is spent, and somebody is told.
//! Behind it all ends as HR says.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use common::{Daemon, Front, Row, Way, World, people, until};
use rustix::process::Signal;

/// The pool's own, at its beginning: what was in flight, and reads that were tried again before it was clear.
const REQUESTS_UNTIL_CLEAR: u64 = 30;
/// How often Workiva is found down before a test lets it come back: hours, where the waits are minutes.
const FOUND_DOWN: u64 = 12;

/// Every request speaks of this.
const EVERYTHING: &str = "HTTP/";

fn world() -> World {
    let mut world = World::new();
    world.set("schedule.cron", "* * * * * *");
    world.set("retry.base_seconds", 0.01);
    world.set("retry.cap_seconds", 1);
    // So few that an outage would use them up at once.
    world.set("retry.max_attempts", 3);
    world
}

fn found_down(daemon: &Daemon) -> u64 {
    daemon.readiness().1["outage"]["streak"].as_u64().unwrap_or(0)
}

/// Five people are in Workiva; then the gateway loses its way while more are hired, one changes, and one leaves.
fn goes_down(world: &mut World, way: Way) -> (Front, Daemon, Vec<Row>) {
    let mut rows = people(5);
    world.hr(&rows);
    let front = Front::before(world);
    let daemon = world.daemon();
    until("the first five are there", || world.agrees(&rows));
    until("all of them are confirmed", || world.status()["active_accounts"] == 5);
    front.go(way);
    rows[0] = rows[0].left();
    rows[1] = rows[1].but(|row| row.title = "CFO".into());
    rows.extend(people(25).split_off(5));
    world.hr(&rows);
    until("Workiva is found down", || found_down(&daemon) >= FOUND_DOWN);
    (front, daemon, rows)
}

fn waits_out(way: Way) {
    let mut world = world();
    world.set("workiva.timeout_seconds", 1);
    let (front, mut daemon, rows) = goes_down(&mut world, way);

    let (status, readiness) = daemon.readiness();
    assert_eq!((status, &readiness["breaker"]), (503, &"open".into()), "{readiness}");
    assert!(readiness["outage"]["since"].is_string() && readiness["outage"]["next_probe_at"].is_string());
    assert!(readiness["oldest_queued_seconds"].is_i64(), "{readiness}");
    assert!(readiness["reason"].as_str().unwrap().contains("Workiva"), "{readiness}");
    // The database is told a moment after the gate.
    until("status tells so as well", || world.status()["outage"]["streak"].as_u64() >= Some(FOUND_DOWN));
    let status = world.status();
    assert_eq!((&status["queue"]["parked"], &status["queue"]["queued"]), (&0.into(), &22.into()), "{status}");
    let told = world.run(&["status"]).stdout;
    assert!(told.contains("Workiva cannot be had since") && told.contains("the oldest since"), "{told}");
    for sample in ["breaker_state{state=\"open\"}", "pool_paused"] {
        assert_eq!(daemon.metric(sample), Some(1.0), "{sample}");
    }
    assert!(daemon.metric("outage_since_timestamp_seconds") > Some(0.0));
    let (asked, found_down) = (front.asked(), found_down(&daemon));
    assert!(asked <= found_down + REQUESTS_UNTIL_CLEAR, "{asked} requests, found down {found_down} times");
    let most = world.number("SELECT max(attempts) FROM action WHERE state = 'queued'");
    assert_eq!(most, 0, "an outage costs no attempts");

    front.go(Way::Through);
    until("Workiva is what HR says", || world.agrees(&rows));
    until("it is ready again", || daemon.readiness().0 == 200);
    until("nothing is known of an outage", || world.status()["outage"].is_null());
    assert!(world.parked().is_empty());
    assert_eq!(world.statistics().creates, 25, "nobody was made twice");
    assert_eq!(daemon.stop(), 0);
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn an_outage_by_500_is_waited_out() {
    waits_out(Way::Broken);
}

#[test]
fn an_outage_by_503_without_retry_after_is_waited_out() {
    waits_out(Way::Unavailable);
}

#[test]
fn an_outage_by_503_with_retry_after_is_waited_out() {
    waits_out(Way::AskingToWait);
}

#[test]
fn a_server_that_never_answers_anything_but_429_is_an_outage() {
    waits_out(Way::Throttling);
}

#[test]
fn an_outage_by_a_web_page_for_everything_is_waited_out() {
    waits_out(Way::Page);
}

#[test]
fn an_outage_by_answers_that_break_off_is_waited_out() {
    waits_out(Way::CutOff);
}

#[test]
fn an_outage_by_time_outs_is_waited_out() {
    waits_out(Way::Silent);
}

#[test]
fn an_outage_by_connections_that_are_closed_is_waited_out() {
    waits_out(Way::Closing);
}

#[test]
fn an_outage_by_404_for_everything_is_waited_out_and_nobody_counts_as_gone() {
    waits_out(Way::Lost);
}

#[test]
fn a_portal_that_answers_with_an_object_of_its_own_is_an_outage_as_well() {
    waits_out(Way::LostButForAnObject);
}

/// Reads go well, and changes do not: one action at a time is tried, and all goes on once they do. `meanwhile` looks at it before that.
fn tries_one_at_a_time(mut world: World, way: Way, meanwhile: impl FnOnce(&World, &Daemon)) {
    let (front, mut daemon, rows) = goes_down(&mut world, way);
    let (asked, found_down) = (front.asked(), found_down(&daemon));
    assert!(asked <= found_down + REQUESTS_UNTIL_CLEAR, "{asked} writes, found down {found_down} times");
    meanwhile(&world, &daemon);
    front.go(Way::Through);
    until("Workiva is what HR says", || world.agrees(&rows));
    until("it is ready again", || daemon.readiness().0 == 200);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn while_reads_go_well_and_every_write_fails_one_action_at_a_time_is_tried() {
    let mut world = world();
    world.set("retry.max_attempts", 1_000);
    tries_one_at_a_time(world, Way::BrokenForWrites, |_, _| {});
}

#[test]
fn while_every_change_is_refused_nothing_is_parked_and_all_goes_on_once_the_right_is_given_back() {
    tries_one_at_a_time(world(), Way::Forbidding(EVERYTHING), |world, daemon| {
        let outage = daemon.readiness().1["outage"]["message"].as_str().unwrap().to_owned();
        assert!(outage.contains("403") && outage.contains("right to change"), "{outage}");
        assert!(world.parked().is_empty(), "{:?}", world.parked());
    });
}

#[test]
fn a_sync_of_which_every_change_is_refused_or_put_off_comes_to_an_end_and_parks_nobody() {
    for way in [Way::Forbidding(EVERYTHING), Way::ThrottlingWrites] {
        let mut world = world();
        let mut rows = people(8);
        let front = Front::before(&mut world);
        world.sync_rows(&rows, 0);
        front.go(way);
        rows[0] = rows[0].left();
        rows.extend(people(14).split_off(8));
        // Each process finds it so anew, and none of them costs anybody an attempt.
        for _ in 0..4 {
            world.sync_rows(&rows, 6);
            assert!(world.parked().is_empty(), "{way:?}: {:?}", world.parked());
        }
        front.go(Way::Through);
        world.sync_rows(&rows, 0);
        world.assert_agrees(&rows);
    }
}

#[test]
fn while_nothing_is_to_be_sent_refused_credentials_and_an_outage_show_all_the_same_and_their_end_as_well() {
    let mut world = world();
    let front = Front::before(&mut world);
    world.set("schedule.cron", "0 0 0 1 1 *");
    world.set("workiva.probe_seconds", 1);
    let rows = people(2);
    world.sync_rows(&rows, 0);
    let mut daemon = world.daemon();
    until("it is ready", || daemon.readiness().0 == 200);
    for (way, credentials) in [(Way::Refusing, true), (Way::Broken, false)] {
        front.go(way);
        until("/readyz tells", || daemon.readiness().0 == 503);
        let (_, told) = daemon.readiness();
        assert_eq!(
            (&told["outage"]["credentials"], &told["queued"]),
            (&credentials.into(), &0.into()),
            "{told}"
        );
        until("so does the metric", || daemon.metric("pool_paused") == Some(1.0));
        until("so does `status`", || !world.status()["outage"].is_null());
        front.go(Way::Through);
        until("it is ready again", || daemon.readiness().0 == 200);
        until("and the outage is over", || daemon.metric("breaker_state{state=\"closed\"}") == Some(1.0));
        until("for `status` too", || world.status()["outage"].is_null());
    }
    assert_eq!(world.writes(), 2, "the two that were made before");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn an_outage_that_showed_while_nothing_was_to_be_sent_is_still_one_behind_sighup_and_a_restart() {
    let mut world = world();
    let front = Front::before(&mut world);
    world.set("schedule.cron", "0 0 0 1 1 *");
    world.set("workiva.probe_seconds", 1);
    world.sync_rows(&people(2), 0);
    let mut daemon = world.daemon();
    until("it is ready", || daemon.readiness().0 == 200);
    front.go(Way::Broken);
    until("`status` tells", || !world.status()["outage"].is_null());
    let since = world.status()["outage"]["since"].clone();
    let is_still_one = |world: &World, daemon: &Daemon| {
        until("/readyz tells of it", || {
            daemon.readiness().0 == 503 && !daemon.readiness().1["outage"].is_null()
        });
        assert_eq!(daemon.readiness().1["outage"]["since"], since);
        assert_eq!(world.status()["outage"]["since"], since);
    };
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("nothing in it has changed");
    is_still_one(&world, &daemon);
    assert_eq!(daemon.stop(), 0);
    let mut daemon = world.daemon();
    is_still_one(&world, &daemon);
    front.go(Way::Through);
    until("the outage is over", || world.status()["outage"].is_null() && daemon.readiness().0 == 200);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_secret_that_has_expired_shows_at_the_start_and_behind_sighup_before_anybody_would_ask() {
    let mut world = world();
    let front = Front::before(&mut world);
    world.set("schedule.cron", "0 0 0 1 1 *");
    world.set("workiva.probe_seconds", 3_600);
    world.sync_rows(&people(2), 0);
    let is_refused = |daemon: &Daemon| daemon.readiness().1["outage"]["credentials"] == true;
    front.go(Way::Refusing);
    let mut daemon = world.daemon();
    until("/readyz tells of it", || daemon.readiness().0 == 503 && is_refused(&daemon));
    front.go(Way::Through);
    until("it is over", || daemon.readiness().0 == 200 && world.status()["outage"].is_null());
    front.go(Way::Refusing);
    daemon.signal(Signal::HUP);
    until("/readyz tells of it again", || daemon.readiness().0 == 503 && is_refused(&daemon));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn whoever_wants_no_probes_gets_none() {
    let mut world = world();
    world.set("workiva.probe_seconds", 0);
    world.sync_rows(&people(2), 0);
    let before = world.statistics().requests;
    let mut daemon = world.daemon();
    // One a second, as often as it is looked whether to ask.
    until("runs have ended", || world.status()["runs"].as_array().unwrap().len() > 4);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(world.statistics().requests, before);
}

#[test]
fn one_user_whose_requests_always_fail_is_parked_and_holds_nobody_up() {
    let mut world = world();
    let mut rows = people(3);
    world.hr(&rows);
    let front = Front::before(&mut world);
    front.go(Way::BrokenFor("poisoned"));
    let poisoned = Row::new("9000", "Poisoned", "Person");
    world.hr(&[rows.as_slice(), std::slice::from_ref(&poisoned)].concat());
    let mut daemon = world.daemon();
    until("the one is parked", || world.parked().contains_key("9000"));
    until("the others are there", || world.agrees(&rows));
    // Whoever comes later is served as ever.
    rows.extend(people(6).split_off(3));
    world.hr(&[rows.as_slice(), std::slice::from_ref(&poisoned)].concat());
    until("later ones are there", || world.agrees(&rows));
    until("nothing pauses", || daemon.readiness().1["breaker"] == "closed");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_daemon_that_is_stopped_in_an_outage_stops_at_once_and_the_next_one_carries_on() {
    let mut world = world();
    world.set("retry.base_seconds", 2.0);
    world.set("retry.cap_seconds", 86_400);
    let mut rows = people(5);
    world.hr(&rows);
    let front = Front::before(&mut world);
    let mut daemon = world.daemon();
    until("the first five are there", || world.status()["active_accounts"] == 5);
    front.go(Way::Broken);
    rows.extend(people(25).split_off(5));
    world.hr(&rows);
    until("the outage is known", || !world.status()["outage"].is_null());
    assert_eq!(daemon.stop(), 0);
    assert!(!world.status()["outage"].is_null(), "it is still known");
    front.go(Way::Through);
    let mut daemon = world.daemon();
    until("Workiva is what HR says", || world.agrees(&rows));
    until("the outage is forgotten", || world.status()["outage"].is_null());
    assert_eq!(daemon.stop(), 0);
}

/// One process after another starts while nothing can be had, with so few actions that each failure is theirs.
fn costs_nothing_in_any_number_of_processes(way: Way) {
    let mut world = world();
    let mut rows = people(5);
    world.hr(&rows);
    let front = Front::before(&mut world);
    world.sync_rows(&rows, 0);
    front.go(way);
    rows[0] = rows[0].left();
    rows[1] = rows[1].but(|row| row.title = "CFO".into());
    let mut asked = Vec::new();
    for process in 1..=4 {
        let before = front.asked();
        world.sync_rows(&rows, 6);
        asked.push(front.asked() - before);
        let spent = world.number("SELECT sum(attempts) FROM action WHERE state <> 'done'");
        assert_eq!((spent, world.parked().len()), (0, 0), "process {process}");
        assert!(!world.status()["outage"].is_null());
    }
    let least = asked.iter().min().unwrap();
    assert!(asked[1..].iter().all(|asked| asked == least), "only probes after the first: {asked:?}");
    front.go(Way::Through);
    world.sync_rows(&rows, 0);
    world.assert_agrees(&rows);
    assert!(world.status()["outage"].is_null());
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn an_outage_by_503_costs_nothing_in_any_number_of_processes() {
    costs_nothing_in_any_number_of_processes(Way::Unavailable);
}

#[test]
fn an_outage_by_404_for_everything_costs_nothing_in_any_number_of_processes() {
    costs_nothing_in_any_number_of_processes(Way::Lost);
}

#[test]
fn an_outage_by_another_tenant_in_which_nobody_is_costs_nothing_in_any_number_of_processes() {
    costs_nothing_in_any_number_of_processes(Way::Empty);
}

#[test]
fn a_leaver_whom_another_tenant_does_not_know_is_not_called_gone_whatever_deprovisioning_means() {
    for deprovision in ["suspend", "delete"] {
        let mut world = world();
        world.set("workiva.deprovision", deprovision);
        let front = Front::before(&mut world);
        let mut rows = people(5);
        world.sync_rows(&rows, 0);
        front.go(Way::Empty);
        rows[0] = rows[0].left();
        let synced = world.sync_rows(&rows, 6);
        assert_eq!(synced.applied(), common::kinds([]), "{synced:?}");
        let told = world.status()["outage"]["message"].as_str().unwrap().to_owned();
        assert!(told.contains("none of the users who are linked"), "{told}");
        let asked = front.asked();
        world.sync_rows(&rows, 6);
        assert!(front.asked() - asked <= REQUESTS_UNTIL_CLEAR + 20, "{asked} and then {}", front.asked());
        front.go(Way::Through);
        world.sync_rows(&rows, 0);
        world.assert_agrees(&rows);
    }
}

#[test]
fn that_the_only_user_who_is_linked_is_gone_is_put_to_a_person_and_drift_takes_it_for_the_state() {
    let mut world = world();
    world.set("drift.max_repair_percent", 100.0);
    let rows = people(1);
    world.sync_rows(&rows, 0);
    let id = world.user(&rows[0].email).unwrap()["id"].as_str().unwrap().to_owned();
    world.sandbox.delete_user(&id).unwrap();
    world.sandbox.seed_user(serde_json::json!({"userName": "guest@other.example"})).unwrap();
    let left = [rows[0].left()];
    world.sync_rows(&left, 4);
    assert!(world.parked()["1000"].contains("no other one is linked"), "{:?}", world.parked());
    world.run(&["drift", "--repair"]).assert_says(4, &["deleted", "1 recorded"]);
    assert_eq!(world.run(&["actions", "retry", "--all"]).exit, 0);
    world.sync_rows(&left, 0);
    assert!(world.parked().is_empty());
    world.sync().assert_unchanged();
}

#[test]
fn an_outage_by_closed_connections_costs_nothing_in_any_number_of_processes() {
    costs_nothing_in_any_number_of_processes(Way::Closing);
}

#[test]
fn credentials_that_a_process_before_found_refused_are_tried_before_a_process_gives_up() {
    let mut world = world();
    let mut rows = people(2);
    let front = Front::before(&mut world);
    world.sync_rows(&rows, 0);
    rows[0] = rows[0].left();
    front.go(Way::Refusing);
    world.sync_rows(&rows, 6);
    assert_eq!(world.status()["queue"]["queued"], 1);
    world.execute(
        "INSERT INTO outage (only_row, since, next_probe_at, streak, credentials, message) VALUES (1, 0, 0, 3, 1, '401')",
    );
    front.go(Way::Through);
    world.sync_rows(&rows, 0);
    world.assert_agrees(&rows);
    assert!(world.status()["outage"].is_null());
}
