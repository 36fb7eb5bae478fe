//! Which file is read.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use xxhash_rust::xxh3::Xxh3;

use super::SourceError;
use super::place::{Place, Stamp};
use super::proof::Announcements;
use crate::core::record::Fingerprint;

/// Names that a transfer gives to a file until it is whole.
const IN_FLIGHT: [&str; 7] =
    [".partial", ".part", ".tmp", ".temp", ".filepart", ".crdownload", ".inprogress"];

/// The file that is read.
#[derive(Debug)]
pub struct Found {
    /// The file.
    pub path: PathBuf,
    /// A word on a newer one that is not done yet.
    pub passed_over: Option<String>,
}

/// How files looked some time ago: one that looks otherwise now is still being written.
pub type Looks = BTreeMap<PathBuf, Stamp>;

/// A file that may be meant: when it was changed, and its path.
type Candidate = (Stamp, PathBuf);

/// The file that a path or pattern means: of several the newest that is done, by time of change, then by name. Names in
/// flight, markers and control files are passed over, and so is what does not look as it did `before`, where that is given.
///
/// # Errors
/// Where there is none, or none is done, or one cannot be looked at: it could be the newest.
pub fn newest(
    place: &dyn Place,
    pattern: &str,
    announcements: &Announcements,
    before: Option<&Looks>,
) -> Result<Found, SourceError> {
    let mut candidates = candidates(place, pattern, announcements)?;
    candidates.sort_unstable_by(|(one, path), (other, other_path)| {
        (other.changed, other_path).cmp(&(one.changed, path))
    });
    let mut newest_unfinished: Option<(PathBuf, String)> = None;
    for (stamp, path) in candidates {
        let done = stable(&path, &stamp, before).and_then(|()| announcements.is_done(place, &path));
        match done {
            Ok(()) => {
                let passed_over = newest_unfinished.map(|(newer, reason)| {
                    format!("the newer file {} is passed over: {reason}", place.name(&newer))
                });
                return Ok(Found { path, passed_over });
            }
            Err(reason) => {
                newest_unfinished.get_or_insert((path, reason));
            }
        }
    }
    Err(match newest_unfinished {
        Some((path, reason)) => SourceError::Incomplete { file: place.name(&path), reason },
        None => SourceError::Missing { pattern: place.name(Path::new(pattern)), ignored: String::new() },
    })
}

/// How everything looks that a path or pattern means.
///
/// # Errors
/// As of [`newest`].
pub fn looks(place: &dyn Place, pattern: &str, announcements: &Announcements) -> Result<Looks, SourceError> {
    let candidates = candidates(place, pattern, announcements)?;
    Ok(candidates.into_iter().map(|(stamp, path)| (path, stamp)).collect())
}

fn stable(path: &Path, now: &Stamp, before: Option<&Looks>) -> Result<(), String> {
    match before.map(|looks| looks.get(path)) {
        None => Ok(()),
        Some(Some(then)) if then == now => Ok(()),
        Some(Some(then)) => Err(format!(
            "it is still being written: its size or time of change was another one a moment ago ({} bytes then, {} bytes \
             now; source.stable_seconds)",
            then.bytes, now.bytes
        )),
        Some(None) => Err("it has only just come (source.stable_seconds)".into()),
    }
}

/// Every file that a path or pattern means, but those in flight and those that belong to another.
fn candidates(
    place: &dyn Place,
    pattern: &str,
    announcements: &Announcements,
) -> Result<Vec<Candidate>, SourceError> {
    let path = Path::new(pattern);
    let mut candidates = match place.look(path).map_err(|error| place.unreadable(path, error))? {
        Some(stamp) => vec![(stamp, path.to_path_buf())],
        None => matches(place, pattern)?,
    };
    let all: Vec<PathBuf> = candidates.iter().map(|(_, path)| path.clone()).collect();
    candidates.retain(|(_, path)| !all.iter().any(|file| announcements.belongs_to(path, file)));
    Ok(candidates)
}

fn matches(place: &dyn Place, pattern: &str) -> Result<Vec<Candidate>, SourceError> {
    let (mut whole, mut in_flight) = (Vec::new(), 0);
    for listed in place.list(pattern)? {
        let path = listed.path;
        let looked = listed.stamp.map_or_else(|| place.look(&path), |stamp| Ok(Some(stamp)));
        if is_in_flight(&path) {
            in_flight += u64::from(matches!(looked, Ok(Some(_))));
        } else if let Some(stamp) = looked.map_err(|error| place.unreadable(&path, error))? {
            whole.push((stamp, path));
        }
    }
    let missing = |ignored| SourceError::Missing { pattern: place.name(Path::new(pattern)), ignored };
    match (whole.is_empty(), in_flight) {
        (true, 0) => Err(missing(String::new())),
        (true, number) => Err(missing(format!(" ({number} still being written are passed over)"))),
        (false, _) => Ok(whole),
    }
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
pub fn digest(place: &dyn Place, path: &Path, seed: u64) -> std::io::Result<Option<Digested>> {
    let mut file = place.open(path)?;
    let before = file.stamp()?;
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
    let unchanged = file.stamp()? == before;
    Ok(unchanged.then(|| Digested {
        bytes: Fingerprint(hasher.digest128()),
        modified: before.changed,
        ends_line: is_line_end(last),
    }))
}

/// Whether a byte ends a line.
pub fn is_line_end(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}
