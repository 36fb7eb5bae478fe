//! Attribute templates and role expressions.
//!
//! Both are Jinja, written by whoever runs the daemon and compiled when it starts. Everything that can be
//! known to be wrong without a person's data is refused then: names that are not there, functions that do
//! not exist, patterns and tables that cannot work. What is left can only fail on a person's own values, and
//! rejects that person alone. `docs/mapping.md` is the guide for those who write them.

mod check;
mod engine;
mod functions;
mod known;
mod named;
mod rule;
mod template;
mod tokens;
mod trial;

#[cfg(test)]
mod docs_test;
#[cfg(test)]
pub(crate) mod test_support;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use named::NamedValue;
pub use rule::Rule;
pub use template::Mapping;

/// Lookup tables by name, from `[tables.NAME]` in the configuration: key -> value.
pub type Tables = BTreeMap<String, BTreeMap<String, String>>;

/// What a template or an expression can see of one person.
pub trait Fields {
    /// The names of all fields that this source has, whether or not this person has a value.
    fn names(&self) -> &[String];

    /// The person's value, already trimmed and in NFC. `None` and `Some("")` both mean that it is absent,
    /// and are the empty text in a template.
    fn value(&self, name: &str) -> Option<&str>;
}

/// A template or an expression that cannot work, whoever the person is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct CompileError {
    /// The key in the configuration: `attributes."userName"`, `access.roles[0].when`.
    pub key: String,
    /// What is wrong, where in the text (line and column count from 1), and how to mend it.
    pub message: String,
}

/// A template or an expression that did not work on one person, who is to be rejected with this reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{attribute}: {message}")]
pub struct RenderError {
    /// The attribute's SCIM path, or a rule's key in the configuration.
    pub attribute: String,
    /// What went wrong. It never holds the person's values; at most the one letter that has no Latin form.
    pub message: String,
}
