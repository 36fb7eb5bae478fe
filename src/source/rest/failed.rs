//! Why an attempt came to nothing, and whether another one may help.

use std::error::Error;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::moment::time_of;

/// Why an attempt came to nothing.
pub(super) struct Failed {
    pub(super) reason: String,
    /// Whether it may be tried again, and what the server asks for.
    pub(super) again: Option<Option<Duration>>,
}

impl Failed {
    /// Another attempt would come to the same.
    pub(super) fn for_good(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), again: None }
    }
}

/// By an answer with this status.
pub(super) fn refused(status: StatusCode, headers: &HeaderMap) -> Failed {
    let mend = match status.as_u16() {
        401 => "; it does not take our credentials: check source.rest.auth or source.account",
        403 => "; the account may not read this: give it the right to",
        404 => "; nothing is there: check source.rest.url, or the company in source.account",
        429 => "; it is asked too often: lower source.rest.requests_per_minute",
        _ => "",
    };
    let reason = format!("it answers with status {}{mend}", status.as_u16());
    // 509 and 520 to 529 are what hosts and proxies in front of a system say that cannot reach it, or let it rest.
    let is_passing = matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502..=504 | 509 | 520..=529);
    Failed { reason, again: is_passing.then(|| retry_after(headers)) }
}

/// Without an answer.
pub(super) fn not_answered(error: &reqwest::Error) -> Failed {
    let what = if error.is_connect() {
        "no connection"
    } else if error.is_timeout() {
        "no answer in time (source.rest.timeout_seconds)"
    } else {
        "the connection broke before the answer"
    };
    let reason = format!("{what}: {}", causes(error));
    // A certificate that is not believed now will not be in a second.
    let certificate = reason.contains("certificate");
    Failed { reason, again: (!error.is_builder() && !certificate).then_some(None) }
}

/// An error's causes, without the outermost one, which would quote the address and its query.
pub(super) fn causes(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    let all: Vec<String> = causes.map(ToString::to_string).collect();
    if all.is_empty() { "no further reason is known".to_owned() } else { all.join(": ") }
}

/// Seconds, or a date that is counted from the answer's own. A fraction counts as a whole second, and what no number holds as the most.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !whole.is_empty() && is_digits(whole) && is_digits(fraction) {
        let more = u64::from(fraction.bytes().any(|digit| digit != b'0'));
        return Some(Duration::from_secs(whole.parse::<u64>().unwrap_or(u64::MAX).saturating_add(more)));
    }
    let until: DateTime<Utc> = httpdate::parse_http_date(value).ok()?.into();
    (until - time_of(headers)).to_std().ok()
}
