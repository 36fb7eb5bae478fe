//! Lists that can be paged through, for whoever looks at the daemon by HTTP. A page ends with the key of its last row, and the next one
//! begins behind that key, however many rows there are.

use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

use super::{RejectedRecord, RunSummary, Store, StoreError, from_millis, millis};
use crate::core::guard::HoldReason;

/// How many rejected records of a run are told.
const MOST_REJECTIONS: u32 = 200;

/// Rows of a search, and how far it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked<T> {
    /// What was found.
    pub rows: Vec<T>,
    /// Where the look stopped, though there may be more: what to ask with to go on. `None`: it came to the end, or found as many as were
    /// asked for.
    pub stopped_at: Option<String>,
}

impl<T> Looked<T> {
    /// Of a look that came to its end.
    pub(super) fn whole(rows: Vec<T>) -> Self {
        Self { rows, stopped_at: None }
    }
}

/// Somebody of the state table.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PersonRow {
    /// The key.
    pub employee_id: String,
    /// The display name, or first and last name. This and what follows as they were last confirmed; of whoever has no account, as the newest
    /// action is to make one.
    pub name: Option<String>,
    /// The user name.
    pub user_name: Option<String>,
    /// The work e-mail address.
    pub email: Option<String>,
    /// Whether the account was confirmed active; none: there is no account.
    pub active: Option<bool>,
    /// When that was.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// The action on the account that waits: its kind.
    pub waiting: Option<String>,
    /// Whether that action is parked.
    pub is_parked: bool,
}

/// People by where they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Headcount {
    /// With an account that is confirmed active.
    pub active: u64,
    /// With an account that is confirmed suspended.
    pub suspended: u64,
    /// Known, and without an account.
    pub without: u64,
}

/// The runs of one day, in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunDay {
    /// The day.
    pub day: NaiveDate,
    /// Runs with something to do.
    pub applied: u64,
    /// Runs without.
    pub unchanged: u64,
    /// Runs that the guard held.
    pub held: u64,
    /// Runs that came to nothing: the source was incomplete, or something failed.
    pub failed: u64,
}

/// A run with all that is told of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RunDetail {
    /// As in lists.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// The plan that it made, if it did.
    pub plan_id: Option<String>,
    /// The file or system that was read.
    pub source: Option<String>,
    /// Why its plan was held, if it was.
    pub hold_reasons: Vec<HoldReason>,
    /// The records that it could not use; the first 200.
    pub rejections: Vec<RejectedRecord>,
}

impl Store {
    /// How many people stand where.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn headcount(&self) -> Result<Headcount, StoreError> {
        let sql = "SELECT active, accounts, people FROM headcount";
        let (active, accounts, people): (i64, i64, i64) =
            sqlx::query_as(sql).fetch_one(&self.readers).await?;
        let number = |value: i64| value.max(0).unsigned_abs();
        Ok(Headcount {
            active: number(active),
            suspended: number(accounts - active),
            without: number(people - accounts),
        })
    }

    /// Runs, newest first, begun before the run of this key.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn runs_before(&self, before: Option<&str>, limit: u32) -> Result<Vec<RunSummary>, StoreError> {
        let sql = "SELECT run_id, started_at, cause, outcome, source_rows, rejected, planned, message FROM run \
                   WHERE ?1 IS NULL OR rowid < (SELECT rowid FROM run WHERE run_id = ?1) ORDER BY rowid DESC LIMIT ?2";
        let rows = sqlx::query(sql).bind(before).bind(limit).fetch_all(&self.readers).await?;
        Ok(rows.iter().map(run_summary).collect())
    }

    /// The runs of the `days` days up to `now`, day by day, without gaps.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn runs_by_day(&self, days: u32, now: DateTime<Utc>) -> Result<Vec<RunDay>, StoreError> {
        let today = now.date_naive();
        let list = (0..days).rev().filter_map(|back| today.checked_sub_days(Days::new(u64::from(back))));
        let none = |day| RunDay { day, applied: 0, unchanged: 0, held: 0, failed: 0 };
        let mut list: Vec<RunDay> = list.map(none).collect();
        let Some(first) = list.first().map(|one| one.day) else { return Ok(list) };
        let from = first.and_time(chrono::NaiveTime::MIN).and_utc();
        let sql =
            "SELECT started_at / 86400000, outcome, count(*) FROM run WHERE started_at >= ?1 GROUP BY 1, 2";
        let rows = sqlx::query(sql).bind(millis(from)).fetch_all(&self.readers).await?;
        for row in &rows {
            let day = from_millis(row.get::<i64, _>(0) * 86_400_000).date_naive();
            let Some(one) = list.iter_mut().find(|one| one.day == day) else { continue };
            let number = row.get::<i64, _>(2).unsigned_abs();
            match row.get::<&str, _>(1) {
                "applied" => one.applied += number,
                "unchanged" => one.unchanged += number,
                "held" => one.held += number,
                _ => one.failed += number,
            }
        }
        Ok(list)
    }

    /// One run; `None`: there is none of this key.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn run_detail(&self, run_id: &str) -> Result<Option<RunDetail>, StoreError> {
        let sql = "SELECT run_id, started_at, cause, outcome, source_rows, rejected, planned, message, \
                     ended_at, plan_id, source_name, hold_reasons FROM run WHERE run_id = ?1";
        let Some(row) = sqlx::query(sql).bind(run_id).fetch_optional(&self.readers).await? else {
            return Ok(None);
        };
        let sql = "SELECT employee_id, row, reason FROM rejection WHERE run_id = ?1 ORDER BY number LIMIT ?2";
        let rejections = sqlx::query(sql).bind(run_id).bind(MOST_REJECTIONS).fetch_all(&self.readers).await?;
        Ok(Some(RunDetail {
            summary: run_summary(&row),
            ended_at: from_millis(row.get(8)),
            plan_id: row.get(9),
            source: row.get(10),
            hold_reasons: serde_json::from_str(row.get(11)).unwrap_or_default(),
            rejections: rejections.iter().map(rejected_record).collect(),
        }))
    }

    /// Which actions are parked, in order.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn parked_ids(&self) -> Result<Vec<i64>, StoreError> {
        let sql = "SELECT action_id FROM action WHERE state = 'parked' ORDER BY action_id";
        Ok(sqlx::query_scalar(sql).fetch_all(&self.readers).await?)
    }
}

/// A rejected record: whose, row, reason.
pub(super) fn rejected_record(row: &SqliteRow) -> RejectedRecord {
    RejectedRecord {
        employee_id: row.get(0),
        row: row.get::<Option<i64>, _>(1).map(i64::unsigned_abs),
        reason: row.get(2),
    }
}

/// A run of the first eight columns.
fn run_summary(row: &SqliteRow) -> RunSummary {
    RunSummary {
        run_id: row.get(0),
        started_at: from_millis(row.get(1)),
        cause: row.get(2),
        outcome: row.get(3),
        records: row.get::<i64, _>(4).unsigned_abs(),
        rejected: row.get::<i64, _>(5).unsigned_abs(),
        planned: serde_json::from_str(row.get(6)).unwrap_or_default(),
        message: row.get(7),
    }
}
