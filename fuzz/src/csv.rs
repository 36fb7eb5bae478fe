//! A CSV file of whatever bytes, through the public source.
//!
//! The first byte chooses a configuration, the second where the file is cut, the rest is the file.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use workiva_sync::compose;
use workiva_sync::config::{Loaded, parse};
use workiva_sync::core::record::MAX_ID_BYTES;
use workiva_sync::core::value::canonical;
use workiva_sync::source::AnySource;
use workiva_sync::source::{HrSource, SourceError};

use super::tape::Tape;

const COLUMNS: [&str; 4] = ["employee_id", "status", "department", "hire_date"];

/// A record: where it stood, its fingerprint, its values.
type Row = (u64, u128, Vec<String>);

/// A file that was believed.
#[derive(Debug)]
struct Whole {
    digest: Option<String>,
    records: Vec<Row>,
    rejected: Vec<u64>,
}

struct Bench {
    runtime: Runtime,
    file: PathBuf,
    loaded: Vec<Loaded>,
    _folder: TempDir,
}

pub fn check(bytes: &[u8]) {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    let bench = BENCH.get_or_init(Bench::new);
    let mut tape = Tape::new(bytes);
    let loaded = &bench.loaded[tape.below(5)];
    let cut_at = usize::from(tape.byte());
    let text = tape.rest();
    let Ok(whole) = bench.read(loaded, text) else { return };
    holds_together(loaded, &whole);

    let again = bench.read(loaded, text).expect("what could be read can be read again");
    assert_eq!((&whole.records, &whole.rejected), (&again.records, &again.rejected));
    assert_eq!(whole.digest, again.digest, "equal bytes have equal digests");
    assert_eq!(whole.digest, bench.digest(loaded), "the digest in advance is that of the read");

    // What cannot be all is never believed.
    for open in [&b"\n\"open"[..], b"\n1,2,\"3\n4,5,6\n"] {
        assert!(bench.read(loaded, &[text, open].concat()).is_err(), "it ends within quotes");
    }
    assert!(bench.read(loaded, &[text, b"\nshort"].concat()).is_err(), "its last row lacks fields");

    // A cut that nobody can notice loses the rows behind it, and changes none before it.
    let cut = text.len().saturating_sub(cut_at);
    if let Ok(part) = bench.read(loaded, &text[..cut]) {
        let last = part.records.iter().map(|row| row.0).chain(part.rejected.iter().copied()).max();
        let before = |row: &&Row| Some(row.0) < last;
        let kept: Vec<&Row> = part.records.iter().filter(before).collect();
        assert_eq!(kept, whole.records.iter().filter(before).collect::<Vec<_>>());
    }
}

/// Every row is a record or rejected, records are as every source has to deliver them, and fingerprints tell them apart.
fn holds_together(loaded: &Loaded, whole: &Whole) {
    let mut rows: Vec<u64> =
        whole.records.iter().map(|row| row.0).chain(whole.rejected.iter().copied()).collect();
    rows.sort_unstable();
    let number = rows.len() as u64;
    assert_eq!(rows, (1..=number).collect::<Vec<_>>(), "rows and rejections add up");
    assert!(number >= loaded.settings.source.as_ref().unwrap().min_records);
    let mut known: HashMap<u128, &[String]> = HashMap::new();
    for (_, fingerprint, values) in &whole.records {
        let id = &values[0];
        assert!(!id.is_empty() && id.len() <= MAX_ID_BYTES && !id.chars().any(char::is_control));
        for value in values {
            assert_eq!(canonical(value), value.as_str());
        }
        let same = known.entry(*fingerprint).or_insert(values);
        assert_eq!(same, values, "one fingerprint, one content");
    }
    let contents: std::collections::HashSet<&[String]> =
        whole.records.iter().map(|row| row.2.as_slice()).collect();
    assert_eq!(contents.len(), known.len(), "one content, one fingerprint");
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("hr.csv");
        let loaded = ["", "delimiter = ';'", "encoding = 'windows-1252'", "min_records = 3", "trailer = 'TRL'"]
            .map(|more| {
                let columns: Vec<String> = COLUMNS.iter().map(|name| format!("{name} = '{name}'")).collect();
                let text = format!(
                    "[source]\nkind = 'csv'\npath = '{}'\nabsence = 'deprovision'\n{more}\n[source.columns]\n{}\n{}",
                    file.display(),
                    columns.join("\n"),
                    include_str!("configuration.toml"),
                );
                parse("fuzz", &text, HashMap::new()).expect("the configuration is usable")
            })
            .into();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
        Self { runtime, file, loaded, _folder: folder }
    }

    fn source(&self, loaded: &Loaded) -> AnySource {
        compose::source(loaded)
    }

    fn digest(&self, loaded: &Loaded) -> Option<String> {
        let digest = self.runtime.block_on(self.source(loaded).digest());
        digest.expect("the file is there").and_then(|digest| digest.file.digest)
    }

    /// Writes the file and reads it.
    fn read(&self, loaded: &Loaded, text: &[u8]) -> Result<Whole, SourceError> {
        std::fs::write(&self.file, text).expect("the file can be written");
        let source = self.source(loaded);
        self.runtime.block_on(async {
            let (sender, mut batches) = mpsc::channel(16);
            let reading = tokio::spawn(async move { source.read(None, sender).await });
            let (mut records, mut rejected) = (Vec::new(), Vec::new());
            while let Some(batch) = batches.recv().await {
                for index in 0..batch.len() {
                    let record = batch.record(index);
                    let values =
                        COLUMNS.iter().map(|name| record.get(name).unwrap_or_default().to_owned()).collect();
                    records.push((record.row, record.fingerprint.0, values));
                }
                for rejection in &batch.rejections {
                    assert!(!rejection.reason.is_empty());
                    rejected.push(rejection.row.expect("a row has a number"));
                }
            }
            let end = reading.await.expect("the reader does not panic")?;
            Ok(Whole { digest: end.file.digest, records, rejected })
        })
    }
}
