//! When somebody counts as employed: by status and by the dates of hire and termination.

use chrono::{DateTime, Days, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::person::Person;
use super::value::folded;

/// `[lifecycle]`: the status values of the HR system and how dates count.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LifecycleSettings {
    /// IANA time zone in which a hire or termination date begins and ends.
    #[serde(default = "utc")]
    pub timezone: String,
    /// Status values of people who work here, compared regardless of case.
    pub active: Vec<String>,
    /// Status values of people who have left.
    pub terminated: Vec<String>,
    /// Status values of people on leave.
    #[serde(default)]
    pub leave: Vec<String>,
    /// Whether somebody on leave keeps the account or is suspended until they are back.
    #[serde(default)]
    pub on_leave: OnLeave,
    /// How many days before the hire date the account is provisioned.
    #[serde(default)]
    #[schemars(range(max = 3650))]
    pub provision_days_before_hire: u32,
    /// How many days after the termination date the account is deprovisioned (0: when that date has ended).
    #[serde(default)]
    #[schemars(range(max = 3650))]
    pub deprovision_days_after_termination: u32,
}

fn utc() -> String {
    "UTC".into()
}

/// What leave means for an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnLeave {
    /// Leave changes nothing.
    #[default]
    Keep,
    /// Suspended while on leave.
    Suspend,
}

/// A status value, sorted into the three lists of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EmploymentStatus {
    /// Works here.
    Active,
    /// Is on leave.
    Leave,
    /// Has left.
    Terminated,
}

/// Whether somebody is employed today, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Employment {
    /// Employed; `until` is the last day of access if one is known.
    Employed {
        /// The last day on which this holds, if a termination date is known.
        until: Option<NaiveDate>,
        /// Whether the status says leave.
        on_leave: bool,
    },
    /// Hired, but access begins on `from`.
    NotYet {
        /// The first day of access.
        from: NaiveDate,
    },
    /// On leave, which suspends here.
    OnLeave,
    /// Left, as the status says.
    TerminatedByStatus,
    /// Left, as the termination date says.
    TerminatedByDate {
        /// The last day of employment.
        date: NaiveDate,
    },
}

/// The compiled rules of [`LifecycleSettings`].
#[derive(Clone, Debug)]
pub struct Lifecycle {
    settings: LifecycleSettings,
    zone: chrono_tz::Tz,
    statuses: Vec<(String, EmploymentStatus)>,
}

impl Lifecycle {
    /// Compiles the settings.
    ///
    /// # Errors
    /// All that is wrong, each as (key, message): an unknown time zone, a status that stands in two lists.
    pub fn compile(settings: &LifecycleSettings) -> Result<Self, Vec<(String, String)>> {
        let mut errors = Vec::new();
        let mut statuses: Vec<(String, EmploymentStatus)> = Vec::new();
        for (key, list, status) in [
            ("lifecycle.active", &settings.active, EmploymentStatus::Active),
            ("lifecycle.leave", &settings.leave, EmploymentStatus::Leave),
            ("lifecycle.terminated", &settings.terminated, EmploymentStatus::Terminated),
        ] {
            for value in list {
                let value = folded(&super::value::canonical(value));
                if statuses.iter().any(|(known, other)| *known == value && *other != status) {
                    errors
                        .push((key.into(), format!("'{value}' stands in two lists; keep it in one of them")));
                }
                statuses.push((value, status));
            }
        }
        if settings.active.is_empty() {
            errors.push((
                "lifecycle.active".into(),
                "is empty; name the status of people who work here".into(),
            ));
        }
        let zone = settings.timezone.parse::<chrono_tz::Tz>();
        match zone {
            Ok(zone) if errors.is_empty() => Ok(Self { settings: settings.clone(), zone, statuses }),
            Ok(_) => Err(errors),
            Err(_) => {
                let message =
                    format!("'{}' is no IANA time zone; write one like 'America/Chicago'", settings.timezone);
                errors.push(("lifecycle.timezone".into(), message));
                Err(errors)
            }
        }
    }

    /// Which list a status value stands in, compared regardless of case.
    pub fn status(&self, value: &str) -> Option<EmploymentStatus> {
        let value = folded(value);
        self.statuses.iter().find(|(known, _)| *known == value).map(|(_, status)| *status)
    }

    /// The calendar day that it is in the lifecycle's time zone.
    pub fn today(&self, now: DateTime<Utc>) -> NaiveDate {
        now.with_timezone(&self.zone).date_naive()
    }

    /// Whether the person is employed on the day `today`.
    ///
    /// A termination date before the hire date belongs to an earlier employment (a rehire) and does not count.
    /// A terminated status ends access at once; only a configured grace delays it.
    pub fn employment(&self, person: &Person, today: NaiveDate) -> Employment {
        let termination =
            person.termination_date.filter(|end| person.hire_date.is_none_or(|hire| *end >= hire));
        let grace = Days::new(u64::from(self.settings.deprovision_days_after_termination));
        let last_day = termination.and_then(|date| date.checked_add_days(grace));
        let in_grace =
            self.settings.deprovision_days_after_termination > 0 && last_day.is_some_and(|day| today <= day);
        if person.status == EmploymentStatus::Terminated && !in_grace {
            return Employment::TerminatedByStatus;
        }
        if let (Some(date), Some(last)) = (termination, last_day)
            && today > last
        {
            return Employment::TerminatedByDate { date };
        }
        let before = Days::new(u64::from(self.settings.provision_days_before_hire));
        if let Some(from) = person.hire_date.and_then(|hire| hire.checked_sub_days(before))
            && today < from
        {
            return Employment::NotYet { from };
        }
        let on_leave = person.status == EmploymentStatus::Leave;
        if on_leave && self.settings.on_leave == OnLeave::Suspend {
            return Employment::OnLeave;
        }
        Employment::Employed { until: last_day, on_leave }
    }

    /// The next day on which the dates alone change the answer of [`Lifecycle::employment`].
    pub fn next_change(&self, person: &Person, today: NaiveDate) -> Option<NaiveDate> {
        let before = Days::new(u64::from(self.settings.provision_days_before_hire));
        let begin = person.hire_date.and_then(|hire| hire.checked_sub_days(before));
        let grace = Days::new(u64::from(self.settings.deprovision_days_after_termination) + 1);
        let end = person.termination_date.and_then(|date| date.checked_add_days(grace));
        [begin, end].into_iter().flatten().filter(|day| *day > today).min()
    }
}

#[cfg(test)]
mod tests {
    use super::super::person::tests::{lifecycle, person};
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn employment(fields: &[(&str, &str)], today: &str) -> Employment {
        lifecycle(|_| {}).employment(&person(fields), day(today))
    }

    #[test]
    fn the_last_day_of_work_still_has_access_and_the_next_has_none() {
        let fields = [("status", "Active"), ("termination_date", "2026-11-20")];
        assert!(matches!(employment(&fields, "2026-11-20"), Employment::Employed { .. }));
        assert_eq!(
            employment(&fields, "2026-11-21"),
            Employment::TerminatedByDate { date: day("2026-11-20") }
        );
    }

    #[test]
    fn a_terminated_status_counts_at_once_and_only_a_grace_delays_it() {
        let fields = [("status", "TERMINATED"), ("termination_date", "2026-11-20")];
        assert_eq!(employment(&fields, "2026-11-20"), Employment::TerminatedByStatus);
        let graced = lifecycle(|settings| settings.deprovision_days_after_termination = 3);
        let until = graced.employment(&person(&fields), day("2026-11-23"));
        assert!(matches!(until, Employment::Employed { .. }), "{until:?}");
        assert_eq!(graced.employment(&person(&fields), day("2026-11-24")), Employment::TerminatedByStatus);
        let without_date = graced.employment(&person(&[("status", "Terminated")]), day("2026-11-20"));
        assert_eq!(without_date, Employment::TerminatedByStatus);
    }

    #[test]
    fn a_hire_in_the_future_waits_for_the_day_or_for_the_days_before_it() {
        let fields = [("status", "Active"), ("hire_date", "2026-12-01")];
        assert_eq!(employment(&fields, "2026-11-30"), Employment::NotYet { from: day("2026-12-01") });
        assert!(matches!(employment(&fields, "2026-12-01"), Employment::Employed { .. }));
        let early = lifecycle(|settings| settings.provision_days_before_hire = 5);
        assert!(matches!(early.employment(&person(&fields), day("2026-11-26")), Employment::Employed { .. }));
        assert_eq!(early.next_change(&person(&fields), day("2026-11-20")), Some(day("2026-11-26")));
    }

    #[test]
    fn a_termination_before_the_hire_belongs_to_an_earlier_employment() {
        let fields = [("status", "Active"), ("hire_date", "2026-11-01"), ("termination_date", "2025-03-01")];
        assert!(matches!(employment(&fields, "2026-11-20"), Employment::Employed { until: None, .. }));
    }

    #[test]
    fn leave_keeps_the_account_unless_it_is_to_suspend() {
        let fields = [("status", "On Leave")];
        assert!(matches!(employment(&fields, "2026-11-20"), Employment::Employed { on_leave: true, .. }));
        let strict = lifecycle(|settings| settings.on_leave = OnLeave::Suspend);
        assert_eq!(strict.employment(&person(&fields), day("2026-11-20")), Employment::OnLeave);
    }

    #[test]
    fn the_day_is_that_of_the_lifecycle_zone() {
        let chicago = lifecycle(|settings| settings.timezone = "America/Chicago".into());
        let now = "2026-11-21T05:30:00Z".parse().unwrap();
        assert_eq!(chicago.today(now), day("2026-11-20"));
    }

    #[test]
    fn every_fault_of_the_settings_is_named_at_once() {
        let settings = LifecycleSettings {
            timezone: "Mars/Olympus".into(),
            active: vec!["Active".into()],
            terminated: vec!["ACTIVE".into()],
            leave: vec![],
            on_leave: OnLeave::Keep,
            provision_days_before_hire: 0,
            deprovision_days_after_termination: 0,
        };
        let errors = Lifecycle::compile(&settings).unwrap_err();
        assert_eq!(
            errors.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(),
            ["lifecycle.terminated", "lifecycle.timezone"]
        );
    }
}
