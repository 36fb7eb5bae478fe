//! `plan` and `apply`.

use std::path::Path;
use std::time::Duration;

use chrono::NaiveDate;

use super::decide::user;
use super::sync::{exit_of, frame, print_report, push_to_end};
use super::terminal::{complain, say};
use super::{ApplyArgs, Exit, PlanArgs, counts_line, open, print_json};
use crate::compose::{Sending, Surroundings, engine, load_config};
use crate::config::Loaded;
use crate::core::cut::{Cut, Standing};
use crate::core::lifecycle::Moment;
use crate::core::plan::PlannedAction;
use crate::core::report::{Counts, Outcome, ReportedAction};
use crate::core::state::OpenState;
use crate::engine::saved::AppliedPlan;
use crate::store::Store;

/// What a cycle would do, today or on another day. With `save` the plan is kept, and that is all that is written.
pub async fn plan(config: &Path, args: PlanArgs) -> anyhow::Result<Exit> {
    let surroundings = Surroundings::of_one_run();
    let loaded = load_config(config)?;
    let database = &loaded.rules.database;
    let store = if args.save { open(database).await? } else { Store::open_for_reading(database).await? };
    let engine = engine(loaded, store, &surroundings, false).await?;
    let started_at = engine.clock.now();
    let today = engine.rules.rulebook.access.lifecycle.today(started_at);
    if let Some(day) = args.as_of.filter(|day| *day < today) {
        // Who was judged since then is not judged again for that day.
        complain!("workiva-sync: {day} is over; --as-of takes {today} or a later day");
        return Ok(Exit::Usage);
    }
    let mut made = engine.plan_connected(args.as_of.map(Moment::On)).await?;
    let mut report = frame(engine.random.name(started_at), made.as_ref().ok());
    let mut cut = None;
    if let Ok(planned) = &mut made
        && !args.employee.is_empty()
    {
        let ids: Vec<&str> = args.employee.iter().map(String::as_str).collect();
        let mut states = engine.store.states(&ids).await?;
        engine.store.add_memberships(&mut states).await?;
        cut = Some(planned.plan.cut(&ids, &states));
        report.planned = planned.plan.counts();
    }
    let planned = made.as_ref().ok();
    report.outcome = match &made {
        Err(failure) => failure.outcome(),
        Ok(planned) if planned.verdict.holds() => Outcome::Held,
        Ok(planned) if planned.plan.actions.is_empty() => Outcome::Unchanged,
        Ok(_) => Outcome::Applied,
    };
    if let Some(planned) = planned.filter(|_| args.save) {
        report.plan_id = engine.save(planned).await?;
    }
    report.parked = engine.store.queue().await?.parked;
    report.requests = engine.telemetry.requests_sent();
    report.elapsed_ms = (engine.clock.now() - started_at).num_milliseconds().unsigned_abs();
    if args.json {
        let actions = planned.map_or(&[][..], |planned| &planned.plan.actions);
        report.actions = Some(actions.iter().map(reported).collect());
        print_json(&report)?;
    } else if planned.is_some() {
        if let Some(day) = args.as_of {
            say!("as of {day}, by dates alone: HR file, rules and accounts are those of now");
        }
        print_report(&report, planned, true);
        match &cut {
            Some(cut) => print_cut(cut),
            None => print_duration(&report.planned, engine.settings.workiva.requests_per_second),
        }
        match &report.plan_id {
            Some(plan_id) => {
                say!("saved as plan {plan_id}; carry it out with `workiva-sync apply {plan_id}`")
            }
            None if args.save => say!("nothing to do, so nothing is saved"),
            None => {}
        }
    }
    if let Some(planned) = planned.filter(|_| args.json) {
        planned.plan.warnings.iter().for_each(|warning| complain!("workiva-sync: {warning}"));
    }
    let unknown: Vec<&str> = cut.iter().flat_map(Cut::unknown).collect();
    if !unknown.is_empty() {
        complain!(
            "workiva-sync: nobody in the source or in the state has the employee id {}; ids are compared exactly, leading zeros count",
            unknown.join(", ")
        );
    }
    Ok(match &made {
        Err(failure) => {
            complain!("workiva-sync: {}", failure.message());
            exit_of(failure)
        }
        Ok(_) if !unknown.is_empty() => Exit::Failed,
        Ok(planned) if planned.failed_sources > 0 => Exit::Source,
        Ok(_) if report.outcome == Outcome::Held => Exit::Held,
        Ok(planned) if !planned.plan.rejected.is_empty() || planned.plan.has_leftovers() => Exit::Leftovers,
        Ok(_) => Exit::Done,
    })
}

/// What there is to say of those for whom the plan has no action.
fn print_cut(cut: &Cut) {
    for (id, standing) in &cut.people {
        let words = match standing {
            Standing::Acts | Standing::Unknown => continue,
            Standing::Rejected => "is rejected, and keeps what they have".to_owned(),
            Standing::WaitsForName { holder } => {
                format!("waits for the user name that employee {holder} is about to give up")
            }
            Standing::WaitsForDecision => "waits until `adopt` is told whose Workiva user it is".to_owned(),
            Standing::Withdrawn => "is left as they are; the action that waits is withdrawn".to_owned(),
            Standing::Open(OpenState::Queued | OpenState::Leased) => {
                "has an action under way already".to_owned()
            }
            Standing::Open(OpenState::Parked) => {
                "has a parked action; `workiva-sync actions list` says why".to_owned()
            }
            Standing::Open(OpenState::Discarded) => {
                "is left as they are, since their action was discarded; `workiva-sync explain` says how to take it up again"
                    .to_owned()
            }
            Standing::Absent => "is absent from the source, and keeps what they have for now".to_owned(),
            Standing::Settled => "is as they should be: nothing to do".to_owned(),
        };
        say!("employee {id} {words}");
    }
    say!(
        "this is what concerns {} people; the whole plan: {}. Rows, warnings and guard are of the whole",
        cut.people.len(),
        counts_line(&cut.whole)
    );
}

/// Carries out a saved plan exactly, or refuses it.
pub async fn apply(config: &Path, args: ApplyArgs) -> anyhow::Result<Exit> {
    let surroundings = Surroundings::of_one_run();
    let loaded = load_config(config)?;
    let sending = Sending::prepare(&loaded, &surroundings)?;
    sending.during(apply_saved(loaded, &surroundings, args)).await
}

async fn apply_saved(loaded: Loaded, surroundings: &Surroundings, args: ApplyArgs) -> anyhow::Result<Exit> {
    let store = open(&loaded.rules.database).await?;
    let engine = engine(loaded, store, surroundings, true).await?;
    let started_at = engine.clock.now();
    let plan = &args.plan;
    let (why, exit) = match engine.apply(plan, &args.by.unwrap_or_else(user)).await? {
        AppliedPlan::Ran(result) => {
            let applied = push_to_end(&engine, *result).await?;
            applied.tell(args.json)?;
            engine.store.close().await;
            return Ok(applied.exit);
        }
        AppliedPlan::Stale(why) => {
            (format!("plan {plan} is stale, and nothing of it is done: {why}. Make a new one"), Exit::Held)
        }
        AppliedPlan::NotSaved { state: Some(state) } => {
            let queued = match state.as_str() {
                "applied" | "released" => {
                    ". Its actions were put into the queue; what of them is not done yet, the daemon sends, or the next `sync`"
                }
                _ => "",
            };
            (format!("plan {plan} is no saved plan any more: it is {state}{queued}"), Exit::Failed)
        }
        AppliedPlan::NotSaved { state: None } => {
            let why =
                format!("no saved plan is called {plan}; `workiva-sync status` lists those that are there");
            (why, Exit::Failed)
        }
    };
    if args.json {
        let mut report = frame(engine.random.name(started_at), None);
        report.outcome = Outcome::Failed;
        report.requests = engine.telemetry.requests_sent();
        report.parked = engine.store.queue().await?.parked;
        report.elapsed_ms = (engine.clock.now() - started_at).num_milliseconds().unsigned_abs();
        print_json(&report)?;
        complain!("workiva-sync: {why}");
    } else {
        say!("{why}");
    }
    engine.store.close().await;
    Ok(exit)
}

/// A day as `--as-of` takes it.
///
/// # Errors
/// The form that is wanted.
pub fn day(text: &str) -> Result<NaiveDate, String> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .map_err(|_| "is no day of the calendar; write year, month and day, such as 2027-01-31".into())
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
    say!("about {took} for some {requests} requests at workiva.requests_per_second = {requests_per_second}");
}
