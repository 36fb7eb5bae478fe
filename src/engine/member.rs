//! Reading one source of the register: what it says now against what is known of it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use super::feed::{self, FeedError};
use crate::core::intake::Intake;
use crate::core::record::{Fingerprint, RecordBatch, Rejection};
use crate::core::register::{Origin, by_delta, by_snapshot};
use crate::core::schedule::Schedule;
use crate::core::warnings::{of_rows_without_id, of_unread};
use crate::source::{BATCHES_AHEAD, Extent, HrSource, SourceEnd, SourceError};
use crate::store::{PackedPeople, SourceCommit, SourceStanding, Store, StoreError};

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
    /// Its status words of people who have left, in compared form.
    pub left: Vec<String>,
    /// When it is read in full, whatever its deltas tell.
    pub full_schedule: Option<Schedule>,
    /// Whether this process reads it for one run, and no further one comes.
    pub once: bool,
}

/// What one source was found to say.
pub(super) struct OneRead {
    /// What it changes.
    pub(super) commit: SourceCommit,
    pub(super) end: SourceEnd,
    /// Records read.
    pub(super) rows: u64,
    /// Why a delta cannot be taken for what it says, so that everybody is read instead.
    lost: Option<String>,
    /// Whether somebody is missing who may be in a row that cannot be used.
    pub(super) unsure_absence: bool,
}

/// A read that has ended, well or not. It counts once a cycle has taken it in.
pub struct EndedRead {
    pub(super) place: usize,
    /// When it began.
    pub(super) began: DateTime<Utc>,
    pub(super) took: Duration,
    pub(super) result: Result<OneRead, SourceError>,
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

    /// Reads it. `full`: everybody, whatever deltas there are.
    pub(super) async fn read(
        &self,
        store: &Store,
        stored: Option<&SourceStanding>,
        full: bool,
        now: DateTime<Utc>,
    ) -> Result<OneRead, FeedError> {
        let is_due = self.is_full_read_due(stored, now);
        let mut read = match self.read_once(store, stored, full || is_due, now).await {
            // What changed is known all the same; the read of everybody stays due.
            Err(FeedError::Source(error)) if is_due && !full => {
                return self.read_instead(store, stored, now, error).await;
            }
            // The daemon asks again before it reads everybody. Here no next run does.
            Err(FeedError::Source(error)) if self.once && !full && self.source.fails_deltas() => {
                let mut read = self.read_once(store, stored, true, now).await?;
                let why = error.without_values();
                add_to(&mut read.end, format!("what changed could not be read, so everybody was: {why}"));
                return Ok(read);
            }
            read => read?,
        };
        let Some(told) = read.lost.take() else { return Ok(read) };
        let message = read.end.message.take();
        read = self.read_once(store, stored, true, now).await?;
        add_to(&mut read.end, told);
        // Everybody was read behind it: it has nothing more to say.
        read.end.message = message;
        Ok(read)
    }

    /// Reads what changed in the place of everybody, who could not be read.
    async fn read_instead(
        &self,
        store: &Store,
        stored: Option<&SourceStanding>,
        now: DateTime<Utc>,
        error: SourceError,
    ) -> Result<OneRead, FeedError> {
        if self.stands(stored).is_none_or(|standing| standing.cursor.is_none()) {
            return Err(error.into());
        }
        match self.read_once(store, stored, false, now).await {
            Ok(mut read) if read.lost.is_none() => {
                let why = error.without_values();
                add_to(
                    &mut read.end,
                    format!("the read of everybody is due, and failed: {why}; what changed was read instead"),
                );
                (read.end.held_up, read.commit.is_whole) = (true, false);
                Ok(read)
            }
            Err(FeedError::Store(error)) => Err(error.into()),
            _ => Err(error.into()),
        }
    }

    async fn read_once(
        &self,
        store: &Store,
        stored: Option<&SourceStanding>,
        full: bool,
        now: DateTime<Utc>,
    ) -> Result<OneRead, FeedError> {
        let standing = self.stands(stored);
        let since = standing.filter(|_| !full).and_then(|standing| standing.cursor.clone());
        let asked_for_delta = since.is_some();
        let (sender, mut batches) = mpsc::channel(BATCHES_AHEAD);
        let words = store.refused_words().await?;
        let refused = words.get(&self.origin.name).map_or(&[][..], Vec::as_slice);
        let take_in = async {
            let mut few = Vec::new();
            if asked_for_delta {
                few = some_of(&mut batches).await;
                if few.len() < FEW_BATCHES {
                    return Ok::<_, FeedError>(Came::Few(few));
                }
            }
            // What was read under other settings has other fingerprints: everybody who comes is new, nobody is forgotten.
            let (mut intake, strangers) = self.know(store, refused).await?;
            let own = |batch| self.origin.refusing_foreign(batch);
            few.into_iter().for_each(|batch| intake.accept(own(batch)));
            Ok(Came::Many(Box::new(feed::take_in(intake, batches, own).await), strangers))
        };
        let (end, came) = tokio::join!(self.source.read(since, sender), take_in);
        let mut end = end?;
        let (intake, strangers) = match came? {
            Came::Many(intake, strangers) => (*intake, strangers),
            Came::Few(batches) => self.take_few(store, refused, end.extent, batches).await?,
        };
        // An older file is no news under other settings either.
        if let Some(known) = stored.and_then(|stored| stored.cursor.as_deref()) {
            self.source.may_follow(&end, known)?;
        }
        end.file = SourceError::unless_after(end.file, stored.map(|stored| &stored.file))?;
        if end.extent == Extent::Delta && !asked_for_delta {
            let reason = "it told of changes where everybody was asked for".into();
            return Err(SourceError::SystemIncomplete { system: end.file.name, reason }.into());
        }
        let mut findings = intake.finish(Fingerprint(u128::MAX));
        if let Some(unread) = of_unread(findings.unread, "fields") {
            add_to(&mut end, unread);
        }
        let mut unsure_absence = false;
        if end.extent == Extent::Snapshot {
            let known = store.known_refused().await?;
            findings.doubt(|own| known.contains(&self.origin.id(own)));
            findings.without_id += self.of_others(store, &findings.doubtful).await?;
            let (missing, rows) = (findings.absent.len(), findings.without_id);
            unsure_absence = rows > 0 && missing > 0;
            if unsure_absence && self.origin.absence_runs.is_some() {
                add_to(&mut end, of_rows_without_id(missing, rows, &findings.rows_of_anybody()));
            }
        }
        let lost = match end.extent {
            Extent::Delta => self.lost(store, &findings.changed, &end.coverage).await?,
            Extent::Snapshot => None,
        };
        let (changes, full) = match end.extent {
            Extent::Delta => (by_delta(&findings, &self.origin), None),
            Extent::Snapshot => {
                let missed = store.missed_in(&self.origin.name).await?;
                let full = (findings.rows, findings.header(end.header.clone()));
                (by_snapshot(&findings, &missed, strangers, &self.origin), Some(full))
            }
        };
        for rejection in &mut findings.rejected {
            rejection.employee_id = rejection.employee_id.take().map(|own| self.origin.id(&own));
        }
        let commit = SourceCommit {
            name: self.origin.name.clone(),
            reading: self.reading.clone(),
            anew: standing.is_none(),
            behind: stored.map(|stored| stored.read_at),
            changes,
            refused: findings.rejected,
            cursor: end.cursor.clone(),
            read_at: now,
            is_whole: !end.held_up && end.message.is_none(),
            full,
            file: end.file.clone(),
        };
        Ok(OneRead { commit, end, rows: findings.rows, lost, unsure_absence })
    }

    /// Takes in a read that was short. In a delta nobody but those whom it names is asked for: of the others it says nothing.
    async fn take_few(
        &self,
        store: &Store,
        refused: &[Rejection],
        extent: Extent,
        batches: Vec<RecordBatch>,
    ) -> Result<(Intake, Vec<String>), StoreError> {
        let (mut intake, strangers) = match extent {
            Extent::Snapshot => self.know(store, refused).await?,
            Extent::Delta => {
                let ids = |batch: &RecordBatch| -> Vec<String> {
                    (0..batch.len()).map(|index| self.origin.id(batch.head(index).0)).collect()
                };
                let ids: Vec<String> = batches.iter().flat_map(ids).collect();
                let known = store.packed_register_of(&self.origin.name, &ids).await?;
                let mut intake = Intake::default();
                known.iter().for_each(|pack| drop(self.know_pack(&mut intake, pack)));
                self.doubt(&mut intake, refused);
                (intake, Vec::new())
            }
        };
        batches.into_iter().for_each(|batch| intake.accept(self.origin.refusing_foreign(batch)));
        Ok((intake, strangers))
    }

    /// Everybody whom the register has of this source, and ids that are none of it since it had another prefix.
    async fn know(&self, store: &Store, refused: &[Rejection]) -> Result<(Intake, Vec<String>), StoreError> {
        let (mut intake, mut strangers, mut after) = (Intake::default(), Vec::new(), String::new());
        while let Some((pack, last)) = store.packed_register(&self.origin.name, &after).await? {
            after = last;
            strangers.extend(self.know_pack(&mut intake, &pack));
        }
        self.doubt(&mut intake, refused);
        Ok((intake, strangers))
    }

    /// Of whom a word was refused, the next good one is news, also where it says what the last good one said.
    fn doubt(&self, intake: &mut Intake, refused: &[Rejection]) {
        let ids = refused.iter().filter_map(|one| one.employee_id.as_deref());
        let own = ids.filter_map(|id| id.strip_prefix(self.origin.id_prefix.as_str()));
        own.for_each(|own| intake.unsettle(own));
    }

    fn know_pack(&self, intake: &mut Intake, pack: &PackedPeople) -> Vec<String> {
        let mut strangers = Vec::new();
        for (id, fingerprint) in pack.iter() {
            match id.strip_prefix(self.origin.id_prefix.as_str()) {
                Some(own) => intake.know(own, fingerprint),
                None => strangers.push(id.to_owned()),
            }
        }
        strangers
    }
}

/// Adds a word to what is told of a read.
fn add_to(end: &mut SourceEnd, told: String) {
    let all = end.passed_over.take().into_iter().chain([told]);
    end.passed_over = Some(all.collect::<Vec<_>>().join("; "));
}

/// What came of a read while it went on.
enum Came {
    /// So little that nothing has been taken in yet.
    Few(Vec<RecordBatch>),
    /// All of it, beside everybody known, and ids of another prefix.
    Many(Box<Intake>, Vec<String>),
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
