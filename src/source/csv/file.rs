//! Which file is read.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};
use xxhash_rust::xxh3::Xxh3;

use super::place::{Listed, Place, Stamp};
use super::proof::Announcements;
use super::{CsvOptions, SourceError, archive};
use crate::core::record::Fingerprint;

/// Names that a transfer gives to a file until it is whole.
const IN_FLIGHT: [&str; 12] = [
    ".partial",
    ".part",
    ".tmp",
    ".temp",
    ".filepart",
    ".crdownload",
    ".inprogress",
    ".writing",
    ".upload",
    ".swp",
    ".lck",
    "~",
];

/// How far the clocks of two systems may be apart.
const CLOCKS_APART: Duration = Duration::from_secs(300);

/// The file that is read.
#[derive(Debug)]
pub struct Found {
    /// The file.
    pub path: PathBuf,
    /// Its size and time of change.
    pub stamp: Stamp,
    /// A word on a newer one that is not done yet.
    pub passed_over: Option<String>,
}

/// How files looked some time ago: one that looks otherwise now is still being written.
pub type Looks = BTreeMap<PathBuf, Stamp>;

/// A file that may be meant: when it was changed, and its path.
pub type Candidate = (Stamp, PathBuf);

/// The file that is meant: of several the newest that is done, by time of change, then by name. Names in flight, markers and
/// control files are passed over, and so is what does not look as it did `before`, where that is given.
///
/// # Errors
/// Where there is none, or none is done, or one cannot be looked at: it could be the newest.
pub fn newest(place: &dyn Place, options: &CsvOptions, before: Option<&Looks>) -> Result<Found, SourceError> {
    let mut candidates = full(place, options)?;
    candidates
        .sort_by_cached_key(|(stamp, path)| Reverse((stamp.changed, archive::own_name(path), path.clone())));
    #[expect(
        clippy::disallowed_methods,
        reason = "what a file's time is compared with is the system's clock, as in the stamp itself"
    )]
    let latest = SystemTime::now() + CLOCKS_APART;
    // Every newer file would look older, for as long as that.
    if let [(stamp, path), _, ..] = candidates.as_slice()
        && stamp.changed > latest
    {
        let changed = DateTime::<Utc>::from(stamp.changed).to_rfc3339_opts(SecondsFormat::Secs, true);
        let reason = format!(
            "it was changed at {changed}, which is still to come, so nobody can tell which file is the newest; set the clock of the system \
             that writes it, and the file's time (touch)"
        );
        return Err(SourceError::Incomplete { file: place.name(path), reason });
    }
    let mut newest_unfinished: Option<(PathBuf, String)> = None;
    for (stamp, path) in candidates {
        let done = stable(&path, &stamp, before).and_then(|()| options.announcements.is_done(place, &path));
        match done {
            Ok(()) => {
                let passed_over = newest_unfinished.map(|(newer, reason)| {
                    format!("the newer file {} is passed over: {reason}", place.name(&newer))
                });
                return Ok(Found { path, stamp, passed_over });
            }
            Err(reason) => {
                newest_unfinished.get_or_insert((path, reason));
            }
        }
    }
    Err(match newest_unfinished {
        Some((path, reason)) => SourceError::Incomplete { file: place.name(&path), reason },
        None => SourceError::Missing {
            pattern: place.name(Path::new(&options.pattern)),
            ignored: passed_over(place, &options.pattern)?,
        },
    })
}

/// How everything looks that could be read.
///
/// # Errors
/// As of [`newest`].
pub fn looks(place: &dyn Place, options: &CsvOptions) -> Result<Looks, SourceError> {
    let mut looks = Looks::new();
    for pattern in
        [Some(&options.pattern), options.delta.as_ref().map(|delta| &delta.pattern)].into_iter().flatten()
    {
        let candidates = everything(place, options, pattern)?;
        looks.extend(candidates.into_iter().map(|(stamp, path)| (path, stamp)));
    }
    Ok(looks)
}

/// Whether a file looks as it did before.
///
/// # Errors
/// What changed, in words.
pub fn stable(path: &Path, now: &Stamp, before: Option<&Looks>) -> Result<(), String> {
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

/// Every full file, also of those that were archived. What the pattern of deltas means as well is none.
///
/// # Errors
/// Where that cannot be told.
fn full(place: &dyn Place, options: &CsvOptions) -> Result<Vec<Candidate>, SourceError> {
    let mut candidates = everything(place, options, &options.pattern)?;
    if let Some(delta) = &options.delta {
        drop_those(&mut candidates, everything(place, options, &delta.pattern)?);
    }
    Ok(candidates)
}

/// The same of those that were not.
///
/// # Errors
/// Where that cannot be told.
pub fn full_lying(place: &dyn Place, options: &CsvOptions) -> Result<Vec<Candidate>, SourceError> {
    let mut candidates = lying(place, &options.pattern, &options.announcements)?;
    if let Some(delta) = &options.delta {
        drop_those(&mut candidates, lying(place, &delta.pattern, &options.announcements)?);
    }
    Ok(candidates)
}

fn drop_those(candidates: &mut Vec<Candidate>, others: Vec<Candidate>) {
    let others: BTreeSet<PathBuf> = others.into_iter().map(|(_, path)| path).collect();
    candidates.retain(|(_, path)| !others.contains(path));
}

/// Every file that a path or pattern means, also of those that were archived, but those in flight and those that belong to
/// another.
///
/// # Errors
/// Where that cannot be told.
pub fn everything(
    place: &dyn Place,
    options: &CsvOptions,
    pattern: &str,
) -> Result<Vec<Candidate>, SourceError> {
    let mut candidates = lying(place, pattern, &options.announcements)?;
    if let Some(archive) = &options.archive {
        let mut archived = matches(place, &archive::pattern(pattern, archive))?;
        archived.retain(|(_, path)| archive::is_archived(path));
        drop_companions(&mut archived, &options.announcements);
        candidates.extend(archived);
    }
    Ok(candidates)
}

/// The same of those that were not.
///
/// # Errors
/// Where that cannot be told.
pub fn lying(
    place: &dyn Place,
    pattern: &str,
    announcements: &Announcements,
) -> Result<Vec<Candidate>, SourceError> {
    let path = Path::new(pattern);
    let mut candidates = match place.look(path).map_err(|error| place.unreadable(path, error))? {
        Some(stamp) => vec![(stamp, path.to_path_buf())],
        None => matches(place, pattern)?,
    };
    drop_companions(&mut candidates, announcements);
    Ok(candidates)
}

/// Drops the markers and control files of others among them.
fn drop_companions(candidates: &mut Vec<Candidate>, announcements: &Announcements) {
    let companions: BTreeSet<PathBuf> =
        candidates.iter().flat_map(|(_, path)| announcements.companions(path)).collect();
    candidates.retain(|(_, path)| !companions.contains(path));
}

fn matches(place: &dyn Place, pattern: &str) -> Result<Vec<Candidate>, SourceError> {
    let mut whole = Vec::new();
    for listed in place.list(pattern)?.into_iter().filter(|listed| !is_in_flight(&listed.path)) {
        let looked = listed.stamp.map_or_else(|| place.look(&listed.path), |stamp| Ok(Some(stamp)));
        if let Some(stamp) = looked.map_err(|error| place.unreadable(&listed.path, error))? {
            whole.push((stamp, listed.path));
        }
    }
    Ok(whole)
}

/// A word on what matches and is passed over: files in flight, and what is no file, such as a folder or a pipe.
fn passed_over(place: &dyn Place, pattern: &str) -> Result<String, SourceError> {
    let listed = place.list(pattern)?;
    let is_file = |one: &&Listed| one.stamp.is_some() || matches!(place.look(&one.path), Ok(Some(_)));
    let (files, others): (Vec<&Listed>, Vec<&Listed>) = listed.iter().partition(is_file);
    let in_flight = files.iter().filter(|listed| is_in_flight(&listed.path)).count();
    Ok(match (in_flight, others.len()) {
        (0, 0) => String::new(),
        (0, others) => format!(" ({others} that are no files are passed over)"),
        (in_flight, 0) => format!(" ({in_flight} still being written are passed over)"),
        (in_flight, others) => {
            format!(" ({in_flight} still being written, and {others} that are no files, are passed over)")
        }
    })
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

/// A time in milliseconds since 1970, as it is remembered.
pub fn millis(time: SystemTime) -> i64 {
    let since = |later: SystemTime, earlier| later.duration_since(earlier).ok();
    let whole = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    match since(time, UNIX_EPOCH) {
        Some(after) => whole(after),
        None => since(UNIX_EPOCH, time).map_or(0, |before| -whole(before)),
    }
}
