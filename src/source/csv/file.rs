//! Which file is read.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use xxhash_rust::xxh3::Xxh3;

use super::SourceError;
use super::proof::Announcements;
use crate::core::record::Fingerprint;

/// Names that a transfer gives to a file until it is whole.
const IN_FLIGHT: [&str; 3] = [".partial", ".tmp", ".filepart"];

/// The file that a path or pattern means: of several the newest that is done, by time of change, then by name. Names in
/// flight, markers and control files are passed over.
///
/// # Errors
/// Where there is none, or none is done.
pub fn newest(pattern: &str, announcements: &Announcements) -> Result<PathBuf, SourceError> {
    let literal = Path::new(pattern);
    let mut candidates = if literal.is_file() { vec![literal.to_path_buf()] } else { matches(pattern)? };
    let all = candidates.clone();
    candidates.retain(|path| !all.iter().any(|file| announcements.belongs_to(path, file)));
    candidates.sort_by_cached_key(|path| std::cmp::Reverse((changed(path), path.clone())));
    let mut newest_unfinished = None;
    for path in candidates {
        match announcements.is_done(&path) {
            Ok(()) => return Ok(path),
            Err(reason) => {
                newest_unfinished.get_or_insert((path, reason));
            }
        }
    }
    Err(match newest_unfinished {
        Some((path, reason)) => SourceError::Incomplete { file: path.display().to_string(), reason },
        None => SourceError::Missing { pattern: pattern.to_owned(), ignored: String::new() },
    })
}

/// Every file that a pattern means, but those in flight.
fn matches(pattern: &str) -> Result<Vec<PathBuf>, SourceError> {
    let missing = |ignored: String| SourceError::Missing { pattern: pattern.to_owned(), ignored };
    let matches = glob::glob(pattern).map_err(|_| missing(String::new()))?;
    let (in_flight, whole): (Vec<PathBuf>, Vec<PathBuf>) =
        matches.filter_map(Result::ok).filter(|path| path.is_file()).partition(|path| is_in_flight(path));
    match (whole.is_empty(), in_flight.len()) {
        (true, 0) => Err(missing(String::new())),
        (true, number) => Err(missing(format!(" ({number} still being written are passed over)"))),
        (false, _) => Ok(whole),
    }
}

fn changed(path: &Path) -> SystemTime {
    path.metadata().and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn is_in_flight(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    IN_FLIGHT.iter().any(|ending| name.ends_with(ending))
}

/// A digest of a file's bytes under a configuration; `None` where the file changed meanwhile.
///
/// # Errors
/// Where it cannot be read.
pub fn digest(path: &Path, seed: u64) -> std::io::Result<Option<Fingerprint>> {
    let mut file = File::open(path)?;
    let before = Stamp::of(&file)?;
    let mut hasher = Xxh3::with_seed(seed);
    let mut chunk = vec![0; 256 * 1024];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        hasher.update(&chunk[..read]);
    }
    Ok((Stamp::of(&file)? == before).then(|| Fingerprint(hasher.digest128())))
}

/// Size and time of change: two that differ mean that the file was written to.
#[derive(Debug, PartialEq, Eq)]
pub struct Stamp {
    bytes: u64,
    changed: SystemTime,
}

impl Stamp {
    /// Of an open file.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn of(file: &File) -> std::io::Result<Self> {
        let meta = file.metadata()?;
        Ok(Self { bytes: meta.len(), changed: meta.modified()? })
    }

    /// The file's size.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}
