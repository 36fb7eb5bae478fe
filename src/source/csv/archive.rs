//! Files that were read and put away. They are still found there, so that a run without a new file reads the newest of them.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, NaiveDateTime, Utc};

use super::cursor::Cursor;
use super::place::Place;
use super::{CsvOptions, SourceEnd, SourceError, delta, file};

/// What stands between a file's own name and the time of its last change, which keeps two of one name apart.
const MARK: &str = ".archived-";
const TIME: &str = "%Y%m%dT%H%M%SZ";
/// That time as a pattern.
const ANY_TIME: &str = "????????T??????Z";

/// What means the archived ones of a pattern's files. `archive` counts from where they lie.
pub fn pattern(of: &str, archive: &str) -> String {
    let path = Path::new(of);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let archived = path.with_file_name(archive).join(format!("{name}{MARK}{ANY_TIME}"));
    archived.to_string_lossy().into_owned()
}

/// A file's own name, and what archiving put behind it.
pub fn parts(name: &str) -> (&str, &str) {
    match name.rfind(MARK) {
        Some(at) if NaiveDateTime::parse_from_str(&name[at + MARK.len()..], TIME).is_ok() => {
            name.split_at(at)
        }
        _ => (name, ""),
    }
}

/// The name that a file had when it came.
pub fn own_name(path: &Path) -> String {
    parts(&path.file_name().unwrap_or_default().to_string_lossy()).0.to_owned()
}

/// Whether a file lies in the archive.
pub fn is_archived(path: &Path) -> bool {
    !parts(&path.file_name().unwrap_or_default().to_string_lossy()).1.is_empty()
}

/// Puts away what was read, and what it took the place of. Whatever came or changed since stays.
///
/// # Errors
/// The first file that cannot be put away; the others are.
pub fn put_away(place: &dyn Place, options: &CsvOptions, end: &SourceEnd) -> Result<(), SourceError> {
    let Some(archive) = &options.archive else { return Ok(()) };
    let cursor = end.cursor.as_deref().and_then(Cursor::parse);
    let newest_ms = end.file.modified.map_or(i64::MIN, |modified| modified.timestamp_millis());
    let mut result = Ok(());
    for (stamp, path) in file::full_lying(place, options)? {
        let changed_ms = file::millis(stamp.changed);
        let was_read = match &cursor {
            Some(cursor) => {
                (changed_ms, own_name(&path)) <= (cursor.full.changed_ms, cursor.full.name.clone())
            }
            None => (changed_ms, place.name(&path)) <= (newest_ms, end.file.name.clone()),
        };
        if was_read && options.announcements.is_done(place, &path).is_ok() {
            result = result.and(move_all(place, options, &path, stamp.changed, archive));
        }
    }
    if let (Some(cursor), Some(rules)) = (&cursor, &options.delta) {
        for found in delta::lying(place, options, rules)?.iter().filter(|found| cursor.has_read(found)) {
            result = result.and(move_all(place, options, &found.path, found.stamp.changed, archive));
        }
    }
    result
}

/// Puts a file away together with its marker and its control file.
fn move_all(
    place: &dyn Place,
    options: &CsvOptions,
    path: &Path,
    changed: SystemTime,
    archive: &str,
) -> Result<(), SourceError> {
    let ending = format!("{MARK}{}", DateTime::<Utc>::from(changed).format(TIME));
    let companions = options.announcements.companions(path);
    move_one(place, path, archive, &ending)?;
    for companion in companions {
        if matches!(place.look(&companion), Ok(Some(_))) {
            move_one(place, &companion, archive, &ending)?;
        }
    }
    Ok(())
}

fn move_one(place: &dyn Place, path: &Path, archive: &str, ending: &str) -> Result<(), SourceError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let to: PathBuf = path.with_file_name(archive).join(format!("{name}{ending}"));
    // What lies there is not written over, whatever the server would do.
    let moved = match place.look(&to) {
        Ok(None) => place.rename(path, &to),
        Ok(Some(_)) => Err(io::Error::from(ErrorKind::AlreadyExists)),
        Err(error) => Err(error),
    };
    moved.map_err(|source| SourceError::NotArchived { file: place.name(path), to: place.name(&to), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archived_name_tells_the_files_own_and_matches_the_archives_pattern() {
        assert_eq!(pattern("hr/e*.csv", "old"), "hr/old/e*.csv.archived-????????T??????Z");
        assert_eq!(pattern("e.csv", "/old"), "/old/e.csv.archived-????????T??????Z");
        let archived = "e-1.csv.archived-20261124T190000Z";
        assert!(glob::Pattern::new("e*.csv.archived-????????T??????Z").unwrap().matches(archived));
        assert_eq!(parts(archived), ("e-1.csv", ".archived-20261124T190000Z"));
        for plain in ["e-1.csv", "e.archived-later", "e.csv.20261124T190000Z"] {
            assert_eq!(parts(plain), (plain, ""));
        }
    }
}
