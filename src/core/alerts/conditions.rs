//! What is the matter, by what is known.

use chrono::{DateTime, TimeDelta, Utc};

use super::facts::{AuditVerdict, Facts, HeldFacts, TroubledRun};
use super::{Condition, Kind, Limits};
use crate::core::breaker::Pause;
use crate::core::health::SourceHealth;
use crate::core::warnings::number;

/// How times are written, in UTC.
const AT: &str = "%Y-%m-%d %H:%M:%S UTC";
/// A source that is only due, and may be long to read, is given so much more time than one that fails.
const PATIENCE_WITH_THE_SLOW: i32 = 3;

/// Everything that is the matter at `now`, by `limits`.
pub fn conditions(facts: &Facts, limits: &Limits, now: DateTime<Utc>) -> Vec<Condition> {
    let mut all = Vec::new();
    all.extend(facts.held.as_ref().map(held));
    sources(facts, limits, now, &mut all);
    all.extend(failing_runs(&facts.troubled, limits));
    all.extend(workiva(facts, limits, now));
    all.extend(parked(facts, now));
    all.extend(late(facts, limits, now));
    all.extend(kept(facts, now));
    all.extend(facts.audit.as_ref().and_then(broken_audit));
    all
}

/// No run can be stored since then, for this reason. What is the matter with the database is not in the database.
pub fn unstored(since: DateTime<Utc>, reason: &str) -> Condition {
    let what =
        format!("No run can be stored, so nothing is planned, and whoever has left keeps access: {reason}");
    let to_do = "Mend what is named here; the next run goes on by itself. Where another file is to take the place of the database, stop the \
                 daemon first. `workiva-sync status` says whether it can be read.";
    condition(Kind::DatabaseFailing, since, what, to_do, "workiva-sync status")
}

fn condition(kind: Kind, since: DateTime<Utc>, what: String, to_do: &str, command: &str) -> Condition {
    Condition {
        kind,
        source: None,
        since,
        what,
        to_do: to_do.to_owned(),
        command: command.to_owned(),
        run_id: None,
        plan_id: None,
        count: 1,
        employee_ids: Vec::new(),
    }
}

fn held(held: &HeldFacts) -> Condition {
    let HeldFacts { plan_id, since, expires_at, counts, reasons } = held;
    let codes: Vec<&str> = reasons.iter().map(|reason| reason.code.as_str()).collect();
    let expiry = expires_at.map(|at| format!(" It expires at {}.", at.format(AT))).unwrap_or_default();
    let what = format!(
        "Plan {plan_id} is held, and nothing of what is held is sent: {}. Reasons: {}.{expiry}",
        counts.in_words().unwrap_or_else(|| "no action".into()),
        codes.join(", ")
    );
    let to_do = format!(
        "Look at it with `workiva-sync status` and `workiva-sync plan`, then `workiva-sync approve {plan_id}` or \
         `workiva-sync reject {plan_id}`."
    );
    let held = condition(Kind::HeldPlan, *since, what, &to_do, "workiva-sync status");
    // Each run may hold a plan of another name over the same cause. How many lose access tells whether it is worse.
    Condition { plan_id: Some(plan_id.clone()), count: counts.deprovisions().max(1), ..held }
}

fn sources(facts: &Facts, limits: &Limits, now: DateTime<Utc>, all: &mut Vec<Condition>) {
    let before = all.len();
    all.extend(facts.sources.iter().filter_map(|source| troubled_source(source, limits, now)));
    if all.len() > before {
        // The run says no more than they do.
        return;
    }
    // A run that had no connection says nothing about the source.
    let mut incomplete = facts.troubled.iter().filter(|run| run.is_incomplete);
    let Some(newest) = incomplete.next() else { return };
    let (oldest, runs) = incomplete.fold((newest, 1_u64), |(_, runs), run| (run, runs + 1));
    if now - oldest.started_at < limits.source {
        return;
    }
    let what = format!(
        "The HR source failed or could not prove itself complete in {}, the newest being {}. Nobody is changed by it, and whoever has \
         left keeps access meanwhile.",
        number(runs, "run", "runs"),
        newest.run_id
    );
    let found = condition(Kind::SourceIncomplete, oldest.started_at, what, SOURCE_MEND, "workiva-sync check");
    all.push(Condition { run_id: Some(newest.run_id.clone()), ..found });
}

const SOURCE_MEND: &str =
    "`workiva-sync check` says what is missing and how to mend it; the next run goes on by itself.";

fn troubled_source(source: &SourceHealth, limits: &Limits, now: DateTime<Utc>) -> Option<Condition> {
    let name = &source.source;
    let lasts = |since: &DateTime<Utc>, limit: TimeDelta| now - *since >= limit;
    let (since, what) = if let Some(since) = source.failing_since.filter(|since| lasts(since, limits.source))
    {
        (since, format!("The HR source '{name}' fails."))
    } else {
        let slow = limits.source * PATIENCE_WITH_THE_SLOW;
        let since = source.due_since.filter(|since| lasts(since, slow))?;
        (
            since,
            format!("The HR source '{name}' is due, and nothing has come of it: it hangs, or takes long."),
        )
    };
    let read = source.read_at.map_or("never".to_owned(), |at| format!("at {}", at.format(AT)));
    let what = format!(
        "{what} It was read last {read}; what it told then stands, and whoever has left since keeps access."
    );
    let found = condition(Kind::SourceIncomplete, since, what, SOURCE_MEND, "workiva-sync check");
    Some(Condition { source: Some(name.clone()), ..found })
}

fn failing_runs(troubled: &[TroubledRun], limits: &Limits) -> Option<Condition> {
    let (newest, oldest) = (troubled.first()?, troubled.last()?);
    let runs = troubled.len() as u64;
    if runs < limits.failing_runs {
        return None;
    }
    let (incomplete, failed) = troubled.iter().partition::<Vec<_>, _>(|run| run.is_incomplete);
    let what = format!(
        "{} came to nothing: {} met an incomplete HR source, {} had no connection to Workiva. The newest is {}.",
        if runs == 1 { "The newest run".to_owned() } else { format!("The newest {runs} runs") },
        incomplete.len(),
        failed.len(),
        newest.run_id
    );
    let to_do = "`workiva-sync status` tells of each, and `workiva-sync check` what is wrong now.";
    let found = condition(Kind::RunsFailing, oldest.started_at, what, to_do, "workiva-sync status");
    Some(Condition { run_id: Some(newest.run_id.clone()), ..found })
}

fn workiva(facts: &Facts, limits: &Limits, now: DateTime<Utc>) -> Option<Condition> {
    let waiting = number(facts.unfinished, "action waits", "actions wait");
    let waiting = format!("{waiting} meanwhile; none is lost.");
    if let Some(Pause { credentials: true, since, .. }) = &facts.outage {
        let what = format!("Workiva refuses the credentials, so nothing is sent. {waiting}");
        let to_do = "See that workiva.username is the SCIM user's. Make a new secret in Workiva (Actions > Regenerate), write it into the file that \
                     workiva.password_file or workiva.token_file names, send SIGHUP to the daemon, and ask `workiva-sync check`.";
        return Some(condition(Kind::CredentialsRefused, *since, what, to_do, "workiva-sync check"));
    }
    let lasts = |since: DateTime<Utc>| now - since >= limits.workiva_down;
    if let Some(outage) = facts.outage.as_ref().filter(|outage| lasts(outage.since)) {
        let what = format!("Workiva cannot be had, so nothing is sent. {waiting}");
        let to_do = "The queue goes on by itself once Workiva is back. `workiva-sync status` says what Workiva or the network answered last.";
        return Some(condition(Kind::WorkivaDown, outage.since, what, to_do, "workiva-sync status"));
    }
    let unconnected = facts.unconnected.as_ref().filter(|unconnected| lasts(unconnected.since))?;
    let what = format!(
        "No connection to Workiva has been found working under this configuration, so nothing is planned or sent; the newest run is {}.",
        unconnected.run_id
    );
    let to_do = "`workiva-sync check` says whether it is the address, the network or the credentials.";
    let found = condition(Kind::WorkivaDown, unconnected.since, what, to_do, "workiva-sync check");
    Some(Condition { run_id: Some(unconnected.run_id.clone()), ..found })
}

fn parked(facts: &Facts, now: DateTime<Utc>) -> Option<Condition> {
    let parked = &facts.parked;
    if parked.count == 0 {
        return None;
    }
    let still = match parked.deprovisions {
        0 => String::new(),
        number => format!(" {number} of them would take access away: until then these people have it."),
    };
    let what = format!(
        "Parked, and waiting for somebody's decision: {}. The people keep what they have.{still}",
        number(parked.count, "action", "actions")
    );
    let to_do = "`workiva-sync actions list` says why; mend that, then `workiva-sync actions retry ID` or `workiva-sync actions discard ID`.";
    let since = parked.oldest_at.unwrap_or(now);
    let found = condition(Kind::ActionsParked, since, what, to_do, "workiva-sync actions list");
    Some(Condition { count: parked.count, employee_ids: parked.employee_ids.clone(), ..found })
}

fn late(facts: &Facts, limits: &Limits, now: DateTime<Utc>) -> Option<Condition> {
    let late = &facts.late;
    if late.count == 0 {
        return None;
    }
    let what = format!(
        "Open for longer than {}: {}. These people are to lose access and have it still.",
        number(limits.late.num_minutes().unsigned_abs(), "minute", "minutes"),
        number(late.count, "deprovision", "deprovisions")
    );
    let to_do = "`workiva-sync status` shows whether the queue waits for Workiva, and `workiva-sync actions list` what is parked. Whoever has \
                 to be out at once, suspend in Workiva by hand.";
    let since = late.oldest_at.unwrap_or(now);
    let found = condition(Kind::DeprovisionLate, since, what, to_do, "workiva-sync status");
    Some(Condition { count: late.count, employee_ids: late.employee_ids.clone(), ..found })
}

fn kept(facts: &Facts, now: DateTime<Utc>) -> Option<Condition> {
    let kept = &facts.kept;
    if kept.count == 0 {
        return None;
    }
    let what = format!(
        "To have no access by HR, and keeping it, since an operator discarded what was to end it: {}. Nothing ends it until HR or the \
         configuration says something new of them.",
        number(kept.count, "person", "people")
    );
    let to_do = "Suspend them in Workiva by hand, or leave it at that: `workiva-sync explain ID` says what was discarded, and the audit who did.";
    let since = kept.oldest_at.unwrap_or(now);
    let found = condition(Kind::AccessKept, since, what, to_do, "workiva-sync status");
    Some(Condition { count: kept.count, employee_ids: kept.employee_ids.clone(), ..found })
}

/// The audit is not whole, if a look has found that.
pub fn broken_audit(verdict: &AuditVerdict) -> Option<Condition> {
    let fault = verdict.fault.as_ref()?;
    let what = format!("The audit is not whole: {fault}.");
    let to_do = "Keep the database as it is, with its -wal and -shm, and follow 'The audit is broken' in docs/operations.md.";
    Some(condition(Kind::AuditBroken, verdict.checked_at, what, to_do, "workiva-sync audit verify"))
}

#[cfg(test)]
#[path = "conditions_tests.rs"]
mod tests;
