//! What is compiled from settings, and the rules across keys that no schema can tell.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use url::Url;
use xxhash_rust::xxh3::Xxh3;

use super::error::ConfigError;
use super::rest::{self, RestRules};
use super::settings::{AuthKind, Settings, SourceKind, SourceSettings, WorkivaSettings};
use crate::core::access::AccessRules;
use crate::core::desired::UserMapping;
use crate::core::lifecycle::Lifecycle;
use crate::core::mapping::CompileError;
use crate::core::planner::{Absence, Rulebook};
use crate::core::record::{Columns, EMPLOYEE_ID};
use crate::core::schedule::Schedule;
use crate::core::scim::address::{self, AddressError};

/// Everything that settings are compiled into.
pub struct Rules {
    /// Who gets what.
    pub rulebook: Rulebook,
    /// When.
    pub schedule: Schedule,
    /// When live Workiva is compared with what was confirmed, if ever.
    pub drift_schedule: Option<Schedule>,
    /// The base address of Workiva's SCIM side.
    pub base_url: Url,
    /// The database's file.
    pub database: PathBuf,
    /// Where HTTP of ours listens.
    pub listen: SocketAddr,
    /// The delimiter of a CSV file.
    pub delimiter: u8,
    /// How a system is asked by HTTP, where the source is one.
    pub rest: Option<RestRules>,
}

// Compiled templates have no useful form.
impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules")
            .field("database", &self.database)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

/// Compiles settings.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn compile(settings: &Settings) -> Result<Rules, Vec<ConfigError>> {
    let mut errors = Vec::new();
    let delimiter = check_source(&settings.source, &mut errors);
    let rest = check_rest(&settings.source, &mut errors);
    let base_url = check_workiva(&settings.workiva, &mut errors);
    let schedule = Schedule::parse(&settings.schedule.cron, &settings.schedule.timezone)
        .map_err(|all| {
            errors.extend(
                all.into_iter().map(|(key, message)| ConfigError::new(format!("schedule.{key}"), message)),
            );
        })
        .ok();
    let drift_schedule = check_drift(settings, &mut errors);
    if let Some(column) = &settings.guard.max_deprovision_percent_per
        && !settings.source.columns.contains_key(column)
    {
        let message = "is no column; name one of source.columns, such as \"department\"";
        errors.push(ConfigError::with_value("guard.max_deprovision_percent_per", column, message));
    }
    let database = check_database(&settings.store.url, &mut errors);
    let listen = check_listen(settings, &mut errors);
    let rulebook = compile_rulebook(settings, &mut errors);
    match (rulebook, schedule, base_url, database, listen, delimiter) {
        (Some(rulebook), Some(schedule), Some(base_url), Some(database), Some(listen), Some(delimiter))
            if errors.is_empty() =>
        {
            Ok(Rules { rulebook, schedule, drift_schedule, base_url, database, listen, delimiter, rest })
        }
        _ => Err(errors),
    }
}

fn check_source(source: &SourceSettings, errors: &mut Vec<ConfigError>) -> Option<u8> {
    for required in [EMPLOYEE_ID, "status"] {
        if !source.columns.contains_key(required) {
            let message = "is required; name the header of that column";
            errors.push(ConfigError::new(format!("source.columns.{required}"), message));
        }
    }
    for name in source.columns.keys() {
        let is_identifier = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && name.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
        if !is_identifier {
            let message = "cannot be used in expressions; write letters, digits and '_', a letter first";
            errors.push(ConfigError::new(format!("source.columns.{name}"), message));
        }
    }
    if source.date_formats.is_empty() {
        errors.push(ConfigError::new("source.date_formats", "is empty; write at least \"%Y-%m-%d\""));
    }
    for format in &source.date_formats {
        let unknown =
            chrono::format::StrftimeItems::new(format).any(|item| item == chrono::format::Item::Error);
        let complete = ["%Y", "%m", "%d"].iter().all(|part| format.contains(part));
        if unknown || !(complete || ["%F", "%d %b %Y", "%d %B %Y", "%d-%b-%Y"].contains(&format.as_str())) {
            let message = "is no date format; it needs %Y, %m and %d";
            errors.push(ConfigError::with_value("source.date_formats", format, message));
        }
    }
    match (source.kind, &source.path) {
        (SourceKind::Csv, None) => {
            errors.push(ConfigError::new("source.path", "is required for kind = \"csv\""))
        }
        (SourceKind::Csv, Some(path)) => {
            if let Err(error) = glob::Pattern::new(path) {
                errors.push(ConfigError::with_value("source.path", path, format!("is no pattern: {error}")));
            }
        }
        _ => {}
    }
    check_announcements(source, errors);
    if source.absence_runs > 1 && source.absence == Absence::Keep {
        let message =
            "counts only where absence means leaving; remove it, or set source.absence = \"deprovision\"";
        errors.push(ConfigError::with_value("source.absence_runs", source.absence_runs, message));
    }
    match source.delimiter.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Some(*byte),
        b"\\t" => Some(b'\t'),
        _ => {
            let message = "has to be one ASCII character, such as ',', ';', '|' or '\\t'";
            errors.push(ConfigError::with_value("source.delimiter", &source.delimiter, message));
            None
        }
    }
}

fn check_rest(source: &SourceSettings, errors: &mut Vec<ConfigError>) -> Option<RestRules> {
    let kind = source.kind.is_rest().then(|| source.kind.name())?;
    let settings = source.rest.as_deref().cloned().unwrap_or_default();
    rest::compile::compile(&kind, &settings, source.account.as_deref(), &source.columns, errors)
}

fn check_announcements(source: &SourceSettings, errors: &mut Vec<ConfigError>) {
    let patterns = [("done_marker", &source.done_marker), ("control_file", &source.control_file)];
    for (key, pattern) in patterns {
        let Some(pattern) = pattern else { continue };
        if pattern.is_empty() || pattern == "{file}" {
            let message = "has to name another file than the data file, such as \"{file}.done\"";
            errors.push(ConfigError::with_value(format!("source.{key}"), pattern, message));
        }
    }
    if let Some(trailer) = &source.trailer
        && (trailer.trim().is_empty() || trailer.trim() != trailer || !trailer.is_ascii())
    {
        let message = "has to be ASCII text without spaces around it, such as \"TRAILER\"";
        errors.push(ConfigError::with_value("source.trailer", trailer, message));
    }
}

fn check_drift(settings: &Settings, errors: &mut Vec<ConfigError>) -> Option<Schedule> {
    let cron = settings.drift.cron.as_ref()?;
    let parsed = Schedule::parse(cron, &settings.schedule.timezone);
    // A time zone that does not exist is told under schedule.timezone.
    let told = |all: Vec<(&str, String)>, errors: &mut Vec<ConfigError>| {
        let own = all.into_iter().filter(|(key, _)| *key == "cron");
        errors.extend(own.map(|(key, message)| ConfigError::new(format!("drift.{key}"), message)));
    };
    parsed.map_err(|all| told(all, errors)).ok()
}

fn check_workiva(workiva: &WorkivaSettings, errors: &mut Vec<ConfigError>) -> Option<Url> {
    if workiva.lease_seconds <= workiva.timeout_seconds {
        let message = format!(
            "has to be longer than workiva.timeout_seconds ({}), or an action would be sent twice; set it to {} or more",
            workiva.timeout_seconds,
            workiva.timeout_seconds * 2
        );
        errors.push(ConfigError::with_value("workiva.lease_seconds", workiva.lease_seconds, message));
    }
    let has = |secret: &Option<super::Secret>| secret.as_ref().is_some_and(|secret| !secret.is_empty());
    match workiva.auth {
        AuthKind::Basic => {
            if workiva.username.as_deref().unwrap_or_default().is_empty() {
                errors.push(ConfigError::new("workiva.username", "is required for auth = \"basic\""));
            }
            if !has(&workiva.password) {
                let message = "is required for auth = \"basic\" (or workiva.password_file), and not empty";
                errors.push(ConfigError::new("workiva.password", message));
            }
        }
        AuthKind::Bearer if !has(&workiva.token) => {
            let message = "is required for auth = \"bearer\" (or workiva.token_file), and not empty";
            errors.push(ConfigError::new("workiva.token", message));
        }
        AuthKind::Bearer => {}
    }
    if workiva.match_existing.is_empty() {
        let message =
            "is empty, so existing users would get a second account; write [\"externalId\", \"userName\"]";
        errors.push(ConfigError::new("workiva.match_existing", message));
    }
    check_base_url(&workiva.base_url, errors)
}

fn check_base_url(text: &str, errors: &mut Vec<ConfigError>) -> Option<Url> {
    let refuse = |error: AddressError| match address::may_show(text) {
        true => ConfigError::with_value("workiva.base_url", text, error.to_string()),
        false => ConfigError::new("workiva.base_url", error.to_string()),
    };
    address::parse(text).map_err(|error| errors.push(refuse(error))).ok()
}

fn check_database(url: &str, errors: &mut Vec<ConfigError>) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite://").filter(|path| !path.is_empty() && !path.contains('?'));
    if path.is_none() {
        let message = "has to be sqlite:// and a path, such as sqlite://data/workiva-sync.db";
        errors.push(ConfigError::with_value("store.url", url, message));
    }
    path.map(|path| Path::new(path).to_path_buf())
}

fn check_listen(settings: &Settings, errors: &mut Vec<ConfigError>) -> Option<SocketAddr> {
    let http = &settings.http;
    let Ok(address) = http.listen.parse::<SocketAddr>() else {
        let message = "has to be an address and a port, such as 127.0.0.1:8080";
        errors.push(ConfigError::with_value("http.listen", &http.listen, message));
        return None;
    };
    if !address.ip().is_loopback() && http.token.as_ref().is_none_or(super::Secret::is_empty) {
        let message =
            "is not loopback; set http.token_file, so that not everybody can read the daemon's state";
        errors.push(ConfigError::with_value("http.listen", &http.listen, message));
    }
    Some(address)
}

fn compile_rulebook(settings: &Settings, errors: &mut Vec<ConfigError>) -> Option<Rulebook> {
    let columns = Columns::new(settings.source.columns.keys().map(String::as_str));
    let names = columns.names();
    let add = |all: Vec<CompileError>, errors: &mut Vec<ConfigError>| {
        errors.extend(all.into_iter().map(|error| ConfigError::new(error.key, error.message)));
    };
    let users = UserMapping::compile(&settings.attributes, names, &settings.tables)
        .map_err(|all| add(all, errors))
        .ok();
    // The roles are checked even when the lifecycle is wrong, so that all errors are told at once.
    let lifecycle = Lifecycle::compile(&settings.lifecycle);
    let stand_in = || Lifecycle::compile(&stand_in_lifecycle(settings)).ok();
    let usable = match lifecycle {
        Ok(lifecycle) => Some(lifecycle),
        Err(all) => {
            errors.extend(all.into_iter().map(|(key, message)| ConfigError::new(key, message)));
            stand_in()
        }
    };
    let access = AccessRules::compile(&settings.access, usable?, names, &settings.tables)
        .map_err(|all| add(all, errors))
        .ok();
    Some(Rulebook {
        access: access?,
        users: users?,
        date_formats: settings.source.date_formats.clone(),
        deprovision: settings.workiva.deprovision,
        absence: settings.source.absence,
        absence_runs: settings.source.absence_runs,
        group_by: settings.guard.max_deprovision_percent_per.clone(),
        seed: decision_fingerprint(settings),
    })
}

fn stand_in_lifecycle(settings: &Settings) -> crate::core::lifecycle::LifecycleSettings {
    let mut lifecycle = settings.lifecycle.clone();
    lifecycle.timezone = "UTC".into();
    lifecycle.active = vec!["active".into()];
    (lifecycle.leave, lifecycle.terminated) = (vec![], vec![]);
    lifecycle
}

/// A digest of all settings that decide about people: with any change of them everybody is judged anew.
fn decision_fingerprint(settings: &Settings) -> u64 {
    let parts = serde_json::json!([
        settings.lifecycle,
        settings.access,
        settings.attributes,
        settings.tables,
        settings.source.columns,
        settings.source.absence,
        settings.source.date_formats,
        settings.source.delimiter,
        settings.source.encoding,
        settings.workiva.deprovision,
        settings.guard.max_deprovision_percent_per,
        env!("CARGO_PKG_VERSION"),
    ]);
    let mut hasher = Xxh3::new();
    hasher.update(parts.to_string().as_bytes());
    hasher.digest()
}
