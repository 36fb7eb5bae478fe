//! Lookup tables that stand in CSV files.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::ConfigError;
use super::load::read_within;
use crate::core::value::canonical;

/// The largest file that is read as a table, in bytes: all of it is held in memory.
const LARGEST_BYTES: u64 = 16 * 1024 * 1024;
/// What stands before the header in files of some spreadsheets.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// `[table_files.NAME]`: two columns of a CSV file as the lookup table NAME. It is read with the configuration.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableFile {
    /// The file, UTF-8, with a header.
    pub path: String,
    /// The header of the column that is looked up.
    pub key: String,
    /// The header of the column that is the answer.
    pub value: String,
    /// What stands between two fields.
    #[serde(default = "comma")]
    #[schemars(length(equal = 1))]
    pub delimiter: String,
}

fn comma() -> String {
    ",".into()
}

/// Puts the tables of files to those of the configuration itself, from which they cannot be told any more. The answer is all that is
/// wrong.
pub(super) fn read_files(tree: &mut Value) -> Vec<ConfigError> {
    let Some(root) = tree.as_object_mut() else { return Vec::new() };
    // What has another form was told by the schema.
    let Some(Value::Object(files)) = root.remove("table_files") else { return Vec::new() };
    let tables = root.entry("tables").or_insert_with(|| Value::Object(Map::new()));
    let Some(tables) = tables.as_object_mut() else { return Vec::new() };
    let mut errors = Vec::new();
    for (name, file) in files {
        let Ok(file) = serde_json::from_value::<TableFile>(file) else { continue };
        if tables.contains_key(&name) {
            let message = format!("stands beside tables.{name}; keep one of the two");
            errors.push(ConfigError::new(format!("table_files.{name}"), message));
            continue;
        }
        match rows_of(&file) {
            Ok(rows) => {
                tables.insert(name, rows.into_iter().map(|(key, value)| (key, Value::from(value))).collect());
            }
            Err((key, message)) => {
                let key = format!("table_files.{name}.{key}");
                errors.push(ConfigError::with_value(key, &file.path, message));
            }
        }
    }
    errors
}

/// The rows of a file. An error is the key that it is about, and what is wrong.
fn rows_of(file: &TableFile) -> Result<BTreeMap<String, String>, (&'static str, String)> {
    let text = text_of(&file.path).map_err(|why| ("path", why))?;
    let delimiter = file.delimiter.bytes().next().unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .from_reader(text.trim_start_matches(BYTE_ORDER_MARK).as_bytes());
    let header = reader.headers().map_err(|error| ("path", told(&error)))?.clone();
    let column = |key: &'static str, name: &str| {
        let mut places = header.iter().enumerate().filter(|(_, one)| one.trim() == name).map(|(at, _)| at);
        match (places.next(), places.next()) {
            (Some(at), None) => Ok(at),
            (None, _) => Err((key, format!("'{name}' is no column of the file; it has {}", named(&header)))),
            _ => Err((
                key,
                format!("'{name}' is the header of several columns of the file; give each its own"),
            )),
        }
    };
    let (key_at, value_at) = (column("key", &file.key)?, column("value", &file.value)?);
    let mut rows: BTreeMap<String, (String, usize)> = BTreeMap::new();
    for (number, row) in reader.records().enumerate() {
        let row = row.map_err(|error| ("path", told(&error)))?;
        let field = |at: usize| canonical(row.get(at).unwrap_or_default()).into_owned();
        let (key, value, number) = (field(key_at), field(value_at), number + 1);
        if key.is_empty() {
            return Err(("path", format!("row {number} has nothing in the column '{}'", file.key)));
        }
        if let Some((_, before)) = rows.get(&key).filter(|(other, _)| *other != value) {
            let message =
                format!("rows {before} and {number} have the same key and differ; keep one of them");
            return Err(("path", message));
        }
        rows.entry(key).or_insert((value, number));
    }
    Ok(rows.into_iter().map(|(key, (value, _))| (key, value)).collect())
}

fn text_of(path: &str) -> Result<String, String> {
    let told = |error: std::io::Error| match error.kind() {
        ErrorKind::InvalidData => format!("cannot be read as UTF-8 ({error}); save it as UTF-8"),
        _ => format!("cannot be read ({error}); create the file or correct the path"),
    };
    let too_large = || format!("is larger than {LARGEST_BYTES} bytes; a lookup table is held in memory");
    read_within(Path::new(path), LARGEST_BYTES).map_err(told)?.ok_or_else(too_large)
}

/// Without the row's values, which may be people's.
fn told(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let row = pos.as_ref().map_or(0, csv::Position::record);
            format!("row {row} has {len} fields, and the header {expected_len}")
        }
        _ => "is no CSV that can be read".into(),
    }
}

fn named(header: &csv::StringRecord) -> String {
    let names: Vec<String> = header.iter().map(|name| format!("'{}'", name.trim())).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, key: &str) -> Result<BTreeMap<String, String>, (&'static str, String)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("codes.csv");
        std::fs::write(&path, text).unwrap();
        let path = path.display().to_string();
        rows_of(&TableFile { path, key: key.into(), value: "Name".into(), delimiter: ";".into() })
    }

    #[test]
    fn two_columns_of_a_file_are_a_table() {
        let rows =
            read("\u{feff}Code; Name ;Since\n 47 ;Audit ;2020\n48;\"Tax; Legal\";\n47;Audit;2021\n", "Code")
                .unwrap();
        let expected = [("47", "Audit"), ("48", "Tax; Legal")];
        assert_eq!(
            rows.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>(),
            expected
        );
    }

    #[test]
    fn a_table_that_is_not_clear_is_refused_with_its_rows_and_without_its_values() {
        for (text, key, at, said) in [
            ("Code;Name\n47;Audit\n47;Tax\n", "Code", "path", "rows 1 and 2 have the same key"),
            ("Code;Name\n;Audit\n", "Code", "path", "row 1 has nothing in the column 'Code'"),
            ("Code;Name\n47;Audit\n48\n", "Code", "path", "row 2 has 1 fields, and the header 2"),
            ("Code;Name\n", "Kode", "key", "'Kode' is no column of the file; it has 'Code', 'Name'"),
            ("Name;Name\n", "Name", "key", "several columns"),
        ] {
            let (key, message) = read(text, key).unwrap_err();
            assert_eq!(key, at, "{message}");
            assert!(message.contains(said) && !message.contains("Audit"), "{message}");
        }
    }
}
