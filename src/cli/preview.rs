//! `source preview`: the records of a source as the engine sees them. It needs no database and no connection to Workiva.

use std::path::Path;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::looked::{RecordReport, RejectionReport, shortened};
use super::table::Grid;
use super::terminal::{complain, say};
use super::{Exit, print_json};
use crate::compose::{Surroundings, feed_alone, load_config};
use crate::config::{Loaded, SourceRules};
use crate::core::lifecycle::Moment;
use crate::core::mask::masked;
use crate::engine::look::head::{Ended, Head, Judging, head};
use crate::source::AnySource;

/// With more columns than this a table cannot be read: each record stands by itself.
const MOST_COLUMNS: usize = 9;

#[derive(Debug, Subcommand)]
pub enum SourceCommand {
    /// The first records of each source as the engine sees them, and the rows that it rejects. Prints people's data; changes nothing.
    Preview(PreviewArgs),
}

#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// How many rows of each source are shown, good or not.
    #[arg(long, value_name = "ROWS", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Of several sources only the one that is called so.
    #[arg(long = "source", value_name = "NAME")]
    source: Option<String>,
    /// Print one JSON object on stdout.
    #[arg(long)]
    json: bool,
    /// Show the shape of each value alone: letters as x, digits as 9.
    #[arg(long)]
    masked: bool,
}

#[derive(Serialize)]
struct Preview {
    sources: Vec<SourcePreview>,
}

/// What is shown of one source. All keys are always there.
#[derive(Serialize)]
struct SourcePreview {
    name: String,
    /// The file or system that was read.
    reached: Option<String>,
    /// How far.
    ended: &'static str,
    /// How many rows came before the read was over.
    rows_read: u64,
    records: Vec<RecordReport>,
    rejected: Vec<RejectionReport>,
    gone: Vec<String>,
    warnings: Vec<String>,
    failure: Option<String>,
}

/// Shows the beginning of each source that is asked for.
pub async fn source(config: &Path, command: SourceCommand) -> anyhow::Result<Exit> {
    let SourceCommand::Preview(args) = command;
    let loaded = load_config(config)?;
    let names: Vec<String> = loaded.settings.all_sources().map(|(_, one)| one.called().to_owned()).collect();
    if let Some(name) = args.source.as_ref().filter(|name| !names.contains(name)) {
        complain!("workiva-sync: no source is called {name}; there is: {}", names.join(", "));
        return Ok(Exit::Usage);
    }
    let surroundings = Surroundings::real();
    let feed = feed_alone(&loaded, &surroundings).await?;
    let now = surroundings.clock.now();
    let mut sources = Vec::new();
    for (rules, source) in loaded.rules.sources.iter().zip(feed.sources()) {
        let name = &rules.origin.name;
        if args.source.as_ref().is_none_or(|only| only == name) {
            let head = look(&loaded, rules, source, &args, now).await;
            sources.push(SourcePreview::of(name, head, args.masked));
        }
    }
    let failed = sources.iter().any(|source| source.failure.is_some());
    if args.json {
        print_json(&Preview { sources })?;
    } else {
        sources.iter().for_each(SourcePreview::print);
    }
    Ok(if failed { Exit::Source } else { Exit::Done })
}

async fn look(
    loaded: &Loaded,
    rules: &SourceRules,
    source: &AnySource,
    args: &PreviewArgs,
    now: DateTime<Utc>,
) -> Head {
    let rulebook = &loaded.rules.rulebook;
    // Of several, one may lack what another has.
    let judging = (loaded.rules.sources.len() == 1).then_some(Judging { rulebook, moment: Moment::At(now) });
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    head(source, &rules.origin, loaded.settings.uses_register(), limit, judging).await
}

impl SourcePreview {
    fn of(name: &str, head: Head, mask: bool) -> Self {
        let gone = head.gone.into_iter();
        let (ended, failure) = match head.ended {
            Ended::Complete => ("complete", None),
            Ended::Stopped => ("stopped", None),
            Ended::Failed(error) if mask => ("failed", Some(error.without_values())),
            Ended::Failed(error) => ("failed", Some(error.to_string())),
        };
        Self {
            name: name.to_owned(),
            reached: head.reached,
            ended,
            rows_read: head.rows,
            records: head.records.iter().map(|record| RecordReport::of(record, mask)).collect(),
            rejected: head.rejected.iter().map(|one| RejectionReport::of(one, mask)).collect(),
            gone: gone.map(|id| if mask { masked(&id) } else { id }).collect(),
            warnings: head.warnings,
            failure,
        }
    }

    fn print(&self) {
        say!("source '{}': {}", self.name, self.reached.as_deref().unwrap_or("nothing was reached"));
        match &self.records[..] {
            [] => say!("no record that can be shown"),
            [first, ..] if first.fields.len() < MOST_COLUMNS => self.print_table(first),
            records => records.iter().for_each(print_record),
        }
        for rejection in &self.rejected {
            say!("rejected: {}", rejection.line());
        }
        for id in &self.gone {
            say!("gone, says a delta: employee {id}");
        }
        for warning in &self.warnings {
            say!("warning: {warning}");
        }
        say!("{}", self.how_far());
    }

    fn print_table(&self, first: &RecordReport) {
        let heads: Vec<&str> = ["row"].into_iter().chain(first.fields.keys().map(String::as_str)).collect();
        let mut table = Grid::new(&heads);
        for record in &self.records {
            let values = record.fields.values().map(|value| shortened(value.as_str().unwrap_or_default()));
            table.row([record.row.unwrap_or_default().to_string()].into_iter().chain(values));
        }
        table.print();
    }

    fn how_far(&self) -> String {
        let shown = format!("{} records, {} rejections", self.records.len(), self.rejected.len());
        let rows = self.rows_read;
        match (self.ended, &self.failure) {
            (_, Some(failure)) => {
                format!(
                    "{shown} shown of {rows} rows that came before it failed; none of them counts: {failure}"
                )
            }
            ("complete", None) => {
                format!("{shown} shown; the source was read to its end and is complete: {rows} rows")
            }
            _ => format!(
                "{shown} shown; the read was stopped behind {rows} rows, so whether the rest is whole is not known"
            ),
        }
    }
}

fn print_record(record: &RecordReport) {
    say!("row {}", record.row.unwrap_or_default());
    for (name, value) in &record.fields {
        if let Some(value) = value.as_str() {
            say!("  {name}: {}", shortened(value));
        }
    }
}
