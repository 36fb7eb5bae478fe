//! Whose account which user of Workiva is: as it is confirmed, as it passes to another employee id, and never two people's.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Row};

use super::ending::Finished;
use super::memberships::let_wait;
use super::names::keep_given_up;
use super::recorded;
use super::{Store, StoreError, Tx, millis, to_json};
use crate::core::action::{Attributes, Target};
use crate::core::audit::Entry;
use crate::core::state::Account;
use crate::core::value::folded;

impl Store {
    /// As what a person's user may have been made unseen before this action took the place of the one that did it, newest first: since then
    /// HR may have given another name and address.
    ///
    /// # Errors
    /// Where the database fails or holds what cannot be read.
    pub async fn sent_before(
        &self,
        employee_id: &str,
        action_id: i64,
    ) -> Result<Vec<Attributes>, StoreError> {
        let sql = "SELECT i.target FROM action a JOIN intent i USING (action_id) \
                   WHERE a.employee_id = ?1 AND a.action_id < ?2 AND a.kind = 'create' AND a.state = 'superseded' AND a.uncertain = 1 \
                     AND a.action_id > coalesce((SELECT max(d.action_id) FROM action d \
                       WHERE d.employee_id = ?1 AND d.group_id IS NULL AND d.state = 'done'), 0) \
                   ORDER BY a.action_id DESC LIMIT 10";
        let targets: Vec<String> =
            sqlx::query_scalar(sql).bind(employee_id).bind(action_id).fetch_all(&self.readers).await?;
        let corrupt = |_| StoreError::Corrupt { what: "an action's target" };
        let read = |text: &String| serde_json::from_str(text).map_err(corrupt);
        let targets: Vec<Target> = targets.iter().map(read).collect::<Result<_, _>>()?;
        Ok(targets.iter().map(|target| target.attributes().clone()).collect())
    }

    /// Whether one of these ids of Workiva's is a linked user's who was confirmed before an hour behind the user `missing`, where there is one:
    /// what was made since, perhaps by this very run, does not show that users from before can be seen.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn is_any_linked(&self, scim_ids: &[&str], missing: Option<&str>) -> Result<bool, StoreError> {
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM json_each(?1) j JOIN account a ON a.scim_id = j.value WHERE {})",
            is_witness("?2")
        );
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(to_json(&scim_ids)).bind(missing);
        Ok(query.fetch_one(&self.readers).await?)
    }

    /// The ids of at most so many of such users, of all ages: from one on, chosen by `unit` (0 to 1), in equal steps.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn some_linked(
        &self,
        missing: Option<&str>,
        most: u32,
        unit: f64,
    ) -> Result<Vec<String>, StoreError> {
        let sql = format!(
            "SELECT a.scim_id FROM account a WHERE {} ORDER BY a.confirmed_at, a.employee_id",
            is_witness("?1")
        );
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(missing);
        let all: Vec<String> = query.fetch_all(&self.readers).await?;
        let step = (all.len() / most.max(1) as usize).max(1);
        let first = ((unit.clamp(0.0, 1.0) * step as f64) as usize).min(step - 1);
        Ok(all.into_iter().skip(first).step_by(step).take(most as usize).collect())
    }
}

/// Whether an account `a` shows if the tenant is the one in which this user was.
fn is_witness(missing: &str) -> String {
    format!(
        "({missing} IS NULL OR (a.scim_id <> {missing} AND a.confirmed_at <= 3600000 + \
          coalesce((SELECT m.confirmed_at FROM account m WHERE m.scim_id = {missing}), a.confirmed_at)))"
    )
}

/// Actions whose confirmed account belongs to another employee already: one account is never two people's.
pub(super) async fn taken_accounts(
    tx: &mut Tx,
    finished: &[&Finished],
) -> Result<BTreeMap<i64, String>, StoreError> {
    let mut by_account: BTreeMap<&str, &Finished> = BTreeMap::new();
    let mut taken = BTreeMap::new();
    let reason = |holder: &str| {
        format!(
            "the Workiva user found for this employee is linked to employee {holder} already; correct one of them in HR or \
             in Workiva, then retry"
        )
    };
    for one in finished {
        let Some(account) = one.ending.account() else { continue };
        match by_account.get(account.scim_id.as_str()) {
            Some(first) if first.employee_id != one.employee_id => {
                taken.insert(one.action_id, reason(&first.employee_id));
            }
            _ => {
                by_account.insert(&account.scim_id, one);
            }
        }
    }
    let row =
        |(id, one): (_, &&Finished)| (id, one.employee_id.clone(), one.action_id, one.moved_from.clone());
    let rows: Vec<(&&str, String, i64, Option<String>)> = by_account.iter().map(row).collect();
    let rows = sqlx::query(
        "SELECT j.value ->> 2, a.employee_id FROM json_each(?1) j JOIN account a ON a.scim_id = j.value ->> 0 \
         WHERE a.employee_id <> j.value ->> 1 AND a.employee_id IS NOT j.value ->> 3",
    )
    .bind(to_json(&rows))
    .fetch_all(&mut **tx)
    .await?;
    taken.extend(rows.iter().map(|row| (row.get::<i64, _>(0), reason(row.get(1)))));
    Ok(taken)
}

/// Lets accounts pass to the employee ids that take them over, with their memberships. Under the old one there is nothing left. What was
/// done is told of both.
pub(super) async fn pass_on(tx: &mut Tx, done: &[&Finished]) -> Result<Vec<Entry>, StoreError> {
    let moves: Vec<(&str, &Finished)> =
        done.iter().filter_map(|one| Some((one.moved_from.as_deref()?, *one))).collect();
    if moves.is_empty() {
        return Ok(Vec::new());
    }
    let pairs = to_json(&moves.iter().map(|(old, one)| (*old, &*one.employee_id)).collect::<Vec<_>>());
    for sql in [
        "DELETE FROM drift_before WHERE employee_id IN (SELECT value ->> 0 FROM json_each(?1))",
        "UPDATE OR REPLACE membership SET employee_id = j.value ->> 1 FROM json_each(?1) j WHERE employee_id = j.value ->> 0",
        "UPDATE OR REPLACE account SET employee_id = j.value ->> 1 FROM json_each(?1) j WHERE employee_id = j.value ->> 0",
        // An account's former names are its own.
        "UPDATE given_up_name SET employee_id = j.value ->> 1 FROM json_each(?1) j WHERE employee_id = j.value ->> 0",
        "UPDATE given_up_name SET heir = j.value ->> 1 FROM json_each(?1) j WHERE heir = j.value ->> 0",
        // Nor is anybody settled by a record from before.
        "UPDATE person SET version = version + 1, fingerprint = '' FROM json_each(?1) j WHERE employee_id = j.value ->> 0",
    ] {
        sqlx::query(sql).bind(&pairs).execute(&mut **tx).await?;
    }
    Ok(moves.into_iter().map(|(old, one)| recorded::moved(old, one)).collect())
}

/// Stores what the accounts of these people are now; of whom there is none, there is none any more. `ours`: they are so since we made
/// them so, rather than that this was learnt.
pub(super) async fn store_accounts(
    tx: &mut Tx,
    now_held: &[(&str, Option<&Account>)],
    ours: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (mut accounts, mut gone, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (employee_id, account) in now_held {
        match account {
            Some(account) => {
                let user_name =
                    account.attributes.get("userName").map(|name| folded(name)).unwrap_or_default();
                let attributes = to_json(&account.attributes);
                names.push((employee_id, Some(user_name.clone())));
                accounts.push((employee_id, &account.scim_id, account.active, attributes, user_name));
            }
            None => {
                names.push((employee_id, None));
                gone.push(employee_id);
            }
        }
    }
    keep_given_up(tx, &to_json(&names), now).await?;
    if !gone.is_empty() {
        sqlx::query("DELETE FROM account WHERE employee_id IN (SELECT value FROM json_each(?1))")
            .bind(to_json(&gone))
            .execute(&mut **tx)
            .await?;
    }
    sqlx::query(
        "INSERT INTO account (employee_id, scim_id, active, attributes, user_name, confirmed_at, had_access) \
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, ?2, value ->> 2 FROM json_each(?1) WHERE true \
         ON CONFLICT (employee_id) DO UPDATE SET scim_id = excluded.scim_id, active = excluded.active, \
           attributes = excluded.attributes, user_name = excluded.user_name, confirmed_at = excluded.confirmed_at, \
           had_access = iif(?3, excluded.had_access, had_access)",
    )
    .bind(to_json(&accounts))
    .bind(millis(now))
    .bind(ours)
    .execute(&mut **tx)
    .await?;
    let is_active = |account: &Option<&Account>| account.is_some_and(|account| account.active);
    let without = now_held.iter().filter(|(_, account)| !is_active(account));
    let_wait(tx, &without.map(|(employee_id, _)| *employee_id).collect::<Vec<_>>()).await
}
