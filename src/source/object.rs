//! A JSON record to the values of ours: the same for a system that is asked and one that pushes.

use std::borrow::Cow;

use serde_json::Value;

use super::words::ACTION;
use crate::core::json::{Element, FieldPath, Unread, text};
use crate::core::record::{Columns, MAX_ID_BYTES, MAX_VALUE_BYTES, RejectionKind};
use crate::core::value::folded;

/// Why a record cannot be used.
pub struct Unusable {
    /// Whose it is, where that much could be read.
    pub employee_id: Option<String>,
    /// What is wrong.
    pub kind: RejectionKind,
    /// In words.
    pub reason: String,
}

/// Refuses a record in which a key says two things, or something stands that cannot be read. `id`: where the employee id stands, if
/// anywhere.
///
/// # Errors
/// Where one does.
pub fn refuse_unsound(record: &Element, id: Option<&FieldPath>) -> Result<(), Unusable> {
    let reason = match (record.unread.first(), record.twice.first()) {
        (None, None) => return Ok(()),
        (Some(Unread { key, why }), _) if key.is_empty() => {
            format!("cannot be read ({why}); correct it in the HR system")
        }
        (Some(Unread { key, why }), _) => {
            format!("has something at '{key}' that cannot be read ({why}); correct it in the HR system")
        }
        (None, Some(key)) => {
            format!("has the key '{key}' twice, with values that differ; let the HR system write it once")
        }
    };
    let mut keys = record.twice.iter().chain(record.unread.iter().map(|unread| &unread.key));
    let id = id.filter(|id| !keys.any(|key| id.may_lead_along(key)));
    let id = id.and_then(|id| text(&id.find(&record.value), true).ok()).map(Cow::into_owned);
    Err(Unusable { employee_id: id.filter(|id| is_usable_id(id)), kind: RejectionKind::UnfitField, reason })
}

/// What was read of a record.
pub struct Whole<'v> {
    /// Its values in the order of the columns.
    pub values: Vec<Cow<'v, str>>,
    /// Whether it is of somebody who has left, and a column that could not be read was left empty.
    pub is_unread: bool,
}

/// How a record is read. `path`: where a column stands, if anywhere; `shape`: a value as it counts, with its column's name; `left`:
/// status words of people who have left, in compared form.
pub struct Shape<'a, P, S> {
    pub columns: &'a Columns,
    pub path: P,
    pub shape: S,
    pub left: &'a [String],
}

/// Reads a record; `matched` is set for each column that stood in it. Of whoever has left nothing but the id and that status is needed: what
/// else cannot be read is left empty, or one odd field would leave a leaver's access as it is.
///
/// # Errors
/// Where it has no usable employee id, or no single value where one is expected.
pub fn values<'v, 'p>(
    record: &'v Value,
    how: Shape<'_, impl Fn(&str) -> Option<&'p FieldPath>, impl Fn(Cow<'v, str>, &str) -> Cow<'v, str>>,
    matched: &mut [bool],
) -> Result<Whole<'v>, Unusable> {
    let Shape { columns, path, shape, left } = how;
    let mut values: Vec<Cow<'v, str>> = Vec::with_capacity(columns.names().len());
    let (mut unfit, mut can_decide) = (None, true);
    for (at, name) in columns.names().iter().enumerate() {
        let found = path(name).map(|path| path.find(record)).unwrap_or_default();
        matched[at] |= !found.is_empty();
        match text(&found, at == 0) {
            Ok(value) if value.len() <= MAX_VALUE_BYTES => values.push(shape(value, name)),
            unusable => {
                let why = unusable.map_or_else(|unfit| unfit.to_string(), |value| too_long(value.len()));
                unfit = unfit.or_else(|| Some(unfit_column(name, &why)));
                can_decide &= at > 0 && !matches!(name.as_str(), "status" | ACTION);
                values.push(Cow::Borrowed(""));
            }
        }
    }
    let id = values[0].as_ref();
    let employee_id = is_usable_id(id).then(|| id.to_owned());
    let status = columns.position("status").map(|at| folded(&values[at]));
    let has_left = can_decide && status.is_some_and(|status| left.contains(&status));
    let (kind, reason) = match (&employee_id, unfit) {
        (Some(_), Some(_)) if has_left => return Ok(Whole { values, is_unread: true }),
        (_, Some(reason)) => (RejectionKind::UnfitField, reason),
        (Some(_), None) => return Ok(Whole { values, is_unread: false }),
        (None, None) if id.is_empty() => {
            (RejectionKind::NoEmployeeId, "has no employee id; fill it in the HR system".into())
        }
        (None, None) => {
            let reason =
                format!("has an employee id with control characters or more than {MAX_ID_BYTES} bytes");
            (RejectionKind::UnusableEmployeeId, reason)
        }
    };
    Err(Unusable { employee_id, kind, reason })
}

/// Why a value of so many bytes is not taken.
pub fn too_long(bytes: usize) -> String {
    format!(
        "has {bytes} bytes, and no more than {MAX_VALUE_BYTES} are taken; shorten it in the HR system, or map another field"
    )
}

/// What is wrong with a value, and which setting says where it stands.
pub fn unfit_column(name: &str, why: &str) -> String {
    match name {
        ACTION => format!("the action {why} (action_column)"),
        _ => format!("{name} {why} (source.columns.{name})"),
    }
}

/// Whether an employee id is one.
pub fn is_usable_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_ID_BYTES && !id.chars().any(char::is_control)
}
