//! The actions of a plan, put into the outbox in bulk.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde_json::json;

use super::called::names;
use super::memberships::let_go;
use super::plans::CHUNK;
use super::{StoreError, Tx, millis, moment_text, to_json};
use crate::core::audit::{Entry, Kind, bound_hash};
use crate::core::grants::workspace_of;
use crate::core::plan::PlannedAction;
use crate::core::value::folded;

/// Before the rank of any kind.
const BEFORE_ALL: i64 = -1;

#[derive(Serialize)]
struct ActionRow<'a> {
    employee_id: &'a str,
    kind: &'a str,
    rank: i64,
    group_id: Option<&'a str>,
    workspace_id: Option<&'a str>,
    #[serde(skip)]
    attributes: Vec<&'a str>,
    changes: String,
    because: &'a str,
    target: String,
    names: String,
    user_name: Option<String>,
    scim_id: Option<&'a str>,
    base_version: i64,
    fingerprint: String,
    next_change: Option<String>,
    ends: Option<String>,
    hired: Option<NaiveDate>,
    group: Option<&'a str>,
    last_workspace: bool,
    verify: bool,
    supersedes: Option<i64>,
    gone: i64,
    manager: Option<&'a str>,
    moved_from: Option<&'a str>,
    moved_version: Option<i64>,
}

/// Inserts actions in one state; a queued one only where the person's state is what it was decided on. What was inserted
/// is added to `told`, for the audit. The answer is how many.
pub(super) async fn insert_actions(
    tx: &mut Tx,
    plan_id: &str,
    actions: &[&PlannedAction],
    state: &str,
    now: DateTime<Utc>,
    told: &mut Vec<Entry>,
) -> Result<u64, StoreError> {
    let (mut inserted, mut groups) = (0, BTreeMap::<_, u64>::new());
    for chunk in actions.chunks(CHUNK) {
        let parts: Vec<ActionRow<'_>> = chunk.iter().map(|action| row(action)).collect();
        let rows = to_json(&parts);
        sqlx::query(
            "INSERT OR IGNORE INTO person (employee_id) SELECT value ->> 'employee_id' FROM json_each(?1)",
        )
        .bind(&rows)
        .execute(&mut **tx)
        .await?;
        let first: i64 = sqlx::query_scalar("SELECT coalesce(max(action_id), 0) + 1 FROM action")
            .fetch_one(&mut **tx)
            .await?;
        inserted += sqlx::query(concat!(
            unpacked!("?3"),
            "INSERT INTO action (action_id, plan_id, employee_id, kind, rank, state, group_id, workspace_id, waits, user_name, scim_id, \
               base_version, fingerprint, next_change, ends, hired, guard_group, last_workspace, supersedes, \
               gone, manager, moved_from, moved_version, uncertain, not_before, created_at) \
             SELECT ?5 + j.key, ?1, j.value ->> 'employee_id', j.value ->> 'kind', j.value ->> 'rank', ?2, \
               j.value ->> 'group_id', j.value ->> 'workspace_id', (j.value ->> 'group_id') IS NOT NULL, \
               j.value ->> 'user_name', j.value ->> 'scim_id', \
               j.value ->> 'base_version', j.value ->> 'fingerprint', j.value ->> 'next_change', j.value ->> 'ends', j.value ->> 'hired', \
               j.value ->> 'group', j.value ->> 'last_workspace', j.value ->> 'supersedes', \
               j.value ->> 'gone', j.value ->> 'manager', j.value ->> 'moved_from', j.value ->> 'moved_version', \
               max(j.value ->> 'verify', \
                 coalesce((SELECT uncertain FROM action s WHERE s.action_id = j.value ->> 'supersedes'), 0)), ?4, ?4 \
             FROM j JOIN person p ON p.employee_id = j.value ->> 'employee_id' \
             WHERE ?2 = 'held' OR (p.version = j.value ->> 'base_version' AND NOT EXISTS \
               (SELECT 1 FROM action o WHERE o.employee_id = p.employee_id AND o.state IN ('queued', 'parked') \
                  AND coalesce(o.group_id, '') = coalesce(j.value ->> 'group_id', '')) \
               AND NOT EXISTS (SELECT 1 FROM action m WHERE m.moved_from IN (p.employee_id, j.value ->> 'moved_from') \
                 AND m.state IN ('queued', 'parked')) \
               AND ((j.value ->> 'moved_from') IS NULL OR EXISTS (SELECT 1 FROM person f \
                 WHERE f.employee_id = j.value ->> 'moved_from' AND f.version = j.value ->> 'moved_version' \
                   AND NOT EXISTS (SELECT 1 FROM action o WHERE o.employee_id = f.employee_id AND o.state IN ('queued', 'parked'))))) \
             ORDER BY j.key"
        ))
        .bind(plan_id)
        .bind(state)
        .bind(&rows)
        .bind(millis(now))
        .bind(first)
        .execute(&mut **tx)
        .await?
        .rows_affected();
        sqlx::query(concat!(
            unpacked!("?1"),
            "INSERT INTO intent (action_id, changes, because, target, names) \
             SELECT a.action_id, j.value ->> 'changes', j.value ->> 'because', j.value ->> 'target', j.value ->> 'names' \
             FROM j JOIN action a ON a.action_id = ?2 + j.key"
        ))
        .bind(&rows)
        .bind(first)
        .execute(&mut **tx)
        .await?;
        if state == "queued" && parts.iter().any(|part| part.group_id.is_some()) {
            let people: Vec<&str> = parts.iter().map(|part| part.employee_id).collect();
            let_go(tx, &people).await?;
        }
        let numbers: Vec<i64> = sqlx::query_scalar("SELECT action_id FROM action WHERE action_id >= ?1")
            .bind(first)
            .fetch_all(&mut **tx)
            .await?;
        for action_id in numbers {
            let Some(part) = usize::try_from(action_id - first).ok().and_then(|at| parts.get(at)) else {
                continue;
            };
            told.push(decision(plan_id, action_id, state, part));
            *groups.entry((part.kind, part.because)).or_default() += 1;
        }
    }
    keep_groups(tx, plan_id, &groups).await?;
    Ok(inserted)
}

/// Keeps how many actions of a plan are of which kind for which reason: to count them takes long where they are many.
async fn keep_groups(
    tx: &mut Tx,
    plan_id: &str,
    groups: &BTreeMap<(&str, &str), u64>,
) -> Result<(), StoreError> {
    let rows: Vec<(&str, &str, u64)> =
        groups.iter().map(|((kind, because), number)| (*kind, *because, *number)).collect();
    for chunk in rows.chunks(CHUNK) {
        sqlx::query(
            "INSERT INTO plan_group (plan_id, kind, because, number) \
             SELECT ?1, value ->> 0, value ->> 1, value ->> 2 FROM json_each(?2) WHERE true \
             ON CONFLICT (plan_id, kind, because) DO UPDATE SET number = number + excluded.number",
        )
        .bind(plan_id)
        .bind(to_json(&chunk))
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// Why, and which attributes change, but not from what to what: the hash binds that to the action.
fn decision(plan_id: &str, action_id: i64, state: &str, row: &ActionRow<'_>) -> Entry {
    let mut body = json!({
        "plan": plan_id,
        "action": action_id,
        "state": state,
        "kind": row.kind,
        "because": row.because,
        "attributes": row.attributes,
        "last_workspace": row.last_workspace,
        "supersedes": row.supersedes,
        "bound": bound_hash(
            action_id,
            [plan_id, row.employee_id, row.kind, row.because, &row.changes, &row.target],
        ),
    });
    if let Some(old) = row.moved_from {
        body["moved_from"] = old.into();
    }
    Entry::of_person(Kind::Decision, row.employee_id, &body)
}

fn row(action: &PlannedAction) -> ActionRow<'_> {
    ActionRow {
        employee_id: &action.employee_id,
        kind: action.kind.name(),
        rank: if action.is_immediate { BEFORE_ALL } else { action.kind.rank() },
        group_id: action.target.group(),
        workspace_id: action.target.group().and_then(workspace_of),
        attributes: action.changes.iter().map(|change| change.attribute.as_str()).collect(),
        changes: to_json(&action.changes),
        because: &action.because,
        target: to_json(&action.target),
        names: names(action.target.attributes()),
        user_name: action.target.attributes().get("userName").map(|name| folded(name)),
        scim_id: action.scim_id.as_deref(),
        base_version: action.base_version,
        fingerprint: action.settled.fingerprint.to_hex(),
        next_change: action.settled.next_change.map(moment_text),
        ends: action.settled.ends.as_ref().map(to_json),
        hired: action.settled.hired,
        group: action.settled.group.as_deref(),
        last_workspace: action.last_workspace,
        verify: action.verify,
        supersedes: action.supersedes,
        gone: i64::from(action.settled.gone),
        manager: action.settled.manager.as_deref(),
        moved_from: action.moved_from.as_ref().map(|origin| &*origin.employee_id),
        moved_version: action.moved_from.as_ref().map(|origin| origin.base_version),
    }
}
