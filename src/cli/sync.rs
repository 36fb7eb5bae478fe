//! `sync`, and how a run is told.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

use super::terminal::{complain, say};
use super::{Exit, open, print_json, progress, table};
use crate::compose::{RealEngine, Sending, Surroundings, engine, load_config};
use crate::config::Loaded;
use crate::core::action::ActionKind;
use crate::core::guard::HoldReason;
use crate::core::record::Rejection;
use crate::core::report::{Counts, Outcome, RunReport, SourceCounts};
use crate::core::warnings::some_of;
use crate::engine::outcome::{CycleFailure, CycleResult, Planned};
use crate::engine::pool::{PoolEnd, Until};
use crate::engine::register::Turn;
use crate::store::Owner;

/// How many actions a readable plan lists.
const SHOWN_ACTIONS: usize = 50;
/// How many rejected records a readable report lists.
const SHOWN_REJECTIONS: usize = 20;

/// How many runs follow at most where one left people whose manager has come to a user behind them, or whom Workiva has suspended with
/// their last workspace. One is enough, unless HR changes meanwhile.
const FOLLOW_UPS: usize = 3;

/// One cycle, pushed to its end.
pub async fn sync(config: &Path, json: bool) -> anyhow::Result<Exit> {
    let surroundings = Surroundings::of_one_run();
    let loaded = load_config(config)?;
    let sending = Sending::prepare(&loaded, &surroundings)?;
    sending.during(sync_once(loaded, &surroundings, json)).await
}

async fn sync_once(loaded: Loaded, surroundings: &Surroundings, json: bool) -> anyhow::Result<Exit> {
    let store = open(&loaded.rules.database).await?;
    let engine = engine(loaded, store, surroundings, true).await?;
    let synced = run_to_end(&engine, "sync").await?;
    synced.tell(json)?;
    engine.store.close().await;
    Ok(synced.exit)
}

/// A cycle that was pushed to its end.
pub struct Synced {
    /// What it came to.
    pub report: RunReport,
    /// How the process ends by it.
    pub exit: Exit,
    /// The run that was asked for, and those that followed.
    runs: Vec<CycleResult>,
    pushed: Option<PoolEnd>,
    /// What, and whom, Workiva was seen not to keep, in words.
    unkept: Vec<String>,
}

impl Synced {
    /// Prints it: for people, or as one object, with what else there is to know beside it.
    ///
    /// # Errors
    /// Where it has no JSON form.
    pub fn tell(&self, json: bool) -> anyhow::Result<()> {
        if !json {
            self.print();
            return Ok(());
        }
        print_json(&self.report)?;
        let planned = self.runs.first().and_then(|run| run.planned.as_ref());
        let warnings = planned.map_or(&[][..], |planned| &planned.plan.warnings);
        let failures = self.failures();
        let told = warnings.iter().chain(&self.unkept).chain(&failures);
        told.for_each(|words| complain!("workiva-sync: {words}"));
        Ok(())
    }

    /// Prints it for people.
    pub fn print(&self) {
        print_report(&self.report, self.runs.first().and_then(|run| run.planned.as_ref()), false);
        self.unkept.iter().for_each(|warning| say!("warning: {warning}"));
        self.failures().iter().for_each(|words| say!("{words}"));
    }

    /// What a run, or the push behind it, has failed by: the object of `--json` has no room for it.
    fn failures(&self) -> Vec<String> {
        let runs = self.runs.iter().filter_map(|run| run.failure.as_ref()).map(CycleFailure::message);
        let pause = match &self.pushed {
            Some(PoolEnd::GaveUp(pause)) => {
                Some(format!("Workiva could not be had, the queue waits: {}", pause.message))
            }
            Some(PoolEnd::WaitsForHr(actions)) => Some(format!(
                "{actions} actions were queued over an hour ago: each waits until a run has read of its person since"
            )),
            _ => None,
        };
        runs.chain(pause).collect()
    }
}

/// Runs one cycle, and pushes until every action has ended or been parked.
pub async fn run_to_end(engine: &RealEngine, cause: &str) -> anyhow::Result<Synced> {
    let result = engine.cycle(cause).await?;
    push_to_end(engine, result).await
}

/// Pushes what a run has planned, until every action has ended or been parked.
pub async fn push_to_end(engine: &RealEngine, result: CycleResult) -> anyhow::Result<Synced> {
    let name = engine.random.name(engine.clock.now());
    let owner = Arc::new(Owner::register(engine.store.path(), &name)?);
    let before = engine.store.done().await?;
    let mut pushed = push(engine, &owner, &result).await?;
    let mut runs = vec![result];
    while let Some(owed) = left_over(engine, &runs, pushed.as_ref()).await? {
        if runs.len() > FOLLOW_UPS {
            let (people, some) = (owed.len(), some_of(&owed));
            tracing::warn!(
                people,
                employees = some,
                "the next run gives what is left: a manager who has a user by now, or access that went with the last workspace"
            );
            break;
        }
        let result = engine.cycle_of("again", Turn::again()).await?;
        pushed = push(engine, &owner, &result).await?;
        runs.push(result);
    }
    engine.remember_unkept().await?;
    let applied = engine.store.done().await?.since(&before);
    let (report, exit) = report(engine, &runs, applied, pushed.as_ref()).await?;
    Ok(Synced { report, exit, runs, pushed, unkept: engine.unkept.told() })
}

/// Whom another run would give a manager who has come to a user behind them, or the access that Workiva took with the last workspace.
/// `None`: nobody, or no run can be made.
async fn left_over(
    engine: &RealEngine,
    runs: &[CycleResult],
    pushed: Option<&PoolEnd>,
) -> anyhow::Result<Option<Vec<String>>> {
    let is_held = |run: &CycleResult| run.failure.is_some() || run.outcome == Outcome::Held;
    // Of somebody whose record cannot be used no run can say anything.
    let is_in_vain = matches!(runs, [_, .., last] if last.outcome == Outcome::Unchanged);
    if !matches!(pushed, Some(PoolEnd::Empty)) || runs.last().is_some_and(is_held) || is_in_vain {
        return Ok(None);
    }
    let mut owed = engine.store.owed_managers().await?;
    owed.extend(engine.store.suspended_along().await?);
    Ok(Some(owed).filter(|owed| !owed.is_empty()))
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
    runs: &[CycleResult],
    applied: Counts,
    pushed: Option<&PoolEnd>,
) -> anyhow::Result<(RunReport, Exit)> {
    let ([first, .., last] | [first @ last]) = runs else { anyhow::bail!("no run was made") };
    let planned = || runs.iter().filter_map(|run| run.planned.as_ref());
    let parked = engine.store.queue().await?.parked;
    let leftovers = planned().any(|planned| planned.plan.has_leftovers());
    let mut report = frame(first.run_id.clone(), first.planned.as_ref());
    for further in planned().skip(1) {
        let counts = further.plan.counts();
        ActionKind::ALL.into_iter().for_each(|kind| report.planned.add(kind, counts.of(kind)));
        report.hold_reasons.clone_from(&further.verdict.reasons);
    }
    report.plan_id = match last.outcome {
        Outcome::Held => last.committed.plan_id.clone(),
        _ => first.committed.plan_id.clone(),
    };
    report.applied = applied;
    report.parked = parked;
    report.requests = engine.telemetry.requests_sent();
    report.elapsed_ms = (engine.clock.now() - first.started_at).num_milliseconds().unsigned_abs();
    let gave_up = matches!(pushed, Some(PoolEnd::GaveUp(_)));
    report.outcome = match last.outcome {
        Outcome::Applied | Outcome::Unchanged if gave_up => Outcome::Failed,
        Outcome::Unchanged if applied.total() > 0 || first.outcome == Outcome::Applied => Outcome::Applied,
        other => other,
    };
    let exit = match &last.failure {
        _ if gave_up => Exit::Workiva,
        Some(failure) => exit_of(failure),
        _ if planned().any(|planned| planned.failed_sources > 0) => Exit::Source,
        _ if report.outcome == Outcome::Held => Exit::Held,
        _ if parked > 0 || report.source.rejected > 0 || leftovers => Exit::Leftovers,
        _ => Exit::Done,
    };
    Ok((report, exit))
}

pub(super) fn exit_of(failure: &CycleFailure) -> Exit {
    match failure {
        CycleFailure::Connection(_) => Exit::Workiva,
        CycleFailure::Source { .. } => Exit::Source,
    }
}

pub(super) fn frame(run_id: String, planned: Option<&Planned>) -> RunReport {
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

/// A rejected record in one line.
pub fn rejected_line(rejection: &Rejection) -> String {
    let who = rejection.employee_id.as_deref().map_or("a row".to_owned(), |id| format!("employee {id}"));
    let row = rejection.row.map_or(String::new(), |row| format!(" (row {row})"));
    format!("rejected: {who}{row} {}", rejection.reason)
}

pub(super) fn print_report(report: &RunReport, planned: Option<&Planned>, is_plan: bool) {
    if let Some(planned) = planned {
        say!("{}: {} rows, {} rejected", planned.source.name, report.source.records, report.source.rejected);
        if is_plan && !planned.plan.actions.is_empty() {
            table::actions(&planned.plan.actions, SHOWN_ACTIONS, table::Detail::Whole).print();
        }
        for rejection in planned.plan.rejected.iter().take(SHOWN_REJECTIONS) {
            say!("{}", rejected_line(rejection));
        }
        if planned.plan.rejected.len() > SHOWN_REJECTIONS {
            say!("rejected: and {} more", planned.plan.rejected.len() - SHOWN_REJECTIONS);
        }
        for warning in &planned.plan.warnings {
            say!("warning: {warning}");
        }
    }
    let mut counts =
        table::Grid::new(&["", "create", "update", "reactivate", "suspend", "delete", "grant", "revoke"]);
    let mut add = |name: &str, row: &Counts| {
        let accounts = [row.create, row.update, row.reactivate, row.suspend, row.delete];
        let numbers = accounts.into_iter().chain([row.grant, row.revoke]).map(|number| number.to_string());
        counts.row(std::iter::once(name.to_owned()).chain(numbers));
    };
    add("planned", &report.planned);
    if !is_plan {
        add("applied", &report.applied);
    }
    counts.print();
    for reason in &report.hold_reasons {
        say!("held ({}): {}", reason.code, reason.message);
    }
    if let Some(plan_id) = report.plan_id.as_ref().filter(|_| report.outcome == Outcome::Held && !is_plan) {
        say!(
            "release it with `workiva-sync approve {plan_id}`, or drop it with `workiva-sync reject {plan_id}`"
        );
    }
    if report.parked > 0 {
        say!("{} parked; `workiva-sync actions list` says why", report.parked);
    }
    let outcome = match (is_plan, report.outcome) {
        (true, Outcome::Applied) => "would be applied",
        (true, Outcome::Held) => "would be held",
        (_, outcome) => outcome.name(),
    };
    say!("{outcome} ({} requests, {} ms)", report.requests, report.elapsed_ms);
}
