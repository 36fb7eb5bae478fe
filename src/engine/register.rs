//! Reading through the register: each source that is due into what is known of it, then everybody, merged, into the intake.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use super::feed::{self, FeedError, Gathered};
use crate::core::guard::SourceScale;
use crate::core::header::HeaderNames;
use crate::core::intake::{Findings, Intake};
use crate::core::record::{Columns, Fingerprint, RecordBatch};
use crate::core::register::{Origin, Precedence, by_delta, by_snapshot};
use crate::core::schedule::Schedule;
use crate::core::source_file::SourceFile;
use crate::source::{BATCHES_AHEAD, Extent, HrSource, SourceEnd, SourceError};
use crate::store::{PackedPeople, RegisterWrite, SourceCommit, SourceStanding, Store, StoreError};

/// A delta of fewer batches than this is held until it has ended, and compared with those alone whom it names.
const FEW_BATCHES: usize = 8;

/// A source of the register.
pub struct Member<S> {
    /// What it is called, and how its records are taken.
    pub origin: Origin,
    /// The source.
    pub source: S,
    /// The digest of the settings under which it is read.
    pub reading: String,
    /// Whether a header that changed may stand.
    pub any_header: bool,
    /// When it is read in full, whatever its deltas tell.
    pub full_schedule: Option<Schedule>,
}

/// Several sources, or one that delivers deltas.
pub struct Register<S> {
    /// The sources.
    pub members: Vec<Member<S>>,
    /// Whose word counts.
    pub precedence: Precedence,
    /// All fields that one of them has.
    pub columns: Arc<Columns>,
    /// The fingerprint of the rules, for the merged records.
    pub seed: u64,
}

/// Which sources a cycle reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Select {
    /// Each; what changed where that can be had.
    #[default]
    All,
    /// These, by position; `true`: everybody, whatever deltas there are.
    Some(Vec<(usize, bool)>),
}

impl Select {
    /// The same with these positions, at least with what changed there.
    pub fn with(&self, places: impl IntoIterator<Item = usize>) -> Self {
        match self {
            Self::All => Self::All,
            Self::Some(list) => {
                let added = places.into_iter().map(|place| (place, false));
                Self::Some(list.iter().copied().chain(added).collect())
            }
        }
    }

    fn of(&self, place: usize) -> Option<bool> {
        match self {
            Self::All => Some(false),
            Self::Some(list) => list.iter().filter(|(one, _)| *one == place).map(|(_, full)| *full).max(),
        }
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

/// How one source was read.
pub(super) struct OneRead {
    /// What it changes.
    pub(super) commit: SourceCommit,
    end: SourceEnd,
    findings: Findings,
}

impl<S: HrSource> Register<S> {
    /// Reads the sources that are selected, and everybody. `intake` knows who is in state.
    ///
    /// # Errors
    /// Where each of them failed, one has never been read, or the database fails.
    pub async fn gather(
        &self,
        store: &Store,
        select: &Select,
        now: DateTime<Utc>,
        intake: impl Future<Output = Result<Intake, StoreError>>,
        absent: Fingerprint,
    ) -> Result<Gathered, FeedError> {
        let standings = store.source_standings().await?;
        let selected: Vec<(usize, bool)> =
            (0..self.members.len()).filter_map(|place| Some((place, select.of(place)?))).collect();
        let (mut reads, mut failed) = (Vec::new(), Vec::new());
        for &(place, full) in &selected {
            let member = &self.members[place];
            // Of a queue one message comes a read: a run over everything reads everybody instead.
            let standing = standings.get(&member.origin.name);
            let full = full
                || (*select == Select::All && member.source.is_queue())
                || member.is_full_read_due(standing, now);
            match member.read(store, standing, full, now).await {
                Ok(read) => reads.push((place, read)),
                Err(FeedError::Source(error)) => failed.push((place, error)),
                Err(error) => return Err(error),
            }
        }
        self.insist_on_whole(&standings, &reads, &mut failed)?;
        if reads.is_empty() && !failed.is_empty() {
            return Err(failed.swap_remove(0).1.into());
        }
        let mut intake = intake.await?;
        self.merge_into(&mut intake, store, &reads).await?;
        let mut findings = intake.finish(absent);
        let mut warnings: Vec<String> = failed
            .iter()
            .map(|(place, error)| format!("source '{}': {}", self.name(*place), error.without_values()))
            .collect();
        for (place, read) in &mut reads {
            let origin = &self.members[*place].origin;
            for rejection in &mut read.findings.rejected {
                rejection.employee_id = rejection.employee_id.take().map(|own| origin.id(&own));
            }
            let told =
                read.end.passed_over.take().map(|word| format!("source '{}': {word}", self.name(*place)));
            warnings.extend(told);
            findings.rejected.append(&mut read.findings.rejected);
        }
        let scales = self.scales(&standings, &reads);
        for scale in &scales {
            findings.digest = Fingerprint(findings.digest.0.wrapping_add(scale.header.digest().0));
        }
        let ends = reads.iter().map(|(place, read)| (*place, read.end.clone())).collect();
        let configured: Vec<String> = self.members.iter().map(|member| member.origin.name.clone()).collect();
        let file = SourceFile { name: configured.join(", "), ..SourceFile::default() };
        let commits = reads.into_iter().map(|(_, read)| read.commit).collect();
        let read = RegisterRead { write: RegisterWrite { commits, configured }, ends };
        let failed = failed.len();
        Ok(Gathered {
            findings,
            header: HeaderNames::default(),
            file,
            warnings,
            failed,
            scales,
            register: Some(read),
        })
    }

    fn name(&self, place: usize) -> &str {
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
            let standing = member.stands(standings.get(&member.origin.name));
            let read =
                reads.iter().find(|(read, _)| *read == place).and_then(|(_, read)| read.commit.full.clone());
            let (rows, header) = match (read, standing) {
                (Some(full), _) => full,
                (None, Some(standing)) => (standing.rows, standing.header.clone()),
                (None, None) => (0, HeaderNames::default()),
            };
            SourceScale {
                name: member.origin.name.clone(),
                rows,
                header,
                accepted_rows: standing.and_then(|standing| standing.accepted_rows),
                accepted_header: standing
                    .and_then(|standing| standing.accepted_header.clone())
                    .filter(|_| !member.any_header),
            }
        };
        self.members.iter().enumerate().map(scale).collect()
    }
}

impl<S: HrSource> Member<S> {
    /// What is known of it, unless that was read under other settings.
    pub(super) fn stands<'a>(&self, standing: Option<&'a SourceStanding>) -> Option<&'a SourceStanding> {
        standing.filter(|standing| standing.reading == self.reading)
    }

    /// Whether a tick of `full_cron` has passed since it was read in full: by the time of that read, so that no process has to
    /// be there when it comes, and one that failed is made up.
    fn is_full_read_due(&self, standing: Option<&SourceStanding>, now: DateTime<Utc>) -> bool {
        let next = |schedule: &Schedule| schedule.next_after(self.stands(standing)?.full_read_at);
        self.full_schedule.as_ref().and_then(next).is_some_and(|due| due <= now)
    }

    async fn read(
        &self,
        store: &Store,
        standing: Option<&SourceStanding>,
        full: bool,
        now: DateTime<Utc>,
    ) -> Result<OneRead, FeedError> {
        let standing = self.stands(standing);
        let since = standing.filter(|_| !full).and_then(|standing| standing.cursor.clone());
        let asked_for_delta = since.is_some();
        let (sender, mut batches) = mpsc::channel(BATCHES_AHEAD);
        let take_in = async {
            let mut few = Vec::new();
            if asked_for_delta {
                few = some_of(&mut batches).await;
                if few.len() < FEW_BATCHES {
                    return Ok::<_, FeedError>(Came::Few(few));
                }
            }
            let mut intake = Intake::default();
            if standing.is_some() {
                self.know(store, &mut intake).await?;
            }
            few.into_iter().for_each(|batch| intake.accept(batch));
            Ok(Came::Many(feed::take_in(intake, batches).await))
        };
        let (end, came) = tokio::join!(self.source.read(since, sender), take_in);
        let mut end = end?;
        let intake = match came? {
            Came::Many(intake) => intake,
            Came::Few(batches) => self.take_few(store, end.extent, batches).await?,
        };
        end.file = SourceError::unless_after(end.file, standing.map(|standing| &standing.file))?;
        if end.extent == Extent::Delta && !asked_for_delta {
            let reason = "it told of changes where everybody was asked for".into();
            return Err(SourceError::SystemIncomplete { system: end.file.name, reason }.into());
        }
        let findings = intake.finish(Fingerprint(u128::MAX));
        let (changes, whole) = match end.extent {
            Extent::Delta => (by_delta(&findings, &self.origin), None),
            Extent::Snapshot => {
                let missing = match standing {
                    Some(_) => store.missing_in(&self.origin.name).await?,
                    None => HashMap::new(),
                };
                let whole = (findings.rows, end.header.clone());
                (by_snapshot(&findings, &missing, &self.origin), Some(whole))
            }
        };
        let commit = SourceCommit {
            name: self.origin.name.clone(),
            reading: self.reading.clone(),
            anew: standing.is_none(),
            changes,
            cursor: end.cursor.clone(),
            read_at: now,
            full: whole,
            file: end.file.clone(),
        };
        Ok(OneRead { commit, end, findings })
    }

    /// Takes in a read that was short. In a delta nobody but those whom it names is asked for: of the others it says nothing.
    async fn take_few(
        &self,
        store: &Store,
        extent: Extent,
        batches: Vec<RecordBatch>,
    ) -> Result<Intake, StoreError> {
        let mut intake = Intake::default();
        match extent {
            Extent::Snapshot => self.know(store, &mut intake).await?,
            Extent::Delta => {
                let ids = |batch: &RecordBatch| -> Vec<String> {
                    (0..batch.len()).map(|index| self.origin.id(batch.head(index).0)).collect()
                };
                let ids: Vec<String> = batches.iter().flat_map(ids).collect();
                let known = store.packed_register_of(&self.origin.name, &ids).await?;
                self.know_pack(&mut intake, &known);
            }
        }
        batches.into_iter().for_each(|batch| intake.accept(batch));
        Ok(intake)
    }

    async fn know(&self, store: &Store, intake: &mut Intake) -> Result<(), StoreError> {
        let mut after = String::new();
        while let Some((pack, last)) = store.packed_register(&self.origin.name, &after).await? {
            after = last;
            self.know_pack(intake, &pack);
        }
        Ok(())
    }

    fn know_pack(&self, intake: &mut Intake, pack: &PackedPeople) {
        for (id, fingerprint) in pack.iter() {
            // All of them were read under these settings, so each has the prefix.
            intake.know(id.strip_prefix(self.origin.id_prefix.as_str()).unwrap_or(id), fingerprint);
        }
    }
}

/// What came of a read while it went on.
enum Came {
    /// So little that nothing has been taken in yet.
    Few(Vec<RecordBatch>),
    /// All of it, beside everybody known.
    Many(Intake),
}

/// All that comes, or the first of many.
async fn some_of(batches: &mut mpsc::Receiver<RecordBatch>) -> Vec<RecordBatch> {
    let mut some = Vec::new();
    while some.len() < FEW_BATCHES
        && let Some(batch) = batches.recv().await
    {
        some.push(batch);
    }
    some
}
