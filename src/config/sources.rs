//! The sources: each checked by itself, and all together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use super::error::ConfigError;
use super::kinds::SourceKind;
use super::prefixes;
use super::rest::{self, PagingKind, RestRules};
use super::settings::{Settings, SourceSettings};
use crate::core::lifecycle::LifecycleSettings;
use crate::core::planner::Absence;
use crate::core::record::{Columns, EMPLOYEE_ID};
use crate::core::register::{Origin, Precedence};
use crate::core::schedule::Schedule;
use crate::core::status_words::StatusWords;
use crate::core::value::{canonical, compared};

/// What the settings of one source are compiled into.
#[derive(Clone, Debug)]
pub struct SourceRules {
    /// How its records are taken.
    pub origin: Origin,
    /// The digest of the settings under which it is read.
    pub reading: u64,
    /// Status words of people who have left, in compared form.
    pub left: Vec<String>,
    /// The delimiter of a CSV file.
    pub delimiter: u8,
    /// How a system is asked by HTTP, where it is one.
    pub rest: Option<RestRules>,
    /// When it is read, if not with all others.
    pub schedule: Option<Schedule>,
    /// When it is read in full, if not each time.
    pub full_schedule: Option<Schedule>,
}

impl SourceSettings {
    /// What the source is called.
    pub fn called(&self) -> &str {
        self.name.as_deref().unwrap_or("source")
    }

    /// Whether it may deliver what changed instead of everybody.
    pub fn has_deltas(&self) -> bool {
        self.kind == SourceKind::Push
            || self.delta.is_some()
            || self.rest.as_ref().is_some_and(|rest| rest.deltas().is_some())
    }
}

impl Settings {
    /// Whether records are kept in the register: one read does not tell of everybody, or not as everybody is known.
    pub fn uses_register(&self) -> bool {
        let needs = |source: &SourceSettings| source.has_deltas() || !source.id_prefix.is_empty();
        !self.sources.is_empty() || self.source.as_deref().is_some_and(needs)
    }

    /// All fields that one of the sources has.
    pub fn columns(&self) -> Arc<Columns> {
        Columns::new(self.all_sources().flat_map(|(_, source)| source.columns.keys()).map(String::as_str))
    }

    /// What the sources call their fields, each with our names for it.
    pub fn headers(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut headers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (ours, theirs) in self.all_sources().flat_map(|(_, source)| &source.columns) {
            headers.entry(canonical(theirs).into_owned()).or_default().insert(ours.clone());
        }
        headers
    }
}

/// Compiles every source.
pub(super) fn compile(settings: &Settings, errors: &mut Vec<ConfigError>) -> (Vec<SourceRules>, Precedence) {
    match (&settings.source, settings.sources.is_empty()) {
        (None, true) => errors.push(ConfigError::new("sources", "is empty; describe at least one source")),
        (Some(_), false) => {
            let message = "stands beside [[sources]]; move it there, with a name";
            errors.push(ConfigError::new("source", message));
        }
        _ => {
            check_names(settings, errors);
            prefixes::check(settings, errors);
        }
    }
    let compiled = settings.all_sources().filter_map(|(section, source)| {
        let delimiter = check_source(&section, source, errors);
        let statuses = check_statuses(settings, &section, source, errors);
        let left = match &statuses {
            Some(words) => words.left().to_vec(),
            None => settings.lifecycle.terminated.iter().map(|word| compared(word)).collect(),
        };
        let rest = check_rest(&section, source, errors);
        let schedule = check_cron(settings, &section, "cron", source.cron.as_deref(), errors);
        let full_schedule = check_cron(settings, &section, "full_cron", source.full_cron.as_deref(), errors);
        if let Some(message) = no_full_cron(source).filter(|_| source.full_cron.is_some()) {
            errors.push(ConfigError::new(format!("{section}.full_cron"), message));
        }
        if source.full_cron.is_none() && source.rest.as_ref().is_some_and(|rest| rest.deltas().is_some()) {
            let message = "is required with deltas: what the system does not tell of as changed is found by a read of everybody; \
                           once a night, say \"0 30 2 * * *\"";
            errors.push(ConfigError::new(format!("{section}.full_cron"), message));
        }
        Some(SourceRules {
            reading: reading(source, &settings.lifecycle),
            origin: origin(settings, source, statuses),
            left,
            delimiter: delimiter?,
            rest,
            schedule,
            full_schedule: full_schedule.filter(|_| source.has_deltas()),
        })
    });
    let compiled = compiled.collect();
    (compiled, precedence(settings, errors))
}

/// Why a source cannot be read in full when we want.
fn no_full_cron(source: &SourceSettings) -> Option<&'static str> {
    if source.kind == SourceKind::Push {
        return Some(
            "is for a source that can be asked; of one that pushes, let it push a snapshot from time to time",
        );
    }
    // A preset's stays where its deltas are switched off.
    if source.rest.as_ref().is_some_and(|rest| rest.delta.is_some()) {
        return None;
    }
    let message =
        "is for a source that delivers what changed; this one tells of everybody each time: use cron";
    (!source.has_deltas()).then_some(message)
}

/// The source's own words, where it has some that are right.
fn check_statuses(
    settings: &Settings,
    section: &str,
    source: &SourceSettings,
    errors: &mut Vec<ConfigError>,
) -> Option<StatusWords> {
    let own = source.lifecycle.as_ref()?;
    if settings.sources.is_empty() {
        let message = "is for one of several [[sources]]; write it in [lifecycle]";
        errors.push(ConfigError::new(format!("{section}.lifecycle"), message));
        return None;
    }
    let faults = match StatusWords::compile(own, &settings.lifecycle) {
        Ok(words) => return Some(words),
        Err(faults) => faults,
    };
    let error = |(list, message)| ConfigError::new(format!("{section}.lifecycle.{list}"), message);
    errors.extend(faults.into_iter().map(error));
    None
}

fn origin(settings: &Settings, source: &SourceSettings, statuses: Option<StatusWords>) -> Origin {
    Origin {
        statuses,
        name: source.called().to_owned(),
        id_prefix: source.id_prefix.clone(),
        foreign_prefixes: prefixes::foreign(settings, source),
        date_formats: source.date_formats.clone(),
        absence_runs: (source.absence == Absence::Deprovision).then_some(source.absence_runs),
    }
}

/// What `check` says of how a source is read, though it may be as it should.
pub fn advice(source: &SourceSettings) -> Option<&'static str> {
    let paging = source.rest.as_ref().map(|rest| rest.paging.kind)?;
    let by_numbers = matches!(paging, PagingKind::Page | PagingKind::Offset);
    let believes_one = source.absence == Absence::Deprovision && source.absence_runs < 2;
    (by_numbers && believes_one).then_some(
        "its list is paged by numbers: where one person leaves it and another joins it while it is read, somebody else can be on no page; with \
         absence_runs = 2 that takes nobody's access",
    )
}

/// What of a source decides about people.
pub(super) fn decisive(source: &SourceSettings) -> serde_json::Value {
    serde_json::json!([
        source.kind,
        source.columns,
        source.absence,
        source.date_formats,
        source.delimiter,
        source.encoding,
        source.id_prefix,
        source.priority,
        source.lifecycle,
    ])
}

/// Counts up where the same settings make another record of the same row. Each source is read anew then.
const WAY_OF_READING: u32 = 1;

/// What decides how a record reads. Whose word counts, and what absence means, is asked where records are merged.
fn reading(source: &SourceSettings, lifecycle: &LifecycleSettings) -> u64 {
    let push =
        source.push.as_ref().map(|push| (&push.action_column, &push.delete_values, &push.upsert_values));
    let decisive = serde_json::json!([
        source.kind,
        source.columns,
        source.date_formats,
        source.delimiter,
        source.encoding,
        source.id_prefix,
        source.rest,
        source.delta,
        push,
        WAY_OF_READING,
    ]);
    let mut hasher = Xxh3::new();
    hasher.update(decisive.to_string().as_bytes());
    if let Some(own) = &source.lifecycle {
        let common = [&lifecycle.active, &lifecycle.leave, &lifecycle.terminated];
        hasher.update(serde_json::json!([own, common]).to_string().as_bytes());
    }
    hasher.digest()
}

fn check_rest(section: &str, source: &SourceSettings, errors: &mut Vec<ConfigError>) -> Option<RestRules> {
    let kind = source.kind.is_rest().then(|| source.kind.name())?;
    let settings = source.rest.as_deref().cloned().unwrap_or_default();
    let mut own = Vec::new();
    let rules =
        rest::compile::compile(&kind, &settings, source.account.as_deref(), &source.columns, &mut own);
    errors.extend(own.into_iter().map(|error| match error.key.strip_prefix("source") {
        Some(rest) => ConfigError { key: format!("{section}{rest}"), ..error },
        None => error,
    }));
    rules
}

fn check_names(settings: &Settings, errors: &mut Vec<ConfigError>) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, source) in settings.sources.iter().enumerate() {
        let key = format!("sources[{at}].name");
        let Some(name) = source.name.as_deref() else {
            let message = "is required: it is how precedence, `status` and the register know the source";
            errors.push(ConfigError::new(key, message));
            continue;
        };
        let is_plain =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if !is_plain {
            let message = "may hold letters, digits, '-' and '_' only";
            errors.push(ConfigError::with_value(key, name, message));
        } else if let Some(other) = seen.insert(name, at) {
            let message = format!("is the name of sources[{other}] as well; give each its own");
            errors.push(ConfigError::with_value(key, name, message));
        }
    }
}

/// By priority, and in the order of the file where that is equal.
fn precedence(settings: &Settings, errors: &mut Vec<ConfigError>) -> Precedence {
    let all: Vec<&SourceSettings> = settings.all_sources().map(|(_, source)| source).collect();
    let mut usual: Vec<usize> = (0..all.len()).collect();
    usual.sort_by_key(|at| all[*at].priority);
    let mut of = BTreeMap::new();
    for (attribute, names) in &settings.precedence {
        let key = format!("precedence.{attribute}");
        if !all.iter().any(|source| source.columns.contains_key(attribute)) {
            let message = "is no column of any source; correct the name";
            errors.push(ConfigError::new(key.clone(), message));
        }
        let mut places = Vec::new();
        for name in names {
            match all.iter().position(|source| source.name.as_deref() == Some(name)) {
                Some(place) => places.push(place),
                None => {
                    let message = "is the name of no source; correct it, or name the source so";
                    errors.push(ConfigError::with_value(key.clone(), name, message));
                }
            }
        }
        of.insert(attribute.clone(), places);
    }
    let employing = (0..all.len()).filter(|at| all[*at].columns.contains_key("status")).collect();
    Precedence { usual, of, employing }
}

fn check_cron(
    settings: &Settings,
    section: &str,
    key: &str,
    cron: Option<&str>,
    errors: &mut Vec<ConfigError>,
) -> Option<Schedule> {
    let parsed = Schedule::parse(cron?, &settings.schedule.timezone);
    parsed
        .map_err(|all| {
            // A time zone that does not exist is told under schedule.timezone.
            let own = all.into_iter().filter(|(name, _)| *name == "cron");
            errors.extend(own.map(|(_, message)| ConfigError::new(format!("{section}.{key}"), message)));
        })
        .ok()
}

/// Checks which fields a source has, and how its dates are read.
pub(super) fn check_fields(section: &str, source: &SourceSettings, errors: &mut Vec<ConfigError>) {
    for required in [EMPLOYEE_ID, "status"] {
        if !source.columns.contains_key(required) {
            let message = "is required; name the header of that column";
            errors.push(ConfigError::new(format!("{section}.columns.{required}"), message));
        }
    }
    for name in source.columns.keys() {
        let is_identifier = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && name.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
        if !is_identifier {
            let message = "cannot be used in expressions; write letters, digits and '_', a letter first";
            errors.push(ConfigError::new(format!("{section}.columns.{name}"), message));
        }
    }
    if source.date_formats.is_empty() {
        errors.push(ConfigError::new(
            format!("{section}.date_formats"),
            "is empty; write at least \"%Y-%m-%d\"",
        ));
    }
    for format in &source.date_formats {
        let unknown =
            chrono::format::StrftimeItems::new(format).any(|item| item == chrono::format::Item::Error);
        let complete = ["%Y", "%m", "%d"].iter().all(|part| format.contains(part));
        if unknown || !(complete || ["%F", "%d %b %Y", "%d %B %Y", "%d-%b-%Y"].contains(&format.as_str())) {
            let message = "is no date format; it needs %Y, %m and %d";
            errors.push(ConfigError::with_value(format!("{section}.date_formats"), format, message));
        }
    }
}

fn check_source(section: &str, source: &SourceSettings, errors: &mut Vec<ConfigError>) -> Option<u8> {
    check_fields(section, source, errors);
    match (source.kind, &source.path) {
        (SourceKind::Csv, None) => {
            errors.push(ConfigError::new(format!("{section}.path"), "is required for kind = \"csv\""))
        }
        (SourceKind::Csv, Some(_)) => super::csv::check(section, source, errors),
        (SourceKind::Push, _) => super::push::check(section, source, errors),
        _ => {}
    }
    if source.push.is_some() && source.kind != SourceKind::Push {
        let message = "is for kind = \"push\" alone; remove it";
        errors.push(ConfigError::new(format!("{section}.push"), message));
    }
    check_announcements(section, source, errors);
    if source.absence_runs > 1 && source.absence == Absence::Keep {
        let message =
            "counts only where absence means leaving; remove it, or set source.absence = \"deprovision\"";
        errors.push(ConfigError::with_value(format!("{section}.absence_runs"), source.absence_runs, message));
    }
    match source.delimiter.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Some(*byte),
        b"\\t" => Some(b'\t'),
        _ => {
            let message = "has to be one ASCII character, such as ',', ';', '|' or '\\t'";
            errors.push(ConfigError::with_value(format!("{section}.delimiter"), &source.delimiter, message));
            None
        }
    }
}

fn check_announcements(section: &str, source: &SourceSettings, errors: &mut Vec<ConfigError>) {
    let patterns = [("done_marker", &source.done_marker), ("control_file", &source.control_file)];
    for (key, pattern) in patterns {
        let Some(pattern) = pattern else { continue };
        if pattern.is_empty() || pattern == "{file}" {
            let message = "has to name another file than the data file, such as \"{file}.done\"";
            errors.push(ConfigError::with_value(format!("{section}.{key}"), pattern, message));
        }
    }
    if let Some(trailer) = &source.trailer
        && (trailer.trim().is_empty() || trailer.trim() != trailer || !trailer.is_ascii())
    {
        let message = "has to be ASCII text without spaces around it, such as \"TRAILER\"";
        errors.push(ConfigError::with_value(format!("{section}.trailer"), trailer, message));
    }
}
