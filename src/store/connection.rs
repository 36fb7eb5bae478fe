//! Which connections have been found working.

use chrono::{DateTime, Utc};

use super::audit::append;
use super::recorded;
use super::{Store, StoreError, millis, to_json};
use crate::core::scim::Capabilities;

impl Store {
    /// What Workiva was found to be able to do under these settings; `None`: they were never checked with success.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn checked_connection(&self, settings: &str) -> Result<Option<Capabilities>, StoreError> {
        let sql = "SELECT capabilities FROM connection WHERE settings = ?1";
        let json: Option<String> =
            sqlx::query_scalar(sql).bind(settings).fetch_optional(&self.readers).await?;
        Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
    }

    /// Remembers that the connection was checked with success.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn connection_works(
        &self,
        settings: &str,
        capabilities: &Capabilities,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query(
            "INSERT INTO connection (settings, checked_at, capabilities) VALUES (?1, ?2, ?3) \
             ON CONFLICT (settings) DO UPDATE SET checked_at = excluded.checked_at, capabilities = excluded.capabilities",
        )
        .bind(settings)
        .bind(millis(now))
        .bind(to_json(capabilities))
        .execute(&mut *tx)
        .await?;
        append(&mut tx, now, &[recorded::connection(settings, capabilities)]).await?;
        Ok(tx.commit().await?)
    }
}
