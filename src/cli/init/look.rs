//! What an HR file shows of itself: its columns, how it is written, its status words.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use csv::ByteRecord;
use encoding_rs::WINDOWS_1252;

use super::guess::{self, Meaning, NEEDED};
use crate::config::Encoding;
use crate::source::csv::matching;

/// How many rows are looked at for status words.
const MOST_ROWS: usize = 100_000;
/// How many different status words a status column may have; one with more is another column.
const MOST_WORDS: usize = 50;
/// How many bytes a header has at most.
const LONGEST_HEADER: u64 = 64 * 1024;

/// What was found in the HR file.
pub struct Found {
    /// Our name of each column that was recognised, and the file's.
    pub columns: Vec<(&'static str, String)>,
    /// What stands between two fields.
    pub delimiter: char,
    /// How it is written.
    pub encoding: Encoding,
    /// Every word of its status column.
    pub words: BTreeSet<String>,
}

impl Found {
    /// The status words that most likely mean this.
    pub fn words_of(&self, wanted: Meaning) -> Vec<&String> {
        self.words.iter().filter(|word| guess::meaning(word) == wanted).collect()
    }
}

/// Looks at the newest file of a path or pattern.
///
/// # Errors
/// Where there is none, or nothing can be made of it.
pub fn look_at(hr: &str) -> anyhow::Result<Found> {
    let path = newest(hr)?;
    let bytes = beginning(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    // UTF-16 has a mark at its beginning, or a zero in each letter of ASCII.
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || bytes.contains(&0) {
        bail!("{} is written in UTF-16; have it exported as UTF-8, or as Windows-1252", path.display());
    }
    let first = String::from_utf8_lossy(bytes.split(|byte| *byte == b'\n').next().unwrap_or_default());
    let count = |delimiter: &char| first.matches(*delimiter).count();
    let delimiter = [',', ';', '\t', '|'].into_iter().max_by_key(count).unwrap_or(',');
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter as u8).flexible(true).from_path(&path)?;
    let header = reader.byte_headers()?.clone();
    let mut encoding = encoding_of(&header);
    let header: Vec<String> =
        header.iter().map(|name| decoded(name).trim_start_matches('\u{feff}').trim().to_owned()).collect();
    let columns = guess::columns(&header);
    let missing: Vec<&str> =
        NEEDED.into_iter().filter(|name| !columns.iter().any(|(ours, _)| ours == name)).collect();
    if !missing.is_empty() {
        bail!(
            "no column of {} was recognised as {}; copy config/workiva-sync.example.toml and name them in [source.columns]. Its columns \
             are: {}",
            path.display(),
            missing.join(", "),
            told(&header)
        );
    }
    let status = columns.iter().find(|(ours, _)| *ours == "status").map(|(_, theirs)| theirs.as_str());
    let at = header.iter().position(|name| Some(name.as_str()) == status).unwrap_or_default();
    let mut words = BTreeSet::new();
    for row in reader.byte_records().take(MOST_ROWS) {
        let row = row?;
        if encoding_of(&row) == Encoding::Windows1252 {
            encoding = Encoding::Windows1252;
        }
        let word = row.get(at).map(|word| decoded(word).trim().to_owned());
        words.extend(word.filter(|word| !word.is_empty()));
        if words.len() > MOST_WORDS {
            bail!(
                "the column '{}' has more than {MOST_WORDS} different words; it can be no status",
                header[at]
            );
        }
    }
    Ok(Found { columns, delimiter, encoding, words })
}

/// What is no header may be anything, a password too.
fn told(header: &[String]) -> String {
    match header {
        [] | [_] => "not more than one, so it may be no HR file at all".into(),
        several => several.join(", "),
    }
}

fn newest(hr: &str) -> anyhow::Result<PathBuf> {
    let matches = matching(hr).with_context(|| format!("'{hr}' is no pattern"))?;
    let newest = matches
        .filter_map(Result::ok)
        .filter(|path| path.is_file())
        .max_by_key(|path: &PathBuf| path.metadata().and_then(|meta| meta.modified()).ok());
    newest.with_context(|| {
        format!("there is no file {hr} yet; put one export there, its columns are looked at")
    })
}

/// The first bytes, among which the header is.
fn beginning(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LONGEST_HEADER).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What is not UTF-8 is most likely what Excel writes.
fn encoding_of(row: &ByteRecord) -> Encoding {
    match row.iter().all(|field| std::str::from_utf8(field).is_ok()) {
        true => Encoding::Utf8,
        false => Encoding::Windows1252,
    }
}

fn decoded(field: &[u8]) -> String {
    match std::str::from_utf8(field) {
        Ok(text) => text.to_owned(),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(field).0.into_owned(),
    }
}
