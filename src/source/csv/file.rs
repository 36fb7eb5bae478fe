//! Which file is read.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use xxhash_rust::xxh3::Xxh3;

use super::SourceError;
use crate::core::record::Fingerprint;

/// Names that a transfer gives to a file until it is whole.
const IN_FLIGHT: [&str; 3] = [".partial", ".tmp", ".filepart"];

/// The file that a path or pattern means: of several the newest, by time of change, then by name. Names in flight are
/// passed over.
///
/// # Errors
/// Where there is none.
pub fn newest(pattern: &str) -> Result<PathBuf, SourceError> {
    let literal = Path::new(pattern);
    if literal.is_file() {
        return Ok(literal.to_path_buf());
    }
    let missing = |ignored: String| SourceError::Missing { pattern: pattern.to_owned(), ignored };
    let matches = glob::glob(pattern).map_err(|_| missing(String::new()))?;
    let (in_flight, whole): (Vec<PathBuf>, Vec<PathBuf>) =
        matches.filter_map(Result::ok).filter(|path| path.is_file()).partition(|path| is_in_flight(path));
    let changed =
        |path: &PathBuf| path.metadata().and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let newest = whole.into_iter().max_by_key(|path| (changed(path), path.clone()));
    newest.ok_or_else(|| match in_flight.len() {
        0 => missing(String::new()),
        number => missing(format!(" ({number} still being written are passed over)")),
    })
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
