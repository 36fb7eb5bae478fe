//! People who come new with the names of somebody who has left, and with nothing else of theirs. They may be one person who came back, or two
//! of one name: nothing tells. They get an account of their own, and it is said whose names they have.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::doubt::Doubt;
use super::gone::Gone;
use super::{Sight, newcomer};
use crate::core::action::{ActionKind, Attributes};
use crate::core::desired::UserMapping;
use crate::core::judged::Judged;
use crate::core::plan::PlannedAction;
use crate::core::planner::States;
use crate::core::value::folded;
use crate::core::warnings::{number, some_of};

const NAMES: [&str; 2] = ["name.familyName", "name.givenName"];

/// Both names of a user, as they are compared.
pub fn name_of(user: &Attributes) -> Option<String> {
    let [family, given] = NAMES.map(|path| user.get(path).map(|name| folded(name)));
    Some(format!("{}\u{1f}{}", family?, given?))
}

/// The names of those who come without an account, where names are among what tells one person. Where they come first, whoever has one is
/// looked at by that already.
pub fn names(judged: &[Judged], states: &States, users: &UserMapping, same_person: &[String]) -> Vec<String> {
    if !counts(same_person) {
        return Vec::new();
    }
    let name = |person: &Judged| name_of(newcomer(person, states, users)?);
    let names: BTreeSet<String> = judged.iter().filter_map(name).collect();
    names.into_iter().collect()
}

fn counts(same_person: &[String]) -> bool {
    NAMES.iter().all(|name| same_person.iter().skip(1).any(|path| path == name))
}

/// Who of these (employee id and name) has the name of whom, of those who have left.
pub(super) fn find(
    strangers: &[(&str, String)],
    judged: &[Judged],
    same_person: &[String],
    sight: &Sight<'_>,
) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    if strangers.is_empty() || !counts(same_person) {
        return found;
    }
    let wanted: BTreeSet<&String> = strangers.iter().map(|(_, name)| name).collect();
    let mut named: HashMap<String, Vec<&String>> = HashMap::new();
    for (old, state) in sight.states {
        let name = state.account.as_ref().and_then(|account| name_of(&account.attributes));
        if let Some(name) = name.filter(|name| wanted.contains(name)) {
            named.entry(name).or_default().push(old);
        }
    }
    let gone = Gone::new(named.values().flatten().copied(), judged, sight);
    for (who, name) in strangers {
        let has_left =
            |old: &&&String| matches!(gone.check(who, (**old).clone()), Ok(_) | Err(Doubt::InFlight { .. }));
        let olds = named.get(name).into_iter().flatten().filter(has_left);
        let mut olds: Vec<String> = olds.map(|old| (*old).clone()).collect();
        olds.sort_unstable();
        if !olds.is_empty() {
            found.insert((*who).to_owned(), olds);
        }
    }
    found
}

/// What is said of one of them.
pub(in crate::core) fn told(olds: &[String]) -> String {
    format!("; has the given and family name of employee {}, who has left", some_of(olds))
}

/// What a plan warns of.
pub(in crate::core) fn warning(
    actions: &[PlannedAction],
    namesakes: &BTreeMap<String, Vec<String>>,
) -> Option<String> {
    let creates = actions.iter().filter(|action| action.kind == ActionKind::Create);
    let pairs = creates.filter_map(|action| Some((&action.employee_id, namesakes.get(&action.employee_id)?)));
    let mut told: Vec<String> = pairs.map(|(who, olds)| format!("{who} like {}", some_of(olds))).collect();
    told.sort_unstable();
    (!told.is_empty()).then(|| {
        format!(
            "{} an account of their own, and {} the given and family name of somebody who has left, but nothing else of \
             lifecycle.same_person (employee {}). If that is one person who is back, let this plan not run: correct HR, or run once with the \
             names alone in lifecycle.same_person",
            number(told.len(), "person gets", "people get"),
            if told.len() == 1 { "has" } else { "have" },
            some_of(&told)
        )
    })
}
