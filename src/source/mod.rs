//! HR sources. A source delivers a complete snapshot, or a complete delta, or it fails; there is nothing between.

mod any;
pub mod csv;
mod object;
pub mod push;
pub mod rest;
mod words;

use std::future::Future;
use std::sync::Arc;

use tokio::sync::mpsc;

use self::push::PushOptions;
use crate::core::coverage::Coverage;
use crate::core::header::HeaderNames;
use crate::core::record::RecordBatch;
use crate::core::source_file::SourceFile;

pub use self::any::AnySource;

/// How many batches may wait between a source and the engine: what bounds memory.
pub const BATCHES_AHEAD: usize = 16;

/// Whom a read was about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// Everybody: who is not in it is absent.
    #[default]
    Snapshot,
    /// Those who changed; absence means nothing. Who is gone is named in [`RecordBatch::gone`].
    Delta,
}

/// What a source says when it has delivered everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceEnd {
    /// The file or system that was read; its digest is what [`HrSource::digest`] would tell.
    pub file: SourceFile,
    /// The names of its columns, where it has such.
    pub header: HeaderNames,
    /// A word on a newer file that was passed over.
    pub passed_over: Option<String>,
    /// Whether something newer is there that could not be read yet.
    pub held_up: bool,
    /// How many bytes the files had that were read, where they were files.
    pub bytes: Option<u64>,
    /// Whom it was about.
    pub extent: Extent,
    /// What it holds beside what is read of it; nothing is known of it in a delta.
    pub coverage: Coverage,
    /// From where the next delta goes on; `None`: this source has no deltas. Without anything secret: it is stored.
    pub cursor: Option<String>,
    /// The message that was read of a queue. [`HrSource::stored`] takes it off; what waits behind it can be read then.
    pub message: Option<String>,
}

/// What [`HrSource::digest`] tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceDigest {
    /// The file or system.
    pub file: SourceFile,
    /// A word on a newer file that was passed over.
    pub passed_over: Option<String>,
}

/// Why a read came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// No file is there.
    #[error("no HR file matches {pattern}{ignored}; check source.path and whether the export has run")]
    Missing {
        /// As configured.
        pattern: String,
        /// A word on files that match but are still being written.
        ignored: String,
    },
    /// The file cannot be read.
    #[error("the HR file {file} cannot be read: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// It did not prove itself complete: nothing of it is believed.
    #[error(
        "the HR file {file} is not complete: {reason}; nothing of it is used and nobody's access changes"
    )]
    Incomplete {
        /// The file.
        file: String,
        /// What is missing, and the mend.
        reason: String,
    },
    /// Its header lacks columns: nothing of it is believed.
    #[error(
        "the HR file {file} is not complete: its header has no column {missing}; it has: {found}. Correct source.columns, \
         source.delimiter or the export; nothing of it is used and nobody's access changes"
    )]
    Header {
        /// The file.
        file: String,
        /// What is missing.
        missing: String,
        /// What the first line holds instead; masked where it has none of the columns, for it may be somebody's record then.
        found: String,
        /// The same, name by name.
        coverage: Box<Coverage>,
    },
    /// A system cannot be reached, refuses, or answers what nobody can read.
    #[error("the HR system {system} cannot be read: {reason}")]
    System {
        /// Its address, without anything secret.
        system: String,
        /// Why, and the mend.
        reason: String,
    },
    /// A system's answer did not prove itself complete: nothing of it is believed.
    #[error(
        "what the HR system {system} answered is not complete: {reason}; nothing of it is used and nobody's access changes"
    )]
    SystemIncomplete {
        /// Its address, without anything secret.
        system: String,
        /// What is missing, and the mend.
        reason: String,
    },
    /// No record of a system has a column without which nobody can be told: nothing of it is believed.
    #[error(
        "what the HR system {system} answered is not complete: no record of {records} has what source.columns.{column} leads \
         to; correct the path; nothing of it is used and nobody's access changes"
    )]
    NoColumn {
        /// Its address, without anything secret.
        system: String,
        /// How many records came.
        records: u64,
        /// The column.
        column: String,
        /// What the records hold instead.
        coverage: Box<Coverage>,
    },
    /// What was read cannot be put away. It counts all the same.
    #[error(
        "the HR file {file} was read, and cannot be moved to {to}: {source}; let that folder be there and this account rename \
         files into it, or remove source.archive. What was read counts all the same"
    )]
    NotArchived {
        /// The file.
        file: String,
        /// Where it should lie.
        to: String,
        /// Why.
        source: std::io::Error,
    },
    /// Whoever listened has stopped; `Some`: the file or system that was read until then.
    #[error("the read was stopped")]
    Stopped(Option<String>),
}

impl SourceError {
    /// Lets a file count only where it may come after the newest one that was accepted.
    ///
    /// # Errors
    /// Where it is older than that one, or seems to be cut off.
    pub fn unless_after(file: SourceFile, accepted: Option<&SourceFile>) -> Result<SourceFile, Self> {
        let name = file.name.clone();
        file.after(accepted).map_err(|reason| Self::Incomplete { file: name, reason })
    }

    /// The same, with the file or system that was read where a read was stopped.
    #[must_use]
    pub fn while_reading(self, name: &str) -> Self {
        match self {
            Self::Stopped(None) => Self::Stopped(Some(name.to_owned())),
            other => other,
        }
    }

    /// What the source holds, where that is what is wrong.
    pub fn coverage(&self) -> Option<&Coverage> {
        match self {
            Self::Header { coverage, .. } | Self::NoColumn { coverage, .. } => Some(coverage),
            _ => None,
        }
    }

    /// The kind in one word, for whoever counts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::Unreadable { .. } | Self::System { .. } => "unreadable",
            Self::Incomplete { .. } | Self::SystemIncomplete { .. } => "incomplete",
            Self::Header { .. } | Self::NoColumn { .. } => "no_column",
            Self::NotArchived { .. } => "not_archived",
            Self::Stopped(_) => "stopped",
        }
    }

    /// In words without anything of the file's content: for logs.
    pub fn without_values(&self) -> String {
        match self {
            Self::Header { file, missing, .. } => format!(
                "the HR file {file} is not complete: its header has no column {missing}; correct source.columns, \
                 source.delimiter or the export"
            ),
            other => other.to_string(),
        }
    }
}

/// A system or file that knows all employees.
pub trait HrSource: Send + Sync + 'static {
    /// A digest of the bytes that a read would be made of, where that can be had for much less than the read. Two equal
    /// digests mean that the two reads would deliver the same; `None` means that this source cannot tell.
    ///
    /// # Errors
    /// Where the source cannot be read.
    fn digest(&self) -> impl Future<Output = Result<Option<SourceDigest>, SourceError>> + Send;

    /// Delivers every record in batches. Only an `Ok` at the end makes them count. `since`: the cursor of the read before, where
    /// a delta behind it will do; a source that has none, or cannot go on from it, delivers everybody.
    ///
    /// # Errors
    /// Where the source cannot be read or cannot prove itself complete.
    fn read(
        &self,
        since: Option<String>,
        batches: mpsc::Sender<RecordBatch>,
    ) -> impl Future<Output = Result<SourceEnd, SourceError>> + Send;

    /// Whether a read of everybody may stand behind what was known up to this cursor, whatever the settings were then.
    ///
    /// # Errors
    /// Where it tells less than was known.
    fn may_follow(&self, _end: &SourceEnd, _known: &str) -> Result<(), SourceError> {
        Ok(())
    }

    /// What a read delivered is stored, and the plan made from it: files can be archived, messages taken off their queue. It may
    /// be called again for a read that was stored before a crash, and never is for one that was not.
    ///
    /// # Errors
    /// Where that does not work; the run stays as it is, and the next read may deliver the same again.
    fn stored(&self, _end: &SourceEnd) -> impl Future<Output = Result<(), SourceError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Whether its deltas come message by message off a queue, one a read.
    fn is_queue(&self) -> bool {
        false
    }

    /// Whether the delta that it was asked for last failed though the system answers, and everybody can be asked for instead.
    fn fails_deltas(&self) -> bool {
        false
    }

    /// How bodies are read that are pushed to it; `None`: nobody can.
    fn push(&self) -> Option<&Arc<PushOptions>> {
        None
    }
}
