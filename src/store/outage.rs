//! The outage that a pool waits out, for other processes to see.

use sqlx::Row;

use super::{Store, StoreError, from_millis, millis};
use crate::core::breaker::Pause;

impl Store {
    /// Remembers the outage as it stands now.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn note_outage(&self, pause: &Pause) -> Result<(), StoreError> {
        let sql = "INSERT INTO outage (only_row, since, next_probe_at, streak, credentials, message) VALUES (1, ?1, ?2, ?3, ?4, ?5) \
                   ON CONFLICT (only_row) DO UPDATE SET since = excluded.since, next_probe_at = excluded.next_probe_at, \
                   streak = excluded.streak, credentials = excluded.credentials, message = excluded.message";
        let mut tx = self.begin().await?;
        sqlx::query(sql)
            .bind(millis(pause.since))
            .bind(millis(pause.until))
            .bind(pause.streak)
            .bind(pause.credentials)
            .bind(&pause.message)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// The outage is over.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn forget_outage(&self) -> Result<(), StoreError> {
        if self.outage().await?.is_none() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM outage").execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    /// The outage that is known, if one is.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn outage(&self) -> Result<Option<Pause>, StoreError> {
        let sql = "SELECT since, next_probe_at, streak, credentials, message FROM outage";
        let row = sqlx::query(sql).fetch_optional(&self.readers).await?;
        Ok(row.map(|row| Pause {
            since: from_millis(row.get(0)),
            until: from_millis(row.get(1)),
            streak: row.get(2),
            failed_probes: 0,
            failed_trials: 0,
            credentials: row.get(3),
            message: row.get(4),
        }))
    }
}
