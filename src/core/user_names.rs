//! Who gets which user name: no two people can have the same.
//!
//! Whoever holds a name keeps it. Where the holder is about to take another one, the next waits until that is confirmed; so a chain of
//! renames is carried out from its end. Where each of some waits for the next in a circle, one of them takes a name for the time between.
//! Who waits with an account keeps the name and the address until then, and everything else is as it should be.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::action::Attributes;
use super::judged::Judged;
use super::name_choice::NameBook;
use super::record::{Rejection, RejectionKind};
use super::value::folded;

/// What is put before the `@` of a user name for the time between; at its end where it has none.
const BETWEEN: &str = ".swap";
/// How many of these are tried: the first has no number.
const TRIED: u32 = 99;

/// The judged people, sorted by whether they can have the user name that they map to.
pub(super) struct Names {
    /// They can, or wait with an account, which keeps its name meanwhile.
    pub kept: Vec<Judged>,
    /// They never can, as it is.
    pub rejected: Vec<Rejection>,
    /// They can once another has given it up: (who, holder).
    pub waiting: Vec<(String, String)>,
    /// Holders whom the source no longer names.
    pub claimed: BTreeSet<String>,
    /// They have a name for the time between and keep it, since names are kept and another keeps theirs: (who, holder).
    pub between: Vec<(String, String)>,
    /// Names (compared form) that a holder is about to give up, and the one who is to have each then.
    pub awaited: Vec<(String, String)>,
}

/// Settles the names, by what is known of them. `is_another`: whether somebody cannot be the person of a holder whom the source no longer
/// names. `confirmed`: the account that somebody has, or takes over. `names_stay`: accounts keep the user name that they were made with.
pub(super) fn settle(
    judged: Vec<Judged>,
    book: &NameBook,
    absent: &[String],
    is_another: impl Fn(&Judged, &str) -> bool,
    confirmed: impl Fn(&str) -> Option<Attributes>,
    names_stay: bool,
) -> Names {
    let holders = &book.holders;
    let absent: BTreeSet<&String> = absent.iter().collect();
    let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut wants: HashMap<&str, String> = HashMap::new();
    for person in &judged {
        if let Some(name) = person.user_name() {
            wants.insert(person.employee_id(), name.clone());
            wanted.entry(name).or_default().insert(person.employee_id().to_owned());
        }
    }
    // Who waits for whom: the holder is about to take another name, and nobody else wants this one.
    let waits: BTreeMap<String, String> = judged
        .iter()
        .filter_map(|person| {
            let name = wants.get(person.employee_id())?;
            let holder = holders.get(name)?;
            let is_told = book.awaited.get(name).is_some_and(|who| who == person.employee_id());
            let moves = is_told || wants.get(holder.as_str()).is_some_and(|other| other != name);
            (holder != person.employee_id() && moves && wanted[name].len() == 1)
                .then(|| (person.employee_id().to_owned(), holder.clone()))
        })
        .collect();
    let breakers = breakers(&waits);
    let mut names = Names {
        kept: Vec::new(),
        rejected: Vec::new(),
        waiting: Vec::new(),
        claimed: BTreeSet::new(),
        between: Vec::new(),
        awaited: waits.keys().map(|who| (wants[who.as_str()].clone(), who.clone())).collect(),
    };
    for mut person in judged {
        let Some(name) = person.user_name() else {
            names.kept.push(person);
            continue;
        };
        let holder = holders.get(&name).filter(|holder| *holder != person.employee_id());
        match (holder, &wanted[&name]) {
            (Some(_), _) if breakers.contains(person.employee_id()) => {
                person.take_name_between(book);
                names.kept.push(person);
            }
            (Some(holder), _) if waits.contains_key(person.employee_id()) => {
                names.waiting.push((person.employee_id().to_owned(), holder.clone()));
                if let Some(account) = confirmed(person.employee_id()) {
                    person.wait_with(&account);
                    names.kept.push(person);
                }
            }
            (Some(holder), _) if names_stay && has_name_between(&confirmed, &person) => {
                names.between.push((person.employee_id().to_owned(), holder.clone()));
                if let Some(account) = confirmed(person.employee_id()) {
                    person.keep_name_between(&account);
                }
                names.kept.push(person);
            }
            (Some(holder), _) if absent.contains(holder) && !is_another(&person, holder) => {
                names.claimed.insert(holder.clone());
                names.rejected.push(absent_holders_user_name(&person, holder));
            }
            (Some(holder), _) => names.rejected.push(held_user_name(&person, holder)),
            (None, all) if all.len() > 1 && !holders.contains_key(&name) => {
                let all = all.iter().map(String::as_str);
                names.rejected.push(shared_user_name(person.employee_id(), person.row(), all));
            }
            _ => names.kept.push(person),
        }
    }
    names
}

fn has_name_between(confirmed: impl Fn(&str) -> Option<Attributes>, person: &Judged) -> bool {
    let account = confirmed(person.employee_id());
    account.is_some_and(|account| account.get("userName").is_some_and(|name| is_between(name)))
}

/// One of each circle: who has the lowest employee id of it.
fn breakers(waits: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut breakers = BTreeSet::new();
    let mut walked: BTreeSet<&str> = BTreeSet::new();
    for start in waits.keys() {
        let mut way: Vec<&str> = Vec::new();
        let mut at = start.as_str();
        while walked.insert(at) {
            way.push(at);
            let Some(next) = waits.get(at) else { break };
            at = next;
        }
        // Back where this very walk has been.
        if let Some(from) = way.iter().position(|seen| *seen == at).filter(|_| waits.contains_key(at)) {
            breakers.extend(way[from..].iter().min().map(|lowest| (*lowest).to_owned()));
        }
    }
    breakers
}

/// A user name for the time between, the first that is nobody's: `jane.doe.swap@example.com`, `jane.doe.swap2@example.com`.
pub(super) fn between(name: &str, is_free: impl Fn(&str) -> bool) -> String {
    let (local, domain) = match name.split_once('@') {
        Some((local, domain)) => (local, format!("@{domain}")),
        None => (name, String::new()),
    };
    let numbers = std::iter::once(String::new()).chain((2..=TRIED).map(|number| number.to_string()));
    let mut names = numbers.map(|number| format!("{local}{BETWEEN}{number}{domain}"));
    let first = format!("{local}{BETWEEN}{domain}");
    names.find(|name| is_free(&folded(name))).unwrap_or(first)
}

/// Whether a user name has the form of one for the time between.
pub fn is_between(name: &str) -> bool {
    let local = name.split_once('@').map_or(name, |(local, _)| local);
    local.trim_end_matches(|sign: char| sign.is_ascii_digit()).ends_with(BETWEEN)
}

/// Whether a user name is one for the time between until somebody gets this one; both in compared form.
pub(super) fn is_between_before(name: &str, wanted: &str) -> bool {
    let parts = |name: &str| match name.split_once('@') {
        Some((local, domain)) => (local.to_owned(), Some(domain.to_owned())),
        None => (name.to_owned(), None),
    };
    let ((local, domain), (wanted, of)) = (parts(name), parts(wanted));
    let number = local.strip_prefix(wanted.as_str()).and_then(|rest| rest.strip_prefix(BETWEEN));
    domain == of && number.is_some_and(|number| number.chars().all(|sign| sign.is_ascii_digit()))
}

/// The rejection of somebody who maps to a user name that another holds.
pub fn held_user_name(person: &Judged, holder: &str) -> Rejection {
    let reason = format!(
        "maps to a user name that employee {holder} holds; give one of them another (a holder's own change of name frees it \
         once it is confirmed)"
    );
    user_name_taken(person.employee_id(), person.row(), reason)
}

/// The rejection of somebody who maps to the user name of one whom the source no longer names: they may be one person.
fn absent_holders_user_name(person: &Judged, holder: &str) -> Rejection {
    let reason = format!(
        "maps to the user name of employee {holder}, whom the source no longer names and who keeps what they have meanwhile. If \
         they are one person, keep the employee id {holder} in HR; if not, give this one another user name"
    );
    user_name_taken(person.employee_id(), person.row(), reason)
}

/// The rejection of one of several people who map to one user name that nobody holds.
pub fn shared_user_name<'a>(employee_id: &str, row: u64, all: impl Iterator<Item = &'a str>) -> Rejection {
    let others: Vec<&str> = all.filter(|id| *id != employee_id).take(5).collect();
    let reason = format!("maps to the same user name as employee {}; give each their own", others.join(", "));
    user_name_taken(employee_id, row, reason)
}

fn user_name_taken(employee_id: &str, row: u64, reason: String) -> Rejection {
    Rejection {
        employee_id: Some(employee_id.to_owned()),
        row: Some(row),
        kind: RejectionKind::UserNameTaken,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(waits: &[(&str, &str)]) -> Vec<String> {
        let waits = waits.iter().map(|(who, holder)| ((*who).to_owned(), (*holder).to_owned())).collect();
        breakers(&waits).into_iter().collect()
    }

    #[test]
    fn each_circle_is_broken_once_and_a_chain_never() {
        assert!(broken(&[("1", "2"), ("2", "3")]).is_empty());
        assert_eq!(broken(&[("1", "2"), ("2", "1")]), ["1"]);
        assert_eq!(broken(&[("2", "3"), ("3", "4"), ("4", "2"), ("8", "9"), ("9", "8")]), ["2", "8"]);
        assert_eq!(broken(&[("1", "5"), ("5", "6"), ("6", "5")]), ["5"], "a chain that ends in a circle");
    }

    #[test]
    fn a_name_between_stands_beside_the_one_that_is_wanted() {
        let free = |_: &str| true;
        assert_eq!(between("jane.doe@example.com", free), "jane.doe.swap@example.com");
        assert_eq!(between("jane.doe", free), "jane.doe.swap");
    }

    #[test]
    fn a_name_between_that_is_somebody_elses_is_passed_over() {
        let free = |name: &str| !["jane.swap@x.test", "jane.swap2@x.test"].contains(&name);
        let third = between("Jane@x.test", free);
        assert_eq!(third, "Jane.swap3@x.test");
        assert!(
            is_between_before(&folded(&third), "jane@x.test")
                && !is_between_before("jane.swap", "jane@x.test")
        );
        assert!(
            is_between_before("jane.swap", "jane") && !is_between_before("jane.swap@x.test", "jan@x.test")
        );
        assert!(is_between(&third) && is_between("jane.swap") && !is_between("jane.swapper@x.test"));
    }
}
