//! Who has left, of those whose account somebody else may take over.

use std::collections::{HashMap, HashSet};

use super::Sight;
use super::doubt::Doubt;
use crate::core::absence::has_lasted;
use crate::core::judged::Judged;
use crate::core::planner::Absence;
use crate::core::state::{OpenState, PersonState};

/// Who has left, as this run knows it. A file in which everybody has another employee id asks that of everybody.
pub(super) struct Gone<'a> {
    pub(super) sight: &'a Sight<'a>,
    /// Of those who were judged: whether they have left, and why they have access or none.
    judged: HashMap<String, (bool, String)>,
    unusable: HashSet<&'a String>,
    /// Whom the source no longer names.
    pub(super) absent: HashSet<&'a String>,
    /// Of whom it is known that they are gone.
    gone: HashSet<&'a String>,
}

impl<'a> Gone<'a> {
    /// `olds`: whose accounts are to be taken over.
    pub(super) fn new<'b>(
        olds: impl Iterator<Item = &'b String>,
        judged: &[Judged],
        sight: &'a Sight<'a>,
    ) -> Self {
        let olds: HashSet<&str> = olds.map(String::as_str).collect();
        let of_judged = |person: &Judged| {
            let why = person.decision().reason.to_string();
            (person.employee_id().to_owned(), (person.has_left(), why))
        };
        let refused = sight.refused.iter().chain(&sight.findings.rejected);
        Self {
            sight,
            judged: judged
                .iter()
                .filter(|person| olds.contains(person.employee_id()))
                .map(of_judged)
                .collect(),
            unusable: refused.filter_map(|one| one.employee_id.as_ref()).collect(),
            absent: sight.findings.absent.iter().collect(),
            gone: sight.findings.gone.iter().collect(),
        }
    }

    /// Whether the account can be taken over now.
    pub(super) fn check(&self, who: &str, old: String) -> Result<String, Doubt> {
        let Some(state) = self.sight.states.get(&old).filter(|state| state.account.is_some()) else {
            return Err(Doubt::InFlight { old });
        };
        if let Some(other) = state.moving_to.as_ref().filter(|other| *other != who) {
            return Err(Doubt::SeveralNewcomers { all: vec![other.clone(), who.to_owned()], old });
        }
        if self.unusable.contains(&old) {
            return Err(Doubt::Unusable { old });
        }
        match (self.judged.get(&old), self.absence(&old)) {
            (Some((true, _)), _) | (None, Some(Ok(()))) => {}
            (Some((false, why)), _) => return Err(Doubt::NotGone { why: why.clone(), old }),
            (None, Some(Err(why))) => return Err(Doubt::NotGone { why: why.to_owned(), old }),
            (None, None) if state.gone => {}
            (None, None) => {
                return Err(Doubt::NotGone { why: "by the newest run they have not".into(), old });
            }
        }
        if is_in_flight(state) { Err(Doubt::InFlight { old }) } else { Ok(old) }
    }

    /// Whether it means that they have left that the source no longer names them; `None`: it does, or did before.
    fn absence(&self, old: &String) -> Option<Result<(), &'static str>> {
        self.absent.contains(old).then(|| self.has_left_by_absence(old))
    }

    fn has_left_by_absence(&self, old: &String) -> Result<(), &'static str> {
        let sight = self.sight;
        let rulebook = sight.rulebook;
        if self.gone.contains(old) {
            return Ok(());
        }
        if sight.findings.unsure {
            return Err("the source no longer names them, which proves nothing in this run");
        }
        let state = sight.states.get(old);
        let ends = state.and_then(|state| state.ends.as_ref());
        if ends.and_then(|ends| ends.over(sight.moment)).is_some() {
            return Ok(());
        }
        if rulebook.absence == Absence::Keep {
            return Err("the source no longer names them, which means nothing (source.absence)");
        }
        if sight.findings.without_id > 0 {
            return Err(
                "the source no longer names them, but rows without a readable employee id could be theirs",
            );
        }
        if !has_lasted(state, sight.findings.again, rulebook) {
            return Err("the source no longer names them, but not in enough runs yet (source.absence_runs)");
        }
        Ok(())
    }
}

/// Whether something of theirs is in a worker's hands, or may have been carried out unseen.
fn is_in_flight(state: &PersonState) -> bool {
    let moves = |state: OpenState, uncertain: bool, withdrawn: bool| match state {
        OpenState::Leased => true,
        OpenState::Queued | OpenState::Parked => uncertain || withdrawn,
        OpenState::Discarded => false,
    };
    state.open.as_ref().is_some_and(|open| moves(open.state, open.uncertain, open.withdrawn))
        || state.open_memberships.values().any(|open| moves(open.state, open.uncertain, open.withdrawn))
}
