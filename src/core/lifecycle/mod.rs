//! When somebody counts as employed: by status and by the dates of hire and termination.

mod settings;
mod zones;

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::person::Person;
use super::planted::{self, Fault};
use super::record::Record;
use super::value::{compared, folded};
pub use settings::{LifecycleSettings, OnLeave, OnNewId, OnRename};
use utoipa::ToSchema;
pub use zones::Moment;
use zones::Zones;

/// A status value, sorted into the three lists of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
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
        /// What leave means for the account, if the status says leave.
        leave: Option<OnLeave>,
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

/// The end of access that a last day announces which is still to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnouncedEnd {
    /// The moment at which it comes.
    pub at: DateTime<Utc>,
    /// The first day without access, where the person is.
    pub from: NaiveDate,
    /// The last day of employment.
    pub last_day: NaiveDate,
    /// Whether nothing said so but a source whose plan was held: it may have been a wrong one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_in_doubt: bool,
    /// The end, in no doubt, that holds again if that source is rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Box<AnnouncedEnd>>,
}

impl AnnouncedEnd {
    /// Whether it has come. What a held source says is said at once.
    pub fn has_come(&self, moment: Moment) -> bool {
        match moment {
            _ if self.is_in_doubt => true,
            Moment::At(now) => self.at <= now,
            Moment::On(day) => self.from <= day,
        }
    }

    /// Whether the last day is over where the person is, and a grace behind it goes on.
    pub fn is_in_grace(&self, moment: Moment) -> bool {
        // None where a reason ends access as the last day begins.
        let Some(grace) = self.last_day.succ_opt().map(|first| self.from - first) else { return false };
        let has_left = match moment {
            // A clock that is changed within the grace makes a day of it an hour longer.
            Moment::At(now) => now >= self.at - grace - TimeDelta::hours(1),
            Moment::On(day) => day > self.last_day,
        };
        has_left && !self.has_come(moment)
    }

    /// The one of this and the one before that is in no doubt, if there is one.
    pub fn accepted(&self) -> Option<&Self> {
        if self.is_in_doubt { self.before.as_deref() } else { Some(self) }
    }

    /// The last day behind which access has ended, in no doubt; `None`: it has not.
    pub fn over(&self, moment: Moment) -> Option<NaiveDate> {
        self.accepted().filter(|ends| ends.has_come(moment)).map(|ends| ends.last_day)
    }
}

/// The compiled rules of [`LifecycleSettings`].
#[derive(Clone, Debug)]
pub struct Lifecycle {
    settings: LifecycleSettings,
    zones: Zones,
    statuses: Vec<(String, EmploymentStatus)>,
    /// Folded.
    leave_types: BTreeMap<String, OnLeave>,
    /// Folded.
    immediate: Vec<String>,
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
                let value = compared(value);
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
        errors.extend(twice("lifecycle.leave_types", settings.leave_types.keys()));
        let zones = Zones::compile(settings).map_err(|faults| errors.extend(faults)).ok();
        match zones {
            Some(zones) if errors.is_empty() => Ok(Self {
                settings: settings.clone(),
                zones,
                statuses,
                leave_types: settings
                    .leave_types
                    .iter()
                    .map(|(name, means)| (compared(name), *means))
                    .collect(),
                immediate: settings.immediate.iter().map(|reason| compared(reason)).collect(),
            }),
            _ => Err(errors),
        }
    }

    /// What it was compiled from.
    pub fn settings(&self) -> &LifecycleSettings {
        &self.settings
    }

    /// Which list a status value stands in, compared regardless of case.
    pub fn status(&self, value: &str) -> Option<EmploymentStatus> {
        let value = folded(value);
        self.statuses.iter().find(|(known, _)| *known == value).map(|(_, status)| *status)
    }

    /// By which mapped attributes somebody who comes under a new employee id is the person of an old one; `None`: by none.
    pub fn same_person(&self) -> Option<&[String]> {
        (self.settings.on_new_id == OnNewId::Move).then_some(&self.settings.same_person)
    }

    /// The calendar day that it is in the lifecycle's time zone.
    pub fn today(&self, now: DateTime<Utc>) -> NaiveDate {
        self.zones.usual_day(now)
    }

    /// The calendar day that it is where somebody is.
    pub fn day_of(&self, record: &Record, moment: Moment) -> NaiveDate {
        self.zones.day_of(record, moment)
    }

    /// Whether it is an earlier day for anybody than it was then: dates that counted may not count any more.
    pub fn is_earlier_day(&self, now: DateTime<Utc>, then: DateTime<Utc>) -> bool {
        self.zones.is_earlier_day(now, then)
    }

    /// Whether the person is employed at this moment, by the day where the person is.
    ///
    /// A termination date before the hire date belongs to an earlier employment (a rehire). It counts only for whoever still has access by
    /// that.
    /// A terminated status ends access at once; only a configured grace delays it, and none for a hire that is taken back before its day.
    pub fn employment(&self, person: &Person, moment: Moment) -> Employment {
        let today = self.zones.day_of(&person.record, moment);
        let termination = termination(person);
        let first_without = termination.and_then(|date| self.first_day_without(person, date));
        let has_begun = person.hire_date.is_none_or(|day| today >= day);
        let earlier = self.earlier_employment(person, today);
        // A return that is announced takes back nothing of the grace behind the employment before.
        let is_ahead = earlier.is_some() || has_begun && first_without.is_some_and(|day| today < day);
        let in_grace = is_ahead && self.days_after(person) > 0;
        if person.status == EmploymentStatus::Terminated && !in_grace {
            return Employment::TerminatedByStatus;
        }
        if let (Some(date), Some(first)) = (termination, first_without)
            && today >= first
        {
            return Employment::TerminatedByDate { date };
        }
        if let Some(from) = self.first_day(person)
            && today < from
            && earlier.is_none()
            && self.began_before(person, moment).is_none()
        {
            return Employment::NotYet { from };
        }
        let first_without = earlier.or(first_without);
        let leave = (person.status == EmploymentStatus::Leave).then(|| self.leave_of(person));
        if leave == Some(OnLeave::Suspend) {
            return Employment::OnLeave;
        }
        Employment::Employed { until: first_without.and_then(|day| day.pred_opt()), leave }
    }

    /// The first day without access behind an employment that goes on before the one that HR announces: who has access keeps it until that
    /// last day is over, and not only until a new hire date is known.
    fn earlier_employment(&self, person: &Person, today: NaiveDate) -> Option<NaiveDate> {
        let end = person.termination_date.filter(|end| person.hire_date.is_some_and(|hire| *end < hire))?;
        let is_ahead = person.has_access && self.first_day(person).is_some_and(|from| today < from);
        self.first_day_without(person, end).filter(|first| is_ahead && today < *first)
    }

    /// The hire date by which somebody has access and has worked, where the record gives one that is still to come: it contradicts what is known of
    /// them, and nothing says that they left in between.
    pub fn began_before(&self, person: &Person, moment: Moment) -> Option<NaiveDate> {
        let today = self.zones.day_of(&person.record, moment);
        let is_ahead = self.first_day(person).is_some_and(|from| today < from);
        let is_of_rehire = person.termination_date != termination(person);
        let stays = is_ahead && person.has_access && !is_of_rehire;
        person.began.filter(|began| stays && *began <= today)
    }

    /// Whether HR says that the person has left, also while a grace still leaves them the access.
    pub fn has_left(&self, person: &Person, moment: Moment) -> bool {
        self.left(person, moment).is_some()
    }

    /// How somebody has left, whatever grace they have; `None`: they have not.
    pub fn left(&self, person: &Person, moment: Moment) -> Option<Employment> {
        if person.status == EmploymentStatus::Terminated {
            return Some(Employment::TerminatedByStatus);
        }
        let today = self.zones.day_of(&person.record, moment);
        let is_over = self.first_day_gone(person).is_some_and(|day| today >= day);
        let date = termination(person).filter(|_| is_over)?;
        Some(Employment::TerminatedByDate { date })
    }

    /// The first day on which somebody has left, by a termination date that counts.
    fn first_day_gone(&self, person: &Person) -> Option<NaiveDate> {
        let last = termination(person)?;
        if self.is_immediate(person) { Some(last) } else { last.succ_opt() }
    }

    /// The next moment at which the dates alone change the answer of [`Lifecycle::employment`], or of [`Lifecycle::has_left`] where that
    /// matters: to whoever has the account of another employee id taken over, and to whoever has no access that a grace could keep.
    pub fn next_change(&self, person: &Person, moment: Moment) -> Option<DateTime<Utc>> {
        let today = self.zones.day_of(&person.record, moment);
        let begin = self.first_day(person);
        let end = person.termination_date.and_then(|date| self.first_day_without(person, date));
        let has_grace = self.days_after(person) > 0;
        let gone = self.first_day_gone(person).filter(|_| has_grace || self.same_person().is_some());
        let hired = person.hire_date.filter(|_| has_grace && person.status == EmploymentStatus::Terminated);
        let day = [begin, end, gone, hired].into_iter().flatten().filter(|day| *day > today).min()?;
        Some(self.zones.start_of(&person.record, day))
    }

    /// The end that a last day announces, where it has not come yet.
    pub fn announced_end(&self, person: &Person, moment: Moment) -> Option<AnnouncedEnd> {
        let today = self.zones.day_of(&person.record, moment);
        // Of whoever is to come back as well: the employment before ends all the same, should the source name them no more until then.
        let goes_on = || self.earlier_employment(person, today).and(person.termination_date);
        let last_day = termination(person).or_else(goes_on)?;
        let from = self.first_day_without(person, last_day)?;
        let at = self.zones.start_of(&person.record, from);
        let end = AnnouncedEnd { at, from, last_day, is_in_doubt: false, before: None };
        (from > today).then_some(end)
    }

    /// The first day of access by the hire date, whether it has come or not.
    pub fn first_day(&self, person: &Person) -> Option<NaiveDate> {
        let before = Days::new(u64::from(self.settings.provision_days_before_hire));
        person.hire_date?.checked_sub_days(before)
    }

    /// The last day of access by a termination date that counts, whether it is over or not.
    pub fn last_day(&self, person: &Person) -> Option<NaiveDate> {
        self.first_day_without(person, termination(person)?)?.pred_opt()
    }

    /// The first day without access behind a termination date.
    fn first_day_without(&self, person: &Person, termination: NaiveDate) -> Option<NaiveDate> {
        if self.is_immediate(person) {
            return Some(termination);
        }
        termination.checked_add_days(Days::new(u64::from(self.days_after(person)) + 1))
    }

    fn days_after(&self, person: &Person) -> u32 {
        let has_none = self.is_immediate(person) || planted::is(Fault::ForgottenGrace);
        if has_none { 0 } else { self.settings.deprovision_days_after_termination }
    }

    /// Whether the record gives a reason for leaving that ends the access at once.
    pub fn is_immediate(&self, person: &Person) -> bool {
        self.is_immediate_by(&person.record)
    }

    fn is_immediate_by(&self, record: &Record) -> bool {
        !self.immediate.is_empty()
            && record.get("termination_reason").is_some_and(|reason| self.immediate.contains(&folded(reason)))
    }

    /// Whether somebody with this record would keep the access for a while behind the last day.
    pub fn has_grace(&self, record: &Record) -> bool {
        self.settings.deprovision_days_after_termination > 0 && !self.is_immediate_by(record)
    }

    fn leave_of(&self, person: &Person) -> OnLeave {
        let kind = ["leave_type", "status"].iter().find_map(|name| person.record.get(name));
        let kind = kind.and_then(|kind| self.leave_types.get(&folded(kind)));
        kind.copied().unwrap_or(self.settings.on_leave)
    }
}

/// Names that stand twice in a table whose names are compared regardless of case: one of the two would count for nothing.
fn twice<'a>(table: &str, names: impl Iterator<Item = &'a String>) -> Vec<(String, String)> {
    let mut known: BTreeMap<String, &String> = BTreeMap::new();
    let again = |name: &'a String| {
        let before = known.insert(compared(name), name)?;
        let message = format!("is '{before}' once more, since letter case does not count; keep one of them");
        Some((format!("{table}.\"{name}\""), message))
    };
    names.filter_map(again).collect()
}

/// The termination date, unless it is that of an earlier employment.
fn termination(person: &Person) -> Option<NaiveDate> {
    person.termination_date.filter(|end| person.hire_date.is_none_or(|hire| *end >= hire))
}

#[cfg(test)]
mod tests;
