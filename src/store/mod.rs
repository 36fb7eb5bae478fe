//! The state table and the outbox in SQLite. All SQL of the crate is in this room.
//!
//! One connection writes, two read. Times come from the caller's clock. Bulk goes in and out as JSON arrays, because a
//! statement a row costs a hundred times as much.

mod actions;
mod adoption;
mod approval;
mod attempts;
mod audit;
mod audit_check;
mod connection;
mod ending;
mod explain;
mod operator;
mod outbox;
mod owner;
mod plans;
mod recorded;
mod state;

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

pub use adoption::{AdoptionCommit, Linked};
pub use approval::Approval;
pub use attempts::AttemptRow;
pub use audit_check::{AuditFault, AuditReport};
pub use ending::{Ending, Finished, Turn};
pub use explain::{AuditLine, History, PastAction, PastPlan, PastRequest};
pub use operator::{ParkedAction, PlanSummary, Queue, RejectedRecord, RunSummary, SHOWN_REJECTIONS, Status};
pub use outbox::{Claim, Claimed};
pub use owner::Owner;
pub use plans::{Committed, PlanCommit, RunRecord};
pub use state::PackedPeople;

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file or its folder cannot be made or opened.
    #[error("the database {path} cannot be opened: {source}; correct store.url or the folder's permissions")]
    Open {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("the database failed: {0}")]
    Sql(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the database's schema does not fit this version of workiva-sync: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The reading broke down.
    #[error("reading the database was broken off; the log says why")]
    Stopped,
    /// A value in the database is not what this version writes.
    #[error("the database holds {what} that cannot be read; was it edited by hand?")]
    Corrupt {
        /// What it is.
        what: &'static str,
    },
}

/// The database.
#[derive(Clone, Debug)]
pub struct Store {
    path: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Store {
    /// Opens the database for reading and writing; makes it, and its folders, where there is none. The file is readable
    /// by its owner alone.
    ///
    /// # Errors
    /// Where the file cannot be made or opened, or holds a schema of another version.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let fail = |source| StoreError::Open { path: path.display().to_string(), source };
        create_private(path).map_err(fail)?;
        let writer = pool_of(1).connect_with(options(path)).await?;
        sqlx::migrate!().run(&writer).await?;
        let readers = pool_of(2).connect_with(options(path).read_only(true)).await?;
        Ok(Self { path: path.to_path_buf(), writer, readers })
    }

    /// Opens the database for reading only. Where there is none, an empty one in memory stands for it.
    ///
    /// # Errors
    /// Where the file cannot be opened.
    pub async fn open_for_reading(path: &Path) -> Result<Self, StoreError> {
        if path.exists() {
            let readers = pool_of(2).connect_with(options(path).read_only(true)).await?;
            return Ok(Self { path: path.to_path_buf(), writer: readers.clone(), readers });
        }
        let memory = SqliteConnectOptions::new().in_memory(true);
        let only = pool_of(1).connect_with(memory).await?;
        sqlx::migrate!().run(&only).await?;
        Ok(Self { path: path.to_path_buf(), writer: only.clone(), readers: only })
    }

    /// The database's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes every connection; the write-ahead log goes back into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// A file's connections have no reason to be renewed, and a database in memory would end with its only one. Without a
/// lifetime sqlx starts no maintenance task either, whose first look at a pool can go round for ever: it counts up to the
/// number of idle connections, which is below zero for a moment when one is taken while it is given back (sqlx#3645, in
/// 0.9.0 still).
fn pool_of(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new().max_connections(connections).idle_timeout(None).max_lifetime(None)
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        .journal_mode(SqliteJournalMode::Wal)
        // A confirmed outcome has to survive a power cut: the next decision is made on it.
        .synchronous(SqliteSynchronous::Full)
}

fn create_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(drop)
}

/// Milliseconds since 1970, as every time in the database.
fn millis(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

fn from_millis(at: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at).unwrap_or_default()
}

fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("values of strings and numbers have a JSON form")
}
