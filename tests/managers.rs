//! Managers: HR names an employee id, and each user shows the Workiva id of that person's user.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use std::collections::BTreeMap;

use common::{HEADER, Row, Synced, World, kinds, people, until};
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Employees, each with the manager's employee id.
type Company = Vec<(Row, &'static str)>;

fn world() -> World {
    let mut world = World::new();
    map(&mut world);
    world
}

fn map(world: &mut World) {
    world.set("source.columns.manager_id", "Manager ID");
    let attributes = world.config["attributes"].as_table_mut().unwrap();
    attributes.insert(format!("{ENTERPRISE}:manager.value"), "{{ manager_id }}".into());
    world.write_config();
}

/// Leads back what was done by hand.
fn repair(world: &World) {
    let output = world.run(&["drift", "--json", "--repair"]);
    assert_eq!(output.exit, 0, "{output:?}");
}

fn policy(world: &mut World, policy: &str) {
    let policies = toml::Table::from_iter([(format!("{ENTERPRISE}:manager.value"), policy.into())]);
    world.config.insert("attribute_policies".into(), policies.into());
    world.write_config();
}

/// So many analysts; each of `managers` is an employee id, or nothing.
fn company(managers: &[&'static str]) -> Company {
    people(managers.len()).into_iter().zip(managers.iter().copied()).collect()
}

fn text(company: &[(Row, &str)]) -> String {
    let rows: Vec<Row> = company.iter().map(|(row, _)| row.clone()).collect();
    let lines = common::hr_text(&rows);
    let mut managers = company.iter().map(|(_, manager)| *manager);
    let mut all = HEADER.trim_end().to_owned() + ",Manager ID\n";
    for line in lines.lines().skip(1) {
        all += &format!("{line},{}\n", managers.next().unwrap());
    }
    all
}

fn sync(world: &World, company: &[(Row, &str)], exit: i32) -> Synced {
    world.hr_text(&text(company));
    let synced = world.sync();
    assert_eq!(synced.exit, exit, "{synced:?}\n{:?}", world.parked());
    synced
}

fn id_of(world: &World, row: &Row) -> Option<String> {
    Some(world.user(&row.email)?["id"].as_str().unwrap().to_owned())
}

/// The employee id of the manager that each user shows; of a user of nobody here, Workiva's own id.
fn shown(world: &World, company: &[(Row, &str)]) -> BTreeMap<String, String> {
    let ids: BTreeMap<String, String> =
        company.iter().filter_map(|(row, _)| Some((id_of(world, row)?, row.id.clone()))).collect();
    let manager = |row: &Row| {
        let value = world.user(&row.email)?[ENTERPRISE]["manager"]["value"].as_str()?.to_owned();
        Some((row.id.clone(), ids.get(&value).cloned().unwrap_or(value)))
    };
    company.iter().filter_map(|(row, _)| manager(row)).collect()
}

fn pairs(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    all.iter().map(|(who, manager)| ((*who).to_owned(), (*manager).to_owned())).collect()
}

/// Asserts that each user shows the manager whom HR gives, and that a further run sends nothing.
fn assert_managed(world: &World, company: &[(Row, &str)]) {
    let wanted = company.iter().filter(|(_, manager)| !manager.is_empty());
    let wanted: Vec<(&str, &str)> = wanted.map(|(row, manager)| (row.id.as_str(), *manager)).collect();
    assert_eq!(shown(world, company), pairs(&wanted));
    world.sync().assert_unchanged();
}

#[test]
fn a_whole_company_comes_with_its_managers_in_one_sync() {
    let world = world();
    // Whoever manages others has the higher ids, so that no order of ids would do.
    let company = company(&["1005", "1005", "1006", "1006", "1007", "1007", "1007", ""]);
    let synced = sync(&world, &company, 0);
    assert_eq!(synced.applied()["create"], 8, "{synced:?}");
    assert_managed(&world, &company);
}

#[test]
fn where_one_is_made_after_the_other_managers_come_first_and_no_user_is_written_twice() {
    let mut world = world();
    world.set("workiva.max_in_flight", 1);
    let company = company(&["1001", "1002", "1003", "1004", ""]);
    let plan: Value = serde_json::from_str(&{
        world.hr_text(&text(&company));
        world.run(&["plan", "--json"]).stdout
    })
    .unwrap();
    let order: Vec<&str> =
        plan["actions"].as_array().unwrap().iter().map(|one| one["employee_id"].as_str().unwrap()).collect();
    assert_eq!(order, ["1004", "1003", "1002", "1001", "1000"]);
    let told = json!({"attribute": "manager", "from": null, "to": "1001"});
    assert!(plan["actions"][4]["changes"].as_array().unwrap().contains(&told), "{plan}");
    assert_eq!(sync(&world, &company, 0).applied(), kinds([("create", 5)]));
    assert_managed(&world, &company);
}

#[test]
fn a_circle_of_managers_is_closed_and_nobody_is_the_own_manager() {
    let world = world();
    let mut company = company(&["1001", "1000", "1002", "1002"]);
    world.hr_text(&text(&company));
    let planned = world.run(&["plan"]);
    assert!(planned.stdout.contains("1 person gets no manager in Workiva"), "{planned:?}");
    let synced = sync(&world, &company, 0);
    assert_eq!(synced.applied()["create"], 4, "{synced:?}");
    assert_eq!(shown(&world, &company), pairs(&[("1000", "1001"), ("1001", "1000"), ("1003", "1002")]));
    world.sync().assert_unchanged();
    company[2].1 = "1000";
    assert_eq!(sync(&world, &company, 0).applied(), kinds([("update", 1)]));
    assert_managed(&world, &company);
}

#[test]
fn a_manager_who_has_no_user_is_told_and_written_once_there_is_one() {
    let world = world();
    let mut company = company(&["1002", "9999", ""]);
    company[2].0.department = "Kitchen".into();
    let synced = sync(&world, &company, 0);
    assert_eq!(synced.applied(), kinds([("create", 2)]));
    let told = world.status()["runs"][0]["message"].to_string();
    assert!(told.contains("2 people get no manager in Workiva"), "{told}");
    assert!(told.contains("employee 1000 under 1002, 1001 under 9999"), "{told}");
    assert_eq!(shown(&world, &company), pairs(&[]));
    world.sync().assert_unchanged();
    // The record of the report stays as it is.
    company[2].0.department = "Legal".into();
    let synced = sync(&world, &company, 0);
    assert_eq!(synced.applied(), kinds([("create", 1), ("update", 1)]), "{synced:?}");
    assert_eq!(shown(&world, &company), pairs(&[("1000", "1002")]));
    world.sync().assert_unchanged();
    // A suspended user is one.
    company[2].0.status = "Terminated".into();
    assert_eq!(sync(&world, &company, 0).applied(), kinds([("suspend", 1)]));
    assert_eq!(shown(&world, &company), pairs(&[("1000", "1002")]));
}

#[test]
fn another_manager_is_one_update_of_each_report_and_none_takes_the_old_one_away() {
    let world = world();
    let mut company = company(&["1002", "1002", "", ""]);
    sync(&world, &company, 0);
    assert_managed(&world, &company);
    (company[0].1, company[1].1) = ("1003", "1003");
    assert_eq!(sync(&world, &company, 0).applied(), kinds([("update", 2)]));
    assert_managed(&world, &company);
    let explained = world.run(&["explain", "1000", "--json"]);
    assert!(explained.stdout.contains("the manager is employee 1003"), "{explained:?}");
    company[0].1 = "";
    assert_eq!(sync(&world, &company, 0).applied(), kinds([("update", 1)]));
    assert_managed(&world, &company);
    // While a new one is only to come, the one who is there stays.
    company.push((people(5)[4].clone(), ""));
    company[1].1 = "1004";
    assert_eq!(sync(&world, &company, 0).applied(), kinds([("create", 1), ("update", 1)]));
    assert_managed(&world, &company);
}

#[test]
fn a_manager_who_was_deleted_by_hand_and_made_anew_is_written_to_each_report_again() {
    let mut world = world();
    world.set("drift.max_repair_percent", 100.0);
    let company = company(&["1002", "1002", ""]);
    sync(&world, &company, 0);
    let before = id_of(&world, &company[2].0).unwrap();
    world.sandbox.delete_user(&before).unwrap();
    repair(&world);
    let now = id_of(&world, &company[2].0).unwrap();
    assert_ne!(before, now);
    assert_managed(&world, &company);
    // So it is where an action finds it out.
    let mut company = company;
    world.sandbox.delete_user(&now).unwrap();
    company[2].0.title = "Chief".into();
    let synced = sync(&world, &company, 0);
    assert_eq!(synced.applied(), kinds([("update", 3)]), "{synced:?}");
    assert_managed(&world, &company);
}

#[test]
fn a_manager_who_was_changed_by_hand_is_found_and_led_back() {
    let mut world = world();
    world.set("drift.max_repair_percent", 100.0);
    let company = company(&["1001", "", ""]);
    sync(&world, &company, 0);
    let [report, other] = [0, 2].map(|at: usize| id_of(&world, &company[at].0).unwrap());
    world.sandbox.edit_user(&report, |user| user[ENTERPRISE]["manager"]["value"] = other.into()).unwrap();
    repair(&world);
    assert_managed(&world, &company);
}

#[test]
fn whoever_takes_the_account_of_an_old_employee_id_over_is_the_manager_from_then_on() {
    let mut world = world();
    world.set("lifecycle.on_new_id", "move");
    world.set("lifecycle.same_person", vec!["userName"]);
    let mut company = company(&["1001", ""]);
    sync(&world, &company, 0);
    assert_managed(&world, &company);
    // The report of the new id is named in the same file.
    company[1].0.id = "2001".into();
    company[0].1 = "2001";
    sync(&world, &company, 0);
    assert_managed(&world, &company);
}

#[test]
fn what_is_written_with_the_account_only_comes_with_it_also_where_the_manager_came_later() {
    let mut world = world();
    policy(&mut world, "on_create");
    let mut company = company(&["1001", "1000", "1000", ""]);
    sync(&world, &company, 0);
    assert_managed(&world, &company);
    company[2].1 = "1003";
    sync(&world, &company, 0).assert_unchanged();
    company[3].1 = "1000";
    sync(&world, &company, 0).assert_unchanged();
    policy(&mut world, "when_empty");
    let synced = world.sync();
    assert_eq!(synced.applied(), kinds([("update", 1)]), "{synced:?}");
    let wanted = [("1000", "1001"), ("1001", "1000"), ("1002", "1000"), ("1003", "1000")];
    assert_eq!(shown(&world, &company), pairs(&wanted));
    world.sync().assert_unchanged();
}

#[test]
fn managers_are_found_under_the_prefix_of_their_source() {
    let mut world = World::new();
    map(&mut world);
    world.several(&[("staff", &[("id_prefix", "s-".into())]), ("agency", &[("id_prefix", "a-".into())])]);
    let staff = company(&["1001", ""]);
    let mut agency = company(&["1001", ""]);
    for (row, _) in &mut agency {
        row.email = format!("agency.{}", row.email);
    }
    std::fs::write(world.path("staff.csv"), text(&staff)).unwrap();
    std::fs::write(world.path("agency.csv"), text(&agency)).unwrap();
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()["create"]), (0, 4), "{synced:?}");
    let all: Company = [("s-", &staff), ("a-", &agency)]
        .into_iter()
        .flat_map(|(prefix, all)| {
            all.iter()
                .map(move |(row, manager)| (row.but(|row| row.id = format!("{prefix}{}", row.id)), *manager))
        })
        .collect();
    assert_eq!(shown(&world, &all), pairs(&[("s-1000", "s-1001"), ("a-1000", "a-1001")]));
    world.sync().assert_unchanged();
}

#[test]
fn adopt_takes_the_managers_whom_workiva_shows_for_what_they_are() {
    let world = world();
    let company = company(&["1001", "", "1001", "7777"]);
    let user = |row: &Row, manager: Option<&str>| {
        let mut user = json!({
            "userName": row.email, "externalId": row.id, "active": true, "title": row.title,
            "name": {"givenName": row.given, "familyName": row.family},
            "emails": [{"type": "work", "value": row.email, "primary": true}],
        });
        if let Some(manager) = manager {
            user[ENTERPRISE] = json!({"manager": {"value": manager}});
        }
        world.sandbox.seed_user(user).unwrap()
    };
    let boss = user(&company[1].0, None);
    user(&company[0].0, Some(&boss));
    user(&company[2].0, None);
    user(&company[3].0, Some("somebody"));
    world.hr_text(&text(&company));
    assert_eq!(world.run(&["adopt", "--json"]).exit, 0);
    let synced = world.sync();
    assert_eq!((synced.exit, synced.applied()), (0, kinds([("update", 1)])), "{synced:?}");
    let wanted = [("1000", "1001"), ("1002", "1001"), ("1003", "somebody")];
    assert_eq!(
        shown(&world, &company),
        pairs(&wanted),
        "of a manager whom Workiva cannot be told nothing is taken away"
    );
    world.sync().assert_unchanged();
}

#[test]
fn the_daemon_closes_a_circle_without_another_tick() {
    let mut world = world();
    let company = company(&["1001", "1000", "1000"]);
    world.hr_text(&text(&company));
    let mut daemon = world.daemon();
    let wanted = pairs(&[("1000", "1001"), ("1001", "1000"), ("1002", "1000")]);
    until("each has a manager", || shown(&world, &company) == wanted);
    daemon.stop();
    world.sync().assert_unchanged();
}

#[test]
fn a_run_that_follows_counts_nobody_as_missing_once_more() {
    let mut world = world();
    world.set("source.absence_runs", 2);
    let company = company(&["", ""]);
    sync(&world, &company, 0);
    // One is missing, and two are new who manage each other: a run follows the one that makes them.
    let mut rest = vec![company[0].clone()];
    rest.extend(people(4).into_iter().skip(2).zip(["1003", "1002"]));
    let synced = sync(&world, &rest, 0);
    assert_eq!((synced.applied().get("suspend"), synced.applied()["create"]), (None, 2), "{synced:?}");
    assert_eq!(shown(&world, &rest), pairs(&[("1002", "1003"), ("1003", "1002")]));
    let synced = world.sync();
    assert_eq!(synced.applied(), kinds([("suspend", 1)]), "{synced:?}");
}
