//! Takes in what a source delivers, beside what the state table knows, and finds who has to be looked at.

use std::collections::BTreeMap;

use compact_str::CompactString;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::record::{Fingerprint, Record, RecordBatch, Rejection, RejectionKind};

#[derive(Clone, Copy, Default)]
struct Known {
    settled: Fingerprint,
    seen: Fingerprint,
    in_state: bool,
    spoiled: bool,
    gone: bool,
}

/// Everybody known, with the fingerprint at which they were last settled; then everybody delivered.
///
/// Its memory is one entry a person, whatever the size of the source, and the records of those who changed.
#[derive(Default)]
pub struct Intake {
    people: HashMap<CompactString, Known>,
    changed: Vec<Record>,
    rejected: Vec<Rejection>,
    rows_of_spoiled: BTreeMap<CompactString, Vec<u64>>,
    gone: Vec<String>,
    rows: u64,
    without_id: u64,
    unread: u64,
}

/// What came of a complete read.
#[derive(Clone)]
pub struct Findings {
    /// Records of people who are new, changed or not yet settled; in the order of the source.
    pub changed: Vec<Record>,
    /// Rows that cannot be used.
    pub rejected: Vec<Rejection>,
    /// People of the state table whom the source no longer names and who are not settled as absent.
    pub absent: Vec<String>,
    /// People whom a delta names as gone; of everybody merged: those of `absent` of whom it is known that they are gone.
    pub gone: Vec<String>,
    /// How many of `rejected` cannot be tied to a person. While there is one, absence proves nothing.
    pub without_id: u64,
    /// Whether absence proves nothing for another reason, so that only those of `gone` have left.
    pub unsure: bool,
    /// Whether the run only looks again at what another one left: it proves no further absence.
    pub again: bool,
    /// How many who have left came with fields that cannot be read, which are left empty.
    pub unread: u64,
    /// Rows read, good or not.
    pub rows: u64,
    /// A digest of everybody's values that does not depend on the order of rows.
    pub digest: Fingerprint,
}

impl Intake {
    /// An intake with room for `people`.
    pub fn with_capacity(people: usize) -> Self {
        Self { people: HashMap::with_capacity(people), ..Self::default() }
    }

    /// Adds somebody of the state table. [`Fingerprint::NONE`] means that the person is not settled.
    pub fn know(&mut self, employee_id: &str, settled: Fingerprint) {
        let known = Known { settled, in_state: true, ..Known::default() };
        self.people.insert(CompactString::new(employee_id), known);
    }

    /// Marks somebody as due: a date changes the decision today, whatever the record says.
    pub fn unsettle(&mut self, employee_id: &str) {
        if let Some(known) = self.people.get_mut(employee_id) {
            known.settled = Fingerprint::NONE;
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
                known.seen = fingerprint;
                if known.settled != fingerprint {
                    self.changed.push(batch.record(index));
                }
            } else if known.seen == fingerprint {
                // The same row again is one.
                self.rows -= 1;
            } else {
                known.spoiled = true;
                self.rows_of_spoiled.entry(CompactString::new(employee_id)).or_default().push(row);
            }
            return;
        }
        if let Entry::Vacant(vacant) = self.people.entry(CompactString::new(employee_id)) {
            vacant.insert(Known { seen: fingerprint, ..Known::default() });
        }
        self.changed.push(batch.record(index));
    }

    /// Ends the read. Call it only when the source proved itself complete. `absent` is the fingerprint of people who
    /// are settled as absent; whoever is so and keeps what they have is looked at again where they are known to be gone.
    pub fn finish(mut self, absent: Fingerprint) -> Findings {
        self.reject_contradictions();
        let (people, mut gone) = (&self.people, self.gone);
        let (good, spoiled): (Vec<_>, Vec<_>) =
            self.changed.into_iter().partition(|record| !people[record.employee_id()].spoiled);
        let first_rows: BTreeMap<&str, u64> =
            spoiled.iter().map(|record| (record.employee_id(), record.row)).collect();
        for (id, rows) in self.rows_of_spoiled {
            let mut all: Vec<u64> = first_rows.get(id.as_str()).copied().into_iter().chain(rows).collect();
            all.sort_unstable();
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
        let digest = people.values().fold(0_u128, |sum, known| sum.wrapping_add(known.seen.0));
        let digest = digest.wrapping_add(u128::from(self.without_id) << 64);
        Findings {
            changed: good,
            rejected: self.rejected,
            absent: missing,
            gone,
            without_id: self.without_id,
            unsure: false,
            again: false,
            unread: self.unread,
            rows: self.rows,
            digest: Fingerprint(digest),
        }
    }
}

impl Intake {
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
mod tests {
    use super::super::record::Columns;
    use super::*;

    const ABSENT: Fingerprint = Fingerprint(1);

    fn batch(rows: &[(&str, &str)]) -> RecordBatch {
        let mut batch = RecordBatch::new(Columns::new(["status"]), 0);
        for (number, (id, status)) in (1..).zip(rows) {
            batch.push(number, [*id, *status].into_iter());
        }
        batch
    }

    fn ids(findings: &Findings) -> Vec<&str> {
        findings.changed.iter().map(Record::employee_id).collect()
    }

    #[test]
    fn only_new_changed_and_unsettled_people_are_looked_at() {
        let rows = batch(&[("1", "Active"), ("2", "Active"), ("3", "Active"), ("4", "Active")]);
        let mut intake = Intake::default();
        intake.know("1", rows.head(0).2);
        intake.know("2", Fingerprint(77));
        intake.know("3", rows.head(2).2);
        intake.unsettle("3");
        intake.accept(rows);
        let findings = intake.finish(ABSENT);
        assert_eq!(ids(&findings), ["2", "3", "4"]);
        assert!(findings.absent.is_empty());
    }

    #[test]
    fn whoever_is_taken_in_by_the_fingerprint_alone_counts_as_if_by_the_record() {
        let rows = batch(&[("1", "Active"), ("2", "Active")]);
        let heads: Vec<(String, Fingerprint)> =
            (0..2).map(|at| (rows.head(at).0.to_owned(), rows.head(at).2)).collect();
        let known = || {
            let mut intake = Intake::default();
            intake.know("1", heads[0].1);
            intake.know("2", Fingerprint(77));
            intake
        };
        let (mut by_records, mut by_heads) = (known(), known());
        by_records.accept(batch(&[("1", "Active"), ("2", "Active")]));
        assert!(by_heads.accept_settled("1", heads[0].1));
        assert!(!by_heads.accept_settled("2", heads[1].1), "changed");
        assert!(!by_heads.accept_settled("3", heads[1].1), "new");
        by_heads.accept(rows.without(|id| id == "1"));
        let (one, other) = (by_records.finish(ABSENT), by_heads.finish(ABSENT));
        assert_eq!((ids(&one), one.rows, one.digest), (ids(&other), other.rows, other.digest));
        assert_eq!((&one.absent, &other.absent), (&Vec::new(), &Vec::new()));
    }

    #[test]
    fn equal_rows_are_one_and_rows_that_differ_reject_the_person_who_is_not_absent() {
        let mut intake = Intake::default();
        intake.know("2", Fingerprint(77));
        intake.accept(batch(&[
            ("1", "Active"),
            ("1", "Active"),
            ("2", "Active"),
            ("2", "Left"),
            ("2", "Active"),
        ]));
        let findings = intake.finish(ABSENT);
        assert_eq!(ids(&findings), ["1"]);
        assert!(findings.absent.is_empty(), "a rejected person never looks like a leaver");
        assert_eq!(findings.rejected.len(), 1);
        assert!(findings.rejected[0].reason.contains("rows 3, 4"), "{}", findings.rejected[0].reason);
    }

    #[test]
    fn whoever_is_not_delivered_is_absent_once_and_then_settled_as_absent() {
        let mut intake = Intake::default();
        intake.know("1", Fingerprint(5));
        intake.know("2", ABSENT);
        let findings = intake.finish(ABSENT);
        assert_eq!(findings.absent, ["1"]);
    }

    #[test]
    fn whoever_is_settled_as_absent_and_kept_is_looked_at_again_once_they_are_known_to_be_gone() {
        let findings = |settled, is_gone: bool| {
            let mut intake = Intake::default();
            intake.know("1", settled);
            if is_gone {
                intake.leave("1");
            }
            intake.leave("never heard of");
            let findings = intake.finish(ABSENT);
            (findings.absent.len(), findings.gone.len())
        };
        assert_eq!(findings(Fingerprint(5), false), (1, 0));
        assert_eq!(findings(Fingerprint(5), true), (1, 1));
        assert_eq!(findings(ABSENT.kept(), false), (0, 0));
        assert_eq!(findings(ABSENT.kept(), true), (1, 1));
        assert_eq!(findings(ABSENT, true), (0, 0));
    }

    #[test]
    fn who_is_refused_is_not_absent_and_not_judged_by_an_older_record() {
        let refuse = |id: Option<&str>| Rejection {
            employee_id: id.map(str::to_owned),
            row: None,
            kind: RejectionKind::UnfitField,
            reason: "is a list".into(),
        };
        let mut intake = Intake::default();
        ["1", "2", "3"].iter().for_each(|id| intake.know(id, Fingerprint(5)));
        intake.accept(batch(&[("1", "Left"), ("3", "Left")]));
        [Some("1"), Some("2"), None].into_iter().for_each(|id| intake.refuse(refuse(id)));
        let findings = intake.finish(ABSENT);
        assert_eq!((ids(&findings), findings.absent.len()), (vec!["3"], 0));
        assert_eq!((findings.rejected.len(), findings.without_id, findings.rows), (3, 1, 2));
    }

    #[test]
    fn who_is_gone_by_one_record_and_there_by_another_is_rejected_in_either_order() {
        for is_gone_first in [true, false] {
            let mut intake = Intake::default();
            ["1", "2", "3"].iter().for_each(|id| intake.know(id, Fingerprint(5)));
            let mut gone = batch(&[]);
            gone.gone = vec!["1".into(), "2".into(), "1".into()];
            let there = batch(&[("1", "Active"), ("3", "Active")]);
            let batches = if is_gone_first { [gone, there] } else { [there, gone] };
            batches.into_iter().for_each(|batch| intake.accept(batch));
            let findings = intake.finish(ABSENT);
            assert_eq!(ids(&findings), ["3"]);
            let rejected: Vec<_> = findings.rejected.iter().map(|one| one.employee_id.as_deref()).collect();
            assert_eq!(rejected, [Some("1")]);
        }
    }

    #[test]
    fn a_spoiled_row_takes_its_good_twin_with_it_and_a_row_without_an_id_is_counted() {
        let mut rows = batch(&[("1", "Active")]);
        let reject = |id: Option<&str>| Rejection {
            employee_id: id.map(str::to_owned),
            row: Some(9),
            kind: RejectionKind::FieldCount,
            reason: "short".into(),
        };
        rows.rejections = vec![reject(Some("1")), reject(None)];
        let mut intake = Intake::default();
        intake.accept(rows);
        let findings = intake.finish(ABSENT);
        assert!(findings.changed.is_empty());
        assert_eq!((findings.rejected.len(), findings.without_id, findings.rows), (2, 1, 3));
    }

    #[test]
    fn the_digest_minds_values_but_not_the_order_of_rows() {
        let digest = |rows: &[(&str, &str)]| {
            let mut intake = Intake::default();
            intake.accept(batch(rows));
            intake.finish(ABSENT).digest
        };
        assert_eq!(digest(&[("1", "a"), ("2", "b")]), digest(&[("2", "b"), ("1", "a")]));
        assert_ne!(digest(&[("1", "a"), ("2", "b")]), digest(&[("1", "b"), ("2", "a")]));
    }
}
