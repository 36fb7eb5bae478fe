//! `drift`: live Workiva against what was last confirmed.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use serde::Serialize;

use super::adopt::{SHOWN, User, print_rest, print_unknown, user};
use super::sync::{Synced, run_to_end};
use super::table::{self, Grid};
use super::terminal::{complain, say};
use super::{Exit, open, print_json};
use crate::compose::{Sending, Surroundings, engine, load_config};
use crate::config::Loaded;
use crate::core::action::Change;
use crate::core::drift::{DriftKind, Drifted};
use crate::core::report::RunReport;
use crate::core::warnings::some_of;
use crate::engine::drift::{DriftError, DriftRun};
use crate::store::DriftOutcome;

/// What `drift` takes.
#[derive(Debug, Args)]
pub struct DriftArgs {
    /// Print one JSON object on stdout.
    #[arg(long)]
    json: bool,
    /// Take what was seen for the state, and run a cycle that leads back, through the guard.
    #[arg(long)]
    repair: bool,
}

/// The object of `drift --json`. All keys are always there.
#[derive(Serialize)]
struct Report<'a> {
    drift_id: &'a str,
    outcome: &'static str,
    counts: BTreeMap<&'static str, u64>,
    people: Vec<Person<'a>>,
    missing: &'a [String],
    unlisted_suspended: u64,
    unknown_users: Vec<User<'a>>,
    not_shown: &'a BTreeMap<String, u64>,
    altered: &'a BTreeMap<String, u64>,
    under_way: u64,
    left_out: &'a [String],
    twins: Vec<Twin<'a>>,
    in_doubt: Vec<Twin<'a>>,
    in_group_again: Vec<Again<'a>>,
    groups_unread: &'a [String],
    accounts: u64,
    users: u64,
    recorded: u64,
    requests: u64,
    elapsed_ms: u64,
    message: Option<&'a str>,
    repair: Option<&'a RunReport>,
}

/// An active user with somebody's key: a second one, or one of who is to have none.
#[derive(Serialize)]
struct Twin<'a> {
    employee_id: &'a str,
    user: User<'a>,
}

/// Somebody who is in a group that was taken from them.
#[derive(Serialize)]
struct Again<'a> {
    employee_id: &'a str,
    group: &'a str,
}

#[derive(Serialize)]
struct Person<'a> {
    employee_id: &'a str,
    scim_id: &'a str,
    kinds: Vec<DriftKind>,
    changes: &'a [Change],
}

/// Compares, and with `--repair` leads back.
pub async fn drift(config: &Path, args: &DriftArgs) -> anyhow::Result<Exit> {
    let (loaded, surroundings) = (load_config(config)?, Surroundings::real());
    let sending = Sending::prepare(&loaded, &surroundings)?;
    sending.during(compare(loaded, &surroundings, args)).await
}

async fn compare(loaded: Loaded, surroundings: &Surroundings, args: &DriftArgs) -> anyhow::Result<Exit> {
    let store = open(&loaded.rules.database).await?;
    let engine = engine(loaded, store, surroundings, true).await?;
    let run = match engine.drift("drift", args.repair).await {
        Ok(run) => run,
        Err(DriftError::Engine(error)) => return Err(error.into()),
        Err(error) => {
            engine.store.close().await;
            complain!("workiva-sync: {error}");
            return Ok(Exit::Workiva);
        }
    };
    let repair = match run.recorded {
        0 => None,
        _ => Some(run_to_end(&engine, "drift").await?),
    };
    let elapsed_ms = (engine.clock.now() - run.started_at).num_milliseconds().unsigned_abs();
    let report = report(&run, repair.as_ref(), engine.telemetry.requests_sent(), elapsed_ms);
    if args.json {
        print_json(&report)?;
    } else {
        print_report(&report, &run);
        if let Some(repair) = &repair {
            repair.print();
        }
    }
    engine.store.close().await;
    Ok(exit(&run, repair.as_ref()))
}

/// Users of nobody are no drift: service accounts and guests are among them.
fn exit(run: &DriftRun, repair: Option<&Synced>) -> Exit {
    let is_unsure = !run.missing.in_doubt.is_empty() || run.comparison.is_unsure();
    match (run.outcome, repair.map(|repair| repair.exit)) {
        (DriftOutcome::Refused, _) => Exit::Held,
        (_, Some(Exit::Done)) if is_unsure => Exit::Leftovers,
        (_, Some(exit)) => exit,
        (DriftOutcome::None, None) => Exit::Done,
        // Also where all whose state was to be recorded have moved meanwhile.
        (_, None) => Exit::Leftovers,
    }
}

fn report<'a>(run: &'a DriftRun, repair: Option<&'a Synced>, requests: u64, elapsed_ms: u64) -> Report<'a> {
    let comparison = &run.comparison;
    let again = comparison.back_in_groups.iter().map(|(employee_id, group)| Again { employee_id, group });
    Report {
        drift_id: &run.drift_id,
        outcome: run.outcome.name(),
        counts: run.counts(),
        people: comparison.people.iter().map(person).collect(),
        missing: &run.missing.in_doubt,
        unlisted_suspended: run.missing.unlisted_suspended,
        unknown_users: comparison.unknown.iter().map(|at| user(*at, &run.roster)).collect(),
        not_shown: &comparison.not_shown,
        altered: &comparison.altered,
        under_way: comparison.under_way.len() as u64,
        left_out: &comparison.under_way,
        twins: comparison.twins.iter().map(|(employee_id, at)| twin(employee_id, *at, run)).collect(),
        in_doubt: comparison.in_doubt.iter().map(|(employee_id, at)| twin(employee_id, *at, run)).collect(),
        in_group_again: again.collect(),
        groups_unread: &comparison.unread_groups,
        accounts: comparison.accounts,
        users: run.roster.users().len() as u64,
        recorded: run.recorded,
        requests,
        elapsed_ms,
        message: run.message.as_deref(),
        repair: repair.map(|repair| &repair.report),
    }
}

fn twin<'a>(employee_id: &'a str, at: usize, run: &'a DriftRun) -> Twin<'a> {
    Twin { employee_id, user: user(at, &run.roster) }
}

fn person(one: &Drifted) -> Person<'_> {
    Person {
        employee_id: &one.employee_id,
        scim_id: &one.scim_id,
        kinds: one.kinds.iter().copied().collect(),
        changes: &one.changes,
    }
}

fn print_report(report: &Report<'_>, run: &DriftRun) {
    say!("{} accounts compared with {} users in Workiva", report.accounts, report.users);
    if !report.people.is_empty() {
        say!("changed behind our back: {}", report.people.len());
        let mut people = Grid::new(&["employee", "kind", "confirmed → in Workiva now"]);
        for one in run.comparison.people.iter().take(SHOWN) {
            let kinds: Vec<&str> = one.kinds.iter().map(|kind| kind.name()).collect();
            people.row([(&one.employee_id).into(), kinds.join(", ").into(), table::changes(&one.changes)]);
        }
        print_rest(&people, report.people.len());
    }
    if report.under_way > 0 {
        say!(
            "left out, since an action is queued or has just ended: {} (employee {}); compare again once it has ended",
            report.under_way,
            some_of(report.left_out)
        );
    }
    for twin in report.twins.iter().take(SHOWN) {
        say!(
            "a second active user has the externalId of employee {}, and stays as it is: {}; suspend it or correct its externalId",
            twin.employee_id,
            twin.user.scim_id().unwrap_or("–")
        );
    }
    for one in report.in_doubt.iter().take(SHOWN) {
        say!(
            "an active user has the externalId of employee {}, who is to have no account, and neither the user name nor the address of theirs; \
             it stays as it is: {}; suspend it, or correct its externalId where it is somebody else's",
            one.employee_id,
            one.user.scim_id().unwrap_or("–")
        );
    }
    for again in report.in_group_again.iter().take(SHOWN) {
        say!(
            "in a group again that was taken back, and left there: employee {} in {}; take them out by hand where that is wrong",
            again.employee_id,
            again.group
        );
    }
    for group in report.groups_unread {
        say!("memberships were not compared: {group}");
    }
    for (attribute, users) in report.not_shown {
        say!("not shown by Workiva, so it cannot be compared: {attribute} of {users} users");
    }
    for (attribute, users) in report.altered {
        say!(
            "written otherwise by Workiva than it was sent, so not repaired again: {attribute} of {users} users"
        );
    }
    if report.unlisted_suspended > 0 {
        say!(
            "suspended users who are not in Workiva's list, too many to ask for each: {}",
            report.unlisted_suspended
        );
    }
    print_unknown(&report.unknown_users);
    if let Some(message) = report.message {
        say!("{message}");
    }
    match run.outcome {
        DriftOutcome::None => say!("nobody was changed behind our back ({} requests)", report.requests),
        DriftOutcome::Found if report.people.is_empty() => {
            say!("nobody else was changed behind our back ({} requests)", report.requests);
        }
        DriftOutcome::Found => say!("`drift --repair` leads back, through the guard"),
        DriftOutcome::Recorded => say!("{} recorded as they are now; the way back:", report.recorded),
        DriftOutcome::Refused | DriftOutcome::Failed => {}
    }
}
