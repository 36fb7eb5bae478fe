//! The audit's chain in the database: appended in the transaction of what it tells, in bulk.

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::{Store, StoreError, Tx, millis, to_json};
use crate::core::audit::configuration::{Values, change, other_secrets, replay};
use crate::core::audit::{Entry, Head, Kind};

/// How many records one statement takes.
const CHUNK: usize = 2_000;

/// Appends entries to the chain. Whatever is recorded is stored in the same transaction, so a crash leaves both or neither;
/// the transaction has to be one that writes from its beginning (`BEGIN IMMEDIATE`), so that nobody appends in between.
pub(super) async fn append(tx: &mut Tx, now: DateTime<Utc>, entries: &[Entry]) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let row = sqlx::query("SELECT seq, hash FROM audit_head").fetch_one(&mut **tx).await?;
    let mut head = Head { seq: row.get(0), hash: row.get(1) };
    for chunk in entries.chunks(CHUNK) {
        let mut rows = Vec::with_capacity(chunk.len());
        for entry in chunk {
            let record = head.link(now, entry);
            head = Head { seq: record.seq, hash: record.hash.clone() };
            rows.push((record.seq, entry.kind.name(), &entry.employee_id, &entry.body, record.hash));
        }
        sqlx::query(concat!(
            unpacked!("?1"),
            "INSERT INTO audit (seq, at, kind, employee_id, body, hash) \
             SELECT value ->> 0, ?2, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM j ORDER BY key"
        ))
        .bind(to_json(&rows))
        .bind(millis(now))
        .execute(&mut **tx)
        .await?;
    }
    sqlx::query("UPDATE audit_head SET seq = ?1, hash = ?2")
        .bind(head.seq)
        .bind(&head.hash)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

impl Store {
    /// Records what differs in the configuration from the one that was recorded last; nothing, if nothing does.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn record_configuration(&self, values: &Values, now: DateTime<Utc>) -> Result<(), StoreError> {
        const CHANGES: &str = "SELECT body FROM audit WHERE kind = 'configuration' ORDER BY seq";
        // A body that cannot be read was meddled with: `audit verify` tells, and its keys count as changed.
        let known =
            |bodies: Vec<String>| replay(bodies.iter().filter_map(|body| serde_json::from_str(body).ok()));
        let before = known(sqlx::query_scalar(CHANGES).fetch_all(&self.readers).await?);
        if change(&before, values).is_none() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        let before = known(sqlx::query_scalar(CHANGES).fetch_all(&mut *tx).await?);
        if let Some(change) = change(&before, values) {
            append(&mut tx, now, &[Entry::new(Kind::Configuration, &change)]).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Records that the secrets of these keys are other ones, in a configuration that comes to `values`.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn record_secrets(
        &self,
        values: &Values,
        keys: &[String],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        append(&mut tx, now, &[Entry::new(Kind::Configuration, &other_secrets(values, keys))]).await?;
        Ok(tx.commit().await?)
    }

    /// The newest record of the audit.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn audit_head(&self) -> Result<Head, StoreError> {
        let row = sqlx::query("SELECT seq, hash FROM audit_head").fetch_one(&self.readers).await?;
        Ok(Head { seq: row.get(0), hash: row.get(1) })
    }
}
