//! Sources whose newest read failed, since when and why.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::{Store, StoreError, from_millis, millis};

/// A read that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRead {
    /// The source's name.
    pub source: String,
    /// When it began.
    pub began: DateTime<Utc>,
    /// Why it failed, without anybody's values.
    pub why: String,
}

/// A source whose newest read failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFailure {
    /// When the first of these reads in a row began.
    pub since: DateTime<Utc>,
    /// When the newest did.
    pub at: DateTime<Utc>,
    /// Why that failed, without anybody's values.
    pub why: String,
}

impl Store {
    /// The sources whose newest read failed, by name.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn source_failures(&self) -> Result<HashMap<String, SourceFailure>, StoreError> {
        let sql = "SELECT source, since, at, why FROM source_failure";
        let rows: Vec<(String, i64, i64, String)> = sqlx::query_as(sql).fetch_all(&self.readers).await?;
        let failure = |(source, since, at, why)| {
            (source, SourceFailure { since: from_millis(since), at: from_millis(at), why })
        };
        Ok(rows.into_iter().map(failure).collect())
    }

    /// Notes reads that failed. A read that is stored takes it back.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn note_failures(&self, failed: &[FailedRead]) -> Result<(), StoreError> {
        if failed.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        // What was read later, by another process, has more to say.
        let sql = "INSERT INTO source_failure (source, since, at, why) SELECT ?1, ?2, ?2, ?3 \
                   WHERE NOT EXISTS (SELECT 1 FROM source_state WHERE source = ?1 AND read_at > ?2) \
                   ON CONFLICT (source) DO UPDATE SET (at, why) = (excluded.at, excluded.why)";
        for one in failed {
            let bound = sqlx::query(sql).bind(&one.source).bind(millis(one.began)).bind(&one.why);
            bound.execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }
}
