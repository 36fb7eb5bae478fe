//! Opening the database: its connections, its schema, and who may look over its shoulder.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::future::Future;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::owner::{self, Daemon};
use super::{Store, StoreError};

/// How a database is opened. The daemon takes the default.
#[derive(Clone, Debug)]
pub struct Opening {
    /// How long a write waits for another process's write.
    pub busy_timeout: Duration,
    /// Whether a commit survives a power cut as well as the end of the process.
    pub survives_power_cut: bool,
    /// How many connections read; 0: the one that writes reads as well, one thing after the other.
    pub readers: u32,
    /// Who is asked before each write.
    pub watch: Option<WriteWatch>,
}

impl Default for Opening {
    fn default() -> Self {
        Self { busy_timeout: Duration::from_secs(10), survives_power_cut: true, readers: 4, watch: None }
    }
}

/// A path with more links than that leads nowhere; the same bound as Linux has.
const MOST_LINKS: u32 = 40;

/// A file, whatever it is called: its device and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl FileId {
    /// Of the file that is called so now.
    pub(super) fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let meta = std::fs::metadata(path).ok()?;
        Some(Self(meta.dev(), meta.ino()))
    }
}

type Answer = Pin<Box<dyn Future<Output = u32> + Send>>;

/// Asked before each write; the write begins when the answer is there, if ever. The answer is the number of pages that the
/// file may have: what a full disk comes to. A simulation decides by this which write comes next, and what breaks.
#[derive(Clone)]
pub struct WriteWatch(Arc<dyn Fn() -> Answer + Send + Sync>);

impl WriteWatch {
    /// A watch that asks this.
    pub fn new(ask: impl Fn() -> Answer + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    pub(super) async fn ask(&self, writer: &SqlitePool) -> Result<(), StoreError> {
        let pages = (self.0)().await;
        sqlx::raw_sql(AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"))).execute(writer).await?;
        Ok(())
    }
}

impl fmt::Debug for WriteWatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WriteWatch")
    }
}

impl Store {
    /// Opens the database for reading and writing; makes it, and its folders, where there is none. The file is readable
    /// by its owner alone.
    ///
    /// # Errors
    /// Where the file cannot be made or opened, or holds a schema of another version.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_as(path, Opening::default()).await
    }

    /// The same, in another way than the daemon does.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub async fn open_as(path: &Path, opening: Opening) -> Result<Self, StoreError> {
        Self::open_holding(path, opening, None).await
    }

    /// The same for the daemon, which has taken its place.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub async fn open_in_place(path: &Path, place: &Daemon) -> Result<Self, StoreError> {
        Self::open_holding(path, Opening::default(), Some(place)).await
    }

    async fn open_holding(
        given: &Path,
        opening: Opening,
        place: Option<&Daemon>,
    ) -> Result<Self, StoreError> {
        let fail = |source| StoreError::Open { path: given.display().to_string(), source };
        let path = &prepared(given).map_err(fail)?;
        create_private(path).map_err(fail)?;
        let writer = {
            let _alone = alone(path).await.map_err(fail)?;
            let writer = pool_of(1).connect_with(options(path, &opening)).await?;
            if let Some(found) = applied(&writer).await? {
                refuse_newer(found)?;
                // An older version would work on by what the schema is no more. Whoever begins to work waits for the lock that is held here.
                if found < newest()
                    && let Some(who) = owner::at_work(path, place.is_some())
                {
                    return Err(StoreError::InUse { database: path.display().to_string(), who });
                }
            }
            sqlx::migrate!().run(&writer).await?;
            writer
        };
        let readers = match opening.readers {
            0 => writer.clone(),
            readers => pool_of(readers).connect_with(options(path, &opening).read_only(true)).await?,
        };
        let (file, given) = (FileId::of(path), given.to_path_buf());
        Ok(Self { path: path.clone(), given, writer, readers, watch: opening.watch, file })
    }

    /// Opens for reading only a database that has to be there: whoever asks how it stands is not to be told of an empty one.
    ///
    /// # Errors
    /// Where there is none, and as for [`Store::open_for_reading`].
    pub async fn open_known(path: &Path) -> Result<Self, StoreError> {
        match path.exists() {
            true => Self::open_for_reading(path).await,
            false => Err(StoreError::Missing { path: path.display().to_string() }),
        }
    }

    /// Opens the database for reading only. Where there is none, an empty one in memory stands for it.
    ///
    /// # Errors
    /// Where the file cannot be opened, or has to be brought up to date first.
    pub async fn open_for_reading(path: &Path) -> Result<Self, StoreError> {
        let only = if path.exists() {
            let only = pool_of(2).connect_with(reading(path)).await?;
            insist_on_schema(&only).await?;
            only
        } else {
            let memory = SqliteConnectOptions::new().in_memory(true);
            let only = pool_of(1).connect_with(memory).await?;
            sqlx::migrate!().run(&only).await?;
            only
        };
        let (given, path) = (path.to_path_buf(), resolved(path).unwrap_or_else(|_| path.to_path_buf()));
        Ok(Self { path, given, writer: only.clone(), readers: only, watch: None, file: None })
    }
}

/// Whoever only reads cannot migrate. A file without any schema, which somebody is just making, counts as outdated too.
async fn insist_on_schema(readers: &SqlitePool) -> Result<(), StoreError> {
    match applied(readers).await? {
        Some(found) if found >= newest() => refuse_newer(found),
        _ => Err(StoreError::Outdated),
    }
}

/// Migrations go forward only: what a newer version has made of the tables is not known here.
fn refuse_newer(found: i64) -> Result<(), StoreError> {
    let known = newest();
    if found > known { Err(StoreError::Newer { found, known }) } else { Ok(()) }
}

/// The newest schema that is known here.
fn newest() -> i64 {
    sqlx::migrate!().iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// The schema that a file has; `None`: none at all yet.
async fn applied(pool: &SqlitePool) -> Result<Option<i64>, StoreError> {
    let applied = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(pool).await;
    match applied {
        Err(sqlx::Error::Database(error)) if error.message().contains("no such table") => Ok(None),
        applied => Ok(applied?),
    }
}

/// A file's connections have no reason to be renewed, and a database in memory would end with its only one. Without a
/// lifetime sqlx starts no maintenance task either, whose first look at a pool can go round for ever: it counts up to the
/// number of idle connections, which is below zero for a moment when one is taken while it is given back (sqlx#3645, in
/// 0.9.0 still). Nor does a file go away as a server does: no connection is tried before it is given out.
fn pool_of(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// Of a file as it is: a backup that was put in place is none with a log yet, and to make it one would be to write.
fn reading(path: &Path) -> SqliteConnectOptions {
    let busy_timeout = Opening::default().busy_timeout;
    SqliteConnectOptions::new().filename(path).foreign_keys(true).busy_timeout(busy_timeout).read_only(true)
}

fn options(path: &Path, opening: &Opening) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(opening.busy_timeout)
        .journal_mode(SqliteJournalMode::Wal)
        // A confirmed outcome has to survive a power cut: the next decision is made on it.
        .synchronous(if opening.survives_power_cut {
            SqliteSynchronous::Full
        } else {
            SqliteSynchronous::Off
        })
}

/// Of several processes that set the mode of one new database or bring its schema up to date, SQLite and sqlx let all but
/// the first fail. A lock beside the database lets one at a time; on the database itself it would be in the way of SQLite's own.
async fn alone(path: &Path) -> std::io::Result<File> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push("-schema");
    let file = private().open(path.with_file_name(name))?;
    let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
    locked.await.map_err(std::io::Error::other)?
}

/// How a file is made that its owner alone can read, whatever the umask.
pub(super) fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600);
    options
}

/// The database's own path, whatever links lead there, with its folder made. SQLite follows links, and what lies beside the file has to lie
/// where every process looks for it.
pub(super) fn prepared(path: &Path) -> std::io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    resolved(path)
}

/// A path without links. The file need not be there yet, also where a link leads to it; its folder has to be.
fn resolved(path: &Path) -> std::io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match std::fs::canonicalize(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            found => return found,
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_path_buf();
        match std::fs::read_link(&path) {
            Ok(to) => path = folder.join(to),
            Err(_) => return Ok(std::fs::canonicalize(folder)?.join(path.file_name().unwrap_or_default())),
        }
    }
    Err(std::io::Error::other("its links lead round in a circle"))
}

fn create_private(path: &Path) -> std::io::Result<()> {
    // A file that is there is left alone: to close it would end the locks that SQLite holds on it in this process.
    match private().create_new(true).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
