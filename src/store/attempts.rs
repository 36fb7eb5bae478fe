//! Every request that was sent for an action.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::ending::{Finished, Hold};
use super::{Store, StoreError, Tx, millis, to_json};
use crate::core::scim::FailureKind;

/// One request that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    /// When it was sent.
    pub sent_at: DateTime<Utc>,
    /// Method and path, without personal data.
    pub request: String,
    /// The answer's status, if there was an answer.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// What was wrong with it.
    pub error: Option<String>,
    /// The same without words, which may quote a person's data.
    pub error_kind: Option<FailureKind>,
}

/// How often making a user for somebody was refused as a duplicate, as far as that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicates {
    /// In this many other actions.
    pub others: u32,
    /// Whether in this action as well: somebody had it tried again.
    pub own: bool,
}

impl Store {
    /// How often making a user for the employee of this action was refused as a duplicate since then.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn duplicates(&self, action_id: i64, since: DateTime<Utc>) -> Result<Duplicates, StoreError> {
        let ids: Vec<i64> = sqlx::query_scalar(
            "SELECT DISTINCT t.action_id FROM action own JOIN action a ON a.employee_id = own.employee_id \
             JOIN attempt t ON t.action_id = a.action_id \
             WHERE own.action_id = ?1 AND t.status = 409 AND t.request LIKE 'POST %' AND t.sent_at > ?2",
        )
        .bind(action_id)
        .bind(millis(since))
        .fetch_all(&self.readers)
        .await?;
        let own = ids.contains(&action_id);
        Ok(Duplicates { others: ids.len() as u32 - u32::from(own), own })
    }
}

/// Storing them twice does no harm: a turn is repeated when its commit seems to have failed.
pub(super) async fn store_attempts(tx: &mut Tx, finished: &[Finished]) -> Result<(), StoreError> {
    let rows: Vec<_> = finished
        .iter()
        .flat_map(|one| {
            one.attempts.iter().zip(1_u32..).map(|(sent, number)| {
                (
                    one.action_id,
                    one.epoch,
                    number,
                    millis(sent.sent_at),
                    &sent.request,
                    sent.status,
                    sent.duration_ms,
                    &sent.error,
                )
            })
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO attempt (action_id, epoch, number, sent_at, request, status, duration_ms, error) \
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7 \
         FROM json_each(?1) WHERE true \
         ON CONFLICT (action_id, epoch, number) DO NOTHING",
    )
    .bind(to_json(&rows))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What is not ours any more because this very turn has been stored already: a turn is repeated when its commit only
/// seemed to fail.
pub(super) async fn repeated(
    tx: &mut Tx,
    finished: &[Finished],
    holds: &BTreeSet<Hold>,
) -> Result<BTreeSet<Hold>, StoreError> {
    let lost = finished.iter().map(|one| (one.action_id, one.epoch)).filter(|hold| !holds.contains(hold));
    let lost: Vec<Hold> = lost.collect();
    if lost.is_empty() {
        return Ok(BTreeSet::new());
    }
    let stored: Vec<Hold> = sqlx::query_as(
        "SELECT DISTINCT t.action_id, t.epoch FROM json_each(?1) j \
         JOIN attempt t ON t.action_id = j.value ->> 0 AND t.epoch = j.value ->> 1",
    )
    .bind(to_json(&lost))
    .fetch_all(&mut **tx)
    .await?;
    Ok(stored.into_iter().collect())
}
