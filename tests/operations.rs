//! What docs/operations.md tells operators to do after a disaster ends with Workiva equal to HR.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Daemon, Front, Row, Way, World, is_active, kinds, people, until};
use workiva_sync::sandbox::Faults;

/// `drift --repair` with leave to lead back as many as there are.
fn lead_back(world: &World) {
    let mut command = world.command(&["drift", "--repair"]);
    command.env("WORKIVA_SYNC__DRIFT__MAX_REPAIR_PERCENT", "100");
    let output = common::run(&mut command);
    assert_eq!(output.exit, 0, "{output:?}");
}

fn copy(world: &World, from: &str, to: &str) {
    std::fs::copy(world.path(from), world.path(to)).unwrap();
}

fn back_up(world: &World, name: &str) {
    let output = world.run(&["backup", world.path(name).to_str().unwrap()]);
    output.assert_says(0, &["looked through, and whole", "as an anchor"]);
}

/// What happens after the backup: somebody of every kind of change, so that the older state is wrong about each.
fn weeks_later(rows: &[Row]) -> Vec<Row> {
    let mut later = rows.to_vec();
    later[0].title = "CFO".into();
    later[1] = later[1].left();
    later[2].family = "Married".into();
    later[2].email = "person.married@example.com".into();
    later[3] = later[3].left();
    later[4].title = "Controller".into();
    later.push(Row::new("2000", "Hired", "Later"));
    later.push(Row::new("2001", "Hired", "Andleft"));
    later
}

#[test]
fn an_older_database_that_was_restored_converges_by_adopt_and_drift_repair() {
    let world = World::new();
    let rows = people(8);
    world.sync_rows(&rows, 0);
    back_up(&world, "backup.db");
    let later = weeks_later(&rows);
    world.sync_rows(&later, 0);
    world.assert_agrees(&later);

    // Meanwhile HR has put some back to what the backup knows, and somebody whom it does not know has left.
    let mut now = later.clone();
    now[3] = rows[3].clone();
    now[4] = rows[4].clone();
    now[9] = now[9].left();
    copy(&world, "backup.db", "state.db");
    world.hr(&now);
    let creates = world.statistics().creates;
    assert_eq!(world.run(&["adopt"]).exit, 0);
    lead_back(&world);
    world.sync();
    world.assert_agrees(&now);
    assert!(
        !is_active(&world.user(&now[9].email).unwrap()),
        "who was hired and left since the backup is out"
    );
    assert_eq!((world.sandbox.users().len(), world.statistics().creates), (10, creates), "no second account");
    world.sync().assert_unchanged();
    assert_eq!(world.run(&["drift"]).exit, 0, "nothing is left to lead back");
    assert_eq!(world.run(&["audit", "verify"]).exit, 0, "the older chain goes on");
}

/// What the docs have a shell carry out that puts a backup in place, of those lines that begin so: each with its script.
fn restoring(program: &str) -> Vec<(String, bool)> {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/deployment.md")).unwrap();
    let lines = page.lines().filter(|line| line.starts_with(program) && line.contains("restored.db"));
    lines
        .map(|line| {
            let script = line.split(" sh -c '").nth(1).unwrap().split('\'').next().unwrap();
            (script.to_owned(), line.ends_with("< backup.db"))
        })
        .collect()
}

#[test]
fn a_backup_is_put_back_by_the_very_lines_that_the_docs_tell() {
    use std::os::unix::fs::PermissionsExt;
    for program in ["kubectl", "docker run"] {
        let mut world = World::new();
        std::fs::create_dir(world.path("state")).unwrap();
        let database = world.path("state/workiva-sync.db");
        world.set("store.url", format!("sqlite://{}", database.display()));
        let rows = people(4);
        world.sync_rows(&rows, 0);
        let backup = world.path("backup.db");
        world.run(&["backup", backup.to_str().unwrap()]).assert_says(0, &[]);
        let later: Vec<Row> = rows
            .iter()
            .map(|row| row.but(|row| row.title = "CFO".into()))
            .chain([Row::new("9", "New", "Hire")])
            .collect();
        world.sync_rows(&later, 0);
        // As a daemon leaves it that was killed: none of it belongs to the backup.
        for beside in ["state/workiva-sync.db-wal", "state/workiva-sync.db-shm"] {
            std::fs::write(world.path(beside), "what is left of the other one").unwrap();
        }
        let scripts = restoring(program);
        assert_eq!(scripts.len(), 2, "{program}: {scripts:?}");
        for (script, reads) in scripts {
            let script = script.replace("/data/state", world.path("state").to_str().unwrap());
            let stdin = if reads { File::open(&backup).unwrap().into() } else { Stdio::null() };
            let status = Command::new("sh").args(["-c", &script]).stdin(stdin).status().unwrap();
            assert!(status.success(), "{script}");
        }
        assert_eq!(std::fs::metadata(&database).unwrap().permissions().mode() & 0o777, 0o600);
        world.run(&["audit", "verify"]).assert_says(0, &[]);
        let known = |id: &str| {
            let told: serde_json::Value =
                serde_json::from_str(&world.run(&["explain", id, "--json"]).stdout).unwrap();
            !told["account"].is_null()
        };
        assert!(known(&rows[0].id) && !known("9"), "it is the older one");
        assert_eq!(world.run(&["adopt"]).exit, 0);
        assert!(known("9"), "and whoever came since is found again");
        lead_back(&world);
        world.sync();
        world.assert_agrees(&later);
        assert_eq!(world.statistics().creates, 5, "nobody is made twice");
    }
}

#[test]
fn a_backup_of_a_database_that_was_meddled_with_is_made_and_called_no_proof() {
    let world = World::new();
    world.sync_rows(&people(3), 0);
    world.meddle("UPDATE run SET rejected = 7 WHERE rowid = 1");
    let path = world.path("backup.db");
    let told = world.run(&["backup", path.to_str().unwrap()]);
    assert_eq!(told.exit, 1, "{told:?}");
    assert!(told.stdout.contains("its audit is NOT whole") && !told.stdout.contains("anchor"), "{told:?}");
    assert!(path.metadata().unwrap().len() > 0, "it is kept");
    let second = world.path("second.db");
    let told = world.run(&["backup", second.to_str().unwrap(), "--json"]);
    let json: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    assert!(told.exit == 1 && json["audit_fault"].as_str().unwrap().contains("is not what record"), "{json}");
}

#[test]
fn a_backup_that_was_taken_in_mid_push_is_whole_and_the_push_goes_on_from_it() {
    use std::os::unix::fs::PermissionsExt;
    let mut world = World::new();
    world.set("workiva.max_in_flight", 1);
    world.set("guard.max_create_percent", 100_000.0);
    let rows = people(40);
    world.hr(&rows);
    world.sandbox.set_faults(Faults { rate: 0.0, latency_ms: 20, ..Faults::default() });
    let mut daemon = Daemon::start(&world);
    until("some are made", || (5..30).contains(&world.statistics().creates));
    let path = world.path("backup.db");
    let told = world.run(&["backup", path.to_str().unwrap(), "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!((&told["people"], &told["audit_fault"]), (&40.into(), &serde_json::Value::Null), "{told}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let again = world.run(&["backup", path.to_str().unwrap()]);
    assert_eq!(again.exit, 1);
    assert_eq!(again.stderr.matches("it is there already").count(), 1, "{again:?}");
    until("all are made", || world.agrees(&rows));
    assert_eq!(daemon.stop(), 0);
    for gone in ["state.db-wal", "state.db-shm"] {
        // SQLite takes them away where the last one closes the file.
        let _ = std::fs::remove_file(world.path(gone));
    }
    copy(&world, "backup.db", "state.db");
    let creates = world.statistics().creates;
    world.sync_rows(&rows, 0);
    world.assert_agrees(&rows);
    assert_eq!(
        world.statistics().creates,
        creates,
        "who was made behind the backup is found and not made twice"
    );
    let anchor = format!("{}:{}", told["audit_head"]["seq"], told["audit_head"]["hash"].as_str().unwrap());
    assert_eq!(world.run(&["audit", "verify", "--anchor", &anchor]).exit, 0);
    assert!(!world.path("backup.db.partial").exists());
}

#[test]
fn a_database_of_a_newer_version_is_refused_with_a_clear_word_and_left_as_it_is() {
    let world = World::new();
    world.sync_rows(&people(2), 0);
    world.execute(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 0)",
    );
    let before = std::fs::read(world.path("state.db")).unwrap();
    for command in ["run", "sync", "status", "plan"] {
        let output = world.run(&[command]);
        assert_eq!(output.exit, 1, "{command}: {output:?}");
        assert!(output.stderr.contains("newer version of workiva-sync"), "{command}: {output:?}");
    }
    assert!(before == std::fs::read(world.path("state.db")).unwrap(), "it is as it was");
}

#[test]
fn a_tenant_that_was_set_back_converges_by_drift_repair() {
    let world = World::new();
    let rows = people(8);
    world.sync_rows(&rows, 0);
    let before = world.sandbox.users();
    let later = weeks_later(&rows);
    world.sync_rows(&later, 0);
    // Workiva as it was: who was there has their old values, who came since is gone.
    for user in world.sandbox.users() {
        let id = user["id"].as_str().unwrap().to_owned();
        match before.iter().find(|old| old["id"] == user["id"]) {
            Some(old) => world.sandbox.edit_user(&id, |user| *user = old.clone()).unwrap(),
            None => world.sandbox.delete_user(&id).unwrap(),
        }
    }
    assert!(!world.agrees(&later));
    world.sync().assert_unchanged();
    assert_eq!(world.run(&["drift"]).exit, 4, "a run alone does not see it");
    lead_back(&world);
    world.assert_agrees(&later);
    world.sync().assert_unchanged();
}

#[test]
fn a_backup_is_the_file_that_was_named_whatever_it_is_called() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    world.sync_rows(&people(2), 0);
    for name in ["file:x?y.db", "file:z", "plain.db", "-copy.db"] {
        let mut command = world.command(&["backup", "--", name]);
        common::run(command.current_dir(world.path(""))).assert_says(0, &["2 people", "and whole"]);
        let made = std::fs::metadata(world.path(name)).unwrap();
        assert_eq!(made.permissions().mode() & 0o777, 0o600, "{name}");
        assert!(made.len() > 0, "{name}");
    }
    let others = ["x", "z", "y.db"].into_iter().filter(|name| world.path(name).exists());
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&str>::new(), "nothing lies anywhere else");
}

#[test]
fn what_a_killed_backup_has_left_is_no_hindrance_and_one_that_is_under_way_is_named() {
    let world = World::new();
    world.sync_rows(&people(2), 0);
    let left = world.path("left.db.partial");
    std::fs::write(&left, "half").unwrap();
    back_up(&world, "left.db");
    assert!(!left.exists());
    let busy = world.path("busy.db.partial");
    let other = File::create(&busy).unwrap();
    other.lock().unwrap();
    let refused = world.run(&["backup", world.path("busy.db").to_str().unwrap()]);
    assert_eq!(refused.exit, 1, "{refused:?}");
    assert!(refused.stderr.contains(busy.to_str().unwrap()), "{refused:?}");
    assert!(refused.stderr.contains("another backup is just being made"), "{refused:?}");
    assert!(busy.exists() && !world.path("busy.db").exists());
}

#[test]
fn a_backup_goes_to_standard_output_where_nothing_but_it_can_leave_the_container() {
    let world = World::new();
    let rows = people(3);
    world.sync_rows(&rows, 0);
    let copy = world.path("copy.db");
    let mut command = world.command(&["backup", "-"]);
    command.stdout(File::create(&copy).unwrap()).stderr(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    let bytes = std::fs::metadata(&copy).unwrap().len();
    assert!(told.contains(&format!("{bytes} bytes, 3 people; looked through, and whole")), "{told}");
    assert!(told.contains("as an anchor"), "{told}");
    let beside = world.files().into_iter().map(|(name, _)| name);
    let beside: Vec<String> = beside.filter(|name| name.contains("partial")).collect();
    assert!(beside.is_empty() && !world.path("state.db-backup.partial").exists(), "{beside:?}");
    let refused = world.run(&["backup", "-", "--json"]);
    assert_eq!((refused.exit, refused.stdout.as_str()), (2, ""), "{refused:?}");
    // Whoever reads goes away: a part of a copy is no success.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut cut = world.command(&["backup", "-"]);
    let output = cut.stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");

    std::fs::rename(&copy, world.database()).unwrap();
    world.sync().assert_unchanged();
    world.assert_agrees(&rows);
}

#[test]
fn an_error_that_quotes_its_cause_says_it_once() {
    let mut world = World::new();
    world.hr(&people(1));
    std::fs::write(world.path("file"), "").unwrap();
    world.set("store.url", format!("sqlite://{}/state.db", world.path("file").display()));
    let refused = world.run(&["sync"]);
    assert_eq!((refused.exit, refused.stderr.matches("os error").count()), (1, 1), "{refused:?}");
    assert!(refused.stderr.contains("correct store.url or the folder's permissions"), "{refused:?}");
    // Where the message does not quote it, it stands behind.
    let missing = world.run(&["adopt", "--decisions", "nowhere.csv"]);
    assert!(missing.stderr.contains("nowhere.csv cannot be read: "), "{missing:?}");
    assert_eq!((missing.exit, missing.stderr.matches("os error").count()), (1, 1), "{missing:?}");
}

/// As the database has it.
fn two_hours_pass(world: &World) {
    for hours in [
        "UPDATE action SET created_at = created_at - 7200000",
        "UPDATE plan SET created_at = created_at - 7200000",
        "UPDATE run SET started_at = started_at - 7200000",
        "UPDATE source_state SET read_at = read_at - 7200000",
    ] {
        world.execute(hours);
    }
}

#[test]
fn a_run_lets_go_what_was_queued_long_ago_of_those_alone_of_whom_it_says_something() {
    let mut world = World::new();
    world.set("retry.base_seconds", 0.01);
    world.set("retry.cap_seconds", 1);
    world.several(&[("staff", &[]), ("agency", &[])]);
    let front = Front::before(&mut world);
    let all = people(9);
    let (staff, agency) = all.split_at(6);
    let others_left = |rows: &[Row]| -> Vec<Row> {
        rows.iter().enumerate().map(|(n, row)| if n < 2 { row.left() } else { row.clone() }).collect()
    };
    world.hr_of("staff", staff);
    world.hr_of("agency", agency);
    assert_eq!(world.sync().applied(), kinds([("create", 9)]));
    front.go(Way::ThrottlingWrites);
    let (staff_left, agency_left) = (others_left(staff), others_left(agency));
    world.hr_of("staff", &staff_left);
    world.hr_of("agency", &agency_left);
    assert_eq!(world.sync().planned()["suspend"], 4);
    front.go(Way::Through);
    two_hours_pass(&world);
    // By now the row of one of the staff cannot be used, and nobody can read the agency's file.
    let odd = staff_left[0].but(|row| row.status = "Actve".into());
    world.hr_of("staff", &[&[odd], &staff_left[1..]].concat());
    std::fs::remove_file(world.path("agency.csv")).unwrap();
    for suspended in [1, 0] {
        let synced = world.sync();
        assert_eq!(
            (synced.exit, synced.applied().get("suspend").copied().unwrap_or(0)),
            (5, suspended),
            "{synced:?}"
        );
        assert!(synced.stderr.contains("3 actions were queued over an hour ago"), "{synced:?}");
    }
    world.assert_agrees(&[&staff[..1], &staff_left[1..], agency].concat());
    // HR has taken one of the agency's back meanwhile.
    world.hr_of("staff", &staff_left);
    world.hr_of("agency", &[&agency[..1], &agency_left[1..]].concat());
    assert_eq!(world.sync().applied(), kinds([("suspend", 2)]));
    world.assert_agrees(&[staff_left.as_slice(), &agency[..1], &agency_left[1..]].concat());
    world.sync().assert_unchanged();
}

#[test]
fn what_was_queued_long_ago_to_take_access_away_waits_until_hr_has_been_read_since() {
    let mut world = World::new();
    world.set("retry.base_seconds", 0.01);
    world.set("retry.cap_seconds", 1);
    world.set("schedule.cron", "* * * * * *");
    let front = Front::before(&mut world);
    let rows = people(8);
    world.sync_rows(&rows, 0);
    // Four leave while Workiva takes no change, one is hired, and that is what the backup holds.
    let mut left: Vec<Row> =
        rows.iter().enumerate().map(|(n, row)| if n < 4 { row.left() } else { row.clone() }).collect();
    left.push(Row::new("2000", "Hired", "Meanwhile"));
    front.go(Way::ThrottlingWrites);
    let synced = world.sync_rows(&left, 6);
    assert_eq!(synced.planned()["suspend"], 4, "{synced:?}");
    back_up(&world, "backup.db");
    front.go(Way::Through);
    two_hours_pass(&world);
    // HR has taken three of them back meanwhile, and its export of this hour broke off.
    world.hr_text("Employee ID,First Name,Last Name\n");
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (5, kinds([])), "{synced:?}");
    assert!(synced.stderr.contains("5 actions were queued over an hour ago"), "{synced:?}");
    let mut daemon = Daemon::start(&world);
    until("the broken export is met", || world.status()["runs"][0]["outcome"] == "incomplete");
    world.assert_agrees(&rows);
    let mut now = left.clone();
    now[1..4].clone_from_slice(&rows[1..4]);
    world.hr(&now);
    until("HR was read", || world.agrees(&now));
    assert_eq!(daemon.stop(), 0);
    assert_eq!(world.sync().exit, 0);
    world.assert_agrees(&now);
    assert_eq!(
        world.sandbox.users().iter().filter(|user| !is_active(user)).count(),
        1,
        "the others never lost it"
    );
}
