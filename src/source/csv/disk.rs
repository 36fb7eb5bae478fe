//! Files on this machine's disks.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

use glob::{GlobResult, PatternError};

use super::SourceError;
use super::place::{Listed, OpenFile, Place, Stamp, is_meant};

/// This machine's disks.
#[derive(Debug)]
pub struct Disk;

impl Place for Disk {
    fn name(&self, path: &Path) -> String {
        path.display().to_string()
    }

    fn look(&self, path: &Path) -> io::Result<Option<Stamp>> {
        match path.metadata() {
            Ok(meta) if meta.is_file() => Ok(Some(Stamp { bytes: meta.len(), changed: meta.modified()? })),
            Ok(_) => Ok(None),
            // A link to what is not there is somebody's mistake, or a share that is gone: what it means may be the newest.
            Err(error) if error.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err() => Ok(None),
            Err(error) if matches!(error.kind(), ErrorKind::NotADirectory | ErrorKind::InvalidInput) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn list(&self, pattern: &str) -> Result<Vec<Listed>, SourceError> {
        let Ok(matches) = matching(pattern) else { return Ok(Vec::new()) };
        matches
            .map(|found| match found {
                Ok(path) => Ok(Listed { path, stamp: None }),
                Err(error) => {
                    let path = error.path().to_path_buf();
                    Err(self.unreadable(&path, error.into()))
                }
            })
            .collect()
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        // To open a pipe waits for whoever writes into it.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        Ok(Box::new(File::open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }
}

/// Everything on this machine's disks that a pattern means.
///
/// # Errors
/// Where it is no pattern; and in the place of a folder, where that cannot be listed.
pub fn matching(pattern: &str) -> Result<impl Iterator<Item = GlobResult>, PatternError> {
    // The option of `glob` for names that begin with a dot passes over all of them, whatever the pattern.
    Ok(glob::glob(pattern)?.filter(|found| {
        is_meant(pattern, found.as_ref().map_or_else(|error| error.path(), |path| path.as_path()))
    }))
}

impl OpenFile for File {
    fn stamp(&mut self) -> io::Result<Stamp> {
        let meta = self.metadata()?;
        Ok(Stamp { bytes: meta.len(), changed: meta.modified()? })
    }
}
