//! Everything that is stored of one person, for `explain`. It is looked up by the employee id, however many others there are.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

use super::listings::rejected_record;
use super::{RejectedRecord, Store, StoreError, from_millis, millis, to_json};
use crate::core::action::Change;
use crate::core::guard::HoldReason;

/// What is stored of one person, besides their account.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct History {
    /// Actions for this person, and those by which another employee id takes over their account; newest first, as many as were asked
    /// for.
    pub actions: Vec<PastAction>,
    /// How many actions there are in all.
    pub actions_total: u64,
    /// What the newest run that read its source could not use of this person.
    pub rejections: Vec<RejectedRecord>,
    /// The newest records of the audit on this person, newest first.
    pub audit: Vec<AuditLine>,
    /// How many records there are in all.
    pub audit_total: u64,
}

/// An action with what became of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PastAction {
    /// The key.
    pub action_id: i64,
    /// Create, update and so on.
    pub kind: String,
    /// Held, queued, parked, done, discarded, superseded or dropped.
    pub state: String,
    /// Whether HR took it back when it might have been carried out already: only what it did is learnt, and nothing is sent.
    pub withdrawn: bool,
    /// Why it was planned.
    pub because: String,
    /// What it was to change.
    pub changes: Vec<Change>,
    /// When it was planned.
    pub created_at: DateTime<Utc>,
    /// When it was done, or left undone for good.
    pub ended_at: Option<DateTime<Utc>>,
    /// Attempts that counted against the limit.
    pub attempts: u64,
    /// Why it waits or was parked, if it did.
    pub error: Option<String>,
    /// The plan that it came by.
    pub plan: PastPlan,
    /// The requests that were sent for it, newest first.
    pub requests: Vec<PastRequest>,
    /// What operators ordered about it, newest first.
    pub orders: Vec<PastOrder>,
}

/// What an operator ordered about a parked or discarded action, as the audit has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PastOrder {
    /// What: retry or discard.
    pub order: String,
    /// Who.
    pub by: String,
    /// Why, in their own words; a retry needs no reason.
    pub reason: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// The plan that an action came by.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PastPlan {
    /// The key.
    pub plan_id: String,
    /// The run that made or applied it; empty: it was only saved.
    pub run_id: String,
    /// What became of it: released, held, approved and so on.
    pub state: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Why it was held, if it was.
    pub hold_reasons: Vec<HoldReason>,
    /// Who decided about it, where that was needed.
    pub decided_by: Option<String>,
    /// Why, in their own words.
    pub decided_reason: Option<String>,
    /// When.
    pub decided_at: Option<DateTime<Utc>>,
}

/// One request that was sent.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PastRequest {
    /// When.
    pub sent_at: DateTime<Utc>,
    /// Method and path.
    pub request: String,
    /// The answer's status, if there was an answer.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// What was wrong with it.
    pub error: Option<String>,
}

/// A record of the audit, by its number.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditLine {
    /// The number.
    pub seq: i64,
    /// When it was recorded.
    pub at: DateTime<Utc>,
    /// What it tells of.
    pub kind: String,
}

impl Store {
    /// What is stored of a person, as it is at `now`, with at most so many actions and audit records.
    ///
    /// # Errors
    /// Where the database fails or holds what cannot be read.
    pub async fn history(
        &self,
        employee_id: &str,
        limit: u32,
        now: DateTime<Utc>,
    ) -> Result<History, StoreError> {
        let mut actions = self.past_actions(employee_id, limit, now).await?;
        self.add_requests(&mut actions).await?;
        self.add_orders(&mut actions).await?;
        let (actions_total, audit_total): (i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM action WHERE employee_id = ?1 OR moved_from = ?1), \
               (SELECT count(*) FROM audit WHERE employee_id = ?1)",
        )
        .bind(employee_id)
        .fetch_one(&self.readers)
        .await?;
        Ok(History {
            actions,
            actions_total: actions_total.unsigned_abs(),
            rejections: self.rejections_of(employee_id).await?,
            audit: self.audit_lines(employee_id, limit).await?,
            audit_total: audit_total.unsigned_abs(),
        })
    }

    /// When the account was last confirmed; `None`: there is none.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn confirmed_at(&self, employee_id: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
        let at: Option<i64> = sqlx::query_scalar("SELECT confirmed_at FROM account WHERE employee_id = ?1")
            .bind(employee_id)
            .fetch_optional(&self.readers)
            .await?;
        Ok(at.map(from_millis))
    }

    async fn past_actions(
        &self,
        employee_id: &str,
        limit: u32,
        now: DateTime<Utc>,
    ) -> Result<Vec<PastAction>, StoreError> {
        // A held plan that has expired and its actions are over, also before anybody has marked them.
        let rows = sqlx::query(
            "SELECT a.action_id, a.kind, iif(a.state = 'held' AND p.expires_at <= ?3, 'dropped', a.state), \
               i.because, i.changes, a.created_at, a.ended_at, a.attempts, a.error, p.plan_id, coalesce(p.run_id, ''), \
               iif(p.state = 'held' AND p.expires_at <= ?3, 'expired', p.state), p.created_at, p.hold_reasons, p.decided_by, p.decided_at, a.withdrawn, p.decided_reason \
             FROM action a JOIN intent i USING (action_id) JOIN plan p USING (plan_id) \
             WHERE a.employee_id = ?1 OR a.moved_from = ?1 ORDER BY a.action_id DESC LIMIT ?2",
        )
        .bind(employee_id)
        .bind(limit)
        .bind(millis(now))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(past_action).collect()
    }

    async fn add_requests(&self, actions: &mut [PastAction]) -> Result<(), StoreError> {
        let ids: Vec<i64> = actions.iter().map(|action| action.action_id).collect();
        let rows = sqlx::query(
            "SELECT action_id, sent_at, request, status, duration_ms, error FROM attempt \
             WHERE action_id IN (SELECT value FROM json_each(?1)) ORDER BY action_id, epoch DESC, number DESC",
        )
        .bind(to_json(&ids))
        .fetch_all(&self.readers)
        .await?;
        for row in &rows {
            let action_id: i64 = row.get(0);
            let request = PastRequest {
                sent_at: from_millis(row.get(1)),
                request: row.get(2),
                status: row.get(3),
                duration_ms: row.get::<i64, _>(4).unsigned_abs(),
                error: row.get(5),
            };
            if let Some(action) = actions.iter_mut().find(|action| action.action_id == action_id) {
                action.requests.push(request);
            }
        }
        Ok(())
    }

    /// Of the people of these actions: where an account was taken over, the old id's as well.
    async fn add_orders(&self, actions: &mut [PastAction]) -> Result<(), StoreError> {
        let ids: Vec<i64> = actions.iter().map(|action| action.action_id).collect();
        let rows = sqlx::query(
            "SELECT seq, at, kind, iif(json_valid(body), body, '{}') FROM audit \
             WHERE employee_id IN (SELECT employee_id FROM action WHERE action_id IN (SELECT value FROM json_each(?1))) \
               AND kind IN ('retry', 'discard') ORDER BY seq DESC",
        )
        .bind(to_json(&ids))
        .fetch_all(&self.readers)
        .await?;
        for row in &rows {
            let body: serde_json::Value = serde_json::from_str(row.get(3)).unwrap_or_default();
            let action = actions.iter_mut().find(|action| body["action"] == action.action_id);
            let (Some(action), Some(by)) = (action, body["by"].as_str()) else { continue };
            action.orders.push(PastOrder {
                order: row.get(2),
                by: by.to_owned(),
                reason: body["reason"].as_str().map(str::to_owned),
                at: from_millis(row.get(1)),
            });
        }
        Ok(())
    }

    async fn rejections_of(&self, employee_id: &str) -> Result<Vec<RejectedRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT employee_id, row, reason FROM rejection WHERE employee_id = ?1 AND run_id = (SELECT run_id FROM run \
             WHERE input IS NOT NULL ORDER BY rowid DESC LIMIT 1) ORDER BY number",
        )
        .bind(employee_id)
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.iter().map(rejected_record).collect())
    }

    async fn audit_lines(&self, employee_id: &str, limit: u32) -> Result<Vec<AuditLine>, StoreError> {
        let rows =
            sqlx::query("SELECT seq, at, kind FROM audit WHERE employee_id = ?1 ORDER BY seq DESC LIMIT ?2")
                .bind(employee_id)
                .bind(limit)
                .fetch_all(&self.readers)
                .await?;
        let line =
            |row: &SqliteRow| AuditLine { seq: row.get(0), at: from_millis(row.get(1)), kind: row.get(2) };
        Ok(rows.iter().map(line).collect())
    }
}

fn past_action(row: &SqliteRow) -> Result<PastAction, StoreError> {
    let corrupt = |what| StoreError::Corrupt { what };
    let time = |column: usize| from_millis(row.get(column));
    let time_if = |column: usize| row.get::<Option<i64>, _>(column).map(from_millis);
    Ok(PastAction {
        action_id: row.get(0),
        kind: row.get(1),
        state: row.get(2),
        withdrawn: row.get(16),
        because: row.get(3),
        changes: serde_json::from_str(row.get(4)).map_err(|_| corrupt("an action's changes"))?,
        created_at: time(5),
        ended_at: time_if(6),
        attempts: row.get::<i64, _>(7).unsigned_abs(),
        error: row.get::<Option<String>, _>(8).filter(|error| !error.is_empty()),
        plan: PastPlan {
            plan_id: row.get(9),
            run_id: row.get(10),
            state: row.get(11),
            created_at: time(12),
            hold_reasons: serde_json::from_str(row.get(13)).map_err(|_| corrupt("a plan's reasons"))?,
            decided_by: row.get(14),
            decided_reason: row.get(17),
            decided_at: time_if(15),
        },
        requests: Vec::new(),
        orders: Vec::new(),
    })
}
