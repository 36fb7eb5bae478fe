//! The header: where each of our columns stands in the file.

use csv::ByteRecord;
use encoding_rs::WINDOWS_1252;

use super::super::SourceError;
use super::super::words::ACTION;
use super::CsvOptions;
use crate::config::Encoding;
use crate::core::coverage::Coverage;
use crate::core::header::HeaderNames;
use crate::core::mask::masked;
use crate::core::record::Columns;
use crate::core::value::canonical;

/// The byte order marks of UTF-16, which spreadsheets call Unicode text.
const UTF_16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// A header that has every mapped column.
pub struct Header {
    /// Where our columns stand, in their order.
    pub positions: Vec<usize>,
    /// How many fields a row has.
    pub width: usize,
    /// Every column's name, read or not.
    pub names: HeaderNames,
}

impl Header {
    /// Finds every mapped column.
    ///
    /// # Errors
    /// The columns that are missing or stand twice, and what is there instead.
    pub fn read(
        row: &ByteRecord,
        file: &str,
        options: &CsvOptions,
        columns: &Columns,
    ) -> Result<Self, SourceError> {
        let first = row.get(0).unwrap_or_default();
        if UTF_16.iter().any(|mark| first.starts_with(mark)) {
            let reason = "it is written in UTF-16; have it exported as UTF-8, or as Windows-1252 with \
                          source.encoding = \"windows-1252\"";
            return Err(SourceError::Incomplete { file: file.to_owned(), reason: reason.into() });
        }
        let names: Vec<String> = row
            .iter()
            .map(|bytes| match options.encoding {
                Encoding::Utf8 => canonical(&String::from_utf8_lossy(bytes)).into_owned(),
                Encoding::Windows1252 => {
                    canonical(&WINDOWS_1252.decode_without_bom_handling(bytes).0).into_owned()
                }
            })
            .collect();
        let mut positions = Vec::new();
        let (mut missing, mut absent, mut doubled) = (Vec::new(), Vec::new(), Vec::new());
        for name in columns.names() {
            let wanted = canonical(options.columns.get(name).map_or(name, String::as_str));
            let mut found = names.iter().enumerate().filter(|(_, known)| **known == wanted).map(|(at, _)| at);
            match (found.next(), found.next()) {
                (Some(at), None) => positions.push(at),
                (Some(_), Some(_)) => doubled.push(format!("'{wanted}'")),
                (None, _) if name == ACTION => {
                    // A file of changes, or changes that are pushed.
                    let table = if options.delta.is_some() { "delta" } else { "push" };
                    missing.push(format!("'{wanted}' (source.{table}.action_column)"))
                }
                (None, _) => {
                    missing.push(format!("'{wanted}' (source.columns.{name})"));
                    absent.push(name.clone());
                }
            }
        }
        if !missing.is_empty() {
            let is_header = missing.len() < columns.names().len();
            let (missing, file) = (missing.join(", "), file.to_owned());
            if is_header {
                let found = names.join(" | ");
                let coverage = Box::new(Coverage { absent, ..coverage(&HeaderNames::new(names), options) });
                return Err(SourceError::Header { file, missing, found, coverage });
            }
            // Without a header the first line is somebody's record.
            let shapes: Vec<String> = names.iter().map(|name| masked(name)).collect();
            let found =
                format!("{} columns, none of them configured; masked: {}", names.len(), shapes.join(" | "));
            let coverage = Box::new(Coverage { absent, ..Coverage::default() });
            return Err(SourceError::Header { file, missing, found, coverage });
        }
        if !doubled.is_empty() {
            let columns = doubled.join(", ");
            let reason = format!("its header has the column {columns} twice; rename one in the export");
            return Err(SourceError::Incomplete { file: file.to_owned(), reason });
        }
        Ok(Self { positions, width: names.len(), names: HeaderNames::new(names) })
    }
}

/// What of a header no column reads. A column without a name cannot be read, and is not told.
pub fn coverage(header: &HeaderNames, options: &CsvOptions) -> Coverage {
    let wanted: Vec<_> = options.columns.values().map(|name| canonical(name)).collect();
    let there = header.iter().filter(|name| !name.is_empty());
    Coverage::of_names(there, wanted.iter().map(|name| &**name), Vec::new())
}
