//! In which workspaces people are confirmed, beside the one that is about to be taken from them.

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
}
