//! What the commands print, where words come from outside and where nobody reads them.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::net::{TcpListener, TcpStream};

use common::{Row, World, command, hr_text, people, run, until};
use rustix::process::{Pid, Signal, kill_process};

/// Words as a careless or malicious HR system may hold them, without what CSV would need quotes for.
const HOSTILE: &str = "Ana\u{202e}\u{1b}[2J\u{200b}\u{9b}31m\u{7}\u{2066}";

/// Whether a terminal would show the text as it is.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| {
        c == '\n'
            || !(c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'))
    })
}

#[test]
fn what_hr_and_workiva_say_is_shown_and_never_obeyed_by_the_terminal() {
    let world = World::new();
    let row = |number: usize, change: &dyn Fn(&mut Row)| people(9)[number].but(change);
    let rows = [
        row(0, &|row| row.given = HOSTILE.into()),
        row(1, &|row| row.title = format!("\"x\nheld: plan of the day\u{2028}{HOSTILE}\"")),
        row(2, &|row| row.status = HOSTILE.into()),
        row(3, &|row| row.id = HOSTILE.into()),
    ];
    let file = world.path(&format!("employees-{HOSTILE}.csv"));
    std::fs::write(&file, hr_text(&rows)).unwrap();
    let outputs = [
        ("plan", world.run(&["plan"]), 4),
        ("check", world.run(&["check"]), 0),
        ("source preview", world.run(&["source", "preview"]), 0),
        ("sync", world.run(&["sync"]), 4),
    ];
    let mut changed = rows.map(|row| row.but(|row| row.given = format!("{HOSTILE}!")));
    changed[1] = changed[1].left();
    std::fs::write(&file, hr_text(&changed)).unwrap();
    let id = world.user("person.number1@example.com").unwrap()["id"].as_str().unwrap().to_owned();
    world.sandbox.own_elsewhere(&id).unwrap();
    assert_eq!(world.sync().exit, 4);
    world.execute(&format!("UPDATE action SET error = '{HOSTILE}' WHERE state = 'parked'"));
    changed[0].given = HOSTILE.into();
    std::fs::write(&file, hr_text(&changed)).unwrap();
    let later = [
        ("explain", world.run(&["explain", "1000"]), 0),
        ("explain nobody", world.run(&["explain", HOSTILE]), 1),
        ("what is parked", world.run(&["actions", "list"]), 0),
        ("status", world.run(&["status"]), 0),
        ("approve", world.run(&["approve", HOSTILE]), 1),
        ("drift", world.run(&["drift"]), 0),
        ("adopt", world.run(&["adopt"]), 4),
        ("a missing file", world.run(&["adopt", "--decisions", HOSTILE]), 1),
        ("no configuration", world.run(&["--config", HOSTILE, "status"]), 2),
    ];
    for (what, output, exit) in outputs.into_iter().chain(later) {
        assert_eq!(output.exit, exit, "{what}: {output:?}");
        assert!(is_plain(&output.stdout) && is_plain(&output.stderr), "{what}: {output:?}");
        assert!(!output.stdout.lines().any(|line| line.starts_with("held: plan")), "{what}: {output:?}");
    }
    let told = world.run(&["explain", "1000"]).stdout;
    let shown = r"given_name: Ana\u{202e}\u{1b}[2J\u{200b}\u{9b}31m\u{7}\u{2066}";
    assert!(told.contains(shown), "{told}");
    let plan = world.run(&["plan"]).stdout;
    assert!(plan.lines().count() > 12, "the lines of a cell that we lay out are lines: {plan}");
    let json = world.run(&["explain", "1000", "--json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["input"]["fields"]["given_name"], HOSTILE, "JSON is as it is");
}

#[test]
fn a_reader_that_has_gone_away_ends_no_command_otherwise_and_is_no_error() {
    let world = World::new();
    let rows = people(3);
    world.hr(&rows);
    for (arguments, exit) in [
        (&["plan"][..], 0),
        (&["sync", "--json"], 0),
        (&["sync"], 0),
        (&["explain", "1000", "--json"], 0),
        (&["explain", "1000"], 0),
        (&["explain", "nobody"], 1),
        (&["status"], 0),
        (&["check"], 0),
        (&["source", "preview"], 0),
        (&["actions", "list"], 0),
        (&["audit", "verify"], 0),
        (&["audit", "export"], 0),
        (&["config", "schema"], 0),
        (&["config", "print"], 0),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = world.command(arguments).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {output:?}");
        assert!(output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
    world.assert_agrees(&rows);
    let full = std::fs::File::create("/dev/full").unwrap();
    let output = world.command(&["status", "--json"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "an answer that is lost otherwise is a failure: {output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("could not be written"), "{output:?}");
}

#[test]
fn an_error_is_told_by_its_exit_code_where_nobody_reads_stderr_either() {
    let world = World::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = world.command(&["--config", "nowhere.toml", "status"]);
    let output = command.stdout(writer.try_clone().unwrap()).stderr(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn a_daemon_whose_log_nobody_reads_runs_on() {
    let mut world = World::new();
    world.hr(&people(1));
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    world.set("http.listen", address.to_string());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut daemon = world.command(&["run"]).stderr(writer).spawn().unwrap();
    until("it has planned and sent", || {
        assert_eq!(daemon.try_wait().unwrap(), None);
        world.agrees(&people(1))
    });
    TcpStream::connect(address).unwrap();
    kill_process(Pid::from_child(&daemon), Signal::TERM).unwrap();
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
}

#[test]
fn the_manual_and_what_shells_complete_name_every_command() {
    let help = run(&mut command(&["--help"])).stdout;
    let commands = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let names: Vec<&str> = commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.len() > 15 && names.contains(&"sync"), "{names:?}");
    let mut texts = vec![run(&mut command(&["man"]))];
    for variable in ["WORKIVA_SYNC_CONFIG", "WORKIVA_SYNC_LOG", "WORKIVA_SYNC__WORKIVA__BASE_URL"] {
        assert!(texts[0].stdout.contains(variable), "{variable} is missing");
    }
    texts.extend(["bash", "zsh", "fish"].map(|shell| run(&mut command(&["completions", shell]))));
    for text in texts {
        assert_eq!(text.exit, 0, "{text:?}");
        for name in &names {
            assert!(text.stdout.contains(name), "{name} is missing");
        }
    }
    assert_eq!(run(&mut command(&["completions", "tcsh"])).exit, 2);
}
