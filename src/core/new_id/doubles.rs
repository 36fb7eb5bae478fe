//! Several people without an account who look like one: HR may have given somebody two employee ids before anybody had an account.

use std::collections::BTreeMap;

use super::Moves;
use super::doubt::Doubt;
use crate::core::action::Target;
use crate::core::judged::Judged;
use crate::core::planner::States;
use crate::core::state::{AdoptionMark, OpenState};
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
    for person in judged.iter().filter(|person| !moves.from.contains_key(person.employee_id())) {
        let looks = looks(person, same_person, states);
        looks.into_iter().for_each(|looks| alike.entry(looks).or_default().push(person.employee_id()));
    }
    let mut doubles = BTreeMap::new();
    for all in alike.into_values().filter(|all| all.len() > 1) {
        for who in all.iter().filter(|who| !has_begun(who, states)) {
            let others = all.iter().filter(|other| *other != who).map(|other| (*other).to_owned()).collect();
            let doubt = Doubt::Doubles { others, by: same_person.to_vec() };
            doubles.insert((*who).to_owned(), doubt);
        }
    }
    doubles
}

/// The values of `same_person` of somebody who is to have an account and has none, where they have all of them. What somebody decided about
/// them stands.
fn looks(person: &Judged, same_person: &[String], states: &States) -> Option<Vec<String>> {
    let state = states.get(person.employee_id());
    let is_settled = state.is_some_and(|state| {
        state.account.is_some() || state.adoption.is_some_and(|mark| mark != AdoptionMark::Open)
    });
    let desired = person.desired().filter(|_| !is_settled)?;
    same_person.iter().map(|path| desired.get(path).map(|value| folded(value))).collect()
}

/// Whether an account of theirs is on its way.
fn has_begun(who: &str, states: &States) -> bool {
    let open = states.get(who).and_then(|state| state.open.as_ref());
    open.is_some_and(|open| {
        matches!(open.target, Target::Access(_)) && !open.withdrawn && open.state != OpenState::Discarded
    })
}
