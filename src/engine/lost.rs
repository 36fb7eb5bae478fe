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
    /// Why those who changed cannot be taken for what a delta says of them: one of them had something in a column that stands in no record of
    /// it, or that their own record leaves out. Of whoever has left nothing else is needed. The answer names the columns, and one of the people.
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
        let mut left_out: HashMap<String, Vec<&str>> = HashMap::new();
        for (column, own) in
            coverage.lacking.iter().flat_map(|(column, ids)| ids.iter().map(move |id| (column, id)))
        {
            left_out.entry(self.origin.id(own)).or_default().push(column);
        }
        let ids: Vec<String> = changed
            .iter()
            .filter(|record| !has_left(record))
            .map(|record| self.origin.id(record.employee_id()))
            .filter(|id| !coverage.absent.is_empty() || left_out.contains_key(id))
            .collect();
        for some in ids.chunks(WANTED) {
            for row in store
                .register_of(some)
                .await?
                .iter()
                .filter(|row| row.source == self.origin.name && !row.gone)
            {
                let had = |column: &&str| row.kept.fields.contains_key(*column);
                let nowhere: Vec<&str> = coverage.absent.iter().map(String::as_str).filter(had).collect();
                let own = left_out.get(&row.employee_id).into_iter().flatten().copied().filter(had);
                let (what, lost, mend) = match nowhere.is_empty() {
                    false => (
                        "no record has",
                        nowhere,
                        "correct the path, or take the column out if the system does not send it any more",
                    ),
                    true => (
                        "one record leaves out",
                        own.collect(),
                        "where the system leaves out what is empty, name the column in source.rest.paging.sparse_columns",
                    ),
                };
                if !lost.is_empty() {
                    return Ok(Some(format!(
                        "in what changed {what} what source.columns has for {}, which employee {} had, so everybody was read; {mend}",
                        lost.join(", "),
                        row.employee_id,
                    )));
                }
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
