//! Whether runs can be stored, in the memory of this process: a database that fails cannot keep that it does.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::EngineError;
use crate::core::alerts::Alert;
use crate::store::StoreError;

/// Why no run is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unstored {
    /// When the first of the runs ended that could not be stored.
    pub since: DateTime<Utc>,
    /// What the newest came to, with what mends it.
    pub reason: String,
}

/// What is known of it. It outlives a configuration.
#[derive(Debug, Default)]
pub struct Storing(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    trouble: Option<Unstored>,
    /// What each channel was told.
    told: BTreeMap<&'static str, Vec<Alert>>,
}

impl Storing {
    /// A run came to this, and nothing of it is stored. The answer is whether it counts as one that failed: what another process was
    /// faster with is read again, and no fault of the database.
    pub fn failed(&self, error: &EngineError, now: DateTime<Utc>) -> bool {
        if let EngineError::Store(StoreError::Overtaken { .. } | StoreError::QueuedBeside) = error {
            return false;
        }
        let trouble = &mut self.inner().trouble;
        let since = trouble.as_ref().map_or(now, |known| known.since);
        *trouble = Some(Unstored { since, reason: error.to_string() });
        true
    }

    /// A run was stored.
    pub fn stored(&self) {
        self.inner().trouble = None;
    }

    /// Why no run is stored, since the newest was not.
    pub fn trouble(&self) -> Option<Unstored> {
        self.inner().trouble.clone()
    }

    /// What this channel was told.
    pub fn told(&self, channel: &str) -> Vec<Alert> {
        self.inner().told.get(channel).cloned().unwrap_or_default()
    }

    /// This channel was told, or something is known of what it was.
    pub fn tell(&self, channel: &'static str, alerts: Vec<Alert>) {
        self.inner().told.insert(channel, alerts);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
