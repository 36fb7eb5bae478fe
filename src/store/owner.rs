//! Who holds leases: each process proves by a locked file that it is alive.
//!
//! A lease ends by time. A process that was killed would keep its actions until then; but its lock goes with it, so the
//! next start can tell and carries on at once.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::StoreError;
use super::opening::private;

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
    /// Takes the place. `who` is what a second one is told.
    ///
    /// # Errors
    /// Where another daemon has it, or the file beside the database cannot be made.
    pub fn take_place(database: &Path, who: &str) -> Result<Self, StoreError> {
        let path = beside(database, "-daemon");
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

fn lock_path(database: &Path, id: &str) -> PathBuf {
    beside(database, &format!("-owner-{id}"))
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
