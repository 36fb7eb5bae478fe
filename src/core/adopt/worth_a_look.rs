//! What is worth a look though nobody is in doubt: users of nobody who look like a second account, and links to a user with another name.

use std::collections::{BTreeSet, HashMap};

use super::{Claimant, Link, Standing};
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

/// The links by which a user gets other names: neither the given nor the family name on it is the one that HR has, and no employee id
/// says whose it is. An address may have been somebody else's before.
pub fn renaming<'a>(
    links: impl Iterator<Item = &'a Link>,
    claimants: &[Claimant],
    roster: &Roster,
) -> Vec<Link> {
    let is_other = |link: &&Link| {
        let (user, wanted) = (&roster.users()[link.user], &claimants[link.claimant].attributes);
        let differs = |path: &str| {
            let names = (roster.value(user, path), wanted.get(path));
            matches!(names, (Some(shown), Some(ours)) if folded(shown) != folded(ours))
        };
        user.external_id.is_none() && differs("name.givenName") && differs("name.familyName")
    };
    links.filter(is_other).cloned().collect()
}
