//! Up to where delta files have been read. It is stored between reads, and holds names and times alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::delta::{DeltaFile, Order};
use super::file::millis;

/// The full file that was read last, and the deltas behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The full file.
    pub full: FullFile,
    /// The last delta that was read, or that the full file already holds.
    pub delta: Option<Order>,
    /// When the newest of all these files was last changed, in milliseconds since 1970.
    pub newest_ms: i64,
    /// Whether the last delta ended with a line end.
    pub delta_ends_line: Option<bool>,
    /// The deltas that the full file already held, by own name.
    #[serde(default)]
    pub held: BTreeSet<String>,
    /// The deltas that were read behind the full file, by own name, and when each was last changed, or that file if that was later.
    /// `None`: earlier versions did not note them.
    #[serde(default)]
    pub read: Option<BTreeMap<String, i64>>,
}

/// A full file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FullFile {
    /// Its own name.
    pub name: String,
    /// When it was last changed, in milliseconds since 1970.
    pub changed_ms: i64,
    /// Its size.
    pub bytes: u64,
    /// Whether it ended with a line end, where that is asked for.
    pub ends_line: Option<bool>,
}

impl Cursor {
    /// Reads what [`Cursor::to_text`] wrote; `None`: nobody can go on from it.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// As it is stored.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("names and numbers become JSON")
    }

    /// Whether what a delta says is known, by itself or by the full file. One that took an earlier place, or was changed, since then
    /// is not.
    pub fn has_read(&self, delta: &DeltaFile) -> bool {
        let changed_ms = millis(delta.stamp.changed);
        let is_held = changed_ms < self.full.changed_ms && self.delta.as_ref() >= Some(&delta.order);
        let read = self.read.iter().flatten().find(|(name, _)| **name == delta.order.name);
        is_held || read.is_some_and(|(_, read_ms)| changed_ms <= *read_ms)
    }

    /// Whether it is known of a delta, whatever time it has now, that a full file of that time holds it.
    pub fn knows_held(&self, delta: &str, full_ms: i64) -> bool {
        let read = self.read.as_ref().and_then(|read| read.get(delta));
        self.held.contains(delta) || read.is_some_and(|read_ms| *read_ms < full_ms)
    }

    /// What was read behind the full file; of a cursor that does not note it, as far as the files that are there tell.
    pub fn read_among(&self, deltas: &[DeltaFile]) -> BTreeMap<String, i64> {
        if let Some(read) = &self.read {
            return read.clone();
        }
        let Some(last) = self.delta.as_ref().filter(|_| self.newest_ms > self.full.changed_ms) else {
            return BTreeMap::new();
        };
        let behind = deltas.iter().filter(|delta| delta.order <= *last);
        let timed = behind.map(|delta| (delta.order.name.clone(), millis(delta.stamp.changed)));
        let mut read: BTreeMap<String, i64> =
            timed.filter(|(_, ms)| (self.full.changed_ms..=self.newest_ms).contains(ms)).collect();
        read.entry(last.name.clone()).or_insert(self.newest_ms);
        read
    }

    /// Those of the deltas read that a full file of that time does not hold.
    pub fn needed_behind(&self, full_ms: i64) -> impl Iterator<Item = &String> {
        self.read.iter().flatten().filter(move |(_, ms)| **ms >= full_ms).map(|(name, _)| name)
    }
}
