//! Plans, for whoever looks at them by HTTP.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

use super::called::{attributes, name};
use super::ways::longest;
use super::{Looked, Store, StoreError, from_millis, millis, to_json};
use crate::core::action::Change;
use crate::core::guard::HoldReason;
use crate::core::report::Counts;
use crate::core::value::folded;

/// How many kinds of reason of a plan are told.
const MOST_REASONS: u32 = 100;

/// How many actions are looked through for one page of a search.
pub const ACTIONS_LOOKED_THROUGH: u32 = 40_000;
/// Employee ids with one beginning, of which each one's actions are looked up; some may be counted twice.
const FEW: u32 = 200;
/// So many accounts of one beginning are many.
const MANY: u32 = 20_000;
/// Behind every text that begins with the same letters.
const LAST: char = '\u{10ffff}';

macro_rules! actions {
    () => {
        "SELECT a.action_id, a.employee_id, a.kind, a.group_id, a.state, i.because, i.changes, \
           coalesce(c.attributes ->> 'userName', a.user_name), c.attributes, i.target \
         FROM action a JOIN intent i USING (action_id) LEFT JOIN account c ON c.employee_id = a.employee_id "
    };
}

/// Actions of the plan ?1 behind ?2 up to ?9, of the kind ?3, if one is asked for; of whom the id is like ?4, or the new user name begins with ?5,
/// or who is to be called by each of the words ?10, of which ?7 is one; or whose account is so named.
macro_rules! actions_of {
    ($is_so_named:literal) => {
        concat!(
            actions!(),
            "WHERE a.plan_id = ?1 AND a.action_id > ?2 AND a.action_id <= ?9 AND (?3 IS NULL OR a.kind = ?3) \
               AND (?4 = '' OR a.employee_id LIKE ?4 ESCAPE '\\' OR (a.user_name >= ?5 AND a.user_name < ?8) \
                 OR (instr(coalesce(i.names, lower(i.target)), ?7) > 0 AND NOT EXISTS \
                   (SELECT 1 FROM json_each(?10) w WHERE instr(coalesce(i.names, lower(i.target)), w.value) = 0)) OR ",
            $is_so_named,
            ") ORDER BY a.action_id LIMIT ?6"
        )
    };
}

/// Accounts of which the user name, the last or the first name lies from ?1 to before ?2, at most ?3.
macro_rules! named {
    () => {
        "SELECT employee_id FROM account WHERE user_name >= ?1 AND user_name < ?2 \
         UNION ALL SELECT employee_id FROM account WHERE lower(attributes ->> '$.\"name.familyName\"') >= ?1 \
           AND lower(attributes ->> '$.\"name.familyName\"') < ?2 \
         UNION ALL SELECT employee_id FROM account WHERE lower(attributes ->> '$.\"name.givenName\"') >= ?1 \
           AND lower(attributes ->> '$.\"name.givenName\"') < ?2 LIMIT ?3"
    };
}

/// Ids that begin with ?1, up to before ?2, or in compared form with ?3, up to before ?4; at most ?5, and some of them twice.
const IDS: &str = "SELECT employee_id FROM person WHERE employee_id >= ?1 AND employee_id < ?2 \
    UNION ALL SELECT employee_id FROM person WHERE employee_id >= ?3 AND employee_id < ?4 AND ?1 <> ?3 \
    UNION ALL SELECT employee_id FROM person WHERE lower(employee_id) >= ?3 AND lower(employee_id) < ?4 \
      AND lower(employee_id) <> employee_id LIMIT ?5";

/// Of these people.
const OF_IDS: &str = concat!(
    actions!(),
    "WHERE a.employee_id IN (SELECT value FROM json_each(?2)) AND +a.plan_id = ?1 AND +a.action_id > ?3 AND (?4 IS NULL OR a.kind = ?4) \
     ORDER BY +a.action_id LIMIT ?5"
);

/// A plan with what became of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PlanDetail {
    /// The key.
    pub plan_id: String,
    /// The run that made it; none: it was only saved.
    pub run_id: Option<String>,
    /// Released, held, approved, rejected, superseded, expired, saved or applied.
    pub state: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Until when it can be approved, where it is held.
    pub expires_at: Option<DateTime<Utc>>,
    /// What it holds.
    pub counts: Counts,
    /// Why it was held, if it was.
    pub hold_reasons: Vec<HoldReason>,
    /// Who decided about it.
    pub decided_by: Option<String>,
    /// Why, in their own words.
    pub decided_reason: Option<String>,
    /// When.
    pub decided_at: Option<DateTime<Utc>>,
    /// Its actions by kind and reason, the most frequent first; the first 100.
    pub groups: Vec<PlanGroup>,
}

/// Actions of a plan that are of one kind, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlanGroup {
    /// Create, update and so on.
    pub kind: String,
    /// Why they were planned.
    pub because: String,
    /// How many.
    pub number: u64,
}

/// An action of a plan.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PlanAction {
    /// The key.
    pub action_id: i64,
    /// Whose account.
    pub employee_id: String,
    /// The user name as it was last confirmed; of a new user, the one that they get, in compared form.
    pub user_name: Option<String>,
    /// The display name, or first and last name, as they were last confirmed; of a new user, as they are to be.
    pub name: Option<String>,
    /// The first name, likewise.
    pub given_name: Option<String>,
    /// The last name, likewise.
    pub family_name: Option<String>,
    /// Create, update and so on.
    pub kind: String,
    /// Of a grant or revoke: the group.
    pub group: Option<String>,
    /// Held, queued, parked, done, discarded, superseded or dropped.
    pub state: String,
    /// Why it was planned.
    pub because: String,
    /// What it changes.
    pub changes: Vec<Change>,
}

/// Which actions of a plan are asked for.
#[derive(Clone, Debug, Default)]
pub struct PlanSearch<'a> {
    /// Behind this action.
    pub after: Option<i64>,
    /// Of a search with a digit in it: whose employee id begins so, if somebody's in the plan does, of at most 200 people. Otherwise also who has,
    /// or by the plan is to have, names, a user name or a mail address in which each of the words stands.
    pub query: &'a str,
    /// Of this kind.
    pub kind: Option<&'a str>,
}

impl Store {
    /// One plan; `None`: there is none of this key. A held one that has expired by `now` is told as that.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn plan_detail(
        &self,
        plan_id: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<PlanDetail>, StoreError> {
        let sql = "SELECT plan_id, run_id, iif(state = 'held' AND expires_at <= ?2, 'expired', state), created_at, expires_at, \
                     counts, hold_reasons, decided_by, decided_at, decided_reason FROM plan WHERE plan_id = ?1";
        let row = sqlx::query(sql).bind(plan_id).bind(millis(now)).fetch_optional(&self.readers).await?;
        let Some(row) = row else { return Ok(None) };
        let sql = "SELECT kind, because, number FROM plan_group WHERE plan_id = ?1 ORDER BY number DESC, 1, 2 LIMIT ?2";
        let groups = sqlx::query(sql).bind(plan_id).bind(MOST_REASONS).fetch_all(&self.readers).await?;
        let groups = groups.iter().map(|row| PlanGroup {
            kind: row.get(0),
            because: row.get(1),
            number: row.get::<i64, _>(2).unsigned_abs(),
        });
        let time_if = |column: usize| row.get::<Option<i64>, _>(column).map(from_millis);
        Ok(Some(PlanDetail {
            plan_id: row.get(0),
            run_id: row.get(1),
            state: row.get(2),
            created_at: from_millis(row.get(3)),
            expires_at: time_if(4),
            counts: serde_json::from_str(row.get(5)).unwrap_or_default(),
            hold_reasons: serde_json::from_str(row.get(6)).unwrap_or_default(),
            decided_by: row.get(7),
            decided_reason: row.get(9),
            decided_at: time_if(8),
            groups: groups.collect(),
        }))
    }

    /// Whether a plan is called so.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn has_plan(&self, plan_id: &str) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM plan WHERE plan_id = ?1)";
        Ok(sqlx::query_scalar(sql).bind(plan_id).fetch_one(&self.readers).await?)
    }

    /// Actions of a plan, in its order. A search stops where it has gone through many.
    ///
    /// # Errors
    /// Where the database fails or holds what cannot be read.
    pub async fn plan_actions(
        &self,
        plan_id: &str,
        search: &PlanSearch<'_>,
        limit: u32,
    ) -> Result<Looked<PlanAction>, StoreError> {
        let query = search.query.trim();
        // Hardly any name has a digit in it, and an id nearly always.
        if query.contains(|c: char| c.is_ascii_digit())
            && let Some(ids) = self.few_of(plan_id, query).await?
        {
            let rows = sqlx::query(OF_IDS)
                .bind(plan_id)
                .bind(ids)
                .bind(search.after.unwrap_or(0))
                .bind(search.kind)
                .bind(limit);
            let rows = rows.fetch_all(&self.readers).await?;
            return Ok(Looked::whole(rows.iter().map(plan_action).collect::<Result<_, _>>()?));
        }
        let end = match query.is_empty() && search.kind.is_none() {
            true => None,
            false => self.last_looked_through(plan_id, search.after).await?,
        };
        let name = folded(query);
        let name_end = format!("{name}{LAST}");
        let words: Vec<&str> = name.split_whitespace().collect();
        // A few are looked up first. Many are not: then whoever is in the plan is soon found among them.
        let are_many = !query.is_empty() && {
            let number = sqlx::query_scalar::<_, u32>(concat!("SELECT count(*) FROM (", named!(), ")"));
            let number = number.bind(&name).bind(&name_end).bind(MANY + 1);
            number.fetch_one(&self.readers).await? > MANY
        };
        let named: Vec<String> = match query.is_empty() || are_many {
            true => Vec::new(),
            false => {
                let named = sqlx::query_scalar(named!()).bind(&name).bind(&name_end).bind(MANY);
                named.fetch_all(&self.readers).await?
            }
        };
        let sql = match are_many {
            true => actions_of!(
                "EXISTS (SELECT 1 FROM account n WHERE n.employee_id = a.employee_id AND ?11 = '[]' \
                       AND ((n.user_name >= ?5 AND n.user_name < ?8) \
                         OR (lower(n.attributes ->> '$.\"name.familyName\"') >= ?5 AND lower(n.attributes ->> '$.\"name.familyName\"') < ?8) \
                         OR (lower(n.attributes ->> '$.\"name.givenName\"') >= ?5 AND lower(n.attributes ->> '$.\"name.givenName\"') < ?8)))"
            ),
            false => actions_of!("a.employee_id IN (SELECT value FROM json_each(?11))"),
        };
        let rows = sqlx::query(sql)
            .bind(plan_id)
            .bind(search.after.unwrap_or(0))
            .bind(search.kind)
            .bind(beginning(query))
            .bind(&name)
            .bind(limit)
            .bind(longest(&words).unwrap_or_default())
            .bind(&name_end)
            .bind(end.unwrap_or(i64::MAX))
            .bind(to_json(&words))
            .bind(to_json(&named))
            .fetch_all(&self.readers)
            .await?;
        let rows = rows.iter().map(plan_action).collect::<Result<Vec<_>, _>>()?;
        let stopped_at = end.filter(|_| rows.len() < limit as usize).map(|end| end.to_string());
        Ok(Looked { rows, stopped_at })
    }

    /// The people whose ids begin so, as JSON, if they are few and one of them is in the plan.
    async fn few_of(&self, plan_id: &str, query: &str) -> Result<Option<String>, StoreError> {
        let name = folded(query);
        let few = sqlx::query_scalar::<_, String>(IDS)
            .bind(query)
            .bind(format!("{query}{LAST}"))
            .bind(&name)
            .bind(format!("{name}{LAST}"))
            .bind(FEW + 1);
        let ids = few.fetch_all(&self.readers).await?;
        if ids.is_empty() || ids.len() > FEW as usize {
            return Ok(None);
        }
        let ids = to_json(&ids);
        let sql = "SELECT EXISTS (SELECT 1 FROM action WHERE employee_id IN (SELECT value FROM json_each(?1)) AND +plan_id = ?2)";
        let is_there: bool =
            sqlx::query_scalar(sql).bind(&ids).bind(plan_id).fetch_one(&self.readers).await?;
        Ok(is_there.then_some(ids))
    }

    /// The action at which a search ends that begins behind this one; `None`: it gets to the plan's end.
    async fn last_looked_through(
        &self,
        plan_id: &str,
        after: Option<i64>,
    ) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT action_id FROM action WHERE plan_id = ?1 AND action_id > ?2 ORDER BY action_id LIMIT 1 OFFSET ?3 - 1";
        let last = sqlx::query_scalar(sql).bind(plan_id).bind(after.unwrap_or(0));
        Ok(last.bind(ACTIONS_LOOKED_THROUGH).fetch_optional(&self.readers).await?)
    }
}

/// What is like each text that begins so; empty for nothing.
fn beginning(query: &str) -> String {
    let mut pattern = String::new();
    for letter in query.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    if query.is_empty() { pattern } else { pattern + "%" }
}

fn plan_action(row: &SqliteRow) -> Result<PlanAction, StoreError> {
    let attributes = attributes(row.get(8), row.get(9));
    let corrupt = |_| StoreError::Corrupt { what: "an action's changes" };
    Ok(PlanAction {
        action_id: row.get(0),
        employee_id: row.get(1),
        kind: row.get(2),
        group: row.get(3),
        state: row.get(4),
        because: row.get(5),
        changes: serde_json::from_str(row.get(6)).map_err(corrupt)?,
        user_name: row.get(7),
        name: name(&attributes),
        given_name: attributes.get("name.givenName").cloned(),
        family_name: attributes.get("name.familyName").cloned(),
    })
}
