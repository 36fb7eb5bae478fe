//! CSV that came as bytes: the same rows by the same rules, without a file.

use std::io::{self, Cursor, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::header::coverage;
use super::place::{Listed, OpenFile, Place, Stamp};
use super::{CsvOptions, SourceError, read_file};
use crate::core::coverage::Coverage;
use crate::core::record::RecordBatch;

/// Reads bytes that are called `name`. The answer is what of their header no column reads.
///
/// # Errors
/// Where they do not prove themselves complete.
pub fn read_bytes(
    name: &str,
    bytes: Arc<[u8]>,
    options: &CsvOptions,
    deliver: impl FnMut(RecordBatch) -> Result<(), SourceError>,
) -> Result<Coverage, SourceError> {
    let (_, header, _) = read_file(&Memory(bytes), Path::new(name), options, deliver)?;
    Ok(coverage(&header, options))
}

/// One file, which is there and does not change.
struct Memory(Arc<[u8]>);

impl Memory {
    fn stamp(&self) -> Stamp {
        Stamp { bytes: self.0.len() as u64, changed: SystemTime::UNIX_EPOCH }
    }
}

impl Place for Memory {
    fn name(&self, path: &Path) -> String {
        path.display().to_string()
    }

    fn look(&self, _: &Path) -> io::Result<Option<Stamp>> {
        Ok(Some(self.stamp()))
    }

    fn list(&self, _: &str) -> Result<Vec<Listed>, SourceError> {
        Ok(Vec::new())
    }

    fn open(&self, _: &Path) -> io::Result<Box<dyn OpenFile>> {
        Ok(Box::new(Bytes(Cursor::new(Arc::clone(&self.0)))))
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }
}

struct Bytes(Cursor<Arc<[u8]>>);

impl Read for Bytes {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl OpenFile for Bytes {
    fn stamp(&mut self) -> io::Result<Stamp> {
        Ok(Stamp { bytes: self.0.get_ref().len() as u64, changed: SystemTime::UNIX_EPOCH })
    }
}
