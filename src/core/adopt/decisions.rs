//! What a person decided about the doubtful ones: taken in whole, or refused with every fault.

use std::collections::{BTreeMap, HashMap};

use super::matching::{Matching, Owners, can_be_linked};
use super::{Claimant, Doubtful, Link, Standing};
use crate::core::roster::Roster;
use crate::core::state::AdoptionMark;

/// One word of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// This user is theirs.
    Link,
    /// None of the users is theirs: an account is to be made.
    New,
    /// Nobody is linked, and nobody is made, until somebody decides.
    Skip,
}

impl Decision {
    /// Every decision.
    pub const ALL: [Self; 3] = [Self::Link, Self::New, Self::Skip];

    /// The word in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::New => "new",
            Self::Skip => "skip",
        }
    }

    /// Reads [`Decision::name`], regardless of case.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|decision| decision.name().eq_ignore_ascii_case(word))
    }
}

/// A row on which something was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecidedRow {
    /// The line in the file, the header being 1.
    pub row: u64,
    /// About whom.
    pub employee_id: String,
    /// The candidate's id.
    pub scim_id: String,
    /// What.
    pub decision: Decision,
}

/// What is to be done beside the certain links.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// Links that a person decided on.
    pub links: Vec<Link>,
    /// New marks by employee.
    pub marks: BTreeMap<String, AdoptionMark>,
}

/// Takes in decisions.
///
/// # Errors
/// Every fault with its row; then none of them counts.
pub fn decide(
    rows: &[DecidedRow],
    claimants: &[Claimant],
    matching: &Matching,
    roster: &Roster,
    owners: &Owners,
) -> Result<Decided, Vec<String>> {
    let doubtful = matching.doubtful.iter().map(|one| (one.employee_id.as_str(), one)).collect();
    let links = matching.links.iter().map(|link| (link.claimant, link.user)).collect();
    let linked = matching.links.iter().map(|link| (link.user, link.claimant)).collect();
    let judge = Judge { claimants, roster, owners, doubtful, links, linked };
    let mut decided = Decided::default();
    let mut faults = Vec::new();
    let mut first_by_employee: HashMap<&str, &DecidedRow> = HashMap::new();
    let mut first_by_user: HashMap<&str, &DecidedRow> = HashMap::new();
    for row in rows {
        let first = *first_by_employee.entry(&row.employee_id).or_insert(row);
        if first.decision != row.decision {
            faults.push(format!(
                "row {}: employee {} is '{}' here and '{}' in row {}; decide for one",
                row.row,
                row.employee_id,
                row.decision.name(),
                first.decision.name(),
                first.row
            ));
            continue;
        }
        if row.decision == Decision::Link {
            if first.scim_id != row.scim_id {
                faults.push(format!(
                    "row {}: employee {} is linked to {} here and to {} in row {}; link one",
                    row.row, row.employee_id, row.scim_id, first.scim_id, first.row
                ));
                continue;
            }
            let same_user = *first_by_user.entry(&row.scim_id).or_insert(row);
            if same_user.employee_id != row.employee_id {
                faults.push(format!(
                    "row {}: the Workiva user {} is linked to employee {} here and to employee {} in row {}; one account is \
                     never two people's",
                    row.row, row.scim_id, row.employee_id, same_user.employee_id, same_user.row
                ));
                continue;
            }
        }
        match judge.row(row) {
            Err(fault) => faults.push(format!("row {}: {fault}", row.row)),
            Ok(Effect::None) => {}
            Ok(Effect::Link(link)) => {
                if !decided.links.contains(&link) {
                    decided.links.push(link);
                }
            }
            Ok(Effect::Mark(mark)) => drop(decided.marks.insert(row.employee_id.clone(), mark)),
        }
    }
    if faults.is_empty() { Ok(decided) } else { Err(faults) }
}

enum Effect {
    None,
    Link(Link),
    Mark(AdoptionMark),
}

struct Judge<'a> {
    claimants: &'a [Claimant],
    roster: &'a Roster,
    owners: &'a Owners,
    doubtful: HashMap<&'a str, &'a Doubtful>,
    links: HashMap<usize, usize>,
    linked: HashMap<usize, usize>,
}

impl Judge<'_> {
    fn row(&self, row: &DecidedRow) -> Result<Effect, String> {
        let id = row.employee_id.as_str();
        let claimant = self.claimants.binary_search_by(|one| one.employee_id.as_str().cmp(id)).map_err(|_| {
            format!(
                "employee {id} is not in the HR source, or the record is rejected (spreadsheets drop leading zeros: read the \
                 column as text)"
            )
        })?;
        let Some(doubtful) = self.doubtful.get(id) else { return self.settled(row, claimant) };
        match row.decision {
            Decision::New => Ok(Effect::Mark(AdoptionMark::New)),
            Decision::Skip => Ok(Effect::Mark(AdoptionMark::Skip)),
            Decision::Link => self.link(row, claimant, doubtful),
        }
    }

    fn link(&self, row: &DecidedRow, claimant: usize, doubtful: &Doubtful) -> Result<Effect, String> {
        let (id, scim_id) = (&row.employee_id, row.scim_id.as_str());
        let has_id = |at: &&usize| self.roster.users()[**at].scim_id() == Some(scim_id);
        let Some(user) = doubtful.candidates.iter().find(has_id).copied() else {
            return Err(format!(
                "the Workiva user '{scim_id}' is no candidate of employee {id}; take one of the list"
            ));
        };
        let now = self.linked.get(&user).map(|at| &self.claimants[*at].employee_id);
        match self.owners.get(scim_id).or(now) {
            Some(owner) => Err(format!("the Workiva user {scim_id} is linked to employee {owner} already")),
            None if !can_be_linked(&doubtful.doubt) => {
                Err(format!("the Workiva user {scim_id} cannot be linked: {}", doubtful.doubt))
            }
            None => Ok(Effect::Link(Link { claimant, user })),
        }
    }

    /// The same table may be given twice: what it decided holds already then.
    fn settled(&self, row: &DecidedRow, at: usize) -> Result<Effect, String> {
        let claimant = &self.claimants[at];
        let linked_to = match &claimant.standing {
            Standing::Linked(scim_id) => Some(scim_id.as_str()),
            _ => self.links.get(&at).and_then(|user| self.roster.users()[*user].scim_id()),
        };
        let holds = match row.decision {
            Decision::Link => linked_to == Some(row.scim_id.as_str()),
            Decision::New => claimant.mark == Some(AdoptionMark::New),
            Decision::Skip => false,
        };
        if holds {
            return Ok(Effect::None);
        }
        let why = match (linked_to, &claimant.standing) {
            (Some(scim_id), _) => format!("is linked to the Workiva user {scim_id} already"),
            (None, Standing::UnderWay) => {
                "has an action under way; let it end, or discard it if it is parked".to_owned()
            }
            (None, _) => "is not in doubt any more; have the list written anew".to_owned(),
        };
        Err(format!("employee {} {why}", row.employee_id))
    }
}

#[cfg(test)]
#[path = "decisions_tests.rs"]
mod tests;
