//! Answers as values, before they become HTTP responses.

use axum::http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::{options::Behaviour, refusal::Refusal};

/// The media type of SCIM (RFC 7644 section 8.1).
const SCIM_JSON: &str = "application/scim+json";
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// One answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        // Values are numbers, dates and URLs that were encoded, so they always fit into a header.
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }
}

/// An answer with a SCIM body.
pub(super) fn scim(status: StatusCode, body: &impl Serialize) -> Answer {
    json_as(SCIM_JSON, status, body)
}

/// An answer with a plain JSON body.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    json_as("application/json", status, body)
}

/// 204.
pub(super) fn no_content() -> Answer {
    Answer { status: StatusCode::NO_CONTENT, content_type: SCIM_JSON, headers: Vec::new(), body: Vec::new() }
}

/// A SCIM error (RFC 7644 section 3.12), with `status` as a string.
pub(super) fn error(status: StatusCode, scim_type: Option<&str>, detail: &str) -> Answer {
    let mut body = json!({"schemas": [ERROR], "status": status.as_str(), "detail": detail});
    if let Some(scim_type) = scim_type {
        body["scimType"] = scim_type.into();
    }
    scim(status, &body)
}

/// A refusal of the directory, in the way of this server.
pub(super) fn refused(refusal: &Refusal, behaviour: &Behaviour) -> Answer {
    let (status, scim_type) = match refusal {
        Refusal::Invalid(scim_type, _) => (StatusCode::BAD_REQUEST, Some(*scim_type)),
        Refusal::Taken => (StatusCode::CONFLICT, behaviour.conflict_scim_type.then_some("uniqueness")),
        Refusal::NotFound | Refusal::NoGroup => (StatusCode::NOT_FOUND, None),
        Refusal::OwnedElsewhere => (StatusCode::FORBIDDEN, None),
    };
    if behaviour.conflict_status_integer && status == StatusCode::CONFLICT {
        let mut body = json!({"schemas": [ERROR], "status": 409, "detail": refusal.to_string()});
        if let Some(scim_type) = scim_type {
            body["scimType"] = scim_type.into();
        }
        return scim(status, &body);
    }
    error(status, scim_type, &refusal.to_string())
}

fn json_as(content_type: &'static str, status: StatusCode, body: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(body).expect("maps with string keys always become JSON");
    Answer { status, content_type, headers: Vec::new(), body }
}
