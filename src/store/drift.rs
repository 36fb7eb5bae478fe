//! What came of comparing live Workiva with the state table, and what of it becomes the new state.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use sqlx::Row;
use utoipa::ToSchema;

use super::led_back::take_for_state;
use super::{Store, StoreError, Tx, audit, from_millis, millis, to_json};
use crate::core::action::{Change, Target};
use crate::core::audit::{Entry, Kind};
use crate::core::drift::{Comparison, DriftKind, Drifted, KnownAccount, Learnt};
use crate::core::state::Account;
use crate::core::value::folded;

/// How many accounts are read at once.
const BATCH: i64 = 5_000;
/// How many rows one statement takes.
const CHUNK: usize = 2_000;
/// How many comparisons are remembered.
const KEPT: i64 = 100;

/// How a comparison ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriftOutcome {
    /// Nobody was changed.
    None,
    /// Somebody was; it was told, and nothing else.
    Found,
    /// What was seen became the state, so that the next run plans the way back.
    Recorded,
    /// Too many were changed for that.
    Refused,
    /// It came to no result.
    Failed,
}

impl DriftOutcome {
    /// The name in JSON and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Found => "found",
            Self::Recorded => "recorded",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// A comparison, to be stored.
#[derive(Debug)]
pub struct DriftRecord<'a> {
    /// The key.
    pub drift_id: &'a str,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it was stored.
    pub ended_at: DateTime<Utc>,
    /// What started it: `schedule`, `missed` or `drift`.
    pub cause: &'a str,
    /// How it ended.
    pub outcome: DriftOutcome,
    /// Users that were listed.
    pub users: u64,
    /// Accounts that were compared with them.
    pub accounts: u64,
    /// Numbers by kind.
    pub counts: &'a BTreeMap<&'static str, u64>,
    /// What went wrong, or is in doubt.
    pub message: Option<&'a str>,
}

/// What `status` shows of the newest comparison.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DriftSummary {
    /// The key.
    pub drift_id: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// What started it.
    pub cause: String,
    /// How it ended.
    pub outcome: String,
    /// Users that were listed.
    pub users: u64,
    /// Accounts that were compared with them.
    pub accounts: u64,
    /// Numbers by kind.
    pub counts: BTreeMap<String, u64>,
    /// What went wrong, or is in doubt.
    pub message: Option<String>,
}

/// What the newest comparison found of somebody.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DriftFinding {
    /// The comparison.
    pub drift_id: String,
    /// When it began.
    pub found_at: DateTime<Utc>,
    /// What happened.
    pub kinds: Vec<DriftKind>,
    /// What was confirmed, and what Workiva showed.
    pub changes: Vec<Change>,
}

impl Store {
    /// What the newest comparison found of somebody, if it found them changed.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn drift_finding(&self, employee_id: &str) -> Result<Option<DriftFinding>, StoreError> {
        let sql = "SELECT drift_id, d.started_at, f.kinds, f.changes FROM drift_finding f JOIN drift d USING (drift_id) \
                   WHERE f.employee_id = ?1";
        let row = sqlx::query(sql).bind(employee_id).fetch_optional(&self.readers).await?;
        Ok(row.map(|row| DriftFinding {
            drift_id: row.get(0),
            found_at: from_millis(row.get(1)),
            kinds: serde_json::from_str(row.get(2)).unwrap_or_default(),
            changes: serde_json::from_str(row.get(3)).unwrap_or_default(),
        }))
    }

    /// The accounts after `after` in the order of employee ids, at most some thousand. Those with an action that is queued,
    /// or of whom the audit has a record behind `since`, count as moving: whatever changes an account is recorded there, in an order
    /// that does not depend on the clock, which may be set back. Of a parked action it is not known when it ends.
    ///
    /// # Errors
    /// Where the database fails or holds what cannot be read.
    pub async fn accounts_after(&self, after: &str, since: i64) -> Result<Vec<KnownAccount>, StoreError> {
        let sql = "SELECT a.employee_id, a.scim_id, a.active, a.attributes, p.version, \
                     EXISTS (SELECT 1 FROM audit u WHERE u.employee_id = a.employee_id AND u.seq > ?2) \
                     OR EXISTS (SELECT 1 FROM action o WHERE o.employee_id = a.employee_id AND o.state = 'queued'), \
                     (SELECT json_group_object(r.attribute, json_array(r.confirmed, r.shown)) FROM drift_repair r \
                        WHERE r.employee_id = a.employee_id) \
                   FROM account a JOIN person p USING (employee_id) WHERE a.employee_id > ?1 ORDER BY a.employee_id LIMIT ?3";
        let rows = sqlx::query(sql).bind(after).bind(since).bind(BATCH).fetch_all(&self.readers).await?;
        rows.iter().map(known).collect()
    }

    /// The active accounts of those to whom this group was given. Who has an action in the queue, or a record of the audit behind
    /// `since`, is left out.
    ///
    /// # Errors
    /// Where the database fails or holds what cannot be read.
    pub async fn given_in(&self, group: &str, since: i64) -> Result<Vec<KnownAccount>, StoreError> {
        let sql = "SELECT a.employee_id, a.scim_id, a.active, a.attributes, p.version, 0, '{}' \
                   FROM membership m JOIN account a USING (employee_id) JOIN person p USING (employee_id) \
                   WHERE m.group_id = ?1 AND a.active = 1 \
                     AND NOT EXISTS (SELECT 1 FROM action o WHERE o.employee_id = a.employee_id AND o.state = 'queued') \
                     AND NOT EXISTS (SELECT 1 FROM audit u WHERE u.employee_id = a.employee_id AND u.seq > ?2)";
        let rows = sqlx::query(sql).bind(group).bind(since).fetch_all(&self.readers).await?;
        rows.iter().map(known).collect()
    }

    /// Whose account is among these users of a group, though the last that was done about it was to take the group from them.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn back_in_group(&self, group: &str, users: &[String]) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT a.employee_id FROM json_each(?2) j JOIN account a ON a.scim_id = j.value \
                   WHERE NOT EXISTS (SELECT 1 FROM membership m WHERE m.employee_id = a.employee_id AND m.group_id = ?1) \
                     AND (SELECT o.kind FROM action o WHERE o.employee_id = a.employee_id AND o.group_id = ?1 \
                       AND o.state = 'done' ORDER BY o.action_id DESC LIMIT 1) = 'revoke' \
                     AND NOT EXISTS (SELECT 1 FROM action o WHERE o.employee_id = a.employee_id AND o.group_id = ?1 AND o.state = 'queued') \
                   ORDER BY a.employee_id";
        self.employees_of(sql, group, users).await
    }

    /// Who of these is settled as somebody who is to have no account, with the version of the state: no action of theirs is under way or
    /// was given up, and nobody has to decide about a user of theirs.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn without_account(
        &self,
        ids: &[&str],
        since: i64,
    ) -> Result<HashMap<String, i64>, StoreError> {
        let sql = "SELECT p.employee_id, p.version FROM json_each(?1) j JOIN person p ON p.employee_id = j.value \
                   WHERE p.fingerprint <> '' AND NOT EXISTS (SELECT 1 FROM account a WHERE a.employee_id = p.employee_id) \
                     AND NOT EXISTS (SELECT 1 FROM adoption d WHERE d.employee_id = p.employee_id) \
                     AND NOT EXISTS (SELECT 1 FROM action o WHERE o.employee_id = p.employee_id \
                       AND o.state IN ('queued', 'parked', 'discarded', 'held')) \
                     AND NOT EXISTS (SELECT 1 FROM audit u WHERE u.employee_id = p.employee_id AND u.seq > ?2)";
        let mut found = HashMap::new();
        for chunk in ids.chunks(CHUNK) {
            let rows: Vec<(String, i64)> =
                sqlx::query_as(sql).bind(to_json(&chunk)).bind(since).fetch_all(&self.readers).await?;
            found.extend(rows);
        }
        Ok(found)
    }

    /// The user names and work e-mail addresses (compared form) that accounts of these people are known to have had.
    ///
    /// # Errors
    /// Where the database fails or holds what cannot be read.
    pub async fn last_known_as(&self, ids: &[&str]) -> Result<HashMap<String, BTreeSet<String>>, StoreError> {
        let mut known: HashMap<String, BTreeSet<String>> = HashMap::new();
        let targets = "SELECT a.employee_id, i.target FROM json_each(?1) j JOIN action a ON a.employee_id = j.value \
                       JOIN intent i USING (action_id) WHERE a.state = 'done' AND a.group_id IS NULL";
        let names = "SELECT employee_id, user_name FROM given_up_name WHERE employee_id IN (SELECT value FROM json_each(?1))";
        for chunk in ids.chunks(CHUNK) {
            let chunk = to_json(&chunk);
            let targets: Vec<(String, String)> =
                sqlx::query_as(targets).bind(&chunk).fetch_all(&self.readers).await?;
            for (employee_id, target) in targets {
                let target: Target = serde_json::from_str(&target)
                    .map_err(|_| StoreError::Corrupt { what: "an action's target" })?;
                let values = ["userName", "emails.work"].map(|path| target.attributes().get(path));
                known
                    .entry(employee_id)
                    .or_default()
                    .extend(values.into_iter().flatten().map(|value| folded(value)));
            }
            let names: Vec<(String, String)> =
                sqlx::query_as(names).bind(&chunk).fetch_all(&self.readers).await?;
            for (employee_id, name) in names {
                known.entry(employee_id).or_default().insert(name);
            }
        }
        Ok(known)
    }

    /// Stores a comparison and who was changed. Where the outcome is [`DriftOutcome::Recorded`], what was seen becomes the
    /// state in the same transaction, and the next run looks at these people; whose state has moved since, or for whom an
    /// action is queued by now, is left as they are. Repairs that are seen to have worked are forgotten, and values that keep HR's away are
    /// learnt, whatever the outcome. The answer is how many people were recorded.
    ///
    /// # Errors
    /// Where the database fails; then nothing is stored.
    pub async fn record_drift(
        &self,
        record: &DriftRecord<'_>,
        comparison: &Comparison,
    ) -> Result<u64, StoreError> {
        let Comparison { people, healed, learnt, .. } = comparison;
        let mut tx = self.begin().await?;
        insert(&mut tx, record).await?;
        // Of a comparison that came to nothing, the findings of the one before are still the newest.
        if record.outcome != DriftOutcome::Failed {
            replace_findings(&mut tx, record.drift_id, people).await?;
        }
        forget_repairs(&mut tx, healed).await?;
        learn(&mut tx, learnt).await?;
        let body = json!({
            "drift": record.drift_id, "cause": record.cause, "outcome": record.outcome.name(),
            "users": record.users, "accounts": record.accounts, "counts": record.counts,
        });
        audit::append(&mut tx, record.ended_at, &[Entry::new(Kind::Drift, &body)]).await?;
        let mut recorded = 0;
        if record.outcome == DriftOutcome::Recorded {
            for chunk in people.chunks(CHUNK) {
                recorded += take_for_state(&mut tx, record, chunk).await?;
            }
        }
        tx.commit().await?;
        Ok(recorded)
    }

    /// The figures of the newest comparison that came to something.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn drift_counts(&self) -> Result<Option<BTreeMap<String, u64>>, StoreError> {
        let sql = "SELECT counts FROM drift WHERE outcome <> 'failed' ORDER BY rowid DESC LIMIT 1";
        let counts: Option<String> = sqlx::query_scalar(sql).fetch_optional(&self.readers).await?;
        Ok(counts.and_then(|counts| serde_json::from_str(&counts).ok()))
    }

    /// When the newest comparison began.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn last_drift_at(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let at: Option<i64> = sqlx::query_scalar("SELECT started_at FROM drift ORDER BY rowid DESC LIMIT 1")
            .fetch_optional(&self.readers)
            .await?;
        Ok(at.map(from_millis))
    }

    /// The newest comparison.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn last_drift(&self) -> Result<Option<DriftSummary>, StoreError> {
        let sql = "SELECT drift_id, started_at, cause, outcome, users, accounts, counts, message FROM drift \
                   ORDER BY rowid DESC LIMIT 1";
        let row = sqlx::query(sql).fetch_optional(&self.readers).await?;
        Ok(row.map(|row| DriftSummary {
            drift_id: row.get(0),
            started_at: from_millis(row.get(1)),
            cause: row.get(2),
            outcome: row.get(3),
            users: row.get::<i64, _>(4).unsigned_abs(),
            accounts: row.get::<i64, _>(5).unsigned_abs(),
            counts: serde_json::from_str(row.get(6)).unwrap_or_default(),
            message: row.get(7),
        }))
    }
}

fn known(row: &sqlx::sqlite::SqliteRow) -> Result<KnownAccount, StoreError> {
    let attributes = serde_json::from_str(row.get(3))
        .map_err(|_| StoreError::Corrupt { what: "an account's attributes" })?;
    Ok(KnownAccount {
        employee_id: row.get(0),
        account: Account { scim_id: row.get(1), active: row.get::<i64, _>(2) == 1, attributes },
        version: row.get(4),
        is_moving: row.get::<i64, _>(5) == 1,
        repaired: serde_json::from_str(row.get(6))
            .map_err(|_| StoreError::Corrupt { what: "an earlier repair" })?,
    })
}

async fn insert(tx: &mut Tx, record: &DriftRecord<'_>) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO drift (drift_id, started_at, ended_at, cause, outcome, users, accounts, counts, message) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )
    .bind(record.drift_id)
    .bind(millis(record.started_at))
    .bind(millis(record.ended_at))
    .bind(record.cause)
    .bind(record.outcome.name())
    .bind(record.users.cast_signed())
    .bind(record.accounts.cast_signed())
    .bind(to_json(record.counts))
    .bind(record.message)
    .execute(&mut **tx)
    .await?;
    // Findings point to the newest comparison that came to something, which has to stay with them.
    sqlx::query(
        "DELETE FROM drift WHERE drift_id NOT IN (SELECT drift_id FROM drift ORDER BY rowid DESC LIMIT ?1) \
         AND drift_id NOT IN (SELECT drift_id FROM drift_finding)",
    )
    .bind(KEPT)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn replace_findings(tx: &mut Tx, drift_id: &str, people: &[Drifted]) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM drift_finding").execute(&mut **tx).await?;
    for chunk in people.chunks(CHUNK) {
        let row = |one: &Drifted| {
            (one.employee_id.clone(), one.scim_id.clone(), to_json(&one.kinds), to_json(&one.changes))
        };
        sqlx::query(
            "INSERT INTO drift_finding (employee_id, drift_id, scim_id, kinds, changes) \
             SELECT value ->> 0, ?2, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1)",
        )
        .bind(to_json(&chunk.iter().map(row).collect::<Vec<_>>()))
        .bind(drift_id)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// Takes values of attributes in that are written only where there is none. Who has changed since is left to the next comparison.
async fn learn(tx: &mut Tx, learnt: &[Learnt]) -> Result<(), StoreError> {
    let mut by_attribute: BTreeMap<&String, Vec<(&String, i64, &String)>> = BTreeMap::new();
    for Learnt { employee_id, base_version, attribute, value } in learnt {
        by_attribute.entry(attribute).or_default().push((employee_id, *base_version, value));
    }
    for (attribute, rows) in by_attribute {
        let path = format!("$.\"{attribute}\"");
        for chunk in rows.chunks(CHUNK) {
            sqlx::query(
                "UPDATE account SET attributes = json_set(attributes, ?2, j.value ->> 2)                  FROM json_each(?1) j JOIN person p ON p.employee_id = j.value ->> 0 AND p.version = j.value ->> 1                  WHERE account.employee_id = p.employee_id AND NOT EXISTS                    (SELECT 1 FROM action o WHERE o.employee_id = p.employee_id AND o.state IN ('queued', 'parked'))",
            )
            .bind(to_json(&chunk))
            .bind(&path)
            .execute(&mut **tx)
            .await?;
        }
    }
    Ok(())
}

async fn forget_repairs(tx: &mut Tx, healed: &[(String, String)]) -> Result<(), StoreError> {
    for chunk in healed.chunks(CHUNK) {
        sqlx::query(
            "DELETE FROM drift_repair WHERE (employee_id, attribute) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
        )
        .bind(to_json(&chunk))
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}
