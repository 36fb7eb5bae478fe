//! A record as the rules see it: a person, what is decided about them, and the user that they should be.

use std::borrow::Cow;

use chrono::NaiveDate;

use super::access::Decision;
use super::action::Attributes;
use super::guard::groups::group;
use super::identity::is_another_person;
use super::lifecycle::Moment;
use super::name_choice::NameBook;
use super::name_rules::NameRules;
use super::person::{Person, last_day};
use super::planner::{Rulebook, States};
use super::record::{Fingerprint, Record, Rejection};
use super::state::PersonState;
use super::user_names;
use super::value::folded;

#[derive(Clone)]
enum OtherNames {
    None,
    Of(Record),
    Made(Vec<String>),
}

/// A person, judged.
#[derive(Clone)]
pub struct Judged {
    pub(super) employee_id: String,
    row: u64,
    pub(super) fingerprint: Fingerprint,
    pub(super) decision: Decision,
    /// The group in which the guard counts the person, by the record.
    pub(super) group: Option<String>,
    /// Other user names that they may have, once they were asked for; before, the record that they are made of.
    other_names: OtherNames,
    /// The mapped user, where there is to be one.
    pub(super) desired: Option<Attributes>,
    /// Whether HR says that they have left.
    pub(super) has_left: bool,
    /// Whether they leave for a reason of `lifecycle.immediate`.
    pub(super) is_immediate: bool,
    /// Whether a date of theirs cannot be read.
    pub(super) is_unread: bool,
    /// The hire date that is to be known of them from now on.
    pub(super) hired: Option<NaiveDate>,
    /// The one that the record has, where that contradicts the other.
    pub(super) hired_again: Option<NaiveDate>,
}

impl Judged {
    /// The key.
    pub fn employee_id(&self) -> &str {
        &self.employee_id
    }

    /// Where the record stood, the first data row being 1.
    pub fn row(&self) -> u64 {
        self.row
    }

    /// Whether the person should have access, and why.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// The mapped user, where there is to be one.
    pub fn desired(&self) -> Option<&Attributes> {
        self.desired.as_ref()
    }

    /// Whether HR says that they have left, also while a grace still leaves them the access.
    pub(super) fn has_left(&self) -> bool {
        self.has_left
    }

    /// Another user is wanted of them.
    pub(super) fn wish(&mut self, of: impl FnOnce(&Attributes) -> Attributes) {
        self.desired = self.desired.as_ref().map(of);
    }

    /// Makes the other user names that they may have.
    pub fn make_other_names(&mut self, rules: &NameRules) {
        if let OtherNames::Of(record) = &self.other_names {
            self.other_names = OtherNames::Made(rules.others(record));
        }
    }

    /// The other user names that they may have, in order, if they were made.
    pub fn other_names(&self) -> &[String] {
        match &self.other_names {
            OtherNames::Made(names) => names,
            OtherNames::None | OtherNames::Of(_) => &[],
        }
    }

    /// Takes another user name for the time between. The next run looks again.
    pub(super) fn take_name_between(&mut self, book: &NameBook) {
        self.fingerprint = Fingerprint::NONE;
        let is_free = |name: &str| book.is_free_between(name, &self.employee_id);
        if let Some(name) = self.desired.as_mut().and_then(|attributes| attributes.get_mut("userName")) {
            *name = user_names::between(name, is_free);
        }
    }

    /// Keeps the name for the time between, which is another's to end. The next run looks again.
    pub(super) fn keep_name_between(&mut self, account: &Attributes) {
        self.fingerprint = Fingerprint::NONE;
        if let (Some(desired), Some(name)) = (&mut self.desired, account.get("userName")) {
            desired.insert("userName".into(), name.clone());
        }
    }

    /// Waits for a user name: until it is free, the account keeps its own, and the address that goes with it. What is left is as it should
    /// be, since nobody else has to do with it; of somebody who seems to be another person all waits, since that is put to an operator
    /// as a whole. The next run looks again.
    pub(super) fn wait_with(&mut self, account: &Attributes) {
        self.fingerprint = Fingerprint::NONE;
        let Some(name) = self.user_name() else { return };
        let Some(desired) = &mut self.desired else { return };
        if is_another_person(desired, |path| account.get(path).cloned()) {
            desired.clone_from(account);
            return;
        }
        let goes_with_it = |(path, value): &(&String, &String)| {
            ["userName", "emails.work"].contains(&path.as_str()) || folded(value) == name
        };
        let paths: Vec<String> = desired.iter().filter(goes_with_it).map(|(path, _)| path.clone()).collect();
        for path in paths {
            match account.get(&path) {
                Some(confirmed) => drop(desired.insert(path, confirmed.clone())),
                None => drop(desired.remove(&path)),
            }
        }
    }

    /// The user name that the person should have, in compared form.
    pub fn user_name(&self) -> Option<String> {
        self.desired.as_ref().and_then(|attributes| attributes.get("userName")).map(|name| folded(name))
    }
}

impl Rulebook {
    /// Whether what is decided about a record depends on nobody else: whoever comes or goes makes it no other decision. Then a record for which
    /// something waits is not judged again.
    pub fn judges_each_alone(&self) -> bool {
        let is_one_by_one = self.access.lifecycle.same_person().is_none() && self.group_by.is_none();
        is_one_by_one && !self.names.has_fallback()
    }
}

/// Judges records at this moment. Who cannot be judged is rejected, and keeps what they have.
pub fn judge(
    records: Vec<Record>,
    states: &States,
    rulebook: &Rulebook,
    moment: Moment,
) -> (Vec<Judged>, Vec<Rejection>) {
    let mut rejected = Vec::new();
    let mut judged = Vec::with_capacity(records.len());
    for record in records {
        match judge_one(record, states, rulebook, moment) {
            Ok(person) => judged.push(person),
            Err(rejection) => rejected.push(rejection),
        }
    }
    (judged, rejected)
}

fn judge_one(
    record: Record,
    states: &States,
    rulebook: &Rulebook,
    moment: Moment,
) -> Result<Judged, Rejection> {
    let (person, decision, desired) = judge_person(record, states, rulebook, moment)?;
    let group = rulebook.group_by.as_ref().map(|column| group(column, person.record.get(column)));
    let names = &rulebook.names;
    let has_choice = names.has_fallback() && desired.is_some();
    let began = rulebook.access.lifecycle.began_before(&person, moment).filter(|_| decision.access);
    let other_names = if has_choice { OtherNames::Of(person.record.clone()) } else { OtherNames::None };
    Ok(Judged {
        other_names,
        has_left: rulebook.access.lifecycle.has_left(&person, moment),
        is_immediate: rulebook.access.lifecycle.is_immediate(&person),
        is_unread: person.is_unread,
        group,
        employee_id: person.record.employee_id().to_owned(),
        row: person.record.row,
        // A contradiction is told by each run until it is mended.
        fingerprint: if began.is_some() { Fingerprint::NONE } else { person.record.fingerprint },
        // A date that is blank says nothing.
        hired: began
            .or(person.hire_date)
            .or(states.get(person.record.employee_id()).and_then(|state| state.hired)),
        hired_again: person.hire_date.filter(|_| began.is_some()),
        decision,
        desired,
    })
}

/// A record as a person, what is decided about them, and the mapped user where there is to be one.
pub(in crate::core) fn judge_person(
    record: Record,
    states: &States,
    rulebook: &Rulebook,
    moment: Moment,
) -> Result<(Person, Decision, Option<Attributes>), Rejection> {
    let state = states.get(record.employee_id());
    // Nothing is decided by a record that cannot be used; that its last day is over and the access goes on has to be said all the same.
    let over = over(&record, rulebook, moment).filter(|_| state.is_some_and(PersonState::has_access));
    let read = Person::read(record, &rulebook.access.lifecycle, &rulebook.date_formats);
    let mut person = read.map_err(|rejection| match over {
        Some(last) => Rejection {
            reason: format!(
                "{}; the last day {last} is over, and they keep the access until then",
                rejection.reason
            ),
            ..rejection
        },
        None => rejection,
    })?;
    person.has_access = state.is_some_and(PersonState::has_access_to_keep);
    person.began = state.filter(|state| !state.gone).and_then(|state| state.hired);
    let decision = rulebook.access.decide(&person, moment, state)?;
    // Somebody who is to have no access need not be mappable: HR systems blank the e-mail of people who left.
    let mut desired = if decision.access { Some(rulebook.users.map(&person)?) } else { None };
    let account = state.and_then(|state| state.account.as_ref());
    if let (Some(attributes), Some(account)) = (&mut desired, account) {
        let mut confirmed = Cow::Borrowed(&account.attributes);
        let before = state.and_then(|state| state.before.as_ref());
        // A user name that somebody changed by hand is not the one that the account keeps.
        if let Some(name) = before.and_then(|before| before.attributes.get("userName")) {
            confirmed.to_mut().insert("userName".into(), name.clone());
        }
        rulebook.names.keep(attributes, &person.record, &confirmed);
        rulebook.users.keep(attributes, &confirmed);
    }
    Ok((person, decision, desired))
}

/// The last day that a record gives, where it is over.
fn over(record: &Record, rulebook: &Rulebook, moment: Moment) -> Option<NaiveDate> {
    let today = rulebook.access.lifecycle.day_of(record, moment);
    last_day(record, &rulebook.date_formats).filter(|last| *last < today)
}
