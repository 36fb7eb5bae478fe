//! In which workspaces people are confirmed, beside the one that is about to be taken from them, and who has lost access with the last.

use std::collections::BTreeMap;

use sqlx::Row;

use super::{Store, StoreError, to_json};

impl Store {
    /// Of revokes (by action) that were not planned as the end of the last workspace: the other workspaces in which their people are
    /// confirmed.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn other_workspaces(
        &self,
        action_ids: &[i64],
    ) -> Result<BTreeMap<i64, Vec<String>>, StoreError> {
        let sql = "SELECT a.action_id, m.group_id FROM json_each(?1) j JOIN action a ON a.action_id = j.value \
                   LEFT JOIN membership m ON m.employee_id = a.employee_id AND m.group_id <> a.group_id \
                     AND m.group_id LIKE 'workspace:%' AND m.group_id NOT LIKE 'workspace:%:%' \
                   WHERE a.last_workspace = 0 ORDER BY a.action_id, m.group_id";
        let mut others: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        for row in sqlx::query(sql).bind(to_json(&action_ids)).fetch_all(&self.readers).await? {
            others.entry(row.get(0)).or_default().extend(row.get::<Option<String>, _>(1));
        }
        Ok(others)
    }
    /// Whom Workiva has suspended since the last workspace was taken from them, though what we did last about the account was to give access,
    /// and for whom nothing is under way: the next run looks whether they are to have it.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn suspended_along(&self) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT c.employee_id FROM account c JOIN person p USING (employee_id) \
                   WHERE c.active = 0 AND c.had_access = 1 AND p.fingerprint = '' \
                     AND NOT EXISTS (SELECT 1 FROM action o WHERE o.employee_id = c.employee_id AND o.group_id IS NULL \
                       AND o.state IN ('queued', 'parked', 'held')) \
                     AND EXISTS (SELECT 1 FROM action o WHERE o.employee_id = c.employee_id AND o.kind = 'revoke' AND o.state = 'done' \
                       AND o.workspace_id IS NULL AND o.group_id LIKE 'workspace:%' \
                       AND o.action_id > coalesce((SELECT max(u.action_id) FROM action u WHERE u.employee_id = c.employee_id \
                         AND u.group_id IS NULL AND u.state = 'done'), 0)) \
                   ORDER BY c.employee_id";
        Ok(sqlx::query_scalar(sql).fetch_all(&self.readers).await?)
    }
}
