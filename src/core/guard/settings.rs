//! `[guard]` as it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[guard]`: how much one run may change before a person has to look.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuardSettings {
    /// Most accounts that may lose access in one run.
    pub max_deprovision_count: u64,
    /// The same as a percentage of active accounts.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub max_deprovision_percent: f64,
    /// A column (our name) within each value of which `max_deprovision_percent` holds as well, such as `department`. Its values
    /// show in messages and logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_deprovision_percent_per: Option<String>,
    /// Most memberships of groups that may be taken back in one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_revoke_count: Option<u64>,
    /// The same as a percentage of all memberships that are confirmed.
    #[serde(default = "ten")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub max_revoke_percent: f64,
    /// With `groups.manage = "exclusive"`, where it is required: most memberships that we did not give and that may end in one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_exclusive_revoke_count: Option<u64>,
    /// Most accounts that may be given access in one run, new or reactivated; the first load included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_create_count: Option<u64>,
    /// The same, as a percentage of active accounts; not on a first, empty state.
    #[serde(default = "fifty")]
    #[schemars(range(min = 0.0))]
    pub max_create_percent: f64,
    /// How far the number of rows may fall below that of the last accepted run, in percent.
    #[serde(default = "ten")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub max_shrink_percent: f64,
    /// Most rows that may be unusable, in percent.
    #[serde(default = "five")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub max_reject_percent: f64,
    /// Most people whose user name or work e-mail (`emails.work`) may change, as a percentage of active accounts.
    #[serde(default = "five")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub max_rename_percent: f64,
    /// Most accounts that may pass to another employee id (`lifecycle.on_new_id = "move"`), as a percentage of active accounts.
    #[serde(default = "five")]
    #[schemars(range(min = 0.0))]
    pub max_move_percent: f64,
    /// Most people whom a changed configuration may change, as a percentage of active accounts; not on a first load.
    #[serde(default = "ten")]
    #[schemars(range(min = 0.0))]
    pub max_config_change_percent: f64,
    /// A percentage limit trips only when at least this many people are concerned.
    #[serde(default = "three")]
    #[schemars(range(min = 1))]
    pub min_people: u64,
    /// What a trip stops.
    #[serde(default)]
    pub on_trip: OnTrip,
    /// After so many hours a held plan cannot be approved any more.
    #[serde(default = "three_days")]
    #[schemars(range(min = 1, max = 8760))]
    pub hold_expires_hours: u32,
}

fn fifty() -> f64 {
    50.0
}

fn ten() -> f64 {
    10.0
}

fn five() -> f64 {
    5.0
}

fn three() -> u64 {
    3
}

fn three_days() -> u32 {
    72
}

/// What a tripped limit stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnTrip {
    /// The whole plan.
    #[default]
    HoldAll,
    /// Deprovisions only, where nothing but deprovisions or a shrunken source tripped; otherwise the whole plan.
    HoldDeprovisions,
}
