//! The columns that a source has, whether we read them or not: a header that changes says that somebody changed the export.

use std::collections::BTreeSet;

use xxhash_rust::xxh3::Xxh3;

use super::record::Fingerprint;

/// How many columns a message names.
const NAMED: usize = 10;
/// How much of a column's name a message shows, in characters.
const SHOWN: usize = 40;

/// The names of a header. Their order does not matter, since columns are found by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderNames(BTreeSet<String>);

impl HeaderNames {
    /// The names of a header, in canonical form.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().collect())
    }

    /// Whether nothing is known of a header.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// A digest of the names; [`Fingerprint::NONE`] where there are none.
    pub fn digest(&self) -> Fingerprint {
        if self.0.is_empty() {
            return Fingerprint::NONE;
        }
        let mut hasher = Xxh3::new();
        for name in &self.0 {
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
        }
        Fingerprint(hasher.digest128().max(1))
    }

    /// What came and what went since `before`, in words; `None` where the names are the same.
    pub fn change_since(&self, before: &Self) -> Option<String> {
        let came: Vec<&String> = self.0.difference(&before.0).collect();
        let went: Vec<&String> = before.0.difference(&self.0).collect();
        let parts = [(came, "came"), (went, "went")].into_iter().filter(|(names, _)| !names.is_empty());
        let parts: Vec<String> = parts.map(|(names, verb)| format!("{} {verb}", listed(&names))).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

fn listed(names: &[&String]) -> String {
    let shown = names.iter().take(NAMED).map(|name| {
        let short: String = name.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
        format!("'{short}'")
    });
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if names.len() > NAMED {
        text += &format!(" and {} more", names.len() - NAMED);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &[&str]) -> HeaderNames {
        HeaderNames::new(names.iter().map(|name| (*name).to_owned()))
    }

    #[test]
    fn the_order_of_columns_is_no_change_and_a_renamed_one_came_and_went() {
        let before = header(&["Id", "Status", "Dept"]);
        assert_eq!(header(&["Dept", "Id", "Status"]).change_since(&before), None);
        assert_eq!(header(&["Dept", "Id", "Status"]).digest(), before.digest());
        let after = header(&["Id", "Status", "Department"]);
        assert_eq!(after.change_since(&before).unwrap(), "'Department' came, 'Dept' went");
        assert_ne!(after.digest(), before.digest());
    }

    #[test]
    fn names_are_kept_apart_and_a_message_stays_short() {
        assert_ne!(header(&["ab", "c"]).digest(), header(&["a", "bc"]).digest());
        let many = HeaderNames::new((0..50).map(|n| format!("{n}{}", "x".repeat(100))));
        let told = many.change_since(&header(&["Id"])).unwrap();
        assert!(told.contains("and 40 more came") && told.len() < 600, "{told}");
    }
}
