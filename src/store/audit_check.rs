//! Reading the audit back: records in batches, and whether they are one chain that fits to what is stored beside it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{Store, StoreError, millis, to_json};
use crate::core::audit::{Anchor, Fault, Head, Kind, Record, Verifier, bound_hash};

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
            | Self::Requests { seq, .. } => Some(*seq),
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

#[derive(Deserialize)]
struct Decided {
    action: i64,
    bound: String,
}

#[derive(Deserialize)]
struct Worked {
    action: i64,
    claim: i64,
    requests: Vec<Request>,
}

/// What of a request is in the database as well.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Request {
    sent_at: i64,
    request: String,
    status: Option<u16>,
    duration_ms: u64,
}

/// Runs, decisions and requests among the records so far.
#[derive(Default)]
struct Recorded {
    runs: i64,
    decisions: i64,
    requests: i64,
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

async fn find_fault(
    tx: &mut SqliteConnection,
    verifier: &mut Verifier,
) -> Result<Option<AuditFault>, StoreError> {
    let row = sqlx::query("SELECT seq, hash FROM audit_head").fetch_optional(&mut *tx).await?;
    let Some(row) = row else { return Ok(Some(AuditFault::NoHead)) };
    let head = Head { seq: row.get(0), hash: row.get(1) };
    let mut recorded = Recorded::default();
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
        recorded.runs += records.iter().filter(|record| record.kind == Kind::Run.name()).count() as i64;
        if let Some(fault) = compare_decisions(tx, &records, &mut recorded).await? {
            return Ok(Some(fault));
        }
        if let Some(fault) = compare_requests(tx, &records, &mut recorded).await? {
            return Ok(Some(fault));
        }
    }
    if let Err(fault) = verifier.finish(Some(&head)) {
        return Ok(Some(fault.into()));
    }
    compare_numbers(tx, &recorded).await
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

/// The bodies of the records of one kind, by their numbers.
fn bodies<T: DeserializeOwned>(records: &[Record], kind: Kind) -> Result<Vec<(i64, T)>, StoreError> {
    records
        .iter()
        .filter(|record| record.kind == kind.name())
        .map(|record| Ok((record.seq, serde_json::from_str(&record.body)?)))
        .collect::<Result<_, serde_json::Error>>()
        .map_err(|_| StoreError::Corrupt { what: "a record of the audit" })
}

/// Whether the actions are still the ones that were decided on.
async fn compare_decisions(
    tx: &mut SqliteConnection,
    records: &[Record],
    recorded: &mut Recorded,
) -> Result<Option<AuditFault>, StoreError> {
    let decided: Vec<(i64, Decided)> = bodies(records, Kind::Decision)?;
    recorded.decisions += decided.len() as i64;
    let ids: Vec<i64> = decided.iter().map(|(_, decided)| decided.action).collect();
    let rows = sqlx::query(
        "SELECT a.action_id, a.plan_id, a.employee_id, a.kind, i.because, i.changes, i.target \
         FROM json_each(?1) j JOIN action a ON a.action_id = j.value JOIN intent i ON i.action_id = a.action_id",
    )
    .bind(to_json(&ids))
    .fetch_all(tx)
    .await?;
    let stored: HashMap<i64, String> = rows
        .iter()
        .map(|row| {
            let rest = [1, 2, 3, 4, 5, 6].map(|column| row.get::<&str, _>(column));
            (row.get(0), bound_hash(row.get(0), rest))
        })
        .collect();
    let differs = |decided: &Decided| stored.get(&decided.action) != Some(&decided.bound);
    let first = decided.into_iter().find(|(_, decided)| differs(decided));
    Ok(first.map(|(seq, decided)| AuditFault::Action { seq, action_id: decided.action }))
}

/// Whether the requests are still the ones that were recorded.
async fn compare_requests(
    tx: &mut SqliteConnection,
    records: &[Record],
    recorded: &mut Recorded,
) -> Result<Option<AuditFault>, StoreError> {
    let worked: Vec<(i64, Worked)> = bodies(records, Kind::Outcome)?;
    recorded.requests += worked.iter().map(|(_, worked)| worked.requests.len() as i64).sum::<i64>();
    let claims: Vec<(i64, i64)> = worked.iter().map(|(_, worked)| (worked.action, worked.claim)).collect();
    let rows = sqlx::query(
        "SELECT t.action_id, t.epoch, t.sent_at, t.request, t.status, t.duration_ms FROM json_each(?1) j \
         JOIN attempt t ON t.action_id = j.value ->> 0 AND t.epoch = j.value ->> 1 ORDER BY t.action_id, t.epoch, t.number",
    )
    .bind(to_json(&claims))
    .fetch_all(tx)
    .await?;
    let mut stored: HashMap<(i64, i64), Vec<Request>> = HashMap::new();
    for row in &rows {
        let request = Request {
            sent_at: row.get(2),
            request: row.get(3),
            status: row.get(4),
            duration_ms: row.get::<i64, _>(5).unsigned_abs(),
        };
        stored.entry((row.get(0), row.get(1))).or_default().push(request);
    }
    let differs = |worked: &Worked| {
        let stored = stored.get(&(worked.action, worked.claim));
        stored.map_or(!worked.requests.is_empty(), |stored| *stored != worked.requests)
    };
    let first = worked.into_iter().find(|(_, worked)| differs(worked));
    Ok(first.map(|(seq, worked)| AuditFault::Requests { seq, action_id: worked.action }))
}

/// Whether there is a record for each run, action and request since the audit began, and nothing else.
async fn compare_numbers(
    tx: &mut SqliteConnection,
    recorded: &Recorded,
) -> Result<Option<AuditFault>, StoreError> {
    let (runs, actions, requests): (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM run) - runs_before, \
           (SELECT count(*) FROM action WHERE action_id > actions_before), \
           (SELECT count(*) FROM attempt) - attempts_before FROM audit_head",
    )
    .fetch_one(tx)
    .await?;
    let numbers = [
        ("runs", runs, recorded.runs),
        ("actions", actions, recorded.decisions),
        ("requests", requests, recorded.requests),
    ];
    let wrong = numbers.into_iter().find(|(_, stored, recorded)| stored != recorded);
    Ok(wrong.map(|(what, stored, recorded)| AuditFault::Number { what, stored, recorded }))
}
