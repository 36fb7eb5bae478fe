//! Golden plans: for each touchy case of HR the plan that comes of it, kept as text beside the case.
//!
//! `tests/golden/CASE` holds `config.toml` (what is laid over the usual configuration), HR files `1.csv`, `2.csv` and so on, and `plan.txt`.
//! All files but the last are synced; of the last the plan is made, for each day of `as_of` or now. `by-hand.txt`: whom somebody puts into
//! which group behind the first file. After a change that is meant,
//! `GOLDEN=write cargo test --test golden` writes the plans anew; read them before they are kept.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use common::World;
use serde_json::Value;

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
    let days = laid.remove("as_of").and_then(|days| days.try_into::<Vec<String>>().ok()).unwrap_or_default();
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
    let list = |value: &Value, key: &str| value[key].as_array().unwrap().clone();
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or("-").to_owned();
    let mut lines = String::new();
    for action in list(&plan, "actions") {
        let [kind, who, why] = ["kind", "employee_id", "because"].map(|key| text(&action, key));
        writeln!(lines, "  {kind} {who}: {why}").unwrap();
        for change in list(&action, "changes") {
            let [what, from, to] = ["attribute", "from", "to"].map(|key| text(&change, key));
            writeln!(lines, "    {what}: {from} -> {to}").unwrap();
        }
    }
    for reason in list(&plan, "hold_reasons") {
        writeln!(lines, "  held: {}", text(&reason, "message")).unwrap();
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
