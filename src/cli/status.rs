//! `status`.

use std::path::Path;

use chrono::{DateTime, Utc};
use indicatif::HumanDuration;
use serde::Serialize;

use super::table::{self, Grid};
use super::terminal::say;
use super::{Exit, print_json};
use crate::compose::{Surroundings, load_config};
use crate::config::ended_schedules;
use crate::core::health::SourceHealth;
use crate::core::warnings::number;
use crate::engine::health;
use crate::engine::unkept::words;
use crate::store::{PlanSummary, RejectedRecord, SHOWN_REJECTIONS, Status, Store};

const SHOWN_RUNS: u32 = 10;
/// How times are written, in UTC.
const AT: &str = "%Y-%m-%d %H:%M:%S";

/// Last runs, queue, held plan, parked actions, rejected records.
pub async fn status(config: &Path, json: bool) -> anyhow::Result<Exit> {
    let loaded = load_config(config)?;
    let store = Store::open_known(&loaded.rules.database).await?;
    let now = Surroundings::real().clock.now();
    let status = store.status(SHOWN_RUNS, now).await?;
    let sources = health::sources(&loaded.settings, &loaded.rules, &store, now).await?;
    let mut unkept = store.unkept().await?;
    unkept.retain(|attribute, _| loaded.settings.attributes.contains_key(attribute));
    let audit = store.alert_state().await?.audit;
    let audit_fault =
        loaded.settings.alerts.verdict(audit.as_ref()).and_then(|verdict| verdict.fault.as_deref());
    if json {
        let unkept = unkept.keys().collect();
        print_json(&Whole { status: &status, sources: &sources, unkept, audit_fault })?
    } else {
        if let Some(fault) = audit_fault {
            say!("the audit is NOT whole: {fault}; see 'The audit is broken' in docs/operations.md");
        }
        print_status(&status, &sources, now);
        for key in ended_schedules(&loaded.settings, &loaded.rules, now) {
            say!(
                "{key} names no day that is still to come: nothing runs by it any more; leave the year away, or name another"
            );
        }
        unkept.iter().for_each(|(attribute, is_lacking)| say!("{}", words(attribute, *is_lacking)));
    }
    Ok(Exit::Done)
}

/// The object of `status --json`.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    status: &'a Status,
    /// How it is with each of several sources.
    sources: &'a [SourceHealth],
    /// Attributes (SCIM paths) that Workiva was seen to take and not to show again as they were sent.
    unkept: Vec<&'a String>,
    /// What the daemon found wrong with the audit when it looked through all of it last; null: nothing.
    audit_fault: Option<&'a str>,
}

fn print_status(status: &Status, sources: &[SourceHealth], now: DateTime<Utc>) {
    say!("{} active accounts", status.active_accounts);
    if status.undecided > 0 {
        say!(
            "{} in doubt: a Workiva user may be theirs, and nobody has decided; see `workiva-sync adopt --csv FILE`",
            number(status.undecided, "person is", "people are")
        );
    }
    if status.discarded_ends > 0 {
        say!(
            "{} it, since an operator discarded the action; the newest run names them",
            number(
                status.discarded_ends,
                "person who is to have no access keeps",
                "people who are to have no access keep"
            )
        );
    }
    for source in sources {
        if let Some(trouble) = source.trouble() {
            say!("source '{}' {trouble}", source.source);
        }
    }
    let mut runs = Grid::new(&["started", "cause", "outcome", "rows", "rejected", "planned", "message"]);
    for run in &status.runs {
        runs.row([
            table::time(run.started_at),
            run.cause.clone(),
            run.outcome.clone(),
            run.records.to_string(),
            run.rejected.to_string(),
            run.planned.total().to_string(),
            run.message.clone().unwrap_or_default(),
        ]);
    }
    runs.print();
    let queue = &status.queue;
    let oldest = queue.oldest_queued_at.map(|at| format!(", the oldest since {}", at.format(AT)));
    say!(
        "queue: {} queued, {} in work, {} parked, {} held{}",
        queue.queued,
        queue.leased,
        queue.parked,
        queue.held,
        oldest.unwrap_or_default()
    );
    if queue.waiting > 0 {
        say!(
            "and {} memberships wait for something to be confirmed first: the account, the workspace, or what is parked",
            queue.waiting
        );
    }
    for kept in &status.kept_workspaces {
        say!(
            "  {} of employee {} is not taken back before {} is confirmed, whose grant is parked or discarded: Workiva suspends a user \
             who is in no workspace",
            kept.group,
            kept.employee_id,
            kept.waits_for
        );
    }
    if queue.withdrawn > 0 {
        say!(
            "{} of them are withdrawn: HR has taken them back, nothing is sent for them, and what they did is learnt",
            queue.withdrawn
        );
    }
    if let Some(outage) = &status.outage {
        say!(
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
        let at = drift.started_at.format(AT);
        match (drift.outcome.as_str(), counts.is_empty()) {
            ("failed", _) => say!("drift: of {at}: came to nothing, so nobody was compared"),
            (outcome, true) => say!("drift: {outcome} of {at}: nobody"),
            (outcome, false) => say!("drift: {outcome} of {at}: {}", counts.join(", ")),
        }
        if let Some(message) = &drift.message {
            say!("  {message}");
        }
    }
    for saved in &status.saved {
        say!(
            "saved: plan {} of {}, {} actions",
            saved.plan_id,
            table::time(saved.created_at),
            saved.counts.total()
        );
    }
    if !status.parked.is_empty() {
        super::actions::parked_table(&status.parked).print();
    }
    if !status.rejected.is_empty() {
        rejected_table(&status.rejected).print();
        if status.rejected.len() >= SHOWN_REJECTIONS as usize {
            say!(
                "at most {SHOWN_REJECTIONS} rejected records are shown; the runs above tell how many there were"
            );
        }
    }
}

fn print_held(held: &PlanSummary, now: DateTime<Utc>) {
    let age = HumanDuration((now - held.created_at).to_std().unwrap_or_default());
    let expiry = held.expires_at.map(|at| format!(", expires at {}", table::time(at))).unwrap_or_default();
    say!(
        "held: plan {} of {}, {} actions, has waited {age}{expiry}",
        held.plan_id,
        table::time(held.created_at),
        held.counts.total(),
    );
    for reason in &held.hold_reasons {
        say!("  {}: {}", reason.code, reason.message);
    }
}

fn rejected_table(rejected: &[RejectedRecord]) -> Grid {
    let mut rows = Grid::new(&["rejected", "row", "reason"]);
    for one in rejected {
        let row = one.row.map_or("–".to_owned(), |row| row.to_string());
        rows.row([one.employee_id.as_deref().unwrap_or("–"), &row, &one.reason]);
    }
    rows
}
