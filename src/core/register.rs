//! The register: the newest record of each source for each person. It makes a whole of what no single read tells: a delta, or
//! one of several sources.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::NaiveDate;
use xxhash_rust::xxh3::Xxh3;

use super::intake::Findings;
use super::mapping::Fields;
use super::record::{Columns, EMPLOYEE_ID, Fingerprint, Record};

/// How dates are written in the register, whatever the source writes: two sources may not agree.
pub const DATES: &str = "%Y-%m-%d";
/// The fields that hold dates.
const DATE_FIELDS: [&str; 2] = ["hire_date", "termination_date"];
/// What says together whether somebody is employed, and why not. Taken from two sources it would say what neither does: the status
/// of a new employment with the last day of an old one, or a leave of one source with the kind of leave of another.
const EMPLOYMENT: [&str; 5] = ["status", "hire_date", "termination_date", "leave_type", "termination_reason"];
/// The fields that hold employee ids.
const ID_FIELDS: [&str; 1] = ["manager_id"];

/// The fields of one record, without what is empty.
pub type RegisterFields = BTreeMap<String, String>;

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
    /// How its dates are written.
    pub date_formats: Vec<String>,
    /// In how many complete reads in a row a record has to be missing before it counts as gone. `None`: never.
    pub absence_runs: Option<u32>,
}

impl Origin {
    /// The employee id as everybody else knows it.
    pub fn id(&self, own: &str) -> String {
        format!("{}{own}", self.id_prefix)
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
        value.to_owned()
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
        /// How many.
        reads: u32,
    },
    /// There is none any more. It stays known that there was one: whoever is in no source now is gone, not merely unknown.
    Gone {
        /// In how many complete reads in a row it was missing; `None`: the source said so.
        missing: Option<u32>,
    },
}

/// What a read changes in the register, by employee id with the prefix.
pub type Changes = HashMap<String, Change>;

/// What a complete read of everybody changes. `missing`: who was missing before already, in how many reads. `strangers`: ids of
/// the register that are none of this source's, since it had another prefix when they were read. Rows that nobody can tell whose
/// they are make absence mean nothing.
pub fn by_snapshot(
    findings: &Findings,
    missing: &HashMap<String, u32>,
    strangers: Vec<String>,
    origin: &Origin,
) -> Changes {
    let mut changes = by_delta(findings, origin);
    let Some(runs) = origin.absence_runs.filter(|_| findings.without_id == 0) else { return changes };
    for id in findings.absent.iter().map(|own| origin.id(own)).chain(strangers) {
        let reads = missing.get(&id).copied().unwrap_or(0).saturating_add(1);
        let absent =
            if reads >= runs { Change::Gone { missing: Some(reads) } } else { Change::Missing { reads } };
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
}

impl Precedence {
    /// One record out of those of all sources, in the order of `columns`: of each attribute the first value that is there. Status,
    /// dates, leave type and termination reason come from the source that gives the status, unless another order is set for one of
    /// them.
    pub fn merge<'a>(
        &'a self,
        employee_id: &'a str,
        records: &'a HashMap<usize, RegisterFields>,
        columns: &'a Columns,
    ) -> impl Iterator<Item = &'a str> {
        let employed_by = self.order("status").find(|source| value(records, **source, "status").is_some());
        columns.names().iter().map(move |name| {
            if name == EMPLOYEE_ID {
                return employee_id;
            }
            if let Some(source) = employed_by
                && EMPLOYMENT.contains(&name.as_str())
                && !self.of.contains_key(name)
            {
                return value(records, *source, name).unwrap_or_default();
            }
            self.order(name).find_map(|source| value(records, *source, name)).unwrap_or_default()
        })
    }

    /// The sources in the order in which they are asked for an attribute.
    fn order(&self, name: &str) -> impl Iterator<Item = &usize> {
        self.of.get(name).map_or(&[][..], Vec::as_slice).iter().chain(&self.usual)
    }
}

fn value<'a>(records: &'a HashMap<usize, RegisterFields>, source: usize, name: &str) -> Option<&'a str> {
    records.get(&source)?.get(name).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    fn origin() -> Origin {
        Origin {
            name: "uk".into(),
            id_prefix: "uk-".into(),
            date_formats: vec!["%d/%m/%Y".into()],
            absence_runs: Some(2),
        }
    }

    fn findings(changed: Vec<Record>, absent: &[&str]) -> Findings {
        Findings {
            changed,
            rejected: Vec::new(),
            absent: absent.iter().map(|id| (*id).to_owned()).collect(),
            gone: Vec::new(),
            without_id: 0,
            unsure: false,
            rows: 1,
            digest: Fingerprint::NONE,
        }
    }

    #[test]
    fn ids_get_the_prefix_dates_one_form_and_what_is_no_date_stays() {
        let read = record(&[
            ("employee_id", "7"),
            ("manager_id", "8"),
            ("hire_date", "03/02/2026"),
            ("termination_date", "soon"),
            ("department", ""),
        ]);
        let fields = origin().fields(&read);
        let expected = [("hire_date", "2026-02-03"), ("manager_id", "uk-8"), ("termination_date", "soon")];
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(fields, expected);
    }

    #[test]
    fn who_is_missing_is_gone_after_so_many_complete_reads_and_never_by_a_delta_or_behind_a_row_without_an_id()
     {
        let snapshot = |findings: &Findings, missing: &HashMap<String, u32>, origin: &Origin| {
            by_snapshot(findings, missing, Vec::new(), origin)
        };
        let once = snapshot(&findings(vec![], &["7"]), &HashMap::new(), &origin());
        assert_eq!(once["uk-7"], Change::Missing { reads: 1 });
        let missing = HashMap::from([("uk-7".to_owned(), 1)]);
        let twice = snapshot(&findings(vec![], &["7"]), &missing, &origin());
        assert_eq!(twice["uk-7"], Change::Gone { missing: Some(2) });
        assert!(by_delta(&findings(vec![], &["7"]), &origin()).is_empty());
        let unsure = Findings { without_id: 1, ..findings(vec![], &["7"]) };
        assert!(snapshot(&unsure, &missing, &origin()).is_empty());
        let keeps = Origin { absence_runs: None, ..origin() };
        assert!(snapshot(&findings(vec![], &["7"]), &missing, &keeps).is_empty());
        let named = Findings { gone: vec!["9".into()], ..findings(vec![], &["9"]) };
        for changes in [by_delta(&named, &origin()), snapshot(&named, &missing, &keeps)] {
            assert_eq!(changes["uk-9"], Change::Gone { missing: None });
        }
    }

    #[test]
    fn ids_of_another_prefix_are_missing_as_they_are_known() {
        let changes = by_snapshot(&findings(vec![], &[]), &HashMap::new(), vec!["7".into()], &origin());
        assert_eq!(changes, HashMap::from([("7".to_owned(), Change::Missing { reads: 1 })]));
    }

    #[test]
    fn of_each_attribute_the_first_source_that_has_a_value_counts() {
        let columns = Columns::new(["status", "work_email", "department"]);
        let fields = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let records = HashMap::from([
            (0, fields(&[("status", "Active"), ("work_email", "hr@x.test")])),
            (1, fields(&[("status", "Left"), ("work_email", "it@x.test"), ("department", "Finance")])),
        ]);
        let precedence =
            Precedence { usual: vec![0, 1], of: BTreeMap::from([("work_email".to_owned(), vec![1])]) };
        let merged: Vec<&str> = precedence.merge("7", &records, &columns).collect();
        assert_eq!(columns.names(), ["employee_id", "department", "status", "work_email"]);
        assert_eq!(merged, ["7", "Finance", "Active", "it@x.test"]);
    }

    #[test]
    fn a_day_on_which_one_employment_ended_is_not_put_to_the_status_of_another() {
        let columns = Columns::new(["status", "hire_date", "termination_date", "department"]);
        let fields = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let staff = [("status", "Active"), ("hire_date", "2026-02-01")];
        let agency =
            [("status", "Terminated"), ("termination_date", "2026-01-31"), ("department", "Finance")];
        let records = HashMap::from([(0, fields(&staff)), (1, fields(&agency))]);
        let merged = |precedence: &Precedence| -> Vec<String> {
            precedence.merge("7", &records, &columns).map(str::to_owned).collect()
        };
        let usual = Precedence { usual: vec![0, 1], of: BTreeMap::new() };
        assert_eq!(merged(&usual), ["7", "Finance", "2026-02-01", "Active", ""]);
        // Unless that is what is asked for.
        let of = BTreeMap::from([("termination_date".to_owned(), vec![1])]);
        assert_eq!(merged(&Precedence { of, ..usual })[4], "2026-01-31");
    }

    #[test]
    fn why_somebody_is_away_or_has_left_is_said_by_the_source_of_the_status() {
        let columns = Columns::new(["status", "leave_type", "termination_reason", "location"]);
        let fields = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let agency = [
            ("status", "Active"),
            ("leave_type", "Medical"),
            ("termination_reason", "For cause"),
            ("location", "Oslo"),
        ];
        let records = HashMap::from([(0, fields(&[("status", "On Leave")])), (1, fields(&agency))]);
        let precedence = Precedence { usual: vec![0, 1], of: BTreeMap::new() };
        let merged: Vec<&str> = precedence.merge("7", &records, &columns).collect();
        // The place is the person's, whoever knows it.
        assert_eq!(merged, ["7", "", "Oslo", "On Leave", ""]);
    }
}
