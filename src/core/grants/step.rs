//! What has to happen to bring somebody's memberships from where they are to where they should be.

use std::collections::BTreeSet;

use super::{Given, GroupMap, Manage, Wanted, is_workspace};
use crate::core::action::ActionKind;
use crate::core::state::{OpenMembership, OpenState, PersonState};

/// What a revoke says of the last workspace that somebody is in, as far as we know (Workiva, D).
const LAST: &str = "; it is their last workspace that is known, and Workiva suspends a user who is in none";

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
    /// Whether the last workspace that is known goes.
    pub loses_last_workspace: bool,
}

impl Memberships {
    /// Whether nothing is left to do.
    pub fn is_settled(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a run has to look again, even once everything that is planned has been done.
    pub fn leaves_more(&self) -> bool {
        self.busy + self.held_back + self.unknown > 0
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
    /// Why, in words.
    pub because: String,
    /// Whether Workiva has to be read first, because an earlier request may have taken effect.
    pub verify: bool,
    /// The waiting action that this one takes the place of.
    pub supersedes: Option<i64>,
}

/// Compares somebody's memberships with those that they should have. `wanted`: `None` where they are to have no access: then
/// memberships stay as they are, since Workiva keeps them of a suspended user and restores them (D).
pub fn memberships(state: &PersonState, wanted: Option<&Wanted>, map: &GroupMap) -> Memberships {
    let mut all = Memberships::default();
    let Some(wanted) = wanted else {
        for open in state.open_memberships.values() {
            all.withdraw(open);
        }
        return all;
    };
    let groups: BTreeSet<&String> =
        wanted.keys().chain(state.memberships.keys()).chain(state.open_memberships.keys()).collect();
    for group in groups {
        all.add(state, group, wanted.get(group), map);
    }
    all.mark_last_workspace(state, wanted);
    all
}

impl Memberships {
    fn add(&mut self, state: &PersonState, group: &str, because: Option<&String>, map: &GroupMap) {
        let held = state.memberships.get(group).copied();
        let open = state.open_memberships.get(group);
        let joins = because.is_some();
        if !joins && !map.wrong.is_empty() && (held.is_some() || open.is_some()) {
            // It may be the very group that a name means which cannot be resolved now.
            self.held_back += 1;
            return;
        }
        match open {
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
            Some(Given::Found) => map.manage == Manage::Exclusive,
            Some(Given::Ours) => true,
            None => uncertain,
        };
        let needed = if joins { held.is_none() || uncertain } else { is_ours_to_end };
        if !needed {
            if let Some(open) = open {
                self.withdraw(open);
            }
            return;
        }
        let because = because.cloned().unwrap_or_else(|| match held {
            Some(Given::Found) => "nobody grants it to them, and groups.manage is exclusive".into(),
            _ => "no role grants it any more".into(),
        });
        self.drafts.push(MembershipDraft {
            kind: if joins { ActionKind::Grant } else { ActionKind::Revoke },
            group: group.to_owned(),
            is_exclusive: !joins && held == Some(Given::Found),
            because,
            verify: uncertain,
            supersedes: open.map(|open| open.action_id),
        });
    }

    fn withdraw(&mut self, open: &OpenMembership) {
        if open.state == OpenState::Leased {
            (self.pending, self.busy) = (self.pending + 1, self.busy + 1);
        } else {
            self.withdrawals.push(open.action_id);
        }
    }

    fn mark_last_workspace(&mut self, state: &PersonState, wanted: &Wanted) {
        let ends = |group: &str| {
            let goes = |draft: &MembershipDraft| draft.kind == ActionKind::Revoke && draft.group == group;
            let is_going = state.open_memberships.get(group).is_some_and(|open| !open.joins);
            self.drafts.iter().any(goes) || is_going
        };
        let stays = state.memberships.keys().any(|group| is_workspace(group) && !ends(group));
        if stays || wanted.keys().any(|group| is_workspace(group)) {
            return;
        }
        for draft in &mut self.drafts {
            if draft.kind == ActionKind::Revoke && is_workspace(&draft.group) {
                draft.because += LAST;
                self.loses_last_workspace = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        memberships(state, Some(&wanted(groups)), &GroupMap::default())
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
        let exclusive = GroupMap { manage: Manage::Exclusive, ..GroupMap::default() };
        let all = memberships(&by_hand, Some(&wanted(&[])), &exclusive);
        assert_eq!(kinds(&all), [(ActionKind::Revoke, "club")]);
    }

    #[test]
    fn the_last_workspace_does_not_go_in_silence() {
        let all = run(&state(&[(Q1, Given::Ours), (G7, Given::Ours)], &[]), &[]);
        assert!(all.loses_last_workspace);
        let of = |group: &str| &all.drafts.iter().find(|draft| draft.group == group).unwrap().because;
        assert!(of(Q1).contains("last workspace") && !of(G7).contains("last workspace"));
        let other = state(&[(Q1, Given::Ours), ("workspace:Q2", Given::Found)], &[]);
        assert!(!run(&other, &[]).loses_last_workspace);
        assert!(!run(&state(&[(Q1, Given::Ours)], &[]), &["workspace:Q2"]).loses_last_workspace);
    }

    #[test]
    fn what_is_under_way_is_not_repeated_and_what_is_not_needed_any_more_is_withdrawn() {
        let queued = state(&[], &[(Q1, true, OpenState::Queued, false)]);
        assert_eq!(run(&queued, &[Q1]).pending, 1);
        assert_eq!(run(&queued, &[]).withdrawals, [9]);
        let leased = state(&[], &[(Q1, true, OpenState::Leased, false)]);
        assert_eq!(run(&leased, &[]).busy, 1);
        assert_eq!(memberships(&queued, None, &GroupMap::default()).withdrawals, [9]);
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
        let all = memberships(&state(&[("old", Given::Ours)], &[]), Some(&wanted(&[Q1])), &map);
        assert_eq!((kinds(&all), all.held_back), (vec![(ActionKind::Grant, Q1)], 1));
    }

    #[test]
    fn somebody_without_access_keeps_the_memberships() {
        let held = state(&[(Q1, Given::Ours)], &[]);
        assert!(memberships(&held, None, &GroupMap::default()).is_settled());
    }
}
