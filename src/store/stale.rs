//! What was decided long ago, and has not been asked about since.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Row};

use super::{Store, StoreError, Tx, millis, to_json};

impl Store {
    /// How many queued actions wait for a run that looks at their people, as [`Claim::fresh_from`](super::Claim::fresh_from) has it.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn stale(&self, fresh_from: DateTime<Utc>) -> Result<u64, StoreError> {
        let sql = format!("SELECT count(*) FROM {}", stale_actions("?1"));
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(millis(fresh_from));
        let number: i64 = query.fetch_one(&self.readers).await?;
        Ok(number.unsigned_abs())
    }

    /// Whose they are.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn stale_people(&self, fresh_from: DateTime<Utc>) -> Result<HashSet<String>, StoreError> {
        let sql = format!("SELECT DISTINCT a.employee_id FROM {}", stale_actions("?1"));
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(millis(fresh_from));
        let people: Vec<String> = query.fetch_all(&self.readers).await?;
        Ok(people.into_iter().collect())
    }

    /// Who of these people is named by a source that has said nothing since: one of `silent.unread` that was last read before `since`, or, where
    /// none is given, before the person was found changed by hand; or, in a database that is a copy, one of `silent.pushed` of which no
    /// whole snapshot has come since it was made.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn not_told_of(
        &self,
        people: &[String],
        silent: &Silent,
        since: Option<DateTime<Utc>>,
    ) -> Result<BTreeSet<String>, StoreError> {
        if people.is_empty() || (silent.unread.is_empty() && silent.pushed.is_empty()) {
            return Ok(BTreeSet::new());
        }
        let sql = "SELECT DISTINCT r.employee_id FROM register r JOIN source_state s ON s.source = r.source \
                     LEFT JOIN drift_before b ON b.employee_id = r.employee_id \
                   WHERE r.employee_id IN (SELECT value FROM json_each(?1)) AND \
                     ((r.source IN (SELECT value FROM json_each(?2)) AND s.read_at < coalesce(?4, b.found_at, 0)) \
                       OR (r.source IN (SELECT value FROM json_each(?3)) \
                         AND s.full_read_at <= (SELECT max(read_at) FROM copied)))";
        let rows = sqlx::query(sql)
            .bind(to_json(&people))
            .bind(to_json(&silent.unread))
            .bind(to_json(&silent.pushed))
            .bind(since.map(millis))
            .fetch_all(&self.readers)
            .await?;
        Ok(rows.into_iter().map(|row| row.get(0)).collect())
    }
}

/// Sources that say nothing in a run, by name.
#[derive(Clone, Debug, Default)]
pub struct Silent {
    /// Those that are asked, and were not, or failed.
    pub unread: Vec<String>,
    /// Those that are pushed to, and have sent no whole snapshot.
    pub pushed: Vec<String>,
}

/// Notes of whom a run that began at `at` says that what waits is still to be done.
pub(super) async fn reaffirm(tx: &mut Tx, people: &[String], at: DateTime<Utc>) -> Result<(), StoreError> {
    if people.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE action SET reaffirmed_at = ?1 WHERE action_id IN \
           (SELECT a.action_id FROM {} AND a.employee_id IN (SELECT value FROM json_each(?2)))",
        stale_actions("?1")
    );
    sqlx::query(AssertSqlSafe(sql)).bind(millis(at)).bind(to_json(&people)).execute(&mut **tx).await?;
    Ok(())
}

/// The actions `a` in the queue of which that holds, with their plans, for a `FROM`.
pub(super) fn stale_actions(fresh_from: &str) -> String {
    let stale = is_stale(fresh_from);
    // By the index that has both states, and not through every action of all times.
    format!(
        "action a JOIN plan p USING (plan_id) WHERE a.state IN ('queued', 'parked') AND a.state = 'queued' AND {stale}"
    )
}

/// Whether an action `a` of a plan `p` gives or takes access by what was read before this moment alone. What only asks what it did needs no
/// leave.
pub(super) fn is_stale(fresh_from: &str) -> String {
    format!(
        "(a.kind IN ('suspend', 'delete', 'revoke', 'create', 'reactivate') AND a.withdrawn = 0 AND a.created_at < {fresh_from} \
          AND coalesce(p.decided_at, p.created_at) < {fresh_from} AND coalesce(a.reaffirmed_at, 0) < {fresh_from})"
    )
}
