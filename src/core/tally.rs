//! What a read would come to, counted as its batches pass: nobody's record is kept, so its size does not matter.

use std::collections::{BTreeMap, HashMap as StdHashMap, HashSet};
use std::num::NonZeroU32;

use compact_str::CompactString;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use xxhash_rust::xxh3::xxh3_64;

use super::intake::differing_rows;
use super::judged::Judged;
use super::reach::{Census, Class, Classes};
use super::record::{Fingerprint, Record, RecordBatch, Rejection};
use super::user_names::{held_user_name, shared_user_name};

/// How many rejections are kept of what the source and the rules refuse; the others are counted.
const KEPT: usize = 1_000;
/// How many records are kept from which the sample is taken: a later row may still spoil one.
const SAMPLES: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Usable,
    /// By the rules.
    Refused,
    /// By their rows.
    Spoiled,
}

struct Standing {
    fingerprint: Fingerprint,
    row: u64,
    fate: Fate,
    /// A digest of the user name that they map to; 0: none.
    user_name: u64,
    /// Whether somebody holds that name, they or another.
    is_held: bool,
    /// The number of their class, where classes are counted and they were judged.
    class: Option<NonZeroU32>,
}

/// Somebody who maps to a user name that another holds.
struct Held {
    id: CompactString,
    holder: CompactString,
    rejection: Rejection,
}

/// Everybody delivered so far: one small entry a person.
#[derive(Default)]
pub struct Tally {
    people: HashMap<CompactString, Standing>,
    rows_of_spoiled: BTreeMap<CompactString, Vec<u64>>,
    refused_rows: Vec<Rejection>,
    refused_people: Vec<Rejection>,
    held: Vec<Held>,
    rows_refused: u64,
    samples: Vec<Record>,
    rows: u64,
    /// What the rules make of people, where that is counted.
    classes: Option<Classes>,
}

/// What the read came to.
#[derive(Debug, Default)]
pub struct Count {
    /// Rows that came, good or not.
    pub rows: u64,
    /// People who can be used.
    pub usable: u64,
    /// Rows and people who cannot: as many as a run would reject.
    pub rejected: u64,
    /// The first of these.
    pub first_rejected: Vec<Rejection>,
    /// The first record that can be used; `None`: there is none.
    pub sample: Option<Record>,
    /// What the rules make of those who can be used, where that is counted.
    pub census: Census,
}

impl Count {
    /// Whether records came, and not one of them can be used.
    pub fn is_useless(&self) -> bool {
        self.usable == 0 && self.rejected > 0
    }
}

impl Tally {
    /// One that counts what the rules make of people.
    pub fn with_classes() -> Self {
        Self { classes: Some(Classes::default()), ..Self::default() }
    }

    /// Takes in a batch, and gives back the records of those who came for the first time.
    pub fn accept(&mut self, batch: RecordBatch) -> Vec<Record> {
        self.rows += (batch.len() + batch.rejections.len()) as u64;
        let mut fresh = Vec::new();
        for index in 0..batch.len() {
            let (id, row, fingerprint) = batch.head(index);
            match self.people.entry(CompactString::new(id)) {
                Entry::Vacant(vacant) => {
                    vacant.insert(Standing {
                        fingerprint,
                        row,
                        fate: Fate::Usable,
                        user_name: 0,
                        is_held: false,
                        class: None,
                    });
                    fresh.push(batch.record(index));
                }
                Entry::Occupied(mut known) if known.get().fingerprint != fingerprint => {
                    let (id, known) = (known.key().clone(), known.get_mut());
                    // Who was spoiled by a row that is no record has none that was first.
                    let first = (known.fingerprint != Fingerprint::NONE).then_some(known.row);
                    self.rows_of_spoiled.entry(id).or_insert_with(|| Vec::from_iter(first)).push(row);
                    known.fate = Fate::Spoiled;
                }
                // The same row again is one.
                Entry::Occupied(_) => self.rows -= 1,
            }
        }
        for rejection in batch.rejections {
            self.rows_refused += 1;
            if let Some(id) = &rejection.employee_id {
                let nobody = || Standing {
                    fingerprint: Fingerprint::NONE,
                    row: 0,
                    fate: Fate::Spoiled,
                    user_name: 0,
                    is_held: false,
                    class: None,
                };
                self.people.entry(CompactString::new(id)).or_insert_with(nobody).fate = Fate::Spoiled;
            }
            keep(&mut self.refused_rows, rejection);
        }
        self.samples.retain(|record| is(&self.people, record.employee_id(), Fate::Usable));
        fresh
    }

    /// Whether records are wanted to take the sample from.
    pub fn wants_samples(&self) -> bool {
        self.samples.len() < SAMPLES
    }

    /// Takes the sample from these, if it can be any.
    pub fn sample_from(&mut self, records: impl IntoIterator<Item = Record>) {
        let people = &self.people;
        let usable = records.into_iter().filter(|record| is(people, record.employee_id(), Fate::Usable));
        let room = SAMPLES.saturating_sub(self.samples.len());
        self.samples.extend(usable.take(room));
    }

    /// Takes in what the rules say of those who came; `holders` have their user names in state. `None`: whose name is somebody else's gets
    /// another one.
    pub fn judged(
        &mut self,
        judged: Vec<Judged>,
        refused: Vec<Rejection>,
        holders: Option<&StdHashMap<String, String>>,
    ) {
        refused.into_iter().for_each(|rejection| self.refuse(rejection));
        for person in judged {
            if let Some(classes) = &mut self.classes
                && let Some(standing) = self.people.get_mut(person.employee_id())
            {
                standing.class = Some(classes.number(Class::of(person.decision())));
            }
            let (Some(name), Some(holders)) = (person.user_name(), holders) else { continue };
            let holder = holders.get(&name);
            if let Some(standing) = self.people.get_mut(person.employee_id()) {
                (standing.user_name, standing.is_held) = (xxh3_64(name.as_bytes()).max(1), holder.is_some());
            }
            if let Some(holder) = holder.filter(|holder| *holder != person.employee_id()) {
                let rejection = held_user_name(&person, holder);
                let (id, holder) = (CompactString::new(person.employee_id()), CompactString::new(holder));
                self.held.push(Held { id, holder, rejection });
            }
        }
    }

    /// Refuses those whose user name another holds who keeps it. Where the holder takes another one, they wait for that.
    fn settle_held(&mut self) {
        let mut wanted: HashMap<u64, u32> = HashMap::new();
        for one in &self.held {
            *wanted.entry(self.people[&one.id].user_name).or_default() += 1;
        }
        for one in std::mem::take(&mut self.held) {
            let name = self.people[&one.id].user_name;
            let moves = self.people.get(&one.holder).is_some_and(|holder| {
                holder.fate == Fate::Usable && holder.user_name != 0 && holder.user_name != name
            });
            if !moves || wanted[&name] > 1 {
                self.refuse(one.rejection);
            }
        }
    }

    fn refuse(&mut self, rejection: Rejection) {
        let id = rejection.employee_id.as_deref().unwrap_or_default();
        if let Some(standing) = self.people.get_mut(id).filter(|standing| standing.fate == Fate::Usable) {
            standing.fate = Fate::Refused;
            keep(&mut self.refused_people, rejection);
        }
    }

    /// Whether somebody came, good or not.
    pub fn has_come(&self, employee_id: &str) -> bool {
        self.people.contains_key(employee_id)
    }

    /// Whether somebody came and can be used so far.
    pub fn is_usable(&self, employee_id: &str) -> bool {
        is(&self.people, employee_id, Fate::Usable)
    }

    /// Ends the count, with at most so many rejections told, and so many of those who are in no role.
    pub fn finish(mut self, told: usize, told_without_role: usize) -> Count {
        self.settle_held();
        let clashes = self.clashes();
        let census = self.census(&clashes, told_without_role);
        let of_fate = |fate| self.people.values().filter(|standing| standing.fate == fate).count() as u64;
        let spoiled = self.rows_of_spoiled.len() as u64;
        let clashing = clashes.len() as u64;
        let mut first = self.refused_rows;
        let people = &self.people;
        let theirs =
            |one: &Rejection| one.employee_id.as_deref().is_some_and(|id| is(people, id, Fate::Refused));
        first.extend(self.refused_people.into_iter().filter(theirs));
        for (id, mut rows) in self.rows_of_spoiled.into_iter().take(KEPT) {
            rows.sort_unstable();
            first.push(differing_rows(id.into(), &rows));
        }
        let sample = self.samples.into_iter().find(|record| {
            !clashes.iter().any(|clash| clash.employee_id.as_deref() == Some(record.employee_id()))
        });
        first.extend(clashes);
        first.sort_by_key(|one| (one.row, one.employee_id.clone()));
        first.truncate(told);
        Count {
            rows: self.rows,
            usable: of_fate(Fate::Usable) - clashing,
            rejected: self.rows_refused + spoiled + of_fate(Fate::Refused) + clashing,
            first_rejected: first,
            sample,
            census,
        }
    }

    /// What the rules make of those who can be used.
    fn census(&self, clashes: &[Rejection], told: usize) -> Census {
        let Some(classes) = &self.classes else { return Census::default() };
        let clashing: HashSet<&str> = clashes.iter().filter_map(|one| one.employee_id.as_deref()).collect();
        let mut numbers: BTreeMap<NonZeroU32, u64> = BTreeMap::new();
        let mut in_no_role: Vec<&str> = Vec::new();
        let usable = self.people.iter().filter(|(_, standing)| standing.fate == Fate::Usable);
        for (id, standing) in usable.filter(|(id, _)| !clashing.contains(id.as_str())) {
            let Some(number) = standing.class else { continue };
            *numbers.entry(number).or_default() += 1;
            if classes.get(number).is_some_and(Class::is_in_no_role) {
                in_no_role.push(id);
            }
        }
        in_no_role.sort_unstable();
        let class = |(number, people)| Some((classes.get(number)?.clone(), people));
        Census {
            classes: numbers.into_iter().filter_map(class).collect(),
            in_no_role: in_no_role.into_iter().take(told).map(str::to_owned).collect(),
        }
    }

    /// Those who map to one user name that nobody holds.
    fn clashes(&self) -> Vec<Rejection> {
        let named = || {
            let usable = self.people.iter().filter(|(_, standing)| standing.fate == Fate::Usable);
            usable.filter(|(_, standing)| standing.user_name != 0 && !standing.is_held)
        };
        let mut numbers: HashMap<u64, u32> = HashMap::new();
        for (_, standing) in named() {
            *numbers.entry(standing.user_name).or_default() += 1;
        }
        let mut by_name: BTreeMap<u64, Vec<(&str, u64)>> = BTreeMap::new();
        for (id, standing) in named().filter(|(_, standing)| numbers[&standing.user_name] > 1) {
            by_name.entry(standing.user_name).or_default().push((id, standing.row));
        }
        let mut clashes = Vec::new();
        for people in by_name.values_mut() {
            people.sort_unstable();
            let ids = people.iter().map(|(id, _)| *id);
            clashes.extend(people.iter().map(|(id, row)| shared_user_name(id, *row, ids.clone())));
        }
        clashes
    }
}

fn is(people: &HashMap<CompactString, Standing>, employee_id: &str, fate: Fate) -> bool {
    people.get(employee_id).is_some_and(|standing| standing.fate == fate)
}

fn keep(kept: &mut Vec<Rejection>, rejection: Rejection) {
    if kept.len() < KEPT {
        kept.push(rejection);
    }
}

#[cfg(test)]
mod tests {
    use super::super::intake::Intake;
    use super::super::record::{Columns, RejectionKind};
    use super::*;

    fn batch(rows: &[(u64, &str, &str)], refused: &[(u64, Option<&str>)]) -> RecordBatch {
        let mut batch = RecordBatch::new(Columns::new(["status"]), 7);
        for (row, id, status) in rows {
            batch.push(*row, [*id, *status].into_iter());
        }
        batch.rejections = refused
            .iter()
            .map(|(row, id)| Rejection {
                employee_id: id.map(str::to_owned),
                row: Some(*row),
                kind: RejectionKind::FieldCount,
                reason: "short".into(),
            })
            .collect();
        batch
    }

    /// Two batches with everything in them that rows alone can be rejected for.
    fn batches() -> [RecordBatch; 2] {
        [
            batch(
                &[(2, "1", "a"), (3, "2", "a"), (4, "2", "a"), (5, "3", "a")],
                &[(1, None), (6, Some("4"))],
            ),
            batch(&[(7, "1", "b"), (8, "4", "a"), (9, "1", "c"), (10, "5", "a")], &[(11, Some("5"))]),
        ]
    }

    #[test]
    fn a_tally_counts_and_rejects_what_the_intake_does() {
        let (mut tally, mut intake) = (Tally::default(), Intake::default());
        for batch in batches() {
            let fresh = tally.accept(batch);
            tally.sample_from(fresh);
        }
        batches().into_iter().for_each(|batch| intake.accept(batch));
        let (count, findings) = (tally.finish(100, 0), intake.finish(Fingerprint::NONE));
        assert_eq!((count.rows, count.usable), (findings.rows, findings.changed.len() as u64));
        let mut rejected = findings.rejected;
        rejected.sort_by_key(|one| (one.row, one.employee_id.clone()));
        assert_eq!(count.first_rejected, rejected);
        assert_eq!(count.rejected, rejected.len() as u64);
        let sample = count.sample.unwrap();
        assert_eq!((sample.employee_id(), sample.row), ("2", 3), "the first whom no later row has spoiled");
    }

    #[test]
    fn without_a_usable_record_there_is_no_sample_and_only_so_much_is_told() {
        let mut tally = Tally::default();
        let rows: Vec<(u64, Option<&str>)> = (1..=5_000).map(|row| (row, None)).collect();
        let fresh = tally.accept(batch(&[], &rows));
        tally.sample_from(fresh);
        let count = tally.finish(3, 0);
        assert_eq!((count.rejected, count.first_rejected.len()), (5_000, 3));
        assert!(count.sample.is_none());
    }
}
