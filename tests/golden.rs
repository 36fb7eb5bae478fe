//! Golden plans: for each touchy case of HR the plan that comes of it, kept as text beside the case.
//!
//! `tests/golden/CASE` holds `config.toml` (what is laid over the usual configuration), HR files `1.csv`, `2.csv` and so on, and `plan.txt`.
//! All files but the last are synced; of the last the plan is made, for each day of `as_of`, at each moment of `at`, or now. `by-hand.txt`: whom somebody puts into
//! which group behind the first file. After a change that is meant,
//! `GOLDEN=write cargo test --test golden` writes the plans anew; read them before they are kept.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use common::{Calendar, World};
use serde_json::Value;
use workiva_sync::core::action::Change;

/// Our columns that the usual configuration does not read.
const COLUMNS: [(&str, &str); 5] = [
    ("hire_date", "Hire Date"),
    ("termination_date", "Termination Date"),
    ("location", "Location"),
    ("leave_type", "Kind of Leave"),
    ("termination_reason", "Why"),
];
/// The groups of the stand-in.
const GROUPS: [(&str, &str); 3] =
    [("workspace:Q1", "Finance"), ("workspace:Q1:group:G7", "Finance Editors"), ("workspace:Q2", "Legal")];

#[test]
fn every_case_has_the_plan_that_stands_beside_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 10, "{cases:?}");
    let mut other = String::new();
    for case in &cases {
        let (made, file) = (plan_of(case), case.join("plan.txt"));
        if std::env::var_os("GOLDEN").is_some_and(|what| what == "write") {
            std::fs::write(&file, &made).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        if made != kept {
            write!(other, "\n{}\n--- kept\n{kept}--- made\n{made}", case.display()).unwrap();
        }
    }
    assert!(other.is_empty(), "{other}\nIf that is meant: GOLDEN=write cargo test --test golden");
}

fn plan_of(case: &Path) -> String {
    let mut world = World::new();
    GROUPS.iter().for_each(|(id, name)| world.sandbox.seed_group(id, name).unwrap());
    for (ours, theirs) in COLUMNS {
        world.set(&format!("source.columns.{ours}"), theirs);
    }
    world.set("guard.max_revoke_percent", 100.0);
    let mut laid: toml::Table = std::fs::read_to_string(case.join("config.toml")).unwrap().parse().unwrap();
    let mut list =
        |key: &str| laid.remove(key).and_then(|list| list.try_into::<Vec<String>>().ok()).unwrap_or_default();
    let (days, moments) = (list("as_of"), list("at"));
    lay_over(&mut world.config, laid);
    world.write_config();
    let mut files: Vec<PathBuf> =
        (1..).map(|number| case.join(format!("{number}.csv"))).take_while(|file| file.exists()).collect();
    let last = files.pop().unwrap();
    for (at, file) in files.into_iter().enumerate() {
        world.hr_text(&std::fs::read_to_string(file).unwrap());
        let synced = world.sync();
        assert!(matches!(synced.exit, 0 | 4), "{}: {synced:?}", case.display());
        let by_hand = std::fs::read_to_string(case.join("by-hand.txt")).unwrap_or_default();
        for (group, user) in by_hand.lines().filter(|_| at == 0).filter_map(|line| line.split_once(' ')) {
            let id = world.user(user).unwrap()["id"].as_str().unwrap().to_owned();
            let members = world.sandbox.members(group).into_iter().chain([id]);
            world.sandbox.set_members(group, members.collect::<Vec<_>>()).unwrap();
        }
    }
    world.hr_text(&std::fs::read_to_string(last).unwrap());
    if !moments.is_empty() {
        let calendar = Calendar::of(world);
        return moments.iter().map(|at| format!("{at}\n{}", planned_at(&calendar, at))).collect();
    }
    if days.is_empty() {
        return told(&world, &["plan", "--json"]);
    }
    let of_day = |day: &String| format!("{day}\n{}", told(&world, &["plan", "--json", "--as-of", day]));
    days.iter().map(of_day).collect()
}

fn lay_over(under: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(toml::Value::Table(under)), toml::Value::Table(over)) => lay_over(under, over),
            (_, value) => drop(under.insert(key, value)),
        }
    }
}

/// The plan in lines: who, what, why, and what changes; then what the guard and the run have to say.
fn told(world: &World, arguments: &[&str]) -> String {
    let output = world.run(arguments);
    let plan: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let mut lines = String::new();
    for action in plan["actions"].as_array().unwrap() {
        let [kind, who, why] = ["kind", "employee_id", "because"].map(|key| action[key].as_str().unwrap());
        let changes: Vec<Change> = serde_json::from_value(action["changes"].clone()).unwrap();
        lines += &lines_of(kind, who, why, &changes);
    }
    for reason in plan["hold_reasons"].as_array().unwrap() {
        writeln!(lines, "  held: {}", reason["message"].as_str().unwrap()).unwrap();
    }
    // What else a person reads there.
    let words: Vec<&str> = arguments.iter().copied().filter(|word| *word != "--json").collect();
    let read = world.run(&words).stdout;
    let told = read
        .lines()
        .map(str::trim_start)
        .filter(|line| line.starts_with("warning: ") || line.starts_with("rejected: "));
    told.for_each(|line| writeln!(lines, "  {line}").unwrap());
    if lines.is_empty() { "  nothing\n".into() } else { lines }
}

/// The plan at a moment, which no command takes: the clock is told.
fn planned_at(calendar: &Calendar, at: &str) -> String {
    let planned = calendar.plan_at(at);
    let mut lines = String::new();
    for action in &planned.plan.actions {
        lines += &lines_of(action.kind.name(), &action.employee_id, &action.because, &action.changes);
    }
    planned.verdict.reasons.iter().for_each(|reason| writeln!(lines, "  held: {}", reason.message).unwrap());
    if lines.is_empty() { "  nothing\n".into() } else { lines }
}

/// What, who, why, and what changes.
fn lines_of(kind: &str, who: &str, why: &str, changes: &[Change]) -> String {
    let mut lines = format!("  {kind} {who}: {why}\n");
    for Change { attribute, from, to } in changes {
        let [from, to] = [from, to].map(|value| value.as_deref().unwrap_or("-"));
        writeln!(lines, "    {attribute}: {from} -> {to}").unwrap();
    }
    lines
}
