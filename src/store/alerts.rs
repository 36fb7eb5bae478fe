//! Alerts as they stand, and the messages about them that wait for a channel.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError, from_millis, millis, to_json};
use crate::core::alerts::{Alert, AuditVerdict, Message};

/// What is known of alerts.
#[derive(Clone, Debug)]
pub struct AlertState {
    /// Which change was the newest.
    pub turn: i64,
    /// The alerts, with those that ended of late.
    pub alerts: Vec<Alert>,
    /// Up to when the digests have counted; `None`: there was none.
    pub digest_at: Option<DateTime<Utc>>,
    /// What looking through the audit came to last.
    pub audit: Option<AuditVerdict>,
}

/// What changes.
#[derive(Debug)]
pub struct AlertCommit<'a> {
    /// The state that it was decided by.
    pub turn: i64,
    /// The alerts as they stand from now on.
    pub alerts: &'a [Alert],
    /// New messages, each with what it is about: those about one thing are sent in their order.
    pub messages: &'a [(String, Message)],
    /// Who is to have them.
    pub channels: &'a [&'static str],
    /// Up to when the digests have counted.
    pub digest_at: Option<DateTime<Utc>>,
}

/// A message in the hands of a channel.
#[derive(Clone, Debug)]
pub struct ClaimedMessage {
    /// Its number.
    pub number: i64,
    /// The number of this attempt, from 1; also the fence.
    pub attempt: u32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The message.
    pub message: Message,
}

/// A message that a channel does not have yet.
#[derive(Clone, Debug, Serialize)]
pub struct Undelivered {
    /// The message's id.
    pub message_id: String,
    /// What it is about.
    pub about: String,
    /// Which channel.
    pub channel: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it did not work last.
    pub error: Option<String>,
}

impl Store {
    /// How alerts stand.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn alert_state(&self) -> Result<AlertState, StoreError> {
        let mut tx = self.readers.begin().await?;
        let memo = "SELECT turn, digest_at, audit_checked_at, audit_fault FROM alert_memo";
        let memo = sqlx::query(memo).fetch_one(&mut *tx).await?;
        let sql = "SELECT condition, raised_at, told_at, told_count, quiet_since, ended_at, times FROM alert ORDER BY raised_at, about";
        let rows = sqlx::query(sql).fetch_all(&mut *tx).await?;
        let checked_at: Option<i64> = memo.get(2);
        Ok(AlertState {
            turn: memo.get(0),
            alerts: rows.iter().map(alert).collect::<Result<_, _>>()?,
            digest_at: memo.get::<Option<i64>, _>(1).map(from_millis),
            audit: checked_at.map(|at| AuditVerdict { checked_at: from_millis(at), fault: memo.get(3) }),
        })
    }

    /// Stores alerts and their messages in one transaction. The answer is whether it was; it is not where another process was faster.
    ///
    /// # Errors
    /// Where the database fails; then nothing is stored.
    pub async fn commit_alerts(
        &self,
        commit: &AlertCommit<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let sql = "UPDATE alert_memo SET turn = turn + 1, digest_at = ?2 WHERE turn = ?1";
        let done =
            sqlx::query(sql).bind(commit.turn).bind(commit.digest_at.map(millis)).execute(&mut *tx).await?;
        if done.rows_affected() != 1 {
            return Ok(false);
        }
        sqlx::query("DELETE FROM alert").execute(&mut *tx).await?;
        for one in commit.alerts {
            let sql = "INSERT INTO alert (about, condition, raised_at, told_at, told_count, quiet_since, ended_at, times) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
            sqlx::query(sql)
                .bind(one.condition.key())
                .bind(to_json(&one.condition))
                .bind(millis(one.raised_at))
                .bind(millis(one.told_at))
                .bind(one.told_count.cast_signed())
                .bind(one.quiet_since.map(millis))
                .bind(one.ended_at.map(millis))
                .bind(one.times)
                .execute(&mut *tx)
                .await?;
        }
        for (about, message) in commit.messages {
            let sql =
                "INSERT INTO alert_message (about, message, created_at) VALUES (?1, ?2, ?3) RETURNING number";
            let query = sqlx::query_scalar(sql).bind(about).bind(to_json(message)).bind(millis(now));
            let number: i64 = query.fetch_one(&mut *tx).await?;
            for channel in commit.channels {
                let sql = "INSERT INTO alert_delivery (number, channel, not_before) VALUES (?1, ?2, ?3)";
                sqlx::query(sql).bind(number).bind(channel).bind(millis(now)).execute(&mut *tx).await?;
            }
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Takes the next message that is due for a channel. Until `until` nobody else takes it. What seems to be due only after `horizon` was
    /// put off by a clock that was wrong, and is due.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn claim_message(
        &self,
        channel: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        horizon: DateTime<Utc>,
    ) -> Result<Option<ClaimedMessage>, StoreError> {
        // A recovery does not overtake what it is the recovery of.
        const DUE: &str = "SELECT d.number, d.attempts, m.created_at, m.message FROM alert_delivery d JOIN alert_message m USING (number) \
                           WHERE d.channel = ?1 AND (d.not_before <= ?2 OR d.not_before > ?3) AND NOT EXISTS \
                             (SELECT 1 FROM alert_delivery e JOIN alert_message n USING (number) \
                              WHERE e.channel = ?1 AND n.about = m.about AND e.number < d.number) \
                           ORDER BY d.number LIMIT 1";
        let due = || sqlx::query(DUE).bind(channel).bind(millis(now)).bind(millis(horizon));
        // Nearly always nothing is: then nobody has to wait for the right to write.
        if due().fetch_optional(&self.readers).await?.is_none() {
            return Ok(None);
        }
        let mut tx = self.begin().await?;
        let Some(row) = due().fetch_optional(&mut *tx).await? else { return Ok(None) };
        let (number, attempts): (i64, u32) = (row.get(0), row.get(1));
        let sql = "UPDATE alert_delivery SET attempts = attempts + 1, not_before = ?3 WHERE number = ?1 AND channel = ?2";
        sqlx::query(sql).bind(number).bind(channel).bind(millis(until)).execute(&mut *tx).await?;
        let message = serde_json::from_str(row.get(3));
        let message = message.map_err(|_| StoreError::Corrupt { what: "the message of an alert" })?;
        let created_at = from_millis(row.get(2));
        tx.commit().await?;
        Ok(Some(ClaimedMessage { number, attempt: attempts + 1, created_at, message }))
    }

    /// The channel has it, or never will: it is not sent there any more.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn end_message(&self, channel: &str, claimed: &ClaimedMessage) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let sql = "DELETE FROM alert_delivery WHERE number = ?1 AND channel = ?2 AND attempts = ?3";
        sqlx::query(sql).bind(claimed.number).bind(channel).bind(claimed.attempt).execute(&mut *tx).await?;
        sqlx::query(FORGET_DELIVERED).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    /// It did not work, and is tried again at `at`. `error`: why, without any secret.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn put_off_message(
        &self,
        channel: &str,
        claimed: &ClaimedMessage,
        at: DateTime<Utc>,
        error: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let sql = "UPDATE alert_delivery SET not_before = ?4, error = ?5 WHERE number = ?1 AND channel = ?2 AND attempts = ?3";
        let query = sqlx::query(sql).bind(claimed.number).bind(channel).bind(claimed.attempt);
        query.bind(millis(at)).bind(error).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    /// Forgets what waits for channels that are not configured any more. The answer is how many deliveries that were.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn keep_channels(&self, channels: &[&str]) -> Result<u64, StoreError> {
        let all = to_json(&channels);
        let sql =
            "SELECT count(*) FROM alert_delivery WHERE channel NOT IN (SELECT value FROM json_each(?1))";
        let strangers: i64 = sqlx::query_scalar(sql).bind(&all).fetch_one(&self.readers).await?;
        if strangers == 0 {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        let sql = "DELETE FROM alert_delivery WHERE channel NOT IN (SELECT value FROM json_each(?1))";
        let gone = sqlx::query(sql).bind(&all).execute(&mut *tx).await?.rows_affected();
        sqlx::query(FORGET_DELIVERED).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(gone)
    }

    /// What channels do not have yet, in the order in which it was made.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn undelivered(&self) -> Result<Vec<Undelivered>, StoreError> {
        let sql = "SELECT message ->> 'id', about, channel, attempts, error FROM alert_delivery JOIN alert_message USING (number) \
                   ORDER BY number, channel";
        let rows = sqlx::query(sql).fetch_all(&self.readers).await?;
        let one = |row: &SqliteRow| Undelivered {
            message_id: row.get(0),
            about: row.get(1),
            channel: row.get(2),
            attempts: row.get(3),
            error: row.get(4),
        };
        Ok(rows.iter().map(one).collect())
    }

    /// How many messages wait, by channel.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn waiting_messages(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let sql = "SELECT channel, count(*) FROM alert_delivery GROUP BY channel";
        let rows: Vec<(String, i64)> = sqlx::query_as(sql).fetch_all(&self.readers).await?;
        Ok(rows.into_iter().map(|(channel, number)| (channel, number.unsigned_abs())).collect())
    }

    /// Notes what looking through the audit came to.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn note_audit_verdict(&self, verdict: &AuditVerdict) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let sql = "UPDATE alert_memo SET audit_checked_at = ?1, audit_fault = ?2";
        sqlx::query(sql).bind(millis(verdict.checked_at)).bind(&verdict.fault).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }
}

/// A message that every channel has is of no further use.
const FORGET_DELIVERED: &str =
    "DELETE FROM alert_message WHERE number NOT IN (SELECT number FROM alert_delivery)";

fn alert(row: &SqliteRow) -> Result<Alert, StoreError> {
    let condition = serde_json::from_str(row.get(0));
    Ok(Alert {
        condition: condition.map_err(|_| StoreError::Corrupt { what: "the condition of an alert" })?,
        raised_at: from_millis(row.get(1)),
        told_at: from_millis(row.get(2)),
        told_count: row.get::<i64, _>(3).unsigned_abs(),
        quiet_since: row.get::<Option<i64>, _>(4).map(from_millis),
        ended_at: row.get::<Option<i64>, _>(5).map(from_millis),
        times: row.get(6),
    })
}
