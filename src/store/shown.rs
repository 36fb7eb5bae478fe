//! What a source has shown of people in a plan that the guard holds, until somebody has said whether it is so.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, to_json};
use crate::core::action::ActionKind;
use crate::core::lifecycle::AnnouncedEnd;
use crate::core::plan::PlannedAction;
use crate::core::state::Shown;

/// Keeps in mind what HR says of whom, though nothing is done about it yet: that they have left, or are to have no access, or to have
/// it. Should it name them no more by then, that takes nothing back. They are looked at again, also by a record that settled them before:
/// it may be the one that takes it back.
pub(super) async fn keep_in_mind(
    tx: &mut Tx,
    held: &[&PlannedAction],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let of_accounts =
        held.iter().filter(|action| !matches!(action.kind, ActionKind::Grant | ActionKind::Revoke));
    let (without, with): (Vec<&PlannedAction>, Vec<&PlannedAction>) =
        of_accounts.partition(|action| action.kind.is_deprovision());
    for (people, shown) in [(&with, Shown::With), (&without, Shown::Without)] {
        let people: Vec<&String> = people.iter().map(|action| &action.employee_id).collect();
        let sql = "UPDATE person SET shown = ?2, fingerprint = '' WHERE employee_id IN (SELECT value FROM json_each(?1))";
        sqlx::query(sql).bind(to_json(&people)).bind(shown.name()).execute(&mut **tx).await?;
    }
    let leavers: Vec<&String> =
        without.iter().filter(|action| action.settled.gone).map(|action| &action.employee_id).collect();
    let day = now.date_naive();
    let ends = AnnouncedEnd { at: now, from: day, last_day: day, is_in_doubt: true, before: None };
    // An end that was announced by a source that counted is in no doubt, once it has come; until then it waits for what is said of this one.
    // And of several the first stays.
    let sql = "UPDATE person SET \
               ends = CASE WHEN ends IS NULL THEN ?2 \
                 WHEN ends ->> 'is_in_doubt' OR julianday(ends ->> 'at') <= julianday(?2 ->> 'at') THEN ends \
                 ELSE json_set(?2, '$.before', json(ends)) END \
               WHERE employee_id IN (SELECT value FROM json_each(?1))";
    sqlx::query(sql).bind(to_json(&leavers)).bind(to_json(&ends)).execute(&mut **tx).await?;
    Ok(())
}

/// Somebody says that these people have left: it is in no doubt any more.
pub(super) async fn believe_leavers(tx: &mut Tx, plan_id: &str) -> Result<(), StoreError> {
    let sql = "UPDATE person SET ends = json_remove(ends, '$.is_in_doubt', '$.before') WHERE ends ->> 'is_in_doubt' AND employee_id IN \
               (SELECT employee_id FROM action WHERE plan_id = ?1 AND kind IN ('suspend', 'delete') AND gone = 1)";
    sqlx::query(sql).bind(plan_id).execute(&mut **tx).await?;
    Ok(())
}

/// Somebody says that it is not so with these people: they keep their access, or get none. The last day that HR had announced before holds
/// again.
pub(super) async fn forget_shown(tx: &mut Tx, plan_id: &str) -> Result<(), StoreError> {
    let sql = "UPDATE person SET ends = iif(person.ends ->> 'is_in_doubt' AND a.gone = 1 AND a.kind IN ('suspend', 'delete'), person.ends -> 'before', person.ends), shown = NULL, fingerprint = '' \
               FROM action a WHERE a.employee_id = person.employee_id AND a.plan_id = ?1 AND a.state = 'held' AND a.group_id IS NULL";
    sqlx::query(sql).bind(plan_id).execute(&mut **tx).await?;
    Ok(())
}
