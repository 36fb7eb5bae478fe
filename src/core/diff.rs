//! What has to happen to bring one account from its confirmed state to where it should be.

use std::collections::BTreeSet;

use super::action::{ActionKind, Attributes, Change, DeprovisionBy, Target};
use super::scim::AttributePath;
use super::state::{Account, OpenAction, OpenState, PersonState};

/// The step for one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Confirmed state and target agree, nothing is under way.
    Settled,
    /// An action under way will do it.
    Pending,
    /// A worker holds an action with another end. It has to end first, and then a run has to look again.
    Busy {
        /// Whether they should lose access then.
        loses_access: bool,
    },
    /// Nothing is to be done any more: the queued action is withdrawn.
    Withdraw {
        /// The action.
        action_id: i64,
    },
    /// This has to be done.
    Act(Draft),
}

/// An action for one person, decided but not yet numbered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Create, update and so on.
    pub kind: ActionKind,
    /// What changes against the confirmed state.
    pub changes: Vec<Change>,
    /// Where it ends.
    pub target: Target,
    /// Whether Workiva has to be read before anything is written, because an earlier request may have taken effect.
    pub verify: bool,
    /// The queued or parked action that this one takes the place of.
    pub supersedes: Option<i64>,
}

/// Compares a person's confirmed state with the target. `managed` are the mapped SCIM paths: an attribute that is no
/// longer mapped is left as it is.
pub fn step(state: &PersonState, target: Target, managed: &BTreeSet<String>, by: DeprovisionBy) -> Step {
    let open = state.open.as_ref();
    // A withdrawn one brings about nothing any more, also where HR wants the same end again.
    let does_it = |open: &OpenAction| !open.withdrawn && open.target.is_same_end(&target);
    match open {
        Some(open) if does_it(open) => return Step::Pending,
        Some(open) if open.state == OpenState::Leased => {
            return Step::Busy { loses_access: matches!(target, Target::NoAccess { .. }) };
        }
        _ => {}
    }
    if let Some(open) = open.filter(|open| open.moved_from.is_some())
        && matches!(target, Target::NoAccess { .. })
    {
        // Whoever has the account now is looked after under the own employee id. What it may have done is learnt by a look.
        return Step::Withdraw { action_id: open.action_id };
    }
    let unsure = open.is_some_and(OpenAction::is_unsure);
    let Some((kind, changes)) = needed(state.account.as_ref(), &target, managed, by, unsure) else {
        return match open {
            Some(open) => Step::Withdraw { action_id: open.action_id },
            None => Step::Settled,
        };
    };
    // Of somebody without a confirmed account, the abandoned action alone tells how the account may be found.
    let target = match (target, state.account.as_ref(), open) {
        (Target::NoAccess { .. }, Some(account), _) => {
            Target::NoAccess { known_as: account.attributes.clone() }
        }
        (Target::NoAccess { .. }, None, Some(open)) => {
            Target::NoAccess { known_as: open.target.attributes().clone() }
        }
        (target, _, _) => target,
    };
    // Without a confirmed account everything begins by a search. Only what may have been made unseen is worth a look at everybody.
    let verify = match &state.account {
        Some(_) => unsure,
        None => open.is_some_and(|open| open.uncertain),
    };
    Step::Act(Draft { kind, changes, target, verify, supersedes: open.map(|open| open.action_id) })
}

fn needed(
    account: Option<&Account>,
    target: &Target,
    managed: &BTreeSet<String>,
    by: DeprovisionBy,
    unsure: bool,
) -> Option<(ActionKind, Vec<Change>)> {
    let active = account.map(|account| account.active);
    match target {
        // Memberships are compared elsewhere; see `core::grants`.
        Target::Membership { .. } => None,
        Target::NoAccess { .. } => {
            let needed = active == Some(true) || unsure;
            needed.then(|| (by.kind(), vec![active_change(active, false)]))
        }
        Target::Access(desired) => {
            let Some(account) = account else {
                let mut changes = attribute_changes(&Attributes::new(), desired, managed);
                changes.insert(0, active_change(None, true));
                return Some((ActionKind::Create, changes));
            };
            let mut changes = attribute_changes(&account.attributes, desired, managed);
            if !account.active {
                changes.insert(0, active_change(Some(false), true));
                return Some((ActionKind::Reactivate, changes));
            }
            (unsure || !changes.is_empty()).then_some((ActionKind::Update, changes))
        }
    }
}

fn active_change(from: Option<bool>, to: bool) -> Change {
    Change { attribute: "active".into(), from: from.map(|value| value.to_string()), to: Some(to.to_string()) }
}

fn attribute_changes(
    confirmed: &Attributes,
    desired: &Attributes,
    managed: &BTreeSet<String>,
) -> Vec<Change> {
    managed
        .iter()
        .filter_map(|path| {
            let (from, to) = (confirmed.get(path), desired.get(path));
            if is_same_value(path, from.map(String::as_str), to.map(String::as_str)) {
                return None;
            }
            Some(Change { attribute: path.clone(), from: from.cloned(), to: to.cloned() })
        })
        .collect()
}

/// Whether two values of an attribute count as the same. Letter case alone is no change in a user name or an e-mail
/// address: Workiva mails the user about either (workiva-facts.md, D).
pub fn is_same_value(path: &str, one: Option<&str>, two: Option<&str>) -> bool {
    match (one, two) {
        (Some(one), Some(two)) => {
            one == two || AttributePath::parse(path).is_ok_and(|path| path.same(one, two))
        }
        (one, two) => one == two,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(user_name: &str, title: &str) -> Attributes {
        let mut all = Attributes::from([("userName".to_owned(), user_name.to_owned())]);
        if !title.is_empty() {
            all.insert("title".into(), title.into());
        }
        all
    }

    fn managed() -> BTreeSet<String> {
        ["userName", "title"].map(str::to_owned).into()
    }

    fn access(user_name: &str, title: &str) -> Target {
        Target::Access(attributes(user_name, title))
    }

    fn gone() -> Target {
        Target::NoAccess { known_as: Attributes::new() }
    }

    fn state(active: Option<bool>, open: Option<(OpenState, Target, bool)>) -> PersonState {
        PersonState {
            account: active.map(|active| Account {
                scim_id: "u1".into(),
                active,
                attributes: attributes("ana", "Analyst"),
            }),
            open: open.map(|(state, target, uncertain)| OpenAction {
                action_id: 9,
                kind: ActionKind::Update,
                state,
                target,
                uncertain,
                withdrawn: false,
                moved_from: None,
            }),
            ..PersonState::unknown("1001")
        }
    }

    fn run(state: &PersonState, target: Target) -> Step {
        step(state, target, &managed(), DeprovisionBy::Suspend)
    }

    fn kind(step: &Step) -> ActionKind {
        match step {
            Step::Act(draft) => draft.kind,
            other => panic!("no action but {other:?}"),
        }
    }

    #[test]
    fn each_pair_of_state_and_target_has_its_kind() {
        assert_eq!(kind(&run(&state(None, None), access("ana", ""))), ActionKind::Create);
        assert_eq!(kind(&run(&state(Some(true), None), access("ana", "CFO"))), ActionKind::Update);
        assert_eq!(kind(&run(&state(Some(false), None), access("ana", "Analyst"))), ActionKind::Reactivate);
        assert_eq!(kind(&run(&state(Some(true), None), gone())), ActionKind::Suspend);
        for settled in [run(&state(None, None), gone()), run(&state(Some(false), None), gone())] {
            assert_eq!(settled, Step::Settled);
        }
        assert_eq!(run(&state(Some(true), None), access("ana", "Analyst")), Step::Settled);
    }

    #[test]
    fn letter_case_alone_is_no_change_of_a_user_name_but_is_of_a_title() {
        assert_eq!(run(&state(Some(true), None), access("ANA", "Analyst")), Step::Settled);
        assert_eq!(kind(&run(&state(Some(true), None), access("ana", "ANALYST"))), ActionKind::Update);
    }

    #[test]
    fn a_value_that_became_empty_is_removed_and_one_that_is_not_mapped_is_left() {
        let Step::Act(draft) = run(&state(Some(true), None), access("ana", "")) else { panic!() };
        assert_eq!(
            draft.changes,
            [Change { attribute: "title".into(), from: Some("Analyst".into()), to: None }]
        );
        let only_name: BTreeSet<String> = ["userName".to_owned()].into();
        let left = step(&state(Some(true), None), access("ana", ""), &only_name, DeprovisionBy::Suspend);
        assert_eq!(left, Step::Settled);
    }

    #[test]
    fn an_action_in_flight_is_never_superseded_and_one_with_the_same_end_is_not_repeated() {
        let leased = state(Some(true), Some((OpenState::Leased, gone(), false)));
        assert_eq!(run(&leased, access("ana", "CFO")), Step::Busy { loses_access: false });
        for open in [OpenState::Queued, OpenState::Parked, OpenState::Discarded] {
            let same = state(Some(true), Some((open, gone(), false)));
            assert_eq!(run(&same, gone()), Step::Pending);
        }
    }

    #[test]
    fn a_queued_action_that_is_no_longer_needed_is_withdrawn() {
        let queued = state(Some(true), Some((OpenState::Queued, gone(), false)));
        assert_eq!(run(&queued, access("ana", "Analyst")), Step::Withdraw { action_id: 9 });
    }

    #[test]
    fn after_an_uncertain_suspend_the_account_is_asserted_again_rather_than_trusted() {
        let queued = state(Some(true), Some((OpenState::Queued, gone(), true)));
        let Step::Act(draft) = run(&queued, access("ana", "Analyst")) else { panic!() };
        assert_eq!((draft.kind, draft.verify, draft.supersedes), (ActionKind::Update, true, Some(9)));
    }

    #[test]
    fn a_withdrawn_action_is_planned_anew_where_hr_wants_the_same_end_again() {
        for open in [OpenState::Queued, OpenState::Parked] {
            let mut state = state(Some(true), Some((open, gone(), true)));
            state.open.as_mut().unwrap().withdrawn = true;
            let Step::Act(draft) = run(&state, gone()) else { panic!() };
            assert_eq!((draft.kind, draft.verify, draft.supersedes), (ActionKind::Suspend, true, Some(9)));
        }
    }

    #[test]
    fn after_an_uncertain_create_a_leaver_is_looked_for_by_what_was_sent() {
        let queued = state(None, Some((OpenState::Queued, access("ana", ""), true)));
        let Step::Act(draft) = run(&queued, gone()) else { panic!() };
        assert_eq!((draft.kind, draft.verify), (ActionKind::Suspend, true));
        assert_eq!(draft.target, Target::NoAccess { known_as: attributes("ana", "") });
    }
}
