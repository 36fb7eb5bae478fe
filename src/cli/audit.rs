//! `audit verify|export`.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::terminal::{Answer, complain, say};
use super::{Exit, print_json};
use crate::compose::load_config;
use crate::core::audit::export::ExportedRecord;
use crate::core::audit::{Anchor, Fault, Head, Record, Verifier};
use crate::store::{AuditFault, Store};

/// The longest line of an export that is read, in bytes.
const LONGEST_LINE: u64 = 16 << 20;

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Find any edit, gap or cut in the audit. Ends with 0 if it is whole, and with 1 if not.
    Verify(VerifyArgs),
    /// Write records as JSON lines to stdout.
    Export(ExportArgs),
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A record known from a log or from the metrics: everything up to it has to be what it was then.
    #[arg(long, value_name = "SEQ:HASH")]
    anchor: Option<Anchor>,
    /// Look through an export instead of the database.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print one JSON object on stdout.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// From the first record of this day (UTC) or time on: 2026-11-24, or 2026-11-24T08:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = begin)]
    from: Option<DateTime<Utc>>,
    /// Up to the last record of this day (UTC), or before this time.
    #[arg(long, value_name = "TIME", value_parser = end)]
    to: Option<DateTime<Utc>>,
}

#[derive(Serialize)]
struct Verified {
    ok: bool,
    records: i64,
    head: Head,
    fault: Option<Told>,
}

#[derive(Serialize)]
struct Told {
    seq: Option<i64>,
    message: String,
}

impl Told {
    fn of(fault: impl Into<AuditFault>) -> Self {
        let fault = fault.into();
        Self { seq: fault.seq(), message: fault.to_string() }
    }
}

/// Looks through the audit, or writes it out.
pub async fn audit(config: &Path, command: AuditCommand) -> anyhow::Result<Exit> {
    match command {
        AuditCommand::Verify(args) => verify(config, args).await,
        AuditCommand::Export(args) => export(config, &args).await,
    }
}

async fn verify(config: &Path, args: VerifyArgs) -> anyhow::Result<Exit> {
    let is_anchored = args.anchor.is_some();
    let (records, head, fault) = match &args.file {
        Some(file) => verify_file(file, args.anchor)?,
        None => {
            let loaded = load_config(config)?;
            let report = Store::open_known(&loaded.rules.database).await?.verify_audit(args.anchor).await?;
            (report.head.seq, report.head, report.fault.map(Told::of))
        }
    };
    let ok = fault.is_none();
    if args.json {
        print_json(&Verified { ok, records, head, fault })?;
    } else if let Some(fault) = fault {
        say!("the audit is NOT whole: {}", fault.message);
        say!("proven up to record {}", head.seq);
    } else {
        say!("the audit is whole: {records} records; the newest is {head}");
        if !is_anchored {
            say!("--anchor with a number and hash from the log proves that it is also the one it was then");
        }
    }
    Ok(if ok { Exit::Done } else { Exit::Failed })
}

fn verify_file(path: &Path, anchor: Option<Anchor>) -> anyhow::Result<(i64, Head, Option<Told>)> {
    let file = File::open(path).with_context(|| format!("the export {} cannot be opened", path.display()))?;
    let mut reader = BufReader::new(file);
    // Only the first line tells behind which record the export begins.
    let (mut begun, mut records) = (None, 0);
    let told = loop {
        let line = next_line(&mut reader).with_context(|| format!("reading {}", path.display()))?;
        let Some(line) = line else { break None };
        let (record, behind) = match ExportedRecord::read(&line) {
            Ok(read) => read,
            Err(why) => {
                let message = format!("line {} is no record of an export: {why}", records + 1);
                break Some(Told { seq: None, message });
            }
        };
        let verifier = begun.get_or_insert_with(|| Verifier::behind(behind.clone(), anchor.clone()));
        if let Err(fault) = accept(verifier, &record, &behind) {
            break Some(Told::of(fault));
        }
        records += 1;
    };
    let verifier = begun.unwrap_or_else(|| Verifier::from_start(anchor));
    let told = told.or_else(|| verifier.finish(None).err().map(Told::of));
    Ok((records, verifier.head().clone(), told))
}

fn accept(verifier: &mut Verifier, record: &Record, behind: &Head) -> Result<(), Fault> {
    let claims_another = behind.hash != verifier.head().hash;
    verifier.accept(record)?;
    if claims_another { Err(Fault::Altered { seq: record.seq }) } else { Ok(()) }
}

/// The next line, of a bounded length; a longer one is cut, and is then no record.
fn next_line(reader: &mut impl BufRead) -> std::io::Result<Option<String>> {
    let mut line = String::new();
    let read = reader.by_ref().take(LONGEST_LINE).read_line(&mut line)?;
    Ok((read > 0).then_some(line))
}

async fn export(config: &Path, args: &ExportArgs) -> anyhow::Result<Exit> {
    if args.from.zip(args.to).is_some_and(|(from, to)| from > to) {
        complain!("workiva-sync: --from is later than --to: no record can be between them");
        return Ok(Exit::Usage);
    }
    let loaded = load_config(config)?;
    let store = Store::open_known(&loaded.rules.database).await?;
    let mut out = BufWriter::new(Answer);
    let mut is_read = true;
    store
        .export_audit(args.from, args.to, |record, previous| {
            let written = serde_json::to_writer(&mut out, &ExportedRecord::new(record, previous))
                .map_err(std::io::Error::from)
                .and_then(|()| out.write_all(b"\n"));
            is_read = written.is_ok();
            is_read
        })
        .await?;
    // Where nobody reads any more, or the disk is full, `terminal::finish` knows.
    let _ = out.flush();
    Ok(Exit::Done)
}

fn begin(text: &str) -> Result<DateTime<Utc>, String> {
    time(text, Days::new(0))
}

fn end(text: &str) -> Result<DateTime<Utc>, String> {
    time(text, Days::new(1))
}

/// A day stands for its beginning, some days later.
fn time(text: &str, later: Days) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    let day = text.parse::<NaiveDate>().ok().and_then(|day| day.checked_add_days(later));
    day.map(|day| day.and_time(NaiveTime::MIN).and_utc())
        .ok_or_else(|| "write a day (2026-11-24) or a time with its zone (2026-11-24T08:00:00Z)".to_owned())
}
