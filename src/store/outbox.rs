//! The outbox: actions are claimed under a fenced lease.

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::plans::Tx;
use super::{Owner, Store, StoreError, millis, to_json};
use crate::core::action::{ActionKind, Change, Target};

/// An action in a worker's hands.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The key.
    pub action_id: i64,
    /// The fence: only who knows the newest may end the action.
    pub epoch: i64,
    /// Whose account.
    pub employee_id: String,
    /// The run that planned it.
    pub run_id: String,
    /// Create, update and so on.
    pub kind: ActionKind,
    /// What the plan said would change.
    pub changes: Vec<Change>,
    /// Where the account ends.
    pub target: Target,
    /// Workiva's id, where one is confirmed.
    pub scim_id: Option<String>,
    /// Whether Workiva has to be read before anything is written.
    pub uncertain: bool,
    /// Attempts that ended without success.
    pub attempts: u32,
}

impl Store {
    /// Makes a lease longer. False: it was lost, and nothing may be sent any more.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn renew(
        &self,
        action_id: i64,
        epoch: i64,
        lease_until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let sql =
            "UPDATE action SET lease_until = ?3 WHERE action_id = ?1 AND epoch = ?2 AND state = 'leased'";
        let done = sqlx::query(sql)
            .bind(action_id)
            .bind(epoch)
            .bind(millis(lease_until))
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Gives back what a process holds that is gone, or holds beyond its lease. Each may have been sent.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn reclaim(&self, own: &str, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let owners: Vec<String> =
            sqlx::query_scalar("SELECT DISTINCT owner FROM action WHERE state = 'leased'")
                .fetch_all(&self.readers)
                .await?;
        let gone: Vec<&String> =
            owners.iter().filter(|owner| *owner != own && Owner::is_gone(&self.path, owner)).collect();
        let freed = sqlx::query(
            "UPDATE action SET state = 'queued', owner = NULL, lease_until = NULL, uncertain = 1, \
               error = 'the process that worked on it is gone' \
             WHERE state = 'leased' AND (lease_until < ?1 OR owner IN (SELECT value FROM json_each(?2)))",
        )
        .bind(millis(now))
        .bind(to_json(&gone))
        .execute(&self.writer)
        .await?;
        Ok(freed.rows_affected())
    }

    /// How many creates are queued.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn queued_creates(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM action WHERE state = 'queued' AND rank = ?1";
        let number: i64 =
            sqlx::query_scalar(sql).bind(ActionKind::Create.rank()).fetch_one(&self.readers).await?;
        Ok(number.unsigned_abs())
    }

    /// When the next queued action is due; `None`: nothing is queued.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn next_due(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let sql = "SELECT min(not_before) FROM action WHERE state = 'queued'";
        let at: Option<i64> = sqlx::query_scalar(sql).fetch_one(&self.readers).await?;
        Ok(at.map(super::from_millis))
    }
}

/// What is to be claimed.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// By whom.
    pub owner: &'a str,
    /// At most so many.
    pub limit: usize,
    /// Those due by now.
    pub now: DateTime<Utc>,
    /// When the lease ends.
    pub lease_until: DateTime<Utc>,
}

/// Claims what is due, those that take access away first.
pub(super) async fn claim(tx: &mut Tx, claim: &Claim<'_>) -> Result<Vec<Claimed>, StoreError> {
    let rows = sqlx::query(
        "UPDATE action SET state = 'leased', epoch = epoch + 1, owner = ?1, lease_until = ?2 WHERE action_id IN \
           (SELECT action_id FROM action WHERE state = 'queued' AND not_before <= ?3 ORDER BY rank, not_before, action_id \
            LIMIT ?4) \
         RETURNING action_id, epoch, employee_id, (SELECT run_id FROM plan p WHERE p.plan_id = action.plan_id), kind, changes, target, \
           (SELECT scim_id FROM account a WHERE a.employee_id = action.employee_id), uncertain, attempts",
    )
    .bind(claim.owner)
    .bind(millis(claim.lease_until))
    .bind(millis(claim.now))
    .bind(i64::try_from(claim.limit).unwrap_or(i64::MAX))
    .fetch_all(&mut **tx)
    .await?;
    let mut claimed = rows.iter().map(read_claimed).collect::<Result<Vec<_>, _>>()?;
    claimed.sort_by_key(|action| (action.kind, action.action_id));
    Ok(claimed)
}

fn read_claimed(row: &SqliteRow) -> Result<Claimed, StoreError> {
    let corrupt = |what| StoreError::Corrupt { what };
    Ok(Claimed {
        action_id: row.get(0),
        epoch: row.get(1),
        employee_id: row.get(2),
        run_id: row.get(3),
        kind: ActionKind::parse(row.get(4)).ok_or_else(|| corrupt("an action's kind"))?,
        changes: serde_json::from_str(row.get(5)).map_err(|_| corrupt("an action's changes"))?,
        target: serde_json::from_str(row.get(6)).map_err(|_| corrupt("an action's target"))?,
        scim_id: row.get(7),
        uncertain: row.get::<i64, _>(8) == 1,
        attempts: u32::try_from(row.get::<i64, _>(9)).unwrap_or(u32::MAX),
    })
}
