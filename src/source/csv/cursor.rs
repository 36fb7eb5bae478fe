//! Up to where delta files have been read. It is stored between reads, and holds names and times alone.

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

    /// Whether a delta has been read. One that took an earlier place, or was changed, since then has not.
    pub fn has_read(&self, delta: &DeltaFile) -> bool {
        let is_behind = self.delta.as_ref().is_some_and(|last| delta.order <= *last);
        is_behind && millis(delta.stamp.changed) <= self.newest_ms
    }
}
