//! Walking over all users of a server, page by page, without trusting its paging.

use std::collections::HashSet;

use serde_json::Value;
use thiserror::Error;

use super::LIST_SCHEMA;
use super::answer::{Answer, Failure, FailureKind};
use super::json::{count, has_schema, member};
use super::request::ScimRequest;
use super::user::RemoteUser;

/// A walk that takes more pages than this is not going to end: five million users at the 20 a page that the
/// stingiest servers give.
const MOST_PAGES: u32 = 250_000;

/// One page of users, or the users that a filter found.
#[derive(Debug, Clone, PartialEq)]
pub struct UserPage {
    /// The users, in the server's order.
    pub users: Vec<RemoteUser>,
    /// How many users there are in all, as the server says.
    pub total: Option<u64>,
}

impl UserPage {
    /// Reads a list of users.
    ///
    /// # Errors
    /// `Malformed`, where the body is no `ListResponse`, or one of its entries is no user: taking such an
    /// answer for an empty list would make people look as if they were gone.
    pub fn read(answer: &Answer) -> Result<Self, Failure> {
        let malformed = |why: &str| Failure::new(FailureKind::Malformed, Some(answer.status), why);
        let list = answer.body.as_ref().and_then(Value::as_object);
        let list = list.ok_or_else(|| malformed("the list of users is no object"))?;
        let total = member(list, "totalResults").and_then(count);
        let resources = match member(list, "Resources") {
            Some(Value::Array(resources)) => resources.as_slice(),
            None | Some(Value::Null) if total.is_some() => &[],
            _ => return Err(malformed("a ListResponse has Resources, or totalResults; this body has not")),
        };
        if total.is_none() && !has_schema(list, LIST_SCHEMA) && resources.is_empty() {
            return Err(malformed("an empty list of users must say that it is a ListResponse"));
        }
        let users: Option<Vec<RemoteUser>> = resources.iter().map(RemoteUser::read).collect();
        let users = users.ok_or_else(|| malformed("an entry in the list of users is no user"))?;
        Ok(Self { users, total })
    }
}

/// What a page brought: only users that no page before it had.
#[derive(Debug, PartialEq)]
pub enum WalkStep {
    /// There is more; ask for [`Walk::next_request`].
    More(Vec<RemoteUser>),
    /// That was all.
    Last(Vec<RemoteUser>),
}

/// Why a walk cannot go on. What it has found so far is not everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WalkError {
    /// A page held only users that were seen before, and the server's total does not say that they are all.
    #[error(
        "the server ignores startIndex: a page repeated {seen} users already seen{}",
        .total.map(|total| format!(", of {total}")).unwrap_or_default()
    )]
    PagingBroken {
        /// How many different users were seen.
        seen: u64,
        /// How many the server says there are.
        total: Option<u64>,
    },
    /// The walk took more pages than a walk may.
    #[error("the list of users did not end within {pages} pages")]
    TooManyPages {
        /// How many pages were read.
        pages: u32,
    },
}

/// A walk over all users. It holds the ids that it has seen, and nothing else of a user.
///
/// Servers that order users by random ids move the boundary between two pages whenever somebody is added or
/// removed, so a user may be missed. [`Walk::is_steady`] tells of most; and absence in a walk is never proof that a
/// user is gone: ask for that user before you believe it.
#[derive(Debug)]
pub struct Walk {
    page_size: u32,
    start_index: u64,
    pages: u32,
    seen: HashSet<String>,
    total: Option<u64>,
    total_moved: bool,
}

impl Walk {
    /// A walk from the first user on, asking for `page_size` users at a time (at least 1).
    pub fn new(page_size: u32) -> Self {
        let page_size = page_size.max(1);
        Self { page_size, start_index: 1, pages: 0, seen: HashSet::new(), total: None, total_moved: false }
    }

    /// The request for the page that comes next.
    pub fn next_request(&self) -> ScimRequest {
        ScimRequest::ListUsers { start_index: self.start_index, count: self.page_size }
    }

    /// Takes in the answer to [`Walk::next_request`].
    ///
    /// The walk ends on an empty page, on a page that is not full once the total is reached, and on a page of
    /// repetitions once the total is reached (some servers give rows again past the end).
    ///
    /// # Errors
    /// See [`WalkError`].
    pub fn accept(&mut self, page: UserPage) -> Result<WalkStep, WalkError> {
        let returned = page.users.len() as u64;
        self.pages += 1;
        let total = page.total.or(self.total);
        self.total_moved |= self.total.is_some() && self.total != total;
        self.total = total;
        self.start_index = self.start_index.saturating_add(returned);
        let fresh: Vec<RemoteUser> =
            page.users.into_iter().filter(|user| self.seen.insert(key(user))).collect();

        let has_all = self.total.is_some_and(|total| self.seen() >= total);
        if returned == 0 || (has_all && (fresh.is_empty() || returned < u64::from(self.page_size))) {
            return Ok(WalkStep::Last(fresh));
        }
        if fresh.is_empty() {
            return Err(WalkError::PagingBroken { seen: self.seen(), total: self.total });
        }
        if self.pages >= MOST_PAGES {
            return Err(WalkError::TooManyPages { pages: self.pages });
        }
        Ok(WalkStep::More(fresh))
    }

    /// How many different users were seen so far.
    pub fn seen(&self) -> u64 {
        self.seen.len() as u64
    }

    /// How many users the server last said there are, for progress.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// Whether the server counted the same number of users on every page, and showed that many at least. Otherwise somebody
    /// may have been missed.
    pub fn is_steady(&self) -> bool {
        !self.total_moved && self.total.is_none_or(|total| total <= self.seen())
    }
}

/// What tells users apart: the id, or the user name of one without an id.
fn key(user: &RemoteUser) -> String {
    match (&user.id, &user.user_name) {
        (Some(id), _) => format!("id {id}"),
        (None, name) => format!("name {}", name.as_deref().unwrap_or_default().to_lowercase()),
    }
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
