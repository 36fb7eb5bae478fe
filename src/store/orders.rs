//! What an operator orders about single actions: retry, discard.

use chrono::{DateTime, Utc};

use super::audit::append;
use super::memberships::let_go;
use super::recorded::ordered;
use super::{Store, StoreError, millis, to_json};
use crate::core::audit::{By, Entry, Kind};

impl Store {
    /// Puts parked actions back into the queue with fresh attempts; `None`: all. One that was discarded is taken up again where it is
    /// named, still counts, and takes nobody else's account over: whose it is would have to be asked anew. `by`: whoever ordered it. The
    /// answer is which.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn retry_parked<'a>(
        &self,
        ids: Option<&[i64]>,
        by: impl Into<By<'a>>,
        now: DateTime<Utc>,
    ) -> Result<Vec<i64>, StoreError> {
        // What it once waited for may not be there any more.
        let sql = "UPDATE action SET state = 'queued', attempts = 0, not_before = ?2, reaffirmed_at = ?2, waits = (group_id IS NOT NULL AND withdrawn = 0), \
                     ended_at = NULL, ended_behind = NULL \
                   WHERE (state = 'parked' AND (?1 IS NULL OR action_id IN (SELECT value FROM json_each(?1)))) \
                     OR (state = 'discarded' AND moved_from IS NULL AND action_id IN (SELECT value FROM json_each(?1)) \
                       AND NOT EXISTS (SELECT 1 FROM action o WHERE o.employee_id = action.employee_id \
                         AND coalesce(o.group_id, '') = coalesce(action.group_id, '') \
                         AND (o.state IN ('queued', 'parked') OR (o.state = 'discarded' AND o.action_id > action.action_id)))) \
                   RETURNING action_id, employee_id";
        self.order(sql, Kind::Retry, ids, by.into(), now).await
    }

    /// Gives parked actions up until HR or the configuration says something new; `None`: all. `by`: whoever ordered it. The
    /// answer is which.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn discard_parked<'a>(
        &self,
        ids: Option<&[i64]>,
        by: impl Into<By<'a>>,
        now: DateTime<Utc>,
    ) -> Result<Vec<i64>, StoreError> {
        let sql = "UPDATE action SET state = 'discarded', ended_at = ?2, ended_behind = (SELECT max(action_id) FROM action) \
                   WHERE state = 'parked' AND (?1 IS NULL OR action_id IN (SELECT value FROM json_each(?1))) \
                   RETURNING action_id, employee_id";
        self.order(sql, Kind::Discard, ids, by.into(), now).await
    }

    /// How many people keep access, or may keep it, since an operator discarded the action that was to take it: a suspend, a delete, or
    /// the end of their last workspace.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn discarded_ends(&self) -> Result<u64, StoreError> {
        let sql = concat!("SELECT count(DISTINCT o.employee_id) FROM ", kept_access!());
        let people: i64 = sqlx::query_scalar(sql).fetch_one(&self.readers).await?;
        Ok(people.unsigned_abs())
    }

    async fn order(
        &self,
        sql: &'static str,
        kind: Kind,
        ids: Option<&[i64]>,
        by: By<'_>,
        now: DateTime<Utc>,
    ) -> Result<Vec<i64>, StoreError> {
        let mut tx = self.begin().await?;
        let done: Vec<(i64, String)> = sqlx::query_as(sql)
            .bind(ids.map(|ids| to_json(&ids)))
            .bind(millis(now))
            .fetch_all(&mut *tx)
            .await?;
        let told: Vec<Entry> =
            done.iter().map(|(action_id, employee_id)| ordered(kind, *action_id, employee_id, by)).collect();
        let people: Vec<&str> = done.iter().map(|(_, employee_id)| employee_id.as_str()).collect();
        let_go(&mut tx, &people).await?;
        append(&mut tx, now, &told).await?;
        tx.commit().await?;
        Ok(done.into_iter().map(|(action_id, _)| action_id).collect())
    }
}
