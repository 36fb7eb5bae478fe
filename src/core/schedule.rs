//! When the next run is due: a cron expression on the wall clock of a time zone, summer time included.

use std::str::FromStr;

use chrono::{DateTime, Duration, NaiveDateTime, Offset, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use cron::TimeUnitSpec;

/// A cron expression (seconds first) in a time zone.
///
/// Where the clock is put forward, a tick that falls into the hour that does not exist is made at the moment of the
/// change. Where it is put back, an expression that names hours ticks in the first of the two equal hours only; one that
/// runs in every hour keeps its cadence through both.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: cron::Schedule,
    zone: Tz,
    every_hour: bool,
}

/// Several schedules, each for something of its own.
#[derive(Clone, Debug)]
pub struct Agenda<T>(Vec<(Schedule, T)>);

impl<T: Clone + Ord> Agenda<T> {
    /// What is due when.
    pub fn new(entries: Vec<(Schedule, T)>) -> Self {
        Self(entries)
    }

    /// When the first of them is due after `after`.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.0.iter().filter_map(|(schedule, _)| schedule.next_after(after)).min()
    }

    /// How many of them name no further day after `after`.
    pub fn ended(&self, after: DateTime<Utc>) -> usize {
        self.0.iter().filter(|(schedule, _)| schedule.next_after(after).is_none()).count()
    }

    /// What has become due after `after`, up to `now`: each once, however often that was.
    pub fn due(&self, after: DateTime<Utc>, now: DateTime<Utc>) -> Vec<T> {
        let is_due = |schedule: &Schedule| schedule.next_after(after).is_some_and(|due| due <= now);
        let mut due: Vec<T> =
            self.0.iter().filter(|(one, _)| is_due(one)).map(|(_, what)| what.clone()).collect();
        due.sort_unstable();
        due.dedup();
        due
    }
}

impl Schedule {
    /// Parses both.
    ///
    /// # Errors
    /// What is wrong, as (key within `[schedule]`, message).
    pub fn parse(cron: &str, timezone: &str) -> Result<Self, Vec<(&'static str, String)>> {
        let mut errors = Vec::new();
        let zone = timezone.parse::<Tz>().map_err(|_| {
            errors.push((
                "timezone",
                format!("'{timezone}' is no IANA time zone; write one like 'America/Chicago'"),
            ));
        });
        let cron = cron::Schedule::from_str(cron).map_err(|error| {
            let mend = "write seconds, minutes, hours, days of the month, months, days of the week: '0 */15 * * * *'";
            errors.push(("cron", format!("'{cron}' is no cron expression ({error}); {mend}")));
        });
        match (cron, zone) {
            (Ok(cron), Ok(zone)) => {
                let every_hour = cron.hours().count() == 24;
                let schedule = Self { cron, zone, every_hour };
                // The 30th of February: from whatever day, such a tick never comes.
                if schedule.next_after(DateTime::UNIX_EPOCH).is_none() {
                    let message = format!("'{}' names a day that never comes", schedule.cron.source());
                    return Err(vec![("cron", message)]);
                }
                Ok(schedule)
            }
            _ => Err(errors),
        }
    }

    /// The expression as it was written.
    pub fn expression(&self) -> &str {
        self.cron.source()
    }

    /// The first tick after `after`; `None` where the expression names no day that will ever come.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut from = after;
        // The local time up to which ticks have been passed; in a repeated hour it runs ahead of `from`.
        let mut passed = self.local(from);
        // The horizon bounds the walk from one change of the clock to the next: a tick every four years is found.
        for _ in 0..32 {
            let shift = self.shift(from);
            let next_local = self.next_local(passed)?;
            let tick = Utc.from_utc_datetime(&(next_local - shift));
            let Some(change) = self.change_between(from, tick) else { return Some(tick) };
            let later = self.shift(change);
            let wall_before = change.naive_utc() + shift;
            let wall_after = change.naive_utc() + later;
            if later > shift {
                // Local times in wall_before..wall_after do not exist.
                if next_local < wall_after {
                    return Some(change);
                }
                passed = wall_after - Duration::seconds(1);
            } else {
                // Local times in wall_after..wall_before come a second time.
                passed = if self.every_hour { wall_after } else { wall_before } - Duration::seconds(1);
            }
            from = change;
        }
        None
    }

    fn next_local(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        // The cron crate walks a calendar without gaps when it is given one: UTC, here only a label.
        self.cron.after(&Utc.from_utc_datetime(&after)).next().map(|tick| tick.naive_utc())
    }

    fn local(&self, at: DateTime<Utc>) -> NaiveDateTime {
        at.with_timezone(&self.zone).naive_local()
    }

    fn shift(&self, at: DateTime<Utc>) -> Duration {
        Duration::seconds(i64::from(
            self.zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc(),
        ))
    }

    /// The first instant in `from..=to` at which another offset from UTC begins.
    fn change_between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let shift = self.shift(from);
        let mut low = from;
        // Two changes are never less than a few days apart, so a step of a day meets each one.
        while low < to {
            let high = (low + Duration::days(1)).min(to);
            if self.shift(high) != shift {
                let (mut before, mut behind) = (low, high);
                while behind - before > Duration::seconds(1) {
                    let middle = before + (behind - before) / 2;
                    if self.shift(middle) == shift { before = middle } else { behind = middle }
                }
                return behind.with_nanosecond(0);
            }
            low = high;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(cron: &str, zone: &str, after: &str, number: usize) -> Vec<String> {
        let schedule = Schedule::parse(cron, zone).unwrap();
        let mut at: DateTime<Utc> = after.parse().unwrap();
        let mut all = Vec::new();
        for _ in 0..number {
            at = schedule.next_after(at).unwrap();
            all.push(at.with_timezone(&schedule.zone).format("%m-%d %H:%M %Z").to_string());
        }
        all
    }

    #[test]
    fn a_daily_run_stays_at_its_wall_clock_time_through_both_changes_of_the_year() {
        let autumn = ticks("0 0 6 * * *", "America/Chicago", "2026-10-31T00:00:00Z", 3);
        assert_eq!(autumn, ["10-31 06:00 CDT", "11-01 06:00 CST", "11-02 06:00 CST"]);
        let spring = ticks("0 0 6 * * *", "America/Chicago", "2026-03-07T00:00:00Z", 3);
        assert_eq!(spring, ["03-07 06:00 CST", "03-08 06:00 CDT", "03-09 06:00 CDT"]);
    }

    #[test]
    fn a_tick_in_the_hour_that_does_not_exist_is_made_at_the_change() {
        let spring = ticks("0 30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3);
        assert_eq!(spring, ["03-28 02:30 CET", "03-29 03:00 CEST", "03-30 02:30 CEST"]);
    }

    #[test]
    fn a_tick_in_the_hour_that_comes_twice_is_made_once() {
        let autumn = ticks("0 30 2 * * *", "Europe/Berlin", "2026-10-24T00:00:00Z", 3);
        assert_eq!(autumn, ["10-24 02:30 CEST", "10-25 02:30 CEST", "10-26 02:30 CET"]);
    }

    #[test]
    fn a_cadence_within_the_hour_goes_on_through_both_equal_hours() {
        let autumn = ticks("0 */30 * * * *", "Europe/Berlin", "2026-10-24T23:59:00Z", 5);
        assert_eq!(
            autumn,
            ["10-25 02:00 CEST", "10-25 02:30 CEST", "10-25 02:00 CET", "10-25 02:30 CET", "10-25 03:00 CET"]
        );
        let spring = ticks("0 */30 * * * *", "Europe/Berlin", "2026-03-29T00:10:00Z", 3);
        assert_eq!(spring, ["03-29 01:30 CET", "03-29 03:00 CEST", "03-29 03:30 CEST"]);
    }

    #[test]
    fn a_day_that_never_comes_is_refused_and_one_that_has_passed_has_no_tick() {
        let errors = Schedule::parse("0 0 0 31 2 *", "UTC").unwrap_err();
        assert!(errors[0].1.contains("never comes"), "{errors:?}");
        assert!(Schedule::parse("0 0 0 29 2 *", "UTC").is_ok());
        let schedule = Schedule::parse("0 0 0 1 1 * 2020", "UTC").unwrap();
        assert_eq!(schedule.next_after("2026-11-24T00:00:00Z".parse().unwrap()), None);
    }

    #[test]
    fn a_wrong_expression_and_a_wrong_zone_are_both_named() {
        let errors = Schedule::parse("every day", "Mars/Olympus").unwrap_err();
        assert_eq!(errors.iter().map(|(key, _)| *key).collect::<Vec<_>>(), ["timezone", "cron"]);
    }
}
