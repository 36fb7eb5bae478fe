//! `backup`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::terminal::{self, Answer, say};
use super::{Exit, print_json};
use crate::compose::load_config;
use crate::core::audit::Head;
use crate::core::warnings::number;
use crate::store::{Backup, Store};

#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The copy, which must not be there yet; `-`: standard output.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print one JSON object on stdout.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Told {
    file: String,
    bytes: u64,
    people: u64,
    audit_head: Head,
    /// What is wrong with the audit; null: it is whole.
    audit_fault: Option<String>,
}

/// Copies the database, also while the daemon works.
pub async fn backup(config: &Path, args: &BackupArgs) -> anyhow::Result<Exit> {
    let is_stdout = terminal::is_stdout(&args.file);
    if is_stdout && let Some(refused) = terminal::hand_over_stdout("a copy of the database", args.json) {
        return Ok(refused);
    }
    let loaded = load_config(config)?;
    let store = Store::open_known(&loaded.rules.database).await?;
    let backup = if is_stdout {
        let (mut file, backup) = store.backup_unnamed().await?;
        let written = io::copy(&mut file, &mut Answer).and_then(|bytes| Answer.flush().map(|()| bytes));
        let written = written.context("the copy could not be written")?;
        anyhow::ensure!(written == backup.bytes, "of {} bytes {written} were written", backup.bytes);
        backup
    } else {
        store.backup(&args.file).await?
    };
    let file = if is_stdout { "standard output".to_owned() } else { args.file.display().to_string() };
    let Backup { bytes, people, audit, fault } = backup;
    let exit = if fault.is_none() { Exit::Done } else { Exit::Failed };
    if args.json {
        print_json(&Told { file, bytes, people, audit_head: audit, audit_fault: fault })?;
        return Ok(exit);
    }
    match fault {
        None => {
            say!("{file}: {bytes} bytes, {}; looked through, and whole", number(people, "person", "people"));
            say!("its audit ends with {audit}: keep that elsewhere, as an anchor");
        }
        Some(fault) => {
            say!(
                "{file}: {bytes} bytes, {}; the file is sound, but its audit is NOT whole: {fault}",
                number(people, "person", "people")
            );
            say!("see 'The audit is broken' in docs/operations.md");
        }
    }
    Ok(exit)
}
