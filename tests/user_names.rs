//! User names that are chosen among several: the first free one, by state and by live Workiva, and from then on that one.
#![allow(clippy::unwrap_used, reason = "a test ends by a panic")]

mod common;

use common::{Front, Row, Way, World, kinds};
use serde_json::json;

/// User names are made of people's names; namesakes get their title, and then a number.
fn world() -> World {
    let mut world = World::new();
    world.set("attributes.userName", "{{ given_name | lower }}.{{ family_name | lower }}@example.com");
    let fallback = [
        "{{ given_name | lower }}.{{ job_title | lower }}.{{ family_name | lower }}@example.com",
        "{{ given_name | lower }}.{{ family_name | lower }}{{ number }}@example.com",
    ];
    world.set("user_names.fallback", fallback.map(toml::Value::from).to_vec());
    world
}

/// Somebody called Jane Doe; each has an address of their own.
fn jane(id: &str) -> Row {
    Row::new(id, "Jane", "Doe").but(|row| row.email = format!("mail.{id}@example.com"))
}

/// Whose each user name is, by the address.
fn mails(world: &World) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = world
        .sandbox
        .users()
        .iter()
        .map(|user| {
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            (text(&user["userName"]), text(&user["emails"][0]["value"]))
        })
        .collect();
    all.sort();
    all
}

fn expect(world: &World, named: &[(&str, &str)]) {
    let mut named: Vec<(String, String)> = named
        .iter()
        .map(|(name, id)| (format!("{name}@example.com"), format!("mail.{id}@example.com")))
        .collect();
    named.sort();
    assert_eq!(mails(world), named);
}

#[test]
fn namesakes_get_the_first_free_name_of_the_list_and_keep_it() {
    let world = world();
    let mut rows = vec![jane("1"), jane("2"), jane("3")];
    let planned = world.sync_rows(&rows, 0);
    assert_eq!(planned.applied(), kinds([("create", 3)]));
    expect(&world, &[("jane.analyst.doe", "2"), ("jane.doe", "1"), ("jane.doe2", "3")]);
    world.sync_rows(&rows, 0).assert_unchanged();
    // Who left keeps the name, so nobody else gets it, and nobody moves up.
    rows[0] = rows[0].left();
    rows.push(jane("4"));
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("create", 1), ("suspend", 1)]));
    let all = [("jane.analyst.doe", "2"), ("jane.doe", "1"), ("jane.doe2", "3"), ("jane.doe3", "4")];
    expect(&world, &all);
    let text = world.run(&["explain", "4"]).stdout;
    assert!(text.contains("jane.doe3@example.com"), "{text}");
    // A change elsewhere in the record changes no name that they may still have.
    rows[2] = rows[2].but(|row| row.title = "Chief".into());
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("update", 1)]));
    expect(&world, &all);
    world.sync_rows(&rows, 0).assert_unchanged();
}

/// With the list of docs/lifecycle.md; the middle name stands in the job title.
fn with_middle_names() -> World {
    let mut world = world();
    let fallback = [
        "{{ given_name | username }}.{{ middle_name | left(1) | username }}.{{ family_name | username }}@example.com",
        "{{ given_name | username }}.{{ family_name | username }}{{ number }}@example.com",
    ];
    world.set("source.columns.middle_name", "Job Title");
    world.set("user_names.fallback", fallback.map(toml::Value::from).to_vec());
    world
}

/// Jane with a middle name.
fn with(id: &str, middle: &str) -> Row {
    jane(id).but(|row| row.title = middle.into())
}

#[test]
fn a_template_whose_value_is_absent_is_passed_over() {
    let world = with_middle_names();
    world.sync_rows(&[with("1", "Zoe"), with("2", ""), with("3", "Maria")], 0);
    expect(&world, &[("jane.doe", "1"), ("jane.doe2", "2"), ("jane.m.doe", "3")]);
}

#[test]
fn whoever_marries_gets_the_first_free_name_of_the_new_list() {
    let world = world();
    let mut rows =
        vec![jane("1"), Row::new("2", "Jane", "Ruiz").but(|row| row.email = "mail.2@example.com".into())];
    world.sync_rows(&rows, 0);
    rows[1].family = "Doe".into();
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("update", 1)]));
    expect(&world, &[("jane.analyst.doe", "2"), ("jane.doe", "1")]);
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn a_name_that_workiva_holds_for_somebody_else_is_passed_over_by_the_plan() {
    let world = world();
    let user = |name: &str, mail: &str, external_id: Option<&str>| {
        let name = format!("{name}@example.com");
        let mut user = json!({"userName": name, "name": {"givenName": "Jane", "familyName": "Doe"},
            "emails": [{"value": format!("mail.{mail}@example.com"), "type": "work", "primary": true}]});
        user["externalId"] = external_id.into();
        world.sandbox.seed_user(user).unwrap()
    };
    user("jane.doe", "old", Some("somebody else"));
    user("jane.analyst.doe", "other", None);
    // This one is hers: her address is on it.
    let hers = user("jane.doe2", "1", None);
    world.hr(&[jane("1"), jane("2")]);
    let plan = world.run(&["plan"]).stdout;
    assert!(plan.contains("jane.doe2@example.com") && plan.contains("jane.doe3@example.com"), "{plan}");
    assert_eq!(world.sync().applied(), kinds([("create", 2)]));
    let all = [("jane.analyst.doe", "other"), ("jane.doe", "old"), ("jane.doe2", "1"), ("jane.doe3", "2")];
    expect(&world, &all);
    assert_eq!(world.sandbox.user(&hers).unwrap()["externalId"], "1");
    world.sync().assert_unchanged();
}

#[test]
fn a_name_that_only_the_request_shows_as_taken_is_passed_over_by_the_next_run() {
    let mut world = world();
    let front = Front::before(&mut world);
    world.sync_rows(&[Row::new("9", "Ben", "Ode")], 0);
    let user = json!({"userName": "jane.doe@example.com", "name": {"givenName": "Jane", "familyName": "Doe"},
        "emails": [{"value": "mail.other@example.com", "type": "work", "primary": true}]});
    let hidden = world.sandbox.seed_user(user).unwrap();
    front.go(Way::Hiding(Box::leak(hidden.into_boxed_str())));
    let rows = [Row::new("9", "Ben", "Ode"), jane("1")];
    assert_eq!(world.sync_rows(&rows, 4).applied(), kinds([]));
    let parked = world.parked();
    assert!(parked["1"].contains("The next run takes another user name"), "{parked:?}");
    assert_eq!(world.sync_rows(&rows, 0).applied(), kinds([("create", 1)]));
    assert!(world.user("jane.analyst.doe@example.com").is_some() && world.parked().is_empty());
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn a_refusal_for_the_e_mail_address_uses_up_no_user_names_and_is_named() {
    let mut world = world();
    let front = Front::before(&mut world);
    let ben = Row::new("9", "Ben", "Ode");
    world.sync_rows(std::slice::from_ref(&ben), 0);
    let rows = [ben, jane("1")];
    front.go(Way::Duplicate(
        "{\"status\": 409, \"detail\": \"A user with this email address exists already\"}",
    ));
    for _ in 0..3 {
        assert_eq!(world.sync_rows(&rows, 4).applied(), kinds([]));
        let parked = world.parked();
        assert!(parked["1"].contains("for the e-mail address, which another user has"), "{parked:?}");
    }
    assert_eq!(front.asked(), 1, "no other name is tried");
    // Once the address is free there, the first choice is still hers.
    front.go(Way::Through);
    world.run(&["actions", "retry", "--all"]).assert_says(0, &[]);
    world.sync_rows(&rows, 0);
    assert!(world.user("jane.doe@example.com").is_some());
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn a_refusal_without_a_word_is_for_the_e_mail_address_where_another_user_is_shown_with_it() {
    let mut world = world();
    let front = Front::before(&mut world);
    world.sync_rows(&[Row::new("9", "Ben", "Ode")], 0);
    let user = json!({"userName": "guest@example.com", "name": {"givenName": "Jane", "familyName": "Doe"},
        "emails": [{"value": "Mail.1@example.com", "type": "work", "primary": true}]});
    let holder = world.sandbox.seed_user(user).unwrap();
    front.go(Way::Duplicate("{}"));
    let rows = [Row::new("9", "Ben", "Ode"), jane("1")];
    for _ in 0..2 {
        world.sync_rows(&rows, 4);
        let words = format!("for the e-mail address, which the user with the id {holder} has");
        assert!(world.parked()["1"].contains(&words), "{:?}", world.parked());
    }
    assert_eq!(front.asked(), 1, "no other name is tried");
}

#[test]
fn a_second_name_that_is_refused_without_a_word_is_looked_at_by_somebody_before_a_third_is_tried() {
    let mut world = world();
    let front = Front::before(&mut world);
    world.sync_rows(&[Row::new("9", "Ben", "Ode")], 0);
    front.go(Way::Duplicate("{}"));
    let rows = [Row::new("9", "Ben", "Ode"), jane("1")];
    world.sync_rows(&rows, 4);
    assert!(world.parked()["1"].contains("The next run takes another user name"));
    for _ in 0..2 {
        world.sync_rows(&rows, 4);
        let parked = world.parked();
        assert!(parked["1"].contains("Another user name of this person was refused"), "{parked:?}");
    }
    assert_eq!(front.asked(), 2);
    // Somebody has looked, and it is the name.
    world.run(&["actions", "retry", "--all"]).assert_says(0, &[]);
    world.sync_rows(&rows, 4);
    front.go(Way::Through);
    world.sync_rows(&rows, 0);
    assert!(world.user("jane.doe2@example.com").is_some() && world.parked().is_empty());
}

#[test]
fn a_name_that_was_given_up_is_nobody_elses_for_a_while() {
    let mut world = World::new();
    world.set("user_names.reuse_after_days", 30);
    let ana = Row::new("1", "Ana", "Ruiz");
    let married = ana.but(|row| row.email = "ana.doe@example.com".into());
    let new = Row::new("2", "Ana", "Ruiz");
    world.sync_rows(std::slice::from_ref(&ana), 0);
    world.sync_rows(std::slice::from_ref(&married), 0);
    let both = [married, new.clone()];
    let rejected = world.sync_rows(&both, 4);
    assert_eq!(rejected.applied(), kinds([]));
    let status = world.run(&["status"]).stdout;
    assert!(status.contains("employee 1 gave up less than 30 days ago"), "{status}");
    // Whoever gave it up may have it back.
    world.sync_rows(&[ana], 0);
    world.sync_rows(&both[..1], 0);
    world.sync_rows(&both, 4);
    world.set("user_names.reuse_after_days", 0);
    assert_eq!(world.sync_rows(&both, 0).applied(), kinds([("create", 1)]));
    world.assert_agrees(&both);
}

#[test]
fn a_name_that_was_given_up_is_passed_over_where_there_are_others() {
    let mut world = world();
    world.set("user_names.reuse_after_days", 30);
    let mut rows = vec![jane("1")];
    world.sync_rows(&rows, 0);
    rows[0].family = "Ruiz".into();
    rows.push(jane("2"));
    // Both at once: she still holds it.
    world.sync_rows(&rows, 0);
    rows.push(jane("3"));
    world.sync_rows(&rows, 0);
    expect(&world, &[("jane.analyst.doe", "2"), ("jane.doe2", "3"), ("jane.ruiz", "1")]);
}

#[test]
fn whoever_comes_under_another_employee_id_gets_no_second_account_under_another_name() {
    let world = world();
    let ben = Row::new("9", "Ben", "Ode");
    world.sync_rows(&[jane("1"), ben.clone()], 0);
    let again = jane("1").but(|row| row.id = "77".into());
    // The old one is still there, then has left, then is no longer named.
    for old in [vec![jane("1")], vec![jane("1").left()], vec![]] {
        let rows = [vec![again.clone(), ben.clone()], old].concat();
        let synced = world.sync_rows(&rows, 4);
        assert_eq!(synced.json["applied"]["create"], 0, "{synced:?}");
        assert_eq!(world.sandbox.users().len(), 2);
    }
    let status = world.run(&["status"]).stdout;
    assert!(status.contains("employee 1"), "{status}");
}

#[test]
fn two_employee_ids_with_one_address_get_no_account_each_though_nobody_has_one_yet() {
    let world = world();
    let ben = Row::new("9", "Ben", "Ode");
    let twin = jane("1").but(|row| row.id = "77".into());
    let synced = world.sync_rows(&[jane("1"), twin.clone(), ben.clone()], 4);
    assert_eq!(synced.applied(), kinds([("create", 1)]), "{synced:?}");
    // HR has said who is who.
    assert_eq!(world.sync_rows(&[twin, ben], 0).applied(), kinds([("create", 1)]));
}

#[test]
fn two_who_share_an_address_and_have_users_of_their_own_are_two_people_for_adopt() {
    let world = world();
    let twins = [jane("1"), jane("1").but(|row| row.id = "77".into())];
    for (twin, name) in twins.iter().zip(["jane.doe", "jane.doe2"]) {
        let user = serde_json::json!({"userName": format!("{name}@example.com"), "externalId": twin.id, "active": true,
            "name": {"givenName": "Jane", "familyName": "Doe"}, "emails": [{"value": twin.email, "type": "work"}]});
        world.sandbox.seed_user(user).unwrap();
    }
    world.hr(&twins);
    assert_eq!(world.run(&["adopt"]).exit, 0);
    world.sync_rows(&twins, 0);
    assert_eq!((world.sandbox.users().len(), world.number("SELECT count(*) FROM account")), (2, 2));
}

#[test]
fn whoever_has_no_name_left_is_rejected_with_a_mend() {
    let mut world = world();
    world.set("user_names.fallback", vec![toml::Value::from("{{ given_name | lower }}@example.com")]);
    let rows = [jane("1"), jane("2"), jane("3")];
    let synced = world.sync_rows(&rows, 4);
    assert_eq!(synced.applied(), kinds([("create", 2)]));
    let status = world.run(&["status"]).stdout;
    assert!(status.contains("every user name that they may have is somebody else's"), "{status}");
}

#[test]
fn a_template_that_is_wrong_is_an_error_by_its_key() {
    let mut world = world();
    world.set("user_names.fallback", ["{{ given_name }}", "{{ surname }}"].map(toml::Value::from).to_vec());
    let check = world.run(&["check"]);
    assert_eq!(check.exit, 2);
    assert!(check.stderr.contains("user_names.fallback[1]"), "{check:?}");
    // A name that namesakes share is no proof of who somebody is.
    world.set("user_names.fallback", vec![toml::Value::from("{{ given_name }}{{ number }}")]);
    world.set("lifecycle.on_new_id", "move");
    world.set("lifecycle.same_person", vec![toml::Value::from("userName")]);
    let check = world.run(&["check"]);
    assert!(check.exit == 2 && check.stderr.contains("lifecycle.same_person"), "{check:?}");
}

#[test]
fn a_name_of_the_list_is_kept_also_where_hr_changes_what_only_the_list_is_made_of() {
    let world = with_middle_names();
    let mut rows = [with("1", ""), with("2", "Marie"), with("3", "")];
    world.sync_rows(&rows, 0);
    let all = [("jane.doe", "1"), ("jane.m.doe", "2"), ("jane.doe2", "3")];
    expect(&world, &all);
    for middle in ["", "Zoe"] {
        rows[1].title = middle.into();
        world.sync_rows(&rows, 0);
        expect(&world, &all);
    }
    // A new family name is another person's name: the old one is of no use.
    rows[1].family = "Roe".into();
    world.sync_rows(&rows, 0);
    expect(&world, &[("jane.doe", "1"), ("jane.doe2", "3"), ("jane.roe", "2")]);
}

#[test]
fn users_of_a_lost_database_keep_the_names_that_were_chosen_for_them() {
    let world = world();
    let user = |name: &str, id: &str| {
        let user = json!({"userName": format!("{name}@example.com"), "externalId": id,
            "name": {"givenName": "Jane", "familyName": "Doe"},
            "emails": [{"value": format!("mail.{id}@example.com"), "type": "work", "primary": true}]});
        world.sandbox.seed_user(user).unwrap();
    };
    // Whoever had the first name is no employee any more, and the others have theirs in another order than that of their ids. Of the last
    // one even the first name is free.
    user("jane.doe", "5");
    user("jane.doe2", "2");
    user("jane.doe3", "1");
    user("ben.ode4", "9");
    let ben = Row::new("9", "Ben", "Ode").but(|row| row.email = "mail.9@example.com".into());
    let rows = [jane("1"), jane("2"), jane("3"), ben];
    let all = [
        ("ben.ode4", "9"),
        ("jane.analyst.doe", "3"),
        ("jane.doe", "5"),
        ("jane.doe2", "2"),
        ("jane.doe3", "1"),
    ];
    world.sync_rows(&rows, 0);
    expect(&world, &all);
    world.sync_rows(&rows, 0).assert_unchanged();
}

#[test]
fn many_users_of_a_lost_database_keep_their_names_as_well() {
    let mut world = world();
    world.set(
        "user_names.fallback",
        vec![toml::Value::from("{{ given_name | lower }}.{{ family_name | lower }}{{ number }}@example.com")],
    );
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    for number in 2..30_u32 {
        // The higher the id, the lower the number.
        let id = (100 - number).to_string();
        let user = json!({"userName": format!("jane.doe{number}@example.com"), "externalId": id,
            "name": {"givenName": "Jane", "familyName": "Doe"},
            "emails": [{"value": format!("mail.{id}@example.com"), "type": "work", "primary": true}]});
        world.sandbox.seed_user(user).unwrap();
        rows.push(jane(&id));
        all.push((format!("jane.doe{number}"), id));
    }
    world.sync_rows(&rows, 0);
    let all: Vec<(&str, &str)> = all.iter().map(|(name, id)| (name.as_str(), id.as_str())).collect();
    expect(&world, &all);
}

#[test]
fn a_first_choice_with_a_gap_is_rejected_and_one_that_hr_has_itself_is_not() {
    let mut world = World::new();
    world.set("attributes.userName", "{{ given_name | username }}.{{ family_name | username }}@example.com");
    let rows = [jane("1"), Row::new("2", "'", "-"), Row::new("3", "Ben", "-")];
    assert_eq!(world.sync_rows(&rows, 4).applied(), kinds([("create", 1)]));
    let status = world.run(&["status"]).stdout;
    assert!(status.contains("userName has a gap"), "{status}");
    // Signs that a name has itself are no gap.
    let mut world = World::new();
    let template = "{{ given_name | lower }}.{{ family_name | lower | replace(' ', '-') }}@example.com";
    world.set("attributes.userName", template);
    assert_eq!(
        world
            .sync_rows(&[Row::new("1", "Jane", "St. John").but(|row| row.email = "j@example.com".into())], 0)
            .applied(),
        kinds([("create", 1)])
    );
    let mut world = World::new();
    world.set("attributes.userName", "{{ work_email | lower }}");
    let odd = Row::new("1", "Jane", "Doe").but(|row| row.email = "_jane--doe@example.com".into());
    assert_eq!(world.sync_rows(&[odd], 0).applied(), kinds([("create", 1)]));
}

#[test]
fn a_name_that_our_own_lost_create_took_is_not_given_up_for_another() {
    let mut world = world();
    world.set("retry.base_seconds", 0.01);
    world.set("retry.cap_seconds", 1);
    let front = Front::before(&mut world);
    world.sync_rows(&[jane("1").but(|row| row.given = "Ann".into())], 0);
    let rows = [jane("1").but(|row| row.given = "Ann".into()), jane("2")];
    front.go(Way::LosingCreate);
    world.sync_rows(&rows, 6);
    let id = world.user("jane.doe@example.com").unwrap()["id"].as_str().unwrap().to_owned();
    // The list is an older one, so the retry finds nobody, and what it sends is refused.
    front.go(Way::Hiding(Box::leak(id.into_boxed_str())));
    for _ in 0..2 {
        world.sync_rows(&rows, 4);
        assert!(world.parked()["2"].contains("earlier request of ours"), "{:?}", world.parked());
    }
    front.go(Way::Through);
    assert_eq!(world.run(&["actions", "retry", "--all"]).exit, 0);
    world.sync_rows(&rows, 0);
    expect(&world, &[("ann.doe", "1"), ("jane.doe", "2")]);
}
