//! What sources said and nobody can use, as long as no newer word has come.

use std::collections::HashMap;

use sqlx::Row;

use super::register::SourceCommit;
use super::{Store, StoreError, Tx, to_json};
use crate::core::record::Rejection;

impl Store {
    /// What of each source cannot be used and stands, by the source's name; ids with the prefix.
    ///
    /// # Errors
    /// Where the database fails or holds what cannot be read.
    pub async fn refused_words(&self) -> Result<HashMap<String, Vec<Rejection>>, StoreError> {
        let rows =
            sqlx::query("SELECT source, word FROM refused ORDER BY rowid").fetch_all(&self.readers).await?;
        let mut words: HashMap<String, Vec<Rejection>> = HashMap::new();
        for row in rows {
            let corrupt = |_| StoreError::Corrupt { what: "a word of the register that cannot be used" };
            let word = serde_json::from_str(row.get(1)).map_err(corrupt)?;
            words.entry(row.get(0)).or_default().push(word);
        }
        Ok(words)
    }
}

/// Stores what of a read cannot be used, and takes back what it replaces.
pub(super) async fn store_refused(tx: &mut Tx, one: &SourceCommit) -> Result<(), StoreError> {
    let stored: Vec<String> = sqlx::query_scalar("SELECT word FROM refused WHERE source = ?1 ORDER BY rowid")
        .bind(&one.name)
        .fetch_all(&mut **tx)
        .await?;
    let words: Vec<String> = one.refused.iter().map(to_json).collect();
    if one.full.is_some() {
        if stored == words {
            return Ok(());
        }
        sqlx::query("DELETE FROM refused WHERE source = ?1").bind(&one.name).execute(&mut **tx).await?;
    } else if !stored.is_empty() {
        let refused = one.refused.iter().filter_map(|one| one.employee_id.as_ref());
        let ids: Vec<&String> = one.changes.keys().chain(refused).collect();
        let sql =
            "DELETE FROM refused WHERE source = ?1 AND employee_id IN (SELECT value FROM json_each(?2))";
        sqlx::query(sql).bind(&one.name).bind(to_json(&ids)).execute(&mut **tx).await?;
    }
    let ids = one.refused.iter().map(|one| &one.employee_id);
    let rows: Vec<_> = ids.zip(&words).collect();
    let sql = "INSERT INTO refused (source, employee_id, word) \
               SELECT ?1, value ->> 0, value ->> 1 FROM json_each(?2)";
    sqlx::query(sql).bind(&one.name).bind(to_json(&rows)).execute(&mut **tx).await?;
    Ok(())
}
