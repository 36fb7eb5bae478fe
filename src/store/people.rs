//! People, for whoever looks for some of them by HTTP. A page costs the same however many there are: each way of finding somebody goes along an
//! index, and ends where the page does, or where enough was looked through for one page. Then the next one goes on from there.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::ways::{ALIKE, ALL, LAST, ONE, Way, has_words, pattern, place, ways};
use super::{Looked, PersonRow, Store, StoreError, from_millis};
use crate::core::value::folded;

/// How many people are looked at closely at a time.
const BATCH: u32 = 1_000;
/// How many people are looked through for one page by words that may stand anywhere.
pub const LOOKED_THROUGH: u32 = 75_000;
/// How many along an index, by which the rows are here and there in the file.
const ALONG: u32 = 5_000;
/// How many people are looked at closely for one page: what SQLite finds is not always what was meant.
const CLOSELY: u32 = 1_000;
/// What stands before the key of a page that goes on where another one stopped. No employee id holds it.
const GOES_ON: char = '\u{1f}';

/// Where a page begins.
enum Start {
    /// Behind this person, who was shown last; before anybody, where nobody was.
    Shown(Option<String>),
    /// Where another page stopped: in which way (behind all of them: by words that stand anywhere), behind whom, and whether somebody had been found
    /// by then.
    Stopped { way: usize, employee_id: String, found: bool },
}

impl Start {
    fn read(after: Option<&str>) -> Self {
        let stopped = after.and_then(|after| {
            let mut parts = after.strip_prefix(GOES_ON)?.splitn(3, GOES_ON);
            let (way, found) = (parts.next()?.parse().ok()?, parts.next()? == "found");
            Some(Self::Stopped { way, employee_id: parts.next()?.to_owned(), found })
        });
        stopped.unwrap_or_else(|| Self::Shown(after.map(str::to_owned)))
    }
}

/// As [`Start::read`] reads it.
fn going_on(way: usize, employee_id: &str, found: bool) -> String {
    let found = if found { "found" } else { "nobody" };
    format!("{GOES_ON}{way}{GOES_ON}{found}{GOES_ON}{employee_id}")
}

impl Store {
    /// People behind `after`. `query`: whose employee id begins so, and then whose confirmed user name, last name or first name does, each in
    /// order; where nobody's does, each of whose words stands in a confirmed attribute. Without a query, all by employee id. Names are
    /// compared regardless of case. The look stops where it would take too long; `after` is then what it says of that.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn people_behind(
        &self,
        after: Option<&str>,
        query: &str,
        limit: u32,
    ) -> Result<Looked<PersonRow>, StoreError> {
        let query = query.trim();
        if query.is_empty() {
            let all = sqlx::query(ALL).bind(after.unwrap_or_default()).bind(limit);
            return Ok(Looked::whole(all.fetch_all(&self.readers).await?.iter().map(person_row).collect()));
        }
        let ways = ways(query);
        let first = |row: &SqliteRow| ways.iter().position(|way| way.leads_to(row));
        let (start, last_row, found) = match Start::read(after) {
            Start::Shown(None) => (0, None, false),
            Start::Shown(Some(id)) => {
                let row = self.person_for_paging(&id).await?;
                match row.as_ref().and_then(first) {
                    Some(way) => (way, row, true),
                    None => return self.people_with_words(&id, query, limit).await,
                }
            }
            Start::Stopped { way, employee_id, .. } if way >= ways.len() => {
                return self.people_with_words(&employee_id, query, limit).await;
            }
            Start::Stopped { way, employee_id, found } => {
                (way, self.person_for_paging(&employee_id).await?, found)
            }
        };
        let (mut people, mut size, mut closely) = (Vec::new(), limit, 0);
        'ways: for (at, way) in ways.iter().enumerate().skip(start) {
            let mut from = last_row.as_ref().filter(|_| at == start).and_then(|row| place(way.by, row));
            let end = self.last_along(way, from.as_ref()).await?;
            loop {
                let rows = self.along(way, from.as_ref(), end.as_ref(), size).await?;
                // Whom an earlier way leads to has been shown.
                people.extend(rows.iter().filter(|row| first(row) == Some(at)).map(person_row));
                if people.len() >= limit as usize {
                    break 'ways;
                }
                closely += rows.len();
                let is_cut = rows.len() == size as usize;
                let last = rows.last().filter(|_| is_cut).and_then(|row| place(way.by, row));
                let stop = match &last {
                    Some(last) => Some(last).filter(|_| closely >= CLOSELY as usize),
                    None => end.as_ref(),
                };
                if let Some((_, last)) = stop {
                    let stopped_at = Some(going_on(at, last, found || !people.is_empty()));
                    return Ok(Looked { rows: people, stopped_at });
                }
                if last.is_none() {
                    break;
                }
                (from, size) = (last, BATCH);
            }
        }
        people.truncate(limit as usize);
        if !found && people.is_empty() {
            return self.people_with_words("", query, limit).await;
        }
        Ok(Looked::whole(people))
    }

    /// Whom a look along an index that has to read everybody on its way ends with; `None`: it gets to the end.
    async fn last_along(
        &self,
        way: &Way,
        from: Option<&(String, String)>,
    ) -> Result<Option<(String, String)>, StoreError> {
        let Some(sql) = way.by.last_sql().filter(|_| !way.words.is_empty()) else { return Ok(None) };
        let (value, employee_id) = from.map(|(value, id)| (value.as_str(), id.as_str())).unwrap_or_default();
        let last = sqlx::query_as(sql)
            .bind(&way.beginning)
            .bind(format!("{}{LAST}", way.beginning))
            .bind(value)
            .bind(employee_id)
            .bind(ALONG);
        Ok(last.fetch_optional(&self.readers).await?)
    }

    async fn along(
        &self,
        way: &Way,
        from: Option<&(String, String)>,
        end: Option<&(String, String)>,
        limit: u32,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let (value, employee_id) = from.map(|(value, id)| (value.as_str(), id.as_str())).unwrap_or_default();
        let behind_all = format!("{}{LAST}", way.beginning);
        let (last, last_id) =
            end.map_or((behind_all.as_str(), ""), |(value, id)| (value.as_str(), id.as_str()));
        let rows = sqlx::query(way.by.sql())
            .bind(&way.beginning)
            .bind(&behind_all)
            .bind(value)
            .bind(employee_id)
            .bind(limit)
            .bind(last)
            .bind(last_id)
            .bind(pattern(&way.words));
        Ok(rows.fetch_all(&self.readers).await?)
    }

    async fn person_for_paging(&self, employee_id: &str) -> Result<Option<SqliteRow>, StoreError> {
        Ok(sqlx::query(ONE).bind(employee_id).fetch_optional(&self.readers).await?)
    }

    /// Each of whose words stands in a confirmed attribute, among the next so many behind `after`.
    async fn people_with_words(
        &self,
        after: &str,
        query: &str,
        limit: u32,
    ) -> Result<Looked<PersonRow>, StoreError> {
        let words: Vec<String> = folded(query).split_whitespace().map(str::to_owned).collect();
        let sql = "SELECT employee_id FROM person WHERE employee_id > ?1 ORDER BY employee_id LIMIT 1 OFFSET ?2 - 1";
        let end = sqlx::query_scalar(sql).bind(after).bind(LOOKED_THROUGH);
        let end: Option<String> = end.fetch_optional(&self.readers).await?;
        let (last, pattern) = (end.clone().unwrap_or_else(|| LAST.to_string()), pattern(&words));
        let (mut people, mut behind, mut closely) = (Vec::new(), after.to_owned(), 0);
        let stopped_at = loop {
            let some = sqlx::query(ALIKE).bind(&behind).bind(BATCH).bind(&pattern).bind(&last);
            let rows = some.fetch_all(&self.readers).await?;
            people.extend(rows.iter().filter(|row| has_words(row, &words)).map(person_row));
            closely += rows.len();
            match rows.last().filter(|_| rows.len() == BATCH as usize) {
                Some(row) => behind = row.get(0),
                None => break end,
            }
            if people.len() >= limit as usize || closely >= CLOSELY as usize {
                break Some(behind);
            }
        };
        people.truncate(limit as usize);
        let stopped_at = stopped_at.filter(|_| people.len() < limit as usize);
        let stopped_at = stopped_at.map(|last| going_on(usize::MAX, &last, !people.is_empty()));
        Ok(Looked { rows: people, stopped_at })
    }
}

fn person_row(row: &SqliteRow) -> PersonRow {
    PersonRow {
        employee_id: row.get(0),
        user_name: row.get(1),
        active: row.get(2),
        confirmed_at: row.get::<Option<i64>, _>(3).map(from_millis),
        waiting: row.get(4),
        is_parked: row.get::<Option<bool>, _>(5).unwrap_or(false),
    }
}
