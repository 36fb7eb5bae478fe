//! Which steps lead from the memberships that somebody has to those that they should have.

use super::step::*;
use super::{Given, GroupMap, Manage, Wanted};
use crate::core::action::ActionKind;
use crate::core::state::{OpenMembership, OpenState, PersonState};

const Q1: &str = "workspace:Q1";
const G7: &str = "workspace:Q1:group:G7";

fn state(held: &[(&str, Given)], open: &[(&str, bool, OpenState, bool)]) -> PersonState {
    PersonState {
        memberships: held.iter().map(|(group, given)| ((*group).to_owned(), *given)).collect(),
        open_memberships: open
            .iter()
            .map(|(group, joins, state, uncertain)| {
                let open = OpenMembership {
                    action_id: 9,
                    joins: *joins,
                    state: *state,
                    uncertain: *uncertain,
                    withdrawn: false,
                    last_workspace: false,
                    is_of_former_user: false,
                };
                ((*group).to_owned(), open)
            })
            .collect(),
        ..PersonState::unknown("1001")
    }
}

fn wanted(groups: &[&str]) -> Wanted {
    groups.iter().map(|group| ((*group).to_owned(), "role x grants it".to_owned())).collect()
}

fn run(state: &PersonState, groups: &[&str]) -> Memberships {
    memberships(state, Some(&wanted(groups)), Standing::default(), &GroupMap::default())
}

fn kinds(all: &Memberships) -> Vec<(ActionKind, &str)> {
    all.drafts.iter().map(|draft| (draft.kind, draft.group.as_str())).collect()
}

#[test]
fn what_is_missing_is_granted_and_what_we_gave_and_nobody_grants_is_revoked() {
    let all = run(&state(&[("old", Given::Ours)], &[]), &[Q1]);
    assert_eq!(kinds(&all), [(ActionKind::Revoke, "old"), (ActionKind::Grant, Q1)]);
    assert!(run(&state(&[(Q1, Given::Ours), (G7, Given::Found)], &[]), &[Q1, G7]).is_settled());
}

#[test]
fn what_was_there_before_us_stays_under_granted_and_goes_under_exclusive() {
    let by_hand = state(&[("club", Given::Found)], &[]);
    assert!(run(&by_hand, &[]).is_settled());
    let ids = [("club".to_owned(), "club".to_owned())].into();
    let exclusive = GroupMap { ids, manage: Manage::Exclusive, ..GroupMap::default() };
    let all = memberships(&by_hand, Some(&wanted(&[])), Standing::default(), &exclusive);
    assert_eq!(kinds(&all), [(ActionKind::Revoke, "club")]);
    // What no role grants to anybody any more is nobody's concern.
    let unmanaged = GroupMap { manage: Manage::Exclusive, ..GroupMap::default() };
    let all = memberships(&by_hand, Some(&wanted(&[])), Standing::default(), &unmanaged);
    assert!(all.is_settled() && all.lapsed == ["club"]);
}

#[test]
fn what_was_there_before_us_is_looked_at_once_a_role_grants_it_again() {
    let mut by_hand = state(&[(Q1, Given::Found)], &[]);
    assert_eq!(run(&by_hand, &[]).lapsed, [Q1]);
    assert!(run(&by_hand, &[Q1]).is_settled());
    by_hand.lapsed.insert(Q1.to_owned());
    assert_eq!(run(&by_hand, &[]), Memberships::default(), "once is enough");
    assert_eq!(kinds(&run(&by_hand, &[Q1])), [(ActionKind::Grant, Q1)]);
}

#[test]
fn the_last_workspace_does_not_go_in_silence() {
    let all = run(&state(&[(Q1, Given::Ours), (G7, Given::Ours)], &[]), &[]);
    let is_last = |all: &Memberships| all.drafts.iter().any(|draft| draft.last_workspace);
    assert!(is_last(&all));
    let of = |group: &str| &all.drafts.iter().find(|draft| draft.group == group).unwrap().because;
    assert!(of(Q1).contains("last workspace") && !of(G7).contains("last workspace"));
    let other = state(&[(Q1, Given::Ours), ("workspace:Q2", Given::Found)], &[]);
    assert!(!is_last(&run(&other, &[])));
    assert!(!is_last(&run(&state(&[(Q1, Given::Ours)], &[]), &["workspace:Q2"])));
}

#[test]
fn what_is_under_way_is_not_repeated_and_what_is_not_needed_any_more_is_withdrawn() {
    let queued = state(&[], &[(Q1, true, OpenState::Queued, false)]);
    assert_eq!(run(&queued, &[Q1]).pending, 1);
    assert_eq!(run(&queued, &[]).withdrawals, [9]);
    let leased = state(&[], &[(Q1, true, OpenState::Leased, false)]);
    assert_eq!(run(&leased, &[]).busy, 1);
    assert_eq!(memberships(&queued, None, Standing::default(), &GroupMap::default()).withdrawals, [9]);
}

#[test]
fn what_may_have_taken_effect_unseen_is_turned_back_by_reading_first() {
    let uncertain = state(&[], &[(Q1, true, OpenState::Queued, true)]);
    let all = run(&uncertain, &[]);
    assert_eq!(kinds(&all), [(ActionKind::Revoke, Q1)]);
    assert!(all.drafts[0].verify && all.drafts[0].supersedes == Some(9));
}

#[test]
fn while_a_name_means_no_group_nobody_loses_a_membership() {
    let map = GroupMap { wrong: vec!["'Finance'".into()], ..GroupMap::default() };
    let all =
        memberships(&state(&[("old", Given::Ours)], &[]), Some(&wanted(&[Q1])), Standing::default(), &map);
    assert_eq!((kinds(&all), all.held_back), (vec![(ActionKind::Grant, Q1)], 1));
}

#[test]
fn somebody_without_access_keeps_the_memberships() {
    let held = state(&[(Q1, Given::Ours)], &[]);
    assert!(memberships(&held, None, Standing::default(), &GroupMap::default()).is_settled());
}

#[test]
fn what_waits_as_a_move_is_planned_anew_as_the_last_workspace_once_no_other_is_wanted_and_back() {
    let mut moving = state(
        &[(Q1, Given::Ours)],
        &[(Q1, false, OpenState::Queued, false), ("workspace:Q2", true, OpenState::Queued, false)],
    );
    moving.open_memberships.get_mut(Q1).unwrap().action_id = 8;
    let all = run(&moving, &["workspace:Q2"]);
    assert_eq!((all.drafts.len(), all.pending, all.kept_workspace), (0, 2, None));
    let all = run(&moving, &[]);
    assert_eq!((kinds(&all), all.pending), (vec![(ActionKind::Revoke, Q1)], 0));
    assert!(all.drafts[0].last_workspace && all.drafts[0].supersedes == Some(8));
    moving.open_memberships.get_mut(Q1).unwrap().last_workspace = true;
    let all = run(&moving, &["workspace:Q2"]);
    assert!(kinds(&all) == [(ActionKind::Revoke, Q1)] && !all.drafts[0].last_workspace, "{all:?}");
}

#[test]
fn a_workspace_that_is_kept_for_want_of_another_is_told_of() {
    for open in [OpenState::Parked, OpenState::Discarded] {
        let moving = state(&[(Q1, Given::Ours)], &[("workspace:Q2", true, open, false)]);
        let kept = run(&moving, &["workspace:Q2"]).kept_workspace.unwrap();
        assert!(kept.starts_with("workspace:Q1 until workspace:Q2"), "{kept}");
        assert_eq!(run(&moving, &["workspace:Q2", "workspace:Q3"]).kept_workspace, None);
    }
}

#[test]
fn who_keeps_the_account_without_a_role_keeps_one_workspace_and_nothing_else() {
    let keep = |state: &PersonState, groups: &[&str]| {
        memberships(
            state,
            Some(&wanted(groups)),
            Standing { keeps_access: Some("a test keeps the account"), ..Standing::default() },
            &GroupMap::default(),
        )
    };
    let held = state(&[(Q1, Given::Ours), (G7, Given::Ours), ("workspace:Q2", Given::Ours)], &[]);
    let all = keep(&held, &[]);
    assert_eq!(kinds(&all), [(ActionKind::Revoke, G7), (ActionKind::Revoke, "workspace:Q2")]);
    assert!(all.kept_workspace.unwrap().starts_with(Q1) && !all.drafts[1].last_workspace);
    assert!(keep(&state(&[(Q1, Given::Ours)], &[]), &[]).is_settled());
    let waiting = state(&[(Q1, Given::Ours)], &[(Q1, false, OpenState::Queued, false)]);
    assert_eq!(keep(&waiting, &[]).withdrawals, [9]);
    let by_hand = state(&[(Q1, Given::Ours), ("workspace:Q2", Given::Found)], &[]);
    assert_eq!(kinds(&keep(&by_hand, &[])), [(ActionKind::Revoke, Q1)], "who is in another keeps that one");
}

#[test]
fn what_was_given_by_hand_inside_of_a_workspace_is_told_of_when_that_ends() {
    let all = run(&state(&[(Q1, Given::Ours), (G7, Given::Found), ("club", Given::Found)], &[]), &[]);
    assert_eq!(kinds(&all), [(ActionKind::Revoke, Q1)]);
    assert_eq!(all.gone_along, [format!("{G7} with {Q1}")]);
    assert!(all.drafts[0].because.contains("which somebody gave them by hand, goes along with it"));
    // What is ours inside of it is taken back by an action of its own.
    let ours = run(&state(&[(Q1, Given::Ours), (G7, Given::Ours)], &[]), &[]);
    assert!(ours.gone_along.is_empty() && ours.drafts.len() == 2);
}

#[test]
fn of_who_comes_back_every_membership_is_looked_at() {
    let held = state(&[(Q1, Given::Ours), (G7, Given::Found)], &[]);
    let back = Standing { comes_back: true, ..Standing::default() };
    let all = memberships(&held, Some(&wanted(&[Q1])), back, &GroupMap::default());
    assert_eq!(kinds(&all), [(ActionKind::Grant, Q1)]);
}

#[test]
fn what_was_parked_about_a_user_who_is_gone_is_tried_again_with_the_new_one() {
    let parked = state(&[], &[(Q1, true, OpenState::Parked, false)]);
    assert!(run(&parked, &[Q1]).drafts.is_empty());
    let mut anew = parked.clone();
    anew.open_memberships.get_mut(Q1).unwrap().is_of_former_user = true;
    let all = run(&anew, &[Q1]);
    assert_eq!(kinds(&all), [(ActionKind::Grant, Q1)]);
    assert_eq!(all.drafts[0].supersedes, Some(9));
}

#[test]
fn within_a_grace_nobody_is_put_into_a_group_and_nobody_loses_the_last_workspace() {
    let grace = |state: &PersonState, groups: &[&str]| {
        memberships(state, Some(&wanted(groups)), Standing::of(false, true), &GroupMap::default())
    };
    let held = state(&[(Q1, Given::Ours), (G7, Given::Ours)], &[]);
    let all = grace(&held, &["workspace:Q2", "role:x"]);
    assert_eq!(kinds(&all), [(ActionKind::Revoke, G7)]);
    assert!(all.kept_workspace.unwrap().starts_with(Q1));
    assert!(grace(&held, &[Q1, G7, "workspace:Q2"]).is_settled());
    let mut lapsed = state(&[(Q1, Given::Ours), ("workspace:Q2", Given::Found)], &[]);
    lapsed.lapsed.insert("workspace:Q2".into());
    assert!(
        grace(&lapsed, &[Q1, "workspace:Q2"]).drafts.is_empty(),
        "somebody may have taken them out since"
    );
    // What a worker has in hand goes on, and what waits is not sent.
    let leased = state(&[(Q1, Given::Ours)], &[("workspace:Q2", true, OpenState::Leased, false)]);
    assert_eq!(
        (grace(&leased, &[Q1, "workspace:Q2"]).pending, grace(&leased, &[Q1, "workspace:Q2"]).busy),
        (1, 0)
    );
    let queued = state(&[(Q1, Given::Ours)], &[("workspace:Q2", true, OpenState::Queued, false)]);
    assert_eq!(grace(&queued, &[Q1, "workspace:Q2"]).withdrawals, [9]);
}
