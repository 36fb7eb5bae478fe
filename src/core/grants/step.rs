//! What has to happen to bring somebody's memberships from where they are to where they should be.

use std::collections::BTreeSet;

use super::{Given, GroupMap, Manage, Wanted, is_workspace, workspace_of};
use crate::core::action::ActionKind;
use crate::core::state::{OpenMembership, OpenState, PersonState};

/// What a revoke says of the last workspace that somebody is in, as far as we know (Workiva, D).
const LAST: &str = "; it is their last workspace that is known, and Workiva suspends a user who is in none";

/// Why somebody stays in a workspace who keeps the account all the same.
fn kept(why: &str) -> String {
    format!(
        "no role grants it any more; it is their last workspace that is known, Workiva suspends a user who is in none, and {why}"
    )
}

/// The steps for one person's memberships.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memberships {
    /// What has to be done.
    pub drafts: Vec<MembershipDraft>,
    /// Waiting actions that nobody needs any more.
    pub withdrawals: Vec<i64>,
    /// How many actions are under way that do what is wanted, or have to end first.
    pub pending: u64,
    /// Those among them that have another end: a run has to look again once they have ended.
    pub busy: u64,
    /// How many memberships are kept, since it is not known which groups are meant.
    pub held_back: u64,
    /// How many grants wait until it is known which groups are meant.
    pub unknown: u64,
    /// The workspace that is kept though nobody grants it, and why, in words.
    pub kept_workspace: Option<String>,
    /// What was not given by us, is not ours to end, and goes all the same with the workspace around it.
    pub gone_along: Vec<String>,
    /// What was not given by us, stays, and is granted by no role: it is looked at before it counts again.
    pub lapsed: Vec<String>,
}

impl Memberships {
    /// Whether nothing is left to do.
    pub fn is_settled(&self) -> bool {
        let told = Self {
            kept_workspace: self.kept_workspace.clone(),
            lapsed: self.lapsed.clone(),
            ..Self::default()
        };
        *self == told
    }

    /// Whether a run has to look again, even once everything that is planned has been done.
    pub fn leaves_more(&self) -> bool {
        self.busy + self.held_back + self.unknown > 0
    }
}

/// How it is with the account of whom memberships are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// What leaves them the account, which the end of their last workspace would take from them, in words.
    pub keeps_access: Option<&'static str>,
    /// They have left, and a grace leaves them what they have: nothing is given to them.
    pub gives_none: bool,
    /// They are given access again. What they were confirmed to be in may have been taken from them meanwhile, so it is looked at.
    pub comes_back: bool,
}

impl Standing {
    /// Of somebody who has lost every role and keeps the account, or has left and has a grace.
    pub fn of(loses_roles: bool, is_in_grace: bool) -> Self {
        let keeps_access = match (loses_roles, is_in_grace) {
            (_, true) => Some("the grace behind their last day leaves them the access"),
            (true, false) => Some("keep_on_role_loss keeps the account"),
            (false, false) => None,
        };
        Self { keeps_access, gives_none: is_in_grace, ..Self::default() }
    }
}

/// A membership that begins or ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipDraft {
    /// Grant or revoke.
    pub kind: ActionKind,
    /// The group's id.
    pub group: String,
    /// Whether it was not given by us, and goes since nobody grants it.
    pub is_exclusive: bool,
    /// Whether it is the last workspace that is known of somebody, who is to be in none.
    pub last_workspace: bool,
    /// Why, in words.
    pub because: String,
    /// Whether Workiva has to be read first, because an earlier request may have taken effect.
    pub verify: bool,
    /// The waiting action that this one takes the place of.
    pub supersedes: Option<i64>,
}

/// Compares somebody's memberships with those that they should have. `wanted`: `None` where they are to have no access: then
/// memberships stay as they are, since Workiva keeps them of a suspended user and restores them (D).
pub fn memberships(
    state: &PersonState,
    wanted: Option<&Wanted>,
    standing: Standing,
    map: &GroupMap,
) -> Memberships {
    let mut all = Memberships::default();
    let Some(wanted) = wanted else {
        for open in state.open_memberships.values() {
            all.withdraw(open);
        }
        return all;
    };
    let wanted = &match standing.gives_none {
        true => what_they_have(wanted, state),
        false => wanted.clone(),
    };
    all.compare(state, wanted, standing, map);
    if let Some(why) = standing.keeps_access.map(kept)
        && let Some(kept) = all.last_to_keep(state, wanted)
    {
        let with_it = wanted.iter().map(|(group, why)| (group.clone(), why.clone()));
        let with_it: Wanted = with_it.chain([(kept.clone(), why.clone())]).collect();
        all = Memberships { kept_workspace: Some(format!("{kept}: {why}")), ..Memberships::default() };
        all.compare(state, &with_it, standing, map);
        all.look_at_workspaces(state, &with_it);
    } else {
        all.look_at_workspaces(state, wanted);
    }
    all.tell_what_goes_along(state);
    all
}

impl Memberships {
    fn compare(&mut self, state: &PersonState, wanted: &Wanted, standing: Standing, map: &GroupMap) {
        let groups: BTreeSet<&String> =
            wanted.keys().chain(state.memberships.keys()).chain(state.open_memberships.keys()).collect();
        for group in groups {
            self.add(state, group, wanted.get(group), standing.comes_back, map);
        }
    }

    fn add(
        &mut self,
        state: &PersonState,
        group: &str,
        because: Option<&String>,
        comes_back: bool,
        map: &GroupMap,
    ) {
        let held = state.memberships.get(group).copied();
        let open = state.open_memberships.get(group);
        let joins = because.is_some();
        if !joins && !map.wrong.is_empty() && (held.is_some() || open.is_some()) {
            // It may be the very group that a name means which cannot be resolved now.
            self.held_back += 1;
            return;
        }
        match open {
            // What an operator was to see about a user who is gone says nothing of the one in their place.
            Some(open) if open.is_of_former_user && open.state == OpenState::Parked => {}
            Some(open) if open.joins == joins && !open.withdrawn => {
                self.pending += 1;
                return;
            }
            Some(open) if open.state == OpenState::Leased => {
                (self.pending, self.busy) = (self.pending + 1, self.busy + 1);
                return;
            }
            _ => {}
        }
        let uncertain = open.is_some_and(|open| open.uncertain);
        let is_ours_to_end = match held {
            // What no role grants to anybody any more is not ours to look after.
            Some(Given::Found) => map.manage == Manage::Exclusive && map.is_granted(group),
            Some(Given::Ours) => true,
            None => uncertain,
        };
        // A revoke that was parked may have been settled by hand. A grant may have been, too, but then it is not ours to end.
        let is_parked = open.is_some_and(|open| open.state.is_with_an_operator());
        let is_lapsed = state.lapsed.contains(group);
        let needed = match joins {
            true => held.is_none() || uncertain || is_parked || comes_back || is_lapsed,
            false => is_ours_to_end,
        };
        if !needed {
            if !joins && held == Some(Given::Found) && !is_lapsed {
                self.lapsed.push(group.to_owned());
            }
            if let Some(open) = open {
                self.withdraw(open);
            }
            return;
        }
        self.drafts.push(match because {
            Some(because) => MembershipDraft {
                kind: ActionKind::Grant,
                group: group.to_owned(),
                is_exclusive: false,
                last_workspace: false,
                because: because.clone(),
                verify: uncertain || is_parked,
                supersedes: open.map(|open| open.action_id),
            },
            None => revoke(group, held, open),
        });
    }

    fn withdraw(&mut self, open: &OpenMembership) {
        if open.state == OpenState::Leased {
            (self.pending, self.busy) = (self.pending + 1, self.busy + 1);
        } else {
            self.withdrawals.push(open.action_id);
        }
    }

    fn ends(&self, state: &PersonState, group: &str) -> bool {
        let goes = |draft: &MembershipDraft| draft.kind == ActionKind::Revoke && draft.group == group;
        let is_going = state.open_memberships.get(group).is_some_and(|open| !open.joins)
            && !self.withdrawals.iter().any(|id| state.open_memberships[group].action_id == *id);
        self.drafts.iter().any(goes) || is_going
    }

    /// Whether a workspace is left to somebody that is confirmed and does not end.
    fn keeps_a_workspace(&self, state: &PersonState) -> bool {
        state.memberships.keys().any(|group| is_workspace(group) && !self.ends(state, group))
    }

    /// The workspace to be kept by whoever would be left in none: of those that end, the first that no worker is taking back already.
    fn last_to_keep(&self, state: &PersonState, wanted: &Wanted) -> Option<String> {
        if self.keeps_a_workspace(state) || wants_a_workspace(wanted) {
            return None;
        }
        let is_in_work = |group: &String| {
            state.open_memberships.get(group).is_some_and(|open| open.state == OpenState::Leased)
        };
        state.memberships.keys().find(|group| is_workspace(group) && !is_in_work(group)).cloned()
    }

    /// A revoke takes the last workspace only where somebody is to be in none, and says so. Any other waits for one to be confirmed
    /// (`store/memberships.rs`). What waits already and was planned as the other of these is planned anew.
    fn look_at_workspaces(&mut self, state: &PersonState, wanted: &Wanted) {
        if self.keeps_a_workspace(state) {
            return;
        }
        let is_last = !wants_a_workspace(wanted);
        for (group, open) in &state.open_memberships {
            let is_changed = is_workspace(group)
                && !open.joins
                && !open.withdrawn
                && open.last_workspace != is_last
                && matches!(open.state, OpenState::Queued | OpenState::Parked)
                && !wanted.contains_key(group)
                && self.drafts.iter().all(|draft| draft.group != *group)
                && !self.withdrawals.contains(&open.action_id);
            if is_changed && self.held_back == 0 {
                self.pending -= 1;
                self.drafts.push(revoke(group, state.memberships.get(group).copied(), Some(open)));
            }
        }
        if is_last {
            let ends =
                |draft: &&mut MembershipDraft| draft.kind == ActionKind::Revoke && is_workspace(&draft.group);
            for draft in self.drafts.iter_mut().filter(ends) {
                draft.because += LAST;
                draft.last_workspace = true;
            }
        } else {
            self.tell_what_is_kept(state, wanted);
        }
    }

    /// Whoever leaves a workspace leaves what is inside of it (Workiva, D), whoever put them there: that is told.
    fn tell_what_goes_along(&mut self, state: &PersonState) {
        let inside = |workspace: &str| -> Vec<&String> {
            let stays = |group: &&String| workspace_of(group) == Some(workspace) && !self.ends(state, group);
            state.memberships.keys().filter(stays).collect()
        };
        let ends = self.drafts.iter().enumerate().filter(|(_, draft)| draft.kind == ActionKind::Revoke);
        let along: Vec<(usize, String)> = ends
            .map(|(at, draft)| (at, inside(&draft.group)))
            .filter(|(_, groups)| !groups.is_empty())
            .map(|(at, groups)| (at, groups.into_iter().cloned().collect::<Vec<_>>().join(", ")))
            .collect();
        for (at, groups) in along {
            let draft = &mut self.drafts[at];
            draft.because += &format!("; {groups}, which somebody gave them by hand, goes along with it");
            self.gone_along.push(format!("{groups} with {}", draft.group));
        }
    }

    /// Tells of a workspace that is not taken back, since no grant of another one is on its way.
    fn tell_what_is_kept(&mut self, state: &PersonState, wanted: &Wanted) {
        let waits_for_somebody = |group: &&String| {
            is_workspace(group)
                && state.open_memberships.get(*group).is_some_and(|open| {
                    open.joins && matches!(open.state, OpenState::Parked | OpenState::Discarded)
                })
        };
        let kept: Vec<&str> =
            state.memberships.keys().filter(|group| is_workspace(group)).map(String::as_str).collect();
        let wanted: Vec<&String> = wanted.keys().filter(|group| is_workspace(group)).collect();
        if !kept.is_empty() && wanted.iter().all(waits_for_somebody) {
            let wanted: Vec<&str> = wanted.into_iter().map(String::as_str).collect();
            self.kept_workspace = Some(format!(
                "{} until {} is confirmed, whose grant is parked or discarded",
                kept.join(", "),
                wanted.join(" or "),
            ));
        }
    }
}

/// What is wanted of somebody's groups that they are in, or may be in by what is under way.
fn what_they_have(wanted: &Wanted, state: &PersonState) -> Wanted {
    let may_be_in = |open: &OpenMembership| {
        open.joins && !open.withdrawn && (open.uncertain || open.state == OpenState::Leased)
    };
    let has = |group: &String| {
        let is_in = state.memberships.contains_key(group) && !state.lapsed.contains(group);
        is_in || state.open_memberships.get(group).is_some_and(may_be_in)
    };
    let theirs = wanted.iter().filter(|(group, _)| has(group));
    theirs.map(|(group, why)| (group.clone(), why.clone())).collect()
}

fn wants_a_workspace(wanted: &Wanted) -> bool {
    wanted.keys().any(|group| is_workspace(group))
}

fn revoke(group: &str, held: Option<Given>, open: Option<&OpenMembership>) -> MembershipDraft {
    let because = match held {
        Some(Given::Found) => "nobody grants it to them, and groups.manage is exclusive",
        _ => "no role grants it any more",
    };
    MembershipDraft {
        kind: ActionKind::Revoke,
        group: group.to_owned(),
        is_exclusive: held == Some(Given::Found),
        last_workspace: false,
        because: because.to_owned(),
        verify: open.is_some_and(|open| open.uncertain),
        supersedes: open.map(|open| open.action_id),
    }
}
