//! Whose which user name is, by state and by live Workiva, before a plan is made.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

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
    /// Of whom it was asked whether they have a user: employee ids.
    people: BTreeSet<String>,
    /// Why no more is asked, once it has failed.
    failed: Option<String>,
}

/// What live Workiva shows of user names, in compared form.
#[derive(Default)]
pub(super) struct Live {
    /// Those that somebody else has than who was to get them.
    taken: HashSet<String>,
    /// Those of users who are provably theirs, by the employee ids of people without an account in state.
    own: HashMap<String, String>,
}

impl Live {
    /// Whether a plan would be another one by this.
    fn is_news_to(&self, plan: &Plan) -> bool {
        let is_renamed = |action: &PlannedAction| {
            let own = self.own.get(&action.employee_id);
            own.is_some() && own != given_name(action).as_ref()
        };
        !self.taken.is_empty() || plan.actions.iter().any(is_renamed)
    }
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
        let (mut live, mut asked) = (Live::default(), Asked::default());
        for _ in 0..CHOICES {
            let book = self.name_book(&mut people.judged, states, &live).await?;
            if !self.rules.rulebook.names.has_fallback() && !book.has_clashes(&people.judged) {
                return Ok(make(people, &book));
            }
            let mut plan = make(people.clone(), &book);
            let found = self.names_in_workiva(&plan, &mut asked).await?;
            let is_news = found.is_news_to(&plan);
            live.taken.extend(found.taken);
            live.own.extend(found.own);
            if !is_news {
                plan.warnings.extend(asked.failed.map(|why| {
                    format!(
                        "it could not be asked whether user names are free ({why}); one that is not is found out by the request \
                         that gives it, and the next run takes another"
                    )
                }));
                return Ok(plan);
            }
        }
        // Whatever is left is found out by the requests.
        let book = self.name_book(&mut people.judged, states, &live).await?;
        Ok(make(people, &book))
    }

    /// What state knows of the user names that these people may get, with what Workiva was just seen to hold.
    pub(super) async fn name_book(
        &self,
        judged: &mut [Judged],
        states: &States,
        live: &Live,
    ) -> Result<NameBook, StoreError> {
        let rules = &self.rules.rulebook.names;
        let wanted: BTreeSet<String> = judged.iter().filter_map(Judged::user_name).collect();
        let mut book = NameBook { taken: live.taken.clone(), own: live.own.clone(), ..NameBook::default() };
        if !wanted.is_empty() {
            book.holders = self.store.holders(&Vec::from_iter(wanted)).await?;
        }
        for (who, name) in &live.own {
            book.holders.entry(name.clone()).or_insert_with(|| who.clone());
        }
        let now = self.clock.now();
        if rules.reuse_after_days() > 0 {
            let since = now - TimeDelta::days(rules.reuse_after_days().into());
            book.given_up = self.store.given_up_names(since).await?;
            book.add_heirs(judged, states);
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

    /// What live Workiva has of the user names that a plan gives by its own choice, and of those who get one with a new account, as far as
    /// that was not asked yet. What cannot be asked is left to the request that gives the name.
    async fn names_in_workiva(&self, plan: &Plan, asked: &mut Asked) -> Result<Live, StoreError> {
        let has_choice = self.rules.rulebook.names.has_fallback();
        let mut wanted: BTreeMap<String, &PlannedAction> = BTreeMap::new();
        for action in &plan.actions {
            let name = given_name(action).filter(|name| has_choice || is_between(name));
            if let Some(name) = name.filter(|name| !asked.names.contains(name)) {
                wanted.insert(name, action);
            }
        }
        let creates = plan.actions.iter().filter(|one| has_choice && one.kind == ActionKind::Create);
        let newcomers = Newcomers::new(creates, &asked.people);
        if wanted.is_empty() && newcomers.unasked.is_empty() {
            return Ok(Live::default());
        }
        asked.names.extend(wanted.keys().cloned());
        asked.people.extend(newcomers.unasked.iter().map(|action| action.employee_id.clone()));
        // Of a name for the time between nobody has asked yet who holds it by state.
        let holders = self.store.holders(&wanted.keys().cloned().collect::<Vec<_>>()).await?;
        let is_held = |(name, holder): &(&String, &String)| wanted[*name].employee_id != **holder;
        let held = holders.iter().filter(is_held).map(|(name, _)| name.clone());
        let held: HashSet<String> = held.filter(|name| is_between(name)).collect();
        if !held.is_empty() || asked.failed.is_some() {
            return Ok(Live { taken: held, ..Live::default() });
        }
        let capabilities = match self.connect().await {
            Ok(Ok(capabilities)) => capabilities,
            Ok(Err(report)) => {
                asked.failed = Some(report.failure());
                return Ok(Live::default());
            }
            Err(error) => {
                asked.failed = Some(error.to_string());
                return Ok(Live::default());
            }
        };
        let line = self.reading_line(capabilities);
        let mut live = Live::default();
        match (Look { line: &line, wanted: &wanted, newcomers: &newcomers }).at_users(&mut live).await {
            Ok(()) => Ok(live),
            Err(Interrupt::Store(error)) => Err(error),
            Err(interrupt) => {
                asked.failed = Some(interrupt.said());
                Ok(Live::default())
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

/// People who get a new account by a plan, by what a user of theirs would have. After a lost database such a user has the name that was
/// chosen for them once, and keeps it.
#[derive(Default)]
struct Newcomers<'a> {
    by_key: HashMap<&'a str, &'a PlannedAction>,
    by_mail: HashMap<String, &'a PlannedAction>,
    /// Those of whom it was not asked yet.
    unasked: Vec<&'a PlannedAction>,
}

impl<'a> Newcomers<'a> {
    fn new(creates: impl Iterator<Item = &'a PlannedAction>, asked: &BTreeSet<String>) -> Self {
        let mut all = Self::default();
        for action in creates {
            let user = action.target.attributes();
            if let Some(key) = user.get("externalId") {
                all.by_key.entry(key).or_insert(action);
            }
            if let Some(mail) = user.get("emails.work") {
                all.by_mail.entry(folded(mail)).or_insert(action);
            }
            if !asked.contains(&action.employee_id) {
                all.unasked.push(action);
            }
        }
        all
    }

    /// Whose a user may be, by the key, or by the address where there is none.
    fn like(&self, external_id: Option<&str>, mail: Option<&str>) -> Option<&'a PlannedAction> {
        match external_id.filter(|key| !key.is_empty()) {
            Some(key) => self.by_key.get(key).copied(),
            None => self.by_mail.get(&folded(mail?)).copied(),
        }
    }
}

/// A user as Workiva shows it: id, externalId, e-mail address.
type Shown<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>);

/// What is looked for among the users of Workiva.
struct Look<'a, P> {
    line: &'a Line<P>,
    wanted: &'a BTreeMap<String, &'a PlannedAction>,
    newcomers: &'a Newcomers<'a>,
}

impl<P: ScimPort> Look<'_, P> {
    async fn at_users(&self, live: &mut Live) -> Result<(), Interrupt> {
        let few = self.wanted.len().max(self.newcomers.unasked.len()) <= ASKED_ONE_BY_ONE;
        if few && self.line.capabilities.filter != Some(false) && self.one_by_one(live).await? {
            return Ok(());
        }
        let paths = BTreeSet::from(["userName".to_owned(), "emails.work".to_owned()]);
        let roster = roster(self.line, &paths).await.map_err(|error| Interrupt::Park(error.to_string()))?;
        for user in roster.users() {
            let Some(name) = roster.value(user, "userName").map(folded) else { continue };
            let mail = roster.value(user, "emails.work");
            self.see(name, (user.scim_id(), user.external_id.as_deref(), mail), live).await?;
        }
        Ok(())
    }

    /// Asks for each name, and for each user by our key. `false`: the server does not search by name.
    async fn one_by_one(&self, live: &mut Live) -> Result<bool, Interrupt> {
        for name in self.wanted.keys() {
            let Some(users) = search(self.line, "userName", name).await? else { return Ok(false) };
            let has_it = |user: &&RemoteUser| user.user_name.as_ref().is_some_and(|own| folded(own) == *name);
            for user in users.iter().filter(has_it) {
                self.see_user(user, live).await?;
            }
        }
        for action in &self.newcomers.unasked {
            let key = action.target.attributes().get("externalId");
            let Some(key) = key.filter(|_| !live.own.contains_key(&action.employee_id)) else { continue };
            // A server that does not search by it leaves that to the create.
            let Some(users) = search(self.line, "externalId", key).await? else { break };
            for user in users.iter().filter(|user| user.external_id.as_ref() == Some(key)) {
                self.see_user(user, live).await?;
            }
        }
        Ok(true)
    }

    async fn see_user(&self, user: &RemoteUser, live: &mut Live) -> Result<(), Interrupt> {
        let Some(name) = user.user_name.as_ref().map(|name| folded(name)) else { return Ok(()) };
        let mail = user.attribute("emails.work");
        self.see(name, (user.id.as_deref(), user.external_id.as_deref(), mail.as_deref()), live).await
    }

    async fn see(&self, name: String, shown: Shown<'_>, live: &mut Live) -> Result<(), Interrupt> {
        if let Some(action) = self.newcomers.like(shown.1, shown.2)
            && !is_anothers(self.line, action, shown).await?
        {
            live.own.entry(action.employee_id.clone()).or_insert_with(|| name.clone());
        }
        if let Some(action) = self.wanted.get(&name)
            && is_anothers(self.line, action, shown).await?
        {
            live.taken.insert(name);
        }
        Ok(())
    }
}

/// Users with this value. `None`: the server does not search by it.
async fn search<P: ScimPort>(
    line: &Line<P>,
    attribute: &str,
    value: &str,
) -> Result<Option<Vec<RemoteUser>>, Interrupt> {
    let request = ScimRequest::FindUsers { attribute: attribute.to_owned(), value: value.to_owned() };
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
    (id, external_id, mail): Shown<'_>,
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
