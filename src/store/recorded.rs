//! What the audit tells of runs, plans and work: the bodies of its records. No words of a server's or of the source's are in
//! them, since those may quote a person's data.

use serde::Serialize;
use serde_json::{Value, json};

use super::attempts::AttemptRow;
use super::ending::{Ending, Finished};
use super::millis;
use super::plans::{PlanCommit, PlanRow, RunRecord};
use crate::core::audit::{By, Entry, Kind};
use crate::core::scim::Capabilities;

/// A run.
pub(super) fn run(
    run: &RunRecord<'_>,
    plan_id: Option<&str>,
    commit: Option<&PlanCommit<'_>>,
    accepted: bool,
) -> Entry {
    let plan = commit.map(|commit| commit.plan);
    let body = json!({
        "run": run.run_id,
        "started_at": millis(run.started_at),
        "cause": run.cause,
        "outcome": run.outcome.name(),
        "source": run.source.map(|source| &source.name),
        "rows": plan.map(|plan| plan.rows),
        "rejected": plan.map(|plan| plan.rejections()),
        "input": plan.map(|plan| plan.input.to_hex()),
        "plan": plan_id,
        "accepted": accepted,
    });
    Entry::new(Kind::Run, &body)
}

/// A plan that was stored.
pub(super) fn plan(row: &PlanRow<'_>, commit: &PlanCommit<'_>) -> Entry {
    let body = json!({
        "plan": row.plan_id,
        "run": row.run_id,
        "state": row.state,
        "counts": commit.plan.counts(),
        "content_hash": row.hash,
        "hold_reasons": commit.hold_reasons,
    });
    Entry::new(Kind::Plan, &body)
}

/// What became of a plan that waited, held or saved.
pub(super) fn plan_decided(plan_id: &str, state: &str, by: By<'_>) -> Entry {
    Entry::new(Kind::PlanDecided, &decided(json!({ "plan": plan_id, "state": state }), by))
}

/// A waiting action that nobody needs any more. `stays`: the state in which it stays open, since it may have been carried out.
pub(super) fn withdrawal(run_id: &str, action_id: i64, employee_id: &str, stays: Option<&str>) -> Entry {
    let mut body = json!({ "run": run_id, "action": action_id });
    if let Some(state) = stays {
        body["state"] = state.into();
    }
    Entry::of_person(Kind::Withdrawal, employee_id, &body)
}

/// What an operator ordered for a parked action.
pub(super) fn ordered(kind: Kind, action_id: i64, employee_id: &str, by: By<'_>) -> Entry {
    Entry::of_person(kind, employee_id, &decided(json!({ "action": action_id }), by))
}

fn decided(mut body: Value, by: By<'_>) -> Value {
    body["by"] = by.name.into();
    if let Some(reason) = by.reason {
        body["reason"] = reason.into();
    }
    body
}

/// A connection that was found working. `settings` names it without saying anything of the credentials.
pub(super) fn connection(settings: &str, capabilities: &Capabilities) -> Entry {
    Entry::new(Kind::Connection, &json!({ "settings": settings, "capabilities": capabilities }))
}

/// An account that another employee id has taken over, told of the old one.
pub(super) fn moved(old: &str, one: &Finished) -> Entry {
    let body = json!({ "run": one.run_id, "action": one.action_id, "to": one.employee_id });
    Entry::of_person(Kind::Moved, old, &body)
}

#[derive(Serialize)]
struct Sent<'a> {
    sent_at: i64,
    request: &'a str,
    status: Option<u16>,
    duration_ms: u64,
    error: Option<&'static str>,
}

impl<'a> Sent<'a> {
    fn of(attempt: &'a AttemptRow) -> Self {
        Self {
            sent_at: millis(attempt.sent_at),
            request: &attempt.request,
            status: attempt.status,
            duration_ms: attempt.duration_ms,
            error: attempt.error_kind.map(|kind| kind.as_str()),
        }
    }
}

/// Work on an action under one claim, as it ended: `done`, `superseded` (it was withdrawn), `queued` (again), `parked`, or
/// `lost` where another process had the action by then.
pub(super) fn outcome(one: &Finished, ended: &str) -> Entry {
    let uncertain =
        matches!(one.ending, Ending::Again { uncertain: true, .. } | Ending::Parked { uncertain: true, .. });
    let body = json!({
        "run": one.run_id,
        "action": one.action_id,
        "kind": one.kind.name(),
        "claim": one.epoch,
        "requests": one.attempts.iter().map(Sent::of).collect::<Vec<_>>(),
        "ended": ended,
        "uncertain": uncertain,
    });
    Entry::of_person(Kind::Outcome, &one.employee_id, &body)
}
