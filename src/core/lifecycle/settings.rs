//! `[lifecycle]` as it is configured.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[lifecycle]`: the status values of the HR system and how dates count.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LifecycleSettings {
    /// IANA time zone in which a hire or termination date begins and ends.
    #[serde(default = "utc")]
    pub timezone: String,
    /// The column whose value says where somebody is.
    #[serde(default = "location")]
    pub timezone_by: String,
    /// Value of that column = IANA time zone; compared regardless of case. For any other value, `timezone` holds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub timezones: BTreeMap<String, String>,
    /// Status values of people who work here, compared regardless of case.
    pub active: Vec<String>,
    /// Status values of people who have left.
    pub terminated: Vec<String>,
    /// Status values of people on leave.
    #[serde(default)]
    pub leave: Vec<String>,
    /// Whether somebody on leave keeps the account or is suspended until they are back.
    #[serde(default)]
    pub on_leave: OnLeave,
    /// The same for single kinds of leave: the value of `leave_type` where there is one, else the status.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub leave_types: BTreeMap<String, OnLeave>,
    /// Whether the user name of an account follows the mapping when that changes.
    #[serde(default)]
    pub on_rename: OnRename,
    /// What becomes of somebody who comes under a new employee id, and may be the person of one who has left.
    #[serde(default)]
    pub on_new_id: OnNewId,
    /// With `on_new_id = "move"`: mapped attributes (SCIM paths) by which one person is known under two employee ids. The first one
    /// finds the account, all of them have to agree.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub same_person: Vec<String>,
    /// How many days before the hire date the account is provisioned.
    #[serde(default)]
    #[schemars(range(max = 3650))]
    pub provision_days_before_hire: u32,
    /// How many days after the termination date the account is deprovisioned (0: when that date has ended).
    #[serde(default)]
    #[schemars(range(max = 3650))]
    pub deprovision_days_after_termination: u32,
    /// Values of `termination_reason` that end access when the termination date begins, without any days after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub immediate: Vec<String>,
}

fn location() -> String {
    "location".into()
}

fn utc() -> String {
    "UTC".into()
}

/// What a change of the mapped user name means for an account that is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnRename {
    /// The account gets the new one; Workiva mails the user.
    #[default]
    Update,
    /// The account keeps the one that it has, for good.
    Keep,
}

/// What becomes of somebody who may be the person of another employee id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnNewId {
    /// A user name that another holds is not given to them; they are rejected.
    #[default]
    Reject,
    /// They take over the account of the one who has left, where that is certain; in doubt they are rejected.
    Move,
}

/// What leave means for an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnLeave {
    /// Leave changes nothing.
    #[default]
    Keep,
    /// Suspended while on leave.
    Suspend,
    /// Access only by a role: neither `access.provision = "all"` nor `access.keep_on_role_loss` counts.
    Roles,
}
