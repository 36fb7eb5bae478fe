//! Records as a source delivers them, packed so that a hundred thousand of them cost few allocations.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::mapping::Fields;

mod parts;

/// The name of the column that every source must deliver.
pub const EMPLOYEE_ID: &str = "employee_id";

/// The longest employee id that is believed, in bytes.
pub const MAX_ID_BYTES: usize = 128;
/// The longest value of a column, in bytes. A longer one is a picture or a log, and what is kept of everybody would be without bound.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;
/// Rows in one batch.
pub const BATCH: usize = 512;
/// So much text, in bytes, makes a batch full as well.
const BATCH_BYTES: usize = 1024 * 1024;

/// The names of a record's fields, the employee id first, the others in alphabetical order.
#[derive(Debug, PartialEq, Eq)]
pub struct Columns {
    names: Vec<String>,
}

impl Columns {
    /// The columns with these names; `employee_id` is always among them.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Arc<Self> {
        let mut rest: Vec<String> =
            names.into_iter().filter(|name| *name != EMPLOYEE_ID).map(str::to_owned).collect();
        rest.sort_unstable();
        rest.dedup();
        rest.insert(0, EMPLOYEE_ID.to_owned());
        Arc::new(Self { names: rest })
    }

    /// All names, in the order of a record's values.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Where a column stands.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }
}

/// A 128-bit digest of a record's canonical values under one configuration. Zero means: none known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Fingerprint(pub u128);

impl Fingerprint {
    /// No fingerprint is known: the person has to be looked at.
    pub const NONE: Self = Self(0);

    /// The fingerprint of somebody who was settled as absent from the source, under the configuration of `seed`.
    pub fn absent(seed: u64) -> Self {
        let mut hasher = Xxh3::with_seed(seed);
        hasher.update(b"absent from the source");
        Self(hasher.digest128() | 1)
    }

    /// What [`Fingerprint::absent`] gave, of somebody who keeps what they have: nobody has said that they are gone.
    pub fn kept(self) -> Self {
        Self(self.0 ^ 2)
    }

    /// Lower-case hexadecimal, 32 digits.
    pub fn to_hex(self) -> String {
        format!("{:032x}", self.0)
    }

    /// Reads what [`Fingerprint::to_hex`] wrote; anything else is [`Fingerprint::NONE`].
    pub fn from_hex(text: &str) -> Self {
        Self(u128::from_str_radix(text, 16).unwrap_or(0))
    }
}

/// Some records and refused rows of one source, in the order in which they were read.
pub struct RecordBatch {
    columns: Arc<Columns>,
    seed: u64,
    text: String,
    ends: Vec<u32>,
    rows: Vec<RowHead>,
    /// How many of the records have a value, by column.
    filled: Vec<u64>,
    /// Rows that could not be made into a record.
    pub rejections: Vec<Rejection>,
    /// Whom a delta names as gone. In a snapshot, who is gone is not named at all.
    pub gone: Vec<String>,
    /// How many of the records are of people who have left and had fields that cannot be read, which are left empty.
    pub unread: u64,
}

#[derive(Clone, Copy)]
struct RowHead {
    row: u64,
    fingerprint: Fingerprint,
}

impl RecordBatch {
    /// An empty batch. `seed` is the configuration's fingerprint: a record's fingerprint changes with it.
    pub fn new(columns: Arc<Columns>, seed: u64) -> Self {
        Self {
            filled: vec![0; columns.names().len()],
            columns,
            seed,
            text: String::new(),
            ends: Vec::new(),
            rows: Vec::new(),
            rejections: Vec::new(),
            gone: Vec::new(),
            unread: 0,
        }
    }

    /// How many records are in it.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many of its records have a value, by column.
    pub fn filled(&self) -> impl Iterator<Item = (&str, u64)> {
        self.columns.names().iter().map(String::as_str).zip(self.filled.iter().copied())
    }

    /// Whether it says nothing of anybody.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.rejections.is_empty() && self.gone.is_empty()
    }

    /// Whether it has as many rows or as much text as one batch should have.
    pub fn is_full(&self) -> bool {
        self.len() + self.rejections.len() + self.gone.len() >= BATCH || self.text.len() >= BATCH_BYTES
    }

    /// How much memory it holds, in bytes.
    pub fn memory(&self) -> usize {
        self.text.capacity()
            + self.ends.capacity() * size_of::<u32>()
            + self.rows.capacity() * size_of::<RowHead>()
    }

    /// Appends a record of canonical values in the order of the columns; `row` is where it stood (first data row = 1).
    pub fn push<'a>(&mut self, row: u64, values: impl Iterator<Item = &'a str>) {
        let start = self.append(values);
        let digest = xxhash_rust::xxh3::xxh3_128_with_seed(&self.text.as_bytes()[start..], self.seed);
        // Zero stands for 'none known'.
        self.rows.push(RowHead { row, fingerprint: Fingerprint(digest.max(1)) });
    }

    /// The same for a record whose fingerprint is known by other means.
    pub fn push_as<'a>(&mut self, row: u64, values: impl Iterator<Item = &'a str>, fingerprint: Fingerprint) {
        self.append(values);
        self.rows.push(RowHead { row, fingerprint });
    }

    /// Where the values begin.
    fn append<'a>(&mut self, values: impl Iterator<Item = &'a str>) -> usize {
        let start = self.text.len();
        let first_end = self.ends.len();
        for (value, filled) in values.zip(&mut self.filled) {
            *filled += u64::from(!value.is_empty());
            self.text.push_str(value);
            // A unit separator keeps ("ab","c") and ("a","bc") apart in the fingerprint.
            self.text.push('\u{1f}');
            self.ends
                .push(u32::try_from(self.text.len()).expect("a full batch is handed on, far below 4 GiB"));
        }
        debug_assert_eq!(self.ends.len() - first_end, self.columns.names().len());
        start
    }

    /// The employee id, row number and fingerprint of the record at `index`.
    pub fn head(&self, index: usize) -> (&str, u64, Fingerprint) {
        let head = self.rows[index];
        (self.value(index, 0), head.row, head.fingerprint)
    }

    /// A copy of the record at `index` that stands alone.
    pub fn record(&self, index: usize) -> Record {
        let width = self.columns.names().len();
        let values = (0..width).map(|column| Box::from(self.value(index, column))).collect();
        let head = self.rows[index];
        Record { columns: Arc::clone(&self.columns), values, row: head.row, fingerprint: head.fingerprint }
    }

    fn value(&self, index: usize, column: usize) -> &str {
        let at = index * self.columns.names().len() + column;
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.text[start..self.ends[at] as usize - 1]
    }
}

/// One person's row, read but not yet judged.
#[derive(Clone)]
pub struct Record {
    columns: Arc<Columns>,
    values: Box<[Box<str>]>,
    /// Where it stood in the source, the first data row being 1.
    pub row: u64,
    /// The digest of its values.
    pub fingerprint: Fingerprint,
}

impl Record {
    /// The key.
    pub fn employee_id(&self) -> &str {
        &self.values[0]
    }

    /// A field's value; `None` where it is absent or the column is not mapped.
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.columns.position(name)?;
        Some(&*self.values[at]).filter(|value| !value.is_empty())
    }
}

impl Fields for Record {
    fn names(&self) -> &[String] {
        self.columns.names()
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.get(name)
    }
}

// A record is a person's data: only the key may reach a log.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("employee_id", &self.employee_id())
            .field("row", &self.row)
            .finish_non_exhaustive()
    }
}

/// A row that cannot be used. It changes nobody's access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Whose row it is, where that much could be read.
    pub employee_id: Option<String>,
    /// Where the row stood, the first data row being 1.
    pub row: Option<u64>,
    /// What is wrong, without any value: this may be logged.
    pub kind: RejectionKind,
    /// What is wrong, and how to mend it. For the operator alone: it may quote a value, and where a column is mapped
    /// wrongly that could be anything.
    pub reason: String,
}

/// What can be wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectionKind {
    /// The employee id is empty.
    NoEmployeeId,
    /// The employee id is too long or holds control characters.
    UnusableEmployeeId,
    /// The row has fewer fields than the header.
    FieldCount,
    /// The row has more fields than the header, and may hold somebody else's as well.
    TooManyFields,
    /// The row has as many fields as several rows whose line ends are lost.
    JoinedRows,
    /// A stray quote may have swallowed rows below it.
    StrayQuote,
    /// Its bytes are no text in the configured encoding.
    Encoding,
    /// A field is a table or list, or has several values.
    UnfitField,
    /// It was listed, and could not be found where it should stand.
    NotFound,
    /// Several rows that differ have one employee id.
    DifferingRows,
    /// What happened is said in a word that is in no list.
    UnknownAction,
    /// The status is empty.
    NoStatus,
    /// The status is in no list of the lifecycle.
    UnknownStatus,
    /// A date is not written as configured.
    UnreadableDate,
    /// A role's condition cannot be evaluated.
    RoleCondition,
    /// An attribute's template cannot be rendered.
    Template,
    /// An attribute that Workiva requires is empty.
    MissingAttribute,
    /// The user name has a capital letter or a space.
    UnusableUserName,
    /// The e-mail address is none that could exist.
    UnusableEmail,
    /// Somebody else holds the user name, or maps to it as well.
    UserNameTaken,
    /// They may be somebody who is known under another employee id.
    MaybeKnown,
}

impl RejectionKind {
    /// Whether what stands in the place of the employee id may be something else.
    pub fn is_damage(self) -> bool {
        matches!(self, Self::FieldCount | Self::StrayQuote | Self::Encoding) || self.may_hold_others()
    }

    /// Whether such a row that is somebody's may hold somebody else's as well.
    pub fn may_hold_others(self) -> bool {
        matches!(self, Self::TooManyFields | Self::JoinedRows)
    }

    /// Whether whole rows are likely to be lost in such a one.
    pub fn hides_rows(self) -> bool {
        matches!(self, Self::JoinedRows | Self::StrayQuote)
    }

    /// The name in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoEmployeeId => "no_employee_id",
            Self::UnusableEmployeeId => "unusable_employee_id",
            Self::FieldCount => "field_count",
            Self::TooManyFields => "too_many_fields",
            Self::JoinedRows => "joined_rows",
            Self::StrayQuote => "stray_quote",
            Self::Encoding => "encoding",
            Self::UnfitField => "unfit_field",
            Self::NotFound => "not_found",
            Self::DifferingRows => "differing_rows",
            Self::UnknownAction => "unknown_action",
            Self::NoStatus => "no_status",
            Self::UnknownStatus => "unknown_status",
            Self::UnreadableDate => "unreadable_date",
            Self::RoleCondition => "role_condition",
            Self::Template => "template",
            Self::MissingAttribute => "missing_attribute",
            Self::UnusableUserName => "unusable_user_name",
            Self::UnusableEmail => "unusable_email",
            Self::UserNameTaken => "user_name_taken",
            Self::MaybeKnown => "maybe_known",
        }
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
pub(crate) mod tests;
