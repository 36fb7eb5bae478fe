//! Whose which user name is, by state and by live Workiva, before a plan is made.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::TimeDelta;

use super::Engine;
use super::directory::roster;
use super::session::{Interrupt, Line};
use crate::core::action::{ActionKind, Attributes, Target};
use crate::core::header::HeaderNames;
use crate::core::identity::{Named, prove_named};
use crate::core::intake::Findings;
use crate::core::judged::Judged;
use crate::core::name_choice::{NameBook, TAKEN_FOR_DAYS};
use crate::core::plan::{Plan, PlannedAction};
use crate::core::planner::States;
use crate::core::record::Rejection;
use crate::core::scim::list::UserPage;
use crate::core::scim::{FailureKind, RemoteUser, ScimPort, ScimRequest};
use crate::core::user_names::is_between;
use crate::core::value::folded;
use crate::source::HrSource;
use crate::store::StoreError;

/// Up to so many user names are asked for one by one; for more, all users are listed.
const ASKED_ONE_BY_ONE: usize = 20;
/// How often a plan is made again, because user names of it were found to be somebody else's.
const CHOICES: u32 = 100;

/// What asking Workiva about user names came to.
#[derive(Default)]
struct Asked {
    /// All that were asked for, in compared form.
    names: BTreeSet<String>,
    /// Why no more is asked, once it has failed.
    failed: Option<String>,
}

/// Of whom a plan is made.
#[derive(Clone)]
pub(super) struct People {
    pub judged: Vec<Judged>,
    pub rejected: Vec<Rejection>,
    pub findings: Findings,
    pub header: HeaderNames,
}

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// Makes a plan whose user names are nobody else's, as far as state and live Workiva tell.
    pub(super) async fn with_free_names(
        &self,
        mut people: People,
        states: &States,
        make: impl Fn(People, &NameBook) -> Plan,
    ) -> Result<Plan, StoreError> {
        let (mut taken, mut asked) = (HashSet::new(), Asked::default());
        for _ in 0..CHOICES {
            let book = self.name_book(&mut people.judged, states, &taken).await?;
            if !self.rules.rulebook.names.has_fallback() && !book.has_clashes(&people.judged) {
                return Ok(make(people, &book));
            }
            let mut plan = make(people.clone(), &book);
            let others = self.names_of_others(&plan, &mut asked).await?;
            if others.is_empty() {
                plan.warnings.extend(asked.failed.map(|why| {
                    format!(
                        "it could not be asked whether user names are free ({why}); one that is not is found out by the request \
                         that gives it, and the next run takes another"
                    )
                }));
                return Ok(plan);
            }
            taken.extend(others);
        }
        // Whatever is left is found out by the requests.
        let book = self.name_book(&mut people.judged, states, &taken).await?;
        Ok(make(people, &book))
    }

    /// What state knows of the user names that these people may get. `taken`: those that Workiva was just seen to hold.
    pub(super) async fn name_book(
        &self,
        judged: &mut [Judged],
        states: &States,
        taken: &HashSet<String>,
    ) -> Result<NameBook, StoreError> {
        let rules = &self.rules.rulebook.names;
        let wanted: BTreeSet<String> = judged.iter().filter_map(Judged::user_name).collect();
        let mut book = NameBook { taken: taken.clone(), ..NameBook::default() };
        if !wanted.is_empty() {
            book.holders = self.store.holders(&Vec::from_iter(wanted)).await?;
        }
        let now = self.clock.now();
        if rules.reuse_after_days() > 0 {
            let since = now - TimeDelta::days(rules.reuse_after_days().into());
            book.given_up = self.store.given_up_names(since).await?;
        }
        book.taken.extend(self.store.taken_names(now - TimeDelta::days(TAKEN_FOR_DAYS.into())).await?);
        if rules.has_fallback() {
            let mut others = BTreeSet::new();
            for at in book.contested(judged, states) {
                judged[at].make_other_names(rules);
                others.extend(judged[at].other_names().iter().map(|name| folded(name)));
            }
            if !others.is_empty() {
                book.holders.extend(self.store.holders(&Vec::from_iter(others)).await?);
            }
            let held: Vec<String> = book.holders.keys().cloned().collect();
            book.mails = self.store.mails_of_holders(&held).await?;
        }
        Ok(book)
    }

    /// Which of the user names that a plan gives by its own choice are somebody else's in live Workiva, of those that were not asked for
    /// yet. What cannot be asked is left to the request that gives the name.
    async fn names_of_others(&self, plan: &Plan, asked: &mut Asked) -> Result<HashSet<String>, StoreError> {
        let is_chosen = |name: &String| self.rules.rulebook.names.has_fallback() || is_between(name);
        let mut wanted: BTreeMap<String, &PlannedAction> = BTreeMap::new();
        for action in &plan.actions {
            let name = given_name(action).filter(|name| is_chosen(name) && !asked.names.contains(name));
            if let Some(name) = name {
                wanted.insert(name, action);
            }
        }
        if wanted.is_empty() {
            return Ok(HashSet::new());
        }
        asked.names.extend(wanted.keys().cloned());
        // Of a name for the time between nobody has asked yet who holds it by state.
        let holders = self.store.holders(&wanted.keys().cloned().collect::<Vec<_>>()).await?;
        let is_held = |(name, holder): &(&String, &String)| wanted[*name].employee_id != **holder;
        let held: HashSet<String> = holders
            .iter()
            .filter(is_held)
            .map(|(name, _)| name.clone())
            .filter(|name| is_between(name))
            .collect();
        if !held.is_empty() || asked.failed.is_some() {
            return Ok(held);
        }
        let capabilities = match self.connect().await {
            Ok(Ok(capabilities)) => capabilities,
            Ok(Err(report)) => {
                asked.failed = Some(report.failure());
                return Ok(HashSet::new());
            }
            Err(error) => {
                asked.failed = Some(error.to_string());
                return Ok(HashSet::new());
            }
        };
        let line = self.reading_line(capabilities);
        match others(&line, &wanted).await {
            Ok(taken) => Ok(taken),
            Err(Interrupt::Store(error)) => Err(error),
            Err(interrupt) => {
                asked.failed = Some(interrupt.said());
                Ok(HashSet::new())
            }
        }
    }
}

/// The user name (compared form) that an action gives somebody anew.
fn given_name(action: &PlannedAction) -> Option<String> {
    let Target::Access(user) = &action.target else { return None };
    let is_new = action.kind == ActionKind::Create
        || action.changes.iter().any(|change| change.attribute == "userName");
    user.get("userName").filter(|_| is_new).map(|name| folded(name))
}

async fn others<P: ScimPort>(
    line: &Line<P>,
    wanted: &BTreeMap<String, &PlannedAction>,
) -> Result<HashSet<String>, Interrupt> {
    let mut taken = HashSet::new();
    if wanted.len() <= ASKED_ONE_BY_ONE && line.capabilities.filter != Some(false) {
        let mut is_whole = true;
        for (name, action) in wanted {
            let Some(users) = search(line, name).await? else {
                is_whole = false;
                break;
            };
            for user in
                users.iter().filter(|user| user.user_name.as_ref().is_some_and(|own| folded(own) == *name))
            {
                let mail = user.attribute("emails.work");
                let shown = (user.id.as_deref(), user.external_id.as_deref(), mail.as_deref());
                if is_anothers(line, action, shown).await? {
                    taken.insert(name.clone());
                }
            }
        }
        if is_whole {
            return Ok(taken);
        }
    }
    let paths = BTreeSet::from(["userName".to_owned(), "emails.work".to_owned()]);
    let roster = roster(line, &paths).await.map_err(|error| Interrupt::Park(error.to_string()))?;
    for user in roster.users() {
        let Some(name) = roster.value(user, "userName").map(folded) else { continue };
        let Some(action) = wanted.get(&name) else { continue };
        let shown = (user.scim_id(), user.external_id.as_deref(), roster.value(user, "emails.work"));
        if is_anothers(line, action, shown).await? {
            taken.insert(name);
        }
    }
    Ok(taken)
}

/// Users with this name. `None`: the server does not search by it.
async fn search<P: ScimPort>(line: &Line<P>, name: &str) -> Result<Option<Vec<RemoteUser>>, Interrupt> {
    let request = ScimRequest::FindUsers { attribute: "userName".to_owned(), value: name.to_owned() };
    let answer = match line.exchange(&request).await?.result {
        Ok(answer) => answer,
        Err(failure) if matches!(failure.kind, FailureKind::Invalid | FailureKind::NotSupported) => {
            return Ok(None);
        }
        Err(failure) => return Err(failure.into()),
    };
    let page = UserPage::read(&answer)?;
    let is_whole = page.total.is_none_or(|total| total <= page.users.len() as u64);
    Ok(is_whole.then_some(page.users))
}

/// Whether a user (id, externalId, e-mail address) is not provably the one of the person whom an action is about.
async fn is_anothers<P: ScimPort>(
    line: &Line<P>,
    action: &PlannedAction,
    (id, external_id, mail): (Option<&str>, Option<&str>, Option<&str>),
) -> Result<bool, Interrupt> {
    let owner = match id {
        Some(id) => line.store.owner_of(id).await?,
        None => None,
    };
    // Whoever takes an account over finds it under the old employee id.
    let moves = action.moved_from.as_ref().is_some_and(|origin| owner.as_ref() == Some(&origin.employee_id));
    let user: &Attributes = action.target.attributes();
    let shown = Named { scim_id: id, external_id, email: mail, owner: owner.as_deref() };
    Ok(!moves && prove_named(&action.employee_id, user, &shown).is_err())
}
