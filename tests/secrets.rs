//! Secrets show nowhere: not in logs at their most talkative, not in the database, not in what commands print.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use common::{Daemon, Row, World, hr_text, people, until};
use rustix::process::Signal;
use secrecy::SecretString;
use workiva_sync::sandbox::{Faults, SandboxOptions};

const PASSWORD: &str = "Tr0ub4dor&3-hunter2";
const TOKEN: &str = "metrics-t0ken-xyzzy";

/// The password and what it becomes on the wire.
fn forms() -> Vec<String> {
    let basic = BASE64_STANDARD.encode(format!("scim-user:{PASSWORD}"));
    vec![PASSWORD.to_owned(), basic, TOKEN.to_owned(), BASE64_STANDARD.encode(PASSWORD)]
}

fn assert_hides(what: &str, bytes: &[u8], secrets: &[String]) {
    assert!(!bytes.is_empty(), "{what} is empty, which proves nothing");
    for secret in secrets {
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{what} holds a secret: {}", String::from_utf8_lossy(bytes));
    }
}

fn world() -> World {
    let options = SandboxOptions { password: SecretString::from(PASSWORD), ..SandboxOptions::default() };
    let mut world = World::with(options);
    world.set("schedule.cron", "* * * * * *");
    world.set("http.token", TOKEN);
    world
}

#[test]
fn a_daemon_that_meets_every_fault_and_refused_credentials_shows_no_secret() {
    let mut world = world();
    let mut rows = people(30);
    world.hr(&rows);
    let faults = Faults { rate: 0.3, slow_ms: 10, seed: 5, ..Faults::default() };
    world.sandbox.set_faults(faults);
    world.set("retry.max_attempts", 30);
    let mut daemon = Daemon::start_logging(&world, "trace");
    until("Workiva is what HR says", || world.agrees(&rows));
    assert!(world.statistics().faults > 0);

    world.sandbox.set_password(&SecretString::from("another"));
    rows[0] = Row::new("2000", "Zyxwina", "Qwertyson");
    world.hr(&rows);
    until("the credentials were refused", || world.statistics().unauthorized > 1);
    until("/readyz tells", || daemon.get_as("/readyz", TOKEN).status == 503);
    // A configuration that cannot be used is told with its values, but for the secrets.
    world.set("workiva.lease_seconds", 1);
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("stays as it was");

    let metrics = daemon.get_as("/metrics", TOKEN);
    let readiness = daemon.get_as("/readyz", TOKEN);
    assert_eq!(daemon.stop(), 0);
    let secrets = forms();
    assert_hides("/metrics", metrics.body.as_bytes(), &secrets);
    assert_hides("/readyz", readiness.body.as_bytes(), &secrets);
    assert_hides("the log", daemon.log().as_bytes(), &secrets);
    for entry in std::fs::read_dir(world.path("")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("state") {
            let bytes = std::fs::read(&path).unwrap();
            // Beside the database lie locks and logs, which may be empty.
            if !bytes.is_empty() {
                assert_hides(&name, &bytes, &secrets);
            }
        }
    }
}

#[test]
fn the_log_at_its_most_talkative_holds_employee_ids_and_no_names_or_addresses() {
    let world = world();
    let rows = vec![Row::new("1001", "Zyxwina", "Qwertyson"), Row::new("1002", "Vbnmo", "Asdfgh")];
    world.hr(&rows);
    world.sandbox.seed_user(serde_json::json!({"userName": rows[1].email, "externalId": "9"})).unwrap();
    let mut daemon = Daemon::start_logging(&world, "trace");
    until("one is made", || world.user(&rows[0].email).is_some());
    until("one is parked", || daemon.log().contains("parked"));
    let changed = vec![rows[0].but(|row| row.family = "Poiuyt".into()), rows[1].clone()];
    world.hr(&changed);
    until("the name is changed", || {
        world.user(&rows[0].email).is_some_and(|user| user["name"]["familyName"] == "Poiuyt")
    });
    assert_eq!(daemon.stop(), 0);
    let log = daemon.log();
    assert!(log.contains("1001"), "{log}");
    for personal in ["Zyxwina", "Qwertyson", "Vbnmo", "Asdfgh", "Poiuyt", "example.com"] {
        assert!(!log.to_lowercase().contains(&personal.to_lowercase()), "{personal} in {log}");
    }
}

#[test]
fn a_column_that_is_mapped_wrongly_shows_none_of_its_values_in_the_log_at_info_or_above() {
    let mut world = world();
    let rows = vec![Row::new("1001", "Zyxwina", "Qwertyson"), Row::new("1002", "Vbnmo", "Asdfgh")];
    world.hr(&rows);
    world.set("source.columns.status", "Last Name");
    let told = world.run(&["plan"]);
    assert!(told.stdout.contains("Qwertyson"), "the operator is told the whole reason: {told:?}");
    let mut daemon = Daemon::start(&world);
    daemon.wait_for_log("record rejected");

    // A date column on a name, and statuses that are known.
    world.set("source.columns.status", "Status");
    world.set("source.columns.hire_date", "First Name");
    daemon.signal(Signal::HUP);
    until("dates are refused", || daemon.log().contains("unreadable_date"));

    // A file without a header: its first line is somebody.
    world.hr_text(hr_text(&rows).split_once('\n').unwrap().1);
    daemon.wait_for_log("its header has no column");
    assert_eq!(daemon.stop(), 0);
    let log = daemon.log();
    for told in ["1001", "\"row\":1", "unknown_status"] {
        assert!(log.contains(told), "{told} in {log}");
    }
    for personal in ["Zyxwina", "Qwertyson", "Vbnmo", "Asdfgh", "example.com"] {
        assert!(!log.to_lowercase().contains(&personal.to_lowercase()), "{personal} in {log}");
    }
}

#[test]
fn commands_print_no_secret_whether_they_go_well_or_not() {
    let mut world = world();
    world.hr(&people(3));
    let secrets = forms();
    let commands: [&[&str]; 8] = [
        &["config", "print"],
        &["check"],
        &["plan"],
        &["sync"],
        &["status"],
        &["check", "--json"],
        &["actions", "list"],
        &["audit", "export"],
    ];
    let assert_all_hide = |world: &World, what: &str| {
        for arguments in commands {
            let mut command = world.command(arguments);
            command.env("WORKIVA_SYNC_LOG", "trace");
            let output = command.output().unwrap();
            let both = [output.stdout, output.stderr].concat();
            assert_hides(&format!("{what}: {arguments:?}"), &both, &secrets);
        }
    };
    assert_all_hide(&world, "all is well");
    let printed = world.run(&["config", "print"]);
    assert!(printed.stdout.contains("scim-user"), "{printed:?}");

    world.sandbox.set_password(&SecretString::from("another"));
    assert_all_hide(&world, "refused");
    world.set("workiva.lease_seconds", 1);
    assert_all_hide(&world, "not usable");
    let url = world.sandbox.base_url().replace("http://", &format!("http://scim-user:{PASSWORD}@"));
    world.set("workiva.base_url", url);
    assert_all_hide(&world, "a password in the address");
    world.set("workiva.base_url", format!("scim-user:{PASSWORD}@app.wdesk.example/scim"));
    assert_all_hide(&world, "a password in an address without https://");
    let text = std::fs::read_to_string(world.path("config.toml")).unwrap();
    std::fs::write(world.path("config.toml"), text.replace("[workiva]", "[workiva")).unwrap();
    assert_all_hide(&world, "no TOML");
    let broken = text.replace(&format!("password = \"{PASSWORD}\""), &format!("password = \"{PASSWORD}"));
    assert_ne!(text, broken);
    std::fs::write(world.path("config.toml"), broken).unwrap();
    assert_all_hide(&world, "a string that is not closed");
}

#[test]
fn a_secret_may_come_from_the_environment_or_a_file_and_is_as_hidden() {
    let mut world = world();
    world.hr(&people(3));
    world.unset("workiva", "password");
    std::fs::write(world.path("secret"), format!("{PASSWORD}\n")).unwrap();
    for (name, value) in [
        ("WORKIVA_SYNC__WORKIVA__PASSWORD", PASSWORD.to_owned()),
        ("WORKIVA_SYNC__WORKIVA__PASSWORD_FILE", world.path("secret").display().to_string()),
    ] {
        let mut check = world.command(&["check"]);
        assert_eq!(check.env(name, &value).output().unwrap().status.code(), Some(0), "{name}");
        let mut print = world.command(&["config", "print"]);
        let output = print.env(name, &value).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert_hides(name, &output.stdout, &forms());
    }
}

#[test]
fn the_database_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let world = world();
    world.sync_rows(&people(3), 0);
    let mode = std::fs::metadata(world.database()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
