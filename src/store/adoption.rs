//! Linking people to users whom Workiva had before, and what was decided about those in doubt.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::{Store, StoreError, Tx, audit, millis, to_json};
use crate::core::audit::{Entry, Kind};
use crate::core::scim::user::shown_id;
use crate::core::state::{Account, AdoptionMark};
use crate::core::value::folded;

/// How many rows one statement takes.
const CHUNK: usize = 2_000;

/// Somebody who is to be linked.
#[derive(Clone, Debug)]
pub struct Linked {
    /// The key.
    pub employee_id: String,
    /// The user as Workiva shows it.
    pub account: Account,
    /// Whether a person decided so; otherwise the match is certain.
    pub by_decision: bool,
}

/// A mark that is new or other than before.
#[derive(Clone, Debug)]
pub struct Marked {
    /// The key.
    pub employee_id: String,
    /// `None` takes it away.
    pub mark: Option<AdoptionMark>,
    /// Workiva's ids of the users who may be theirs.
    pub candidates: Vec<String>,
}

/// What `adopt` came to.
#[derive(Clone, Debug, Default)]
pub struct AdoptionCommit {
    /// Who is to be linked.
    pub links: Vec<Linked>,
    /// Marks that are new or other than before.
    pub marks: Vec<Marked>,
}

impl Store {
    /// To whom each of Workiva's ids is linked.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn owners(&self) -> Result<HashMap<String, String>, StoreError> {
        let rows = sqlx::query("SELECT scim_id, employee_id FROM account").fetch_all(&self.readers).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// For how many people nobody has decided yet whether one of Workiva's users is theirs.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn undecided(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM adoption WHERE decision = 'open'";
        let count: i64 = sqlx::query_scalar(sql).fetch_one(&self.readers).await?;
        Ok(count.unsigned_abs())
    }

    /// Whether somebody has decided that the account of this person is theirs, and nothing was confirmed of it since.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn is_decided(&self, employee_id: &str) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM account a JOIN audit u USING (employee_id) WHERE a.employee_id = ?1 \
                   AND u.kind = 'adoption' AND u.body ->> '$.how' = 'decision' AND u.at >= a.confirmed_at)";
        Ok(sqlx::query_scalar(sql).bind(employee_id).fetch_one(&self.readers).await?)
    }

    /// About whom nobody has decided yet, and Workiva's ids of the users who were found to be possibly theirs.
    ///
    /// # Errors
    /// Where the database fails or holds what cannot be read.
    pub async fn in_doubt(&self) -> Result<Vec<(String, Vec<String>)>, StoreError> {
        let sql = "SELECT employee_id, candidates FROM adoption WHERE decision = 'open' ORDER BY employee_id";
        let rows: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&self.readers).await?;
        let read = |(employee_id, candidates): (String, String)| {
            let candidates = serde_json::from_str(&candidates);
            Ok((
                employee_id,
                candidates.map_err(|_| StoreError::Corrupt { what: "the candidates of a doubt" })?,
            ))
        };
        rows.into_iter().map(read).collect()
    }

    /// Stores links and marks in one transaction. Who has an account or an action under way by now, and whose user is
    /// linked to somebody else by now, is left as they are. The next run looks at everybody concerned, and a plan that was
    /// held before is stale for them. The answer is how many were linked.
    ///
    /// # Errors
    /// Where the database fails; then nothing is stored.
    pub async fn store_adoption(
        &self,
        commit: &AdoptionCommit,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let mut linked = 0;
        for chunk in commit.links.chunks(CHUNK) {
            linked += link(&mut tx, chunk, by, now).await?;
        }
        for chunk in commit.marks.chunks(CHUNK) {
            mark(&mut tx, chunk, by, now).await?;
        }
        tx.commit().await?;
        Ok(linked)
    }
}

async fn link(tx: &mut Tx, links: &[Linked], by: &str, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let row = |one: &Linked| {
        let user_name = one.account.attributes.get("userName").map(|name| folded(name)).unwrap_or_default();
        let attributes = to_json(&one.account.attributes);
        (one.employee_id.clone(), one.account.scim_id.clone(), one.account.active, attributes, user_name)
    };
    let rows: Vec<_> = links.iter().map(row).collect();
    let free: Vec<String> = sqlx::query_scalar(
        "SELECT j.value ->> 0 FROM json_each(?1) j \
         WHERE NOT EXISTS (SELECT 1 FROM account a WHERE a.employee_id = j.value ->> 0 OR a.scim_id = j.value ->> 1) \
           AND NOT EXISTS (SELECT 1 FROM action o WHERE o.employee_id = j.value ->> 0 AND o.state IN ('queued', 'parked'))",
    )
    .bind(to_json(&rows))
    .fetch_all(&mut **tx)
    .await?;
    let free: std::collections::HashSet<&str> = free.iter().map(String::as_str).collect();
    let rows: Vec<_> = rows.iter().filter(|row| free.contains(row.0.as_str())).collect();
    let ids: Vec<&str> = rows.iter().map(|row| row.0.as_str()).collect();
    touch(tx, &to_json(&ids)).await?;
    sqlx::query(
        "INSERT INTO account (employee_id, scim_id, active, attributes, user_name, confirmed_at, had_access) \
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, ?2, value ->> 2 FROM json_each(?1)",
    )
    .bind(to_json(&rows))
    .bind(millis(now))
    .execute(&mut **tx)
    .await?;
    sqlx::query("DELETE FROM adoption WHERE employee_id IN (SELECT value FROM json_each(?1))")
        .bind(to_json(&ids))
        .execute(&mut **tx)
        .await?;
    // What was given up for want of a certain user is no longer in the way of a plan.
    sqlx::query(
        "UPDATE action SET state = 'superseded', ended_at = ?2, ended_behind = (SELECT max(action_id) FROM action) \
         WHERE state = 'discarded' AND employee_id IN (SELECT value FROM json_each(?1))",
    )
    .bind(to_json(&ids))
    .bind(millis(now))
    .execute(&mut **tx)
    .await?;
    let entries: Vec<Entry> =
        links.iter().filter(|one| free.contains(one.employee_id.as_str())).map(|one| told(one, by)).collect();
    audit::append(tx, now, &entries).await?;
    Ok(rows.len() as u64)
}

fn told(one: &Linked, by: &str) -> Entry {
    let body = serde_json::json!({
        "what": "linked",
        "scim_id": shown_id(&one.account.scim_id),
        "active": one.account.active,
        "how": if one.by_decision { "decision" } else { "match" },
        "by": by,
    });
    Entry::of_person(Kind::Adoption, &one.employee_id, &body)
}

async fn mark(tx: &mut Tx, marks: &[Marked], by: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    let ids: Vec<&str> = marks.iter().map(|one| one.employee_id.as_str()).collect();
    touch(tx, &to_json(&ids)).await?;
    sqlx::query("DELETE FROM adoption WHERE employee_id IN (SELECT value FROM json_each(?1))")
        .bind(to_json(&ids))
        .execute(&mut **tx)
        .await?;
    let row = |one: &Marked| Some((one.employee_id.clone(), one.mark?.name(), to_json(&one.candidates)));
    let kept: Vec<_> = marks.iter().filter_map(row).collect();
    sqlx::query(
        "INSERT INTO adoption (employee_id, decision, candidates, decided_at) \
         SELECT value ->> 0, value ->> 1, value ->> 2, ?2 FROM json_each(?1)",
    )
    .bind(to_json(&kept))
    .bind(millis(now))
    .execute(&mut **tx)
    .await?;
    let entries: Vec<Entry> = marks
        .iter()
        .map(|one| {
            let body = serde_json::json!({"what": one.mark.map_or("settled", AdoptionMark::name), "by": by});
            Entry::of_person(Kind::Adoption, &one.employee_id, &body)
        })
        .collect();
    audit::append(tx, now, &entries).await
}

/// Makes the next run look at these people, and a plan that was made before stale.
async fn touch(tx: &mut Tx, ids: &str) -> Result<(), StoreError> {
    // The WHERE before ON CONFLICT keeps SQLite from reading ON as a join's.
    sqlx::query(
        "INSERT INTO person (employee_id, version) SELECT value, 1 FROM json_each(?1) WHERE true \
         ON CONFLICT (employee_id) DO UPDATE SET fingerprint = '', version = version + 1",
    )
    .bind(ids)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
