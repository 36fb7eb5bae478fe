//! One cycle: connection, source, plan, guard, and one transaction for what came of it.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};

use super::feed::{self, Due, FeedError};
use super::groups::add_found;
use super::outcome::{CycleFailure, CycleResult, Planned, Started, tell};
use super::register::Turn;
use super::spans::{self, Begun};
use super::user_names::People;
use super::{Engine, EngineError};
use crate::config::{HeaderChange, SourceSettings};
use crate::core::grants::Manage;
use crate::core::guard::check;
use crate::core::header::HeaderNames;
use crate::core::judged::judge;
use crate::core::lifecycle::Moment;
use crate::core::plan::Plan;
use crate::core::planner::{Material, assemble};
use crate::core::record::Fingerprint;
use crate::core::register::Change;
use crate::core::report::Outcome;
use crate::core::scim::ScimPort;
use crate::core::warnings::of_unknown_users;
use crate::source::{HrSource, SourceError};
use crate::store::{Seen, StoreError};

/// How often a run reads, should others queue something meanwhile each time.
const READS: u32 = 4;

enum Reading {
    Quiet(CycleResult),
    /// A plan, and what had been stored before anything was looked at.
    Planned(Planned, Seen),
}

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// Plans: reads source and state, decides about everybody, asks the guard. Writes nothing. `given`: when
    /// dates are judged; `None`: it is the clock's. `turn`: what is taken in of several sources.
    ///
    /// # Errors
    /// Where the source is not complete, or the database fails.
    pub async fn plan(&self, given: Option<Moment>, turn: Turn) -> Result<Planned, FeedError> {
        let rulebook = &self.rules.rulebook;
        let moment = given.unwrap_or_else(|| Moment::At(self.clock.now()));
        let groups = self.group_map().await?;
        let (found, of_groups) = self.found_members(groups.as_ref()).await?;
        let anew = feed::was_set_back(&self.store, &self.rules.rulebook, moment).await?;
        let people = if anew { self.store.everybody().await? } else { self.store.due(moment.end()).await? };
        let known_by = Some(moment.end()).filter(|_| groups.is_none() && rulebook.judges_each_alone());
        let mut due = Due { people, known_by };
        due.people.extend(found.people().map(str::to_owned));
        let stale = self.store.stale_people(self.looks_behind(moment.end())).await?;
        due.people.extend(stale.iter().cloned());
        let absent = Fingerprint::absent(rulebook.seed);
        let is_again = turn.is_again;
        let mut read = self.fetch(turn, &due, absent).await?;
        let begun = Begun::now(&*self.clock);
        read.findings.again = is_again;
        let known = self.store.known_refused().await?;
        read.findings.doubt(|id| known.contains(id));
        let records = std::mem::take(&mut read.findings.changed);
        let astray = self.store.led_astray().await?;
        let looked_at = records.iter().map(|record| record.employee_id());
        let others = read.findings.absent.iter().chain(&astray).map(String::as_str);
        let ids: Vec<&str> = looked_at.chain(others).collect();
        let mut states = if ids.is_empty() { HashMap::new() } else { self.store.states(&ids).await? };
        // Not by the day on which the run began: to read may take until the next one, and another process may have acted on that by then.
        let moment = given.unwrap_or_else(|| Moment::At(self.clock.now()));
        let strangers = read.findings.strangers(&records, &states);
        let (judged, rejected) = judge(records, &states, rulebook, moment);
        read.findings.add_astray(strangers, &rejected, &known);
        self.ask_who_is_said_gone(&mut read).await?;
        let managers = &self.manager_book(&judged).await?;
        let lookalikes = &self.lookalikes(&judged, &mut states).await?;
        if groups.is_some() {
            self.store.add_memberships(&mut states).await?;
            add_found(&mut states, &found);
        }
        let (states, groups) = (&states, groups.as_ref());
        let people = People { judged, rejected, findings: read.findings, header: read.header };
        let plan = self
            .with_free_names(people, states, |people, names| {
                let People { judged, rejected, findings, header } = people;
                assemble(
                    Material {
                        judged,
                        rejected,
                        findings,
                        header,
                        states,
                        names,
                        managers,
                        moment,
                        lookalikes,
                        groups,
                        stale: &stale,
                    },
                    rulebook,
                )
            })
            .await?;
        if self.may_write {
            self.store.let_lapse(&plan.lapsed).await?;
        }
        let mut plan = Plan { anew, ..plan };
        plan.unsure_absence |= read.unsure_absence;
        let changed = |who: &str| {
            let mut commits = read.register.iter().flat_map(|read| &read.write.commits);
            commits.any(|commit| matches!(commit.changes.get(who), Some(Change::Put { .. })))
        };
        self.heed_silence(&mut plan, states, &read.silent, changed, moment.end()).await?;
        plan.warnings.extend(read.warnings.into_iter().chain(of_groups));
        if groups.is_none() {
            // Nobody is granted anything any more: what waits is not sent, and what was given stays.
            plan.withdrawals.extend(self.store.waiting_memberships().await?);
        }
        let guard = &self.settings.guard;
        let mut scale = self.store.scale().await?;
        if plan.counts().accesses() > 0 {
            self.store.scale_of_creates(&mut scale).await?;
        }
        if !plan.renamed().is_empty() {
            self.store.scale_of_renames(&mut scale).await?;
        }
        if plan.counts().revoke > 0 {
            (scale.memberships, scale.open_revokes) = self.store.scale_of_memberships().await?;
        }
        if let Some(column) = &guard.max_deprovision_percent_per
            && plan.access_ends() > 0
        {
            self.store.scale_by_group(column, &mut scale).await?;
        }
        let users = self.users_at_first.load(Ordering::Relaxed);
        plan.warnings.extend(of_unknown_users(users).filter(|_| !scale.has_accounts));
        scale.sources = read.scales;
        let losers: Vec<String> = plan.losers().map(str::to_owned).collect();
        for name in read.removed {
            if self.store.is_only_named_by(&name, &losers).await? {
                scale.removed_sources.push(name);
            }
        }
        let of_several = read.register.is_some();
        let may_change = |source: &SourceSettings| source.header_change == HeaderChange::Allow;
        if self.settings.source.as_deref().is_some_and(may_change) {
            scale.accepted_header.iter_mut().for_each(HeaderNames::forget_names);
        }
        // The columns of several are in their scales. The only one may have been accepted before there was a register.
        if of_several {
            let before = scale.accepted_header.take();
            if let [only] = &mut scale.sources[..] {
                only.was_accepted_before(before);
            }
        }
        let verdict = check(&plan, &scale, guard);
        let planned = Planned {
            plan,
            verdict,
            source: read.file,
            register: read.register,
            failed_sources: read.failed,
        };
        spans::planned(begun, &*self.clock, &planned);
        Ok(planned)
    }

    /// Runs the planning half of a cycle and stores what came of it in one transaction.
    ///
    /// # Errors
    /// Where the database fails: then nothing is stored, and nothing is sent.
    pub async fn cycle(&self, cause: &str) -> Result<CycleResult, EngineError> {
        self.cycle_of(cause, Turn::default()).await
    }

    /// The same, taking in this of several sources.
    ///
    /// # Errors
    /// Where the database fails: then nothing is stored, and nothing is sent.
    pub async fn cycle_of(&self, cause: &str, turn: Turn) -> Result<CycleResult, EngineError> {
        let result = self.traced(cause, self.run_cycle(cause, turn), |result| Some(result)).await;
        match &result {
            Ok(_) => self.storing.stored(),
            // The database has nothing of it, and the metrics are to.
            Err(error) if self.storing.failed(error, self.clock.now()) => {
                self.telemetry.run(Outcome::Failed.name());
            }
            Err(_) => {}
        }
        self.cycles.send_modify(|ended| *ended += 1);
        result
    }

    async fn run_cycle(&self, cause: &str, turn: Turn) -> Result<CycleResult, EngineError> {
        self.expire_held().await?;
        self.remember_unkept().await?;
        let started_at = self.clock.now();
        // What a dead process had begun is not in flight: left as it is, it would be carried out as it was planned then, and
        // no plan of today could take its place. Our own lock is held, so nothing of ours is taken for a dead one's.
        self.store.reclaim("").await?;
        let (run_id, turn) = self.begin_run(started_at, turn).await?;
        spans::begins(&run_id);
        let run = Started { run_id: &run_id, at: started_at, cause };
        let mut result = match self.connect().await? {
            Err(report) => self.failed(run, CycleFailure::Connection(report)).await?,
            Ok(_) => self.read_and_store(run, turn).await?,
        };
        self.told_stored(&mut result).await?;
        self.note_failures().await?;
        self.telemetry.run(result.outcome.name());
        tell(&result);
        // A pool that waits for a connection comes back at this; without one there is nothing to come back for.
        if !matches!(result.failure, Some(CycleFailure::Connection(_))) {
            self.bell.notify_one();
        }
        Ok(result)
    }

    /// Reads, plans and stores. Where another run has queued something meanwhile, it has not been looked at whether that still holds by
    /// what was read here, and a worker may be about to send it: all is read and planned anew.
    async fn read_and_store(&self, run: Started<'_>, mut turn: Turn) -> Result<CycleResult, EngineError> {
        let is_again = turn.is_again;
        let mut reads = 0;
        loop {
            reads += 1;
            let planned = match self.quiet_or_plan(run, turn).await {
                Ok(Reading::Quiet(result)) => return Ok(result),
                Ok(Reading::Planned(planned, seen)) => {
                    // What a read of several sources may not overwrite, the register knows.
                    let yields = reads < READS && planned.register.is_none();
                    self.store_plan(run, planned, seen, yields).await?
                }
                Err(FeedError::Source(error)) => {
                    let failure = self.unread(error).await?;
                    return self.failed(run, failure).await;
                }
                Err(FeedError::Store(error)) => return Err(error.into()),
            };
            match planned {
                Some(result) => return Ok(result),
                None => turn = Turn { is_again, ..Turn::default() },
            }
        }
    }

    /// The key of a run that begins, and what it reads: what was pushed is always among it, and its senders know the run.
    async fn begin_run(&self, now: DateTime<Utc>, turn: Turn) -> Result<(String, Turn), StoreError> {
        let fresh = self.random.name(now);
        if self.feed.pushed().next().is_none() {
            return Ok((fresh, turn));
        }
        let Some(run_id) = self.store.start_deliveries(&fresh, now).await? else {
            return Ok((fresh, turn));
        };
        let places = self.feed.pushed().filter_map(|source| self.feed.position(source));
        Ok((run_id, turn.with(places)))
    }

    /// A run over the same bytes as the one before, which left nothing to be looked at again, is quiet without reading
    /// them as records. Any other is planned.
    async fn quiet_or_plan(&self, run: Started<'_>, turn: Turn) -> Result<Reading, FeedError> {
        let (seen, begun) = (self.store.seen().await?, Begun::now(&*self.clock));
        // Who is in a group is not in the source: under 'exclusive' each run looks.
        let looks_at_groups = self.settings.groups.manage == Manage::Exclusive;
        let in_vain = |error: &SourceError| self.fetched_alone(begun, Err(error.kind()));
        let digest = self.feed.digest().await.inspect_err(in_vain)?;
        if let Some(mut known) = digest.filter(|_| !looks_at_groups) {
            let digest = known.file.digest.as_deref().unwrap_or_default();
            if !feed::was_set_back(&self.store, &self.rules.rulebook, Moment::At(run.at)).await?
                && let Some(rows) = self.store.quiet_rows(digest, run.at, self.looks_behind(run.at)).await?
            {
                // Any other file is judged once it has been read: what is wrong with its rows says more.
                let accepted = self.store.accepted_file().await?;
                known.file = SourceError::unless_after(known.file, accepted.as_ref())?;
                self.fetched_alone(begun, Ok((rows, None)));
                return Ok(Reading::Quiet(self.store_quiet(run, known, rows, seen).await?));
            }
        }
        Ok(Reading::Planned(self.plan(None, turn).await?, seen))
    }
}
