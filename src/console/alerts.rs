//! Alerts, as they are told of: what is the matter now.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::compose::RealEngine;
use crate::config::AlertSettings;
use crate::core::alerts::{Alert, Condition, Kind, broken_audit, unstored};
use crate::store::AlertState;

/// What is raised, and who is told.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Alerts {
    /// The channels that are configured: webhook, slack, smtp. Without any nobody is told, and nothing is looked for but whether the audit is
    /// whole and the database can be written: these two are raised all the same.
    pub channels: Vec<&'static str>,
    /// What is raised now, the oldest first.
    pub raised: Vec<RaisedAlert>,
}

/// What looking through the whole audit came to last.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditLook {
    /// When that was; none: not yet, or `alerts.audit_hours` is 0.
    pub checked_at: Option<DateTime<Utc>>,
    /// What is wrong with it; none: it was whole, if it was looked through.
    pub fault: Option<String>,
    /// How often a daemon looks, in hours; 0: never.
    pub every_hours: u32,
}

/// Something that is the matter now. It names nobody but by employee id.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RaisedAlert {
    /// Which one: held_plan, source_incomplete, runs_failing, credentials_refused, actions_parked, workiva_down, deprovision_late, access_kept, audit_broken
    /// or database_failing.
    pub alert: &'static str,
    /// The same in words.
    pub title: &'static str,
    /// Which of several HR sources it is about.
    pub source: Option<String>,
    /// Since when it is so.
    pub since: DateTime<Utc>,
    /// When it was told first.
    pub raised_at: DateTime<Utc>,
    /// When it was told last.
    pub told_at: DateTime<Utc>,
    /// Since when it has not been seen, while it is not believed to be over yet.
    pub quiet_since: Option<DateTime<Utc>>,
    /// What happened.
    pub what: String,
    /// What to do about it.
    pub to_do: String,
    /// The command to begin with.
    pub command: String,
    /// The run that it is about.
    pub run_id: Option<String>,
    /// The plan that it is about.
    pub plan_id: Option<String>,
    /// How many it concerns, of a held plan those who would lose access; 1 where nothing is counted.
    pub count: u64,
    /// Some of whom it concerns, at most five.
    pub employee_ids: Vec<String>,
}

/// How the audit was found.
pub fn audit_look(settings: &AlertSettings, state: &AlertState) -> AuditLook {
    let verdict = settings.verdict(state.audit.as_ref()).cloned();
    let (checked_at, fault) = verdict.map_or((None, None), |one| (Some(one.checked_at), one.fault));
    AuditLook { checked_at, fault, every_hours: settings.audit_hours }
}

/// What is raised.
pub fn raised(engine: &RealEngine, state: AlertState) -> Alerts {
    let settings = &engine.settings.alerts;
    let channels = settings.channels();
    // What is the matter with the database cannot be in it.
    let failing = engine.storing.trouble().map(|known| {
        let at = known.since;
        told(unstored(at, &known.reason), (at, at, None))
    });
    let kept: Vec<Alert> = match channels.is_empty() {
        // What was raised before the last channel went is looked for no more.
        true => Vec::new(),
        false => state.alerts.into_iter().filter(Alert::is_raised).collect(),
    };
    // The audit is looked through whether somebody is told or not.
    let is_told = kept.iter().any(|one| one.condition.kind == Kind::AuditBroken);
    let verdict = settings.verdict(state.audit.as_ref()).filter(|_| !is_told);
    let broken = verdict.and_then(|verdict| {
        let at = verdict.checked_at;
        broken_audit(verdict).map(|condition| told(condition, (at, at, None)))
    });
    let kept = kept.into_iter().map(|one| told(one.condition, (one.raised_at, one.told_at, one.quiet_since)));
    Alerts { channels, raised: failing.into_iter().chain(broken).chain(kept).collect() }
}

type Times = (DateTime<Utc>, DateTime<Utc>, Option<DateTime<Utc>>);

fn told(condition: Condition, (raised_at, told_at, quiet_since): Times) -> RaisedAlert {
    RaisedAlert {
        alert: condition.kind.name(),
        title: condition.kind.title(),
        source: condition.source,
        since: condition.since,
        raised_at,
        told_at,
        quiet_since,
        what: condition.what,
        to_do: condition.to_do,
        command: condition.command,
        run_id: condition.run_id,
        plan_id: condition.plan_id,
        count: condition.count,
        employee_ids: condition.employee_ids,
    }
}
