//! The real binary, killed in the middle of its work again and again, still ends with Workiva equal to HR.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]
#![allow(clippy::print_stdout, reason = "the long form tells its figures")]

mod common;

use std::process::{Child, Stdio};
use std::time::Duration;

use common::{Row, World, people, until};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use workiva_sync::sandbox::{FaultKind, Faults};

const PEOPLE: usize = 400;
/// How many people a life of a process gets through before it is killed, at most; the long push is that long for each.
const PEOPLE_A_LIFE: usize = 30;
/// The longest life in the long push, in milliseconds, while lives come to something; a start takes a good part of it in
/// a debug build. Where none of them does, as on a busy machine, they become longer.
const LONGEST_LIFE: u64 = 900;
const LONGEST_LIFE_EVER: u64 = 20_000;
/// How often it is killed over each of the three files.
const KILLS: [u32; 3] = [8, 7, 5];

/// Everybody is hired; then there are changes, renames and leavers; then the leavers are back, and others leave.
fn files(number: usize) -> [Vec<Row>; 3] {
    let first = people(number);
    let mut second = first.clone();
    for (n, row) in second.iter_mut().enumerate() {
        match n % 8 {
            0..=2 => row.title = "Senior Analyst".into(),
            3 => {
                row.family = format!("Renamed{n}");
                row.email = format!("renamed{n}@example.com");
            }
            4..=6 => row.status = "Terminated".into(),
            _ => {}
        }
    }
    let mut third = second.clone();
    for (n, row) in third.iter_mut().enumerate() {
        match n % 8 {
            0 => row.status = "Terminated".into(),
            4 => row.status = "Active".into(),
            5 => {
                row.status = "Active".into();
                row.title = "Returned".into();
            }
            7 => row.email = format!("another{n}@example.com"),
            _ => {}
        }
    }
    [first, second, third]
}

/// The world for it, with a connection that was found working.
fn world() -> World {
    let mut world = World::new();
    world.set("workiva.max_in_flight", 8);
    world.set("retry.max_attempts", 30);
    // How many have an account by the time that HR changes is a matter of chance, and so is the share of those who leave then, or have another name.
    world.set("guard.max_deprovision_percent", 100.0);
    world.set("guard.max_rename_percent", 100.0);
    // As an operator does before the first run; a process that finds no connection at all ends by itself.
    world.hr(&files(PEOPLE)[0]);
    assert_eq!(world.run(&["check"]).exit, 0);
    world
}

/// Kills `sync` once the stand-in has seen `requests` more. The process has to be at work then.
fn kill_after(world: &World, requests: u64) {
    let target = world.statistics().requests + requests;
    let mut child = spawn(world, "sync");
    while world.statistics().requests < target {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "it ended before it could be killed: {ended:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), None, "it had ended by itself");
}

fn spawn(world: &World, command: &str) -> Child {
    world.command(&[command]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// A process gets through up to `most` requests before it is killed, give or take those in flight; `at_the_end` are the
/// faults under which each file is brought to its end.
fn survive(faults: Faults, at_the_end: Faults, most: u64, seed: u64) {
    let world = world();
    let mut random = StdRng::seed_from_u64(seed);
    for (rows, kills) in files(PEOPLE).iter().zip(KILLS) {
        world.hr(rows);
        world.sandbox.set_faults(faults.clone());
        for _ in 0..kills {
            kill_after(&world, random.random_range(1..=most));
        }
        world.sandbox.set_faults(at_the_end.clone());
        world.sync_rows(rows, 0);
        world.assert_agrees(rows);
        assert_eq!(world.sandbox.users().len(), PEOPLE, "nobody has a second account");
    }
    assert_eq!(world.statistics().creates, PEOPLE as u64);
    world.sync().assert_unchanged();
    assert_eq!(world.audit_report().fault, None, "what a crash left of the audit is whole");
}

#[test]
fn killed_twenty_times_in_mid_push_it_ends_with_workiva_equal_to_hr_and_no_duplicate() {
    let slow = Faults { latency_ms: 5, ..Faults::default() };
    survive(slow.clone(), slow, 25, 1);
}

#[test]
fn killed_twenty_times_while_three_requests_in_ten_fail_it_ends_with_workiva_equal_to_hr_and_no_duplicate() {
    let faults = Faults { rate: 0.3, latency_ms: 5, slow_ms: 50, seed: 2, ..Faults::default() };
    let mut at_the_end = faults.clone();
    // A wish to be left alone costs everybody a second: while it is killed they come, but a whole file of them takes
    // minutes.
    at_the_end.kinds.retain(|kind| !matches!(kind, FaultKind::Throttle | FaultKind::Unavailable));
    survive(faults, at_the_end, 10, 2);
}

#[test]
fn answers_that_are_lost_or_cut_off_lead_to_no_second_account() {
    let kinds = [FaultKind::AnswerLost, FaultKind::Malformed].into();
    let faults = Faults { rate: 0.5, latency_ms: 5, kinds, seed: 3, ..Faults::default() };
    // Half of all answers lost is an outage to whoever is to end by itself; one in ten is not.
    survive(faults.clone(), Faults { rate: 0.1, ..faults }, 25, 3);
}

const WORKSPACE: &str = "workspace:Q1";
const SENIORS: &str = "workspace:Q1:group:G7";
const VIEWERS: &str = "role:viewer";

/// The world for it, where roles grant groups, each with a guest in it who was put there by hand.
fn world_of_groups() -> World {
    let mut world = world();
    let guest = world.sandbox.seed_user(serde_json::json!({"userName": "guest"})).unwrap();
    for group in [WORKSPACE, SENIORS, VIEWERS] {
        world.sandbox.seed_group(group, group).unwrap();
        world.sandbox.set_members(group, [guest.clone()]).unwrap();
    }
    // In a group all the same, and no active user whom HR does not know.
    world.sandbox.edit_user(&guest, |user| user["active"] = false.into()).unwrap();
    let role = |name: &str, when: &str, group: &str| {
        let role = [("name", name), ("when", when)].map(|(key, value)| (key.to_owned(), value.into()));
        let grants = ("grants".to_owned(), vec![toml::Value::from(group)].into());
        toml::Value::from(toml::Table::from_iter(role.into_iter().chain([grants])))
    };
    let roles = vec![
        role("everybody", "department == 'Finance'", WORKSPACE),
        role("seniors", "department == 'Finance' and job_title == 'Senior Analyst'", SENIORS),
        role("juniors", "department == 'Finance' and job_title == 'Analyst'", VIEWERS),
    ];
    world.set("access.roles", roles);
    world.set("guard.max_revoke_percent", 100.0);
    assert_eq!(world.run(&["check"]).exit, 0);
    world
}

/// Asserts that the groups hold whom HR grants them, and the guest. Of leavers they hold whom they held.
fn assert_groups(world: &World, rows: &[Row]) {
    let active: Vec<&Row> = rows.iter().filter(|row| row.status == "Active").collect();
    for (group, title) in [(WORKSPACE, None), (SENIORS, Some("Senior Analyst")), (VIEWERS, Some("Analyst"))] {
        let members = world.sandbox.members(group);
        let has = |name: &str| {
            let user = world.user(name).unwrap();
            members.iter().any(|id| user["id"] == id.as_str())
        };
        assert!(has("guest"), "who was put into {group} by hand is not in it any more");
        for row in &active {
            let granted = title.is_none_or(|title| row.title == title);
            assert_eq!(has(&row.email.to_lowercase()), granted, "{} in {group}", row.id);
        }
    }
}

#[test]
fn killed_in_mid_push_of_memberships_while_requests_fail_it_ends_with_the_groups_as_roles_grant_them() {
    let world = world_of_groups();
    let mut random = StdRng::seed_from_u64(6);
    let mut kinds = Faults::default().kinds;
    kinds.retain(|kind| !matches!(kind, FaultKind::Throttle | FaultKind::Unavailable));
    let faults = Faults { rate: 0.2, latency_ms: 5, slow_ms: 50, seed: 6, kinds };
    for (rows, kills) in files(80).iter().zip([4, 4, 3]) {
        world.hr(rows);
        world.sandbox.set_faults(faults.clone());
        for _ in 0..kills {
            kill_after(&world, random.random_range(1..=15));
        }
        world.sync_rows(rows, 0);
        world.assert_agrees(rows);
        assert_groups(&world, rows);
    }
    world.sync().assert_unchanged();
    assert_eq!(world.audit_report().fault, None, "what a crash left of the audit is whole");
}

/// How often the process is killed in the long push: `KILLS=200` is the long form.
fn kills() -> usize {
    std::env::var("KILLS").map_or(12, |number| number.parse().expect("KILLS is a number"))
}

/// `run` as in production and `sync` by turns, each killed at any moment of its life: while it starts, plans, claims,
/// sends, stores, or waits. Halfway HR changes under it. The stand-in meanwhile fails every tenth request in one of all
/// ways that it has.
#[test]
fn killed_at_random_moments_over_one_long_push_it_ends_with_workiva_equal_to_hr_and_no_duplicate() {
    let kills = kills();
    let [first, second, _] = files(kills * PEOPLE_A_LIFE);
    let world = world();
    let mut random = StdRng::seed_from_u64(4);
    let faults = Faults { rate: 0.1, latency_ms: 20, slow_ms: 100, seed: 4, ..Faults::default() };
    world.sandbox.set_faults(faults.clone());
    world.hr(&first);
    let mut longest = LONGEST_LIFE;
    let (mut kill, mut working) = (0, 0);
    // On a machine that is busy with other things more are needed until some came at work.
    while kill < kills || (3 * working <= kills && kill < 4 * kills) {
        let before = world.statistics().requests;
        if kill == kills / 2 {
            world.hr(&second);
        }
        let mut child = spawn(&world, ["run", "sync"][kill % 2]);
        // No condition is waited for: that nothing is special about the moment is the point.
        std::thread::sleep(Duration::from_millis(random.random_range(0..longest)));
        assert!(child.try_wait().unwrap().is_none(), "kill {kill}: it had ended by itself");
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None, "kill {kill}: it had ended by itself");
        let came_to_something = world.statistics().requests > before;
        working += usize::from(came_to_something);
        longest = if came_to_something { LONGEST_LIFE.max(longest * 9 / 10) } else { longest * 3 / 2 };
        longest = longest.min(LONGEST_LIFE_EVER);
        kill += 1;
    }
    assert!(3 * working > kills, "only {working} of {kill} processes were killed at work");
    let rows = if kill > 1 { &second } else { &first };
    assert!(!world.agrees(rows), "the push was over before the last kill; it proves too little");
    let done = world.statistics();
    let mut kinds = faults.kinds;
    kinds.retain(|kind| !matches!(kind, FaultKind::Throttle | FaultKind::Unavailable));
    world.sandbox.set_faults(Faults { rate: 0.2, slow_ms: 50, seed: 5, kinds, ..Faults::default() });
    // However many are left, and however busy the machine is: it goes on until it has ended.
    let mut last = spawn(&world, "sync");
    while last.try_wait().unwrap().is_none() {
        let before = world.statistics().requests;
        until("it has ended or gone on", || {
            last.try_wait().unwrap().is_some() || world.statistics().requests > before
        });
    }
    assert_eq!(last.wait().unwrap().code(), Some(0));
    world.assert_agrees(rows);
    let people = rows.len();
    let (users, creates) = (world.sandbox.users().len(), world.statistics().creates);
    assert!(
        users <= people && creates == users as u64,
        "{users} users of {people} people, {creates} creates"
    );
    assert_eq!(world.number("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
    world.sync().assert_unchanged();
    assert_eq!(world.audit_report().fault, None, "what a crash left of the audit is whole");
    println!(
        "{kill} kills, {working} of them at work, over {people} people: {} requests and {} creates before the last kill, {} faults; {creates} creates for \
         {users} users in the end",
        done.requests, done.creates, done.faults
    );
}
