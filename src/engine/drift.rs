//! Comparing live Workiva with the state table. Workiva is only read; the way back goes through a run and its guard.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::connection::ConnectionReport;
use super::directory::{self, ListingError};
use super::reading::Found;
use super::session::{Interrupt, Line};
use super::{Engine, EngineError};
use crate::core::drift::{
    Compared, Comparer, Comparison, DriftKind, Drifted, KnownAccount, Missing, difference, sort_missing,
};
use crate::core::guard::exceeds;
use crate::core::identity::is_made_anew;
use crate::core::roster::Roster;
use crate::core::scim::ScimPort;
use crate::core::value::folded;
use crate::source::HrSource;
use crate::store::{DriftOutcome, DriftRecord, StoreError};

const BLIND: &str = "Workiva shows of no user whether it is active, so whoever was suspended or activated by hand cannot be seen";

/// Why a comparison came to nothing. No state is changed then.
#[derive(Debug, thiserror::Error)]
pub enum DriftError {
    /// The connection does not work.
    #[error("{}", .0.failure())]
    Connection(ConnectionReport),
    /// The pool pauses.
    #[error("nothing is asked while the pool pauses: {0}")]
    Paused(String),
    /// Workiva's users could not be listed, or one of them not be read.
    #[error("Workiva's users cannot be compared: {0}")]
    Listing(#[from] ListingError),
    /// The list is empty, and there should be users.
    #[error(
        "Workiva shows no user at all, but {0} accounts are linked: the address, or what the SCIM user may see, is wrong; \
         nothing was compared"
    )]
    Nobody(u64),
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for DriftError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

/// What came of a comparison.
#[derive(Debug)]
pub struct DriftRun {
    /// The key.
    pub drift_id: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// All users of Workiva.
    pub roster: Roster,
    /// Who was changed, who is unknown, and what was left out.
    pub comparison: Comparison,
    /// Users who are not in the listing, and too many to be asked for.
    pub missing: Missing,
    /// How it ended.
    pub outcome: DriftOutcome,
    /// How many people's state was set to what was seen.
    pub recorded: u64,
    /// Why nothing was recorded, or what is in doubt.
    pub message: Option<String>,
}

impl DriftRun {
    /// Numbers by kind, with users of nobody and those in doubt.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        counts(&self.comparison, &self.missing)
    }
}

fn counts(comparison: &Comparison, missing: &Missing) -> BTreeMap<&'static str, u64> {
    let kinds = comparison.counts().into_iter().map(|(kind, number)| (kind.name(), number));
    let others = [("unknown", comparison.unknown.len() as u64), ("missing", missing.in_doubt.len() as u64)];
    kinds.chain(others).collect()
}

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// Compares, and stores what came of it. With `repair`, what was seen becomes the state, unless it is too much; then the
    /// next run plans the way back.
    ///
    /// # Errors
    /// Where Workiva cannot be listed in a way that can be trusted, or the database fails.
    pub async fn drift(&self, cause: &str, repair: bool) -> Result<DriftRun, DriftError> {
        let started_at = self.clock.now();
        let drift_id = self.random.name(started_at);
        let comparing = self.compare_and_store(&drift_id, started_at, cause, repair);
        self.traced_drift(&drift_id, cause, comparing).await
    }

    async fn compare_and_store(
        &self,
        drift_id: &str,
        started_at: DateTime<Utc>,
        cause: &str,
        repair: bool,
    ) -> Result<DriftRun, DriftError> {
        match self.compare(drift_id, started_at, cause, repair).await {
            Ok(run) => {
                tell(&run);
                Ok(run)
            }
            Err(error) => {
                let counts = BTreeMap::new();
                let message = error.to_string();
                let record = DriftRecord {
                    drift_id,
                    started_at,
                    ended_at: self.clock.now(),
                    cause,
                    outcome: DriftOutcome::Failed,
                    users: 0,
                    accounts: 0,
                    counts: &counts,
                    message: Some(&message),
                };
                self.store.record_drift(&record, &Comparison::default()).await?;
                Err(error)
            }
        }
    }

    async fn compare(
        &self,
        drift_id: &str,
        started_at: DateTime<Utc>,
        cause: &str,
        repair: bool,
    ) -> Result<DriftRun, DriftError> {
        let capabilities = self.connect().await?.map_err(DriftError::Connection)?;
        let line = self.reading_line(capabilities);
        if let Some(pause) = line.gate.pause() {
            return Err(DriftError::Paused(pause.message));
        }
        let users = &self.rules.rulebook.users;
        let filled_when_empty = &users.filled_when_empty();
        let managed = users.paths();
        let compared = Compared { managed, filled_when_empty };
        // Whoever is confirmed from here on may be listed as they were before.
        let since = self.store.audit_head().await?.seq;
        let roster = directory::roster(&line, managed).await?;
        let mut comparer = Comparer::new(&roster, compared);
        let mut after = String::new();
        loop {
            let accounts = self.store.accounts_after(&after, since).await?;
            let Some(last) = accounts.last() else { break };
            after.clone_from(&last.employee_id);
            accounts.into_iter().for_each(|account| comparer.compare(account));
        }
        let mut comparison = comparer.finish();
        if roster.users().is_empty() && comparison.accounts > 0 {
            return Err(DriftError::Nobody(comparison.accounts));
        }
        let found = std::mem::take(&mut comparison.missing);
        let most = self.settings.drift.max_missing.unwrap_or(self.settings.guard.max_deprovision_count);
        let mut missing = sort_missing(found, most);
        for known in std::mem::take(&mut missing.to_ask) {
            let asked = self.ask_for(&line, known, &roster, &mut comparison).await;
            comparison.people.extend(asked.map_err(ListingError::Stopped)?);
        }
        self.add_returned(&roster, since, &mut comparison).await?;
        // Who was made anew is one user.
        comparison.twins.retain(|(_, at)| comparison.unknown.contains(at));
        self.compare_groups(since, &missing, &mut comparison).await?;
        comparison.people.sort_by(|one, two| one.employee_id.cmp(&two.employee_id));
        let (outcome, message) = self.decide(&comparison, &missing, repair);
        let blind = comparison.is_blind(&roster).then(|| BLIND.to_owned());
        let message = match (message, blind) {
            (Some(message), Some(blind)) => Some(format!("{message}. And {blind}")),
            (message, blind) => message.or(blind),
        };
        let counts = counts(&comparison, &missing);
        let record = DriftRecord {
            drift_id,
            started_at,
            ended_at: self.clock.now(),
            cause,
            outcome,
            users: roster.users().len() as u64,
            accounts: comparison.accounts,
            counts: &counts,
            message: message.as_deref(),
        };
        let recorded = self.store.record_drift(&record, &comparison).await?;
        let drift_id = drift_id.to_owned();
        Ok(DriftRun { drift_id, started_at, roster, comparison, missing, outcome, recorded, message })
    }

    /// Active users of nobody who have the employee id of somebody who is to have no account: a tenant was set back to before they were
    /// deleted, or somebody made them by hand. Who has neither the user name nor the address that an account of theirs had may be
    /// somebody else.
    async fn add_returned(
        &self,
        roster: &Roster,
        since: i64,
        comparison: &mut Comparison,
    ) -> Result<(), StoreError> {
        let user = |at: &usize| &roster.users()[*at];
        let key = |at: &usize| user(at).external_id.as_deref().filter(|key| !key.is_empty());
        let is_active = |at: &&usize| user(at).active != Some(false) && user(at).scim_id().is_some();
        let active: Vec<usize> = comparison.unknown.iter().filter(is_active).copied().collect();
        let keys: Vec<&str> = active.iter().filter_map(key).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let mut left = self.store.without_account(&keys, since).await?;
        let ids: Vec<&str> = left.keys().map(String::as_str).collect();
        let known_as = self.store.last_known_as(&ids).await?;
        for at in active {
            let Some(version) = key(&at).and_then(|key| left.remove(key)) else { continue };
            let employee_id = key(&at).unwrap_or_default().to_owned();
            let shown = ["userName", "emails.work"].map(|path| roster.value(user(&at), path));
            let known = known_as.get(&employee_id);
            let is_known =
                |shown: &str| known.is_some_and(|known: &BTreeSet<String>| known.contains(&folded(shown)));
            if !shown.into_iter().flatten().any(is_known) {
                comparison.in_doubt.push((employee_id, at));
                continue;
            }
            comparison.people.push(Drifted::returned(employee_id, version, roster, user(&at)));
            comparison.unknown.retain(|other| *other != at);
        }
        Ok(())
    }

    /// Asks for a user who is not in the listing.
    async fn ask_for(
        &self,
        line: &Line<P>,
        known: KnownAccount,
        roster: &Roster,
        comparison: &mut Comparison,
    ) -> Result<Option<Drifted>, Interrupt> {
        let users = &self.rules.rulebook.users;
        let filled_when_empty = &users.filled_when_empty();
        let managed = users.paths();
        let compared = Compared { managed, filled_when_empty };
        let user = match directory::read_one(line, &known.account.scim_id).await? {
            Found::Here(user) => user,
            Found::Gone => return Ok(Some(gone(known, roster, comparison))),
        };
        let mut alone = Roster::new(managed);
        alone.add(&user);
        Ok(difference(&known, &alone, &alone.users()[0], compared, comparison))
    }

    fn decide(
        &self,
        comparison: &Comparison,
        missing: &Missing,
        repair: bool,
    ) -> (DriftOutcome, Option<String>) {
        let in_doubt = missing.in_doubt.len();
        let doubt = (in_doubt > 0).then(|| {
            format!(
                "{in_doubt} active users are not in Workiva's list, more than are asked for one by one, so none of them counts as \
                 deleted. Where the list is right, have them asked for: raise drift.max_missing for one run \
                 (WORKIVA_SYNC__DRIFT__MAX_MISSING={in_doubt})"
            )
        });
        let people = comparison.people.len() as u64;
        let limit = self.settings.drift.max_repair_percent;
        let is_too_many =
            people >= self.settings.guard.min_people && exceeds(people, comparison.accounts, limit);
        match people {
            0 if in_doubt > 0 || comparison.is_unsure() => (DriftOutcome::Found, doubt),
            0 => (DriftOutcome::None, None),
            _ if !repair => (DriftOutcome::Found, doubt),
            _ if is_too_many => {
                let message = format!(
                    "{people} of {} accounts were changed behind our back; drift.max_repair_percent is {limit}, so nothing is \
                     repaired. Find out who did it; to repair all the same, raise the limit for one run \
                     (WORKIVA_SYNC__DRIFT__MAX_REPAIR_PERCENT=100)",
                    comparison.accounts
                );
                let message = doubt.map_or(message.clone(), |doubt| format!("{message}. And {doubt}"));
                (DriftOutcome::Refused, Some(message))
            }
            // Whoever was seen was seen, whatever is missing from the list.
            _ => (DriftOutcome::Recorded, doubt),
        }
    }
}

/// Says once what came of it. Names and addresses are not in it.
fn tell(run: &DriftRun) {
    let counts = run.comparison.counts();
    let of = |kind: DriftKind| counts.get(&kind).copied().unwrap_or_default();
    tracing::info!(
        drift_id = run.drift_id,
        outcome = run.outcome.name(),
        suspended = of(DriftKind::Suspended),
        activated = of(DriftKind::Activated),
        renamed = of(DriftKind::Renamed),
        changed = of(DriftKind::Changed),
        deleted = of(DriftKind::Deleted),
        unknown = run.comparison.unknown.len(),
        under_way = run.comparison.under_way.len(),
        recorded = run.recorded,
        "Workiva compared with state"
    );
    for (attribute, users) in &run.comparison.not_shown {
        tracing::info!(attribute, users, "not shown by Workiva, so it cannot be compared");
    }
    for (attribute, users) in &run.comparison.altered {
        tracing::info!(attribute, users, "Workiva writes it otherwise than it was sent; not repaired again");
    }
    for one in run.comparison.people.iter().take(20) {
        let (employee_id, kinds) = (&one.employee_id, format!("{:?}", one.kinds));
        tracing::warn!(employee_id, kinds, "changed behind our back; `drift` says what");
    }
    for (employee_id, _) in run.comparison.twins.iter().take(20) {
        tracing::warn!(employee_id, "a second active user has this employee's externalId");
    }
    for (employee_id, _) in run.comparison.in_doubt.iter().take(20) {
        tracing::warn!(
            employee_id,
            "an active user has the externalId of who is to have no account; it may be somebody else's"
        );
    }
    for (employee_id, group) in run.comparison.back_in_groups.iter().take(20) {
        tracing::warn!(employee_id, group, "in a group again that was taken back; left as it is");
    }
    for group in &run.comparison.unread_groups {
        tracing::warn!(group, "memberships of a group were not compared");
    }
    if let Some(message) = &run.message {
        tracing::warn!("{message}");
    }
}

/// A user who is gone may be there again under another id, among the users of nobody.
fn gone(known: KnownAccount, roster: &Roster, comparison: &mut Comparison) -> Drifted {
    let is_theirs = |at: &usize| {
        let user = &roster.users()[*at];
        let shown = |path: &str| roster.value(user, path).map(str::to_owned);
        let confirmed = &known.account.attributes;
        user.scim_id().is_some()
            && is_made_anew(&known.employee_id, confirmed, user.external_id.as_deref(), shown)
    };
    let theirs: Vec<usize> = comparison.unknown.iter().copied().filter(is_theirs).collect();
    let [at] = theirs[..] else { return Drifted::deleted(known) };
    comparison.unknown.retain(|other| *other != at);
    Drifted::made_anew(known, roster, &roster.users()[at])
}
