//! The memberships of one person in a plan, beside what is planned for the account.

use super::action::{ActionKind, Change, Target};
use super::diff::Step;
use super::grants::{Granted, GroupMap, MembershipDraft, Memberships, Standing, memberships};
use super::plan::{Plan, PlannedAction, Settled};
use super::state::{AdoptionMark, OpenMembership, OpenState, PersonState};
use super::warnings::{number, some_of};

/// The attribute under which a plan shows a membership.
const ATTRIBUTE: &str = "groups";

/// What is to be done about somebody's memberships, beside the step for the account. `granted`: `None` where they are to have no
/// access. `standing`: how it is with their account, but for whether they come back.
pub(super) fn of_person(
    state: &PersonState,
    step: &Step,
    granted: Option<&Granted>,
    standing: Standing,
    map: Option<&GroupMap>,
) -> Memberships {
    // Where it is not settled whose user it is, or where the account will end, the memberships wait for another run.
    let is_undecided = matches!(step, Step::Act(draft) if draft.kind == ActionKind::Create
        && matches!(state.adoption, Some(AdoptionMark::Open | AdoptionMark::Skip)));
    let waits = is_undecided || matches!(step, Step::Busy { .. });
    let Some(map) = map.filter(|_| !waits) else { return Memberships::default() };
    let wanted = granted.map(|granted| map.wanted(granted));
    let comes_back = matches!(step, Step::Act(draft) if draft.kind == ActionKind::Reactivate);
    let standing = Standing { comes_back, ..standing };
    // Others may learn meanwhile which groups are meant, before what is planned here is stored or done.
    let unknown =
        granted.map_or(0, |granted| granted.keys().filter(|one| !map.ids.contains_key(*one)).count());
    Memberships { unknown: unknown as u64, ..memberships(state, wanted.as_ref(), standing, map) }
}

/// Adds it to the plan. `grouped`: the group in which the guard counts the person until now.
pub(super) fn add(
    plan: &mut Plan,
    employee_id: &str,
    state: &PersonState,
    all: Memberships,
    settled: &Settled,
    grouped: Option<&String>,
) {
    plan.pending += all.pending;
    plan.busy += all.busy;
    plan.held_back += all.held_back;
    plan.exclusive_revokes += all.drafts.iter().filter(|draft| draft.is_exclusive).count() as u64;
    plan.discarded_ends.extend(discarded_end(state, &all).map(|action| (employee_id.to_owned(), action)));
    plan.withdrawals.extend(all.withdrawals.into_iter().map(|id| (id, employee_id.to_owned())));
    plan.kept_workspaces.extend(all.kept_workspace.map(|kept| (employee_id.to_owned(), kept)));
    plan.gone_along.extend(all.gone_along.into_iter().map(|what| format!("{employee_id}: {what}")));
    plan.lapsed.extend(all.lapsed.into_iter().map(|group| (employee_id.to_owned(), group)));
    plan.actions.extend(all.drafts.into_iter().map(|draft| {
        // Who loses access counts where they were counted until now, as with a suspend.
        let group = if draft.last_workspace { grouped.cloned() } else { settled.group.clone() };
        action(employee_id, state, draft, Settled { group, ..settled.clone() })
    }));
}

/// The revoke of the last workspace that an operator discarded, and that nothing of this takes the place of. Workiva would suspend them
/// for it.
fn discarded_end(state: &PersonState, all: &Memberships) -> Option<i64> {
    let is_it = |(group, open): &(&String, &OpenMembership)| {
        open.state == OpenState::Discarded
            && open.last_workspace
            && !open.joins
            && !open.withdrawn
            && state.memberships.contains_key(*group)
            && !all.withdrawals.contains(&open.action_id)
            && all.drafts.iter().all(|draft| draft.group != **group)
    };
    let is_sure = state.has_access() && all.pending > 0 && all.held_back == 0;
    state.open_memberships.iter().find(is_it).map(|(_, open)| open.action_id).filter(|_| is_sure)
}

fn action(employee_id: &str, state: &PersonState, draft: MembershipDraft, settled: Settled) -> PlannedAction {
    let joins = draft.kind == ActionKind::Grant;
    let group = Some(draft.group.clone());
    let (from, to) = if joins { (None, group) } else { (group, None) };
    PlannedAction {
        employee_id: employee_id.to_owned(),
        kind: draft.kind,
        changes: vec![Change { attribute: ATTRIBUTE.into(), from, to }],
        because: draft.because,
        target: Target::Membership { group: draft.group, joins },
        scim_id: state.account.as_ref().map(|account| account.scim_id.clone()),
        base_version: state.version,
        verify: draft.verify,
        supersedes: draft.supersedes,
        last_workspace: draft.last_workspace,
        is_immediate: false,
        settled,
        moved_from: None,
    }
}

/// What an operator should know of groups.
pub(super) fn warn(plan: &mut Plan, map: Option<&GroupMap>) {
    let Some(map) = map else { return };
    if !map.wrong.is_empty() {
        plan.warnings.push(format!(
            "of what roles grant, not all is known: {}. It is granted to nobody meanwhile, and nobody loses a membership{}",
            map.wrong.join("; "),
            match plan.held_back {
                0 => String::new(),
                number => format!(" ({number} are kept that no role seems to grant)"),
            }
        ));
    }
    let last = plan.last_workspaces();
    if last > 0 {
        plan.warnings.push(format!(
            "{} would lose the last workspace that is known of them, and with it access: Workiva suspends a user who is in \
             none; they count as deprovisions",
            number(last, "person", "people")
        ));
    }
    if !plan.gone_along.is_empty() {
        plan.warnings.push(format!(
            "{} with a workspace what somebody gave them by hand inside of it (employee {})",
            number(plan.gone_along.len(), "person loses", "people lose"),
            some_of(&plan.gone_along)
        ));
    }
    if !plan.kept_workspaces.is_empty() {
        let told: Vec<String> =
            plan.kept_workspaces.iter().map(|(who, kept)| format!("{who}: {kept}")).collect();
        plan.warnings.push(format!(
            "{} a workspace that nobody grants them any more, since Workiva suspends a user who is in none (employee {})",
            number(told.len(), "person keeps", "people keep"),
            some_of(&told)
        ));
    }
}
