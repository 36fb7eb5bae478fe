//! The ways of finding people, in SQL: each along an index, but for the one that goes through everybody.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::core::action::Attributes;
use crate::core::value::folded;

/// How many of the words are taken for the beginning of a name.
const NAMES: usize = 5;
/// Behind every text that begins with the same letters.
pub(super) const LAST: char = '\u{10ffff}';

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
pub(super) const ALL: &str = concat!(
    people!("person p LEFT JOIN account c USING (employee_id)"),
    "p.employee_id > ?1 ORDER BY p.employee_id LIMIT ?2"
);
/// This one.
pub(super) const ONE: &str =
    concat!(people!("person p LEFT JOIN account c USING (employee_id)"), "p.employee_id = ?1 LIMIT 1");
/// People behind ?1, at most ?2, up to ?4, of whom what was confirmed is like ?3.
pub(super) const ALIKE: &str = concat!(
    people!("account c CROSS JOIN person p USING (employee_id)"),
    "c.employee_id > ?1 AND c.employee_id <= ?4 AND c.attributes LIKE ?3 ORDER BY c.employee_id LIMIT ?2"
);

/// This lies from ?1 to before ?2, behind whoever has ?3 and the employee id ?4.
macro_rules! along {
    ($key:expr) => {
        concat!($key, " >= max(?1, ?3) AND ", $key, " < ?2 AND (", $key, " > ?3 OR c.employee_id > ?4)")
    };
}

/// People of whom it does, at most ?5: up to whoever has ?6 and the employee id ?7, and of whom what was confirmed is like ?8.
macro_rules! people_along {
    ($key:expr) => {
        concat!(
            people!("account c CROSS JOIN person p USING (employee_id)"),
            along!($key),
            " AND (",
            $key,
            " < ?6 OR (",
            $key,
            " = ?6 AND c.employee_id <= ?7)) AND (?8 = '%' OR c.attributes LIKE ?8) ORDER BY ",
            $key,
            ", c.employee_id LIMIT ?5"
        )
    };
}

/// The last one of ?5 people of whom it does. It is read from the index alone.
macro_rules! last_along {
    ($key:expr) => {
        concat!(
            "SELECT ",
            $key,
            ", c.employee_id FROM account c WHERE ",
            along!($key),
            " ORDER BY ",
            $key,
            ", c.employee_id LIMIT 1 OFFSET ?5 - 1"
        )
    };
}

/// By what somebody is found who begins so. The indexes of migration 44 are on these expressions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    EmployeeId,
    UserName,
    LastName,
    FirstName,
}

impl By {
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::EmployeeId => concat!(
                people!("person p LEFT JOIN account c USING (employee_id)"),
                "p.employee_id >= max(?1, ?3) AND p.employee_id < ?2 AND p.employee_id > ?4 AND ?6 >= ?7 AND ?8 = '%' \
                 ORDER BY p.employee_id LIMIT ?5"
            ),
            Self::UserName => people_along!("c.user_name"),
            Self::LastName => people_along!(last_name!()),
            Self::FirstName => people_along!(first_name!()),
        }
    }

    /// Where the look ends. Ids are searched for by no words, and so by no end.
    pub(super) fn last_sql(self) -> Option<&'static str> {
        match self {
            Self::EmployeeId => None,
            Self::UserName => Some(last_along!("c.user_name")),
            Self::LastName => Some(last_along!(last_name!())),
            Self::FirstName => Some(last_along!(first_name!())),
        }
    }

    /// Of a row, what it is found by.
    pub(super) fn of(self, row: &SqliteRow) -> Option<&str> {
        match self {
            Self::EmployeeId => row.get(0),
            Self::UserName => row.get(7),
            Self::LastName => row.get(8),
            Self::FirstName => row.get(9),
        }
    }
}

/// A way of finding people.
pub(super) struct Way {
    pub(super) by: By,
    pub(super) beginning: String,
    /// Which words have to stand somewhere in what was confirmed.
    pub(super) words: Vec<String>,
}

impl Way {
    pub(super) fn leads_to(&self, row: &SqliteRow) -> bool {
        self.by.of(row).is_some_and(|text| text.starts_with(&self.beginning)) && has_words(row, &self.words)
    }
}

/// The ways for a search, in the order in which people are shown.
pub(super) fn ways(query: &str) -> Vec<Way> {
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
        for word in words.iter().take(NAMES) {
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

/// SQLite folds ASCII alone, so it looks for what of a word is ASCII; whether the values have it is seen in [`has_words`].
pub(super) fn pattern(words: &[String]) -> String {
    match words.iter().max_by_key(|word| word.len()) {
        Some(longest) => format!("%{}%", longest.replace(|c: char| !c.is_ascii_alphanumeric(), "%")),
        None => "%".to_owned(),
    }
}

/// Where a row stands among those that are found by this.
pub(super) fn place(by: By, row: &SqliteRow) -> Option<(String, String)> {
    Some((by.of(row)?.to_owned(), row.get(0)))
}

/// Whether each of these words, in compared form, stands in a confirmed attribute.
pub(super) fn has_words(row: &SqliteRow, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let attributes =
        row.get::<Option<&str>, _>(6).and_then(|text| serde_json::from_str::<Attributes>(text).ok());
    let values: Vec<String> =
        attributes.iter().flat_map(Attributes::values).map(|value| folded(value)).collect();
    words.iter().all(|word| values.iter().any(|value| value.contains(word)))
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
