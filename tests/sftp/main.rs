//! An HR file on a real OpenSSH server: who is trusted, which file is read, and that half of one is none.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

#[path = "../common/mod.rs"]
mod common;
mod endless;
mod own;
mod password;
mod proxy;
mod server;

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Row, World, hr_text, kinds, people};
use proxy::proxy;
use server::{Sshd, kill, sshd, user};

/// A world whose HR file lies on this server.
fn world(server: &Sshd) -> World {
    let mut world = World::new();
    world.set("source.path", world.path("employees*").display().to_string());
    world.set("source.sftp.host", "127.0.0.1");
    world.set("source.sftp.port", i64::from(server.port));
    world.set("source.sftp.username", user());
    world.set("source.sftp.private_key_file", server.file("user").display().to_string());
    world.set("source.sftp.host_key", server.public("host"));
    world
}

/// `sync` refuses the source, changes nobody, and says why in these words.
fn assert_refused(world: &World, words: &[&str]) {
    let writes = world.writes();
    let synced = world.sync();
    assert_eq!((synced.exit, synced.outcome()), (5, "incomplete"), "{synced:?}");
    let told = world.run(&["sync"]);
    assert_eq!(told.exit, 5, "{told:?}");
    for word in words {
        assert!(told.stdout.contains(word), "'{word}' is not in {told:?}");
    }
    assert_eq!(world.writes(), writes);
}

fn age(world: &World, name: &str, seconds: u64) {
    let written = std::fs::metadata(world.path(name)).unwrap().modified().unwrap();
    let at = written - Duration::from_secs(seconds);
    File::options().write(true).open(world.path(name)).unwrap().set_modified(at).unwrap();
}

/// So many rows that they are many times what is read ahead.
fn many() -> Vec<Row> {
    people(16_000).iter().map(|row| row.but(|row| row.title = "x".repeat(1_000))).collect()
}

#[test]
fn a_file_on_a_server_is_read_as_one_that_lies_here() {
    let Some(server) = sshd("") else { return };
    let world = world(&server);
    let rows = people(3);
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("create", 3)]));
    world.assert_agrees(&rows);
    world.sync().assert_unchanged();
    assert_eq!(world.sync_rows(&rows[..2], 0).applied(), kinds([("suspend", 1)]));
    let checked = world.run(&["check"]);
    assert_eq!(checked.exit, 0, "{checked:?}");
    let name = format!("sftp://127.0.0.1:{}{}", server.port, world.path("employees.csv").display());
    assert!(checked.stdout.contains(&format!("{name}: complete, 2 usable rows")), "{checked:?}");
}

#[test]
fn a_preview_takes_the_beginning_of_a_file_from_a_server_and_stops() {
    let Some(server) = sshd("") else { return };
    let world = world(&server);
    world.hr(&many());
    let told = world.run(&["source", "preview", "--limit", "1"]);
    assert_eq!((told.exit, told.stderr.as_str()), (0, ""), "{told:?}");
    let name = format!("sftp://127.0.0.1:{}{}", server.port, world.path("employees.csv").display());
    for words in [name.as_str(), "shown; the read was stopped behind 512 rows"] {
        assert!(told.stdout.contains(words), "'{words}' is not in {told:?}");
    }
}

#[test]
fn keys_of_every_kind_and_format_are_let_in_and_a_passphrase_opens_them() {
    let Some(server) = sshd("") else { return };
    let mut world = world(&server);
    world.hr(&people(2));
    let keys: [(&str, &[&str]); 5] = [
        ("rsa", &["-t", "rsa", "-b", "2048"]),
        ("rsa_pem", &["-t", "rsa", "-b", "2048", "-m", "PEM"]),
        ("rsa_pkcs8", &["-t", "rsa", "-b", "2048", "-m", "PKCS8"]),
        ("ecdsa", &["-t", "ecdsa", "-b", "384"]),
        ("locked", &["-t", "ed25519", "-N", "open sesame"]),
    ];
    std::fs::write(server.file("passphrase"), "open sesame\n").unwrap();
    for (name, how) in keys {
        server.let_in(name, how);
        world.set("source.sftp.private_key_file", server.file(name).display().to_string());
        if name == "locked" {
            assert_refused(&world, &["private key cannot be used", "source.sftp.passphrase_file"]);
            world.set("source.sftp.passphrase_file", server.file("passphrase").display().to_string());
        }
        assert_eq!(world.sync().exit, 0, "{name}");
    }
}

#[test]
fn a_key_that_is_not_let_in_and_one_that_is_none_are_told_by_their_own_words() {
    let Some(server) = sshd("") else { return };
    let mut world = world(&server);
    world.hr(&people(2));
    world.set("source.sftp.private_key_file", server.file("stranger").display().to_string());
    assert_refused(&world, &["refused the private key", &server.fingerprint("stranger"), &user()]);
    world.set("source.sftp.private_key_file", server.file("sshd_config").display().to_string());
    assert_refused(&world, &["the private key cannot be used", "format of OpenSSH or PEM"]);
}

#[test]
fn an_unknown_host_key_is_refused_and_the_error_shows_how_to_pin_it() {
    let Some(server) = sshd("") else { return };
    let mut world = world(&server);
    world.hr(&people(2));
    world.unset("source.sftp", "host_key");
    let shown = [&*server.fingerprint("host"), "no host key is pinned yet", "is not trusted"];
    assert_refused(&world, &shown);
    let checked = world.run(&["check"]);
    assert_eq!(checked.exit, 5, "{checked:?}");
    let pin = format!("source.sftp.host_key = \"{}\"", server.public("host"));
    assert!(checked.stdout.contains(&pin), "{checked:?}");
    world.set("source.sftp.host_key", server.fingerprint("host"));
    assert_eq!(world.sync().applied(), kinds([("create", 2)]));
}

#[test]
fn a_host_key_that_is_another_one_than_before_is_refused_before_anything_is_sent() {
    let Some(server) = sshd("") else { return };
    let Some(other) = sshd("") else { return };
    let mut world = world(&server);
    let rows = people(2);
    world.sync_rows(&rows, 0);
    for pinned in [other.public("host"), other.fingerprint("host")] {
        world.set("source.sftp.host_key", pinned);
        let words = [&*server.fingerprint("host"), "is not the one that is pinned", "Nothing was sent"];
        assert_refused(&world, &words);
    }
    world.assert_agrees(&rows);
    // A server with several keys is asked for the one that is pinned.
    world.set("source.sftp.host_key", server.public("host_ecdsa"));
    world.sync().assert_unchanged();
}

#[test]
fn a_known_hosts_file_pins_as_openssh_writes_it_and_a_revoked_key_is_never_trusted() {
    let Some(server) = sshd("") else { return };
    let mut world = world(&server);
    world.hr(&people(2));
    world.unset("source.sftp", "host_key");
    let known = world.path("known_hosts");
    world.set("source.sftp.known_hosts_file", known.display().to_string());
    assert_refused(&world, &["known_hosts cannot be read"]);
    let line = format!("[127.0.0.1]:{} {}\n", server.port, server.public("host"));
    std::fs::write(&known, format!("other.test {}\n", server.public("host"))).unwrap();
    assert_refused(&world, &["has no line for this server", &server.fingerprint("host")]);
    std::fs::write(&known, line.replace(&server.public("host"), &server.public("stranger"))).unwrap();
    assert_refused(&world, &["has another one for it", &server.fingerprint("stranger")]);
    std::fs::write(&known, &line).unwrap();
    assert_eq!(world.sync().applied(), kinds([("create", 2)]));
    let hashed = std::process::Command::new("ssh-keygen").arg("-Hf").arg(&known).output().unwrap();
    assert!(hashed.status.success() && std::fs::read_to_string(&known).unwrap().starts_with("|1|"));
    world.sync().assert_unchanged();
    std::fs::write(&known, format!("@revoked * {}\n{line}", server.public("host"))).unwrap();
    assert_refused(&world, &["is revoked"]);
}

#[test]
fn of_several_files_the_newest_is_read_and_names_in_flight_are_not() {
    let Some(server) = sshd("") else { return };
    let mut world = world(&server);
    let missing = [&*format!("no HR file matches sftp://127.0.0.1:{}", server.port), "employees*"];
    assert_refused(&world, &missing);
    let put = |name: &str, rows: usize, seconds: u64| {
        std::fs::write(world.path(name), hr_text(&people(rows))).unwrap();
        age(&world, name, seconds);
    };
    put("employees-9.csv.partial", 9, 0);
    put("employees-8.csv.filepart", 9, 0);
    // Another name of what is not done yet, which the pattern does not mean.
    put(".employees-7.csv", 9, 0);
    assert_refused(&world, &["2 still being written"]);
    put("employees-2.csv", 2, 100);
    put("employees-1.csv", 1, 200);
    assert_eq!(world.sync().applied(), kinds([("create", 2)]));
    // Of equal age the last by name.
    put("employees-3.csv", 3, 50);
    put("employees-4.csv", 4, 50);
    let at = std::fs::metadata(world.path("employees-3.csv")).unwrap().modified().unwrap();
    File::options().write(true).open(world.path("employees-4.csv")).unwrap().set_modified(at).unwrap();
    assert_eq!(world.sync().applied(), kinds([("create", 2)]));
    world.set("source.path", world.path("*employees*").display().to_string());
    world.sync().assert_unchanged();
}

#[test]
fn a_marker_a_control_file_and_a_trailer_prove_a_file_there_too() {
    let Some(server) = sshd("") else { return };
    let mut world = world(&server);
    world.set("source.done_marker", "{file}.done");
    world.set("source.control_file", "{file}.count");
    world.set("source.trailer", "TRAILER");
    world.hr_text(&format!("{}TRAILER,3\n", hr_text(&people(3))));
    assert_refused(&world, &["employees.csv.done is not there"]);
    std::fs::write(world.path("employees.csv.done"), "").unwrap();
    assert_refused(&world, &["employees.csv.count is not there"]);
    std::fs::write(world.path("employees.csv.count"), "4\n").unwrap();
    assert_refused(&world, &["announces 4 records and 3 arrived"]);
    std::fs::write(world.path("employees.csv.count"), "3\n").unwrap();
    assert_eq!(world.sync().applied(), kinds([("create", 3)]));
    age(&world, "employees.csv.done", 60);
    assert_refused(&world, &["employees.csv.done is older"]);
}

#[test]
fn a_file_that_still_grows_is_not_read_until_it_has_kept_its_size() {
    let Some(server) = sshd("") else { return };
    let mut world = world(&server);
    world.set("source.stable_seconds", 2);
    let rows = people(50);
    let whole = hr_text(&rows);
    let path = world.path("employees.csv");
    let writes = Arc::new(AtomicBool::new(true));
    let writer = std::thread::spawn({
        let (writes, path, whole) = (Arc::clone(&writes), path.clone(), whole.clone());
        move || {
            let mut lines = 5;
            while writes.load(Ordering::Relaxed) {
                lines += 1;
                let text: Vec<&str> = whole.split_inclusive('\n').take(lines).collect();
                std::fs::write(&path, text.concat()).unwrap();
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    });
    std::thread::sleep(Duration::from_millis(300));
    assert_refused(&world, &["still being written", "source.stable_seconds"]);
    writes.store(false, Ordering::Relaxed);
    writer.join().unwrap();
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(world.sync().applied(), kinds([("create", 50)]));
}

#[test]
fn a_connection_that_is_cut_in_the_middle_of_the_file_is_incomplete() {
    let Some(server) = sshd("") else { return };
    let mut world = world(&server);
    let rows = people(3);
    world.sync_rows(&rows, 0);
    world.hr(&many());
    let cut = proxy(server.port, 4_000_000, || false);
    world.set("source.sftp.port", i64::from(cut));
    assert_refused(&world, &["is not complete", "connection to the server was lost", "bytes"]);
    world.assert_agrees(&rows);
}

#[test]
fn a_server_that_is_killed_in_the_middle_of_the_file_changes_nobody_and_is_read_once_it_is_back() {
    let Some(mut server) = sshd("") else { return };
    let mut world = world(&server);
    let rows = people(3);
    world.sync_rows(&rows, 0);
    let (all, pid) = (many(), server.pid());
    world.hr(&all);
    let killed = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&killed);
    let between = proxy(server.port, 4_000_000, move || {
        kill(pid);
        done.store(true, Ordering::SeqCst);
        true
    });
    world.set("source.sftp.port", i64::from(between));
    let writes = world.writes();
    let synced = world.sync();
    assert!(killed.load(Ordering::SeqCst), "it was read before it was killed: {synced:?}");
    assert_eq!((synced.exit, synced.outcome()), (5, "incomplete"), "{synced:?}");
    assert_eq!(world.writes(), writes);
    world.set("source.sftp.port", i64::from(server.port));
    assert_refused(&world, &["cannot be reached"]);
    world.assert_agrees(&rows);
    server.start_again();
    world.hr(&rows[..2]);
    assert_eq!(world.sync().applied(), kinds([("suspend", 1)]));
    world.assert_agrees(&rows[..2]);
}

#[test]
fn a_server_that_falls_silent_in_the_middle_of_the_file_is_not_waited_for_without_end() {
    let Some(server) = sshd("") else { return };
    let mut world = world(&server);
    world.hr(&many());
    let silent = proxy(server.port, 4_000_000, || {
        std::thread::sleep(Duration::from_secs(30));
        false
    });
    world.set("source.sftp.port", i64::from(silent));
    world.set("source.sftp.timeout_seconds", 2);
    assert_refused(&world, &["is not complete", "did not answer in time"]);
    // And one that says nothing at all.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    world.set("source.sftp.port", i64::from(mute.local_addr().unwrap().port()));
    assert_refused(&world, &["did not let us in within 2 s"]);
    drop(mute);
    assert_refused(&world, &["cannot be reached"]);
}

#[test]
fn a_file_that_comes_too_slowly_is_given_up() {
    let Some(server) = sshd("") else { return };
    let mut world = world(&server);
    world.hr(&many());
    let slow = proxy(server.port, 4_000_000, || {
        std::thread::sleep(Duration::from_secs(2));
        true
    });
    world.set("source.sftp.port", i64::from(slow));
    world.set("source.sftp.transfer_seconds", 1);
    assert_refused(&world, &["did not come within 1 s", "source.sftp.transfer_seconds"]);
}

#[test]
fn a_file_that_is_written_to_or_replaced_while_it_is_read_is_incomplete() {
    let Some(server) = sshd("") else { return };
    let mut world = world(&server);
    let whole = hr_text(&many());
    type Change = fn(&std::path::Path, &str);
    let append = |path: &std::path::Path, whole: &str| {
        let mut file = File::options().append(true).open(path).unwrap();
        std::io::Write::write_all(&mut file, whole.as_bytes()).unwrap();
    };
    let changes: [(Change, &str); 4] = [
        (append, "changed while it was read"),
        (|path, _| std::fs::write(path, "gone").unwrap(), "is not complete"),
        (|path, _| std::fs::remove_file(path).unwrap(), "another file took its name, or it was taken away"),
        (
            |path, whole| {
                let other = path.with_extension("other");
                std::fs::write(&other, whole.replace("Finance", "Tax")).unwrap();
                std::fs::rename(other, path).unwrap();
            },
            "another file took its name",
        ),
    ];
    for (change, word) in changes {
        world.hr_text(&whole);
        age(&world, "employees.csv", 100);
        let (path, text) = (world.path("employees.csv"), Mutex::new(whole.clone()));
        let port = proxy(server.port, 4_000_000, move || {
            change(&path, &text.lock().unwrap());
            true
        });
        world.set("source.sftp.port", i64::from(port));
        let synced = world.run(&["sync"]);
        assert_eq!(synced.exit, 5, "{synced:?}");
        assert!(synced.stdout.contains(word), "'{word}' is not in {synced:?}");
        assert_eq!(world.writes(), 0);
    }
}

#[test]
fn a_server_without_sftp_is_told_as_such() {
    let Some(server) = sshd("Subsystem other /bin/false") else { return };
    let world = world(&server);
    world.hr(&people(2));
    assert_refused(&world, &["let us in, but", "SFTP"]);
}

fn names(world: &World, folder: &str) -> Vec<String> {
    let listed = std::fs::read_dir(world.path(folder)).unwrap();
    let files = listed.map(|entry| entry.unwrap()).filter(|entry| entry.path().is_file());
    let names = files.map(|entry| entry.file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.starts_with("employees")).collect();
    names.sort();
    names
}

#[test]
fn a_file_is_archived_on_the_server_once_its_plan_is_stored_and_not_for_a_look() {
    let Some(server) = sshd("") else { return };
    let mut world = world(&server);
    world.set("source.archive", "archive");
    std::fs::create_dir(world.path("archive")).unwrap();
    let rows = people(3);
    world.hr(&rows);
    for look in [&["plan"][..], &["check"], &["source", "preview"]] {
        assert_eq!(world.run(look).exit, 0);
        assert_eq!(names(&world, ""), ["employees.csv"], "{look:?}");
    }
    assert_eq!(world.sync().applied(), kinds([("create", 3)]));
    assert!(names(&world, "").is_empty());
    assert!(
        names(&world, "archive")[0].starts_with("employees.csv.archived-"),
        "{:?}",
        names(&world, "archive")
    );
    // Without a new file the newest archived one is read.
    world.sync().assert_unchanged();
    assert_eq!(world.run(&["check"]).exit, 0);
    // A file that cannot be believed stays.
    std::fs::write(world.path("employees.csv"), common::HEADER).unwrap();
    assert_refused(&world, &["min_records"]);
    assert_eq!(names(&world, ""), ["employees.csv"]);
    assert_eq!(world.sync_rows(&rows[..2], 0).applied(), kinds([("suspend", 1)]));
    assert!(names(&world, "").is_empty());
    assert_eq!(names(&world, "archive").len(), 2);
}

#[test]
fn a_server_that_forbids_archiving_is_told_of_and_what_was_read_counts() {
    let Some(server) = sshd("Subsystem sftp internal-sftp -R") else { return };
    let mut world = world(&server);
    world.set("source.archive", "archive");
    std::fs::create_dir(world.path("archive")).unwrap();
    let rows = people(3);
    world.hr(&rows);
    let synced = common::run(world.command(&["sync"]).env("WORKIVA_SYNC_LOG", "warn"));
    assert_eq!(synced.exit, 0, "{synced:?}");
    world.assert_agrees(&rows);
    let words = ["employees.csv was read, and cannot be moved to", "denies the permission", "source.archive"];
    for word in words {
        assert!(synced.stderr.contains(word), "'{word}' is not in {synced:?}");
    }
    assert_eq!(names(&world, ""), ["employees.csv"]);
    assert!(synced.stdout.contains("not cleared away"), "{synced:?}");
    let run = world.status()["runs"][0].clone();
    assert_eq!(run["outcome"], "applied");
    assert!(run["message"].as_str().unwrap().contains("cannot be moved to"), "{run}");
    // As after a crash behind the plan: a run that finds nothing new puts away what was left.
    let Some(other) = sshd("") else { return };
    world.set("source.sftp.port", i64::from(other.port));
    world.set("source.sftp.private_key_file", other.file("user").display().to_string());
    world.set("source.sftp.host_key", other.public("host"));
    world.sync().assert_unchanged();
    assert!(names(&world, "").is_empty());
    world.assert_agrees(&rows);
}

#[test]
fn deltas_on_a_server_change_and_remove_people_and_a_full_file_heals() {
    let Some(server) = sshd("") else { return };
    let mut world = world(&server);
    let path = |world: &World, name: &str| world.path(name).display().to_string();
    world.set("source.delta.path", path(&world, "changes-*.csv"));
    world.set("source.delta.action_column", "Action");
    world.set("source.delta.delete_values", toml::Value::Array(vec!["D".into()]));
    world.set("source.delta.numbered", true);
    let rows = people(4);
    world.hr(&rows);
    age(&world, "employees.csv", 600);
    assert_eq!(world.sync().applied(), kinds([("create", 4)]));
    let delta = |number: u32, rows: &[(Row, &str)]| {
        let lines = rows.iter().map(|(row, action)| {
            let line = hr_text(std::slice::from_ref(row));
            format!("{},{action}\n", line.lines().nth(1).unwrap())
        });
        let text = format!("{},Action\n{}", common::HEADER.trim(), lines.collect::<String>());
        let name = format!("changes-{number}.csv");
        std::fs::write(world.path(&name), text).unwrap();
        age(&world, &name, 60);
    };
    let cfo = rows[0].but(|row| row.title = "CFO".into());
    delta(1, &[(cfo.clone(), "U"), (rows[1].clone(), "D")]);
    delta(2, &[(Row::new("2000", "New", "Hire"), "I")]);
    let synced = world.sync();
    assert_eq!(synced.applied(), kinds([("create", 1), ("update", 1), ("suspend", 1)]), "{synced:?}");
    let now = [cfo, rows[2].clone(), rows[3].clone(), Row::new("2000", "New", "Hire")];
    world.assert_agrees(&now);
    world.sync().assert_unchanged();
    delta(4, &[(rows[1].clone(), "U")]);
    let waits = world.run(&["sync"]);
    assert_eq!(waits.exit, 0, "{waits:?}");
    assert!(waits.stdout.contains("number 3 is missing"), "{waits:?}");
    world.assert_agrees(&now);
    assert_eq!(world.sync_rows(&rows, 0).exit, 0, "a full file heals");
    world.assert_agrees(&rows);
}

#[test]
fn what_is_wrong_with_the_server_or_the_deltas_is_told_by_its_key_and_no_secret_is_shown() {
    let mut world = World::new();
    world.set("source.path", "hr/*/employees.csv");
    world.set("source.archive", "old/*");
    world.set("source.sftp.host", " sftp.example.com");
    world.set("source.sftp.username", "hr");
    world.set("source.sftp.passphrase", "open sesame");
    world.set("source.sftp.host_key", "aa:bb:cc");
    world.set("source.sftp.known_hosts_file", "known_hosts");
    world.set("source.delta.path", "hr/*/employees.csv");
    world.set("source.delta.action_column", "Action");
    world.set("source.delta.delete_values", toml::Value::Array(Vec::new()));
    let told = world.run(&["check"]);
    assert_eq!(told.exit, 2, "{told:?}");
    let said = format!("{}{}", told.stdout, told.stderr);
    let keys = [
        "source.path = hr/*/employees.csv: may have",
        "source.archive = old/*",
        "source.sftp.host =  sftp.example.com",
        "source.sftp.private_key_file: is required",
        "source.sftp.passphrase_file: belongs to a private key",
        "source.sftp.host_key = aa:bb:cc",
        "source.sftp.known_hosts_file: stands beside",
        "source.delta.path = hr/*/employees.csv: is that of the full file",
        "source.delta.delete_values",
    ];
    for key in keys {
        assert!(said.contains(key), "'{key}' is not in {said}");
    }
    assert!(!said.contains("sesame"), "{said}");
}
