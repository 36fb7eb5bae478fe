//! The settings of sources that are spoken to by HTTP, as they are written in the file.

mod account;
mod auth;
mod auth_rules;
pub(super) mod compile;
mod delta;
mod paging;
mod paging_rules;
pub(super) mod presets;
mod rules;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::auth::*;
pub use self::paging::*;
pub use self::rules::*;
use super::secret::Secret;

/// `[source.rest]`: how a JSON HTTP API is asked. In texts, `{name}` stands for the key of that name in `[source.account]`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestSettings {
    /// The address, without a query; https (plain http is for loopback only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What comes behind `url`, where that names the host alone: `/v1/employees`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How it is asked.
    #[serde(default)]
    pub method: RestMethod,
    /// POST: the JSON that is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Parameters of the query. They are no place for a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// Further headers. Their values are kept as secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Secret>,
    /// A content type of its answers besides JSON's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The JSONPath to the records, of names and `[*]` alone: `$.employees[*]`.
    #[serde(default = "each")]
    pub records: String,
    /// The JSONPath to the number of all records. An empty text: none, where a preset has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<String>,
    /// Whether an answer has to tell that number, where one of the two says at which place. False: it is held against what came where it is
    /// told, and where it is not, nothing is.
    #[serde(default = "yes")]
    pub total_required: bool,
    /// The header with the number of all records. An empty text: none, and with `paging.kind = "none"` the usual ones say nothing either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_header: Option<String>,
    /// The JSONPath to what tells of a failure beside the records: anything there but null, false, 0, or an empty text, list or object
    /// makes the answer incomplete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuse_if: Option<String>,
    /// Values that mean that there is none: `0000-00-00`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub empty_values: Vec<String>,
    /// The columns (our names) whose values become days, `YYYY-MM-DD`, from `/Date(ms)/`, an epoch or a date with a time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub date_columns: Vec<String>,
    /// The IANA time zone whose day an instant counts as. Without it: the day as it is written, and UTC's of an epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_timezone: Option<String>,
    /// Most requests per minute; 0: no limit.
    #[serde(default)]
    #[schemars(range(max = 1_000_000))]
    pub requests_per_minute: u32,
    /// The longest silence within one answer, and before it, in seconds.
    #[serde(default = "sixty")]
    #[schemars(range(min = 1, max = 7200))]
    pub timeout_seconds: u64,
    /// The longest that one answer may take as a whole, in seconds.
    #[serde(default = "an_hour")]
    #[schemars(range(min = 1, max = 86_400))]
    pub answer_seconds: u64,
    /// How often one request is tried.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 100))]
    pub max_attempts: u32,
    /// The wait before the second attempt, in seconds; it doubles with each further one.
    #[serde(default = "one_second")]
    #[schemars(range(min = 0.01, max = 3600.0))]
    pub retry_base_seconds: f64,
    /// No wait is longer than this, in seconds; a server whose `Retry-After` is longer is not waited for.
    #[serde(default = "five_minutes")]
    #[schemars(range(min = 1, max = 86_400))]
    pub retry_cap_seconds: u64,
    /// A PEM file with further certificate authorities to trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// A PEM file with the certificate that is shown to the server (mutual TLS), and those that it was issued by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate_file: Option<String>,
    /// The certificate's key in PEM; better in `client_private_key_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_private_key: Option<Secret>,
    /// A PEM file with the certificate's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_private_key_file: Option<String>,
    /// How requests are authenticated.
    #[serde(default)]
    pub auth: RestAuthSettings,
    /// How the list goes on.
    #[serde(default)]
    pub paging: PagingSettings,
    /// Where each record is asked for by itself, because the list holds little more than ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<DetailSettings>,
    /// How those are asked for who changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<DeltaSettings>,
}

impl Default for RestSettings {
    fn default() -> Self {
        serde_json::from_value(serde_json::json!({})).expect("every key has a default")
    }
}

impl RestSettings {
    /// How those are asked for who changed, unless that is switched off.
    pub fn deltas(&self) -> Option<&DeltaSettings> {
        self.delta.as_ref().filter(|delta| delta.enabled)
    }
}

/// How an API is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RestMethod {
    /// Without a body.
    #[default]
    #[serde(rename = "GET")]
    Get,
    /// With a body: some systems take a search by it.
    #[serde(rename = "POST")]
    Post,
}

fn each() -> String {
    "$[*]".into()
}
fn yes() -> bool {
    true
}
fn five() -> u32 {
    5
}
fn sixty() -> u64 {
    60
}
fn five_minutes() -> u64 {
    300
}
fn an_hour() -> u64 {
    3600
}
fn one_second() -> f64 {
    1.0
}
