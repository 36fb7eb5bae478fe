//! The source that is configured, whichever it is.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::csv::CsvSource;
use super::push::{self, PushOptions, PushSource};
use super::rest::RestSource;
use super::{HrSource, SourceDigest, SourceEnd, SourceError};
use crate::core::record::RecordBatch;

/// A source of any kind.
#[derive(Clone, Debug)]
pub enum AnySource {
    /// A file.
    Csv(CsvSource),
    /// A system that is asked by HTTP.
    Rest(RestSource),
    /// A system that pushes.
    Push(PushSource),
}

impl HrSource for AnySource {
    async fn digest(&self) -> Result<Option<SourceDigest>, SourceError> {
        match self {
            Self::Csv(source) => source.digest().await,
            Self::Rest(source) => source.digest().await,
            Self::Push(source) => source.digest().await,
        }
    }

    async fn read(
        &self,
        since: Option<String>,
        batches: mpsc::Sender<RecordBatch>,
    ) -> Result<SourceEnd, SourceError> {
        match self {
            Self::Csv(source) => source.read(since, batches).await,
            Self::Rest(source) => source.read(since, batches).await,
            Self::Push(source) => {
                let name = push::called(&source.options().name);
                source.read(since, batches).await.map_err(|error| error.while_reading(&name))
            }
        }
    }

    fn may_follow(&self, end: &SourceEnd, known: &str) -> Result<(), SourceError> {
        match self {
            Self::Csv(source) => source.may_follow(end, known),
            Self::Rest(source) => source.may_follow(end, known),
            Self::Push(source) => source.may_follow(end, known),
        }
    }

    async fn stored(&self, end: &SourceEnd) -> Result<(), SourceError> {
        match self {
            Self::Csv(source) => source.stored(end).await,
            Self::Rest(source) => source.stored(end).await,
            Self::Push(source) => source.stored(end).await,
        }
    }

    fn is_queue(&self) -> bool {
        match self {
            Self::Rest(source) => source.is_queue(),
            Self::Csv(_) | Self::Push(_) => false,
        }
    }

    fn fails_deltas(&self) -> bool {
        match self {
            Self::Rest(source) => source.fails_deltas(),
            Self::Csv(_) | Self::Push(_) => false,
        }
    }

    fn push(&self) -> Option<&Arc<PushOptions>> {
        match self {
            Self::Push(source) => Some(source.options()),
            Self::Csv(_) | Self::Rest(_) => None,
        }
    }
}
