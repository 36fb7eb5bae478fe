//! `run`: schedule, signals, HTTP, and what happens when Workiva or the HR file is not as it should be.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::io::{Read, Write};

use common::{Daemon, Row, World, command, kinds, people, until};
use rustix::process::Signal;
use secrecy::SecretString;
use workiva_sync::sandbox::{Faults, Outage, SandboxOptions};

/// A world whose daemon plans every second.
fn world() -> World {
    with(SandboxOptions::default())
}

fn with(options: SandboxOptions) -> World {
    let mut world = World::with(options);
    world.set("schedule.cron", "* * * * * *");
    world
}

fn agrees(world: &World, rows: &[Row]) {
    until("Workiva is what HR says", || world.agrees(rows));
}

/// Once its writes are confirmed in state, too.
fn settled(world: &World, rows: &[Row]) {
    agrees(world, rows);
    until("the queue is empty", || {
        let queue = &world.status()["queue"];
        queue["queued"] == 0 && queue["leased"] == 0
    });
}

fn parked(world: &World) -> usize {
    world.parked().len()
}

#[test]
fn a_daemon_tells_how_it_is_picks_up_changes_by_schedule_and_stops_when_asked() {
    let mut world = world();
    let mut rows = people(5);
    world.hr(&rows);
    let mut daemon = world.daemon();
    agrees(&world, &rows);
    assert_eq!(daemon.get("/livez").status, 200);
    until("it is ready", || daemon.readiness().0 == 200);
    assert_eq!(daemon.get("/nothing").status, 404);

    rows[0].title = "CFO".into();
    rows[1] = rows[1].left();
    rows.push(Row::new("2000", "New", "Hire"));
    world.hr(&rows);
    settled(&world, &rows);

    let metrics = daemon.get("/metrics");
    assert_eq!(metrics.status, 200);
    for name in [
        "workiva_sync_scim_requests_total",
        "workiva_sync_scim_request_duration_seconds_bucket",
        "workiva_sync_runs_total",
        "workiva_sync_actions_total",
        "workiva_sync_queue_actions",
        "workiva_sync_plan_held",
        "workiva_sync_pool_paused",
        "workiva_sync_last_success_timestamp_seconds",
        "workiva_sync_queue_oldest_age_seconds",
        "workiva_sync_accounts_active",
    ] {
        let sample = metrics.body.lines().any(|line| line.starts_with(name));
        assert!(sample, "{name} is missing in\n{}", metrics.body);
    }
    for line in [
        "workiva_sync_accounts_active 5",
        "workiva_sync_discarded_ends 0",
        "workiva_sync_ready 1",
        // What may still happen is there with 0, or its first time would be no increase.
        "workiva_sync_runs_total{outcome=\"failed\"} 0",
        "workiva_sync_actions_total{kind=\"suspend\",outcome=\"parked\"} 0",
        concat!("workiva_sync_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
    ] {
        assert!(metrics.body.lines().any(|found| found == line), "{line} is missing in\n{}", metrics.body);
    }

    world.set("http.listen", daemon.address());
    assert_eq!(world.run(&["healthcheck"]).exit, 0);
    assert_eq!(daemon.stop(), 0);
    assert_ne!(world.run(&["healthcheck"]).exit, 0);
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn asked_to_stop_it_brings_what_is_in_flight_to_its_end_and_confirms_it() {
    let mut world = world();
    world.set("workiva.max_in_flight", 2);
    let rows = people(40);
    world.hr(&rows);
    world.sandbox.set_faults(Faults { latency_ms: 100, ..Faults::default() });
    let mut daemon = world.daemon();
    until("it is creating users", || world.statistics().creates > 2);
    assert_eq!(daemon.stop(), 0, "{}", daemon.log());
    let made = world.statistics().creates;
    assert!(made < 40, "it did not work off the whole queue");
    assert_eq!(world.statistics().by_method["POST"], made, "what was sent was brought to its end");
    assert_eq!(world.status()["active_accounts"], made, "what was made is confirmed");
    world.sandbox.set_faults(Faults::default());
    assert_eq!(world.sync().applied(), kinds([("create", 40 - made)]));
    world.assert_agrees(&rows);
    assert_eq!(world.statistics().creates, 40, "nothing was sent twice");
}

#[test]
fn asked_a_second_time_it_stops_at_once_and_the_next_start_carries_on() {
    let mut world = world();
    let rows = people(5);
    world.hr(&rows);
    let mut daemon = world.daemon();
    settled(&world, &rows);
    // Only requests that hang tell stopping from waiting.
    world.sandbox.set_faults(Faults { latency_ms: 3_600_000, ..Faults::default() });
    let before = world.statistics().requests;
    let after: Vec<Row> = rows.iter().map(|row| row.but(|row| row.title = "CFO".into())).collect();
    world.hr(&after);
    until("requests hang", || world.statistics().requests > before);
    daemon.signal(Signal::TERM);
    daemon.wait_for_log("asked to stop");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait(), 0);
    assert!(daemon.log().contains("at once"), "{}", daemon.log());
    world.sandbox.set_faults(Faults::default());
    world.sync_rows(&after, 0);
    world.assert_agrees(&after);
}

#[test]
fn a_configuration_that_cannot_be_used_is_refused_by_sighup_with_the_reason_and_the_old_one_stays() {
    let mut world = world();
    let mut rows = people(3);
    world.hr(&rows);
    let daemon = world.daemon();
    settled(&world, &rows);
    world.set("workiva.colour", "blue");
    daemon.signal(Signal::HUP);
    let told = daemon.wait_for_log("stays as it was");
    assert!(told.contains("workiva.colour"), "{told}");
    rows[0].title = "CFO".into();
    world.hr(&rows);
    agrees(&world, &rows);
    assert_eq!(daemon.get("/livez").status, 200);
}

#[test]
fn a_configuration_that_can_be_used_takes_effect_by_sighup() {
    let mut world = world();
    let mut rows = people(3);
    rows[2].department = "Sales".into();
    world.hr(&rows);
    let mut daemon = world.daemon();
    settled(&world, &rows);
    world.set("access.provision", "all");
    daemon.signal(Signal::HUP);
    until("Sales has access, too", || world.user(&rows[2].email).is_some());
    let told = daemon.entries().into_iter().find(|entry| entry["key"] == "access.provision");
    let told = told.expect("the log has the key that changed");
    assert_eq!((&told["from"], &told["to"]), (&"roles".into(), &"all".into()), "{told}");
    assert_eq!(daemon.get("/livez").status, 200);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_daemon_whose_workers_wait_as_workiva_asked_takes_a_new_configuration_and_stops_at_once() {
    let mut world = world();
    world.set("workiva.max_in_flight", 1);
    world.set("retry.cap_seconds", 300);
    let mut rows = people(4);
    world.hr(&rows);
    let mut daemon = world.daemon();
    settled(&world, &rows);
    let title = |world: &World, row: &Row| world.user(&row.email).unwrap()["title"].clone();
    // Of two changes the first is refused for five minutes, and the second waits with its worker.
    let wait = |world: &World, rows: &mut Vec<Row>, who: usize| {
        let before = world.statistics().throttled;
        world.sandbox.set_outage(Outage::Throttled);
        rows[who].title = "CFO".into();
        rows[who + 1].title = "CEO".into();
        world.hr(rows);
        until("the daemon was asked to wait", || world.statistics().throttled > before);
        until("a worker waits", || world.status()["queue"]["leased"] == 1);
        world.sandbox.set_outage(Outage::None);
    };
    wait(&world, &mut rows, 0);
    daemon.signal(Signal::HUP);
    until("a new configuration begins without the wish", || title(&world, &rows[1]) == "CEO");
    wait(&world, &mut rows, 2);
    assert_eq!(daemon.stop(), 0);
    assert!(!daemon.log().contains("did not end in time"), "{}", daemon.log());
    assert_eq!(world.status()["queue"]["leased"], 0);
    assert_eq!(parked(&world), 0, "{:?}", world.parked());
}

#[test]
fn an_outage_of_workiva_delays_everything_and_parks_nothing() {
    for outage in [Outage::Unavailable, Outage::Dropped] {
        let mut world = world();
        let mut rows = people(4);
        world.hr(&rows);
        let daemon = world.daemon();
        settled(&world, &rows);
        world.sandbox.set_outage(outage);
        let before = world.statistics().requests;
        rows[0].title = "CFO".into();
        rows[1] = rows[1].left();
        rows.push(Row::new("2000", "New", "Hire"));
        world.hr(&rows);
        until("requests failed", || world.statistics().requests >= before + 4);
        assert_eq!(daemon.get("/livez").status, 200);
        world.sandbox.set_outage(Outage::None);
        settled(&world, &rows);
        assert_eq!(parked(&world), 0, "{outage:?}: {:?}", world.parked());
    }
}

#[test]
fn refused_credentials_pause_the_pool_until_a_new_secret_is_there() {
    let mut world = world();
    world.unset("workiva", "password");
    std::fs::write(world.path("password"), "sandbox-password\n").unwrap();
    let file = world.path("password").display().to_string();
    world.set("workiva.password_file", file);
    world.set("retry.max_attempts", 2);
    let mut rows = people(4);
    world.hr(&rows);
    let daemon = world.daemon();
    settled(&world, &rows);

    world.sandbox.set_password(&SecretString::from("a new secret"));
    rows[0].title = "CFO".into();
    rows[1] = rows[1].left();
    world.hr(&rows);
    until("/readyz tells", || daemon.readiness().0 == 503);
    assert!(daemon.readiness().1["reason"].as_str().unwrap().contains("credentials"));
    until("it asked again and was refused", || world.statistics().unauthorized > 4);
    assert_eq!((daemon.metric("pool_paused"), daemon.metric("ready")), (Some(1.0), Some(0.0)));
    assert_eq!(daemon.get("/livez").status, 200);
    assert_eq!(parked(&world), 0, "refusals count as no attempts: {:?}", world.parked());

    std::fs::write(world.path("password"), "a new secret").unwrap();
    daemon.signal(Signal::HUP);
    settled(&world, &rows);
    until("/readyz tells", || daemon.readiness().0 == 200);
    assert_eq!((daemon.metric("pool_paused"), daemon.metric("ready")), (Some(0.0), Some(1.0)));
    assert_eq!(parked(&world), 0);
}

#[test]
fn a_broken_hr_file_changes_nobody_and_does_not_end_the_daemon() {
    let mut world = world();
    let mut rows = people(4);
    world.hr(&rows);
    let daemon = world.daemon();
    settled(&world, &rows);
    world.hr_text("Employee ID\n1\n");
    until("a run found it incomplete", || world.status()["runs"][0]["outcome"] == "incomplete");
    assert_eq!(daemon.get("/livez").status, 200);
    world.assert_agrees(&rows);
    rows[0].title = "CFO".into();
    world.hr(&rows);
    settled(&world, &rows);
}

#[test]
fn a_held_plan_is_told_by_readyz_and_metrics_and_sent_once_it_is_approved() {
    let mut world = world();
    world.guard_tightly();
    let rows = people(6);
    world.hr(&rows);
    let daemon = world.daemon();
    settled(&world, &rows);
    let after: Vec<Row> =
        rows.iter().enumerate().map(|(n, row)| if n < 3 { row.left() } else { row.clone() }).collect();
    world.hr(&after);
    let mut plan = String::new();
    until("/readyz names the plan", || {
        plan = daemon.readiness().1["held_plan"].as_str().unwrap_or_default().to_owned();
        !plan.is_empty()
    });
    let (_, told) = daemon.readiness();
    assert_eq!(told["hold_reasons"][0]["code"], "deprovision_count");
    assert!(told["held_since"].as_str() < told["held_expires_at"].as_str(), "{told}");
    assert_eq!(daemon.metric("plan_held"), Some(1.0));
    assert_eq!(daemon.metric("plan_hold_reasons{code=\"deprovision_count\"}"), Some(1.0));
    assert!(daemon.metric("plan_held_age_seconds") > Some(0.0));
    world.assert_agrees(&rows);
    assert_eq!(world.run(&["approve", &plan]).exit, 0);
    settled(&world, &after);
    assert_eq!(daemon.metric("plan_held"), Some(0.0));
}

#[test]
fn off_loopback_a_token_is_required_and_asked_for() {
    let mut world = world();
    world.hr(&people(1));
    world.set("http.listen", "0.0.0.0:0");
    let refused = world.run(&["run"]);
    assert_eq!(refused.exit, 2, "{refused:?}");
    assert!(refused.stderr.contains("http.listen"), "{refused:?}");

    world.set("http.token", "open-sesame");
    let daemon = world.daemon();
    for path in ["/metrics", "/readyz"] {
        assert_eq!(daemon.get(path).status, 401, "{path}");
        assert_eq!(daemon.get_as(path, "open-barley").status, 401, "{path}");
    }
    assert_eq!(daemon.get_as("/metrics", "open-sesame").status, 200);
    assert_eq!(daemon.get("/livez").status, 200);

    world.set("http.token", "open-barley");
    daemon.signal(Signal::HUP);
    until("the new token counts", || daemon.get_as("/metrics", "open-barley").status == 200);
    assert_eq!(daemon.get_as("/metrics", "open-sesame").status, 401);
}

/// The status of what is answered to whoever asks for `path` by this name of the daemon.
fn asked_by(daemon: &Daemon, path: &str, host: &str) -> u16 {
    let mut stream = daemon.connect();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_web_page_whose_name_leads_to_loopback_reads_neither_metrics_nor_readiness() {
    let mut world = world();
    world.hr(&people(1));
    let daemon = world.daemon();
    until("it is ready", || daemon.readiness().0 == 200);
    for path in ["/metrics", "/readyz"] {
        for host in ["rebound.example:8080", "rebound.example", "localhost.example", "127.0.0.1.example"] {
            assert_eq!(asked_by(&daemon, path, host), 421, "{host}{path}");
        }
        for host in ["127.0.0.1:8080", "[::1]:8080", "localhost:8080", "LOCALHOST"] {
            assert_eq!(asked_by(&daemon, path, host), 200, "{host}{path}");
        }
    }
    assert_eq!(asked_by(&daemon, "/livez", "rebound.example"), 200, "it says nothing");
}

#[test]
fn more_requests_than_workiva_takes_are_sent_later_and_nothing_is_parked() {
    let mut world = with(SandboxOptions { requests_per_second: Some(20), ..SandboxOptions::default() });
    world.set("retry.max_attempts", 2);
    let rows = people(60);
    world.hr(&rows);
    let daemon = world.daemon();
    settled(&world, &rows);
    assert!(world.statistics().throttled > 0, "the limit was met");
    assert_eq!(parked(&world), 0, "{:?}", world.parked());
    assert_eq!(world.statistics().creates, 60);
    assert_eq!(daemon.get("/livez").status, 200);
}

#[test]
fn two_processes_on_one_database_send_nothing_twice() {
    let mut world = world();
    world.sandbox.set_faults(Faults { latency_ms: 20, ..Faults::default() });
    let rows = people(60);
    world.hr(&rows);
    let daemon = world.daemon();
    until("the daemon is at work", || world.statistics().creates > 2);
    let synced = world.sync();
    assert_eq!(synced.exit, 0, "{synced:?}");
    settled(&world, &rows);
    assert_eq!(world.statistics().by_method["POST"], 60);
    assert_eq!(world.statistics().largest_concurrent_writes_to_one_user, 1);
    assert_eq!(daemon.get("/livez").status, 200);
}

#[test]
fn without_a_configuration_it_says_which_file_is_missing() {
    let mut command = command(&["--config", "no/such/file.toml", "run"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no/such/file.toml"));
}

#[test]
fn what_hr_took_back_while_no_daemon_ran_is_not_sent_when_one_starts() {
    let mut world = world();
    world.set("schedule.cron", "0 0 0 1 1 *");
    world.guard_tightly();
    let rows = people(6);
    world.sync_rows(&rows, 0);
    let left: Vec<Row> = rows.iter().map(Row::left).collect();
    let held = world.sync_rows(&left, 3);
    assert_eq!(world.run(&["approve", held.plan_id()]).exit, 0);
    world.hr(&rows);
    let writes = world.writes();
    let daemon = world.daemon();
    until("HR was looked at", || world.status()["runs"][0]["cause"] == "start");
    until("nothing waits", || daemon.readiness().1["queued"] == 0);
    assert_eq!(world.writes(), writes, "nobody was suspended");
    world.assert_agrees(&rows);
}

#[test]
fn a_second_daemon_on_one_database_ends_at_once_and_says_who_has_it_while_commands_work_beside_the_first() {
    let mut world = World::new();
    let rows = people(3);
    world.hr(&rows);
    let mut first = world.daemon();
    until("all are made", || world.agrees(&rows));
    let second = world.run(&["run"]);
    assert_eq!(second.exit, 1, "{second:?}");
    let who = format!("process {} on ", first.proc("stat").split(' ').next().unwrap());
    assert!(second.stderr.contains("has a daemon already") && second.stderr.contains(&who), "{second:?}");
    assert_eq!(world.run(&["sync"]).exit, 0);
    first.signal(Signal::KILL);
    first.wait();
    let mut third = world.daemon();
    assert_eq!(third.stop(), 0, "a killed daemon leaves its place free");
}

#[test]
fn probes_are_answered_while_slow_clients_hold_every_request_and_line_there_is() {
    let mut world = World::new();
    world.hr(&people(1));
    let daemon = world.daemon();
    until("it is ready", || daemon.readiness().0 == 200);
    let saying = |text: &str| {
        let mut stream = daemon.connect();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    };
    // Logins whose forms do not come to their end, until one more is refused; and more lines without a request than there is room for.
    let unfinished = "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\ntoken";
    let mut held: Vec<_> = (0..240).map(|_| saying(unfinished)).collect();
    until("no request has room", || {
        let is_full = daemon.get("/people").status == 503;
        held.push(saying(unfinished));
        is_full
    });
    let _lines: Vec<_> = (0..300).map(|_| saying("GET /livez HTTP/1.1\r\n")).collect();
    for probe in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(daemon.get(probe).status, 200, "{probe}");
    }
    assert_eq!(daemon.get("/people").status, 503, "they hold what they held");
}
