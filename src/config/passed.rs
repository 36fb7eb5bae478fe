//! Cron expressions that name no day which is still to come. Whether one does, a clock has to say, so it is asked where there is one.

use chrono::{DateTime, Utc};

use super::error::{ConfigError, ConfigErrors};
use super::load::Loaded;
use super::rules::Rules;
use super::settings::Settings;
use crate::core::schedule::Schedule;

/// The keys whose expressions name no further day behind `now`: nothing runs by them any more.
pub fn ended_schedules(settings: &Settings, rules: &Rules, now: DateTime<Utc>) -> Vec<String> {
    passed(settings, rules, now).map(|(key, _)| key).collect()
}

/// Refuses a configuration by which something would never run. `name`: what errors call it.
///
/// # Errors
/// Every such key.
pub fn insist_on_ticks(name: &str, loaded: &Loaded, now: DateTime<Utc>) -> Result<(), ConfigErrors> {
    let fault = |(key, schedule): (String, &Schedule)| {
        let message = "names no day that is still to come, so nothing would ever run by it; leave the year away, or name one that has \
                       not passed";
        ConfigError::with_value(key, schedule.expression(), message)
    };
    let errors: Vec<_> = passed(&loaded.settings, &loaded.rules, now).map(fault).collect();
    match errors.is_empty() {
        true => Ok(()),
        false => Err(ConfigErrors { file: name.to_owned(), errors }),
    }
}

/// Those that have no tick behind `now`, with their keys.
fn passed<'a>(
    settings: &Settings,
    rules: &'a Rules,
    now: DateTime<Utc>,
) -> impl Iterator<Item = (String, &'a Schedule)> {
    schedules(settings, rules).into_iter().filter(move |(_, schedule)| schedule.next_after(now).is_none())
}

/// Every schedule that is written as an expression, with its key.
fn schedules<'a>(settings: &Settings, rules: &'a Rules) -> Vec<(String, &'a Schedule)> {
    let usual = [("schedule.cron", Some(&rules.schedule)), ("drift.cron", rules.drift_schedule.as_ref())];
    let usual = usual.into_iter().map(|(key, schedule)| (key.to_owned(), schedule));
    let of_sources = settings.all_sources().zip(&rules.sources).flat_map(|((section, _), source)| {
        let both = [("cron", source.schedule.as_ref()), ("full_cron", source.full_schedule.as_ref())];
        both.map(|(key, schedule)| (format!("{section}.{key}"), schedule))
    });
    usual.chain(of_sources).filter_map(|(key, schedule)| Some((key, schedule?))).collect()
}
