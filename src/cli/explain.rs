//! `explain`.

use std::path::Path;

use super::table::{self, Grid};
use super::terminal::say;
use super::{Exit, print_json};
use crate::compose::{Surroundings, engine, load_config};
use crate::core::grants::Given;
use crate::core::state::AdoptionMark;
use crate::engine::explain::{Explanation, Input, NextStep};
use crate::store::{History, PastAction, Store};

/// How many actions and audit records are told where not all are asked for.
const SHOWN: u32 = 10;

/// Explains one person: input, decision and rule, difference, requests and answers.
pub async fn explain(config: &Path, employee_id: &str, all: bool, json: bool) -> anyhow::Result<Exit> {
    let loaded = load_config(config)?;
    let store = Store::open_for_reading(&loaded.rules.database).await?;
    let engine = engine(loaded, store, &Surroundings::real(), false).await?;
    let told = engine.explain(employee_id, if all { u32::MAX } else { SHOWN }, None).await?;
    if json {
        print_json(&told)?;
    } else {
        print(&told);
    }
    Ok(match (&told.input.failure, told.is_known()) {
        (Some(_), _) => Exit::Source,
        (None, false) => Exit::Failed,
        (None, true) => Exit::Done,
    })
}

fn print(told: &Explanation) {
    print_input(&told.employee_id, &told.input);
    if !told.is_known() {
        say!(
            "nobody with this employee id is in the source or was ever in it; ids are compared exactly, leading zeros count"
        );
        return;
    }
    print_decision(told);
    print_account(told);
    print_history(&told.history);
}

fn print_input(employee_id: &str, input: &Input) {
    match (&input.source, &input.failure, input.row) {
        (_, Some(failure), _) => {
            say!("input: {failure}");
            say!("What follows is what is stored.");
        }
        (Some(source), None, Some(row)) => say!("input: employee {employee_id}, row {row} of {source}"),
        (source, None, _) => say!(
            "input: no record of employee {employee_id} that can be used in {}",
            source.as_deref().unwrap_or("the source")
        ),
    }
    for (name, value) in &input.fields {
        say!("  {name}: {value}");
    }
    for reason in &input.rejected {
        say!("  rejected, so they keep what they have: {reason}");
    }
    for warning in &input.warnings {
        say!("  warning: {warning}");
    }
}

fn print_decision(told: &Explanation) {
    let Some(decision) = &told.decision else {
        say!("decision: none");
        return;
    };
    let answer = if decision.access { "access" } else { "no access" };
    say!("decision: {answer}: {} (by {})", decision.reason, decision.rests_on);
    let dates = [("hired", decision.hire_date), ("terminated", decision.termination_date)];
    for (name, date) in dates.into_iter().filter_map(|(name, date)| Some((name, date?))) {
        say!("  {name}: {date}");
    }
    match decision.next_change {
        Some(at) => say!("  next change by date: {}", table::time(at)),
        None => say!("  no date changes this"),
    }
    for (path, value) in told.user.iter().flatten() {
        say!("  {path}: {value}");
    }
}

fn print_account(told: &Explanation) {
    match &told.account {
        None => say!("account: none is confirmed"),
        Some(account) => {
            let active = if account.active { "active" } else { "suspended" };
            let since =
                account.confirmed_at.map_or(String::new(), |at| format!(", confirmed {}", table::time(at)));
            say!("account: {}, {active}{since}", account.scim_id);
        }
    }
    for (group, given) in &told.memberships {
        let by = match given {
            Given::Ours => "given by us",
            Given::Found => "was there before us",
        };
        say!("  in group {group}, {by}");
    }
    for change in &told.differs {
        say!("  differs: {}", table::change(change));
    }
    match told.adoption {
        Some(AdoptionMark::Open) => {
            say!(
                "adopt: a Workiva user may be theirs; none is linked, made or suspended before somebody decides"
            )
        }
        Some(AdoptionMark::Skip) => say!("adopt: somebody decided to skip them; no account is made"),
        Some(AdoptionMark::New) => say!("adopt: somebody decided that an account is to be made"),
        None => {}
    }
    if let Some(drift) = &told.drift {
        say!("changed behind our back, as seen {}:", table::time(drift.found_at));
        for change in &drift.changes {
            say!("  {}", table::change(change));
        }
    }
    match (told.next.step, told.next.kind) {
        (NextStep::Act, Some(kind)) => say!("next run: would plan to {}", kind.name()),
        (NextStep::UnderWay, _) => say!("next run: nothing more; an action is under way"),
        (NextStep::Discarded, Some(kind)) => say!(
            "next run: nothing, though there is something left to {}: {}",
            kind.name(),
            told.next.because.as_deref().unwrap_or_default()
        ),
        (NextStep::WaitsForDecision, _) => {
            say!("next run: nothing, until `adopt` is told whose user it is")
        }
        (NextStep::Withdraw, _) => say!("next run: would withdraw the waiting action"),
        _ => say!("next run: nothing to do"),
    }
}

fn print_history(history: &History) {
    say!("actions: {} of {}, newest first", history.actions.len(), history.actions_total);
    for action in &history.actions {
        print_action(action);
    }
    for rejection in &history.rejections {
        let row = rejection.row.map_or(String::new(), |row| format!(" (row {row})"));
        say!("rejected in the last run{row}: {}", rejection.reason);
    }
    if history.audit.is_empty() {
        say!("audit records: none");
        return;
    }
    let numbers: Vec<String> =
        history.audit.iter().map(|line| format!("{} {}", line.seq, line.kind)).collect();
    say!("audit records: {} of {}: {}", history.audit.len(), history.audit_total, numbers.join(", "));
}

fn print_action(action: &PastAction) {
    let ended = action.ended_at.map_or(String::new(), |at| format!(" {}", table::time(at)));
    say!(
        "  {} {}, {}{ended}: {}; planned {}",
        action.action_id,
        action.kind,
        action.state,
        action.because,
        table::time(action.created_at)
    );
    for change in &action.changes {
        say!("    {}", table::change(change));
    }
    if action.withdrawn {
        say!(
            "    withdrawn when it might have been carried out already: what it did is learnt, nothing is sent for it"
        );
    }
    let plan = &action.plan;
    let decided = match (&plan.decided_by, plan.decided_at) {
        (Some(by), Some(at)) => format!(" by {by} {}", table::time(at)),
        _ => String::new(),
    };
    let why = plan.decided_reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    say!("    plan {} of run {}: {}{decided}{why}", plan.plan_id, plan.run_id, plan.state);
    for reason in &plan.hold_reasons {
        say!("      held ({}): {}", reason.code, reason.message);
    }
    if let Some(error) = &action.error {
        say!("    {error}");
    }
    for one in &action.orders {
        let why = one.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
        say!("    {} by {} {}{why}", one.order, one.by, table::time(one.at));
    }
    if !action.requests.is_empty() {
        requests_table(action).print();
    }
}

fn requests_table(action: &PastAction) -> Grid {
    let mut rows = Grid::new(&["sent", "request", "status", "ms", "error"]);
    for one in &action.requests {
        let status = one.status.map_or("–".to_owned(), |status| status.to_string());
        rows.row([
            &table::time(one.sent_at),
            &one.request,
            &status,
            &one.duration_ms.to_string(),
            one.error.as_deref().unwrap_or_default(),
        ]);
    }
    rows
}
