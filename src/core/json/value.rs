//! How a value of a record becomes the text that the engine knows, and how the dates of many systems become one kind.

use std::borrow::Cow;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use serde_json::Value;

use super::super::value::canonical;

/// Why there is no text to be had of what a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A table stands where a value should.
    #[error("is an object where a single value is expected")]
    Object,
    /// A list stands where a value should.
    #[error("is a list where a single value is expected")]
    List,
    /// Values that differ stand there.
    #[error("has several values that differ; narrow the path in source.columns, by a filter perhaps")]
    Several,
    /// A number without an exact form.
    #[error("is a number with a fraction or too large to be exact, where an id is expected")]
    Inexact,
}

/// The one text of all that a path leads to; empty where there is none. Equal values count as one.
///
/// # Errors
/// Where no single text can be made of it.
pub fn text<'v>(found: &[&'v Value], must_be_exact: bool) -> Result<Cow<'v, str>, Unfit> {
    let mut one: Cow<'v, str> = Cow::Borrowed("");
    for value in found {
        let text = scalar(value, must_be_exact)?;
        if text.is_empty() {
            continue;
        }
        if !one.is_empty() && one != text {
            return Err(Unfit::Several);
        }
        one = text;
    }
    Ok(one)
}

fn scalar(value: &Value, must_be_exact: bool) -> Result<Cow<'_, str>, Unfit> {
    match value {
        Value::Null => Ok(Cow::Borrowed("")),
        Value::String(text) => Ok(canonical(text)),
        Value::Bool(yes) => Ok(Cow::Borrowed(if *yes { "true" } else { "false" })),
        Value::Number(number) if must_be_exact && number.is_f64() => Err(Unfit::Inexact),
        Value::Number(number) => Ok(Cow::Owned(number.to_string())),
        Value::Array(list) if list.is_empty() => Ok(Cow::Borrowed("")),
        Value::Array(_) => Err(Unfit::List),
        Value::Object(_) => Err(Unfit::Object),
    }
}

/// A date as `YYYY-MM-DD`, of `/Date(1796083200000)/`, an epoch in seconds (9 or 10 digits) or milliseconds (11 to 13), or a date
/// with a time behind it. With a `zone` the day counts that it was there at that instant; without one the day as it is written,
/// and in UTC where nothing but an instant is. `None`: it is none of these, and may be a date of another form.
pub fn date(text: &str, zone: Option<Tz>) -> Option<String> {
    let day = if let Some(inner) = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) {
        // The sign of an offset stands behind the number, a minus of the number before it.
        let split = inner.get(1..).and_then(|rest| rest.find(['+', '-'])).map_or(inner.len(), |at| at + 1);
        let (millis, offset) = inner.split_at(split);
        let millis: i64 = millis.parse().ok()?;
        let offset_minutes = if offset.is_empty() { 0 } else { offset.parse::<i16>().ok()? };
        instant(millis, i64::from(offset_minutes) * 60_000, zone)?
    } else if let Some(digits) = digits(text) {
        let scale = if digits <= 10 { 1_000 } else { 1 };
        instant(text.parse::<i64>().ok()?.checked_mul(scale)?, 0, zone)?
    } else {
        written(text, zone)?
    };
    (0..=9999).contains(&day.year()).then(|| day.format("%Y-%m-%d").to_string())
}

/// How many digits an epoch has. Eight are a date without separators, perhaps, and fewer nothing.
fn digits(text: &str) -> Option<usize> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    ((9..=13).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then_some(digits.len())
}

fn instant(millis: i64, offset_millis: i64, zone: Option<Tz>) -> Option<NaiveDate> {
    match zone {
        Some(zone) => Some(DateTime::from_timestamp_millis(millis)?.with_timezone(&zone).date_naive()),
        None => Some(DateTime::from_timestamp_millis(millis.checked_add(offset_millis)?)?.date_naive()),
    }
}

fn written(text: &str, zone: Option<Tz>) -> Option<NaiveDate> {
    let day = NaiveDate::parse_from_str(text.get(..10)?, "%Y-%m-%d").ok()?;
    let rest = &text[10..];
    if rest.is_empty() {
        return Some(day);
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
    {
        return Some(zone.map_or(at.date_naive(), |zone| at.with_timezone(&zone).date_naive()));
    }
    // Without an offset nobody knows the instant: the day stands as it is.
    let without_offset = ["T%H:%M:%S%.f", " %H:%M:%S%.f", "T%H:%M"];
    let is_time = without_offset
        .iter()
        .any(|form| NaiveDateTime::parse_from_str(text, &format!("%Y-%m-%d{form}")).is_ok());
    // A day with an offset and no time (XML Schema) is that day.
    let is_offset = rest == "Z"
        || (rest.len() == 6
            && rest.starts_with(['+', '-'])
            && rest.as_bytes()[3] == b':'
            && rest[1..].bytes().filter(u8::is_ascii_digit).count() == 4);
    (is_time || is_offset).then_some(day)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_and_truths_become_text_and_equal_values_are_one() {
        let of = |values: &[Value]| text(&values.iter().collect::<Vec<_>>(), true).map(Cow::into_owned);
        assert_eq!(of(&[json!(17)]).unwrap(), "17");
        assert_eq!(of(&[json!(true)]).unwrap(), "true");
        assert_eq!(of(&[json!("\u{a0}0017 ")]).unwrap(), "0017");
        assert_eq!(of(&[json!(null), json!([])]).unwrap(), "");
        assert_eq!(of(&[json!("a"), json!(""), json!("a")]).unwrap(), "a");
        assert_eq!(of(&[json!("a"), json!("b")]), Err(Unfit::Several));
        assert_eq!(of(&[json!({"value": 1})]), Err(Unfit::Object));
        assert_eq!(of(&[json!(["a"])]), Err(Unfit::List));
        let long: Value = serde_json::from_str("123456789012345678901").unwrap();
        assert_eq!(of(&[long]), Err(Unfit::Inexact), "an id that lost its last digits is somebody else's");
    }

    #[test]
    fn dates_of_many_systems_become_days() {
        let new_york = Some(chrono_tz::America::New_York);
        for (text, as_written, in_new_york) in [
            ("/Date(1796083200000)/", "2026-12-01", "2026-11-30"),
            ("/Date(1796083200000-0060)/", "2026-11-30", "2026-11-30"),
            ("/Date(-86400000)/", "1969-12-31", "1969-12-30"),
            ("1796083200", "2026-12-01", "2026-11-30"),
            ("1796083200000", "2026-12-01", "2026-11-30"),
            ("2026-12-01", "2026-12-01", "2026-12-01"),
            ("2026-12-01T00:00:00Z", "2026-12-01", "2026-11-30"),
            ("2026-12-01T00:00:00.000-08:00", "2026-12-01", "2026-12-01"),
            ("2026-12-01T23:00:00-0800", "2026-12-01", "2026-12-02"),
            ("2026-12-01T00:00:00", "2026-12-01", "2026-12-01"),
            ("2026-12-01 00:00:00.0", "2026-12-01", "2026-12-01"),
            ("2026-12-01-08:00", "2026-12-01", "2026-12-01"),
            ("2026-12-01Z", "2026-12-01", "2026-12-01"),
        ] {
            assert_eq!(date(text, None).as_deref(), Some(as_written), "{text}");
            assert_eq!(date(text, new_york).as_deref(), Some(in_new_york), "{text} in New York");
        }
        for other in [
            "",
            "20261201",
            "12/01/2026",
            "/Date(x)/",
            "/Date(9999999999999999)/",
            "/Date()/",
            "2026-13-01",
            "2026-12-01 or so",
            "ä026-12-01",
            "-",
        ] {
            assert_eq!(date(other, None), None, "{other}");
        }
    }
}
