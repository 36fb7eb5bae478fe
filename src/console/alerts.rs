//! Alerts, as they are told of: what is the matter now.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::Desk;
use crate::core::alerts::{Alert, Condition, unstored};
use crate::store::StoreError;

/// What is raised, and who is told.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Alerts {
    /// The channels that are configured: webhook, slack, smtp. Without any nothing is looked for, and nothing is raised.
    pub channels: Vec<&'static str>,
    /// What is raised now, the oldest first.
    pub raised: Vec<RaisedAlert>,
}

/// Something that is the matter now. It names nobody but by employee id.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RaisedAlert {
    /// Which one: held_plan, source_incomplete, runs_failing, credentials_refused, actions_parked, workiva_down, deprovision_late, audit_broken
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

/// What is raised.
pub async fn raised(desk: &Desk) -> Result<Alerts, StoreError> {
    let engine = desk.engine();
    let channels = engine.settings.alerts.channels();
    if channels.is_empty() {
        return Ok(Alerts { channels, raised: Vec::new() });
    }
    // What is the matter with the database cannot be in it.
    let failing = engine.storing.trouble().map(|known| {
        let at = known.since;
        told(unstored(at, &known.reason), (at, at, None))
    });
    let stored = engine.store.alert_state().await?.alerts.into_iter().filter(Alert::is_raised);
    let stored = stored.map(|one| told(one.condition, (one.raised_at, one.told_at, one.quiet_since)));
    Ok(Alerts { channels, raised: failing.into_iter().chain(stored).collect() })
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
