//! Whose rows those are whose employee id nobody known has. An id that was lost or mistyped makes its owner look gone: whoever is missing
//! keeps what they have while a row that may be theirs is there under another id.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::action::Attributes;
use super::intake::Findings;
use super::judged::Judged;
use super::mapping::Fields;
use super::new_id::Moves;
use super::planner::{Absence, Rulebook, States};
use super::record::{Record, Rejection, RejectionKind};
use super::value::folded;

/// What people are known by besides their employee id.
#[derive(Default)]
struct Faces<'a> {
    /// User names and work e-mail addresses.
    by_address: HashMap<String, BTreeSet<&'a str>>,
    /// Family names, with the given name.
    by_family_name: HashMap<String, Vec<(String, &'a str)>>,
}

/// What rows that cannot be used say of those who are missing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Strays {
    /// Who keeps what they have, and the employee id of the row that may be theirs.
    pub spared: BTreeMap<String, String>,
    /// The employee ids of rows that say so little that they may be anybody's.
    pub unplaced: Vec<String>,
}

impl<'a> Faces<'a> {
    fn of(missing: impl Iterator<Item = &'a String>, states: &States) -> Self {
        let mut faces = Self::default();
        for id in missing {
            let Some(account) = states.get(id).and_then(|state| state.account.as_ref()) else { continue };
            for address in addresses(&account.attributes) {
                faces.by_address.entry(address).or_default().insert(id);
            }
            if let Some((given, family)) = names(&account.attributes) {
                faces.by_family_name.entry(family).or_default().push((given, id));
            }
        }
        faces
    }

    /// Those who may be the person of a record.
    fn like(&self, record: &Record) -> BTreeSet<&'a str> {
        let values = values(record);
        let by_address = values.iter().filter_map(|value| self.by_address.get(value)).flatten().copied();
        let families = values.iter().filter_map(|value| self.by_family_name.get(value)).flatten();
        let by_names = families.filter(|(given, _)| values.contains(given)).map(|(_, id)| *id);
        by_address.chain(by_names).collect()
    }
}

impl Findings {
    /// The records of people who are new, where anybody is missing: one of those may be in such a row, under an employee id that was
    /// mistyped.
    pub fn strangers(&self, records: &[Record], states: &States) -> Vec<Record> {
        let is_new = |record: &&Record| !self.absent.is_empty() && !states.contains_key(record.employee_id());
        records.iter().filter(is_new).cloned().collect()
    }

    /// Takes in those of them that cannot be used, and could not be used before either (`known`).
    pub fn add_astray(&mut self, strangers: Vec<Record>, rejected: &[Rejection], known: &HashSet<String>) {
        let refused: HashSet<&str> = rejected.iter().filter_map(|one| one.employee_id.as_deref()).collect();
        let is_stray =
            |one: &Record| refused.contains(one.employee_id()) && !known.contains(one.employee_id());
        self.doubtful.extend(strangers.into_iter().filter(is_stray));
    }
}

/// Looks at records that cannot be used and whose employee id may not be that of the person in them.
pub(super) fn find(records: &[Record], missing: &[String], states: &States) -> Strays {
    let mut strays = Strays::default();
    if missing.is_empty() {
        return strays;
    }
    let faces = Faces::of(missing.iter(), states);
    for record in records {
        let own = record.employee_id().to_owned();
        let is_own = !Faces::of([&own].into_iter(), states).like(record).is_empty();
        if is_own {
            continue;
        }
        let whose = faces.like(record);
        if whose.is_empty() && !has_face(record) {
            strays.unplaced.push(own.clone());
        }
        strays.spared.extend(whose.into_iter().map(|id| (id.to_owned(), own.clone())));
    }
    strays
}

/// Takes out of those who come without an account whoever has the work e-mail address of somebody who is missing: they may be one person,
/// whose employee id was changed by mistake. The answer are their rejections, and those who are missing.
pub(super) fn claims(
    judged: &mut Vec<Judged>,
    missing: &[String],
    moves: &Moves,
    states: &States,
    rulebook: &Rulebook,
) -> (Vec<Rejection>, BTreeSet<String>) {
    let (mut rejected, mut claimed) = (Vec::new(), BTreeSet::new());
    if missing.is_empty() || rulebook.absence == Absence::Keep {
        return (rejected, claimed);
    }
    let mail = |attributes: &Attributes| attributes.get(MAIL).map(|mail| folded(mail));
    let known = |id| mail(&states.get(id)?.account.as_ref()?.attributes);
    let whose: HashMap<String, &String> = missing.iter().filter_map(|id| Some((known(id)?, id))).collect();
    judged.retain(|person| {
        let id = person.employee_id();
        let is_new = states.get(id).is_none_or(|state| state.account.is_none() && state.open.is_none())
            && !moves.from.contains_key(id);
        let desired = person.desired().filter(|_| is_new);
        let Some(holder) = desired.and_then(mail).and_then(|mail| whose.get(&mail)) else { return true };
        // An address that passes on to a successor says nothing of the person.
        if is_another(person, holder, states) {
            return true;
        }
        claimed.insert((*holder).clone());
        rejected.push(Rejection {
            employee_id: Some(id.to_owned()),
            row: Some(person.row()),
            kind: RejectionKind::MaybeKnown,
            reason: format!(
                "has the work e-mail address of employee {holder}, whom the source no longer names and who keeps what they have meanwhile. \
                 If they are one person, keep the employee id {holder} in HR; if not, give this one another address"
            ),
        });
        false
    });
    (rejected, claimed)
}

/// Whether somebody is not the person of another employee id whose user name or address they come with: they have other names, and where
/// they have no account of their own neither of the two is the same.
pub(super) fn is_another(person: &Judged, other: &str, states: &States) -> bool {
    let account = |id: &str| states.get(id).and_then(|state| state.account.as_ref());
    let theirs = account(other).and_then(|account| names(&account.attributes));
    let (Some(own), Some(theirs)) = (person.desired().and_then(names), theirs) else { return false };
    let has_account = account(person.employee_id()).is_some();
    if has_account { own != theirs } else { own.0 != theirs.0 && own.1 != theirs.1 }
}

/// How many of records that share an employee id may be of somebody else: they are like neither what was known of the id (`known`, by id)
/// nor all the others.
pub fn of_others(records: &[Record], known: &HashMap<&str, BTreeSet<String>>) -> u64 {
    let all: Vec<(&str, BTreeSet<String>)> =
        records.iter().map(|record| (record.employee_id(), values(record))).collect();
    let is_own = |(at, record): &(usize, &Record)| {
        let id = record.employee_id();
        let mut siblings = all.iter().enumerate().filter(|(other, (of, _))| *of == id && other != at);
        match known.get(id) {
            Some(known) => is_alike(record, known),
            None => siblings.all(|(_, (_, values))| is_alike(record, values)),
        }
    };
    records.iter().enumerate().filter(|one| !is_own(one)).count() as u64
}

/// The values of a record, as they are compared.
pub fn compared<'v>(values: impl Iterator<Item = &'v str>) -> BTreeSet<String> {
    values.filter(|value| !value.is_empty()).map(folded).collect()
}

/// Whether a record and values are of one person, as far as they tell.
fn is_alike(record: &Record, others: &BTreeSet<String>) -> bool {
    let is_shared = |value: &str| others.contains(&folded(value));
    values(record).iter().any(|value| is_address(value) && others.contains(value))
        || NAMES.iter().all(|of| record.get(of).is_some_and(is_shared))
}

const MAIL: &str = "emails.work";
/// The columns that names stand in.
const NAMES: [&str; 2] = ["given_name", "family_name"];

fn addresses(attributes: &Attributes) -> BTreeSet<String> {
    ["userName", MAIL].iter().filter_map(|path| attributes.get(*path)).map(|value| folded(value)).collect()
}

fn names(attributes: &Attributes) -> Option<(String, String)> {
    let name = |path: &str| attributes.get(path).map(|name| folded(name)).filter(|name| !name.is_empty());
    Some((name("name.givenName")?, name("name.familyName")?))
}

fn values(record: &Record) -> BTreeSet<String> {
    compared(record.names().iter().skip(1).filter_map(|name| record.get(name)))
}

fn is_address(value: &str) -> bool {
    value.contains('@')
}

/// Whether it says enough of a person to tell that it is not another one.
fn has_face(record: &Record) -> bool {
    values(record).iter().any(|value| is_address(value)) || NAMES.iter().all(|of| record.get(of).is_some())
}
