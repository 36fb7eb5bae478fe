//! Rows to records.

use std::borrow::Cow;
use std::sync::Arc;

use ::csv::ByteRecord;
use encoding_rs::WINDOWS_1252;

use super::super::object::{too_long, unfit_column};
use super::CsvOptions;
use super::header::Header;
use super::proof::Trailer;
use super::swallowed::{FEWEST_COLUMNS, may_hold_rows};
use crate::config::Encoding;
use crate::core::planted::{self, Fault};
use crate::core::record::{Columns, MAX_ID_BYTES, MAX_VALUE_BYTES, RecordBatch, Rejection, RejectionKind};
use crate::core::value::{canonical, folded};

/// How many rejected rows one read spells out; behind that the file is not what it is taken for.
const MAX_REJECTIONS: usize = 100_000;

/// Makes records out of rows.
pub struct Rows<'a> {
    /// The header that they stand under.
    pub header: Header,
    options: &'a CsvOptions,
    columns: Arc<Columns>,
    /// How many have been taken.
    pub number: u64,
    /// How many fields the newest row has, if it has too few.
    short: Option<usize>,
    rejections: usize,
}

impl<'a> Rows<'a> {
    /// No row yet.
    pub fn new(header: Header, options: &'a CsvOptions, columns: Arc<Columns>) -> Self {
        Self { header, options, columns, number: 0, short: None, rejections: 0 }
    }

    /// An empty batch of them.
    pub fn batch(&self) -> RecordBatch {
        RecordBatch::new(Arc::clone(&self.columns), self.options.seed)
    }

    /// Takes a row into a batch, as a record or as rejected.
    ///
    /// # Errors
    /// Where too many have been rejected.
    pub fn take(&mut self, row: &ByteRecord, swallows: bool, batch: &mut RecordBatch) -> Result<(), String> {
        self.number += 1;
        self.short = (row.len() < self.header.width).then_some(row.len());
        let refused = match (self.too_long(row), self.options.encoding) {
            _ if swallows => Err(Refused::swallows()),
            _ if may_hold_rows(row, self.header.width, self.options.delimiter) => Err(Refused::holds_rows()),
            (Some(reason), _) => self.take_partly(row, batch, RejectionKind::UnfitField, reason),
            (None, Encoding::Utf8) => self.take_utf8(row, batch),
            (None, Encoding::Windows1252) => self.take_windows(row, batch),
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
    ///
    /// # Errors
    /// What is missing.
    pub fn check_end(&self, trailer: &Trailer, control: Option<u64>) -> Result<(), String> {
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
            let reason = "is not UTF-8; set source.encoding to what the export writes, windows-1252 perhaps";
            return self.take_partly(row, batch, RejectionKind::Encoding, reason.to_owned());
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

    /// Why a row is not taken in which a value is too long, if one is.
    fn too_long(&self, row: &ByteRecord) -> Option<String> {
        if row.as_slice().len() <= MAX_VALUE_BYTES {
            return None;
        }
        let mut fields = self.columns.names().iter().zip(&self.header.positions);
        fields.find_map(|(name, at)| {
            let bytes = row.get(*at).map_or(0, <[u8]>::len);
            (bytes > MAX_VALUE_BYTES).then(|| unfit_column(name, &too_long(bytes)))
        })
    }

    /// A row of which some fields are no text, or too long. Of whoever has left by a status that can be read, nothing else is needed.
    fn take_partly(
        &self,
        row: &ByteRecord,
        batch: &mut RecordBatch,
        kind: RejectionKind,
        reason: String,
    ) -> Result<(), Refused> {
        let field = |at: &usize| {
            let bytes = row.get(*at).filter(|bytes| bytes.len() <= MAX_VALUE_BYTES)?;
            match self.options.encoding {
                Encoding::Utf8 => std::str::from_utf8(bytes).ok().map(canonical),
                Encoding::Windows1252 => Some(Cow::Owned(from_windows(bytes))),
            }
        };
        let values: Vec<_> = self.header.positions.iter().map(field).collect();
        // Whose row it is, and whether another one may be in it, says more than what of it cannot be read.
        let id = values[0].as_deref();
        if let Err(refused) = self.check(row.len(), id.unwrap_or("unreadable")) {
            return Err(Refused { employee_id: refused.employee_id.filter(|_| id.is_some()), ..refused });
        }
        let status = self.columns.position("status").and_then(|at| values[at].as_deref());
        if id.is_some() && status.is_some_and(|status| self.options.left.contains(&folded(status))) {
            batch.push(self.number, values.iter().map(|value| value.as_deref().unwrap_or_default()));
            batch.unread += 1;
            return Ok(());
        }
        Err(Refused::new(id.map(str::to_owned), kind, reason))
    }

    fn take_windows(&self, row: &ByteRecord, batch: &mut RecordBatch) -> Result<(), Refused> {
        let decode = |at: &usize| from_windows(row.get(*at).unwrap_or_default());
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
            let kind = match fields > self.header.width {
                true if are_joined(fields, self.header.width) => RejectionKind::JoinedRows,
                true => RejectionKind::TooManyFields,
                false => RejectionKind::FieldCount,
            };
            return Err(Refused::new(Some(employee_id.to_owned()), kind, reason));
        }
        Ok(())
    }
}

/// Whether so many fields are those of several rows of this width, of which the last field of each and the first of the next are one. Where rows
/// are narrow, a few commas in a value are as many.
fn are_joined(fields: usize, width: usize) -> bool {
    width >= FEWEST_COLUMNS && (fields - 1).is_multiple_of(width - 1)
}

fn from_windows(bytes: &[u8]) -> String {
    let (text, _) = WINDOWS_1252.decode_without_bom_handling(bytes);
    canonical(&text).into_owned()
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

    /// The same, where all quotes look well.
    fn holds_rows() -> Self {
        let reason = "has a quoted value over several lines that looks like other rows, so people below it may be missing; look for a stray \
                      quote in it and double it, or have the export put every value in quotes";
        Self::new(None, RejectionKind::StrayQuote, reason)
    }

    /// Nobody can say whose rows are in it, so it is nobody's: while there is such a row, absence proves nothing.
    fn swallows() -> Self {
        let reason = "has a quoted value over several lines with text behind its closing quote, so rows below it may be inside; \
                      look for a stray quote in it and double it";
        Self::new(None, RejectionKind::StrayQuote, reason)
    }
}
