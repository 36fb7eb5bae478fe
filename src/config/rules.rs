//! What is compiled from settings, and the rules across keys that no schema can tell.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use url::Url;
use xxhash_rust::xxh3::Xxh3;

use super::error::ConfigError;
use super::settings::{AuthKind, Settings, WorkivaSettings};
use super::sources::{self, SourceRules};
use crate::core::access::AccessRules;
use crate::core::desired::{AttributePolicy, UserMapping};
use crate::core::lifecycle::{Lifecycle, OnNewId, OnRename};
use crate::core::mapping::CompileError;
use crate::core::name_rules::NameRules;
use crate::core::planner::{Absence, Rulebook};
use crate::core::register::{DATES, Precedence};
use crate::core::schedule::Schedule;
use crate::core::scim::address::{self, AddressError};
use crate::core::value::folded;

/// The attribute whose policy is `lifecycle.on_rename`.
const USER_NAME: &str = "userName";

/// Everything that settings are compiled into.
pub struct Rules {
    /// Who gets what.
    pub rulebook: Rulebook,
    /// When.
    pub schedule: Schedule,
    /// When live Workiva is compared with what was confirmed, if ever.
    pub drift_schedule: Option<Schedule>,
    /// When the counts of a day are sent, if ever.
    pub digest_schedule: Option<Schedule>,
    /// The base address of Workiva's SCIM side.
    pub base_url: Url,
    /// The database's file.
    pub database: PathBuf,
    /// Where HTTP of ours listens.
    pub listen: SocketAddr,
    /// The sources, in the order of the settings.
    pub sources: Vec<SourceRules>,
    /// Whose word counts where several know a person.
    pub precedence: Precedence,
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
    let (sources, precedence) = sources::compile(settings, &mut errors);
    let base_url = check_workiva(&settings.workiva, &mut errors);
    let schedule = Schedule::parse(&settings.schedule.cron, &settings.schedule.timezone)
        .map_err(|all| {
            errors.extend(
                all.into_iter().map(|(key, message)| ConfigError::new(format!("schedule.{key}"), message)),
            );
        })
        .ok();
    let drift_schedule = check_drift(settings, &mut errors);
    let digest_schedule = super::alerts::check(settings, &mut errors);
    super::telemetry::check(&settings.telemetry, &mut errors);
    super::push::check_trigger(&settings.trigger, &mut errors);
    if let Some(column) = &settings.guard.max_deprovision_percent_per
        && !settings.all_sources().any(|(_, source)| source.columns.contains_key(column))
    {
        let message = "is no column; name one of source.columns, such as \"department\"";
        errors.push(ConfigError::with_value("guard.max_deprovision_percent_per", column, message));
    }
    super::groups::check(settings, &mut errors);
    check_lifecycle_columns(settings, &mut errors);
    let database = check_database(&settings.store.url, &mut errors);
    let listen = super::http::check(settings, &mut errors);
    let rulebook = compile_rulebook(settings, &mut errors);
    match (rulebook, schedule, base_url, database, listen) {
        (Some(rulebook), Some(schedule), Some(base_url), Some(database), Some(listen))
            if errors.is_empty() =>
        {
            Ok(Rules {
                rulebook,
                schedule,
                drift_schedule,
                digest_schedule,
                base_url,
                database,
                listen,
                sources,
                precedence,
            })
        }
        _ => Err(errors),
    }
}

/// Compiles what decides about people, and leaves everything else as it is.
///
/// # Errors
/// Everything that is wrong with that, at once.
pub fn compile_deciding(settings: &Settings) -> Result<Rulebook, Vec<ConfigError>> {
    let mut errors = Vec::new();
    for (section, source) in settings.all_sources() {
        sources::check_fields(&section, source, &mut errors);
    }
    check_lifecycle_columns(settings, &mut errors);
    let rulebook = compile_rulebook(settings, &mut errors);
    rulebook.filter(|_| errors.is_empty()).ok_or(errors)
}

/// What the lifecycle reads of a record has to be among the columns, or it would hold for nobody.
fn check_lifecycle_columns(settings: &Settings, errors: &mut Vec<ConfigError>) {
    let lifecycle = &settings.lifecycle;
    let is_column = |name: &str| settings.all_sources().any(|(_, source)| source.columns.contains_key(name));
    let mend = |name: &str| format!("needs the column '{name}'; add it to source.columns");
    if !lifecycle.timezones.is_empty() && !is_column(&lifecycle.timezone_by) {
        let message = mend(&lifecycle.timezone_by);
        errors.push(ConfigError::new("lifecycle.timezones", message));
    }
    if !lifecycle.immediate.is_empty() && !is_column("termination_reason") {
        errors.push(ConfigError::new("lifecycle.immediate", mend("termination_reason")));
    }
    for (days, key, column) in [
        (lifecycle.provision_days_before_hire, "lifecycle.provision_days_before_hire", "hire_date"),
        (
            lifecycle.deprovision_days_after_termination,
            "lifecycle.deprovision_days_after_termination",
            "termination_date",
        ),
    ] {
        if days > 0 && !is_column(column) {
            errors.push(ConfigError::new(key, mend(column)));
        }
    }
    // Without that column the status is looked up, which can be one of `leave` only.
    let leave: Vec<String> = lifecycle.leave.iter().map(|status| folded(status.trim())).collect();
    let is_status = |kind: &String| leave.contains(&folded(kind.trim()));
    if !lifecycle.leave_types.is_empty()
        && !lifecycle.leave_types.keys().any(is_status)
        && !is_column("leave_type")
    {
        errors.push(ConfigError::new("lifecycle.leave_types", mend("leave_type")));
    }
}

/// By what one person is known under two employee ids has to be mapped, or nothing would ever be the same.
fn check_same_person(settings: &Settings, errors: &mut Vec<ConfigError>) {
    const KEY: &str = "lifecycle.same_person";
    let lifecycle = &settings.lifecycle;
    if lifecycle.on_new_id == OnNewId::Move && lifecycle.same_person.is_empty() {
        let message = "is required with on_new_id = \"move\"; name mapped attributes by which one person is known under two \
                       employee ids, such as [\"userName\", \"name.givenName\", \"name.familyName\"]";
        errors.push(ConfigError::new(KEY, message));
    }
    // Namesakes share it.
    let is_chosen = |path: &&String| *path == USER_NAME && !settings.user_names.fallback.is_empty();
    for path in lifecycle.same_person.iter().filter(is_chosen) {
        let message = "is chosen among several (user_names.fallback), so it does not tell who somebody is; name another attribute, such as \
                       \"emails.work\"";
        errors.push(ConfigError::with_value(KEY, path, message));
    }
    for path in lifecycle.same_person.iter().filter(|path| !settings.attributes.contains_key(*path)) {
        let message = "is not mapped; name attributes of [attributes]";
        errors.push(ConfigError::with_value(KEY, path, message));
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

fn compile_rulebook(settings: &Settings, errors: &mut Vec<ConfigError>) -> Option<Rulebook> {
    let columns = settings.columns();
    let names = columns.names();
    // With a register, dates have one form.
    let only = settings.source.as_deref().filter(|_| !settings.uses_register());
    let all = || settings.all_sources().map(|(_, source)| source);
    let add = |all: Vec<CompileError>, errors: &mut Vec<ConfigError>| {
        errors.extend(all.into_iter().map(|error| ConfigError::new(error.key, error.message)));
    };
    let users = UserMapping::compile(&settings.attributes, names, &settings.tables)
        .and_then(|users| users.with_policies(policies(settings, errors)))
        .map_err(|all| add(all, errors))
        .ok();
    let first = settings.attributes.get(USER_NAME);
    let choice = NameRules::compile(&settings.user_names, first, names, &settings.tables)
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
    check_same_person(settings, errors);
    let access = AccessRules::compile(&settings.access, usable?, names, &settings.tables)
        .map_err(|all| add(all, errors))
        .ok();
    Some(Rulebook {
        access: access?,
        users: users?,
        names: choice?,
        date_formats: only.map_or_else(|| vec![DATES.to_owned()], |source| source.date_formats.clone()),
        deprovision: settings.workiva.deprovision,
        // Of several: for whom none of them has ever known. Who is gone from one of them is settled in the register.
        absence: if all().all(|source| source.absence == Absence::Keep) {
            Absence::Keep
        } else {
            Absence::Deprovision
        },
        absence_runs: all().map(|source| source.absence_runs).max().unwrap_or(1),
        group_by: settings.guard.max_deprovision_percent_per.clone(),
        seed: decision_fingerprint(settings),
    })
}

/// When each attribute is written. That accounts keep their user names is one of these rules.
fn policies(settings: &Settings, errors: &mut Vec<ConfigError>) -> BTreeMap<String, AttributePolicy> {
    let mut policies = settings.attribute_policies.clone();
    if policies.contains_key(USER_NAME) {
        let message = "is said by lifecycle.on_rename (\"update\" or \"keep\"); remove it here";
        errors.push(ConfigError::new(format!("attribute_policies.{USER_NAME}"), message));
    }
    if settings.lifecycle.on_rename == OnRename::Keep {
        policies.insert(USER_NAME.into(), AttributePolicy::OnCreate);
    }
    policies
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
        settings.groups.manage,
        settings.attributes,
        settings.attribute_policies,
        settings.user_names,
        settings.tables,
        settings.all_sources().map(|(_, source)| sources::decisive(source)).collect::<Vec<_>>(),
        settings.precedence,
        settings.workiva.deprovision,
        settings.guard.max_deprovision_percent_per,
        env!("CARGO_PKG_VERSION"),
    ]);
    let mut hasher = Xxh3::new();
    hasher.update(parts.to_string().as_bytes());
    hasher.digest()
}
