//! A full file, and behind it delta files that say who changed and who is gone. They are read in the order of their names,
//! and none is skipped.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::DateTime;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::cursor::{Cursor, FullFile};
use super::file::{self, Found, Looks, millis};
use super::place::{Place, Stamp};
use super::read::read_file;
use super::{CsvOptions, SourceEnd, SourceError, archive, header};
use crate::core::happened::ActionWords;
use crate::core::record::{Columns, Fingerprint, RecordBatch};
use crate::core::source_file::SourceFile;
use crate::core::warnings::some_of;
use crate::source::Extent;
use crate::source::words::{ACTION, Words};

/// With more bytes than this the rest of the deltas waits for the next read: they are held in memory. A read of everybody takes them
/// all, for of those that were read before none may be missing; of each person one word is held.
const MOST_BYTES: u64 = if cfg!(test) { 64 * 1024 } else { 64 * 1024 * 1024 };
/// A single delta that is larger than this is none.
const MOST_BYTES_OF_ONE: u64 = 256 * 1024 * 1024;

/// How delta files are found and read.
#[derive(Clone, Debug)]
pub struct DeltaOptions {
    /// Of them, which is another than that of the full file.
    pub pattern: String,
    /// The header of the column that says what happened.
    pub action_column: String,
    /// What it says then.
    pub actions: ActionWords,
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
    let mut end = match full {
        Some(found) => {
            let words = &reading.words;
            let (file, header, bytes) =
                read_file(place, &found.path, options, |batch| deliver(words.without_theirs(batch)))?;
            told.extend(found.passed_over);
            reading.state.full.ends_line = file.ends_line;
            let coverage = header::coverage(&header, options);
            reading.end(SourceEnd { file, header, bytes: Some(bytes), coverage, ..SourceEnd::default() })
        }
        None => {
            let Cursor { full, delta, .. } = &reading.state;
            let name = delta.as_ref().map_or(&full.name, |delta| &delta.name).clone();
            let file = SourceFile { name, ends_line: full.ends_line, ..SourceFile::default() };
            reading.end(SourceEnd { file, extent: Extent::Delta, ..SourceEnd::default() })
        }
    };
    end.held_up = !told.is_empty();
    end.passed_over = (!told.is_empty()).then(|| told.join("; "));
    let rest = reading.words.into_batches().into_iter().try_for_each(deliver);
    rest.map_err(|error| error.while_reading(&end.file.name))?;
    Ok(end)
}

/// Whether what was read behind `known` is in a read of everybody as well, each delta by itself or by a full file that is newer than
/// it, and nothing that a full file has overtaken.
///
/// # Errors
/// Where it is not: whoever changed by a delta would be again as they were before.
pub fn may_follow(end: &SourceEnd, known: &str) -> Result<(), SourceError> {
    let now = end.cursor.as_deref().and_then(Cursor::parse);
    let (Some(known), Some(now), Extent::Snapshot) = (Cursor::parse(known), now, end.extent) else {
        return Ok(());
    };
    let taken = now.read.clone().unwrap_or_default();
    let incomplete = |reason| Err(SourceError::Incomplete { file: now.full.name.clone(), reason });
    let mend = "put a newer full file there (source.path)";
    if now.full.changed_ms < known.full.changed_ms {
        let newest = known.full.name;
        return incomplete(format!("it is older than {newest}, which was read already; {mend}"));
    }
    let full_ms = now.full.changed_ms;
    // Of a cursor that does not note them all the last one stands for them.
    let last = known.delta.as_ref().filter(|_| known.read.is_none() && full_ms < known.newest_ms);
    let needed = known.needed_behind(full_ms).chain(last.map(|last| &last.name));
    let lost: Vec<String> = needed.filter(|name| !taken.contains_key(*name)).cloned().collect();
    if !lost.is_empty() {
        return incomplete(format!(
            "it is older than deltas that were read behind it, and some of them are not there any more, or look older now ({}); \
             {mend}, or put them back",
            some_of(&lost)
        ));
    }
    let overtaken = taken.into_keys().find(|name| known.knows_held(name, full_ms));
    match overtaken {
        Some(name) => incomplete(format!(
            "{name}, which a full file held already, was changed since, as by a copy, so that what it says may be out of \
             date; {mend}, or take {name} away"
        )),
        None => Ok(()),
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
    /// Up to where they have been read.
    state: Cursor,
    is_whole: bool,
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
        let state = match (full, cursor) {
            (Some(full), cursor) => {
                let full = full_file(full);
                // Whatever was changed before the full file is in it, also where it was touched since it was read.
                let is_held = |delta: &&DeltaFile| {
                    let knows = |cursor: &Cursor| cursor.knows_held(&delta.order.name, full.changed_ms);
                    millis(delta.stamp.changed) < full.changed_ms || cursor.is_some_and(knows)
                };
                let held = || deltas.iter().filter(is_held).map(|delta| &delta.order);
                Cursor {
                    delta: held().max().cloned(),
                    newest_ms: full.changed_ms,
                    delta_ends_line: cursor.and_then(|cursor| cursor.delta_ends_line),
                    held: held().map(|order| order.name.clone()).collect(),
                    read: Some(BTreeMap::new()),
                    full,
                }
            }
            (None, Some(cursor)) => Cursor { read: Some(cursor.read_among(deltas)), ..cursor.clone() },
            (None, None) => unreachable!("without a cursor there is a full file, or an error"),
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
            state,
            is_whole: full.is_some(),
            bytes: 0,
            digest: Xxh3::new(),
            newest_name: None,
            told: Vec::new(),
        }
    }

    /// Takes every delta that is new, in order, up to one that is missing or not there yet.
    fn take_all(&mut self, deltas: &[DeltaFile], before: Option<&Looks>) -> Result<(), SourceError> {
        let last = self.state.delta.clone();
        let (behind, ahead): (Vec<_>, Vec<_>) =
            deltas.iter().partition(|delta| last.as_ref().is_some_and(|last| delta.order <= *last));
        for late in behind.iter().filter(|delta| !self.state.has_read(delta)) {
            self.told.push(format!(
                "{} came or was changed behind its turn and is not read; a newer full file (source.path) heals that, or take \
                 it away",
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
        if let Some(last) = self.state.delta.as_ref().filter(|_| self.rules.numbered)
            && delta.order.number > last.number.saturating_add(1)
        {
            let missing = last.number + 1;
            return Some(format!(
                "number {missing} is missing before {name}; put it there, or a newer full file"
            ));
        }
        if self.bytes > MOST_BYTES && !self.is_whole {
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
        let (file, _, _) = read_file(self.place, &delta.path, &self.options, |batch| {
            words.take(batch, &rules.actions, &delta.order.name).map_err(incomplete)
        })?;
        // The same rule as between full files, for the line end alone. Before the first delta, the full file shows how the export ends.
        let alone =
            |name: &str, ends_line| SourceFile { name: name.into(), ends_line, ..SourceFile::default() };
        let before = match self.state.delta_ends_line {
            Some(ends_line) => alone("the delta before", Some(ends_line)),
            None => alone(&self.state.full.name, self.state.full.ends_line),
        };
        alone("", file.ends_line).after(Some(&before)).map_err(incomplete)?;
        self.bytes += delta.stamp.bytes;
        let changed_ms = millis(delta.stamp.changed);
        let behind_ms = changed_ms.max(self.state.full.changed_ms);
        self.state.read.get_or_insert_default().insert(delta.order.name.clone(), behind_ms);
        self.state.delta = Some(delta.order.clone());
        self.state.newest_ms = self.state.newest_ms.max(changed_ms);
        self.state.delta_ends_line = file.ends_line;
        self.digest.update(file.digest.unwrap_or_default().as_bytes());
        self.newest_name = Some(name);
        Ok(())
    }

    /// What is remembered of a read.
    fn end(&self, mut end: SourceEnd) -> SourceEnd {
        if let Some(name) = &self.newest_name {
            if end.extent == Extent::Delta {
                end.file.name.clone_from(name);
            }
            let mut digest = self.digest.clone();
            digest.update(end.file.digest.unwrap_or_default().as_bytes());
            end.file.digest = Some(Fingerprint(digest.digest128()).to_hex());
        }
        end.bytes = Some(end.bytes.unwrap_or(0) + self.bytes);
        end.file.modified = DateTime::from_timestamp_millis(self.state.newest_ms);
        end.cursor = Some(self.state.to_text());
        end
    }
}

/// What is remembered of a full file before its end is known.
fn full_file(found: &Found) -> FullFile {
    FullFile {
        name: archive::own_name(&found.path),
        changed_ms: millis(found.stamp.changed),
        bytes: found.stamp.bytes,
        ends_line: None,
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
