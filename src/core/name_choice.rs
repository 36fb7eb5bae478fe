//! Which user name somebody gets where there are several to choose from: the first of a list that is nobody else's, and from then on that
//! one for life.

use std::collections::{BTreeSet, HashMap, HashSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::action::Attributes;
use super::desired::is_usable_user_name;
use super::judged::Judged;
use super::mapping::{CompileError, Fields, Mapping, Tables};
use super::planner::States;
use super::record::{Record, Rejection, RejectionKind};
use super::value::folded;

/// The name that a template has for what tells namesakes apart.
const NUMBER: &str = "number";
/// The numbers that are tried: the first namesake has none.
const NUMBERS: std::ops::RangeInclusive<u32> = 2..=99;
/// For how many days a user name is passed over that Workiva was seen to hold for somebody else.
pub const TAKEN_FOR_DAYS: u32 = 30;

/// `[user_names]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserNameSettings {
    /// Templates that are tried in order for whom the user name of `attributes.userName` is somebody else's. One that uses `number` is
    /// tried with 2 to 99.
    #[serde(default)]
    pub fallback: Vec<String>,
    /// For how many days a user name that somebody gave up is nobody else's; 0: it is free at once.
    #[serde(default)]
    pub reuse_after_days: u32,
}

/// The compiled `[user_names]`.
#[derive(Default)]
pub struct NameRules {
    templates: Vec<(Mapping, bool)>,
    reuse_after_days: u32,
}

impl NameRules {
    /// Compiles the templates; `names` are the fields that they may use.
    ///
    /// # Errors
    /// Everything that is wrong with any of them.
    pub fn compile(
        settings: &UserNameSettings,
        names: &[String],
        tables: &Tables,
    ) -> Result<Self, Vec<CompileError>> {
        let (mut templates, mut errors) = (Vec::new(), Vec::new());
        let mut names = names.to_vec();
        names.push(NUMBER.to_owned());
        names.sort();
        names.dedup();
        for (at, template) in settings.fallback.iter().enumerate() {
            let one = Attributes::from([("userName".to_owned(), template.clone())]);
            match Mapping::compile(&one, &names, tables) {
                Ok(mapping) => {
                    let is_numbered = mapping.uses(NUMBER);
                    templates.push((mapping, is_numbered));
                }
                Err(all) => errors.extend(all.into_iter().map(|error| CompileError {
                    key: format!("user_names.fallback[{at}]"),
                    message: error.message,
                })),
            }
        }
        match errors.is_empty() {
            true => Ok(Self { templates, reuse_after_days: settings.reuse_after_days }),
            false => Err(errors),
        }
    }

    /// Whether there is more than one user name to choose from.
    pub fn has_fallback(&self) -> bool {
        !self.templates.is_empty()
    }

    /// For how many days a user name that was given up is nobody else's.
    pub fn reuse_after_days(&self) -> u32 {
        self.reuse_after_days
    }

    /// The user names that somebody may get instead of the first one, in order. What Workiva would refuse, or cannot be made of this
    /// person's values, is left out: a value that is absent leaves a gap between two dots.
    pub fn others(&self, record: &Record) -> Vec<String> {
        let mut others = Vec::new();
        for (mapping, is_numbered) in &self.templates {
            let numbers = if *is_numbered { NUMBERS } else { 0..=0 };
            for number in numbers {
                let fields = Numbered { record, number: number.to_string() };
                let name = mapping.render(&fields).ok().and_then(|mut one| one.remove("userName"));
                if let Some(name) =
                    name.filter(|name| is_usable_user_name(name) && !has_gap(name) && !others.contains(name))
                {
                    others.push(name);
                }
            }
        }
        others
    }

    /// Lets an account keep its user name, as long as it is one of those that the person may have.
    pub(super) fn keep(&self, mapped: &mut Attributes, record: &Record, confirmed: &Attributes) {
        let (Some(first), Some(own)) = (mapped.get("userName"), confirmed.get("userName")) else { return };
        if !self.has_fallback() || folded(first) == folded(own) {
            return;
        }
        if self.others(record).iter().any(|other| folded(other) == folded(own)) {
            mapped.insert("userName".into(), own.clone());
        }
    }
}

/// Whether something is missing between two signs that part a user name, or before or behind one: `jane..doe@example.com`.
fn has_gap(name: &str) -> bool {
    let local = name.split_once('@').map_or(name, |(local, _)| local);
    local.split(['.', '-', '_']).any(str::is_empty)
}

/// A record, and a number.
struct Numbered<'a> {
    record: &'a Record,
    number: String,
}

impl Fields for Numbered<'_> {
    fn names(&self) -> &[String] {
        self.record.names()
    }

    fn value(&self, name: &str) -> Option<&str> {
        if name == NUMBER { Some(&self.number) } else { self.record.value(name) }
    }
}

/// A user name that an account had, and has no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// The employee id of the account.
    pub by: String,
    /// Who waited for it with an account of their own: a swap, a circle or a chain of names is no re-use.
    pub heir: Option<String>,
}

/// What is known of user names, all in compared form.
#[derive(Clone, Debug, Default)]
pub struct NameBook {
    /// Who holds one, in state or by an action under way.
    pub holders: HashMap<String, String>,
    /// Those that somebody gave up too short a while ago for anybody else to have them.
    pub given_up: HashMap<String, GivenUp>,
    /// Those that Workiva was seen to hold for somebody else.
    pub taken: HashSet<String>,
    /// The work e-mail address of the account that has one, where it was asked for.
    pub mails: HashMap<String, String>,
}

impl NameBook {
    /// Those whose first choice may be somebody else's: positions.
    pub fn contested(&self, judged: &[Judged], states: &States) -> Vec<usize> {
        let mut wanted: HashMap<String, u32> = HashMap::new();
        for name in judged.iter().filter_map(Judged::user_name) {
            *wanted.entry(name).or_default() += 1;
        }
        let is_contested = |(_, person): &(usize, &Judged)| {
            let Some(name) = person.user_name() else { return false };
            wanted[&name] > 1
                || !self.is_free(&name, person.employee_id())
                || self.taken.contains(&name)
                || is_on_the_way_to_another(person, &name, states)
        };
        judged.iter().enumerate().filter(is_contested).map(|(at, _)| at).collect()
    }

    /// Whether somebody wants a name that another holds: a circle may have to be broken by one for the time between.
    pub fn has_clashes(&self, judged: &[Judged]) -> bool {
        let is_anothers = |person: &Judged| {
            let holder = person.user_name().and_then(|name| self.holders.get(&name));
            holder.is_some_and(|holder| holder != person.employee_id())
        };
        judged.iter().any(is_anothers)
    }

    /// Whether nobody else has it, or has given it up too short a while ago.
    fn is_free(&self, name: &str, employee_id: &str) -> bool {
        let is_held = self.holders.get(name).is_some_and(|who| who != employee_id);
        !is_held && self.kept_for(name, employee_id).is_none()
    }

    /// Whose former name it is, where that keeps this person from having it. One that somebody holds by now is no former name.
    fn kept_for(&self, name: &str, employee_id: &str) -> Option<&String> {
        let GivenUp { by, heir } = self.given_up.get(name).filter(|_| !self.holders.contains_key(name))?;
        (by != employee_id && heir.as_deref() != Some(employee_id)).then_some(by)
    }

    /// Whether somebody may take it for the time between, as far as is known.
    pub(super) fn is_free_between(&self, name: &str, employee_id: &str) -> bool {
        self.is_free(name, employee_id) && !self.taken.contains(name)
    }
}

/// Whether an action under way gives them another user name.
fn is_on_the_way_to_another(person: &Judged, name: &str, states: &States) -> bool {
    let open = states.get(person.employee_id()).and_then(|state| state.open.as_ref());
    let on_the_way = open.and_then(|open| open.target.attributes().get("userName"));
    on_the_way.is_some_and(|other| folded(other) != *name)
}

/// Gives everybody whose first choice is somebody else's the first other user name that is nobody's. `own`: the name of the account that
/// somebody has, or takes over. Those for whom there is none are rejected.
pub(super) fn choose(
    judged: &mut Vec<Judged>,
    book: &NameBook,
    states: &States,
    own: impl Fn(&str) -> Option<String>,
) -> Vec<Rejection> {
    let mut contested = book.contested(judged, states);
    let among: BTreeSet<usize> = contested.iter().copied().collect();
    let uncontested = judged.iter().enumerate().filter(|(at, _)| !among.contains(at));
    let mut claimed: HashSet<String> = uncontested.filter_map(|(_, person)| person.user_name()).collect();
    // Whoever has a name comes before whoever only wants it.
    contested.sort_by_cached_key(|at| {
        let person = &judged[*at];
        let holds = |name: &String| book.holders.get(name).is_some_and(|who| who == person.employee_id());
        let has_own =
            person.user_name().is_some_and(|name| own(person.employee_id()).as_ref() == Some(&name));
        (!has_own, !person.user_name().iter().any(holds), person.employee_id().to_owned())
    });
    let mut without = BTreeSet::new();
    for at in contested {
        let person = &judged[at];
        let employee_id = person.employee_id();
        let own = own(employee_id);
        let first = person.desired().and_then(|user| user.get("userName")).cloned();
        let all: Vec<String> = first.into_iter().chain(person.other_names().iter().cloned()).collect();
        let is_own = |name: &&String| own.as_deref() == Some(folded(name).as_str());
        let is_free = |name: &String| {
            let name = folded(name);
            book.is_free(&name, employee_id) && !claimed.contains(&name)
        };
        let is_taken = |name: &String| book.taken.contains(&folded(name));
        let is_held = |name: &&String| book.holders.get(&folded(name)).is_some_and(|who| who == employee_id);
        let mut free = all.iter().filter(|name| is_free(name) && (is_own(name) || !is_taken(name)));
        // Somebody with the same address may be the same person under another employee id: who holds the name is what has to be settled.
        let mail = person.desired().and_then(|user| user.get("emails.work")).map(|mail| folded(mail));
        let is_same_person = |name: &&String| {
            let name = folded(name);
            let is_anothers = book.holders.get(&name).is_some_and(|who| who != employee_id);
            is_anothers && mail.is_some() && book.mails.get(&name) == mail.as_ref()
        };
        if let Some(name) = all.iter().find(is_same_person) {
            judged[at].wish(named(name));
            continue;
        }
        let chosen =
            free.clone().find(is_own).or_else(|| free.clone().find(is_held)).or_else(|| free.next()).cloned();
        match chosen {
            Some(name) => {
                claimed.insert(folded(&name));
                judged[at].wish(named(&name));
            }
            None => drop(without.insert(at)),
        }
    }
    let rejected = without.iter().map(|at| refused(&judged[*at], NONE_IS_FREE.into())).collect();
    let mut at = 0..;
    judged.retain(|_| at.next().is_none_or(|at| !without.contains(&at)));
    rejected
}

fn named(name: &str) -> impl FnOnce(&Attributes) -> Attributes {
    let name = name.to_owned();
    move |user| {
        let mut user = user.clone();
        user.insert("userName".into(), name);
        user
    }
}

const NONE_IS_FREE: &str = "every user name that they may have is somebody else's; add a template to user_names.fallback, such as one with \
                            {{ number }}";

/// Takes out those who map to a user name that somebody else gave up too short a while ago.
pub(super) fn reserve(judged: &mut Vec<Judged>, book: &NameBook, days: u32) -> Vec<Rejection> {
    let by_another = |person: &Judged| book.kept_for(&person.user_name()?, person.employee_id());
    let reason = |by: &String| {
        format!(
            "maps to a user name that employee {by} gave up less than {days} days ago (user_names.reuse_after_days); give them another"
        )
    };
    let rejected = judged.iter().filter_map(|one| Some(refused(one, reason(by_another(one)?)))).collect();
    judged.retain(|person| by_another(person).is_none());
    rejected
}

fn refused(person: &Judged, reason: String) -> Rejection {
    Rejection {
        employee_id: Some(person.employee_id().to_owned()),
        row: Some(person.row()),
        kind: RejectionKind::UserNameTaken,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_gap_was_made_of_a_value_that_is_absent() {
        for name in ["jane..doe@x.test", ".doe@x.test", "jane.@x.test", "jane-.doe", "_jane"] {
            assert!(has_gap(name), "{name}");
        }
        for name in ["jane.doe@x.test", "jane.m.doe", "mary-ann.o'brien2@x--y.test", "doe"] {
            assert!(!has_gap(name), "{name}");
        }
    }

    #[test]
    fn a_former_name_is_for_who_gave_it_up_and_for_who_waited_for_it() {
        let given_up = GivenUp { by: "2".into(), heir: Some("1".into()) };
        let book = NameBook { given_up: [("b".to_owned(), given_up)].into(), ..NameBook::default() };
        let free: Vec<bool> = ["1", "2", "3"].iter().map(|who| book.is_free("b", who)).collect();
        assert_eq!(free, [true, true, false]);
        assert_eq!(book.kept_for("b", "3").map(String::as_str), Some("2"));
        let book = NameBook { holders: [("b".to_owned(), "2".to_owned())].into(), ..book };
        assert_eq!(book.kept_for("b", "3"), None, "its holder gives it up anew, some day");
    }
}
