//! Whose account a Workiva user is: by what one is recognised, and when that is proof. The one rule for taking over a user at a
//! create and for `adopt`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::action::Attributes;
use super::value::folded;

/// An attribute by which an existing user is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MatchAttribute {
    /// Our employee's key as Workiva keeps it.
    #[serde(rename = "externalId")]
    ExternalId,
    /// The user name, compared regardless of case.
    #[serde(rename = "userName")]
    UserName,
}

impl MatchAttribute {
    /// The SCIM attribute.
    pub fn name(self) -> &'static str {
        match self {
            Self::ExternalId => "externalId",
            Self::UserName => "userName",
        }
    }

    /// The value that a person's own user would have.
    pub fn wanted(self, attributes: &Attributes) -> Option<&str> {
        attributes.get(self.name()).map(String::as_str)
    }

    /// Whether a user has that value. Servers take a filter's value for a pattern, mind or ignore case, or ignore the
    /// filter, so every answer is compared here.
    pub fn fits(self, external_id: Option<&str>, user_name: Option<&str>, value: &str) -> bool {
        match self {
            Self::ExternalId => external_id == Some(value),
            Self::UserName => user_name.is_some_and(|name| folded(name) == folded(value)),
        }
    }
}

/// Why a user that fits a person is not provably theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unproven {
    /// Workiva shows no id of the user.
    WithoutId,
    /// The user is linked to this other employee.
    LinkedTo(String),
    /// The user has the person's user name, but another `externalId`.
    OtherExternalId,
    /// The user has a user name that is made of the person's name, and another e-mail address, or none that is shown.
    OtherEmail,
    /// The user has another given name and another family name, and another e-mail address or is suspended.
    AnotherPerson,
}

impl fmt::Display for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WithoutId => write!(f, "Workiva shows a user that fits, but without an id"),
            Self::LinkedTo(owner) => {
                write!(f, "the Workiva user that fits this employee is linked to employee {owner} already")
            }
            Self::OtherEmail => write!(
                f,
                "the Workiva user that has this employee's user name does not have their e-mail address; it may be a namesake's"
            ),
            Self::AnotherPerson => write!(
                f,
                "the Workiva user that fits this employee has another given name and family name, and another e-mail address or is suspended; it may be \
                 somebody else's"
            ),
            Self::OtherExternalId => write!(
                f,
                "the Workiva user that has this employee's user name has another externalId; it may be somebody else's"
            ),
        }
    }
}

/// Whether a user that fits a person by [`MatchAttribute`] is provably theirs. `owner` is the employee to whom the user is
/// linked in state, if it is to any. The answer is the user's id.
///
/// # Errors
/// Why not.
pub fn prove<'a>(
    employee_id: &str,
    attributes: &Attributes,
    scim_id: Option<&'a str>,
    external_id: Option<&str>,
    owner: Option<&str>,
) -> Result<&'a str, Unproven> {
    let Some(scim_id) = scim_id.filter(|id| !id.is_empty()) else { return Err(Unproven::WithoutId) };
    if let Some(owner) = owner.filter(|owner| *owner != employee_id) {
        return Err(Unproven::LinkedTo(owner.to_owned()));
    }
    // Where no externalId is mapped, one that is there may still be the employee id.
    let ours = attributes.get("externalId").map_or(employee_id, String::as_str);
    match external_id.filter(|theirs| !theirs.is_empty()) {
        Some(theirs) if theirs != ours => Err(Unproven::OtherExternalId),
        _ => Ok(scim_id),
    }
}

/// A user as Workiva and state show it.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// Its id.
    pub scim_id: Option<&'a str>,
    /// Our key, where Workiva keeps it.
    pub external_id: Option<&'a str>,
    /// The work e-mail address.
    pub email: Option<&'a str>,
    /// To whom it is linked in state.
    pub owner: Option<&'a str>,
}

/// The same where user names are chosen among several (`user_names.fallback`): they are made of people's names, so one alone is no proof.
/// Our key is, or the e-mail address with it.
///
/// # Errors
/// Why not.
pub fn prove_named<'a>(
    employee_id: &str,
    attributes: &Attributes,
    user: &Named<'a>,
) -> Result<&'a str, Unproven> {
    let id = prove(employee_id, attributes, user.scim_id, user.external_id, user.owner)?;
    let has_key = user.external_id.is_some_and(|key| !key.is_empty()) || user.owner.is_some();
    let has_same_mail =
        || user.email.zip(attributes.get("emails.work")).is_some_and(|(one, two)| folded(one) == folded(two));
    if has_key || has_same_mail() { Ok(id) } else { Err(Unproven::OtherEmail) }
}

/// Whether nothing of a user is like the person: the given name, the family name and the work e-mail address that it shows are all
/// others, however well its key or user name fits. Who marries keeps a given name, mostly an address as well; keys and names are given to somebody
/// else some day. Of a user without an address the user name counts in its place; one whose names are not shown contradicts nobody.
pub fn is_another_person(wanted: &Attributes, shown: impl Fn(&str) -> Option<String>) -> bool {
    let is_reached_elsewhere =
        || is_other(wanted, &shown, "emails.work").or_else(|| is_other(wanted, &shown, "userName"));
    has_other_names(wanted, &shown) && is_reached_elsewhere() == Some(true)
}

/// Whether both the given and the family name that a user shows are others than the person's.
pub fn has_other_names(wanted: &Attributes, shown: impl Fn(&str) -> Option<String>) -> bool {
    ["name.givenName", "name.familyName"].iter().all(|path| is_other(wanted, &shown, path) == Some(true))
}

/// Whether a user shows another value than the person's; `None`: one of them has none.
fn is_other(wanted: &Attributes, shown: impl Fn(&str) -> Option<String>, path: &str) -> Option<bool> {
    let shown = shown(path).filter(|shown| !shown.trim().is_empty())?;
    let ours = wanted.get(path).filter(|ours| !ours.trim().is_empty())?;
    Some(folded(shown.trim()) != folded(ours.trim()))
}

/// Whether a user of nobody, under another id, is the account that was confirmed: made anew by hand, or by a tenant that was
/// restored. Our key is proof; where the user has none, the user name together with both names is. `shown` reads the user.
pub fn is_made_anew(
    employee_id: &str,
    confirmed: &Attributes,
    external_id: Option<&str>,
    shown: impl Fn(&str) -> Option<String>,
) -> bool {
    if let Some(theirs) = external_id.filter(|theirs| !theirs.is_empty()) {
        return theirs == confirmed.get("externalId").map_or(employee_id, String::as_str);
    }
    ["userName", "name.givenName", "name.familyName"].into_iter().all(|path| {
        let same = |ours: &String| shown(path).is_some_and(|theirs| folded(&theirs) == folded(ours));
        confirmed.get(path).is_some_and(same)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(
        mapped: Option<&str>,
        external_id: Option<&str>,
        owner: Option<&str>,
    ) -> Result<&'static str, Unproven> {
        let attributes =
            mapped.map(|value| ("externalId".to_owned(), value.to_owned())).into_iter().collect();
        prove("1001", &attributes, Some("u1"), external_id, owner)
    }

    #[test]
    fn a_user_without_a_key_or_with_the_persons_own_is_theirs() {
        for external_id in [None, Some(""), Some("E-1001")] {
            assert_eq!(proof(Some("E-1001"), external_id, None), Ok("u1"));
        }
        assert_eq!(proof(None, Some("1001"), Some("1001")), Ok("u1"));
    }

    #[test]
    fn a_user_with_another_key_or_of_another_employee_or_without_an_id_is_not_provably_theirs() {
        assert_eq!(proof(Some("1001"), Some("1002"), None), Err(Unproven::OtherExternalId));
        assert_eq!(proof(None, Some("1002"), None), Err(Unproven::OtherExternalId));
        assert_eq!(proof(None, None, Some("1002")), Err(Unproven::LinkedTo("1002".into())));
        assert_eq!(prove("1001", &Attributes::new(), None, None, None), Err(Unproven::WithoutId));
    }

    #[test]
    fn a_user_name_that_is_chosen_among_several_is_proof_only_with_the_e_mail_address() {
        let person = Attributes::from([("emails.work".to_owned(), "ana@x.test".to_owned())]);
        let proof = |external_id, email, owner| {
            prove_named("1001", &person, &Named { scim_id: Some("u1"), external_id, email, owner })
        };
        assert_eq!(proof(None, Some("Ana@X.test"), None), Ok("u1"));
        assert_eq!(proof(Some("1001"), Some("other@x.test"), None), Ok("u1"));
        assert_eq!(proof(None, None, Some("1001")), Ok("u1"));
        for other in [None, Some("other@x.test")] {
            assert_eq!(proof(None, other, None), Err(Unproven::OtherEmail));
        }
        assert_eq!(proof(Some("1002"), Some("ana@x.test"), None), Err(Unproven::OtherExternalId));
    }

    #[test]
    fn a_user_is_another_persons_only_where_both_names_and_the_address_are_others() {
        let person: Attributes = [
            ("name.givenName", "Ana"),
            ("name.familyName", "Ruiz"),
            ("emails.work", "ana@x.test"),
            ("userName", "ana@x.test"),
        ]
        .map(|(path, value)| (path.to_owned(), value.to_owned()))
        .into();
        let is_another = |given: &str, family: &str, mail: &str, name: &str| {
            let shown = [
                ("name.givenName", given),
                ("name.familyName", family),
                ("emails.work", mail),
                ("userName", name),
            ];
            is_another_person(&person, |path| {
                shown.iter().find(|(known, _)| *known == path).map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(is_another("Bo", "Neu", "bo@x.test", "bo@x.test"));
        assert!(is_another("Bo", "Neu", "bo@x.test", "ana@x.test"));
        assert!(is_another("Bo", "Neu", "", "bo@x.test"));
        for (given, family, mail) in
            [(" ANA ", "Neu", "bo@x.test"), ("Bo", "ruiz", "bo@x.test"), ("Bo", "Neu", "Ana@X.test")]
        {
            assert!(!is_another(given, family, mail, "bo@x.test"), "{given} {family} {mail}");
        }
        assert!(!is_another("", "Neu", "bo@x.test", "bo@x.test"));
        assert!(!is_another("Bo", "Neu", "", "ana@x.test"));
    }

    #[test]
    fn a_user_name_fits_in_any_letter_case_and_a_key_in_its_own() {
        assert!(MatchAttribute::UserName.fits(None, Some("Ana@X.test"), "ana@x.test"));
        assert!(!MatchAttribute::ExternalId.fits(Some("e1"), None, "E1"));
    }
}
