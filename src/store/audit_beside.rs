//! What the audit tells of, held against what is stored beside it: runs, plans, actions and requests.

use std::collections::{BTreeMap, HashMap};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::audit_check::AuditFault;
use super::audit_states::{ActionStates, compare_states};
use super::{StoreError, to_json};
use crate::core::action::Target;
use crate::core::audit::{Kind, Record, bound_hash};
use crate::core::grants::workspace_of;

#[derive(Deserialize)]
struct Decided {
    action: i64,
    bound: String,
    /// Earlier records do not tell it.
    last_workspace: Option<bool>,
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

#[derive(Deserialize)]
struct Planned {
    plan: String,
    state: String,
    content_hash: String,
}

#[derive(Deserialize)]
struct PlanDecided {
    plan: String,
    state: String,
    by: String,
}

/// What of a run is in the database as well, and never changes there.
#[derive(PartialEq, Eq, Deserialize)]
struct Ran {
    run: String,
    started_at: i64,
    cause: String,
    outcome: String,
    source: Option<String>,
    /// Of a run that came to no plan there are none, and 0 is stored.
    rows: Option<i64>,
    rejected: Option<i64>,
    plan: Option<String>,
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Beside {
    runs: i64,
    decisions: i64,
    requests: i64,
    /// Plans that are not as they were decided about, with the record. A later record may put that right.
    doubtful: BTreeMap<String, i64>,
    /// The same of actions and their states.
    states: ActionStates,
}

impl Beside {
    /// Takes in the next records. The answer is the first thing that does not fit.
    pub(super) async fn compare(
        &mut self,
        tx: &mut SqliteConnection,
        records: &[Record],
    ) -> Result<Option<AuditFault>, StoreError> {
        self.runs += records.iter().filter(|record| record.kind == Kind::Run.name()).count() as i64;
        if let Some(fault) = compare_runs(tx, records).await? {
            return Ok(Some(fault));
        }
        if let Some(fault) = compare_decisions(tx, records, self).await? {
            return Ok(Some(fault));
        }
        if let Some(fault) = compare_plans(tx, records, self).await? {
            return Ok(Some(fault));
        }
        compare_states(tx, records, &mut self.states).await?;
        compare_requests(tx, records, self).await
    }

    /// Ends with what only the whole tells.
    pub(super) async fn finish(
        mut self,
        tx: &mut SqliteConnection,
    ) -> Result<Option<AuditFault>, StoreError> {
        if let Some((plan_id, seq)) = self.doubtful.pop_first() {
            return Ok(Some(AuditFault::Plan { seq, plan_id }));
        }
        match self.states.doubtful.pop_first() {
            Some((action_id, seq)) => Ok(Some(AuditFault::State { seq, action_id })),
            None => compare_numbers(tx, &self).await,
        }
    }
}

/// The bodies of the records of one kind, by their numbers.
pub(super) fn bodies<T: DeserializeOwned>(
    records: &[Record],
    kind: Kind,
) -> Result<Vec<(i64, T)>, StoreError> {
    records
        .iter()
        .filter(|record| record.kind == kind.name())
        .map(|record| Ok((record.seq, serde_json::from_str(&record.body)?)))
        .collect::<Result<_, serde_json::Error>>()
        .map_err(|_| StoreError::Corrupt { what: "a record of the audit" })
}

/// Whether the runs are still the ones that were recorded.
async fn compare_runs(
    tx: &mut SqliteConnection,
    records: &[Record],
) -> Result<Option<AuditFault>, StoreError> {
    let ran: Vec<(i64, Ran)> = bodies(records, Kind::Run)?;
    if ran.is_empty() {
        return Ok(None);
    }
    let ids: Vec<&str> = ran.iter().map(|(_, ran)| &*ran.run).collect();
    let rows = sqlx::query(
        "SELECT run_id, started_at, cause, outcome, source_name, source_rows, rejected, plan_id FROM run \
         WHERE run_id IN (SELECT value FROM json_each(?1))",
    )
    .bind(to_json(&ids))
    .fetch_all(tx)
    .await?;
    let stored = |row: &SqliteRow| Ran {
        run: row.get(0),
        started_at: row.get(1),
        cause: row.get(2),
        outcome: row.get(3),
        source: row.get(4),
        rows: Some(row.get(5)),
        rejected: Some(row.get(6)),
        plan: row.get(7),
    };
    let stored: HashMap<String, Ran> = rows.iter().map(|row| (row.get(0), stored(row))).collect();
    for (seq, ran) in ran {
        let (rows, rejected) = (ran.rows.or(Some(0)), ran.rejected.or(Some(0)));
        let told = Ran { rows, rejected, ..ran };
        if stored.get(&told.run) != Some(&told) {
            return Ok(Some(AuditFault::Run { seq, run_id: told.run }));
        }
    }
    Ok(None)
}

/// Whether the actions are still the ones that were decided on.
async fn compare_decisions(
    tx: &mut SqliteConnection,
    records: &[Record],
    beside: &mut Beside,
) -> Result<Option<AuditFault>, StoreError> {
    let decided: Vec<(i64, Decided)> = bodies(records, Kind::Decision)?;
    beside.decisions += decided.len() as i64;
    let ids: Vec<i64> = decided.iter().map(|(_, decided)| decided.action).collect();
    let rows = sqlx::query(
        "SELECT a.action_id, a.plan_id, a.employee_id, a.kind, i.because, i.changes, i.target, a.group_id, a.workspace_id, a.last_workspace \
         FROM json_each(?1) j JOIN action a ON a.action_id = j.value JOIN intent i ON i.action_id = a.action_id",
    )
    .bind(to_json(&ids))
    .fetch_all(tx)
    .await?;
    let stored: HashMap<i64, (String, bool)> = rows
        .iter()
        .filter(|row| has_its_group(row))
        .map(|row| {
            let rest = [1, 2, 3, 4, 5, 6].map(|column| row.get::<&str, _>(column));
            (row.get(0), (bound_hash(row.get(0), rest), row.get(9)))
        })
        .collect();
    let differs = |decided: &Decided| {
        stored.get(&decided.action).is_none_or(|(bound, last_workspace)| {
            *bound != decided.bound || decided.last_workspace.is_some_and(|told| told != *last_workspace)
        })
    };
    let first = decided.into_iter().find(|(_, decided)| differs(decided));
    Ok(first.map(|(seq, decided)| AuditFault::Action { seq, action_id: decided.action }))
}

/// Whether the group by which an action is claimed is that of its target.
fn has_its_group(row: &SqliteRow) -> bool {
    let target: Option<Target> = serde_json::from_str(row.get(6)).ok();
    let (group, workspace): (Option<&str>, Option<&str>) = (row.get(7), row.get(8));
    target.is_some_and(|target| target.group() == group && target.group().and_then(workspace_of) == workspace)
}

/// Whether the requests are still the ones that were beside.
async fn compare_requests(
    tx: &mut SqliteConnection,
    records: &[Record],
    beside: &mut Beside,
) -> Result<Option<AuditFault>, StoreError> {
    let worked: Vec<(i64, Worked)> = bodies(records, Kind::Outcome)?;
    beside.requests += worked.iter().map(|(_, worked)| worked.requests.len() as i64).sum::<i64>();
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

/// Whether the plans are still the ones that were stored, and were decided about as recorded.
async fn compare_plans(
    tx: &mut SqliteConnection,
    records: &[Record],
    beside: &mut Beside,
) -> Result<Option<AuditFault>, StoreError> {
    let planned: Vec<(i64, Planned)> = bodies(records, Kind::Plan)?;
    let decided: Vec<(i64, PlanDecided)> = bodies(records, Kind::PlanDecided)?;
    let ids: Vec<&str> =
        planned.iter().map(|(_, one)| &*one.plan).chain(decided.iter().map(|(_, one)| &*one.plan)).collect();
    if ids.is_empty() {
        return Ok(None);
    }
    let rows = sqlx::query(
        "SELECT plan_id, content_hash, state, coalesce(decided_by, '') FROM plan \
         WHERE plan_id IN (SELECT value FROM json_each(?1))",
    )
    .bind(to_json(&ids))
    .fetch_all(tx)
    .await?;
    let stored: HashMap<&str, [&str; 3]> =
        rows.iter().map(|row| (row.get(0), [row.get(1), row.get(2), row.get(3)])).collect();
    for (seq, one) in &planned {
        if stored.get(&*one.plan).is_none_or(|[hash, ..]| *hash != one.content_hash) {
            return Ok(Some(AuditFault::Plan { seq: *seq, plan_id: one.plan.clone() }));
        }
    }
    // Nobody has decided about a plan that is only planned; of several records the newest counts.
    let undecided = planned
        .into_iter()
        .map(|(seq, one)| (seq, PlanDecided { plan: one.plan, state: one.state, by: String::new() }));
    for (seq, one) in undecided.chain(decided) {
        if stored.get(&*one.plan).is_some_and(|[_, state, by]| *state == one.state && *by == one.by) {
            beside.doubtful.remove(&one.plan);
        } else {
            beside.doubtful.insert(one.plan, seq);
        }
    }
    Ok(None)
}

/// Whether there is a record for each run, action and request since the audit began, and nothing else.
async fn compare_numbers(
    tx: &mut SqliteConnection,
    beside: &Beside,
) -> Result<Option<AuditFault>, StoreError> {
    let (runs, actions, requests): (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM run) - runs_before, \
           (SELECT count(*) FROM action WHERE action_id > actions_before), \
           (SELECT count(*) FROM attempt) - attempts_before FROM audit_head",
    )
    .fetch_one(tx)
    .await?;
    let numbers = [
        ("runs", runs, beside.runs),
        ("actions", actions, beside.decisions),
        ("requests", requests, beside.requests),
    ];
    let wrong = numbers.into_iter().find(|(_, stored, recorded)| stored != recorded);
    Ok(wrong.map(|(what, stored, recorded)| AuditFault::Number { what, stored, recorded }))
}
