//! A person: a record whose status and dates could be read.

use chrono::{Datelike, NaiveDate};

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
    /// Whether they have an account that is active, as last confirmed; a record does not tell.
    pub has_access: bool,
    /// The hire date with which they were settled last, if they had not left by then; a record does not tell.
    pub began: Option<NaiveDate>,
}

/// What exports write as a last day where there is none.
const NO_LAST_DAY: [&str; 4] = ["0000-00-00", "0001-01-01", "1900-01-01", "1970-01-01"];
/// From this year on a last day is none either: 2999-12-31, 4712-12-31 and 9999-12-31 stand for an end that nobody knows.
const NO_LAST_YEAR: i32 = 2900;

impl Person {
    /// Judges a record by `date_formats`, as `chrono` writes them (`%Y-%m-%d`). Of whoever has left by the status, a date that cannot be read
    /// counts as none: it would leave them the access. Where a last day leaves them a grace, it has to be readable.
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
        let date = |name: &str| {
            match record.get(name) {
            None => Ok(None),
            Some(value) if is_none(name, value, date_formats) => Ok(None),
            Some(value) => parse_date(value, date_formats).map(Some).map_err(|why| {
                let (value, formats) = (shown(value), date_formats.join(", "));
                let reason = match why {
                    Unreadable::NoDate => {
                        format!("{name} '{value}' is no date as source.date_formats has it ({formats})")
                    }
                    Unreadable::TwoDates(one, other) => format!(
                        "{name} '{value}' may be {one} or {other} by source.date_formats ({formats}); keep those formats that the export \
                         writes"
                    ),
                };
                refuse(RejectionKind::UnreadableDate, reason)
            }),
        }
        };
        let dates = (date("hire_date"), date("termination_date"));
        let counts = dates.1.is_err() && lifecycle.has_grace(&record);
        let is_unread =
            status == EmploymentStatus::Terminated && !counts && (dates.0.is_err() || dates.1.is_err());
        let (hire_date, termination_date) = match dates {
            (hire, termination) if is_unread => (hire.unwrap_or_default(), termination.unwrap_or_default()),
            (hire, termination) => (hire?, termination?),
        };
        let termination_date = termination_date.filter(is_a_last_day);
        Ok(Self { record, status, hire_date, termination_date, is_unread, has_access: false, began: None })
    }
}

/// The last day that a record gives, whatever its status; that of an earlier employment is none.
pub fn last_day(record: &Record, date_formats: &[String]) -> Option<NaiveDate> {
    let date = |name: &str| {
        let value = record.get(name).filter(|value| !is_none(name, value, date_formats))?;
        parse_date(value, date_formats).ok()
    };
    let last_day = date("termination_date").filter(is_a_last_day);
    last_day.filter(|last| date("hire_date").is_none_or(|hire| *last >= hire))
}

fn is_a_last_day(day: &NaiveDate) -> bool {
    day.year() < NO_LAST_YEAR
}

enum Unreadable {
    NoDate,
    /// By one format it is this day, by another one that.
    TwoDates(NaiveDate, NaiveDate),
}

/// Whether a value means that there is no date. Somebody may have been born, and even hired, on what some exports write for none; nobody
/// works here whose last day it was.
fn is_none(name: &str, value: &str, formats: &[String]) -> bool {
    let is_meant = |none: &str| {
        let date = none.parse::<NaiveDate>().ok();
        date.is_some_and(|date| formats.iter().any(|format| date.format(format).to_string() == value))
    };
    value == NO_LAST_DAY[0]
        || (name == "termination_date"
            && (NO_LAST_DAY.contains(&value) || NO_LAST_DAY.iter().any(|none| is_meant(none))))
}

fn parse_date(value: &str, formats: &[String]) -> Result<NaiveDate, Unreadable> {
    let mut dates = formats
        .iter()
        .filter_map(|format| NaiveDate::parse_from_str(value, format).ok())
        // A two-digit year read by `%Y` would be in the first century: surely not meant.
        .filter(|date| *date >= NaiveDate::from_ymd_opt(1900, 1, 1).expect("a date that exists"));
    let date = dates.next().ok_or(Unreadable::NoDate)?;
    match dates.find(|other| *other != date) {
        Some(other) => Err(Unreadable::TwoDates(date, other)),
        None => Ok(date),
    }
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
    fn a_date_that_two_formats_read_as_two_days_rejects_the_record() {
        let formats = ["%m/%d/%Y".to_owned(), "%d/%m/%Y".to_owned()];
        let read = |date| {
            let record = record(&[("employee_id", "1001"), ("status", "Active"), ("termination_date", date)]);
            Person::read(record, &lifecycle(|_| {}), &formats)
        };
        let reason = read("05/12/2026").unwrap_err().reason;
        assert!(reason.contains("may be 2026-05-12 or 2026-12-05"), "{reason}");
        for (one_way, date) in [("15/12/2026", "2026-12-15"), ("05/05/2026", "2026-05-05")] {
            assert_eq!(read(one_way).unwrap().termination_date, date.parse().ok());
        }
        assert_eq!(read("01/01/1900").unwrap().termination_date, None);
    }

    #[test]
    fn what_exports_write_for_no_last_day_is_none() {
        let with = |name, date| person(&[("status", "Active"), (name, date)]);
        for none in ["0000-00-00", "0001-01-01", "1900-01-01", "1970-01-01", "2999-12-31", "9999-12-31"] {
            assert_eq!(with("termination_date", none).termination_date, None, "{none}");
        }
        assert_eq!(with("hire_date", "1970-01-01").hire_date, "1970-01-01".parse().ok());
    }

    #[test]
    fn a_last_day_that_cannot_be_read_rejects_a_leaver_who_may_have_a_grace() {
        let graced = lifecycle(|settings| {
            settings.deprovision_days_after_termination = 10;
            settings.immediate = vec!["For cause".into()];
        });
        let read = |reason: &str| {
            let fields = [
                ("employee_id", "1"),
                ("status", "Terminated"),
                ("termination_date", "31/12/2026"),
                ("termination_reason", reason),
            ];
            Person::read(record(&fields), &graced, &formats())
        };
        assert_eq!(read("").unwrap_err().kind, RejectionKind::UnreadableDate);
        assert!(read("for cause").unwrap().is_unread, "at once, whatever the date");
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
