//! Days by the clock of where somebody is.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::super::record::Record;
use super::super::value::{compared, folded};
use super::{LifecycleSettings, twice};

/// When dates are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// This moment; it may be two days in two places.
    At(DateTime<Utc>),
    /// This day, wherever somebody is: a look at the future.
    On(NaiveDate),
}

impl Moment {
    /// Behind it nobody's clock has shown this moment yet.
    pub fn end(self) -> DateTime<Utc> {
        match self {
            Self::At(now) => now,
            // No zone is further behind UTC than 12 hours.
            Self::On(day) => (day + Days::new(1)).and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(12),
        }
    }
}

/// The time zones of people, by the value of one column.
#[derive(Clone, Debug)]
pub(super) struct Zones {
    usual: Tz,
    column: String,
    /// Folded value, zone; few enough for a walk.
    by_value: Vec<(String, Tz)>,
}

impl Zones {
    /// Reads the zones' names.
    ///
    /// # Errors
    /// Every name that is none, as (key, message).
    pub fn compile(settings: &LifecycleSettings) -> Result<Self, Vec<(String, String)>> {
        let mut errors = Vec::new();
        let mut zone = |key: String, name: &str| match name.parse::<Tz>() {
            Ok(zone) => Some(zone),
            Err(_) => {
                let message = format!("'{name}' is no IANA time zone; write one like 'America/Chicago'");
                errors.push((key, message));
                None
            }
        };
        let usual = zone("lifecycle.timezone".into(), &settings.timezone);
        let by_value: Vec<(String, Tz)> = settings
            .timezones
            .iter()
            .filter_map(|(value, name)| {
                let zone = zone(format!("lifecycle.timezones.\"{value}\""), name)?;
                Some((compared(value), zone))
            })
            .collect();
        errors.extend(twice("lifecycle.timezones", settings.timezones.keys()));
        match usual {
            Some(usual) if errors.is_empty() => {
                Ok(Self { usual, column: settings.timezone_by.clone(), by_value })
            }
            _ => Err(errors),
        }
    }

    /// The zone of whoever this record is about: the table's by the column's value, else the lifecycle's.
    fn of(&self, record: &Record) -> Tz {
        if self.by_value.is_empty() {
            return self.usual;
        }
        let value = record.get(&self.column).map(folded);
        let named = self.by_value.iter().find(|(known, _)| Some(known) == value.as_ref());
        named.map_or(self.usual, |(_, zone)| *zone)
    }

    /// The day that it is where this person is.
    pub fn day_of(&self, record: &Record, moment: Moment) -> NaiveDate {
        match moment {
            Moment::At(now) => now.with_timezone(&self.of(record)).date_naive(),
            Moment::On(day) => day,
        }
    }

    /// When a day begins where this person is.
    pub fn start_of(&self, record: &Record, day: NaiveDate) -> DateTime<Utc> {
        start_of(self.of(record), day)
    }

    /// The day that it is in the lifecycle's own zone.
    pub fn usual_day(&self, now: DateTime<Utc>) -> NaiveDate {
        now.with_timezone(&self.usual).date_naive()
    }

    /// Whether it is an earlier day anywhere than it was then.
    pub fn is_earlier_day(&self, now: DateTime<Utc>, then: DateTime<Utc>) -> bool {
        let zones = self.by_value.iter().map(|(_, zone)| zone).chain([&self.usual]);
        now < then
            && zones
                .into_iter()
                .any(|zone| now.with_timezone(zone).date_naive() < then.with_timezone(zone).date_naive())
    }
}

/// The first moment of a day. Where summer time begins at midnight, the day begins an hour later.
fn start_of(zone: Tz, day: NaiveDate) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    (0..8)
        .filter_map(|quarter| {
            zone.from_local_datetime(&(midnight + TimeDelta::minutes(30 * quarter))).earliest()
        })
        .next()
        .map_or_else(|| midnight.and_utc(), |start| start.to_utc())
}

#[cfg(test)]
mod tests {
    use super::super::super::person::tests::{lifecycle, person};
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_begins_where_the_person_is_and_in_the_usual_zone_for_a_place_that_is_in_no_table() {
        let rules = lifecycle(|settings| {
            settings.timezone = "America/Chicago".into();
            settings.timezones.insert("Sydney".into(), "Australia/Sydney".into());
        });
        let of = |place: &str| person(&[("status", "Active"), ("location", place)]).record;
        let now = Moment::At(at("2026-11-24T13:30:00Z"));
        assert_eq!(rules.zones.day_of(&of("SYDNEY"), now), day("2026-11-25"));
        for elsewhere in ["Chicago", "Oslo", ""] {
            assert_eq!(rules.zones.day_of(&of(elsewhere), now), day("2026-11-24"), "{elsewhere}");
        }
        assert_eq!(rules.zones.start_of(&of("Sydney"), day("2026-11-25")), at("2026-11-24T13:00:00Z"));
        assert_eq!(rules.zones.day_of(&of("Sydney"), Moment::On(day("2027-01-01"))), day("2027-01-01"));
    }

    #[test]
    fn a_day_whose_midnight_does_not_exist_begins_when_its_clock_does() {
        assert_eq!(start_of(chrono_tz::Asia::Beirut, day("2026-03-29")), at("2026-03-28T22:00:00Z"));
        // A zone that left out a whole day.
        assert_eq!(start_of(chrono_tz::Pacific::Apia, day("2011-12-30")), at("2011-12-30T00:00:00Z"));
    }

    #[test]
    fn an_earlier_day_anywhere_is_an_earlier_day() {
        let rules = lifecycle(|settings| {
            settings.timezones.insert("Sydney".into(), "Australia/Sydney".into());
        });
        let earlier = |now, then| rules.zones.is_earlier_day(at(now), at(then));
        assert!(earlier("2026-11-24T12:59:00Z", "2026-11-24T13:01:00Z"), "it was the 25th in Sydney");
        assert!(!earlier("2026-11-24T13:01:00Z", "2026-11-24T13:59:00Z"));
        assert!(!earlier("2026-11-24T13:01:00Z", "2026-11-24T12:59:00Z"));
    }
}
