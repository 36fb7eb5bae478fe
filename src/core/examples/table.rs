//! The table of examples: one row a person, with the fields of a record, and what is expected.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use chrono::NaiveDate;

use super::judge::End;
use crate::core::record::{Columns, EMPLOYEE_ID, Record, RecordBatch};
use crate::core::value::canonical;

/// What is written where nothing is expected to come: an empty cell asks for nothing.
pub const NOTHING: &str = "(none)";
/// What is put before the name of what is expected.
const EXPECT: &str = "expect.";
/// What is put before the name of what a test needs beside the record.
const TEST: &str = "test.";

/// By what names a table may call its columns.
pub struct Ground<'a> {
    /// Our names of the fields.
    pub columns: &'a Arc<Columns>,
    /// What the source calls them; a name may stand for several fields where there are several sources.
    pub headers: &'a BTreeMap<String, BTreeSet<String>>,
    /// The mapped SCIM paths.
    pub paths: &'a BTreeSet<String>,
}

/// Somebody, and what the rules should make of them.
#[derive(Debug)]
pub struct Example {
    /// The line of the table, the header's being 1.
    pub line: u64,
    /// What is shown by it, in the words of whoever wrote it.
    pub name: Option<String>,
    /// The person as a source would deliver them.
    pub record: Record,
    /// The day by which they are judged.
    pub as_of: Option<NaiveDate>,
    /// The account that is confirmed before.
    pub account: Before,
    /// Its user name.
    pub user_name: Option<String>,
    /// What is asked, and the answer that is expected. At least one.
    pub expected: Vec<(Question, String)>,
}

/// The account that somebody has before they are judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Before {
    /// None.
    #[default]
    None,
    /// One with access.
    Active,
    /// One without access.
    Suspended,
}

/// What is asked of an example.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// Where the account ends.
    Access,
    /// Which roles match.
    Roles,
    /// Which groups are granted.
    Grants,
    /// The first day of access by the dates.
    From,
    /// The last day of access by the dates.
    Until,
    /// A part of the reason in words.
    Reason,
    /// An attribute of the mapped user.
    Attribute(String),
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Access => "access",
            Self::Roles => "roles",
            Self::Grants => "grants",
            Self::From => "from",
            Self::Until => "until",
            Self::Reason => "reason",
            Self::Attribute(path) => path,
        };
        write!(f, "{EXPECT}{name}")
    }
}

/// What a column of the table holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Meaning {
    /// The field at this place of a record.
    Field(usize),
    Name,
    AsOf,
    Account,
    UserName,
    Expected(Question),
}

/// Reads a table: CSV in UTF-8, with commas.
///
/// # Errors
/// Every fault with its line, and how to mend it.
pub fn read(text: &str, ground: &Ground<'_>) -> Result<Vec<Example>, Vec<String>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records = reader.records();
    let header = match records.next() {
        Some(Ok(header)) => header,
        Some(Err(error)) => return Err(vec![format!("line 1: cannot be read: {error}")]),
        None => return Err(vec!["is empty; write a header, and below it one row for each example".into()]),
    };
    let meanings = meanings(&header, ground)?;
    let (mut examples, mut faults) = (Vec::new(), Vec::new());
    for record in records {
        let row = match record {
            Ok(row) => row,
            Err(error) => {
                faults.push(format!("a row cannot be read: {error}"));
                continue;
            }
        };
        let line = row.position().map_or(0, |position| line_of(text, position));
        if row.iter().all(|cell| canonical(cell).is_empty()) {
            continue;
        }
        if row.len() != meanings.len() {
            faults.push(format!(
                "line {line}: has {} cells, and the header has {}; put a cell with a comma into quotes",
                row.len(),
                meanings.len()
            ));
            continue;
        }
        match example(line, &row, &meanings, ground) {
            Ok(example) => examples.push(example),
            Err(of_row) => faults.extend(of_row.into_iter().map(|fault| format!("line {line}: {fault}"))),
        }
    }
    if examples.is_empty() && faults.is_empty() {
        faults.push("has no row below its header, so nothing is tested; write one for each example".into());
    }
    if faults.is_empty() { Ok(examples) } else { Err(faults) }
}

/// Where a row stands: its position is that of the empty lines above it.
fn line_of(text: &str, position: &csv::Position) -> u64 {
    let rest = usize::try_from(position.byte()).ok().and_then(|byte| text.get(byte..)).unwrap_or_default();
    let empty = rest.chars().take_while(|c| matches!(c, '\r' | '\n')).filter(|c| *c == '\n').count();
    position.line() + empty as u64
}

fn meanings(header: &csv::StringRecord, ground: &Ground<'_>) -> Result<Vec<Meaning>, Vec<String>> {
    let (mut meanings, mut faults) = (Vec::new(), Vec::new());
    for name in header {
        match meaning(&canonical(name), ground) {
            Ok(meaning) if meanings.contains(&meaning) => {
                faults
                    .push(format!("line 1: the column '{name}' means what another one means; leave one out"));
            }
            Ok(meaning) => meanings.push(meaning),
            Err(fault) => faults.push(format!("line 1: the column '{name}' {fault}")),
        }
    }
    if faults.is_empty() && !meanings.contains(&Meaning::Field(0)) {
        faults.push(format!("line 1: has no column '{EMPLOYEE_ID}'; add it: a record without an id is none"));
    }
    if faults.is_empty() && !meanings.iter().any(|meaning| matches!(meaning, Meaning::Expected(_))) {
        faults.push("line 1: has no column that expects anything, such as 'expect.access'; add one".into());
    }
    if faults.is_empty() { Ok(meanings) } else { Err(faults) }
}

fn meaning(name: &str, ground: &Ground<'_>) -> Result<Meaning, String> {
    const ASKED: [Question; 6] = [
        Question::Access,
        Question::Roles,
        Question::Grants,
        Question::From,
        Question::Until,
        Question::Reason,
    ];
    if let Some(asked) = name.strip_prefix(EXPECT) {
        let attribute = || ground.paths.get(asked).map(|path| Question::Attribute(path.clone()));
        let known = ASKED.into_iter().find(|question| question.to_string() == name).or_else(attribute);
        return known.map(Meaning::Expected).ok_or_else(|| {
            let paths = ground.paths.iter().map(|path| format!("{EXPECT}{path}"));
            format!(
                "asks for nothing that there is; write one of {}",
                listed(ASKED.iter().map(Question::to_string).chain(paths))
            )
        });
    }
    if let Some(asked) = name.strip_prefix(TEST) {
        return match asked {
            "name" => Ok(Meaning::Name),
            "as_of" => Ok(Meaning::AsOf),
            "account" => Ok(Meaning::Account),
            "user_name" => Ok(Meaning::UserName),
            _ => Err("is none; write test.name, test.as_of, test.account or test.user_name".into()),
        };
    }
    let ours = ground.columns.position(name).map(|at| ground.columns.names()[at].as_str());
    let theirs = ground.headers.get(name).into_iter().flatten().map(String::as_str);
    let fields: BTreeSet<&str> = ours.into_iter().chain(theirs).collect();
    let mut fields = fields.into_iter();
    match (fields.next(), fields.next()) {
        (Some(field), None) => ground.columns.position(field).map(Meaning::Field).ok_or_else(String::new),
        (Some(one), Some(other)) => {
            Err(format!("may mean {one} or {other}; write the one that you mean, as source.columns names it"))
        }
        (None, _) => Err(format!(
            "is neither one of source.columns nor a header of the source; write one of {}, a header of theirs, \
             or expect.… or test.…",
            listed(ground.columns.names().iter().cloned())
        )),
    }
}

fn listed(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

fn example(
    line: u64,
    row: &csv::StringRecord,
    meanings: &[Meaning],
    ground: &Ground<'_>,
) -> Result<Example, Vec<String>> {
    let mut values = vec![String::new(); ground.columns.names().len()];
    let (mut name, mut as_of, mut account, mut user_name) = (None, None, Before::default(), None);
    let (mut expected, mut faults) = (Vec::new(), Vec::new());
    for (cell, meaning) in row.iter().zip(meanings) {
        let cell = canonical(cell);
        if cell.is_empty() {
            continue;
        }
        match meaning {
            Meaning::Field(at) => values[*at] = cell.into_owned(),
            Meaning::Name => name = Some(cell.into_owned()),
            Meaning::UserName => user_name = Some(cell.into_owned()),
            Meaning::AsOf => match cell.parse::<NaiveDate>() {
                Ok(day) => as_of = Some(day),
                Err(_) => faults.push(no_day("test.as_of", &cell)),
            },
            Meaning::Account => match &*cell {
                "none" => account = Before::None,
                "active" => account = Before::Active,
                "suspended" => account = Before::Suspended,
                _ => faults.push(format!("test.account is '{cell}'; write none, active or suspended")),
            },
            Meaning::Expected(question) => match fault_of(question, &cell) {
                Some(fault) => faults.push(fault),
                None => expected.push((question.clone(), cell.into_owned())),
            },
        }
    }
    if values[0].is_empty() {
        faults.push(format!("has no {EMPLOYEE_ID}; make one up, such as {line}"));
    }
    if account == Before::None && user_name.is_some() {
        faults.push("has test.user_name, but no account; add test.account = active or suspended".into());
    }
    if expected.is_empty() && faults.is_empty() {
        faults.push(format!("expects nothing; fill one of its expect.… cells, or write {NOTHING} there"));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut batch = RecordBatch::new(Arc::clone(ground.columns), 0);
    batch.push(line, values.iter().map(String::as_str));
    Ok(Example { line, name, record: batch.record(0), as_of, account, user_name, expected })
}

/// Why an answer can never come.
fn fault_of(question: &Question, cell: &str) -> Option<String> {
    match question {
        Question::Access if !End::ALL.iter().any(|end| end.name() == cell) => {
            let words = End::ALL.map(End::name).join(", ");
            Some(format!("{question} is '{cell}'; write one of {words}"))
        }
        Question::From | Question::Until if cell != NOTHING && cell.parse::<NaiveDate>().is_err() => {
            Some(no_day(&question.to_string(), cell))
        }
        _ => None,
    }
}

fn no_day(column: &str, cell: &str) -> String {
    format!("{column} is '{cell}', no day of the calendar; write year, month and day, such as 2027-01-31")
}
