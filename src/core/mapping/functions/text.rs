//! Whole texts: letter case, joining, replacing, comparing.

use minijinja::value::Rest;
use minijinja::{Error, Value};
use unicode_normalization::char::is_combining_mark;

use super::{Fault, Registry, count, text};

/// The widest that `pad_left` fills, in characters: wider than any value may be is a mistake.
const WIDEST: usize = 256;

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.both("trim", trim);
    registry.both("clean", clean);
    registry.both("lower", lower);
    registry.both("upper", upper);
    registry.both("proper", proper);
    registry.both("concat", concat);
    registry.both("text_join", text_join);
    registry.both("substitute", substitute);
    registry.both("pad_left", pad_left);
    registry.both("contains", contains);
    registry.both("starts_with", starts_with);
    registry.both("ends_with", ends_with);
    registry.both("exact", exact);
    registry.test("contains", contains);
    registry.test("starts_with", starts_with);
    registry.test("ends_with", ends_with);
}

/// As TRIM: no white space at the ends, and one space for each run of it between words.
fn trim(value: &Value) -> Result<String, Error> {
    let mut trimmed = String::new();
    for word in text(value)?.split_whitespace() {
        if !trimmed.is_empty() {
            trimmed.push(' ');
        }
        trimmed.push_str(word);
    }
    Ok(trimmed)
}

/// As CLEAN: without control characters, such as line breaks and tabs.
fn clean(value: &Value) -> Result<String, Error> {
    Ok(text(value)?.chars().filter(|character| !character.is_control()).collect())
}

fn lower(value: &Value) -> Result<String, Error> {
    Ok(text(value)?.to_lowercase())
}

fn upper(value: &Value) -> Result<String, Error> {
    Ok(text(value)?.to_uppercase())
}

/// As PROPER: a letter that does not follow a letter is a capital, every other is not. So `o'brien` becomes
/// `O'Brien` and `2nd` becomes `2Nd`.
fn proper(value: &Value) -> Result<String, Error> {
    let mut cased = String::new();
    let mut within_word = false;
    for character in text(value)?.chars() {
        if within_word {
            cased.extend(character.to_lowercase());
        } else {
            cased.extend(character.to_uppercase());
        }
        within_word = character.is_alphabetic() || (within_word && is_combining_mark(character));
    }
    Ok(cased)
}

fn concat(values: Rest<Value>) -> Result<String, Error> {
    let mut joined = String::new();
    for value in values.iter() {
        joined.push_str(&text(value)?);
    }
    Ok(joined)
}

/// As TEXTJOIN with empty ones left out: the delimiter first, then the values.
fn text_join(delimiter: &Value, values: Rest<Value>) -> Result<String, Error> {
    let delimiter = text(delimiter)?;
    let mut joined = String::new();
    for value in values.iter() {
        let value = text(value)?;
        if value.is_empty() {
            continue;
        }
        if !joined.is_empty() {
            joined.push_str(&delimiter);
        }
        joined.push_str(&value);
    }
    Ok(joined)
}

/// As SUBSTITUTE: every occurrence, or only the `nth`, counted from 1. Letter case counts.
fn substitute(value: &Value, old: &Value, new: &Value, nth: Option<i64>) -> Result<String, Error> {
    let (value, old, new) = (text(value)?, text(old)?, text(new)?);
    if old.is_empty() {
        return Ok(value.into_owned());
    }
    let Some(nth) = nth else { return Ok(value.replace(old.as_ref(), &new)) };
    let nth = count("substitute", "number of the occurrence", nth, 1)?;
    match value.match_indices(old.as_ref()).nth(nth - 1) {
        Some((at, _)) => Ok(format!("{}{new}{}", &value[..at], &value[at + old.len()..])),
        None => Ok(value.into_owned()),
    }
}

/// Fills up at the left to `width` characters, for numbers that lost their leading zeros. Empty stays empty.
fn pad_left(value: &Value, width: i64, fill: Option<Value>) -> Result<String, Error> {
    let width = count("pad_left", "width", width, 0)?;
    if width > WIDEST {
        return Err(Fault::Range(format!("pad_left: the width is above {WIDEST}")).into());
    }
    let fill = match &fill {
        Some(fill) => text(fill)?.into_owned(),
        None => "0".to_owned(),
    };
    let mut letters = fill.chars();
    let (Some(fill), None) = (letters.next(), letters.next()) else {
        return Err(Fault::Misuse("pad_left: fill with exactly one character".to_owned()).into());
    };
    let value = text(value)?;
    if value.is_empty() {
        return Ok(String::new());
    }
    let missing = width.saturating_sub(value.chars().count());
    Ok(std::iter::repeat_n(fill, missing).chain(value.chars()).collect())
}

fn contains(value: &Value, part: &Value) -> Result<bool, Error> {
    Ok(text(value)?.contains(text(part)?.as_ref()))
}

fn starts_with(value: &Value, part: &Value) -> Result<bool, Error> {
    Ok(text(value)?.starts_with(text(part)?.as_ref()))
}

fn ends_with(value: &Value, part: &Value) -> Result<bool, Error> {
    Ok(text(value)?.ends_with(text(part)?.as_ref()))
}

/// As EXACT: equal to the letter, case included.
fn exact(left: &Value, right: &Value) -> Result<bool, Error> {
    Ok(text(left)? == text(right)?)
}
