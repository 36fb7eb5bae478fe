//! Choices between values, and numbers to compare.

use minijinja::value::{Rest, ValueKind};
use minijinja::{Error, Value};

use super::{Fault, Registry, text};

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.function("if_else", if_else);
    registry.function("ifs", ifs);
    registry.both("switch", switch);
    registry.both("coalesce", coalesce);
    // A field is never undefined here, only empty, so Jinja's own `default` would never replace anything.
    registry.filter("default", coalesce);
    registry.both("int", int);
    registry.both("float", float);
}

/// As IF. What is empty, zero or false counts as no, as everywhere in Jinja.
fn if_else(condition: Value, when_true: Value, when_false: Option<Value>) -> Value {
    if condition.is_true() { when_true } else { when_false.unwrap_or_else(|| Value::from("")) }
}

/// As IFS: condition, value, condition, value and so on. A last value without a condition is the default,
/// without which the result is empty.
fn ifs(arguments: Rest<Value>) -> Result<Value, Error> {
    let (pairs, default) = arguments.as_chunks::<2>();
    if pairs.is_empty() {
        return Err(Fault::Misuse("ifs: give a condition and a value".to_owned()).into());
    }
    let chosen = pairs.iter().find(|[condition, _]| condition.is_true()).map(|[_, value]| value);
    Ok(chosen.or(default.first()).cloned().unwrap_or_else(|| Value::from("")))
}

/// As SWITCH: the value after the first case that is equal, to the letter. A last value without a case is
/// the default, without which the result is empty.
fn switch(value: &Value, arguments: Rest<Value>) -> Result<Value, Error> {
    let value = text(value)?;
    let (pairs, default) = arguments.as_chunks::<2>();
    if pairs.is_empty() {
        return Err(Fault::Misuse("switch: give a case and a value".to_owned()).into());
    }
    for [case, chosen] in pairs {
        if text(case)? == value {
            return Ok(chosen.clone());
        }
    }
    Ok(default.first().cloned().unwrap_or_else(|| Value::from("")))
}

/// The first value that is not blank.
fn coalesce(values: Rest<Value>) -> Result<Value, Error> {
    for value in values.iter() {
        if !value.is_undefined() && !text(value)?.trim().is_empty() {
            return Ok(value.clone());
        }
    }
    Ok(Value::from(""))
}

/// A whole number to compare with. Empty is 0, as an empty cell is; a fraction is cut off.
fn int(value: &Value) -> Result<Value, Error> {
    if value.kind() != ValueKind::String
        && let Some(number) = value.as_i64()
    {
        return Ok(Value::from(number));
    }
    let value = text(value)?;
    match value.trim() {
        "" => Ok(Value::from(0)),
        digits => match digits.parse::<i64>() {
            Ok(number) => Ok(Value::from(number)),
            Err(_) => whole(decimal("int", digits)?),
        },
    }
}

/// A number with a decimal point. Empty is 0.
fn float(value: &Value) -> Result<f64, Error> {
    match text(value)?.trim() {
        "" => Ok(0.0),
        digits => decimal("float", digits),
    }
}

fn decimal(function: &str, digits: &str) -> Result<f64, Error> {
    digits
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())
        .ok_or_else(|| Fault::Data(format!("{function}: the value is not a number")).into())
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked in the line before")]
fn whole(number: f64) -> Result<Value, Error> {
    if number.abs() < 9e15 {
        Ok(Value::from(number.trunc() as i64))
    } else {
        Err(Fault::Data("int: the number is too large".to_owned()).into())
    }
}
