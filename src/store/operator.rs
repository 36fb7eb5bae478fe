//! What an operator asks: status, parked actions.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row;
use utoipa::ToSchema;

use super::drift::DriftSummary;
use super::listings::rejected_record;
use super::memberships::KeptWorkspace;
use super::saved::SAVED_FOR;
use super::{Store, StoreError, from_millis, millis};
use crate::core::action::ActionKind;
use crate::core::breaker::Pause;
use crate::core::guard::HoldReason;
use crate::core::report::Counts;

/// How many rejected records `status` shows.
pub const SHOWN_REJECTIONS: u32 = 20;

/// What `status` shows.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Status {
    /// The newest runs, newest first.
    pub runs: Vec<RunSummary>,
    /// What waits.
    pub queue: Queue,
    /// The outage of Workiva that the queue waits out, if one is known.
    pub outage: Option<Pause>,
    /// The plan that waits for approval, if one does.
    pub held: Option<PlanSummary>,
    /// Plans that were saved and can be applied, newest first.
    pub saved: Vec<PlanSummary>,
    /// Actions that wait for an operator.
    pub parked: Vec<ParkedAction>,
    /// Records that the newest run which read its source could not use; the first [`SHOWN_REJECTIONS`].
    pub rejected: Vec<RejectedRecord>,
    /// People for whom `adopt` found a user who may be theirs, and for whom nobody has decided.
    pub undecided: u64,
    /// Accounts confirmed active.
    pub active_accounts: u64,
    /// Workspaces that wait to be taken back until somebody is confirmed in another one whose grant waits for an operator; the first
    /// [`SHOWN_REJECTIONS`].
    pub kept_workspaces: Vec<KeptWorkspace>,
    /// People who are to have no access and keep it, since an operator discarded the action that was to take it.
    pub discarded_ends: u64,
    /// The newest comparison of live Workiva with state, if there was one.
    pub drift: Option<DriftSummary>,
}

/// One run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RunSummary {
    /// The key.
    pub run_id: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// What started it.
    pub cause: String,
    /// How it ended.
    pub outcome: String,
    /// Rows read.
    pub records: u64,
    /// Rows that could not be used.
    pub rejected: u64,
    /// What was planned.
    pub planned: Counts,
    /// What went wrong, if it did.
    pub message: Option<String>,
}

/// Actions under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Queue {
    /// Waiting for a worker.
    pub queued: u64,
    /// Of a membership, and waiting for something to be confirmed first.
    pub waiting: u64,
    /// In a worker's hands.
    pub leased: u64,
    /// Waiting for an operator.
    pub parked: u64,
    /// Part of a held plan.
    pub held: u64,
    /// Withdrawn: of the queued and parked ones, those that are never sent any more, and of which only what they did is learnt.
    pub withdrawn: u64,
    /// Since when the oldest of the queued ones could be done: it was planned then, or its plan approved.
    pub oldest_queued_at: Option<DateTime<Utc>>,
}

impl Queue {
    /// Actions that still have to end by themselves.
    pub fn unfinished(&self) -> u64 {
        self.queued + self.leased
    }
}

/// A plan that waits, held or saved.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PlanSummary {
    /// The key.
    pub plan_id: String,
    /// Since when it waits.
    pub created_at: DateTime<Utc>,
    /// Until when it can be approved.
    pub expires_at: Option<DateTime<Utc>>,
    /// What it holds.
    pub counts: Counts,
    /// Why it is held.
    pub hold_reasons: Vec<HoldReason>,
}

/// A parked action.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ParkedAction {
    /// The key.
    pub action_id: i64,
    /// Whose account.
    pub employee_id: String,
    /// Create, update and so on.
    pub kind: String,
    /// Of a grant or revoke: the group.
    pub group: Option<String>,
    /// Attempts made.
    pub attempts: u64,
    /// Why it was planned.
    pub because: String,
    /// Why it is parked.
    pub reason: String,
    /// Whether HR has taken it back since: a retry asks what it did, and sends nothing.
    pub withdrawn: bool,
}

/// A record that could not be used.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RejectedRecord {
    /// Whose it is, where that much could be read.
    pub employee_id: Option<String>,
    /// Where it stood in the source, the first data row being 1.
    pub row: Option<u64>,
    /// What is wrong, and how to mend it. It may quote a value.
    pub reason: String,
}

impl Store {
    /// The state of things at `now`, with at most so many runs.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn status(&self, runs: u32, now: DateTime<Utc>) -> Result<Status, StoreError> {
        let (held, queue) = self.standing(now).await?;
        Ok(Status {
            runs: self.runs_before(None, runs).await?,
            queue,
            outage: self.outage().await?,
            held,
            saved: self.plan_summaries("saved", now).await?,
            parked: self.parked().await?,
            rejected: self.rejected().await?,
            undecided: self.undecided().await?,
            kept_workspaces: self.kept_workspaces(SHOWN_REJECTIONS).await?,
            discarded_ends: self.discarded_ends().await?,
            active_accounts: self.scale().await?.active_accounts,
            drift: self.last_drift().await?,
        })
    }

    /// The plan that waits for approval at `now`, if one does, and what is under way.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn standing(&self, now: DateTime<Utc>) -> Result<(Option<PlanSummary>, Queue), StoreError> {
        let held = self.held_summary(now).await?;
        let mut queue = self.open_queue().await?;
        // Those of a plan that has expired wait for nothing.
        queue.held = held.as_ref().map_or(0, |plan| plan.counts.total());
        Ok((held, queue))
    }

    /// How many actions are in which state.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn queue(&self) -> Result<Queue, StoreError> {
        let mut queue = self.open_queue().await?;
        let sql = "SELECT count(*) FROM action WHERE state = 'held' AND plan_id = (SELECT plan_id FROM plan WHERE state = 'held')";
        let held: i64 = sqlx::query_scalar(sql).fetch_one(&self.readers).await?;
        queue.held = held.unsigned_abs();
        Ok(queue)
    }

    /// The same without those of a held plan.
    async fn open_queue(&self) -> Result<Queue, StoreError> {
        let rows = sqlx::query(
            "SELECT stage, sum(number), min(max(oldest, coalesce(p.decided_at, 0))) FROM \
               (SELECT iif(waits, 'waiting', state) AS stage, plan_id, count(*) AS number, min(created_at) AS oldest FROM action \
                  WHERE state IN ('queued', 'parked') GROUP BY 1, 2) JOIN plan p USING (plan_id) GROUP BY 1 \
             UNION ALL SELECT 'withdrawn', count(*), NULL FROM action WHERE withdrawn = 1 AND state IN ('queued', 'parked') \
             UNION ALL SELECT 'leased', count(*), NULL FROM lease",
        )
        .fetch_all(&self.readers)
        .await?;
        let mut queue = Queue::default();
        for row in rows {
            let number = row.get::<i64, _>(1).unsigned_abs();
            match row.get::<&str, _>(0) {
                "queued" => {
                    queue.queued = number;
                    queue.oldest_queued_at = row.get::<Option<i64>, _>(2).map(from_millis);
                }
                "waiting" => queue.waiting = number,
                "leased" => queue.leased = number,
                "parked" => queue.parked = number,
                _ => queue.withdrawn = number,
            }
        }
        // What is in a worker's hands is queued until it ends.
        queue.queued -= queue.leased;
        Ok(queue)
    }

    /// The parked actions.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn parked(&self) -> Result<Vec<ParkedAction>, StoreError> {
        self.parked_behind(None, u32::MAX).await
    }

    /// How many actions are parked.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn parked_number(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM action WHERE state = 'parked'";
        let number: i64 = sqlx::query_scalar(sql).fetch_one(&self.readers).await?;
        Ok(number.unsigned_abs())
    }

    /// So many parked actions behind this one.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn parked_behind(
        &self,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<ParkedAction>, StoreError> {
        let rows = sqlx::query(
            "SELECT action_id, employee_id, kind, attempts, because, coalesce(error, ''), withdrawn, group_id \
             FROM action JOIN intent USING (action_id) WHERE state = 'parked' AND action_id > ?1 ORDER BY action_id LIMIT ?2",
        )
        .bind(after.unwrap_or(0))
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        let parked = rows.iter().map(|row| ParkedAction {
            action_id: row.get(0),
            employee_id: row.get(1),
            kind: row.get(2),
            attempts: row.get::<i64, _>(3).unsigned_abs(),
            because: row.get(4),
            reason: row.get(5),
            withdrawn: row.get(6),
            group: row.get(7),
        });
        Ok(parked.collect())
    }

    /// Confirmed actions by kind, of all times. What a push has done is the difference: the clock may be set back in the middle of it.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn done(&self) -> Result<Counts, StoreError> {
        let sql = "SELECT kind, count(*) FROM action WHERE state = 'done' GROUP BY kind";
        let rows = sqlx::query(sql).fetch_all(&self.readers).await?;
        let mut counts = Counts::default();
        for row in rows {
            if let Some(kind) = ActionKind::parse(row.get(0)) {
                counts.add(kind, row.get::<i64, _>(1).unsigned_abs());
            }
        }
        Ok(counts)
    }

    /// When the newest run began, of whatever outcome.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn last_run_at(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let at: Option<i64> = sqlx::query_scalar("SELECT started_at FROM run ORDER BY rowid DESC LIMIT 1")
            .fetch_optional(&self.readers)
            .await?;
        Ok(at.map(from_millis))
    }

    /// When the newest run that neither failed nor was held began: applied or unchanged.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn last_success_at(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let sql = "SELECT max(ended_at) FROM run WHERE outcome IN ('applied', 'unchanged')";
        let at: Option<i64> = sqlx::query_scalar(sql).fetch_one(&self.readers).await?;
        Ok(at.map(from_millis))
    }

    /// The plan that waits for approval at `now`, if one does. One that has expired waits no more, also before anybody has
    /// marked it.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn held_summary(&self, now: DateTime<Utc>) -> Result<Option<PlanSummary>, StoreError> {
        Ok(self.plan_summaries("held", now).await?.pop())
    }

    /// Which plan that is, without a look at what it holds.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn held_plan_id(&self, now: DateTime<Utc>) -> Result<Option<String>, StoreError> {
        let sql = "SELECT plan_id FROM plan WHERE state = 'held' AND (expires_at IS NULL OR expires_at > ?1) \
                   ORDER BY created_at DESC, rowid DESC LIMIT 1";
        Ok(sqlx::query_scalar(sql).bind(millis(now)).fetch_optional(&self.readers).await?)
    }

    async fn plan_summaries(&self, state: &str, now: DateTime<Utc>) -> Result<Vec<PlanSummary>, StoreError> {
        // Under 'hold_deprovisions' a part of a held plan was released. A saved plan that is too old is refused by `apply`.
        let sql = "SELECT plan_id, created_at, \
                     iif(state = 'held', (SELECT json_group_object(kind, number) FROM (SELECT kind, count(*) AS number FROM action a \
                       WHERE a.plan_id = plan.plan_id AND a.state = 'held' GROUP BY kind)), counts), hold_reasons, expires_at FROM plan \
                   WHERE state = ?1 AND (expires_at IS NULL OR expires_at > ?2) AND (state <> 'saved' OR created_at >= ?3) \
                   ORDER BY created_at DESC, rowid DESC";
        let oldest = millis(now - SAVED_FOR);
        let rows =
            sqlx::query(sql).bind(state).bind(millis(now)).bind(oldest).fetch_all(&self.readers).await?;
        let summaries = rows.iter().map(|row| PlanSummary {
            plan_id: row.get(0),
            created_at: from_millis(row.get(1)),
            expires_at: row.get::<Option<i64>, _>(4).map(from_millis),
            counts: serde_json::from_str(row.get(2)).unwrap_or_default(),
            hold_reasons: serde_json::from_str(row.get(3)).unwrap_or_default(),
        });
        Ok(summaries.collect())
    }

    async fn rejected(&self) -> Result<Vec<RejectedRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT employee_id, row, reason FROM rejection WHERE run_id = (SELECT run_id FROM run WHERE input IS NOT NULL \
             ORDER BY rowid DESC LIMIT 1) ORDER BY number LIMIT ?1",
        )
        .bind(SHOWN_REJECTIONS)
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.iter().map(rejected_record).collect())
    }
}
