//! Linking people to the users whom Workiva has already. Workiva is only read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::connection::ConnectionReport;
use super::directory::{self, ListingError};
use super::feed::FeedError;
use super::spans::Begun;
use super::{Engine, EngineError};
use crate::core::adopt::decisions::{Decided, DecidedRow, decide};
use crate::core::adopt::matching::{Matching, match_people};
use crate::core::adopt::moves::leave_to_a_run;
use crate::core::adopt::worth_a_look::{Second, renaming, second_accounts};
use crate::core::adopt::{Claimant, Link, account_of, claimants};
use crate::core::desired::UserMapping;
use crate::core::lifecycle::Moment;
use crate::core::managers::in_workivas_words;
use crate::core::planner::States;
use crate::core::record::Rejection;
use crate::core::roster::Roster;
use crate::core::scim::ScimPort;
use crate::core::state::AdoptionMark;
use crate::source::{HrSource, SourceError};
use crate::store::{AdoptionCommit, Linked, Marked, StoreError};

/// Why nobody was adopted. Nothing is stored then.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// The connection does not work.
    #[error("{}", .0.failure())]
    Connection(ConnectionReport),
    /// The source failed or was not complete.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Workiva's users could not be listed.
    #[error("Workiva's users cannot be listed: {0}; nobody was linked")]
    Listing(#[from] ListingError),
    /// The decisions cannot be carried out.
    #[error("nothing was done, since the decisions have faults; {} in all", .0.len())]
    Decisions(Vec<String>),
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for AdoptError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<FeedError> for AdoptError {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::Source(error) => error.into(),
            FeedError::Store(error) => error.into(),
        }
    }
}

/// What `adopt` found and did.
#[derive(Debug)]
pub struct Adoption {
    /// Everybody of the HR source.
    pub claimants: Vec<Claimant>,
    /// Records that cannot be used.
    pub rejected: Vec<Rejection>,
    /// Rows read.
    pub rows: u64,
    /// All users of Workiva.
    pub roster: Roster,
    /// Who is whose. Of people who were decided about, only those who still wait are in `doubtful`.
    pub matching: Matching,
    /// Users of nobody, as positions in the roster.
    pub unknown: Vec<usize>,
    /// Those of them who look like a second account of an employee.
    pub second: Vec<Second>,
    /// Links of now by which a user gets other names.
    pub renaming: Vec<Link>,
    /// How many were linked now.
    pub linked: u64,
    /// How many of those have an active account that HR does not want: the next run takes their access.
    pub without_right: u64,
    /// What the operator should know of the sources.
    pub warnings: Vec<String>,
    /// How many of several sources failed: of them nobody was linked who is in none of the others.
    pub failed_sources: usize,
}

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// Links everybody whose user is certain, and those for whom `rows` decide, by the word of `by`. Nothing is written to
    /// Workiva, and what is stored is stored in one transaction.
    ///
    /// # Errors
    /// Where source, Workiva or database fail, or a decision cannot be carried out: then nothing is stored.
    pub async fn adopt(&self, rows: &[DecidedRow], by: &str) -> Result<Adoption, AdoptError> {
        self.traced_adopt(self.link(rows, by)).await
    }

    async fn link(&self, rows: &[DecidedRow], by: &str) -> Result<Adoption, AdoptError> {
        let capabilities = self.connect().await?.map_err(AdoptError::Connection)?;
        let rulebook = &self.rules.rulebook;
        let moment = Moment::At(self.clock.now());
        let begun = Begun::now(&*self.clock);
        let read = self.feed.read_everybody(&self.store, &*self.clock).await;
        self.gathered(begun, &read);
        let read = read?;
        let (findings, warnings, failed_sources) = (read.findings, read.warnings, read.failed);
        let in_doubt = self.store.in_doubt().await?;
        let named = findings.changed.iter().map(|record| record.employee_id());
        let ids: Vec<&str> = named.chain(in_doubt.iter().map(|(id, _)| id.as_str())).collect();
        let states = if ids.is_empty() { HashMap::new() } else { self.store.states(&ids).await? };
        let mut rejected = findings.rejected;
        let (mut claimants, refused) = claimants(findings.changed, &states, rulebook, moment);
        rejected.extend(refused);
        add_no_longer_named(&mut claimants, &rejected, in_doubt, &states);
        drop(states);
        let line = self.reading_line(capabilities);
        let roster = directory::roster(&line, rulebook.users.paths()).await?;
        let owners = self.store.owners().await?;
        let order = &self.settings.workiva.match_existing;
        let chooses_names = self.rules.rulebook.names.has_fallback();
        let mut matching =
            match_people(&claimants, &roster, &owners, order, chooses_names, rejected.is_empty());
        if let Some(same_person) = rulebook.access.lifecycle.same_person() {
            leave_to_a_run(&mut matching, &claimants, &roster, &owners, same_person);
        }
        let decided = decide(rows, &claimants, &matching, &roster, &owners).map_err(AdoptError::Decisions)?;
        name_managers(&mut claimants, &roster, &matching, &decided, &owners, &rulebook.users);
        let commit = commit(&claimants, &roster, &matching, &decided, &rulebook.users);
        let linked = self.store.store_adoption(&commit, by, self.clock.now()).await?;
        let unknown = matching.unknown(&roster, &owners);
        let links = matching.links.iter().chain(&decided.links).map(|link| link.claimant);
        let renaming = renaming(matching.links.iter(), &claimants, &roster);
        let second = second_accounts(&claimants, &links.collect(), &roster, &unknown);
        let without_right = without_right(&claimants, &commit);
        take_in(&mut matching, &claimants, decided);
        tracing::info!(linked, doubtful = matching.doubtful.len(), "existing users adopted");
        let rows = findings.rows;
        let adoption = Adoption {
            claimants,
            rejected,
            rows,
            roster,
            matching,
            unknown,
            second,
            renaming,
            linked,
            without_right,
            warnings,
            failed_sources,
        };
        Ok(adoption)
    }
}

/// Adds who is in doubt and named by HR no more: nobody else would decide about their user.
fn add_no_longer_named(
    claimants: &mut Vec<Claimant>,
    rejected: &[Rejection],
    in_doubt: Vec<(String, Vec<String>)>,
    states: &States,
) {
    let named: BTreeSet<&str> = claimants
        .iter()
        .map(|one| one.employee_id.as_str())
        .chain(rejected.iter().filter_map(|one| one.employee_id.as_deref()))
        .collect();
    let gone: Vec<_> = in_doubt.into_iter().filter(|(id, _)| !named.contains(id.as_str())).collect();
    for (employee_id, found_before) in gone {
        let state = states.get(&employee_id);
        claimants.push(Claimant::no_longer_named(employee_id, state, found_before));
    }
    claimants.sort_by(|one, two| one.employee_id.cmp(&two.employee_id));
}

/// Managers are named as Workiva knows them: by the users who are linked already, or are now.
fn name_managers(
    claimants: &mut [Claimant],
    roster: &Roster,
    matching: &Matching,
    decided: &Decided,
    owners: &HashMap<String, String>,
    users: &UserMapping,
) {
    if users.manager().is_none() {
        return;
    }
    let linked =
        matching.links.iter().chain(&decided.links).map(|link| {
            (claimants[link.claimant].employee_id.clone(), roster.users()[link.user].id.to_string())
        });
    let known = owners.iter().map(|(scim_id, employee_id)| (employee_id.clone(), scim_id.clone()));
    let known: HashMap<String, String> = linked.chain(known).collect();
    for claimant in claimants {
        let scim_id = |manager: &str| known.get(manager).map(String::as_str);
        in_workivas_words(&mut claimant.attributes, users, scim_id);
    }
}

fn commit(
    claimants: &[Claimant],
    roster: &Roster,
    matching: &Matching,
    decided: &Decided,
    users: &UserMapping,
) -> AdoptionCommit {
    let filled_when_empty = users.filled_when_empty();
    let link = |link: &Link, by_decision: bool| {
        let claimant = &claimants[link.claimant];
        let account = account_of(claimant, roster, &roster.users()[link.user], &filled_when_empty);
        Linked { employee_id: claimant.employee_id.clone(), account, by_decision }
    };
    let certain = matching.links.iter().map(|one| link(one, false));
    let links: Vec<Linked> = certain.chain(decided.links.iter().map(|one| link(one, true))).collect();
    AdoptionCommit { marks: marks(claimants, roster, matching, decided, &links), links }
}

/// The marks that have to change: of whoever is in doubt, was decided about, or is in doubt no longer.
fn marks(
    claimants: &[Claimant],
    roster: &Roster,
    matching: &Matching,
    decided: &Decided,
    links: &[Linked],
) -> Vec<Marked> {
    let linked: BTreeSet<&str> = links.iter().map(|one| one.employee_id.as_str()).collect();
    let mut due: BTreeMap<&str, AdoptionMark> = BTreeMap::new();
    let mut candidates: HashMap<&str, Vec<String>> = HashMap::new();
    for doubtful in &matching.doubtful {
        let ids = doubtful.candidates.iter().map(|at| roster.users()[*at].id.to_string());
        candidates.insert(&doubtful.employee_id, ids.collect());
        due.insert(&doubtful.employee_id, doubtful.mark.unwrap_or(AdoptionMark::Open));
    }
    due.extend(decided.marks.iter().map(|(employee_id, mark)| (employee_id.as_str(), *mark)));
    let changed = |claimant: &Claimant| {
        let employee_id = claimant.employee_id.as_str();
        // A link takes the mark away by itself; that an account is to be made stays decided.
        let now = due.get(employee_id).copied().or(claimant.mark.filter(|mark| *mark == AdoptionMark::New));
        let is_same = now == claimant.mark || linked.contains(employee_id);
        let candidates = || candidates.get(employee_id).cloned().unwrap_or_default();
        (!is_same).then(|| Marked {
            employee_id: employee_id.to_owned(),
            mark: now,
            candidates: candidates(),
        })
    };
    claimants.iter().filter_map(changed).collect()
}

fn without_right(claimants: &[Claimant], commit: &AdoptionCommit) -> u64 {
    let wants = |employee_id: &str| {
        let at = claimants.binary_search_by(|one| one.employee_id.as_str().cmp(employee_id));
        at.is_ok_and(|at| claimants[at].wants_access)
    };
    commit.links.iter().filter(|one| one.account.active && !wants(&one.employee_id)).count() as u64
}

/// Who was decided about is in doubt no longer, or waits as it was decided.
fn take_in(matching: &mut Matching, claimants: &[Claimant], decided: Decided) {
    let linked: BTreeSet<&str> =
        decided.links.iter().map(|link| claimants[link.claimant].employee_id.as_str()).collect();
    for doubtful in &mut matching.doubtful {
        doubtful.mark = decided.marks.get(&doubtful.employee_id).copied().or(doubtful.mark);
    }
    matching
        .doubtful
        .retain(|one| one.mark != Some(AdoptionMark::New) && !linked.contains(one.employee_id.as_str()));
    let position = |id: &String| claimants.binary_search_by(|one| one.employee_id.cmp(id)).ok();
    let new = decided.marks.iter().filter(|(_, mark)| **mark == AdoptionMark::New);
    let new = new.filter_map(|(id, _)| position(id)).filter(|at| claimants[*at].wants_access);
    matching.unmatched.extend(new);
    matching.links.extend(decided.links);
}
