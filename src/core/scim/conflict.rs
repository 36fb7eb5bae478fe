//! What a refusal as a duplicate is about: another user name mends nothing where it is the e-mail address that somebody else has.

use super::{Attributes, Failure};
use crate::core::value::folded;

/// What of a user is somebody else's, by the words of the refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The user name.
    UserName,
    /// The e-mail address.
    Address,
    /// The words name neither, or both: servers say no more than `uniqueness`, or nothing at all.
    Unsaid,
}

/// What the refusal of this user is about. Values that it quotes are no words of it: an address may have any domain.
pub fn taken(failure: &Failure, user: &Attributes) -> Taken {
    let scim_type = failure.scim_type.as_deref().unwrap_or_default();
    let mut said = folded(&format!("{scim_type} {}", failure.message));
    let value = |path: &str| user.get(path).map(|value| folded(value)).filter(|value| !value.is_empty());
    let (name, address) = (value("userName"), value("emails.work"));
    // The longer one first, since it may hold the other.
    let mut quoted = [(Taken::UserName, &name), (Taken::Address, &address)];
    quoted.sort_by_key(|(_, value)| std::cmp::Reverse(value.as_ref().map_or(0, String::len)));
    let mut quotes = Vec::new();
    for (what, value) in quoted {
        if let Some(value) = value.as_ref().filter(|value| said.contains(value.as_str())) {
            said = said.replace(value.as_str(), " ");
            quotes.push(what);
        }
    }
    // Nor are those of others.
    let said: Vec<&str> = said.split_whitespace().filter(|word| !word.contains('@')).collect();
    let said = said.join(" ");
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let of_name = says(&["username", "user name", "user_name"]);
    let of_address = says(&["email", "e-mail", "mail address"]);
    match (of_name, of_address, quotes.as_slice()) {
        (true, false, _) => Taken::UserName,
        (false, true, _) => Taken::Address,
        (_, _, [one]) if name != address => *one,
        _ => Taken::Unsaid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::scim::FailureKind;

    #[test]
    fn the_words_of_a_refusal_tell_whether_it_is_the_address_and_what_it_quotes_is_none_of_them() {
        let of = |name: &str, scim_type: Option<&str>, message: &str| {
            let user = [("userName", name), ("emails.work", "jane@email.example")];
            let user = user.map(|(path, value)| (path.to_owned(), value.to_owned())).into();
            let failure = Failure::new(FailureKind::Conflict, Some(409), message);
            taken(&Failure { scim_type: scim_type.map(str::to_owned), ..failure }, &user)
        };
        let name = "jane.doe@email.example";
        for message in ["A user with this email exists", "E-Mail in use", "jane@email.example is taken"] {
            assert_eq!(of(name, Some("uniqueness"), message), Taken::Address, "{message}");
        }
        for message in
            ["userName must be unique", "the user name is taken", "JANE.DOE@email.example is taken"]
        {
            assert_eq!(of(name, None, message), Taken::UserName, "{message}");
        }
        let both = "user name or e-mail address is taken";
        for message in ["", "exists already", both, "another@email.example"] {
            assert_eq!(of(name, Some("uniqueness"), message), Taken::Unsaid, "{message}");
        }
        assert_eq!(of(name, Some("emails"), ""), Taken::Address);
        // Where both are one value, a quotation tells nothing.
        assert_eq!(of("jane@email.example", None, "jane@email.example is taken"), Taken::Unsaid);
        // A user name that is a part of the address.
        assert_eq!(of("jane", None, "jane@email.example is taken"), Taken::Address);
    }
}
