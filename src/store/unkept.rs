//! Attributes that Workiva was seen not to keep.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::{Store, StoreError, millis};

impl Store {
    /// The attributes (SCIM paths) that Workiva was seen not to keep, each with whether the answer lacked it.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn unkept(&self) -> Result<BTreeMap<String, bool>, StoreError> {
        let sql = "SELECT attribute, is_lacking FROM unkept_attribute";
        let rows = sqlx::query(sql).fetch_all(&self.readers).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Keeps in mind that Workiva was seen not to keep these. What is known of one already stands.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn keep_unkept(
        &self,
        noticed: &BTreeMap<String, bool>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for (attribute, is_lacking) in noticed {
            let sql = "INSERT OR IGNORE INTO unkept_attribute (attribute, is_lacking, noticed_at) VALUES (?1, ?2, ?3)";
            let query = sqlx::query(sql).bind(attribute).bind(is_lacking).bind(millis(now));
            query.execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
