//! The user that a person should be in Workiva.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::action::Attributes;
use super::mapping::{CompileError, Mapping, Tables};
use super::name_rules::is_made_with_gap;
use super::person::Person;
use super::record::{Rejection, RejectionKind};
use super::scim::AttributePath;
use super::user_names::is_between;
use super::value::is_plausible_email;

/// What Workiva demands of every user (workiva-facts.md, D: first name, last name and e-mail are required).
pub const REQUIRED: [&str; 4] = ["userName", "name.givenName", "name.familyName", "emails.work"];

/// `[attribute_policies]`: when an attribute of an account is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributePolicy {
    /// Whenever it differs.
    #[default]
    Always,
    /// With the account. From then on it stays as it was confirmed.
    OnCreate,
    /// With the account, and later where it was confirmed to be empty.
    WhenEmpty,
}

/// The compiled `[attributes]`.
pub struct UserMapping {
    mapping: Mapping,
    paths: BTreeSet<String>,
    policies: BTreeMap<String, AttributePolicy>,
    /// The path of the manager, if it is mapped.
    manager: Option<String>,
}

impl UserMapping {
    /// Compiles the templates; `names` are the fields that they may use.
    ///
    /// # Errors
    /// Everything that is wrong at once: templates, SCIM paths, required attributes that are missing.
    pub fn compile(
        templates: &Attributes,
        names: &[String],
        tables: &Tables,
    ) -> Result<Self, Vec<CompileError>> {
        let mut errors = Vec::new();
        for path in templates.keys() {
            if let Err(message) = AttributePath::parse(path) {
                errors.push(CompileError { key: format!("attributes.\"{path}\""), message });
            }
        }
        for required in REQUIRED {
            if !templates.contains_key(required) {
                let message = "is missing; Workiva requires it of every user".to_owned();
                errors.push(CompileError { key: format!("attributes.\"{required}\""), message });
            }
        }
        match Mapping::compile(templates, names, tables) {
            Ok(mapping) if errors.is_empty() => {
                let is_manager =
                    |path: &&String| AttributePath::parse(path).is_ok_and(|path| path.is_manager());
                let manager = templates.keys().find(is_manager).cloned();
                let paths = templates.keys().cloned().collect();
                Ok(Self { mapping, paths, policies: BTreeMap::new(), manager })
            }
            Ok(_) => Err(errors),
            Err(more) => {
                errors.extend(more);
                Err(errors)
            }
        }
    }

    /// The same, where these attributes are not always written.
    ///
    /// # Errors
    /// A policy for what is not mapped.
    pub fn with_policies(
        mut self,
        policies: BTreeMap<String, AttributePolicy>,
    ) -> Result<Self, Vec<CompileError>> {
        let is_unknown = |path: &&String| !self.paths.contains(*path);
        let message = "is not mapped; add it to [attributes], or remove the policy";
        let wrong = |path: &String| CompileError {
            key: format!("attribute_policies.\"{path}\""),
            message: message.into(),
        };
        let errors: Vec<CompileError> = policies.keys().filter(is_unknown).map(wrong).collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        self.policies = policies;
        Ok(self)
    }

    /// Puts what an account keeps, as it was confirmed, in the place of what was mapped. The manager, who is mapped by the employee id and
    /// confirmed by Workiva's, is left to the plan (`core::managers`).
    pub fn keep(&self, mapped: &mut Attributes, confirmed: &Attributes) {
        for (path, policy) in self.policies.iter().filter(|(path, _)| self.manager.as_ref() != Some(path)) {
            let now = confirmed.get(path).filter(|value| !value.is_empty());
            match (policy, now) {
                (AttributePolicy::Always, _) | (AttributePolicy::WhenEmpty, None) => {}
                // No account was made with a name for the time between: who is left on one gets theirs.
                (_, Some(name)) if path == "userName" && is_between(name) => {}
                (_, Some(value)) => drop(mapped.insert(path.clone(), value.clone())),
                // Workiva has no user without these: only what it shows of one can be.
                (AttributePolicy::OnCreate, None) if REQUIRED.contains(&path.as_str()) => {}
                (AttributePolicy::OnCreate, None) => drop(mapped.remove(path)),
            }
        }
    }

    /// The path of the manager, if it is mapped. What is mapped to it is an employee id.
    pub fn manager(&self) -> Option<&str> {
        self.manager.as_deref()
    }

    /// When an attribute is written.
    pub fn policy(&self, path: &str) -> AttributePolicy {
        self.policies.get(path).copied().unwrap_or_default()
    }

    /// Paths that are written only where there is no value: one that somebody gave by hand counts, whether HR has one or not.
    pub fn filled_when_empty(&self) -> BTreeSet<String> {
        let fills = |(path, policy): (&String, &AttributePolicy)| {
            (*policy == AttributePolicy::WhenEmpty && self.manager.as_ref() != Some(path))
                .then(|| path.clone())
        };
        self.policies.iter().filter_map(fills).collect()
    }

    /// The mapped SCIM paths.
    pub fn paths(&self) -> &BTreeSet<String> {
        &self.paths
    }

    /// By what an account of somebody might be recognised who is to have none: whatever can be mapped.
    pub fn known_as(&self, person: &Person) -> Attributes {
        self.mapping.render_what_can_be(&person.record)
    }

    /// Maps a person.
    ///
    /// # Errors
    /// A rejection that names the attribute: a template that fails, a required attribute that is empty, a user name
    /// with a capital letter or a space, an e-mail address that cannot be one.
    pub fn map(&self, person: &Person) -> Result<Attributes, Rejection> {
        let refuse = |kind: RejectionKind, reason: String| Rejection {
            employee_id: Some(person.record.employee_id().to_owned()),
            row: Some(person.record.row),
            kind,
            reason,
        };
        let attributes = self.mapping.render(&person.record).map_err(|error| {
            refuse(RejectionKind::Template, format!("attribute {}: {}", error.attribute, error.message))
        })?;
        for required in REQUIRED {
            if !attributes.contains_key(required) {
                let reason = format!("{required} is empty; fill the field that it is mapped from");
                return Err(refuse(RejectionKind::MissingAttribute, reason));
            }
        }
        let user_name = &attributes["userName"];
        if !is_usable_user_name(user_name) {
            return Err(refuse(
                RejectionKind::UnusableUserName,
                "userName has a capital letter or a space, which Workiva refuses; let the mapping end in '| lower' or '| username'"
                    .into(),
            ));
        }
        if is_made_with_gap(user_name, &person.record) {
            return Err(refuse(
                RejectionKind::UnusableUserName,
                "userName has a gap where a value is absent, or has no letter that the mapping keeps; fill the fields that it is mapped \
                 from, or let the mapping do without them"
                    .into(),
            ));
        }
        if !is_plausible_email(&attributes["emails.work"]) {
            return Err(refuse(
                RejectionKind::UnusableEmail,
                "emails.work is no e-mail address that could exist; correct it in the HR system".into(),
            ));
        }
        Ok(attributes)
    }
}

/// Whether Workiva takes it: without white space and capital letters (workiva-facts.md, D).
pub(super) fn is_usable_user_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(char::is_whitespace) && name.to_lowercase() == name
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::person::tests::person;
    use super::*;

    pub(crate) fn user_mapping() -> UserMapping {
        let templates = Attributes::from(
            [
                ("userName", "{{ work_email }}"),
                ("name.givenName", "{{ given_name }}"),
                ("name.familyName", "{{ family_name }}"),
                ("emails.work", "{{ work_email }}"),
                ("title", "{{ job_title }}"),
            ]
            .map(|(path, template)| (path.to_owned(), template.to_owned())),
        );
        let names = ["employee_id", "family_name", "given_name", "job_title", "status", "work_email"]
            .map(str::to_owned);
        UserMapping::compile(&templates, &names, &Tables::new()).ok().unwrap()
    }

    fn fields<'a>(email: &'a str, given: &'a str) -> Vec<(&'static str, &'a str)> {
        vec![
            ("status", "Active"),
            ("given_name", given),
            ("family_name", "Ruiz"),
            ("work_email", email),
            ("job_title", ""),
        ]
    }

    #[test]
    fn a_mapped_user_holds_only_what_is_not_empty() {
        let attributes = user_mapping().map(&person(&fields("ana@x.test", "Ana"))).unwrap();
        assert_eq!(attributes["userName"], "ana@x.test");
        assert!(!attributes.contains_key("title"));
    }

    #[test]
    fn an_account_keeps_what_is_written_on_create_only_and_what_is_not_empty() {
        let of = |pairs: &[(&str, &str)]| -> Attributes {
            pairs.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect()
        };
        let kept = |policy, confirmed: &[(&str, &str)]| {
            let policies = BTreeMap::from([("title".to_owned(), policy)]);
            let mapping = user_mapping().with_policies(policies).ok().unwrap();
            let mut mapped = of(&[("userName", "new"), ("title", "new")]);
            mapping.keep(&mut mapped, &of(confirmed));
            assert_eq!(mapped["userName"], "new");
            mapped.get("title").cloned()
        };
        let (old, empty) = (&[("userName", "old"), ("title", "old")][..], &[("userName", "old")][..]);
        assert_eq!(kept(AttributePolicy::Always, old).as_deref(), Some("new"));
        assert_eq!(kept(AttributePolicy::OnCreate, old).as_deref(), Some("old"));
        assert_eq!(kept(AttributePolicy::WhenEmpty, old).as_deref(), Some("old"));
        assert_eq!(kept(AttributePolicy::OnCreate, empty), None);
        assert_eq!(kept(AttributePolicy::WhenEmpty, empty).as_deref(), Some("new"));
        let unknown = BTreeMap::from([("nickName".to_owned(), AttributePolicy::OnCreate)]);
        assert_eq!(
            user_mapping().with_policies(unknown).err().unwrap()[0].key,
            "attribute_policies.\"nickName\""
        );
    }

    #[test]
    fn a_user_that_workiva_would_refuse_rejects_the_record_by_name() {
        for (email, given, said) in [
            ("Ana@x.test", "Ana", "capital letter"),
            ("ana ruiz@x.test", "Ana", "space"),
            ("ana@x.test", "", "name.givenName is empty"),
            ("", "Ana", "emails.work is empty"),
            ("ana-at-x", "Ana", "no e-mail address"),
        ] {
            let rejection = user_mapping().map(&person(&fields(email, given))).unwrap_err();
            let wanted = if email.is_empty() { "is empty" } else { said };
            assert!(rejection.reason.contains(wanted), "{}", rejection.reason);
            assert!(
                email.is_empty() || !rejection.reason.contains(email),
                "no personal data: {}",
                rejection.reason
            );
        }
    }

    #[test]
    fn a_required_attribute_that_is_not_mapped_is_a_configuration_error() {
        let templates = Attributes::from([("userName".to_owned(), "{{ work_email }}".to_owned())]);
        let errors =
            UserMapping::compile(&templates, &["work_email".to_owned()], &Tables::new()).err().unwrap();
        assert_eq!(errors.len(), 3);
    }
}
