//! `init`, through the real binary and its stdin.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::io::Write;
use std::process::Stdio;

use common::{Output, World, command, people, run};

/// Runs `init` in the world's folder with these answers.
fn init(world: &World, options: &[&str], answers: &str) -> Output {
    let config = world.path("first.toml");
    let mut arguments = vec!["--config", config.to_str().unwrap(), "init"];
    arguments.extend(options);
    let mut child = command(&arguments)
        .current_dir(world.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Whoever ends before the last question hears no answer.
    let _ = child.stdin.take().unwrap().write_all(answers.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Output { exit: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn world() -> World {
    let world = World::new();
    let mut rows = people(3);
    rows[1] = rows[1].left();
    rows[2].status = "Garden".into();
    world.hr(&rows);
    world
}

#[test]
fn answers_become_a_configuration_that_check_and_plan_can_use() {
    let world = world();
    std::fs::write(world.path("pw"), "sandbox-password\n").unwrap();
    let answers = format!("{}\nscim-user\npw\nemployees*.csv\nAmerica/Chicago\n", world.sandbox.base_url());
    let output = init(&world, &[], &answers);
    // The one whose status nobody knows is told of, and rejected.
    output.assert_says(
        0,
        &[
            "employee_id: column 'Employee ID'",
            "active: Active",
            "terminated: Terminated",
            "NOT understood",
            "Garden",
        ],
    );
    assert!(output.stderr.contains("SCIM address"), "{output:?}");
    let config = world.path("first.toml");
    let mut plan = command(&["--config", config.to_str().unwrap(), "plan", "--json"]);
    let plan = run(plan.current_dir(world.path("")));
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!((&plan["planned"]["create"], &plan["source"]["rejected"]), (&1.into(), &1.into()), "{plan}");
    let again = init(&world, &[], &answers);
    assert_eq!(again.exit, 1);
    assert!(again.stderr.contains("is there already"), "{again:?}");
}

#[test]
fn what_is_given_as_an_option_is_not_asked_and_a_missing_answer_or_file_is_named() {
    let world = world();
    let base_url = world.sandbox.base_url();
    let options = [
        "--base-url",
        base_url.as_str(),
        "--username",
        "scim-user",
        "--password-file",
        "later",
        "--timezone",
        "UTC",
    ];
    let missing = init(&world, &[&options[..], &["--hr", "nothing*.csv"]].concat(), "");
    assert_eq!(missing.exit, 1);
    assert!(missing.stderr.contains("there is no file nothing*.csv yet"), "{missing:?}");
    let unanswered = init(&world, &options, "");
    assert!(unanswered.stderr.contains("there was no answer to 'HR export"), "{unanswered:?}");
    std::fs::write(world.path("strange.csv"), "Who,What\n1,2\n").unwrap();
    let strange = init(&world, &[&options[..], &["--hr", "strange.csv"]].concat(), "");
    assert!(
        strange.stderr.contains("recognised as employee_id, given_name")
            && strange.stderr.contains("Who, What"),
        "{strange:?}"
    );
    assert!(!world.path("first.toml").exists(), "nothing is written that could not be used");
    let done = init(&world, &[&options[..], &["--hr", "employees.csv"]].concat(), "");
    done.assert_says(0, &["written: ", "put the password into later"]);
}
