use serde_json::{Value, json};

use super::*;
use crate::core::roster::tests::roster;

const PATHS: [&str; 4] = ["userName", "title", "locale", "nickName"];
/// Written where Workiva has none.
const FILLED: [&str; 1] = ["nickName"];

fn known(id: &str, active: bool) -> KnownAccount {
    let attributes = [("userName", "ana@x.test"), ("title", "CFO"), ("unmapped", "x")];
    let attributes = attributes.map(|(path, value)| (path.to_owned(), value.to_owned())).into();
    KnownAccount {
        employee_id: format!("E{id}"),
        account: Account { scim_id: id.to_owned(), active, attributes },
        version: 3,
        is_moving: false,
        repaired: BTreeMap::new(),
    }
}

fn compared(accounts: Vec<KnownAccount>, users: &[Value]) -> Comparison {
    let managed = PATHS.map(str::to_owned).into();
    let roster = roster(&PATHS, users);
    let filled_when_empty = FILLED.map(str::to_owned).into();
    let compared = Compared { managed: &managed, filled_when_empty: &filled_when_empty };
    let mut comparer = Comparer::new(&roster, compared);
    accounts.into_iter().for_each(|account| comparer.compare(account));
    comparer.finish()
}

fn kinds(active: bool, user: Value) -> Vec<DriftKind> {
    let comparison = compared(vec![known("u1", active)], &[user]);
    comparison.people.iter().flat_map(|one| one.kinds.iter().copied()).collect()
}

#[test]
fn each_change_by_hand_has_its_kind() {
    use DriftKind::{Activated, Changed, Renamed, Suspended};
    for (active, user, expected) in [
        (true, json!({"id": "u1", "userName": "ana@x.test", "title": "CFO", "active": true}), vec![]),
        (
            true,
            json!({"id": "u1", "userName": "ana@x.test", "title": "CFO", "active": false}),
            vec![Suspended],
        ),
        (
            false,
            json!({"id": "u1", "userName": "ana@x.test", "title": "CFO", "active": "true"}),
            vec![Activated],
        ),
        (true, json!({"id": "u1", "userName": "bo@x.test", "title": "CEO"}), vec![Renamed, Changed]),
    ] {
        assert_eq!(kinds(active, user.clone()), expected, "{user}");
    }
}

#[test]
fn letter_case_in_a_user_name_what_is_not_shown_and_what_was_never_sent_are_no_drift() {
    let user = json!({"id": "u1", "userName": "Ana@X.test", "locale": "de", "unmapped": "y"});
    let comparison = compared(vec![known("u1", true)], &[user]);
    assert_eq!(comparison.people, []);
    assert_eq!(comparison.not_shown, [("active".to_owned(), 1), ("title".to_owned(), 1)].into());
}

#[test]
fn a_value_that_is_back_after_a_repair_is_the_servers_doing_until_another_one_is_confirmed() {
    let user = json!({"id": "u1", "userName": "ana@x.test", "title": "Cfo", "active": true});
    let repaired = |confirmed: &str| {
        let pair = (confirmed.to_owned(), "Cfo".to_owned());
        KnownAccount { repaired: [("title".to_owned(), pair)].into(), ..known("u1", true) }
    };
    let back = compared(vec![repaired("CFO")], std::slice::from_ref(&user));
    assert_eq!((back.people.len(), back.altered), (0, [("title".to_owned(), 1)].into()));
    assert_eq!(compared(vec![repaired("CEO")], &[user]).people.len(), 1);
    let good = json!({"id": "u1", "userName": "ana@x.test", "title": "CFO", "active": true});
    assert_eq!(compared(vec![repaired("CFO")], &[good]).healed, [("Eu1".to_owned(), "title".to_owned())]);
}

#[test]
fn what_was_seen_becomes_the_account_and_keeps_what_is_not_shown() {
    let user = json!({"id": "u1", "userName": "bo@x.test", "active": false});
    let comparison = compared(vec![known("u1", true)], &[user]);
    let now = comparison.people[0].now.as_ref().unwrap();
    assert_eq!(
        (now.active, now.attributes["userName"].as_str(), now.attributes["title"].as_str()),
        (false, "bo@x.test", "CFO")
    );
    assert_eq!(comparison.people[0].base_version, 3);
}

#[test]
fn more_missing_users_than_may_lose_access_put_the_listing_in_doubt() {
    let missing = |active: &[bool]| active.iter().map(|active| known("u1", *active)).collect();
    let few = sort_missing(missing(&[true, false, true]), 2);
    assert_eq!((few.to_ask.len(), few.in_doubt.len(), few.unlisted_suspended), (3, 0, 0));
    let many = sort_missing(missing(&[true, true, true, false]), 2);
    assert_eq!((many.to_ask.len(), many.in_doubt.len(), many.unlisted_suspended), (0, 3, 1));
    let hidden = sort_missing(missing(&[true, false, false, false]), 2);
    assert_eq!((hidden.to_ask.len(), hidden.in_doubt.len(), hidden.unlisted_suspended), (1, 0, 3));
}

#[test]
fn whoever_has_an_action_under_way_is_left_out_and_a_user_of_theirs_is_not_unknown() {
    let moving = KnownAccount { is_moving: true, ..known("u1", true) };
    let users = [json!({"id": "u1", "userName": "x"}), json!({"id": "u2", "userName": "y"})];
    let comparison = compared(vec![moving, known("u3", true)], &users);
    assert_eq!((comparison.under_way.len(), comparison.unknown.as_slice()), (1, &[1][..]));
    let missing: Vec<_> = comparison.missing.iter().map(|one| one.employee_id.as_str()).collect();
    assert_eq!((missing, comparison.people.len()), (vec!["Eu3"], 0));
}

#[test]
fn a_value_by_hand_that_is_to_keep_hrs_away_is_found_though_hr_had_none() {
    let user = |more: (&str, Value)| {
        let mut user = json!({"id": "1", "userName": "ana@x.test", "title": "CFO", "active": true});
        user[more.0] = more.1;
        user
    };
    let found = |user: Value| {
        let comparison = compared(vec![known("1", true)], &[user]);
        assert!(comparison.people.is_empty(), "that is no drift");
        comparison.learnt.into_iter().map(|one| (one.attribute, one.value)).collect::<Vec<_>>()
    };
    assert_eq!(found(user(("nickName", json!("Annie")))), [("nickName".to_owned(), "Annie".to_owned())]);
    assert!(found(user(("nickName", json!("")))).is_empty());
    assert!(found(user(("locale", json!("de")))).is_empty(), "what HR never filled is not ours");
}
