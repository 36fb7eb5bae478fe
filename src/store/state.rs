//! Reading what is known of people.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};

use super::{Store, StoreError, moment_text, to_json};
use crate::core::action::ActionKind;
use crate::core::guard::Scale;
use crate::core::guard::groups::is_of;
use crate::core::header::HeaderNames;
use crate::core::record::Fingerprint;
use crate::core::source_file::SourceFile;
use crate::core::state::{Account, AdoptionMark, OpenAction, OpenState, PersonState, Shown};

/// How many people one packed row holds.
const PACK: i64 = 20_000;
/// How many ids one lookup asks for.
const CHUNK: usize = 5_000;

/// Some people with the fingerprints at which they were settled, packed into two texts, since a row costs more to hand on than to read.
pub struct PackedPeople {
    ids: String,
    fingerprints: String,
}

impl PackedPeople {
    /// What SQL packs of one person in a table with `employee_id` and `fingerprint`. Whoever has none gets that of nobody, which is as long.
    pub(super) const SQL: &str = "group_concat(employee_id, char(31)), \
        group_concat(CASE length(fingerprint) WHEN 32 THEN fingerprint ELSE '00000000000000000000000000000000' END, '')";

    /// Of a row that begins with these two; `None`: there is nobody in it.
    ///
    /// # Errors
    /// Where what is in it is no fingerprint.
    pub(super) fn of(row: &SqliteRow) -> Result<Option<Self>, StoreError> {
        let Some(ids) = row.get::<Option<String>, _>(0) else { return Ok(None) };
        let fingerprints: String = row.get(1);
        let people = ids.bytes().filter(|byte| *byte == BETWEEN as u8).count() + 1;
        if fingerprints.len() != people * DIGITS {
            return Err(StoreError::Corrupt { what: "a fingerprint" });
        }
        Ok(Some(Self { ids, fingerprints }))
    }

    /// Each person in it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Fingerprint)> {
        let digits = self.fingerprints.as_bytes().chunks_exact(DIGITS).map(decode);
        self.ids.split(BETWEEN).zip(digits)
    }

    /// With whoever comes last by the id, in whatever order SQL has packed them.
    pub(super) fn with_last(self) -> (Self, String) {
        let last = self.ids.split(BETWEEN).max().unwrap_or_default().to_owned();
        (self, last)
    }
}

/// Between two ids, which never have one in them.
const BETWEEN: char = '\u{1f}';
/// Of a fingerprint in hexadecimal.
const DIGITS: usize = 32;

/// `u128::from_str_radix` costs a multiplication a digit; a hundred thousand of these are read in every run.
pub(super) fn decode(hex: &[u8]) -> Fingerprint {
    if hex.len() != DIGITS {
        return Fingerprint::NONE;
    }
    let digit = |byte: u8| {
        u128::from(if byte <= b'9' { byte.wrapping_sub(b'0') } else { byte.wrapping_sub(b'a' - 10) } & 0xf)
    };
    Fingerprint(hex.iter().fold(0, |sum, byte| (sum << 4) | digit(*byte)))
}

impl Store {
    /// How many people are known.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn people(&self) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT people FROM headcount").fetch_one(&self.readers).await?;
        Ok(count.unsigned_abs())
    }

    /// The people after `after` in the order of ids; `None` behind the last one.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn packed_people(&self, after: &str) -> Result<Option<(PackedPeople, String)>, StoreError> {
        let sql = format!(
            "SELECT {} FROM (SELECT employee_id, fingerprint FROM person WHERE employee_id > ?1 ORDER BY employee_id LIMIT ?2)",
            PackedPeople::SQL
        );
        let row = sqlx::query(AssertSqlSafe(sql)).bind(after).bind(PACK).fetch_one(&self.readers).await?;
        Ok(PackedPeople::of(&row)?.map(PackedPeople::with_last))
    }

    /// The people after `after` of whom an action has not been confirmed, in the order of ids, each with the fingerprint of the record whose
    /// end it brings about; `None` behind the last one. Who has to be looked at whatever their record says has none: HR may have taken an
    /// action back by returning to an earlier record, which only a create or a deprovision of whom nothing else is known goes without, as long
    /// as no date changes the decision by `known_by`; nobody does where that is not given.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn packed_waiting(
        &self,
        after: &str,
        known_by: Option<DateTime<Utc>>,
    ) -> Result<Option<(PackedPeople, String)>, StoreError> {
        let sql = format!(
            "SELECT {} FROM (SELECT o.employee_id, iif(o.state = 'queued' AND o.kind IN ('create', 'suspend', 'delete') AND o.withdrawn = 0 \
                 AND o.uncertain = 0 AND o.moved_from IS NULL AND o.manager IS NULL AND coalesce(o.next_change > ?3, ?3 IS NOT NULL) \
                 AND o.base_version = p.version AND p.absent_runs = 0 AND p.shown IS NULL \
                 AND NOT EXISTS (SELECT 1 FROM action m WHERE m.employee_id = o.employee_id AND m.group_id IS NOT NULL \
                   AND m.state IN ('queued', 'parked', 'held')) \
                 AND NOT EXISTS (SELECT 1 FROM action m WHERE m.moved_from = o.employee_id AND m.state IN ('queued', 'parked')) \
                 AND NOT EXISTS (SELECT 1 FROM adoption d WHERE d.employee_id = o.employee_id) \
                 AND NOT EXISTS (SELECT 1 FROM drift_before b WHERE b.employee_id = o.employee_id), o.fingerprint, '') AS fingerprint \
               FROM action o JOIN person p USING (employee_id) WHERE o.state IN ('queued', 'parked') AND o.employee_id > ?1 \
               ORDER BY o.employee_id LIMIT ?2)",
            PackedPeople::SQL
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(after).bind(PACK).bind(known_by.map(moment_text));
        Ok(PackedPeople::of(&query.fetch_one(&self.readers).await?)?.map(PackedPeople::with_last))
    }

    /// People who have to be looked at whatever their record says, since a date may change the decision by then, or an operator has
    /// discarded an action of theirs. Those for whom one waits are in [`Store::packed_waiting`].
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn due(&self, by: DateTime<Utc>) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT employee_id FROM person WHERE next_change IS NOT NULL AND next_change <= ?1 \
                   UNION SELECT employee_id FROM action WHERE state = 'discarded'";
        Ok(sqlx::query_scalar(sql).bind(moment_text(by)).fetch_all(&self.readers).await?)
    }

    /// Who has access though the last day that HR announced is over, and nothing that is to end it is planned.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn overdue_ends(&self, now: DateTime<Utc>) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT p.employee_id FROM person p JOIN account a USING (employee_id) \
                   WHERE p.next_change <= ?1 AND a.active = 1 AND p.ends ->> 'is_in_doubt' IS NOT 1 \
                     AND julianday(p.ends ->> 'at') <= julianday(?1) \
                     AND NOT EXISTS (SELECT 1 FROM action o WHERE o.employee_id = p.employee_id AND o.kind IN ('suspend', 'delete') \
                       AND o.state IN ('queued', 'parked', 'held', 'discarded')) ORDER BY p.employee_id";
        Ok(sqlx::query_scalar(sql).bind(moment_text(now)).fetch_all(&self.readers).await?)
    }

    /// The first moment after this at which a date may change what is decided about somebody, by what is settled or on its way.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn next_date(&self, after: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
        let sql = "SELECT min(next_change) FROM (SELECT next_change FROM person UNION ALL \
                   SELECT next_change FROM action WHERE state IN ('queued', 'parked')) WHERE next_change > ?1";
        let next: Option<String> =
            sqlx::query_scalar(sql).bind(moment_text(after)).fetch_one(&self.readers).await?;
        Ok(next.and_then(|text| text.parse().ok()))
    }

    /// Everybody who is known.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn everybody(&self) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT employee_id FROM person").fetch_all(&self.readers).await?)
    }

    /// All that is known of these people; of whom nothing is known, there is no entry.
    ///
    /// # Errors
    /// Where the database fails or holds what cannot be read.
    pub async fn states(&self, ids: &[&str]) -> Result<HashMap<String, PersonState>, StoreError> {
        let mut states = HashMap::with_capacity(ids.len());
        let sql = "SELECT p.employee_id, p.version, p.absent_runs, a.scim_id, a.active, a.attributes, \
                     o.action_id, o.kind, o.state, i.target, o.uncertain, \
                     EXISTS (SELECT 1 FROM lease l WHERE l.action_id = o.action_id), \
                     (SELECT d.decision FROM adoption d WHERE d.employee_id = p.employee_id), p.guard_group, o.withdrawn, a.had_access, p.ends, \
                     o.moved_from, p.gone = 1 AND p.fingerprint <> '', \
                     (SELECT m.employee_id FROM action m WHERE m.moved_from = p.employee_id AND m.state IN ('queued', 'parked')), \
                     (SELECT json_object('had_access', json(iif(b.had_access, 'true', 'false')), 'gone', json(iif(b.gone, 'true', 'false')), \
                        'attributes', json(b.attributes)) FROM drift_before b WHERE b.employee_id = p.employee_id), p.shown, p.manager, p.hired \
                   FROM json_each(?1) j JOIN person p ON p.employee_id = j.value \
                     LEFT JOIN account a ON a.employee_id = p.employee_id \
                     LEFT JOIN action o ON o.action_id = coalesce( \
                       (SELECT x.action_id FROM action x WHERE x.employee_id = p.employee_id \
                          AND coalesce(x.group_id, '') = '' AND x.state IN ('queued', 'parked')), \
                       (SELECT max(x.action_id) FROM action x WHERE x.employee_id = p.employee_id \
                          AND x.group_id IS NULL AND x.state = 'discarded')) \
                     LEFT JOIN intent i ON i.action_id = o.action_id";
        for chunk in ids.chunks(CHUNK) {
            for row in sqlx::query(sql).bind(to_json(&chunk)).fetch_all(&self.readers).await? {
                let state = person_state(&row)?;
                states.insert(state.employee_id.clone(), state);
            }
        }
        Ok(states)
    }

    /// Who holds each of these user names (compared form), in state or by an action under way.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn holders(&self, user_names: &[String]) -> Result<HashMap<String, String>, StoreError> {
        let mut holders = HashMap::new();
        // Whoever has the name confirmed comes before whoever is only about to have it.
        let sql = "SELECT o.user_name, o.employee_id FROM action o WHERE o.state IN ('queued', 'parked') \
                     AND o.user_name IN (SELECT value FROM json_each(?1)) \
                   UNION ALL \
                   SELECT a.user_name, a.employee_id FROM json_each(?1) j JOIN account a ON a.user_name = j.value";
        for chunk in user_names.chunks(CHUNK) {
            for row in sqlx::query(sql).bind(to_json(&chunk)).fetch_all(&self.readers).await? {
                holders.insert(row.get(0), row.get(1));
            }
        }
        Ok(holders)
    }

    /// What a plan is measured against.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn scale(&self) -> Result<Scale, StoreError> {
        // An index has both states together, so both are named: else every action of all times is looked at.
        let sql = "WITH accepted AS (SELECT source_rows, rejected + doubled_rows AS unusable, header, rules, input FROM run WHERE accepted = 1 \
                     ORDER BY rowid DESC LIMIT 1) \
                   SELECT (SELECT active FROM headcount), \
                     EXISTS (SELECT 1 FROM account), \
                     (SELECT source_rows FROM accepted), \
                     (SELECT count(DISTINCT o.employee_id) FROM action o JOIN plan p USING (plan_id) \
                        WHERE o.state IN ('queued', 'parked') AND o.state = 'queued' AND o.withdrawn = 0 AND (o.kind IN ('suspend', 'delete') OR o.last_workspace = 1) \
                          AND p.state IN ('released', 'applied')), \
                     (SELECT names FROM source_header WHERE digest = (SELECT header FROM accepted)), \
                     (SELECT rules FROM accepted), \
                     (SELECT input FROM accepted), (SELECT unusable FROM accepted)";
        let row = sqlx::query(sql).fetch_one(&self.readers).await?;
        let number = |column: usize| row.get::<i64, _>(column).unsigned_abs();
        let accepted: Option<i64> = row.get(2);
        Ok(Scale {
            active_accounts: number(0),
            has_accounts: number(1) > 0,
            accepted_rows: accepted.map(i64::unsigned_abs),
            accepted_header: row.get::<Option<&str>, _>(4).map(header_names).transpose()?,
            accepted_rules: row.get::<Option<&str>, _>(5).and_then(|hex| u64::from_str_radix(hex, 16).ok()),
            accepted_input: row.get::<Option<&str>, _>(6).map(Fingerprint::from_hex),
            accepted_unusable_rows: row.get::<Option<i64>, _>(7).unwrap_or(0).unsigned_abs(),
            open_deprovisions: number(3),
            ..Scale::default()
        })
    }

    /// Adds what creates and reactivations are measured against besides. A create of a first load was planned before any account was confirmed.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn scale_of_creates(&self, scale: &mut Scale) -> Result<(), StoreError> {
        let sql = "SELECT count(*), coalesce(sum(o.created_at > (SELECT min(confirmed_at) FROM account)), 0) \
                   FROM action o JOIN plan p USING (plan_id) WHERE o.state IN ('queued', 'parked') AND o.state = 'queued' AND o.withdrawn = 0 \
                     AND o.kind IN ('create', 'reactivate') \
                     AND p.state IN ('released', 'applied')";
        let (all, later): (i64, i64) = sqlx::query_as(sql).fetch_one(&self.readers).await?;
        (scale.open_creates, scale.open_later_creates) = (all.unsigned_abs(), later.unsigned_abs());
        Ok(())
    }

    /// Adds whose change of name goes on behind the newest run that was accepted.
    ///
    /// # Errors
    /// Where the database fails or holds what cannot be read.
    pub async fn scale_of_renames(&self, scale: &mut Scale) -> Result<(), StoreError> {
        let sql = "SELECT renames FROM run WHERE accepted = 1 ORDER BY rowid DESC LIMIT 1";
        let ids: Option<Option<String>> = sqlx::query_scalar(sql).fetch_optional(&self.readers).await?;
        if let Some(ids) = ids.flatten() {
            scale.accepted_renames = serde_json::from_str(&ids)
                .map_err(|_| StoreError::Corrupt { what: "the changes of name of a run" })?;
        }
        Ok(())
    }

    /// What the newest run that was accepted had read; `None` where there is no such run, or it kept nothing of its file.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn accepted_file(&self) -> Result<Option<SourceFile>, StoreError> {
        let sql = "SELECT source_name, source_digest, source_modified, source_ends_line FROM run \
                   WHERE accepted = 1 ORDER BY rowid DESC LIMIT 1";
        let Some(row) = sqlx::query(sql).fetch_optional(&self.readers).await? else { return Ok(None) };
        let Some(name) = row.get(0) else { return Ok(None) };
        let modified = row.get::<Option<i64>, _>(2).and_then(DateTime::from_timestamp_millis);
        Ok(Some(SourceFile { name, digest: row.get(1), modified, ends_line: row.get(3) }))
    }

    /// Adds the sizes of the groups of which `column` is the key.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn scale_by_group(&self, column: &str, scale: &mut Scale) -> Result<(), StoreError> {
        let active = "SELECT guard_group, count(*) FROM account JOIN person USING (employee_id) \
                      WHERE active = 1 AND guard_group IS NOT NULL GROUP BY guard_group";
        let open = "SELECT guard_group, count(DISTINCT employee_id) FROM action JOIN plan USING (plan_id) \
                    WHERE action.state IN ('queued', 'parked') AND action.state = 'queued' AND withdrawn = 0 \
                      AND (kind IN ('suspend', 'delete') OR last_workspace = 1) \
                      AND plan.state IN ('released', 'applied') AND guard_group IS NOT NULL GROUP BY guard_group";
        for (sql, counts) in
            [(active, &mut scale.active_by_group), (open, &mut scale.open_deprovisions_by_group)]
        {
            let rows: Vec<(String, i64)> = sqlx::query_as(sql).fetch_all(&self.readers).await?;
            let ours = rows.into_iter().filter(|(group, _)| is_of(group, column));
            *counts = ours.map(|(group, number)| (group, number.unsigned_abs())).collect();
        }
        Ok(())
    }

    /// Whose account has this id of Workiva's.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn owner_of(&self, scim_id: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT employee_id FROM account WHERE scim_id = ?1";
        Ok(sqlx::query_scalar(sql).bind(scim_id).fetch_optional(&self.readers).await?)
    }
}

pub(super) fn header_names(json: &str) -> Result<HeaderNames, StoreError> {
    HeaderNames::from_text(json).ok_or(StoreError::Corrupt { what: "a source's header" })
}

fn person_state(row: &SqliteRow) -> Result<PersonState, StoreError> {
    let corrupt = |what| StoreError::Corrupt { what };
    let account = match row.get::<Option<String>, _>(3) {
        None => None,
        Some(scim_id) => Some(Account {
            scim_id,
            active: row.get::<i64, _>(4) == 1,
            attributes: serde_json::from_str(row.get(5)).map_err(|_| corrupt("an account's attributes"))?,
        }),
    };
    let open = match row.get::<Option<i64>, _>(6) {
        None => None,
        Some(action_id) => Some(OpenAction {
            action_id,
            kind: ActionKind::parse(row.get(7)).ok_or_else(|| corrupt("an action's kind"))?,
            state: match row.get::<&str, _>(8) {
                "queued" if row.get::<i64, _>(11) == 1 => OpenState::Leased,
                "queued" => OpenState::Queued,
                "parked" => OpenState::Parked,
                _ => OpenState::Discarded,
            },
            target: serde_json::from_str(row.get(9)).map_err(|_| corrupt("an action's target"))?,
            uncertain: row.get::<i64, _>(10) == 1,
            withdrawn: row.get::<i64, _>(14) == 1,
            moved_from: row.get(17),
        }),
    };
    let ends = row.get::<Option<&str>, _>(16).map(serde_json::from_str).transpose();
    let ends = ends.map_err(|_| corrupt("an announced end"))?;
    let before = row.get::<Option<&str>, _>(20).map(serde_json::from_str).transpose();
    let before = before.map_err(|_| corrupt("what was confirmed before a repair"))?;
    let adoption = row.get::<Option<&str>, _>(12).and_then(AdoptionMark::parse);
    let absent_runs = u32::try_from(row.get::<i64, _>(2)).unwrap_or(u32::MAX - 1);
    Ok(PersonState {
        employee_id: row.get(0),
        version: row.get(1),
        absent_runs,
        ends,
        group: row.get(13),
        account,
        had_access: row.get::<Option<i64>, _>(15) == Some(1),
        before,
        open,
        adoption,
        gone: row.get::<i64, _>(18) == 1,
        shown: row.get::<Option<&str>, _>(21).and_then(Shown::parse),
        manager: row.get(22),
        hired: row.get::<Option<&str>, _>(23).and_then(|day| day.parse().ok()),
        moving_to: row.get(19),
        ..PersonState::unknown("")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_fingerprint_reads_as_it_was_written() {
        let fingerprint = Fingerprint(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210);
        let fingerprints = fingerprint.to_hex() + &Fingerprint::NONE.to_hex();
        let packed = PackedPeople { ids: "007\u{1f}8".into(), fingerprints };
        let read: Vec<_> = packed.iter().collect();
        assert_eq!(read, [("007", fingerprint), ("8", Fingerprint::NONE)]);
    }
}
