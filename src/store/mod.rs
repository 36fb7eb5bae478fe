//! The state table and the outbox in SQLite. All SQL of the crate is in this room.
//!
//! One connection writes, some read. Times come from the caller's clock. Bulk goes in and out as JSON arrays, because a
//! statement a row costs a hundred times as much.

/// Begins a statement with `j`: the rows of the JSON array that is bound here, by `key`, each unpacked once. Every field that is read out of
/// `json_each` itself writes the whole row as text first, which took most of the time of storing a large plan.
macro_rules! unpacked {
    ($parameter:literal) => {
        concat!(
            "WITH j AS MATERIALIZED (SELECT key, jsonb(value) AS value FROM json_each(",
            $parameter,
            ")) "
        )
    };
}

/// Discarded actions `o` by which somebody keeps access, or may keep it: a suspend, a delete, or the end of the last workspace.
macro_rules! kept_access {
    () => {
        "action o LEFT JOIN account a ON a.employee_id = o.employee_id \
         WHERE o.state = 'discarded' AND o.withdrawn = 0 \
           AND ((o.kind IN ('suspend', 'delete') AND (coalesce(a.active, 1) = 1 OR o.uncertain = 1)) \
             OR (o.kind = 'revoke' AND o.last_workspace = 1 AND a.active = 1 AND EXISTS \
               (SELECT 1 FROM membership m WHERE m.employee_id = o.employee_id AND m.group_id = o.group_id)))"
    };
}

mod accounts;
mod actions;
mod adoption;
mod alert_facts;
mod alerts;
mod approval;
mod attempts;
mod audit;
mod audit_beside;
mod audit_check;
mod audit_lists;
mod audit_states;
mod backup;
mod called;
mod connection;
mod delivery;
mod drift;
mod ending;
mod explain;
mod failures;
mod found;
mod inbox;
mod led_back;
mod listings;
mod lookalikes;
mod managers;
mod memberships;
mod names;
mod opening;
mod operator;
mod orders;
mod outage;
mod outbox;
mod owner;
mod parts;
mod people;
mod plan_lists;
mod plans;
mod quiet;
mod recorded;
mod refused;
mod register;
mod register_changes;
mod removed;
mod saved;
mod settling;
mod shown;
mod stale;
mod state;
mod unkept;
mod ways;
mod withdrawal;
mod workspaces;

use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::sqlite::SqlitePool;
use sqlx::{Sqlite, Transaction};

pub use adoption::{AdoptionCommit, Linked, Marked};
pub use alerts::{AlertCommit, AlertState, ClaimedMessage, Undelivered};
pub use approval::Approval;
pub use attempts::AttemptRow;
pub use audit_check::{AuditFault, AuditReport};
pub use audit_lists::{AuditRow, AuditSearch, RECORDS_LOOKED_THROUGH};
pub use backup::Backup;
pub use delivery::{Delivered, Idempotent, OPEN_FOR, Part};
pub use drift::{DriftFinding, DriftOutcome, DriftRecord, DriftSummary};
pub use ending::{Ending, Finished, Turn};
pub use explain::{AuditLine, History, PastAction, PastOrder, PastPlan, PastRequest};
pub use failures::{FailedRead, SourceFailure};
pub use listings::{Headcount, Looked, PersonRow, RunDay, RunDetail};
use opening::FileId;
pub use opening::{Opening, WriteWatch};
pub use operator::{ParkedAction, PlanSummary, Queue, RejectedRecord, RunSummary, SHOWN_REJECTIONS, Status};
pub use outbox::{Claim, Claimed, HeldLease};
pub use owner::{Daemon, Owner};
pub use people::{LOOKED_THROUGH, PeopleSearch, Standing};
pub use plan_lists::{ACTIONS_LOOKED_THROUGH, PlanAction, PlanDetail, PlanGroup, PlanSearch};
pub use plans::{Committed, PlanCommit, RunRecord};
pub use quiet::Seen;
pub use register::{RegisterHead, RegisterHeads, RegisterRow, RegisterWrite, SourceCommit, SourceStanding};
pub use saved::{Application, KEPT_SAVED, SAVED_FOR};
pub use stale::Silent;
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
    /// The file was moved away or replaced while it was open: what is written now nobody would find again.
    #[error(
        "the database {path} was moved away or replaced while this process had it open; nothing is stored or sent any more. Stop the \
         daemon before you put another file there, and start it again"
    )]
    Replaced {
        /// Where it was.
        path: String,
    },
    /// SQLite refused.
    #[error("the database failed: {}{}", .0, cure(.0))]
    Sql(sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the database's schema does not fit this version of workiva-sync: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A command that only reads meets a database of an older version.
    #[error(
        "the database was written by an older version of workiva-sync; run `workiva-sync check` once, which brings it up to \
         date and changes nobody"
    )]
    Outdated,
    /// A newer version has brought it up to date.
    #[error(
        "the database was brought up to date by a newer version of workiva-sync (its schema is {found}, this version knows {known}); run \
         that version, or restore a backup from before the upgrade. Nothing of it was changed"
    )]
    Newer {
        /// The schema that it has.
        found: i64,
        /// The newest schema that is known here.
        known: i64,
    },
    /// A second daemon is not let in.
    #[error(
        "the database {database} has a daemon already: {who}; stop that one first. Commands such as `sync` and `status` may work beside it"
    )]
    HasDaemon {
        /// The database.
        database: String,
        /// The daemon, as it called itself.
        who: String,
    },
    /// A schema is brought up to date while nobody works by it.
    #[error(
        "the database {database} has to be brought up to date for this version of workiva-sync, and an older one works on it: {who}. Stop \
         that one first. Nothing of it was changed"
    )]
    InUse {
        /// The database.
        database: String,
        /// Who works on it.
        who: String,
    },
    /// A command that tells of a database finds none.
    #[error(
        "there is no database at {path}: nothing has run yet, or its volume is not mounted, or store.url is another one than the daemon's"
    )]
    Missing {
        /// Where it should be.
        path: String,
    },
    /// A copy cannot be made.
    #[error("the backup {path} cannot be made: {source}")]
    Backup {
        /// The copy.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The reading broke down.
    #[error("reading the database was broken off; the log says why")]
    Stopped,
    /// What was read is older than what another process has stored of the same source meanwhile.
    #[error(
        "another process has begun to read the source '{source_name}' later, and stored that first; nothing of this run is \
         stored or sent; run it again"
    )]
    Overtaken {
        /// The source.
        source_name: String,
    },
    /// Another run has queued something since this one began to look: what it queued has not been held against what was read here.
    #[error(
        "another run has queued something meanwhile; nothing of this one is stored or sent; run it again"
    )]
    QueuedBeside,
    /// A value in the database is not what this version writes.
    #[error("the database holds {what} that cannot be read; was it edited by hand?")]
    Corrupt {
        /// What it is.
        what: &'static str,
    },
}

// Not as the source: whoever prints a chain of errors would say all of it twice.
impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

/// What helps, for what SQLite's words do not say (<https://www.sqlite.org/rescode.html>).
fn cure(error: &sqlx::Error) -> &'static str {
    match error.as_database_error().and_then(|error| error.code()).as_deref() {
        // SQLITE_FULL, and SQLITE_IOERR_SHMSIZE where not even the file beside it has room.
        Some("13" | "4874") => "; make room on its disk",
        // SQLITE_BUSY, SQLITE_BUSY_RECOVERY
        Some("5" | "261") => "; another program has it locked: end that one",
        // SQLITE_CANTOPEN
        Some("14") => {
            "; correct the permissions of the file and of its folder, in which SQLite keeps a file beside it also for reading"
        }
        // SQLITE_NOTADB, SQLITE_CORRUPT
        Some("26" | "11") => "; see 'The database is lost' in docs/operations.md",
        _ => "",
    }
}

/// The database.
#[derive(Clone, Debug)]
pub struct Store {
    /// Without links: locks lie beside the file itself, whatever it is called.
    path: PathBuf,
    /// As it was given.
    given: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
    watch: Option<WriteWatch>,
    /// Which file it is; `None`: nothing is written.
    file: Option<FileId>,
}

impl Store {
    /// The database's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a write. It takes SQLite's one right to write at once: a transaction that read first and wrote later could be
    /// refused in its middle.
    async fn begin(&self) -> Result<Tx, StoreError> {
        if let Some(watch) = &self.watch {
            watch.ask(&self.writer).await?;
        }
        self.insist_on_file()?;
        match self.writer.begin_with("BEGIN IMMEDIATE").await {
            // After some failures, that of a full disk among them, SQLite rolls back by itself. sqlx 0.9.0 goes on counting
            // that transaction as open, and would let no other begin on its connection for ever; a new one knows of none.
            Err(sqlx::Error::InvalidSavePointStatement) => {
                self.writer.acquire().await?.close().await?;
                Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
            }
            begun => Ok(begun?),
        }
    }

    /// Whether the file that is open has its name still. It is asked of the file system alone.
    ///
    /// # Errors
    /// Where it was moved away or replaced.
    pub fn insist_on_file(&self) -> Result<(), StoreError> {
        match self.file {
            Some(file) if FileId::of(&self.given) != Some(file) => {
                Err(StoreError::Replaced { path: self.path.display().to_string() })
            }
            _ => Ok(()),
        }
    }

    /// Whether nothing is being read or written, and nobody waits for it.
    pub fn is_idle(&self) -> bool {
        [&self.writer, &self.readers].iter().all(|pool| pool.num_idle() == pool.size() as usize)
    }

    /// Waits until whatever is being read or written by now is done, where the connection that writes reads as well.
    pub async fn settled(&self) {
        // Connections are given in the order of asking.
        let _ = self.writer.acquire().await;
    }

    /// Closes every connection; the write-ahead log goes back into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

type Tx = Transaction<'static, Sqlite>;

/// Milliseconds since 1970, as every time in the database.
fn millis(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

/// A moment that a date of HR's stands for, to the second; texts are in the order of time.
fn moment_text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn from_millis(at: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at).unwrap_or_default()
}

fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("values of strings and numbers have a JSON form")
}
