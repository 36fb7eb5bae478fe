//! An HR system that pushes: what it delivered waits in an inbox until a run reads it.

mod parse;
mod parts;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::csv::CsvOptions;
use super::words::Words;
use super::{Extent, HrSource, SourceDigest, SourceEnd, SourceError};
use crate::core::delivery::{Delivery, DeliveryKind, Format};
use crate::core::happened::ActionWords;
use crate::core::record::{RecordBatch, RejectionKind};
use crate::core::source_file::SourceFile;

pub use self::parse::{Body, Parsed};

/// A cursor behind which everything stands that is kept, a snapshot or not.
pub const BEFORE_ALL: &str = "0";

/// How bodies are read.
#[derive(Clone, Debug)]
pub struct PushOptions {
    /// The source's name.
    pub name: String,
    /// How CSV is read. Its columns are those of JSON records as well: our name = their key, or a JSONPath.
    pub csv: CsvOptions,
    /// The column of a delta that says what happened.
    pub action_column: Option<String>,
    /// What it says then.
    pub actions: ActionWords,
    /// Columns that no record of some parts may have; and no record of a delta has to, where they are not by names alone.
    pub sparse_columns: Vec<String>,
    /// Whether one person may have several records.
    pub several_records: bool,
    /// With fewer records than this a snapshot counts as incomplete.
    pub min_records: u64,
}

/// An answer that is waited for.
pub type Waited<'a, T> = Pin<Box<dyn Future<Output = Result<T, SourceError>> + Send + 'a>>;

/// Where deliveries wait.
pub trait Inbox: fmt::Debug + Send + Sync + 'static {
    /// Every delivery to a source that is accepted and kept, in the order in which they were accepted.
    fn kept<'a>(&'a self, source: &'a str) -> Waited<'a, Vec<Delivery>>;
    /// One part of one.
    fn part(&self, delivery: i64, part: u32) -> Waited<'_, (Format, Vec<u8>)>;
    /// What was accepted up to this one is stored with a plan.
    fn taken<'a>(&'a self, source: &'a str, up_to: i64) -> Waited<'a, ()>;
}

/// The source.
#[derive(Clone, Debug)]
pub struct PushSource {
    options: Arc<PushOptions>,
    inbox: Arc<dyn Inbox>,
}

impl PushSource {
    /// A source that reads from this inbox.
    pub fn new(options: PushOptions, inbox: Arc<dyn Inbox>) -> Self {
        Self { options: Arc::new(options), inbox }
    }

    /// How bodies are read.
    pub fn options(&self) -> &Arc<PushOptions> {
        &self.options
    }

    fn incomplete(&self, reason: impl Into<String>) -> SourceError {
        SourceError::SystemIncomplete { system: called(&self.options.name), reason: reason.into() }
    }

    /// Reads every part of a delivery, one after the other.
    async fn read_parts(
        &self,
        delivery: &Delivery,
        mut deliver: impl FnMut(RecordBatch) -> Result<(), SourceError> + Send + 'static,
    ) -> Result<Parsed, SourceError> {
        let mut sum = Parsed::default();
        for part in 1..=delivery.parts {
            let (format, bytes) = self.inbox.part(delivery.id, part).await?;
            let name = format!("{}, delivery {}, part {part}", called(&self.options.name), delivery.name);
            let body = Body { name, kind: delivery.kind, format, bytes: bytes.into() };
            let (options, several) = (Arc::clone(&self.options), delivery.parts > 1);
            let reading = tokio::task::spawn_blocking(move || {
                let parsed = options.parse(body, |mut batch| {
                    for rejection in batch.rejections.iter_mut().filter(|_| several) {
                        rejection.reason = format!("{} (part {part})", rejection.reason);
                    }
                    deliver(batch)
                });
                (parsed, deliver)
            });
            let (parsed, back) = reading.await.map_err(|_| SourceError::Stopped(None))?;
            let parsed = parsed?;
            deliver = back;
            sum.rows += parsed.rows;
            sum.columns.extend(parsed.columns);
        }
        Ok(sum)
    }
}

impl PushOptions {
    /// Whether a snapshot of so many records, in which these columns stood, may be what it is taken for.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn judge(&self, snapshot: &Parsed) -> Result<(), String> {
        let (rows, least) = (snapshot.rows, self.min_records);
        if rows < least {
            return Err(format!(
                "a snapshot of {rows} records counts as incomplete (source.min_records = {least}): whoever is not in it would \
                 count as gone; push a delta to change some people"
            ));
        }
        let columns = self.csv.columns.iter().filter(|(name, _)| !snapshot.columns.contains(*name));
        let nowhere: Vec<String> =
            columns.map(|(name, key)| format!("'{key}' (source.columns.{name})")).collect();
        if rows == 0 || nowhere.is_empty() {
            return Ok(());
        }
        Err(format!(
            "no record of the snapshot has {}; send it, null where there is none, or correct source.columns",
            nowhere.join(", ")
        ))
    }
}

/// What a source is called in errors.
pub fn called(source: &str) -> String {
    format!("that pushes to '{source}'")
}

impl HrSource for PushSource {
    async fn digest(&self) -> Result<Option<SourceDigest>, SourceError> {
        Ok(None)
    }

    async fn read(
        &self,
        since: Option<String>,
        batches: mpsc::Sender<RecordBatch>,
    ) -> Result<SourceEnd, SourceError> {
        let after = since.as_deref().and_then(|cursor| cursor.parse::<i64>().ok());
        let kept = self.inbox.kept(&self.options.name).await?;
        let newest = kept.iter().map(|one| one.accepted).max().max(after);
        let is_new = |one: &&Delivery| after.is_none_or(|after| one.accepted > after);
        let snapshots = kept.iter().filter(is_new).filter(|one| one.kind == DeliveryKind::Snapshot);
        let snapshot = snapshots.max_by_key(|one| one.id);
        if snapshot.is_none() && after.is_none() {
            return Err(self.incomplete(
                "no whole snapshot has come yet under its settings; push one (docs/sources/push.md)",
            ));
        }
        // Behind a snapshot stands whatever was begun after it, also what had been read before the snapshot was complete.
        let counts = |one: &&Delivery| match snapshot {
            Some(snapshot) => one.id > snapshot.id,
            None => is_new(one),
        };
        let mut words = Words::new(self.options.columns(DeliveryKind::Snapshot), self.options.csv.seed);
        for delta in kept.iter().filter(|one| one.kind == DeliveryKind::Delta).filter(counts) {
            let (sender, batches) = std::sync::mpsc::channel();
            self.read_parts(delta, move |batch| sender.send(batch).map_err(|_| SourceError::Stopped(None)))
                .await?;
            for mut batch in batches {
                // Nobody takes such a row any more. One that an earlier version took does not come again, and may not stop what is behind it.
                let joined = batch.rejections.iter_mut().filter(|one| one.kind == RejectionKind::JoinedRows);
                joined.for_each(|one| one.kind = RejectionKind::TooManyFields);
                let taken = words.take(batch, &self.options.actions, &delta.name);
                taken.map_err(|reason| self.incomplete(reason))?;
            }
        }
        let words = Arc::new(words);
        let mut extent = Extent::Delta;
        if let Some(snapshot) = snapshot {
            extent = Extent::Snapshot;
            let (sender, words) = (batches.clone(), Arc::clone(&words));
            let parsed = self.read_parts(snapshot, move |batch| {
                sender.blocking_send(words.without_theirs(batch)).map_err(|_| SourceError::Stopped(None))
            });
            self.options.judge(&parsed.await?).map_err(|reason| self.incomplete(reason))?;
        }
        let words = Arc::into_inner(words).ok_or(SourceError::Stopped(None))?;
        for batch in words.into_batches() {
            batches.send(batch).await.map_err(|_| SourceError::Stopped(None))?;
        }
        let file = SourceFile { name: called(&self.options.name), ..SourceFile::default() };
        let cursor = newest.map(|newest| newest.to_string());
        Ok(SourceEnd { file, extent, cursor, ..SourceEnd::default() })
    }

    async fn stored(&self, end: &SourceEnd) -> Result<(), SourceError> {
        match end.cursor.as_deref().and_then(|cursor| cursor.parse().ok()) {
            Some(up_to) => self.inbox.taken(&self.options.name, up_to).await,
            None => Ok(()),
        }
    }
}
