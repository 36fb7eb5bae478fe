//! Memberships that we did not give: who was found in a group, who is not in it any more, and what no role grants since.

use chrono::{DateTime, Utc};

use super::{Store, StoreError, millis, to_json};

impl Store {
    /// Of the users in a group, those of our active accounts of whom no membership of it is known or under way.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn unknown_members(&self, group: &str, users: &[String]) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT a.employee_id FROM json_each(?2) j JOIN account a ON a.scim_id = j.value \
                   WHERE a.active = 1 \
                     AND NOT EXISTS (SELECT 1 FROM membership m WHERE m.employee_id = a.employee_id AND m.group_id = ?1) \
                     AND NOT EXISTS (SELECT 1 FROM action o WHERE o.employee_id = a.employee_id \
                       AND coalesce(o.group_id, '') = ?1 AND o.state IN ('queued', 'parked'))";
        self.employees_of(sql, group, users).await
    }

    /// Whose membership of a group was found, not given by us, and is none any more by these users of it. Who has an action on it under
    /// way is left out.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn vanished_members(&self, group: &str, users: &[String]) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT m.employee_id FROM membership m JOIN account a USING (employee_id) \
                   WHERE m.group_id = ?1 AND m.given = 'found' AND a.active = 1 \
                     AND a.scim_id NOT IN (SELECT value FROM json_each(?2)) \
                     AND NOT EXISTS (SELECT 1 FROM action o WHERE o.employee_id = a.employee_id \
                       AND coalesce(o.group_id, '') = ?1 AND o.state IN ('queued', 'parked'))";
        Ok(sqlx::query_scalar(sql).bind(group).bind(to_json(&users)).fetch_all(&self.readers).await?)
    }

    /// Remembers people who were found in a group, and forgets those who were and are not any more: both as (employee id, group). What we
    /// gave stays as it is known.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn store_found(
        &self,
        found: &[(String, String)],
        vanished: &[(String, String)],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if found.is_empty() && vanished.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO membership (employee_id, group_id, given, confirmed_at) \
             SELECT value ->> 0, value ->> 1, 'found', ?2 FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING",
        )
        .bind(to_json(&found))
        .bind(millis(now))
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "DELETE FROM membership WHERE given = 'found' \
               AND (employee_id, group_id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
        )
        .bind(to_json(&vanished))
        .execute(&mut *tx)
        .await?;
        // Should this run fail, the next one looks at them all the same.
        for people in [found, vanished] {
            sqlx::query(
                "UPDATE person SET fingerprint = '' WHERE employee_id IN (SELECT value ->> 0 FROM json_each(?1))",
            )
            .bind(to_json(&people))
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    /// Remembers of memberships that were found, as (employee id, group), that no role grants them: from now on nobody vouches for them.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn let_lapse(&self, memberships: &[(String, String)]) -> Result<(), StoreError> {
        if memberships.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE membership SET lapsed = 1 WHERE given = 'found' \
               AND (employee_id, group_id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
        )
        .bind(to_json(&memberships))
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    /// How many of these users belong to nobody whom we know.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn unlinked(&self, users: &[String]) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM json_each(?1) j WHERE NOT EXISTS (SELECT 1 FROM account a WHERE a.scim_id = j.value)";
        let number: i64 = sqlx::query_scalar(sql).bind(to_json(&users)).fetch_one(&self.readers).await?;
        Ok(number.unsigned_abs())
    }
}
