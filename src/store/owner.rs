//! Who holds leases: each process proves by a locked file that it is alive.
//!
//! A lease ends by time. A process that was killed would keep its actions until then; but its lock goes with it, so the
//! next start can tell and carries on at once.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::StoreError;
use super::opening::{prepared, private};

/// This process, as the owner of leases. Dropping it gives the lock up and removes the file.
#[derive(Debug)]
pub struct Owner {
    id: String,
    path: PathBuf,
    // Held for its lock.
    _file: File,
}

impl Owner {
    /// Registers under an id that no other process has.
    ///
    /// # Errors
    /// Where the file beside the database cannot be made or locked.
    pub fn register(database: &Path, id: &str) -> Result<Self, StoreError> {
        let path = lock_path(database, id);
        let fail = |source| StoreError::Open { path: path.display().to_string(), source };
        let file = private().open(&path).map_err(fail)?;
        file.try_lock().map_err(|error| {
            fail(match error {
                TryLockError::Error(error) => error,
                TryLockError::WouldBlock => std::io::Error::other("another process has this owner's lock"),
            })
        })?;
        Ok(Self { id: id.to_owned(), path, _file: file })
    }

    /// The id that leases carry.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the process behind an id is gone for certain: its lock can be had. Removes what it left behind.
    pub fn is_gone(database: &Path, id: &str) -> bool {
        let path = lock_path(database, id);
        let Ok(file) = File::open(&path) else {
            // The file goes only after its process has given up or lost every lease.
            return !path.exists();
        };
        if file.try_lock().is_err() {
            return false;
        }
        // A leftover that cannot be removed does no harm: the next start tries again.
        let _ = std::fs::remove_file(&path);
        true
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // As above: a leftover does no harm.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The one daemon of a database. Commands may work beside it, and a second daemon not: both would poll, and each run counts.
#[derive(Debug)]
pub struct Daemon {
    // Held for its lock, which ends with the process however that ends.
    _file: File,
}

impl Daemon {
    /// Takes the place, before the database is opened: a second one must not even bring its schema up to date. `who` is what that one
    /// is told.
    ///
    /// # Errors
    /// Where another daemon has it, or the file beside the database cannot be made.
    pub fn take_place(database: &Path, who: &str) -> Result<Self, StoreError> {
        let unopened = |source| StoreError::Open { path: database.display().to_string(), source };
        let path = beside(&prepared(database).map_err(unopened)?, PLACE);
        let fail = |source| StoreError::Open { path: path.display().to_string(), source };
        let mut file = private().open(&path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(fail(error)),
            Err(TryLockError::WouldBlock) => {
                let who = std::fs::read_to_string(&path).unwrap_or_default();
                let database = database.display().to_string();
                return Err(StoreError::HasDaemon { database, who: who.trim().to_owned() });
            }
        }
        file.set_len(0).and_then(|()| file.write_all(who.as_bytes())).map_err(fail)?;
        Ok(Self { _file: file })
    }
}

/// Who works on a database now, in words: a daemon, unless that is this process (`is_daemon`), or any owner of leases.
pub(super) fn at_work(database: &Path, is_daemon: bool) -> Option<String> {
    let is_locked = |path: &Path| {
        let taken = File::open(path).map(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
        taken.unwrap_or_default()
    };
    let place = beside(database, PLACE);
    if !is_daemon && is_locked(&place) {
        let who = std::fs::read_to_string(&place).unwrap_or_default();
        return Some(format!("a daemon ({})", who.trim()));
    }
    let owners = beside(database, OWNER);
    let prefix = owners.file_name()?.to_string_lossy().into_owned();
    let entries = std::fs::read_dir(owners.parent()?).ok()?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_owner =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix));
    let owner = paths.find(|path| is_owner(path) && is_locked(path))?;
    Some(format!("a command that sends, whose lock is {}", owner.display()))
}

/// What is behind the database's name in that of the daemon's lock.
const PLACE: &str = "-daemon";
/// The same for that of an owner.
const OWNER: &str = "-owner-";

fn lock_path(database: &Path, id: &str) -> PathBuf {
    beside(database, &format!("{OWNER}{id}"))
}

fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_os_string();
    name.push(ending);
    database.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_gone_only_once_its_lock_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("state.db");
        let owner = Owner::register(&database, "one").unwrap();
        assert!(!Owner::is_gone(&database, "one"));
        assert!(Owner::register(&database, "one").is_err());
        drop(owner);
        assert!(Owner::is_gone(&database, "one"));
        std::fs::write(lock_path(&database, "killed"), "").unwrap();
        assert!(Owner::is_gone(&database, "killed"));
        assert!(!lock_path(&database, "killed").exists());
    }
}
