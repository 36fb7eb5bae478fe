//! The register: the newest record of each source for each person. It makes a whole of what no single read tells: a delta, or
//! one of several sources.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;
use xxhash_rust::xxh3::Xxh3;

use super::intake::Findings;
use super::mapping::Fields;
use super::record::{Columns, EMPLOYEE_ID, Fingerprint, Record, RecordBatch, RejectionKind};
use super::status_words::StatusWords;

/// How dates are written in the register, whatever the source writes: two sources may not agree.
pub const DATES: &str = "%Y-%m-%d";
/// The fields that hold dates.
const DATE_FIELDS: [&str; 2] = ["hire_date", "termination_date"];
/// What says together whether somebody is employed, and why not. Taken from two sources it would say what neither does: the status
/// of a new employment with the last day of an old one, or a leave of one source with the kind of leave of another.
const EMPLOYMENT: [&str; 5] = [STATUS, "hire_date", "termination_date", "leave_type", "termination_reason"];
/// The field that says whether somebody is employed.
const STATUS: &str = "status";
/// The fields that hold employee ids.
const ID_FIELDS: [&str; 1] = ["manager_id"];

/// The fields of one record, without what is empty.
pub type RegisterFields = BTreeMap<String, String>;

/// What one source told last of somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The record.
    pub fields: RegisterFields,
    /// Whether the source has ceased to deliver it, where absence means nothing in that source.
    pub stale: bool,
}

/// The fingerprint of what a record holds, once it is stale: it has another rank then.
pub fn stale(content: Fingerprint) -> Fingerprint {
    Fingerprint((!content.0).max(1))
}

/// The fingerprint of a record as it is kept.
pub fn content(fields: &RegisterFields) -> Fingerprint {
    let mut hasher = Xxh3::new();
    for (name, value) in fields {
        hasher.update(name.as_bytes());
        hasher.update(&[0x1f]);
        hasher.update(value.as_bytes());
        hasher.update(&[0x1e]);
    }
    Fingerprint(hasher.digest128().max(1))
}

/// The fingerprint of somebody whose records these are, by position and [`content`]. `seed` is the configuration's, by which
/// they are merged.
pub fn fingerprint(contents: &mut [(usize, Fingerprint)], seed: u64) -> Fingerprint {
    contents.sort_unstable_by_key(|(place, _)| *place);
    let mut hasher = Xxh3::with_seed(seed);
    for (place, content) in contents {
        hasher.update(&(*place as u64).to_le_bytes());
        hasher.update(&content.0.to_le_bytes());
    }
    Fingerprint(hasher.digest128().max(1))
}

/// A source, as far as its records are concerned.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The name by which the register and the operator know it.
    pub name: String,
    /// What stands before its employee ids, so that two sources' ids cannot meet by chance.
    pub id_prefix: String,
    /// What stands before the ids of other sources and could stand before one of its own.
    pub foreign_prefixes: Vec<String>,
    /// How its dates are written.
    pub date_formats: Vec<String>,
    /// In how many complete reads in a row a record has to be missing before it counts as gone. `None`: never.
    pub absence_runs: Option<u32>,
    /// Its own words for a status, where it has any.
    pub statuses: Option<StatusWords>,
}

impl Origin {
    /// The employee id as everybody else knows it.
    pub fn id(&self, own: &str) -> String {
        format!("{}{own}", self.id_prefix)
    }

    /// A batch in which those records are refused whose id another source's prefix makes of one of its own: two people would
    /// become one.
    pub fn refusing_foreign(&self, batch: RecordBatch) -> RecordBatch {
        let foreign = |id: &str| self.foreign_prefixes.iter().find(|prefix| id.starts_with(prefix.as_str()));
        if (0..batch.len()).all(|index| foreign(batch.head(index).0).is_none()) {
            return batch;
        }
        let why = |prefix: &String| {
            let reason = format!(
                "has an employee id that begins with '{prefix}', the id_prefix of another source: it would be taken for the person whom \
                 that source has under the rest of it; give that source another id_prefix, or this person another id"
            );
            (RejectionKind::UnusableEmployeeId, reason)
        };
        batch.refusing(|record| foreign(record.employee_id()).map(why))
    }

    /// A record's fields as they are kept.
    pub fn fields(&self, record: &Record) -> RegisterFields {
        let field = |name: &String| {
            let value = record.get(name)?;
            Some((name.clone(), self.kept(name, value)))
        };
        record.names().iter().filter(|name| *name != EMPLOYEE_ID).filter_map(field).collect()
    }

    fn kept(&self, name: &str, value: &str) -> String {
        if ID_FIELDS.contains(&name) {
            return self.id(value);
        }
        if DATE_FIELDS.contains(&name) {
            let read = |format: &String| NaiveDate::parse_from_str(value, format).ok();
            // What is no date stays as it is: the person is rejected by it, with the value in the words.
            return self.date_formats.iter().find_map(read).map_or(value.to_owned(), |date| date.to_string());
        }
        match &self.statuses {
            Some(words) if name == STATUS => words.told(value).into_owned(),
            _ => value.to_owned(),
        }
    }
}

/// What a read changes in the register, of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This is the newest record.
    Put {
        /// As it is kept.
        fields: RegisterFields,
        /// As it was read.
        fingerprint: Fingerprint,
    },
    /// It was missing again, in so many reads in a row by now; that is not enough to count as gone.
    Missing {
        /// How many; where absence means nothing they are not counted.
        reads: u32,
    },
    /// It is missing where absence means nothing: it stays, behind the records of sources that still deliver one.
    Stale,
    /// There is none any more. It stays known that there was one: whoever is in no source now is gone, not merely unknown.
    Gone {
        /// In how many complete reads in a row it was missing; `None`: the source said so.
        missing: Option<u32>,
    },
}

/// What a read changes in the register, by employee id with the prefix.
pub type Changes = HashMap<String, Change>;

/// What is known of a record that was missing before already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missed {
    /// In how many complete reads in a row.
    pub reads: u32,
    /// Whether it is settled that it is stale.
    pub stale: bool,
}

/// What it comes to that a record was missing in so many complete reads in a row, if it comes to anything yet.
pub fn settled(origin: &Origin, reads: u32) -> Option<Change> {
    match origin.absence_runs {
        Some(runs) => (reads >= runs).then_some(Change::Gone { missing: Some(reads) }),
        None => Some(Change::Stale),
    }
}

/// What a complete read of everybody changes. `missed`: who was missing before already. `strangers`: ids of the register that
/// are none of this source's, since it had another prefix when they were read. Rows that nobody can tell whose they are make
/// absence mean nothing.
pub fn by_snapshot(
    findings: &Findings,
    missed: &HashMap<String, Missed>,
    strangers: Vec<String>,
    origin: &Origin,
) -> Changes {
    let mut changes = by_delta(findings, origin);
    if findings.without_id > 0 {
        return changes;
    }
    for id in findings.absent.iter().map(|own| origin.id(own)).chain(strangers) {
        let before = missed.get(&id).copied().unwrap_or_default();
        if before.stale && origin.absence_runs.is_none() {
            continue;
        }
        let reads = before.reads.saturating_add(1);
        let absent = settled(origin, reads).unwrap_or(Change::Missing { reads });
        changes.entry(id).or_insert(absent);
    }
    changes
}

/// What a delta changes: absence means nothing in it. Of whom it says as well what cannot be used, nothing is known.
pub fn by_delta(findings: &Findings, origin: &Origin) -> Changes {
    let mut changes = puts(findings, origin);
    let refused: HashSet<&String> =
        findings.rejected.iter().filter_map(|one| one.employee_id.as_ref()).collect();
    let gone = findings.gone.iter().filter(|own| !refused.contains(own));
    changes.extend(gone.map(|own| (origin.id(own), Change::Gone { missing: None })));
    changes
}

fn puts(findings: &Findings, origin: &Origin) -> Changes {
    let put = |record: &Record| {
        let change = Change::Put { fields: origin.fields(record), fingerprint: record.fingerprint };
        (origin.id(record.employee_id()), change)
    };
    findings.changed.iter().map(put).collect()
}

/// Whose word counts where several sources know a person.
#[derive(Clone, Debug, Default)]
pub struct Precedence {
    /// The sources by priority, as positions.
    pub usual: Vec<usize>,
    /// Attributes for which others come first.
    pub of: BTreeMap<String, Vec<usize>>,
    /// The sources that say whether somebody is employed: those with a column for the status.
    pub employing: BTreeSet<usize>,
}

impl Precedence {
    /// One record out of those of all sources, in the order of `columns`: of each attribute the first value that is there, of a
    /// stale record last. Status, dates, leave type and termination reason come from one source, the first that names the person
    /// and has a status at all, unless another order is set for one of them: where it leaves the status empty, that of another
    /// source says nothing about this employment.
    pub fn merge<'a>(
        &'a self,
        employee_id: &'a str,
        records: &'a HashMap<usize, Kept>,
        columns: &'a Columns,
    ) -> impl Iterator<Item = &'a str> {
        let employed_by = self.deciding(records);
        columns.names().iter().map(move |name| {
            if name == EMPLOYEE_ID {
                return employee_id;
            }
            if let Some((_, kept)) = employed_by
                && EMPLOYMENT.contains(&name.as_str())
                && (name == "status" || !self.of.contains_key(name))
            {
                return value(kept, name).unwrap_or_default();
            }
            self.ranked(name, records).find_map(|(_, kept)| value(kept, name)).unwrap_or_default()
        })
    }

    /// The source that says whether somebody is employed whose records these are, with its record.
    pub fn deciding<'a>(&'a self, records: &'a HashMap<usize, Kept>) -> Option<(usize, &'a Kept)> {
        self.ranked(STATUS, records).find(|(source, _)| self.employing.contains(source))
    }

    /// Whether nothing that the second source says changes whether somebody is employed of whom the first one has a record.
    pub fn outranks(&self, first: usize, second: usize) -> bool {
        let order = || self.of.get(STATUS).into_iter().flatten().chain(&self.usual);
        let rank = |source: usize| order().position(|one| *one == source);
        first != second && (!self.employing.contains(&second) || rank(first) < rank(second))
    }

    /// Somebody's records in the order in which they are asked for an attribute.
    fn ranked<'a>(
        &'a self,
        name: &str,
        records: &'a HashMap<usize, Kept>,
    ) -> impl Iterator<Item = (usize, &'a Kept)> + use<'a> {
        let first = self.of.get(name).map_or(&[][..], Vec::as_slice);
        let of = move |stale: bool| {
            let order = first.iter().chain(&self.usual);
            let kept = order.filter_map(|source| Some((*source, records.get(source)?)));
            kept.filter(move |(_, kept)| kept.stale == stale)
        };
        of(false).chain(of(true))
    }
}

fn value<'a>(kept: &'a Kept, name: &str) -> Option<&'a str> {
    kept.fields.get(name).map(String::as_str)
}

#[cfg(test)]
#[path = "register_tests.rs"]
mod tests;
