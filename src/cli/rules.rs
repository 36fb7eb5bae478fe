//! `rules`: one's rules, tested on examples. That needs no HR source, no database, no secret, and no Workiva. What they come to for the
//! people in HR is in `reach`.

use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::reach::{CoverageArgs, coverage};
use super::terminal::{complain, say};
use super::{Exit, plan, print_json};
use crate::compose::{Surroundings, load_rules};
use crate::core::examples::{Ground, Verdict, judge, read};

#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Judge a table of example people, and compare with what is expected of each. Reads no secret, and nothing but configuration and table.
    Test(TestArgs),
    /// How many of the people in HR each role matches, whom none matches, and what the rules name that nobody has. Writes nothing.
    Coverage(CoverageArgs),
}

#[derive(Debug, Args)]
pub struct TestArgs {
    /// The table: CSV, one row an example; docs/testing-rules.md has its columns.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The day for examples without one of their own, such as 2027-01-31; by default today.
    #[arg(long, value_name = "DATE", value_parser = plan::day)]
    as_of: Option<NaiveDate>,
    /// Print one JSON object on stdout.
    #[arg(long)]
    json: bool,
}

/// What came of a table. All keys are always there.
#[derive(Serialize)]
struct TestReport {
    file: String,
    ok: bool,
    examples: usize,
    failed: usize,
    results: Vec<Verdict>,
}

/// Carries out one of them.
pub async fn rules(config: &Path, command: RulesCommand) -> anyhow::Result<Exit> {
    match command {
        RulesCommand::Test(args) => test(config, &args),
        RulesCommand::Coverage(args) => coverage(config, &args).await,
    }
}

fn test(config: &Path, args: &TestArgs) -> anyhow::Result<Exit> {
    let deciding = load_rules(config)?;
    let (rulebook, file) = (&deciding.rulebook, args.file.display());
    let text = match std::fs::read_to_string(&args.file) {
        Ok(text) => text,
        Err(error) => {
            complain!("workiva-sync: {file} cannot be read: {error}; name a table that is CSV in UTF-8");
            return Ok(Exit::Usage);
        }
    };
    let (columns, headers) = (deciding.settings.columns(), deciding.settings.headers());
    let ground = Ground { columns: &columns, headers: &headers, paths: rulebook.users.paths() };
    let examples = match read(&text, &ground) {
        Ok(examples) => examples,
        Err(faults) => {
            faults.iter().for_each(|fault| complain!("workiva-sync: {file}: {fault}"));
            return Ok(Exit::Usage);
        }
    };
    let today =
        args.as_of.unwrap_or_else(|| rulebook.access.lifecycle.today(Surroundings::real().clock.now()));
    let results: Vec<Verdict> = examples.iter().map(|example| judge(example, rulebook, today)).collect();
    let failed = results.iter().filter(|verdict| !verdict.ok).count();
    let report =
        TestReport { file: file.to_string(), ok: failed == 0, examples: results.len(), failed, results };
    if args.json {
        print_json(&report)?;
    } else {
        report.print();
    }
    Ok(if report.ok { Exit::Done } else { Exit::Failed })
}

impl TestReport {
    fn print(&self) {
        for verdict in self.results.iter().filter(|verdict| !verdict.ok) {
            let name = verdict.name.as_ref().map_or(String::new(), |name| format!(" ({name})"));
            say!("line {}, employee {}{name}, on {}:", verdict.line, verdict.employee_id, verdict.as_of);
            for miss in &verdict.failures {
                say!("  {}: {} was expected, {} came", miss.column, miss.expected, miss.came);
            }
            say!("  {}: {} (by {})", verdict.access.name(), verdict.reason, verdict.rests_on);
        }
        match self.failed {
            0 => say!("{}: {} examples, all as expected", self.file, self.examples),
            failed => say!("{}: {} examples, {failed} not as expected", self.file, self.examples),
        }
    }
}
