//! Groups as a pure data structure: organization roles, workspaces, and what is inside of a workspace.

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::attributes::get_ignoring_case;
use super::filter::{Cursor, ValueFilter};
use super::patch::operations;
use super::refusal::Refusal;

/// The schema of a group.
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// What of a group's id in front of its last parts names a workspace.
const WORKSPACE: &str = "workspace:";

/// All groups, in the order in which they came.
#[derive(Default)]
pub(super) struct Groups {
    all: Vec<Group>,
}

struct Group {
    id: String,
    name: String,
    members: BTreeSet<String>,
    changed_at: DateTime<Utc>,
}

/// Who is in a group after a change and was not before, and the other way round.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Moves {
    pub(super) joined: BTreeSet<String>,
    pub(super) left: BTreeSet<String>,
}

/// The workspace that a group is inside of: membership of it comes first.
pub(super) fn parent(id: &str) -> Option<&str> {
    let inside = id.strip_prefix(WORKSPACE)?;
    inside.find(':').map(|at| &id[..WORKSPACE.len() + at])
}

/// Whether a group is a workspace itself.
pub(super) fn is_workspace(id: &str) -> bool {
    id.starts_with(WORKSPACE) && parent(id).is_none()
}

impl Groups {
    /// A group without members.
    pub(super) fn seed(&mut self, id: &str, name: &str, now: DateTime<Utc>) -> Result<(), Refusal> {
        if id.is_empty() || self.get(id).is_ok() {
            return Err(Refusal::value("a group needs an id that no other has"));
        }
        let (id, name) = (id.to_owned(), name.to_owned());
        self.all.push(Group { id, name, members: BTreeSet::new(), changed_at: now });
        Ok(())
    }

    /// One page: how many there are in all, and those on it. `name` and `id` are what a filter asks for.
    pub(super) fn list(
        &self,
        wanted: &GroupFilter,
        start_index: usize,
        count: usize,
        with_members: bool,
        base_url: &str,
    ) -> (usize, Vec<Value>) {
        let found: Vec<&Group> = self.all.iter().filter(|group| wanted.fits(group)).collect();
        let page = found.iter().skip(start_index.max(1) - 1).take(count);
        (found.len(), page.map(|group| group.shown(with_members, base_url)).collect())
    }

    /// One group as it is shown.
    pub(super) fn shown(&self, id: &str, with_members: bool, base_url: &str) -> Result<Value, Refusal> {
        Ok(self.get(id)?.shown(with_members, base_url))
    }

    /// Who is in a group.
    pub(super) fn members(&self, id: &str) -> Result<&BTreeSet<String>, Refusal> {
        Ok(&self.get(id)?.members)
    }

    /// How many workspaces a user is in.
    pub(super) fn workspaces_of(&self, user: &str) -> usize {
        self.all.iter().filter(|group| is_workspace(&group.id) && group.members.contains(user)).count()
    }

    /// The members that a PATCH leaves, without applying it.
    pub(super) fn patched(&self, id: &str, body: &Map<String, Value>) -> Result<BTreeSet<String>, Refusal> {
        let operations = operations(body)?;
        let mut members = self.get(id)?.members.clone();
        for operation in operations {
            apply(&mut members, operation)?;
        }
        Ok(members)
    }

    /// Whether somebody among `members` is new in a group inside of a workspace, without being in the workspace.
    pub(super) fn lacks_workspace(&self, id: &str, members: &BTreeSet<String>) -> Result<bool, Refusal> {
        let Some(workspace) = parent(id).and_then(|parent| self.get(parent).ok()) else { return Ok(false) };
        let before = &self.get(id)?.members;
        Ok(members.difference(before).any(|user| !workspace.members.contains(user)))
    }

    /// Gives a group these members. Whoever leaves a workspace leaves what is inside of it.
    pub(super) fn set_members(
        &mut self,
        id: &str,
        members: BTreeSet<String>,
        now: DateTime<Utc>,
    ) -> Result<Moves, Refusal> {
        let group = self.all.iter_mut().find(|group| group.id == id).ok_or(Refusal::NoGroup)?;
        let moves = Moves {
            joined: members.difference(&group.members).cloned().collect(),
            left: group.members.difference(&members).cloned().collect(),
        };
        if moves != Moves::default() {
            (group.members, group.changed_at) = (members, now);
        }
        if !moves.left.is_empty() {
            for inside in self.all.iter_mut().filter(|group| parent(&group.id) == Some(id)) {
                inside.members.retain(|user| !moves.left.contains(user));
            }
        }
        Ok(moves)
    }

    /// A group has another name.
    pub(super) fn rename(&mut self, id: &str, name: &str, now: DateTime<Utc>) -> Result<(), Refusal> {
        let group = self.all.iter_mut().find(|group| group.id == id).ok_or(Refusal::NoGroup)?;
        (group.name, group.changed_at) = (name.to_owned(), now);
        Ok(())
    }

    /// A group is gone, with what is inside of it.
    pub(super) fn remove(&mut self, id: &str) {
        self.all.retain(|group| group.id != id && parent(&group.id) != Some(id));
    }

    /// A user is gone.
    pub(super) fn forget(&mut self, user: &str) {
        for group in &mut self.all {
            group.members.remove(user);
        }
    }

    /// Every group with its members, in the order in which they came.
    pub(super) fn snapshot(&self, base_url: &str) -> Vec<Value> {
        self.all.iter().map(|group| group.shown(true, base_url)).collect()
    }

    fn get(&self, id: &str) -> Result<&Group, Refusal> {
        self.all.iter().find(|group| group.id == id).ok_or(Refusal::NoGroup)
    }
}

impl Group {
    fn shown(&self, with_members: bool, base_url: &str) -> Value {
        let segment = percent_encoding::utf8_percent_encode(&self.id, percent_encoding::NON_ALPHANUMERIC);
        let mut group = json!({
            "schemas": [GROUP],
            "id": self.id,
            "displayName": self.name,
            "meta": {
                "resourceType": "Group",
                "lastModified": self.changed_at.to_rfc3339_opts(SecondsFormat::Millis, true),
                "location": format!("{base_url}/Groups/{segment}"),
            },
        });
        if with_members {
            group["members"] =
                self.members.iter().map(|user| json!({"value": user, "type": "User"})).collect();
        }
        group
    }
}

/// The filters on groups that are understood: `displayName eq "…"` (regardless of case) and `id eq "…"`.
#[derive(Debug, Default)]
pub(super) struct GroupFilter {
    id: Option<String>,
    name: Option<String>,
}

impl GroupFilter {
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let refuse =
            || Refusal::Invalid("invalidFilter", "groups are filtered by id or displayName".to_owned());
        let (attribute, value) = text.split_once(" eq ").ok_or_else(refuse)?;
        let value: String = serde_json::from_str(value.trim()).map_err(|_| refuse())?;
        match attribute.trim().to_ascii_lowercase().as_str() {
            "id" => Ok(Self { id: Some(value), name: None }),
            "displayname" => Ok(Self { id: None, name: Some(value.to_lowercase()) }),
            _ => Err(refuse()),
        }
    }

    fn fits(&self, group: &Group) -> bool {
        self.id.as_ref().is_none_or(|id| *id == group.id)
            && self.name.as_ref().is_none_or(|name| *name == group.name.to_lowercase())
    }
}

fn apply(members: &mut BTreeSet<String>, operation: &Value) -> Result<(), Refusal> {
    let operation = operation.as_object().ok_or_else(|| Refusal::syntax("an operation is an object"))?;
    let text = |name: &str| get_ignoring_case(operation, name).and_then(Value::as_str).unwrap_or_default();
    let (op, path) = (text("op").to_ascii_lowercase(), text("path"));
    let value = get_ignoring_case(operation, "value");
    let whole = |value: Option<&Value>| match value.and_then(Value::as_object) {
        Some(object) if path.is_empty() => users(get_ignoring_case(object, "members")),
        _ => users(value),
    };
    if let Some(one) = path.to_ascii_lowercase().starts_with("members[").then(|| &path["members".len()..]) {
        let filter = member_filter(one)?;
        if op != "remove" {
            return Err(Refusal::Invalid("invalidPath", "members[…] can only be removed".to_owned()));
        }
        members.retain(|user| !filter.matches(&json!({"value": user})));
        return Ok(());
    }
    if !path.is_empty() && !path.eq_ignore_ascii_case("members") {
        return Err(Refusal::Invalid("mutability", "of a group only its members can be changed".to_owned()));
    }
    match op.as_str() {
        "add" => members.extend(whole(value)?),
        "replace" => *members = whole(value)?,
        "remove" if path.is_empty() => {
            return Err(Refusal::Invalid("noTarget", "remove needs a path".to_owned()));
        }
        "remove" if value.is_none() => members.clear(),
        "remove" => {
            let gone = whole(value)?;
            members.retain(|user| !gone.contains(user));
        }
        _ => return Err(Refusal::syntax("op must be add, replace or remove")),
    }
    Ok(())
}

fn member_filter(text: &str) -> Result<ValueFilter, Refusal> {
    let mut cursor = Cursor::new(text);
    let filter = cursor.value_filter().map_err(|why| Refusal::Invalid("invalidPath", why))?;
    if cursor.at_end() {
        Ok(filter)
    } else {
        Err(Refusal::Invalid("invalidPath", "a path ends behind ]".to_owned()))
    }
}

/// The users that a value names: one `{"value": id}`, or a list of them.
fn users(value: Option<&Value>) -> Result<BTreeSet<String>, Refusal> {
    let one = |value: &Value| value.get("value").and_then(Value::as_str).map(str::to_owned);
    let users: Option<BTreeSet<String>> = match value {
        Some(Value::Array(list)) => list.iter().map(one).collect(),
        Some(value) => one(value).map(|user| [user].into()),
        None => None,
    };
    users.ok_or_else(|| Refusal::value("members are a list of {\"value\": id of a user}"))
}
