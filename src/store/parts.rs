//! The parts of a snapshot that is open, beside each other.

use sqlx::Row;

use super::{Store, StoreError};
use crate::core::delivery::PartFacts;

impl Store {
    /// What was found in the parts of an open snapshot, in the order of their numbers; `None`: no such snapshot is open.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn snapshot_parts(
        &self,
        source: &str,
        snapshot: &str,
    ) -> Result<Option<Vec<PartFacts>>, StoreError> {
        let sql = "SELECT p.part, p.records, p.columns, p.filled, p.people \
                   FROM delivery d LEFT JOIN delivery_part p USING (delivery_id) \
                   WHERE d.source = ?1 AND d.name = ?2 AND d.accepted IS NULL ORDER BY p.part";
        let rows = sqlx::query(sql).bind(source).bind(snapshot).fetch_all(&self.readers).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        // One that is open and has no part yet is a row without a number.
        let parts = rows.iter().filter_map(|row| Some((row.get::<Option<u32>, _>(0)?, row)));
        let corrupt = |_| StoreError::Corrupt { what: "a part of a delivery" };
        let facts = |(number, row): (u32, &sqlx::sqlite::SqliteRow)| {
            let filled = row.get::<Option<&str>, _>(3).map(serde_json::from_str);
            Ok(PartFacts {
                number,
                records: row.get::<i64, _>(1).unsigned_abs(),
                columns: serde_json::from_str(row.get(2)).map_err(corrupt)?,
                filled: filled.transpose().map_err(corrupt)?,
                people: row.get(4),
            })
        };
        parts.map(facts).collect::<Result<_, _>>().map(Some)
    }
}
