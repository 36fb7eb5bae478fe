//! Groups: how their members are written and read, and how all of them are walked.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Value, json};

use super::PATCH_SCHEMA;
use super::answer::{Answer, Failure, FailureKind};
use super::json::{count, member, text};
use super::request::ScimRequest;
use crate::core::grants::Removal;

/// A walk that takes more pages than this is not going to end.
const MOST_PAGES: u32 = 10_000;

/// A group as a server shows it. Its `Debug` shows no member.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteGroup {
    /// The server's id.
    pub id: String,
    /// The name, if it has one.
    pub display_name: Option<String>,
    /// The ids of its members; `None`: the server does not show them.
    pub members: Option<BTreeSet<String>>,
}

impl std::fmt::Debug for RemoteGroup {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RemoteGroup")
            .field("id", &self.id)
            .field("members", &self.members.as_ref().map(BTreeSet::len))
            .finish_non_exhaustive()
    }
}

impl RemoteGroup {
    /// Reads a group; `None` where it has no id. Members without a `value`, and groups among them, are left out.
    pub fn read(resource: &Value) -> Option<Self> {
        let group = resource.as_object()?;
        let id = member(group, "id").and_then(text).filter(|id| !id.is_empty())?;
        let members = match member(group, "members") {
            Some(Value::Array(members)) => Some(members.iter().filter_map(user).collect()),
            _ => None,
        };
        Some(Self { id, display_name: member(group, "displayName").and_then(text), members })
    }
}

/// The id of a member that is a user, as far as it says.
fn user(entry: &Value) -> Option<String> {
    let entry = entry.as_object()?;
    let is_group =
        member(entry, "type").and_then(text).is_some_and(|kind| kind.eq_ignore_ascii_case("group"));
    member(entry, "value").and_then(text).filter(|id| !is_group && !id.is_empty())
}

/// The body of a PATCH that adds users to a group, or takes them out: never one that replaces the list, so that whoever is in it
/// besides stays (RFC 7644, section 3.5.2). Each user who goes has an operation of their own, by a path that names them; but for a server
/// of which it is known that it takes a list of those who go for these alone.
pub fn members_body<'a>(users: impl IntoIterator<Item = &'a str>, joins: bool, removal: Removal) -> Value {
    let operation = |op: &str, users: Vec<Value>| match users.is_empty() {
        true => vec![],
        false => vec![json!({"op": op, "path": "members", "value": users})],
    };
    let users = users.into_iter();
    let operations = match (joins, removal) {
        (true, _) => operation("add", users.map(|id| json!({ "value": id })).collect()),
        (false, Removal::List) => operation("remove", users.map(|id| json!({ "value": id })).collect()),
        (false, Removal::Each) => users
            .map(|id| json!({"op": "remove", "path": format!("members[value eq {}]", Value::from(id))}))
            .collect(),
    };
    json!({"schemas": [PATCH_SCHEMA], "Operations": operations})
}

/// A walk over all groups, without their members where the server allows that.
#[derive(Debug)]
pub struct GroupWalk {
    page_size: u32,
    start_index: u64,
    pages: u32,
    seen: HashSet<String>,
    groups: Vec<RemoteGroup>,
}

impl GroupWalk {
    /// A walk from the first group on.
    pub fn new(page_size: u32) -> Self {
        Self {
            page_size: page_size.max(1),
            start_index: 1,
            pages: 0,
            seen: HashSet::new(),
            groups: Vec::new(),
        }
    }

    /// The request for the page that comes next.
    pub fn next_request(&self) -> ScimRequest {
        ScimRequest::ListGroups { start_index: self.start_index, count: self.page_size }
    }

    /// Takes in the answer to [`GroupWalk::next_request`]. True: there is more.
    ///
    /// # Errors
    /// `Malformed`, where the body is no list of groups, or the list does not end.
    pub fn accept(&mut self, answer: &Answer) -> Result<bool, Failure> {
        let malformed = |why: &str| Failure::new(FailureKind::Malformed, Some(answer.status), why);
        let list = answer.body.as_ref().and_then(Value::as_object);
        let list = list.ok_or_else(|| malformed("the list of groups is no object"))?;
        let total = member(list, "totalResults").and_then(count);
        let resources = match member(list, "Resources") {
            Some(Value::Array(resources)) => resources.as_slice(),
            None | Some(Value::Null) if total.is_some() => &[],
            _ => return Err(malformed("a list of groups has Resources, or totalResults; this body has not")),
        };
        let groups: Option<Vec<RemoteGroup>> = resources.iter().map(RemoteGroup::read).collect();
        let groups = groups.ok_or_else(|| malformed("an entry in the list of groups is no group"))?;
        let (returned, before) = (groups.len() as u64, self.groups.len());
        for group in groups {
            if self.seen.insert(group.id.clone()) {
                self.groups.push(RemoteGroup { members: None, ..group });
            }
        }
        self.pages += 1;
        self.start_index = self.start_index.saturating_add(returned);
        if self.pages >= MOST_PAGES {
            return Err(malformed("the list of groups does not end"));
        }
        // A server that ignores startIndex shows the same page again and again.
        let is_new = self.groups.len() > before;
        let has_all = total.is_some_and(|total| self.groups.len() as u64 >= total);
        if !is_new && !has_all && returned > 0 && total.is_some() {
            return Err(malformed(
                "the server ignores startIndex: a page repeats groups, and more are counted",
            ));
        }
        Ok(is_new && !has_all)
    }

    /// The groups that were seen.
    pub fn into_groups(self) -> Vec<RemoteGroup> {
        self.groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: Value) -> Answer {
        Answer { status: 200, body: Some(body), location: None }
    }

    #[test]
    fn members_are_added_in_one_operation_and_removed_by_one_path_each() {
        assert_eq!(
            members_body(["u1", "u2"], true, Removal::Each)["Operations"],
            json!([{"op": "add", "path": "members", "value": [{"value": "u1"}, {"value": "u2"}]}])
        );
        assert_eq!(
            members_body(["u1", "u\"2"], false, Removal::Each)["Operations"],
            json!([{"op": "remove", "path": "members[value eq \"u1\"]"},
                   {"op": "remove", "path": "members[value eq \"u\\\"2\"]"}])
        );
        assert_eq!(
            members_body(["u1", "u2"], false, Removal::List)["Operations"],
            json!([{"op": "remove", "path": "members", "value": [{"value": "u1"}, {"value": "u2"}]}])
        );
        // Without anybody named it would be a removal of all.
        for (joins, removal) in [(true, Removal::Each), (false, Removal::Each), (false, Removal::List)] {
            assert_eq!(members_body([], joins, removal)["Operations"], json!([]));
        }
    }

    #[test]
    fn a_group_is_read_with_its_users_and_one_without_members_is_not_one_without_any() {
        let group = json!({"ID": "g1", "displayname": "Finance", "members": [
            {"value": "u1"}, {"value": "g2", "type": "Group"}, {"display": "x"}, {"value": 7, "type": "User"}]});
        let group = RemoteGroup::read(&group).unwrap();
        assert_eq!(group.display_name.as_deref(), Some("Finance"));
        assert_eq!(group.members, Some(["7".to_owned(), "u1".to_owned()].into()));
        assert_eq!(RemoteGroup::read(&json!({"id": "g"})).unwrap().members, None);
        assert_eq!(RemoteGroup::read(&json!({"displayName": "x"})), None);
    }

    #[test]
    fn all_groups_are_walked_and_a_server_that_repeats_its_page_is_an_error() {
        let mut walk = GroupWalk::new(2);
        let page = |ids: &[&str], total: u64| {
            let groups: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
            answer(json!({"totalResults": total, "Resources": groups}))
        };
        assert!(walk.accept(&page(&["a", "b"], 3)).unwrap());
        assert_eq!(
            walk.next_request().path_and_query(),
            "/Groups?startIndex=3&count=2&excludedAttributes=members"
        );
        assert!(!walk.accept(&page(&["c"], 3)).unwrap());
        assert_eq!(walk.into_groups().len(), 3);
        let mut stuck = GroupWalk::new(2);
        assert!(stuck.accept(&page(&["a", "b"], 3)).unwrap());
        assert!(stuck.accept(&page(&["a", "b"], 3)).is_err());
        assert!(GroupWalk::new(2).accept(&answer(json!({"users": []}))).is_err());
        assert!(!GroupWalk::new(2).accept(&answer(json!({"totalResults": 0}))).unwrap());
    }
}
