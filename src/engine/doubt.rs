//! What of the sources is not seen: reads that fail or are under way, and people who may be there for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::Engine;
use super::feed::Feed;
use super::member::OneRead;
use super::register::Register;
use crate::core::record::Rejection;
use crate::core::refusal::{Doubtful, settle};
use crate::core::register::Changes;
use crate::core::scim::ScimPort;
use crate::core::warnings::{number, some_of};
use crate::source::{HrSource, SourceError};
use crate::store::{FailedRead, SourceStanding, Store, StoreError};

/// What a process has seen of its reads.
#[derive(Debug, Default)]
pub struct Noted(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// When each read began that is under way, by position.
    under_way: BTreeMap<usize, DateTime<Utc>>,
    /// Reads that failed, and are not stored as such yet.
    failed: Vec<FailedRead>,
}

/// A read that is under way; it ends with this.
pub(super) struct UnderWay<'a> {
    noted: &'a Noted,
    place: usize,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.noted.seen().under_way.remove(&self.place);
    }
}

impl Noted {
    /// A read of the source at this position has begun.
    pub(super) fn begin(&self, place: usize, now: DateTime<Utc>) -> UnderWay<'_> {
        self.seen().under_way.insert(place, now);
        UnderWay { noted: self, place }
    }

    /// A read of the source of this name came to nothing.
    pub(super) fn failed(&self, source: &str, began: DateTime<Utc>, error: &SourceError) {
        let (source, why) = (source.to_owned(), error.without_values());
        self.seen().failed.push(FailedRead { source, began, why });
    }

    /// The reads that failed since this was asked last.
    pub fn take_failed(&self) -> Vec<FailedRead> {
        std::mem::take(&mut self.seen().failed)
    }

    /// When each read began that is under way, by position.
    pub fn under_way(&self) -> BTreeMap<usize, DateTime<Utc>> {
        self.seen().under_way.clone()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What of each source a run does not see.
#[derive(Clone, Copy)]
pub(super) struct Unseen<'a> {
    /// What is known of each, by name.
    pub(super) standings: &'a HashMap<String, SourceStanding>,
    /// The positions of those whose newest read failed.
    pub(super) failing: &'a BTreeSet<usize>,
    /// What of each cannot be used, by position.
    pub(super) refused: &'a [Vec<Rejection>],
}

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// Stores which reads have failed. Beside the plan: it is so, whatever becomes of that.
    pub(super) async fn note_failures(&self) -> Result<(), StoreError> {
        let Feed::Register(register) = &self.feed else { return Ok(()) };
        self.store.note_failures(&register.noted.take_failed()).await
    }
}

impl<S: HrSource> Register<S> {
    /// The positions of the sources whose newest read failed, in this run or an earlier one.
    pub(super) async fn failing(
        &self,
        store: &Store,
        reads: &[(usize, OneRead)],
        failed: &[(usize, SourceError)],
    ) -> Result<BTreeSet<usize>, StoreError> {
        let known = store.source_failures().await?;
        let members = self.members.iter().enumerate();
        let known = members.filter(|(_, member)| known.contains_key(&member.origin.name));
        let mut failing: BTreeSet<usize> = known.map(|(place, _)| place).collect();
        reads.iter().for_each(|(place, _)| _ = failing.remove(place));
        failing.extend(failed.iter().map(|(place, _)| *place));
        Ok(failing)
    }

    /// Settles what it means that people are missing, those of these reads and those of earlier ones who were in doubt. The answer is
    /// what comes of those, by position.
    pub(super) async fn settle_missing(
        &self,
        store: &Store,
        reads: &mut [(usize, OneRead)],
        unseen: Unseen<'_>,
        now: DateTime<Utc>,
        warnings: &mut Vec<String>,
    ) -> Result<Vec<(usize, Changes)>, StoreError> {
        let mut unsettled = store.unsettled().await?;
        let doubtful = |(place, refused): (usize, _)| {
            Doubtful::new(&self.members[place].origin, self.whole_at(place, reads, unseen, now), refused)
        };
        let refused = unseen.refused.iter().map(Vec::as_slice).enumerate();
        let all: Vec<Doubtful<'_>> = refused.map(doubtful).collect();
        let mut settled = Vec::new();
        for place in 0..self.members.len() {
            let before = unsettled.remove(self.name(place)).unwrap_or_default();
            let read = reads.iter_mut().find(|(read, _)| *read == place).map(|(_, read)| &mut read.commit);
            let read = read.map(|commit| (&mut commit.changes, commit.read_at));
            let (besides, in_doubt) = settle(place, read, &before, &all);
            if !besides.is_empty() {
                settled.push((place, besides));
            }
            let others = all.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, other)| other);
            let others = others.filter(|other| in_doubt.iter().any(|(id, since)| other.may_have(id, *since)));
            let others: Vec<String> = others.map(|other| format!("'{}'", other.name())).collect();
            if !others.is_empty() {
                let ids: Vec<String> = in_doubt.keys().cloned().collect();
                warnings.push(format!(
                    "source '{}' no longer names {} (employee {}): they may be in {}, which has not been read whole since, or \
                     has rows that cannot be used, and keep what they have until it has shown itself whole",
                    self.name(place),
                    number(ids.len(), "person", "people"),
                    some_of(&ids),
                    others.join(", "),
                ));
            }
        }
        Ok(settled)
    }

    /// When the newest read of a source began that showed all it had. What is pushed lies here, all of it.
    fn whole_at(
        &self,
        place: usize,
        reads: &[(usize, OneRead)],
        unseen: Unseen<'_>,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        if self.members[place].source.push().is_some() && !unseen.failing.contains(&place) {
            return Some(DateTime::<Utc>::MAX_UTC);
        }
        let read = reads.iter().find(|(read, one)| *read == place && one.commit.is_whole);
        let read = read.map(|(_, one)| one.commit.read_at);
        let stored = unseen.standings.get(self.name(place)).map(|standing| standing.whole_at);
        // Of a clock that was set back.
        read.max(stored.filter(|at| *at <= now))
    }
}
