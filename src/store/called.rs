//! What somebody is called: by what was confirmed of them, or, before there is an account, by what was planned.

use crate::core::action::{Attributes, Target};
use crate::core::value::folded;

/// What is confirmed of somebody; where nothing is, what was planned. Both as the database has them.
pub(super) fn attributes(confirmed: Option<&str>, planned: Option<&str>) -> Attributes {
    let confirmed = confirmed.and_then(|text| serde_json::from_str(text).ok());
    let planned = || planned.and_then(|text| serde_json::from_str::<Target>(text).ok());
    confirmed.or_else(|| planned().map(|target| target.attributes().clone())).unwrap_or_default()
}

/// As somebody is spoken of: the display name, or first and last name; `None`: neither is sent of them.
pub(super) fn name(attributes: &Attributes) -> Option<String> {
    let of = |path: &str| attributes.get(path).map(|text| text.trim()).filter(|text| !text.is_empty());
    let parts: Vec<&str> = match of("displayName") {
        Some(name) => vec![name],
        None => [of("name.givenName"), of("name.familyName")].into_iter().flatten().collect(),
    };
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// By what somebody in a plan is looked for: names and addresses in compared form, a line each.
pub(super) fn names(attributes: &Attributes) -> String {
    let is_name = |path: &str| {
        path == "userName"
            || path == "displayName"
            || path == "nickName"
            || path.starts_with("name.")
            || path.starts_with("emails.")
    };
    let values = attributes.iter().filter(|(path, _)| is_name(path)).map(|(_, value)| folded(value));
    let mut values: Vec<String> = values.collect();
    // The address is the user name nearly everywhere.
    values.sort_unstable();
    values.dedup();
    values.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Attributes {
        pairs.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn somebody_is_called_by_the_display_name_or_else_by_first_and_last_name() {
        let names = [("name.givenName", "Robert"), ("name.familyName", "Smith")];
        assert_eq!(name(&of(&names)).as_deref(), Some("Robert Smith"));
        assert_eq!(name(&of(&[names[0], ("displayName", "Bob S.")])).as_deref(), Some("Bob S."));
        assert_eq!(name(&of(&[names[1], ("displayName", " ")])).as_deref(), Some("Smith"));
        assert_eq!(name(&of(&[("userName", "rsmith")])), None);
    }

    #[test]
    fn names_are_kept_for_a_search_once_each_and_nothing_else_is() {
        let all = of(&[
            ("userName", "ZOE@example.com"),
            ("emails.work", "zoe@example.com"),
            ("name.familyName", "Özil"),
            ("title", "Chief"),
        ]);
        assert_eq!(names(&all), "zoe@example.com\nözil");
    }
}
