//! A mapped attribute's path, as written in configuration, and what it stands for in a user's JSON.

mod access;
mod parse;

use std::fmt;

use super::ENTERPRISE_SCHEMA;

/// The path of an attribute that can be mapped: `userName`, `name.givenName`, `emails.work`,
/// `addresses.work.locality` or `urn:…:User:department`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributePath {
    written: String,
    place: Place,
}

/// Where in a user's JSON the value is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// `userName`, or `name.givenName`.
    Plain { name: String, sub: Option<String> },
    /// The one of several that has this type: `emails.work` is `emails[type eq "work"].value`.
    Typed { name: String, kind: String, sub: String },
    /// An attribute of a schema extension, which has an object of its own under the schema's URN.
    Extension { schema: String, name: String, sub: Option<String> },
}

impl AttributePath {
    /// Reads a path from configuration.
    ///
    /// # Errors
    /// What is wrong with the path and how to mend it, for an operator. Attributes that the daemon or the
    /// server governs (`id`, `meta`, `schemas`, `active`, `groups`, `password`, `roles`) are refused as well.
    pub fn parse(path: &str) -> Result<Self, String> {
        parse::place(path).map(|place| Self { written: path.to_owned(), place })
    }

    /// The path as configuration has it.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Whether two values that differ only in letter case are the same value: true of user names and e-mail
    /// addresses, since Workiva writes to people when theirs change.
    pub fn ignores_case(&self) -> bool {
        matches!(&self.place, Place::Plain { name, .. } if name == "userName")
            || matches!(&self.place, Place::Typed { name, .. } if name == "emails")
    }

    /// Whether two values of this attribute count as one; see [`AttributePath::ignores_case`].
    pub fn same(&self, one: &str, other: &str) -> bool {
        one == other || (self.ignores_case() && one.to_lowercase() == other.to_lowercase())
    }

    /// Whether it is the manager of the enterprise extension, whose value is the server's id of another user (RFC 7643, section 4.3).
    pub fn is_manager(&self) -> bool {
        matches!(&self.place, Place::Extension { schema, name, sub } if schema.eq_ignore_ascii_case(ENTERPRISE_SCHEMA)
            && name == "manager" && sub.as_deref() == Some("value"))
    }

    /// The URN of the schema extension that the attribute belongs to, if any.
    pub fn extension(&self) -> Option<&str> {
        match &self.place {
            Place::Extension { schema, .. } => Some(schema),
            _ => None,
        }
    }

    /// The `path` of a PATCH operation that replaces the value (RFC 7644, section 3.5.2).
    pub fn patch_path(&self) -> String {
        match &self.place {
            Place::Typed { name, kind, sub } => format!("{name}[type eq \"{kind}\"].{sub}"),
            Place::Plain { name, sub } => with_sub(name, sub.as_deref()),
            Place::Extension { schema, name, sub } => {
                format!("{schema}:{}", with_sub(name, sub.as_deref()))
            }
        }
    }

    /// The `path` of a PATCH operation that removes the value. An e-mail address or telephone number goes
    /// with its type; only its value taken away would leave an empty entry behind.
    pub fn removal_path(&self) -> String {
        match &self.place {
            Place::Typed { name, kind, sub } if sub == "value" => format!("{name}[type eq \"{kind}\"]"),
            _ => self.patch_path(),
        }
    }

    /// A filter for users of whom this attribute equals `json_value`, a JSON text in its quotes.
    pub(super) fn filter(&self, json_value: &str) -> String {
        match &self.place {
            Place::Typed { name, kind, sub } => {
                format!("{name}[type eq \"{kind}\" and {sub} eq {json_value}]")
            }
            _ => format!("{} eq {json_value}", self.patch_path()),
        }
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.written)
    }
}

fn with_sub(name: &str, sub: Option<&str>) -> String {
    sub.map_or_else(|| name.to_owned(), |sub| format!("{name}.{sub}"))
}
