//! Which of Workiva's users are whose, before the first cycle: certain pairs, doubtful ones, and users of nobody.
//!
//! [`claimants`] judges people by the planner's own rules, [`matching`] pairs them with users, [`decisions`] takes in what a
//! person decided about the doubtful ones, [`sheet`] is the table that goes to that person and comes back.

pub mod decisions;
pub mod matching;
pub mod moves;
pub mod sheet;
pub mod worth_a_look;

use std::collections::BTreeSet;
use std::fmt;

use super::action::Attributes;
use super::desired::REQUIRED;
use super::identity::{MatchAttribute, Unproven};
use super::judged::judge_person;
use super::lifecycle::Moment;
use super::planner::{Rulebook, States};
use super::record::{Record, Rejection};
use super::roster::{Roster, RosterUser};
use super::state::{Account, AdoptionMark, OpenState, PersonState};

/// Where a person stands before anything is matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No account is known.
    Unlinked,
    /// An account with this id of Workiva's is known already.
    Linked(String),
    /// An action is under way, which finds the account by itself.
    UnderWay,
}

/// Somebody of the HR source who may have a user in Workiva.
#[derive(Clone, Debug)]
pub struct Claimant {
    /// The key.
    pub employee_id: String,
    /// The mapped user; of somebody who is to have no access, whatever could be mapped.
    pub attributes: Attributes,
    /// Whether HR says that they are to have access.
    pub wants_access: bool,
    /// Where they stand.
    pub standing: Standing,
    /// What was decided about them before.
    pub mark: Option<AdoptionMark>,
    /// Of somebody whom HR no longer names, while nobody has decided: Workiva's ids of the users who were found to be possibly theirs.
    pub found_before: Vec<String>,
}

impl Claimant {
    /// Somebody in doubt whom HR no longer names.
    pub fn no_longer_named(
        employee_id: String,
        state: Option<&PersonState>,
        found_before: Vec<String>,
    ) -> Self {
        Self {
            standing: standing(state),
            mark: Some(AdoptionMark::Open),
            attributes: Attributes::new(),
            wants_access: false,
            employee_id,
            found_before,
        }
    }
}

/// Judges everybody at this moment, as a run does. Who cannot be judged is rejected, and linked to nobody.
pub fn claimants(
    records: Vec<Record>,
    states: &States,
    rulebook: &Rulebook,
    moment: Moment,
) -> (Vec<Claimant>, Vec<Rejection>) {
    let (mut claimants, mut rejected) = (Vec::with_capacity(records.len()), Vec::new());
    for record in records {
        match judge_person(record, states, rulebook, moment) {
            Ok((person, decision, desired)) => {
                let employee_id = person.record.employee_id().to_owned();
                let state = states.get(&employee_id);
                claimants.push(Claimant {
                    standing: standing(state),
                    mark: state.and_then(|state| state.adoption),
                    attributes: desired.unwrap_or_else(|| rulebook.users.known_as(&person)),
                    wants_access: decision.access,
                    employee_id,
                    found_before: Vec::new(),
                });
            }
            Err(rejection) => rejected.push(rejection),
        }
    }
    claimants.sort_by(|one, two| one.employee_id.cmp(&two.employee_id));
    (claimants, rejected)
}

fn standing(state: Option<&PersonState>) -> Standing {
    let Some(state) = state else { return Standing::Unlinked };
    if let Some(account) = &state.account {
        return Standing::Linked(account.scim_id.clone());
    }
    // Who discarded an action left that person as they are: a link is what they may be waiting for.
    match &state.open {
        Some(open) if open.state != OpenState::Discarded => Standing::UnderWay,
        _ => Standing::Unlinked,
    }
}

/// Why it is not certain whose a user is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Several users have the person's value of this attribute.
    SeveralUsers(MatchAttribute),
    /// One user fits, but is not provably theirs.
    Unproven(Unproven),
    /// The user fits these employees equally well.
    SeveralEmployees(Vec<String>),
    /// Somebody who is to have no access fits an active user by the user name alone, and it may be somebody else's: another
    /// name is on it, or a record that was rejected may be its owner's.
    Leaver,
    /// HR no longer names the person; while it did, an active user was found who may be theirs.
    NoLongerNamed,
    /// A user has the same e-mail address, and nothing else that is proof.
    SameEmail,
    /// A user has the same given and family name, and nothing else.
    SameName,
}

impl Doubt {
    /// A stable name for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SeveralUsers(_) => "several_users",
            Self::Unproven(Unproven::WithoutId) => "without_id",
            Self::Unproven(Unproven::LinkedTo(_)) => "linked_elsewhere",
            Self::Unproven(Unproven::OtherExternalId) => "other_external_id",
            Self::Unproven(Unproven::OtherEmail) => "other_email",
            Self::Unproven(Unproven::AnotherPerson) => "another_person",
            Self::SeveralEmployees(_) => "several_employees",
            Self::Leaver => "leaver_by_user_name",
            Self::NoLongerNamed => "no_longer_named",
            Self::SameEmail => "same_email",
            Self::SameName => "same_name",
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SeveralUsers(by) => write!(f, "several Workiva users have this employee's {}", by.name()),
            Self::Unproven(unproven) => unproven.fmt(f),
            Self::SeveralEmployees(all) => {
                write!(f, "employees {} fit this Workiva user equally well", all.join(", "))
            }
            Self::Leaver => write!(
                f,
                "this person is to have no access, and an active user has their user name; it may be somebody else's, since another \
                 name is on it or records were rejected"
            ),
            Self::NoLongerNamed => write!(
                f,
                "HR no longer names this person; while it did, this user was found to be possibly theirs, and nobody has decided"
            ),
            Self::SameEmail => write!(f, "the same e-mail address, which is no proof"),
            Self::SameName => write!(f, "the same given and family name, which is no proof"),
        }
    }
}

/// A person for whom somebody has to decide.
#[derive(Clone, Debug)]
pub struct Doubtful {
    /// The key.
    pub employee_id: String,
    /// Why.
    pub doubt: Doubt,
    /// The users who may be theirs, as positions in the roster.
    pub candidates: Vec<usize>,
    /// What was decided before, if anything was.
    pub mark: Option<AdoptionMark>,
}

/// A person and their user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The position among the claimants.
    pub claimant: usize,
    /// The position in the roster.
    pub user: usize,
}

/// What is to be taken for confirmed of a linked user: what Workiva shows.
///
/// An optional attribute that HR fills and no user in the whole listing shows counts as equal: a server that drops it would
/// otherwise get an update for everybody. What HR leaves empty is not taken in, so that nothing is removed which somebody
/// entered in Workiva by hand, unless HR's value is to be kept away by it (`filled_when_empty`); this is also how a user is taken over at a create.
pub fn account_of(
    claimant: &Claimant,
    roster: &Roster,
    user: &RosterUser,
    filled_when_empty: &BTreeSet<String>,
) -> Account {
    let live = roster.attributes(user);
    let attributes = if claimant.wants_access {
        let known = |(path, wanted): (&String, &String)| {
            let is_dropped = !REQUIRED.contains(&path.as_str()) && !roster.is_ever_shown(path);
            let value = live.get(path).or(Some(wanted).filter(|_| is_dropped));
            value.map(|value| (path.clone(), value.clone()))
        };
        let by_hand = live.iter().filter(|(path, _)| filled_when_empty.contains(*path));
        let by_hand = by_hand.map(|(path, value)| (path.clone(), value.clone()));
        by_hand.chain(claimant.attributes.iter().filter_map(known)).collect()
    } else {
        live
    };
    // Workiva takes an absent `active` for true.
    Account { scim_id: user.id.to_string(), active: user.active.unwrap_or(true), attributes }
}
