//! Whose user whose manager is: what plans ask of it, and who has to be looked at again.

use std::collections::HashSet;

use sqlx::{AssertSqlSafe, Row};

use super::plans::CHUNK;
use super::{Store, StoreError, to_json};
use crate::core::managers::ManagerBook;

/// The manager's user by an account's attributes. Schemas may be written in any letter case.
const CONFIRMED: &str = "(SELECT e.value FROM account r, json_each(r.attributes) e WHERE r.employee_id = ";
const AT_PATH: &str =
    " AND lower(e.key) = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:manager.value')";

/// SQL: whether Workiva's id of a manager's user is another one by now than the account of this person was confirmed with. Both are
/// expressions, of employee ids.
pub(super) fn is_another(manager: &str, employee_id: &str) -> String {
    format!(
        "({manager} IS NOT NULL AND (SELECT m.scim_id FROM account m WHERE m.employee_id = {manager}) IS NOT \
         {CONFIRMED}{employee_id}{AT_PATH})"
    )
}

impl Store {
    /// What is known of these people as managers.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn manager_book(&self, employee_ids: &[String]) -> Result<ManagerBook, StoreError> {
        let mut book = ManagerBook::default();
        let users =
            "SELECT a.employee_id, a.scim_id FROM json_each(?1) j JOIN account a ON a.employee_id = j.value";
        let coming = "SELECT o.employee_id FROM json_each(?1) j JOIN action o ON o.employee_id = j.value \
                      WHERE o.state IN ('queued', 'parked') AND o.withdrawn = 0 AND o.kind IN ('create', 'update', 'reactivate')";
        for chunk in employee_ids.chunks(CHUNK) {
            let ids = to_json(&chunk);
            let rows = sqlx::query(users).bind(&ids).fetch_all(&self.readers).await?;
            book.users.extend(rows.iter().map(|row| (row.get(0), row.get(1))));
            let coming: HashSet<String> =
                sqlx::query_scalar(coming).bind(&ids).fetch_all(&self.readers).await?.into_iter().collect();
            book.coming.extend(coming);
        }
        Ok(book)
    }

    /// Workiva's id of somebody's user.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn scim_id_of(&self, employee_id: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT scim_id FROM account WHERE employee_id = ?1";
        Ok(sqlx::query_scalar(sql).bind(employee_id).fetch_optional(&self.readers).await?)
    }

    /// Whose manager has come to a user that their own one does not show yet, and for whom nothing is under way: the next run writes it.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn owed_managers(&self) -> Result<Vec<String>, StoreError> {
        let sql = format!(
            "SELECT p.employee_id FROM person p JOIN account a USING (employee_id) JOIN account m ON m.employee_id = p.manager \
             WHERE p.manager IS NOT NULL AND p.fingerprint = '' AND {} AND NOT EXISTS \
               (SELECT 1 FROM action o WHERE o.employee_id = p.employee_id AND o.state IN ('queued', 'parked')) \
             ORDER BY p.employee_id",
            is_another("p.manager", "p.employee_id")
        );
        Ok(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&self.readers).await?)
    }
}
