//! Records of the audit that can be paged through, for whoever looks at the daemon by HTTP.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

use super::{Looked, Store, StoreError, from_millis};
use crate::core::audit::Kind;

/// How many records are looked through for one page of one kind of which there are many.
pub const RECORDS_LOOKED_THROUGH: i64 = 50_000;

/// Kinds of which there is a record for each action or person. The others are along an index, which has to name the same ones.
const MANY: [Kind; 3] = [Kind::Decision, Kind::Outcome, Kind::Adoption];

/// A record of the audit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditRow {
    /// Its number.
    pub seq: i64,
    /// When it was recorded.
    pub at: DateTime<Utc>,
    /// What it tells of.
    pub kind: String,
    /// Whom it concerns, where it concerns one person.
    pub employee_id: Option<String>,
    /// The rest.
    #[schema(value_type = Object)]
    pub body: serde_json::Value,
    /// The hash over all of this and the hash before it.
    pub hash: String,
}

/// Which records are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditSearch<'a> {
    /// Before this number.
    pub before: Option<i64>,
    /// About this person alone.
    pub employee_id: Option<&'a str>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// About this plan: the runs that made it or found it held, itself, what it decided on, and what became of it.
    pub plan_id: Option<&'a str>,
}

/// The plan that a record names. What cannot be read was meddled with, and names none.
macro_rules! plan {
    () => {
        "iif(json_valid(body), body ->> 'plan', NULL)"
    };
}

/// Records before ?1 of the person ?2, the kind ?3 and the plan ?4, where these are asked for, and of what is said beside.
macro_rules! records {
    ($and:expr) => {
        concat!(
            "SELECT seq, at, kind, employee_id, body, hash FROM audit \
             WHERE seq < ?1 AND (?2 IS NULL OR employee_id = ?2) AND (?3 IS NULL OR kind = ?3) AND (?4 IS NULL OR ",
            plan!(),
            " = ?4) AND ",
            $and,
            " ORDER BY seq DESC LIMIT ?5"
        )
    };
}

/// Of one person, of whom there are few.
const OF_PERSON: &str = records!("employee_id = ?2");
/// Of a plan, but what it decided on.
const OF_PLAN: &str = records!(concat!("kind IN ('run', 'plan', 'plan_decided') AND ", plan!(), " = ?4"));
/// Of a kind of which there are few.
const OF_KIND: &str = records!("kind = ?3 AND kind NOT IN ('decision', 'outcome', 'adoption')");
/// From this number on: a kind of which there are many, what a plan decided on, or all.
const FROM: &str = records!("seq >= ?6");

impl Store {
    /// Records of the audit, newest first. A search for a kind of which there are many stops where it has gone through many.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn audit_before(
        &self,
        search: &AuditSearch<'_>,
        limit: u32,
    ) -> Result<Looked<AuditRow>, StoreError> {
        let newest = self.audit_head().await?.seq;
        let before = search.before.unwrap_or(i64::MAX).min(newest.saturating_add(1));
        let search = AuditSearch { before: Some(before), ..*search };
        match (search.employee_id, search.plan_id, search.kind) {
            (Some(_), _, _) => Ok(Looked::whole(self.records(OF_PERSON, &search, 0, limit).await?)),
            (None, Some(plan_id), _) => {
                let mut rows = self.records(OF_PLAN, &search, 0, limit).await?;
                rows.extend(self.decided_on(plan_id, &search, limit).await?);
                rows.sort_by_key(|row| Reverse(row.seq));
                rows.truncate(limit as usize);
                Ok(Looked::whole(rows))
            }
            (None, None, Some(kind)) if !MANY.contains(&kind) => {
                Ok(Looked::whole(self.records(OF_KIND, &search, 0, limit).await?))
            }
            (None, None, kind) => {
                let end = kind.map_or(1, |_| before.saturating_sub(RECORDS_LOOKED_THROUGH).max(1));
                let rows = self.records(FROM, &search, end, limit).await?;
                let is_stopped = end > 1 && rows.len() < limit as usize;
                Ok(Looked { rows, stopped_at: is_stopped.then(|| end.to_string()) })
            }
        }
    }

    async fn records(
        &self,
        sql: &'static str,
        search: &AuditSearch<'_>,
        from: i64,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let rows = sqlx::query(sql)
            .bind(search.before)
            .bind(search.employee_id)
            .bind(search.kind.map(Kind::name))
            .bind(search.plan_id)
            .bind(limit)
            .bind(from);
        Ok(rows.fetch_all(&self.readers).await?.iter().map(record).collect())
    }

    /// What a plan decided on: it stands behind the plan's own record, action by action.
    async fn decided_on(
        &self,
        plan_id: &str,
        search: &AuditSearch<'_>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        if search.kind.is_some_and(|kind| kind != Kind::Decision) {
            return Ok(Vec::new());
        }
        let sql = concat!(
            "SELECT min(seq), (SELECT coalesce(sum(number), 0) FROM plan_group WHERE plan_id = ?1) FROM audit \
             WHERE kind IN ('run', 'plan', 'plan_decided') AND ",
            plan!(),
            " = ?1 AND kind = 'plan'"
        );
        let (own, actions): (Option<i64>, i64) =
            sqlx::query_as(sql).bind(plan_id).fetch_one(&self.readers).await?;
        let Some(own) = own else { return Ok(Vec::new()) };
        let before = search.before.unwrap_or(i64::MAX).min(own + actions + 1);
        let wanted = AuditSearch {
            before: Some(before),
            kind: Some(Kind::Decision),
            plan_id: None,
            employee_id: None,
        };
        let mut rows = self.records(FROM, &wanted, own + 1, limit).await?;
        rows.retain(|row| row.body["plan"] == plan_id);
        Ok(rows)
    }
}

fn record(row: &SqliteRow) -> AuditRow {
    AuditRow {
        seq: row.get(0),
        at: from_millis(row.get(1)),
        kind: row.get(2),
        employee_id: row.get(3),
        body: serde_json::from_str(row.get(4)).unwrap_or_default(),
        hash: row.get(5),
    }
}
