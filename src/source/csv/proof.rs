//! What a file announces of itself: that it is done, and how many records it has. What was announced has to be what arrived.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use csv::ByteRecord;
use xxhash_rust::xxh3::Xxh3;

use super::place::Place;
use super::{SourceError, archive};
use crate::core::record::Fingerprint;

/// How much of a control file is read, in bytes: it holds one number.
const CONTROL_BYTES: u64 = 256;

/// How a file announces itself. Names are patterns: `{file}` stands for the data file's name, `{stem}` for that without its
/// last ending; they are looked for beside the data file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announcements {
    /// A file that is written once the data file is whole.
    pub done_marker: Option<String>,
    /// A file that holds the number of records.
    pub control_file: Option<String>,
    /// The first field of a last row which holds the number of records in another field.
    pub trailer: Option<String>,
}

impl Announcements {
    /// Whether the marker says that a file is there. Where no marker is configured, it always is.
    ///
    /// # Errors
    /// The marker that is missing or too old, in words.
    pub fn is_done(&self, place: &dyn Place, file: &Path) -> Result<(), String> {
        // Whatever lies in the archive was done when it was read.
        let Some(pattern) = self.done_marker.as_ref().filter(|_| !archive::is_archived(file)) else {
            return Ok(());
        };
        let marker = beside(file, pattern);
        match (place.look(&marker), place.look(file)) {
            (Ok(Some(marked)), Ok(Some(written))) if marked.changed >= written.changed => Ok(()),
            (Ok(Some(_)), Ok(Some(_))) => Err(format!(
                "its marker {} is older than the file; the export writes it once the file is whole \
                 (source.done_marker)",
                place.name(&marker)
            )),
            _ => Err(format!(
                "its marker {} is not there; the export writes it once the file is whole (source.done_marker)",
                place.name(&marker)
            )),
        }
    }

    /// Its marker and its control file, there or not: they are no data.
    pub fn companions(&self, file: &Path) -> Vec<PathBuf> {
        let patterns = [&self.done_marker, &self.control_file];
        patterns.into_iter().flatten().map(|pattern| beside(file, pattern)).collect()
    }

    /// The number of records that the control file announces; `None` where none is configured.
    ///
    /// # Errors
    /// Where the control file cannot be read, or holds no number.
    pub fn control_count(&self, place: &dyn Place, file: &Path) -> Result<Option<u64>, SourceError> {
        let Some(control) = self.control_file.as_ref().map(|pattern| beside(file, pattern)) else {
            return Ok(None);
        };
        let incomplete = |what: &str| SourceError::Incomplete {
            file: place.name(file),
            reason: format!("its control file {} {what} (source.control_file)", place.name(&control)),
        };
        let mut text = String::new();
        let read = place.open(&control).and_then(|file| file.take(CONTROL_BYTES).read_to_string(&mut text));
        match read {
            // A crash may have come between the two when they were put away, and it was counted before.
            Err(error) if error.kind() == ErrorKind::NotFound && archive::is_archived(file) => Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(incomplete("is not there")),
            Err(error) => Err(incomplete(&format!("cannot be read: {error}"))),
            Ok(_) => match number(text.trim_start_matches('\u{feff}')) {
                Some(count) => Ok(Some(count)),
                None => Err(incomplete("does not hold one whole number, the number of records")),
            },
        }
    }

    /// Whether this row is the trailer.
    pub fn is_trailer(&self, row: &ByteRecord) -> bool {
        let first = row.get(0).map(<[u8]>::trim_ascii);
        self.trailer.as_ref().is_some_and(|trailer| first == Some(trailer.as_bytes()))
    }

    /// The digest of a file's bytes together with everything else that its completeness is judged by.
    pub fn seal(&self, bytes: Fingerprint, control: Option<u64>, min_records: u64) -> Fingerprint {
        let rules = (&self.done_marker, &self.control_file, &self.trailer, control, min_records);
        let mut hasher = Xxh3::new();
        hasher.update(&bytes.0.to_le_bytes());
        hasher.update(format!("{rules:?}").as_bytes());
        Fingerprint(hasher.digest128())
    }
}

/// What the rows of a file say of its end.
#[derive(Debug, Default)]
pub struct Trailer {
    /// Its row, once it came.
    row: Option<u64>,
    announced: Option<u64>,
}

impl Trailer {
    /// The trailer stands behind this many rows. The last field that is a whole number is the count: others before it may be
    /// dates.
    pub fn came(&mut self, row: &ByteRecord, behind: u64) {
        self.row = Some(behind + 1);
        let fields = row.iter().skip(1).filter_map(|field| std::str::from_utf8(field).ok());
        self.announced = fields.filter_map(number).next_back();
    }

    /// Whether it has come.
    pub fn has_come(&self) -> bool {
        self.row.is_some()
    }

    /// Compares what was announced with the records that arrived.
    ///
    /// # Errors
    /// What differs, with both numbers.
    pub fn check(
        &self,
        announcements: &Announcements,
        control: Option<u64>,
        records: u64,
    ) -> Result<(), String> {
        if let Some(announced) = control.filter(|announced| *announced != records) {
            return Err(format!(
                "its control file announces {announced} records and {records} arrived (source.control_file)"
            ));
        }
        let Some(name) = &announcements.trailer else { return Ok(()) };
        match (self.row, self.announced) {
            (None, _) => Err(format!("its last row is not the trailer '{name}' (source.trailer)")),
            (Some(row), None) => {
                Err(format!("its trailer (row {row}) holds no number of records (source.trailer)"))
            }
            (Some(_), Some(announced)) if announced != records => Err(format!(
                "its trailer announces {announced} records and {records} arrived (source.trailer)"
            )),
            _ => Ok(()),
        }
    }
}

/// The name that a pattern stands for, beside a file; of an archived file, what was put away with it.
fn beside(file: &Path, pattern: &str) -> PathBuf {
    let whole = file.file_name().unwrap_or_default().to_string_lossy();
    let (name, ending) = archive::parts(&whole);
    let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
    let beside = pattern.replace("{file}", name).replace("{stem}", &stem);
    file.with_file_name(format!("{beside}{ending}"))
}

fn number(text: &str) -> Option<u64> {
    let digits = text.trim();
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}
