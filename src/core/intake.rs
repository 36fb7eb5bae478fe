//! Takes in what a source delivers, beside what the state table knows, and finds who has to be looked at.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use hashbrown::DefaultHashBuilder;
use indexmap::IndexMap;
use indexmap::map::Entry;

use super::header::HeaderNames;
use super::record::{Fingerprint, Record, RecordBatch, Rejection, RejectionKind};

#[derive(Clone, Copy, Default)]
struct Known {
    settled: Fingerprint,
    seen: Fingerprint,
    /// Where it was seen first, from 1 on; 0: in no row that could be used. It lies where there was room between the others.
    row: u64,
    in_state: bool,
    spoiled: bool,
    gone: bool,
    /// Settled by an action that waits.
    waits: bool,
}

/// Everybody known, with the fingerprint at which they were last settled; then everybody delivered.
///
/// Its memory is one entry a person, whatever the size of the source, and the records of those who changed.
#[derive(Default)]
pub struct Intake {
    /// In the order in which they came to be known. Most exports have the same one, and then the next person lies beside the one before.
    people: IndexMap<CompactString, Known, DefaultHashBuilder>,
    changed: Vec<Record>,
    rejected: Vec<Rejection>,
    rows_of_spoiled: BTreeMap<CompactString, Vec<u64>>,
    doubtful: Vec<Record>,
    gone: Vec<String>,
    rows: u64,
    filled: BTreeMap<String, u64>,
    records: u64,
    without_id: u64,
    unread: u64,
}

impl Findings {
    /// Counts what may be anybody's. A row with an employee id that could not be used while everybody was there (`is_known`) is nobody's
    /// who is missing now: else one odd row would leave everybody who leaves the access for ever.
    pub fn doubt(&mut self, is_known: impl Fn(&str) -> bool) {
        self.doubtful.retain(|record| !is_known(record.employee_id()));
        self.of_nobody.retain(|id| !is_known(id));
        self.without_id += self.of_nobody.len() as u64;
    }

    /// The rows that may be anybody's, as far as they can be named, once [`Findings::doubt`] has counted them.
    pub fn rows_of_anybody(&self) -> Vec<String> {
        let without = self.rejected.iter().filter(|one| one.employee_id.is_none());
        let rows = without.filter_map(|one| Some(format!("row {}", one.row?)));
        rows.chain(self.of_nobody.iter().map(|id| format!("employee id {id}"))).collect()
    }

    /// A source's header, with which columns have values.
    pub fn header(&self, names: HeaderNames) -> HeaderNames {
        let (filled, records) = &self.filled;
        names.with_values(filled.iter().map(|(name, number)| (name.as_str(), *number)), *records)
    }
}

/// What came of a complete read.
#[derive(Clone)]
pub struct Findings {
    /// Records of people who are new, changed or not yet settled; in the order of the source.
    pub changed: Vec<Record>,
    /// Rows that cannot be used.
    pub rejected: Vec<Rejection>,
    /// Rows behind the first of those that share an employee id and differ, which are one rejection.
    pub doubled_rows: u64,
    /// Records that share an employee id and differ: some may be of somebody else, whose id was lost.
    pub doubtful: Vec<Record>,
    /// People of the state table whom the source no longer names and who are not settled as absent.
    pub absent: Vec<String>,
    /// People whom a delta names as gone; of everybody merged: those of `absent` of whom it is known that they are gone.
    pub gone: Vec<String>,
    /// Those of `gone` of whom a source has said so, where that is asked: not merely does none name them any more.
    pub said: BTreeSet<String>,
    /// How many of `rejected` cannot be tied to a person. While there is one, absence proves nothing.
    pub without_id: u64,
    /// Employee ids of damaged rows that may be anybody's; [`Findings::doubt`] adds them to `without_id`.
    pub of_nobody: Vec<String>,
    /// Whether absence proves nothing for another reason, so that only those of `gone` have left.
    pub unsure: bool,
    /// Whether the run only looks again at what another one left: it proves no further absence.
    pub again: bool,
    /// How many who have left came with fields that cannot be read, which are left empty.
    pub unread: u64,
    /// Rows read, good or not.
    pub rows: u64,
    /// For how many people what waits brings about what their record says.
    pub waiting: u64,
    /// How many of the records have a value, by column; and how many records there are.
    pub filled: (BTreeMap<String, u64>, u64),
    /// A digest of everybody's values that does not depend on the order of rows.
    pub digest: Fingerprint,
}

impl Intake {
    /// An intake with room for `people`.
    pub fn with_capacity(people: usize) -> Self {
        Self {
            people: IndexMap::with_capacity_and_hasher(people, DefaultHashBuilder::default()),
            ..Self::default()
        }
    }

    /// Adds somebody of the state table. [`Fingerprint::NONE`] means that the person is not settled.
    pub fn know(&mut self, employee_id: &str, settled: Fingerprint) {
        let known = Known { settled, in_state: true, ..Known::default() };
        self.people.insert(CompactString::new(employee_id), known);
    }

    /// Marks somebody as due: a date changes the decision today, whatever the record says.
    pub fn unsettle(&mut self, employee_id: &str) {
        if let Some(known) = self.people.get_mut(employee_id) {
            (known.settled, known.waits) = (Fingerprint::NONE, false);
        }
    }

    /// Marks somebody for whom an action waits that brings about all that a record with this fingerprint asks for: with any other one they
    /// are looked at.
    pub fn wait(&mut self, employee_id: &str, fingerprint: Fingerprint) {
        if let Some(known) = self.people.get_mut(employee_id) {
            (known.settled, known.waits) = (fingerprint, true);
        }
    }

    /// Takes in somebody by the record's fingerprint alone. `false`: nothing was taken in; whoever is new, has changed or is not
    /// settled has to come with the record.
    pub fn accept_settled(&mut self, employee_id: &str, fingerprint: Fingerprint) -> bool {
        let known = self.people.get_mut(employee_id);
        let Some(known) =
            known.filter(|known| known.settled == fingerprint && known.seen == Fingerprint::NONE)
        else {
            return false;
        };
        known.seen = fingerprint;
        self.rows += 1;
        true
    }

    /// Takes in that it is known of somebody that they are gone: not merely does nobody name them.
    pub fn leave(&mut self, employee_id: &str) {
        if let Some(known) = self.people.get_mut(employee_id) {
            known.gone = true;
        }
    }

    /// Takes in a row that cannot be used, whatever else is said of the same person.
    pub fn refuse(&mut self, rejection: Rejection) {
        match &rejection.employee_id {
            Some(id) => {
                let known = self.people.entry(CompactString::new(id)).or_default();
                known.spoiled = true;
                known.seen = Fingerprint(known.seen.0.max(1));
            }
            None => self.without_id += 1,
        }
        self.rejected.push(rejection);
    }

    /// Tells of a row that cannot be used, and keeps nobody for it.
    pub fn tell(&mut self, rejection: Rejection) {
        self.rejected.push(rejection);
    }

    /// Takes in a batch.
    pub fn accept(&mut self, batch: RecordBatch) {
        self.rows += batch.len() as u64;
        self.unread += batch.unread;
        self.records += batch.len() as u64;
        for (name, number) in batch.filled() {
            match self.filled.get_mut(name) {
                Some(filled) => *filled += number,
                None => _ = self.filled.insert(name.to_owned(), number),
            }
        }
        for index in 0..batch.len() {
            self.accept_record(&batch, index);
        }
        self.gone.extend(batch.gone);
        for rejection in batch.rejections {
            self.rows += 1;
            self.refuse(rejection);
        }
    }

    fn accept_record(&mut self, batch: &RecordBatch, index: usize) {
        let (employee_id, row, fingerprint) = batch.head(index);
        // The lookup by reference costs no allocation for the many who are known.
        if let Some(known) = self.people.get_mut(employee_id) {
            if known.seen == Fingerprint::NONE {
                (known.seen, known.row) = (fingerprint, row);
                if known.settled != fingerprint {
                    self.changed.push(batch.record(index));
                }
            } else if known.seen == fingerprint {
                // The same row again is one.
                self.rows -= 1;
            } else {
                known.spoiled = true;
                self.rows_of_spoiled.entry(CompactString::new(employee_id)).or_default().push(row);
                self.doubtful.push(batch.record(index));
            }
            return;
        }
        if let Entry::Vacant(vacant) = self.people.entry(CompactString::new(employee_id)) {
            vacant.insert(Known { seen: fingerprint, row, ..Known::default() });
        }
        self.changed.push(batch.record(index));
    }

    /// Ends the read. Call it only when the source proved itself complete. `absent` is the fingerprint of people who
    /// are settled as absent; whoever is so and keeps what they have is looked at again where they are known to be gone.
    pub fn finish(mut self, absent: Fingerprint) -> Findings {
        self.reject_contradictions();
        let of_nobody = self.of_nobody();
        let (people, mut gone) = (&self.people, self.gone);
        let is_good = |record: &Record| !people[record.employee_id()].spoiled;
        let (good, spoiled): (Vec<Record>, Vec<Record>) = self.changed.into_iter().partition(is_good);
        let mut doubtful = self.doubtful;
        let is_one_of_some = |record: &Record| self.rows_of_spoiled.contains_key(record.employee_id());
        doubtful.extend(spoiled.into_iter().filter(is_one_of_some));
        let mut doubled_rows = 0;
        for (id, rows) in self.rows_of_spoiled {
            // Also where the first one is as it was, and so is not among those that changed.
            let first = people.get(id.as_str()).map(|known| known.row).filter(|row| *row > 0);
            let mut all: Vec<u64> = first.into_iter().chain(rows).collect();
            all.sort_unstable();
            doubled_rows += all.len().saturating_sub(1) as u64;
            self.rejected.push(differing_rows(id.into(), &all));
        }
        let is_missing = |known: &Known| {
            let is_settled = known.settled == absent || (known.settled == absent.kept() && !known.gone);
            known.in_state && known.seen == Fingerprint::NONE && !is_settled
        };
        let mut missing = Vec::new();
        for (id, known) in people.iter().filter(|(_, known)| is_missing(known)) {
            missing.push(id.to_string());
            if known.gone {
                gone.push(id.to_string());
            }
        }
        missing.sort_unstable();
        let waits = |known: &&Known| known.waits && !known.spoiled && known.seen == known.settled;
        let waiting = people.values().filter(waits).count() as u64;
        let digest = people.values().fold(0_u128, |sum, known| sum.wrapping_add(known.seen.0));
        let digest = digest.wrapping_add(u128::from(self.without_id) << 64);
        Findings {
            changed: good,
            rejected: self.rejected,
            doubled_rows,
            doubtful,
            absent: missing,
            gone,
            said: BTreeSet::new(),
            without_id: self.without_id,
            of_nobody,
            unsure: false,
            again: false,
            unread: self.unread,
            rows: self.rows,
            waiting,
            filled: (self.filled, self.records),
            digest: Fingerprint(digest),
        }
    }
}

impl Intake {
    /// The employee ids of damaged rows that may be somebody else's, or hold such a row: nobody known has them, a good row has them as well, or
    /// the row is too long.
    fn of_nobody(&self) -> Vec<String> {
        let whose = |rejection: &Rejection| {
            let id = rejection.employee_id.as_deref().filter(|_| rejection.kind.is_damage())?;
            let known = self.people.get(id)?;
            (!known.in_state || known.row > 0 || rejection.kind.may_hold_others()).then(|| id.to_owned())
        };
        self.rejected.iter().filter_map(whose).collect()
    }

    /// Of whom one record says that they are gone and another that they are not, nothing is known.
    fn reject_contradictions(&mut self) {
        for id in &self.gone {
            let known = self.people.get_mut(id.as_str());
            let Some(known) = known.filter(|known| known.seen != Fingerprint::NONE && !known.spoiled) else {
                continue;
            };
            known.spoiled = true;
            self.rejected.push(Rejection {
                employee_id: Some(id.clone()),
                row: None,
                kind: RejectionKind::DifferingRows,
                reason: "one record says that whoever has this employee id is gone, and another that they are there; give one of \
                         them another id in the HR system, or take it out"
                    .into(),
            });
        }
    }
}

/// The rejection of somebody who has several rows that differ; `rows` in order.
pub(super) fn differing_rows(employee_id: String, rows: &[u64]) -> Rejection {
    let listed = rows.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    Rejection {
        reason: format!(
            "several rows that differ have this employee id (rows {listed}); keep one of them in the HR system"
        ),
        row: rows.first().copied(),
        kind: RejectionKind::DifferingRows,
        employee_id: Some(employee_id),
    }
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
