//! One file, from its first byte to the proof that the last one came.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use ::csv::{ByteRecord, Reader, ReaderBuilder};

use super::header::Header;
use super::place::Place;
use super::proof::Trailer;
use super::rows::Rows;
use super::sealed::{LONGEST_BYTES, SEAL, Sealed};
use super::{CsvOptions, SourceError};
use crate::config::Encoding;
use crate::core::header::HeaderNames;
use crate::core::record::{Columns, Fingerprint, RecordBatch};
use crate::core::source_file::SourceFile;

/// Reads one file on the calling thread. The answer is what is remembered of it, its header, and how many bytes it has.
///
/// # Errors
/// Where it cannot be read or does not prove itself complete.
pub fn read_file(
    place: &dyn Place,
    path: &Path,
    options: &CsvOptions,
    mut deliver: impl FnMut(RecordBatch) -> Result<(), SourceError>,
) -> Result<(SourceFile, HeaderNames, u64), SourceError> {
    let name = place.name(path);
    let unreadable = |source| place.unreadable(path, source);
    let incomplete = |reason: String| SourceError::Incomplete { file: name.clone(), reason };
    let mut file = place.open(path).map_err(unreadable)?;
    let before = file.stamp().map_err(unreadable)?;
    let mut reader = ReaderBuilder::new()
        .delimiter(options.delimiter)
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(128 * 1024)
        .from_reader(Sealed::new(file, options.seed, options.delimiter));
    let mut row = ByteRecord::new();
    // What the reader says of a line without an end is no fault of the disk's.
    let next = |reader: &mut Reader<Sealed<_>>, row: &mut ByteRecord, behind: u64| {
        let more = reader.read_byte_record(row);
        if reader.get_ref().is_endless() {
            let longest = LONGEST_BYTES / (1024 * 1024);
            return Err(incomplete(format!(
                "the row behind row {behind} is longer than {longest} MiB; look for a quote that nothing closes"
            )));
        }
        more.map_err(|error| unreadable(io_error(error)))
    };
    if !next(&mut reader, &mut row, 0)? || is_seal(&row) {
        return Err(incomplete("it is empty, not even a header is there".into()));
    }
    if options.encoding != Encoding::Utf8 && reader.get_ref().had_bom() {
        return Err(incomplete("it begins with the mark of UTF-8; set source.encoding to utf-8".into()));
    }
    let columns = Columns::new(options.columns.keys().map(String::as_str));
    let header = Header::read(&row, &name, options, &columns)?;
    let mut rows = Rows::new(header, options, columns);
    let mut batch = rows.batch();
    let mut sealed = false;
    let mut trailer = Trailer::default();
    while next(&mut reader, &mut row, rows.number)? {
        if is_seal(&row) {
            sealed = true;
            break;
        }
        let end = reader.position().byte();
        let swallows = reader.get_mut().stray_quote_before(end);
        if trailer.has_come() {
            return Err(incomplete("rows stand behind its trailer (source.trailer)".into()));
        }
        if !swallows && options.announcements.is_trailer(&row) {
            trailer.came(&row, rows.number);
            continue;
        }
        rows.take(&row, swallows, &mut batch).map_err(incomplete)?;
        if batch.is_full() {
            deliver(std::mem::replace(&mut batch, rows.batch()))
                .map_err(|error| error.while_reading(&name))?;
        }
    }
    if !sealed {
        return Err(incomplete(format!("it ends inside a quoted field (row {})", rows.number)));
    }
    // What came is shown to whoever looks at the source, also where it does not count.
    deliver(batch).map_err(|error| error.while_reading(&name))?;
    let control = options.announcements.control_count(place, path)?;
    rows.check_end(&trailer, control).map_err(incomplete)?;
    let read = reader.get_ref().bytes_read();
    let after = reader.get_mut().inner().stamp().map_err(unreadable)?;
    if after != before || read != before.bytes {
        return Err(incomplete(
            "it changed while it was read; let the export write another name and rename it".into(),
        ));
    }
    // Another file may have taken the name before this one was opened.
    options.announcements.is_done(place, path).map_err(incomplete)?;
    let sealed = reader.get_ref();
    let digest = options.announcements.seal(sealed.digest(), control, options.min_records);
    let file = source_file(name, options, digest, before.changed, sealed.ends_line());
    Ok((file, rows.header.names, read))
}

fn is_seal(row: &ByteRecord) -> bool {
    row.len() == 1 && row.get(0) == Some(SEAL)
}

/// The error below a parser's.
fn io_error(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// What is remembered of a file. Where a trailer proves its end, nobody asks for a line end.
pub fn source_file(
    name: String,
    options: &CsvOptions,
    digest: Fingerprint,
    modified: SystemTime,
    ends_line: bool,
) -> SourceFile {
    SourceFile {
        name,
        digest: Some(digest.to_hex()),
        modified: Some(modified.into()),
        ends_line: options.announcements.trailer.is_none().then_some(ends_line),
    }
}
