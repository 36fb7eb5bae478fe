//! What of a plan concerns single people.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::Plan;
use super::planner::States;
use super::report::Counts;
use super::state::{OpenState, PersonState};

/// Where single people stand in a plan.
#[derive(Debug, PartialEq, Eq)]
pub struct Cut {
    /// Each of them, by employee id.
    pub people: BTreeMap<String, Standing>,
    /// How many actions the whole plan has.
    pub whole: Counts,
}

/// What a plan comes to for somebody.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// There are actions.
    Acts,
    /// The record cannot be used.
    Rejected,
    /// They wait for a user name.
    WaitsForName {
        /// Who is about to give it up.
        holder: String,
    },
    /// Somebody has to decide first which of Workiva's users is theirs.
    WaitsForDecision,
    /// An action that waits is not needed any more.
    Withdrawn,
    /// An action of an earlier run does it, has to end first, or stands in the way.
    Open(OpenState),
    /// The source does not name them, and nothing follows from it now.
    Absent,
    /// Nothing is to be done.
    Settled,
    /// Nobody has ever heard of them.
    Unknown,
}

impl Cut {
    /// Of whom nobody has ever heard.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.people.iter().filter(|(_, standing)| **standing == Standing::Unknown).map(|(id, _)| id.as_str())
    }
}

impl Plan {
    /// Leaves in the plan what concerns these people alone: actions, rejections, and who waits. `states` is all that is known of them.
    /// What tells of the whole, as warnings do, stays.
    pub fn cut(&mut self, ids: &[&str], states: &States) -> Cut {
        let whole = self.counts();
        let wanted: BTreeSet<&str> = ids.iter().copied().collect();
        let standing = |id: &&str| ((*id).to_owned(), self.standing(id, states));
        let people = wanted.iter().map(standing).collect();
        self.actions.retain(|action| wanted.contains(action.employee_id.as_str()));
        self.rejected.retain(|one| one.employee_id.as_deref().is_some_and(|id| wanted.contains(id)));
        self.waiting.retain(|id| wanted.contains(id.as_str()));
        self.doubtful_leavers.retain(|id| wanted.contains(id.as_str()));
        self.discarded_ends.retain(|(id, _)| wanted.contains(id.as_str()));
        Cut { people, whole }
    }

    fn standing(&self, id: &str, states: &States) -> Standing {
        let is_among = |ids: &[String]| ids.iter().any(|other| other == id);
        let state = states.get(id);
        if self.actions.iter().any(|action| action.employee_id == id) {
            Standing::Acts
        } else if self.rejected.iter().any(|one| one.employee_id.as_deref() == Some(id)) {
            Standing::Rejected
        } else if let Some((_, holder)) = self.name_waits.iter().find(|(who, _)| who == id) {
            Standing::WaitsForName { holder: holder.clone() }
        } else if is_among(&self.waiting) || is_among(&self.doubtful_leavers) {
            Standing::WaitsForDecision
        } else if self.withdrawals.iter().any(|(_, who)| who == id) {
            Standing::Withdrawn
        } else if self.settled.iter().any(|one| one.employee_id == id) {
            Standing::Settled
        } else if let Some(open) = state.and_then(open) {
            Standing::Open(open)
        } else if is_among(&self.absences.missing) {
            Standing::Absent
        } else if state.is_some() {
            Standing::Settled
        } else {
            Standing::Unknown
        }
    }
}

/// How far an action of theirs has come, on the account or else on a membership.
fn open(state: &PersonState) -> Option<OpenState> {
    let on_account = state.open.as_ref().map(|open| open.state);
    on_account.or_else(|| state.open_memberships.values().next().map(|open| open.state))
}
