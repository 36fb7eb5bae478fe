//! A person: a record whose status and dates could be read.

use chrono::NaiveDate;

use super::lifecycle::{EmploymentStatus, Lifecycle};
use super::record::{Record, Rejection, RejectionKind};

/// Somebody whom the HR system knows, validated.
#[derive(Clone, Debug)]
pub struct Person {
    /// The record that it was made from.
    pub record: Record,
    /// The status, sorted.
    pub status: EmploymentStatus,
    /// The first day of work.
    pub hire_date: Option<NaiveDate>,
    /// The last day of work.
    pub termination_date: Option<NaiveDate>,
    /// Whether they have left, and a date that cannot be read counts as none.
    pub is_unread: bool,
}

impl Person {
    /// Judges a record. `date_formats` are tried in order, as `chrono` writes them (`%Y-%m-%d`). Of whoever has left by the status, a date
    /// that cannot be read counts as none: it would leave them the access.
    ///
    /// # Errors
    /// A rejection that names the row and the mend: a status in no list, or a date of somebody else that cannot be read.
    pub fn read(record: Record, lifecycle: &Lifecycle, date_formats: &[String]) -> Result<Self, Rejection> {
        let refuse = |kind: RejectionKind, reason: String| Rejection {
            employee_id: Some(record.employee_id().to_owned()),
            row: Some(record.row),
            kind,
            reason,
        };
        let status = match record.get("status") {
            None => {
                let reason = "has no status; fill it in the HR system";
                return Err(refuse(RejectionKind::NoStatus, reason.into()));
            }
            Some(value) => lifecycle.status(value).ok_or_else(|| {
                let reason = format!(
                    "status '{}' is in none of lifecycle.active, lifecycle.leave and lifecycle.terminated (or of the source's own lists, where it has some); \
                     add it to one of them",
                    shown(value)
                );
                refuse(RejectionKind::UnknownStatus, reason)
            })?,
        };
        let date = |name: &str| match record.get(name) {
            None => Ok(None),
            // Some HR systems write this for 'none'.
            Some("0000-00-00") => Ok(None),
            Some(value) => parse_date(value, date_formats).map(Some).ok_or_else(|| {
                let reason = format!(
                    "{name} '{}' is no date as source.date_formats has it ({})",
                    shown(value),
                    date_formats.join(", ")
                );
                refuse(RejectionKind::UnreadableDate, reason)
            }),
        };
        let dates = (date("hire_date"), date("termination_date"));
        let is_unread = status == EmploymentStatus::Terminated && (dates.0.is_err() || dates.1.is_err());
        let (hire_date, termination_date) = match dates {
            (hire, termination) if is_unread => (hire.unwrap_or_default(), termination.unwrap_or_default()),
            (hire, termination) => (hire?, termination?),
        };
        Ok(Self { record, status, hire_date, termination_date, is_unread })
    }
}

fn parse_date(value: &str, formats: &[String]) -> Option<NaiveDate> {
    formats
        .iter()
        .filter_map(|format| NaiveDate::parse_from_str(value, format).ok())
        // A two-digit year read by `%Y` would be in the first century: surely not meant.
        .find(|date| *date >= NaiveDate::from_ymd_opt(1900, 1, 1).expect("a date that exists"))
}

/// A short form for messages: a column that is mapped wrongly could hold anything.
fn shown(value: &str) -> String {
    let short: String = value.chars().filter(|c| !c.is_control()).take(24).collect();
    if value.chars().count() > 24 { format!("{short}…") } else { short }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::lifecycle::{LifecycleSettings, OnLeave};
    use super::super::record::tests::record;
    use super::*;

    pub(crate) fn settings() -> LifecycleSettings {
        LifecycleSettings {
            timezone: "UTC".into(),
            timezone_by: "location".into(),
            timezones: Default::default(),
            active: vec!["Active".into()],
            terminated: vec!["Terminated".into()],
            leave: vec!["On Leave".into()],
            on_leave: OnLeave::Keep,
            leave_types: Default::default(),
            on_rename: Default::default(),
            on_new_id: Default::default(),
            same_person: Vec::new(),
            provision_days_before_hire: 0,
            deprovision_days_after_termination: 0,
            immediate: vec![],
        }
    }

    pub(crate) fn lifecycle(change: impl FnOnce(&mut LifecycleSettings)) -> Lifecycle {
        let mut settings = settings();
        change(&mut settings);
        Lifecycle::compile(&settings).unwrap()
    }

    pub(crate) fn formats() -> Vec<String> {
        vec!["%Y-%m-%d".into()]
    }

    pub(crate) fn person(fields: &[(&str, &str)]) -> Person {
        person_by(&lifecycle(|_| {}), fields)
    }

    pub(crate) fn person_by(lifecycle: &Lifecycle, fields: &[(&str, &str)]) -> Person {
        let mut all = vec![("employee_id", "1001")];
        all.extend_from_slice(fields);
        Person::read(record(&all), lifecycle, &formats()).unwrap()
    }

    fn refused(fields: &[(&str, &str)]) -> String {
        let mut all = vec![("employee_id", "1001")];
        all.extend_from_slice(fields);
        let rejection = Person::read(record(&all), &lifecycle(|_| {}), &formats()).unwrap_err();
        assert_eq!(rejection.employee_id.as_deref(), Some("1001"));
        rejection.reason
    }

    #[test]
    fn a_status_in_no_list_rejects_the_record_and_says_where_to_add_it() {
        assert!(refused(&[("status", "Actve")]).contains("'Actve' is in none of lifecycle.active"));
        assert!(refused(&[]).contains("no status"));
    }

    #[test]
    fn a_date_that_cannot_be_read_rejects_the_record() {
        for bad in ["20/11/2026", "2026-13-01", "26-11-20", "soon"] {
            let reason = refused(&[("status", "Active"), ("hire_date", bad)]);
            assert!(reason.contains("hire_date"), "{reason}");
        }
        assert_eq!(
            person(&[("status", "Active"), ("termination_date", "0000-00-00")]).termination_date,
            None
        );
    }
}
