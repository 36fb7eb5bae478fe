//! A user as we want it, and as a server has it.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::attribute::AttributePath;
use super::json::{flag, has_schema, member, text};
use crate::core::diff::is_same_value;
use crate::core::value::folded;

use super::{ERROR_SCHEMA, LIST_SCHEMA, PATCH_SCHEMA};

pub use super::body::{create_body, merge_body, patch_body};
pub use super::location::created_id;

/// What a person's mapped attributes should be: path as in configuration → value, never empty.
pub type Attributes = BTreeMap<String, String>;

/// A user as a server gave it. Its `Debug` shows no personal data.
#[derive(Clone, PartialEq)]
pub struct RemoteUser {
    /// The server's id. It needs percent-encoding before it goes into a path.
    pub id: Option<String>,
    /// The user name as the server has it, in its letter case.
    pub user_name: Option<String>,
    /// Our id of the person, if the server keeps it.
    pub external_id: Option<String>,
    /// Whether the user can sign in; nothing where the server does not say.
    pub active: Option<bool>,
    /// Everything the server gave.
    pub raw: Value,
}

impl RemoteUser {
    /// Reads a user. Nothing where this is not one: no object, neither id nor user name, or an error or a list.
    pub fn read(raw: &Value) -> Option<Self> {
        let user = raw.as_object()?;
        if [ERROR_SCHEMA, LIST_SCHEMA, PATCH_SCHEMA].iter().any(|schema| has_schema(user, schema)) {
            return None;
        }
        let of = |name| member(user, name).and_then(text);
        let (id, user_name) = (of("id"), of("userName"));
        if id.is_none() && user_name.is_none() {
            return None;
        }
        let active = member(user, "active").and_then(flag);
        Some(Self { id, user_name, external_id: of("externalId"), active, raw: raw.clone() })
    }

    /// The value of a mapped attribute, by its path as in configuration.
    pub fn attribute(&self, path: &str) -> Option<String> {
        AttributePath::parse(path).ok()?.read(&self.raw)
    }

    /// What must change on this user so that it has the desired attributes; attributes that are not desired
    /// are left alone. Letter case alone in a user name or an e-mail address is no difference.
    pub fn differences(&self, desired: &Attributes) -> Vec<(String, Option<String>)> {
        let differs = |path: &str, wanted: &str| {
            let Ok(parsed) = AttributePath::parse(path) else { return false };
            match parsed.read(&self.raw) {
                Some(found) => !parsed.same(&found, wanted),
                None => !wanted.is_empty(),
            }
        };
        desired
            .iter()
            .filter(|(path, wanted)| differs(path, wanted))
            .map(|(path, wanted)| (path.clone(), Some(wanted.clone()).filter(|wanted| !wanted.is_empty())))
            .collect()
    }
}

impl RemoteUser {
    /// Whether it cannot be the user that was to be made of these attributes: it shows another user name or `externalId`, in whatever
    /// letter case.
    pub fn contradicts(&self, made_of: &Attributes) -> bool {
        let is_other = |path: &str, shown: Option<&String>| {
            let both = shown.filter(|shown| !shown.is_empty()).zip(made_of.get(path));
            both.is_some_and(|(shown, ours)| folded(shown) != folded(ours))
        };
        is_other("userName", self.user_name.as_ref()) || is_other("externalId", self.external_id.as_ref())
    }

    /// Whether it shows that these changes were made: nothing of them otherwise, and at least one of them as it was sent. Servers drop
    /// attributes, and some never show `active`.
    pub fn shows_as_made(&self, changes: &[(String, Option<String>)], active: Option<bool>) -> bool {
        let as_made = |(path, wanted): &(String, Option<String>)| {
            let shown = self.attribute(path);
            if shown.is_none() && wanted.is_some() {
                return None;
            }
            Some(is_same_value(path, wanted.as_deref(), shown.as_deref()))
        };
        let told = changes.iter().map(as_made);
        let told: Vec<bool> =
            told.chain([active.and_then(|ours| Some(ours == self.active?))]).flatten().collect();
        let is_hidden = changes.is_empty() && active.is_some() && self.active.is_none();
        is_hidden || (!told.is_empty() && told.iter().all(|as_made| *as_made))
    }
}

/// A server's id of a user as journals may hold it: not where it looks like an e-mail address.
pub fn shown_id(id: &str) -> &str {
    if id.contains('@') { "…" } else { id }
}

impl fmt::Debug for RemoteUser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id.as_deref().map(shown_id);
        formatter
            .debug_struct("RemoteUser")
            .field("id", &id)
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn desired(pairs: &[(&str, &str)]) -> Attributes {
        pairs.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn active_is_read_as_boolean_as_text_and_as_not_said() {
        for (active, expected) in [
            (json!(true), Some(true)),
            (json!("True"), Some(true)),
            (json!("false"), Some(false)),
            (json!(null), None),
            (json!("yes"), None),
        ] {
            let user = RemoteUser::read(&json!({"id": "1", "active": active})).unwrap();
            assert_eq!(user.active, expected, "{active}");
        }
        assert_eq!(RemoteUser::read(&json!({"id": "1"})).unwrap().active, None);
    }

    #[test]
    fn a_user_may_lack_an_id_and_names_may_come_in_any_case() {
        let user = RemoteUser::read(&json!({"username": "jane", "externalid": "E1"})).unwrap();
        assert_eq!((user.id.as_deref(), user.user_name.as_deref()), (None, Some("jane")));
        assert_eq!(user.external_id.as_deref(), Some("E1"));
    }

    #[test]
    fn what_is_not_a_user_is_not_read_as_one() {
        for not_a_user in [
            json!([]),
            json!("jane"),
            json!({}),
            json!({"id": null, "active": true}),
            json!({"id": "1", "schemas": [ERROR_SCHEMA]}),
            json!({"id": "1", "schemas": [LIST_SCHEMA]}),
        ] {
            assert_eq!(RemoteUser::read(&not_a_user), None, "{not_a_user}");
        }
    }

    #[test]
    fn differences_are_what_a_server_does_not_have_yet() {
        let live = RemoteUser::read(&json!({
            "id": "1", "userName": "jane", "name": {"givenName": "jane"}, "title": "CFO", "nickName": "J",
        }))
        .unwrap();
        let wanted = desired(&[
            ("userName", "jane"),
            ("name.givenName", "Jane"),
            ("externalId", "E1"),
            ("title", ""),
            ("locale", ""),
        ]);
        assert_eq!(
            live.differences(&wanted),
            [
                ("externalId".to_owned(), Some("E1".to_owned())),
                ("name.givenName".to_owned(), Some("Jane".to_owned())),
                ("title".to_owned(), None),
            ]
        );
    }

    #[test]
    fn letter_case_alone_in_a_user_name_or_a_mail_address_is_no_difference() {
        let live = RemoteUser::read(&json!({
            "userName": "Jane@Acme.example", "emails": [{"type": "work", "value": "JANE@acme.example"}],
        }))
        .unwrap();
        let wanted = desired(&[("userName", "jane@acme.example"), ("emails.work", "jane@acme.example")]);
        assert_eq!(live.differences(&wanted), []);
    }

    #[test]
    fn differences_are_gone_once_written() {
        let live = json!({"id": "1", "userName": "j", "emails": [{"value": "old"}]});
        let wanted = desired(&[("userName", "jane"), ("emails.work", "new"), ("phoneNumbers.mobile", "5")]);
        let changes = RemoteUser::read(&live).unwrap().differences(&wanted);
        assert_eq!(changes.len(), 3);
        let merged = merge_body(&live, &changes, None);
        assert_eq!(RemoteUser::read(&merged).unwrap().differences(&wanted), []);
    }

    #[test]
    fn changes_count_as_made_where_nothing_shows_otherwise_and_something_shows_them() {
        let live = RemoteUser::read(&json!({"id": "1", "active": true, "title": "CFO"})).unwrap();
        let set = |path: &str, value: Option<&str>| (path.to_owned(), value.map(str::to_owned));
        assert!(live.shows_as_made(&[set("title", Some("CFO")), set("nickName", Some("J"))], Some(true)));
        assert!(live.shows_as_made(&[set("nickName", None)], None));
        assert!(!live.shows_as_made(&[set("title", Some("CEO"))], Some(true)));
        assert!(!live.shows_as_made(&[set("title", None)], None));
        assert!(!live.shows_as_made(&[set("nickName", Some("J"))], None), "nothing shows it");
        assert!(!live.shows_as_made(&[set("title", Some("CFO"))], Some(false)));
        let hidden = RemoteUser::read(&json!({"id": "1"})).unwrap();
        assert!(hidden.shows_as_made(&[], Some(true)));
    }

    #[test]
    fn a_user_of_another_name_or_key_is_not_the_one_that_was_to_be_made() {
        let made_of = desired(&[("userName", "jane@x.test"), ("externalId", "e1")]);
        let contradicts = |user: Value| RemoteUser::read(&user).unwrap().contradicts(&made_of);
        assert!(!contradicts(json!({"id": "1"})));
        assert!(!contradicts(json!({"id": "1", "userName": "Jane@X.test", "externalId": ""})));
        assert!(contradicts(json!({"id": "1", "userName": "joe@x.test", "externalId": "e1"})));
        assert!(contradicts(json!({"id": "1", "externalId": "e2"})));
    }

    #[test]
    fn debug_shows_no_personal_data() {
        let user =
            RemoteUser::read(&json!({"id": "7", "userName": "jane", "displayName": "Jane Doe"})).unwrap();
        let shown = format!("{user:?}");
        assert!(shown.contains('7') && !shown.to_lowercase().contains("jane"), "{shown}");
    }
}
