//! Each limit, one below and one above.

use super::*;
use crate::core::action::{ActionKind, Attributes, Change, Target};
use crate::core::new_id::Origin;
use crate::core::plan::PlannedAction;
use crate::core::record::{Rejection, RejectionKind};

pub(crate) fn settings() -> GuardSettings {
    serde_json::from_str(r#"{"max_deprovision_count": 25, "max_deprovision_percent": 5.0}"#).unwrap()
}

fn plan(suspends: usize, creates: usize, renames: usize) -> Plan {
    let mut people = 0;
    let mut action = |kind, changes| PlannedAction {
        employee_id: {
            people += 1;
            people.to_string()
        },
        kind,
        changes,
        because: String::new(),
        target: Target::NoAccess { known_as: Attributes::new() },
        scim_id: None,
        base_version: 0,
        verify: false,
        supersedes: None,
        last_workspace: false,
        is_immediate: false,
        settled: Default::default(),
        moved_from: None,
    };
    let rename = Change { attribute: "userName".into(), from: Some("a".into()), to: Some("b".into()) };
    let mut plan = Plan { rows: 1000, ..Plan::default() };
    plan.actions.extend((0..suspends).map(|_| action(ActionKind::Suspend, vec![])));
    plan.actions.extend((0..creates).map(|_| action(ActionKind::Create, vec![])));
    plan.actions.extend((0..renames).map(|_| action(ActionKind::Update, vec![rename.clone()])));
    plan
}

fn scale(active: u64) -> Scale {
    Scale { active_accounts: active, has_accounts: active > 0, accepted_rows: Some(1000), ..Scale::default() }
}

fn codes(plan: &Plan, scale: Scale) -> Vec<String> {
    check(plan, &scale, &settings()).reasons.into_iter().map(|reason| reason.code).collect()
}

#[test]
fn names_that_wait_for_others_count_and_who_was_let_stand_with_this_very_source_is_not_counted_again() {
    let ids = |from: u32| (from..from + 51).map(|number| number.to_string()).collect::<Vec<_>>();
    let waiting = Plan { waiting_renames: ids(100), input: Fingerprint(7), ..plan(0, 0, 0) };
    assert_eq!(codes(&waiting, scale(1000)), ["rename_percent"]);
    let of = |input, from| Scale {
        accepted_input: Some(Fingerprint(input)),
        accepted_renames: ids(from).into_iter().collect(),
        ..scale(1000)
    };
    assert_eq!(codes(&waiting, of(6, 100)), ["rename_percent"]);
    assert!(codes(&waiting, of(7, 100)).is_empty());
    assert_eq!(codes(&waiting, of(7, 500)), ["rename_percent"], "these are others");
    let by_date = Plan { input: Fingerprint(7), ..plan(0, 0, 51) };
    assert_eq!(codes(&by_date, of(7, 100)), ["rename_percent"], "whom a date or a repair brings");
}

#[test]
fn creates_that_still_wait_count_but_for_those_of_a_first_load() {
    let mut settings = settings();
    settings.max_create_count = Some(500);
    let waiting = Scale { open_creates: 300, open_later_creates: 300, ..scale(1000) };
    let codes = |scale: &Scale| -> Vec<String> {
        check(&plan(0, 201, 0), scale, &settings).reasons.into_iter().map(|reason| reason.code).collect()
    };
    assert_eq!(codes(&waiting), ["create_count", "create_percent"]);
    let first_load = Scale { open_creates: 299, open_later_creates: 0, ..waiting };
    assert!(codes(&first_load).is_empty());
}

#[test]
fn accounts_that_pass_to_another_employee_id_have_a_limit_of_their_own() {
    let moves = |number: usize| {
        let mut plan = plan(0, 0, number);
        let origin = Origin { employee_id: "old".into(), base_version: 1 };
        for action in &mut plan.actions {
            (action.changes, action.moved_from) = (Vec::new(), Some(origin.clone()));
        }
        plan
    };
    assert!(codes(&moves(50), scale(1000)).is_empty());
    assert_eq!(codes(&moves(51), scale(1000)), ["move_percent"]);
    assert!(codes(&moves(2), scale(3)).is_empty(), "a handful");
}

#[test]
fn a_plan_within_every_limit_proceeds() {
    assert!(codes(&plan(25, 400, 40), scale(1000)).is_empty());
}

#[test]
fn each_limit_trips_by_its_own_code_one_above_it() {
    assert_eq!(codes(&plan(26, 0, 0), scale(1000)), ["deprovision_count"]);
    assert_eq!(codes(&plan(6, 0, 0), scale(100)), ["deprovision_percent"]);
    assert_eq!(codes(&plan(0, 501, 0), scale(1000)), ["create_percent"]);
    assert_eq!(codes(&plan(0, 0, 51), scale(1000)), ["rename_percent"]);
    let shrunken = Plan { rows: 899, ..Plan::default() };
    assert_eq!(codes(&shrunken, scale(1000)), ["shrink_percent"], "with nothing else planned");
    let rejection =
        Rejection { employee_id: None, row: None, kind: RejectionKind::NoEmployeeId, reason: String::new() };
    let spoiled = Plan { rows: 1000, rejected: vec![rejection.clone(); 51], ..Plan::default() };
    assert_eq!(codes(&spoiled, scale(1000)), ["reject_percent"]);
    let rejection = Rejection { kind: RejectionKind::DifferingRows, ..rejection };
    let of_one_id = Plan { rows: 1000, rejected: vec![rejection], doubled_rows: 50, ..Plan::default() };
    assert_eq!(codes(&of_one_id, scale(1000)), ["reject_percent"]);
    let let_stand = Scale { accepted_unusable_rows: 51, ..scale(1000) };
    assert!(codes(&of_one_id, let_stand).is_empty());
}

#[test]
fn a_percentage_says_nothing_about_fewer_than_three_people() {
    assert!(codes(&plan(2, 0, 0), scale(4)).is_empty());
    assert_eq!(codes(&plan(3, 0, 0), scale(4)), ["deprovision_percent"]);
}

#[test]
fn creates_are_free_on_a_first_empty_state() {
    let empty = Scale { accepted_rows: None, ..scale(0) };
    assert!(codes(&plan(0, 1000, 0), empty.clone()).is_empty());
    assert_eq!(codes(&plan(0, 3, 0), Scale { has_accounts: true, ..empty }), ["create_percent"]);
}

#[test]
fn deprovisions_that_still_wait_count_against_the_limit() {
    let waiting = Scale { open_deprovisions: 20, ..scale(1000) };
    assert_eq!(codes(&plan(10, 0, 0), waiting), ["deprovision_count"]);
}

#[test]
fn holding_deprovisions_alone_is_for_trips_about_deprovisions_alone() {
    let mut settings = settings();
    settings.on_trip = OnTrip::HoldDeprovisions;
    assert!(check(&plan(26, 10, 0), &scale(1000), &settings).only_deprovisions);
    assert!(
        !check(&plan(26, 10, 60), &scale(1000), &settings).only_deprovisions,
        "a shifted column holds all"
    );
}

#[test]
fn other_rules_trip_by_what_they_change_only_and_the_figures_are_readable() {
    let scale = Scale { accepted_rules: Some(1), ..scale(4_950) };
    let changed = Plan { rules: 2, ..plan(0, 12, 4_812) };
    let mut settings = settings();
    settings.max_rename_percent = 100.0;
    let verdict = check(&changed, &scale, &settings);
    assert_eq!(verdict.reasons[0].code, "config_change_percent");
    let message = &verdict.reasons[0].message;
    assert!(
        message.contains("your configuration change would update 4,812 people, create 12; 4,824"),
        "{message}"
    );
    assert!(!check(&Plan { rules: 1, ..changed }, &scale, &settings).holds(), "HR has changed that much");
    assert!(!check(&Plan { rules: 2, ..plan(0, 0, 0) }, &scale, &settings).holds(), "a new version, say");
    let first_load = Scale { has_accounts: false, active_accounts: 0, ..scale };
    assert!(!check(&Plan { rules: 2, ..plan(0, 500, 0) }, &first_load, &settings).holds());
}

#[test]
fn a_changed_header_holds_the_whole_plan_whatever_on_trip_says() {
    let header = |names: &[&str]| HeaderNames::new(names.iter().map(|name| (*name).to_owned()));
    let mut settings = settings();
    settings.on_trip = OnTrip::HoldDeprovisions;
    let scale = Scale { accepted_header: Some(header(&["Id", "Dept"])), ..scale(1000) };
    let same = Plan { header: header(&["Dept", "Id"]), ..plan(1, 0, 0) };
    assert!(!check(&same, &scale, &settings).holds());
    let changed = Plan { header: header(&["Id", "Unit"]), ..plan(1, 0, 0) };
    let verdict = check(&changed, &scale, &settings);
    assert_eq!(verdict.reasons[0].code, "header_changed");
    assert!(verdict.reasons[0].message.contains("'Unit' came, 'Dept' went"), "{verdict:?}");
    assert!(!verdict.only_deprovisions);
    let free = Scale { accepted_header: None, ..scale };
    assert!(!check(&changed, &free, &settings).holds());
}
