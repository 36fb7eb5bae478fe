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

    /// The address of the Workiva that this database belongs to, if there is one yet, and whether it holds accounts or
    /// work of that one.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn workiva_address(&self) -> Result<Option<(String, bool)>, StoreError> {
        let sql = "SELECT base_url, EXISTS (SELECT 1 FROM account) \
                     OR EXISTS (SELECT 1 FROM action WHERE state IN ('queued', 'parked', 'held')) FROM workiva";
        Ok(sqlx::query_as(sql).fetch_optional(&self.readers).await?)
    }

    /// From now on the database belongs to the Workiva at this address.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn belongs_to(&self, base_url: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO workiva (only_row, base_url) VALUES (1, ?1) \
                   ON CONFLICT (only_row) DO UPDATE SET base_url = excluded.base_url";
        let mut tx = self.begin().await?;
        sqlx::query(sql).bind(base_url).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
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
        let mut tx = self.begin().await?;
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
