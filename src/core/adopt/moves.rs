//! People who come under a new employee id: whose account is theirs is for a run to say (`lifecycle.on_new_id`), not for `adopt`.

use std::collections::BTreeSet;

use super::matching::{Matching, Owners};
use super::{Claimant, Doubt, Doubtful};
use crate::core::diff::is_same_value;
use crate::core::identity::Unproven;
use crate::core::roster::Roster;

/// Takes those out of the doubtful whose user is linked to another employee id, by an account that the next run compares with them:
/// it passes the account on, or says why not, and makes no second one in either case. `same_person` is `lifecycle.same_person`.
pub fn leave_to_a_run(
    matching: &mut Matching,
    claimants: &[Claimant],
    roster: &Roster,
    owners: &Owners,
    same_person: &[String],
) {
    let Some(first) = same_person.first() else { return };
    let linked: BTreeSet<usize> = matching.links.iter().map(|link| link.user).collect();
    let is_for_a_run = |one: &Doubtful| {
        let [at] = one.candidates[..] else { return false };
        let user = &roster.users()[at];
        let is_linked = match &one.doubt {
            Doubt::Unproven(Unproven::LinkedTo(_)) => true,
            Doubt::Unproven(Unproven::OtherExternalId) => {
                linked.contains(&at) || owners.contains_key(&*user.id)
            }
            _ => false,
        };
        let claimant = claimants.binary_search_by(|other| other.employee_id.cmp(&one.employee_id));
        let Some(claimant) = claimant.ok().map(|at| &claimants[at]) else { return false };
        let wanted = claimant.attributes.get(first).map(String::as_str);
        is_linked
            && claimant.wants_access
            && wanted.is_some()
            && is_same_value(first, roster.value(user, first), wanted)
    };
    matching.doubtful.retain(|one| !is_for_a_run(one));
}
