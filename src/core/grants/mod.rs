//! Groups of Workiva that roles grant: organization roles, workspaces, and what is inside of a workspace.

mod step;
#[cfg(test)]
mod step_tests;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::scim::RemoteGroup;
use super::value::compared;

pub use step::{MembershipDraft, Memberships, Standing, memberships};

/// What a workspace's id begins with (Workiva, D: `workspace:<opaque>`, and `workspace:<opaque>:group:<opaque>` inside of it).
const WORKSPACE: &str = "workspace:";

/// `[groups]`: what of Workiva's groups is ours to change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupsSettings {
    /// `granted`: only memberships that were given by us are taken back. `exclusive`: employees who are in a group that is granted
    /// to somebody, and is not granted to them, are taken out of it.
    #[serde(default)]
    pub manage: Manage,
    /// Most people whose membership one request changes.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 1000))]
    pub batch: u32,
    /// How members are named who are taken out of a group: `each` by a path of its own, as RFC 7644 has it; `list`: all in one list, for
    /// a server that refuses such paths. Try `list` on a group that nobody needs: by the RFC it takes everybody out.
    #[serde(default)]
    pub removal: Removal,
}

impl Default for GroupsSettings {
    fn default() -> Self {
        Self { manage: Manage::default(), batch: fifty(), removal: Removal::default() }
    }
}

fn fifty() -> u32 {
    50
}

/// `groups.manage`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Manage {
    /// What was given by us.
    #[default]
    Granted,
    /// Everything about the employees in a group that is granted to anybody.
    Exclusive,
}

/// `groups.removal`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Removal {
    /// `members[value eq "…"]`, an operation for each.
    #[default]
    Each,
    /// `members` with a list of those who go, one operation for all.
    List,
}

/// Who gave a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Given {
    /// We did.
    Ours,
    /// It was there when we came to give it.
    Found,
}

impl Given {
    /// The name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Found => "found",
        }
    }

    /// Reads [`Given::name`].
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Ours, Self::Found].into_iter().find(|given| given.name() == name)
    }
}

/// What somebody's roles grant: the group as it is configured (an id, or a name), and by which roles. No role: everybody with an
/// account is granted it.
pub type Granted = BTreeMap<String, BTreeSet<String>>;

/// The groups that somebody is to be in, each with the reason in words.
pub type Wanted = BTreeMap<String, String>;

/// Which group each of the configured references means, as far as that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupMap {
    /// Reference to id.
    pub ids: BTreeMap<String, String>,
    /// References that mean no group, or more than one; in words.
    pub wrong: Vec<String>,
    /// What of groups is ours to change.
    pub manage: Manage,
}

impl GroupMap {
    /// Every group that is granted to anybody, with the workspaces that are needed for it.
    pub fn managed(&self) -> BTreeSet<String> {
        let with_parent = |id: &String| [Some(id.clone()), workspace_of(id).map(str::to_owned)];
        self.ids.values().flat_map(with_parent).flatten().collect()
    }

    /// Whether a role names this very group: a workspace that something inside of it needs is nobody's to empty.
    pub fn is_granted(&self, group: &str) -> bool {
        self.ids.values().any(|id| id == group)
    }

    /// The groups that these grants come to, and the workspaces that are needed for them. What is not known yet is left out.
    pub fn wanted(&self, granted: &Granted) -> Wanted {
        let mut wanted = Wanted::new();
        for (reference, roles) in granted {
            let Some(id) = self.ids.get(reference) else { continue };
            wanted.insert(id.clone(), because(reference, id, roles));
        }
        let needed: Vec<(String, String)> = wanted
            .keys()
            .filter_map(|id| Some((workspace_of(id)?.to_owned(), format!("{id} needs it"))))
            .collect();
        for (workspace, why) in needed {
            wanted.entry(workspace).or_insert(why);
        }
        wanted
    }
}

fn because(reference: &str, id: &str, roles: &BTreeSet<String>) -> String {
    let name = if reference == id { String::new() } else { format!(" as '{reference}'") };
    let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
    match roles[..] {
        [] => format!("granted to everybody with an account{name}"),
        [role] => format!("role {role} grants it{name}"),
        _ => format!("roles {} grant it{name}", roles.join(", ")),
    }
}

/// The workspace that a group is inside of, if it is in one: its membership comes first.
pub fn workspace_of(id: &str) -> Option<&str> {
    let inside = id.strip_prefix(WORKSPACE)?;
    inside.find(':').map(|at| &id[..WORKSPACE.len() + at])
}

/// Whether a group is a workspace itself.
pub fn is_workspace(id: &str) -> bool {
    id.starts_with(WORKSPACE) && workspace_of(id).is_none()
}

/// Finds the group that each reference means: by id, else by display name regardless of case and of how letters are composed.
pub fn resolve<'a>(references: impl IntoIterator<Item = &'a str>, groups: &[RemoteGroup]) -> GroupMap {
    let ids: BTreeSet<&str> = groups.iter().map(|group| group.id.as_str()).collect();
    let mut by_name: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for group in groups {
        if let Some(name) = &group.display_name {
            by_name.entry(compared(name)).or_default().push(&group.id);
        }
    }
    let mut map = GroupMap::default();
    for reference in references {
        let named = by_name.get(&compared(reference)).map(Vec::as_slice).unwrap_or_default();
        match named {
            _ if ids.contains(reference) => {
                map.ids.insert(reference.to_owned(), reference.to_owned());
            }
            [id] => {
                map.ids.insert(reference.to_owned(), (*id).to_owned());
            }
            [] => map.wrong.push(format!(
                "'{reference}' is neither the id nor the name of one of Workiva's {} groups; correct it in access",
                groups.len()
            )),
            several => map.wrong.push(format!(
                "'{reference}' is the name of {} groups ({}); grant one by its id",
                several.len(),
                several.join(", ")
            )),
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(id: &str, name: &str) -> RemoteGroup {
        RemoteGroup { id: id.into(), display_name: Some(name.into()), members: None }
    }

    #[test]
    fn a_reference_is_an_id_or_a_name_that_one_group_has() {
        let groups = [
            group("workspace:Q1", "Finance"),
            group("workspace:Q1:group:G7", "Editors"),
            group("workspace:Q2:group:G8", "editors"),
            group("x", "workspace:Q1"),
        ];
        let map = resolve(["workspace:Q1", "FINANCE", "Editors", "Legal"], &groups);
        let id = |reference: &str| map.ids.get(reference).map(String::as_str);
        assert_eq!((id("workspace:Q1"), id("FINANCE")), (Some("workspace:Q1"), Some("workspace:Q1")));
        assert_eq!(map.ids.len(), 2);
        assert!(map.wrong[0].contains("2 groups (workspace:Q1:group:G7, workspace:Q2:group:G8)"));
        assert!(map.wrong[1].starts_with("'Legal' is neither"));
    }

    #[test]
    fn a_name_is_the_same_however_its_letters_are_composed() {
        let map = resolve(["Caf\u{e9}"], &[group("workspace:Q1", "Cafe\u{301}")]);
        assert_eq!(map.ids["Caf\u{e9}"], "workspace:Q1");
    }

    #[test]
    fn what_is_inside_of_a_workspace_brings_the_workspace_along() {
        let map = resolve(["Editors"], &[group("workspace:Q1:group:G7", "Editors")]);
        let granted = Granted::from([("Editors".to_owned(), ["finance".to_owned()].into())]);
        let wanted = map.wanted(&granted);
        assert_eq!(wanted["workspace:Q1:group:G7"], "role finance grants it as 'Editors'");
        assert_eq!(wanted["workspace:Q1"], "workspace:Q1:group:G7 needs it");
        assert_eq!(map.managed().len(), 2);
    }

    #[test]
    fn a_workspace_is_told_from_what_is_inside_of_it_and_from_a_role() {
        assert_eq!(workspace_of("workspace:Q1:group:G7"), Some("workspace:Q1"));
        assert_eq!((workspace_of("workspace:Q1"), workspace_of("role:x:y")), (None, None));
        assert!(is_workspace("workspace:Q1") && !is_workspace("workspace:Q1:group:G7"));
    }
}
