//! A JSON answer of whatever bytes, followed as it streams in, against the same document taken in whole.
//!
//! The first byte chooses the path to the records, the second where the document is cut; the rest is the document.

use chrono::NaiveDate;
use serde_json::Value;
use workiva_sync::core::json::{FieldPath, Found, StreamPath, WalkError, date, text, walk};
use workiva_sync::core::value::canonical;

use super::tape::Tape;

const PATHS: [&str; 6] =
    ["$[*]", "$.list[*]", "$.d.results[*]", "$.groups[*].people[*]", "$", "$['odd.name'].*"];
const NEXT: &str = "$.meta.next";

pub fn check(bytes: &[u8]) {
    let mut tape = Tape::new(bytes);
    let path = PATHS[tape.below(6)];
    let cut_at = usize::from(tape.byte());
    let document = tape.rest();
    paths_are_read_or_refused(document);
    let walked = follow(path, document);
    if let Ok(whole) = serde_json::from_slice::<Value>(document) {
        agrees(path, &whole, &walked);
    }
    let Ok((records, _)) = walked else { return };
    records.iter().for_each(values_are_text_or_refused);

    // What is cut within is never taken for all.
    let document = document.trim_ascii();
    if document.starts_with(b"{") || document.starts_with(b"[") {
        let cut = document.len().saturating_sub(1 + cut_at);
        assert!(follow(path, &document[..cut]).is_err(), "it was cut");
    }
}

type Followed = Result<(Vec<Value>, Found), WalkError<()>>;

fn follow(path: &str, document: &[u8]) -> Followed {
    let path = StreamPath::parse(path).expect("the path can be followed");
    let next = StreamPath::parse(NEXT).expect("the path can be followed");
    let mut records = Vec::new();
    let found = walk(document, &path, &[&next], |record| {
        records.push(record.value);
        Ok(())
    })?;
    Ok((records, found))
}

/// The walk finds what stands in the document. It may find more: of members with one name, the whole keeps the last.
fn agrees(path: &str, whole: &Value, walked: &Followed) {
    let field = |text: &str| FieldPath::parse(text).expect("the path is one of RFC 9535");
    match walked {
        Ok((records, found)) => {
            let path = field(path);
            for wanted in path.find(whole) {
                assert!(records.contains(wanted), "a record was passed over");
            }
            assert!(records.is_empty() || found.has_records);
            let next = field(NEXT);
            assert_eq!(found.others[0].as_ref(), next.find(whole).first().copied());
        }
        Err(WalkError::Twice | WalkError::ListMissing) => {}
        Err(error) => panic!("it is JSON, and refused: {error}"),
    }
}

fn values_are_text_or_refused(record: &Value) {
    for value in record.as_object().into_iter().flat_map(|members| members.values()) {
        let Ok(text) = text(&[value], true) else { continue };
        assert_eq!(canonical(&text), text);
        for zone in [None, Some(chrono_tz::America::New_York)] {
            if let Some(day) = date(&text, zone) {
                assert!(NaiveDate::parse_from_str(&day, "%Y-%m-%d").is_ok() && day.len() == 10, "{day}");
            }
        }
    }
}

/// A path that can be followed is one of RFC 9535, and leads to the same places there.
fn paths_are_read_or_refused(bytes: &[u8]) {
    let Some(text) =
        bytes.split(|byte| *byte == b'\n').next().and_then(|line| std::str::from_utf8(line).ok())
    else {
        return;
    };
    let is_field = FieldPath::parse(text).is_ok();
    if StreamPath::parse(text).is_ok() {
        assert!(is_field, "{text}");
    }
}
