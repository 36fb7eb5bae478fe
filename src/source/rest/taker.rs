//! From JSON records to ours: one answer's worth, so that an answer that broke can be forgotten.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::mpsc;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::super::SourceError;
use super::super::object::{Shape, Unusable, Whole, is_usable_id, refuse_unsound, values};
use super::RestOptions;
use super::http::loses;
use crate::config::rest::{DeltaRules, FieldRules};
use crate::core::happened::{ActionWords, Happened};
use crate::core::json::{Element, FieldPath, PathsSeen, date, text};
use crate::core::pages::OnPage;
use crate::core::record::{Columns, EMPLOYEE_ID, RecordBatch, Rejection, RejectionKind};

/// How many batches of one answer are held back until it has proved itself whole; beyond that they are handed on.
const MOST_HELD: usize = 64;
/// In how many records of a read is looked for what no column reads.
const LOOKED_AT: u64 = 100;
/// What is read of somebody who is gone.
const GONE: &str = "gone";
/// How many rejected records one answer spells out; behind that it is not what it is taken for.
const MAX_REJECTIONS: usize = 100_000;

/// What becomes of a record.
#[derive(Clone)]
enum Wanted {
    /// A record of ours.
    Whole,
    /// Its id is asked for by itself.
    Id(FieldPath),
}

/// By what a record is known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// All of it.
    pub(super) whole: u64,
    /// The employee id, or the id to ask for; of a record without one, all of it.
    pub(super) id: u64,
    /// What is read of it: two of one person may differ in that.
    pub(super) read: u64,
}

/// Takes the records of one answer.
pub(super) struct Taker {
    options: Arc<RestOptions>,
    columns: Arc<Columns>,
    wanted: Wanted,
    gone: Option<(FieldPath, ActionWords)>,
    /// Whether those are read who changed: then who is gone is named, and otherwise left out.
    is_delta: bool,
    sender: mpsc::Sender<RecordBatch>,
    hold: bool,
    batch: RecordBatch,
    first_row: u64,
    rejections: usize,
    /// Batches that wait for the end of the answer.
    pub(super) held: Vec<RecordBatch>,
    /// Whether some went on already: the answer cannot be forgotten any more.
    pub(super) handed_on: bool,
    /// Records so far.
    pub(super) rows: u64,
    /// Which columns stood in a record, and how many records there were in which each may.
    pub(super) matched: Vec<bool>,
    pub(super) whole: u64,
    /// How many of them have a value, by column.
    pub(super) filled: Vec<u64>,
    /// How many say in a delta that somebody is gone: of them nothing but the employee id is looked for.
    pub(super) tombstones: u64,
    /// Whose records in a delta leave a column out, by column.
    pub(super) lacking: BTreeMap<String, Vec<String>>,
    /// What stood in the first records of the read.
    pub(super) seen: PathsSeen,
    /// How many of them say of somebody that they are gone, where everybody is read.
    pub(super) left_out: u64,
    /// By what each record is known again.
    pub(super) marks: Vec<Mark>,
    /// The ids to ask for.
    pub(super) ids: Vec<String>,
}

impl Taker {
    /// A taker of one answer whose records come behind `rows` others. `hold`: until the answer is whole.
    pub(super) fn new(
        options: &Arc<RestOptions>,
        id: Option<&FieldPath>,
        delta: Option<&DeltaRules>,
        sender: &mpsc::Sender<RecordBatch>,
        hold: bool,
        rows: u64,
    ) -> Self {
        let columns = Columns::new(options.rules.fields.columns.keys().map(String::as_str));
        let is_delta = delta.is_some();
        let delta = delta.or(options.rules.delta.as_ref());
        let gone = delta.filter(|delta| delta.actions.can_say_gone());
        let gone = gone.and_then(|delta| Some((delta.gone.clone()?, delta.actions.clone())));
        Self {
            options: Arc::clone(options),
            wanted: id.map_or(Wanted::Whole, |id| Wanted::Id(id.clone())),
            gone,
            is_delta,
            sender: sender.clone(),
            hold,
            batch: RecordBatch::new(Arc::clone(&columns), options.seed),
            first_row: rows,
            rejections: 0,
            held: Vec::new(),
            handed_on: false,
            rows: 0,
            matched: vec![false; columns.names().len()],
            whole: 0,
            filled: vec![0; columns.names().len()],
            tombstones: 0,
            lacking: BTreeMap::new(),
            seen: PathsSeen::default(),
            left_out: 0,
            marks: Vec::new(),
            ids: Vec::new(),
            columns,
        }
    }

    /// Takes a record.
    ///
    /// # Errors
    /// Where too many cannot be used, or nobody listens any more.
    pub(super) fn take(&mut self, element: &Element) -> Result<(), SourceError> {
        let record = &element.value;
        self.rows += 1;
        if self.hold {
            let whole = xxh3_64(record.to_string().as_bytes());
            self.marks.push(Mark { whole, id: whole, read: whole });
        }
        if self.rejections > MAX_REJECTIONS {
            return Err(SourceError::SystemIncomplete {
                system: super::shown(&self.options.rules.list.url),
                reason: format!("more than {MAX_REJECTIONS} records cannot be used; correct source.columns"),
            });
        }
        let (options, wanted) = (Arc::clone(&self.options), self.wanted.clone());
        let fields = &options.rules.fields;
        let id = match &wanted {
            Wanted::Whole => fields.columns.get(EMPLOYEE_ID),
            Wanted::Id(path) => Some(path).filter(|path| fields.is_employee_id(path)),
        };
        match (refuse_unsound(element, id), self.happened(record), &wanted) {
            (Err(Unusable { employee_id, kind, reason }), ..) => self.reject(employee_id, kind, reason),
            // Whoever is gone is not there: they are absent, as if the list were without them.
            (Ok(()), Ok(Happened::Gone), _) if !self.is_delta => {
                self.left_out += 1;
                let id = id.and_then(|id| text(&id.find(record), true).ok());
                id.into_iter().for_each(|id| self.mark(&id, &[Cow::Borrowed(GONE)]));
            }
            // An id that is no employee id is nobody's; who is asked for by it says more, or is not found.
            (Ok(()), Err(_), Wanted::Id(path)) if !fields.is_employee_id(path) => {
                self.take_id(path, record, Happened::There);
            }
            (Ok(()), Err(reason), _) => {
                let id = id.and_then(|id| text(&id.find(record), true).ok()).map(Cow::into_owned);
                self.reject(id.filter(|id| is_usable_id(id)), RejectionKind::UnknownAction, reason);
            }
            (Ok(()), Ok(happened), Wanted::Whole) => self.take_whole(record, happened),
            (Ok(()), Ok(happened), Wanted::Id(path)) => self.take_id(path, record, happened),
        }
        if self.batch.is_full() { self.next_batch() } else { Ok(()) }
    }

    /// The answer has ended: what is held is complete.
    pub(super) fn flush(&mut self) -> Result<(), SourceError> {
        if self.batch.is_empty() { Ok(()) } else { self.next_batch() }
    }

    fn next_batch(&mut self) -> Result<(), SourceError> {
        self.filled.iter_mut().zip(self.batch.filled()).for_each(|(all, (_, some))| *all += some);
        let empty = RecordBatch::new(Arc::clone(&self.columns), self.options.seed);
        self.held.push(std::mem::replace(&mut self.batch, empty));
        if self.hold && self.held.len() <= MOST_HELD {
            return Ok(());
        }
        self.handed_on = true;
        for batch in self.held.drain(..) {
            self.sender.blocking_send(batch).map_err(|_| SourceError::Stopped(None))?;
        }
        Ok(())
    }

    fn take_id(&mut self, path: &FieldPath, record: &Value, happened: Happened) {
        match text(&path.find(record), true).map(Cow::into_owned) {
            Ok(id) if is_usable_id(&id) && happened == Happened::Gone => self.leave(id),
            Ok(id) if loses(&id) => {
                let reason =
                    format!("is listed as '{id}', which cannot be asked for; correct it in the HR system");
                let employee_id = self.options.rules.fields.is_employee_id(path).then_some(id);
                self.reject(employee_id, RejectionKind::UnusableEmployeeId, reason);
            }
            Ok(id) if is_usable_id(&id) => {
                self.mark(&id, &[]);
                self.ids.push(id);
            }
            Ok(_) => self.reject_id("has no usable id"),
            Err(unfit) => self.reject_id(&unfit.to_string()),
        }
    }

    fn reject_id(&mut self, why: &str) {
        let reason = format!("{why} in the list; correct source.rest.detail.id");
        self.reject(None, RejectionKind::NoEmployeeId, reason);
    }

    /// What a record says has happened; an error is why that cannot be told.
    fn happened(&self, record: &Value) -> Result<Happened, String> {
        let Some((path, words)) = &self.gone else { return Ok(Happened::There) };
        let said = text(&path.find(record), false);
        words.read(
            &said
                .map_err(|unfit| format!("says what happened, and that {unfit} (source.rest.delta.gone)"))?,
        )
    }

    fn take_whole(&mut self, record: &Value, happened: Happened) {
        let options = Arc::clone(&self.options);
        let columns = Arc::clone(&self.columns);
        let fields = &options.rules.fields;
        if self.first_row + self.rows <= LOOKED_AT {
            let gone = self.gone.as_ref().map(|(path, _)| path);
            self.seen.look(record, fields.columns.values().chain(gone));
        }
        let path = |name: &str| fields.columns.get(name);
        let shape = |value, name: &str| shaped(value, name, fields);
        let how = Shape { columns: &columns, path, shape, left: &options.left };
        let mut of_gone = Vec::new();
        let matched = match happened {
            Happened::Gone => {
                self.tombstones += 1;
                of_gone.resize(columns.names().len(), false);
                &mut of_gone
            }
            Happened::There => {
                self.whole += 1;
                &mut self.matched
            }
        };
        let read = values(record, how, matched);
        if let Some(has_id) = of_gone.first() {
            self.matched[0] |= has_id;
        }
        match read {
            // Of whoever is gone nothing but the id is needed.
            Err(Unusable { employee_id: Some(id), .. }) if happened == Happened::Gone => self.leave(id),
            Err(Unusable { employee_id, kind, reason }) => self.reject(employee_id, kind, reason),
            Ok(whole) if happened == Happened::Gone => self.leave(whole.values[0].to_string()),
            Ok(Whole { values, is_unread }) => {
                if self.is_delta {
                    self.note_lacking(record, &values);
                }
                self.batch.unread += u64::from(is_unread);
                self.mark(&values[0], &values[1..]);
                self.batch.push(self.first_row + self.rows, values.iter().map(|value| &**value));
            }
        }
    }

    /// Notes which columns the record of somebody leaves out: in a delta that need not mean that there is nothing any more.
    fn note_lacking(&mut self, record: &Value, values: &[Cow<'_, str>]) {
        let sparse = &self.options.rules.list.paging.sparse_columns;
        for (name, value) in self.columns.names().iter().zip(values) {
            let path = self.options.rules.fields.columns.get(name);
            if value.is_empty() && path.is_some_and(|path| !path.is_said_in(record)) && !sparse.contains(name)
            {
                self.lacking.entry(name.clone()).or_default().push(values[0].to_string());
            }
        }
    }

    /// Somebody is gone by the newest record.
    fn leave(&mut self, id: String) {
        self.mark(&id, &[Cow::Borrowed(GONE)]);
        self.batch.gone.push(id);
    }

    /// Notes by what the newest record is known again.
    fn mark(&mut self, id: &str, values: &[Cow<'_, str>]) {
        let Some(mark) = self.marks.last_mut() else { return };
        mark.id = xxh3_64(id.as_bytes());
        let mut hasher = Xxh3::with_seed(mark.id);
        for value in values {
            hasher.update(value.as_bytes());
            hasher.update(&[0x1f]);
        }
        mark.read = hasher.digest();
    }

    /// What the answer has of each column.
    pub(super) fn columns(&self) -> impl Iterator<Item = OnPage> {
        let both = self.matched.iter().zip(&self.filled);
        both.map(|(stands, filled)| OnPage { stands: *stands, filled: *filled })
    }

    /// The employee id of the first record that is held, where it has one.
    pub(super) fn whose(&self) -> Option<&str> {
        let batch = self.held.first()?;
        let rejected = || batch.rejections.first()?.employee_id.as_ref();
        match batch.len() {
            0 => batch.gone.first().or_else(rejected).map(String::as_str),
            _ => Some(batch.head(0).0),
        }
    }

    /// The employee id, or the id to ask for, of a record that is held.
    pub(super) fn name_of<'t>(&'t self, mark: &Mark) -> Option<&'t str> {
        let is_theirs = |id: &&str| xxh3_64(id.as_bytes()) == mark.id;
        let here = |batch: &'t RecordBatch| (0..batch.len()).map(|at| batch.head(at).0);
        self.held.iter().flat_map(here).chain(self.ids.iter().map(String::as_str)).find(is_theirs)
    }

    /// Somebody was listed by this id, and is not where they should stand.
    pub(super) fn not_found(&mut self, id: &str, path: &FieldPath) {
        self.rows += 1;
        // No record was seen: nothing is known of its columns.
        self.matched.clear();
        let reason = format!("is listed as '{id}', and not found when asked for");
        // Another id says nothing of whose record it would have been.
        let employee_id = self.options.rules.fields.is_employee_id(path).then(|| id.to_owned());
        self.reject(employee_id, RejectionKind::NotFound, reason);
    }

    fn reject(&mut self, employee_id: Option<String>, kind: RejectionKind, reason: String) {
        self.rejections += 1;
        if let Some(id) = &employee_id {
            self.mark(id, &[Cow::Borrowed(&*reason)]);
        }
        let row = Some(self.first_row + self.rows);
        self.batch.rejections.push(Rejection { employee_id, row, kind, reason });
    }
}

/// Takes in which columns stood in some records.
pub(super) fn merge(all: &mut Vec<bool>, some: &[bool]) {
    all.resize(some.len().max(all.len()), false);
    all.iter_mut().zip(some).for_each(|(all, some)| *all |= some);
}

/// A value as it counts: a day where it is a date, nothing where it means nothing.
fn shaped<'v>(value: Cow<'v, str>, name: &str, fields: &FieldRules) -> Cow<'v, str> {
    let is_empty = |value: &str| fields.empty_values.iter().any(|empty| empty == value);
    if is_empty(&value) {
        return Cow::Borrowed("");
    }
    if !fields.date_columns.iter().any(|column| column == name) {
        return value;
    }
    match date(&value, fields.date_zone) {
        Some(day) if is_empty(&day) => Cow::Borrowed(""),
        Some(day) => Cow::Owned(day),
        None => value,
    }
}
