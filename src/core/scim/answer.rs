//! What came back from a SCIM server, and what it means.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use super::classify::classify;
use super::group::RemoteGroup;
use super::user::RemoteUser;

/// A success. Its `Debug` shows no personal data.
#[derive(Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status, from 200 to 299.
    pub status: u16,
    /// The body; always there for a read, and an object. A write may be answered without one.
    pub body: Option<Value>,
    /// The `Location` header as it came; see [`created_id`](super::user::created_id).
    pub location: Option<String>,
}

impl Answer {
    /// The user of the body, if it holds one.
    pub fn user(&self) -> Option<RemoteUser> {
        self.body.as_ref().and_then(RemoteUser::read)
    }

    /// Whether a change of a user is answered as if it were done, and not with that user: by 204 it is (RFC 7644, section 3.5.2), and
    /// anything else may be a portal's or a queue's word.
    pub fn says_nothing_of_the_user(&self) -> bool {
        self.status != 204 && self.user().is_none_or(|user| user.id.is_none())
    }

    /// The group of the body, if it holds one.
    pub fn group(&self) -> Option<RemoteGroup> {
        self.body.as_ref().and_then(RemoteGroup::read)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Answer")
            .field("status", &self.status)
            .field("has_body", &self.body.is_some())
            .field("has_location", &self.location.is_some())
            .finish()
    }
}

/// The kinds of failure that call for different behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// No connection could be made (name, connect, TLS), so nothing was sent.
    Unreachable,
    /// The request went out and no whole answer came (time-out, reset, a body that broke off, 408).
    NoAnswer,
    /// The server wants us to be slower: 429, or 503 with `Retry-After`.
    Throttled,
    /// 401 or 407: the credentials are refused.
    Unauthorized,
    /// 403: the credentials do not suffice, for everything or for this user.
    Forbidden,
    /// 404 or 410. On a PUT or PATCH it may also mean that the method is not routed.
    NotFound,
    /// 409, or another 4xx with the `scimType` `uniqueness`.
    Conflict,
    /// 400, 413, 422 and every other 4xx; without a status, a request that was not sent since it is at fault.
    Invalid,
    /// 405 or 501: the server does not do this.
    NotSupported,
    /// Every other 5xx. Servers exist that answer 500 and have stored the change.
    ServerError,
    /// A success that cannot be understood: an HTML page, broken JSON, an error, or more than the bound.
    Malformed,
    /// 3xx. Redirects are never followed, since the credentials would go somewhere else.
    Redirected,
}

impl FailureKind {
    /// The kind in words, for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::NoAnswer => "no answer",
            Self::Throttled => "throttled",
            Self::Unauthorized => "credentials refused",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not found",
            Self::Conflict => "conflict",
            Self::Invalid => "refused as invalid",
            Self::NotSupported => "not supported",
            Self::ServerError => "server error",
            Self::Malformed => "answer not understood",
            Self::Redirected => "redirected",
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// When a server wants to be asked again (RFC 9110, section 10.2.3). Whoever waits bounds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// After so many seconds; never more than a year.
    Seconds(u64),
    /// At this time by the server's clock.
    At(DateTime<Utc>),
}

/// A failed request. `Debug` and `Display` leave the message out, since a server may quote the person in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What it calls for.
    pub kind: FailureKind,
    /// The HTTP status, if an answer came.
    pub status: Option<u16>,
    /// The `scimType` of a SCIM error (RFC 7644, section 3.12), as the server spelled it.
    pub scim_type: Option<String>,
    /// What the server or the transport said, at most 300 characters on one line. For the journal and the
    /// operator, not for logs: it may quote a person's data.
    pub message: String,
    /// When to ask again, if the server said so.
    pub retry_after: Option<RetryAfter>,
}

impl Failure {
    /// A failure without an answer to quote. The message is made one line of at most 300 characters.
    pub fn new(kind: FailureKind, status: Option<u16>, message: &str) -> Self {
        let message = super::explanation::one_line(message);
        Self { kind, status, scim_type: None, message, retry_after: None }
    }

    /// Whether a write that failed so may have been carried out all the same. Then the server has to be
    /// asked before it is written again. A 303 says 'done, look over there' (RFC 9110, section 15.4.4).
    pub fn may_have_taken_effect(&self) -> bool {
        match self.kind {
            FailureKind::NoAnswer | FailureKind::Malformed | FailureKind::ServerError => true,
            FailureKind::Redirected => self.status == Some(303),
            _ => false,
        }
    }

    /// Whether the same request may well succeed later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            FailureKind::Unreachable
                | FailureKind::NoAnswer
                | FailureKind::Throttled
                | FailureKind::ServerError
                | FailureKind::Malformed
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind.as_str())?;
        if let Some(status) = self.status {
            write!(formatter, " (HTTP {status})")?;
        }
        match self.scim_type.as_deref() {
            Some(scim_type) => write!(formatter, ", {scim_type}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Failure")
            .field("kind", &self.kind)
            .field("status", &self.status)
            .field("scim_type", &self.scim_type)
            .field("retry_after", &self.retry_after)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Failure {}

/// One request, and all that is known of how it went.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// [`ScimRequest::line`](super::request::ScimRequest::line).
    pub line: String,
    /// The HTTP status, if one came.
    pub status: Option<u16>,
    /// How long it took, in milliseconds, from sending to the last byte of the answer.
    pub elapsed_ms: u64,
    /// What it came to.
    pub result: Result<Answer, Failure>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ALL: [FailureKind; 12] = [
        FailureKind::Unreachable,
        FailureKind::NoAnswer,
        FailureKind::Throttled,
        FailureKind::Unauthorized,
        FailureKind::Forbidden,
        FailureKind::NotFound,
        FailureKind::Conflict,
        FailureKind::Invalid,
        FailureKind::NotSupported,
        FailureKind::ServerError,
        FailureKind::Malformed,
        FailureKind::Redirected,
    ];

    #[test]
    fn each_kind_says_whether_it_passes_by_itself_and_whether_it_may_have_taken_effect() {
        use FailureKind::*;
        for kind in ALL {
            let failure = Failure::new(kind, None, "");
            let transient = matches!(kind, Unreachable | NoAnswer | Throttled | ServerError | Malformed);
            assert_eq!(failure.is_transient(), transient, "{kind}");
            let effect = matches!(kind, NoAnswer | ServerError | Malformed);
            assert_eq!(failure.may_have_taken_effect(), effect, "{kind}");
        }
        assert!(Failure::new(Redirected, Some(303), "").may_have_taken_effect());
        assert!(!Failure::new(Redirected, Some(302), "").may_have_taken_effect());
    }

    #[test]
    fn neither_debug_nor_display_shows_what_a_server_said_of_a_person() {
        let failure = Failure::new(FailureKind::Conflict, Some(409), "jane@acme.example is taken");
        let answer = Answer {
            status: 200,
            body: Some(json!({"userName": "jane"})),
            location: Some("/Users/jane".into()),
        };
        let shown = format!("{failure} {failure:?} {answer:?}");
        assert!(shown.contains("409") && !shown.contains("jane"), "{shown}");
    }

    #[test]
    fn a_failure_survives_being_stored() {
        let failure = Failure {
            retry_after: Some(RetryAfter::Seconds(7)),
            ..Failure::new(FailureKind::Throttled, Some(429), "slow down")
        };
        let stored = serde_json::to_string(&failure).unwrap();
        assert_eq!(serde_json::from_str::<Failure>(&stored).unwrap(), failure);
    }
}
