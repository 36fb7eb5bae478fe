//! Why what an HR system sends is answered by an error.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use serde_json::json;

use super::gate::TooMany;
use crate::core::delivery::Refusal;

/// Why a request is answered by an error.
pub struct Fault {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// After so many seconds the same may be asked again.
    after: Option<i64>,
}

impl Fault {
    /// With a stable name, and what is wrong and how to mend it.
    pub fn new(status: StatusCode, code: &'static str, message: String) -> Self {
        Self { status, code, message, after: None }
    }

    /// What was sent cannot be used.
    pub fn unusable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unusable", message.into())
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unusable(message) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unusable", message),
            Refusal::Conflict(message) => Self::new(StatusCode::CONFLICT, "conflict", message),
            Refusal::Unknown(message) => Self::new(StatusCode::NOT_FOUND, "unknown", message),
            Refusal::Later(message) => {
                Self { after: Some(60), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "later", message) }
            }
            Refusal::Failed(message) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", message),
        }
    }
}

impl From<TooMany> for Fault {
    fn from(too_many: TooMany) -> Self {
        let refused = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", too_many.to_string());
        Self { after: Some(too_many.seconds), ..refused }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let Self { status, code, message, after } = self;
        let mut answer =
            (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response();
        if status == StatusCode::UNAUTHORIZED {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(after) = after {
            answer.headers_mut().insert(header::RETRY_AFTER, after.into());
        }
        answer
    }
}
