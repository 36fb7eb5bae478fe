//! What can be asked of a SCIM server, as a value.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::attribute::AttributePath;

/// One request to a SCIM server (RFC 7644, section 3). Its `Debug` is [`ScimRequest::line`], since bodies and
/// filter values are personal data.
#[derive(Clone, PartialEq)]
pub enum ScimRequest {
    /// What the server says that it can do.
    ServiceProviderConfig,
    /// One page of all users.
    ListUsers {
        /// The first user wanted; the first of all is 1.
        start_index: u64,
        /// How many users are wanted at most; the server may give fewer, or more.
        count: u32,
    },
    /// The users of whom one attribute has this value. Check what comes back: servers exist that compare in
    /// another letter case, take the value as a pattern, or ignore the filter.
    FindUsers {
        /// An attribute as in configuration, such as `userName` or `emails.work`.
        attribute: String,
        /// The value, as it is; escaping is done here.
        value: String,
    },
    /// One user.
    GetUser {
        /// The server's id of the user, as it is; escaping is done here.
        id: String,
    },
    /// One page of all groups, without their members where the server allows that.
    ListGroups {
        /// The first group wanted; the first of all is 1.
        start_index: u64,
        /// How many groups are wanted at most.
        count: u32,
    },
    /// One group.
    GetGroup {
        /// The server's id of the group.
        id: String,
    },
    /// A change of a group's members.
    PatchGroup {
        /// The server's id of the group.
        id: String,
        /// See [`members_body`](super::group::members_body).
        body: Value,
    },
    /// A new user.
    CreateUser {
        /// See [`create_body`](super::user::create_body).
        body: Value,
    },
    /// A change of some attributes.
    PatchUser {
        /// The server's id of the user.
        id: String,
        /// See [`patch_body`](super::user::patch_body).
        body: Value,
    },
    /// A user written anew as a whole.
    ReplaceUser {
        /// The server's id of the user.
        id: String,
        /// See [`merge_body`](super::user::merge_body).
        body: Value,
    },
    /// The end of a user.
    DeleteUser {
        /// The server's id of the user.
        id: String,
    },
}

/// Everything but RFC 3986's unreserved characters, so that a space is `%20` and never `+`.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl ScimRequest {
    /// The HTTP method.
    pub fn method(&self) -> &'static str {
        match self {
            Self::ServiceProviderConfig
            | Self::ListUsers { .. }
            | Self::FindUsers { .. }
            | Self::GetUser { .. }
            | Self::ListGroups { .. }
            | Self::GetGroup { .. } => "GET",
            Self::CreateUser { .. } => "POST",
            Self::PatchUser { .. } | Self::PatchGroup { .. } => "PATCH",
            Self::ReplaceUser { .. } => "PUT",
            Self::DeleteUser { .. } => "DELETE",
        }
    }

    /// What is appended to the base URL, percent-encoded, beginning with a slash.
    pub fn path_and_query(&self) -> String {
        match self {
            Self::ServiceProviderConfig => "/ServiceProviderConfig".to_owned(),
            Self::ListUsers { start_index, count } => {
                format!("/Users?startIndex={start_index}&count={count}")
            }
            Self::FindUsers { attribute, value } => {
                format!("/Users?filter={}", encode(&filter(attribute, value)))
            }
            Self::ListGroups { start_index, count } => {
                format!("/Groups?startIndex={start_index}&count={count}&excludedAttributes=members")
            }
            Self::GetGroup { id } | Self::PatchGroup { id, .. } => format!("/Groups/{}", encode(id)),
            Self::CreateUser { .. } => "/Users".to_owned(),
            Self::GetUser { id }
            | Self::PatchUser { id, .. }
            | Self::ReplaceUser { id, .. }
            | Self::DeleteUser { id } => format!("/Users/{}", encode(id)),
        }
    }

    /// The path with names in the place of ids, values and positions: the same for all requests of a kind.
    pub fn route(&self) -> &'static str {
        match self {
            Self::ServiceProviderConfig => "/ServiceProviderConfig",
            Self::ListUsers { .. } => "/Users?startIndex={startIndex}&count={count}",
            Self::FindUsers { .. } => "/Users?filter={filter}",
            Self::ListGroups { .. } => "/Groups?startIndex={startIndex}&count={count}",
            Self::GetGroup { .. } | Self::PatchGroup { .. } => "/Groups/{id}",
            Self::CreateUser { .. } => "/Users",
            Self::GetUser { .. }
            | Self::PatchUser { .. }
            | Self::ReplaceUser { .. }
            | Self::DeleteUser { .. } => "/Users/{id}",
        }
    }

    /// The body to send as JSON, if the request has one.
    pub fn body(&self) -> Option<&Value> {
        match self {
            Self::CreateUser { body }
            | Self::PatchUser { body, .. }
            | Self::ReplaceUser { body, .. }
            | Self::PatchGroup { body, .. } => Some(body),
            _ => None,
        }
    }

    /// Whether the request changes nothing on the server.
    pub fn is_read(&self) -> bool {
        self.method() == "GET"
    }

    /// Method and path for journals and logs, without personal data: no body, no filter value, and no id that
    /// looks like an e-mail address.
    pub fn line(&self) -> String {
        let path = match self {
            Self::FindUsers { attribute, .. } => format!("/Users?filter={attribute} eq …"),
            _ => match self.id() {
                Some(id) if id.contains('@') && !self.is_of_group() => "/Users/…".to_owned(),
                _ => self.path_and_query(),
            },
        };
        format!("{} {path}", self.method())
    }

    /// Why this request must not be sent at all, if so. An empty id would address all users, and `.` or `..`
    /// (percent-encoded or not) is resolved away by URL parsers and addresses something else; a PATCH that
    /// changes nothing is refused by strict servers.
    pub fn fault(&self) -> Option<&'static str> {
        match self.id() {
            Some("") => return Some("the id is empty, so the request would address everything of its kind"),
            Some("." | "..") => return Some("the id is a dot segment, which URLs cannot carry"),
            _ => {}
        }
        match self {
            Self::ListUsers { start_index: 0, .. } | Self::ListGroups { start_index: 0, .. } => {
                Some("startIndex begins at 1")
            }
            Self::PatchUser { body, .. } | Self::PatchGroup { body, .. }
                if body.get("Operations").and_then(Value::as_array).is_none_or(Vec::is_empty) =>
            {
                Some("the PATCH has no operations, so it would change nothing")
            }
            _ => None,
        }
    }

    fn id(&self) -> Option<&str> {
        match self {
            Self::GetUser { id }
            | Self::PatchUser { id, .. }
            | Self::ReplaceUser { id, .. }
            | Self::DeleteUser { id }
            | Self::GetGroup { id }
            | Self::PatchGroup { id, .. } => Some(id),
            _ => None,
        }
    }

    fn is_of_group(&self) -> bool {
        matches!(self, Self::GetGroup { .. } | Self::PatchGroup { .. })
    }
}

impl fmt::Debug for ScimRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ScimRequest({})", self.line())
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The filter, its value escaped as JSON (RFC 7644, section 3.4.2.2). Where the attribute is one of several of
/// its kind (`emails.work`), the kind is part of the filter.
fn filter(attribute: &str, value: &str) -> String {
    let value = Value::from(value).to_string();
    AttributePath::parse(attribute)
        .map(|path| path.filter(&value))
        .unwrap_or_else(|_| format!("{attribute} eq {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn find(attribute: &str, value: &str) -> ScimRequest {
        ScimRequest::FindUsers { attribute: attribute.into(), value: value.into() }
    }

    #[test]
    fn each_request_has_its_method_and_path() {
        let body = json!({"Operations": [{}]});
        let id = || "7".to_owned();
        for (request, method, path) in [
            (ScimRequest::ServiceProviderConfig, "GET", "/ServiceProviderConfig"),
            (ScimRequest::ListUsers { start_index: 101, count: 50 }, "GET", "/Users?startIndex=101&count=50"),
            (ScimRequest::GetUser { id: id() }, "GET", "/Users/7"),
            (ScimRequest::CreateUser { body: body.clone() }, "POST", "/Users"),
            (ScimRequest::PatchUser { id: id(), body: body.clone() }, "PATCH", "/Users/7"),
            (ScimRequest::ReplaceUser { id: id(), body: body.clone() }, "PUT", "/Users/7"),
            (ScimRequest::DeleteUser { id: id() }, "DELETE", "/Users/7"),
            (ScimRequest::GetGroup { id: "workspace:Q1".into() }, "GET", "/Groups/workspace%3AQ1"),
            (ScimRequest::PatchGroup { id: id(), body: body.clone() }, "PATCH", "/Groups/7"),
        ] {
            assert_eq!((request.method(), request.path_and_query().as_str()), (method, path));
            assert_eq!(request.is_read(), method == "GET");
            assert_eq!(request.body().is_some(), matches!(method, "POST" | "PATCH" | "PUT"));
            assert_eq!(request.fault(), None);
        }
    }

    #[test]
    fn an_id_is_percent_encoded_whole() {
        let request = ScimRequest::GetUser { id: "u1@acme/é 1".into() };
        assert_eq!(request.path_and_query(), "/Users/u1%40acme%2F%C3%A9%201");
        let request = ScimRequest::DeleteUser { id: "a?b#c%2F+".into() };
        assert_eq!(request.path_and_query(), "/Users/a%3Fb%23c%252F%2B");
    }

    #[test]
    fn a_filter_value_is_json_escaped_then_percent_encoded_and_never_has_a_plus_for_a_space() {
        assert_eq!(
            find("userName", r#"a "b" \c+ d"#).path_and_query(),
            "/Users?filter=userName%20eq%20%22a%20%5C%22b%5C%22%20%5C%5Cc%2B%20d%22"
        );
    }

    #[test]
    fn a_filter_value_cannot_break_out_of_its_quotes() {
        let path = find("userName", r#"x" or userName pr or userName eq "y"#).path_and_query();
        let decoded = percent_encoding::percent_decode_str(&path).decode_utf8_lossy().into_owned();
        assert_eq!(decoded, r#"/Users?filter=userName eq "x\" or userName pr or userName eq \"y""#);
    }

    #[test]
    fn a_filter_on_one_of_several_names_the_kind() {
        let path = find("emails.work", "a@b.example").path_and_query();
        let decoded = percent_encoding::percent_decode_str(&path).decode_utf8_lossy().into_owned();
        assert_eq!(decoded, r#"/Users?filter=emails[type eq "work" and value eq "a@b.example"]"#);
    }

    #[test]
    fn the_line_for_journals_shows_neither_filter_values_nor_bodies_nor_mail_like_ids() {
        assert_eq!(find("userName", "jane@acme.example").line(), "GET /Users?filter=userName eq …");
        assert_eq!(ScimRequest::GetUser { id: "jane@acme".into() }.line(), "GET /Users/…");
        assert_eq!(ScimRequest::DeleteUser { id: "b 2".into() }.line(), "DELETE /Users/b%202");
        let create = ScimRequest::CreateUser { body: json!({"userName": "jane"}) };
        assert_eq!(format!("{create:?}"), "ScimRequest(POST /Users)");
    }

    #[test]
    fn a_request_that_would_address_something_else_is_at_fault() {
        for id in ["", ".", ".."] {
            assert!(ScimRequest::DeleteUser { id: id.into() }.fault().is_some(), "{id:?}");
        }
        assert!(ScimRequest::ListUsers { start_index: 0, count: 1 }.fault().is_some());
    }

    #[test]
    fn a_patch_that_changes_nothing_is_at_fault() {
        let empty = ScimRequest::PatchUser { id: "1".into(), body: json!({"Operations": []}) };
        assert!(empty.fault().is_some());
    }
}
