//! Reading through the register: each source that is due into what is known of it, then everybody, merged, into the intake.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;

use super::clock::Clock;
use super::doubt::{Noted, Unseen};
use super::feed::{FeedError, Gathered};
use super::member::{EndedRead, Member, OneRead};
use super::spans;
use crate::core::guard::SourceScale;
use crate::core::header::HeaderNames;
use crate::core::intake::Intake;
use crate::core::record::{Columns, Fingerprint, Rejection};
use crate::core::refusal;
use crate::core::register::Precedence;
use crate::core::source_file::SourceFile;
use crate::source::{HrSource, SourceEnd, SourceError};
use crate::store::{RegisterWrite, Silent, SourceStanding, Store, StoreError};

/// Why a read is not taken in.
const OVERTAKEN: &str =
    "another process has begun to read it later, and stored that meanwhile; what came of that read stands";

/// Several sources, or one that delivers deltas.
pub struct Register<S> {
    /// The sources.
    pub members: Vec<Member<S>>,
    /// Whose word counts.
    pub precedence: Precedence,
    /// All fields that one of them has.
    pub columns: Arc<Columns>,
    /// The words of `[lifecycle]` for people who have left, in compared form.
    pub left: Vec<String>,
    /// The fingerprint of the rules, for the merged records.
    pub seed: u64,
    /// What this process has seen of its reads.
    pub noted: Noted,
}

/// Which sources a cycle reads by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Select {
    /// Each; what changed where that can be had.
    #[default]
    All,
    /// These, by position; `true`: everybody, whatever deltas there are.
    Some(Vec<(usize, bool)>),
}

/// What a cycle takes in of several sources. Of those that are not in it stands what they told last.
#[derive(Default)]
pub struct Turn {
    /// What it reads by itself.
    pub select: Select,
    /// What was read beside it, and has ended.
    pub reads: Vec<EndedRead>,
    /// Whether it only looks again at what another cycle left.
    pub is_again: bool,
}

impl Turn {
    /// A cycle that reads these and nothing else.
    pub fn of(places: Vec<(usize, bool)>) -> Self {
        Self { select: Select::Some(places), ..Self::default() }
    }

    /// A cycle that looks again at what another one left, and asks none of several sources.
    pub fn again() -> Self {
        Self { is_again: true, ..Self::of(Vec::new()) }
    }

    /// The same with these positions, at least with what changed there.
    pub fn with(mut self, places: impl IntoIterator<Item = usize>) -> Self {
        if let Select::Some(list) = &mut self.select {
            list.extend(places.into_iter().map(|place| (place, false)));
        }
        self
    }
}

/// What a cycle has read into the register, to be stored with its plan.
#[derive(Clone, Debug, Default)]
pub struct RegisterRead {
    /// What is stored of it.
    pub write: RegisterWrite,
    /// How each read ended, by position.
    pub ends: Vec<(usize, SourceEnd)>,
}

impl<S: HrSource> Register<S> {
    /// Reads one source beside whatever else goes on. Of one source one read at a time.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn read(
        &self,
        store: &Store,
        place: usize,
        full: bool,
        now: DateTime<Utc>,
        clock: &dyn Clock,
    ) -> Result<EndedRead, StoreError> {
        let begun = clock.elapsed();
        let stored = store.source_standings().await?;
        let member = &self.members[place];
        let _under_way = self.noted.begin(place, now);
        let result = match member.read(store, stored.get(&member.origin.name), full, now).await {
            Ok(read) => Ok(read),
            Err(FeedError::Source(error)) => Err(error),
            Err(FeedError::Store(error)) => return Err(error),
        };
        let took = clock.elapsed().saturating_sub(begun);
        Ok(EndedRead { place, began: now, took, result })
    }

    /// The sources that have never been read under their settings: until each has been, nothing is planned.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn unread(&self, store: &Store) -> Result<Vec<usize>, StoreError> {
        let standings = store.source_standings().await?;
        let members = self.members.iter().enumerate();
        let unread =
            members.filter(|(_, member)| member.stands(standings.get(&member.origin.name)).is_none());
        Ok(unread.map(|(place, _)| place).collect())
    }

    /// A read over which the database failed.
    pub fn failed(&self, place: usize, began: DateTime<Utc>, error: &StoreError) -> EndedRead {
        let system = self.name(place).to_owned();
        let result = Err(SourceError::System { system, reason: error.to_string() });
        EndedRead { place, began, took: Duration::ZERO, result }
    }

    /// Every source. Of a queue one message comes a read, so a run over everything reads everybody instead.
    pub fn everything(&self) -> Vec<(usize, bool)> {
        self.members.iter().enumerate().map(|(place, member)| (place, member.source.is_queue())).collect()
    }

    /// Takes in what was read, reads what is selected beside, all at the same time, and then everybody. `intake` knows who is in
    /// state.
    ///
    /// # Errors
    /// Where each of them failed, one has never been read, or the database fails.
    pub async fn gather(
        &self,
        store: &Store,
        turn: Turn,
        clock: &dyn Clock,
        intake: impl Future<Output = Result<Intake, StoreError>>,
        absent: Fingerprint,
    ) -> Result<Gathered, FeedError> {
        let now = clock.now();
        let selected = match turn.select {
            Select::All => self.everything(),
            Select::Some(list) => list,
        };
        let mut places: BTreeMap<usize, bool> = BTreeMap::new();
        for (place, full) in selected {
            *places.entry(place).or_default() |= full;
        }
        let reading = places.into_iter().map(|(place, full)| self.read(store, place, full, now, clock));
        let mut ended = turn.reads;
        for read in join_all(reading).await {
            ended.push(read?);
        }
        ended.sort_by_key(|read| read.place);
        let standings = store.source_standings().await?;
        let (mut reads, mut failed, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
        for EndedRead { place, began, took, result } in ended {
            let came = result.as_ref().map(|read| (read.rows, read.end.bytes)).map_err(SourceError::kind);
            spans::fetched(self.name(place), began, took, came);
            match result {
                Ok(read) if !read.commit.may_follow(standings.get(self.name(place))) => {
                    warnings.push(format!("source '{}': {OVERTAKEN}", self.name(place)));
                }
                Ok(read) => reads.push((place, read)),
                Err(error) => {
                    self.noted.failed(self.name(place), began, &error);
                    failed.push((place, error));
                }
            }
        }
        self.insist_on_whole(&standings, &reads, &mut failed)?;
        if reads.is_empty() && !failed.is_empty() {
            return Err(failed.swap_remove(0).1.into());
        }
        let failing = self.failing(store, &reads, &failed).await?;
        let refused = self.refused(store, &reads).await?;
        let unseen = Unseen { standings: &standings, failing: &failing, refused: &refused };
        let settled = self.settle_missing(store, &mut reads, unseen, now, &mut warnings).await?;
        let mut intake = intake.await?;
        let changes = reads.iter().map(|(place, read)| (*place, &read.commit.changes));
        let changes: Vec<_> =
            changes.chain(settled.iter().map(|(place, changes)| (*place, changes))).collect();
        self.merge_into(&mut intake, store, changes.iter().copied()).await?;
        // Before it is asked who is absent: whoever cannot be read is not.
        self.refuse(&mut intake, store, refused, &changes).await?;
        let mut findings = intake.finish(absent);
        // Of whom nothing is known in the register, only a read of everybody can tell that they are absent.
        findings.unsure = !failing.is_empty()
            || reads.iter().any(|(_, read)| !read.commit.is_whole)
            || reads.iter().all(|(_, read)| read.commit.full.is_none());
        warnings.extend(
            failed
                .iter()
                .map(|(place, error)| format!("source '{}': {}", self.name(*place), error.without_values())),
        );
        for (place, read) in &mut reads {
            let told =
                read.end.passed_over.take().map(|word| format!("source '{}': {word}", self.name(*place)));
            warnings.extend(told);
        }
        let unsure_absence = reads.iter().any(|(_, read)| read.unsure_absence);
        let scales = self.scales(&standings, &reads);
        for scale in &scales {
            findings.digest = Fingerprint(findings.digest.0.wrapping_add(scale.header.digest().0));
        }
        let silent = self.silent(&reads);
        let ends = reads.iter().map(|(place, read)| (*place, read.end.clone())).collect();
        let configured: Vec<String> = self.members.iter().map(|member| member.origin.name.clone()).collect();
        let mut removed: Vec<String> =
            standings.keys().filter(|name| !configured.contains(name)).cloned().collect();
        removed.sort_unstable();
        let file = SourceFile { name: configured.join(", "), ..SourceFile::default() };
        let commits = reads.into_iter().map(|(_, read)| read.commit).collect();
        let settled = settled.into_iter().map(|(place, changes)| (self.name(place).to_owned(), changes));
        let write = RegisterWrite { commits, settled: settled.collect(), configured };
        let read = RegisterRead { write, ends };
        let failed = failed.len();
        Ok(Gathered {
            findings,
            header: HeaderNames::default(),
            file,
            warnings,
            bytes: None,
            failed,
            silent,
            scales,
            removed,
            unsure_absence,
            register: Some(read),
        })
    }

    /// What of each source cannot be used behind these reads, by position.
    async fn refused(
        &self,
        store: &Store,
        reads: &[(usize, OneRead)],
    ) -> Result<Vec<Vec<Rejection>>, StoreError> {
        let mut stored = store.refused_words().await?;
        let standing = |(place, member): (usize, &Member<S>)| {
            let before = stored.remove(&member.origin.name).unwrap_or_default();
            match reads.iter().find(|(read, _)| *read == place).map(|(_, read)| &read.commit) {
                Some(now) => refusal::after(before, &now.changes, &now.refused, now.full.is_some()),
                None => before,
            }
        };
        Ok(self.members.iter().enumerate().map(standing).collect())
    }

    /// The sources that say nothing besides these reads.
    pub(super) fn silent(&self, reads: &[(usize, OneRead)]) -> Silent {
        let read_of = |place| reads.iter().find(|(read, _)| *read == place).map(|(_, one)| one);
        let mut silent = Silent::default();
        for (place, member) in self.members.iter().enumerate() {
            let name = member.origin.name.clone();
            match (member.source.push().is_some(), read_of(place)) {
                (true, read) if read.is_none_or(|read| read.commit.full.is_none()) => {
                    silent.pushed.push(name)
                }
                (false, None) => silent.unread.push(name),
                _ => {}
            }
        }
        silent
    }

    pub(super) fn name(&self, place: usize) -> &str {
        &self.members[place].origin.name
    }

    /// A source that has never been read under its settings would make everybody look gone whom it alone knows.
    fn insist_on_whole(
        &self,
        standings: &HashMap<String, SourceStanding>,
        reads: &[(usize, OneRead)],
        failed: &mut Vec<(usize, SourceError)>,
    ) -> Result<(), SourceError> {
        for (place, member) in self.members.iter().enumerate() {
            let stands = member.stands(standings.get(&member.origin.name)).is_some();
            if stands || reads.iter().any(|(read, _)| *read == place) {
                continue;
            }
            let at = failed.iter().position(|(one, _)| *one == place);
            return Err(match at {
                Some(at) => failed.swap_remove(at).1,
                None => SourceError::SystemIncomplete {
                    system: member.origin.name.clone(),
                    reason: "it has not been read yet under its settings; that comes with its next turn, or `sync`".into(),
                },
            });
        }
        Ok(())
    }

    fn scales(
        &self,
        standings: &HashMap<String, SourceStanding>,
        reads: &[(usize, OneRead)],
    ) -> Vec<SourceScale> {
        let scale = |(place, member): (usize, &Member<S>)| {
            // What was accepted stays the measure under other settings.
            let standing = standings.get(&member.origin.name);
            let read =
                reads.iter().find(|(read, _)| *read == place).and_then(|(_, read)| read.commit.full.clone());
            let (rows, header) = match (read, standing) {
                (Some(full), _) => full,
                (None, Some(standing)) => (standing.rows, standing.header.clone()),
                (None, None) => (0, HeaderNames::default()),
            };
            let mut accepted_header = standing.and_then(|standing| standing.accepted_header.clone());
            accepted_header.iter_mut().filter(|_| member.any_header).for_each(HeaderNames::forget_names);
            SourceScale {
                name: member.origin.name.clone(),
                rows,
                header,
                accepted_rows: standing.and_then(|standing| standing.accepted_rows),
                accepted_header,
            }
        };
        self.members.iter().enumerate().map(scale).collect()
    }
}
