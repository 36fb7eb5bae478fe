//! The settings as they are written in the file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alerts::AlertSettings;
use super::csv::CsvDeltaSettings;
use super::http::HttpSettings;
use super::kinds::{Encoding, HeaderChange, SourceKind};
use super::push::{PushSettings, TriggerSettings};
use super::rest::{AccountSettings, RestSettings};
use super::secret::Secret;
use super::tables::TableFile;
use super::telemetry::TelemetrySettings;
use crate::core::access::AccessSettings;
use crate::core::action::{Attributes, DeprovisionBy};
use crate::core::desired::AttributePolicy;
use crate::core::drift::DriftSettings;
use crate::core::grants::GroupsSettings;
use crate::core::guard::GuardSettings;
use crate::core::identity::MatchAttribute;
use crate::core::lifecycle::LifecycleSettings;
use crate::core::mapping::Tables;
use crate::core::name_rules::UserNameSettings;
use crate::core::planner::Absence;
use crate::core::retry::RetrySettings;
use crate::core::status_words::StatusSettings;

/// The whole configuration of workiva-sync.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// When a run is due.
    #[serde(default)]
    pub schedule: ScheduleSettings,
    /// Where employees come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SourceSettings")]
    pub source: Option<Box<SourceSettings>>,
    /// Where employees come from, if from several; instead of `[source]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceSettings>,
    /// With several sources: attribute = the names of the sources whose word comes first. Otherwise the priority decides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub precedence: BTreeMap<String, Vec<String>>,
    /// Who counts as employed.
    pub lifecycle: LifecycleSettings,
    /// Who of them gets an account.
    pub access: AccessSettings,
    /// Which memberships of Workiva's groups are ours to change.
    #[serde(default)]
    pub groups: GroupsSettings,
    /// SCIM path = template.
    pub attributes: Attributes,
    /// SCIM path = when it is written.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attribute_policies: BTreeMap<String, AttributePolicy>,
    /// User names for whom that of `attributes.userName` is somebody else's.
    #[serde(default)]
    pub user_names: UserNameSettings,
    /// Lookup tables for templates and conditions: `[tables.NAME]`, key = value.
    #[serde(default)]
    pub tables: Tables,
    /// More of them, from CSV files.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub table_files: BTreeMap<String, TableFile>,
    /// The connection to Workiva.
    pub workiva: WorkivaSettings,
    /// How failed requests are retried.
    #[serde(default)]
    pub retry: RetrySettings,
    /// How much one run may change before a person has to look.
    pub guard: GuardSettings,
    /// A webhook that starts a run at once.
    #[serde(default)]
    pub trigger: TriggerSettings,
    /// When live Workiva is compared with what was confirmed.
    #[serde(default)]
    pub drift: DriftSettings,
    /// Who is told when something is the matter.
    #[serde(default)]
    pub alerts: AlertSettings,
    /// Where spans are sent.
    #[serde(default)]
    pub telemetry: TelemetrySettings,
    /// Where state is kept.
    #[serde(default)]
    pub store: StoreSettings,
    /// The daemon's own HTTP: health and metrics.
    #[serde(default)]
    pub http: HttpSettings,
}

impl Settings {
    /// Every source, with the key under which it stands.
    pub fn all_sources(&self) -> impl Iterator<Item = (String, &SourceSettings)> {
        let several = self.sources.iter().enumerate().map(|(at, source)| (format!("sources[{at}]"), source));
        self.source.iter().map(|source| ("source".to_owned(), &**source)).chain(several)
    }
}

/// `[schedule]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSettings {
    /// Seconds, minutes, hours, days of the month, months, days of the week; wall-clock times. One whose days have all passed is refused.
    #[serde(default = "every_quarter_of_an_hour")]
    pub cron: String,
    /// IANA time zone of the expression.
    #[serde(default = "utc")]
    pub timezone: String,
    /// Whether the daemon runs once as soon as it starts.
    #[serde(default = "yes")]
    pub run_on_start: bool,
}

impl Default for ScheduleSettings {
    fn default() -> Self {
        Self { cron: every_quarter_of_an_hour(), timezone: utc(), run_on_start: yes() }
    }
}

/// `[source]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceSettings {
    /// The kind of source.
    pub kind: SourceKind,
    /// Among several: what it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is put before its employee ids and manager ids, where two sources give the same ids to different people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id_prefix: String,
    /// Where several know a person, the one with the lowest number comes first.
    #[serde(default = "hundred")]
    pub priority: u32,
    /// Among several: its own status values, where they are not those of `[lifecycle]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<StatusSettings>,
    /// When it is read; otherwise by `schedule.cron`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// When a source that delivers what changed is read in full, which heals what its deltas missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_cron: Option<String>,
    /// CSV: a file, or a pattern (`hr/employees*.csv`) of which the newest match is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// CSV: the server that the file lies on; without it, it lies on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sftp: Option<super::SftpSettings>,
    /// CSV: the folder, counted from the file's own, into which a file is moved once what it holds is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<String>,
    /// CSV: files that say who changed and who is gone, read behind the full file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<CsvDeltaSettings>,
    /// CSV: how long a file has to keep its size and time of change before it is read, in seconds; 0: it is read at once.
    #[serde(default)]
    #[schemars(range(max = 600))]
    pub stable_seconds: u64,
    /// What it means that the source no longer names somebody.
    pub absence: Absence,
    /// In how many complete runs in a row somebody has to be missing before that counts as absence.
    #[serde(default = "one_run")]
    #[schemars(range(min = 1, max = 1000))]
    pub absence_runs: u32,
    /// What happens to a plan where the file's columns are not those of the last accepted run.
    #[serde(default)]
    pub header_change: HeaderChange,
    /// With fewer rows than this the source counts as incomplete.
    #[serde(default = "one")]
    pub min_records: u64,
    /// A file beside the data file that is written once it is whole: `{file}.done`. `{file}` is the data file's name, `{stem}`
    /// that without its last ending. A file without one, or with an older one, is not there yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_marker: Option<String>,
    /// A file beside the data file that holds the number of its records: `{file}.count`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_file: Option<String>,
    /// The first field of the file's last row, of which another field holds the number of records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trailer: Option<String>,
    /// What separates fields: one ASCII character, `\t` for a tab.
    #[serde(default = "comma")]
    pub delimiter: String,
    /// How the file's bytes are read.
    #[serde(default)]
    pub encoding: Encoding,
    /// How dates are written, tried in order (`%Y` year, `%m` month, `%d` day).
    #[serde(default = "iso_dates")]
    pub date_formats: Vec<String>,
    /// Push: who may send records, and what a delta says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<PushSettings>,
    /// HTTP: how the system is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<Box<RestSettings>>,
    /// HTTP: what a preset needs of the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Box<AccountSettings>>,
    /// Our name = their header. `employee_id` and `status` are required; further names can be used in expressions.
    pub columns: BTreeMap<String, String>,
}

/// `[workiva]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkivaSettings {
    /// The SCIM address, exactly as Workiva shows it.
    pub base_url: String,
    /// How requests are authenticated.
    #[serde(default)]
    pub auth: AuthKind,
    /// Basic: the user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Basic: the password; better in `password_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A file that holds the password; a line end behind it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<String>,
    /// Bearer: the token; better in `token_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// A file that holds the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// How users are changed.
    #[serde(default)]
    pub update: UpdateBy,
    /// What taking access away means.
    #[serde(default)]
    pub deprovision: DeprovisionBy,
    /// By which attributes an existing user is found before one is made, in order.
    #[serde(default = "match_existing")]
    pub match_existing: Vec<MatchAttribute>,
    /// The longest that one request may take, in seconds. Workiva holds some up to 30 s before it fails them.
    #[serde(default = "forty")]
    #[schemars(range(min = 1, max = 600))]
    pub timeout_seconds: u64,
    /// How long a worker owns an action, in seconds; longer than `timeout_seconds`.
    #[serde(default = "two_minutes")]
    #[schemars(range(min = 2, max = 3600))]
    pub lease_seconds: u64,
    /// Most requests per second; 0: no limit. Where Workiva answers that this is too fast, a slower rate is found that it accepts.
    #[serde(default = "ten")]
    #[schemars(range(max = 100_000))]
    pub requests_per_second: u32,
    /// Most requests at the same time.
    #[serde(default = "eight")]
    #[schemars(range(min = 1, max = 1024))]
    pub max_in_flight: u32,
    /// How many users are asked for on one page of a listing.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 10_000))]
    pub page_size: u32,
    /// The daemon asks Workiva for one user when it has sent nothing for so many seconds, so that an expired secret or an outage shows before
    /// somebody has to be suspended; 0: never.
    #[serde(default = "five_minutes")]
    #[schemars(range(max = 86_400))]
    pub probe_seconds: u64,
    /// A PEM file with further certificate authorities to trust, such as that of a company's proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
}

/// How requests to Workiva are authenticated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuthKind {
    /// User name and password.
    #[default]
    Basic,
    /// A token.
    Bearer,
}

/// How users are changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UpdateBy {
    /// As the server says; PATCH where it says nothing, PUT once it refuses PATCH.
    #[default]
    Auto,
    /// PATCH, one operation a path.
    Patch,
    /// Read, merge, PUT.
    Put,
}

/// `[store]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreSettings {
    /// `sqlite://` and a path.
    #[serde(default = "database")]
    pub url: String,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self { url: database() }
    }
}

fn every_quarter_of_an_hour() -> String {
    "0 */15 * * * *".into()
}
fn utc() -> String {
    "UTC".into()
}
fn yes() -> bool {
    true
}
fn one_run() -> u32 {
    1
}
fn one() -> u64 {
    1
}
fn comma() -> String {
    ",".into()
}
fn iso_dates() -> Vec<String> {
    vec!["%Y-%m-%d".into()]
}
fn match_existing() -> Vec<MatchAttribute> {
    vec![MatchAttribute::ExternalId, MatchAttribute::UserName]
}
fn forty() -> u64 {
    40
}
fn five_minutes() -> u64 {
    300
}
fn two_minutes() -> u64 {
    120
}
fn ten() -> u32 {
    10
}
fn eight() -> u32 {
    8
}
fn hundred() -> u32 {
    100
}
fn database() -> String {
    "sqlite://data/workiva-sync.db".into()
}
