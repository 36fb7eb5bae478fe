//! Whose account looks like somebody who comes new.

use std::collections::{HashMap, HashSet};

use super::{Store, StoreError, to_json};
use crate::core::action::Attributes;
use crate::core::new_id::Lookalikes;
use crate::core::new_id::namesakes::name_of;
use crate::core::value::folded;

/// How many accounts one query reads.
const PACK: i64 = 5_000;

impl Store {
    /// Whose account has one of these values (folded) of an attribute. Only user names have an index; for any other attribute every
    /// account is looked at.
    ///
    /// # Errors
    /// Where the database fails or holds what cannot be read.
    pub async fn lookalikes(&self, path: &str, keys: &[String]) -> Result<Lookalikes, StoreError> {
        if path != "userName" {
            let key = |attributes: &Attributes| attributes.get(path).map(|value| folded(value));
            return Ok(Lookalikes(self.accounts_with(keys, false, key).await?));
        }
        let mut found: HashMap<String, Vec<String>> = HashMap::new();
        let sql = "SELECT a.user_name, a.employee_id FROM json_each(?1) j JOIN account a ON a.user_name = j.value \
                   ORDER BY a.employee_id";
        let rows: Vec<(String, String)> =
            sqlx::query_as(sql).bind(to_json(&keys)).fetch_all(&self.readers).await?;
        rows.into_iter().for_each(|(key, id)| found.entry(key).or_default().push(id));
        Ok(Lookalikes(found))
    }

    /// Whose account is suspended and has one of these names ([`name_of`]): employee ids. Every such account is looked at.
    ///
    /// # Errors
    /// Where the database fails or holds what cannot be read.
    pub async fn namesakes(&self, names: &[String]) -> Result<Vec<String>, StoreError> {
        let found = self.accounts_with(names, true, name_of).await?;
        Ok(found.into_values().flatten().collect())
    }

    async fn accounts_with(
        &self,
        keys: &[String],
        is_suspended: bool,
        key: impl Fn(&Attributes) -> Option<String>,
    ) -> Result<HashMap<String, Vec<String>>, StoreError> {
        let mut found: HashMap<String, Vec<String>> = HashMap::new();
        let keys: HashSet<&String> = keys.iter().collect();
        let sql = "SELECT employee_id, attributes FROM account WHERE employee_id > ?1 AND NOT (?3 AND active) \
                   ORDER BY employee_id LIMIT ?2";
        let mut after = String::new();
        loop {
            let rows: Vec<(String, String)> = sqlx::query_as(sql)
                .bind(&after)
                .bind(PACK)
                .bind(is_suspended)
                .fetch_all(&self.readers)
                .await?;
            let Some((last, _)) = rows.last() else { return Ok(found) };
            after.clone_from(last);
            for (employee_id, attributes) in rows {
                let attributes: Attributes = serde_json::from_str(&attributes)
                    .map_err(|_| StoreError::Corrupt { what: "an account's attributes" })?;
                if let Some(key) = key(&attributes).filter(|key| keys.contains(key)) {
                    found.entry(key).or_default().push(employee_id);
                }
            }
        }
    }
}
