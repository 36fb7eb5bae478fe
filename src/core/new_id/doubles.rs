//! Several people without an account who look like one: HR may have given somebody two employee ids before anybody had an account.

use std::collections::BTreeMap;

use super::Moves;
use super::doubt::Doubt;
use crate::core::action::Target;
use crate::core::judged::Judged;
use crate::core::planner::States;
use crate::core::state::{AdoptionMark, OpenAction, OpenState, PersonState};
use crate::core::value::folded;

/// By what somebody is known.
const USER_NAME: &str = "userName";

/// Of whoever comes without an account and looks like another who does: the doubt. Whose account is on its way already gets it; beside that
/// one, and where nobody's is, the others get none.
pub(super) fn find(
    judged: &[Judged],
    moves: &Moves,
    same_person: &[String],
    states: &States,
) -> BTreeMap<String, Doubt> {
    // Two who map to one user name are rejected for that.
    if same_person.iter().any(|path| path == USER_NAME) {
        return BTreeMap::new();
    }
    let mut alike: BTreeMap<Vec<String>, Vec<&str>> = BTreeMap::new();
    for person in judged {
        let looks = looks(person, same_person, states);
        looks.into_iter().for_each(|looks| alike.entry(looks).or_default().push(person.employee_id()));
    }
    let mut doubles = BTreeMap::new();
    for all in alike.into_values().filter(|all| all.len() > 1) {
        for who in all.iter().filter(|who| !is_settled(who, moves, states)) {
            let others = all.iter().filter(|other| *other != who).map(|other| (*other).to_owned()).collect();
            let doubt = Doubt::Doubles { others, by: same_person.to_vec() };
            doubles.insert((*who).to_owned(), doubt);
        }
    }
    doubles
}

/// The values of `same_person` of somebody who is to have an account and has none, where they have all of them.
fn looks(person: &Judged, same_person: &[String], states: &States) -> Option<Vec<String>> {
    let state = states.get(person.employee_id());
    let has_or_wants_none =
        state.is_some_and(|state| state.account.is_some() || state.adoption == Some(AdoptionMark::Skip));
    let desired = person.desired().filter(|_| !has_or_wants_none)?;
    same_person.iter().map(|path| desired.get(path).map(|value| folded(value))).collect()
}

/// Whether an account is on its way to them, old or new, or somebody has decided that they get one of their own.
fn is_settled(who: &str, moves: &Moves, states: &States) -> bool {
    let is_on_its_way = |open: &OpenAction| {
        matches!(open.target, Target::Access(_)) && !open.withdrawn && open.state != OpenState::Discarded
    };
    let is_theirs = |state: &PersonState| {
        state.adoption == Some(AdoptionMark::New) || state.open.as_ref().is_some_and(is_on_its_way)
    };
    moves.from.contains_key(who) || states.get(who).is_some_and(is_theirs)
}
