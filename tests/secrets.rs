//! Secrets show nowhere: not in logs at their most talkative, not in the database, not in what commands print.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use common::{Daemon, Front, MailServer, MailTls, Manner, Receiver, Row, Way, World, hr_text, people, until};
use rustix::process::Signal;
use secrecy::SecretString;
use workiva_sync::sandbox::{Faults, SandboxOptions};

const PASSWORD: &str = "Tr0ub4dor&3-hunter2";
const USER: &str = "scim-user";
const TOKEN: &str = "metrics-t0ken-xyzzy";
const CONSOLE: &str = "c0nsole-t0ken-of-enough-letters";
/// What is secret of the channels of alerts: in two addresses, the signing key, the password for mail.
const OF_ALERTS: [&str; 4] =
    ["h00k-plugh-4711", "sl4ck-plover-0815", "s1gning-key-fee-fie", "m4il-pass-foe-foo"];

/// The password and the token, in each form.
fn forms() -> Vec<String> {
    [every_form(PASSWORD), every_form(TOKEN)].concat()
}

fn assert_hides(what: &str, bytes: &[u8], secrets: &[String]) {
    assert!(!bytes.is_empty(), "{what} is empty, which proves nothing");
    for secret in secrets {
        assert!(
            memchr::memmem::find(bytes, secret.as_bytes()).is_none(),
            "{what} holds a secret: {}",
            String::from_utf8_lossy(bytes)
        );
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
    let commands: [&[&str]; 9] = [
        &["config", "print"],
        &["check"],
        &["plan"],
        &["sync"],
        &["status"],
        &["check", "--json"],
        &["source", "preview", "--json"],
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

/// A secret in each form in which it could turn up: plain, in JSON, in a URL, and in Base64 wherever it begins there, alone or
/// with the user name before or behind it.
fn every_form(secret: &str) -> Vec<String> {
    let json = serde_json::Value::from(secret).to_string();
    let percent = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC);
    let form = secret.replace('%', "%25").replace('&', "%26");
    let mut forms = vec![secret.to_owned(), json.trim_matches('"').to_owned(), percent.to_string(), form];
    for text in [secret.to_owned(), format!("{USER}:{secret}"), format!("{secret}:{USER}")] {
        for before in 0..3 {
            let bytes = [&[0; 2][..before], text.as_bytes()].concat();
            let skipped = (before * 8).div_ceil(6);
            for engine in [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD] {
                let encoded = engine.encode(&bytes);
                // Only the characters that depend on nothing else.
                let whole = bytes.len() * 8 / 6;
                forms.push(encoded[skipped..whole].to_owned());
            }
        }
    }
    forms
}

#[test]
fn a_secret_is_looked_for_in_each_form() {
    let forms = every_form("pass\"word%1");
    for text in [
        BASE64_STANDARD.encode("x pass\"word%1 y"),
        BASE64_STANDARD.encode("xy pass\"word%1"),
        BASE64_STANDARD.encode(format!("{USER}:pass\"word%1")),
        serde_json::json!({"said": "pass\"word%1"}).to_string(),
        "https://x.example/?p=pass%22word%251".to_owned(),
    ] {
        assert!(forms.iter().any(|form| text.contains(form)), "{text}");
    }
    assert!(!forms.iter().any(|form| BASE64_STANDARD.encode("another text, as long as that").contains(form)));
}

/// Everything below the folder, but for the configuration and the files that hold the secrets.
fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "secrets" {
            files_below(&path, found);
        } else if path.is_file() && name != "config.toml" {
            found.push(path);
        }
    }
}

/// Channels that refuse every message and quote it back, with secrets in files.
fn tell_somebody(world: &mut World) -> (Receiver, MailServer) {
    let (receiver, mail) = (Receiver::start(), MailServer::start(MailTls::None));
    receiver.go(Manner::Answer(500));
    let [hook, slack, key, password] = OF_ALERTS;
    let secrets = [
        ("webhook.url", receiver.url(&format!("/{hook}?more={hook}"))),
        ("webhook.secret", key.to_owned()),
        ("slack.url", receiver.url(&format!("/services/{slack}"))),
        ("smtp.password", password.to_owned()),
    ];
    for (name, content) in secrets {
        let file = world.path(&format!("secrets/{name}"));
        std::fs::write(&file, format!("{content}\n")).unwrap();
        world.set(&format!("alerts.{name}_file"), file.to_str().unwrap());
    }
    world.set("alerts.timeout_seconds", 2);
    world.set("alerts.smtp.host", "127.0.0.1");
    world.set("alerts.smtp.port", i64::from(mail.port));
    world.set("alerts.smtp.tls", "none");
    world.set("alerts.smtp.username", USER);
    world.set("alerts.smtp.from", "sync@example.com");
    world.set("alerts.smtp.to", vec!["ops@example.com".to_owned()]);
    (receiver, mail)
}

/// Every mishap that there is, one after the other, while everything that talks talks as much as it can. `secret` is what
/// Workiva is shown, as `key`.
fn a_whole_faulty_run(options: SandboxOptions, key: &str, secret: &str) {
    let mut world = World::with(options);
    std::fs::create_dir(world.path("secrets")).unwrap();
    for (section, name, content) in [("workiva", key, secret), ("http", "token", TOKEN)] {
        let file = world.path(&format!("secrets/{section}"));
        std::fs::write(&file, format!("{content}\r\n")).unwrap();
        world.set(&format!("{section}.{name}_file"), file.to_str().unwrap());
    }
    let file = world.path("secrets/console");
    std::fs::write(&file, CONSOLE).unwrap();
    let user = [("name", "Ann"), ("role", "viewer"), ("token_file", file.to_str().unwrap())];
    let user: toml::Table = user.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
    world.set("http.users", vec![toml::Value::from(user)]);
    world.unset("workiva", "password");
    if key == "token" {
        world.set("workiva.auth", "bearer");
    }
    world.set("schedule.cron", "* * * * * *");
    world.set("retry.base_seconds", 0.01);
    world.set("retry.cap_seconds", 1);
    world.set("retry.max_attempts", 30);
    world.guard_tightly();
    let (receiver, mail) = tell_somebody(&mut world);
    let mut rows = people(30);
    world.hr(&rows);
    let front = Front::before(&mut world);
    world.sandbox.set_faults(Faults { rate: 0.3, slow_ms: 10, seed: 5, ..Faults::default() });
    let taken = serde_json::json!({"userName": rows[3].email, "externalId": "9", "active": false});
    world.sandbox.seed_user(taken).unwrap();
    // Whatever a crash leaves is left in the world's folder.
    let mut daemon = Daemon::start_by_shell(&world, "export WORKIVA_SYNC_LOG=trace; ulimit -c unlimited");
    let without_taken: Vec<Row> = rows.iter().filter(|row| row.id != rows[3].id).cloned().collect();
    until("all but one are there", || world.agrees(&without_taken));
    until("the one is parked", || !world.parked().is_empty());
    world.hr(&rows[..8]);
    until("a plan is held", || !world.status()["held"].is_null());
    let plan = world.status()["held"]["plan_id"].as_str().unwrap().to_owned();

    until("every channel was tried", || {
        let paths: Vec<String> =
            receiver.asked().iter().map(|one| one.head.lines().next().unwrap().to_owned()).collect();
        OF_ALERTS[..2].iter().all(|secret| paths.iter().any(|path| path.contains(secret)))
            && !mail.logins().is_empty()
    });
    let login = daemon.post("/login", &[], format!("token={CONSOLE}&next=/").as_bytes());
    let cookie = login.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let session = cookie.split_once('=').unwrap().1;
    let of_alerts = OF_ALERTS.iter().flat_map(|secret| every_form(secret));
    let own = [every_form(secret), every_form(TOKEN), every_form(CONSOLE), every_form(session)].concat();
    let secrets: Vec<String> = own.into_iter().chain(of_alerts).collect();
    let person = rows[0].id.clone();
    let tell = |what: &str, world: &World| {
        let commands: [&[&str]; 17] = [
            &["check"],
            &["plan"],
            &["plan", "--json"],
            &["plan", "--save"],
            &["apply", &plan],
            &["sync", "--json"],
            &["approve", &plan, "--by", "somebody"],
            &["status", "--json"],
            &["actions", "list"],
            &["explain", &person, "--json"],
            &["adopt", "--json"],
            &["drift", "--json"],
            &["audit", "verify"],
            &["audit", "export"],
            &["config", "print"],
            &["alerts", "list", "--json"],
            &["alerts", "test"],
        ];
        for arguments in commands {
            let output = world.command(arguments).env("WORKIVA_SYNC_LOG", "trace").output().unwrap();
            let both = [output.stdout, output.stderr].concat();
            assert_hides(&format!("{what}: {arguments:?}"), &both, &secrets);
        }
    };
    tell("all is well", &world);
    // Whether the plan was approved or replaced before that: what is changed from here on has to be sent.
    world.hr(&rows);
    until("no plan is held", || world.status()["held"].is_null());
    for way in [Way::Redirecting, Way::Broken, Way::Page] {
        front.go(way);
        rows[0] = rows[0].but(|row| row.title = format!("{way:?}"));
        world.hr(&rows);
        until("it tells", || daemon.get_as("/readyz", TOKEN).status == 503);
        tell(&format!("{way:?}"), &world);
    }
    front.go(Way::Refusing);
    until("the refusal is told", || daemon.get_as("/readyz", TOKEN).body.contains("credentials"));
    tell("the credentials are refused and quoted back", &world);
    world.set("workiva.lease_seconds", 1);
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("stays as it was");
    assert_hides("/metrics", daemon.get_as("/metrics", TOKEN).body.as_bytes(), &secrets);
    assert_hides("/readyz", daemon.get_as("/readyz", TOKEN).body.as_bytes(), &secrets);
    for path in ["/", "/parked", "/runs", "/audit", "/configuration", &format!("/people/{person}")] {
        let page = daemon.get_in(path, &cookie);
        assert_eq!(page.status, 200, "{page:?}");
        assert_hides(path, page.body.as_bytes(), &secrets);
    }
    for path in ["/v1/overview", "/v1/actions/parked", "/v1/audit", "/v1/configuration"] {
        assert_hides(path, daemon.get_as(path, CONSOLE).body.as_bytes(), &secrets);
    }
    assert_hides("what the system shows of the process", daemon.proc("cmdline").as_bytes(), &secrets);
    daemon.signal(Signal::ABORT);
    daemon.wait();
    assert_hides("the log", daemon.log().as_bytes(), &secrets);
    let mut files = Vec::new();
    files_below(&world.path(""), &mut files);
    assert!(files.iter().any(|file| file.ends_with("state.db-wal")), "{files:?}");
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        // A lock is empty.
        if !bytes.is_empty() {
            assert_hides(&file.display().to_string(), &bytes, &secrets);
        }
    }
}

#[test]
fn a_whole_faulty_run_shows_no_password_in_any_form_and_neither_does_its_crash() {
    let password = "Tr0ub4dor\"&3\\hunter2%";
    let options = SandboxOptions { password: SecretString::from(password), ..SandboxOptions::default() };
    a_whole_faulty_run(options, "password", password);
}

#[test]
fn a_whole_faulty_run_shows_no_bearer_token_in_any_form_and_neither_does_its_crash() {
    let token = "b3arer.t0ken/with+signs~xyzzy==";
    let options = SandboxOptions { bearer: Some(SecretString::from(token)), ..SandboxOptions::default() };
    a_whole_faulty_run(options, "token", token);
}

/// How `check` ends, and what it says: a pipe into which nobody writes would be waited for.
fn ended_check(world: &World) -> (Option<i32>, String) {
    let mut child = world
        .command(&["check"])
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    until("it has ended", || child.try_wait().unwrap().is_some());
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn what_is_named_as_the_file_of_a_secret_and_is_none_is_refused_at_once_by_its_key() {
    let mut world = World::new();
    world.hr(&people(2));
    let password = world.config["workiva"]["password"].as_str().unwrap().to_owned();
    world.unset("workiva", "password");
    let made = std::process::Command::new("mkfifo").arg(world.path("pipe")).status().unwrap();
    assert!(made.success());
    std::fs::create_dir(world.path("folder")).unwrap();
    std::os::unix::fs::symlink(world.path("pipe"), world.path("link")).unwrap();
    for name in ["pipe", "folder", "link", "/dev/zero"] {
        let file = world.path(name).display().to_string();
        world.set("workiva.password_file", file.clone());
        let (exit, stderr) = ended_check(&world);
        assert_eq!(exit, Some(2), "{name}: {stderr}");
        let told = format!("workiva.password_file = {file}: cannot be read (it is no regular file");
        assert!(stderr.contains(&told), "{told} in {stderr}");
    }
    // As Kubernetes mounts a secret: a link to a link to a folder with the file.
    std::fs::create_dir(world.path("..data-1")).unwrap();
    std::fs::write(world.path("..data-1/password"), &password).unwrap();
    std::os::unix::fs::symlink("..data-1", world.path("..data")).unwrap();
    std::os::unix::fs::symlink("..data/password", world.path("password")).unwrap();
    world.set("workiva.password_file", world.path("password").display().to_string());
    world.run(&["check"]).assert_says(0, &[]);
    // A file of certificates is no secret, and waits for nobody either.
    world.set("workiva.ca_file", world.path("pipe").display().to_string());
    let (_, stderr) = ended_check(&world);
    assert!(stderr.contains("it is no regular file"), "{stderr}");
}
