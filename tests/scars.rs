//! What users of comparable tools were hurt by, made impossible here: one test a line, named after what happened to them.
//!
//! docs/reliability.md lists the cases with these names. Each goes through the real binary against the stand-in.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::collections::BTreeSet;
use std::process::Stdio;

use chrono::{DateTime, TimeDelta, Utc};
use common::{HEADER, Row, World, hr_text, is_active, kinds, people, until};
use serde_json::{Value, json};
use workiva_sync::core::schedule::Schedule;
use workiva_sync::engine::clock::{Clock, SystemClock};
use workiva_sync::sandbox::{FaultKind, Faults, Outage, SandboxOptions};

#[test]
fn the_document_names_every_one_of_these_tests_and_no_other() {
    let named = |text: &str, before: &str, after: &str| -> BTreeSet<String> {
        let pieces = text.split(before).skip(1);
        pieces.map(|piece| piece.split(after).next().unwrap().to_owned()).collect()
    };
    let document = include_str!("../docs/reliability.md");
    let table = document.split("## Scars").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut tests = named(include_str!("scars.rs"), "#[test]\nfn ", "(");
    assert!(tests.remove("the_document_names_every_one_of_these_tests_and_no_other"));
    let rows: BTreeSet<String> = table
        .lines()
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| named(line, "| `", "` |"))
        .collect();
    assert_eq!(tests, rows);
}

/// People who are in Workiva already.
fn settled(number: usize) -> (World, Vec<Row>) {
    let world = World::new();
    let rows = people(number);
    world.sync_rows(&rows, 0);
    (world, rows)
}

fn only(kind: FaultKind, rate: f64, seed: u64) -> Faults {
    Faults { rate, seed, slow_ms: 1, kinds: [kind].into(), ..Faults::default() }
}

/// Limits as a new user has them.
fn guard_as_usual(world: &mut World) {
    let usual = [("deprovision_percent", 5.0), ("create_percent", 50.0), ("shrink_percent", 10.0)];
    for (limit, percent) in usual.into_iter().chain([("reject_percent", 5.0), ("rename_percent", 5.0)]) {
        world.set(&format!("guard.max_{limit}"), percent);
    }
    world.set("guard.max_deprovision_count", 25);
}

/// A user of Workiva's as somebody made them by hand.
fn by_hand(row: &Row) -> Value {
    json!({
        "userName": row.email, "active": true, "title": row.title,
        "name": {"givenName": row.given, "familyName": row.family},
        "emails": [{"value": row.email, "type": "work", "primary": true}],
    })
}

#[test]
fn a_source_that_fails_now_and_then_deletes_nobody() {
    let (world, rows) = settled(20);
    for _ in 0..3 {
        std::fs::rename(world.path("employees.csv"), world.path("elsewhere")).unwrap();
        let failed = world.sync();
        assert_eq!((failed.exit, failed.outcome(), failed.requests()), (5, "incomplete", 0));
        world.assert_agrees(&rows);
        std::fs::rename(world.path("elsewhere"), world.path("employees.csv")).unwrap();
        world.sync().assert_unchanged();
    }
}

#[test]
fn an_empty_source_deletes_nobody() {
    let (mut world, rows) = settled(20);
    for deprovision in ["suspend", "delete"] {
        world.set("workiva.deprovision", deprovision);
        for text in ["", HEADER] {
            world.hr_text(text);
            let failed = world.sync();
            assert_eq!((failed.exit, failed.outcome(), failed.requests()), (5, "incomplete", 0), "{text:?}");
            world.assert_agrees(&rows);
        }
    }
}

#[test]
fn a_run_on_an_empty_source_that_may_be_empty_suspends_nobody_and_reports_no_success() {
    let (mut world, rows) = settled(200);
    guard_as_usual(&mut world);
    world.set("source.min_records", 0);
    world.hr_text(HEADER);
    let held = world.sync();
    assert_eq!((held.exit, held.outcome(), held.requests()), (3, "held", 0));
    assert!(held.hold_codes().contains(&"shrink_percent"), "{held:?}");
    world.assert_agrees(&rows);
}

#[test]
fn more_users_than_a_page_holds_are_all_read_and_no_create_is_refused_as_a_duplicate() {
    let world = World::behaving(|behaviour| behaviour.page_cap = 50);
    let rows = people(130);
    for row in &rows[..120] {
        world.sandbox.seed_user(by_hand(row)).unwrap();
    }
    world.sync_rows(&rows, 0);
    world.assert_agrees(&rows);
    assert_eq!(world.sandbox.users().len(), 130);
    assert_eq!(world.statistics().by_method["POST"], 10, "no create but those of the ten who were not there");
}

#[test]
fn a_429_delays_a_run_and_does_not_end_it() {
    let world = World::new();
    world.sandbox.set_faults(only(FaultKind::Throttle, 0.05, 2));
    let rows = people(12);
    let synced = world.sync_rows(&rows, 0);
    assert_eq!((synced.applied(), &synced.json["parked"]), (kinds([("create", 12)]), &json!(0)));
    assert!(world.statistics().faults > 0, "there was a 429");
    world.assert_agrees(&rows);
}

#[test]
fn two_hundred_users_take_some_hundred_requests_and_then_none() {
    let world = World::new();
    let first = world.sync_rows(&people(200), 0);
    assert!(first.requests() <= 3 * 200, "{} requests for 200 users", first.requests());
    world.sync().assert_unchanged();
    let one = people(200).into_iter().enumerate().map(|(n, row)| if n == 7 { row.left() } else { row });
    let second = world.sync_rows(&one.collect::<Vec<_>>(), 0);
    assert!(second.requests() <= 3, "{} requests for one leaver among 200", second.requests());
}

#[test]
fn a_crash_in_mid_run_loses_nothing_of_what_was_confirmed() {
    let mut world = World::new();
    world.set("workiva.max_in_flight", 2);
    world.sandbox.set_faults(Faults { latency_ms: 5, ..Faults::default() });
    let rows = people(100);
    world.hr(&rows);
    let mut child = world.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("some are confirmed", || world.database().exists() && world.statistics().creates > 30);
    child.kill().unwrap();
    child.wait().unwrap();
    let confirmed = world.number("SELECT count(*) FROM account");
    assert!(confirmed > 0, "what was confirmed is stored while the run goes on");
    let before = world.statistics().by_method["POST"];
    world.sync_rows(&rows, 0);
    world.assert_agrees(&rows);
    let posts = world.statistics().by_method["POST"] - before;
    assert!(posts <= 100 - confirmed.unsigned_abs(), "{posts} creates although {confirmed} were confirmed");
    assert_eq!(world.statistics().creates, 100);
}

#[test]
fn a_404_on_delete_is_what_was_wanted_and_the_run_goes_on() {
    let (mut world, mut rows) = settled(5);
    world.set("workiva.deprovision", "delete");
    let id = world.user(&rows[0].email).unwrap()["id"].as_str().unwrap().to_owned();
    world.sandbox.delete_user(&id).unwrap();
    for row in &mut rows[..2] {
        *row = row.left();
    }
    rows[4].title = "CFO".into();
    let synced = world.sync_rows(&rows, 0);
    assert_eq!(synced.applied(), kinds([("delete", 2), ("update", 1)]));
    world.assert_agrees(&rows);
}

#[test]
fn a_change_of_more_than_a_hundred_people_is_a_request_for_each_and_no_patch_of_a_hundred_members() {
    let (world, mut rows) = settled(150);
    rows.iter_mut().for_each(|row| row.title = "Senior Analyst".into());
    world.sync_rows(&rows, 0);
    world.assert_agrees(&rows);
    assert_eq!(world.statistics().by_method["PATCH"], 150);
}

#[test]
fn an_attribute_that_the_server_drops_causes_no_update_in_every_run() {
    let world = World::behaving(|behaviour| behaviour.keeps_external_id = false);
    let rows = people(10);
    let first = world.sync_rows(&rows, 0);
    assert_eq!(first.stderr.matches("does not show it in its answer").count(), 1, "told once: {first:?}");
    assert!(first.stderr.contains("externalId"), "{first:?}");
    let writes = world.writes();
    let mut other = rows.clone();
    other[0].title = "CFO".into();
    let second = world.sync_rows(&other, 0);
    assert_eq!(second.applied(), kinds([("update", 1)]), "only who has changed");
    assert_eq!(world.writes(), writes + 1);
    assert!(!second.stderr.contains("in its answer"), "{second:?}");
    // Nor by another process that makes somebody; `status` goes on telling it.
    other.push(people(11)[10].clone());
    let third = world.sync_rows(&other, 0);
    assert_eq!(third.applied(), kinds([("create", 1)]));
    assert!(!third.stderr.contains("in its answer"), "{third:?}");
    let status = world.run(&["status"]).stdout;
    assert!(status.contains("Workiva took externalId and does not show it in its answer"), "{status}");
    let status = world.run(&["status", "--json"]).stdout;
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["unkept"], serde_json::json!(["externalId"]));
}

#[test]
fn a_404_on_put_or_patch_is_not_read_as_a_user_who_is_gone() {
    for (method, parked) in [("patch", 0), ("put", 2)] {
        let mut world = World::behaving(|behaviour| {
            behaviour.unrouted_answers_not_found = true;
            if method == "patch" {
                behaviour.patch = false
            } else {
                behaviour.put = false
            }
            behaviour.discovery = false;
        });
        if method == "put" {
            world.set("workiva.update", "put");
        }
        let mut rows = people(4);
        world.sync_rows(&rows, 0);
        rows[0] = rows[0].left();
        rows[1].title = "CFO".into();
        let synced = world.sync_rows(&rows, if parked > 0 { 4 } else { 0 });
        assert_eq!(synced.json["parked"], json!(parked), "{method}: {:?}", world.parked());
        assert_eq!(world.sandbox.users().len(), 4, "{method}: nobody was made a second time");
        assert_eq!(world.number("SELECT count(*) FROM account"), 4, "{method}: nobody was forgotten");
        if parked == 0 {
            world.assert_agrees(&rows);
        }
    }
}

#[test]
fn an_incomplete_service_provider_config_switches_neither_patch_nor_filters_off() {
    let world = World::behaving(|behaviour| behaviour.discovery_is_complete = false);
    let mut rows = people(3);
    world.sync_rows(&rows, 0);
    rows[0].title = "CFO".into();
    world.sync_rows(&rows, 0);
    world.assert_agrees(&rows);
    let methods = world.statistics().by_method;
    assert_eq!((methods["PATCH"], methods.get("PUT")), (1, None));
}

#[test]
fn a_condition_that_is_wrong_costs_nobody_their_access() {
    let (mut world, rows) = settled(40);
    guard_as_usual(&mut world);
    let mut role = toml::Table::new();
    role.insert("name".into(), "finance".into());
    role.insert("when".into(), "department == 'Fnance'".into());
    world.set("access.roles", vec![toml::Value::from(role)]);
    let held = world.sync();
    assert_eq!((held.exit, held.outcome(), held.requests()), (3, "held", 0));
    assert_eq!(held.planned(), kinds([("suspend", 40)]));
    world.assert_agrees(&rows);
    // A condition that cannot be understood is no condition at all: nothing runs.
    world.set("access.provision", "roles");
    let mut role = toml::Table::new();
    role.insert("name".into(), "finance".into());
    role.insert("when".into(), "departmnt == 'Finance'".into());
    world.set("access.roles", vec![toml::Value::from(role)]);
    assert_eq!(world.run(&["sync"]).exit, 2);
    world.assert_agrees(&rows);
}

#[test]
fn a_tripped_limit_says_whether_it_stops_creates_too() {
    for (on_trip, creates) in [("hold_all", 0), ("hold_deprovisions", 1)] {
        let (mut world, rows) = settled(40);
        guard_as_usual(&mut world);
        world.set("guard.on_trip", on_trip);
        let mut after: Vec<Row> =
            rows.iter().map(|row| row.but(|row| row.status = "Active".into())).collect();
        after[..10].iter_mut().for_each(|row| *row = row.left());
        after.push(Row::new("2000", "New", "Hire"));
        let held = world.sync_rows(&after, 3);
        assert_eq!(held.applied().get("create").copied().unwrap_or(0), creates, "{on_trip}");
        assert_eq!(held.applied().get("suspend"), None, "{on_trip}");
    }
}

#[test]
fn a_long_wish_to_be_left_alone_is_bounded_and_told() {
    let (mut world, mut rows) = settled(3);
    world.set("retry.cap_seconds", 1);
    world.set("schedule.cron", "* * * * * *");
    // It asks for five minutes.
    world.sandbox.set_outage(Outage::Throttled);
    rows[0].title = "CFO".into();
    world.hr(&rows);
    let daemon = world.daemon();
    daemon.wait_for_log("Workiva asks to wait; all workers do");
    let told = daemon.entries().into_iter().find(|entry| entry["wait_seconds"].is_number()).unwrap();
    assert!(told["wait_seconds"].as_f64().unwrap() <= 1.0, "no longer than retry.cap_seconds: {told}");
    world.sandbox.set_outage(Outage::None);
    until("it goes on", || world.agrees(&rows));
}

#[test]
fn one_bad_record_blocks_nobody_else_and_the_plan_says_so_beforehand() {
    let world = World::new();
    let mut rows = people(20);
    rows[3].email = "no address".into();
    world.hr(&rows);
    let plan = world.run(&["plan", "--json"]);
    let planned: Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!((plan.exit, &planned["source"]["rejected"]), (4, &json!(1)));
    let synced = world.sync_rows(&rows, 4);
    assert_eq!(synced.json["planned"], planned["planned"], "the plan is what is done");
    assert_eq!(synced.applied(), kinds([("create", 19)]));
    rows.remove(3);
    world.assert_agrees(&rows);
}

#[test]
fn a_leaver_with_next_to_nothing_in_the_record_is_suspended_and_seen_to_be() {
    let (world, rows) = settled(3);
    let bare = Row { id: rows[0].id.clone(), status: "Terminated".into(), ..Row::new("", "", "") };
    let bare = bare.but(|row| (row.email, row.department, row.title) = Default::default());
    world.sync_rows(&[bare, rows[1].clone(), rows[2].clone()], 0);
    assert!(!is_active(&world.user(&rows[0].email).unwrap()));
    world.assert_agrees(&rows[1..]);
    // Nobody counts as suspended whom Workiva goes on showing as active.
    let id = world.user(&rows[1].email).unwrap()["id"].as_str().unwrap().to_owned();
    world.sandbox.own_elsewhere(&id).unwrap();
    let synced = world.sync_rows(&[rows[0].left(), rows[1].left(), rows[2].clone()], 4);
    assert_eq!((synced.applied(), &synced.json["parked"]), (kinds([]), &json!(1)));
}

#[test]
fn a_user_who_failed_is_not_remembered_as_synced() {
    let mut world = World::new();
    world.set("retry.max_attempts", 1);
    world.sync_rows(&people(3), 0);
    world.sandbox.set_faults(only(FaultKind::ServerError, 1.0, 1));
    let mut rows = people(3);
    rows[0].title = "CFO".into();
    rows.push(Row::new("2000", "New", "Hire"));
    world.hr(&rows);
    let failed = world.sync();
    assert_ne!(failed.exit, 0, "{failed:?}");
    world.sandbox.set_faults(Faults::default());
    world.run(&["actions", "retry", "--all"]);
    world.sync_rows(&rows, 0);
    world.assert_agrees(&rows);
}

#[test]
fn a_rename_is_one_change_of_one_user_and_no_delete_and_create() {
    let (world, mut rows) = settled(3);
    let id = world.user(&rows[0].email).unwrap()["id"].clone();
    rows[0].family = "Married".into();
    rows[0].email = "person.married@example.com".into();
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("update", 1)]));
    world.assert_agrees(&rows);
    assert_eq!(world.user(&rows[0].email).unwrap()["id"], id);
    assert_eq!((world.sandbox.users().len(), world.statistics().deletes), (3, 0));
}

#[test]
fn work_that_a_dead_process_held_is_taken_up_by_the_next_start_at_once() {
    let mut world = World::new();
    world.set("workiva.lease_seconds", 3600);
    world.sandbox.set_faults(Faults { latency_ms: 200, ..Faults::default() });
    let rows = people(20);
    world.hr(&rows);
    let mut child = world.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("a request is under way", || world.statistics().by_method.contains_key("POST"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(world.number("SELECT count(*) FROM lease") > 0, "it held something");
    world.sandbox.set_faults(Faults::default());
    // Its leases would last an hour.
    world.sync_rows(&rows, 0);
    world.assert_agrees(&rows);
    assert_eq!(world.number("SELECT count(*) FROM lease"), 0);
}

#[test]
fn a_lease_shorter_than_the_request_time_out_is_a_configuration_error() {
    let mut world = World::new();
    world.hr(&people(1));
    world.set("workiva.timeout_seconds", 40);
    world.set("workiva.lease_seconds", 40);
    let refused = world.run(&["sync"]);
    assert_eq!(refused.exit, 2);
    assert!(
        refused.stderr.contains("workiva.lease_seconds") && refused.stderr.contains("sent twice"),
        "{refused:?}"
    );
}

#[test]
fn how_long_the_work_will_take_is_told_before_and_while_it_is_done() {
    let mut world = World::new();
    world.set("workiva.requests_per_second", 10);
    world.hr(&people(120));
    let plan = world.run(&["plan"]);
    assert!(plan.stdout.contains("at workiva.requests_per_second = 10"), "{}", plan.stdout);
    let none = World::new();
    none.sync_rows(&people(3), 0);
    assert!(!none.run(&["plan"]).stdout.contains("requests_per_second"), "nothing to do takes no time");
}

#[test]
fn a_daily_run_stays_at_its_hour_however_long_each_takes() {
    let schedule = Schedule::parse("0 30 6 * * *", "America/Chicago").unwrap();
    let mut now: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
    for day in 0..30 {
        let due = schedule.next_after(now).unwrap();
        let there = due.with_timezone(&chrono_tz::America::Chicago);
        assert_eq!(
            there.format("%H:%M:%S").to_string(),
            "06:30:00",
            "day {day}, over the change to summer time"
        );
        now = due + TimeDelta::minutes(7 * day);
    }
}

#[test]
fn a_hire_who_leaves_the_feed_before_the_first_day_is_no_leaver_and_a_rescinded_one_who_has_an_account_is_suspended()
 {
    let mut world = World::new();
    world.set("source.columns.hire_date", "First Day");
    let file = |world: &World, rows: &[(Row, &str)]| {
        let mut text = HEADER.replace('\n', ",First Day\n");
        for (row, first) in rows {
            text += &hr_text(std::slice::from_ref(row))[HEADER.len()..].replace('\n', &format!(",{first}\n"));
        }
        world.hr_text(&text);
    };
    let rows = people(4);
    let future = Row::new("3000", "Future", "Hire");
    let first_day = (SystemClock.now() + TimeDelta::days(100)).format("%Y-%m-%d").to_string();
    let there = rows.iter().map(|row| (row.clone(), "2020-01-01"));
    let with_hire: Vec<_> = there.chain([(future, first_day.as_str())]).collect();
    file(&world, &with_hire);
    assert_eq!(world.sync().applied(), kinds([("create", 4)]));
    file(&world, &with_hire[..4]);
    let gone = world.sync();
    assert_eq!((gone.exit, gone.planned(), gone.requests()), (0, kinds([]), 0), "nobody has left");
    // With accounts made in advance there is one to take away, and no second one when the hire is back.
    world.set("lifecycle.provision_days_before_hire", 200);
    file(&world, &with_hire);
    assert_eq!(world.sync().applied(), kinds([("create", 1)]));
    file(&world, &with_hire[..4]);
    assert_eq!(world.sync().applied(), kinds([("suspend", 1)]));
    file(&world, &with_hire);
    assert_eq!(world.sync().applied(), kinds([("reactivate", 1)]));
    assert_eq!(world.sandbox.users().len(), 5);
}

#[test]
fn a_change_of_e_mail_makes_no_second_account() {
    let (world, mut rows) = settled(3);
    rows[1].email = "another.address@example.com".into();
    world.sync_rows(&rows, 0);
    world.assert_agrees(&rows);
    assert_eq!((world.sandbox.users().len(), world.statistics().creates), (3, 3));
}

#[test]
fn without_a_limit_on_removals_nothing_runs() {
    for key in ["max_deprovision_count", "max_deprovision_percent"] {
        let mut world = World::new();
        world.hr(&people(1));
        world.unset("guard", key);
        let refused = world.run(&["sync"]);
        assert_eq!(refused.exit, 2, "{refused:?}");
        assert!(refused.stderr.contains(&format!("guard.{key}")), "{refused:?}");
        assert_eq!(world.statistics().requests, 0);
    }
}

#[test]
fn a_file_whose_columns_have_shifted_renames_nobody() {
    let mut world = World::with(SandboxOptions::default());
    let rows = people(40);
    world.sync_rows(&rows, 0);
    guard_as_usual(&mut world);
    // Everybody has the address of the next one, in a circle; without the first, whose name is free then; and a new one each.
    let next = |n: usize| rows[(n + 1) % rows.len()].email.clone();
    let new = |n: usize| format!("{}.x@example.com", rows[n].family.to_lowercase());
    let shifted = |email: &dyn Fn(usize) -> String| -> Vec<Row> {
        rows.iter().enumerate().map(|(n, row)| row.but(|row| row.email = email(n))).collect()
    };
    let circle = shifted(&next);
    for file in [&circle[..], &circle[1..], &shifted(&new)] {
        let held = world.sync_rows(file, 3);
        assert!(held.hold_codes().contains(&"rename_percent"), "{held:?}");
        world.assert_agrees(&rows);
    }
}
