//! What HR systems pushed: kept from before the sender is answered until it is stored with a plan.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Row;

use super::{Store, StoreError, Tx, millis, to_json};
use crate::core::delivery::{DeliveryKind, Format, Receipt};

/// How long a snapshot may take from its begin to its commit.
pub const OPEN_FOR: TimeDelta = TimeDelta::hours(24);
/// How long an answer is kept for a request that is sent again, and a delivery's run for whoever asks for it.
pub const REMEMBERED_FOR: TimeDelta = TimeDelta::days(7);
/// The most bytes of one source that may wait to be read.
pub const MOST_WAITING_BYTES: u64 = 1024 * 1024 * 1024;
/// The most bytes of deltas among them: a read holds them in memory.
pub const MOST_WAITING_DELTA_BYTES: u64 = 64 * 1024 * 1024;
/// The most bytes of deltas that are kept behind an open snapshot though they were read: its commit holds them in memory as well.
pub const MOST_KEPT_BYTES: u64 = 128 * 1024 * 1024;

/// One body, read once already.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// How it is written.
    pub format: Format,
    /// What came.
    pub body: &'a [u8],
    /// SHA-256 of it, hexadecimal.
    pub digest: &'a str,
    /// Our columns that stood in one of its records.
    pub columns: &'a BTreeSet<String>,
    /// In how many of them each has a value.
    pub filled: &'a BTreeMap<String, u64>,
    /// The employee ids in it, a line each.
    pub people: &'a str,
    /// What stood there and none of our columns reads.
    pub unmapped: &'a BTreeSet<String>,
    /// What was found in it.
    pub receipt: &'a Receipt,
}

/// A request that is answered once.
#[derive(Clone, Copy, Debug)]
pub struct Idempotent<'a> {
    /// The sender's key.
    pub key: &'a str,
    /// SHA-256 of what was asked, hexadecimal.
    pub request: &'a str,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// It is durable, and this is the answer.
    Accepted(Receipt),
    /// It had been done before; this was the answer.
    Again(Receipt),
    /// Its key was used for another request.
    KeyReused,
    /// No snapshot of this name is open.
    NotOpen,
    /// That part had come with other bytes.
    OtherPart,
    /// The same bytes had come as the part of this number.
    SameAs(u32),
    /// What came is not what is committed; how, in words.
    Incomplete(String),
    /// So much waits to be read that no more is taken.
    Full,
}

impl Store {
    /// Begins a snapshot that comes in parts. One that is still open is given up.
    ///
    /// # Errors
    /// Where the database fails; then nothing is begun.
    pub async fn begin_snapshot(
        &self,
        source: &str,
        name: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        forget(&mut tx, now).await?;
        give_up_open(&mut tx, source).await?;
        insert(&mut tx, source, name, DeliveryKind::Snapshot, now).await?;
        Ok(tx.commit().await?)
    }

    /// Adds a part to an open snapshot.
    ///
    /// # Errors
    /// Where the database fails; then nothing is added.
    pub async fn add_part(
        &self,
        source: &str,
        snapshot: &str,
        number: u32,
        part: &Part<'_>,
        now: DateTime<Utc>,
    ) -> Result<Delivered, StoreError> {
        let mut tx = self.begin().await?;
        let Some(id) = open(&mut tx, source, snapshot, now).await? else { return Ok(Delivered::NotOpen) };
        let sql = "SELECT digest, answer FROM delivery_part WHERE delivery_id = ?1 AND part = ?2";
        let known = sqlx::query(sql).bind(id).bind(number).fetch_optional(&mut *tx).await?;
        if let Some(known) = known {
            let same = known.get::<&str, _>(0) == part.digest;
            return Ok(if same { Delivered::Again(receipt(known.get(1))?) } else { Delivered::OtherPart });
        }
        // Whose place it has taken is in no part. One without records is like any other without.
        let sql =
            "SELECT part FROM delivery_part WHERE delivery_id = ?1 AND digest = ?2 AND records > 0 LIMIT 1";
        let same = sqlx::query_scalar(sql).bind(id).bind(part.digest).fetch_optional(&mut *tx).await?;
        if let Some(same) = same {
            return Ok(Delivered::SameAs(same));
        }
        if is_full(&mut tx, source, DeliveryKind::Snapshot, part.body.len()).await? {
            return Ok(Delivered::Full);
        }
        insert_part(&mut tx, id, number, part).await?;
        tx.commit().await?;
        Ok(Delivered::Accepted(part.receipt.clone()))
    }

    /// Accepts an open snapshot, if these parts with these many records have come. `fresh_run`: the run's key, where none waits to
    /// begin.
    ///
    /// # Errors
    /// Where the database fails; then nothing is accepted.
    pub async fn commit_snapshot(
        &self,
        source: &str,
        snapshot: &str,
        (parts, records): (u32, u64),
        fresh_run: &str,
        now: DateTime<Utc>,
    ) -> Result<Delivered, StoreError> {
        let mut tx = self.begin().await?;
        let answer = |run_id: String| Receipt {
            delivery: snapshot.to_owned(),
            run_id: Some(run_id),
            records,
            ..Receipt::default()
        };
        let Some(id) = open(&mut tx, source, snapshot, now).await? else {
            let sql = "SELECT run_id, records FROM delivery \
                       WHERE source = ?1 AND name = ?2 AND kind = 'snapshot' AND accepted IS NOT NULL";
            let done = sqlx::query(sql).bind(source).bind(snapshot).fetch_optional(&mut *tx).await?;
            return Ok(match done {
                Some(row) if row.get::<i64, _>(1).unsigned_abs() == records => {
                    Delivered::Again(answer(row.get(0)))
                }
                _ => Delivered::NotOpen,
            });
        };
        let sql = "SELECT count(*), coalesce(min(part), 1), coalesce(max(part), 0), coalesce(sum(records), 0) \
                   FROM delivery_part WHERE delivery_id = ?1";
        let (came, lowest, highest, in_them): (i64, i64, i64, i64) =
            sqlx::query_as(sql).bind(id).fetch_one(&mut *tx).await?;
        if (came, lowest, highest) != (parts.into(), 1, parts.into()) {
            return Ok(Delivered::Incomplete(format!(
                "{parts} parts are committed, and {came} have come (numbered {lowest} to {highest}); send what is missing and \
                 commit again"
            )));
        }
        if in_them.unsigned_abs() != records {
            return Ok(Delivered::Incomplete(format!(
                "{records} records are committed, and {in_them} have come; begin anew"
            )));
        }
        let run_id = accept(&mut tx, id, records, fresh_run, now).await?;
        tx.commit().await?;
        Ok(Delivered::Accepted(answer(run_id)))
    }

    /// Accepts a delivery that came in one body. `fresh_run`: the run's key, where none waits to begin.
    ///
    /// # Errors
    /// Where the database fails; then nothing is accepted.
    pub async fn deliver(
        &self,
        source: &str,
        kind: DeliveryKind,
        part: &Part<'_>,
        idempotent: Idempotent<'_>,
        fresh_run: &str,
        now: DateTime<Utc>,
    ) -> Result<Delivered, StoreError> {
        let mut tx = self.begin().await?;
        if let Some(known) = answered(&mut tx, source, idempotent).await? {
            return Ok(known);
        }
        // What is given up takes no room from what comes.
        forget(&mut tx, now).await?;
        if kind == DeliveryKind::Snapshot || keeps_too_much(&mut tx, source).await? {
            give_up_open(&mut tx, source).await?;
        }
        if is_full(&mut tx, source, kind, part.body.len()).await? {
            return Ok(Delivered::Full);
        }
        let id = insert(&mut tx, source, &part.receipt.delivery, kind, now).await?;
        insert_part(&mut tx, id, 1, part).await?;
        let run_id = accept(&mut tx, id, part.receipt.records, fresh_run, now).await?;
        let receipt = Receipt { run_id: Some(run_id), ..part.receipt.clone() };
        sqlx::query("INSERT INTO idempotency (source, key, request, answer, at) VALUES (?1, ?2, ?3, ?4, ?5)")
            .bind(source)
            .bind(idempotent.key)
            .bind(idempotent.request)
            .bind(to_json(&receipt))
            .bind(millis(now))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Delivered::Accepted(receipt))
    }

    /// What was answered to a key, without doing anything; `None`: it is new.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn answered(
        &self,
        source: &str,
        idempotent: Idempotent<'_>,
    ) -> Result<Option<Delivered>, StoreError> {
        let sql = "SELECT request, answer FROM idempotency WHERE source = ?1 AND key = ?2";
        let row = sqlx::query(sql).bind(source).bind(idempotent.key).fetch_optional(&self.readers).await?;
        row.map(|row| judge(&row, idempotent)).transpose()
    }
}

/// Gives up snapshots that were open for too long.
pub(super) async fn give_up_over(tx: &mut Tx, now: DateTime<Utc>) -> Result<(), StoreError> {
    let sql = "DELETE FROM delivery WHERE accepted IS NULL AND begun_at < ?1";
    sqlx::query(sql).bind(millis(now - OPEN_FOR)).execute(&mut **tx).await?;
    Ok(())
}

/// Gives up the snapshot that is open: a newer one has begun, or has come in one body, and the old one would overrule it; or more would
/// be kept for it than may be.
async fn give_up_open(tx: &mut Tx, source: &str) -> Result<(), StoreError> {
    let sql = "DELETE FROM delivery WHERE source = ?1 AND accepted IS NULL";
    sqlx::query(sql).bind(source).execute(&mut **tx).await?;
    Ok(())
}

async fn insert(
    tx: &mut Tx,
    source: &str,
    name: &str,
    kind: DeliveryKind,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let sql =
        "INSERT INTO delivery (source, name, kind, begun_at) VALUES (?1, ?2, ?3, ?4) RETURNING delivery_id";
    let row = sqlx::query(sql).bind(source).bind(name).bind(kind.name()).bind(millis(now));
    Ok(row.fetch_one(&mut **tx).await?.get(0))
}

async fn insert_part(tx: &mut Tx, delivery: i64, number: u32, part: &Part<'_>) -> Result<(), StoreError> {
    let sql = "INSERT INTO delivery_part (delivery_id, part, format, digest, records, columns, answer, bytes, body, filled, people) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    sqlx::query(sql)
        .bind(delivery)
        .bind(number)
        .bind(part.format.name())
        .bind(part.digest)
        .bind(part.receipt.records.cast_signed())
        .bind(to_json(part.columns))
        .bind(to_json(part.receipt))
        .bind(part.body.len().cast_signed() as i64)
        .bind(part.body)
        .bind(to_json(part.filled))
        .bind(part.people)
        .execute(&mut **tx)
        .await?;
    let add = "UPDATE delivery SET unmapped = (SELECT json_group_array(value) FROM \
                 (SELECT value FROM json_each(unmapped) UNION SELECT value FROM json_each(?2))) WHERE delivery_id = ?1";
    sqlx::query(add).bind(delivery).bind(to_json(part.unmapped)).execute(&mut **tx).await?;
    Ok(())
}

/// The snapshot of this name, while it is open: whom it left out may have come since, so it does not stay so for good.
async fn open(
    tx: &mut Tx,
    source: &str,
    snapshot: &str,
    now: DateTime<Utc>,
) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT delivery_id FROM delivery \
               WHERE source = ?1 AND name = ?2 AND accepted IS NULL AND begun_at >= ?3";
    let found = sqlx::query_scalar(sql).bind(source).bind(snapshot).bind(millis(now - OPEN_FOR));
    Ok(found.fetch_optional(&mut **tx).await?)
}

/// Accepts a delivery behind all others. The answer is the run that reads it: one that others wait for as well, if it has not
/// begun.
async fn accept(
    tx: &mut Tx,
    delivery: i64,
    records: u64,
    fresh_run: &str,
    now: DateTime<Utc>,
) -> Result<String, StoreError> {
    let sql = "UPDATE delivery SET accepted = 1 + (SELECT coalesce(max(accepted), 0) FROM delivery), accepted_at = ?2, \
                 records = ?3, run_id = coalesce( \
                   (SELECT run_id FROM delivery WHERE accepted IS NOT NULL AND started_at IS NULL ORDER BY accepted DESC LIMIT 1), \
                   ?4) \
               WHERE delivery_id = ?1 RETURNING run_id";
    let row = sqlx::query(sql).bind(delivery).bind(millis(now)).bind(records.cast_signed()).bind(fresh_run);
    Ok(row.fetch_one(&mut **tx).await?.get(0))
}

async fn answered(
    tx: &mut Tx,
    source: &str,
    idempotent: Idempotent<'_>,
) -> Result<Option<Delivered>, StoreError> {
    let sql = "SELECT request, answer FROM idempotency WHERE source = ?1 AND key = ?2";
    let row = sqlx::query(sql).bind(source).bind(idempotent.key).fetch_optional(&mut **tx).await?;
    row.map(|row| judge(&row, idempotent)).transpose()
}

fn judge(row: &sqlx::sqlite::SqliteRow, idempotent: Idempotent<'_>) -> Result<Delivered, StoreError> {
    if row.get::<&str, _>(0) != idempotent.request {
        return Ok(Delivered::KeyReused);
    }
    Ok(Delivered::Again(receipt(row.get(1))?))
}

fn receipt(text: &str) -> Result<Receipt, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt { what: "the answer to a delivery" })
}

/// Whether a body of this size would be more than may wait. What was read and is kept for an open snapshot waits for nobody: if it
/// counted, no change would be let in until that snapshot is committed, and nobody may ever do that.
async fn is_full(tx: &mut Tx, source: &str, kind: DeliveryKind, bytes: usize) -> Result<bool, StoreError> {
    let most = match kind {
        DeliveryKind::Snapshot => MOST_WAITING_BYTES,
        DeliveryKind::Delta => MOST_WAITING_DELTA_BYTES,
    };
    let sql = "SELECT coalesce(sum(p.bytes), 0) FROM delivery d JOIN delivery_part p USING (delivery_id) \
               WHERE d.source = ?1 AND d.taken_at IS NULL AND (d.kind = ?2 OR ?2 = 'snapshot')";
    let waits: i64 = sqlx::query_scalar(sql).bind(source).bind(kind.name()).fetch_one(&mut **tx).await?;
    Ok(waits.unsigned_abs() + bytes as u64 > most)
}

/// Whether too much was read and is kept all the same, since it counts behind an open snapshot.
async fn keeps_too_much(tx: &mut Tx, source: &str) -> Result<bool, StoreError> {
    let sql = "SELECT coalesce(sum(p.bytes), 0) FROM delivery d JOIN delivery_part p USING (delivery_id) \
               WHERE d.source = ?1 AND d.taken_at IS NOT NULL";
    let kept: i64 = sqlx::query_scalar(sql).bind(source).fetch_one(&mut **tx).await?;
    Ok(kept.unsigned_abs() >= MOST_KEPT_BYTES)
}

/// Snapshots that were never committed, old answers, and what is known of deliveries that were read long ago.
async fn forget(tx: &mut Tx, now: DateTime<Utc>) -> Result<(), StoreError> {
    give_up_over(tx, now).await?;
    let old = millis(now - REMEMBERED_FOR);
    sqlx::query("DELETE FROM idempotency WHERE at < ?1").bind(old).execute(&mut **tx).await?;
    // The newest stays, so that the next one's place is behind it.
    let sql = "DELETE FROM delivery WHERE taken_at < ?1 AND accepted < (SELECT max(accepted) FROM delivery)";
    sqlx::query(sql).bind(old).execute(&mut **tx).await?;
    Ok(())
}
