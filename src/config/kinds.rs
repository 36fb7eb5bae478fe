//! The kinds of source, and how the bytes of one are read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a changed header does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HeaderChange {
    /// The whole plan is held until it is approved; then the header is the new yardstick.
    #[default]
    Hold,
    /// Nothing, as long as every mapped column is there.
    Allow,
}

/// The kinds of HR source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A file of comma-separated values with a header.
    Csv,
    /// Records that are sent to the daemon: `POST /v1/hr/records`.
    Push,
    /// Any JSON HTTP API, by `[source.rest]` alone.
    Rest,
    /// ADP Workforce Now, workers v2.
    Adp,
    /// BambooHR, custom report.
    Bamboohr,
    /// HiBob, people search.
    Hibob,
    /// Merge, HRIS employees.
    Merge,
    /// Paylocity, company employees.
    Paylocity,
    /// Personio, company employees v1.
    Personio,
    /// Rippling, workers.
    Rippling,
    /// SAP SuccessFactors, OData v2.
    Successfactors,
    /// UKG Pro, employee changes.
    Ukgpro,
    /// Workday, a report as a service.
    Workday,
}

impl SourceKind {
    /// As the configuration writes it.
    pub fn name(self) -> String {
        let written = serde_json::to_value(self).unwrap_or_default();
        written.as_str().unwrap_or_default().to_owned()
    }

    /// Whether it is asked by HTTP.
    pub fn is_rest(self) -> bool {
        !matches!(self, Self::Csv | Self::Push)
    }
}

/// Character encodings of a CSV file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// What Excel writes in Western Europe and the Americas.
    #[serde(rename = "windows-1252")]
    Windows1252,
}
