//! Waiting actions that the newest record contradicts: none of them is sent any more, whether the plan that made it out is held
//! or not.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::accounts::store_accounts;
use super::ending::{Ending, Finished};
use super::plans::{CHUNK, RunRecord};
use super::recorded;
use super::{StoreError, Tx, millis, to_json};
use crate::core::audit::Entry;
use crate::core::plan::{Plan, PlannedAction};

/// Withdraws what a plan does without, and what those of its actions that are held contradict. Whatever may have been carried out
/// unseen stays open, so that it is learnt what it did; nothing else of it is sent. The answer is what has ended.
pub(super) async fn withdraw(
    tx: &mut Tx,
    run: &RunRecord<'_>,
    plan: &Plan,
    held: &[&PlannedAction],
    told: &mut Vec<Entry>,
) -> Result<BTreeSet<i64>, StoreError> {
    let needless = plan.withdrawals.iter().map(|(action_id, _)| *action_id);
    let ids: Vec<i64> = needless.chain(held.iter().filter_map(|action| action.supersedes)).collect();
    let mut ended = BTreeSet::new();
    for chunk in ids.chunks(CHUNK) {
        let ids = to_json(&chunk);
        for (action_id, employee_id) in end(tx, &ids, run.ended_at).await? {
            ended.insert(action_id);
            told.push(recorded::withdrawal(run.run_id, action_id, &employee_id, None));
        }
        for (action_id, employee_id, state) in mark(tx, &ids).await? {
            told.push(recorded::withdrawal(run.run_id, action_id, &employee_id, Some(&state)));
        }
    }
    Ok(ended)
}

/// Ends what has done nothing for certain. An account's action that was parked or discarded may have been settled by hand.
async fn end(tx: &mut Tx, ids: &str, now: DateTime<Utc>) -> Result<Vec<(i64, String)>, StoreError> {
    let sql = "UPDATE action SET state = 'superseded', ended_at = ?2, ended_behind = (SELECT max(action_id) FROM action) \
               WHERE action_id IN (SELECT value FROM json_each(?1)) \
               AND (state = 'queued' OR group_id IS NOT NULL AND state IN ('parked', 'discarded')) AND uncertain = 0 \
               AND action_id NOT IN (SELECT action_id FROM lease) RETURNING action_id, employee_id";
    Ok(sqlx::query_as(sql).bind(ids).bind(millis(now)).fetch_all(&mut **tx).await?)
}

/// Marks what may have been carried out. To look at it is other work than what failed, so it is queued, and its attempts begin anew.
async fn mark(tx: &mut Tx, ids: &str) -> Result<Vec<(i64, String, String)>, StoreError> {
    let sql = "UPDATE action SET withdrawn = 1, waits = 0, attempts = 0, \
                 state = iif(group_id IS NULL, 'queued', state) WHERE action_id IN (SELECT value FROM json_each(?1)) \
               AND withdrawn = 0 AND (state IN ('queued', 'parked') AND uncertain = 1 \
                 OR group_id IS NULL AND state IN ('parked', 'discarded')) \
               AND action_id NOT IN (SELECT action_id FROM lease) RETURNING action_id, employee_id, state";
    Ok(sqlx::query_as(sql).bind(ids).fetch_all(&mut **tx).await?)
}

/// Ends withdrawn actions that did not do what they were to do. The next run looks at their people again, by what was learnt.
pub(super) async fn end_withdrawn(
    tx: &mut Tx,
    looked_at: &[&Finished],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if looked_at.is_empty() {
        return Ok(());
    }
    let learnt: Vec<_> = looked_at
        .iter()
        .filter_map(|one| match &one.ending {
            Ending::Withdrawn { learnt } => Some((owner(one), learnt.as_ref()?.as_ref())),
            _ => None,
        })
        .collect();
    store_accounts(tx, &learnt, false, now).await?;
    let moved: Vec<&str> = learnt.iter().map(|(employee_id, _)| *employee_id).collect();
    let people: Vec<&str> = looked_at.iter().flat_map(|one| [&*one.employee_id, owner(one)]).collect();
    sqlx::query(
        "UPDATE person SET fingerprint = '', \
           version = version + (employee_id IN (SELECT value FROM json_each(?2))) \
         WHERE employee_id IN (SELECT value FROM json_each(?1))",
    )
    .bind(to_json(&people))
    .bind(to_json(&moved))
    .execute(&mut **tx)
    .await?;
    let ids: Vec<i64> = looked_at.iter().map(|one| one.action_id).collect();
    sqlx::query(
        "UPDATE action SET state = 'superseded', error = NULL, ended_at = ?2, ended_behind = (SELECT max(action_id) FROM action) \
         WHERE action_id IN (SELECT value FROM json_each(?1))",
    )
    .bind(to_json(&ids))
    .bind(millis(now))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Whose account it is of which something is learnt: one that was not taken over is the old employee id's.
fn owner(one: &Finished) -> &str {
    one.moved_from.as_deref().unwrap_or(&one.employee_id)
}
