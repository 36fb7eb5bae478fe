//! What an operator decides about a held plan, and what a newer run does.

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::audit::append;
use super::memberships::let_go;
use super::recorded::plan_decided;
use super::register::accept_sources;
use super::shown::{believe_leavers, forget_shown};
use super::{Store, StoreError, Tx, millis};
use crate::core::action::ActionKind;
use crate::core::audit::By;
use crate::core::new_id::Origin;
use crate::core::plan::{PlannedAction, Settled, content_hash};
use crate::core::record::Fingerprint;
use crate::core::warnings::number;

/// How an approval ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approval {
    /// So many actions are released.
    Released(u64),
    /// There is no held plan of this key.
    NotHeld {
        /// Its state, if there is one.
        state: Option<String>,
    },
    /// Nobody decided about it within `guard.hold_expires_hours`.
    Expired,
    /// Source, configuration, state or the stored plan itself have changed since; this is how.
    Stale(String),
}

/// The held plan whose time is over.
const EXPIRED: &str = "SELECT plan_id FROM plan WHERE state = 'held' AND expires_at <= ?1";

impl Store {
    /// Releases a held plan, if it is stored as it was shown, source and configuration (`input`) and state are what it was
    /// made from, and the same would be planned now: `now_planned` are the hashes of what a plan of today would hold.
    ///
    /// # Errors
    /// Where the database fails; then nothing is changed.
    pub async fn approve(
        &self,
        plan_id: &str,
        by: By<'_>,
        input: &str,
        now_planned: &[String],
        now: DateTime<Utc>,
    ) -> Result<Approval, StoreError> {
        let mut tx = self.begin().await?;
        let plan: Option<(String, String, String, Option<String>)> =
            sqlx::query_as("SELECT state, input, content_hash, run_id FROM plan WHERE plan_id = ?1")
                .bind(plan_id)
                .fetch_optional(&mut *tx)
                .await?;
        let Some((state, plan_input, shown, run_id)) = plan else {
            return Ok(Approval::NotHeld { state: None });
        };
        if expire(&mut tx, now).await?.is_some_and(|expired| expired == plan_id) {
            tx.commit().await?;
            return Ok(Approval::Expired);
        }
        if state == "expired" {
            return Ok(Approval::Expired);
        }
        if state != "held" {
            return Ok(Approval::NotHeld { state: Some(state) });
        }
        if plan_input != input {
            return Ok(Approval::Stale(
                "the HR source or the configuration has changed since the plan was made".into(),
            ));
        }
        if let Some(why) = moved(&mut tx, plan_id, &plan_input, &shown).await? {
            return Ok(Approval::Stale(why));
        }
        if !now_planned.contains(&shown) {
            return Ok(Approval::Stale(
                "what is to be done has changed since the plan was made: a date has come, or a run in between did a part of it"
                    .into(),
            ));
        }
        let released = release(&mut tx, plan_id, now).await?;
        believe_leavers(&mut tx, plan_id).await?;
        decide(&mut tx, plan_id, "approved", by, now).await?;
        sqlx::query("UPDATE run SET accepted = 1 WHERE run_id = ?1").bind(&run_id).execute(&mut *tx).await?;
        accept_sources(&mut tx).await?;
        tx.commit().await?;
        Ok(Approval::Released(released))
    }

    /// Marks the held plan as expired, should its time be over. The answer is its key.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn expire_held(&self, now: DateTime<Utc>) -> Result<Option<String>, StoreError> {
        let due: Option<String> =
            sqlx::query_scalar(EXPIRED).bind(millis(now)).fetch_optional(&self.readers).await?;
        if due.is_none() {
            return Ok(None);
        }
        let mut tx = self.begin().await?;
        let expired = expire(&mut tx, now).await?;
        tx.commit().await?;
        Ok(expired)
    }

    /// Drops a held plan. The answer tells whether it was held.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn reject<'a>(
        &self,
        plan_id: &str,
        by: impl Into<By<'a>>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let held = sqlx::query("SELECT 1 FROM plan WHERE plan_id = ?1 AND state = 'held'")
            .bind(plan_id)
            .fetch_optional(&mut *tx)
            .await?
            .is_some();
        if held {
            forget_shown(&mut tx, plan_id).await?;
            drop_held(&mut tx, "rejected", by.into(), now).await?;
        }
        tx.commit().await?;
        Ok(held)
    }
}

/// Why a plan that waits can no longer be released, if so: it is not stored as it was shown, or the state of its people has
/// moved.
pub(super) async fn moved(
    tx: &mut Tx,
    plan_id: &str,
    input: &str,
    shown: &str,
) -> Result<Option<String>, StoreError> {
    if stored_hash(tx, plan_id, input).await?.as_deref() != Some(shown) {
        return Ok(Some(
            "the stored plan is not the one that was shown; its actions in the database have been changed"
                .into(),
        ));
    }
    let moved: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM action h JOIN person p USING (employee_id) WHERE h.plan_id = ?1 AND h.state = 'held' \
         AND (p.version <> h.base_version \
              OR EXISTS (SELECT 1 FROM person f WHERE f.employee_id = h.moved_from AND f.version <> h.moved_version) \
              OR EXISTS (SELECT 1 FROM action o JOIN lease USING (action_id) WHERE o.employee_id = h.moved_from) \
              OR EXISTS (SELECT 1 FROM action m WHERE m.moved_from IN (h.moved_from, h.employee_id) \
                AND m.state IN ('queued', 'parked') AND m.action_id IS NOT h.supersedes) \
              OR EXISTS (SELECT 1 FROM action o WHERE o.employee_id = h.employee_id \
                AND o.state IN ('queued', 'parked') AND coalesce(o.group_id, '') = coalesce(h.group_id, '') \
                AND (o.action_id IS NOT h.supersedes OR o.action_id IN (SELECT action_id FROM lease))))",
    )
    .bind(plan_id)
    .fetch_one(&mut **tx)
    .await?;
    Ok((moved > 0).then(|| {
        format!("the state of {} has moved since the plan was made", number(moved, "person", "people"))
    }))
}

/// Puts the actions of a plan that waited into the queue. The answer is how many.
pub(super) async fn release(tx: &mut Tx, plan_id: &str, now: DateTime<Utc>) -> Result<u64, StoreError> {
    // What a superseded action may have done unseen since the plan was made has to be looked at by its successor.
    sqlx::query(
        "UPDATE action SET uncertain = 1 WHERE plan_id = ?1 AND state = 'held' \
         AND EXISTS (SELECT 1 FROM action s WHERE s.action_id = action.supersedes AND s.uncertain = 1)",
    )
    .bind(plan_id)
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        "UPDATE action SET state = 'superseded', ended_at = ?2, ended_behind = (SELECT max(action_id) FROM action) \
         WHERE state IN ('queued', 'parked', 'discarded') \
         AND action_id IN (SELECT supersedes FROM action WHERE plan_id = ?1 AND state = 'held')",
    )
    .bind(plan_id)
    .bind(millis(now))
    .execute(&mut **tx)
    .await?;
    let queued = sqlx::query(
        "UPDATE action SET state = 'queued', not_before = ?2 WHERE plan_id = ?1 AND state = 'held'",
    )
    .bind(plan_id)
    .bind(millis(now))
    .execute(&mut **tx)
    .await?;
    let people: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT employee_id FROM action WHERE plan_id = ?1 AND waits = 1 AND state = 'queued'",
    )
    .bind(plan_id)
    .fetch_all(&mut **tx)
    .await?;
    let_go(tx, &people.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    Ok(queued.rows_affected())
}

/// Marks the held plan as expired, should its time be over. The answer is its key.
async fn expire(tx: &mut Tx, now: DateTime<Utc>) -> Result<Option<String>, StoreError> {
    let expired: Option<String> =
        sqlx::query_scalar(EXPIRED).bind(millis(now)).fetch_optional(&mut **tx).await?;
    if expired.is_some() {
        drop_held(tx, "expired", "guard.hold_expires_hours".into(), now).await?;
    }
    Ok(expired)
}

/// The content hash of a plan that waits as it is stored now; `None` where one of its actions cannot even be read.
pub(super) async fn stored_hash(
    tx: &mut Tx,
    plan_id: &str,
    input: &str,
) -> Result<Option<String>, StoreError> {
    let rows = sqlx::query(
        "SELECT employee_id, kind, changes, because, target, scim_id, base_version, supersedes, fingerprint, next_change, \
           moved_from, moved_version \
         FROM action JOIN intent USING (action_id) WHERE plan_id = ?1 AND state = 'held' ORDER BY action_id",
    )
    .bind(plan_id)
    .fetch_all(&mut **tx)
    .await?;
    let actions: Option<Vec<PlannedAction>> = rows.iter().map(stored_action).collect();
    Ok(actions.map(|actions| content_hash(input, &actions)))
}

fn stored_action(row: &SqliteRow) -> Option<PlannedAction> {
    let next_change = match row.get::<Option<&str>, _>(9) {
        Some(day) => Some(day.parse().ok()?),
        None => None,
    };
    Some(PlannedAction {
        employee_id: row.get(0),
        kind: ActionKind::parse(row.get(1))?,
        changes: serde_json::from_str(row.get(2)).ok()?,
        because: row.get(3),
        target: serde_json::from_str(row.get(4)).ok()?,
        scim_id: row.get(5),
        base_version: row.get(6),
        // Not part of what was shown: whether to read first is settled when the plan is released.
        verify: false,
        last_workspace: false,
        is_immediate: false,
        supersedes: row.get(7),
        settled: Settled {
            fingerprint: Fingerprint::from_hex(row.get(8)),
            next_change,
            ..Settled::default()
        },
        moved_from: row
            .get::<Option<String>, _>(10)
            .map(|employee_id| Origin { employee_id, base_version: row.get(11) }),
    })
}

/// Who drops a held plan, where a run makes another one.
pub(super) const A_NEWER_RUN: By<'_> = By { name: "a newer run", reason: None };

/// Drops the held plan, if there is one; `state` says how that is called.
pub(super) async fn drop_held(
    tx: &mut Tx,
    state: &str,
    by: By<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let held: Option<String> =
        sqlx::query_scalar("SELECT plan_id FROM plan WHERE state = 'held'").fetch_optional(&mut **tx).await?;
    let Some(plan_id) = held else { return Ok(()) };
    drop_waiting(tx, &plan_id, state, by, now).await
}

/// Drops a plan that waits, held or saved.
pub(super) async fn drop_waiting(
    tx: &mut Tx,
    plan_id: &str,
    state: &str,
    by: By<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let sql = "UPDATE action SET state = 'dropped', ended_at = ?2, ended_behind = (SELECT max(action_id) FROM action) \
               WHERE plan_id = ?1 AND state = 'held'";
    sqlx::query(sql).bind(plan_id).bind(millis(now)).execute(&mut **tx).await?;
    decide(tx, plan_id, state, by, now).await
}

/// Marks a plan that waited, held or saved, as decided, and records it.
pub(super) async fn decide(
    tx: &mut Tx,
    plan_id: &str,
    state: &str,
    by: By<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE plan SET state = ?2, decided_by = ?3, decided_at = ?4, decided_reason = ?5 \
         WHERE plan_id = ?1 AND state IN ('held', 'saved')",
    )
    .bind(plan_id)
    .bind(state)
    .bind(by.name)
    .bind(millis(now))
    .bind(by.reason)
    .execute(&mut **tx)
    .await?;
    append(tx, now, &[plan_decided(plan_id, state, by)]).await
}
