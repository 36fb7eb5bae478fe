//! A full file, and behind it delta files that say who changed and who is gone. They are read in the order of their names,
//! and none is skipped.

use std::cmp::Ordering;
use std::path::PathBuf;

use chrono::DateTime;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::cursor::{Cursor, FullFile};
use super::file::{self, Found, Looks, millis};
use super::place::{Place, Stamp};
use super::read::read_file;
use super::{CsvOptions, SourceEnd, SourceError, archive, header};
use crate::core::record::{Columns, Fingerprint, RecordBatch};
use crate::core::source_file::SourceFile;
use crate::source::Extent;
use crate::source::words::{ACTION, Words};

/// With more bytes than this the rest of the deltas waits for the next read: they are held in memory.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// A single delta that is larger than this is none.
const MOST_BYTES_OF_ONE: u64 = 256 * 1024 * 1024;

/// How delta files are found and read.
#[derive(Clone, Debug)]
pub struct DeltaOptions {
    /// Of them, which is another than that of the full file.
    pub pattern: String,
    /// The header of the column that says what happened.
    pub action_column: String,
    /// What it says of somebody who is gone, regardless of case. Anything else: they are as the row says.
    pub delete_values: Vec<String>,
    /// Whether the last number in a file's name counts up by one.
    pub numbered: bool,
}

/// A delta file's place among the others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Order {
    /// The last number in its name where they are numbered; otherwise 0.
    pub number: u64,
    /// Its own name.
    pub name: String,
}

/// A delta file.
#[derive(Clone, Debug)]
pub struct DeltaFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its size and time of change.
    pub stamp: Stamp,
    /// Its place.
    pub order: Order,
}

/// Delta files that have not been archived.
///
/// # Errors
/// Where that cannot be told.
pub fn lying(
    place: &dyn Place,
    options: &CsvOptions,
    delta: &DeltaOptions,
) -> Result<Vec<DeltaFile>, SourceError> {
    Ok(in_order(file::lying(place, &delta.pattern, &options.announcements)?, delta))
}

fn in_order(files: Vec<(Stamp, PathBuf)>, delta: &DeltaOptions) -> Vec<DeltaFile> {
    let to_delta = |(stamp, path): (Stamp, PathBuf)| {
        let name = archive::own_name(&path);
        let number = if delta.numbered { last_number(&name).unwrap_or_default() } else { 0 };
        DeltaFile { path, stamp, order: Order { number, name } }
    };
    let mut files: Vec<DeltaFile> = files.into_iter().map(to_delta).collect();
    files.sort_by(|one, other| (&one.order, one.stamp.changed).cmp(&(&other.order, other.stamp.changed)));
    files
}

fn last_number(name: &str) -> Option<u64> {
    let end = name.rfind(|c: char| c.is_ascii_digit())? + 1;
    let start = name[..end].trim_end_matches(|c: char| c.is_ascii_digit()).len();
    name[start..end].parse().ok()
}

/// Reads what came behind `since`: deltas alone, or where there is a newer full file, or no `since`, that and the deltas
/// behind it.
///
/// # Errors
/// Where one of the files cannot be read or does not prove itself complete.
pub fn read(
    place: &dyn Place,
    options: &CsvOptions,
    delta: &DeltaOptions,
    since: Option<&str>,
    before: Option<&Looks>,
    mut deliver: impl FnMut(RecordBatch) -> Result<(), SourceError>,
) -> Result<SourceEnd, SourceError> {
    let cursor = since.and_then(Cursor::parse);
    let mut told = Vec::new();
    let full = match (&cursor, file::newest(place, options, before)) {
        (Some(_), Err(SourceError::Missing { .. })) => None,
        (Some(_), Err(error @ SourceError::Incomplete { .. })) => {
            told.push(error.to_string());
            None
        }
        (_, Err(error)) => return Err(error),
        (Some(cursor), Ok(found)) if !is_newer(&found, &cursor.full) => None,
        (_, Ok(found)) => Some(found),
    };
    let deltas = in_order(file::everything(place, options, &delta.pattern)?, delta);
    let mut reading = Reading::begin(place, options, delta, cursor.as_ref(), full.as_ref(), &deltas);
    reading.take_all(&deltas, before)?;
    told.append(&mut reading.told);
    let mut end = match (full, cursor) {
        (Some(found), _) => {
            let words = &reading.words;
            let (file, header) =
                read_file(place, &found.path, options, |batch| deliver(words.without_theirs(batch)))?;
            told.extend(found.passed_over);
            let full = FullFile {
                name: archive::own_name(&found.path),
                changed_ms: millis(found.stamp.changed),
                bytes: found.stamp.bytes,
                ends_line: file.ends_line,
            };
            let coverage = header::coverage(&header, options);
            reading.end(SourceEnd { file, header, coverage, ..SourceEnd::default() }, full)
        }
        (None, Some(cursor)) => {
            let name = cursor.delta.as_ref().map_or(&cursor.full.name, |delta| &delta.name).clone();
            let file = SourceFile { name, ends_line: cursor.full.ends_line, ..SourceFile::default() };
            reading.end(SourceEnd { file, extent: Extent::Delta, ..SourceEnd::default() }, cursor.full)
        }
        (None, None) => unreachable!("without a cursor there is a full file, or an error"),
    };
    end.passed_over = (!told.is_empty()).then(|| told.join("; "));
    let rest = reading.words.into_batches().into_iter().try_for_each(deliver);
    rest.map_err(|error| error.while_reading(&end.file.name))?;
    Ok(end)
}

/// Whether what was read behind `known` is in a read of everybody as well: by a full file that is newer than it, or by the very deltas.
///
/// # Errors
/// Where it is not: whoever changed by a delta would be again as they were before.
pub fn may_follow(end: &SourceEnd, known: &str) -> Result<(), SourceError> {
    let now = end.cursor.as_deref().and_then(Cursor::parse);
    let (Some(known), Some(now), Extent::Snapshot) = (Cursor::parse(known), now, end.extent) else {
        return Ok(());
    };
    let incomplete = |reason| Err(SourceError::Incomplete { file: now.full.name.clone(), reason });
    let mend = "put a newer full file there (source.path)";
    if now.full.changed_ms < known.full.changed_ms {
        let newest = known.full.name;
        return incomplete(format!("it is older than {newest}, which was read already; {mend}"));
    }
    match known.delta {
        Some(delta) if now.full.changed_ms < known.newest_ms && !end.deltas.contains(&delta.name) => {
            incomplete(format!(
                "it is older than deltas that were read behind it up to {}, and those are not there any more; {mend}, or put them \
                 back",
                delta.name
            ))
        }
        _ => Ok(()),
    }
}

/// SFTP tells whole seconds, so a file may be replaced without another time of change; another size gives that away.
fn is_newer(found: &Found, than: &FullFile) -> bool {
    let (changed_ms, name) = (millis(found.stamp.changed), archive::own_name(&found.path));
    match (changed_ms, &name).cmp(&(than.changed_ms, &than.name)) {
        Ordering::Greater => true,
        Ordering::Equal => than.bytes != found.stamp.bytes,
        Ordering::Less => false,
    }
}

/// Delta files as they are taken, one behind the other.
struct Reading<'a> {
    place: &'a dyn Place,
    rules: &'a DeltaOptions,
    /// How a delta is read: with a column more, and it may be empty.
    options: CsvOptions,
    words: Words,
    /// The own names of those that were taken.
    taken: Vec<String>,
    /// Up to where they have been read.
    last: Option<Order>,
    newest_ms: i64,
    ends_line: Option<bool>,
    bytes: u64,
    digest: Xxh3,
    newest_name: Option<String>,
    told: Vec<String>,
}

impl<'a> Reading<'a> {
    fn begin(
        place: &'a dyn Place,
        options: &CsvOptions,
        rules: &'a DeltaOptions,
        cursor: Option<&Cursor>,
        full: Option<&Found>,
        deltas: &[DeltaFile],
    ) -> Self {
        let (last, newest_ms) = match (full, cursor) {
            (Some(full), _) => {
                // Whatever was changed before the full file, up to the first that was not, is in it.
                let held = deltas.iter().take_while(|delta| delta.stamp.changed < full.stamp.changed);
                (held.last().map(|delta| delta.order.clone()), millis(full.stamp.changed))
            }
            (None, Some(cursor)) => (cursor.delta.clone(), cursor.newest_ms),
            (None, None) => (None, i64::MIN),
        };
        let words = Words::new(Columns::new(options.columns.keys().map(String::as_str)), options.seed);
        let mut options = options.clone();
        options.columns.insert(ACTION.to_owned(), rules.action_column.clone());
        options.min_records = 0;
        Self {
            place,
            rules,
            options,
            words,
            taken: Vec::new(),
            last,
            newest_ms,
            ends_line: cursor.and_then(|cursor| cursor.delta_ends_line),
            bytes: 0,
            digest: Xxh3::new(),
            newest_name: None,
            told: Vec::new(),
        }
    }

    /// Takes every delta that is new, in order, up to one that is missing or not there yet.
    fn take_all(&mut self, deltas: &[DeltaFile], before: Option<&Looks>) -> Result<(), SourceError> {
        let (begun_ms, last) = (self.newest_ms, self.last.clone());
        let (behind, ahead): (Vec<_>, Vec<_>) =
            deltas.iter().partition(|delta| last.as_ref().is_some_and(|last| delta.order <= *last));
        for late in behind.iter().filter(|delta| millis(delta.stamp.changed) > begun_ms) {
            self.told.push(format!(
                "{} came or was changed behind its turn and is not read; a newer full file (source.path) heals that",
                self.place.name(&late.path)
            ));
        }
        for (at, delta) in ahead.iter().enumerate() {
            if let Some(reason) = self.waits(delta, before) {
                self.told.push(format!("{} delta files wait: {reason}", ahead.len() - at));
                break;
            }
            self.take(delta)?;
        }
        Ok(())
    }

    /// Why a delta cannot be read yet, and so none behind it.
    fn waits(&self, delta: &DeltaFile, before: Option<&Looks>) -> Option<String> {
        let name = self.place.name(&delta.path);
        if let Some(last) = self.last.as_ref().filter(|_| self.rules.numbered)
            && delta.order.number > last.number.saturating_add(1)
        {
            let missing = last.number + 1;
            return Some(format!(
                "number {missing} is missing before {name}; put it there, or a newer full file"
            ));
        }
        if self.bytes > MOST_BYTES {
            return Some(format!("{name} is read the next time, for those before it are large"));
        }
        let done = file::stable(&delta.path, &delta.stamp, before)
            .and_then(|()| self.options.announcements.is_done(self.place, &delta.path));
        done.err().map(|reason| format!("{name}: {reason}"))
    }

    fn take(&mut self, delta: &DeltaFile) -> Result<(), SourceError> {
        let name = self.place.name(&delta.path);
        let incomplete = |reason| SourceError::Incomplete { file: name.clone(), reason };
        if delta.stamp.bytes > MOST_BYTES_OF_ONE {
            let most = MOST_BYTES_OF_ONE / 1024 / 1024;
            return Err(incomplete(format!(
                "it is larger than {most} MiB; let the export write a full file instead"
            )));
        }
        let (words, rules) = (&mut self.words, self.rules);
        let (file, _) = read_file(self.place, &delta.path, &self.options, |batch| {
            words.take(batch, &rules.delete_values, &delta.order.name).map_err(incomplete)
        })?;
        // The same rule as between full files, for the line end alone.
        let alone =
            |ends_line| SourceFile { name: "the delta before".into(), ends_line, ..SourceFile::default() };
        alone(file.ends_line).after(Some(&alone(self.ends_line))).map_err(incomplete)?;
        self.bytes += delta.stamp.bytes;
        self.last = Some(delta.order.clone());
        self.taken.push(delta.order.name.clone());
        self.newest_ms = self.newest_ms.max(millis(delta.stamp.changed));
        self.ends_line = file.ends_line;
        self.digest.update(file.digest.unwrap_or_default().as_bytes());
        self.newest_name = Some(name);
        Ok(())
    }

    /// What is remembered of a read that goes back to this full file.
    fn end(&self, mut end: SourceEnd, full: FullFile) -> SourceEnd {
        if let Some(name) = &self.newest_name {
            if end.extent == Extent::Delta {
                end.file.name.clone_from(name);
            }
            let mut digest = self.digest.clone();
            digest.update(end.file.digest.unwrap_or_default().as_bytes());
            end.file.digest = Some(Fingerprint(digest.digest128()).to_hex());
        }
        end.deltas.clone_from(&self.taken);
        end.file.modified = DateTime::from_timestamp_millis(self.newest_ms);
        let (delta, newest_ms, delta_ends_line) = (self.last.clone(), self.newest_ms, self.ends_line);
        end.cursor = Some(Cursor { full, delta, newest_ms, delta_ends_line }.to_text());
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_of_a_name_is_its_number() {
        assert_eq!(last_number("delta-2026-0007.csv"), Some(7));
        assert_eq!(last_number("7"), Some(7));
        assert_eq!(last_number("delta.csv"), None);
    }
}
