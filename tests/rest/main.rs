//! Sources that are asked by HTTP, against loopback servers: from credentials to records, and to a plan.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test ends by a panic, and tells what it is about by its name"
)]

mod auth;
#[path = "../common/mod.rs"]
mod common;
mod complete;
mod delta;
mod ends;
mod looking;
mod moved;
mod named;
mod paging;
mod posted;
mod presets;
mod queue;
mod server;
mod values;

use std::collections::{BTreeMap, HashMap};

use tokio::sync::mpsc;
use workiva_sync::compose;
use workiva_sync::config::{Loaded, parse};
use workiva_sync::core::record::{Record, Rejection};
use workiva_sync::source::{HrSource, SourceEnd, SourceError};

/// What a read delivered.
#[derive(Debug)]
pub struct Read {
    pub records: Vec<Record>,
    pub rejections: Vec<Rejection>,
    pub gone: Vec<String>,
    pub end: SourceEnd,
}

impl Read {
    pub fn ids(&self) -> Vec<&str> {
        self.records.iter().map(Record::employee_id).collect()
    }

    /// The fields of one record that are there.
    pub fn fields(&self, at: usize) -> BTreeMap<&str, &str> {
        use workiva_sync::core::mapping::Fields as _;
        let record = &self.records[at];
        record.names().iter().filter_map(|name| Some((name.as_str(), record.get(name)?))).collect()
    }
}

/// What is the same in every configuration here.
const REST: &str = r#"
[access]
provision = "all"
[attributes]
userName = "{{ work_email | lower }}"
"name.givenName" = "{{ given_name }}"
"name.familyName" = "{{ family_name }}"
"emails.work" = "{{ work_email }}"
externalId = "{{ employee_id }}"
[workiva]
base_url = "http://127.0.0.1:1/scim"
username = "u"
password = "p"
[guard]
max_deprovision_count = 1000
max_deprovision_percent = 100.0
"#;

/// Columns for `kind = "rest"`.
const COLUMNS: &str = r#"
[source.columns]
employee_id = "id"
given_name = "first"
family_name = "last"
work_email = "mail"
status = "status"
[lifecycle]
active = ["Active"]
terminated = ["Terminated"]
"#;

/// A configuration with this for a source; `lines` are of `[source]` and its tables.
pub fn configured(lines: &str) -> Result<Loaded, String> {
    parse("config", &format!("[source]\nabsence = \"deprovision\"\n{lines}\n{REST}"), HashMap::new())
        .map_err(|errors| errors.to_string())
}

/// `kind = "rest"` with these lines of `[source.rest]`, and few waits.
pub fn rest(lines: &str) -> String {
    let full = if lines.contains("[source.rest.delta]") { "full_cron = \"0 30 2 * * *\"\n" } else { "" };
    format!(
        "kind = \"rest\"\n{full}[source.rest]\nretry_base_seconds = 0.01\nrecords = \"$.list[*]\"\n{lines}\n{COLUMNS}"
    )
}

/// Reads by this configuration of a source.
pub fn read(lines: &str) -> Result<Read, SourceError> {
    read_since(lines, None)
}

pub fn read_since(lines: &str, since: Option<&str>) -> Result<Read, SourceError> {
    let loaded = configured(lines).unwrap_or_else(|errors| panic!("{errors}"));
    let source = compose::source(&loaded);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (sender, mut batches) = mpsc::channel(16);
        let since = since.map(str::to_owned);
        let reading = tokio::spawn(async move { source.read(since, sender).await });
        let (mut records, mut rejections, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(batch) = batches.recv().await {
            records.extend((0..batch.len()).map(|index| batch.record(index)));
            rejections.extend(batch.rejections);
            gone.extend(batch.gone);
        }
        let end = reading.await.unwrap()?;
        Ok(Read { records, rejections, gone, end })
    })
}

/// A world with this for its source, as [`rest`] writes it; everybody who is employed has an account.
pub fn world(lines: &str) -> common::World {
    let lines: toml::Table =
        toml::from_str(&format!("[source]\nabsence = \"deprovision\"\n{lines}")).unwrap();
    let mut world = common::World::new();
    for key in ["source", "lifecycle"] {
        world.config.insert(key.into(), lines[key].clone());
    }
    world.config["access"] = toml::Table::from_iter([("provision".into(), "all".into())]).into();
    world.unset("attributes", "title");
    world
}

/// Why a read came to nothing, in words.
pub fn refused(lines: &str) -> String {
    match read(lines) {
        Err(error) => error.to_string(),
        Ok(read) => panic!("it was believed: {read:?}"),
    }
}

/// A person as most servers here send them.
pub fn person(id: impl std::fmt::Display) -> serde_json::Value {
    let id = id.to_string();
    serde_json::json!({"id": id, "first": "Ana", "last": format!("Nr{id}"), "mail": format!("a{id}@x.test"), "status": "Active"})
}

pub fn people(ids: std::ops::Range<usize>) -> Vec<serde_json::Value> {
    ids.map(person).collect()
}
