//! What alerts are told by, read at once and from few rows: it is asked for every few seconds.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};

use super::{Store, StoreError, from_millis, millis};
use crate::core::action::ActionKind;
use crate::core::alerts::{
    Digest, Facts, HeldFacts, KeptFacts, LateFacts, NAMED_EMPLOYEES, ParkedFacts, TroubledRun, Unconnected,
};

/// Runs that came to nothing are looked through so far back.
const TROUBLED_RUNS: u32 = 1_000;
/// Since when an action `a` of the plan `p` can be done: what was held could not be before somebody approved.
const OPEN_SINCE: &str = "max(a.created_at, coalesce(p.decided_at, 0))";

impl Store {
    /// What is known at `now`, but for the sources of a register and the audit. `late_since`: deprovisions that were planned before then are
    /// late. `is_connected`: whether a connection was found working.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn alert_facts(
        &self,
        now: DateTime<Utc>,
        late_since: DateTime<Utc>,
        is_connected: bool,
    ) -> Result<Facts, StoreError> {
        let held = self.held_summary(now).await?.map(|held| HeldFacts {
            plan_id: held.plan_id,
            since: held.created_at,
            expires_at: held.expires_at,
            counts: held.counts,
            reasons: held.hold_reasons,
        });
        let troubled = self.troubled_runs().await?;
        let unconnected = unconnected(&troubled).filter(|_| !is_connected);
        let queue = self.queue().await?;
        Ok(Facts {
            held,
            decided_at: self.decided_at().await?,
            troubled,
            unconnected,
            outage: self.outage().await?,
            unfinished: queue.unfinished(),
            parked: if queue.parked > 0 { self.parked_facts().await? } else { ParkedFacts::default() },
            late: self.late_facts(late_since).await?,
            kept: self.kept_facts().await?,
            ..Facts::default()
        })
    }

    /// What was done since then, and how it stands; but for the alerts that are raised.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn digest(&self, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Digest, StoreError> {
        let sql = "SELECT outcome, count(*) FROM run WHERE started_at >= ?1 GROUP BY outcome";
        let runs: Vec<(String, i64)> =
            sqlx::query_as(sql).bind(millis(since)).fetch_all(&self.readers).await?;
        let sql = "SELECT kind, count(*) FROM action WHERE state = 'done' AND ended_at >= ?1 GROUP BY kind";
        let done: Vec<(String, i64)> =
            sqlx::query_as(sql).bind(millis(since)).fetch_all(&self.readers).await?;
        let queue = self.queue().await?;
        let mut digest = Digest {
            since,
            runs: runs
                .into_iter()
                .map(|(outcome, number)| (outcome, number.unsigned_abs()))
                .collect::<BTreeMap<_, _>>(),
            active_accounts: self.scale().await?.active_accounts,
            queued: queue.unfinished(),
            parked: queue.parked,
            held_plan: self.held_summary(now).await?.map(|held| held.plan_id),
            ..Digest::default()
        };
        for (kind, number) in done {
            if let Some(kind) = ActionKind::parse(&kind) {
                digest.applied.add(kind, number.unsigned_abs());
            }
        }
        Ok(digest)
    }

    /// When somebody decided about a plan last.
    async fn decided_at(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let sql = "SELECT max(decided_at) FROM plan WHERE state IN ('approved', 'rejected')";
        let at: Option<i64> = sqlx::query_scalar(sql).fetch_one(&self.readers).await?;
        Ok(at.map(from_millis))
    }

    /// The newest runs in a row that failed or met an incomplete source, newest first.
    async fn troubled_runs(&self) -> Result<Vec<TroubledRun>, StoreError> {
        let sql = "SELECT run_id, started_at, outcome FROM run WHERE rowid > coalesce(( \
                     SELECT rowid FROM run WHERE outcome NOT IN ('failed', 'incomplete') ORDER BY rowid DESC LIMIT 1), 0) \
                   ORDER BY rowid DESC LIMIT ?1";
        let rows = sqlx::query(sql).bind(TROUBLED_RUNS).fetch_all(&self.readers).await?;
        let run = |row: &SqliteRow| TroubledRun {
            run_id: row.get(0),
            started_at: from_millis(row.get(1)),
            is_incomplete: row.get::<&str, _>(2) == "incomplete",
        };
        Ok(rows.iter().map(run).collect())
    }

    async fn parked_facts(&self) -> Result<ParkedFacts, StoreError> {
        let sql = "SELECT count(*), coalesce(sum(kind IN ('suspend', 'delete')), 0), min(created_at) FROM action WHERE state = 'parked'";
        let row = sqlx::query(sql).fetch_one(&self.readers).await?;
        let sql = "SELECT employee_id FROM action WHERE state = 'parked' GROUP BY +employee_id ORDER BY min(rank), employee_id LIMIT ?1";
        let employee_ids = sqlx::query_scalar(sql).bind(NAMED_EMPLOYEES).fetch_all(&self.readers).await?;
        Ok(ParkedFacts {
            count: row.get::<i64, _>(0).unsigned_abs(),
            deprovisions: row.get::<i64, _>(1).unsigned_abs(),
            oldest_at: row.get::<Option<i64>, _>(2).map(from_millis),
            employee_ids,
        })
    }

    /// Who keeps access by an action that was discarded.
    async fn kept_facts(&self) -> Result<KeptFacts, StoreError> {
        let sql = concat!("SELECT count(DISTINCT o.employee_id), min(o.ended_at) FROM ", kept_access!());
        let row = sqlx::query(sql).fetch_one(&self.readers).await?;
        let count = row.get::<i64, _>(0).unsigned_abs();
        if count == 0 {
            return Ok(KeptFacts::default());
        }
        let sql = concat!(
            "SELECT o.employee_id FROM ",
            kept_access!(),
            " GROUP BY o.employee_id ORDER BY min(o.ended_at), o.employee_id LIMIT ?1"
        );
        let employee_ids = sqlx::query_scalar(sql).bind(NAMED_EMPLOYEES).fetch_all(&self.readers).await?;
        Ok(KeptFacts { count, oldest_at: row.get::<Option<i64>, _>(1).map(from_millis), employee_ids })
    }

    /// Whose access should have ended: what HR has taken back is not.
    async fn late_facts(&self, since: DateTime<Utc>) -> Result<LateFacts, StoreError> {
        let late = "FROM action a JOIN plan p USING (plan_id) WHERE a.state IN ('queued', 'parked') AND a.withdrawn = 0 \
                    AND a.kind IN ('suspend', 'delete') AND a.created_at <= ?1 AND";
        let sql = format!("SELECT count(*), min({OPEN_SINCE}) {late} {OPEN_SINCE} <= ?1");
        let row = sqlx::query(AssertSqlSafe(sql)).bind(millis(since)).fetch_one(&self.readers).await?;
        let count = row.get::<i64, _>(0).unsigned_abs();
        if count == 0 {
            return Ok(LateFacts::default());
        }
        let sql =
            format!("SELECT employee_id {late} {OPEN_SINCE} <= ?1 ORDER BY {OPEN_SINCE}, action_id LIMIT ?2");
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(millis(since)).bind(NAMED_EMPLOYEES);
        let employee_ids = query.fetch_all(&self.readers).await?;
        Ok(LateFacts { count, oldest_at: row.get::<Option<i64>, _>(1).map(from_millis), employee_ids })
    }
}

/// The newest runs in a row that had no connection.
fn unconnected(troubled: &[TroubledRun]) -> Option<Unconnected> {
    let oldest = troubled.iter().take_while(|run| !run.is_incomplete).last()?;
    Some(Unconnected { since: oldest.started_at, run_id: troubled.first()?.run_id.clone() })
}
