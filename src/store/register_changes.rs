//! What reads change in the register, and what is settled of people whom a source had ceased to name.

use super::plans::CHUNK;
use super::register::SourceCommit;
use super::{StoreError, Tx, millis, to_json};
use crate::core::register::{Change, Changes, content};

/// Stores what a read of a source changes.
pub(super) async fn store_changes(tx: &mut Tx, one: &SourceCommit) -> Result<(), StoreError> {
    let (mut puts, mut missing, mut gone, mut stale) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (id, change) in &one.changes {
        match change {
            Change::Put { fields, fingerprint } => {
                puts.push((id, to_json(fields), fingerprint.to_hex(), content(fields).to_hex()));
            }
            Change::Missing { reads } => missing.push((id, *reads)),
            Change::Gone { missing } => gone.push((id, missing.unwrap_or(0))),
            Change::Stale => stale.push(id),
        }
    }
    let source = &one.name;
    let put = "INSERT INTO register (employee_id, source, fields, fingerprint, content, absent_reads) \
               SELECT value ->> 0, ?1, value ->> 1, value ->> 2, value ->> 3, 0 FROM json_each(?2) WHERE true \
               ON CONFLICT (employee_id, source) DO UPDATE SET (fields, fingerprint, content, absent_reads, missed_at, stale) = \
                 (excluded.fields, excluded.fingerprint, excluded.content, 0, NULL, 0)";
    for chunk in puts.chunks(CHUNK) {
        sqlx::query(put).bind(source).bind(to_json(&chunk)).execute(&mut **tx).await?;
    }
    let miss = "UPDATE register SET fingerprint = '', absent_reads = value ->> 1, missed_at = coalesce(missed_at, ?3) \
                FROM json_each(?2) WHERE source = ?1 AND employee_id = value ->> 0";
    for chunk in missing.chunks(CHUNK) {
        let bound = sqlx::query(miss).bind(source).bind(to_json(&chunk)).bind(millis(one.read_at));
        bound.execute(&mut **tx).await?;
    }
    let go = "INSERT INTO register (employee_id, source, fields, fingerprint, content, absent_reads) \
              SELECT value ->> 0, ?1, '{}', '', '', value ->> 1 FROM json_each(?2) WHERE true \
              ON CONFLICT (employee_id, source) DO UPDATE SET (fields, fingerprint, content, absent_reads, missed_at, stale) = \
                ('{}', '', '', excluded.absent_reads, NULL, 0)";
    for chunk in gone.chunks(CHUNK) {
        sqlx::query(go).bind(source).bind(to_json(&chunk)).execute(&mut **tx).await?;
    }
    let age = "UPDATE register SET (fingerprint, absent_reads, missed_at, stale) = ('', 0, NULL, 1) \
               WHERE source = ?1 AND employee_id IN (SELECT value FROM json_each(?2))";
    for chunk in stale.chunks(CHUNK) {
        sqlx::query(age).bind(source).bind(to_json(&chunk)).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Stores what is settled of people whom a source had ceased to name before. Another process may have read since that it names them.
pub(super) async fn store_settled(tx: &mut Tx, source: &str, changes: &Changes) -> Result<(), StoreError> {
    let (gone, stale): (Vec<_>, Vec<_>) =
        changes.iter().partition(|(_, change)| matches!(change, Change::Gone { .. }));
    let go = "UPDATE register SET (fields, fingerprint, content, missed_at, stale) = ('{}', '', '', NULL, 0) \
              WHERE source = ?1 AND missed_at IS NOT NULL AND employee_id IN (SELECT value FROM json_each(?2))";
    let age = "UPDATE register SET (fingerprint, absent_reads, missed_at, stale) = ('', 0, NULL, 1) \
               WHERE source = ?1 AND missed_at IS NOT NULL AND employee_id IN (SELECT value FROM json_each(?2))";
    for (sql, ids) in [(go, gone), (age, stale)] {
        let ids: Vec<&String> = ids.into_iter().map(|(id, _)| id).collect();
        for chunk in ids.chunks(CHUNK) {
            let done = sqlx::query(sql).bind(source).bind(to_json(&chunk)).execute(&mut **tx).await?;
            if done.rows_affected() != chunk.len() as u64 {
                return Err(StoreError::Overtaken { source_name: source.to_owned() });
            }
        }
    }
    Ok(())
}
