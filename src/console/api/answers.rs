//! How the API answers: pages of lists, and refusals.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::EngineError;
use crate::http::TooMany;
use crate::store::{Looked, StoreError};

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Listed<T> {
    /// The rows.
    pub items: Vec<T>,
    /// What to ask with for the rows behind these; null: there are no more. A search may stop before a page is full: then it goes on from there, also
    /// where nothing was found by then.
    pub next: Option<String>,
}

impl<T> Listed<T> {
    /// Of one row more than `limit` was asked for: it tells whether there is another page.
    pub fn of(mut items: Vec<T>, limit: u32, key: impl Fn(&T) -> String) -> Self {
        let has_more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next = items.last().filter(|_| has_more).map(key);
        Self { items, next }
    }

    /// Of a search for one row more than `limit`, which may have stopped before.
    pub fn of_search(looked: Looked<T>, limit: u32, key: impl Fn(&T) -> String) -> Self {
        let Self { items, next } = Self::of(looked.rows, limit, key);
        Self { items, next: next.or(looked.stopped_at) }
    }
}

/// Why a request is refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct Refusal {
    error: Fault,
}

/// What is wrong with it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Fault {
    /// A stable name.
    code: Code,
    /// What is wrong, and how to mend it.
    message: String,
}

/// Why, by a stable name. `busy` and `timeout` are worth another try. `no_users`: the configuration names nobody who may; `unknown_token`: no token,
/// or nobody's; `too_many_attempts`: so many wrong tokens were shown that this one was not looked at; `not_an_operator`: a viewer decides nothing;
/// `not_found`: there is no such thing; `unusable`: what was sent cannot be used; `reason_missing`: nobody decides without saying why;
/// `reason_unusable`: the reason is none that the audit takes; `not_parked`: none of the named actions is parked; `not_held`: the plan does not wait for
/// a decision; `stale`: the plan is not what would be planned now; `expired`: nobody decided about the plan in time; `busy`: another approval,
/// or too many requests, are under way; `timeout`: there was no answer in time; `failed`: it broke down; the log says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The configuration names nobody who may.
    NoUsers,
    /// No token, or nobody's.
    UnknownToken,
    /// So many wrong tokens were shown that this one was not looked at.
    TooManyAttempts,
    /// A viewer decides nothing.
    NotAnOperator,
    /// There is no such thing.
    NotFound,
    /// What was sent cannot be used.
    Unusable,
    /// Nobody decides without saying why.
    ReasonMissing,
    /// The reason is none that the audit takes.
    ReasonUnusable,
    /// None of the named actions is parked.
    NotParked,
    /// The plan does not wait for a decision.
    NotHeld,
    /// The plan is not what would be planned now.
    Stale,
    /// Nobody decided about the plan in time.
    Expired,
    /// Another approval, or too many requests, are under way.
    Busy,
    /// There was no answer in time.
    #[expect(
        dead_code,
        reason = "it is answered before a request gets here (`http/serving.rs`), and belongs into the document"
    )]
    Timeout,
    /// It broke down; the log says why.
    Failed,
}

/// A refusal with its status.
#[derive(Debug)]
pub struct Refused {
    status: StatusCode,
    code: Code,
    message: String,
    /// After so many seconds the same may be asked again.
    after: Option<i64>,
}

impl Refused {
    fn new(status: StatusCode, code: Code, message: String) -> Self {
        Self { status, code, message, after: None }
    }

    /// The configuration names no users.
    pub fn nobody_named() -> Self {
        let message =
            "the configuration names nobody who may; add [[http.users]] with name, role and token_file";
        Self::new(StatusCode::NOT_FOUND, Code::NoUsers, message.into())
    }

    /// Nobody's token.
    pub fn unknown_token() -> Self {
        let message = "send the token of one of [[http.users]] as a bearer token";
        Self::new(StatusCode::UNAUTHORIZED, Code::UnknownToken, message.into())
    }

    /// Too many tokens were shown that are nobody's.
    pub fn too_many(too_many: TooMany) -> Self {
        let refused = Self::new(StatusCode::TOO_MANY_REQUESTS, Code::TooManyAttempts, too_many.to_string());
        Self { after: Some(too_many.seconds), ..refused }
    }

    /// A viewer who wants to decide.
    pub fn not_an_operator(name: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, Code::NotAnOperator, format!("{name} may look, and not decide"))
    }

    /// None of the actions that were named is parked, or of a retry discarded and still of use.
    pub fn not_parked() -> Self {
        let message = "nothing was done: none of them is parked any more";
        Self::new(StatusCode::NOT_FOUND, Code::NotParked, message.into())
    }

    /// The status by which it is answered.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What is wrong, and how to mend it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::NotFound, message.into())
    }

    /// What was sent cannot be used.
    pub fn unusable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::Unusable, message.into())
    }

    /// Nobody decides without saying why.
    pub fn no_reason() -> Self {
        let message = "say why: `reason` is needed for this, and goes into the audit";
        Self::new(StatusCode::BAD_REQUEST, Code::ReasonMissing, message.into())
    }

    /// The reason is none that the audit takes.
    pub fn bad_reason(why: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::ReasonUnusable, format!("reason {why}"))
    }

    /// Whether it is the reason that is wrong.
    pub fn is_of_reason(&self) -> bool {
        matches!(self.code, Code::ReasonMissing | Code::ReasonUnusable)
    }

    /// A task of ours has broken down; its panic was logged.
    pub fn broken() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, Code::Failed, "it broke down; the log says why".into())
    }

    /// It has not the form that the document tells.
    pub fn of_form(status: StatusCode, message: String) -> Self {
        Self::new(status, Code::Unusable, message)
    }

    /// It cannot be done as things stand.
    pub fn conflict(code: Code, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message.into())
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a request of the console failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, Code::Failed, error.to_string())
    }
}

impl From<EngineError> for Refused {
    fn from(error: EngineError) -> Self {
        tracing::error!(%error, "a request of the console failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, Code::Failed, error.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self { status, code, message, after } = self;
        let mut answer = (status, Json(Refusal { error: Fault { code, message } })).into_response();
        if status == StatusCode::UNAUTHORIZED {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(after) = after {
            answer.headers_mut().insert(header::RETRY_AFTER, after.into());
        }
        answer
    }
}
