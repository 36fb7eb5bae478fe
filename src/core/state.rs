//! What the state table knows of a person: the last confirmed account and the action that is under way.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::action::{ActionKind, Attributes, Target};
use super::grants::Given;
use super::lifecycle::AnnouncedEnd;

/// A person's account as it was last confirmed by Workiva.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Workiva's id of the user.
    pub scim_id: String,
    /// Whether it was confirmed active.
    pub active: bool,
    /// The attributes that were sent and accepted (not what the server echoed).
    pub attributes: Attributes,
}

/// What was confirmed of somebody before a repair took what was done by hand for the state, while nothing has decided since.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Before {
    /// Whether the last thing that we did was to give access.
    pub had_access: bool,
    /// Whether the person was settled as somebody who has left.
    pub gone: bool,
    /// The attributes.
    pub attributes: Attributes,
}

/// How far an action has come that is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenState {
    /// Waits for a worker.
    Queued,
    /// A worker holds it.
    Leased,
    /// Waits for an operator.
    Parked,
    /// An operator decided to leave it at that until HR or the configuration says something new.
    Discarded,
}

/// The newest action of a person, if it still matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAction {
    /// The outbox's key.
    pub action_id: i64,
    /// Create, update and so on.
    pub kind: ActionKind,
    /// How far it has come.
    pub state: OpenState,
    /// Where it wants the account to end.
    pub target: Target,
    /// Whether a request of it may have taken effect without our knowing.
    pub uncertain: bool,
    /// Whether it is never sent any more, and only what it did is learnt.
    pub withdrawn: bool,
    /// The employee id whose account it takes over, if it does.
    pub moved_from: Option<String>,
}

impl OpenAction {
    /// Whether the account may not be as it was confirmed: a request of ours may have taken effect unseen, or whoever looked at a parked
    /// action settled it by hand.
    pub fn is_unsure(&self) -> bool {
        self.uncertain || self.state.is_with_an_operator()
    }
}

impl OpenState {
    /// Whether somebody was asked to look at it.
    pub fn is_with_an_operator(self) -> bool {
        matches!(self, Self::Parked | Self::Discarded)
    }
}

/// An action on one membership that still matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenMembership {
    /// The outbox's key.
    pub action_id: i64,
    /// Whether it puts the person into the group.
    pub joins: bool,
    /// How far it has come.
    pub state: OpenState,
    /// Whether a request of it may have taken effect without our knowing.
    pub uncertain: bool,
    /// Whether it is never sent any more, and only what it did is learnt.
    pub withdrawn: bool,
    /// Whether it was planned as the end of the last workspace, and counted as that.
    pub last_workspace: bool,
    /// Whether the person has another user by now than the one that it was planned for.
    pub is_of_former_user: bool,
}

/// One row of the state table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonState {
    /// The key.
    pub employee_id: String,
    /// Grows with every confirmed change; a plan is bound to it.
    pub version: i64,
    /// In how many complete runs in a row the source did not name the person, who kept their access.
    pub absent_runs: u32,
    /// The end of access that HR had announced when the person was judged last.
    pub ends: Option<AnnouncedEnd>,
    /// The hire date of the record with which the person was settled last, if it had one.
    pub hired: Option<NaiveDate>,
    /// The group in which the guard counts the person, if one was ever stored.
    pub group: Option<String>,
    /// The account, if there is one.
    pub account: Option<Account>,
    /// Whether the last thing that we did about it was to give access. Workiva suspends who is in no workspace, and somebody may
    /// suspend a user by hand: neither means that the person was to have none.
    pub had_access: bool,
    /// What was confirmed before a repair, if nothing has decided since.
    pub before: Option<Before>,
    /// The action on the account that is under way, if any.
    pub open: Option<OpenAction>,
    /// The groups that the person was confirmed to be in, of those that we have to do with.
    pub memberships: BTreeMap<String, Given>,
    /// Those among them that we did not give, and that no role has granted at some time since: they may have ended unseen.
    pub lapsed: BTreeSet<String>,
    /// The actions on memberships that are under way, by group.
    pub open_memberships: BTreeMap<String, OpenMembership>,
    /// What `adopt` left to be decided about this person, or what was decided.
    pub adoption: Option<AdoptionMark>,
    /// Whether the record for which nothing was left to do said that they have left.
    pub gone: bool,
    /// What a plan that was held shows of them, or one that lets another employee id take over their account, while no record that can be
    /// used has said otherwise since.
    pub shown: Option<Shown>,
    /// The manager with whom the person was settled last, by the employee id.
    pub manager: Option<String>,
    /// The employee id that is about to take over the account, by an action that is queued or parked.
    pub moving_to: Option<String>,
}

/// What HR says of somebody by a plan that is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// They are to have access.
    With,
    /// They are to have none.
    Without,
}

impl Shown {
    /// The name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::With => "with",
            Self::Without => "without",
        }
    }

    /// Reads [`Shown::name`].
    pub fn parse(name: &str) -> Option<Self> {
        [Self::With, Self::Without].into_iter().find(|shown| shown.name() == name)
    }
}

/// Where a person stands for whom `adopt` found a user who may be theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AdoptionMark {
    /// Nobody has decided yet: no account is made.
    Open,
    /// Somebody decided to wait: no account is made.
    Skip,
    /// Somebody decided that an account is to be made.
    New,
}

impl AdoptionMark {
    /// The name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Skip => "skip",
            Self::New => "new",
        }
    }

    /// Reads [`AdoptionMark::name`].
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Open, Self::Skip, Self::New].into_iter().find(|mark| mark.name() == name)
    }
}

impl PersonState {
    /// Somebody of whom nothing is known yet.
    pub fn unknown(employee_id: &str) -> Self {
        Self {
            employee_id: employee_id.to_owned(),
            version: 0,
            absent_runs: 0,
            ends: None,
            hired: None,
            group: None,
            account: None,
            had_access: false,
            before: None,
            open: None,
            memberships: BTreeMap::new(),
            lapsed: BTreeSet::new(),
            open_memberships: BTreeMap::new(),
            adoption: None,
            gone: false,
            shown: None,
            manager: None,
            moving_to: None,
        }
    }

    /// Whether there is access, or an action under way that may end with access.
    pub fn has_something_to_lose(&self) -> bool {
        self.has_access() || self.open.is_some()
    }

    /// Whether an active account is confirmed.
    pub fn has_access(&self) -> bool {
        self.account.as_ref().is_some_and(|account| account.active)
    }

    /// Whether there is access that an employment may keep: what we did last gave it, and nothing that is under way takes it away. What was
    /// decided before is not undone by a queue that was slow.
    pub fn has_access_to_keep(&self) -> bool {
        let takes_away =
            |open: &OpenAction| !open.withdrawn && matches!(open.target, Target::NoAccess { .. });
        self.had_access && !self.open.as_ref().is_some_and(takes_away)
    }

    /// Whether a grace may keep that access: it gives none back to a leaver whom somebody has suspended by hand.
    pub fn has_access_for_grace(&self) -> bool {
        self.has_access() && self.has_access_to_keep()
    }

    /// The action that was to take the access which there is, or may be, and that an operator discarded.
    pub fn discarded_end(&self) -> Option<i64> {
        let open = self.open.as_ref()?;
        let takes_access = matches!(open.target, Target::NoAccess { .. }) && !open.withdrawn;
        let may_have_it = self.account.as_ref().is_none_or(|account| account.active) || open.uncertain;
        (open.state == OpenState::Discarded && takes_access && may_have_it).then_some(open.action_id)
    }

    /// Whether an action under way gives the account another user name.
    pub fn is_about_to_be_renamed(&self) -> bool {
        let from = self.account.as_ref().and_then(|account| account.attributes.get("userName"));
        let to = self.open.as_ref().and_then(|open| open.target.attributes().get("userName"));
        matches!((from, to), (Some(from), Some(to)) if super::value::folded(from) != super::value::folded(to))
    }

    /// The user names that this person holds or is about to hold, in compared form.
    pub fn held_user_names(&self) -> impl Iterator<Item = String> + '_ {
        let confirmed = self.account.as_ref().map(|account| &account.attributes);
        let open = self
            .open
            .as_ref()
            .filter(|open| open.state != OpenState::Discarded)
            .map(|open| open.target.attributes());
        confirmed
            .into_iter()
            .chain(open)
            .filter_map(|attributes| attributes.get("userName"))
            .map(|name| super::value::folded(name))
    }
}
