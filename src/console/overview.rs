//! The overview: how everything is.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::alerts::{self, Alerts, AuditLook};
use super::{Desk, Progress};
use crate::http::Readiness;
use crate::store::{Headcount, PlanSummary, Queue, RunDay, RunSummary, StoreError};

/// How many days of runs are shown.
const DAYS: u32 = 30;
/// How many of the newest runs.
const RUNS: u32 = 10;

/// How everything is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Overview {
    /// When this was looked at.
    pub now: DateTime<Utc>,
    /// The program's version.
    pub version: &'static str,
    /// What `/readyz` tells: both ends, and what waits for an operator.
    pub readiness: Readiness,
    /// What somebody is told of at present.
    pub alerts: Alerts,
    /// What looking through the whole audit came to last.
    pub audit: AuditLook,
    /// People by where they stand.
    pub people: Headcount,
    /// Actions under way.
    pub queue: Queue,
    /// How far the push is that is under way, if one is.
    pub progress: Option<Progress>,
    /// The plan that waits for approval, if one does.
    pub held: Option<PlanSummary>,
    /// The newest runs, newest first.
    pub runs: Vec<RunSummary>,
    /// When the schedule next starts one.
    pub next_run_at: Option<DateTime<Utc>>,
    /// The last 30 days of runs, in UTC.
    pub days: Vec<RunDay>,
    /// People for whom `adopt` found a user who may be theirs, and for whom nobody has decided.
    pub undecided: u64,
    /// People who are to have no access and keep it, since an operator discarded the action that was to take it.
    pub discarded_ends: u64,
}

/// Looks at everything.
pub async fn look(desk: &Desk) -> Result<Overview, StoreError> {
    let engine = desk.engine();
    let now = engine.clock.now();
    let store = &engine.store;
    let (held, queue) = store.standing(now).await?;
    let alerts = store.alert_state().await?;
    Ok(Overview {
        now,
        version: env!("CARGO_PKG_VERSION"),
        readiness: desk.daemon.readiness().await,
        audit: alerts::audit_look(&engine.settings.alerts, &alerts),
        alerts: alerts::raised(&engine, alerts),
        people: store.headcount().await?,
        progress: desk.daemon.progress().filter(|_| queue.unfinished() > 0),
        queue,
        held,
        runs: store.runs_before(None, RUNS).await?,
        next_run_at: engine.rules.schedule.next_after(now),
        days: store.runs_by_day(DAYS, now).await?,
        undecided: store.undecided().await?,
        discarded_ends: store.discarded_ends().await?,
    })
}
