//! What is left of sources that are configured no more.

use sqlx::AssertSqlSafe;

use super::{Store, StoreError, Tx, to_json};

impl Store {
    /// Whether one of these people has been named by this source, and is named by no other one now.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn is_only_named_by(&self, source: &str, people: &[String]) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM register r WHERE r.source = ?1 AND r.employee_id IN (SELECT value FROM json_each(?2)) \
                     AND NOT EXISTS (SELECT 1 FROM register o WHERE o.employee_id = r.employee_id AND o.source <> ?1 AND o.content <> ''))";
        Ok(sqlx::query_scalar(sql).bind(source).bind(to_json(&people)).fetch_one(&self.readers).await?)
    }
}

/// Forgets what sources left that are configured no more. One that was left out by mistake comes back as it was, as long as nobody has let
/// that stand, or somebody whom it has named is missing (`missing`) and is not settled: they may keep for some runs what they have.
pub(super) async fn forget_removed(
    tx: &mut Tx,
    configured: &[String],
    missing: &[String],
) -> Result<(), StoreError> {
    let sql = "SELECT DISTINCT source FROM register WHERE source NOT IN (SELECT value FROM json_each(?1)) \
               AND employee_id IN (SELECT value FROM json_each(?2))";
    let query = sqlx::query_scalar(sql).bind(to_json(&configured)).bind(to_json(&missing));
    let mut kept: Vec<String> = query.fetch_all(&mut **tx).await?;
    kept.extend_from_slice(configured);
    // The register has a row a person, so its sources are found by going from one to the next.
    let named = "WITH RECURSIVE named (source) AS (SELECT min(source) FROM register UNION ALL \
                   SELECT (SELECT min(r.source) FROM register r WHERE r.source > named.source) FROM named WHERE named.source IS NOT NULL) \
                 SELECT source FROM named WHERE source NOT IN (SELECT value FROM json_each(?1))";
    let sql = format!("DELETE FROM register WHERE source IN ({named})");
    sqlx::query(AssertSqlSafe(sql)).bind(to_json(&kept)).execute(&mut **tx).await?;
    for table in ["source_state", "refused", "source_failure"] {
        let sql = format!("DELETE FROM {table} WHERE source NOT IN (SELECT value FROM json_each(?1))");
        sqlx::query(AssertSqlSafe(sql)).bind(to_json(&kept)).execute(&mut **tx).await?;
    }
    Ok(())
}
