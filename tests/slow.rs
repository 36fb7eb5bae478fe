//! A source that is slow, or hangs, beside others: nothing waits for it, and what it says in the end takes nothing from anybody.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use chrono::{Datelike, TimeDelta, Timelike};
use common::{Calendar, Daemon, Row, World, hr_text, people, until};
use rustix::process::Signal;
use serde_json::Value;
use workiva_sync::engine::clock::{Clock, SystemClock};

const TOKEN: &str = "the-token-of-the-hr-system";

/// An HR system that is asked by HTTP. It answers with whom it knew when it was asked; while it is slow, once it is let go.
#[derive(Clone, Default)]
struct Payroll(Arc<(Mutex<Mood>, Condvar)>);

#[derive(Default)]
struct Mood {
    knows: Vec<Row>,
    is_slow: bool,
    refuses: bool,
    asked: usize,
    /// Requests that came before this one are answered, however slow it is.
    lets_go: usize,
}

impl Payroll {
    fn start(knows: &[Row]) -> (Self, String) {
        let payroll = Self::default();
        payroll.knows(knows);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answering = payroll.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let payroll = answering.clone();
                std::thread::spawn(move || payroll.answer(stream.unwrap()));
            }
        });
        (payroll, url)
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut request = Vec::new();
        let mut chunk = [0; 4096];
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read(&mut chunk) {
                Ok(read @ 1..) => request.extend_from_slice(&chunk[..read]),
                _ => return,
            }
        }
        let (mood, changed) = &*self.0;
        let mut mood = mood.lock().unwrap();
        let body = serde_json::json!({"list": objects(&mood.knows)}).to_string();
        let (number, is_slow) = (mood.asked, mood.is_slow);
        let status = if mood.refuses { "403 Forbidden" } else { "200 OK" };
        mood.asked += 1;
        while is_slow && mood.lets_go <= number {
            mood = changed.wait(mood).unwrap();
        }
        drop(mood);
        let head = "Connection: close\r\nContent-Type: application/json\r\nContent-Length:";
        // Whoever asked may be gone.
        let _ = write!(stream, "HTTP/1.1 {status}\r\n{head} {}\r\n\r\n{body}", body.len());
    }

    fn knows(&self, rows: &[Row]) {
        self.0.0.lock().unwrap().knows = rows.to_vec();
    }

    /// Whether requests from now on are answered late.
    fn is_slow(&self, is_slow: bool) {
        self.0.0.lock().unwrap().is_slow = is_slow;
    }

    /// Whether requests from now on are refused.
    fn refuses(&self, refuses: bool) {
        self.0.0.lock().unwrap().refuses = refuses;
    }

    fn asked(&self) -> usize {
        self.0.0.lock().unwrap().asked
    }

    /// Waits until it has been asked so often.
    fn until_asked(&self, times: usize) {
        until("the slow source is asked", || self.asked() >= times);
    }

    /// Answers all that wait.
    fn let_go(&self) {
        let mut mood = self.0.0.lock().unwrap();
        mood.lets_go = mood.asked;
        self.0.1.notify_all();
    }
}

/// The rows as JSON objects, by the header of the HR file.
fn objects(rows: &[Row]) -> Vec<Value> {
    let text = hr_text(rows);
    let mut lines = text.lines().map(|line| line.split(','));
    let header: Vec<&str> = lines.next().unwrap().collect();
    lines
        .map(|line| header.iter().map(|name| (*name).to_owned()).zip(line.map(Value::from)).collect())
        .collect()
}

fn staff() -> Vec<Row> {
    people(8)
}

fn others() -> Vec<Row> {
    (0..4).map(|n| Row::new(&format!("c{n}"), "Contractor", &format!("Number{n}"))).collect()
}

fn table(pairs: &[(&str, toml::Value)]) -> toml::Value {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect::<toml::Table>().into()
}

/// `staff` comes from the HR system of this address, and may take its time; `others` have these keys. Runs come by a webhook, by what
/// is pushed, or by what a test adds.
fn world(url: &str, others: &[(&str, toml::Value)], pushed: bool) -> World {
    let mut world = World::new();
    beside(&mut world, url, "others", others);
    if pushed {
        world.config["sources"][1].as_table_mut().unwrap().remove("path");
        world.write_config();
    }
    world
}

fn beside(world: &mut World, url: &str, name: &str, others: &[(&str, toml::Value)]) {
    let rest = table(&[
        ("url", format!("{url}/people").into()),
        ("records", "$.list[*]".into()),
        ("timeout_seconds", 600.into()),
    ]);
    world.set("schedule.timezone", "UTC");
    world.set("schedule.run_on_start", false);
    world.set("trigger.token", TOKEN);
    world.set("trigger.pause_seconds", 0);
    world.several(&[("staff", &[("kind", "rest".into()), ("rest", rest)]), (name, others)]);
    world.config["sources"][0].as_table_mut().unwrap().remove("path");
    world.write_config();
}

/// The same where the others are pushed, and everybody has come once.
fn pushing() -> (World, Payroll, Daemon) {
    let (payroll, url) = Payroll::start(&staff());
    let push = table(&[("token", TOKEN.into()), ("action_column", "Action".into())]);
    let mut world = world(&url, &[("kind", "push".into()), ("push", push)], true);
    let daemon = world.daemon();
    push_to(&daemon, "?snapshot=whole", "all", &others());
    call(&daemon, "staff");
    until_agrees(&world, &[staff(), others()].concat());
    (world, payroll, daemon)
}

fn push_to(daemon: &Daemon, query: &str, key: &str, rows: &[Row]) -> Value {
    let bearer = format!("Bearer {TOKEN}");
    let headers =
        [("Authorization", bearer.as_str()), ("Content-Type", "application/json"), ("Idempotency-Key", key)];
    let body = Value::from(objects(rows)).to_string();
    daemon.post(&format!("/v1/hr/records{query}"), &headers, body.as_bytes()).expect(202)
}

/// Says by a webhook that this source has something new.
fn call(daemon: &Daemon, source: &str) {
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("Authorization", bearer.as_str())];
    daemon.post(&format!("/v1/hr/trigger?source={source}"), &headers, b"").expect(202);
}

/// The same of each source.
fn call_all(daemon: &Daemon) {
    let bearer = format!("Bearer {TOKEN}");
    daemon.post("/v1/hr/trigger", &[("Authorization", bearer.as_str())], b"").expect(202);
}

fn until_agrees(world: &World, rows: &[Row]) {
    until("Workiva is what HR says", || world.agrees(rows));
}

fn causes(world: &World) -> Vec<String> {
    let status = world.status();
    status["runs"].as_array().unwrap().iter().map(|run| run["cause"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_pushed_reaches_workiva_while_another_source_hangs() {
    let (world, payroll, daemon) = pushing();
    payroll.is_slow(true);
    payroll.knows(&staff()[1..]);
    call(&daemon, "staff");
    payroll.until_asked(2);
    let mut rows = others();
    for (n, title) in ["CFO", "CEO"].into_iter().enumerate() {
        rows[n] = rows[n].but(|row| row.title = title.into());
        push_to(&daemon, "", title, &rows[n..=n]);
        until_agrees(&world, &[staff(), rows.clone()].concat());
    }
    assert_eq!(payroll.asked(), 2, "it hangs all the while");
    payroll.let_go();
    until_agrees(&world, &[&staff()[1..], &rows].concat());
    assert_eq!(causes(&world)[0], "webhook");
}

#[test]
fn a_source_with_ticks_of_its_own_does_not_wait_for_one_that_hangs_and_neither_do_they_at_one_tick() {
    let (payroll, url) = Payroll::start(&staff());
    let mut world = world(&url, &[], false);
    world.set("schedule.cron", "* * * * * *");
    world.hr_of("others", &others());
    let daemon = world.daemon();
    until_agrees(&world, &[staff(), others()].concat());
    payroll.is_slow(true);
    let before = payroll.asked();
    payroll.until_asked(before + 1);
    payroll.knows(&staff()[2..]);
    let mut rows = others();
    for n in 0..2 {
        rows[n] = rows[n].left();
        world.hr_of("others", &rows);
        until_agrees(&world, &[&staff(), &rows[n + 1..]].concat());
    }
    daemon.wait_for_log("still being read");
    payroll.is_slow(false);
    payroll.let_go();
    until_agrees(&world, &[&staff()[2..], &rows[2..]].concat());
}

#[test]
fn who_goes_from_a_fast_source_to_a_slow_one_at_one_tick_keeps_everything() {
    let (payroll, url) = Payroll::start(&staff());
    let mut world = world(&url, &[], false);
    world.hr_of("others", &others());
    assert_eq!(world.sync().exit, 0);
    let writes = world.writes();
    payroll.is_slow(true);
    payroll.knows(&[&staff()[..], &others()[..1]].concat());
    world.hr_of("others", &others()[1..]);
    world.set("schedule.run_on_start", true);
    let daemon = world.daemon();
    payroll.until_asked(2);
    payroll.let_go();
    daemon.wait_for_log("run planned");
    assert_eq!(causes(&world), ["start", "sync"], "one run for both");
    assert_eq!(world.writes(), writes);
    world.assert_agrees(&[staff(), others()].concat());
}

#[test]
fn who_goes_to_a_source_that_failed_in_an_earlier_run_keeps_everything_until_it_has_been_read() {
    let (payroll, url) = Payroll::start(&staff());
    let mut world = world(&url, &[], false);
    world.hr_of("others", &others());
    assert_eq!(world.sync().exit, 0);
    let writes = world.writes();
    let daemon = world.daemon();
    let run = |source: &str| {
        let before = causes(&world).len();
        call(&daemon, source);
        until("the run has ended", || causes(&world).len() > before);
    };
    std::fs::remove_file(world.path("others.csv")).unwrap();
    run("others");
    payroll.knows(&staff()[1..]);
    run("staff");
    let message = world.status()["runs"][0]["message"].to_string();
    assert!(message.contains("no longer names 1 person (employee 1000)"), "{message}");
    world.hr_of("others", &[&others()[..], &staff()[..1]].concat());
    run("others");
    run("staff");
    assert_eq!(world.writes(), writes);
    world.assert_agrees(&[staff(), others()].concat());
    world.hr_of("others", &others());
    run("others");
    world.assert_agrees(&[staff(), others()].concat());
    run("staff");
    until_agrees(&world, &[&staff()[1..], &others()].concat());
}

#[test]
fn who_goes_to_a_source_that_hangs_keeps_everything_until_it_has_answered_whatever_the_daemon_forgets() {
    let (payroll, url) = Payroll::start(&staff());
    let mut world = world(&url, &[], false);
    world.hr_of("others", &others());
    assert_eq!(world.sync().exit, 0);
    let writes = world.writes();
    let mut daemon = world.daemon();
    let run = |world: &World, daemon: &Daemon| {
        let before = causes(world).len();
        call(daemon, "others");
        until("the run has ended", || causes(world).len() > before);
        assert_eq!(world.writes(), writes);
        let message = world.status()["runs"][0]["message"].to_string();
        assert!(message.contains("they may be in 'staff'"), "{message}");
    };
    // It was asked before they went.
    payroll.is_slow(true);
    call(&daemon, "staff");
    payroll.until_asked(2);
    let moved = &others()[..1];
    world.hr_of("others", &others()[2..]);
    run(&world, &daemon);
    for signal in [Signal::HUP, Signal::KILL] {
        daemon.signal(signal);
        if signal == Signal::KILL {
            daemon.wait();
            daemon = world.daemon();
        }
        run(&world, &daemon);
    }
    // Whom it has is theirs now, whom it has not is gone.
    payroll.is_slow(false);
    payroll.knows(&[&staff()[..], moved].concat());
    call(&daemon, "staff");
    until_agrees(&world, &[&staff()[..], moved, &others()[2..]].concat());
}

#[test]
fn a_source_that_fails_or_hangs_is_told_of_however_many_runs_of_others_have_ended_since() {
    let (world, payroll, daemon) = pushing();
    let told = |name: &str| {
        let metrics = daemon.get("/metrics").body;
        let line = format!("workiva_sync_source_{name}{{source=\"staff\"}} ");
        let line = metrics.lines().find_map(|one| one.strip_prefix(&line)).unwrap().to_owned();
        line.parse::<f64>().unwrap()
    };
    let trouble = || daemon.readiness().1["sources"][0]["trouble"].as_str().unwrap_or_default().to_owned();
    assert!(told("last_success_timestamp_seconds") > 0.0);
    assert_eq!((told("failing"), told("reading_seconds"), trouble().as_str()), (0.0, 0.0, ""));
    payroll.refuses(true);
    call(&daemon, "staff");
    until("it has failed", || told("failing") > 0.0);
    let mut rows = others();
    for n in 0..11 {
        rows[0] = rows[0].but(|row| row.title = format!("title {n}"));
        push_to(&daemon, "", &format!("key {n}"), &rows[..1]);
        until_agrees(&world, &[staff(), rows.clone()].concat());
    }
    assert!(!causes(&world).contains(&"webhook".to_owned()), "no run is shown that failed");
    world.run(&["status"]).assert_says(0, &["source 'staff' fails since", "403"]);
    let status = world.status();
    assert!(
        status["sources"][0]["failing_since"].is_string() && status["sources"][1]["failing_since"].is_null()
    );
    assert!(trouble().starts_with("fails since"), "{}", trouble());
    payroll.refuses(false);
    payroll.is_slow(true);
    let asked = payroll.asked();
    call(&daemon, "staff");
    until("it is being read", || told("reading_seconds") > 0.0);
    // It is read from before the request is there.
    payroll.until_asked(asked + 1);
    payroll.let_go();
    until("all is well", || (told("failing"), trouble().as_str()) == (0.0, ""));
    // Another process knows by the schedule that nothing has come.
    assert!(!world.run(&["status"]).stdout.contains("source 'staff'"));
}

#[test]
fn a_webhook_that_was_answered_is_not_forgotten_where_the_configuration_is_read_again_meanwhile() {
    let (payroll, url) = Payroll::start(&staff());
    let mut world = World::new();
    for key in ["path", "delimiter"] {
        if world.config["source"].get(key).is_some() {
            world.unset("source", key);
        }
    }
    world.set("source.kind", "rest");
    world.set("source.rest.url", format!("{url}/people"));
    world.set("source.rest.records", "$.list[*]");
    world.set("schedule.cron", "0 0 0 1 1 *");
    world.set("schedule.run_on_start", false);
    world.set("trigger.token", TOKEN);
    assert_eq!(world.sync().exit, 0);
    let daemon = world.daemon();
    payroll.is_slow(true);
    call_all(&daemon);
    payroll.until_asked(2);
    payroll.is_slow(false);
    payroll.knows(&staff()[1..]);
    daemon.signal(Signal::HUP);
    until_agrees(&world, &staff()[1..]);
}

#[test]
fn who_comes_in_a_read_that_is_given_up_for_a_newer_one_keeps_everything_until_that_has_ended() {
    let (payroll, url) = Payroll::start(&staff());
    let (agency, agency_url) = Payroll::start(&others());
    let rest = table(&[
        ("url", format!("{agency_url}/people").into()),
        ("records", "$.list[*]".into()),
        ("timeout_seconds", 600.into()),
    ]);
    let mut world = world(&url, &[("kind", "rest".into()), ("rest", rest)], true);
    assert_eq!(world.sync().exit, 0);
    let writes = world.writes();
    let daemon = world.daemon();
    payroll.is_slow(true);
    payroll.knows(&staff()[1..]);
    agency.knows(&[&others()[..], &staff()[..1]].concat());
    call_all(&daemon);
    payroll.until_asked(2);
    agency.until_asked(2);
    // Its read has ended, and waits for the other one; now it is read anew, and hangs.
    agency.is_slow(true);
    call(&daemon, "others");
    agency.until_asked(3);
    payroll.let_go();
    until("the run has ended", || causes(&world).len() > 1);
    assert_eq!(world.writes(), writes);
    agency.let_go();
    until("the run has ended", || causes(&world).len() > 2);
    assert_eq!(world.writes(), writes);
    world.assert_agrees(&[staff(), others()].concat());
}

#[test]
fn a_daemon_that_is_stopped_or_killed_while_it_reads_ends_at_once_and_reads_again() {
    let (mut world, payroll, mut daemon) = pushing();
    for signal in [Signal::TERM, Signal::KILL] {
        payroll.is_slow(true);
        let at = Clock::now(&SystemClock) + TimeDelta::seconds(2);
        // Once, soon; and never again in this test.
        let tick = format!("{} {} {} {} {} *", at.second(), at.minute(), at.hour(), at.day(), at.month());
        world.config["sources"][0].as_table_mut().unwrap().insert("cron".into(), tick.into());
        world.write_config();
        daemon.signal(Signal::HUP);
        let asked = payroll.asked();
        payroll.until_asked(asked + 1);
        // Another run is newer than that tick.
        let ceo = others()[0].but(|row| row.title = format!("after {signal:?}"));
        let so_far = [&staff()[..], std::slice::from_ref(&ceo), &others()[1..]].concat();
        push_to(&daemon, "", &ceo.title, std::slice::from_ref(&ceo));
        until_agrees(&world, &so_far);
        payroll.is_slow(false);
        let rows = [&so_far[..1], &so_far[2..]].concat();
        payroll.knows(&[&staff()[..1], &staff()[2..]].concat());
        daemon.signal(signal);
        assert_eq!(daemon.wait(), if signal == Signal::TERM { 0 } else { -1 });
        world.assert_agrees(&so_far);
        payroll.let_go();
        daemon = world.daemon();
        until_agrees(&world, &rows);
        assert_eq!(causes(&world)[0], "missed");
        // As before.
        payroll.knows(&staff());
        call(&daemon, "staff");
        until_agrees(&world, &so_far);
    }
}

#[test]
fn what_a_slow_source_says_takes_nothing_from_anybody_whom_a_newer_read_knows() {
    let (payroll, url) = Payroll::start(&staff());
    let mut world = world(&url, &[], false);
    world.hr_of("others", &others());
    assert_eq!(world.sync().exit, 0);
    let daemon = world.daemon();
    payroll.is_slow(true);
    payroll.knows(&staff()[2..]);
    call(&daemon, "staff");
    payroll.until_asked(2);
    payroll.is_slow(false);
    let rows = [&staff()[..], &[Row::new("new", "Ana", "Ruiz")]].concat();
    payroll.knows(&rows);
    let synced = world.sync();
    assert_eq!(synced.exit, 0, "{synced:?}");
    let (writes, all) = (world.writes(), [rows, others()].concat());
    world.assert_agrees(&all);
    payroll.let_go();
    daemon.wait_for_log("has begun to read it later");
    until("the run has ended", || causes(&world)[0] == "webhook");
    world.sync().assert_unchanged();
    assert_eq!(world.writes(), writes);
    world.assert_agrees(&all);
}

#[test]
fn sources_whose_ticks_never_meet_are_read_together_until_each_has_been_read_once() {
    let (_, url) = Payroll::start(&staff());
    let mut world = world(&url, &[("cron", "1/2 * * * * *".into())], false);
    world.set("schedule.cron", "0/2 * * * * *");
    world.hr_of("others", &others());
    let _daemon = world.daemon();
    until_agrees(&world, &[staff(), others()].concat());
}

#[test]
fn a_date_does_not_wait_for_a_source_that_hangs_and_a_minute_where_it_comes_with_its_tick() {
    let (payroll, url) = Payroll::start(&staff());
    let dated = |number: usize, last: &'static str| (others()[number].clone(), "", last);
    let mut calendar =
        Calendar::new(&[dated(0, "2026-11-30"), dated(1, "2026-12-01"), dated(2, ""), dated(3, "")]);
    beside(&mut calendar.world, &url, "employees", &[]);
    calendar.world.set("lifecycle.timezone", "UTC");
    calendar.world.config["sources"][0]["columns"].as_table_mut().unwrap().remove("hire_date");
    calendar.world.config["sources"][0]["columns"].as_table_mut().unwrap().remove("termination_date");
    calendar.world.set("schedule.cron", "0 0 0 1 12 *");
    assert_eq!(calendar.sync_at("2026-11-25T00:00:00Z").0.create, 12);
    payroll.is_slow(true);
    let runs = calendar.runs_from("2026-11-30T23:00:00Z", 2);
    let told: Vec<(&str, &str)> = runs.iter().map(|(at, why)| (at.as_str(), why.as_str())).collect();
    assert_eq!(told, [("2026-12-01 00:01", "date"), ("2026-12-02 00:00", "date")]);
    assert_eq!(payroll.asked(), 2, "and it hangs all the while");
}
