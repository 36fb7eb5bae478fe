//! Pairing people with users: certain where `match_existing` and the proof of [`identity`](crate::core::identity) say so.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Claimant, Doubt, Doubtful, Link, Standing};
use crate::core::action::Attributes;
use crate::core::identity::{MatchAttribute, Unproven, has_other_names, is_another_person, prove};
use crate::core::roster::{Index, Roster, RosterUser};
use crate::core::state::AdoptionMark;
use crate::core::value::folded;

/// To whom each of Workiva's ids is linked in state.
pub type Owners = HashMap<String, String>;

/// What came of it.
#[derive(Debug, Default)]
pub struct Matching {
    /// Certain pairs.
    pub links: Vec<Link>,
    /// People for whom somebody has to decide, or has decided to wait.
    pub doubtful: Vec<Doubtful>,
    /// People who were linked before.
    pub already: u64,
    /// People with an action under way, which were left alone.
    pub under_way: u64,
    /// People who are to have access and for whom nobody was found: positions among the claimants.
    pub unmatched: Vec<usize>,
}

impl Matching {
    /// Positions of the users whom nobody claims: neither linked, before or now, nor in doubt.
    pub fn unknown(&self, roster: &Roster, owners: &Owners) -> Vec<usize> {
        let claimed: BTreeSet<usize> = self
            .links
            .iter()
            .map(|link| link.user)
            .chain(self.doubtful.iter().flat_map(|doubtful| doubtful.candidates.iter().copied()))
            .collect();
        let is_unknown =
            |(at, user): &(usize, &RosterUser)| !claimed.contains(at) && !owners.contains_key(&*user.id);
        roster.users().iter().enumerate().filter(is_unknown).map(|(at, _)| at).collect()
    }
}

enum Found {
    Nobody,
    One(usize),
    Doubtful(Doubt, Vec<usize>),
}

/// Pairs people with users. `order` is `workiva.match_existing`; `chooses_names`: there are several user names to choose from
/// (`user_names.fallback`), so one alone does not tell whose a user is; `are_all_judged`: no record was rejected, which could be that
/// of a user's real owner.
pub fn match_people(
    claimants: &[Claimant],
    roster: &Roster,
    owners: &Owners,
    order: &[MatchAttribute],
    chooses_names: bool,
    are_all_judged: bool,
) -> Matching {
    let matcher = Matcher::new(roster, owners, order, chooses_names);
    let mut matching = Matching::default();
    let mut pairs: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut doubts: BTreeMap<usize, (Doubt, Vec<usize>)> = BTreeMap::new();
    let mut open = Vec::new();
    for (at, claimant) in claimants.iter().enumerate() {
        match claimant.standing {
            Standing::Linked(_) => matching.already += 1,
            Standing::UnderWay => matching.under_way += 1,
            Standing::Unlinked if !claimant.found_before.is_empty() => {
                let is_found =
                    |at: &usize| claimant.found_before.iter().any(|id| **id == *roster.users()[*at].id);
                let users = (0..roster.users().len()).filter(is_found).collect();
                doubts.insert(at, (Doubt::NoLongerNamed, users));
            }
            Standing::Unlinked => match matcher.find(claimant) {
                Found::One(user) => pairs.entry(user).or_default().push(at),
                Found::Doubtful(doubt, users) => drop(doubts.insert(at, (doubt, users))),
                Found::Nobody => open.push(at),
            },
        }
    }
    for (user, people) in pairs {
        if let [claimant] = people[..] {
            if matcher.may_cost_access(&claimants[claimant], user, are_all_judged) {
                doubts.insert(claimant, (Doubt::Leaver, vec![user]));
            } else {
                matching.links.push(Link { claimant, user });
            }
            continue;
        }
        let all: Vec<String> = people.iter().map(|at| claimants[*at].employee_id.clone()).collect();
        for at in people {
            doubts.insert(at, (Doubt::SeveralEmployees(all.clone()), vec![user]));
        }
    }
    matching.links.sort_by_key(|link| link.claimant);
    let linked: BTreeSet<usize> = matching.links.iter().map(|link| link.user).collect();
    for at in open {
        match matcher.resembling(&claimants[at], &linked) {
            Some(doubt) => drop(doubts.insert(at, doubt)),
            None if claimants[at].wants_access => matching.unmatched.push(at),
            None => {}
        }
    }
    for (at, (doubt, users)) in doubts {
        let claimant = &claimants[at];
        let candidates = matcher.worth_a_decision(claimant, users, &linked);
        if candidates.is_empty() {
            continue;
        }
        if claimant.mark == Some(AdoptionMark::New) {
            matching.unmatched.push(at);
            continue;
        }
        let (employee_id, mark) = (claimant.employee_id.clone(), claimant.mark);
        matching.doubtful.push(Doubtful { employee_id, doubt, candidates, mark });
    }
    matching.unmatched.sort_unstable();
    matching
}

struct Matcher<'a> {
    roster: &'a Roster,
    owners: &'a Owners,
    order: &'a [MatchAttribute],
    chooses_names: bool,
    by_external_id: Index,
    by_user_name: Index,
    by_email: Index,
    by_name: Index,
}

impl<'a> Matcher<'a> {
    fn new(roster: &'a Roster, owners: &'a Owners, order: &'a [MatchAttribute], chooses_names: bool) -> Self {
        let value = |user: &RosterUser, path: &str| roster.value(user, path).map(folded);
        Self {
            roster,
            owners,
            order,
            chooses_names,
            by_external_id: Index::new(roster, |user| user.external_id.as_deref().map(str::to_owned)),
            by_user_name: Index::new(roster, |user| value(user, "userName")),
            by_email: Index::new(roster, |user| value(user, "emails.work")),
            by_name: Index::new(roster, |user| name(|path| roster.value(user, path))),
        }
    }

    /// By `match_existing`, in order: the first attribute that finds somebody decides, as at a create.
    fn find(&self, claimant: &Claimant) -> Found {
        for by in self.order {
            let Some(value) = by.wanted(&claimant.attributes) else { continue };
            let index = match by {
                MatchAttribute::ExternalId => &self.by_external_id,
                MatchAttribute::UserName => &self.by_user_name,
            };
            let key = match by {
                MatchAttribute::ExternalId => value.to_owned(),
                MatchAttribute::UserName => folded(value),
            };
            let fits = |at: &usize| {
                let user = &self.roster.users()[*at];
                by.fits(user.external_id.as_deref(), self.roster.value(user, "userName"), value)
            };
            let found: Vec<usize> = index.find(&key).filter(fits).collect();
            match found[..] {
                [] => {}
                [user] if self.is_a_namesakes(claimant, user) => {}
                [user] => return self.proven(claimant, user),
                _ => return Found::Doubtful(Doubt::SeveralUsers(*by), found),
            }
        }
        Found::Nobody
    }

    /// Whether a user has a name that is chosen among several, and somebody else's e-mail address: the person has another one.
    fn is_a_namesakes(&self, claimant: &Claimant, at: usize) -> bool {
        let user = &self.roster.users()[at];
        let has_key = user.external_id.as_deref().is_some_and(|key| !key.is_empty());
        let wanted = claimant.attributes.get("emails.work").map(|mail| folded(mail));
        let shown = self.folded_value(at, "emails.work");
        self.chooses_names && !has_key && shown.is_some() && shown != wanted
    }

    fn proven(&self, claimant: &Claimant, at: usize) -> Found {
        let user = &self.roster.users()[at];
        let owner = self.owners.get(&*user.id).map(String::as_str);
        let external_id = user.external_id.as_deref();
        let shown = |path: &str| self.roster.value(user, path).map(str::to_owned);
        match prove(&claimant.employee_id, &claimant.attributes, user.scim_id(), external_id, owner) {
            Ok(_)
                if is_another_person(&claimant.attributes, shown)
                    || (user.active == Some(false)
                        && claimant.wants_access
                        && has_other_names(&claimant.attributes, shown)) =>
            {
                Found::Doubtful(Doubt::Unproven(Unproven::AnotherPerson), vec![at])
            }
            Ok(_) => Found::One(at),
            Err(unproven) => Found::Doubtful(Doubt::Unproven(unproven), vec![at]),
        }
    }

    /// Whether the link would take an active user's access by the user name alone, though it may be somebody else's.
    fn may_cost_access(&self, claimant: &Claimant, at: usize, are_all_judged: bool) -> bool {
        let user = &self.roster.users()[at];
        let has_key = user.external_id.as_deref().is_some_and(|id| !id.is_empty());
        if claimant.wants_access || user.active == Some(false) || has_key {
            return false;
        }
        let live = name(|path| self.roster.value(user, path));
        let is_anothers = |ours: &String| live.as_ref().is_some_and(|live| live != ours);
        !are_all_judged || name_of(&claimant.attributes).as_ref().is_some_and(is_anothers)
    }

    /// Users of nobody who resemble somebody for whom nobody was found. A namesake is worth a question only where an
    /// account is about to be made, or where the name is all that HR still says of somebody who has left.
    fn resembling(&self, claimant: &Claimant, linked: &BTreeSet<usize>) -> Option<(Doubt, Vec<usize>)> {
        let of_nobody = |at: &usize| !self.is_linked(*at, linked);
        let mail = claimant.attributes.get("emails.work").map(|mail| folded(mail));
        if let Some(mail) = &mail {
            let same = |at: &usize| self.folded_value(*at, "emails.work").as_ref() == Some(mail);
            let found: Vec<usize> = self.by_email.find(mail).filter(same).filter(of_nobody).collect();
            if !found.is_empty() {
                return Some((Doubt::SameEmail, found));
            }
        }
        let wanted = name_of(&claimant.attributes).filter(|_| claimant.wants_access || mail.is_none())?;
        let same = |at: &usize| {
            let user = &self.roster.users()[*at];
            name(|path| self.roster.value(user, path)).as_ref() == Some(&wanted)
        };
        let found: Vec<usize> = self.by_name.find(&wanted).filter(same).filter(of_nobody).collect();
        (!found.is_empty()).then_some((Doubt::SameName, found))
    }

    /// For somebody who is to have no access, a user of another employee or one who is suspended is no question.
    fn worth_a_decision(
        &self,
        claimant: &Claimant,
        users: Vec<usize>,
        linked: &BTreeSet<usize>,
    ) -> Vec<usize> {
        let matters = |at: &usize| {
            let suspended = self.roster.users()[*at].active == Some(false);
            claimant.wants_access || !(suspended || self.is_linked(*at, linked))
        };
        users.into_iter().filter(matters).collect()
    }

    fn is_linked(&self, at: usize, linked: &BTreeSet<usize>) -> bool {
        linked.contains(&at) || self.owners.contains_key(&*self.roster.users()[at].id)
    }

    fn folded_value(&self, at: usize, path: &str) -> Option<String> {
        self.roster.value(&self.roster.users()[at], path).map(folded)
    }
}

fn name_of(attributes: &Attributes) -> Option<String> {
    name(|path| attributes.get(path).map(String::as_str))
}

fn name<'a>(value: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    Some(format!("{}\u{1f}{}", folded(value("name.givenName")?), folded(value("name.familyName")?)))
}

/// Whether a user of this doubt could be linked at all.
pub fn can_be_linked(doubt: &Doubt) -> bool {
    !matches!(doubt, Doubt::Unproven(Unproven::WithoutId | Unproven::LinkedTo(_)))
}

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;
