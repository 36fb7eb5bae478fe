//! People, for whoever looks for some of them by HTTP. A page costs the same however many there are: each way of finding somebody goes along an
//! index, and ends where the page does, or where enough was looked through for one page. Then the next one goes on from there.

use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

use super::called::{attributes, name};
use super::ways::{
    ALIKE, ALL, ALL_ACTIVE, ALL_IN_DOUBT, ALL_KEEPING, ALL_SUSPENDED, ALL_WITHOUT, By, LAST, ONE, Way,
    has_words, longest, pattern, place, ways,
};
use super::{Looked, PersonRow, Store, StoreError, from_millis};
use crate::core::value::folded;

/// How many people are looked at closely at a time.
const BATCH: u32 = 1_000;
/// How many people are looked through for one page by words that may stand anywhere.
pub const LOOKED_THROUGH: u32 = 75_000;
/// How many along an index, by which the rows are here and there in the file.
const ALONG: u32 = 5_000;
/// How many of those who wait for an account: of each a short text is read.
const NEWCOMERS: u32 = 25_000;
/// How many people are looked at closely for one page: what SQLite finds is not always what was meant.
const CLOSELY: u32 = 1_000;
/// What stands before the key of a page that goes on where another one stopped. No employee id holds it.
const GOES_ON: char = '\u{1f}';

/// Where people may stand, as the overview counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// With an account that is confirmed active.
    Active,
    /// With an account that is confirmed suspended.
    Suspended,
    /// Known, and without an account.
    WithoutAccount,
    /// Nobody has decided whether a user of Workiva is theirs.
    InDoubt,
    /// To have no access, and keeping it, since an operator discarded the action that was to take it.
    KeepsAccess,
}

impl Standing {
    /// All, in the overview's order.
    pub const ALL: [Self; 5] =
        [Self::Active, Self::Suspended, Self::WithoutAccount, Self::InDoubt, Self::KeepsAccess];

    /// The name in JSON and in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::WithoutAccount => "without_account",
            Self::InDoubt => "in_doubt",
            Self::KeepsAccess => "keeps_access",
        }
    }

    /// Reads [`Standing::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.name() == name)
    }

    /// As the questions have it: what `active` is, and 2 where there is nothing.
    fn number(self) -> Option<i64> {
        match self {
            Self::Active => Some(1),
            Self::Suspended => Some(0),
            Self::WithoutAccount => Some(2),
            Self::InDoubt | Self::KeepsAccess => None,
        }
    }

    fn sql(self) -> &'static str {
        match self {
            Self::Active => ALL_ACTIVE,
            Self::Suspended => ALL_SUSPENDED,
            Self::WithoutAccount => ALL_WITHOUT,
            Self::InDoubt => ALL_IN_DOUBT,
            Self::KeepsAccess => ALL_KEEPING,
        }
    }
}

/// Which people are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct PeopleSearch<'a> {
    /// Behind this person, or where another page stopped.
    pub after: Option<&'a str>,
    /// Whose employee id, user name, last name, first name, display name or mail address begins so, in this order; who waits for an
    /// account and is to be called so; and where there is nobody of these, each of whose words stands in a confirmed attribute.
    pub query: &'a str,
    /// Only those who stand here.
    pub standing: Option<Standing>,
}

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
    /// The next so many people. The look stops where it would take too long; `after` is then what it says of that.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn people_behind(
        &self,
        search: &PeopleSearch<'_>,
        limit: u32,
    ) -> Result<Looked<PersonRow>, StoreError> {
        let PeopleSearch { after, standing, .. } = *search;
        let query = search.query.trim();
        if query.is_empty() {
            let sql = standing.map_or(ALL, Standing::sql);
            let all = sqlx::query(sql).bind(after.unwrap_or_default()).bind(limit);
            return Ok(Looked::whole(all.fetch_all(&self.readers).await?.iter().map(person_row).collect()));
        }
        if let Some(standing) = standing.filter(|standing| standing.number().is_none()) {
            return self.people_of_few(standing, after, query, limit).await;
        }
        let ways = ways(query);
        let first = |row: &SqliteRow| ways.iter().position(|way| way.leads_to(row));
        let (start, last_row, found) = match Start::read(after) {
            Start::Shown(None) => (0, None, false),
            Start::Shown(Some(id)) => {
                let row = self.person_for_paging(&id).await?;
                match row.as_ref().and_then(first) {
                    Some(way) => (way, row, true),
                    None => return self.people_with_words(&id, query, standing, limit).await,
                }
            }
            Start::Stopped { way, employee_id, .. } if way >= ways.len() => {
                return self.people_with_words(&employee_id, query, standing, limit).await;
            }
            Start::Stopped { way, employee_id, found } => {
                (way, self.person_for_paging(&employee_id).await?, found)
            }
        };
        let (mut people, mut size, mut closely) = (Vec::new(), limit, 0);
        'ways: for (at, way) in ways.iter().enumerate().skip(start) {
            let mut from = last_row.as_ref().filter(|_| at == start).and_then(|row| place(way.by, row));
            let end = self.last_along(way, standing, from.as_ref()).await?;
            loop {
                let rows = self.along(way, standing, from.as_ref(), end.as_ref(), size).await?;
                // Whom an earlier way leads to has been shown.
                people.extend(rows.iter().filter(|row| first(row) == Some(at)).map(person_row));
                // Somebody may wait for an account by a plan that is held and by an action that is parked.
                people.dedup_by(|one, other| one.employee_id == other.employee_id);
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
            return self.people_with_words("", query, standing, limit).await;
        }
        Ok(Looked::whole(people))
    }

    /// Whom a look along an index that has to read everybody on its way ends with; `None`: it gets to the end.
    async fn last_along(
        &self,
        way: &Way,
        standing: Option<Standing>,
        from: Option<&(String, String)>,
    ) -> Result<Option<(String, String)>, StoreError> {
        if way.words.is_empty() && standing.is_none() {
            return Ok(None);
        }
        let most = if way.by == By::Newcomer { NEWCOMERS } else { ALONG };
        let (value, employee_id) = from.map(|(value, id)| (value.as_str(), id.as_str())).unwrap_or_default();
        let last = sqlx::query_as(way.by.last_sql())
            .bind(&way.beginning)
            .bind(format!("{}{LAST}", way.beginning))
            .bind(value)
            .bind(employee_id)
            .bind(most);
        Ok(last.fetch_optional(&self.readers).await?)
    }

    async fn along(
        &self,
        way: &Way,
        standing: Option<Standing>,
        from: Option<&(String, String)>,
        end: Option<&(String, String)>,
        limit: u32,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let (value, employee_id) = from.map(|(value, id)| (value.as_str(), id.as_str())).unwrap_or_default();
        let behind_all = format!("{}{LAST}", way.beginning);
        let (last, last_id) =
            end.map_or((behind_all.as_str(), ""), |(value, id)| (value.as_str(), id.as_str()));
        let no_words = if way.is_of_id() || way.by == By::Newcomer { &[][..] } else { &way.words };
        let rows = sqlx::query(way.by.sql())
            .bind(&way.beginning)
            .bind(&behind_all)
            .bind(value)
            .bind(employee_id)
            .bind(limit)
            .bind(last)
            .bind(last_id)
            .bind(pattern(no_words))
            .bind(standing.and_then(Standing::number))
            .bind(longest(&way.words));
        Ok(rows.fetch_all(&self.readers).await?)
    }

    /// Among people who stand where few do: each of them is looked at.
    async fn people_of_few(
        &self,
        standing: Standing,
        after: Option<&str>,
        query: &str,
        limit: u32,
    ) -> Result<Looked<PersonRow>, StoreError> {
        let (ways, words) = (ways(query), words(query));
        let behind = match Start::read(after) {
            Start::Shown(employee_id) => employee_id.unwrap_or_default(),
            Start::Stopped { employee_id, .. } => employee_id,
        };
        let rows = sqlx::query(standing.sql()).bind(behind).bind(ALONG).fetch_all(&self.readers).await?;
        let is_meant = |row: &&SqliteRow| ways.iter().any(|way| way.leads_to(row)) || has_words(row, &words);
        let people: Vec<_> = rows.iter().filter(is_meant).take(limit as usize).map(person_row).collect();
        let is_cut = rows.len() == ALONG as usize && people.len() < limit as usize;
        let stopped_at = rows.last().filter(|_| is_cut).map(|last| going_on(usize::MAX, last.get(0), true));
        Ok(Looked { rows: people, stopped_at })
    }

    async fn person_for_paging(&self, employee_id: &str) -> Result<Option<SqliteRow>, StoreError> {
        Ok(sqlx::query(ONE).bind(employee_id).fetch_optional(&self.readers).await?)
    }

    /// Each of whose words stands in a confirmed attribute, among the next so many behind `after`.
    async fn people_with_words(
        &self,
        after: &str,
        query: &str,
        standing: Option<Standing>,
        limit: u32,
    ) -> Result<Looked<PersonRow>, StoreError> {
        if standing == Some(Standing::WithoutAccount) {
            // Nothing is confirmed of any of them.
            return Ok(Looked::whole(Vec::new()));
        }
        let words = words(query);
        let sql = "SELECT employee_id FROM person WHERE employee_id > ?1 ORDER BY employee_id LIMIT 1 OFFSET ?2 - 1";
        let end = sqlx::query_scalar(sql).bind(after).bind(LOOKED_THROUGH);
        let end: Option<String> = end.fetch_optional(&self.readers).await?;
        let (last, pattern) = (end.clone().unwrap_or_else(|| LAST.to_string()), pattern(&words));
        let (mut people, mut behind, mut closely) = (Vec::new(), after.to_owned(), 0);
        let stopped_at = loop {
            let some = sqlx::query(ALIKE).bind(&behind).bind(BATCH).bind(&pattern).bind(&last);
            let some = some.bind(standing.and_then(Standing::number));
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

fn words(query: &str) -> Vec<String> {
    folded(query).split_whitespace().map(str::to_owned).collect()
}

fn person_row(row: &SqliteRow) -> PersonRow {
    let attributes = attributes(row.get(5), row.get(6));
    PersonRow {
        employee_id: row.get(0),
        name: name(&attributes),
        user_name: attributes.get("userName").cloned(),
        email: attributes.get("emails.work").cloned(),
        active: row.get(1),
        confirmed_at: row.get::<Option<i64>, _>(2).map(from_millis),
        waiting: row.get(3),
        is_parked: row.get::<Option<bool>, _>(4).unwrap_or(false),
    }
}
