//! Pieces of a text, counted from 1 in characters.
//!
//! A character is what a reader counts as one: a letter with the combining marks that follow it. So no
//! function here cuts an accent off its letter, also where NFC has no single code point for the two.

use minijinja::{Error, Value};
use unicode_normalization::char::is_combining_mark;

use super::{Fault, Registry, count, text};

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.both("left", left);
    registry.both("right", right);
    registry.both("mid", mid);
    registry.both("replace_at", replace_at);
    registry.both("len", len);
    registry.both("find", find);
    registry.both("search", search);
    registry.both("split", split);
}

fn left(value: &Value, number: Option<i64>) -> Result<String, Error> {
    let value = text(value)?;
    if value.is_empty() {
        return Ok(String::new());
    }
    let number = count("left", "number of characters", number.unwrap_or(1), 0)?;
    Ok(value[..offset(&value, number)].to_owned())
}

fn right(value: &Value, number: Option<i64>) -> Result<String, Error> {
    let value = text(value)?;
    if value.is_empty() {
        return Ok(String::new());
    }
    let number = count("right", "number of characters", number.unwrap_or(1), 0)?;
    let skipped = length(&value).saturating_sub(number);
    Ok(value[offset(&value, skipped)..].to_owned())
}

fn mid(value: &Value, start: i64, number: i64) -> Result<String, Error> {
    let value = text(value)?;
    if value.is_empty() {
        return Ok(String::new());
    }
    let skipped = count("mid", "start", start, 1)? - 1;
    let number = count("mid", "number of characters", number, 0)?;
    let rest = &value[offset(&value, skipped)..];
    Ok(rest[..offset(rest, number)].to_owned())
}

/// As REPLACE, by position; the name `replace` is Jinja's, by text. Empty text stays empty.
fn replace_at(value: &Value, start: i64, number: i64, new: &Value) -> Result<String, Error> {
    let (value, new) = (text(value)?, text(new)?);
    if value.is_empty() {
        return Ok(String::new());
    }
    let skipped = count("replace_at", "start", start, 1)? - 1;
    let number = count("replace_at", "number of characters", number, 0)?;
    let (before, rest) = value.split_at(offset(&value, skipped));
    Ok(format!("{before}{new}{}", &rest[offset(rest, number)..]))
}

fn len(value: &Value) -> Result<i64, Error> {
    Ok(position(length(&text(value)?)))
}

/// As FIND, but the text comes first, and a part that is not there gives 0 instead of an error.
fn find(value: &Value, part: &Value) -> Result<i64, Error> {
    Ok(first_position(&text(value)?, &text(part)?))
}

/// As `find`, regardless of letter case.
fn search(value: &Value, part: &Value) -> Result<i64, Error> {
    Ok(first_position(&text(value)?.to_lowercase(), &text(part)?.to_lowercase()))
}

/// The piece at `index` between separators: from 1, or from -1 at the end; empty when there is none.
/// Without an index, all pieces as a list.
fn split(value: &Value, separator: &Value, index: Option<i64>) -> Result<Value, Error> {
    let (value, separator) = (text(value)?, text(separator)?);
    if separator.is_empty() {
        return Err(Fault::Range("split: the separator is empty".to_owned()).into());
    }
    let mut pieces = value.split(separator.as_ref());
    let Some(index) = index else {
        return Ok(Value::from_iter(pieces));
    };
    let place = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
    let piece = match index {
        0 => {
            let message = "split: the index is 0, but counts from 1, or from -1 at the end";
            return Err(Fault::Range(message.to_owned()).into());
        }
        1.. => pieces.nth(place - 1),
        _ => value.rsplit(separator.as_ref()).nth(place - 1),
    };
    Ok(Value::from(piece.unwrap_or_default()))
}

/// The byte at which the character after the first `number` begins, or the end.
fn offset(text: &str, number: usize) -> usize {
    starts(text).nth(number).unwrap_or(text.len())
}

fn length(text: &str) -> usize {
    starts(text).count()
}

/// The byte offsets at which characters begin. A mark at the very start counts as a character.
fn starts(text: &str) -> impl Iterator<Item = usize> + '_ {
    text.char_indices().filter(|&(at, character)| at == 0 || !is_combining_mark(character)).map(|(at, _)| at)
}

fn first_position(text: &str, part: &str) -> i64 {
    match text.find(part) {
        Some(_) if text.is_empty() => 0,
        Some(at) => position(length(&text[..at]) + 1),
        None => 0,
    }
}

fn position(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
