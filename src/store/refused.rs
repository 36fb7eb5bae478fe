//! What sources said and nobody can use, as long as no newer word has come.

use std::collections::{HashMap, HashSet};

use sqlx::Row;

use super::register::SourceCommit;
use super::{Store, StoreError, Tx, to_json};
use crate::core::record::Rejection;
use crate::core::refusal::after;

impl Store {
    /// The employee ids that could not be used in the newest accepted run in which nobody was missing who may have been in such a row.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn known_refused(&self) -> Result<HashSet<String>, StoreError> {
        let sql = "SELECT DISTINCT employee_id FROM rejection WHERE employee_id IS NOT NULL AND run_id = (SELECT run_id FROM run \
                   WHERE input IS NOT NULL AND accepted = 1 AND unsure_absence = 0 ORDER BY rowid DESC LIMIT 1)";
        Ok(sqlx::query_scalar(sql).fetch_all(&self.readers).await?.into_iter().collect())
    }

    /// What of each source cannot be used and stands, by the source's name; ids with the prefix.
    ///
    /// # Errors
    /// Where the database fails or holds what cannot be read.
    pub async fn refused_words(&self) -> Result<HashMap<String, Vec<Rejection>>, StoreError> {
        let rows =
            sqlx::query("SELECT source, word FROM refused ORDER BY rowid").fetch_all(&self.readers).await?;
        let mut words: HashMap<String, Vec<Rejection>> = HashMap::new();
        for row in rows {
            words.entry(row.get(0)).or_default().push(read_word(row.get(1))?);
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
    let words = stored.iter().map(|word| read_word(word)).collect::<Result<_, _>>()?;
    let standing = after(words, &one.changes, &one.refused, one.full.is_some());
    let words: Vec<String> = standing.iter().map(to_json).collect();
    if stored == words {
        return Ok(());
    }
    sqlx::query("DELETE FROM refused WHERE source = ?1").bind(&one.name).execute(&mut **tx).await?;
    let rows: Vec<_> = standing.iter().map(|one| &one.employee_id).zip(&words).collect();
    let sql = "INSERT INTO refused (source, employee_id, word) \
               SELECT ?1, value ->> 0, value ->> 1 FROM json_each(?2)";
    sqlx::query(sql).bind(&one.name).bind(to_json(&rows)).execute(&mut **tx).await?;
    Ok(())
}

fn read_word(word: &str) -> Result<Rejection, StoreError> {
    let corrupt = |_| StoreError::Corrupt { what: "a word of the register that cannot be used" };
    serde_json::from_str(word).map_err(corrupt)
}
