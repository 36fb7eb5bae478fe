//! What an HR system pushes: whole snapshots, in parts or not, and deltas.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON document: a list of records, or an object with such a list under `records`.
    Json,
    /// A JSON object a line.
    Ndjson,
    /// Comma-separated values with a header.
    Csv,
}

impl Format {
    /// Of a media type, with or without parameters.
    pub fn of_content_type(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Some(match essence.as_str() {
            "application/json" => Self::Json,
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/json-lines" => Self::Ndjson,
            "text/csv" | "application/csv" => Self::Csv,
            _ => return None,
        })
    }

    /// As it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }

    /// Whether bytes end where something of this format may: a row or a line without its line end may be cut off. JSON ends by itself.
    pub fn is_ended(self, bytes: &[u8]) -> bool {
        self == Self::Json || bytes.last().is_some_and(|last| matches!(last, b'\n' | b'\r'))
    }

    /// Reads what [`Format::name`] wrote.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Json, Self::Ndjson, Self::Csv].into_iter().find(|format| format.name() == name)
    }
}

/// Whom a delivery is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryKind {
    /// Everybody.
    Snapshot,
    /// Those who changed.
    Delta,
}

impl DeliveryKind {
    /// As it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Delta => "delta",
        }
    }
}

/// A delivery that is complete, and kept until what it says is stored with a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its place among all in the order in which they were begun.
    pub id: i64,
    /// Its place in the order in which they were accepted.
    pub accepted: i64,
    /// What its sender knows it by.
    pub name: String,
    /// Whom it is about.
    pub kind: DeliveryKind,
    /// How many parts it has, counted from 1.
    pub parts: u32,
}

/// What was found in one part of a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartFacts {
    /// Its number.
    pub number: u32,
    /// Its records, with those that cannot be used.
    pub records: u64,
    /// Our columns that stood in one of them.
    pub columns: BTreeSet<String>,
    /// In how many of them each has a value; `None`: it is not known.
    pub filled: Option<BTreeMap<String, u64>>,
    /// The employee ids in it, a line each; `None`: they are not known.
    pub people: Option<String>,
}

/// A row that could not be used, as the sender is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRow {
    /// Where it stood, the first being 1.
    pub row: Option<u64>,
    /// Whose it is, where that much could be read.
    pub employee_id: Option<String>,
    /// What is wrong, and how to mend it.
    pub reason: String,
}

/// What a sender is told of one body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The delivery that it belongs to.
    pub delivery: String,
    /// The run that reads it, where it is accepted and will be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The number of the part, where it is one of a snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
    /// How many records and rows are in it, those that cannot be used among them.
    pub records: u64,
    /// How many different employee ids are in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<u64>,
    /// How many cannot be used already now; they change nobody.
    pub rejected: u64,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejections: Vec<RefusedRow>,
}

/// What a sender asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushRequest {
    /// This body is a delta, or a whole snapshot.
    Deliver {
        /// Which.
        kind: DeliveryKind,
        /// How it is written.
        format: Format,
        /// By which a request that is sent again is known.
        key: String,
        /// How many records it holds, where its sender says so.
        records: Option<u64>,
    },
    /// A snapshot in parts begins.
    Begin,
    /// This body is one of its parts.
    Part {
        /// The snapshot.
        snapshot: String,
        /// The part's number, counted from 1.
        number: u32,
        /// How it is written.
        format: Format,
    },
    /// It is whole.
    Commit {
        /// The snapshot.
        snapshot: String,
        /// How many parts it has.
        parts: u32,
        /// How many records they hold.
        records: u64,
    },
}

/// Why a request is refused. Nothing of it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It cannot be used as it is.
    Unusable(String),
    /// It does not fit what came before.
    Conflict(String),
    /// There is no such thing.
    Unknown(String),
    /// It can be sent again later.
    Later(String),
    /// We failed.
    Failed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_known_by_its_essence() {
        assert_eq!(Format::of_content_type("Text/CSV; charset=utf-8"), Some(Format::Csv));
        assert_eq!(Format::of_content_type("application/x-ndjson"), Some(Format::Ndjson));
        assert_eq!(Format::of_content_type("application/json"), Some(Format::Json));
        assert_eq!(Format::of_content_type("text/html"), None);
        assert_eq!(Format::of_content_type(""), None);
    }
}
