//! What a run leaves with people who need no action: who is settled, and who is missing.

use sqlx::AssertSqlSafe;

use super::managers::is_another;
use super::plans::CHUNK;
use super::{StoreError, Tx, moment_text, to_json};
use crate::core::plan::{Absences, SettledPerson};
use crate::core::state::Shown;

/// Counts a run for those who were missing in it; for everybody else who was missing before, the count begins anew.
pub(super) async fn count_absences(tx: &mut Tx, absences: &Absences) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE person SET absent_runs = 0 \
         WHERE absent_runs > 0 AND employee_id NOT IN (SELECT value FROM json_each(?1))",
    )
    .bind(to_json(&absences.missing))
    .execute(&mut **tx)
    .await?;
    if absences.counted.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE person SET absent_runs = absent_runs + 1 WHERE employee_id IN (SELECT value FROM json_each(?1))",
    )
    .bind(to_json(&absences.counted))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Remembers people who are as they should be. The answer is of how many that holds: not of those whose state has moved.
pub(super) async fn settle(tx: &mut Tx, settled: &[SettledPerson]) -> Result<u64, StoreError> {
    let mut stored = 0;
    for chunk in settled.chunks(CHUNK) {
        let rows: Vec<_> = chunk
            .iter()
            .map(|one| {
                let day = one.settled.next_change.map(moment_text);
                let group = &one.settled.group;
                let ends = one.settled.ends.as_ref().map(to_json);
                let (gone, shown) = (i64::from(one.settled.gone), one.settled.shown.map(Shown::name));
                let fingerprint = one.settled.fingerprint.to_hex();
                let (manager, hired) = (&one.settled.manager, one.settled.hired);
                (
                    &one.employee_id,
                    fingerprint,
                    day,
                    one.base_version,
                    group,
                    ends,
                    gone,
                    shown,
                    manager,
                    hired,
                )
            })
            .collect();
        // The WHERE before ON CONFLICT keeps SQLite from reading ON as a join's.
        let sql = format!(
            "{}INSERT INTO person (employee_id, fingerprint, next_change, version, guard_group, ends, gone, shown, manager, hired) \
             SELECT value ->> 0, iif({}, '', value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, \
               value ->> 8, value ->> 9 \
             FROM j WHERE true \
             ON CONFLICT (employee_id) DO UPDATE SET fingerprint = excluded.fingerprint, next_change = excluded.next_change, \
               ends = excluded.ends, gone = excluded.gone, shown = excluded.shown, manager = excluded.manager, hired = excluded.hired, \
               guard_group = coalesce(excluded.guard_group, guard_group) \
             WHERE version = excluded.version AND NOT EXISTS (SELECT 1 FROM action o \
               WHERE o.employee_id = excluded.employee_id AND o.state IN ('queued', 'parked'))",
            unpacked!("?1"),
            is_another("(j.value ->> 8)", "(j.value ->> 0)")
        );
        stored +=
            sqlx::query(AssertSqlSafe(sql)).bind(to_json(&rows)).execute(&mut **tx).await?.rows_affected();
        sqlx::query(
            "DELETE FROM drift_before WHERE employee_id IN \
               (SELECT j.value ->> 0 FROM json_each(?1) j JOIN person p ON p.employee_id = j.value ->> 0 WHERE p.version = j.value ->> 3) \
             AND NOT EXISTS (SELECT 1 FROM action o WHERE o.employee_id = drift_before.employee_id AND o.state IN ('queued', 'parked'))",
        )
        .bind(to_json(&rows))
        .execute(&mut **tx)
        .await?;
    }
    Ok(stored)
}
