//! The outbox: actions are claimed under a fenced lease.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};

use super::stale::is_stale;
use super::{Owner, Store, StoreError, Tx, from_millis, millis, to_json};
use crate::core::action::{ActionKind, Change, Target};
use crate::core::planted::{self, Fault};

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
    /// Its place among what waits: what takes access away is before everything else, and what has to do so at once before that.
    pub rank: i64,
    /// What the plan said would change.
    pub changes: Vec<Change>,
    /// Where the account ends.
    pub target: Target,
    /// Workiva's id, where one is confirmed.
    pub scim_id: Option<String>,
    /// Of a grant or revoke: the group.
    pub group: Option<String>,
    /// Whether Workiva has to be read before anything is written.
    pub uncertain: bool,
    /// Whether nothing may be sent for it: what it did is learnt by reading.
    pub withdrawn: bool,
    /// Attempts that ended without success.
    pub attempts: u32,
    /// The employee id whose account it takes over, if it does.
    pub moved_from: Option<String>,
}

/// A lease as it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HeldLease {
    /// Of which action.
    pub action_id: i64,
    /// Under which claim.
    pub epoch: i64,
    /// Its end by the clock on the wall, in milliseconds since 1970; another one each time that it is made longer.
    pub until_ms: i64,
}

impl HeldLease {
    /// Its end by the clock on the wall.
    pub fn until(&self) -> DateTime<Utc> {
        from_millis(self.until_ms)
    }
}

impl Store {
    /// Makes the leases of these actions longer, each under its claim. False: one was lost, and nothing may be sent any more.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn renew(&self, claims: &[(i64, i64)], lease_until: DateTime<Utc>) -> Result<bool, StoreError> {
        // Always another end than before, also where the clock was set back: others tell by that that it was made longer.
        let sql = "UPDATE lease SET lease_until = max(?2, lease_until + 1) \
             WHERE (action_id, epoch) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))";
        let mut tx = self.begin().await?;
        let done =
            sqlx::query(sql).bind(to_json(&claims)).bind(millis(lease_until)).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(done.rows_affected() == claims.len() as u64 || planted::is(Fault::SkippedFence))
    }

    /// All leases, as they stand.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn leases(&self) -> Result<Vec<HeldLease>, StoreError> {
        let sql = "SELECT action_id, epoch, lease_until FROM lease";
        let rows: Vec<(i64, i64, i64)> = sqlx::query_as(sql).fetch_all(&self.readers).await?;
        Ok(rows
            .into_iter()
            .map(|(action_id, epoch, until_ms)| HeldLease { action_id, epoch, until_ms })
            .collect())
    }

    /// Gives back what a process holds that is gone for certain. Each may have been sent.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn reclaim(&self, own: &str) -> Result<u64, StoreError> {
        let owners: Vec<String> =
            sqlx::query_scalar("SELECT DISTINCT owner FROM lease").fetch_all(&self.readers).await?;
        let is_gone = |owner: &&String| *owner != own && Owner::is_gone(&self.path, owner);
        let gone: Vec<&String> = owners.iter().filter(is_gone).collect();
        if gone.is_empty() {
            return Ok(0);
        }
        self.free(
            "DELETE FROM lease WHERE owner IN (SELECT value FROM json_each(?1)) RETURNING action_id",
            &gone,
        )
        .await
    }

    /// Gives back what has stood for the whole of its lease, unless it was made longer or given back since. Each may have been
    /// sent.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn reclaim_over(&self, over: &[HeldLease]) -> Result<u64, StoreError> {
        let over: Vec<_> = over.iter().map(|one| (one.action_id, one.epoch, one.until_ms)).collect();
        let sql = "DELETE FROM lease WHERE (action_id, epoch, lease_until) IN \
                   (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)) RETURNING action_id";
        self.free(sql, &over).await
    }

    /// Gives back all that `own` holds, which works on nothing any more: what its last pool was torn from. Each may have been
    /// sent.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn start_over(&self, own: &str) -> Result<u64, StoreError> {
        self.free(
            "DELETE FROM lease WHERE owner IN (SELECT value FROM json_each(?1)) RETURNING action_id",
            &[own],
        )
        .await
    }

    async fn free<T: Serialize>(&self, sql: &'static str, which: &[T]) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let freed: Vec<i64> = sqlx::query_scalar(sql).bind(to_json(&which)).fetch_all(&mut *tx).await?;
        if !freed.is_empty() {
            sqlx::query(
                "UPDATE action SET uncertain = 1, error = 'the process that worked on it is gone' \
                 WHERE action_id IN (SELECT value FROM json_each(?1))",
            )
            .bind(to_json(&freed))
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(freed.len() as u64)
    }

    /// How many creates are queued.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn queued_creates(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM action WHERE state IN ('queued', 'parked') AND state = 'queued' AND rank = ?1 \
                   AND action_id NOT IN (SELECT action_id FROM lease)";
        let number: i64 =
            sqlx::query_scalar(sql).bind(ActionKind::Create.rank()).fetch_one(&self.readers).await?;
        Ok(number.unsigned_abs())
    }

    /// When the next queued action is due; `None`: nothing is queued. What waits for later than `horizon` is due at once, as in
    /// [`Claim::horizon`]; what [`Claim::fresh_from`] lets wait is not.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn next_due(
        &self,
        horizon: DateTime<Utc>,
        fresh_from: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let sql = format!(
            "SELECT min(iif(a.not_before > ?1, 0, a.not_before)) FROM action a JOIN plan p USING (plan_id) \
             WHERE a.state = 'queued' AND a.waits = 0 AND a.action_id NOT IN (SELECT action_id FROM lease) AND NOT {}",
            is_stale("?2")
        );
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(millis(horizon)).bind(millis(fresh_from));
        let at: Option<i64> = query.fetch_one(&self.readers).await?;
        Ok(at.map(from_millis))
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
    /// And those that would have to wait for longer than anything is ever told to: the clock by which they wait was ahead, and has been
    /// set back since.
    pub horizon: DateTime<Utc>,
    /// When the lease ends.
    pub lease_until: DateTime<Utc>,
    /// Of one group and direction up to so many are claimed together, and count as one.
    pub batch: usize,
    /// What gives or takes access and was queued, or approved, before this waits until a run that began since has looked at the person: a
    /// backup that was put in place knows nothing of what HR has said since, nor does a process that comes up after days.
    pub fresh_from: DateTime<Utc>,
}

/// What of an action is claimed with it.
const CLAIMED: &str = "SELECT a.action_id, p.run_id, a.employee_id, a.kind, i.changes, i.target, c.scim_id, a.uncertain, \
                         a.attempts, a.withdrawn, a.group_id, a.moved_from, a.rank \
                       FROM action a JOIN intent i USING (action_id) JOIN plan p USING (plan_id) \
                         LEFT JOIN account c ON c.employee_id = coalesce(a.moved_from, a.employee_id) \
                       WHERE a.state = 'queued' AND a.waits = 0 AND (a.not_before <= ?1 OR a.not_before > ?4) \
                         AND a.action_id NOT IN (SELECT action_id FROM lease)";
/// The account of a person and their memberships are not written at the same time, since one changes what the other means; nor is a
/// group by two processes. The leases come first (CROSS JOIN), since they are few and the actions all there ever were.
const APART: &str = "AND ((a.group_id IS NULL \
                         AND a.employee_id NOT IN (SELECT b.employee_id FROM lease CROSS JOIN action b USING (action_id))) \
                       OR (a.group_id IS NOT NULL \
                         AND a.employee_id NOT IN (SELECT b.employee_id FROM lease CROSS JOIN action b USING (action_id) \
                           WHERE b.group_id IS NULL) \
                         AND a.group_id NOT IN (SELECT b.group_id FROM lease l CROSS JOIN action b USING (action_id) \
                           WHERE b.group_id IS NOT NULL AND l.owner <> ?3)))";

/// Claims what is due, those that take access away first.
pub(super) async fn claim(tx: &mut Tx, claim: &Claim<'_>) -> Result<Vec<Claimed>, StoreError> {
    let due = format!("{CLAIMED} AND NOT {} {APART}", is_stale("?5"));
    let first = format!("{due} ORDER BY a.rank, a.not_before, a.action_id LIMIT ?2");
    let rows = sqlx::query(AssertSqlSafe(first))
        .bind(millis(claim.now))
        .bind(i64::try_from(claim.limit).unwrap_or(i64::MAX))
        .bind(claim.owner)
        .bind(millis(claim.horizon))
        .bind(millis(claim.fresh_from))
        .fetch_all(&mut **tx)
        .await?;
    let mut picked = Picked::default();
    for row in rows {
        let group: Option<(String, String)> =
            row.get::<Option<String>, _>(10).map(|group| (group, row.get(3)));
        let is_new = picked.add(row);
        // With one of a group come others of it: they share a request.
        let Some((group, kind)) = group.filter(|group| is_new && picked.groups.insert(group.clone())) else {
            continue;
        };
        let more =
            format!("{due} AND a.group_id = ?6 AND a.kind = ?7 ORDER BY a.not_before, a.action_id LIMIT ?2");
        let more = sqlx::query(AssertSqlSafe(more))
            .bind(millis(claim.now))
            .bind(i64::try_from(claim.batch).unwrap_or(i64::MAX))
            .bind(claim.owner)
            .bind(millis(claim.horizon))
            .bind(millis(claim.fresh_from))
            .bind(group)
            .bind(kind)
            .fetch_all(&mut **tx)
            .await?;
        more.into_iter().for_each(|row| {
            picked.add(row);
        });
    }
    let rows = picked.rows;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let epoch: i64 =
        sqlx::query_scalar("UPDATE fence SET epoch = epoch + 1 RETURNING epoch").fetch_one(&mut **tx).await?;
    let claimed = rows.iter().map(|row| read_claimed(row, epoch)).collect::<Result<Vec<_>, _>>()?;
    let ids: Vec<i64> = claimed.iter().map(|action| action.action_id).collect();
    sqlx::query(
        "INSERT INTO lease (action_id, epoch, owner, lease_until) SELECT value, ?2, ?3, ?4 FROM json_each(?1)",
    )
    .bind(to_json(&ids))
    .bind(epoch)
    .bind(claim.owner)
    .bind(millis(claim.lease_until))
    .execute(&mut **tx)
    .await?;
    Ok(claimed)
}

fn read_claimed(row: &SqliteRow, epoch: i64) -> Result<Claimed, StoreError> {
    let corrupt = |what| StoreError::Corrupt { what };
    Ok(Claimed {
        action_id: row.get(0),
        epoch,
        run_id: row.get(1),
        employee_id: row.get(2),
        kind: ActionKind::parse(row.get(3)).ok_or_else(|| corrupt("an action's kind"))?,
        changes: serde_json::from_str(row.get(4)).map_err(|_| corrupt("an action's changes"))?,
        target: serde_json::from_str(row.get(5)).map_err(|_| corrupt("an action's target"))?,
        scim_id: row.get(6),
        uncertain: row.get::<i64, _>(7) == 1,
        attempts: u32::try_from(row.get::<i64, _>(8)).unwrap_or(u32::MAX),
        withdrawn: row.get::<i64, _>(9) == 1,
        group: row.get(10),
        moved_from: row.get(11),
        rank: row.get(12),
    })
}

/// What is claimed together: of nobody both the account and a membership.
#[derive(Default)]
struct Picked {
    rows: Vec<SqliteRow>,
    actions: HashSet<i64>,
    /// Whose account is among it, and whose memberships are.
    people: HashMap<String, bool>,
    groups: HashSet<(String, String)>,
}

impl Picked {
    /// False: it is there already, or has to come later.
    fn add(&mut self, row: SqliteRow) -> bool {
        let is_account = row.get::<Option<&str>, _>(10).is_none();
        match self.people.get(row.get::<&str, _>(2)) {
            Some(account) if *account || is_account => return false,
            _ => {}
        }
        if !self.actions.insert(row.get(0)) {
            return false;
        }
        self.people.insert(row.get(2), is_account);
        self.rows.push(row);
        true
    }
}
