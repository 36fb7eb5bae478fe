//! A file of comma-separated values with a header: the whole of the company, every time.

mod file;
mod header;
mod proof;
mod quotes;
mod sealed;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use ::csv::{ByteRecord, ReaderBuilder};
use encoding_rs::WINDOWS_1252;
use tokio::sync::mpsc;

use self::file::Found;
use self::header::Header;
use self::proof::Trailer;
use self::sealed::{SEAL, Sealed};
use super::{HrSource, SourceDigest, SourceEnd, SourceError};
use crate::config::Encoding;
use crate::core::header::HeaderNames;
use crate::core::planted::{self, Fault};
use crate::core::record::{Columns, Fingerprint, MAX_ID_BYTES, RecordBatch, Rejection, RejectionKind};
use crate::core::source_file::SourceFile;
use crate::core::value::canonical;

pub use self::proof::Announcements;

/// Rows in one batch.
const BATCH: usize = 512;
/// How many rejected rows one read spells out; behind that the file is not what it is taken for.
const MAX_REJECTIONS: usize = 100_000;

/// How a CSV file is found and read.
#[derive(Clone, Debug)]
pub struct CsvOptions {
    /// A path, or a pattern of which the newest match is read.
    pub pattern: String,
    /// What separates fields.
    pub delimiter: u8,
    /// How bytes become text.
    pub encoding: Encoding,
    /// With fewer rows than this the file counts as incomplete.
    pub min_records: u64,
    /// What it announces of itself.
    pub announcements: Announcements,
    /// Our name = their header.
    pub columns: BTreeMap<String, String>,
    /// The configuration's fingerprint, which goes into every record's.
    pub seed: u64,
}

/// The source.
#[derive(Clone, Debug)]
pub struct CsvSource {
    options: Arc<CsvOptions>,
}

impl CsvSource {
    /// A source with these options.
    pub fn new(options: CsvOptions) -> Self {
        Self { options: Arc::new(options) }
    }
}

impl HrSource for CsvSource {
    async fn digest(&self) -> Result<Option<SourceDigest>, SourceError> {
        let options = Arc::clone(&self.options);
        let reading = tokio::task::spawn_blocking(move || {
            let Found { path, passed_over } = file::newest(&options.pattern, &options.announcements)?;
            let unreadable = |source| SourceError::Unreadable { file: path.display().to_string(), source };
            let Some(read) = file::digest(&path, options.seed).map_err(unreadable)? else { return Ok(None) };
            let control = options.announcements.control_count(&path)?;
            let digest = options.announcements.seal(read.bytes, control, options.min_records);
            let file = source_file(&path, &options, digest, read.modified, read.ends_line);
            Ok(Some(SourceDigest { file, passed_over }))
        });
        reading.await.unwrap_or(Err(SourceError::Stopped))
    }

    async fn read(
        &self,
        _since: Option<String>,
        batches: mpsc::Sender<RecordBatch>,
    ) -> Result<SourceEnd, SourceError> {
        let options = Arc::clone(&self.options);
        let reading = tokio::task::spawn_blocking(move || {
            let Found { path, passed_over } = file::newest(&options.pattern, &options.announcements)?;
            let (file, header) = read_file(&path, &options, |batch| {
                batches.blocking_send(batch).map_err(|_| SourceError::Stopped)
            })?;
            Ok(SourceEnd { file, header, passed_over, ..SourceEnd::default() })
        });
        reading.await.unwrap_or(Err(SourceError::Stopped))
    }
}

/// What is remembered of a file. Where a trailer proves its end, nobody asks for a line end.
fn source_file(
    path: &Path,
    options: &CsvOptions,
    digest: Fingerprint,
    modified: SystemTime,
    ends_line: bool,
) -> SourceFile {
    SourceFile {
        name: path.display().to_string(),
        digest: Some(digest.to_hex()),
        modified: Some(modified.into()),
        ends_line: options.announcements.trailer.is_none().then_some(ends_line),
    }
}

/// Reads one file on the calling thread. The answer is what is remembered of it, and its header.
fn read_file(
    path: &Path,
    options: &CsvOptions,
    mut deliver: impl FnMut(RecordBatch) -> Result<(), SourceError>,
) -> Result<(SourceFile, HeaderNames), SourceError> {
    let name = path.display().to_string();
    let unreadable = |source| SourceError::Unreadable { file: name.clone(), source };
    let incomplete = |reason: String| SourceError::Incomplete { file: name.clone(), reason };
    let file = File::open(path).map_err(unreadable)?;
    let before = file::Stamp::of(&file).map_err(unreadable)?;
    let mut reader = ReaderBuilder::new()
        .delimiter(options.delimiter)
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(128 * 1024)
        .from_reader(Sealed::new(&file, options.seed, options.delimiter));
    let fail = |error: ::csv::Error| unreadable(std::io::Error::other(error));
    let mut row = ByteRecord::new();
    if !reader.read_byte_record(&mut row).map_err(fail)? || is_seal(&row) {
        return Err(incomplete("it is empty, not even a header is there".into()));
    }
    let columns = Columns::new(options.columns.keys().map(String::as_str));
    let header = Header::read(&row, &name, options, &columns)?;
    let mut rows = Rows { header, options, columns, number: 0, short: None, rejections: 0 };
    let mut batch = rows.batch();
    let mut sealed = false;
    let mut trailer = Trailer::default();
    while reader.read_byte_record(&mut row).map_err(fail)? {
        if is_seal(&row) {
            sealed = true;
            break;
        }
        let next = reader.position().byte();
        let swallows = reader.get_mut().stray_quote_before(next);
        if trailer.has_come() {
            return Err(incomplete("rows stand behind its trailer (source.trailer)".into()));
        }
        if !swallows && options.announcements.is_trailer(&row) {
            trailer.came(&row, rows.number);
            continue;
        }
        rows.take(&row, swallows, &mut batch).map_err(incomplete)?;
        if batch.len() >= BATCH {
            deliver(std::mem::replace(&mut batch, rows.batch()))?;
        }
    }
    if !sealed {
        return Err(incomplete(format!("it ends inside a quoted field (row {})", rows.number)));
    }
    let control = options.announcements.control_count(path)?;
    rows.check_end(&trailer, control).map_err(incomplete)?;
    let read = reader.get_ref().bytes_read();
    if file::Stamp::of(&file).map_err(unreadable)? != before || read != before.bytes() {
        return Err(incomplete(
            "it changed while it was read; let the export write another name and rename it".into(),
        ));
    }
    // Another file may have taken the name before this one was opened.
    options.announcements.is_done(path).map_err(incomplete)?;
    deliver(batch)?;
    let sealed = reader.get_ref();
    let digest = options.announcements.seal(sealed.digest(), control, options.min_records);
    Ok((source_file(path, options, digest, before.modified(), sealed.ends_line()), rows.header.names))
}

fn is_seal(row: &ByteRecord) -> bool {
    row.len() == 1 && row.get(0) == Some(SEAL)
}

/// Why a row is no record.
struct Refused {
    employee_id: Option<String>,
    kind: RejectionKind,
    reason: String,
}

impl Refused {
    fn new(employee_id: Option<String>, kind: RejectionKind, reason: impl Into<String>) -> Self {
        Self { employee_id, kind, reason: reason.into() }
    }

    /// Nobody can say whose rows are in it, so it is nobody's: while there is such a row, absence proves nothing.
    fn swallows() -> Self {
        let reason = "has a quoted value over several lines with text behind its closing quote, so rows below it may be inside; \
                      look for a stray quote in it and double it";
        Self::new(None, RejectionKind::StrayQuote, reason)
    }
}

/// Makes records out of rows.
struct Rows<'a> {
    header: Header,
    options: &'a CsvOptions,
    columns: Arc<Columns>,
    number: u64,
    /// How many fields the newest row has, if it has too few.
    short: Option<usize>,
    rejections: usize,
}

impl Rows<'_> {
    fn batch(&self) -> RecordBatch {
        RecordBatch::new(Arc::clone(&self.columns), self.options.seed)
    }

    fn take(&mut self, row: &ByteRecord, swallows: bool, batch: &mut RecordBatch) -> Result<(), String> {
        self.number += 1;
        self.short = (row.len() < self.header.width).then_some(row.len());
        let refused = match self.options.encoding {
            _ if swallows => Err(Refused::swallows()),
            Encoding::Utf8 => self.take_utf8(row, batch),
            Encoding::Windows1252 => self.take_windows(row, batch),
        };
        let Err(Refused { employee_id, kind, reason }) = refused else { return Ok(()) };
        self.rejections += 1;
        if self.rejections > MAX_REJECTIONS {
            return Err(format!(
                "more than {MAX_REJECTIONS} rows cannot be used (row {}: {reason})",
                self.number
            ));
        }
        batch.rejections.push(Rejection { employee_id, row: Some(self.number), kind, reason });
        Ok(())
    }

    /// Whether the rows are as many as they should be, and the last one is whole.
    fn check_end(&self, trailer: &Trailer, control: Option<u64>) -> Result<(), String> {
        trailer.check(&self.options.announcements, control, self.number)?;
        // Behind a row that is cut off there is no trailer.
        let short = self.short.filter(|_| !trailer.has_come() && !planted::is(Fault::DroppedCompleteness));
        if let Some(fields) = short {
            let wanted = self.header.width;
            return Err(format!("its last row (row {}) has {fields} of {wanted} fields", self.number));
        }
        let least = self.options.min_records;
        if self.number < least {
            return Err(format!("it has {} rows; source.min_records is {least}", self.number));
        }
        Ok(())
    }

    fn take_utf8(&self, row: &ByteRecord, batch: &mut RecordBatch) -> Result<(), Refused> {
        // One check for the whole row is quicker than one a field; slicing checks the fields' ends again.
        let Ok(text) = std::str::from_utf8(row.as_slice()) else {
            let id =
                row.get(self.header.positions[0]).and_then(|id| std::str::from_utf8(id).ok()).map(canonical);
            let id = id.filter(|id| !id.is_empty()).map(|id| id.into_owned());
            let reason = "is not UTF-8; set source.encoding to what the export writes, windows-1252 perhaps";
            return Err(Refused::new(id, RejectionKind::Encoding, reason));
        };
        let field = |at: usize| row.range(at).and_then(|range| text.get(range)).unwrap_or_default();
        self.check(row.len(), &canonical(field(self.header.positions[0])))?;
        if text.is_ascii() {
            batch.push(self.number, self.header.positions.iter().map(|at| field(*at).trim()));
        } else {
            let values: Vec<_> = self.header.positions.iter().map(|at| canonical(field(*at))).collect();
            batch.push(self.number, values.iter().map(|value| &**value));
        }
        Ok(())
    }

    fn take_windows(&self, row: &ByteRecord, batch: &mut RecordBatch) -> Result<(), Refused> {
        let decode = |at: &usize| {
            let (text, _) = WINDOWS_1252.decode_without_bom_handling(row.get(*at).unwrap_or_default());
            canonical(&text).into_owned()
        };
        let values: Vec<String> = self.header.positions.iter().map(decode).collect();
        self.check(row.len(), &values[0])?;
        batch.push(self.number, values.iter().map(String::as_str));
        Ok(())
    }

    /// Refuses a row without a usable employee id or with a number of fields that is not the header's.
    fn check(&self, fields: usize, employee_id: &str) -> Result<(), Refused> {
        if employee_id.is_empty() {
            let reason = "has no employee id; fill it in the HR system";
            return Err(Refused::new(None, RejectionKind::NoEmployeeId, reason));
        }
        if employee_id.len() > MAX_ID_BYTES || employee_id.chars().any(char::is_control) {
            let reason =
                format!("has an employee id with control characters or more than {MAX_ID_BYTES} bytes");
            return Err(Refused::new(None, RejectionKind::UnusableEmployeeId, reason));
        }
        if fields != self.header.width {
            let reason = format!(
                "has {fields} fields where the header has {}; a delimiter or line end in a value has to be quoted",
                self.header.width
            );
            return Err(Refused::new(Some(employee_id.to_owned()), RejectionKind::FieldCount, reason));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
