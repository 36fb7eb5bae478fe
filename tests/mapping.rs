//! What of an account is written when, and tables that stand in files.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{World, kinds, people};
use serde_json::{Value, json};

const TITLE: &str = "title";

fn title(world: &World, at: usize) -> Value {
    let name = people(at + 1)[at].email.clone();
    world.user(&name).unwrap()[TITLE].clone()
}

#[test]
fn what_is_written_with_the_account_only_stays_whatever_hr_says_later() {
    let mut world = World::new();
    world.set("attributes.title", "{{ job_title }}");
    world.set("attribute_policies.title", "on_create");
    let rows = people(3);
    world.sync_rows(&rows, 0);
    let mut promoted = rows.clone();
    promoted[0].title = "Chief".into();
    world.sync_rows(&promoted, 0).assert_unchanged();
    // A change of something else sends that alone.
    promoted[0].given = "Other".into();
    assert_eq!(world.sync_rows(&promoted, 0).applied(), kinds([("update", 1)]));
    assert_eq!(title(&world, 0), "Analyst");
    // Who comes back has what they had, and who is new what HR says.
    promoted[0].status = "Terminated".into();
    world.sync_rows(&promoted, 0);
    promoted[0].status = "Active".into();
    promoted.push(people(4)[3].but(|row| row.title = "Chief".into()));
    assert_eq!(world.sync_rows(&promoted, 0).applied(), kinds([("create", 1), ("reactivate", 1)]));
    assert_eq!((title(&world, 0), title(&world, 3)), ("Analyst".into(), "Chief".into()));
    world.sync_rows(&promoted, 0).assert_unchanged();
}

#[test]
fn what_is_written_where_it_is_empty_comes_once_and_stays() {
    let mut world = World::new();
    world.set("attributes.title", "{{ job_title }}");
    world.set("attribute_policies.title", "when_empty");
    let mut rows = people(2);
    rows[0].title = String::new();
    world.sync_rows(&rows, 0);
    rows[0].title = "Analyst".into();
    rows[1].title = "Chief".into();
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("update", 1)]), "of the one who had none");
    rows[0].title = "Chief".into();
    world.sync_rows(&rows, 0).assert_unchanged();
    assert_eq!((title(&world, 0), title(&world, 1)), ("Analyst".into(), "Analyst".into()));
    // What HR empties is not taken away either.
    rows[1].title = String::new();
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn a_value_that_somebody_gave_by_hand_stays_where_the_attribute_is_written_on_create_only() {
    let mut world = World::new();
    world.set("attributes.title", "{{ job_title }}");
    world.set("attribute_policies.title", "on_create");
    world.set("drift.max_repair_percent", 100.0);
    let rows = people(2);
    world.sync_rows(&rows, 0);
    let id = world.user(&rows[0].email).unwrap()["id"].as_str().unwrap().to_owned();
    world.sandbox.edit_user(&id, |user| user[TITLE] = "By hand".into()).unwrap();
    world.run(&["drift", "--repair"]);
    world.sync_rows(&rows, 0);
    assert_eq!(title(&world, 0), "By hand");
}

#[test]
fn a_value_that_somebody_gave_by_hand_keeps_hrs_away_where_the_attribute_is_written_when_empty() {
    let mut world = World::new();
    world.set("attributes.title", "{{ job_title }}");
    world.set("attribute_policies.title", "when_empty");
    world.set("drift.max_repair_percent", 100.0);
    let mut rows = people(2);
    rows[0].title = String::new();
    world.sync_rows(&rows, 0);
    let id = world.user(&rows[0].email).unwrap()["id"].as_str().unwrap().to_owned();
    world.sandbox.edit_user(&id, |user| user[TITLE] = "By hand".into()).unwrap();
    // A value where HR has none is no drift, and is remembered all the same, also without a repair.
    assert_eq!(world.run(&["drift"]).exit, 0);
    rows[0].title = "Chief".into();
    world.sync_rows(&rows, 0);
    assert_eq!(title(&world, 0), "By hand");
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn what_adopt_finds_keeps_hrs_value_away_where_the_attribute_is_written_when_empty() {
    let mut world = World::new();
    world.set("attributes.title", "{{ job_title }}");
    world.set("attribute_policies.title", "when_empty");
    let mut rows = people(1);
    rows[0].title = String::new();
    world.hr(&rows);
    let mail = &rows[0].email;
    let there = json!({"userName": mail, "externalId": rows[0].id, "title": "By hand", "active": true,
        "name": {"givenName": rows[0].given, "familyName": rows[0].family}, "emails": [{"value": mail, "type": "work"}]});
    world.sandbox.seed_user(there).unwrap();
    assert_eq!(world.run(&["adopt"]).exit, 0);
    rows[0].title = "Chief".into();
    world.sync_rows(&rows, 0);
    assert_eq!(title(&world, 0), "By hand");
}

#[test]
fn a_policy_that_cannot_be_meant_is_refused_with_its_key() {
    let mut world = World::new();
    world.set("attribute_policies.nickName", "on_create");
    world.set("attribute_policies.userName", "always");
    let output = world.run(&["config", "print"]);
    assert_eq!(output.exit, 2, "{output:?}");
    for said in ["attribute_policies.\"nickName\"", "lifecycle.on_rename"] {
        assert!(format!("{}{}", output.stdout, output.stderr).contains(said), "{output:?}");
    }
}

#[test]
fn a_table_of_a_file_answers_and_one_that_is_not_clear_is_refused() {
    let mut world = World::new();
    let file = world.path("titles.csv");
    std::fs::write(&file, "HR title,Ours\nAnalyst,Financial analyst\n").unwrap();
    world.set("table_files.titles.path", file.display().to_string());
    world.set("table_files.titles.key", "HR title");
    world.set("table_files.titles.value", "Ours");
    world.set("attributes.title", "{{ lookup(job_title, 'titles', job_title) }}");
    world.sync_rows(&people(2), 0);
    assert_eq!(title(&world, 0), "Financial analyst");
    // A changed table is a changed configuration.
    std::fs::write(&file, "HR title,Ours\nAnalyst,Reporting analyst\n").unwrap();
    assert_eq!(world.sync_rows(&people(2), 0).applied(), kinds([("update", 2)]));
    std::fs::write(&file, "HR title,Ours\nAnalyst,A\nAnalyst,B\n").unwrap();
    let refused = world.run(&["sync"]);
    assert_eq!(refused.exit, 2, "{refused:?}");
    assert!(
        refused.stderr.contains("table_files.titles.path") && refused.stderr.contains("rows 1 and 2"),
        "{refused:?}"
    );
    std::fs::remove_file(&file).unwrap();
    assert_eq!(world.run(&["sync"]).exit, 2);
}

#[test]
fn addresses_and_telephone_numbers_are_written_entry_by_entry_and_those_of_other_kinds_stay() {
    for patch in [true, false] {
        let mut world = World::behaving(|behaviour| behaviour.patch = patch);
        let attributes = world.config["attributes"].as_table_mut().unwrap();
        for (path, template) in [
            ("addresses.work.locality", "{{ job_title }}"),
            ("addresses.work.country", "US"),
            ("phoneNumbers.work", "+1 {{ employee_id }}"),
            ("phoneNumbers.mobile", "{{ '+1 ' ~ job_title if job_title }}"),
        ] {
            attributes.insert(path.into(), template.into());
        }
        world.write_config();
        let mut rows = people(1);
        rows[0].title = String::new();
        world.sync_rows(&rows, 0);
        let user = |world: &World| world.user(&people(1)[0].email).unwrap();
        assert_eq!(user(&world)["addresses"], json!([{"type": "work", "country": "US"}]));
        assert_eq!(user(&world)["phoneNumbers"], json!([{"type": "work", "value": "+1 1000"}]));
        // Somebody adds their own.
        let (home, fax) =
            (json!({"type": "home", "locality": "Ames"}), json!({"type": "fax", "value": "+1 2"}));
        let id = user(&world)["id"].as_str().unwrap().to_owned();
        let edit = |user: &mut Value| {
            user["addresses"].as_array_mut().unwrap().insert(0, home.clone());
            user["phoneNumbers"].as_array_mut().unwrap().push(fax.clone());
        };
        world.sandbox.edit_user(&id, edit).unwrap();
        for town in ["Boise", "Des Moines"] {
            rows[0].title = town.into();
            assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("update", 1)]), "PATCH: {patch}");
            let addresses = json!([home, {"type": "work", "country": "US", "locality": town}]);
            assert_eq!(user(&world)["addresses"], addresses, "PATCH: {patch}");
            let mut numbers = user(&world)["phoneNumbers"].as_array().unwrap().clone();
            numbers.sort_by_key(|number| number["type"].to_string());
            let mobile = json!({"type": "mobile", "value": format!("+1 {town}")});
            assert_eq!(numbers, [fax.clone(), mobile, json!({"type": "work", "value": "+1 1000"})]);
            world.sync().assert_unchanged();
        }
        rows[0].title = String::new();
        assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("update", 1)]), "PATCH: {patch}");
        assert_eq!(user(&world)["addresses"], json!([home, {"type": "work", "country": "US"}]));
        let work = json!({"type": "work", "value": "+1 1000"});
        assert_eq!(user(&world)["phoneNumbers"], json!([work, fax]), "PATCH: {patch}");
        world.sync().assert_unchanged();
    }
}
