//! `status`.

use std::path::Path;

use chrono::{DateTime, Utc};
use comfy_table::Table;
use indicatif::HumanDuration;

use super::{Exit, print_json, table};
use crate::compose::{Surroundings, load_config};
use crate::store::{PlanSummary, RejectedRecord, SHOWN_REJECTIONS, Status, Store};

const SHOWN_RUNS: u32 = 10;
/// How times are written, in UTC.
const AT: &str = "%Y-%m-%d %H:%M:%S";

/// Last runs, queue, held plan, parked actions, rejected records.
pub async fn status(config: &Path, json: bool) -> anyhow::Result<Exit> {
    let loaded = load_config(config)?;
    let store = Store::open_for_reading(&loaded.rules.database).await?;
    let status = store.status(SHOWN_RUNS).await?;
    let now = Surroundings::real().clock.now();
    if json {
        print_json(&status)?
    } else {
        print_status(&status, now)
    }
    Ok(Exit::Done)
}

fn print_status(status: &Status, now: DateTime<Utc>) {
    println!("{} active accounts", status.active_accounts);
    if status.undecided > 0 {
        println!(
            "{} people are in doubt: a Workiva user may be theirs, and nobody has decided; see `workiva-sync adopt --csv FILE`",
            status.undecided
        );
    }
    let mut runs = table::table(&["started", "cause", "outcome", "rows", "rejected", "planned", "message"]);
    for run in &status.runs {
        runs.add_row([
            table::time(run.started_at),
            run.cause.clone(),
            run.outcome.clone(),
            run.records.to_string(),
            run.rejected.to_string(),
            run.planned.total().to_string(),
            run.message.clone().unwrap_or_default(),
        ]);
    }
    println!("{runs}");
    let queue = &status.queue;
    let oldest = queue.oldest_queued_at.map(|at| format!(", the oldest since {}", at.format(AT)));
    println!(
        "queue: {} queued, {} in work, {} parked, {} held{}",
        queue.queued,
        queue.leased,
        queue.parked,
        queue.held,
        oldest.unwrap_or_default()
    );
    if let Some(outage) = &status.outage {
        println!(
            "Workiva cannot be had since {}, found so {} times in a row; next try at {}: {}",
            outage.since.format(AT),
            outage.streak,
            outage.until.format(AT),
            outage.message
        );
    }
    if let Some(held) = &status.held {
        print_held(held, now);
    }
    if let Some(drift) = &status.drift {
        let counts = drift.counts.iter().filter(|(_, number)| **number > 0);
        let counts: Vec<String> = counts.map(|(kind, number)| format!("{number} {kind}")).collect();
        let counts = if counts.is_empty() { "nobody".to_owned() } else { counts.join(", ") };
        println!("drift: {} of {}: {counts}", drift.outcome, drift.started_at.format("%Y-%m-%d %H:%M:%S"));
        if let Some(message) = &drift.message {
            println!("  {message}");
        }
    }
    for saved in &status.saved {
        println!(
            "saved: plan {} of {}, {} actions",
            saved.plan_id,
            table::time(saved.created_at),
            saved.counts.total()
        );
    }
    if !status.parked.is_empty() {
        println!("{}", super::actions::parked_table(&status.parked));
    }
    if !status.rejected.is_empty() {
        println!("{}", rejected_table(&status.rejected));
        if status.rejected.len() >= SHOWN_REJECTIONS as usize {
            println!(
                "at most {SHOWN_REJECTIONS} rejected records are shown; the runs above tell how many there were"
            );
        }
    }
}

fn print_held(held: &PlanSummary, now: DateTime<Utc>) {
    let age = HumanDuration((now - held.created_at).to_std().unwrap_or_default());
    let expiry = held.expires_at.map(|at| format!(", expires at {}", table::time(at))).unwrap_or_default();
    println!(
        "held: plan {} of {}, {} actions, has waited {age}{expiry}",
        held.plan_id,
        table::time(held.created_at),
        held.counts.total(),
    );
    for reason in &held.hold_reasons {
        println!("  {}: {}", reason.code, reason.message);
    }
}

fn rejected_table(rejected: &[RejectedRecord]) -> Table {
    let mut rows = table::table(&["rejected", "row", "reason"]);
    for one in rejected {
        let row = one.row.map_or("–".to_owned(), |row| row.to_string());
        rows.add_row([one.employee_id.as_deref().unwrap_or("–"), &row, &one.reason]);
    }
    rows
}
