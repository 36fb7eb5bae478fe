//! `sync` and `plan`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{Exit, open, print_json, progress, table};
use crate::compose::{RealEngine, Surroundings, engine, load_config};
use crate::core::guard::HoldReason;
use crate::core::plan::PlannedAction;
use crate::core::record::Rejection;
use crate::core::report::{Counts, Outcome, ReportedAction, RunReport, SourceCounts};
use crate::engine::cycle::{CycleFailure, CycleResult, Planned};
use crate::engine::feed::FeedError;
use crate::engine::pool::{PoolEnd, Until};
use crate::store::{Owner, Store};

/// How many actions a readable plan lists.
const SHOWN_ACTIONS: usize = 50;
/// How many rejected records a readable report lists.
const SHOWN_REJECTIONS: usize = 20;

/// One cycle, pushed to its end.
pub async fn sync(config: &Path, json: bool) -> anyhow::Result<Exit> {
    let surroundings = Surroundings::real();
    let loaded = load_config(config)?;
    let store = open(&loaded.rules.database).await?;
    let engine = engine(loaded, store, &surroundings, true).await?;
    let synced = run_to_end(&engine, "sync").await?;
    if json {
        print_json(&synced.report)?;
    } else {
        synced.print();
    }
    engine.store.close().await;
    Ok(synced.exit)
}

/// A cycle that was pushed to its end.
pub struct Synced {
    /// What it came to.
    pub report: RunReport,
    /// How the process ends by it.
    pub exit: Exit,
    result: CycleResult,
    pushed: Option<PoolEnd>,
}

impl Synced {
    /// Prints it for people.
    pub fn print(&self) {
        print_report(&self.report, self.result.planned.as_ref(), false);
        if let Some(failure) = &self.result.failure {
            println!("{}", failure.message());
        }
        if let Some(PoolEnd::GaveUp(pause)) = &self.pushed {
            println!("Workiva could not be had, the queue waits: {}", pause.message);
        }
    }
}

/// Runs one cycle, and pushes until every action has ended or been parked.
pub async fn run_to_end(engine: &RealEngine, cause: &str) -> anyhow::Result<Synced> {
    let name = engine.random.name(engine.clock.now());
    let owner = Arc::new(Owner::register(engine.store.path(), &name)?);
    let result = engine.cycle(cause).await?;
    let pushed = push(engine, &owner, &result).await?;
    let (report, exit) = report(engine, &result, pushed.as_ref()).await?;
    Ok(Synced { report, exit, result, pushed })
}

/// Pushes whatever is queued, of this run or of one before. `None`: Workiva is not to be had.
async fn push(
    engine: &RealEngine,
    owner: &Arc<Owner>,
    result: &CycleResult,
) -> anyhow::Result<Option<PoolEnd>> {
    if matches!(result.failure, Some(CycleFailure::Connection(_))) {
        return Ok(None);
    }
    if engine.store.queue().await?.unfinished() == 0 {
        return Ok(Some(PoolEnd::Empty));
    }
    let Ok(capabilities) = engine.connect().await? else { return Ok(None) };
    // The receiver would end the pool; here only an empty queue does.
    let (_keep, stop) = watch::channel(false);
    let pool = engine.pool(owner, capabilities);
    Ok(Some(progress::with_bar(&engine.store, pool.run(Until::Empty, stop)).await?))
}

async fn report(
    engine: &RealEngine,
    result: &CycleResult,
    pushed: Option<&PoolEnd>,
) -> anyhow::Result<(RunReport, Exit)> {
    let applied = engine.store.done_since(result.started_at).await?;
    let parked = engine.store.queue().await?.parked;
    let waiting = result.planned.as_ref().map_or(0, |planned| planned.plan.waiting.len());
    let mut report = frame(result.run_id.clone(), result.planned.as_ref());
    report.plan_id = result.committed.plan_id.clone();
    report.applied = applied;
    report.parked = parked;
    report.requests = engine.telemetry.requests_sent();
    report.elapsed_ms = (engine.clock.now() - result.started_at).num_milliseconds().unsigned_abs();
    let gave_up = matches!(pushed, Some(PoolEnd::GaveUp(_)));
    report.outcome = match result.outcome {
        Outcome::Applied | Outcome::Unchanged if gave_up => Outcome::Failed,
        Outcome::Unchanged if applied.total() > 0 => Outcome::Applied,
        other => other,
    };
    let exit = match &result.failure {
        _ if gave_up => Exit::Workiva,
        Some(failure) => exit_of(failure),
        _ if report.outcome == Outcome::Held => Exit::Held,
        _ if parked > 0 || report.source.rejected > 0 || waiting > 0 => Exit::Leftovers,
        _ => Exit::Done,
    };
    Ok((report, exit))
}

/// What a cycle would do.
pub async fn plan(config: &Path, json: bool) -> anyhow::Result<Exit> {
    let surroundings = Surroundings::real();
    let loaded = load_config(config)?;
    let store = Store::open_for_reading(&loaded.rules.database).await?;
    let engine = engine(loaded, store, &surroundings, false).await?;
    let started_at = engine.clock.now();
    let made = make_plan(&engine).await?;
    let planned = made.as_ref().ok();
    let mut report = frame(engine.random.name(started_at), planned);
    report.outcome = match &made {
        Err(failure) => failure.outcome(),
        Ok(planned) if planned.verdict.holds() => Outcome::Held,
        Ok(planned) if planned.plan.actions.is_empty() => Outcome::Unchanged,
        Ok(_) => Outcome::Applied,
    };
    report.parked = engine.store.queue().await?.parked;
    report.requests = engine.telemetry.requests_sent();
    report.elapsed_ms = (engine.clock.now() - started_at).num_milliseconds().unsigned_abs();
    if json {
        let actions = planned.map_or(&[][..], |planned| &planned.plan.actions);
        report.actions = Some(actions.iter().map(reported).collect());
        print_json(&report)?;
    } else if planned.is_some() {
        print_report(&report, planned, true);
        print_duration(&report.planned, engine.settings.workiva.requests_per_second);
    }
    Ok(match &made {
        Err(failure) => {
            eprintln!("workiva-sync: {}", failure.message());
            exit_of(failure)
        }
        Ok(_) if report.outcome == Outcome::Held => Exit::Held,
        Ok(planned) if report.source.rejected > 0 || !planned.plan.waiting.is_empty() => Exit::Leftovers,
        Ok(_) => Exit::Done,
    })
}

/// The plan, or why there is none.
async fn make_plan(engine: &RealEngine) -> anyhow::Result<Result<Planned, CycleFailure>> {
    if let Err(connection) = engine.connect().await? {
        return Ok(Err(CycleFailure::Connection(connection)));
    }
    match engine.plan().await {
        Ok(planned) => Ok(Ok(planned)),
        Err(FeedError::Source(error)) => Ok(Err(CycleFailure::Source(error))),
        Err(FeedError::Store(error)) => Err(error.into()),
    }
}

fn exit_of(failure: &CycleFailure) -> Exit {
    match failure {
        CycleFailure::Connection(_) => Exit::Workiva,
        CycleFailure::Source(_) => Exit::Source,
    }
}

fn frame(run_id: String, planned: Option<&Planned>) -> RunReport {
    let hold_reasons: &[HoldReason] = planned.map_or(&[], |planned| &planned.verdict.reasons);
    RunReport {
        run_id,
        outcome: planned.map_or(Outcome::Incomplete, |_| Outcome::Unchanged),
        plan_id: None,
        source: SourceCounts {
            records: planned.map_or(0, |planned| planned.plan.rows),
            rejected: planned.map_or(0, |planned| planned.plan.rejections()),
        },
        planned: planned.map_or_else(Counts::default, |planned| planned.plan.counts()),
        applied: Counts::default(),
        parked: 0,
        requests: 0,
        elapsed_ms: 0,
        hold_reasons: hold_reasons.to_vec(),
        actions: None,
    }
}

fn reported(action: &PlannedAction) -> ReportedAction {
    ReportedAction {
        employee_id: action.employee_id.clone(),
        kind: action.kind,
        changes: action.changes.clone(),
        because: action.because.clone(),
    }
}

/// How long the push will take at least, where the rate is what bounds it.
fn print_duration(planned: &Counts, requests_per_second: u32) {
    let requests = planned.requests_about();
    if requests == 0 || requests_per_second == 0 {
        return;
    }
    let took = indicatif::HumanDuration(Duration::from_secs(requests.div_ceil(requests_per_second.into())));
    println!(
        "about {took} for some {requests} requests at workiva.requests_per_second = {requests_per_second}"
    );
}

/// A rejected record in one line.
pub fn rejected_line(rejection: &Rejection) -> String {
    let who = rejection.employee_id.as_deref().map_or("a row".to_owned(), |id| format!("employee {id}"));
    let row = rejection.row.map_or(String::new(), |row| format!(" (row {row})"));
    format!("rejected: {who}{row} {}", rejection.reason)
}

fn print_report(report: &RunReport, planned: Option<&Planned>, is_plan: bool) {
    if let Some(planned) = planned {
        println!(
            "{}: {} rows, {} rejected",
            planned.source_name, report.source.records, report.source.rejected
        );
        if is_plan && !planned.plan.actions.is_empty() {
            println!("{}", table::actions(&planned.plan.actions, SHOWN_ACTIONS, table::Detail::Whole));
        }
        for rejection in planned.plan.rejected.iter().take(SHOWN_REJECTIONS) {
            println!("{}", rejected_line(rejection));
        }
        if planned.plan.rejected.len() > SHOWN_REJECTIONS {
            println!("rejected: and {} more", planned.plan.rejected.len() - SHOWN_REJECTIONS);
        }
        for warning in &planned.plan.warnings {
            println!("warning: {warning}");
        }
    }
    let mut counts = table::table(&["", "create", "update", "reactivate", "suspend", "delete"]);
    let mut add = |name: &str, row: &Counts| {
        let numbers = [row.create, row.update, row.reactivate, row.suspend, row.delete]
            .map(|number| number.to_string());
        counts.add_row(std::iter::once(name.to_owned()).chain(numbers));
    };
    add("planned", &report.planned);
    if !is_plan {
        add("applied", &report.applied);
    }
    println!("{counts}");
    for reason in &report.hold_reasons {
        println!("held ({}): {}", reason.code, reason.message);
    }
    if let Some(plan_id) = report.plan_id.as_ref().filter(|_| report.outcome == Outcome::Held) {
        println!(
            "release it with `workiva-sync approve {plan_id}`, or drop it with `workiva-sync reject {plan_id}`"
        );
    }
    if report.parked > 0 {
        println!("{} parked; `workiva-sync actions list` says why", report.parked);
    }
    let outcome = match (is_plan, report.outcome) {
        (true, Outcome::Applied) => "would be applied",
        (true, Outcome::Held) => "would be held",
        (_, outcome) => outcome.name(),
    };
    println!("{outcome} ({} requests, {} ms)", report.requests, report.elapsed_ms);
}
