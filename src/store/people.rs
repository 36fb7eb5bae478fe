//! People, for whoever looks for some of them by HTTP. A page costs the same however many there are: each way of finding somebody goes along an
//! index, and ends where the page does.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{PersonRow, Store, StoreError, from_millis};
use crate::core::action::Attributes;
use crate::core::value::folded;

/// How many people are looked through at a time.
const BATCH: u32 = 1_000;
/// Behind every text that begins with the same letters.
const LAST: char = '\u{10ffff}';

macro_rules! last_name {
    () => {
        "lower(c.attributes ->> '$.\"name.familyName\"')"
    };
}

macro_rules! first_name {
    () => {
        "lower(c.attributes ->> '$.\"name.givenName\"')"
    };
}

/// A row, and behind it by what it can be found.
macro_rules! people {
    ($from:literal) => {
        concat!(
            "SELECT p.employee_id, c.attributes ->> 'userName', c.active, c.confirmed_at, o.kind, o.state = 'parked', c.attributes, \
               c.user_name, ",
            last_name!(),
            ", ",
            first_name!(),
            " FROM ",
            $from,
            " LEFT JOIN action o ON o.employee_id = p.employee_id AND o.group_id IS NULL AND o.state IN ('queued', 'parked') WHERE "
        )
    };
}

/// People behind ?1, at most ?2.
const ALL: &str = concat!(
    people!("person p LEFT JOIN account c USING (employee_id)"),
    "p.employee_id > ?1 ORDER BY p.employee_id LIMIT ?2"
);
/// Those of them of whom what was confirmed is like ?3.
const ALIKE: &str = concat!(
    people!("account c CROSS JOIN person p USING (employee_id)"),
    "c.employee_id > ?1 AND c.attributes LIKE ?3 ORDER BY c.employee_id LIMIT ?2"
);

/// People of whom this lies from ?1 to before ?2, behind whoever has ?3 and the employee id ?4; at most ?5.
macro_rules! people_along {
    ($key:expr) => {
        concat!(
            people!("account c CROSS JOIN person p USING (employee_id)"),
            $key,
            " >= max(?1, ?3) AND ",
            $key,
            " < ?2 AND (",
            $key,
            " > ?3 OR c.employee_id > ?4) ORDER BY ",
            $key,
            ", c.employee_id LIMIT ?5"
        )
    };
}

/// By what somebody is found who begins so. The indexes of migration 44 are on these expressions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    EmployeeId,
    UserName,
    LastName,
    FirstName,
}

impl By {
    fn sql(self) -> &'static str {
        match self {
            Self::EmployeeId => concat!(
                people!("person p LEFT JOIN account c USING (employee_id)"),
                "p.employee_id >= max(?1, ?3) AND p.employee_id < ?2 AND p.employee_id > ?4 ORDER BY p.employee_id LIMIT ?5"
            ),
            Self::UserName => people_along!("c.user_name"),
            Self::LastName => people_along!(last_name!()),
            Self::FirstName => people_along!(first_name!()),
        }
    }

    /// Of a row, what it is found by.
    fn of(self, row: &SqliteRow) -> Option<&str> {
        match self {
            Self::EmployeeId => row.get(0),
            Self::UserName => row.get(7),
            Self::LastName => row.get(8),
            Self::FirstName => row.get(9),
        }
    }
}

/// A way of finding people.
struct Way {
    by: By,
    beginning: String,
    /// Which words have to stand somewhere in what was confirmed.
    words: Vec<String>,
}

impl Way {
    fn leads_to(&self, row: &SqliteRow) -> bool {
        self.by.of(row).is_some_and(|text| text.starts_with(&self.beginning)) && has_words(row, &self.words)
    }
}

/// The ways for a search, in the order in which people are shown.
fn ways(query: &str) -> Vec<Way> {
    let name = folded(query);
    let words: Vec<String> = name.split_whitespace().map(str::to_owned).collect();
    let way = |by, beginning: &str, words: &[String]| Way {
        by,
        beginning: beginning.to_owned(),
        words: words.to_vec(),
    };
    let mut all = vec![way(By::EmployeeId, query, &[]), way(By::UserName, &name, &[])];
    // A single word is found by its beginning; of several each has to be there.
    let others: &[String] = if words.len() > 1 { &words } else { &[] };
    for by in [By::LastName, By::FirstName] {
        for word in &words {
            all.extend(as_indexed(word).iter().map(|beginning| way(by, beginning, others)));
        }
    }
    all
}

/// A word in the forms in which an index may have it that folds ASCII alone: small, with a capital, in capitals.
fn as_indexed(word: &str) -> Vec<String> {
    let mut letters = word.chars();
    let capital: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    let mut forms = vec![word.to_owned()];
    for form in [capital.to_ascii_lowercase(), word.to_uppercase().to_ascii_lowercase()] {
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    forms
}

impl Store {
    /// People behind `after`. `query`: whose employee id begins so, and then whose confirmed user name, last name or first name does, each in
    /// order; where nobody's does, each of whose words stands in a confirmed attribute. Without a query, all by employee id. Names are
    /// compared regardless of case.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn people_behind(
        &self,
        after: Option<&str>,
        query: &str,
        limit: u32,
    ) -> Result<Vec<PersonRow>, StoreError> {
        let behind = after.unwrap_or_default();
        let query = query.trim();
        if query.is_empty() {
            let all = sqlx::query(ALL).bind(behind).bind(limit);
            return Ok(all.fetch_all(&self.readers).await?.iter().map(person_row).collect());
        }
        let ways = ways(query);
        let first = |row: &SqliteRow| ways.iter().position(|way| way.leads_to(row));
        let last_shown = match after {
            Some(after) => self.person_for_paging(after).await?,
            None => None,
        };
        let last_way = last_shown.as_ref().and_then(first);
        if after.is_some() && last_way.is_none() {
            return self.people_with_words(behind, query, limit).await;
        }
        let (mut people, mut size) = (Vec::new(), limit);
        for (at, way) in ways.iter().enumerate().skip(last_way.unwrap_or(0)) {
            let mut from =
                last_shown.as_ref().filter(|_| last_way == Some(at)).and_then(|row| place(way.by, row));
            while people.len() < limit as usize {
                let rows = self.along(way, from.as_ref(), size).await?;
                // Whom an earlier way leads to has been shown.
                people.extend(rows.iter().filter(|row| first(row) == Some(at)).map(person_row));
                match rows.last().filter(|_| rows.len() == size as usize) {
                    Some(last) => from = place(way.by, last),
                    None => break,
                }
                size = BATCH;
            }
        }
        people.truncate(limit as usize);
        if after.is_none() && people.is_empty() {
            return self.people_with_words("", query, limit).await;
        }
        Ok(people)
    }

    async fn along(
        &self,
        way: &Way,
        from: Option<&(String, String)>,
        limit: u32,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let (value, employee_id) = from.map(|(value, id)| (value.as_str(), id.as_str())).unwrap_or_default();
        let rows = sqlx::query(way.by.sql())
            .bind(&way.beginning)
            .bind(format!("{}{LAST}", way.beginning))
            .bind(value)
            .bind(employee_id)
            .bind(limit);
        Ok(rows.fetch_all(&self.readers).await?)
    }

    async fn person_for_paging(&self, employee_id: &str) -> Result<Option<SqliteRow>, StoreError> {
        let sql = concat!(
            people!("person p LEFT JOIN account c USING (employee_id)"),
            "p.employee_id = ?1 LIMIT 1"
        );
        Ok(sqlx::query(sql).bind(employee_id).fetch_optional(&self.readers).await?)
    }

    /// SQLite folds ASCII alone, so it looks for what of a word is ASCII; whether the values have it is seen here. This goes through everybody.
    async fn people_with_words(
        &self,
        after: &str,
        query: &str,
        limit: u32,
    ) -> Result<Vec<PersonRow>, StoreError> {
        let words: Vec<String> = folded(query).split_whitespace().map(str::to_owned).collect();
        let longest = words.iter().max_by_key(|word| word.len()).map(String::as_str).unwrap_or_default();
        let pattern = format!("%{}%", longest.replace(|c: char| !c.is_ascii_alphanumeric(), "%"));
        let wanted = limit as usize;
        let (mut people, mut behind) = (Vec::new(), after.to_owned());
        loop {
            let some = sqlx::query(ALIKE).bind(&behind).bind(BATCH);
            let rows = some.bind(&pattern).fetch_all(&self.readers).await?;
            people.extend(rows.iter().filter(|row| has_words(row, &words)).map(person_row));
            match rows.last().filter(|_| rows.len() == BATCH as usize && people.len() < wanted) {
                Some(last) => behind = last.get(0),
                None => break,
            }
        }
        people.truncate(wanted);
        Ok(people)
    }
}

/// Where a row stands among those that are found by this.
fn place(by: By, row: &SqliteRow) -> Option<(String, String)> {
    Some((by.of(row)?.to_owned(), row.get(0)))
}

/// Whether each of these words, in compared form, stands in a confirmed attribute.
fn has_words(row: &SqliteRow, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let attributes =
        row.get::<Option<&str>, _>(6).and_then(|text| serde_json::from_str::<Attributes>(text).ok());
    let values: Vec<String> =
        attributes.iter().flat_map(Attributes::values).map(|value| folded(value)).collect();
    words.iter().all(|word| values.iter().any(|value| value.contains(word)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_looked_for_as_an_index_may_have_it_that_folds_ascii_alone() {
        assert_eq!(as_indexed("smith"), ["smith"]);
        assert_eq!(as_indexed("özil"), ["özil", "Özil"]);
        assert_eq!(as_indexed("müller"), ["müller", "mÜller"]);
    }
}
