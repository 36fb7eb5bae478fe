//! What a read of a source may have lost: a column that stands nowhere, or whose a record is.

use std::collections::{BTreeSet, HashMap};

use super::member::Member;
use crate::core::coverage::Coverage;
use crate::core::record::Record;
use crate::core::stray;
use crate::core::value::folded;
use crate::source::HrSource;
use crate::store::{Store, StoreError};

/// People whose records are asked for at a time.
const WANTED: usize = 5_000;

impl<S: HrSource> Member<S> {
    /// Why those who changed cannot be taken for what a delta says of them: a column stands in no record of it, and one of them had something
    /// there. Of whoever has left nothing else is needed. The answer names the columns, and one of the people.
    ///
    /// # Errors
    /// Where the database fails.
    pub(super) async fn lost(
        &self,
        store: &Store,
        changed: &[Record],
        coverage: &Coverage,
    ) -> Result<Option<String>, StoreError> {
        let has_left =
            |record: &&Record| record.get("status").is_some_and(|status| self.left.contains(&folded(status)));
        let ids: Vec<String> = changed
            .iter()
            .filter(|record| !coverage.absent.is_empty() && !has_left(record))
            .map(|record| self.origin.id(record.employee_id()))
            .collect();
        for some in ids.chunks(WANTED) {
            for row in store.register_of(some).await? {
                let had = |column: &&String| row.kept.fields.contains_key(*column);
                if row.source != self.origin.name || row.gone || !coverage.absent.iter().any(|one| had(&one))
                {
                    continue;
                }
                let lost: Vec<&str> = coverage.absent.iter().filter(had).map(String::as_str).collect();
                return Ok(Some(format!(
                    "in what changed no record has what source.columns has for {}, which employee {} had, so everybody was read; \
                     correct the path, or take the column out if the system does not send it any more",
                    lost.join(", "),
                    row.employee_id,
                )));
            }
        }
        Ok(None)
    }

    /// How many of the records that share an employee id may be of somebody whose own was lost: by what was known of the id.
    ///
    /// # Errors
    /// Where the database fails.
    pub(super) async fn of_others(&self, store: &Store, doubtful: &[Record]) -> Result<u64, StoreError> {
        let ids: BTreeSet<String> =
            doubtful.iter().map(|record| self.origin.id(record.employee_id())).collect();
        let ids: Vec<String> = ids.into_iter().collect();
        let mut rows = Vec::new();
        for some in ids.chunks(WANTED) {
            rows.extend(store.register_of(some).await?);
        }
        let known: HashMap<&str, BTreeSet<String>> = rows
            .iter()
            .filter(|row| row.source == self.origin.name && !row.gone)
            .filter_map(|row| {
                let own = row.employee_id.strip_prefix(self.origin.id_prefix.as_str())?;
                Some((own, stray::compared(row.kept.fields.values().map(String::as_str))))
            })
            .collect();
        Ok(stray::of_others(doubtful, &known))
    }
}
