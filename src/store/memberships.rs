//! Memberships of groups: what is confirmed, what waits for what, and which groups are meant.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};
use utoipa::ToSchema;

use super::ending::{Ending, Finished};
use super::managers::is_another;
use super::{Store, StoreError, Tx, millis, to_json};
use crate::core::grants::Given;
use crate::core::state::{Account, OpenMembership, OpenState, PersonState};

/// How many ids one lookup asks for.
const CHUNK: usize = 5_000;

/// A workspace that waits to be taken back, since Workiva suspends a user who is in none.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KeptWorkspace {
    /// Who is in it.
    pub employee_id: String,
    /// The workspace.
    pub group: String,
    /// The workspaces in its place, whose grants are parked or were discarded.
    pub waits_for: String,
}

impl Store {
    /// Adds to the states of people which groups they are in, and what is under way about that.
    ///
    /// # Errors
    /// Where the database fails or holds what cannot be read.
    pub async fn add_memberships(&self, states: &mut HashMap<String, PersonState>) -> Result<(), StoreError> {
        let held = "SELECT employee_id, group_id, given, lapsed FROM json_each(?1) j JOIN membership m ON m.employee_id = j.value";
        // Of several that were discarded the newest counts, and only where none is open; hence the order.
        let open = "SELECT employee_id, group_id, action_id, kind, state, uncertain, withdrawn, \
                      EXISTS (SELECT 1 FROM lease l WHERE l.action_id = a.action_id), last_workspace, \
                      scim_id <> (SELECT c.scim_id FROM account c WHERE c.employee_id = a.employee_id) \
                    FROM json_each(?1) j JOIN action a ON a.employee_id = j.value \
                    WHERE group_id IS NOT NULL AND state IN ('queued', 'parked', 'discarded') \
                    ORDER BY state <> 'discarded', action_id";
        let ids: Vec<String> = states.keys().cloned().collect();
        for chunk in ids.chunks(CHUNK) {
            let ids = to_json(&chunk);
            for row in sqlx::query(held).bind(&ids).fetch_all(&self.readers).await? {
                let given = Given::parse(row.get(2)).ok_or(StoreError::Corrupt { what: "a membership" })?;
                if let Some(state) = states.get_mut(row.get::<&str, _>(0)) {
                    state.memberships.insert(row.get(1), given);
                    if row.get::<i64, _>(3) == 1 {
                        state.lapsed.insert(row.get(1));
                    }
                }
            }
            for row in sqlx::query(open).bind(&ids).fetch_all(&self.readers).await? {
                if let Some(state) = states.get_mut(row.get::<&str, _>(0)) {
                    state.open_memberships.insert(row.get(1), open_membership(&row));
                }
            }
        }
        Ok(())
    }

    /// The waiting actions on memberships, with their people: what nobody needs once no role grants anything any more.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn waiting_memberships(&self) -> Result<Vec<(i64, String)>, StoreError> {
        let sql = "SELECT action_id, employee_id FROM action WHERE group_id IS NOT NULL AND state IN ('queued', 'parked', 'held') \
                   AND state <> 'held' AND action_id NOT IN (SELECT action_id FROM lease)";
        Ok(sqlx::query_as(sql).fetch_all(&self.readers).await?)
    }

    /// How many memberships are confirmed, and how many revokes earlier plans queued, no operator approved, and no worker has ended.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn scale_of_memberships(&self) -> Result<(u64, u64), StoreError> {
        let sql = "SELECT (SELECT count(*) FROM membership), \
                     (SELECT count(*) FROM action o JOIN plan p USING (plan_id) WHERE o.group_id IS NOT NULL \
                        AND o.state IN ('queued', 'parked', 'held') AND o.state = 'queued' AND o.withdrawn = 0 AND o.kind = 'revoke' \
                        AND p.state IN ('released', 'applied'))";
        let (held, open): (i64, i64) = sqlx::query_as(sql).fetch_one(&self.readers).await?;
        Ok((held.unsigned_abs(), open.unsigned_abs()))
    }

    /// At most so many workspaces that wait for one whose grant waits for an operator, or was given up.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn kept_workspaces(&self, limit: u32) -> Result<Vec<KeptWorkspace>, StoreError> {
        let sql = "WITH grants AS (SELECT employee_id, group_id, state FROM action WHERE kind = 'grant' AND workspace_id IS NULL \
                     AND group_id LIKE 'workspace:%' AND state IN ('queued', 'parked', 'discarded')) \
                   SELECT a.employee_id, a.group_id, (SELECT group_concat(DISTINCT g.group_id) FROM grants g \
                     WHERE g.employee_id = a.employee_id AND g.group_id <> a.group_id) AS others \
                   FROM action a JOIN account c USING (employee_id) \
                   WHERE a.waits = 1 AND a.state = 'queued' AND a.kind = 'revoke' AND a.workspace_id IS NULL \
                     AND a.group_id LIKE 'workspace:%' AND c.active = 1 AND others IS NOT NULL \
                     AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.employee_id = a.employee_id AND g.state = 'queued') \
                   ORDER BY a.employee_id, a.group_id LIMIT ?1";
        let rows = sqlx::query(sql).bind(limit).fetch_all(&self.readers).await?;
        let kept = rows.iter().map(|row| KeptWorkspace {
            employee_id: row.get(0),
            group: row.get(1),
            waits_for: row.get(2),
        });
        Ok(kept.collect())
    }

    /// Which group each reference meant when Workiva was asked.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn group_references(&self) -> Result<BTreeMap<String, String>, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as("SELECT reference, group_id FROM group_reference")
            .fetch_all(&self.readers)
            .await?;
        Ok(rows.into_iter().collect())
    }

    /// Remembers which group each reference means. Where that is another one than before, or was not known, everybody is looked at
    /// again.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn store_group_references(
        &self,
        ids: &BTreeMap<String, String>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let rows: Vec<(&String, &String)> = ids.iter().collect();
        let mut tx = self.begin().await?;
        let changed = sqlx::query(
            "INSERT INTO group_reference (reference, group_id, resolved_at) \
             SELECT value ->> 0, value ->> 1, ?2 FROM json_each(?1) WHERE true \
             ON CONFLICT (reference) DO UPDATE SET group_id = excluded.group_id, resolved_at = excluded.resolved_at \
             WHERE group_id <> excluded.group_id",
        )
        .bind(to_json(&rows))
        .bind(millis(now))
        .execute(&mut *tx)
        .await?;
        if changed.rows_affected() > 0 {
            sqlx::query("UPDATE person SET fingerprint = ''").execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }

    /// The employees whom a query finds for a group (`?1`) among these users (`?2`, as JSON).
    pub(super) async fn employees_of(
        &self,
        sql: &'static str,
        group: &str,
        users: &[String],
    ) -> Result<Vec<String>, StoreError> {
        let mut employees = Vec::new();
        for chunk in users.chunks(CHUNK) {
            let rows: Vec<String> =
                sqlx::query_scalar(sql).bind(group).bind(to_json(&chunk)).fetch_all(&self.readers).await?;
            employees.extend(rows);
        }
        Ok(employees)
    }
}

fn open_membership(row: &SqliteRow) -> OpenMembership {
    OpenMembership {
        action_id: row.get(2),
        joins: row.get::<&str, _>(3) == "grant",
        state: match row.get::<&str, _>(4) {
            "queued" if row.get::<i64, _>(7) == 1 => OpenState::Leased,
            "queued" => OpenState::Queued,
            "parked" => OpenState::Parked,
            _ => OpenState::Discarded,
        },
        uncertain: row.get::<i64, _>(5) == 1,
        withdrawn: row.get::<i64, _>(6) == 1,
        last_workspace: row.get::<i64, _>(8) == 1,
        is_of_former_user: row.get::<Option<i64>, _>(9) == Some(1),
    }
}

/// Stores memberships that were confirmed to have begun or ended.
pub(super) async fn end_memberships(
    tx: &mut Tx,
    done: &[&Finished],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if done.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = done.iter().map(|one| one.action_id).collect();
    sqlx::query(
        "UPDATE action SET state = 'done', waits = 0, attempts = attempts + 1, error = NULL, \
           ended_at = ?2, ended_behind = (SELECT max(action_id) FROM action) \
         WHERE action_id IN (SELECT value FROM json_each(?1))",
    )
    .bind(to_json(&ids))
    .bind(millis(now))
    .execute(&mut **tx)
    .await?;
    let (mut begun, mut ended, mut suspended) = (Vec::new(), Vec::new(), Vec::new());
    for one in done {
        let Ending::Member { given, is_suspended } = &one.ending else { continue };
        match given {
            Some(given) => begun.push((one.action_id, given.name())),
            None => ended.push(one.action_id),
        }
        if *is_suspended {
            suspended.push(&*one.employee_id);
        }
    }
    // What we have given anew is ours, whoever had given it before; what we gave does not become another's by being there.
    sqlx::query(
        "INSERT INTO membership (employee_id, group_id, given, confirmed_at) \
         SELECT a.employee_id, a.group_id, j.value ->> 1, ?2 FROM json_each(?1) j JOIN action a ON a.action_id = j.value ->> 0 \
         WHERE true ON CONFLICT (employee_id, group_id) DO UPDATE SET confirmed_at = excluded.confirmed_at, lapsed = 0, \
           given = iif(excluded.given = 'ours', 'ours', given)",
    )
    .bind(to_json(&begun))
    .bind(millis(now))
    .execute(&mut **tx)
    .await?;
    // Whoever leaves a workspace leaves what is inside of it.
    sqlx::query(
        "DELETE FROM membership WHERE (employee_id, group_id) IN \
           (SELECT m.employee_id, m.group_id FROM json_each(?1) j JOIN action a ON a.action_id = j.value \
              JOIN membership m ON m.employee_id = a.employee_id \
            WHERE m.group_id = a.group_id OR (a.group_id LIKE 'workspace:%' \
              AND substr(m.group_id, 1, length(a.group_id) + 1) = a.group_id || ':'))",
    )
    .bind(to_json(&ended))
    .execute(&mut **tx)
    .await?;
    settle(tx, &ids).await?;
    if !suspended.is_empty() {
        let people = to_json(&suspended);
        for sql in [
            "UPDATE account SET active = 0 WHERE employee_id IN (SELECT value FROM json_each(?1))",
            "UPDATE person SET version = version + 1, fingerprint = '' WHERE employee_id IN (SELECT value FROM json_each(?1))",
        ] {
            sqlx::query(sql).bind(&people).execute(&mut **tx).await?;
        }
        let_wait(tx, &suspended).await?;
    }
    Ok(())
}

/// Whether an action `a` that is done leaves its person to be looked at again, by one `o` of their other actions: something is left to
/// do; or, since it was planned, something was taken back or planned for another record. What settles a person is a record, and by then
/// not all that this one wanted has been done, or something that another wanted.
pub(super) const LEAVES_MORE: &str = "(o.state IN ('queued', 'parked', 'held') \
    OR (o.ended_behind >= a.action_id AND (o.state IN ('superseded', 'dropped', 'discarded') OR o.withdrawn = 1)) \
    OR (o.plan_id <> a.plan_id AND o.action_id > a.action_id))";

/// People are settled by the last of their actions; but where more happened to the account since it was planned than its own plan did,
/// they are to be looked at again.
async fn settle(tx: &mut Tx, ids: &[i64]) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE person SET next_change = a.next_change, ends = a.ends, hired = a.hired, gone = a.gone, manager = a.manager, shown = NULL, guard_group = coalesce(a.guard_group, person.guard_group), \
           fingerprint = iif(EXISTS (SELECT 1 FROM action o WHERE o.employee_id = a.employee_id AND {LEAVES_MORE}) \
             OR person.version <> a.base_version + (SELECT count(*) FROM action o WHERE o.employee_id = a.employee_id \
               AND o.plan_id = a.plan_id AND o.group_id IS NULL AND o.state = 'done') OR {}, \
             '', a.fingerprint) \
         FROM action a WHERE person.employee_id = a.employee_id AND a.action_id IN \
           (SELECT max(action_id) FROM action WHERE action_id IN (SELECT value FROM json_each(?1)) GROUP BY employee_id)",
        is_another("a.manager", "a.employee_id")
    );
    sqlx::query(AssertSqlSafe(sql)).bind(to_json(&ids)).execute(&mut **tx).await?;
    let decided = "DELETE FROM drift_before WHERE employee_id IN (SELECT a.employee_id FROM action a JOIN person p USING (employee_id) \
                   WHERE a.action_id IN (SELECT value FROM json_each(?1)) AND p.fingerprint <> '')";
    sqlx::query(decided).bind(to_json(&ids)).execute(&mut **tx).await?;
    Ok(())
}

/// Lets go what has waited for something that is confirmed by now: an active account with nothing queued for it, the workspace, or
/// the end of what is inside of it. Who moves from one workspace to another is in both for a moment rather than in none, since Workiva
/// suspends whoever is in none: but where somebody is to be in none, a workspace is taken back only while another one is confirmed that
/// stays for now (of several that end the last one stays), however long its grant takes, and also where it never comes. One that is about
/// to be looked at, by a grant, counts once it has been seen. `people`: those concerned. The answer is how many actions.
pub(super) async fn let_go(tx: &mut Tx, people: &[&str]) -> Result<u64, StoreError> {
    let any: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM action WHERE waits = 1 AND state = 'queued')")
            .fetch_one(&mut **tx)
            .await?;
    if !any || people.is_empty() {
        return Ok(0);
    }
    let gone = sqlx::query(
        "UPDATE action INDEXED BY action_waits SET waits = 0 WHERE waits = 1 AND state = 'queued' \
           AND employee_id IN (SELECT value FROM json_each(?1)) \
           AND EXISTS (SELECT 1 FROM account c WHERE c.employee_id = action.employee_id AND c.active = 1) \
           AND NOT EXISTS (SELECT 1 FROM action o WHERE o.employee_id = action.employee_id \
             AND o.group_id IS NULL AND o.state = 'queued') \
           AND (kind <> 'grant' OR workspace_id IS NULL OR EXISTS (SELECT 1 FROM membership m \
             WHERE m.employee_id = action.employee_id AND m.group_id = action.workspace_id AND m.lapsed = 0)) \
           AND (kind <> 'revoke' OR NOT EXISTS (SELECT 1 FROM action o WHERE o.employee_id = action.employee_id \
             AND o.workspace_id = action.group_id AND o.kind = 'revoke' AND o.state IN ('queued', 'parked'))) \
           AND (kind <> 'revoke' OR workspace_id IS NOT NULL OR group_id NOT LIKE 'workspace:%' OR last_workspace = 1 \
             OR EXISTS (SELECT 1 FROM membership m WHERE m.employee_id = action.employee_id AND m.group_id <> action.group_id \
               AND m.group_id LIKE 'workspace:%' AND m.group_id NOT LIKE 'workspace:%:%' \
               AND NOT EXISTS (SELECT 1 FROM action o WHERE o.employee_id = m.employee_id AND o.group_id = m.group_id \
                 AND ((o.kind = 'revoke' AND o.state IN ('queued', 'parked') AND (o.waits = 0 OR o.action_id < action.action_id)) \
                   OR (o.kind = 'grant' AND o.state = 'queued')))))",
    )
    .bind(to_json(&people))
    .execute(&mut **tx)
    .await?;
    Ok(gone.rows_affected())
}

/// Lets go what can be sent of all that waits: a run may have withdrawn what it waited for.
pub(super) async fn let_go_all(tx: &mut Tx) -> Result<(), StoreError> {
    let sql = "SELECT DISTINCT employee_id FROM action WHERE waits = 1 AND state = 'queued'";
    let people: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut **tx).await?;
    let_go(tx, &people.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    Ok(())
}

/// Lets the memberships of people who have no active account any more wait for one, as `let_go` has it. What a worker gave back behind
/// the plan that took the access away would be sent next otherwise, and Workiva activates whoever is added to a workspace.
pub(super) async fn let_wait(tx: &mut Tx, people: &[&str]) -> Result<(), StoreError> {
    if people.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE action INDEXED BY action_open_membership SET waits = 1 \
         WHERE employee_id IN (SELECT value FROM json_each(?1)) AND group_id IS NOT NULL \
           AND state IN ('queued', 'parked', 'held') AND state = 'queued' AND withdrawn = 0",
    )
    .bind(to_json(&people))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// People who are about to have another user, or none, than the one whose memberships are stored: those go with it, so a run has to look
/// at these people again.
pub(super) async fn with_another_user(
    tx: &mut Tx,
    accounts: &[(&str, Option<&Account>)],
) -> Result<Vec<String>, StoreError> {
    let ids: Vec<_> =
        accounts.iter().map(|(id, account)| (*id, account.map(|account| &*account.scim_id))).collect();
    let sql = "SELECT j.value ->> 0 FROM json_each(?1) j JOIN account a ON a.employee_id = j.value ->> 0 \
               WHERE a.scim_id IS NOT j.value ->> 1 \
                 AND EXISTS (SELECT 1 FROM membership m WHERE m.employee_id = a.employee_id)";
    Ok(sqlx::query_scalar(sql).bind(to_json(&ids)).fetch_all(&mut **tx).await?)
}
