//! How the API answers: pages of lists, and refusals.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::EngineError;
use crate::store::StoreError;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Listed<T> {
    /// The rows.
    pub items: Vec<T>,
    /// What to ask with for the rows behind these; null: there are no more.
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
    code: &'static str,
    /// What is wrong, and how to mend it.
    message: String,
}

/// A refusal with its status.
#[derive(Debug)]
pub struct Refused(StatusCode, &'static str, String);

impl Refused {
    /// The configuration names no users.
    pub fn nobody_named() -> Self {
        let message =
            "the configuration names nobody who may; add [[http.users]] with name, role and token_file";
        Self(StatusCode::NOT_FOUND, "no_users", message.into())
    }

    /// Nobody's token.
    pub fn unknown_token() -> Self {
        let message = "send the token of one of [[http.users]] as a bearer token";
        Self(StatusCode::UNAUTHORIZED, "unknown_token", message.into())
    }

    /// A viewer who wants to decide.
    pub fn not_an_operator(name: &str) -> Self {
        Self(StatusCode::FORBIDDEN, "not_an_operator", format!("{name} may look, and not decide"))
    }

    /// What is wrong, and how to mend it.
    pub fn message(&self) -> &str {
        &self.2
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self(StatusCode::NOT_FOUND, "not_found", message.into())
    }

    /// What was sent cannot be used.
    pub fn unusable(message: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, "unusable", message.into())
    }

    /// A task of ours has broken down; its panic was logged.
    pub fn broken() -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, "failed", "it broke down; the log says why".into())
    }

    /// It has not the form that the document tells.
    pub fn of_form(status: StatusCode, message: String) -> Self {
        Self(status, "unusable", message)
    }

    /// It cannot be done as things stand.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self(StatusCode::CONFLICT, code, message.into())
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a request of the console failed");
        Self(StatusCode::INTERNAL_SERVER_ERROR, "failed", error.to_string())
    }
}

impl From<EngineError> for Refused {
    fn from(error: EngineError) -> Self {
        tracing::error!(%error, "a request of the console failed");
        Self(StatusCode::INTERNAL_SERVER_ERROR, "failed", error.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(status, code, message) = self;
        let answer = Json(Refusal { error: Fault { code, message } });
        match status {
            StatusCode::UNAUTHORIZED => {
                (status, [(header::WWW_AUTHENTICATE, "Bearer")], answer).into_response()
            }
            _ => (status, answer).into_response(),
        }
    }
}
