//! `backup`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::terminal::say;
use super::{Exit, print_json};
use crate::compose::load_config;
use crate::core::audit::Head;
use crate::store::Store;

#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The copy, which must not be there yet.
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
}

/// Copies the database, also while the daemon works.
pub async fn backup(config: &Path, args: &BackupArgs) -> anyhow::Result<Exit> {
    let loaded = load_config(config)?;
    let backup = Store::open_known(&loaded.rules.database).await?.backup(&args.file).await?;
    if args.json {
        let file = args.file.display().to_string();
        print_json(&Told { file, bytes: backup.bytes, people: backup.people, audit_head: backup.audit })?;
    } else {
        say!(
            "{}: {} bytes, {} people; looked through, and whole",
            args.file.display(),
            backup.bytes,
            backup.people
        );
        say!("its audit ends with {}: keep that elsewhere, as an anchor", backup.audit);
    }
    Ok(Exit::Done)
}
