//! What can be done to one person's account.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use super::scim::Attributes;

/// The kinds of action, in the order in which a plan lists and the workers claim them: who must lose access comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ActionKind {
    /// Set `active` to false.
    Suspend,
    /// Remove the user; only where configured.
    Delete,
    /// Take a user out of a group.
    Revoke,
    /// Change attributes of an active user.
    Update,
    /// Set `active` to true, with what else has changed.
    Reactivate,
    /// Make a user.
    Create,
    /// Put a user into a group.
    Grant,
}

impl ActionKind {
    /// Every kind, in order.
    pub const ALL: [Self; 7] = [
        Self::Suspend,
        Self::Delete,
        Self::Revoke,
        Self::Update,
        Self::Reactivate,
        Self::Create,
        Self::Grant,
    ];

    /// The name in JSON, in the database and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Delete => "delete",
            Self::Revoke => "revoke",
            Self::Update => "update",
            Self::Reactivate => "reactivate",
            Self::Create => "create",
            Self::Grant => "grant",
        }
    }

    /// Reads [`ActionKind::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it takes an account's access away.
    pub fn is_deprovision(self) -> bool {
        matches!(self, Self::Suspend | Self::Delete)
    }

    /// Whether it takes anything away: an account's access, or a membership.
    pub fn takes_away(self) -> bool {
        self.is_deprovision() || self == Self::Revoke
    }

    /// Its place in the order of a plan, from 0.
    pub fn rank(self) -> i64 {
        self as i64
    }
}

/// `workiva.deprovision`: what taking access away means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeprovisionBy {
    /// `active: false`; permissions and authorship stay.
    #[default]
    Suspend,
    /// Remove the user.
    Delete,
}

impl DeprovisionBy {
    /// The action that it stands for.
    pub fn kind(self) -> ActionKind {
        match self {
            Self::Suspend => ActionKind::Suspend,
            Self::Delete => ActionKind::Delete,
        }
    }
}

/// One attribute's change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// SCIM path, or `active`.
    pub attribute: String,
    /// What was last confirmed; null where nothing was.
    pub from: Option<String>,
    /// What it will be; null where the attribute is removed.
    pub to: Option<String>,
}

/// Where an account is meant to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// An active account with these attributes.
    Access(Attributes),
    /// No active account. The attributes are those by which one could be found, should its id be unknown.
    NoAccess {
        /// What the person's account was last meant to look like.
        known_as: Attributes,
    },
    /// In a group, or not.
    Membership {
        /// Workiva's id of the group.
        group: String,
        /// Whether in it.
        joins: bool,
    },
}

static NOTHING: Attributes = Attributes::new();

impl Target {
    /// Whether both mean the same end.
    pub fn is_same_end(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Access(one), Self::Access(two)) => one == two,
            (Self::NoAccess { .. }, Self::NoAccess { .. }) => true,
            (Self::Membership { .. }, Self::Membership { .. }) => self == other,
            _ => false,
        }
    }

    /// The attributes by which the person's account can be recognised.
    pub fn attributes(&self) -> &Attributes {
        match self {
            Self::Access(attributes) | Self::NoAccess { known_as: attributes } => attributes,
            Self::Membership { .. } => &NOTHING,
        }
    }

    /// The group that it is about, if it is about one.
    pub fn group(&self) -> Option<&str> {
        match self {
            Self::Membership { group, .. } => Some(group),
            _ => None,
        }
    }
}
