//! Reading the audit back: records in batches, and whether they are one chain that fits to what is stored beside it.

use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::audit_beside::Beside;
use super::{Store, StoreError, millis};
use crate::core::audit::{Anchor, Fault, Head, Record, Verifier};

/// How many records are in memory at a time.
const BATCH: i64 = 2_000;

/// What is wrong with the audit, or with what it tells of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    /// The chain itself.
    #[error(transparent)]
    Chain(#[from] Fault),
    /// The audit has no head.
    #[error("the audit has no head; its row was removed")]
    NoHead,
    /// A decision whose action is gone or another one than was decided.
    #[error(
        "action {action_id} is not what record {seq} says was decided: what it does, for whom or why was altered in the \
         database, or it was removed"
    )]
    Action {
        /// The decision's record.
        seq: i64,
        /// The action.
        action_id: i64,
    },
    /// The requests of an action are not those that were recorded.
    #[error(
        "the requests for action {action_id} are not what record {seq} says: some were altered in the database, removed or \
         put in"
    )]
    Requests {
        /// The outcome's record.
        seq: i64,
        /// The action.
        action_id: i64,
    },
    /// A plan is not the one that was recorded, or was not decided about as recorded.
    #[error("plan {plan_id} is not what record {seq} says: it was altered in the database, or removed")]
    Plan {
        /// The plan's record, or that of the decision about it.
        seq: i64,
        /// The plan.
        plan_id: String,
    },
    /// An action is in a state to which no record leads.
    #[error(
        "action {action_id} is not in the state to which record {seq}, the newest about it, leads: it was altered in the database"
    )]
    State {
        /// The newest record about the action.
        seq: i64,
        /// The action.
        action_id: i64,
    },
    /// A run is not the one that was recorded.
    #[error("run {run_id} is not what record {seq} says: it was altered in the database, or removed")]
    Run {
        /// The run's record.
        seq: i64,
        /// The run.
        run_id: String,
    },
    /// The number of runs, actions or requests is not that of their records.
    #[error(
        "there are {stored} {what} in the database and {recorded} in the audit: some were put in or removed by hand"
    )]
    Number {
        /// Runs, actions or requests.
        what: &'static str,
        /// In the database.
        stored: i64,
        /// In the audit.
        recorded: i64,
    },
}

impl AuditFault {
    /// The first record that is wrong, where it is one.
    pub fn seq(&self) -> Option<i64> {
        match self {
            Self::Chain(Fault::Missing { first: seq, .. })
            | Self::Chain(Fault::OutOfOrder { seq } | Fault::Altered { seq } | Fault::NotTheAnchor { seq })
            | Self::Action { seq, .. }
            | Self::Requests { seq, .. }
            | Self::Plan { seq, .. }
            | Self::State { seq, .. }
            | Self::Run { seq, .. } => Some(*seq),
            _ => None,
        }
    }
}

/// What came of looking through the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditReport {
    /// The last record that is proven to follow from the first.
    pub head: Head,
    /// The first thing that is wrong; `None`: nothing is.
    pub fault: Option<AuditFault>,
}

impl Store {
    /// Looks through the whole audit, from one consistent view.
    ///
    /// # Errors
    /// Where the database fails. What is wrong with the audit is in the report.
    pub async fn verify_audit(&self, anchor: Option<Anchor>) -> Result<AuditReport, StoreError> {
        let mut tx = self.readers.begin().await?;
        let mut verifier = Verifier::from_start(anchor);
        let fault = find_fault(&mut tx, &mut verifier).await?;
        Ok(AuditReport { head: verifier.head().clone(), fault })
    }

    /// Hands every record from the first one recorded at or after `from` to the last one recorded before `to`, with all
    /// between, to `take`; with the hash of the one before. It goes on until `take` says false.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn export_audit(
        &self,
        from: Option<DateTime<Utc>>,
        to: Option<DateTime<Utc>>,
        mut take: impl FnMut(Record, String) -> bool,
    ) -> Result<(), StoreError> {
        let mut tx = self.readers.begin().await?;
        let (first, last): (Option<i64>, Option<i64>) = sqlx::query_as(
            "SELECT (SELECT min(seq) FROM audit WHERE ?1 IS NULL OR at >= ?1), \
               (SELECT max(seq) FROM audit WHERE ?2 IS NULL OR at < ?2)",
        )
        .bind(from.map(millis))
        .bind(to.map(millis))
        .fetch_one(&mut *tx)
        .await?;
        let (Some(first), Some(last)) = (first, last) else { return Ok(()) };
        let before: Option<String> = sqlx::query_scalar("SELECT hash FROM audit WHERE seq = ?1")
            .bind(first - 1)
            .fetch_optional(&mut *tx)
            .await?;
        let mut previous = before.unwrap_or_else(|| Head::default().hash);
        let mut after = first - 1;
        while after < last {
            let records = batch(&mut tx, after).await?;
            let Some(end) = records.last().map(|record| record.seq) else { break };
            for record in records.into_iter().filter(|record| record.seq <= last) {
                let hash = record.hash.clone();
                if !take(record, std::mem::replace(&mut previous, hash)) {
                    return Ok(());
                }
            }
            after = end;
        }
        Ok(())
    }
}

/// Looks through the whole audit, and what stands beside it, and tells the first thing that is wrong.
pub(super) async fn find_fault(
    tx: &mut SqliteConnection,
    verifier: &mut Verifier,
) -> Result<Option<AuditFault>, StoreError> {
    let row = sqlx::query("SELECT seq, hash FROM audit_head").fetch_optional(&mut *tx).await?;
    let Some(row) = row else { return Ok(Some(AuditFault::NoHead)) };
    let head = Head { seq: row.get(0), hash: row.get(1) };
    let mut beside = Beside::default();
    let mut after = i64::MIN;
    loop {
        let records = batch(tx, after).await?;
        let Some(last) = records.last() else { break };
        after = last.seq;
        for record in &records {
            if let Err(fault) = verifier.accept(record) {
                return Ok(Some(fault.into()));
            }
        }
        if let Some(fault) = beside.compare(tx, &records).await? {
            return Ok(Some(fault));
        }
    }
    if let Err(fault) = verifier.finish(Some(&head)) {
        return Ok(Some(fault.into()));
    }
    beside.finish(tx).await
}

/// Records behind the one of this number, in order.
async fn batch(tx: &mut SqliteConnection, after: i64) -> Result<Vec<Record>, StoreError> {
    let sql = "SELECT seq, at, kind, employee_id, body, hash FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    let rows = sqlx::query(sql).bind(after).bind(BATCH).fetch_all(tx).await?;
    Ok(rows.iter().map(record).collect::<Result<_, _>>()?)
}

/// Meddling can leave texts that are no UTF-8.
fn record(row: &SqliteRow) -> Result<Record, sqlx::Error> {
    Ok(Record {
        seq: row.try_get(0)?,
        at: row.try_get(1)?,
        kind: row.try_get(2)?,
        employee_id: row.try_get(3)?,
        body: row.try_get(4)?,
        hash: row.try_get(5)?,
    })
}
