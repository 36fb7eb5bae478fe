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
    assert_eq!(missing.exit, 2);
    assert!(missing.stderr.contains("source.path: there is no file nothing*.csv yet"), "{missing:?}");
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

#[test]
fn an_answer_that_no_configuration_could_hold_is_refused_with_its_key_and_init_can_be_run_again() {
    let world = world();
    let base_url = world.sandbox.base_url();
    let good = [
        ("--base-url", base_url.as_str()),
        ("--username", "scim-user"),
        ("--password-file", "later"),
        ("--hr", "employees.csv"),
        ("--timezone", "UTC"),
    ];
    let wrong = [
        ("--base-url", "ftp://x", "workiva.base_url"),
        ("--base-url", "not a url", "workiva.base_url"),
        ("--username", "", "workiva.username"),
        ("--password-file", "", "workiva.password_file"),
        ("--timezone", "Mars/Base", "schedule.timezone"),
    ];
    for (option, value, key) in wrong {
        let options =
            good.iter().flat_map(|(name, usual)| [*name, if *name == option { value } else { *usual }]);
        let refused = init(&world, &options.collect::<Vec<_>>(), "");
        assert_eq!(refused.exit, 2, "{option} {value}: {refused:?}");
        assert!(
            refused.stderr.contains(key) && refused.stderr.contains("nothing was written"),
            "{refused:?}"
        );
        assert!(!world.path("first.toml").exists(), "{option} {value}");
    }
    // The same by the answers, which come from no terminal and so are not asked for again.
    let refused = init(&world, &[], "ftp://x\nscim-user\nlater\nemployees.csv\nUTC\n");
    assert!(refused.exit == 2 && refused.stderr.contains("workiva.base_url = ftp://x"), "{refused:?}");
    let options: Vec<&str> = good.iter().flat_map(|(name, value)| [*name, *value]).collect();
    init(&world, &options, "").assert_says(0, &["written: "]);
}

#[test]
fn an_export_in_utf_16_is_named_before_anything_is_written_and_windows_1252_is_recognised() {
    let world = world();
    std::fs::write(world.path("pw"), "sandbox-password\n").unwrap();
    let base_url = world.sandbox.base_url();
    let options = |hr: &'static str| {
        [
            "--base-url",
            &base_url,
            "--username",
            "scim-user",
            "--password-file",
            "pw",
            "--timezone",
            "UTC",
            "--hr",
            hr,
        ]
        .map(str::to_owned)
    };
    let run = |hr| {
        let options = options(hr);
        init(&world, &options.iter().map(String::as_str).collect::<Vec<_>>(), "")
    };
    let text = common::hr_text(&people(2)).replace("Analyst", "Sécrétaire");
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(world.path("marked.csv"), [&b"\xff\xfe"[..], &wide].concat()).unwrap();
    std::fs::write(world.path("plain16.csv"), &wide).unwrap();
    for name in ["marked.csv", "plain16.csv"] {
        let refused = run(name);
        assert!(refused.exit == 2 && refused.stderr.contains("is written in UTF-16"), "{refused:?}");
        assert!(!world.path("first.toml").exists());
    }
    // Below U+0100 Windows-1252 has the numbers of Unicode, but for 32 that are not among these.
    let narrow: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    std::fs::write(world.path("narrow.csv"), narrow).unwrap();
    run("narrow.csv").assert_says(0, &["encoding: windows-1252", "2 usable rows, 0 rejected"]);
}

#[test]
fn a_file_that_is_no_hr_file_is_refused_without_its_first_line_which_may_be_a_password() {
    let world = world();
    std::fs::write(world.path("employees.csv"), "a-password-in-the-wrong-place\n").unwrap();
    let answers = format!("{}\nscim-user\npw\nemployees.csv\nAmerica/Chicago\n", world.sandbox.base_url());
    let output = init(&world, &[], &answers);
    assert!(output.exit == 2 && output.stderr.contains("it may be no HR file at all"), "{output:?}");
    assert!(!format!("{output:?}").contains("a-password-in"), "{output:?}");
}
