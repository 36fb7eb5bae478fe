//! A file of comma-separated values with a header: the whole of the company every time, or with deltas between.

mod archive;
mod cursor;
mod delta;
mod disk;
mod file;
mod header;
mod memory;
mod place;
mod proof;
mod quotes;
mod read;
mod rows;
mod sealed;
mod sftp;
mod swallowed;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use self::disk::Disk;
use self::file::{Found, Looks};
use self::place::Place;
use self::read::{read_file, source_file};

use super::{HrSource, SourceDigest, SourceEnd, SourceError};
use crate::config::Encoding;
use crate::core::record::RecordBatch;

pub use self::delta::DeltaOptions;
pub use self::disk::matching;
pub use self::memory::read_bytes;
pub use self::proof::Announcements;
pub use self::sftp::{HostKeyPin, ServerAddress, SftpLogin, SftpServer};

/// How a CSV file is found and read.
#[derive(Clone, Debug)]
pub struct CsvOptions {
    /// The server that it lies on; `None`: this machine.
    pub server: Option<SftpServer>,
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
    /// The folder, counted from where the files lie, into which they are put once what they hold is stored; `None`: they stay.
    pub archive: Option<String>,
    /// The delta files behind the full one.
    pub delta: Option<DeltaOptions>,
    /// How long a file has to look the same before it is read; zero: it is read at once.
    pub stable_for: Duration,
    /// Our name = their header.
    pub columns: BTreeMap<String, String>,
    /// Status words of people who have left, in compared form.
    pub left: Vec<String>,
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

    /// `pause`: for how long nothing will be asked of it in between.
    async fn place(&self, pause: Duration) -> Result<Arc<dyn Place>, SourceError> {
        Ok(match &self.options.server {
            None => Arc::new(Disk),
            Some(server) => Arc::new(server.connect(pause).await?),
        })
    }

    /// Does something with a place and these options, on a thread that may block.
    async fn at<T: Send + 'static>(
        &self,
        place: &Arc<dyn Place>,
        work: impl FnOnce(&dyn Place, &CsvOptions) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let (place, options) = (Arc::clone(place), Arc::clone(&self.options));
        let working = tokio::task::spawn_blocking(move || work(&*place, &options));
        working.await.unwrap_or(Err(SourceError::Stopped(None)))
    }

    /// The first of the two looks by which a file shows that nobody writes to it any more.
    async fn looks(&self, place: &Arc<dyn Place>) -> Result<Option<Looks>, SourceError> {
        if self.options.stable_for.is_zero() {
            return Ok(None);
        }
        let looks = self.at(place, file::looks).await?;
        tokio::time::sleep(self.options.stable_for).await;
        Ok(Some(looks))
    }
}

impl HrSource for CsvSource {
    async fn digest(&self) -> Result<Option<SourceDigest>, SourceError> {
        // From a server the bytes have to be fetched either way, and a second look takes as long again.
        let options = &self.options;
        if options.server.is_some() || options.delta.is_some() || !options.stable_for.is_zero() {
            return Ok(None);
        }
        let place = self.place(Duration::ZERO).await?;
        let digesting = self.at(&place, |place, options| {
            let announcements = &options.announcements;
            let Found { path, passed_over, .. } = file::newest(place, options, None)?;
            let read = file::digest(place, &path, options.seed);
            let Some(read) = read.map_err(|error| place.unreadable(&path, error))? else { return Ok(None) };
            let control = announcements.control_count(place, &path)?;
            let digest = announcements.seal(read.bytes, control, options.min_records);
            let file = source_file(place.name(&path), options, digest, read.modified, read.ends_line);
            Ok(Some(SourceDigest { file, passed_over }))
        });
        digesting.await
    }

    async fn read(
        &self,
        since: Option<String>,
        batches: mpsc::Sender<RecordBatch>,
    ) -> Result<SourceEnd, SourceError> {
        let place = self.place(self.options.stable_for).await?;
        let before = self.looks(&place).await?;
        let reading = self.at(&place, move |place, options| {
            let deliver = |batch| batches.blocking_send(batch).map_err(|_| SourceError::Stopped(None));
            if let Some(delta) = &options.delta {
                return delta::read(place, options, delta, since.as_deref(), before.as_ref(), deliver);
            }
            let found = file::newest(place, options, before.as_ref())?;
            let (file, header, bytes) = read_file(place, &found.path, options, deliver)?;
            let coverage = header::coverage(&header, options);
            let (passed_over, held_up) = (found.passed_over.clone(), found.passed_over.is_some());
            let bytes = Some(bytes);
            Ok(SourceEnd { file, header, bytes, coverage, passed_over, held_up, ..SourceEnd::default() })
        });
        reading.await
    }

    fn may_follow(&self, end: &SourceEnd, known: &str) -> Result<(), SourceError> {
        delta::may_follow(end, known)
    }

    async fn stored(&self, end: &SourceEnd) -> Result<(), SourceError> {
        if self.options.archive.is_none() {
            return Ok(());
        }
        let (place, end) = (self.place(Duration::ZERO).await?, end.clone());
        self.at(&place, move |place, options| archive::put_away(place, options, &end)).await
    }
}

#[cfg(test)]
mod delta_tests;
#[cfg(test)]
mod tests;
