use serde_json::{Value, json};

use super::*;
use crate::core::adopt::account_of;
use crate::core::roster::tests::roster;

const PATHS: [&str; 6] =
    ["userName", "emails.work", "externalId", "name.givenName", "name.familyName", "title"];
const ORDER: [MatchAttribute; 2] = [MatchAttribute::ExternalId, MatchAttribute::UserName];

fn claimant(id: &str, name: &str) -> Claimant {
    let mail = format!("{name}@x.test");
    let pairs = [
        ("userName", mail.as_str()),
        ("emails.work", &mail),
        ("externalId", id),
        ("name.givenName", name),
        ("name.familyName", "Ruiz"),
        ("title", "Analyst"),
    ];
    Claimant {
        employee_id: id.into(),
        attributes: pairs.map(|(path, value)| (path.to_owned(), value.to_owned())).into(),
        wants_access: true,
        standing: Standing::Unlinked,
        mark: None,
        found_before: Vec::new(),
    }
}

fn user(id: &str, name: &str, external_id: &str) -> Value {
    json!({"id": id, "userName": format!("{name}@x.test"), "externalId": external_id, "active": true,
        "emails": [{"type": "work", "value": format!("{name}@x.test")}]})
}

fn run(claimants: &[Claimant], users: &[Value]) -> (Matching, Vec<(String, &'static str)>) {
    run_with(claimants, users, &Owners::new())
}

fn run_with(
    claimants: &[Claimant],
    users: &[Value],
    owners: &Owners,
) -> (Matching, Vec<(String, &'static str)>) {
    let matching = match_people(claimants, &roster(&PATHS, users), owners, &ORDER, false, true);
    let doubts = matching.doubtful.iter().map(|one| (one.employee_id.clone(), one.doubt.code())).collect();
    (matching, doubts)
}

#[test]
fn a_key_goes_before_a_user_name_and_either_links() {
    let users = [user("u1", "old-name", "1001"), user("u2", "BO", "")];
    let (matching, doubts) = run(&[claimant("1001", "ana"), claimant("1002", "bo")], &users);
    assert_eq!(matching.links, [Link { claimant: 0, user: 0 }, Link { claimant: 1, user: 1 }]);
    assert_eq!(doubts, []);
}

#[test]
fn what_is_no_proof_is_doubtful() {
    let by_email =
        json!({"id": "u1", "userName": "a.ruiz", "emails": [{"type": "work", "value": "ANA@x.test"}]});
    let by_name = json!({"id": "u1", "userName": "a", "name": {"givenName": "Ana", "familyName": "RUIZ"}});
    for (users, code) in [
        (vec![user("u1", "ana", "9999")], "other_external_id"),
        (vec![user("u1", "a", "1001"), user("u2", "b", "1001")], "several_users"),
        (vec![by_email], "same_email"),
        (vec![by_name], "same_name"),
    ] {
        let (matching, doubts) = run(&[claimant("1001", "ana")], &users);
        assert_eq!((matching.links, doubts), (vec![], vec![("1001".to_owned(), code)]));
    }
}

#[test]
fn one_user_who_fits_two_employees_is_linked_to_neither() {
    let twins = [claimant("1001", "ana"), claimant("1002", "ana")];
    let (matching, doubts) = run(&twins, &[user("u1", "ana", "")]);
    assert_eq!(matching.links, []);
    assert_eq!(doubts, [("1001".into(), "several_employees"), ("1002".into(), "several_employees")]);
}

#[test]
fn a_user_of_somebody_else_is_no_question_for_a_namesake() {
    let owners = Owners::from([("u1".to_owned(), "7".to_owned())]);
    let namesake = json!({"id": "u1", "userName": "a", "name": {"givenName": "ana", "familyName": "ruiz"}});
    let (matching, doubts) = run_with(&[claimant("1001", "ana")], &[namesake], &owners);
    assert_eq!((doubts, matching.unmatched), (vec![], vec![0]));
}

#[test]
fn of_somebody_who_left_only_an_active_user_of_nobody_is_a_question() {
    let mut left = claimant("1001", "ana");
    left.wants_access = false;
    let suspended =
        json!({"id": "u1", "userName": "a", "active": false, "emails": [{"value": "ana@x.test"}]});
    assert_eq!(run(std::slice::from_ref(&left), &[suspended]).1, []);
    let active = json!({"id": "u1", "userName": "a", "active": true, "emails": [{"value": "ana@x.test"}]});
    assert_eq!(run(&[left], &[active]).1, [("1001".into(), "same_email")]);
}

#[test]
fn who_was_decided_to_be_new_is_not_listed_again() {
    let mut decided = claimant("1001", "ana");
    decided.mark = Some(AdoptionMark::New);
    let (matching, doubts) = run(&[decided], &[user("u1", "ana", "9999")]);
    assert_eq!((doubts, matching.unmatched), (vec![], vec![0]));
}

#[test]
fn users_whom_nobody_claims_are_unknown() {
    let users = [user("u1", "ana", "1001"), user("u2", "guest", ""), user("u3", "linked", "")];
    let owners = Owners::from([("u3".to_owned(), "7".to_owned())]);
    let (matching, _) = run_with(&[claimant("1001", "ana")], &users, &owners);
    assert_eq!(matching.unknown(&roster(&PATHS, &users), &owners), [1]);
}

#[test]
fn an_attribute_that_no_user_shows_counts_as_equal_and_one_that_others_show_as_missing() {
    let titled = json!({"id": "u2", "userName": "bo@x.test", "title": "CFO"});
    let bare = json!({"id": "u1", "userName": "ana@x.test"});
    let ana = claimant("1001", "ana");
    let alone = roster(&PATHS, std::slice::from_ref(&bare));
    assert_eq!(account_of(&ana, &alone, &alone.users()[0], &BTreeSet::new()).attributes["title"], "Analyst");
    let both = roster(&PATHS, &[bare, titled]);
    let account = account_of(&ana, &both, &both.users()[0], &BTreeSet::new());
    assert!(!account.attributes.contains_key("title"), "{account:?}");
    assert!(
        !account.attributes.contains_key("name.givenName"),
        "Workiva requires it, so it is really missing"
    );
}
