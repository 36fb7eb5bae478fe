//! The way back for somebody about whom HR says nothing that can be used, and whose user was changed by hand: to what was confirmed
//! before. A repair takes what it saw for the state; without this, that would be the truth for whoever no record decides about.

use std::collections::BTreeSet;

use super::action::{ActionKind, Attributes, Target};
use super::diff::{Draft, Step, step};
use super::plan::{Plan, PlannedAction, Settled};
use super::planner::{Absence, Ground, States};
use super::state::{AdoptionMark, OpenState, PersonState, Shown};
use super::warnings::{number, some_of};

const BECAUSE: &str =
    "changed in Workiva by hand, and HR says nothing that can be used: back to what was confirmed before";

/// Leads back whose record is rejected, and whose absence means nothing in this run. `missing`: whom the source does not name. Where
/// absence means leaving, nobody is given access back while they are missing; nor while their record is rejected: whoever suspended them
/// may have known that they have left.
pub(super) fn lead_back(plan: &mut Plan, missing: &BTreeSet<String>, ground: &Ground<'_>) {
    let astray: Vec<&PersonState> = ground.states.values().filter(|state| state.before.is_some()).collect();
    if astray.is_empty() {
        return;
    }
    let rejected: BTreeSet<&String> =
        plan.rejected.iter().filter_map(|one| one.employee_id.as_ref()).collect();
    let acted_on = plan.actions.iter().map(|one| &one.employee_id);
    let decided: BTreeSet<&String> =
        acted_on.chain(plan.settled.iter().map(|one| &one.employee_id)).collect();
    let is_undecided = |state: &&PersonState| {
        let who = &state.employee_id;
        let may_have_left = ground.rulebook.absence == Absence::Deprovision
            && state.before.as_ref().is_some_and(|before| before.had_access);
        (rejected.contains(who) && !would_return(state))
            || (missing.contains(who) && !decided.contains(who) && !may_have_left)
    };
    let stays = |state: &&&PersonState| rejected.contains(&state.employee_id) && would_return(state);
    let mut kept: Vec<String> = astray.iter().filter(stays).map(|state| state.employee_id.clone()).collect();
    kept.sort_unstable();
    if !kept.is_empty() {
        plan.warnings.push(format!(
            "{} suspended in Workiva by hand, and {} so while their record cannot be used (employee {})",
            number(kept.len(), "person was", "people were"),
            if kept.len() == 1 { "stays" } else { "stay" },
            some_of(&kept)
        ));
    }
    let undecided: Vec<&PersonState> = astray.into_iter().filter(is_undecided).collect();
    for state in undecided {
        // Not settled: the next record that can be used decides.
        let as_it_was = Settled {
            ends: state.ends.clone(),
            hired: state.hired,
            group: state.group.clone(),
            shown: state.shown,
            ..Settled::default()
        };
        let next_change = state.ends.as_ref().map(|ends| ends.at);
        back(plan, state, Settled { next_change, ..as_it_was }, ground);
    }
}

/// Whether somebody was suspended by hand who had access by us.
fn would_return(state: &PersonState) -> bool {
    state.before.as_ref().is_some_and(|before| before.had_access) && !state.has_access()
}

/// Who was suspended by hand and is to have the access back.
pub fn returning(plan: &Plan, states: &States) -> Vec<String> {
    let is_returning = |action: &&PlannedAction| {
        action.kind == ActionKind::Reactivate && states.get(&action.employee_id).is_some_and(would_return)
    };
    plan.actions.iter().filter(is_returning).map(|action| action.employee_id.clone()).collect()
}

/// Leaves those out whom a source names (`untold`) that has said nothing since: what it said before does not show that they have not left.
/// They are looked at again by each run.
pub fn leave_suspended(plan: &mut Plan, untold: &BTreeSet<String>) {
    if untold.is_empty() {
        return;
    }
    plan.actions
        .retain(|action| action.kind != ActionKind::Reactivate || !untold.contains(&action.employee_id));
    let who: Vec<String> = untold.iter().cloned().collect();
    plan.warnings.push(format!(
        "{} suspended in Workiva by hand, and {} so until each source that names them has been read again, or has pushed a \
         snapshot (employee {})",
        number(who.len(), "person was", "people were"),
        if who.len() == 1 { "stays" } else { "stay" },
        some_of(&who)
    ));
}

/// Adds the way back to what was confirmed before, if there is one to go. `settled` is what settles the person then.
pub(super) fn back(plan: &mut Plan, state: &PersonState, settled: Settled, ground: &Ground<'_>) -> bool {
    let Some(before) = &state.before else { return false };
    let is_open = state.open.as_ref().is_some_and(|open| open.state != OpenState::Discarded);
    let waits =
        state.account.is_none() && matches!(state.adoption, Some(AdoptionMark::Open | AdoptionMark::Skip));
    // The last that HR said of them, though its plan may have been held, was that they have left, or are to have no access; or that they
    // are to have it.
    let has_ended = state.ends.as_ref().is_some_and(|ends| ends.has_come(ground.moment));
    let is_against_hr = match before.had_access {
        true => has_ended || state.shown == Some(Shown::Without),
        false => state.shown == Some(Shown::With),
    };
    if is_open || waits || is_against_hr || ground.keeps(&state.employee_id) {
        return false;
    }
    let target = if before.had_access {
        Target::Access(before.attributes.clone())
    } else {
        Target::NoAccess { known_as: Attributes::new() }
    };
    let rulebook = ground.rulebook;
    let Step::Act(draft) = step(state, target, rulebook.users.paths(), rulebook.deprovision) else {
        return false;
    };
    let Draft { kind, changes, target, verify, supersedes } = draft;
    plan.actions.push(PlannedAction {
        employee_id: state.employee_id.clone(),
        kind,
        changes,
        because: BECAUSE.to_owned(),
        target,
        scim_id: state.account.as_ref().map(|account| account.scim_id.clone()),
        base_version: state.version,
        verify,
        supersedes,
        last_workspace: false,
        is_immediate: false,
        settled: Settled {
            gone: before.gone,
            group: state.group.clone(),
            // Whose access has ended has no end to come.
            next_change: settled.next_change.filter(|_| before.had_access),
            ends: settled.ends.filter(|_| before.had_access),
            ..settled
        },
        moved_from: None,
    });
    true
}
