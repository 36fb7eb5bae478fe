//! Which user name somebody gets where there are several to choose from: the first of a list that is nobody else's, and from then on that
//! one for life.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::action::Attributes;
use super::judged::Judged;
use super::planner::States;
use super::record::{Rejection, RejectionKind};
use super::user_names::is_between_before;
use super::value::folded;

/// For how many days a user name is passed over that Workiva was seen to hold for somebody else.
pub const TAKEN_FOR_DAYS: u32 = 30;

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
    /// Those of Workiva users who are provably theirs, by the employee ids of people of whom state knows no account.
    pub own: HashMap<String, String>,
    /// Those that somebody waits for by the newest plan, where it is not known what their holders are to have; with who waits.
    pub awaited: HashMap<String, String>,
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
                || self.own.get(person.employee_id()).is_some_and(|own| *own != name)
                || is_on_the_way_to_another(person, &name, states)
        };
        judged.iter().enumerate().filter(is_contested).map(|(at, _)| at).collect()
    }

    /// Makes those who have a name for the time between the heirs of what they wait for, where nobody is: databases of before did not keep
    /// who waited, and a name that was given up for them would be kept from them.
    pub fn add_heirs(&mut self, judged: &[Judged], states: &States) {
        let given_up = &mut self.given_up;
        for person in judged {
            let account = states.get(person.employee_id()).and_then(|state| state.account.as_ref());
            let own = account.and_then(|account| account.attributes.get("userName")).map(|name| folded(name));
            let wanted =
                person.user_name().filter(|wanted| own.is_some_and(|own| is_between_before(&own, wanted)));
            if let Some(name) = wanted.and_then(|wanted| given_up.get_mut(&wanted)) {
                name.heir.get_or_insert_with(|| person.employee_id().to_owned());
            }
        }
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
    let own = |employee_id: &str| own(employee_id).or_else(|| book.own.get(employee_id).cloned());
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
    let newcomers = Newcomers::of(&contested, judged, states);
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
        if let Some(name) = all.first().filter(|_| newcomers.has_double(employee_id)) {
            judged[at].wish(named(name));
            continue;
        }
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

/// Those who want one first user name and have no account yet, by what tells whether they are one person: the work e-mail address.
#[derive(Default)]
struct Newcomers {
    /// User name and address, by employee id.
    keys: HashMap<String, (String, String)>,
    /// How many have both.
    counts: HashMap<(String, String), u32>,
}

impl Newcomers {
    fn of(contested: &[usize], judged: &[Judged], states: &States) -> Self {
        let mut all = Self::default();
        for person in contested.iter().map(|at| &judged[*at]) {
            let who = person.employee_id();
            let has_account = states.get(who).is_some_and(|state| state.account.is_some());
            let mail = person.desired().and_then(|user| user.get("emails.work")).map(|mail| folded(mail));
            let Some(key) = person.user_name().zip(mail).filter(|_| !has_account) else { continue };
            *all.counts.entry(key.clone()).or_default() += 1;
            all.keys.insert(who.to_owned(), key);
        }
        all
    }

    /// Whether somebody else has the same address: they get no other name, and so both are rejected for the one.
    fn has_double(&self, employee_id: &str) -> bool {
        self.keys.get(employee_id).is_some_and(|key| self.counts[key] > 1)
    }
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
