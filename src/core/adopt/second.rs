//! Users of nobody who look like a second account of an employee.

use std::collections::{BTreeSet, HashMap};

use super::{Claimant, Standing};
use crate::core::roster::Roster;
use crate::core::state::AdoptionMark;
use crate::core::value::folded;

/// By what a person is looked for.
const PATHS: [&str; 2] = ["userName", "emails.work"];

/// A user of nobody, and whose they look like: positions in the roster and among the claimants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Second {
    /// The user.
    pub user: usize,
    /// The employee, who is linked to another user.
    pub claimant: usize,
}

/// Active users among `unknown` with the user name or the address that HR gives an employee. `match_existing` asks one attribute after
/// the other and stops at the first that finds somebody, so nobody asks about these; and whoever leaves keeps access by them.
///
/// `linked`: positions of the claimants who are linked now. Of whom somebody has decided that none of the users is theirs is not asked again.
pub fn second_accounts(
    claimants: &[Claimant],
    linked: &BTreeSet<usize>,
    roster: &Roster,
    unknown: &[usize],
) -> Vec<Second> {
    let is_linked = |at: usize, claimant: &Claimant| {
        matches!(claimant.standing, Standing::Linked(_)) || linked.contains(&at)
    };
    let asked = claimants
        .iter()
        .enumerate()
        .filter(|(at, claimant)| is_linked(*at, claimant) && claimant.mark != Some(AdoptionMark::New));
    let of_claimant = |(at, claimant): (usize, &Claimant)| {
        PATHS.map(|path| claimant.attributes.get(path).map(|value| (folded(value), at)))
    };
    let owners: HashMap<String, usize> = asked.flat_map(of_claimant).flatten().collect();
    let second = |at: &usize| {
        let user = &roster.users()[*at];
        let values = PATHS.iter().filter_map(|path| roster.value(user, path));
        let claimant = values.filter_map(|value| owners.get(&folded(value))).next()?;
        (user.active != Some(false)).then_some(Second { user: *at, claimant: *claimant })
    };
    unknown.iter().filter_map(second).collect()
}
