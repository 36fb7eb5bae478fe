//! What deltas say of people, one behind the other: of each person the last word counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::core::happened::{ActionWords, Happened};
use crate::core::record::{Columns, Record, RecordBatch, Rejection, RejectionKind};

/// The column of the action, under a name that no configured column can have and that stands behind all of them.
pub const ACTION: &str = "~action";
/// The byte order mark of UTF-8, which some put in front of a text.
pub const BOM: &[u8] = b"\xef\xbb\xbf";

/// The last word on somebody.
enum Word {
    Put(Record),
    Gone,
    /// It cannot be used, so they keep what they have.
    Refused(Rejection),
}

/// The last words on everybody whom some deltas name.
pub struct Words {
    columns: Arc<Columns>,
    seed: u64,
    by_id: BTreeMap<String, Word>,
    /// Refused rows that are nobody's.
    of_nobody: Vec<Rejection>,
    unread: u64,
}

/// Refuses the records of which a word that nobody knows says what happened.
pub fn clear(batch: RecordBatch, actions: &ActionWords) -> RecordBatch {
    batch.refusing(|record| {
        let reason = actions.read(record.get(ACTION).unwrap_or_default()).err()?;
        Some((RejectionKind::UnknownAction, reason))
    })
}

impl Words {
    /// None yet. `seed` goes into the fingerprints of records with these columns.
    pub fn new(columns: Arc<Columns>, seed: u64) -> Self {
        Self { columns, seed, by_id: BTreeMap::new(), of_nobody: Vec::new(), unread: 0 }
    }

    /// Takes in the next rows of a delta. The column [`ACTION`] says what happened. `origin` names the delta in rejections.
    ///
    /// # Errors
    /// Where it cannot be told whose rows are lost: they would never come again.
    pub fn take(&mut self, batch: RecordBatch, actions: &ActionWords, origin: &str) -> Result<(), String> {
        let batch = clear(batch, actions);
        self.unread += batch.unread;
        let mut words: Vec<(u64, String, Word)> = Vec::new();
        for index in 0..batch.len() {
            let record = batch.record(index);
            let is_gone = actions.read(record.get(ACTION).unwrap_or_default()) == Ok(Happened::Gone);
            let (id, row) = (record.employee_id().to_owned(), record.row);
            words.push((row, id, if is_gone { Word::Gone } else { Word::Put(record) }));
        }
        for mut rejection in batch.rejections {
            let row = rejection.row.unwrap_or_default();
            if rejection.kind.hides_rows() {
                return Err(format!(
                    "row {row} {}; a row of a delta that is lost does not come again",
                    rejection.reason
                ));
            }
            rejection.reason = format!("{} ({origin})", rejection.reason);
            match rejection.employee_id.clone() {
                Some(id) => words.push((row, id, Word::Refused(rejection))),
                None => self.of_nobody.push(rejection),
            }
        }
        words.sort_by_key(|(row, ..)| *row);
        self.by_id.extend(words.into_iter().map(|(_, id, word)| (id, word)));
        Ok(())
    }

    /// A snapshot's rows without those of people on whom there is a later word.
    pub fn without_theirs(&self, mut batch: RecordBatch) -> RecordBatch {
        if self.by_id.is_empty() {
            return batch;
        }
        batch.rejections.retain(|one| one.employee_id.as_ref().is_none_or(|id| !self.by_id.contains_key(id)));
        batch.without(|id| self.by_id.contains_key(id))
    }

    /// All of them, in batches.
    pub fn into_batches(self) -> Vec<RecordBatch> {
        let (columns, seed) = (self.columns, self.seed);
        let empty = || RecordBatch::new(Arc::clone(&columns), seed);
        let mut batches = Vec::new();
        let mut batch = empty();
        batch.rejections = self.of_nobody;
        batch.unread = self.unread;
        for (id, word) in self.by_id {
            match word {
                Word::Put(record) => {
                    let values = columns.names().iter().map(|name| record.get(name).unwrap_or_default());
                    batch.push(record.row, values);
                }
                Word::Gone => batch.gone.push(id),
                Word::Refused(rejection) => batch.rejections.push(rejection),
            }
            if batch.is_full() {
                batches.push(std::mem::replace(&mut batch, empty()));
            }
        }
        batches.push(batch);
        batches.retain(|batch| !batch.is_empty());
        batches
    }
}
