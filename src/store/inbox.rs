//! The deliveries that wait, as runs read them.

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::delivery::give_up_over;
use super::{Store, StoreError, millis};
use crate::core::delivery::{Delivery, DeliveryKind, Format};

impl Store {
    /// Lets a run that begins read the deliveries that wait. The answer is its key: the one that their senders were told, where
    /// some wait for a first run, and `fresh` otherwise. `None`: none waits at all.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn start_deliveries(
        &self,
        fresh: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<String>, StoreError> {
        let any = "SELECT EXISTS (SELECT 1 FROM delivery WHERE accepted IS NOT NULL AND taken_at IS NULL)";
        if !sqlx::query_scalar(any).fetch_one(&self.readers).await? {
            return Ok(None);
        }
        let mut tx = self.begin().await?;
        let sql = "SELECT run_id FROM delivery WHERE accepted IS NOT NULL AND started_at IS NULL ORDER BY accepted LIMIT 1";
        let told: Option<String> = sqlx::query_scalar(sql).fetch_optional(&mut *tx).await?;
        let run_id = told.unwrap_or_else(|| fresh.to_owned());
        let start = "UPDATE delivery SET (started_at, reader) = (coalesce(started_at, ?2), ?1) \
                     WHERE accepted IS NOT NULL AND taken_at IS NULL AND (run_id = ?1 OR started_at IS NOT NULL)";
        sqlx::query(start).bind(&run_id).bind(millis(now)).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(Some(run_id))
    }

    /// Whether one waits whose run has not begun, or was killed.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn delivery_waits(&self) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM delivery WHERE accepted IS NOT NULL AND taken_at IS NULL \
                   AND (reader IS NULL OR reader NOT IN (SELECT run_id FROM run)))";
        Ok(sqlx::query_scalar(sql).fetch_one(&self.readers).await?)
    }

    /// Every delivery to a source that is accepted and kept, in the order in which they were accepted. `started`: only those
    /// that a run has begun with.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn kept_deliveries(&self, source: &str, started: bool) -> Result<Vec<Delivery>, StoreError> {
        let sql = "SELECT d.delivery_id, d.accepted, d.name, d.kind, count(p.part) \
                   FROM delivery d JOIN delivery_part p USING (delivery_id) \
                   WHERE d.source = ?1 AND d.accepted IS NOT NULL AND (d.started_at IS NOT NULL OR NOT ?2) \
                   GROUP BY d.delivery_id ORDER BY d.accepted";
        let rows = sqlx::query(sql).bind(source).bind(started).fetch_all(&self.readers).await?;
        let delivery = |row: &sqlx::sqlite::SqliteRow| Delivery {
            id: row.get(0),
            accepted: row.get(1),
            name: row.get(2),
            kind: match row.get(3) {
                "snapshot" => DeliveryKind::Snapshot,
                _ => DeliveryKind::Delta,
            },
            parts: row.get(4),
        };
        Ok(rows.iter().map(delivery).collect())
    }

    /// What stood in the newest accepted delivery to a source and no column read.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn delivery_unmapped(&self, source: &str) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT value FROM json_each((SELECT unmapped FROM delivery WHERE source = ?1 AND accepted IS NOT NULL \
                   ORDER BY accepted DESC LIMIT 1)) ORDER BY value";
        Ok(sqlx::query_scalar(sql).bind(source).fetch_all(&self.readers).await?)
    }

    /// One part of a delivery.
    ///
    /// # Errors
    /// Where the database fails, or has none.
    pub async fn delivery_part(&self, delivery: i64, part: u32) -> Result<(Format, Vec<u8>), StoreError> {
        let sql = "SELECT format, body FROM delivery_part WHERE delivery_id = ?1 AND part = ?2";
        let row = sqlx::query(sql).bind(delivery).bind(part).fetch_optional(&self.readers).await?;
        let part = row.and_then(|row| Some((Format::from_name(row.get(0))?, row.get(1))));
        part.ok_or(StoreError::Corrupt { what: "a part of a delivery" })
    }

    /// What was accepted up to this one is stored with a plan. Its bodies go, but for what has to be read again behind a snapshot
    /// that is still open. One that was open for too long is given up, so that nothing is kept for it and it cannot be committed
    /// without.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn deliveries_taken(
        &self,
        source: &str,
        up_to: i64,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        // Most reads find nothing, and nothing is to be written for them.
        let sql = "SELECT EXISTS (SELECT 1 FROM delivery d JOIN delivery_part p USING (delivery_id) \
                   WHERE d.source = ?1 AND d.accepted <= ?2)";
        if !sqlx::query_scalar(sql).bind(source).bind(up_to).fetch_one(&self.readers).await? {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        give_up_over(&mut tx, now).await?;
        let take =
            "UPDATE delivery SET taken_at = ?3 WHERE source = ?1 AND accepted <= ?2 AND taken_at IS NULL";
        sqlx::query(take).bind(source).bind(up_to).bind(millis(now)).execute(&mut *tx).await?;
        let sql = "DELETE FROM delivery_part WHERE delivery_id IN \
                     (SELECT delivery_id FROM delivery WHERE source = ?1 AND taken_at IS NOT NULL) \
                   AND NOT EXISTS (SELECT 1 FROM delivery o WHERE o.source = ?1 AND o.accepted IS NULL \
                     AND o.delivery_id < delivery_part.delivery_id)";
        sqlx::query(sql).bind(source).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    /// How the run went that read what a sender was told would be read by `run_id`: its outcome, or `waiting`; `None`: nobody was told of such a one.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn told_run(&self, source: &str, run_id: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT coalesce((SELECT outcome FROM run WHERE run_id = d.reader), 'waiting') \
                   FROM delivery d WHERE d.source = ?1 AND d.run_id = ?2 ORDER BY d.accepted DESC LIMIT 1";
        Ok(sqlx::query_scalar(sql).bind(source).bind(run_id).fetch_optional(&self.readers).await?)
    }
}
