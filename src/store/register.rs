//! The register of records and what is known of each source.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Row};

use super::refused::store_refused;
use super::register_changes::{store_changes, store_settled};
use super::removed::forget_removed;
use super::state::{decode, header_names};
use super::{PackedPeople, Store, StoreError, Tx, from_millis, millis, to_json};
use crate::core::header::HeaderNames;
use crate::core::record::{Fingerprint, Rejection};
use crate::core::refusal::Unsettled;
use crate::core::register::{Changes, Kept, Missed};
use crate::core::source_file::SourceFile;

/// How many rows one page holds.
const PAGE: i64 = 5_000;

/// What is known of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceStanding {
    /// The digest of the settings under which its records were read.
    pub reading: String,
    /// From where its next delta goes on.
    pub cursor: Option<String>,
    /// When its newest read began.
    pub read_at: DateTime<Utc>,
    /// When it was last read in full.
    pub full_read_at: DateTime<Utc>,
    /// When the newest read began that showed all it had.
    pub whole_at: DateTime<Utc>,
    /// Rows of its newest complete read.
    pub rows: u64,
    /// Its columns then.
    pub header: HeaderNames,
    /// Rows of the newest complete read that the guard or an operator let stand.
    pub accepted_rows: Option<u64>,
    /// Its columns then.
    pub accepted_header: Option<HeaderNames>,
    /// What is remembered of the file or system.
    pub file: SourceFile,
}

/// What a read of one source changes.
#[derive(Clone, Debug)]
pub struct SourceCommit {
    /// The source's name.
    pub name: String,
    /// The digest of the settings under which it was read.
    pub reading: String,
    /// Whether what was known of it, if anything, was read under other settings. It stands until the reads under these say more.
    pub anew: bool,
    /// When the read had begun that stood as this one began; `None`: there was none.
    pub behind: Option<DateTime<Utc>>,
    /// Whom it concerns.
    pub changes: Changes,
    /// What of it cannot be used; ids with the prefix.
    pub refused: Vec<Rejection>,
    /// From where its next delta goes on.
    pub cursor: Option<String>,
    /// When that began.
    pub read_at: DateTime<Utc>,
    /// Whether it showed all that the source has: nothing waits behind it or was passed over.
    pub is_whole: bool,
    /// Rows and columns, where it told of everybody.
    pub full: Option<(u64, HeaderNames)>,
    /// What is remembered of the file or system.
    pub file: SourceFile,
}

impl SourceCommit {
    /// Whether it may be stored behind what stands now: nothing was stored since it began, or only what another process had begun
    /// to read before it. So nobody loses anything by what is older than what is known.
    pub fn may_follow(&self, stored: Option<&SourceStanding>) -> bool {
        self.may_follow_read(stored.map(|stored| (stored.reading.as_str(), millis(stored.read_at))))
    }

    fn may_follow_read(&self, stored: Option<(&str, i64)>) -> bool {
        // Told by what stood, it means nothing without that.
        let Some((reading, read_at)) = stored else { return self.anew };
        let is_of_same_settings = self.anew || reading == self.reading;
        is_of_same_settings
            && (self.behind.is_some_and(|behind| millis(behind) == read_at)
                || read_at <= millis(self.read_at))
    }
}

/// What a cycle has read into the register.
#[derive(Clone, Debug, Default)]
pub struct RegisterWrite {
    /// What each read changes.
    pub commits: Vec<SourceCommit>,
    /// What is settled of people whom a source had ceased to name before, by the source's name.
    pub settled: Vec<(String, Changes)>,
    /// The names of all sources; what others left is forgotten once a plan without them may stand.
    pub configured: Vec<String>,
}

/// One source's newest record of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterRow {
    /// Whose.
    pub employee_id: String,
    /// The source's name.
    pub source: String,
    /// The record.
    pub kept: Kept,
    /// Whether there was one and is none any more.
    pub gone: bool,
    /// Whether that is so since the source said it, and not only since it ceased to name them.
    pub is_said: bool,
}

/// Who is in the register, by which source, and the fingerprint of what it holds, packed by SQL.
#[derive(Clone, Debug)]
pub struct RegisterHeads(String);

/// A record's head: its person, source and fingerprint ([`Fingerprint::NONE`]: there was one and is none any more), and whether it
/// is stale.
pub type RegisterHead<'a> = (&'a str, &'a str, Fingerprint, bool);

impl RegisterHeads {
    /// Each record's.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = RegisterHead<'_>> {
        self.0.split('\u{1e}').filter_map(|entry| {
            let (id, rest) = entry.split_once('\u{1f}')?;
            let (source, rest) = rest.split_once('\u{1f}')?;
            let (content, stale) = rest.split_once('\u{1f}')?;
            Some((id, source, decode(content.as_bytes()), stale == "1"))
        })
    }
}

impl Store {
    /// What is known of every source, by name.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn source_standings(&self) -> Result<HashMap<String, SourceStanding>, StoreError> {
        let sql = "SELECT source, reading, cursor, read_at, full_read_at, rows, header, accepted_rows, accepted_header, \
                     name, digest, modified, ends_line, whole_at FROM source_state";
        let rows = sqlx::query(sql).fetch_all(&self.readers).await?;
        let standing = |row: &sqlx::sqlite::SqliteRow| {
            let accepted_header = row.get::<Option<&str>, _>(8).map(header_names).transpose()?;
            let file = SourceFile {
                name: row.get(9),
                digest: row.get(10),
                modified: row.get::<Option<i64>, _>(11).and_then(DateTime::from_timestamp_millis),
                ends_line: row.get(12),
            };
            let standing = SourceStanding {
                reading: row.get(1),
                cursor: row.get(2),
                read_at: from_millis(row.get(3)),
                full_read_at: from_millis(row.get(4)),
                whole_at: from_millis(row.get(13)),
                rows: row.get::<i64, _>(5).unsigned_abs(),
                header: header_names(row.get(6))?,
                accepted_rows: row.get::<Option<i64>, _>(7).map(i64::unsigned_abs),
                accepted_header,
                file,
            };
            Ok((row.get(0), standing))
        };
        rows.iter().map(standing).collect()
    }

    /// One source's people after `after` in the order of ids, with the fingerprints of their records; `None` behind the last.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn packed_register(
        &self,
        source: &str,
        after: &str,
    ) -> Result<Option<(PackedPeople, String)>, StoreError> {
        let sql = format!(
            "SELECT {} FROM (SELECT employee_id, fingerprint FROM register WHERE source = ?1 AND employee_id > ?2 AND content <> '' \
               ORDER BY employee_id LIMIT ?3)",
            PackedPeople::SQL
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(source).bind(after).bind(PAGE);
        let row = query.fetch_one(&self.readers).await?;
        Ok(PackedPeople::of(&row)?.map(PackedPeople::with_last))
    }

    /// The same of these people alone; `None`: of none of them.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn packed_register_of(
        &self,
        source: &str,
        ids: &[String],
    ) -> Result<Option<PackedPeople>, StoreError> {
        let sql = format!(
            "SELECT {} FROM register WHERE source = ?1 AND content <> '' AND employee_id IN (SELECT value FROM json_each(?2))",
            PackedPeople::SQL
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(source).bind(to_json(&ids));
        PackedPeople::of(&query.fetch_one(&self.readers).await?)
    }

    /// Who was missing in one source's newest complete reads.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn missed_in(&self, source: &str) -> Result<HashMap<String, Missed>, StoreError> {
        // By the indexes of these few (`+` keeps it from the source's, which has everybody).
        let sql = "SELECT employee_id, absent_reads, stale FROM register WHERE missed_at IS NOT NULL AND +source = ?1 AND content <> '' \
                   UNION SELECT employee_id, absent_reads, stale FROM register WHERE stale = 1 AND source = ?1 AND content <> ''";
        let rows: Vec<(String, u32, bool)> =
            sqlx::query_as(sql).bind(source).fetch_all(&self.readers).await?;
        Ok(rows.into_iter().map(|(id, reads, stale)| (id, Missed { reads, stale })).collect())
    }

    /// Who was missing, where it is not settled what that means, by source.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn unsettled(&self) -> Result<HashMap<String, Vec<Unsettled>>, StoreError> {
        let sql =
            "SELECT source, employee_id, absent_reads, missed_at FROM register WHERE missed_at IS NOT NULL";
        let rows: Vec<(String, String, u32, i64)> = sqlx::query_as(sql).fetch_all(&self.readers).await?;
        let mut unsettled: HashMap<String, Vec<Unsettled>> = HashMap::new();
        for (source, employee_id, reads, since) in rows {
            let one = Unsettled { employee_id, reads, since: from_millis(since) };
            unsettled.entry(source).or_default().push(one);
        }
        Ok(unsettled)
    }

    /// A page of the register behind this person and source, in the order of both, without the records; `None` behind the last.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn register_heads(&self, after: (&str, &str)) -> Result<Option<RegisterHeads>, StoreError> {
        let sql = "SELECT group_concat(employee_id || char(31) || source || char(31) || content || char(31) || stale, char(30)) \
                   FROM (SELECT employee_id, source, content, stale FROM register \
                     WHERE (employee_id, source) > (?1, ?2) ORDER BY employee_id, source LIMIT ?3)";
        let row = sqlx::query(sql).bind(after.0).bind(after.1).bind(PAGE).fetch_one(&self.readers).await?;
        Ok(row.get::<Option<String>, _>(0).map(RegisterHeads))
    }

    /// What the register holds of these people, in the order of ids.
    ///
    /// # Errors
    /// Where the database fails or holds what cannot be read.
    pub async fn register_of(&self, ids: &[String]) -> Result<Vec<RegisterRow>, StoreError> {
        let sql = "SELECT employee_id, source, fields, content = '', stale, content = '' AND absent_reads = 0 FROM register \
                   WHERE employee_id IN (SELECT value FROM json_each(?1)) ORDER BY employee_id, source";
        let rows = sqlx::query(sql).bind(to_json(&ids)).fetch_all(&self.readers).await?;
        rows.iter().map(register_row).collect()
    }

    /// A page of what the register holds of one source behind this person, in the order of ids; empty behind the last.
    ///
    /// # Errors
    /// Where the database fails or holds what cannot be read.
    pub async fn register_page(&self, source: &str, after: &str) -> Result<Vec<RegisterRow>, StoreError> {
        let sql = "SELECT employee_id, source, fields, 0, stale, 0 FROM register \
                   WHERE source = ?1 AND employee_id > ?2 AND content <> '' ORDER BY employee_id LIMIT ?3";
        let rows = sqlx::query(sql).bind(source).bind(after).bind(PAGE).fetch_all(&self.readers).await?;
        rows.iter().map(register_row).collect()
    }
}

fn register_row(row: &sqlx::sqlite::SqliteRow) -> Result<RegisterRow, StoreError> {
    let corrupt = |_| StoreError::Corrupt { what: "a record of the register" };
    let fields = serde_json::from_str(row.get(2)).map_err(corrupt)?;
    let kept = Kept { fields, stale: row.get(4) };
    let (employee_id, source) = (row.get(0), row.get(1));
    Ok(RegisterRow { employee_id, source, kept, gone: row.get(3), is_said: row.get(5) })
}

/// Stores what was read. `accepted`: the guard lets it stand.
pub(super) async fn store_register(
    tx: &mut Tx,
    write: &RegisterWrite,
    missing: &[String],
    accepted: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if accepted {
        forget_removed(tx, &write.configured, missing).await?;
    }
    // Of a clock that was set back: what it showed before is later than whatever comes now.
    for sql in [
        "UPDATE register SET missed_at = ?1 WHERE missed_at > ?1",
        "UPDATE source_state SET whole_at = 0 WHERE whole_at > ?1",
    ] {
        sqlx::query(sql).bind(millis(now)).execute(&mut **tx).await?;
    }
    for one in &write.commits {
        let sql = "SELECT reading, read_at FROM source_state WHERE source = ?1";
        let stored: Option<(String, i64)> =
            sqlx::query_as(sql).bind(&one.name).fetch_optional(&mut **tx).await?;
        if !one.may_follow_read(stored.as_ref().map(|(reading, read_at)| (reading.as_str(), *read_at))) {
            return Err(StoreError::Overtaken { source_name: one.name.clone() });
        }
        store_changes(tx, one).await?;
        store_refused(tx, one).await?;
        store_standing(tx, one).await?;
        let sql = "DELETE FROM source_failure WHERE source = ?1";
        sqlx::query(sql).bind(&one.name).execute(&mut **tx).await?;
    }
    for (source, changes) in &write.settled {
        store_settled(tx, source, changes).await?;
    }
    if accepted {
        accept_sources(tx).await?;
    }
    Ok(())
}

async fn store_standing(tx: &mut Tx, one: &SourceCommit) -> Result<(), StoreError> {
    // A delta says nothing of how many there are, and nothing of the columns.
    let sql = "INSERT INTO source_state (source, reading, cursor, read_at, full_read_at, rows, header, \
                 name, digest, modified, ends_line, whole_at) \
               VALUES (?1, ?2, ?3, ?4, ?4, coalesce(?5, 0), coalesce(?6, '[]'), ?7, ?8, ?9, ?10, iif(?11, ?4, 0)) \
               ON CONFLICT (source) DO UPDATE SET (reading, cursor, read_at, full_read_at, rows, header, name, digest, \
                 modified, ends_line, whole_at) = (?2, ?3, ?4, iif(?5 IS NULL, full_read_at, ?4), coalesce(?5, rows), \
                 coalesce(?6, header), ?7, ?8, ?9, ?10, iif(?11, ?4, whole_at))";
    let full = one.full.as_ref();
    sqlx::query(sql)
        .bind(&one.name)
        .bind(&one.reading)
        .bind(&one.cursor)
        .bind(millis(one.read_at))
        .bind(full.map(|(rows, _)| rows.cast_signed()))
        .bind(full.map(|(_, header)| header.to_text()))
        .bind(&one.file.name)
        .bind(&one.file.digest)
        // A time that is still to come would keep out whatever is written until then.
        .bind(one.file.modified.map(|at| millis(at.min(one.read_at))))
        .bind(one.file.ends_line)
        .bind(one.is_whole)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The guard or an operator let what was read stand: the next reads are measured against it.
pub(super) async fn accept_sources(tx: &mut Tx) -> Result<(), StoreError> {
    let sql = "UPDATE source_state SET (accepted_rows, accepted_header) = (rows, header) \
               WHERE accepted_rows IS NOT rows OR accepted_header IS NOT header";
    sqlx::query(sql).execute(&mut **tx).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(began: i64, behind: Option<i64>) -> SourceCommit {
        SourceCommit {
            name: "staff".into(),
            reading: "a".into(),
            anew: behind.is_none(),
            behind: behind.map(from_millis),
            changes: Changes::new(),
            refused: Vec::new(),
            cursor: None,
            read_at: from_millis(began),
            is_whole: true,
            full: None,
            file: SourceFile::default(),
        }
    }

    #[test]
    fn a_read_counts_behind_what_it_was_compared_with_or_what_began_before_it() {
        assert!(read(20, Some(10)).may_follow_read(Some(("a", 10))));
        // The clock was set back meanwhile, and nobody else has read.
        assert!(read(20, Some(30)).may_follow_read(Some(("a", 30))));
        // Another process: it began before, or later.
        assert!(read(20, Some(10)).may_follow_read(Some(("a", 15))));
        assert!(!read(20, Some(10)).may_follow_read(Some(("a", 25))));
        // What it was compared with is gone, or was read in another way.
        assert!(!read(20, Some(10)).may_follow_read(None));
        assert!(!read(20, Some(10)).may_follow_read(Some(("b", 15))));
        // Of everybody, compared with nothing.
        assert!(read(20, None).may_follow_read(None));
        assert!(read(20, None).may_follow_read(Some(("b", 15))));
        assert!(!read(20, None).may_follow_read(Some(("a", 25))));
    }
}
