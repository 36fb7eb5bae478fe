//! A copy of the database, taken while it is in use.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sqlx::Row;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::audit_check::find_fault;
use super::opening::private;
use super::{Store, StoreError};
use crate::core::audit::{Head, Verifier};

/// A copy that was looked through.
#[derive(Clone, Debug)]
pub struct Backup {
    /// How large it is, in bytes.
    pub bytes: u64,
    /// People whom it knows.
    pub people: u64,
    /// The end of its audit.
    pub audit: Head,
    /// What is wrong with the audit, in words that quote nobody; `None`: it is whole.
    pub fault: Option<String>,
}

impl Store {
    /// Copies the database as it is at one moment into a new file, which its owner alone can read, and looks the copy through. Until that
    /// is done the file is called `FILE.partial`.
    ///
    /// # Errors
    /// Where the file is there already or cannot be made, or the database or its copy is damaged.
    pub async fn backup(&self, to: &Path) -> Result<Backup, StoreError> {
        let fail = |source| StoreError::Backup { path: to.display().to_string(), source };
        if to.exists() {
            return Err(fail(io::Error::other("it is there already; name another one")));
        }
        let partial = Partial::make(with_end(to, ".partial")).map_err(fail)?;
        let backup = self.copy_into(&partial).await?;
        partial.file.sync_all().and_then(|()| partial.become_file(to)).map_err(fail)?;
        Ok(backup)
    }

    /// The same into a file without a name, for whoever hands it on. It lies beside the database until it is closed, so there has to be
    /// room for it.
    ///
    /// # Errors
    /// Where it cannot be made, or the database or its copy is damaged.
    pub async fn backup_unnamed(&self) -> Result<(File, Backup), StoreError> {
        let path = with_end(&self.path, "-backup.partial");
        let fail = |source| StoreError::Backup { path: path.display().to_string(), source };
        let partial = Partial::make(path.clone()).map_err(fail)?;
        let backup = self.copy_into(&partial).await?;
        let file = File::open(&partial.path).map_err(fail)?;
        Ok((file, backup))
    }

    async fn copy_into(&self, partial: &Partial) -> Result<Backup, StoreError> {
        // A bound path is one whatever is in it; that it is absolute keeps SQLite from taking `file:x` for an address.
        sqlx::query("VACUUM INTO ?1").bind(partial.name()?).execute(&self.readers).await?;
        mark(&partial.path).await?;
        let options = SqliteConnectOptions::new().filename(&partial.path).read_only(true);
        let mut copy = options.connect().await?;
        let backup = look_through(&mut copy, partial).await;
        copy.close().await?;
        backup
    }
}

/// Whoever opens the copy is to know that it is one.
async fn mark(copy: &Path) -> Result<(), StoreError> {
    let mut copy = SqliteConnectOptions::new().filename(copy).connect().await?;
    let sql = "DELETE FROM copied; INSERT INTO copied SELECT coalesce(max(max(read_at, full_read_at)), 0) FROM source_state";
    sqlx::raw_sql(sql).execute(&mut copy).await?;
    Ok(copy.close().await?)
}

/// The path with more at its end.
fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(end);
    path.into()
}

/// A file that a copy is being made in. It is locked for as long, so that nobody takes it for one that a killed process has left
/// behind, and goes away again unless it becomes the copy.
struct Partial {
    /// Absolute.
    path: PathBuf,
    file: File,
    has_name: bool,
}

impl Partial {
    fn make(path: PathBuf) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let new = || private().create_new(true).open(&path);
        let file = match new() {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                remove_leftover(&path)?;
                new()
            }
            made => made,
        }?;
        // Between the two somebody may have taken it for a leftover. A file system without locks lets nobody do so.
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) || !is_called(&file, &path) {
            return Err(under_way(&path));
        }
        Ok(Self { path, file, has_name: true })
    }

    /// Its path as SQLite takes one.
    fn name(&self) -> Result<&str, StoreError> {
        let fail = |source| StoreError::Backup { path: self.path.display().to_string(), source };
        self.path.to_str().ok_or_else(|| fail(io::Error::other("its path is not UTF-8; name one that is")))
    }

    fn become_file(mut self, to: &Path) -> io::Result<()> {
        std::fs::rename(&self.path, to)?;
        self.has_name = false;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if self.has_name {
            // What went wrong is told; that a part of a copy cannot be removed either would hide it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn is_called(file: &File, path: &Path) -> bool {
    let (ours, there) = (file.metadata(), std::fs::metadata(path));
    matches!((ours, there), (Ok(ours), Ok(there)) if (ours.dev(), ours.ino()) == (there.dev(), there.ino()))
}

/// Takes away what a process has left behind that was killed over it.
fn remove_leftover(path: &Path) -> io::Result<()> {
    let open = OpenOptions::new().read(true).open(path);
    let left = open.map_err(|error| about(path, &error))?;
    match left.try_lock() {
        Ok(()) => std::fs::remove_file(path).map_err(|error| about(path, &error)),
        Err(TryLockError::WouldBlock) => Err(under_way(path)),
        Err(TryLockError::Error(error)) => Err(about(path, &error)),
    }
}

fn under_way(path: &Path) -> io::Error {
    let words = format!("another backup is just being made in {}; wait for its end", path.display());
    io::Error::other(words)
}

fn about(path: &Path, error: &io::Error) -> io::Error {
    let words = format!("{}: {error}; remove it if it is a leftover, or name another file", path.display());
    io::Error::new(error.kind(), words)
}

async fn look_through(copy: &mut SqliteConnection, partial: &Partial) -> Result<Backup, StoreError> {
    let found: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut *copy).await?;
    // By the file that was made, not by its name: what SQLite wrote elsewhere would be no copy.
    let bytes = partial.file.metadata().map(|meta| meta.len()).unwrap_or_default();
    if found != "ok" || bytes == 0 {
        return Err(StoreError::Corrupt { what: "the copy of the database" });
    }
    let sql = "SELECT (SELECT count(*) FROM person), seq, hash FROM audit_head";
    let row = sqlx::query(sql).fetch_one(&mut *copy).await?;
    // A copy of what was meddled with is worth having, and worth nothing as a proof.
    let fault = find_fault(copy, &mut Verifier::from_start(None)).await?;
    Ok(Backup {
        bytes,
        people: row.get::<i64, _>(0).unsigned_abs(),
        audit: Head { seq: row.get(1), hash: row.get(2) },
        fault: fault.map(|fault| fault.to_string()),
    })
}
