//! Why it is not certain that somebody who comes under a new employee id is the person of an old one, and how to mend it.

use std::fmt;

use crate::core::judged::Judged;
use crate::core::record::{Rejection, RejectionKind};

const TWO_PEOPLE: &str =
    "if they are two people, give each their own value of what lifecycle.same_person names";

/// Why nobody's account is taken over, and none is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// The old one has not left, as far as is known.
    NotGone { old: String, why: String },
    /// The record of the old one cannot be used.
    Unusable { old: String },
    /// An action on the old account is under way.
    InFlight { old: String },
    /// One attribute is the same, others are not.
    Differs { old: String, by: String, in_what: Vec<String> },
    /// Several accounts fit.
    SeveralAccounts(Vec<String>),
    /// Several people fit the old account.
    SeveralNewcomers { old: String, all: Vec<String> },
    /// Others come without an account who look the same.
    Doubles { others: Vec<String>, by: Vec<String> },
}

impl Doubt {
    /// The old employee ids that it is about.
    pub(super) fn whose(&self) -> impl Iterator<Item = &String> {
        match self {
            Self::SeveralAccounts(all) => all.iter(),
            Self::Doubles { .. } => [].iter(),
            Self::NotGone { old, .. }
            | Self::Unusable { old }
            | Self::InFlight { old }
            | Self::Differs { old, .. }
            | Self::SeveralNewcomers { old, .. } => std::slice::from_ref(old).iter(),
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGone { old, why } => write!(
                f,
                "may be employee {old}, of whom it is not certain that they have left ({why}). No second account is made: end the \
                 employment of {old} in HR, and this one takes the account over; {TWO_PEOPLE}"
            ),
            Self::Unusable { old } => write!(
                f,
                "may be employee {old}, whose record cannot be used; mend that one first, and {TWO_PEOPLE}"
            ),
            Self::InFlight { old } => write!(
                f,
                "is to take over the account of employee {old}, on which an action is under way; once that has ended, a run does it. \
                 If it is parked, decide about it: `workiva-sync actions list`"
            ),
            Self::Differs { old, by, in_what } => write!(
                f,
                "has the {by} of the account of employee {old}, but another {}; correct HR if they are one person; {TWO_PEOPLE}",
                in_what.join(" and ")
            ),
            Self::SeveralAccounts(all) => write!(
                f,
                "may be any of the employees {}, whose accounts fit equally well; name more attributes in lifecycle.same_person, or \
                 correct HR",
                all.join(", ")
            ),
            Self::Doubles { others, by } => write!(
                f,
                "has the {} of employee {}, who has no account yet either: they may be one person. No second account is made: correct HR; \
                 {TWO_PEOPLE}",
                by.join(" and "),
                others.join(", ")
            ),
            Self::SeveralNewcomers { old, all } => write!(
                f,
                "fits the account of employee {old}, but not alone: employees {} all do; {TWO_PEOPLE}",
                all.join(", ")
            ),
        }
    }
}

/// The rejection of somebody for whom no account is made.
pub(super) fn refuse(person: &Judged, doubt: &Doubt) -> Rejection {
    Rejection {
        employee_id: Some(person.employee_id().to_owned()),
        row: Some(person.row()),
        kind: RejectionKind::MaybeKnown,
        reason: doubt.to_string(),
    }
}
