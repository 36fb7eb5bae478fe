//! The ways of finding people, in SQL: each along an index, but for the one that goes through everybody.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::called::attributes;
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

macro_rules! mail {
    () => {
        "lower(c.attributes ->> '$.\"emails.work\"')"
    };
}

macro_rules! display_name {
    () => {
        "lower(c.attributes ->> '$.displayName')"
    };
}

/// A row, and behind it by what it can be found. Of somebody without an account the newest action tells what they are to be called.
macro_rules! people {
    ($from:expr) => {
        concat!(
            "SELECT p.employee_id, c.active, c.confirmed_at, o.kind, o.state = 'parked', c.attributes, \
               iif(c.employee_id IS NULL, (SELECT i.target FROM action a JOIN intent i USING (action_id) \
                 WHERE a.employee_id = p.employee_id AND a.group_id IS NULL ORDER BY a.action_id DESC LIMIT 1), NULL), \
               lower(p.employee_id), c.user_name, ",
            last_name!(),
            ", ",
            first_name!(),
            ", ",
            display_name!(),
            ", ",
            mail!(),
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
/// The same, with an account that is active.
pub(super) const ALL_ACTIVE: &str = concat!(
    people!("account c INDEXED BY account_active CROSS JOIN person p USING (employee_id)"),
    "c.active > 0 AND c.employee_id > ?1 ORDER BY c.employee_id LIMIT ?2"
);
/// The same, with one that is suspended.
pub(super) const ALL_SUSPENDED: &str = concat!(
    people!("account c INDEXED BY account_suspended CROSS JOIN person p USING (employee_id)"),
    "c.active < 1 AND c.employee_id > ?1 ORDER BY c.employee_id LIMIT ?2"
);
/// The same, without an account.
pub(super) const ALL_WITHOUT: &str = concat!(
    people!("no_account w CROSS JOIN person p USING (employee_id) LEFT JOIN account c USING (employee_id)"),
    "w.employee_id > ?1 ORDER BY w.employee_id LIMIT ?2"
);
/// The same, of whom nobody has decided whether a user of Workiva is theirs.
pub(super) const ALL_IN_DOUBT: &str = concat!(
    people!("adoption w CROSS JOIN person p USING (employee_id) LEFT JOIN account c USING (employee_id)"),
    "w.decision = 'open' AND w.employee_id > ?1 ORDER BY w.employee_id LIMIT ?2"
);
/// The same, who keep access since the end of it was discarded.
pub(super) const ALL_KEEPING: &str = concat!(
    people!(concat!(
        "(SELECT DISTINCT o.employee_id FROM ",
        kept_access!(),
        ") w CROSS JOIN person p USING (employee_id) LEFT JOIN account c USING (employee_id)"
    )),
    "w.employee_id > ?1 ORDER BY w.employee_id LIMIT ?2"
);
/// This one.
pub(super) const ONE: &str =
    concat!(people!("person p LEFT JOIN account c USING (employee_id)"), "p.employee_id = ?1 LIMIT 1");
/// People behind ?1, at most ?2, up to ?4, of whom what was confirmed is like ?3; with ?5, those of whom `active` is that.
pub(super) const ALIKE: &str = concat!(
    people!("account c CROSS JOIN person p USING (employee_id)"),
    "c.employee_id > ?1 AND c.employee_id <= ?4 AND c.attributes LIKE ?3 AND (?5 IS NULL OR c.active = ?5) ORDER BY c.employee_id LIMIT ?2"
);

/// This lies from ?1 to before ?2, behind whoever has ?3 and the employee id ?4.
macro_rules! along {
    ($key:expr, $id:literal, $also:expr) => {
        concat!($key, " >= max(?1, ?3) AND ", $key, " < ?2 AND (", $key, " > ?3 OR ", $id, " > ?4)", $also)
    };
}

/// People of whom it does, at most ?5: up to whoever has ?6 and the employee id ?7, of whom what was confirmed is like ?8, and who stand where
/// ?9 says.
macro_rules! people_along {
    ($from:literal, $key:expr, $id:literal, $also:expr) => {
        concat!(
            people!($from),
            along!($key, $id, $also),
            " AND (",
            $key,
            " < ?6 OR (",
            $key,
            " = ?6 AND ",
            $id,
            " <= ?7)) AND (?8 = '%' OR c.attributes LIKE ?8) AND (?9 IS NULL OR ?9 = coalesce(c.active, 2)) ORDER BY ",
            $key,
            ", ",
            $id,
            " LIMIT ?5"
        )
    };
    ($key:expr) => {
        people_along!($key, "")
    };
    ($key:expr, $also:expr) => {
        people_along!("account c CROSS JOIN person p USING (employee_id)", $key, "c.employee_id", $also)
    };
}

/// The last one of ?5 people of whom it does. It is read from the index alone.
macro_rules! last_along {
    ($from:literal, $key:expr, $id:literal, $also:expr) => {
        concat!(
            "SELECT ",
            $key,
            ", ",
            $id,
            " FROM ",
            $from,
            " WHERE ",
            along!($key, $id, $also),
            " ORDER BY ",
            $key,
            ", ",
            $id,
            " LIMIT 1 OFFSET ?5 - 1"
        )
    };
    ($key:expr) => {
        last_along!($key, "")
    };
    ($key:expr, $also:expr) => {
        last_along!("account c", $key, "c.employee_id", $also)
    };
}

/// As the partial indexes of migration 45 have it.
macro_rules! is_folded {
    () => {
        " AND lower(p.employee_id) <> p.employee_id"
    };
}
macro_rules! is_other_mail {
    () => {
        concat!(" AND ", mail!(), " <> c.user_name")
    };
}
macro_rules! has_display_name {
    () => {
        concat!(" AND ", display_name!(), " IS NOT NULL")
    };
}
macro_rules! is_newcomer {
    () => {
        "w.kind = 'create' AND w.state IN ('held', 'queued', 'parked') AND w.employee_id > max(?3, ?4)"
    };
}

/// By what somebody is found who begins so. The indexes of the migrations 44 and 45 are on these expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    EmployeeId,
    /// An id that is not in small letters.
    FoldedId,
    UserName,
    LastName,
    FirstName,
    DisplayName,
    Mail,
    /// By the words of what the account is to hold that waits to be created.
    Newcomer,
}

impl By {
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::EmployeeId => concat!(
                people!("person p LEFT JOIN account c USING (employee_id)"),
                "p.employee_id >= max(?1, ?3) AND p.employee_id < ?2 AND p.employee_id > ?4 AND p.employee_id <= ?6 AND ?7 = ?7 AND ?8 = ?8 \
                 AND (?9 IS NULL OR ?9 = coalesce(c.active, 2)) ORDER BY p.employee_id LIMIT ?5"
            ),
            Self::FoldedId => people_along!(
                "person p LEFT JOIN account c USING (employee_id)",
                "lower(p.employee_id)",
                "p.employee_id",
                is_folded!()
            ),
            Self::UserName => people_along!("c.user_name"),
            Self::LastName => people_along!(last_name!()),
            Self::FirstName => people_along!(first_name!()),
            Self::DisplayName => people_along!(display_name!(), has_display_name!()),
            Self::Mail => people_along!(mail!(), is_other_mail!()),
            Self::Newcomer => concat!(
                people!(
                    "action w CROSS JOIN intent wi USING (action_id) CROSS JOIN person p ON p.employee_id = w.employee_id \
                     LEFT JOIN account c ON c.employee_id = w.employee_id"
                ),
                is_newcomer!(),
                " AND w.employee_id >= ?1 AND w.employee_id < ?2 AND w.employee_id <= ?6 AND ?7 = ?7 AND ?8 = ?8 \
                 AND instr(coalesce(wi.names, lower(wi.target)), ?10) > 0 AND c.employee_id IS NULL AND coalesce(?9, 2) = 2 \
                 ORDER BY w.employee_id LIMIT ?5"
            ),
        }
    }

    /// Where the look ends.
    pub(super) fn last_sql(self) -> &'static str {
        match self {
            Self::EmployeeId => last_along!("person p", "p.employee_id", "p.employee_id", ""),
            Self::FoldedId => {
                last_along!("person p", "lower(p.employee_id)", "p.employee_id", is_folded!())
            }
            Self::UserName => last_along!("c.user_name"),
            Self::LastName => last_along!(last_name!()),
            Self::FirstName => last_along!(first_name!()),
            Self::DisplayName => last_along!(display_name!(), has_display_name!()),
            Self::Mail => last_along!(mail!(), is_other_mail!()),
            Self::Newcomer => concat!(
                "SELECT w.employee_id, w.employee_id FROM action w WHERE ",
                is_newcomer!(),
                " AND ?1 = ?1 AND ?2 = ?2 ORDER BY w.employee_id LIMIT 1 OFFSET ?5 - 1"
            ),
        }
    }

    /// Of a row, what it is found by.
    pub(super) fn of(self, row: &SqliteRow) -> Option<&str> {
        match self {
            Self::EmployeeId => row.get(0),
            Self::FoldedId => row.get(7),
            Self::UserName => row.get(8),
            Self::LastName => row.get(9),
            Self::FirstName => row.get(10),
            Self::DisplayName => row.get(11),
            Self::Mail => row.get(12),
            Self::Newcomer => row.get::<Option<&str>, _>(6).map(|_| row.get(0)),
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

    /// Along an id there are no words to be looked for.
    pub(super) fn is_of_id(&self) -> bool {
        matches!(self.by, By::EmployeeId | By::FoldedId)
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
    let mut all = vec![way(By::EmployeeId, query, &[])];
    if name != query {
        all.push(way(By::EmployeeId, &name, &[]));
    }
    all.extend(as_indexed(&name).iter().map(|beginning| way(By::FoldedId, beginning, &[])));
    all.push(way(By::UserName, &name, &[]));
    // A single word is found by its beginning; of several each has to be there.
    let others: &[String] = if words.len() > 1 { &words } else { &[] };
    for by in [By::LastName, By::FirstName] {
        for word in words.iter().take(NAMES) {
            all.extend(as_indexed(word).iter().map(|beginning| way(by, beginning, others)));
        }
    }
    all.extend(as_indexed(&name).iter().map(|beginning| way(By::DisplayName, beginning, &[])));
    all.push(way(By::Mail, &name, &[]));
    all.push(way(By::Newcomer, "", &words));
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
    match longest(words) {
        Some(longest) => format!("%{}%", longest.replace(|c: char| !c.is_ascii_alphanumeric(), "%")),
        None => "%".to_owned(),
    }
}

/// The word that the fewest have.
pub(super) fn longest<W: AsRef<str>>(words: &[W]) -> Option<&str> {
    words.iter().map(AsRef::as_ref).max_by_key(|word| word.len())
}

/// Where a row stands among those that are found by this.
pub(super) fn place(by: By, row: &SqliteRow) -> Option<(String, String)> {
    Some((by.of(row)?.to_owned(), row.get(0)))
}

/// Whether each of these words, in compared form, stands in a confirmed attribute, or of whoever has no account in one that is to be.
pub(super) fn has_words(row: &SqliteRow, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let attributes = attributes(row.get(5), row.get(6));
    let values: Vec<String> = attributes.values().map(|value| folded(value)).collect();
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
