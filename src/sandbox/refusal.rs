//! Why a request was refused.

/// Why the directory refused a request. No text holds a value of the request, so it can be logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request is wrong; the first field is the `scimType` of RFC 7644 section 3.12.
    #[error("{1}")]
    Invalid(&'static str, String),
    /// Another user has this user name, regardless of case.
    #[error("userName is already taken")]
    Taken,
    /// There is no such user.
    #[error("there is no such user")]
    NotFound,
    /// There is no such group.
    #[error("there is no such group")]
    NoGroup,
    /// Another organization owns the user.
    #[error("the user belongs to another organization")]
    OwnedElsewhere,
}

impl Refusal {
    pub(super) fn value(detail: impl Into<String>) -> Self {
        Refusal::Invalid("invalidValue", detail.into())
    }

    pub(super) fn syntax(detail: impl Into<String>) -> Self {
        Refusal::Invalid("invalidSyntax", detail.into())
    }
}
