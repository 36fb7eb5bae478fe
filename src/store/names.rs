//! User names that are nobody's in state, and yet not free.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::plans::CHUNK;
use super::{Store, StoreError, Tx, millis, to_json};
use crate::core::name_choice::GivenUp;
use crate::core::plan::Plan;
use crate::core::record::RejectionKind;
use crate::core::value::folded;

impl Store {
    /// The work e-mail address (compared form) of the accounts that have these user names (compared form).
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn mails_of_holders(
        &self,
        user_names: &[String],
    ) -> Result<HashMap<String, String>, StoreError> {
        let sql = "SELECT a.user_name, a.attributes ->> '$.\"emails.work\"' FROM json_each(?1) j \
                   JOIN account a ON a.user_name = j.value";
        let mut mails = HashMap::new();
        for chunk in user_names.chunks(CHUNK) {
            for row in sqlx::query(sql).bind(to_json(&chunk)).fetch_all(&self.readers).await? {
                if let Some(mail) = row.get::<Option<String>, _>(1) {
                    mails.insert(row.get(0), folded(&mail));
                }
            }
        }
        Ok(mails)
    }

    /// Who gave up which user name (compared form) since then.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn given_up_names(&self, since: DateTime<Utc>) -> Result<HashMap<String, GivenUp>, StoreError> {
        let sql = "SELECT user_name, employee_id, heir FROM given_up_name WHERE at > ?1";
        let rows = sqlx::query(sql).bind(millis(since)).fetch_all(&self.readers).await?;
        Ok(rows.iter().map(|row| (row.get(0), GivenUp { by: row.get(1), heir: row.get(2) })).collect())
    }

    /// Which user names (compared form) Workiva was seen to hold for others since then.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn taken_names(&self, since: DateTime<Utc>) -> Result<HashSet<String>, StoreError> {
        let sql = "SELECT user_name FROM taken_name WHERE at > ?1";
        let names: Vec<String> = sqlx::query_scalar(sql).bind(millis(since)).fetch_all(&self.readers).await?;
        Ok(names.into_iter().collect())
    }

    /// What somebody waits for by the newest plan that had to do with it: user name (compared form) to who waits.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn awaited_by(&self, employee_id: &str) -> Result<HashMap<String, String>, StoreError> {
        let sql = "SELECT user_name FROM awaited_name WHERE employee_id = ?1";
        let names: Vec<String> = sqlx::query_scalar(sql).bind(employee_id).fetch_all(&self.readers).await?;
        Ok(names.into_iter().map(|name| (name, employee_id.to_owned())).collect())
    }

    /// Workiva was seen to hold this user name for somebody else.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn name_is_taken(&self, user_name: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("INSERT OR REPLACE INTO taken_name (user_name, at) VALUES (?1, ?2)")
            .bind(folded(user_name))
            .bind(millis(now))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Keeps in mind which user names are given up by accounts that become these: `(employee id, user name)` as JSON; `None` as a name:
/// there is no account any more.
pub(super) async fn keep_given_up(
    tx: &mut Tx,
    now_named: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT OR REPLACE INTO given_up_name (user_name, employee_id, at, heir) \
         SELECT a.user_name, a.employee_id, ?2, w.employee_id \
         FROM json_each(?1) j JOIN account a ON a.employee_id = j.value ->> 0 \
         LEFT JOIN awaited_name w ON w.user_name = a.user_name \
         WHERE a.user_name <> '' AND a.user_name IS NOT j.value ->> 1",
    )
    .bind(now_named)
    .bind(millis(now))
    .execute(&mut **tx)
    .await?;
    // Whoever waits for it has it by right from now on; another holder's successor is another one.
    sqlx::query(
        "DELETE FROM awaited_name WHERE user_name IN \
         (SELECT a.user_name FROM json_each(?1) j JOIN account a ON a.employee_id = j.value ->> 0 \
          WHERE a.user_name IS NOT j.value ->> 1)",
    )
    .bind(now_named)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Keeps in mind who is to have which user name that its holder is about to give up. Of whom something else is decided by the same plan,
/// what they waited for before is forgotten.
pub(super) async fn keep_awaited(tx: &mut Tx, plan: &Plan) -> Result<(), StoreError> {
    let acted = plan.actions.iter().map(|action| &action.employee_id);
    let refused = plan.rejected.iter().filter(|one| one.kind == RejectionKind::UserNameTaken);
    let refused = refused.filter_map(|one| one.employee_id.as_ref());
    let settled = plan.settled.iter().map(|one| &one.employee_id);
    let decided: Vec<&String> = acted.chain(settled).chain(refused).collect();
    let sql = "DELETE FROM awaited_name WHERE employee_id IN (SELECT value FROM json_each(?1))";
    for chunk in decided.chunks(CHUNK) {
        sqlx::query(sql).bind(to_json(&chunk)).execute(&mut **tx).await?;
    }
    let sql = "INSERT OR REPLACE INTO awaited_name (user_name, employee_id) \
               SELECT value ->> 0, value ->> 1 FROM json_each(?1)";
    for chunk in plan.awaited_names.chunks(CHUNK) {
        sqlx::query(sql).bind(to_json(&chunk)).execute(&mut **tx).await?;
    }
    Ok(())
}
