//! From the bytes of an HTTP answer to what it means.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::ERROR_SCHEMA;
use super::answer::{Answer, Failure, FailureKind, RetryAfter};
use super::explanation::{Explanation, explain, one_line};
use super::json::{count, has_schema, member, text};
use super::request::ScimRequest;

/// Waits beyond this are cut, so that nobody's arithmetic overflows: one year in seconds.
const LONGEST_WAIT_SECONDS: u64 = 31_536_000;

/// What an answer means. The headers are given as text where they are; the content type serves messages
/// only, since servers give JSON under many names and HTML as JSON.
///
/// # Errors
/// A [`Failure`] for every status but 2xx, and for a success whose body cannot be understood.
pub fn classify(
    request: &ScimRequest,
    status: u16,
    retry_after: Option<&str>,
    location: Option<&str>,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<Answer, Failure> {
    let parsed = parse(body);
    if (200..300).contains(&status) {
        return success(request, status, location, content_type, body, parsed);
    }
    let Explanation { scim_type, text } = explain(parsed.as_ref(), content_type, body);
    let kind = kind_of(status, scim_type.as_deref(), retry_after);
    let message = match kind {
        FailureKind::Redirected => redirect_message(&request.path_and_query(), location),
        _ if text.is_empty() => format!("HTTP {status} without an explanation"),
        _ => text,
    };
    Err(Failure {
        scim_type,
        retry_after: retry_after.and_then(read_retry_after),
        ..Failure::new(kind, Some(status), &message)
    })
}

fn kind_of(status: u16, scim_type: Option<&str>, retry_after: Option<&str>) -> FailureKind {
    match status {
        300..=399 => FailureKind::Redirected,
        401 | 407 => FailureKind::Unauthorized,
        403 => FailureKind::Forbidden,
        404 | 410 => FailureKind::NotFound,
        405 | 501 => FailureKind::NotSupported,
        408 => FailureKind::NoAnswer,
        409 => FailureKind::Conflict,
        429 => FailureKind::Throttled,
        400..=499 if scim_type.is_some_and(|said| said.eq_ignore_ascii_case("uniqueness")) => {
            FailureKind::Conflict
        }
        400..=499 => FailureKind::Invalid,
        503 if retry_after.is_some() => FailureKind::Throttled,
        500..=599 => FailureKind::ServerError,
        _ => FailureKind::Malformed,
    }
}

fn success(
    request: &ScimRequest,
    status: u16,
    location: Option<&str>,
    content_type: Option<&str>,
    body: &[u8],
    parsed: Option<Value>,
) -> Result<Answer, Failure> {
    let answer = |body| Ok(Answer { status, body, location: location.map(str::to_owned) });
    let malformed = |why: &str| Err(Failure::new(FailureKind::Malformed, Some(status), why));
    if is_blank(body) || parsed == Some(Value::Null) {
        return if request.is_read() { malformed("the answer to a read is empty") } else { answer(None) };
    }
    match parsed {
        Some(Value::Object(object)) if is_error(&object) => {
            let said = explain(Some(&Value::Object(object)), content_type, body);
            Err(Failure {
                scim_type: said.scim_type,
                ..Failure::new(
                    FailureKind::Malformed,
                    Some(status),
                    &format!("the status says success, the body an error: {}", said.text),
                )
            })
        }
        Some(Value::Object(object)) if is_about_another(request, &object) => {
            malformed("the answer is about another user than was asked for")
        }
        Some(object @ Value::Object(_)) => answer(Some(object)),
        Some(_) => malformed("the body is JSON, but no object"),
        None => {
            let said = explain(None, content_type, body).text;
            malformed(&format!("the body is not JSON: {said}"))
        }
    }
}

/// A body as JSON. Some servers put a byte order mark before it.
fn parse(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)).ok()
}

fn is_blank(body: &[u8]) -> bool {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body).trim_ascii().is_empty()
}

/// Whether a body is an error whatever its HTTP status: a SCIM one, also without its schema and with a status
/// that is a number, or Workiva's `{code, message}`.
fn is_error(object: &Map<String, Value>) -> bool {
    let has = |name| member(object, name).is_some();
    if has_schema(object, ERROR_SCHEMA) {
        return true;
    }
    let about_users = has("id") || has("userName") || has("Resources");
    let refuses = member(object, "status").and_then(count).is_some_and(|status| (400..600).contains(&status));
    !about_users && (refuses || has("scimType") || (has("code") && has("message")))
}

/// Whether an answer to a request for one user shows the id of another. Somebody between us and Workiva has mixed up answers, and
/// nothing of it is believed.
fn is_about_another(request: &ScimRequest, object: &Map<String, Value>) -> bool {
    let (ScimRequest::GetUser { id }
    | ScimRequest::PatchUser { id, .. }
    | ScimRequest::ReplaceUser { id, .. }) = request
    else {
        return false;
    };
    member(object, "id").and_then(text).is_some_and(|shown| shown != *id)
}

/// Where to is told without query, fragment and userinfo: login pages get tokens there. And never as a place to go on to: whoever
/// redirects has chosen it, and may be anybody between us and Workiva.
fn redirect_message(path: &str, location: Option<&str>) -> String {
    const MEND: &str = "copy workiva.base_url from Workiva's own settings, not from this answer";
    let path = path.split('?').next().unwrap_or_default();
    let Some(location) = location else {
        return one_line(&format!("{path} is redirected without a word on where to; {MEND}"));
    };
    let place = location.split(['?', '#']).next().unwrap_or_default();
    let place = match place.split_once("//") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            let host = authority.rsplit('@').next().unwrap_or_default();
            format!("{scheme}//{host}{path}")
        }
        None => place.to_owned(),
    };
    one_line(&format!(
        "{path} is redirected to '{place}'; nothing was sent there. Redirects are not followed: {MEND}"
    ))
}

/// Seconds, or an HTTP date; seconds with a fraction are rounded up.
fn read_retry_after(header: &str) -> Option<RetryAfter> {
    let header = header.trim();
    let (whole, fraction) = header.split_once('.').unwrap_or((header, ""));
    if !whole.is_empty() && whole.bytes().chain(fraction.bytes()).all(|digit| digit.is_ascii_digit()) {
        let seconds = whole.parse().unwrap_or(LONGEST_WAIT_SECONDS).min(LONGEST_WAIT_SECONDS);
        let part = u64::from(fraction.bytes().any(|digit| digit != b'0'));
        return Some(RetryAfter::Seconds(seconds + part));
    }
    let at = httpdate::parse_http_date(header).ok()?;
    Some(RetryAfter::At(DateTime::<Utc>::from(at)))
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
