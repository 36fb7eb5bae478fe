//! `adopt`: links the users whom Workiva has already to employees.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::table::Grid;
use super::terminal::{self, Answer, complain, say};
use super::{Exit, open, print_json};
use crate::compose::{RealEngine, Sending, Surroundings, engine, load_config};
use crate::config::Loaded;
use crate::core::adopt::Doubtful;
use crate::core::adopt::decisions::DecidedRow;
use crate::core::adopt::sheet;
use crate::core::report::SourceCounts;
use crate::core::roster::Roster;
use crate::core::state::AdoptionMark;
use crate::engine::adopt::{AdoptError, Adoption};

/// How many rows a readable list shows.
pub const SHOWN: usize = 50;

/// What `adopt` takes.
#[derive(Debug, Args)]
pub struct AdoptArgs {
    /// Print one JSON object on stdout.
    #[arg(long)]
    json: bool,
    /// Write the doubtful ones into a new CSV file, to be decided about; `-`: to standard output.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Carry out what was decided in such a file; `-`: from standard input.
    #[arg(long, value_name = "FILE")]
    decisions: Option<PathBuf>,
    /// Who decides; by default the user of this process.
    #[arg(long, value_name = "NAME", value_parser = super::name)]
    by: Option<String>,
}

/// The object of `adopt --json`. All keys are always there.
#[derive(Serialize)]
struct Report<'a> {
    linked: u64,
    already_linked: u64,
    under_way: u64,
    losing_access: u64,
    to_create: u64,
    doubtful: Vec<DoubtfulPerson<'a>>,
    skipped: Vec<DoubtfulPerson<'a>>,
    unknown_users: Vec<User<'a>>,
    second_accounts: Vec<TheirUser<'a>>,
    renaming: Vec<TheirUser<'a>>,
    users: u64,
    source: SourceCounts,
    requests: u64,
    elapsed_ms: u64,
}

#[derive(Serialize)]
struct DoubtfulPerson<'a> {
    employee_id: &'a str,
    reason: &'static str,
    explanation: String,
    candidates: Vec<User<'a>>,
}

/// A user beside the employee who is told with them.
#[derive(Serialize)]
struct TheirUser<'a> {
    employee_id: &'a str,
    user: User<'a>,
}

/// A user of Workiva, as `adopt` and `drift` print one.
#[derive(Serialize)]
pub struct User<'a> {
    scim_id: Option<&'a str>,
    user_name: Option<&'a str>,
    email: Option<&'a str>,
    active: Option<bool>,
}

impl<'a> User<'a> {
    /// Workiva's id, where it is shown.
    pub fn scim_id(&self) -> Option<&'a str> {
        self.scim_id
    }
}

/// Links everybody whose user is certain, and lists who is in doubt.
pub async fn adopt(config: &Path, args: &AdoptArgs) -> anyhow::Result<Exit> {
    let is_stdout = args.csv.as_deref().is_some_and(terminal::is_stdout);
    if is_stdout && let Some(refused) = terminal::hand_over_stdout("the list", args.json) {
        return Ok(refused);
    }
    let loaded = load_config(config)?;
    let rows = match args.decisions.as_deref().map(decided).transpose()? {
        None => Vec::new(),
        Some(text) => match sheet::read(&text) {
            Ok(rows) => rows,
            Err(faults) => return Ok(refused(&AdoptError::Decisions(faults), Exit::Usage)),
        },
    };
    let surroundings = Surroundings::real();
    let sending = Sending::prepare(&loaded, &surroundings)?;
    sending.during(link(loaded, &surroundings, args, &rows, is_stdout)).await
}

async fn link(
    loaded: Loaded,
    surroundings: &Surroundings,
    args: &AdoptArgs,
    rows: &[DecidedRow],
    is_stdout: bool,
) -> anyhow::Result<Exit> {
    let store = open(&loaded.rules.database).await?;
    let engine = engine(loaded, store, surroundings, true).await?;
    // Before anything is linked: a list that cannot be written would be missed.
    let mut csv: Option<Box<dyn Write + Send>> = match args.csv.as_deref() {
        None => None,
        Some(_) if is_stdout => Some(Box::new(Answer)),
        Some(file) => Some(Box::new(new_private_file(file)?)),
    };
    let by = args.by.clone().unwrap_or_else(super::decide::user);
    let started_at = engine.clock.now();
    let adopted = engine.adopt(rows, &by).await;
    let elapsed_ms = (engine.clock.now() - started_at).num_milliseconds().unsigned_abs();
    let requests = engine.telemetry.requests_sent();
    let adoption = match adopted {
        Ok(adoption) => adoption,
        Err(error) => {
            // An empty file would look like a list of nobody.
            if let Some(file) = args.csv.as_deref().filter(|_| !is_stdout) {
                std::fs::remove_file(file)?;
            }
            return failed(&engine, error).await;
        }
    };
    if let Some(csv) = &mut csv {
        let list = sheet::write(&adoption.matching, &adoption.roster);
        csv.write_all(list.as_bytes()).and_then(|()| csv.flush()).context(
            "the list could not be written; the links are stored, so `adopt --csv` can be run again",
        )?;
    }
    let report = report(&adoption, requests, elapsed_ms);
    let exit = match adoption.failed_sources {
        0 if report.doubtful.is_empty()
            && report.second_accounts.is_empty()
            && report.source.rejected == 0 =>
        {
            Exit::Done
        }
        0 => Exit::Leftovers,
        _ => Exit::Source,
    };
    adoption.warnings.iter().for_each(|warning| complain!("workiva-sync: {warning}"));
    if args.json {
        print_json(&report)?;
    } else {
        print_report(&report, &adoption, args.csv.as_deref());
    }
    engine.store.close().await;
    Ok(exit)
}

/// What was decided, as a text.
fn decided(file: &Path) -> anyhow::Result<String> {
    if terminal::is_stdout(file) {
        return io::read_to_string(io::stdin()).context("the decisions on standard input cannot be read");
    }
    std::fs::read_to_string(file)
        .with_context(|| format!("the decisions in {} cannot be read", file.display()))
}

async fn failed(engine: &RealEngine, error: AdoptError) -> anyhow::Result<Exit> {
    engine.store.close().await;
    match error {
        AdoptError::Engine(error) => Err(error.into()),
        AdoptError::Connection(_) | AdoptError::Listing(_) => Ok(refused(&error, Exit::Workiva)),
        AdoptError::Source(_) => Ok(refused(&error, Exit::Source)),
        AdoptError::Decisions(_) => Ok(refused(&error, Exit::Usage)),
    }
}

fn refused(error: &AdoptError, exit: Exit) -> Exit {
    complain!("workiva-sync: {error}");
    if let AdoptError::Decisions(faults) = error {
        faults.iter().for_each(|fault| complain!("  - {fault}"));
    }
    exit
}

/// Names and addresses are in it, so it is for its owner alone; and it is never one that somebody is deciding in.
fn new_private_file(path: &Path) -> anyhow::Result<std::fs::File> {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.with_context(|| {
        format!("the list cannot be written into {}; name a file that does not exist yet", path.display())
    })
}

fn report(adoption: &Adoption, requests: u64, elapsed_ms: u64) -> Report<'_> {
    let roster = &adoption.roster;
    let theirs = |claimant: usize, at: usize| TheirUser {
        employee_id: &adoption.claimants[claimant].employee_id,
        user: user(at, roster),
    };
    let (skipped, open): (Vec<&Doubtful>, Vec<&Doubtful>) =
        adoption.matching.doubtful.iter().partition(|one| one.mark == Some(AdoptionMark::Skip));
    Report {
        linked: adoption.linked,
        already_linked: adoption.matching.already,
        under_way: adoption.matching.under_way,
        losing_access: adoption.without_right,
        to_create: adoption.matching.unmatched.len() as u64,
        doubtful: open.iter().map(|one| doubtful(one, roster)).collect(),
        skipped: skipped.iter().map(|one| doubtful(one, roster)).collect(),
        unknown_users: adoption.unknown.iter().map(|at| user(*at, roster)).collect(),
        second_accounts: adoption.second.iter().map(|one| theirs(one.claimant, one.user)).collect(),
        renaming: adoption.renaming.iter().map(|one| theirs(one.claimant, one.user)).collect(),
        users: roster.users().len() as u64,
        source: SourceCounts { records: adoption.rows, rejected: adoption.rejected.len() as u64 },
        requests,
        elapsed_ms,
    }
}

fn doubtful<'a>(one: &'a Doubtful, roster: &'a Roster) -> DoubtfulPerson<'a> {
    DoubtfulPerson {
        employee_id: &one.employee_id,
        reason: one.doubt.code(),
        explanation: one.doubt.to_string(),
        candidates: one.candidates.iter().map(|at| user(*at, roster)).collect(),
    }
}

/// The user at a position.
pub fn user(at: usize, roster: &Roster) -> User<'_> {
    let user = &roster.users()[at];
    User {
        scim_id: user.scim_id(),
        user_name: roster.value(user, "userName"),
        email: roster.value(user, "emails.work"),
        active: user.active,
    }
}

fn print_report(report: &Report<'_>, adoption: &Adoption, csv: Option<&Path>) {
    say!(
        "{} rows, {} rejected; {} users in Workiva",
        report.source.records,
        report.source.rejected,
        report.users
    );
    say!("linked now: {}; linked before: {}", report.linked, report.already_linked);
    if report.under_way > 0 {
        say!("left alone, since an action is under way: {}", report.under_way);
    }
    if report.losing_access > 0 {
        say!(
            "of those linked now, {} have an active account and no right to it by HR: the next run suspends them, through the \
             guard; `workiva-sync plan` shows whom",
            report.losing_access
        );
    }
    say!("without a user, to be created by the next run: {}", report.to_create);
    for rejection in adoption.rejected.iter().take(SHOWN) {
        say!("{}", super::sync::rejected_line(rejection));
    }
    print_doubtful("in doubt (nobody is linked or created until somebody decides)", &report.doubtful);
    print_doubtful("skipped (nobody is linked or created)", &report.skipped);
    print_unknown(&report.unknown_users);
    print_theirs(
        "of these, with the user name or address of an employee who is linked to another user (whoever leaves keeps access by them; merge or \
         suspend them in Workiva)",
        &report.second_accounts,
    );
    print_theirs(
        "of those linked now, with another given and family name than HR's (the next run renames them; are they the same people?)",
        &report.renaming,
    );
    match csv {
        Some(file) if terminal::is_stdout(file) => say!(
            "the doubtful ones are on standard output: write link, new or skip into the last column, then `adopt --decisions FILE`, or \
             `-` for standard input"
        ),
        Some(file) => say!(
            "the doubtful ones are in {}: write link, new or skip into the last column, then `adopt --decisions {0}`",
            file.display()
        ),
        None if report.doubtful.is_empty() => {}
        None => say!("`adopt --csv FILE` writes a list to decide in"),
    }
}

/// Users of nobody as a table, if there are any.
pub fn print_unknown(unknown: &[User<'_>]) {
    if unknown.is_empty() {
        return;
    }
    say!("users of nobody, left alone: {}", unknown.len());
    let mut users = Grid::new(&["Workiva's id", "user name", "active"]);
    for one in unknown.iter().take(SHOWN) {
        users.row([one.scim_id.unwrap_or("–"), one.user_name.unwrap_or("–"), active(one)]);
    }
    print_rest(&users, unknown.len());
}

/// Employees with a user each under a title, if there are any.
fn print_theirs(title: &str, all: &[TheirUser<'_>]) {
    if all.is_empty() {
        return;
    }
    say!("{title}: {}", all.len());
    let mut users = Grid::new(&["employee", "Workiva's id", "user name"]);
    for TheirUser { employee_id, user } in all.iter().take(SHOWN) {
        users.row([employee_id, user.scim_id.unwrap_or("–"), user.user_name.unwrap_or("–")]);
    }
    print_rest(&users, all.len());
}

fn print_doubtful(title: &str, people: &[DoubtfulPerson<'_>]) {
    if people.is_empty() {
        return;
    }
    say!("{title}: {}", people.len());
    let mut doubtful = Grid::new(&["employee", "candidate", "user name", "active", "why"]);
    for person in people.iter().take(SHOWN) {
        for one in &person.candidates {
            let (id, name) = (one.scim_id.unwrap_or("–"), one.user_name.unwrap_or("–"));
            doubtful.row([person.employee_id, id, name, active(one), &person.explanation]);
        }
    }
    print_rest(&doubtful, people.len());
}

/// A table, and how much of it is not shown.
pub fn print_rest(table: &Grid, number: usize) {
    table.print();
    if number > SHOWN {
        say!("and {} more; --json lists all", number - SHOWN);
    }
}

fn active(user: &User<'_>) -> &'static str {
    match user.active {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not told",
    }
}
