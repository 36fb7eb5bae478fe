//! What a read comes to, over all its answers.

use std::collections::BTreeMap;

use super::moment::Began;
use super::taker::{Taker, merge};
use crate::core::json::PathsSeen;

/// What a list came to.
#[derive(Default)]
pub(super) struct Totals {
    /// Records.
    pub(super) rows: u64,
    /// Which columns stood in a record, in how many of them each may, and how many say in a delta that somebody is gone.
    pub(super) matched: Vec<bool>,
    pub(super) whole: u64,
    pub(super) tombstones: u64,
    /// What stood in the first records.
    pub(super) seen: PathsSeen,
    /// From when on it may lack what changed, by the first answer.
    pub(super) began: Option<Began>,
    /// The message that was read, of a queue.
    pub(super) message: Option<String>,
    /// What may be wrong with how it was read.
    pub(super) warning: Option<String>,
    /// How many of the records say that somebody is gone.
    pub(super) left_out: u64,
    /// Whose records in a delta leave a column out, by column.
    pub(super) lacking: BTreeMap<String, Vec<String>>,
}

impl Totals {
    /// Takes in which columns stood in the records of an answer.
    pub(super) fn look_at(&mut self, taker: &Taker) {
        merge(&mut self.matched, &taker.matched);
        self.whole += taker.whole;
        self.tombstones += taker.tombstones;
        for (column, ids) in &taker.lacking {
            self.lacking.entry(column.clone()).or_default().extend_from_slice(ids);
        }
    }
}
