//! What was seen of people who were changed by hand becomes their state, and what was confirmed before is kept until something decides.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::drift::DriftRecord;
use super::{Store, StoreError, Tx, audit, millis, to_json};
use crate::core::action::Change;
use crate::core::audit::{Entry, Kind};
use crate::core::drift::{DriftKind, Drifted};
use crate::core::scim::user::shown_id;
use crate::core::state::Account;
use crate::core::value::folded;

impl Store {
    /// Of whom it is kept what was confirmed before a repair, since nothing has decided about them yet.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn led_astray(&self) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT employee_id FROM drift_before").fetch_all(&self.readers).await?)
    }
}

/// Keeps what is confirmed of people, before what was seen takes its place. What is kept already was confirmed; what took its place
/// was not.
async fn keep(tx: &mut Tx, people: &[&Drifted], found_at: DateTime<Utc>) -> Result<(), StoreError> {
    let ids: Vec<&str> = people.iter().map(|one| one.employee_id.as_str()).collect();
    sqlx::query(
        "INSERT INTO drift_before (employee_id, had_access, gone, attributes, found_at) \
         SELECT a.employee_id, a.had_access, p.gone = 1 AND p.fingerprint <> '', a.attributes, ?2 \
         FROM account a JOIN person p USING (employee_id) WHERE a.employee_id IN (SELECT value FROM json_each(?1)) \
         ON CONFLICT (employee_id) DO UPDATE SET found_at = ?2",
    )
    .bind(to_json(&ids))
    .bind(millis(found_at))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets it of people about whom something else has decided.
pub(super) async fn forget(tx: &mut Tx, ids: &[&str]) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM drift_before WHERE employee_id IN (SELECT value FROM json_each(?1))")
        .bind(to_json(&ids))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Takes what was seen of people for their state; the next run looks at them. Whose state has moved since, or for whom an action is
/// queued by now, is left as they are. The answer is how many were recorded.
pub(super) async fn take_for_state(
    tx: &mut Tx,
    record: &DriftRecord<'_>,
    people: &[Drifted],
) -> Result<u64, StoreError> {
    let versions: Vec<_> = people.iter().map(|one| (&one.employee_id, one.base_version)).collect();
    let unmoved: Vec<String> = sqlx::query_scalar(
        "SELECT p.employee_id FROM json_each(?1) j JOIN person p ON p.employee_id = j.value ->> 0 \
         WHERE p.version = j.value ->> 1 AND NOT EXISTS \
           (SELECT 1 FROM action o WHERE o.employee_id = p.employee_id AND o.state = 'queued')",
    )
    .bind(to_json(&versions))
    .fetch_all(&mut **tx)
    .await?;
    let unmoved: HashSet<&str> = unmoved.iter().map(String::as_str).collect();
    let people: Vec<&Drifted> =
        people.iter().filter(|one| unmoved.contains(one.employee_id.as_str())).collect();
    let returned = people.iter().filter(|one| one.kinds.contains(&DriftKind::Returned));
    let returned: Vec<_> = returned.filter_map(|one| Some(account_row(one, one.now.as_ref()?))).collect();
    // What we did last was to take the access: `keep` has to find it so.
    sqlx::query(
        "INSERT INTO account (employee_id, active, attributes, user_name, scim_id, confirmed_at, had_access) \
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, ?2, 0 FROM json_each(?1) WHERE true \
         ON CONFLICT DO NOTHING",
    )
    .bind(to_json(&returned))
    .bind(millis(record.ended_at))
    .execute(&mut **tx)
    .await?;
    keep(tx, &people, record.started_at).await?;
    let live: Vec<_> = people.iter().filter_map(|one| Some(account_row(one, one.now.as_ref()?))).collect();
    sqlx::query(
        "UPDATE account SET active = j.value ->> 1, attributes = j.value ->> 2, user_name = j.value ->> 3, \
           scim_id = j.value ->> 4, confirmed_at = ?2 \
         FROM json_each(?1) j WHERE account.employee_id = j.value ->> 0",
    )
    .bind(to_json(&live))
    .bind(millis(record.ended_at))
    .execute(&mut **tx)
    .await?;
    let gone: Vec<&str> =
        people.iter().filter(|one| one.now.is_none()).map(|one| one.employee_id.as_str()).collect();
    sqlx::query("DELETE FROM account WHERE employee_id IN (SELECT value FROM json_each(?1))")
        .bind(to_json(&gone))
        .execute(&mut **tx)
        .await?;
    forget_memberships(tx, &people).await?;
    remember_repairs(tx, &people).await?;
    let ids: Vec<&str> = people.iter().map(|one| one.employee_id.as_str()).collect();
    sqlx::query(
        "UPDATE person SET fingerprint = '', version = version + 1 WHERE employee_id IN (SELECT value FROM json_each(?1))",
    )
    .bind(to_json(&ids))
    .execute(&mut **tx)
    .await?;
    let entries: Vec<Entry> = people.iter().map(|one| recorded(record.drift_id, one)).collect();
    audit::append(tx, record.ended_at, &entries).await?;
    Ok(people.len() as u64)
}

async fn remember_repairs(tx: &mut Tx, people: &[&Drifted]) -> Result<(), StoreError> {
    let changes = people.iter().flat_map(|one| one.changes.iter().map(|change| (&one.employee_id, change)));
    // Whether somebody is active is never the server's spelling, and what was not confirmed has none.
    let is_value =
        |change: &Change| !matches!(change.attribute.as_str(), "active" | "group") && change.from.is_some();
    let values = changes.filter(|(_, change)| is_value(change));
    let rows: Vec<_> = values.map(|(id, change)| (id, &change.attribute, &change.from, &change.to)).collect();
    sqlx::query(
        "INSERT INTO drift_repair (employee_id, attribute, confirmed, shown) \
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1) WHERE true \
         ON CONFLICT (employee_id, attribute) DO UPDATE SET confirmed = excluded.confirmed, shown = excluded.shown",
    )
    .bind(to_json(&rows))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn account_row<'a>(one: &'a Drifted, now: &'a Account) -> (&'a str, bool, String, String, &'a str) {
    let user_name = now.attributes.get("userName").map(|name| folded(name)).unwrap_or_default();
    (&one.employee_id, now.active, to_json(&now.attributes), user_name, &now.scim_id)
}

fn recorded(drift_id: &str, one: &Drifted) -> Entry {
    let attributes: Vec<&str> = one.changes.iter().map(|change| change.attribute.as_str()).collect();
    let body = json!({
        "drift": drift_id, "what": "recorded", "scim_id": shown_id(&one.scim_id), "kinds": one.kinds,
        "attributes": attributes,
    });
    Entry::of_person(Kind::Drift, &one.employee_id, &body)
}

/// Of a group that somebody is no longer in nothing is confirmed, so that the next plan gives it anew.
async fn forget_memberships(tx: &mut Tx, people: &[&Drifted]) -> Result<(), StoreError> {
    let lost = people.iter().filter(|one| one.kinds.contains(&DriftKind::NotInGroup));
    let rows: Vec<_> =
        lost.flat_map(|one| one.changes.iter().map(|change| (&one.employee_id, &change.from))).collect();
    sqlx::query(
        "DELETE FROM membership WHERE (employee_id, group_id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
    )
    .bind(to_json(&rows))
    .execute(&mut **tx)
    .await?;
    Ok(())
}
