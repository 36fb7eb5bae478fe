//! Dates, which are ISO texts (`2026-01-31`) in every field.

use std::fmt::Write as _;

use chrono::format::{Item, StrftimeItems};
use chrono::{Datelike, NaiveDate};
use minijinja::{Error, Value};

use super::{Fault, Registry, text};

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.both("date_format", date_format);
    registry.both("date_parse", date_parse);
    registry.both("year", |value: &Value| part(value, "year", |date| i64::from(date.year())));
    registry.both("month", |value: &Value| part(value, "month", |date| i64::from(date.month())));
    registry.both("day", |value: &Value| part(value, "day", |date| i64::from(date.day())));
}

/// Writes an ISO date in another form, with the letters of `strftime`; month and day names are English.
fn date_format(value: &Value, pattern: &Value) -> Result<String, Error> {
    let pattern = text(pattern)?;
    let items = known_items("date_format", &pattern)?;
    let Some(date) = iso_date("date_format", value)? else { return Ok(String::new()) };
    let mut formatted = String::new();
    // A date has no hours, so chrono refuses to write them rather than inventing midnight.
    write!(formatted, "{}", date.format_with_items(items.iter())).map_err(|_| {
        Error::from(Fault::Misuse("date_format: the pattern asks for a time, but a date has none".to_owned()))
    })?;
    Ok(formatted)
}

/// Reads a date that is written in another form into an ISO date.
fn date_parse(value: &Value, pattern: &Value) -> Result<String, Error> {
    let pattern = text(pattern)?;
    known_items("date_parse", &pattern)?;
    let value = text(value)?;
    if value.trim().is_empty() {
        return Ok(String::new());
    }
    NaiveDate::parse_from_str(value.trim(), &pattern)
        .map(|date| date.to_string())
        .map_err(|_| Fault::Data("date_parse: the value is not a date of that form".to_owned()).into())
}

/// One number of a date; empty text for an empty value, so that it compares unequal to every number.
fn part(value: &Value, function: &str, number: impl Fn(NaiveDate) -> i64) -> Result<Value, Error> {
    Ok(match iso_date(function, value)? {
        Some(date) => Value::from(number(date)),
        None => Value::from(""),
    })
}

/// Reads exactly `YYYY-MM-DD`. chrono's own parser is not used, as it also takes signs and missing zeros.
fn iso_date(function: &str, value: &Value) -> Result<Option<NaiveDate>, Error> {
    let value = text(value)?;
    let value = value.trim();
    if value.is_empty() {
        return Ok(None);
    }
    let number = |from: usize, to: usize| {
        value.get(from..to).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let separated = value.len() == 10 && value.get(4..5) == Some("-") && value.get(7..8) == Some("-");
    let date = match (number(0, 4), number(5, 7), number(8, 10)) {
        (Some(year), Some(month), Some(day)) if separated => {
            match (year.parse(), month.parse(), day.parse()) {
                (Ok(year), Ok(month), Ok(day)) => NaiveDate::from_ymd_opt(year, month, day),
                _ => None,
            }
        }
        _ => None,
    };
    date.map(Some).ok_or_else(|| {
        let message = format!("{function}: the value is not a date such as 2026-01-31; see date_parse");
        Fault::Data(message).into()
    })
}

fn known_items<'p>(function: &str, pattern: &'p str) -> Result<Vec<Item<'p>>, Error> {
    let items: Vec<_> = StrftimeItems::new(pattern).collect();
    if items.iter().any(|item| matches!(item, Item::Error)) {
        let message = format!("{function}: that is not a pattern; year, month and day are %Y, %m and %d");
        return Err(Fault::Misuse(message).into());
    }
    Ok(items)
}
