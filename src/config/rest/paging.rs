//! How a source's list goes on, and how those are asked for who changed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::happened::{usual_gone, usual_there};

/// `[source.rest.paging]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PagingSettings {
    /// The kind.
    #[serde(default)]
    pub kind: PagingKind,
    /// The parameter that asks for a page: `page`, `offset`, `$skip`, `cursor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// The parameter that says how large a page is to be: `per_page`, `limit`, `$top`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_parameter: Option<String>,
    /// Where these two go: into the query, or into the JSON that is sent by POST. There each is a key of it, or a JSONPath of names alone
    /// if it begins with `$`: `$.variables.after`.
    #[serde(default)]
    pub parameter_in: ParameterPlace,
    /// How large a page is to be.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 100_000))]
    pub page_size: u32,
    /// The number of the first page.
    #[serde(default = "one")]
    #[schemars(range(max = 1))]
    pub first_page: u32,
    /// The JSONPath to the next cursor or link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Whether every page has something at `next`, be it null on the last one; with `link_header`, whether every page has a `Link` header.
    /// One without it is not the last one then: the read is incomplete. Many systems leave it out at the end.
    #[serde(default)]
    pub next_required: bool,
    /// For `cursor` and `next_link`: the JSONPath to a truth value. False ends the list, whatever stands at `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<String>,
    /// What says that there is no further page, for `page` and `offset`. Where a total is told, reaching it does as well. Neither a
    /// total nor a short page is believed before a further request, where the server may send smaller pages than it was asked for.
    #[serde(default = "empty_page")]
    pub ends_with: Vec<PageEnd>,
    /// Whether the list has several records of one person, such as one for each job, so that somebody may stand on two pages. Without that,
    /// whoever comes on two pages shows that the list moved while it was read. With it, only a whole record that comes twice does.
    #[serde(default)]
    pub several_records: bool,
    /// Columns (our names) that no record of some pages may have though nearly all others do, because the system leaves out what is empty
    /// and sorts by it. Of any other column twenty such records in a row make the read incomplete, and a record of a delta that leaves one out
    /// which the person had has everybody read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sparse_columns: Vec<String>,
    /// More pages than this are taken for a walk without an end.
    #[serde(default = "ten_thousand")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_pages: u32,
}

impl Default for PagingSettings {
    fn default() -> Self {
        serde_json::from_value(serde_json::json!({})).expect("every key has a default")
    }
}

/// How a list goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PagingKind {
    /// It does not: one answer holds everything.
    #[default]
    None,
    /// By the number of a page.
    Page,
    /// By how many records to pass over.
    Offset,
    /// By a cursor in the answer before.
    Cursor,
    /// By a link in the answer before.
    NextLink,
    /// By a `Link` header with `rel="next"` (RFC 8288).
    LinkHeader,
}

/// Where a page is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParameterPlace {
    /// In the query of the address.
    #[default]
    Query,
    /// In the JSON that is sent: `source.rest.body`.
    Body,
}

/// What says that there is no further page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PageEnd {
    /// A page without records.
    EmptyPage,
    /// A page with fewer records than were asked for.
    ShortPage,
    /// Status 204.
    NoContent,
    /// Status 400 or 422 behind the first page. A system that serves no more than a certain number of records answers so as well.
    BadRequest,
    /// Status 404, 410 or 416 behind the first page. A system that lost the list while it was read answers so as well.
    NotFound,
}

/// `[source.rest.detail]`, `[source.rest.delta.detail]`: each record by itself.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DetailSettings {
    /// The path behind `source.rest.url`; `{id}` stands for the id.
    pub path: String,
    /// Where the id stands in the list.
    #[serde(default = "id")]
    pub id: String,
    /// Parameters of the query.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// Where the record stands in the answer.
    #[serde(default = "root")]
    pub record: String,
}

/// `[source.rest.delta]`: those who changed since the last read.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeltaSettings {
    /// Whether they are asked for. False switches off what a preset has here; then everybody is read each time, and `full_cron`
    /// does nothing.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The path behind `source.rest.url`. Absent: that of the full list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Parameters beside those of the full list; `{since}` stands for the time from which on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// How that time is written, in UTC.
    #[serde(default = "utc_time")]
    pub since_format: String,
    /// By how many seconds it lies before the moment at which the read before began.
    #[serde(default = "five_minutes")]
    #[schemars(range(max = 604_800))]
    pub overlap_seconds: u64,
    /// The JSONPath to the records. Absent: that of the full list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<String>,
    /// Where a record says that it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<String>,
    /// What it says then, regardless of case. An empty list: it is not read, and nobody is gone by a delta.
    #[serde(default = "gone_values")]
    pub gone_values: Vec<String>,
    /// What it says of somebody who is as the record says; an empty text: nothing. A record that says anything else is rejected.
    #[serde(default = "there_values")]
    pub there_values: Vec<String>,
    /// Where the list holds ids alone: how each record is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<DetailSettings>,
    /// With more changed records than this the full list is read instead, where each would be asked for by itself.
    #[serde(default = "hundred")]
    pub max_details: u32,
    /// Where the changes wait in a queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledge: Option<AcknowledgeSettings>,
}

/// `[source.rest.delta.acknowledge]`: the changes wait in a queue that shows its first message, or 204, and the next one only once
/// that has been deleted.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeSettings {
    /// The header of the answer that names the message.
    pub header: String,
    /// The path behind `source.rest.url` that is asked by DELETE once what the message led to is stored; `{id}` stands for its name.
    pub path: String,
}

fn yes() -> bool {
    true
}
fn root() -> String {
    "$".into()
}
fn id() -> String {
    "id".into()
}
fn gone_values() -> Vec<String> {
    // A field may be a truth value: that a record was deleted.
    usual_gone().into_iter().chain(["true", "1", "yes", "y"].map(str::to_owned)).collect()
}
pub(super) fn there_values() -> Vec<String> {
    usual_there().into_iter().chain(["false", "0", "no", "n"].map(str::to_owned)).collect()
}
fn utc_time() -> String {
    "%Y-%m-%dT%H:%M:%SZ".into()
}
fn one() -> u32 {
    1
}
fn hundred() -> u32 {
    100
}
fn ten_thousand() -> u32 {
    10_000
}
fn five_minutes() -> u64 {
    300
}
fn empty_page() -> Vec<PageEnd> {
    vec![PageEnd::EmptyPage]
}
