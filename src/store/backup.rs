//! A copy of the database, taken while it is in use.

use std::io;
use std::path::Path;

use sqlx::Row;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::opening::private;
use super::{Store, StoreError};
use crate::core::audit::Head;

/// A copy that was looked through.
#[derive(Clone, Debug)]
pub struct Backup {
    /// How large it is, in bytes.
    pub bytes: u64,
    /// People whom it knows.
    pub people: u64,
    /// The end of its audit.
    pub audit: Head,
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
        let mut partial = to.as_os_str().to_owned();
        partial.push(".partial");
        let partial = Path::new(&partial);
        let made = private().create_new(true).open(partial).map_err(fail)?;
        let copied = self.copy_into(partial).await;
        let whole = match copied {
            Ok(backup) => {
                made.sync_all().and_then(|()| std::fs::rename(partial, to)).map(|()| backup).map_err(fail)
            }
            Err(error) => Err(error),
        };
        if whole.is_err() {
            // What went wrong is told; that a part of a copy cannot be removed either would hide it.
            let _ = std::fs::remove_file(partial);
        }
        whole
    }

    async fn copy_into(&self, partial: &Path) -> Result<Backup, StoreError> {
        sqlx::query("VACUUM INTO ?1").bind(partial.display().to_string()).execute(&self.readers).await?;
        let options = SqliteConnectOptions::new().filename(partial).read_only(true);
        let mut copy = options.connect().await?;
        let backup = look_through(&mut copy, partial).await;
        copy.close().await?;
        backup
    }
}

async fn look_through(copy: &mut SqliteConnection, path: &Path) -> Result<Backup, StoreError> {
    let found: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut *copy).await?;
    if found != "ok" {
        return Err(StoreError::Corrupt { what: "the copy of the database" });
    }
    let sql = "SELECT (SELECT count(*) FROM person), seq, hash FROM audit_head";
    let row = sqlx::query(sql).fetch_one(&mut *copy).await?;
    Ok(Backup {
        bytes: std::fs::metadata(path).map(|meta| meta.len()).unwrap_or_default(),
        people: row.get::<i64, _>(0).unsigned_abs(),
        audit: Head { seq: row.get(1), hash: row.get(2) },
    })
}
