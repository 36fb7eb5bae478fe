//! A record as one line of an export.

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Head, Record};

/// One line of `audit export`. The body stands in it byte by byte as it was hashed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedRecord {
    seq: i64,
    at: String,
    kind: String,
    employee_id: Option<String>,
    body: Box<RawValue>,
    previous: String,
    hash: String,
}

impl ExportedRecord {
    /// A record behind the one of this hash. A body that is no JSON, as only meddling makes it, becomes a text; the line is
    /// then found out as any other that was altered.
    pub fn new(record: Record, previous: String) -> Self {
        let body = RawValue::from_string(record.body).or_else(|_| RawValue::from_string("\"\"".into()));
        Self {
            seq: record.seq,
            at: DateTime::from_timestamp_millis(record.at)
                .unwrap_or_default()
                .to_rfc3339_opts(SecondsFormat::Millis, true),
            kind: record.kind,
            employee_id: record.employee_id,
            body: body.unwrap_or_default(),
            previous,
            hash: record.hash,
        }
    }

    /// Reads a line. The answer is the record, and the head that it claims to stand behind.
    ///
    /// # Errors
    /// Where the line is no record of an export, in words.
    pub fn read(line: &str) -> Result<(Record, Head), String> {
        let read: Self = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let at = DateTime::parse_from_rfc3339(&read.at).map_err(|error| format!("at: {error}"))?;
        let record = Record {
            seq: read.seq,
            at: at.timestamp_millis(),
            kind: read.kind,
            employee_id: read.employee_id,
            body: read.body.get().to_owned(),
            hash: read.hash,
        };
        Ok((record, Head { seq: read.seq - 1, hash: read.previous }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Entry, Kind};
    use super::*;

    #[test]
    fn a_record_reads_as_it_was_written() {
        let at = DateTime::from_timestamp_millis(1_800_000_000_123).unwrap();
        let entry = Entry::of_person(Kind::Outcome, "ä\"1", &serde_json::json!({ "b": 1.50, "a": ["ü\n"] }));
        let record = Head::default().link(at, &entry);
        let line = serde_json::to_string(&ExportedRecord::new(record.clone(), "0".repeat(64))).unwrap();
        assert!(line.contains(r#""at":"2027-01-15T08:00:00.123Z""#), "{line}");
        assert_eq!(ExportedRecord::read(&line), Ok((record, Head::default())));
    }

    #[test]
    fn a_body_that_is_no_json_does_not_stop_an_export() {
        let mut record = Head::default().link(DateTime::UNIX_EPOCH, &Entry::new(Kind::Run, &1));
        record.body = "{".into();
        let line = serde_json::to_string(&ExportedRecord::new(record, String::new())).unwrap();
        assert_eq!(ExportedRecord::read(&line).unwrap().0.body, "\"\"");
    }
}
