//! Bodies to records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::super::SourceError;
use super::super::csv::{CsvOptions, read_bytes};
use super::super::object::{Shape, Unusable, Whole, refuse_unsound, values};
use super::super::words::{ACTION, BOM, clear};
use super::PushOptions;
use crate::core::delivery::{DeliveryKind, Format};
use crate::core::happened::Happened;
use crate::core::json::{Element, FieldPath, PathsSeen, StreamPath, WalkError, text, walk};
use crate::core::record::{Columns, EMPLOYEE_ID, RecordBatch, Rejection, RejectionKind};
use crate::core::value::folded;

/// In how many records of a body is looked for what no column reads.
const LOOKED_AT: u64 = 100;
/// How many records that cannot be used one body spells out; behind that it is not what it is taken for.
const MAX_REJECTIONS: usize = 10_000;

/// A body as it came.
#[derive(Clone, Debug)]
pub struct Body {
    /// What errors call it.
    pub name: String,
    /// Of what it is one.
    pub kind: DeliveryKind,
    /// How it is written.
    pub format: Format,
    /// What came.
    pub bytes: Arc<[u8]>,
}

/// What was in a body.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// Records, with those that cannot be used.
    pub rows: u64,
    /// Which of our columns stood in a record; of CSV all do.
    pub columns: BTreeSet<String>,
    /// In how many records each of our columns has a value.
    pub filled: BTreeMap<String, u64>,
    /// The employee ids of its records, those that cannot be used among them.
    pub people: BTreeSet<String>,
    /// What stood there, of JSON in one of the first records, and no column reads.
    pub unmapped: BTreeSet<String>,
}

impl PushOptions {
    /// The columns of a delivery's records: of a delta that of the action as well, where there is one.
    pub fn columns(&self, kind: DeliveryKind) -> Arc<Columns> {
        Columns::new(self.mapped(kind).keys().map(String::as_str))
    }

    fn mapped(&self, kind: DeliveryKind) -> BTreeMap<String, String> {
        let mut mapped = self.csv.columns.clone();
        if let (DeliveryKind::Delta, Some(action)) = (kind, &self.action_column) {
            mapped.insert(ACTION.to_owned(), action.clone());
        }
        mapped
    }

    /// Reads a body on the calling thread.
    ///
    /// # Errors
    /// Where it is not well-formed, or lacks a column.
    pub fn parse(
        &self,
        body: Body,
        mut deliver: impl FnMut(RecordBatch) -> Result<(), SourceError>,
    ) -> Result<Parsed, SourceError> {
        let mapped = self.mapped(body.kind);
        let is_whole = body.kind == DeliveryKind::Snapshot;
        let mut deliver = |batch| deliver(if is_whole { batch } else { clear(batch, &self.actions) });
        if body.format == Format::Csv {
            return self.parse_csv(body, mapped, deliver);
        }
        let broken = |reason: String| SourceError::SystemIncomplete { system: body.name.clone(), reason };
        let mut taker = Taker::new(self, mapped, &mut deliver).map_err(&broken)?;
        if is_whole && let Some(action) = &self.action_column {
            let path = FieldPath::parse(action);
            taker.action = Some(path.map_err(|error| broken(format!("source.push.action_column {error}")))?);
        }
        taker.is_delta = !is_whole;
        let bytes = body.bytes.strip_prefix(BOM).unwrap_or(&body.bytes);
        match body.format {
            Format::Ndjson => {
                for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
                    if line.trim_ascii().is_empty() {
                        continue;
                    }
                    let record = Element::parse(line)
                        .map_err(|error| broken(format!("line {} is no JSON: {error}", at + 1)))?;
                    taker.take(&record).map_err(|refused| refused.into_error(&body.name))?;
                }
            }
            _ => {
                let is_list = bytes.trim_ascii_start().first() == Some(&b'[');
                let path = if is_list { "$[*]" } else { "$.records[*]" };
                let path = StreamPath::parse(path).expect("it is written here");
                let walked = walk(bytes, &path, &[], |record| taker.take(&record));
                let found = walked.map_err(|error| match error {
                    WalkError::Stopped(refused) => refused.into_error(&body.name),
                    other => broken(other.to_string()),
                })?;
                if !found.has_records {
                    return Err(broken(
                        "no records are in it; send a list, or an object with a list under \"records\""
                            .into(),
                    ));
                }
            }
        }
        taker.finish()
    }

    fn parse_csv(
        &self,
        body: Body,
        mapped: BTreeMap<String, String>,
        mut deliver: impl FnMut(RecordBatch) -> Result<(), SourceError>,
    ) -> Result<Parsed, SourceError> {
        if body.kind == DeliveryKind::Snapshot {
            self.refuse_gone(&body)?;
        }
        let columns = mapped.keys().cloned().collect();
        let options = CsvOptions { columns: mapped, min_records: 0, ..self.csv.clone() };
        let (mut rows, mut found) = (0, Counts::default());
        let coverage = read_bytes(&body.name, body.bytes, &options, |batch| {
            // In a snapshot such a row is rejected by name. What a delta loses does not come again.
            let is_delta = body.kind == DeliveryKind::Delta;
            let hides =
                |one: &&Rejection| one.kind == RejectionKind::StrayQuote || is_delta && one.kind.hides_rows();
            if let Some(rejection) = batch.rejections.iter().find(hides) {
                let row = rejection.row.unwrap_or_default();
                let reason = format!("row {row} {}", rejection.reason);
                return Err(SourceError::Incomplete { file: body.name.clone(), reason });
            }
            rows += (batch.len() + batch.rejections.len()) as u64;
            found.take(&batch);
            deliver(batch)
        })?;
        let Counts { filled, people } = found;
        Ok(Parsed { rows, columns, filled, people, unmapped: coverage.unmapped.into_iter().collect() })
    }
}

impl PushOptions {
    /// Refuses a snapshot in CSV whose rows say that somebody is gone. What else is wrong with it is told where it is read.
    fn refuse_gone(&self, body: &Body) -> Result<(), SourceError> {
        let mut mapped = self.mapped(DeliveryKind::Delta);
        mapped.retain(|name, _| name == EMPLOYEE_ID || name == ACTION);
        if !mapped.contains_key(ACTION) {
            return Ok(());
        }
        let options = CsvOptions { columns: mapped, min_records: 0, ..self.csv.clone() };
        let mut refused = None;
        // Without such a column nobody can be said to be gone.
        let _ = read_bytes(&body.name, Arc::clone(&body.bytes), &options, |batch| {
            for record in (0..batch.len()).map(|index| batch.record(index)) {
                let said = record.get(ACTION).unwrap_or_default();
                refused =
                    refused.take().or_else(|| self.is_gone(said).then(|| self.not_whole(record.row, said)));
            }
            Ok(())
        });
        match refused {
            Some(reason) => Err(SourceError::Incomplete { file: body.name.clone(), reason }),
            None => Ok(()),
        }
    }

    fn is_gone(&self, said: &str) -> bool {
        self.actions.read(said) == Ok(Happened::Gone)
    }

    fn not_whole(&self, row: u64, said: &str) -> String {
        format!(
            "record {row} says '{said}' in '{}' (source.push.action_column), and a snapshot holds those who are there: whoever is \
             gone is not in it. Leave such records out, or push them as a delta",
            self.action_column.as_deref().unwrap_or_default()
        )
    }
}

/// What is counted of a body's records.
#[derive(Default)]
struct Counts {
    filled: BTreeMap<String, u64>,
    people: BTreeSet<String>,
}

impl Counts {
    fn take(&mut self, batch: &RecordBatch) {
        for (name, number) in batch.filled() {
            *self.filled.entry(name.to_owned()).or_default() += number;
        }
        let refused = batch.rejections.iter().filter_map(|one| one.employee_id.as_deref());
        let named = (0..batch.len()).map(|index| batch.head(index).0).chain(refused);
        self.people.extend(named.chain(batch.gone.iter().map(String::as_str)).map(str::to_owned));
    }
}

/// Why a record ends the reading.
enum Refused {
    Broken(String),
    Stopped(SourceError),
}

impl Refused {
    fn into_error(self, name: &str) -> SourceError {
        match self {
            Self::Broken(reason) => SourceError::SystemIncomplete { system: name.to_owned(), reason },
            Self::Stopped(error) => error,
        }
    }
}

/// Makes records of JSON objects.
struct Taker<'a, D> {
    options: &'a PushOptions,
    paths: BTreeMap<String, FieldPath>,
    /// Of a snapshot, where a delta would say that somebody is gone.
    action: Option<FieldPath>,
    is_delta: bool,
    seed: u64,
    columns: Arc<Columns>,
    deliver: &'a mut D,
    batch: RecordBatch,
    rows: u64,
    /// Which columns stood in a record.
    matched: Vec<bool>,
    found: Counts,
    /// What stood in the first records.
    seen: PathsSeen,
    rejections: usize,
}

impl<'a, D: FnMut(RecordBatch) -> Result<(), SourceError>> Taker<'a, D> {
    fn new(
        options: &'a PushOptions,
        mapped: BTreeMap<String, String>,
        deliver: &'a mut D,
    ) -> Result<Self, String> {
        let columns = Columns::new(mapped.keys().map(String::as_str));
        let path = |(name, written): (&String, &String)| {
            let path = FieldPath::parse(written).map_err(|error| format!("source.columns.{name} {error}"));
            Ok::<_, String>((name.clone(), path?))
        };
        Ok(Self {
            options,
            action: None,
            is_delta: false,
            paths: mapped.iter().map(path).collect::<Result<_, _>>()?,
            seed: options.csv.seed,
            batch: RecordBatch::new(Arc::clone(&columns), options.csv.seed),
            rows: 0,
            matched: vec![false; columns.names().len()],
            found: Counts::default(),
            columns,
            deliver,
            seen: PathsSeen::default(),
            rejections: 0,
        })
    }

    fn take(&mut self, element: &Element) -> Result<(), Refused> {
        let record = &element.value;
        self.rows += 1;
        let row = self.rows;
        if !record.is_object() {
            return Err(Refused::Broken(format!("record {row} is no object")));
        }
        if let Some(action) = &self.action
            && let Ok(said) = text(&action.find(record), false)
            && self.options.is_gone(&said)
        {
            return Err(Refused::Broken(self.options.not_whole(row, &said)));
        }
        if row <= LOOKED_AT {
            self.seen.look(record, self.paths.values());
        }
        let path = |name: &str| self.paths.get(name);
        let once = refuse_unsound(element, path(EMPLOYEE_ID));
        let shape = |value, _: &str| value;
        let how = Shape { columns: &self.columns, path, shape, left: &self.options.csv.left };
        let said = path(ACTION).and_then(|path| text(&path.find(record), false).ok());
        let mut matched = vec![false; self.matched.len()];
        let made = once.and_then(|()| values(record, how, &mut matched));
        let made = made.and_then(|whole| self.refuse_part(record, whole, said.as_deref()));
        self.matched.iter_mut().zip(matched).for_each(|(ever, now)| *ever |= now);
        match made {
            // Of whoever is gone nothing but the id is needed.
            Err(Unusable { employee_id: Some(id), .. })
                if element.is_sound() && said.as_ref().is_some_and(|said| self.options.is_gone(said)) =>
            {
                let value = |name: &String| match name.as_str() {
                    EMPLOYEE_ID => id.as_str(),
                    ACTION => said.as_deref().unwrap_or_default(),
                    _ => "",
                };
                self.batch.push(row, self.columns.names().iter().map(value));
            }
            Err(Unusable { employee_id, kind, reason }) => {
                self.reject(Rejection { employee_id, row: Some(row), kind, reason })?;
            }
            Ok(Whole { values, is_unread }) => {
                self.batch.unread += u64::from(is_unread);
                self.batch.push(row, values.iter().map(|value| &**value));
            }
        }
        if self.batch.is_full() { self.hand_on() } else { Ok(()) }
    }

    /// Refuses a record of a delta that lacks a column: what it does not say would count as empty. Of whoever has left nothing else is
    /// needed.
    fn refuse_part<'v>(
        &self,
        record: &Value,
        whole: Whole<'v>,
        said: Option<&str>,
    ) -> Result<Whole<'v>, Unusable> {
        let status = self.columns.position("status").map(|at| folded(&whole.values[at]));
        let has_left = status.is_some_and(|status| self.options.csv.left.contains(&status));
        if !self.is_delta || has_left || said.is_some_and(|said| self.options.is_gone(said)) {
            return Ok(whole);
        }
        let columns = self.paths.iter().filter(|(name, _)| *name != ACTION);
        let lacking: Vec<_> = columns.filter(|(name, path)| self.lacks(record, name, path)).collect();
        if lacking.is_empty() {
            return Ok(whole);
        }
        let key = |name: &str| self.options.csv.columns.get(name).map_or("", String::as_str);
        let named: Vec<_> =
            lacking.iter().map(|(name, _)| format!("'{}' (source.columns.{name})", key(name))).collect();
        // Behind a filter many leave out what is empty, and have no way to say so.
        let sparse = lacking.iter().find(|(_, path)| !path.is_of_names()).map(|(name, _)| {
            format!(
                "; or where it is left out if there is none, add \"{name}\" to source.push.sparse_columns"
            )
        });
        let mend = sparse.unwrap_or_default();
        Err(Unusable {
            employee_id: Some(whole.values[0].to_string()),
            kind: RejectionKind::UnfitField,
            reason: format!(
                "lacks {}, and what a record does not say would count as empty; send null where there is none{mend}",
                named.join(", ")
            ),
        })
    }

    /// Whether a record does not say what a column holds, and may not leave that out either.
    fn lacks(&self, record: &Value, name: &str, path: &FieldPath) -> bool {
        let may_lack =
            || !path.is_of_names() && self.options.sparse_columns.iter().any(|sparse| sparse == name);
        !path.is_said_in(record) && !may_lack()
    }

    fn reject(&mut self, rejection: Rejection) -> Result<(), Refused> {
        self.rejections += 1;
        if self.rejections > MAX_REJECTIONS {
            return Err(Refused::Broken(format!(
                "more than {MAX_REJECTIONS} records cannot be used; correct source.columns"
            )));
        }
        self.batch.rejections.push(rejection);
        Ok(())
    }

    fn hand_on(&mut self) -> Result<(), Refused> {
        self.found.take(&self.batch);
        let empty = RecordBatch::new(Arc::clone(&self.columns), self.seed);
        (self.deliver)(std::mem::replace(&mut self.batch, empty)).map_err(Refused::Stopped)
    }

    fn finish(mut self) -> Result<Parsed, SourceError> {
        self.found.take(&self.batch);
        (self.deliver)(self.batch)?;
        let columns = self.columns.names().iter().zip(self.matched).filter(|(_, matched)| *matched);
        let unmapped = self.seen.unread().into_iter().collect();
        let columns = columns.map(|(name, _)| name.clone()).collect();
        let Counts { filled, people } = self.found;
        Ok(Parsed { rows: self.rows, columns, filled, people, unmapped })
    }
}
