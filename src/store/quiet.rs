//! Quiet runs: over the same bytes as the run before, which left nothing to be looked at again.

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;

use super::audit::append;
use super::plans::{PlanCommit, RunRecord, insert_run};
use super::stale::stale_actions;
use super::{Store, StoreError, Tx, from_millis, millis, moment_text};
use crate::core::plan::Plan;

/// How much had been stored when somebody looked: the numbers of the newest run and of the audit's newest record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    run: i64,
    record: i64,
}

impl Store {
    /// How much is stored by now.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn seen(&self) -> Result<Seen, StoreError> {
        let sql = "SELECT (SELECT coalesce(max(rowid), 0) FROM run), seq FROM audit_head";
        let (run, record) = sqlx::query_as(sql).fetch_one(&self.readers).await?;
        Ok(Seen { run, record })
    }

    /// When people were judged last. Where the clock shows an earlier day by now, it was set back.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn judged_at(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let sql = "SELECT max(started_at, ended_at) FROM run WHERE outcome NOT IN ('incomplete', 'failed') \
                   ORDER BY rowid DESC LIMIT 1";
        let at: Option<i64> = sqlx::query_scalar(sql).fetch_optional(&self.readers).await?;
        Ok(at.map(from_millis))
    }

    /// Stores a run whose source's bytes were those of the run before, which had left nothing to be looked at again.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn record_quiet_run(&self, run: &RunRecord<'_>, rows: u64) -> Result<(), StoreError> {
        let plan = Plan { rows, ..Plan::default() };
        let commit = PlanCommit {
            plan_id: "",
            plan: &plan,
            hold_reasons: &[],
            only_deprovisions: false,
            yields: false,
            expires_at: run.ended_at,
            register: None,
        };
        let mut tx = self.begin().await?;
        let has_seen_all = has_seen_all(&mut tx, run).await?;
        let told = insert_run(&mut tx, run, None, Some(&commit), true).await?;
        append(&mut tx, run.ended_at, &[told]).await?;
        // It is an accepted run, so the next ones are measured by the header and the rules under which these bytes were read; whether
        // these are enough to be quiet again is another question.
        let sql = "UPDATE run SET (input, header, rules) = \
                     (SELECT input, header, rules FROM run WHERE quiet_digest = ?2 ORDER BY rowid DESC LIMIT 1), \
                   quiet_digest = iif(?3, ?2, NULL) WHERE run_id = ?1";
        sqlx::query(sql)
            .bind(run.run_id)
            .bind(run.source_digest())
            .bind(has_seen_all)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// How many rows the source has, should its bytes still be those of the newest run that read it, and that run have
    /// left nothing to be looked at again, and nothing have been left since: nobody for whom nothing is under way (what waits may
    /// wait for what only a run can plan), nothing parked or discarded, nothing queued that no run has looked at since
    /// `fresh_from`, and no date that concerns a person or an action under way by `now`.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn quiet_rows(
        &self,
        digest: &str,
        now: DateTime<Utc>,
        fresh_from: DateTime<Utc>,
    ) -> Result<Option<u64>, StoreError> {
        let stale = stale_actions("?3");
        let sql = format!(
            "SELECT source_rows FROM (SELECT source_rows, quiet_digest FROM run \
                     WHERE outcome NOT IN ('incomplete', 'failed') ORDER BY rowid DESC LIMIT 1) \
                   WHERE quiet_digest = ?1 \
                     AND NOT EXISTS (SELECT 1 FROM person WHERE next_change IS NOT NULL AND next_change <= ?2) \
                     AND NOT EXISTS (SELECT 1 FROM action WHERE state = 'parked') \
                     AND NOT EXISTS (SELECT 1 FROM action WHERE state = 'discarded') \
                     AND NOT EXISTS (SELECT 1 FROM action \
                       WHERE state IN ('queued', 'parked') AND next_change <= ?2) \
                     AND NOT EXISTS (SELECT 1 FROM person WHERE fingerprint = '' AND NOT EXISTS \
                       (SELECT 1 FROM action o WHERE o.employee_id = person.employee_id \
                          AND o.state IN ('queued', 'parked') AND o.waits = 0)) \
                     AND NOT EXISTS (SELECT 1 FROM {stale})"
        );
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(digest).bind(moment_text(now));
        let rows: Option<i64> = query.bind(millis(fresh_from)).fetch_optional(&self.readers).await?;
        Ok(rows.map(i64::unsigned_abs))
    }
}

/// Whether nothing was stored since the run began to look that it would have had to see: nothing of any person or plan, and no
/// run over anything but the same bytes. To be asked before anything of the run itself is stored.
pub(super) async fn has_seen_all(tx: &mut Tx, run: &RunRecord<'_>) -> Result<bool, StoreError> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM audit WHERE seq > ?1 \
                   AND (employee_id IS NOT NULL OR kind = 'plan_decided')) \
                 AND NOT EXISTS (SELECT 1 FROM run WHERE rowid > ?2 AND quiet_digest IS NOT ?3 \
                   AND outcome NOT IN ('incomplete', 'failed'))";
    let (record, newest) = (run.seen.record, run.seen.run);
    let digest = run.source_digest();
    Ok(sqlx::query_scalar(sql).bind(record).bind(newest).bind(digest).fetch_one(&mut **tx).await?)
}

/// Whether another run has planned something since then.
pub(super) async fn was_queued_since(tx: &mut Tx, seen: Seen) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM run WHERE rowid > ?1 AND plan_id IS NOT NULL)";
    Ok(sqlx::query_scalar(sql).bind(seen.run).fetch_one(&mut **tx).await?)
}
