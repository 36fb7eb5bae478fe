//! Which file is read.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use xxhash_rust::xxh3::Xxh3;

use super::SourceError;
use super::proof::Announcements;
use crate::core::record::Fingerprint;

/// Names that a transfer gives to a file until it is whole.
const IN_FLIGHT: [&str; 3] = [".partial", ".tmp", ".filepart"];

/// The file that is read.
#[derive(Debug)]
pub struct Found {
    /// The file.
    pub path: PathBuf,
    /// A word on a newer one that is not done yet.
    pub passed_over: Option<String>,
}

/// A file that may be meant: when it was changed, and its path.
type Candidate = (SystemTime, PathBuf);

/// The file that a path or pattern means: of several the newest that is done, by time of change, then by name. Names in
/// flight, markers and control files are passed over.
///
/// # Errors
/// Where there is none, or none is done, or one cannot be looked at: it could be the newest.
pub fn newest(pattern: &str, announcements: &Announcements) -> Result<Found, SourceError> {
    let mut candidates = match look(Path::new(pattern))? {
        Some(literal) => vec![literal],
        None => matches(pattern)?,
    };
    let all: Vec<PathBuf> = candidates.iter().map(|(_, path)| path.clone()).collect();
    candidates.retain(|(_, path)| !all.iter().any(|file| announcements.belongs_to(path, file)));
    candidates.sort_unstable_by(|one, other| other.cmp(one));
    let mut newest_unfinished: Option<(PathBuf, String)> = None;
    for (_, path) in candidates {
        match announcements.is_done(&path) {
            Ok(()) => {
                let passed_over = newest_unfinished.map(|(newer, reason)| {
                    format!("the newer file {} is passed over: {reason}", newer.display())
                });
                return Ok(Found { path, passed_over });
            }
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
fn matches(pattern: &str) -> Result<Vec<Candidate>, SourceError> {
    let missing = |ignored: String| SourceError::Missing { pattern: pattern.to_owned(), ignored };
    let matches = glob::glob(pattern).map_err(|_| missing(String::new()))?;
    let (mut whole, mut in_flight) = (Vec::new(), 0);
    for found in matches {
        let path = found.map_err(|error| {
            let path = error.path().to_path_buf();
            unreadable(&path, error.into())
        })?;
        if is_in_flight(&path) {
            in_flight += u64::from(path.is_file());
        } else if let Some(candidate) = look(&path)? {
            whole.push(candidate);
        }
    }
    match (whole.is_empty(), in_flight) {
        (true, 0) => Err(missing(String::new())),
        (true, number) => Err(missing(format!(" ({number} still being written are passed over)"))),
        (false, _) => Ok(whole),
    }
}

/// A file with its time of change; `None`: nothing is there, or no file.
fn look(path: &Path) -> Result<Option<Candidate>, SourceError> {
    let looked = path.metadata().and_then(|meta| Ok((meta.is_file(), meta.modified()?)));
    match looked {
        Ok((is_file, changed)) => Ok(is_file.then(|| (changed, path.to_path_buf()))),
        // A link to what is not there is somebody's mistake, or a share that is gone: what it means may be the newest.
        Err(error) if error.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err() => Ok(None),
        Err(error) if matches!(error.kind(), ErrorKind::NotADirectory | ErrorKind::InvalidInput) => Ok(None),
        Err(error) => Err(unreadable(path, error)),
    }
}

fn unreadable(path: &Path, source: std::io::Error) -> SourceError {
    SourceError::Unreadable { file: path.display().to_string(), source }
}

fn is_in_flight(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    IN_FLIGHT.iter().any(|ending| name.ends_with(ending))
}

/// What a file's bytes and its times are, without a look at its rows.
#[derive(Debug)]
pub struct Digested {
    /// The digest of its bytes under a configuration.
    pub bytes: Fingerprint,
    /// When it was last changed.
    pub modified: SystemTime,
    /// Whether it ends with a line end.
    pub ends_line: bool,
}

/// A file's bytes under a configuration; `None` where the file changed meanwhile.
///
/// # Errors
/// Where it cannot be read.
pub fn digest(path: &Path, seed: u64) -> std::io::Result<Option<Digested>> {
    let mut file = File::open(path)?;
    let before = Stamp::of(&file)?;
    let mut hasher = Xxh3::with_seed(seed);
    let mut chunk = vec![0; 256 * 1024];
    let mut last = 0;
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        hasher.update(&chunk[..read]);
        last = chunk[read - 1];
    }
    let unchanged = Stamp::of(&file)? == before;
    Ok(unchanged.then(|| Digested {
        bytes: Fingerprint(hasher.digest128()),
        modified: before.modified(),
        ends_line: is_line_end(last),
    }))
}

/// Whether a byte ends a line.
pub fn is_line_end(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
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

    /// When it was last changed.
    pub fn modified(&self) -> SystemTime {
        self.changed
    }

    /// The file's size.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}
